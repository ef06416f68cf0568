//! What a correct job makes of the songs and logs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::text::Day;

/// The truth of one run, as it stands in `truth.json`.
#[derive(Debug, Serialize)]
pub struct Truth {
    /// Version of this layout.
    pub v: u32,
    /// The seed.
    pub seed: u64,
    /// Data files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Song files and lines of logs.
    pub records: u64,
    /// The same of each data file, by its path relative to the folder.
    pub records_by_file: BTreeMap<String, u64>,
    /// Song files.
    pub song_files: u64,
    /// Songs: one that stands in two files counts once.
    pub songs: u64,
    /// Artists of song files.
    pub artists: u64,
    /// Lines of logs.
    pub events: u64,
    /// Events that are plays.
    pub songplays: u64,
    /// Plays of a song that a song file has.
    pub known_songplays: u64,
    /// Moments at which a play began.
    pub times: u64,
    /// Listeners that played something.
    pub users: u64,
    /// Those whose last play was on the level `paid`.
    pub paid_users: u64,
    /// Plays by the day of the week, 1 for Monday.
    pub songplays_by_weekday: BTreeMap<u64, u64>,
}

/// One play.
pub(crate) struct Play {
    /// Session and place in it.
    pub(crate) id: String,
    pub(crate) user: u64,
    pub(crate) paid: bool,
    /// Milliseconds since 1970.
    pub(crate) ts: u64,
    /// Whether a song file has the song.
    pub(crate) known: bool,
}

/// Gathers the truth while files are written.
#[derive(Default)]
pub(crate) struct TruthBuilder {
    files: BTreeMap<String, u64>,
    bytes: u64,
    song_files: u64,
    songs: u64,
    artists: BTreeSet<String>,
    events: u64,
    songplays: u64,
    known: u64,
    times: BTreeSet<u64>,
    /// The last play of each user: moment, identity, whether it was paid for.
    last: BTreeMap<u64, (u64, String, bool)>,
    by_weekday: BTreeMap<u64, u64>,
}

impl TruthBuilder {
    pub(crate) fn song(&mut self, file: String, bytes: u64, again: bool, artist_id: &str) {
        self.files.insert(file, 1);
        self.bytes += bytes;
        self.song_files += 1;
        self.songs += u64::from(!again);
        self.artists.insert(artist_id.to_owned());
    }

    pub(crate) fn event(&mut self, play: Option<Play>) {
        self.events += 1;
        let Some(play) = play else { return };
        self.songplays += 1;
        self.known += u64::from(play.known);
        self.times.insert(play.ts);
        let weekday = weekday(Day((play.ts / 86_400_000) as i32));
        *self.by_weekday.entry(weekday).or_default() += 1;
        let last = self.last.entry(play.user).or_default();
        if (play.ts, &play.id) > (last.0, &last.1) {
            *last = (play.ts, play.id, play.paid);
        }
    }

    pub(crate) fn log(&mut self, file: String, bytes: u64, records: u64) {
        self.files.insert(file, records);
        self.bytes += bytes;
    }

    pub(crate) fn finish(self, seed: u64) -> Truth {
        Truth {
            v: 1,
            seed,
            files: self.files.len() as u64,
            bytes: self.bytes,
            records: self.files.values().sum(),
            records_by_file: self.files,
            song_files: self.song_files,
            songs: self.songs,
            artists: self.artists.len() as u64,
            events: self.events,
            songplays: self.songplays,
            known_songplays: self.known,
            times: self.times.len() as u64,
            users: self.last.len() as u64,
            paid_users: self.last.values().filter(|(_, _, paid)| *paid).count() as u64,
            songplays_by_weekday: self.by_weekday,
        }
    }
}

/// 1 for Monday to 7 for Sunday.
fn weekday(day: Day) -> u64 {
    // 1970-01-01 was a Thursday.
    (day.0 + 3).rem_euclid(7) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(weekday(Day::of(1970, 1, 1)), 4);
        assert_eq!(weekday(Day::of(2018, 11, 5)), 1);
        assert_eq!(weekday(Day::of(2018, 11, 11)), 7);
    }
}

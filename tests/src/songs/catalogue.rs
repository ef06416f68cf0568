//! The songs, and their files.

use std::path::Path;

use super::Options;
use super::truth::TruthBuilder;
use crate::folder::Error;
use crate::output::OutputFile;
use crate::rng::Rng;
use crate::text::{push_hex, push_json, push_number};

/// One song in so many is by the artist of the song before it.
const SAME_ARTIST_ONE_IN: u64 = 16;
/// One song file in so many holds the song of the file before it.
const SAME_SONG_ONE_IN: u64 = 24;
/// How often the year is not known, which is written as 0.
const NO_YEAR_ONE_IN: u64 = 2;

const FIRST: [&str; 16] = [
    "Blue",
    "Casual",
    "Don't Look",
    "El Último",
    "Five",
    "Góður",
    "Hey",
    "\"Heroes\"",
    "I Am",
    "Jim's",
    "Königin",
    "Last",
    "My",
    "Night &",
    "One More",
    "Path\\Way",
];
const SECOND: [&str; 16] = [
    "Train",
    "Day",
    "(Feat. Malice)",
    "de Amor",
    "Alive",
    "dagur",
    "Daddy",
    "Song",
    "the Sea",
    "Dead",
    "der Nacht",
    "Waltz",
    "Girls",
    "Soul",
    "Time / Again",
    "東京",
];
const PLACES: [(&str, &str); 8] = [
    ("", ""),
    ("", ""),
    ("", ""),
    ("California - LA", ""),
    ("Memphis, TN", "35.14968,-90.04892"),
    ("London, England", "51.50632,-0.12714"),
    ("São Paulo, Brazil", "-23.5605,-46.5968"),
    ("New York, NY [Brooklyn]", "40.71455,-74.00712"),
];

/// A song as one file tells of it.
pub(crate) struct Song {
    artist_id: String,
    pub(crate) artist_name: String,
    place: (&'static str, &'static str),
    song_id: String,
    pub(crate) title: String,
    /// In hundred-thousandths of a second.
    pub(crate) length: u64,
    year: u64,
    /// Whether an earlier file holds the same song.
    again: bool,
}

/// All song files, in their order.
pub(crate) struct Catalogue {
    songs: Vec<Song>,
}

impl Catalogue {
    pub(crate) fn draw(options: &Options) -> Self {
        let mut rng = Rng::new(options.seed, u64::MAX);
        let mut songs: Vec<Song> = Vec::new();
        for number in 0..options.songs {
            let same_song = rng.one_in(SAME_SONG_ONE_IN);
            let same_artist = rng.one_in(SAME_ARTIST_ONE_IN);
            let mut song = Song::draw(&mut rng, number);
            if let Some(before) = songs.last() {
                if same_song || same_artist {
                    song.artist_id.clone_from(&before.artist_id);
                    song.artist_name.clone_from(&before.artist_name);
                }
                if same_song {
                    song.song_id.clone_from(&before.song_id);
                    song.title.clone_from(&before.title);
                    (song.length, song.year) = (before.length, before.year);
                    song.again = true;
                }
            }
            songs.push(song);
        }
        Self { songs }
    }

    /// One of the songs, if there are any.
    pub(crate) fn pick(&self, rng: &mut Rng) -> Option<&Song> {
        (!self.songs.is_empty()).then(|| &self.songs[rng.below(self.songs.len() as u64) as usize])
    }

    /// Writes the files.
    pub(crate) fn write(
        &self,
        folder: &Path,
        options: &Options,
        truth: &mut TruthBuilder,
    ) -> Result<(), Error> {
        for (number, song) in self.songs.iter().enumerate() {
            let mut rng = Rng::new(options.seed, number as u64);
            let name = file_name(&mut rng, number as u64);
            let pretty = options.pretty_one_in > 0 && rng.one_in(options.pretty_one_in);
            let path = folder.join(&name);
            let mut file = OutputFile::create(&path, false).map_err(Error::at(&path))?;
            song.write(&mut file.buffer, pretty);
            let (_, bytes) = file.finish().map_err(Error::at(&path))?;
            truth.song(name, bytes, song.again, &song.artist_id);
        }
        Ok(())
    }
}

impl Song {
    fn draw(rng: &mut Rng, number: u64) -> Self {
        let mut song_id = b"SO".to_vec();
        push_letters(&mut song_id, rng, 5);
        push_tail(&mut song_id, "12A8C", number);
        let mut artist_id = b"AR".to_vec();
        push_letters(&mut artist_id, rng, 4);
        push_tail(&mut artist_id, "1187F", number);
        Self {
            artist_id: text(artist_id),
            // The number keeps artists apart, as their names do in life.
            artist_name: format!("{} {} {number}", rng.pick(&FIRST), rng.pick(&SECOND)),
            place: rng.pick(&PLACES),
            song_id: text(song_id),
            title: format!("{} {}", rng.pick(&FIRST), rng.pick(&SECOND)),
            length: 6_000_000 + rng.below(40_000_000),
            year: if rng.one_in(NO_YEAR_ONE_IN) {
                0
            } else {
                1960 + rng.below(51)
            },
            again: false,
        }
    }

    fn write(&self, out: &mut Vec<u8>, pretty: bool) {
        let (first, next, last): (&[u8], &[u8], &[u8]) = if pretty {
            (b"{\n  ", b",\n  ", b"\n}\n")
        } else {
            (b"{", b", ", b"}")
        };
        let (lat, lon) = self.place.1.split_once(',').unwrap_or(("null", "null"));
        let mut key = first;
        let mut value = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
            out.extend_from_slice(key);
            push_json(out, name);
            out.extend_from_slice(b": ");
            write(out);
            key = next;
        };
        value("num_songs", &|out| out.push(b'1'));
        value("artist_id", &|out| push_json(out, &self.artist_id));
        value("artist_latitude", &|out| {
            out.extend_from_slice(lat.as_bytes())
        });
        value("artist_longitude", &|out| {
            out.extend_from_slice(lon.as_bytes())
        });
        value("artist_location", &|out| push_json(out, self.place.0));
        value("artist_name", &|out| push_json(out, &self.artist_name));
        value("song_id", &|out| push_json(out, &self.song_id));
        value("title", &|out| push_json(out, &self.title));
        value("duration", &|out| push_length(out, self.length));
        value("year", &|out| push_number(out, self.year, 1));
        out.extend_from_slice(last);
    }
}

/// `TRABCDE128F4286BD3.json` in the folders of its third to fifth letter.
fn file_name(rng: &mut Rng, number: u64) -> String {
    let mut letters = Vec::new();
    push_letters(&mut letters, rng, 5);
    let mut track = b"TR".to_vec();
    track.extend_from_slice(&letters);
    push_tail(&mut track, "128F", number);
    let folders: Vec<String> = letters[..3]
        .iter()
        .map(|&letter| char::from(letter).to_string())
        .collect();
    format!("song_data/{}/{}.json", folders.join("/"), text(track))
}

/// Appends seconds with the places that they need: `218.93179`, `247.562`.
pub(crate) fn push_length(out: &mut Vec<u8>, length: u64) {
    push_number(out, length / 100_000, 1);
    out.push(b'.');
    let start = out.len();
    push_number(out, length % 100_000, 5);
    while out.len() > start + 1 && out.last() == Some(&b'0') {
        out.pop();
    }
}

fn push_letters(out: &mut Vec<u8>, rng: &mut Rng, count: u64) {
    for _ in 0..count {
        out.push(b'A' + rng.below(26) as u8);
    }
}

/// The end of an identity, which makes it unlike all others.
fn push_tail(out: &mut Vec<u8>, mark: &str, number: u64) {
    out.extend_from_slice(mark.as_bytes());
    let start = out.len();
    push_hex(out, number, 7);
    out[start..].make_ascii_uppercase();
}

fn text(ascii: Vec<u8>) -> String {
    String::from_utf8_lossy(&ascii).into_owned()
}

//! The songs and logs against a parser that knows nothing of the generator (serde_json).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

#[test]
fn the_truth_is_what_another_parser_finds() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        songs: 300,
        days: 6,
        events_a_day: 200,
        ..Options::new(7)
    };
    let truth = generate(&options, folder.path()).unwrap();
    let (mut songs, mut artists, mut lengths) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut song_files, mut pretty, mut events, mut plays, mut known) = (0, 0, 0, 0, 0);
    let (mut times, mut nobody) = (BTreeSet::new(), 0);
    let mut last: BTreeMap<String, (u64, String, String)> = BTreeMap::new();
    let key = |title: &Value, artist: &Value, length: &Value| format!("{title} {artist} {length}");
    let by_kind = |prefix: &str| {
        let files: Vec<String> = truth
            .records_by_file
            .keys()
            .filter(|file| file.starts_with(prefix))
            .cloned()
            .collect();
        assert!(!files.is_empty());
        files
    };
    for file in by_kind("song_data/") {
        let text = std::fs::read_to_string(folder.path().join(&file)).unwrap();
        pretty += u64::from(text.contains('\n'));
        let song: Value = serde_json::from_str(&text).unwrap();
        song_files += 1;
        songs.insert(song["song_id"].to_string());
        artists.insert(song["artist_id"].to_string());
        lengths.insert(key(&song["title"], &song["artist_name"], &song["duration"]));
        let name = file.rsplit('/').next().unwrap();
        let folders: Vec<&str> = file.split('/').collect();
        assert_eq!(&name[2..5], folders[1..4].concat(), "{file}");
    }
    for file in by_kind("log_data/") {
        let text = std::fs::read_to_string(folder.path().join(&file)).unwrap();
        assert!(
            !text.ends_with('\n'),
            "the last line of a log has no newline"
        );
        assert_eq!(
            text.lines().count() as u64,
            truth.records_by_file[&file],
            "{file}"
        );
        let mut before = 0;
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event.as_object().unwrap().len(), 18);
            events += 1;
            let ts = event["ts"].as_u64().unwrap();
            assert!(ts >= before, "{file}: events are in order");
            before = ts;
            let user = event["userId"].as_str().unwrap().to_owned();
            nobody += u64::from(user.is_empty());
            if event["page"] != "NextSong" {
                continue;
            }
            plays += 1;
            times.insert(ts);
            known += u64::from(lengths.contains(&key(
                &event["song"],
                &event["artist"],
                &event["length"],
            )));
            let id = format!("{}-{}", event["sessionId"], event["itemInSession"]);
            let level = event["level"].as_str().unwrap().to_owned();
            let entry = last.entry(user).or_default();
            if (ts, &id) > (entry.0, &entry.1) {
                *entry = (ts, id, level);
            }
        }
    }
    assert_eq!(song_files, truth.song_files);
    assert_eq!(songs.len() as u64, truth.songs);
    assert!(truth.songs < song_files, "no song stands in two files");
    assert_eq!(artists.len() as u64, truth.artists);
    assert!(truth.artists < truth.songs, "no artist has two songs");
    assert!(
        pretty > 0 && pretty < song_files,
        "{pretty} files of several lines"
    );
    assert_eq!(events, truth.events);
    assert_eq!(plays, truth.songplays);
    assert_eq!(known, truth.known_songplays);
    assert!(known > 0 && nobody > 0);
    assert_eq!(times.len() as u64, truth.times);
    assert_eq!(last.len() as u64, truth.users);
    let paid = last
        .values()
        .filter(|(_, _, level)| level == "paid")
        .count() as u64;
    assert_eq!(paid, truth.paid_users);
    assert!(paid > 0 && paid < truth.users);
    assert_eq!(truth.songplays_by_weekday.values().sum::<u64>(), plays);
}

#[test]
fn fifteen_thousand_small_files_are_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        songs: 1500,
        days: 0,
        pretty_one_in: 0,
        ..Options::new(8)
    };
    let truth = generate(&options, folder.path()).unwrap();
    assert_eq!((truth.files, truth.records), (1500, 1500));
    let mean = truth.bytes / truth.files;
    assert!((230..=310).contains(&mean), "{mean}");
    for file in truth.records_by_file.keys() {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(!text.contains('\n'), "{file}");
    }
}

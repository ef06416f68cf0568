//! Copies of many entries in one file: fewer requests, and never another log.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::support::{Fault, FaultyStorage, TestLake};
use crate::log::{LogEntry, Mode};
use crate::packs::PACK_ENTRIES;
use crate::{CommitRequest, Table};

/// Commits that add no row, by a table of their own.
fn commit(lake: &TestLake, table: &Table, ids: std::ops::RangeInclusive<u64>) {
    for id in ids {
        let wanted = CommitRequest {
            files: Vec::new(),
            ..lake.request(&format!("c{id}"), Mode::Append, 0, &[])
        };
        table.commit(&wanted).unwrap();
    }
}

fn ids(log: &[LogEntry]) -> Vec<&str> {
    log.iter().map(|entry| entry.commit_id.as_str()).collect()
}

fn pack(lake: &TestLake, last: u64) -> PathBuf {
    let path = format!("_headworks/packs/{last:020}.jsonl");
    lake.location().root().join(path)
}

/// The log, and how many files were read for it.
fn read(lake: &TestLake) -> (Vec<LogEntry>, usize) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let storage = FaultyStorage::new(&lake.location(), move |call, _| {
        counted.fetch_add(usize::from(call == "read"), Ordering::SeqCst);
        Fault::None
    });
    let log = Table::with_storage(lake.location(), storage).log().unwrap();
    (log, reads.load(Ordering::SeqCst))
}

#[test]
fn a_long_log_is_read_with_few_requests_and_is_the_same_without_packs() {
    let lake = TestLake::in_memory();
    commit(&lake, &lake.table(), 1..=2 * PACK_ENTRIES + 5);
    let (log, reads) = read(&lake);
    assert_eq!((log.len(), reads), (205, 2 + 5));
    let expected: Vec<String> = (1..=205).map(|id| format!("c{id}")).collect();
    assert_eq!(ids(&log), expected);

    // Without one, with a damaged one, with one that says something else.
    let whole = fs::read_to_string(pack(&lake, 100)).unwrap();
    fs::remove_file(pack(&lake, 100)).unwrap();
    assert_eq!(read(&lake), (log.clone(), 1 + 105));
    let lines: Vec<&str> = whole.lines().collect();
    let swapped = [&lines[1..2], &lines[..1], &lines[2..]].concat();
    for damaged in [
        whole[..whole.len() / 2].to_owned(),
        lines[1..].join("\n"),
        format!("{whole}{}\n", lines[0]),
        swapped.join("\n"),
        whole.replace("\"v\":1", "\"v\":2"),
        String::new(),
    ] {
        fs::write(pack(&lake, 100), damaged).unwrap();
        assert_eq!(read(&lake), (log.clone(), 2 + 105));
    }
    lake.table().gc(SystemTime::now(), Duration::ZERO).unwrap();
    assert_eq!(read(&lake), (log, 2 + 5));
}

#[test]
fn entries_that_others_have_put_in_place_count_and_gc_packs_them() {
    let lake = TestLake::in_memory();
    commit(&lake, &lake.table(), 1..=PACK_ENTRIES);
    let entry = lake
        .location()
        .root()
        .join(format!("_headworks/log/{:020}.json", 7));
    let restored = fs::read_to_string(&entry).unwrap().replace("c7", "x7");
    fs::write(&entry, restored).unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::open(&entry).unwrap().set_modified(later).unwrap();
    let (log, reads) = read(&lake);
    assert_eq!((ids(&log)[6], reads), ("x7", 100));

    fs::File::open(&entry)
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(60))
        .unwrap();
    fs::remove_file(pack(&lake, 100)).unwrap();
    lake.table().gc(SystemTime::now(), Duration::ZERO).unwrap();
    assert_eq!(read(&lake), (log, 1));
}

#[test]
fn a_pack_that_cannot_be_written_is_no_failure_and_gc_makes_up_for_it() {
    let lake = TestLake::in_memory();
    let storage = FaultyStorage::new(&lake.location(), |call, path| {
        match call == "put_if_absent" && path.contains("/packs/") {
            true => Fault::Before(ErrorKind::StorageFull),
            false => Fault::None,
        }
    });
    let table = Table::with_storage(lake.location(), storage);
    commit(&lake, &table, 1..=PACK_ENTRIES + 1);
    let (log, reads) = read(&lake);
    assert_eq!(reads, 101);
    lake.table().gc(SystemTime::now(), Duration::ZERO).unwrap();
    assert_eq!(read(&lake), (log, 2));
}

#[test]
fn a_bucket_has_them_too() {
    let lake = TestLake::in_bucket();
    commit(&lake, &lake.table(), 1..=PACK_ENTRIES + 1);
    let storage = lake.location().storage();
    let packs = storage.list("_headworks/packs").unwrap();
    assert_eq!(packs.len(), 1);
    assert_eq!(lake.table().log().unwrap().len(), 101);
    assert!(lake.table().visible_files().unwrap().is_empty());
    lake.assert_sound();
}

//! A disk that refuses: the error names the file and the cause, the table is as it was, and nothing is lost.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use super::support::{Fault, FaultyStorage, Row, TestLake, batch, request, schema, sorted};
use crate::log::Mode;
use crate::writer::PartitionedWriter;
use crate::{CommitError, LakeError, Table};

const OLD: &[Row] = &[(1, Some("a")), (2, None)];
const NEW: &[Row] = &[(3, Some("b")), (4, Some("c"))];

/// A storage that fails once, at a call on a path that contains `part`.
fn failing(
    lake: &TestLake,
    call: &'static str,
    part: &'static str,
    fault: Fault,
) -> Arc<FaultyStorage> {
    let mut fault = Some(fault);
    FaultyStorage::new(&lake.location(), move |found, path| {
        let hit = found == call && path.contains(part);
        if hit {
            fault.take().unwrap_or(Fault::None)
        } else {
            Fault::None
        }
    })
}

#[test]
fn a_put_that_worked_but_said_it_failed_is_no_lost_race() {
    let lake = TestLake::new();
    let fault = Fault::After(ErrorKind::TimedOut);
    let table = Table::with_storage(
        lake.location(),
        failing(&lake, "put_if_absent", "log", fault),
    );
    let done = table
        .commit(&lake.request("c1", Mode::Append, 0, NEW))
        .unwrap();
    assert_eq!((done.version, done.repeated), (1, false));
    assert_eq!(lake.rows(), sorted(NEW));
    assert_eq!(lake.table().log().unwrap().len(), 1);
}

#[test]
fn a_put_that_failed_leaves_the_table_as_it_was() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    let fault = Fault::Before(ErrorKind::StorageFull);
    let table = Table::with_storage(
        lake.location(),
        failing(&lake, "put_if_absent", "log", fault),
    );
    let wanted = lake.request("c2", Mode::Overwrite, 1, NEW);
    let error = table.commit(&wanted).unwrap_err();
    assert!(matches!(error, CommitError::NotCommitted { .. }), "{error}");
    let text = error.to_string();
    for part in [
        "00000000000000000002.json",
        "no storage space",
        "the table is unchanged",
        "free space",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(lake.rows(), sorted(OLD));
    // The same request goes through when there is space again.
    assert_eq!(table.commit(&wanted).unwrap().version, 2);
    assert_eq!(lake.rows(), sorted(NEW));
    lake.assert_sound();
}

#[test]
fn a_put_whose_outcome_cannot_be_read_is_unknown_and_repeating_it_is_safe() {
    for worked in [true, false] {
        let lake = TestLake::new();
        let mut broken = false;
        let storage = FaultyStorage::new(&lake.location(), move |call, path| match call {
            "put_if_absent" if !broken => {
                broken = true;
                if worked {
                    Fault::After(ErrorKind::TimedOut)
                } else {
                    Fault::Before(ErrorKind::TimedOut)
                }
            }
            "read" if broken && path.contains("log") => Fault::Before(ErrorKind::TimedOut),
            _ => Fault::None,
        });
        let table = Table::with_storage(lake.location(), storage);
        let wanted = lake.request("c1", Mode::Append, 0, NEW);
        let error = table.commit(&wanted).unwrap_err();
        assert!(
            matches!(error, CommitError::Unknown { version: 1, .. }),
            "{error}"
        );
        // A driver that gave up would discard its files: what the log names stays.
        if worked {
            lake.table().discard(&wanted.files).unwrap();
        }
        assert_eq!(lake.table().commit(&wanted).unwrap().repeated, worked);
        assert_eq!(lake.rows(), sorted(NEW));
        lake.assert_sound();
    }
}

#[test]
fn a_commit_that_lost_its_race_while_it_wrote_appends_behind_the_other() {
    let lake = TestLake::new();
    let other = lake.request("other", Mode::Append, 0, OLD);
    let table = lake.table();
    let mut once = Some(other);
    let storage = FaultyStorage::new(&lake.location(), move |call, _| {
        if call == "put_if_absent"
            && let Some(other) = once.take()
        {
            table.commit(&other).unwrap();
        }
        Fault::None
    });
    let slow = Table::with_storage(lake.location(), storage);
    let done = slow
        .commit(&lake.request("c1", Mode::Append, 0, NEW))
        .unwrap();
    assert_eq!(done.version, 2);
    assert_eq!(lake.rows(), sorted(&[OLD, NEW].concat()));
    lake.assert_sound();
}

#[test]
fn a_disk_that_fills_up_while_settling_keeps_the_commit() {
    for (call, part) in [
        ("complete", "part=c"),
        ("put_if_unchanged", "manifest"),
        ("delete", "c1"),
        ("persist", "log"),
    ] {
        let lake = TestLake::new();
        lake.table()
            .commit(&lake.request("c1", Mode::Append, 0, OLD))
            .unwrap();
        let storage = failing(&lake, call, part, Fault::Before(ErrorKind::StorageFull));
        let wanted = lake.request("c2", Mode::Overwrite, 1, NEW);
        let error = Table::with_storage(lake.location(), storage)
            .commit(&wanted)
            .unwrap_err();
        assert!(
            matches!(error, CommitError::Unsettled { version: 2, .. }),
            "{call}: {error}"
        );
        assert!(
            !error.to_string().contains("the table is unchanged"),
            "{error}"
        );
        lake.table().discard(&wanted.files).unwrap();
        assert_eq!(lake.rows(), sorted(NEW), "{call}");
        lake.assert_sound();
    }
}

#[test]
fn a_full_disk_while_writing_is_named_and_leaves_nothing() {
    for call in ["create", "fill", "finish"] {
        let lake = TestLake::new();
        lake.table()
            .commit(&lake.request("c1", Mode::Append, 0, OLD))
            .unwrap();
        let storage = failing(&lake, call, "part=c", Fault::Before(ErrorKind::StorageFull));
        let mut writer =
            PartitionedWriter::with_storage(lake.config("w"), schema(), storage).unwrap();
        let result = writer.write(&batch(NEW)).and_then(|()| writer.finish());
        let text = result.unwrap_err().to_string();
        for part in ["part=c", "no storage space", "free space"] {
            assert!(text.contains(part), "{call}: {text}");
        }
        assert!(lake.temporaries().is_empty(), "{call}");
        assert_eq!(lake.rows(), sorted(OLD));
        lake.assert_sound();
    }
}

#[test]
fn a_lake_that_cannot_be_a_folder_is_named() {
    let lake = TestLake::new();
    let file = lake.folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let location = crate::TableLocation::new(file.to_str().unwrap(), "t").unwrap();
    let config = crate::WriterConfig::new(location, "w");
    let mut writer = PartitionedWriter::new(config, schema()).unwrap();
    let error = writer.write(&batch(NEW)).unwrap_err();
    assert!(
        matches!(
            error,
            LakeError::Storage {
                unchanged: true,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("a part of the path is a file"),
        "{error}"
    );
}

/// The order of a commit is a promise to others: files are durable before the entry, the entry before anything is
/// renamed, the manifest before anything is deleted.
#[test]
fn the_steps_of_a_commit_are_in_the_promised_order() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, &[(1, Some("a"))]))
        .unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let storage = FaultyStorage::new(&lake.location(), move |call, path| {
        if !matches!(call, "read" | "list" | "fill") {
            seen.lock().unwrap().push(format!("{call} {path}"));
        }
        Fault::None
    });
    let writer = PartitionedWriter::with_storage(lake.config("w"), schema(), storage.clone());
    let mut writer = writer.unwrap();
    writer.write(&batch(&[(2, Some("b"))])).unwrap();
    let files = writer.finish().unwrap().files;
    let table = Table::with_storage(lake.location(), storage);
    table
        .commit(&request("c2", Mode::Overwrite, 1, files))
        .unwrap();
    assert_eq!(
        *calls.lock().unwrap(),
        [
            "create part=b/w-00000.parquet",
            "finish part=b/w-00000.parquet",
            "put_if_absent _headworks/log/00000000000000000002.json",
            "persist _headworks/log/00000000000000000002.json",
            "complete part=b/w-00000.parquet",
            "persist part=b/w-00000.parquet",
            "put_if_unchanged _headworks/manifest.json",
            "delete part=a/c1-00000.parquet",
            "put_if_unchanged _headworks/settled.json",
        ]
    );
}

//! Several writers and readers on one table.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::support::{Fault, FaultyStorage, Row, TestLake, read_rows, sorted};
use crate::log::Mode;
use crate::{CommitError, CrashPoint, Table};

const WRITERS: usize = 4;
const COMMITS: usize = 8;
const PARTS: [&str; 3] = ["a", "b", "c"];

#[test]
fn appends_of_many_writers_land_once_and_readers_never_see_half_of_one() {
    let lake = TestLake::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            loop {
                let last = done.load(Ordering::SeqCst);
                let mut by_commit: BTreeMap<i64, usize> = BTreeMap::new();
                for (id, _) in read_rows(&lake.table()) {
                    *by_commit.entry(id).or_default() += 1;
                }
                assert!(
                    by_commit.values().all(|rows| *rows == PARTS.len()),
                    "{by_commit:?}"
                );
                assert!(
                    by_commit.len() >= seen,
                    "a later snapshot has at least as much"
                );
                seen = by_commit.len();
                if last {
                    return seen;
                }
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let lake = &lake;
                scope.spawn(move || {
                    for commit in 0..COMMITS {
                        let id = (writer * COMMITS + commit) as i64;
                        let rows: Vec<Row> = PARTS.iter().map(|part| (id, Some(*part))).collect();
                        let wanted = lake.request(&format!("c{id}"), Mode::Append, 0, &rows);
                        lake.table().commit(&wanted).unwrap();
                    }
                })
            })
            .collect();
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        assert_eq!(reader.join().unwrap(), WRITERS * COMMITS);
    });
    let mut versions: Vec<u64> = lake
        .table()
        .log()
        .unwrap()
        .iter()
        .map(|e| e.version)
        .collect();
    versions.dedup();
    assert_eq!(
        versions,
        (1..=(WRITERS * COMMITS) as u64).collect::<Vec<_>>()
    );
    lake.assert_sound();
    assert!(lake.temporaries().is_empty());
}

#[test]
fn of_overwrites_that_began_together_one_wins() {
    let lake = TestLake::new();
    let requests: Vec<_> = (0..4)
        .map(|n| lake.request(&format!("c{n}"), Mode::Overwrite, 0, &[(n, Some("a"))]))
        .collect();
    let results: Vec<Result<_, CommitError>> = thread::scope(|scope| {
        let threads: Vec<_> = requests
            .iter()
            .map(|wanted| scope.spawn(|| lake.table().commit(wanted)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let winners: Vec<usize> = (0..4).filter(|n| results[*n].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    for (result, wanted) in results.iter().zip(&requests) {
        if let Err(error) = result {
            assert!(matches!(error, CommitError::Conflict { .. }), "{error}");
            lake.table().discard(&wanted.files).unwrap();
        }
    }
    assert_eq!(lake.rows(), sorted(&[(winners[0] as i64, Some("a"))]));
    lake.assert_sound();
    assert!(lake.temporaries().is_empty());
}

#[test]
fn many_recoveries_of_one_commit_at_once_agree() {
    for _ in 0..20 {
        let lake = TestLake::in_memory();
        let old: &[Row] = &[(1, Some("a")), (2, Some("b"))];
        let new: &[Row] = &[(3, Some("b")), (4, Some("c")), (5, None)];
        lake.table()
            .commit(&lake.request("old", Mode::Append, 0, old))
            .unwrap();
        let wanted = lake.request("new", Mode::Overwrite, 1, new);
        lake.table()
            .stopping_at(CrashPoint::AfterEntry)
            .commit(&wanted)
            .unwrap_err();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(lake.rows(), sorted(new)));
            }
        });
        lake.assert_sound();
    }
}

/// A process that read the log at version 2 stalls before it renames; meanwhile another finishes 2, commits 3 over
/// it and deletes its files.
#[test]
fn a_recovery_that_was_overtaken_does_not_bring_an_old_version_back() {
    for stalled_at in ["complete", "persist", "put_if_unchanged", "delete"] {
        let lake = TestLake::in_memory();
        lake.table()
            .commit(&lake.request("c1", Mode::Append, 0, &[(1, Some("a"))]))
            .unwrap();
        let wanted = lake.request("c2", Mode::Overwrite, 1, &[(2, Some("b"))]);
        lake.table()
            .stopping_at(CrashPoint::AfterEntry)
            .commit(&wanted)
            .unwrap_err();

        let newest = lake.request("c3", Mode::Overwrite, 2, &[(3, Some("c"))]);
        let other = lake.table();
        let mut overtaken = false;
        let slow = FaultyStorage::new(&lake.location(), move |call, _| {
            if call == stalled_at && !overtaken {
                overtaken = true;
                other.commit(&newest).unwrap();
            }
            Fault::None
        });
        let slow = Table::with_storage(lake.location(), slow);
        let version = slow.recover().unwrap();
        assert!(version == 2 || version == 3, "{stalled_at}: {version}");
        for file in ["manifest.json", "settled.json"] {
            let path = lake.location().root().join("_headworks").join(file);
            let text = std::fs::read_to_string(path).unwrap();
            assert!(
                text.contains("\"version\":3"),
                "{stalled_at}: {file} went back: {text}"
            );
        }
        assert_eq!(lake.rows(), sorted(&[(3, Some("c"))]), "{stalled_at}");
        lake.assert_sound();
        assert!(lake.temporaries().is_empty());
    }
}

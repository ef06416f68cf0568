//! Verification and collection.

use std::fs;
use std::time::{Duration, SystemTime};

use super::support::{Row, TestLake, sorted};
use crate::CrashPoint;
use crate::log::Mode;

const ROWS: &[Row] = &[(1, Some("a")), (2, Some("b")), (3, None)];

fn problems_after(change: impl Fn(&std::path::Path)) -> Vec<String> {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, ROWS))
        .unwrap();
    let report = lake.table().verify().unwrap();
    assert_eq!((report.version, report.files, report.rows), (1, 3, 3));
    assert!(report.problems.is_empty() && report.bytes > 0);
    change(&lake.location().root());
    lake.table()
        .verify()
        .unwrap()
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn files_that_were_changed_removed_or_added_are_named() {
    let a = "part=a/c1-00000.parquet";
    let b = "part=b/c1-00001.parquet";
    let found = problems_after(|root| fs::remove_file(root.join(a)).unwrap());
    assert_eq!(found, [format!("`{a}`: it is not there")]);

    let found = problems_after(|root| fs::write(root.join("part=a/new.parquet"), "x").unwrap());
    assert_eq!(
        found,
        ["`part=a/new.parquet`: visible, but the log does not name it"]
    );

    let found = problems_after(|root| fs::write(root.join(a), "short").unwrap());
    assert!(
        found[0].contains("it has 5 bytes, the log says"),
        "{found:?}"
    );

    // The same length, other rows: only the statistics tell.
    let found = problems_after(|root| {
        let (bytes_a, bytes_b) = (
            root.join(a).metadata().unwrap(),
            root.join(b).metadata().unwrap(),
        );
        assert_eq!(bytes_a.len(), bytes_b.len());
        fs::copy(root.join(b), root.join(a)).unwrap();
    });
    assert_eq!(
        found,
        [format!(
            "`{a}`: the statistics of column `id` are not those of the log"
        )]
    );

    let found = problems_after(|root| {
        let length = root.join(a).metadata().unwrap().len() as usize;
        fs::write(root.join(a), vec![b'x'; length]).unwrap();
    });
    assert!(found[0].contains("not a whole Parquet file"), "{found:?}");
}

#[test]
fn old_temporaries_go_and_those_of_the_log_stay() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, ROWS))
        .unwrap();
    let dead = lake.write("dead", ROWS).files;
    let wanted = lake.request("c2", Mode::Append, 1, ROWS);
    lake.table()
        .stopping_at(CrashPoint::AfterEntry)
        .commit(&wanted)
        .unwrap_err();

    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    let young = lake.table().gc(now, hour).unwrap();
    assert!(young.removed.is_empty());
    // Those of the commit are finished, and not unfinished any more.
    assert_eq!(young.kept.len(), 3);

    let report = lake.table().gc(now + 2 * hour, hour).unwrap();
    let mut expected: Vec<String> = dead.iter().map(|file| file.temp.clone()).collect();
    expected.sort();
    assert_eq!(report.removed, expected);
    assert_eq!(
        report.removed_bytes,
        dead.iter().map(|file| file.bytes).sum::<u64>()
    );
    assert!(report.kept.is_empty());
    assert_eq!(lake.rows(), sorted(&[ROWS, ROWS].concat()));
    lake.assert_sound();
}

#[test]
fn collection_finishes_a_commit_before_it_removes_what_that_takes_out() {
    let lake = TestLake::new();
    let first = lake.request("c1", Mode::Append, 0, ROWS);
    lake.table().commit(&first).unwrap();
    let second = lake.request("c2", Mode::Overwrite, 1, &[(9, Some("z"))]);
    let stopped = lake.table().stopping_at(CrashPoint::AfterEntry);
    stopped.commit(&second).unwrap_err();
    lake.table()
        .gc(SystemTime::now() + Duration::from_secs(9), Duration::ZERO)
        .unwrap();
    assert_eq!(lake.rows(), sorted(&[(9, Some("z"))]));
    lake.assert_sound();
}

#[test]
fn a_log_that_was_set_back_takes_commits_that_can_be_seen() {
    let lake = TestLake::new();
    for (id, row) in [("c1", 1), ("c2", 2), ("c3", 3)] {
        let wanted = lake.request(id, Mode::Append, 0, &[(row, Some("a"))]);
        lake.table().commit(&wanted).unwrap();
    }
    let newest = format!("_headworks/log/{:020}.json", 3);
    fs::remove_file(lake.location().root().join(newest)).unwrap();
    let snapshot = lake.table().snapshot().unwrap().unwrap();
    assert_eq!((snapshot.version, snapshot.files.len()), (2, 2));
    let wanted = lake.request("c4", Mode::Append, 2, &[(4, Some("a"))]);
    lake.table().commit(&wanted).unwrap();
    let rows = [(1, Some("a")), (2, Some("a")), (4, Some("a"))];
    assert_eq!(lake.rows(), sorted(&rows));
    assert!(lake.temporaries().is_empty());
}

//! A commit that dies between any two steps, and a recovery that dies as well: the table has the old rows or the
//! new ones, whole, and repeating the commit does it once.

use super::support::{Row, TestLake, sorted};
use crate::log::Mode;
use crate::partition::NULL_PARTITION;
use crate::{CommitError, CrashPoint};

const OLD: &[Row] = &[(1, Some("a")), (2, Some("b")), (3, None)];
const NEW: &[Row] = &[(4, Some("b")), (5, Some("c")), (6, Some("d"))];

fn every_point() -> Vec<CrashPoint> {
    use CrashPoint::*;
    let mut points = vec![
        BeforeEntry,
        AfterEntry,
        BeforeManifest,
        AfterManifest,
        BeforeSettled,
    ];
    points.extend((0..NEW.len()).map(AfterCompleting));
    points.extend((1..=OLD.len()).map(AfterDeleting));
    points
}

/// A commit on top of [`OLD`].
struct Kind {
    mode: Mode,
    rows: &'static [Row],
    /// The partitions whose files it names.
    named: &'static [&'static str],
    /// How many files it takes out.
    taken_out: usize,
    after: Vec<Row>,
}

/// Every mode, and an append that replaces.
fn every_kind() -> Vec<Kind> {
    let without_b = [&OLD[..1], &OLD[2..], NEW].concat();
    let kind = |mode, rows, named, taken_out, after: &[Row]| Kind {
        mode,
        rows,
        named,
        taken_out,
        after: after.to_vec(),
    };
    vec![
        kind(Mode::Append, NEW, &[], 0, &[OLD, NEW].concat()),
        kind(Mode::Append, NEW, &["b"], 1, &without_b),
        kind(Mode::Overwrite, NEW, &[], 3, NEW),
        kind(Mode::OverwritePartitions, NEW, &[], 1, &without_b),
        kind(Mode::Upsert, NEW, &["b"], 1, &without_b),
        kind(Mode::Compact, OLD, &["a", "b", NULL_PARTITION], 3, OLD),
    ]
}

#[test]
fn a_commit_killed_at_any_step_is_whole_or_absent() {
    killed_at_any_step(TestLake::in_memory);
}

#[test]
fn a_commit_in_a_bucket_killed_at_any_step_is_whole_or_absent() {
    killed_at_any_step(TestLake::in_bucket);
}

fn killed_at_any_step(lake: fn() -> TestLake) {
    for kind in every_kind() {
        let after = sorted(&kind.after);
        for point in every_point() {
            if matches!(point, CrashPoint::AfterDeleting(n) if n > kind.taken_out) {
                continue;
            }
            let case = format!("{:?} {point:?}", kind.mode);
            let lake = lake();
            lake.table()
                .commit(&lake.request("old", Mode::Append, 0, OLD))
                .unwrap();
            let mut wanted = lake.request("new", kind.mode, 1, kind.rows);
            wanted.remove = lake.files_of(kind.named);
            let error = lake.table().stopping_at(point).commit(&wanted).unwrap_err();

            let committed = point != CrashPoint::BeforeEntry;
            assert_eq!(
                matches!(error, CommitError::Unsettled { version: 2, .. }),
                committed,
                "{case}: {error}"
            );
            let expected = if committed {
                after.clone()
            } else {
                sorted(OLD)
            };
            assert_eq!(lake.rows(), expected, "{case}");
            lake.assert_sound();

            let again = lake.table().commit(&wanted).unwrap();
            assert_eq!((again.version, again.repeated), (2, committed), "{case}");
            let entry = lake.table().log().unwrap().swap_remove(1);
            assert_eq!(entry.remove.len(), kind.taken_out, "{case}");
            assert_eq!(lake.rows(), after, "{case}");
            lake.assert_sound();
            assert!(lake.temporaries().is_empty(), "{case}");
        }
    }
}

#[test]
fn a_recovery_killed_at_any_step_is_recovered() {
    recovery_killed_at_any_step(TestLake::in_memory);
}

#[test]
fn a_recovery_in_a_bucket_killed_at_any_step_is_recovered() {
    recovery_killed_at_any_step(TestLake::in_bucket);
}

fn recovery_killed_at_any_step(lake: fn() -> TestLake) {
    for first in every_point() {
        for second in every_point()
            .into_iter()
            .filter(|point| *point != CrashPoint::BeforeEntry)
        {
            let lake = lake();
            lake.table()
                .commit(&lake.request("old", Mode::Append, 0, OLD))
                .unwrap();
            let wanted = lake.request("new", Mode::Overwrite, 1, NEW);
            lake.table().stopping_at(first).commit(&wanted).unwrap_err();
            let stopped = lake.table().stopping_at(second).recover();
            let unsettled = first != CrashPoint::BeforeEntry && second != CrashPoint::AfterEntry;
            assert_eq!(stopped.is_err(), unsettled, "{first:?} {second:?}");
            let expected = if first == CrashPoint::BeforeEntry {
                OLD
            } else {
                NEW
            };
            assert_eq!(lake.rows(), sorted(expected), "{first:?} {second:?}");
            lake.assert_sound();
        }
    }
}

#[test]
fn a_job_that_fails_leaves_the_table_and_no_file() {
    let lake = TestLake::in_memory();
    let files = lake.write("job", NEW).files;
    assert!(lake.table().visible_files().unwrap().is_empty());
    lake.table().discard(&files).unwrap();
    lake.table().discard(&files).unwrap();
    assert!(
        !lake.location().root().exists(),
        "not even an empty folder is left"
    );
}

#[test]
fn discarding_after_the_entry_does_not_lose_the_commit() {
    let lake = TestLake::in_memory();
    let wanted = lake.request("new", Mode::Append, 0, NEW);
    lake.table()
        .stopping_at(CrashPoint::AfterEntry)
        .commit(&wanted)
        .unwrap_err();
    lake.table().discard(&wanted.files).unwrap();
    assert_eq!(lake.rows(), sorted(NEW));
    lake.assert_sound();
}

#[test]
fn a_lost_settled_mark_costs_work_and_no_rows() {
    let lake = TestLake::in_memory();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    lake.table()
        .commit(&lake.request("c2", Mode::Overwrite, 1, NEW))
        .unwrap();
    for content in [None, Some("")] {
        let mark = lake.location().root().join("_headworks/settled.json");
        match content {
            None => std::fs::remove_file(&mark).unwrap(),
            Some(text) => std::fs::write(&mark, text).unwrap(),
        }
        assert_eq!(lake.rows(), sorted(NEW));
        lake.assert_sound();
    }
}

#[test]
fn a_file_that_vanished_before_it_was_finished_is_named() {
    let lake = TestLake::in_memory();
    let wanted = lake.request("new", Mode::Append, 0, NEW);
    lake.table()
        .stopping_at(CrashPoint::AfterEntry)
        .commit(&wanted)
        .unwrap_err();
    std::fs::remove_file(lake.location().root().join(&wanted.files[0].temp)).unwrap();
    let error = lake.table().snapshot().unwrap_err().to_string();
    assert!(
        error.contains(&wanted.files[0].path) && error.contains("is gone"),
        "{error}"
    );
}

#[test]
fn a_file_that_was_cut_before_its_commit_was_finished_is_named() {
    let lake = TestLake::in_memory();
    let wanted = lake.request("new", Mode::Append, 0, NEW);
    let table = lake.table().stopping_at(CrashPoint::AfterCompleting(1));
    table.commit(&wanted).unwrap_err();
    std::fs::write(lake.location().root().join(&wanted.files[0].path), "cut").unwrap();
    let error = lake.table().snapshot().unwrap_err().to_string();
    assert!(
        error.contains(&wanted.files[0].path) && error.contains("there are 3"),
        "{error}"
    );
}

//! What each mode takes out, and which of two commits that began at the same version goes through.

use std::sync::Arc;
use std::thread;

use super::support::{Fault, FaultyStorage, Row, TestLake, input, request, sorted};
use crate::log::Mode;
use crate::{CommitError, CommitRequest, Table};

const OLD: &[Row] = &[(1, Some("a")), (2, Some("b")), (3, None)];

/// A table at version 1 with [`OLD`] in it.
fn old() -> TestLake {
    let lake = TestLake::in_memory();
    let wanted = lake.request("old", Mode::Append, 0, OLD);
    lake.table().commit(&wanted).unwrap();
    lake
}

/// A commit from version 1 on that takes out the files of `parts` by name.
fn wanted(lake: &TestLake, id: &str, mode: Mode, rows: &[Row], parts: &[&str]) -> CommitRequest {
    let mut wanted = lake.request(id, mode, 1, rows);
    wanted.remove = lake.files_of(parts);
    wanted
}

#[test]
fn partitions_that_are_written_are_overwritten_and_the_others_stay() {
    let lake = old();
    let rows: &[Row] = &[(4, Some("b")), (5, Some("c")), (6, Some(""))];
    let second = lake.request("new", Mode::OverwritePartitions, 1, rows);
    lake.table().commit(&second).unwrap();
    // The empty string and NULL are one partition.
    assert_eq!(
        lake.rows(),
        sorted(&[(1, Some("a")), (4, Some("b")), (5, Some("c")), (6, None)])
    );
    lake.assert_sound();
    assert_eq!(lake.table().log().unwrap()[1].remove.len(), 2);
    // The ledger still knows what the table took in before.
    let inputs = lake.table().snapshot().unwrap().unwrap().inputs;
    assert_eq!(inputs.keys().collect::<Vec<_>>(), ["old", "new"]);

    let nothing = request("nothing", Mode::OverwritePartitions, 2, Vec::new());
    lake.table().commit(&nothing).unwrap();
    assert_eq!(lake.rows().len(), 4);
}

/// For each pair: does the second commit, which began before the first, go through?
#[test]
fn of_two_commits_that_began_together_the_second_goes_through_only_if_the_first_is_not_in_its_way()
{
    use Mode::*;
    type Wish = (Mode, &'static [Row], &'static [&'static str]);
    let append_a: Wish = (Append, &[(10, Some("a"))], &[]);
    let append_b: Wish = (Append, &[(11, Some("b"))], &[]);
    let replace_a: Wish = (Append, &[(12, Some("a"))], &["a"]);
    let replace_b: Wish = (Append, &[(13, Some("b"))], &["b"]);
    let overwrite: Wish = (Overwrite, &[(14, Some("c"))], &[]);
    let parts_a: Wish = (OverwritePartitions, &[(15, Some("a"))], &[]);
    let parts_b: Wish = (OverwritePartitions, &[(16, Some("b"))], &[]);
    let upsert_a: Wish = (Upsert, &[(17, Some("a"))], &["a"]);
    let upsert_b: Wish = (Upsert, &[(18, Some("b"))], &["b"]);
    let compact_a: Wish = (Compact, &[(1, Some("a"))], &["a"]);
    let compact_b: Wish = (Compact, &[(2, Some("b"))], &["b"]);
    let in_the_way = |first: Wish, second: Wish| {
        let changes_rows = first.0 != Compact;
        let takes_what_second_names = match first.0 {
            Overwrite => !second.2.is_empty(),
            OverwritePartitions => first.1[0].1.is_some_and(|part| second.2.contains(&part)),
            _ => first.2.iter().any(|part| second.2.contains(part)),
        };
        let same_partition = first.0 == Overwrite || first.1[0].1 == second.1[0].1;
        takes_what_second_names
            || match second.0 {
                Append | Compact => false,
                Overwrite | Upsert => changes_rows,
                OverwritePartitions => changes_rows && same_partition,
            }
    };
    let all = [
        append_a, append_b, replace_a, replace_b, overwrite, parts_a, parts_b, upsert_a, upsert_b,
        compact_a, compact_b,
    ];
    let mut refused = 0;
    for first in all {
        for second in all {
            let case = format!("{first:?} then {second:?}");
            let lake = old();
            let a = wanted(&lake, "first", first.0, first.1, first.2);
            let b = wanted(&lake, "second", second.0, second.1, second.2);
            lake.table().commit(&a).unwrap();
            let before = lake.rows();
            match lake.table().commit(&b) {
                Ok(done) => {
                    assert!(!in_the_way(first, second), "{case}");
                    assert_eq!(done.version, 3, "{case}");
                }
                Err(
                    error @ CommitError::Conflict {
                        base: 1,
                        version: 2,
                        ..
                    },
                ) => {
                    assert!(in_the_way(first, second), "{case}: {error}");
                    assert!(error.to_string().contains("job `job-first`"), "{error}");
                    assert_eq!(lake.rows(), before, "{case}");
                    lake.table().discard(&b.files).unwrap();
                    refused += 1;
                }
                Err(other) => panic!("{case}: {other}"),
            }
            lake.assert_sound();
            assert!(lake.temporaries().is_empty(), "{case}");
        }
    }
    assert_eq!(refused, 59);
}

#[test]
fn a_conflict_says_what_is_in_the_way() {
    let lake = old();
    let parts = wanted(
        &lake,
        "parts",
        Mode::OverwritePartitions,
        &[(4, Some("a"))],
        &[],
    );
    let upsert = wanted(&lake, "upsert", Mode::Append, &[(5, Some("a"))], &["a"]);
    let append = lake.request("c2", Mode::OverwritePartitions, 1, &[(6, Some("a"))]);
    lake.table().commit(&append).unwrap();
    let error = lake.table().commit(&parts).unwrap_err().to_string();
    assert!(
        error.contains("version 2, which changed partition `part=a`"),
        "{error}"
    );
    let error = lake.table().commit(&upsert).unwrap_err().to_string();
    let path = &upsert.remove[0];
    assert!(
        error.contains(&format!("which took out `{path}`")),
        "{error}"
    );
    assert!(
        error.contains("the table is unchanged by this job; run it again"),
        "{error}"
    );
}

#[test]
fn requests_that_take_out_what_they_must_not_are_refused() {
    let lake = old();
    let of_a = lake.files_of(&["a"]);
    let new: &[Row] = &[(9, Some("a"))];
    let refuse = |mode: Mode, said: &str, change: &dyn Fn(&mut CommitRequest)| {
        let mut wanted = lake.request(said, mode, 1, new);
        change(&mut wanted);
        let error = lake.table().commit(&wanted).unwrap_err();
        assert!(matches!(error, CommitError::NotCommitted { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        lake.table().discard(&wanted.files).unwrap();
    };
    refuse(Mode::Overwrite, "the lake finds them", &|r| {
        r.remove = of_a.clone()
    });
    refuse(Mode::OverwritePartitions, "the lake finds them", &|r| {
        r.remove = of_a.clone()
    });
    refuse(Mode::Upsert, "never was in the table", &|r| {
        r.remove = vec!["part=a/x.parquet".into()]
    });
    refuse(Mode::Upsert, "taken out twice", &|r| {
        r.remove = [of_a.clone(), of_a.clone()].concat()
    });
    refuse(Mode::Compact, "takes out no file", &|_| ());
    refuse(Mode::OverwritePartitions, "needs partitions", &|r| {
        r.partition_by.clear()
    });
    refuse(Mode::Upsert, "the table is partitioned by [part]", &|r| {
        r.partition_columns_in_files = true;
    });
    assert_eq!(lake.rows(), sorted(OLD));
    lake.assert_sound();
}

#[test]
fn a_compaction_that_lost_or_moved_a_row_is_refused() {
    for (rows, said) in [
        (
            &[(1, Some("a"))][..],
            "partition `part=b`: the files that a compaction takes out have 1 rows, those that it adds 0",
        ),
        (&[(1, Some("a")), (2, Some("a"))][..], "partition `part="),
        (
            &[(1, Some("a")), (2, Some("b")), (2, Some("b"))][..],
            "have 1 rows, those that it adds 2",
        ),
    ] {
        let lake = old();
        let wanted = wanted(&lake, "compact", Mode::Compact, rows, &["a", "b"]);
        let error = lake.table().commit(&wanted).unwrap_err();
        assert!(matches!(error, CommitError::Audit(_)), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(lake.rows(), sorted(OLD));
    }
}

/// Appends, partition overwrites of partitions of their own and compactions, all at once: every append is there
/// once, every partition has its last overwrite, no row is lost to a compaction.
#[test]
fn writers_of_all_modes_at_once_lose_and_double_nothing() {
    const ROUNDS: i64 = 6;
    let lake = TestLake::in_memory();
    lake.table()
        .commit(&lake.request("old", Mode::Append, 0, OLD))
        .unwrap();
    let commit = |wanted: &CommitRequest| match lake.table().commit(wanted) {
        Ok(_) => true,
        Err(CommitError::Conflict { .. }) => {
            lake.table().discard(&wanted.files).unwrap();
            false
        }
        Err(other) => panic!("{other}"),
    };
    // Whether it went through: what was appended between its two looks at the table is in its way.
    let compact = |round: i64| {
        let rows = lake.rows().into_iter();
        let of_a = rows.filter(|(_, part)| part.as_deref() == Some("a"));
        let rows: Vec<Row> = of_a.map(|(id, _)| (id, Some("a"))).collect();
        let mut wanted = lake.request(&format!("compact-{round}"), Mode::Compact, 1, &rows);
        wanted.remove = lake.files_of(&["a"]);
        match lake.table().commit(&wanted) {
            Ok(_) => true,
            Err(CommitError::Audit(_) | CommitError::Conflict { .. }) => {
                lake.table().discard(&wanted.files).unwrap();
                false
            }
            Err(other) => panic!("{other}"),
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let rows: &[Row] = &[(100 + round, Some("a")), (100 + round, Some("b"))];
                let id = format!("append-{round}");
                assert!(commit(&lake.request(&id, Mode::Append, 0, rows)));
            }
        });
        for (part, first) in [("c", 200), ("d", 300)] {
            let (lake, commit) = (&lake, &commit);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let id = format!("{part}-{round}");
                    let base = lake.table().recover().unwrap();
                    let rows: &[Row] = &[(first + round, Some(part))];
                    let wanted = lake.request(&id, Mode::OverwritePartitions, base, rows);
                    assert!(commit(&wanted));
                }
            });
        }
        scope.spawn(|| {
            (0..ROUNDS).for_each(|round| {
                compact(round);
            })
        });
    });
    assert!(compact(ROUNDS), "nobody is in its way any more");
    let mut expected: Vec<Row> = OLD.to_vec();
    for round in 0..ROUNDS {
        expected.extend([(100 + round, Some("a")), (100 + round, Some("b"))]);
    }
    expected.extend([(200 + ROUNDS - 1, Some("c")), (300 + ROUNDS - 1, Some("d"))]);
    assert_eq!(lake.rows(), sorted(&expected));
    lake.assert_sound();
    assert!(lake.temporaries().is_empty());
}

/// The winner's commit comes in between the look at the log and the put.
#[test]
fn a_race_lost_at_the_put_is_judged_anew() {
    for (mode, named, through) in [
        (Mode::OverwritePartitions, &[][..], true),
        (Mode::Compact, &["b"][..], true),
        (Mode::Append, &["b"][..], true),
        (Mode::Upsert, &["b"][..], false),
        (Mode::Overwrite, &[][..], false),
    ] {
        let lake = old();
        let other = lake.request("other", Mode::Append, 1, &[(7, Some("a"))]);
        let rows: &[Row] = &[(2, Some("b"))];
        let wanted = wanted(&lake, "late", mode, rows, named);
        let mut once = Some((lake.table(), other));
        let storage = FaultyStorage::new(&lake.location(), move |call, _| {
            if call == "put_if_absent"
                && let Some((table, other)) = once.take()
            {
                table.commit(&other).unwrap();
            }
            Fault::None
        });
        let slow = Table::with_storage(lake.location(), storage as Arc<_>);
        let result = slow.commit(&wanted);
        assert_eq!(result.is_ok(), through, "{mode:?}: {result:?}");
        if through {
            assert_eq!(lake.rows().len(), 4, "{mode:?}");
        }
        lake.assert_sound();
    }
}

#[test]
fn an_append_that_replaces_files_takes_their_inputs_in_again() {
    let lake = old();
    let mut changed = wanted(&lake, "changed", Mode::Append, &[(8, Some("a"))], &["a"]);
    changed.inputs = vec![crate::InputEntry {
        etag: Some("second".into()),
        ..input("old", 1)
    }];
    lake.table().commit(&changed).unwrap();
    let snapshot = lake.table().snapshot().unwrap().unwrap();
    assert!(snapshot.has_taken("old", 7, Some("second")));
    assert!(!snapshot.has_taken("old", 7, None));
    assert_eq!(
        lake.rows(),
        sorted(&[(2, Some("b")), (3, None), (8, Some("a"))])
    );
}

//! Numbers that do not add up: no commit.

use headworks_engine::api::{WaveOutcome, WaveResult};
use headworks_formats::Conflict;

use super::desk::Desk;
use super::world::{World, overwrite, pending};
use crate::driver::{Action, ErrorClass, Event, Outcome};

/// Runs a job whose every wave's result is changed; returns it at its end.
fn run_changed(row_wise: bool, change: impl Fn(&mut WaveResult)) -> Desk {
    let mut world = World::new(&[200, 80]);
    world.files.get_mut("f0.xml").unwrap().bad.insert(10);
    let mut desk = Desk::new(world, vec![overwrite("a")]);
    desk.row_wise = row_wise;
    let mut actions = desk.tell(Event::Start);
    while let Some(awaited) = actions
        .iter()
        .rev()
        .find(|a| desk.answer(a).is_some())
        .cloned()
    {
        let mut event = desk.answer(&awaited).unwrap();
        if let Event::WaveEnded {
            outcome: WaveOutcome::Accepted(result),
            ..
        } = &mut event
        {
            change(result);
        }
        actions = desk.tell(event);
    }
    desk
}

type Change = fn(&mut WaveResult);

/// A later document that declares another encoding makes all values doubtful.
#[test]
fn a_file_that_contradicts_its_beginning_is_not_committed() {
    let desk = run_changed(true, |r| {
        r.scans[0].report.conflict = Some(Conflict {
            at: 77,
            what: "a document declares another encoding".into(),
        });
    });
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    let expected = "f0.xml: byte 77: a document declares another encoding";
    assert!(desk.error().contains(expected), "{}", desk.error());
    assert_eq!(
        desk.state.failure.as_ref().and_then(|f| f.class),
        Some(ErrorClass::Input)
    );
    assert!(
        desk.commits()
            .iter()
            .all(|c| c.quarantine_of.is_some() && c.failed)
    );
}

#[test]
fn one_wrong_count_refuses_the_commit() {
    let cases: [(&str, Change); 7] = [
        // A row that the writer lost: neither in its file nor in its count.
        (
            "f0.xml: 20 records read, but 13 written + 5 filtered + 0 dropped + 1 quarantined = 19",
            |r| {
                *r.written.get_mut(&0).unwrap() -= 1;
                r.rows -= 1;
                r.files[0].rows -= 1;
            },
        ),
        (
            "f0.xml: 20 records read, but 14 written + 6 filtered",
            |r| *r.filtered.get_mut(&0).unwrap() += 1,
        ),
        (
            "f0.xml: 21 records read, but 19 passed on + 0 filtered + 0 dropped + 1 quarantined = 20",
            |r| {
                r.scans[0].report.read += 1;
            },
        ),
        (
            "f0.xml: 20 records read, but 19 passed on + 0 filtered + 0 dropped + 0 quarantined = 19",
            |r| {
                r.scans[0].report.quarantined -= 1;
            },
        ),
        (
            "the data files hold 20 rows, but 19 were counted by split",
            |r| *r.written.get_mut(&0).unwrap() -= 1,
        ),
        (
            "the data files hold 19 rows, but 20 were counted by the writers",
            |r| r.files[0].rows -= 1,
        ),
        ("3 rows were filtered for split 99", |r| {
            r.filtered.insert(99, 3);
        }),
    ];
    for (expected, change) in cases {
        let desk = run_changed(true, change);
        assert_eq!(desk.state.outcome(), Some(Outcome::Failed), "{expected}");
        assert!(
            desk.error().contains(expected),
            "{expected}: {}",
            desk.error()
        );
        assert!(
            desk.error().contains("the table is unchanged"),
            "{}",
            desk.error()
        );
        assert_eq!(
            desk.state.failure.as_ref().and_then(|f| f.class),
            Some(ErrorClass::Check)
        );
        assert!(
            desk.commits()
                .iter()
                .all(|c| c.quarantine_of.is_some() && c.failed)
        );
    }
}

#[test]
fn a_model_that_aggregates_is_audited_by_its_bytes_alone() {
    let desk = run_changed(false, |r| {
        r.written.clear();
        r.filtered.clear();
        r.rows = 2;
        r.files = vec![pending("agg", 2)];
    });
    desk.assert_done();
    assert_eq!(desk.table_commits()[0].inputs[0].bytes_covered, 200);
    assert_eq!(desk.table_commits()[0].inputs[0].counts.read, 20);

    let desk = run_changed(false, |r| r.scans.retain(|s| s.split.path != "f1.xml"));
    assert!(
        desk.error().contains("f1.xml: bytes 0 to 80 were not read"),
        "{}",
        desk.error()
    );
}

#[test]
fn with_an_unnest_records_and_rows_are_counted_apart() {
    // Of the records passed on, one a split is filtered before the unnest;
    // each of the others makes two rows, of which one a split is filtered.
    let unnest: Change = |r| {
        for scan in &r.scans {
            let id = scan.split.id;
            r.unnest_in.insert(id, scan.report.emitted - 1);
            r.unnest_out.insert(id, 2 * (scan.report.emitted - 1));
            r.filtered.insert(id, 2);
            r.written.insert(id, 2 * (scan.report.emitted - 1) - 1);
        }
        r.rows = r.written.values().sum();
        r.files[0].rows = r.rows;
    };
    let desk = run_changed(true, unnest);
    desk.assert_done();
    let input = &desk.table_commits()[0].inputs[0];
    assert_eq!(
        (
            input.counts.read,
            input.counts.written,
            input.counts.filtered
        ),
        (20, 17, 2)
    );
    assert_eq!(input.rows, 32);

    let desk = run_changed(true, |r| {
        let mut seen = r.clone();
        for scan in &seen.scans {
            let id = scan.split.id;
            r.unnest_in.insert(id, scan.report.emitted);
            // One row is lost behind the unnest.
            r.unnest_out.insert(id, 2 * scan.report.emitted);
            r.filtered.insert(id, 0);
            r.written
                .insert(id, 2 * scan.report.emitted - u64::from(id == 0));
        }
        seen.scans.clear();
        r.rows = r.written.values().sum();
        r.files[0].rows = r.rows;
    });
    assert!(
        desk.error()
            .contains("these leave 1 to filters, which counted 0"),
        "{}",
        desk.error()
    );
}

#[test]
fn a_source_named_twice_in_one_query_is_counted_once() {
    let desk = run_changed(false, |r| {
        let mut again = r.scans.clone();
        for scan in &mut again {
            for file in &mut scan.quarantine {
                file.temp = format!("{}-2", file.temp);
                file.path = format!("2-{}", file.path);
            }
        }
        r.scans.extend(again);
    });
    desk.assert_done();
    assert_eq!(desk.table_commits()[0].inputs[0].counts.quarantined, 1);
    assert_eq!(desk.committed_to(), [(0, Some("s")), (0, None)]);
    assert_eq!(desk.commits()[0].files.len(), 1, "in quarantine once");
    assert_eq!(desk.discarded().len(), 1, "the other goes");
}

#[test]
fn a_file_that_no_split_covers_is_missed() {
    let mut desk = Desk::new(World::new(&[200, 80]), vec![overwrite("a")]);
    let Some(Action::Plan(work)) = desk.run_until(|a| matches!(a, Action::Plan(_))) else {
        panic!()
    };
    let mut plan = desk.world.plan(&work.inputs, true);
    plan.waves[0]
        .splits
        .get_mut("s")
        .unwrap()
        .retain(|s| s.path != "f1.xml");
    let actions = desk.tell(Event::Planned(Box::new(plan)));
    desk.go_on(actions);
    assert!(
        desk.error().contains("f1.xml: 0 of 80 bytes were read"),
        "{}",
        desk.error()
    );
}

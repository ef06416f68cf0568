//! Jobs that are stopped, and jobs that cannot go on: wherever they are, they
//! end, and leave nothing.

use super::desk::{Desk, accepted, is_wave};
use super::world::{World, overwrite};
use crate::driver::{Action, Event, Outcome, job_view};

#[test]
fn stopping_in_each_phase() {
    type Stop = fn(&Action) -> bool;
    // (where, actions that must follow, how it ends once all is answered)
    let cases: [(&str, Stop, &str, Outcome); 5] = [
        (
            "settling",
            |a| matches!(a, Action::Settle(_)),
            "Abandon",
            Outcome::Cancelled,
        ),
        (
            "opening",
            |a| matches!(a, Action::Open(_)),
            "Abandon",
            Outcome::Cancelled,
        ),
        (
            "planning",
            |a| matches!(a, Action::Plan(_)),
            "Abandon",
            Outcome::Cancelled,
        ),
        ("running", is_wave, "CancelWave", Outcome::Cancelled),
        // The one model's commit is under way: the job is done.
        (
            "committing",
            |a| matches!(a, Action::Commit(_)),
            "",
            Outcome::Done,
        ),
    ];
    for (name, stop, expected, outcome) in cases {
        let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
        let awaited = desk.run_until(stop).unwrap();
        if name == "running" {
            desk.tell(Event::WaveSubmitted("e0".into()));
        }
        let actions = desk.tell(Event::Cancel("enough".into()));
        if !expected.is_empty() {
            assert!(
                actions
                    .iter()
                    .any(|a| format!("{a:?}").starts_with(expected)),
                "{name}: {actions:?}"
            );
        }
        if desk.state.outcome().is_none() {
            let event = actions
                .iter()
                .rev()
                .find_map(|a| desk.answer(a))
                .or_else(|| desk.answer(&awaited))
                .unwrap();
            let actions = desk.tell(event);
            desk.go_on(actions);
        }
        assert_eq!(desk.state.outcome(), Some(outcome), "{name}");
        if outcome == Outcome::Cancelled {
            assert_eq!(desk.error(), "enough");
            assert!(desk.commits().is_empty());
            assert_eq!(job_view(&desk.state, &Default::default()).error_class, "");
        }
        assert!(
            desk.tell(Event::Cancel("again".into())).is_empty(),
            "{name}: nothing after the end"
        );
    }
}

#[test]
fn a_stop_before_the_wave_is_submitted_reaches_it_later() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(is_wave);
    let actions = desk.tell(Event::Cancel("enough".into()));
    assert!(!actions.iter().any(|a| matches!(a, Action::CancelWave(_))));
    let actions = desk.tell(Event::WaveSubmitted("e0".into()));
    assert!(
        matches!(actions.last(), Some(Action::CancelWave(id)) if id == "e0"),
        "{actions:?}"
    );
    // The engine does not end it in time.
    let actions = desk.tell(Event::CancelOverdue);
    assert!(
        matches!(actions.first(), Some(Action::Abandon)),
        "{actions:?}"
    );
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
}

#[test]
fn a_wave_that_succeeds_while_it_is_stopped_is_thrown_away() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    let Some(Action::RunWave { wave, attempt }) = desk.run_until(is_wave) else {
        panic!()
    };
    desk.tell(Event::WaveSubmitted("e0".into()));
    desk.tell(Event::Cancel("enough".into()));
    let event = accepted(&desk.world, &wave, attempt);
    desk.tell(event);
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
    assert!(desk.commits().is_empty());
}

#[test]
fn without_a_journal_nothing_is_begun() {
    let mut desk = Desk::new(World::new(&[600]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::RunWave { wave, .. } if wave.index == 1));
    let actions = desk.tell(Event::JournalFailed("disk full".into()));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(
        !actions
            .iter()
            .any(|a| matches!(a, Action::Journal(_) | Action::Commit(_))),
        "{actions:?}"
    );
    assert_eq!(desk.discarded(), ["d-0-0.parquet"]);
    assert!(desk.error().contains("disk full"));
}

#[test]
fn files_of_a_commit_that_may_have_happened_are_left_to_the_lake() {
    let mut desk = Desk::new(World::new(&[250]), vec![overwrite("a")]);
    desk.run_until(|a| matches!(a, Action::Commit(_)));
    desk.tell(Event::CommitUnknown("the entry cannot be read back".into()));
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    assert!(desk.discarded().is_empty());
}

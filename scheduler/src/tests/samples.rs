//! Schemas of samples: proved by reading, or settled anew.

use headworks_engine::api::{SAMPLE, WaveDiscard, WaveOutcome};
use headworks_spec::ModelSpec;

use super::desk::Desk;
use super::world::{World, append, overwrite, pending, table};
use crate::driver::{Action, ErrorClass, Event, Outcome, Phase, Record};

/// A job whose source has the schema of a sample, and what is to be done at its start.
fn sampled(world: World, models: Vec<ModelSpec>) -> (Desk, Vec<Action>) {
    let world = World {
        samples: true,
        ..world
    };
    let mut desk = Desk::new(world, models);
    let actions = desk.tell(Event::Start);
    (desk, actions)
}

/// Goes on until a wave is to be run.
fn to_wave(desk: &mut Desk, mut actions: Vec<Action>) {
    while !matches!(actions.last(), Some(Action::RunWave { .. })) {
        let event = desk.answer(actions.last().unwrap()).unwrap();
        actions = desk.tell(event);
    }
}

fn refuted() -> Event {
    Event::WaveEnded {
        outcome: WaveOutcome::Failed {
            class: SAMPLE.to_owned(),
            error: "f1.json: byte 7: a sample of the records did not show".to_owned(),
            discard: WaveDiscard {
                files: vec![pending("late", 1)],
                ..WaveDiscard::default()
            },
        },
        executor_lost: false,
    }
}

fn count(desk: &Desk, is: impl Fn(&Action) -> bool) -> usize {
    desk.done.iter().filter(|action| is(action)).count()
}

fn settled_again(desk: &Desk) -> usize {
    count(desk, |a| matches!(a, Action::SettleAgain(_)))
}

#[test]
fn a_sample_that_holds_is_not_looked_at_again() {
    let (mut desk, actions) = sampled(World::new(&[250]), vec![overwrite("a"), overwrite("b")]);
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(settled_again(&desk), 0);
}

#[test]
fn a_refuted_sample_is_settled_by_all_records_and_the_model_begins_anew() {
    let (mut desk, actions) = sampled(
        World::new(&[250, 250]),
        vec![overwrite("a"), overwrite("b")],
    );
    to_wave(&mut desk, actions);
    let actions = desk.tell(refuted());
    assert!(
        matches!(
            desk.state.phase,
            Phase::Resettling {
                model: 0,
                source: 0
            }
        ),
        "{:?}",
        desk.state.phase
    );
    assert!(matches!(actions.last(), Some(Action::SettleAgain(0))));
    assert!(desk.discarded().contains(&"late.parquet".to_owned()));
    let event = desk.answer(&Action::SettleAgain(0)).unwrap();
    let actions = desk.tell(event);
    let is_settled =
        |a: &Action| matches!(a, Action::Journal(Record::SourceSettled(s)) if s.sampled.is_none());
    assert!(actions.iter().any(is_settled), "{actions:?}");
    desk.go_on(actions);
    desk.assert_done();
    // Once, for both models; and no wave's number is used twice.
    assert_eq!(settled_again(&desk), 1);
    assert_eq!(desk.commits().len(), 2);
    assert_eq!(count(&desk, |a| matches!(a, Action::Open(0))), 2);
    let attempts = desk.done.iter().filter_map(|action| match action {
        Action::Journal(Record::WaveStarted {
            model: 0,
            wave,
            attempt,
        }) => Some((wave.index, *attempt)),
        _ => None,
    });
    let mut attempts: Vec<_> = attempts.collect();
    let all = attempts.len();
    attempts.sort_unstable();
    attempts.dedup();
    assert_eq!(attempts.len(), all);
}

/// Files of earlier versions are not read again, so nothing would prove the sample for them.
#[test]
fn where_only_new_files_are_read_the_sample_is_not_tried() {
    let (mut desk, actions) = sampled(World::new(&[250, 30]), vec![append("a")]);
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250]), &[]));
    desk.go_on(actions);
    desk.assert_done();
    assert_eq!(settled_again(&desk), 1);
    assert_eq!(count(&desk, |a| matches!(a, Action::Plan(_))), 1);
    assert_eq!(desk.commits()[0].inputs.len(), 1);

    // With nothing to append there is nothing to prove.
    let (mut desk, actions) = sampled(World::new(&[250]), vec![append("a")]);
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250]), &[]));
    desk.go_on(actions);
    assert_eq!(desk.state.outcome(), Some(Outcome::Done));
    assert_eq!(settled_again(&desk), 0);
}

#[test]
fn a_job_can_fail_or_be_stopped_while_it_settles_anew() {
    let failed = Event::Failed {
        class: ErrorClass::Input,
        error: "f1.json: cannot be read".to_owned(),
    };
    for (event, outcome) in [
        (failed, Outcome::Failed),
        (Event::Cancel("enough".to_owned()), Outcome::Cancelled),
    ] {
        let (mut desk, actions) = sampled(World::new(&[250]), vec![overwrite("a")]);
        to_wave(&mut desk, actions);
        desk.tell(refuted());
        desk.tell(event);
        assert_eq!(desk.state.outcome(), Some(outcome));
        assert!(desk.commits().is_empty());
    }
    // Stopped while the wave ran: nothing is settled any more.
    let (mut desk, actions) = sampled(World::new(&[250]), vec![overwrite("a")]);
    to_wave(&mut desk, actions);
    desk.tell(Event::Cancel("enough".to_owned()));
    desk.tell(refuted());
    assert_eq!(desk.state.outcome(), Some(Outcome::Cancelled));
    assert_eq!(settled_again(&desk), 0);
}

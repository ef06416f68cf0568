//! Schemas that were inferred from a sample: when they are settled anew, by all records.
//!
//! A model that reads all files of a source proves the sample's schema by reading them, or fails at the record that
//! refutes it. One that reads only some, because the table has taken in the others, proves nothing of those: for it the
//! schema is settled before it is planned. Either way the model then begins anew, with the files that the job has listed.

use std::sync::Arc;

use headworks_engine::api::SettledSource;

use super::action::{Action, Record};
use super::model::drop_run_of;
use super::state::{JobState, Phase};
use super::step::begin_model;

/// Whether a source that the model reads has the schema of a sample.
pub(super) fn reads_sampled(state: &JobState, model: usize) -> bool {
    next_sampled(state, model).is_some()
}

/// A record has refuted a sample's schema.
pub(super) fn refuted(
    state: &mut JobState,
    model: usize,
    reason: String,
    now_ms: u64,
) -> Vec<Action> {
    let mut actions = vec![Action::Journal(Record::ModelRestarted { model, reason })];
    actions.extend(drop_run_of(state, model));
    actions.extend(settle_sampled(state, model, now_ms));
    actions
}

/// Settles the next source of the model that has a sample's schema; behind the last, the model begins anew.
pub(super) fn settle_sampled(state: &mut JobState, model: usize, now_ms: u64) -> Vec<Action> {
    match next_sampled(state, model) {
        Some(source) => {
            state.become_phase(Phase::Resettling { model, source });
            vec![Action::SettleAgain(source)]
        }
        None => begin_model(state, model, now_ms),
    }
}

/// A source is settled by all of its records.
pub(super) fn settled_again(
    state: &mut JobState,
    model: usize,
    settled: SettledSource,
    now_ms: u64,
) -> Vec<Action> {
    // Whatever the engine says: it is not asked twice.
    let settled = Arc::new(SettledSource {
        sampled: None,
        ..settled
    });
    let name = settled.spec.name.clone();
    state.sources.insert(name, Arc::clone(&settled));
    let mut actions = vec![Action::Journal(Record::SourceSettled(settled))];
    actions.extend(settle_sampled(state, model, now_ms));
    actions
}

fn next_sampled(state: &JobState, model: usize) -> Option<usize> {
    let reads = &state.spec.models.get(model)?.reads_sources;
    let is_sampled = |name: &String| {
        let source = state.sources.get(name);
        source.is_some_and(|source| source.sampled.is_some())
    };
    let sources = &state.spec.sources;
    sources
        .iter()
        .position(|source| reads.contains(&source.name) && is_sampled(&source.name))
}

//! A driver without a shell: its decisions, answered as a sound world would.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_engine::api::{
    CheckFindings, CheckOutcome, MergeCounts, MergeStep, SettledSource, Wave, WaveDiscard,
    WaveOutcome, WaveResult,
};
use headworks_formats::Sampled;
use headworks_lake::Snapshot;
use headworks_spec::ModelSpec;

use super::world::{World, job, pending};
use crate::driver::{Action, CommitWork, Event, JobState, Outcome, Phase, step};

/// A driver without a shell: answers each awaited action as a sound world would.
pub(crate) struct Desk {
    pub(crate) state: JobState,
    pub(crate) world: World,
    pub(crate) row_wise: bool,
    /// All actions so far.
    pub(crate) done: Vec<Action>,
    /// Tables that exist: name to version and inputs.
    pub(crate) tables: BTreeMap<String, Arc<Snapshot>>,
    /// What checks find, by name; nothing by default.
    pub(crate) findings: BTreeMap<String, CheckFindings>,
    now_ms: u64,
}

impl Desk {
    pub(crate) fn new(world: World, models: Vec<ModelSpec>) -> Self {
        let state = JobState::new("j1".into(), job("/lake", models), 1_000);
        Self {
            state,
            world,
            row_wise: true,
            done: Vec::new(),
            tables: BTreeMap::new(),
            findings: BTreeMap::new(),
            now_ms: 1_000,
        }
    }

    /// One event; returns its actions.
    pub(crate) fn tell(&mut self, event: Event) -> Vec<Action> {
        self.now_ms += 1;
        let actions = step(&mut self.state, event, self.now_ms);
        self.done.extend(actions.iter().cloned());
        for (_, path) in &self.state.files_read {
            if let Some(file) = self.world.files.get_mut(path) {
                file.quarantined.get_or_insert_with(|| file.bad.clone());
            }
        }
        actions
    }

    /// The event with which a sound world answers an awaited action.
    pub(crate) fn answer(&self, action: &Action) -> Option<Event> {
        Some(match action {
            Action::Settle(source) | Action::SettleAgain(source) => {
                let settled = self.world.settled(&self.state.spec.sources[*source]);
                let sampled = self.world.samples && matches!(action, Action::Settle(_));
                Event::Settled(Box::new(SettledSource {
                    sampled: sampled.then(Sampled::default),
                    ..settled
                }))
            }
            Action::Open(model) => Event::Opened(
                self.tables
                    .get(&self.state.spec.models[*model].name)
                    .cloned(),
            ),
            Action::Plan(work) => {
                Event::Planned(Box::new(self.world.plan(&work.inputs, self.row_wise)))
            }
            Action::RunWave { wave, attempt } => match &wave.merge {
                Some(step) => self.merged(wave, step, *attempt),
                None => accepted(&self.world, wave, *attempt),
            },
            Action::Stage { .. } => Event::Staged,
            Action::Check { model, check, .. } => {
                let spec = &self.state.spec.models[*model];
                let found = self.findings.get(&spec.checks[*check].name).cloned();
                Event::CheckEnded {
                    outcome: CheckOutcome::Found(found.unwrap_or_default()),
                    looked_at: self.tables.get(&spec.name).map_or(0, |table| table.version),
                    executor_lost: false,
                }
            }
            Action::CancelWave(_) if matches!(self.state.phase, Phase::Checking { .. }) => {
                Event::CheckEnded {
                    outcome: CheckOutcome::Cancelled,
                    looked_at: 0,
                    executor_lost: false,
                }
            }
            Action::CancelWave(_) => Event::WaveEnded {
                outcome: WaveOutcome::Cancelled {
                    discard: WaveDiscard::default(),
                },
                executor_lost: false,
            },
            Action::Commit(_) => Event::Committed {
                version: 1,
                unsettled: None,
            },
            _ => return None,
        })
    }

    /// What a sound merge says, in which no two rows share a key, and each file of the table holds one.
    fn merged(&self, wave: &Wave, step: &MergeStep, attempt: u32) -> Event {
        let run = self.state.run.as_ref().unwrap();
        let files = run
            .current
            .as_ref()
            .map_or(&[][..], |current| &current.files);
        let mut result = WaveResult::default();
        match step {
            MergeStep::Find => result.touched = (0..files.len() as u32).collect(),
            MergeStep::Rewrite { files: places } => {
                let held = places.iter().map(|place| files[*place as usize].rows).sum();
                let staged = run.merge.as_ref().unwrap().rows;
                let kept = staged + held;
                result.merged = MergeCounts {
                    staged,
                    current: held,
                    kept,
                };
                result.rows = kept;
                result.files = vec![pending(&format!("m-{}-{attempt}", wave.index), kept)];
            }
        }
        Event::WaveEnded {
            outcome: WaveOutcome::Accepted(Box::new(result)),
            executor_lost: false,
        }
    }

    /// Goes on with sound answers until `stop` says so of an awaited action,
    /// which is returned unanswered, or until the end.
    pub(crate) fn run_until(&mut self, stop: impl Fn(&Action) -> bool) -> Option<Action> {
        let mut actions = self.tell(Event::Start);
        loop {
            let awaited = actions
                .iter()
                .rev()
                .find(|a| self.answer(a).is_some())?
                .clone();
            if stop(&awaited) {
                return Some(awaited);
            }
            let event = self.answer(&awaited)?;
            actions = self.tell(event);
        }
    }

    pub(crate) fn go_on(&mut self, mut actions: Vec<Action>) {
        while let Some(event) = actions.iter().rev().find_map(|a| self.answer(a)) {
            actions = self.tell(event);
        }
    }

    pub(crate) fn commits(&self) -> Vec<&CommitWork> {
        self.done
            .iter()
            .filter_map(|a| {
                if let Action::Commit(work) = a {
                    Some(work.as_ref())
                } else {
                    None
                }
            })
            .collect()
    }

    /// The commits of the models' own tables.
    pub(crate) fn table_commits(&self) -> Vec<&CommitWork> {
        let commits = self.commits().into_iter();
        commits.filter(|c| c.quarantine_of.is_none()).collect()
    }

    /// Model and source of each commit that was tried, in order; no source for the model's own table.
    pub(crate) fn committed_to(&self) -> Vec<(usize, Option<&str>)> {
        let commits = self.commits().into_iter();
        commits
            .map(|c| (c.model, c.quarantine_of.as_deref()))
            .collect()
    }

    pub(crate) fn discarded(&self) -> Vec<String> {
        let mut names = Vec::new();
        for action in &self.done {
            if let Action::Discard { files, .. } = action {
                names.extend(
                    files
                        .files
                        .iter()
                        .chain(files.quarantine.values().flatten())
                        .map(|f| f.path.clone()),
                );
            }
        }
        names
    }

    #[track_caller]
    pub(crate) fn assert_done(&self) {
        let outcome = self.state.outcome();
        assert_eq!(outcome, Some(Outcome::Done), "{}", self.error());
    }

    pub(crate) fn error(&self) -> &str {
        self.state
            .failure
            .as_ref()
            .map_or("", |failure| &failure.error)
    }
}

pub(crate) fn accepted(world: &World, wave: &Wave, attempt: u32) -> Event {
    Event::WaveEnded {
        outcome: WaveOutcome::Accepted(Box::new(world.result(wave, attempt))),
        executor_lost: false,
    }
}

pub(crate) fn is_table_commit(action: &Action) -> bool {
    matches!(action, Action::Commit(work) if work.quarantine_of.is_none())
}

pub(crate) fn is_wave(action: &Action) -> bool {
    matches!(action, Action::RunWave { .. })
}

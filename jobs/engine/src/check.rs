//! The words of checks, part of [`api`](crate::api): what is looked at, and what was found.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_lake::Snapshot;
use headworks_spec::{ModelSpec, Tuning};
use serde::{Deserialize, Serialize};

use crate::api::WaveOutcome;

/// So many rows that break a check are kept as examples.
pub const EXAMPLES_MAX: usize = 5;

/// A model's table as it will be, with all that its checks can name.
#[derive(Debug, Clone)]
pub struct CheckRequest {
    /// The job's id.
    pub job_id: String,
    /// Where the lake is.
    pub lake: String,
    /// The model; its checks are counted from 0.
    pub model: ModelSpec,
    /// The table as it will be once the model has committed
    /// ([`Table::candidate`](headworks_lake::Table::candidate)).
    pub candidate: Arc<Snapshot>,
    /// The committed tables that the checks read, by name.
    pub tables: BTreeMap<String, Arc<Snapshot>>,
    /// Sizes and bounds of the job.
    pub tuning: Tuning,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFindings {
    /// Rows that break it, those of a query; for `row_count` the rows that are missing, or too many.
    pub failing_rows: u64,
    /// Up to [`EXAMPLES_MAX`] of them, in no order, each a JSON object; where rows are counted by value, the value
    /// and its `rows`.
    pub examples: Vec<String>,
}

impl CheckFindings {
    /// Whether nothing breaks the check.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failing_rows == 0
    }

    /// Takes in what another task found.
    pub(crate) fn add(&mut self, other: &Self) {
        self.failing_rows += other.failing_rows;
        let room = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples
            .extend(other.examples.iter().take(room).cloned());
    }
}

/// How an attempt at a check ended.
#[derive(Debug, Clone)]
pub enum CheckOutcome {
    /// Believed.
    Found(CheckFindings),
    /// Not believed, or failed for a reason that another run may not have.
    RunAgain {
        /// Why, for the log.
        reason: String,
    },
    /// Failed for good: the check could not be made.
    Failed {
        /// As of a wave.
        class: String,
        /// What, where, what next.
        error: String,
    },
    /// Stopped on request.
    Cancelled,
}

impl From<WaveOutcome> for CheckOutcome {
    /// A check runs as a wave that writes nothing, and is judged as one.
    fn from(outcome: WaveOutcome) -> Self {
        match outcome {
            WaveOutcome::Accepted(result) => match result.found {
                Some(found) => Self::Found(found),
                // Never taken for "no rows".
                None => Self::RunAgain {
                    reason: "no task said what it found".to_owned(),
                },
            },
            WaveOutcome::RunAgain { reason, .. } => Self::RunAgain { reason },
            WaveOutcome::Failed { class, error, .. } => Self::Failed { class, error },
            WaveOutcome::Cancelled { .. } => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{WaveDiscard, WaveResult};

    #[test]
    fn findings_add_up_and_examples_are_bounded() {
        let part = |rows: u64| CheckFindings {
            failing_rows: rows,
            examples: (0..rows.min(3)).map(|n| format!("{{\"n\":{n}}}")).collect(),
        };
        let mut found = CheckFindings::default();
        assert!(found.passed());
        for rows in [0, 3, 0, 40] {
            found.add(&part(rows));
        }
        assert_eq!((found.failing_rows, found.examples.len()), (43, 5));
        assert!(!found.passed());
    }

    /// Guards against: a check whose tasks said nothing was taken for one that found nothing.
    #[test]
    fn silence_is_not_taken_for_a_pass() {
        let silent = WaveOutcome::Accepted(Box::default());
        assert!(matches!(
            CheckOutcome::from(silent),
            CheckOutcome::RunAgain { .. }
        ));
        let nothing = WaveResult {
            found: Some(CheckFindings::default()),
            ..WaveResult::default()
        };
        let nothing = WaveOutcome::Accepted(Box::new(nothing));
        assert!(matches!(
            CheckOutcome::from(nothing),
            CheckOutcome::Found(found) if found.passed()
        ));
        let cancelled = WaveOutcome::Cancelled {
            discard: WaveDiscard::default(),
        };
        assert!(matches!(
            CheckOutcome::from(cancelled),
            CheckOutcome::Cancelled
        ));
    }
}

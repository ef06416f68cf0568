//! Drives one job from its submission to its end.
//!
//! Two halves, kept apart so that the first can be tested without a cluster,
//! a disk or a clock:
//!
//! - the **core** decides: [`step`] takes the job's state and one event and
//!   returns what is to be done. It does no I/O, reads no clock, draws no
//!   random number. `state`, `event` and `action` are its alphabet; `chain`
//!   says whether a wave's splits fit each other, `audit` whether the numbers
//!   add up, `warnings` what the user should hear of.
//! - the **shell** acts: `actor` performs the actions in order through the
//!   engine, the journal and the lake, and feeds what happened back in.
//!
//! Rules that hold everywhere here: a journal action stands before the act
//! that it describes; at most one awaited act is in flight, and it is the last
//! action of its batch; every act can be repeated.

mod action;
mod actor;
mod acts;
mod audit;
mod chain;
mod changed;
mod check_acts;
mod checks;
mod event;
mod merge;
mod model;
mod notes;
mod progress;
mod quarantine;
mod sample;
mod state;
mod step;
mod tables;
mod view;
mod warnings;
mod wave;

pub use action::{Action, CommitWork, ModelWork, Record};
pub(crate) use actor::now_ms;
pub use actor::{Command, DriverContext, DriverOptions, Faults, drive};
pub use audit::{AuditFailure, FileAccount};
pub use changed::{TakesIn, would_take_in};
pub use event::Event;
pub use progress::{Counts, Progress};
pub(crate) use quarantine::kept_files;
pub use state::{
    CheckState, ErrorClass, Failure, JobState, Merge, ModelRun, ModelState, ModelStatus, Outcome,
    Phase, Quarantined, SourceCounts, commit_id,
};
pub use step::step;
pub use tables::TableLocks;
pub(crate) use tables::{commit_quarantine, settle};
pub(crate) use view::INTERRUPTED_TEXT;
pub use view::{has_ended, job_view, state_text};
pub use warnings::Warnings;

//! Arrow to a Parquet lake: executors write files that nobody sees, the driver commits them at once, and the
//! ledger proves that nothing was lost.
//!
//! ```text
//! <lake>/<table>/<partition>=<value>/<attempt>-<n>.parquet
//! <lake>/<table>/_headworks/log/00000000000000000007.json   one commit
//! <lake>/<table>/_headworks/packs/00000000000000000100.jsonl    the entries of a hundred commits once more
//! <lake>/<table>/_headworks/manifest.json                   the current version, in the form that COPY takes
//! <lake>/<table>/_headworks/settled.json                    the version up to which all commits are finished
//! <lake>/<table>/_headworks/pending/.hw-<attempt>-<n>.tmp   files that are not committed
//! <lake>/<table>/_headworks/staged/<attempt>-<n>.parquet     rows on their way from one step of a job to the next
//! <lake>/_quarantine/<source>/...                           bad records, a table of the same form
//! ```
//!
//! - An executor opens a [`PartitionedWriter`], and hands the [`PendingFile`]s of its [`WriteOutcome`] back.
//! - The driver opens a [`Table`] and calls [`Table::commit`]. The log entry is the instant; the rest can be
//!   repeated by anybody ([`Table::recover`], which [`Table::snapshot`] does first).
//! - A job that fails calls [`Table::discard`].
//! - Upkeep: [`Table::gc`], [`Table::compact`], [`Table::verify`].
//!
//! What is never done here: an executor does not commit, no clock is read, nothing is renamed that a reader can
//! see, and no file that a reader can see is written to. Calls block; async callers wrap them. The storage beneath
//! is behind [`storage::LakeStorage`], with the calls that S3 has too.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod candidate;
mod commit;
mod compact;
mod crash;
mod encode;
mod error;
mod evolve;
mod gc;
mod history;
pub mod ledger;
mod location;
mod log;
mod manifest;
mod modes;
mod overlap;
mod packs;
pub mod partition;
mod pending;
mod quarantine;
mod quarantined;
pub mod schema;
mod settle;
mod snapshot;
mod staged;
pub mod stats;
pub mod storage;
mod table;
mod verify;
pub mod writer;

#[cfg(test)]
mod tests;

pub use candidate::copies_of;
pub use commit::{COMMIT_RACES_MAX, CommitError, CommitRequest, Committed};
pub use compact::{COMPACT_GROUP_BYTES_MAX, CompactReport, Compaction};
#[doc(hidden)]
pub use crash::CrashPoint;
pub use error::LakeError;
pub use gc::GcReport;
pub use history::{History, NotReplaceable, Replacement};
pub use ledger::{Audit, AuditFailure, InputCounts, InputEntry};
pub use location::{HEADWORKS_FOLDER, QUARANTINE_FOLDER, TableLocation, tables, tables_begun};
pub use log::{LOG_V, LogEntry, Mode, iso8601};
pub use manifest::{Manifest, ManifestEntry, ManifestMeta};
pub use overlap::KeyRange;
pub use pending::{PendingCopy, PendingFile};
pub use quarantine::{BadRecord, QUARANTINE_BUFFER_BYTES_MAX, QuarantineWriter, quarantine_schema};
pub use quarantined::Quarantined;
pub use settle::Settled;
pub use snapshot::{DataFile, Snapshot};
pub use table::Table;
pub use verify::{FOOTER_BYTES_MAX, Problem, VerifyReport};
pub use writer::{
    Compression, PartitionedWriter, SortColumn, WriteOutcome, WriterConfig, table_schema,
};

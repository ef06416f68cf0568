//! The plan nodes that Headworks adds: what is read, filtered and written is
//! counted by the node that does it, and told to the driver as the task ends.

mod check_report;
mod first_of_key;
mod lake_write;
mod ledger_filter;
mod scan_report;
mod sorted;
mod stop;
mod touched;
mod unary;
mod unnest_report;
mod upsert;

pub use check_report::CheckReportExec;
pub use first_of_key::{FirstOfKeyExec, FirstOfKeySpec, SortedColumn};
pub use lake_write::{LakeWriteExec, WriteSpec};
pub use ledger_filter::LedgerFilterExec;
pub use scan_report::{ScanReportExec, source_of};
pub(crate) use sorted::ordering;
pub use stop::StopExec;
pub use touched::{DATA_FILE_COLUMN, TouchedFilesExec};
pub use unnest_report::{UnnestReportExec, UnnestSide};
pub use upsert::{FROM_QUERY, FROM_TABLE, ORIGIN_COLUMN, UpsertExec, UpsertSpec};

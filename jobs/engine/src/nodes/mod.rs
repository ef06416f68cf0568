//! The plan nodes that Headworks adds: what is read, filtered and written is
//! counted by the node that does it, and told to the driver as the task ends.

mod check_report;
mod lake_write;
mod ledger_filter;
mod scan_report;
mod stop;
mod unary;
mod unnest_report;

pub use check_report::CheckReportExec;
pub use lake_write::{LakeWriteExec, WriteSpec};
pub use ledger_filter::LedgerFilterExec;
pub use scan_report::{ScanReportExec, source_of};
pub use stop::StopExec;
pub use unnest_report::{UnnestReportExec, UnnestSide};

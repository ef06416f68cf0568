//! Reports of made-up splits.

use headworks_engine::api::ScannedSplit;
use headworks_formats::{SplitReport, Start, SyncKind, SyncPoint};
use headworks_sources::SplitSpec;

/// The report of a whole file.
pub(crate) fn whole_file(bytes: u64, records: u64) -> SplitReport {
    SplitReport {
        assumed: Start::File,
        end: bytes,
        first: SyncPoint {
            offset: 0,
            kind: SyncKind::Record,
        },
        reached: SyncPoint {
            offset: bytes,
            kind: SyncKind::Eof,
        },
        done: true,
        read: records,
        emitted: records,
        quarantined: 0,
        dropped: 0,
        filtered: 0,
        kept_bad: 0,
        discarded_rows: 0,
        newlines: 0,
        newlines_past_end: 0,
        bad_values: Default::default(),
        unknown: Default::default(),
        unknown_more: 0,
        conflict: None,
    }
}

/// A scan of a split with id 0.
pub(crate) fn scan(
    source: &str,
    path: &str,
    start: u64,
    end: u64,
    report: SplitReport,
) -> ScannedSplit {
    let split = SplitSpec {
        id: 0,
        path: path.into(),
        file_size: end,
        start,
        end,
        known_start: None,
        member: None,
        content: None,
        pack: 0,
    };
    ScannedSplit {
        source: source.into(),
        split,
        report,
        quarantine: Vec::new(),
        first_bad: None,
    }
}

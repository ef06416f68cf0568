//! Which records of a file are ours, and the proof that the splits of a file fit together.

use serde::{Deserialize, Serialize};

use super::SplitReport;

/// What is known of the byte at which a split begins. Offsets count decompressed bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Offset 0: a byte-order mark and a prologue may stand here.
    File,
    /// This byte is known to lie in content outside any record.
    Known(u64),
    /// The same is assumed, and must be verified with [`verify_chain`] before the split's rows are believed.
    Guess(u64),
}

impl Start {
    /// The offset of the first byte.
    pub fn offset(self) -> u64 {
        match self {
            Self::File => 0,
            Self::Known(at) | Self::Guess(at) => at,
        }
    }
}

/// A part of a file: ours are the records whose first byte `<` lies in `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Where it begins, and how well that is known.
    pub start: Start,
    /// The offset after its last byte; `u64::MAX` for the end of the file.
    pub end: u64,
}

impl Split {
    /// The whole file.
    pub fn whole() -> Self {
        Self { start: Start::File, end: u64::MAX }
    }
}

/// What stands at a [`SyncPoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncKind {
    /// The split's start itself, which is known.
    Given,
    /// The first byte of a record.
    Record,
    /// The first byte of other markup, `sync_bytes_max` or more past the place looked from.
    Token,
    /// The end of the file.
    Eof,
    /// Nothing was found: the guess led into markup that does not end within reason.
    Lost,
}

/// A place outside any record at which two readers that come from different sides must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncPoint {
    /// The offset.
    pub offset: u64,
    /// What stands there.
    pub kind: SyncKind,
}

/// Whether a split's rows may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chain {
    /// The split began where the one before it ended.
    Verified,
    /// It did not: its result is to be thrown away, and the split read again from [`Start::Known`] at this offset.
    RestartAt(u64),
}

/// Compares the end of a split that is itself verified with the start of the one after it.
pub fn verify_chain(prev: &SplitReport, next: &SplitReport) -> Chain {
    let reached = prev.reached;
    let agrees = match next.assumed {
        Start::File => false,
        Start::Known(at) => at == reached.offset,
        Start::Guess(_) => next.first.kind != SyncKind::Lost && next.first.offset == reached.offset,
    };
    if agrees { Chain::Verified } else { Chain::RestartAt(reached.offset) }
}

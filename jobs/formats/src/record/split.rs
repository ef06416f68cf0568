//! Which records of a file are ours, and the proof that the splits of a file fit together.
//!
//! (What follows is said of XML. In a file of lines every line feed ends a record, so there is less to guess, and no guess
//! is wrong: see `json/lines.rs`. In an array of JSON the only tokens are the first bytes of its items, and what is assumed
//! is that one of them begins where it looks so: see `json/documents/seams.rs`.)
//!
//! Splits are read at the same time, so the reader of one does not know what the one before it will find: its first
//! byte may lie inside a record, a comment, a CDATA section. It *assumes* that it lies in content outside any record,
//! reads on that assumption, and [`verify_chain`] tells afterwards whether the outcome is that of one pass.
//!
//! # Why it is exact
//!
//! **Between records there is one state.** Outside a record the scanner keeps nothing in mind but its position: what
//! it does from a byte on is a function of the bytes from there on, of the configuration, and of the file's *head*: its
//! encoding and the entities declared before its first element ([`Head`](crate::xml::Head)). The head is a function of the
//! file's first bytes, and all readers of a file are told the same one. The same holds for a
//! record: where it ends, and whether it is good, depends on the bytes from its first one on, broken ones included
//! (the rule of `recover` looks nowhere else). Call a position at which the scanner stands outside a record and sees
//! a `<` a *token*. Two scanners that both stand at the same token do the same from there on.
//!
//! **Sync points.** For a place `p` let S(p) be the first token at or after `p` that is a record's first byte, or
//! that is `sync_bytes_max` or more past `p`; or else the end of the file. (A comment that never ends counts as a
//! record that begins at its first byte.) The reader of `[start, end)` reports *first*, which is S(start) as it saw
//! it from its assumed state, and *reached*, which is S(end) as it saw it in the state it was then in, after the last
//! of its own records, however far past `end` that one reached.
//!
//! **Induction.** The first split begins at the file's start, where nothing is assumed. Let the split `[.., p)` be
//! known to be right: its *reached* is the true S(p), the one that a single pass would come to. Let the next one,
//! `[p, q)`, report the same offset as its *first*. Then:
//!
//! - its records before that point: it has none, for S(p) is at or before the first record it saw; and the single
//!   pass has none in `[p, S(p))` either, by definition;
//! - from that point on it stands at the same token as the single pass, so it reads the same records, and its
//!   *reached* is the true S(q). If S(p) lies at or after `q`, no record begins in `[p, q)`, and both look for S(q)
//!   from the same token on: every token that could be S(q) is at or after S(p), because one before it would have
//!   been a record's start at or after `p`, or more than `sync_bytes_max` past `p`, and so S(p) itself.
//!
//! If the offsets differ, the guess was wrong, or led elsewhere: the split is read again from the true S(p) as
//! [`Start::Known`], which assumes nothing, and so is right. Its result replaces the first one. The splits after it
//! are then compared with the new *reached*.
//!
//! **Later documents.** A file may hold several documents, each with a declaration and a DOCTYPE of its own, which a
//! reader further on does not see. So it is the head that counts for all of them, and one that declares anything else
//! is a [`Conflict`](super::Conflict): the file is to be refused. A split notes what it sees from its *first* on, up to
//! its *reached*: there it stands at the tokens of the single pass, if it is to be believed at all, and each of them is
//! in one split's part. Before its *first* it notes nothing, since it may be looking into a comment.
//!
//! # What it costs
//!
//! A reader goes on past its end to the next record, at most `sync_bytes_max` beyond its last record where there is
//! none. A split is read twice only if its start lies inside a comment, a CDATA section or a record in which
//! something stands that looks like a row tag, or in a record longer than `sync_bytes_max` that holds none. A guess
//! that leads into a comment without end is given up after a few times `sync_bytes_max`.

use serde::{Deserialize, Serialize};

use super::SplitReport;

/// What is known of the byte at which a split begins. Offsets count decompressed bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Offset 0: a byte-order mark and a prologue may stand here.
    File,
    /// This byte is known to lie in content outside any record; of a file of lines, to be a line's
    /// first; of an array, an item's.
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

/// A part of a file: ours are the records whose first byte lies in `[start, end)`. (In a file that is read line by line,
/// such as [CSV](crate::csv), those whose line begins after `start` and not after `end`, which is to say that the line end
/// before them lies in `[start, end)`.)
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
        Self {
            start: Start::File,
            end: u64::MAX,
        }
    }
}

/// What stands at a [`SyncPoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncKind {
    /// The split's start itself, which is known.
    Given,
    /// The first byte of a record; of a file of lines, that of a line.
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
    if agrees {
        Chain::Verified
    } else {
        Chain::RestartAt(reached.offset)
    }
}

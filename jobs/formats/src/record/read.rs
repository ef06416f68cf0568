//! What passes between a reader and whoever feeds it.

use arrow::error::ArrowError;
use thiserror::Error;

use super::BadRecord;

/// How many bytes of bad records a reader holds before the caller is asked to take them.
pub(crate) const BAD_BYTES_MAX: usize = 4 << 20;

/// What came of looking at a file's first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadState<H> {
    /// They are too few: come again with this many, or with all that the file has.
    NeedMore(usize),
    /// They tell.
    Known(H),
}

/// What came of one buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fed {
    /// How many bytes at the buffer's start are used up.
    pub consumed: usize,
    /// What the reader wants next.
    pub state: FedState,
}

/// What a reader wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FedState {
    /// A buffer that begins at the reader's position and holds at least this many bytes, or is the file's last.
    NeedInput {
        /// The number of bytes.
        at_least: usize,
    },
    /// A batch is full, or many bad records are held: take both (there may be no batch), then go on from the
    /// reader's position.
    BatchReady,
    /// The split is finished; the last batch, if any, can be taken.
    Done,
}

/// A failure that ends the reading of a split.
#[derive(Debug, Error)]
pub enum ReadFailure {
    /// The file's encoding is not known, not read, or not what it is said to be. Set the option, or convert the file.
    #[error("byte {at}: {what}")]
    Encoding {
        /// The byte that says so.
        at: u64,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The header of a file does not say what its columns are.
    #[error("byte {at}, in the header: {what}")]
    Header {
        /// The byte at which that shows.
        at: u64,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A record is bad and the configuration says to fail.
    #[error("bad record at byte {}: {}", .0.offset, .0.reason)]
    BadRecord(Box<BadRecord>),
    /// A record holds what the schema lacks and the configuration says to fail.
    #[error(
        "byte {at}: the schema lacks `{path}` (here `{example}`), and on_unknown says freeze; add it to the schema, or \
         say evolve, discard_value or discard_row"
    )]
    Unknown {
        /// Where it stands.
        at: u64,
        /// Its path from the record, `/` between names.
        path: String,
        /// Its text, cut.
        example: String,
    },
    /// The schema was inferred from a sample, and a record holds what that did not show: see
    /// [`Sampled`](crate::Sampled).
    #[error(
        "byte {at}: a sample of the records did not show what `{path}` holds here: `{example}`"
    )]
    Surprise {
        /// Where it stands.
        at: u64,
        /// Its path from the record, `/` between names.
        path: String,
        /// Its text, cut.
        example: String,
    },
    /// What is to be kept of a document comes after more records than may be held.
    #[error(
        "byte {at}: the records of this document are held until `{path}` of it is known, and exceed record_bytes_max, \
         {bytes_max} bytes; leave that out of `keep`, or raise record_bytes_max"
    )]
    Held {
        /// The first byte of the record that is too much.
        at: u64,
        /// What is to be kept.
        path: String,
        /// The limit.
        bytes_max: u64,
    },
    /// More different paths than a record may have.
    #[error(
        "the records have more than {paths_max} different paths; choose records deeper in the file (row_tag, records)"
    )]
    TooManyPaths {
        /// The limit.
        paths_max: usize,
    },
    /// Arrow refused what was built: our own mistake.
    #[error("a batch could not be built")]
    Arrow(#[from] ArrowError),
}

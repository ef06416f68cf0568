//! What to generate.

use serde::Serialize;

pub use crate::output::Size;

/// The outer form of the data; see the [module](super).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Yearly archive files: `listOfAwards`, `listOfIDVs`.
    Archive,
    /// Pages of the ATOM feed.
    Atom,
    /// One flat file for benchmarks: `awards/award`, no namespace.
    Flat,
}

/// The four kinds of record, by the name of their element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
pub enum RecordType {
    /// A contract or an order.
    #[serde(rename = "award")]
    #[value(name = "award")]
    Award,
    /// An indefinite delivery vehicle.
    #[value(name = "IDV")]
    #[serde(rename = "IDV")]
    Idv,
    /// An other-transaction agreement or order.
    #[value(name = "OtherTransactionAward")]
    OtherTransactionAward,
    /// An other-transaction vehicle.
    #[value(name = "OtherTransactionIDV")]
    #[serde(rename = "OtherTransactionIDV")]
    OtherTransactionIdv,
}

impl RecordType {
    /// All of them, in the order of [`RecordType::index`].
    pub const ALL: [Self; 4] = [
        Self::Award,
        Self::Idv,
        Self::OtherTransactionAward,
        Self::OtherTransactionIdv,
    ];

    /// The element's local name.
    #[must_use]
    pub fn row_tag(self) -> &'static str {
        match self {
            Self::Award => "award",
            Self::Idv => "IDV",
            Self::OtherTransactionAward => "OtherTransactionAward",
            Self::OtherTransactionIdv => "OtherTransactionIDV",
        }
    }

    /// Its place in [`RecordType::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// The whole order.
#[derive(Debug, Clone)]
pub struct Options {
    /// The outer form.
    pub shape: Shape,
    /// How much.
    pub size: Size,
    /// How many of the records are broken; they take turns through [`super::bad::BadKind::ALL`].
    pub bad: u64,
    /// The same seed and options give the same bytes.
    pub seed: u64,
    /// The record types; empty for the shape's usual ones.
    pub types: Vec<RecordType>,
    /// Over how many files; `None` for the shape's usual number.
    pub files: Option<u64>,
    /// Compress each file; `.gz` is added to its name.
    pub gzip: bool,
}

impl Options {
    /// The usual order of `shape`: no bad records, usual types and files.
    #[must_use]
    pub fn new(shape: Shape, size: Size, seed: u64) -> Self {
        Self {
            shape,
            size,
            bad: 0,
            seed,
            types: Vec::new(),
            files: None,
            gzip: false,
        }
    }

    /// The record types to draw from.
    pub(crate) fn types(&self) -> Vec<RecordType> {
        if !self.types.is_empty() {
            return self.types.clone();
        }
        match self.shape {
            Shape::Archive => vec![RecordType::Award, RecordType::Idv],
            Shape::Atom => RecordType::ALL.to_vec(),
            Shape::Flat => vec![RecordType::Award],
        }
    }
}

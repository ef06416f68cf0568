//! How the records of a run are spread over files.

use super::options::{Options, RecordType, Shape};
use super::record::{FISCAL_YEAR_FIRST, FISCAL_YEARS};
use super::shape::ENTRIES_A_PAGE;

/// Pages in one folder.
const PAGES_A_FOLDER: u64 = 1000;

/// One file to be written.
#[derive(Debug)]
pub(crate) struct FilePlan {
    /// Relative to the folder, with `/`, and `.gz` if compressed.
    pub(crate) path: String,
    /// The archive's record type; elsewhere records draw their own.
    pub(crate) kind: RecordType,
    /// The archive's fiscal year; elsewhere records draw their own.
    pub(crate) fiscal_year: Option<i32>,
    /// Number of the file's first record.
    pub(crate) first: u64,
    /// How many records it gets.
    pub(crate) records: u64,
}

/// How many files the run has.
pub(crate) fn count(options: &Options, records: u64) -> u64 {
    let usual = match options.shape {
        Shape::Archive => options.types().len() as u64,
        Shape::Atom => records.div_ceil(ENTRIES_A_PAGE),
        Shape::Flat => 1,
    };
    options.files.unwrap_or(usual).max(1)
}

/// File number `index` of `files`.
pub(crate) fn plan(options: &Options, records: u64, files: u64, index: u64) -> FilePlan {
    let types = options.types();
    // Whole pages first, so that the usual feed has ten entries on each page but the last.
    let share = |n: u64| match (options.shape, options.files) {
        (Shape::Atom, None) => (n * ENTRIES_A_PAGE).min(records),
        _ => (u128::from(n) * u128::from(records) / u128::from(files)) as u64,
    };
    let kind = types[(index % types.len() as u64) as usize];
    let part = index / types.len() as u64;
    let fiscal_year = FISCAL_YEAR_FIRST + FISCAL_YEARS - 1 - (part % FISCAL_YEARS as u64) as i32;
    let first = share(index);
    let mut path = match options.shape {
        Shape::Archive => format!("{fiscal_year}/{}-{part:04}.xml", kind.row_tag()),
        Shape::Atom => {
            format!(
                "pages-{:04}/page-{index:07}-start-{first}.xml",
                index / PAGES_A_FOLDER
            )
        }
        Shape::Flat if files == 1 => "awards.xml".to_string(),
        Shape::Flat => format!("awards-{index:04}.xml"),
    };
    if options.gzip {
        path.push_str(".gz");
    }
    FilePlan {
        path,
        kind,
        fiscal_year: (options.shape == Shape::Archive).then_some(fiscal_year),
        first,
        records: share(index + 1) - first,
    }
}

//! Events of a web shop as newline-delimited JSON: the file of the JSON benchmarks.
//!
//! A record has 18 fields in some 494 bytes: two objects and a list among them, numbers that are integers, exact
//! decimals or coordinates, texts that are moments, codes with leading zeros or names with letters of several bytes,
//! and seven fields that may be `null`. One record in a hundred is delivered again later, byte for byte, so that a job
//! has something to dedupe. With [`Options::dimensions`] two tables in CSV stand beside the events, `users.csv` and
//! `products.csv`, for joins.
//!
//! A record is a function of the seed and its number alone, which is how one is delivered again without being kept.

mod dimensions;
mod record;
#[cfg(test)]
mod tests;
mod truth;

use std::io;
use std::path::Path;

pub use truth::Truth;

use crate::folder::{self, Error};
use crate::output::{OutputFile, Size};
use crate::rng::Rng;
use dimensions::Dimensions;
use record::Record;
use truth::TruthBuilder;

/// How many records are drawn to learn their mean size.
const SAMPLE_RECORDS: u64 = 2_000;
/// One record in so many is delivered again.
const REDELIVERED_ONE_IN: u64 = 100;
/// At most so many records after the first time.
const REDELIVERED_WITHIN: u64 = 50_000;
/// The days over which many files are spread.
const DAYS: u64 = 90;
/// Streams of the seed that are not records'.
const POSITIONS: u64 = 1 << 62;
const SAMPLE: u64 = 1 << 61;

/// The whole order.
#[derive(Debug, Clone)]
pub struct Options {
    /// How much, the records that are delivered again among them.
    pub size: Size,
    /// The same seed and options give the same bytes.
    pub seed: u64,
    /// Over how many files. One is `events.ndjson`; more lie in folders of days, `2026/03/14/part-00007.ndjson`.
    pub files: u64,
    /// Whether `users.csv` and `products.csv` are written too.
    pub dimensions: bool,
    /// Compress each file of events; `.gz` is added to its name.
    pub gzip: bool,
}

impl Options {
    /// One file of events, and nothing beside it.
    #[must_use]
    pub fn new(size: Size, seed: u64) -> Self {
        Self {
            size,
            seed,
            files: 1,
            dimensions: false,
            gzip: false,
        }
    }
}

/// Writes the data that `options` order into `folder`, and its truth as [`folder::TRUTH_FILE`]. What an earlier run
/// left there is removed first.
///
/// # Errors
/// [`Error::Options`] for an order that makes no sense, [`Error::Io`] for a folder that can't be written.
pub fn generate(options: &Options, folder: &Path) -> Result<Truth, Error> {
    if options.files == 0 {
        return Err(Error::Options(
            "no files: ask for one at least, with `--files 1`".to_owned(),
        ));
    }
    let dimensions = Dimensions::draw(options.seed);
    let records = match options.size {
        Size::Records(records) => records,
        Size::Bytes(bytes) => (bytes as f64 / mean_record_bytes(options.seed)) as u64,
    };
    folder::remove_earlier_run(folder)?;
    let mut truth = TruthBuilder::new(&dimensions);
    for index in 0..options.files {
        let share =
            |n: u64| (u128::from(n) * u128::from(records) / u128::from(options.files)) as u64;
        let name = file_name(options, index);
        let path = folder.join(&name);
        write_file(options, &path, share(index)..share(index + 1), &mut truth)
            .map(|written| truth.file(name, written))
            .map_err(Error::at(&path))?;
    }
    if options.dimensions {
        dimensions.write(folder)?;
    }
    let truth = truth.finish(options.seed);
    folder::write_truth(&truth, folder)?;
    Ok(truth)
}

/// What one file got: its records, its bytes before compression and on disk.
pub(crate) struct Written {
    records: u64,
    plain_bytes: u64,
    bytes: u64,
}

fn write_file(
    options: &Options,
    path: &Path,
    positions: std::ops::Range<u64>,
    truth: &mut TruthBuilder,
) -> io::Result<Written> {
    let records = positions.end - positions.start;
    let mut file = OutputFile::create(path, options.gzip)?;
    for position in positions {
        let number = number_at(options.seed, position);
        let record = Record::draw(options.seed, number);
        record.write(&mut file.buffer);
        truth.record(&record, number != position);
        file.flush_if_full()?;
    }
    let (plain_bytes, bytes) = file.finish()?;
    Ok(Written {
        records,
        plain_bytes,
        bytes,
    })
}

/// Which record stands at a position: its own, or one before it once more.
fn number_at(seed: u64, position: u64) -> u64 {
    match earlier(seed, position) {
        // What stands there is itself delivered again: its own record never came a first time.
        Some(number) if earlier(seed, number).is_none() => number,
        _ => position,
    }
}

fn earlier(seed: u64, position: u64) -> Option<u64> {
    let mut rng = Rng::new(seed, POSITIONS + position);
    (position > 0 && rng.one_in(REDELIVERED_ONE_IN))
        .then(|| position - 1 - rng.below(position.min(REDELIVERED_WITHIN)))
}

fn file_name(options: &Options, index: u64) -> String {
    let mut name = if options.files == 1 {
        "events.ndjson".to_owned()
    } else {
        // Files of one day follow one another, as records do.
        let day = index * DAYS.min(options.files) / options.files;
        let (year, month, date) = record::FIRST_DAY.plus(day as i32).date();
        format!("{year}/{month:02}/{date:02}/part-{index:05}.ndjson")
    };
    if options.gzip {
        name.push_str(".gz");
    }
    name
}

/// The mean size of a record over a sample that the seed draws.
fn mean_record_bytes(seed: u64) -> f64 {
    let mut out = Vec::new();
    for number in 0..SAMPLE_RECORDS {
        Record::draw(seed, SAMPLE + number).write(&mut out);
    }
    out.len() as f64 / SAMPLE_RECORDS as f64
}

//! What a correct reader finds in the generated data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::bad::BadKind;
use super::options::{RecordType, Shape};
use super::record::Record;
use crate::text::decimal;

/// The truth of one run, as it stands in `truth.json`.
///
/// Sums are exact decimal strings with two places. All counts and sums but [`Truth::bad_records`]
/// are of the good records: those that a reader must deliver.
#[derive(Debug, Serialize)]
pub struct Truth {
    /// Version of this layout.
    pub v: u32,
    /// The outer form.
    pub shape: Shape,
    /// The seed.
    pub seed: u64,
    /// Data files.
    pub files: u64,
    /// Their size on disk.
    pub bytes: u64,
    /// Their size before compression.
    pub xml_bytes: u64,
    /// Good records.
    pub records: u64,
    /// Good records of each data file, by its path relative to the folder.
    pub records_by_file: BTreeMap<String, u64>,
    /// Good records by the row's element name.
    pub records_by_type: BTreeMap<String, u64>,
    /// Good records by `<type> <version attribute>`, where the shape has that attribute.
    pub records_by_version: BTreeMap<String, u64>,
    /// Good records by the fiscal year (October to September) of the signed date.
    pub records_by_fiscal_year: BTreeMap<String, u64>,
    /// Good records by the calendar year of the signed date.
    pub records_by_signed_year: BTreeMap<String, u64>,
    /// Good records by the agency of the record's own identity.
    pub records_by_agency: BTreeMap<String, u64>,
    /// Sum of `obligatedAmount`.
    pub sum_obligated: String,
    /// The same by type.
    pub sum_obligated_by_type: BTreeMap<String, String>,
    /// The same by fiscal year.
    pub sum_obligated_by_fiscal_year: BTreeMap<String, String>,
    /// The same by agency.
    pub sum_obligated_by_agency: BTreeMap<String, String>,
    /// The broken records, in the order of files and offsets.
    pub bad_records: Vec<BadRecord>,
}

/// One record that was broken on purpose.
#[derive(Debug, Serialize)]
pub struct BadRecord {
    /// The file, relative to the folder.
    pub file: String,
    /// Of the `<` of the record's element, in the file before compression.
    pub offset: u64,
    /// Of the same byte, counted from 1.
    pub line: u64,
    /// From there to the end of the record's end tag.
    pub bytes: u64,
    /// The row's element name.
    pub row_tag: String,
    /// What is wrong with it.
    pub kind: BadKind,
}

/// Counts one thing by a key: records, and cents obligated.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, (u64, i128)>);

impl Tally {
    fn add(&mut self, key: &str, cents: i64) {
        // Only the first record of a key pays for a string.
        if let Some(entry) = self.0.get_mut(key) {
            entry.0 += 1;
            entry.1 += i128::from(cents);
        } else {
            self.0.insert(key.to_string(), (1, i128::from(cents)));
        }
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        self.0
            .iter()
            .map(|(key, (count, _))| (key.clone(), *count))
            .collect()
    }

    fn sums(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(key, (_, cents))| (key.clone(), decimal(*cents)))
            .collect()
    }
}

/// Gathers the truth while records are written.
#[derive(Debug, Default)]
pub(crate) struct TruthBuilder {
    by_type: Tally,
    by_version: Tally,
    by_fiscal_year: Tally,
    by_signed_year: Tally,
    by_agency: Tally,
    by_file: BTreeMap<String, u64>,
    bad: Vec<BadRecord>,
    bytes: u64,
    xml_bytes: u64,
    key: String,
}

impl TruthBuilder {
    /// Counts a good record. `versioned` says whether the shape writes the version attribute.
    pub(crate) fn good(&mut self, record: &Record, versioned: bool) {
        let cents = record.obligated;
        self.by_type.add(record.kind.row_tag(), cents);
        self.by_agency.add(record.agency.code, cents);
        let key = &mut self.key;
        for (tally, year) in [
            (&mut self.by_fiscal_year, record.fiscal_year),
            (&mut self.by_signed_year, record.signed.year()),
        ] {
            key.clear();
            // Writing to a string can't fail.
            let _ = write!(key, "{year}");
            tally.add(key, cents);
        }
        if versioned {
            key.clear();
            key.push_str(record.kind.row_tag());
            key.push(' ');
            key.push_str(record.version);
            self.by_version.add(key, cents);
        }
    }

    /// Notes a broken record.
    pub(crate) fn bad(&mut self, bad: BadRecord) {
        self.bad.push(bad);
    }

    /// Closes a file.
    pub(crate) fn file(&mut self, path: String, good_records: u64, xml_bytes: u64, bytes: u64) {
        self.by_file.insert(path, good_records);
        self.bytes += bytes;
        self.xml_bytes += xml_bytes;
    }

    /// The finished truth.
    pub(crate) fn finish(self, shape: Shape, seed: u64) -> Truth {
        let total: i128 = self.by_type.0.values().map(|(_, cents)| cents).sum();
        let mut records_by_type = self.by_type.counts();
        // A type that got no good record still says so, if it got a bad one.
        for bad in &self.bad {
            records_by_type.entry(bad.row_tag.clone()).or_insert(0);
        }
        Truth {
            v: 1,
            shape,
            seed,
            files: self.by_file.len() as u64,
            bytes: self.bytes,
            xml_bytes: self.xml_bytes,
            records: self.by_file.values().sum(),
            records_by_file: self.by_file,
            records_by_type,
            records_by_version: self.by_version.counts(),
            records_by_fiscal_year: self.by_fiscal_year.counts(),
            records_by_signed_year: self.by_signed_year.counts(),
            records_by_agency: self.by_agency.counts(),
            sum_obligated: decimal(total),
            sum_obligated_by_type: self.by_type.sums(),
            sum_obligated_by_fiscal_year: self.by_fiscal_year.sums(),
            sum_obligated_by_agency: self.by_agency.sums(),
            bad_records: self.bad,
        }
    }
}

impl Truth {
    /// Good records of one type.
    #[must_use]
    pub fn records_of(&self, kind: RecordType) -> u64 {
        self.records_by_type
            .get(kind.row_tag())
            .copied()
            .unwrap_or(0)
    }
}

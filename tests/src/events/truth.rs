//! What a correct reader finds in a run's events.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Written;
use super::dimensions::Dimensions;
use super::record::{Kind, Record};
use crate::text::decimal;

/// The truth of one run, as it stands in `truth.json`. Sums are exact decimal strings with two places.
#[derive(Debug, Serialize)]
pub struct Truth {
    /// Version of this layout.
    pub v: u32,
    /// The seed.
    pub seed: u64,
    /// Files of events.
    pub files: u64,
    /// Their size on disk.
    pub bytes: u64,
    /// Their size before compression.
    pub plain_bytes: u64,
    /// Lines.
    pub records: u64,
    /// Lines of each file, by its path relative to the folder.
    pub records_by_file: BTreeMap<String, u64>,
    /// Events: each counts once, however often it was delivered.
    pub events: u64,
    /// Events by their type.
    pub events_by_type: BTreeMap<String, u64>,
    /// Events of nobody who is logged in.
    pub anonymous: u64,
    /// Sum of `amount` over all lines.
    pub sum_amount: String,
    /// Sum of `amount` over the events.
    pub revenue: String,
    /// The same by the product's category.
    pub revenue_by_category: BTreeMap<String, String>,
    /// The same by the user's tier.
    pub revenue_by_tier: BTreeMap<String, String>,
    /// The same by the country that the event came from.
    pub revenue_by_country: BTreeMap<String, String>,
}

/// Gathers the truth while records are written.
pub(crate) struct TruthBuilder<'a> {
    dimensions: &'a Dimensions,
    files: BTreeMap<String, u64>,
    bytes: u64,
    plain_bytes: u64,
    events: [u64; Kind::ALL.len()],
    anonymous: u64,
    cents_of_lines: i128,
    cents: i128,
    by_category: Sums,
    by_tier: Sums,
    by_country: Sums,
}

/// Cents by a name.
#[derive(Default)]
struct Sums(BTreeMap<&'static str, i128>);

impl Sums {
    fn add(&mut self, name: &'static str, cents: i128) {
        *self.0.entry(name).or_default() += cents;
    }

    fn finish(self) -> BTreeMap<String, String> {
        let text = |(name, cents): (&str, i128)| (name.to_owned(), decimal(cents));
        self.0.into_iter().map(text).collect()
    }
}

impl<'a> TruthBuilder<'a> {
    pub(crate) fn new(dimensions: &'a Dimensions) -> Self {
        Self {
            dimensions,
            files: BTreeMap::new(),
            bytes: 0,
            plain_bytes: 0,
            events: [0; Kind::ALL.len()],
            anonymous: 0,
            cents_of_lines: 0,
            cents: 0,
            by_category: Sums::default(),
            by_tier: Sums::default(),
            by_country: Sums::default(),
        }
    }

    /// Counts a line; `again` says that its event was there before.
    pub(crate) fn record(&mut self, record: &Record, again: bool) {
        let paid = record.kind == Kind::Purchase;
        let cents = i128::from(record.cents);
        if paid {
            self.cents_of_lines += cents;
        }
        if again {
            return;
        }
        self.events[record.kind as usize] += 1;
        self.anonymous += u64::from(record.user.is_none());
        if !paid {
            return;
        }
        self.cents += cents;
        self.by_country.add(record.country(), cents);
        if let Some(product) = record.product {
            self.by_category
                .add(self.dimensions.category(product), cents);
        }
        if let Some(user) = record.user {
            self.by_tier.add(self.dimensions.tier(user), cents);
        }
    }

    /// Closes a file.
    pub(crate) fn file(&mut self, name: String, written: Written) {
        self.files.insert(name, written.records);
        self.bytes += written.bytes;
        self.plain_bytes += written.plain_bytes;
    }

    pub(crate) fn finish(self, seed: u64) -> Truth {
        let of_kind = |kind: Kind| (kind.name().to_owned(), self.events[kind as usize]);
        Truth {
            v: 1,
            seed,
            files: self.files.len() as u64,
            bytes: self.bytes,
            plain_bytes: self.plain_bytes,
            records: self.files.values().sum(),
            events: self.events.iter().sum(),
            events_by_type: Kind::ALL.into_iter().map(of_kind).collect(),
            records_by_file: self.files,
            anonymous: self.anonymous,
            sum_amount: decimal(self.cents_of_lines),
            revenue: decimal(self.cents),
            revenue_by_category: self.by_category.finish(),
            revenue_by_tier: self.by_tier.finish(),
            revenue_by_country: self.by_country.finish(),
        }
    }
}

//! What a correct job makes of the deliveries.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Price, push_price};
use crate::text::{Day, push_date};

/// The truth of one run, as it stands in `truth.json`.
#[derive(Debug, Serialize)]
pub struct Truth {
    /// Version of this layout.
    pub v: u32,
    /// The seed.
    pub seed: u64,
    /// Data files, those without prices among them.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Prices that were delivered: one a day in each file.
    pub records: u64,
    /// The same of each file, by its path relative to the folder; none of a file without prices.
    pub records_by_file: BTreeMap<String, u64>,
    /// Pairs of a share and a day.
    pub prices: u64,
    /// What is known of each share in the end.
    pub by_symbol: BTreeMap<String, Share>,
    /// The files without prices.
    pub bad_documents: Vec<BadDocument>,
}

/// One share, after all corrections.
#[derive(Debug, Serialize, Default)]
pub struct Share {
    /// Days with a price.
    pub days: u64,
    /// The first of them.
    pub first: String,
    /// The last of them.
    pub last: String,
    /// What the share closed at on that day, with four places.
    pub last_close: String,
    /// How many were traded in all.
    pub volume: u64,
}

/// A file that holds no prices.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct BadDocument {
    /// Relative to the folder.
    pub file: String,
    /// Its only key.
    pub key: &'static str,
    /// Its length.
    pub bytes: u64,
}

/// Gathers the truth while files are written, in the order of delivery for each share.
#[derive(Default)]
pub(crate) struct TruthBuilder {
    files: BTreeMap<String, u64>,
    bytes: u64,
    prices: BTreeMap<(&'static str, Day), Price>,
    bad: Vec<BadDocument>,
}

impl TruthBuilder {
    pub(crate) fn bad(&mut self, file: String, bytes: u64, key: &'static str) {
        self.files.insert(file.clone(), 0);
        self.bytes += bytes;
        self.bad.push(BadDocument { file, key, bytes });
    }

    pub(crate) fn series(
        &mut self,
        file: String,
        bytes: u64,
        symbol: &'static str,
        series: &BTreeMap<Day, Price>,
    ) {
        self.files.insert(file, series.len() as u64);
        self.bytes += bytes;
        for (day, price) in series {
            self.prices.insert((symbol, *day), *price);
        }
    }

    pub(crate) fn finish(mut self, seed: u64) -> Truth {
        let mut by_symbol: BTreeMap<String, Share> = BTreeMap::new();
        for ((symbol, day), price) in &self.prices {
            let share = by_symbol.entry((*symbol).to_owned()).or_default();
            share.days += 1;
            share.volume += price.volume;
            share.last = text(|out| push_date(out, *day));
            share.last_close = text(|out| push_price(out, price.close));
            if share.first.is_empty() {
                share.first.clone_from(&share.last);
            }
        }
        self.bad.sort_by(|a, b| a.file.cmp(&b.file));
        Truth {
            v: 1,
            seed,
            files: self.files.len() as u64,
            bytes: self.bytes,
            records: self.files.values().sum(),
            records_by_file: self.files,
            prices: self.prices.len() as u64,
            by_symbol,
            bad_documents: self.bad,
        }
    }
}

fn text(write: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

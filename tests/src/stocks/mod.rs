//! Daily prices of shares in JSON, as a service hands them out.
//!
//! One file a share and day of delivery, `2026/03/14/SYMBOL.json`, holds the last days up to then: dates are keys,
//! numbers are text. So every day is delivered several times; its first delivery is preliminary, the next one corrects
//! it. Some files are delivered twice (`SYMBOL.again.json`), and some are no prices but what the service says instead:
//! `{"Error Message": ...}`, `{"Note": ...}`, `{"Information": ...}`.

#[cfg(test)]
mod tests;
mod truth;

use std::collections::BTreeMap;
use std::path::Path;

pub use truth::{BadDocument, Share, Truth};

use crate::folder::{self, Error};
use crate::output::OutputFile;
use crate::rng::Rng;
use crate::text::{Day, push_date, push_number};
use truth::TruthBuilder;

const FIRST_DAY: Day = Day::of(2025, 11, 17);
const SYMBOLS: [&str; 8] = [
    "AAPL", "AMZN", "BRK.B", "IBM", "JPM", "MSFT", "TSLA", "VOW3.DEX",
];
/// One file in so many holds no prices.
const BAD_ONE_IN: u64 = 12;
/// One file in so many is delivered twice.
const AGAIN_ONE_IN: u64 = 9;
/// Of the seed: prices, what they are corrected to, and what happens to deliveries.
const DELIVERIES_STREAM: u64 = 1 << 62;

/// What the service says in place of prices.
const BODIES: [(&str, &str); 3] = [
    (
        "Error Message",
        "Invalid API call. Please retry or visit the documentation for TIME_SERIES_DAILY.",
    ),
    (
        "Note",
        "Thank you for using us! Our standard call frequency is 5 calls per minute and 500 calls per day.",
    ),
    ("Information", "The **demo** key is for demo purposes only."),
];

/// The whole order.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many shares, at most as many as there are names for: 8.
    pub symbols: u64,
    /// How many days something is delivered on; weekends are left out.
    pub days: u64,
    /// How many days one file holds, at most.
    pub window: u64,
    /// The same seed and options give the same bytes.
    pub seed: u64,
}

impl Options {
    /// Some weeks of a few shares.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            symbols: 4,
            days: 30,
            window: 10,
            seed,
        }
    }
}

/// One day of one share; prices in ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price {
    open: u64,
    high: u64,
    low: u64,
    pub(crate) close: u64,
    pub(crate) volume: u64,
}

/// Writes the data that `options` order into `folder`, and its truth as [`folder::TRUTH_FILE`]. What an earlier run
/// left there is removed first.
///
/// # Errors
/// [`Error::Options`] for an order that makes no sense, [`Error::Io`] for a folder that can't be written.
pub fn generate(options: &Options, folder: &Path) -> Result<Truth, Error> {
    if options.symbols > SYMBOLS.len() as u64 || options.window == 0 {
        return Err(Error::Options(format!(
            "ask for at most {} symbols, and a window of at least one day",
            SYMBOLS.len()
        )));
    }
    folder::remove_earlier_run(folder)?;
    let mut truth = TruthBuilder::default();
    let days = trading_days(options.days);
    for (number, symbol) in SYMBOLS.iter().take(options.symbols as usize).enumerate() {
        let prices = drawn_prices(options.seed, number as u64, days.len());
        for today in 0..days.len() {
            deliver(
                options,
                folder,
                (number, *symbol),
                &days,
                &prices,
                today,
                &mut truth,
            )?;
        }
    }
    let truth = truth.finish(options.seed);
    folder::write_truth(&truth, folder)?;
    Ok(truth)
}

/// The files of one share on one day.
fn deliver(
    options: &Options,
    folder: &Path,
    (number, symbol): (usize, &'static str),
    days: &[Day],
    prices: &[Price],
    today: usize,
    truth: &mut TruthBuilder,
) -> Result<(), Error> {
    let stream = DELIVERIES_STREAM + ((number as u64) << 32) + today as u64;
    let mut rng = Rng::new(options.seed, stream);
    let first = (today + 1).saturating_sub(options.window as usize);
    let mut series: BTreeMap<Day, Price> = BTreeMap::new();
    for place in first..=today {
        series.insert(days[place], prices[place]);
    }
    // What is told of the day itself is corrected the day after.
    if let Some(price) = series.get_mut(&days[today]) {
        price.close = price.low;
        price.volume /= 2;
    }
    let (year, month, date) = days[today].date();
    let prefix = format!("{year}/{month:02}/{date:02}/{symbol}");
    let bad = rng.one_in(BAD_ONE_IN).then(|| rng.pick(&BODIES));
    let again = rng.one_in(AGAIN_ONE_IN);
    for name in [format!("{prefix}.json"), format!("{prefix}.again.json")]
        .into_iter()
        .take(1 + usize::from(again))
    {
        let path = folder.join(&name);
        let mut file = OutputFile::create(&path, false).map_err(Error::at(&path))?;
        match bad {
            Some(body) => write_body(&mut file.buffer, body),
            None => write_series(&mut file.buffer, symbol, days[today], &series),
        }
        let (_, bytes) = file.finish().map_err(Error::at(&path))?;
        match bad {
            Some((key, _)) => truth.bad(name, bytes, key),
            None => truth.series(name, bytes, symbol, &series),
        }
    }
    Ok(())
}

fn trading_days(count: u64) -> Vec<Day> {
    let workday = |day: &Day| (day.0 + 3).rem_euclid(7) < 5;
    (0..)
        .map(|n| FIRST_DAY.plus(n))
        .filter(workday)
        .take(count as usize)
        .collect()
}

/// A share's true prices, day after day.
fn drawn_prices(seed: u64, number: u64, days: usize) -> Vec<Price> {
    let mut rng = Rng::new(seed, number);
    let mut last = 500_000 + rng.below(3_000_000);
    let mut prices = Vec::new();
    for _ in 0..days {
        let open = last * (9_900 + rng.below(201)) / 10_000;
        let close = open * (9_800 + rng.below(401)) / 10_000;
        let (least, most) = (open.min(close), open.max(close));
        prices.push(Price {
            open,
            high: most + rng.below(20_000),
            low: least.saturating_sub(rng.below(20_000)).max(1),
            close,
            volume: 1_000_000 + rng.below(60_000_000),
        });
        last = close;
    }
    prices
}

fn write_body(out: &mut Vec<u8>, (key, text): (&str, &str)) {
    out.extend_from_slice(format!("{{\n    \"{key}\": \"{text}\"\n}}\n").as_bytes());
}

/// The newest day first, as the service has it.
fn write_series(out: &mut Vec<u8>, symbol: &str, today: Day, series: &BTreeMap<Day, Price>) {
    out.extend_from_slice(b"{\n  \"Meta Data\": {\n    \"1. Information\": \"Daily Prices (open, high, low, close) and Volumes\",\n    \"2. Symbol\": \"");
    out.extend_from_slice(symbol.as_bytes());
    out.extend_from_slice(b"\",\n    \"3. Last Refreshed\": \"");
    push_date(out, today);
    out.extend_from_slice(b"\",\n    \"4. Output Size\": \"Compact\",\n    \"5. Time Zone\": \"US/Eastern\"\n  },\n  \"Time Series (Daily)\": {");
    for (place, (day, price)) in series.iter().rev().enumerate() {
        out.extend_from_slice(if place == 0 {
            b"\n    \""
        } else {
            b",\n    \""
        });
        push_date(out, *day);
        out.extend_from_slice(b"\": {");
        let prices = [
            ("1. open", price.open),
            ("2. high", price.high),
            ("3. low", price.low),
            ("4. close", price.close),
        ];
        for (name, price) in prices {
            out.extend_from_slice(format!("\n      \"{name}\": \"").as_bytes());
            push_price(out, price);
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\n      \"5. volume\": \"");
        push_number(out, price.volume, 1);
        out.extend_from_slice(b"\"\n    }");
    }
    out.extend_from_slice(b"\n  }\n}\n");
}

/// Appends ten-thousandths: `178.3000`.
pub(crate) fn push_price(out: &mut Vec<u8>, price: u64) {
    push_number(out, price / 10_000, 1);
    out.push(b'.');
    push_number(out, price % 10_000, 4);
}

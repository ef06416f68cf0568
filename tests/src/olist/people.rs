//! What is there before anybody orders: categories, products, sellers, and where places are.

use super::truth::TruthBuilder;
use super::words::{CATEGORIES, CITIES, UNTRANSLATED};
use super::{Options, Table, Tables};
use crate::folder::Error;
use crate::rng::Rng;
use crate::text::{push_hex, push_number};

/// Streams of the seed, one a table. Orders have those from 0.
const PRODUCTS_STREAM: u64 = 1 << 62;
const SELLERS_STREAM: u64 = 1 << 61;
const PLACES_STREAM: u64 = 3 << 61;
/// One product in so many has no category.
const NO_CATEGORY_ONE_IN: u64 = 40;
/// How many postal codes a city has.
pub(crate) const CODES_A_CITY: u64 = 3;
/// How many points a postal code has.
const POINTS_A_CODE: u64 = 2;

/// How many products there are for so many orders.
pub(crate) fn products(options: &Options) -> u64 {
    options.orders / 3 + 10
}

/// How many sellers there are for so many orders.
pub(crate) fn sellers(options: &Options) -> u64 {
    options.orders / 10 + 4
}

/// Appends the identity of a thing of a kind: 32 digits, as of a hash.
pub(crate) fn push_id(out: &mut Vec<u8>, kind: u64, number: u64) {
    // One stream a kind, so that identities of two kinds are unlike.
    let mut rng = Rng::new(kind, number);
    push_hex(out, rng.u64(), 16);
    push_hex(out, rng.u64(), 16);
}

/// What identities are of.
pub(crate) mod kind {
    pub(crate) const ORDER: u64 = 1;
    pub(crate) const CUSTOMER: u64 = 2;
    pub(crate) const PERSON: u64 = 3;
    pub(crate) const PRODUCT: u64 = 4;
    pub(crate) const SELLER: u64 = 5;
    pub(crate) const REVIEW: u64 = 6;
}

/// A postal code's number and city: codes of a city follow one another.
pub(crate) fn place(rng: &mut Rng) -> (u64, usize) {
    let city = rng.below(CITIES.len() as u64);
    (
        1_001 + city * 7_000 + rng.below(CODES_A_CITY),
        city as usize,
    )
}

/// Writes the tables.
pub(crate) fn write(
    options: &Options,
    tables: &mut Tables,
    truth: &mut TruthBuilder,
) -> Result<(), Error> {
    for (name, english) in CATEGORIES {
        tables.row(Table::Categories, |row| {
            row.text(name).text(english);
        })?;
    }
    for number in 0..products(options) {
        let mut rng = Rng::new(options.seed, PRODUCTS_STREAM + number);
        let category = category(&mut rng);
        truth.product(category);
        tables.row(Table::Products, |row| {
            row.field(|out| push_id(out, kind::PRODUCT, number))
                .text(category.unwrap_or_default());
            for most in [60, 3000, 8] {
                let value = 1 + rng.below(most);
                row.field(|out| {
                    // Who gave no category gave no description.
                    if category.is_some() {
                        push_number(out, value, 1);
                    }
                });
            }
            row.number(50 + rng.below(20_000), 1);
            for _ in 0..3 {
                row.number(5 + rng.below(90), 1);
            }
        })?;
    }
    for number in 0..sellers(options) {
        let mut rng = Rng::new(options.seed, SELLERS_STREAM + number);
        let (code, city) = place(&mut rng);
        tables.row(Table::Sellers, |row| {
            row.field(|out| push_id(out, kind::SELLER, number))
                .number(code, 5);
            row.text(CITIES[city].0).text(CITIES[city].1);
        })?;
    }
    let mut rng = Rng::new(options.seed, PLACES_STREAM);
    for (number, (city, state)) in CITIES.iter().enumerate() {
        for code in 0..CODES_A_CITY {
            for _ in 0..POINTS_A_CODE {
                tables.row(Table::Geolocation, |row| {
                    row.number(1_001 + number as u64 * 7_000 + code, 5);
                    for whole in [23, 46] {
                        row.field(|out| {
                            out.push(b'-');
                            push_number(out, whole, 1);
                            out.push(b'.');
                            push_number(out, rng.below(1_000_000_000_000), 12);
                        });
                    }
                    row.text(city).text(state);
                })?;
            }
        }
    }
    Ok(())
}

fn category(rng: &mut Rng) -> Option<&'static str> {
    if rng.one_in(NO_CATEGORY_ONE_IN) {
        None
    } else if rng.one_in(NO_CATEGORY_ONE_IN) {
        Some(UNTRANSLATED)
    } else {
        Some(rng.pick(&CATEGORIES).0)
    }
}

/// The category of a product, as [`write`] drew it.
pub(crate) fn category_of(options: &Options, product: u64) -> Option<&'static str> {
    category(&mut Rng::new(options.seed, PRODUCTS_STREAM + product))
}

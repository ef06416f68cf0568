//! What a correct job makes of the tables.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::words::{CATEGORIES, UNTRANSLATED};
use crate::text::decimal;

/// The truth of one run, as it stands in `truth.json`. Sums are exact decimal strings with two places.
#[derive(Debug, Serialize)]
pub struct Truth {
    /// Version of this layout.
    pub v: u32,
    /// The seed.
    pub seed: u64,
    /// Data files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Rows of all tables.
    pub records: u64,
    /// Rows of each, headers not counted.
    pub records_by_file: BTreeMap<String, u64>,
    /// Customers that are one person count once.
    pub persons: u64,
    /// Products whose category nobody has translated.
    pub untranslated_products: u64,
    /// Reviews with a line break in them.
    pub reviews_of_several_lines: u64,
    /// Orders by how they stand.
    pub orders_by_status: BTreeMap<String, u64>,
    /// Orders by month of purchase, `YYYY-MM`.
    pub orders_by_month: BTreeMap<String, u64>,
    /// What all items cost.
    pub sum_price: String,
    /// What it cost to send them.
    pub sum_freight: String,
    /// What was paid.
    pub sum_paid: String,
    /// What items cost that were neither canceled nor unavailable.
    pub revenue: String,
    /// The same by category, in English where it is translated; `unknown` without one.
    pub revenue_by_category: BTreeMap<String, String>,
    /// The same by the customer's state.
    pub revenue_by_state: BTreeMap<String, String>,
    /// How many combinations of month, state and category have revenue.
    pub revenue_rows: u64,
}

/// One order.
pub(crate) struct Sale {
    pub(crate) status: &'static str,
    pub(crate) state: &'static str,
    pub(crate) person: u64,
    /// Of the purchase: year, month, day.
    pub(crate) month: (i32, i32, i32),
    /// Category, price and freight in cents.
    pub(crate) items: Vec<(Option<&'static str>, u64, u64)>,
    pub(crate) paid_cents: i128,
}

/// Gathers the truth while rows are written.
#[derive(Default)]
pub(crate) struct TruthBuilder {
    files: BTreeMap<String, u64>,
    bytes: u64,
    persons: BTreeSet<u64>,
    untranslated: u64,
    several_lines: u64,
    by_status: BTreeMap<String, u64>,
    by_month: BTreeMap<String, u64>,
    price: i128,
    freight: i128,
    paid: i128,
    revenue: i128,
    by_category: BTreeMap<String, i128>,
    by_state: BTreeMap<String, i128>,
    groups: BTreeSet<(String, &'static str, &'static str)>,
}

impl TruthBuilder {
    pub(crate) fn product(&mut self, category: Option<&str>) {
        self.untranslated += u64::from(category == Some(UNTRANSLATED));
    }

    pub(crate) fn review(&mut self, message: &str) {
        self.several_lines += u64::from(message.contains('\n'));
    }

    pub(crate) fn sale(&mut self, sale: &Sale) {
        let month = format!("{}-{:02}", sale.month.0, sale.month.1);
        *self.by_status.entry(sale.status.to_owned()).or_default() += 1;
        *self.by_month.entry(month.clone()).or_default() += 1;
        self.persons.insert(sale.person);
        self.paid += sale.paid_cents;
        for &(category, price, freight) in &sale.items {
            self.price += i128::from(price);
            self.freight += i128::from(freight);
            if matches!(sale.status, "canceled" | "unavailable") {
                continue;
            }
            let category = english(category);
            self.revenue += i128::from(price);
            *self.by_category.entry(category.to_owned()).or_default() += i128::from(price);
            *self.by_state.entry(sale.state.to_owned()).or_default() += i128::from(price);
            self.groups.insert((month.clone(), sale.state, category));
        }
    }

    pub(crate) fn file(&mut self, name: &str, rows: u64, bytes: u64) {
        self.files.insert(name.to_owned(), rows);
        self.bytes += bytes;
    }

    pub(crate) fn finish(self, seed: u64) -> Truth {
        Truth {
            v: 1,
            seed,
            files: self.files.len() as u64,
            bytes: self.bytes,
            records: self.files.values().sum(),
            records_by_file: self.files,
            persons: self.persons.len() as u64,
            untranslated_products: self.untranslated,
            reviews_of_several_lines: self.several_lines,
            orders_by_status: self.by_status,
            orders_by_month: self.by_month,
            sum_price: decimal(self.price),
            sum_freight: decimal(self.freight),
            sum_paid: decimal(self.paid),
            revenue: decimal(self.revenue),
            revenue_by_category: sums(self.by_category),
            revenue_by_state: sums(self.by_state),
            revenue_rows: self.groups.len() as u64,
        }
    }
}

fn sums(cents: BTreeMap<String, i128>) -> BTreeMap<String, String> {
    cents
        .into_iter()
        .map(|(name, cents)| (name, decimal(cents)))
        .collect()
}

fn english(category: Option<&'static str>) -> &'static str {
    let Some(category) = category else {
        return "unknown";
    };
    let translated = CATEGORIES.iter().find(|(name, _)| *name == category);
    translated.map_or(category, |(_, english)| english)
}

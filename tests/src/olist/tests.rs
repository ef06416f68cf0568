//! The tables against a slow reader of CSV that knows nothing of the generator.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::text::decimal;

/// The rows of a table, each by the names of its columns.
fn read(folder: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let mut rows = vec![vec![String::new()]];
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                row.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            c => row.last_mut().unwrap().push(c),
        }
    }
    assert!(!quoted);
    assert_eq!(rows.pop().unwrap(), [""], "{file} ends with a line's end");
    let header = rows.remove(0);
    rows.into_iter()
        .map(|row| {
            assert_eq!(row.len(), header.len(), "{file}: {row:?}");
            header.iter().cloned().zip(row).collect()
        })
        .collect()
}

fn column<'a>(rows: &'a [BTreeMap<String, String>], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str()).collect()
}

fn cents(amounts: &[&str]) -> i128 {
    let one = |amount: &str| {
        let (whole, places) = amount.split_once('.').unwrap();
        format!("{whole}{places:0<2}").parse::<i128>().unwrap()
    };
    amounts.iter().map(|amount| one(amount)).sum()
}

#[test]
fn the_truth_is_what_another_reader_finds_and_keys_agree() {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(
        &Options {
            orders: 800,
            seed: 10,
        },
        folder.path(),
    )
    .unwrap();
    let tables: BTreeMap<&str, _> = TABLES
        .iter()
        .map(|(file, _)| (*file, read(folder.path(), file)))
        .collect();
    for (file, rows) in &tables {
        assert_eq!(rows.len() as u64, truth.records_by_file[*file], "{file}");
    }
    let [
        customers,
        places,
        items,
        payments,
        reviews,
        orders,
        products,
        sellers,
        categories,
    ] = TABLES.map(|(file, _)| &tables[file]);

    for (rows, key, others) in [
        (orders, "customer_id", customers),
        (items, "order_id", orders),
        (items, "product_id", products),
        (items, "seller_id", sellers),
        (payments, "order_id", orders),
        (reviews, "order_id", orders),
    ] {
        let known: BTreeSet<&str> = column(others, key).into_iter().collect();
        assert_eq!(known.len(), others.len(), "{key} twice");
        assert!(
            column(rows, key).iter().all(|value| known.contains(value)),
            "{key}"
        );
    }
    let codes: BTreeSet<&str> = column(places, "geolocation_zip_code_prefix")
        .into_iter()
        .collect();
    assert!(
        column(customers, "customer_zip_code_prefix")
            .iter()
            .all(|code| codes.contains(code))
    );
    assert!(
        codes.iter().any(|code| code.starts_with('0')),
        "no code has a leading zero"
    );

    let translated: BTreeSet<&str> = column(categories, "product_category_name")
        .into_iter()
        .collect();
    let untranslated = column(products, "product_category_name");
    let untranslated = untranslated
        .iter()
        .filter(|name| !name.is_empty() && !translated.contains(*name))
        .count();
    assert_eq!(untranslated as u64, truth.untranslated_products);
    assert!(untranslated > 0);

    let persons: BTreeSet<&str> = column(customers, "customer_unique_id")
        .into_iter()
        .collect();
    assert_eq!(persons.len() as u64, truth.persons);
    assert!(truth.persons < 800);
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_month: BTreeMap<String, u64> = BTreeMap::new();
    for order in orders {
        *by_status.entry(order["order_status"].clone()).or_default() += 1;
        *by_month
            .entry(order["order_purchase_timestamp"][..7].to_owned())
            .or_default() += 1;
    }
    assert_eq!(by_status, truth.orders_by_status);
    assert_eq!(by_month, truth.orders_by_month);
    assert_eq!(decimal(cents(&column(items, "price"))), truth.sum_price);
    assert_eq!(
        decimal(cents(&column(items, "freight_value"))),
        truth.sum_freight
    );
    assert_eq!(
        decimal(cents(&column(payments, "payment_value"))),
        truth.sum_paid
    );

    let messages = column(reviews, "review_comment_message");
    let several = messages
        .iter()
        .filter(|message| message.contains("\r\n"))
        .count() as u64;
    assert_eq!(several, truth.reviews_of_several_lines);
    assert!(several > 0 && messages.iter().any(|message| message.contains('"')));
    let pairs: BTreeSet<(&str, &str)> = column(reviews, "review_id")
        .into_iter()
        .zip(column(reviews, "order_id"))
        .collect();
    assert_eq!(pairs.len(), reviews.len());
    let reviewed: BTreeSet<&str> = column(reviews, "review_id").into_iter().collect();
    assert!(reviewed.len() < reviews.len(), "no review is of two orders");
    let with_items: BTreeSet<&str> = column(items, "order_id").into_iter().collect();
    assert!(with_items.len() < orders.len(), "every order has items");

    // Revenue, joined the slow way.
    let state_of: BTreeMap<&str, &str> = customers
        .iter()
        .map(|row| (row["customer_id"].as_str(), row["customer_state"].as_str()))
        .collect();
    let order_of: BTreeMap<&str, _> = orders
        .iter()
        .map(|row| (row["order_id"].as_str(), row))
        .collect();
    let mut by_state: BTreeMap<String, i128> = BTreeMap::new();
    for item in items {
        let order = order_of[item["order_id"].as_str()];
        if !["canceled", "unavailable"].contains(&order["order_status"].as_str()) {
            let state = state_of[order["customer_id"].as_str()];
            *by_state.entry(state.to_owned()).or_default() += cents(&[&item["price"]]);
        }
    }
    assert_eq!(decimal(by_state.values().sum()), truth.revenue);
    let by_state: BTreeMap<String, String> =
        by_state.into_iter().map(|(k, v)| (k, decimal(v))).collect();
    assert_eq!(by_state, truth.revenue_by_state);
}

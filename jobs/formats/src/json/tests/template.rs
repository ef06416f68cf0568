//! What is learned of records is an economy and no more: turned off, everything is as it is with it.

use std::sync::Arc;

use super::lines::FIELDS;
use super::run::{Outcome, config_with, read_with};
use super::slow;
use crate::json::{JsonConfig, JsonInferrer, JsonReader, Layout};
use crate::{OnUnknown, Split, TypeTree};

/// Reads a file with or without the template; also says how many records were read by it.
fn read(config: &Arc<JsonConfig>, bytes: &[u8], template: bool) -> (Outcome, u64) {
    let mut reader = JsonReader::new(config.clone(), Split::whole());
    if !template {
        reader.template().turn_off();
    }
    let (outcome, _) = read_with(&mut reader, bytes, 3000).unwrap();
    (outcome, reader.template().replayed())
}

fn learn(config: &Arc<JsonConfig>, bytes: &[u8], template: bool) -> TypeTree {
    let options = Arc::new(config.options().clone());
    let mut inferrer = JsonInferrer::new(options, Split::whole());
    if !template {
        inferrer.template().turn_off();
    }
    inferrer.feed(bytes, true).unwrap();
    inferrer.finish()
}

/// How many of the records were read by the template.
fn check(config: &Arc<JsonConfig>, bytes: &[u8]) -> u64 {
    let (with, replayed) = read(config, bytes, true);
    let (without, none) = read(config, bytes, false);
    assert_eq!(with, without, "{}", String::from_utf8_lossy(bytes));
    assert_eq!(none, 0);
    let trees = [true, false].map(|template| learn(config, bytes, template));
    assert_eq!(trees[0], trees[1], "{}", String::from_utf8_lossy(bytes));
    replayed
}

#[test]
fn records_that_resemble_each_other_are_read_by_it() {
    let config = config_with(FIELDS, |_| {});
    let line = |i: usize| {
        let b = if i.is_multiple_of(3) {
            "null".to_string()
        } else {
            format!("\"b\\n{i}\"")
        };
        let l = if i.is_multiple_of(2) {
            "[]".to_string()
        } else {
            format!("[{i},2]")
        };
        format!(
            "{{\"a\":{i},\"b\":{b},\"c\":{{\"d\":1.5,\"e\":[\"x\"]}},\"l\":{l},\"m\":[[{{\"x\":1}}]],\"z\":{{\"u\":[1]}}}}\n"
        )
    };
    let document: String = (0..1000).map(line).collect();
    let replayed = check(&config, document.as_bytes());
    assert!(replayed > 950, "{replayed}");
    for on_unknown in [OnUnknown::DiscardRow, OnUnknown::Evolve] {
        check(
            &config_with(FIELDS, |o| o.on_unknown = on_unknown),
            document.as_bytes(),
        );
    }
    let array = format!("[{}]", document.trim_end().replace('\n', ",\n"));
    let replayed = check(&config, array.as_bytes());
    assert!(replayed > 950, "{replayed}");
}

#[test]
fn text_is_not_taken_for_that_of_another_place() {
    // Each group of records is such that what was learned of the first ones looks right for the last, and is not.
    let groups: &[&str] = &[
        "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"x\",\"a\":1}\n{\"a\":1,\"b\":\"x\",\"a\":2}\n{\"b\":\"x\",\"a\":1,\"b\":\"y\"}",
        "{\"c\":{\"d\":1},\"a\":1}\n{\"a\":1,\"c\":{\"d\":1}}\n{\"c\":{\"d\":1},\"a\":1,\"c\":{\"d\":2}}",
        "{\"l\":[1,2]}\n{\"l\":[1,2],\"l\":[3]}\n{\"l\":[1,2,3,4]}\n{\"l\":[]}\n{\"l\":[1,]}",
        "{\"a\":1}\n{\"a\":01}\n{\"a\":1.}\n{\"a\":-}\n{\"a\":1e5}\n{\"a\":truex}",
        "{\"b\":\"x\"}\n{\"b\":\"\\q\"}\n{\"b\":\"\\uD800\"}\n{\"b\":\"\\u0041\"}\n{\"b\":\"\u{1}\"}",
        "{\"m\":[[{\"x\":1}]]}\n{\"m\":[{\"x\":1}]}\n{\"m\":[[{\"x\":1},{\"x\":2}],[]]}\n{\"m\":[[{\"x\":1,\"x\":2}]]}",
        "{\"z\":{\"z\":1}}\n{\"z\":{\"z\":1,\"z\":2}}\n{\"z\":1,\"z\":2}\n{\"z\":[{\"z\":1},{\"z\":1}]}",
        "{\"c\":1}\n{\"c\":\"x\"}\n{\"c\":{\"d\":1}}\n{\"c\":[1]}\n{\"c\":true}",
        "{\"a\":1} \n{\"a\":1}\r\n{\"a\":1}x\n{\"a\":1}{}\n{\"a\":1}",
        "[1]\n[2]\n3\n\"x\"\n{\"_VALUE\":4}",
    ];
    for group in groups {
        let document = format!("{group}\n").repeat(5);
        check(
            &config_with(FIELDS, |o| o.layout = Layout::Lines),
            document.as_bytes(),
        );
    }
}

#[test]
fn seeded_records_are_the_same_without_it() {
    let mut replayed = 0;
    for seed in 0..150 * super::mutate::rounds() {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut kinds = Vec::new();
        for _ in 0..random.usize(1..6) {
            let mut record = Vec::new();
            slow::random_record(&mut random, &mut record);
            kinds.push(record);
        }
        let mut document = Vec::new();
        for _ in 0..60 {
            let mut record = kinds[random.usize(..kinds.len())].clone();
            if random.u8(..8) == 0 {
                let at = random.usize(..record.len());
                record[at] = b"\"{}[],:1a \\n"[random.usize(..11)];
            }
            document.extend_from_slice(&record);
            document.push(b'\n');
        }
        let config = config_with(FIELDS, |o| o.layout = Layout::Lines);
        replayed += check(&config, &document);
        let found = super::run::read(&config, &document);
        let shown = String::from_utf8_lossy(&document);
        slow::lines(&config, &document).assert_same(&found, &document, &shown);
    }
    assert!(replayed > 2000, "{replayed}");
}

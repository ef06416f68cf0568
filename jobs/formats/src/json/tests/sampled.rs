//! A schema of a sample is borne out by the records, or refuted by one of them: against inference over all.

use std::sync::Arc;

use super::mutate::rounds;
use super::run::{options, read, read_split, tree};
use crate::infer::Sampled;
use crate::json::{JsonConfig, JsonOptions};
use crate::{InferOptions, ReadFailure, Split, TypeTree};

/// Values that make a difference to some type, in groups of those that may well share a column.
const VALUES: &[&[&str]] = &[
    &["0", "-1", "17", "9223372036854775807"],
    &["9223372036854775808", "-99999999999999999999", "5"],
    &["1.5", "-0.25", "100", "2.50", "1.500", "0.0"],
    &["12345678901234567890123456789012345678", "0.1", "7"],
    &[
        "123456789012345678901234567890123456789",
        "1e3",
        "1.5E-3",
        "2",
    ],
    &["1e400", "3.25", "-0"],
    &["true", "false"],
    &["true", "1", "0", "\"true\""],
    &["\"2024-02-29\"", "\"2023-02-29\"", "\"\""],
    &[
        "\"2024-02-29\"",
        "\"2024-02-29T01:02:03\"",
        "\"2024-02-29 01:02:03.5\"",
    ],
    &[
        "\"2024-02-29T01:02:03Z\"",
        "\"2024-02-29T01:02:03+01:00\"",
        "\"2024-02-29\"",
    ],
    &["\"2024-02-29T01:02:03Z\"", "\"2024-02-29T01:02:03\""],
    &[
        "\"abc\"",
        "\"12\"",
        "\"\"",
        "\" 2024-02-29\"",
        "\"\\u0061\"",
    ],
    &["\"12\"", "12"],
    &["\"abc\"", "12", "true", "{}", "[]"],
    &["null", "\"\"", "\"x\""],
    &["null", "{}", "1"],
    &["[1,2]", "[]", "3", "[null]", "[2.5]"],
    &["[[1],[2]]", "[1]", "[]", "[[[1]]]"],
    &["[\"2024-02-29\"]", "[null,\"\"]", "\"2024-02-29\"", "[{}]"],
    &["{\"b\":1}", "{\"b\":null}", "{}", "null", "{\"c\":2}"],
    &["{\"b\":{\"c\":1.5}}", "{\"b\":{\"c\":2.25}}", "{\"b\":2}"],
    &["{\"b\":1}", "5", "\"\"", "{\"_VALUE\":1}"],
    &[
        "[{\"b\":1},{\"b\":2}]",
        "{\"b\":3}",
        "[{\"b\":\"x\"}]",
        "[4]",
    ],
    &["\"31.12.2024\"", "\"1.1.2024\"", "\"NA\"", "31"],
    &["{\"b\":1,\"b\":\"x\"}", "{\"b\":2}"],
];
/// What is no record, or no object.
const ODD: &[&str] = &["", "{\"a\":1,}", "null", "7", "{}", "{\"a\":NaN}", "[1]"];

fn random_options(random: &mut fastrand::Rng) -> JsonOptions {
    let forms = random.u8(..4) == 0;
    let nulls = random.u8(..4) == 0;
    options(|o| {
        if forms {
            o.date_format = Some(crate::Pattern::new("dd.MM.yyyy").unwrap());
        }
        if nulls {
            o.null_values = vec!["NA".to_string(), "17".to_string()];
        }
    })
}

/// Lines, and where the sample of them ends.
fn random_lines(random: &mut fastrand::Rng) -> (Vec<u8>, usize) {
    let fields: Vec<&[&str]> = (0..random.usize(1..4))
        .map(|_| {
            let group = VALUES[random.usize(..VALUES.len())];
            // Few of them, so that a sample often shows them all.
            let from = random.usize(..group.len());
            &group[from..group.len().min(from + random.usize(1..4))]
        })
        .collect();
    let (records, sampled) = (random.usize(2..12), random.usize(1..8));
    let (mut lines, mut end) = (Vec::new(), 0);
    for record in 0..records {
        if record < sampled {
            end = lines.len();
        }
        if random.u8(..40) == 0 {
            lines.extend_from_slice(ODD[random.usize(..ODD.len())].as_bytes());
        } else {
            let mut parts = Vec::new();
            for (field, values) in fields.iter().enumerate() {
                if random.u8(..30) > 0 {
                    let value = values[random.usize(..values.len())];
                    parts.push(format!("\"{}\":{value}", ["a", "_VALUE", "c"][field]));
                }
            }
            lines.extend_from_slice(format!("{{{}}}", parts.join(",")).as_bytes());
        }
        lines.push(b'\n');
    }
    (lines, end)
}

/// The configuration that tries the schema of a sample.
fn trying(options: &JsonOptions, sample: &TypeTree) -> Option<JsonConfig> {
    let infer = InferOptions::from(options);
    let schema = Arc::new(sample.to_schema(&infer).ok()?);
    let config = JsonConfig::new(options.clone(), schema.clone(), schema).unwrap();
    Some(config.with_sampled(Sampled::of(sample, &infer)).unwrap())
}

#[test]
fn what_a_sample_says_is_what_all_bytes_say_or_is_refuted() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut held, mut refuted, mut cautious) = (0, 0, 0);
    for _ in 0..20_000 * rounds() {
        let options = random_options(&mut random);
        let (lines, end) = random_lines(&mut random);
        let text = || String::from_utf8_lossy(&lines).into_owned();
        let sample = tree(&options, &lines[..end]);
        let Some(config) = trying(&options, &sample) else {
            continue;
        };
        let all = tree(&options, &lines);
        let schema = all.to_schema(&InferOptions::from(&options)).unwrap();
        let config = Arc::new(config);
        let chunk = [usize::MAX, 7][random.usize(..2)];
        match read_split(&config, &lines, Split::whole(), chunk) {
            Ok((outcome, _)) => {
                held += 1;
                assert_eq!(**config.schema(), schema, "{}", text());
                let schema = Arc::new(schema);
                let plain = JsonConfig::new(options, schema.clone(), schema).unwrap();
                assert_eq!(outcome, read(&Arc::new(plain), &lines), "{}", text());
            }
            Err(ReadFailure::Surprise { .. }) if **config.schema() != schema => refuted += 1,
            // A column of which nothing was known has got a value, or a value is of a kind that asks for a closer look.
            Err(ReadFailure::Surprise { .. }) => cautious += 1,
            Err(other) => panic!("{other}: {}", text()),
        }
    }
    let all = held + refuted + cautious;
    assert!(held > all / 2 && refuted > all / 6, "{held} {refuted}");
    assert!(cautious < all / 8, "{cautious} of {all}");
}

#[test]
fn a_surprise_names_byte_path_and_value() {
    let options = JsonOptions::default();
    let sample = b"{\"a\":{\"b\":1},\"c\":null}\n";
    let cases = [
        ("{\"a\":{\"b\":2.5}}", 10, "a/b", "2.5"),
        ("{\"a\":{\"b\":\"2\"}}", 11, "a/b", "2"),
        ("{\"c\":true}", 5, "c", "true"),
        ("{\"d\":null}", 5, "d", "null"),
        ("{\"c\":[1]}", 5, "c", "[1]"),
    ];
    for (line, place, path, example) in cases {
        let config = Arc::new(trying(&options, &tree(&options, sample)).unwrap());
        let lines = [sample.as_slice(), line.as_bytes(), b"\n"].concat();
        let failure = read_split(&config, &lines, Split::whole(), usize::MAX).unwrap_err();
        let ReadFailure::Surprise {
            at,
            path: found,
            example: shown,
        } = &failure
        else {
            panic!("{failure}");
        };
        let at = at - sample.len() as u64;
        assert_eq!((at, found.as_str(), shown.as_str()), (place, path, example));
    }
}

#[test]
fn columns_that_are_not_read_are_not_asked() {
    let options = JsonOptions::default();
    let sample = tree(&options, b"{\"a\":1,\"b\":1}");
    let infer = InferOptions::from(&options);
    let schema = Arc::new(sample.to_schema(&infer).unwrap());
    let output = Arc::new(schema.project(&[0]).unwrap());
    let config = JsonConfig::new(options.clone(), schema, output).unwrap();
    let config = Arc::new(config.with_sampled(Sampled::of(&sample, &infer)).unwrap());
    let rows = read(&config, b"{\"a\":1,\"b\":\"x\"}\n{\"b\":[],\"a\":2}\n");
    assert_eq!(rows.counts, [2, 2, 0, 0, 0]);
}

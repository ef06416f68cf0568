//! Trees do not depend on the order or the cutting of the data, and schemas are what the records say.

use super::run::{inferred, learn, options, read, splits, tree};
use super::slow;
use crate::json::{JsonOptions, Layout};
use crate::{Chain, InferOptions, Split, TypeTree, evolve, schema_file, verify_chain};

/// The fields as they stand in a schema file.
fn fields(tree: &TypeTree) -> String {
    let options = InferOptions::from(&JsonOptions::default());
    let schema = tree.to_schema(&options).unwrap();
    let text = schema_file::write(&schema).unwrap();
    assert_eq!(schema_file::read(&text).unwrap(), schema);
    text.split_once("\nfields:")
        .unwrap()
        .1
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn schemas_of_records() {
    let cases: &[(&str, &str)] = &[
        ("{\"a\":1}\n{\"a\":-2}", "a: int64"),
        ("{\"a\":1}\n{\"a\":2.50}", "a: decimal(3,2)"),
        ("{\"a\":1}\n{\"a\":2.5e1}", "a: float64"),
        ("{\"a\":12345678901234567890}", "a: decimal(20,0)"),
        (
            "{\"a\":1234567890123456789012345678901234567890}",
            "a: text",
        ),
        ("{\"a\":true}\n{\"a\":null}", "a: bool"),
        ("{\"a\":\"1\"}", "a: text"),
        ("{\"a\":\"true\"}", "a: text"),
        ("{\"a\":\"1\"}\n{\"a\":1}", "a: text"),
        ("{\"a\":true}\n{\"a\":1}", "a: text"),
        ("{\"a\":\"\"}\n{\"a\":1}", "a: int64"),
        ("{\"a\":\"\"}", "a: text"),
        ("{\"a\":null}", "a: text"),
        ("{\"a\":\"2024-02-29\"}", "a: date"),
        (
            "{\"a\":\"2024-02-29\"}\n{\"a\":\"2024-02-29T00:00:00\"}",
            "a: timestamp",
        ),
        ("{\"a\":\"2024-02-29T00:00:00Z\"}", "a: timestamptz"),
        ("{\"a\":\" 2024-02-29\"}", "a: text"),
        ("{\"a\":\"\\u0032024-02-29\"}", "a: date"),
        ("{\"b\":1,\"a\":2}\n{\"c\":3}", "a: int64 b: int64 c: int64"),
        ("{\"a\":{\"b\":1}}", "a: fields: b: int64"),
        (
            "{\"a\":{\"b\":1}}\n{\"a\":2}",
            "a: fields: _VALUE: int64 b: int64",
        ),
        (
            "{\"a\":{\"_VALUE\":1.5}}\n{\"a\":2}",
            "a: fields: _VALUE: decimal(2,1)",
        ),
        (
            "{\"a\":{\"b\":1}}\n{\"a\":\"\"}",
            "a: fields: _VALUE: text b: int64",
        ),
        ("{\"a\":{}}", "a: text"),
        ("{\"a\":{}}\n{\"a\":1}", "a: text"),
        ("{\"a\":{}}\n{\"a\":{\"b\":null}}", "a: fields: b: text"),
        ("{\"a\":[]}", "a: list: text"),
        ("{\"a\":[null]}", "a: list: text"),
        ("{\"a\":[1,2]}", "a: list: int64"),
        ("{\"a\":[1]}\n{\"a\":2.5}", "a: list: decimal(2,1)"),
        (
            "{\"a\":[{\"b\":1},{\"c\":\"x\"}]}",
            "a: list: fields: b: int64 c: text",
        ),
        (
            "{\"a\":[{\"b\":1},5]}",
            "a: list: fields: _VALUE: int64 b: int64",
        ),
        ("{\"a\":[[1],[2,3]]}", "a: list: list: int64"),
        ("{\"a\":[[]]}\n{\"a\":1}", "a: list: list: int64"),
        ("{\"a\":[[[\"x\"]],\"y\"]}", "a: list: list: list: text"),
        (
            "{\"a\":[[{\"b\":[1]}]]}\n{\"a\":{\"b\":2}}",
            "a: list: list: fields: b: list: int64",
        ),
        ("{\"a\":1,\"a\":\"x\"}", "a: text"),
        ("{\"a\":\"x\",\"a\":1}", "a: int64"),
        ("{\"a\":[1],\"a\":2}", "a: int64"),
        ("{\"a\":1}\n{\"a\":x}", "a: int64"),
        ("1\n2.5", "_VALUE: decimal(2,1)"),
        ("{\"a\":1}\n[2,3]\n\"x\"", "_VALUE: list: text a: int64"),
        ("{}\nnull", "{}"),
    ];
    for (lines, expected) in cases {
        let options = options(|o| o.layout = Layout::Lines);
        let whole = tree(&options, lines.as_bytes());
        assert_eq!(fields(&whole), *expected, "{lines}");
        let lines: Vec<&str> = lines.lines().collect();
        let reversed: Vec<&str> = lines.iter().rev().copied().collect();
        assert_eq!(
            tree(&options, reversed.join("\n").as_bytes()),
            whole,
            "{lines:?}"
        );
        // As items of an array, and as documents, the same.
        for (layout, text) in [
            (Layout::Array, format!("[{}]", lines.join(","))),
            (Layout::Documents, lines.join(" ")),
        ] {
            if lines
                .iter()
                .any(|line| line.contains('x') && !line.contains("\"x\""))
            {
                continue;
            }
            let options = super::run::options(|o| o.layout = layout);
            assert_eq!(tree(&options, text.as_bytes()), whole, "{text}");
        }
    }
}

#[test]
fn trees_of_splits_and_files_merge_in_any_order() {
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let options = options(|o| o.layout = Layout::Lines);
        let mut files = Vec::new();
        for _ in 0..random.usize(1..6) {
            let mut file = Vec::new();
            for _ in 0..random.usize(1..20) {
                slow::random_record(&mut random, &mut file);
                file.push(b'\n');
            }
            files.push(file);
        }
        let mut trees = Vec::new();
        for file in &files {
            let whole = tree(&options, file);
            let mut sum = TypeTree::default();
            let mut prev = None;
            let mut cuts: Vec<usize> = (0..3).map(|_| random.usize(1..=file.len())).collect();
            cuts.sort_unstable();
            cuts.dedup();
            for split in splits(&cuts) {
                let (part, report) = learn(&options, file, split, 1 << random.usize(..10)).unwrap();
                if let Some(prev) = &prev {
                    assert_eq!(verify_chain(prev, &report), Chain::Verified);
                }
                sum.merge(&part);
                prev = Some(report);
            }
            assert_eq!(sum, whole, "seed {seed}");
            let text = serde_json::to_string(&whole).unwrap();
            assert_eq!(serde_json::from_str::<TypeTree>(&text).unwrap(), whole);
            trees.push(whole);
        }
        let merged = |trees: &[TypeTree]| {
            let mut sum = TypeTree::default();
            trees.iter().for_each(|tree| sum.merge(tree));
            sum
        };
        let sum = merged(&trees);
        random.shuffle(&mut trees);
        assert_eq!(merged(&trees), sum, "seed {seed}");
        // One inferrer for all files learns the same.
        let mut one =
            crate::json::JsonInferrer::new(std::sync::Arc::new(options.clone()), Split::whole());
        for file in &files {
            one.next_file();
            one.feed(file, true).unwrap();
        }
        assert_eq!(one.finish(), sum, "seed {seed}");
    }
}

#[test]
fn a_pinned_schema_is_widened_by_what_records_have_beyond_it() {
    let pinned = schema_file::read("fields: {a: text, s: {list: {fields: {x: int64}}}}").unwrap();
    let options = options(|_| {});
    let document = b"{\"a\":1,\"s\":{\"x\":1,\"y\":[[2]]},\"n\":{\"m\":true}}\n";
    let inferred_schema = tree(&options, document)
        .to_schema(&InferOptions::from(&options))
        .unwrap();
    let (schema, added) = evolve(&pinned, &inferred_schema);
    assert_eq!(added, ["n", "s/y"]);
    let config =
        crate::json::JsonConfig::new(options, schema.clone().into(), schema.into()).unwrap();
    let outcome = read(&std::sync::Arc::new(config), document);
    let row = serde_json::json!({"a": "1", "s": [{"x": 1, "y": [[2]]}], "n": {"m": true}});
    assert_eq!(outcome.rows, [row]);
}

#[test]
fn inferred_schemas_read_documents_of_any_layout() {
    for (document, rows) in [
        ("[{\"a\":1},{\"a\":[2]},3]", 3),
        ("{\n\"a\":\n1}\n{\"a\":{\"b\":\"x\"}}", 2),
        ("{\"a\":{}}\n{\"a\":[]}\n{\"a\":null}\n", 3),
    ] {
        let options = options(|_| {});
        let config = inferred(&options, document.as_bytes()).unwrap();
        let outcome = read(&config, document.as_bytes());
        assert_eq!(
            (outcome.rows.len(), outcome.bad.len()),
            (rows, 0),
            "{document}"
        );
        assert!(outcome.unknown.is_empty(), "{document}");
    }
}

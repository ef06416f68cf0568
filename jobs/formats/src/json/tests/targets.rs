//! What the fuzzers run over JSON: each a plain function of some bytes that panics if the reader is wrong.
//!
//! The first [`HEAD_BYTES`] bytes choose options, schema, splits and buffers; the rest is the file, either as it stands
//! or, byte by byte, from a dictionary of tokens, which goes deeper than random bytes do.

use std::sync::Arc;

use super::run::{Outcome, head, learn, learn_chain, read_chain, read_split};
use super::slow;
use crate::json::{JsonConfig, JsonOptions, JsonPath, Layout};
use crate::{
    BadReason, InferOptions, OnBadRecord, OnBadValue, OnUnknown, ReadFailure, Split, schema_file,
};

/// Panics if the reader is wrong about these bytes.
pub(super) type Target = fn(&[u8]);

/// The targets, by name.
pub(super) const TARGETS: &[(&str, Target)] = &[
    ("json_lines", lines),
    ("json_documents", documents),
    ("json_infer", infer),
];

/// How many bytes at the start of an input choose.
pub(super) const HEAD_BYTES: usize = 8;
/// Longer files find nothing that shorter ones do not.
const FILE_BYTES_MAX: usize = 4096;

/// Rows, bad records and counts of lines are the slow reader's, and any splits and buffers give them.
pub(super) fn lines(data: &[u8]) {
    let input = Input::new(data);
    let config = input.config(Layout::Lines);
    let bytes = &input.file;
    let Some(whole) = read_whole(&config, &input) else {
        return;
    };
    if config.options().on_unknown != OnUnknown::DiscardRow {
        slow::lines(&config, bytes).assert_same(&whole, bytes, &input.shown());
    }
    let parts = read_chain(&config, bytes, &input.cuts(), input.chunk()).unwrap();
    assert_same(&parts, &whole, &input);
}

/// Of documents and arrays, with paths and without, any buffers give what one gives, and so do the splits of an array;
/// everything is accounted for.
pub(super) fn documents(data: &[u8]) {
    let input = Input::new(data);
    let config = input
        .config([Layout::Documents, Layout::Array, Layout::Auto][usize::from(input.head[3] % 3)]);
    let bytes = &input.file;
    let Some(whole) = read_whole(&config, &input) else {
        return;
    };
    let (parts, _) = read_split(&config, bytes, Split::whole(), input.chunk()).unwrap();
    assert_same(&parts, &whole, &input);
    if head(config.options(), bytes).is_ok_and(|head| head.guesses()) {
        let parts = read_chain(&config, bytes, &input.cuts(), input.chunk()).unwrap();
        assert_same(&parts, &whole, &input);
    }
    let mut last = 0;
    for bad in whole.bad.iter().filter(|bad| {
        !matches!(
            bad.reason,
            BadReason::Value { .. } | BadReason::NoRecords { .. }
        )
    }) {
        assert!(bad.offset >= last, "{}: {:?}", input.shown(), whole.bad);
        last = bad.offset + bad.raw_bytes;
        assert!(last <= bytes.len() as u64, "{}", input.shown());
    }
}

/// An inferred schema takes every value of the records that it was inferred from, and lacks nothing; splits learn what
/// the whole file does.
pub(super) fn infer(data: &[u8]) {
    let input = Input::new(data);
    let bytes = &input.file;
    let layout = [
        Layout::Lines,
        Layout::Documents,
        Layout::Array,
        Layout::Auto,
    ][usize::from(input.head[3] % 4)];
    let mut options = input.config(layout).options().clone();
    (options.on_bad_record, options.on_unknown) =
        (OnBadRecord::Quarantine, OnUnknown::DiscardValue);
    let Ok(head) = head(&options, bytes) else {
        return;
    };
    let (tree, report) = match learn(&options, bytes, Split::whole(), input.chunk()) {
        Ok(learned) => learned,
        Err(ReadFailure::Held { .. } | ReadFailure::Encoding { .. }) => return,
        Err(error) => panic!("{}: {error}", input.shown()),
    };
    if head.can_be_split() {
        let learned = learn_chain(&options, bytes, &input.cuts());
        assert_eq!(learned, tree, "{}", input.shown());
    }
    let Ok(schema) = tree.to_schema(&InferOptions::from(&options)) else {
        return;
    };
    if let Ok(text) = schema_file::write(&schema) {
        assert_eq!(schema_file::read(&text).as_ref(), Ok(&schema), "{text}");
    }
    let schema = Arc::new(schema);
    let config = Arc::new(JsonConfig::new(options, schema.clone(), schema).unwrap());
    let (found, _) = read_split(&config, bytes, Split::whole(), usize::MAX).unwrap();
    let shown = || format!("{}\n{:#?}\n{found:#?}", input.shown(), config.schema());
    assert_eq!(
        found.counts[..2],
        [report.read, report.emitted],
        "{}",
        shown()
    );
    assert!(found.bad_values.is_empty(), "{}", shown());
    let outside = config
        .options()
        .keep
        .keys()
        .chain(&config.options().key_column);
    let outside: Vec<&String> = outside.collect();
    let lacking = found.unknown.keys().find(|path| !outside.contains(path));
    assert_eq!(lacking, None, "{}", shown());
}

/// All of a file in one pass; `None` if it may be refused as a whole.
fn read_whole(config: &Arc<JsonConfig>, input: &Input) -> Option<Outcome> {
    match read_split(config, &input.file, Split::whole(), usize::MAX) {
        Ok((whole, _)) => Some(whole),
        Err(ReadFailure::Held { .. } | ReadFailure::Encoding { .. }) => None,
        Err(error) => panic!("{}: {error}", input.shown()),
    }
}

fn assert_same(parts: &Outcome, whole: &Outcome, input: &Input) {
    if parts.unknown_more + whole.unknown_more == 0 {
        return assert_eq!(parts, whole, "{}", input.shown());
    }
    // Which paths there was room for depends on where a split begins.
    let without = |outcome: &Outcome| Outcome {
        unknown: Default::default(),
        unknown_more: outcome.unknown.values().sum::<u64>() + outcome.unknown_more,
        ..outcome.clone()
    };
    assert_eq!(without(parts), without(whole), "{}", input.shown());
}

/// An input, taken apart.
struct Input {
    head: [u8; HEAD_BYTES],
    file: Vec<u8>,
}

impl Input {
    fn new(data: &[u8]) -> Self {
        let mut head = [0; HEAD_BYTES];
        let taken = data.len().min(HEAD_BYTES);
        head[..taken].copy_from_slice(&data[..taken]);
        let mut file: Vec<u8> = if head[0] & 1 == 0 {
            data[taken..].to_vec()
        } else {
            data[taken..]
                .iter()
                .flat_map(|byte| word(*byte))
                .copied()
                .collect()
        };
        // Records that resemble each other are read in a way of their own.
        file = file.repeat([1, 1, 2, 3][usize::from(head[0] >> 6)]);
        file.truncate(FILE_BYTES_MAX);
        Self { head, file }
    }

    fn shown(&self) -> String {
        format!("{:?} {}", self.head, self.file.escape_ascii())
    }

    fn config(&self, layout: Layout) -> Arc<JsonConfig> {
        const PATHS: [Option<&str>; 6] = [
            None,
            None,
            None,
            Some("$.a[*]"),
            Some("$.*"),
            Some("$[*].c"),
        ];
        let [bits, paths, ..] = self.head;
        let mut options = JsonOptions {
            layout,
            ..JsonOptions::default()
        };
        if bits & 2 != 0 {
            options.on_bad_value = OnBadValue::Null;
        }
        if bits & 12 == 12 {
            options.on_bad_record = OnBadRecord::Drop;
        }
        if bits & 48 == 48 {
            options.on_unknown = OnUnknown::DiscardRow;
        }
        options.limits.raw_bytes_max = [4096, 5][usize::from(paths >> 7)];
        options.limits.depth_max = [256, 3][usize::from(paths >> 6 & 1)];
        options.limits.record_bytes_max = [1 << 20, 40][usize::from(paths >> 5 & 1)];
        options.limits.unknown_paths_max = [1000, 2][usize::from(paths >> 4 & 1)];
        if layout != Layout::Lines && layout != Layout::Array {
            let path = PATHS[usize::from(paths & 15) % PATHS.len()];
            options.records = path.map(|path| JsonPath::parse(path).unwrap());
        }
        if let Some(path) = &options.records {
            if path.has_each() && self.head[2] & 1 == 1 {
                options.key_column = Some("key".to_string());
            }
            if self.head[2] & 2 == 2 {
                let kept = JsonPath::parse("$.b").unwrap();
                options.keep.insert("kept".to_string(), kept);
            }
        }
        const FULL: &str = "{a: int64, b: text, c: {fields: {d: 'decimal(5,2)', e: {list: text}, _VALUE: text}}, \
            l: {list: int64}, m: {list: {list: {fields: {x: int64, y: text}}}}, r: raw, t: timestamp, _VALUE: text, \
            key: text, kept: {list: {fields: {x: text, _VALUE: text}}}}";
        const FLAT: &str = "{a: text, b: {list: text}, kept: text}";
        let fields = [FULL, FLAT][usize::from(self.head[2] >> 7)];
        let schema = Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap());
        Arc::new(JsonConfig::new(options, schema.clone(), schema).unwrap())
    }

    fn cuts(&self) -> Vec<usize> {
        let step = usize::from(self.head[4]) + 1;
        let first = usize::from(self.head[5]) + 1;
        (first..=self.file.len()).step_by(step).take(12).collect()
    }

    fn chunk(&self) -> usize {
        usize::from(self.head[6]) + 1
    }
}

/// The token that stands for a byte.
pub(super) fn word(byte: u8) -> &'static [u8] {
    WORDS[usize::from(byte) % WORDS.len()]
}

/// What files are made of.
pub(super) const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\n",
    b" ",
    b"\r\n",
    b"\\",
    b"{\"a\":",
    b"\"a\":",
    b",\"b\":",
    b",\"c\":{",
    b",\"l\":[",
    b",\"m\":[[{\"x\":",
    b",\"z\":",
    b"}}",
    b"]]",
    b"}\n",
    b"},{",
    b"]}",
    b"1",
    b"-7",
    b"12.5",
    b"1e3",
    b"01",
    b"1.",
    b"-",
    b"true",
    b"false",
    b"null",
    b"nul",
    b"NaN",
    b"\"\"",
    b"\"x\"",
    b"\"{\"",
    b"\"}\"",
    b"\"[\\\"\"",
    b"\"\\u0041\"",
    b"\"\\uD834\\uDD1E\"",
    b"\"\\uD834\"",
    b"\"\\x\"",
    b"\"\xC3\xA9\"",
    b"\xFF",
    b"\xC3",
    b"\xEF\xBB\xBF",
    b"\t",
    b"\x01",
    b"{}",
    b"[]",
    b"[1,2]",
    b"[[1],[]]",
    b"{\"x\":1,\"y\":\"t\"}",
    b"{\"a\":1}\n",
    b"{\"a\":1,\"b\":\"x\",\"l\":[1]}\n",
    b"{\"a\":[{\"a\":1},{\"a\":2}],\"b\":3}\n",
    b"\"2024-02-29\"",
    b"\"2024-02-29 00:00:00\"",
    b"\"_VALUE\":",
    b"\"\\u0061\":",
    b"\"key\":1",
    b"\"kept\":2",
    b"\"a text of more than a word, and more than four of them\"",
    b"{\"c\":{\"d\":1.5,\"e\":[\"x\"]}}",
    b"/",
    b"'",
];

//! What the fuzzers run: each a plain function of some bytes that panics if the reader is wrong.
//!
//! The first [`HEAD_BYTES`] bytes choose row tags, schema, limits, splits and buffers; the rest is the document,
//! either as it stands or, byte by byte, from a dictionary of markup, which goes deeper than random bytes do. The
//! targets run under `cargo fuzz` (the folder `fuzz`), and from seeded mutation in the tests (`mutate`).

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::cutting::{Cutting, LIMITS, Total, head, in_splits, one_pass, options};
use super::rows::rows;
use super::slow;
use crate::infer::{InferOptions, Inferrer, TypeTree};
use crate::schema_file;
use crate::xml::{
    BadReason, Chain, FedState, Head, OnBadRecord, OnBadValue, OnUnknown, ReadFailure, Split,
    SplitReport, Start, XmlConfig, verify_chain,
};

/// Panics if the reader is wrong about these bytes.
pub(super) type Target = fn(&[u8]);

/// The targets, by name.
pub(super) const TARGETS: &[(&str, Target)] = &[
    ("tokenizer", tokenizer),
    ("splitter", splitter),
    ("reader", reader),
    ("infer", infer),
];

/// How many bytes at the start of an input choose.
pub(super) const HEAD_BYTES: usize = 12;
/// Longer documents find nothing that shorter ones do not.
const DOCUMENT_BYTES_MAX: usize = 4096;

/// Where records begin and end, good and bad: whatever the bytes, as the slow reader says.
pub(super) fn tokenizer(data: &[u8]) {
    let input = Input::new(data);
    let schema = Arc::new(Schema::empty());
    let meta = Schema::new(vec![
        Field::new("_hw_offset", DataType::Int64, false),
        Field::new("_hw_row_tag", DataType::Utf8, false),
    ]);
    against_the_slow_reader(&input, &input.config(schema, Arc::new(meta)));
}

/// Rows and bad records, whatever the bytes, as the slow reader says.
pub(super) fn reader(data: &[u8]) {
    let input = Input::new(data);
    let (schema, output) = input.schemas();
    against_the_slow_reader(&input, &input.config(schema, output));
}

/// Any splits and any buffers give what one pass gives.
pub(super) fn splitter(data: &[u8]) {
    let input = Input::new(data);
    let (schema, output) = input.schemas();
    let config = input.config(schema, output).as_ref().clone();
    let mut options = config.options().clone();
    let more = input.head[HEAD_BYTES - 1];
    options.exclude_attributes = more & 3 == 3;
    options.ignore_namespaces = more & 12 != 12;
    if more & 48 == 48 {
        options.null_values = vec!["1".to_string()];
    }
    if more & 192 == 192 {
        options.on_unknown = OnUnknown::DiscardRow;
    }
    let (schema, output) = (config.schema().clone(), config.output().clone());
    let config = Arc::new(XmlConfig::new(options, schema, output).unwrap());
    let bytes = &input.document;
    let Some(whole) = readable(one_pass(&config, bytes)) else {
        return;
    };
    let cutting = input.cutting();
    let Some(parts) = readable(in_splits(&config, bytes, &cutting)) else {
        panic!("{}: only parts are refused", input.shown());
    };
    whole.assert_same(&parts, &|| input.shown());
}

/// An inferred schema takes every value of the records that it was inferred from, and lacks nothing; splits learn
/// what the whole file does.
pub(super) fn infer(data: &[u8]) {
    let input = Input::new(data);
    let bytes = &input.document;
    let empty = Arc::new(Schema::empty());
    let learning = Arc::new(input.config(empty.clone(), empty).options().clone());
    let learn = |split| learn(&learning, bytes, split);
    let Some((tree, learned)) = learn(Split::whole()) else {
        return;
    };
    let mut joined: Option<(TypeTree, SplitReport)> = None;
    for split in input.splits() {
        let mut next = learn(split).unwrap();
        joined = Some(match joined {
            None => next,
            Some((mut sum, prev)) => {
                if let Chain::RestartAt(at) = verify_chain(&prev, &next.1) {
                    let start = Start::Known(at);
                    next = learn(Split { start, ..split }).unwrap();
                }
                sum.merge(&next.0);
                (sum, next.1)
            }
        });
    }
    assert_eq!(joined.unwrap().0, tree, "{}", input.shown());
    let Ok(schema) = tree.to_schema(&InferOptions::from(learning.as_ref())) else {
        return;
    };
    let schema = Arc::new(schema);
    let config = input.config(schema.clone(), schema.clone());
    let total = one_pass(&config, bytes).unwrap();
    let by_value = total.bad.iter().find(|bad| {
        matches!(
            bad.reason,
            BadReason::Value { .. } | BadReason::Repeated { .. }
        )
    });
    assert_eq!(by_value, None, "{}\n{schema:#?}", input.shown());
    assert!(total.bad_values.is_empty(), "{}", input.shown());
    assert_eq!(
        total.counts[..2],
        [learned.read, learned.emitted],
        "{}",
        input.shown()
    );
    assert!(
        total.unknown.is_empty() && total.unknown_more == 0,
        "{}\n{:#?}\n{schema:#?}",
        input.shown(),
        total.unknown
    );
    let text = schema_file::write(&schema);
    if let Ok(text) = text {
        assert_eq!(
            schema_file::read(&text).as_ref(),
            Ok(schema.as_ref()),
            "{text}"
        );
    }
}

/// The answer, or nothing if the file is in an encoding that is not read.
fn readable(total: Result<Total, ReadFailure>) -> Option<Total> {
    match total {
        Ok(total) => Some(total),
        Err(ReadFailure::Encoding { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

fn against_the_slow_reader(input: &Input, config: &Arc<XmlConfig>) {
    let bytes = &input.document;
    let mut cutting = input.cutting();
    cutting.cuts.clear();
    let Some(total) = readable(in_splits(config, bytes, &cutting)) else {
        return;
    };
    if head(config.options(), bytes).ok() != Some(Head::default()) {
        return; // The slow reader knows UTF-8 and no entities.
    }
    let slow = slow::read(config, bytes);
    let found: Vec<_> = total.batches.iter().flat_map(rows).collect();
    let shown = || format!("{}\n{:#?}", input.shown(), total.bad);
    assert_eq!(found, slow.rows, "{}", shown());
    let read = (slow.rows.len() + slow.bad.len()) as u64;
    assert_eq!(total.counts[0], read, "{}", shown());
    if config.options().on_bad_record == OnBadRecord::Drop {
        assert_eq!(total.counts[3], slow.bad.len() as u64, "{}", shown());
    } else {
        slow.assert_bad(config, bytes, &total.bad, &shown());
    }
    let counts = |counts: &BTreeMap<String, crate::xml::PathCount>| -> BTreeMap<String, u64> {
        let each = counts.iter();
        each.map(|(path, count)| (path.clone(), count.count))
            .collect()
    };
    assert_eq!(counts(&total.bad_values), slow.bad_values, "{}", shown());
    let unknown: u64 = slow.unknown.values().sum();
    let found = counts(&total.unknown);
    assert_eq!(
        found.values().sum::<u64>() + total.unknown_more,
        unknown,
        "{}\n{found:#?}\n{:#?}",
        shown(),
        slow.unknown
    );
    if total.unknown_more == 0 {
        assert_eq!(found, slow.unknown, "{}", shown());
    }
}

fn learn(
    options: &Arc<crate::xml::XmlOptions>,
    bytes: &[u8],
    split: Split,
) -> Option<(TypeTree, SplitReport)> {
    let mut inferrer = Inferrer::new(options.clone(), split);
    if split.start != Start::File {
        inferrer.set_head(head(options, bytes).ok()?);
    }
    let from = (split.start.offset() as usize).min(bytes.len());
    match inferrer.feed(&bytes[from..], true) {
        Ok(fed) => assert_eq!(fed.state, FedState::Done),
        Err(ReadFailure::Encoding { .. }) => return None,
        Err(other) => panic!("{other}"),
    }
    let report = inferrer.report();
    Some((inferrer.finish(), report))
}

/// An input, taken apart.
struct Input {
    head: [u8; HEAD_BYTES],
    document: Vec<u8>,
}

impl Input {
    fn new(data: &[u8]) -> Self {
        let mut head = [0; HEAD_BYTES];
        let taken = data.len().min(HEAD_BYTES);
        head[..taken].copy_from_slice(&data[..taken]);
        let mut document: Vec<u8> = if head[0] & 1 == 0 {
            data[taken..].to_vec()
        } else {
            data[taken..].iter().flat_map(|byte| word(*byte)).collect()
        };
        // Records that resemble each other are read in a way of their own.
        document = document.repeat([1, 1, 2, 3][usize::from(head[0] >> 6)]);
        document.truncate(DOCUMENT_BYTES_MAX);
        Self { head, document }
    }

    fn shown(&self) -> String {
        format!("{:?} {}", self.head, self.document.escape_ascii())
    }

    fn config(&self, schema: SchemaRef, output: SchemaRef) -> Arc<XmlConfig> {
        let tags: &[&str] =
            [&["r"][..], &["r", "q"], &["n:r", "q"], &["r"]][usize::from(self.head[1] % 4)];
        let mut options = options(tags, usize::from(self.head[2]) % LIMITS);
        if self.head[0] & 2 != 0 {
            options.on_bad_value = OnBadValue::Null;
        }
        if self.head[0] & 12 == 12 {
            options.on_bad_record = OnBadRecord::Drop;
        }
        options.trim = self.head[0] & 48 != 48;
        Arc::new(XmlConfig::new(options, schema, output).unwrap())
    }

    /// The schema of records, and that of the batches.
    fn schemas(&self) -> (SchemaRef, SchemaRef) {
        const FULL: &str = "{_x: text, _id: int64, _VALUE: text, a: text, b: int64, \
            c: {fields: {_x: text, _VALUE: 'decimal(5,2)', a: {list: text}, b: bool}}, \
            l: {list: int64}, _y: {list: text}, \
            m: {list: {fields: {_id: date, a: text, l: {list: {fields: {b: timestamp, _VALUE: text}}}}}}, \
            r: {fields: {a: text, r: {list: {fields: {a: float64}}}}}, q: timestamptz}";
        const PART: &str = "{c: {fields: {b: bool, _VALUE: 'decimal(5,2)'}}, l: {list: int64}, \
            m: {list: {fields: {l: {list: {fields: {b: timestamp}}}}}}, _x: text}";
        const FLAT: &str = "{a: text, b: {list: text}}";
        thread_local! {
            static KNOWN: RefCell<HashMap<&'static str, SchemaRef>> = RefCell::default();
        }
        let schema = |fields: &'static str| {
            KNOWN.with_borrow_mut(|known| {
                let read = || Arc::new(schema_file::read(&format!("fields: {fields}")).unwrap());
                known.entry(fields).or_insert_with(read).clone()
            })
        };
        match self.head[3] % 4 {
            0 => (schema(FLAT), schema(FLAT)),
            1 => (schema(FULL), schema(PART)),
            _ => (schema(FULL), schema(FULL)),
        }
    }

    fn cutting(&self) -> Cutting {
        let mut cuts = Vec::new();
        let how_many = usize::from(self.head[4] % 6);
        for byte in &self.head[7..7 + how_many.min(HEAD_BYTES - 7)] {
            let at = self.document.len() * (usize::from(*byte) + 1) / 256;
            cuts.push(at.max(1));
        }
        if how_many == 5 {
            // Cuts all over the document.
            let step = usize::from(self.head[7]) + 1;
            cuts = (step..=self.document.len()).step_by(step).collect();
        }
        cuts.retain(|cut| *cut <= self.document.len());
        cuts.sort_unstable();
        cuts.dedup();
        Cutting {
            cuts,
            chunk_max: usize::from(self.head[5] % 80),
            seed: u64::from(self.head[6]),
            restarts_max: match self.head[6] % 4 {
                0 => 0,
                1 => 1,
                _ => usize::MAX,
            },
        }
    }

    fn splits(&self) -> Vec<Split> {
        let mut splits = Vec::new();
        let mut start = Start::File;
        for cut in self.cutting().cuts {
            let end = cut as u64;
            splits.push(Split { start, end });
            start = Start::Guess(end);
        }
        let end = u64::MAX;
        splits.push(Split { start, end });
        splits
    }
}

/// The markup that stands for a byte.
pub(super) fn word(byte: u8) -> Vec<u8> {
    match WORDS.get(usize::from(byte)) {
        Some(word) => word.to_vec(),
        None => vec![byte.wrapping_sub(128)],
    }
}

/// What documents are made of.
pub(super) const WORDS: &[&[u8]] = &[
    b"<r>",
    b"</r>",
    b"<r/>",
    b"<q>",
    b"</q>",
    b"<q/>",
    b"<n:r>",
    b"</n:r>",
    b"<n:r",
    b"<n:q>",
    b"</n:q>",
    b"<a>",
    b"</a>",
    b"<a/>",
    b"<b>",
    b"</b>",
    b"<b/>",
    b"<c>",
    b"</c>",
    b"<c ",
    b"<l>",
    b"</l>",
    b"<l/>",
    b"<m>",
    b"</m>",
    b"<m ",
    b"<z>",
    b"</z>",
    b"<z/>",
    b"<r ",
    b"<r",
    b"</r",
    b"<",
    b">",
    b"/>",
    b"</",
    b"/",
    b"=",
    b"\"",
    b"'",
    b" x='1'",
    b" x=\"a>b\"",
    b" id='7'",
    b" y='<r>'",
    b" y='1'",
    b" y=\"<r>\" ",
    b" n:x='2'",
    b" xmlns:n='u'",
    b" xmlns='u'",
    b" _x='3'",
    b" k=v",
    b" = ",
    b"<!--",
    b"-->",
    b"--",
    b"<![CDATA[",
    b"]]>",
    b"]]",
    b"<?p ",
    b"?>",
    b"<!DOCTYPE x",
    b" [",
    b"]>",
    b"<!ENTITY e 'v'>",
    b"<!DOCTYPE x [<!ENTITY e 'v'>]>",
    b"&e;",
    b"<!x",
    b"<?xml version='1.0'?>",
    b"<?xml version='1.0' encoding='ISO-8859-1'?>",
    b"\xEF\xBB\xBF",
    b"&amp;",
    b"&lt;",
    b"&#65;",
    b"&#x20;",
    b"&#13;",
    b"&x;",
    b"&",
    b";",
    b"&#",
    b" ",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"1",
    b"-7",
    b"12.50",
    b"1e5",
    b"true",
    b"2024-02-29",
    b"2024-02-29T00:00:00",
    b"2024-02-29T00:00:00Z",
    b"007",
    b"text",
    b"word of more than eight bytes",
    "\u{e9}".as_bytes(),
    "\u{1D11E}".as_bytes(),
    b"\xFF",
    b"\xC3",
    b"\0",
    b"<a><!-- c --></a>",
    b"<a><![CDATA[<r>&]]></a>",
    b"<r><a>1</a></r>",
    b"<r x='1' id='2'><a>t</a><l>1</l><l>2</l></r>",
    b"<m id='2024-02-29'><a>1</a><l>x<b>2024-02-29 00:00:00</b></l></m>",
    b"<c x='1'>2.5<a>t</a><b>true</b></c>",
    b"<r><a>2</a><r><a>1.5</a></r></r>",
    b"<_y>1</_y>",
    b"<_VALUE>",
    b"</_VALUE>",
    b":",
    b".",
    b"-",
    b"_",
    b"r",
    b"a",
    b" a='1' b='2' c='3' d='4' e='5' f='6' g='7' h='8' i='9' j='10' k='11' l='12' m='13' o='14' p='15' q='16'",
    b" b='0'",
    b"                 ",
    b"<a   ",
    b"</a   >",
    b"<r\n x='1'\n>",
];

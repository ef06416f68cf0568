//! A reader of lines that is slow and obvious, and a maker of records.
//!
//! It shares no code with the fast one but the conversion of texts to numbers and dates. A record is parsed into a tree
//! by recursion, and the tree is laid out by the table in `json/mod.rs`.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::{Map, Value, json};

use super::run::{Outcome, newlines};
use crate::json::JsonConfig;
use crate::values;
use crate::{BadReason, OnBadRecord, OnBadValue, RAW_KEY};

/// A value, with what stands for it.
#[derive(Debug, Clone)]
enum Tree {
    Null,
    /// Number or word.
    Bare(String),
    String(String),
    Array(Vec<(Tree, String)>),
    Object(Vec<(String, Tree, String)>),
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Why {
    Broken,
    TooDeep,
    TooLarge,
    Bytes(u64),
    Value(String),
}

/// What a file of lines comes to.
#[derive(Debug, Default)]
pub(super) struct Slow {
    rows: Vec<Value>,
    /// Offset, end, what is wrong.
    bad: Vec<(usize, usize, Why)>,
    unknown: BTreeMap<String, u64>,
    bad_values: BTreeMap<String, u64>,
}

/// Reads a file of lines.
pub(super) fn lines(config: &JsonConfig, bytes: &[u8]) -> Slow {
    let mut slow = Slow::default();
    let mark = b"\xEF\xBB\xBF";
    let mut at = 0;
    while at < 6 && bytes[at..].starts_with(mark) {
        at += 3;
    }
    let limits = &config.options().limits;
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    while at < bytes.len() {
        let end = bytes[at..].iter().position(|b| *b == b'\n');
        let end = end.map_or(bytes.len(), |length| at + length);
        let from = (at..end).find(|i| !space(&bytes[*i]));
        at = end + 1;
        let Some(from) = from else { continue };
        // A carriage return before the line feed is no part of it.
        let has_return = end > from && bytes[end - 1] == b'\r';
        if end - from - usize::from(has_return) > limits.record_bytes_max {
            slow.bad.push((from, end, Why::TooLarge));
            continue;
        }
        let to = (from..end).rev().find(|i| !space(&bytes[*i])).unwrap() + 1;
        let line = &bytes[from..to];
        let mut parser = Parser {
            bytes: line,
            at: 0,
            depth_max: limits.depth_max,
        };
        let parsed = parser.value(0).and_then(|tree| {
            let value = &line[..parser.at];
            if let Err(error) = std::str::from_utf8(value) {
                return Err(Why::Bytes((from + error.valid_up_to()) as u64));
            }
            if parser.at < line.len() {
                return Err(Why::Broken);
            }
            Ok(tree)
        });
        let text = String::from_utf8_lossy(line);
        match parsed.and_then(|tree| slow.row(config, &tree, &text)) {
            Ok(row) => slow.rows.push(row),
            Err(why) => slow.bad.push((from, to, why)),
        }
    }
    slow
}

impl Slow {
    /// Panics if the fast reader says otherwise.
    pub(super) fn assert_same(&self, found: &Outcome, bytes: &[u8], shown: &str) {
        assert_eq!(found.rows, self.rows, "{shown}");
        let read = (self.rows.len() + self.bad.len()) as u64;
        assert_eq!(found.counts[0], read, "{shown}");
        assert_eq!(found.newlines, newlines(bytes), "{shown}");
        assert_eq!(found.bad_values, self.bad_values, "{shown}");
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        assert_eq!(
            sum(&found.unknown) + found.unknown_more,
            sum(&self.unknown),
            "{shown}"
        );
        if found.unknown_more == 0 {
            assert_eq!(found.unknown, self.unknown, "{shown}");
        }
        if found.counts[3] > 0 {
            assert_eq!(found.counts[3] as usize, self.bad.len(), "{shown}");
            return;
        }
        assert_eq!(found.bad.len(), self.bad.len(), "{shown}\n{:#?}", found.bad);
        for (bad, (from, to, why)) in found.bad.iter().zip(&self.bad) {
            assert_eq!(bad.offset as usize, *from, "{shown}");
            assert_eq!(bad.raw_bytes as usize, to - from, "{shown}");
            assert_eq!(bad.line_in_split, newlines(&bytes[..*from]), "{shown}");
            let said = match &bad.reason {
                BadReason::Malformed { .. } | BadReason::Truncated { .. } => Why::Broken,
                BadReason::TooDeep { .. } => Why::TooDeep,
                BadReason::TooLarge { .. } => Why::TooLarge,
                BadReason::InvalidByte { at, .. } => Why::Bytes(*at),
                BadReason::Value { path, .. } => Why::Value(path.clone()),
                other => panic!("{shown}: {other}"),
            };
            assert_eq!(said, *why, "{shown}: {}", bad.reason);
            if let Some(at) = bad.reason.at() {
                assert!((*from..=*to).contains(&(at as usize)), "{shown}: {at}");
            }
        }
    }

    fn row(&mut self, config: &JsonConfig, tree: &Tree, text: &str) -> Result<Value, Why> {
        assert_ne!(config.options().on_bad_record, OnBadRecord::Keep);
        let mut notes = Notes {
            nulls: config.options().on_bad_value == OnBadValue::Null,
            ..Notes::default()
        };
        let tree = match tree {
            Tree::Object(fields) => Tree::Object(fields.clone()),
            Tree::Null => Tree::Object(Vec::new()),
            other => Tree::Object(vec![(
                "_VALUE".to_string(),
                other.clone(),
                text.to_string(),
            )]),
        };
        let row = notes.object(config.schema().fields(), &tree, "")?;
        for (into, from) in [
            (&mut self.unknown, notes.unknown),
            (&mut self.bad_values, notes.bad_values),
        ] {
            for path in from {
                *into.entry(path).or_default() += 1;
            }
        }
        Ok(row)
    }
}

/// What is noted of a record that becomes a row.
#[derive(Default)]
struct Notes {
    nulls: bool,
    unknown: Vec<String>,
    bad_values: Vec<String>,
}

impl Notes {
    fn object(&mut self, fields: &Fields, tree: &Tree, path: &str) -> Result<Value, Why> {
        let Tree::Object(members) = tree else {
            panic!("not an object")
        };
        let mut object = Map::new();
        for (i, (name, value, text)) in members.iter().enumerate() {
            if members[i + 1..].iter().any(|(later, ..)| later == name) {
                continue;
            }
            let below = format!("{path}{name}");
            match fields.iter().find(|field| field.name() == name) {
                None => self.unknown.push(below),
                Some(field) => {
                    let value = self.column(field, value, text, &below)?;
                    if !value.is_null() {
                        object.insert(name.clone(), value);
                    }
                }
            }
        }
        Ok(Value::Object(object))
    }

    /// What a field's column holds.
    fn column(&mut self, field: &Field, tree: &Tree, text: &str, path: &str) -> Result<Value, Why> {
        let DataType::List(item) = field.data_type() else {
            return self.scalar(field, tree, text, path);
        };
        match tree {
            Tree::Null => Ok(Value::Null),
            Tree::Array(items) => {
                let items = items
                    .iter()
                    .map(|(tree, text)| self.column(item, tree, text, path));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            _ => Ok(json!([self.column(item, tree, text, path)?])),
        }
    }

    /// What stands inside of all lists.
    fn scalar(&mut self, field: &Field, tree: &Tree, text: &str, path: &str) -> Result<Value, Why> {
        if matches!(tree, Tree::Null) {
            return Ok(Value::Null);
        }
        if let DataType::Struct(fields) = field.data_type() {
            return match tree {
                Tree::Object(_) => self.object(fields, tree, &format!("{path}/")),
                Tree::Array(_) => self.refuse(path),
                _ => {
                    let below = format!("{path}/_VALUE");
                    match fields.iter().find(|field| field.name() == "_VALUE") {
                        None => {
                            self.unknown.push(below);
                            Ok(Value::Null)
                        }
                        Some(field) => {
                            let value = self.column(field, tree, text, &below)?;
                            Ok(if value.is_null() {
                                json!({})
                            } else {
                                json!({ "_VALUE": value })
                            })
                        }
                    }
                }
            };
        }
        let shown = match tree {
            _ if field.metadata().contains_key(RAW_KEY) => text,
            Tree::Bare(text) | Tree::String(text) => text,
            _ => text,
        };
        if shown.is_empty() && *field.data_type() != DataType::Utf8 {
            return Ok(Value::Null);
        }
        match converted(field.data_type(), shown) {
            Some(value) => Ok(value),
            None => self.refuse(path),
        }
    }

    fn refuse(&mut self, path: &str) -> Result<Value, Why> {
        if !self.nulls {
            return Err(Why::Value(path.to_string()));
        }
        self.bad_values.push(path.to_string());
        Ok(Value::Null)
    }
}

fn converted(data_type: &DataType, text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    Some(match data_type {
        DataType::Utf8 => json!(text),
        DataType::Int64 => json!(values::int64(bytes)?),
        DataType::Float64 => json!(values::float64(bytes)?),
        DataType::Boolean => json!(values::boolean(bytes)?),
        DataType::Date32 => json!(values::date32(bytes)?),
        DataType::Decimal128(precision, scale) => {
            let value = values::decimal128(bytes, *precision, *scale)?;
            let digits = format!("{:0>1$}", value.unsigned_abs(), *scale as usize + 1);
            let (whole, rest) = digits.split_at(digits.len() - *scale as usize);
            let sign = if value < 0 { "-" } else { "" };
            let point = if *scale > 0 { "." } else { "" };
            json!(format!("{sign}{whole}{point}{rest}"))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            json!(values::Forms::default().micros(bytes, zone.is_some())?)
        }
        other => panic!("{other}"),
    })
}

/// RFC 8259 by recursive descent.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    depth_max: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Result<(), Why> {
        if self.peek() != Some(byte) {
            return Err(Why::Broken);
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Tree, Why> {
        match self.peek() {
            Some(b'{' | b'[') if depth >= self.depth_max => Err(Why::TooDeep),
            Some(b'{') => {
                let mut members = Vec::new();
                self.list(b'}', |parser| {
                    let name = parser.string()?;
                    parser.space();
                    parser.eat(b':')?;
                    parser.space();
                    let from = parser.at;
                    let value = parser.value(depth + 1)?;
                    members.push((name, value, parser.text(from)));
                    Ok(())
                })?;
                Ok(Tree::Object(members))
            }
            Some(b'[') => {
                let mut items = Vec::new();
                self.list(b']', |parser| {
                    let from = parser.at;
                    let value = parser.value(depth + 1)?;
                    items.push((value, parser.text(from)));
                    Ok(())
                })?;
                Ok(Tree::Array(items))
            }
            Some(b'"') => Ok(Tree::String(self.string()?)),
            _ => {
                let rest = &self.bytes[self.at..];
                for word in ["true", "false", "null"] {
                    if rest.starts_with(word.as_bytes()) {
                        self.at += word.len();
                        return Ok(match word {
                            "null" => Tree::Null,
                            word => Tree::Bare(word.to_string()),
                        });
                    }
                }
                let from = self.at;
                self.number()?;
                Ok(Tree::Bare(self.text(from)))
            }
        }
    }

    fn text(&self, from: usize) -> String {
        String::from_utf8_lossy(&self.bytes[from..self.at]).into_owned()
    }

    fn list(
        &mut self,
        close: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), Why>,
    ) -> Result<(), Why> {
        self.at += 1;
        self.space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            one(self)?;
            self.space();
            if self.peek() == Some(close) {
                self.at += 1;
                return Ok(());
            }
            self.eat(b',')?;
        }
    }

    fn number(&mut self) -> Result<(), Why> {
        let digits = |parser: &mut Self| {
            let from = parser.at;
            while parser.peek().is_some_and(|b| b.is_ascii_digit()) {
                parser.at += 1;
            }
            if parser.at == from {
                Err(Why::Broken)
            } else {
                Ok(())
            }
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            digits(self)?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits(self)?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, Why> {
        self.eat(b'"')?;
        let mut text: Vec<u8> = Vec::new();
        loop {
            let byte = self.peek().ok_or(Why::Broken)?;
            self.at += 1;
            match byte {
                b'"' => return Ok(String::from_utf8_lossy(&text).into_owned()),
                0..0x20 => return Err(Why::Broken),
                b'\\' => {
                    let escape = self.peek().ok_or(Why::Broken)?;
                    self.at += 1;
                    let at = b"\"\\/bfnrt".iter().position(|b| *b == escape);
                    if let Some(at) = at {
                        text.push(b"\"\\/\x08\x0C\n\r\t"[at]);
                        continue;
                    }
                    if escape != b'u' {
                        return Err(Why::Broken);
                    }
                    let mut units = vec![self.unit()?];
                    if (0xD800..0xDC00).contains(&units[0]) {
                        self.eat(b'\\')?;
                        self.eat(b'u')?;
                        units.push(self.unit()?);
                    }
                    let character = String::from_utf16(&units).map_err(|_| Why::Broken)?;
                    text.extend_from_slice(character.as_bytes());
                }
                other => text.push(other),
            }
        }
    }

    fn unit(&mut self) -> Result<u16, Why> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Why::Broken)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Why::Broken);
        }
        self.at += 4;
        let digits = std::str::from_utf8(digits).unwrap();
        Ok(u16::from_str_radix(digits, 16).unwrap())
    }
}

/// Appends a record, mostly of the fields that the tests' schema has, sometimes of others, and now and then the same
/// twice.
pub(super) fn random_record(random: &mut fastrand::Rng, out: &mut Vec<u8>) {
    const NAMES: [&str; 14] = [
        "a", "b", "c", "d", "e", "l", "m", "r", "t", "x", "y", "_VALUE", "\\u0061", "other",
    ];
    if random.u8(..20) == 0 {
        return random_value(random, out, 2);
    }
    out.push(b'{');
    let mut names: Vec<&str> = Vec::new();
    for name in NAMES {
        if random.u8(..10) < 5 {
            names.push(name);
        }
    }
    if random.u8(..4) == 0 {
        random.shuffle(&mut names);
        names.push(NAMES[random.usize(..NAMES.len())]);
    }
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice([&b","[..], b", "][usize::from(random.u8(..8) == 0)]);
        }
        out.extend_from_slice(format!("\"{name}\":").as_bytes());
        random_value(random, out, 3);
    }
    out.push(b'}');
}

fn random_value(random: &mut fastrand::Rng, out: &mut Vec<u8>, depth: u8) {
    const SCALARS: [&str; 22] = [
        "null",
        "true",
        "false",
        "0",
        "-7",
        "12.5",
        "1e3",
        "-0.25E+2",
        "123456789012345678901234567890",
        "\"\"",
        "\"x\"",
        "\"é\"",
        "\"a\\nb\"",
        "\"\\\"\"",
        "\"\\uD834\\uDD1E\"",
        "\"12\"",
        "\"2024-02-29\"",
        "\"2024-02-29T12:00:00\"",
        "\"2024-02-29T12:00:00Z\"",
        "\"true\"",
        "\"a longer text of more than a word\"",
        "\" 1 \"",
    ];
    let kind = if depth == 0 { 0 } else { random.u8(..10) };
    match kind {
        8 => {
            out.push(b'[');
            for i in 0..random.usize(..4) {
                if i > 0 {
                    out.push(b',');
                }
                random_value(random, out, depth - 1);
            }
            out.push(b']');
        }
        9 => {
            out.push(b'{');
            let names = ["d", "e", "x", "y", "_VALUE"];
            let mut first = true;
            for name in names {
                if random.u8(..3) > 0 {
                    continue;
                }
                if !first {
                    out.push(b',');
                }
                first = false;
                out.extend_from_slice(format!("\"{name}\" : ").as_bytes());
                random_value(random, out, depth - 1);
            }
            out.push(b'}');
        }
        _ => out.extend_from_slice(SCALARS[random.usize(..SCALARS.len())].as_bytes()),
    }
}

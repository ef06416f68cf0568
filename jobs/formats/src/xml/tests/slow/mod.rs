//! A slow and obvious reader for any bytes at all: the oracle of the fast one.
//!
//! It has the whole file before it, looks at one byte after the other, builds a tree for each record, and makes a row
//! or a bad record of it. It is written from the rules alone (`xml`'s table of values, `recover`'s rule for broken
//! records, XML 1.0) and shares no code with the reader but what turns text into numbers and dates, which has tests
//! of its own. It knows nothing of splits, buffers, guesses and tapes; nor of other encodings and declared entities,
//! which have tests of their own (`charsets`, `entities`).

mod markup;
mod record;
mod value;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::xml::{BadReason, BadRecord, XmlConfig};
use markup::Token;

/// What the slow reader makes of a file.
#[derive(Debug, Default)]
pub(super) struct Slow {
    pub(super) rows: Vec<Value>,
    pub(super) bad: Vec<SlowBad>,
    /// How often something that the schema lacks was met, by path.
    pub(super) unknown: BTreeMap<String, u64>,
    /// How many values were made NULL because they did not fit, by path.
    pub(super) bad_values: BTreeMap<String, u64>,
}

/// A bad record.
#[derive(Debug)]
pub(super) struct SlowBad {
    pub(super) offset: usize,
    pub(super) end: usize,
    pub(super) line: u64,
    pub(super) why: Why,
}

/// What is wrong with a record: the kind, the byte if it is certain, and the path or text that the reason names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) kind: &'static str,
    pub(super) at: Option<u64>,
    pub(super) detail: String,
}

impl Why {
    fn new(kind: &'static str, at: Option<usize>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            at: at.map(|at| at as u64),
            detail: detail.into(),
        }
    }

    /// The same of what the fast reader says. The wording of a message is left out, and so is the place of a value
    /// that was put together from several pieces of text.
    pub(super) fn of(reason: &BadReason) -> Self {
        let (kind, at, detail) = match reason {
            BadReason::Malformed { at, .. } => ("malformed", Some(*at), String::new()),
            BadReason::Truncated { at } => ("truncated", Some(*at), String::new()),
            BadReason::Unclosed { at, .. } => ("unclosed", Some(*at), String::new()),
            BadReason::TooLarge { .. } => ("too large", None, String::new()),
            BadReason::TooDeep { at, .. } => ("too deep", Some(*at), String::new()),
            BadReason::InvalidByte { at, .. } => ("utf-8", Some(*at), String::new()),
            BadReason::UnknownEntity { at, .. } | BadReason::Entity { at, .. } => {
                ("entity", Some(*at), String::new())
            }
            BadReason::Value { path, .. } => ("value", None, path.clone()),
            BadReason::Repeated { path, .. } => ("repeated", None, path.clone()),
            BadReason::NoRecords { path } => ("no records", None, path.clone()), // not of XML
            BadReason::Endless { at, what } => ("endless", Some(*at), what.clone()),
        };
        Self { kind, at, detail }
    }
}

/// Reads a file.
pub(super) fn read(config: &XmlConfig, bytes: &[u8]) -> Slow {
    let mut slow = Slow::default();
    let tags = &config.options().row_tags;
    let mut p = 0;
    while p < bytes.len() {
        if bytes[p] != b'<' {
            p += 1;
            continue;
        }
        p = match markup::token(bytes, p) {
            Token::Start { name, .. } if markup::row_tag(tags, &bytes[name.clone()]).is_some() => {
                record::read(config, bytes, p, &mut slow)
            }
            Token::Start { end, .. } | Token::End { end, .. } | Token::Hidden { end } => end,
            Token::Endless { what, .. } => {
                let why = Why::new("endless", Some(p), what);
                slow.refuse(bytes, p, bytes.len(), why)
            }
            Token::Text => p + 1,
        };
    }
    slow
}

impl Slow {
    fn refuse(&mut self, bytes: &[u8], offset: usize, end: usize, why: Why) -> usize {
        self.bad.push(SlowBad {
            offset,
            end,
            line: newlines(&bytes[..offset]),
            why,
        });
        end
    }

    /// Panics if the fast reader's bad records are others.
    pub(super) fn assert_bad(
        &self,
        config: &XmlConfig,
        bytes: &[u8],
        found: &[BadRecord],
        shown: &str,
    ) {
        let raw_bytes_max = config.options().limits.raw_bytes_max;
        for (slow, fast) in self.bad.iter().zip(found) {
            assert_eq!(
                slow.why,
                Why::of(&fast.reason),
                "{shown}\n{slow:?}\n{fast:?}"
            );
            assert_eq!(
                (slow.offset as u64, slow.line, slow.end as u64),
                (
                    fast.offset,
                    fast.line_in_split,
                    fast.offset + fast.raw_bytes
                ),
                "{shown}\n{slow:?}\n{fast:?}"
            );
            let raw = &bytes[slow.offset..slow.end.min(slow.offset + raw_bytes_max)];
            assert_eq!(unescape(&fast.raw), raw, "{shown}\n{slow:?}\n{fast:?}");
        }
        assert_eq!(
            self.bad.len(),
            found.len(),
            "{shown}\n{:#?}\n{found:#?}",
            self.bad
        );
    }
}

pub(super) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The bytes that a bad record's raw text stands for.
fn unescape(raw: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = raw;
    while let Some(at) = rest.find("\\x") {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        bytes.push(u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap());
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

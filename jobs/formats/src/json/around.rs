//! What of a document belongs to each of its records, though it stands outside of them: what the options keep, and the
//! key that leads to a record. Records that come before what is kept wait for it.

use super::JsonOptions;
use super::path::PathStep;
use super::record::{End, RecordParser};
use super::scanner::Common;
use super::shape::Shape;
use crate::record::ReadFailure;
use crate::record::columns::RecordAt;
use crate::record::nodes::NO_NODE;
use crate::record::scan::{Place, Step};
use crate::record::tape::Entry;

/// How many steps of the path to each thing that is kept lead to a place, if that path does.
pub(super) type Leads = Vec<Option<usize>>;

/// What belongs to the records of the document at hand.
#[derive(Debug)]
pub(super) struct Around {
    key_column: Option<String>,
    /// The name, quotes and all, of the field of the innermost object that the path leads through by `.*`.
    key: Vec<u8>,
    kept: Vec<Kept>,
    held: Held,
}

/// Something of a document that is a column of its records.
#[derive(Debug)]
struct Kept {
    column: String,
    path: Vec<String>,
    path_shown: String,
    found: bool,
    entries: Vec<Entry>,
    /// The texts of the entries.
    text: Vec<u8>,
}

/// Records that wait for what is kept of their document.
#[derive(Debug, Default)]
struct Held {
    records: Vec<HeldRecord>,
    bytes: usize,
    /// The next to be given out, if they are.
    next: Option<usize>,
}

#[derive(Debug)]
struct HeldRecord {
    bytes: Vec<u8>,
    key: Vec<u8>,
    offset: u64,
    line: u64,
}

impl Around {
    pub(super) fn new(options: &JsonOptions) -> Self {
        let kept = options.keep.iter().map(|(column, path)| {
            let steps = path.steps().iter().filter_map(|step| match step {
                PathStep::Name(name) => Some(name.clone()),
                PathStep::Each => None,
            });
            Kept {
                column: column.clone(),
                path: steps.collect(),
                path_shown: path.as_str().to_string(),
                found: false,
                entries: Vec::new(),
                text: Vec::new(),
            }
        });
        Self {
            key_column: options.key_column.clone(),
            key: Vec::new(),
            kept: kept.collect(),
            held: Held::default(),
        }
    }

    /// Forgets what belonged to the last document; gives how far the paths to what is kept lead to the whole of one.
    pub(super) fn begin_document(&mut self) -> Leads {
        self.key.clear();
        for kept in &mut self.kept {
            kept.found = false;
            kept.entries.clear();
            kept.text.clear();
        }
        vec![Some(0); self.kept.len()]
    }

    /// The document has ended: what was not found is NULL.
    pub(super) fn end_document(&mut self) {
        if !self.held.records.is_empty() {
            self.held.next = Some(0);
        }
    }

    /// Where no path leads to.
    pub(super) fn nowhere(&self) -> Leads {
        vec![None; self.kept.len()]
    }

    /// Where the paths lead that lead to an object, in its field of this name.
    pub(super) fn follow(&self, to: &Leads, name: &[u8]) -> Leads {
        let steps = to.iter().zip(&self.kept).map(|(matched, kept)| {
            let matched = (*matched)?;
            (kept.path.get(matched)?.as_bytes() == name).then_some(matched + 1)
        });
        steps.collect()
    }

    /// Whether any path leads further.
    pub(super) fn leads_on(&self, to: &Leads) -> bool {
        let mut paths = to.iter().zip(&self.kept);
        paths.any(|(matched, kept)| matched.is_some_and(|m| m < kept.path.len()))
    }

    /// What is kept whose path ends at a place, and that was not found before.
    pub(super) fn ends(&self, to: &Leads) -> Vec<usize> {
        let mut ends = Vec::new();
        for (i, (matched, kept)) in to.iter().zip(&self.kept).enumerate() {
            if !kept.found && *matched == Some(kept.path.len()) && !kept.path.is_empty() {
                ends.push(i);
            }
        }
        ends
    }

    /// Takes in something that is to be kept; when that was the last, records that are held can go.
    pub(super) fn keep(
        &mut self,
        parser: &mut RecordParser,
        shape: &mut Shape,
        i: usize,
        value: &[u8],
    ) {
        let Some(kept) = self.kept.get_mut(i) else {
            return;
        };
        kept.found = true;
        let node = shape.outside(&kept.column);
        if node != NO_NODE {
            kept.entries = parser.value_for(shape, node, value, &mut kept.text);
        }
        if !self.is_incomplete() {
            self.end_document();
        }
    }

    /// The field with this name, quotes and all, is what the path leads through.
    pub(super) fn set_key(&mut self, quoted: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(quoted);
    }

    /// What belongs to the record at hand: entries, and their texts.
    pub(super) fn entries(
        &self,
        parser: &mut RecordParser,
        shape: &mut Shape,
    ) -> (Vec<Entry>, Vec<u8>) {
        let (mut entries, mut text) = (Vec::new(), Vec::new());
        if let Some(column) = &self.key_column
            && !self.key.is_empty()
        {
            let node = shape.outside(column);
            entries = parser.value_for(shape, node, &self.key, &mut text);
        }
        for kept in &self.kept {
            let from = text.len() as u32;
            text.extend_from_slice(&kept.text);
            entries.extend(kept.entries.iter().map(|entry| Entry {
                start: entry.start + from,
                end: entry.end + from,
                ..*entry
            }));
        }
        (entries, text)
    }

    /// Whether nothing of a document ever belongs to its records.
    pub(super) fn is_nothing(&self) -> bool {
        self.kept.is_empty() && self.key_column.is_none()
    }

    /// Whether something that is kept was not found so far, so that records are to be held.
    pub(super) fn is_incomplete(&self) -> bool {
        self.kept.iter().any(|kept| !kept.found)
    }

    /// Holds a record, which begins at the position.
    ///
    /// # Errors
    /// [`ReadFailure::Held`]: those that are held are too many.
    pub(super) fn hold(
        &mut self,
        common: &Common,
        record: &[u8],
        offset: u64,
    ) -> Result<(), ReadFailure> {
        self.held.bytes += record.len() + self.key.len() + std::mem::size_of::<HeldRecord>();
        let bytes_max = common.parser.record_bytes_max();
        if self.held.bytes > bytes_max {
            let missing = self.kept.iter().find(|kept| !kept.found);
            return Err(ReadFailure::Held {
                at: offset,
                path: missing.map_or_else(String::new, |kept| kept.path_shown.clone()),
                bytes_max: bytes_max as u64,
            });
        }
        self.held.records.push(HeldRecord {
            bytes: record.to_vec(),
            key: self.key.clone(),
            offset,
            line: common.progress.report.newlines,
        });
        Ok(())
    }

    /// The next of the records that were held, if they can go; nothing if there are no more.
    pub(super) fn give_out(&mut self, common: &mut Common, shape: &mut Shape) -> Option<Step> {
        let next = self.held.next?;
        if next >= self.held.records.len() {
            self.held = Held::default();
            return None;
        }
        self.held.next = Some(next + 1);
        let key = std::mem::take(&mut self.key);
        if let Some(record) = self.held.records.get_mut(next) {
            self.key = std::mem::take(&mut record.key);
        }
        let (entries, text) = self.entries(&mut common.parser, shape);
        self.key = key;
        let record = self.held.records.get(next)?;
        let offset = record.offset;
        // It was read before, and is what it was.
        let parser = &mut common.parser;
        parser.parse(shape, &record.bytes, offset, End::File);
        parser.add_outside(&entries, &text);
        common.progress.good_on_line(record.line);
        Some(Step::Record {
            at: RecordAt { offset, tag: 0 },
            place: Place::Held,
        })
    }

    /// The bytes of the record that was given out last.
    pub(super) fn given_out(&self) -> &[u8] {
        let last = self.held.next.and_then(|next| next.checked_sub(1));
        let record = last.and_then(|last| self.held.records.get(last));
        record.map_or(&[], |record| &record.bytes)
    }
}

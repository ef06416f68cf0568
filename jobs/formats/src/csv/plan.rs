//! From the fields of a record to its tape: what is asked for of a file's columns.

use super::head::CsvHead;
use super::names::{Names, Wanted};
use super::record::{Field, Form, RecordParser, unescape};
use crate::record::nodes::{NodeId, ROOT};
use crate::record::tape::{Encoded, Op, Tape};

/// What is to be done with the fields of a file's records.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By the number of the field, but for those that nobody asks for.
    steps: Vec<(usize, Wanted)>,
    pub(super) tape: Tape,
    /// Whether a record's entries are put into one for the record itself.
    pub(super) enters_records: bool,
    /// Whether the tape may hold many records, if they are flat.
    pub(super) collects: bool,
    is_flat: bool,
    scratch: Vec<u8>,
}

impl Plan {
    /// Plans for the files that begin with such a head.
    pub(super) fn begin(&mut self, head: &CsvHead, names: &mut Names) {
        self.tape.clear();
        self.tape.rules.table = head.charset().table();
        self.steps.clear();
        let wanted = head.columns().iter().map(|name| names.find(name));
        let wanted = wanted
            .enumerate()
            .filter(|(_, wanted)| *wanted != Wanted::No);
        self.steps.extend(wanted);
        let mut steps = self.steps.iter();
        let all_read = steps.all(|(_, wanted)| matches!(wanted, Wanted::Read(_)));
        self.is_flat = self.collects && self.tape.rules.table.is_none() && all_read;
    }

    /// Whether records stay on the tape until it is cleared: of each an entry for each column that is read, in the same
    /// order.
    pub(super) fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// Leaves what is asked for of the record that was parsed on the tape.
    #[inline]
    pub(super) fn fill_tape(&mut self, parser: &RecordParser, record: &[u8]) {
        if !self.is_flat {
            self.tape.clear();
        }
        if self.enters_records {
            self.tape.push(Op::Enter, ROOT, (0, 0), Encoded::Plain);
        }
        for (index, wanted) in &self.steps {
            let Some(field) = parser.fields.get(*index) else {
                continue;
            };
            let is_empty = field.start == field.end;
            let (op, node) = match *wanted {
                Wanted::Read(node) if is_empty && field.form == Form::Bare => (Op::Null, node),
                Wanted::Read(node) => (Op::Value, node),
                Wanted::Unknown(node) if !is_empty => (Op::Unknown, node),
                Wanted::Unknown(_) | Wanted::No => continue,
            };
            if field.form == Form::Escaped {
                let tape = (&mut self.tape, &mut self.scratch);
                push_escaped(tape, parser, record, *field, (op, node));
            } else {
                let range = (field.start as usize, field.end as usize);
                self.tape.push(op, node, range, Encoded::Plain);
            }
        }
    }
}

/// Puts the value of a field with doubled or escaped quotes on the tape.
fn push_escaped(
    (tape, scratch): (&mut Tape, &mut Vec<u8>),
    parser: &RecordParser,
    record: &[u8],
    field: Field,
    (op, node): (Op, NodeId),
) {
    let text = record.get(field.range()).unwrap_or_default();
    let from = tape.joined.len();
    match tape.rules.table {
        None => unescape(text, &parser.dialect, &mut tape.joined),
        Some(table) => {
            scratch.clear();
            unescape(text, &parser.dialect, scratch);
            table.decode(scratch, &mut tape.joined);
        }
    }
    tape.push(op, node, (from, tape.joined.len()), Encoded::Joined);
}

//! Whether values bear out a schema that was inferred from a sample: see [`Sampled`](crate::infer::Sampled).
//!
//! For each column there is a question that is cheaper than inference and has the same answer: would the column's type
//! be another one, had inference seen this value? It comes on top of what reading a value asks anyway, whether it fits.

use arrow::datatypes::DataType;

use super::config::{RecordConfig, innermost_field};
use super::nodes::{NO_NODE, NodeId, Nodes, ROOT};
use super::tape::{Encoded, Entry, Op};
use crate::infer::rules::is_number;

/// What a value must be, beside fitting its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing is asked: it is text, and stays text.
    Text,
    /// A string that cannot be a date or a timestamp: nothing at all was seen there, and the column is text for that.
    Open,
    /// An integer.
    Integer,
    /// A number with at most so many places.
    Decimal(usize),
    /// A number.
    Float,
    /// `true` or `false`.
    Truth,
    /// A string: what is in it, reading says.
    Moment,
}

/// What is asked of the values of each node.
#[derive(Debug)]
pub(crate) struct Proof {
    told: Vec<Told>,
    /// Whether dates and timestamps are written in a way of the user's.
    has_forms: bool,
}

impl Proof {
    /// What the sample asks of the columns that are read; `None` if the schema is no sample's.
    pub(crate) fn new<N: Nodes>(config: &RecordConfig, names: &N) -> Option<Box<Self>> {
        let sampled = config.sampled.as_ref()?;
        let mut proof = Self {
            told: vec![Told::Text; names.len()],
            has_forms: config.options.forms.are_given(),
        };
        for field in config.output().fields() {
            let node = names.column(ROOT, field.name());
            proof.add(node, innermost_field(field).data_type(), names);
        }
        for path in &sampled.open {
            let node = innermost(names, names.at_path(path));
            proof.tell(node, Told::Open);
        }
        Some(Box::new(proof))
    }

    fn add<N: Nodes>(&mut self, node: NodeId, data_type: &DataType, names: &N) {
        if node == NO_NODE {
            return;
        }
        let node = innermost(names, node);
        let told = match data_type {
            DataType::Struct(fields) => {
                for field in fields {
                    let inner = names.column(node, field.name());
                    self.add(inner, innermost_field(field).data_type(), names);
                }
                return;
            }
            DataType::Int64 => Told::Integer,
            DataType::Decimal128(_, scale) => Told::Decimal(usize::from(scale.unsigned_abs())),
            DataType::Float64 => Told::Float,
            DataType::Boolean => Told::Truth,
            DataType::Date32 | DataType::Timestamp(..) => Told::Moment,
            _ => Told::Text,
        };
        self.tell(node, told);
    }

    fn tell(&mut self, node: NodeId, told: Told) {
        if let Some(place) = self.told.get_mut(node as usize) {
            *place = told;
        }
    }

    /// What is asked of the values of a node, if anything is but that they are neither objects nor arrays.
    pub(super) fn told(&self, node: NodeId) -> Option<Asked> {
        let told = *self.told.get(node as usize)?;
        let has_forms = self.has_forms;
        (told != Told::Text).then_some(Asked { told, has_forms })
    }

    /// Whether a value that fits its column leaves the column's type as it is, and `text` is what it reads as.
    pub(crate) fn bears_out(&self, entry: &Entry, text: &[u8]) -> bool {
        let asked = self.told(entry.node);
        entry.encoded != Encoded::Container
            && asked.is_none_or(|asked| asked.holds(entry.op == Op::Text, text))
    }
}

/// What is asked of the values of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    told: Told,
    has_forms: bool,
}

impl Asked {
    /// Whether a value that fits its column leaves the column's type as it is. `is_string`: it is a string, and `text`
    /// is what is in it.
    #[inline(always)]
    pub(super) fn holds(self, is_string: bool, text: &[u8]) -> bool {
        if text.is_empty() {
            return true;
        }
        match self.told {
            Told::Text => true,
            Told::Integer => !is_string,
            Told::Decimal(scale) => {
                let point = text.iter().position(|byte| *byte == b'.');
                !is_string && point.is_none_or(|at| text.len() - at - 1 <= scale)
            }
            // Longer ones may have more digits than a number can have.
            Told::Float => !is_string && (text.len() <= 38 || is_number(text)),
            Told::Truth => !is_string && text.first().is_some_and(u8::is_ascii_lowercase),
            Told::Moment => is_string,
            Told::Open => {
                let is_moment = self.has_forms || text.first().is_some_and(u8::is_ascii_digit);
                is_string && !is_moment
            }
        }
    }
}

/// What stands inside of all lists of a column.
fn innermost<N: Nodes>(names: &N, mut node: NodeId) -> NodeId {
    while node != NO_NODE && names.items(node) != NO_NODE {
        node = names.items(node);
    }
    node
}

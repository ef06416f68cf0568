//! What the parts that turn declarations into columns share: the schema, what has been worked out, notes, and bounds.
//!
//! A schema can be written so that following it takes for ever: types made of themselves, groups of groups that name
//! each other twice. So each declaration is worked out once, what is being worked out is known, and steps are counted.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::components::Components;
use super::content::{Content, Model};
use super::document::NodeId;
use super::simple::Value;
use super::{Note, XsdError, XsdOptions};
use crate::infer::rules::Classes;

/// Declarations and particles that are worked out inside one another: types on types, groups in groups.
pub(super) const NESTED_MAX: usize = 400;
/// Steps of all work together: a particle looked at, a column merged.
const STEPS_MAX: u64 = 20_000_000;
/// Notes that are kept; the rest are counted.
const NOTES_MAX: usize = 100;

/// A type that an element or attribute has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TypeRef {
    /// One of XML Schema's own.
    Builtin(Value),
    /// A `simpleType` or `complexType`, named or not.
    Declared(NodeId),
    /// `anyType`: whatever comes.
    Any,
}

/// What a note is about: of each there is one for a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum About {
    Wildcard,
    Anything,
    Abstract,
    Recursion,
    Depth,
    Columns,
    Digits,
    Zone,
}

/// Turns declarations into columns.
pub(super) struct Resolver<'a> {
    pub(super) set: &'a Components,
    pub(super) options: &'a XsdOptions,
    /// Simple types worked out.
    pub(super) values: HashMap<NodeId, Value>,
    /// Groups worked out.
    pub(super) groups: HashMap<NodeId, Rc<Model>>,
    /// Complex types worked out.
    pub(super) contents: HashMap<NodeId, Rc<Content>>,
    /// Whether a moment that may have a zone or not was met.
    pub(super) zone_left_open: bool,
    /// Each with how often it was to be said of the same declaration.
    notes: Vec<(Note, usize)>,
    /// Where the note of a declaration is.
    noted: HashMap<(NodeId, About), usize>,
    open: HashSet<NodeId>,
    /// How many declarations and particles are being worked out.
    pub(super) depth: usize,
    steps: u64,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(set: &'a Components, options: &'a XsdOptions) -> Self {
        let mut this = Self {
            set,
            options,
            values: HashMap::new(),
            groups: HashMap::new(),
            contents: HashMap::new(),
            zone_left_open: false,
            notes: Vec::new(),
            noted: HashMap::new(),
            open: HashSet::new(),
            depth: 0,
            steps: 0,
        };
        this.notes
            .extend(set.notes.iter().map(|note| (note.clone(), 1)));
        this
    }

    /// The classes of a value, as the options read it.
    pub(super) fn classes(&mut self, value: &Value) -> Classes {
        self.zone_left_open |= *value == Value::DateTime(super::simple::Zone::May);
        value.classes(self.options.datetime)
    }

    /// Begins to work out a declaration.
    ///
    /// # Errors
    /// One that is being worked out already, or too many.
    pub(super) fn enter(&mut self, id: NodeId) -> Result<(), XsdError> {
        self.deeper(id)?;
        let arena = &self.set.arena;
        if !self.open.insert(id) {
            let name = arena.attribute(id, "name").unwrap_or("without a name");
            return Err(XsdError::Broken {
                at: arena.place(id),
                message: format!("the {} `{name}` is made of itself", arena.node(id).tag),
            });
        }
        Ok(())
    }

    /// A declaration is worked out.
    pub(super) fn leave(&mut self, id: NodeId) {
        self.open.remove(&id);
        self.depth -= 1;
    }

    /// Goes one level deeper, into a declaration or particle. Whoever calls it comes up again (`depth`).
    ///
    /// # Errors
    /// Too deep.
    pub(super) fn deeper(&mut self, id: NodeId) -> Result<(), XsdError> {
        self.depth += 1;
        if self.depth > NESTED_MAX {
            return Err(XsdError::TooLarge {
                at: self.set.arena.place(id),
                what: "declarations inside one another",
                max: NESTED_MAX as u64,
            });
        }
        self.step(id, 1)
    }

    /// Counts work.
    ///
    /// # Errors
    /// Too much of it.
    pub(super) fn step(&mut self, at: NodeId, steps: usize) -> Result<(), XsdError> {
        self.steps += steps as u64;
        if self.steps > STEPS_MAX {
            return Err(XsdError::TooLarge {
                at: self.set.arena.place(at),
                what: "steps to work the schema out",
                max: STEPS_MAX,
            });
        }
        Ok(())
    }

    /// Says that something is not read as the schema has it. A declaration that is used in many places has one note.
    pub(super) fn note(&mut self, at: NodeId, about: About, message: String) {
        if let Some(&known) = self.noted.get(&(at, about)) {
            self.notes[known].1 += 1;
            return;
        }
        self.noted.insert((at, about), self.notes.len());
        let at = self.set.arena.place(at);
        self.notes.push((Note { at, message }, 1));
    }

    /// All notes; the last one says how many there are beside.
    pub(super) fn into_notes(self) -> Vec<Note> {
        let count = self.notes.len();
        let mut notes = Vec::new();
        for (mut note, times) in self.notes.into_iter().take(NOTES_MAX) {
            if times > 1 {
                note.message.push_str(&format!(" (so in {times} places)"));
            }
            notes.push(note);
        }
        if let (Some(last), true) = (notes.last(), count > NOTES_MAX) {
            let message = format!("and {} more notes", count - NOTES_MAX);
            let at = last.at.clone();
            notes.push(Note { at, message });
        }
        notes
    }
}

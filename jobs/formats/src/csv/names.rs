//! The names of columns: those of the schema, and those that headers have beyond it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::config::CsvConfig;
use crate::record::config::CORRUPT_OPTION;
use crate::record::names::NameHasher;
use crate::record::nodes::{NO_NODE, NodeId, Nodes, ROOT};

/// The columns, which all stand under the record.
#[derive(Debug)]
pub(crate) struct Names {
    /// By [`NodeId`]; the first is the record's.
    nodes: Vec<Node>,
    by_name: HashMap<Box<[u8]>, NodeId, BuildHasherDefault<NameHasher>>,
    corrupt: NodeId,
    /// Nodes that may be added.
    room: usize,
    /// Whether what is added counts as known.
    learning: bool,
}

#[derive(Debug)]
struct Node {
    name: Box<[u8]>,
    known: bool,
    wanted: bool,
}

/// What is to be done with a column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is read.
    Read(NodeId),
    /// The schema lacks it. ([`NO_NODE`]: and there is no room to remember its name.)
    Unknown(NodeId),
    /// Nobody asks for it.
    No,
}

impl Names {
    /// The names of a schema. What is to be read are the columns of the output, and those that a filter looks at.
    pub(super) fn of_schema(config: &CsvConfig) -> Self {
        let record = config.record();
        let mut names = Self::empty(record.options.limits.unknown_paths_max, false);
        let output = record.output().fields();
        let is_output = |name: &str| output.iter().any(|field| field.name() == name);
        let filtered = |name: &str| {
            let mut leaves = record.filter.iter();
            leaves.any(|leaf| leaf.path.first().is_some_and(|first| first == name))
        };
        for field in &record.record_fields() {
            let name = field.name();
            let id = names.push(name.as_bytes(), true, is_output(name) || filtered(name));
            names.by_name.insert(name.as_bytes().into(), id);
        }
        let mut own = record.options.own_columns.iter();
        if let Some(own) = own.find(|own| own.option == CORRUPT_OPTION && is_output(&own.name)) {
            names.corrupt = names.push(own.name.as_bytes(), true, true);
        }
        names
    }

    /// No names yet, and room for those of the files that come.
    pub(super) fn learning(paths_max: usize) -> Self {
        Self::empty(paths_max, true)
    }

    fn empty(room: usize, learning: bool) -> Self {
        let mut names = Self {
            nodes: Vec::new(),
            by_name: HashMap::default(),
            corrupt: NO_NODE,
            room,
            learning,
        };
        names.push(b"", true, true);
        names
    }

    fn push(&mut self, name: &[u8], known: bool, wanted: bool) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            name: name.into(),
            known,
            wanted,
        });
        id
    }

    /// What is to be done with a file's column of this name.
    pub(super) fn find(&mut self, name: &str) -> Wanted {
        let id = match self.by_name.get(name.as_bytes()) {
            Some(id) => *id,
            None if self.room == 0 => return Wanted::Unknown(NO_NODE),
            None => {
                self.room -= 1;
                let id = self.push(name.as_bytes(), self.learning, self.learning);
                self.by_name.insert(name.as_bytes().into(), id);
                id
            }
        };
        match self.nodes.get(id as usize) {
            Some(node) if !node.known => Wanted::Unknown(id),
            Some(node) if node.wanted => Wanted::Read(id),
            _ => Wanted::No,
        }
    }
}

impl Nodes for Names {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn parent(&self, id: NodeId) -> NodeId {
        if id == ROOT { NO_NODE } else { ROOT }
    }

    fn name(&self, id: NodeId) -> &[u8] {
        self.nodes
            .get(id as usize)
            .map_or(&[], |node| node.name.as_ref())
    }

    fn column(&self, parent: NodeId, name: &str) -> NodeId {
        if parent != ROOT {
            return NO_NODE;
        }
        if self.corrupt != NO_NODE && self.name(self.corrupt) == name.as_bytes() {
            return self.corrupt;
        }
        self.by_name
            .get(name.as_bytes())
            .copied()
            .unwrap_or(NO_NODE)
    }

    fn corrupt(&self) -> NodeId {
        self.corrupt
    }
}

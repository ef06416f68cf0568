//! The fields that a record may hold, as a tree, with a guess at which comes next.
//!
//! Records of one file have the same fields in the same order. So each node remembers which field followed it the last
//! time, and how its name was written: most names are then recognised with one comparison of bytes. The tree starts
//! from a schema and grows by the names that the schema lacks, up to a bound, so that counting those costs no more than
//! reading the others.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

use arrow::datatypes::{DataType, Fields};

use super::text::unescape;
use super::{JsonConfig, JsonOptions, VALUE_COLUMN};
use crate::record::config::{innermost_field, is_raw};
use crate::record::names::NameHasher;
use crate::record::nodes::{NO_NODE, NodeId, Nodes, ROOT};

/// What a value is read as, inside of all lists of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A scalar; an object or array as it stands.
    Leaf,
    /// Whatever it is, as it stands.
    Raw,
    /// An object, whose fields are read.
    Struct,
    /// Whatever it is, for inference.
    Any,
}

/// A field, or the lists that are items of a list.
#[derive(Debug)]
pub(crate) struct Node {
    /// In UTF-8; empty for the items of a list of lists.
    name: Box<[u8]>,
    parent: NodeId,
    pub(crate) kind: Kind,
    /// How many lists, one in another, are its column.
    pub(crate) lists: u32,
    /// The node of its items, if those are lists.
    pub(crate) items: NodeId,
    /// Whether the schema has it.
    pub(crate) known: bool,
    /// Whether it is to be read.
    pub(crate) wanted: bool,
    /// The field of a scalar that stands where an object is expected, if the schema has one.
    pub(crate) value: NodeId,
    /// Its name between the quotes, as last written.
    pub(crate) written: Vec<u8>,
    /// The field that came first the last time.
    pub(crate) first: NodeId,
    /// The field that followed the last time.
    pub(crate) next: NodeId,
    children: HashMap<Box<[u8]>, NodeId, BuildHasherDefault<NameHasher>>,
}

/// The tree.
#[derive(Debug)]
pub(crate) struct Shape {
    nodes: Vec<Node>,
    /// Nodes that may be added.
    room: usize,
    pub(crate) learning: bool,
    /// Whether strings are told from other scalars.
    pub(crate) tells_strings: bool,
    /// What top-level fields are called instead, by their names in the file.
    rename: BTreeMap<String, String>,
    /// The columns that stand outside the record: of its key, and of what is kept of its document.
    outside: Vec<(String, NodeId)>,
    corrupt: NodeId,
}

impl Shape {
    /// The shape of a schema: what `output` has is wanted, what `schema` has beyond that is known. Under a contract
    /// with a record's every name, and for what a filter looks at, more is wanted than has columns.
    pub(crate) fn of_schema(config: &JsonConfig) -> Self {
        let options = config.options();
        let mut shape = Self::empty(options, Kind::Struct, false);
        shape.room = usize::MAX;
        shape.tells_strings = config.record().sampled.is_some();
        let output = config.output().fields();
        let fields = config.record().record_fields();
        let wanted = if options.on_unknown.forbids() {
            &fields
        } else {
            output
        };
        shape.add_fields(ROOT, &fields, Some(wanted), &options.outside_columns());
        if let Some(name) = &options.corrupt_record_column {
            let wanted = output.iter().any(|field| field.name() == name);
            let corrupt = shape.push(Node::new(name.as_bytes(), ROOT, Kind::Leaf));
            shape.node_mut(corrupt).wanted = wanted;
            shape.corrupt = corrupt;
        }
        for leaf in &config.record().filter {
            let mut at = shape.at_path(&leaf.path);
            while at != NO_NODE {
                shape.node_mut(at).wanted = true;
                at = shape.parent(at);
            }
        }
        shape.room = options.limits.unknown_paths_max;
        shape
    }

    /// A shape that knows nothing and takes in what comes, up to `paths_max` names.
    pub(crate) fn learning(options: &JsonOptions, paths_max: usize) -> Self {
        let mut shape = Self::empty(options, Kind::Any, true);
        for name in options.outside_columns() {
            let id = shape.push(Node::new(name.as_bytes(), ROOT, Kind::Any));
            shape.outside.push((name, id));
        }
        shape.room = paths_max;
        shape
    }

    fn empty(options: &JsonOptions, kind: Kind, learning: bool) -> Self {
        Self {
            nodes: vec![Node::new(b"", NO_NODE, kind)],
            room: 0,
            learning,
            tells_strings: learning,
            rename: options.rename.clone(),
            outside: Vec::new(),
            corrupt: NO_NODE,
        }
    }

    fn add_fields(
        &mut self,
        parent: NodeId,
        fields: &Fields,
        output: Option<&Fields>,
        outside: &[String],
    ) {
        for field in fields {
            let out =
                output.and_then(|fields| fields.iter().find(|out| out.name() == field.name()));
            let name = field.name();
            let inner = innermost_field(field);
            let kind = match inner.data_type() {
                DataType::Struct(_) => Kind::Struct,
                _ if is_raw(field) => Kind::Raw,
                _ => Kind::Leaf,
            };
            let lists = lists_of(field.data_type());
            let mut node = Node::new(name.as_bytes(), parent, kind);
            (node.lists, node.wanted) = (lists, out.is_some());
            let id = self.push(node);
            if parent == ROOT && outside.contains(name) {
                self.outside.push((name.clone(), id));
            } else {
                let children = &mut self.node_mut(parent).children;
                children.insert(name.as_bytes().into(), id);
                if name == VALUE_COLUMN {
                    self.node_mut(parent).value = id;
                }
            }
            let mut innermost = id;
            for lists in (1..lists).rev() {
                let mut node = Node::new(b"", innermost, kind);
                (node.lists, node.wanted) = (lists, out.is_some());
                let items = self.push(node);
                self.node_mut(innermost).items = items;
                innermost = items;
            }
            if let DataType::Struct(fields) = inner.data_type() {
                let out = out.and_then(|out| match innermost_field(out).data_type() {
                    DataType::Struct(fields) => Some(fields),
                    _ => None,
                });
                self.add_fields(innermost, fields, out, &[]);
            }
        }
    }

    /// The node; the record's for an id that is not one of this tree.
    #[inline]
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&self.nodes[0])
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        let id = if (id as usize) < self.nodes.len() {
            id as usize
        } else {
            0
        };
        &mut self.nodes[id]
    }

    /// The column of this name that stands outside the record, if it is one's and the schema has it.
    pub(crate) fn outside(&self, name: &str) -> NodeId {
        let mut outside = self.outside.iter();
        let found = outside.find(|(outside, _)| outside == name);
        found.map_or(NO_NODE, |(_, id)| *id)
    }

    /// Finds a field by its name as written between its quotes, and remembers it for the next time. `prev` is the field
    /// before it. [`NO_NODE`] if there is no such node and no room for one.
    pub(crate) fn child(
        &mut self,
        parent: NodeId,
        prev: NodeId,
        written: &[u8],
        escaped: bool,
    ) -> NodeId {
        let mut name = Cow::Borrowed(written);
        if escaped {
            let mut text = Vec::new();
            unescape(written, &mut text);
            name = Cow::Owned(text);
        }
        if parent == ROOT
            && !self.rename.is_empty()
            && let Ok(text) = std::str::from_utf8(&name)
            && let Some(column) = self.rename.get(text)
        {
            name = Cow::Owned(column.clone().into_bytes());
        }
        let found = self.node(parent).children.get(name.as_ref()).copied();
        let id = found.unwrap_or_else(|| self.add(parent, &name));
        if id != NO_NODE {
            let node = self.node_mut(id);
            if node.written != written {
                node.written = written.to_vec();
            }
            match prev {
                NO_NODE => self.node_mut(parent).first = id,
                prev => self.node_mut(prev).next = id,
            }
        }
        id
    }

    /// The node for a scalar where the schema has an object without a field for it.
    pub(crate) fn unknown_value(&mut self, parent: NodeId) -> NodeId {
        let name = VALUE_COLUMN.as_bytes();
        let found = self.node(parent).children.get(name).copied();
        found.unwrap_or_else(|| self.add(parent, name))
    }

    fn add(&mut self, parent: NodeId, name: &[u8]) -> NodeId {
        if self.room == 0 {
            return NO_NODE;
        }
        self.room -= 1;
        let kind = if self.learning { Kind::Any } else { Kind::Leaf };
        let mut node = Node::new(name, parent, kind);
        node.known = self.learning;
        node.wanted = self.learning;
        let id = self.push(node);
        self.node_mut(parent).children.insert(name.into(), id);
        id
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(node);
        id
    }

    /// The fields of a node, in no order.
    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let outside = if id == ROOT { &self.outside[..] } else { &[] };
        let is_outside = move |name: &[u8]| outside.iter().any(|(own, _)| own.as_bytes() == name);
        let children = self.node(id).children.iter();
        children
            .filter(move |(name, _)| !is_outside(name))
            .map(|(_, id)| *id)
            .chain(outside.iter().map(|(_, id)| *id))
    }
}

impl Nodes for Shape {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn parent(&self, id: NodeId) -> NodeId {
        self.node(id).parent
    }

    fn name(&self, id: NodeId) -> &[u8] {
        &self.node(id).name
    }

    fn column(&self, parent: NodeId, name: &str) -> NodeId {
        if parent == ROOT {
            let corrupt = self.corrupt;
            if corrupt != NO_NODE && *self.name(corrupt) == *name.as_bytes() {
                return corrupt;
            }
            let outside = self.outside(name);
            if outside != NO_NODE {
                return outside;
            }
        }
        // The fields of a list of lists are those of its innermost items.
        let mut parent = self.node(parent);
        while parent.items != NO_NODE {
            parent = self.node(parent.items);
        }
        let found = parent.children.get(name.as_bytes());
        found.copied().unwrap_or(NO_NODE)
    }

    fn items(&self, list: NodeId) -> NodeId {
        self.node(list).items
    }

    fn corrupt(&self) -> NodeId {
        if self.corrupt != NO_NODE && self.node(self.corrupt).wanted {
            self.corrupt
        } else {
            NO_NODE
        }
    }
}

fn lists_of(data_type: &DataType) -> u32 {
    match data_type {
        DataType::List(item) => 1 + lists_of(item.data_type()),
        _ => 0,
    }
}

impl Node {
    fn new(name: &[u8], parent: NodeId, kind: Kind) -> Self {
        Self {
            name: name.into(),
            parent,
            kind,
            lists: 0,
            items: NO_NODE,
            known: true,
            wanted: true,
            value: NO_NODE,
            written: name.to_vec(),
            first: NO_NODE,
            next: NO_NODE,
            children: HashMap::default(),
        }
    }
}

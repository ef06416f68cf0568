//! The names that a record may hold, as a tree, with a guess at which comes next.
//!
//! Records of one file repeat the same elements in the same order. So each node remembers which sibling followed it
//! the last time, and how its name was written, prefix and all: most tags are then recognised with one comparison of
//! bytes. The tree starts from a schema and grows by the names that the schema lacks, up to a bound, so that counting
//! those costs no more than reading the others.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::datatypes::{DataType, Fields};

use super::lex::{RowMatcher, local_name};
use super::{RowTag, XmlConfig, XmlOptions};
use crate::charset::SingleByte;
use crate::record::config::{is_raw, item_field};
use crate::record::names::NameHasher;
pub(crate) use crate::record::nodes::{NO_NODE, NodeId, Nodes, ROOT};

/// What an element is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its text is its value.
    Leaf,
    /// Both this and a `Struct`, for inference, which does not know yet.
    Any,
    /// Its attributes and child elements are its fields.
    Struct,
    /// What stands between its tags is its value, as it stands.
    Inner,
    /// All of it is its value, tags included, as it stands.
    Outer,
}

/// An element, an attribute, or the text of an element with a `value_tag` column.
#[derive(Debug)]
pub(crate) struct Node {
    /// Local name; of an attribute's or a text's node that of its column.
    pub(crate) name: Box<[u8]>,
    pub(crate) parent: NodeId,
    pub(crate) kind: Kind,
    /// Whether it is an attribute's column (an element of the same name shares it).
    pub(crate) attribute: bool,
    /// Whether the schema has it.
    pub(crate) known: bool,
    /// Whether it is to be read.
    pub(crate) wanted: bool,
    /// Whether its name is a row tag's, as last written.
    pub(crate) is_row: bool,
    /// The node of its text beside attributes and child elements, if the schema has one.
    pub(crate) value: NodeId,
    /// Its name with its prefix, as last written, in the file's encoding.
    pub(crate) written: Vec<u8>,
    /// The child element that came first the last time.
    pub(crate) first: NodeId,
    /// The attribute that came first the last time.
    pub(crate) first_attribute: NodeId,
    /// The sibling that followed the last time.
    pub(crate) next: NodeId,
    children: Names,
    attributes: Names,
}

type Names = HashMap<Box<[u8]>, NodeId, BuildHasherDefault<NameHasher>>;

/// The tree.
#[derive(Debug)]
pub(crate) struct Shape {
    nodes: Vec<Node>,
    /// Nodes that may be added.
    room: usize,
    learning: bool,
    attribute_prefix: String,
    value_tag: String,
    row_tags: Vec<RowTag>,
    rows: RowMatcher,
    /// How the names of the file at hand become UTF-8, if they are not.
    table: Option<SingleByte>,
    /// Whether names keep their prefixes.
    prefixes: bool,
    /// Whether attributes are read.
    pub(crate) reads_attributes: bool,
    /// The node of child elements of the record that the schema lacks, if they have a column.
    wildcard: NodeId,
    /// The node of the column of records that cannot be read. Nothing in a file leads to it.
    corrupt: NodeId,
}

impl Shape {
    /// The shape of a schema: what `output` has is wanted, what `schema` has beyond that is known. Under a contract
    /// with a record's every name, and for what a filter looks at, more is wanted than has columns.
    pub(crate) fn of_schema(config: &XmlConfig) -> Self {
        let options = config.options();
        let mut shape = Self::empty(options, Kind::Struct, false);
        shape.room = usize::MAX;
        let output = config.output().fields();
        let fields = config.record().record_fields();
        if options.on_unknown.forbids() {
            shape.add_fields(ROOT, &fields, Some(&fields));
        } else {
            shape.add_fields(ROOT, &fields, Some(output));
        }
        let wanted = |name: &String| output.iter().any(|field| field.name() == name);
        if let Some(name) = &options.wildcard_column {
            shape.wildcard = shape.own_column(name, Kind::Outer, wanted(name));
        }
        if let Some(name) = &options.corrupt_record_column {
            shape.corrupt = shape.own_column(name, Kind::Leaf, wanted(name));
        }
        for leaf in &config.record().filter {
            let mut at = shape.at_path(&leaf.path);
            while at != NO_NODE {
                shape.node_mut(at).wanted = true;
                at = shape.node(at).parent;
            }
        }
        shape.room = options.limits.unknown_paths_max;
        shape
    }

    /// A node that no name leads to.
    fn own_column(&mut self, name: &str, kind: Kind, wanted: bool) -> NodeId {
        let mut node = Node::new(name.as_bytes(), ROOT, kind);
        node.wanted = wanted;
        self.push(node)
    }

    /// A shape that knows nothing and takes in what comes, up to `paths_max` names.
    pub(crate) fn learning(options: &XmlOptions, paths_max: usize) -> Self {
        let mut shape = Self::empty(options, Kind::Any, true);
        shape.room = paths_max;
        shape
    }

    fn empty(options: &XmlOptions, kind: Kind, learning: bool) -> Self {
        let rows = RowMatcher::new(&options.row_tags, None);
        let root = Node::new(b"", NO_NODE, kind);
        let (attribute_prefix, value_tag) =
            (options.attribute_prefix.clone(), options.value_tag.clone());
        Self {
            nodes: vec![root],
            room: 0,
            learning,
            attribute_prefix,
            value_tag,
            row_tags: options.row_tags.clone(),
            rows,
            table: None,
            prefixes: !options.ignore_namespaces,
            reads_attributes: !options.exclude_attributes,
            wildcard: NO_NODE,
            corrupt: NO_NODE,
        }
    }

    /// The name of a column, in UTF-8, for a name as written.
    fn column_name<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        let name = if self.prefixes {
            name
        } else {
            local_name(name)
        };
        in_utf8(name, self.table)
    }

    /// Makes ready for a file in this encoding; `None` is UTF-8.
    pub(crate) fn set_table(&mut self, table: Option<SingleByte>) {
        if table == self.table {
            return;
        }
        self.table = table;
        self.rows = RowMatcher::new(&self.row_tags, table);
        // Names as last written are bytes of the other encoding. They are looked at only where a guess leads.
        for node in &mut self.nodes {
            node.first = NO_NODE;
            node.first_attribute = NO_NODE;
            node.next = NO_NODE;
        }
    }

    fn add_fields(&mut self, parent: NodeId, fields: &Fields, output: Option<&Fields>) {
        for field in fields {
            let out =
                output.and_then(|fields| fields.iter().find(|out| out.name() == field.name()));
            let (kind, fields) = match item_field(field).data_type() {
                DataType::Struct(fields) => (Kind::Struct, Some(fields)),
                _ if is_raw(field) => (Kind::Inner, None),
                _ => (Kind::Leaf, None),
            };
            let name = field.name();
            let attribute = name
                .strip_prefix(self.attribute_prefix.as_str())
                .filter(|rest| !rest.is_empty());
            // Without a prefix an attribute and an element of one name are one column.
            let element = attribute.is_none() || self.attribute_prefix.is_empty();
            let mut node = Node::new(name.as_bytes(), parent, kind);
            node.known = true;
            node.wanted = out.is_some();
            node.attribute = !element;
            let id = self.push(node);
            if *name == self.value_tag {
                self.node_mut(parent).value = id;
            } else {
                if let Some(attribute) = attribute {
                    self.node_mut(parent)
                        .attributes
                        .insert(attribute.as_bytes().into(), id);
                    self.node_mut(id).written = attribute.as_bytes().to_vec();
                }
                if element {
                    self.node_mut(id).written = name.as_bytes().to_vec();
                }
                // An element whose own name begins with the attribute prefix.
                self.node_mut(parent)
                    .children
                    .insert(name.as_bytes().into(), id);
            }
            if let Some(fields) = fields {
                let out = out.and_then(|out| match item_field(out).data_type() {
                    DataType::Struct(fields) => Some(fields),
                    _ => None,
                });
                self.add_fields(id, fields, out);
            }
        }
    }

    /// The row tags.
    pub(crate) fn rows(&self) -> &RowMatcher {
        &self.rows
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

    /// Finds a child element by its name as written, and remembers it for the next time. `prev` is the child before
    /// it. [`NO_NODE`] if there is no such node; if the parent is wanted, one is made unless there is no room.
    pub(crate) fn child(&mut self, parent: NodeId, prev: NodeId, name: &[u8]) -> NodeId {
        let local = self.column_name(name);
        let id = match self.node(parent).children.get(local.as_ref()) {
            Some(id) => *id,
            None if parent == ROOT && self.wildcard != NO_NODE => self.wildcard,
            None if self.node(parent).wanted => self.add(parent, &local, false),
            None => NO_NODE,
        };
        // An attribute's node is remembered by the attribute's name.
        if id != NO_NODE && !self.node(id).attribute {
            let is_row = self.rows.find(name).is_some();
            let node = self.node_mut(id);
            node.is_row = is_row;
            if node.written != name {
                node.written = name.to_vec();
            }
            match prev {
                NO_NODE => self.node_mut(parent).first = id,
                prev => self.node_mut(prev).next = id,
            }
        }
        id
    }

    /// Finds an attribute by its name as written; as [`Shape::child`].
    pub(crate) fn attribute(&mut self, parent: NodeId, prev: NodeId, name: &[u8]) -> NodeId {
        let local = self.column_name(name);
        let found = self.node(parent).attributes.get(local.as_ref()).copied();
        let id = found.unwrap_or_else(|| self.add(parent, &local, true));
        if id != NO_NODE {
            let node = self.node_mut(id);
            if node.written != name {
                node.written = name.to_vec();
            }
            match prev {
                NO_NODE => self.node_mut(parent).first_attribute = id,
                prev => self.node_mut(prev).next = id,
            }
        }
        id
    }

    /// The node for the text of a struct that has no column for it.
    pub(crate) fn unknown_value(&mut self, parent: NodeId) -> NodeId {
        let tag = self.value_tag.clone();
        let found = self.node(parent).children.get(tag.as_bytes()).copied();
        found.unwrap_or_else(|| self.add(parent, tag.as_bytes(), false))
    }

    fn add(&mut self, parent: NodeId, local: &[u8], attribute: bool) -> NodeId {
        if self.room == 0 {
            return NO_NODE;
        }
        self.room -= 1;
        let name = if attribute {
            [self.attribute_prefix.as_bytes(), local].concat()
        } else {
            local.to_vec()
        };
        let mut node = Node::new(
            &name,
            parent,
            if self.learning { Kind::Any } else { Kind::Leaf },
        );
        node.attribute = attribute;
        node.known = self.learning;
        node.wanted = self.learning;
        let id = self.push(node);
        let parent = self.node_mut(parent);
        if attribute {
            parent.attributes.insert(local.into(), id);
        } else {
            parent.children.insert(local.into(), id);
        }
        id
    }

    /// Forgets the nodes from the `count`th on, to which only their parents lead.
    pub(crate) fn forget_from(&mut self, count: usize) {
        while self.nodes.len() > count
            && let Some(node) = self.nodes.pop()
        {
            self.room += 1;
            let left = self.nodes.len() as NodeId;
            let parent = self.node_mut(node.parent);
            parent.children.retain(|_, id| *id != left);
            parent.attributes.retain(|_, id| *id != left);
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(node);
        id
    }

    /// The child elements of a node, in no order.
    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.node(id).children.values().copied()
    }

    /// The attributes of a node and their local names, in no order.
    pub(crate) fn attributes(&self, id: NodeId) -> impl Iterator<Item = (&[u8], NodeId)> + '_ {
        self.node(id)
            .attributes
            .iter()
            .map(|(name, id)| (name.as_ref(), *id))
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
        for own in [self.wildcard, self.corrupt] {
            if parent == ROOT && own != NO_NODE && *self.node(own).name == *name.as_bytes() {
                return own;
            }
        }
        let parent = self.node(parent);
        let value = (name == self.value_tag).then_some(parent.value);
        value
            .or_else(|| parent.children.get(name.as_bytes()).copied())
            .unwrap_or(NO_NODE)
    }

    fn corrupt(&self) -> NodeId {
        if self.corrupt != NO_NODE && self.node(self.corrupt).wanted {
            self.corrupt
        } else {
            NO_NODE
        }
    }

    fn joins(&self, id: NodeId) -> bool {
        self.node(id).kind == Kind::Outer
    }
}

fn in_utf8(name: &[u8], table: Option<SingleByte>) -> Cow<'_, [u8]> {
    match table {
        Some(table) if !name.is_ascii() => {
            let mut utf8 = Vec::with_capacity(2 * name.len());
            table.decode(name, &mut utf8);
            Cow::Owned(utf8)
        }
        _ => Cow::Borrowed(name),
    }
}

impl Node {
    fn new(name: &[u8], parent: NodeId, kind: Kind) -> Self {
        Self {
            name: name.into(),
            parent,
            kind,
            attribute: false,
            known: true,
            wanted: true,
            is_row: false,
            value: NO_NODE,
            written: name.to_vec(),
            first: NO_NODE,
            first_attribute: NO_NODE,
            next: NO_NODE,
            children: Names::default(),
            attributes: Names::default(),
        }
    }
}

//! What those who make something of a tape ask of the names that it speaks of.

/// Index of a node: a place in a record at which a value may stand.
pub(crate) type NodeId = u32;
/// No node.
pub(crate) const NO_NODE: NodeId = u32::MAX;
/// The record itself.
pub(crate) const ROOT: NodeId = 0;

/// A format's tree of the names that a record may hold.
pub(crate) trait Nodes {
    /// How many nodes there are.
    fn len(&self) -> usize;

    /// The node around a node; of a record's, [`NO_NODE`].
    fn parent(&self, id: NodeId) -> NodeId;

    /// The name of a node's column, in UTF-8; nothing for the items of a list of lists.
    fn name(&self, id: NodeId) -> &[u8];

    /// The child of a node that has the name of this column of the schema.
    fn column(&self, parent: NodeId, name: &str) -> NodeId;

    /// The node of the lists that are items of this node's list.
    fn items(&self, _list: NodeId) -> NodeId {
        NO_NODE
    }

    /// The node of the column of records that cannot be read, if it is wanted. Nothing in a file leads to it.
    fn corrupt(&self) -> NodeId;

    /// Whether all values of a record for this node are one text, put together.
    fn joins(&self, _id: NodeId) -> bool {
        false
    }

    /// The path of a node from the record, `/` between names.
    fn path(&self, id: NodeId) -> String {
        let mut names = Vec::new();
        let mut at = id;
        while at != ROOT && at != NO_NODE {
            let name = self.name(at);
            if !name.is_empty() {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
            at = self.parent(at);
        }
        names.reverse();
        names.join("/")
    }

    /// The node of the column at a path of names from the record; [`NO_NODE`] if there is none.
    fn at_path(&self, path: &[String]) -> NodeId {
        let mut at = ROOT;
        for name in path {
            if at != NO_NODE {
                at = self.column(at, name);
            }
        }
        at
    }
}

//! The files of a schema put together: what is declared at the top level of any of them, by name.
//!
//! Files are asked for one after another, each once for each namespace that it is included into, so cycles end.

use std::collections::{HashMap, HashSet, VecDeque};

use super::document::{Arena, NodeId, QName, XML_NAMESPACE};
use super::{Loader, Note, Place, XsdError};

/// Files of one schema.
const FILES_MAX: usize = 5000;
/// Bytes of all files together.
const BYTES_MAX: usize = 256 << 20;

/// What can be referred to; each has names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A simple or complex type.
    Type,
    Element,
    Attribute,
    Group,
    AttributeGroup,
}

impl Kind {
    fn of_tag(tag: &str) -> Option<Self> {
        Some(match tag {
            "simpleType" | "complexType" => Self::Type,
            "element" => Self::Element,
            "attribute" => Self::Attribute,
            "group" => Self::Group,
            "attributeGroup" => Self::AttributeGroup,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Element => "element",
            Self::Attribute => "attribute",
            Self::Group => "group",
            Self::AttributeGroup => "attributeGroup",
        }
    }
}

/// A file that was not asked for, since it is on the network.
#[derive(Debug)]
struct Unfetched {
    namespace: String,
    location: String,
    /// Where a copy of it was looked for.
    copy: String,
}

/// All files, and what they declare.
#[derive(Debug, Default)]
pub(super) struct Components {
    pub(super) arena: Arena,
    by_name: HashMap<(Kind, QName), NodeId>,
    /// What a redefinition has taken the place of, by the redefinition.
    originals: HashMap<NodeId, NodeId>,
    unfetched: Vec<Unfetched>,
    /// The elements that may stand for another.
    members: HashMap<NodeId, Vec<NodeId>>,
    /// The named complex types that are derived from another.
    derived: HashMap<NodeId, Vec<NodeId>>,
    /// What loading has passed over.
    pub(super) notes: Vec<Note>,
}

/// A file to be loaded.
struct Wanted {
    location: String,
    /// Of the file that includes it; none for an import.
    including: Option<String>,
    from: Option<NodeId>,
    /// Its location on the network and its namespace, if it has one there: then it may be absent.
    network: Option<(String, String)>,
}

impl Components {
    /// Loads a file, and all that it includes.
    ///
    /// # Errors
    /// A file that cannot be loaded or is no schema.
    pub(super) fn load(entry: &str, load: Loader<'_>) -> Result<Self, XsdError> {
        let mut this = Self::default();
        let mut queue = VecDeque::from([Wanted {
            location: join("", entry),
            including: None,
            from: None,
            network: None,
        }]);
        // By location, and the namespace that the file takes on if it has none of its own.
        let mut known: HashSet<(String, String)> = HashSet::new();
        let mut has_own_namespace: HashSet<String> = HashSet::new();
        let mut bytes_total = 0;
        let mut redefinitions = Vec::new();
        while let Some(wanted) = queue.pop_front() {
            let including = wanted.including.clone().unwrap_or_default();
            let key = (wanted.location.clone(), including);
            if has_own_namespace.contains(&wanted.location) || known.contains(&key) {
                continue;
            }
            let from = wanted.from.map(|node| this.arena.place(node));
            let bytes = match (load(&wanted.location), wanted.network) {
                (Ok(bytes), None) => bytes,
                (Ok(bytes), Some((on_network, _))) => {
                    this.note_at(&from, format!("{on_network}: {} was read", wanted.location));
                    bytes
                }
                (Err(_), Some((on_network, namespace))) => {
                    this.pass_over(&from, on_network, namespace, &wanted.location);
                    continue;
                }
                (Err(source), None) => {
                    return Err(XsdError::Load {
                        location: wanted.location,
                        from,
                        source,
                    });
                }
            };
            known.insert(key);
            bytes_total += bytes.len();
            let at = from.unwrap_or_else(|| Place {
                file: wanted.location.clone(),
                line: 1,
            });
            let bounds = [
                ("files of a schema", known.len(), FILES_MAX),
                ("bytes of all files together", bytes_total, BYTES_MAX),
            ];
            for (what, count, max) in bounds {
                if count > max {
                    let max = max as u64;
                    return Err(XsdError::TooLarge { at, what, max });
                }
            }
            let including = wanted.including.as_deref();
            let document = this.arena.read(&wanted.location, &bytes, including)?;
            let root = this.arena.documents[document as usize].root;
            if this.arena.attribute(root, "targetNamespace").is_some() {
                has_own_namespace.insert(wanted.location);
            }
            for &child in &this.arena.node(root).children {
                let tag = this.arena.node(child).tag;
                if matches!(tag, "redefine" | "override") {
                    redefinitions.push(child);
                }
            }
            this.ask_for_others(root, &mut queue)?;
        }
        this.index();
        // What a file redefines may itself redefine: the innermost, which was loaded last, comes first.
        for redefinition in redefinitions.into_iter().rev() {
            this.redefine(redefinition);
        }
        this.find_relations();
        Ok(this)
    }

    /// Puts the files that a file names into the queue.
    fn ask_for_others(
        &mut self,
        root: NodeId,
        queue: &mut VecDeque<Wanted>,
    ) -> Result<(), XsdError> {
        for &child in &self.arena.node(root).children {
            let tag = self.arena.node(child).tag;
            if !matches!(tag, "include" | "import" | "redefine" | "override") {
                continue;
            }
            let document = self.arena.document(child);
            let namespace = match tag {
                "import" => self.arena.attribute(child, "namespace").unwrap_or_default(),
                _ => &document.target,
            };
            let Some(location) = self.arena.attribute(child, "schemaLocation") else {
                if tag == "import" {
                    continue;
                }
                return Err(XsdError::Broken {
                    at: self.arena.place(child),
                    message: format!("the `{tag}` has no schemaLocation"),
                });
            };
            let on_disk = location.strip_prefix("file://").unwrap_or(location);
            let network = on_disk.contains("://");
            // Somebody may have put a copy beside the file that names it.
            let name = match on_disk.rsplit_once('/') {
                Some((_, name)) if network => name,
                _ => on_disk,
            };
            queue.push_back(Wanted {
                location: join(&document.file, name),
                including: (tag != "import").then(|| document.target.clone()),
                from: Some(child),
                network: network.then(|| (location.to_string(), namespace.to_string())),
            });
        }
        Ok(())
    }

    fn note_at(&mut self, at: &Option<Place>, message: String) {
        if let Some(at) = at.clone() {
            self.notes.push(Note { at, message });
        }
    }

    /// Leaves out a file that is on the network and has no copy.
    fn pass_over(&mut self, at: &Option<Place>, location: String, namespace: String, copy: &str) {
        // What the prefix `xml` has is known.
        if namespace != XML_NAMESPACE {
            self.note_at(
                at,
                format!(
                    "{location} was not read, since nothing is fetched from the network: if it is needed, download it \
                     to {copy}"
                ),
            );
        }
        self.unfetched.push(Unfetched {
            namespace,
            location,
            copy: copy.to_string(),
        });
    }

    fn index(&mut self) {
        for document in &self.arena.documents {
            for &child in &self.arena.node(document.root).children {
                let Some(key) = self.key(child, &document.target) else {
                    continue;
                };
                let known = *self.by_name.entry(key.clone()).or_insert(child);
                let (first, second) = (self.arena.place(known), self.arena.place(child));
                if known != child && first != second {
                    self.notes.push(Note {
                        at: second,
                        message: format!(
                            "the {} `{}` is declared at {first} too; that one is used",
                            key.0.word(),
                            key.1.local
                        ),
                    });
                }
            }
        }
    }

    fn key(&self, id: NodeId, namespace: &str) -> Option<(Kind, QName)> {
        let kind = Kind::of_tag(self.arena.node(id).tag)?;
        let name = QName {
            namespace: namespace.to_string(),
            local: self.arena.attribute(id, "name")?.to_string(),
        };
        Some((kind, name))
    }

    fn redefine(&mut self, redefinition: NodeId) {
        let children = self.arena.node(redefinition).children.clone();
        for child in children {
            let target = &self.arena.document(child).target;
            let Some(key) = self.key(child, target) else {
                continue;
            };
            if let Some(original) = self.by_name.insert(key, child) {
                self.originals.insert(child, original);
            }
        }
    }

    /// Who may stand for whom: elements by substitution groups, types by derivation. A name that means nothing is
    /// reported when somebody needs it, not here.
    fn find_relations(&mut self) {
        for id in self.arena.ids() {
            let node = self.arena.node(id);
            match node.tag {
                "element" if self.is_global(id) => {
                    let heads = self.arena.attribute(id, "substitutionGroup");
                    for head in heads.unwrap_or_default().split_ascii_whitespace() {
                        if let Ok(Some(head)) = self.find(Kind::Element, id, head) {
                            self.members.entry(head).or_default().push(id);
                        }
                    }
                }
                "complexType" if self.is_global(id) => {
                    let base = self.derivation(id).and_then(|step| {
                        self.arena.attribute(step, "base").map(|base| (step, base))
                    });
                    if let Some((step, base)) = base
                        && let Ok(Some(base)) = self.find(Kind::Type, step, base)
                    {
                        self.derived.entry(base).or_default().push(id);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether this is what its name means: not a local declaration, nor one that a redefinition has replaced.
    pub(super) fn is_global(&self, id: NodeId) -> bool {
        let holder = self.arena.node(id).parent.map(|it| self.arena.node(it).tag);
        let Some("schema" | "redefine" | "override") = holder else {
            return false;
        };
        let key = self.key(id, &self.arena.document(id).target);
        key.is_some_and(|key| self.by_name.get(&key) == Some(&id))
    }

    /// The `extension` or `restriction` of a complex type.
    pub(super) fn derivation(&self, complex_type: NodeId) -> Option<NodeId> {
        let content = self
            .arena
            .child(complex_type, &["simpleContent", "complexContent"])?;
        self.arena.child(content, &["extension", "restriction"])
    }

    /// The element and those that may stand for it, those that may stand for them, and so on: in the order of the
    /// files, abstract ones left out.
    pub(super) fn substitutes(&self, head: NodeId) -> Vec<NodeId> {
        let mut found = transitive(head, &self.members);
        found.retain(|id| !self.arena.flag(*id, "abstract"));
        found
    }

    /// The named types that are derived from this one, at whatever remove, abstract ones left out.
    pub(super) fn derivations(&self, base: NodeId) -> Vec<NodeId> {
        let mut found = transitive(base, &self.derived);
        found.retain(|id| *id != base && !self.arena.flag(*id, "abstract"));
        found
    }

    /// The elements of a local name at the top level, whatever their namespace, in the order of the files.
    pub(super) fn global_elements(&self) -> Vec<NodeId> {
        let elements = self.by_name.iter();
        let mut found: Vec<NodeId> = elements
            .filter(|((kind, _), _)| *kind == Kind::Element)
            .map(|(_, id)| *id)
            .collect();
        found.sort_unstable();
        found
    }

    /// What is declared under a name.
    pub(super) fn by_name(&self, kind: Kind, name: &QName) -> Option<NodeId> {
        self.by_name.get(&(kind, name.clone())).copied()
    }

    /// What a name in an attribute of `from` refers to; none if that is not declared.
    fn find(&self, kind: Kind, from: NodeId, name: &str) -> Result<Option<NodeId>, XsdError> {
        let name = self.arena.resolve(from, name)?;
        let Some(&found) = self.by_name.get(&(kind, name)) else {
            return Ok(None);
        };
        // A redefinition that derives from itself means what it has taken the place of.
        let derives = matches!(self.arena.node(from).tag, "extension" | "restriction");
        let mut at = Some(from).filter(|_| kind != Kind::Type || derives);
        while let Some(id) = at {
            if id == found {
                return Ok(Some(self.originals.get(&found).copied().unwrap_or(found)));
            }
            // Several steps of redefinition: the original may itself be one, and names its own.
            if let Some(&original) = self.originals.get(&id)
                && self.key_of(id) == self.key_of(found)
            {
                return Ok(Some(original));
            }
            at = self.arena.node(id).parent;
        }
        Ok(Some(found))
    }

    fn key_of(&self, id: NodeId) -> Option<(Kind, QName)> {
        self.key(id, &self.arena.document(id).target)
    }

    /// What a name in an attribute of `from` refers to.
    ///
    /// # Errors
    /// A name that is declared nowhere.
    pub(super) fn lookup(&self, kind: Kind, from: NodeId, name: &str) -> Result<NodeId, XsdError> {
        if let Some(found) = self.find(kind, from, name)? {
            return Ok(found);
        }
        let meant = self.arena.resolve(from, name)?;
        let namespace = &meant.namespace;
        let next = match self.unfetched.iter().find(|it| it.namespace == *namespace) {
            Some(Unfetched { location, copy, .. }) => {
                format!("it may be in {location}, which is not fetched: download that to {copy}")
            }
            None if Arena::is_builtin(&meant) => {
                "it is none of XML Schema's own types; write one of those, such as xs:string"
                    .to_string()
            }
            None if namespace.is_empty() => {
                "declare it, or include the file that does (xs:include)".to_string()
            }
            None => format!(
                "declare it, or import the file of the namespace {namespace} that does (xs:import with schemaLocation)"
            ),
        };
        Err(XsdError::Undeclared {
            at: self.arena.place(from),
            what: kind.word(),
            name: name.to_string(),
            next,
        })
    }
}

/// All that can be reached, in the order of their numbers but the first in front.
fn transitive(from: NodeId, next: &HashMap<NodeId, Vec<NodeId>>) -> Vec<NodeId> {
    let mut seen = HashSet::from([from]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for &id in next.get(&at).into_iter().flatten() {
            if seen.insert(id) {
                open.push(id);
            }
        }
    }
    seen.remove(&from);
    let mut found: Vec<NodeId> = seen.into_iter().collect();
    found.sort_unstable();
    found.insert(0, from);
    found
}

/// A location as written in a file, from where that file is: `..` and `.` are resolved as far as they can be.
fn join(file: &str, location: &str) -> String {
    let location = location.replace('\\', "/");
    let folder = match file.rsplit_once('/') {
        Some((folder, _)) if !location.starts_with('/') => format!("{folder}/"),
        _ => String::new(),
    };
    let whole = format!("{folder}{location}");
    let root = if whole.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_to_the_file_that_names_them() {
        let cases = [
            ("", "a.xsd", "a.xsd"),
            ("", "./x/../a.xsd", "a.xsd"),
            ("x/a.xsd", "b.xsd", "x/b.xsd"),
            ("x/a.xsd", "../b.xsd", "b.xsd"),
            ("x/a.xsd", "../../y/b.xsd", "../y/b.xsd"),
            ("../../a.xsd", "../b.xsd", "../../../b.xsd"),
            ("/s/x/a.xsd", "..\\c\\b.xsd", "/s/c/b.xsd"),
            ("x/a.xsd", "/s/b.xsd", "/s/b.xsd"),
        ];
        for (file, location, expected) in cases {
            assert_eq!(join(file, location), expected, "{location} in {file}");
        }
    }
}

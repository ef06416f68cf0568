//! One schema file as a tree: the elements of XML Schema alone, with their lines.
//!
//! All files of a schema share one arena, so that whatever refers to another declaration is a number. Annotations and
//! elements of other namespaces are left out: nothing here reads them.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Place, XsdError};

/// The namespace of XML Schema.
const XSD_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace that the prefix `xml` always means.
pub(super) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// The largest schema file, in bytes.
pub const FILE_BYTES_MAX: usize = 32 << 20;
/// Elements of all files together.
const NODES_MAX: usize = 2_000_000;
/// Elements open at once in a file.
const DEPTH_MAX: usize = 256;

/// The elements of XML Schema that say something about columns, or hold others that do.
const TAGS: [&str; 36] = [
    "all",
    "any",
    "anyAttribute",
    "attribute",
    "attributeGroup",
    "choice",
    "complexContent",
    "complexType",
    "element",
    "enumeration",
    "explicitTimezone",
    "extension",
    "fractionDigits",
    "group",
    "import",
    "include",
    "length",
    "list",
    "maxExclusive",
    "maxInclusive",
    "maxLength",
    "minExclusive",
    "minInclusive",
    "minLength",
    "openContent",
    "override",
    "pattern",
    "redefine",
    "restriction",
    "schema",
    "sequence",
    "simpleContent",
    "simpleType",
    "totalDigits",
    "union",
    "whiteSpace",
];

/// An element of a schema file, by its place in the arena.
pub(super) type NodeId = u32;

/// An element of a schema file.
#[derive(Debug)]
pub(super) struct Node {
    /// Its local name; one of [`TAGS`].
    pub(super) tag: &'static str,
    /// What holds it.
    pub(super) parent: Option<NodeId>,
    /// What it holds.
    pub(super) children: Vec<NodeId>,
    /// Its attributes without a prefix.
    attributes: Vec<(String, String)>,
    /// The namespace declarations that it stands under.
    scope: u32,
    /// Its file.
    pub(super) document: u32,
    line: u64,
}

/// A schema file.
#[derive(Debug)]
pub(super) struct Document {
    /// Its location, as it was loaded.
    pub(super) file: String,
    /// The namespace of what it declares; that of the including file, if it has none of its own.
    pub(super) target: String,
    /// Whether the namespace is the including file's: then names without one mean it, too.
    chameleon: bool,
    /// Its `xs:schema`.
    pub(super) root: NodeId,
}

/// Namespace declarations of one element, and those around it.
#[derive(Debug)]
struct Scope {
    parent: Option<u32>,
    prefixes: Vec<(String, String)>,
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Arena {
    nodes: Vec<Node>,
    scopes: Vec<Scope>,
    /// The files, in the order in which they were loaded.
    pub(super) documents: Vec<Document>,
}

/// A name with its namespace, which is empty for none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct QName {
    pub(super) namespace: String,
    pub(super) local: String,
}

impl Arena {
    /// The element. Every number that is handed out is one of this arena.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Every element's number.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        0..self.nodes.len() as NodeId
    }

    /// An attribute's value, without white space around it.
    pub(super) fn attribute(&self, id: NodeId, name: &str) -> Option<&str> {
        let attributes = &self.node(id).attributes;
        let found = attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim())
    }

    /// Whether an attribute says `true`.
    pub(super) fn flag(&self, id: NodeId, name: &str) -> bool {
        matches!(self.attribute(id, name), Some("true" | "1"))
    }

    /// The children of one tag.
    pub(super) fn children(&self, id: NodeId, tag: &str) -> impl Iterator<Item = NodeId> {
        let children = self.node(id).children.iter().copied();
        children.filter(move |child| self.node(*child).tag == tag)
    }

    /// The first child of one of these tags.
    pub(super) fn child(&self, id: NodeId, tags: &[&str]) -> Option<NodeId> {
        let mut children = self.node(id).children.iter().copied();
        children.find(|child| tags.contains(&self.node(*child).tag))
    }

    /// The file of an element.
    pub(super) fn document(&self, id: NodeId) -> &Document {
        &self.documents[self.node(id).document as usize]
    }

    /// Where an element stands, for messages.
    pub(super) fn place(&self, id: NodeId) -> Place {
        Place {
            file: self.document(id).file.clone(),
            line: self.node(id).line,
        }
    }

    /// What a name in an attribute of this element means.
    ///
    /// # Errors
    /// A prefix that is not declared.
    pub(super) fn resolve(&self, id: NodeId, name: &str) -> Result<QName, XsdError> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = self.namespace(self.node(id).scope, prefix);
        let document = self.document(id);
        let namespace = match namespace {
            Some(namespace) if !namespace.is_empty() => namespace,
            _ if prefix == "xml" => XML_NAMESPACE,
            Some(_) | None if prefix.is_empty() && document.chameleon => &document.target,
            Some(_) | None if prefix.is_empty() => "",
            _ => {
                return Err(XsdError::Broken {
                    at: self.place(id),
                    message: format!("the prefix of `{name}` is not declared"),
                });
            }
        };
        Ok(QName {
            namespace: namespace.to_string(),
            local: local.to_string(),
        })
    }

    /// Whether a name means this built-in type's namespace.
    pub(super) fn is_builtin(name: &QName) -> bool {
        name.namespace == XSD_NAMESPACE
    }

    fn namespace(&self, scope: u32, prefix: &str) -> Option<&str> {
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at as usize)) {
            if let Some((_, uri)) = scope.prefixes.iter().find(|(known, _)| known == prefix) {
                return Some(uri);
            }
            at = scope.parent;
        }
        None
    }

    /// Reads a file. `including` is the namespace of the file that includes it, which becomes its own if it has none.
    ///
    /// # Errors
    /// A file that is no well-formed XML Schema, or too large.
    pub(super) fn read(
        &mut self,
        file: &str,
        bytes: &[u8],
        including: Option<&str>,
    ) -> Result<u32, XsdError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(XsdError::TooLarge {
                at: Place {
                    file: file.to_string(),
                    line: 1,
                },
                what: "bytes in a file",
                max: FILE_BYTES_MAX as u64,
            });
        }
        let text = decode(bytes).ok_or_else(|| XsdError::Broken {
            at: Place {
                file: file.to_string(),
                line: 1,
            },
            message: "the file is neither UTF-8 nor UTF-16, and declares no ISO-8859-1; convert it to UTF-8"
                .to_string(),
        })?;
        let document = self.documents.len() as u32;
        let mut builder = Builder {
            arena: self,
            file,
            document,
            text: &text,
            line: 1,
            counted: 0,
            open: Vec::new(),
            root: None,
        };
        builder.run()?;
        let Some(root) = builder.root else {
            return Err(XsdError::Broken {
                at: Place {
                    file: file.to_string(),
                    line: 1,
                },
                message: format!(
                    "the file has no root element `schema` of the namespace {XSD_NAMESPACE}"
                ),
            });
        };
        let own = self.attribute(root, "targetNamespace");
        let target = own.or(including).unwrap_or_default().to_string();
        let chameleon = own.is_none() && !target.is_empty();
        self.documents.push(Document {
            file: file.to_string(),
            target,
            chameleon,
            root,
        });
        Ok(document)
    }
}

/// Bytes to text. A schema file is small, so it may be copied.
fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok().map(Cow::Owned)
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let declaration = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let declaration = String::from_utf8_lossy(declaration).to_ascii_lowercase();
    let latin = declaration.contains("iso-8859-1") || declaration.contains("windows-1252");
    // The two differ only in characters that no name and no number has.
    latin.then(|| Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()))
}

/// What is open while a file is read.
enum Open {
    /// An element of the tree.
    Node(NodeId),
    /// One that is left out, with all that it holds.
    Skipped,
}

struct Builder<'a> {
    arena: &'a mut Arena,
    file: &'a str,
    document: u32,
    text: &'a str,
    /// The line at `counted`.
    line: u64,
    counted: usize,
    open: Vec<Open>,
    root: Option<NodeId>,
}

impl Builder<'_> {
    fn run(&mut self) -> Result<(), XsdError> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let from = reader.buffer_position() as usize;
            let event = reader.read_event().map_err(|error| {
                self.count_lines(reader.error_position() as usize);
                self.broken(format!("the file is not well-formed XML: {error}"))
            })?;
            self.count_lines(from);
            match event {
                Event::Start(tag) => {
                    let open = self.start(&tag)?;
                    self.open.push(open);
                    if self.open.len() > DEPTH_MAX {
                        return Err(self.too_large("elements open at once", DEPTH_MAX));
                    }
                }
                Event::Empty(tag) => {
                    self.start(&tag)?;
                }
                Event::End(_) => {
                    self.open.pop();
                }
                Event::Eof if self.open.is_empty() => return Ok(()),
                Event::Eof => {
                    return Err(self.broken("the file ends inside an element".to_string()));
                }
                _ => {}
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<Open, XsdError> {
        let parent = match self.open.last() {
            Some(Open::Skipped) => return Ok(Open::Skipped),
            Some(Open::Node(parent)) => Some(*parent),
            None => None,
        };
        let mut attributes = Vec::new();
        let mut prefixes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| {
                self.broken(format!("the file is not well-formed XML: {error}"))
            })?;
            // An entity of a DOCTYPE stays as it is written: no name that matters is made of one.
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_or_else(|_| attribute.value.to_string(), Cow::into_owned);
            let key: &str = attribute.key.as_ref();
            match key.split_once(':') {
                Some(("xmlns", prefix)) => prefixes.push((prefix.to_string(), value)),
                None if key == "xmlns" => prefixes.push((String::new(), value)),
                Some(_) => {}
                None => attributes.push((key.to_string(), value)),
            }
        }
        let around = parent.map(|parent| self.arena.node(parent).scope);
        let scope = match around {
            Some(around) if prefixes.is_empty() => around,
            parent => {
                self.arena.scopes.push(Scope { parent, prefixes });
                (self.arena.scopes.len() - 1) as u32
            }
        };
        let name = tag.name();
        let name: &str = name.as_ref();
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let known = TAGS.iter().find(|tag| **tag == local);
        let ours = self.arena.namespace(scope, prefix) == Some(XSD_NAMESPACE);
        let (Some(&tag), true) = (known, ours) else {
            return Ok(Open::Skipped);
        };
        // The root is a schema, and no schema stands in another.
        if (tag == "schema") == parent.is_some() {
            return Ok(Open::Skipped);
        }
        if self.arena.nodes.len() >= NODES_MAX {
            return Err(self.too_large("elements in all files together", NODES_MAX));
        }
        let id = self.arena.nodes.len() as NodeId;
        self.arena.nodes.push(Node {
            tag,
            parent,
            children: Vec::new(),
            attributes,
            scope,
            document: self.document,
            line: self.line,
        });
        match parent {
            Some(parent) => self.arena.nodes[parent as usize].children.push(id),
            None => self.root = Some(id),
        }
        Ok(Open::Node(id))
    }

    fn count_lines(&mut self, to: usize) {
        let passed = self.text.as_bytes().get(self.counted..to);
        if let Some(passed) = passed {
            self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
            self.counted = to;
        }
    }

    fn place(&self) -> Place {
        Place {
            file: self.file.to_string(),
            line: self.line,
        }
    }

    fn broken(&self, message: String) -> XsdError {
        XsdError::Broken {
            at: self.place(),
            message,
        }
    }

    fn too_large(&self, what: &'static str, max: usize) -> XsdError {
        XsdError::TooLarge {
            at: self.place(),
            what,
            max: max as u64,
        }
    }
}

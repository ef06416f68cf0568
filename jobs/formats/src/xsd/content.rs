//! Complex types: what an element may hold, with everything that it has from its bases, groups and substitutes.
//!
//! Of the order and the choices of a content model nothing is left but how often an element of each name may stand in
//! one parent: never, once, or several times. A sequence adds that up, a choice takes the most, an enclosing group
//! multiplies.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::XsdError;
use super::components::Kind;
use super::document::{Arena, NodeId, XML_NAMESPACE};
use super::resolver::{About, NESTED_MAX, Resolver, TypeRef};
use super::simple::Value;

/// The attribute that says which derivation of an abstract type an element has.
pub(super) const TYPE_ATTRIBUTE: &str = "type";

/// How often something may occur: 0, 1, or [`SEVERAL`].
type Times = u8;
/// Any number above one.
const SEVERAL: Times = 2;

/// The child elements that a content model allows.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// In the order of the files.
    pub(super) elements: Vec<ElementUse>,
    /// Where it lets in elements of any name.
    pub(super) any: Option<NodeId>,
    by_name: HashMap<String, usize>,
}

/// The child elements of one name.
#[derive(Debug, Clone)]
pub(super) struct ElementUse {
    pub(super) name: String,
    pub(super) repeated: bool,
    /// What they are declared as; mostly one.
    pub(super) types: Vec<TypeRef>,
    /// The first declaration.
    pub(super) at: NodeId,
    times: Times,
}

/// An attribute.
#[derive(Debug, Clone)]
pub(super) struct AttributeUse {
    pub(super) name: String,
    pub(super) value: Value,
}

/// All that an element of a complex type may hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) attributes: Vec<AttributeUse>,
    /// Its text, if it may have any that is not blank.
    pub(super) text: Option<Value>,
    pub(super) model: Model,
}

impl Model {
    /// Adds all elements of another one.
    fn add_all(&mut self, other: &Model, choice: bool) {
        for element in &other.elements {
            self.add(element, choice);
        }
        self.any = self.any.or(other.any);
    }

    /// Adds an element's occurrences in a sequence, or takes the most of a choice.
    fn add(&mut self, element: &ElementUse, choice: bool) {
        let Some(&known) = self.by_name.get(&element.name) else {
            self.by_name
                .insert(element.name.clone(), self.elements.len());
            self.elements.push(element.clone());
            return;
        };
        let known = &mut self.elements[known];
        known.times = match choice {
            true => known.times.max(element.times),
            false => (known.times + element.times).min(SEVERAL),
        };
        known.repeated = known.times == SEVERAL;
        for new in &element.types {
            if !known.types.contains(new) {
                known.types.push(new.clone());
            }
        }
    }

    /// Every element, so many times.
    fn multiply(&mut self, times: Times) {
        for element in &mut self.elements {
            element.times = (element.times * times).min(SEVERAL);
            element.repeated = element.times == SEVERAL;
        }
        if times == 0 {
            *self = Self::default();
        }
    }
}

impl Resolver<'_> {
    /// What an element of this complex type may hold.
    ///
    /// # Errors
    /// Names that are declared nowhere, types and groups made of themselves.
    pub(super) fn content(&mut self, id: NodeId) -> Result<Rc<Content>, XsdError> {
        if let Some(known) = self.contents.get(&id) {
            return Ok(known.clone());
        }
        self.enter(id)?;
        let content = Rc::new(self.build_content(id)?);
        self.leave(id);
        self.contents.insert(id, content.clone());
        Ok(content)
    }

    fn build_content(&mut self, id: NodeId) -> Result<Content, XsdError> {
        let set = self.set;
        let arena = &set.arena;
        let Some(step) = set.derivation(id) else {
            let mut content = Content::default();
            self.add_own(id, id, &mut content)?;
            if arena.flag(id, "mixed") {
                content.text = Some(Value::Text);
            }
            return Ok(content);
        };
        let holder = arena.node(step).parent.unwrap_or(id);
        let simple = arena.node(holder).tag == "simpleContent";
        let restriction = arena.node(step).tag == "restriction";
        let base = match arena.attribute(step, "base") {
            Some(base) => self.named_type(step, base)?,
            None => TypeRef::Any,
        };
        let mut content = match &base {
            TypeRef::Declared(base) if arena.node(*base).tag == "complexType" => {
                self.content(*base)?.as_ref().clone()
            }
            TypeRef::Any => Content::default(),
            base => Content {
                text: Some(self.value_of(base)?),
                ..Content::default()
            },
        };
        if simple {
            if restriction {
                let inner = arena.child(step, &["simpleType"]).map(TypeRef::Declared);
                let text = match inner {
                    Some(inner) => self.value_of(&inner)?,
                    None => content.text.take().unwrap_or(Value::Text),
                };
                content.text = Some(self.restrict(text, step)?);
            }
            self.add_attributes(step, &mut content, &mut HashSet::new())?;
            return Ok(content);
        }
        let mixed = match arena.attribute(holder, "mixed") {
            Some(_) => arena.flag(holder, "mixed"),
            None => arena.flag(id, "mixed"),
        };
        if restriction {
            // It says again which elements of its base it keeps; attributes it keeps without saying so.
            content.model = Model::default();
            content.text = None;
        }
        self.add_own(id, step, &mut content)?;
        if mixed {
            content.text = Some(Value::Text);
        }
        Ok(content)
    }

    /// The elements and attributes that stand below `step` itself.
    fn add_own(&mut self, id: NodeId, step: NodeId, content: &mut Content) -> Result<(), XsdError> {
        let arena = &self.set.arena;
        if let Some(particle) = arena.child(step, &["group", "all", "choice", "sequence"]) {
            let own = self.particle(particle)?;
            content.model.add_all(&own, false);
        }
        let open = arena.child(step, &["openContent"]);
        content.model.any = content.model.any.or(open);
        self.step(id, content.model.elements.len())?;
        self.add_attributes(step, content, &mut HashSet::new())
    }

    /// The elements of a group, choice, sequence, or reference to a group.
    fn particle(&mut self, id: NodeId) -> Result<Model, XsdError> {
        let set = self.set;
        let arena = &set.arena;
        let mut model = Model::default();
        let times = times(arena, id)?;
        self.deeper(id)?;
        match arena.node(id).tag {
            "element" => {
                for element in self.element_uses(id)? {
                    // One stands for another: of these there is one, whichever.
                    model.add(&element, true);
                }
            }
            "any" => model.any = Some(id),
            "group" => {
                if let Some(name) = arena.attribute(id, "ref") {
                    let group = set.lookup(Kind::Group, id, name)?;
                    model = self.group(group)?.as_ref().clone();
                }
            }
            tag => {
                for &child in &arena.node(id).children {
                    if matches!(
                        arena.node(child).tag,
                        "element" | "any" | "group" | "all" | "choice" | "sequence"
                    ) {
                        let inner = self.particle(child)?;
                        self.step(child, inner.elements.len())?;
                        model.add_all(&inner, tag == "choice");
                    }
                }
            }
        }
        model.multiply(times);
        self.depth -= 1;
        self.step(id, model.elements.len())?;
        Ok(model)
    }

    /// The elements of a named group.
    fn group(&mut self, id: NodeId) -> Result<Rc<Model>, XsdError> {
        if let Some(known) = self.groups.get(&id) {
            return Ok(known.clone());
        }
        self.enter(id)?;
        let mut model = Model::default();
        if let Some(inner) = self.set.arena.child(id, &["all", "choice", "sequence"]) {
            model = self.particle(inner)?;
        }
        self.leave(id);
        let model = Rc::new(model);
        self.groups.insert(id, model.clone());
        Ok(model)
    }

    /// An element of a content model: itself, or those that may stand for what it refers to.
    fn element_uses(&mut self, id: NodeId) -> Result<Vec<ElementUse>, XsdError> {
        let set = self.set;
        let arena = &set.arena;
        let declarations = match arena.attribute(id, "ref") {
            Some(name) => {
                let head = set.lookup(Kind::Element, id, name)?;
                let found = set.substitutes(head);
                if found.is_empty() {
                    let message = format!(
                        "the element `{name}` is abstract and nothing may stand for it: it gets no column"
                    );
                    self.note(id, About::Abstract, message);
                }
                found
            }
            None => vec![id],
        };
        let mut uses = Vec::with_capacity(declarations.len());
        for declaration in declarations {
            let Some(name) = arena.attribute(declaration, "name") else {
                return Err(XsdError::Broken {
                    at: arena.place(declaration),
                    message: "the element has neither a name nor a ref".to_string(),
                });
            };
            uses.push(ElementUse {
                name: name.to_string(),
                repeated: false,
                types: vec![self.element_type(declaration)?],
                at: declaration,
                times: 1,
            });
        }
        Ok(uses)
    }

    /// The type of an element's declaration.
    ///
    /// # Errors
    /// A type that is declared nowhere.
    pub(super) fn element_type(&mut self, id: NodeId) -> Result<TypeRef, XsdError> {
        let set = self.set;
        let mut at = id;
        // Without a type of its own it has that of the element that it may stand for.
        for _ in 0..NESTED_MAX {
            if let Some(name) = set.arena.attribute(at, "type") {
                return self.named_type(at, name);
            }
            if let Some(inner) = set.arena.child(at, &["simpleType", "complexType"]) {
                return Ok(TypeRef::Declared(inner));
            }
            let heads = set.arena.attribute(at, "substitutionGroup");
            let Some(head) = heads.and_then(|heads| heads.split_ascii_whitespace().next()) else {
                return Ok(TypeRef::Any);
            };
            at = set.lookup(Kind::Element, at, head)?;
        }
        Ok(TypeRef::Any)
    }

    /// The attributes below `step`, those of attribute groups among them.
    fn add_attributes(
        &mut self,
        step: NodeId,
        content: &mut Content,
        groups: &mut HashSet<NodeId>,
    ) -> Result<(), XsdError> {
        let set = self.set;
        let arena = &set.arena;
        for &child in &arena.node(step).children {
            self.step(child, 1)?;
            match arena.node(child).tag {
                "attribute" => self.add_attribute(child, content)?,
                "attributeGroup" => {
                    let Some(name) = arena.attribute(child, "ref") else {
                        continue;
                    };
                    let group = set.lookup(Kind::AttributeGroup, child, name)?;
                    // Once is enough, and ends a circle.
                    if groups.insert(group) {
                        self.deeper(group)?;
                        self.add_attributes(group, content, groups)?;
                        self.depth -= 1;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_attribute(&mut self, id: NodeId, content: &mut Content) -> Result<(), XsdError> {
        let set = self.set;
        let arena = &set.arena;
        let (name, declaration) = match (arena.attribute(id, "name"), arena.attribute(id, "ref")) {
            (Some(name), _) => (name.to_string(), Some(id)),
            (None, Some(name)) => {
                let meant = arena.resolve(id, name)?;
                let declaration = match set.lookup(Kind::Attribute, id, name) {
                    Ok(declaration) => Some(declaration),
                    // `xml:lang` and its kin need no declaration.
                    Err(_) if meant.namespace == XML_NAMESPACE => None,
                    Err(error) => return Err(error),
                };
                (meant.local, declaration)
            }
            (None, None) => {
                return Err(XsdError::Broken {
                    at: arena.place(id),
                    message: "the attribute has neither a name nor a ref".to_string(),
                });
            }
        };
        let known = content.attributes.iter().position(|it| it.name == name);
        if arena.attribute(id, "use") == Some("prohibited") {
            if let Some(known) = known {
                content.attributes.remove(known);
            }
            return Ok(());
        }
        let value = match declaration {
            Some(declaration) => self.attribute_value(declaration)?,
            None => Value::Text,
        };
        let attribute = AttributeUse { name, value };
        match known {
            Some(known) => content.attributes[known] = attribute,
            None => content.attributes.push(attribute),
        }
        Ok(())
    }

    fn attribute_value(&mut self, declaration: NodeId) -> Result<Value, XsdError> {
        let arena = &self.set.arena;
        if let Some(name) = arena.attribute(declaration, "type") {
            let named = self.named_type(declaration, name)?;
            return self.value_of(&named);
        }
        match arena.child(declaration, &["simpleType"]) {
            Some(inner) => self.value_of(&TypeRef::Declared(inner)),
            None => Ok(Value::Text),
        }
    }
}

/// How often a particle may occur. A minimum above one says several, too, even where the maximum was forgotten.
fn times(arena: &Arena, id: NodeId) -> Result<Times, XsdError> {
    let mut most = None;
    for name in ["maxOccurs", "minOccurs"] {
        let Some(text) = arena.attribute(id, name) else {
            continue;
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let times = match text {
            "unbounded" => SEVERAL,
            _ if !digits => {
                return Err(XsdError::Broken {
                    at: arena.place(id),
                    message: format!("{name} is `{text}`; it is a whole number or `unbounded`"),
                });
            }
            text => text.parse::<u64>().map_or(SEVERAL, |times| {
                Times::try_from(times).unwrap_or(SEVERAL).min(SEVERAL)
            }),
        };
        match name {
            "maxOccurs" => most = Some(times),
            _ if times == SEVERAL => most = Some(SEVERAL),
            _ => {}
        }
    }
    Ok(most.unwrap_or(1))
}

//! From a record's declaration to its schema: which columns there are, how deep they go, and where that ends.
//!
//! Types may hold themselves, and a few types that hold one another have more paths than any table has columns. So
//! elements are unfolded level by level, those of the upper levels first, until a type stands on a path too often or
//! the columns are used up; what is cut there is one column, and a note.

use std::collections::{HashMap, VecDeque};

use arrow::datatypes::{DataType, Field, Fields, Schema};

use super::content::TYPE_ATTRIBUTE;
use super::document::NodeId;
use super::resolver::{About, Resolver, TypeRef};
use super::{DateTimeAs, XsdError, XsdSchema};
use crate::infer::rules::Classes;

/// Elements inside one another, the record included.
const DEPTH_MAX: usize = 64;

/// A column, by its place in [`Columns::columns`].
type ColumnId = usize;

/// An element on its way to become a column.
#[derive(Debug)]
struct Column {
    name: String,
    parent: Option<ColumnId>,
    depth: usize,
    repeated: bool,
    types: Vec<TypeRef>,
    /// Where it is declared first.
    at: NodeId,
    /// The complex types that it was unfolded by.
    unfolded: Vec<NodeId>,
    /// Name and what its values look like.
    attributes: Vec<(String, Classes)>,
    text: Option<Classes>,
    elements: Vec<ColumnId>,
}

/// Unfolds declarations to columns.
pub(super) struct Columns<'r, 'a> {
    resolver: &'r mut Resolver<'a>,
    columns: Vec<Column>,
    queue: VecDeque<ColumnId>,
    /// Columns, attributes and text included.
    count: usize,
}

/// The schema of records of these declarations.
///
/// # Errors
/// What is wrong with the declarations; two things of one name in one element.
pub(super) fn schema_of(
    mut resolver: Resolver<'_>,
    declarations: &[NodeId],
) -> Result<XsdSchema, XsdError> {
    let mut types = Vec::new();
    for declaration in declarations {
        let found = resolver.element_type(*declaration)?;
        if !types.contains(&found) {
            types.push(found);
        }
    }
    let at = declarations.first().copied().unwrap_or_default();
    let mut columns = Columns {
        resolver: &mut resolver,
        columns: Vec::new(),
        queue: VecDeque::new(),
        count: 0,
    };
    let name = columns.resolver.set.arena.attribute(at, "name");
    let name = name.unwrap_or_default().to_string();
    columns.push(None, &name, false, types, at);
    while let Some(id) = columns.queue.pop_front() {
        columns.unfold(id)?;
    }
    let fields = columns.fields(0)?;
    if fields.is_empty() {
        return Err(XsdError::RowTag {
            message: format!(
                "the element `{name}` ({}) has neither attributes nor text nor child elements, so it has no columns",
                resolver.set.arena.place(at)
            ),
        });
    }
    let read_as = match resolver.options.datetime {
        DateTimeAs::Timestamp => Some("timestamp, which takes none"),
        DateTimeAs::Timestamptz => Some("timestamptz, which needs one"),
        DateTimeAs::Text => None,
    };
    if let (Some(read_as), true) = (read_as, resolver.zone_left_open) {
        let message = format!(
            "an xs:dateTime may have a zone or not; these are read as {read_as}: change the types that the data does \
             not have"
        );
        resolver.note(at, About::Zone, message);
    }
    Ok(XsdSchema {
        schema: Schema::new(fields),
        notes: resolver.into_notes(),
    })
}

impl Columns<'_, '_> {
    fn push(
        &mut self,
        parent: Option<ColumnId>,
        name: &str,
        repeated: bool,
        types: Vec<TypeRef>,
        at: NodeId,
    ) -> ColumnId {
        let id = self.columns.len();
        self.columns.push(Column {
            name: name.to_string(),
            parent,
            depth: parent.map_or(1, |parent| self.columns[parent].depth + 1),
            repeated,
            types,
            at,
            unfolded: Vec::new(),
            attributes: Vec::new(),
            text: None,
            elements: Vec::new(),
        });
        self.count += 1;
        self.queue.push_back(id);
        id
    }

    /// The names from the record's to the column's, `/` between.
    fn path(&self, id: ColumnId) -> String {
        let mut names = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            names.push(self.columns[id].name.as_str());
            at = self.columns[id].parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Works out what an element holds.
    fn unfold(&mut self, id: ColumnId) -> Result<(), XsdError> {
        let at = self.columns[id].at;
        let mut by_name = HashMap::new();
        for type_ref in self.columns[id].types.clone() {
            self.resolver.step(at, 1)?;
            let set = self.resolver.set;
            let complex = match &type_ref {
                TypeRef::Declared(declared) if set.arena.node(*declared).tag == "complexType" => {
                    *declared
                }
                simple => {
                    if *simple == TypeRef::Any {
                        let path = self.path(id);
                        let message = format!(
                            "`{path}` may hold anything (xs:anyType): it is read as text, and elements in it are \
                             reported as unknown"
                        );
                        self.resolver.note(at, About::Anything, message);
                    }
                    let value = self.resolver.value_of(simple)?;
                    let classes = self.resolver.classes(&value);
                    self.add_text(id, &classes);
                    continue;
                }
            };
            if !set.arena.flag(complex, "abstract") {
                self.unfold_type(id, complex, &mut by_name)?;
                continue;
            }
            let derivations = set.derivations(complex);
            if derivations.is_empty() {
                let message = format!(
                    "`{}` has an abstract type, and no other is derived from it: its own elements are the columns",
                    self.path(id)
                );
                self.resolver.note(complex, About::Abstract, message);
                self.unfold_type(id, complex, &mut by_name)?;
                continue;
            }
            // An element of an abstract type says which it has: xsi:type.
            let text = Classes {
                text: true,
                ..Classes::default()
            };
            self.add_attribute(id, TYPE_ATTRIBUTE, &text);
            for derived in derivations {
                self.unfold_type(id, derived, &mut by_name)?;
            }
        }
        Ok(())
    }

    /// Adds what a complex type holds to an element.
    fn unfold_type(
        &mut self,
        id: ColumnId,
        complex: NodeId,
        by_name: &mut HashMap<String, ColumnId>,
    ) -> Result<(), XsdError> {
        let content = self.resolver.content(complex)?;
        let width = content.model.elements.len() + content.attributes.len();
        self.resolver.step(complex, width)?;
        if let Some(why) = self.why_cut(id, complex, width) {
            return self.cut(id, complex, why);
        }
        self.columns[id].unfolded.push(complex);
        for attribute in &content.attributes {
            let classes = self.resolver.classes(&attribute.value);
            self.add_attribute(id, &attribute.name, &classes);
        }
        if let Some(text) = &content.text {
            let classes = self.resolver.classes(text);
            self.add_text(id, &classes);
        }
        if let Some(any) = content.model.any {
            let message = format!(
                "`{}` may hold other elements (xs:any): they get no columns, and are reported as unknown",
                self.path(id)
            );
            self.resolver.note(any, About::Wildcard, message);
        }
        for element in &content.model.elements {
            if let Some(&known) = by_name.get(&element.name) {
                let column = &mut self.columns[known];
                column.repeated |= element.repeated;
                for new in &element.types {
                    if !column.types.contains(new) {
                        column.types.push(new.clone());
                    }
                }
                continue;
            }
            let child = self.push(
                Some(id),
                &element.name,
                element.repeated,
                element.types.clone(),
                element.at,
            );
            by_name.insert(element.name.clone(), child);
            self.columns[id].elements.push(child);
        }
        Ok(())
    }

    /// Leaves out what a complex type holds, and says so.
    fn cut(&mut self, id: ColumnId, complex: NodeId, why: About) -> Result<(), XsdError> {
        let path = self.path(id);
        let options = self.resolver.options;
        let (at, message) = match why {
            About::Columns if id == 0 => {
                return Err(XsdError::TooLarge {
                    at: self.resolver.set.arena.place(complex),
                    what: "columns",
                    max: options.columns_max as u64,
                });
            }
            About::Columns => (
                self.columns[0].at,
                format!(
                    "there are more than {} columns: `{path}` is read as text",
                    options.columns_max
                ),
            ),
            About::Depth => (
                self.columns[0].at,
                format!("`{path}` is {DEPTH_MAX} elements deep: it is read as text"),
            ),
            _ => (
                complex,
                format!(
                    "`{path}` holds itself: it is unfolded {} deep, and read as text below",
                    options.recursion_max.max(1)
                ),
            ),
        };
        self.resolver.note(at, why, message);
        Ok(())
    }

    fn why_cut(&self, id: ColumnId, complex: NodeId, width: usize) -> Option<About> {
        let options = self.resolver.options;
        let column = &self.columns[id];
        if self.count + width > options.columns_max && width > 0 {
            return Some(About::Columns);
        }
        if column.depth >= DEPTH_MAX && width > 0 {
            return Some(About::Depth);
        }
        let mut times = 0;
        let mut at = column.parent;
        while let Some(id) = at {
            times += usize::from(self.columns[id].unfolded.contains(&complex));
            at = self.columns[id].parent;
        }
        (times >= options.recursion_max.max(1)).then_some(About::Recursion)
    }

    fn add_text(&mut self, id: ColumnId, classes: &Classes) {
        let text = self.columns[id].text.get_or_insert_default();
        text.merge(classes);
    }

    fn add_attribute(&mut self, id: ColumnId, name: &str, classes: &Classes) {
        let attributes = &mut self.columns[id].attributes;
        match attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.merge(classes),
            None => {
                attributes.push((name.to_string(), *classes));
                self.count += 1;
            }
        }
    }

    /// Attributes, the text beside them, and elements: as the inference has it, but each in the order of the files.
    fn fields(&self, id: ColumnId) -> Result<Fields, XsdError> {
        let column = &self.columns[id];
        let options = self.resolver.options;
        let mut fields = Vec::new();
        for (name, classes) in &column.attributes {
            let name = format!("{}{name}", options.attribute_prefix);
            fields.push(Field::new(name, classes.data_type(), true));
        }
        if let Some(text) = column.text {
            fields.push(Field::new(&options.value_tag, text.data_type(), true));
        }
        for &child in &column.elements {
            fields.push(self.field(child)?);
        }
        let mut names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(XsdError::NameClash {
                at: self.resolver.set.arena.place(column.at),
                path: format!("{}/{}", self.path(id), twice[0]),
            });
        }
        Ok(fields.into())
    }

    fn field(&self, id: ColumnId) -> Result<Field, XsdError> {
        let column = &self.columns[id];
        let mut data_type = if column.attributes.is_empty() && column.elements.is_empty() {
            column.text.unwrap_or_default().data_type()
        } else {
            DataType::Struct(self.fields(id)?)
        };
        if column.repeated {
            data_type = DataType::List(Field::new_list_field(data_type, true).into());
        }
        Ok(Field::new(&column.name, data_type, true))
    }
}

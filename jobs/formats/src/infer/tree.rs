//! What was learned: a tree of names, each with what its values looked like.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rules::Classes;
use crate::json::{JsonOptions, VALUE_COLUMN};
use crate::record::own_columns::OwnColumn;
use crate::xml::XmlOptions;

/// How a tree becomes a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferOptions {
    /// What the column of an attribute begins with.
    pub attribute_prefix: String,
    /// The column of the text beside attributes or child elements.
    pub value_tag: String,
    /// Whether a field of the text column's name is the same column, and no clash.
    pub value_is_field: bool,
    /// Columns that are there though no record may have them: what documents are asked for besides (`keep`).
    pub kept: Vec<String>,
    /// Columns that stand at the end: the option that asks for each, and its field.
    pub own_columns: Vec<(&'static str, Field)>,
}

impl Default for InferOptions {
    fn default() -> Self {
        Self {
            attribute_prefix: "_".to_string(),
            value_tag: "_VALUE".to_string(),
            value_is_field: false,
            kept: Vec::new(),
            own_columns: Vec::new(),
        }
    }
}

impl From<&XmlOptions> for InferOptions {
    fn from(options: &XmlOptions) -> Self {
        Self {
            attribute_prefix: options.attribute_prefix.clone(),
            value_tag: options.value_tag.clone(),
            value_is_field: false,
            kept: Vec::new(),
            own_columns: fields_of(options.own_columns()),
        }
    }
}

impl From<&JsonOptions> for InferOptions {
    fn from(options: &JsonOptions) -> Self {
        Self {
            value_tag: VALUE_COLUMN.to_string(),
            value_is_field: true,
            kept: options.keep.keys().cloned().collect(),
            own_columns: fields_of(options.own_columns()),
            ..Self::default()
        }
    }
}

fn fields_of(own_columns: Vec<OwnColumn>) -> Vec<(&'static str, Field)> {
    let own = own_columns.into_iter();
    own.map(|own| (own.option, Field::new(own.name, own.data_type, true)))
        .collect()
}

/// A tree that has no schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// No record was seen, or none that is good, so there is nothing to infer from.
    #[error("{}", no_records(*bad))]
    NoRecords {
        /// How many bad ones were.
        bad: u64,
    },
    /// Two things in one element would get the same column.
    #[error("{what} and {other} would both be the column `{path}`; choose another {option}")]
    NameClash {
        /// The column.
        path: String,
        /// The one.
        what: &'static str,
        /// The other.
        other: &'static str,
        /// The option that tells them apart.
        option: &'static str,
    },
}

fn no_records(bad: u64) -> String {
    if bad == 0 {
        return "no record was found, so there is no schema to infer; check the row tag (XML: `row_tag`, `--row-tag`) or \
                where the records are (JSON: `records`, `--records`), that the files are of this format, and \
                `sample_ratio`, if given"
            .to_owned();
    }
    format!(
        "no good record was found, but {bad} bad ones, so there is no schema to infer; check that the files are of this \
         format, or give a schema (`schema`, `--schema`): then the quarantine says of each what is wrong"
    )
}

/// What is known of the records of any number of splits, of any number of files.
///
/// [`TypeTree::merge`] is commutative and associative, so trees may be merged in any order. Serialised with serde to
/// travel between processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeTree {
    /// Records seen.
    pub records: u64,
    /// Bad records that were left out, as far as they were added here ([`SplitReport::quarantined`]): they have no types.
    ///
    /// [`SplitReport::quarantined`]: crate::SplitReport::quarantined
    #[serde(default)]
    pub bad_records: u64,
    /// The record's element.
    pub root: TypeNode,
}

/// What is known of an element, or of an attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypeNode {
    /// How often it was seen.
    pub seen: u64,
    /// Whether it was ever seen twice in one parent.
    pub repeated: bool,
    /// The most lists that were seen around it, one in another.
    #[serde(skip_serializing_if = "is_zero")]
    pub lists: u32,
    /// Whether it was ever an object without fields.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_object: bool,
    /// Its texts.
    pub text: Classes,
    /// Its attributes, by local name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, TypeNode>,
    /// Its child elements, by local name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub elements: BTreeMap<String, TypeNode>,
}

impl TypeTree {
    /// Adds what another tree knows.
    pub fn merge(&mut self, other: &TypeTree) {
        self.records += other.records;
        self.bad_records += other.bad_records;
        self.root.merge(&other.root);
    }

    /// The schema of a record, by the table in `infer/rules.rs`: all fields nullable; attributes by name, then
    /// the text beside them, then elements by name.
    ///
    /// # Errors
    /// [`SchemaError`]
    pub fn to_schema(&self, options: &InferOptions) -> Result<Schema, SchemaError> {
        if self.records == 0 {
            let bad = self.bad_records;
            return Err(SchemaError::NoRecords { bad });
        }
        let mut root = self.root.clone();
        for column in &options.kept {
            root.elements.entry(column.clone()).or_default();
        }
        let mut fields: Vec<_> = root.fields(options, "")?.iter().cloned().collect();
        for (option, own) in &options.own_columns {
            if fields.iter().any(|field| field.name() == own.name()) {
                return Err(SchemaError::NameClash {
                    path: own.name().clone(),
                    what: "what the option asks for",
                    other: "what the records hold",
                    option,
                });
            }
            fields.push(own.clone().into());
        }
        Ok(Schema::new(fields))
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl TypeNode {
    fn merge(&mut self, other: &TypeNode) {
        self.seen += other.seen;
        self.repeated |= other.repeated;
        self.lists = self.lists.max(other.lists);
        self.empty_object |= other.empty_object;
        self.text.merge(&other.text);
        for (name, node) in &other.attributes {
            self.attributes.entry(name.clone()).or_default().merge(node);
        }
        for (name, node) in &other.elements {
            self.elements.entry(name.clone()).or_default().merge(node);
        }
    }

    fn fields(&self, options: &InferOptions, path: &str) -> Result<Fields, SchemaError> {
        let mut fields: Vec<Field> = Vec::new();
        for (name, node) in &self.attributes {
            let name = format!("{}{name}", options.attribute_prefix);
            fields.push(node.field(name, options, path)?);
        }
        let clash = |name: &str, what, other, option| SchemaError::NameClash {
            path: format!("{path}{name}"),
            what,
            other,
            option,
        };
        let merges = options.value_is_field && (self.text.any() || self.text.empty);
        if merges {
            let name = &options.value_tag;
            let mut value = self.elements.get(name).cloned().unwrap_or_default();
            value.text.merge(&self.text);
            fields.push(value.field(name.clone(), options, path)?);
        } else if self.text.any() {
            let name = &options.value_tag;
            if fields.iter().any(|field| field.name() == name) {
                return Err(clash(name, "the text", "an attribute", "value_tag"));
            }
            fields.push(Field::new(name, self.text.data_type(), true));
        }
        let before = fields.len();
        for (name, node) in &self.elements {
            if merges && *name == options.value_tag {
                continue;
            }
            if fields[..before].iter().any(|field| field.name() == name) {
                return Err(if self.text.any() && *name == options.value_tag {
                    clash(name, "the text", "an element", "value_tag")
                } else {
                    let option = "attribute_prefix, or leave attributes out (exclude_attributes)";
                    clash(name, "an attribute", "an element", option)
                });
            }
            fields.push(node.field(name.clone(), options, path)?);
        }
        Ok(fields.into())
    }

    fn field(
        &self,
        name: String,
        options: &InferOptions,
        path: &str,
    ) -> Result<Field, SchemaError> {
        let holds_nothing = self.attributes.is_empty() && self.elements.is_empty();
        let mut data_type = if holds_nothing && self.empty_object {
            DataType::Utf8
        } else if holds_nothing {
            self.text.data_type()
        } else {
            DataType::Struct(self.fields(options, &format!("{path}{name}."))?)
        };
        for _ in 0..self.lists.max(u32::from(self.repeated)) {
            data_type = DataType::List(Field::new_list_field(data_type, true).into());
        }
        Ok(Field::new(name, data_type, true))
    }
}

//! What was learned: a tree of names, each with what its values looked like.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rules::Classes;
use crate::xml::XmlOptions;

/// How a tree becomes a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferOptions {
    /// What the column of an attribute begins with.
    pub attribute_prefix: String,
    /// The column of the text beside attributes or child elements.
    pub value_tag: String,
}

impl Default for InferOptions {
    fn default() -> Self {
        Self {
            attribute_prefix: "_".to_string(),
            value_tag: "_VALUE".to_string(),
        }
    }
}

impl From<&XmlOptions> for InferOptions {
    fn from(options: &XmlOptions) -> Self {
        Self {
            attribute_prefix: options.attribute_prefix.clone(),
            value_tag: options.value_tag.clone(),
        }
    }
}

/// A tree that has no schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// No record was seen, so there is nothing to infer from.
    #[error("no record was found, so there is no schema to infer; check the row tag")]
    NoRecords,
    /// Two things in one element would get the same column.
    #[error(
        "two things would be the column `{path}`; choose another attribute_prefix or value_tag"
    )]
    NameClash {
        /// The column.
        path: String,
    },
}

/// What is known of the records of any number of splits, of any number of files.
///
/// [`TypeTree::merge`] is commutative and associative, so trees may be merged in any order. Serialised with serde to
/// travel between processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeTree {
    /// Records seen.
    pub records: u64,
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
        self.root.merge(&other.root);
    }

    /// The schema of a record, by the table in `infer/rules.rs`: all fields nullable; attributes by name, then
    /// the text beside them, then elements by name.
    ///
    /// # Errors
    /// [`SchemaError`]
    pub fn to_schema(&self, options: &InferOptions) -> Result<Schema, SchemaError> {
        if self.records == 0 {
            return Err(SchemaError::NoRecords);
        }
        Ok(Schema::new(self.root.fields(options, "")?))
    }
}

impl TypeNode {
    fn merge(&mut self, other: &TypeNode) {
        self.seen += other.seen;
        self.repeated |= other.repeated;
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
        if self.text.any() {
            fields.push(Field::new(&options.value_tag, self.text.data_type(), true));
        }
        for (name, node) in &self.elements {
            fields.push(node.field(name.clone(), options, path)?);
        }
        let mut names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SchemaError::NameClash {
                path: format!("{path}{}", twice[0]),
            });
        }
        Ok(fields.into())
    }

    fn field(
        &self,
        name: String,
        options: &InferOptions,
        path: &str,
    ) -> Result<Field, SchemaError> {
        let mut data_type = if self.attributes.is_empty() && self.elements.is_empty() {
            self.text.data_type()
        } else {
            DataType::Struct(self.fields(options, &format!("{path}{name}."))?)
        };
        if self.repeated {
            data_type = DataType::List(Field::new_list_field(data_type, true).into());
        }
        Ok(Field::new(name, data_type, true))
    }
}

//! A source's schema: given, or inferred, then settled for the whole job.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::SchemaRef;
use headworks_formats::schema_file;
use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// The schema of a source's records, as the text of a schema file: one form
/// for users, the journal and the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceSchema {
    yaml: String,
    /// What it says, once somebody has asked: reading it takes a millisecond for hundreds of columns.
    #[serde(skip)]
    read: OnceLock<SchemaRef>,
}

impl PartialEq for SourceSchema {
    fn eq(&self, other: &Self) -> bool {
        self.yaml == other.yaml
    }
}

impl Eq for SourceSchema {}

impl SourceSchema {
    /// From a schema file's text; `name` is the file's, for errors.
    ///
    /// # Errors
    /// [`SourceError::Configuration`] with file and line.
    pub fn from_yaml(name: &str, yaml: impl Into<String>) -> Result<Self, SourceError> {
        let yaml = yaml.into();
        let read = schema_file::read(&yaml)
            .map_err(|e| SourceError::Configuration(format!("{name}: {e}")))?;
        Ok(Self {
            yaml,
            read: OnceLock::from(Arc::new(read)),
        })
    }

    /// From an Arrow schema.
    ///
    /// # Errors
    /// If the schema holds a type that no reader makes.
    pub fn from_arrow(schema: &SchemaRef) -> Result<Self, SourceError> {
        let yaml =
            schema_file::write(schema).map_err(|e| SourceError::Configuration(e.to_string()))?;
        Ok(Self {
            yaml,
            read: OnceLock::new(),
        })
    }

    /// As an Arrow schema.
    ///
    /// # Errors
    /// If it came over the wire and is no schema file.
    pub fn arrow(&self) -> Result<SchemaRef, SourceError> {
        if let Some(read) = self.read.get() {
            return Ok(read.clone());
        }
        let read =
            schema_file::read(&self.yaml).map_err(|e| SourceError::Configuration(e.to_string()))?;
        Ok(self.read.get_or_init(|| Arc::new(read)).clone())
    }

    /// As a schema file's text.
    #[must_use]
    pub fn yaml(&self) -> &str {
        &self.yaml
    }
}

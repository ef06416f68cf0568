//! A source's schema: given, or inferred, then settled for the whole job.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use headworks_formats::schema_file;
use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// The schema of a source's records, as the text of a schema file: one form
/// for users, the journal and the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceSchema {
    yaml: String,
}

impl SourceSchema {
    /// From a schema file's text; `name` is the file's, for errors.
    ///
    /// # Errors
    /// [`SourceError::Configuration`] with file and line.
    pub fn from_yaml(name: &str, yaml: impl Into<String>) -> Result<Self, SourceError> {
        let yaml = yaml.into();
        schema_file::read(&yaml).map_err(|e| SourceError::Configuration(format!("{name}: {e}")))?;
        Ok(Self { yaml })
    }

    /// From an Arrow schema.
    ///
    /// # Errors
    /// If the schema holds a type that no reader makes.
    pub fn from_arrow(schema: &SchemaRef) -> Result<Self, SourceError> {
        let yaml =
            schema_file::write(schema).map_err(|e| SourceError::Configuration(e.to_string()))?;
        Ok(Self { yaml })
    }

    /// As an Arrow schema.
    ///
    /// # Errors
    /// If it came over the wire and is no schema file.
    pub fn arrow(&self) -> Result<SchemaRef, SourceError> {
        schema_file::read(&self.yaml)
            .map(Arc::new)
            .map_err(|e| SourceError::Configuration(e.to_string()))
    }

    /// As a schema file's text.
    #[must_use]
    pub fn yaml(&self) -> &str {
        &self.yaml
    }
}

//! Columns that have another name than in the files. The parser knows the names in the files alone, so that whatever it
//! reports can be found there; plans, queries and schema files know the columns' names alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// The columns' names by the names in the files, for the top level of a record; what is not here has the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rename(BTreeMap<String, String>);

impl Rename {
    /// From pairs of a name in the files and a column's name.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Whether every column has its name in the files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name in the files of a column.
    #[must_use]
    pub fn in_file<'a>(&'a self, column: &'a str) -> &'a str {
        let renamed = self.0.iter().find(|(_, to)| *to == column);
        renamed.map_or(column, |(from, _)| from)
    }

    /// A record's schema with the names in the files.
    #[must_use]
    pub fn schema_in_file(&self, columns: &Schema) -> Schema {
        self.mapped(columns, |name| self.in_file(name).to_owned())
    }

    /// A record's schema, learned from the files, with the columns' names.
    ///
    /// # Errors
    /// [`SourceError::Configuration`], if two columns would have one name.
    pub fn schema_of_columns(&self, source: &str, in_file: &Schema) -> Result<Schema, SourceError> {
        let to = |name: &str| self.0.get(name).map_or(name, String::as_str).to_owned();
        let columns = self.mapped(in_file, to);
        for (at, field) in columns.fields().iter().enumerate() {
            let twice = |other: &Arc<Field>| other.name() == field.name();
            if let Some(before) = columns.fields()[..at].iter().position(twice) {
                return Err(SourceError::Configuration(format!(
                    "source `{source}`: `{}` and `{}` would both be the column `{}`; give one of them another name in \
                     `rename`",
                    in_file.field(before).name(),
                    in_file.field(at).name(),
                    field.name()
                )));
            }
        }
        Ok(columns)
    }

    /// Checks a schema that the user wrote.
    ///
    /// # Errors
    /// [`SourceError::Configuration`], if it has a column under its name in the files.
    pub fn check(&self, source: &str, columns: &Schema) -> Result<(), SourceError> {
        for field in columns.fields() {
            let name = field.name();
            if let Some(to) = self.0.get(name)
                && self.in_file(name) == name
            {
                return Err(SourceError::Configuration(format!(
                    "source `{source}`: the schema has the column `{name}`, which `rename` calls `{to}`; name it `{to}` \
                     in the schema, too"
                )));
            }
        }
        Ok(())
    }

    fn mapped(&self, schema: &Schema, name: impl Fn(&str) -> String) -> Schema {
        if self.is_empty() {
            return schema.clone();
        }
        let fields = schema.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_name(name(field.name())));
        Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    fn schema(names: &[&str]) -> Schema {
        let fields = names.iter().map(|n| Field::new(*n, DataType::Int64, true));
        Schema::new(fields.collect::<Vec<_>>())
    }

    fn rename(pairs: &[(&str, &str)]) -> Rename {
        Rename::new(
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        )
    }

    #[test]
    fn there_and_back() {
        let swap = rename(&[("a", "b"), ("b", "a"), ("1. open", "open")]);
        let in_file = schema(&["a", "1. open", "b", "c"]);
        let columns = swap.schema_of_columns("s", &in_file).unwrap();
        assert_eq!(columns, schema(&["b", "open", "a", "c"]));
        assert_eq!(swap.schema_in_file(&columns), in_file);
        assert_eq!(swap.in_file("open"), "1. open");
        assert!(swap.check("s", &columns).is_ok());
    }

    #[test]
    fn clashes_are_refused() {
        let clash = rename(&[("a", "b")]);
        let error = clash
            .schema_of_columns("s", &schema(&["a", "b"]))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`a` and `b` would both be the column `b`"),
            "{error}"
        );
        let error = clash.check("s", &schema(&["a"])).unwrap_err().to_string();
        assert!(error.contains("which `rename` calls `b`"), "{error}");
    }
}

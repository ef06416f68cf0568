//! Columns that options ask for, and that no element or attribute fills: the text of records that cannot be read, and
//! what the schema lacks.

use arrow::datatypes::{DataType, Field, Schema};

use super::XmlOptions;
use super::config::{ConfigError, item_field};

/// A column that the options ask for.
pub(crate) struct OwnColumn<'a> {
    /// The option.
    pub(crate) option: &'static str,
    /// The column.
    pub(crate) name: &'a str,
    /// Its type, if the schema does not say.
    pub(crate) data_type: DataType,
}

impl XmlOptions {
    /// The columns that the options ask for, and that no element or attribute fills.
    pub(crate) fn own_columns(&self) -> Vec<OwnColumn<'_>> {
        let wildcard = DataType::List(Field::new_list_field(DataType::Utf8, true).into());
        let columns = [
            (
                "corrupt_record_column",
                &self.corrupt_record_column,
                DataType::Utf8,
            ),
            ("wildcard_column", &self.wildcard_column, wildcard),
        ];
        let given = columns.into_iter().filter_map(|(option, name, data_type)| {
            Some(OwnColumn {
                option,
                name: name.as_deref()?,
                data_type,
            })
        });
        given.collect()
    }

    /// The schema with the columns that the options ask for ([`XmlOptions::corrupt_record_column`], text, and
    /// [`XmlOptions::wildcard_column`], a list of text) at its end, if it lacks them.
    pub fn complete_schema(&self, schema: &Schema) -> Schema {
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        for own in self.own_columns() {
            if !fields.iter().any(|field| field.name() == own.name) {
                fields.push(Field::new(own.name, own.data_type, true).into());
            }
        }
        Schema::new_with_metadata(fields, schema.metadata().clone())
    }

    /// Whether each has a name that no other column has.
    pub(super) fn check_own_names(&self) -> Result<(), ConfigError> {
        let own = self.own_columns();
        for (i, column) in own.iter().enumerate() {
            let twice = own.iter().take(i).any(|other| other.name == column.name);
            if column.name.is_empty() || column.name == self.value_tag || twice {
                return Err(ConfigError::OwnColumnName {
                    option: column.option,
                    name: column.name.to_string(),
                });
            }
        }
        Ok(())
    }
}

/// Whether the schema has the column with a type that fits.
pub(super) fn check_own_column(own: &OwnColumn<'_>, schema: &Schema) -> Result<(), ConfigError> {
    let found = schema
        .fields()
        .iter()
        .find(|field| field.name() == own.name);
    let fits = found.is_some_and(|field| {
        let may_be_list = matches!(own.data_type, DataType::List(_));
        let item = if may_be_list {
            item_field(field)
        } else {
            field.as_ref()
        };
        *item.data_type() == DataType::Utf8
    });
    if fits {
        return Ok(());
    }
    Err(ConfigError::OwnColumnType {
        option: own.option,
        name: own.name.to_string(),
        expected: if matches!(own.data_type, DataType::List(_)) {
            "`text` or `list: text`"
        } else {
            "`text`"
        },
    })
}

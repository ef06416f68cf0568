//! Columns that options ask for, and that no value of a record fills: the text of records that cannot be read, and what
//! the schema lacks.

use arrow::datatypes::{DataType, Field, Schema};

use super::ConfigError;
use super::config::item_field;

/// A column that the options ask for.
#[derive(Debug, Clone)]
pub(crate) struct OwnColumn {
    /// The option.
    pub(crate) option: &'static str,
    /// The column.
    pub(crate) name: String,
    /// Its type, if the schema does not say.
    pub(crate) data_type: DataType,
}

impl OwnColumn {
    /// The column of an option, if it is given.
    pub(crate) fn given(
        option: &'static str,
        name: Option<&String>,
        data_type: DataType,
    ) -> Option<Self> {
        Some(Self {
            option,
            name: name?.clone(),
            data_type,
        })
    }
}

/// The schema with the columns that the options ask for at its end, if it lacks them.
pub(crate) fn complete_schema(own_columns: Vec<OwnColumn>, schema: &Schema) -> Schema {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    for own in own_columns {
        if !fields.iter().any(|field| *field.name() == own.name) {
            fields.push(Field::new(own.name, own.data_type, true).into());
        }
    }
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// Whether each has a name that no other column has. `reserved` is a name that none may have.
pub(super) fn check_own_names(
    own: &[OwnColumn],
    reserved: Option<&str>,
) -> Result<(), ConfigError> {
    for (i, column) in own.iter().enumerate() {
        let twice = own.iter().take(i).any(|other| other.name == column.name);
        if column.name.is_empty() || Some(column.name.as_str()) == reserved || twice {
            return Err(ConfigError::OwnColumnName {
                option: column.option,
                name: column.name.clone(),
            });
        }
    }
    Ok(())
}

/// Whether the schema has the column with a type that fits.
pub(super) fn check_own_column(own: &OwnColumn, schema: &Schema) -> Result<(), ConfigError> {
    let found = schema
        .fields()
        .iter()
        .find(|field| *field.name() == own.name);
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
        name: own.name.clone(),
        expected: if matches!(own.data_type, DataType::List(_)) {
            "`text` or `list: text`"
        } else {
            "`text`"
        },
    })
}

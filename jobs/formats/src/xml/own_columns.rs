//! The columns that the options ask for, and that no element or attribute fills.

use arrow::datatypes::{DataType, Field, Schema};

use super::XmlOptions;
use crate::record::config::CORRUPT_OPTION;
use crate::record::own_columns::{OwnColumn, complete_schema};

impl XmlOptions {
    /// The columns that the options ask for, and that no element or attribute fills.
    pub(crate) fn own_columns(&self) -> Vec<OwnColumn> {
        let wildcard = DataType::List(Field::new_list_field(DataType::Utf8, true).into());
        let corrupt = self.corrupt_record_column.as_ref();
        let given = [
            OwnColumn::given(CORRUPT_OPTION, corrupt, DataType::Utf8),
            OwnColumn::given("wildcard_column", self.wildcard_column.as_ref(), wildcard),
        ];
        given.into_iter().flatten().collect()
    }

    /// The schema with the columns that the options ask for ([`XmlOptions::corrupt_record_column`], text, and
    /// [`XmlOptions::wildcard_column`], a list of text) at its end, if it lacks them.
    pub fn complete_schema(&self, schema: &Schema) -> Schema {
        complete_schema(self.own_columns(), schema)
    }
}

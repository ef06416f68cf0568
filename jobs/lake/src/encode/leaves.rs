//! Which columns of values a column of a batch has, and how those of texts are taken out of its structs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use parquet::errors::Result;

/// A column of texts, perhaps inside structs.
pub(super) struct Text {
    pub(super) values: ArrayRef,
    /// For each field from the column down to the texts that may be NULL, where it is.
    pub(super) nulls: Vec<Option<NullBuffer>>,
}

/// The columns of values of one column of a batch.
#[derive(Default)]
pub(super) struct Leaves {
    /// Those of texts outside of lists, in their order.
    pub(super) texts: Vec<Text>,
    /// The column without them, if anything is left.
    pub(super) others: Option<(FieldRef, ArrayRef)>,
}

impl Leaves {
    pub(super) fn of(field: &FieldRef, column: &ArrayRef) -> Result<Self> {
        let mut leaves = Leaves::default();
        leaves.others = leaves.take_texts(field, column, &mut Vec::new())?;
        Ok(leaves)
    }

    /// Takes the texts out of a field, and returns what is left of it. `above` are the fields around it that may be
    /// NULL.
    fn take_texts(
        &mut self,
        field: &FieldRef,
        column: &ArrayRef,
        above: &mut Vec<Option<NullBuffer>>,
    ) -> Result<Option<(FieldRef, ArrayRef)>> {
        if !has_texts(field.data_type()) {
            return Ok(Some((Arc::clone(field), Arc::clone(column))));
        }
        let depth = above.len();
        if field.is_nullable() {
            above.push(column.nulls().cloned());
        }
        let left = match field.data_type() {
            DataType::Struct(_) => self.take_from_struct(field, column.as_struct(), above)?,
            _ => {
                self.texts.push(Text {
                    values: Arc::clone(column),
                    nulls: above.clone(),
                });
                None
            }
        };
        above.truncate(depth);
        Ok(left)
    }

    fn take_from_struct(
        &mut self,
        field: &FieldRef,
        column: &StructArray,
        above: &mut Vec<Option<NullBuffer>>,
    ) -> Result<Option<(FieldRef, ArrayRef)>> {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (child, values) in column.fields().iter().zip(column.columns()) {
            if let Some((child, values)) = self.take_texts(child, values, above)? {
                fields.push(child);
                columns.push(values);
            }
        }
        if fields.is_empty() {
            return Ok(None);
        }
        let fields = Fields::from(fields);
        let left = Field::clone(field).with_data_type(DataType::Struct(fields.clone()));
        let column = StructArray::try_new(fields, columns, column.nulls().cloned())?;
        Ok(Some((Arc::new(left), Arc::new(column))))
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

fn has_texts(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|field| has_texts(field.data_type())),
        data_type => is_text(data_type),
    }
}

/// For each column of values that Parquet makes of the schema, in its order, whether it is one of texts outside of
/// lists.
pub(super) fn text_leaves(schema: &Schema) -> Vec<bool> {
    let mut leaves = Vec::new();
    for field in schema.fields() {
        add_leaves(field.data_type(), false, &mut leaves);
    }
    leaves
}

fn add_leaves(data_type: &DataType, in_list: bool, leaves: &mut Vec<bool>) {
    match data_type {
        DataType::Struct(fields) => {
            for field in fields {
                add_leaves(field.data_type(), in_list, leaves);
            }
        }
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => add_leaves(field.data_type(), true, leaves),
        data_type => leaves.push(!in_list && is_text(data_type)),
    }
}

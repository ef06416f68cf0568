//! Which columns of values a column of a batch has, and how those that are encoded here are taken out of its structs.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use parquet::errors::Result;

use super::column::is_ours;

/// A column of values that is encoded here, perhaps inside structs.
pub(super) struct Leaf {
    pub(super) values: ArrayRef,
    /// For each field from the column down to the values that may be NULL, where it is.
    pub(super) nulls: Vec<Option<NullBuffer>>,
}

/// The columns of values of one column of a batch.
#[derive(Default)]
pub(super) struct Leaves {
    /// Those that are encoded here, in their order.
    pub(super) ours: Vec<Leaf>,
    /// The column without them, if anything is left.
    pub(super) others: Option<(FieldRef, ArrayRef)>,
}

impl Leaves {
    pub(super) fn of(field: &FieldRef, column: &ArrayRef) -> Result<Self> {
        let mut leaves = Leaves::default();
        leaves.others = leaves.take(field, column, &mut Vec::new())?;
        Ok(leaves)
    }

    /// Takes what is encoded here out of a field, and returns what is left of it. `above` are the fields around it that
    /// may be NULL.
    fn take(
        &mut self,
        field: &FieldRef,
        column: &ArrayRef,
        above: &mut Vec<Option<NullBuffer>>,
    ) -> Result<Option<(FieldRef, ArrayRef)>> {
        if !has_ours(field.data_type()) {
            return Ok(Some((Arc::clone(field), Arc::clone(column))));
        }
        let depth = above.len();
        if field.is_nullable() {
            above.push(column.nulls().cloned());
        }
        let left = match field.data_type() {
            DataType::Struct(_) => self.take_from_struct(field, column.as_struct(), above)?,
            _ => {
                self.ours.push(Leaf {
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
            if let Some((child, values)) = self.take(child, values, above)? {
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

fn has_ours(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|field| has_ours(field.data_type())),
        data_type => is_ours(data_type),
    }
}

/// For each column of values that Parquet makes of the schema, in its order, whether it is encoded here.
pub(super) fn our_leaves(schema: &Schema) -> Vec<bool> {
    let mut leaves = Vec::new();
    for field in schema.fields() {
        add_leaves(field.data_type(), &mut leaves);
    }
    leaves
}

fn add_leaves(data_type: &DataType, leaves: &mut Vec<bool>) {
    match data_type {
        DataType::Struct(fields) => {
            for field in fields {
                add_leaves(field.data_type(), leaves);
            }
        }
        data_type => leaves.extend(repeat_n(is_ours(data_type), leaf_count(data_type))),
    }
}

/// How many columns of values Parquet makes of a column.
pub(crate) fn leaf_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|f| leaf_count(f.data_type())).sum(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => leaf_count(field.data_type()),
        _ => 1,
    }
}

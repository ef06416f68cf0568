//! Batches as JSON rows, so that tests can compare and show them.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use serde_json::{Map, Value, json};

/// The rows of a batch, NULLs left out.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Value> {
    let all = StructArray::from(batch.clone());
    (0..batch.num_rows()).map(|row| object(&all, row)).collect()
}

fn object(array: &StructArray, row: usize) -> Value {
    let mut object = Map::new();
    for (field, column) in array.fields().iter().zip(array.columns()) {
        let value = value(column, row);
        if !value.is_null() {
            object.insert(field.name().clone(), value);
        }
    }
    Value::Object(object)
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Decimal128(..) => {
            json!(array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Date32 => json!(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(..) => {
            json!(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Struct(_) => object(array.as_struct(), row),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|item| value(&items, item)).collect())
        }
        other => panic!("{other}"),
    }
}

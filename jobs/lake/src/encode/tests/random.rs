//! Random batches: texts and numbers of few and of many values, short and long, in columns and in structs, with and
//! without NULL.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray,
    StringViewArray, StructArray, make_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use fastrand::Rng;

/// A random schema, and batches of it, in all some `rows` rows.
pub(super) fn batches(random: &mut Rng, rows: usize) -> Vec<RecordBatch> {
    let fields: Vec<Field> = (0..random.usize(1..6))
        .map(|place| field(random, &format!("c{place}"), 3))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    let mut left = rows;
    while left > 0 {
        let rows = random.usize(1..=left.min(3000));
        let columns = schema.fields().iter();
        let columns = columns.map(|field| column(random, field, rows)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let cut = random.usize(0..rows);
        batches.push(if random.bool() {
            batch.slice(cut, rows - cut)
        } else {
            batch
        });
        left -= rows;
    }
    batches
}

fn field(random: &mut Rng, name: &str, depth: usize) -> Field {
    let nullable = random.bool();
    let data_type = match random.usize(0..if depth > 0 { 15 } else { 13 }) {
        0 => DataType::LargeUtf8,
        1 => DataType::Utf8View,
        2 => DataType::Int64,
        4 => DataType::Int32,
        5 => DataType::Date32,
        6 => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        7 => DataType::Timestamp(TimeUnit::Nanosecond, None),
        8 => DataType::Decimal128(random.u8(1..=38), 1),
        9 => DataType::Float64,
        3 => DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
        13.. => {
            let fields = (0..random.usize(1..4))
                .map(|place| field(random, &format!("f{place}"), depth - 1))
                .collect::<Vec<_>>();
            DataType::Struct(Fields::from(fields))
        }
        _ => DataType::Utf8,
    };
    // The name tells what the column's values are like.
    let kind = random.choice(["few", "many", "long", "same"]).unwrap();
    Field::new(format!("{name}_{kind}"), data_type, nullable)
}

fn column(random: &mut Rng, field: &Field, rows: usize) -> ArrayRef {
    let nulls = field.is_nullable().then(|| match random.usize(0..4) {
        0 => NullBuffer::new_null(rows),
        1 => NullBuffer::new_valid(rows),
        _ => NullBuffer::from_iter((0..rows).map(|_| random.u8(..) > 60)),
    });
    let is_null = |row| {
        nulls
            .as_ref()
            .is_some_and(|nulls: &NullBuffer| nulls.is_null(row))
    };
    match field.data_type() {
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| column(random, field, rows));
            let columns = columns.collect();
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls).unwrap())
        }
        DataType::Int64
        | DataType::Int32
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Decimal128(..)
        | DataType::Float64 => {
            let small = field.name().ends_with("few");
            let numbers: Int64Array = (0..rows)
                .map(|row| {
                    let number = if small {
                        random.i64(-9..9)
                    } else {
                        random.i64(..) >> random.u32(0..64)
                    };
                    (!is_null(row)).then_some(number)
                })
                .collect();
            let options = CastOptions::default();
            let made = cast_with_options(&numbers, field.data_type(), &options).unwrap();
            // What does not fit is NULL after the cast.
            if field.is_nullable() {
                made
            } else {
                without_nulls(&made)
            }
        }
        DataType::List(item) => {
            let lengths: Vec<usize> = (0..rows).map(|_| random.usize(0..4)).collect();
            let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
            let items = column(random, &item.as_ref().clone(), lengths.iter().sum());
            Arc::new(ListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        data_type => {
            let texts: Vec<Option<String>> = (0..rows)
                .map(|row| {
                    let text = text(random, field.name());
                    (!is_null(row)).then_some(text)
                })
                .collect();
            match data_type {
                DataType::LargeUtf8 => Arc::new(LargeStringArray::from(texts)),
                DataType::Utf8View => Arc::new(StringViewArray::from_iter(texts)),
                _ => Arc::new(StringArray::from(texts)),
            }
        }
    }
}

/// The values, with whatever lies below NULL.
fn without_nulls(column: &ArrayRef) -> ArrayRef {
    make_array(column.to_data().into_builder().nulls(None).build().unwrap())
}

fn text(random: &mut Rng, name: &str) -> String {
    match name.rsplit('_').next() {
        Some("few") => (*random
            .choice([
                "",
                "a",
                "ä",
                "a\0",
                "USA: UNITED STATES OF AMERICA",
                "😀😀",
                "12345678",
                "12345679",
            ])
            .unwrap())
        .to_string(),
        Some("same") => "the same".to_string(),
        Some("long") => {
            let character = random
                .choice(['x', 'é', '\u{10ffff}', '\u{d7ff}', '\u{7f}'])
                .unwrap();
            let length = random.usize(0..90);
            std::iter::repeat_n(character, length).collect()
        }
        _ => format!("{:x}", random.u64(..) >> random.u32(0..60)),
    }
}

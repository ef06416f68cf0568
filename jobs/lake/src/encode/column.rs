//! The column chunks of all types that are encoded here.

use std::fmt::Display;

use arrow::array::{Array, ArrayAccessor, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use bytes::Bytes;
use parquet::basic::Type as PhysicalType;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::Chunk;
use super::codec::Codec;
use super::kinds::{Int32, Int64, Texts};
use super::leaves::Leaf;

/// Whether a column of this Arrow type, outside of lists, is encoded here.
pub(super) fn is_ours(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Decimal128(..=18, _) => {
            true
        }
        // Parquet has no seconds.
        DataType::Timestamp(unit, _) => *unit != TimeUnit::Second,
        _ => false,
    }
}

/// A column chunk.
pub(super) enum Column {
    Text(Chunk<Texts>),
    Int32(Chunk<Int32>),
    Int64(Chunk<Int64>),
}

/// Does the same with the chunk, whatever its type.
macro_rules! of_any {
    ($column:expr, $chunk:ident => $result:expr) => {
        match $column {
            Column::Text($chunk) => $result,
            Column::Int32($chunk) => $result,
            Column::Int64($chunk) => $result,
        }
    };
}

impl Column {
    /// A chunk of the type that the file's schema gives the column.
    ///
    /// # Errors
    /// The column lies too deep, or has another type.
    pub(super) fn new(column: ColumnDescPtr, properties: &WriterProperties) -> Result<Self> {
        Ok(match column.physical_type() {
            PhysicalType::BYTE_ARRAY => Column::Text(Chunk::new(column, properties)?),
            PhysicalType::INT32 => Column::Int32(Chunk::new(column, properties)?),
            PhysicalType::INT64 => Column::Int64(Chunk::new(column, properties)?),
            other => return Err(unfit(other)),
        })
    }

    /// Adds values.
    ///
    /// # Errors
    /// They are of another type, or cannot be compressed.
    pub(super) fn write(&mut self, leaf: &Leaf, codec: &mut Codec) -> Result<()> {
        let values = &leaf.values;
        match (self, values.data_type()) {
            (Column::Text(chunk), DataType::Utf8) => {
                write_texts(chunk, values.as_string::<i32>(), leaf, codec)
            }
            (Column::Text(chunk), DataType::LargeUtf8) => {
                write_texts(chunk, values.as_string::<i64>(), leaf, codec)
            }
            (Column::Text(chunk), DataType::Utf8View) => {
                write_texts(chunk, values.as_string_view(), leaf, codec)
            }
            (Column::Int32(chunk), DataType::Int32) => {
                let numbers = values.as_primitive::<Int32Type>().values();
                chunk.write(numbers.len(), &leaf.nulls, |row| numbers[row], codec)
            }
            (Column::Int32(chunk), DataType::Date32) => {
                let days = values.as_primitive::<Date32Type>().values();
                chunk.write(days.len(), &leaf.nulls, |row| days[row], codec)
            }
            (Column::Int32(chunk), DataType::Decimal128(..=9, _)) => {
                let numbers = values.as_primitive::<Decimal128Type>().values();
                chunk.write(numbers.len(), &leaf.nulls, |row| numbers[row] as i32, codec)
            }
            (Column::Int64(chunk), DataType::Decimal128(..=18, _)) => {
                let numbers = values.as_primitive::<Decimal128Type>().values();
                chunk.write(numbers.len(), &leaf.nulls, |row| numbers[row] as i64, codec)
            }
            (Column::Int64(chunk), DataType::Int64) => {
                let numbers = values.as_primitive::<Int64Type>().values();
                chunk.write(numbers.len(), &leaf.nulls, |row| numbers[row], codec)
            }
            (Column::Int64(chunk), DataType::Timestamp(unit, _)) => {
                let moments = match unit {
                    TimeUnit::Second => return Err(unfit(values.data_type())),
                    TimeUnit::Millisecond => {
                        values.as_primitive::<TimestampMillisecondType>().values()
                    }
                    TimeUnit::Microsecond => {
                        values.as_primitive::<TimestampMicrosecondType>().values()
                    }
                    TimeUnit::Nanosecond => {
                        values.as_primitive::<TimestampNanosecondType>().values()
                    }
                };
                chunk.write(moments.len(), &leaf.nulls, |row| moments[row], codec)
            }
            (_, other) => Err(unfit(other)),
        }
    }

    /// The memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        of_any!(self, chunk => chunk.memory_bytes())
    }

    /// The bytes that the chunk would have if it ended now, nearly.
    pub(super) fn encoded_bytes(&self) -> usize {
        of_any!(self, chunk => chunk.encoded_bytes())
    }

    /// The chunk's bytes, and what the footer says of it.
    pub(super) fn close(self, codec: &mut Codec) -> Result<(Bytes, ColumnCloseResult)> {
        of_any!(self, chunk => chunk.close(codec))
    }
}

fn write_texts<'a, A>(
    chunk: &mut Chunk<Texts>,
    texts: A,
    leaf: &Leaf,
    codec: &mut Codec,
) -> Result<()>
where
    A: ArrayAccessor<Item = &'a str> + Copy,
{
    let text = |row| texts.value(row).as_bytes();
    chunk.write(texts.len(), &leaf.nulls, text, codec)
}

fn unfit(data_type: impl Display) -> ParquetError {
    ParquetError::ArrowError(format!("{data_type} in a column of another type"))
}

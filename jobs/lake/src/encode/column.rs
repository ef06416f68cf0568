//! The column chunks of all types that are encoded here.

use arrow::array::{Array, ArrayAccessor, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::Chunk;
use super::codec::Codec;
use super::kinds::{Int32, Int64, Texts};
use super::leaves::Leaf;

/// How values lie in Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Text,
    Int32,
    Int64,
}

impl Physical {
    /// That of an Arrow type, if it is encoded here.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Physical::Text),
            DataType::Int32 | DataType::Date32 | DataType::Decimal128(1..=9, _) => {
                Some(Physical::Int32)
            }
            DataType::Int64 | DataType::Decimal128(10..=18, _) => Some(Physical::Int64),
            // Parquet has no seconds.
            DataType::Timestamp(unit, _) if *unit != TimeUnit::Second => Some(Physical::Int64),
            _ => None,
        }
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
    /// # Errors
    /// The column lies too deep.
    pub(super) fn new(
        physical: Physical,
        column: ColumnDescPtr,
        properties: &WriterProperties,
    ) -> Result<Self> {
        Ok(match physical {
            Physical::Text => Column::Text(Chunk::new(column, properties)?),
            Physical::Int32 => Column::Int32(Chunk::new(column, properties)?),
            Physical::Int64 => Column::Int64(Chunk::new(column, properties)?),
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
            (Column::Int32(chunk), DataType::Decimal128(1..=9, _)) => {
                let numbers = values.as_primitive::<Decimal128Type>().values();
                chunk.write(numbers.len(), &leaf.nulls, |row| numbers[row] as i32, codec)
            }
            (Column::Int64(chunk), DataType::Decimal128(10..=18, _)) => {
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

fn unfit(data_type: &DataType) -> ParquetError {
    ParquetError::ArrowError(format!("{data_type} in a column of another type"))
}

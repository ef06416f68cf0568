//! Record batches to a Parquet file.
//!
//! Texts, whole numbers, decimals, dates and moments are most of what is read and written here. The encoder of the
//! `parquet` crate takes some 30 ns for each of them: it looks the value up, compares it with the smallest and the
//! largest, and packs its index by itself. A [`Chunk`](chunk::Chunk) takes half of that where there is a dictionary, and
//! makes the same pages. All other columns, page headers, footers and the layout of the file are the crate's.

mod bounds;
mod chunk;
mod codec;
mod column;
mod dictionary;
mod hybrid;
mod kinds;
mod leaves;
mod levels;
mod pages;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;

use codec::Codec;
use column::Column;
use leaves::{Leaves, our_leaves};

pub(crate) use leaves::leaf_count;

/// A Parquet file that is being written.
pub(crate) struct FileEncoder<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    properties: WriterPropertiesPtr,
    schema: SchemaRef,
    /// Whether each column of values is encoded here, in the file's order.
    ours: Vec<bool>,
    codec: Codec,
    group: Option<RowGroup>,
}

/// The row group in progress: the columns that are encoded here, and those that the crate encodes.
struct RowGroup {
    rows: usize,
    ours: Vec<Column>,
    others: Vec<ArrowColumnWriter>,
}

impl<W: Write + Send> FileEncoder<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// The schema has types that Parquet lacks, or what is written to refuses.
    pub(crate) fn try_new(
        sink: W,
        schema: SchemaRef,
        properties: WriterProperties,
    ) -> Result<Self> {
        let ours = our_leaves(&schema);
        let writer = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties))?;
        let (file, factory) = writer.into_serialized_writer()?;
        if file.schema_descr().num_columns() != ours.len() {
            return Err(ParquetError::General(format!(
                "{} columns of values are {} in Parquet",
                ours.len(),
                file.schema_descr().num_columns()
            )));
        }
        let properties = Arc::clone(file.properties());
        Ok(FileEncoder {
            codec: Codec::new(&properties)?,
            file,
            factory,
            properties,
            schema,
            ours,
            group: None,
        })
    }

    /// Encodes a batch of the file's schema. A row group is written out when it has all its rows, or as many bytes.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows_max = self.properties.max_row_group_row_count();
        let bytes_max = self.properties.max_row_group_bytes();
        let mut from = 0;
        while from < batch.num_rows() {
            let mut group = match self.group.take() {
                Some(group) => group,
                None => self.begin()?,
            };
            let left = batch.num_rows() - from;
            let rows = rows_max.map_or(left, |max| left.min(max - group.rows));
            group.write(&batch.slice(from, rows), &self.schema, &mut self.codec)?;
            from += rows;
            let full = rows_max.is_some_and(|max| group.rows >= max)
                || bytes_max.is_some_and(|max| group.encoded_bytes() >= max);
            self.group = Some(group);
            if full {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn begin(&self) -> Result<RowGroup> {
        let ordinal = self.file.flushed_row_groups().len();
        let mut group = RowGroup {
            rows: 0,
            ours: Vec::new(),
            others: Vec::new(),
        };
        let columns = self.factory.create_column_writers(ordinal)?;
        for (place, (is_ours, other)) in self.ours.iter().zip(columns).enumerate() {
            if *is_ours {
                let column = self.file.schema_descr().column(place);
                group.ours.push(Column::new(column, &self.properties)?);
            } else {
                group.others.push(other);
            }
        }
        Ok(group)
    }

    /// Writes the row group in progress out.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(group) = self.group.take() else {
            return Ok(());
        };
        let mut out = self.file.next_row_group()?;
        let mut ours = group.ours.into_iter();
        let mut others = group.others.into_iter();
        for is_ours in &self.ours {
            if *is_ours {
                let column = ours.next().ok_or_else(unmatched)?;
                let (bytes, closed) = column.close(&mut self.codec)?;
                out.append_column(&bytes, closed)?;
            } else {
                let other = others.next().ok_or_else(unmatched)?;
                other.close()?.append_to_row_group(&mut out)?;
            }
        }
        out.close()?;
        Ok(())
    }

    /// Writes what is left, and the footer.
    pub(crate) fn finish(&mut self) -> Result<ParquetMetaData> {
        self.flush()?;
        self.file.finish()
    }

    /// The memory in bytes that the row group in progress takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.group.as_ref().map_or(0, RowGroup::memory_bytes)
    }

    /// The bytes that have been written out.
    pub(crate) fn bytes_written(&self) -> usize {
        self.file.bytes_written()
    }

    /// The bytes that the row group in progress would have if it were written out now, nearly.
    pub(crate) fn in_progress_bytes(&self) -> usize {
        self.group.as_ref().map_or(0, RowGroup::encoded_bytes)
    }

    /// What is written to.
    pub(crate) fn inner(&self) -> &W {
        self.file.inner()
    }

    /// What is written to. Nothing else may be written to it before [`finish`](Self::finish).
    pub(crate) fn inner_mut(&mut self) -> &mut W {
        self.file.inner_mut()
    }
}

impl RowGroup {
    fn write(&mut self, batch: &RecordBatch, schema: &SchemaRef, codec: &mut Codec) -> Result<()> {
        let mut ours = self.ours.iter_mut();
        let mut others = self.others.iter_mut();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let leaves = Leaves::of(field, column)?;
            for leaf in &leaves.ours {
                let column = ours.next().ok_or_else(unmatched)?;
                column.write(leaf, codec)?;
            }
            if let Some((field, column)) = &leaves.others {
                for leaf in compute_leaves(field, column)? {
                    let writer = others.next().ok_or_else(unmatched)?;
                    writer.write(&leaf)?;
                }
            }
        }
        if ours.next().is_some() || others.next().is_some() {
            return Err(unmatched());
        }
        self.rows += batch.num_rows();
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        let ours = self.ours.iter().map(Column::memory_bytes);
        let others = self.others.iter().map(ArrowColumnWriter::memory_size);
        ours.sum::<usize>() + others.sum::<usize>()
    }

    fn encoded_bytes(&self) -> usize {
        let ours = self.ours.iter().map(Column::encoded_bytes);
        let others = self.others.iter();
        let others = others.map(ArrowColumnWriter::get_estimated_total_bytes);
        ours.sum::<usize>() + others.sum::<usize>()
    }
}

fn unmatched() -> ParquetError {
    ParquetError::General("a batch has other columns of values than its file".to_string())
}

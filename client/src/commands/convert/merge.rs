//! Several Parquet files into one, without decoding a value: the encoded
//! column chunks are copied, row group by row group, and a new footer is
//! written. Costs a copy of the bytes, however many columns there are.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;

/// The key under which Arrow's schema lies in a footer; all parts have the same.
const ARROW_SCHEMA_KEY: &str = "ARROW:schema";
/// How much is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Writes the row groups of `parts`, in their order, to the new file `out`,
/// and syncs it to disk.
///
/// # Errors
/// When there is no part, parts differ in their schema, or a file cannot be
/// read or written.
pub(crate) fn merge(parts: &[PathBuf], out: &Path) -> Result<()> {
    let mut opened = Vec::with_capacity(parts.len());
    for part in parts {
        opened.push(open(part)?);
    }
    let Some((_, first)) = opened.first() else {
        return Err(ParquetError::General(
            "there is no file to merge".to_owned(),
        ));
    };
    let footer = first.file_metadata();
    let arrow_schema = footer.key_value_metadata().map(|pairs| {
        pairs
            .iter()
            .filter(|pair| pair.key == ARROW_SCHEMA_KEY)
            .cloned()
            .collect()
    });
    let properties = WriterProperties::builder()
        .set_writer_version(writer_version(footer.version()))
        .set_key_value_metadata(arrow_schema)
        .build();
    let schema = footer.schema_descr().root_schema_ptr();
    for (part, (_, metadata)) in parts.iter().zip(&opened) {
        if metadata.file_metadata().schema() != schema.as_ref() {
            return Err(ParquetError::General(format!(
                "{} has another schema than the first part",
                part.display()
            )));
        }
    }

    let file = File::create_new(out)?;
    let mut writer = SerializedFileWriter::new(
        io::BufWriter::with_capacity(COPY_BYTES, &file),
        schema,
        Arc::new(properties),
    )?;
    for (input, metadata) in &opened {
        for (group_number, group) in metadata.row_groups().iter().enumerate() {
            let mut copy = writer.next_row_group()?;
            for (column_number, column) in group.columns().iter().enumerate() {
                let close = ColumnCloseResult {
                    bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
                    rows_written: u64::try_from(group.num_rows()).unwrap_or(0),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: metadata
                        .column_index()
                        .and_then(|index| index.get(group_number)?.get(column_number).cloned()),
                    offset_index: metadata
                        .offset_index()
                        .and_then(|index| index.get(group_number)?.get(column_number).cloned()),
                };
                copy.append_column(&Part(input), close)?;
            }
            copy.close()?;
        }
    }
    writer.close()?;
    file.sync_all()?;
    Ok(())
}

/// Writes the new file `out` with these columns and no row.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_empty(schema: &SchemaRef, out: &Path) -> Result<()> {
    let file = File::create_new(out)?;
    ArrowWriter::try_new(&file, Arc::clone(schema), None)?.close()?;
    file.sync_all()?;
    Ok(())
}

/// A part that is read in large pieces: the crate's own way over a file takes 8 KiB at a time.
struct Part<'a>(&'a File);

impl Length for Part<'_> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Part<'_> {
    type T = io::BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut file = self.0.try_clone()?;
        file.seek(io::SeekFrom::Start(start))?;
        Ok(io::BufReader::with_capacity(COPY_BYTES, file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

fn open(path: &Path) -> Result<(File, ParquetMetaData)> {
    let file = File::open(path)?;
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(&file)?;
    Ok((file, metadata))
}

fn writer_version(version: i32) -> parquet::file::properties::WriterVersion {
    use parquet::file::properties::WriterVersion;
    if version > 1 {
        WriterVersion::PARQUET_2_0
    } else {
        WriterVersion::PARQUET_1_0
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
    use arrow::datatypes::Int64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::statistics::Statistics;

    use super::*;

    fn batch(from: i64, rows: i64) -> RecordBatch {
        let numbers: Vec<i64> = (from..from + rows).collect();
        let texts: Vec<Option<String>> = numbers
            .iter()
            .map(|n| (n % 3 > 0).then(|| format!("text {}", n % 7)))
            .collect();
        let lists = numbers
            .iter()
            .map(|n| (n % 5 > 0).then(|| vec![Some(*n), None]));
        RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(numbers.clone())) as ArrayRef),
            ("t", Arc::new(StringArray::from(texts))),
            (
                "l",
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)),
            ),
        ])
        .unwrap()
    }

    fn write(path: &Path, batch: &RecordBatch) {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(100))
            .build();
        let mut writer = ArrowWriter::try_new(
            File::create(path).unwrap(),
            batch.schema(),
            Some(properties),
        )
        .unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
    }

    fn read(path: &Path) -> Vec<RecordBatch> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        builder
            .with_batch_size(1000)
            .build()
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn the_merged_file_holds_every_row_in_order_with_statistics_and_schema() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, out) = (
            dir.path().join("a"),
            dir.path().join("b"),
            dir.path().join("out.parquet"),
        );
        write(&a, &batch(0, 250));
        write(&b, &batch(250, 60));
        merge(&[a.clone(), b.clone()], &out).unwrap();

        let rows = read(&out);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0],
            batch(0, 310),
            "rows, in order, and the Arrow schema"
        );
        let (_, metadata) = open(&out).unwrap();
        assert_eq!(
            metadata.num_row_groups(),
            4,
            "3 of the first part, 1 of the second"
        );
        assert_eq!(metadata.file_metadata().num_rows(), 310);
        let Some(Statistics::Int64(statistics)) = metadata.row_group(3).column(0).statistics()
        else {
            panic!()
        };
        assert_eq!(
            (statistics.min_opt(), statistics.max_opt()),
            (Some(&250), Some(&309))
        );
        assert!(metadata.column_index().is_some() && metadata.offset_index().is_some());
    }

    #[test]
    fn a_file_without_rows_has_its_columns() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.parquet");
        write_empty(&batch(0, 1).schema(), &out).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&out).unwrap()).unwrap();
        assert_eq!(builder.schema(), &batch(0, 1).schema());
        assert_eq!(builder.metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn a_part_of_another_schema_or_an_existing_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, out) = (
            dir.path().join("a"),
            dir.path().join("b"),
            dir.path().join("out.parquet"),
        );
        write(&a, &batch(0, 10));
        write(&b, &batch(0, 10).project(&[0]).unwrap());
        let error = merge(&[a.clone(), b], &out).unwrap_err().to_string();
        assert!(error.contains("another schema"), "{error}");
        std::fs::write(&out, "precious").unwrap();
        merge(&[a], &out).unwrap_err();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "precious");
        merge(&[], &dir.path().join("none")).unwrap_err();
    }
}

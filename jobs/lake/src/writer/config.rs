//! How an executor writes: which columns go where, and every bound of it.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde::{Deserialize, Serialize};

use super::dictionaries::without_dictionary;
use crate::encode::leaf_count;
use crate::location::TableLocation;

/// The size at which a file is closed, unless the job says otherwise.
pub const TARGET_FILE_BYTES: u64 = 128 << 20;
/// The number of files that one writer has open at once, unless the job says otherwise.
pub const OPEN_WRITERS_MAX: usize = 64;
/// The memory that the open files of one writer take together, unless the job says otherwise.
pub const BUFFER_BYTES_MAX: usize = 128 << 20;
/// The rows of a row group.
pub const ROW_GROUP_ROWS_MAX: usize = 128 << 10;
/// The encoded size of a row group.
pub const ROW_GROUP_BYTES_MAX: usize = 32 << 20;
/// The rows of a page. A page is made whole, compressed, and copied in memory that is new to the processor, so it is to be
/// no larger than what stays near it: with 4,096 rows instead of the encoder's 20,000 a job takes half as many pages of
/// memory from the system and up to 6 in 100 less time, and its files are as large (events 1 in 100 smaller, contracts 1
/// in 100 larger).
const PAGE_ROWS_MAX: usize = 4096;
/// The size at which a column chunk gives its dictionary up; columns that would come to that by a file's first rows have
/// none at all. Measured on 400,000 rows of 45 columns: with 256 kB instead of the encoder's 1 MB, files are 9 in 100
/// smaller, and made in 3/4 of the time with half the memory, since columns of names and ids stop paying for a
/// dictionary early. With 128 kB, and none where the first rows tell, they are another 5 in 100 smaller (events) or as
/// large (contracts), and made in 9/10 of the time.
pub const DICTIONARY_BYTES_MAX: usize = 128 << 10;
/// The level of zstd: higher ones cost several times the processor for a few in a hundred of size.
pub const ZSTD_LEVEL: i32 = 1;

/// How the pages of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// zstd at [`ZSTD_LEVEL`].
    #[default]
    Zstd,
    /// Snappy, for readers that lack zstd.
    Snappy,
    /// Not at all.
    None,
}

/// A column by which rows are sorted. NULL comes before all values; with `descending` all is reversed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortColumn {
    /// The column.
    pub name: String,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// What a [`PartitionedWriter`](super::PartitionedWriter) needs to know. It travels in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriterConfig {
    /// The table.
    pub table: TableLocation,
    /// A name that no other attempt at any task ever has: it is part of each file's name.
    pub attempt: String,
    /// The columns whose values name the folders, outermost first.
    pub partition_by: Vec<String>,
    /// Whether those columns are in the files too.
    pub partition_columns_in_files: bool,
    /// A file is closed when it has about this size in bytes.
    pub target_file_bytes: u64,
    /// How pages are compressed.
    pub compression: Compression,
    /// The number of files that are open at once; when one more is needed, the one that was written to the
    /// longest time ago is closed.
    pub open_writers_max: usize,
    /// The memory in bytes that open files may take together; above it, the largest writes its row group out.
    pub buffer_bytes_max: usize,
    /// The rows of a row group.
    pub row_group_rows_max: usize,
    /// The encoded bytes of a row group.
    pub row_group_bytes_max: usize,
    /// A column of 32-bit integers that says which split a row came from: it is counted, and not written.
    pub split_column: Option<String>,
    /// How the rows of each partition are sorted as they come: the footers say so. The writer does not sort.
    pub sorted_by: Vec<SortColumn>,
    /// Whether the files are for a later step of the same job, not for the table: they are never seen by readers.
    pub staged: bool,
    /// Whether each file is written twice, the second time [to be staged](crate::PendingFile::copy).
    pub with_copies: bool,
}

impl WriterConfig {
    /// The defaults, for a table without partitions.
    pub fn new(table: TableLocation, attempt: impl Into<String>) -> Self {
        WriterConfig {
            table,
            attempt: attempt.into(),
            partition_by: Vec::new(),
            partition_columns_in_files: false,
            target_file_bytes: TARGET_FILE_BYTES,
            compression: Compression::default(),
            open_writers_max: OPEN_WRITERS_MAX,
            buffer_bytes_max: BUFFER_BYTES_MAX,
            row_group_rows_max: ROW_GROUP_ROWS_MAX,
            row_group_bytes_max: ROW_GROUP_BYTES_MAX,
            split_column: None,
            sorted_by: Vec::new(),
            staged: false,
            with_copies: false,
        }
    }

    /// The encoder's properties for a file of this schema that begins with these rows.
    pub(super) fn properties(&self, file: &Schema, first: &RecordBatch) -> WriterProperties {
        let properties = writer_properties(
            self.compression,
            self.row_group_rows_max,
            self.row_group_bytes_max,
        );
        let sorted = sorting_columns(&self.sorted_by, &self.partition_by, file);
        let mut builder = properties
            .into_builder()
            .set_sorting_columns((!sorted.is_empty()).then_some(sorted));
        let rows = self.row_group_rows_max;
        for column in without_dictionary(first, rows, DICTIONARY_BYTES_MAX) {
            builder = builder.set_column_dictionary_enabled(column, false);
        }
        builder.build()
    }
}

/// The columns of `sorted_by` as a footer names them: by the place of their leaf. Partition columns that the files
/// lack have one value in each of them.
fn sorting_columns(
    sorted_by: &[SortColumn],
    partition_by: &[String],
    file: &Schema,
) -> Vec<SortingColumn> {
    let mut sorted = Vec::new();
    for column in sorted_by {
        let Ok(index) = file.index_of(&column.name) else {
            if partition_by.contains(&column.name) {
                continue;
            }
            break;
        };
        if leaf_count(file.field(index).data_type()) != 1 {
            break;
        }
        let before = file.fields()[..index].iter();
        let before: usize = before.map(|field| leaf_count(field.data_type())).sum();
        sorted.push(SortingColumn {
            column_idx: before as i32,
            descending: column.descending,
            nulls_first: !column.descending,
        });
    }
    sorted
}

/// How every Parquet file of ours is encoded: pages of version 1 (all readers have them), a dictionary where it
/// helps, statistics for each column chunk.
pub fn writer_properties(
    compression: Compression,
    row_group_rows_max: usize,
    row_group_bytes_max: usize,
) -> WriterProperties {
    let codec = match compression {
        Compression::Zstd => {
            ParquetCompression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default())
        }
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::None => ParquetCompression::UNCOMPRESSED,
    };
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(codec)
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(row_group_rows_max.max(1)))
        .set_max_row_group_bytes(Some(row_group_bytes_max.max(1)))
        .set_created_by(concat!("headworks version ", env!("CARGO_PKG_VERSION")).to_string())
        .build()
}

/// An attempt's name as it stands in files' names: letters, digits, `_` and `-`, cut at
/// [`ATTEMPT_BYTES_MAX`]. What had to be changed gets a hash, so that two attempts never become one.
pub fn sanitised_attempt(attempt: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = attempt
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .collect();
    if name == attempt && !name.is_empty() && name.len() <= ATTEMPT_BYTES_MAX {
        return name;
    }
    let cut = &name[..name.len().min(ATTEMPT_BYTES_MAX - 17)];
    format!("{cut}-{:016x}", fnv1a(attempt.as_bytes()))
}

/// The longest attempt's name in a file's name, in bytes.
pub const ATTEMPT_BYTES_MAX: usize = 128;

/// FNV-1a of 64 bits (Fowler, Noll, Vo): the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_stay_apart_in_files_names() {
        assert_eq!(sanitised_attempt("TID-a_1"), "TID-a_1");
        let long = "x".repeat(500);
        let names = ["a/b", "a:b", "a b", "", "a-b", &long, &long[1..], "é"].map(sanitised_attempt);
        for (i, name) in names.iter().enumerate() {
            assert!(
                name.len() <= ATTEMPT_BYTES_MAX && !name.is_empty(),
                "{name}"
            );
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
                "{name}"
            );
            assert!(!names[..i].contains(name), "{name}");
        }
    }

    #[test]
    fn a_configuration_travels_as_json() {
        let table = TableLocation::new("/lake", "t").unwrap();
        let mut config = WriterConfig::new(table, "a");
        config.compression = Compression::Snappy;
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains(r#""compression":"snappy""#), "{json}");
        assert_eq!(serde_json::from_str::<WriterConfig>(&json).unwrap(), config);
    }
}

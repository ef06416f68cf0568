//! Formats as DataFusion file sources: discovery, schemas, splits, table provider.
//!
//! A source's way: [`discover()`] lists its files, [`schema`] settles its schema,
//! [`cut`] makes splits and waves of them, [`table`] offers a wave to SQL, and
//! [`scan`] reads it, wherever its task runs. Everything that a reader counts
//! goes to a [`ScanObserver`], so that the driver can prove that each byte was
//! read once and each record accounted for.
//!
//! Every source is a `FileSource` under DataFusion's `FileScanConfig`: the one
//! kind of leaf that Ballista slices over tasks (any other would be read whole
//! by each task, and its rows multiplied).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod chunks;
pub mod cut;
mod decompress;
pub mod discover;
pub mod error;
mod filters;
pub mod heads;
pub mod infer;
mod leaves;
mod local;
mod pack;
pub mod parquet;
pub mod places;
mod plain;
mod rename;
pub mod sample;
pub mod scan;
pub mod schema;
pub mod split;
mod stored;
pub mod table;
#[cfg(test)]
mod tests;
mod window;

pub use archive::Member;
pub use discover::discover;
pub use error::{ErrorClass, SourceError, TaskError};
pub use rename::Rename;
pub use scan::{RecordSource, ScanObserver, ScanSpec};
pub use schema::SourceSchema;
pub use split::{Content, InputFile, SplitSpec, why_one_task};
pub use table::SourceTable;

/// Column that every source offers: the file's path. Text.
pub const FILE_COLUMN: &str = "_hw_file";
/// Column that every source offers: offset of the record's first byte in the
/// decompressed file. 64-bit.
pub const OFFSET_COLUMN: &str = "_hw_offset";
/// Column that XML sources offer: the tag of the record. Text.
pub const ROW_TAG_COLUMN: &str = "_hw_row_tag";
/// Hidden column that carries the split's id to filters and writers. 32-bit.
/// Never written.
pub const SPLIT_COLUMN: &str = "_hw_split";
/// All columns that a wildcard leaves out.
pub const META_COLUMNS: [&str; 4] = [FILE_COLUMN, OFFSET_COLUMN, ROW_TAG_COLUMN, SPLIT_COLUMN];

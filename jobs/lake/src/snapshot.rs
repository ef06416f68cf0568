//! The content of a table at one version: the log, folded.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use indexmap::IndexMap;

use crate::error::LakeError;
use crate::history::History;
use crate::ledger::InputEntry;
use crate::log::{LogEntry, Mode};
use crate::partition::PartitionValues;
use crate::schema::SchemaEntry;
use crate::stats::FileStats;

/// A table at one version. All its files are there under their final names.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The version.
    pub version: u64,
    /// All columns, those of the partitions too.
    pub schema: SchemaRef,
    /// The partition columns, outermost first.
    pub partition_by: Vec<String>,
    /// Whether those columns are in the files too.
    pub partition_columns_in_files: bool,
    /// The data files, sorted by path.
    pub files: Vec<DataFile>,
    /// What the table took in since it was last overwritten, by path.
    pub inputs: IndexMap<String, InputEntry>,
    /// Where the rows of its files come from.
    pub history: History,
}

/// A data file of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Relative to the table's folder.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The values of the partition columns.
    pub partition: PartitionValues,
    /// The statistics of its columns.
    pub stats: FileStats,
    /// The version that added it.
    pub added_in: u64,
    /// The columns that it was written with; the table's may be more, or wider.
    pub schema: SchemaRef,
}

impl Snapshot {
    /// The rows of all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The columns that a file has, in its order: all, or all but those of the partitions.
    pub fn schema_of_files(&self) -> SchemaRef {
        if self.partition_columns_in_files {
            return Arc::clone(&self.schema);
        }
        let fields = self.schema.fields().iter();
        let in_files = fields.filter(|field| !self.partition_by.contains(field.name()));
        Arc::new(Schema::new(in_files.cloned().collect::<Vec<_>>()))
    }

    /// True when this content of an input file is in the table already: `append` leaves it out.
    pub fn has_taken(&self, path: &str, size: u64, etag: Option<&str>) -> bool {
        self.inputs
            .get(path)
            .is_some_and(|input| input.size == size && input.etag.as_deref() == etag)
    }
}

/// Folds a log, oldest entry first; `None` when it is empty.
pub(crate) fn fold(entries: &[LogEntry]) -> Result<Option<Snapshot>, LakeError> {
    let Some(last) = entries.last() else {
        return Ok(None);
    };
    let mut files: HashMap<&str, DataFile> = HashMap::new();
    let mut inputs = IndexMap::new();
    let mut known: Option<(&SchemaEntry, SchemaRef)> = None;
    for entry in entries {
        let broken = |path: &str, what: &str| {
            LakeError::corrupt(
                path,
                format!("version {} of the log {what}", entry.version),
                "restore the log from a copy",
            )
        };
        for path in &entry.remove {
            if files.remove(path.as_str()).is_none() {
                return Err(broken(path, "removes this file, which was not there"));
            }
        }
        // Most commits have the schema of the one before: it is kept once.
        let of_files = entry.schema_of_files();
        let schema = match &known {
            Some((entry, schema)) if *entry == of_files => Arc::clone(schema),
            _ => of_files.to_arrow()?,
        };
        known = Some((of_files, Arc::clone(&schema)));
        for added in &entry.add {
            let file = DataFile {
                path: added.path.clone(),
                rows: added.rows,
                bytes: added.bytes,
                partition: added.partition.clone(),
                stats: added.stats.clone(),
                added_in: entry.version,
                schema: Arc::clone(&schema),
            };
            if files.insert(&added.path, file).is_some() {
                return Err(broken(
                    &added.path,
                    "adds this file, which was there already",
                ));
            }
        }
        if entry.mode == Mode::Overwrite {
            inputs.clear();
        }
        for input in &entry.inputs {
            inputs.insert(input.path.clone(), input.clone());
        }
    }
    let mut files: Vec<DataFile> = files.into_values().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(Snapshot {
        version: last.version,
        schema: last.schema.to_arrow()?,
        partition_by: last.partition_by.clone(),
        partition_columns_in_files: last.partition_columns_in_files,
        files,
        inputs,
        history: History::of(entries),
    }))
}

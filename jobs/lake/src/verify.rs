//! Holds the folder against the log: every file there with the length, rows and statistics that the log gives, and
//! no visible file that it does not name.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};

use crate::error::LakeError;
use crate::snapshot::DataFile;
use crate::stats::from_footer;
use crate::storage::{LakeStorage, for_each};
use crate::table::Table;

/// The last bytes of a Parquet file: the footer's length and the magic word.
const TAIL_BYTES: u64 = 8;

/// The largest footer that is read, in bytes.
pub const FOOTER_BYTES_MAX: u64 = 256 << 20;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// The version that was looked at; 0 when the table does not exist.
    pub version: u64,
    /// Files in the log.
    pub files: u64,
    /// Rows in the log.
    pub rows: u64,
    /// Bytes in the log.
    pub bytes: u64,
    /// What is wrong; empty when the table is sound.
    pub problems: Vec<Problem>,
}

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the table's folder.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.what)
    }
}

impl Table {
    /// Reads every footer of the current version again and compares it with the log. An unsettled commit is
    /// finished first.
    ///
    /// # Errors
    /// [`LakeError`] when the log itself cannot be read; what is wrong with data files is in the report.
    pub fn verify(&self) -> Result<VerifyReport, LakeError> {
        let snapshot = self.snapshot()?;
        let visible = self.visible_files()?;
        let mut report = VerifyReport::default();
        let mut named = HashSet::new();
        if let Some(snapshot) = &snapshot {
            report.version = snapshot.version;
            report.files = snapshot.files.len() as u64;
            report.rows = snapshot.rows();
            report.bytes = snapshot.bytes();
            for file in &snapshot.files {
                named.insert(file.path.as_str());
            }
            let storage = self.storage.as_ref();
            let checked = for_each(storage, &snapshot.files, |file| {
                Ok(check_file(storage, file))
            })?;
            for (file, found) in snapshot.files.iter().zip(checked) {
                let path = || file.path.clone();
                let problems = found.into_iter().map(|what| Problem { path: path(), what });
                report.problems.extend(problems);
            }
        }
        for file in visible
            .iter()
            .filter(|file| !named.contains(file.path.as_str()))
        {
            let what = "visible, but the log does not name it".to_string();
            report.problems.push(Problem {
                path: file.path.clone(),
                what,
            });
        }
        Ok(report)
    }
}

fn check_file(storage: &dyn LakeStorage, file: &DataFile) -> Vec<String> {
    match storage.bytes(&file.path) {
        Ok(Some(bytes)) if bytes == file.bytes => {}
        Ok(Some(bytes)) => {
            return vec![format!("it has {bytes} bytes, the log says {}", file.bytes)];
        }
        Ok(None) => return vec!["it is not there".to_string()],
        Err(error) => return vec![error.to_string()],
    }
    let footer = match read_footer(storage, file) {
        Ok(footer) => footer,
        Err(what) => return vec![what],
    };
    check_footer(&footer, file)
}

/// What a footer says otherwise than the log.
pub(crate) fn check_footer(footer: &ParquetMetaData, file: &DataFile) -> Vec<String> {
    let mut problems = Vec::new();
    let rows = footer.file_metadata().num_rows();
    if u64::try_from(rows) != Ok(file.rows) {
        problems.push(format!("it has {rows} rows, the log says {}", file.rows));
    }
    let schema = file_schema(&file.schema, footer);
    let found = from_footer(footer, &schema);
    for (column, logged) in &file.stats {
        if found.get(column) != Some(logged) {
            problems.push(format!(
                "the statistics of column `{column}` are not those of the log"
            ));
        }
    }
    problems
}

/// The columns that are in the file: those of the partitions may not be.
fn file_schema(written: &Schema, footer: &ParquetMetaData) -> Schema {
    let root = footer.file_metadata().schema_descr().root_schema();
    let names: HashSet<&str> = root.get_fields().iter().map(|field| field.name()).collect();
    let fields = written.fields().iter();
    let kept: Vec<FieldRef> = fields
        .filter(|field| names.contains(field.name().as_str()))
        .map(Arc::clone)
        .collect();
    Schema::new(kept)
}

/// A file's footer; what is wrong with it, if anything is.
pub(crate) fn read_footer(
    storage: &dyn LakeStorage,
    file: &DataFile,
) -> Result<ParquetMetaData, String> {
    let broken = |error: ParquetError| format!("it is not a whole Parquet file: {error}");
    let end = file.bytes;
    let Some(tail_at) = end.checked_sub(TAIL_BYTES) else {
        return Err("it is too short to be a Parquet file".to_string());
    };
    let tail = storage
        .read_range(&file.path, tail_at..end)
        .map_err(|error| error.to_string())?;
    let tail: [u8; TAIL_BYTES as usize] = tail
        .try_into()
        .map_err(|_| "its end cannot be read".to_string())?;
    let length = FooterTail::try_new(&tail)
        .map_err(broken)?
        .metadata_length() as u64;
    let start = tail_at
        .checked_sub(length)
        .filter(|_| length <= FOOTER_BYTES_MAX);
    let Some(start) = start else {
        return Err(format!("its footer says that it is {length} bytes long"));
    };
    let content = storage
        .read_range(&file.path, start..tail_at)
        .map_err(|error| error.to_string())?;
    ParquetMetaDataReader::decode_metadata(&content).map_err(broken)
}

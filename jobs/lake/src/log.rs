//! The log: one JSON file for each commit, numbered without gaps from 1. That an entry exists is the instant at
//! which its version exists; it carries all that is needed to finish the commit.
//!
//! ```text
//! _headworks/log/00000000000000000007.json
//! {v, version, commit_id, job_id, at, mode, schema, files_schema, partition_by, partition_columns_in_files,
//!  add: [{temp, path, rows, bytes, partition, stats}], remove: [path],
//!  inputs: [{path, size, etag, bytes_covered, read, written, filtered, dropped, quarantined, rows}]}
//! ```

use std::collections::HashSet;

use arrow::temporal_conversions::timestamp_ms_to_datetime;
use serde::{Deserialize, Serialize};

use crate::error::LakeError;
use crate::ledger::InputEntry;
use crate::location::HEADWORKS_FOLDER;
use crate::packs::read_packs;
use crate::pending::PendingFile;
use crate::schema::SchemaEntry;
use crate::storage::{LakeStorage, StoredFile, for_each};

/// The version of the log's form that this program reads and writes.
pub const LOG_V: u32 = 1;

/// What a commit does with the files of the versions before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They stay, but for those that the commit names.
    Append,
    /// They go.
    Overwrite,
    /// Those of the partitions that the commit adds to go.
    OverwritePartitions,
    /// Those that the commit names go: rows of theirs have newer ones of the same key, the others are written anew.
    Upsert,
    /// Those that the commit names go, and their rows stand in the added ones: no row changes.
    Compact,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// [`LOG_V`].
    pub v: u32,
    /// The table's version that this commit makes; the first is 1.
    pub version: u64,
    /// The commit's id, chosen by the driver: the same id is never committed twice.
    pub commit_id: String,
    /// The job.
    pub job_id: String,
    /// When the driver committed: ISO 8601, UTC.
    pub at: String,
    /// What became of the files before it.
    pub mode: Mode,
    /// True for a quarantine table's commit whose job failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub job_failed: bool,
    /// The table's schema from this version on.
    pub schema: SchemaEntry,
    /// The schema that this commit's files were written with, where it is another: the table had more columns or
    /// wider types before. The columns of the partitions are among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_schema: Option<SchemaEntry>,
    /// The partition columns, outermost first.
    #[serde(default)]
    pub partition_by: Vec<String>,
    /// Whether those columns are in the files too.
    #[serde(default)]
    pub partition_columns_in_files: bool,
    /// The files that this commit adds, each with the temporary to finish.
    pub add: Vec<PendingFile>,
    /// The paths of the files that it removes.
    pub remove: Vec<String>,
    /// The input files that it took in.
    pub inputs: Vec<InputEntry>,
}

impl LogEntry {
    /// The schema that this commit's files were written with.
    pub fn schema_of_files(&self) -> &SchemaEntry {
        self.files_schema.as_ref().unwrap_or(&self.schema)
    }

    /// The rows of the added files.
    pub fn rows(&self) -> u64 {
        self.add.iter().map(|file| file.rows).sum()
    }

    /// The bytes of the added files.
    pub fn bytes(&self) -> u64 {
        self.add.iter().map(|file| file.bytes).sum()
    }
}

/// A moment as ISO 8601 in UTC; milliseconds since 1970.
pub fn iso8601(unix_ms: i64) -> String {
    match timestamp_ms_to_datetime(unix_ms) {
        Some(moment) => format!("{moment:?}Z"),
        None => unix_ms.to_string(),
    }
}

/// The path of a version's entry.
pub(crate) fn entry_path(version: u64) -> String {
    format!("{HEADWORKS_FOLDER}/log/{version:020}.json")
}

/// What says in which form an entry is written.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    v: serde_json::Value,
}

/// Reads a version's entry; `None` when there is no such version.
pub(crate) fn read_entry(
    storage: &dyn LakeStorage,
    version: u64,
) -> Result<Option<LogEntry>, LakeError> {
    let path = entry_path(version);
    let Some(content) = storage.read(&path)? else {
        return Ok(None);
    };
    parse_entry(storage, version, &content).map(Some)
}

/// What is written in a version's entry.
pub(crate) fn parse_entry(
    storage: &dyn LakeStorage,
    version: u64,
    content: &[u8],
) -> Result<LogEntry, LakeError> {
    let path = entry_path(version);
    let broken =
        |what: String| LakeError::corrupt(storage.url(&path), what, "restore the file from a copy");
    let form: Form =
        serde_json::from_slice(content).map_err(|error| broken(format!("not JSON: {error}")))?;
    match form.v.as_u64() {
        Some(v) if v == u64::from(LOG_V) => {}
        Some(v) => {
            return Err(LakeError::corrupt(
                storage.url(&path),
                format!("the log's form is {v}, this program knows {LOG_V}"),
                "use a newer Headworks",
            ));
        }
        None => return Err(broken("there is no `v` in it".to_string())),
    }
    let entry: LogEntry = serde_json::from_slice(content)
        .map_err(|error| broken(format!("not a log entry: {error}")))?;
    if entry.version != version {
        return Err(broken(format!(
            "it says that it is version {}",
            entry.version
        )));
    }
    Ok(entry)
}

/// The newest version in the log; 0 when there is none.
pub(crate) fn head(storage: &dyn LakeStorage) -> Result<u64, LakeError> {
    Ok(list_entries(storage)?.len() as u64)
}

/// The files of all entries, oldest first.
pub(crate) fn list_entries(storage: &dyn LakeStorage) -> Result<Vec<StoredFile>, LakeError> {
    let mut entries = Vec::new();
    for file in storage.list(&format!("{HEADWORKS_FOLDER}/log"))? {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let digits = name
            .strip_suffix(".json")
            .filter(|digits| digits.len() == 20);
        if let Some(version) = digits.and_then(|digits| digits.parse::<u64>().ok()) {
            entries.push((version, file));
        }
    }
    entries.sort_unstable_by_key(|(version, _)| *version);
    for (expected, (version, _)) in (1..).zip(&entries) {
        if *version != expected {
            return Err(LakeError::corrupt(
                storage.url(&entry_path(expected)),
                "the log has a gap here",
                "restore the file from a copy",
            ));
        }
    }
    Ok(entries.into_iter().map(|(_, file)| file).collect())
}

/// All entries, oldest first.
pub(crate) fn read_log(storage: &dyn LakeStorage) -> Result<Vec<LogEntry>, LakeError> {
    read_entries(storage, &list_entries(storage)?)
}

/// The same of a log whose files were listed.
pub(crate) fn read_entries(
    storage: &dyn LakeStorage,
    listed: &[StoredFile],
) -> Result<Vec<LogEntry>, LakeError> {
    let mut log = read_packs(storage, listed)?;
    let packed: HashSet<u64> = log.iter().map(|entry| entry.version).collect();
    let others: Vec<u64> = (1..=listed.len() as u64)
        .filter(|version| !packed.contains(version))
        .collect();
    log.extend(for_each(storage, &others, |version| {
        read_entry(storage, *version)?.ok_or_else(|| {
            LakeError::corrupt(
                storage.url(&entry_path(*version)),
                "the entry went while the log was read",
                "see whether somebody else removes files of the lake",
            )
        })
    })?);
    log.sort_unstable_by_key(|entry| entry.version);
    Ok(log)
}

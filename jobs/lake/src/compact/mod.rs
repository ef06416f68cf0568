//! Compaction: many small files of a partition become few of the wanted size, in one commit that changes no row.
//!
//! Appends leave a file for each task and partition. A compaction reads the small ones, writes their rows anew by the
//! table's newest schema, and takes the old files out in the same commit that brings the new ones in. Files that are
//! sorted stay so: if all files of a group say in their footers that they are sorted by the same columns, they are
//! merged, else they are put one behind the other.
//!
//! It needs no lock. The files that it takes out must be current when it commits, so it loses against whoever took
//! one of them out meanwhile; what was appended meanwhile stays ([modes](crate::modes)). Rows are held against the
//! log twice, by partition at the commit, and by the statistics of each column here.
//!
//! Memory: the encoded bytes of one group, at most [`COMPACT_GROUP_BYTES_MAX`], and a batch of each of its files.

mod check;
mod merge;
mod read;

use std::io::ErrorKind;

use indexmap::IndexMap;

use crate::commit::{CommitError, CommitRequest};
use crate::error::LakeError;
use crate::ledger::Audit;
use crate::log::Mode;
use crate::modes::partition_of;
use crate::pending::PendingFile;
use crate::snapshot::{DataFile, Snapshot};
use crate::table::Table;
use crate::writer::{Compression, TARGET_FILE_BYTES, WriterConfig, sanitised_attempt, write_one};

/// The encoded bytes of the files that become one, at most, whatever the wanted size is.
pub const COMPACT_GROUP_BYTES_MAX: u64 = 512 << 20;

/// A file of at least this share of the wanted size, in hundredths, is left as it is.
const LARGE_ENOUGH_PERCENT: u64 = 75;

/// What a compaction is asked for.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// Unique, as that of each commit.
    pub commit_id: String,
    /// The caller's clock, in milliseconds since 1970.
    pub at_unix_ms: i64,
    /// The size in bytes that files should have.
    pub target_file_bytes: u64,
    /// How their pages are compressed.
    pub compression: Compression,
}

impl Compaction {
    /// The defaults.
    pub fn new(commit_id: impl Into<String>, at_unix_ms: i64) -> Self {
        Compaction {
            commit_id: commit_id.into(),
            at_unix_ms,
            target_file_bytes: TARGET_FILE_BYTES,
            compression: Compression::default(),
        }
    }
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactReport {
    /// The version that it made; absent when there was nothing to do.
    pub version: Option<u64>,
    /// The files that it took out.
    pub files_before: u64,
    /// The files that it wrote.
    pub files_after: u64,
    /// Their rows: the same before and after.
    pub rows: u64,
    /// The bytes of the files that it took out.
    pub bytes_before: u64,
    /// The bytes of the files that it wrote.
    pub bytes_after: u64,
}

impl Table {
    /// Compacts the current version; an unsettled commit is finished first.
    ///
    /// # Errors
    /// As [`Table::commit`]. After [`CommitError::Conflict`] and [`CommitError::NotCommitted`] the table is as it
    /// was, and nothing is left.
    pub fn compact(&self, wish: &Compaction) -> Result<CompactReport, CommitError> {
        let snapshot = self.snapshot().map_err(|error| self.not_committed(error))?;
        let Some(snapshot) = snapshot else {
            return Ok(CompactReport::default());
        };
        let groups = groups(&snapshot, wish.target_file_bytes);
        if groups.is_empty() {
            return Ok(CompactReport::default());
        }
        let mut files = Vec::new();
        for (number, group) in groups.iter().enumerate() {
            match self.write_group(wish, &snapshot, number, group) {
                Ok(file) => files.push(file),
                Err(error) => {
                    self.give_up(&files);
                    return Err(self.overtaken(snapshot.version, error));
                }
            }
        }
        let taken: Vec<&DataFile> = groups.into_iter().flatten().collect();
        let request = CommitRequest {
            commit_id: wish.commit_id.clone(),
            job_id: "compact".to_string(),
            at_unix_ms: wish.at_unix_ms,
            mode: Mode::Compact,
            base: snapshot.version,
            remove: taken.iter().map(|file| file.path.clone()).collect(),
            schema: snapshot.schema.clone(),
            partition_by: snapshot.partition_by.clone(),
            partition_columns_in_files: snapshot.partition_columns_in_files,
            files,
            inputs: Vec::new(),
            audit: Audit::Coverage,
            job_failed: false,
            checked: None,
        };
        match self.commit(&request) {
            Ok(done) => Ok(CompactReport {
                version: Some(done.version),
                files_before: taken.len() as u64,
                files_after: done.files,
                rows: done.rows,
                bytes_before: taken.iter().map(|file| file.bytes).sum(),
                bytes_after: done.bytes,
            }),
            Err(error) => {
                let may_be_committed = matches!(
                    error,
                    CommitError::Unknown { .. } | CommitError::Unsettled { .. }
                );
                if !may_be_committed {
                    self.give_up(&request.files);
                }
                Err(error)
            }
        }
    }

    /// Writes the rows of a group as one file.
    fn write_group(
        &self,
        wish: &Compaction,
        snapshot: &Snapshot,
        number: usize,
        group: &[&DataFile],
    ) -> Result<PendingFile, LakeError> {
        let storage = self.storage.as_ref();
        let schema = snapshot.schema_of_files();
        let runs = read::open(storage, group, &schema)?;
        let mut config = WriterConfig::new(self.location.clone(), &*wish.commit_id);
        config.compression = wish.compression;
        config.partition_by.clone_from(&snapshot.partition_by);
        config.sorted_by = read::common_order(&runs);
        let name = format!("{}-{number:05}", sanitised_attempt(&wish.commit_id));
        let partition = group.first().map(|file| file.partition.clone());
        let batches = merge::merge(runs, &config.sorted_by, &schema)?;
        let partition = partition.unwrap_or_default();
        let file = write_one(storage, &config, &schema, partition, &name, batches)?;
        if let Err(error) = check::same_statistics(group, &file, &snapshot.schema) {
            self.give_up(std::slice::from_ref(&file));
            return Err(error);
        }
        Ok(file)
    }

    /// A file that is gone while it is read was taken out by a newer version.
    fn overtaken(&self, base: u64, error: LakeError) -> CommitError {
        let is_gone = matches!(&error, LakeError::Storage { source, .. } if source.kind() == ErrorKind::NotFound);
        let newest = self.log().ok().and_then(|mut log| log.pop());
        match newest.filter(|entry| is_gone && entry.version > base) {
            Some(other) => CommitError::Conflict {
                table: self.location.table().to_string(),
                base,
                version: other.version,
                other_job: other.job_id,
                what: ", and a file that was being read is taken out".to_string(),
            },
            None => self.not_committed(error),
        }
    }

    fn give_up(&self, files: &[PendingFile]) {
        if let Err(error) = self.discard(files) {
            tracing::warn!(%error, "files that nobody commits are left for `lake gc`");
        }
    }
}

/// The groups of files that become one file each: small ones of one partition, the oldest first.
fn groups(snapshot: &Snapshot, target_bytes: u64) -> Vec<Vec<&DataFile>> {
    let target = target_bytes.clamp(1, COMPACT_GROUP_BYTES_MAX);
    let mut partitions: IndexMap<&str, Vec<&DataFile>> = IndexMap::new();
    for file in &snapshot.files {
        if file.bytes < target / 100 * LARGE_ENOUGH_PERCENT {
            let partition = partitions.entry(partition_of(&file.path));
            partition.or_default().push(file);
        }
    }
    let mut groups = Vec::new();
    for mut files in partitions.into_values() {
        files.sort_by(|a, b| (a.added_in, &a.path).cmp(&(b.added_in, &b.path)));
        let mut group: Vec<&DataFile> = Vec::new();
        let mut bytes = 0;
        for file in files {
            if bytes + file.bytes > target {
                groups.push(std::mem::take(&mut group));
                bytes = 0;
            }
            bytes += file.bytes;
            group.push(file);
        }
        groups.push(group);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

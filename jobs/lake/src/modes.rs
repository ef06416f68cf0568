//! What each mode takes out of a table, and which commits of others it can live with.
//!
//! | Mode | Takes out | Refused when a commit since the request's base ... |
//! | --- | --- | --- |
//! | append | the files that the request names | took in one of the same inputs, or took out one of those files |
//! | overwrite | every file | changed rows, whichever |
//! | overwrite_partitions | the files of the partitions that it adds to | changed rows of one of these partitions |
//! | upsert | the files that the request names | changed rows, whichever: a new row may have the same key |
//! | compact | the files that the request names | took out one of those files |
//!
//! What is not refused is tried on the newest version. A compaction changes no rows, so it is in the way of those
//! alone that name a file which it took out; and what it adds must have as many rows as what it takes out, in each
//! partition.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::SchemaRef;

use crate::commit::{CommitError, CommitRequest};
use crate::error::LakeError;
use crate::ledger::{AuditFailure, InputEntry};
use crate::log::{LogEntry, Mode};
use crate::schema::merge;
use crate::settle::Settled;
use crate::snapshot::Snapshot;
use crate::table::Table;

impl Mode {
    /// The word that the log and the commands use.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Append => "append",
            Mode::Overwrite => "overwrite",
            Mode::OverwritePartitions => "overwrite_partitions",
            Mode::Upsert => "upsert",
            Mode::Compact => "compact",
        }
    }

    /// True when the request says which files go; with the others the lake finds them.
    fn takes_out_by_name(self) -> bool {
        matches!(self, Mode::Append | Mode::Upsert | Mode::Compact)
    }
}

/// The folder of a file's partition: two values that share a folder (NULL and the empty string) are one partition.
pub(crate) fn partition_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Refuses a request that no table can meet.
pub(crate) fn check_request(request: &CommitRequest) -> Result<(), LakeError> {
    let mode = request.mode.word();
    if !request.mode.takes_out_by_name() && !request.remove.is_empty() {
        return Err(LakeError::invalid(
            format!("a commit in mode `{mode}` names files to take out, but the lake finds them"),
            "please report it",
        ));
    }
    if request.mode == Mode::OverwritePartitions && request.partition_by.is_empty() {
        return Err(LakeError::invalid(
            format!("mode `{mode}` needs partitions, and the model has no `partition_by`"),
            "set `partition_by`, or use `mode: overwrite`",
        ));
    }
    if request.mode == Mode::Compact && request.remove.is_empty() {
        return Err(LakeError::invalid(
            "a compaction takes out no file",
            "please report it",
        ));
    }
    let mut named = HashSet::new();
    match request
        .remove
        .iter()
        .find(|path| !named.insert(path.as_str()))
    {
        Some(path) => Err(LakeError::invalid(
            format!("file `{path}` is taken out twice"),
            "please report it",
        )),
        None => Ok(()),
    }
}

/// The files that a request takes out of this version.
pub(crate) fn taken_out(request: &CommitRequest, current: &Snapshot) -> Vec<String> {
    let paths = current.files.iter().map(|file| file.path.as_str());
    let taken: Vec<&str> = match request.mode {
        Mode::Append | Mode::Upsert | Mode::Compact => return request.remove.clone(),
        Mode::Overwrite => paths.collect(),
        Mode::OverwritePartitions => {
            let written = partitions_written(request);
            paths
                .filter(|path| written.contains(partition_of(path)))
                .collect()
        }
    };
    taken.into_iter().map(str::to_string).collect()
}

/// The schema of the version that a request makes. All modes but overwrite keep rows of the versions before it.
pub(crate) fn next_schema(
    request: &CommitRequest,
    current: &Snapshot,
) -> Result<SchemaRef, LakeError> {
    if request.mode == Mode::Overwrite {
        return Ok(request.schema.clone());
    }
    if current.partition_by != request.partition_by
        || current.partition_columns_in_files != request.partition_columns_in_files
    {
        return Err(LakeError::invalid(
            format!(
                "the table is partitioned by [{}], this commit by [{}], or only one of them has \
                 these columns in its files",
                current.partition_by.join(", "),
                request.partition_by.join(", ")
            ),
            "use the table's, or `mode: overwrite`",
        ));
    }
    let merged = merge(&current.schema, &request.schema)?;
    for name in &request.partition_by {
        // Folders are named by values: a wider type could write a value in another way, beside the old folder.
        let (before, after) = (
            current.schema.field_with_name(name),
            merged.field_with_name(name),
        );
        if let (Ok(before), Ok(after)) = (before, after)
            && before.data_type() != after.data_type()
        {
            return Err(LakeError::invalid(
                format!(
                    "partition column `{name}` is {} in the table and {} after this commit",
                    before.data_type(),
                    after.data_type()
                ),
                "CAST it in the SQL, or use `mode: overwrite`",
            ));
        }
    }
    Ok(merged)
}

fn partitions_written(request: &CommitRequest) -> HashSet<&str> {
    let files = request.files.iter();
    files.map(|file| partition_of(&file.path)).collect()
}

impl Table {
    /// Refuses what the commits since the request's base make wrong.
    pub(crate) fn check_mode(
        &self,
        request: &CommitRequest,
        settled: Option<&Settled>,
    ) -> Result<(), CommitError> {
        let log = settled.map_or(&[][..], |settled| &settled.log);
        let mut since = log.iter().filter(|entry| entry.version > request.base);
        match request.mode {
            Mode::Append => self.check_inputs(request, since)?,
            Mode::Overwrite | Mode::Upsert => {
                if let Some(other) = since.rfind(|entry| entry.mode != Mode::Compact) {
                    return Err(self.conflict(request, other, String::new()));
                }
            }
            Mode::OverwritePartitions => {
                let written = partitions_written(request);
                for other in since.filter(|entry| entry.mode != Mode::Compact) {
                    let added = other.add.iter().map(|file| file.path.as_str());
                    let mut touched = added.chain(other.remove.iter().map(String::as_str));
                    if let Some(path) = touched.find(|path| written.contains(partition_of(path))) {
                        let what = format!(", which changed partition `{}`", partition_of(path));
                        return Err(self.conflict(request, other, what));
                    }
                }
            }
            Mode::Compact => {}
        }
        self.check_named(request, settled)?;
        let looked_at = request.checked.unwrap_or(u64::MAX);
        let mut since = log.iter().filter(|entry| entry.version > looked_at);
        match since.rfind(|entry| entry.mode != Mode::Compact) {
            Some(other) => Err(CommitError::MovedOn {
                table: self.location.table().to_string(),
                checked: looked_at,
                version: other.version,
                other_job: other.job_id.clone(),
            }),
            None => Ok(()),
        }
    }

    fn check_inputs<'a>(
        &self,
        request: &CommitRequest,
        since: impl Iterator<Item = &'a LogEntry>,
    ) -> Result<(), CommitError> {
        let ours: HashSet<_> = request.inputs.iter().map(content_of).collect();
        for entry in since {
            if let Some(taken) = entry.inputs.iter().find(|i| ours.contains(&content_of(i))) {
                return Err(CommitError::InputTaken {
                    table: self.location.table().to_string(),
                    path: taken.path.clone(),
                    version: entry.version,
                    other_job: entry.job_id.clone(),
                });
            }
        }
        Ok(())
    }

    /// The files that a request takes out by name must be current still.
    fn check_named(
        &self,
        request: &CommitRequest,
        settled: Option<&Settled>,
    ) -> Result<(), CommitError> {
        let files = settled.map_or(&[][..], |settled| &settled.snapshot.files);
        let current: HashMap<&str, u64> = files
            .iter()
            .map(|file| (file.path.as_str(), file.rows))
            .collect();
        let gone = request
            .remove
            .iter()
            .find(|path| !current.contains_key(path.as_str()));
        if let Some(path) = gone {
            let log = settled.map_or(&[][..], |settled| &settled.log);
            let taker = log.iter().rfind(|entry| entry.remove.contains(path));
            return Err(match taker {
                Some(other) => self.conflict(request, other, format!(", which took out `{path}`")),
                None => self.not_committed(LakeError::invalid(
                    format!("the commit takes out `{path}`, which never was in the table"),
                    "please report it",
                )),
            });
        }
        if request.mode == Mode::Compact {
            check_rows(request, &current)?;
        }
        Ok(())
    }

    fn conflict(&self, request: &CommitRequest, other: &LogEntry, what: String) -> CommitError {
        CommitError::Conflict {
            table: self.location.table().to_string(),
            base: request.base,
            version: other.version,
            other_job: other.job_id.clone(),
            what,
        }
    }
}

/// A compaction gives each partition the rows that it takes out of it, no more and no fewer.
fn check_rows(request: &CommitRequest, current: &HashMap<&str, u64>) -> Result<(), AuditFailure> {
    let mut rows: HashMap<&str, (u64, u64)> = HashMap::new();
    for path in &request.remove {
        rows.entry(partition_of(path)).or_default().0 += current.get(path.as_str()).unwrap_or(&0);
    }
    for file in &request.files {
        rows.entry(partition_of(&file.path)).or_default().1 += file.rows;
    }
    match rows
        .into_iter()
        .find(|(_, (before, after))| before != after)
    {
        Some((partition, (before, after))) => Err(AuditFailure::Compacted {
            partition: partition.to_string(),
            before,
            after,
        }),
        None => Ok(()),
    }
}

fn content_of(input: &InputEntry) -> (&str, u64, Option<&str>) {
    (&input.path, input.size, input.etag.as_deref())
}

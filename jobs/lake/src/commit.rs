//! The commit: one put-if-absent of the table's next log entry.
//!
//! Everything that can be refused is refused before that put, and then the table is as it was. After it, the
//! version exists, whatever happens to the process: [settling](crate::settle) can be finished by anybody.
//!
//! A put that fails is read back: only another commit's id in the entry is a lost race. A commit that lost is tried
//! on the next version if what the winner did is not in its way ([modes](crate::modes)). A commit id that is in the
//! log already is done, so a driver that crashed repeats its commit without looking.

use std::collections::HashSet;

use arrow::datatypes::SchemaRef;
use thiserror::Error;

use crate::crash::CrashPoint;
use crate::error::LakeError;
use crate::ledger::{Audit, AuditFailure, InputEntry, audit_commit};
use crate::log::{LOG_V, LogEntry, Mode, entry_path, iso8601, read_entry};
use crate::modes::{check_request, next_schema, partition_of, taken_out};
use crate::packs;
use crate::partition::folder;
use crate::pending::PendingFile;
use crate::schema::SchemaEntry;
use crate::settle::Settled;
use crate::storage::for_each;
use crate::table::Table;

/// How often a commit is tried on a newer version. Each time another commit has succeeded.
pub const COMMIT_RACES_MAX: usize = 1_000;

/// A commit that a driver wants.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// Unique; chosen and journaled before the first try, and the same at each repetition.
    pub commit_id: String,
    /// The job.
    pub job_id: String,
    /// The driver's clock, in milliseconds since 1970.
    pub at_unix_ms: i64,
    /// What becomes of the files before it; the table of modes stands in `modes.rs`.
    pub mode: Mode,
    /// The version that the job knew when it began, 0 when the table did not exist. What was committed since can be
    /// in the way of this commit.
    pub base: u64,
    /// The paths of current files that this commit takes out: for `upsert` and `compact` the files whose rows are
    /// among the added ones, for `append` those of inputs that have changed. Empty for the other modes, where the
    /// lake finds them. Refused with [`CommitError::Conflict`] if one of them is no longer current.
    pub remove: Vec<String>,
    /// All columns of the table, those of the partitions too ([`table_schema`](crate::writer::table_schema)).
    pub schema: SchemaRef,
    /// The partition columns, outermost first.
    pub partition_by: Vec<String>,
    /// Whether those columns are in the files too.
    pub partition_columns_in_files: bool,
    /// The files of the winning attempts.
    pub files: Vec<PendingFile>,
    /// What was taken in.
    pub inputs: Vec<InputEntry>,
    /// The rule by which `inputs` are audited.
    pub audit: Audit,
    /// Marks a quarantine's commit whose job failed.
    pub job_failed: bool,
    /// The version, 0 for none, over which this commit was looked at ([`Table::candidate`]): it is refused when one
    /// that changed rows has come since.
    pub checked: Option<u64>,
}

/// A commit that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The version that it made.
    pub version: u64,
    /// The rows it added.
    pub rows: u64,
    /// The files it added.
    pub files: u64,
    /// The bytes it added.
    pub bytes: u64,
    /// True when this commit had been done by an earlier call.
    pub repeated: bool,
}

/// Why a commit did not go through, or not to its end.
#[derive(Debug, Error)]
pub enum CommitError {
    /// The numbers do not add up: run the job again.
    #[error(transparent)]
    Audit(#[from] AuditFailure),
    /// Another commit came in between: run the job again on the newer version.
    #[error(
        "table `{table}`: the job began at version {base}, but job `{other_job}` has committed version {version}\
         {what}; the table is unchanged by this job; run it again"
    )]
    Conflict {
        /// The table.
        table: String,
        /// What this job knew.
        base: u64,
        /// What the other made.
        version: u64,
        /// The other.
        other_job: String,
        /// What of it is in the way, as the end of a clause; empty when all of it is.
        what: String,
    },
    /// The table has moved on since the commit was looked at: look again.
    #[error(
        "table `{table}`: the commit was checked over version {checked}, but job `{other_job}` has committed version \
         {version}; the table is unchanged by this job; run it again"
    )]
    MovedOn {
        /// The table.
        table: String,
        /// What was looked at.
        checked: u64,
        /// What the other made.
        version: u64,
        /// The other.
        other_job: String,
    },
    /// Another job has taken in the same input since this one began: leave the input out, and run again.
    #[error(
        "table `{table}`: `{path}` was taken in by job `{other_job}` (version {version}) while this job ran; \
         the table is unchanged by this job; run it again, and it will leave the file out"
    )]
    InputTaken {
        /// The table.
        table: String,
        /// The input file.
        path: String,
        /// The version that has it.
        version: u64,
        /// The other.
        other_job: String,
    },
    /// The commit was refused or could not be made; the table is as it was.
    #[error("table `{table}`: not committed: {source}")]
    NotCommitted {
        /// The table.
        table: String,
        /// Why.
        source: LakeError,
    },
    /// Whether the entry is there is not known: repeat the commit with the same id.
    #[error(
        "table `{table}`: it is not known whether version {version} was committed: {source}; \
         repeat the commit: it is never done twice"
    )]
    Unknown {
        /// The table.
        table: String,
        /// The version that was tried.
        version: u64,
        /// What failed.
        source: LakeError,
    },
    /// The version exists, but its files do not all have their names yet: whoever opens the table next finishes
    /// it, and so does a repetition of the commit. The files must not be discarded.
    #[error(
        "table `{table}`: version {version} is committed, but could not be finished: {source}; \
         it is finished when the table is opened next"
    )]
    Unsettled {
        /// The table.
        table: String,
        /// The version.
        version: u64,
        /// What failed.
        source: LakeError,
    },
}

enum Put {
    Ours,
    Theirs,
}

impl Table {
    /// Commits. Repeatable: the same `commit_id` is done once.
    ///
    /// # Errors
    /// See [`CommitError`]. After [`CommitError::Unknown`] and [`CommitError::Unsettled`] the commit is repeated;
    /// after the others the table is as it was, and the files may be discarded.
    pub fn commit(&self, request: &CommitRequest) -> Result<Committed, CommitError> {
        let rows = request.files.iter().map(|file| file.rows).sum();
        audit_commit(request.audit, &request.inputs, rows)?;
        check_request(request)
            .and_then(|()| check_files(request))
            .map_err(|source| self.not_committed(source))?;

        let mut races = 0;
        let (entry, mut log) = loop {
            let settled = self.settle().map_err(|source| self.not_committed(source))?;
            let log = settled.as_ref().map_or(&[][..], |settled| &settled.log);
            if let Some(done) = log
                .iter()
                .find(|entry| entry.commit_id == request.commit_id)
            {
                return Ok(committed(done, true));
            }
            self.check_mode(request, settled.as_ref())?;
            self.check_names(request, log)?;
            if races == 0 {
                self.check_temporaries(request)
                    .map_err(|source| self.not_committed(source))?;
            }
            let entry = self
                .next_entry(request, settled.as_ref())
                .map_err(|source| self.not_committed(source))?;
            self.pass(CrashPoint::BeforeEntry)
                .map_err(|source| self.not_committed(source))?;
            match self.put_entry(&entry)? {
                Put::Ours => break (entry, settled.map_or_else(Vec::new, |settled| settled.log)),
                Put::Theirs if races < COMMIT_RACES_MAX => races += 1,
                Put::Theirs => {
                    return Err(CommitError::Conflict {
                        table: self.location.table().to_string(),
                        base: request.base,
                        version: entry.version,
                        other_job: format!("{COMMIT_RACES_MAX} others"),
                        what: String::new(),
                    });
                }
            }
        };

        let (done, version) = (committed(&entry, false), entry.version);
        log.push(entry);
        let settled = self
            .pass(CrashPoint::AfterEntry)
            .and_then(|()| self.settle_log(log));
        match settled {
            Ok(settled) => {
                let log = settled.as_ref().map_or(&[][..], |settled| &settled.log);
                packs::write_last(self.storage.as_ref(), log);
                Ok(done)
            }
            Err(source) => Err(CommitError::Unsettled {
                table: self.location.table().to_string(),
                version,
                source,
            }),
        }
    }

    /// No attempt's file gets a name that the log knows.
    fn check_names(&self, request: &CommitRequest, log: &[LogEntry]) -> Result<(), CommitError> {
        let known: HashSet<&str> = log
            .iter()
            .flat_map(|entry| entry.add.iter().map(|file| file.path.as_str()))
            .collect();
        match request
            .files
            .iter()
            .find(|file| known.contains(file.path.as_str()))
        {
            None => Ok(()),
            Some(file) => Err(self.not_committed(LakeError::invalid(
                format!("file `{}` was committed before", file.path),
                "give each attempt a name of its own",
            ))),
        }
    }

    /// Each temporary must be there, with the length that its writer reported.
    fn check_temporaries(&self, request: &CommitRequest) -> Result<(), LakeError> {
        let storage = self.storage.as_ref();
        for_each(storage, &request.files, |file| {
            let found = storage.pending_bytes(&file.temp)?;
            if found == Some(file.bytes) {
                return Ok(());
            }
            let found = found.map_or("it is gone".to_string(), |n| format!("it has {n} bytes"));
            Err(LakeError::corrupt(
                storage.url(file.place()),
                format!(
                    "a file of {} bytes was written here, but {found}",
                    file.bytes
                ),
                "run the job again; `lake gc` must spare files younger than the longest job",
            ))
        })?;
        Ok(())
    }

    pub(crate) fn next_entry(
        &self,
        request: &CommitRequest,
        settled: Option<&Settled>,
    ) -> Result<LogEntry, LakeError> {
        let snapshot = settled.map(|settled| &settled.snapshot);
        let (schema, remove) = match snapshot {
            Some(current) => (next_schema(request, current)?, taken_out(request, current)),
            None => (request.schema.clone(), Vec::new()),
        };
        let schema = SchemaEntry::from_arrow(&schema)?;
        let of_files = SchemaEntry::from_arrow(&request.schema)?;
        Ok(LogEntry {
            v: LOG_V,
            version: snapshot.map_or(0, |current| current.version) + 1,
            commit_id: request.commit_id.clone(),
            job_id: request.job_id.clone(),
            at: iso8601(request.at_unix_ms),
            mode: request.mode,
            job_failed: request.job_failed,
            files_schema: (of_files != schema).then_some(of_files),
            schema,
            partition_by: request.partition_by.clone(),
            partition_columns_in_files: request.partition_columns_in_files,
            // The log is for good; copies are not.
            add: request
                .files
                .iter()
                .map(|file| PendingFile {
                    copy: None,
                    ..file.clone()
                })
                .collect(),
            remove,
            inputs: request.inputs.clone(),
        })
    }

    /// The instant. A put that did not say yes is read back.
    fn put_entry(&self, entry: &LogEntry) -> Result<Put, CommitError> {
        let content = serde_json::to_vec(entry).map_err(|error| {
            self.not_committed(LakeError::invalid(format!("{error}"), "please report it"))
        })?;
        let put = self
            .storage
            .put_if_absent(&entry_path(entry.version), &content);
        if let Ok(true) = put {
            return Ok(Put::Ours);
        }
        let found = read_entry(self.storage.as_ref(), entry.version);
        match (found, put) {
            (Ok(Some(found)), _) if found.commit_id == entry.commit_id => Ok(Put::Ours),
            (Ok(Some(_)), _) => Ok(Put::Theirs),
            (Ok(None), Err(source)) => Err(self.not_committed(source)),
            (Ok(None), Ok(_)) => Err(self.not_committed(LakeError::corrupt(
                self.storage.url(&entry_path(entry.version)),
                "the entry was there, and is gone",
                "see whether somebody else removes files of the lake",
            ))),
            (Err(source), _) => Err(CommitError::Unknown {
                table: self.location.table().to_string(),
                version: entry.version,
                source,
            }),
        }
    }

    pub(crate) fn not_committed(&self, source: LakeError) -> CommitError {
        CommitError::NotCommitted {
            table: self.location.table().to_string(),
            source: source.table_unchanged(),
        }
    }
}

/// The request's own files: inside the table, each once, in the folder of their partition.
pub(crate) fn check_files(request: &CommitRequest) -> Result<(), LakeError> {
    for name in &request.partition_by {
        if request.schema.index_of(name).is_err() {
            return Err(LakeError::invalid(
                format!("partition column `{name}` is not in the schema"),
                "select it in the SQL",
            ));
        }
    }
    let mut names = HashSet::new();
    for file in &request.files {
        file.check()?;
        if !names.insert(file.temp.as_str()) || !names.insert(file.path.as_str()) {
            return Err(LakeError::invalid(
                format!("file `{}` is in the commit twice", file.path),
                "run the job again",
            ));
        }
        if !file.partition.keys().eq(&request.partition_by)
            || partition_of(&file.path) != folder(&file.partition)?
        {
            return Err(LakeError::invalid(
                format!(
                    "file `{}` does not lie in the folder of its partition",
                    file.path
                ),
                "run the job again",
            ));
        }
    }
    Ok(())
}

fn committed(entry: &LogEntry, repeated: bool) -> Committed {
    Committed {
        version: entry.version,
        rows: entry.rows(),
        files: entry.add.len() as u64,
        bytes: entry.bytes(),
        repeated,
    }
}

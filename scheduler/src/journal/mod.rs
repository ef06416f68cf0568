//! The scheduler's memory that outlives it: every job, written down before
//! each step, in one SQLite file of the state folder.
//!
//! - `schema`: the tables, and how an older file is brought forward.
//! - `write`: what the driver's records become.
//! - `read`: a job as the wire shows it, its log, and all that is needed to
//!   take it up again.
//! - `instance`: which scheduler a running job belongs to, and whether that
//!   one still lives. Several may share a state folder: `headworks run` starts
//!   one in its own process.
//!
//! Writes are durable when they return (write-ahead log, `synchronous=FULL`), unless the journal is [`Kept::WhileItLives`].
//! Calls block; async callers wrap them.

mod describe;
mod instance;
mod read;
mod schema;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headworks_proto::v1;
use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use instance::Instance;
pub use read::{CommitRow, JournaledCheck, JournaledJob, JournaledModel, JournaledWave, LogLine};
pub use write::{FoundCommit, NewJob, Submitted};

/// The journal's file in the state folder.
pub const JOURNAL_FILE: &str = "journal.sqlite";
/// The tables of a job that was interrupted are tried to be settled by each
/// scheduler that starts until so long after its submission; then once more.
const SETTLING_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// How long a write waits for another process that writes.
const BUSY_TIMEOUT_MS_MAX: u64 = 10_000;

/// What can go wrong with the journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be read or written: mend the disk or the permissions.
    #[error(
        "the journal {path} cannot be used: {source}; see whether the disk is full and the folder writable"
    )]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The state folder cannot be used: name another one with `--state-dir`.
    #[error("the state folder cannot be used: {path}: {source}; name another one with --state-dir")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A later version of Headworks wrote the file: use that version.
    #[error(
        "the journal {path} was written by a later version of Headworks (format {found}, this one knows {known}); \
         use that version, or another --state-dir"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: usize,
        /// The latest that this program knows.
        known: usize,
    },
    /// A row holds what this program cannot read.
    #[error("the journal {path} holds a row of job {job_id} that cannot be read: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The job.
        job_id: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// What a journal is to outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Its scheduler, and the machine's next failure.
    Forever,
    /// Nothing: its folder goes with the scheduler, so nothing waits for a disk.
    WhileItLives,
}

/// The journal. Cheap to share behind an `Arc`; calls block.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// None: opened to look only.
    instance: Option<Instance>,
}

impl Journal {
    /// Opens the journal for a scheduler, making folder and file if they are
    /// missing. Jobs of schedulers that have died become `interrupted`;
    /// returns the ids of those whose tables are to be settled: see
    /// [`Journal::settled`].
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(
        state_dir: &Path,
        kept: Kept,
        now_ms: u64,
    ) -> Result<(Self, Vec<String>), JournalError> {
        let folder = |source| JournalError::Folder {
            path: state_dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(state_dir).map_err(folder)?;
        let path = state_dir.join(JOURNAL_FILE);
        let connection = connect(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        let instance = Instance::start(state_dir)?;
        let journal = Self {
            path,
            connection: Mutex::new(connection),
            instance: Some(instance),
        };
        journal.prepare(kept)?;
        let interrupted = journal.interrupt_orphans(state_dir, now_ms)?;
        Ok((journal, interrupted))
    }

    /// Opens the journal to look at; none if there has never been one. Jobs
    /// whose scheduler has died are shown as interrupted, and not touched.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open_to_read(state_dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = state_dir.join(JOURNAL_FILE);
        if !path.is_file() {
            return Ok(None);
        }
        // Readers of a write-ahead log write to its index, if they may.
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .or_else(|_| connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY))?;
        let journal = Self {
            path,
            connection: Mutex::new(connection),
            instance: None,
        };
        let found = journal.sql(|connection| schema::version(connection))?;
        if found > schema::LATEST {
            return Err(journal.later(found));
        }
        // A file of an earlier format is brought forward by the next scheduler.
        Ok((found == schema::LATEST).then_some(journal))
    }

    /// The journal's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&self, kept: Kept) -> Result<(), JournalError> {
        let synchronous = match kept {
            Kept::Forever => "FULL",
            Kept::WhileItLives => "OFF",
        };
        let found = self.sql(|connection| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", synchronous)?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            schema::migrate(connection)
        })?;
        if found > schema::LATEST {
            Err(self.later(found))
        } else {
            Ok(())
        }
    }

    fn later(&self, found: usize) -> JournalError {
        JournalError::Later {
            path: self.path.clone(),
            found,
            known: schema::LATEST,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn sql<T>(
        &self,
        run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        run(&mut self.lock()).map_err(|source| JournalError::Unavailable {
            path: self.path.clone(),
            source,
        })
    }

    /// Marks the unfinished jobs of dead schedulers. They are not over before
    /// their tables are settled, unless they are old.
    fn interrupt_orphans(
        &self,
        state_dir: &Path,
        now_ms: u64,
    ) -> Result<Vec<String>, JournalError> {
        let unfinished: Vec<(String, String, u64)> = self.sql(|connection| {
            let mut rows = connection.prepare(
                "SELECT id, instance, submitted_at_ms FROM jobs WHERE ended_at_ms IS NULL ORDER BY seq",
            )?;
            let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect()
        })?;
        let mut interrupted = Vec::new();
        for (job_id, owner, submitted_at_ms) in unfinished {
            if instance::is_alive(state_dir, &owner) {
                continue;
            }
            self.sql(|connection| mark_interrupted(connection, &job_id, now_ms))?;
            if submitted_at_ms.saturating_add(SETTLING_MS_MAX) < now_ms {
                self.settled(&job_id, now_ms)?;
            }
            interrupted.push(job_id);
        }
        instance::remove_dead(state_dir);
        Ok(interrupted)
    }

    /// Marks a job that this scheduler no longer drives though it has not
    /// ended. Returns whether it was unfinished.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`].
    pub fn interrupt(&self, job_id: &str, now_ms: u64) -> Result<bool, JournalError> {
        self.sql(|connection| mark_interrupted(connection, job_id, now_ms))?;
        self.settled(job_id, now_ms)
    }

    /// An interrupted job is over: its tables are settled. Returns whether it
    /// was not.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`].
    pub fn settled(&self, job_id: &str, now_ms: u64) -> Result<bool, JournalError> {
        let changed = self.sql(|connection| {
            connection.execute(
                "UPDATE jobs SET ended_at_ms = ?2 WHERE id = ?1 AND ended_at_ms IS NULL",
                rusqlite::params![job_id, now_ms],
            )
        })?;
        Ok(changed > 0)
    }
}

fn mark_interrupted(connection: &Connection, job_id: &str, now_ms: u64) -> rusqlite::Result<()> {
    let state = crate::driver::state_text(v1::JobState::Interrupted);
    let changed = connection.execute(
        "UPDATE jobs SET state = ?2 WHERE id = ?1 AND ended_at_ms IS NULL AND state <> ?2",
        [job_id, state],
    )?;
    if changed == 0 {
        return Ok(());
    }
    for attempts in ["waves", "checks"] {
        connection.execute(
            &format!(
                "UPDATE {attempts} SET state = 'interrupted' WHERE job_id = ?1 AND state = 'running'"
            ),
            [job_id],
        )?;
    }
    write::log_line(
        connection,
        job_id,
        now_ms,
        "interrupted: its scheduler has stopped",
    )
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, JournalError> {
    let unavailable = |source| JournalError::Unavailable {
        path: path.to_owned(),
        source,
    };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(unavailable)?;
    connection
        .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS_MAX))
        .map_err(unavailable)?;
    Ok(connection)
}

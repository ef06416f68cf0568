//! The driver's side of a table: open it, look at it, give files up. Commits, recovery, verification and
//! collection have files of their own.

use std::collections::HashSet;
use std::sync::Arc;

use crate::crash::CrashPoint;
use crate::error::LakeError;
use crate::location::TableLocation;
use crate::log::{LogEntry, read_log};
use crate::pending::PendingFile;
use crate::settle::Settled;
use crate::snapshot::{Snapshot, fold};
use crate::staged::is_staged;
use crate::storage::{LakeStorage, StoredFile, for_each};

/// A table of a lake. Cheap to clone; calls block on the disk or the network.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) location: TableLocation,
    pub(crate) storage: Arc<dyn LakeStorage>,
    pub(crate) crash_at: Option<CrashPoint>,
}

impl Table {
    /// Opens a table, which need not exist. Nothing is read or created.
    pub fn open(location: TableLocation) -> Self {
        let storage = location.storage();
        Table {
            location,
            storage,
            crash_at: None,
        }
    }

    /// The same over another storage.
    #[cfg(test)]
    pub(crate) fn with_storage(location: TableLocation, storage: Arc<dyn LakeStorage>) -> Self {
        Table {
            location,
            storage,
            crash_at: None,
        }
    }

    /// Makes commits stop at a step, as a crash would.
    #[doc(hidden)]
    pub fn stopping_at(mut self, point: CrashPoint) -> Self {
        self.crash_at = Some(point);
        self
    }

    /// Where the table lies.
    pub fn location(&self) -> &TableLocation {
        &self.location
    }

    /// The current version; `None` when the table does not exist. An unsettled commit is finished first.
    ///
    /// A reader that finds one of the files gone was overtaken by an overwrite: it takes a new snapshot.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the disk refuses; [`LakeError::Corrupt`] when a file is not what the log says.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, LakeError> {
        Ok(self.settle()?.map(|settled| settled.snapshot))
    }

    /// The same with the log that makes it.
    ///
    /// # Errors
    /// As [`Table::snapshot`].
    pub fn settled(&self) -> Result<Option<Settled>, LakeError> {
        self.settle()
    }

    /// The current version as the log has it; `None` when the table does not exist. Nothing is finished, so a file of
    /// an unsettled commit may not have its name yet.
    ///
    /// # Errors
    /// As [`Table::snapshot`].
    pub fn peek(&self) -> Result<Option<Snapshot>, LakeError> {
        fold(&self.log()?)
    }

    /// All commits, oldest first, as they stand in the log; nothing is finished.
    ///
    /// # Errors
    /// As [`Table::snapshot`].
    pub fn log(&self) -> Result<Vec<LogEntry>, LakeError> {
        read_log(self.storage.as_ref())
    }

    /// Removes files that shall not be committed. Files that the log names stay, so that this may be called after
    /// any error of a commit. Repeatable.
    ///
    /// # Errors
    /// [`LakeError::Storage`]; nothing is removed when the log cannot be read.
    pub fn discard(&self, files: &[PendingFile]) -> Result<(), LakeError> {
        let log = self.log()?;
        let named = named_places(&log);
        for file in files {
            file.check()?;
        }
        let given_up: Vec<&PendingFile> = files
            .iter()
            .filter(|file| !named.contains(file.place()))
            .collect();
        let storage = self.storage.as_ref();
        for_each(storage, &given_up, |file| {
            if let Some(copy) = &file.copy {
                storage.abort(&copy.temp)?;
                storage.delete(&copy.path)?;
            }
            storage.abort(&file.temp)?;
            match is_staged(&file.path) {
                true => storage.delete(&file.path),
                false => Ok(()),
            }
        })?;
        Ok(())
    }

    /// Every file that readers of the folder can see, sorted by path. A table is sound when the log names them all.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the folder cannot be listed.
    pub fn visible_files(&self) -> Result<Vec<StoredFile>, LakeError> {
        let mut files = self.storage.list("")?;
        files.retain(StoredFile::is_visible);
        Ok(files)
    }

    /// Stops here if a test says so.
    pub(crate) fn pass(&self, point: CrashPoint) -> Result<(), LakeError> {
        match self.crash_at {
            Some(stop) if stop == point => Err(LakeError::Stopped(point)),
            _ => Ok(()),
        }
    }
}

/// The places of unfinished files that a log's entries may still need.
pub(crate) fn named_places(log: &[LogEntry]) -> HashSet<&str> {
    log.iter()
        .flat_map(|entry| entry.add.iter().map(PendingFile::place))
        .collect()
}

//! Finishes commits. The log says what the table is; settling makes the folder say the same.
//!
//! Whoever opens a table does this first, so every step can be repeated, and can be done by several processes at
//! the same time:
//!
//! 1. the log's folder is synced: nobody may act on an entry that a power failure could still take;
//! 2. files of the current version that are still temporary get their final names, and the folders are synced;
//! 3. `manifest.json` is written, unless it is of a newer version;
//! 4. files that were removed are given up if they are still temporary, so that nobody who was overtaken completes
//!    them later, and then deleted;
//! 5. `settled.json` is set to the version. As long as it is below the log's newest, there is something to do.
//!
//! Should `settled.json` be above the log's newest version, somebody has set the log back; it is set back, too.
//!
//! A process that was overtaken (it read the log at 7, and another has since settled 8) can find that a file of 7
//! is gone. Then it reads the log again and starts over.

use serde::{Deserialize, Serialize};

use crate::crash::CrashPoint;
use crate::error::LakeError;
use crate::location::HEADWORKS_FOLDER;
use crate::log::{LogEntry, entry_path, head, read_log};
use crate::manifest::{manifest, manifest_path};
use crate::pending::PendingFile;
use crate::snapshot::{Snapshot, fold};
use crate::storage::{LakeStorage, for_each};
use crate::table::Table;

/// How often a process may be overtaken before it gives up.
const OVERTAKEN_MAX: usize = 1_000;

/// A table of whose log all is done.
#[derive(Debug)]
pub struct Settled {
    /// All commits, oldest first.
    pub log: Vec<LogEntry>,
    /// The version that they make.
    pub snapshot: Snapshot,
}

/// What `settled.json` holds, and the part of `manifest.json` that says which version it is of.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    v: u32,
    version: u64,
}

impl Table {
    /// Finishes an unsettled commit, if there is one, and returns the table's version (0: it does not exist).
    ///
    /// # Errors
    /// As [`Table::snapshot`].
    pub fn recover(&self) -> Result<u64, LakeError> {
        Ok(self.settle()?.map_or(0, |settled| settled.snapshot.version))
    }

    /// Finishes what is to finish, and returns the log; `None` when it is empty.
    pub(crate) fn settle(&self) -> Result<Option<Settled>, LakeError> {
        self.settle_log(read_log(self.storage.as_ref())?)
    }

    /// The same by somebody who has read the log, or has added the last entry.
    pub(crate) fn settle_log(&self, mut log: Vec<LogEntry>) -> Result<Option<Settled>, LakeError> {
        let storage = self.storage.as_ref();
        let mut overtaken = 0;
        loop {
            let Some(snapshot) = fold(&log)? else {
                return Ok(None);
            };
            let done = marked_version(storage, &settled_path())?;
            if done > snapshot.version && head(storage)? == snapshot.version {
                self.set_back(&snapshot)?;
                continue;
            }
            if done >= snapshot.version {
                return Ok(Some(Settled { log, snapshot }));
            }
            match self.finish(&log, &snapshot, done) {
                Ok(()) => return Ok(Some(Settled { log, snapshot })),
                Err(error @ LakeError::Corrupt { .. }) => {
                    overtaken += 1;
                    if head(storage)? == snapshot.version || overtaken >= OVERTAKEN_MAX {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            log = read_log(storage)?;
        }
    }

    /// The log has been set back, to a copy of an earlier one: what says that later versions are settled would keep the
    /// next commits from being finished.
    fn set_back(&self, snapshot: &Snapshot) -> Result<(), LakeError> {
        let storage = self.storage.as_ref();
        let version = snapshot.version;
        let listed = serde_json::to_vec(&manifest(storage, snapshot)).map_err(not_json)?;
        let mark = serde_json::to_vec(&Mark { v: 1, version }).map_err(not_json)?;
        for (path, content) in [(manifest_path(), listed), (settled_path(), mark)] {
            let current = storage.read(&path)?;
            // Who has written it meanwhile has seen the same log, or a later one.
            storage.put_if_unchanged(&path, current.as_deref(), &content)?;
        }
        Ok(())
    }

    fn finish(&self, log: &[LogEntry], snapshot: &Snapshot, done: u64) -> Result<(), LakeError> {
        let storage = self.storage.as_ref();
        let open: Vec<&LogEntry> = log.iter().filter(|entry| entry.version > done).collect();
        storage.persist(&[&entry_path(snapshot.version)])?;

        let current = |path: &str| {
            snapshot
                .files
                .binary_search_by(|file| file.path.as_str().cmp(path))
                .is_ok()
        };
        let added = open.iter().flat_map(|entry| &entry.add);
        let (to_complete, given_up): (Vec<&PendingFile>, Vec<&PendingFile>) =
            added.partition(|file| current(&file.path));
        self.one_by_one(&to_complete, CrashPoint::AfterCompleting, |file| {
            storage.complete(&file.temp, &file.path, file.bytes)
        })?;
        let completed: Vec<&str> = to_complete.iter().map(|file| file.path.as_str()).collect();
        storage.persist(&completed)?;

        self.pass(CrashPoint::BeforeManifest)?;
        let content = serde_json::to_vec(&manifest(storage, snapshot)).map_err(not_json)?;
        advance(storage, &manifest_path(), snapshot.version, &content)?;

        self.pass(CrashPoint::AfterManifest)?;
        for_each(storage, &given_up, |file| storage.abort(&file.temp))?;
        let removed: Vec<&String> = open.iter().flat_map(|entry| &entry.remove).collect();
        self.one_by_one(&removed, CrashPoint::AfterDeleting, |path| {
            storage.delete(path)
        })?;
        self.pass(CrashPoint::AfterDeleting(removed.len()))?;

        self.pass(CrashPoint::BeforeSettled)?;
        let mark = serde_json::to_vec(&Mark {
            v: 1,
            version: snapshot.version,
        })
        .map_err(not_json)?;
        advance(storage, &settled_path(), snapshot.version, &mark)
    }

    /// Does `action` with each item, many at once where the storage likes that; one after the other, with `point`
    /// before each, when a test is going to stop here.
    fn one_by_one<I: Sync>(
        &self,
        items: &[I],
        point: impl Fn(usize) -> CrashPoint,
        action: impl Fn(&I) -> Result<(), LakeError> + Sync,
    ) -> Result<(), LakeError> {
        if self.crash_at.is_none() {
            for_each(self.storage.as_ref(), items, action)?;
            return Ok(());
        }
        for (done, item) in items.iter().enumerate() {
            self.pass(point(done))?;
            action(item)?;
        }
        Ok(())
    }
}

fn settled_path() -> String {
    format!("{HEADWORKS_FOLDER}/settled.json")
}

/// The version in a marked file; 0 when it is not there or cannot be read (then all is done again).
fn marked_version(storage: &dyn LakeStorage, path: &str) -> Result<u64, LakeError> {
    Ok(storage
        .read(path)?
        .map_or(0, |content| version_of(&content)))
}

fn version_of(content: &[u8]) -> u64 {
    serde_json::from_slice::<Mark>(content).map_or(0, |mark| mark.version)
}

/// Writes a marked file unless it is of the same or a newer version.
fn advance(
    storage: &dyn LakeStorage,
    path: &str,
    version: u64,
    content: &[u8],
) -> Result<(), LakeError> {
    loop {
        let current = storage.read(path)?;
        if current
            .as_deref()
            .is_some_and(|current| version_of(current) >= version)
        {
            return Ok(());
        }
        if storage.put_if_unchanged(path, current.as_deref(), content)? {
            return Ok(());
        }
    }
}

fn not_json(error: serde_json::Error) -> LakeError {
    LakeError::invalid(format!("cannot write JSON: {error}"), "please report it")
}

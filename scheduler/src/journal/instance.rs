//! Which scheduler a job belongs to, and whether it still lives.
//!
//! Each scheduler holds a lock on a file of its own in the state folder for as
//! long as its process lives; the operating system lets go of it when the
//! process dies, however it dies. A process id would not do: it is used again.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use super::JournalError;

const LOCK_PREFIX: &str = "scheduler-";
const LOCK_SUFFIX: &str = ".lock";

/// This scheduler's name in the journal, and its lock.
#[derive(Debug)]
pub(super) struct Instance {
    name: String,
    path: PathBuf,
    _lock: File,
}

impl Instance {
    /// Takes a new name and its lock.
    pub(super) fn start(state_dir: &Path) -> Result<Self, JournalError> {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let path = lock_path(state_dir, &name);
        let folder = |source| JournalError::Folder {
            path: path.clone(),
            source,
        };
        // Locked before it has its name, so that nobody takes it for a dead one's.
        let hidden = state_dir.join(format!(".{name}.tmp"));
        let lock = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&hidden)
            .map_err(folder)?;
        lock.lock().map_err(folder)?;
        std::fs::rename(&hidden, &path).map_err(folder)?;
        Ok(Self {
            name,
            path,
            _lock: lock,
        })
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Left behind it does no harm: the next scheduler removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the scheduler of that name still runs. When it cannot be told, it
/// is taken to run: a job must not have two drivers.
pub(super) fn is_alive(state_dir: &Path, name: &str) -> bool {
    match File::open(lock_path(state_dir, name)) {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Removes the lock files of schedulers that have died.
pub(super) fn remove_dead(state_dir: &Path) {
    let Ok(listing) = std::fs::read_dir(state_dir) else {
        return;
    };
    for entry in listing.flatten() {
        let file_name = entry.file_name();
        let name = file_name
            .to_str()
            .and_then(|n| n.strip_prefix(LOCK_PREFIX)?.strip_suffix(LOCK_SUFFIX));
        if let Some(name) = name
            && !is_alive(state_dir, name)
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn lock_path(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join(format!("{LOCK_PREFIX}{name}{LOCK_SUFFIX}"))
}

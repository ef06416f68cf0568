//! Removes what dead processes left: files that were started and that no log entry names (hidden temporaries of a
//! disk, open uploads of a bucket), staged files, and files that the log took out and that are still there.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::error::LakeError;
use crate::log::{list_entries, read_entries};
use crate::packs;
use crate::snapshot::fold;
use crate::staged::staged_folder;
use crate::storage::for_each;
use crate::table::{Table, named_places};

/// What a collection removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GcReport {
    /// The unfinished files that were removed: the temporaries, or the final paths of uploads; and those that the
    /// log had taken out. Relative to the table's folder.
    pub removed: Vec<String>,
    /// Their bytes, as far as the storage says: not those of uploads.
    pub removed_bytes: u64,
    /// The unfinished files that stay, since they are young or an entry names them.
    pub kept: Vec<String>,
}

impl Table {
    /// Removes unfinished files that were last written to (uploads: begun) at least `older_than` before `now`. It
    /// must be longer than the longest job, since a running job's finished files are among them. Of the visible
    /// files only those go that the log once had and has taken out: a process that died while another settled
    /// may have left one. Others are never touched; `verify` names them. Copies of the log's entries that a dead
    /// process owes it are written.
    ///
    /// # Errors
    /// [`LakeError::Storage`]; nothing is removed when the log cannot be read.
    pub fn gc(&self, now: SystemTime, older_than: Duration) -> Result<GcReport, LakeError> {
        // Until a commit is settled, readers have what it takes out, and not yet what it adds.
        self.settle()?;
        let mut report = GcReport::default();
        let storage = self.storage.as_ref();
        let is_old = |modified: SystemTime| {
            let age = now.duration_since(modified).unwrap_or_default();
            age >= older_than
        };
        // Listed before the log is read: what is committed in between is named there.
        let unfinished = storage.unfinished()?;
        let staged = storage.list(&staged_folder())?;
        let visible = self.visible_files()?;
        let entries = list_entries(storage)?;
        let log = read_entries(storage, &entries)?;
        packs::write_missing(storage, &entries, &log)?;
        let named = named_places(&log);
        let mut given_up = Vec::new();
        for file in unfinished {
            if named.contains(file.place.as_str()) || !is_old(file.modified) {
                report.kept.push(file.place);
            } else {
                given_up.push(file);
            }
        }
        for_each(storage, &given_up, |file| storage.abort(&file.token))?;
        for file in given_up {
            report.removed_bytes += file.bytes;
            report.removed.push(file.place);
        }

        let current = fold(&log)?.map_or_else(Vec::new, |snapshot| snapshot.files);
        let current: HashSet<&str> = current.iter().map(|file| file.path.as_str()).collect();
        let taken_out: HashSet<&str> = log
            .iter()
            .flat_map(|entry| entry.remove.iter().map(String::as_str))
            .collect();
        let mut left = visible;
        left.retain(|file| {
            let path = file.path.as_str();
            taken_out.contains(path) && !current.contains(path) && is_old(file.modified)
        });
        for file in staged {
            if is_old(file.modified) {
                left.push(file);
            } else {
                report.kept.push(file.path);
            }
        }
        for_each(storage, &left, |file| storage.delete(&file.path))?;
        for file in left {
            report.removed_bytes += file.bytes;
            report.removed.push(file.path);
        }
        Ok(report)
    }
}

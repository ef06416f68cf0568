//! Removes what dead processes left: hidden temporaries that no log entry names, and staged files.

use std::time::{Duration, SystemTime};

use crate::error::LakeError;
use crate::log::read_log;
use crate::staged::is_staged;
use crate::table::{Table, named_temporaries};

/// What a collection removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GcReport {
    /// The temporaries that were removed, relative to the table's folder.
    pub removed: Vec<String>,
    /// Their bytes.
    pub removed_bytes: u64,
    /// The temporaries that stay, since they are young or an entry names them.
    pub kept: Vec<String>,
}

impl Table {
    /// Removes temporaries that were last written to at least `older_than` before `now`. It must be longer than
    /// the longest job, since a running job's finished files are among them. Visible files are never touched.
    ///
    /// # Errors
    /// [`LakeError::Storage`]; nothing is removed when the log cannot be read.
    pub fn gc(&self, now: SystemTime, older_than: Duration) -> Result<GcReport, LakeError> {
        let mut report = GcReport::default();
        // Listed before the log is read: what is committed in between is named there.
        let files = self.storage.list("")?;
        let log = read_log(self.storage.as_ref())?;
        let named = named_temporaries(&log);
        for file in files {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let is_temporary = name.starts_with(".hw-") && name.ends_with(".tmp");
            if !is_temporary && !is_staged(&file.path) {
                continue;
            }
            let age = now.duration_since(file.modified).unwrap_or_default();
            if named.contains(file.path.as_str()) || age < older_than {
                report.kept.push(file.path);
                continue;
            }
            self.storage.delete(&file.path)?;
            report.removed_bytes += file.bytes;
            report.removed.push(file.path);
        }
        Ok(report)
    }
}

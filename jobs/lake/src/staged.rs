//! Rows on their way: what one step of a job has written for the next, which executors read and readers never see.
//!
//! An upsert writes the model's rows so before it merges them with the table's. A staged file is a data file whose
//! final path is hidden, `_headworks/staged/<name>.parquet`; no log entry ever names it. [`Table::stage`] makes the
//! files readable, [`Table::discard`] removes them, and what a dead process leaves [`Table::gc`] finds.

use crate::error::LakeError;
use crate::location::HEADWORKS_FOLDER;
use crate::pending::PendingFile;
use crate::storage::for_each;
use crate::table::Table;

/// The folder of staged files.
pub(crate) fn staged_folder() -> String {
    format!("{HEADWORKS_FOLDER}/staged")
}

/// The final path of a staged file.
pub(crate) fn staged_path(name: &str) -> String {
    format!("{}/{name}.parquet", staged_folder())
}

/// Whether a file with this final path is staged.
pub(crate) fn is_staged(path: &str) -> bool {
    let below = path.strip_prefix(HEADWORKS_FOLDER);
    below.is_some_and(|below| below.starts_with("/staged/"))
}

impl Table {
    /// Makes staged files readable under their paths. Repeatable.
    ///
    /// # Errors
    /// [`LakeError::Invalid`] for a file that was not written to be staged, [`LakeError::Corrupt`] when one is gone,
    /// [`LakeError::Storage`].
    pub fn stage(&self, files: &[PendingFile]) -> Result<(), LakeError> {
        for file in files {
            file.check()?;
            if !is_staged(&file.path) {
                return Err(LakeError::invalid(
                    format!("file `{}` is one of the table, not a staged one", file.path),
                    "this is a defect of Headworks: please report it",
                ));
            }
        }
        let storage = self.storage.as_ref();
        for_each(storage, files, |file| {
            storage.complete(&file.temp, &file.path, file.bytes)
        })?;
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        self.storage.persist(&paths)
    }
}

//! What a table will be once a commit is made: for those who look before they commit.
//!
//! The candidate is folded from the log and from the very entry that the commit would put, so it is what the commit
//! makes, whatever the mode. Its new files stand under the names at which they can be read now: a disk's hidden
//! temporaries, or, in a bucket, the copies that were written for this, which are staged first.

use crate::commit::{CommitError, CommitRequest, check_files};
use crate::error::LakeError;
use crate::modes::check_request;
use crate::pending::PendingFile;
use crate::settle::Settled;
use crate::snapshot::{Snapshot, fold};
use crate::table::Table;

impl Table {
    /// The table as `request` would make it now; nothing is changed but that an unsettled commit is finished. The
    /// version is the one that the commit would make: what was looked at is the version before it, which belongs into
    /// [`CommitRequest::checked`], so that the commit is refused if the table has moved on.
    ///
    /// # Errors
    /// As [`Table::commit`] refuses the request, and never that something is not known.
    pub fn candidate(&self, request: &CommitRequest) -> Result<Snapshot, CommitError> {
        let refused = |source| self.not_committed(source);
        check_request(request)
            .and_then(|()| check_files(request))
            .map_err(refused)?;
        let settled = self.settle().map_err(refused)?;
        self.check_mode(request, settled.as_ref())?;
        let copies: Vec<PendingFile> = copies_of(&request.files).collect();
        self.stage(&copies).map_err(refused)?;
        self.fold_with(request, settled).map_err(refused)
    }

    fn fold_with(
        &self,
        request: &CommitRequest,
        settled: Option<Settled>,
    ) -> Result<Snapshot, LakeError> {
        let mut entry = self.next_entry(request, settled.as_ref())?;
        for (file, wanted) in entry.add.iter_mut().zip(&request.files) {
            file.path = match &wanted.copy {
                Some(copy) => copy.path.clone(),
                None => self.storage.pending_path(&file.temp)?,
            };
        }
        let mut log = settled.map(|settled| settled.log).unwrap_or_default();
        log.push(entry);
        fold(&log)?.ok_or_else(|| LakeError::invalid("an empty log", "please report it"))
    }
}

/// The copies of files, to be discarded when nobody will look at them any more.
pub fn copies_of(files: &[PendingFile]) -> impl Iterator<Item = PendingFile> {
    files.iter().filter_map(PendingFile::staged_copy)
}

impl Snapshot {
    /// In how many rows a column is NULL, as far as the log knows; `None` when it does not know it of every file:
    /// of columns of structs and lists, of columns that a file lacks, or beyond the first ones of a wide file.
    pub fn null_count(&self, column: &str) -> Option<u64> {
        // A dot would leave open whether the column is meant, or one of a struct.
        if column.contains('.') || self.schema.index_of(column).is_err() {
            return None;
        }
        self.files
            .iter()
            .map(|file| match file.partition.get(column) {
                Some(Some(_)) => Some(0),
                Some(None) => Some(file.rows),
                None => file.stats.get(column).map(|stats| stats.null_count),
            })
            .sum()
    }
}

//! Packs: the entries of [`PACK_ENTRIES`] commits in one file, so that a log of many commits is read with few requests.
//!
//! A pack is a copy, and may be missing: the entries stay where they are, and stand for themselves wherever there is no
//! pack, or one that is not what it should be. The commit that fills a pack writes it, after all else; `gc` writes those
//! that are missing. A pack that is older than one of its entries is no copy of them: somebody has put others in their
//! places, from a backup for example.

use crate::error::LakeError;
use crate::location::HEADWORKS_FOLDER;
use crate::log::{LogEntry, parse_entry};
use crate::storage::{LakeStorage, StoredFile, for_each};

/// The entries of a pack.
pub(crate) const PACK_ENTRIES: u64 = 100;

fn folder() -> String {
    format!("{HEADWORKS_FOLDER}/packs")
}

/// The path of the pack that ends with a version.
fn pack_path(last: u64) -> String {
    format!("{}/{last:020}.jsonl", folder())
}

/// The last versions of the packs of a log of so many entries.
fn lasts(entries: usize) -> impl Iterator<Item = u64> {
    (1..=entries as u64 / PACK_ENTRIES).map(|pack| pack * PACK_ENTRIES)
}

/// The entries that packs have, oldest first. `listed` are the files of all entries.
pub(crate) fn read_packs(
    storage: &dyn LakeStorage,
    listed: &[StoredFile],
) -> Result<Vec<LogEntry>, LakeError> {
    let packs = for_each(storage, &copies(storage, listed)?, |last| {
        let content = storage.read(&pack_path(*last))?;
        Ok(content.and_then(|content| entries(storage, *last, &content)))
    })?;
    Ok(packs.into_iter().flatten().flatten().collect())
}

/// The last versions of the packs that are there, and are no older than their entries.
fn copies(storage: &dyn LakeStorage, listed: &[StoredFile]) -> Result<Vec<u64>, LakeError> {
    if (listed.len() as u64) < PACK_ENTRIES {
        return Ok(Vec::new());
    }
    let packs = storage.list(&folder())?;
    let is_copy = |last: &u64| {
        let path = pack_path(*last);
        let own = (last - PACK_ENTRIES) as usize..*last as usize;
        let own = listed.get(own).unwrap_or_default();
        let pack = packs.iter().find(|pack| pack.path == path);
        pack.is_some_and(|pack| own.iter().all(|entry| entry.modified <= pack.modified))
    };
    Ok(lasts(listed.len()).filter(is_copy).collect())
}

/// The entries of a pack; `None` if it does not have just those that it should.
fn entries(storage: &dyn LakeStorage, last: u64, content: &[u8]) -> Option<Vec<LogEntry>> {
    let mut lines = content.split_inclusive(|byte| *byte == b'\n');
    let entries = (last + 1 - PACK_ENTRIES..=last)
        .map(|version| parse_entry(storage, version, lines.next()?).ok())
        .collect::<Option<Vec<LogEntry>>>()?;
    lines.next().is_none().then_some(entries)
}

/// Writes the pack that ends with the last entry of a log, if one does. A log without it is as good: what goes wrong is
/// for the next who needs the storage to tell.
pub(crate) fn write_last(storage: &dyn LakeStorage, log: &[LogEntry]) {
    let entries = log.len() as u64;
    if entries.is_multiple_of(PACK_ENTRIES) {
        let _ = write(storage, log, entries);
    }
}

/// Writes the packs that a log lacks, in place of those that are no copies of it. `listed` are the files of its entries.
pub(crate) fn write_missing(
    storage: &dyn LakeStorage,
    listed: &[StoredFile],
    log: &[LogEntry],
) -> Result<(), LakeError> {
    let copies = copies(storage, listed)?;
    let all: Vec<u64> = lasts(listed.len()).collect();
    for_each(storage, &all, |last| {
        let content = match copies.contains(last) {
            true => storage.read(&pack_path(*last))?,
            false => None,
        };
        if content.is_some_and(|content| entries(storage, *last, &content).is_some()) {
            return Ok(());
        }
        storage.delete(&pack_path(*last))?;
        write(storage, log, *last)
    })?;
    Ok(())
}

fn write(storage: &dyn LakeStorage, log: &[LogEntry], last: u64) -> Result<(), LakeError> {
    let own = last.saturating_sub(PACK_ENTRIES) as usize..last as usize;
    let mut content = Vec::new();
    for entry in log
        .get(own)
        .filter(|own| !own.is_empty())
        .unwrap_or_default()
    {
        let line = serde_json::to_vec(entry).map_err(|error| {
            LakeError::invalid(format!("cannot write JSON: {error}"), "please report it")
        })?;
        content.extend_from_slice(&line);
        content.push(b'\n');
    }
    if !content.is_empty() {
        storage.put_if_absent(&pack_path(last), &content)?;
    }
    Ok(())
}

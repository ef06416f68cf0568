//! A table on a local or mounted disk.
//!
//! - A data file is written under a hidden name in `_headworks/pending`, so a job that fails leaves nothing in
//!   the partitions' folders, and gets its final name by a rename.
//! - *If absent* is a hard link of a finished temporary: it fails when the name is taken, and whoever sees the
//!   name sees the whole content.
//! - *If unchanged* compares and renames under an advisory lock, which the system drops when its holder dies.
//! - Files are synced before they get a name, and folders after.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{LakeStorage, StoredFile, Unfinished, Upload};
use crate::error::LakeError;
use crate::location::HEADWORKS_FOLDER;

/// How often an action is tried again when somebody else has just removed the empty folder that it needs.
const FOLDER_RACES_MAX: usize = 16;

/// A table's folder on a disk.
#[derive(Debug)]
pub struct LocalStorage {
    root: PathBuf,
}

impl LocalStorage {
    /// The storage of the table whose folder is `root`; nothing is created before something is written.
    pub fn new(root: PathBuf) -> Self {
        LocalStorage { root }
    }

    fn full(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Creates the folder of `target` and then does `action`; again if the folder was removed in between.
    fn in_folder<T>(
        &self,
        target: &Path,
        mut action: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut tried = 0;
        loop {
            let made = target.parent().map_or(Ok(()), make_folder);
            match made.and_then(|()| action()) {
                Err(error) if error.kind() == ErrorKind::NotFound && tried < FOLDER_RACES_MAX => {
                    tried += 1;
                }
                other => return other,
            }
        }
    }

    /// A hidden file beside `target` with the content in it, synced.
    fn write_beside(&self, target: &Path, content: &[u8]) -> Result<PathBuf, LakeError> {
        let temp = target.with_file_name(format!(".hw-put-{}.tmp", uuid::Uuid::new_v4().simple()));
        let written = self
            .in_folder(target, || {
                OpenOptions::new().write(true).create_new(true).open(&temp)
            })
            .and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            });
        if let Err(error) = written {
            let _ = fs::remove_file(&temp);
            return Err(failed("write", target, error));
        }
        Ok(temp)
    }

    fn prune(&self, path: &Path) {
        prune(&self.root, path);
    }
}

impl LakeStorage for LocalStorage {
    fn url(&self, path: &str) -> String {
        format!("file://{}", self.full(path).display())
    }

    fn create(&self, name: &str, _path: &str) -> Result<Box<dyn Upload>, LakeError> {
        let temp = format!("{HEADWORKS_FOLDER}/pending/.hw-{name}.tmp");
        let full = self.full(&temp);
        let file = self
            .in_folder(&full, || {
                OpenOptions::new().write(true).create_new(true).open(&full)
            })
            .map_err(|error| failed("create", &full, error).table_unchanged())?;
        Ok(Box::new(LocalUpload {
            temp,
            full,
            file,
            root: self.root.clone(),
            finished: false,
        }))
    }

    fn complete(&self, token: &str, path: &str, bytes: u64) -> Result<(), LakeError> {
        let (temp, target) = (self.full(token), self.full(path));
        let renamed = self.in_folder(&target, || match fs::rename(&temp, &target) {
            Err(error) if error.kind() == ErrorKind::NotFound && !temp.exists() => Ok(false),
            other => other.map(|()| true),
        });
        match renamed {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(failed("rename to", &target, error)),
        }
        match self.bytes(path)? {
            Some(found) if found == bytes => Ok(()),
            found => {
                self.prune(&target);
                Err(LakeError::corrupt(
                    target.display().to_string(),
                    format!(
                        "the log says {bytes} bytes, there are {}, and the temporary `{}` is gone",
                        found.map_or("none".to_string(), |n| n.to_string()),
                        temp.display()
                    ),
                    "restore the file from a copy, or overwrite the table",
                ))
            }
        }
    }

    fn abort(&self, token: &str) -> Result<(), LakeError> {
        self.delete(token)
    }

    fn pending_bytes(&self, token: &str) -> Result<Option<u64>, LakeError> {
        self.bytes(token)
    }

    fn unfinished(&self) -> Result<Vec<Unfinished>, LakeError> {
        let mut found = Vec::new();
        for file in self.list("")? {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if name.starts_with(".hw-") && name.ends_with(".tmp") {
                found.push(Unfinished {
                    place: file.path.clone(),
                    token: file.path,
                    bytes: file.bytes,
                    modified: file.modified,
                });
            }
        }
        Ok(found)
    }

    fn pending_path(&self, token: &str) -> Result<String, LakeError> {
        // The hidden temporary itself.
        Ok(token.to_owned())
    }

    fn persist(&self, paths: &[&str]) -> Result<(), LakeError> {
        // A new folder's own name lies in its parent: all of them up to the lake's are synced, each once.
        let mut folders = BTreeSet::new();
        for path in paths {
            let full = self.full(path);
            for folder in full.ancestors().skip(1) {
                folders.insert(folder.to_path_buf());
                if folder == self.root {
                    break;
                }
            }
        }
        for folder in folders {
            match sync_folder(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => other.map_err(|error| failed("sync", &folder, error))?,
            }
        }
        Ok(())
    }

    fn put_if_absent(&self, path: &str, content: &[u8]) -> Result<bool, LakeError> {
        let target = self.full(path);
        let temp = self.write_beside(&target, content)?;
        let linked = fs::hard_link(&temp, &target);
        let _ = fs::remove_file(&temp);
        match linked {
            Ok(()) => {
                self.persist(&[path])?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed("create (by a hard link)", &target, error)),
        }
    }

    fn put_if_unchanged(
        &self,
        path: &str,
        expected: Option<&[u8]>,
        content: &[u8],
    ) -> Result<bool, LakeError> {
        let (target, lock) = (
            self.full(path),
            self.full(&format!("{HEADWORKS_FOLDER}/.lock")),
        );
        let guard = self
            .in_folder(&lock, || {
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(&lock)
            })
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| failed("lock", &lock, error))?;
        if self.read(path)?.as_deref() != expected {
            return Ok(false);
        }
        let temp = self.write_beside(&target, content)?;
        if let Err(error) = fs::rename(&temp, &target) {
            let _ = fs::remove_file(&temp);
            return Err(failed("write", &target, error));
        }
        self.persist(&[path])?;
        drop(guard);
        Ok(true)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        let full = self.full(path);
        absent_is_none(fs::read(&full)).map_err(|error| failed("read", &full, error))
    }

    fn read_range(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>, LakeError> {
        let full = self.full(path);
        let mut content = vec![0; range.end.saturating_sub(range.start) as usize];
        File::open(&full)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(range.start))?;
                file.read_exact(&mut content)
            })
            .map_err(|error| failed("read", &full, error))?;
        Ok(content)
    }

    fn bytes(&self, path: &str) -> Result<Option<u64>, LakeError> {
        let full = self.full(path);
        absent_is_none(fs::metadata(&full).map(|meta| meta.len()))
            .map_err(|error| failed("look at", &full, error))
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredFile>, LakeError> {
        let mut found = Vec::new();
        let mut waiting = vec![folder.trim_end_matches('/').to_string()];
        while let Some(folder) = waiting.pop() {
            let full = self.full(&folder);
            let listing = match absent_is_none(fs::read_dir(&full)) {
                Ok(Some(listing)) => listing,
                Ok(None) => continue,
                Err(error) => return Err(failed("list", &full, error)),
            };
            for item in listing {
                let item = item.map_err(|error| failed("list", &full, error))?;
                let name = item.file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                // A file may go while we look: then it is not in the listing.
                let Some(meta) = absent_is_none(fs::metadata(item.path()))
                    .map_err(|error| failed("look at", &item.path(), error))?
                else {
                    continue;
                };
                if meta.is_dir() {
                    waiting.push(path);
                } else {
                    let modified = meta
                        .modified()
                        .map_err(|error| failed("look at", &item.path(), error))?;
                    found.push(StoredFile {
                        path,
                        bytes: meta.len(),
                        modified,
                    });
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn delete(&self, path: &str) -> Result<(), LakeError> {
        let full = self.full(path);
        absent_is_none(fs::remove_file(&full)).map_err(|error| failed("delete", &full, error))?;
        self.prune(&full);
        Ok(())
    }
}

/// Removes the folders above `path` that are empty, up to and with the table's own, `root`.
fn prune(root: &Path, path: &Path) {
    let mut folder = path.parent();
    while let Some(current) = folder {
        if !current.starts_with(root) || fs::remove_dir(current).is_err() {
            return;
        }
        folder = current.parent();
    }
}

struct LocalUpload {
    temp: String,
    full: PathBuf,
    file: File,
    root: PathBuf,
    finished: bool,
}

impl Write for LocalUpload {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.file.write(content)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Upload for LocalUpload {
    fn finish(mut self: Box<Self>) -> Result<String, LakeError> {
        self.file
            .sync_data()
            .and_then(|()| self.full.parent().map_or(Ok(()), sync_folder))
            .map_err(|error| failed("sync", &self.full, error).table_unchanged())?;
        self.finished = true;
        Ok(self.temp.clone())
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        match absent_is_none(fs::remove_file(&self.full)) {
            Ok(_) => prune(&self.root, &self.full),
            Err(error) => {
                tracing::warn!(%error, path = %self.full.display(), "a temporary is left for `lake gc`");
            }
        }
    }
}

/// Creates a folder and those above it; the new names are durable when it returns.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut topmost_new = folder;
    while let Some(above) = topmost_new.parent().filter(|above| !above.exists()) {
        topmost_new = above;
    }
    let existing = topmost_new.parent();
    fs::create_dir_all(folder)?;
    for made in folder.ancestors().skip(1) {
        match sync_folder(made) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        if Some(made) == existing {
            break;
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network disks cannot sync a folder, and a folder above the lake may not be ours to read.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(action: &'static str, path: &Path, error: io::Error) -> LakeError {
    LakeError::storage(action, path.display().to_string(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_puts_on_one_content_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let count = |storage: &LocalStorage| -> u64 {
            let text = storage.read("x/n").unwrap().unwrap_or_default();
            String::from_utf8(text).unwrap().parse().unwrap_or(0)
        };
        let (threads, rounds) = (4, 25);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let storage = LocalStorage::new(folder.path().join("t"));
                    let mut done = 0;
                    while done < rounds {
                        let before = storage.read("x/n").unwrap();
                        let text = before.clone().map(|text| String::from_utf8(text).unwrap());
                        let next = text.map_or(0, |text| text.parse::<u64>().unwrap()) + 1;
                        let content = next.to_string();
                        let put =
                            storage.put_if_unchanged("x/n", before.as_deref(), content.as_bytes());
                        done += u64::from(put.unwrap());
                    }
                });
            }
        });
        let storage = LocalStorage::new(folder.path().join("t"));
        assert_eq!(count(&storage), threads * rounds);
    }

    #[test]
    fn a_put_if_absent_never_changes_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let storage = LocalStorage::new(folder.path().join("t"));
        assert!(storage.put_if_absent("x/a", b"first").unwrap());
        assert!(!storage.put_if_absent("x/a", b"second").unwrap());
        assert_eq!(storage.read("x/a").unwrap().unwrap(), b"first");
        let names: Vec<String> = storage
            .list("")
            .unwrap()
            .into_iter()
            .map(|f| f.path)
            .collect();
        assert_eq!(names, ["x/a"], "no temporary is left");
        assert_eq!(storage.read_range("x/a", 1..3).unwrap(), b"ir");
        storage.delete("x/a").unwrap();
        storage.delete("x/a").unwrap();
        assert!(
            !folder.path().join("t").exists(),
            "empty folders go, the table's own too"
        );
        assert!(folder.path().exists(), "the lake's folder stays");
    }

    #[test]
    fn hidden_names_are_not_visible() {
        for (path, visible) in [
            ("part=a/x.parquet", true),
            ("x.parquet", true),
            ("_headworks/log/1.json", false),
            ("part=a/.hw-x.tmp", false),
            ("part=a/_x/y.parquet", false),
        ] {
            let modified = std::time::SystemTime::UNIX_EPOCH;
            let file = StoredFile {
                path: path.into(),
                bytes: 0,
                modified,
            };
            assert_eq!(file.is_visible(), visible, "{path}");
        }
    }
}

//! Where a conversion puts its result: nothing that was there is lost unless
//! asked for, and nothing half-done is ever seen under the name of OUT.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::errors::Failure;

/// The names of a conversion's data files in a folder begin so.
const PART_PREFIX: &str = "part-";
/// What an OUT that is one file ends in.
const PARQUET_EXTENSION: &str = "parquet";

/// OUT, and what stands beside it while the conversion runs.
#[derive(Debug)]
pub(crate) struct Place {
    out: PathBuf,
    /// Bad records: `OUT.quarantine`, a folder.
    quarantine: PathBuf,
    /// Hidden, on the same file system as OUT, removed when this is dropped.
    work: PathBuf,
    overwrite: bool,
}

impl Place {
    /// Checks that OUT may be written, and makes the hidden folder beside it.
    ///
    /// # Errors
    /// When OUT or its quarantine is there and may not be replaced, or its
    /// folder cannot be written.
    pub(crate) fn prepare(out: &Path, overwrite: bool) -> Result<Self, Failure> {
        let out = std::path::absolute(out)
            .map_err(|e| Failure::usage(format!("{} cannot be written: {e}", out.display())))?;
        let (Some(parent), Some(name)) = (out.parent(), out.file_name()) else {
            return Err(Failure::usage(format!(
                "{} is no name of a file or folder to write",
                out.display()
            )));
        };
        let name = name.to_string_lossy();
        let place = Self {
            quarantine: out.with_file_name(format!("{name}.quarantine")),
            work: parent.join(format!(".hw-convert-{name}-{}", std::process::id())),
            out: out.clone(),
            overwrite,
        };
        for target in [&place.out, &place.quarantine] {
            place.check_free(target)?;
        }
        let cannot = |e: io::Error| {
            Failure::failed(format!(
                "{} cannot be written: {e}\n  next: check the folder's permissions and its disk",
                parent.display()
            ))
        };
        fs::create_dir_all(parent).map_err(cannot)?;
        fs::create_dir(&place.work).map_err(cannot)?;
        Ok(place)
    }

    /// The hidden folder.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// Where bad records go.
    pub(crate) fn quarantine(&self) -> &Path {
        &self.quarantine
    }

    /// Whether the result is one file.
    pub(crate) fn is_one_file(&self) -> bool {
        self.out
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case(PARQUET_EXTENSION))
    }

    /// Gives the finished file in the hidden folder the name OUT.
    ///
    /// # Errors
    /// When something took that name meanwhile, or the disk fails.
    pub(crate) fn publish_file(&self, finished: &Path) -> Result<(), Failure> {
        let moved = if self.overwrite {
            fs::rename(finished, &self.out)
        } else {
            fs::hard_link(finished, &self.out)
        };
        moved
            .and_then(|()| sync_parent(&self.out))
            .map_err(|e| self.cannot_publish(&self.out, &e))
    }

    /// Makes OUT a folder of these files.
    ///
    /// # Errors
    /// As [`Place::publish_file`].
    pub(crate) fn publish_folder(&self, parts: &[PathBuf]) -> Result<(), Failure> {
        self.publish_parts(parts, &self.out, "new")
    }

    /// Makes OUT.quarantine a folder of these files.
    ///
    /// # Errors
    /// As [`Place::publish_file`].
    pub(crate) fn publish_quarantine(&self, parts: &[PathBuf]) -> Result<(), Failure> {
        self.publish_parts(parts, &self.quarantine, "new-quarantine")
    }

    /// Removes the quarantine of an earlier conversion that OUT replaces.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn remove_old_quarantine(&self) -> Result<(), Failure> {
        if self.overwrite && self.quarantine.is_dir() {
            fs::remove_dir_all(&self.quarantine)
                .map_err(|e| self.cannot_publish(&self.quarantine, &e))?;
        }
        Ok(())
    }

    fn publish_parts(&self, parts: &[PathBuf], target: &Path, staged: &str) -> Result<(), Failure> {
        let staged = self.work.join(staged);
        let publish = || {
            fs::create_dir(&staged)?;
            for (i, part) in parts.iter().enumerate() {
                fs::rename(
                    part,
                    staged.join(format!("{PART_PREFIX}{i:05}.{PARQUET_EXTENSION}")),
                )?;
            }
            fs::File::open(&staged)?.sync_all()?;
            if self.overwrite && target.exists() {
                let old = staged.with_extension("old");
                fs::rename(target, &old)?;
            }
            // Fails if the target is there and is not an empty folder.
            fs::rename(&staged, target)?;
            sync_parent(target)
        };
        publish().map_err(|e: io::Error| self.cannot_publish(target, &e))
    }

    /// Only what a conversion has made is ever replaced: a file by a file,
    /// and a folder that holds nothing but a conversion's parts.
    fn check_free(&self, target: &Path) -> Result<(), Failure> {
        let Ok(meta) = fs::symlink_metadata(target) else {
            return Ok(());
        };
        let shown = target.display();
        if !self.overwrite {
            return Err(Failure::usage(format!(
                "{shown} is there already\n  next: choose another name, or give --overwrite to replace it"
            )));
        }
        let may_be_file = target == self.out && self.is_one_file();
        if may_be_file && meta.is_file() {
            return Ok(());
        }
        if !may_be_file && meta.is_dir() && holds_parts_only(target) {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{shown} is no earlier result of `convert` and will not be replaced\n  next: choose another name, or remove it yourself"
        )))
    }

    fn cannot_publish(&self, target: &Path, e: &io::Error) -> Failure {
        Failure::failed(format!(
            "{} cannot be put in place: {e}\n  next: nothing there was changed; free the name or the disk and convert again",
            target.display()
        ))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.work);
    }
}

fn holds_parts_only(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.all(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(PART_PREFIX)
                    && Path::new(name.as_ref())
                        .extension()
                        .is_some_and(|e| e == PARQUET_EXTENSION)
            })
        })
    })
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(place: &Place, name: &str, text: &str) -> PathBuf {
        let path = place.work().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_takes_its_name_at_the_end_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("deep/out.parquet");
        let place = Place::prepare(&out, false).unwrap();
        assert!(place.is_one_file());
        place.publish_file(&finished(&place, "x", "new")).unwrap();
        drop(place);
        assert_eq!(fs::read_to_string(&out).unwrap(), "new");
        assert_eq!(names(out.parent().unwrap()), ["out.parquet"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked_and_only_by_its_like() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out.parquet");
        fs::write(&file, "old").unwrap();
        let failure = Place::prepare(&file, false).unwrap_err();
        assert_eq!(failure.exit().code(), 2);
        assert!(failure.to_string().contains("--overwrite"), "{failure}");
        let place = Place::prepare(&file, true).unwrap();
        place.publish_file(&finished(&place, "x", "new")).unwrap();
        drop(place);
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");

        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("letters.txt"), "dear").unwrap();
        let failure = Place::prepare(&home, true).unwrap_err();
        assert!(
            failure.to_string().contains("will not be replaced"),
            "{failure}"
        );
        assert_eq!(names(&home), ["letters.txt"]);
        assert_eq!(
            names(dir.path()),
            ["home", "out.parquet"],
            "no hidden folder is left"
        );
    }

    #[test]
    fn a_name_taken_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out.parquet");
        let place = Place::prepare(&out, false).unwrap();
        fs::write(&out, "someone else's").unwrap();
        place
            .publish_file(&finished(&place, "x", "new"))
            .unwrap_err();
        assert_eq!(fs::read_to_string(&out).unwrap(), "someone else's");
    }

    #[test]
    fn a_folder_gets_numbered_parts_and_replaces_an_earlier_result_whole() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        for (overwrite, texts) in [(false, vec!["a", "b"]), (true, vec!["c"])] {
            let place = Place::prepare(&out, overwrite).unwrap();
            assert!(!place.is_one_file());
            let parts: Vec<PathBuf> = texts
                .iter()
                .map(|text| finished(&place, text, text))
                .collect();
            place.remove_old_quarantine().unwrap();
            place.publish_folder(&parts).unwrap();
            place
                .publish_quarantine(&[finished(&place, "q", "bad")])
                .unwrap();
        }
        assert_eq!(names(&out), ["part-00000.parquet"]);
        assert_eq!(
            fs::read_to_string(out.join("part-00000.parquet")).unwrap(),
            "c"
        );
        assert_eq!(names(dir.path()), ["out", "out.quarantine"]);
    }
}

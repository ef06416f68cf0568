//! Where a table lies: the lake's folder, on a disk or in a bucket, and the table's name in it.
//!
//! A location travels from the driver to the executors inside a plan, so it is plain text, and it is checked
//! again wherever it arrives.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headworks_stores::{is_url, split_url};
use serde::{Deserialize, Serialize};

use crate::error::LakeError;
use crate::storage::{LakeStorage, LocalStorage, S3Storage, folders_of, has_log};

/// The folder of a lake below which the quarantine tables lie, one for each source.
pub const QUARANTINE_FOLDER: &str = "_quarantine";

/// The folder of a table that holds the log and all that readers of data files must not see.
pub const HEADWORKS_FOLDER: &str = "_headworks";

/// A lake and a table in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawLocation")]
pub struct TableLocation {
    lake: String,
    table: String,
}

#[derive(Deserialize)]
struct RawLocation {
    lake: String,
    table: String,
}

impl TryFrom<RawLocation> for TableLocation {
    type Error = LakeError;

    fn try_from(raw: RawLocation) -> Result<Self, LakeError> {
        match raw
            .table
            .strip_prefix(QUARANTINE_FOLDER)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            Some(source) => TableLocation::quarantine(&raw.lake, source),
            None => TableLocation::new(&raw.lake, &raw.table),
        }
    }
}

impl TableLocation {
    /// The table of a model. `lake` is a path, absolute or relative to the working folder, a `file://` URL, or
    /// `s3://bucket/path`.
    ///
    /// # Errors
    /// [`LakeError::Invalid`] when the lake's scheme is not supported, or when the table's name has other
    /// characters than letters, digits, `_` and `-`, or starts with `_` (such folders are hidden from readers).
    pub fn new(lake: &str, table: &str) -> Result<Self, LakeError> {
        if table.starts_with('_') {
            return Err(bad_name(
                "table",
                table,
                "names that start with `_` are hidden in a lake",
            ));
        }
        check_name("table", table)?;
        Ok(TableLocation {
            lake: absolute(lake)?,
            table: table.to_string(),
        })
    }

    /// The quarantine table of a source: `_quarantine/<source>`.
    ///
    /// # Errors
    /// As [`TableLocation::new`].
    pub fn quarantine(lake: &str, source: &str) -> Result<Self, LakeError> {
        check_name("source", source)?;
        Ok(TableLocation {
            lake: absolute(lake)?,
            table: format!("{QUARANTINE_FOLDER}/{source}"),
        })
    }

    /// The lake's absolute path, or its URL.
    pub fn lake(&self) -> &str {
        &self.lake
    }

    /// The table's name, relative to the lake.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The table's folder: an absolute path, or `s3://bucket/...`.
    pub fn folder(&self) -> String {
        if is_url(&self.lake) {
            format!("{}/{}", self.lake, self.table)
        } else {
            self.root().to_string_lossy().into_owned()
        }
    }

    /// The table's folder on a disk; it means nothing for a lake in a bucket.
    pub fn root(&self) -> PathBuf {
        Path::new(&self.lake).join(&self.table)
    }

    /// The storage that holds the table, rooted at the table's folder.
    pub(crate) fn storage(&self) -> Arc<dyn LakeStorage> {
        if is_url(&self.lake) {
            Arc::new(S3Storage::new(&self.folder()))
        } else {
            Arc::new(LocalStorage::new(self.root()))
        }
    }

    fn is_quarantine(&self) -> bool {
        self.table.starts_with(QUARANTINE_FOLDER)
    }

    fn has_log(&self) -> Result<bool, LakeError> {
        if is_url(&self.lake) {
            has_log(&self.folder())
        } else {
            Ok(self.root().join(HEADWORKS_FOLDER).join("log").is_dir())
        }
    }
}

/// The tables of a lake that have a log, by name; those of the quarantine come last.
///
/// # Errors
/// [`LakeError::Storage`] when the lake's folder cannot be listed. A lake that does not exist has no tables.
pub fn tables(lake: &str) -> Result<Vec<TableLocation>, LakeError> {
    let mut tables = Vec::new();
    for location in candidates(lake)? {
        if location.has_log()? {
            tables.push(location);
        }
    }
    Ok(tables)
}

/// The same, and the tables that have no log yet but files that were started: a job that died before its first commit
/// leaves such a one for [`Table::gc`](crate::Table::gc).
///
/// # Errors
/// As [`tables`].
pub fn tables_begun(lake: &str) -> Result<Vec<TableLocation>, LakeError> {
    let mut begun = candidates(lake)?;
    if is_url(lake) {
        let root = absolute(lake)?;
        // An upload that nobody has completed is in no listing of folders.
        for upload in S3Storage::new(&root).unfinished()? {
            let mut parts = upload.place.split('/');
            let location = match (parts.next(), parts.next()) {
                (Some(QUARANTINE_FOLDER), Some(source)) => TableLocation::quarantine(&root, source),
                (Some(table), Some(_)) => TableLocation::new(&root, table),
                _ => continue,
            };
            begun.extend(location.ok().filter(|location| !begun.contains(location)));
        }
        begun.sort_by(|a, b| (a.is_quarantine(), &a.table).cmp(&(b.is_quarantine(), &b.table)));
    } else {
        begun.retain(|location| location.root().join(HEADWORKS_FOLDER).is_dir());
    }
    Ok(begun)
}

/// The folders of a lake that may be tables.
fn candidates(lake: &str) -> Result<Vec<TableLocation>, LakeError> {
    let root = absolute(lake)?;
    let mut found = Vec::new();
    for name in folders(&root)? {
        found.extend(TableLocation::new(&root, &name).ok());
    }
    for name in folders(&format!("{root}/{QUARANTINE_FOLDER}"))? {
        found.extend(TableLocation::quarantine(&root, &name).ok());
    }
    Ok(found)
}

fn folders(root: &str) -> Result<Vec<String>, LakeError> {
    if is_url(root) {
        return folders_of(root);
    }
    let failed = |error| LakeError::storage("list", root, error);
    let listing = match std::fs::read_dir(root) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for item in listing {
        let item = item.map_err(failed)?;
        if item.path().is_dir()
            && let Ok(name) = item.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn absolute(lake: &str) -> Result<String, LakeError> {
    if is_url(lake) {
        let lake = lake.trim_end_matches('/');
        split_url(lake).map_err(|error| LakeError::invalid(error.to_string(), "then run again"))?;
        return Ok(lake.to_string());
    }
    let path = match lake.split_once("://") {
        Some(("file", path)) => path,
        Some((scheme, _)) => {
            return Err(LakeError::invalid(
                format!("lake `{lake}`: `{scheme}://` is not supported yet"),
                "name a folder of a local or mounted disk, or s3://BUCKET/PATH",
            ));
        }
        None => lake,
    };
    if path.is_empty() {
        return Err(LakeError::invalid(
            "the lake's path is empty",
            "name a folder",
        ));
    }
    let path =
        std::path::absolute(path).map_err(|error| LakeError::storage("find", path, error))?;
    match path.to_str() {
        Some(text) => Ok(text.to_string()),
        None => Err(LakeError::invalid(
            format!("lake `{}`: the path is not UTF-8", path.display()),
            "name a folder whose path is UTF-8",
        )),
    }
}

fn check_name(kind: &str, name: &str) -> Result<(), LakeError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with('-') {
        return Err(bad_name(
            kind,
            name,
            "letters, digits, `_` and `-` are allowed",
        ));
    }
    Ok(())
}

fn bad_name(kind: &str, name: &str, why: &str) -> LakeError {
    LakeError::invalid(
        format!("`{name}` cannot be a {kind} of a lake: {why}"),
        "choose another name",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_lake_are_refused() {
        for name in ["", "..", "a/b", "_log", "-x", ".t", "a b", "é"] {
            assert!(TableLocation::new("/lake", name).is_err(), "{name}");
        }
        for name in ["a", "spend_by_agency_year", "x-1"] {
            assert!(TableLocation::new("/lake", name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_location_survives_json_and_is_checked_on_arrival() {
        for location in [
            TableLocation::new("/lake", "contracts").unwrap(),
            TableLocation::quarantine("file:///lake", "awards").unwrap(),
            TableLocation::quarantine("s3://bucket/lake", "awards").unwrap(),
        ] {
            let json = serde_json::to_string(&location).unwrap();
            assert_eq!(
                serde_json::from_str::<TableLocation>(&json).unwrap(),
                location
            );
        }
        let evil = r#"{"lake":"/lake","table":"../x"}"#;
        assert!(serde_json::from_str::<TableLocation>(evil).is_err());
    }

    #[test]
    fn lakes_are_absolute_or_urls_of_s3() {
        let relative = TableLocation::new("lake", "t").unwrap();
        assert!(Path::new(relative.lake()).is_absolute());
        let bucket = TableLocation::new("s3://bucket/x/", "t").unwrap();
        assert_eq!(bucket.lake(), "s3://bucket/x");
        assert_eq!(bucket.folder(), "s3://bucket/x/t");
        let quarantine = TableLocation::quarantine("s3://bucket", "s").unwrap();
        assert_eq!(quarantine.folder(), "s3://bucket/_quarantine/s");
        for (lake, said) in [
            ("gs://bucket/x", "`gs://` is not supported yet"),
            ("s3:///x", "s3://BUCKET/PATH"),
        ] {
            let error = TableLocation::new(lake, "t").unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn tables_of_a_bucket_are_folders_with_a_log() {
        let bucket = headworks_stores::memory::mount("lake-tables");
        for key in [
            "x/b/_headworks/log/1.json",
            "x/a/_headworks/log/1.json",
            "x/c/y.parquet",
            "x/_quarantine/s/_headworks/log/1.json",
        ] {
            let put = Arc::clone(&bucket.store);
            headworks_stores::wait(async move {
                object_store::ObjectStoreExt::put(&put, &key.into(), "{}".into()).await
            })
            .unwrap();
        }
        let found = tables("s3://lake-tables/x/").unwrap();
        let names: Vec<&str> = found.iter().map(TableLocation::table).collect();
        assert_eq!(names, ["a", "b", "_quarantine/s"]);
        assert!(tables("s3://lake-tables/none").unwrap().is_empty());
    }

    #[test]
    fn only_folders_with_a_log_are_tables() {
        let lake = tempfile::tempdir().unwrap();
        let root = lake.path().to_str().unwrap();
        for folder in [
            "b/_headworks/log",
            "a/_headworks/log",
            "c/x",
            "_quarantine/s/_headworks/log",
        ] {
            std::fs::create_dir_all(lake.path().join(folder)).unwrap();
        }
        let found = tables(root).unwrap();
        let names: Vec<&str> = found.iter().map(TableLocation::table).collect();
        assert_eq!(names, ["a", "b", "_quarantine/s"]);
        assert!(tables(&format!("{root}/none")).unwrap().is_empty());
    }
}

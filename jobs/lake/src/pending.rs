//! What an executor hands to the driver for each file it has written: enough to commit it, or to remove it.

use serde::{Deserialize, Serialize};

use crate::error::LakeError;
use crate::partition::PartitionValues;
use crate::staged::is_staged;
use crate::stats::FileStats;
use crate::storage::UploadToken;

/// A finished, durable data file that nobody can see before it is committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingFile {
    /// What the storage needs to make the file visible. On a disk it is the temporary's path relative to the
    /// table's folder: its name starts with `.` and does not end in `.parquet`. On S3 it is a JSON object: the
    /// upload's id, the path, and the parts.
    pub temp: String,
    /// The final path, relative to the table's folder.
    pub path: String,
    /// Rows in the file, as the encoder counted them.
    pub rows: u64,
    /// The file's length in bytes.
    pub bytes: u64,
    /// The values of the partition columns, in the order of the folders.
    pub partition: PartitionValues,
    /// Statistics of each column, from the footer.
    pub stats: FileStats,
    /// The same content once more, for those who look at it before the commit; where an unfinished file cannot be
    /// read, and somebody will look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<PendingCopy>,
}

/// A copy of a pending file, staged beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCopy {
    /// As [`PendingFile::temp`].
    pub temp: String,
    /// The path at which it can be read once it is staged, relative to the table's folder.
    pub path: String,
}

impl PendingFile {
    /// Its copy, if it has one, as a file to be [staged](crate::Table::stage), and discarded in the end.
    pub fn staged_copy(&self) -> Option<PendingFile> {
        let copy = self.copy.as_ref()?;
        Some(PendingFile {
            temp: copy.temp.clone(),
            path: copy.path.clone(),
            copy: None,
            ..self.clone()
        })
    }

    /// Where the file lies until it is committed: a name that tells it from all others of the table.
    pub fn place(&self) -> &str {
        if UploadToken::is_one(&self.temp) {
            &self.path
        } else {
            &self.temp
        }
    }

    /// Checks that both paths stay inside the table, the one hidden and the other visible to readers (or that of a
    /// [staged](crate::Table::stage) file). A manifest row comes over the wire, and a commit renames and deletes by it.
    ///
    /// # Errors
    /// [`LakeError::Invalid`] names the path.
    pub fn check(&self) -> Result<(), LakeError> {
        let inside = |path: &str| {
            !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        };
        let name = self.temp.rsplit('/').next().unwrap_or_default();
        let hidden = name.starts_with('.') && !name.ends_with(".parquet");
        let visible = self.path.ends_with(".parquet")
            && (!self.path.starts_with(['.', '_']) || is_staged(&self.path));
        if UploadToken::is_one(&self.temp) {
            if UploadToken::parse(&self.temp)?.path != self.path {
                return Err(refused(&self.temp));
            }
        } else if !inside(&self.temp) || !hidden {
            return Err(refused(&self.temp));
        }
        if !inside(&self.path) || !visible {
            return Err(refused(&self.path));
        }
        match self.staged_copy() {
            Some(copy) if !is_staged(&copy.path) => Err(refused(&copy.path)),
            Some(copy) => copy.check(),
            None => Ok(()),
        }
    }
}

fn refused(path: &str) -> LakeError {
    LakeError::invalid(
        format!("a manifest row names `{path}`, which no writer of a lake makes"),
        "run the job again",
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn pending(temp: &str, path: &str) -> PendingFile {
        PendingFile {
            temp: temp.into(),
            path: path.into(),
            rows: 0,
            bytes: 0,
            partition: PartitionValues::new(),
            stats: FileStats::new(),
            copy: None,
        }
    }

    #[test]
    fn a_manifest_row_cannot_leave_the_table() {
        let good = "_headworks/pending/.hw-a.tmp";
        for (temp, path, ok) in [
            (good, "y=1/a.parquet", true),
            (good, "a.parquet", true),
            (good, "../a.parquet", false),
            (good, "/etc/a.parquet", false),
            (good, "_headworks/log/a.parquet", false),
            (good, "_headworks/staged/a.parquet", true),
            (good, "_headworks/staged/../a.parquet", false),
            (good, ".a.parquet", false),
            (good, "y=1/a.csv", false),
            ("x/../../.t", "a.parquet", false),
            ("y=1/a.parquet", "a.parquet", false),
            ("y=1/.a.parquet", "a.parquet", false),
            (
                r#"{"upload":"u","path":"y=1/a.parquet","bytes":1,"parts":[]}"#,
                "y=1/a.parquet",
                true,
            ),
            (
                r#"{"upload":"u","path":"y=1/a.parquet","bytes":1,"parts":[]}"#,
                "y=1/b.parquet",
                false,
            ),
            (
                r#"{"upload":"u","path":"../a.parquet","bytes":1,"parts":[]}"#,
                "../a.parquet",
                false,
            ),
            ("{", "a.parquet", false),
        ] {
            assert_eq!(pending(temp, path).check().is_ok(), ok, "{temp} {path}");
        }
    }

    #[test]
    fn partition_values_keep_their_order_on_the_wire() {
        let mut file = pending("a/.x", "z=1/a=2/f.parquet");
        file.partition.insert("z".into(), Some("1".into()));
        file.partition.insert("a".into(), None);
        let json = serde_json::to_string(&file).unwrap();
        assert!(json.contains(r#""partition":{"z":"1","a":null}"#), "{json}");
        let back: PendingFile = serde_json::from_str(&json).unwrap();
        assert_eq!(back.partition.keys().collect::<Vec<_>>(), ["z", "a"]);
        assert_eq!(back, file);
    }
}

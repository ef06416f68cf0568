//! A lake, as a reader sees it that shares no code with Headworks (`tests/support/read_back.py`, on DuckDB).

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A folder of tables.
pub(crate) struct Lake {
    folder: PathBuf,
}

impl Lake {
    /// The lake in `folder`, which needn't exist yet.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `lake=FOLDER`, for `--set`.
    pub(crate) fn setting(&self) -> String {
        format!("lake={}", self.folder.display())
    }

    /// Runs a query on every visible file. Returns the rows, each an object; decimals and times are text.
    ///
    /// # Panics
    /// When the reader can't be installed, or refuses a file.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<Value> {
        match self.read_back(&[sql]) {
            Value::Array(rows) => rows,
            other => panic!("not a list of rows: {other}"),
        }
    }

    /// The one row of a query.
    #[track_caller]
    pub(crate) fn row(&self, sql: &str) -> Value {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.remove(0)
    }

    /// Compares what can be seen with what the logs name: files, rows, bytes. Returns the tables with their counts.
    ///
    /// # Panics
    /// When anything differs.
    #[track_caller]
    pub(crate) fn audit(&self) -> Value {
        self.read_back(&["--audit"])
    }

    /// A table's version; 0 if there is none.
    pub(crate) fn version(&self, table: &str) -> usize {
        let log = self.folder.join(table).join("_headworks/log");
        std::fs::read_dir(log).map_or(0, |entries| {
            entries
                .flatten()
                .filter(|entry| {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    name.ends_with(".json") && !name.starts_with('.')
                })
                .count()
        })
    }

    /// Every visible data file of a table (all tables, quarantine too, for an empty name).
    pub(crate) fn visible_files(&self, table: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        visible_below(&self.folder.join(table), &mut files);
        files.sort();
        files
    }

    /// That no reader could take anything in `table` for data.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, table: &str) {
        assert_eq!(self.visible_files(table), Vec::<PathBuf>::new());
        assert_eq!(self.version(table), 0, "{table} has a version");
    }

    #[track_caller]
    fn read_back(&self, args: &[&str]) -> Value {
        let script = headworks_tests::crate_folder().join("support/read_back.py");
        let output = Command::new("python3")
            .arg(&script)
            .arg(&self.folder)
            .args(args)
            .output()
            .unwrap_or_else(|e| panic!("python3, which reads the lake back, does not start: {e}"));
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{} {} {args:?}: {}\n{stdout}{}",
            script.display(),
            self.folder.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&stdout).unwrap()
    }
}

fn visible_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "_headworks" {
            continue;
        }
        if entry.path().is_dir() {
            visible_below(&entry.path(), files);
        } else if name.ends_with(".parquet") {
            files.push(entry.path());
        }
    }
}

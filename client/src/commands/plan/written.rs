//! What a model would do to its table: which files it would take in, and which of the table's would go.

use std::collections::BTreeMap;

use headworks_engine::api::SettledSource;
use headworks_lake::{Snapshot, Table, TableLocation};
use headworks_scheduler::driver::{TakesIn, would_take_in};
use headworks_spec::{JobSpec, ModelSpec, WriteMode};
use serde::Serialize;

use crate::commands::lake::failure;
use crate::errors::Failure;
use crate::output::job::counted;
use crate::output::units::{bytes, count};

/// A model's table as it is, and what a run would do to it.
pub(super) struct Written {
    mode: WriteMode,
    /// None if it would be a new table.
    table: Option<Now>,
    /// For an append to a table that is there; or why it would fail.
    takes: Option<Result<TakesIn, String>>,
}

/// What a table holds.
#[derive(Debug, Serialize)]
struct Now {
    version: u64,
    files: usize,
    rows: u64,
    bytes: u64,
}

impl Written {
    /// Looks at the model's table, and changes nothing.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) async fn of(
        spec: &JobSpec,
        model: &ModelSpec,
        read: &BTreeMap<String, SettledSource>,
    ) -> Result<Self, Failure> {
        let location = TableLocation::new(&spec.lake, &model.name).map_err(failure)?;
        let peek = tokio::task::spawn_blocking(move || Table::open(location).peek());
        let snapshot = peek
            .await
            .map_err(|e| Failure::failed(format!("the lake could not be looked at: {e}")))?
            .map_err(failure)?;
        Ok(Self::over(model, read, snapshot.as_ref()))
    }

    fn over(
        model: &ModelSpec,
        read: &BTreeMap<String, SettledSource>,
        table: Option<&Snapshot>,
    ) -> Self {
        let mode = model.options.mode;
        let takes = match (mode, table) {
            (WriteMode::Append, Some(table)) => {
                // A look-up table is read whole each time.
                let files = read.iter().filter(|(_, source)| source.has_records());
                let inputs = files.map(|(name, source)| (name.clone(), source.files.clone()));
                Some(would_take_in(model, &inputs.collect(), table))
            }
            _ => None,
        };
        Self {
            mode,
            table: table.map(|table| Now {
                version: table.version,
                files: table.files.len(),
                rows: table.rows(),
                bytes: table.bytes(),
            }),
            takes,
        }
    }

    /// The sources with the files alone that would be read.
    pub(super) fn reads(
        &self,
        mut sources: BTreeMap<String, SettledSource>,
    ) -> BTreeMap<String, SettledSource> {
        if let Some(Ok(takes)) = &self.takes {
            let records = sources
                .iter_mut()
                .filter(|(_, source)| source.has_records());
            for (name, source) in records {
                source.files = takes.inputs.get(name).cloned().unwrap_or_default();
            }
        }
        sources
    }

    /// A line of text for each thing to know.
    pub(super) fn lines(&self) -> Vec<String> {
        let Some(now) = &self.table else {
            return vec!["table: a new one".to_owned()];
        };
        let files = counted(now.files as u64, "file", "files");
        let mut lines = vec![format!(
            "table: version {}, {files}, {}, {} rows",
            now.version,
            bytes(now.bytes),
            count(now.rows)
        )];
        lines.push(match (self.mode, &self.takes) {
            (WriteMode::Append, Some(Ok(takes))) => {
                let new: usize = takes.inputs.values().map(Vec::len).sum();
                let new = counted(new as u64, "input file", "input files");
                let mut line = format!(
                    "append: takes in {new}, leaves {} out that it has",
                    count(takes.left_out as u64)
                );
                if !takes.replaces.is_empty() {
                    let gone = counted(takes.replaces.len() as u64, "file", "files");
                    line.push_str(&format!("; {gone} of the table would go"));
                }
                line
            }
            (WriteMode::Append, Some(Err(error))) => format!("append: would fail: {error}"),
            (WriteMode::Append, None) => "append: takes in all".to_owned(),
            (WriteMode::Overwrite, _) => "overwrite: all of its files would go".to_owned(),
            (WriteMode::OverwritePartitions, _) => {
                "overwrite_partitions: its files would go in the partitions that the rows lie in"
                    .to_owned()
            }
            (WriteMode::Upsert, _) => {
                "upsert: those of its files would be written anew that hold a key of the rows"
                    .to_owned()
            }
        });
        if let Some(Ok(takes)) = &self.takes {
            lines.extend(takes.warnings.iter().cloned());
        }
        lines
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> WrittenJson<'_> {
        let takes = self.takes.as_ref().and_then(|takes| takes.as_ref().ok());
        let inputs = takes.map(|takes| {
            let files = takes.inputs.values().flatten();
            files.map(|file| file.path.as_str()).collect()
        });
        WrittenJson {
            now: self.table.as_ref(),
            takes_in: inputs,
            left_out: takes.map(|takes| takes.left_out),
            replaces: takes.map(|takes| takes.replaces.as_slice()),
            would_fail: match &self.takes {
                Some(Err(error)) => Some(error),
                _ => None,
            },
        }
    }
}

/// What a run would do to a table, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct WrittenJson<'a> {
    /// The table as it is; null if it would be a new one.
    now: Option<&'a Now>,
    /// For an append to a table that is there: the files that it would read.
    takes_in: Option<Vec<&'a str>>,
    /// How many it would leave out.
    left_out: Option<usize>,
    /// The files of the table that would go with inputs that have changed.
    replaces: Option<&'a [String]>,
    /// Why it would fail.
    would_fail: Option<&'a String>,
}

#[cfg(test)]
mod tests {
    use headworks_spec::{Model, TextFile};

    use super::*;

    fn lines(mode: WriteMode, table: Option<&Snapshot>) -> Vec<String> {
        let mut options = Model::new("SELECT 1");
        options.mode = mode;
        let model = ModelSpec {
            name: "m".into(),
            options,
            sql: TextFile {
                path: "m.sql".into(),
                text: String::new(),
            },
            reads_sources: Vec::new(),
            reads_models: Vec::new(),
            checks: Vec::new(),
        };
        Written::over(&model, &BTreeMap::new(), table).lines()
    }

    #[test]
    fn each_mode_says_what_would_become_of_the_table() {
        assert_eq!(lines(WriteMode::Overwrite, None), ["table: a new one"]);
        let table = Snapshot {
            version: 4,
            schema: std::sync::Arc::new(arrow::datatypes::Schema::empty()),
            partition_by: Vec::new(),
            partition_columns_in_files: false,
            files: Vec::new(),
            inputs: Default::default(),
            history: Default::default(),
        };
        for (mode, said) in [
            (WriteMode::Overwrite, "overwrite: all of its files would go"),
            (
                WriteMode::Append,
                "append: takes in 0 input files, leaves 0 out that it has",
            ),
            (
                WriteMode::Upsert,
                "upsert: those of its files would be written anew that hold a key of the rows",
            ),
            (
                WriteMode::OverwritePartitions,
                "overwrite_partitions: its files would go in the partitions that the rows lie in",
            ),
        ] {
            let first = "table: version 4, 0 files, 0 B, 0 rows";
            assert_eq!(lines(mode, Some(&table)), [first, said]);
        }
    }
}

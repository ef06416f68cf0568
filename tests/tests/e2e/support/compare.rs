//! A lake against DuckDB's own answer over the raw files: every row of every table (`tests/support/compare.py`).

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::lake::Lake;

/// Compares the lake of a pipeline with the answer over `data`. `url` is where the job found the data, if that was
/// another place. Returns the number of rows by table.
///
/// # Panics
/// When any row, column or type differs, with examples.
#[track_caller]
pub(crate) fn assert_same_as_duckdb(
    pipeline: &str,
    data: &Path,
    url: Option<&str>,
    lake: &Lake,
) -> Value {
    let support = headworks_tests::crate_folder().join("support");
    let mut command = Command::new("python3");
    command
        .arg(support.join("compare.py"))
        .arg(support.join(format!("answers/{pipeline}.sql")))
        .args([data, lake.folder()]);
    if let Some(url) = url {
        command.args(["--url", url]);
    }
    let output = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{pipeline}: the lake is not what DuckDB makes of the same files: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let tables = report.as_object().unwrap();
    tables
        .iter()
        .map(|(table, found)| (table.clone(), found["rows"].clone()))
        .collect()
}

//! Holds the statistics of a merged file against those of the files that it is made of.

use arrow::datatypes::SchemaRef;

use crate::error::LakeError;
use crate::pending::PendingFile;
use crate::snapshot::DataFile;
use crate::stats::ColumnStats;

/// Each column of the merged file has as many NULLs as those of the group together, and its bounds are bounds that one
/// of them has. Columns that were cast on the way are passed over: their bounds are written in another way.
///
/// # Errors
/// [`LakeError::Corrupt`] names the column.
pub(super) fn same_statistics(
    group: &[&DataFile],
    merged: &PendingFile,
    schema: &SchemaRef,
) -> Result<(), LakeError> {
    let rows: u64 = group.iter().map(|file| file.rows).sum();
    if merged.rows != rows {
        let what = format!("{rows} rows were read for it, and it has {}", merged.rows);
        return Err(wrong(merged, &what));
    }
    for (column, after) in &merged.stats {
        let name = column.split('.').next().unwrap_or_default();
        let now = schema.field_with_name(name).ok();
        let as_now = |file: &&DataFile| file.schema.field_with_name(name).ok() == now;
        let before: Option<Vec<&ColumnStats>> = group
            .iter()
            .filter(|file| as_now(file))
            .map(|file| file.stats.get(column))
            .collect();
        let Some(before) = before.filter(|before| before.len() == group.len()) else {
            continue;
        };
        let nulls: u64 = before.iter().map(|stats| stats.null_count).sum();
        let has = |bound: &dyn Fn(&ColumnStats) -> Option<serde_json::Value>| {
            let wanted = bound(after);
            before.iter().any(|stats| bound(stats) == wanted)
        };
        let same_bounds = has(&|stats| stats.min.clone()) && has(&|stats| stats.max.clone());
        if after.null_count != nulls || !same_bounds {
            let what = format!("column `{column}` has other values than the files it is made of");
            return Err(wrong(merged, &what));
        }
    }
    Ok(())
}

fn wrong(merged: &PendingFile, what: &str) -> LakeError {
    LakeError::corrupt(
        &*merged.path,
        format!("a compaction went wrong and was given up: {what}"),
        "please report it",
    )
}

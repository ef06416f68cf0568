//! `headworks lake`: look into a lake on a disk or in a bucket, check it, keep it in order.

mod compact;
mod gc;
mod log;
mod show;
mod verify;

use headworks_lake::{LakeError, QUARANTINE_FOLDER, Table, TableLocation, tables, tables_begun};

use crate::cli::Lake;
use crate::context::Context;
use crate::errors::{Exit, Failure};

/// Does what the verb says.
///
/// # Errors
/// When there is no such lake or table, or it cannot be read.
pub(crate) async fn run(context: &Context, args: Lake) -> Result<Exit, Failure> {
    let context = context.clone();
    // The lake's calls block.
    let done = tokio::task::spawn_blocking(move || match args {
        Lake::Log { table } => log::run(&context, &open(&table.lake.lake, &table.table)?),
        Lake::Show {
            table: Some(table),
            lake,
        } => show::one(&context, &open(&lake.lake, &table)?),
        Lake::Show { table: None, lake } => show::all(&context, &all(&lake.lake)?),
        Lake::Verify { table, lake } => verify::run(&context, &some(&lake.lake, table.as_deref())?),
        Lake::Compact { table, target_size } => {
            let opened = open(&table.lake.lake, &table.table)?;
            compact::run(&context, &opened, target_size.bytes())
        }
        Lake::Gc { older_than, lake } => gc::run(&context, &begun(&lake.lake)?, older_than),
    });
    done.await.unwrap_or_else(|e| {
        Err(Failure::failed(format!(
            "the lake could not be looked at: {e}; please report this"
        )))
    })
}

/// One table that is there, or all.
fn some(lake: &str, table: Option<&str>) -> Result<Vec<Table>, Failure> {
    match table {
        Some(table) => Ok(vec![open(lake, table)?]),
        None => all(lake),
    }
}

/// The tables of a lake that is there, those of the quarantine last.
fn all(lake: &str) -> Result<Vec<Table>, Failure> {
    opened(lake, tables(lake).map_err(failure)?)
}

/// The same, with those that no job has committed to yet.
fn begun(lake: &str) -> Result<Vec<Table>, Failure> {
    opened(lake, tables_begun(lake).map_err(failure)?)
}

/// # Errors
/// No lake can be there: there is no such folder.
pub(crate) fn check_place(lake: &str) -> Result<(), Failure> {
    if headworks_stores::is_url(lake) || std::path::Path::new(lake).is_dir() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "there is no lake at {lake}\n  next: name one with --lake, or set HEADWORKS_LAKE"
    )))
}

fn opened(lake: &str, found: Vec<TableLocation>) -> Result<Vec<Table>, Failure> {
    if found.is_empty() {
        check_place(lake)?;
    }
    Ok(found.into_iter().map(Table::open).collect())
}

/// A table that is there, by its name (`_quarantine/SOURCE` for bad records).
fn open(lake: &str, name: &str) -> Result<Table, Failure> {
    let known = all(lake)?;
    let quarantined = name
        .strip_prefix(QUARANTINE_FOLDER)
        .and_then(|rest| rest.strip_prefix('/'));
    let location = match quarantined {
        Some(source) => TableLocation::quarantine(lake, source),
        None => TableLocation::new(lake, name),
    }
    .map_err(failure)?;
    if let Some(table) = known
        .iter()
        .find(|table| table.location().table() == location.table())
    {
        return Ok(table.clone());
    }
    let names: Vec<&str> = known.iter().map(|table| table.location().table()).collect();
    let hint = match headworks_spec::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it has no tables yet".to_owned(),
        None => format!("its tables are {}", names.join(", ")),
    };
    Err(Failure::usage(format!(
        "there is no table `{name}` in the lake {lake}\n  next: {hint}"
    )))
}

/// What an error of the lake means to the user.
pub(crate) fn failure(error: LakeError) -> Failure {
    match error {
        LakeError::Invalid { .. } => Failure::usage(error.to_string()),
        other => Failure::failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_or_table_that_is_not_there_is_wrong_usage() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().to_str().unwrap();
        for (lake, table, said) in [
            ("/no/such/lake", "t", "there is no lake at /no/such/lake"),
            (lake, "t", "there is no table `t` in the lake"),
            (lake, "../t", "`../t`"),
            (lake, "_quarantine/s", "there is no table `_quarantine/s`"),
        ] {
            let failure = open(lake, table).map(|_| ()).unwrap_err();
            assert_eq!(failure.exit().code(), 2, "{table}: {failure}");
            assert!(failure.to_string().contains(said), "{table}: {failure}");
        }
    }
}

//! `headworks lake show [TABLE]`: the tables of a lake; the schema and files of one.

use headworks_lake::partition::PartitionValues;
use headworks_lake::schema::{FieldEntry, SchemaEntry};
use headworks_lake::{DataFile, LakeError, Snapshot, Table};
use serde::Serialize;

use super::failure;
use crate::context::Context;
use crate::errors::{Exit, Failure};
use crate::output;
use crate::output::job::{JSON_VERSION, counted};
use crate::output::table::{Align, Table as Columns};
use crate::output::units::{bytes, count};

#[derive(Debug, Serialize)]
struct TableJson<'a> {
    table: &'a str,
    version: u64,
    rows: u64,
    files: usize,
    bytes: u64,
    partition_by: &'a [String],
}

#[derive(Debug, Serialize)]
struct OneJson<'a> {
    v: u32,
    #[serde(flatten)]
    table: TableJson<'a>,
    schema: &'a SchemaEntry,
    data_files: Vec<FileJson<'a>>,
}

#[derive(Debug, Serialize)]
struct FileJson<'a> {
    path: &'a str,
    rows: u64,
    bytes: u64,
    partition: &'a PartitionValues,
    added_in: u64,
    /// The columns that it was written with, if they are not those that the table has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<SchemaEntry>,
}

/// Prints the tables of a lake.
///
/// # Errors
/// When a table cannot be read.
pub(super) fn all(context: &Context, tables: &[Table]) -> Result<Exit, Failure> {
    let mut found = Vec::new();
    for table in tables {
        if let Some(snapshot) = table.snapshot().map_err(failure)? {
            found.push((table.location().table(), snapshot));
        }
    }
    if context.json() {
        let tables: Vec<TableJson<'_>> = found
            .iter()
            .map(|(name, snapshot)| table_json(name, snapshot))
            .collect();
        output::json(&tables)?;
    } else {
        let mut columns = Columns::new(&[
            ("TABLE", Align::Left),
            ("VERSION", Align::Right),
            ("ROWS", Align::Right),
            ("FILES", Align::Right),
            ("SIZE", Align::Right),
            ("PARTITIONED BY", Align::Left),
        ]);
        for (name, snapshot) in &found {
            columns.row(vec![
                (*name).to_owned(),
                snapshot.version.to_string(),
                count(snapshot.rows()),
                count(snapshot.files.len() as u64),
                bytes(snapshot.bytes()),
                snapshot.partition_by.join(", "),
            ]);
        }
        output::data(&columns.render())?;
    }
    Ok(Exit::Done)
}

/// Prints one table.
///
/// # Errors
/// When it cannot be read.
pub(super) fn one(context: &Context, table: &Table) -> Result<Exit, Failure> {
    let name = table.location().table();
    let Some(snapshot) = table.snapshot().map_err(failure)? else {
        return Err(Failure::usage(format!(
            "the table `{name}` has no version yet\n  next: run a job that writes it"
        )));
    };
    let schema = SchemaEntry::from_arrow(&snapshot.schema).map_err(failure)?;
    if context.json() {
        let mut data_files = Vec::with_capacity(snapshot.files.len());
        for file in &snapshot.files {
            data_files.push(file_json(file, &schema).map_err(failure)?);
        }
        output::json(&OneJson {
            v: JSON_VERSION,
            table: table_json(name, &snapshot),
            schema: &schema,
            data_files,
        })?;
    } else {
        output::data(&text(name, &snapshot, &schema))?;
    }
    Ok(Exit::Done)
}

fn file_json<'a>(file: &'a DataFile, table: &SchemaEntry) -> Result<FileJson<'a>, LakeError> {
    let schema = SchemaEntry::from_arrow(&file.schema)?;
    Ok(FileJson {
        path: &file.path,
        rows: file.rows,
        bytes: file.bytes,
        partition: &file.partition,
        added_in: file.added_in,
        schema: (schema != *table).then_some(schema),
    })
}

fn table_json<'a>(name: &'a str, snapshot: &'a Snapshot) -> TableJson<'a> {
    TableJson {
        table: name,
        version: snapshot.version,
        rows: snapshot.rows(),
        files: snapshot.files.len(),
        bytes: snapshot.bytes(),
        partition_by: &snapshot.partition_by,
    }
}

fn text(name: &str, snapshot: &Snapshot, schema: &SchemaEntry) -> String {
    let mut out = format!(
        "{name}, version {}: {} in {}, {}\n\n",
        snapshot.version,
        counted(snapshot.rows(), "row", "rows"),
        counted(snapshot.files.len() as u64, "file", "files"),
        bytes(snapshot.bytes())
    );
    let mut columns = Columns::new(&[("COLUMN", Align::Left), ("TYPE", Align::Left)]);
    for field in &schema.fields {
        let partition = if snapshot.partition_by.contains(&field.name) {
            ", partition"
        } else {
            ""
        };
        columns.row(vec![
            field.name.clone(),
            format!("{}{partition}", type_text(field)),
        ]);
    }
    out.push_str(&columns.render());
    let mut files = Columns::new(&[
        ("FILE", Align::Left),
        ("ROWS", Align::Right),
        ("SIZE", Align::Right),
        ("SINCE", Align::Right),
    ]);
    for file in &snapshot.files {
        files.row(vec![
            file.path.clone(),
            count(file.rows),
            bytes(file.bytes),
            format!("v{}", file.added_in),
        ]);
    }
    out.push('\n');
    out.push_str(&files.render());
    out
}

/// A type in one line: `list<struct<a: text, b: int64>>`.
fn type_text(field: &FieldEntry) -> String {
    match (&field.element, field.fields.as_slice()) {
        (Some(element), _) => format!("{}<{}>", field.type_name, type_text(element)),
        (None, []) => field.type_name.clone(),
        (None, fields) => {
            let inside: Vec<String> = fields
                .iter()
                .map(|f| format!("{}: {}", f.name, type_text(f)))
                .collect();
            format!("{}<{}>", field.type_name, inside.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_types_stand_in_one_line() {
        let leaf = |name: &str, type_name: &str| FieldEntry {
            name: name.into(),
            type_name: type_name.into(),
            nullable: true,
            fields: Vec::new(),
            element: None,
        };
        let pair = FieldEntry {
            fields: vec![leaf("a", "text"), leaf("b", "decimal(18,2)")],
            ..leaf("p", "struct")
        };
        let list = FieldEntry {
            element: Some(Box::new(pair)),
            ..leaf("l", "list")
        };
        assert_eq!(type_text(&list), "list<struct<a: text, b: decimal(18,2)>>");
    }
}

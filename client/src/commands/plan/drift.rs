//! How the files of a source differ from the schema that its job pins.
//!
//! A few files are looked at, spread evenly over the list: what a job meets in all of them, its ledger and its warnings
//! say when it has run.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema};
use headworks_engine::Engine;
use headworks_engine::api::SettledSource;
use headworks_formats::schema_file::type_word;
use headworks_lake::schema::widened;
use headworks_spec::{Format, SourceSpec};
use serde::Serialize;

use crate::connect::engine_failure;
use crate::errors::Failure;
use crate::output::job::counted;
use crate::output::units::count;

/// So many files are looked at, unless the source says `sample_files`.
const FILES_MAX: u32 = 8;

/// What differs. Paths have `/` between names.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Drift {
    files: u64,
    files_looked_at: u64,
    /// Why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    untold: Option<String>,
    /// What the files have and the schema lacks.
    unknown: Vec<Found>,
    /// What the schema has and no record that was looked at.
    missing: Vec<String>,
    /// What has values that the schema's type does not take in general.
    other_type: Vec<OtherType>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Found {
    path: String,
    #[serde(rename = "type")]
    data_type: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct OtherType {
    path: String,
    schema: String,
    found: String,
}

impl Drift {
    /// Looks at some files of a source; `None` if its schema is not pinned.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) async fn of(
        engine: &dyn Engine,
        settled: &SettledSource,
    ) -> Result<Option<Self>, Failure> {
        let spec = &settled.spec;
        if spec.schema_file.is_none() || spec.options.format == Format::Parquet {
            return Ok(None);
        }
        let files = settled.files.len() as u64;
        let mut free = SourceSpec {
            schema_file: None,
            ..spec.clone()
        };
        let looked_at = *free.options.sample_files.get_or_insert(FILES_MAX);
        let mut drift = Self {
            files,
            files_looked_at: files.min(u64::from(looked_at)),
            ..Self::default()
        };
        match engine.settle(&free).await {
            Ok(found) => {
                let arrow = |source: &SettledSource| {
                    let schema = source.schema.arrow();
                    schema.map_err(|e| Failure::failed(e.to_string()))
                };
                let pinned: Arc<Schema> = arrow(settled)?;
                drift.compare(pinned.fields(), arrow(&found)?.fields(), "");
            }
            Err(error) if files > 0 => drift.untold = Some(error.to_string()),
            Err(error) => return Err(engine_failure(error)),
        }
        Ok(Some(drift))
    }

    fn compare(&mut self, pinned: &Fields, found: &Fields, parent: &str) {
        for field in found {
            let path = format!("{parent}{}", field.name());
            match pinned.iter().find(|pinned| pinned.name() == field.name()) {
                Some(pinned) => self.compare_field(pinned, field, path),
                None => self.unknown.push(Found {
                    path,
                    data_type: shown(field.data_type()),
                }),
            }
        }
        for field in pinned {
            if !found.iter().any(|found| found.name() == field.name()) {
                self.missing.push(format!("{parent}{}", field.name()));
            }
        }
    }

    fn compare_field(&mut self, pinned: &Field, found: &Field, path: String) {
        match (pinned.data_type(), found.data_type()) {
            (DataType::Struct(pinned), DataType::Struct(found)) => {
                self.compare(pinned, found, &format!("{path}/"));
            }
            (DataType::List(pinned), DataType::List(found)) => {
                self.compare_field(pinned, found, path);
            }
            // Once where there may be many.
            (DataType::List(pinned), _) => self.compare_field(pinned, found, path),
            (pinned, found) if takes(pinned, found) => {}
            (pinned, found) => self.other_type.push(OtherType {
                path,
                schema: shown(pinned),
                found: match found {
                    // Inference says so of a column without values, too.
                    DataType::Utf8 => "text, or nothing,".to_owned(),
                    found => shown(found),
                },
            }),
        }
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let files = counted(self.files, "file", "files");
        let mut out = match self.files_looked_at == self.files {
            true => format!("  drift from the schema ({files})\n"),
            false => format!(
                "  drift from the schema ({} of {files})\n",
                count(self.files_looked_at)
            ),
        };
        let before = out.len();
        let mut line = |text: String| out.push_str(&format!("    {text}\n"));
        if let Some(why) = &self.untold {
            line(format!("not told: {why}"));
        }
        for found in &self.unknown {
            line(format!(
                "not in the schema: {} ({})",
                found.path, found.data_type
            ));
        }
        for other in &self.other_type {
            line(format!(
                "of another type: {} is {} in the schema, and {} in the files",
                other.path, other.schema, other.found
            ));
        }
        for path in &self.missing {
            line(format!("not in the files: {path}"));
        }
        if out.len() == before {
            out.push_str("    none\n");
        }
        out
    }
}

/// Whether a column of the type `pinned` takes all values of the type `found`: by the rules by which a table's type
/// grows; and text takes any value, a float any number.
fn takes(pinned: &DataType, found: &DataType) -> bool {
    use DataType::{Decimal128, Float64, Int64, List, Utf8};
    match (pinned, found) {
        (Utf8, found) => !matches!(found, List(_)),
        (Float64, Int64 | Decimal128(..)) => true,
        (pinned, found) => widened(pinned, found).as_ref() == Some(pinned),
    }
}

fn shown(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) => format!("a list of {}", shown(item.data_type())),
        DataType::Struct(_) => "fields".to_owned(),
        leaf => type_word(leaf).unwrap_or_else(|| leaf.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use headworks_formats::schema_file;

    use super::*;

    fn drift(pinned: &str, found: &str) -> String {
        let schema = |fields: &str| schema_file::read(&format!("fields: {fields}")).unwrap();
        let mut drift = Drift {
            files: 20,
            files_looked_at: 8,
            ..Drift::default()
        };
        drift.compare(schema(pinned).fields(), schema(found).fields(), "");
        let text = drift.text();
        let (head, lines) = text.split_once('\n').unwrap();
        assert_eq!(head, "  drift from the schema (8 of 20 files)");
        lines.lines().map(str::trim).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let cases = [
            ("{a: int64}", "{a: int64}", "none"),
            (
                "{a: int64, b: {fields: {c: text}}}",
                "{b: {fields: {d: date, c: text}}, e: {list: int64}}",
                "not in the schema: b/d (date); not in the schema: e (a list of int64); not in the files: a",
            ),
            (
                "{a: \"decimal(5,2)\", b: \"decimal(5,2)\", c: float64}",
                "{a: \"decimal(4,1)\", b: \"decimal(5,3)\", c: int64}",
                "of another type: b is decimal(5,2) in the schema, and decimal(5,3) in the files",
            ),
            ("{a: text, b: timestamp}", "{a: int64, b: date}", "none"),
            (
                "{a: {list: {fields: {b: int64}}}}",
                "{a: {fields: {b: text}}}",
                "of another type: a/b is int64 in the schema, and text, or nothing, in the files",
            ),
            (
                "{a: int64, b: text}",
                "{a: {fields: {b: text}}, b: {list: text}}",
                "of another type: a is int64 in the schema, and fields in the files; of another type: b is text in the \
                 schema, and a list of text in the files",
            ),
        ];
        for (pinned, found, expected) in cases {
            assert_eq!(drift(pinned, found), expected, "{pinned} and {found}");
        }
    }
}

//! `headworks schema --xsd FILE`: the schema that XML Schema files declare, without looking at any data.

use std::path::Path;

use headworks_formats::xsd::{FILE_BYTES_MAX, LoadError, Xsd, XsdOptions};
use headworks_formats::{DateTimeAs, schema_file};

use crate::cli::{SourceFormat, XsdDateTime, XsdSource};
use crate::errors::Failure;
use crate::output;

/// The schema file's text. What is not read as declared is a warning, and a comment in the file.
///
/// # Errors
/// A file that cannot be read or is no schema, a row tag that it does not declare.
pub(super) fn schema(
    entry: &Path,
    source: &XsdSource,
    format: &SourceFormat,
) -> Result<String, Failure> {
    let Some(location) = entry.to_str() else {
        return Err(Failure::usage(format!(
            "the name of {} is no UTF-8\n  next: rename it",
            entry.display()
        )));
    };
    let mut options = XsdOptions {
        datetime: match source.xsd_datetime {
            XsdDateTime::Timestamp => DateTimeAs::Timestamp,
            XsdDateTime::Timestamptz => DateTimeAs::Timestamptz,
            XsdDateTime::Text => DateTimeAs::Text,
        },
        ..XsdOptions::default()
    };
    if let Some(recursion) = source.xsd_recursion {
        options.recursion_max = recursion as usize;
    }
    let found = Xsd::parse(location, &mut read)
        .and_then(|all| all.schema_for(&format.row_tag, &options))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
    for note in &notes {
        output::warning(note);
    }
    schema_file::write_with_notes(&found.schema, &notes)
        .map_err(|error| Failure::failed(format!("{location}: {}", error.message)))
}

fn read(location: &str) -> Result<Vec<u8>, LoadError> {
    let length = std::fs::metadata(location)?.len();
    if length > FILE_BYTES_MAX as u64 {
        return Err(format!("it has {length} bytes, more than {FILE_BYTES_MAX}").into());
    }
    Ok(std::fs::read(location)?)
}

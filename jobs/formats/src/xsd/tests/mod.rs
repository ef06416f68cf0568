//! Schemas of schema files, construct by construct; real ones; records read with what came out; damage.

mod constructs;
mod damage;
mod files;
mod reading;
mod real;
mod types;

use std::collections::HashMap;

use super::{LoadError, Xsd, XsdError, XsdOptions, XsdSchema};
use crate::schema_file;

/// A schema without a namespace around these declarations.
fn around(declarations: &str) -> String {
    format!("<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>{declarations}</xs:schema>")
}

/// Parses the first of these files.
fn parse(files: &[(&str, &str)]) -> Result<Xsd, XsdError> {
    let known: HashMap<&str, &str> = files.iter().copied().collect();
    Xsd::parse(files[0].0, &mut |location| {
        let text = known.get(location).ok_or("there is no such file")?;
        Ok::<_, LoadError>(text.as_bytes().to_vec())
    })
}

/// The schema of one record in one file, or an error.
fn schema_of(declarations: &str, row_tag: &str) -> Result<XsdSchema, XsdError> {
    schema_with(declarations, row_tag, &XsdOptions::default())
}

fn schema_with(
    declarations: &str,
    row_tag: &str,
    options: &XsdOptions,
) -> Result<XsdSchema, XsdError> {
    parse(&[("a.xsd", &around(declarations))])?.schema_for(&[row_tag], options)
}

/// A schema on one line: `name type, name [type of a list], name {fields}`.
fn shown(schema: &XsdSchema) -> String {
    let text = schema_file::write(&schema.schema).unwrap();
    assert_eq!(
        schema_file::read(&text).unwrap(),
        schema.schema,
        "it can be pinned"
    );
    fields(schema.schema.fields())
}

fn fields(fields: &arrow::datatypes::Fields) -> String {
    let shown: Vec<String> = fields
        .iter()
        .map(|field| format!("{} {}", field.name(), data_type(field.data_type())))
        .collect();
    shown.join(", ")
}

fn data_type(of: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType;
    match of {
        DataType::Struct(inner) => format!("{{{}}}", fields(inner)),
        DataType::List(item) => format!("[{}]", data_type(item.data_type())),
        scalar => {
            let field = arrow::datatypes::Field::new("x", scalar.clone(), true);
            let text = schema_file::write(&arrow::datatypes::Schema::new(vec![field])).unwrap();
            let (_, word) = text.rsplit_once("  x: ").unwrap();
            word.trim_end().to_string()
        }
    }
}

/// The notes, one a line.
fn noted(schema: &XsdSchema) -> String {
    let notes: Vec<String> = schema.notes.iter().map(ToString::to_string).collect();
    notes.join("\n")
}

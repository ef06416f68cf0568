//! The YAML form of a schema, for people to read and edit.
//!
//! ```yaml
//! fields:
//!   piid: text
//!   amount: decimal(18,2)
//!   vendor:              # an element with fields
//!     fields:
//!       name: text
//!   code:                # an element that may occur several times
//!     list: text
//!   address:             # the same, with fields
//!     list:
//!       fields:
//!         street: text
//!   grid:                # an array of arrays, in JSON
//!     list:
//!       list: int64
//! ```
//!
//! The order of the fields is that of the columns. Every field may be NULL. The words for types:
//!
//! | Word | Arrow | Takes |
//! | --- | --- | --- |
//! | `text` | Utf8 | anything; child elements are not part of it |
//! | `xml`, or `raw` | Utf8, field metadata `headworks.raw` = `true` | what stands between an element's tags, or where a value of JSON does, as it stands |
//! | `int64` | Int64 | `-12` |
//! | `decimal(p,s)` | Decimal128, p up to 38 | `-12.50`, exactly |
//! | `float64` | Float64 | `-1.25e-3` |
//! | `bool` | Boolean | `true`, `false`, `1`, `0` |
//! | `date` | Date32 | `2024-02-29` |
//! | `timestamp` | Timestamp(µs) | `2024-02-29T12:00:00.5`, `2024-02-29 12:00:00`, `2024-02-29` |
//! | `timestamptz` | Timestamp(µs, UTC) | `2024-02-29T12:00:00Z`, `2024-02-29T12:00:00-05:00` |

use std::collections::HashMap;
use std::fmt;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;
use thiserror::Error;

use crate::record::RAW_KEY;
use crate::record::config::is_raw;
use crate::values::DECIMAL_DIGITS_MAX;

/// A schema file that cannot be read, or a schema that has no file (then line and column are 0).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SchemaFileError {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// What a written file begins with.
const HEADER: &str = "\
# The columns of a record, in the order in which they are read. This file may be edited.
#
# One field a line, `name: type`. Types: text, int64, decimal(precision,scale), float64, bool,
# date, timestamp, timestamptz (with a zone), xml (raw, with tags). An element with attributes or child elements has
# `fields:`; one that may occur several times has `list:` and the type of one occurrence.
# A name that begins with `_` is an attribute; `_VALUE` is the text beside attributes.
# A field that is left out is not read; the run reports it as unknown.
";

/// The type words, for messages.
const WORDS: &str = "text, int64, decimal(p,s), float64, bool, date, timestamp, timestamptz, xml or raw; or `fields:` or \
                     `list:` with what it holds below";

/// Writes a schema as YAML, with a header that explains it.
///
/// # Errors
/// A type that the file has no word for, or fields too deep in each other to be [read] back.
pub fn write(schema: &Schema) -> Result<String, SchemaFileError> {
    write_with_notes(schema, &[])
}

/// The same, with notes for whoever edits it, as comments below the header.
///
/// # Errors
/// As [`write()`].
pub fn write_with_notes(schema: &Schema, notes: &[String]) -> Result<String, SchemaFileError> {
    let mut out = HEADER.to_string();
    if !notes.is_empty() {
        out.push_str("#\n# Notes:\n");
    }
    for note in notes {
        // Whatever stands in a note, it ends with its line.
        let line: Vec<&str> = note.split(char::is_control).collect();
        out.push_str(&format!("# - {}\n", line.join(" ")));
    }
    if schema.fields().is_empty() {
        out.push_str("fields: {}\n");
        return Ok(out);
    }
    out.push_str("fields:\n");
    for field in schema.fields() {
        write_field(field, 2, &mut out)?;
    }
    Ok(out)
}

fn write_field(field: &Field, indent: usize, out: &mut String) -> Result<(), SchemaFileError> {
    let key = quoted(field.name());
    if key.len() > SIMPLE_KEY_MAX {
        out.push_str(&format!("{:indent$}? {key}\n", ""));
        out.push_str(&format!("{:indent$}:", ""));
    } else {
        out.push_str(&format!("{:indent$}{key}:", ""));
    }
    write_type(field, field.name(), indent, out)
}

fn write_type(
    field: &Field,
    name: &str,
    indent: usize,
    out: &mut String,
) -> Result<(), SchemaFileError> {
    let inner = indent + 2;
    let deepest = match field.data_type() {
        DataType::Struct(_) => inner + 2,
        DataType::List(_) => inner,
        _ => indent,
    };
    if depth(deepest) > YAML_DEPTH_MAX {
        return Err(no_file(format!(
            "the field `{name}` lies too deep: a schema file has at most {YAML_DEPTH_MAX} levels, of which a struct takes \
             two and a list one; leave it out, or read it as text or raw"
        )));
    }
    match field.data_type() {
        DataType::Struct(fields) => {
            out.push_str(&format!("\n{:inner$}fields:\n", ""));
            for field in fields {
                write_field(field, inner + 2, out)?;
            }
            Ok(())
        }
        DataType::List(item) => {
            out.push_str(&format!("\n{:inner$}list:", ""));
            write_type(item, name, inner, out)
        }
        DataType::Utf8 if is_raw(field) => {
            out.push_str(" xml\n");
            Ok(())
        }
        scalar => match type_word(scalar) {
            Some(word) => {
                out.push_str(&format!(" {word}\n"));
                Ok(())
            }
            None => Err(no_file(format!(
                "the field `{name}` has the type {scalar}; a schema file has: {WORDS}"
            ))),
        },
    }
}

/// YAML takes a key on the line of its value for one only if that begins within 1,024 characters (YAML 1.2.2, 7.4.2).
const SIMPLE_KEY_MAX: usize = 1000;

/// The depth of YAML at which a line with this indentation stands.
fn depth(indent: usize) -> usize {
    indent / 2 + 1
}

/// A schema has no file, for this reason.
fn no_file(message: String) -> SchemaFileError {
    SchemaFileError {
        line: 0,
        column: 0,
        message,
    }
}

/// The word for a type that holds no others; `None` for one that has none.
pub fn type_word(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Utf8 => "text".to_string(),
        DataType::Int64 => "int64".to_string(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Float64 => "float64".to_string(),
        DataType::Boolean => "bool".to_string(),
        DataType::Date32 => "date".to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp".to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            "timestamptz".to_string()
        }
        _ => return None,
    })
}

/// A name as a YAML key: quoted unless it is plain beyond doubt.
fn quoted(name: &str) -> String {
    let plain_bytes = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let starts_plain = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    const WORDS_OF_YAML: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    if plain_bytes
        && starts_plain
        && !WORDS_OF_YAML
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word))
    {
        return name.to_string();
    }
    let mut text = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            c if c.is_control() => text.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// The depth of YAML that is read: more would not be safe on a thread's stack of 2 MiB. A field of a struct stands two
/// levels deeper than the struct, in a list three, so that 80 structs in each other are read whatever they are.
const YAML_DEPTH_MAX: usize = 256;

/// Reads a schema from YAML.
///
/// # Errors
/// What is wrong, with its line and column.
pub fn read(text: &str) -> Result<Schema, SchemaFileError> {
    let options =
        serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: YAML_DEPTH_MAX } };
    let read = serde_saphyr::from_str_with_options(text, options);
    let root: Spanned<Node> = read.map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line(), at.column()));
        // The library's message goes on with an excerpt of the file.
        let message = error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_string();
        SchemaFileError {
            line,
            column,
            message,
        }
    })?;
    let Node::Map(entries) = &root.value else {
        return Err(wrong(&root, "a schema file begins with `fields:`"));
    };
    match entries.as_slice() {
        [(key, fields)] if key.value == "fields" => Ok(Schema::new(read_fields(fields)?)),
        [] => Err(wrong(&root, "a schema file begins with `fields:`")),
        entries => {
            let (key, _) = entries
                .iter()
                .find(|(key, _)| key.value != "fields")
                .unwrap_or(&entries[0]);
            Err(wrong(
                key,
                format!(
                    "unknown key `{}`; a schema file has one key, `fields`",
                    key.value
                ),
            ))
        }
    }
}

fn read_fields(node: &Spanned<Node>) -> Result<Vec<Field>, SchemaFileError> {
    let Node::Map(entries) = &node.value else {
        return Err(wrong(node, "`fields:` holds one `name: type` a line"));
    };
    let mut fields: Vec<Field> = Vec::with_capacity(entries.len());
    for (name, node) in entries {
        if fields.iter().any(|field| field.name() == &name.value) {
            return Err(wrong(
                name,
                format!("the field `{}` is declared twice", name.value),
            ));
        }
        fields.push(read_field(&name.value, node)?);
    }
    Ok(fields)
}

fn read_field(name: &str, node: &Spanned<Node>) -> Result<Field, SchemaFileError> {
    if matches!(&node.value, Node::Word(word) if word == "xml" || word == "raw") {
        let raw = HashMap::from([(RAW_KEY.to_string(), "true".to_string())]);
        return Ok(Field::new(name, DataType::Utf8, true).with_metadata(raw));
    }
    Ok(Field::new(name, read_type(node)?, true))
}

fn read_type(node: &Spanned<Node>) -> Result<DataType, SchemaFileError> {
    match &node.value {
        Node::Word(word) => read_word(word)
            .ok_or_else(|| wrong(node, format!("`{word}` is not a type; allowed: {WORDS}"))),
        Node::Map(entries) => match entries.as_slice() {
            [(key, fields)] if key.value == "fields" => {
                let read = read_fields(fields)?;
                if read.is_empty() {
                    return Err(wrong(fields, "an element with fields has at least one"));
                }
                Ok(DataType::Struct(read.into()))
            }
            [(key, item)] if key.value == "list" => {
                let field = read_field(Field::LIST_FIELD_DEFAULT_NAME, item)?;
                Ok(DataType::List(field.into()))
            }
            [] => Err(wrong(node, format!("a type is missing; allowed: {WORDS}"))),
            [(key, _), ..] => Err(wrong(
                key,
                format!(
                    "`{}` stands where a type is expected; allowed: {WORDS}",
                    key.value
                ),
            )),
        },
    }
}

fn read_word(word: &str) -> Option<DataType> {
    Some(match word {
        "text" => DataType::Utf8,
        "int64" => DataType::Int64,
        "float64" => DataType::Float64,
        "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => {
            let (precision, scale) = other
                .strip_prefix("decimal(")?
                .strip_suffix(')')?
                .split_once(',')?;
            let precision: u8 = precision.trim().parse().ok()?;
            let scale: u8 = scale.trim().parse().ok()?;
            if precision == 0 || usize::from(precision) > DECIMAL_DIGITS_MAX || scale > precision {
                return None;
            }
            DataType::Decimal128(precision, scale as i8)
        }
    })
}

fn wrong<T>(at: &Spanned<T>, message: impl Into<String>) -> SchemaFileError {
    let (line, column) = (at.referenced.line(), at.referenced.column());
    SchemaFileError {
        line,
        column,
        message: message.into(),
    }
}

/// What may stand in a schema file: a word, or keys in their order.
#[derive(Debug)]
enum Node {
    Word(String),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type or a field list")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Node, E> {
        Ok(Node::Word(word.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Map(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_type() -> Schema {
        let scalar = |name: &str, data_type: DataType| Field::new(name, data_type, true);
        let list =
            |data_type: DataType| DataType::List(Field::new_list_field(data_type, true).into());
        let fields = vec![
            scalar("_version", DataType::Utf8),
            scalar("i", DataType::Int64),
            scalar("d", DataType::Decimal128(38, 10)),
            scalar("f", DataType::Float64),
            scalar("b", DataType::Boolean),
            scalar("day", DataType::Date32),
            scalar("t", DataType::Timestamp(TimeUnit::Microsecond, None)),
            scalar(
                "tz",
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ),
            scalar("GFE-GFP", DataType::Utf8),
            scalar("yes", DataType::Utf8),
            scalar("ключ", DataType::Utf8),
            scalar("1a: #\"\\", DataType::Utf8),
            scalar(&"long".repeat(700), DataType::Date32),
            scalar(&"\u{1}".repeat(110), DataType::Utf8),
        ];
        let inner = DataType::Struct(fields.clone().into());
        let mut all = fields;
        let raw = |field: Field| {
            field.with_metadata(HashMap::from([(RAW_KEY.to_string(), "true".to_string())]))
        };
        all.push(raw(scalar("x", DataType::Utf8)));
        let item = raw(Field::new_list_field(DataType::Utf8, true));
        all.push(scalar("lx", DataType::List(item.into())));
        all.push(scalar("s", inner.clone()));
        all.push(scalar("l", list(DataType::Utf8)));
        all.push(scalar("ll", list(list(DataType::Int64))));
        all.push(scalar("lls", list(list(inner.clone()))));
        all.push(scalar(
            "ls",
            list(DataType::Struct(vec![scalar("deep", list(inner))].into())),
        ));
        Schema::new(all)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let schema = every_type();
        let text = write(&schema).unwrap();
        assert_eq!(read(&text).unwrap(), schema, "{text}");
        let empty = Schema::empty();
        assert_eq!(read(&write(&empty).unwrap()).unwrap(), empty);
    }

    #[test]
    fn a_deep_schema_is_read_back_or_not_written() {
        let in_struct = |field: Field| DataType::Struct(vec![field].into());
        let in_list = |data_type| DataType::List(Field::new_list_field(data_type, true).into());
        type Around<'a> = &'a dyn Fn(Field) -> DataType;
        let shapes: [(&str, usize, Around<'_>); 3] = [
            ("structs", 127, &in_struct),
            ("lists", 254, &|field| in_list(field.data_type().clone())),
            ("lists of structs", 84, &|field| in_list(in_struct(field))),
        ];
        for (shape, deepest, around) in shapes {
            let mut field = Field::new("r", DataType::Utf8, true);
            for depth in 0..deepest + 10 {
                let schema = Schema::new(vec![field.clone()]);
                match write(&schema) {
                    Ok(text) => assert!(read(&text).as_ref() == Ok(&schema), "{depth} {shape}"),
                    Err(error) => {
                        assert_eq!(depth, deepest + 1, "{shape}");
                        assert!(error.message.contains("`r` lies too deep"), "{error}");
                        break;
                    }
                }
                field = Field::new("r", around(field), true);
            }
        }
    }

    #[test]
    fn a_short_file_reads_as_it_looks() {
        let schema = Schema::new(vec![
            Field::new("b", DataType::Utf8, true),
            Field::new(
                "a",
                DataType::List(
                    Field::new_list_field(
                        DataType::Struct(vec![Field::new("_x", DataType::Int64, true)].into()),
                        true,
                    )
                    .into(),
                ),
                true,
            ),
        ]);
        let text = "fields:\n  b: text\n  a:\n    list:\n      fields:\n        _x: int64\n";
        assert_eq!(write(&schema).unwrap(), format!("{HEADER}{text}"));
        assert_eq!(read(text).unwrap(), schema);
        assert_eq!(
            read("fields: {b: text, a: {list: {fields: {_x: int64}}}}").unwrap(),
            schema
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases: &[(&str, u64, u64, &str)] = &[
            (
                "fields:\n  a: txt\n",
                2,
                6,
                "`txt` is not a type; allowed: text, int64",
            ),
            (
                "fields:\n  a: decimal(39,0)\n",
                2,
                6,
                "`decimal(39,0)` is not a type",
            ),
            ("fields:\n  a: decimal(5,6)\n", 2, 6, "is not a type"),
            (
                "fields:\n  a:\n    type: text\n",
                3,
                5,
                "`type` stands where a type is expected",
            ),
            ("feilds:\n  a: text\n", 1, 1, "unknown key `feilds`"),
            ("text\n", 1, 1, "begins with `fields:`"),
            (
                "fields: text\n",
                1,
                9,
                "`fields:` holds one `name: type` a line",
            ),
        ];
        for (text, line, column, message) in cases {
            let error = read(text).unwrap_err();
            assert_eq!(
                (error.line, error.column),
                (*line, *column),
                "{text}: {error}"
            );
            assert!(error.message.contains(message), "{text}: {error}");
        }
        for text in [
            "fields:\n  a: text\n  a: text\n",
            "fields:\n  a:\n",
            "fields: [a]\n",
            "",
            "fields:\n a: {",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn notes_are_comments_whatever_stands_in_them() {
        let schema = every_type();
        let notes = ["a: b".to_string(), "one\r\nfields: {}\u{85}x".to_string()];
        let text = write_with_notes(&schema, &notes).unwrap();
        assert!(
            text.contains("\n# - a: b\n# - one  fields: {} x\nfields:\n"),
            "{text}"
        );
        assert_eq!(read(&text).unwrap(), schema, "{text}");
        assert_eq!(write_with_notes(&schema, &[]), write(&schema));
    }

    #[test]
    fn a_type_without_a_word_is_refused() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int8, true)]);
        assert!(
            write(&schema)
                .unwrap_err()
                .message
                .contains("`a` has the type Int8")
        );
    }
}

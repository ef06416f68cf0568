//! A record's tree to a row, by the table of the module's documentation.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Decimal128Type, DecimalType, Field, Fields};
use serde_json::{Map, Value, json};

use super::record::Element;
use super::{Slow, Why};
use crate::values::{self, Forms};
use crate::xml::{OFFSET_COLUMN, OnBadValue, ROW_TAG_COLUMN, XmlConfig};

/// Looks the elements of one record up in the schema.
struct Rows<'a> {
    prefix: &'a str,
    value_tag: &'a str,
    trim: bool,
    null: bool,
    unknown: Vec<String>,
    bad_values: Vec<String>,
}

/// The row of a record that begins at `at`, or what does not fit.
pub(super) fn row(
    config: &XmlConfig,
    element: &Element,
    at: usize,
    slow: &mut Slow,
) -> Result<Value, Why> {
    let options = config.options();
    let mut rows = Rows {
        prefix: &options.attribute_prefix,
        value_tag: &options.value_tag,
        trim: options.trim,
        null: options.on_bad_value == OnBadValue::Null,
        unknown: Vec::new(),
        bad_values: Vec::new(),
    };
    let output = config.output().fields();
    let mut object = rows.object(element, config.schema().fields(), output, "")?;
    for field in output {
        match field.name().as_str() {
            OFFSET_COLUMN => object.insert(OFFSET_COLUMN.to_string(), json!(at)),
            ROW_TAG_COLUMN => {
                let local = String::from_utf8_lossy(local(&element.name)).into_owned();
                object.insert(ROW_TAG_COLUMN.to_string(), json!(local))
            }
            _ => None,
        };
    }
    for path in rows.unknown {
        *slow.unknown.entry(path).or_default() += 1;
    }
    for path in rows.bad_values {
        *slow.bad_values.entry(path).or_default() += 1;
    }
    Ok(Value::Object(object))
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    match name.iter().position(|byte| *byte == b':') {
        Some(at) if at > 0 && at + 1 < name.len() => &name[at + 1..],
        _ => name,
    }
}

fn named<'a>(fields: &'a Fields, name: &str) -> Option<&'a Field> {
    let found = fields.iter().find(|field| field.name() == name);
    found.map(AsRef::as_ref)
}

/// The column of an element or attribute. The value tag's takes text, and nothing that happens to have its name.
fn markup_column<'a>(schema: &'a Fields, name: &str, value_tag: &str) -> Option<&'a Field> {
    named(schema, name).filter(|_| name != value_tag)
}

/// The type of one occurrence, and whether there may be several.
fn item(field: &Field) -> (&DataType, bool) {
    match field.data_type() {
        DataType::List(item) => (item.data_type(), true),
        other => (other, false),
    }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Rows<'_> {
    fn object(
        &mut self,
        element: &Element,
        schema: &Fields,
        output: &Fields,
        path: &str,
    ) -> Result<Map<String, Value>, Why> {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (key, text) in &element.attributes {
            let name = format!("{}{}", self.prefix, shown(local(key)));
            match self.place(&name, true, schema, output, path, &found)? {
                Place::Nowhere => {}
                Place::Column(field) => {
                    let value = self.scalar(text, field, &format!("{path}{name}"))?;
                    found.entry(name).or_default().push(value);
                }
            }
        }
        for child in &element.children {
            let name = shown(local(&child.name));
            let known = markup_column(schema, &name, self.value_tag);
            if known.is_some_and(|field| !matches!(item(field).0, DataType::Struct(_)))
                && named(output, &name).is_some()
            {
                self.beside_text(child, &format!("{path}{name}"));
            }
            let Place::Column(field) = self.place(&name, true, schema, output, path, &found)?
            else {
                continue;
            };
            let path = format!("{path}{name}");
            let value = match item(field).0 {
                DataType::Struct(inner) => {
                    let known = named(schema, &name).unwrap();
                    let DataType::Struct(known) = item(known).0 else {
                        panic!("{path} is a struct in the output alone");
                    };
                    if self.blank(child) && child.children.is_empty() && child.attributes.is_empty()
                    {
                        Value::Null
                    } else {
                        Value::Object(self.object(child, known, inner, &format!("{path}/"))?)
                    }
                }
                _ => self.scalar(&child.text, field, &path)?,
            };
            found.entry(name).or_default().push(value);
        }
        if !self.blank(element) {
            let name = self.value_tag.to_string();
            if let Place::Column(field) = self.place(&name, false, schema, output, path, &found)? {
                let value = self.scalar(&element.text, field, &format!("{path}{name}"))?;
                found.entry(name).or_default().push(value);
            }
        }
        let mut object = Map::new();
        for (name, mut values) in found {
            let (_, list) = item(named(output, &name).unwrap());
            let value = if list {
                Value::Array(values)
            } else {
                values.swap_remove(0)
            };
            if !value.is_null() {
                object.insert(name, value);
            }
        }
        Ok(object)
    }

    fn blank(&self, element: &Element) -> bool {
        element.blank || (self.trim && values::trim(&element.text).is_empty())
    }

    /// Counts what an element holds of which only the text is read.
    fn beside_text(&mut self, element: &Element, path: &str) {
        for (key, _) in &element.attributes {
            let key = format!("{}{}", self.prefix, shown(local(key)));
            self.unknown.push(format!("{path}/{key}"));
        }
        for inner in &element.children {
            let name = shown(local(&inner.name));
            self.unknown.push(format!("{path}/{name}"));
        }
    }

    /// Whether a value of this name is read. `markup`: it is an element or attribute, not text.
    fn place<'f>(
        &mut self,
        name: &str,
        markup: bool,
        schema: &Fields,
        output: &'f Fields,
        path: &str,
        found: &BTreeMap<String, Vec<Value>>,
    ) -> Result<Place<'f>, Why> {
        let known = if markup {
            markup_column(schema, name, self.value_tag)
        } else {
            named(schema, name)
        };
        let path = format!("{path}{name}");
        if known.is_none() {
            self.unknown.push(path);
            return Ok(Place::Nowhere);
        }
        let Some(field) = named(output, name) else {
            return Ok(Place::Nowhere);
        };
        if !item(field).1 && found.contains_key(name) {
            if !self.null {
                return Err(Why::new("repeated", None, path));
            }
            self.bad_values.push(path);
            return Ok(Place::Nowhere);
        }
        Ok(Place::Column(field))
    }

    fn scalar(&mut self, text: &[u8], field: &Field, path: &str) -> Result<Value, Why> {
        let text = if self.trim { values::trim(text) } else { text };
        let (data_type, _) = item(field);
        let value = match data_type {
            DataType::Utf8 => Some(json!(String::from_utf8(text.to_vec()).unwrap())),
            _ if text.is_empty() => Some(Value::Null),
            DataType::Int64 => values::int64(text).map(|value| json!(value)),
            DataType::Float64 => values::float64(text).map(|value| json!(value)),
            DataType::Boolean => values::boolean(text).map(|value| json!(value)),
            DataType::Date32 => values::date32(text).map(|value| json!(value)),
            DataType::Decimal128(precision, scale) => {
                let value = values::decimal128(text, *precision, *scale);
                value.map(|value| json!(Decimal128Type::format_decimal(value, *precision, *scale)))
            }
            DataType::Timestamp(_, zone) => {
                let micros = Forms::default().micros(text, zone.is_some());
                micros.map(|micros| json!(micros))
            }
            other => panic!("{other}"),
        };
        match value {
            Some(value) => Ok(value),
            None if self.null => {
                self.bad_values.push(path.to_string());
                Ok(Value::Null)
            }
            None => Err(Why::new("value", None, path)),
        }
    }
}

/// Where a value goes.
enum Place<'a> {
    Nowhere,
    Column(&'a Field),
}

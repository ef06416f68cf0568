//! Hive's way of putting a column's value into a folder's name: `fiscal_year=2018/agency=97AS`.
//!
//! | Value | Folder |
//! | --- | --- |
//! | NULL, or an empty string | `c=__HIVE_DEFAULT_PARTITION__` (Hive has one word for both) |
//! | integer, boolean, date | `c=-7`, `c=true`, `c=2018-03-09` |
//! | text | as it is, with the characters below as `%` and two hexadecimal digits |
//! | the text `__HIVE_DEFAULT_PARTITION__` itself | its first `_` escaped, so that it stays apart from NULL |
//!
//! Escaped are control characters and ``"#%'*/:=?\{}[]^`` (those of Hive's `FileUtils.escapePathName` and Spark's
//! `ExternalCatalogUtils.escapePathName`). Everything else, spaces and letters of any script among it, stays.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow::temporal_conversions::date32_to_datetime;
use indexmap::IndexMap;

use crate::error::LakeError;

/// The folder's value for NULL.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// The longest folder name that disks take, in bytes: `column=value`, escaped.
pub const PARTITION_FOLDER_BYTES_MAX: usize = 255;

/// The values of a file's partition columns as text, in the order of the folders; `None` is NULL.
pub type PartitionValues = IndexMap<String, Option<String>>;

/// Escapes a column's name or a value for a folder's name.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{}[]^".contains(c) {
            escaped.push_str(&format!("%{:02X}", c as u32));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The reverse of [`escape`]. What is not an escape of UTF-8 text stays as it is.
pub fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_string())
}

/// The folder of some partition values: `a=1/b=x`, empty when there are none.
///
/// # Errors
/// [`LakeError::Invalid`] when a value is too long for a folder's name.
pub fn folder(values: &PartitionValues) -> Result<String, LakeError> {
    let mut folders = Vec::with_capacity(values.len());
    for (column, value) in values {
        let value = match value.as_deref() {
            None | Some("") => NULL_PARTITION.to_string(),
            Some(NULL_PARTITION) => NULL_PARTITION.replacen('_', "%5F", 1),
            Some(text) => escape(text),
        };
        let name = format!("{}={value}", escape(column));
        if name.len() > PARTITION_FOLDER_BYTES_MAX {
            let shown: String = name.chars().take(60).collect();
            return Err(LakeError::invalid(
                format!(
                    "a value of partition column `{column}` is too long for a folder's name \
                     ({} bytes of at most {PARTITION_FOLDER_BYTES_MAX}): `{shown}...`",
                    name.len()
                ),
                "partition by a column with short values",
            ));
        }
        folders.push(name);
    }
    Ok(folders.join("/"))
}

/// The partition values in a file's path, the reverse of [`folder`]; folders without `=` are passed over.
pub fn parse(path: &str) -> PartitionValues {
    let mut values = PartitionValues::new();
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    for (column, value) in folders
        .split('/')
        .filter_map(|folder| folder.split_once('='))
    {
        let value = (value != NULL_PARTITION).then(|| unescape(value));
        values.insert(unescape(column), value);
    }
    values
}

/// Checks that a column's type can be a folder's name.
///
/// # Errors
/// [`LakeError::Invalid`] names the column, the type, and what is allowed.
pub fn check_type(column: &str, data_type: &DataType) -> Result<(), LakeError> {
    use DataType::*;
    match data_type {
        Utf8 | LargeUtf8 | Utf8View | Boolean | Date32 => Ok(()),
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Ok(()),
        Dictionary(_, value) => check_type(column, value),
        other => Err(LakeError::invalid(
            format!("column `{column}` of type {other} cannot be a partition"),
            "partition by text, an integer, a date or a boolean (CAST it in the SQL)",
        )),
    }
}

/// A partition column in a form that [`value_text`] takes: dictionaries are resolved.
pub(crate) fn plain_values(column: &ArrayRef) -> Result<ArrayRef, LakeError> {
    match column.data_type() {
        DataType::Dictionary(_, value) => cast(column, value).map_err(|error| {
            LakeError::invalid(
                format!("partition column: {error}"),
                "CAST it to text in the SQL",
            )
        }),
        _ => Ok(column.clone()),
    }
}

/// One value as text; NULL and the empty string are both `None`.
pub(crate) fn value_text(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let text = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_string(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_string(),
        DataType::Utf8View => array.as_string_view().value(row).to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Date32 => date_text(array.as_primitive::<Date32Type>().value(row)),
        other => unreachable!("partition type {other} is refused by check_type"),
    };
    (!text.is_empty()).then_some(text)
}

/// A day as `YYYY-MM-DD`; days that the calendar does not reach stay a number.
pub(crate) fn date_text(days: i32) -> String {
    match date32_to_datetime(days) {
        Some(moment) => moment.date().to_string(),
        None => days.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, DictionaryArray, Int32Array, StringArray};

    use super::*;

    fn values(pairs: &[(&str, Option<&str>)]) -> PartitionValues {
        pairs
            .iter()
            .map(|(c, v)| (c.to_string(), v.map(str::to_string)))
            .collect()
    }

    #[test]
    fn folders_follow_hive() {
        for (pairs, expected) in [
            (vec![], ""),
            (vec![("y", Some("2018"))], "y=2018"),
            (
                vec![("y", None), ("b", Some("x"))],
                "y=__HIVE_DEFAULT_PARTITION__/b=x",
            ),
            (vec![("y", Some(""))], "y=__HIVE_DEFAULT_PARTITION__"),
            (
                vec![("y", Some(NULL_PARTITION))],
                "y=%5F_HIVE_DEFAULT_PARTITION__",
            ),
            (vec![("a=b", Some("../x%/y"))], "a%3Db=..%2Fx%25%2Fy"),
            (vec![("t", Some("12:30 é\n"))], "t=12%3A30 é%0A"),
        ] {
            assert_eq!(folder(&values(&pairs)).unwrap(), expected);
        }
    }

    #[test]
    fn any_text_comes_back_from_its_folder() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..2_000 {
            let text: String = (0..random.usize(1..12))
                .map(|_| {
                    if random.bool() {
                        random.char('\0'..='\u{7f}')
                    } else {
                        random.char(..)
                    }
                })
                .collect();
            let before = values(&[("k", Some(&text)), ("n", None)]);
            let path = format!("{}/f.parquet", folder(&before).unwrap());
            assert_eq!(parse(&path), before, "round {round}: {text:?}");
            assert_eq!(
                path.matches('/').count(),
                2,
                "{text:?} makes a folder of its own"
            );
        }
        assert_eq!(
            parse(&format!("k=%5F{}/f", &NULL_PARTITION[1..]))["k"],
            Some(NULL_PARTITION.into())
        );
        assert_eq!(unescape("100%zz%F"), "100%zz%F");
    }

    #[test]
    fn a_value_too_long_for_a_folder_is_refused_by_name() {
        let error = folder(&values(&[("note", Some(&"x".repeat(300)))]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("partition column `note` is too long"),
            "{error}"
        );
    }

    #[test]
    fn values_of_every_allowed_type_have_one_text() {
        let dictionary: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
        let cases: Vec<(ArrayRef, [Option<&str>; 2])> = vec![
            (
                Arc::new(Int32Array::from(vec![Some(-7), None])),
                [Some("-7"), None],
            ),
            (
                Arc::new(BooleanArray::from(vec![true, false])),
                [Some("true"), Some("false")],
            ),
            (
                Arc::new(Date32Array::from(vec![0, -1])),
                [Some("1970-01-01"), Some("1969-12-31")],
            ),
            (
                Arc::new(StringArray::from(vec!["", "x"])),
                [None, Some("x")],
            ),
            (Arc::new(dictionary), [Some("a"), Some("b")]),
        ];
        for (array, expected) in cases {
            check_type("c", array.data_type()).unwrap();
            let plain = plain_values(&array).unwrap();
            let found: Vec<Option<String>> = (0..2).map(|row| value_text(&plain, row)).collect();
            assert_eq!(
                found,
                expected.map(|text| text.map(str::to_string)),
                "{}",
                array.data_type()
            );
        }
    }

    #[test]
    fn a_float_is_no_partition() {
        let error = check_type("price", &DataType::Float64)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("column `price` of type Float64 cannot be a partition"),
            "{error}"
        );
    }
}

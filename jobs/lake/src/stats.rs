//! What a data file's footer says of its columns: the log carries it, so that a query can pass over files
//! without opening them, and `verify` can tell a file that was exchanged.
//!
//! Statistics are kept for each leaf outside of lists, under its path (`vendor.name`), for the first
//! [`STATS_COLUMNS_MAX`] of them. Values are JSON: integers and booleans as such, text as text (a long text is cut
//! by the encoder: then `min` is a lower and `max` an upper bound, and `exact` is false), decimals and floats as text
//! with all their digits (programs that read JSON may round a number, and a bound must not move), dates as
//! `YYYY-MM-DD`, timestamps as ISO 8601. Bounds that JSON cannot say (NaN, infinities, bytes) are left out.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::temporal_conversions::{
    timestamp_ms_to_datetime, timestamp_ns_to_datetime, timestamp_s_to_datetime,
    timestamp_us_to_datetime,
};
use indexmap::IndexMap;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::partition::date_text;

/// The number of leaves for which a file's statistics are kept.
pub const STATS_COLUMNS_MAX: usize = 256;

/// The statistics of one column of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnStats {
    /// The smallest value, or a bound below it; absent when all are NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// The largest value, or a bound above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// How many values are NULL.
    pub null_count: u64,
    /// False when `min` or `max` is only a bound.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub exact: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(exact: &bool) -> bool {
    *exact
}

/// The statistics of all of a file's columns, by path, in the file's order.
pub type FileStats = IndexMap<String, ColumnStats>;

/// Reads the statistics out of a footer. `schema` is the file's Arrow schema.
pub fn from_footer(footer: &ParquetMetaData, schema: &Schema) -> FileStats {
    let mut leaves = Vec::new();
    for field in schema.fields() {
        find_leaves(field, field.name().clone(), &mut leaves);
    }
    let descriptor = footer.file_metadata().schema_descr();
    let mut stats = FileStats::new();
    for column in 0..descriptor.num_columns() {
        if stats.len() == STATS_COLUMNS_MAX {
            break;
        }
        let path = descriptor.column(column).path().string();
        let Some((_, data_type)) = leaves.iter().find(|(leaf, _)| *leaf == path) else {
            continue;
        };
        if let Some(found) = column_stats(footer, column, data_type) {
            stats.insert(path, found);
        }
    }
    stats
}

/// The leaves outside of lists, with their paths.
fn find_leaves(field: &Field, path: String, leaves: &mut Vec<(String, DataType)>) {
    match field.data_type() {
        DataType::Struct(children) => {
            for child in children {
                find_leaves(child, format!("{path}.{}", child.name()), leaves);
            }
        }
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(_, _)
        | DataType::Map(_, _) => {}
        data_type => leaves.push((path, data_type.clone())),
    }
}

/// The bounds over all row groups; `None` when one of them has no statistics.
fn column_stats(
    footer: &ParquetMetaData,
    column: usize,
    data_type: &DataType,
) -> Option<ColumnStats> {
    let (mut min, mut max): (Option<Bound>, Option<Bound>) = (None, None);
    let (mut null_count, mut exact, mut bounded) = (0, true, true);
    for group in footer.row_groups() {
        let chunk = group.column(column);
        let found = chunk.statistics()?;
        let nulls = found.null_count_opt()?;
        null_count += nulls;
        match (
            Bound::of(found, data_type, true),
            Bound::of(found, data_type, false),
        ) {
            (Some(low), Some(high)) => {
                exact &= found.min_is_exact() && found.max_is_exact();
                if min.as_ref().is_none_or(|min| low.is_below(min)) {
                    min = Some(low);
                }
                if max.as_ref().is_none_or(|max| max.is_below(&high)) {
                    max = Some(high);
                }
            }
            // A chunk with values but without bounds leaves the file without them.
            _ => bounded &= nulls == chunk.num_values() as u64,
        }
    }
    let json = |bound: Option<Bound>| bound.filter(|_| bounded).and_then(|b| b.to_json(data_type));
    let (min, max) = (json(min), json(max));
    let exact = exact || (min.is_none() && max.is_none());
    Some(ColumnStats {
        min,
        max,
        null_count,
        exact,
    })
}

/// A bound in a form that compares as the column does.
#[derive(Debug)]
enum Bound {
    Bool(bool),
    Whole(i128),
    Float(f64),
    Bytes(Vec<u8>),
}

impl Bound {
    fn of(stats: &Statistics, data_type: &DataType, low: bool) -> Option<Bound> {
        fn pick<'a, T>(low: bool, min: Option<&'a T>, max: Option<&'a T>) -> Option<&'a T> {
            if low { min } else { max }
        }
        Some(match stats {
            Statistics::Boolean(s) => Bound::Bool(*pick(low, s.min_opt(), s.max_opt())?),
            // Unsigned numbers lie in signed ones of the same width, and are ordered as unsigned.
            Statistics::Int32(s) => {
                let value = *pick(low, s.min_opt(), s.max_opt())?;
                let unsigned = *data_type == DataType::UInt32;
                Bound::Whole(if unsigned {
                    i128::from(value as u32)
                } else {
                    i128::from(value)
                })
            }
            Statistics::Int64(s) => {
                let value = *pick(low, s.min_opt(), s.max_opt())?;
                let unsigned = *data_type == DataType::UInt64;
                Bound::Whole(if unsigned {
                    i128::from(value as u64)
                } else {
                    i128::from(value)
                })
            }
            Statistics::Float(s) => Bound::Float(f64::from(*pick(low, s.min_opt(), s.max_opt())?)),
            Statistics::Double(s) => Bound::Float(*pick(low, s.min_opt(), s.max_opt())?),
            Statistics::ByteArray(s) => {
                Bound::Bytes(pick(low, s.min_opt(), s.max_opt())?.data().to_vec())
            }
            // The only type of fixed length that a lake writes is a decimal, as a big-endian whole number.
            Statistics::FixedLenByteArray(s) => {
                let bytes = pick(low, s.min_opt(), s.max_opt())?.data();
                let skipped = bytes.len().saturating_sub(16);
                let fill = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
                if bytes[..skipped].iter().any(|byte| *byte != fill) {
                    return None;
                }
                let mut wide = [fill; 16];
                wide[16 - (bytes.len() - skipped)..].copy_from_slice(&bytes[skipped..]);
                Bound::Whole(i128::from_be_bytes(wide))
            }
            Statistics::Int96(_) => return None,
        })
    }

    fn is_below(&self, other: &Bound) -> bool {
        match (self, other) {
            (Bound::Bool(a), Bound::Bool(b)) => a < b,
            (Bound::Whole(a), Bound::Whole(b)) => a < b,
            (Bound::Float(a), Bound::Float(b)) => a < b,
            (Bound::Bytes(a), Bound::Bytes(b)) => a < b,
            _ => false,
        }
    }

    fn to_json(&self, data_type: &DataType) -> Option<Value> {
        Some(match self {
            Bound::Bool(value) => Value::Bool(*value),
            Bound::Float(value) if value.is_finite() => Value::String(value.to_string()),
            Bound::Float(_) => return None,
            Bound::Bytes(bytes) => match data_type {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    Value::String(std::str::from_utf8(bytes).ok()?.to_string())
                }
                _ => return None,
            },
            Bound::Whole(value) => whole_to_json(*value, data_type)?,
        })
    }
}

fn whole_to_json(value: i128, data_type: &DataType) -> Option<Value> {
    let long = i64::try_from(value).ok();
    Some(match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            Value::String(decimal_text(value, *scale))
        }
        DataType::Date32 => Value::String(date_text(i32::try_from(value).ok()?)),
        DataType::Timestamp(unit, zone) => {
            let moment = match unit {
                TimeUnit::Second => timestamp_s_to_datetime(long?),
                TimeUnit::Millisecond => timestamp_ms_to_datetime(long?),
                TimeUnit::Microsecond => timestamp_us_to_datetime(long?),
                TimeUnit::Nanosecond => timestamp_ns_to_datetime(long?),
            }?;
            // The debug form is ISO 8601, with the `T`.
            let zone = if zone.is_some() { "Z" } else { "" };
            Value::String(format!("{moment:?}{zone}"))
        }
        DataType::UInt64 => Value::from(u64::try_from(value).ok()?),
        _ => Value::from(long?),
    })
}

/// A decimal with all its digits: the unscaled value -1230 of scale 2 is `-12.30`.
fn decimal_text(unscaled: i128, scale: i8) -> String {
    if scale <= 0 {
        let zeros = if unscaled == 0 {
            0
        } else {
            usize::from(scale.unsigned_abs())
        };
        return format!("{unscaled}{}", "0".repeat(zeros));
    }
    let scale = usize::from(scale.unsigned_abs());
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
        RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, UInt64Array,
    };
    use arrow::datatypes::Int64Type;
    use serde_json::json;

    use super::*;
    use crate::encode::FileEncoder;
    use crate::writer::{Compression, writer_properties};

    /// The statistics of a file with these columns, in row groups of two rows.
    fn stats_of(columns: Vec<(&str, ArrayRef)>) -> FileStats {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let properties = writer_properties(Compression::Zstd, 2, 1 << 20);
        let mut file = FileEncoder::try_new(Vec::new(), batch.schema(), properties).unwrap();
        file.write(&batch).unwrap();
        from_footer(&file.finish().unwrap(), &batch.schema())
    }

    #[test]
    fn bounds_and_nulls_over_several_row_groups() {
        let long = "x".repeat(100);
        let decimal = Decimal128Array::from(vec![Some(-1230), None, Some(5), Some(99)]);
        let wide = Decimal128Array::from(vec![10_i128.pow(30), -1, 0, 7]);
        let moment = TimestampMicrosecondArray::from(vec![Some(1_500_000), None, None, Some(0)]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            (
                "int",
                Arc::new(Int64Array::from(vec![Some(3), None, Some(-4), Some(9)])),
            ),
            ("none", Arc::new(Int64Array::from(vec![None::<i64>; 4]))),
            ("text", Arc::new(StringArray::from(vec!["b", "é", "a", ""]))),
            ("long", Arc::new(StringArray::from(vec![long.as_str(); 4]))),
            (
                "flag",
                Arc::new(BooleanArray::from(vec![true, true, false, true])),
            ),
            (
                "price",
                Arc::new(Float64Array::from(vec![1.5, f64::NAN, -2.0, 0.0])),
            ),
            ("nan", Arc::new(Float64Array::from(vec![f64::NAN; 4]))),
            (
                "small",
                Arc::new(decimal.with_precision_and_scale(9, 2).unwrap()),
            ),
            (
                "wide",
                Arc::new(wide.with_precision_and_scale(38, 3).unwrap()),
            ),
            ("day", Arc::new(Date32Array::from(vec![0, 17_000, -1, 1]))),
            ("utc", Arc::new(moment.with_timezone("UTC"))),
            (
                "unsigned",
                Arc::new(UInt64Array::from(vec![u64::MAX, 1, 2, 3])),
            ),
        ];
        let stats = stats_of(columns);
        let exact = |min: Value, max: Value, null_count: u64| ColumnStats {
            min: Some(min),
            max: Some(max),
            null_count,
            exact: true,
        };
        assert_eq!(stats["int"], exact(json!(-4), json!(9), 1));
        assert_eq!(
            stats["none"],
            ColumnStats {
                min: None,
                max: None,
                null_count: 4,
                exact: true
            }
        );
        assert_eq!(stats["text"], exact(json!(""), json!("é"), 0));
        assert_eq!(stats["flag"], exact(json!(false), json!(true), 0));
        assert_eq!(stats["price"], exact(json!("-2"), json!("1.5"), 0));
        assert_eq!(
            stats["nan"],
            ColumnStats {
                min: None,
                max: None,
                null_count: 0,
                exact: true
            }
        );
        assert_eq!(stats["small"], exact(json!("-12.30"), json!("0.99"), 1));
        let wide = format!("1{}.000", "0".repeat(27));
        assert_eq!(stats["wide"], exact(json!("-0.001"), json!(wide), 0));
        assert_eq!(
            stats["day"],
            exact(json!("1969-12-31"), json!("2016-07-18"), 0)
        );
        let (epoch, later) = ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01.500Z");
        assert_eq!(stats["utc"], exact(json!(epoch), json!(later), 2));
        assert_eq!(stats["unsigned"], exact(json!(1), json!(u64::MAX), 0));

        let cut = &stats["long"];
        assert!(!cut.exact);
        assert!(cut.min.as_ref().unwrap().as_str().unwrap() < long.as_str());
        assert!(cut.max.as_ref().unwrap().as_str().unwrap() > long.as_str());
    }

    #[test]
    fn leaves_of_structs_have_statistics_and_those_of_lists_have_none() {
        let inner: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let schema = Field::new("n", DataType::Int64, true);
        let part = StructArray::from(vec![(Arc::new(schema), inner)]);
        let list =
            ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1)]), None]);
        let stats = stats_of(vec![("s", Arc::new(part)), ("l", Arc::new(list))]);
        assert_eq!(stats.keys().collect::<Vec<_>>(), ["s.n"]);
        assert_eq!(stats["s.n"].null_count, 1);
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (value, scale, text) in [
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (12345, 0, "12345"),
            (12, -3, "12000"),
            (0, -3, "0"),
        ] {
            assert_eq!(decimal_text(value, scale), text);
        }
    }
}

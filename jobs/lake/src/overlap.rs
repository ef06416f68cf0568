//! Which files can hold a value of a range, by their statistics: an upsert passes over the others without opening
//! them.
//!
//! Wrong in one direction alone: a file whose statistics do not say it may hold anything.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, make_comparator};
use arrow::compute::{CastOptions, SortOptions, cast_with_options};
use arrow::datatypes::DataType;
use serde_json::Value;

use crate::pending::PendingFile;
use crate::snapshot::DataFile;

/// The values of one column in a set of files, from the smallest to the greatest.
#[derive(Debug, Clone)]
pub struct KeyRange {
    column: String,
    data_type: DataType,
    /// Bounds of each file that has rows.
    bounds: Vec<(String, String)>,
}

impl KeyRange {
    /// The range of `column`, of this type, in `files`; `None` when a file does not say, and it may be any value.
    pub fn of(column: &str, data_type: &DataType, files: &[PendingFile]) -> Option<Self> {
        let mut bounds = Vec::new();
        for file in files.iter().filter(|file| file.rows > 0) {
            let stats = file.stats.get(column)?;
            match (&stats.min, &stats.max) {
                (Some(min), Some(max)) => bounds.push((text(min), text(max))),
                // Nothing but NULL.
                _ if stats.null_count == file.rows => {}
                _ => return None,
            }
        }
        Some(KeyRange {
            column: column.to_owned(),
            data_type: data_type.clone(),
            bounds,
        })
    }

    /// Whether `file` may hold a value of the range.
    pub fn may_be_in(&self, file: &DataFile) -> bool {
        let (low, high) = match (
            file.stats.get(&self.column),
            file.partition.get(&self.column),
        ) {
            (_, Some(value)) => match value {
                Some(value) => (value.clone(), value.clone()),
                None => return true,
            },
            (Some(stats), None) => match (&stats.min, &stats.max) {
                (Some(min), Some(max)) => (text(min), text(max)),
                _ => return true,
            },
            (None, None) => return true,
        };
        self.bounds
            .iter()
            .any(|(min, max)| self.is_at_most(min, &high) && self.is_at_most(&low, max))
    }

    /// Whether `a <= b`, or it cannot be told.
    fn is_at_most(&self, a: &str, b: &str) -> bool {
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let texts: ArrayRef = Arc::new(StringArray::from(vec![a, b]));
        let Ok(values) = cast_with_options(&texts, &self.data_type, &strict) else {
            return true;
        };
        match make_comparator(&values, &values, SortOptions::default()) {
            Ok(compare) => compare(0, 1) != Ordering::Greater,
            Err(_) => true,
        }
    }
}

/// A bound as the text that a cast reads.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;
    use serde_json::json;

    use super::*;
    use crate::pending::tests::pending;
    use crate::stats::ColumnStats;

    fn stats(min: Value, max: Value) -> ColumnStats {
        let bound = |value: Value| (!value.is_null()).then_some(value);
        ColumnStats {
            min: bound(min),
            max: bound(max),
            null_count: 0,
            exact: true,
        }
    }

    fn written(min: Value, max: Value) -> PendingFile {
        let mut file = pending("_headworks/pending/.t.tmp", "a.parquet");
        file.rows = 5;
        file.stats.insert("k".into(), stats(min, max));
        file
    }

    fn current(min: Value, max: Value) -> DataFile {
        DataFile {
            path: "b.parquet".into(),
            rows: 5,
            bytes: 9,
            partition: Default::default(),
            stats: [("k".to_owned(), stats(min, max))].into_iter().collect(),
            added_in: 1,
            schema: Arc::new(arrow::datatypes::Schema::empty()),
        }
    }

    #[test]
    fn ranges_are_compared_as_the_column_is() {
        let date = DataType::Date32;
        let stamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        let decimal = DataType::Decimal128(10, 2);
        for (data_type, ours, theirs, expected) in [
            (
                DataType::Int64,
                [json!(5), json!(9)],
                [json!(10), json!(20)],
                false,
            ),
            (
                DataType::Int64,
                [json!(5), json!(10)],
                [json!(10), json!(20)],
                true,
            ),
            (
                DataType::Int64,
                [json!(30), json!(100)],
                [json!(4), json!(20)],
                false,
            ),
            (
                DataType::Utf8,
                [json!("10"), json!("20")],
                [json!("3"), json!("4")],
                false,
            ),
            (
                DataType::Utf8,
                [json!("10"), json!("20")],
                [json!("15"), json!("3")],
                true,
            ),
            (
                decimal.clone(),
                [json!("9.50"), json!("9.75")],
                [json!("10.00"), json!("11.00")],
                false,
            ),
            (
                decimal,
                [json!("9.50"), json!("10.00")],
                [json!("10.00"), json!("11.00")],
                true,
            ),
            (
                date,
                [json!("2020-01-01"), json!("2020-02-01")],
                [json!("2020-02-02"), json!("2021-01-01")],
                false,
            ),
            (
                stamp.clone(),
                [
                    json!("2020-01-01T00:00:00.500"),
                    json!("2020-01-01T00:00:00.500"),
                ],
                [json!("2020-01-01T00:00:00"), json!("2020-01-01T00:00:00")],
                false,
            ),
            (
                stamp,
                [
                    json!("2020-01-01T00:00:00.500"),
                    json!("2020-01-01T00:00:00.500"),
                ],
                [json!("2020-01-01T00:00:00"), json!("2020-01-01T00:00:01")],
                true,
            ),
            // What cannot be read as a value rules nothing out.
            (
                DataType::Int64,
                [json!("x"), json!("y")],
                [json!(1), json!(2)],
                true,
            ),
            (
                DataType::Int64,
                [json!(1), json!(1)],
                [Value::Null, Value::Null],
                true,
            ),
        ] {
            let [min, max] = ours;
            let [low, high] = theirs;
            let range = KeyRange::of("k", &data_type, &[written(min, max)]).unwrap();
            let file = current(low, high);
            assert_eq!(range.may_be_in(&file), expected, "{range:?} {file:?}");
        }
    }

    #[test]
    fn a_range_of_several_files_has_gaps_and_one_without_bounds_is_none() {
        let files = [written(json!(1), json!(2)), written(json!(8), json!(9))];
        let range = KeyRange::of("k", &DataType::Int64, &files).unwrap();
        assert!(!range.may_be_in(&current(json!(4), json!(6))));
        assert!(range.may_be_in(&current(json!(9), json!(12))));
        assert!(KeyRange::of("other", &DataType::Int64, &files).is_none());
        let unknown = [written(Value::Null, Value::Null)];
        assert!(KeyRange::of("k", &DataType::Int64, &unknown).is_none());
    }

    #[test]
    fn a_partition_column_is_known_by_the_folder() {
        let files = [written(json!(1), json!(2))];
        let range = KeyRange::of("k", &DataType::Int64, &files).unwrap();
        let mut file = current(Value::Null, Value::Null);
        file.stats.clear();
        for (value, expected) in [(Some("2"), true), (Some("3"), false), (None, true)] {
            file.partition.insert("k".into(), value.map(str::to_owned));
            assert_eq!(range.may_be_in(&file), expected, "{value:?}");
        }
    }
}

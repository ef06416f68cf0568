//! The types of Parquet files as those that records have, and what two files' types widen to.
//!
//! | In a file | Column |
//! | --- | --- |
//! | integers of up to 64 bits with a sign, or 32 without | `int64` |
//! | integers of 64 bits without a sign | `decimal(20,0)` |
//! | floating point | `float64` |
//! | decimals of up to 38 digits | `decimal` |
//! | text, of any layout; a column of nothing but NULL | `text` |
//! | dates | `date` |
//! | timestamps of any unit | `timestamp`, or `timestamptz` if they have a zone |
//! | dictionaries | what is in them |
//! | structs and lists | the same, of such types |
//! | anything else (binary, time of day, maps) | refused, by name |
//!
//! Of one column in two files, integers widen to decimals and these to floats, dates to timestamps, structs by their
//! fields, lists by their items.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, Schema, TimeUnit,
};

/// Digits of the largest 64-bit integer.
const INT64_DIGITS: u8 = 19;
/// Digits of the largest one without a sign.
const UINT64_DIGITS: u8 = 20;

/// A file's schema with the types of records.
///
/// # Errors
/// What to tell of a column whose type has none.
pub(super) fn of_records(schema: &Schema) -> Result<Schema, String> {
    Ok(Schema::new(fields(schema.fields(), "")?))
}

fn fields(fields: &Fields, above: &str) -> Result<Fields, String> {
    let converted = fields.iter().map(|field| {
        let path = format!("{above}{}", field.name());
        let data_type = data_type(field.data_type(), &path)?;
        Ok(Field::new(field.name(), data_type, true))
    });
    Ok(converted.collect::<Result<Vec<_>, String>>()?.into())
}

fn data_type(of: &DataType, path: &str) -> Result<DataType, String> {
    use DataType as T;
    Ok(match of {
        T::Boolean => T::Boolean,
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 => T::Int64,
        T::UInt64 => T::Decimal128(UINT64_DIGITS, 0),
        T::Float16 | T::Float32 | T::Float64 => T::Float64,
        T::Decimal32(precision, scale)
        | T::Decimal64(precision, scale)
        | T::Decimal128(precision, scale)
        | T::Decimal256(precision, scale)
            if *precision <= DECIMAL128_MAX_PRECISION && *scale >= 0 =>
        {
            T::Decimal128(*precision, *scale)
        }
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Null => T::Utf8,
        T::Date32 | T::Date64 => T::Date32,
        T::Timestamp(_, zone) => {
            T::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into()))
        }
        T::Dictionary(_, values) => data_type(values, path)?,
        T::Struct(inner) if !inner.is_empty() => T::Struct(fields(inner, &format!("{path}."))?),
        T::List(item)
        | T::LargeList(item)
        | T::ListView(item)
        | T::LargeListView(item)
        | T::FixedSizeList(item, _) => {
            let item = data_type(item.data_type(), &format!("{path}[]"))?;
            T::List(Arc::new(Field::new_list_field(item, true)))
        }
        other => {
            return Err(format!(
                "column `{path}` has the type {other}, which is not read; write the file without it, or as another type"
            ));
        }
    })
}

/// The schema that rows of both fit; both have the types of records.
///
/// # Errors
/// What to tell of a column that has two types without a common one.
pub(super) fn merged(before: &Schema, file: &Schema) -> Result<Schema, String> {
    Ok(Schema::new(merged_fields(
        before.fields(),
        file.fields(),
        "",
    )?))
}

fn merged_fields(before: &Fields, file: &Fields, above: &str) -> Result<Fields, String> {
    let same = |field: &FieldRef, others: &Fields| {
        others.iter().find(|o| o.name() == field.name()).cloned()
    };
    let mut all = Vec::with_capacity(before.len());
    for field in before {
        all.push(match same(field, file) {
            Some(other) => {
                let path = format!("{above}{}", field.name());
                let data_type = common(field.data_type(), other.data_type(), &path)?;
                Arc::new(Field::new(field.name(), data_type, true))
            }
            None => Arc::clone(field),
        });
    }
    all.extend(file.iter().filter(|f| same(f, before).is_none()).cloned());
    Ok(all.into())
}

fn common(before: &DataType, file: &DataType, path: &str) -> Result<DataType, String> {
    use DataType as T;
    if before == file {
        return Ok(before.clone());
    }
    let found = match (before, file) {
        (T::Struct(a), T::Struct(b)) => Some(T::Struct(merged_fields(a, b, &format!("{path}."))?)),
        (T::List(a), T::List(b)) => {
            let item = common(a.data_type(), b.data_type(), &format!("{path}[]"))?;
            Some(T::List(Arc::new(Field::new_list_field(item, true))))
        }
        (T::Float64, T::Int64 | T::Decimal128(..)) | (T::Int64 | T::Decimal128(..), T::Float64) => {
            Some(T::Float64)
        }
        (T::Date32, T::Timestamp(unit, None)) | (T::Timestamp(unit, None), T::Date32) => {
            Some(T::Timestamp(*unit, None))
        }
        _ => digits(before).zip(digits(file)).and_then(|(a, b)| {
            let (whole, scale) = (a.0.max(b.0), a.1.max(b.1));
            let precision = whole.checked_add(scale.unsigned_abs())?;
            (precision <= DECIMAL128_MAX_PRECISION).then_some(T::Decimal128(precision, scale))
        }),
    };
    found.ok_or_else(|| {
        format!(
            "column `{path}` is {file}, and {before} in the files before it; make two sources of them, and cast it in \
             the SQL"
        )
    })
}

/// Digits before and behind the point.
fn digits(of: &DataType) -> Option<(u8, i8)> {
    match of {
        DataType::Int64 => Some((INT64_DIGITS, 0)),
        DataType::Decimal128(precision, scale) => Some((precision - scale.unsigned_abs(), *scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(data_type: DataType) -> Schema {
        Schema::new(vec![Field::new("c", data_type, false)])
    }

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new_list_field(item, true)))
    }

    #[test]
    fn what_files_have_becomes_what_records_have() {
        use DataType as T;
        let seconds = |zone: Option<&str>| T::Timestamp(TimeUnit::Second, zone.map(Into::into));
        let micros = |zone: Option<&str>| T::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        let dictionary = T::Dictionary(Box::new(T::Int16), Box::new(T::LargeUtf8));
        let of = |field: T| T::Struct(vec![Field::new("f", field, true)].into());
        for (file, column) in [
            (T::Int32, T::Int64),
            (T::UInt64, T::Decimal128(20, 0)),
            (T::Float32, T::Float64),
            (T::Decimal256(20, 2), T::Decimal128(20, 2)),
            (T::Utf8View, T::Utf8),
            (seconds(None), micros(None)),
            (seconds(Some("+02:00")), micros(Some("UTC"))),
            (dictionary, T::Utf8),
            (of(T::Int8), of(T::Int64)),
            (list(of(T::Date64)), list(of(T::Date32))),
        ] {
            let found = of_records(&one(file)).unwrap();
            assert_eq!(found.field(0).data_type(), &column);
            assert!(found.field(0).is_nullable());
        }
        let refused = of_records(&one(list(of(T::Binary)))).unwrap_err();
        assert!(
            refused.contains("column `c[].f` has the type Binary"),
            "{refused}"
        );
        assert!(of_records(&one(T::Decimal256(60, 2))).is_err());
    }

    #[test]
    fn two_files_widen_or_are_refused() {
        use DataType as T;
        let micros = T::Timestamp(TimeUnit::Microsecond, None);
        for (a, b, both) in [
            (T::Int64, T::Decimal128(9, 2), Some(T::Decimal128(21, 2))),
            (
                T::Decimal128(9, 2),
                T::Decimal128(9, 4),
                Some(T::Decimal128(11, 4)),
            ),
            (T::Decimal128(38, 0), T::Decimal128(38, 9), None),
            (T::Int64, T::Float64, Some(T::Float64)),
            (T::Date32, micros.clone(), Some(micros.clone())),
            (list(T::Int64), list(T::Float64), Some(list(T::Float64))),
            (T::Utf8, T::Int64, None),
            (
                micros,
                T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                None,
            ),
        ] {
            for (a, b) in [(&a, &b), (&b, &a)] {
                let found = merged(&one(a.clone()), &one(b.clone())).ok();
                assert_eq!(
                    found.map(|s| s.field(0).data_type().clone()),
                    both,
                    "{a} and {b}"
                );
            }
        }
        let more = Schema::new(vec![
            Field::new("d", T::Utf8, true),
            Field::new("c", T::Int64, true),
        ]);
        let names = merged(&one(T::Int64), &more).unwrap();
        let names: Vec<_> = names.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["c", "d"]);
    }
}

//! The rules of inference.
//!
//! Every value, white space around it left out, is of the first class in this table whose form it has:
//!
//! | Class | Form |
//! | --- | --- |
//! | empty | nothing |
//! | integer | `-`?, then `0` or digits that do not begin with `0`; at most 38 digits |
//! | decimal | an integer part as above (it may be missing), `.`, digits; at most 38 digits in all |
//! | float | integer or decimal, then `e` or `E`, `+` or `-`?, digits; in the range of a float64 |
//! | boolean | `true`, `false` |
//! | date | `YYYY-MM-DD`, a day of the calendar; or the form of `date_format` in its place |
//! | timestamp | `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, `.` and digits?; exact in microseconds; or the form of `timestamp_format` in its place, where it has no zone |
//! | timestamp with zone | the same, then `Z` or `±HH:MM`; or the form of `timestamp_format`, where it has a zone |
//! | text | anything else: `007`, `+5`, `5.`, `TRUE`, more than 38 digits, `1e400` |
//!
//! One of `null_values` counts as empty. (Where a pattern's dates look like numbers, `yyyyMMdd`, they are numbers here,
//! as in Spark; the schema file can say otherwise.)
//!
//! All values of a column together decide its type, whatever their order:
//!
//! | Classes seen (empty ones do not count) | Type |
//! | --- | --- |
//! | none | text |
//! | integer, all in 64 bits | int64 |
//! | integer, some beyond | decimal(p, 0), p the most digits |
//! | decimal, or decimal and integer | decimal(p, s): s the most places, p that and the most digits before the point; text if p > 38 |
//! | float, or float with integer or decimal | float64 |
//! | boolean | bool |
//! | date | date |
//! | timestamp, or timestamp and date | timestamp |
//! | timestamp with zone | timestamptz |
//! | any other mixture | text |
//!
//! Where a format tells text from numbers (a string of JSON), text has the form of a date, of a timestamp, or none.
//!
//! And all occurrences of an element decide its shape, whatever their order:
//!
//! | Seen | Shape |
//! | --- | --- |
//! | text alone, or nothing | the type above |
//! | attributes or child elements, once | struct |
//! | both: here text alone, there attributes or child elements | struct, whose field `_VALUE` has the type of all the texts |
//! | text beside attributes or child elements | the same; several pieces of text are one text |
//! | twice in one parent, once | list of what one occurrence is |
//! | two attributes of one element with one local name (prefixes left out) | list |
//! | an attribute with `attribute_prefix`, or the text as `value_tag`, that has the name of another field | an error that names the option to change |
//!
//! In JSON a field is what an element is here, and lists are written as such:
//!
//! | Seen | Shape |
//! | --- | --- |
//! | scalars alone, or nothing but null | the type above |
//! | objects with fields | struct |
//! | both | struct, whose field `_VALUE` has the type of all the scalars |
//! | objects without fields, and none with any | text |
//! | arrays, once | list of what their items are; a list of lists if they hold arrays, as deep as the deepest |
//!
//! The fields of a struct stand in this order, which does not depend on the order of the data: attributes by name,
//! `_VALUE`, elements by name; then the columns that options ask for.

use arrow::datatypes::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::values::{self, DECIMAL_DIGITS_MAX, Forms, Moment, leading_digits};

/// What is known of the values of one column. Merging is a union, so the order of the data does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Classes {
    /// An empty one was seen.
    pub empty: bool,
    /// An integer was.
    pub integer: bool,
    /// An integer beyond 64 bits was.
    pub beyond_int64: bool,
    /// A decimal with a point was.
    pub decimal: bool,
    /// A float was.
    pub float: bool,
    /// A boolean was.
    pub boolean: bool,
    /// A date was.
    pub date: bool,
    /// A timestamp without a zone was.
    pub timestamp: bool,
    /// A timestamp with a zone was.
    pub timestamptz: bool,
    /// Text was.
    pub text: bool,
    /// The most digits before the point, of integers and decimals.
    pub digits_max: u8,
    /// The most digits after the point.
    pub scale_max: u8,
}

impl Classes {
    /// Takes in a value without white space around it.
    #[inline]
    pub fn add(&mut self, value: &[u8]) {
        let Some(&first) = value.first() else {
            self.empty = true;
            return;
        };
        if self.text {
            return; // It will be text whatever else comes.
        }
        match first {
            b'0'..=b'9' | b'-' | b'.' => self.add_number_or_time(value),
            _ if value == b"true" || value == b"false" => self.boolean = true,
            _ => self.set_text(),
        }
    }

    /// The same, where dates and timestamps have other forms.
    pub fn add_by(&mut self, value: &[u8], forms: &Forms) {
        if value.is_empty() {
            self.empty = true;
        } else if self.text {
            // It will be text whatever else comes.
        } else if value == b"true" || value == b"false" {
            self.boolean = true;
        } else if let Some(number) = number(value) {
            self.add_number(number, value);
        } else if forms.date(value).is_some() {
            self.date = true;
        } else {
            self.add_timestamp(forms.timestamp(value));
        }
    }

    /// Takes in a value that is known to be text, so no number and no truth value, whatever its form.
    #[inline]
    pub(crate) fn add_text(&mut self, value: &[u8]) {
        match value.first() {
            None => self.empty = true,
            Some(_) if self.text => {} // It will be text whatever else comes.
            Some(b'0'..=b'9') if values::date32(value).is_some() => self.date = true,
            Some(b'0'..=b'9') => self.add_timestamp(values::timestamp(value)),
            Some(_) => self.set_text(),
        }
    }

    /// The same, where dates and timestamps have other forms.
    pub(crate) fn add_text_by(&mut self, value: &[u8], forms: &Forms) {
        if value.is_empty() {
            self.empty = true;
        } else if self.text {
            // It will be text whatever else comes.
        } else if forms.date(value).is_some() {
            self.date = true;
        } else {
            self.add_timestamp(forms.timestamp(value));
        }
    }

    /// What was seen before the first text depends on the order, and nothing hangs on it: it is forgotten.
    fn set_text(&mut self) {
        *self = Self {
            empty: self.empty,
            text: true,
            ..Self::default()
        };
    }

    fn add_number_or_time(&mut self, value: &[u8]) {
        match number(value) {
            Some(number) => self.add_number(number, value),
            None if values::date32(value).is_some() => self.date = true,
            None => self.add_timestamp(values::timestamp(value)),
        }
    }

    #[inline(always)]
    fn add_number(&mut self, number: Number, value: &[u8]) {
        if number.float {
            self.float = true;
            return;
        }
        self.digits_max = self.digits_max.max(number.digits);
        match number.scale {
            Some(scale) => {
                self.decimal = true;
                self.scale_max = self.scale_max.max(scale);
            }
            None => {
                self.integer = true;
                self.beyond_int64 |= number.digits >= 19 && values::int64(value).is_none();
            }
        }
    }

    fn add_timestamp(&mut self, moment: Option<Moment>) {
        match moment {
            Some(moment) if moment.zoned => self.timestamptz = true,
            Some(_) => self.timestamp = true,
            None => self.set_text(),
        }
    }

    /// Adds what another one knows.
    pub fn merge(&mut self, other: &Self) {
        self.empty |= other.empty;
        self.integer |= other.integer;
        self.beyond_int64 |= other.beyond_int64;
        self.decimal |= other.decimal;
        self.float |= other.float;
        self.boolean |= other.boolean;
        self.date |= other.date;
        self.timestamp |= other.timestamp;
        self.timestamptz |= other.timestamptz;
        self.text |= other.text;
        self.digits_max = self.digits_max.max(other.digits_max);
        self.scale_max = self.scale_max.max(other.scale_max);
        if self.text {
            self.set_text();
        }
    }

    /// Whether any value was seen that is not empty.
    pub fn any(&self) -> bool {
        let numbers = self.integer || self.decimal || self.float;
        numbers || self.boolean || self.date || self.timestamp || self.timestamptz || self.text
    }

    /// Whether the column is text whatever else comes.
    pub(crate) fn is_settled(&self) -> bool {
        self.text || self.kinds() > 1
    }

    /// How many kinds of values were seen that have no type in common but text.
    fn kinds(&self) -> usize {
        let numbers = self.integer || self.decimal || self.float;
        let times = self.date || self.timestamp;
        let kinds = [numbers, self.boolean, times, self.timestamptz, self.text];
        kinds.iter().filter(|seen| **seen).count()
    }

    /// The type of the column.
    pub fn data_type(&self) -> DataType {
        if self.text || self.kinds() != 1 {
            return DataType::Utf8;
        }
        if self.boolean {
            return DataType::Boolean;
        }
        if self.timestamptz {
            return DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        }
        if self.timestamp {
            return DataType::Timestamp(TimeUnit::Microsecond, None);
        }
        if self.date {
            return DataType::Date32;
        }
        if self.float {
            return DataType::Float64;
        }
        if !self.decimal && !self.beyond_int64 {
            return DataType::Int64;
        }
        let precision = self.digits_max.saturating_add(self.scale_max);
        if usize::from(precision) > DECIMAL_DIGITS_MAX {
            return DataType::Utf8;
        }
        DataType::Decimal128(precision, self.scale_max as i8)
    }
}

/// A number's form.
struct Number {
    /// Digits before the point, at least 1.
    digits: u8,
    /// Digits after the point, if there is one.
    scale: Option<u8>,
    float: bool,
}

/// Whether the text is a number that is no text for its length.
pub(crate) fn is_number(value: &[u8]) -> bool {
    number(value).is_some()
}

#[inline(always)]
fn number(value: &[u8]) -> Option<Number> {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = leading_digits(value);
    if digits > 1 && value.first() == Some(&b'0') {
        return None;
    }
    let mut rest = value.get(digits..)?;
    let mut scale = None;
    if let [b'.', fraction @ ..] = rest {
        let places = leading_digits(fraction);
        if places == 0 {
            return None;
        }
        scale = Some(places);
        rest = fraction.get(places..)?;
    }
    if digits == 0 && scale.is_none() {
        return None;
    }
    let mut float = false;
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', exponent @ ..] => exponent,
            exponent => exponent,
        };
        let places = leading_digits(exponent);
        if places == 0 {
            return None;
        }
        float = true;
        rest = exponent.get(places..)?;
    }
    if !rest.is_empty() || (!float && digits + scale.unwrap_or(0) > DECIMAL_DIGITS_MAX) {
        return None;
    }
    if float && values::float64(value).is_none() {
        return None;
    }
    let narrow = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
    Some(Number {
        digits: narrow(digits.max(1)),
        scale: scale.map(narrow),
        float,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(values: &[&str]) -> DataType {
        let mut classes = Classes::default();
        for value in values {
            classes.add(value.as_bytes());
        }
        classes.data_type()
    }

    fn timestamp(zone: Option<&str>) -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into))
    }

    #[test]
    fn the_table() {
        let cases: &[(&[&str], DataType)] = &[
            (&[], DataType::Utf8),
            (&["", ""], DataType::Utf8),
            (&["0", "-7", ""], DataType::Int64),
            (&["9223372036854775807"], DataType::Int64),
            (&["-9223372036854775808"], DataType::Int64),
            (&["9223372036854775808", "1"], DataType::Decimal128(19, 0)),
            (
                &["99999999999999999999999999999999999999"],
                DataType::Decimal128(38, 0),
            ),
            (&["999999999999999999999999999999999999999"], DataType::Utf8),
            (&["0.50"], DataType::Decimal128(3, 2)),
            (&["-0.5", "100"], DataType::Decimal128(4, 1)),
            (&[".5"], DataType::Decimal128(2, 1)),
            (
                &["1.5", "99999999999999999999999999999999999999"],
                DataType::Utf8,
            ),
            (&["1e3"], DataType::Float64),
            (&["1e3", "-1e400"], DataType::Utf8),
            (&["1.5E-3", "1", "2.5"], DataType::Float64),
            (&["007"], DataType::Utf8),
            (&["00.5"], DataType::Utf8),
            (&["0", "007"], DataType::Utf8),
            (&["+5"], DataType::Utf8),
            (&["5."], DataType::Utf8),
            (&["-"], DataType::Utf8),
            (&["."], DataType::Utf8),
            (&["1,5"], DataType::Utf8),
            (&["true", "false"], DataType::Boolean),
            (&["TRUE"], DataType::Utf8),
            (&["true", "1"], DataType::Utf8),
            (&["2024-02-29"], DataType::Date32),
            (&["2023-02-29"], DataType::Utf8),
            (&["2024-02-29", "2017-10-04 00:00:00"], timestamp(None)),
            (&["2017-10-04T00:00:00.123"], timestamp(None)),
            (
                &["2017-10-04T00:00:00Z", "2017-10-04T00:00:00-05:00"],
                timestamp(Some("UTC")),
            ),
            (
                &["2017-10-04T00:00:00Z", "2017-10-04T00:00:00"],
                DataType::Utf8,
            ),
            (&["2017-10-04T00:00:00Z", "2017-10-04"], DataType::Utf8),
            (&["2017", "2017-10-04"], DataType::Utf8),
        ];
        for (values, expected) in cases {
            assert_eq!(inferred(values), *expected, "{values:?}");
            let reversed: Vec<&str> = values.iter().rev().copied().collect();
            assert_eq!(inferred(&reversed), *expected, "{reversed:?}");
        }
    }
}

//! One column under construction.
//!
//! A column is only as long as its last value: what is absent costs nothing until a later value, or the end of the
//! batch, fills the gap with NULLs at once. Any column can be cut back to an earlier length, which is how a record
//! with a bad value leaves no trace.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Date32Array, Decimal128Array, Float64Array,
    Int64Array, NullBufferBuilder, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;

use super::flat::{Run, Text, push_parsed};
use crate::values::{self, Forms};

/// A column: its values (or, of a list, the items), and the lists around them.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) list: Option<Lists>,
    values: Values,
    valid: NullBufferBuilder,
    len: usize,
    /// Bytes that one more value takes, whatever it is.
    pub(crate) width: usize,
}

/// The lists of a list column: one for each of the parent's instances.
#[derive(Debug)]
pub(crate) struct Lists {
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
}

#[derive(Debug)]
enum Values {
    Text {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
    },
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Decimal {
        precision: u8,
        scale: i8,
        values: Vec<i128>,
    },
    Boolean(BooleanBufferBuilder),
    Date32 {
        forms: Arc<Forms>,
        values: Vec<i32>,
    },
    Timestamp {
        utc: bool,
        forms: Arc<Forms>,
        values: Vec<i64>,
    },
    /// Only the validity: the fields (of a list of lists: the inner lists) are columns of their own.
    Struct,
}

impl Column {
    /// An empty column of a type that [`RecordConfig`](super::config::RecordConfig) has checked.
    pub(crate) fn new(data_type: &DataType, forms: &Arc<Forms>) -> Self {
        let (list, data_type) = match data_type {
            DataType::List(item) => (
                Some(Lists {
                    offsets: vec![0],
                    valid: NullBufferBuilder::new(0),
                }),
                item.data_type(),
            ),
            other => (None, other),
        };
        let (values, width) = match data_type {
            DataType::Int64 => (Values::Int64(Vec::new()), 8),
            DataType::Float64 => (Values::Float64(Vec::new()), 8),
            DataType::Decimal128(precision, scale) => (
                Values::Decimal {
                    precision: *precision,
                    scale: *scale,
                    values: Vec::new(),
                },
                16,
            ),
            DataType::Boolean => (Values::Boolean(BooleanBufferBuilder::new(0)), 1),
            DataType::Date32 => (
                Values::Date32 {
                    forms: forms.clone(),
                    values: Vec::new(),
                },
                4,
            ),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => (
                Values::Timestamp {
                    utc: zone.is_some(),
                    forms: forms.clone(),
                    values: Vec::new(),
                },
                8,
            ),
            DataType::Struct(_) | DataType::List(_) => (Values::Struct, 1),
            _ => (
                Values::Text {
                    offsets: vec![0],
                    bytes: Vec::new(),
                },
                4,
            ),
        };
        Self {
            list,
            values,
            valid: NullBufferBuilder::new(0),
            len: 0,
            width,
        }
    }

    /// Makes room for a value in the parent's instance `at`, and says which value of this column it will be. `None`
    /// if there is one already and the column is no list.
    #[inline(always)]
    pub(crate) fn begin(&mut self, at: usize) -> Option<usize> {
        let Some(list) = &mut self.list else {
            if self.len > at {
                return None;
            }
            if self.len < at {
                self.pad(at);
            }
            return Some(at);
        };
        list.pad(at);
        if list.len() == at {
            list.valid.append_non_null();
            list.offsets.push(0);
        }
        if let Some(end) = list.offsets.last_mut() {
            *end = (self.len + 1) as i32;
        }
        Some(self.len)
    }

    /// Makes sure of a list, be it an empty one, in the parent's instance `at`.
    pub(crate) fn begin_list(&mut self, at: usize) {
        if let Some(list) = &mut self.list {
            list.pad(at);
            if list.len() == at {
                list.valid.append_non_null();
                list.offsets.push(self.len as i32);
            }
        }
    }

    /// How many values there are, gaps at the end left out.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether its values are nothing but there: their fields are columns of their own.
    pub(crate) fn is_struct(&self) -> bool {
        matches!(self.values, Values::Struct)
    }

    /// Appends an instance of a struct.
    pub(crate) fn push_struct(&mut self) {
        self.valid.append_non_null();
        self.len += 1;
    }

    /// Appends a NULL.
    pub(crate) fn push_null(&mut self) {
        self.pad(self.len + 1);
    }

    /// Appends a text as a value of the column's type: NULL if it is empty, but in a text column.
    ///
    /// # Errors
    /// The text does not fit; nothing is appended.
    #[inline(always)]
    pub(crate) fn push_text(&mut self, text: &[u8]) -> Result<(), DoesNotFit> {
        if text.is_empty() && !matches!(self.values, Values::Text { .. }) {
            self.push_null();
            return Ok(());
        }
        match &mut self.values {
            Values::Text { offsets, bytes } => {
                bytes.extend_from_slice(text);
                offsets.push(bytes.len() as i32);
            }
            Values::Int64(values) => values.push(values::int64(text).ok_or(DoesNotFit)?),
            Values::Float64(values) => values.push(values::float64(text).ok_or(DoesNotFit)?),
            Values::Decimal {
                precision,
                scale,
                values,
            } => {
                values.push(values::decimal128(text, *precision, *scale).ok_or(DoesNotFit)?);
            }
            Values::Boolean(values) => values.append(values::boolean(text).ok_or(DoesNotFit)?),
            Values::Date32 { forms, values } => values.push(forms.date(text).ok_or(DoesNotFit)?),
            Values::Timestamp { utc, forms, values } => {
                values.push(forms.micros(text, *utc).ok_or(DoesNotFit)?);
            }
            Values::Struct => return Err(DoesNotFit),
        }
        self.valid.append_non_null();
        self.len += 1;
        Ok(())
    }

    /// Appends values of the parent's instances from `at` on, which have none so far: NULL where there is no text, or an
    /// empty one but in a text column; of a struct, an instance where there is any. Not for lists.
    ///
    /// # Errors
    /// A text does not fit; the values before it are appended.
    #[inline(always)]
    pub(super) fn push_all<'a>(
        &mut self,
        at: usize,
        texts: impl Iterator<Item = Option<Text<'a>>>,
    ) -> Result<(), DoesNotFit> {
        self.pad(at);
        let mut valid = Run::new(&mut self.valid, at);
        let done = match &mut self.values {
            Values::Text { offsets, bytes } => {
                for text in texts {
                    valid.push(text.is_some());
                    if let Some(text) = text {
                        text.append_to(bytes);
                    }
                    offsets.push(bytes.len() as i32);
                }
                Ok(())
            }
            Values::Int64(values) => push_parsed(texts, values, &mut valid, values::int64),
            Values::Float64(values) => push_parsed(texts, values, &mut valid, values::float64),
            Values::Decimal {
                precision,
                scale,
                values,
            } => {
                let (precision, scale) = (*precision, *scale);
                let read = |text: &[u8]| values::decimal128(text, precision, scale);
                push_parsed(texts, values, &mut valid, read)
            }
            Values::Boolean(values) => push_parsed(texts, values, &mut valid, values::boolean),
            Values::Date32 { forms, values } => {
                push_parsed(texts, values, &mut valid, |text| forms.date(text))
            }
            Values::Timestamp { utc, forms, values } => {
                let utc = *utc;
                push_parsed(texts, values, &mut valid, |text| forms.micros(text, utc))
            }
            Values::Struct => {
                texts.for_each(|text| valid.push(text.is_some()));
                Ok(())
            }
        };
        self.len = valid.end();
        done
    }

    /// Adds to the text that was appended last.
    pub(crate) fn extend_text(&mut self, text: &[u8]) {
        if let Values::Text { offsets, bytes } = &mut self.values {
            bytes.extend_from_slice(text);
            if let Some(end) = offsets.last_mut() {
                *end = bytes.len() as i32;
            }
        }
    }

    /// Fills up with NULLs to a length.
    pub(crate) fn pad(&mut self, to: usize) {
        let missing = to.saturating_sub(self.len);
        if missing == 0 {
            return;
        }
        match &mut self.values {
            Values::Text { offsets, bytes } => offsets.resize(to + 1, bytes.len() as i32),
            Values::Int64(values) | Values::Timestamp { values, .. } => values.resize(to, 0),
            Values::Float64(values) => values.resize(to, 0.0),
            Values::Decimal { values, .. } => values.resize(to, 0),
            Values::Boolean(values) => values.append_n(missing, false),
            Values::Date32 { values, .. } => values.resize(to, 0),
            Values::Struct => {}
        }
        self.valid.append_n_nulls(missing);
        self.len = to;
    }

    /// Cuts back to the parent's first `parents` instances, and says how many values are left.
    pub(crate) fn truncate(&mut self, parents: usize) -> usize {
        let mut to = parents;
        if let Some(list) = &mut self.list {
            list.offsets.truncate(parents + 1);
            list.valid.truncate(parents.min(list.valid.len()));
            to = list.offsets.last().map_or(0, |end| *end as usize);
        }
        if self.len > to {
            match &mut self.values {
                Values::Text { offsets, bytes } => {
                    offsets.truncate(to + 1);
                    bytes.truncate(offsets.last().map_or(0, |end| *end as usize));
                }
                Values::Int64(values) | Values::Timestamp { values, .. } => values.truncate(to),
                Values::Float64(values) => values.truncate(to),
                Values::Decimal { values, .. } => values.truncate(to),
                Values::Boolean(values) => values.truncate(to),
                Values::Date32 { values, .. } => values.truncate(to),
                Values::Struct => {}
            }
            self.valid.truncate(to);
            self.len = to;
        }
        to
    }

    /// The column's values as an array (of a list column: the items), `None` for a struct; and their validity.
    /// The column is empty afterwards.
    ///
    /// # Errors
    /// Arrow's, which would be our own mistake.
    pub(crate) fn finish(&mut self) -> Result<(Option<ArrayRef>, Option<NullBuffer>), ArrowError> {
        let nulls = self.valid.finish();
        let valid = nulls.clone();
        let array: ArrayRef = match &mut self.values {
            Values::Text { offsets, bytes } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(replace(offsets, vec![0])));
                let bytes = Buffer::from_vec(replace(bytes, Vec::new()));
                Arc::new(StringArray::try_new(offsets, bytes, valid)?)
            }
            Values::Int64(values) => Arc::new(Int64Array::try_new(
                replace(values, Vec::new()).into(),
                valid,
            )?),
            Values::Float64(values) => Arc::new(Float64Array::try_new(
                replace(values, Vec::new()).into(),
                valid,
            )?),
            Values::Decimal {
                precision,
                scale,
                values,
            } => {
                let array = Decimal128Array::try_new(replace(values, Vec::new()).into(), valid)?;
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), valid)),
            Values::Date32 { values, .. } => Arc::new(Date32Array::try_new(
                replace(values, Vec::new()).into(),
                valid,
            )?),
            Values::Timestamp { utc, values, .. } => {
                let array =
                    TimestampMicrosecondArray::try_new(replace(values, Vec::new()).into(), valid)?;
                Arc::new(array.with_timezone_opt(utc.then_some("UTC")))
            }
            Values::Struct => {
                self.len = 0;
                return Ok((None, nulls));
            }
        };
        self.len = 0;
        Ok((Some(array), nulls))
    }

    /// What the column takes, for a person.
    pub(crate) fn expected(&self) -> String {
        match &self.values {
            Values::Text { .. } => "text".to_string(),
            Values::Int64(_) => "a whole number of 64 bits".to_string(),
            Values::Float64(_) => "a number in the range of float64".to_string(),
            Values::Decimal {
                precision, scale, ..
            } => {
                format!(
                    "a number with at most {scale} decimal places and {precision} digits in all"
                )
            }
            Values::Boolean(_) => "true or false".to_string(),
            Values::Date32 { forms, .. } => forms.date_shown(),
            Values::Timestamp { utc, forms, .. } => forms.timestamp_shown(*utc),
            Values::Struct => "an element with fields".to_string(),
        }
    }
}

impl Lists {
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Fills up with NULLs to a number of lists.
    pub(crate) fn pad(&mut self, to: usize) {
        let missing = to.saturating_sub(self.len());
        if missing > 0 {
            let end = self.offsets.last().copied().unwrap_or(0);
            self.offsets.resize(to + 1, end);
            self.valid.append_n_nulls(missing);
        }
    }

    /// Offsets and validity; empty afterwards.
    pub(crate) fn finish(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(replace(&mut self.offsets, vec![0])));
        (offsets, self.valid.finish())
    }
}

/// A text is not a value of the column's type.
#[derive(Debug, PartialEq)]
pub(crate) struct DoesNotFit;

/// Takes a vector and leaves one that has room for as much again, and an eighth more: batches differ a little, and
/// to grow costs a copy and memory that the system clears.
fn replace<T>(values: &mut Vec<T>, mut empty: Vec<T>) -> Vec<T> {
    empty.reserve(values.len() + values.len() / 8);
    std::mem::replace(values, empty)
}

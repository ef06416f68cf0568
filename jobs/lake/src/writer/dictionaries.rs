//! Which columns of a file are worth a dictionary.
//!
//! The encoder looks each value up among those that the column chunk has had, until the dictionary is too large and is
//! given up. In a column of ids, amounts or moments that is work for nothing, a good deal of all encoding; and what is
//! encoded before the dictionary is given up is the larger for it. The first rows of a file tell such columns.

use std::collections::HashSet;
use std::hash::BuildHasher;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MapArray, OffsetSizeTrait,
    RecordBatch, downcast_primitive_array,
};
use arrow::datatypes::{DataType, ToByteSlice};
use foldhash::fast::FixedState;
use parquet::arrow::ArrowSchemaConverter;
use parquet::schema::types::ColumnPath;

/// Values that are looked at.
const VALUES_MAX: usize = 1024;
/// With fewer values nothing is said of a column.
const VALUES_MIN: usize = 256;
/// What a dictionary holds of a number, nearly: 4 or 8 bytes, and more of wide decimals alone.
const NUMBER_BYTES: usize = 8;
/// What it holds of a text beside its bytes.
const LENGTH_BYTES: usize = 4;

/// The columns of values whose dictionaries would grow beyond `dictionary_bytes` in a row group of `rows`, by the first
/// batch of a file.
pub(super) fn without_dictionary(
    first: &RecordBatch,
    rows: usize,
    dictionary_bytes: usize,
) -> Vec<ColumnPath> {
    let Ok(file) = ArrowSchemaConverter::new().convert(first.schema_ref()) else {
        return Vec::new();
    };
    let mut leaves = Vec::new();
    for column in first.columns() {
        add_leaves(column, &mut leaves);
    }
    let columns = file.columns().iter().zip(leaves);
    columns
        .filter(|(_, values)| {
            Seen::of(values).is_some_and(|seen| seen.dictionary_bytes(rows) > dictionary_bytes)
        })
        .map(|(column, _)| column.path().clone())
        .collect()
}

/// The columns of values that Parquet makes of a column, in its order.
fn add_leaves(column: &ArrayRef, leaves: &mut Vec<ArrayRef>) {
    let any = column.as_any();
    match column.data_type() {
        DataType::Struct(_) => {
            for field in column.as_struct().columns() {
                add_leaves(field, leaves);
            }
        }
        DataType::List(_) => add_leaves(&items(column.as_list::<i32>()), leaves),
        DataType::LargeList(_) => add_leaves(&items(column.as_list::<i64>()), leaves),
        DataType::FixedSizeList(..) => {
            if let Some(list) = any.downcast_ref::<FixedSizeListArray>() {
                add_leaves(list.values(), leaves);
            }
        }
        DataType::Map(..) => {
            if let Some(map) = any.downcast_ref::<MapArray>() {
                map.entries()
                    .columns()
                    .iter()
                    .for_each(|column| add_leaves(column, leaves));
            }
        }
        _ => leaves.push(column.clone()),
    }
}

/// The items of these lists alone: others may stand beside them.
fn items<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> ArrayRef {
    let offset = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
    let (from, to) = (
        offset(lists.offsets().first()),
        offset(lists.offsets().last()),
    );
    lists.values().slice(from, to - from)
}

/// What was seen of a column's values.
struct Seen {
    values: usize,
    distinct: usize,
    /// Of all values, as a dictionary would hold them.
    bytes: usize,
}

impl Seen {
    /// Looks at the first values. `None` if they are too few, or of a type that makes no large dictionary.
    fn of(values: &ArrayRef) -> Option<Self> {
        let mut count = Counter::default();
        match values.data_type() {
            DataType::Utf8 => count.texts(values.as_string::<i32>().iter()),
            DataType::LargeUtf8 => count.texts(values.as_string::<i64>().iter()),
            DataType::Utf8View => count.texts(values.as_string_view().iter()),
            DataType::Binary => count.texts(values.as_binary::<i32>().iter()),
            DataType::LargeBinary => count.texts(values.as_binary::<i64>().iter()),
            DataType::BinaryView => count.texts(values.as_binary_view().iter()),
            _ => downcast_primitive_array! {
                values => {
                    for number in values.iter().flatten().take(VALUES_MAX) {
                        count.add(number.to_byte_slice(), NUMBER_BYTES);
                    }
                }
                _ => return None
            },
        }
        count.seen.distinct = count.hashes.len();
        (count.seen.values >= VALUES_MIN).then_some(count.seen)
    }

    /// How large the dictionary of so many rows would be, had they the same share of values that are there.
    fn dictionary_bytes(&self, rows: usize) -> usize {
        // Of `d` equally likely values, `n` drawn ones have some n²/2d pairs that are the same.
        let repeated = (self.values - self.distinct).max(1);
        let values = self.values.saturating_mul(self.values) / (2 * repeated);
        let mostly_new = self.distinct * 2 > self.values;
        let distinct = if mostly_new {
            values.min(rows)
        } else {
            self.distinct
        };
        distinct.saturating_mul(self.bytes) / self.values
    }
}

struct Counter {
    seen: Seen,
    hashes: HashSet<u64, FixedState>,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            seen: Seen {
                values: 0,
                distinct: 0,
                bytes: 0,
            },
            hashes: HashSet::with_capacity_and_hasher(VALUES_MAX, FixedState::default()),
        }
    }
}

impl Counter {
    fn texts(&mut self, texts: impl Iterator<Item = Option<impl AsRef<[u8]>>>) {
        for text in texts.flatten().take(VALUES_MAX) {
            let text = text.as_ref();
            self.add(text, LENGTH_BYTES + text.len());
        }
    }

    /// Takes in a value of which a dictionary would hold so many bytes.
    fn add(&mut self, value: &[u8], stored_bytes: usize) {
        self.hashes.insert(self.hashes.hasher().hash_one(value));
        self.seen.bytes += stored_bytes;
        self.seen.values += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::{Field, Int64Type};

    use super::*;

    fn field(array: &ArrayRef, name: &str) -> Field {
        Field::new(name, array.data_type().clone(), true)
    }

    #[test]
    fn ids_and_amounts_have_none_and_names_have_one() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut strings = |names: usize| -> ArrayRef {
            let mut value = |_| format!("name {:020}", random.usize(..names));
            Arc::new((0..4000).map(|i| Some(value(i))).collect::<StringArray>())
        };
        let (few, some, many) = (strings(100), strings(1500), strings(1_000_000));
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4000));
        let amounts = (0..4000).map(|i| (i % 3 > 0).then_some(i128::from(i) * 7919));
        let amounts: ArrayRef = Arc::new(amounts.collect::<Decimal128Array>());
        let rare = (0..4000_i64).map(|i| (i % 40 == 0).then_some(i));
        let rare: ArrayRef = Arc::new(rare.collect::<Int64Array>());
        let lists = (0..4000).map(|i| Some(vec![Some(i * 2), Some(i * 2 + 1)]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists));
        let inner = vec![
            (Arc::new(field(&many, "many")), many.clone()),
            (Arc::new(field(&few, "few")), few.clone()),
        ];
        let columns: [(&str, ArrayRef); 8] = [
            ("few", few),
            ("some", some),
            ("many", many),
            ("ids", ids),
            ("amounts", amounts),
            ("rare", rare),
            ("lists", lists),
            ("inner", Arc::new(StructArray::from(inner))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let paths = |bytes| {
            let found = without_dictionary(&batch, 100_000, bytes);
            let paths = found.iter().map(ColumnPath::string);
            paths.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            paths(128 << 10),
            "many ids amounts lists.list.item inner.many"
        );
        assert_eq!(
            paths(16 << 10),
            "some many ids amounts lists.list.item inner.many"
        );
        assert_eq!(paths(16 << 20), "");
        // Too few to tell.
        assert_eq!(without_dictionary(&batch.slice(0, 100), 100_000, 0), []);
    }
}

//! Merges the rows of an upsert with those of its table: of the rows of a key that the query gave, one stays.
//!
//! The input is sorted by key, and all rows of a key are in one partition. Its columns are the table's, then
//! [`ORIGIN_COLUMN`]; within a key the query's rows come first. So no more is held of a key than its best row so far:
//!
//! - A key whose first row is the table's has none of the query: all its rows stay as they are.
//! - Else the one stays that is the last by `order_by`, and the query's of two that are equal. Of several that are
//!   equal and of one origin it is the one whose columns, in their order, are the greatest: so the result does not
//!   depend on the order in which tasks deliver.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{SortOptions, cast, concat_batches, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Int8Type, Schema, SchemaRef};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{ExecutionPlanProperties, Partitioning};
use futures::StreamExt;
use futures::stream::try_unfold;
use headworks_lake::SortColumn;
use headworks_sources::{ErrorClass, TaskError};
use serde::{Deserialize, Serialize};

use super::sorted::required;
use super::unary::index_of;
use super::unary::prelude::*;
use crate::api::{MergeCounts, TaskReport};
use crate::report::{TaskId, TaskServices};

/// The last column of the input: [`FROM_QUERY`] or [`FROM_TABLE`].
pub const ORIGIN_COLUMN: &str = "_hw_origin";
/// The origin of a row that the table held.
pub const FROM_TABLE: i8 = 0;
/// The origin of a row that the query gave.
pub const FROM_QUERY: i8 = 1;

/// What an upsert is told: travels in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpsertSpec {
    /// The model, for messages.
    pub model: String,
    /// The columns that tell one row from another.
    pub key: Vec<String>,
    /// Of these those of text that become folders, where empty text is NULL.
    pub folder_texts: Vec<String>,
    /// The columns by which, of rows with one key, the last stays.
    pub order_by: Vec<SortColumn>,
}

impl UpsertSpec {
    /// How the input is sorted: by key, the query's rows first.
    #[must_use]
    pub fn input_order(&self) -> Vec<SortColumn> {
        let keys = self.key.iter().map(|name| SortColumn {
            name: name.clone(),
            descending: false,
        });
        let querys_first = SortColumn {
            name: ORIGIN_COLUMN.to_owned(),
            descending: true,
        };
        keys.chain([querys_first]).collect()
    }
}

/// Merges the two kinds of rows of its input; reports how many there were of each.
#[derive(Debug, Clone)]
pub struct UpsertExec {
    input: Arc<dyn ExecutionPlan>,
    spec: Arc<UpsertSpec>,
    properties: Arc<PlanProperties>,
}

impl UpsertExec {
    /// Merges the rows of `input`, sorted as the module says.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>, spec: Arc<UpsertSpec>) -> Self {
        let schema = Arc::new(without_origin(&input.schema()));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            input,
            spec,
            properties: Arc::new(properties),
        }
    }

    /// What it was told.
    #[must_use]
    pub fn spec(&self) -> &UpsertSpec {
        &self.spec
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, Arc::clone(&self.spec))
    }
}

fn without_origin(schema: &Schema) -> Schema {
    let fields = schema.fields().iter();
    let fields = fields.filter(|field| field.name() != ORIGIN_COLUMN);
    Schema::new(fields.cloned().collect::<Vec<_>>())
}

impl DisplayAs for UpsertExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "UpsertExec: key={:?}", self.spec.key)
    }
}

impl ExecutionPlan for UpsertExec {
    unary_node!("UpsertExec", no expressions);

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![required(&self.spec.input_order(), &self.input.schema())]
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let merger = Merger::new(&self.spec, &self.input.schema())?;
        let input = self.input.execute(partition, context)?;
        let state = (input, Some(merger));
        let stream = try_unfold(state, move |(mut input, merger)| {
            let (task, services) = (task.clone(), Arc::clone(&services));
            async move {
                let Some(mut merger) = merger else {
                    return Ok(None);
                };
                let Some(batch) = input.next().await.transpose()? else {
                    let rest = merger.finish()?;
                    let report = TaskReport::Merge(merger.counts);
                    services.reporter.report(&task, report).await?;
                    return Ok(Some((rest, (input, None))));
                };
                let rows = merger.merge(&batch)?;
                Ok::<_, DataFusionError>(Some((rows, (input, Some(merger)))))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}

/// Merges sorted batches, one partition's.
struct Merger {
    spec: Arc<UpsertSpec>,
    schema: SchemaRef,
    key: Vec<usize>,
    order: Vec<usize>,
    origin: usize,
    keys: RowConverter,
    orders: RowConverter,
    /// Over all columns of the output, for rows that are equal in the order.
    whole: RowConverter,
    /// The key whose rows were not all seen yet.
    open: Option<Open>,
    counts: MergeCounts,
}

/// What is known of a key's rows when a batch ends.
struct Open {
    key: OwnedRow,
    /// The row that stays unless a better one comes, with its origin; none if the query gave no row of this key.
    best: Option<RecordBatch>,
}

impl Merger {
    fn new(spec: &Arc<UpsertSpec>, input: &Schema) -> Result<Self> {
        let schema = Arc::new(without_origin(input));
        let place = |name: &str| index_of(input, name);
        let key: Vec<usize> = spec
            .key
            .iter()
            .map(|name| place(name))
            .collect::<Result<_>>()?;
        let order: Vec<usize> = spec
            .order_by
            .iter()
            .map(|column| place(&column.name))
            .collect::<Result<_>>()?;
        let type_of = |index: usize| input.field(index).data_type().clone();
        let key_fields = key.iter().map(|index| SortField::new(type_of(*index)));
        let order_fields = order.iter().zip(&spec.order_by).map(|(index, column)| {
            // The row that stays is the smallest: the last in the order, in which NULL comes before all values.
            let options = SortOptions {
                descending: !column.descending,
                nulls_first: false,
            };
            SortField::new_with_options(type_of(*index), options)
        });
        let all = schema.fields().iter();
        let all = all.map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            keys: RowConverter::new(key_fields.collect())?,
            orders: RowConverter::new(order_fields.collect())?,
            whole: RowConverter::new(all.collect())?,
            origin: place(ORIGIN_COLUMN)?,
            spec: Arc::clone(spec),
            schema,
            key,
            order,
            open: None,
            counts: MergeCounts::default(),
        })
    }

    /// Takes a batch; returns the rows that are known to stay.
    fn merge(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.num_rows() == 0 {
            return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
        }
        self.refuse_null_keys(batch)?;
        self.count(batch);
        let open = self.open.take();
        let (open_key, open_best) = match open {
            Some(open) => (Some(open.key), open.best),
            None => (None, None),
        };
        // The best row so far goes before the batch, so that rows are compared in one place.
        let (batch, mut best) = match open_best {
            Some(row) => (concat_batches(&batch.schema(), [&row, batch])?, Some(0)),
            None => (batch.clone(), None),
        };
        let origins = batch.column(self.origin).as_primitive::<Int8Type>().clone();
        let keys = self.keys.convert_columns(&picked(&batch, &self.key))?;
        let orders = match self.order.is_empty() {
            true => None,
            false => Some(self.orders.convert_columns(&picked(&batch, &self.order))?),
        };
        let is_first_of_key = |row: usize| match row {
            0 => open_key.as_ref().is_none_or(|key| key.row() != keys.row(0)),
            row => keys.row(row) != keys.row(row - 1),
        };
        let mut stay: Vec<u32> = Vec::with_capacity(batch.num_rows());
        for row in best.map_or(0, |_| 1)..batch.num_rows() {
            if is_first_of_key(row) {
                stay.extend(best.take().map(|row: usize| row as u32));
                if origins.value(row) == FROM_QUERY {
                    best = Some(row);
                } else {
                    stay.push(row as u32);
                }
                continue;
            }
            match best {
                // The query gave no row of this key.
                None => stay.push(row as u32),
                Some(other) => {
                    let order = orders.as_ref().map(|o| o.row(row).cmp(&o.row(other)));
                    let is_better = match order.unwrap_or(Ordering::Equal) {
                        Ordering::Less => true,
                        Ordering::Greater => false,
                        Ordering::Equal if origins.value(row) != origins.value(other) => {
                            origins.value(row) == FROM_QUERY
                        }
                        Ordering::Equal => self.is_greater(&batch, row, other)?,
                    };
                    if is_better {
                        best = Some(row);
                    }
                }
            }
        }
        let best = match best {
            // A copy, so that the batch need not stay.
            Some(row) => Some(take_record_batch(
                &batch,
                &UInt32Array::from(vec![row as u32]),
            )?),
            None => None,
        };
        self.open = Some(Open {
            key: keys.row(batch.num_rows() - 1).owned(),
            best,
        });
        self.emit(&take_record_batch(&batch, &UInt32Array::from(stay))?)
    }

    /// What is left at the end.
    fn finish(&mut self) -> Result<RecordBatch> {
        match self.open.take().and_then(|open| open.best) {
            Some(row) => self.emit(&row),
            None => Ok(RecordBatch::new_empty(Arc::clone(&self.schema))),
        }
    }

    /// Rows that stay, without their origin.
    fn emit(&mut self, rows: &RecordBatch) -> Result<RecordBatch> {
        self.counts.kept += rows.num_rows() as u64;
        let kept: Vec<usize> = (0..rows.num_columns())
            .filter(|i| *i != self.origin)
            .collect();
        Ok(rows.project(&kept)?)
    }

    fn count(&mut self, batch: &RecordBatch) {
        let origins = batch.column(self.origin).as_primitive::<Int8Type>();
        let of_query = origins
            .values()
            .iter()
            .filter(|o| **o == FROM_QUERY)
            .count() as u64;
        self.counts.staged += of_query;
        self.counts.current += batch.num_rows() as u64 - of_query;
    }

    /// Whether a row's columns, in their order, are greater than another's.
    fn is_greater(&self, batch: &RecordBatch, row: usize, other: usize) -> Result<bool> {
        let columns: Vec<usize> = (0..batch.num_columns())
            .filter(|i| *i != self.origin)
            .collect();
        let both = UInt32Array::from(vec![row as u32, other as u32]);
        let both = take_record_batch(&batch.project(&columns)?, &both)?;
        let both = self.whole.convert_columns(both.columns())?;
        Ok(both.row(0) > both.row(1))
    }

    /// A key with NULL in it is equal to none: the same row would be added by each upsert.
    fn refuse_null_keys(&self, batch: &RecordBatch) -> Result<()> {
        let origins = batch.column(self.origin).as_primitive::<Int8Type>();
        for (index, name) in self.key.iter().zip(&self.spec.key) {
            let column = batch.column(*index);
            let is_folder = self.spec.folder_texts.contains(name);
            if column.null_count() == 0 && !is_folder {
                continue;
            }
            let texts = match is_folder {
                true => Some(cast(column, &DataType::Utf8)?),
                false => None,
            };
            let is_null = |row: usize| {
                let empty = texts
                    .as_ref()
                    .map(|t| t.as_string::<i32>().value(row).is_empty());
                column.is_null(row) || empty == Some(true)
            };
            let found = (0..batch.num_rows())
                .find(|row| origins.value(*row) == FROM_QUERY && is_null(*row));
            if found.is_some() {
                let (what, where_not) = match is_folder {
                    true => ("NULL or empty text", format!("`{name}` <> ''")),
                    false => ("NULL", format!("`{name}` IS NOT NULL")),
                };
                let message = format!(
                    "model `{}`: the query gives a row with {what} in `{name}`, a column of the model's `key`; such a \
                     row is like no other, and each run would add it again; leave such rows out (WHERE {where_not}), or \
                     choose another `key`",
                    self.spec.model
                );
                return Err(TaskError::new(ErrorClass::Input, message).into_datafusion());
            }
        }
        Ok(())
    }
}

fn picked(batch: &RecordBatch, indices: &[usize]) -> Vec<ArrayRef> {
    let columns = indices.iter().map(|index| Arc::clone(batch.column(*index)));
    columns.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use datafusion::arrow::array::{Int8Array, Int64Array, StringArray};
    use datafusion::arrow::compute::{SortColumn as Sorted, lexsort_to_indices};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    /// key, order, payload, origin
    type Row = (i64, Option<i64>, &'static str, i8);

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("k", DataType::Int64, true),
            Field::new("ts", DataType::Int64, true),
            Field::new("v", DataType::Utf8, false),
            Field::new(ORIGIN_COLUMN, DataType::Int8, false),
        ]))
    }

    fn batch(rows: &[Row]) -> RecordBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|r| Some(r.0)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>()),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.2))),
            Arc::new(Int8Array::from_iter_values(rows.iter().map(|r| r.3))),
        ];
        RecordBatch::try_new(schema(), columns).unwrap()
    }

    /// By key, the query's first: as the plan sorts them.
    fn sorted(rows: &[Row]) -> RecordBatch {
        let batch = batch(rows);
        let by = |index: usize, descending| Sorted {
            values: Arc::clone(batch.column(index)),
            options: Some(SortOptions {
                descending,
                nulls_first: true,
            }),
        };
        let indices = lexsort_to_indices(&[by(0, false), by(3, true)], None).unwrap();
        take_record_batch(&batch, &indices).unwrap()
    }

    fn spec(order_by: &[(&str, bool)]) -> Arc<UpsertSpec> {
        let column = |(name, descending): &(&str, bool)| SortColumn {
            name: (*name).to_owned(),
            descending: *descending,
        };
        Arc::new(UpsertSpec {
            model: "m".into(),
            key: vec!["k".into()],
            folder_texts: vec![],
            order_by: order_by.iter().map(column).collect(),
        })
    }

    /// What stays of sorted rows that come in batches of `size`, as (key, payload), and the counts.
    fn merged(
        spec: &Arc<UpsertSpec>,
        rows: &RecordBatch,
        size: usize,
    ) -> (Vec<(i64, String)>, MergeCounts) {
        let mut merger = Merger::new(spec, &schema()).unwrap();
        let mut out = Vec::new();
        let mut at = 0;
        while at < rows.num_rows() {
            let piece = rows.slice(at, size.min(rows.num_rows() - at));
            out.push(merger.merge(&piece).unwrap());
            at += size;
        }
        out.push(merger.finish().unwrap());
        let mut found = Vec::new();
        for batch in out {
            assert_eq!(batch.schema().fields().len(), 3);
            let keys = batch
                .column(0)
                .as_primitive::<datafusion::arrow::datatypes::Int64Type>();
            let payloads = batch.column(2).as_string::<i32>();
            for row in 0..batch.num_rows() {
                found.push((keys.value(row), payloads.value(row).to_owned()));
            }
        }
        found.sort();
        (found, merger.counts)
    }

    fn expect(order_by: &[(&str, bool)], rows: &[Row], expected: &[(i64, &str)]) {
        let expected: Vec<(i64, String)> = expected
            .iter()
            .map(|(k, v)| (*k, (*v).to_owned()))
            .collect();
        for size in 1..=rows.len() {
            let (found, counts) = merged(&spec(order_by), &sorted(rows), size);
            assert_eq!(found, expected, "in batches of {size}");
            let of_query = rows.iter().filter(|r| r.3 == FROM_QUERY).count() as u64;
            let all = (counts.staged, counts.current, counts.kept);
            assert_eq!(
                all,
                (
                    of_query,
                    rows.len() as u64 - of_query,
                    expected.len() as u64
                )
            );
        }
    }

    #[test]
    fn of_a_key_the_last_row_stays_and_the_querys_of_two_that_are_equal() {
        let rows = [
            (1, Some(5), "old", FROM_TABLE),
            (1, Some(6), "new", FROM_QUERY),
            (2, Some(9), "later in the table", FROM_TABLE),
            (2, Some(8), "late", FROM_QUERY),
            (3, Some(7), "old", FROM_TABLE),
            (3, Some(7), "same", FROM_QUERY),
            (4, None, "old", FROM_TABLE),
            (4, None, "null beats null", FROM_QUERY),
            (5, Some(-1), "a value beats null", FROM_TABLE),
            (5, None, "null", FROM_QUERY),
            (6, Some(1), "alone", FROM_QUERY),
        ];
        let expected = [
            (1, "new"),
            (2, "later in the table"),
            (3, "same"),
            (4, "null beats null"),
            (5, "a value beats null"),
            (6, "alone"),
        ];
        expect(&[("ts", false)], &rows, &expected);
    }

    #[test]
    fn a_descending_order_keeps_the_least_and_null_still_loses() {
        let rows = [
            (1, Some(5), "least", FROM_TABLE),
            (1, Some(6), "new", FROM_QUERY),
            (2, None, "null", FROM_QUERY),
            (2, Some(6), "a value", FROM_TABLE),
        ];
        expect(&[("ts", true)], &rows, &[(1, "least"), (2, "a value")]);
    }

    #[test]
    fn rows_of_keys_that_the_query_does_not_have_stay_all() {
        let rows = [
            (1, Some(5), "a", FROM_TABLE),
            (1, Some(5), "b", FROM_TABLE),
            (2, Some(5), "c", FROM_TABLE),
            (2, Some(6), "d", FROM_TABLE),
            (2, Some(7), "e", FROM_QUERY),
        ];
        expect(&[("ts", false)], &rows, &[(1, "a"), (1, "b"), (2, "e")]);
    }

    #[test]
    fn of_several_rows_of_the_query_the_greatest_of_the_last_stays_whatever_their_order() {
        let mut rows = vec![
            (1, Some(5), "b", FROM_QUERY),
            (1, Some(5), "c", FROM_QUERY),
            (1, Some(5), "a", FROM_QUERY),
            (1, Some(4), "z", FROM_QUERY),
        ];
        for _ in 0..rows.len() {
            rows.rotate_left(1);
            expect(&[("ts", false)], &rows, &[(1, "c")]);
        }
        // Without an order all are equal, and columns are compared in their order.
        expect(&[], &rows, &[(1, "c")]);
    }

    /// Held against a map, for random rows in batches of random sizes.
    #[test]
    fn random_rows_give_what_a_map_gives() {
        const PAYLOADS: [&str; 5] = ["a", "b", "c", "d", "e"];
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let rows: Vec<Row> = (0..rng.usize(1..60))
                .map(|_| {
                    let ts = (rng.u8(..) > 30).then(|| rng.i64(0..4));
                    (rng.i64(0..12), ts, PAYLOADS[rng.usize(0..5)], rng.i8(0..2))
                })
                .collect();
            let mut by_key: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
            for row in &rows {
                by_key.entry(row.0).or_default().push(*row);
            }
            let mut expected = Vec::new();
            for (key, rows) in by_key {
                if rows.iter().any(|r| r.3 == FROM_QUERY) {
                    // NULL is less than all values, as in the order; the query's rows are greater.
                    let last = rows.iter().max_by_key(|r| (r.1, r.3, r.2)).unwrap();
                    expected.push((key, last.2.to_owned()));
                } else {
                    expected.extend(rows.iter().map(|r| (key, r.2.to_owned())));
                }
            }
            expected.sort();
            let size = rng.usize(1..=rows.len());
            let (found, _) = merged(&spec(&[("ts", false)]), &sorted(&rows), size);
            assert_eq!(found, expected, "seed {seed}");
        }
    }

    #[test]
    fn a_key_with_null_in_it_is_refused_unless_the_table_has_it() {
        let null_key = |origin| {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from(vec![None])),
                Arc::new(Int64Array::from(vec![Some(1)])),
                Arc::new(StringArray::from(vec!["v"])),
                Arc::new(Int8Array::from(vec![origin])),
            ];
            RecordBatch::try_new(schema(), columns).unwrap()
        };
        let mut merger = Merger::new(&spec(&[]), &schema()).unwrap();
        assert_eq!(merger.merge(&null_key(FROM_TABLE)).unwrap().num_rows(), 1);
        let error = merger.merge(&null_key(FROM_QUERY)).unwrap_err().to_string();
        assert!(
            error.contains("model `m`: the query gives a row with NULL in `k`"),
            "{error}"
        );
    }
}

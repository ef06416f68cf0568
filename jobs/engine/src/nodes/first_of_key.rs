//! The first row of each key, of rows that are sorted by key.
//!
//! `row_number() OVER (PARTITION BY key ORDER BY ...) = 1` is how SQL says *each once*. A window that counts makes a
//! partition of every key, which for keys of one row or two costs more than the sort; here neighbours are compared.

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{SortOptions, filter_record_batch};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    LexOrdering, LexRequirement, OrderingRequirements, PhysicalSortExpr,
};
use futures::StreamExt;
use futures::stream::try_unfold;
use serde::{Deserialize, Serialize};

use super::unary::index_of;
use super::unary::prelude::*;

/// What the node is told: travels in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstOfKeySpec {
    /// How the input is sorted: by key, then by what makes a row the first.
    pub sorted_by: Vec<SortedColumn>,
    /// How many of these columns are the key.
    pub key_columns: usize,
}

/// A column of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortedColumn {
    /// Its name in the input.
    pub name: String,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether NULL comes before all values.
    pub nulls_first: bool,
}

/// Keeps the first row of each key; all rows of a key are in one partition.
#[derive(Debug, Clone)]
pub struct FirstOfKeyExec {
    input: Arc<dyn ExecutionPlan>,
    spec: Arc<FirstOfKeySpec>,
    properties: Arc<PlanProperties>,
}

impl FirstOfKeyExec {
    /// Of `input`, sorted as `spec` says.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>, spec: Arc<FirstOfKeySpec>) -> Self {
        Self {
            properties: Arc::clone(input.properties()),
            input,
            spec,
        }
    }

    /// What it was told.
    #[must_use]
    pub fn spec(&self) -> &FirstOfKeySpec {
        &self.spec
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, Arc::clone(&self.spec))
    }

    fn ordering(&self) -> Option<LexOrdering> {
        let schema = self.input.schema();
        let exprs = self.spec.sorted_by.iter().map(|column| {
            let index = index_of(&schema, &column.name).ok()?;
            let options = SortOptions {
                descending: column.descending,
                nulls_first: column.nulls_first,
            };
            let expr = Arc::new(Column::new(&column.name, index));
            Some(PhysicalSortExpr::new(expr, options))
        });
        LexOrdering::new(exprs.collect::<Option<Vec<_>>>()?)
    }
}

impl DisplayAs for FirstOfKeyExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let names: Vec<&str> = self
            .spec
            .sorted_by
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        let (key, order) = names.split_at(self.spec.key_columns.min(names.len()));
        write!(f, "FirstOfKeyExec: key={key:?}, order_by={order:?}")
    }
}

impl ExecutionPlan for FirstOfKeyExec {
    unary_node!("FirstOfKeyExec", no expressions);

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let required = self.ordering().map(LexRequirement::from);
        vec![required.map(OrderingRequirements::new)]
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let firsts = Firsts::new(&self.spec, &self.input.schema())?;
        let input = self.input.execute(partition, context)?;
        let stream = try_unfold((input, firsts), |(mut input, mut firsts)| async move {
            let Some(batch) = input.next().await.transpose()? else {
                return Ok(None);
            };
            let kept = firsts.of(&batch)?;
            Ok::<_, DataFusionError>(Some((kept, (input, firsts))))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            stream,
        )))
    }
}

/// Finds the rows of one partition whose key is another than that of the row before.
struct Firsts {
    key: Vec<usize>,
    keys: RowConverter,
    /// The key of the last row seen.
    last: Option<OwnedRow>,
}

impl Firsts {
    fn new(spec: &FirstOfKeySpec, input: &Schema) -> Result<Self> {
        let columns = spec.sorted_by.iter().take(spec.key_columns);
        let key: Vec<usize> = columns
            .map(|column| index_of(input, &column.name))
            .collect::<Result<_>>()?;
        let fields = key
            .iter()
            .map(|index| SortField::new(input.field(*index).data_type().clone()));
        Ok(Self {
            keys: RowConverter::new(fields.collect())?,
            key,
            last: None,
        })
    }

    fn of(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(batch.clone());
        }
        let columns: Vec<ArrayRef> = self
            .key
            .iter()
            .map(|i| Arc::clone(batch.column(*i)))
            .collect();
        let keys = self.keys.convert_columns(&columns)?;
        let first = |row: usize| match row {
            0 => self
                .last
                .as_ref()
                .is_none_or(|last| last.row() != keys.row(0)),
            row => keys.row(row) != keys.row(row - 1),
        };
        let kept = BooleanArray::from_iter((0..rows).map(|row| Some(first(row))));
        self.last = Some(keys.row(rows - 1).owned());
        Ok(filter_record_batch(batch, &kept)?)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    /// Whatever the batches: one row a key, the first, NULL a key like any other.
    #[test]
    fn each_key_once_however_the_rows_come() {
        let keys = [
            Some("a"),
            Some("a"),
            Some("b"),
            Some("c"),
            Some("c"),
            Some("c"),
            None,
            None,
        ];
        let schema = Arc::new(Schema::new(vec![
            Field::new("k", DataType::Utf8, true),
            Field::new("n", DataType::Int64, false),
        ]));
        let all = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new(StringArray::from_iter(keys)),
                Arc::new(Int64Array::from_iter_values(0..8)),
            ],
        )
        .unwrap();
        let spec = FirstOfKeySpec {
            sorted_by: ["k", "n"]
                .map(|name| SortedColumn {
                    name: name.to_owned(),
                    descending: false,
                    nulls_first: false,
                })
                .to_vec(),
            key_columns: 1,
        };
        for size in 1..=8 {
            let mut firsts = Firsts::new(&spec, &schema).unwrap();
            let mut kept = Vec::new();
            for at in (0..8).step_by(size) {
                let batch = all.slice(at, size.min(8 - at));
                let rows = firsts.of(&batch).unwrap();
                let numbers = rows
                    .column(1)
                    .as_any()
                    .downcast_ref::<Int64Array>()
                    .unwrap();
                kept.extend_from_slice(numbers.values());
            }
            assert_eq!(kept, [0, 2, 3, 6], "{size} rows a batch");
        }
    }
}

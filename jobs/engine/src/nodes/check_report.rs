//! On top of the query of a check, which gives what breaks it: counts, keeps a few examples, and reports both as the
//! task ends. However much a check finds, no more than that leaves the task.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use futures::StreamExt;
use futures::stream::once;
use serde_json::Value;

use super::unary::index_of;
use super::unary::prelude::*;
use crate::api::{CheckFindings, EXAMPLES_MAX, TaskReport};
use crate::report::{Point, TaskId, TaskServices};

/// So many columns of a row stand in an example.
const EXAMPLE_COLUMNS_MAX: usize = 16;
/// So much of a value's text.
const EXAMPLE_TEXT_CHARS_MAX: usize = 200;

/// Counts its input. Yields one row for each partition: how many rows break the check.
#[derive(Debug, Clone)]
pub struct CheckReportExec {
    input: Arc<dyn ExecutionPlan>,
    count_column: Option<String>,
    properties: Arc<PlanProperties>,
}

fn output_schema() -> SchemaRef {
    let failing = Field::new("failing_rows", DataType::UInt64, false);
    Arc::new(Schema::new(vec![failing]))
}

impl CheckReportExec {
    /// Counts the rows of `input`; with a `count_column` of 64-bit integers, each row stands for so many.
    #[must_use]
    pub fn new(input: Arc<dyn ExecutionPlan>, count_column: Option<String>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(output_schema()),
            Partitioning::UnknownPartitioning(input.properties().partitioning.partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            input,
            count_column,
            properties: Arc::new(properties),
        }
    }

    /// The column that says how many rows a row stands for.
    #[must_use]
    pub fn count_column(&self) -> Option<&str> {
        self.count_column.as_deref()
    }

    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(input, self.count_column.clone())
    }
}

impl DisplayAs for CheckReportExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "CheckReportExec")?;
        match &self.count_column {
            Some(column) => write!(f, ": rows={column}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for CheckReportExec {
    unary_node!("CheckReportExec", no expressions);

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (task, services) = (TaskId::of(&context)?, TaskServices::of(&context)?);
        let count_column = match &self.count_column {
            Some(column) => Some(index_of(&self.input.schema(), column)?),
            None => None,
        };
        let mut input = self.input.execute(partition, context)?;
        let stream = once(async move {
            let mut found = CheckFindings::default();
            while let Some(batch) = input.next().await.transpose()? {
                services.pass(&task, Point::Checking).await?;
                take_in(&mut found, &batch, count_column)?;
            }
            let failing = found.failing_rows;
            services
                .reporter
                .report(&task, TaskReport::Check(found))
                .await?;
            let column: ArrayRef = Arc::new(UInt64Array::from(vec![failing]));
            Ok::<_, DataFusionError>(RecordBatch::try_new(output_schema(), vec![column])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            output_schema(),
            stream,
        )))
    }
}

/// Counts a batch, and keeps examples as long as there are too few.
fn take_in(
    found: &mut CheckFindings,
    batch: &RecordBatch,
    count_column: Option<usize>,
) -> Result<()> {
    found.failing_rows += match count_column {
        Some(column) => {
            let counts = batch
                .column(column)
                .as_primitive_opt::<Int64Type>()
                .ok_or_else(|| DataFusionError::Internal("a count that is no int64".into()))?;
            counts.values().iter().map(|n| n.unsigned_abs()).sum()
        }
        None => batch.num_rows() as u64,
    };
    let room = EXAMPLES_MAX.saturating_sub(found.examples.len());
    for row in 0..batch.num_rows().min(room) {
        found.examples.push(example(batch, row, count_column)?);
    }
    Ok(())
}

/// A row as a JSON object, in the order of its columns.
fn example(batch: &RecordBatch, row: usize, count_column: Option<usize>) -> Result<String> {
    let schema = batch.schema();
    let mut members = Vec::new();
    for (index, column) in batch.columns().iter().enumerate().take(EXAMPLE_COLUMNS_MAX) {
        let name = match count_column == Some(index) {
            true => "rows",
            false => schema.field(index).name(),
        };
        let name = Value::from(name);
        members.push(format!("{name}:{}", value(column, row)?));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// A value as JSON: numbers and truth values as such, all else as text that is cut if it is long.
fn value(column: &ArrayRef, row: usize) -> Result<Value> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    let options = FormatOptions::default();
    let text = ArrayFormatter::try_new(column.as_ref(), &options)?
        .value(row)
        .to_string();
    let data_type = column.data_type();
    let plain = match data_type {
        DataType::Boolean => text.parse().ok().map(Value::Bool),
        _ if data_type.is_integer() => serde_json::from_str(&text).ok(),
        _ if data_type.is_floating() => text.parse::<f64>().ok().map(Value::from),
        _ => None,
    };
    // What JSON cannot say of a number (NaN) is text too.
    Ok(match plain {
        Some(plain) if !plain.is_null() => plain,
        _ => Value::String(cut(&text)),
    })
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(EXAMPLE_TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{
        BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray,
    };

    use super::*;

    #[test]
    fn examples_are_json_and_bounded() {
        let long = "ü".repeat(300);
        let money = Decimal128Array::from(vec![Some(150), None]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("a \"b\"", Arc::new(StringArray::from(vec!["x\n", &long]))),
            ("n", Arc::new(Int64Array::from(vec![Some(-7), None]))),
            ("f", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
            ("t", Arc::new(BooleanArray::from(vec![true, false]))),
            ("m", Arc::new(money.with_precision_and_scale(9, 2).unwrap())),
            ("_hw_rows", Arc::new(Int64Array::from(vec![3, 4]))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let mut found = CheckFindings::default();
        take_in(&mut found, &batch, Some(5)).unwrap();
        assert_eq!(found.failing_rows, 7);
        assert_eq!(
            found.examples[0],
            r#"{"a \"b\"":"x\n","n":-7,"f":1.5,"t":true,"m":"1.50","rows":3}"#
        );
        let second: Value = serde_json::from_str(&found.examples[1]).unwrap();
        assert_eq!(second["a \"b\""], format!("{}...", "ü".repeat(200)));
        assert_eq!(second["n"], Value::Null);
        assert_eq!(second["f"], "NaN");
        for _ in 0..3 {
            take_in(&mut found, &batch, None).unwrap();
        }
        assert_eq!((found.failing_rows, found.examples.len()), (13, 5));
    }
}

//! Rows of a query as a table, as JSON, as CSV: batch by batch, so that a
//! large result needs no more memory than its largest batch.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::table::{Align, Widths};
use crate::cli::Output;

/// How a table shows that there is no value.
const NULL_IN_TABLE: &str = "NULL";

/// Turns batches into text.
#[derive(Debug)]
pub(crate) struct RowPrinter {
    format: Output,
    /// Those of the heading and the first batch; later cells may stick out.
    widths: Option<Widths>,
    rows: u64,
}

impl RowPrinter {
    /// Nothing printed yet.
    pub(crate) fn new(format: Output) -> Self {
        Self {
            format,
            widths: None,
            rows: 0,
        }
    }

    /// The text before the first row.
    pub(crate) fn begin(&self, schema: &Schema) -> String {
        match self.format {
            // A table's heading is written with its first batch, whose widths it needs.
            Output::Table => String::new(),
            Output::Json => "[".to_owned(),
            Output::Csv => {
                let names: Vec<String> =
                    schema.fields().iter().map(|f| csv_cell(f.name())).collect();
                names.join(",") + "\n"
            }
        }
    }

    /// The text of a batch.
    ///
    /// # Errors
    /// When a value has no text form, such as a date beyond the calendar.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<String, ArrowError> {
        let batch = &printable(batch)?;
        let mut out = String::new();
        match self.format {
            Output::Table => self.table(batch, &mut out)?,
            Output::Json => {
                for row in 0..batch.num_rows() {
                    out.push_str(if self.rows + row as u64 > 0 {
                        ",\n"
                    } else {
                        "\n"
                    });
                    json_object(
                        batch.schema().fields().iter().map(|f| f.name().as_str()),
                        batch.columns(),
                        row,
                        &mut out,
                    )?;
                }
            }
            Output::Csv => csv(batch, &mut out)?,
        }
        self.rows += batch.num_rows() as u64;
        Ok(out)
    }

    /// The text after the last row.
    pub(crate) fn end(&self, schema: &Schema) -> String {
        match self.format {
            Output::Table if self.widths.is_none() => Widths::new(&columns(schema)).heading(),
            Output::Table | Output::Csv => String::new(),
            Output::Json => if self.rows > 0 { "\n]\n" } else { "]\n" }.to_owned(),
        }
    }

    fn table(&mut self, batch: &RecordBatch, out: &mut String) -> Result<(), ArrowError> {
        let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
        for column in batch.columns() {
            let cells = Cells::new(column)?;
            for (row, line) in rows.iter_mut().enumerate() {
                line.push(cells.text(row)?.unwrap_or_else(|| NULL_IN_TABLE.to_owned()));
            }
        }
        let widths = match &mut self.widths {
            Some(widths) => widths,
            None => {
                let mut widths = Widths::new(&columns(&batch.schema()));
                rows.iter().for_each(|row| widths.widen(row));
                out.push_str(&widths.heading());
                self.widths.insert(widths)
            }
        };
        for row in &rows {
            widths.line(row, out);
        }
        Ok(())
    }
}

fn columns(schema: &Schema) -> Vec<(String, Align)> {
    schema
        .fields()
        .iter()
        .map(|f| {
            (
                f.name().clone(),
                if f.data_type().is_numeric() {
                    Align::Right
                } else {
                    Align::Left
                },
            )
        })
        .collect()
}

/// CSV as RFC 4180 has it, lines ended by LF. No value is an empty cell, an
/// empty text is `""`; what is nested is a cell of JSON.
fn csv(batch: &RecordBatch, out: &mut String) -> Result<(), ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .map(Cells::new)
        .collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        for (i, cells) in columns.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            if let Some(text) = cells.text(row)? {
                out.push_str(&csv_cell(&text));
            }
        }
        out.push('\n');
    }
    Ok(())
}

/// The texts of a column's values; what is nested is JSON.
struct Cells<'a> {
    column: &'a ArrayRef,
    /// None for what is nested.
    formatter: Option<ArrayFormatter<'a>>,
}

impl<'a> Cells<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self, ArrowError> {
        let formatter = if column.data_type().is_nested() {
            None
        } else {
            Some(ArrayFormatter::try_new(
                column.as_ref(),
                &FormatOptions::new(),
            )?)
        };
        Ok(Self { column, formatter })
    }

    /// A value's text; none if there is no value.
    fn text(&self, row: usize) -> Result<Option<String>, ArrowError> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        match &self.formatter {
            Some(formatter) => formatter.value(row).try_to_string().map(Some),
            None => {
                let mut json = String::new();
                json_value(self.column, row, &mut json)?;
                Ok(Some(json))
            }
        }
    }
}

/// The batch with the zone `UTC` written as an offset, which needs no
/// database of zones to be printed.
fn printable(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    let mut fields = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let data_type = with_offsets(field.data_type());
        let same = data_type == *field.data_type();
        columns.push(if same {
            Arc::clone(column)
        } else {
            cast(column, &data_type)?
        });
        fields.push(field.as_ref().clone().with_data_type(data_type));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn with_offsets(data_type: &DataType) -> DataType {
    let inside = |field: &FieldRef| {
        Arc::new(
            field
                .as_ref()
                .clone()
                .with_data_type(with_offsets(field.data_type())),
        )
    };
    match data_type {
        DataType::Timestamp(unit, Some(zone)) if zone.as_ref() == "UTC" => {
            DataType::Timestamp(*unit, Some("+00:00".into()))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inside).collect()),
        DataType::List(field) => DataType::List(inside(field)),
        DataType::LargeList(field) => DataType::LargeList(inside(field)),
        other => other.clone(),
    }
}

fn csv_cell(text: &str) -> String {
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn json_object<'a>(
    names: impl Iterator<Item = &'a str>,
    columns: &[ArrayRef],
    row: usize,
    out: &mut String,
) -> Result<(), ArrowError> {
    out.push('{');
    for (i, (name, column)) in names.zip(columns).enumerate() {
        if i > 0 {
            out.push(',');
        }
        json_text(name, out);
        out.push(':');
        json_value(column, row, out)?;
    }
    out.push('}');
    Ok(())
}

/// A value as JSON. Decimals keep every digit: they are numbers as written,
/// for readers that take them exactly; what JSON cannot say (NaN, infinity) is null.
fn json_value(column: &ArrayRef, row: usize, out: &mut String) -> Result<(), ArrowError> {
    if column.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match column.data_type() {
        DataType::Struct(fields) => {
            let values: &StructArray = column.as_struct();
            json_object(
                fields.iter().map(|f| f.name().as_str()),
                values.columns(),
                row,
                out,
            )
        }
        DataType::List(_) => json_list(&column.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => json_list(&column.as_list::<i64>().value(row), out),
        DataType::FixedSizeList(..) => json_list(&column.as_fixed_size_list().value(row), out),
        data_type => {
            let options = FormatOptions::new();
            let text = ArrayFormatter::try_new(column.as_ref(), &options)?
                .value(row)
                .try_to_string()?;
            let is_bare = data_type.is_numeric() || *data_type == DataType::Boolean;
            if !is_bare {
                json_text(&text, out);
            } else if data_type.is_floating() && !text.parse::<f64>().is_ok_and(f64::is_finite) {
                out.push_str("null");
            } else {
                out.push_str(&text);
            }
            Ok(())
        }
    }
}

fn json_list(values: &ArrayRef, out: &mut String) -> Result<(), ArrowError> {
    out.push('[');
    for i in 0..values.len() {
        if i > 0 {
            out.push(',');
        }
        json_value(values, i, out)?;
    }
    out.push(']');
    Ok(())
}

fn json_text(text: &str, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{}", serde_json::Value::from(text));
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray,
        StructArray, TimestampMicrosecondArray,
    };
    use arrow::datatypes::{Field, Int64Type};

    use super::*;

    fn batch() -> RecordBatch {
        let at =
            || TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("UTC");
        let pair = StructArray::from(vec![
            (
                Arc::new(Field::new("_VALUE", DataType::Utf8, true)),
                Arc::new(StringArray::from(vec![Some("a\"b"), None])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("n", DataType::Int64, true)),
                Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("at", at().data_type().clone(), true)),
                Arc::new(at()) as ArrayRef,
            ),
        ]);
        RecordBatch::try_from_iter_with_nullable([
            (
                "piid",
                Arc::new(StringArray::from(vec![Some("0300"), Some("")])) as ArrayRef,
                true,
            ),
            (
                "amount",
                Arc::new(
                    Decimal128Array::from(vec![Some(-1_234_567_890_123_456_789_012), None])
                        .with_precision_and_scale(30, 2)
                        .unwrap(),
                ),
                true,
            ),
            (
                "share",
                Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN)])),
                true,
            ),
            (
                "day",
                Arc::new(Date32Array::from(vec![Some(0), None])),
                true,
            ),
            ("at", Arc::new(at()), true),
            ("pair", Arc::new(pair), true),
            (
                "list",
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
                    Some(vec![Some(1), None]),
                    None,
                ])),
                true,
            ),
        ])
        .unwrap()
    }

    fn print(format: Output, batches: &[RecordBatch]) -> String {
        let schema = batch().schema();
        let mut printer = RowPrinter::new(format);
        let mut out = printer.begin(&schema);
        for batch in batches {
            out.push_str(&printer.batch(batch).unwrap());
        }
        out + &printer.end(&schema)
    }

    #[test]
    fn json_keeps_digits_zeros_and_nesting() {
        let text = print(
            Output::Json,
            &[batch(), batch().slice(0, 0), batch().slice(0, 1)],
        );
        let first = concat!(
            r#"{"piid":"0300","amount":-12345678901234567890.12,"share":0.5,"day":"1970-01-01","#,
            r#""at":"1970-01-01T00:00:01.500Z","pair":{"_VALUE":"a\"b","n":1,"at":"1970-01-01T00:00:01.500Z"},"list":[1,null]}"#
        );
        let second = r#"{"piid":"","amount":null,"share":null,"day":null,"at":null,"pair":{"_VALUE":null,"n":null,"at":null},"list":null}"#;
        assert_eq!(text, format!("[\n{first},\n{second},\n{first}\n]\n"));
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 3);
        assert_eq!(print(Output::Json, &[]), "[]\n");
    }

    #[test]
    fn csv_tells_no_value_from_an_empty_text() {
        assert_eq!(
            print(Output::Csv, &[batch()]),
            "piid,amount,share,day,at,pair,list\n\
             0300,-12345678901234567890.12,0.5,1970-01-01,1970-01-01T00:00:01.500Z,\"{\"\"_VALUE\"\":\"\"a\\\"\"b\"\",\"\"n\"\":1,\"\"at\"\":\"\"1970-01-01T00:00:01.500Z\"\"}\",\"[1,null]\"\n\
             \"\",,NaN,,,\"{\"\"_VALUE\"\":null,\"\"n\"\":null,\"\"at\"\":null}\",\n"
        );
    }

    #[test]
    fn a_table_aligns_and_shows_its_heading_without_rows_too() {
        let narrow = |b: RecordBatch| b.project(&[0, 1, 2]).unwrap();
        let mut printer = RowPrinter::new(Output::Table);
        let text = printer.batch(&narrow(batch())).unwrap();
        assert_eq!(
            text,
            "piid                    amount  share\n\
             0300  -12345678901234567890.12    0.5\n                          NULL    NaN\n"
        );
        assert_eq!(
            print(Output::Table, &[]),
            "piid  amount  share  day  at  pair  list\n"
        );
    }
}

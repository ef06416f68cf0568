//! Files of several writers as one look-up table.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;

use super::*;
use crate::{SourceSchema, discover};

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

async fn settled(folder: &Path) -> Result<(Vec<InputFile>, SourceSchema), SourceError> {
    let files = discover("s", &[folder.display().to_string()]).await?;
    let schema = SourceSchema::from_arrow(&schema(&files).await?)?;
    Ok((files, schema))
}

#[tokio::test]
async fn files_that_widen_are_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let text = |values: &[&str]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    write(
        &dir.path().join("a.parquet"),
        vec![
            ("id", Arc::new(Int32Array::from(vec![1, 2]))),
            ("x", Arc::new(Int64Array::from(vec![10, 20]))),
        ],
    );
    write(
        &dir.path().join("b.parquet"),
        vec![
            ("name", text(&["three"])),
            ("x", Arc::new(Float32Array::from(vec![0.5]))),
            ("id", Arc::new(Int64Array::from(vec![3]))),
        ],
    );
    let (files, schema) = settled(dir.path()).await.unwrap();
    assert_eq!(
        schema
            .yaml()
            .lines()
            .filter(|l| l.starts_with("  "))
            .collect::<Vec<_>>(),
        ["  id: int64", "  x: float64", "  name: text"]
    );
    let table = ParquetTable::try_new("s", &files, &schema.arrow().unwrap()).unwrap();
    let ctx = SessionContext::new();
    ctx.register_table("s", Arc::new(table)).unwrap();
    let sql = "SELECT id, x, name, right(_hw_file, 9) AS file FROM s WHERE x < 15 ORDER BY id";
    let rows = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    assert_eq!(
        pretty_format_batches(&rows).unwrap().to_string(),
        "\
+----+------+-------+-----------+
| id | x    | name  | file      |
+----+------+-------+-----------+
| 1  | 10.0 |       | a.parquet |
| 3  | 0.5  | three | b.parquet |
+----+------+-------+-----------+"
    );
}

#[tokio::test]
async fn files_that_do_not_fit_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let ids = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    write(&dir.path().join("a.parquet"), vec![("id", ids())]);
    write(
        &dir.path().join("b.parquet"),
        vec![("id", Arc::new(StringArray::from(vec!["1"])))],
    );
    let error = settled(dir.path()).await.unwrap_err().to_string();
    assert!(
        error.contains("b.parquet: column `id` is Utf8, and Int64"),
        "{error}"
    );
    std::fs::write(dir.path().join("b.parquet"), "id\n1\n").unwrap();
    let error = settled(dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("b.parquet: is no Parquet file"), "{error}");
}

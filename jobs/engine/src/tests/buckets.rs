//! A lake in a bucket: executors write to it, a commit makes it visible, queries and models read it. And tables whose
//! schema has grown.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::util::pretty::pretty_format_batches;
use headworks_lake::{
    Audit, CommitRequest, Mode, PartitionedWriter, PendingFile, Table, TableLocation, WriterConfig,
    table_schema,
};

use super::world::{RECORDS, Setup, World, accepted, rows_in_files};
use crate::api::ModelRequest;

/// The answer of a query, as a table of text.
async fn ask(lake: &str, sql: &str) -> String {
    let mut rows = crate::sql::query(lake, sql).await.unwrap();
    let mut batches = vec![RecordBatch::new_empty(rows.schema.clone())];
    while let Some(batch) = rows.next().await.unwrap() {
        batches.push(batch);
    }
    pretty_format_batches(&batches).unwrap().to_string()
}

/// One cell of a query's answer.
async fn number(lake: &str, sql: &str) -> i64 {
    let mut rows = crate::sql::query(lake, sql).await.unwrap();
    let batch = rows.next().await.unwrap().unwrap();
    batch
        .column(0)
        .as_primitive::<datafusion::arrow::datatypes::Int64Type>()
        .value(0)
}

fn commit(table: &TableLocation, mode: Mode, batch: &RecordBatch, files: Vec<PendingFile>) {
    let table = Table::open(table.clone());
    let base = table.recover().unwrap();
    let schema = table_schema(&batch.schema(), None);
    let done = table.commit(&CommitRequest {
        commit_id: format!("c{base}"),
        job_id: "job".into(),
        at_unix_ms: 0,
        mode,
        base,
        remove: Vec::new(),
        schema,
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files,
        inputs: Vec::new(),
        audit: Audit::Coverage,
        job_failed: false,
        checked: None,
    });
    assert_eq!(done.unwrap().version, base + 1);
}

/// Writes a batch and commits it.
fn add(table: &TableLocation, mode: Mode, columns: Vec<(&str, ArrayRef)>) {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let attempt = format!("a{}", Table::open(table.clone()).recover().unwrap());
    let config = WriterConfig::new(table.clone(), attempt);
    let mut writer = PartitionedWriter::new(config, batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let files = writer.finish().unwrap().files;
    commit(table, mode, &batch, files);
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_write_to_a_bucket_and_models_and_queries_read_it() {
    let bucket = headworks_stores::memory::mount("engine-lake");
    let world = World::new(Setup {
        executors: 2,
        ..Setup::default()
    })
    .await;
    let mut request = ModelRequest::clone(&*world.request("SELECT id, k FROM src", 4).await);
    request.lake = "s3://engine-lake/lake".into();
    request.model.options.partition_by = vec!["k".into()];
    let request = Arc::new(request);
    let result = accepted(world.run(&request, |_| ()).await);
    assert_eq!(rows_in_files(&result), RECORDS);
    let objects = bucket.uploads.list("lake/out/k=").await.unwrap();
    assert_eq!(
        objects.len(),
        result.files.len(),
        "uploads, and no object yet"
    );

    let location = TableLocation::new(&request.lake, "out").unwrap();
    let plan = world.plan(&request).await;
    let entry: headworks_lake::schema::SchemaEntry = serde_json::from_value(plan.schema).unwrap();
    let (schema, files) = (entry.to_arrow().unwrap(), result.files.clone());
    let done = tokio::task::spawn_blocking(move || {
        Table::open(location).commit(&CommitRequest {
            commit_id: "c".into(),
            job_id: "job".into(),
            at_unix_ms: 0,
            mode: Mode::Append,
            base: 0,
            remove: Vec::new(),
            schema,
            partition_by: vec!["k".into()],
            partition_columns_in_files: false,
            files,
            inputs: Vec::new(),
            audit: Audit::Coverage,
            job_failed: false,
            checked: None,
        })
    });
    assert_eq!(done.await.unwrap().unwrap().rows, RECORDS);
    let count = "SELECT COUNT(*) FROM out WHERE k = 3 AND id >= 0";
    assert_eq!(
        number(&request.lake, count).await,
        (0..RECORDS).filter(|i| i % 7 == 3).count() as i64
    );
    let sum = number(&request.lake, "SELECT CAST(SUM(id) AS BIGINT) FROM out").await;
    assert_eq!(sum as u64, RECORDS * (RECORDS - 1) / 2);

    // A model that reads it, on the executors.
    let location = TableLocation::new(&request.lake, "out").unwrap();
    let snapshot = Table::open(location).snapshot().unwrap().unwrap();
    let sql = "SELECT k, COUNT(*) AS n FROM out GROUP BY k";
    let mut second = ModelRequest::clone(&*world.request(sql, 1).await);
    second.lake.clone_from(&request.lake);
    second.model.name = "counts".into();
    second.model.reads_sources.clear();
    second.sources.clear();
    second.tables = [("out".to_owned(), Arc::new(snapshot))].into();
    let result = accepted(world.run(&Arc::new(second), |_| ()).await);
    assert_eq!(rows_in_files(&result), 7);

    let error = crate::sql::query("s3://not a bucket/x", "SELECT 1")
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("s3://BUCKET/PATH"), "{error}");
}

/// Columns that were added, types that were widened, also inside of structs and lists: a query sees one table, and a
/// predicate on such a column finds the rows of old and new files.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_older_schemas_are_read_by_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().to_str().unwrap().to_owned();
    let table = TableLocation::new(&lake, "t").unwrap();
    let struct_of = |fields: Vec<(&str, ArrayRef)>| -> StructArray {
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(name, a)| (Arc::new(Field::new(name, a.data_type().clone(), true)), a))
            .collect();
        StructArray::from(fields)
    };
    let list_of = |items: StructArray| -> ArrayRef {
        let item = Arc::new(Field::new("item", items.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([1, 1]);
        Arc::new(ListArray::new(item, offsets, Arc::new(items), None))
    };
    let ints = |a: i64, b: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![a, b])) };
    let texts = |a: &str, b: &str| -> ArrayRef { Arc::new(StringArray::from(vec![a, b])) };
    let decimals = |a: i128, b: i128| -> ArrayRef {
        let values = datafusion::arrow::array::Decimal128Array::from(vec![a, b]);
        Arc::new(values.with_precision_and_scale(9, 2).unwrap())
    };
    add(
        &table,
        Mode::Append,
        vec![
            ("id", ints(1, 2)),
            ("amount", ints(10, 20)),
            ("day", Arc::new(Date32Array::from(vec![0, 1]))),
            ("s", Arc::new(struct_of(vec![("n", ints(5, 6))]))),
            ("l", list_of(struct_of(vec![("n", ints(7, 8))]))),
        ],
    );
    let times = datafusion::arrow::array::TimestampMicrosecondArray::from(vec![1, 2]);
    let of_struct = vec![("n", decimals(550, 650)), ("m", texts("x", "y"))];
    let of_list = vec![("n", decimals(750, 850)), ("m", texts("v", "w"))];
    add(
        &table,
        Mode::Append,
        vec![
            ("id", ints(3, 4)),
            ("amount", decimals(1_050, 2_050)),
            ("day", Arc::new(times)),
            ("s", Arc::new(struct_of(of_struct))),
            ("l", list_of(struct_of(of_list))),
            ("note", texts("p", "q")),
        ],
    );
    let log = Table::open(table.clone()).log().unwrap();
    assert!(log[0].files_schema.is_none());
    assert!(
        log[1].files_schema.is_some(),
        "its files have a narrower `amount` than the table"
    );
    let schema = Table::open(table.clone())
        .snapshot()
        .unwrap()
        .unwrap()
        .schema;
    assert_eq!(
        schema.field_with_name("amount").unwrap().data_type(),
        &DataType::Decimal128(21, 2)
    );
    let all = "SELECT id, amount, day, s, l, note FROM t ORDER BY id";
    assert_eq!(
        ask(&lake, all).await,
        "\
+----+--------+----------------------------+-----------------+-------------------+------+
| id | amount | day                        | s               | l                 | note |
+----+--------+----------------------------+-----------------+-------------------+------+
| 1  | 10.00  | 1970-01-01T00:00:00        | {n: 5.00, m: }  | [{n: 7.00, m: }]  |      |
| 2  | 20.00  | 1970-01-02T00:00:00        | {n: 6.00, m: }  | [{n: 8.00, m: }]  |      |
| 3  | 10.50  | 1970-01-01T00:00:00.000001 | {n: 5.50, m: x} | [{n: 7.50, m: v}] | p    |
| 4  | 20.50  | 1970-01-01T00:00:00.000002 | {n: 6.50, m: y} | [{n: 8.50, m: w}] | q    |
+----+--------+----------------------------+-----------------+-------------------+------+"
    );
    for (predicate, ids) in [
        ("amount = 20", vec!["2"]),
        ("amount > 10 AND amount < 20.5", vec!["2", "3"]),
        ("note IS NULL", vec!["1", "2"]),
        ("s.n >= 6", vec!["2", "4"]),
        ("s.m = 'y'", vec!["4"]),
        ("day >= TIMESTAMP '1970-01-02 00:00:00'", vec!["2"]),
    ] {
        let found = ask(
            &lake,
            &format!("SELECT id FROM t WHERE {predicate} ORDER BY id"),
        )
        .await;
        let rows: Vec<&str> = found
            .lines()
            .skip(3)
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        assert_eq!(rows, ids, "{predicate}");
    }
    assert_eq!(Table::open(table).verify().unwrap().problems, []);
}

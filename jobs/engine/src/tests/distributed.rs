//! Queries of several stages on two executors give the rows that one process gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use headworks_lake::{Audit, CommitRequest, Mode, PendingFile, Table, TableLocation};
use headworks_spec::{Format, Source, SourceSpec};

use super::world::{RECORDS, Setup, World, accepted};
use crate::api::{Engine, ModelPlan, ModelRequest, WaveResult};
use crate::session;

/// Rows as text, sorted.
pub(super) fn texts(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            rows.push(values.join(" | "));
        }
    }
    rows.sort();
    rows
}

/// The rows of a query over the lake, sorted.
pub(super) async fn in_lake(lake: &str, sql: &str) -> Vec<String> {
    let mut rows = crate::sql::query(lake, sql).await.unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await.unwrap() {
        batches.push(batch);
    }
    texts(&batches)
}

/// Commits what a wave wrote.
pub(super) fn commit(
    request: &ModelRequest,
    plan: &ModelPlan,
    mode: Mode,
    files: Vec<PendingFile>,
    remove: Vec<String>,
) -> u64 {
    let table = Table::open(TableLocation::new(&request.lake, &request.model.name).unwrap());
    let base = table.recover().unwrap();
    let entry: headworks_lake::schema::SchemaEntry =
        serde_json::from_value(plan.schema.clone()).unwrap();
    let wanted = CommitRequest {
        commit_id: format!("c{base}"),
        job_id: request.job_id.clone(),
        at_unix_ms: 0,
        mode,
        base,
        remove,
        schema: entry.to_arrow().unwrap(),
        partition_by: request.model.options.partition_by.clone(),
        partition_columns_in_files: false,
        files,
        inputs: Vec::new(),
        audit: Audit::Coverage,
        checked: None,
        job_failed: false,
    };
    table.commit(&wanted).unwrap().version
}

/// A second source of the world: a name for each `k` but 6, and one that no record has.
async fn with_names(world: &World, sql: &str) -> ModelRequest {
    let path = world.dir.path().join("names.xml");
    let names = NAMES.map(|(k, name)| format!("<n><k>{k}</k><name>{name}</name></n>"));
    std::fs::write(&path, format!("<ns>{}</ns>", names.concat())).unwrap();
    let mut options = Source::new(Format::Xml, vec![path.to_string_lossy().into_owned()]);
    options.row_tag = vec!["n".into()];
    let spec = SourceSpec {
        name: "names".into(),
        options,
        schema_file: None,
    };
    let settled = world.engine.settle(&spec).await.unwrap();
    let mut request = (*world.request(sql, 6).await).clone();
    request.tuning.shuffle_partitions = Some(4);
    request.sources.insert("names".into(), settled);
    request.model.reads_sources.push("names".into());
    request
}

const NAMES: [(i64, &str); 7] = [
    (0, "zero"),
    (1, "one"),
    (2, "two"),
    (3, "three"),
    (4, "four"),
    (5, "five"),
    (9, "nine"),
];

/// A request for such a query, with the sources that it names, under a name of its own.
pub(super) async fn numbered(world: &World, sql: &str, number: usize) -> Arc<ModelRequest> {
    let mut request = with_names(world, sql).await;
    if !sql.contains("names") {
        request.sources.remove("names");
    }
    request.model.name = format!("m{number}");
    Arc::new(request)
}

/// The same query in one process, over the same rows in memory.
pub(super) async fn in_one_process(sql: &str) -> Vec<String> {
    let ctx = SessionContext::new_with_config(session::config(1));
    let ids = || (0..RECORDS as i64).collect::<Int64Array>();
    let ks: Int64Array = (0..RECORDS as i64).map(|id| id % 7).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("id", Arc::new(ids())), ("k", Arc::new(ks))];
    let src = RecordBatch::try_from_iter(columns).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "k",
            Arc::new(NAMES.iter().map(|n| Some(n.0)).collect::<Int64Array>()),
        ),
        (
            "name",
            Arc::new(StringArray::from_iter_values(NAMES.iter().map(|n| n.1))),
        ),
    ];
    let names = RecordBatch::try_from_iter(columns).unwrap();
    ctx.register_batch("src", src).unwrap();
    ctx.register_batch("names", names).unwrap();
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    texts(&batches)
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_aggregates_windows_and_unnests_give_the_rows_of_one_process() {
    let world = World::new(Setup {
        executors: 2,
        cores: 2,
        ..Setup::default()
    })
    .await;
    // The query, and how many stages it takes at least.
    for (at, (sql, stages)) in [
        (
            "SELECT n.name, count(*) AS records, sum(s.id) AS total FROM src s JOIN names n ON s.k = n.k GROUP BY n.name",
            4,
        ),
        (
            "SELECT s.id, n.name FROM src s LEFT JOIN names n ON s.k = n.k WHERE s.id % 3 = 0",
            3,
        ),
        (
            "SELECT n.name, s.least FROM names n FULL JOIN (SELECT k, min(id) AS least FROM src GROUP BY k) s ON s.k = n.k",
            3,
        ),
        (
            "SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS r, \
             sum(id) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS three FROM src",
            2,
        ),
        (
            "SELECT id, k FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS r FROM src) t WHERE r = 1",
            2,
        ),
        (
            "SELECT id, k, r + 1 AS r FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS r FROM src) t \
             WHERE 1 = r AND id % 2 = 0",
            2,
        ),
        (
            "SELECT t.id, t.k, n.name FROM (SELECT k, id, row_number() OVER (PARTITION BY id, k ORDER BY k) AS r \
             FROM (SELECT id, k FROM src UNION ALL SELECT id, k FROM src) twice) t JOIN names n ON t.k = n.k WHERE t.r = 1",
            4,
        ),
        (
            "SELECT DISTINCT k, id % 11 AS rest FROM src",
            2,
        ),
        (
            "SELECT v, count(*) AS times FROM (SELECT unnest(make_array(k, k + 1, id % 5)) AS v FROM src) t GROUP BY v",
            2,
        ),
        (
            "SELECT times, count(*) AS groups FROM (SELECT n.name, s.id % 10 AS rest, count(*) AS times \
             FROM src s JOIN names n ON s.k = n.k GROUP BY n.name, s.id % 10) g GROUP BY times",
            5,
        ),
        (
            "SELECT k, total, total - lag(total) OVER (ORDER BY k) AS more FROM \
             (SELECT k, sum(id) AS total FROM src GROUP BY k) t",
            3,
        ),
        (
            "SELECT id FROM src WHERE NOT EXISTS (SELECT 1 FROM names n WHERE n.k = src.k)",
            3,
        ),
        (
            "SELECT id, k FROM src WHERE k = 1 UNION ALL SELECT max(id), k FROM src GROUP BY k",
            2,
        ),
        (
            "SELECT id, k FROM src ORDER BY k DESC, id LIMIT 10",
            2,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let request = numbered(&world, sql, at).await;
        let plan = world.plan(&request).await;
        assert!(!plan.row_wise, "{sql}");
        assert!(plan.stages.len() >= stages, "{sql}: {:#?}", plan.stages);
        let result: WaveResult = accepted(world.run(&request, |_| {}).await);
        assert_eq!(result.tasks.len(), 2, "{sql}: both executors work: {:?}", result.tasks);
        commit(&request, &plan, Mode::Overwrite, result.files, vec![]);
        let found = in_lake(&request.lake, &format!("SELECT * FROM m{at}")).await;
        assert!(!found.is_empty(), "{sql}");
        assert_eq!(found, in_one_process(sql).await, "{sql}");
    }
}

/// Stages are cut where rows are shuffled, and the plan says which reads which.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_its_stages() {
    let world = World::new(Setup::default()).await;
    let mut request = (*world.request("SELECT id, k FROM src", 4).await).clone();
    let plan = world.plan(&Arc::new(request.clone())).await;
    assert_eq!(plan.stages.len(), 1, "{:#?}", plan.stages);
    assert_eq!((plan.stages[0].stage, plan.stages[0].tasks), (1, 4));
    request.model.options.partition_by = vec!["k".into()];
    let plan = world.plan(&Arc::new(request)).await;
    let shape: Vec<_> = plan
        .stages
        .iter()
        .map(|s| (s.stage, s.reads.clone()))
        .collect();
    assert_eq!(shape, [(1, vec![]), (2, vec![1])]);
    assert!(
        plan.stages[0].plan.contains("ScanReportExec"),
        "{:#?}",
        plan.stages
    );
    assert!(
        plan.stages[1].plan.starts_with("LakeWriteExec"),
        "{:#?}",
        plan.stages
    );
    assert!(plan.merge_stages.is_empty());
}

/// Rows of each file are sorted, the ledger of a row-wise model stays, and the footer says so.
#[tokio::test(flavor = "multi_thread")]
async fn sorted_rows_lie_sorted_in_each_file_and_are_counted_by_split() {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int64Type;
    let world = World::new(Setup {
        executors: 2,
        cores: 2,
        ..Setup::default()
    })
    .await;
    for (partition_by, distribute) in [(vec![], "auto"), (vec!["p"], "auto"), (vec!["p"], "none")] {
        let sql = "SELECT id, k, id % 3 AS p FROM src WHERE k < 5";
        let mut request = (*world.request(sql, 5).await).clone();
        let options = &mut request.model.options;
        options.partition_by = partition_by.iter().map(|name| (*name).to_owned()).collect();
        options.sort_by = vec!["k desc".into(), "id".into()];
        if distribute == "none" {
            options.distribute = headworks_spec::Distribute::None;
        }
        let request = Arc::new(request);
        let plan = world.plan(&request).await;
        assert!(plan.row_wise);
        let result = accepted(world.run(&request, |_| {}).await);
        let kept = (0..RECORDS).filter(|id| id % 7 < 5).count() as u64;
        assert_eq!(result.rows, kept);
        let by_split: BTreeMap<i32, u64> = result.written.clone();
        assert_eq!(by_split.len(), 5, "the ledger is by split");
        assert_eq!(by_split.values().sum::<u64>(), kept);
        for file in &result.files {
            let root = TableLocation::new(&request.lake, "out").unwrap().root();
            let opened = std::fs::File::open(root.join(&file.temp)).unwrap();
            let reader =
                datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
                    opened,
                )
                .unwrap();
            let sorted = reader.metadata().row_group(0).sorting_columns().unwrap();
            assert_eq!(
                sorted
                    .iter()
                    .map(|c| (c.column_idx, c.descending))
                    .collect::<Vec<_>>(),
                [(1, true), (0, false)]
            );
            let mut rows: Vec<(i64, i64)> = Vec::new();
            for batch in reader.build().unwrap() {
                let batch = batch.unwrap();
                let column = |name: &str| {
                    let column = batch.column_by_name(name).unwrap();
                    column.as_primitive::<Int64Type>().values().to_vec()
                };
                rows.extend(column("k").into_iter().map(|k| -k).zip(column("id")));
            }
            assert!(rows.is_sorted(), "{}", file.path);
        }
    }
}

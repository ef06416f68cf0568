//! The two rules that make queries fast, over random tables: their rows are those of DataFusion without them.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use super::distributed::texts;
use crate::plan::keep_first_rows;
use crate::session;

/// Rounds, each over tables of its own.
const ROUNDS: u64 = 6;
/// Files of a table, so that it has several partitions.
const FILES: usize = 3;

/// Joins of every kind, with NULLs in their keys and rows that match many times or never.
const JOINS: [&str; 13] = [
    "SELECT a.id, b.id AS other FROM a JOIN b ON a.k = b.k",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON a.k = b.k",
    "SELECT a.id, b.id AS other FROM a RIGHT JOIN b ON a.k = b.k",
    "SELECT a.id, b.id AS other FROM a FULL JOIN b ON a.k = b.k",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON a.k = b.k AND a.v < b.v",
    "SELECT a.id, b.id AS other FROM a FULL JOIN b ON a.k = b.k AND a.t = b.t AND a.v <> b.v",
    "SELECT a.id, b.id AS other FROM a JOIN b ON (a.k IS NOT DISTINCT FROM b.k) AND a.t = b.t",
    "SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a.k = b.k)",
    "SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE a.k = b.k AND a.v < b.v)",
    "SELECT id FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL)",
    // More may come out of a join than goes in: the small side is the right one, and they change places.
    "SELECT a.id, b.id AS other, c.id AS third FROM a JOIN b ON a.k = b.k LEFT JOIN c ON b.t = c.t",
    "SELECT a.id, b.id AS other, c.id AS third FROM a JOIN b ON a.k = b.k FULL JOIN c ON b.v = c.v AND a.v < c.k",
    "SELECT a.id, b.id AS other FROM a JOIN b ON a.k = b.k WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.t = b.t)",
];

/// Each once, by several keys and orders. Every order ends with what is different in each row.
const DEDUPES: [&str; 8] = [
    "SELECT id, k, v FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY v, id) AS n FROM a) WHERE n = 1",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY t ORDER BY v DESC NULLS LAST, id DESC) AS n FROM a) \
     WHERE 1 = n",
    "SELECT id, n FROM (SELECT *, row_number() OVER (PARTITION BY k, t ORDER BY v NULLS FIRST, id) AS n FROM a) \
     WHERE n = 1 AND v > 3",
    "SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY t, k ORDER BY id) AS n FROM a) WHERE n = 1 AND t <> 'b'",
    "SELECT n, t, id FROM (SELECT id, row_number() OVER (PARTITION BY t ORDER BY id DESC) AS n, t FROM a) WHERE n = 1",
    // Of rows that are first alike, nothing is shown that tells them apart.
    "SELECT id, v FROM (SELECT a.id, b.v, row_number() OVER (PARTITION BY a.id ORDER BY b.v DESC) AS n \
     FROM a JOIN b ON a.k = b.k) WHERE n = 1",
    "SELECT k, sum(v) AS s, count(*) AS c FROM \
     (SELECT *, row_number() OVER (PARTITION BY k, v ORDER BY id) AS n FROM a) WHERE n = 1 GROUP BY k",
    "SELECT count(*) AS c FROM (SELECT *, row_number() OVER (PARTITION BY v ORDER BY t, id) AS n FROM b) WHERE n = 1",
];

/// A table of `id`, which is different in each row, and three columns of few values and NULLs.
fn write_table(folder: &Path, random: &mut fastrand::Rng) {
    std::fs::create_dir_all(folder).unwrap();
    let keys = random.i64(1..60);
    let mut id = 0;
    for file in 0..FILES {
        let rows = random.usize(..120);
        let mut number = |below: i64| {
            let numbers = (0..rows).map(|_| (random.u8(..8) > 0).then(|| random.i64(0..below)));
            numbers.collect::<Vec<_>>()
        };
        let (k, v, letters) = (number(keys), number(9), number(5));
        let t = letters
            .into_iter()
            .map(|n| n.map(|n| ["a", "b", "c", "", "é"][n as usize]));
        let ids = (0..rows).map(|_| {
            id += 1;
            id
        });
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(Int64Array::from_iter_values(ids))),
            ("k", Arc::new(Int64Array::from(k))),
            ("v", Arc::new(Int64Array::from(v))),
            ("t", Arc::new(t.collect::<StringArray>())),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true)));
        let batch = batch.unwrap();
        let out = std::fs::File::create(folder.join(format!("{file}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(out, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

async fn with_tables(ctx: SessionContext, folder: &Path) -> SessionContext {
    for name in ["a", "b", "c"] {
        let path = folder.join(name).to_string_lossy().into_owned();
        let options = ParquetReadOptions::default();
        ctx.register_parquet(name, path, options).await.unwrap();
    }
    ctx
}

/// The rows of our plan and those of DataFusion's, and our plan as text.
async fn both(
    folder: &Path,
    sql: &str,
    rule: impl Fn(Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan>,
) -> (Vec<String>, Vec<String>, String) {
    let ours = with_tables(session::planner(3).unwrap(), folder).await;
    let plan = ours.sql(sql).await.unwrap();
    let plan = rule(plan.create_physical_plan().await.unwrap());
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    let found = texts(&collect(plan, ours.task_ctx()).await.unwrap());
    let plain = with_tables(SessionContext::new(), folder).await;
    let expected = plain.sql(sql).await.unwrap().collect().await.unwrap();
    (found, texts(&expected), shown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_of_small_sides_are_hashed_and_exact() {
    let mut rows = 0;
    for round in 0..ROUNDS {
        let dir = tempfile::tempdir().unwrap();
        let mut random = fastrand::Rng::with_seed(round);
        for name in ["a", "b", "c"] {
            write_table(&dir.path().join(name), &mut random);
        }
        for sql in JOINS {
            let (found, expected, plan) = both(dir.path(), sql, |plan| plan).await;
            assert_eq!(found, expected, "round {round}: {sql}\n{plan}");
            assert!(plan.contains("HashJoinExec"), "{sql}\n{plan}");
            rows += found.len();
        }
    }
    assert!(rows > 10_000, "{rows} rows are no proof");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_row_of_each_key_is_the_one_that_a_window_numbers_one() {
    let mut rows = 0;
    for round in 0..ROUNDS {
        let dir = tempfile::tempdir().unwrap();
        let mut random = fastrand::Rng::with_seed(100 + round);
        for name in ["a", "b", "c"] {
            write_table(&dir.path().join(name), &mut random);
        }
        for sql in DEDUPES {
            let rule = |plan| keep_first_rows(plan).unwrap();
            let (found, expected, plan) = both(dir.path(), sql, rule).await;
            assert_eq!(found, expected, "round {round}: {sql}\n{plan}");
            let replaced = plan.contains("FirstOfKeyExec") && !plan.contains("WindowAggExec");
            assert!(replaced, "{sql}\n{plan}");
            rows += found.len();
        }
    }
    assert!(rows > 1000, "{rows} rows are no proof");
}

//! Queries whose plans rely on what holds within one process alone, on two executors: the rows of one process.

use std::sync::Arc;

use headworks_lake::Mode;
use headworks_spec::{Format, Source, SourceSpec};

use super::distributed::{commit, in_lake, in_one_process, numbered};
use super::world::{Setup, World, accepted};
use crate::api::{Engine, ModelPlan, ModelRequest};

async fn gives_the_rows_of_one_process(queries: &[&str]) {
    let world = World::new(Setup {
        executors: 2,
        cores: 2,
        ..Setup::default()
    })
    .await;
    for (at, sql) in queries.iter().enumerate() {
        let request = numbered(&world, sql, at).await;
        let (plan, found) = rows_of(&world, &request).await;
        assert_eq!(found, in_one_process(sql).await, "{sql}\n{}", plan.explain);
    }
}

/// Runs a model and commits it: its plan, and the rows of its table.
async fn rows_of(world: &World, request: &Arc<ModelRequest>) -> (ModelPlan, Vec<String>) {
    let plan = world.plan(request).await;
    let result = accepted(world.run(request, |_| {}).await);
    commit(request, &plan, Mode::Overwrite, result.files, vec![]);
    let all = format!("SELECT * FROM {}", request.model.name);
    (plan, in_lake(&request.lake, &all).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_remember_what_found_a_partner() {
    gives_the_rows_of_one_process(&[
        "SELECT n.name, s.k FROM names n LEFT JOIN (SELECT k, count(*) AS c FROM src GROUP BY k) s ON s.k > n.k + 3",
        "SELECT n.name, s.id FROM names n FULL JOIN src s ON s.id < n.k - 5",
        "SELECT n.name, s.id FROM names n LEFT JOIN src s ON s.k > n.k + 4 AND s.id < 100",
        "SELECT n.name FROM names n LEFT SEMI JOIN src s ON s.k > n.k + 2",
        "SELECT n.name FROM names n LEFT ANTI JOIN src s ON s.k > n.k + 2",
        "SELECT count(*) AS n FROM src WHERE k NOT IN (SELECT DISTINCT k FROM names)",
        "SELECT count(*) AS n FROM names WHERE k NOT IN (SELECT k FROM src)",
        "SELECT count(*) AS n FROM names WHERE k NOT IN (SELECT CASE WHEN k = 3 THEN NULL ELSE k END FROM src)",
        "SELECT name FROM names WHERE NOT EXISTS (SELECT 1 FROM src GROUP BY k HAVING count(*) > 1000000)",
        "SELECT name FROM names WHERE EXISTS (SELECT 1 FROM src GROUP BY k HAVING count(*) > 1)",
        "SELECT n.name, s.k FROM names n LEFT JOIN (SELECT DISTINCT k FROM src) s ON n.k = s.k OR n.k = s.k + 3",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_may_not_look_at_one_side() {
    gives_the_rows_of_one_process(&[
        "SELECT a.id, n.name FROM (SELECT id FROM src WHERE id < 0) a CROSS JOIN names n",
        "SELECT n.name, s.id FROM (SELECT name FROM names WHERE k > 100) n, src s",
        "SELECT n.name, s.id FROM (SELECT name, k FROM names WHERE k > 100) n JOIN src s ON s.id > n.k",
        "SELECT n.name, s.id FROM (SELECT name, k FROM names WHERE k > 100) n JOIN src s ON s.k = n.k",
        "SELECT n.name, s.id FROM names n CROSS JOIN (SELECT id FROM src WHERE id < 5) s",
        "SELECT n.name, s.id FROM names n RIGHT JOIN src s ON s.id > n.k AND n.k > 100",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_over_rows_whose_order_is_known_from_before_a_shuffle() {
    gives_the_rows_of_one_process(&[
        "SELECT id, row_number() OVER (ORDER BY id) AS rn, sum(id) OVER (PARTITION BY k) AS s FROM src",
        "SELECT q.id, n.name FROM (SELECT id, k, row_number() OVER (ORDER BY id DESC) AS rn FROM src) q \
         JOIN names n ON n.k = q.k WHERE q.rn <= 20",
        "SELECT rn % 3 AS rest, count(*) AS n FROM (SELECT rank() OVER (ORDER BY id) AS rn FROM src) q GROUP BY rn % 3",
        "SELECT id FROM src WHERE k = 1 QUALIFY row_number() OVER (PARTITION BY k ORDER BY id DESC) = 1",
        "SELECT id, sum(id) OVER (PARTITION BY k) AS s FROM src WHERE k = 1",
        "SELECT id, sum(id) OVER (PARTITION BY one, k ORDER BY id) AS s FROM (SELECT 1 AS one, k, id FROM src) t",
        "SELECT id, count(*) OVER (PARTITION BY k) AS c, row_number() OVER (ORDER BY k, id) AS f, \
         lead(id) OVER (PARTITION BY k ORDER BY id DESC) AS o FROM src",
        "SELECT id, first_value(id) OVER (PARTITION BY k ORDER BY id) AS f, \
         max(id) OVER (PARTITION BY k, id % 2 ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) AS m FROM src",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decimals_in_sql_are_floats_beside_floats_and_moments_reach_as_far_as_dates() {
    let world = World::new(Setup {
        executors: 1,
        cores: 2,
        ..Setup::default()
    })
    .await;
    let rows = "{\"f\":1e-16,\"d\":\"9999-12-31\"}\n{\"f\":1.0000000000000002,\"d\":\"0001-01-01\"}\n\
                {\"f\":1e300,\"d\":\"2024-01-01\"}\n{\"f\":0,\"d\":null}\n{\"f\":null,\"d\":\"2024-01-02\"}\n";
    let path = world.dir.path().join("floats.json");
    std::fs::write(&path, rows).unwrap();
    let path = vec![path.to_string_lossy().into_owned()];
    let spec = SourceSpec {
        name: "src".into(),
        options: Source::new(Format::Json, path),
        schema_file: None,
    };
    for (at, (sql, expected)) in [
        ("SELECT count(*) AS n FROM src WHERE f > 0.0", "3"),
        ("SELECT count(*) AS n FROM src WHERE f = 0.0", "1"),
        ("SELECT count(*) AS n FROM src WHERE f IN (1.0, 7.5)", "0"),
        ("SELECT count(*) AS n FROM src WHERE f BETWEEN 0.5 AND 1.0", "0"),
        ("SELECT max(coalesce(f, 0.5)) AS m FROM src", "1e300"),
        ("SELECT sum(CASE WHEN f IS NULL THEN 0.5 ELSE f END) AS m FROM src WHERE f < 0.1 OR f IS NULL", "0.5000000000000001"),
        ("SELECT count(*) AS n FROM (SELECT f > 0.0 AS p FROM src) t WHERE p", "3"),
        ("SELECT count(*) AS n FROM src WHERE d >= TIMESTAMP '2024-01-01 00:00:00'", "3"),
        ("SELECT count(*) AS n FROM src WHERE d < now() AND d < '9999-01-01'", "3"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut request = (*world.request(sql, 1).await).clone();
        request.sources.insert("src".into(), world.engine.settle(&spec).await.unwrap());
        request.model.name = format!("f{at}");
        let (_, found) = rows_of(&world, &Arc::new(request)).await;
        assert_eq!(found, [expected], "{sql}");
    }
}

//! What plans, and what is refused with which words.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;
use headworks_spec::{CheckRule, CheckSpec, OnBadValue, Severity, WriteMode};

use super::world::{Setup, World};
use crate::api::{Engine, EngineError, ModelRequest};
use crate::nodes::source_of;
use crate::plan::wave_plan;

async fn refused(world: &World, sql: &str) -> String {
    let request = world.request(sql, 2).await;
    world.engine.plan(request).await.expect_err(sql).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_match_as_written_then_ignoring_case() {
    let world = World::new(Setup::default()).await;
    for sql in [
        "SELECT ID, K FROM SRC",
        "SELECT s.Id FROM src AS s",
        "SELECT \"id\" FROM src",
        "SELECT COUNT(*) FROM src",
    ] {
        let request = world.request(sql, 2).await;
        world.engine.plan(request).await.expect(sql);
    }
    for (sql, place) in [
        ("SELECT nothing FROM src", "line 1, column 8 of the SQL: "),
        (
            "SELECT id\nFROM src\nWHERE nothing > 3",
            "line 3, column 7 of the SQL: ",
        ),
        ("SELECT id FROM\n  nothing", "line 2, column 3 of the SQL: "),
    ] {
        let error = refused(&world, sql).await;
        let said = format!("model `out` (out.sql): {place}");
        assert!(
            error.contains("nothing") && error.contains(&said),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_leaves_the_meta_columns_out() {
    let world = World::new(Setup::default()).await;
    for (sql, columns) in [
        ("SELECT * FROM src", "[\"id\",\"k\"]"),
        ("SELECT s.* FROM src s", "[\"id\",\"k\"]"),
        (
            "SELECT *, _hw_file AS file FROM src",
            "[\"id\",\"k\",\"file\"]",
        ),
        (
            "WITH a AS (SELECT * FROM src) SELECT * FROM a",
            "[\"id\",\"k\"]",
        ),
    ] {
        let plan = world.plan(&world.request(sql, 2).await).await;
        let fields = plan.schema["fields"].as_array().unwrap();
        let names: Vec<_> = fields.iter().map(|f| f["name"].clone()).collect();
        assert_eq!(serde_json::to_string(&names).unwrap(), columns, "{sql}");
        assert!(plan.row_wise, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_wise_is_what_treats_each_record_alone() {
    let world = World::new(Setup::default()).await;
    for (sql, row_wise) in [
        (
            "SELECT upper(cast(id AS varchar)) u FROM (SELECT id FROM src WHERE k = 1) t WHERE id > 3",
            true,
        ),
        ("SELECT unnest(make_array(id, k)) v FROM src", true),
        ("SELECT DISTINCT k FROM src", false),
        (
            "SELECT id, row_number() OVER (ORDER BY id) n FROM src",
            false,
        ),
        ("SELECT id FROM src UNION ALL SELECT k FROM src", false),
        (
            "SELECT id FROM src WHERE k = (SELECT max(k) FROM src)",
            false,
        ),
    ] {
        let plan = world.plan(&world.request(sql, 2).await).await;
        assert_eq!(plan.row_wise, row_wise, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_run_wrongly_is_refused() {
    let world = World::new(Setup::default()).await;
    let error = refused(&world, "SELECT value FROM generate_series(1, 10)").await;
    assert!(
        error.contains("cannot be cut into tasks") && error.contains("LazyMemoryExec"),
        "{error}"
    );
    for (sql, said) in [
        (
            "SELECT id FROM src UNION ALL SELECT 9",
            "a SELECT without FROM is a part of a UNION",
        ),
        (
            "SELECT id FROM src INTERSECT ALL SELECT k FROM src",
            "INTERSECT ALL and EXCEPT ALL",
        ),
        (
            "SELECT id FROM (SELECT id FROM src EXCEPT ALL SELECT k FROM src) t",
            "INTERSECT ALL and EXCEPT ALL",
        ),
        (
            "SELECT id FROM src WHERE id IS NOT DISTINCT FROM k AND k > 1",
            "write parentheses",
        ),
        (
            "SELECT id FROM src WHERE id = 1 OR k NOT IN (SELECT k FROM src)",
            "under OR, NOT or CASE",
        ),
        (
            "SELECT id FROM src WHERE NOT (id = 1 AND NOT k IN (SELECT k FROM src))",
            "under OR, NOT or CASE",
        ),
        (
            "SELECT id, k IN (SELECT k FROM src) AS known FROM src",
            "in WHERE and HAVING alone",
        ),
    ] {
        let error = refused(&world, sql).await;
        assert!(error.contains(said), "{sql}: {error}");
    }
    for sql in [
        "SELECT id FROM src WHERE (id IS NOT DISTINCT FROM k) AND k > 1",
        "SELECT id FROM src WHERE k > 1 AND id NOT IN (SELECT k FROM src)",
        "SELECT id FROM src WHERE k > 1 OR id IN (SELECT k FROM src)",
        "SELECT id FROM src UNION ALL VALUES (9)",
        "SELECT id FROM src INTERSECT SELECT k FROM src",
    ] {
        world.plan(&world.request(sql, 2).await).await;
    }
    let error = refused(&world, "SELECT id FROM src TABLESAMPLE BERNOULLI (10)").await;
    assert!(error.contains("TABLESAMPLE is not supported"), "{error}");
    let error = refused(&world, "SELECT id FROM src LIMIT 5").await;
    assert!(error.contains("LIMIT without ORDER BY"), "{error}");
    world
        .plan(
            &world
                .request("SELECT id FROM src ORDER BY id LIMIT 5", 2)
                .await,
        )
        .await;
    let mut request = (*world.request("SELECT id FROM src", 2).await).clone();
    request.model.options.partition_by = vec!["year".into()];
    let error = world
        .engine
        .plan(Arc::new(request))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("partition_by names `year`") && error.contains("its columns are id"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_of_columns_that_will_not_be_there_are_refused_before_the_query_runs() {
    let world = World::new(Setup::default()).await;
    let mut request = (*world.request("SELECT id, k FROM src", 2).await).clone();
    let accepted = |value: &str| CheckRule::AcceptedValues {
        column: "k".into(),
        values: vec![value.into()],
    };
    let columns = vec!["id".to_owned(), "year".into()];
    for (rule, said) in [
        (
            CheckRule::NotNull {
                columns: columns.clone(),
            },
            "no column `year`. Its columns are id, k",
        ),
        (CheckRule::Unique { columns }, "no column `year`"),
        (
            accepted("one"),
            "column `k` is Int64, and `one` is no such value",
        ),
    ] {
        request.model.checks = vec![CheckSpec {
            name: "rule".into(),
            severity: Severity::Warn,
            rule,
            reads: Vec::new(),
        }];
        request.model.options.mode = WriteMode::Overwrite;
        let planned = world.engine.plan(Arc::new(request.clone())).await;
        let error = planned.unwrap_err().to_string();
        assert!(
            error.contains("check `rule`: ") && error.contains(said),
            "{error}"
        );
        // The table may have such a column from before.
        request.model.options.mode = WriteMode::Append;
        world.plan(&Arc::new(request.clone())).await;
    }
    request.model.options.mode = WriteMode::Overwrite;
    if let Some(check) = request.model.checks.first_mut() {
        check.rule = accepted("1");
    }
    world.plan(&Arc::new(request)).await;
}

/// What the parser is asked for by a model's scans: columns, and how many predicates.
async fn asked_of_the_parser(request: &ModelRequest) -> Vec<(String, usize)> {
    let plan = crate::plan::plan_model(request, 1).await.unwrap();
    let wave = wave_plan(request, &plan.waves[0], 1).await.unwrap();
    let mut asked = Vec::new();
    let node: Arc<dyn ExecutionPlan> = wave.1;
    node.apply(|node| {
        if let Some((_, source)) = source_of(node.as_ref()) {
            let reads = source.reads()?;
            let reads = headworks_formats::schema_file::write(&reads).unwrap();
            let fields = reads.split_once("\nfields:").unwrap().1;
            let words: Vec<_> = fields.split_whitespace().collect();
            asked.push((words.join(" "), source.spec().filter.len()));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parser_is_asked_for_what_the_query_looks_at() {
    let world = World::new(Setup::default()).await;
    let record = "<r><a><b>1</b><c>x</c><d><e>2</e><f>3</f></d></a><g><h>1</h></g><g><h>2</h></g><k>5</k></r>";
    let text = format!("<rs>{}</rs>", record.repeat(10));
    std::fs::write(world.dir.path().join("data.xml"), text).unwrap();
    let cases = [
        ("SELECT k FROM src", "k: int64", 0),
        ("SELECT src.a.b AS b FROM src", "a: fields: b: int64", 0),
        (
            "SELECT src.a.d.e AS e FROM src WHERE src.a.b > 0 AND k = 5",
            "a: fields: b: int64 d: fields: e: int64 k: int64",
            2,
        ),
        (
            "SELECT src.a.d.e + src.a.b AS e, src.a.d AS d FROM src WHERE k IN (5, 6) OR k IS NULL",
            "a: fields: b: int64 d: fields: e: int64 f: int64 k: int64",
            0,
        ),
        (
            "SELECT count(*) AS n FROM src WHERE src.a.c IS NOT NULL",
            "a: fields: c: text",
            1,
        ),
    ];
    for (sql, reads, predicates) in cases {
        let mut request = (*world.request(sql, 1).await).clone();
        assert_eq!(
            asked_of_the_parser(&request).await[0].1,
            0,
            "{sql}: values are quarantined"
        );
        let source = request.sources.get_mut("src").unwrap();
        source.spec.options.on_bad_value = OnBadValue::Null;
        assert_eq!(
            asked_of_the_parser(&request).await,
            [(reads.to_owned(), predicates)],
            "{sql}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_no_table_can_be_made_of_are_refused() {
    let world = World::new(Setup {
        executors: 1,
        cores: 1,
        ..Setup::default()
    })
    .await;
    let internal = "`_hw_split` is a name of Headworks' own";
    for (sql, partition_by, said) in [
        ("SELECT id, _hw_split FROM src", "", internal),
        ("SELECT id, _hw_split AS s FROM src", "", internal),
        (
            "SELECT _hw_split, count(*) AS n FROM src GROUP BY 1",
            "",
            internal,
        ),
        ("SELECT id FROM src WHERE _hw_split = 1", "", internal),
        ("SELECT id AS _hw_split FROM src", "", internal),
        (
            "SELECT id FROM src WHERE id IN (SELECT _hw_split FROM src)",
            "",
            internal,
        ),
        (
            "SELECT id FROM src",
            "id",
            "no column is left to write beside those of partition_by",
        ),
        ("SELECT id FRM src", "", "found: src"),
        ("DROP TABLE src", "", "only queries are run here"),
        ("COPY src TO 'x.parquet'", "", "only queries are run here"),
    ] {
        let mut request = ModelRequest::clone(&*world.request(sql, 1).await);
        if !partition_by.is_empty() {
            request.model.options.partition_by = vec![partition_by.into()];
        }
        let error = world.engine.plan(Arc::new(request)).await.unwrap_err();
        assert!(matches!(error, EngineError::Configuration(_)), "{sql}");
        let error = error.to_string();
        assert!(error.contains(said), "{sql}: {error}");
        assert!(!error.contains("ParserError"), "{error}");
    }
    // A wildcard has no name of ours in it.
    let request = world.request("SELECT * FROM src", 1).await;
    world.engine.plan(request).await.unwrap();
}

//! Checks over a table as it will be: rows that are committed, and rows that nobody can see yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::displayable;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use headworks_lake::{
    Audit, CommitRequest, Mode, PartitionedWriter, Table, TableLocation, WriterConfig,
};
use headworks_spec::{CheckRule, CheckSpec, Model, ModelSpec, Severity, TextFile, Tuning};
use prost::Message;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep, timeout};

use super::guards::{Gate, PATIENCE};
use super::world::{RECORDS, Setup, World, accepted as accepted_result};
use crate::api::{CheckFindings, CheckOutcome, CheckRequest, Engine};
use crate::codec::HeadworksCodec;
use crate::executor::ExecutorServer;
use crate::plan::{check_plan, found_in_log};
use crate::report::Point;

/// Rows of the committed file, and of the pending one.
const ROWS: i64 = 1_000;

fn schema() -> SchemaRef {
    let vendor = DataType::Struct(vec![Field::new("name", DataType::Utf8, true)].into());
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("status", DataType::Utf8, true),
        Field::new("ref", DataType::Int64, true),
        Field::new("vendor", vendor, true),
    ]))
}

/// A row: id, status, ref, the vendor's name.
type Row = (i64, Option<&'static str>, Option<i64>, Option<&'static str>);

fn batch(rows: &[Row]) -> RecordBatch {
    let names: StringArray = rows.iter().map(|row| row.3).collect();
    let name = Arc::new(Field::new("name", DataType::Utf8, true));
    let vendor = StructArray::from(vec![(name, Arc::new(names) as ArrayRef)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
        Arc::new(vendor),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Sound rows, all in the committed version.
fn committed_rows() -> Vec<Row> {
    (1..=ROWS)
        .map(|id| (id, Some("open"), Some(id % 5 + 1), Some("v")))
        .collect()
}

/// Rows of which some break each rule, in no version yet.
fn pending_rows() -> Vec<Row> {
    let mut rows: Vec<Row> = (ROWS + 1..=2 * ROWS)
        .map(|id| (id, Some("closed"), Some(1), Some("v")))
        .collect();
    rows[0].0 = 7;
    rows[1].0 = 8;
    for row in &mut rows[10..13] {
        row.1 = None;
    }
    for row in &mut rows[20..22] {
        row.1 = Some("lost");
    }
    for row in &mut rows[30..32] {
        row.2 = Some(99);
    }
    rows[40].2 = None;
    for row in &mut rows[50..54] {
        row.3 = None;
    }
    rows
}

/// The lake below a world's folder.
fn lake(world: &World) -> String {
    world.dir.path().join("lake").to_string_lossy().into_owned()
}

/// Writes rows as one attempt, and asks to append them.
fn wanted(lake: &str, table: &str, id: &str, rows: &RecordBatch) -> CommitRequest {
    let location = TableLocation::new(lake, table).unwrap();
    let config = WriterConfig::new(location, id);
    let mut writer = PartitionedWriter::new(config, rows.schema()).unwrap();
    writer.write(rows).unwrap();
    CommitRequest {
        commit_id: id.into(),
        job_id: "job".into(),
        at_unix_ms: 0,
        mode: Mode::Append,
        base: 0,
        schema: rows.schema(),
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files: writer.finish().unwrap().files,
        remove: Vec::new(),
        inputs: Vec::new(),
        audit: Audit::Coverage,
        job_failed: false,
        checked: None,
    }
}

fn table(lake: &str, name: &str) -> Table {
    Table::open(TableLocation::new(lake, name).unwrap())
}

/// Table `m` with a committed file and a pending one, table `parents` with the ids 1 to 5, and these checks of `m`.
fn request(world: &World, rules: Vec<CheckRule>) -> Arc<CheckRequest> {
    let lake = lake(world);
    if table(&lake, "m").snapshot().unwrap().is_none() {
        let first = wanted(&lake, "m", "c1", &batch(&committed_rows()));
        table(&lake, "m").commit(&first).unwrap();
        let parents: Vec<Row> = (1..=5).map(|id| (id, Some("p"), None, None)).collect();
        let parents = wanted(&lake, "parents", "c1", &batch(&parents));
        table(&lake, "parents").commit(&parents).unwrap();
    }
    let attempt = format!("c2-{}", uuid::Uuid::new_v4().simple());
    let second = wanted(&lake, "m", &attempt, &batch(&pending_rows()));
    let candidate = table(&lake, "m").candidate(&second).unwrap();
    let parents = table(&lake, "parents").snapshot().unwrap().unwrap();
    let checks = rules.into_iter().map(|rule| CheckSpec {
        name: format!("{rule:?}"),
        severity: Severity::Error,
        rule,
        reads: vec!["parents".into()],
    });
    Arc::new(CheckRequest {
        job_id: "job".into(),
        lake,
        model: ModelSpec {
            name: "m".into(),
            options: Model::new("SELECT 1"),
            sql: TextFile {
                path: "m.sql".into(),
                text: "SELECT 1".into(),
            },
            reads_sources: vec![],
            reads_models: vec![],
            checks: checks.collect(),
        },
        candidate: Arc::new(candidate),
        tables: BTreeMap::from([("parents".to_owned(), Arc::new(parents))]),
        tuning: Tuning {
            shuffle_partitions: Some(4),
            ..Tuning::default()
        },
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn not_null(columns: &[&str]) -> CheckRule {
    CheckRule::NotNull {
        columns: texts(columns),
    }
}

fn unique(columns: &[&str]) -> CheckRule {
    CheckRule::Unique {
        columns: texts(columns),
    }
}

fn accepted(column: &str, values: &[&str]) -> CheckRule {
    CheckRule::AcceptedValues {
        column: column.into(),
        values: texts(values),
    }
}

fn related(column: &str, to: &str, field: &str) -> CheckRule {
    CheckRule::Relationships {
        column: column.into(),
        to: to.into(),
        field: field.into(),
    }
}

fn sql(text: &str) -> CheckRule {
    CheckRule::Sql {
        sql: TextFile {
            path: "check.sql".into(),
            text: text.into(),
        },
    }
}

async fn run(world: &World, request: &Arc<CheckRequest>, check: usize) -> CheckOutcome {
    let (progress, _heard) = unbounded_channel();
    let run = world
        .engine
        .run_check(Arc::clone(request), check, 0, progress);
    timeout(PATIENCE, run).await.expect("the check ends")
}

async fn found(world: &World, request: &Arc<CheckRequest>, check: usize) -> CheckFindings {
    match run(world, request, check).await {
        CheckOutcome::Found(found) => found,
        other => panic!("{}: {other:?}", request.model.checks[check].name),
    }
}

fn two_executors() -> Setup {
    Setup {
        executors: 2,
        cores: 1,
        ..Setup::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_finds_what_breaks_it_and_nothing_else() {
    let world = World::new(two_executors()).await;
    // The check, how many rows break it, and an example that must be among those shown.
    let cases: Vec<(CheckRule, u64, &str)> = vec![
        (not_null(&["id"]), 0, ""),
        (not_null(&["STATUS"]), 3, r#""status":null"#),
        (not_null(&["id", "status", "ref"]), 4, r#""ref":null"#),
        (not_null(&["vendor.name"]), 4, r#""vendor.name":null"#),
        (unique(&["id"]), 4, r#"{"id":7,"rows":2}"#),
        (unique(&["id", "status"]), 0, ""),
        (
            unique(&["status"]),
            1_997,
            r#"{"status":"open","rows":1000}"#,
        ),
        (accepted("status", &["open", "closed", "lost"]), 0, ""),
        (
            accepted("status", &["open", "closed"]),
            2,
            r#"{"status":"lost","rows":2}"#,
        ),
        (
            accepted("ref", &["1", "2", "3", "4", "5"]),
            2,
            r#"{"ref":99,"rows":2}"#,
        ),
        (related("ref", "parents", "id"), 2, r#"{"ref":99,"rows":2}"#),
        (related("ref", "m", "id"), 0, ""),
        (related("id", "m", "ref"), 1_994, r#","rows":1}"#),
        (
            CheckRule::RowCount {
                min: Some(1),
                max: Some(2_000),
            },
            0,
            "",
        ),
        (
            CheckRule::RowCount {
                min: Some(2_007),
                max: None,
            },
            7,
            r#"{"rows":2000}"#,
        ),
        (
            CheckRule::RowCount {
                min: None,
                max: Some(1_990),
            },
            10,
            r#"{"rows":2000}"#,
        ),
        (
            sql("SELECT id, Status FROM M WHERE status = 'lost' ORDER BY id"),
            2,
            r#""status":"lost"}"#,
        ),
        (
            sql("SELECT m.id FROM m JOIN parents p ON m.ref = p.id WHERE p.id > 5"),
            0,
            "",
        ),
        (
            sql("SELECT count(*) AS n FROM m HAVING count(*) > 5"),
            1,
            r#"{"n":2000}"#,
        ),
        (
            sql("SELECT status, vendor.name FROM m LIMIT 3"),
            3,
            r#""status":"#,
        ),
    ];
    let rules = cases.iter().map(|case| case.0.clone()).collect();
    let request = request(&world, rules);
    world
        .engine
        .plan_checks(Arc::clone(&request))
        .await
        .unwrap();
    for (check, (rule, failing_rows, example)) in cases.iter().enumerate() {
        let found = found(&world, &request, check).await;
        assert_eq!(found.failing_rows, *failing_rows, "{rule:?}");
        assert_eq!(found.passed(), found.examples.is_empty(), "{rule:?}");
        assert!(
            found.examples.is_empty() || found.examples.iter().any(|e| e.contains(example)),
            "{rule:?}: {:?}",
            found.examples
        );
        for example in &found.examples {
            serde_json::from_str::<serde_json::Value>(example).unwrap();
        }
    }
    assert_eq!(
        table(&request.lake, "m")
            .snapshot()
            .unwrap()
            .unwrap()
            .rows(),
        ROWS as u64,
        "nothing was committed"
    );
}

/// What the statistics answer is what the rows say: the check as a query over the rows agrees, or the log is silent.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_answers_is_what_the_rows_say() {
    let world = World::new(two_executors()).await;
    let columns = ["id", "status", "ref", "vendor", "vendor.name"];
    let mut rules: Vec<CheckRule> = columns.iter().map(|column| not_null(&[column])).collect();
    rules.extend(
        columns
            .iter()
            .map(|column| sql(&format!("SELECT * FROM m WHERE {column} IS NULL"))),
    );
    let request = request(&world, rules);
    for (at, column) in columns.iter().enumerate() {
        let rows = found(&world, &request, columns.len() + at).await;
        match found_in_log(&request, at) {
            Some(log) => assert_eq!((log.passed(), rows.passed()), (true, true), "{column}"),
            None => assert!(
                !rows.passed() || column.starts_with("vendor"),
                "{column}: the log could have known"
            ),
        }
        assert_eq!(
            found(&world, &request, at).await.failing_rows,
            rows.failing_rows
        );
    }
    assert!(found_in_log(&request, 0).is_some(), "id");
    assert!(found_in_log(&request, 1).is_none(), "status has NULLs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_cannot_be_made_is_refused_with_the_reason() {
    let world = World::new(Setup::default()).await;
    for (rule, words) in [
        (
            not_null(&["statsu"]),
            "table `m` has no column `statsu`; did you mean `status`? Its columns are id, status, ref, vendor",
        ),
        (unique(&["vendor.nme"]), "has no column `vendor.nme`"),
        (
            accepted("ref", &["1", "one"]),
            "column `ref` is Int64, and `one` is no such value",
        ),
        (
            related("ref", "parents", "none"),
            "table `parents` has no column `none`",
        ),
        (
            related("ref", "parents", "status"),
            "column `ref` is Int64, and `status` of table `parents` is Utf8: they cannot be compared",
        ),
        (
            related("ref", "nowhere", "id"),
            "the lake has no table `nowhere`",
        ),
        (sql("SELECT nothing FROM m"), "nothing"),
        (
            sql("SELECT value FROM generate_series(1, 10)"),
            "cannot be cut into tasks",
        ),
    ] {
        let request = request(&world, vec![rule.clone()]);
        let error = world.engine.plan_checks(request).await.unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, crate::EngineError::Configuration(_)) && text.contains(words),
            "{rule:?}: {text}"
        );
        assert!(text.contains("model `m`, check `"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_passes_whatever_is_said_of_its_rows() {
    let world = World::new(Setup::default()).await;
    let lake = lake(&world);
    let empty = CommitRequest {
        files: Vec::new(),
        ..wanted(&lake, "m", "c0", &batch(&committed_rows()))
    };
    let rules = vec![
        not_null(&["status"]),
        unique(&["id"]),
        accepted("status", &["open"]),
        related("ref", "parents", "id"),
    ];
    let mut request = request(&world, rules).as_ref().clone();
    let fresh = tempfile::tempdir().unwrap();
    let fresh = fresh.path().to_string_lossy().into_owned();
    request.candidate = Arc::new(table(&fresh, "m").candidate(&empty).unwrap());
    for check in 0..4 {
        assert_eq!(
            found_in_log(&request, check),
            Some(CheckFindings::default())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_of_checks_survive_the_wire() {
    let world = World::new(Setup::default()).await;
    let codec = HeadworksCodec::default();
    let rules = vec![
        unique(&["id"]),
        related("ref", "parents", "id"),
        sql("SELECT * FROM m WHERE id < 0"),
    ];
    let request = request(&world, rules);
    for check in 0..3 {
        let (ctx, physical) = check_plan(&request, check, 2).await.unwrap();
        let bytes = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&physical), &codec)
            .unwrap()
            .encode_to_vec();
        let node = PhysicalPlanNode::decode(bytes.as_slice()).unwrap();
        let back = node
            .try_into_physical_plan(&ctx.task_ctx(), &codec)
            .unwrap();
        let text = |plan| displayable(plan).indent(true).to_string();
        assert_eq!(text(back.as_ref()), text(physical.as_ref()));
        assert!(text(back.as_ref()).starts_with("CheckReportExec"));
    }
}

/// In a bucket an upload that is not completed cannot be read: the writer makes a copy for the checks.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_on_their_way_to_a_bucket_are_checked() {
    headworks_stores::memory::mount("engine-checks");
    let world = World::new(two_executors()).await;
    let mut asked = world
        .request("SELECT id, k FROM src", 4)
        .await
        .as_ref()
        .clone();
    asked.lake = "s3://engine-checks/lake".to_owned();
    let rules = [
        unique(&["id"]),
        unique(&["k"]),
        accepted("k", &["0", "1", "2", "3", "4", "5"]),
    ];
    let checks = rules.into_iter().map(|rule| CheckSpec {
        name: format!("{rule:?}"),
        severity: Severity::Error,
        rule,
        reads: vec![],
    });
    asked.model.checks = checks.collect();
    let asked = Arc::new(asked);
    let plan = world.plan(&asked).await;
    let result = accepted_result(world.run(&asked, |_| ()).await);
    assert!(result.files.iter().all(|file| file.copy.is_some()));
    let schema: headworks_lake::schema::SchemaEntry =
        serde_json::from_value(plan.schema.clone()).unwrap();
    let table = table(&asked.lake, "out");
    let wanted = CommitRequest {
        commit_id: "c".into(),
        job_id: "job".into(),
        at_unix_ms: 0,
        mode: Mode::Append,
        base: 0,
        schema: schema.to_arrow().unwrap(),
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files: result.files.clone(),
        remove: Vec::new(),
        inputs: Vec::new(),
        audit: Audit::Coverage,
        job_failed: false,
        checked: None,
    };
    let candidate = table.clone();
    let candidate = tokio::task::spawn_blocking(move || candidate.candidate(&wanted).unwrap());
    let request = Arc::new(CheckRequest {
        job_id: "job".into(),
        lake: asked.lake.clone(),
        model: asked.model.clone(),
        candidate: Arc::new(candidate.await.unwrap()),
        tables: BTreeMap::new(),
        tuning: asked.tuning.clone(),
    });
    let rows = [0, RECORDS, RECORDS / 7];
    for (check, rows) in rows.into_iter().enumerate() {
        let found = found(&world, &request, check).await;
        assert_eq!(found.failing_rows, rows, "{check}");
    }
    let files = result.files;
    let left = tokio::task::spawn_blocking(move || {
        table.discard(&files).unwrap();
        table
            .gc(std::time::SystemTime::now(), Duration::ZERO)
            .unwrap()
    });
    assert_eq!(left.await.unwrap().removed, Vec::<String>::new());
}

/// B1 holds for checks as for waves: what a stage handed on before it was begun again may be counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn b1_a_check_whose_stage_was_tried_again_is_not_believed() {
    let (gate, fail_point) = Gate::new(Point::Checking, |_, _| true);
    let mut world = World::new(Setup {
        fail_point: Some(fail_point),
        ..two_executors()
    })
    .await;
    let request = request(
        &world,
        vec![sql("SELECT id, count(*) AS n FROM m GROUP BY id")],
    );
    // The scan is one task, and goes to the executor with the smallest id: with it go the rows that it handed on.
    let ids = world.executors.iter().map(ExecutorServer::id);
    let first = ids.enumerate().min_by_key(|(_, id)| id.to_string());
    let lost = world.executors.remove(first.unwrap().0);
    let (engine, own) = (Arc::clone(&world.engine), Arc::clone(&request));
    let (progress, _heard) = unbounded_channel();
    let running = tokio::spawn(async move { engine.run_check(own, 0, 0, progress).await });
    gate.wait_until_held(2).await;
    lost.shutdown().await;
    let until = Instant::now() + PATIENCE;
    while world.engine.executors().await.len() > 1 {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(200)).await;
    gate.open();
    let outcome = timeout(PATIENCE, running).await.expect("it ends").unwrap();
    assert!(
        matches!(&outcome, CheckOutcome::RunAgain { reason } if reason.contains("tried again")),
        "{outcome:?}"
    );
    assert_eq!(found(&world, &request, 0).await.failing_rows, 1_998);
}

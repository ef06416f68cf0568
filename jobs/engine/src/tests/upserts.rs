//! Upserts over a cluster: staged rows, the files that they touch, and the merge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use headworks_lake::{Mode, Table, TableLocation};
use headworks_spec::WriteMode;
use tokio::sync::mpsc::unbounded_channel;

use super::distributed::{commit, in_lake};
use super::world::{Setup, World, accepted};
use crate::api::{Engine, MergeInput, MergeStep, ModelRequest, Wave, WaveOutcome, WaveResult};

/// A row of the source: key, version, partition.
type Row = (i64, i64, i64);

fn write(world: &World, rows: &[Row]) {
    let mut text = String::from("<rs>\n");
    for (id, version, part) in rows {
        writeln!(text, "<r><id>{id}</id><v>{version}</v><p>{part}</p></r>").unwrap();
    }
    text.push_str("</rs>\n");
    std::fs::write(world.dir.path().join("data.xml"), text).unwrap();
}

/// An upsert of `id`, the last by `v`, partitioned by `p`.
async fn upsert(world: &World, sql: &str) -> ModelRequest {
    let mut request = (*world.request(sql, 3).await).clone();
    let options = &mut request.model.options;
    options.mode = WriteMode::Upsert;
    options.key = vec!["id".into()];
    options.order_by = vec!["v".into()];
    options.partition_by = vec!["p".into()];
    request
}

async fn run(world: &World, request: &ModelRequest, step: MergeStep) -> WaveOutcome {
    let wave = Wave {
        index: 1,
        splits: BTreeMap::new(),
        bytes: 0,
        merge: Some(step),
    };
    let (progress, _heard) = unbounded_channel();
    world
        .engine
        .run_wave(Arc::new(request.clone()), wave, 0, progress)
        .await
}

/// What an upsert did.
struct Done {
    touched: usize,
    result: WaveResult,
}

/// Stages the model's rows and merges them, as the driver does.
async fn merge(world: &World, request: ModelRequest) -> Result<Done, String> {
    let table = Table::open(TableLocation::new(&request.lake, &request.model.name).unwrap());
    let request = Arc::new(request);
    let plan = world.plan(&request).await;
    assert!(plan.merge_stages.len() >= 2, "{:#?}", plan.merge_stages);
    let staged = accepted(world.run(&request, |_| {}).await);
    assert!(
        staged
            .files
            .iter()
            .all(|file| file.path.starts_with("_headworks/staged/"))
    );
    table.stage(&staged.files).unwrap();
    let entry: headworks_lake::schema::SchemaEntry =
        serde_json::from_value(plan.schema.clone()).unwrap();
    let current = table.snapshot().unwrap().map(Arc::new);
    let mut request = (*request).clone();
    request.merge = Some(MergeInput {
        current: current.clone(),
        staged: staged.files.clone(),
        schema: entry.to_arrow().unwrap(),
    });
    let files = match &current {
        Some(_) => accepted(run(world, &request, MergeStep::Find).await).touched,
        None => BTreeSet::new(),
    };
    let remove = files.iter().map(|place| {
        current.as_ref().unwrap().files[*place as usize]
            .path
            .clone()
    });
    let remove: Vec<String> = remove.collect();
    let step = MergeStep::Rewrite {
        files: files.clone(),
    };
    let result = match run(world, &request, step).await {
        WaveOutcome::Accepted(result) => *result,
        WaveOutcome::Failed { class, error, .. } => return Err(format!("{class}: {error}")),
        other => panic!("{other:?}"),
    };
    assert_eq!(result.merged.staged, staged.rows);
    assert_eq!(result.merged.kept, result.rows);
    let mut merged = plan.clone();
    let schema = request.merge.as_ref().unwrap().table_schema().unwrap();
    let schema = headworks_lake::schema::SchemaEntry::from_arrow(&schema).unwrap();
    merged.schema = serde_json::to_value(schema).unwrap();
    commit(
        &request,
        &merged,
        Mode::Upsert,
        result.files.clone(),
        remove,
    );
    table.discard(&staged.files).unwrap();
    assert_eq!(table.verify().unwrap().problems, []);
    Ok(Done {
        touched: files.len(),
        result,
    })
}

/// The table as a map would have it.
fn expected(table: &BTreeMap<i64, (i64, i64)>) -> Vec<String> {
    let rows = table.iter();
    let mut rows: Vec<String> = rows
        .map(|(id, (v, p))| format!("{id} | {v} | {p}"))
        .collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_over_two_executors_give_what_a_map_gives() {
    let world = World::new(Setup {
        executors: 2,
        cores: 2,
        ..Setup::default()
    })
    .await;
    let mut rng = fastrand::Rng::with_seed(7);
    let mut truth: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let sql = "SELECT id, v, p FROM src";
    for round in 0..4 {
        // Each round has new keys, keys that others have too, and keys that change their partition.
        let rows: Vec<Row> = (0..400)
            .map(|_| (rng.i64(0..600) + 200 * round, rng.i64(0..5), rng.i64(0..4)))
            .collect();
        write(&world, &rows);
        let mut best: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for (id, v, p) in &rows {
            // Of equal rows the one with the greater columns.
            let of_key = best.entry(*id).or_insert((*v, *p));
            *of_key = (*of_key).max((*v, *p));
        }
        for (id, (v, p)) in best {
            let of_key = truth.entry(id).or_insert((v, p));
            // The query's row goes before the table's of the same version.
            if v >= of_key.0 {
                *of_key = (v, p);
            }
        }
        let request = upsert(&world, sql).await;
        let done = merge(&world, request.clone()).await.unwrap();
        assert_eq!(done.result.tasks.len(), 2, "both executors work");
        let found = in_lake(&request.lake, "SELECT id, v, p FROM out").await;
        assert_eq!(found, expected(&truth), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_hold_none_of_the_keys_are_let_alone() {
    let world = World::new(Setup {
        executors: 1,
        cores: 2,
        ..Setup::default()
    })
    .await;
    let sql = "SELECT id, v, p FROM src";
    write(
        &world,
        &(0..40).map(|id| (id, 1, id / 10)).collect::<Vec<_>>(),
    );
    merge(&world, upsert(&world, sql).await).await.unwrap();
    let request = upsert(&world, sql).await;
    let table = Table::open(TableLocation::new(&request.lake, "out").unwrap());
    let before = table.snapshot().unwrap().unwrap();
    assert_eq!(before.files.len(), 4);
    // One key moves from partition 1 to 3, and one is new: the file of partition 1 alone is written anew.
    write(&world, &[(12, 2, 3), (99, 1, 0)]);
    let done = merge(&world, upsert(&world, sql).await).await.unwrap();
    assert_eq!(done.touched, 1);
    let merged = done.result.merged;
    assert_eq!((merged.staged, merged.current, merged.kept), (2, 10, 11));
    let after = table.snapshot().unwrap().unwrap();
    let stayed = |p: &str| {
        let folder = format!("p={p}/");
        let of_before = before
            .files
            .iter()
            .find(|f| f.path.starts_with(&folder))
            .unwrap();
        after.files.iter().any(|file| file.path == of_before.path)
    };
    assert_eq!(
        [stayed("0"), stayed("1"), stayed("2"), stayed("3")],
        [true, false, true, true]
    );
    let moved = in_lake(
        &request.lake,
        "SELECT id, v, p FROM out WHERE id IN (12, 99)",
    )
    .await;
    assert_eq!(moved, ["12 | 2 | 3", "99 | 1 | 0"]);
    // An older version of a key changes nothing of it.
    write(&world, &[(12, 1, 0)]);
    merge(&world, upsert(&world, sql).await).await.unwrap();
    let kept = in_lake(&request.lake, "SELECT id, v, p FROM out WHERE id = 12").await;
    assert_eq!(kept, ["12 | 2 | 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_the_columns_that_an_upsert_adds() {
    let world = World::new(Setup {
        executors: 1,
        cores: 2,
        ..Setup::default()
    })
    .await;
    write(&world, &[(1, 1, 0), (2, 1, 0)]);
    merge(&world, upsert(&world, "SELECT id, v, p FROM src").await)
        .await
        .unwrap();
    write(&world, &[(2, 2, 0), (3, 1, 1)]);
    let request = upsert(&world, "SELECT id, v, 'new' AS word, p FROM src").await;
    merge(&world, request.clone()).await.unwrap();
    let found = in_lake(&request.lake, "SELECT id, v, word, p FROM out").await;
    assert_eq!(
        found,
        ["1 | 1 | NULL | 0", "2 | 2 | new | 0", "3 | 1 | new | 1"]
    );
    // One that lacks it leaves it NULL.
    write(&world, &[(3, 2, 1)]);
    merge(&world, upsert(&world, "SELECT id, v, p FROM src").await)
        .await
        .unwrap();
    let found = in_lake(&request.lake, "SELECT id, v, word, p FROM out").await;
    assert_eq!(
        found,
        ["1 | 1 | NULL | 0", "2 | 2 | new | 0", "3 | 2 | NULL | 1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_keys_are_refused_by_name() {
    let world = World::new(Setup {
        executors: 1,
        cores: 1,
        ..Setup::default()
    })
    .await;
    write(&world, &[(1, 1, 0), (2, 1, 0)]);
    let sql = "SELECT CASE WHEN id = 1 THEN NULL ELSE id END AS id, v, p FROM src";
    let error = merge(&world, upsert(&world, sql).await)
        .await
        .err()
        .unwrap();
    assert!(
        error.starts_with("input: model `out`: the query gives a row with NULL in `id`"),
        "{error}"
    );
    for (option, column, said) in [
        ("key", "f", "key names `f`, which is of type Float64"),
        ("key", "list", "key names `list`, which is of type List"),
        (
            "key",
            "nothing",
            "key names `nothing`, which the SQL does not give",
        ),
        ("order_by", "list desc", "order_by names `list`"),
        ("sort_by", "nothing", "sort_by names `nothing`"),
    ] {
        let sql = "SELECT id, v, p, CAST(v AS double) AS f, make_array(v) AS list FROM src";
        let mut request = upsert(&world, sql).await;
        let options = &mut request.model.options;
        match option {
            "key" => options.key = vec![column.into()],
            "order_by" => options.order_by = vec![column.into()],
            _ => options.sort_by = vec![column.into()],
        }
        let error = world
            .engine
            .plan(Arc::new(request))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{option}: {error}");
    }
}

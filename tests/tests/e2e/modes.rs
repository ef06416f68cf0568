//! How a model's rows meet those of its table, over two executors: each row is where a reader expects it, once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::Place;
use crate::support::place::model;

/// A row: id, version, partition.
type Row = (u32, u32, u32);

fn xml(rows: &[Row]) -> String {
    let rows: String = rows
        .iter()
        .map(|(id, v, p)| format!("<row><id>{id}</id><v>{v}</v><p>{p}</p></row>\n"))
        .collect();
    format!("<rows>\n{rows}</rows>\n")
}

/// Writes a job of one model `out` over the elements `row` of `data/*.xml`.
fn job(place: &Place, model: &[&str]) -> PathBuf {
    let mut job =
        "job: modes\nlake: ./lake\nsources:\n  rows:\n    format: xml\n    path: data/*.xml\n    \
                   row_tag: row\nmodels:\n  out:\n    sql: SELECT id, v, p FROM rows\n"
            .to_owned();
    for line in model {
        job.push_str(&format!("    {line}\n"));
    }
    job.push_str("tuning:\n  split_size: 4kB\n  shuffle_partitions: 3\n");
    place.write("modes.yaml", job)
}

fn run(place: &Place, job: &std::path::Path) -> Value {
    place.run(job, &["--executors", "2"]).done()
}

/// The table, as a reader of the folder sees it.
fn rows_of(place: &Place) -> Vec<Row> {
    let number = |value: &Value| match value {
        // A folder's value may be text to the reader.
        Value::String(text) => text.parse().unwrap(),
        other => u32::try_from(other.as_u64().unwrap()).unwrap(),
    };
    let rows = place
        .lake("lake")
        .query("select id, v, p from out order by id, v");
    let rows = rows.iter();
    rows.map(|row| (number(&row["id"]), number(&row["v"]), number(&row["p"])))
        .collect()
}

#[test]
fn an_upsert_moves_keys_and_lets_other_files_alone() {
    let place = Place::new();
    let upsert = job(
        &place,
        &[
            "mode: upsert",
            "key: id",
            "order_by: v",
            "partition_by: [p]",
        ],
    );
    let first: Vec<Row> = (0..900).map(|id| (id, 1, id / 300)).collect();
    place.write("data/a.xml", xml(&first));
    let done = run(&place, &upsert);
    assert_eq!(model(&done, "out")["rows"], 900);
    let before = place.lake("lake").visible_files("out");

    // Some of partition 1: newer, older, moved to 0; new keys; and one key twice.
    let second = [
        (301, 2, 1),
        (302, 0, 1),
        (303, 2, 0),
        (2000, 1, 4),
        (2001, 1, 4),
        (2001, 2, 4),
    ];
    place.write("data/a.xml", xml(&second));
    run(&place, &upsert);
    let mut truth: BTreeMap<u32, (u32, u32)> = first.iter().map(|r| (r.0, (r.1, r.2))).collect();
    for (id, v, p) in [(301, 2, 1), (303, 2, 0), (2000, 1, 4), (2001, 2, 4)] {
        truth.insert(id, (v, p));
    }
    let truth: Vec<Row> = truth.into_iter().map(|(id, (v, p))| (id, v, p)).collect();
    assert_eq!(rows_of(&place), truth);
    let after = place.lake("lake").visible_files("out");
    for folder in ["p=0", "p=2"] {
        let old = before
            .iter()
            .filter(|file| file.to_string_lossy().contains(folder));
        assert!(old.clone().count() > 0);
        assert!(
            old.clone().all(|file| after.contains(file)),
            "{folder} holds no key of the rows"
        );
    }
    // Run again, it changes no row.
    run(&place, &upsert);
    assert_eq!(rows_of(&place), truth);
    place.lake("lake").audit();
    assert!(!place.path("lake/out/_headworks/staged").exists());
}

#[test]
fn partitions_that_are_not_written_stay() {
    let place = Place::new();
    let partitions = job(&place, &["mode: overwrite_partitions", "partition_by: [p]"]);
    place.write("data/a.xml", xml(&[(1, 1, 0), (2, 1, 1), (3, 1, 1)]));
    run(&place, &partitions);
    place.write("data/a.xml", xml(&[(4, 1, 1), (5, 1, 2)]));
    run(&place, &partitions);
    assert_eq!(rows_of(&place), [(1, 1, 0), (4, 1, 1), (5, 1, 2)]);
    // The source is read whole, whatever the table took in before.
    run(&place, &partitions);
    assert_eq!(rows_of(&place), [(1, 1, 0), (4, 1, 1), (5, 1, 2)]);
    place.lake("lake").audit();
}

#[test]
fn a_file_that_changed_is_replaced_or_refused() {
    let place = Place::new();
    let replace = job(
        &place,
        &[
            "mode: append",
            "changed_files: replace",
            "sort_by: [v desc]",
        ],
    );
    place.write("data/a.xml", xml(&[(1, 1, 0), (2, 1, 0)]));
    place.write("data/b.xml", xml(&[(3, 1, 0)]));
    run(&place, &replace);
    place.write("data/c.xml", xml(&[(4, 1, 0)]));
    run(&place, &replace);
    place.write("data/a.xml", xml(&[(1, 2, 0), (9, 2, 0), (10, 2, 0)]));
    let done = run(&place, &replace);
    let rows = [(1, 2, 0), (3, 1, 0), (4, 1, 0), (9, 2, 0), (10, 2, 0)];
    assert_eq!(rows_of(&place), rows);
    assert_eq!(model(&done, "out")["version"], 3);
    let refuse = job(&place, &["mode: append", "changed_files: error"]);
    place.write("data/b.xml", xml(&[(3, 2, 0), (5, 2, 0)]));
    let plan = place
        .headworks(&["plan", refuse.to_str().unwrap()])
        .expect(0);
    assert!(
        plan.stdout.contains("append: would fail"),
        "{}",
        plan.stdout
    );
    place
        .run(&refuse, &[])
        .says(1, &["1 file has changed", "b.xml", "nothing was read"]);
    assert_eq!(rows_of(&place), rows);
    place.lake("lake").audit();
}

#[test]
fn a_plan_writes_nothing_and_shows_the_stages() {
    let place = Place::new();
    let upsert = job(&place, &["mode: upsert", "key: id", "partition_by: [p]"]);
    place.write("data/a.xml", xml(&[(1, 1, 0), (2, 1, 0)]));
    let plan = place
        .headworks(&["plan", upsert.to_str().unwrap()])
        .expect(0);
    for said in [
        "table: a new one",
        "stage 1: 1 task",
        "stages of the merge with the table",
        "UpsertExec",
    ] {
        assert!(plan.stdout.contains(said), "no `{said}` in {}", plan.stdout);
    }
    place.lake("lake").assert_untouched("out");
    run(&place, &upsert);
    let plan = place
        .headworks(&["plan", upsert.to_str().unwrap(), "-o", "json"])
        .expect(0)
        .json();
    let out = &plan["models"][0];
    assert_eq!(out["table_now"]["now"]["rows"], 2);
    assert_eq!(
        (&out["mode"], &out["key"][0]),
        (&"upsert".into(), &"id".into())
    );
    assert!(out["merge_stages"].as_array().unwrap().len() >= 2, "{out}");
}

#[test]
fn a_plan_shows_how_the_files_differ_from_a_pinned_schema() {
    let place = Place::new();
    place.write(
        "rows.schema.yaml",
        "fields:\n  id: int64\n  v: int64\n  gone: text\n",
    );
    let upsert = job(&place, &["mode: overwrite"]);
    let text = std::fs::read_to_string(&upsert).unwrap();
    let pinned = text
        .replace(
            "row_tag: row\n",
            "row_tag: row\n    schema: rows.schema.yaml\n",
        )
        .replace("SELECT id, v, p FROM", "SELECT id, v FROM");
    let pinned = place.write("pinned.yaml", pinned);
    for file in 0..9 {
        place.write(&format!("data/{file}.xml"), xml(&[(file, 1, 0)]));
    }
    let odd = "<rows><row><id>9</id><v>1.5</v><p>1</p><q>x</q></row></rows>";
    place.write("data/0.xml", odd);
    let plan = |more: &[&str]| {
        let args = [&["plan", pinned.to_str().unwrap()], more].concat();
        place.headworks(&args).expect(0)
    };
    let shown = plan(&[]).stdout;
    for said in [
        "drift from the schema (8 of 9 files)",
        "not in the schema: p (int64)",
        "not in the schema: q (text)",
        "of another type: v is int64 in the schema, and decimal(2,1) in the files",
        "not in the files: gone",
    ] {
        assert!(shown.contains(said), "no `{said}` in {shown}");
    }
    let drift = &plan(&["-o", "json"]).json()["sources"][0]["drift"];
    assert_eq!(
        (
            &drift["files"],
            &drift["files_looked_at"],
            &drift["missing"][0]
        ),
        (&9.into(), &8.into(), &"gone".into())
    );
    assert_eq!(drift["unknown"].as_array().unwrap().len(), 2, "{drift}");
    // Of a schema that is inferred there is none.
    let free = place
        .headworks(&["plan", upsert.to_str().unwrap()])
        .expect(0);
    assert!(!free.stdout.contains("drift"), "{}", free.stdout);
}

//! Input files that have changed since an append took them in.

use std::sync::Arc;

use headworks_lake::{Table, TableLocation};
use headworks_proto::v1;
use headworks_spec::{ChangedFiles, ModelSpec, WriteMode};

use super::desk::Desk;
use super::engine::FakeEngine;
use super::jobs::Bench;
use super::world::{World, append, model, overwrite, table};
use crate::driver::{Action, ErrorClass, Outcome};

fn appending(changed_files: ChangedFiles) -> ModelSpec {
    let mut model = append("a");
    model.options.changed_files = changed_files;
    model
}

#[test]
fn by_default_a_file_that_changed_is_appended_and_the_user_is_told() {
    let mut desk = Desk::new(World::new(&[260]), vec![append("a")]);
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250]), &[]));
    desk.run_until(|_| false);
    assert_eq!(desk.commits()[0].inputs.len(), 1);
    let warnings = desk.state.warnings.lines();
    assert!(warnings[0].contains("f0.xml has changed"), "{warnings:?}");
}

#[test]
fn with_error_the_job_fails_before_it_runs_and_names_the_files() {
    let mut desk = Desk::new(
        World::new(&[260, 30, 80]),
        vec![appending(ChangedFiles::Error)],
    );
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250, 30, 70]), &[]));
    desk.run_until(|_| false);
    assert_eq!(desk.state.outcome(), Some(Outcome::Failed));
    let failure = desk.state.failure.clone().unwrap();
    assert_eq!(failure.class, Some(ErrorClass::Input));
    assert!(
        failure.error.contains("2 files have changed") && failure.error.contains("f0.xml, f2.xml"),
        "{}",
        failure.error
    );
    assert!(
        !desk.done.iter().any(|a| matches!(a, Action::Plan(_))),
        "nothing was read"
    );
    // Without a change it is a plain append.
    let mut desk = Desk::new(World::new(&[250, 30]), vec![appending(ChangedFiles::Error)]);
    desk.tables
        .insert("a".into(), table(7, &World::new(&[250]), &[]));
    desk.run_until(|_| false);
    desk.assert_done();
}

fn resize(engine: &FakeEngine, path: &str, size: u64) {
    engine
        .world
        .lock()
        .unwrap()
        .files
        .get_mut(path)
        .unwrap()
        .size = size;
}

/// The ids of a table's files that are there, with the versions that made them.
fn log_of(bench: &Bench) -> Vec<headworks_lake::LogEntry> {
    let location = TableLocation::new(&bench.lake(), "a").unwrap();
    Table::open(location).log().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_rows_leave_with_all_that_came_with_them_which_is_read_again() {
    let engine = FakeEngine::new(World::new(&[250, 90]));
    let bench = Bench::new(&engine);
    let run = || bench.run(vec![appending(ChangedFiles::Replace)]);
    run().await;
    assert_eq!(bench.rows("a"), Some(18 + 6));
    // A file of its own commit, which has nothing to do with the change.
    engine
        .world
        .lock()
        .unwrap()
        .files
        .insert("f2.xml".into(), super::world::FakeFile::new(100));
    run().await;
    assert_eq!(bench.rows("a"), Some(18 + 6 + 7));
    resize(&engine, "f0.xml", 410);
    let view = run().await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!(
        bench.rows("a"),
        Some(30 + 6 + 7),
        "each file once, as it is now"
    );
    let log = log_of(&bench);
    let inputs: Vec<&str> = log[2]
        .inputs
        .iter()
        .map(|input| input.path.as_str())
        .collect();
    assert_eq!(
        inputs,
        ["f0.xml", "f1.xml"],
        "one commit takes both in again"
    );
    assert_eq!(
        (log[2].mode.word(), log[2].remove.len()),
        ("append", log[0].add.len())
    );
    assert!(
        view.warnings[0].contains("1 file has changed"),
        "{:?}",
        view.warnings
    );
    assert!(view.warnings[0].contains("1 more that came into the table with them"));
    // Nothing is new: nothing runs.
    let view = run().await;
    assert_eq!((view.models[0].version, view.waves_run), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_neighbour_is_gone_cannot_be_replaced() {
    let engine = FakeEngine::new(World::new(&[250, 90]));
    let bench = Bench::new(&engine);
    bench.run(vec![append("a")]).await;
    resize(&engine, "f0.xml", 410);
    engine.world.lock().unwrap().files.remove("f1.xml");
    let view = bench.run(vec![appending(ChangedFiles::Replace)]).await;
    assert_eq!(
        (view.state(), view.error_class.as_str()),
        (v1::JobState::Failed, "input")
    );
    assert!(
        view.error
            .contains("not among the source's files any more: f1.xml"),
        "{}",
        view.error
    );
    assert_eq!(
        (bench.rows("a"), log_of(&bench).len()),
        (Some(24), 1),
        "the table is as it was"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_replaced_when_all_of_its_files_are_read_again() {
    let mut engine = FakeEngine::new(World::new(&[250]));
    Arc::get_mut(&mut engine).unwrap().row_wise = false;
    let bench = Bench::new(&engine);
    let mut joined = model("a", WriteMode::Append, &["s"], &["b"]);
    joined.options.changed_files = ChangedFiles::Replace;
    let run = || bench.run(vec![overwrite("b"), joined.clone()]);
    let view = run().await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    resize(&engine, "f0.xml", 410);
    let view = run().await;
    assert_eq!(view.state(), v1::JobState::Done, "{}", view.error);
    assert_eq!(log_of(&bench)[1].remove.len(), 1);
    assert_eq!(bench.rows("a"), Some(30));
}

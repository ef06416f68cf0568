//! What a commit makes of a table, and what it refuses.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use super::support::{Row, TestLake, input, request, sorted};
use crate::ledger::AuditFailure;
use crate::log::Mode;
use crate::{CommitError, LakeError};

const OLD: &[Row] = &[(1, Some("a")), (2, Some("b")), (3, None)];
const NEW: &[Row] = &[(4, Some("b")), (5, Some("c"))];

#[test]
fn a_table_that_does_not_exist_has_no_snapshot_and_no_folder() {
    let lake = TestLake::new();
    assert_eq!(lake.table().snapshot().unwrap(), None);
    assert_eq!(lake.table().recover().unwrap(), 0);
    assert!(!lake.location().root().exists());
}

#[test]
fn append_keeps_and_overwrite_removes() {
    let lake = TestLake::new();
    let first = lake
        .table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    assert_eq!(
        (first.version, first.rows, first.files, first.repeated),
        (1, 3, 3, false)
    );
    lake.table()
        .commit(&lake.request("c2", Mode::Append, 1, NEW))
        .unwrap();
    assert_eq!(lake.rows(), sorted(&[OLD, NEW].concat()));
    lake.assert_sound();

    let inputs = || lake.table().snapshot().unwrap().unwrap().inputs.into_keys();
    assert_eq!(inputs().collect::<Vec<_>>(), ["c1", "c2"]);

    let third = lake.request("c3", Mode::Overwrite, 2, NEW);
    lake.table().commit(&third).unwrap();
    assert_eq!(lake.rows(), sorted(NEW));
    assert_eq!(
        inputs().collect::<Vec<_>>(),
        ["c3"],
        "the others can be taken in again"
    );
    lake.assert_sound();
    assert!(
        !lake.location().root().join("part=a").exists(),
        "an empty partition's folder goes"
    );
    assert!(lake.temporaries().is_empty());
}

#[test]
fn the_log_is_as_others_read_it() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, &[(1, Some("a=b"))]))
        .unwrap();
    let path = lake
        .location()
        .root()
        .join("_headworks/log/00000000000000000001.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for (key, value) in [
        ("v", serde_json::json!(1)),
        ("version", serde_json::json!(1)),
        ("commit_id", serde_json::json!("c1")),
        ("job_id", serde_json::json!("job-c1")),
        ("at", serde_json::json!("2023-11-14T22:13:20.123Z")),
        ("mode", serde_json::json!("append")),
        ("remove", serde_json::json!([])),
    ] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(json["schema"]["fields"][1]["name"], "part");
    let added = &json["add"][0];
    assert_eq!(added["path"], "part=a%3Db/c1-00000.parquet");
    assert_eq!(added["partition"], serde_json::json!({"part": "a=b"}));
    assert_eq!(
        added["stats"]["id"],
        serde_json::json!({"min": 1, "max": 1, "null_count": 0})
    );
    assert_eq!(json["inputs"][0]["bytes_covered"], 7);
}

#[test]
fn the_same_commit_is_done_once() {
    let lake = TestLake::new();
    let wanted = lake.request("c1", Mode::Append, 0, OLD);
    assert!(!lake.table().commit(&wanted).unwrap().repeated);
    lake.table()
        .commit(&lake.request("c2", Mode::Append, 0, NEW))
        .unwrap();
    let again = lake.table().commit(&wanted).unwrap();
    assert_eq!((again.version, again.rows, again.repeated), (1, 3, true));
    assert_eq!(lake.rows(), sorted(&[OLD, NEW].concat()));
}

#[test]
fn an_overwrite_that_others_came_before_is_refused() {
    let lake = TestLake::new();
    let late = lake.request("late", Mode::Overwrite, 0, NEW);
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    let error = lake.table().commit(&late).unwrap_err();
    assert!(
        matches!(
            &error,
            CommitError::Conflict {
                base: 0,
                version: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("job `job-c1` has committed version 1"),
        "{error}"
    );
    lake.table().discard(&late.files).unwrap();
    assert_eq!(lake.rows(), sorted(OLD));
    assert!(lake.temporaries().is_empty());
    lake.assert_sound();
}

#[test]
fn one_input_taken_in_by_two_jobs_at_once_is_appended_once() {
    let lake = TestLake::new();
    let mut first = lake.request("c1", Mode::Append, 0, OLD);
    let mut second = lake.request("c2", Mode::Append, 0, OLD);
    first.inputs = vec![input("data/x.xml", 3)];
    second.inputs = vec![input("data/x.xml", 3)];
    lake.table().commit(&first).unwrap();
    let error = lake.table().commit(&second).unwrap_err().to_string();
    assert!(
        error.contains("`data/x.xml` was taken in by job `job-c1` (version 1)"),
        "{error}"
    );
    let snapshot = lake.table().snapshot().unwrap().unwrap();
    assert!(snapshot.has_taken("data/x.xml", 7, None));
    assert!(!snapshot.has_taken("data/x.xml", 8, None));
    assert!(!snapshot.has_taken("data/x.xml", 7, Some("other")));

    // A job that began after it, and takes the file in on purpose, may.
    second.base = 1;
    lake.table().commit(&second).unwrap();
    assert_eq!(lake.rows(), sorted(&[OLD, OLD].concat()));
}

#[test]
fn one_lost_row_is_refused() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    let mut lost = lake.request("c2", Mode::Append, 1, NEW);
    lost.files.pop();
    let error = lake.table().commit(&lost).unwrap_err();
    let failure = AuditFailure::Rows {
        from_inputs: 2,
        in_files: 1,
    };
    assert!(
        matches!(&error, CommitError::Audit(found) if *found == failure),
        "{error}"
    );
    assert_eq!(lake.rows(), sorted(OLD));
    assert_eq!(lake.table().log().unwrap().len(), 1);
}

#[test]
fn a_temporary_that_is_gone_is_found_before_the_log_names_it() {
    let lake = TestLake::new();
    let wanted = lake.request("c1", Mode::Append, 0, OLD);
    std::fs::remove_file(lake.location().root().join(&wanted.files[1].temp)).unwrap();
    let error = lake.table().commit(&wanted).unwrap_err().to_string();
    assert!(
        error.contains(&wanted.files[1].temp) && error.contains("it is gone"),
        "{error}"
    );
    assert_eq!(lake.table().recover().unwrap(), 0);
}

#[test]
fn requests_that_would_harm_the_table_are_refused() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    let good = lake.request("c2", Mode::Append, 1, NEW);
    let refuse = |expected: &str, change: &dyn Fn(&mut crate::CommitRequest)| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = lake.table().commit(&bad).unwrap_err();
        assert!(matches!(error, CommitError::NotCommitted { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    refuse("manifest row names", &|r| {
        r.files[0].path = "../x.parquet".into()
    });
    refuse("in the commit twice", &|r| {
        r.files[1] = r.files[0].clone();
        r.inputs[0].rows = r.files[0].rows * 2;
    });
    refuse("does not lie in the folder", &|r| {
        r.files[0].path = "part=z/x.parquet".into()
    });
    refuse("partition column `other`", &|r| {
        r.partition_by = vec!["other".into()]
    });
    refuse("the table is partitioned by [part]", &|r| {
        r.partition_columns_in_files = true
    });
    refuse(
        "column `id` is Int64 in the table and Utf8 in this commit",
        &|r| {
            let id = Field::new("id", DataType::Utf8, false);
            r.schema = Arc::new(Schema::new(vec![
                id,
                Field::new("part", DataType::Utf8, true),
            ]));
        },
    );
    lake.table().commit(&good).unwrap();
    let mut again = good.clone();
    again.commit_id = "c3".into();
    again.base = 2;
    let error = lake.table().commit(&again).unwrap_err().to_string();
    assert!(error.contains("was committed before"), "{error}");
    assert_eq!(lake.rows(), sorted(&[OLD, NEW].concat()));
    lake.assert_sound();
}

#[test]
fn a_log_of_a_newer_form_is_refused_with_the_next_step() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    let entry = lake
        .location()
        .root()
        .join("_headworks/log/00000000000000000001.json");
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, text.replacen("\"v\":1", "\"v\":2", 1)).unwrap();
    let error = lake.table().snapshot().unwrap_err();
    assert!(matches!(&error, LakeError::Corrupt { .. }), "{error}");
    assert!(
        error.to_string().contains("use a newer Headworks"),
        "{error}"
    );
    std::fs::write(&entry, "{").unwrap();
    assert!(
        lake.table()
            .snapshot()
            .unwrap_err()
            .to_string()
            .contains("not JSON")
    );
}

#[test]
fn a_gap_in_the_log_is_refused() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    lake.table()
        .commit(&lake.request("c2", Mode::Append, 1, NEW))
        .unwrap();
    let log = lake.location().root().join("_headworks/log");
    std::fs::remove_file(log.join("00000000000000000001.json")).unwrap();
    assert!(
        lake.table()
            .snapshot()
            .unwrap_err()
            .to_string()
            .contains("the log has a gap here")
    );
}

#[test]
fn an_empty_overwrite_empties_the_table_and_keeps_the_schema() {
    let lake = TestLake::new();
    lake.table()
        .commit(&lake.request("c1", Mode::Append, 0, OLD))
        .unwrap();
    lake.table()
        .commit(&request("c2", Mode::Overwrite, 1, Vec::new()))
        .unwrap();
    let snapshot = lake.table().snapshot().unwrap().unwrap();
    assert_eq!((snapshot.version, snapshot.files.len()), (2, 0));
    assert_eq!(snapshot.schema, super::support::schema());
    lake.assert_sound();
}

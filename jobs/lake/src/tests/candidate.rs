//! A table as a commit would make it, before it does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::support::{Row, TestLake, batch, input, request, schema, sorted};
use crate::log::Mode;
use crate::partition::PartitionValues;
use crate::writer::{PartitionedWriter, WriterConfig};
use crate::{Audit, CommitError, CommitRequest, Snapshot, Table, TableLocation, copies_of};

const OLD: &[Row] = &[(1, Some("a")), (2, Some("b")), (3, None)];
const NEW: &[Row] = &[(4, Some("b")), (5, None), (6, None)];

/// Rows and partition of each file, and whether it can be read where the snapshot says it is.
fn files(lake: &TestLake, snapshot: &Snapshot) -> Vec<(u64, PartitionValues, u64)> {
    let mut files: Vec<_> = snapshot
        .files
        .iter()
        .map(|file| {
            let path = lake.location().root().join(&file.path);
            let bytes = std::fs::metadata(path).unwrap().len();
            (file.rows, file.partition.clone(), bytes)
        })
        .collect();
    files.sort_by_key(|(rows, partition, _)| (*rows, format!("{partition:?}")));
    files
}

#[test]
fn the_candidate_is_what_the_commit_makes_in_every_mode() {
    for mode in [
        Mode::Append,
        Mode::Overwrite,
        Mode::OverwritePartitions,
        Mode::Upsert,
    ] {
        let lake = TestLake::new();
        lake.table()
            .commit(&lake.request("c1", Mode::Append, 0, OLD))
            .unwrap();
        let mut wanted = lake.request("c2", mode, 1, NEW);
        if mode == Mode::Upsert {
            let current = lake.table().snapshot().unwrap().unwrap();
            wanted.remove = vec![current.files[0].path.clone()];
        }
        let candidate = lake.table().candidate(&wanted).unwrap();
        let before = files(&lake, &candidate);
        assert_eq!(
            lake.table().snapshot().unwrap().unwrap().version,
            1,
            "nothing is committed"
        );
        lake.table().commit(&wanted).unwrap();
        let after = lake.table().snapshot().unwrap().unwrap();
        assert_eq!(candidate.version, after.version);
        assert_eq!(candidate.schema, after.schema);
        assert_eq!(candidate.inputs, after.inputs);
        assert_eq!(before, files(&lake, &after), "{mode:?}");
    }
}

#[test]
fn a_table_that_does_not_exist_has_a_candidate_and_still_no_folder() {
    let lake = TestLake::new();
    let wanted = request("c1", Mode::Append, 0, Vec::new());
    let candidate = lake.table().candidate(&wanted).unwrap();
    assert_eq!((candidate.version, candidate.rows()), (1, 0));
    assert!(!lake.location().root().exists());
}

/// A lake in a bucket, and rows that were written twice.
fn written_twice(id: &str) -> (TestLake, CommitRequest) {
    let lake = TestLake::in_bucket();
    let mut config = lake.config(id);
    config.with_copies = true;
    let mut writer = PartitionedWriter::new(config, schema()).unwrap();
    writer.write(&batch(OLD)).unwrap();
    let files = writer.finish().unwrap().files;
    (lake, request(id, Mode::Append, 0, files))
}

#[test]
fn in_a_bucket_copies_are_looked_at_and_leave_no_trace() {
    let (lake, wanted) = written_twice("c1");
    let table = lake.table();
    let candidate = table.candidate(&wanted).unwrap();
    assert_eq!(
        candidate,
        table.candidate(&wanted).unwrap(),
        "looked at once more"
    );
    assert_eq!(candidate.rows(), 3);
    for file in &candidate.files {
        assert!(file.path.starts_with("_headworks/staged/"), "{}", file.path);
        let bytes = table.storage.bytes(&file.path).unwrap();
        assert_eq!(bytes, Some(file.bytes));
    }
    assert!(table.visible_files().unwrap().is_empty());
    table.commit(&wanted).unwrap();
    assert_eq!(lake.rows(), sorted(OLD));
    let log = table.log().unwrap();
    assert!(log[0].add.iter().all(|file| file.copy.is_none()));
    let copies: Vec<_> = copies_of(&wanted.files).collect();
    assert_eq!(copies.len(), 3);
    table.discard(&copies).unwrap();
    assert_eq!(table.storage.list("_headworks/staged").unwrap(), []);
    assert!(lake.temporaries().is_empty());
    lake.assert_sound();
}

#[test]
fn files_that_are_given_up_take_their_copies_along() {
    for looked_at in [false, true] {
        let (lake, wanted) = written_twice("c1");
        let table = lake.table();
        if looked_at {
            table.candidate(&wanted).unwrap();
        }
        table.discard(&wanted.files).unwrap();
        table.discard(&wanted.files).unwrap();
        assert_eq!(table.storage.list("").unwrap(), []);
        assert!(lake.temporaries().is_empty());
    }
    // What a dead process leaves is found by its age.
    let (lake, wanted) = written_twice("c2");
    lake.table().candidate(&wanted).unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    let report = lake.table().gc(later, Duration::from_secs(1)).unwrap();
    assert_eq!(report.removed.len(), 6, "{report:?}");
    assert_eq!(lake.table().storage.list("").unwrap(), []);
}

#[test]
fn an_upload_without_a_copy_cannot_be_looked_at() {
    let lake = TestLake::in_bucket();
    let wanted = lake.request("c1", Mode::Append, 0, OLD);
    let error = lake.table().candidate(&wanted).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

/// Guards against: a check that passed over another table than the one that was committed.
#[test]
fn a_commit_that_was_checked_is_refused_when_another_came_since() {
    let lake = TestLake::new();
    let wanted = CommitRequest {
        checked: Some(0),
        ..lake.request("c1", Mode::Append, 0, OLD)
    };
    lake.table()
        .commit(&lake.request("c2", Mode::Append, 0, NEW))
        .unwrap();
    let error = lake.table().commit(&wanted).unwrap_err();
    assert!(
        matches!(
            &error,
            CommitError::MovedOn {
                checked: 0,
                version: 1,
                ..
            }
        ),
        "{error}"
    );
    let again = CommitRequest {
        checked: Some(1),
        ..wanted
    };
    assert_eq!(lake.table().commit(&again).unwrap().version, 2);
    assert!(lake.table().commit(&again).unwrap().repeated);
}

#[test]
fn nulls_are_counted_from_the_log_where_it_knows_them() {
    let lake = TestLake::new();
    let wanted = lake.request("c1", Mode::Append, 0, &[OLD, NEW].concat());
    let candidate = lake.table().candidate(&wanted).unwrap();
    assert_eq!(candidate.null_count("id"), Some(0));
    assert_eq!(
        candidate.null_count("part"),
        Some(3),
        "a partition column is in no file"
    );
    assert_eq!(candidate.null_count("none"), None);
}

/// Guards against: a column that only the newer files have was taken for one without NULLs.
#[test]
fn a_column_that_a_file_lacks_is_not_known() {
    let lake = TestLake::new();
    let location = TableLocation::new(lake.path(), "u").unwrap();
    let table = Table::open(location.clone());
    let plain = |id: &str, schema: &Arc<Schema>, batch: RecordBatch| {
        let config = WriterConfig::new(location.clone(), id);
        let mut writer = PartitionedWriter::new(config, Arc::clone(schema)).unwrap();
        writer.write(&batch).unwrap();
        let files = writer.finish().unwrap().files;
        CommitRequest {
            schema: Arc::clone(schema),
            partition_by: Vec::new(),
            inputs: vec![input(id, batch.num_rows() as u64)],
            audit: Audit::Records,
            ..request(id, Mode::Append, 0, files)
        }
    };
    table.commit(&plain("c1", &schema(), batch(OLD))).unwrap();
    let wide = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("part", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
    ]));
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(7), None])),
        Arc::new(StringArray::from(vec![Some("x"), None])),
        Arc::new(StringArray::from(vec!["n", "m"])),
    ];
    let rows = RecordBatch::try_new(Arc::clone(&wide), columns).unwrap();
    let candidate = table.candidate(&plain("c2", &wide, rows)).unwrap();
    assert_eq!(candidate.null_count("id"), Some(1));
    assert_eq!(candidate.null_count("part"), Some(2));
    assert_eq!(candidate.null_count("note"), None);
    assert_eq!(candidate.rows(), 5);
}

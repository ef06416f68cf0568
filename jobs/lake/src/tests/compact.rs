//! Compaction: the same rows in fewer files, whoever else is at the table.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::support::{Fault, FaultyStorage, Row, TestLake, request, sorted};
use crate::log::Mode;
use crate::writer::{PartitionedWriter, SortColumn, WriterConfig};
use crate::{Audit, CommitError, CommitRequest, Compaction, CrashPoint, PendingFile, Table};

const PARTS: [Option<&str>; 3] = [Some("a"), Some("b"), None];

/// A table of so many appends, each with a row in each partition.
fn many(lake: &TestLake, appends: i64) -> Vec<Row> {
    let mut all = Vec::new();
    for n in 0..appends {
        let rows: Vec<Row> = PARTS.iter().map(|part| (n, *part)).collect();
        let wanted = lake.request(&format!("c{n}"), Mode::Append, n as u64, &rows);
        lake.table().commit(&wanted).unwrap();
        all.extend(rows);
    }
    all
}

fn compaction(id: &str) -> Compaction {
    Compaction::new(id, 1_700_000_000_000)
}

#[test]
fn small_files_become_one_a_partition_and_rows_stay() {
    for lake in [TestLake::in_memory(), TestLake::in_bucket()] {
        let rows = many(&lake, 5);
        let before = lake.table().snapshot().unwrap().unwrap();
        let done = lake.table().compact(&compaction("x")).unwrap();
        assert_eq!(
            (done.version, done.files_before, done.files_after),
            (Some(6), 15, 3)
        );
        assert_eq!((done.rows, done.bytes_before), (15, before.bytes()));
        assert_eq!(lake.rows(), sorted(&rows));
        lake.assert_sound();
        assert!(lake.temporaries().is_empty());
        let after = lake.table().snapshot().unwrap().unwrap();
        assert_eq!(after.bytes(), done.bytes_after);
        assert_eq!(
            after.inputs, before.inputs,
            "what was taken in stays taken in"
        );
        let entry = lake.table().log().unwrap().pop().unwrap();
        assert_eq!((entry.mode, entry.remove.len()), (Mode::Compact, 15));
        // There is nothing more to do.
        let again = lake.table().compact(&compaction("y")).unwrap();
        assert_eq!((again.version, again.files_before), (None, 0));
    }
}

#[test]
fn a_table_that_is_not_there_or_has_large_files_alone_is_left_as_it_is() {
    let lake = TestLake::in_memory();
    assert_eq!(
        lake.table().compact(&compaction("x")).unwrap().version,
        None
    );
    many(&lake, 3);
    let mut wish = compaction("x");
    let largest = lake.table().snapshot().unwrap().unwrap().files;
    wish.target_file_bytes = largest.iter().map(|file| file.bytes).max().unwrap();
    assert_eq!(lake.table().compact(&wish).unwrap().version, None);
    // Two fit together, the third stays.
    wish.target_file_bytes = wish.target_file_bytes * 5 / 2;
    let done = lake.table().compact(&wish).unwrap();
    assert_eq!((done.files_before, done.files_after), (6, 3));
    lake.assert_sound();
}

#[test]
fn what_is_appended_meanwhile_stays_and_a_file_that_went_meanwhile_is_a_conflict() {
    for (mode, goes_through) in [(Mode::Append, true), (Mode::Overwrite, false)] {
        let lake = TestLake::in_memory();
        let rows = many(&lake, 3);
        let new: &[Row] = &[(100, Some("a"))];
        let mut once = Some((lake.table(), lake.request("other", mode, 3, new)));
        let storage = FaultyStorage::new(&lake.location(), move |call, _| {
            if call == "put_if_absent"
                && let Some((table, other)) = once.take()
            {
                table.commit(&other).unwrap();
            }
            Fault::None
        });
        let slow = Table::with_storage(lake.location(), storage as Arc<_>);
        let result = slow.compact(&compaction("x"));
        if goes_through {
            assert_eq!(result.unwrap().version, Some(5));
            assert_eq!(lake.rows(), sorted(&[&rows[..], new].concat()));
        } else {
            let error = result.unwrap_err();
            assert!(matches!(error, CommitError::Conflict { .. }), "{error}");
            assert_eq!(lake.rows(), sorted(new));
        }
        lake.assert_sound();
        assert!(lake.temporaries().is_empty());
    }
}

/// Another takes the files out while they are read.
#[test]
fn a_file_that_goes_while_it_is_read_is_a_conflict() {
    let lake = TestLake::in_memory();
    many(&lake, 3);
    let mut once = Some((lake.table(), lake.request("other", Mode::Overwrite, 3, &[])));
    let storage = FaultyStorage::new(&lake.location(), move |call, path| {
        if call == "read_range"
            && path.ends_with(".parquet")
            && let Some((table, other)) = once.take()
        {
            table.commit(&other).unwrap();
        }
        Fault::None
    });
    let slow = Table::with_storage(lake.location(), storage as Arc<_>);
    let error = slow.compact(&compaction("x")).unwrap_err();
    assert!(
        matches!(error, CommitError::Conflict { version: 4, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("job `job-other`"), "{error}");
    assert!(lake.temporaries().is_empty());
}

#[test]
fn a_compaction_that_dies_at_any_step_loses_nothing() {
    use CrashPoint::*;
    for point in [
        BeforeEntry,
        AfterEntry,
        AfterCompleting(1),
        BeforeManifest,
        AfterManifest,
        AfterDeleting(2),
        BeforeSettled,
    ] {
        let lake = TestLake::in_bucket();
        let rows = many(&lake, 3);
        let error = lake
            .table()
            .stopping_at(point)
            .compact(&compaction("x"))
            .unwrap_err();
        let committed = point != BeforeEntry;
        assert_eq!(
            matches!(error, CommitError::Unsettled { .. }),
            committed,
            "{point:?}: {error}"
        );
        assert_eq!(lake.rows(), sorted(&rows), "{point:?}");
        lake.assert_sound();
        assert!(lake.temporaries().is_empty(), "{point:?}");
        let again = lake.table().compact(&compaction("x")).unwrap();
        assert_eq!(again.version.is_none(), committed, "{point:?}");
        assert_eq!(lake.rows(), sorted(&rows), "{point:?}");
    }
}

/// Writes one file of these columns, without partitions, and commits it.
fn add(lake: &TestLake, id: &str, sorted_by: &[SortColumn], columns: Vec<(&str, ArrayRef)>) {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut config = WriterConfig::new(lake.location(), id);
    config.sorted_by = sorted_by.to_vec();
    let mut writer = PartitionedWriter::new(config, batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let files: Vec<PendingFile> = writer.finish().unwrap().files;
    let base = lake.table().recover().unwrap();
    let request = CommitRequest {
        schema: batch.schema(),
        partition_by: Vec::new(),
        inputs: Vec::new(),
        audit: Audit::Coverage,
        ..request(id, Mode::Append, base, files)
    };
    lake.table().commit(&request).unwrap();
}

/// The one file of a table, whole, and its footer's order.
fn only_file(lake: &TestLake) -> (RecordBatch, Vec<(i32, bool, bool)>) {
    let snapshot = lake.table().snapshot().unwrap().unwrap();
    assert_eq!(snapshot.files.len(), 1);
    let content = lake
        .table()
        .storage
        .read(&snapshot.files[0].path)
        .unwrap()
        .unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(content)).unwrap();
    let order = reader
        .metadata()
        .row_group(0)
        .sorting_columns()
        .cloned()
        .unwrap_or_default();
    let order = order
        .into_iter()
        .map(|c| (c.column_idx, c.descending, c.nulls_first))
        .collect();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    (
        arrow::compute::concat_batches(&schema, &batches).unwrap(),
        order,
    )
}

#[test]
fn sorted_files_are_merged_and_stay_sorted() {
    let by = |name: &str, descending| SortColumn {
        name: name.into(),
        descending,
    };
    let lake = TestLake::in_memory();
    let order = [by("k", true), by("id", false)];
    // More rows than a batch has; NULLs come last where all is reversed.
    let file = |start: i64| -> Vec<(&str, ArrayRef)> {
        let mut rows: Vec<(Option<i64>, i64)> = (0..20_000)
            .map(|n| {
                (
                    ((n + start) % 97 != 0).then_some((n + start) % 97),
                    n * 3 + start,
                )
            })
            .collect();
        rows.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let ids: Int64Array = rows.iter().map(|row| row.1).collect();
        let keys: Int64Array = rows.iter().map(|row| row.0).collect();
        vec![
            ("id", Arc::new(ids) as ArrayRef),
            ("k", Arc::new(keys) as ArrayRef),
        ]
    };
    for start in 0..3 {
        add(&lake, &format!("c{start}"), &order, file(start));
    }
    assert_eq!(lake.table().compact(&compaction("x")).unwrap().rows, 60_000);
    let (rows, footer) = only_file(&lake);
    assert_eq!(footer, [(1, true, false), (0, false, true)]);
    let ids = rows.column(0).as_primitive::<Int64Type>();
    let keys = rows.column(1).as_primitive::<Int64Type>();
    let found: Vec<(Option<i64>, i64)> = keys.iter().zip(ids.values().iter().copied()).collect();
    let in_order =
        |w: &[(Option<i64>, i64)]| w[0].0 > w[1].0 || (w[0].0 == w[1].0 && w[0].1 <= w[1].1);
    assert!(found.windows(2).all(in_order));
    let mut all: Vec<i64> = found.iter().map(|row| row.1).collect();
    all.sort_unstable();
    assert_eq!(all, (0..60_000).collect::<Vec<_>>());
    lake.assert_sound();
}

#[test]
fn files_of_other_orders_keep_what_they_have_in_common() {
    let by = |name: &str| SortColumn {
        name: name.into(),
        descending: false,
    };
    let file = |a: [i64; 2], b: [i64; 2]| -> Vec<(&str, ArrayRef)> {
        vec![
            ("a", Arc::new(Int64Array::from(a.to_vec())) as ArrayRef),
            ("b", Arc::new(Int64Array::from(b.to_vec())) as ArrayRef),
        ]
    };
    for (second, footer) in [(vec![by("a")], 1), (vec![by("b")], 0), (vec![], 0)] {
        let lake = TestLake::in_memory();
        add(&lake, "c0", &[by("a"), by("b")], file([1, 3], [1, 1]));
        add(&lake, "c1", &second, file([2, 2], [7, 8]));
        lake.table().compact(&compaction("x")).unwrap();
        let (rows, order) = only_file(&lake);
        assert_eq!(order.len(), footer);
        let a: Vec<i64> = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(
            a,
            if footer == 1 {
                [1, 2, 2, 3]
            } else {
                [1, 3, 2, 2]
            }
        );
    }
    // A footer that is not true is no reason to write another such.
    let lake = TestLake::in_memory();
    add(&lake, "c0", &[by("a")], file([3, 1], [1, 1]));
    add(&lake, "c1", &[by("a")], file([2, 2], [7, 8]));
    let error = lake
        .table()
        .compact(&compaction("x"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("says that it is sorted, and it is not"),
        "{error}"
    );
    assert!(lake.temporaries().is_empty());
}

#[test]
fn files_of_older_schemas_get_the_newest() {
    let lake = TestLake::in_memory();
    add(
        &lake,
        "c0",
        &[],
        vec![("a", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)],
    );
    let decimals = arrow::array::Decimal128Array::from(vec![150]).with_precision_and_scale(9, 2);
    add(
        &lake,
        "c1",
        &[],
        vec![
            ("b", Arc::new(StringArray::from(vec!["new"])) as ArrayRef),
            ("a", Arc::new(decimals.unwrap()) as ArrayRef),
        ],
    );
    lake.table().compact(&compaction("x")).unwrap();
    let (rows, _) = only_file(&lake);
    let expected = Schema::new(vec![
        Field::new("a", DataType::Decimal128(21, 2), true),
        Field::new("b", DataType::Utf8, true),
    ]);
    assert_eq!(rows.schema().fields(), expected.fields());
    let a = rows
        .column(0)
        .as_primitive::<arrow::datatypes::Decimal128Type>();
    assert_eq!(a.values().to_vec(), [100, 200, 150]);
    assert_eq!(rows.column(1).null_count(), 2);
    let log = lake.table().log().unwrap();
    assert!(log[1].files_schema.is_some() && log[2].files_schema.is_none());
    lake.assert_sound();
}

/// A file that was exchanged for another of the same length is not merged.
#[test]
fn a_file_that_is_not_the_logs_is_not_merged() {
    let lake = TestLake::in_memory();
    many(&lake, 2);
    let paths = lake.files_of(&["a"]);
    let full = |path: &str| lake.location().root().join(path);
    let (a, b) = (
        std::fs::read(full(&paths[0])).unwrap(),
        std::fs::read(full(&paths[1])).unwrap(),
    );
    assert_eq!(a.len(), b.len());
    std::fs::write(full(&paths[1]), a).unwrap();
    let error = lake
        .table()
        .compact(&compaction("x"))
        .unwrap_err()
        .to_string();
    let said = "the statistics of column `id` are not those of the log";
    assert!(error.contains(&paths[1]) && error.contains(said), "{error}");
    assert!(lake.temporaries().is_empty());
    assert_eq!(lake.table().log().unwrap().len(), 2);
}

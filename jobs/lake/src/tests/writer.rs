//! The executor's side: every row in the right folder, every bound kept, nothing visible, nothing left behind.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::support::{Row, TestLake, batch, request, schema, sorted};
use crate::log::Mode;
use crate::writer::{PartitionedWriter, WriteOutcome};
use crate::{LakeError, WriterConfig};

fn table_of(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

fn write(config: WriterConfig, batches: &[RecordBatch]) -> Result<WriteOutcome, LakeError> {
    let mut writer = PartitionedWriter::new(config, batches[0].schema())?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()
}

fn refused(config: WriterConfig, schema: SchemaRef) -> String {
    PartitionedWriter::new(config, schema)
        .unwrap_err()
        .to_string()
}

/// The schema and the rows of a file that is not committed yet.
fn read_temp(lake: &TestLake, temp: &str) -> (SchemaRef, Vec<usize>) {
    let file = std::fs::File::open(lake.location().root().join(temp)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let groups = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|g| g.num_rows() as usize)
        .collect();
    (reader.schema().clone(), groups)
}

#[test]
fn every_row_lands_in_its_folder() {
    let parts = ["a", "b", "c", "", "x/y", "NULL"];
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let lake = TestLake::in_memory();
        let mut config = lake.config("w");
        config.open_writers_max = random.usize(1..5);
        config.target_file_bytes = if random.bool() { 1 } else { 1 << 20 };
        let max = config.open_writers_max;
        let mut writer = PartitionedWriter::new(config, schema()).unwrap();
        let mut all: Vec<Row> = Vec::new();
        for _ in 0..random.usize(1..6) {
            let sorted_batch = random.bool();
            let mut rows: Vec<Row> = (0..random.usize(0..40))
                .map(|_| {
                    let part = parts[random.usize(0..parts.len())];
                    (random.i64(..), (part != "NULL").then_some(part))
                })
                .collect();
            if sorted_batch {
                rows.sort_by_key(|(_, part)| *part);
            }
            writer.write(&batch(&rows)).unwrap();
            assert!(writer.open_files() <= max, "seed {seed}");
            all.extend(rows);
        }
        let outcome = writer.finish().unwrap();
        assert_eq!(outcome.rows, all.len() as u64);
        assert_eq!(
            outcome.files.iter().map(|file| file.rows).sum::<u64>(),
            outcome.rows
        );
        assert!(lake.table().visible_files().unwrap().is_empty());
        let names: HashSet<&str> = outcome
            .files
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(names.len(), outcome.files.len());

        lake.table()
            .commit(&request("c", Mode::Append, 0, outcome.files))
            .unwrap();
        let expected: Vec<Row> = all
            .iter()
            .map(|(id, part)| (*id, part.filter(|part| !part.is_empty())))
            .collect();
        assert_eq!(lake.rows(), sorted(&expected), "seed {seed}");
        lake.assert_sound();
    }
}

#[test]
fn the_split_column_is_counted_and_not_written() {
    let lake = TestLake::in_memory();
    let rows = table_of(vec![
        (
            "_hw_split",
            Arc::new(Int32Array::from(vec![3, 3, 1, 3, 1, 9])) as ArrayRef,
        ),
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6]))),
    ]);
    let mut config = WriterConfig::new(lake.location(), "w");
    config.split_column = Some("_hw_split".into());
    let outcome = write(config.clone(), &[rows.clone(), rows.slice(0, 1)]).unwrap();
    assert_eq!(
        outcome.rows_by_split,
        BTreeMap::from([(1, 2), (3, 4), (9, 1)])
    );
    let (written, _) = read_temp(&lake, &outcome.files[0].temp);
    assert_eq!(written.fields().len(), 1);
    let table = crate::table_schema(&rows.schema(), Some("_hw_split"));
    assert_eq!(table.fields(), written.fields());

    let nulls = table_of(vec![
        (
            "_hw_split",
            Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef,
        ),
        ("id", Arc::new(Int64Array::from(vec![1, 2]))),
    ]);
    config.attempt = "x".into();
    let error = write(config, &[nulls]).unwrap_err().to_string();
    assert!(error.contains("does not say which split"), "{error}");
}

#[test]
fn several_columns_of_all_types_make_nested_folders() {
    let lake = TestLake::in_memory();
    let rows = table_of(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(0), None, Some(0)])),
        ),
        (
            "flag",
            Arc::new(BooleanArray::from(vec![true, false, true])),
        ),
        ("year", Arc::new(Int32Array::from(vec![2018, -1, 2018]))),
    ]);
    let mut config = WriterConfig::new(lake.location(), "w");
    config.partition_by = vec!["year".into(), "flag".into(), "day".into()];
    let outcome = write(config, &[rows]).unwrap();
    let mut paths: Vec<_> = outcome
        .files
        .iter()
        .map(|f| (f.path.as_str(), f.rows))
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            (
                "year=-1/flag=false/day=__HIVE_DEFAULT_PARTITION__/w-00001.parquet",
                1
            ),
            ("year=2018/flag=true/day=1970-01-01/w-00000.parquet", 2),
        ]
    );
    for file in &outcome.files {
        assert!(file.temp.starts_with("_headworks/pending/.hw-w-") && file.temp.ends_with(".tmp"));
        assert_eq!(crate::partition::parse(&file.path), file.partition);
        assert_eq!(read_temp(&lake, &file.temp).0.fields().len(), 1);
    }
}

#[test]
fn partition_columns_are_in_the_files_only_when_asked_for() {
    let lake = TestLake::in_memory();
    let mut config = lake.config("w");
    config.partition_columns_in_files = true;
    let outcome = write(config, &[batch(&[(1, Some("a"))])]).unwrap();
    assert_eq!(
        read_temp(&lake, &outcome.files[0].temp).0.as_ref(),
        schema().as_ref()
    );
}

#[test]
fn files_and_row_groups_and_memory_keep_their_bounds() {
    let lake = TestLake::in_memory();
    let mut random = fastrand::Rng::with_seed(1);
    let mut config = lake.config("w");
    config.target_file_bytes = 400_000;
    config.row_group_rows_max = 5_000;
    config.buffer_bytes_max = 600_000;
    let bound = config.buffer_bytes_max;
    let mut writer = PartitionedWriter::new(config, schema()).unwrap();
    let parts = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut most = 0;
    for _ in 0..100 {
        let rows: Vec<Row> = (0..4_000)
            .map(|n| (random.i64(..), Some(parts[n % parts.len()])))
            .collect();
        writer.write(&batch(&rows)).unwrap();
        assert!(writer.memory_bytes() <= bound);
        most = most.max(writer.memory_bytes());
    }
    assert!(most > bound / 2, "the bound was never near: {most}");
    let outcome = writer.finish().unwrap();
    assert_eq!(outcome.rows, 400_000);
    let per_part = outcome.files.len() / parts.len();
    assert!(per_part >= 2, "{per_part} files of each partition");
    for file in &outcome.files {
        assert!(file.bytes < 600_000, "{}: {}", file.path, file.bytes);
        let (_, groups) = read_temp(&lake, &file.temp);
        assert!(groups.iter().all(|rows| *rows <= 5_000), "{groups:?}");
        let length = lake
            .location()
            .root()
            .join(&file.temp)
            .metadata()
            .unwrap()
            .len();
        assert_eq!(length, file.bytes);
    }
}

#[test]
fn a_writer_that_does_not_finish_removes_its_files() {
    let lake = TestLake::in_memory();
    let mut config = lake.config("w");
    config.target_file_bytes = 1;
    for abort in [true, false] {
        let mut writer = PartitionedWriter::new(config.clone(), schema()).unwrap();
        writer
            .write(&batch(&[(1, Some("a")), (2, Some("b"))]))
            .unwrap();
        assert_eq!(lake.temporaries().len(), 2);
        if abort {
            writer.abort();
        } else {
            drop(writer);
        }
        assert!(!lake.location().root().exists());
    }
}

#[test]
fn two_attempts_of_one_name_do_not_share_a_file() {
    let lake = TestLake::in_memory();
    let first = lake.write("same", &[(1, Some("a"))]);
    let mut writer = PartitionedWriter::new(lake.config("same"), schema()).unwrap();
    let error = writer
        .write(&batch(&[(2, Some("a"))]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("give each attempt a name of its own"),
        "{error}"
    );
    drop(writer);
    lake.table()
        .commit(&request("c", Mode::Append, 0, first.files))
        .unwrap();
    assert_eq!(
        lake.rows(),
        sorted(&[(1, Some("a"))]),
        "the second attempt took nothing away"
    );
}

#[test]
fn no_rows_make_no_files() {
    let lake = TestLake::in_memory();
    let outcome = write(lake.config("w"), &[batch(&[])]).unwrap();
    assert_eq!(outcome, WriteOutcome::default());
    assert!(!lake.location().root().exists());
}

#[test]
fn columns_that_cannot_be_are_refused_by_name() {
    let lake = TestLake::in_memory();
    let with = |change: &dyn Fn(&mut WriterConfig)| {
        let mut config = lake.config("w");
        change(&mut config);
        config
    };
    let error = refused(with(&|c| c.partition_by = vec!["yaer".into()]), schema());
    assert!(
        error.contains("no partition column `yaer`; the columns are id, part"),
        "{error}"
    );
    let error = refused(
        with(&|c| c.partition_by = vec!["part".into(), "part".into()]),
        schema(),
    );
    assert!(error.contains("`part` stands twice"), "{error}");
    let error = refused(
        with(&|c| c.partition_by = vec!["part".into(), "id".into()]),
        schema(),
    );
    assert!(error.contains("no column is left"), "{error}");
    let error = refused(with(&|c| c.split_column = Some("id".into())), schema());
    assert!(error.contains("split column `id` is Int64"), "{error}");
    let floats = table_of(vec![
        ("price", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef),
        ("id", Arc::new(Int64Array::from(vec![1]))),
    ]);
    let error = refused(
        with(&|c| c.partition_by = vec!["price".into()]),
        floats.schema(),
    );
    assert!(error.contains("column `price` of type Float64"), "{error}");
    let mut fields = schema().fields().to_vec();
    fields.push(fields[0].clone());
    let error = refused(with(&|_| ()), Arc::new(Schema::new(fields)));
    assert!(error.contains("two columns are named `id`"), "{error}");
}

#[test]
fn a_partition_value_too_long_for_a_disk_is_refused_and_leaves_nothing() {
    let lake = TestLake::in_memory();
    let long = "x".repeat(300);
    let rows = table_of(vec![
        ("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ("part", Arc::new(StringArray::from(vec![long.as_str()]))),
    ]);
    let error = write(lake.config("w"), &[rows]).unwrap_err().to_string();
    assert!(
        error.contains("partition column `part` is too long"),
        "{error}"
    );
    assert!(!lake.location().root().exists());
}

#[test]
fn a_footer_says_how_its_rows_are_sorted() {
    let lake = TestLake::new();
    let mut config = WriterConfig::new(lake.location(), "w");
    config.partition_by = vec!["p".into()];
    config.sorted_by = [("p", false), ("b", true), ("a", false)]
        .map(|(name, descending)| crate::SortColumn {
            name: name.into(),
            descending,
        })
        .into();
    let rows = table_of(vec![
        ("a", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
        ("p", Arc::new(Int32Array::from(vec![7, 7]))),
        ("b", Arc::new(StringArray::from(vec!["y", "x"]))),
    ]);
    let outcome = write(config, &[rows]).unwrap();
    let file = std::fs::File::open(lake.location().root().join(&outcome.files[0].temp)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let sorted = reader.metadata().row_group(0).sorting_columns().unwrap();
    let sorted: Vec<_> = sorted
        .iter()
        .map(|c| (c.column_idx, c.descending, c.nulls_first))
        .collect();
    // `p` is not in the file, and has one value in it.
    assert_eq!(sorted, [(1, true, false), (0, false, true)]);
}

//! Bad records to their table and back.

use std::fs::File;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::support::TestLake;
use crate::ledger::Audit;
use crate::log::Mode;
use crate::{
    BadRecord, CommitRequest, Compaction, PendingFile, QuarantineWriter, Quarantined, Table,
    TableLocation, quarantine_schema, tables,
};

fn bad(offset: i64, raw: &[u8]) -> BadRecord<'_> {
    let line = (offset > 0).then_some(offset + 1);
    BadRecord {
        file: "data/x.xml",
        offset,
        line,
        reason: "unclosed tag",
        raw,
        raw_bytes: 99,
    }
}

/// Commits quarantine files of a job that failed.
fn commit(table: &Table, job_id: &str, files: Vec<PendingFile>) {
    let request = CommitRequest {
        commit_id: format!("{job_id}-{}", files[0].temp),
        job_id: job_id.into(),
        at_unix_ms: 0,
        mode: Mode::Append,
        base: 0,
        remove: Vec::new(),
        schema: quarantine_schema(),
        partition_by: Vec::new(),
        partition_columns_in_files: false,
        files,
        inputs: Vec::new(),
        audit: Audit::Coverage,
        job_failed: true,
        checked: None,
    };
    table.commit(&request).unwrap();
}

#[test]
fn bad_records_come_back_with_file_offset_reason_and_text() {
    let lake = TestLake::new();
    let mut writer = QuarantineWriter::new(lake.path(), "awards", "w", "job-1").unwrap();
    writer.write(&bad(0, b"<award>")).unwrap();
    writer.write(&bad(70, b"<aw\xffrd>")).unwrap();
    let outcome = writer.finish().unwrap();
    assert_eq!((outcome.rows, outcome.files.len()), (2, 1));

    let location = TableLocation::quarantine(lake.path(), "awards").unwrap();
    let table = Table::open(location.clone());
    commit(&table, "job-1", outcome.files);
    assert!(table.log().unwrap()[0].job_failed);
    assert_eq!(
        tables(lake.path()).unwrap(),
        std::slice::from_ref(&location)
    );

    let snapshot = table.snapshot().unwrap().unwrap();
    let file = File::open(location.root().join(&snapshot.files[0].path)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let batch = &batches[0];
    let names: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "file",
            "offset",
            "line",
            "reason",
            "raw",
            "raw_bytes",
            "job_id"
        ]
    );
    let raw = batch.column(4).as_string::<i32>();
    assert_eq!((raw.value(0), raw.value(1)), ("<award>", "<aw\u{fffd}rd>"));
    assert!(batch.column(2).is_null(0));
    assert_eq!(
        batch.column(1).as_primitive::<Int64Type>().values(),
        &[0, 70]
    );
    assert_eq!(batch.column(6).as_string::<i32>().value(1), "job-1");
}

#[test]
fn no_bad_record_makes_no_file() {
    let lake = TestLake::new();
    let writer = QuarantineWriter::new(lake.path(), "awards", "w", "job-1").unwrap();
    assert!(writer.finish().unwrap().files.is_empty());
    assert_eq!(std::fs::read_dir(lake.path()).unwrap().count(), 0);
}

#[test]
fn long_raw_texts_do_not_pile_up_in_memory() {
    let lake = TestLake::new();
    let mut writer = QuarantineWriter::new(lake.path(), "awards", "w", "job-1").unwrap();
    let raw = vec![b'x'; 1 << 20];
    for offset in 0..9 {
        writer.write(&bad(offset, &raw)).unwrap();
    }
    assert_eq!(writer.finish().unwrap().rows, 9);
}

/// Commits bad records of a job: a file, and the offsets of those that it has.
fn quarantine(lake: &TestLake, job_id: &str, attempt: &str, records: &[(&str, &[i64])]) {
    let mut writer = QuarantineWriter::new(lake.path(), "awards", attempt, job_id).unwrap();
    for (file, offsets) in records {
        for offset in *offsets {
            let record = BadRecord {
                file,
                ..bad(*offset, b"<award>")
            };
            writer.write(&record).unwrap();
        }
    }
    let location = TableLocation::quarantine(lake.path(), "awards").unwrap();
    let files = writer.finish().unwrap().files;
    commit(&Table::open(location), job_id, files);
}

#[test]
fn what_a_job_has_put_into_quarantine_is_known() {
    for lake in [TestLake::new(), TestLake::in_bucket()] {
        let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let read = |job_id: &str, names: &[&str]| {
            Quarantined::read(lake.path(), "awards", job_id, &files(names)).unwrap()
        };
        assert!(!read("job-1", &["b.xml"]).has("b.xml", 7), "no table yet");
        let all: Vec<i64> = (0..3000).map(|n| n * 7).collect();
        quarantine(&lake, "job-1", "1", &[("a.xml", &[0, 5]), ("b.xml", &all)]);
        quarantine(&lake, "job-1", "2", &[("c.xml", &[9])]);
        quarantine(&lake, "job-2", "3", &[("b.xml", &[1]), ("c.xml", &[9, 10])]);
        let check = || {
            let known = read("job-1", &["b.xml", "c.xml", "d.xml"]);
            for offset in 0..30_000 {
                let is_there = offset % 7 == 0 && offset < 21_000;
                assert_eq!(known.has("b.xml", offset), is_there, "{offset}");
            }
            assert!(known.has("c.xml", 9) && !known.has("c.xml", 10));
            assert!(!known.has("a.xml", 0), "which was not asked for");
            assert!(read("job-2", &["c.xml"]).has("c.xml", 10));
            assert!(!read("job-3", &["c.xml"]).has("c.xml", 9));
        };
        check();
        let location = TableLocation::quarantine(lake.path(), "awards").unwrap();
        let table = Table::open(location);
        table.compact(&Compaction::new("c", 0)).unwrap();
        assert_eq!(table.snapshot().unwrap().unwrap().files.len(), 1);
        check();
    }
}

#[test]
fn a_quarantine_that_cannot_be_read_is_an_error() {
    let lake = TestLake::new();
    quarantine(&lake, "job-1", "1", &[("a.xml", &[0, 5])]);
    let location = TableLocation::quarantine(lake.path(), "awards").unwrap();
    let table = Table::open(location.clone());
    let path = table.snapshot().unwrap().unwrap().files[0].path.clone();
    let mut content = std::fs::read(location.root().join(&path)).unwrap();
    content[4..100].fill(0xff);
    std::fs::write(location.root().join(&path), content).unwrap();
    let files = ["a.xml".to_owned()].into();
    let error = Quarantined::read(lake.path(), "awards", "job-1", &files).unwrap_err();
    assert!(error.to_string().contains(&path), "{error}");
    // Another job's is not looked at.
    Quarantined::read(lake.path(), "awards", "job-2", &files).unwrap();
}

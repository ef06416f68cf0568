//! Bad records to their table and back.

use std::fs::File;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::support::TestLake;
use crate::ledger::Audit;
use crate::log::Mode;
use crate::{
    BadRecord, CommitRequest, QuarantineWriter, Table, TableLocation, quarantine_schema, tables,
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
    table
        .commit(&CommitRequest {
            commit_id: "q".into(),
            job_id: "job-1".into(),
            at_unix_ms: 0,
            mode: Mode::Append,
            base: 0,
            remove: Vec::new(),
            schema: quarantine_schema(),
            partition_by: Vec::new(),
            partition_columns_in_files: false,
            files: outcome.files,
            inputs: Vec::new(),
            audit: Audit::Coverage,
            job_failed: true,
            checked: None,
        })
        .unwrap();
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

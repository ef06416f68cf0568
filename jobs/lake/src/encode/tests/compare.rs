//! What the encoder writes, beside what the encoder of the `parquet` crate writes.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use fastrand::Rng;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::random::batches;
use crate::encode::FileEncoder;

/// Properties with small pages and dictionaries, so that a small file has all that a large one has.
fn properties(random: &mut Rng) -> WriterProperties {
    let codec = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    WriterProperties::builder()
        .set_compression(*random.choice(&codec).unwrap())
        .set_dictionary_enabled(random.u8(..) > 50)
        .set_dictionary_page_size_limit(*random.choice(&[1, 30, 500, 100_000]).unwrap())
        .set_data_page_row_count_limit(*random.choice(&[1, 7, 64, 4096]).unwrap())
        .set_data_page_size_limit(*random.choice(&[20, 100, 5000, 1 << 20]).unwrap())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(*random.choice(&[1, 100, 1000, 100_000]).unwrap()))
        .set_max_row_group_bytes(Some(*random.choice(&[1, 20_000, 1 << 20]).unwrap()))
        .build()
}

pub(super) fn encoded(batches: &[RecordBatch], properties: WriterProperties) -> Bytes {
    let mut file = FileEncoder::try_new(Vec::new(), batches[0].schema(), properties).unwrap();
    for batch in batches {
        file.write(batch).unwrap();
    }
    let footer = file.finish().unwrap();
    let bytes = Bytes::from(std::mem::take(file.inner_mut()));
    let read = metadata(&bytes);
    assert_eq!(read.file_metadata(), footer.file_metadata());
    assert_eq!(read.num_row_groups(), footer.num_row_groups());
    bytes
}

fn metadata(file: &Bytes) -> ParquetMetaData {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    ParquetMetaData::clone(reader.metadata())
}

/// Reads a file back, all rows or those that are selected.
pub(super) fn read(file: &Bytes, selection: Option<RowSelection>) -> RecordBatch {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let mut reader =
        ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap();
    if let Some(selection) = selection {
        reader = reader.with_row_selection(selection);
    }
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn files_hold_what_was_written_and_say_of_it_what_the_crate_says() {
    for seed in 0..150 {
        let mut random = Rng::with_seed(seed);
        let rows = random.usize(1..2000);
        let batches = batches(&mut random, rows);
        let written = concat_batches(&batches[0].schema(), &batches).unwrap();
        let properties = properties(&mut random);
        let file = encoded(&batches, properties.clone());
        assert_eq!(read(&file, None), written, "seed {seed}");

        // The places of the pages lead to the same rows.
        let (mut selectors, mut left) = (Vec::new(), written.num_rows());
        while left > 0 {
            let rows = random.usize(1..=left.min(300));
            selectors.push(RowSelector {
                row_count: rows,
                skip: random.bool(),
            });
            left -= rows;
        }
        let mut picked = Vec::new();
        let mut at = 0;
        for selector in &selectors {
            if !selector.skip {
                picked.push(written.slice(at, selector.row_count));
            }
            at += selector.row_count;
        }
        let picked = concat_batches(&written.schema(), &picked).unwrap();
        let selection = RowSelection::from(selectors);
        assert_eq!(read(&file, Some(selection)), picked, "seed {seed}");

        // Row groups are cut by rows alone, so that both have the same.
        let by_rows = properties
            .into_builder()
            .set_max_row_group_bytes(None)
            .build();
        let mut theirs =
            ArrowWriter::try_new(Vec::new(), written.schema(), Some(by_rows.clone())).unwrap();
        for batch in &batches {
            theirs.write(batch).unwrap();
        }
        let theirs = metadata(&Bytes::from(theirs.into_inner().unwrap()));
        let ours = metadata(&encoded(&batches, by_rows));
        assert_eq!(
            ours.num_row_groups(),
            theirs.num_row_groups(),
            "seed {seed}"
        );
        for (ours, theirs) in ours.row_groups().iter().zip(theirs.row_groups()) {
            assert_eq!(ours.num_rows(), theirs.num_rows());
            for (ours, theirs) in ours.columns().iter().zip(theirs.columns()) {
                let at = format!("seed {seed}, {}", ours.column_path());
                assert_eq!(ours.num_values(), theirs.num_values(), "{at}");
                assert_eq!(ours.statistics(), theirs.statistics(), "{at}");
                assert_eq!(ours.compression(), theirs.compression(), "{at}");
                assert_eq!(
                    ours.unencoded_byte_array_data_bytes(),
                    theirs.unencoded_byte_array_data_bytes(),
                    "{at}"
                );
                assert_eq!(
                    ours.dictionary_page_offset().is_some(),
                    theirs.dictionary_page_offset().is_some(),
                    "{at}"
                );
            }
        }
    }
}

/// On columns as jobs have them the files are as large as the crate's, too.
#[test]
fn files_are_no_larger_than_those_of_the_crate() {
    let mut random = Rng::with_seed(5);
    let few = ["ACTIVE", "CLOSED", "SUSPENDED", "UNDER REVIEW"];
    let rows = 50_000;
    let column = |text: &mut dyn FnMut(usize) -> Option<String>| {
        let texts: Vec<Option<String>> = (0..rows).map(text).collect();
        std::sync::Arc::new(arrow::array::StringArray::from(texts)) as arrow::array::ArrayRef
    };
    let columns = [
        (
            "state",
            column(&mut |_| Some(few[random.usize(0..4)].to_string())),
        ),
        (
            "sorted",
            column(&mut |row| Some(format!("day {}", row / 900))),
        ),
        ("same", column(&mut |_| Some("USA".to_string()))),
        (
            "some",
            column(&mut |row| (row % 7 > 2).then(|| format!("{}", row % 300))),
        ),
        ("none", column(&mut |_| None)),
        (
            "id",
            column(&mut |row| Some(format!("{:016x}", row * 7919))),
        ),
    ];
    for (name, column) in columns {
        let batch = RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_page_size_limit(128 << 10)
            .set_data_page_row_count_limit(4096)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let ours = encoded(std::slice::from_ref(&batch), properties.clone());
        let mut theirs =
            ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        theirs.write(&batch).unwrap();
        let theirs_bytes = theirs.into_inner().unwrap().len();
        assert!(
            ours.len() * 100 <= theirs_bytes * 103,
            "{name}: {} bytes, the crate's {theirs_bytes}",
            ours.len()
        );
        let metadata = metadata(&ours);
        let chunk = metadata.row_group(0).column(0);
        let encodings: Vec<Encoding> = chunk.encodings().collect();
        assert!(
            encodings.contains(&Encoding::RLE_DICTIONARY),
            "{name}: {encodings:?}"
        );
        assert!(encodings.contains(&Encoding::PLAIN), "{name}");
    }
}

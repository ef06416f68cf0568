//! Where the encoder ends or refuses: full dictionaries, decimals of every precision, memory told, a codec refused.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::compare::{encoded, read};
use crate::encode::FileEncoder;

fn texts(texts: impl Iterator<Item = String>) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    RecordBatch::try_from_iter([("text", column)]).unwrap()
}

fn pages(rows: usize) -> WriterProperties {
    WriterProperties::builder()
        .set_data_page_row_count_limit(rows)
        .build()
}

/// Indices take 16 bits at most: a dictionary ends with 65,536 texts, however small they are.
#[test]
fn a_dictionary_ends_when_its_indices_would_be_too_wide() {
    let batch = texts((0..70_000).map(|number| format!("{number}")));
    let properties = pages(1000)
        .into_builder()
        .set_dictionary_page_size_limit(1 << 20)
        .build();
    let batches = [batch.clone(), batch];
    let written = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(read(&encoded(&batches, properties), None), written);
}

/// How decimals lie in a file is the crate's choice, and not the same for all of few digits.
#[test]
fn decimals_of_every_precision_come_back() {
    for precision in 1..=38 {
        let numbers = Decimal128Array::from(vec![Some(7), None, Some(-9), Some(0)]);
        let numbers = numbers.with_precision_and_scale(precision, 1).unwrap();
        let column: ArrayRef = Arc::new(numbers);
        let batch = RecordBatch::try_from_iter_with_nullable([("n", column, true)]).unwrap();
        let file = encoded(std::slice::from_ref(&batch), pages(3));
        assert_eq!(read(&file, None), batch, "precision {precision}");
    }
}

#[test]
fn memory_and_size_are_told_while_a_row_group_grows() {
    let batch = texts((0..10_000).map(|number| format!("text {number}")));
    let bytes: usize = batch.column(0).get_array_memory_size();
    let properties = pages(1000)
        .into_builder()
        .set_dictionary_enabled(false)
        .build();
    let mut file = FileEncoder::try_new(Vec::new(), batch.schema(), properties).unwrap();
    assert_eq!((file.memory_bytes(), file.in_progress_bytes()), (0, 0));
    file.write(&batch).unwrap();
    let (memory, size) = (file.memory_bytes(), file.in_progress_bytes());
    assert!(
        memory >= size && size > bytes / 2,
        "{memory}, {size}, {bytes}"
    );
    file.flush().unwrap();
    assert_eq!((file.memory_bytes(), file.in_progress_bytes()), (0, 0));
    assert!(file.bytes_written() >= size, "{}", file.bytes_written());
}

#[test]
fn a_codec_that_no_job_can_name_is_refused() {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .build();
    let batch = texts(std::iter::once(String::new()));
    let refused = FileEncoder::try_new(Vec::new(), batch.schema(), properties);
    let error = refused.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("LZ4_RAW"), "{error}");
}

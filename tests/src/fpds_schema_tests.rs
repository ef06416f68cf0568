//! The fpds pipeline's pinned schema against the data: nothing in a record that it doesn't know, nothing that doesn't
//! fit. What the generator writes and what is really published are both held against it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use headworks_formats::{FedState, Split, XmlConfig, XmlOptions, XmlReader, schema_file};

use crate::fpds::{self, Options, RecordType, Shape, Size};
use crate::real_data;

/// Reads a file by a schema file: the records, or what is wrong with the first that doesn't fit.
fn read(file: &Path, schema: &str, row_tags: &[&str]) -> Result<u64, String> {
    let schema_path = crate::crate_folder().join(schema);
    let schema =
        Arc::new(schema_file::read(&std::fs::read_to_string(schema_path).unwrap()).unwrap());
    let mut output: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    output.push(Field::new(
        headworks_formats::xml::ROW_TAG_COLUMN,
        DataType::Utf8,
        true,
    ));
    let options = XmlOptions::new(row_tags).unwrap();
    let config = XmlConfig::new(options, schema, Arc::new(Schema::new(output))).unwrap();
    let mut reader = XmlReader::new(Arc::new(config), Split::whole());
    let xml = std::fs::read(file).unwrap();
    let mut rows = 0;
    loop {
        let fed = reader
            .feed(&xml[reader.position() as usize..], true)
            .map_err(|failure| failure.to_string())?;
        rows += reader
            .take_batch()
            .unwrap()
            .map_or(0, |batch| batch.num_rows() as u64);
        if let Some(bad) = reader.take_bad().first() {
            return Err(format!(
                "{} at {}: {}",
                file.display(),
                bad.offset,
                bad.reason
            ));
        }
        match fed.state {
            FedState::Done => break,
            FedState::BatchReady => {}
            FedState::NeedInput { .. } => return Err("the whole file is there".to_string()),
        }
    }
    match reader.report().unknown.first_key_value() {
        Some((path, seen)) => Err(format!(
            "{}: the schema lacks {path}: {}",
            file.display(),
            seen.example
        )),
        None => Ok(rows),
    }
}

const PIPELINE: &str = "../jobs/pipelines/fpds/fpds.schema.yaml";
const BENCHMARK: &str = "bench/flat.schema.yaml";

fn read_pipeline(files: impl IntoIterator<Item = PathBuf>) -> u64 {
    let tags = RecordType::ALL.map(RecordType::row_tag);
    files
        .into_iter()
        .map(|file| read(&file, PIPELINE, &tags).unwrap())
        .sum()
}

#[test]
fn the_schemas_know_all_that_the_generator_writes() {
    for shape in [Shape::Archive, Shape::Atom] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            types: RecordType::ALL.to_vec(),
            files: Some(8),
            ..Options::new(shape, Size::Records(400), 15)
        };
        let truth = fpds::generate(&options, folder.path()).unwrap();
        assert_eq!(
            read_pipeline(
                truth
                    .records_by_file
                    .keys()
                    .map(|file| folder.path().join(file))
            ),
            400
        );
    }
    let folder = tempfile::tempdir().unwrap();
    fpds::generate(
        &Options::new(Shape::Flat, Size::Records(5000), 15),
        folder.path(),
    )
    .unwrap();
    assert_eq!(
        read(&folder.path().join("awards.xml"), BENCHMARK, &["award"]),
        Ok(5000)
    );
}

#[test]
fn the_pipelines_schema_knows_all_that_is_really_published() {
    let test = "the_pipelines_schema_knows_all_that_is_really_published";
    let Some(folder) = real_data::folder(test) else {
        return;
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join("fpds")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            files.push(path);
        }
    }
    assert_eq!(files.len(), 5, "{files:?}");
    assert_eq!(read_pipeline(files), 71);
    let Some(pages) = real_data::atom_pages(test).unwrap() else {
        return;
    };
    let mut files = Vec::new();
    for contract in std::fs::read_dir(pages).unwrap() {
        for page in std::fs::read_dir(contract.unwrap().path()).unwrap() {
            files.push(page.unwrap().path());
        }
    }
    assert_eq!(files.len(), 4546);
    assert_eq!(read_pipeline(files), 40_828);
}

//! Generated data and job files over it.

use std::path::PathBuf;

use headworks_tests::fpds::{Options, RecordType, Shape, Size, Truth, generate};

use super::place::Place;

/// The job of the repository that the README begins with.
pub(crate) fn fpds_job() -> PathBuf {
    fpds_folder().join("job.yaml").canonicalize().unwrap()
}

/// The folder of that job.
pub(crate) fn fpds_folder() -> PathBuf {
    headworks_tests::crate_folder().join("../jobs/pipelines/fpds")
}

/// One archive file of awards of about so many bytes in `folder`, and its truth.
pub(crate) fn one_file(place: &Place, folder: &str, bytes: u64, bad: u64, seed: u64) -> Truth {
    let options = Options {
        bad,
        types: vec![RecordType::Award],
        files: Some(1),
        ..Options::new(Shape::Archive, Size::Bytes(bytes), seed)
    };
    generate(&options, &place.path(folder)).unwrap()
}

/// `sources.awards.path=...` for all XML files of `folder`, for `--set`.
pub(crate) fn awards_in(place: &Place, folder: &str) -> String {
    format!(
        "sources.awards.path={}/**/*.xml",
        place.path(folder).display()
    )
}

/// Writes a job of one model over awards, with the repository's schema: `sql` is a query, or the path of one; `model`
/// more lines of the model, `tuning` those of the tuning.
pub(crate) fn awards_job(
    place: &Place,
    data: &str,
    table: &str,
    sql: &str,
    model: &[&str],
    tuning: &[&str],
) -> PathBuf {
    let schema = fpds_folder().join("fpds.schema.yaml");
    let mut job = format!(
        "job: {table}\nlake: ./lake\nsources:\n  awards:\n    format: xml\n    path: {data}/**/*.xml\n    \
         row_tag: award\n    schema: {}\nmodels:\n  {table}:\n    sql: {sql}\n",
        schema.canonicalize().unwrap().display(),
    );
    for line in model {
        job.push_str(&format!("    {line}\n"));
    }
    if !tuning.is_empty() {
        job.push_str("tuning:\n");
    }
    for line in tuning {
        job.push_str(&format!("  {line}\n"));
    }
    place.write(&format!("{table}.yaml"), job)
}

/// Writes a job with one model `out` over the elements `row` of `data/*.xml`.
pub(crate) fn rows_job(place: &Place, sql: &str, source: &[&str]) -> PathBuf {
    place.write("rows.sql", sql);
    let mut job =
        "job: rows\nlake: ./lake\nsources:\n  rows:\n    format: xml\n    path: data/*.xml\n    \
                   row_tag: row\n"
            .to_owned();
    for line in source {
        job.push_str(&format!("    {line}\n"));
    }
    job.push_str("models:\n  out:\n    sql: rows.sql\n");
    place.write("rows.yaml", job)
}

/// A document of `row` elements with an id and a name each.
pub(crate) fn rows(count: u32) -> String {
    let mut xml = "<?xml version=\"1.0\"?>\n<rows>\n".to_owned();
    for id in 1..=count {
        xml.push_str(&format!("<row><id>{id}</id><name>n{id}</name></row>\n"));
    }
    xml.push_str("</rows>\n");
    xml
}

//! One document, stored in every way that is read: the same rows and types.

use std::path::Path;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use headworks_formats::{CsvOptions, FormatOptions, JsonOptions, SampleRatio, XmlOptions};
use object_store::ObjectStoreExt;

use crate::archive::tests::{File, archive};
use crate::cut::{CutOptions, cut};
use crate::decompress::Compression;
use crate::decompress::tests::compress;
use crate::heads::look_for_seams;
use crate::infer::infer;
use crate::places;
use crate::sample::sample;
use crate::{
    InputFile, Rename, ScanSpec, SourceError, SourceSchema, SourceTable, discover, why_one_task,
};

const RECORDS: usize = 500;

fn document(encoding: &str) -> String {
    let records: String = (0..RECORDS)
        .map(|i| format!("<row id='{i}'><name>caf\u{E9} {i}</name><amount>{i}.50</amount></row>\n"))
        .collect();
    format!("<?xml version='1.0' encoding='{encoding}'?>\n<rows>\n{records}</rows>\n")
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}

/// Every way: the file's name, its bytes, and whether it can be cut.
fn stored() -> Vec<(&'static str, Vec<u8>, bool)> {
    let utf8 = document("UTF-8").into_bytes();
    let wide = utf16(&document("UTF-16"));
    let many = |compression, bytes: &[u8]| {
        let (one, two) = bytes.split_at(bytes.len() / 3);
        [compress(compression, one), compress(compression, two)].concat()
    };
    let zip = archive(
        &[
            File::new("inner/deflated.xml", &utf8, 8),
            File::new("inner/stored.xml", &wide, 0),
            File::new("inner/twice.xml.gz", &compress(Compression::Gzip, &utf8), 8),
        ],
        false,
    );
    vec![
        ("plain.xml", utf8.clone(), true),
        ("latin1.xml", latin1(&document("ISO-8859-1")), true),
        ("utf16.xml", wide.clone(), false),
        ("a.xml.gz", many(Compression::Gzip, &utf8), false),
        ("a.xml.bz2", many(Compression::Bzip2, &utf8), false),
        ("a.xml.zst", many(Compression::Zstd, &utf8), false),
        ("a.xml.xz", many(Compression::Xz, &utf8), false),
        ("utf16.xml.gz", many(Compression::Gzip, &wide), false),
        (
            "latin1.xml.zst",
            compress(Compression::Zstd, &latin1(&document("ISO-8859-1"))),
            false,
        ),
        ("three.zip", zip, false),
    ]
}

fn options() -> FormatOptions {
    FormatOptions::Xml(XmlOptions::new(&["row"]).unwrap())
}

async fn found(path: &Path) -> Vec<InputFile> {
    discover("s", &[path.display().to_string()]).await.unwrap()
}

async fn listed(path: &Path) -> Vec<InputFile> {
    let mut files = found(path).await;
    look_for_seams(&mut files, 0, &options()).await.unwrap();
    files
}

/// The schema of a file, and its rows through SQL, cut into splits of 2,000 bytes.
async fn read(files: &[InputFile]) -> (String, Vec<String>) {
    let sql = "SELECT concat(_id, '|', name, '|', amount, '|', _hw_file) AS r FROM s ORDER BY _id, _hw_file";
    read_as(files, options(), Rename::default(), sql).await
}

/// The schema of files, and one column of text through SQL, cut into splits of 2,000 bytes.
async fn read_as(
    files: &[InputFile],
    options: FormatOptions,
    rename: Rename,
    sql: &str,
) -> (String, Vec<String>) {
    let tree = infer(files, &options, None).await.unwrap();
    let schema = options.schema_of(&tree).unwrap();
    let schema = rename.schema_of_columns("s", &schema).unwrap();
    let schema = SourceSchema::from_arrow(&Arc::new(schema)).unwrap();
    let yaml = schema.yaml().to_owned();
    let scan = ScanSpec {
        sampled: None,
        source: "s".into(),
        options,
        schema,
        rename,
        known_starts: Default::default(),
        members: Default::default(),
        contents: Default::default(),
        filter: Vec::new(),
        also: Default::default(),
        quarantine: None,
    };
    let splits = cut(
        files,
        CutOptions {
            split_bytes: Some(2000),
            wave_bytes: u64::MAX,
            slots: 2,
        },
    );
    let table = SourceTable::try_new(scan, splits.concat()).unwrap();
    let ctx = SessionContext::new();
    ctx.register_table("s", Arc::new(table)).unwrap();
    if let Ok(opened) = headworks_stores::open(&files[0].path) {
        let url = places::store_url("s", std::iter::once(files[0].path.as_str())).unwrap();
        ctx.register_object_store(url.as_ref(), opened.store);
    }
    let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
    let rows = batches.iter().flat_map(|batch| {
        let rows = datafusion::arrow::compute::cast(
            batch.column(0),
            &datafusion::arrow::datatypes::DataType::Utf8,
        )
        .unwrap();
        let rows = datafusion::common::cast::as_string_array(&rows).unwrap();
        rows.iter()
            .map(|r| r.unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    (yaml, rows.collect())
}

#[tokio::test]
async fn the_same_rows_however_they_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut schemas = Vec::new();
    for (name, bytes, can_be_cut) in stored() {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let files = listed(&path).await;
        assert_eq!(files.len(), if name == "three.zip" { 3 } else { 1 });
        assert!(
            files
                .iter()
                .all(|f| why_one_task(f).is_none() == can_be_cut),
            "{name}"
        );
        let (schema, rows) = read(&files).await;
        schemas.push(schema);
        let expected: Vec<String> = (0..RECORDS)
            .flat_map(|i| {
                files
                    .iter()
                    .map(move |f| format!("{i}|caf\u{E9} {i}|{i}.50|{}", f.path))
            })
            .collect();
        assert_eq!(rows, expected, "{name}");
    }
    schemas.dedup();
    assert_eq!(schemas.len(), 1);
}

/// Records in lines of JSON, or in CSV.
fn lines(header: &str, record: impl Fn(usize) -> String) -> String {
    let records = (0..RECORDS).map(|i| record(i) + "\n");
    std::iter::once(header.to_owned()).chain(records).collect()
}

/// On a disk and in a bucket, under columns' names that are not those in the files, which a filter meets too.
#[tokio::test]
async fn json_and_csv_wherever_they_lie() {
    let bucket = headworks_stores::memory::mount("sources-read");
    let json = lines("", |i| {
        format!("{{\"ID\": {i}, \"name\": \"caf\u{E9} {i}\", \"amount\": {i}.50}}")
    });
    let csv = lines("name,ID,amount\n", |i| format!("caf\u{E9} {i},{i},{i}.50"));
    let formats = [
        (FormatOptions::Json(JsonOptions::default()), json),
        (FormatOptions::Csv(CsvOptions::default()), csv),
    ];
    for (options, text) in formats {
        let word = options.word();
        let dir = tempfile::tempdir().unwrap();
        let mut stored = vec![
            (format!("a.{word}"), text.as_bytes().to_vec(), true),
            (
                format!("b.{word}.gz"),
                compress(Compression::Gzip, text.as_bytes()),
                false,
            ),
            (format!("c.{word}"), utf16(&text), false),
        ];
        if word == "json" {
            let records: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            let array = format!("[\n{}\n]\n", records.join(",\n"));
            stored.push(("d.json".to_owned(), array.into_bytes(), true));
        }
        let mut found = Vec::new();
        for (name, bytes, can_be_cut) in stored {
            std::fs::write(dir.path().join(&name), &bytes).unwrap();
            let key = object_store::path::Path::parse(format!("{word}/{name}")).unwrap();
            bucket.store.put(&key, bytes.into()).await.unwrap();
            let places = [
                format!("{}/{name}", dir.path().display()),
                format!("s3://sources-read/{word}/{name}"),
            ];
            for place in places {
                let mut files = discover("s", std::slice::from_ref(&place)).await.unwrap();
                look_for_seams(&mut files, 0, &options).await.unwrap();
                assert_eq!(why_one_task(&files[0]).is_none(), can_be_cut, "{place}");
                let rename = Rename::new([("ID".to_owned(), "id".to_owned())]);
                let sql = "SELECT concat(id, '|', name, '|', amount) AS r FROM s WHERE id >= 100 ORDER BY id";
                let (schema, rows) = read_as(&files, options.clone(), rename, sql).await;
                let expected: Vec<String> = (100..RECORDS)
                    .map(|i| format!("{i}|caf\u{E9} {i}|{i}.50"))
                    .collect();
                assert_eq!(rows, expected, "{place}");
                assert!(schema.contains("  id: int64\n"), "{schema}");
                found.push(schema);
            }
        }
        found.dedup();
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

/// A UTF-16 file that nobody looked at is one split as long as it is small.
/// What a file is cannot be told before its end in some, however long or short they are.
#[tokio::test]
async fn files_whose_end_comes_before_their_head_is_known() {
    let json = || FormatOptions::Json(JsonOptions::default());
    let csv = || FormatOptions::Csv(CsvOptions::default());
    let dir = tempfile::tempdir().unwrap();
    let long = "y".repeat(300_000);
    let value = |text: &str| format!("{{\"a\":\"{text}\"}}");
    let header = format!("{long},a\n1,2\n");
    let comment = format!("<!-- {long} --><x><row><a>1</a></row></x>");
    let cases: Vec<(&str, FormatOptions, Vec<u8>, Vec<&str>)> = vec![
        ("long.json", json(), value(&long).into(), vec![&long]),
        (
            "feed.json",
            json(),
            (value(&long) + "\n").into(),
            vec![&long],
        ),
        (
            "two.json",
            json(),
            (value(&long) + "\n" + &value("x")).into(),
            vec!["x", &long],
        ),
        ("wide.json", json(), utf16(&value("z")), vec!["z"]),
        ("head.csv", csv(), header.into(), vec!["2"]),
        ("wide.csv", csv(), utf16("a\n1"), vec!["1"]),
        ("comment.xml", options(), comment.into(), vec!["1"]),
    ];
    let sql = "SELECT concat(a) AS r FROM s ORDER BY r";
    for (name, options, content, rows) in cases {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let files = found(&path).await;
        let (_, read) = read_as(&files, options, Rename::default(), sql).await;
        assert!(read == rows, "{name}: {} rows", read.len());
    }
    // One that has nothing but a mark, beside another.
    std::fs::write(dir.path().join("mark.csv"), utf16("")).unwrap();
    let files: Vec<InputFile> = [
        found(&dir.path().join("mark.csv")).await,
        found(&dir.path().join("wide.csv")).await,
    ]
    .concat();
    let (_, read) = read_as(&files, csv(), Rename::default(), sql).await;
    assert_eq!(read, ["1"]);
}

#[tokio::test]
async fn a_head_that_was_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.xml");
    std::fs::write(&path, utf16(&document("UTF-16"))).unwrap();
    let mut files = found(&path).await;
    look_for_seams(&mut files, 1 << 20, &options())
        .await
        .unwrap();
    assert!(!files[0].whole);
    assert!(infer(&files, &options(), None).await.is_ok());
}

#[tokio::test]
async fn what_a_file_says_wrongly_is_an_input_error() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = utf16(&document("UTF-16"));
    let two = [document("UTF-8"), document("ISO-8859-1")]
        .concat()
        .into_bytes();
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("unknown.xml", document("x-none").into_bytes(), "x-none"),
        (
            "unknown.xml.gz",
            compress(Compression::Gzip, document("x-none").as_bytes()),
            "x-none",
        ),
        ("odd.xml", wrong[..wrong.len() - 1].to_vec(), "UTF-16LE"),
        (
            "odd.xml.bz2",
            compress(Compression::Bzip2, &wrong[..wrong.len() - 1]),
            "UTF-16LE",
        ),
        ("two.xml", two, "ISO-8859-1"),
        (
            "plain.xml.gz",
            document("UTF-8").into_bytes(),
            "no gzip data",
        ),
    ];
    for (name, bytes, expected) in cases {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let files = found(&path).await;
        match infer(&files, &options(), None).await {
            Err(SourceError::Input { path, message }) => {
                assert!(path.ends_with(name));
                assert!(message.contains(expected), "{name}: {message}");
            }
            other => panic!("{name}: {:?}", other.map(drop)),
        }
    }
}

/// Thousands of small files, and one that is cut: the sample has a part of each, and gives the schema of all.
#[tokio::test]
async fn a_sample_is_a_part_of_the_records_and_knows_their_types() {
    let dir = tempfile::tempdir().unwrap();
    let json = FormatOptions::Json(JsonOptions::default());
    let record = |i: usize| format!("{{\"id\": {i}, \"name\": \"n{i}\", \"none\": null}}\n");
    for i in 0..1200 {
        std::fs::write(dir.path().join(format!("{i:04}.json")), record(i)).unwrap();
    }
    let files = found(dir.path()).await;
    let tree = sample(&files, &json).await.unwrap().unwrap();
    assert_eq!(tree.records, 1200 / 16);
    let all = infer(&files, &json, None).await.unwrap();
    assert_eq!(
        json.schema_of(&tree).unwrap(),
        json.schema_of(&all).unwrap()
    );
    assert_eq!(json.sampled(&tree).open, [["none"]]);
    // Formats that do not tell strings from numbers prove nothing; nor does a stated share of the records.
    assert_eq!(sample(&files, &options()).await.unwrap(), None);
    let half = FormatOptions::Json(JsonOptions {
        sample_ratio: SampleRatio::new(0.5).unwrap(),
        ..JsonOptions::default()
    });
    assert_eq!(sample(&files, &half).await.unwrap(), None);
    // Few files are looked at whole.
    assert_eq!(sample(&files[..100], &json).await.unwrap(), None);

    let big = dir.path().join("big.ndjson");
    let lines: String = (0..2_500_000).map(record).collect();
    std::fs::write(&big, &lines).unwrap();
    let files = found(&big).await;
    let tree = sample(&files, &json).await.unwrap().unwrap();
    let share = tree.records as f64 / 2_500_000.0;
    assert!((0.01..0.03).contains(&share), "{share}");
    let id = &tree.root.elements["id"];
    assert_eq!(id.text.digits_max, 7, "also of its end");

    // In an array a slice may begin with what is no record.
    let array = format!("[{}]", lines.trim_end().replace('\n', ",\n"));
    std::fs::write(&big, array).unwrap();
    let mut files = found(&big).await;
    look_for_seams(&mut files, 1 << 20, &json).await.unwrap();
    assert!(files[0].guessed && !files[0].whole);
    assert_eq!(sample(&files, &json).await.unwrap(), None);
}

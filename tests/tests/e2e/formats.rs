//! JSON, CSV and Parquet through the programs: rows as another reader sees them, bad records in their place, and
//! numbers that add up, whichever way the files are written.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::Place;
use crate::support::place::{Outcome, counts};

/// A job with one model `out` over one source `rows`: lines of the source, the query, and how it is cut.
fn run(place: &Place, source: &[&str], sql: &str, tuning: &[&str]) -> Outcome {
    let mut job = "job: formats\nlake: ./lake\nsources:\n  rows:\n".to_owned();
    for line in source {
        let _ = writeln!(job, "    {line}");
    }
    place.write("out.sql", sql);
    job.push_str("models:\n  out:\n    sql: out.sql\n");
    if !tuning.is_empty() {
        job.push_str("tuning:\n");
    }
    for line in tuning {
        let _ = writeln!(job, "  {line}");
    }
    let job = place.write("formats.yaml", job);
    place.run(&job, &[])
}

/// The bad records: the file's name, line, offset, raw text.
fn quarantined(place: &Place) -> Vec<(String, u64, u64, String)> {
    let rows = place
        .lake("lake")
        .query("select file, line, \"offset\", raw from quarantine_rows order by file, \"offset\"");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            let file = text(&row["file"]);
            let name = file.rsplit('/').next().unwrap().to_owned();
            let number = |key: &str| row[key].as_u64().unwrap();
            let raw = text(&row["raw"]).trim_end().to_owned();
            (name, number("line"), number("offset"), raw)
        })
        .collect()
}

/// Lines of events, numbered from `from`.
fn events(from: u64, count: u64) -> String {
    let mut lines = String::new();
    for id in from..from + count {
        let _ = writeln!(
            lines,
            "{{\"id\": {id}, \"user\": {{\"name\": \"n{}\", \"tags\": [\"a\", \"b\\n{id}\"]}}, \"amount\": {}.25, \
             \"code\": \"0{}\", \"at\": \"2024-02-{:02}T03:04:05\"}}",
            id % 7,
            id % 100,
            id % 10,
            id % 28 + 1
        );
    }
    lines
}

#[test]
fn lines_of_json_are_cut_and_a_bad_one_is_found_in_its_place() {
    let place = Place::new();
    let mut first = events(0, 1000);
    let bad = "{\"id\": 7, \"user\": {\"name\": }\n";
    let at = first.match_indices('\n').nth(599).unwrap().0 + 1;
    first.insert_str(at, bad);
    place.write("data/2024/a.json", &first);
    place.write("data/2024/b/b.json", events(1000, 500));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(events(1500, 500).as_bytes()).unwrap();
    place.write("data/c.json.gz", gzip.finish().unwrap());

    let source = ["format: json", "path: data/**/*.json*"];
    let outcome = run(
        &place,
        &source,
        "SELECT *, _hw_offset AS at_byte FROM rows",
        &["split_size: 10KB"],
    );
    let job = outcome.done();
    assert_eq!(counts(&job), [2001, 2000, 0, 0, 1]);
    let bytes = place.lake("lake");
    assert_eq!(bytes.audit()["out"]["rows"], 2000);
    let row = bytes.row(
        "select count(distinct id) as ids, sum(id)::bigint as total, sum(amount)::varchar as amount, \
         min(\"user\".name) as name, max(len(\"user\".tags)) as tags, any_value(typeof(code)) as code, \
         any_value(typeof(\"at\")) as at_type, any_value(typeof(amount)) as amount_type from out",
    );
    let amount: u64 = (0..2000).map(|id| (id % 100) * 100 + 25).sum();
    assert_eq!(row["ids"], 2000);
    assert_eq!(row["total"], 1999 * 2000 / 2);
    assert_eq!(
        row["amount"],
        format!("{}.{:02}", amount / 100, amount % 100)
    );
    assert_eq!((&row["name"], &row["tags"]), (&json!("n0"), &json!(2)));
    assert_eq!(
        (&row["code"], &row["at_type"]),
        (&json!("VARCHAR"), &json!("TIMESTAMP"))
    );
    assert_eq!(row["amount_type"], "DECIMAL(4,2)");
    assert_eq!(
        quarantined(&place),
        [(
            "a.json".to_owned(),
            601,
            at as u64,
            bad.trim_end().to_owned()
        )]
    );
}

#[test]
fn the_entries_of_a_map_are_rows_and_a_document_without_it_is_bad() {
    let place = Place::new();
    let day = |n: u32| {
        format!(
            "\"2024-03-{n:02}\": {{\"1. open\": \"{n}.5000\", \"2. volume\": \"{}\"}}",
            n * 100
        )
    };
    for (symbol, days) in [("AAPL", 1..=20), ("IBM", 5..=9)] {
        let days: Vec<String> = days.map(day).collect();
        let document = format!(
            "{{\n  \"Meta Data\": {{\"2. Symbol\": \"{symbol}\"}},\n  \"Time Series (Daily)\": {{\n    {}\n  }}\n}}\n",
            days.join(",\n    ")
        );
        place.write(&format!("data/{symbol}.json"), document);
    }
    let error = "{\"Error Message\": \"Invalid API call\"}";
    place.write("data/error.json", error);
    let source = [
        "format: json",
        "path: data/*.json",
        "records: '$[\"Time Series (Daily)\"].*'",
        "key_column: date",
        "keep: {symbol: '$[\"Meta Data\"][\"2. Symbol\"]'}",
        "rename: {1. open: open, 2. volume: volume}",
    ];
    let sql = "SELECT symbol, date, CAST(open AS DECIMAL(9,4)) AS open, CAST(volume AS BIGINT) AS volume FROM rows";
    let job = run(&place, &source, sql, &[]).done();
    assert_eq!(counts(&job), [26, 25, 0, 0, 1]);
    let rows = place.lake("lake").query(
        "select symbol, count(*) as days, min(date)::varchar as first, sum(open)::varchar as open, \
         sum(volume)::bigint as volume from out group by symbol order by symbol",
    );
    assert_eq!(
        rows,
        [
            json!({"symbol": "AAPL", "days": 20, "first": "2024-03-01", "open": "220.0000", "volume": 21000}),
            json!({"symbol": "IBM", "days": 5, "first": "2024-03-05", "open": "37.5000", "volume": 3500}),
        ]
    );
    assert_eq!(
        quarantined(&place),
        [("error.json".to_owned(), 1, 0, error.to_owned())]
    );
}

#[test]
fn documents_and_arrays_are_read_as_their_beginning_shows() {
    let place = Place::new();
    place.write(
        "data/array.json",
        "[\n  {\"id\": 1, \"n\": 1.5},\n  {\"id\": 2, \"n\": null}\n]\n",
    );
    place.write(
        "data/pretty.json",
        "{\n  \"id\": 3\n}\n{\n  \"id\": 4,\n  \"n\": 2\n}\n",
    );
    let wide: Vec<u8> = "\u{feff}{\"id\": 5, \"n\": 7.25}\n{\"id\": 6}\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    place.write("data/wide.json", wide);
    let source = ["format: json", "path: data/*.json"];
    let job = run(&place, &source, "SELECT * FROM rows", &["split_size: 16"]).done();
    assert_eq!(counts(&job), [6, 6, 0, 0, 0]);
    let rows = place
        .lake("lake")
        .query("select id, n::varchar as n from out order by id");
    let found: Vec<(u64, Option<&str>)> = rows
        .iter()
        .map(|r| (r["id"].as_u64().unwrap(), r["n"].as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (1, Some("1.50")),
            (2, None),
            (3, None),
            (4, Some("2.00")),
            (5, Some("7.25")),
            (6, None)
        ]
    );
}

#[test]
fn csv_files_with_quotes_headers_in_any_order_and_bad_records() {
    let place = Place::new();
    let mut first = "id,name,note,day\r\n".to_owned();
    for id in 1..=400 {
        let _ = write!(
            first,
            "{id},\"n, {id}\",\"two\r\nlines \"\"{id}\"\"\",2024-01-{:02}\r\n",
            id % 28 + 1
        );
    }
    let at = first.len();
    first.push_str("401,too few\r\n402,last,,2024-01-05");
    place.write("data/a.csv", &first);
    place.write(
        "data/b.csv",
        "day,id,note,name\n2023-12-31,500,\"\",x\n,501,plain,y\n",
    );
    let source = ["format: csv", "path: data/*.csv", "rename: {note: remark}"];
    let job = run(&place, &source, "SELECT * FROM rows", &["split_size: 1KB"]).done();
    assert_eq!(counts(&job), [404, 403, 0, 0, 1]);
    let lake = place.lake("lake");
    let row = lake.row(
        "select count(*) as n, sum(id)::bigint as ids, max(name) as name, min(\"day\")::varchar as first, \
         count(*) filter (remark is null) as without, count(*) filter (remark = '') as empty, \
         count(*) filter (remark = 'two' || chr(13) || chr(10) || 'lines \"' || id || '\"') as quoted from out",
    );
    assert_eq!(
        row,
        json!({"n": 403, "ids": 400 * 401 / 2 + 402 + 500 + 501, "name": "y", "first": "2023-12-31", "without": 1,
               "empty": 1, "quoted": 400})
    );
    // The line as an editor counts it: each record before has two.
    assert_eq!(
        quarantined(&place),
        [("a.csv".to_owned(), 802, at as u64, "401,too few".to_owned())]
    );
}

#[test]
fn csv_without_a_header_is_joined_with_a_look_up_table_in_parquet() {
    let place = Place::new();
    place.write("codes.csv", "code,label\nA,first\nB,second\n");
    let codes = place.path("codes.parquet");
    let converted = place.headworks(&[
        "convert",
        "codes.csv",
        codes.to_str().unwrap(),
        "-o",
        "json",
    ]);
    let converted = converted.expect(0).json();
    assert_eq!(
        (&converted["rows"], &converted["quarantined"]),
        (&json!(2), &json!(0))
    );

    place.write("data.0.txt", "# exported\n1;A;10\n2;B;20\n3;C;30\n4;A;40\n");
    let job = "job: joined\nlake: ./lake\nsources:\n  facts:\n    format: csv\n    path: data.*.txt\n    header: false\n    \
               columns: [id, code, amount]\n    delimiter: ;\n    comment: '#'\n  codes:\n    format: parquet\n    \
               path: codes.parquet\nmodels:\n  out:\n    sql: SELECT facts.*, label FROM facts JOIN codes USING (code)\n    \
               mode: append\n  copy:\n    sql: SELECT * FROM codes\n";
    let file = place.write("joined.yaml", job);
    let job = place.run(&file, &[]).done();
    let sources = job["sources"].as_array().unwrap();
    let facts = sources.iter().find(|s| s["name"] == "facts").unwrap();
    assert_eq!(
        (&facts["read"], &facts["quarantined"]),
        (&json!(4), &json!(0))
    );
    let lake = place.lake("lake");
    assert_eq!(
        lake.query("select label, count(*) as n, sum(amount)::bigint as amount from out group by 1 order by 1"),
        [json!({"label": "first", "n": 2, "amount": 50}), json!({"label": "second", "n": 1, "amount": 20})]
    );
    assert_eq!(lake.audit()["copy"]["rows"], 2);

    // The look-up table is read whole each time; it is no input that has been taken in.
    let version = |job: &serde_json::Value| job["models"][0]["version"].clone();
    let again = place.run(&file, &[]).done();
    assert_eq!(version(&again), version(&job), "nothing is new");
    place.write("data.1.txt", "5;B;50\n");
    place.run(&file, &[]).done();
    assert_eq!(
        lake.query("select label, count(*) as n, sum(amount)::bigint as amount from out group by 1 order by 1"),
        [json!({"label": "first", "n": 2, "amount": 50}), json!({"label": "second", "n": 2, "amount": 70})]
    );
}

#[test]
fn convert_guesses_the_format_and_keeps_bad_records_beside_its_result() {
    let place = Place::new();
    for (name, content, read) in [
        ("a.ndjson", format!("{}not json\n", events(0, 50)), 51),
        ("b.csv", "id,x\n1,2\n3\n4,5\n".to_owned(), 3),
        ("c.tsv", "id\tx\n1\t2\n3\n4\t5\n".to_owned(), 3),
    ] {
        place.write(name, content);
        let out = place.path(&format!("{name}.parquet"));
        let converted = place.headworks(&["convert", name, out.to_str().unwrap(), "-o", "json"]);
        let counts = converted.expect(0).json();
        assert_eq!(counts["read"], read, "{name}");
        assert_eq!(counts["rows"], read - 1, "{name}");
        assert_eq!(counts["quarantined"], 1, "{name}");
        assert!(
            place.path(&format!("{name}.parquet.quarantine")).exists(),
            "{name}"
        );
    }
    let schema = place.headworks(&["schema", "b.csv"]).expect(0).stdout;
    assert!(schema.contains("  id: int64\n  x: int64\n"), "{schema}");
    place
        .headworks(&["convert", "a.xml", "out"])
        .says(2, &["--row-tag"]);
}

/// Files in a bucket: listed by a pattern over keys, read in ranges, named by their URLs in whatever is said of them.
#[test]
fn sources_in_a_bucket() {
    let place = Place::new();
    let s3 = place.s3();
    s3.make_bucket("raw").unwrap();
    let mut lines = events(0, 40_000);
    let at = lines.match_indices('\n').nth(29_999).unwrap().0 + 1;
    lines.insert_str(at, "{broken\n");
    place.write("raw/in/2024/a b#1.json", &lines);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(events(40_000, 500).as_bytes()).unwrap();
    place.write("raw/in/2024/02/c.json.gz", gzip.finish().unwrap());
    place.write("raw/in/_left_out.json", "{");
    place.write("raw/in/other.csv", "x\n1\n");
    place.write("codes.csv", "code,label\n00,zero\n07,seven\n");
    let codes = place.path("raw/codes/codes.parquet");
    std::fs::create_dir_all(codes.parent().unwrap()).unwrap();
    let convert = place.headworks(&["convert", "codes.csv", codes.to_str().unwrap(), "-q"]);
    convert.expect(0);
    s3.put(&place.path("raw"), "s3://raw").unwrap();

    let job = "job: bucket\nlake: ./lake\nsources:\n  rows:\n    format: json\n    path: s3://raw/in/**/*.json*\n  \
               codes:\n    format: parquet\n    path: s3://raw/codes/\nmodels:\n  out:\n    sql: SELECT *, _hw_file AS \
               file FROM rows\n  coded:\n    sql: SELECT id, label FROM rows JOIN codes USING (code)\ntuning:\n  \
               split_size: 500KB\n";
    let job = place
        .run(&place.write("bucket.yaml", job), &["--executors", "2"])
        .done();
    let source = job["sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == "rows")
        .unwrap();
    assert_eq!(
        (&source["files"], &source["quarantined"]),
        (&json!(2), &json!(1)),
        "{source}"
    );
    let lake = place.lake("lake");
    assert_eq!(
        lake.query("select file, count(distinct id) as n from out group by 1 order by 1"),
        [
            json!({"file": "s3://raw/in/2024/02/c.json.gz", "n": 500}),
            json!({"file": "s3://raw/in/2024/a b#1.json", "n": 40_000}),
        ]
    );
    assert_eq!(
        lake.query("select label, count(*) as n from coded group by 1 order by 1"),
        [
            json!({"label": "seven", "n": 4050}),
            json!({"label": "zero", "n": 4050})
        ]
    );
    let bad = lake.row("select file, line, \"offset\" from quarantine_rows");
    assert_eq!(
        bad,
        json!({"file": "s3://raw/in/2024/a b#1.json", "line": 30_001, "offset": at})
    );

    let out = place.path("other.parquet");
    let convert = [
        "convert",
        "s3://raw/in/other.csv",
        out.to_str().unwrap(),
        "-o",
        "json",
    ];
    assert_eq!(place.headworks(&convert).expect(0).json()["rows"], 1);
    let missing = ["schema", "s3://raw/in/*.xml", "--row-tag", "a"];
    place
        .headworks(&missing)
        .says(2, &["no file matches s3://raw/in/*.xml"]);
    let missing = ["schema", "s3://none/in/a.json"];
    place
        .headworks(&missing)
        .says(1, &["s3://none/in/a.json", "none"]);
}

/// Small files in nested folders are packed into few tasks.
#[test]
fn many_small_files_are_read_by_few_tasks() {
    let place = Place::new();
    for id in 0..2000u64 {
        let path = format!("data/{}/{}/{id}.json", id % 10, id % 13);
        place.write(&path, events(id, 1));
    }
    let source = ["format: json", "path: data"];
    let sql = "SELECT id, _hw_file AS file FROM rows WHERE id % 2 = 0";
    let job = run(&place, &source, sql, &[]).done();
    assert_eq!(counts(&job), [2000, 1000, 1000, 0, 0]);
    let tasks: u64 = job["executors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["tasks"].as_u64().unwrap())
        .sum();
    assert!((2..=64).contains(&tasks), "{tasks} tasks");
    let row = place.lake("lake").row(
        "select count(distinct file) as files, bool_and(file like '%/' || id || '.json') as fits from out",
    );
    assert_eq!(row, json!({"files": 1000, "fits": true}));
}

/// A folder of more files than a sample has, one of which the sample does not show; what the job says of it.
fn surprised(odd: &str) -> (Place, Value) {
    let place = Place::new();
    for id in 0..1200 {
        let line = format!(
            "{{\"id\": {id}, \"amount\": {}.5, \"code\": null}}\n",
            id % 10
        );
        place.write(&format!("data/{id:04}.json"), line);
    }
    place.write("data/0777.json", odd);
    let source = ["format: json", "path: data/*.json"];
    let job = run(&place, &source, "SELECT * FROM rows", &[]).done();
    (place, job)
}

/// The types of the table, as another reader sees them.
fn types(place: &Place) -> String {
    let row = place.lake("lake").row(
        "select string_agg(column_name || ' ' || column_type, ', ' order by column_name) as types \
         from (describe select * from out)",
    );
    row["types"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_sample_does_not_show_is_found_and_the_types_are_those_of_all_records() {
    let cases = [
        (
            "{\"id\": 777, \"amount\": 1.25, \"code\": \"007\"}\n",
            "amount DECIMAL(3,2), code VARCHAR, id BIGINT",
            2,
        ),
        (
            "{\"id\": 777, \"amount\": 3.5, \"code\": 7}\n",
            "amount DECIMAL(2,1), code BIGINT, id BIGINT",
            2,
        ),
        (
            "{\"id\": 777, \"amount\": [3.5], \"more\": {\"a\": true}}\n",
            "amount DECIMAL(2,1)[], code VARCHAR, id BIGINT, more STRUCT(a BOOLEAN)",
            2,
        ),
        // No surprise at all.
        (
            "{\"id\": 777, \"amount\": 3, \"code\": \"\"}\n",
            "amount DECIMAL(2,1), code VARCHAR, id BIGINT",
            1,
        ),
    ];
    for (odd, expected, waves) in cases {
        let (place, job) = surprised(odd);
        // One more where the first has come upon it.
        assert_eq!(job["waves_run"], waves, "{odd}");
        assert_eq!(counts(&job), [1200, 1200, 0, 0, 0], "{odd}");
        assert_eq!(types(&place), expected, "{odd}");
        assert_eq!(place.lake("lake").audit()["out"]["rows"], 1200);
        let ids = place
            .lake("lake")
            .row("select sum(id)::bigint as ids from out");
        assert_eq!(ids["ids"], 1199 * 1200 / 2, "{odd}");
    }
}

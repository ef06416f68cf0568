//! Input that is not as it should be, and disks that don't take it: each is a clear error or a quarantined record, and
//! never a table that is half there.

use std::path::Path;

use serde_json::Value;

use crate::support::data::{awards_job, fpds_folder, one_file, rows, rows_job};
use crate::support::place::{Outcome, counts};
use crate::support::{Cluster, Place};

const ALL: &str = "SELECT id, name FROM rows";

/// A job over `content` as its only file.
fn over(content: impl AsRef<[u8]>, source: &[&str]) -> (Place, Outcome) {
    let place = Place::new();
    place.write("data/a.xml", content);
    let job = rows_job(&place, ALL, source);
    let outcome = place.run(&job, &[]);
    (place, outcome)
}

/// The bad records: offset, reason, raw text.
fn quarantined(place: &Place) -> Vec<(u64, String, String)> {
    place
        .lake("lake")
        .query("select \"offset\", reason, raw from quarantine_rows order by \"offset\"")
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (row["offset"].as_u64().unwrap(), text("reason"), text("raw"))
        })
        .collect()
}

/// The error of a job that failed, and wrote nothing.
#[track_caller]
fn refused(place: &Place, outcome: Outcome, words: &[&str]) -> String {
    refused_with(1, place, outcome, words)
}

/// The same for another exit code: 2 is for what the user has to configure otherwise.
#[track_caller]
fn refused_with(code: i32, place: &Place, outcome: Outcome, words: &[&str]) -> String {
    let error = outcome.says(code, words);
    println!("{error}");
    place.lake("lake").assert_untouched("out");
    error
}

/// Ten rows, of which the one with this id is `instead`; and where that one begins.
fn with_bad_row(id: u32, instead: &str) -> (String, u64) {
    let row = format!("<row><id>{id}</id><name>n{id}</name></row>");
    let xml = rows(10);
    let offset = xml.find(&row).unwrap();
    (xml.replace(&row, instead), offset as u64)
}

#[test]
fn a_broken_record_is_quarantined_alone_and_an_option_drops_or_refuses_it() {
    for (what, instead, reason) in [
        (
            "a bad entity",
            "<row><id>5</id><name>&nosuch;</name></row>",
            "&nosuch;",
        ),
        ("an unclosed tag", "<row><id>5</id><name>n5</row>", "name"),
        (
            "a wrong end tag",
            "<row><id>5</id><name>n5</nome></row>",
            "nome",
        ),
        (
            "a bare <",
            "<row><id>5</id><name x=\"<\">n5</name></row>",
            "<",
        ),
    ] {
        let (xml, offset) = with_bad_row(5, instead);
        let (place, outcome) = over(&xml, &[]);
        let job = outcome.done();
        assert_eq!(counts(&job), [10, 9, 0, 0, 1], "{what}");
        let bad = quarantined(&place);
        assert_eq!(bad.len(), 1, "{what}");
        assert_eq!(bad[0].0, offset, "{what}");
        assert!(bad[0].1.contains(reason), "{what}: {}", bad[0].1);
        assert_eq!(bad[0].2, instead, "{what}");
        assert_eq!(place.lake("lake").audit()["out"]["rows"], 9, "{what}");

        let (place, outcome) = over(&xml, &["on_bad_record: drop"]);
        assert_eq!(counts(&outcome.done()), [10, 9, 0, 1, 0], "{what}");
        assert_eq!(place.lake("lake").audit()["out"]["rows"], 9, "{what}");

        let (place, outcome) = over(&xml, &["on_bad_record: fail"]);
        let error = refused(&place, outcome, &["data/a.xml"]);
        assert!(error.contains(&offset.to_string()), "{what}: {error}");
    }
}

#[test]
fn the_record_that_a_truncated_file_ends_in_is_quarantined() {
    let xml = rows(10);
    let offset = xml.find("<row><id>10<").unwrap();
    let (place, outcome) = over(&xml[..offset + 20], &[]);
    let job = outcome.done();
    assert_eq!(counts(&job), [10, 9, 0, 0, 1]);
    let bad = quarantined(&place);
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].0, offset as u64);
    assert_eq!(bad[0].2, xml[offset..offset + 20]);

    let (place, outcome) = over(&xml[..offset + 20], &["on_bad_record: fail"]);
    let error = refused(&place, outcome, &["data/a.xml"]);
    assert!(error.contains(&offset.to_string()), "{error}");
}

#[test]
fn encodings_are_read_as_marked_and_a_contradiction_is_an_error_that_names_it() {
    let utf16: Vec<u8> = format!("\u{feff}{}", rows(10))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let (place, outcome) = over(&utf16, &[]);
    // The declaration says UTF-8, the mark says UTF-16.
    if rows(10).contains("UTF-8") {
        refused(&place, outcome, &["data/a.xml", "UTF-16"]);
    } else {
        assert_eq!(counts(&outcome.done()), [10, 10, 0, 0, 0]);
        assert_eq!(place.lake("lake").audit()["out"]["rows"], 10);
    }
    let utf32: Vec<u8> = "\u{feff}<rows/>"
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    let (place, outcome) = over(&utf32, &[]);
    refused(&place, outcome, &["data/a.xml", "UTF-32"]);
    let declared = rows(3).replace("version=\"1.0\"", "version=\"1.0\" encoding=\"UTF-16\"");
    let (place, outcome) = over(&declared, &[]);
    refused(&place, outcome, &["data/a.xml", "UTF-16"]);
}

#[test]
fn an_empty_file_holds_no_record_and_does_no_harm() {
    let place = Place::new();
    place.write("data/a.xml", rows(10));
    place.write("data/b.xml", "");
    let job = rows_job(&place, ALL, &[]);
    let job = place.run(&job, &[]).done();
    assert_eq!(counts(&job), [10, 10, 0, 0, 0]);
    assert_eq!(job["sources"][0]["files"], 2);

    // Nothing but empty files: there is no schema to infer.
    let (place, outcome) = over("", &[]);
    refused_with(2, &place, outcome, &["rows", "no record was found"]);

    // Nothing but bad records.
    let (place, outcome) = over("<rows><row><id>1</row><row><id>2</row></rows>", &[]);
    let said = ["rows", "no good record was found, but 2 bad ones"];
    refused_with(2, &place, outcome, &said);
}

#[test]
fn files_without_a_record_are_warned_of_where_the_schema_is_pinned() {
    let place = Place::new();
    place.write("data/a.xml", rows(3));
    place.write("s.yaml", "fields: {id: int64, name: text}\n");
    let job = rows_job(&place, ALL, &["schema: s.yaml"]);
    let wrong = ["--set", "sources.rows.row_tag=raw"];
    let done = place.run(&job, &wrong).done();
    assert_eq!(counts(&done), [0; 5]);
    let warnings = done["warnings"].as_array().unwrap();
    let said =
        "source `rows`: no record in 1 file of 148 bytes; check `row_tag` (raw) and `format`";
    assert!(
        warnings.iter().any(|warning| warning == said),
        "{warnings:?}"
    );
    let done = place.run(&job, &[]).done();
    assert_eq!(counts(&done)[0], 3);
    assert_eq!(done["warnings"].as_array().unwrap().len(), 0);
}

#[test]
fn a_path_that_matches_nothing_is_an_error() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    let job = rows_job(&place, ALL, &[]);
    let outcome = place.run(&job, &[]);
    refused_with(
        2,
        &place,
        outcome,
        &["rows", "no file matches", "data/*.xml"],
    );
}

#[test]
fn a_file_that_cannot_be_read_fails_the_job_by_name() {
    let place = Place::new();
    place.write("data/a.xml", rows(10));
    std::os::unix::fs::symlink(place.path("nowhere.xml"), place.path("data/b.xml")).unwrap();
    let job = rows_job(&place, ALL, &[]);
    let outcome = place.run(&job, &[]);
    refused(&place, outcome, &["data/b.xml"]);
}

#[test]
fn a_value_that_does_not_fit_the_schema_is_quarantined_or_null() {
    let (xml, offset) = with_bad_row(5, "<row><id>five</id><name>n5</name></row>");
    let schema = "fields:\n  id: int64\n  name: text\n";
    for (source, expected, null) in [
        (&["schema: s.yaml"][..], [10, 9, 0, 0, 1], 0),
        (
            &["schema: s.yaml", "on_bad_value: null"],
            [10, 10, 0, 0, 0],
            1,
        ),
    ] {
        let place = Place::new();
        place.write("data/a.xml", &xml);
        place.write("s.yaml", schema);
        let source: Vec<String> = source
            .iter()
            .map(|line| line.replace(": null", ": \"null\""))
            .collect();
        let source: Vec<&str> = source.iter().map(String::as_str).collect();
        let job = rows_job(&place, ALL, &source);
        let job = place.run(&job, &[]).done();
        assert_eq!(counts(&job), expected, "{source:?}");
        let row = place
            .lake("lake")
            .row("select count(*) filter (id is null) n from out");
        assert_eq!(row["n"], null, "{source:?}");
        if expected[4] > 0 {
            let bad = quarantined(&place);
            assert_eq!(bad[0].0, offset);
            assert!(bad[0].1.contains("id"), "{bad:?}");
        }
    }
}

#[test]
fn the_lines_of_bad_records_do_not_depend_on_splits_whatever_ends_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let good = ["1,2"; 20].join(end);
        let csv = ["a,b", &good, "3", &good, "6", &good, ""].join(end);
        for split_size in ["1MB", "20B", "50B"] {
            let place = Place::new();
            place.write("data/a.csv", &csv);
            let job = format!(
                "job: csv\nlake: ./lake\nsources:\n  rows: {{format: csv, path: data/a.csv}}\nmodels:\n  out: {{sql: \
                 SELECT * FROM rows}}\ntuning: {{split_size: {split_size}}}\n"
            );
            let job = place.write("csv.yaml", job);
            place.run(&job, &[]).done();
            let lines = place
                .lake("lake")
                .query("select line from quarantine_rows order by line");
            let lines: Vec<u64> = lines
                .iter()
                .map(|row| row["line"].as_u64().unwrap())
                .collect();
            assert_eq!(lines, [22, 43], "{end:?} {split_size}");
        }
    }
}

/// Records of which each but the first is bad in another way.
const BAD_IN_WAYS: [(&str, &str); 6] = [
    ("good", "<row><id>1</id><x>1</x><s><y>1</y></s></row>"),
    ("x", "<row><id>2</id><x>?</x><s><y>2</y></s></row>"),
    ("y", "<row><id>3</id><x>3</x><s><y>?</y></s></row>"),
    ("x and y", "<row><id>4</id><x>?</x><s><y>?</y></s></row>"),
    ("id", "<row><id>?</id><x>5</x><s><y>5</y></s></row>"),
    ("markup", "<row><id>6</id><x>6</s></row>"),
];

/// A job with these models over many records that are bad in several ways; and where those begin that are.
fn place_bad_in_ways(models: &str) -> (Place, std::path::PathBuf, Vec<(u64, &'static str)>) {
    let place = Place::new();
    let mut bad = Vec::new();
    let mut xml = "<rows>\n".to_owned();
    for _ in 0..300 {
        for (way, record) in BAD_IN_WAYS {
            if way != "good" {
                bad.push((xml.len() as u64, way));
            }
            xml.push_str(record);
            xml.push('\n');
        }
    }
    xml.push_str("</rows>\n");
    place.write("data/a.xml", xml);
    place.write(
        "s.yaml",
        "fields: {id: int64, x: int64, s: {fields: {y: int64}}}\n",
    );
    let job = format!(
        "job: ways\nlake: ./lake\nsources:\n  rows:\n    format: xml\n    path: data/*.xml\n    row_tag: row\n    \
         schema: s.yaml\nmodels:\n{models}tuning:\n  split_size: 8kB\n"
    );
    let job = place.write("ways.yaml", job);
    (place, job, bad)
}

fn count_of(place: &Place, table: &str) -> u64 {
    let row = place
        .lake("lake")
        .row(&format!("select count(*) n from {table}"));
    row["n"].as_u64().unwrap()
}

#[test]
fn what_is_bad_for_a_later_model_alone_is_in_quarantine_too_and_everything_once() {
    let models = "  of_x:\n    sql: SELECT id, x FROM rows\n  of_y:\n    sql: SELECT id, s['y'] AS y FROM rows\n  \
                  of_both:\n    sql: SELECT x, s FROM rows\n";
    let (place, job, expected) = place_bad_in_ways(models);
    place.run(&job, &["--executors", "2"]).done();
    // Each model has the records that are good for what it reads.
    assert_eq!(count_of(&place, "of_x"), 2 * 300);
    assert_eq!(count_of(&place, "of_y"), 2 * 300);
    assert_eq!(count_of(&place, "of_both"), 2 * 300);
    let bad = quarantined(&place);
    let offsets: Vec<u64> = bad.iter().map(|bad| bad.0).collect();
    let all: Vec<u64> = expected.iter().map(|bad| bad.0).collect();
    assert_eq!(offsets, all);
    for ((_, reason, _), (_, way)) in bad.iter().zip(&expected) {
        let names_it = match *way {
            "y" => reason.contains("`s/y`"),
            "x" | "x and y" => reason.contains("`x`"),
            "id" => reason.contains("`id`"),
            _ => true,
        };
        assert!(names_it, "{way}: {reason}");
    }
    // Another job's quarantine is its own.
    place.run(&job, &["--executors", "2"]).done();
    assert_eq!(quarantined(&place).len(), 2 * all.len());
}

#[test]
fn a_record_is_bad_for_all_parts_of_a_query_or_for_none() {
    let models = "  parts:\n    sql: SELECT id, x AS n FROM rows UNION ALL SELECT id, s['y'] AS y FROM rows\n";
    let (place, job, expected) = place_bad_in_ways(models);
    place.run(&job, &["--executors", "2"]).done();
    assert_eq!(count_of(&place, "parts"), 2 * 300);
    let offsets: Vec<u64> = quarantined(&place).iter().map(|bad| bad.0).collect();
    let all: Vec<u64> = expected.iter().map(|bad| bad.0).collect();
    assert_eq!(offsets, all);
}

#[test]
fn a_job_file_that_is_wrong_names_the_line_and_the_nearest_word() {
    let place = Place::new();
    place.write("data/a.xml", rows(1));
    let job = rows_job(&place, ALL, &["row_tga: row"]);
    let error = place
        .run(&job, &[])
        .says(2, &["rows.yaml", "row_tga", "row_tag"]);
    assert!(error.contains("8"), "no line in: {error}");
}

#[test]
fn a_lake_that_cannot_be_written_is_an_error_by_name() {
    let place = Place::new();
    place.write("data/a.xml", rows(10));
    // A file where the folder should be: modes would not stop the superuser.
    place.write("lake", "not a folder");
    let job = rows_job(&place, ALL, &[]);
    place.run(&job, &[]).says(1, &["lake"]);
    assert_eq!(
        std::fs::read_to_string(place.path("lake")).unwrap(),
        "not a folder"
    );
}

#[test]
fn a_full_disk_fails_the_job_and_leaves_the_table_as_it_was() {
    let place = Place::new();
    let good = one_file(&place, "good", 1_000_000, 0, 91);
    one_file(&place, "data", 60_000_000, 0, 92);
    let sql = fpds_folder().join("contracts.sql").canonicalize().unwrap();
    let job = |data: &str| {
        awards_job(
            &place,
            data,
            "contracts",
            sql.to_str().unwrap(),
            &["distribute: none", "compression: none"],
            &["split_size: 60MB"],
        )
    };
    let mut cluster = Cluster::scheduler_only(&place, "state");
    // No file of the executor may grow beyond 1 MB: the same error as a full disk's, and no mount is needed.
    let executor = place.command("headworks-executor");
    let mut limited = place.command("headworks-executor");
    limited_to_one_mb(&mut limited, executor.get_program().as_ref());
    cluster.add_executor_as(limited);
    cluster.run(&job("good"), &[]).done();
    let lake = place.lake("lake");
    let files = lake.visible_files("");

    let outcome = cluster.run(&job("data"), &[]);
    let error = outcome.says(1, &["contracts"]);
    println!("{error}");
    assert_eq!(lake.visible_files(""), files);
    assert_eq!(lake.version("contracts"), 1);
    let tables: Value = lake.audit();
    assert_eq!(tables["contracts"]["rows"], good.records);
    cluster.wait_until_all_free();
}

/// Makes `command` a shell that starts `program` with a limit on the size of files, and without the signal that would
/// end it there.
fn limited_to_one_mb(command: &mut std::process::Command, program: &Path) {
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg("trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"")
        .arg(program);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    *command = shell;
}

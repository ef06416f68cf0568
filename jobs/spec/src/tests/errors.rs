//! Every way in which a job file can be wrong, with the exact message and place.

use std::fs;

use super::Folder;
use crate::{SpecErrors, load};

/// A good job; each case spoils it.
const BASE: &str = "\
job: j
lake: ./lake
sources:
  awards:
    format: xml
    path: data/*.xml
    row_tag: award
models:
  contracts:
    sql: contracts.sql
  spend:
    sql: spend.sql
";

/// The files beside it.
const FILES: [(&str, &str); 9] = [
    ("contracts.sql", "SELECT *\nFROM awards\n"),
    ("spend.sql", "SELECT 1 FROM contracts"),
    ("own.schema.yaml", "x"),
    ("circle.sql", "SELECT * FROM awards, spend s"),
    (
        "unknown.sql",
        "WITH recent AS (SELECT 1)\nSELECT * FROM\n  award, Recent, contracts.items, lake.awards, zzz",
    ),
    ("broken.sql", "SELECT a\n  FROM awards WHERE"),
    ("update.sql", "\nUPDATE x SET y = 1"),
    ("two.sql", "SELECT 1;\n\nSELECT 2;"),
    ("string.sql", "SELECT 'a"),
];

/// What is replaced in [`BASE`], by what, and the messages, where ALL_OF_... stands for the keys.
type Case<'a> = (&'a str, &'a str, &'a [&'a str]);

/// The lists of allowed keys, which stand in many messages.
const LISTS: [(&str, &str); 7] = [
    ("JOB_KEYS", "`job`, `lake`, `models`, `sources`, `tuning`"),
    (
        "SOURCE_KEYS",
        "`attribute_prefix`, `columns`, `comment`, `corrupt_record_column`, `date_format`, `delimiter`, `encoding`, \
         `escape`, `exclude_attributes`, `format`, `header`, `ignore_namespaces`, `ignore_surrounding_spaces`, `keep`, \
         `key_column`, `layout`, `null_values`, `on_bad_record`, `on_bad_value`, `on_unknown`, `path`, `quote`, \
         `raw_bytes_max`, `record_bytes_max`, `records`, `rename`, `row_tag`, `sample_files`, `sample_ratio`, `schema`, \
         `timestamp_format`, `value_tag`, `wildcard_column`",
    ),
    (
        "MODEL_KEYS",
        "`changed_files`, `checks`, `compression`, `distribute`, `key`, `mode`, `order_by`, `partition_by`, \
         `partition_columns_in_files`, `sort_by`, `sql`, `target_file_size`",
    ),
    (
        "TUNING_KEYS",
        "`open_writers_max`, `shuffle_partitions`, `split_size`, `wave_retries_max`, `wave_size`",
    ),
    ("TABLES", "`awards`, `contracts`, `spend`"),
    (
        "CHECK_KEYS",
        "`accepted_values`, `name`, `not_null`, `relationships`, `row_count`, `severity`, `sql`, `unique`",
    ),
    (
        "RULES",
        "`accepted_values`, `not_null`, `relationships`, `row_count`, `sql`, `unique`",
    ),
];

fn check(cases: &[Case<'_>]) {
    let folder = Folder::with(&FILES);
    let mut failures = String::new();
    for (find, replacement, messages) in cases {
        assert!(BASE.contains(find), "{find}");
        let whole = find.is_empty();
        let job = if whole {
            (*replacement).to_owned()
        } else {
            BASE.replacen(find, replacement, 1)
        };
        compare(
            &mut failures,
            &job,
            folder.parse(&job, &[]).map(|_| ()),
            messages,
        );
    }
    assert!(failures.is_empty(), "\n{failures}");
}

fn compare(failures: &mut String, what: &str, result: Result<(), SpecErrors>, messages: &[&str]) {
    let shown = result.map_or_else(|errors| errors.to_string(), |()| "no error".to_owned());
    let mut expected = messages.join("\n");
    for (list, words) in LISTS {
        expected = expected.replace(list, words);
    }
    if shown != expected {
        failures.push_str(&format!(
            "----\n{what}\n-- gave\n{shown}\n-- not\n{expected}\n"
        ));
    }
}

#[test]
fn the_base_is_good() {
    let folder = Folder::with(&FILES);
    assert_eq!(folder.parse(BASE, &[]).map(|job| job.models.len()), Ok(2));
}

#[test]
fn unknown_and_missing_keys() {
    check(&[
        (
            "row_tag:",
            "row_tags:",
            &[
                "job.yaml:7:5: unknown key `row_tags` in source `awards`; did you mean `row_tag`? Allowed: SOURCE_KEYS",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    colour: red",
            &["job.yaml:8:5: unknown key `colour` in source `awards`. Allowed: SOURCE_KEYS"],
        ),
        (
            "job: j",
            "jobs: j",
            &[
                "job.yaml:1:1: unknown key `jobs` in the job file; did you mean `job`? Allowed: JOB_KEYS",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    partition: [a]",
            &[
                "job.yaml:13:5: unknown key `partition` in model `spend`; did you mean `partition_by`? Allowed: MODEL_KEYS",
            ],
        ),
        (
            "models:",
            "tuning:\n  wave: 1GB\nmodels:",
            &["job.yaml:9:3: unknown key `wave` in `tuning`. Allowed: TUNING_KEYS"],
        ),
        (
            "job: j\n",
            "",
            &[
                "job.yaml:1:1: the job file lacks `job`: the job's name: a letter or `_`, then letters, digits, `_` and `-`",
            ],
        ),
        (
            "lake: ./lake\n",
            "",
            &[
                "job.yaml:1:1: the job file lacks `lake`: the folder or URL that the tables are written to, such as `./lake` or `s3://bucket/prefix`",
            ],
        ),
        (
            "    format: xml\n",
            "",
            &["job.yaml:4:3: source `awards` lacks `format`: the format of the files"],
        ),
        (
            "    path: data/*.xml\n",
            "",
            &[
                "job.yaml:4:3: source `awards` lacks `path`: the files: a path, glob or URL, or a list of them, such as `data/**/*.xml`",
            ],
        ),
        (
            "    row_tag: award\n",
            "",
            &[
                "job.yaml:4:3: source `awards` lacks `row_tag`: the elements that are rows, one name or a list",
            ],
        ),
        (
            "    sql: spend.sql",
            "    mode: append",
            &[
                "job.yaml:11:3: model `spend` lacks `sql`: the path of a file with one SELECT or WITH query, relative to the job file; or, when it contains white space, the query itself",
            ],
        ),
        (
            "",
            "job: j\nlake: l\nsources: []\nmodels: {}\n",
            &[
                "job.yaml:3:10: `sources` must be a map, found a list",
                "job.yaml:4:1: `models` is empty; at least one is needed",
            ],
        ),
        (
            "",
            "just text\n",
            &["job.yaml:1:1: the job file must be a map, found the text `just text`"],
        ),
        ("", "# nothing\n", &["job.yaml:1:1: the file is empty"]),
        (
            "    row_tag: award",
            "    row_tag: award\n    format: xml",
            &[
                "job.yaml:8:5: key `format` a second time; the first is in line 5; each key may stand once",
            ],
        ),
        (
            "  spend:",
            "  contracts:",
            &[
                "job.yaml:11:3: key `contracts` a second time; the first is in line 9; each key may stand once",
            ],
        ),
        (
            "lake: ./lake",
            "lake: x: y",
            &["job.yaml:2:8: not valid YAML: mapping values are not allowed in this context"],
        ),
    ]);
}

#[test]
fn wrong_words_and_types() {
    let size = "must be a size such as `128MB`, `64MiB` or a number of bytes, at least 1, found";
    let split = format!("job.yaml:8:22: `split_size` in `tuning` {size} a list");
    let record =
        format!("job.yaml:8:23: `record_bytes_max` in source `awards` {size} the text `64 apples`");
    let long = format!("{}\n", "long text ".repeat(10));
    check(&[
        (
            "format: xml",
            "format: xlm",
            &[
                "job.yaml:5:13: `format` in source `awards` cannot be the text `xlm`; did you mean `xml`? Allowed: `xml`, `json`, `csv`, `parquet`",
            ],
        ),
        (
            "format: xml",
            "format: 5",
            &[
                "job.yaml:5:13: `format` in source `awards` cannot be the number `5`. Allowed: `xml`, `json`, `csv`, `parquet`",
            ],
        ),
        (
            "format: xml",
            "format:",
            &[
                "job.yaml:5:11: `format` in source `awards` cannot be nothing. Allowed: `xml`, `json`, `csv`, `parquet`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    mode: merge",
            &[
                "job.yaml:13:11: `mode` in model `spend` cannot be the text `merge`. Allowed: `append`, `overwrite`, `overwrite_partitions`, `upsert`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    mode: [append]",
            &[
                "job.yaml:13:11: `mode` in model `spend` must be one of `append`, `overwrite`, `overwrite_partitions`, `upsert`, found a list",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    on_bad_record: quarentine",
            &[
                "job.yaml:8:20: `on_bad_record` in source `awards` cannot be the text `quarentine`; did you mean `quarantine`? Allowed: `quarantine`, `drop`, `fail`, `keep`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    on_bad_value: drop",
            &[
                "job.yaml:8:19: `on_bad_value` in source `awards` cannot be the text `drop`. Allowed: `quarantine`, `null`",
            ],
        ),
        (
            "lake: ./lake",
            "lake: [a]",
            &["job.yaml:2:7: `lake` must be text, found a list"],
        ),
        (
            "lake: ./lake",
            "lake: 5",
            &[
                "job.yaml:2:7: `lake` must be text, found the number `5`; put it in quotes to make it text",
            ],
        ),
        (
            "lake: ./lake",
            "lake: true",
            &[
                "job.yaml:2:7: `lake` must be text, found the truth value `true`; put it in quotes to make it text",
            ],
        ),
        (
            "lake: ./lake",
            "lake: ''",
            &["job.yaml:2:7: `lake` is empty"],
        ),
        (
            "lake: ./lake",
            "lake:",
            &["job.yaml:2:5: `lake` must be text, found nothing"],
        ),
        (
            "path: data/*.xml",
            "path: {a: b}",
            &[
                "job.yaml:6:11: `path` in source `awards` must be text or a list of text, found a map",
            ],
        ),
        (
            "path: data/*.xml",
            "path: []",
            &["job.yaml:6:11: `path` in source `awards` is empty; at least one is needed"],
        ),
        (
            "path: data/*.xml",
            "path: [a, 7]",
            &[
                "job.yaml:6:15: `path` in source `awards` must be text, found the number `7`; put it in quotes to make it text",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: [award, <b>]",
            &[
                "job.yaml:7:22: `<b>` cannot be the name of an element; allowed: `name` or `prefix:name`, without `<>`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_files: few",
            &[
                "job.yaml:8:19: `sample_files` in source `awards` must be a whole number, at least 1, found the text `few`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_files: 0",
            &[
                "job.yaml:8:19: `sample_files` in source `awards` must be a whole number, at least 1, found the number `0`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_files: '2'",
            &[
                "job.yaml:8:19: `sample_files` in source `awards` must be a whole number, at least 1, found the text `2`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_ratio: 0",
            &[
                "job.yaml:8:19: `sample_ratio` in source `awards` must be a number, more than 0 and at most 1, found the number `0`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_ratio: 1.5",
            &[
                "job.yaml:8:19: `sample_ratio` in source `awards` must be a number, more than 0 and at most 1, found the number `1.5`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_ratio: -0.1",
            &[
                "job.yaml:8:19: `sample_ratio` in source `awards` must be a number, more than 0 and at most 1, found the number `-0.1`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_ratio: half",
            &[
                "job.yaml:8:19: `sample_ratio` in source `awards` must be a number, more than 0 and at most 1, found the text `half`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    sample_ratio: '0.5'",
            &[
                "job.yaml:8:19: `sample_ratio` in source `awards` must be a number, more than 0 and at most 1, found the text `0.5`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    schema: own.schema.yaml\n    sample_ratio: 0.5",
            &[
                "job.yaml:9:5: `sample_ratio` in source `awards` has no meaning without `schema: infer` or `on_unknown: evolve`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    schema: own.schema.yaml\n    sample_ratio: 0.5\n    on_unknown: evolve\n    on_bad_value: x",
            &[
                "job.yaml:11:19: `on_bad_value` in source `awards` cannot be the text `x`. Allowed: `quarantine`, `null`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    on_unknown: freez",
            &[
                "job.yaml:8:17: `on_unknown` in source `awards` cannot be the text `freez`; did you mean `freeze`? Allowed: `discard_value`, `discard_row`, `freeze`, `evolve`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    on_bad_record: keep",
            &[
                "job.yaml:8:20: `on_bad_record: keep` in source `awards` needs `corrupt_record_column`, the column for the text of what is kept",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    corrupt_record_column: bad",
            &[
                "job.yaml:8:28: `corrupt_record_column` in source `awards` has no meaning without `on_bad_record: keep`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    wildcard_column: ''",
            &["job.yaml:8:22: `wildcard_column` in source `awards` is empty"],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    wildcard_column: _VALUE",
            &[
                "job.yaml:8:22: `wildcard_column` in source `awards` is `_VALUE`, as another column; each column has a name of its own",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    on_bad_record: keep\n    corrupt_record_column: bad\n    wildcard_column: bad",
            &[
                "job.yaml:10:22: `wildcard_column` in source `awards` is `bad`, as another column; each column has a name of its own",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    null_values: NA",
            &[
                "job.yaml:8:18: `null_values` in source `awards` must be a list of text, found the text `NA`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    null_values: [0]",
            &[
                "job.yaml:8:19: `null_values` in source `awards` must be text, found the number `0`; put it in quotes to make it text",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    exclude_attributes: all",
            &[
                "job.yaml:8:25: `exclude_attributes` in source `awards` must be `true` or `false`, found the text `all`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    date_format: \"dd-MMM-yyyy E\"",
            &[
                "job.yaml:8:18: `date_format` in source `awards` is not a pattern of dates and times: `E` is no letter of it; there are y M L d D H h K k a m s S X x Z z; other text stands in quotes, '...'",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    timestamp_format: \"yyyy-MM-ddTHH:mm\"",
            &[
                "job.yaml:8:23: `timestamp_format` in source `awards` is not a pattern of dates and times: `T` is no letter of it; there are y M L d D H h K k a m s S X x Z z; other text stands in quotes, '...'",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    timestamp_format: \"yyyy 'at HH\"",
            &[
                "job.yaml:8:23: `timestamp_format` in source `awards` is not a pattern of dates and times: a quote does not end",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    timestamp_format: \"yyyy [HH\"",
            &[
                "job.yaml:8:23: `timestamp_format` in source `awards` is not a pattern of dates and times: its `[` has no `]`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    timestamp_format: \"yyyy] HH\"",
            &[
                "job.yaml:8:23: `timestamp_format` in source `awards` is not a pattern of dates and times: its `]` has no `[`",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    date_format: \"--\"",
            &[
                "job.yaml:8:18: `date_format` in source `awards` is not a pattern of dates and times: it has no letters",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    record_bytes_max: 64 apples",
            &[&record],
        ),
        (
            "models:",
            "tuning: {split_size: [], open_writers_max: -1}\nmodels:",
            &[
                &split,
                "job.yaml:8:44: `open_writers_max` in `tuning` must be a whole number, at least 1, found the number `-1`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    partition_by: year",
            &[
                "job.yaml:13:19: `partition_by` in model `spend` must be a list of text, found the text `year`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    partition_columns_in_files: maybe",
            &[
                "job.yaml:13:33: `partition_columns_in_files` in model `spend` must be `true` or `false`, found the text `maybe`",
            ],
        ),
        (
            "models:",
            "tuning: fast\nmodels:",
            &["job.yaml:8:9: `tuning` must be a map, found the text `fast`"],
        ),
        (
            "",
            &long,
            &[
                "job.yaml:1:1: the job file must be a map, found the text `long text long text long text long text long text long text ...`",
            ],
        ),
    ]);
}

#[test]
fn names_and_options_that_do_not_go_together() {
    let letters = "a letter or `_`, then letters, digits, `_` and `-`";
    check(&[
        (
            "job: j",
            "job: a b",
            &[&format!(
                "job.yaml:1:6: `a b` cannot be the name of a job; allowed: {letters}"
            )],
        ),
        (
            "  awards:",
            "  2024:",
            &[
                &format!("job.yaml:4:3: `2024` cannot be the name of a source; allowed: {letters}"),
                "contracts.sql:2:6: unknown table `awards`. Known: `2024`, `contracts`, `spend`",
            ],
        ),
        (
            "  spend:",
            "  _spend:",
            &[
                "job.yaml:11:3: `_spend` cannot be the name of a model: folders that begin with `_` are hidden in a lake; allowed: a letter, then letters, digits, `_` and `-`",
            ],
        ),
        (
            "  spend:",
            "  awards:",
            &[
                "job.yaml:11:3: model `awards` has the name of the source in line 4; rename one of them",
            ],
        ),
        (
            "row_tag: award",
            "row_tag: award\n    schema: owm.schema.yaml\n    sample_files: 2",
            &[
                "job.yaml:8:13: schema file `owm.schema.yaml` of source `awards`: there is no such file; did you mean `own.schema.yaml`? Allowed: `infer`, or the path of a schema file",
                "job.yaml:9:5: `sample_files` in source `awards` has no meaning without `schema: infer` or `on_unknown: evolve`",
            ],
        ),
        (
            "format: xml",
            "format: parquet",
            &[
                "job.yaml:7:5: `row_tag` in source `awards` has no meaning for format `parquet`. Allowed: `format`, `path`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    distribute: hash",
            &["job.yaml:13:17: `distribute: hash` in model `spend` needs `partition_by`"],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    partition_by: [a, b, a, '']",
            &[
                "job.yaml:13:26: `a` a second time in `partition_by` of model `spend`; each column may stand once",
                "job.yaml:13:29: an empty name in `partition_by` of model `spend`; each column may stand once",
            ],
        ),
    ]);
}

/// Each in the place of the source's lines 5 to 7.
#[test]
fn keys_of_formats() {
    let json = "format: json\n    path: a";
    let csv = "format: csv\n    path: a";
    let keys_of_json = "`corrupt_record_column`, `date_format`, `encoding`, `format`, \
         `keep`, `key_column`, `layout`, `null_values`, `on_bad_record`, `on_bad_value`, `on_unknown`, `path`, \
         `raw_bytes_max`, `record_bytes_max`, `records`, `rename`, `sample_files`, `sample_ratio`, `schema`, \
         `timestamp_format`";
    let keys_of_csv = "`columns`, `comment`, `corrupt_record_column`, `date_format`, `delimiter`, `encoding`, \
         `escape`, `format`, `header`, `ignore_surrounding_spaces`, `null_values`, `on_bad_record`, `on_bad_value`, \
         `on_unknown`, `path`, `quote`, `raw_bytes_max`, `record_bytes_max`, `rename`, `sample_files`, \
         `sample_ratio`, `schema`, `timestamp_format`";
    let cases: [(&str, &str, &[&str]); 16] = [
        (
            json,
            "row_tag: a\n    header: true",
            &[
                &format!(
                    "job.yaml:7:5: `row_tag` in source `awards` has no meaning for format `json`. Allowed: {keys_of_json}"
                ),
                &format!(
                    "job.yaml:8:5: `header` in source `awards` has no meaning for format `json`. Allowed: {keys_of_json}"
                ),
            ],
        ),
        (
            csv,
            "records: $.a[*]",
            &[&format!(
                "job.yaml:7:5: `records` in source `awards` has no meaning for format `csv`. Allowed: {keys_of_csv}"
            )],
        ),
        (
            json,
            "layout: line",
            &[
                "job.yaml:7:13: `layout` in source `awards` cannot be the text `line`; did you mean `lines`? Allowed: `auto`, `lines`, `documents`, `array`",
            ],
        ),
        (
            json,
            "record: $.a[*]",
            &[
                "job.yaml:7:5: unknown key `record` in source `awards`; did you mean `records`? Allowed: SOURCE_KEYS",
            ],
        ),
        (
            json,
            "records: a.b",
            &[
                "job.yaml:7:14: `records` in source `awards` is `a.b`, which is no path; it begins with `$`, the document, as `$.data.items[*]`",
            ],
        ),
        (
            json,
            "key_column: k",
            &["job.yaml:7:17: `key_column` in source `awards` needs `records`"],
        ),
        (
            json,
            "key_column: k\n    records: $.a[*]",
            &[
                "job.yaml:7:17: `key_column` in source `awards` needs `records` that end in `.*`: only the entries of a map have keys",
            ],
        ),
        (
            json,
            "keep: {a: $.a}",
            &[
                "job.yaml:7:11: `keep` in source `awards` needs `records`: without it a document is a record, with all its fields",
            ],
        ),
        (
            json,
            "records: $.a.*\n    key_column: k\n    keep: {k: $.b, c: d}",
            &[
                "job.yaml:8:17: `key_column` in source `awards` is `k`, as another column; each column has a name of its own",
                "job.yaml:9:11: `c` in `keep` in source `awards` is `d`, which is no path; it begins with `$`, the document, as `$.data.items[*]`",
            ],
        ),
        (
            json,
            "keep: [a]",
            &["job.yaml:7:11: `keep` in source `awards` must be a map, found a list"],
        ),
        (
            json,
            "rename: {a: x, b: x, c: 5}",
            &[
                "job.yaml:7:13: `rename` in source `awards` gives two columns the name `x`; each column has a name of its own",
                "job.yaml:7:29: `c` in `rename` must be text, found the number `5`; put it in quotes to make it text",
            ],
        ),
        (
            csv,
            "header: false",
            &[
                "job.yaml:7:13: `header: false` in source `awards` needs `columns`, the names of the columns in their order",
            ],
        ),
        (
            csv,
            "columns: [a, b, a]",
            &[
                "job.yaml:7:14: `columns` in source `awards` has no meaning without `header: false`; to name columns otherwise than the files do, use `rename`",
                "job.yaml:7:21: `a` a second time in `columns` of source `awards`; each column has a name of its own",
            ],
        ),
        (
            csv,
            "delimiter: '||'\n    quote: \"\\n\"",
            &[
                "job.yaml:7:16: `delimiter` in source `awards` is `||`; allowed: one ASCII character, no line end, or `\\t`",
                "job.yaml:8:12: `quote` in source `awards` is `\\n`; allowed: one ASCII character, no line end, or `\\t`",
            ],
        ),
        (
            csv,
            "delimiter: ;\n    comment: ;\n    escape: '\"'",
            &["job.yaml:8:14: `comment` in source `awards` is the same character as `delimiter`"],
        ),
        (
            csv,
            "delimiter: ''",
            &["job.yaml:7:16: `delimiter` in source `awards` is empty"],
        ),
    ];
    let source = "format: xml\n    path: data/*.xml\n    row_tag: award";
    for (format, keys, messages) in cases {
        check(&[(source, &format!("{format}\n    {keys}"), messages)]);
    }
}

/// Each stands behind `checks:` of model `spend`, from line 14 on.
#[test]
fn checks() {
    let mut cases: Vec<(String, &[&str])> = Vec::new();
    let mut case = |checks: &str, messages: &'static [&'static str]| {
        cases.push((format!("sql: spend.sql\n    checks:\n{checks}"), messages));
    };
    case(
        "    - unqiue: a",
        &[
            "job.yaml:14:7: unknown key `unqiue` in `checks`; did you mean `unique`? Allowed: CHECK_KEYS",
        ],
    );
    case(
        "    - severity: warn",
        &["job.yaml:14:7: a check of model `spend` says one thing: one of RULES; found none"],
    );
    case(
        "    - unique: a\n      not_null: b",
        &[
            "job.yaml:14:7: a check of model `spend` says one thing: one of RULES; found `unique`, `not_null`",
        ],
    );
    case(
        "    - unique: a\n      severity: wrn",
        &[
            "job.yaml:15:17: `severity` in `checks` cannot be the text `wrn`; did you mean `warn`? Allowed: `error`, `warn`",
        ],
    );
    case(
        "    - not_null: []",
        &["job.yaml:14:17: `not_null` in `checks` is empty; at least one is needed"],
    );
    case(
        "    - not_null: [a, b, a]",
        &["job.yaml:14:24: `a` a second time in `not_null`; each column may stand once"],
    );
    case(
        "    - accepted_values: {column: a}",
        &[
            "job.yaml:14:7: `accepted_values` lacks `values`: the values, as text, numbers or truth values; they are read as the column's type",
        ],
    );
    case(
        "    - accepted_values: {column: a, values: [x, ~]}",
        &[
            "job.yaml:14:48: `values` in `accepted_values` must be text, a number or a truth value, found nothing",
        ],
    );
    case(
        "    - row_count: {}",
        &["job.yaml:14:18: `row_count` needs `min`, `max` or both"],
    );
    case(
        "    - row_count: {min: 7, max: 5}",
        &["job.yaml:14:18: `row_count` asks for at least 7 and at most 5 rows"],
    );
    case(
        "    - row_count: {min: -1}",
        &[
            "job.yaml:14:24: `min` in `row_count` must be a whole number, at least 0, found the number `-1`",
        ],
    );
    case(
        "    - row_count: {max: 18446744073709551616}",
        &[
            "job.yaml:14:24: `max` in `row_count` must be a whole number, at least 0, found the number `18446744073709551616`",
        ],
    );
    case(
        "    - {unique: a, name: x}\n    - {unique: b, name: x}",
        &[
            "job.yaml:15:25: a second check of model `spend` is called `x`; each has a name of its own",
        ],
    );
    case(
        "    - relationships: {column: a, to: awards, field: b}",
        &[
            "job.yaml:14:38: a check of model `spend` reads `awards`, which is a source; allowed: the model itself, other models, and tables of the lake",
        ],
    );
    case(
        "    - relationships: {column: a, to: _q/x, field: b}",
        &["job.yaml:14:38: `_q/x` cannot be a table of the lake"],
    );
    case(
        "    - sql: SELECT * FROM awards",
        &[
            "job.yaml:14:26: a check of model `spend` reads `awards`, which is a source; allowed: the model itself, other models, and tables of the lake",
        ],
    );
    case(
        "    - sql: DELETE FROM spend",
        &["job.yaml:14:12: the SQL of a model must be one SELECT or WITH query, found `DELETE`"],
    );
    case(
        "    - sql: none.sql",
        &[
            "job.yaml:14:12: SQL file `none.sql` of model `spend`: there is no such file. Allowed: the path of a file, or a query",
        ],
    );
    let cases: Vec<Case<'_>> = cases
        .iter()
        .map(|(job, messages)| ("sql: spend.sql", job.as_str(), *messages))
        .collect();
    check(&cases);
    check(&[(
        "sql: contracts.sql",
        "sql: contracts.sql\n    checks: [{relationships: {column: a, to: spend, field: b}}]",
        &[
            "job.yaml:9:3: models read each other in a circle, by their queries or their checks: `contracts` -> `spend` -> `contracts`; allowed: no circles",
        ],
    )]);
}

#[test]
fn a_mode_and_the_keys_that_it_needs() {
    check(&[
        (
            "sql: spend.sql",
            "sql: spend.sql\n    mode: upsert",
            &[
                "job.yaml:13:11: `mode: upsert` in model `spend` needs `key`, the columns that tell one row from another",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    mode: overwrite_partitions",
            &["job.yaml:13:11: `mode: overwrite_partitions` in model `spend` needs `partition_by`"],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    key: id\n    order_by: [ts]",
            &[
                "job.yaml:13:10: `key` in model `spend` has no meaning without `mode: upsert`",
                "job.yaml:14:15: `order_by` in model `spend` has no meaning without `mode: upsert`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    changed_files: append",
            &[
                "job.yaml:13:20: `changed_files` in model `spend` has no meaning without `mode: append`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: SELECT * FROM awards\n    mode: append\n    changed_files: replaced",
            &[
                "job.yaml:14:20: `changed_files` in model `spend` cannot be the text `replaced`; did you mean `replace`? Allowed: `append`, `replace`, `error`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: spend.sql\n    mode: upsert\n    key: [id, id]\n    order_by: [ts, ts desc, id]",
            &[
                "job.yaml:14:15: `id` a second time in `key` of model `spend`; each column may stand once",
                "job.yaml:15:20: `ts` a second time in `order_by` of model `spend`; each column may stand once",
                "job.yaml:15:29: `id` in `order_by` of model `spend` is a column of its `key`: rows of one key do not differ in it",
            ],
        ),
    ]);
}

#[test]
fn sql_and_its_tables() {
    check(&[
        (
            "sql: spend.sql",
            "sql: spent.sql",
            &[
                "job.yaml:12:10: SQL file `spent.sql` of model `spend`: there is no such file; did you mean `spend.sql`? Allowed: the path of a file, or a query",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: nowhere/at-all.sql",
            &[
                "job.yaml:12:10: SQL file `nowhere/at-all.sql` of model `spend`: there is no such file. Allowed: the path of a file, or a query",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: SELECT * FROM contracts\n    mode: append",
            &[
                "job.yaml:13:11: `mode: append` in model `spend`, which reads `contracts` alone: models and Parquet files are read whole by every run, so all rows would be appended again. Allowed: `overwrite`, `overwrite_partitions`, `upsert` with a `key`; or the query over the source itself",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: circle.sql",
            &["job.yaml:11:3: model `spend` reads itself; allowed: sources and other models"],
        ),
        (
            "sql: contracts.sql",
            "sql: SELECT * FROM spend",
            &[
                "job.yaml:9:3: models read each other in a circle, by their queries or their checks: `contracts` -> `spend` -> `contracts`; allowed: no circles",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: unknown.sql",
            &[
                "unknown.sql:3:3: unknown table `award`; did you mean `awards`? Known: TABLES",
                "unknown.sql:3:10: unknown table `Recent`; did you mean `recent`? Known: TABLES",
                "unknown.sql:3:18: unknown table `contracts.items`. Names of tables have one part; a list is unnested with `unnest(contracts.items)`. Known: TABLES",
                "unknown.sql:3:35: unknown table `lake.awards`; did you mean `awards`? Names of tables have one part; a list is unnested with `unnest(lake.awards)`. Known: TABLES",
                "unknown.sql:3:48: unknown table `zzz`. Known: TABLES",
            ],
        ),
        (
            "  awards:",
            "  Awards: {format: xml, path: x, row_tag: y}\n  AWARDS:",
            &[
                "contracts.sql:2:6: table `awards` could be any of `Awards`, `AWARDS`; write it as it is written there",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: broken.sql",
            &["broken.sql:2:20: SQL syntax: expected an expression, found: the end of the query"],
        ),
        (
            "sql: spend.sql",
            "sql: update.sql",
            &[
                "update.sql:2:1: the SQL of a model must be one SELECT or WITH query, found `UPDATE`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: two.sql",
            &[
                "two.sql:3:1: a second statement begins with `SELECT`; allowed: one SELECT or WITH query",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: string.sql",
            &["string.sql:1:8: SQL syntax: Unterminated string literal"],
        ),
        (
            "sql: spend.sql",
            "sql: SELECT * FROM contract",
            &["job.yaml:12:24: unknown table `contract`; did you mean `contracts`? Known: TABLES"],
        ),
        (
            "sql: spend.sql",
            "sql: 'SELECT * FROM contract'",
            &["job.yaml:12:25: unknown table `contract`; did you mean `contracts`? Known: TABLES"],
        ),
        (
            "sql: spend.sql",
            "sql: |\n      SELECT *\n      FROM\n        contract\n",
            &["job.yaml:15:9: unknown table `contract`; did you mean `contracts`? Known: TABLES"],
        ),
        (
            "sql: spend.sql",
            "sql: >\n      SELECT *\n      FROM\n      contract\n",
            &[
                "job.yaml:13:7: line 1, column 15 of the query: unknown table `contract`; did you mean `contracts`? Known: TABLES",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: SELECT '${DATA}' FROM contract",
            &[
                "job.yaml:12:10: line 1, column 21 of the query: unknown table `contract`; did you mean `contracts`? Known: TABLES",
            ],
        ),
    ]);
}

#[test]
fn variables_that_are_missing_are_the_only_fault_of_their_value() {
    check(&[
        (
            "lake: ./lake",
            "lake: x/${LAKE}/y",
            &[
                "job.yaml:2:9: environment variable `LAKE` is not set; set it, or write `${LAKE:-default}`",
            ],
        ),
        (
            "format: xml",
            "format: ${FORMAT}",
            &[
                "job.yaml:5:13: environment variable `FORMAT` is not set; set it, or write `${FORMAT:-default}`",
            ],
        ),
        (
            "sql: spend.sql",
            "sql: |\n      SELECT 1\n      FROM ${TABLE}\n",
            &[
                "job.yaml:14:12: environment variable `TABLE` is not set; set it, or write `${TABLE:-default}`",
            ],
        ),
    ]);
}

#[test]
fn faults_of_all_kinds_are_reported_together() {
    let job = BASE
        .replace("lake: ./lake", "lake: 7\ntunning: {}")
        .replace("row_tag: award", "row_tag: award\n    schema: none.yaml")
        .replace("contracts.sql", "broken.sql")
        .replace("spend.sql", "unknown.sql");
    let folder = Folder::with(&FILES);
    let errors = folder.parse(&job, &["tuning.wave_size=0"]).unwrap_err();
    let places: Vec<String> = errors
        .errors
        .iter()
        .map(|error| format!("{}:{}:{}", error.file, error.line, error.column))
        .collect();
    assert_eq!(
        places,
        [
            "job.yaml:2:7",
            "job.yaml:3:1",
            "job.yaml:9:13",
            "--set tuning.wave_size=0:0:0",
            "broken.sql:2:20",
            "unknown.sql:3:3",
            "unknown.sql:3:10",
            "unknown.sql:3:18",
            "unknown.sql:3:35",
            "unknown.sql:3:48",
        ]
    );
}

#[test]
fn set_options() {
    let folder = Folder::with(&FILES);
    let mut failures = String::new();
    for (option, message) in [
        (
            "lake",
            "--set lake: has no `=`; allowed: `--set key=value`, such as `--set lake=./lake`",
        ),
        (
            "lak=x",
            "--set lak=x: unknown key `lak` in the job file; did you mean `lake`? Allowed: JOB_KEYS",
        ),
        (
            "sources.award.path=x",
            "--set sources.award.path=x: unknown name `award` in `sources`; did you mean `awards`? Known: `awards`",
        ),
        (
            "sources.awards.pth=x",
            "--set sources.awards.pth=x: unknown key `pth` in source `awards`; did you mean `path`? Allowed: SOURCE_KEYS",
        ),
        (
            "lake.x=y",
            "--set lake.x=y: `lake` has no keys, so no `x`; set `lake`",
        ),
        (
            "tuning.wave_size=huge",
            "--set tuning.wave_size=huge: `wave_size` in `tuning` must be a size such as `128MB`, `64MiB` or a number of bytes, at least 1, found the text `huge`",
        ),
        (
            "models.spend.sql=nope.sql",
            "--set models.spend.sql=nope.sql: SQL file `nope.sql` of model `spend`: there is no such file. Allowed: the path of a file, or a query",
        ),
        (
            "sources.awards.path=[a",
            "--set sources.awards.path=[a: not valid YAML: unclosed bracket '['",
        ),
        ("lake=", "--set lake=: `lake` is empty"),
        (
            "models.spend.sql=SELECT * FROM nope",
            "--set models.spend.sql=SELECT * FROM nope: line 1, column 15 of the query: unknown table `nope`. Known: TABLES",
        ),
    ] {
        compare(
            &mut failures,
            option,
            folder.parse(BASE, &[option]).map(|_| ()),
            &[message],
        );
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::with(&FILES);
    let here = folder.path().to_str().unwrap();
    let missing = load(&folder.path().join("job.yml"), &[], &|_| None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        missing.replace(here, "/f"),
        "/f/job.yml: job file: there is no such file."
    );
    fs::write(folder.path().join("job.yaml"), BASE).unwrap();
    let misspelt = load(&folder.path().join("jobs.yaml"), &[], &|_| None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        misspelt.replace(here, "/f"),
        "/f/jobs.yaml: job file: there is no such file; did you mean `job.yaml`?"
    );

    fs::write(
        folder.path().join("latin1.sql"),
        b"SELECT 'caf\xe9' FROM awards",
    )
    .unwrap();
    fs::write(folder.path().join("large.sql"), " ".repeat((1 << 20) + 1)).unwrap();
    fs::create_dir(folder.path().join("folder.sql")).unwrap();
    for (file, why) in [
        ("latin1.sql", "it is not UTF-8 at byte 11."),
        ("large.sql", "it is larger than 1048576 bytes."),
        (
            "folder.sql",
            "it cannot be read: Is a directory (os error 21).",
        ),
    ] {
        let error = folder
            .parse(&BASE.replace("spend.sql", file), &[])
            .unwrap_err()
            .to_string();
        let expected = format!(
            "job.yaml:12:10: SQL file `{file}` of model `spend`: {why} Allowed: the path of a file, or a query"
        );
        assert_eq!(error, expected);
    }
}

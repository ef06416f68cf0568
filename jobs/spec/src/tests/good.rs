//! Good job files and what they become.

use super::Folder;
use crate::{
    ByteSize, ChangedFiles, CheckRule, CheckSpec, Compression, Distribute, Format, JobSpec,
    JobSpecError, Layout, OnBadRecord, OnBadValue, OnUnknown, Severity, SortColumn, Source,
    TextFile, WriteMode, explain, load,
};

/// Every key of every type, none at its default.
const FULL: &str = "\
job: fpds
lake: s3://bucket/prefix
sources:
  awards:
    format: xml
    path: [data/**/*.xml, '${DATA}/*.xml.gz', s3://bucket/in/]
    row_tag: [award, ns1:IDV]
    schema: infer
    sample_files: 3
    sample_ratio: 0.25
    on_bad_record: keep
    on_bad_value: null
    on_unknown: discard_row
    corrupt_record_column: _corrupt
    wildcard_column: rest
    exclude_attributes: true
    ignore_namespaces: false
    ignore_surrounding_spaces: false
    null_values: [NA, '', '0']
    date_format: dd/MM/yyyy
    timestamp_format: 'dd/MM/yyyy''T''HH:mm[XXX]'
    encoding: ISO-8859-1
    attribute_prefix: ''
    value_tag: text
    record_bytes_max: 1MiB
    raw_bytes_max: 100
  agencies:
    format: parquet
    path: agencies.parquet
  days:
    format: json
    path: days/*.json
    layout: documents
    records: '$[\"Time Series (Daily)\"].*'
    key_column: date
    keep: {symbol: '$[\"Meta Data\"][\"2. Symbol\"]'}
    rename: {1. open: open, 4. close: close}
  people:
    format: csv
    path: people.txt
    header: false
    columns: [id, name]
    delimiter: \"\\t\"
    quote: \"'\"
    escape: '\\'
    comment: '#'
models:
  spend:
    sql: |
      SELECT fiscal_year, sum(c.amount) AS amount
      FROM CONTRACTS c JOIN agencies USING (agency_id)
      GROUP BY 1
  contracts:
    sql: sql/contracts.sql
    partition_by: [fiscal_year, agency_id]
    mode: append
    changed_files: replace
    sort_by: [agency_id, signed desc]
    target_file_size: 64MiB
    compression: snappy
    distribute: none
    partition_columns_in_files: true
    checks:
      - not_null: [fiscal_year, agency_id]
      - unique: piid
        severity: warn
      - accepted_values: {column: status, values: [open, 7, 1.50, true, '']}
        name: known status
      - relationships: {column: parent, to: CONTRACTS, field: piid}
      - relationships: {column: budget_id, to: budget, field: id}
      - row_count: {min: 1, max: 5000000000}
      - sql: SELECT * FROM Contracts JOIN budget USING (x)
      - sql: sql/check.sql
  agencies_now:
    sql: SELECT * FROM agencies
    mode: upsert
    key: agency_id
    order_by: [changed, version desc]
tuning:
  split_size: 16MB
  wave_size: 1GB
  shuffle_partitions: 7
  open_writers_max: 8
  wave_retries_max: 0
";

fn full() -> (Folder, JobSpec) {
    let folder = Folder::with(&[
        ("sql/contracts.sql", "SELECT * FROM Awards;\n"),
        ("sql/check.sql", "SELECT 1 FROM contracts WHERE false"),
    ]);
    let job = folder.parse(FULL, &[]).unwrap();
    (folder, job)
}

#[test]
fn every_key_is_read_and_every_path_is_absolute() {
    let (folder, job) = full();
    let under = |path: &str| folder.path().join(path).to_string_lossy().into_owned();
    assert_eq!(
        (job.v, job.job.as_str(), job.lake.as_str()),
        (1, "fpds", "s3://bucket/prefix")
    );
    let awards = &job.source("awards").unwrap().options;
    assert_eq!(
        awards.path,
        [
            under("data/**/*.xml"),
            "/data/*.xml.gz".into(),
            "s3://bucket/in/".into()
        ]
    );
    assert_eq!(awards.row_tag, ["award", "ns1:IDV"]);
    assert_eq!(
        (
            awards.sample_files,
            awards.on_bad_record,
            awards.on_bad_value
        ),
        (Some(3), OnBadRecord::Keep, OnBadValue::Null)
    );
    assert_eq!(
        (awards.sample_ratio, awards.on_unknown),
        (Some(0.25), OnUnknown::DiscardRow)
    );
    assert_eq!(
        (
            awards.exclude_attributes,
            awards.ignore_namespaces,
            awards.ignores_surrounding_spaces()
        ),
        (true, false, false)
    );
    assert_eq!(awards.null_values, ["NA", "", "0"]);
    let words = [
        &awards.corrupt_record_column,
        &awards.wildcard_column,
        &awards.date_format,
        &awards.timestamp_format,
        &awards.encoding,
    ];
    assert_eq!(
        words.map(|word| word.as_deref().unwrap()),
        [
            "_corrupt",
            "rest",
            "dd/MM/yyyy",
            "dd/MM/yyyy'T'HH:mm[XXX]",
            "ISO-8859-1"
        ]
    );
    assert_eq!(
        (awards.attribute_prefix.as_str(), awards.value_tag.as_str()),
        ("", "text")
    );
    assert_eq!(
        (
            awards.record_bytes_max.bytes(),
            awards.raw_bytes_max.bytes()
        ),
        (1 << 20, 100)
    );
    assert_eq!(
        job.source("agencies").unwrap().options,
        Source::new(Format::Parquet, vec![under("agencies.parquet")])
    );

    let days = &job.source("days").unwrap().options;
    assert_eq!(days.layout, Layout::Documents);
    assert_eq!(
        (days.records.as_deref(), days.key_column.as_deref()),
        (Some("$[\"Time Series (Daily)\"].*"), Some("date"))
    );
    assert_eq!(days.keep["symbol"], "$[\"Meta Data\"][\"2. Symbol\"]");
    assert_eq!(
        days.rename.iter().collect::<Vec<_>>(),
        [
            (&"1. open".to_owned(), &"open".to_owned()),
            (&"4. close".to_owned(), &"close".to_owned())
        ]
    );
    let people = &job.source("people").unwrap().options;
    assert_eq!(
        (people.header, &people.columns[..]),
        (false, &["id".to_owned(), "name".to_owned()][..])
    );
    let characters = [people.delimiter(), &people.quote];
    let others = people.escape.iter().chain(&people.comment);
    let characters = characters.into_iter().chain(others.map(String::as_str));
    let characters: Vec<_> = characters.map(Source::csv_character).collect();
    assert_eq!(characters, [Some('\t'), Some('\''), Some('\\'), Some('#')]);

    let order: Vec<&str> = job.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(
        order,
        ["contracts", "spend", "agencies_now"],
        "spend reads contracts, whatever the order in the file"
    );
    let contracts = job.model("contracts").unwrap();
    assert_eq!(contracts.options.partition_by, ["fiscal_year", "agency_id"]);
    assert_eq!(
        (contracts.options.mode, contracts.options.changed_files),
        (WriteMode::Append, ChangedFiles::Replace)
    );
    let sorted = contracts
        .options
        .sort_by
        .iter()
        .map(|c| SortColumn::parse(c));
    let sorted: Vec<_> = sorted.map(|c| (c.name, c.descending)).collect();
    assert_eq!(sorted, [("agency_id", false), ("signed", true)]);
    let upsert = &job.model("agencies_now").unwrap().options;
    assert_eq!(
        (upsert.mode, &upsert.key[..], &upsert.order_by[..]),
        (
            WriteMode::Upsert,
            &["agency_id".to_owned()][..],
            &["changed".to_owned(), "version desc".to_owned()][..]
        )
    );
    assert_eq!(
        contracts.options.target_file_size,
        ByteSize::from_bytes(64 << 20)
    );
    assert_eq!(
        (contracts.options.compression, contracts.options.distribute),
        (Compression::Snappy, Distribute::None)
    );
    assert!(contracts.options.partition_columns_in_files);
    assert_eq!(
        (contracts.sql.path.as_str(), contracts.sql.text.as_str()),
        ("sql/contracts.sql", "SELECT * FROM Awards;\n")
    );
    assert_eq!(
        (&contracts.reads_sources[..], &contracts.reads_models[..]),
        (&["awards".to_owned()][..], &[][..])
    );
    let spend = job.model("spend").unwrap();
    assert_eq!(spend.sql.path, "job.yaml");
    assert_eq!(
        (spend.reads_sources.join(","), spend.reads_models.join(",")),
        ("agencies".into(), "contracts".into())
    );

    let tuning = &job.tuning;
    assert_eq!(
        (
            tuning.split_size.map(ByteSize::bytes),
            tuning.wave_size.bytes()
        ),
        (Some(16_000_000), 1_000_000_000)
    );
    assert_eq!(
        (
            tuning.shuffle_partitions,
            tuning.open_writers_max,
            tuning.wave_retries_max
        ),
        (Some(7), 8, 0)
    );
}

#[test]
fn checks_have_names_and_say_which_tables_they_read() {
    let (_folder, job) = full();
    let contracts = job.model("contracts").unwrap();
    assert!(
        contracts.options.checks.is_empty(),
        "they stand in one place"
    );
    assert_eq!(contracts.check_tables(), ["budget"]);
    let texts = |texts: &[&str]| -> Vec<String> { texts.iter().map(|t| (*t).to_owned()).collect() };
    let check = |name: &str, severity, rule, reads: &[&str]| CheckSpec {
        name: name.to_owned(),
        severity,
        rule,
        reads: texts(reads),
    };
    let related = |column: &str, to: &str, field: &str| CheckRule::Relationships {
        column: column.to_owned(),
        to: to.to_owned(),
        field: field.to_owned(),
    };
    let sql = |path: &str, text: &str| CheckRule::Sql {
        sql: TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        },
    };
    let expected = [
        check(
            "not_null(fiscal_year, agency_id)",
            Severity::Error,
            CheckRule::NotNull {
                columns: texts(&["fiscal_year", "agency_id"]),
            },
            &[],
        ),
        check(
            "unique(piid)",
            Severity::Warn,
            CheckRule::Unique {
                columns: texts(&["piid"]),
            },
            &[],
        ),
        check(
            "known status",
            Severity::Error,
            CheckRule::AcceptedValues {
                column: "status".to_owned(),
                values: texts(&["open", "7", "1.50", "true", ""]),
            },
            &[],
        ),
        check(
            "relationships(parent to CONTRACTS.piid)",
            Severity::Error,
            related("parent", "contracts", "piid"),
            &[],
        ),
        check(
            "relationships(budget_id to budget.id)",
            Severity::Error,
            related("budget_id", "budget", "id"),
            &["budget"],
        ),
        check(
            "row_count",
            Severity::Error,
            CheckRule::RowCount {
                min: Some(1),
                max: Some(5_000_000_000),
            },
            &[],
        ),
        check(
            "sql",
            Severity::Error,
            sql("job.yaml", "SELECT * FROM Contracts JOIN budget USING (x)"),
            &["budget"],
        ),
        check(
            "sql 2",
            Severity::Error,
            sql("sql/check.sql", "SELECT 1 FROM contracts WHERE false"),
            &[],
        ),
    ];
    assert_eq!(contracts.checks, expected);
}

/// Guards against: a model checked against another that is committed only after it.
#[test]
fn a_model_runs_after_those_that_its_checks_read() {
    let folder = Folder::with(&[]);
    let job = "job: j\nlake: l\nsources: {s: {format: xml, path: a.xml, row_tag: r}}\nmodels:\n  a:\n    sql: SELECT 1 FROM s\n    checks:\n    - relationships: {column: x, to: B, field: x}\n  b: {sql: SELECT 1 FROM s}\n";
    let job = folder.parse(job, &[]).unwrap();
    let order: Vec<&str> = job.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(order, ["b", "a"]);
    assert_eq!(job.models[1].checks[0].reads, ["b"]);
    assert_eq!(job.models[1].reads_models, Vec::<String>::new());
}

#[test]
fn the_full_job_has_every_key_of_every_type() {
    let schema: serde_json::Value = serde_json::from_str(&crate::json_schema()).unwrap();
    let types = [
        &schema,
        &schema["$defs"]["Source"],
        &schema["$defs"]["Model"],
        &schema["$defs"]["Check"],
        &schema["$defs"]["AcceptedValues"],
        &schema["$defs"]["Relationships"],
        &schema["$defs"]["RowCount"],
        &schema["$defs"]["Tuning"],
    ];
    for key in types
        .iter()
        .flat_map(|object| object["properties"].as_object().unwrap().keys())
    {
        assert!(FULL.contains(&format!("{key}:")), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let folder = Folder::with(&[]);
    let job = "job: j\nlake: l\nsources: {s: {format: xml, path: a.xml, row_tag: r}}\nmodels: {m: {sql: SELECT 1 FROM s}}\n";
    let job = folder.parse(job, &[]).unwrap();
    let source = &job.sources[0].options;
    assert!(source.infers_schema());
    assert_eq!(
        (source.on_bad_record, source.on_bad_value),
        (OnBadRecord::Quarantine, OnBadValue::Quarantine)
    );
    assert_eq!(
        (source.attribute_prefix.as_str(), source.value_tag.as_str()),
        ("_", "_VALUE")
    );
    assert_eq!(
        (
            source.record_bytes_max.to_string(),
            source.raw_bytes_max.to_string()
        ),
        ("64MB".into(), "4KB".into())
    );
    for (format, spaces) in [
        (Format::Xml, true),
        (Format::Json, false),
        (Format::Csv, false),
    ] {
        let source = Source::new(format, Vec::new());
        assert_eq!(source.ignores_surrounding_spaces(), spaces);
        assert_eq!((source.delimiter(), source.quote.as_str()), (",", "\""));
        assert_eq!((source.layout, source.header), (Layout::Auto, true));
    }
    for (paths, delimiter) in [
        (&["a/*.tsv", "b.TSV.gz"][..], "\t"),
        (&["a.tsv", "b.csv"], ","),
        (&["a.tsv/"], ","),
    ] {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let source = Source::new(Format::Csv, paths);
        assert_eq!(source.delimiter(), delimiter, "{:?}", source.path);
    }
    let model = &job.models[0].options;
    assert_eq!(*model, crate::Model::new("SELECT 1 FROM s"));
    assert_eq!(
        (model.mode, model.compression, model.distribute),
        (WriteMode::Overwrite, Compression::Zstd, Distribute::Auto)
    );
    assert_eq!(model.target_file_size.to_string(), "128MB");
    assert_eq!(job.tuning, crate::Tuning::default());
    assert_eq!(job.tuning.wave_size.to_string(), "8GB");
    assert_eq!(
        (job.tuning.open_writers_max, job.tuning.wave_retries_max),
        (64, 5)
    );
}

#[test]
fn the_message_round_trips_and_other_versions_are_told_apart() {
    let (_folder, job) = full();
    let json = job.to_json().unwrap();
    assert_eq!(JobSpec::from_json(&json).unwrap(), job);
    let later = json.replacen("\"v\":1", "\"v\":2,\"new\":0", 1);
    assert!(matches!(
        JobSpec::from_json(&later),
        Err(JobSpecError::Version { found: 2 })
    ));
    assert!(matches!(
        JobSpec::from_json("{}"),
        Err(JobSpecError::Malformed(_))
    ));
}

#[test]
fn overrides_replace_values_and_start_from_the_working_folder() {
    let folder = Folder::with(&[
        ("jobs/sql/contracts.sql", "SELECT * FROM awards"),
        ("jobs/sql/check.sql", "SELECT 1"),
        ("other.sql", "SELECT 2"),
    ]);
    let overrides = [
        "lake=out",
        "sources.awards.path=*.xml",
        "sources.awards.row_tag=[a, b]",
        "tuning.wave_size=2GB",
        "models.spend.sql=other.sql",
        "models.contracts.partition_by=[]",
        "job=a$b",
        "job=other",
        "sources.agencies={format: parquet, path: x.parquet}",
    ];
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let env = |name: &str| (name == "DATA").then(|| "d".to_owned());
    let job = crate::parse_str(
        FULL,
        std::path::Path::new("jobs/job.yaml"),
        folder.path(),
        &overrides,
        &env,
    )
    .unwrap();
    let under = |path: &str| folder.path().join(path).to_string_lossy().into_owned();
    assert_eq!((job.job.as_str(), job.lake), ("other", under("out")));
    assert_eq!(job.sources[0].options.path, [under("*.xml")]);
    assert_eq!(job.sources[0].options.row_tag, ["a", "b"]);
    assert_eq!(job.sources[1].options.path, [under("x.parquet")]);
    assert_eq!(job.tuning.wave_size.bytes(), 2_000_000_000);
    assert_eq!(job.models[0].name, "spend");
    assert_eq!(job.models[0].sql.path, "other.sql");
    assert!(job.models[1].options.partition_by.is_empty());
    assert_eq!(job.models[1].sql.path, "jobs/sql/contracts.sql");
}

#[test]
fn a_schema_file_travels_inside_the_message() {
    let folder = Folder::with(&[("a/awards.schema.yaml", "fields: {}\n"), ("a/job.yaml", "")]);
    let text = "\u{feff}job: j\nlake: l\nsources:\n  s:\n    format: xml\n    path: x\n    row_tag: r\n    schema: awards.schema.yaml\nmodels:\n  m:\n    sql: SELECT 1\n";
    let path = folder.path().join("a/job.yaml");
    std::fs::write(&path, text).unwrap();
    let job = load(&path, &[], &|_| None).unwrap();
    let schema = job.sources[0].schema_file.clone().unwrap();
    let expected = folder
        .path()
        .join("a/awards.schema.yaml")
        .to_string_lossy()
        .into_owned();
    assert_eq!(
        (schema.text.as_str(), &schema.path),
        ("fields: {}\n", &expected)
    );
    assert_eq!(job.sources[0].options.schema, expected);
}

#[test]
fn a_job_is_explained_in_a_few_lines() {
    let (folder, job) = full();
    let text = explain(&job).replace(folder.path().to_str().unwrap(), "/f");
    let expected = "\
job fpds, lake s3://bucket/prefix
sources
  awards: /f/data/**/*.xml, /data/*.xml.gz, s3://bucket/in/; xml; rows award, ns1:IDV; schema inferred from a share of 0.25 of the records of 3 files; bad records: keep; bad values: null; unknown names: discard_row
  agencies: /f/agencies.parquet; parquet
  days: /f/days/*.json; json; rows $[\"Time Series (Daily)\"].*; schema inferred from all files; bad records: quarantine; bad values: quarantine; read by no model
  people: /f/people.txt; csv; schema inferred from all files; bad records: quarantine; bad values: quarantine; read by no model
models, in order
  1. contracts: sql/contracts.sql reads awards; append (changed files: replace); partitioned by fiscal_year, agency_id (not shuffled); sorted by agency_id, signed desc; files of 64MiB, snappy; checked: not_null(fiscal_year, agency_id), unique(piid) (warns only), known status, relationships(parent to CONTRACTS.piid), relationships(budget_id to budget.id), row_count, sql, sql 2
  2. spend: job.yaml reads agencies, contracts; overwrite; files of 128MB, zstd
  3. agencies_now: job.yaml reads agencies; upsert by agency_id (the last by changed, version desc); files of 128MB, zstd
";
    assert_eq!(text, expected);
}

#[test]
fn the_job_file_type_reads_the_same_file_as_json() {
    let json = serde_json::json!({
        "job": "j",
        "lake": "l",
        "sources": {"s": {"format": "xml", "path": "a.xml", "row_tag": ["r"]}},
        "models": {"m": {"sql": "SELECT 1 FROM s", "target_file_size": 1000}},
    });
    let file: crate::JobFile = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(file.sources["s"].path, ["a.xml"]);
    assert_eq!(
        file.models["m"].target_file_size,
        ByteSize::from_bytes(1000)
    );
    let written = serde_json::to_value(&file).unwrap();
    assert_eq!(
        serde_json::from_value::<crate::JobFile>(written).unwrap(),
        file
    );
    // YAML is a superset of JSON.
    let folder = Folder::with(&[]);
    let job = folder.parse(&json.to_string(), &[]).unwrap();
    assert_eq!(job.models[0].options, file.models["m"]);
}

#[test]
fn a_damaged_job_file_is_refused_or_read_but_never_panics() {
    let folder = Folder::with(&[
        ("sql/contracts.sql", "SELECT * FROM Awards;\n"),
        ("sql/check.sql", "SELECT 1"),
    ]);
    let damage = [
        ":", "-", "[", "}", "'", "\"", "|", "*", "&", "!", "${", "\t", "#", "ü", "\r\n", "\0", "",
    ];
    let boundaries: Vec<usize> = FULL.char_indices().map(|(at, _)| at).collect();
    for (turn, at) in boundaries.iter().copied().enumerate().step_by(3) {
        let (before, after) = FULL.split_at(at);
        let damaged = format!(
            "{before}{}{}",
            damage[(turn / 3) % damage.len()],
            &after[1..]
        );
        for text in [before, damaged.as_str()] {
            if let Err(errors) = folder.parse(text, &[]) {
                assert!(!errors.errors.is_empty(), "{text}");
            }
        }
    }
    // Windows line ends change nothing.
    let windows = folder.parse(&FULL.replace('\n', "\r\n"), &[]).unwrap();
    assert_eq!(windows, folder.parse(FULL, &[]).unwrap());
}

//! Files with known rows and known bad records.

use super::run::{Row, config, config_with, options, read_every_way};
use crate::csv::CsvOptions;

fn row(values: &[Option<&str>]) -> Row {
    values.iter().map(|v| v.map(str::to_string)).collect()
}

/// What a file comes to: rows as `a|b`, NULL as `-`; bad records as offset and raw text.
type Case<'a> = (&'a str, &'a [&'a str], &'a [(u64, &'a str)]);

fn check(options: CsvOptions, fields: &str, cases: &[Case]) {
    let config = config_with(fields, options);
    for (text, rows, bad) in cases {
        let (outcome, _) = read_every_way(&config, text.as_bytes(), &format!("{text:?}"));
        let shown = |row: &Row| {
            let values: Vec<&str> = row.iter().map(|v| v.as_deref().unwrap_or("-")).collect();
            values.join("|")
        };
        let found: Vec<String> = outcome.rows.iter().map(shown).collect();
        assert_eq!(found, *rows, "{text:?}");
        let found: Vec<(u64, &str)> = outcome
            .bad
            .iter()
            .map(|bad| (bad.offset, bad.raw.as_str()))
            .collect();
        assert_eq!(found, *bad, "{text:?}");
    }
}

#[test]
fn the_table() {
    let cases: &[Case] = &[
        ("a,b\n1,2\n", &["1|2"], &[]),
        ("a,b\n1,2", &["1|2"], &[]),
        ("a,b\r\n1,2\r\n3,4\n5,6\r", &["1|2", "3|4", "5|6"], &[]),
        ("a,b\r1,2\r3,4\r\n5,6", &["1|2", "3|4", "5|6"], &[]),
        ("b,a\n1,2\n", &["2|1"], &[]),
        ("b\n1\n", &["-|1"], &[]),
        ("a,b", &[], &[]),
        ("", &[], &[]),
        ("\n\r\n", &[], &[]),
        ("\n\na,b\n\n1,2\n\r\n3,4\n\n", &["1|2", "3|4"], &[]),
        ("\u{FEFF}a,b\n1,2\n", &["1|2"], &[]),
        ("\u{FEFF}\u{FEFF}a,b\n1,2\n", &["1|2"], &[]),
        ("\"a\",\"b\"\n\"1\",\"2\"\n", &["1|2"], &[]),
        ("a,b\n\"x,y\",\"p\nq\r\nr\"\n", &["x,y|p\nq\r\nr"], &[]),
        ("a,b\n\"say \"\"x\"\"\",\"\"\"\"\n", &["say \"x\"|\""], &[]),
        ("a,b\n,\"\"\n", &["-|"], &[]),
        ("a,b\n x ,\ty\n", &[" x |\ty"], &[]),
        ("a,b\nx\"y\",\u{e9} \"z\"\n", &["x\"y\"|\u{e9} \"z\""], &[]),
        ("a,b\nx\ry,z\n", &["x\ry|z"], &[]),
        ("a,b\n# x,y\n", &["# x|y"], &[]),
        // Too few and too many fields.
        ("a,b\n1\n2,3\n", &["2|3"], &[(4, "1\n")]),
        ("a,b\n1,2,3\n4,5\n", &["4|5"], &[(4, "1,2,3\n")]),
        // What follows a closing quote.
        ("a,b\n\"x\"y,1\n2,3\n", &["2|3"], &[(4, "\"x\"y,1\n")]),
        ("a,b\n\"x\" ,1\n2,3\n", &["2|3"], &[(4, "\"x\" ,1\n")]),
        // A quote that is missing costs its own record.
        (
            "a,b\n1,\"x\n2,\"y\"\n3,4\n",
            &["2|y", "3|4"],
            &[(4, "1,\"x\n")],
        ),
        ("a,b\n1,\"x\n2,y\n", &["2|y"], &[(4, "1,\"x\n")]),
        ("a,b\n1,\"x", &[], &[(4, "1,\"x")]),
        (
            "a,b\n\"p\nq\",\"x\"y\n2,3\n",
            &["2|3"],
            &[(4, "\"p\nq\",\"x\"y\n")],
        ),
    ];
    check(CsvOptions::default(), "{a: text, b: text}", cases);
}

#[test]
fn other_ways_to_write_a_file() {
    let fields = "{a: text, b: text}";
    check(
        options(|o| o.delimiter = '\t'),
        fields,
        &[("a\tb\n1\t\"x\ty\"\n", &["1|x\ty"], &[])],
    );
    check(
        options(|o| o.quote = None),
        fields,
        &[("a,b\n\"1,2\"\n", &["\"1|2\""], &[])],
    );
    check(
        options(|o| (o.quote, o.delimiter) = (Some('\''), ';')),
        fields,
        &[("a;b\n'x;''y';\"z\n", &["x;'y|\"z"], &[])],
    );
    check(
        options(|o| o.escape = Some('\\')),
        fields,
        &[(
            "a,b\n\"x\\\"y\\\\\",\"C:\\dir\"\n\"\"\"\",\\\"\n",
            &["x\"y\\|C:\\dir", "\"|\\\""],
            &[],
        )],
    );
    check(
        options(|o| o.comment = Some('#')),
        fields,
        &[("# \"one\na,b\n#\n1,#2\n# \"three\n#4,5\n", &["1|#2"], &[])],
    );
    check(
        options(|o| o.ignore_surrounding_spaces = true),
        fields,
        &[(
            " a ,\tb\n  \n 1 , \" x \"\t\n\" \" , \n",
            &["1| x ", " |-"],
            &[],
        )],
    );
    check(
        options(|o| (o.header, o.columns) = (false, vec!["b".into(), "x".into(), "a".into()])),
        fields,
        &[("1,2,3\n\u{e9},\"\n\",\n", &["3|1", "-|\u{e9}"], &[])],
    );
}

#[test]
fn values_become_what_their_columns_are() {
    let fields = "{i: int64, d: 'decimal(5,2)', f: float64, b: bool, t: date, u: timestamp, z: timestamptz, s: text}";
    let config = config_with(fields, options(|o| o.null_values = vec!["NA".into()]));
    let text = "i,d,f,b,t,u,z,s\n\
        -7,1.50,1e3,true,2024-02-29,2024-02-29 01:02:03,2024-02-29T01:02:03+01:00,\"007\"\n\
        ,,,,,,,\n\
        \"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n\
        NA,\"NA\",NA,NA,NA,NA,NA,NA\n\
        \" 1\",,,,,,,\n\
        ,1.234,,,,,,\n";
    let (outcome, report) = read_every_way(&config, text.as_bytes(), "values");
    let first = [
        "-7",
        "1.50",
        "1000.0",
        "true",
        "2024-02-29",
        "2024-02-29T01:02:03",
        "2024-02-29T00:02:03",
        "007",
    ];
    let mut empty = vec![None; 8];
    assert_eq!(outcome.rows[0], row(&first.map(Some)));
    assert_eq!(outcome.rows[1], row(&empty));
    assert_eq!(outcome.rows[3], row(&empty));
    empty[7] = Some("");
    assert_eq!(outcome.rows[2], row(&empty));
    assert_eq!(outcome.rows.len(), 4);
    let reasons: Vec<String> = outcome.bad.iter().map(|b| b.reason.to_string()).collect();
    let second = text.find("1.234").unwrap();
    assert_eq!(
        reasons,
        [
            format!(
                "byte {}: `1` in `i` is not a whole number of 64 bits",
                text.find(" 1").unwrap()
            ),
            format!(
                "byte {second}: `1.234` in `d` is not a number with at most 2 decimal places and 5 digits in all"
            ),
        ]
    );
    assert_eq!(outcome.bad[1].line_in_split, 6);
    assert_eq!((report.read, report.emitted, report.quarantined), (6, 4, 2));
}

#[test]
fn reasons_say_where_and_what() {
    let config = config("{a: int64, b: text}");
    let cases: &[(&[u8], u64, &str)] = &[
        (
            b"a,b\n1,2\n3\n",
            2,
            "byte 9: the record has 1 fields, but the file has 2 columns",
        ),
        (
            b"a,b\n1,2,3,4\n",
            1,
            "byte 8: the record has 4 fields, but the file has 2 columns",
        ),
        (
            b"a,b\n1,\"x\"y\n",
            1,
            "byte 9: a closing quote is followed by something else",
        ),
        (
            b"a,b\n1,\"x",
            1,
            "byte 6: the quote is not closed before the end of the file",
        ),
        (b"a,b\n\"1\n\n\",x\xFFy\n", 1, "byte 11: 0xFF is not UTF-8"),
        (
            b"a,b\n,\"x\n\"\n1.5,y\n",
            3,
            "byte 10: `1.5` in `a` is not a whole number",
        ),
    ];
    for (text, line, reason) in cases {
        let name = String::from_utf8_lossy(text).into_owned();
        let (outcome, _) = read_every_way(&config, text, &name);
        let bad = outcome.bad.last().unwrap();
        assert!(bad.reason.to_string().starts_with(reason), "{}", bad.reason);
        assert_eq!(bad.line_in_split, *line, "{name}");
    }
}

#[test]
fn long_records_are_passed_over_and_not_held() {
    let long = "x".repeat(100);
    let text = format!("a,b\n1,{long}\n2,3\n4,\"{long}\n{long}\n5,6\n");
    let mut limited = options(|o| o.limits.record_bytes_max = 20);
    limited.limits.raw_bytes_max = 30;
    let config = config_with("{a: text, b: text}", limited);
    let (outcome, report) = read_every_way(&config, text.as_bytes(), "long");
    let rows: Vec<Row> = ["2|3", "5|6"]
        .map(|r| r.split('|').map(|v| Some(v.to_string())).collect())
        .to_vec();
    assert_eq!(outcome.rows, rows);
    let found: Vec<(u64, u64, usize)> = outcome
        .bad
        .iter()
        .map(|bad| (bad.offset, bad.raw_bytes, bad.raw.len()))
        .collect();
    assert_eq!(found, [(4, 103, 30), (111, 104, 30), (215, 101, 30)]);
    assert_eq!(report.read, 5);
}

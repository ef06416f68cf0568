//! What the beginning of a file says: encodings, names, line ends; and what is refused.

use std::sync::Arc;

use super::run::{config, config_with, head, options, read_every_way, read_split, read_with};
use crate::charset::Transcoder;
use crate::csv::{CsvConfig, CsvHead, CsvHeadState, CsvInferrer, CsvOptions, CsvReader};
use crate::record::{ConfigError, ReadFailure, Split, Start};

/// Looks at a head as a caller does, with ever more bytes.
fn look(bytes: &[u8], options: &CsvOptions) -> Result<CsvHead, ReadFailure> {
    let mut wanted = 1;
    loop {
        let first = &bytes[..bytes.len().min(wanted)];
        let eof = wanted >= bytes.len();
        match CsvHead::look(first, eof, options)? {
            CsvHeadState::Known(head) => return Ok(head),
            CsvHeadState::NeedMore(at_least) => {
                assert!(!eof && at_least > wanted);
                wanted += 1; // fewer than it asks for are no mistake
            }
        }
    }
}

#[test]
fn the_head_does_not_depend_on_how_much_is_shown() {
    let commented = options(|o| (o.comment, o.ignore_surrounding_spaces) = (Some('#'), true));
    let escaped = options(|o| o.escape = Some('\\'));
    let usual = CsvOptions::default();
    let cases: &[(&[u8], &CsvOptions, &[&str])] = &[
        (b"a,b\n1,2\n", &usual, &["a", "b"]),
        (b"a,b", &usual, &["a", "b"]),
        (b"a,b\r\n1,2\r\n", &usual, &["a", "b"]),
        (b"a,b\r1,2\r", &usual, &["a", "b"]),
        (b"\"a\n\"\"\r\",b\n1,2", &usual, &["a\n\"\r", "b"]),
        (b"\xEF\xBB\xBF\xEF\xBB\xBFa\n1", &usual, &["a"]),
        (b"\n\r\na\n1", &usual, &["a"]),
        (
            b"#\"x\n  \n# y\n a ,\t\"b \"\n1,2\n",
            &commented,
            &["a", "b "],
        ),
        (b"\"a\\\"b\"\n1\n", &escaped, &["a\"b"]),
        (b"", &usual, &[]),
        (b"\n\n", &usual, &[]),
    ];
    for (bytes, options, names) in cases {
        let whole = head(options, bytes);
        assert_eq!(whole.columns(), *names);
        assert_eq!(look(bytes, options).unwrap(), whole, "{names:?}");
        for more in 1..bytes.len() {
            if let CsvHeadState::Known(head) =
                CsvHead::look(&bytes[..more], false, options).unwrap()
            {
                assert_eq!(head, whole, "{names:?} of {more} bytes");
            }
        }
    }
}

#[test]
fn headers_that_do_not_tell_are_refused() {
    let cases: &[(&[u8], &str)] = &[
        (
            b"a,b,a\n",
            "byte 4, in the header: columns 1 and 3 are both named `a`; rename one of them",
        ),
        (b"a,,b\n", "byte 2, in the header: column 2 has no name"),
        (b"\n\"\"\n", "byte 2, in the header: column 1 has no name"),
        (
            b"a,\"b\"c\n",
            "byte 5, in the header: a closing quote is followed by",
        ),
        (
            b"\xEF\xBB\xBFa,\"b\n",
            "byte 5, in the header: the quote is not closed",
        ),
        (
            b"a,\xE9\n",
            "byte 2, in the header: the name of column 2 is not UTF-8",
        ),
        (b"\xFF\xFE\0\0a", "byte 0: the file is in UTF-32"),
    ];
    for (bytes, message) in cases {
        let error = look(bytes, &CsvOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        let mut reader = CsvReader::new(config("{a: text}"), Split::whole());
        let error = reader.feed(bytes, true).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let long = vec![b'a'; 2 << 20];
    let error = look_at(&long).unwrap_err().to_string();
    assert!(
        error.contains("no line end follows within 1048576 bytes"),
        "{error}"
    );
    let error = CsvHead::look(
        b"a\n",
        true,
        &options(|o| o.encoding = Some("UTF-16".into())),
    );
    assert!(matches!(error, Ok(CsvHeadState::Known(head)) if !head.can_be_split()));
    let marked = b"\xFF\xFEa\0\n\0";
    let error = CsvHead::look(
        marked,
        true,
        &options(|o| o.encoding = Some("UTF-8".into())),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("begins with the byte-order mark of UTF-16LE"),
        "{error}"
    );
}

fn look_at(bytes: &[u8]) -> Result<CsvHeadState, ReadFailure> {
    CsvHead::look(bytes, true, &CsvOptions::default())
}

#[test]
fn a_part_of_a_file_needs_its_head() {
    let split = Split {
        start: Start::Known(2),
        end: u64::MAX,
    };
    let mut reader = CsvReader::new(config("{a: text}"), split);
    assert!(matches!(
        reader.feed(b"1\n", true),
        Err(ReadFailure::Header { .. })
    ));
    let named = options(|o| (o.header, o.columns) = (false, vec!["a".into()]));
    let config = config_with("{a: text}", named);
    let mut reader = CsvReader::new(config.clone(), split);
    let (outcome, _) = read_with(&mut reader, &config, b"0\n1\n", 3);
    assert_eq!(outcome.rows, [[Some("1".to_string())]]);
}

#[test]
fn encodings() {
    let latin = options(|o| o.encoding = Some("ISO-8859-1".into()));
    let text = b"\xE9,b\n\xE8,\"\xFC\"\"\"\n\"\xE0\n\",x\"y\n".as_slice();
    let config = config_with("{é: text, b: text}", latin);
    let (outcome, _) = read_every_way(&config, text, "ISO-8859-1");
    let row = |a: &str, b: &str| vec![Some(a.to_string()), Some(b.to_string())];
    assert_eq!(outcome.rows, [row("è", "ü\""), row("à\n", "x\"y")]);

    for big_endian in [false, true] {
        let text = "\u{FEFF}é,b\nè,\"ü\n\"\n";
        let units = text.encode_utf16();
        let bytes: Vec<u8> = units
            .flat_map(|u| {
                if big_endian {
                    u.to_be_bytes()
                } else {
                    u.to_le_bytes()
                }
            })
            .collect();
        let usual = CsvOptions::default();
        let head = look(&bytes, &usual).unwrap();
        assert!(!head.can_be_split());
        let mut transcoder = Transcoder::new(head.charset()).unwrap();
        let plain = transcoder.push(&bytes, true).unwrap();
        let config = config_with("{é: text, b: text}", usual);
        let mut reader = CsvReader::new(config.clone(), Split::whole());
        reader.set_head(head);
        let (outcome, _) = read_with(&mut reader, &config, &plain, 5);
        assert_eq!(outcome.rows, [row("è", "ü\n")]);
        // Without being turned into UTF-8 it is refused.
        let mut reader = CsvReader::new(config.clone(), Split::whole());
        assert!(matches!(
            reader.feed(&bytes, true),
            Err(ReadFailure::Encoding { .. })
        ));
    }
}

#[test]
fn files_may_order_their_columns_as_they_like() {
    let config = config("{a: int64, b: text}");
    let mut reader = CsvReader::new(config.clone(), Split::whole());
    let files: [&[u8]; 4] = [b"a,b\n1,x\n", b"b,a\ny,2\n", b"a\n3\n", b"b\rz\r"];
    let mut rows = Vec::new();
    for file in files {
        reader.next_split(Split::whole());
        let (outcome, _) = read_with(&mut reader, &config, file, 2);
        rows.extend(outcome.rows);
    }
    let shown: Vec<String> = rows
        .iter()
        .map(|row| row.iter().map(|v| v.as_deref().unwrap_or("-")).collect())
        .collect();
    assert_eq!(shown, ["1x", "2y", "3-", "-z"]);
}

#[test]
fn options_that_contradict_one_another_are_refused() {
    let cases: Vec<(CsvOptions, &str)> = vec![
        (
            options(|o| o.delimiter = 'é'),
            "delimiter is `é`; it must be one ASCII character",
        ),
        (
            options(|o| o.delimiter = '\n'),
            "delimiter is `\\n`; it must be one ASCII",
        ),
        (
            options(|o| o.quote = Some(',')),
            "quote is `,`; it must be another character",
        ),
        (
            options(|o| o.comment = Some('"')),
            "comment is `\"`; it must be another",
        ),
        (
            options(|o| (o.delimiter, o.ignore_surrounding_spaces) = (' ', true)),
            "delimiter is ` `; it must be no space",
        ),
        (
            options(|o| o.columns = vec!["a".into()]),
            "columns is `given`",
        ),
        (options(|o| o.header = false), "columns is `empty`"),
        (
            options(|o| (o.header, o.columns) = (false, vec!["a".into(), "a".into()])),
            "columns is `a`; it must be a list of names that differ",
        ),
        (
            options(|o| o.encoding = Some("utf-9".into())),
            "`utf-9` is no encoding",
        ),
        (
            options(|o| o.corrupt_record_column = Some("c".into())),
            "on_bad_record: keep and",
        ),
        (
            options(|o| o.limits.record_bytes_max = 0),
            "record_bytes_max is 0",
        ),
    ];
    for (options, message) in cases {
        let error = options.validate().unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let same = options(|o| (o.quote, o.escape) = (Some('"'), Some('"')));
    same.validate().unwrap();
    let nested = crate::schema_file::read("fields: {a: {list: text}}").unwrap();
    let nested = Arc::new(nested);
    let error = CsvConfig::new(CsvOptions::default(), nested.clone(), nested).unwrap_err();
    assert_eq!(error, ConfigError::Nested("a".into()));
}

#[test]
fn options_travel_as_json() {
    let all = options(|o| {
        (o.delimiter, o.quote, o.escape) = ('\t', None, Some('\\'));
        o.null_values = vec!["NA".into()];
    });
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<CsvOptions>(&text).unwrap(), all);
    assert_eq!(
        serde_json::from_str::<CsvOptions>("{}").unwrap(),
        CsvOptions::default()
    );
}

#[test]
fn an_empty_file_has_no_records() {
    let config = config("{a: text}");
    for bytes in [b"".as_slice(), b"\xEF\xBB\xBF", b"a", b"a\n", b"\n"] {
        let (outcome, report) = read_split(&config, bytes, Split::whole(), 1);
        assert_eq!((outcome.rows.len(), report.read), (0, 0));
        let mut inferrer = CsvInferrer::new(Arc::default(), Split::whole());
        inferrer.feed(bytes, true).unwrap();
        assert_eq!(inferrer.finish().records, 0);
    }
}

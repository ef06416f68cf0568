//! Files in other encodings give the rows of the same files in UTF-8.

use std::sync::Arc;

use serde_json::{Value, json};

use super::run::{Outcome, config, config_with, head, read_every_way, read_whole, read_with};
use crate::charset::{Charset, Named, Transcoder};
use crate::infer::{InferOptions, Inferrer};
use crate::xml::{BadReason, FedState, Split, XmlConfig, XmlReader};

/// The document in an encoding, with a declaration that says so. What the encoding lacks becomes a reference, so the
/// names have to be in it.
fn encoded(name: &str, document: &str) -> Vec<u8> {
    let document = format!("<?xml version='1.0' encoding='{name}'?>\n{document}");
    let utf16 = |bytes: fn(u16) -> [u8; 2]| document.encode_utf16().flat_map(bytes).collect();
    let (to, reference) = match Named::of(name) {
        Named::Utf16 => return utf16(u16::to_le_bytes),
        Named::Charset(charset) if charset == Charset::utf16(false) => {
            return utf16(u16::to_le_bytes);
        }
        Named::Charset(charset) if charset == Charset::utf16(true) => {
            return utf16(u16::to_be_bytes);
        }
        Named::Charset(Charset::SingleByte(table)) => {
            (table, |c: char| format!("&#{};", u32::from(c)))
        }
        _ => {
            let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).unwrap();
            return encoding.encode(&document).0.into_owned();
        }
    };
    let mut bytes = Vec::new();
    for character in document.chars() {
        match to.encode(&character.to_string()) {
            Some(encoded) => bytes.extend(encoded),
            None => bytes.extend(reference(character).as_bytes()),
        }
    }
    bytes
}

/// Reads a file that is to be transcoded, in pieces of `chunk` bytes.
fn read_transcoded(config: &Arc<XmlConfig>, bytes: &[u8], chunk: usize) -> Outcome {
    let head = head(config, bytes).unwrap();
    let mut transcoder = Transcoder::new(head.charset()).unwrap();
    let mut text = Vec::new();
    for piece in bytes.chunks(chunk) {
        text.extend(transcoder.push(piece, false).unwrap());
    }
    text.extend(transcoder.push(b"", true).unwrap());
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    reader.set_head(head);
    read_with(reader, &text, chunk).0
}

const ENCODINGS: [&str; 40] = [
    "UTF-8",
    "US-ASCII",
    "UTF-16",
    "UTF-16LE",
    "UTF-16BE",
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-9",
    "ISO-8859-10",
    "ISO-8859-11",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "KOI8-R",
    "KOI8-U",
    "macintosh",
    "x-mac-cyrillic",
    "IBM866",
    "Shift_JIS",
    "EUC-JP",
    "EUC-KR",
    "GB18030",
    "Big5",
];

#[test]
fn every_encoding_gives_the_rows_of_utf8() {
    let document = "<!DOCTYPE rs [<!ENTITY e 'é€Ж'>]><rs><r n='é €'><a>Ж日 &amp; é</a><b>x\r\ny</b></r>\n\
                    <r><a><![CDATA[z]]> Ж</a><b>&e;</b></r><r><a>1</a></r></rs>";
    let config = config(&["r"], "{_n: text, a: text, b: text}");
    let rows = json!([
        {"_n": "é €", "a": "Ж日 & é", "b": "x\ny"},
        {"a": "z Ж", "b": "é€Ж"},
        {"a": "1"}
    ]);
    for name in ENCODINGS {
        let bytes = match name {
            "US-ASCII" => document
                .chars()
                .map(|c| match c {
                    c if c.is_ascii() => c.to_string(),
                    c => format!("&#{};", u32::from(c)),
                })
                .collect::<String>()
                .into_bytes(),
            name => encoded(name, document),
        };
        let head = head(&config, &bytes).unwrap();
        if head.charset().can_be_split() {
            let (outcome, _) = read_every_way(&config, &bytes, name);
            assert_eq!(Value::Array(outcome.rows), rows, "{name}");
            assert!(
                outcome.bad.is_empty() && outcome.conflict.is_none(),
                "{name}"
            );
        } else {
            for chunk in 1..40 {
                let outcome = read_transcoded(&config, &bytes, chunk);
                assert_eq!(Value::Array(outcome.rows), rows, "{name}");
                assert!(
                    outcome.bad.is_empty() && outcome.conflict.is_none(),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn names_in_other_encodings() {
    // Also `written` names of one file must not be taken for those of the next, in another encoding.
    let document = "<данные><запись имя='1'><цена>2</цена><итог>ж</итог></запись>\
                    <запись имя='3'><цена>4</цена><итог>Ж</итог><ещё/></запись></данные>";
    let fields = "{_имя: int64, цена: int64, итог: text}";
    let config = config(&["запись"], fields);
    let rows = json!([
        {"_имя": 1, "цена": 2, "итог": "ж"},
        {"_имя": 3, "цена": 4, "итог": "Ж"}
    ]);
    let names = [
        "KOI8-R",
        "windows-1251",
        "UTF-8",
        "ISO-8859-5",
        "KOI8-R",
        "IBM866",
    ];
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    let options = Arc::new(config.options().clone());
    let mut inferrer = Inferrer::new(options, Split::whole());
    for name in names {
        let bytes = encoded(name, document);
        let (outcome, report) = read_every_way(&config, &bytes, name);
        assert_eq!(Value::Array(outcome.rows), rows, "{name}");
        assert_eq!(report.unknown.keys().collect::<Vec<_>>(), ["ещё"], "{name}");
        // One reader for all of them.
        reader.next_split(Split::whole());
        assert_eq!(reader.feed(&bytes, true).unwrap().state, FedState::Done);
        assert_eq!(reader.report().emitted, 2, "{name}");
        assert_eq!(reader.report().unknown.keys().collect::<Vec<_>>(), ["ещё"]);
        inferrer.next_file();
        assert_eq!(inferrer.feed(&bytes, true).unwrap().state, FedState::Done);
    }
    let batch = reader.take_batch().unwrap().unwrap();
    let found = super::rows::rows(&batch);
    let twelve: Vec<Value> = (0..names.len())
        .flat_map(|_| rows.as_array().unwrap().clone())
        .collect();
    assert_eq!(found, twelve);
    let schema = inferrer
        .finish()
        .to_schema(&InferOptions::default())
        .unwrap();
    let found: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(found, ["_имя", "ещё", "итог", "цена"]);
}

#[test]
fn the_same_bytes_are_other_names_in_another_encoding() {
    // What one reader learned of the markup of a file must not be believed in the next.
    let config = config(&["r"], "{а: text, б: text, Б: text, В: text}");
    let records = b"<r><\xC1>1</\xC1><\xC2>2</\xC2></r>".repeat(4);
    let mut reader = XmlReader::new(config, Split::whole());
    for (name, names) in [
        ("KOI8-R", ["а", "б"]),
        ("windows-1251", ["Б", "В"]),
        ("KOI8-R", ["а", "б"]),
    ] {
        let file = [
            format!("<?xml version='1.0' encoding='{name}'?>").as_bytes(),
            &records,
        ]
        .concat();
        reader.next_split(Split::whole());
        assert_eq!(reader.feed(&file, true).unwrap().state, FedState::Done);
        let found = super::rows::rows(&reader.take_batch().unwrap().unwrap());
        assert_eq!(
            found,
            vec![json!({names[0]: "1", names[1]: "2"}); 4],
            "{name}"
        );
    }
}

#[test]
fn a_row_tag_is_looked_for_in_the_files_encoding() {
    // In Latin-1 the bytes of UTF-8's `é` are another name, `Ã©`.
    let config = config(&["é", "п:é"], "{a: text}");
    let latin = encoded(
        "ISO-8859-1",
        "<rs><é><a>1</a></é><Ã©><a>2</a></Ã©><x:é><a>3</a></x:é></rs>",
    );
    let (outcome, _) = read_every_way(&config, &latin, "latin-1");
    assert_eq!(outcome.rows, [json!({"a": "1"}), json!({"a": "3"})]);
    let utf8 = "<rs><é><a>1</a></é><Ã©><a>2</a></Ã©></rs>".as_bytes();
    let (outcome, _) = read_every_way(&config, utf8, "utf-8");
    assert_eq!(outcome.rows, [json!({"a": "1"})]);
}

#[test]
fn bad_records_show_their_text() {
    let config = config(&["r"], "{a: int64}");
    let file = encoded(
        "windows-1253",
        "<rs><r><a>€\\x</a></r><r><a>1</b></r><r><α>&β;</α></r><r><a>7</a></r></rs>",
    );
    let (outcome, _) = read_every_way(&config, &file, "greek");
    assert_eq!(outcome.rows, [json!({"a": 7})]);
    let shown: Vec<_> = outcome
        .bad
        .iter()
        .map(|bad| (bad.raw.as_str(), bad.reason.to_string()))
        .collect();
    assert_eq!(shown[0].0, "<r><a>€\\x5Cx</a></r>");
    assert!(shown[0].1.contains("`€\\x` in `a`"), "{}", shown[0].1);
    assert!(
        shown[2].1.contains("`&β;` is not a known entity"),
        "{}",
        shown[2].1
    );
    for bad in &outcome.bad {
        let at = bad.offset as usize;
        assert!(file[at..].starts_with(b"<r>"));
        assert!(file[at + bad.raw_bytes as usize..].starts_with(b"<r>"));
    }
}

#[test]
fn bytes_without_a_character_are_named() {
    let config = config(&["r"], "{a: text}");
    let mut file = encoded("windows-1253", "<rs><r><a>α?</a></r><r><a>α</a></r></rs>");
    let at = file.iter().rposition(|b| *b == b'?').unwrap();
    file[at] = 0xD2;
    let (outcome, _) = read_every_way(&config, &file, "a hole");
    assert_eq!(outcome.rows, [json!({"a": "α"})]);
    let reason = BadReason::InvalidByte {
        at: at as u64,
        byte: 0xD2,
        encoding: "windows-1253".to_string(),
    };
    assert_eq!(outcome.bad[0].reason, reason);
    assert_eq!(outcome.bad[0].raw, "<r><a>α\\xD2</a></r>");
    // The same bytes, undeclared.
    let undeclared = b"<rs><r><a>\xE1</a></r><r><a>1</a></r></rs>";
    let (outcome, _) = read_every_way(&config, undeclared, "undeclared");
    assert_eq!(outcome.rows, [json!({"a": "1"})]);
    assert_eq!(
        outcome.bad[0].reason.to_string(),
        "byte 10: 0xE1 is not UTF-8; if the file is in another encoding, set the option `encoding`"
    );
}

#[test]
fn the_option_is_stronger_than_the_declaration() {
    let config = config_with(&["r"], "{a: text}", |o| {
        o.encoding = Some("koi8-r".to_string())
    });
    let file = b"<?xml version='1.0' encoding='klingon'?><rs><r><a>\xD6</a></r>\
        <?xml version='1.0' encoding='UTF-8'?><r><a>\xF6</a></r></rs>";
    let (outcome, _) = read_every_way(&config, file, "koi8-r");
    assert_eq!(outcome.rows, [json!({"a": "ж"}), json!({"a": "Ж"})]);
    assert_eq!(outcome.conflict, None);
    // Without a head a split in mid-file goes by it, too.
    let (whole, _) = read_whole(&config, file);
    assert_eq!(whole.rows.len(), 2);
}

//! What a file's first bytes say, and what contradicts it.

use super::run::{config, config_with, head};
use crate::xml::{FedState, Head, HeadState, ReadFailure, Split, Start, XmlOptions, XmlReader};

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    let bytes = if big_endian {
        u16::to_be_bytes
    } else {
        u16::to_le_bytes
    };
    text.encode_utf16().flat_map(bytes).collect()
}

/// A file, the option, and either the charset or the byte and a part of the message.
type Case<'a> = (&'a [u8], Option<&'a str>, Result<&'a str, (u64, &'a str)>);

#[test]
fn declarations_and_signs() {
    let le = |text: &str| utf16(text, false);
    let be = |text: &str| utf16(text, true);
    let declared = |name: &str| format!("<?xml version='1.0' encoding='{name}'?><a/>");
    let (utf16_declared, utf8_declared) = (declared("UTF-16"), declared("UTF-8"));
    let marked = |text: &str| format!("\u{FEFF}{text}");
    let files = [
        le(&utf16_declared),
        be(&marked(&utf16_declared)),
        le(&marked(&utf8_declared)),
        be(&declared("utf-16le")),
        le(&declared("UTF-16LE")),
        be("<a/>"),
        le("\n<a/>"),
        le(&marked("<a/>")),
        le(&marked(&marked(&declared("latin1")))),
    ];
    let cases: &[Case<'_>] = &[
        // Eight bits.
        (b"<a/>", None, Ok("UTF-8")),
        (b"", None, Ok("UTF-8")),
        (b"\xEF\xBB\xBF<a/>", None, Ok("UTF-8")),
        (
            b"\xEF\xBB\xBF\xEF\xBB\xBF<?xml encoding='us-ascii'?><a/>",
            None,
            Ok("UTF-8"),
        ),
        (
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>",
            None,
            Ok("UTF-8"),
        ),
        (
            b"<?xml version='1.0' encoding = 'utf-8' ?><a/>",
            None,
            Ok("UTF-8"),
        ),
        (b"<?xml version='1.0'?><a encoding='x'/>", None, Ok("UTF-8")),
        (b"<?xml-stylesheet encoding='x'?><a/>", None, Ok("UTF-8")),
        (b"<?xml encoding='ISO-8859-1'?><a/>", None, Ok("ISO-8859-1")),
        (b"<?xml encoding='Shift_JIS'?><a/>", None, Ok("Shift_JIS")),
        (
            b"<?xml encoding='klingon'?><a/>",
            None,
            Err((16, "`klingon` is no known encoding")),
        ),
        (
            b"<?xml encoding='utf-32'?><a/>",
            None,
            Err((16, "not read")),
        ),
        (
            b"<?xml encoding='utf-16'?><a/>",
            None,
            Err((16, "of 8 bits")),
        ),
        (
            b"<?xml encoding='UTF-16BE'?><a/>",
            None,
            Err((16, "of 8 bits")),
        ),
        (
            b"\xEF\xBB\xBF<?xml encoding='windows-1252'?><a/>",
            None,
            Err((19, "byte-order mark of UTF-8")),
        ),
        // The option.
        (
            b"<?xml encoding='ISO-8859-1'?><a/>",
            Some("utf-8"),
            Ok("UTF-8"),
        ),
        (
            b"<?xml encoding='klingon'?><a/>",
            Some("koi8-r"),
            Ok("KOI8-R"),
        ),
        (
            b"\xEF\xBB\xBF<a/>",
            Some("windows-1252"),
            Ok("windows-1252"),
        ),
        (
            b"\xEF\xBB\xBF<a/>",
            Some("Shift_JIS"),
            Err((0, "byte-order mark of UTF-8")),
        ),
        (b"", Some("utf-16"), Ok("UTF-8")),
        (b"<a/>", Some("utf-16"), Err((0, "of 8 bits"))),
        (
            b"<a/>",
            Some("klingon"),
            Err((0, "`klingon` is no known encoding")),
        ),
        (&files[2], Some("utf-16"), Ok("UTF-16LE")),
        (
            &files[2],
            Some("utf-16be"),
            Err((0, "the first bytes are UTF-16LE")),
        ),
        (
            &files[2],
            Some("utf-8"),
            Err((0, "the first bytes are UTF-16LE")),
        ),
        // Sixteen.
        (&files[0], None, Ok("UTF-16LE")),
        (&files[1], None, Ok("UTF-16BE")),
        (&files[2], None, Err((62, "byte-order mark of UTF-16LE"))),
        (&files[3], None, Err((60, "its first bytes are UTF-16BE"))),
        (&files[4], None, Ok("UTF-16LE")),
        (&files[5], None, Ok("UTF-16BE")),
        (&files[6], None, Ok("UTF-16LE")),
        (&files[7], None, Ok("UTF-16LE")),
        (&files[8], None, Err((64, "byte-order mark of UTF-16LE"))),
        // Thirty-two.
        (
            b"\xFF\xFE\0\0<\0\0\0",
            None,
            Err((0, "UTF-32 (little-endian)")),
        ),
        (
            b"\0\0\xFE\xFF\0\0\0<",
            None,
            Err((0, "UTF-32 (big-endian)")),
        ),
        (b"<\0\0\0a\0\0\0", None, Err((0, "UTF-32 (little-endian)"))),
        (b"\0\0\0<\0\0\0a", None, Err((0, "UTF-32 (big-endian)"))),
    ];
    for (bytes, option, expected) in cases {
        let shown = format!("{} with {option:?}", bytes.escape_ascii());
        let found = Head::look(bytes, true, *option);
        match (&found, expected) {
            (Ok(HeadState::Known(head)), Ok(name)) => {
                assert_eq!(head.charset().name(), *name, "{shown}");
            }
            (Err(failure @ ReadFailure::Encoding { at, .. }), Err((byte, what))) => {
                assert_eq!(at, byte, "{shown}: {failure}");
                assert!(failure.to_string().contains(what), "{shown}: {failure}");
            }
            _ => panic!("{shown}: {found:?}"),
        }
        // However many bytes are there: either too few, or the same.
        for cut in 0..bytes.len() {
            match (Head::look(&bytes[..cut], false, *option), &found) {
                (Ok(HeadState::NeedMore(n)), _) => assert!(n > cut, "{shown} cut at {cut}"),
                (Ok(state), Ok(whole)) => assert_eq!(state, *whole, "{shown} cut at {cut}"),
                (Err(part), Err(whole)) => {
                    assert_eq!(part.to_string(), whole.to_string(), "{shown} cut at {cut}");
                }
                (part, whole) => panic!("{shown} cut at {cut}: {part:?}, {whole:?}"),
            }
        }
    }
}

#[test]
fn entities_of_the_head_are_known_from_enough_bytes() {
    let config = config(&["r"], "{a: text}");
    let subset = "<!DOCTYPE rs [<!ENTITY e 'x'>]>";
    let comment = "<!-- <!DOCTYPE rs [<!ENTITY e 'z'>]> -->";
    let files = [
        format!("{subset}<rs/>"),
        format!("\u{feff}<?xml version='1.0'?>\n{comment}<?p?> text {subset}<rs/>"),
        format!("{subset}<!DOCTYPE rs [<!ENTITY e 'y'>]><rs/>"),
        subset.to_string(),
    ];
    let expected = head(&config, files[0].as_bytes()).unwrap();
    assert_ne!(expected, Head::default());
    for file in &files {
        let mut known = false;
        for cut in 0..=file.len() {
            let bytes = &file.as_bytes()[..cut];
            match Head::look(bytes, cut == file.len(), None).unwrap() {
                HeadState::NeedMore(n) => assert!(!known && n > cut, "{file} cut at {cut}"),
                HeadState::Known(head) => {
                    known = true;
                    assert_eq!(head, expected, "{file} cut at {cut}");
                }
            }
        }
    }
    let without = [
        "<rs/><!DOCTYPE rs [<!ENTITY e 'x'>]>",
        "<!DOCTYPE rs SYSTEM 'x.dtd'><rs/>",
        "<!DOCTYPE rs [<!ENTITY e 'x'>]",
        "<!-- <!DOCTYPE rs [<!ENTITY e 'x'>]>",
    ];
    for file in without {
        assert_eq!(
            head(&config, file.as_bytes()).unwrap(),
            Head::default(),
            "{file}"
        );
    }
}

#[test]
fn a_head_is_looked_for_within_bounds() {
    let comment = format!("<!--{}-->", "x".repeat(2 << 20));
    let file = format!("{comment}<!DOCTYPE rs [<!ENTITY e 'x'>]><rs/>");
    for cut in [1 << 20, (1 << 20) + 1, 2 << 20, file.len()] {
        let found = Head::look(&file.as_bytes()[..cut], cut == file.len(), None).unwrap();
        assert_eq!(found, HeadState::Known(Head::default()), "{cut}");
    }
    // Which is no silent change of values: the scanner meets the declaration, and says that it was not in the head.
    let config = config(&["r"], "{a: text}");
    let mut reader = XmlReader::new(config, Split::whole());
    assert_eq!(
        reader.feed(file.as_bytes(), true).unwrap().state,
        FedState::Done
    );
    let conflict = reader.report().conflict.unwrap();
    assert_eq!(conflict.at as usize, comment.len());
}

#[test]
fn what_is_to_be_transcoded_is_not_read_as_it_is() {
    let file = utf16("<rs><r><a>1</a></r></rs>", false);
    let plain = config(&["r"], "{a: text}");
    let mut reader = XmlReader::new(plain.clone(), Split::whole());
    let error = reader.feed(&file, true).unwrap_err().to_string();
    assert!(error.contains("UTF-16LE"), "{error}");
    // Nor a split in mid-file, if an option says so; nor one whose option is wrong.
    for (name, what) in [
        ("gbk", "turned into UTF-8"),
        ("klingon", "no known encoding"),
    ] {
        let mut options = XmlOptions::new(&["r"]).unwrap();
        options.encoding = Some(name.to_string());
        assert_eq!(options.validate().is_err(), name == "klingon");
        if name == "klingon" {
            continue;
        }
        let config = config_with(&["r"], "{a: text}", |o| o.encoding = Some(name.to_string()));
        let split = Split {
            start: Start::Guess(4),
            end: u64::MAX,
        };
        let mut reader = XmlReader::new(config, split);
        let error = reader
            .feed(b"<r><a>1</a></r>", true)
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{error}");
    }
}

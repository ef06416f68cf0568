//! Names, tables, and transcoding in pieces of every size.

use super::*;

fn table(name: &str) -> SingleByte {
    match Named::of(name) {
        Named::Charset(Charset::SingleByte(table)) => table,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn names_mean_what_xml_means_by_them() {
    let cases: &[(&str, &str)] = &[
        ("UTF-8", "UTF-8"),
        ("utf8", "UTF-8"),
        ("US-ASCII", "UTF-8"),
        (" ascii ", "UTF-8"),
        ("ISO-8859-1", "ISO-8859-1"),
        ("latin1", "ISO-8859-1"),
        ("l1", "ISO-8859-1"),
        ("windows-1252", "windows-1252"),
        ("CP1252", "windows-1252"),
        ("iso-8859-9", "ISO-8859-9"),
        ("windows-1254", "windows-1254"),
        ("TIS-620", "ISO-8859-11"),
        ("windows-874", "windows-874"),
        ("iso-8859-15", "ISO-8859-15"),
        ("KOI8-R", "KOI8-R"),
        ("koi8-u", "KOI8-U"),
        ("macintosh", "macintosh"),
        ("x-mac-cyrillic", "x-mac-cyrillic"),
        ("cp866", "IBM866"),
        ("Shift_JIS", "Shift_JIS"),
        ("gb2312", "GBK"),
        ("GB18030", "gb18030"),
        ("euc-kr", "EUC-KR"),
        ("EUC-JP", "EUC-JP"),
        ("iso-2022-jp", "ISO-2022-JP"),
        ("big5", "Big5"),
        ("utf-16le", "UTF-16LE"),
        ("UTF-16BE", "UTF-16BE"),
    ];
    for (name, expected) in cases {
        match Named::of(name) {
            Named::Charset(charset) => {
                assert_eq!(
                    charset.name().to_lowercase(),
                    expected.to_lowercase(),
                    "{name}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    for name in ["UTF-16", "ucs-2", "ISO-10646-UCS-2"] {
        assert_eq!(Named::of(name), Named::Utf16, "{name}");
    }
    for name in ["UTF-32", "utf-32le", "ucs-4"] {
        assert_eq!(Named::of(name), Named::Utf32, "{name}");
    }
    for name in [
        "",
        "klingon",
        "x-user-defined",
        "replacement",
        "iso-2022-kr",
        "ebcdic-cp-us",
    ] {
        assert_eq!(Named::of(name), Named::Unknown, "{name}");
    }
}

#[test]
fn tables_are_those_of_the_encodings() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("ISO-8859-1", b"a\x80\x9F\xA4\xE9\xFF", "a\u{80}\u{9F}¤éÿ"),
        ("windows-1252", b"\x80\x9F\xA4\xE9\x81", "€Ÿ¤é\u{81}"),
        ("ISO-8859-15", b"\xA4\xBD", "€œ"),
        ("ISO-8859-9", b"\x80\xD0\xFD", "\u{80}Ğı"),
        ("windows-1251", b"\xC6\x88", "Ж€"),
        ("KOI8-R", b"\xD6\xF6", "жЖ"),
        ("macintosh", b"\x8E\xDB", "é€"),
        ("windows-874", b"\x80\xA1", "€ก"),
        ("ISO-8859-11", b"\x80\xA1", "\u{80}ก"),
    ];
    for (name, bytes, text) in cases {
        let table = table(name);
        let mut out = Vec::new();
        table.decode(bytes, &mut out);
        assert_eq!(std::str::from_utf8(&out).unwrap(), *text, "{name}");
        assert_eq!(table.encode(text).as_deref(), Some(*bytes), "{name}");
    }
    assert_eq!(table("ISO-8859-1").encode("€"), None);
    assert_eq!(table("ISO-8859-1").first_invalid(&[0xFF; 10]), None);
    assert_eq!(table("windows-1253").first_invalid(b"a\xC1\xD2"), Some(2));
    // Latin-1 is Unicode's first 256; all others agree with the standard's own decoder.
    for table in TABLES.iter() {
        for byte in 0x80..=u8::MAX {
            let character = table.character(byte);
            if table.name == "ISO-8859-1" {
                assert_eq!(character, char::from(byte).to_string().as_bytes());
            } else if let Some(encoding) = Encoding::for_label(table.name.as_bytes()) {
                let byte_alone = [byte];
                let (text, wrong) = encoding.decode_without_bom_handling(&byte_alone);
                let expected = if wrong { "" } else { &text };
                let iso = encoding.name() != table.name && byte < 0xA0;
                assert!(
                    iso || character == expected.as_bytes(),
                    "{} {byte:X}",
                    table.name
                );
            }
        }
    }
}

/// Pushes in pieces of a size.
fn transcode(name: &str, source: &[u8], size: usize) -> Result<String, EncodingError> {
    let charset = match Named::of(name) {
        Named::Charset(charset) => charset,
        other => panic!("{other:?}"),
    };
    let mut transcoder = Transcoder::new(charset).unwrap();
    let mut text = Vec::new();
    for piece in source.chunks(size) {
        text.extend(transcoder.push(piece, false)?);
    }
    text.extend(transcoder.push(b"", true)?);
    Ok(String::from_utf8(text).unwrap())
}

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    let bytes = if big_endian {
        u16::to_be_bytes
    } else {
        u16::to_le_bytes
    };
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn text_comes_through_in_pieces_of_every_size() {
    let text = "<?xml version='1.0'?><a>é € Ж 日本 𝄞</a>".repeat(3);
    let marked = format!("\u{FEFF}{text}");
    for (name, big) in [("utf-16le", false), ("utf-16be", true)] {
        for size in 1..50 {
            for written in [&text, &marked] {
                let found = transcode(name, &utf16(written, big), size);
                assert_eq!(found.as_ref(), Ok(&text), "{name}, {size}");
            }
        }
    }
    let text = "<a>日本の表 能</a>";
    for name in ["Shift_JIS", "EUC-JP", "ISO-2022-JP", "GB18030"] {
        let encoding = Encoding::for_label(name.as_bytes()).unwrap();
        let (bytes, _, lost) = encoding.encode(text);
        assert!(!lost);
        for size in 1..20 {
            assert_eq!(
                transcode(name, &bytes, size).as_deref(),
                Ok(text),
                "{name}, {size}"
            );
        }
    }
}

#[test]
fn damage_is_found_whatever_the_pieces() {
    let mut random = fastrand::Rng::with_seed(11);
    let (mut good, mut bad) = (0, 0);
    for round in 0..3000 {
        let (name, mut bytes) = match round % 3 {
            0 => ("utf-16le", utf16("\u{FEFF}<a>é 𝄞</a>", false)),
            1 => ("utf-16be", utf16("<a>é 𝄞</a>", true)),
            _ => (
                "gb18030",
                encoding_rs::GB18030.encode("<a>日本é𝄞</a>").0.into_owned(),
            ),
        };
        for _ in 0..random.usize(1..3) {
            let at = random.usize(..bytes.len());
            match random.u8(0..3) {
                0 => bytes[at] = random.u8(..),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, [0xD8, 0xFE, 0xFF, b'<'][random.usize(..4)]),
            }
        }
        let whole = transcode(name, &bytes, bytes.len());
        match whole {
            Ok(_) => good += 1,
            Err(_) => bad += 1,
        }
        for size in 1..8 {
            let pieces = transcode(name, &bytes, size);
            assert_eq!(pieces, whole, "{name} in pieces of {size}: {bytes:02X?}");
        }
    }
    assert!(good > 300 && bad > 300, "{good}, {bad}");
}

#[test]
fn what_is_not_in_the_encoding_is_named_by_its_first_byte() {
    let good = utf16("<a>x</a>", false);
    let with = |bytes: &[u8]| [&good, bytes].concat();
    let cases: &[(&str, Vec<u8>, u64, &str)] = &[
        (
            "utf-16le",
            with(&[0x00, 0xDC, b'x', 0]),
            16,
            "is not UTF-16LE",
        ),
        (
            "utf-16le",
            with(&[0x00, 0xD8, b'x', 0]),
            16,
            "is not UTF-16LE",
        ),
        ("utf-16le", with(&[0x00, 0xD8]), 16, "is not UTF-16LE"),
        ("utf-16le", with(b"x"), 16, "is not UTF-16LE"),
        (
            "utf-16le",
            with(&[0xFE, 0xFF, 0, b'<']),
            16,
            "the other order",
        ),
        (
            "utf-16be",
            vec![0, b'<', 0, b'a', 0xFF, 0xFE, b'<', 0],
            4,
            "the other order",
        ),
        ("utf-16le", with(b"<?xml "), 16, "a document in 8 bits"),
        ("utf-16le", with(b"\n<?xml "), 17, "a document in 8 bits"),
        (
            "Shift_JIS",
            b"<a>\x81\xFF</a>".to_vec(),
            3,
            "is not Shift_JIS",
        ),
        ("euc-kr", b"<a>\xB0".to_vec(), 3, "is not EUC-KR"),
    ];
    for (name, bytes, at, what) in cases {
        for size in 1..=bytes.len() {
            let error = transcode(name, bytes, size).unwrap_err();
            assert_eq!(error.at, *at, "{name} in pieces of {size}: {error}");
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}

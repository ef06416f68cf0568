//! How a file begins: byte-order marks and the declared encoding.

use memchr::memmem;

use super::ReadFailure;

/// How many bytes of an XML declaration are looked at.
const DECLARATION_BYTES_MAX: usize = 1024;
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Checks that a file is in UTF-8, as far as its first bytes say so. `Some(n)`: at least `n` bytes are needed to tell.
///
/// # Errors
/// [`ReadFailure::Encoding`]
pub(crate) fn check_encoding(buf: &[u8], eof: bool) -> Result<Option<usize>, ReadFailure> {
    if buf.len() < 4 && !eof {
        return Ok(Some(4));
    }
    let marks: [(&[u8], &str); 6] = [
        (b"\xFF\xFE\0\0", "UTF-32 (little-endian)"),
        (b"\0\0\xFE\xFF", "UTF-32 (big-endian)"),
        (b"\xFF\xFE", "UTF-16 (little-endian)"),
        (b"\xFE\xFF", "UTF-16 (big-endian)"),
        (b"<\0", "UTF-16 (little-endian, without a byte-order mark)"),
        (b"\0<", "UTF-16 (big-endian, without a byte-order mark)"),
    ];
    for (mark, encoding) in marks {
        if buf.starts_with(mark) {
            return Err(ReadFailure::Encoding {
                at: 0,
                encoding: encoding.to_string(),
            });
        }
    }
    // Some files begin with two marks.
    let mut text = buf;
    while let Some(rest) = text.strip_prefix(UTF8_MARK) {
        text = rest;
    }
    let marks_len = buf.len() - text.len();
    const OPENING: &[u8] = b"<?xml";
    let more = |have: usize| (!eof).then_some(have + 1);
    if text.len() < OPENING.len() && (OPENING.starts_with(text) || UTF8_MARK.starts_with(text)) {
        return Ok(more(buf.len()));
    }
    if !text.starts_with(OPENING) {
        return Ok(None);
    }
    let reach = text.get(..DECLARATION_BYTES_MAX).unwrap_or(text);
    let Some(end) = memmem::find(reach, b"?>") else {
        return Ok(if reach.len() < DECLARATION_BYTES_MAX {
            more(buf.len())
        } else {
            None
        });
    };
    let declaration = reach.get(..end).unwrap_or_default();
    let Some((from, name)) = encoding_of(declaration) else {
        return Ok(None);
    };
    let lower = name.to_ascii_lowercase();
    if matches!(
        lower.as_slice(),
        b"utf-8" | b"utf8" | b"us-ascii" | b"ascii"
    ) {
        return Ok(None);
    }
    let encoding = String::from_utf8_lossy(name).into_owned();
    Err(ReadFailure::Encoding {
        at: (marks_len + from) as u64,
        encoding,
    })
}

/// The declared encoding and its place.
fn encoding_of(declaration: &[u8]) -> Option<(usize, &[u8])> {
    const KEY: &[u8] = b"encoding";
    let mut p = memmem::find(declaration, KEY)? + KEY.len();
    let skip_space = |mut p: usize| {
        while declaration
            .get(p)
            .is_some_and(|b| crate::values::is_space(*b))
        {
            p += 1;
        }
        p
    };
    p = skip_space(p);
    if declaration.get(p) != Some(&b'=') {
        return None;
    }
    p = skip_space(p + 1);
    let quote = *declaration.get(p).filter(|b| matches!(b, b'"' | b'\''))?;
    let value = declaration.get(p + 1..)?;
    let length = value.iter().position(|b| *b == quote)?;
    Some((p + 1, value.get(..length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_from_the_first_bytes() {
        let cases: &[(&[u8], Option<u64>)] = &[
            (b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>", None),
            (b"<?xml version='1.0' encoding = 'utf-8' ?><a/>", None),
            (b"<?xml version='1.0'?><a encoding='x'/>", None),
            (
                b"\xEF\xBB\xBF\xEF\xBB\xBF<?xml encoding='us-ascii'?><a/>",
                None,
            ),
            (b"<a/>", None),
            (b"", None),
            (b"<?xml encoding='ISO-8859-1'?><a/>", Some(16)),
            (b"\xEF\xBB\xBF<?xml encoding='windows-1252'?><a/>", Some(19)),
            (b"\xFF\xFE<\0a\0", Some(0)),
            (b"\xFE\xFF\0<", Some(0)),
            (b"<\0a\0", Some(0)),
        ];
        for (bytes, expected) in cases {
            let found = match check_encoding(bytes, true) {
                Err(ReadFailure::Encoding { at, .. }) => Some(at),
                Ok(_) => None,
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, *expected, "{}", String::from_utf8_lossy(bytes));
            for cut in 0..bytes.len() {
                let part = check_encoding(&bytes[..cut], false);
                assert!(
                    matches!(part, Ok(Some(n)) if n > cut) || part.is_err() == expected.is_some(),
                    "{} cut at {cut}",
                    String::from_utf8_lossy(bytes)
                );
            }
        }
    }
}

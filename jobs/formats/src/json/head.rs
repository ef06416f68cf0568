//! What the beginning of a file says of all of it: its encoding, and how its records stand in it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::lex::Stop;
use super::recover::Skip;
use super::{JsonOptions, MARK};
use crate::bytes::skip_space;
use crate::charset::{Charset, Named, Transcoder};
use crate::record::{HeadState, ReadFailure};
use crate::values::trim;

/// How records stand in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// As the file's first bytes tell: see [`JsonHead::look`].
    #[default]
    Auto,
    /// One a line.
    Lines,
    /// One after another, over as many lines as they take.
    Documents,
    /// As items of one array.
    Array,
}

/// How far into a file the end of its first line is looked for.
const LOOK_BYTES_MAX: usize = 1 << 20;
/// So many lines behind a broken one tell that the file is one of lines.
const LINES_BEHIND: usize = 2;
/// A record that takes longer to its first name's end tells nothing about others.
const LEAD_BYTES_MAX: usize = 4 << 10;
/// Fewer bytes than these are not worth a look.
const LOOK_BYTES_MIN: usize = 4;

/// What the beginning of a file says of all of it.
///
/// ```
/// # use headworks_formats::json::{JsonHead, JsonHeadState, JsonOptions, Layout};
/// let JsonHeadState::Known(head) =
///     JsonHead::look(b"{\"a\":1}\n{\"a\":2}\n", true, &JsonOptions::default())?
/// else {
///     panic!("all of the file is there")
/// };
/// assert_eq!(head.layout(), Layout::Lines);
/// assert!(head.can_be_split() && head.transcoder().is_none());
/// # Ok::<(), headworks_formats::ReadFailure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonHead {
    charset: Charset,
    layout: Layout,
    lead: Option<Arc<Lead>>,
}

/// How the first record of an array begins. By that a reader in mid-file tells where others probably do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// The white space before it.
    pub(super) space: Box<[u8]>,
    /// From its bracket to the end of its first name.
    pub(super) begin: Box<[u8]>,
}

/// What came of looking at a file's first bytes.
pub type JsonHeadState = HeadState<JsonHead>;

impl JsonHead {
    /// Looks at the first bytes of a file, of which there are no more if `eof`.
    ///
    /// The encoding is that of the byte-order mark (UTF-8 or UTF-16), else that of the option, else UTF-8. Where the
    /// layout is not given: with a path to records it is `documents`; else, if the first character that is no white space
    /// is `[`, it is `array`; else, if the first value ends on the line on which it begins and no other object follows
    /// there, it is `lines`, and if not, `documents`. (A line of 1 MiB is taken for one of `lines`; and a first line that
    /// does not end its value is a broken one, if the next two hold an object each.) Of an array, the
    /// beginning of its first record is looked at, too.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]: an encoding that is not known or not read, or an option that the mark contradicts.
    pub fn look(
        first: &[u8],
        eof: bool,
        options: &JsonOptions,
    ) -> Result<JsonHeadState, ReadFailure> {
        if first.len() < LOOK_BYTES_MIN && !eof {
            return Ok(HeadState::NeedMore(LOOK_BYTES_MIN));
        }
        let charset = charset(first, options.encoding.as_deref())?;
        let known = |layout, lead: Option<Lead>| {
            let lead = lead.map(Arc::new);
            Ok(HeadState::Known(Self {
                charset,
                layout,
                lead,
            }))
        };
        if options.has_path() {
            return known(Layout::Documents, None);
        }
        if !matches!(options.layout, Layout::Auto | Layout::Array) {
            return known(options.layout, None);
        }
        let mut decoded = String::new();
        let mut text = first;
        let mut eof = eof;
        if let Some(mut transcoder) = Transcoder::into_utf8(charset) {
            // An error is met again by whoever transcodes the whole file; what stands before it tells.
            eof |= transcoder.push_into(first, eof, &mut decoded).is_err();
            text = decoded.as_bytes();
        }
        while let Some(after) = text.strip_prefix(MARK) {
            text = after;
        }
        let all = eof || first.len() >= LOOK_BYTES_MAX;
        let layout = match options.layout {
            Layout::Auto => layout(text, all),
            given => Some(given),
        };
        match (layout, lead(text, all)) {
            (Some(Layout::Array), Some(lead)) => known(Layout::Array, lead),
            (None, _) | (Some(Layout::Array), None) => Ok(HeadState::NeedMore(2 * first.len())),
            (Some(layout), _) => known(layout, None),
        }
    }

    /// The head of a file in UTF-8 with a record a line.
    pub fn of_lines() -> Self {
        Self {
            charset: Charset::Utf8,
            layout: Layout::Lines,
            lead: None,
        }
    }

    /// The file's charset.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// How records stand in the file; never [`Layout::Auto`].
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether the file may be read in splits.
    pub fn can_be_split(&self) -> bool {
        let has_seams = self.layout == Layout::Lines || self.lead.is_some();
        self.charset == Charset::Utf8 && has_seams
    }

    /// Whether the reader of a split in mid-file may take something else for a record's beginning, so that its outcome
    /// counts only once it is [verified](crate::verify_chain): in an array.
    pub fn guesses(&self) -> bool {
        self.can_be_split() && self.layout == Layout::Array
    }

    /// How the first record of an array begins, if it is an object with fields.
    pub(super) fn lead(&self) -> Option<&Arc<Lead>> {
        self.lead.as_ref()
    }

    /// What the file's bytes go through before a reader sees them, if they are not in UTF-8.
    pub fn transcoder(&self) -> Option<Transcoder> {
        Transcoder::into_utf8(self.charset)
    }

    /// The same, if a reader can read such a file as it is.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]
    pub(super) fn read_as_it_is(self) -> Result<Self, ReadFailure> {
        if self.charset == Charset::Utf8 {
            return Ok(self);
        }
        let what = format!(
            "the file is in {}, which is to be turned into UTF-8 before it is read; convert it (iconv -t UTF-8)",
            self.charset.name()
        );
        Err(ReadFailure::Encoding { at: 0, what })
    }
}

/// The charset of a file with these first bytes.
fn charset(first: &[u8], encoding: Option<&str>) -> Result<Charset, ReadFailure> {
    let failed = |what: String| Err(ReadFailure::Encoding { at: 0, what });
    let marked = match first {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => {
            return failed(
                "the file is in UTF-32, which is not read; convert it (iconv -t UTF-8)".to_string(),
            );
        }
        [0xFF, 0xFE, ..] => Some(Charset::utf16(false)),
        [0xFE, 0xFF, ..] => Some(Charset::utf16(true)),
        [0xEF, 0xBB, 0xBF, ..] => Some(Charset::Utf8),
        _ => None,
    };
    let Some(name) = encoding else {
        return Ok(marked.unwrap_or_default());
    };
    let named = match Named::of(name) {
        Named::Charset(charset) => charset,
        // Without a mark, the order that the standard says.
        Named::Utf16 => marked
            .filter(|charset| charset.is_utf16())
            .unwrap_or(Charset::utf16(false)),
        Named::Utf32 | Named::Unknown => {
            return failed(format!(
                "`{name}` is no encoding that is read; set the option `encoding` to another"
            ));
        }
    };
    match marked {
        Some(marked) if marked != named => failed(format!(
            "the option `encoding` says `{name}`, but the file begins with the byte-order mark of {}; correct or \
             remove it",
            marked.name()
        )),
        _ => Ok(named),
    }
}

/// The layout of a file with this text; `None` if it is too little to tell. `all`: there is no more to be had.
fn layout(text: &[u8], all: bool) -> Option<Layout> {
    let start = skip_space(text, 0);
    let text = text.get(start..).unwrap_or_default();
    let end = match text.first() {
        None => return all.then_some(Layout::Lines),
        Some(b'[') => return Some(Layout::Array),
        Some(b'{') => Skip::value().pass(text),
        Some(b'"') => super::lex::string_end(text, 1).ok().map(|(end, _)| end + 1),
        Some(_) => {
            let ends =
                |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'{' | b'[' | b'"');
            text.iter().position(ends)
        }
    };
    let line = memchr::memchr(b'\n', text);
    match (end, line) {
        (Some(end), line) if line.is_none_or(|line| end <= line) => {
            let rest = text
                .get(end..line.unwrap_or(text.len()))
                .unwrap_or_default();
            match rest
                .iter()
                .find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
            {
                Some(b'{') => Some(Layout::Documents),
                Some(_) => Some(Layout::Lines),
                None => (line.is_some() || all).then_some(Layout::Lines),
            }
        }
        (_, Some(line)) => {
            let rest = text.get(line + 1..).unwrap_or_default();
            Some(match lines_follow(rest, all)? {
                true => Layout::Lines,
                false => Layout::Documents,
            })
        }
        _ => all.then_some(Layout::Lines),
    }
}

/// Whether what comes behind a line that does not end its value are lines with an object each, so that it is this line
/// that is broken: the next two tell, or the next one of a file that has no more. `None`: they are not all there.
fn lines_follow(mut text: &[u8], all: bool) -> Option<bool> {
    let mut found = 0;
    while found < LINES_BEHIND {
        text = text.get(skip_space(text, 0)..).unwrap_or_default();
        match text.first() {
            Some(b'{') => {}
            Some(_) => return Some(false),
            None => return all.then_some(found > 0),
        }
        let end = memchr::memchr(b'\n', text);
        if end.is_none() && !all {
            return None;
        }
        let (line, rest) = text.split_at(end.unwrap_or(text.len()));
        if Skip::value().pass(line) != Some(trim(line).len()) {
            return Some(false);
        }
        (text, found) = (rest, found + 1);
    }
    Some(true)
}

/// How the first record of an array with this text begins: `Some(None)` if that tells nothing, `None` if it is too
/// little to tell. `all`: there is no more to be had.
fn lead(text: &[u8], all: bool) -> Option<Option<Lead>> {
    let too_little = || all.then_some(None);
    let open = skip_space(text, 0);
    let record = skip_space(text, open + 1);
    let name = skip_space(text, record + 1);
    for (at, wanted) in [(open, b'['), (record, b'{'), (name, b'"')] {
        match text.get(at) {
            Some(byte) if *byte == wanted => {}
            Some(_) => return Some(None),
            None => return too_little(),
        }
    }
    let end = match super::lex::string_end(text, name + 1) {
        Ok((end, _)) => end,
        Err(Stop::Incomplete) => return too_little(),
        Err(_) => return Some(None),
    };
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().into();
    Some((end - record < LEAD_BYTES_MAX).then(|| Lead {
        space: part(open + 1, record),
        begin: part(record, end + 1),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(first: &[u8], eof: bool) -> JsonHeadState {
        JsonHead::look(first, eof, &JsonOptions::default()).unwrap()
    }

    #[test]
    fn the_layout_is_told_by_the_first_value_and_its_line() {
        let cases: &[(&str, Layout)] = &[
            ("", Layout::Lines),
            (" \n ", Layout::Lines),
            ("{\"a\":1}", Layout::Lines),
            ("{\"a\":1} \r\n{\"a\":2}\n", Layout::Lines),
            ("\n\n  {\"a\":\"}\\\"{\"}\nx", Layout::Lines),
            ("42\n43\n", Layout::Lines),
            ("\"a b\"\n", Layout::Lines),
            ("\u{FEFF}\u{FEFF}{}\n", Layout::Lines),
            ("{\"a\":1}{\"a\":2}\n", Layout::Documents),
            ("{\"a\":1} {\"a\":2}", Layout::Documents),
            ("{\n \"a\":1}\n", Layout::Documents),
            ("{\n", Layout::Documents),
            ("1 2\n", Layout::Lines),
            ("{} \"x\"", Layout::Lines),
            ("{\"a\":1,\"b\n{\"a\":2}\n{\"a\":3} \r\nx", Layout::Lines),
            ("{\"a\":1\n\n {\"a\":2}", Layout::Lines),
            ("{\"a\":\n{\"b\":1}\n}\n", Layout::Documents),
            ("{\"a\":[\n{\"b\":1},\n{\"b\":1}]}\n", Layout::Documents),
            ("{\"a\":1\n{\"a\":2} 3\n{\"a\":4}\n", Layout::Documents),
            ("\n [\n{}]", Layout::Array),
            ("[]", Layout::Array),
            ("[1, 2]", Layout::Array),
            (" [ {} ]", Layout::Array),
        ];
        for (text, layout) in cases {
            let known = HeadState::Known(JsonHead {
                charset: Charset::Utf8,
                layout: *layout,
                lead: None,
            });
            assert_eq!(look(text.as_bytes(), true), known, "{text:?}");
            // Fewer bytes say the same, or that they are too few.
            for cut in 0..text.len() {
                let part = look(&text.as_bytes()[..cut], false);
                let needs = matches!(part, HeadState::NeedMore(more) if more > cut);
                assert!(needs || part == known, "{text:?}, {cut}: {part:?}");
            }
        }
        let long = format!("{{\"a\":\"{}", "x".repeat(LOOK_BYTES_MAX));
        let HeadState::Known(head) = look(long.as_bytes(), false) else {
            panic!("more than enough")
        };
        assert_eq!(head.layout(), Layout::Lines);
    }

    #[test]
    fn an_array_can_be_split_if_its_first_record_tells_how_records_begin() {
        let cases: &[(&str, Option<(&str, &str)>)] = &[
            ("[{\"a\":1}]", Some(("", "{\"a\""))),
            (
                "\u{FEFF} [\r\n  { \"a\\\"b\" : 1 } ]",
                Some(("\r\n  ", "{ \"a\\\"b\"")),
            ),
            ("[{}]", None),
            ("[[{\"a\":1}]]", None),
            ("[\"a\"]", None),
            ("[{\"a\n\":1}]", None),
            ("[{a:1}]", None),
            ("[", None),
            ("[{", None),
            ("[{\"a", None),
        ];
        for (text, expected) in cases {
            let HeadState::Known(head) = look(text.as_bytes(), true) else {
                panic!("all is there: {text}")
            };
            let lead = head.lead().map(|lead| (&*lead.space, &*lead.begin));
            let expected = expected.map(|(space, begin)| (space.as_bytes(), begin.as_bytes()));
            assert_eq!(lead, expected, "{text}");
            assert_eq!(head.guesses(), expected.is_some(), "{text}");
            for cut in 0..text.len() {
                let part = look(&text.as_bytes()[..cut], false);
                let needs = matches!(part, HeadState::NeedMore(more) if more > cut);
                assert!(
                    needs || part == HeadState::Known(head.clone()),
                    "{text:?}, {cut}: {part:?}"
                );
            }
        }
        let long = format!("[{{\"{}\":1}}]", "x".repeat(LEAD_BYTES_MAX));
        let HeadState::Known(head) = look(long.as_bytes(), true) else {
            panic!("all is there")
        };
        assert!(!head.can_be_split());
    }

    #[test]
    fn encodings_are_told_by_the_mark_or_the_option() {
        let utf16 = |text: &str| -> Vec<u8> {
            let units = text.encode_utf16();
            units.flat_map(u16::to_le_bytes).collect()
        };
        let with = |encoding: &str| JsonOptions {
            encoding: Some(encoding.to_string()),
            ..JsonOptions::default()
        };
        let HeadState::Known(head) = look(&utf16("\u{FEFF}[1]"), true) else {
            panic!("all is there")
        };
        assert_eq!(
            (head.charset().name(), head.layout()),
            ("UTF-16LE", Layout::Array)
        );
        assert!(!head.can_be_split() && head.transcoder().is_some());
        assert!(head.read_as_it_is().is_err());
        let latin = b"{\"a\":\"\xE9\"}\n";
        let HeadState::Known(head) = JsonHead::look(latin, true, &with("ISO-8859-1")).unwrap()
        else {
            panic!("all is there")
        };
        let text = head.transcoder().unwrap().push(latin, true).unwrap();
        assert_eq!(text, "{\"a\":\"é\"}\n".as_bytes());
        assert!(!head.can_be_split());
        for (bytes, options) in [
            (utf16("\u{FEFF}[1]"), with("UTF-8")),
            (b"\xFF\xFE\0\0".to_vec(), JsonOptions::default()),
            (b"{}".to_vec(), with("klingon")),
        ] {
            assert!(JsonHead::look(&bytes, true, &options).is_err());
        }
    }
}

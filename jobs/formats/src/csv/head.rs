//! What the beginning of a file says of all of it: its encoding, its line ends, and the names of its columns.
//!
//! The reader of a split in mid-file cannot see the file's beginning, and needs to know it. So a file's first bytes
//! are looked at by themselves ([`CsvHead::look`]), and what they say is handed to the readers of all of its splits.
//! The head is a function of the file's first bytes, however many of them are presented.

use std::collections::HashSet;
use std::sync::Arc;

use super::fault::Fault;
use super::options::CsvOptions;
use super::record::{Begins, Form, Parsed, RecordParser, Skipped, unescape};
use crate::ReadFailure;
use crate::charset::{Charset, Named, Transcoder};

/// How far into a file its header, or without one its first line end, is looked for.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// What the beginning of a file says of all of it.
///
/// ```
/// # use headworks_formats::csv::{CsvHead, CsvHeadState, CsvOptions};
/// let CsvHeadState::Known(head) = CsvHead::look(b"id,name\n1,x\n", true, &CsvOptions::default())? else { panic!() };
/// assert_eq!(head.columns(), ["id", "name"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvHead {
    charset: Charset,
    columns: Arc<[String]>,
    data_start: u64,
    line_end: u8,
}

/// What came of looking at a file's first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CsvHeadState {
    /// They are too few: come again with this many, or with all that the file has.
    NeedMore(usize),
    /// They tell.
    Known(CsvHead),
}

impl CsvHead {
    /// Looks at the first bytes of a file, of which there are no more if `eof`.
    ///
    /// A file in UTF-16 is known by its byte-order mark, any other is in the encoding of the options, or in UTF-8. A
    /// file whose first line end is a carriage return alone has such line ends throughout. Up to 1 MiB is looked at.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]: an encoding that is not known or not read, or that the byte-order mark contradicts.
    /// [`ReadFailure::Header`]: a header that is not well-formed or too long, a name that is empty or occurs twice.
    pub fn look(
        first: &[u8],
        eof: bool,
        options: &CsvOptions,
    ) -> Result<CsvHeadState, ReadFailure> {
        const SIGN_BYTES: usize = 4;
        if first.len() < SIGN_BYTES && !eof {
            return Ok(CsvHeadState::NeedMore(SIGN_BYTES));
        }
        let charset = charset_of(first, options.encoding.as_deref())?;
        let mut decoded = Vec::new();
        let mut text = first;
        let mut eof = eof;
        if let Some(mut transcoder) = Transcoder::new(charset) {
            match transcoder.push(first, eof) {
                Ok(utf8) => decoded = utf8,
                // Whoever reads the file comes to the same place, and says what is wrong.
                Err(_) => eof = true,
            }
            text = &decoded;
        }
        let marks = marks(text);
        let after_marks = text.get(marks..).unwrap_or_default();
        let is_far = after_marks.len() >= HEAD_BYTES_MAX;
        let line_end = match line_end(after_marks, eof || is_far, options) {
            Some(line_end) => line_end,
            None => return Ok(CsvHeadState::NeedMore(first.len() * 2)),
        };
        let mut head = Self {
            charset,
            columns: options.columns.clone().into(),
            data_start: marks as u64,
            line_end,
        };
        if options.header && !head.read_header(after_marks, eof, options)? {
            return Ok(CsvHeadState::NeedMore(first.len() * 2));
        }
        Ok(CsvHeadState::Known(head))
    }

    /// The head to go by if none is given, of a part of a file.
    ///
    /// # Errors
    /// [`ReadFailure::Header`]: its columns cannot be known. [`ReadFailure::Encoding`], as for [`CsvHead::look`].
    pub(super) fn of_options(options: &CsvOptions) -> Result<Self, ReadFailure> {
        if options.header {
            let what = "the names of the columns are not known in the middle of a file".to_string();
            return Err(ReadFailure::Header { at: 0, what });
        }
        let head = Self {
            charset: charset_of(b"", options.encoding.as_deref())?,
            columns: options.columns.clone().into(),
            data_start: 0,
            line_end: b'\n',
        };
        head.read_as_it_is()
    }

    /// The same, if the reader can read such a file as it is.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]
    pub(super) fn read_as_it_is(self) -> Result<Self, ReadFailure> {
        if self.can_be_split() {
            return Ok(self);
        }
        let what = format!(
            "the file is in {}, which is to be turned into UTF-8 before it is read; convert it (iconv -t UTF-8)",
            self.charset.name()
        );
        Err(ReadFailure::Encoding { at: 0, what })
    }

    /// Takes the names from the header at the start of `text`. `false`: more bytes are needed.
    fn read_header(
        &mut self,
        text: &[u8],
        eof: bool,
        options: &CsvOptions,
    ) -> Result<bool, ReadFailure> {
        let mut parser = RecordParser::new(options.dialect(self.line_end), None, HEAD_BYTES_MAX);
        let mut at = 0;
        let end = loop {
            let rest = text.get(at..).unwrap_or_default();
            match parser.skip(rest, eof) {
                Skipped::Line(length) | Skipped::Part(length) => at += length,
                Skipped::Comment(length) if eof => at += length,
                Skipped::Comment(_) if at + rest.len() < HEAD_BYTES_MAX => return Ok(false),
                Skipped::Comment(_) => {
                    return Err(self.wrong(at, Fault::TooLarge.shown(HEAD_BYTES_MAX)));
                }
                Skipped::Incomplete => return Ok(false),
                Skipped::None if rest.is_empty() && eof => {
                    self.data_start += at as u64;
                    return Ok(true);
                }
                Skipped::None => match parser.parse(rest, eof, Begins::Field) {
                    Parsed::Complete(length) => break at + length,
                    Parsed::Incomplete => return Ok(false),
                    Parsed::Bad { fault, .. } | Parsed::Beyond { fault, .. } => {
                        return Err(self.wrong(at + fault.at(), fault.shown(HEAD_BYTES_MAX)));
                    }
                },
            }
        };
        let record = text.get(at..end).unwrap_or_default();
        self.columns = self.names(record, at, &parser)?.into();
        self.data_start += end as u64;
        Ok(true)
    }

    /// The names in a header, which begins at `base` in the text.
    fn names(
        &self,
        record: &[u8],
        base: usize,
        parser: &RecordParser,
    ) -> Result<Vec<String>, ReadFailure> {
        let mut names: Vec<String> = Vec::with_capacity(parser.fields.len());
        let mut seen = HashSet::new();
        for (i, field) in parser.fields.iter().enumerate() {
            let at = base + field.start as usize;
            let text = record.get(field.range()).unwrap_or_default();
            let mut plain = Vec::new();
            if field.form == Form::Escaped {
                unescape(text, &parser.dialect, &mut plain);
            } else {
                plain.extend_from_slice(text);
            }
            if let Some(table) = self.charset.table() {
                let bytes = std::mem::take(&mut plain);
                table.decode(&bytes, &mut plain);
            }
            let Ok(name) = String::from_utf8(plain) else {
                let what = format!(
                    "the name of column {} is not {}; if the file is in another encoding, set the option `encoding`",
                    i + 1,
                    self.charset.name()
                );
                return Err(self.wrong(at, what));
            };
            if name.is_empty() {
                let what = format!(
                    "column {} has no name; name it, or set `header: false` and list all names in `columns`",
                    i + 1
                );
                return Err(self.wrong(at, what));
            }
            if !seen.insert(name.clone()) {
                let first = names.iter().position(|earlier| *earlier == name);
                let what = format!(
                    "columns {} and {} are both named `{name}`; rename one of them, or set `header: false` and list \
                     all names in `columns`",
                    first.unwrap_or(i) + 1,
                    i + 1
                );
                return Err(self.wrong(at, what));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// A failure at a place in the text after the marks.
    fn wrong(&self, at: usize, what: String) -> ReadFailure {
        let at = self.data_start + at as u64;
        ReadFailure::Header { at, what }
    }

    /// The file's charset.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// Whether the file can be read from the middle.
    pub fn can_be_split(&self) -> bool {
        self.charset.can_be_split()
    }

    /// The names of its columns, in their order: those of its header, or of the options. None if the file is empty.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Offset, in the file's text, of what follows the header.
    pub(super) fn data_start(&self) -> u64 {
        self.data_start
    }

    /// The last byte of the file's line ends.
    pub(super) fn line_end(&self) -> u8 {
        self.line_end
    }
}

/// The charset that the first bytes and the option say.
fn charset_of(first: &[u8], encoding: Option<&str>) -> Result<Charset, ReadFailure> {
    let failure = |what: String| Err(ReadFailure::Encoding { at: 0, what });
    let marked = match *first {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => {
            return failure(
                "the file is in UTF-32, which is not read; convert it (iconv -t UTF-8)".to_string(),
            );
        }
        [0xFF, 0xFE, ..] => Some(Charset::utf16(false)),
        [0xFE, 0xFF, ..] => Some(Charset::utf16(true)),
        _ => None,
    };
    let Some(name) = encoding else {
        return Ok(marked.unwrap_or_default());
    };
    let named = match Named::of(name) {
        Named::Charset(charset) => charset,
        Named::Utf16 => marked.unwrap_or(Charset::utf16(false)),
        Named::Utf32 | Named::Unknown => {
            return failure(format!(
                "`{name}` is no encoding that is read; correct the option"
            ));
        }
    };
    let found = match marked {
        Some(charset) => charset,
        None if marks(first) > 0 && !named.can_be_split() => Charset::Utf8,
        None => named,
    };
    if found == named {
        return Ok(named);
    }
    failure(format!(
        "the option `encoding` says `{name}`, but the file begins with the byte-order mark of {}; correct or remove it",
        found.name()
    ))
}

/// How many bytes of byte-order marks stand at the start of a text, two of them at most.
fn marks(text: &[u8]) -> usize {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    const MARKS_MAX: usize = 2;
    let marks = text.chunks(MARK.len()).take(MARKS_MAX);
    marks.take_while(|bytes| *bytes == MARK).count() * MARK.len()
}

/// The last byte of the first line end outside quotes; `None` if more bytes are needed.
fn line_end(text: &[u8], is_all: bool, options: &CsvOptions) -> Option<u8> {
    let dialect = options.dialect(b'\n');
    let is_comment = text
        .first()
        .is_some_and(|first| Some(*first) == dialect.comment);
    let mut begins_field = true;
    let mut in_quotes = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let is_quote = Some(byte) == dialect.quote && !is_comment;
        let was_in_quotes = in_quotes;
        if in_quotes {
            at += usize::from(Some(byte) == dialect.escape);
            in_quotes = !is_quote;
        } else if is_quote && begins_field {
            in_quotes = true;
        } else if byte == b'\n' {
            return Some(b'\n');
        } else if byte == b'\r' {
            return match text.get(at + 1) {
                Some(b'\n') => Some(b'\n'),
                Some(_) => Some(b'\r'),
                None if is_all => Some(b'\n'),
                None => None,
            };
        }
        let is_space = dialect.trims && matches!(byte, b' ' | b'\t');
        // A doubled quote closes and opens again.
        let closes = was_in_quotes && !in_quotes;
        begins_field = byte == dialect.delimiter || (begins_field && is_space) || closes;
        at += 1;
    }
    is_all.then_some(b'\n')
}

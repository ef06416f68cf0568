//! What the beginning of a file says of all of it: its encoding, and the entities that it declares.
//!
//! The reader of a split in mid-file cannot see the file's beginning, and needs to know it. So a file's first bytes
//! are looked at by themselves ([`Head::look`]), and what they say is handed to the readers of all of its splits.
//! The head is a function of the file's first bytes, however many of them are presented.

use std::sync::Arc;

use memchr::{memchr, memmem};

use super::ReadFailure;
use super::doctype::Entities;
use super::lex::{self, Doctype, Markup};
use crate::charset::{Charset, ENCODINGS_SHOWN, Named, Transcoder};
use crate::values::is_space;

/// How many bytes of an XML declaration are looked at.
const DECLARATION_BYTES_MAX: usize = 1024;
/// How far from the file's start the document type declaration may begin that declares its entities.
const HEAD_BYTES_MAX: usize = 1 << 20;
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What the beginning of a file says of all of it. The default is that of a file in UTF-8 without entities.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::datatypes::{DataType, Field, Schema};
/// # use headworks_formats::*;
/// # fn first_bytes(n: usize) -> (Vec<u8>, bool) { (FILE[..n.min(FILE.len())].to_vec(), n >= FILE.len()) }
/// # const FILE: &[u8] = b"<?xml version='1.0' encoding='ISO-8859-1'?><rs><r><a>\xE9</a></r><r><a>e</a></r></rs>";
/// # let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
/// # let config = Arc::new(XmlConfig::new(XmlOptions::new(&["r"])?, schema.clone(), schema)?);
/// // Once for each file, from its first bytes:
/// let mut wanted = 4096;
/// let head = loop {
///     let (first, eof) = first_bytes(wanted);
///     match Head::look(&first, eof, config.options().encoding.as_deref())? {
///         HeadState::NeedMore(at_least) => wanted = at_least,
///         HeadState::Known(head) => break head,
///     }
/// };
/// assert_eq!(head.charset().name(), "ISO-8859-1");
/// // What can be split is read as it is. Else there is one split, and its bytes go through a `Transcoder` first:
/// // the reader's positions and offsets are then those of the text in UTF-8.
/// assert!(head.charset().can_be_split());
/// let split = Split { start: Start::Guess(60), end: u64::MAX };
/// let mut reader = XmlReader::new(config, split);
/// reader.set_head(head); // before the first bytes, and again after each `next_split`
/// reader.feed(&FILE[60..], true)?;
/// assert_eq!(reader.take_batch()?.map(|batch| batch.num_rows()), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    charset: Charset,
    /// Whether an option said so: then it does not matter what the file's documents declare.
    by_option: bool,
    entities: Option<Arc<Entities>>,
}

/// What came of looking at a file's first bytes.
pub type HeadState = crate::record::HeadState<Head>;

impl Head {
    /// Looks at the first bytes of a file, of which there are no more if `eof`. `encoding` is the option
    /// [`XmlOptions::encoding`](super::XmlOptions::encoding), which overrides what the file declares.
    ///
    /// Bytes tell more than names: a file in UTF-16 is known by its byte-order mark or its first `<`, and must not
    /// declare anything else. Without any sign it is in UTF-8. Up to 1 MiB of what stands before the first element is
    /// looked at for a document type declaration, which may be 1 MiB long itself.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]: an encoding that is not known or not read, or signs that contradict one another.
    pub fn look(first: &[u8], eof: bool, encoding: Option<&str>) -> Result<HeadState, ReadFailure> {
        const SIGN_BYTES: usize = 4;
        if first.len() < SIGN_BYTES && !eof {
            return Ok(HeadState::NeedMore(SIGN_BYTES));
        }
        let more = Ok(HeadState::NeedMore(first.len() * 2));
        let sign = Sign::of(first)?;
        let mut text = first;
        let mut eof = eof;
        let mut decoded = String::new();
        if let Sign::Utf16 { charset, .. } = sign {
            eof |= !transcode(charset, first, eof, &mut decoded);
            text = decoded.as_bytes();
        }
        let marks = marks(text);
        let charset = match encoding {
            Some(_) if first.is_empty() => Charset::Utf8,
            Some(name) => sign.with_option(name, marks)?,
            None => match declared(text.get(marks..).unwrap_or_default(), eof) {
                Declared::Incomplete => return more,
                Declared::Nothing => sign.undeclared(),
                Declared::Name { at, name } => {
                    let at = match sign {
                        Sign::Utf16 { mark, .. } => mark + 2 * (marks / UTF8_MARK.len() + at),
                        Sign::Bytes => marks + at,
                    };
                    sign.declared(at as u64, &String::from_utf8_lossy(name), marks)?
                }
            },
        };
        if sign == Sign::Bytes && !charset.can_be_split() {
            eof |= !transcode(charset, first, eof, &mut decoded);
            text = decoded.as_bytes();
        }
        let entities = match doctype(text, eof) {
            FirstDoctype::Incomplete => return more,
            FirstDoctype::None => None,
            FirstDoctype::At(from, to) => {
                let doctype = text.get(from..to).unwrap_or_default();
                Some(Entities::of_doctype(doctype, charset.table()))
            }
        };
        Ok(HeadState::Known(Self {
            charset,
            by_option: encoding.is_some(),
            entities: entities.filter(|e| !e.is_empty()).map(Arc::new),
        }))
    }

    /// The file's charset.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The head to go by if none is given: the option's encoding, and no entities.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]: an encoding that is not known, or that the reader does not read as it is.
    pub(crate) fn of_option(encoding: Option<&str>) -> Result<Self, ReadFailure> {
        let charset = match encoding {
            Some(name) => match known(0, name)? {
                Named::Charset(charset) => charset,
                _ => Charset::utf16(false),
            },
            None => Charset::Utf8,
        };
        let head = Self {
            charset,
            by_option: encoding.is_some(),
            entities: None,
        };
        head.read_as_it_is()
    }

    /// The same, if the reader can read such a file as it is.
    ///
    /// # Errors
    /// [`ReadFailure::Encoding`]
    pub(crate) fn read_as_it_is(self) -> Result<Self, ReadFailure> {
        if self.charset.can_be_split() {
            return Ok(self);
        }
        let name = self.charset.name();
        Err(failure(
            0,
            format!(
                "the file is in {name}, which is to be turned into UTF-8 before it is read; convert it \
                 (iconv -t UTF-8)"
            ),
        ))
    }

    pub(crate) fn entities(&self) -> Option<&Arc<Entities>> {
        self.entities.as_ref()
    }

    /// What is wrong if a later document of the file declares this encoding.
    pub(crate) fn contradicts(&self, name: &[u8]) -> Option<String> {
        let name = String::from_utf8_lossy(name);
        let agrees = match Named::of(&name) {
            Named::Charset(charset) => charset == self.charset,
            Named::Utf16 => self.charset.is_utf16(),
            Named::Utf32 | Named::Unknown => false,
        };
        if agrees || self.by_option {
            return None;
        }
        let charset = self.charset.name();
        Some(format!(
            "a document declares the encoding `{name}`, and the file began in {charset}; {SEPARATE}, or set the \
             option `encoding` if all of them are in one"
        ))
    }

    /// What is wrong if a later document of the file has this document type declaration.
    pub(crate) fn contradicts_doctype(&self, doctype: &[u8]) -> Option<String> {
        let entities = Entities::of_doctype(doctype, self.charset.table());
        let name = entities.differs_from(self.entities.as_deref())?;
        Some(format!(
            "a document declares the entity `{name}` otherwise than the beginning of the file does; {SEPARATE}"
        ))
    }
}

/// What is wrong if a later document is in UTF-16, in a file that is not.
pub(crate) fn utf16_begins() -> String {
    format!("a document in UTF-16 begins here, and the file did not begin in UTF-16; {SEPARATE}")
}

const SEPARATE: &str = "make each document a file of its own";

/// What the first bytes are a sign of, without a look at any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// UTF-16, in which order, and how long its mark is.
    Utf16 { charset: Charset, mark: usize },
    /// Characters of 8 bits, or more of 8 bits each.
    Bytes,
}

impl Sign {
    fn of(first: &[u8]) -> Result<Self, ReadFailure> {
        let utf32 = |order: &str| {
            let what = format!(
                "the file is in UTF-32 ({order}), which is not read; convert it (iconv -t UTF-8)"
            );
            Err(failure(0, what))
        };
        let utf16 = |big_endian: bool, mark: usize| {
            Ok(Self::Utf16 {
                charset: Charset::utf16(big_endian),
                mark,
            })
        };
        let begins = |byte: u8| byte == b'<' || is_space(byte);
        match *first {
            [0xFF, 0xFE, 0, 0, ..] => utf32("little-endian"),
            [0, 0, 0xFE, 0xFF, ..] => utf32("big-endian"),
            [byte, 0, 0, 0, ..] if begins(byte) => utf32("little-endian"),
            [0, 0, 0, byte, ..] if begins(byte) => utf32("big-endian"),
            [0xFF, 0xFE, ..] => utf16(false, 2),
            [0xFE, 0xFF, ..] => utf16(true, 2),
            [byte, 0, ..] if begins(byte) => utf16(false, 0),
            [0, byte, ..] if begins(byte) => utf16(true, 0),
            _ => Ok(Self::Bytes),
        }
    }

    fn undeclared(self) -> Charset {
        match self {
            Self::Utf16 { charset, .. } => charset,
            Self::Bytes => Charset::Utf8,
        }
    }

    /// The charset of a file with a declaration, whose name stands at `at`.
    fn declared(self, at: u64, name: &str, marks: usize) -> Result<Charset, ReadFailure> {
        let found = self.undeclared().name();
        let contradiction = |found: &str| {
            let what = format!(
                "the file declares the encoding `{name}`, but {found}; set the option `encoding` to the one that it \
                 is in"
            );
            Err(failure(at, what))
        };
        let named = known(at, name)?;
        match (self, named) {
            (Self::Utf16 { charset, .. }, Named::Utf16) => Ok(charset),
            (Self::Utf16 { charset, .. }, Named::Charset(named)) if named == charset => Ok(charset),
            (Self::Utf16 { mark: 2, .. }, _) => {
                contradiction(&format!("begins with the byte-order mark of {found}"))
            }
            (Self::Utf16 { .. }, _) => contradiction(&format!("its first bytes are {found}")),
            (Self::Bytes, Named::Charset(named)) if !named.is_utf16() => {
                if marks > 0 && named != Charset::Utf8 {
                    return contradiction("begins with the byte-order mark of UTF-8");
                }
                Ok(named)
            }
            (Self::Bytes, _) => contradiction("its first bytes are those of an encoding of 8 bits"),
        }
    }

    /// The charset of a file for which an option names one. The mark of UTF-8 is no sign against an encoding in which
    /// it can be passed over.
    fn with_option(self, name: &str, marks: usize) -> Result<Charset, ReadFailure> {
        let found = self.undeclared().name();
        let contradiction = |found: &str| {
            let what =
                format!("the option `encoding` says `{name}`, but {found}; correct or remove it");
            Err(failure(0, what))
        };
        let named = known(0, name)?;
        match (self, named) {
            (Self::Utf16 { charset, .. }, Named::Utf16) => Ok(charset),
            (Self::Utf16 { charset, .. }, Named::Charset(named)) if named == charset => Ok(charset),
            (Self::Utf16 { .. }, _) => contradiction(&format!("the first bytes are {found}")),
            (Self::Bytes, Named::Charset(named)) if !named.is_utf16() => {
                if marks > 0 && !named.can_be_split() {
                    return contradiction("the file begins with the byte-order mark of UTF-8");
                }
                Ok(named)
            }
            (Self::Bytes, _) => contradiction("the first bytes are those of an encoding of 8 bits"),
        }
    }
}

fn failure(at: u64, what: String) -> ReadFailure {
    ReadFailure::Encoding { at, what }
}

/// What a name stands for, if it is an encoding that is read.
fn known(at: u64, name: &str) -> Result<Named, ReadFailure> {
    match Named::of(name) {
        Named::Unknown => Err(failure(at, unknown(name))),
        Named::Utf32 => Err(failure(
            at,
            format!("the encoding `{name}` is not read; convert the file (iconv -t UTF-8)"),
        )),
        named => Ok(named),
    }
}

/// What to say of a name that is no encoding's.
fn unknown(name: &str) -> String {
    format!(
        "`{name}` is no known encoding; set the option `encoding` to the one that the file is in, such as \
         {ENCODINGS_SHOWN}"
    )
}

/// Turns bytes into text; `false` if there is an error, which whoever transcodes the whole file will come upon again.
/// Then what stands before it is all that there is.
fn transcode(charset: Charset, first: &[u8], eof: bool, text: &mut String) -> bool {
    text.clear();
    Transcoder::new(charset).is_some_and(|mut it| it.push_into(first, eof, text).is_ok())
}

/// The length of the byte-order marks at the start: some files begin with two.
fn marks(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix(UTF8_MARK) {
        rest = after;
    }
    text.len() - rest.len()
}

/// What an XML declaration says of the encoding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Declared<'a> {
    /// The bytes end before that can be said.
    Incomplete,
    /// Nothing, or there is no declaration.
    Nothing,
    /// This name, which stands here.
    Name { at: usize, name: &'a [u8] },
}

/// Reads the XML declaration with which `text` begins, if it does.
pub(crate) fn declared(text: &[u8], eof: bool) -> Declared<'_> {
    const OPENING: &[u8] = b"<?xml";
    let missing = if eof {
        Declared::Nothing
    } else {
        Declared::Incomplete
    };
    if text.len() <= OPENING.len() && (OPENING.starts_with(text) || UTF8_MARK.starts_with(text)) {
        return missing;
    }
    let after = text.get(OPENING.len()).copied();
    if !text.starts_with(OPENING) || !after.is_some_and(is_space) {
        return Declared::Nothing;
    }
    let reach = text.get(..DECLARATION_BYTES_MAX).unwrap_or(text);
    let Some(end) = memmem::find(reach, b"?>") else {
        return if reach.len() < DECLARATION_BYTES_MAX {
            missing
        } else {
            Declared::Nothing
        };
    };
    match encoding_of(reach.get(..end).unwrap_or_default()) {
        Some((at, name)) => Declared::Name { at, name },
        None => Declared::Nothing,
    }
}

/// The declared encoding and its place.
fn encoding_of(declaration: &[u8]) -> Option<(usize, &[u8])> {
    const KEY: &[u8] = b"encoding";
    let mut p = memmem::find(declaration, KEY)? + KEY.len();
    let skip_space = |mut p: usize| {
        while declaration.get(p).is_some_and(|b| is_space(*b)) {
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

enum FirstDoctype {
    Incomplete,
    None,
    /// From its `<` to after its `>`.
    At(usize, usize),
}

/// Finds the document type declaration before the first element, as the scanner would come upon it.
fn doctype(text: &[u8], eof: bool) -> FirstDoctype {
    let missing = if eof {
        FirstDoctype::None
    } else {
        FirstDoctype::Incomplete
    };
    let mut p = 0;
    while p < HEAD_BYTES_MAX {
        let Some(i) = memchr(b'<', text.get(p..).unwrap_or_default()) else {
            return if text.len() < HEAD_BYTES_MAX {
                missing
            } else {
                FirstDoctype::None
            };
        };
        let lt = p + i;
        if lt >= HEAD_BYTES_MAX {
            break;
        }
        p = match lex::markup(text, lt, eof) {
            Markup::Incomplete => return missing,
            Markup::Open { .. } => return FirstDoctype::None,
            Markup::Doctype => match lex::doctype_end(text, lt, eof) {
                Doctype::Incomplete => return missing,
                Doctype::End(end) => return FirstDoctype::At(lt, end),
                Doctype::Endless => lt + 1,
            },
            Markup::Stretch(stretch) => match stretch.end(text, lt + stretch.opening().len()) {
                Some(end) => end,
                None if text.len() < HEAD_BYTES_MAX => return missing,
                None => return FirstDoctype::None,
            },
            Markup::Close { name_end } => match lex::close_end(text, name_end, eof) {
                Some(end) => end,
                None => return missing,
            },
            Markup::Text => lt + 1,
        };
    }
    FirstDoctype::None
}

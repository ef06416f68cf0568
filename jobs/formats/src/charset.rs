//! How the bytes of a file stand for characters.
//!
//! Three ways to read, because of what they cost and of whether a file can be cut:
//!
//! | Charset | How it is read |
//! | --- | --- |
//! | [`Charset::Utf8`], US-ASCII among it | as it is |
//! | [`Charset::SingleByte`]: ISO-8859-x, windows-125x, KOI8, Macintosh, ... | as it is: markup is ASCII in them, so the file can be cut anywhere and offsets are the file's; only values and names are turned into UTF-8, through a table |
//! | [`Charset::Transcode`]: UTF-16, and those of several bytes a character | the caller turns the file into UTF-8 as it streams ([`Transcoder`]) before a reader sees it. A byte of theirs may look like markup, so such a file cannot be cut |
//!
//! Names are those of the [WHATWG Encoding Standard](https://encoding.spec.whatwg.org), whose tables the crate
//! `encoding_rs` has, with the exceptions that XML needs: ISO-8859-1, ISO-8859-9 and ISO-8859-11 are themselves here,
//! not the code pages of Windows that extend them, and US-ASCII is the part of UTF-8 that it is.

use std::fmt;
use std::sync::LazyLock;

use encoding_rs::{DecoderResult, Encoding};
use memchr::memmem;
use thiserror::Error;

/// A charset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, or US-ASCII.
    #[default]
    Utf8,
    /// One byte a character, the lower half ASCII.
    SingleByte(SingleByte),
    /// To be turned into UTF-8 by the caller.
    Transcode(MultiByte),
}

impl Charset {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::SingleByte(table) => table.name(),
            Self::Transcode(MultiByte(encoding)) => encoding.name(),
        }
    }

    /// Whether a file can be read from the middle. One that is to be transcoded cannot.
    pub fn can_be_split(self) -> bool {
        !matches!(self, Self::Transcode(_))
    }

    /// The table, if there is one.
    pub(crate) fn table(self) -> Option<SingleByte> {
        match self {
            Self::SingleByte(table) => Some(table),
            _ => None,
        }
    }

    /// UTF-16 in one of its two orders.
    pub(crate) fn utf16(big_endian: bool) -> Self {
        Self::Transcode(MultiByte(if big_endian {
            encoding_rs::UTF_16BE
        } else {
            encoding_rs::UTF_16LE
        }))
    }

    pub(crate) fn is_utf16(self) -> bool {
        self == Self::utf16(false) || self == Self::utf16(true)
    }
}

/// Some of the encodings that are read, for messages.
pub(crate) const ENCODINGS_SHOWN: &str = "UTF-8, UTF-16, ISO-8859-1 to -16, windows-1250 to -1258, KOI8-R, macintosh, Shift_JIS, EUC-KR, GB18030, Big5";

/// What a name of an encoding stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Charset(Charset),
    /// UTF-16 in the order that the file's first bytes tell.
    Utf16,
    /// Not read.
    Utf32,
    Unknown,
}

impl Named {
    /// Looks a name up, in whatever case.
    pub(crate) fn of(name: &str) -> Self {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso646-us" | "csascii" => {
                return Self::Charset(Charset::Utf8);
            }
            "utf-16" | "utf16" | "ucs-2" | "iso-10646-ucs-2" | "unicode" | "csunicode" => {
                return Self::Utf16;
            }
            "ucs-4" | "iso-10646-ucs-4" => return Self::Utf32,
            name if name.starts_with("utf-32") || name.starts_with("utf32") => return Self::Utf32,
            _ => {}
        }
        let Some(encoding) = Encoding::for_label_no_replacement(name.as_bytes()) else {
            return Self::Unknown;
        };
        // The standard lets these names mean the code page that extends them.
        let known = if encoding == encoding_rs::WINDOWS_1252 && !name.contains("1252") {
            "ISO-8859-1"
        } else if encoding == encoding_rs::WINDOWS_1254 && !name.contains("1254") {
            "ISO-8859-9"
        } else if encoding == encoding_rs::WINDOWS_874 && !name.contains("874") {
            "ISO-8859-11"
        } else {
            encoding.name()
        };
        if encoding == encoding_rs::UTF_8 {
            return Self::Charset(Charset::Utf8);
        }
        if let Some(table) = TABLES.iter().find(|table| table.name == known) {
            return Self::Charset(Charset::SingleByte(SingleByte(table)));
        }
        if encoding.is_single_byte() {
            return Self::Unknown; // `x-user-defined`: the standard has it for scripts of web pages alone.
        }
        Self::Charset(Charset::Transcode(MultiByte(encoding)))
    }
}

/// The single-byte encodings of the standard. Their lower half is ASCII.
const STANDARD_TABLES: [&Encoding; 28] = [
    encoding_rs::IBM866,
    encoding_rs::ISO_8859_2,
    encoding_rs::ISO_8859_3,
    encoding_rs::ISO_8859_4,
    encoding_rs::ISO_8859_5,
    encoding_rs::ISO_8859_6,
    encoding_rs::ISO_8859_7,
    encoding_rs::ISO_8859_8,
    encoding_rs::ISO_8859_8_I,
    encoding_rs::ISO_8859_10,
    encoding_rs::ISO_8859_13,
    encoding_rs::ISO_8859_14,
    encoding_rs::ISO_8859_15,
    encoding_rs::ISO_8859_16,
    encoding_rs::KOI8_R,
    encoding_rs::KOI8_U,
    encoding_rs::MACINTOSH,
    encoding_rs::WINDOWS_874,
    encoding_rs::WINDOWS_1250,
    encoding_rs::WINDOWS_1251,
    encoding_rs::WINDOWS_1252,
    encoding_rs::WINDOWS_1253,
    encoding_rs::WINDOWS_1254,
    encoding_rs::WINDOWS_1255,
    encoding_rs::WINDOWS_1256,
    encoding_rs::WINDOWS_1257,
    encoding_rs::WINDOWS_1258,
    encoding_rs::X_MAC_CYRILLIC,
];

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let control = |byte: u8| Some(char::from(byte));
    let of = |encoding: &'static Encoding, byte: u8| {
        let byte = [byte];
        let text = encoding.decode_without_bom_handling_and_without_replacement(&byte)?;
        text.chars().next()
    };
    // The first half of the upper half are control characters in the ISO's own tables.
    let iso = |encoding: &'static Encoding, byte: u8| {
        if byte < 0xA0 {
            control(byte)
        } else {
            of(encoding, byte)
        }
    };
    let mut tables = vec![
        Table::new("ISO-8859-1", control),
        Table::new("ISO-8859-9", |byte| iso(encoding_rs::WINDOWS_1254, byte)),
        Table::new("ISO-8859-11", |byte| iso(encoding_rs::WINDOWS_874, byte)),
    ];
    for encoding in STANDARD_TABLES {
        tables.push(Table::new(encoding.name(), |byte| of(encoding, byte)));
    }
    tables
});

/// Bytes of the upper half.
const UPPER: usize = 128;

/// The upper half of a single-byte encoding, in UTF-8.
struct Table {
    name: &'static str,
    utf8: [[u8; 3]; UPPER],
    /// Of how many bytes each is; 0 where the encoding has no character.
    lengths: [u8; UPPER],
}

impl Table {
    fn new(name: &'static str, character: impl Fn(u8) -> Option<char>) -> Self {
        let mut table = Self {
            name,
            utf8: [[0; 3]; UPPER],
            lengths: [0; UPPER],
        };
        for (i, byte) in (0x80..=u8::MAX).enumerate() {
            // All of them lie in the plane of three bytes.
            if let Some(character) = character(byte).filter(|c| c.len_utf8() <= 3) {
                character.encode_utf8(&mut table.utf8[i]);
                table.lengths[i] = character.len_utf8() as u8;
            }
        }
        table
    }

    fn character(&self, byte: u8) -> &[u8] {
        let i = usize::from(byte & 0x7F);
        &self.utf8[i][..usize::from(self.lengths[i])]
    }
}

/// A single-byte encoding whose lower half is ASCII.
#[derive(Clone, Copy)]
pub struct SingleByte(&'static Table);

impl SingleByte {
    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The character of a byte of the upper half, in UTF-8; empty if there is none.
    pub(crate) fn character(self, byte: u8) -> &'static [u8] {
        self.0.character(byte)
    }

    /// Appends the bytes as UTF-8. One that stands for no character becomes U+FFFD.
    pub(crate) fn decode(self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        loop {
            let ascii = rest.iter().position(|byte| *byte >= 0x80);
            let (before, after) = rest.split_at(ascii.unwrap_or(rest.len()));
            out.extend_from_slice(before);
            let Some((&byte, after)) = after.split_first() else {
                return;
            };
            match self.character(byte) {
                [] => out.extend_from_slice("\u{FFFD}".as_bytes()),
                character => out.extend_from_slice(character),
            }
            rest = after;
        }
    }

    /// The text in this encoding, if it has all of its characters.
    pub(crate) fn encode(self, text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        for character in text.chars() {
            if character.is_ascii() {
                out.push(character as u8);
                continue;
            }
            let wanted = character.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
            out.push((0x80..=u8::MAX).find(|byte| self.character(*byte) == wanted)?);
        }
        Some(out)
    }

    /// The first byte that stands for no character.
    pub(crate) fn first_invalid(self, bytes: &[u8]) -> Option<usize> {
        if self.0.lengths.iter().all(|length| *length > 0) {
            return None;
        }
        let invalid = |byte: &u8| *byte >= 0x80 && self.character(*byte).is_empty();
        bytes.iter().position(invalid)
    }
}

impl PartialEq for SingleByte {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for SingleByte {}

impl fmt::Debug for SingleByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// UTF-16, or an encoding of several bytes a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultiByte(&'static Encoding);

/// A file holds bytes that its encoding does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "byte {at}: {what} {encoding}; set the option `encoding` if the file is in another one, or repair it"
)]
pub struct EncodingError {
    /// Offset of the byte in the file before transcoding.
    pub at: u64,
    /// The encoding.
    pub encoding: &'static str,
    /// What stands there, up to the encoding's name.
    pub what: &'static str,
}

/// Turns a file into UTF-8 as it streams, without its byte-order mark.
///
/// ```
/// # use headworks_formats::{Head, HeadState, Transcoder};
/// let file: Vec<u8> = "\u{FEFF}<r>é</r>".encode_utf16().flat_map(u16::to_le_bytes).collect();
/// let HeadState::Known(head) = Head::look(&file, true, None)? else { panic!() };
/// let mut transcoder = Transcoder::new(head.charset()).expect("UTF-16 is transcoded");
/// let mut text = transcoder.push(&file[..7], false)?;
/// text.extend(transcoder.push(&file[7..], true)?);
/// assert_eq!(text, "<r>é</r>".as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Transcoder {
    decoder: Decoder,
    encoding: &'static str,
    /// Bytes taken in before.
    taken: u64,
    /// The last few of them, of UTF-16.
    tail: Vec<u8>,
}

/// What turns bytes into text.
enum Decoder {
    Table(SingleByte),
    Stream(encoding_rs::Decoder),
}

impl Transcoder {
    /// One that stands at a file's start; `None` if the charset is one that readers read as it is.
    pub fn new(charset: Charset) -> Option<Self> {
        match charset {
            Charset::Transcode(_) => Self::into_utf8(charset),
            _ => None,
        }
    }

    /// The same for readers that read UTF-8 alone; `None` if the charset is that.
    pub(crate) fn into_utf8(charset: Charset) -> Option<Self> {
        let decoder = match charset {
            Charset::Utf8 => return None,
            Charset::SingleByte(table) => Decoder::Table(table),
            Charset::Transcode(MultiByte(encoding)) => {
                Decoder::Stream(encoding.new_decoder_with_bom_removal())
            }
        };
        Some(Self {
            decoder,
            encoding: charset.name(),
            taken: 0,
            tail: Vec::new(),
        })
    }

    /// Takes in the next bytes, `last` if the file ends with them, and gives back their text.
    ///
    /// # Errors
    /// [`EncodingError`]: bytes that are not in the encoding. Nothing is replaced.
    pub fn push(&mut self, source: &[u8], last: bool) -> Result<Vec<u8>, EncodingError> {
        let mut text = String::new();
        self.push_into(source, last, &mut text)?;
        Ok(text.into_bytes())
    }

    /// The same, appended to `text`; of bytes with an error, what stands before it.
    pub(crate) fn push_into(
        &mut self,
        source: &[u8],
        last: bool,
        text: &mut String,
    ) -> Result<(), EncodingError> {
        let encoding = self.encoding;
        let decoder = match &mut self.decoder {
            Decoder::Stream(decoder) => decoder,
            Decoder::Table(table) => {
                let invalid = table.first_invalid(source);
                let valid = source.get(..invalid.unwrap_or(source.len()));
                let mut utf8 = Vec::new();
                table.decode(valid.unwrap_or(source), &mut utf8);
                text.push_str(&String::from_utf8_lossy(&utf8));
                let taken = self.taken;
                self.taken += source.len() as u64;
                return invalid.map_or(Ok(()), |at| {
                    Err(EncodingError {
                        at: taken + at as u64,
                        encoding,
                        what: "what stands here is not",
                    })
                });
            }
        };
        let before = text.len();
        let mut rest = source;
        let error = loop {
            // Half as much again is enough for most; a character needs at most 4 bytes.
            text.reserve(rest.len() + rest.len() / 2 + 16);
            let (result, read) = decoder.decode_to_string_without_replacement(rest, text, last);
            rest = rest.get(read..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => break None,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    let read = self.taken + (source.len() - rest.len()) as u64;
                    break Some(read.saturating_sub(u64::from(length) + u64::from(after)));
                }
            }
        };
        let foreign = self.foreign(source, text.get(before..).unwrap_or_default());
        self.taken += source.len() as u64;
        match (foreign, error) {
            (Some((at, what)), _) => Err(EncodingError { at, encoding, what }),
            (None, Some(at)) => Err(EncodingError {
                at,
                encoding,
                what: "what stands here is not",
            }),
            (None, None) => Ok(()),
        }
    }

    /// Signs, in UTF-16, that another document follows that is in another encoding, whose records would be lost
    /// silently: its bytes may well make characters. `text` is what the bytes came to.
    fn foreign(&mut self, source: &[u8], text: &str) -> Option<(u64, &'static str)> {
        const DECLARATION: &[u8] = b"<?xml";
        let reversed: [u8; 2] = match self.encoding {
            encoding if encoding == encoding_rs::UTF_16LE.name() => [0xFE, 0xFF],
            encoding if encoding == encoding_rs::UTF_16BE.name() => [0xFF, 0xFE],
            _ => return None,
        };
        if memmem::find(text.as_bytes(), REVERSED_MARK).is_some() {
            let odd = (self.taken % 2) as usize;
            let mut units = source.get(odd..).unwrap_or_default().chunks_exact(2);
            let at = match units.position(|unit| unit == reversed) {
                Some(i) => self.taken + (odd + 2 * i) as u64,
                None => self.taken.saturating_sub(1), // Its first byte came with the bytes before.
            };
            return Some((at, "a byte-order mark of the other order stands in"));
        }
        // In 8 bits, and so no text of UTF-16 but of another document; it may have begun with the bytes before.
        let seam = source.get(..DECLARATION.len() - 1).unwrap_or(source);
        let kept = self.tail.len() as u64;
        self.tail.extend_from_slice(seam);
        let in_seam = memmem::find(&self.tail, DECLARATION).map(|i| self.taken - kept + i as u64);
        let found = in_seam.or_else(|| {
            let i = memmem::find(source, DECLARATION)?;
            Some(self.taken + i as u64)
        });
        if source.len() >= DECLARATION.len() {
            self.tail.clear();
            self.tail
                .extend_from_slice(&source[source.len() - (DECLARATION.len() - 1)..]);
        } else {
            let surplus = self.tail.len().saturating_sub(DECLARATION.len() - 1);
            self.tail.drain(..surplus);
        }
        found.map(|at| (at, "a document in 8 bits begins in a file in"))
    }
}

/// U+FFFE in UTF-8. XML does not allow it; in UTF-16 it is how the mark of a second document in the other order reads.
const REVERSED_MARK: &[u8] = "\u{FFFE}".as_bytes();

impl fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcoder")
            .field("encoding", &self.encoding)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

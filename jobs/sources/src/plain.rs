//! From stored bytes to those that the parser reads: out of the archive,
//! decompressed, seen to be no other kind of file, and in UTF-8 if they were in
//! an encoding that the parser does not read as it is.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use headworks_formats::{FormatHead, FormatHeadState, FormatOptions, Transcoder};

use crate::decompress::{self, Compression, Failure, Input};
use crate::split::SplitSpec;
use crate::{archive, heads};

/// Whether stored bytes are not what the parser reads.
pub(crate) fn is_stored_otherwise(split: &SplitSpec) -> bool {
    split.member.is_some() || Compression::of_path(&split.path).is_some()
}

/// What the parser reads of a file whose stored bytes are `stored`; those of a
/// file inside an archive begin at its header there.
pub(crate) fn open(
    stored: Box<dyn Input>,
    split: &SplitSpec,
    options: &Arc<FormatOptions>,
) -> (Box<dyn Input>, HeadSlot) {
    let mut input = match &split.member {
        Some(member) => archive::read::plain(stored, member, split.file_size),
        None => stored,
    };
    if let Some(compression) = Compression::of_path(&split.path) {
        input = decompress::open(input, compression);
    }
    let head = HeadSlot::default();
    let text = Text {
        input,
        options: Arc::clone(options),
        head: Arc::clone(&head),
        at: At::Beginning,
    };
    (Box::new(text), head)
}

/// Where the head of a file is found once its first bytes have come.
pub(crate) type HeadSlot = Arc<OnceLock<FormatHead>>;

/// Looks at the first bytes, and turns the text into UTF-8 if its encoding is
/// one that the parser does not read as it is.
struct Text {
    input: Box<dyn Input>,
    options: Arc<FormatOptions>,
    head: HeadSlot,
    at: At,
}

enum At {
    Beginning,
    Middle(Option<Transcoder>),
    End,
}

impl Text {
    fn begin(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut first = self.input.next()?.unwrap_or_default();
        refuse_other_kinds(&first)?;
        let mut eof = first.is_empty();
        let head = loop {
            match heads::look(&first, eof, &self.options)? {
                FormatHeadState::Known(head) => break head,
                FormatHeadState::NeedMore(at_least) => {
                    let mut more = first.to_vec();
                    while more.len() < at_least && !eof {
                        match self.input.next()? {
                            Some(bytes) => more.extend_from_slice(&bytes),
                            None => eof = true,
                        }
                    }
                    first = more.into();
                }
            }
        };
        self.at = At::Middle(head.transcoder());
        let _ = self.head.set(head);
        Ok((!first.is_empty()).then_some(first))
    }
}

impl Input for Text {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let bytes = match &self.at {
                At::Beginning => self.begin()?,
                At::Middle(_) => self.input.next()?,
                At::End => return Ok(None),
            };
            let At::Middle(Some(transcoder)) = &mut self.at else {
                return Ok(bytes);
            };
            let text = transcoder
                .push(bytes.as_deref().unwrap_or_default(), bytes.is_none())
                .map_err(|e| Failure::Encoding(e.to_string()))?;
            if bytes.is_none() {
                self.at = At::End;
            }
            if !text.is_empty() {
                return Ok(Some(text.into()));
            }
        }
    }
}

/// What stands where in files that would be read as text without a single
/// record: an error is better than a table without rows.
const OTHER_KINDS: [(usize, &[u8], &str); 11] = [
    (
        0,
        b"\x1F\x8B",
        "gzip data, but its name does not end in .gz: rename it",
    ),
    (
        4,
        b"1AY&SY",
        "bzip2 data, but its name does not end in .bz2: rename it",
    ),
    (
        0,
        b"\x28\xB5\x2F\xFD",
        "zstd data, but its name does not end in .zst: rename it",
    ),
    (
        0,
        b"\xFD7zXZ\0",
        "xz data, but its name does not end in .xz: rename it",
    ),
    (
        0,
        b"PK\x03\x04",
        "a zip archive: name it .zip, or unpack it if it lies in another file",
    ),
    (0, b"7z\xBC\xAF\x27\x1C", "a 7z archive: unpack it"),
    (0, b"Rar!\x1A\x07", "a rar archive: unpack it"),
    (0, b"\x1F\x9D", "data of the program compress: unpack it"),
    (0, b"\x04\x22\x4D\x18", "lz4 data: unpack it"),
    (0, b"Obj\x01", "an Avro file: convert it"),
    (257, b"ustar", "a tar archive: unpack it"),
];

/// Checks that a file, plain, begins like text.
///
/// # Errors
/// [`Failure::Kind`], if it begins like a file of another kind.
fn refuse_other_kinds(first: &[u8]) -> Result<(), Failure> {
    for (at, magic, what) in OTHER_KINDS {
        if first.get(at..).is_some_and(|rest| rest.starts_with(magic)) {
            return Err(Failure::Kind(what));
        }
    }
    Ok(())
}

/// The head of a file, of which these are the first bytes, if it is read as it
/// is: its bytes are those that the parser reads. `None`: they are not, or do
/// not tell.
pub(crate) fn head_if_read_as_it_is(
    first: &[u8],
    eof: bool,
    options: &FormatOptions,
) -> Result<Option<FormatHead>, Failure> {
    refuse_other_kinds(first)?;
    Ok(match heads::look(first, eof, options)? {
        FormatHeadState::Known(head) if head.transcoder().is_none() => Some(head),
        _ => None,
    })
}

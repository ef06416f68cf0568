//! From stored bytes to those that the parser reads: out of the archive,
//! decompressed, and seen to be no other kind of file.

use bytes::Bytes;

use crate::archive;
use crate::decompress::{self, Compression, Failure, Input};
use crate::split::SplitSpec;

/// Whether stored bytes are not what the parser reads.
pub(crate) fn is_stored_otherwise(split: &SplitSpec) -> bool {
    split.member.is_some() || Compression::of_path(&split.path).is_some()
}

/// What the parser reads of a file whose stored bytes are `stored`; those of a
/// file inside an archive begin at its header there.
pub(crate) fn open(stored: Box<dyn Input>, split: &SplitSpec) -> Box<dyn Input> {
    let mut input = match &split.member {
        Some(member) => archive::read::plain(stored, member, split.file_size),
        None => stored,
    };
    if let Some(compression) = Compression::of_path(&split.path) {
        input = decompress::open(input, compression);
    }
    Box::new(Seen { input, first: true })
}

/// Looks at the first bytes.
struct Seen {
    input: Box<dyn Input>,
    first: bool,
}

impl Input for Seen {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let bytes = self.input.next()?;
        if std::mem::take(&mut self.first) {
            refuse_other_kinds(bytes.as_deref().unwrap_or_default())?;
        }
        Ok(bytes)
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
pub(crate) fn refuse_other_kinds(first: &[u8]) -> Result<(), Failure> {
    for (at, magic, what) in OTHER_KINDS {
        if first.get(at..).is_some_and(|rest| rest.starts_with(magic)) {
            return Err(Failure::Kind(what));
        }
    }
    Ok(())
}

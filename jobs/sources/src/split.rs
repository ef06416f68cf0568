//! Files and the splits they are cut into: what the driver plans with, the
//! journal keeps, and a scan reads.

use headworks_formats::Start;
use serde::{Deserialize, Serialize};

use crate::archive::Member;
use crate::decompress::Compression;

/// One input object, as discovery found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Absolute path on a local disk, or an object's URL (`s3://bucket/key`);
    /// for a file inside an archive `archive.zip!/name`.
    pub path: String,
    /// Size in bytes, as stored.
    pub size: u64,
    /// Time of the last change, milliseconds since 1970.
    pub modified_ms: i64,
    /// The store's tag of this content, if it has one.
    pub etag: Option<String>,
    /// Where it lies, if that is inside an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// Whether its encoding or layout does not let it be read from the middle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Whether a reader in the middle may be wrong about where records begin, so that what it finds counts only once it
    /// fits the part before. Noted of files that are worth cutting.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
}

/// What a file's content is known by, beside its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The object store's tag of it.
    Etag(String),
    /// Time of its last change, milliseconds since 1970.
    ModifiedMs(i64),
}

impl InputFile {
    /// What its stored content was known by when it was listed: that of the archive if it lies in one. `None` if the
    /// storage told nothing.
    #[must_use]
    pub fn content(&self) -> Option<Content> {
        match (&self.etag, &self.member) {
            // An archive's member has a tag of its own, which is not the archive's.
            (Some(etag), None) => Some(Content::Etag(etag.clone())),
            _ => (self.modified_ms > 0).then_some(Content::ModifiedMs(self.modified_ms)),
        }
    }
}

/// Why a file is one split, however large it is; `None` if it can be cut.
#[must_use]
pub fn why_one_task(file: &InputFile) -> Option<&'static str> {
    let compression = Compression::of_path(&file.path);
    match compression {
        Some(Compression::Gzip) => Some("gzip cannot be split"),
        Some(Compression::Zstd) => Some("zstd cannot be split"),
        Some(Compression::Xz) => Some("xz cannot be split"),
        Some(Compression::Bzip2) => Some("bzip2 is decompressed on all cores, for one reader"),
        _ if file.member.is_some() => Some("a file in an archive cannot be split"),
        _ if file.whole => Some("its encoding or layout cannot be read from the middle"),
        _ => None,
    }
}

/// A byte range of one file, read by one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSpec {
    /// Unique within its wave; the value of the hidden column `_hw_split`.
    pub id: i32,
    /// The file.
    pub path: String,
    /// The file's size in bytes, as stored.
    pub file_size: u64,
    /// First byte of the range.
    pub start: u64,
    /// End of the range, exclusive. For a file that cannot be cut the range is
    /// the whole stored file.
    pub end: u64,
    /// Where the reader begins, if an earlier attempt proved that a guess at
    /// `start` was wrong: content outside any record lies at this offset.
    /// May lie at or behind `end`; the split then holds no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_start: Option<u64>,
    /// Splits with the same number form one task of the scan.
    pub pack: u32,
    /// Where the file lies, if that is inside an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// What is to be read: any other content is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

impl SplitSpec {
    /// All of a file, as one split.
    #[must_use]
    pub fn whole(file: &InputFile) -> Self {
        Self {
            id: 0,
            path: file.path.clone(),
            file_size: file.size,
            start: 0,
            end: file.size,
            known_start: None,
            pack: 0,
            member: file.member.clone(),
            content: file.content(),
        }
    }

    /// How the parser is to begin.
    #[must_use]
    pub fn reader_start(&self) -> Start {
        match self.known_start {
            Some(at) => Start::Known(at),
            None if self.start == 0 => Start::File,
            None => Start::Guess(self.start),
        }
    }

    /// Whether the range ends at the file's end.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.end >= self.file_size
    }

    /// Bytes of the range.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// The path of what is stored: the file's, or that of the archive it lies in.
    #[must_use]
    pub fn stored_path(&self) -> &str {
        match &self.member {
            Some(member) => &member.archive,
            None => &self.path,
        }
    }
}

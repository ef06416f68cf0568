//! Zip archives: each file inside one is an input file of its own, with its
//! own path (`data.zip!/folder/a.xml`), its own splits and its own ledger entry.
//!
//! The archive's directory is read when files are listed, and says where each
//! member lies; a task reads that range of the archive alone. The directory is
//! what counts: sizes and CRC in a member's own header may be left empty.

mod directory;
pub(crate) mod read;

use std::io;

use serde::{Deserialize, Serialize};

use directory::DirectoryError;

/// Between an archive's path and a member's name.
pub const MEMBER_SEPARATOR: &str = "!/";

/// Where a file inside an archive lies, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The archive's path.
    pub archive: String,
    /// The archive's size in bytes.
    pub archive_size: u64,
    /// The offset in the archive of the header before the member's data.
    pub header_at: u64,
    /// Size in bytes, decompressed.
    pub plain_size: u64,
    /// CRC-32 of the decompressed bytes.
    pub crc32: u32,
    /// How it is compressed.
    pub method: Method,
}

impl Member {
    /// The tag by which the ledger knows the content: that of the member
    /// alone, so that an archive with one more file in it is not read again.
    #[must_use]
    pub fn content_tag(&self) -> String {
        format!("crc32:{:08x}:{}", self.crc32, self.plain_size)
    }
}

/// How a member is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Not at all.
    Stored,
    /// As nearly all archives do.
    Deflate,
    /// As some archives do.
    Bzip2,
    /// As a few archives do.
    Zstd,
    /// As a few archives do.
    Xz,
}

impl Method {
    /// By its number in the format's specification (APPNOTE 4.4.5).
    fn of_number(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::Stored,
            8 => Self::Deflate,
            12 => Self::Bzip2,
            93 => Self::Zstd,
            95 => Self::Xz,
            _ => return None,
        })
    }
}

/// Why an archive's files cannot be listed.
#[derive(Debug)]
pub(crate) enum ListError {
    Io(io::Error),
    /// What is wrong, and what to do.
    Input(String),
}

/// A member as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name inside the archive.
    pub(crate) name: String,
    /// Its size in bytes, as stored.
    pub(crate) size: u64,
    pub(crate) member: Member,
}

/// Whether a path's extension says that it is an archive.
pub(crate) fn is_archive(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("zip"))
}

/// The files of an archive: all but folders, links, and those that are hidden
/// (whose name begins with `_`, or that lie in a folder whose name begins with
/// `.` or is `__MACOSX`).
///
/// `read_at` reads bytes of the archive: from an offset, so many.
///
/// # Errors
/// Also if one of the files could not be read, encrypted for example.
pub(crate) fn list(
    archive: &str,
    archive_size: u64,
    read_at: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
) -> Result<Vec<Listed>, ListError> {
    let entries = directory::read(archive_size, read_at).map_err(|e| match e {
        DirectoryError::Io(error) => ListError::Io(error),
        DirectoryError::Damaged(what) => ListError::Input(format!(
            "cannot be read as a zip archive: {what}; fetch the file again, or leave it out of the source's path"
        )),
    })?;
    let mut files = Vec::new();
    for entry in entries {
        if !entry.is_file || is_hidden(&entry.name) {
            continue;
        }
        let unread = |why: &str| {
            ListError::Input(format!(
                "the file {} in it is {why}; unpack the archive, and name the folder instead",
                entry.name
            ))
        };
        if entry.is_encrypted {
            return Err(unread("encrypted"));
        }
        let Some(method) = Method::of_number(entry.method) else {
            let why = format!("compressed by method {}, which is not read", entry.method);
            return Err(unread(&why));
        };
        files.push(Listed {
            name: entry.name,
            size: entry.size,
            member: Member {
                archive: archive.to_owned(),
                archive_size,
                header_at: entry.header_at,
                plain_size: entry.plain_size,
                crc32: entry.crc32,
                method,
            },
        });
    }
    let mut names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|w| w[0] == w[1]) {
        Some(twice) => Err(ListError::Input(format!(
            "holds two files named {}; unpack it, and name the files apart",
            twice[0]
        ))),
        None => Ok(files),
    }
}

fn is_hidden(name: &str) -> bool {
    let (folders, file) = name.rsplit_once('/').unwrap_or(("", name));
    file.starts_with(['.', '_'])
        || folders
            .split('/')
            .any(|folder| folder.starts_with('.') || folder == "__MACOSX")
}

#[cfg(test)]
pub(crate) mod tests;

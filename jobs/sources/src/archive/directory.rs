//! A zip archive's directory, which stands at its end: read by ranges, so that
//! an archive in an object store costs three requests.
//!
//! Section numbers are those of PKWARE's APPNOTE.TXT 6.3.10.

use std::io;

/// Reads bytes of the archive: from an offset, so many.
pub(super) type ReadAt<'a> = dyn FnMut(u64, usize) -> io::Result<Vec<u8>> + 'a;

/// The most bytes of a directory: some millions of files.
const DIRECTORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The end record (4.3.16), without its comment.
const END_BYTES: usize = 22;
/// The most bytes of a comment.
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;
/// The locator of the end record of 64 bits (4.3.15), and that record (4.3.14).
const LOCATOR_BYTES: usize = 20;
const END64_BYTES: usize = 56;
/// A file's header in the directory (4.3.12), before its name.
const HEADER_BYTES: usize = 46;
/// The extra field with sizes of 64 bits (4.5.3).
const EXTRA_ZIP64: u64 = 1;
/// Flags (4.4.4): encrypted in one way or another.
const FLAGS_ENCRYPTED: u64 = 1 | 1 << 6 | 1 << 13;
/// Who wrote a header (4.4.2) with a mode of Unix in it: Unix, macOS.
const HOSTS_UNIX: [u64; 2] = [3, 19];

/// What the directory says of a file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) header_at: u64,
    pub(super) size: u64,
    pub(super) plain_size: u64,
    pub(super) crc32: u32,
    /// As numbered in 4.4.5.
    pub(super) method: u16,
    pub(super) is_encrypted: bool,
    /// Neither a folder nor a link.
    pub(super) is_file: bool,
}

/// Why a directory cannot be read.
#[derive(Debug)]
pub(super) enum DirectoryError {
    Io(io::Error),
    /// It is none, or damaged.
    Damaged(String),
}

impl From<io::Error> for DirectoryError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn damaged<T>(what: impl Into<String>) -> Result<T, DirectoryError> {
    Err(DirectoryError::Damaged(what.into()))
}

/// All entries, in the directory's order.
pub(super) fn read(archive_size: u64, read_at: &mut ReadAt) -> Result<Vec<Entry>, DirectoryError> {
    let place = find(archive_size, read_at)?;
    let length = usize::try_from(place.bytes).unwrap_or(usize::MAX);
    let directory = read_at(place.start, length)?;
    let mut entries = Vec::new();
    let mut rest = directory.as_slice();
    while rest.starts_with(b"PK\x01\x02") {
        let Some((entry, length)) = entry(rest, place.shift) else {
            return damaged(format!(
                "file {} of its directory is damaged",
                entries.len() + 1
            ));
        };
        // The data lies before the directory.
        if entry
            .header_at
            .checked_add(entry.size)
            .is_none_or(|end| end > place.start)
        {
            return damaged(format!("the file {} lies outside the archive", entry.name));
        }
        entries.push(entry);
        rest = &rest[length..];
    }
    // Writers of the old form let the count of many files overflow.
    let count = entries.len() as u64;
    if count & 0xFFFF != place.count & 0xFFFF || place.is_64 && count != place.count {
        return damaged(format!(
            "its directory lists {count} files, and its end says {}",
            place.count
        ));
    }
    Ok(entries)
}

/// Where the directory lies.
struct Place {
    start: u64,
    bytes: u64,
    count: u64,
    /// What offsets in it are short of: the length of what was put before the
    /// archive (a program that unpacks it).
    shift: u64,
    is_64: bool,
}

fn find(archive_size: u64, read_at: &mut ReadAt) -> Result<Place, DirectoryError> {
    let tail_bytes = (LOCATOR_BYTES + END_BYTES + COMMENT_BYTES_MAX) as u64;
    let tail_from = archive_size.saturating_sub(tail_bytes);
    let tail = read_at(tail_from, (archive_size - tail_from) as usize)?;
    // The last record whose comment ends where the file does.
    let end = (0..(tail.len() + 1).saturating_sub(END_BYTES))
        .rev()
        .find(|at| {
            tail[*at..].starts_with(b"PK\x05\x06")
                && number(&tail, at + 20, 2) == Some((tail.len() - at - END_BYTES) as u64)
        });
    let Some(end) = end else {
        return damaged("it is no zip archive, or its end is missing");
    };
    let field = |at: usize, bytes: usize| number(&tail, end + at, bytes).unwrap_or(0);
    let mut place = Place {
        start: field(16, 4),
        bytes: field(12, 4),
        count: field(10, 2),
        shift: 0,
        is_64: false,
    };
    let mut disks = field(4, 2) | field(6, 2);
    let mut directory_end = tail_from + end as u64;
    let locator = end.checked_sub(LOCATOR_BYTES).map(|at| &tail[at..end]);
    if let Some(locator) = locator.filter(|l| l.starts_with(b"PK\x06\x07")) {
        let locator_at = directory_end - LOCATOR_BYTES as u64;
        let said = number(locator, 8, 8).unwrap_or(0);
        // Usually right before the locator, whatever stands before the archive.
        let before = locator_at.saturating_sub(END64_BYTES as u64);
        let mut found = None;
        for at in [before, said] {
            if at
                .checked_add(END64_BYTES as u64)
                .is_some_and(|end| end <= locator_at)
            {
                let record = read_at(at, END64_BYTES)?;
                if record.starts_with(b"PK\x06\x06") {
                    found = Some((at, record));
                    break;
                }
            }
        }
        let Some((at, record)) = found else {
            return damaged("its end record of 64 bits is missing");
        };
        let field = |at: usize, bytes: usize| number(&record, at, bytes).unwrap_or(0);
        place.start = field(48, 8);
        place.bytes = field(40, 8);
        place.count = field(32, 8);
        place.is_64 = true;
        disks = field(16, 4) | field(20, 4);
        directory_end = at;
    }
    if disks != 0 {
        return damaged("it is one of several volumes; join them");
    }
    let said_end = place.start.checked_add(place.bytes);
    match said_end.and_then(|said| directory_end.checked_sub(said)) {
        Some(shift) if place.bytes <= DIRECTORY_BYTES_MAX => {
            place.start += shift;
            place.shift = shift;
            Ok(place)
        }
        Some(_) => damaged(format!(
            "its directory has more than {DIRECTORY_BYTES_MAX} bytes"
        )),
        None => damaged("its directory does not lie where its end says"),
    }
}

/// The entry that `bytes` begin with, and its length there.
fn entry(bytes: &[u8], shift: u64) -> Option<(Entry, usize)> {
    let field = |at: usize, length: usize| number(bytes, at, length);
    let name_bytes = field(28, 2)? as usize;
    let extra_bytes = field(30, 2)? as usize;
    let length = HEADER_BYTES + name_bytes + extra_bytes + field(32, 2)? as usize;
    let raw_name = bytes.get(HEADER_BYTES..HEADER_BYTES + name_bytes)?;
    let extra = bytes.get(HEADER_BYTES + name_bytes..HEADER_BYTES + name_bytes + extra_bytes)?;
    bytes.get(..length)?;

    // What is too large for its field stands in an extra one, in this order.
    let [mut plain_size, mut size, mut header_at] = [field(24, 4)?, field(20, 4)?, field(42, 4)?];
    let mut large = zip64_field(extra).unwrap_or_default();
    for value in [&mut plain_size, &mut size, &mut header_at] {
        if *value == u64::from(u32::MAX) && large.len() >= 8 {
            *value = number(large, 0, 8)?;
            large = &large[8..];
        }
    }

    let name = match std::str::from_utf8(raw_name) {
        Ok(name) => name.to_owned(),
        Err(_) => raw_name.iter().map(|b| character_of_dos(*b)).collect(),
    };
    let attributes = field(38, 4)?;
    let kind = attributes >> 16 & 0o170_000;
    let by_mode = !HOSTS_UNIX.contains(&field(5, 1)?) || kind == 0 || kind == 0o100_000;
    let is_folder = name.ends_with('/') || attributes & 0x10 != 0;
    Some((
        Entry {
            header_at: header_at.checked_add(shift)?,
            size,
            plain_size,
            crc32: field(16, 4)? as u32,
            method: field(10, 2)? as u16,
            is_encrypted: field(8, 2)? & FLAGS_ENCRYPTED != 0,
            is_file: by_mode && !is_folder,
            name,
        },
        length,
    ))
}

fn zip64_field(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (id, length) = (number(extra, 0, 2)?, number(extra, 2, 2)? as usize);
        let data = extra.get(4..4 + length)?;
        if id == EXTRA_ZIP64 {
            return Some(data);
        }
        extra = &extra[4 + length..];
    }
}

/// A number of `length` bytes, the least one first.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// A byte of code page 437, in which names are that are not UTF-8 (appendix D).
fn character_of_dos(byte: u8) -> char {
    const HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}";
    match byte.checked_sub(0x80) {
        Some(high) => HIGH.chars().nth(usize::from(high)).unwrap_or('\u{FFFD}'),
        None => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_page_is_whole() {
        assert_eq!(character_of_dos(b'a'), 'a');
        assert_eq!(character_of_dos(0x81), 'ü');
        assert_eq!(character_of_dos(0xE1), 'ß');
        assert_eq!(character_of_dos(0xDB), '█');
        assert_eq!(character_of_dos(0xFF), '\u{A0}');
        let mut all: Vec<char> = (0..=255).map(character_of_dos).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 256);
    }
}

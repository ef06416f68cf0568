//! A member's plain bytes, from the bytes of its archive.

use bytes::Bytes;
use crc32fast::Hasher;

use super::directory::number;
use super::{Member, Method};
use crate::decompress::{self, Compression, Failure, Input};

/// Bytes of a member's own header, before name and extra field
/// (APPNOTE 4.3.7).
const HEADER_BYTES: usize = 30;
const NAME_LENGTH_AT: usize = 26;
const EXTRA_LENGTH_AT: usize = 28;
const HEADER_MAGIC: &[u8] = b"PK\x03\x04";

/// The length of a member's header, from its first bytes.
pub(crate) fn header_bytes(first: &[u8]) -> Option<u64> {
    let length = |at: usize| number(first, at, 2);
    Some(HEADER_BYTES as u64 + length(NAME_LENGTH_AT)? + length(EXTRA_LENGTH_AT)?)
}

/// The plain bytes of `member`, of which the archive holds `size` bytes. `input`
/// begins at its header, and may go on behind its data.
pub(crate) fn plain(input: Box<dyn Input>, member: &Member, size: u64) -> Box<dyn Input> {
    let body = Box::new(Body {
        input,
        header: Some(Vec::new()),
        left: size,
    });
    let compression = match member.method {
        Method::Stored => None,
        Method::Deflate => Some(Compression::Deflate),
        Method::Bzip2 => Some(Compression::Bzip2),
        Method::Zstd => Some(Compression::Zstd),
        Method::Xz => Some(Compression::Xz),
    };
    let input = match compression {
        // Some writers give a method to a file of nothing, and no data.
        Some(compression) if size > 0 => decompress::open(body, compression),
        _ => body,
    };
    Box::new(Checked {
        input,
        hasher: Hasher::new(),
        seen: 0,
        size: member.plain_size,
        crc32: member.crc32,
    })
}

/// The stored bytes of a member.
struct Body {
    input: Box<dyn Input>,
    /// The header, until it is whole.
    header: Option<Vec<u8>>,
    /// Bytes of data to come.
    left: u64,
}

impl Body {
    /// Passes over the header; what follows it comes back.
    fn pass_header(&mut self, mut header: Vec<u8>) -> Result<Bytes, Failure> {
        loop {
            if let Some(length) = header_bytes(&header) {
                if !header.starts_with(HEADER_MAGIC) {
                    return Err(Failure::not_as_listed(
                        "it does not begin where the archive's directory says",
                    ));
                }
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if header.len() >= length {
                    return Ok(Bytes::from(header).slice(length..));
                }
            }
            match self.input.next()? {
                Some(bytes) => header.extend_from_slice(&bytes),
                None => return Err(Failure::not_as_listed("the archive ends before it")),
            }
        }
    }
}

impl Input for Body {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let mut bytes = match self.header.take() {
                Some(header) => self.pass_header(header)?,
                None if self.left == 0 => return Ok(None),
                None => match self.input.next()? {
                    Some(bytes) => bytes,
                    None => {
                        return Err(Failure::not_as_listed(format!(
                            "the archive ends {} bytes before its data does",
                            self.left
                        )));
                    }
                },
            };
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= bytes.len() as u64;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// Compares size and CRC with the archive's directory.
struct Checked {
    input: Box<dyn Input>,
    hasher: Hasher,
    seen: u64,
    size: u64,
    crc32: u32,
}

impl Input for Checked {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let bytes = self.input.next()?;
        match &bytes {
            Some(bytes) => {
                self.hasher.update(bytes);
                self.seen += bytes.len() as u64;
                if self.seen > self.size {
                    return Err(Failure::not_as_listed(format!(
                        "it has more than the {} bytes that the archive's directory says",
                        self.size
                    )));
                }
            }
            None if self.seen < self.size => {
                return Err(Failure::not_as_listed(format!(
                    "it has {} bytes, but the archive's directory says {}",
                    self.seen, self.size
                )));
            }
            None => {
                let crc32 = self.hasher.clone().finalize();
                if crc32 != self.crc32 {
                    return Err(Failure::not_as_listed(format!(
                        "its CRC-32 is {crc32:08x}, but the archive's directory says {:08x}",
                        self.crc32
                    )));
                }
            }
        }
        Ok(bytes)
    }
}

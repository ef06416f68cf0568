//! Compressed files as plain bytes: gzip, bzip2, zstd and xz files of any
//! number of members, and what a zip archive holds.
//!
//! An [`Input`] is a source of bytes that is pulled from; each stage is one
//! over another, so that a gzip file inside an archive is a stage over a stage.
//! What is decompressed comes in pieces of at most [`PIECE_BYTES`], whatever
//! the ratio, so a file that unpacks to more than the memory is only slow. A
//! [`pipe::Pipe`] runs the stages in a thread of their own, so that the parser
//! works on one piece while the next is made.
//!
//! # What follows a member
//!
//! Another member may, as `cat a.gz b.gz` makes it. Zero bytes between and
//! behind members are padding (tapes and `tar` leave some), and passed over.
//! Anything else is an error that names the byte: a program that ignores it,
//! as `gzip` does, cannot tell rubbish from a second file that was damaged. A
//! file without a single member is an error too, an empty one included: a
//! compressed file of nothing still has a header.
//!
//! Every check that a format carries is made: gzip's CRC-32 and size, each
//! CRC of bzip2, zstd's checksum if there is one, xz's of each block, and for
//! a member of an archive the CRC-32 and size in the archive's directory.

pub(crate) mod bz2_blocks;
mod bz2_pieces;
mod codecs;
pub(crate) mod pipe;

use std::error::Error;
use std::fmt;

use bytes::Bytes;

use codecs::Codec;

/// The most bytes of one piece of decompressed data.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Bzip2,
    Zstd,
    Xz,
    /// A bare stream, as a zip archive's members are.
    Deflate,
}

impl Compression {
    /// By the extension of a path.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let extension = path.rsplit('/').next()?.rsplit_once('.')?.1;
        Some(match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Self::Gzip,
            "bz2" | "bzip2" => Self::Bzip2,
            "zst" | "zstd" => Self::Zstd,
            "xz" => Self::Xz,
            _ => return None,
        })
    }

    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Deflate => "deflate",
        }
    }

    /// Whether a member may begin with this byte.
    fn begins_with(self, byte: u8) -> bool {
        match self {
            Self::Gzip => byte == 0x1F,
            Self::Bzip2 => byte == b'B',
            // A frame, or a frame to be skipped.
            Self::Zstd => byte == 0x28 || (0x50..=0x5F).contains(&byte),
            Self::Xz => byte == 0xFD,
            Self::Deflate => true,
        }
    }
}

/// What is wrong with stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataError {
    /// The stored byte by which it was seen, counted from the start of the
    /// compressed data.
    pub(crate) at: Option<u64>,
    pub(crate) what: String,
}

/// Why there are no more bytes.
#[derive(Debug)]
pub(crate) enum Failure {
    /// They could not be read; the caller knows the type.
    Read(Box<dyn Error + Send + Sync>),
    /// They are not what they should be.
    Data(DataError),
    /// They are of a kind that is not read: what, and what to do.
    Kind(&'static str),
    /// They are not in the encoding that they are said to be in, or that is not
    /// read: all that is to be told.
    Encoding(String),
}

impl Failure {
    pub(crate) fn data(at: u64, what: impl Into<String>) -> Self {
        Self::Data(DataError {
            at: Some(at),
            what: what.into(),
        })
    }

    /// The data is not what an archive's directory says of it.
    pub(crate) fn not_as_listed(what: impl Into<String>) -> Self {
        Self::Data(DataError {
            at: None,
            what: what.into(),
        })
    }
}

impl fmt::Display for Failure {
    /// For the user, behind the file's path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Data(error) => write!(
                f,
                "{error}; fetch the file again, or leave it out of the source's path"
            ),
            Self::Kind(what) => write!(
                f,
                "it begins like {what}, or leave it out of the source's path"
            ),
            Self::Encoding(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.at {
            Some(at) => write!(f, ", seen by byte {at} of the stored data"),
            None => Ok(()),
        }
    }
}

/// Bytes that are pulled. After an error it is of no use.
pub(crate) trait Input: Send {
    /// The next bytes, not empty; `None` at the end, however often it is asked for more.
    fn next(&mut self) -> Result<Option<Bytes>, Failure>;
}

impl Input for Box<dyn Input> {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        self.as_mut().next()
    }
}

/// `stored` decompressed: bzip2 by several threads, the others by the caller's.
pub(crate) fn open(stored: Box<dyn Input>, compression: Compression) -> Box<dyn Input> {
    match compression {
        Compression::Bzip2 => Box::new(bz2_blocks::Bz2Blocks::new(stored)),
        other => Box::new(Decompress::new(stored, other)),
    }
}

/// One member after another, decompressed by the thread that asks.
pub(crate) struct Decompress<I> {
    input: I,
    compression: Compression,
    /// Inside a member.
    codec: Option<Box<dyn Codec>>,
    members: u64,
    /// Stored bytes that are at hand, and the offset of their first.
    stored: Bytes,
    at: u64,
    input_ended: bool,
}

impl<I: Input> Decompress<I> {
    pub(crate) fn new(input: I, compression: Compression) -> Self {
        Self {
            input,
            compression,
            codec: None,
            members: 0,
            stored: Bytes::new(),
            at: 0,
            input_ended: false,
        }
    }

    /// Stands at a member's first byte afterwards; `false` if there is none.
    fn begin_member(&mut self) -> Result<bool, Failure> {
        let zeros = self.stored.iter().take_while(|b| **b == 0).count();
        if self.members > 0 {
            self.take(zeros);
        }
        let name = self.compression.name();
        match self.stored.first() {
            None if self.input_ended && self.members == 0 => Err(Failure::data(
                self.at,
                format!("it is empty, and {name} data never is"),
            )),
            None => Ok(false),
            Some(_) if self.members > 0 && self.compression == Compression::Deflate => Err(
                Failure::data(self.at, "it goes on after the end of its data"),
            ),
            Some(first) if !self.compression.begins_with(*first) => Err(Failure::data(
                self.at,
                if self.members == 0 {
                    format!("it is no {name} data")
                } else {
                    format!("after the end of the {name} data follows something else")
                },
            )),
            Some(_) => {
                let codec = codecs::codec(self.compression);
                self.codec = Some(codec.map_err(|what| Failure::data(self.at, what))?);
                self.members += 1;
                Ok(true)
            }
        }
    }

    fn take(&mut self, count: usize) {
        let _ = self.stored.split_to(count);
        self.at += count as u64;
    }
}

impl<I: Input> Input for Decompress<I> {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut out = vec![0; PIECE_BYTES];
        let mut filled = 0;
        while filled < out.len() {
            if self.stored.is_empty() && !self.input_ended {
                match self.input.next()? {
                    Some(bytes) => self.stored = bytes,
                    None => self.input_ended = true,
                }
            }
            let Some(codec) = &mut self.codec else {
                if self.begin_member()? {
                    continue;
                }
                if self.input_ended {
                    break;
                }
                continue;
            };
            let step = codec
                .step(&self.stored, &mut out[filled..])
                .map_err(|what| Failure::data(self.at, what))?;
            self.take(step.consumed);
            filled += step.produced;
            if step.ended {
                self.codec = None;
            } else if step.consumed == 0 && step.produced == 0 {
                let name = self.compression.name();
                if !self.stored.is_empty() {
                    return Err(Failure::data(self.at, format!("it is damaged {name} data")));
                }
                if self.input_ended {
                    return Err(Failure::data(
                        self.at,
                        format!("it ends inside its {name} data"),
                    ));
                }
            }
        }
        out.truncate(filled);
        Ok((filled > 0).then(|| out.into()))
    }
}

#[cfg(test)]
pub(crate) mod tests;

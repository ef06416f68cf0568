//! The libraries that decompress, each behind the same narrow door: some
//! stored bytes in, some plain bytes out, and whether the member has ended.

use bzip2::Decompress as Bzip2Decoder;
use flate2::{Decompress as Inflate, FlushDecompress};
use liblzma::stream::{Action, Stream as XzDecoder};
use zstd::stream::raw::{Decoder as ZstdDecoder, Operation};

use super::Compression;

/// The most memory that an xz file may ask for its dictionary, in bytes:
/// `xz -9` asks for 65 MiB.
const XZ_MEMORY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bits of gzip's window.
const GZIP_WINDOW_BITS: u8 = 15;

/// What a call to a decoder did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The member's last byte was consumed, and all checks hold.
    pub(super) ended: bool,
}

/// A decoder of one member.
pub(super) trait Codec: Send {
    /// Decompresses from the start of `input` to the start of `out`. Doing
    /// nothing is how it says that it wants more input.
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, String>;
}

/// A decoder that stands before a member.
pub(super) fn codec(compression: Compression) -> Result<Box<dyn Codec>, String> {
    let failed = |e: &dyn std::fmt::Display| {
        format!("a decoder for {} cannot be set up: {e}", compression.name())
    };
    Ok(match compression {
        Compression::Gzip => Box::new(Inflate::new_gzip(GZIP_WINDOW_BITS)),
        Compression::Deflate => Box::new(Inflate::new(false)),
        Compression::Bzip2 => Box::new(Bzip2Decoder::new(false)),
        Compression::Zstd => Box::new(ZstdDecoder::new().map_err(|e| failed(&e))?),
        Compression::Xz => {
            Box::new(XzDecoder::new_stream_decoder(XZ_MEMORY_BYTES_MAX, 0).map_err(|e| failed(&e))?)
        }
    })
}

/// How far a decoder that keeps totals has come.
fn moved(before: (u64, u64), after: (u64, u64), ended: bool) -> Step {
    Step {
        consumed: (after.0 - before.0) as usize,
        produced: (after.1 - before.1) as usize,
        ended,
    }
}

impl Codec for Inflate {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, String> {
        let before = (self.total_in(), self.total_out());
        let status = self
            .decompress(input, out, FlushDecompress::None)
            .map_err(|e| match e.message() {
                Some(message) => format!("its data is damaged ({message})"),
                None => "its data is damaged".to_owned(),
            })?;
        let after = (self.total_in(), self.total_out());
        Ok(moved(before, after, status == flate2::Status::StreamEnd))
    }
}

impl Codec for Bzip2Decoder {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, String> {
        let before = (self.total_in(), self.total_out());
        let status = self
            .decompress(input, out)
            .map_err(|e| format!("its bzip2 data is damaged ({e})"))?;
        let after = (self.total_in(), self.total_out());
        Ok(moved(before, after, status == bzip2::Status::StreamEnd))
    }
}

impl Codec for XzDecoder {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, String> {
        use liblzma::stream::{Error, Status};
        let before = (self.total_in(), self.total_out());
        let status = self
            .process(input, out, Action::Run)
            .map_err(|e| match e {
                Error::MemLimit => format!(
                    "its dictionary needs more than {} MiB; compress it with a smaller one (xz -9 or less)",
                    XZ_MEMORY_BYTES_MAX / (1024 * 1024)
                ),
                other => format!("its xz data is damaged ({other})"),
            })?;
        let after = (self.total_in(), self.total_out());
        Ok(moved(before, after, matches!(status, Status::StreamEnd)))
    }
}

impl Codec for ZstdDecoder<'static> {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, String> {
        let status = self
            .run_on_buffers(input, out)
            .map_err(|e| format!("its zstd data cannot be decompressed ({e})"))?;
        Ok(Step {
            consumed: status.bytes_read,
            produced: status.bytes_written,
            ended: status.remaining == 0 && status.bytes_read + status.bytes_written > 0,
        })
    }
}

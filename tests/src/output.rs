//! One file of generated data on disk, plain or gzip, which knows how far it has got.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// How much to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many records, whatever is wrong with them.
    Records(u64),
    /// About so many bytes before compression: the number of records is reckoned from the mean of a sample.
    Bytes(u64),
}

/// How many bytes are gathered before they go to the file.
const BUFFER_BYTES: usize = 1 << 20;

/// An output file. Text is appended to [`OutputFile::buffer`]; [`OutputFile::flush_if_full`] bounds
/// what is held in memory.
pub struct OutputFile {
    path: PathBuf,
    sink: Sink,
    /// What is not yet written.
    pub buffer: Vec<u8>,
    flushed_bytes: u64,
    flushed_lines: u64,
}

enum Sink {
    Plain(File),
    Gzip(Box<GzEncoder<File>>),
}

impl OutputFile {
    /// Creates the file and the folders above it.
    pub fn create(path: &Path, gzip: bool) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::create(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            sink: if gzip {
                Sink::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
            } else {
                Sink::Plain(file)
            },
            buffer: Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4),
            flushed_bytes: 0,
            flushed_lines: 0,
        })
    }

    /// Where `position`, an index into [`OutputFile::buffer`], stands in the file before compression.
    #[must_use]
    pub fn offset_at(&self, position: usize) -> u64 {
        self.flushed_bytes + position as u64
    }

    /// The line of `position`, an index into [`OutputFile::buffer`], counted from 1.
    #[must_use]
    pub fn line_at(&self, position: usize) -> u64 {
        self.flushed_lines + newlines(&self.buffer[..position]) + 1
    }

    /// Writes the buffer out when it is full.
    pub fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(file) => file.write_all(&self.buffer)?,
            Sink::Gzip(encoder) => encoder.write_all(&self.buffer)?,
        }
        self.flushed_bytes += self.buffer.len() as u64;
        self.flushed_lines += newlines(&self.buffer);
        self.buffer.clear();
        Ok(())
    }

    /// Writes the rest. Returns the bytes before compression and the bytes on disk.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        self.flush()?;
        if let Sink::Gzip(encoder) = self.sink {
            encoder.finish()?;
        }
        Ok((self.flushed_bytes, std::fs::metadata(&self.path)?.len()))
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    // Small chunks with a byte counter each: the compiler turns this into vector instructions.
    let mut total = 0;
    for chunk in bytes.chunks(255) {
        let mut count = 0_u8;
        for &byte in chunk {
            count += u8::from(byte == b'\n');
        }
        total += u64::from(count);
    }
    total
}

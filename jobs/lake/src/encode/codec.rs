//! How pages are compressed: one compressor for all columns of a file.

use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

/// A compressor.
pub(super) struct Codec {
    name: Compression,
    encoder: Encoder,
}

enum Encoder {
    Zstd(zstd::bulk::Compressor<'static>),
    Snappy(Box<snap::raw::Encoder>),
    None,
}

impl Codec {
    /// The one that these properties name.
    ///
    /// # Errors
    /// Their codec is not among those that [a job](crate::writer::Compression) can name.
    pub(super) fn new(properties: &WriterProperties) -> Result<Self> {
        let name = properties.compression(&ColumnPath::new(Vec::new()));
        let encoder = match name {
            Compression::ZSTD(level) => {
                Encoder::Zstd(zstd::bulk::Compressor::new(level.compression_level())?)
            }
            Compression::SNAPPY => Encoder::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::UNCOMPRESSED => Encoder::None,
            other => return Err(ParquetError::NYI(format!("pages compressed by {other}"))),
        };
        Ok(Codec { name, encoder })
    }

    /// What footers call it.
    pub(super) fn name(&self) -> Compression {
        self.name
    }

    /// A page, compressed.
    pub(super) fn compress(&mut self, page: &[u8]) -> Result<Vec<u8>> {
        match &mut self.encoder {
            Encoder::Zstd(zstd) => Ok(zstd.compress(page)?),
            Encoder::Snappy(snappy) => snappy
                .compress_vec(page)
                .map_err(|error| ParquetError::External(Box::new(error))),
            Encoder::None => Ok(page.to_vec()),
        }
    }
}

//! Each format, whole and in every way that it can be broken.

mod bz2;

use std::io::Write;

use super::*;

/// Bytes in chunks of a size.
pub(crate) struct Chunked {
    data: Bytes,
    size: usize,
}

impl Chunked {
    pub(crate) fn new(data: &[u8], size: usize) -> Self {
        let data = Bytes::copy_from_slice(data);
        Self { data, size }
    }
}

impl Input for Chunked {
    fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let size = self.size.min(self.data.len());
        Ok((size > 0).then(|| self.data.split_to(size)))
    }
}

/// All bytes, each piece within its bound.
pub(crate) fn drain(mut input: impl Input) -> Result<Vec<u8>, DataError> {
    let mut all = Vec::new();
    loop {
        match input.next() {
            Ok(Some(piece)) => {
                assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
                all.extend_from_slice(&piece);
            }
            Ok(None) => return Ok(all),
            Err(Failure::Data(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Random numbers from a seed.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }

    /// Bytes with words that repeat, runs, and stretches of noise.
    pub(crate) fn text(&mut self, len: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < len {
            match self.below(10) {
                0 => text.extend((0..self.below(300)).map(|_| b' ')),
                1 => (0..self.below(400)).for_each(|_| text.push(self.below(256) as u8)),
                n => writeln!(text, "<row id=\"{}\">{n}</row>", self.below(100_000)).unwrap(),
            }
        }
        text.truncate(len);
        text
    }
}

const ALL: [Compression; 5] = [
    Compression::Gzip,
    Compression::Bzip2,
    Compression::Zstd,
    Compression::Xz,
    Compression::Deflate,
];

/// One member.
pub(crate) fn compress(compression: Compression, data: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut e = flate2::GzBuilder::new()
                .filename("a name")
                .write(Vec::new(), flate2::Compression::fast());
            e.write_all(data).unwrap();
            e.finish().unwrap()
        }
        Compression::Deflate => {
            let mut e = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            e.write_all(data).unwrap();
            e.finish().unwrap()
        }
        Compression::Bzip2 => bz2::compress(data, 1),
        Compression::Zstd => {
            let mut e = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            e.include_checksum(true).unwrap();
            e.write_all(data).unwrap();
            e.finish().unwrap()
        }
        Compression::Xz => {
            let mut e = liblzma::write::XzEncoder::new(Vec::new(), 0);
            e.write_all(data).unwrap();
            e.finish().unwrap()
        }
    }
}

fn read(compression: Compression, stored: &[u8], chunk: usize) -> Result<Vec<u8>, DataError> {
    drain(open(Box::new(Chunked::new(stored, chunk)), compression))
}

#[test]
fn members_of_every_format_in_chunks_of_every_size() {
    let mut seeded = Seeded(1);
    for compression in ALL {
        for (len, chunk) in [
            (0, 1),
            (1, 1),
            (3000, 1),
            (3000, 7),
            (900_000, 4096),
            (900_000, 1 << 20),
        ] {
            let data = seeded.text(len);
            let one = compress(compression, &data);
            assert!(read(compression, &one, chunk).unwrap() == data);
            if compression == Compression::Deflate {
                continue;
            }
            let mut many = Vec::new();
            for part in [
                &data[..len / 3],
                &[],
                &data[len / 3..len / 2],
                &data[len / 2..],
            ] {
                many.extend(compress(compression, part));
            }
            assert!(read(compression, &many, chunk).unwrap() == data);
            let padded = [one.as_slice(), &[0; 700], &many, &[0; 512]].concat();
            let twice = [data.as_slice(), &data].concat();
            assert!(read(compression, &padded, chunk).unwrap() == twice);
        }
    }
}

#[test]
fn what_is_cut_off_is_an_error_wherever() {
    let data = Seeded(2).text(60_000);
    for compression in ALL {
        let stored = compress(compression, &data);
        for cut in (0..stored.len())
            .step_by(97)
            .chain([1, 3, 4, 11, stored.len() - 1])
        {
            let error = read(compression, &stored[..cut], 1000).unwrap_err();
            assert!(
                error.at <= Some(cut as u64),
                "{compression:?} cut at {cut}: {error}"
            );
            let expected = if cut == 0 { "empty" } else { "ends inside" };
            assert!(
                error.what.contains(expected),
                "{compression:?} cut at {cut}: {error}"
            );
        }
    }
}

/// Bits of a header that mean nothing (times, names, the system) may change;
/// what comes out never does.
#[test]
fn a_bit_that_was_changed_is_an_error_or_means_nothing() {
    let data = Seeded(3).text(60_000);
    for compression in ALL {
        if compression == Compression::Deflate {
            continue; // its CRC stands in the archive's directory
        }
        let stored = compress(compression, &data);
        let (mut errors, mut flips) = (0, 0);
        for at in (0..stored.len()).step_by(97).chain(0..40) {
            for bit in [0, 5] {
                let mut changed = stored.clone();
                changed[at] ^= 1 << bit;
                flips += 1;
                match read(compression, &changed, 5000) {
                    Ok(read) => assert!(read == data, "{compression:?}: byte {at}, bit {bit}"),
                    Err(error) => {
                        errors += 1;
                        assert!(error.at <= Some(stored.len() as u64));
                    }
                }
            }
        }
        assert!(errors * 2 > flips, "{compression:?}: {errors} of {flips}");
    }
}

#[test]
fn what_follows_the_data_is_data_or_padding() {
    let data = Seeded(4).text(5000);
    for compression in ALL {
        let stored = compress(compression, &data);
        for tail in [
            b"<x>".as_slice(),
            b"\0\0\0!",
            b"B",
            b"BZh",
            b"BZh9",
            &[0x1F],
            &[0x1F, 0x8B, 9],
        ] {
            let error = read(compression, &[&stored, tail].concat(), 100).unwrap_err();
            let from = Some(stored.len() as u64);
            assert!(error.at >= from, "{compression:?}, {tail:?}: {error}");
        }
    }
    let plain = b"<?xml version=\"1.0\"?><rows/>";
    for compression in &ALL[..4] {
        let error = read(*compression, plain, 100).unwrap_err();
        assert_eq!(error.what, format!("it is no {} data", compression.name()));
        let long = plain.repeat(400_000);
        assert!(read(*compression, &long, 1 << 20).is_err());
    }
}

/// 64 MB of one byte: some 60 kB with gzip, 50 bytes with bzip2.
#[test]
fn a_bomb_comes_in_pieces() {
    const BYTES: usize = 64 << 20;
    for compression in ALL {
        let stored = compress(compression, &vec![b' '; BYTES]);
        let mut input = open(Box::new(Chunked::new(&stored, 1 << 20)), compression);
        let mut sum = 0;
        while let Some(piece) = input.next().unwrap() {
            assert!(piece.len() <= PIECE_BYTES);
            sum += piece.iter().filter(|b| **b == b' ').count();
        }
        assert_eq!(sum, BYTES);
    }
}

#[test]
fn a_dictionary_that_takes_too_much_memory_is_refused() {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1 << 30);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    // Only the header counts: it announces the dictionary.
    let mut stored = compress(Compression::Xz, b"<rows/>");
    let property = 12 + 4;
    assert_eq!(stored[property - 2], 0x21, "the LZMA2 filter's id");
    stored[property] = 36; // 1 GiB
    let crc = crc32fast::hash(&stored[12..12 + 8]);
    stored[20..24].copy_from_slice(&crc.to_le_bytes());
    let error = read(Compression::Xz, &stored, 100).unwrap_err();
    assert!(error.what.contains("256 MiB"), "{error}");
}

#[test]
fn extensions() {
    for (path, expected) in [
        ("a.xml.gz", Some(Compression::Gzip)),
        ("/x.d/a.GZIP", Some(Compression::Gzip)),
        ("a.zip!/b.bz2", Some(Compression::Bzip2)),
        ("a.zst", Some(Compression::Zstd)),
        ("a.b.xz", Some(Compression::Xz)),
        ("/x.gz/a.xml", None),
        ("/x.gz/a", None),
        ("gz", None),
    ] {
        assert_eq!(Compression::of_path(path), expected, "{path}");
    }
}

#[tokio::test]
async fn a_pipe_gives_all_and_ends_with_its_reader() {
    let data = Seeded(5).text(9 << 20);
    let stored = compress(Compression::Gzip, &data);
    let input = || open(Box::new(Chunked::new(&stored, 1 << 20)), Compression::Gzip);
    let mut pipe = pipe::Pipe::start(input());
    let mut all = Vec::new();
    while let Some(piece) = pipe.next().await.unwrap() {
        all.extend_from_slice(&piece);
    }
    assert!(all == data);

    struct Watched(Box<dyn Input>, std::sync::mpsc::Sender<()>);
    impl Input for Watched {
        fn next(&mut self) -> Result<Option<Bytes>, Failure> {
            let _ = &self.1;
            self.0.next()
        }
    }
    let (sender, ended) = std::sync::mpsc::channel();
    let mut pipe = pipe::Pipe::start(Box::new(Watched(input(), sender)));
    assert!(pipe.next().await.unwrap().is_some());
    drop(pipe);
    let wait = std::time::Duration::from_secs(20);
    assert!(ended.recv_timeout(wait) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
}

/// A thread that panics is no end of the file.
#[tokio::test]
async fn a_thread_that_dies_is_an_error() {
    struct Dies;
    impl Input for Dies {
        fn next(&mut self) -> Result<Option<Bytes>, Failure> {
            std::panic::resume_unwind(Box::new("as asked"))
        }
    }
    let mut pipe = pipe::Pipe::start(Box::new(Dies));
    assert!(matches!(pipe.next().await, Err(Failure::Read(_))));
}

//! Blocks decompressed by several threads, against the plain decoder.

use super::*;
use crate::decompress::bz2_blocks::Bz2Blocks;

/// One stream with blocks of `level` times 100 kB.
pub(super) fn compress(data: &[u8], level: u32) -> Vec<u8> {
    let mut e = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(level));
    e.write_all(data).unwrap();
    e.finish().unwrap()
}

fn both(stored: &[u8], chunk: usize, threads: usize) -> [Result<Vec<u8>, DataError>; 2] {
    let plain = Decompress::new(Chunked::new(stored, chunk), Compression::Bzip2);
    let blocks = Bz2Blocks::with_threads(Chunked::new(stored, chunk), threads);
    [drain(plain), drain(blocks)]
}

#[test]
fn every_size_of_block_and_many_streams() {
    let mut seeded = Seeded(11);
    for level in 1..=9 {
        for threads in [1, 3] {
            let mut stored = Vec::new();
            let mut data = Vec::new();
            for _ in 0..1 + seeded.below(3) {
                let most = 1 << (10 + seeded.below(12));
                let len = seeded.below(most);
                let part = seeded.text(len);
                stored.extend(compress(&part, level));
                data.extend(part);
                stored.extend(vec![0; seeded.below(3) * 4]);
            }
            let chunk = 1 + seeded.below(1 << 18);
            let [plain, blocks] = both(&stored, chunk, threads);
            assert!(plain.unwrap() == data);
            assert!(blocks.unwrap() == data, "level {level}, chunks of {chunk}");
        }
    }
}

/// Both give the same bytes, or both an error.
#[test]
fn damage_is_seen_by_both() {
    let mut seeded = Seeded(12);
    let text = seeded.text(350_000);
    let stored = [compress(&text[..50_000], 1), compress(&text[50_000..], 1)].concat();
    for _ in 0..150 {
        let mut broken = stored.clone();
        match seeded.below(4) {
            0 => broken.truncate(seeded.below(stored.len())),
            1 => {
                let at = seeded.below(stored.len());
                broken.drain(at..(at + 1 + seeded.below(9)).min(stored.len()));
            }
            _ => {
                let at = seeded.below(stored.len());
                broken[at] ^= 1 << seeded.below(8);
            }
        }
        let [plain, blocks] = both(&broken, 10_000, 2);
        match (plain, blocks) {
            (Ok(plain), Ok(blocks)) => assert!(plain == blocks),
            (Err(_), Err(_)) => {}
            (plain, blocks) => panic!("{:?} but {:?}", plain.map(drop), blocks.map(drop)),
        }
    }
}

/// A block that is left out or stands twice is whole in itself: only the CRC of
/// the stream tells.
#[test]
fn a_stream_with_a_block_too_few_is_an_error() {
    let text = Seeded(13).text(400_000);
    let stored = compress(&text, 1);
    let mut bits = Bits::default();
    let magic = |at: usize| (0..48).fold(0u64, |m, i| m << 1 | bit(&stored, at + i));
    let blocks: Vec<usize> = (0..stored.len() * 8 - 48)
        .filter(|at| magic(*at) == 0x3141_5926_5359)
        .collect();
    assert!(blocks.len() >= 3);
    for at in (0..blocks[1]).chain(blocks[2]..stored.len() * 8) {
        bits.push(bit(&stored, at), 1);
    }
    let [plain, blocks] = both(&bits.bytes(), 10_000, 2);
    assert!(plain.is_err());
    assert!(blocks.unwrap_err().what.contains("blocks are missing"));
}

fn bit(bytes: &[u8], at: usize) -> u64 {
    u64::from(bytes[at / 8] >> (7 - at % 8) & 1)
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn push(&mut self, value: u64, count: u32) {
        self.0.extend((0..count).rev().map(|i| value >> i & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let bits = bits.iter().chain(std::iter::repeat(&false)).take(8);
            bits.fold(0, |byte, bit| byte << 1 | u8::from(*bit))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// A stream of one block whose coded symbols are `payload`, as it stands: all
/// codes are 8 bits long. Bytes 0, 1 and 255 code runs and the block's end.
fn stream_of_payload(payload: &[u8], selector_bits: u64) -> Vec<u8> {
    let write = |crc: u32| {
        let mut bits = Bits::default();
        bits.push(0x425A_6839, 32);
        bits.push(0x3141_5926_5359, 48);
        bits.push(u64::from(crc), 32);
        bits.push(0, 1); // not randomised
        bits.push(0, 24); // the first row
        bits.push(0xFFFF, 16);
        (0..15).for_each(|_| bits.push(0xFFFF, 16));
        bits.push(0xFFFC, 16); // 254 bytes are used
        bits.push(2, 3); // tables
        let selectors = (payload.len() as u64 + 1).div_ceil(50) + selector_bits;
        bits.push(selectors, 15); // more than are needed: they shift what follows
        (0..selectors).for_each(|_| bits.push(0, 1));
        for _ in 0..2 {
            bits.push(8, 5);
            (0..256).for_each(|_| bits.push(0, 1));
        }
        payload.iter().for_each(|b| bits.push(u64::from(*b), 8));
        bits.push(255, 8);
        bits.push(0x1772_4538_5090, 48);
        bits.push(u64::from(crc), 32);
        bits.bytes()
    };
    // The plain decoder gives the bytes before it finds the CRC wrong.
    let mut decoder = bzip2::Decompress::new(false);
    let mut out = vec![0; 1 << 20];
    assert!(decoder.decompress(&write(0), &mut out).is_err());
    let plain = &out[..decoder.total_out() as usize];
    let crc = plain.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    });
    write(!crc)
}

/// A magic inside a block, at every bit of a byte, is no border.
#[test]
fn magics_inside_blocks() {
    let block = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
    let trailer = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
    let mut seeded = Seeded(14);
    let text = seeded.text(120_000);
    for round in 0..24 {
        let mut payload = Vec::new();
        for _ in 0..1 + seeded.below(4) {
            let noise = seeded.below(2000);
            payload.extend((0..noise).map(|_| 2 + seeded.below(253) as u8));
            payload.extend(if seeded.below(2) == 0 { block } else { trailer });
        }
        payload.extend((0..seeded.below(2000)).map(|_| 2 + seeded.below(253) as u8));
        let crafted = stream_of_payload(&payload, round % 8);
        let stored = [
            crafted.clone(),
            compress(&text, 1),
            crafted.clone(),
            crafted,
            compress(&text[..9000], 9),
        ]
        .concat();
        let [plain, blocks] = both(&stored, 1 + seeded.below(5000), 1 + seeded.below(3));
        let plain = plain.unwrap();
        assert!(plain.len() > 129_000);
        assert!(blocks.unwrap() == plain, "round {round}");
    }
}

/// Blocks that unpack to more than is held: they are decompressed twice.
#[test]
fn blocks_with_long_runs() {
    let mut seeded = Seeded(15);
    let mut data = vec![b'x'; 90 << 20];
    for _ in 0..1000 {
        let at = seeded.below(data.len());
        data[at] = b'y';
    }
    let stored = compress(&data, 9);
    let [_, blocks] = both(&stored, 1 << 16, 2);
    assert!(blocks.unwrap() == data);
    let mut broken = stored.clone();
    let middle = stored.len() / 2;
    broken[middle] ^= 1;
    assert!(both(&broken, 1 << 16, 2).iter().all(Result::is_err));
}

//! Names, looked up quickly.

use std::hash::Hasher;

/// A hash of names: both ends and the length, mixed. Names of one element are few; nothing hangs on its quality.
#[derive(Debug, Default)]
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut hash = self.0 ^ (bytes.len() as u64).wrapping_mul(MIX);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            if let Some(word) = word.get_mut(..chunk.len()) {
                word.copy_from_slice(chunk);
            }
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(MIX);
        }
        self.0 = hash ^ (hash >> 29);
    }

    fn write_usize(&mut self, _length: usize) {}
}

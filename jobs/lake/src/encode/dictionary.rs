//! The different texts of a column chunk, as its dictionary page has them.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::hybrid::WIDTH_MAX;

/// Texts and their indices.
pub(super) struct Dictionary {
    state: RandomState,
    table: HashTable<Entry>,
    /// Each text after its length, as the page has them.
    page: Vec<u8>,
    bytes_max: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    index: u32,
    /// Where its text begins in the page.
    start: u32,
    length: u32,
}

/// What a text's index is.
pub(super) enum Found {
    /// The text was there.
    Old(u32),
    /// It is new.
    New(u32),
}

impl Dictionary {
    /// An empty one that is full with so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Dictionary {
            state: RandomState::default(),
            table: HashTable::new(),
            page: Vec::new(),
            // Beyond that a place has no 32 bits.
            bytes_max: bytes_max.clamp(1, 1 << 30),
        }
    }

    /// The number of texts.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no text fits any more.
    pub(super) fn is_full(&self) -> bool {
        self.page.len() >= self.bytes_max || self.len() >= 1 << WIDTH_MAX
    }

    /// Looks a text up, and adds it if it is not there. The dictionary must not be [full](Self::is_full).
    #[inline]
    pub(super) fn index(&mut self, text: &[u8]) -> Found {
        let hash = hash(&self.state, text);
        let (page, state) = (&mut self.page, &self.state);
        let found = self.table.find(hash, |entry| entry.text(page) == text);
        if let Some(entry) = found {
            return Found::Old(entry.index);
        }
        let length = text.len() as u32;
        page.extend_from_slice(&length.to_le_bytes());
        let index = self.table.len() as u32;
        let entry = Entry {
            index,
            start: page.len() as u32,
            length,
        };
        page.extend_from_slice(text);
        self.table.insert_unique(hash, entry, |entry| {
            super::dictionary::hash(state, entry.text(page))
        });
        Found::New(index)
    }

    /// The memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.page.capacity() + self.table.allocation_size()
    }

    /// The dictionary page, in the encoding PLAIN.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }
}

impl Entry {
    #[inline]
    fn text(self, page: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &page[start..start + self.length as usize]
    }
}

#[inline]
fn hash(state: &RandomState, text: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(text);
    hasher.finish()
}

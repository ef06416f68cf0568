//! The different values of a column chunk, as its dictionary page has them.

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::hybrid::WIDTH_MAX;
use super::kinds::{Kind, LENGTH_BYTES};

/// Values and their indices.
pub(super) struct Dictionary {
    state: RandomState,
    table: HashTable<Entry>,
    /// The values as the page has them.
    page: Vec<u8>,
    bytes_max: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    index: u32,
    /// Where its bytes begin in the page.
    start: u32,
    length: u32,
}

/// A value's index.
pub(super) enum Found {
    /// The value was there.
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

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no value fits any more.
    pub(super) fn is_full(&self) -> bool {
        self.page.len() >= self.bytes_max || self.len() >= 1 << WIDTH_MAX
    }

    /// Looks a value up, and adds it if it is not there. The dictionary must not be [full](Self::is_full).
    #[inline]
    pub(super) fn index<K: Kind>(&mut self, value: K::Value<'_>) -> Found {
        let hash = K::hash(value, &self.state);
        let (page, state) = (&mut self.page, &self.state);
        let found = self
            .table
            .find(hash, |entry| K::is_same(value, entry.bytes(page)));
        if let Some(entry) = found {
            return Found::Old(entry.index);
        }
        let lengths = if K::HAS_LENGTHS { LENGTH_BYTES } else { 0 };
        let start = page.len() + lengths;
        K::push(value, page);
        let entry = Entry {
            index: self.table.len() as u32,
            start: start as u32,
            length: (page.len() - start) as u32,
        };
        self.table.insert_unique(hash, entry, |entry| {
            K::hash(K::read(entry.bytes(page)), state)
        });
        Found::New(entry.index)
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
    fn bytes(self, page: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &page[start..start + self.length as usize]
    }
}

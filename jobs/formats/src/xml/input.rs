//! The bytes of the record at hand, as the strict pass looks at them.

use super::BadReason;
use super::config::{is_name_byte, is_name_start};
use crate::charset::SingleByte;

/// Why a pass stopped early.
pub(super) enum Stop {
    Incomplete,
    Bad(BadReason),
}

/// What was found; nothing means that the buffer ends too early. (`ok_or` makes a [`Stop`] in either case, and drops it
/// mostly, which costs a call for every byte looked at: a tenth of the reader's speed.)
#[inline(always)]
pub(super) fn or_incomplete<T>(found: Option<T>) -> Result<T, Stop> {
    let Some(found) = found else {
        return Err(Stop::Incomplete);
    };
    Ok(found)
}

/// The record's bytes, as far as they may be looked at, and where they stand in the file.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) base: u64,
    /// How the file's bytes become characters, if they are not UTF-8.
    pub(super) table: Option<SingleByte>,
    /// The bytes in the buffer from the record's first on, and whether the file ends with them.
    pub(super) all: &'a [u8],
    pub(super) eof: bool,
}

impl Input<'_> {
    pub(super) fn malformed(&self, at: usize, what: impl Into<String>) -> Stop {
        Stop::Bad(BadReason::Malformed {
            at: self.base + at as u64,
            what: what.into(),
        })
    }

    #[inline]
    pub(super) fn slice(&self, (from, to): (usize, usize)) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    #[inline]
    pub(super) fn byte(&self, at: usize) -> Result<u8, Stop> {
        or_incomplete(self.bytes.get(at).copied())
    }

    /// For messages.
    pub(super) fn shown(&self, range: (usize, usize)) -> String {
        const SHOWN_BYTES_MAX: usize = 60;
        let text = self.slice(range);
        shown(text.get(..SHOWN_BYTES_MAX).unwrap_or(text), self.table)
    }

    /// The end of the name that begins at `from`.
    pub(super) fn name_end(&self, from: usize) -> Result<usize, Stop> {
        if !is_name_start(self.byte(from)?) {
            return Err(self.malformed(from, "a name is expected here; a plain < is written &lt;"));
        }
        let rest = self.bytes.get(from..).unwrap_or_default();
        match rest.iter().position(|b| !is_name_byte(*b)) {
            Some(length) => Ok(from + length),
            None => Err(Stop::Incomplete),
        }
    }
}

/// Bytes of a file for a message.
pub(super) fn shown(bytes: &[u8], table: Option<SingleByte>) -> String {
    let mut utf8 = Vec::new();
    let text = match table {
        Some(table) => {
            table.decode(bytes, &mut utf8);
            &utf8
        }
        None => bytes,
    };
    String::from_utf8_lossy(text).into_owned()
}

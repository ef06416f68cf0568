//! What was found while the end of a broken record was looked for, kept for the records after it.
//!
//! To say where a record that is not closed ends, the rule of [`recover`](super::recover) looks up to
//! `recovery_bytes_max` ahead. Where many records are not closed (a row tag that never has an end tag, say), the next
//! one would look through the same bytes once more, and time would grow with the square of the file. So the tokens of
//! that stretch are looked at once: each start tag with a row tag's name is remembered with the end tag that balances
//! it. What a token is depends on the bytes from it on alone, so a record that is one of those remembered finds what
//! it would have found.
//!
//! Nothing of this is touched before a record is broken.

use std::collections::{HashMap, VecDeque};

use super::lex::{RowMatcher, Stretch, is_plain_tag};
use super::recover::{Next, Recovery, Token, TokenKind, next_token, own_tag};

/// Different names of row tags (their prefixes differ) that are remembered at once.
const NAMES_MAX: usize = 1024;
/// How far positions may lie from `origin`: they are kept in 32 bits, and tokens have some length.
const SPAN_MAX: u64 = 1 << 31;

/// The tokens ahead, as far as they were looked at.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Start tags with a row tag's name, in the order of the file.
    rows: VecDeque<Row>,
    /// How many of them have been given up at the front.
    passed: u64,
    /// Numbers of the open ones, by name, innermost last.
    open: Vec<VecDeque<u64>>,
    names: HashMap<Box<[u8]>, u32>,
    /// The offset that positions count from.
    origin: u64,
    /// The offset at which the next token is looked for.
    to: u64,
    /// The offset of the last start tag with a row tag's name that a strict pass may understand differently, if any.
    unsure: Option<u64>,
    pub(super) unended: Unended,
}

#[derive(Debug)]
struct Row {
    at: u32,
    name: u32,
    /// The end tag that balances it: where it begins, and its length; 0 if there is none so far.
    close: (u32, u32),
}

impl Ahead {
    /// Applies rules 1, 2 and 4 to the record whose `<` is `buf[0]`, at the offset `base`.
    pub(crate) fn recover(
        &mut self,
        buf: &[u8],
        base: u64,
        eof: bool,
        rows: &RowMatcher,
        recovery_bytes_max: usize,
    ) -> Recovery {
        match self.find_end(buf, base, eof, rows, recovery_bytes_max) {
            // What is remembered was in a longer buffer.
            Recovery::Closed(end) | Recovery::Before(end) | Recovery::Pass(end)
                if end > buf.len() =>
            {
                Recovery::Incomplete
            }
            found => found,
        }
    }

    fn find_end(
        &mut self,
        buf: &[u8],
        base: u64,
        eof: bool,
        rows: &RowMatcher,
        recovery_bytes_max: usize,
    ) -> Recovery {
        let tag = match own_tag(buf, eof) {
            Next::Token(tag) => tag,
            _ => return Recovery::Incomplete,
        };
        if matches!(tag.kind, TokenKind::Open { empty: true, .. }) {
            return Recovery::Closed(tag.end);
        }
        if !self.knows(base) {
            self.begin(base);
            self.note(&tag, buf, base, rows);
        }
        loop {
            let own = self.rows.front().filter(|row| row.close.1 > 0);
            if let Some(row) = own.map(|row| row.close) {
                let begins = self.origin + u64::from(row.0) - base;
                if begins < recovery_bytes_max as u64 {
                    return Recovery::Closed((begins + u64::from(row.1)) as usize);
                }
            }
            let from = (self.to - base) as usize;
            let reach = recovery_bytes_max;
            let next = next_token(buf, base, from, eof, reach, reach, &mut self.unended);
            let otherwise = match next {
                Next::Token(token) => {
                    self.note(&token, buf, base, rows);
                    continue;
                }
                Next::Incomplete => return Recovery::Incomplete,
                Next::Eof => Recovery::Eof(buf.len()),
                Next::Beyond(at) => Recovery::Pass(at),
            };
            let nested = self.rows.get(1);
            return match nested.map(|row| (self.origin + u64::from(row.at) - base) as usize) {
                Some(at) if at < recovery_bytes_max => Recovery::Before(at),
                _ => otherwise,
            };
        }
    }

    /// Whether the record at `base`, which holds an element with a row tag's name, is known not to be closed within
    /// reach. It is not looked for unless records before it were broken.
    pub(crate) fn is_unclosed(
        &mut self,
        buf: &[u8],
        base: u64,
        eof: bool,
        rows: &RowMatcher,
        recovery_bytes_max: usize,
    ) -> bool {
        self.knows(base)
            && matches!(
                self.recover(buf, base, eof, rows, recovery_bytes_max),
                Recovery::Before(_)
            )
            && self.unsure.is_none_or(|at| at < base)
    }

    /// Gives up what lies before the record at `base`, and says whether that is one of those remembered.
    fn knows(&mut self, base: u64) -> bool {
        while let Some(row) = self.rows.front() {
            let at = self.origin + u64::from(row.at);
            if at >= base {
                let room = self.to - self.origin < SPAN_MAX && self.open.len() < NAMES_MAX;
                return at == base && room;
            }
            if let Some(open) = self.open.get_mut(row.name as usize)
                && open.front() == Some(&self.passed)
            {
                open.pop_front();
            }
            self.passed += 1;
            self.rows.pop_front();
        }
        false
    }

    /// Forgets all, and begins with the record at `base`.
    fn begin(&mut self, base: u64) {
        let (mut rows, unended) = (
            std::mem::take(&mut self.rows),
            std::mem::take(&mut self.unended),
        );
        rows.clear();
        *self = Self {
            rows,
            unended,
            origin: base,
            to: base,
            ..Self::default()
        };
    }

    fn note(&mut self, token: &Token, buf: &[u8], base: u64, rows: &RowMatcher) {
        let at = (base + token.at as u64 - self.origin) as u32;
        self.to = base + token.end as u64;
        match token.kind {
            TokenKind::Open { name_end, empty } => {
                let name = buf.get(token.at + 1..name_end).unwrap_or_default();
                if rows.find(name).is_none() {
                    return;
                }
                if !is_plain_tag(buf.get(name_end..token.end).unwrap_or_default()) {
                    self.unsure = Some(base + token.at as u64);
                }
                let number = self.passed + self.rows.len() as u64;
                let name = self.name(name);
                let close = (0, 0);
                self.rows.push_back(Row { at, name, close });
                if !empty && let Some(open) = self.open.get_mut(name as usize) {
                    open.push_back(number);
                }
            }
            TokenKind::Close { name_end } => {
                let name = buf.get(token.at + 2..name_end).unwrap_or_default();
                let open = self
                    .names
                    .get(name)
                    .and_then(|name| self.open.get_mut(*name as usize));
                let number = open.and_then(VecDeque::pop_back);
                let index = number.and_then(|number| number.checked_sub(self.passed));
                if let Some(row) = index.and_then(|index| self.rows.get_mut(index as usize)) {
                    row.close = (at, (token.end - token.at) as u32);
                }
            }
            TokenKind::Other => {}
        }
    }

    fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = self.open.len() as u32;
        self.open.push(VecDeque::new());
        self.names.insert(name.into(), id);
        id
    }
}

/// Where no terminator of a comment or the like stands, so that it is not looked for there again and again.
#[derive(Debug, Default)]
pub(crate) struct Unended {
    /// For each kind: none lies between these two offsets.
    clear: [(u64, u64); 3],
}

impl Unended {
    /// The position after the first terminator that lies in `buf[from..until]`; `buf` begins at the offset `base`.
    pub(crate) fn end(
        &mut self,
        stretch: Stretch,
        buf: &[u8],
        base: u64,
        from: usize,
        until: usize,
    ) -> Option<usize> {
        let reach = buf.get(..until).unwrap_or(buf);
        let clear = self.clear.get_mut(stretch as usize)?;
        let at = base + from as u64;
        let known = (clear.0..=clear.1).contains(&at);
        let mut start = from;
        if known {
            // One may begin with the last bytes looked at.
            let looked_at = clear.1.saturating_sub(base) as usize;
            start = start.max((looked_at + 1).saturating_sub(stretch.terminator().len()));
        }
        let found = stretch.end(reach, start);
        if found.is_none() {
            let to = base + reach.len() as u64;
            *clear = if known {
                (clear.0, clear.1.max(to))
            } else {
                (at, to.max(at))
            };
        }
        found
    }
}

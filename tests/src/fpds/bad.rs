//! Breaking a record, so that it and nothing else is lost.
//!
//! Each kind leaves the record's own start and end tag whole. The damage sits in an element that a
//! query over contracts reads, so that a reader which skips columns meets it too.

use serde::Serialize;

/// What is wrong with a broken record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadKind {
    /// `<city>` has no end tag.
    UnclosedElement,
    /// The vendor's name holds `&nosuch;`, which no one defines.
    BadEntity,
    /// `<city>` is closed by `</town>`.
    MismatchedTag,
    /// An attribute's value holds a bare `<`.
    AngleInAttribute,
    /// The vendor's name holds the byte 0xFF, which UTF-8 never uses.
    InvalidUtf8,
}

impl BadKind {
    /// All kinds, in the order in which bad records take their turns.
    pub const ALL: [Self; 5] = [
        Self::UnclosedElement,
        Self::BadEntity,
        Self::MismatchedTag,
        Self::AngleInAttribute,
        Self::InvalidUtf8,
    ];

    /// Breaks the record between `start` and `end` of `out`. Returns its bytes afterwards.
    pub(crate) fn break_record(self, out: &mut Vec<u8>, start: usize, end: usize) -> u64 {
        let tail = out.len() - end;
        match self {
            Self::UnclosedElement => {
                let (from, to) = find_tag(out, start, "city", true);
                out.drain(from..to);
            }
            Self::MismatchedTag => {
                let (_, to) = find_tag(out, start, "city", true);
                out.splice(to - 5..to - 1, *b"town");
            }
            Self::BadEntity => {
                let (_, to) = find_tag(out, start, "vendorName", false);
                out.splice(to..to, *b"&nosuch;");
            }
            Self::InvalidUtf8 => {
                let (_, to) = find_tag(out, start, "vendorName", false);
                out.insert(to, 0xFF);
            }
            Self::AngleInAttribute => {
                let (from, _) = find_tag(out, start, "agencyID", false);
                let name_end = from
                    + out[from..]
                        .iter()
                        .position(|&b| b == b'>' || b == b' ')
                        .unwrap_or_default();
                out.splice(name_end..name_end, *b" note=\"a<b\"");
            }
        }
        (out.len() - tail - start) as u64
    }
}

/// The first start or end tag of element `name`, with or without the prefix `ns1`, from `start` on:
/// the position of its `<` and the one after its `>`.
fn find_tag(out: &[u8], start: usize, name: &str, end_tag: bool) -> (usize, usize) {
    let mut from = start;
    loop {
        let open = from
            + out[from..]
                .iter()
                .position(|&b| b == b'<')
                .unwrap_or_else(|| panic!("no <{name}>"));
        let close = open
            + out[open..]
                .iter()
                .position(|&b| b == b'>')
                .unwrap_or_default()
            + 1;
        let mut tag = &out[open + 1..close - 1];
        let is_end = tag.first() == Some(&b'/');
        tag = tag.strip_prefix(b"/").unwrap_or(tag);
        tag = tag.strip_prefix(b"ns1:").unwrap_or(tag);
        let tag_name = tag.split(|&b| b == b' ').next().unwrap_or_default();
        if is_end == end_tag && tag_name == name.as_bytes() {
            return (open, close);
        }
        from = close;
    }
}

/// Which of `records` are broken, as ascending record numbers: one in each of `bad` equal shares,
/// at a place in its share that follows from the seed.
pub(crate) struct BadPlaces {
    records: u64,
    bad: u64,
    seed: u64,
    next: u64,
}

impl BadPlaces {
    pub(crate) fn new(records: u64, bad: u64, seed: u64) -> Self {
        Self {
            records,
            bad,
            seed,
            next: 0,
        }
    }

    /// Whether record `number` is broken, and how. To be asked in ascending order.
    pub(crate) fn at(&mut self, number: u64) -> Option<BadKind> {
        if self.next >= self.bad || number != self.place(self.next) {
            return None;
        }
        let kind = BadKind::ALL[(self.next % BadKind::ALL.len() as u64) as usize];
        self.next += 1;
        Some(kind)
    }

    fn place(&self, which: u64) -> u64 {
        let share =
            |n: u64| (u128::from(n) * u128::from(self.records) / u128::from(self.bad)) as u64;
        let (first, end) = (share(which), share(which + 1));
        first + crate::rng::Rng::new(self.seed ^ 0xBAD, which).below((end - first).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_does_its_one_damage() {
        let good = r#"<r><a><agencyID name="A">9700</agencyID></a><vendorName>V</vendorName><city>C</city></r>"#;
        for (kind, expected) in [
            (
                BadKind::UnclosedElement,
                good.replace("</city>", "").into_bytes(),
            ),
            (
                BadKind::MismatchedTag,
                good.replace("</city>", "</town>").into_bytes(),
            ),
            (
                BadKind::BadEntity,
                good.replace("<vendorName>", "<vendorName>&nosuch;")
                    .into_bytes(),
            ),
            (
                BadKind::AngleInAttribute,
                good.replace("<agencyID ", "<agencyID note=\"a<b\" ")
                    .into_bytes(),
            ),
            (BadKind::InvalidUtf8, {
                let mut bytes = good.as_bytes().to_vec();
                bytes.insert(good.find("V</").unwrap(), 0xFF);
                bytes
            }),
        ] {
            let mut out = b"<city>before</city>".to_vec();
            let start = out.len();
            out.extend_from_slice(good.as_bytes());
            let end = out.len();
            out.extend_from_slice(b"\n  <after/>");
            let bytes = kind.break_record(&mut out, start, end);
            assert_eq!(bytes, expected.len() as u64, "{kind:?}");
            assert!(out.ends_with(b"\n  <after/>"));
            out.truncate(start + bytes as usize);
            assert_eq!(&out[start..], expected, "{kind:?}");
        }
        let mut prefixed = b"<ns1:award><ns1:city>C</ns1:city></ns1:award>".to_vec();
        let end = prefixed.len();
        BadKind::MismatchedTag.break_record(&mut prefixed, 0, end);
        assert_eq!(prefixed, b"<ns1:award><ns1:city>C</ns1:town></ns1:award>");
    }

    #[test]
    fn as_many_records_are_broken_as_asked() {
        for (records, bad) in [(1, 1), (10, 10), (1000, 7), (50, 0), (3, 2)] {
            let mut places = BadPlaces::new(records, bad, 42);
            let found = (0..records).filter(|&n| places.at(n).is_some()).count() as u64;
            assert_eq!(found, bad, "{bad} of {records}");
        }
    }
}

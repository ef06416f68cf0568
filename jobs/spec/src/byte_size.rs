//! A number of bytes as people write it: `128MB`, `64MiB`, `4096`.
//!
//! `KB`, `MB`, `GB`, `TB` are powers of 1000, `KiB`, `MiB`, `GiB`, `TiB` powers of 1024 (IEC 80000-13), so a size
//! means the same here as on a disk's label and in object-store consoles.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Units from largest to smallest, with their size in bytes; of equal use, the decimal one comes first.
const UNITS: [(&str, u64); 9] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// What is allowed, for messages.
pub(crate) const BYTE_SIZE_WANTED: &str =
    "a size such as `128MB`, `64MiB` or a number of bytes, at least 1";

/// The `format` by which the JSON Schema marks a size.
pub(crate) const BYTE_SIZE_FORMAT: &str = "byte-size";

/// A size in bytes, at least 1. Written as text with a unit; read from text or from a plain number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of `bytes` bytes; zero becomes one.
    pub const fn from_bytes(bytes: u64) -> Self {
        ByteSize(if bytes == 0 { 1 } else { bytes })
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; allowed: {BYTE_SIZE_WANTED}")]
pub struct NotAByteSize(
    /// The text as written.
    pub String,
);

impl FromStr for ByteSize {
    type Err = NotAByteSize;

    /// Digits, optionally a decimal fraction, optionally white space and a unit in any case. A fraction must give whole
    /// bytes.
    fn from_str(text: &str) -> Result<Self, NotAByteSize> {
        let wrong = || NotAByteSize(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim_start();
        let unit_bytes = if unit.is_empty() {
            1
        } else {
            UNITS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit))
                .ok_or_else(wrong)?
                .1
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let scale = 10u128
            .checked_pow(u32::try_from(fraction.len()).map_err(|_| wrong())?)
            .ok_or_else(wrong)?;
        let whole: u128 = whole.parse::<u64>().map_err(|_| wrong())?.into();
        let fraction: u128 = fraction.parse::<u64>().map_err(|_| wrong())?.into();
        let scaled = whole
            .checked_mul(scale)
            .and_then(|scaled| scaled.checked_add(fraction))
            .and_then(|scaled| scaled.checked_mul(unit_bytes.into()))
            .ok_or_else(wrong)?;
        if scaled == 0 || !scaled.is_multiple_of(scale) {
            return Err(wrong());
        }
        u64::try_from(scaled / scale)
            .map(ByteSize)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for ByteSize {
    /// The shortest of the exact forms, so that what is printed reads back as the same number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = UNITS
            .iter()
            .filter(|(_, unit)| self.0.is_multiple_of(*unit))
            .map(|(name, unit)| (self.0 / unit, name));
        match forms.min_by_key(|(count, _)| *count) {
            Some((count, name)) => write!(f, "{count}{name}"),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(BYTE_SIZE_WANTED)
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                if bytes == 0 {
                    return Err(E::invalid_value(de::Unexpected::Unsigned(0), &self));
                }
                Ok(ByteSize(bytes))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Size)
    }
}

impl schemars::JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "format": BYTE_SIZE_FORMAT,
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(([KkMmGgTt][Ii]?)?[Bb])?\s*$",
            "minimum": 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        let cases: [(&str, Option<u64>); 18] = [
            ("1024", Some(1024)),
            ("128MB", Some(128_000_000)),
            ("64MiB", Some(64 << 20)),
            ("64 mib", Some(64 << 20)),
            ("4KB", Some(4000)),
            ("1.5GB", Some(1_500_000_000)),
            ("0.5KiB", Some(512)),
            ("7B", Some(7)),
            (" 2tb ", Some(2_000_000_000_000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999TB", None),
            ("0.0001KB", None),
            ("0", None),
            ("-1MB", None),
            ("12 apples", None),
            ("MB", None),
            ("1.2.3MB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse().ok(), bytes.map(ByteSize), "{text}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_number() {
        for (bytes, text) in [
            (1, "1B"),
            (1000, "1KB"),
            (1024, "1KiB"),
            (1536, "1536B"),
            (64 << 20, "64MiB"),
            (8_000_000_000, "8GB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
            let json = serde_json::to_string(&ByteSize(bytes)).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(
                serde_json::from_str::<ByteSize>(&json).unwrap(),
                ByteSize(bytes)
            );
        }
        assert_eq!(
            serde_json::from_str::<ByteSize>("4096").unwrap(),
            ByteSize(4096)
        );
        assert!(serde_json::from_str::<ByteSize>("0").is_err());
    }
}

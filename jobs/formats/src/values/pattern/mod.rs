//! Dates and timestamps by a pattern of letters, as Spark's users write them (`dd/MM/yyyy HH:mm[XXX]`).
//!
//! | Letters | Take |
//! | --- | --- |
//! | `yyyy` | a year of four digits; `y` one to four, `yy` two, from 2000 to 2099 |
//! | `MM`, `M` | a month of two digits, of one or two; `L` is the same |
//! | `MMM`, `MMMM` | the month's English name, short (`Jan`) or full, in any case |
//! | `dd`, `d` | a day of the month; `D`, `DD`, `DDD` a day of the year of at most as many digits or, if there are three letters, exactly three |
//! | `HH`, `kk` | an hour from 0 to 23, from 1 to 24 |
//! | `hh`, `KK` | an hour from 1 to 12, from 0 to 11, with `a` |
//! | `a` | `AM` or `PM`, in any case |
//! | `mm`, `ss` | minutes, seconds |
//! | `S` to `SSSSSSSSS` | a fraction of a second: one digit, or up to as many as there are letters; those beyond microseconds must be zeros |
//! | `X`, `XX`, `XXX` | a zone's offset: `+01` or `+0130`, `+0130`, `+01:30`; or `Z`. Four and five letters take seconds too |
//! | `x`, `xx`, `xxx` | the same without `Z` |
//! | `Z` (one to three) | `+0130`; four: `GMT+01:30`; five: as `XXXXX` |
//! | `z` (one to four) | `UTC`, `GMT`, `UT` or `Z`, or the first three with an offset (`GMT+01:30`); no names of regions |
//! | `'text'` | the text as it stands; `''` is one quote |
//! | `[...]` | these parts, or nothing |
//! | anything but a letter | itself |
//!
//! One letter for a number (`d`, `H`) takes one or two digits, two take exactly two. Parts that the pattern lacks are
//! 1970, 1 January and 0 o'clock. Every other letter is an error: `E`, `F`, `G`, `q`, `Q` name what does not say which
//! day it is, `V` and `O` need names of zones. The letters are those of Spark's page "Datetime Patterns for Formatting
//! and Parsing"; unlike there nothing is cut off: more than microseconds, a time of day in a date or a zone in a
//! timestamp without one does not fit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{DAY_US, Moment, days_from_civil, days_of_month, leading_digits};

/// A pattern, compiled. Cloning it is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: Arc<str>,
    parts: Arc<[Part]>,
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{pattern}` is not a pattern of dates and times: {message}")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// The letters, for messages.
const LETTERS: &str = "y M L d D H h K k a m s S X x Z z; other text stands in quotes, '...'";
/// The farthest offset of a zone, in seconds.
const OFFSET_SECONDS_MAX: i64 = 18 * 3600;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<[u8]>),
    Number {
        field: Field,
        digits_min: usize,
        digits_max: usize,
    },
    Fraction {
        digits_max: usize,
    },
    MonthName {
        full: bool,
    },
    HalfDay,
    Offset(Offset),
    ZoneName,
    Optional(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    YearOfCentury,
    Month,
    Day,
    DayOfYear,
    Hour,
    /// 1 to 24.
    ClockHour,
    /// 0 to 11.
    HourOfHalf,
    /// 1 to 12.
    ClockHourOfHalf,
    Minute,
    Second,
}

/// How a zone's offset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    /// `Z` may stand for none.
    z: bool,
    colon: bool,
    minutes_optional: bool,
    seconds: bool,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let failed = |message: String| PatternError {
            pattern: text.to_string(),
            message,
        };
        let mut compiler = Compiler {
            letters: text.char_indices().peekable(),
            seen: Vec::new(),
        };
        let parts = compiler.parts(0).map_err(failed)?;
        compiler.check().map_err(failed)?;
        Ok(Self {
            text: text.into(),
            parts: parts.into(),
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A date, as days since 1970-01-01. A time of day other than midnight, or a zone, does not fit.
    pub fn date(&self, text: &[u8]) -> Option<i32> {
        let moment = self.timestamp(text)?;
        if moment.zoned || moment.micros % DAY_US != 0 {
            return None;
        }
        i32::try_from(moment.micros / DAY_US).ok()
    }

    /// A timestamp.
    pub fn timestamp(&self, text: &[u8]) -> Option<Moment> {
        let mut found = Found::default();
        let rest = take(&self.parts, text, &mut found)?;
        if rest.is_empty() {
            found.moment()
        } else {
            None
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text.to_string()
    }
}

struct Compiler<'a> {
    letters: std::iter::Peekable<std::str::CharIndices<'a>>,
    seen: Vec<char>,
}

impl Compiler<'_> {
    fn parts(&mut self, depth: usize) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        while let Some((at, letter)) = self.letters.next() {
            let part = match letter {
                '[' => Part::Optional(self.parts(depth + 1)?),
                ']' if depth > 0 => return Ok(parts),
                ']' => return Err(format!("the `]` at {at} has no `[`")),
                '\'' => self.quoted(at)?,
                letter if letter.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while self.letters.next_if(|(_, next)| *next == letter).is_some() {
                        count += 1;
                    }
                    self.seen.push(letter);
                    part(letter, count)?
                }
                other => Part::Literal(other.to_string().into_bytes().into()),
            };
            parts.push(part);
        }
        if depth > 0 {
            return Err("a `[` has no `]`".to_string());
        }
        Ok(parts)
    }

    fn quoted(&mut self, at: usize) -> Result<Part, String> {
        let mut text = String::new();
        loop {
            match self.letters.next() {
                None => return Err(format!("the quote at {at} does not end")),
                Some((_, '\'')) if self.letters.next_if(|(_, next)| *next == '\'').is_some() => {
                    text.push('\'');
                }
                Some((end, '\'')) => {
                    if text.is_empty() && end == at + 1 {
                        text.push('\'');
                    }
                    return Ok(Part::Literal(text.into_bytes().into()));
                }
                Some((_, other)) => text.push(other),
            }
        }
    }

    /// What must stand together.
    fn check(&self) -> Result<(), String> {
        let has = |letters: &str| self.seen.iter().any(|letter| letters.contains(*letter));
        if self.seen.is_empty() {
            return Err(format!("it has no letters; there are {LETTERS}"));
        }
        if has("hK") != has("a") {
            return Err("`h` and `K` stand with `a`, and `a` with one of them".to_string());
        }
        if has("D") && has("MLd") {
            return Err("`D` stands in place of `M` and `d`".to_string());
        }
        Ok(())
    }
}

fn part(letter: char, count: usize) -> Result<Part, String> {
    let counts = |allowed: &str, most: usize| {
        if count <= most {
            return Ok(());
        }
        Err(format!(
            "`{letter}` stands {count} times; allowed: {allowed}"
        ))
    };
    let two_digits = |field| {
        counts("once or twice", 2)?;
        Ok(Part::Number {
            field,
            digits_min: count,
            digits_max: 2,
        })
    };
    let offset = |z, colon, minutes_optional, seconds| {
        Part::Offset(Offset {
            z,
            colon,
            minutes_optional,
            seconds,
        })
    };
    match (letter, count) {
        ('y', 2) => Ok(Part::Number {
            field: Field::YearOfCentury,
            digits_min: 2,
            digits_max: 2,
        }),
        ('y', 1 | 4) => Ok(Part::Number {
            field: Field::Year,
            digits_min: count,
            digits_max: 4,
        }),
        ('y', _) => Err(format!(
            "`y` stands {count} times; allowed: once, twice, four times"
        )),
        ('M' | 'L', 3 | 4) => Ok(Part::MonthName { full: count == 4 }),
        ('M' | 'L', 1 | 2) => two_digits(Field::Month),
        ('M' | 'L', _) => Err(format!(
            "`{letter}` stands {count} times; allowed: up to four times"
        )),
        ('d', _) => two_digits(Field::Day),
        ('D', _) => {
            counts("up to three times", 3)?;
            Ok(Part::Number {
                field: Field::DayOfYear,
                digits_min: count,
                digits_max: 3,
            })
        }
        ('H', _) => two_digits(Field::Hour),
        ('k', _) => two_digits(Field::ClockHour),
        ('K', _) => two_digits(Field::HourOfHalf),
        ('h', _) => two_digits(Field::ClockHourOfHalf),
        ('m', _) => two_digits(Field::Minute),
        ('s', _) => two_digits(Field::Second),
        ('a', _) => counts("once", 1).map(|()| Part::HalfDay),
        ('S', _) => {
            counts("up to nine times", 9)?;
            Ok(Part::Fraction { digits_max: count })
        }
        ('X' | 'x', _) => {
            counts("up to five times", 5)?;
            let colon = count == 3 || count == 5;
            Ok(offset(letter == 'X', colon, count == 1, count >= 4))
        }
        ('Z', 1..=3) => Ok(offset(false, false, false, false)),
        ('Z', 5) => Ok(offset(true, true, false, true)),
        ('Z' | 'z', _) => {
            let (words, most) = if letter == 'Z' {
                ("up to five times", 5)
            } else {
                ("up to four times", 4)
            };
            counts(words, most).map(|()| Part::ZoneName)
        }
        (letter, _) => Err(format!(
            "`{letter}` is no letter of it; there are {LETTERS}"
        )),
    }
}

/// What a text said.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    day_of_year: Option<i32>,
    hour: Option<i32>,
    hour_of_half: Option<i32>,
    afternoon: Option<i32>,
    minute: Option<i32>,
    second: Option<i32>,
    micros: Option<i32>,
    offset_seconds: Option<i32>,
}

/// Reads the parts from the text's start, and gives what is left of it.
fn take<'a>(parts: &[Part], mut text: &'a [u8], found: &mut Found) -> Option<&'a [u8]> {
    for part in parts {
        text = match part {
            Part::Literal(literal) => text.strip_prefix(literal.as_ref())?,
            Part::Number {
                field,
                digits_min,
                digits_max,
            } => {
                let (value, rest) = number(text, *digits_min, *digits_max)?;
                found.set(*field, value)?;
                rest
            }
            Part::Fraction { digits_max } => {
                let count = leading_digits(text).min(*digits_max);
                let (digits, rest) = text.split_at(count);
                let mut micros = 0;
                for (place, digit) in digits.iter().enumerate() {
                    let digit = i32::from(digit - b'0');
                    if place >= 6 {
                        if digit != 0 {
                            return None;
                        }
                    } else {
                        micros += digit * 10_i32.pow(5 - place as u32);
                    }
                }
                if digits.is_empty() {
                    return None;
                }
                agree(&mut found.micros, micros)?;
                rest
            }
            Part::MonthName { full } => {
                let (month, rest) = month_name(text, *full)?;
                agree(&mut found.month, month)?;
                rest
            }
            Part::HalfDay => {
                let (half, rest) = text.split_at_checked(2)?;
                let afternoon = half.eq_ignore_ascii_case(b"PM");
                if !afternoon && !half.eq_ignore_ascii_case(b"AM") {
                    return None;
                }
                agree(&mut found.afternoon, i32::from(afternoon))?;
                rest
            }
            Part::Offset(offset) => {
                let (seconds, rest) = offset.take(text)?;
                agree(&mut found.offset_seconds, seconds)?;
                rest
            }
            Part::ZoneName => {
                let (seconds, rest) = zone_name(text)?;
                agree(&mut found.offset_seconds, seconds)?;
                rest
            }
            Part::Optional(parts) => {
                let mut tried = *found;
                match take(parts, text, &mut tried) {
                    Some(rest) => {
                        *found = tried;
                        rest
                    }
                    None => text,
                }
            }
        };
    }
    Some(text)
}

/// Sets what was not set, or says whether it is the same.
fn agree(slot: &mut Option<i32>, value: i32) -> Option<()> {
    (*slot.get_or_insert(value) == value).then_some(())
}

fn number(text: &[u8], digits_min: usize, digits_max: usize) -> Option<(i32, &[u8])> {
    let count = leading_digits(text).min(digits_max);
    if count < digits_min {
        return None;
    }
    let (digits, rest) = text.split_at(count);
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    Some((value, rest))
}

fn month_name(text: &[u8], full: bool) -> Option<(i32, &[u8])> {
    for (month, name) in (1..).zip(MONTHS) {
        let name = if full { name } else { &name[..3] };
        if let Some((found, rest)) = text.split_at_checked(name.len())
            && found.eq_ignore_ascii_case(name.as_bytes())
        {
            return Some((month, rest));
        }
    }
    None
}

fn zone_name(text: &[u8]) -> Option<(i32, &[u8])> {
    const OFFSET: Offset = Offset {
        z: false,
        colon: true,
        minutes_optional: false,
        seconds: false,
    };
    for name in [&b"UTC"[..], b"GMT", b"UT"] {
        if let Some(rest) = text.strip_prefix(name) {
            return Some(OFFSET.take(rest).unwrap_or((0, rest)));
        }
    }
    Some((0, text.strip_prefix(b"Z")?))
}

impl Offset {
    fn take(self, text: &[u8]) -> Option<(i32, &[u8])> {
        let (sign, rest) = text.split_first()?;
        let negative = match sign {
            b'Z' if self.z => return Some((0, rest)),
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        let two = |text| {
            let (value, rest) = number(text, 2, 2)?;
            (value < 60).then_some((value, rest))
        };
        let after = |text| {
            if self.colon {
                two(<[u8]>::strip_prefix(text, b":")?)
            } else {
                two(text)
            }
        };
        let (hours, rest) = two(rest)?;
        let (minutes, rest) = match after(rest) {
            None if self.minutes_optional => (0, rest),
            found => found?,
        };
        let (seconds, rest) = match after(rest) {
            Some(found) if self.seconds => found,
            _ => (0, rest),
        };
        let seconds = (hours * 60 + minutes) * 60 + seconds;
        if i64::from(seconds) > OFFSET_SECONDS_MAX {
            return None;
        }
        Some((if negative { -seconds } else { seconds }, rest))
    }
}

impl Found {
    fn set(&mut self, field: Field, value: i32) -> Option<()> {
        let (slot, range, value) = match field {
            Field::Year => (&mut self.year, 1..=9999, value),
            Field::YearOfCentury => (&mut self.year, 2000..=2099, 2000 + value),
            Field::Month => (&mut self.month, 1..=12, value),
            Field::Day => (&mut self.day, 1..=31, value),
            Field::DayOfYear => (&mut self.day_of_year, 1..=366, value),
            Field::Hour => (&mut self.hour, 0..=23, value),
            Field::ClockHour if value == 24 => (&mut self.hour, 0..=23, 0),
            Field::ClockHour => (&mut self.hour, 1..=23, value),
            Field::HourOfHalf => (&mut self.hour_of_half, 0..=11, value),
            Field::ClockHourOfHalf if value == 12 => (&mut self.hour_of_half, 0..=11, 0),
            Field::ClockHourOfHalf => (&mut self.hour_of_half, 1..=11, value),
            Field::Minute => (&mut self.minute, 0..=59, value),
            Field::Second => (&mut self.second, 0..=59, value),
        };
        if !range.contains(&value) {
            return None;
        }
        agree(slot, value)
    }

    fn moment(&self) -> Option<Moment> {
        let year = self.year.unwrap_or(1970);
        let days = match self.day_of_year {
            Some(day) => {
                let leap = days_of_month(year, 2) == 29;
                if day == 366 && !leap {
                    return None;
                }
                days_from_civil(year, 1, 1) + day - 1
            }
            None => {
                let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
                if day > days_of_month(year, month) {
                    return None;
                }
                days_from_civil(year, month, day)
            }
        };
        let hour = match (self.hour_of_half, self.afternoon) {
            (None, None) => self.hour.unwrap_or(0),
            (hour_of_half, Some(afternoon)) => {
                let hour = hour_of_half? + 12 * afternoon;
                if self.hour.is_some_and(|other| other != hour) {
                    return None;
                }
                hour
            }
            (Some(_), None) => return None,
        };
        let minutes = hour * 60 + self.minute.unwrap_or(0);
        let seconds = i64::from(minutes * 60 + self.second.unwrap_or(0))
            - i64::from(self.offset_seconds.unwrap_or(0));
        let micros =
            i64::from(days) * DAY_US + seconds * 1_000_000 + i64::from(self.micros.unwrap_or(0));
        Some(Moment {
            micros,
            zoned: self.offset_seconds.is_some(),
        })
    }
}

#[cfg(test)]
mod tests;

//! Text to numbers, dates and truth values, straight from bytes.
//!
//! One set of rules for reading a column of a known type and for inferring a type, so that what inference accepts,
//! the reader reads. The reader accepts a little more where a person has pinned the type: a leading `+`, leading
//! zeros, and `1` and `0` as truth values. Nothing here rounds: a value that a type cannot hold exactly does not fit.
//!
//! Dates and timestamps have the forms said here, or those of a [`Pattern`] that the user gives instead.

mod cleaner;
mod forms;
mod pattern;

pub use cleaner::Cleaner;
pub use forms::Forms;
pub use pattern::{Pattern, PatternError};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// The widest decimal, in digits.
pub const DECIMAL_DIGITS_MAX: usize = 38;

/// The white space of XML: space, tab, line feed, carriage return.
#[inline]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The text without white space around it.
#[inline]
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_space(*first) {
            break;
        }
        text = rest;
    }
    while let [rest @ .., last] = text {
        if !is_space(*last) {
            break;
        }
        text = rest;
    }
    text
}

/// A whole number: an optional sign and digits, in the range of 64 bits.
#[inline]
pub fn int64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() {
        return None;
    }
    if digits.len() <= SHORT_DIGITS_MAX {
        let value = add_digits(0, digits)? as i64;
        return Some(if negative { -value } else { value });
    }
    let mut value: i64 = 0;
    for &byte in digits {
        let digit = digit(byte)?;
        // Built up on the negative side, which is the longer one.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// A decimal number as an integer of `10^-scale`: an optional sign, digits, and a fraction. Digits beyond the scale
/// must be zeros, and the whole must fit `precision` digits.
#[inline]
pub fn decimal128(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = sign(text);
    let scale = usize::try_from(scale).ok()?;
    let value = match short_decimal(digits, scale) {
        Some(value) => value,
        None => long_decimal(digits, scale)?,
    };
    if value >= power_of_ten(usize::from(precision))? {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// Digits that a `u64` holds, whatever they are, and an `i64` too.
const SHORT_DIGITS_MAX: usize = 18;

/// The number with these digits behind its own, of which there are [`SHORT_DIGITS_MAX`] at most in all. `None`: one of
/// them is none.
#[inline]
fn add_digits(mut value: u64, digits: &[u8]) -> Option<u64> {
    for &byte in digits {
        value = value * 10 + u64::from(digit(byte)?);
    }
    Some(value)
}

/// A decimal number without a sign, if it is a short one whose fraction is within the scale.
#[inline]
fn short_decimal(digits: &[u8], scale: usize) -> Option<i128> {
    if digits.len() > SHORT_DIGITS_MAX {
        return None;
    }
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (digits.get(..point)?, digits.get(point + 1..)?),
        None => (digits, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let missing = scale.checked_sub(fraction.len())?;
    let value = add_digits(add_digits(0, whole)?, fraction)?;
    i128::from(value).checked_mul(power_of_ten(missing)?)
}

/// A decimal number without a sign, a digit at a time.
fn long_decimal(digits: &[u8], scale: usize) -> Option<i128> {
    let mut value: i128 = 0;
    let mut short: u64 = 0; // the first 18 digits need no wide arithmetic
    let mut taken = 0_usize;
    let mut fraction: Option<usize> = None;
    let mut any = false;
    for &byte in digits {
        if byte == b'.' && fraction.is_none() {
            fraction = Some(0);
            continue;
        }
        let digit = digit(byte)?;
        any = true;
        if let Some(places) = fraction.as_mut() {
            if *places == scale {
                if digit != 0 {
                    return None;
                }
                continue;
            }
            *places += 1;
        }
        if taken < 18 {
            short = short * 10 + u64::from(digit);
            taken += usize::from(short != 0);
            continue;
        }
        if taken == 18 {
            value = i128::from(short);
        }
        taken += 1;
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    if !any {
        return None;
    }
    if taken <= 18 {
        value = i128::from(short);
    }
    let missing = scale - fraction.unwrap_or(0);
    if missing > 0 {
        value = value.checked_mul(power_of_ten(missing)?)?;
    }
    Some(value)
}

/// A binary floating-point number: a decimal with an optional exponent, or `NaN`, `INF`, `-INF` (XML Schema 1.0,
/// part 2, 3.2.5). The nearest one is taken; a number that is too large for any (`1e400`) is none.
pub fn float64(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => return Some(f64::NAN),
        b"INF" => return Some(f64::INFINITY),
        b"-INF" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    if !text
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        return None;
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// A truth value: `true`, `false`, `1`, `0`.
pub fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ => None,
    }
}

/// A date, `YYYY-MM-DD`, as days since 1970-01-01.
pub fn date32(text: &[u8]) -> Option<i32> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let month = two(m1, m2)?;
    let day = two(d1, d2)?;
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

/// A moment: microseconds since 1970-01-01T00:00:00, and whether the text says in which zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds; in UTC if `zoned`, else as the clock on the wall showed it.
    pub micros: i64,
    /// Whether there was a zone.
    pub zoned: bool,
}

/// A timestamp, `YYYY-MM-DD[T ]HH:MM:SS[.fraction][Z|±HH:MM]`. Digits beyond microseconds must be zeros.
pub fn timestamp(text: &[u8]) -> Option<Moment> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = date32(date)?;
    let &[
        b'T' | b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
        ref rest @ ..,
    ] = rest
    else {
        return None;
    };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from((hour * 60 + minute) * 60 + second);
    let (fraction_us, rest) = fraction(rest)?;
    let local = i64::from(days) * DAY_US + seconds * 1_000_000 + fraction_us;
    match rest {
        [] => Some(Moment {
            micros: local,
            zoned: false,
        }),
        b"Z" => Some(Moment {
            micros: local,
            zoned: true,
        }),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hour, minute) = (two(h1, h2)?, two(m1, m2)?);
            if hour > 14 || minute > 59 {
                return None;
            }
            let east_us = i64::from(hour * 60 + minute) * 60_000_000;
            let micros = if sign == b'+' {
                local - east_us
            } else {
                local + east_us
            };
            Some(Moment {
                micros,
                zoned: true,
            })
        }
        _ => None,
    }
}

/// How many digits the text begins with.
#[inline]
pub(crate) fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = text else {
        return Some((0, text));
    };
    let digits = leading_digits(rest);
    if digits == 0 {
        return None;
    }
    let (digits, rest) = rest.split_at(digits);
    let mut micros = 0;
    for place in 0..digits.len().max(6) {
        let digit = digits.get(place).map_or(0, |b| i64::from(b - b'0'));
        if place < 6 {
            micros = micros * 10 + digit;
        } else if digit != 0 {
            return None;
        }
    }
    Some((micros, rest))
}

#[inline]
fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

#[inline]
fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(value)
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<i32> {
    Some(i32::from(digit(tens)?) * 10 + i32::from(digit(ones)?))
}

fn power_of_ten(exponent: usize) -> Option<i128> {
    const POWERS: [i128; DECIMAL_DIGITS_MAX + 1] = {
        let mut powers = [1; DECIMAL_DIGITS_MAX + 1];
        let mut exponent = 1;
        while exponent <= DECIMAL_DIGITS_MAX {
            powers[exponent] = powers[exponent - 1] * 10;
            exponent += 1;
        }
        powers
    };
    POWERS.get(exponent).copied()
}

fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`).
fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        let cases: &[(&str, Option<i64>)] = &[
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("+5", Some(5)),
            ("007", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("1.0", None),
            ("1e3", None),
            ("1 2", None),
            ("٣", None),
        ];
        for (text, expected) in cases {
            assert_eq!(int64(text.as_bytes()), *expected, "{text}");
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        let cases: &[(&str, u8, i8, Option<i128>)] = &[
            ("0", 5, 2, Some(0)),
            ("12.34", 5, 2, Some(1234)),
            ("-12.3", 5, 2, Some(-1230)),
            ("12.3400", 5, 2, Some(1234)),
            ("12.345", 5, 2, None),
            ("1000", 5, 2, None),
            ("999.99", 5, 2, Some(99999)),
            (".5", 5, 2, Some(50)),
            ("5.", 5, 2, Some(500)),
            (".", 5, 2, None),
            ("-", 5, 2, None),
            ("", 5, 2, None),
            ("1.2.3", 5, 2, None),
            ("1e2", 5, 2, None),
            (
                "000000000000000000000000000000000000000000001.5",
                3,
                1,
                Some(15),
            ),
            (
                "99999999999999999999999999999999999999",
                38,
                0,
                Some(10_i128.pow(38) - 1),
            ),
            ("100000000000000000000000000000000000000", 38, 0, None),
            (
                "123456789012345678.90",
                20,
                2,
                Some(12_345_678_901_234_567_890),
            ),
            (
                "1234567890123456789.0",
                20,
                1,
                Some(12_345_678_901_234_567_890),
            ),
        ];
        for (text, precision, scale, expected) in cases {
            assert_eq!(
                decimal128(text.as_bytes(), *precision, *scale),
                *expected,
                "{text}"
            );
        }
    }

    #[test]
    fn short_numbers_are_read_as_long_ones_are() {
        let mut random = fastrand::Rng::with_seed(19);
        for _ in 0..200_000 {
            let length = random.usize(0..22);
            let mut text: Vec<u8> = (0..length).map(|_| random.u8(b'0'..=b'9')).collect();
            for _ in 0..random.usize(0..3) {
                if let Some(byte) = text.get_mut(random.usize(0..22)) {
                    *byte = *random.choice(b".0.+-e").unwrap();
                }
            }
            let scale = random.usize(0..8);
            if let Some(short) = short_decimal(&text, scale) {
                let long = long_decimal(&text, scale);
                assert_eq!(Some(short), long, "{:?}", str::from_utf8(&text));
            }
            let whole = std::str::from_utf8(&text).unwrap().parse::<i64>().ok();
            assert_eq!(int64(&text), whole, "{:?}", str::from_utf8(&text));
            let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
            if (1..=SHORT_DIGITS_MAX).contains(&digits.len()) {
                assert!(short_decimal(&digits, scale).is_some());
            }
        }
    }

    #[test]
    fn dates_are_checked_against_the_calendar() {
        let cases: &[(&str, Option<i32>)] = &[
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11016)),
            ("1900-02-29", None),
            ("2024-02-29", Some(19782)),
            ("0001-01-01", Some(-719_162)),
            ("9999-12-31", Some(2_932_896)),
            ("0000-01-01", None),
            ("2024-13-01", None),
            ("2024-00-01", None),
            ("2024-04-31", None),
            ("2024-4-3", None),
            ("2024-04-03Z", None),
            ("20240403", None),
        ];
        for (text, expected) in cases {
            assert_eq!(date32(text.as_bytes()), *expected, "{text}");
        }
    }

    #[test]
    fn every_day_of_a_cycle_is_one_after_the_last() {
        let mut expected = date32(b"1600-01-01").unwrap();
        for year in 1600..2000 {
            for month in 1..=12 {
                for day in 1..=days_of_month(year, month) {
                    assert_eq!(days_from_civil(year, month, day), expected);
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn timestamps() {
        let cases: &[(&str, Option<(i64, bool)>)] = &[
            ("1970-01-01T00:00:00", Some((0, false))),
            ("1970-01-01 00:00:01", Some((1_000_000, false))),
            ("1970-01-01T00:00:00Z", Some((0, true))),
            ("1970-01-01T00:00:00.5Z", Some((500_000, true))),
            ("1970-01-01T01:00:00+01:00", Some((0, true))),
            ("1969-12-31T19:00:00-05:00", Some((0, true))),
            ("1970-01-01T00:00:00.123456", Some((123_456, false))),
            ("1970-01-01T00:00:00.123456000", Some((123_456, false))),
            ("1970-01-01T00:00:00.1234567", None),
            ("1970-01-01T00:00:00.", None),
            ("1970-01-01T24:00:00", None),
            ("1970-01-01T23:60:00", None),
            ("1970-01-01T23:59:60", None),
            ("1970-01-01T23:59", None),
            ("1970-01-01", None),
            ("1970-01-01T00:00:00+0100", None),
            ("1970-01-01T00:00:00 Z", None),
            ("é970-01-01T00:00:00", None),
        ];
        for (text, expected) in cases {
            let found = timestamp(text.as_bytes()).map(|m| (m.micros, m.zoned));
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn floats_take_no_words_but_those_of_xml_schema() {
        assert_eq!(float64(b"1e3"), Some(1000.0));
        assert_eq!(float64(b"-.5"), Some(-0.5));
        assert_eq!(float64(b"INF"), Some(f64::INFINITY));
        assert_eq!(float64(b"1.7976931348623157e308"), Some(f64::MAX));
        assert_eq!(float64(b"1e-400"), Some(0.0));
        for text in ["1e309", "-1e400", "1.8E+308", &"9".repeat(310)] {
            assert_eq!(float64(text.as_bytes()), None, "{text}");
        }
        assert!(float64(b"NaN").unwrap().is_nan());
        for text in ["inf", "infinity", "nan", "", "e", "1e", "0x10", "1_000"] {
            assert_eq!(float64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn white_space_is_that_of_xml() {
        assert_eq!(trim(b" \t\r\n a b \n"), b"a b");
        assert_eq!(trim("\u{a0}a".as_bytes()), "\u{a0}a".as_bytes());
        assert_eq!(trim(b"  "), b"");
    }
}

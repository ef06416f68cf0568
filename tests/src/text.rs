//! Writing values as text, without a formatter between them and the buffer: a generator of gigabytes has no time for one.

/// Appends `value` in decimal, with leading zeros up to `width` digits.
pub(crate) fn push_number(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = value;
    let mut start = digits.len();
    while rest > 0 {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let start = start.min(digits.len() - width.clamp(1, digits.len()));
    out.extend_from_slice(&digits[start..]);
}

/// Appends an exact amount with two places: `-12.05`.
pub(crate) fn push_cents(out: &mut Vec<u8>, cents: i128) {
    if cents < 0 {
        out.push(b'-');
    }
    let cents = cents.unsigned_abs();
    // Sums stay far below 2^64 dollars: a run would need billions of records to get there.
    push_number(out, (cents / 100) as u64, 1);
    out.push(b'.');
    push_number(out, (cents % 100) as u64, 2);
}

/// An exact amount with two places, as a text.
pub(crate) fn decimal(cents: i128) -> String {
    let mut out = Vec::new();
    push_cents(&mut out, cents);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends XML text with the characters escaped that neither a text nor an attribute may hold.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            _ => out.push(byte),
        }
    }
}

/// Appends text as a JSON string, quotes and all.
pub(crate) fn push_json(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends text as a field of CSV: in quotes where it must be, or where `quoted` asks for them.
pub(crate) fn push_csv(out: &mut Vec<u8>, text: &str, quoted: bool) {
    if !quoted && !text.contains([',', '"', '\n', '\r']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for &byte in text.as_bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Appends `count` lower-case hexadecimal digits of `bits`, the highest of them first.
pub(crate) fn push_hex(out: &mut Vec<u8>, bits: u64, count: u32) {
    for place in (0..count).rev() {
        out.push(b"0123456789abcdef"[(bits >> (4 * place) & 15) as usize]);
    }
}

/// A calendar day, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) i32);

impl Day {
    /// The day of a date of the Gregorian calendar.
    pub(crate) const fn of(year: i32, month: i32, day: i32) -> Self {
        // Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year - era * 400;
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// The day so many days later.
    pub(crate) const fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// Year, month and day.
    pub(crate) fn date(self) -> (i32, i32, i32) {
        // The same source, civil_from_days.
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days - era * 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month, day)
    }

    /// The calendar year.
    pub(crate) fn year(self) -> i32 {
        self.date().0
    }
}

/// Appends `2017-10-04`.
pub(crate) fn push_date(out: &mut Vec<u8>, day: Day) {
    let (year, month, date) = day.date();
    push_number(out, u64::from(year.unsigned_abs()), 4);
    out.push(b'-');
    push_number(out, u64::from(month.unsigned_abs()), 2);
    out.push(b'-');
    push_number(out, u64::from(date.unsigned_abs()), 2);
}

/// Appends `2017-10-04 16:54:22`.
pub(crate) fn push_moment(out: &mut Vec<u8>, day: Day, second_of_day: u32) {
    push_date(out, day);
    out.push(b' ');
    push_time(out, second_of_day);
}

/// Appends `16:54:22`.
pub(crate) fn push_time(out: &mut Vec<u8>, second_of_day: u32) {
    push_number(out, u64::from(second_of_day / 3600), 2);
    out.push(b':');
    push_number(out, u64::from(second_of_day / 60 % 60), 2);
    out.push(b':');
    push_number(out, u64::from(second_of_day % 60), 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_keep_their_leading_zeros() {
        assert_eq!(text(|out| push_number(out, 0, 1)), "0");
        assert_eq!(text(|out| push_number(out, 300, 4)), "0300");
        assert_eq!(text(|out| push_number(out, 12_345, 4)), "12345");
        assert_eq!(
            text(|out| push_number(out, u64::MAX, 1)),
            "18446744073709551615"
        );
    }

    #[test]
    fn amounts_are_exact_and_may_be_negative() {
        for (cents, expected) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (-1205, "-12.05"),
            (9_999_999_999_999, "99999999999.99"),
        ] {
            assert_eq!(text(|out| push_cents(out, cents)), expected);
        }
    }

    #[test]
    fn days_and_dates_agree_over_a_century() {
        assert_eq!(Day::of(1970, 1, 1), Day(0));
        assert_eq!(Day::of(2000, 2, 29).date(), (2000, 2, 29));
        let (first, last) = (Day::of(1975, 1, 1), Day::of(2075, 1, 1));
        assert_eq!(last.0 - first.0, 36_525);
        for day in first.0..last.0 {
            let (year, month, date) = Day(day).date();
            assert_eq!(Day::of(year, month, date), Day(day));
        }
        assert_eq!(
            text(|out| push_moment(out, Day::of(2017, 10, 4), 60_862)),
            "2017-10-04 16:54:22"
        );
    }

    #[test]
    fn texts_are_json_strings_and_csv_fields() {
        assert_eq!(
            text(|out| push_json(out, "a\"b\\c\r\n\té")),
            r#""a\"b\\c\r\n\té""#
        );
        assert_eq!(text(|out| push_csv(out, "plain text", false)), "plain text");
        assert_eq!(text(|out| push_csv(out, "", true)), "\"\"");
        assert_eq!(
            text(|out| push_csv(out, "a,\"b\"\r\nc", false)),
            "\"a,\"\"b\"\"\r\nc\""
        );
        assert_eq!(text(|out| push_hex(out, 0xAB0C, 5)), "0ab0c");
    }

    #[test]
    fn the_four_characters_are_escaped() {
        assert_eq!(
            text(|out| push_escaped(out, "A&B <\"é\">")),
            "A&amp;B &lt;&quot;é&quot;&gt;"
        );
    }
}

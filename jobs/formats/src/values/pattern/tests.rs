//! Texts that fit a pattern, and patterns that are none.

use super::*;
use crate::values;

#[test]
fn texts_fit_or_do_not() {
    // Pattern, text, the same moment in the default form ("" if it does not fit).
    let cases: &[(&str, &str, &str)] = &[
        ("yyyy-MM-dd", "2024-02-29", "2024-02-29T00:00:00"),
        ("yyyy-MM-dd", "2023-02-29", ""),
        ("yyyy-MM-dd", "2024-2-29", ""),
        ("yyyy-MM-dd", "24-02-29", ""),
        ("yyyy-MM-dd", "0000-02-29", ""),
        ("yyyy-MM-dd", "2024-02-29 ", ""),
        ("yyyyMMddHHmmss", "20240229235958", "2024-02-29T23:59:58"),
        ("y-M-d", "2024-2-9", "2024-02-09T00:00:00"),
        ("y-M-d", "24-12-19", "0024-12-19T00:00:00"),
        ("d.M.yy", "1.2.99", "2099-02-01T00:00:00"),
        ("d MMM yyyy", "7 jAN 2020", "2020-01-07T00:00:00"),
        ("MMMM d, yyyy", "September 30, 2020", "2020-09-30T00:00:00"),
        ("MMMM d, yyyy", "Sep 30, 2020", ""),
        ("dd LL yyyy", "01 12 2020", "2020-12-01T00:00:00"),
        ("yyyy-DDD", "2024-366", "2024-12-31T00:00:00"),
        ("yyyy-DDD", "2023-366", ""),
        ("yyyy-D", "2023-32", "2023-02-01T00:00:00"),
        ("yyyy", "2020", "2020-01-01T00:00:00"),
        ("HH:mm", "13:14", "1970-01-01T13:14:00"),
        ("HH:mm", "24:00", ""),
        ("kk:mm", "24:01", "1970-01-01T00:01:00"),
        ("kk:mm", "00:01", ""),
        ("hh:mm a", "12:30 am", "1970-01-01T00:30:00"),
        ("hh:mm a", "12:30 PM", "1970-01-01T12:30:00"),
        ("hh:mm a", "13:30 PM", ""),
        ("K:mm a", "11:30 PM", "1970-01-01T23:30:00"),
        ("HH:mm:ss.SSS", "01:02:03.4", "1970-01-01T01:02:03.4"),
        ("HH:mm:ss.SSS", "01:02:03.4567", ""),
        ("HH:mm:ss.SSS", "01:02:03.", ""),
        ("ss.SSSSSSSSS", "03.123456000", "1970-01-01T00:00:03.123456"),
        ("ss.SSSSSSSSS", "03.1234567", ""),
        ("ss[.SSS]", "03", "1970-01-01T00:00:03"),
        ("ss[.SSS]", "03.5", "1970-01-01T00:00:03.5"),
        ("ss[.SSS]", "03.", ""),
        ("yyyy'T'HH", "2020T05", "2020-01-01T05:00:00"),
        ("yyyy'T'HH", "2020t05", ""),
        ("HH 'o''clock'", "05 o'clock", "1970-01-01T05:00:00"),
        ("yyyy''", "2020'", "2020-01-01T00:00:00"),
        ("yyyy年M月", "2020年5月", "2020-05-01T00:00:00"),
        ("HHX", "05Z", "1970-01-01T05:00:00Z"),
        ("HHX", "05+01", "1970-01-01T05:00:00+01:00"),
        ("HHX", "05-0130", "1970-01-01T05:00:00-01:30"),
        ("HHX", "05", ""),
        ("HHXX", "05+01", ""),
        ("HHXX", "05+0100", "1970-01-01T05:00:00+01:00"),
        ("HHXXX", "05+01:00", "1970-01-01T05:00:00+01:00"),
        ("HHXXX", "05+0100", ""),
        ("HHXXX", "05+01:60", ""),
        ("HHXXX", "05+19:00", ""),
        ("HHXXXX", "05+010000", "1970-01-01T05:00:00+01:00"),
        ("HHXXXXX", "05+01:00:30", "1970-01-01T03:59:30Z"),
        ("HHxxx", "05Z", ""),
        ("HHxxx", "05+00:00", "1970-01-01T05:00:00Z"),
        ("HHZ", "05+0100", "1970-01-01T05:00:00+01:00"),
        ("HHZZZZ", "05GMT+01:00", "1970-01-01T05:00:00+01:00"),
        ("HHZZZZZ", "05+01:00", "1970-01-01T05:00:00+01:00"),
        ("HH z", "05 UTC", "1970-01-01T05:00:00Z"),
        ("HH z", "05 GMT-01:00", "1970-01-01T05:00:00-01:00"),
        ("HH z", "05 PST", ""),
        ("[dd/]yyyy[ HH[:mm]]", "2020", "2020-01-01T00:00:00"),
        ("[dd/]yyyy[ HH[:mm]]", "03/2020 05", "2020-01-03T05:00:00"),
        ("[dd/]yyyy[ HH[:mm]]", "2020 05:06", "2020-01-01T05:06:00"),
        ("[dd/]yyyy[ HH[:mm]]", "2020 05:", ""),
        ("[yyyy][yy]", "2020", "2020-01-01T00:00:00"),
        ("dd dd", "03 03", "1970-01-03T00:00:00"),
        ("dd dd", "03 04", ""),
        ("dd", "é3", ""),
        ("dd", "", ""),
    ];
    for (pattern, text, expected) in cases {
        let found = Pattern::new(pattern).unwrap().timestamp(text.as_bytes());
        let expected = values::timestamp(expected.as_bytes());
        assert_eq!(found, expected, "{text} by {pattern}");
    }
}

#[test]
fn a_date_has_no_time_and_no_zone() {
    let cases: &[(&str, &str, Option<i32>)] = &[
        ("dd/MM/yyyy", "02/01/1970", Some(1)),
        ("dd/MM/yyyy", "31/12/1969", Some(-1)),
        ("dd/MM/yyyy HH:mm", "02/01/1970 00:00", Some(1)),
        ("dd/MM/yyyy HH:mm", "02/01/1970 00:01", None),
        ("dd/MM/yyyy HH:mm", "31/12/1969 00:01", None),
        ("yyyyX", "1970Z", None),
    ];
    for (pattern, text, expected) in cases {
        let found = Pattern::new(pattern).unwrap().date(text.as_bytes());
        assert_eq!(found, *expected, "{text} by {pattern}");
    }
}

#[test]
fn mistakes_are_named() {
    let cases: &[(&str, &str)] = &[
        ("yyyy-MM-dde", "`e` is no letter of it; there are y M L d"),
        ("yyyy-MM-ddTHH", "`T` is no letter of it"),
        ("EEE dd", "`E` is no letter of it"),
        ("yyy", "`y` stands 3 times; allowed: once, twice, four"),
        ("MMMMM", "`M` stands 5 times"),
        ("ddd", "`d` stands 3 times; allowed: once or twice"),
        ("DDDD", "`D` stands 4 times"),
        ("aa hh", "`a` stands 2 times"),
        ("SSSSSSSSSS", "`S` stands 10 times"),
        ("XXXXXX", "`X` stands 6 times"),
        ("zzzzz", "`z` stands 5 times"),
        ("ZZZZZZ", "`Z` stands 6 times"),
        ("yyyy [HH", "a `[` has no `]`"),
        ("yyyy] HH", "the `]` at 4 has no `[`"),
        ("yyyy 'x", "the quote at 5 does not end"),
        ("hh:mm", "`h` and `K` stand with `a`"),
        ("HH a", "`a` with one of them"),
        ("yyyy D M", "`D` stands in place of"),
        ("", "it has no letters"),
        ("--", "it has no letters"),
    ];
    for (pattern, message) in cases {
        let error = Pattern::new(pattern).unwrap_err();
        assert!(error.to_string().contains(message), "{pattern}: {error}");
    }
}

#[test]
fn what_is_written_by_a_pattern_is_read_by_it() {
    let pattern = Pattern::new("dd/MM/yyyy HH:mm:ss.SSSSSSXXX").unwrap();
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..2000 {
        let (year, month) = (random.i32(1..=9999), random.i32(1..=12));
        let day = random.i32(1..=days_of_month(year, month));
        let (hour, minute, second) = (random.i32(0..24), random.i32(0..60), random.i32(0..60));
        let micros = random.i32(0..1_000_000);
        let time = format!("{hour:02}:{minute:02}:{second:02}.{micros:06}+05:30");
        let ours = format!("{day:02}/{month:02}/{year:04} {time}");
        let default = format!("{year:04}-{month:02}-{day:02}T{time}");
        assert_eq!(
            pattern.timestamp(ours.as_bytes()),
            values::timestamp(default.as_bytes()),
            "{ours}"
        );
    }
}

#[test]
fn patterns_travel_as_text() {
    let pattern = Pattern::new("dd/MM/yyyy").unwrap();
    let json = serde_json::to_string(&pattern).unwrap();
    assert_eq!(json, "\"dd/MM/yyyy\"");
    assert_eq!(serde_json::from_str::<Pattern>(&json).unwrap(), pattern);
    assert!(serde_json::from_str::<Pattern>("\"Q\"").is_err());
}

//! Sizes, counts and durations as people read them: one way everywhere.

use std::time::Duration;

/// Decimal units, as disks and networks are sold.
const BYTE_UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// A size in bytes: `999 B`, `1.5 kB`, `128 MB`, `1.25 GB`. Three digits matter, no more.
pub(crate) fn bytes(n: u64) -> String {
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    let mut unit = 0;
    // 999.5 of a unit would be shown as 1000 of it.
    while value >= 999.5 && unit + 1 < BYTE_UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = decimals_of_three_digits(value);
    format!(
        "{} {}",
        trim_zeros(&format!("{value:.decimals$}")),
        BYTE_UNITS[unit]
    )
}

/// A count with its thousands apart: `40,828`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration: `85 ms`, `1.24 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`.
pub(crate) fn duration(d: Duration) -> String {
    let ms = d.as_millis();
    if ms < 1000 {
        return format!("{ms} ms");
    }
    let seconds = d.as_secs_f64();
    if seconds < 59.95 {
        let decimals = decimals_of_three_digits(seconds);
        return format!("{} s", trim_zeros(&format!("{seconds:.decimals$}")));
    }
    whole_duration(seconds.round() as u64)
}

/// A duration that is an estimate: whole seconds, at least one.
pub(crate) fn rough_duration(seconds: f64) -> String {
    whole_duration((seconds.max(1.0)).round() as u64)
}

/// Milliseconds as a duration.
pub(crate) fn duration_ms(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

/// An instant as `2026-11-21 05:13:03Z`; empty for 0, which says "not yet".
pub(crate) fn instant_ms(ms: u64) -> String {
    if ms == 0 {
        return String::new();
    }
    i64::try_from(ms)
        .ok()
        .and_then(chrono::DateTime::from_timestamp_millis)
        .map_or_else(String::new, |at| {
            at.format("%Y-%m-%d %H:%M:%SZ").to_string()
        })
}

fn whole_duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn decimals_of_three_digits(value: f64) -> usize {
    if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    }
}

fn trim_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_and_never_a_thousand_of_a_unit() {
        for (n, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1500, "1.5 kB"),
            (12_345, "12.3 kB"),
            (128_000_000, "128 MB"),
            (999_499, "999 kB"),
            (999_500, "1 MB"),
            (999_999_999, "1 GB"),
            (748_000_000, "748 MB"),
            (1_250_000_000, "1.25 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(n), shown, "{n}");
        }
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        for (n, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (40_828, "40,828"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(n), shown);
        }
    }

    #[test]
    fn durations_keep_to_the_unit_that_fits() {
        for (ms, shown) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1240, "1.24 s"),
            (12_345, "12.3 s"),
            (59_940, "59.9 s"),
            (59_960, "1 min 00 s"),
            (185_000, "3 min 05 s"),
            (7_620_000, "2 h 07 min"),
        ] {
            assert_eq!(duration_ms(ms), shown, "{ms}");
        }
        assert_eq!(rough_duration(0.2), "1 s");
        assert_eq!(rough_duration(61.4), "1 min 01 s");
    }

    #[test]
    fn instants_are_utc_and_say_so() {
        assert_eq!(instant_ms(0), "");
        assert_eq!(instant_ms(1_795_238_000_123), "2026-11-21 05:13:20Z");
    }
}

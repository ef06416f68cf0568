//! How dates and timestamps are written: the default forms, or the user's patterns in their place.

use super::{DAY_US, Moment, Pattern, date32, timestamp};

/// The forms of one source. Without a pattern they are those of [`date32`] and [`timestamp`]; with one, its form is
/// taken and the default is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forms {
    /// How dates are written (`date_format`).
    pub date: Option<Pattern>,
    /// How timestamps are written (`timestamp_format`).
    pub timestamp: Option<Pattern>,
}

impl Forms {
    /// A date, as days since 1970-01-01.
    #[inline]
    pub fn date(&self, text: &[u8]) -> Option<i32> {
        match &self.date {
            None => date32(text),
            Some(pattern) => pattern.date(text),
        }
    }

    /// A timestamp.
    #[inline]
    pub fn timestamp(&self, text: &[u8]) -> Option<Moment> {
        match &self.timestamp {
            None => timestamp(text),
            Some(pattern) => pattern.timestamp(text),
        }
    }

    /// A value of a timestamp column, in microseconds: a timestamp, or a date as the moment at which it begins. A
    /// column in UTC takes those with a zone, any other those without.
    #[inline]
    pub fn micros(&self, text: &[u8], utc: bool) -> Option<i64> {
        let midnight = || {
            Some(Moment {
                micros: i64::from(self.date(text)?) * DAY_US,
                zoned: false,
            })
        };
        let moment = self.timestamp(text).or_else(midnight)?;
        (moment.zoned == utc).then_some(moment.micros)
    }

    /// Whether any form is the user's.
    pub fn are_given(&self) -> bool {
        self.date.is_some() || self.timestamp.is_some()
    }

    /// The form of dates, for a person.
    pub(crate) fn date_shown(&self) -> String {
        match &self.date {
            None => "a date (YYYY-MM-DD)".to_string(),
            Some(pattern) => format!("a date by date_format, `{}`", pattern.text()),
        }
    }

    /// The form of timestamps, for a person.
    pub(crate) fn timestamp_shown(&self, utc: bool) -> String {
        let zone = if utc { "with" } else { "without" };
        match &self.timestamp {
            None => {
                let suffix = if utc { "Z" } else { "" };
                format!("a timestamp {zone} a zone (YYYY-MM-DDThh:mm:ss{suffix})")
            }
            Some(pattern) => format!(
                "a timestamp {zone} a zone by timestamp_format, `{}`",
                pattern.text()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_form_takes_the_place_of_the_default() {
        let given = Forms {
            date: Some(Pattern::new("dd.MM.yyyy").unwrap()),
            timestamp: Some(Pattern::new("dd.MM.yyyy HH:mm[XXX]").unwrap()),
        };
        let default = Forms::default();
        assert_eq!(default.date(b"1970-01-02"), Some(1));
        assert_eq!(given.date(b"1970-01-02"), None);
        assert_eq!(given.date(b"02.01.1970"), Some(1));
        assert_eq!(
            given.micros(b"02.01.1970 00:01", false),
            Some(DAY_US + 60_000_000)
        );
        assert_eq!(given.micros(b"02.01.1970 00:01", true), None);
        assert_eq!(given.micros(b"02.01.1970 00:01Z", false), None);
        assert_eq!(given.micros(b"02.01.1970 01:00+01:00", true), Some(DAY_US));
        assert_eq!(given.micros(b"1970-01-02T00:00:00", false), None);
        // A date is the moment at which it begins, by the form of dates.
        assert_eq!(given.micros(b"02.01.1970", false), Some(DAY_US));
        assert_eq!(default.micros(b"1970-01-02", false), Some(DAY_US));
    }
}

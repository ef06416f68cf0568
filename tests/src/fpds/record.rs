//! One contract action before it has a form: the values that templates lay out.

use super::options::RecordType;
use super::words::{self, Agency, Coded};
use crate::rng::Rng;
use crate::text::Day;

/// The first of the feed's fiscal years.
pub(crate) const FISCAL_YEAR_FIRST: i32 = 1987;
/// How many fiscal years the data spreads over.
pub(crate) const FISCAL_YEARS: i32 = 40;

/// The values of one record. Amounts are in cents.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: RecordType,
    pub(crate) version: &'static str,
    pub(crate) agency: Agency,
    pub(crate) office: Coded,
    /// Unique in a run; the contract's number is made of it.
    pub(crate) serial: u64,
    /// An order whose number is just `0005`.
    pub(crate) short_number: bool,
    pub(crate) mod_number: u64,
    /// The vehicle that an order was placed under.
    pub(crate) referenced: Option<Agency>,
    pub(crate) signed: Day,
    pub(crate) effective: Day,
    pub(crate) current_completion: Day,
    pub(crate) ultimate_completion: Day,
    pub(crate) fiscal_year: i32,
    pub(crate) second_of_day: u32,
    pub(crate) obligated: i64,
    pub(crate) base_exercised: i64,
    pub(crate) base_all: i64,
    pub(crate) vendor_stem: &'static str,
    pub(crate) vendor_form: &'static str,
    pub(crate) has_alternate_name: bool,
    pub(crate) vendor_number: u64,
    pub(crate) house_number: u64,
    pub(crate) street: &'static str,
    pub(crate) place: (&'static str, &'static str, &'static str, &'static str),
    pub(crate) zip_tail: u64,
    pub(crate) requirement: &'static str,
    pub(crate) psc: (&'static str, &'static str, &'static str),
    pub(crate) naics: Coded,
    pub(crate) action: Coded,
    pub(crate) pricing: Coded,
    pub(crate) reason: Coded,
    pub(crate) extent: Coded,
    pub(crate) set_aside: Coded,
    pub(crate) size: Coded,
    pub(crate) multiple: Coded,
    pub(crate) offers: u64,
    pub(crate) user: &'static str,
    /// How many `additionalReportingValue` elements: 0, 1 or 2.
    pub(crate) reporting_values: u8,
    /// One bit for each of a template's flags; few are set.
    pub(crate) flags: u128,
}

impl Record {
    /// Draws a record of `kind`. With `fiscal_year`, it was signed in that year.
    pub(crate) fn draw(
        rng: &mut Rng,
        kind: RecordType,
        serial: u64,
        fiscal_year: Option<i32>,
    ) -> Self {
        let fiscal_year = fiscal_year
            .unwrap_or_else(|| FISCAL_YEAR_FIRST + rng.below(FISCAL_YEARS as u64) as i32);
        // The federal fiscal year begins on 1 October of the calendar year before.
        let first = Day::of(fiscal_year - 1, 10, 1);
        let days = Day::of(fiscal_year, 10, 1).0 - first.0;
        let signed = Day(first.0 + rng.below(days as u64) as i32);
        let effective = Day(signed.0 + rng.below(60) as i32);
        let current_completion = Day(effective.0 + rng.below(1_000) as i32);
        let ultimate_completion = Day(current_completion.0 + rng.below(1_500) as i32);

        let obligated = draw_cents(rng);
        let base_exercised =
            obligated.saturating_add(if rng.one_in(3) { draw_cents(rng) } else { 0 });
        let base_all =
            base_exercised.saturating_add(if rng.one_in(4) { draw_cents(rng) } else { 0 });

        let vendor_number = rng.u64();
        let is_other = matches!(
            kind,
            RecordType::OtherTransactionAward | RecordType::OtherTransactionIdv
        );
        let is_vehicle = matches!(kind, RecordType::Idv | RecordType::OtherTransactionIdv);
        let referenced =
            (!is_vehicle && rng.one_in(2) || rng.one_in(20)).then(|| rng.pick(words::AGENCIES));
        Self {
            kind,
            version: match kind {
                RecordType::OtherTransactionAward | RecordType::OtherTransactionIdv => "1.5",
                _ => rng.pick(words::VERSIONS),
            },
            agency: rng.pick(words::AGENCIES),
            office: rng.pick(words::OFFICES),
            serial,
            short_number: kind == RecordType::Award && referenced.is_some() && rng.one_in(4),
            mod_number: if rng.one_in(3) { 0 } else { 1 + rng.below(40) },
            referenced,
            signed,
            effective,
            current_completion,
            ultimate_completion,
            fiscal_year,
            second_of_day: rng.below(86_400) as u32,
            obligated,
            base_exercised,
            base_all,
            // The vendor's name follows from its number, so that a vendor keeps it.
            vendor_stem: words::VENDOR_STEMS
                [(vendor_number % words::VENDOR_STEMS.len() as u64) as usize],
            vendor_form: words::VENDOR_FORMS
                [(vendor_number / 64 % words::VENDOR_FORMS.len() as u64) as usize],
            has_alternate_name: rng.one_in(4),
            vendor_number,
            house_number: 1 + rng.below(9_999),
            street: rng.pick(words::STREETS),
            place: rng.pick(words::PLACES),
            zip_tail: rng.below(1_000_000),
            requirement: rng.pick(words::REQUIREMENTS),
            psc: rng.pick(words::PSC),
            naics: rng.pick(words::NAICS),
            action: match (is_other, is_vehicle) {
                (true, true) => ("O", "OTHER TRANSACTION IDV"),
                (true, false) => ("R", "OTHER TRANSACTION AGREEMENT"),
                (false, true) => rng.pick(words::VEHICLE_ACTIONS),
                (false, false) => rng.pick(words::ACTIONS),
            },
            pricing: rng.pick(words::PRICING),
            reason: rng.pick(words::REASONS),
            extent: rng.pick(words::EXTENTS),
            set_aside: rng.pick(words::SET_ASIDES),
            size: rng.pick(words::SIZES),
            multiple: rng.pick(words::MULTIPLES),
            offers: if rng.one_in(30) {
                999
            } else {
                1 + rng.below(20)
            },
            user: rng.pick(words::USERS),
            // In the real feed 1 record in 6 has one value, 1 in 100 has two.
            reporting_values: match rng.below(100) {
                0 => 2,
                1..=16 => 1,
                _ => 0,
            },
            flags: draw_flags(rng),
        }
    }
}

/// An amount as they come: often zero, at times taken back, rarely enormous.
fn draw_cents(rng: &mut Rng) -> i64 {
    if rng.one_in(5) {
        return 0;
    }
    // Every number of digits is as likely as any other, up to 10^13 cents; one in 4096 goes on to
    // 10^17, where a 64-bit float no longer holds every cent.
    let digits = if rng.one_in(4096) {
        17
    } else {
        1 + rng.below(13) as u32
    };
    let cents = rng.below(10_u64.pow(digits)) as i64;
    if rng.one_in(6) { -cents } else { cents }
}

/// Each bit is set once in eight.
fn draw_flags(rng: &mut Rng) -> u128 {
    let low = rng.u64() & rng.u64() & rng.u64();
    let high = rng.u64() & rng.u64() & rng.u64();
    u128::from(high) << 64 | u128::from(low)
}

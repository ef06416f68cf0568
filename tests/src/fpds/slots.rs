//! What may stand in a template: the name of each slot and condition, and how it is filled.
//!
//! A new value takes one line here and its `{name}` in a template.

use super::record::Record;
use crate::text::{push_cents, push_escaped, push_moment, push_number};

/// Writes one value of a record.
pub(crate) type Fill = fn(&Record, &mut Vec<u8>);
/// Says whether a block of a template applies to a record.
pub(crate) type Holds = fn(&Record) -> bool;

/// The slots, `{name}` in a template.
pub(crate) const SLOTS: &[(&str, Fill)] = &[
    ("row_tag", |r, out| push(out, r.kind.row_tag())),
    ("version", |r, out| push(out, r.version)),
    // Identity.
    ("agency", |r, out| push(out, r.agency.code)),
    ("agency_name", |r, out| push_escaped(out, r.agency.name)),
    ("department", |r, out| push(out, r.agency.department)),
    ("department_name", |r, out| {
        push_escaped(out, r.agency.department_name)
    }),
    ("piid", |r, out| push_number_of_contract(out, r)),
    ("mod_number", |r, out| {
        if r.mod_number == 0 {
            out.push(b'0');
        } else {
            out.push(b'P');
            push_number(out, r.mod_number, 5);
        }
    }),
    ("transaction_number", |r, out| {
        push_number(out, r.serial % 3, 1)
    }),
    ("referenced_agency", |r, out| {
        push(out, r.referenced.unwrap_or(r.agency).code)
    }),
    ("referenced_agency_name", |r, out| {
        push_escaped(out, r.referenced.unwrap_or(r.agency).name)
    }),
    ("referenced_piid", |r, out| {
        out.extend_from_slice(b"GS");
        push_number(out, r.serial % 89 + 10, 2);
        out.push(b'F');
        push_number(out, r.vendor_number % 10_000, 4);
        out.push(b'Y');
    }),
    // Dates.
    ("signed_date", |r, out| push_moment(out, r.signed, 0)),
    ("effective_date", |r, out| push_moment(out, r.effective, 0)),
    ("current_completion_date", |r, out| {
        push_moment(out, r.current_completion, 0)
    }),
    ("ultimate_completion_date", |r, out| {
        push_moment(out, r.ultimate_completion, 0)
    }),
    ("created", |r, out| {
        push_moment(out, r.signed, r.second_of_day)
    }),
    ("last_modified", |r, out| {
        push_moment(out, r.effective, r.second_of_day)
    }),
    ("fiscal_year", |r, out| {
        push_number(out, u64::from(r.fiscal_year.unsigned_abs()), 4)
    }),
    // Dollars.
    ("obligated", |r, out| push_cents(out, r.obligated.into())),
    ("base_exercised", |r, out| {
        push_cents(out, r.base_exercised.into())
    }),
    ("base_all", |r, out| push_cents(out, r.base_all.into())),
    ("total_obligated", |r, out| {
        push_cents(out, i128::from(r.obligated) * 3)
    }),
    // The buyer.
    ("office", |r, out| push(out, r.office.0)),
    ("office_name", |r, out| push_escaped(out, r.office.1)),
    ("region", |r, out| push_number(out, r.serial % 40, 2)),
    ("account", |r, out| {
        push_number(out, r.vendor_number % 5_000, 4)
    }),
    ("user", |r, out| push_escaped(out, r.user)),
    // What was bought, and how.
    ("requirement", |r, out| push_escaped(out, r.requirement)),
    ("psc", |r, out| push(out, r.psc.0)),
    ("psc_name", |r, out| push_escaped(out, r.psc.1)),
    ("psc_kind", |r, out| push(out, r.psc.2)),
    ("naics", |r, out| push(out, r.naics.0)),
    ("naics_name", |r, out| push_escaped(out, r.naics.1)),
    ("action", |r, out| push(out, r.action.0)),
    ("action_name", |r, out| push_escaped(out, r.action.1)),
    ("pricing", |r, out| push(out, r.pricing.0)),
    ("pricing_name", |r, out| push_escaped(out, r.pricing.1)),
    ("reason", |r, out| push(out, r.reason.0)),
    ("reason_name", |r, out| push_escaped(out, r.reason.1)),
    ("extent", |r, out| push(out, r.extent.0)),
    ("extent_name", |r, out| push_escaped(out, r.extent.1)),
    ("set_aside", |r, out| push(out, r.set_aside.0)),
    ("set_aside_name", |r, out| push_escaped(out, r.set_aside.1)),
    ("multiple", |r, out| push(out, r.multiple.0)),
    ("multiple_name", |r, out| push_escaped(out, r.multiple.1)),
    ("offers", |r, out| push_number(out, r.offers, 1)),
    // The vendor.
    ("vendor_name", |r, out| {
        push_escaped(out, r.vendor_stem);
        push_escaped(out, r.vendor_form);
    }),
    ("vendor_alternate_name", |r, out| {
        push_escaped(out, r.vendor_stem)
    }),
    ("parent_name", |r, out| {
        push_escaped(out, r.vendor_stem);
        push(out, " HOLDING");
    }),
    ("uei", |r, out| push_base36(out, r.vendor_number, 12)),
    ("parent_uei", |r, out| {
        push_base36(out, r.vendor_number / 7, 12)
    }),
    ("duns", |r, out| {
        push_number(out, r.vendor_number % 1_000_000_000, 9)
    }),
    ("cage", |r, out| push_base36(out, r.vendor_number / 11, 5)),
    ("size", |r, out| push(out, r.size.0)),
    ("size_name", |r, out| push_escaped(out, r.size.1)),
    ("street", |r, out| {
        push_number(out, r.house_number, 1);
        out.push(b' ');
        push_escaped(out, r.street);
    }),
    ("city", |r, out| push_escaped(out, r.place.0)),
    ("state", |r, out| push(out, r.place.1)),
    ("state_name", |r, out| push_escaped(out, r.place.2)),
    ("zip", |r, out| {
        push(out, r.place.3);
        push_number(out, r.zip_tail, 6);
    }),
    ("district", |r, out| push_number(out, r.zip_tail % 30, 2)),
    ("phone", |r, out| {
        push_number(out, 2_000_000_000 + r.vendor_number % 7_999_999_999, 10)
    }),
    // The title of a feed's entry, inside CDATA: nothing is escaped there.
    ("title_number", |r, out| push_number_of_contract(out, r)),
    ("title_vendor", |r, out| {
        push(out, r.vendor_stem);
        push(out, r.vendor_form);
    }),
];

/// The conditions: `{?name}` on a line of its own begins a block that ends at `{/}`.
pub(crate) const CONDITIONS: &[(&str, Holds)] = &[
    ("referenced", |r| r.referenced.is_some()),
    ("modified", |r| r.mod_number != 0),
    ("new", |r| r.mod_number == 0),
    ("alternate_name", |r| r.has_alternate_name),
    ("no_reporting_value", |r| r.reporting_values == 0),
    ("one_reporting_value", |r| r.reporting_values == 1),
    ("two_reporting_values", |r| r.reporting_values == 2),
];

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// `W900KK19D0005`: office, year, kind of instrument, serial number; or an order's bare `0005`.
fn push_number_of_contract(out: &mut Vec<u8>, record: &Record) {
    if record.short_number {
        return push_number(out, record.serial % 10_000, 4);
    }
    push(out, record.office.0);
    push_number(out, u64::from(record.fiscal_year.unsigned_abs() % 100), 2);
    out.push(record.action.0.as_bytes()[0]);
    push_number(out, record.serial, 4);
}

fn push_base36(out: &mut Vec<u8>, mut value: u64, width: usize) {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for _ in 0..width {
        out.push(DIGITS[(value % 36) as usize]);
        value /= 36;
    }
}

//! Orders with all that belongs to them.

use super::people::{category_of, kind, place, products, push_id, sellers};
use super::truth::{Sale, TruthBuilder};
use super::words::{CITIES, MESSAGES, TITLES};
use super::{Options, Table, Tables};
use crate::folder::Error;
use crate::rng::Rng;
use crate::text::{Day, push_cents, push_moment};

const FIRST_DAY: Day = Day::of(2017, 1, 1);
const DAYS: u64 = 420;
const SECONDS_A_DAY: u64 = 86_400;
/// One order in so many is of somebody who ordered before.
const SAME_PERSON_ONE_IN: u64 = 10;
/// One order in so many has no items.
const NO_ITEMS_ONE_IN: u64 = 30;
/// One order in so many has two reviews; and one in so many shares the review of the order before it.
const REVIEWED_TWICE_ONE_IN: u64 = 25;
const SHARED_REVIEW_ONE_IN: u64 = 50;
const ITEMS_MAX: u64 = 3;
const PAYMENTS_MAX: u64 = 2;

/// How orders stand, each as often as it stands here.
const STATUSES: [&str; 16] = [
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "shipped",
    "shipped",
    "invoiced",
    "processing",
    "unavailable",
    "canceled",
    "created",
];
const PAYMENTS: [&str; 4] = ["boleto", "credit_card", "debit_card", "voucher"];

/// Writes orders, customers, items, payments and reviews.
pub(crate) fn write(
    options: &Options,
    tables: &mut Tables,
    truth: &mut TruthBuilder,
) -> Result<(), Error> {
    for number in 0..options.orders {
        let mut rng = Rng::new(options.seed, number);
        let order = Order::draw(&mut rng, number);
        order.write(&mut rng, tables)?;
        let mut sale = Sale {
            status: order.status,
            state: CITIES[order.city].1,
            person: order.person,
            month: order.day().date(),
            items: Vec::new(),
            paid_cents: 0,
        };
        order.write_items(&mut rng, options, tables, &mut sale)?;
        order.write_payments(&mut rng, tables, &mut sale)?;
        order.write_reviews(&mut rng, tables, truth)?;
        truth.sale(&sale);
    }
    Ok(())
}

struct Order {
    number: u64,
    /// Who ordered; each order has a customer of its own, some of whom are one person.
    person: u64,
    status: &'static str,
    /// Seconds since the first day.
    purchased: u64,
    code: u64,
    city: usize,
}

impl Order {
    fn draw(rng: &mut Rng, number: u64) -> Self {
        let same = number > 0 && rng.one_in(SAME_PERSON_ONE_IN);
        let (code, city) = place(rng);
        Self {
            number,
            person: if same { rng.below(number) } else { number },
            status: rng.pick(&STATUSES),
            purchased: rng.below(DAYS * SECONDS_A_DAY),
            code,
            city,
        }
    }

    fn day(&self) -> Day {
        FIRST_DAY.plus((self.purchased / SECONDS_A_DAY) as i32)
    }

    fn write(&self, rng: &mut Rng, tables: &mut Tables) -> Result<(), Error> {
        tables.row(Table::Customers, |row| {
            row.field(|out| push_id(out, kind::CUSTOMER, self.number));
            row.field(|out| push_id(out, kind::PERSON, self.person))
                .number(self.code, 5);
            row.text(CITIES[self.city].0).text(CITIES[self.city].1);
        })?;
        tables.row(Table::Orders, |row| {
            row.field(|out| push_id(out, kind::ORDER, self.number));
            row.field(|out| push_id(out, kind::CUSTOMER, self.number))
                .text(self.status);
            row.field(|out| push_second(out, self.purchased));
            let mut at = self.purchased;
            // How far an order came: what has not happened has no moment.
            let reached = match self.status {
                "delivered" => 3,
                "shipped" => 2,
                "created" => 0,
                _ => 1,
            };
            for step in 1..=3 {
                at += 600 + rng.below(6 * SECONDS_A_DAY);
                row.field(|out| {
                    if step <= reached {
                        push_second(out, at);
                    }
                });
            }
            row.field(|out| {
                push_second(out, (self.purchased / SECONDS_A_DAY + 12) * SECONDS_A_DAY)
            });
        })
    }

    fn write_items(
        &self,
        rng: &mut Rng,
        options: &Options,
        tables: &mut Tables,
        sale: &mut Sale,
    ) -> Result<(), Error> {
        if rng.one_in(NO_ITEMS_ONE_IN) {
            return Ok(());
        }
        for item in 1..=1 + rng.below(ITEMS_MAX) {
            let (product, seller) = (rng.below(products(options)), rng.below(sellers(options)));
            let (price, freight) = (500 + rng.below(40_000), rng.below(4_000));
            sale.items
                .push((category_of(options, product), price, freight));
            tables.row(Table::Items, |row| {
                row.field(|out| push_id(out, kind::ORDER, self.number))
                    .number(item, 1);
                row.field(|out| push_id(out, kind::PRODUCT, product));
                row.field(|out| push_id(out, kind::SELLER, seller));
                row.field(|out| push_second(out, self.purchased + 5 * SECONDS_A_DAY));
                row.field(|out| push_amount(out, price))
                    .field(|out| push_amount(out, freight));
            })?;
        }
        Ok(())
    }

    fn write_payments(
        &self,
        rng: &mut Rng,
        tables: &mut Tables,
        sale: &mut Sale,
    ) -> Result<(), Error> {
        for payment in 1..=1 + rng.below(PAYMENTS_MAX) {
            let cents = 500 + rng.below(50_000);
            sale.paid_cents += i128::from(cents);
            tables.row(Table::Payments, |row| {
                row.field(|out| push_id(out, kind::ORDER, self.number))
                    .number(payment, 1);
                row.text(rng.pick(&PAYMENTS)).number(1 + rng.below(10), 1);
                row.field(|out| push_amount(out, cents));
            })?;
        }
        Ok(())
    }

    fn write_reviews(
        &self,
        rng: &mut Rng,
        tables: &mut Tables,
        truth: &mut TruthBuilder,
    ) -> Result<(), Error> {
        // A review that is shared is the first one of the order before.
        let shared = self.number > 0 && rng.one_in(SHARED_REVIEW_ONE_IN);
        let reviews = 1 + u64::from(rng.one_in(REVIEWED_TWICE_ONE_IN));
        for review in 0..reviews {
            let of = if shared && review == 0 {
                self.number - 1
            } else {
                self.number
            };
            let (title, message) = (rng.pick(&TITLES), rng.pick(&MESSAGES));
            truth.review(message);
            let asked = (self.purchased / SECONDS_A_DAY + 3 + rng.below(20)) * SECONDS_A_DAY;
            tables.row(Table::Reviews, |row| {
                row.field(|out| push_id(out, kind::REVIEW, of * 2 + review));
                row.field(|out| push_id(out, kind::ORDER, self.number))
                    .number(1 + rng.below(5), 1);
                row.text(title).text(message);
                row.field(|out| push_second(out, asked));
                row.field(|out| push_second(out, asked + rng.below(4 * SECONDS_A_DAY)));
            })?;
        }
        Ok(())
    }
}

/// Appends a moment, given in seconds since the first day.
fn push_second(out: &mut Vec<u8>, second: u64) {
    let day = FIRST_DAY.plus((second / SECONDS_A_DAY) as i32);
    push_moment(out, day, (second % SECONDS_A_DAY) as u32);
}

/// Appends an amount as the set has it: `99.9`, `144.0`, `21.99`.
fn push_amount(out: &mut Vec<u8>, cents: u64) {
    push_cents(out, i128::from(cents));
    if cents.is_multiple_of(10) {
        out.pop();
    }
}

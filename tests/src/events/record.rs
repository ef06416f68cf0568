//! One event: what it says, and how it is written.

use crate::rng::Rng;
use crate::text::{Day, push_cents, push_date, push_hex, push_json, push_number, push_time};

use super::dimensions::{PRODUCTS, USERS};

/// The day of the first events.
pub(crate) const FIRST_DAY: Day = Day::of(2026, 3, 1);
/// Records of one second: as many as make a million records span three days.
const RECORDS_A_SECOND: u64 = 4;
const SECONDS_A_DAY: u64 = 86_400;
/// One event in so many is of nobody who is logged in.
const ANONYMOUS_ONE_IN: u64 = 8;

/// What is done, each as often as it stands here.
const KINDS: [Kind; 16] = [
    Kind::View,
    Kind::View,
    Kind::View,
    Kind::View,
    Kind::View,
    Kind::View,
    Kind::View,
    Kind::Search,
    Kind::Search,
    Kind::Search,
    Kind::Cart,
    Kind::Cart,
    Kind::Cart,
    Kind::Purchase,
    Kind::Purchase,
    Kind::Login,
];

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    View,
    Search,
    Cart,
    Purchase,
    Login,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::View,
        Self::Search,
        Self::Cart,
        Self::Purchase,
        Self::Login,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::View => "page_view",
            Self::Search => "search",
            Self::Cart => "add_to_cart",
            Self::Purchase => "purchase",
            Self::Login => "login",
        }
    }
}

/// A city with its country and where it lies, in hundred-thousandths of a degree.
struct City {
    name: &'static str,
    country: &'static str,
    currency: &'static str,
    lat: i64,
    lon: i64,
}

const fn city(
    name: &'static str,
    country: &'static str,
    currency: &'static str,
    lat: i64,
    lon: i64,
) -> City {
    City {
        name,
        country,
        currency,
        lat,
        lon,
    }
}

const CITIES: [City; 12] = [
    city("São Paulo", "BR", "BRL", -2_355_052, -4_663_331),
    city("Rio de Janeiro", "BR", "BRL", -2_290_685, -4_317_290),
    city("Zürich", "CH", "CHF", 4_737_689, 854_169),
    city("Köln", "DE", "EUR", 5_093_753, 696_028),
    city("Lyon", "FR", "EUR", 4_576_404, 483_566),
    city("Kraków", "PL", "PLN", 5_006_465, 1_994_498),
    city("London", "GB", "GBP", 5_150_735, -12_776),
    city("Austin", "US", "USD", 3_026_715, -9_774_306),
    city("Portland", "US", "USD", 4_551_523, -12_267_838),
    city("東京", "JP", "JPY", 3_567_620, 13_965_031),
    city("Ubatuba", "BR", "BRL", -2_343_390, -4_507_111),
    city("Aix-en-Provence", "FR", "EUR", 4_352_974, 544_743),
];

const DEVICES: [(&str, &str, &str); 6] = [
    ("mobile", "Android", "Chrome"),
    ("mobile", "iOS", "Safari"),
    ("desktop", "Windows", "Edge"),
    ("desktop", "macOS", "Safari"),
    ("desktop", "Linux", "Firefox"),
    ("tablet", "iPadOS", "Safari"),
];

const REFERRERS: [&str; 4] = [
    "https://search.example/?q=shoes",
    "https://news.example/",
    "https://mail.example/inbox",
    "https://social.example/p/1",
];

const WORDS: [&str; 10] = [
    "chair",
    "red shoes",
    "\"42\" tv",
    "café press",
    "lamp & shade",
    "usb c\\hub",
    "garden",
    "kids",
    "günstig",
    "sale",
];

const TAGS: [&str; 6] = ["new", "sale", "gift", "eco", "bulk", "preorder"];
const CAMPAIGNS: [&str; 4] = ["spring-2026", "mail-007", "partners", "retarget"];

/// One event.
#[derive(Debug)]
pub(crate) struct Record {
    number: u64,
    pub(crate) kind: Kind,
    /// Which user, if one is logged in.
    pub(crate) user: Option<u64>,
    /// Which product, where the event is of one.
    pub(crate) product: Option<u64>,
    pub(crate) quantity: u64,
    /// What is paid in all, for a purchase.
    pub(crate) cents: u64,
    city: usize,
    rest: Rng,
}

impl Record {
    /// Record number `number` of a seed.
    pub(crate) fn draw(seed: u64, number: u64) -> Self {
        let mut rng = Rng::new(seed, number);
        let kind = rng.pick(&KINDS);
        // The square of a number below 1 is small more often than large: few users do much.
        let often = rng.below(1 << 20);
        let user = (kind == Kind::Purchase || !rng.one_in(ANONYMOUS_ONE_IN))
            .then(|| 1 + ((often * often) >> 20) * USERS / (1 << 20));
        let product =
            matches!(kind, Kind::View | Kind::Cart | Kind::Purchase).then(|| rng.below(PRODUCTS));
        let quantity = 1 + rng.below(4);
        Self {
            number,
            kind,
            user,
            product,
            quantity,
            cents: quantity * (99 + rng.below(25_000)),
            city: rng.below(CITIES.len() as u64) as usize,
            rest: rng,
        }
    }

    /// The country that the event came from.
    pub(crate) fn country(&self) -> &'static str {
        CITIES[self.city].country
    }

    /// Appends the record's line.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut rng = self.rest.clone();
        out.extend_from_slice(b"{\"event_id\":\"");
        // The number makes it unique; the rest looks like an identity.
        push_hex(out, rng.u64(), 4);
        push_hex(out, self.number, 12);
        text_follows(out, "type", self.kind.name());
        out.extend_from_slice(b"\",\"ts\":\"");
        let second = self.number / RECORDS_A_SECOND;
        push_date(out, FIRST_DAY.plus((second / SECONDS_A_DAY) as i32));
        out.push(b'T');
        push_time(out, (second % SECONDS_A_DAY) as u32);
        out.push(b'.');
        push_number(out, rng.below(1000), 3);
        out.extend_from_slice(b"Z\",\"user_id\":");
        number_or_null(out, self.user);
        out.extend_from_slice(b",\"session_id\":\"");
        push_hex(out, rng.u64(), 12);
        self.write_page(out, &mut rng);
        self.write_origin(out, &mut rng);
        self.write_sale(out);
        out.extend_from_slice(b",\"duration_ms\":");
        push_number(out, rng.below(90_000), 1);
        out.extend_from_slice(b",\"member\":");
        out.extend_from_slice(if rng.one_in(3) { b"true" } else { b"false" });
        out.extend_from_slice(b",\"tags\":[");
        for place in 0..rng.below(4) {
            if place > 0 {
                out.push(b',');
            }
            push_json(out, rng.pick(&TAGS));
        }
        out.extend_from_slice(b"],\"campaign\":");
        text_or_null(out, rng.one_in(4).then(|| rng.pick(&CAMPAIGNS)));
        out.extend_from_slice(b",\"app_version\":\"");
        push_number(out, 5 + rng.below(4), 1);
        out.push(b'.');
        push_number(out, rng.below(30), 1);
        out.push(b'.');
        push_number(out, rng.below(10), 1);
        out.extend_from_slice(b"\"}\n");
    }

    /// What was looked at, and where the visitor came from.
    fn write_page(&self, out: &mut Vec<u8>, rng: &mut Rng) {
        out.extend_from_slice(b"\",\"url\":");
        match (self.kind, self.product) {
            (Kind::Search, _) => {
                let mut path = String::from("https://shop.example/search?q=");
                path.push_str(rng.pick(&WORDS));
                push_json(out, &path);
            }
            (_, Some(product)) => {
                out.extend_from_slice(b"\"https://shop.example/p/");
                push_number(out, product, 5);
                out.extend_from_slice(b"?at=");
                push_number(out, rng.below(100), 1);
                out.push(b'"');
            }
            (_, None) => out.extend_from_slice(b"\"https://shop.example/account/login\""),
        }
        out.extend_from_slice(b",\"referrer\":");
        text_or_null(out, (!rng.one_in(3)).then(|| rng.pick(&REFERRERS)));
    }

    /// The device and the place.
    fn write_origin(&self, out: &mut Vec<u8>, rng: &mut Rng) {
        let (device, os, browser) = rng.pick(&DEVICES);
        out.extend_from_slice(b",\"device\":{\"kind\":\"");
        out.extend_from_slice(device.as_bytes());
        text_follows(out, "os", os);
        text_follows(out, "browser", browser);
        let city = &CITIES[self.city];
        out.extend_from_slice(b"\"},\"geo\":{\"country\":\"");
        out.extend_from_slice(city.country.as_bytes());
        text_follows(out, "city", city.name);
        out.extend_from_slice(b"\",\"lat\":");
        push_degrees(out, city.lat + rng.below(1000) as i64);
        out.extend_from_slice(b",\"lon\":");
        push_degrees(out, city.lon + rng.below(1000) as i64);
        out.push(b'}');
    }

    /// The product, how many, and for how much.
    fn write_sale(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"product_id\":");
        match self.product {
            Some(product) => {
                out.push(b'"');
                push_number(out, product, 5);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"quantity\":");
        let bought = matches!(self.kind, Kind::Cart | Kind::Purchase);
        number_or_null(out, bought.then_some(self.quantity));
        out.extend_from_slice(b",\"amount\":");
        let paid = self.kind == Kind::Purchase;
        if paid {
            push_cents(out, i128::from(self.cents));
        } else {
            out.extend_from_slice(b"null");
        }
        out.extend_from_slice(b",\"currency\":");
        text_or_null(out, paid.then(|| CITIES[self.city].currency));
    }
}

/// `","name":"text`: the end of one text and the beginning of the next, which needs no escapes.
fn text_follows(out: &mut Vec<u8>, name: &str, text: &str) {
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    out.extend_from_slice(text.as_bytes());
}

fn number_or_null(out: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => push_number(out, number, 1),
        None => out.extend_from_slice(b"null"),
    }
}

fn text_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_json(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends hundred-thousandths of a degree: `-23.55052`.
fn push_degrees(out: &mut Vec<u8>, degrees: i64) {
    if degrees < 0 {
        out.push(b'-');
    }
    push_number(out, degrees.unsigned_abs() / 100_000, 1);
    out.push(b'.');
    push_number(out, degrees.unsigned_abs() % 100_000, 5);
}

//! The tables that events refer to: users and products, in CSV.

use std::io;
use std::path::Path;

use crate::folder::Error;
use crate::output::OutputFile;
use crate::rng::Rng;
use crate::text::{Day, push_cents, push_csv, push_date, push_number};

/// Users are numbered from 1.
pub(crate) const USERS: u64 = 100_000;
/// Products are numbered from 0 and written with five digits.
pub(crate) const PRODUCTS: u64 = 20_000;

/// The file of the users.
pub(crate) const USERS_FILE: &str = "users.csv";
/// The file of the products.
pub(crate) const PRODUCTS_FILE: &str = "products.csv";

const CATEGORIES: [&str; 12] = [
    "Books",
    "Garden & Patio",
    "Kids, Toys",
    "Kitchen",
    "Lamps",
    "Music",
    "Office",
    "Pets",
    "Shoes",
    "Sports",
    "TV \"smart\"",
    "Tools",
];
const BRANDS: [&str; 8] = [
    "Acme",
    "Blaustern",
    "Café Ole",
    "Delta, Inc.",
    "Északi",
    "Fjord",
    "Gamma",
    "Hoshi",
];
const TIERS: [&str; 4] = ["bronze", "gold", "platinum", "silver"];

const USERS_STREAM: u64 = 3 << 61;
const PRODUCTS_STREAM: u64 = 3 << 60;

/// What the truth needs to know of the two tables.
pub(crate) struct Dimensions {
    seed: u64,
    /// Place in [`CATEGORIES`] by product.
    categories: Vec<u8>,
    /// Place in [`TIERS`] by user, whose first is number 1.
    tiers: Vec<u8>,
}

impl Dimensions {
    /// The tables of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut products = Rng::new(seed, PRODUCTS_STREAM);
        let mut users = Rng::new(seed, USERS_STREAM);
        Self {
            seed,
            categories: (0..PRODUCTS)
                .map(|_| products.below(CATEGORIES.len() as u64) as u8)
                .collect(),
            tiers: (0..USERS)
                .map(|_| users.below(TIERS.len() as u64) as u8)
                .collect(),
        }
    }

    /// The category of a product.
    pub(crate) fn category(&self, product: u64) -> &'static str {
        CATEGORIES[usize::from(self.categories[product as usize])]
    }

    /// The tier of a user.
    pub(crate) fn tier(&self, user: u64) -> &'static str {
        TIERS[usize::from(self.tiers[user as usize - 1])]
    }

    /// Writes both files.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let users = folder.join(USERS_FILE);
        self.write_users(&users).map_err(Error::at(&users))?;
        let products = folder.join(PRODUCTS_FILE);
        self.write_products(&products).map_err(Error::at(&products))
    }

    fn write_users(&self, path: &Path) -> io::Result<()> {
        let mut rng = Rng::new(self.seed, USERS_STREAM + 1);
        let mut file = OutputFile::create(path, false)?;
        file.buffer
            .extend_from_slice(b"user_id,tier,joined_on,postal_code\n");
        for user in 1..=USERS {
            push_number(&mut file.buffer, user, 1);
            file.buffer.push(b',');
            push_csv(&mut file.buffer, self.tier(user), false);
            file.buffer.push(b',');
            push_date(
                &mut file.buffer,
                Day::of(2015, 1, 1).plus(rng.below(4000) as i32),
            );
            file.buffer.push(b',');
            push_number(&mut file.buffer, rng.below(100_000), 5);
            file.buffer.push(b'\n');
            file.flush_if_full()?;
        }
        file.finish().map(drop)
    }

    fn write_products(&self, path: &Path) -> io::Result<()> {
        let mut rng = Rng::new(self.seed, PRODUCTS_STREAM + 1);
        let mut file = OutputFile::create(path, false)?;
        file.buffer
            .extend_from_slice(b"product_id,category,brand,list_price\n");
        for product in 0..PRODUCTS {
            push_number(&mut file.buffer, product, 5);
            file.buffer.push(b',');
            push_csv(&mut file.buffer, self.category(product), false);
            file.buffer.push(b',');
            push_csv(&mut file.buffer, rng.pick(&BRANDS), false);
            file.buffer.push(b',');
            push_cents(&mut file.buffer, 99 + i128::from(rng.below(25_000)));
            file.buffer.push(b'\n');
            file.flush_if_full()?;
        }
        file.finish().map(drop)
    }
}

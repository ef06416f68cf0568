//! The nine tables of a marketplace in CSV, under the names and with the columns of the published set.
//!
//! Keys agree: every order has its customer, its items their products and sellers, and so on. What is hard about the
//! real ones is here too: reviews with quotes, commas, and line breaks as CRLF inside quotes while rows end in LF;
//! postal codes with leading zeros; orders without items; several payments an order, several reviews an order, one
//! review of several orders; products without a category, and a category that nobody has translated.

mod people;
mod sales;
#[cfg(test)]
mod tests;
mod truth;
mod words;

use std::path::Path;

pub use truth::Truth;

use crate::folder::{self, Error};
use crate::output::OutputFile;
use truth::TruthBuilder;

/// The whole order.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many orders; the other tables follow from them.
    pub orders: u64,
    /// The same seed and options give the same bytes.
    pub seed: u64,
}

/// Writes the data that `options` order into `folder`, and its truth as [`folder::TRUTH_FILE`]. What an earlier run
/// left there is removed first.
///
/// # Errors
/// [`Error::Io`] for a folder that can't be written.
pub fn generate(options: &Options, folder: &Path) -> Result<Truth, Error> {
    folder::remove_earlier_run(folder)?;
    let mut tables = Tables::create(folder)?;
    let mut truth = TruthBuilder::default();
    people::write(options, &mut tables, &mut truth)?;
    sales::write(options, &mut tables, &mut truth)?;
    for (place, file) in tables.files.into_iter().enumerate() {
        let path = folder.join(TABLES[place].0);
        let (_, bytes) = file.finish().map_err(Error::at(&path))?;
        truth.file(TABLES[place].0, tables.rows[place], bytes);
    }
    let truth = truth.finish(options.seed);
    folder::write_truth(&truth, folder)?;
    Ok(truth)
}

/// A table by its place in [`TABLES`].
#[derive(Clone, Copy)]
pub(crate) enum Table {
    Customers,
    Geolocation,
    Items,
    Payments,
    Reviews,
    Orders,
    Products,
    Sellers,
    Categories,
}

/// The file of each table, and its header.
const TABLES: [(&str, &str); 9] = [
    (
        "olist_customers_dataset.csv",
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state",
    ),
    (
        "olist_geolocation_dataset.csv",
        "geolocation_zip_code_prefix,geolocation_lat,geolocation_lng,geolocation_city,geolocation_state",
    ),
    (
        "olist_order_items_dataset.csv",
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
    ),
    (
        "olist_order_payments_dataset.csv",
        "order_id,payment_sequential,payment_type,payment_installments,payment_value",
    ),
    (
        "olist_order_reviews_dataset.csv",
        "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,\
         review_answer_timestamp",
    ),
    (
        "olist_orders_dataset.csv",
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,\
         order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date",
    ),
    (
        "olist_products_dataset.csv",
        "product_id,product_category_name,product_name_lenght,product_description_lenght,product_photos_qty,\
         product_weight_g,product_length_cm,product_height_cm,product_width_cm",
    ),
    (
        "olist_sellers_dataset.csv",
        "seller_id,seller_zip_code_prefix,seller_city,seller_state",
    ),
    (
        "product_category_name_translation.csv",
        "product_category_name,product_category_name_english",
    ),
];

/// The open files of all tables.
pub(crate) struct Tables {
    files: Vec<OutputFile>,
    rows: [u64; TABLES.len()],
}

impl Tables {
    fn create(folder: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        for (name, header) in TABLES {
            let path = folder.join(name);
            let mut file = OutputFile::create(&path, false).map_err(Error::at(&path))?;
            file.buffer.extend_from_slice(header.as_bytes());
            file.buffer.push(b'\n');
            files.push(file);
        }
        Ok(Self {
            files,
            rows: [0; TABLES.len()],
        })
    }

    /// Appends a row, whose fields `write` writes.
    pub(crate) fn row(&mut self, table: Table, write: impl FnOnce(&mut Row)) -> Result<(), Error> {
        let file = &mut self.files[table as usize];
        write(&mut Row {
            out: &mut file.buffer,
            begun: false,
        });
        file.buffer.push(b'\n');
        self.rows[table as usize] += 1;
        file.flush_if_full()
            .map_err(Error::at(Path::new(TABLES[table as usize].0)))
    }
}

/// A row that is being written.
pub(crate) struct Row<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl Row<'_> {
    /// Appends a field that `write` writes.
    pub(crate) fn field(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        if self.begun {
            self.out.push(b',');
        }
        self.begun = true;
        write(self.out);
        self
    }

    /// Appends a text, in quotes if it must be.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.field(|out| crate::text::push_csv(out, text, false))
    }

    /// Appends a number, with zeros before it up to `width` digits.
    pub(crate) fn number(&mut self, number: u64, width: usize) -> &mut Self {
        self.field(|out| crate::text::push_number(out, number, width))
    }
}

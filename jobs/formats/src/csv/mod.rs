//! CSV to record batches.

mod config;
mod guess;
mod head;
mod infer;
mod names;
mod options;
mod reader;
mod record;
mod scanner;
mod words;

pub use config::CsvConfig;
pub use head::{CsvHead, CsvHeadState};
pub use infer::CsvInferrer;
pub use options::CsvOptions;
pub use reader::CsvReader;

#[cfg(test)]
mod tests;

//! The encoder beside the one of the `parquet` crate, over random batches; and its parts and limits alone.

mod compare;
mod hybrid;
mod limits;
mod random;

//! Tests of the scheduler without a cluster: a world of made-up files
//! (`world`), an engine that reads them and writes real Parquet (`engine`).

mod audits;
mod chains;
mod changed;
mod checks;
mod desk;
mod engine;
mod jobs;
mod journals;
mod lifecycle;
mod quarantines;
mod random;
mod real;
pub(crate) mod reports;
mod samples;
mod services;
mod stopping;
mod upserts;
mod world;

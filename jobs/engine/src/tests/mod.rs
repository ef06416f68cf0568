//! The engine, tested as a cluster inside one process.

mod buckets;
mod checks;
mod codec;
mod distributed;
mod guards;
mod one_process;
mod planning;
mod rules;
mod slices;
mod turns;
mod upserts;
mod world;

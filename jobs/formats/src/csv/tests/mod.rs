//! Tests of the whole reader: files with known rows, a slow reader as the oracle, splits at every byte, damage.

mod contracts;
mod files;
mod heads;
mod infer;
mod mutate;
mod oracle;
mod real;
mod run;
mod slow;
mod splits;

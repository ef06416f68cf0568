//! Tests of the whole reader: documents with known rows, a slow reader as the oracle, splits at every byte, damage.

mod documents;
mod oracle;
mod real;
mod rows;
mod damage;
mod run;
mod splits;

//! Tests of the whole reader: documents with known rows, a slow reader as the oracle, splits at every byte, damage.

mod broken;
mod charsets;
mod damage;
mod documents;
mod entities;
mod filter;
mod heads;
mod options;
mod oracle;
mod output;
mod real;
mod rows;
mod run;
mod spark;
mod splits;
mod template;

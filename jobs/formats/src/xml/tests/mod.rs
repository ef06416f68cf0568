//! Tests of the whole reader: documents with known rows, a slow reader as the oracle, splits at every byte, damage.

mod anywhere;
mod broken;
mod charsets;
mod corpora;
mod cutting;
mod damage;
mod documents;
mod entities;
mod filter;
mod heads;
mod hostile;
mod mutate;
mod options;
mod oracle;
mod output;
mod real;
pub(crate) mod rows;
mod run;
mod slow;
mod spark;
mod splits;
mod targets;
mod template;
mod tricky;

//! The reader against its rules, cut anywhere, fed in whatever pieces, and against a slow one that was written from the
//! rules alone.

mod arrays;
mod broken;
mod infer;
mod lines;
mod mutate;
mod options;
mod real;
mod records;
mod run;
mod sampled;
mod slow;
mod suite;
mod targets;
mod template;
mod values;

use crate::xml::tests::rows;

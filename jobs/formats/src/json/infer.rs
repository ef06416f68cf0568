//! [`JsonInferrer`]: the types of one split's records.

use std::sync::Arc;

use super::JsonOptions;
use super::head::JsonHead;
use super::scanner::Scanner;
use super::shape::Shape;
use crate::infer::learner::{Learner, PATHS_MAX};
use crate::infer::{TypeNode, TypeTree};
use crate::record::nodes::{NodeId, Nodes, ROOT};
use crate::record::scan::{self, Scan};
use crate::record::{Fed, OnBadRecord, ReadFailure, Split, SplitReport};

/// Learns the types of one split's records. It is fed as [`JsonReader`](super::JsonReader) is. Its tree becomes a schema
/// by [`InferOptions`](crate::InferOptions) made from the same [`JsonOptions`].
///
/// ```
/// # use std::sync::Arc;
/// # use headworks_formats::json::{JsonInferrer, JsonOptions};
/// # use headworks_formats::{InferOptions, Split, schema_file};
/// let options = Arc::new(JsonOptions::default());
/// let mut inferrer = JsonInferrer::new(options.clone(), Split::whole());
/// inferrer.feed(b"{\"a\":1,\"b\":[1.5]}\n{\"a\":\"x\"}\n", true)?;
/// let schema = inferrer.finish().to_schema(&InferOptions::from(options.as_ref()))?;
/// assert!(schema_file::write(&schema)?.ends_with("a: text\n  b:\n    list: decimal(2,1)\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonInferrer {
    scanner: Scanner,
    shape: Shape,
    learner: Learner,
}

impl JsonInferrer {
    /// An inferrer that stands at the split's start. What the options say of bad records and values is not used: a
    /// bad record is counted as quarantined and left out.
    pub fn new(options: Arc<JsonOptions>, split: Split) -> Self {
        let mut options = options.as_ref().clone();
        options.on_bad_record = OnBadRecord::Quarantine;
        options.limits.raw_bytes_max = 0;
        Self {
            scanner: Scanner::new(&options, split),
            shape: Shape::learning(&options, PATHS_MAX),
            learner: Learner::new(&options.record_options(), options.sample_ratio),
        }
    }

    /// Says how the file begins, as [`JsonReader::set_head`](super::JsonReader::set_head) does.
    pub fn set_head(&mut self, head: JsonHead) {
        self.scanner.set_head(head);
    }

    /// Goes on with another whole file, whose head is not known, and learns on: for packs of small files. Counts begin
    /// anew. Not for splits that begin with a guess, whose tree may have to be thrown away.
    pub fn next_file(&mut self) {
        self.scanner.restart(Split::whole());
    }

    /// Offset, in decompressed bytes, with which the next buffer must begin.
    pub fn position(&self) -> u64 {
        self.scanner.position()
    }

    /// Reads as much of the buffer as it can, as [`JsonReader::feed`](super::JsonReader::feed); it never answers
    /// [`FedState::BatchReady`](crate::FedState::BatchReady).
    ///
    /// # Errors
    /// [`ReadFailure`]
    pub fn feed(&mut self, buf: &[u8], eof: bool) -> Result<Fed, ReadFailure> {
        scan::learn(
            &mut self.scanner,
            &mut self.shape,
            &mut self.learner,
            buf,
            eof,
        )
    }

    /// The counts so far, for [`verify_chain`](crate::verify_chain): good records, sampled or not, are those emitted.
    pub fn report(&self) -> SplitReport {
        self.scanner.report().clone()
    }

    /// The template of its records, for tests.
    #[cfg(test)]
    pub(crate) fn template(&mut self) -> &mut super::trace::Template {
        self.scanner.template()
    }

    /// What was learned.
    pub fn finish(self) -> TypeTree {
        TypeTree {
            records: self.learner.records(),
            bad_records: 0,
            root: self.tree(ROOT).unwrap_or_default(),
        }
    }

    /// What is known of a node; `None` if no good record has it.
    fn tree(&self, id: NodeId) -> Option<TypeNode> {
        let mut node = self.learner.node(id)?;
        for child in self.shape.children(id) {
            if let Some(known) = self.tree(child) {
                let name = String::from_utf8_lossy(self.shape.name(child)).into_owned();
                node.elements.insert(name, known);
            }
        }
        Some(node)
    }
}

//! What the readers of all formats share: everything that is not about how a record is written.
//!
//! A format's strict pass over a record leaves a tape of values in their order; what comes after the tape is here, and
//! so is what all readers answer.
//!
//! | Module | What it does |
//! | --- | --- |
//! | `config`, [`options`], `own_columns`, `error` | what to make of records: types, columns, bounds, what becomes of bad ones |
//! | `nodes`, `names` | what is asked of a format's tree of names |
//! | `tape` | a record's values in their order |
//! | `template` | what records have in common, learned, so that most markup is only compared |
//! | [`gate`], [`filter`] | what may keep a record from becoming a row: the contract about unknown names, a filter |
//! | `columns`, `column` | tapes to Arrow |
//! | `block`, `cells`, `deal`, `flat` | the same for many records at once, column by column |
//! | `proof` | whether values bear out a schema that a sample gave |
//! | `drift` | what did not fit the schema, counted |
//! | `rows` | all of these, put together: a tape in, rows and bad records out |
//! | `scan` | the loops from a buffer to rows, or to types, over the scanners of nested formats |
//! | [`read`] | what passes between a reader and whoever feeds it |
//! | `progress` | where the reader of a split stands, and what becomes of a bad record |
//! | [`split`], [`report`] | which records of a file are ours, the proof that the splits of a file fit together, and what a split came to |
//!
//! Nothing here is called through a pointer: a reader's columns know the tree of its format (`nodes::Nodes`) when they
//! are compiled.

pub(crate) mod block;
pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod columns;
pub(crate) mod config;
pub(crate) mod deal;
pub(crate) mod drift;
pub(crate) mod error;
pub mod filter;
pub(crate) mod flat;
pub mod gate;
pub(crate) mod names;
pub(crate) mod nodes;
pub mod options;
pub(crate) mod own_columns;
pub(crate) mod progress;
pub(crate) mod proof;
pub mod read;
pub mod report;
pub(crate) mod rows;
pub(crate) mod scan;
pub mod split;
pub(crate) mod tape;
pub(crate) mod template;

pub use config::{OFFSET_COLUMN, RAW_KEY, ROW_TAG_COLUMN};
pub use error::ConfigError;
pub use filter::{LeafPredicate, LeafTest, Literal};
pub use gate::OnUnknown;
pub use options::{Limits, OnBadRecord, OnBadValue};
pub use read::{Fed, FedState, HeadState, ReadFailure};
pub use report::{BadReason, BadRecord, Conflict, PathCount, SplitReport};
pub use split::{Chain, Split, Start, SyncKind, SyncPoint, verify_chain};

//! Tapes to record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, ListArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow::error::ArrowError;

use super::BadReason;
use super::cells::Cells;
use super::column::Column;
use super::config::{OFFSET_COLUMN, ROW_TAG_COLUMN, RecordConfig, item_field};
use super::drift::{Drift, cut_text};
use super::nodes::{NO_NODE, NodeId, Nodes, ROOT};
use super::options::OnBadValue;
use super::proof::Proof;
use super::report::raw_text;
use super::tape::{Entry, Op, Tape};
use crate::values::{Cleaner, Forms};

/// The columns of a batch under construction.
#[derive(Debug)]
pub(crate) struct Columns {
    schema: SchemaRef,
    /// By [`NodeId`]; `None` where a node is not read.
    columns: Vec<Option<Column>>,
    outputs: Vec<Output>,
    rows: usize,
    rows_max: usize,
    /// Input of the rows at hand, and the fixed width of list items.
    bytes: usize,
    bytes_max: usize,
    cleaner: Cleaner,
    on_bad_value: OnBadValue,
    /// What is asked of values because the schema is a sample's.
    proof: Option<Box<Proof>>,
    /// Whether what the schema lacks is counted here.
    counts_unknown: bool,
    /// The column of the raw text of records that cannot be read, if it is wanted.
    corrupt: NodeId,
    raw_bytes_max: usize,
    row_tags: Vec<String>,
    offsets: Vec<i64>,
    tags: Vec<usize>,
    instances: Vec<usize>,
    /// `bytes` before the block at hand.
    bytes_before: usize,
    scratch: Vec<u8>,
    noted: Vec<Noted>,
}

/// Where an output column comes from.
#[derive(Debug)]
enum Output {
    Offset,
    RowTag,
    Node {
        node: NodeId,
        field: FieldRef,
        fields: Vec<Output>,
    },
}

/// Something to be counted if the record becomes a row.
#[derive(Debug)]
struct Noted {
    entry: Entry,
    bad_value: bool,
}

/// A record's place and kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordAt {
    /// Offset in the file.
    pub(crate) offset: u64,
    /// Index of its row tag.
    pub(crate) tag: usize,
}

impl Columns {
    pub(crate) fn new<N: Nodes>(config: &RecordConfig, shape: &N) -> Self {
        let options = &config.options;
        let forms = Arc::new(options.forms.clone());
        let mut columns: Vec<Option<Column>> = Vec::new();
        columns.resize_with(shape.len(), || None);
        let mut outputs = Vec::new();
        let mut row_width = 0;
        for field in config.output().fields() {
            outputs.push(match field.name().as_str() {
                OFFSET_COLUMN => Output::Offset,
                ROW_TAG_COLUMN => Output::RowTag,
                name => {
                    let node = shape.column(ROOT, name);
                    output(field, node, shape, &forms, &mut columns, &mut row_width)
                }
            });
        }
        let proof = Proof::new(config, shape);
        let limits = &options.limits;
        let rows_max = limits
            .batch_rows_max
            .min(limits.batch_bytes_max / row_width.max(1))
            .max(1);
        Self {
            schema: config.output().clone(),
            columns,
            outputs,
            rows: 0,
            rows_max,
            bytes: 0,
            bytes_max: limits.batch_bytes_max,
            cleaner: options.cleaner(),
            on_bad_value: if config.sampled.is_some() {
                OnBadValue::Quarantine
            } else {
                options.on_bad_value
            },
            proof,
            counts_unknown: !options.on_unknown.forbids(),
            corrupt: shape.corrupt(),
            raw_bytes_max: limits.raw_bytes_max,
            row_tags: options.row_tags.clone(),
            offsets: Vec::new(),
            tags: Vec::new(),
            instances: Vec::new(),
            bytes_before: 0,
            scratch: Vec::new(),
            noted: Vec::new(),
        }
    }

    /// Whether the batch is to be taken before another record is appended.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.rows_max || self.bytes >= self.bytes_max
    }

    /// The same, with so many more records of so many bytes.
    pub(crate) fn is_full_with(&self, records: usize, bytes: usize) -> bool {
        self.rows + records >= self.rows_max || self.bytes + bytes >= self.bytes_max
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a record as a row.
    ///
    /// # Errors
    /// A value does not fit; then the columns are as they were.
    pub(crate) fn append<N: Nodes>(
        &mut self,
        shape: &N,
        tape: &Tape,
        record: &[u8],
        at: RecordAt,
        drift: &mut Drift,
    ) -> Result<(), BadReason> {
        self.noted.clear();
        let all = (tape, tape.entries.as_slice());
        if let Err(reason) = self.append_entries(shape, all, record, at, self.rows) {
            self.truncate_to(self.rows);
            return Err(reason);
        }
        if self.corrupt != NO_NODE && self.noted.iter().any(|noted| noted.bad_value) {
            self.fill_corrupt(&raw_text(record, self.raw_bytes_max, tape.rules.table));
        }
        self.end_row(record.len() + tape.expanded_bytes, at);
        for noted in &self.noted {
            let text = |scratch: &mut Vec<u8>| cut_text(tape.text(&noted.entry, record, scratch));
            drift.count(noted.entry.node, noted.bad_value, at.offset, || {
                text(&mut self.scratch)
            });
        }
        Ok(())
    }

    /// Appends a record that cannot be read as a row that has nothing but its raw text.
    pub(crate) fn append_raw(&mut self, raw: &str, at: RecordAt) {
        if self.corrupt != NO_NODE {
            self.fill_corrupt(raw);
        }
        self.end_row(raw.len(), at);
    }

    fn fill_corrupt(&mut self, raw: &str) {
        if let Ok(column) = column(&mut self.columns, self.corrupt)
            && column.begin(self.rows).is_some()
            && column.push_text(raw.as_bytes()).is_ok()
        {
            self.bytes += raw.len();
        }
    }

    /// The column of a node, if it is read, how texts are read, and what is asked of them.
    pub(super) fn flat(&mut self, node: NodeId) -> (Option<&mut Column>, &Cleaner, Option<&Proof>) {
        let column = self.columns.get_mut(node as usize);
        let column = column.and_then(Option::as_mut);
        (column, &self.cleaner, self.proof.as_deref())
    }

    /// What the values of records are dealt out to.
    pub(super) fn cells<N: Nodes>(&self, names: &N) -> Cells {
        Cells::new(&self.columns, names)
    }

    /// Begins a block of records.
    pub(super) fn begin_block(&mut self) {
        self.bytes_before = self.bytes;
        self.noted.clear();
    }

    /// Makes the columns what they were before the block at hand.
    #[cold]
    pub(super) fn give_block_up(&mut self) {
        self.truncate_to(self.rows);
        self.bytes = self.bytes_before;
    }

    /// Whether values are to bear out a sample.
    pub(super) fn is_proving(&self) -> bool {
        self.proof.is_some()
    }

    /// Whether what the schema lacks is counted here.
    pub(super) fn counts_unknown(&self) -> bool {
        self.counts_unknown
    }

    /// Takes what is to be counted of entries that were appended, and whether each is a value that does not fit.
    pub(super) fn take_noted(&mut self) -> impl Iterator<Item = (Entry, bool)> + use<'_> {
        let noted = self.noted.drain(..);
        noted.map(|noted| (noted.entry, noted.bad_value))
    }

    /// Cuts all columns back to a number of rows.
    pub(super) fn truncate_to(&mut self, rows: usize) {
        for output in &self.outputs {
            truncate(&mut self.columns, output, rows);
        }
    }

    pub(super) fn end_row(&mut self, bytes: usize, at: RecordAt) {
        self.rows += 1;
        self.bytes += bytes;
        self.offsets.push(at.offset as i64);
        self.tags.push(at.tag);
    }

    /// Appends entries of a tape that belong to the instance `instance` of what is around them.
    ///
    /// # Errors
    /// A value does not fit; then some are appended.
    #[inline(always)]
    pub(super) fn append_entries<N: Nodes>(
        &mut self,
        shape: &N,
        (tape, entries): (&Tape, &[Entry]),
        record: &[u8],
        at: RecordAt,
        mut instance: usize,
    ) -> Result<(), BadReason> {
        let mut passing = 0_usize; // depth inside a struct that is left out
        self.instances.clear();
        for entry in entries {
            if passing > 0 {
                match entry.op {
                    Op::Enter => passing += 1,
                    Op::Leave => passing -= 1,
                    _ => {}
                }
                continue;
            }
            match entry.op {
                Op::Leave => {
                    instance = self.instances.pop().unwrap_or(self.rows);
                    continue;
                }
                Op::Unknown => {
                    if self.proof.is_some() {
                        let text = tape.text(entry, record, &mut self.scratch);
                        return Err(unlike_the_sample(shape, entry, text, at));
                    }
                    if self.counts_unknown {
                        self.noted.push(Noted {
                            entry: *entry,
                            bad_value: false,
                        });
                    }
                    continue;
                }
                Op::Enter if entry.node == ROOT => {
                    self.instances.push(instance);
                    continue;
                }
                _ => {}
            }
            let Some(column) = self
                .columns
                .get_mut(entry.node as usize)
                .and_then(Option::as_mut)
            else {
                // Read for a filter or a contract alone.
                passing = usize::from(entry.op == Op::Enter);
                continue;
            };
            if entry.op == Op::Empty {
                column.begin_list(instance);
                continue;
            }
            let Some(index) = column.begin(instance) else {
                if shape.joins(entry.node) {
                    column.extend_text(tape.text(entry, record, &mut self.scratch));
                    continue;
                }
                if self.on_bad_value == OnBadValue::Quarantine {
                    let at = at.offset + Tape::place(entry);
                    return Err(BadReason::Repeated {
                        at,
                        path: shape.path(entry.node),
                    });
                }
                self.noted.push(Noted {
                    entry: *entry,
                    bad_value: true,
                });
                passing = usize::from(entry.op == Op::Enter);
                continue;
            };
            if column.list.is_some() {
                self.bytes += column.width;
            }
            match entry.op {
                Op::Enter => {
                    column.push_struct();
                    self.instances.push(instance);
                    instance = index;
                }
                Op::Null => column.push_null(),
                _ => {
                    let text = tape.text(entry, record, &mut self.scratch);
                    let Some(text) = self.cleaner.clean(text) else {
                        column.push_null();
                        continue;
                    };
                    if let Some(proof) = &self.proof
                        && !proof.bears_out(entry, text)
                    {
                        return Err(unlike_the_sample(shape, entry, text, at));
                    }
                    if column.push_text(text).is_err() {
                        if self.on_bad_value == OnBadValue::Quarantine {
                            return Err(BadReason::Value {
                                at: at.offset + Tape::place(entry),
                                path: shape.path(entry.node),
                                expected: column.expected(),
                                found: cut_text(text),
                            });
                        }
                        column.push_null();
                        self.noted.push(Noted {
                            entry: *entry,
                            bad_value: true,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// The rows so far as a batch; `None` if there are none.
    ///
    /// # Errors
    /// Arrow's, which would be our own mistake.
    pub(crate) fn finish(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let offsets = std::mem::take(&mut self.offsets);
        let tags = std::mem::take(&mut self.tags);
        let mut arrays = Vec::with_capacity(self.outputs.len());
        for output in &self.outputs {
            arrays.push(match output {
                Output::Offset => Arc::new(Int64Array::from(offsets.clone())) as ArrayRef,
                Output::RowTag => {
                    let names = tags
                        .iter()
                        .map(|tag| self.row_tags.get(*tag).map(String::as_str));
                    Arc::new(names.collect::<StringArray>())
                }
                Output::Node {
                    node,
                    field,
                    fields,
                } => build(&mut self.columns, *node, field, fields, rows)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).map(Some)
    }
}

/// A value that a schema's sample did not show.
#[cold]
fn unlike_the_sample<N: Nodes>(shape: &N, entry: &Entry, text: &[u8], at: RecordAt) -> BadReason {
    BadReason::Value {
        at: at.offset + Tape::place(entry),
        path: match entry.node {
            NO_NODE => String::new(),
            node => shape.path(node),
        },
        expected: "as in the sample".to_string(),
        found: cut_text(text),
    }
}

fn output<N: Nodes>(
    field: &FieldRef,
    node: NodeId,
    shape: &N,
    forms: &Arc<Forms>,
    columns: &mut [Option<Column>],
    width: &mut usize,
) -> Output {
    let column = Column::new(field.data_type(), forms);
    let is_list = column.list.is_some();
    *width += if is_list { 4 } else { column.width };
    // What lies inside a list is counted as it comes.
    let mut item_width = 0;
    let mut fields = Vec::new();
    let width = if is_list { &mut item_width } else { width };
    match item_field(field).data_type() {
        DataType::Struct(inner) => {
            for field in inner {
                let node = shape.column(node, field.name());
                fields.push(output(field, node, shape, forms, columns, width));
            }
        }
        DataType::List(_) => {
            let item = Arc::new(item_field(field).clone());
            let node = shape.items(node);
            fields.push(output(&item, node, shape, forms, columns, width));
        }
        _ => {}
    }
    if let Some(slot) = columns.get_mut(node as usize) {
        let mut column = column;
        column.width += item_width;
        *slot = Some(column);
    }
    Output::Node {
        node,
        field: field.clone(),
        fields,
    }
}

fn column(columns: &mut [Option<Column>], node: NodeId) -> Result<&mut Column, ArrowError> {
    let found = columns
        .get_mut(node as usize)
        .filter(|_| node != NO_NODE)
        .and_then(Option::as_mut);
    found.ok_or_else(|| {
        ArrowError::SchemaError("an output column has no place in the schema".to_string())
    })
}

fn truncate(columns: &mut [Option<Column>], output: &Output, parents: usize) {
    if let Output::Node { node, fields, .. } = output {
        let Ok(column) = column(columns, *node) else {
            return;
        };
        let left = column.truncate(parents);
        for field in fields {
            truncate(columns, field, left);
        }
    }
}

fn build(
    columns: &mut [Option<Column>],
    node: NodeId,
    field: &FieldRef,
    fields: &[Output],
    parents: usize,
) -> Result<ArrayRef, ArrowError> {
    let this = column(columns, node)?;
    let lists = match &mut this.list {
        Some(list) => {
            list.pad(parents);
            Some(list.finish())
        }
        None => {
            this.pad(parents);
            None
        }
    };
    let len = this.len();
    let (array, nulls) = this.finish()?;
    let items: ArrayRef = match (array, item_field(field).data_type()) {
        (Some(array), _) => array,
        (None, DataType::Struct(inner)) => {
            let mut arrays = Vec::with_capacity(fields.len());
            for output in fields {
                if let Output::Node {
                    node,
                    field,
                    fields,
                } = output
                {
                    arrays.push(build(columns, *node, field, fields, len)?);
                }
            }
            Arc::new(StructArray::try_new(inner.clone(), arrays, nulls)?)
        }
        (None, other) => match fields {
            [
                Output::Node {
                    node,
                    field,
                    fields,
                },
            ] => build(columns, *node, field, fields, len)?,
            _ => return Err(ArrowError::SchemaError(format!("{other} is no struct"))),
        },
    };
    match (lists, field.data_type()) {
        (Some((offsets, nulls)), DataType::List(item)) => Ok(Arc::new(ListArray::try_new(
            item.clone(),
            offsets,
            items,
            nulls,
        )?)),
        _ => Ok(items),
    }
}

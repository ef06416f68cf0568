//! Reads the splits of one task, one after another, with one parser.
//!
//! Many small files make few batches: a batch may hold records of several
//! files, and the columns that are constant for each split are filled in here.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Array, RecordBatch, RecordBatchOptions, StringBuilder,
};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::PhysicalExpr;
use futures::Stream;
use futures::stream::try_unfold;
use headworks_formats::{FedState, FormatConfig, FormatOptions, FormatReader, ReadFailure, Split};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::chunks::{Chunks, fill};
use crate::error::{ErrorClass, TaskError};
use crate::scan::{RecordSource, ScanObserver};
use crate::split::SplitSpec;
use crate::stored::Stored;
use crate::window::Window;
use crate::{FILE_COLUMN, SPLIT_COLUMN};

/// What a task reads, in order.
pub(crate) type Pack = VecDeque<(SplitSpec, Path)>;

/// The projected rows of a pack.
///
/// # Errors
/// If the parser cannot be set up; the stream yields errors of reading.
pub(crate) fn read_pack(
    source: &RecordSource,
    store: Arc<dyn ObjectStore>,
    pack: Pack,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
    let scan = PackScan {
        projection: Projection::new(source)?,
        config: source.config()?,
        options: Arc::new(source.spec().options.clone()),
        store,
        waiting: pack,
        observer: source.observer(),
        reader: None,
        current: None,
        window: Window::default(),
        segments: Vec::new(),
        rows_before: 0,
    };
    Ok(try_unfold(scan, |mut scan| async move {
        Ok(scan.next_batch().await?.map(|batch| (batch, scan)))
    }))
}

/// Turns the parser's batches into the scan's output.
struct Projection {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    output: SchemaRef,
    /// The parser's columns, under their columns' names, then those constant columns that are wanted.
    input: SchemaRef,
    wants_file: bool,
    wants_split: bool,
}

impl Projection {
    fn new(source: &RecordSource) -> Result<Self> {
        let wanted: Vec<_> = source
            .projection_exprs()
            .iter()
            .flat_map(|p| collect_columns(&p.expr))
            .collect();
        let wants = |name: &str| wanted.iter().any(|column| column.name() == name);
        let (wants_file, wants_split) = (wants(FILE_COLUMN), wants(SPLIT_COLUMN));
        let mut fields: Vec<_> = source.reads()?.fields().iter().cloned().collect();
        for field in source.table().table_partition_cols() {
            if wants(field.name()) {
                fields.push(Arc::clone(field));
            }
        }
        let input = Arc::new(Schema::new(fields));
        let exprs = source
            .projection_exprs()
            .iter()
            .map(|p| reassign_expr_columns(Arc::clone(&p.expr), &input));
        let exprs = exprs.collect::<Result<_>>()?;
        let output = Arc::new(
            source
                .projection_exprs()
                .project_schema(source.table().table_schema())?,
        );
        Ok(Self {
            exprs,
            output,
            input,
            wants_file,
            wants_split,
        })
    }

    /// `segments`: splits and how many of the batch's rows are theirs, in order.
    fn apply(
        &self,
        batch: &RecordBatch,
        segments: &[(Arc<SplitSpec>, usize)],
    ) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns = batch.columns().to_vec();
        if self.wants_file {
            let mut files = StringBuilder::with_capacity(rows, rows * 64);
            for (split, count) in segments {
                (0..*count).for_each(|_| files.append_value(&split.path));
            }
            columns.push(Arc::new(files.finish()));
        }
        if self.wants_split {
            let ids = segments
                .iter()
                .flat_map(|(split, count)| std::iter::repeat_n(split.id, *count));
            columns.push(Arc::new(Int32Array::from_iter_values(ids)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let input = RecordBatch::try_new_with_options(Arc::clone(&self.input), columns, &options)?;
        let columns: Vec<ArrayRef> = self
            .exprs
            .iter()
            .map(|expr| expr.evaluate(&input)?.into_array(rows))
            .collect::<Result<_>>()?;
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.output),
            columns,
            &options,
        )?)
    }
}

struct PackScan {
    projection: Projection,
    config: FormatConfig,
    /// The same for looking at files' heads.
    options: Arc<FormatOptions>,
    store: Arc<dyn ObjectStore>,
    waiting: Pack,
    observer: Option<Arc<dyn ScanObserver>>,
    reader: Option<FormatReader>,
    current: Option<Current>,
    /// The current file's bytes from the reader's position on.
    window: Window,
    /// Splits with rows in the batch to come.
    segments: Vec<(Arc<SplitSpec>, usize)>,
    /// Rows of earlier splits in the batch to come.
    rows_before: usize,
}

/// The split that is being read.
struct Current {
    split: Arc<SplitSpec>,
    location: Path,
    chunks: Chunks,
    /// Lines before the split's first byte; known once a bad record asks.
    base_line: Option<u64>,
}

impl PackScan {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.current.is_none() {
                if !self.begin_next() {
                    return self.take_batch();
                }
                self.fill(1).await?;
                self.tell_head();
            }
            let (Some(reader), Some(current)) = (&mut self.reader, &self.current) else {
                return Err(DataFusionError::Internal("a pack without a reader".into()));
            };
            let path = &current.split.path;
            let (bytes, eof) = self.window.shown();
            let fed = reader.feed(bytes, eof).map_err(|e| {
                let class = match e {
                    ReadFailure::Surprise { .. } => ErrorClass::Sample,
                    _ => ErrorClass::Input,
                };
                let next = match e {
                    ReadFailure::BadRecord(_) => {
                        "; mend it, or let on_bad_record say quarantine, which sets it aside and reads on"
                    }
                    _ => "",
                };
                TaskError::new(class, format!("{path}: {e}{next}")).into_datafusion()
            })?;
            self.window.consume(fed.consumed);
            match fed.state {
                FedState::NeedInput { at_least } => self.fill(at_least).await?,
                FedState::BatchReady => {
                    self.pass_on_bad_records().await?;
                    self.close_segment();
                    if let Some(batch) = self.take_batch()? {
                        return Ok(Some(batch));
                    }
                }
                FedState::Done => {
                    self.pass_on_bad_records().await?;
                    self.close_segment();
                    if let (Some(observer), Some(reader), Some(current)) =
                        (&self.observer, &self.reader, self.current.take())
                    {
                        observer.split_done(&current.split, reader.report());
                    }
                    self.current = None;
                }
            }
        }
    }

    /// Goes on to the next split; `false` if there is none.
    fn begin_next(&mut self) -> bool {
        let Some((split, location)) = self.waiting.pop_front() else {
            return false;
        };
        let range = Split {
            start: split.reader_start(),
            end: if split.is_last() { u64::MAX } else { split.end },
        };
        let reader = match &mut self.reader {
            Some(reader) => {
                reader.next_split(range);
                reader
            }
            none => none.insert(FormatReader::new(&self.config, range)),
        };
        let mut chunks = Chunks::new(
            Arc::clone(&self.store),
            location.clone(),
            &split,
            reader.position(),
            &self.options,
        );
        chunks.recycle(self.window.clear());
        self.current = Some(Current {
            split: Arc::new(split),
            location,
            chunks,
            base_line: None,
        });
        true
    }

    /// Tells the reader how the file begins, where it cannot see that itself.
    fn tell_head(&mut self) {
        if let (Some(reader), Some(current)) = (&mut self.reader, &self.current)
            && let Some(head) = current.chunks.head()
        {
            reader.set_head(head);
        }
    }

    /// Notes which of the pending rows are the current split's.
    fn close_segment(&mut self) {
        let (Some(reader), Some(current)) = (&self.reader, &self.current) else {
            return;
        };
        let pending = reader.pending_rows();
        if pending > self.rows_before {
            self.segments
                .push((Arc::clone(&current.split), pending - self.rows_before));
            self.rows_before = pending;
        }
    }

    fn take_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        let batch = reader
            .take_batch()
            .map_err(|e| DataFusionError::Internal(e.to_string()))?;
        let segments = std::mem::take(&mut self.segments);
        self.rows_before = 0;
        batch
            .map(|batch| self.projection.apply(&batch, &segments))
            .transpose()
    }

    /// Shows at least `at_least` bytes, unless the file ends.
    async fn fill(&mut self, at_least: usize) -> Result<()> {
        match &mut self.current {
            Some(current) => fill(&mut current.chunks, &mut self.window, at_least).await,
            None => Ok(()),
        }
    }

    async fn pass_on_bad_records(&mut self) -> Result<()> {
        let (Some(reader), Some(current)) = (&mut self.reader, &mut self.current) else {
            return Ok(());
        };
        let mut records = reader.take_bad();
        let (false, Some(observer)) = (records.is_empty(), &self.observer) else {
            return Ok(());
        };
        let base = match current.base_line {
            Some(base) => base,
            None => {
                lines_before(
                    Arc::clone(&self.store),
                    current.location.clone(),
                    &current.split,
                    reader.line_end(),
                )
                .await?
            }
        };
        current.base_line = Some(base);
        for record in &mut records {
            record.line_in_split += base + 1; // from here on: the line in the file
        }
        observer.bad_records(&current.split, records)
    }
}

/// Counts the lines before a split's first byte: only done when a bad record
/// of a split inside a file wants its line's number. `line_end` is the last byte of each.
async fn lines_before(
    store: Arc<dyn ObjectStore>,
    location: Path,
    split: &SplitSpec,
    line_end: u8,
) -> Result<u64> {
    let from = split.reader_start().offset();
    if from == 0 {
        return Ok(0);
    }
    let head = SplitSpec {
        start: 0,
        end: from,
        known_start: None,
        file_size: from,
        ..split.clone()
    };
    let mut stored = Stored::new(store, location, &head, 0);
    let mut lines = 0;
    while let Some(bytes) = stored.next_chunk().await? {
        lines += memchr::memchr_iter(line_end, &bytes).count() as u64;
    }
    Ok(lines)
}

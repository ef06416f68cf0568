//! Joins with a small side: hashed, not sorted.
//!
//! Ballista's sessions plan every join as a merge of two sorted sides, which needs no memory for either. But to sort
//! a large side costs more than all else that a join does, and where the other side is small it is for nothing: its
//! rows fit a hash table, and those of the large side only pass by. So such joins become hash joins, each partition
//! for itself as before: both sides are still shuffled by their keys, which keeps every kind of join exact whatever
//! task a partition runs in.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};

/// A side is small if all that it is read from has at most so many bytes as text.
const SMALL_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How many bytes of text a compressed or columnar byte stands for.
const UNPACKED_FACTOR: u64 = 8;
/// Files whose bytes are packed, by how their names end.
const PACKED: [&str; 6] = [".parquet", ".gz", ".bz2", ".zst", ".xz", ".zip"];
/// Nodes that yield no more than they read.
const NOT_LARGER: [&str; 10] = [
    "AggregateExec",
    "BoundedWindowAggExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "FilterExec",
    "ProjectionExec",
    "RepartitionExec",
    "SortExec",
    "UnionExec",
    "WindowAggExec",
];

/// Hashes the small side of joins that have one. Stands before the rules that shuffle and sort.
#[derive(Debug)]
pub(crate) struct HashSmallSides;

impl PhysicalOptimizerRule for HashSmallSides {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.downcast_ref::<SortMergeJoinExec>() {
                Some(join) => match hashed(join)? {
                    Some(hashed) => Transformed::yes(hashed),
                    None => Transformed::no(node),
                },
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "hash_small_sides"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same join with its small side in a hash table, if it has one.
fn hashed(join: &SortMergeJoinExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let is_small = |side| bytes_of(side).is_some_and(|bytes| bytes <= SMALL_BYTES_MAX);
    let left = is_small(join.left());
    // The table is made of the left side: with a small one on the right, they change places.
    let swap = !left && is_small(join.right()) && join.join_type().supports_swap();
    if !left && !swap {
        return Ok(None);
    }
    let hashed = HashJoinExec::try_new(
        Arc::clone(join.left()),
        Arc::clone(join.right()),
        join.on().to_vec(),
        join.filter().clone(),
        &join.join_type(),
        None,
        PartitionMode::Partitioned,
        join.null_equality(),
        false,
    )?;
    Ok(Some(if swap {
        hashed.swap_inputs(PartitionMode::Partitioned)?
    } else {
        Arc::new(hashed)
    }))
}

/// The bytes as text of all files that a side reads; `None` where more may come out than goes in, or it is not known.
fn bytes_of(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let scan = scan.data_source().downcast_ref::<FileScanConfig>()?;
        let files = scan.file_groups.iter().flat_map(|group| group.files());
        return Some(
            files
                .map(|file| {
                    let packed = PACKED
                        .iter()
                        .any(|end| file.object_meta.location.as_ref().ends_with(end));
                    let read = match &file.range {
                        Some(range) => u64::try_from(range.end - range.start).unwrap_or(u64::MAX),
                        None => file.object_meta.size,
                    };
                    read.saturating_mul(if packed { UNPACKED_FACTOR } else { 1 })
                })
                .fold(0, u64::saturating_add),
        );
    }
    if !NOT_LARGER.contains(&plan.name()) {
        return None;
    }
    let inputs = plan.children().into_iter().map(bytes_of);
    inputs
        .collect::<Option<Vec<u64>>>()
        .map(|bytes| bytes.into_iter().fold(0, u64::saturating_add))
}

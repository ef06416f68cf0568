//! Makes all scans of one source in a query read the same.
//!
//! A query that names a source twice scans it twice, and each scan asks the parser for its own columns. A record with a
//! value that does not fit would be bad for one of them alone: it would be counted and put into quarantine by chance,
//! since one of the scans of a split stands for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;

use crate::nodes::source_of;

/// What the scans of one source look at.
#[derive(Default)]
struct Scans {
    count: usize,
    paths: BTreeSet<Vec<String>>,
}

/// Gives each scan of a source that has several what the others look at.
pub(super) fn read_alike(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut sources: BTreeMap<String, Scans> = BTreeMap::new();
    plan.apply(|node| {
        if let Some((_, source)) = source_of(node.as_ref()) {
            let scans = sources.entry(source.spec().source.clone()).or_default();
            scans.count += 1;
            scans.paths.extend(source.looks_at());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    sources.retain(|_, scans| scans.count > 1);
    plan.transform_up(|node| {
        let Some((config, source)) = source_of(node.as_ref()) else {
            return Ok(Transformed::no(node));
        };
        let Some(scans) = sources.get(&source.spec().source) else {
            return Ok(Transformed::no(node));
        };
        let config = FileScanConfigBuilder::from(config.clone())
            .with_source(Arc::new(source.reading_also(scans.paths.clone())))
            .build();
        let scan = DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>;
        Ok(Transformed::yes(scan))
    })
    .data()
}

//! Sessions: the one configuration that planner and executors agree on, and
//! the runtime that an executor's tasks share.

use std::path::Path;
use std::sync::Arc;

use ballista_core::config::{BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_COALESCE_ENABLED};
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::default_config_producer;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::plan::HashSmallSides;
use crate::stores::Stores;

/// Rows of a batch.
pub const BATCH_ROWS: usize = 8192;

/// The configuration of every session. No secret ever goes in here: Ballista
/// shows it to whoever asks.
#[must_use]
pub fn config(shuffle_partitions: usize) -> SessionConfig {
    // Ballista's own first: it turns off what can hang or cannot be sent.
    let mut config = default_config_producer()
        .with_target_partitions(shuffle_partitions.max(1))
        .with_batch_size(BATCH_ROWS)
        // The splits are ours: the planner must not cut or merge files.
        .with_repartition_file_scans(false)
        // Names match as written, quoted or not (see `plan::names`).
        .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
        .set_bool("datafusion.sql_parser.collect_spans", true)
        // Money stays exact.
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        // The adaptive planner loses the job with an executor.
        .set_bool(BALLISTA_ADAPTIVE_PLANNER_ENABLED, false)
        .set_bool(BALLISTA_COALESCE_ENABLED, false)
        // Otherwise byte ranges move between the partitions of one task.
        .set_usize("ballista.scheduler.max_partitions_per_task", 1);
    config
        .options_mut()
        .optimizer
        .enable_dynamic_filter_pushdown = false;
    config
}

/// The state that plans: the scheduler's, or a client's for `sql`.
#[must_use]
pub fn state(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionState {
    let mut rules = PhysicalOptimizer::default().rules;
    rules.insert(0, Arc::new(HashSmallSides));
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .build()
}

/// The functions that executors know: all that the planner knows. Ballista's own
/// list lacks those on lists and structs, and a task with one of them would be
/// refused by its executor.
#[must_use]
pub fn functions(state: &SessionState) -> BallistaFunctionRegistry {
    BallistaFunctionRegistry {
        scalar_functions: state.scalar_functions().clone(),
        aggregate_functions: state.aggregate_functions().clone(),
        window_functions: state.window_functions().clone(),
        ..BallistaFunctionRegistry::default()
    }
}

/// A context to plan in.
///
/// # Errors
/// If the runtime cannot be made.
pub fn planner(shuffle_partitions: usize) -> Result<SessionContext> {
    Ok(SessionContext::new_with_state(state(
        config(shuffle_partitions),
        runtime()?,
    )))
}

/// The runtime of a session that plans: it knows the stores, and has no bounds.
///
/// # Errors
/// If it cannot be made.
pub fn runtime() -> Result<Arc<RuntimeEnv>> {
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(Stores::default()))
        .build_arc()
}

/// The runtime that all tasks of an executor share: one pool of memory that
/// spills into the executor's own folder.
///
/// # Errors
/// If the folder cannot be used.
pub fn executor_runtime(work_dir: &Path, memory_bytes: usize) -> Result<Arc<RuntimeEnv>> {
    let spill = work_dir.join("spill");
    std::fs::create_dir_all(&spill)?;
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(Stores::default()))
        .with_memory_pool(Arc::new(FairSpillPool::new(memory_bytes)))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill])),
        )
        .build_arc()
}

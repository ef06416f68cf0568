//! Tasks are sent to executors ahead, and begin when others have nothing left to do but to wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::guards::{Gate, PATIENCE};
use super::world::{RECORDS, Setup, World, accepted};
use crate::report::Point;

/// Of so many tasks on executors with one core each, so many come to wait for the disk while none may end.
async fn wait_at_once(executors: usize, tasks: u64, expected: usize) {
    let (gate, fail_point) = Gate::new(Point::Written, |_, _| true);
    let world = World::new(Setup {
        executors,
        cores: 1,
        fail_point: Some(fail_point),
        ..Setup::default()
    })
    .await;
    let world = Arc::new(world);
    let request = world.request("SELECT id FROM src", tasks).await;
    let running = {
        let (world, request) = (Arc::clone(&world), Arc::clone(&request));
        tokio::spawn(async move { world.run(&request, |_| {}).await })
    };
    gate.wait_until_held(expected).await;
    // Should there be one more, it would be there soon.
    sleep(Duration::from_millis(300)).await;
    assert_eq!(
        gate.held(),
        expected,
        "{tasks} tasks, {executors} executors"
    );
    gate.open();
    let outcome = timeout(PATIENCE, running).await.expect("all tasks end");
    assert_eq!(accepted(outcome.unwrap()).rows, RECORDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_has_one_task_ahead() {
    wait_at_once(1, 1, 1).await;
    wait_at_once(1, 5, 2).await;
}

/// The last tasks wait for the slot that is free first, on whichever executor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_tasks_are_not_sent_ahead_where_there_are_several_executors() {
    wait_at_once(2, 4, 2).await;
    wait_at_once(2, 5, 3).await;
    wait_at_once(2, 8, 4).await;
}

//! The threads that talk to object stores, and the way to them from code that blocks.
//!
//! A connection lives on the runtime that opened it, and clients are kept as long as the process: so they need a
//! runtime that does not end with a caller's. Work on it never waits for work elsewhere, hence a thread of any
//! other runtime can wait for it without waiting for itself.

use std::cell::Cell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{OnceLock, mpsc};

use futures::FutureExt;
use tokio::runtime::{Builder, Handle, Runtime};

/// At most so many threads serve all requests of the process; they move and decrypt bytes, and do nothing else.
const IO_THREADS_MAX: usize = 4;

thread_local! {
    static IS_IO_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// The runtime that all requests run on.
///
/// # Panics
/// If the system gives no threads: nothing would work.
#[must_use]
pub fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Builder::new_multi_thread()
                .worker_threads(cores.clamp(2, IO_THREADS_MAX))
                .thread_name("object-store")
                .on_thread_start(|| IS_IO_THREAD.set(true))
                .enable_all()
                .build()
                .unwrap_or_else(|error| panic!("no threads for object stores: {error}"))
        })
        .handle()
}

/// Runs a future on [`runtime`] and blocks until it is done, whatever thread this is.
///
/// # Panics
/// As the future does; and on a thread of [`runtime`] itself, which would wait for itself.
pub fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    assert!(
        !IS_IO_THREAD.get(),
        "a thread that serves requests must not wait for one"
    );
    let (sender, receiver) = mpsc::sync_channel(1);
    runtime().spawn(async move {
        let _ = sender.send(AssertUnwindSafe(future).catch_unwind().await);
    });
    match receiver.recv() {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(_) => panic!("the threads of the object stores have ended"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_works_inside_a_task_of_another_runtime() {
        let other = Builder::new_current_thread().build().unwrap();
        let answer = other.block_on(async {
            wait(async {
                tokio::task::yield_now().await;
                42
            })
        });
        assert_eq!(answer, 42);
    }

    #[test]
    fn a_panic_comes_back_and_waiting_for_oneself_is_one() {
        assert!(std::panic::catch_unwind(|| wait(async { panic!("inside") })).is_err());
        assert!(std::panic::catch_unwind(|| wait(async { wait(async {}) })).is_err());
        assert_eq!(wait(async { 1 }), 1);
    }
}

//! Waiting for what is asynchronous, from threads that are not.
//!
//! One small runtime for the process drives the connections. Callers wait by parking their own thread, which is
//! allowed even inside of a runtime of theirs (it blocks that thread, as every call of this crate may).

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Runtime};
use tokio::task::unconstrained;

/// One thread moves the bytes of all connections; hashing and disks are on the callers' threads.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(1).thread_name("lacre-net").enable_all().build()
});

/// The runtime, or why there is none.
pub(super) fn runtime() -> Result<&'static Runtime, String> {
    RUNTIME.as_ref().map_err(|error| format!("no thread for the network: {error}"))
}

/// Waits until `future` is done.
pub(super) fn wait<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    // Timers and connections belong to the runtime that is entered.
    let _context = runtime.enter();
    // A budget of the caller's own runtime would never be filled up again while this thread waits.
    let mut future = pin!(unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
        thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn waits_outside_and_inside_of_a_runtime() {
        let ours = runtime().unwrap();
        let later = || async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            7
        };
        assert_eq!(wait(ours, later()), 7);
        let theirs = Builder::new_current_thread().build().unwrap();
        assert_eq!(theirs.block_on(async { wait(ours, later()) }), 7);
    }
}

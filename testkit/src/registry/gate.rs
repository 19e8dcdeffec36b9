//! Gates: places where requests wait until a test lets them go on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::sync::watch;

/// A gate that is closed until it is opened, for good. Whoever waits at it is counted.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: watch::Sender<bool>,
    came: Mutex<usize>,
    changed: Condvar,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        let (open, came, changed) = (watch::Sender::new(false), Mutex::new(0), Condvar::new());
        Self(Arc::new(Inner { open, came, changed }))
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Whether `count` requests have come to the gate, within a moment: to be asked again as long as they still can come.
    pub fn was_reached_by(&self, count: usize) -> bool {
        const MOMENT: Duration = Duration::from_millis(10);
        let came = self.0.came.lock().unwrap();
        *self.0.changed.wait_timeout_while(came, MOMENT, |came| *came < count).unwrap().0 >= count
    }

    /// Comes to the gate, and waits until it is open.
    pub(super) fn pass(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut open = self.0.open.subscribe();
        *self.0.came.lock().unwrap() += 1;
        self.0.changed.notify_all();
        // The sender lives as long as the gate; when that is gone nobody can open it any more.
        async move { drop(open.wait_for(|open| *open).await) }
    }
}

/// A gate that closes when so many bytes of bodies have come or gone, whoever's they are.
#[derive(Default)]
pub(super) struct Dam {
    left: AtomicU64,
    gate: Mutex<Option<Gate>>,
}

impl Dam {
    /// Closes after `bytes` more.
    pub(super) fn build(&self, bytes: u64) -> Gate {
        let gate = Gate::new();
        self.left.store(bytes, Ordering::SeqCst);
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub(super) fn count(&self, bytes: usize) {
        let less = |left: u64| Some(left.saturating_sub(bytes as u64));
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }

    /// The gate, if bytes must wait there now.
    pub(super) fn closed(&self) -> Option<Gate> {
        let gate = self.gate.lock().unwrap();
        gate.as_ref().filter(|gate| self.left.load(Ordering::SeqCst) == 0 && !*gate.0.open.borrow()).cloned()
    }
}

//! Telling a person how far the work is, asking whether it should go on, and holding it to a pace.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Watches long work. Every method may be called from several threads at once.
pub trait Progress: Sync {
    /// The work begins: so many files, so many bytes.
    fn begin(&self, files: u64, bytes: u64) {
        let _ = (files, bytes);
    }

    /// So many bytes more are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// A file of this name (safe for a terminal) is begun.
    fn file(&self, name: &str) {
        let _ = name;
    }

    /// Whether the work should stop. Asked between pieces; an answer of `true` ends the work with
    /// [`HashError::Interrupted`](crate::HashError::Interrupted).
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing and never stops the work.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}

/// Holds work to so many bytes per second, over all of its threads together, and tells another [`Progress`] of it.
///
/// The work waits in [`advance`](Progress::advance), after each piece that it has read. So it can be ahead of its
/// pace by one piece for each thread (at most 1 MiB), and after a pause by 50 ms worth of bytes; never by more. A wait
/// ends early once the other one says that the work is cancelled. What is not counted in bytes, as finding and opening
/// files, is not held back.
///
/// ```
/// use std::num::NonZeroU64;
/// use lacre_hash::{NoProgress, Paced};
///
/// // 500 MB/s, whatever the disk could give.
/// let gentle = NonZeroU64::new(500_000_000).map(|rate| Paced::new(&NoProgress, rate));
/// # assert!(gentle.is_some());
/// ```
pub struct Paced<'a> {
    inner: &'a dyn Progress,
    started: Instant,
    account: Mutex<Account>,
}

impl<'a> Paced<'a> {
    /// Holds the work to `rate` bytes per second, and tells `inner` of it.
    pub fn new(inner: &'a dyn Progress, rate: NonZeroU64) -> Self {
        Self { inner, started: Instant::now(), account: Mutex::new(Account::new(rate)) }
    }
}

impl std::fmt::Debug for Paced<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Paced").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Progress for Paced<'_> {
    fn begin(&self, files: u64, bytes: u64) {
        self.inner.begin(files, bytes);
    }

    fn advance(&self, bytes: u64) {
        self.inner.advance(bytes);
        let now = || self.started.elapsed();
        let paid = self.account.lock().unwrap_or_else(PoisonError::into_inner).take(now(), bytes);
        wait_until(paid, now, std::thread::sleep, || self.inner.cancelled());
    }

    fn file(&self, name: &str) {
        self.inner.file(name);
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }
}

/// Time that was not used is kept for later, but no more than this.
const BURST: Duration = Duration::from_millis(50);

/// The longest wait before somebody is asked again whether it is still wanted.
const STEP: Duration = Duration::from_millis(50);

/// A bucket of tokens, kept as the moment at which it is even: every byte moves that moment on by what it costs.
#[derive(Debug)]
struct Account {
    rate: NonZeroU64,
    /// When all bytes that were taken so far are paid for, counted from the start.
    paid: Duration,
}

impl Account {
    const fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid: Duration::ZERO }
    }

    /// Takes `bytes` at the moment `now`; returns the moment at which they are paid for.
    fn take(&mut self, now: Duration, bytes: u64) -> Duration {
        // Rounded up: many small pieces must not be quicker than one large one.
        let nanos = (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(self.rate.get()));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.paid = self.paid.max(now.saturating_sub(BURST)).saturating_add(cost);
        self.paid
    }
}

/// Sleeps until `moment` in short steps, or until the work is cancelled.
fn wait_until(
    moment: Duration,
    now: impl Fn() -> Duration,
    sleep: impl Fn(Duration),
    cancelled: impl Fn() -> bool,
) {
    loop {
        let left = moment.saturating_sub(now());
        if left.is_zero() || cancelled() {
            return;
        }
        sleep(left.min(STEP));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn account(rate: u64) -> Account {
        Account::new(NonZeroU64::new(rate).unwrap())
    }

    #[test]
    fn bytes_cost_their_share_of_a_second_whoever_takes_them() {
        let mut account = account(1000);
        // Two threads at the same moment: the second waits behind the first.
        assert_eq!(account.take(Duration::ZERO, 100), 100 * MS);
        assert_eq!(account.take(Duration::ZERO, 300), 400 * MS);
        assert_eq!(account.take(400 * MS, 1), 401 * MS);
        assert_eq!(account.take(401 * MS, 0), 401 * MS);
    }

    #[test]
    fn a_pause_earns_a_small_burst_and_no_more() {
        let mut account = account(1000);
        let late = Duration::from_hours(1);
        assert_eq!(account.take(late, 50), late, "50 ms are free after a pause");
        assert_eq!(account.take(late, 50), late + 50 * MS);
    }

    #[test]
    fn nothing_is_rounded_away_and_nothing_overflows() {
        let mut third = account(3_000_000_000);
        let mut paid = Duration::ZERO;
        for _ in 0..3000 {
            paid = third.take(Duration::ZERO, 1);
        }
        assert!(paid >= Duration::from_micros(1), "{paid:?}");
        let mut slow = account(1);
        assert_eq!(slow.take(Duration::ZERO, u64::MAX), Duration::from_nanos(u64::MAX));
        assert!(slow.take(Duration::MAX, u64::MAX) >= Duration::MAX.saturating_sub(BURST));
    }

    #[test]
    fn a_wait_is_made_of_short_steps_and_ends_at_its_moment() {
        let (clock, steps) = (Cell::new(10 * MS), Cell::new(0));
        let sleep = |step: Duration| {
            assert!(step <= STEP);
            clock.set(clock.get() + step);
            steps.set(steps.get() + 1);
        };
        wait_until(135 * MS, || clock.get(), sleep, || false);
        assert_eq!((clock.get(), steps.get()), (135 * MS, 3));
        wait_until(135 * MS, || clock.get(), |_| panic!("nothing to wait for"), || false);
    }

    #[test]
    fn a_wait_ends_when_the_work_is_cancelled() {
        let clock = Cell::new(Duration::ZERO);
        let sleep = |step: Duration| clock.set(clock.get() + step);
        wait_until(Duration::MAX, || clock.get(), sleep, || clock.get() >= 2 * STEP);
        assert_eq!(clock.get(), 2 * STEP);
    }

    #[derive(Default)]
    struct Heard {
        begun: AtomicU64,
        bytes: AtomicU64,
        named: AtomicBool,
    }

    impl Progress for Heard {
        fn begin(&self, files: u64, bytes: u64) {
            self.begun.store(files + bytes, Ordering::Relaxed);
        }
        fn advance(&self, bytes: u64) {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        fn file(&self, name: &str) {
            self.named.store(name == "f", Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn the_other_one_hears_everything_and_can_end_the_longest_wait() {
        let heard = Heard::default();
        let paced = Paced::new(&heard, NonZeroU64::MIN);
        paced.begin(2, 3);
        paced.file("f");
        // At a byte per second this would outlast everybody.
        paced.advance(u64::MAX / 2);
        assert!(paced.cancelled());
        assert_eq!(heard.begun.into_inner(), 5);
        assert_eq!(heard.bytes.into_inner(), u64::MAX / 2);
        assert!(heard.named.into_inner());
    }
}

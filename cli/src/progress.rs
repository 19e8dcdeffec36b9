//! How far long work is: bytes, rate and time left, on stderr only.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lacre_hash::Progress;

use crate::args::ProgressMode;
use crate::printer::Printer;
use crate::{interrupt, text};

/// A line of `--progress plain` comes this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of one piece of work.
pub(crate) struct Meter<'a> {
    face: Face<'a>,
    done: AtomicU64,
    total: AtomicU64,
}

enum Face<'a> {
    Bar(ProgressBar),
    Plain { printer: &'a Printer, label: &'static str, clock: Mutex<Clock> },
    None,
}

struct Clock {
    started: Instant,
    spoken: Instant,
}

impl<'a> Meter<'a> {
    /// A meter for work that is called `label` ("signing").
    pub(crate) fn new(mode: ProgressMode, label: &'static str, printer: &'a Printer) -> Self {
        let face = match mode {
            ProgressMode::Auto if printer.is_quiet() || !std::io::stderr().is_terminal() => Face::None,
            ProgressMode::Auto => Face::Bar(bar(label)),
            ProgressMode::Plain => {
                let now = Instant::now();
                Face::Plain { printer, label, clock: Mutex::new(Clock { started: now, spoken: now }) }
            }
            ProgressMode::None => Face::None,
        };
        Self { face, done: AtomicU64::new(0), total: AtomicU64::new(0) }
    }
}

fn bar(label: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    let shape = "{prefix} {bar:24} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} eta {eta} {wide_msg}";
    let style = ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar.set_prefix(label);
    bar
}

impl Progress for Meter<'_> {
    fn begin(&self, files: u64, bytes: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(bytes, Ordering::Relaxed);
        match &self.face {
            Face::Bar(bar) => {
                bar.set_length(bytes);
                bar.set_position(0);
                bar.reset_eta();
            }
            Face::Plain { printer, label, clock } => {
                let now = Instant::now();
                *clock.lock().unwrap_or_else(PoisonError::into_inner) = Clock { started: now, spoken: now };
                let files = text::count(usize::try_from(files).unwrap_or(usize::MAX), "file");
                printer.aside(&format!("{label}: {files}, {}", text::size(bytes)));
            }
            Face::None => {}
        }
    }

    fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        match &self.face {
            Face::Bar(bar) => bar.inc(bytes),
            Face::Plain { printer, label, clock } => {
                let now = Instant::now();
                let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
                if now.duration_since(clock.spoken) >= PLAIN_INTERVAL {
                    clock.spoken = now;
                    let total = self.total.load(Ordering::Relaxed);
                    let line = plain_line(label, done, total, now.duration_since(clock.started));
                    drop(clock);
                    printer.aside(&line);
                }
            }
            Face::None => {}
        }
    }

    fn file(&self, name: &str) {
        if let Face::Bar(bar) = &self.face {
            bar.set_message(text::safe(name));
        }
    }

    fn cancelled(&self) -> bool {
        interrupt::requested()
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

fn plain_line(label: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let millis = elapsed.as_millis().max(1);
    let rate = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
    let left = total.saturating_sub(done).checked_div(rate);
    let percent = (u128::from(done) * 100).checked_div(u128::from(total)).unwrap_or(100);
    let eta = left.map_or_else(|| "unknown".to_owned(), |seconds| format!("{seconds}s"));
    format!(
        "{label}: {} of {} ({percent}%), {}/s, eta {eta}",
        text::size(done),
        text::size(total),
        text::size(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_has_bytes_rate_and_time_left() {
        let line = plain_line("signing", 500_000_000, 2_000_000_000, Duration::from_secs(5));
        assert_eq!(line, "signing: 500.00 MB of 2.00 GB (25%), 100.00 MB/s, eta 15s");
    }

    #[test]
    fn nothing_divides_by_nothing() {
        assert_eq!(plain_line("x", 0, 0, Duration::ZERO), "x: 0 B of 0 B (100%), 0 B/s, eta unknown");
    }
}

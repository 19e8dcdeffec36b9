//! When to try again (RFC 9110, sections 10.2.3 and 15; distribution specification 1.1, "Error Codes").

use std::thread;
use std::time::{Duration, SystemTime};

use lacre_hash::Progress;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::RegistryError;

/// How often and how long a failing request is tried again.
///
/// The waits grow twofold from the first to the longest; each is shortened at random by up to a half, so that many
/// clients do not come back at once. `Retry-After` makes a wait longer, never shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first one.
    pub times: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait that is chosen here.
    pub longest: Duration,
    /// All waits of one request together, `Retry-After` included.
    pub total: Duration,
}

impl Default for Retry {
    /// 5 times, 200 ms to 3 s, 2 minutes in all.
    fn default() -> Self {
        Self {
            times: 5,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(3),
            total: Duration::from_mins(2),
        }
    }
}

/// The attempts of one request so far.
#[derive(Debug)]
pub(crate) struct Attempts {
    retry: Retry,
    made: u32,
    waited: Duration,
}

impl Attempts {
    pub(crate) fn new(retry: Retry) -> Self {
        Self { retry, made: 0, waited: Duration::ZERO }
    }

    /// How long to wait before another attempt; nothing when there is to be none.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.made >= self.retry.times {
            return None;
        }
        let grown = self.retry.first.saturating_mul(1 << self.made.min(16)).min(self.retry.longest);
        let wait = shortened(grown).max(asked.unwrap_or_default());
        let waited = self.waited.saturating_add(wait);
        if waited > self.retry.total {
            return None;
        }
        self.made += 1;
        self.waited = waited;
        Some(wait)
    }

    /// How often it was tried again.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// Something went well that cannot go well for ever: what fails next fails for the first time.
    pub(crate) fn forget(&mut self) {
        (self.made, self.waited) = (0, Duration::ZERO);
    }
}

/// Between a half and the whole of `wait`.
pub(crate) fn shortened(wait: Duration) -> Duration {
    // Without randomness it is as good as ever, but for many clients at once.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    wait.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// Waits, unless the caller stops the work.
pub(crate) fn pause(wait: Duration, progress: &dyn Progress) -> Result<(), RegistryError> {
    const SLICE: Duration = Duration::from_millis(50);
    let mut left = wait;
    loop {
        if progress.cancelled() {
            return Err(RegistryError::Interrupted);
        }
        if left.is_zero() {
            return Ok(());
        }
        let slice = left.min(SLICE);
        thread::sleep(slice);
        left -= slice;
    }
}

/// Whether the same request may be answered better a little later.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        // 507: the disk of the registry is full, and stays so.
        || status.is_server_error()
            && !matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::INSUFFICIENT_STORAGE)
}

/// What `Retry-After` asks for: seconds, or a date.
pub(super) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    SystemTime::from(date).duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let mut attempts = Attempts::new(Retry::default());
        let mut most = Duration::from_millis(200);
        for _ in 0..5 {
            let wait = attempts.next(None).unwrap();
            assert!(wait <= most && wait >= most / 2, "{wait:?} of {most:?}");
            most = (most * 2).min(Duration::from_secs(3));
        }
        assert_eq!(attempts.next(None), None);
        attempts.forget();
        assert!(attempts.next(None).unwrap() <= Duration::from_millis(200));
    }

    #[test]
    fn what_is_asked_is_waited_but_not_for_ever() {
        let mut attempts = Attempts::new(Retry::default());
        assert_eq!(attempts.next(Some(Duration::from_secs(100))), Some(Duration::from_secs(100)));
        assert_eq!(attempts.next(Some(Duration::from_secs(21))), None);
        assert_eq!(attempts.next(Some(Duration::from_secs(20))), Some(Duration::from_secs(20)));
        assert_eq!(attempts.next(None), None);
        // A long transfer over a line that breaks now and then waits for as long as it goes on.
        attempts.forget();
        assert_eq!(attempts.next(Some(Duration::from_secs(100))), Some(Duration::from_secs(100)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            super::asked(&headers, now)
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        // The example of RFC 9110, section 5.6.7, a minute later.
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_mins(1)));
        for text in ["Sun, 06 Nov 1994 08:48:37 GMT", "soon", "-1", ""] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    #[test]
    fn what_passes_and_what_stays() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(is_passing(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 405, 413, 416, 501, 507] {
            assert!(!is_passing(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}

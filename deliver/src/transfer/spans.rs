//! What is fetched in one go.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use lacre_verify::Incoming;

/// Groups of 1 MiB in a span: long enough that the questions cost nothing, short enough that several workers share one
/// file evenly.
const GROUPS: u64 = 32;

/// Groups of one file that are fetched in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) file: usize,
    pub(super) groups: Range<u64>,
}

/// All spans, each given once, to whoever asks first.
#[derive(Debug)]
pub(super) struct Spans {
    all: Vec<Span>,
    given: AtomicUsize,
}

impl Spans {
    /// What is missing of `files`, in their order.
    pub(super) fn missing<'a>(files: impl Iterator<Item = &'a Incoming>) -> Self {
        Self::of(files.map(Incoming::missing))
    }

    fn of(missing: impl Iterator<Item = Vec<Range<u64>>>) -> Self {
        let mut all = Vec::new();
        for (file, ranges) in missing.enumerate() {
            for Range { start, end } in ranges {
                let mut at = start;
                while at < end {
                    // Cut at multiples, so that what one attempt left fits the next.
                    let next = (at / GROUPS * GROUPS).saturating_add(GROUPS).min(end);
                    all.push(Span { file, groups: at..next });
                    at = next;
                }
            }
        }
        Self { all, given: AtomicUsize::new(0) }
    }

    /// The next span.
    pub(super) fn next(&self) -> Option<Span> {
        self.all.get(self.given.fetch_add(1, Ordering::Relaxed)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_group_is_given_once() {
        let first: Vec<_> = std::iter::once(0..1).collect();
        let spans = Spans::of([first, vec![], vec![3..70, 90..91]].into_iter());
        let given: Vec<_> = std::iter::from_fn(|| spans.next()).collect();
        let span = |file, groups| Span { file, groups };
        let wanted = [span(0, 0..1), span(2, 3..32), span(2, 32..64), span(2, 64..70), span(2, 90..91)];
        assert_eq!(given, wanted);
        assert_eq!(spans.next(), None);
    }
}

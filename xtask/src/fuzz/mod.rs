//! Fuzzing: `cargo xtask fuzz` runs every target for a moment, `cargo xtask soak` for long.
//!
//! Both build the targets once and run copies of the programs (`range`), so that whoever goes on working on the sources
//! does not disturb them. What a run discovers stays in the cache; the committed inputs are read beside it.

mod corpus;
mod ending;
mod range;
pub(crate) mod soak;

use std::sync::Mutex;
use std::thread;

use crate::cache::{self, Cache};
use crate::failure::{Failure, Outcome};
use crate::say;

use ending::Ending;
use range::Range;

/// How long a target runs when nothing else is said.
pub(crate) const DEFAULT_SECONDS: u64 = 20;

/// Runs each target for `seconds`, as many at once as there are cores.
pub(crate) fn run(seconds: u64) -> Outcome {
    let cache = Cache::open()?;
    let range = Range::open(&cache, &cache::checkout()?, None)?;
    let waiting = Mutex::new(range.targets().iter());
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let endings: Vec<Outcome<Vec<(String, Ending)>>> = thread::scope(|scope| {
        let work = || {
            let mut endings = Vec::new();
            while let Some(target) = next(&waiting) {
                let ending = range.run(target, seconds)?;
                say::note(format!("{target}: {ending}"));
                endings.push((target.clone(), ending));
            }
            Ok(endings)
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(Failure::new("a thread that watched a target broke")))
            })
            .collect()
    });
    let mut broken = Vec::new();
    for ending in endings {
        broken.extend(ending?.into_iter().filter(|(_, ending)| ending.crash.is_some()));
    }
    ending::nothing_broke(&broken)?;
    say::out(format!("{} fuzz targets ran for {seconds} s each, and nothing broke", range.targets().len()));
    Ok(())
}

fn next<'a>(waiting: &Mutex<std::slice::Iter<'a, String>>) -> Option<&'a String> {
    // A thread that broke while it took one leaves the list as it was.
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

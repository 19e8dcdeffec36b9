//! `cargo xtask soak`: every target for minutes, one after another, in a round that can be interrupted.

use std::fs;
use std::path::{Path, PathBuf};

use super::corpus;
use super::ending::{self, Ending};
use super::range::Range;
use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// Minutes for each target when nothing else is said.
const DEFAULT_MINUTES: u64 = 10;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    minutes: u64,
    only: Option<String>,
    found: Found,
}

/// What becomes of discovered inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// They stay in the cache.
    Cached,
    /// As many as there is room for go into the checkout.
    Committed,
}

impl Order {
    /// Reads `[--minutes N] [--only TARGET] [--keep]`.
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut order = Self { minutes: DEFAULT_MINUTES, only: None, found: Found::Cached };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().copied().ok_or_else(|| Failure::new(format!("soak: `{word}` needs a value")));
            match *word {
                "--minutes" => {
                    let text = value()?;
                    order.minutes =
                        text.parse().ok().filter(|minutes| (1..=24 * 60).contains(minutes)).ok_or_else(
                            || Failure::new(format!("soak takes a number of minutes, not `{text}`")),
                        )?;
                }
                "--only" => order.only = Some(value()?.to_owned()),
                "--keep" => order.found = Found::Committed,
                other => return Err(Failure::new(format!("soak does not know `{other}`"))),
            }
        }
        Ok(order)
    }
}

/// Runs the targets that this round has not had yet, and tells about the whole round.
pub(crate) fn run(order: &Order) -> Outcome {
    let cache = Cache::open()?;
    let _alone = cache.hold("soak")?;
    let range = Range::open(&cache, &cache::checkout()?, order.only.as_deref())?;
    let round = Round { folder: cache.folder("fuzz/round")?, minutes: order.minutes };
    let mut rows = Vec::new();
    for target in range.targets() {
        // A target that is named is run whatever was run before.
        let before = if order.only.is_some() { None } else { round.had(target) };
        let ending = match before {
            Some(ending) => {
                say::note(format!("{target}: {ending} (before)"));
                ending
            }
            None => soak(&range, target, order, &round)?,
        };
        rows.push((target.clone(), ending));
    }
    say::out(table(&rows, order.minutes));
    ending::nothing_broke(&rows)?;
    if order.only.is_none() {
        cache::remove(&round.folder)?;
    }
    Ok(())
}

fn soak(range: &Range, target: &str, order: &Order, round: &Round) -> Outcome<Ending> {
    say::note(format!("{target} for {} min", order.minutes));
    let ending = range.run(target, order.minutes * 60)?;
    say::note(format!("{target}: {ending}"));
    // Merging runs every input again: with one that breaks the target there is nothing to be merged.
    if ending.crash.is_none() {
        corpus::reduce(range, target)?;
        if order.found == Found::Committed {
            let kept = corpus::keep(range, target)?;
            say::note(format!("{target}: {kept} of the discovered inputs are kept in the checkout"));
        }
        round.note(target, &ending)?;
    }
    Ok(ending)
}

/// The targets that have had their time since all had it last.
struct Round {
    folder: PathBuf,
    minutes: u64,
}

impl Round {
    /// How `target` ended, if it ran at least as long as is asked for now.
    fn had(&self, target: &str) -> Option<Ending> {
        let text = fs::read_to_string(self.folder.join(target)).ok()?;
        let mut numbers = text.split_whitespace().map(|word| word.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        let minutes = next()?;
        let ending = Ending { executions: next()?, new_inputs: next()?, rss: next()?, crash: None };
        (minutes >= self.minutes).then_some(ending)
    }

    fn note(&self, target: &str, ending: &Ending) -> Outcome {
        let path: &Path = &self.folder.join(target);
        let Ending { executions, new_inputs, rss, .. } = ending;
        fs::write(path, format!("{} {executions} {new_inputs} {rss}\n", self.minutes))
            .during(|| format!("cannot write {}", path.display()))
    }
}

fn table(rows: &[(String, Ending)], minutes: u64) -> String {
    let mut lines = vec![
        format!("| target ({minutes} min each) | executions | new inputs | peak RSS | crash |"),
        "|---|---:|---:|---:|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|(target, Ending { executions, new_inputs, rss, crash })| {
        let crash = crash.as_ref().map_or("none", |crash| &crash.reproducer);
        format!("| {target} | {executions} | {new_inputs} | {rss} MiB | {crash} |")
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_word_by_word() {
        let plain = Order { minutes: 10, only: None, found: Found::Cached };
        assert_eq!(Order::parse(&[]).unwrap(), plain);
        assert_eq!(
            Order::parse(&["--only", "path", "--minutes", "3", "--keep"]).unwrap(),
            Order { minutes: 3, only: Some("path".to_owned()), found: Found::Committed }
        );
        for wrong in [&["--minutes"][..], &["--minutes", "0"], &["--minutes", "x"], &["path"], &["--only"]] {
            assert!(Order::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_round_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let round = |minutes| Round { folder: folder.path().to_path_buf(), minutes };
        let ending = Ending { executions: 5, new_inputs: 2, rss: 70, crash: None };
        assert_eq!(round(10).had("path"), None);
        round(10).note("path", &ending).unwrap();
        assert_eq!(round(10).had("path"), Some(ending.clone()));
        assert_eq!(round(1).had("path"), Some(ending));
        assert_eq!(round(20).had("path"), None, "it ran too short for that");
        fs::write(folder.path().join("path"), "10 5").unwrap();
        assert_eq!(round(10).had("path"), None);
    }

    #[test]
    fn the_table_names_what_breaks() {
        let crash = ending::Crash { reproducer: "/a/crash-1".to_owned(), said: String::new() };
        let rows = [
            ("a".to_owned(), Ending { executions: 1, new_inputs: 0, rss: 40, crash: None }),
            ("b".to_owned(), Ending { crash: Some(crash), ..Ending::default() }),
        ];
        let table = table(&rows, 10);
        assert!(
            table.contains("| a | 1 | 0 | 40 MiB | none |\n| b | 0 | 0 | 0 MiB | /a/crash-1 |"),
            "{table}"
        );
    }
}

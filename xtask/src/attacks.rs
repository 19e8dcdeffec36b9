//! `cargo xtask soak load`: models are loaded in each way while another process rewrites, cuts, replaces and re-links their
//! files a hundred thousand times, and no byte may be given out that was not signed. In every run of the tests it is a
//! thousand loads.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cache::{self, Cache};
use crate::failure::{Failure, Outcome};
use crate::process::Program;
use crate::{say, tools};

/// Attacks in all, unless another number is given.
const ATTACKS: u64 = 100_000;
/// Ways of loading, each of which has an attacker of its own (`verify/tests/attacked`).
const WAYS: u64 = 8;

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    attacks: u64,
    seed: u64,
}

impl Order {
    fn parse(words: &[&str]) -> Outcome<Self> {
        let mut order = Self { attacks: ATTACKS, seed: time() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let number = words.next().and_then(|number| number.parse().ok());
            match (*word, number) {
                ("--attacks", Some(number)) => order.attacks = number,
                ("--seed", Some(number)) => order.seed = number,
                ("--attacks" | "--seed", None) => {
                    return Err(Failure::new(format!("soak load takes a number for {word}")));
                }
                _ => return Err(Failure::new(format!("soak load does not know `{word}`"))),
            }
        }
        Ok(order)
    }
}

/// Runs it with the attacks that follow from a seed: other ones each time, unless it is given.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let Order { attacks, seed } = Order::parse(words)?;
    let nextest = tools::ensure(&Cache::open()?, &tools::NEXTEST)?;
    let each = attacks.div_ceil(WAYS);
    say::note(format!("{each} attacks on each of {WAYS} ways to load, with the seed {seed}"));
    Program::new(&nextest)
        .dir(&cache::checkout()?)
        .env("LACRE_ATTACKS", each.to_string())
        .env("LACRE_ATTACKS_SEED", seed.to_string())
        .arg(tools::subcommand(&tools::NEXTEST))
        .args(["run", "--locked", "--package", "lacre-verify", "--test", "attacked", "--no-fail-fast"])
        .run()
        .map_err(|failure| {
            Failure::new(format!("{failure}\nattacks like these again: cargo xtask soak load --seed {seed}"))
        })?;
    say::out(format!(
        "{} attacks while models were loaded, and no byte was given out that was not signed (seed {seed})",
        each * WAYS
    ));
    Ok(())
}

/// Another number each time; nobody must not be able to guess it.
fn time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_or_refused() {
        assert_eq!(Order::parse(&["--seed", "7"]).unwrap(), Order { attacks: ATTACKS, seed: 7 });
        let both = ["--attacks", "70", "--seed", "1"];
        assert_eq!(Order::parse(&both).unwrap(), Order { attacks: 70, seed: 1 });
        for wrong in [&["--seed"][..], &["--seed", "x"], &["--attacks", "-1"], &["20"], &["--minutes", "2"]] {
            assert!(Order::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}

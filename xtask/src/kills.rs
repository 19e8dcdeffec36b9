//! `cargo xtask soak kills`: a push and a pull of the real program are killed at many random moments each, and the next
//! ones must go on. In every run of the tests it is three moments each, always the same.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cache::{self, Cache};
use crate::failure::{Failure, Outcome};
use crate::process::Program;
use crate::{say, tools};

/// Moments of a push, and as many of a pull.
const MOMENTS: u32 = 20;

/// Runs it with the moments that follow from a seed: another one each time, unless it is given with `--seed N`.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let seed = match words {
        [] => random(),
        ["--seed", number] => number
            .parse()
            .map_err(|_| Failure::new(format!("soak kills takes a number for a seed, not `{number}`")))?,
        _ => return Err(Failure::new(format!("soak kills does not know `{}`", words.join(" ")))),
    };
    let nextest = tools::ensure(&Cache::open()?, &tools::NEXTEST)?;
    say::note(format!("{MOMENTS} moments each, with the seed {seed}"));
    Program::new(&nextest)
        .dir(&cache::checkout()?)
        .env("LACRE_KILLS", MOMENTS.to_string())
        .env("LACRE_KILLS_SEED", seed.to_string())
        .arg(tools::subcommand(&tools::NEXTEST))
        .args(["run", "--locked", "--package", "lacre", "--test", "registries", "--no-fail-fast", "kills::"])
        .run()
        .map_err(|failure| {
            Failure::new(format!("{failure}\nthe same moments again: cargo xtask soak kills --seed {seed}"))
        })?;
    say::out(format!(
        "a push and a pull were killed at {MOMENTS} moments each, and nothing was lost (seed {seed})"
    ));
    Ok(())
}

/// Another number each time; nobody must not be able to guess it.
fn random() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    time.as_secs().wrapping_mul(1_000_000_007) ^ u64::from(time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_is_none_is_refused_before_anything_runs() {
        for wrong in [&["--seed"][..], &["--seed", "x"], &["--seed", "-1"], &["20"], &["--seed", "1", "2"]] {
            assert!(run(wrong).is_err(), "{wrong:?}");
        }
    }
}

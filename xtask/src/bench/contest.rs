//! Programs that take turns at the same work.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::measure::{self, Sample};
use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Sign,
    Verify,
    VerifySha256,
    PeerSign,
    PeerVerify,
    B3sum,
    Cat,
    KeylessVerify,
    PeerKeylessVerify,
    CosignVerify,
    Push,
    PushUnseen,
    OrasPush,
    CranePush,
    SkopeoPush,
    Pull,
    OrasPull,
    CranePull,
    SkopeoPull,
}

impl fmt::Display for Task {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sign => "`lacre sign` (both digests)",
            Self::Verify => "`lacre verify` (BLAKE3)",
            Self::VerifySha256 => "`lacre verify --digest sha256`",
            Self::PeerSign => "`model_signing sign`",
            Self::PeerVerify => "`model_signing verify`",
            Self::B3sum => "`b3sum`",
            Self::Cat => "`cat`",
            Self::KeylessVerify => "`lacre verify --identity`",
            Self::PeerKeylessVerify => "`model_signing verify sigstore`",
            Self::CosignVerify => "`cosign verify-blob-attestation`",
            Self::Push => "`lacre push`",
            Self::PushUnseen => "`lacre push`, signed elsewhere",
            Self::OrasPush => "`oras push`",
            Self::CranePush => "`crane append`",
            Self::SkopeoPush => "`skopeo copy dir: docker:`",
            Self::Pull => "`lacre pull` (all proven)",
            Self::OrasPull => "`oras pull`",
            Self::CranePull => "`crane pull --format oci`",
            Self::SkopeoPull => "`skopeo copy docker: dir:`",
        })
    }
}

/// One command of a contest.
pub(crate) struct Entry {
    pub(crate) task: Task,
    /// The program and its arguments.
    pub(crate) words: Vec<OsString>,
    /// A file that must not be there when it begins.
    pub(crate) makes: Option<PathBuf>,
}

impl Entry {
    /// Removes what it is about to make.
    pub(crate) fn clear(&self) -> Outcome {
        match &self.makes {
            Some(path) if path.exists() => {
                fs::remove_file(path).during(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// What a task typically costs.
pub(crate) type Costs = Vec<(Task, Sample)>;

/// Has `run` measure the entries turn by turn, so that whatever else the machine does falls on all of them, and calls
/// `beside` at the end of each round. The first of the rounds warms the programs, and is not counted.
pub(crate) fn rounds(
    title: &str,
    runs: usize,
    entries: &[Entry],
    mut run: impl FnMut(&Entry) -> Outcome<Sample>,
    mut beside: impl FnMut() -> Outcome,
) -> Outcome<Costs> {
    let mut samples = vec![Vec::with_capacity(runs); entries.len()];
    for round in 0..=runs {
        say::note(if round == 0 {
            format!("{title}: warming up")
        } else {
            format!("{title}: round {round} of {runs}")
        });
        for (entry, samples) in entries.iter().zip(&mut samples) {
            entry.clear()?;
            let sample = run(entry)?;
            if round > 0 {
                samples.push(sample);
            }
        }
        beside()?;
    }
    Ok(entries.iter().zip(&samples).map(|(entry, all)| (entry.task, measure::typical(all))).collect())
}

/// The cost of one task.
pub(crate) fn cost(costs: &Costs, task: Task) -> Outcome<Sample> {
    costs
        .iter()
        .find_map(|(met, sample)| (*met == task).then_some(*sample))
        .ok_or_else(|| Failure::new(format!("{task} was not measured")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_take_turns_and_the_first_round_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let entries = [
            Entry { task: Task::Sign, words: Vec::new(), makes: Some(made.clone()) },
            Entry { task: Task::Verify, words: Vec::new(), makes: None },
        ];
        let (mut order, mut beside) = (Vec::new(), 0);
        let run = |entry: &Entry| {
            if entry.makes.is_some() {
                assert!(!made.exists());
                fs::write(&made, "").unwrap();
            }
            order.push(entry.task);
            let wall = if order.len() > entries.len() { 1.0 } else { 100.0 };
            Ok(Sample { wall, cpu: 0.0, rss: 0.0, fetched: 0.0 })
        };
        let costs = rounds("t", 2, &entries, run, || {
            beside += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(beside, 3);
        assert_eq!(order, [Task::Sign, Task::Verify].repeat(3));
        assert!(costs.iter().all(|(_, sample)| sample.wall < 2.0), "{costs:?}");
        assert_eq!(cost(&costs, Task::Cat).unwrap_err().to_string(), "`cat` was not measured");
    }
}

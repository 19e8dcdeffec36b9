//! A signed model, its attacker, and what is expected of whoever loads it meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use lacre_testkit::{ModelDir, Seal, Sealed, noise};
use lacre_verify::{Requirements, Trust, VerifyError};

use crate::attacker::Attacker;

/// The files of the model: of several groups, of one, of few bytes, and one in a folder.
pub(crate) const FILES: [&str; 4] = ["config.json", "part/weights.bin", "small.bin", "weights.bin"];

/// What may become of a load beside an attacker, and nothing else.
const EXPECTED: [&str; 8] = [
    "E-FILE-CHANGED",
    "E-FILE-EXTRA",
    "E-FILE-MISSING",
    "E-FILE-SIZE",
    "E-FILE-TYPE",
    "E-INPUT-CHANGED",
    "E-INPUT-TYPE",
    "E-NOT-FOUND",
];

/// A file that was loaded. It can be looked at again later.
pub(crate) struct Loaded {
    name: &'static str,
    bytes: Box<dyn Fn() -> Vec<u8>>,
}

impl Loaded {
    pub(crate) fn new(name: &'static str, bytes: Box<dyn Fn() -> Vec<u8>>) -> Self {
        Self { name, bytes }
    }
}

pub(crate) struct Scene {
    sealed: Sealed,
    /// The signed bytes, which nobody but this process has.
    originals: BTreeMap<&'static str, Vec<u8>>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let sizes = [40, (1 << 20) + 5, 100_000, (3 << 20) + 77];
        let originals: BTreeMap<_, _> = FILES
            .into_iter()
            .zip(sizes)
            .zip(1..)
            .map(|((name, size), seed)| (name, noise(seed, size)))
            .collect();
        let model = originals.iter().fold(ModelDir::new(), |model, (name, bytes)| model.file(name, bytes));
        Self { sealed: Seal::of(model).sign(), originals }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.sealed.path()
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.sealed.model().beside(name)
    }

    pub(crate) fn original(&self, name: &str) -> &[u8] {
        &self.originals[name]
    }

    pub(crate) fn requirements(&self) -> Requirements {
        Requirements::new(Trust::keys([self.sealed.public_key().clone()]).unwrap())
    }

    pub(crate) fn attacker(&self) -> Attacker {
        // A plan of its own for each way, and others with another seed.
        let way = std::thread::current()
            .name()
            .unwrap_or_default()
            .bytes()
            .fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Attacker::start(
            &self.path(),
            &self.beside("attacker"),
            way ^ number("LACRE_ATTACKS_SEED").unwrap_or(0),
        )
    }

    /// Loads at least `loads` times while the attacker is at work, and until both ends were met and as many attacks were
    /// made as are wanted.
    pub(crate) fn under_attack(&self, loads: u64, load: impl Fn(usize) -> Result<Vec<Loaded>, VerifyError>) {
        /// So many in vain, and the test says nothing.
        const MOST: u64 = 1_000_000;
        let attacks = number("LACRE_ATTACKS").unwrap_or(0);
        let attacker = self.attacker();
        let (mut good, mut refused) = (0_u64, BTreeMap::<&str, u64>::new());
        let mut last = Vec::new();
        for turn in 0.. {
            let done = turn as u64 >= loads && attacker.attacks() >= attacks;
            if done && good > 0 && !refused.is_empty() {
                break;
            }
            assert!((turn as u64) < MOST, "{good} succeeded, refused were {refused:?}");
            match load(turn) {
                Ok(loaded) => {
                    self.compare(&loaded, "when it was loaded");
                    good += 1;
                    last = loaded;
                }
                Err(error) => {
                    assert!(EXPECTED.contains(&error.code()), "{} {error}", error.code());
                    *refused.entry(error.code()).or_default() += 1;
                }
            }
        }
        self.compare(&last, "after more attacks");
        attacker.stop();
        self.compare(&last, "after the last attack");
        // Put right again, it is loaded.
        assert!(load(0).is_ok());
    }

    fn compare(&self, loaded: &[Loaded], when: &str) {
        for file in loaded {
            // Not `assert_eq`: nobody wants to see megabytes.
            assert!((file.bytes)() == self.original(file.name), "other bytes in {} {when}", file.name);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn the_files_are_those_of_the_scene() {
    let scene = Scene::new();
    for name in FILES {
        assert!(fs::read(scene.path().join(name)).unwrap() == scene.original(name));
    }
}

//! Repositories that python-tuf wrote. Where there is no python-tuf, that is said and nothing is compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use lacre_release::{Kept, Refresh, ReleaseError, WantedKind};
use lacre_testkit::interop::{self, Direction};
use lacre_testkit::places::Peer;
use tempfile::TempDir;

use crate::client::{NOW, time};

const PATHS: [&str; 3] = ["file.txt", "dir/deep.txt", "hashed.txt"];

/// Folders of repositories of these kinds, as `python_writes.py` says.
fn written(kinds: &[&str]) -> Option<TempDir> {
    let python = Peer::Python.find()?;
    let folder = TempDir::new().unwrap();
    let program = include_str!("python_writes.py");
    let output = Command::new(python).args(["-c", program]).arg(folder.path()).args(kinds).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

struct Reader {
    kept: Kept,
    now: Timestamp,
}

impl Reader {
    fn new(state: &Path) -> Self {
        Self { kept: Kept::anchor(fs::read(state.join("1.root.json")).unwrap()), now: time(NOW) }
    }

    /// Refreshes, and reads all targets.
    fn read(&mut self, state: &Path) -> Result<Vec<Vec<u8>>, ReleaseError> {
        let mut refresh = Refresh::start(self.kept.clone(), self.now)?;
        let outcome = read_all(&mut refresh, state);
        self.kept = refresh.kept().clone();
        outcome
    }

    fn code(&mut self, state: &Path) -> &'static str {
        self.read(state).map_or_else(|error| error.code(), |_| "ok")
    }
}

fn read_all(refresh: &mut Refresh, state: &Path) -> Result<Vec<Vec<u8>>, ReleaseError> {
    answer(refresh, state)?;
    let mut found = Vec::new();
    for path in PATHS {
        refresh.seek(path)?;
        answer(refresh, state)?;
        found.push(refresh.found().unwrap().bytes.clone());
    }
    Ok(found)
}

fn answer(refresh: &mut Refresh, state: &Path) -> Result<(), ReleaseError> {
    while let Some(wanted) = refresh.wanted() {
        let folder = if wanted.what == WantedKind::Target { state.join("targets") } else { state.to_owned() };
        refresh.give(fs::read(folder.join(&wanted.name)).ok())?;
    }
    Ok(())
}

fn texts(word: &str) -> Vec<Vec<u8>> {
    (1..=3).map(|number| format!("{word}{number}").into_bytes()).collect()
}

#[test]
fn what_python_tuf_writes_is_read_in_every_form() {
    let kinds = ["plain", "plain-pinned", "consistent", "consistent-pinned"];
    let Some(folder) = written(&kinds) else { return };
    for kind in kinds {
        let state = |number: u32| -> PathBuf { folder.path().join(kind).join(number.to_string()) };
        let mut reader = Reader::new(&state(0));
        for (number, word) in ["first", "second", "third"].into_iter().enumerate() {
            let place = state(u32::try_from(number).unwrap());
            for _ in 0..2 {
                assert_eq!(reader.read(&place).unwrap(), texts(word), "{kind} {number}");
            }
            // What is kept is enough without the repository.
            let mut alone = Refresh::from_kept(reader.kept.clone(), time(NOW)).unwrap();
            alone.seek("dir/deep.txt").unwrap();
            assert_eq!(
                alone.target().unwrap().roles,
                ["targets", "dir/../odd role", "deep"],
                "{kind} {number}"
            );
            if number == 1 {
                assert_eq!(reader.code(&state(0)), "E-REPLAY", "{kind}");
            }
        }
        // Keys that were taken away say nothing any more.
        assert_eq!(reader.code(&state(1)), "E-TUF-SIGNATURE", "{kind}");
        // Who comes late finds the way through all roots.
        let mut late = Reader::new(&state(0));
        assert_eq!(late.read(&state(2)).unwrap(), texts("third"), "{kind}");
        assert_eq!(late.kept, reader.kept, "{kind}");
        let shown: Vec<_> = {
            let refresh = Refresh::from_kept(late.kept.clone(), time(NOW)).unwrap();
            refresh.expirations().into_iter().map(|role| (role.role, role.version, role.threshold)).collect()
        };
        let top = [("root", 3, 2), ("timestamp", 3, 1), ("snapshot", 3, 1), ("targets", 3, 2)];
        assert_eq!(
            shown,
            top.map(|(role, version, threshold)| (role.to_owned(), version, threshold)),
            "{kind}"
        );
        // Its dates count.
        late.now = time("2031-01-01T00:00:00Z");
        assert_eq!(late.code(&state(2)), "E-TUF-EXPIRED", "{kind}");
    }
    interop::holds_if(
        "python-tuf",
        "repository with delegations, in four layouts",
        Direction::ToLacre,
        "what was refused afterwards: a state that is older, and one by keys that have no role any more",
    );
}

/// Bytes that were changed on the way.
#[test]
fn what_python_tuf_wrote_and_somebody_edited_is_refused() {
    let Some(folder) = written(&["consistent"]) else { return };
    let state = folder.path().join("consistent/0");
    for (file, from, to) in [
        ("timestamp.json", "2031", "2032"),
        ("1.snapshot.json", "\"x-unknown\"", "\"x-others\""),
        ("1.targets.json", "\"length\":6", "\"length\":7"),
        ("1.deep.json", "\"length\":6", "\"length\":7"),
        ("1.dir%2F..%2Fodd%20role.json", "d??p", "d*"),
    ] {
        let path = state.join(file);
        let good = fs::read_to_string(&path).unwrap();
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{file}");
        fs::write(&path, bad).unwrap();
        assert_eq!(Reader::new(&state).code(&state), "E-TUF-SIGNATURE", "{file}");
        fs::write(&path, good).unwrap();
    }
    assert_eq!(Reader::new(&state).code(&state), "ok");
}

/// TAP 15 is no part of the specification: what is in numbered bins is not found.
#[test]
fn numbered_bins_are_not_looked_into() {
    let Some(folder) = written(&["succinct"]) else { return };
    let state = folder.path().join("succinct/0");
    let mut refresh = Refresh::start(Reader::new(&state).kept, time(NOW)).unwrap();
    answer(&mut refresh, &state).unwrap();
    assert_eq!(refresh.seek("file.txt").unwrap_err().code(), "E-TUF-MISSING");
    assert_eq!((refresh.wanted(), refresh.is_fresh()), (None, true));
}

//! `docs/INTEROP.md`: what the tests found out about other implementations, as a table.
//!
//! The tests append a line for everything they have just seen to be so (`testkit/src/interop.rs`). A table is made of
//! these lines alone. What the committed table says must still be so; what is new is added; versions are what was met.

mod table;

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::process::Program;
use crate::test::Surroundings;
use crate::{peers, say, tools};
use table::Table;

/// The variable that tells the tests where to write.
pub(crate) const RESULTS: &str = "LACRE_INTEROP_RESULTS";
const DOCUMENT: &str = "docs/INTEROP.md";
/// The tests that write: those of the command line against its peers, the conformance programs, and those of channels
/// against python-tuf.
const TESTS: &str = "binary(interop) | package(lacre-conformance) | \
                     (package(lacre-publish) & test(readers::)) | (package(lacre-release) & test(python::))";

/// `cargo xtask interop`: runs these tests alone, and writes the document.
pub(crate) fn run() -> Outcome {
    let cache = Cache::open()?;
    let peers = peers::ensure(&cache)?;
    let nextest = tools::ensure(&cache, &tools::NEXTEST)?;
    let surroundings = Surroundings::new(peers)?;
    surroundings
        .around(Program::new(&nextest))
        .arg(tools::subcommand(&tools::NEXTEST))
        .args(["run", "--locked", "--workspace", "--no-fail-fast", "--color", "never", "-E", TESTS])
        .arg("--tool-config-file")
        .arg(surroundings.settings())
        .run()?;
    conclude(&surroundings)
}

/// A file for the lines of one run, empty.
pub(crate) fn results() -> Outcome<PathBuf> {
    let path = cache::build_folder()?.join("interop.jsonl");
    fs::write(&path, "").during(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Compares what was found with what the document says, and writes the document anew.
///
/// A cell of the document that was not found, or that says yes where no was found, is a failure, and the document stays.
pub(crate) fn conclude(surroundings: &Surroundings) -> Outcome {
    let path = surroundings.results();
    let lines = fs::read_to_string(path).during(|| format!("cannot read {}", path.display()))?;
    let found = Table::of_lines(&lines)?;
    let document = surroundings.checkout().join(DOCUMENT);
    let committed = fs::read_to_string(&document).unwrap_or_default();
    let lost = Table::of_document(&committed).not_in(&found);
    if !lost.is_empty() {
        return Err(Failure::new(format!("{DOCUMENT} says what is no longer so:\n  {}", lost.join("\n  "))));
    }
    let text = found.document(&versions(surroundings.peers())?);
    if text != committed {
        fs::write(&document, text).during(|| format!("cannot write {}", document.display()))?;
        say::note(format!("{DOCUMENT} was written anew"));
    }
    Ok(())
}

/// What was met, by the names that `VERSIONS` has for it.
const MET: [(&str, &str); 12] = [
    ("model-signing", "model_signing"),
    ("cosign", "cosign"),
    ("sigstore", "sigstore-python"),
    ("sigstore-go", "sigstore-go"),
    ("tuf", "python-tuf"),
    ("golang-github-sigstore-fulcio-dev", "Fulcio"),
    ("golang-github-sigstore-rekor-tiles-dev", "Rekor v2 (rekor-tiles)"),
    ("golang-github-sigstore-timestamp-authority-dev", "timestamp-authority"),
    ("SoftHSM", "SoftHSM"),
    ("pykcs11", "PyKCS11"),
    ("OpenSSL", "OpenSSL"),
    ("Python", "Python"),
];

/// Name, version and origin of what was met, in the order of [`MET`].
fn versions(peers: &Path) -> Outcome<Vec<[String; 3]>> {
    let path = peers.join("VERSIONS");
    let text = fs::read_to_string(&path).during(|| format!("cannot read {}", path.display()))?;
    Ok(MET
        .iter()
        .filter_map(|(recorded, shown)| {
            let line = text.lines().find_map(|line| line.strip_prefix(recorded)?.strip_prefix(' '))?;
            let (version, origin) = line.rsplit_once(" (")?;
            let version = version.split(' ').next()?;
            Some([(*shown).to_owned(), version.to_owned(), origin.trim_end_matches(')').to_owned()])
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let text = "sigstore-go 1.3.0-1 (Debian sid)\nsigstore 4.5.1 (PyPI)\nsigstore-models 0.0.6 (PyPI)\n\
                    OpenSSL 3.0.19 27 Jan 2026 (Library: x) (the machine's)\n";
        fs::write(folder.path().join("VERSIONS"), text).unwrap();
        let found = versions(folder.path()).unwrap();
        let found: Vec<String> = found.iter().map(|row| row.join(" ")).collect();
        let wanted =
            ["sigstore-python 4.5.1 PyPI", "sigstore-go 1.3.0-1 Debian sid", "OpenSSL 3.0.19 the machine's"];
        assert_eq!(found, wanted);
    }
}

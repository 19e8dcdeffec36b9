//! Where things are that tests need and the repository does not hold. What is missing is said on standard error, because
//! a test that was skipped must not look like one that passed; where it is required, its absence is a failure.

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the vectors: `LACRE_VECTORS`, else `shared/vectors` in the folder that the checkout lies in.
///
/// `None`, and a line on standard error, if there is no such folder; a panic if the variable names one that is not there.
pub fn vectors() -> Option<PathBuf> {
    vectors_in(env::var_os("LACRE_VECTORS").map(PathBuf::from))
}

fn vectors_in(named: Option<PathBuf>) -> Option<PathBuf> {
    if let Some(folder) = named {
        assert!(folder.is_dir(), "LACRE_VECTORS names {}, which is no folder", folder.display());
        return Some(folder);
    }
    let folder = checkout().parent()?.join("shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no vectors at {}; set LACRE_VECTORS", folder.display());
    None
}

/// The root of the checkout that this was compiled in.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace above this crate").to_owned()
}

/// Another implementation, got by `cargo xtask peers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The reference implementation of OMS, `model_signing` (`PyPI`).
    ModelSigning,
    /// A Python interpreter in which `model_signing` can be imported.
    Python,
    /// `cosign`.
    Cosign,
    /// `moto_server`, which stands in for AWS.
    Moto,
    /// `oras`.
    Oras,
    /// `crane`.
    Crane,
    /// Fulcio's server, with a certificate log and a timestamp authority beside it.
    Fulcio,
    /// The server of Rekor v2.
    Rekor,
    /// `sigstore` (`PyPI`), the command line of sigstore-python.
    Sigstore,
    /// `docker-registry`, which has no referrers API.
    DockerRegistry,
    /// go-containerregistry's registry, with the referrers API.
    ReferrersRegistry,
    /// The example of sigstore-go that signs.
    SigstoreGoSigning,
    /// The example of sigstore-go that verifies.
    SigstoreGoVerification,
}

impl Peer {
    fn program(self) -> &'static str {
        match self {
            Self::ModelSigning => "venv/bin/model_signing",
            Self::Python => "venv/bin/python",
            Self::Cosign => "tree/usr/bin/cosign",
            Self::Moto => "venv/bin/moto_server",
            Self::Oras => "tree/usr/bin/oras",
            Self::Crane => "tree/usr/bin/crane",
            Self::Fulcio => "servers/bin/authority",
            Self::Rekor => "servers/bin/rekor-server-posix",
            Self::Sigstore => "venv/bin/sigstore",
            Self::DockerRegistry => "registries/tree/usr/bin/docker-registry",
            Self::ReferrersRegistry => "registries/bin/referrers-registry",
            Self::SigstoreGoSigning => "tree/usr/bin/sigstore-go-signing",
            Self::SigstoreGoVerification => "tree/usr/bin/sigstore-go-verification",
        }
    }

    /// The program, in the folder that `LACRE_PEERS` names.
    ///
    /// `None`, and a line on standard error, where it is missing; a panic with `LACRE_REQUIRE_PEERS=1`.
    pub fn find(self) -> Option<PathBuf> {
        let required = env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
        self.find_in(env::var_os("LACRE_PEERS").map(PathBuf::from), required)
    }

    fn find_in(self, folder: Option<PathBuf>, required: bool) -> Option<PathBuf> {
        let missing = match folder.map(|folder| folder.join(self.program())) {
            Some(program) if program.is_file() => return Some(program),
            Some(program) => format!("there is no {}", program.display()),
            None => format!("LACRE_PEERS is not set, so there is no {}", self.program()),
        };
        assert!(!required, "{missing}, and LACRE_REQUIRE_PEERS=1 (run `cargo xtask peers`)");
        eprintln!("SKIPPED: {missing}; nothing was compared with it (run `cargo xtask peers`)");
        None
    }
}

/// A program of the machine that `cargo xtask peers` installs.
///
/// `None`, and a line on standard error, where it is missing; a panic with `LACRE_REQUIRE_PEERS=1`.
pub fn program(name: &str) -> Option<PathBuf> {
    let required = env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        assert!(!required, "there is no {name}, and LACRE_REQUIRE_PEERS=1 (run `cargo xtask peers`)");
        eprintln!("SKIPPED: there is no {name} (run `cargo xtask peers`)");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelDir;

    #[test]
    fn a_peer_is_found_where_it_is() {
        let folder = ModelDir::new().file("tree/usr/bin/cosign", "");
        let found = Peer::Cosign.find_in(Some(folder.path()), true);
        assert_eq!(found, Some(folder.entry("tree/usr/bin/cosign")));
    }

    #[test]
    fn a_peer_that_is_missing_is_skipped_where_it_is_not_required() {
        assert_eq!(Peer::Oras.find_in(None, false), None);
        assert_eq!(Peer::Oras.find_in(Some(ModelDir::new().path()), false), None);
    }

    #[test]
    #[should_panic(expected = "LACRE_REQUIRE_PEERS=1")]
    fn a_peer_that_is_missing_fails_where_it_is_required() {
        Peer::ModelSigning.find_in(Some(ModelDir::new().path()), true);
    }

    #[test]
    #[should_panic(expected = "is no folder")]
    fn vectors_that_were_promised_must_be_there() {
        vectors_in(Some(ModelDir::new().entry("missing")));
    }

    #[test]
    fn the_checkout_holds_the_workspace() {
        assert!(checkout().join("Cargo.toml").is_file());
    }
}

//! The programs that are compared, and how each is told to do the same work.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::contest::{Entry, Task};
use crate::failure::Outcome;
use crate::process::Program;

/// Lacre and the reference implementation of OMS.
pub(crate) struct Rivals {
    pub(crate) lacre: PathBuf,
    pub(crate) model_signing: PathBuf,
    /// A folder for keys, signatures and caches.
    pub(crate) scratch: PathBuf,
}

impl Rivals {
    /// Makes the key that both sign with.
    pub(crate) fn make_key(&self) -> Outcome {
        Program::new(&self.lacre)
            .dir(&self.scratch)
            .args(["key", "new", "bench", "--no-passphrase"])
            .read()
            .map(drop)
    }

    /// Lacre signs, with both digests.
    pub(crate) fn sign(&self, model: &Path) -> Entry {
        let signature = self.scratch.join("lacre.sig");
        let words = self.lacre("sign", model, "bench.key", &signature);
        Entry { task: Task::Sign, words, makes: Some(signature) }
    }

    /// Lacre verifies by the quickest signed digest, which is BLAKE3.
    pub(crate) fn verify(&self, model: &Path) -> Entry {
        let words = self.lacre("verify", model, "bench.pub", &self.scratch.join("lacre.sig"));
        Entry { task: Task::Verify, words, makes: None }
    }

    /// Lacre verifies by SHA-256.
    pub(crate) fn verify_sha256(&self, model: &Path) -> Entry {
        let mut entry = self.verify(model);
        entry.task = Task::VerifySha256;
        entry.words.extend(["--digest", "sha256"].map(OsString::from));
        entry
    }

    /// `model_signing` signs.
    pub(crate) fn peer_sign(&self, model: &Path) -> Entry {
        let signature = self.scratch.join("model_signing.sig");
        let words = self.peer("sign", model, ["--private_key", "bench.key"], &signature);
        Entry { task: Task::PeerSign, words, makes: Some(signature) }
    }

    /// `model_signing` verifies.
    pub(crate) fn peer_verify(&self, model: &Path) -> Entry {
        let signature = self.scratch.join("model_signing.sig");
        let words = self.peer("verify", model, ["--public_key", "bench.pub"], &signature);
        Entry { task: Task::PeerVerify, words, makes: None }
    }

    fn lacre(&self, verb: &str, model: &Path, key: &str, signature: &Path) -> Vec<OsString> {
        vec![
            self.lacre.clone().into(),
            verb.into(),
            model.into(),
            "--key".into(),
            self.scratch.join(key).into(),
            "--signature".into(),
            signature.into(),
        ]
    }

    fn peer(&self, verb: &str, model: &Path, [option, key]: [&str; 2], signature: &Path) -> Vec<OsString> {
        vec![
            self.model_signing.clone().into(),
            verb.into(),
            "key".into(),
            model.into(),
            "--signature".into(),
            signature.into(),
            option.into(),
            self.scratch.join(key).into(),
        ]
    }

    /// The programs that took part, as they name themselves.
    pub(crate) fn versions(&self) -> Outcome<Vec<String>> {
        [
            self.lacre.as_path(),
            Path::new("rustc"),
            &self.model_signing,
            &self.model_signing.with_file_name("python"),
        ]
        .into_iter()
        .map(version)
        .collect()
    }
}

/// The first line of what `program --version` says.
pub(crate) fn version(program: &Path) -> Outcome<String> {
    let told = Program::new(program).arg("--version").read()?;
    Ok(told.lines().next().unwrap_or_default().trim().to_owned())
}

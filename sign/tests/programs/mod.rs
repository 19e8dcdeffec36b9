//! A folder in which other programs are run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_sign::{FileKey, KeyFile, OpenedKey, Passphrase, SignError, Signer};
use tempfile::TempDir;

pub(crate) struct Place(TempDir);

impl Place {
    /// `None`, loudly, where one of the programs is missing; a failure where peers are required.
    pub(crate) fn with(programs: &[&str]) -> Option<Self> {
        for program in programs {
            match Command::new(program).arg("-?").stdin(Stdio::null()).output() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let required = std::env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
                    assert!(!required, "the program {program} is required and missing");
                    eprintln!("SKIPPED: the program {program} is missing; nothing was compared with it");
                    return None;
                }
                Err(error) => panic!("{program}: {error}"),
            }
        }
        Some(Self(TempDir::new().unwrap()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Runs a program in the folder.
    pub(crate) fn try_run(&self, program: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(program.as_ref());
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null()).env("HOME", self.0.path());
        command.envs(env.iter().copied()).output().unwrap()
    }

    /// Runs what must succeed, and gives what it printed.
    pub(crate) fn run(&self, program: impl AsRef<Path>, args: &[&str], env: &[(&str, &str)]) -> String {
        let output = self.try_run(&program, args, env);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {args:?}: {said}", program.as_ref().display());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has openssl check a signature.
    pub(crate) fn openssl_verifies(&self, key: &PublicKey, message: &[u8], signature: &[u8]) {
        self.write("pub.pem", key.to_pem());
        self.write("message", message);
        self.write("signature", signature);
        let hash = match key.algorithm() {
            KeyAlgorithm::EcdsaP256 => "-sha256",
            KeyAlgorithm::EcdsaP384 => "-sha384",
            KeyAlgorithm::EcdsaP521 => "-sha512",
            _ => {
                let line = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in message -sigfile signature";
                self.run("openssl", &line.split(' ').collect::<Vec<_>>(), &[]);
                return;
            }
        };
        self.run("openssl", &["dgst", hash, "-verify", "pub.pem", "-signature", "signature", "message"], &[]);
    }
}

pub(crate) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

/// Opens a key file; a passphrase must be asked for exactly if there is one to give.
pub(crate) fn open(path: &Path, secret: Option<&str>) -> Result<OpenedKey, SignError> {
    let mut asked = 0;
    let opened = KeyFile::read(path)?.unlock(&mut || {
        asked += 1;
        Ok(secret.map(passphrase))
    })?;
    assert_eq!(asked, usize::from(secret.is_some()), "{}", path.display());
    Ok(opened)
}

/// Signs, and has openssl verify.
pub(crate) fn signs(place: &Place, key: &FileKey) {
    place.openssl_verifies(key.public_key(), b"a message", &key.sign(b"a message").unwrap());
}

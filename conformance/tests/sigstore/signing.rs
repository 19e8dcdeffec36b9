//! `sign-bundle`: over any file and over a statement, and what others say to it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use lacre_attest::{Bundle, Limits};
use lacre_hash::Sha256Digest;
use lacre_testkit::interop::{self, Direction};
use lacre_testkit::places::Peer;
use lacre_testkit::{ModelDir, Stack};
use serde_json::Value;

const WHO: &str = "ci@example.test";

fn run(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sigstore-conformance")).args(words).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A folder with `a.txt` in it, and a local Sigstore.
struct Bench {
    stack: Stack,
    folder: ModelDir,
}

impl Bench {
    fn new() -> Option<Self> {
        Some(Self { stack: Stack::start()?, folder: ModelDir::new().file("a.txt", "anything at all\n") })
    }

    fn path(&self, name: &str) -> String {
        self.folder.entry(name).to_str().unwrap().to_owned()
    }

    fn sign(&self, switches: &[&str], file: &str) {
        let (token, root) = (self.stack.issuer().token(WHO), self.stack.trusted_root());
        let (config, bundle, file) = (self.stack.signing_config(), self.path("bundle"), self.path(file));
        let words = ["--identity-token", &token, "--bundle", &bundle, "--trusted-root"];
        let more = [root.to_str().unwrap(), "--signing-config", config.to_str().unwrap(), &file];
        let said = run(&[&["sign-bundle"], switches, &words, &more].concat());
        assert_eq!(said.0, Some(0), "{}", said.1);
    }

    fn verify(&self, who: &str, what: &str) -> (Option<i32>, String) {
        let (bundle, root) = (self.path("bundle"), self.stack.trusted_root());
        let words = ["verify-bundle", "--bundle", &bundle, "--certificate-identity", who];
        let issuer =
            ["--certificate-oidc-issuer", &self.stack.issuer().url(), "--trusted-root"].map(str::to_owned);
        let [option, issuer, root_option] = issuer;
        run(&[&words[..], &[&option, &issuer, &root_option, root.to_str().unwrap(), what]].concat())
    }

    fn peer(&self, peer: Peer, words: &[&str]) -> Option<Output> {
        let home = self.folder.path();
        let mut command = Command::new(peer.find()?);
        command.args(words).env("HOME", &home).current_dir(&home);
        Some(command.output().unwrap())
    }

    fn bundle(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("bundle")).unwrap()).unwrap()
    }
}

#[test]
fn a_file_is_signed_and_everybody_verifies_it() {
    let Some(bench) = Bench::new() else { return };
    bench.sign(&[], "a.txt");
    let digest = Sha256Digest::of(&fs::read(bench.path("a.txt")).unwrap());
    let bundle = bench.bundle();
    assert_eq!(bundle["messageSignature"]["messageDigest"]["algorithm"], "SHA2_256");
    assert_eq!(bundle["verificationMaterial"]["tlogEntries"].as_array().unwrap().len(), 1);
    assert_eq!(bench.verify(WHO, &bench.path("a.txt")).0, Some(0));
    assert_eq!(bench.verify(WHO, &format!("sha256:{digest}")).0, Some(0));
    let (status, said) = bench.verify("other@example.test", &bench.path("a.txt"));
    assert!(status == Some(1) && said.contains("E-IDENTITY-MISMATCH"), "{said}");

    for other in Other::ALL {
        accepted_until_changed(&bench, other, Direction::FromLacre);
    }
}

#[test]
fn what_others_sign_is_verified() {
    let Some(bench) = Bench::new() else { return };
    for other in Other::ALL {
        if other.signs(&bench).is_some() {
            assert_eq!(bench.verify(WHO, &bench.path("a.txt")).0, Some(0), "{other:?}");
            accepted_until_changed(&bench, other, Direction::ToLacre);
        }
    }
}

/// Another implementation of the same.
#[derive(Debug, Clone, Copy)]
enum Other {
    Cosign,
    SigstoreGo,
    SigstorePython,
}

impl Other {
    const ALL: [Self; 3] = [Self::Cosign, Self::SigstoreGo, Self::SigstorePython];

    fn name(self) -> &'static str {
        match self {
            Self::Cosign => "cosign",
            Self::SigstoreGo => "sigstore-go",
            Self::SigstorePython => "sigstore-python",
        }
    }

    /// Has it sign `a.txt` into `bundle`; nothing where it is missing.
    fn signs(self, bench: &Bench) -> Option<()> {
        let (root, config) = (bench.stack.trusted_root(), bench.stack.signing_config());
        let (trust, token) = (bench.stack.trust_config(), bench.stack.issuer().token(WHO));
        let [root, config, trust] = [&root, &config, &trust].map(|path| path.to_str().unwrap());
        let _ = fs::remove_file(bench.path("bundle"));
        fs::write(bench.path("token"), &token).unwrap();
        let output = match self {
            Self::Cosign => {
                let words = ["sign-blob", "-y", "--signing-config", config, "--trusted-root", root];
                let more = ["--identity-token", "token", "--bundle", "bundle", "a.txt"];
                bench.peer(Peer::Cosign, &[&words[..], &more].concat())?
            }
            Self::SigstoreGo => {
                let words = ["-rekor", "-tsa", "-signing-config", config, "-trusted-root", root];
                let output = bench.peer(
                    Peer::SigstoreGoSigning,
                    &[&words[..], &["-id-token", token.as_str(), "a.txt"]].concat(),
                )?;
                let said = String::from_utf8(output.stdout.clone()).unwrap();
                let bundle = said.lines().find(|line| line.starts_with('{')).unwrap_or_default();
                fs::write(bench.path("bundle"), bundle).unwrap();
                output
            }
            Self::SigstorePython => {
                let words = ["--trust-config", trust, "sign", "--identity-token", token.as_str()];
                bench.peer(Peer::Sigstore, &[&words[..], &["--bundle", "bundle", "a.txt"]].concat())?
            }
        };
        assert!(output.status.success(), "{self:?}: {output:?}");
        Some(())
    }

    /// Whether it verifies `bundle` for a file; nothing where it is missing.
    fn verifies(self, bench: &Bench, file: &str) -> Option<bool> {
        let (root, trust) = (bench.stack.trusted_root(), bench.stack.trust_config());
        let [root, trust] = [&root, &trust].map(|path| path.to_str().unwrap());
        let issuer = bench.stack.issuer().url();
        let output = match self {
            Self::Cosign => {
                let words = ["verify-blob", "--trusted-root", root, "--bundle", "bundle"];
                let who = ["--certificate-identity", WHO, "--certificate-oidc-issuer", &issuer, file];
                bench.peer(Peer::Cosign, &[&words[..], &who].concat())?
            }
            Self::SigstoreGo => {
                let words = ["-trustedrootJSONpath", root, "-expectedSAN", WHO, "-expectedIssuer", &issuer];
                let what = ["-artifact", file, "bundle"];
                bench.peer(Peer::SigstoreGoVerification, &[&words[..], &what].concat())?
            }
            Self::SigstorePython => {
                let words = ["--trust-config", trust, "verify", "identity", "--bundle", "bundle"];
                let who = ["--cert-identity", WHO, "--cert-oidc-issuer", &issuer, file];
                bench.peer(Peer::Sigstore, &[&words[..], &who].concat())?
            }
        };
        Some(output.status.success())
    }
}

/// That both verify `bundle` for the file that it is about, and neither does for another one.
fn accepted_until_changed(bench: &Bench, other: Other, direction: Direction) {
    fs::write(bench.path("b.txt"), "anything else\n").unwrap();
    let (status, said) = bench.verify(WHO, &bench.path("b.txt"));
    assert!(status == Some(1) && said.contains("E-SIGNATURE-INVALID"), "{said}");
    let [Some(good), Some(bad)] = ["a.txt", "b.txt"].map(|file| other.verifies(bench, file)) else { return };
    assert!(good && !bad, "{other:?}");
    interop::holds(other.name(), "message, by an identity", direction);
}

#[test]
fn a_statement_is_signed_as_it_is() {
    let Some(bench) = Bench::new() else { return };
    let digest = Sha256Digest::of(&fs::read(bench.path("a.txt")).unwrap());
    let statement = format!(
        r#"{{ "_type": "https://in-toto.io/Statement/v1",
  "subject": [{{"name": "a.txt", "digest": {{"sha256": "{digest}"}}}}],
  "predicateType": "https://example.com/p/v1", "predicate": {{}} }}"#
    );
    fs::write(bench.path("statement.json"), &statement).unwrap();
    bench.sign(&["--in-toto"], "statement.json");
    let read = Bundle::parse(&fs::read(bench.path("bundle")).unwrap(), &Limits::default());
    assert_eq!(read.unwrap().envelope().payload(), statement.as_bytes());
    assert_eq!(bench.verify(WHO, &bench.path("a.txt")).0, Some(0));
    assert_eq!(bench.verify(WHO, &bench.path("statement.json")).0, Some(1));
    let (root, issuer) = (bench.stack.trusted_root(), bench.stack.issuer().url());
    let words = ["verify-blob-attestation", "--trusted-root", root.to_str().unwrap(), "--bundle", "bundle"];
    let more = ["--type", "https://example.com/p/v1", "--certificate-identity", WHO];
    let rest = ["--certificate-oidc-issuer", issuer.as_str(), "a.txt"];
    let output = bench.peer(Peer::Cosign, &[&words[..], &more, &rest].concat());
    assert!(output.is_none_or(|output| output.status.success()));
}

#[test]
fn what_cannot_be_signed_leaves_no_bundle() {
    let Some(bench) = Bench::new() else { return };
    let (root, config) = (bench.stack.trusted_root(), bench.stack.signing_config());
    let (root, config) = (root.to_str().unwrap(), config.to_str().unwrap());
    let token = bench.stack.issuer().token(WHO);
    let stale = bench.stack.issuer().token_with(WHO, |claims| claims["exp"] = 1.into());
    let (bundle, file) = (bench.path("bundle"), bench.path("a.txt"));
    let sign = |token: &str, more: &[&str]| {
        run(&[&["sign-bundle", "--identity-token", token, "--bundle", &bundle], more].concat())
    };
    let both = ["--trusted-root", root, "--signing-config", config];
    for (said, code) in [
        (sign(&stale, &[&both[..], &[&file]].concat()), "E-TOKEN"),
        (sign(&token, &["--in-toto", both[0], root, both[2], config, &file]), "E-JSON"),
        (sign(&token, &["--trusted-root", root, &file]), "E-USAGE"),
        (sign(&token, &["--staging", &file]), "E-USAGE"),
        (sign(&token, &[&both[..], &["missing"]].concat()), "E-UNREADABLE"),
    ] {
        assert!(said.0 == Some(1) && said.1.contains(code), "{code}: {said:?}");
    }
    assert!(!Path::new(&bundle).exists());
}

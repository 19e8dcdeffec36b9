//! A folder with a model and keys, in which all programs are run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lacre_testkit::ModelDir;
use lacre_testkit::places::{self, Peer};
use serde_json::Value;

/// The curves that OMS signs with.
pub(crate) const CURVES: [&str; 3] = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"];

/// A model in `model`, and a key pair made by Lacre, `k.key` and `k.pub`.
pub(crate) struct Bench {
    model: ModelDir,
}

/// What a program left.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.stdout.clone() + &self.stderr
    }
}

impl Bench {
    pub(crate) fn new(curve: &str, model: ModelDir) -> Self {
        let bench = Self { model };
        bench.key("k", curve);
        bench
    }

    pub(crate) fn key(&self, name: &str, curve: &str) {
        self.lacre(&format!("key new {name} --no-passphrase --algorithm {curve}"));
    }

    pub(crate) fn model(&self) -> &ModelDir {
        &self.model
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.model.beside(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs a program with words that hold no spaces.
    pub(crate) fn run(&self, program: impl Into<PathBuf>, line: &str) -> Said {
        self.run_with(program, line, &[("COSIGN_PASSWORD", "")])
    }

    fn run_with(&self, program: impl Into<PathBuf>, line: &str, variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(program.into());
        command.args(line.split_whitespace()).current_dir(self.path("")).stdin(Stdio::null());
        for variable in ["LACRE_PASSPHRASE", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        // cosign looks for its settings and caches at home.
        command.env("HOME", self.path("")).env("XDG_CACHE_HOME", self.path("cache"));
        command.env("XDG_DATA_HOME", self.path("data"));
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { exit: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs what must succeed in `lacre`, and gives its result.
    pub(crate) fn lacre(&self, line: &str) -> Value {
        let said = self.run(env!("CARGO_BIN_EXE_lacre"), &format!("{line} --json"));
        assert_eq!(said.exit, Some(0), "lacre {line}\n{said:?}");
        let whole: Value = serde_json::from_str(&said.stdout).unwrap();
        whole["result"].clone()
    }

    /// Runs what `lacre` must refuse with this code.
    pub(crate) fn lacre_refuses(&self, line: &str, exit: i32, code: &str) {
        let said = self.run(env!("CARGO_BIN_EXE_lacre"), &format!("{line} --json"));
        let whole: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(
            (said.exit, &whole["error"]["code"]),
            (Some(exit), &code.into()),
            "lacre {line}\n{said:?}"
        );
    }

    /// Runs a peer, whatever it says.
    pub(crate) fn asked(&self, peer: &Found, line: &str) -> Said {
        self.run(&peer.0, line)
    }

    /// The same with variables in the environment.
    pub(crate) fn asked_with(&self, peer: &Found, line: &str, variables: &[(&str, &str)]) -> Said {
        self.run_with(&peer.0, line, variables)
    }

    /// Runs what a peer must accept.
    pub(crate) fn peer(&self, peer: &Found, line: &str) -> Said {
        let said = self.run(&peer.0, line);
        assert_eq!(said.exit, Some(0), "{} {line}\n{}{}", peer.0.display(), said.stdout, said.stderr);
        said
    }

    /// Runs a script by the interpreter that `model_signing` is installed for.
    pub(crate) fn python(&self, model_signing: &Found, line: &str) {
        let said = self.run(model_signing.0.with_file_name("python"), line);
        assert_eq!(said.exit, Some(0), "python {line}\n{}{}", said.stdout, said.stderr);
    }

    /// Runs what a peer must refuse, for a reason that `why` is part of.
    pub(crate) fn peer_refuses(&self, peer: &Found, line: &str, why: &str) {
        let said = self.run(&peer.0, line);
        assert_ne!(said.exit, Some(0), "{} {line}\n{said:?}", peer.0.display());
        assert!((said.stdout.clone() + &said.stderr).contains(why), "not for {why:?}: {said:?}");
    }
}

/// A model with executable files and empty folders.
pub(crate) fn shaped() -> ModelDir {
    let model = ModelDir::sample().file("bin/run", "#!/bin/sh\n").file("größe.sh", "#!/bin/sh\n");
    for name in ["bin/run", "größe.sh"] {
        fs::set_permissions(model.entry(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::create_dir_all(model.entry("logs/日本語")).unwrap();
    fs::create_dir_all(model.entry("cache")).unwrap();
    model
}

/// The program of a peer.
pub(crate) struct Found(PathBuf);

impl Found {
    /// A peer, if it is there.
    pub(crate) fn of(peer: Peer) -> Option<Self> {
        peer.find().map(Self)
    }

    /// A program of the machine, if it is there.
    pub(crate) fn program(name: &str) -> Option<Self> {
        places::program(name).map(Self)
    }
}

/// `model_signing`, if it is there.
pub(crate) fn model_signing() -> Option<Found> {
    Found::of(Peer::ModelSigning)
}

/// `cosign`, if it is there.
pub(crate) fn cosign() -> Option<Found> {
    Found::of(Peer::Cosign)
}

/// The models that both sides sign: what is in them, by name.
pub(crate) fn models() -> [(&'static str, ModelDir); 5] {
    [
        ("folder", ModelDir::new().file("config.json", "{}\n").file("weights.bin", [7; 4096])),
        ("nested", ModelDir::new().file("a/b/c/d", "deep").file("a/b/e", "less").file("f", "not")),
        (
            "unicode",
            ModelDir::new().file("größe/日本語.txt", "1").file("模型.bin", "2").file("ä\u{301}🦀", "3"),
        ),
        ("empty file", ModelDir::new().file("empty", "").file("full", "x").file("sub/empty", "")),
        ("1 000 files", ModelDir::many(1000, 32)),
    ]
}

//! A work bench: an empty folder in which `lacre` is run, and what it said.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A folder of its own, which is the current folder of every run.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    /// Beside it, so that it is in no listing of what a run left.
    cache: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    /// A bench with a model `MODEL` and a key pair `k.key`, `k.pub` without passphrase.
    pub(crate) fn with_model_and_key() -> Self {
        let bench = Self::new();
        bench.write("MODEL/config.json", b"{\"hidden\": 384}");
        bench.write("MODEL/model.safetensors", &[7; 5000]);
        bench.write("MODEL/tokenizer/vocab.txt", b"one\ntwo\n");
        bench.key("k");
        bench
    }

    /// The same, signed as `org/mini-lm` 1.0.0.
    pub(crate) fn with_signed_model() -> Self {
        let bench = Self::with_model_and_key();
        bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0");
        bench
    }

    pub(crate) fn key(&self, name: &str) {
        self.good(&format!("key new {name} --no-passphrase"));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of caches.
    pub(crate) fn cache(&self) -> &Path {
        self.cache.path()
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names in a folder, sorted; hidden ones too.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A command that runs `lacre` here: no terminal, and nothing of the caller's environment that it would obey.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lacre"));
        for variable in ["LACRE_PASSPHRASE", "LACRE_TPM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"]
        {
            command.env_remove(variable);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.cache.path());
        // There is nothing: only what is built in counts, unless a test puts something there.
        command.env("XDG_DATA_HOME", self.cache.path().join("data"));
        command
    }

    /// Runs `lacre` with words that hold no spaces.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.args(line.split_whitespace())
    }

    pub(crate) fn args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Said {
        Said::of(self.command().args(args))
    }

    /// Runs what must succeed.
    pub(crate) fn good(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.exit, Some(0), "lacre {line}\n{}{}", said.stdout, said.stderr);
        said
    }

    /// Runs what must fail with `code`, in both shapes, and gives what was said for people.
    pub(crate) fn bad(&self, line: &str, code: &str, exit: i32) -> Said {
        let json = self.run(&format!("{line} --json"));
        assert_eq!(json.exit, Some(exit), "lacre {line} --json\n{}{}", json.stdout, json.stderr);
        let value = json.json();
        assert_eq!(value["error"]["code"], code, "{value}");
        assert_eq!(value["error"]["exit"], exit, "{value}");
        let said = self.run(line);
        said.refuses(code, exit);
        said
    }
}

/// What a run left: its exit code and its streams.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one object on stdout.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["command", "error", "ok", "result", "schema_version"]);
        assert_eq!(value["schema_version"], 1);
        assert_eq!(value["ok"], value["error"].is_null());
        assert_eq!(value["ok"], value["result"].is_object());
        value
    }

    /// Asserts a refusal as people see it: nothing on stdout, one error on stderr.
    pub(crate) fn refuses(&self, code: &str, exit: i32) {
        assert_eq!(self.exit, Some(exit), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let errors: Vec<_> = self.stderr.lines().filter(|line| line.starts_with("error[")).collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        assert!(errors[0].starts_with(&format!("error[{code}]: ")), "{self:?}");
    }

    /// Asserts that stderr has a line that starts like this.
    pub(crate) fn says(&self, start: &str) {
        assert!(self.stderr.lines().any(|line| line.starts_with(start)), "no {start:?} in {self:?}");
    }
}

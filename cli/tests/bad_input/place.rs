//! Where a case happens: a signed model, its keys, and `lacre` run beside them.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lacre_testkit::{ModelDir, Seal, Sealed, tamper};
use serde_json::Value;

use crate::snapshot::Snapshot;

/// What waits for a FIFO waits for ever: then the case has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// A signed model `model`, its keys `release.key` and `release.pub`, in a folder that is the current one of every run.
pub(crate) struct Place {
    pub(crate) sealed: Sealed,
    /// Beside it, so that what is noted there is no change here.
    cache: tempfile::TempDir,
}

impl Place {
    /// [`ModelDir::sample`], signed as `org/mini-lm` 1.0.0.
    pub(crate) fn sample() -> Self {
        Self::of(Sealed::sample())
    }

    pub(crate) fn of(sealed: Sealed) -> Self {
        sealed.write_keys();
        Self { sealed, cache: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn signed(model: ModelDir) -> Self {
        Self::of(Seal::of(model).sign())
    }

    /// The sample, pushed to `oci:store:v1`.
    pub(crate) fn pushed() -> Self {
        let place = Self::sample();
        place.accepts("push model oci:store:v1");
        place
    }

    pub(crate) fn model(&self) -> &ModelDir {
        self.sealed.model()
    }

    /// A file of the model.
    pub(crate) fn entry(&self, name: &str) -> PathBuf {
        self.model().entry(name)
    }

    /// The folder of caches.
    pub(crate) fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// A path beside the model.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.model().beside(name)
    }

    /// `lacre` here: no terminal, and nothing of the caller's environment that it would obey.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lacre"));
        self.prepare(&mut command);
        command
    }

    /// Makes any program run here.
    pub(crate) fn prepare(&self, command: &mut Command) {
        for variable in ["LACRE_PASSPHRASE", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            command.env_remove(variable);
        }
        command.current_dir(self.beside("")).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.cache.path());
    }

    /// Runs words that hold no spaces.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.args(line.split_whitespace())
    }

    pub(crate) fn args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Said {
        Said::of(self.command().args(args))
    }

    /// Runs what must succeed.
    pub(crate) fn accepts(&self, line: &str) -> Value {
        let said = self.run(&format!("{line} --json"));
        assert_eq!(said.exit, Some(0), "lacre {line}\n{said:?}");
        said.json()
    }

    /// Runs what must be refused, in both shapes; nothing may change. Gives what was said for people.
    pub(crate) fn refuses(&self, line: &str, exit: i32, code: &str) -> String {
        self.refuses_args(&line.split_whitespace().collect::<Vec<_>>(), exit, code)
    }

    pub(crate) fn refuses_args(&self, args: &[&str], exit: i32, code: &str) -> String {
        let before = Snapshot::of(&self.beside(""));
        let json = self.args(args.iter().chain(&["--json"]));
        json.refuses_in_json(exit, code);
        let said = self.args(args);
        said.refuses_in_words(exit, code);
        let changes = before.changes(&Snapshot::of(&self.beside("")));
        assert!(changes.is_empty(), "a refusal wrote something: {args:?}: {changes:?}");
        said.stderr
    }

    /// `lacre verify model --key release.pub` must be refused.
    pub(crate) fn is_refused(&self, exit: i32, code: &str) -> String {
        self.refuses("verify model --key release.pub", exit, code)
    }

    /// The same with another bundle in the place of the good one.
    pub(crate) fn is_refused_with(&self, bundle: &[u8], exit: i32, code: &str) -> String {
        self.sealed.write_bundle(bundle);
        self.is_refused(exit, code)
    }

    /// The sample after `interfere`, which must be refused.
    pub(crate) fn after(interfere: impl FnOnce(&ModelDir), exit: i32, code: &str) -> String {
        let place = Self::sample();
        place.accepts("verify model --key release.pub");
        interfere(place.model());
        place.is_refused(exit, code)
    }

    /// Puts a second signed model, of another key, beside the first: `other`, `other.key`, `other.pub`.
    pub(crate) fn other_key(&self) -> Sealed {
        let other = Sealed::sample();
        let (private, public) = other.write_keys();
        for (from, to) in [(private, "other.key"), (public, "other.pub")] {
            std::fs::copy(from, self.beside(to)).unwrap();
        }
        other
    }
}

/// What a run left: its end and its streams.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from_output(output(command))
    }

    pub(crate) fn from_output(output: Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one object on stdout: the same keys for success and for failure.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        let value: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["command", "error", "ok", "result", "schema_version"]);
        assert_eq!(value["schema_version"], 1);
        value
    }

    pub(crate) fn refuses_in_json(&self, exit: i32, code: &str) {
        assert_eq!(self.exit, Some(exit), "{self:?}");
        let value = self.json();
        assert_eq!(value["ok"], false);
        assert_eq!(value["result"], Value::Null);
        let error = value["error"].as_object().unwrap();
        let keys: Vec<_> = error.keys().map(String::as_str).collect();
        assert_eq!(keys, ["causes", "code", "exit", "hint", "message", "position", "report"]);
        assert_eq!(error["code"], code, "{value}");
        assert_eq!(error["exit"], exit, "{value}");
        assert!(!error["message"].as_str().unwrap().is_empty() && error["hint"].is_string(), "{value}");
        assert!(
            !self.stderr.lines().any(|line| line.starts_with("error")),
            "the error stands on stdout, and only there: {self:?}"
        );
        self.is_harmless();
    }

    pub(crate) fn refuses_in_words(&self, exit: i32, code: &str) {
        assert_eq!(self.exit, Some(exit), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let errors: Vec<_> = self.stderr.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        assert!(errors[0].starts_with(&format!("error[{code}]: ")), "{self:?}");
        assert!(self.stderr.contains("hint: "), "{self:?}");
        self.is_harmless();
    }

    /// No character that moves the cursor, rings, turns the line or hides reaches a terminal.
    pub(crate) fn is_harmless(&self) {
        for stream in [&self.stdout, &self.stderr] {
            let harmful = |c: char| {
                (c.is_control() && c != '\n')
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                    || c == '\u{feff}'
            };
            assert!(!stream.contains(harmful), "{self:?}");
        }
    }
}

/// Runs to the end, or for a minute at most.
pub(crate) fn output(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let read = |mut stream: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            bytes
        })
    };
    let stdout = read(Box::new(child.stdout.take().unwrap()));
    let stderr = read(Box::new(child.stderr.take().unwrap()));
    let status = wait(&mut child);
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

/// Waits for the end, for a minute at most.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_untouched_sample_is_accepted() {
    let place = Place::sample();
    let value = place.accepts("verify model --key release.pub");
    assert_eq!(value["result"]["model"]["name"], "org/mini-lm");
    assert_eq!(value["result"]["warnings"], serde_json::json!([]));
}

#[test]
#[should_panic(expected = "E-FILE-CHANGED")]
fn a_wrong_expectation_is_seen() {
    Place::after(|model| tamper::flip(&model.entry("config.json"), 1), 1, "E-FILE-SIZE");
}

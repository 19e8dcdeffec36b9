//! The only mouth: data on stdout, all else on stderr, every text made harmless on its way.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::args::{Color, Globals};
use crate::error::CliError;
use crate::{excerpt, exit, text};

/// What a verb has to say when it is done.
#[derive(Debug)]
pub(crate) struct Done {
    /// The `result` object of `--json`.
    pub(crate) result: Value,
    /// The same for people.
    pub(crate) lines: Vec<Line>,
    /// [`exit::OK`], or [`exit::DIFFERS`] for a comparison or a rehearsal.
    pub(crate) exit: u8,
    /// Bytes that stdout was asked to carry: then the lines go to stderr.
    pub(crate) data: Option<Vec<u8>>,
}

impl Done {
    /// A success.
    pub(crate) fn new(result: Value, lines: Vec<Line>) -> Self {
        Self { result, lines, exit: exit::OK, data: None }
    }
}

/// How a piece of a line looks, where colours are on. No meaning is carried by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Good,
    Bad,
    Caution,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Caution => AnsiColor::Yellow.on_default().bold(),
        }
    }
}

/// A line of output, not yet escaped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line that starts with `text`.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self(vec![(tone, text.into())])
    }

    /// A line with nothing special about it.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(Tone::Plain, text)
    }

    /// An indented `label  value` line.
    pub(crate) fn row(label: &str, value: impl Into<String>) -> Self {
        Self::plain(format!("  {label:<10} {}", value.into()))
    }

    /// The line with `text` behind it.
    pub(crate) fn then(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    fn render(&self, out: &mut String) {
        for (tone, text) in &self.0 {
            let style = tone.style();
            // Writing to a string cannot fail.
            let _ = write!(out, "{style}{}{style:#}", text::safe(text));
        }
        out.push('\n');
    }
}

/// Where output goes and how much of it is wanted.
#[derive(Debug)]
pub(crate) struct Printer {
    color: ColorChoice,
    json: bool,
    volume: Volume,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Volume {
    Quiet,
    Normal,
    Verbose,
}

impl Printer {
    /// As the shared flags want it.
    pub(crate) fn new(globals: &Globals) -> Self {
        let color = match globals.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let volume = match (globals.quiet, globals.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        };
        Self { color, json: globals.json, volume }
    }

    /// Before the arguments are parsed: all that is known is whether `--json` is among them.
    pub(crate) fn before_arguments(json: bool) -> Self {
        Self { color: ColorChoice::Auto, json, volume: Volume::Normal }
    }

    /// Whether only errors are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.volume == Volume::Quiet
    }

    /// Whether each step is wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.volume == Volume::Verbose
    }

    /// `warning: …` on stderr.
    pub(crate) fn warn(&self, message: &str) {
        if !self.is_quiet() {
            self.stderr(&[Line::new(Tone::Caution, "warning").then(Tone::Plain, format!(": {message}"))]);
        }
    }

    /// A line on stderr that is neither warning nor error.
    pub(crate) fn aside(&self, message: &str) {
        if !self.is_quiet() {
            self.stderr(&[Line::plain(message)]);
        }
    }

    /// Lines on stderr that are neither warning nor error.
    pub(crate) fn asides(&self, lines: &[Line]) {
        if !self.is_quiet() {
            self.stderr(lines);
        }
    }

    /// A failure on stderr, after which the verb goes on.
    pub(crate) fn refusal(&self, error: &CliError, hint: Option<String>) {
        self.failure(&Failure::new(error, hint));
    }

    /// One of many results: always JSON, a line on stdout that is out when this returns. Nobody would look at the exit
    /// code of each, so a reader who has gone away is a failure here.
    pub(crate) fn pass(&self, pass: &Pass<'_>) -> Result<(), CliError> {
        let mut whole = match pass.outcome {
            Ok(result) => {
                let mut result = result.clone();
                result["warnings"] = json!(pass.warnings);
                envelope(pass.command, &Value::Null, true, &result)
            }
            Err(error) => {
                let error = Failure::new(error, pass.hint.map(str::to_owned)).json();
                envelope(pass.command, &error, false, &Value::Null)
            }
        };
        whole["at"] = json!(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        whole["run"] = json!(pass.run);
        whole["trigger"] = json!(pass.trigger);
        let mut stream = AutoStream::new(io::stdout().lock(), self.color);
        let written = stream.write_all(&json_line(&whole)).and_then(|()| stream.flush());
        written.map_err(|source| CliError::Output { path: "standard output".to_owned(), source }.told())
    }

    /// An event: one line on stdout that is out when this returns. A reader who has gone away does not hear of it, which is a
    /// failure.
    pub(crate) fn event(&self, json: &str) -> Result<(), CliError> {
        let mut stream = AutoStream::new(io::stdout().lock(), self.color);
        let written = stream.write_all(format!("{json}\n").as_bytes()).and_then(|()| stream.flush());
        written.map_err(|source| CliError::Output { path: "standard output".to_owned(), source })
    }

    /// Help or version text, made by clap from our own words.
    pub(crate) fn help(&self, text: &clap::builder::StyledStr) -> u8 {
        self.stdout(text.ansi().to_string().as_bytes()).unwrap_or_else(|error| self.unwritable(error))
    }

    /// Help for somebody who gave no verb: on stderr, because a script that lost its verb must not go on.
    pub(crate) fn lost(&self, text: &clap::builder::StyledStr) {
        let mut stream = AutoStream::new(io::stderr().lock(), self.color);
        let _ = stream.write_all(format!("{}\n", text.ansi()).as_bytes());
    }

    /// Bytes that stdout was asked to carry, of a verb that goes on to fail.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<(), CliError> {
        let failed = |source| CliError::Output { path: "standard output".to_owned(), source };
        self.stdout(bytes).map(drop).map_err(failed)
    }

    /// The end of a verb: prints its outcome once and gives the exit code.
    pub(crate) fn finish(&self, end: End<'_>) -> u8 {
        match (end.outcome, self.json) {
            (Ok(done), true) => self.success_json(end.command, end.warnings, done),
            (Ok(done), false) => self.success(&done),
            (Err(error), json) => {
                let failure = Failure::new(&error, end.hint);
                if json && !matches!(error, CliError::Told(_)) {
                    self.failure_json(end.command, &failure)
                } else {
                    self.failure(&failure)
                }
            }
        }
    }

    fn success(&self, done: &Done) -> u8 {
        if let Some(data) = &done.data {
            if !self.is_quiet() {
                self.stderr(&done.lines);
            }
            return self.stdout(data).map_or_else(|error| self.unwritable(error), |_| done.exit);
        }
        if self.is_quiet() {
            return done.exit;
        }
        let mut text = String::new();
        for line in &done.lines {
            line.render(&mut text);
        }
        self.stdout(text.as_bytes()).map_or_else(|error| self.unwritable(error), |_| done.exit)
    }

    fn success_json(&self, command: &str, warnings: &[String], mut done: Done) -> u8 {
        done.result["warnings"] = json!(warnings);
        let whole = envelope(command, &Value::Null, true, &done.result);
        self.stdout(&json_line(&whole)).map_or_else(|error| self.unwritable(error), |_| done.exit)
    }

    fn failure(&self, failure: &Failure) -> u8 {
        let mut lines = vec![
            Line::new(Tone::Bad, format!("error[{}]", failure.code))
                .then(Tone::Plain, format!(": {}", failure.message)),
        ];
        if let Some((text, position)) = &failure.spot {
            lines.extend(text::pointed(text, *position).map(|line| Line::plain(format!("  {line}"))));
        }
        lines.extend(failure.excerpt.iter().map(Line::plain));
        lines.extend(failure.causes.iter().map(|cause| Line::plain(format!("  cause: {cause}"))));
        let mut label = "hint: ";
        for part in failure.hint.iter().flat_map(|hint| hint.lines()) {
            lines.push(Line::new(Tone::Strong, label).then(Tone::Plain, part));
            label = "      ";
        }
        self.stderr(&lines);
        failure.exit
    }

    fn failure_json(&self, command: &str, failure: &Failure) -> u8 {
        let whole = envelope(command, &failure.json(), false, &Value::Null);
        self.stdout(&json_line(&whole)).map_or_else(|error| self.unwritable(error), |_| failure.exit)
    }

    /// Output that cannot be delivered is a failure, whatever the verb found.
    fn unwritable(&self, source: io::Error) -> u8 {
        let error = CliError::Output { path: "standard output".to_owned(), source };
        self.failure(&Failure::new(&error, None))
    }

    /// Writes all of `bytes`. A reader that has gone away wanted no more: that is no failure.
    fn stdout(&self, bytes: &[u8]) -> io::Result<u8> {
        let mut stream = AutoStream::new(io::stdout().lock(), self.color);
        match stream.write_all(bytes).and_then(|()| stream.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit::OK),
            result => result.map(|()| exit::OK),
        }
    }

    fn stderr(&self, lines: &[Line]) {
        let mut text = String::new();
        for line in lines {
            line.render(&mut text);
        }
        let mut stream = AutoStream::new(io::stderr().lock(), self.color);
        // There is nobody left to tell if stderr is gone.
        let _ = stream.write_all(text.as_bytes());
    }
}

/// What [`Printer::finish`] is told.
#[derive(Debug)]
pub(crate) struct End<'a> {
    /// The verb.
    pub(crate) command: &'a str,
    /// What was warned of, for JSON: on stderr it stands already.
    pub(crate) warnings: &'a [String],
    /// What came of it.
    pub(crate) outcome: Result<Done, CliError>,
    /// The remedy of a failure.
    pub(crate) hint: Option<String>,
}

/// What [`Printer::pass`] is told.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    /// The verb.
    pub(crate) command: &'a str,
    /// The `result` object, or why there is none.
    pub(crate) outcome: Result<&'a Value, &'a CliError>,
    /// The remedy of a failure.
    pub(crate) hint: Option<&'a str>,
    /// What was warned of since the last one.
    pub(crate) warnings: &'a [String],
    /// The how manieth it is, from 1.
    pub(crate) run: u64,
    /// Why it was made.
    pub(crate) trigger: &'a str,
}

/// A failure in the parts that both shapes show.
struct Failure {
    code: &'static str,
    exit: u8,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// How far verification came, for JSON.
    report: Value,
    /// The text that cannot be read, and the byte where it goes wrong.
    spot: Option<(String, usize)>,
    /// What stands where a policy goes wrong, and at which byte that is.
    excerpt: Vec<String>,
    byte: Option<usize>,
}

impl Failure {
    fn new(error: &CliError, hint: Option<String>) -> Self {
        let code = error.code();
        let (message, causes) = (error.to_string(), causes(error));
        let report = json!(error.report());
        let spot = error.spot().map(|(text, position)| (text.to_owned(), position));
        let fault = error.policy_fault();
        let excerpt = fault.map(excerpt::lines).unwrap_or_default();
        let byte = fault.and_then(|fault| fault.spot.as_ref()).map(|spot| spot.bytes.start);
        Self { code, exit: exit::of(code), message, causes, hint, report, spot, excerpt, byte }
    }

    /// The `error` object of `--json`.
    fn json(&self) -> Value {
        json!({
            "causes": self.causes,
            "code": self.code,
            "exit": self.exit,
            "hint": self.hint,
            "message": self.message,
            "position": self.spot.as_ref().map(|(_, position)| *position).or(self.byte),
            "report": self.report,
        })
    }
}

/// The chain behind an error, without what a line above already says.
pub(crate) fn causes(error: &CliError) -> Vec<String> {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            said.clone_from(&text);
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}

fn envelope(command: &str, error: &Value, ok: bool, result: &Value) -> Value {
    json!({
        "command": command,
        "error": error,
        "ok": ok,
        "result": result,
        "schema_version": 1,
    })
}

fn json_line(whole: &Value) -> Vec<u8> {
    let bytes = lacre_json::to_vec(whole);
    let mut text = text::safe_json(&String::from_utf8_lossy(&bytes));
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_escaped_and_styled_around_the_text() {
        let mut out = String::new();
        Line::new(Tone::Bad, "x\u{1b}[0m").then(Tone::Plain, "y\nz").render(&mut out);
        assert_eq!(out, "\u{1b}[1m\u{1b}[31mx\\u{1b}[0m\u{1b}[0my\\nz\n");
    }

    #[test]
    fn a_cause_is_not_told_twice() {
        let source = io::Error::other("no space");
        let error = CliError::Output { path: "f".to_owned(), source };
        assert_eq!(causes(&error), ["no space"]);
        assert!(causes(&CliError::Interrupted).is_empty());
    }

    #[test]
    fn both_shapes_have_the_same_keys() {
        let keys = |whole: Value| {
            let value: Value = serde_json::from_slice(&json_line(&whole)).unwrap();
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        let good = keys(envelope("x", &Value::Null, true, &json!({})));
        assert_eq!(good, keys(envelope("x", &json!({}), false, &Value::Null)));
        assert_eq!(good, ["command", "error", "ok", "result", "schema_version"]);
    }
}

//! One call of `lacre`, from its arguments to its exit code.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::FromArgMatches as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use lacre_attest::Limits;
use lacre_registry_client::Credentials;

use crate::args::{self, Cli, Globals, Verb};
use crate::error::CliError;
use crate::printer::{Done, End, Printer};
use crate::progress::Meter;
use crate::save::Existing;
use crate::{bug, cmd, hints, interrupt};

/// Runs the command line `argv` (with the program's name) and gives the exit code.
pub(crate) fn run(argv: &[OsString]) -> u8 {
    let parsed = args::command().try_get_matches_from(argv).and_then(|found| Cli::from_arg_matches(&found));
    match parsed {
        Ok(cli) => Session::new(argv, cli.globals).run(&cli.verb),
        Err(error) => refused(argv, &error),
    }
}

/// What the verbs share: the flags, the printer, the warnings so far.
#[derive(Debug)]
pub(crate) struct Session {
    /// The command line, with the program's name.
    pub(crate) argv: Vec<OsString>,
    pub(crate) globals: Globals,
    pub(crate) printer: Printer,
    /// Nothing is read of them before a registry demands some.
    pub(crate) credentials: Arc<Credentials>,
    warnings: Mutex<Vec<String>>,
}

impl Session {
    fn new(argv: &[OsString], globals: Globals) -> Self {
        let printer = Printer::new(&globals);
        let credentials = Arc::new(Credentials::from_environment());
        Self { argv: argv.to_vec(), globals, printer, credentials, warnings: Mutex::default() }
    }

    fn run(self, verb: &Verb) -> u8 {
        interrupt::listen(self.printer.is_quiet());
        let outcome = bug::caught(|| cmd::run(verb, &self));
        self.finish(verb, outcome)
    }

    fn finish(&self, verb: &Verb, outcome: Result<Done, CliError>) -> u8 {
        if let Err(error) = &outcome {
            self.tell_checks(error);
        }
        for warning in self.credentials.warnings() {
            self.warn(warning);
        }
        let hint = outcome.as_ref().err().and_then(|error| hints::remedy(error, verb));
        let warnings = self.warned();
        self.printer.finish(End { command: verb.name(), warnings: &warnings, outcome, hint })
    }

    /// Tells who wants each step how far a verification came that failed.
    pub(crate) fn tell_checks(&self, error: &CliError) {
        if let Some(report) = error.report()
            && self.printer.is_verbose()
        {
            cmd::verify::check_words(report).for_each(|line| self.printer.aside(&line));
        }
    }

    /// Warns at once on stderr, and in the result's `warnings`.
    pub(crate) fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        self.printer.warn(&message);
        self.warned().push(message);
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warned().clone()
    }

    /// The warnings since the last time: for a verb that has many results.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warned())
    }

    fn warned(&self) -> MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A meter for work that is called `label` ("signing").
    pub(crate) fn meter(&self, label: &'static str) -> Meter<'_> {
        Meter::new(self.globals.progress, label, &self.printer)
    }

    /// Bounds on what is read before it is trusted.
    pub(crate) fn limits(&self) -> Limits {
        let limits = Limits::default();
        Limits { statement: self.globals.max_statement.unwrap_or(limits.statement), ..limits }
    }

    /// What `--force` says of files that exist.
    pub(crate) fn existing(&self) -> Existing {
        Existing::by_force(self.globals.force)
    }
}

/// Help and version, or arguments that make no sense.
fn refused(argv: &[OsString], error: &clap::Error) -> u8 {
    let json = args::wants_json(argv);
    let printer = Printer::before_arguments(json);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return printer.help(&error.render()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => printer.lost(&error.render()),
        _ => {}
    }
    let command = args::guess_verb(argv);
    let outcome = Err(usage_error(error));
    let help = if command == "lacre" { "lacre --help".to_owned() } else { format!("lacre {command} --help") };
    let hint = outcome.as_ref().err().and_then(hints::own).or(Some(help));
    printer.finish(End { command, warnings: &[], outcome, hint })
}

/// clap's refusal as one of ours: its first paragraph is the message, the usage line and its tips are the hint.
fn usage_error(error: &clap::Error) -> CliError {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    ) {
        return CliError::usage("a verb is missing");
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let message = first.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let tips: Vec<String> = paragraphs
        .flat_map(str::lines)
        .map(str::trim)
        .filter_map(|line| line.strip_prefix("tip: ").or_else(|| line.starts_with("Usage: ").then_some(line)))
        // No value of ours begins with a hyphen: who wrote `--kye` did not mean it as a file.
        .filter(|tip| !tip.contains("as a value"))
        .map(str::to_owned)
        .collect();
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) if tips.is_empty() => Some(usage.to_string()),
        _ => None,
    };
    let tip = (!tips.is_empty()).then(|| tips.join("\n")).or(usage);
    CliError::Usage { message, tip }
}

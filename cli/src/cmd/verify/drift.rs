//! `lacre verify --every`: the same proof again and again, a line of JSON for each.

use std::path::Path;
use std::time::{Duration, Instant};

use lacre_verify::{Watch, Woken};

use super::came::Came;
use super::{VerifyArgs, on_disk};
use crate::decision::{Recorder, Stdout};
use crate::error::CliError;
use crate::printer::{Done, Pass};
use crate::session::Session;
use crate::{hints, interrupt, text};

/// Proves the model until it is not what was signed (or, with `--keep-going`, until somebody stops it).
pub(super) fn run(args: &VerifyArgs, every: Duration, session: &Session) -> Result<Done, CliError> {
    if args.signature.as_deref().is_some_and(|path| path == Path::new("-")) {
        return Err(CliError::usage("--every reads the signature each time anew, which stdin cannot give"));
    }
    // What is no key or policy now is a slip of the command line, not a model that drifts.
    if args.demands.policy(args.following(), session)?.is_none() {
        args.demands.read(session)?;
    }
    let recorder = args.decision.open(Stdout::Taken, session)?;
    // Before the first proof: what changes while it runs is proven again.
    let mut watch = Watch::new(&args.model, args.signature.as_deref(), args.links.into());
    let (mut run, mut trigger) = (1, "start");
    loop {
        if let Some(trouble) = watch.trouble() {
            let cause = std::error::Error::source(&trouble).map(|cause| format!(": {cause}"));
            let cause = cause.unwrap_or_default();
            session.warn(format!("{trouble}{cause}; it is proven on schedule only"));
        }
        let begun = Instant::now();
        pass(args, (session, &recorder), run, trigger)?;
        run += 1;
        trigger = match watch.wait(every.saturating_sub(begun.elapsed()), &interrupt::requested) {
            Woken::Changed => "change",
            Woken::Due => "schedule",
            Woken::Interrupted => return Err(CliError::Interrupted.told()),
        };
    }
}

/// Proves the model once, and says what came of it. An error is the end.
fn pass(
    args: &VerifyArgs,
    (session, recorder): (&Session, &Recorder<'_>),
    run: u64,
    trigger: &'static str,
) -> Result<(), CliError> {
    let mut came = Came::new(args.facts());
    let outcome = on_disk::verify(args, session, &mut came).map(|done| {
        if session.printer.is_verbose() {
            session.printer.asides(&done.lines);
        }
        done.result
    });
    if outcome.as_ref().is_err_and(|error| error.code() == CliError::Interrupted.code()) {
        return Err(CliError::Interrupted.told());
    }
    let outcome = recorder.conclude(outcome, came.take_facts());
    let remedy = |error: &CliError| hints::remedy_in("verify", &text::path(&args.model), error);
    let hint = outcome.as_ref().err().and_then(remedy);
    let warnings = session.take_warnings();
    session.printer.pass(&Pass {
        command: "verify",
        outcome: outcome.as_ref(),
        hint: hint.as_deref(),
        warnings: &warnings,
        run,
        trigger,
    })?;
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if args.keep_going => {
            session.tell_checks(&error);
            session.printer.refusal(&error, hint);
            Ok(())
        }
        Err(error) => Err(error.told()),
    }
}

//! `lacre policy test`: a folder of cases, for pipelines: does the policy still say what it must?

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use lacre_verify::Requirements;
use serde_json::{Value, json};

use super::case::Case;
use super::verdict::{Examined, Trial, examine};
use crate::error::CliError;
use crate::exit;
use crate::follow::{DemandArgs, FollowArgs};
use crate::gate::{Following, Gate};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, text};

/// What a verdict that is not the expected one ends with.
const CODE: &str = "E-POLICY-TEST";

/// Hold models against policies, and compare with the expected verdicts
///
/// Each *.toml in DIR is a case: policy, model or reference, expect = "allow", "waived" or "deny", and the code of what
/// is waived or denied. Paths are looked for from the case.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre policy test cases
  lacre policy test cases --json")]
pub(crate) struct TestArgs {
    /// Folder of the cases
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl TestArgs {
    pub(super) fn what(&self) -> String {
        text::path(&self.folder)
    }
}

pub(super) fn run(args: &TestArgs, session: &Session) -> Result<Done, CliError> {
    let files = files(&args.folder)?;
    // All of them are read before the first is tried: a slip in the last is not found after an hour.
    let cases: Vec<(PathBuf, Case)> =
        files.into_iter().map(|file| Case::read(&file).map(|case| (file, case))).collect::<Result<_, _>>()?;
    let (mut lines, mut results, mut differ) = (Vec::new(), Vec::new(), 0_usize);
    for (file, case) in &cases {
        interrupt::check()?;
        let tried = attempt(case, &args.registry, session)?;
        let name = file.file_stem().map(|name| text::path(Path::new(name))).unwrap_or_default();
        differ += usize::from(tried.differs.is_some());
        lines.push(tried.line(&name));
        results.push(tried.json(&name, case));
    }
    let passed = cases.len() - differ;
    let summary = format!("{} as expected, {differ} not", text::count(passed, "verdict"));
    lines.push(match differ {
        0 => Line::new(Tone::Good, summary),
        _ => Line::new(Tone::Bad, summary).then(Tone::Plain, format!(" [{CODE}]")),
    });
    let code = (differ > 0).then_some(CODE);
    let result = json!({ "cases": results, "code": code, "differ": differ, "passed": passed });
    Ok(Done { exit: code.map_or(exit::OK, exit::of), ..Done::new(result, lines) })
}

/// The cases, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |source| CliError::read(folder, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let detail = "there is no case in it: no *.toml".to_owned();
        return Err(CliError::PolicyCase { path: text::path(folder), detail });
    }
    Ok(files)
}

/// What came of a case.
struct Tried {
    verdict: &'static str,
    codes: Vec<&'static str>,
    rule: Option<String>,
    message: Option<String>,
    /// What was expected, where it is something else.
    differs: Option<String>,
}

fn attempt(case: &Case, registry: &RegistryArgs, session: &Session) -> Result<Tried, CliError> {
    let gate = match Gate::read(&case.policy) {
        Err(error) if case.code.as_deref() == Some(error.code()) => {
            let message = Some(error.to_string());
            return Ok(Tried {
                verdict: "deny",
                codes: vec![error.code()],
                rule: None,
                message,
                differs: None,
            });
        }
        gate => gate?,
    };
    let follow = FollowArgs { state: case.state.clone(), read_only_state: true, ..FollowArgs::default() };
    let demands = DemandArgs { floor: case.floor, instance: case.instance.clone(), ..DemandArgs::default() };
    let following =
        Following { channel: case.channel.as_deref(), follow: &follow, demands: &demands, registry };
    let mut base = Requirements::beside_policy(NonZeroUsize::MIN).limits(session.limits());
    if let Some(name) = &case.expect_name {
        base = base.expect_name(name);
    }
    if let Some(now) = case.now {
        base = base.assume_now_danger(now);
    }
    let trial = Trial { gate: &gate, subject: &case.subject, base: &base, following, now: case.now, session };
    let examined = examine(trial)?;
    Ok(Tried {
        verdict: examined.verdict().as_str(),
        codes: examined.codes(),
        rule: examined.rule.map(|rule| rule.name().to_owned()),
        message: examined.refusal.as_ref().map(ToString::to_string),
        differs: differs(case, &examined),
    })
}

fn differs(case: &Case, examined: &Examined<'_>) -> Option<String> {
    let rule = examined.rule.map(lacre_verify::Rule::name);
    let same_code = case.code.as_deref().is_none_or(|code| examined.codes().contains(&code));
    let same_rule = case.rule.as_deref().is_none_or(|wanted| rule == Some(wanted));
    if case.expect == examined.verdict() && same_code && same_rule {
        return None;
    }
    let code = case.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let rule = case.rule.as_ref().map(|rule| format!(" by the rule {rule}")).unwrap_or_default();
    Some(format!("{}{code}{rule}", case.expect.as_str()))
}

impl Tried {
    fn words(&self) -> String {
        let codes = if self.codes.is_empty() { String::new() } else { format!(" {}", self.codes.join(", ")) };
        let rule = self.rule.as_ref().map(|rule| format!(" by the rule {rule}")).unwrap_or_default();
        format!("{}{codes}{rule}", self.verdict)
    }

    fn line(&self, name: &str) -> Line {
        match &self.differs {
            None => {
                Line::new(Tone::Good, "as expected").then(Tone::Plain, format!("  {name}: {}", self.words()))
            }
            Some(expected) => {
                let why = self.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
                let words = format!("      {name}: {}{why}, and {expected} was expected", self.words());
                Line::new(Tone::Bad, "DIFFERS").then(Tone::Plain, words)
            }
        }
    }

    fn json(&self, name: &str, case: &Case) -> Value {
        json!({
            "case": name,
            "codes": self.codes,
            "expected": { "code": case.code, "rule": case.rule, "verdict": case.expect },
            "message": self.message,
            "passed": self.differs.is_none(),
            "rule": self.rule,
            "verdict": self.verdict,
        })
    }
}

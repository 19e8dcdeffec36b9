//! `lacre policy check`: whether a policy loads, and what it says.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use lacre_verify::{BreakGlass, Mode, Pattern, Rule};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::gate::Gate;
use crate::printer::{Done, Line, Tone};
use crate::text;

/// Check that a policy loads, and say in words what it demands
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre policy check policy.toml
  lacre policy check policy.toml --json")]
pub(crate) struct CheckArgs {
    /// Policy, in TOML or JSON
    file: PathBuf,
}

impl CheckArgs {
    pub(super) fn what(&self) -> String {
        text::path(&self.file)
    }
}

pub(super) fn run(args: &CheckArgs) -> Result<Done, CliError> {
    let gate = Gate::read(&args.file)?;
    let policy = gate.policy();
    let result = json!({
        "file": gate.name(),
        "rules": policy.rules().iter().map(rule_json).collect::<Vec<_>>(),
        "sha256": policy.digest().to_string(),
    });
    let number = text::count(policy.rules().len(), "rule");
    let mut lines = vec![
        Line::new(Tone::Good, "loads")
            .then(Tone::Strong, format!(" {}", gate.name()))
            .then(Tone::Plain, format!(", {number}")),
        Line::row("sha256", policy.digest().to_string()),
    ];
    lines.extend(policy.rules().iter().flat_map(rule_lines));
    lines.push(Line::plain("What no rule is about is refused."));
    Ok(Done::new(result, lines))
}

/// What becomes of what is not met, in words.
pub(super) fn mode_words(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce: what is not met is refused",
        Mode::Warn => "warn: what is not met is let through with a warning",
        Mode::Audit => "audit: what is not met is let through, and recorded",
    }
}

fn rule_json(rule: &Rule) -> Value {
    let patterns = |patterns: Option<&[Pattern]>| {
        patterns.map(|patterns| patterns.iter().map(Pattern::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    json!({
        "break_glass": rule.break_glass(),
        "demands": rule.demands(),
        "mode": rule.mode(),
        "models": patterns(rule.models()),
        "name": rule.name(),
        "never_waived": rule.never_waived(),
        "repositories": patterns(rule.repositories()),
        "trusts": rule.trust().words(),
    })
}

fn rule_lines(rule: &Rule) -> Vec<Line> {
    let listed = |patterns: &[Pattern]| patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", ");
    let mut lines = vec![
        Line::new(Tone::Plain, "rule ").then(Tone::Strong, rule.name()),
        Line::row("models", rule.models().map_or_else(|| "of any name".to_owned(), listed)),
        Line::row(
            "out of",
            rule.repositories().map_or_else(|| "any repository, or on a disk".to_owned(), listed),
        ),
        Line::row("mode", mode_words(rule.mode())),
    ];
    lines.extend(rule.trust().words().into_iter().map(|who| Line::row("trusts", who)));
    lines.extend(rule.never_waived().into_iter().map(|words| Line::row("always", words)));
    lines.extend(rule.demands().into_iter().map(|words| Line::row("demands", words)));
    lines.extend(rule.break_glass().map(|glass| Line::row("suspended", glass_words(glass))));
    lines
}

fn glass_words(glass: &BreakGlass) -> String {
    let over = if glass.until <= SystemTime::now() { ", which is over" } else { "" };
    format!("by {} until {}{over}: {}", glass.who, text::time(glass.until), glass.reason)
}

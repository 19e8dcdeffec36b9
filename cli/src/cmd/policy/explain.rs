//! `lacre policy explain`: which rule decides about a model, and what would have to be true.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use lacre_verify::{Finding, Judged};
use serde_json::{Value, json};

use super::check::mode_words;
use super::verdict::{Examined, Subject, Trial, Verdict, examine};
use crate::error::CliError;
use crate::exit;
use crate::follow::{DemandArgs, FollowArgs};
use crate::gate::{Following, Gate};
use crate::place::Place;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// Explain what a policy says of a model, demand by demand
///
/// It ends with the code of the verdict: 0 if the model may be loaded, else that of the refusal. Nothing is remembered.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre policy explain policy.toml MODEL
  lacre policy explain policy.toml oci:store:v1 --json")]
pub(crate) struct ExplainArgs {
    /// Policy, in TOML or JSON
    file: PathBuf,
    /// Folder or file; of a reference, all but its content
    #[arg(value_name = "MODEL|REF")]
    model: OsString,
    /// Signature [default: MODEL/model.sig or FILE.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Ask this channel, too: may it run here today?
    #[arg(long, value_name = "CH")]
    channel: Option<String>,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    channel_demands: DemandArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl ExplainArgs {
    pub(super) fn what(&self) -> String {
        self.model.to_string_lossy().into_owned()
    }

    fn subject(&self) -> Result<Subject, CliError> {
        match Place::parse(&self.model)? {
            Place::Folder(path) | Place::File(path) => Ok(Subject::OnDisk(path, self.signature.clone())),
            Place::Reference(reference) => Ok(Subject::InStore(reference)),
            Place::Stdin => Err(CliError::usage("a model is not read from stdin")),
        }
    }
}

pub(super) fn run(args: &ExplainArgs, session: &Session) -> Result<Done, CliError> {
    let gate = Gate::read(&args.file)?;
    let subject = args.subject()?;
    let following = Following {
        channel: args.channel.as_deref(),
        follow: &args.follow,
        demands: &args.channel_demands,
        registry: &args.registry,
    };
    let base =
        lacre_verify::Requirements::beside_policy(std::num::NonZeroUsize::MIN).limits(session.limits());
    let trial = Trial { gate: &gate, subject: &subject, base: &base, following, now: None, session };
    let examined = examine(trial)?;
    let exit = examined.refusal.as_ref().map_or(exit::OK, |error| exit::of(error.code()));
    let mut result = told_json(&gate, &examined);
    result["model"] = json!(args.what());
    Ok(Done { exit, ..Done::new(result, lines(&gate, &examined, &args.what())) })
}

/// The rules that were asked before, and why they are not about it.
fn passed_over<'a>(gate: &'a Gate, examined: &Examined<'_>) -> Vec<(&'a str, String)> {
    let nameless = String::new();
    let decides = examined.rule;
    // By whichever name the rule was found; else by the first.
    let repository = examined.repository.as_deref();
    let name = examined.names.iter().find(|name| decides.is_some_and(|rule| rule.is_about(repository, name)));
    let name = name.or(examined.names.first()).unwrap_or(&nameless);
    let before =
        gate.policy().rules().iter().take_while(|rule| decides.is_none_or(|it| it.name() != rule.name()));
    before.filter_map(|rule| Some((rule.name(), rule.passes_over(repository, name)?))).collect()
}

fn told_json(gate: &Gate, examined: &Examined<'_>) -> Value {
    let refusal = examined.refusal.as_ref();
    let over = passed_over(gate, examined);
    let over: Vec<_> = over.iter().map(|(rule, why)| json!({ "rule": rule, "why": why })).collect();
    json!({
        "codes": examined.codes(),
        "demands": demands(examined).iter().map(|judged| json!({
            "demand": judged.demand,
            "detail": match &judged.finding {
                Finding::Met(by) => json!(by),
                Finding::Failed(violation) => json!(violation.detail),
                Finding::Open => Value::Null,
            },
            "code": match &judged.finding {
                Finding::Failed(violation) => json!(violation.code),
                Finding::Met(_) | Finding::Open => Value::Null,
            },
            "outcome": match &judged.finding {
                Finding::Met(_) => "met",
                Finding::Failed(_) => "failed",
                Finding::Open => "open",
            },
        })).collect::<Vec<_>>(),
        "file": gate.name(),
        "message": refusal.map(ToString::to_string),
        "mode": examined.rule.map(lacre_verify::Rule::mode),
        "names": examined.names,
        "never_waived": examined.rule.map(lacre_verify::Rule::never_waived),
        "passed_over": over,
        "rule": examined.rule.map(lacre_verify::Rule::name),
        "sha256": gate.policy().digest().to_string(),
        "signed": examined.signed,
        "verdict": examined.verdict(),
    })
}

/// Every demand of the rule; those that nobody came to are open.
fn demands(examined: &Examined<'_>) -> Vec<Judged> {
    match (&examined.judgement, examined.rule) {
        (Some(judgement), _) => judgement.judged().to_vec(),
        (None, Some(rule)) => {
            let open = |demand| Judged { demand, finding: Finding::Open };
            rule.demands().into_iter().map(open).collect()
        }
        (None, None) => Vec::new(),
    }
}

fn lines(gate: &Gate, examined: &Examined<'_>, model: &str) -> Vec<Line> {
    let headline = match examined.verdict() {
        Verdict::Allow => Line::new(Tone::Good, "allowed"),
        Verdict::Waived => Line::new(Tone::Caution, "let through"),
        Verdict::Deny => Line::new(Tone::Bad, "refused"),
    };
    let mut lines = vec![
        headline.then(Tone::Strong, format!(" {model}")).then(Tone::Plain, format!(" by {}", gate.name())),
    ];
    if let Some(error) = &examined.refusal {
        lines.push(Line::row("why", format!("[{}] {error}", error.code())));
    }
    let names = examined.names.iter().map(|name| if name.is_empty() { "no name" } else { name });
    let names = names.collect::<Vec<_>>().join(", ");
    lines.push(Line::row(
        "claims",
        if names.is_empty() { "no signature of a model".to_owned() } else { names },
    ));
    let over = passed_over(gate, examined);
    lines.extend(over.iter().map(|(rule, why)| Line::row("not rule", format!("{rule}: {why}"))));
    let Some(rule) = examined.rule else {
        lines.push(Line::row("rule", "none is about it, and what no rule is about is refused"));
        return lines;
    };
    lines.push(Line::row("rule", format!("{} ({})", rule.name(), mode_words(rule.mode()))));
    lines.extend(rule.trust().words().into_iter().map(|who| Line::row("trusts", who)));
    let word = if examined.signed { "met" } else { "NOT MET" };
    lines.extend(rule.never_waived().into_iter().take(1).map(|words| Line::row(word, words)));
    lines.extend(rule.never_waived().into_iter().skip(1).map(|words| Line::row("always", words)));
    lines.extend(demands(examined).iter().map(|judged| match &judged.finding {
        Finding::Met(by) if by.is_empty() => Line::row("met", &judged.demand),
        Finding::Met(by) => Line::row("met", format!("{}: {by}", judged.demand)),
        Finding::Failed(violation) => {
            Line::row("NOT MET", format!("{} [{}]: {violation}", judged.demand, violation.code))
        }
        Finding::Open => Line::row("open", format!("{} (not looked at)", judged.demand)),
    }));
    if examined.repository.is_some() && examined.signed {
        lines.push(Line::row("content", "not read: it is proven when it is pulled"));
    }
    if let Some(glass) = examined.judgement.as_ref().and_then(lacre_verify::Judgement::break_glass) {
        let until = text::time(glass.until);
        lines.push(Line::row("suspended", format!("by {} until {until}: {}", glass.who, glass.reason)));
    }
    lines
}

//! One self-contained page for people, which needs no script and loads nothing.

use askama::Template;

use super::shown::Shown;
use super::summary::{Fact, State, Summary, Verdict};
use crate::error::CliError;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    summary: &'a Summary,
    lineage: Vec<Step>,
    version: &'static str,
}

/// One box of the lineage: what it is, what is known of it, and how it leads to the next one.
struct Step {
    kind: &'static str,
    state: State,
    titles: Vec<Shown>,
    facts: Vec<Fact>,
    /// What it does to the next one (the channel: to the model); nothing behind the files.
    leads: &'static str,
}

impl Step {
    /// For people: a step that was not reached proves nothing.
    fn word(&self) -> &'static str {
        match self.state {
            State::Passed => "proven",
            State::Failed => "refused",
            State::Skipped => "not proven",
        }
    }
}

/// The page.
pub(super) fn render(summary: &Summary) -> Result<String, CliError> {
    let version = env!("CARGO_PKG_VERSION");
    super::filled(&Page { summary, lineage: lineage(summary), version })
}

/// From who signed to the files, each as far as the checks about it went.
fn lineage(summary: &Summary) -> Vec<Step> {
    let state = |names: &[&str]| {
        let about = summary.checks().filter(|(_, check)| names.contains(&check.name.as_str()));
        State::together(about.map(|(_, check)| check.state))
    };
    let unknown = || vec![Shown::from("not known")];
    let who: Vec<_> = summary.signers.iter().map(|signer| signer.who.clone()).collect();
    let model = summary.model.as_ref();
    let mut steps = vec![
        Step {
            kind: if who.len() > 1 { "Signers" } else { "Signer" },
            state: state(&["signer", "signature"]),
            titles: if who.is_empty() { unknown() } else { who },
            facts: Vec::new(),
            leads: "signed",
        },
        Step {
            kind: "Statement",
            state: state(&["bundle", "claim"]),
            titles: vec![Shown::from("OpenSSF Model Signing")],
            facts: model.map(|model| Fact::new("Root", model.root.clone())).into_iter().collect(),
            leads: "names",
        },
        Step {
            kind: "Model",
            state: state(&["expectations"]),
            titles: model.map_or_else(unknown, |model| vec![model.title()]),
            facts: model
                .and_then(|it| it.identity.clone())
                .map(|it| Fact::new("Identity", it))
                .into_iter()
                .collect(),
            leads: "lists",
        },
        Step {
            kind: "Files",
            state: state(&["content"]),
            titles: model.map_or_else(unknown, |model| vec![model.files.clone()]),
            facts: Vec::new(),
            leads: "",
        },
    ];
    if let Some(channel) = summary.groups.iter().find(|group| group.name == "channel") {
        steps.push(Step {
            kind: "Channel",
            state: State::together(channel.checks.iter().map(|check| check.state)),
            titles: channel.facts.first().map(|fact| fact.value.clone()).into_iter().collect(),
            facts: Vec::new(),
            leads: "permits the model",
        });
    }
    steps
}

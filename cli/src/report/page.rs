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
        let state = State::together(channel.checks.iter().map(|check| check.state));
        steps.push(Step {
            kind: "Channel",
            state,
            titles: channel.facts.first().map(|fact| fact.value.clone()).into_iter().collect(),
            facts: Vec::new(),
            leads: match state {
                State::Passed => "permits the model",
                State::Failed => "does not permit the model",
                State::Skipped => "was not asked about the model",
            },
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    const STYLE: &str = include_str!("page.css");

    /// The colours of each `:root` of the style sheet: light, dark, on paper.
    fn palettes() -> Vec<BTreeMap<&'static str, [f64; 3]>> {
        let roots = STYLE.split(":root {").skip(1).map(|rest| rest.split_once('}').unwrap().0);
        let colour = |hex: &str| {
            [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
        };
        let declared = |text: &'static str| {
            text.split(';').filter_map(|one| one.trim().strip_prefix("--")?.split_once(": "))
        };
        roots.map(|root| declared(root).map(|(name, hex)| (name, colour(hex))).collect()).collect()
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(colour: [f64; 3]) -> f64 {
        let linear = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    /// WCAG 2.2, success criterion 1.4.3: at least 4.5 for text.
    #[test]
    fn every_text_stands_out_in_every_scheme() {
        let palettes = palettes();
        assert_eq!(palettes.len(), 3);
        for palette in palettes {
            let tones = ["good", "bad", "doubt"].map(|tone| (tone, format!("{tone}-tint")));
            let mut pairs = vec![("ink", "code"), ("soft", "paper")];
            for behind in ["card", "good-tint", "bad-tint", "doubt-tint"] {
                pairs.extend([("ink", behind), ("soft", behind)]);
            }
            pairs.extend(tones.iter().flat_map(|(tone, tint)| [(*tone, "card"), (*tone, tint.as_str())]));
            for (text, behind) in pairs {
                let (a, b) = (luminance(palette[text]), luminance(palette[behind]));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{text} on {behind}: {contrast:.2}");
            }
        }
    }
}

//! What a policy found, for a report.

use lacre_verify::{Finding, Judgement};
use serde_json::json;

use super::shown::Shown;
use super::summary::{Check, Fact, Group, State};
use crate::gate::Gate;

/// A policy that judged.
#[derive(Debug)]
pub(crate) struct Governed(Group);

impl Governed {
    /// Every demand of the rule that decided.
    pub(crate) fn new(gate: &Gate, judgement: &Judgement) -> Self {
        let mut facts = vec![
            Fact::new("Policy", gate.name()),
            Fact::new("SHA-256", judgement.policy().to_string()),
            Fact::new("Rule", judgement.rule()),
            Fact::new("Mode", json!(judgement.mode()).as_str().unwrap_or_default()),
        ];
        if let Some(glass) = judgement.break_glass() {
            let until = json!(glass)["until"].as_str().unwrap_or_default().to_owned();
            facts.push(Fact::new("Suspended", format!("by {} until {until}: {}", glass.who, glass.reason)));
        }
        let checks = judgement.judged().iter().map(|judged| {
            let (name, state, detail) = match &judged.finding {
                Finding::Met(by) => ("policy", State::Passed, Shown::of(by)),
                Finding::Failed(violation) => (
                    violation.code,
                    State::Failed,
                    Shown::from(format!(
                        "{violation}{}",
                        if judgement.is_refused() { "" } else { "; let through" }
                    )),
                ),
                Finding::Open => ("policy", State::Skipped, Shown::of("the content was not read")),
            };
            Check { name: Shown::of(name), title: Shown::of(&judged.demand), state, detail }
        });
        Self(Group { name: "policy", title: "Policy", facts, checks: checks.collect() })
    }

    /// For a report.
    pub(super) fn group(self) -> Group {
        self.0
    }
}

//! What is told of a judgement.

use lacre_verify::decision::{BreakGlass, DecidedPolicy, PolicyMode, Reason};
use lacre_verify::{Finding, Judgement, Mode};
use serde_json::{Value, json};

use super::Gate;
use crate::decision::Facts;
use crate::printer::Line;
use crate::session::Session;

/// A judgement for programs.
pub(crate) fn judgement_json(gate: &Gate, judgement: &Judgement) -> Value {
    let judged: Vec<Value> = judgement
        .judged()
        .iter()
        .map(|judged| match &judged.finding {
            Finding::Met(by) => json!({ "demand": judged.demand, "outcome": "met", "detail": by }),
            Finding::Failed(violation) => json!({
                "demand": judged.demand,
                "outcome": "failed",
                "code": violation.code,
                "detail": violation.detail,
            }),
            Finding::Open => json!({ "demand": judged.demand, "outcome": "open" }),
        })
        .collect();
    json!({
        "break_glass": judgement.break_glass(),
        "demands": judged,
        "file": gate.name(),
        "mode": judgement.mode(),
        "release": gate.release(),
        "rule": judgement.rule(),
        "sha256": judgement.policy().to_string(),
        "waived": judgement.violations().next().is_some() && !judgement.is_refused(),
    })
}

/// The same for people.
pub(crate) fn judgement_rows(gate: &Gate, judgement: &Judgement, session: &Session) -> Vec<Line> {
    let count = |found: fn(&Finding) -> bool| {
        judgement.judged().iter().filter(|judged| found(&judged.finding)).count()
    };
    let (met, open) =
        (count(|found| matches!(found, Finding::Met(_))), count(|found| matches!(found, Finding::Open)));
    let failed = judgement.violations().count();
    let rule = format!("rule {} of {}", judgement.rule(), gate.name());
    let found = match (met, met + open + failed) {
        (_, 0) => "its signers".to_owned(),
        (met, all) if met == all => format!("{} met", demands(met)),
        (met, all) => format!("{met} of {} met", demands(all)),
    };
    let unread = if open > 0 { ", the content not read" } else { "" };
    let mut lines = vec![Line::row("policy", format!("{rule}, {found}{unread}"))];
    if session.printer.is_verbose() {
        lines.extend(judgement.judged().iter().map(|judged| {
            let finding = match &judged.finding {
                Finding::Met(by) if by.is_empty() => "met".to_owned(),
                Finding::Met(by) => format!("met: {by}"),
                Finding::Failed(violation) => format!("NOT MET [{}] {violation}", violation.code),
                Finding::Open => "not looked at: the content was not read".to_owned(),
            };
            Line::plain(format!("  demand     {}: {finding}", judged.demand))
        }));
    }
    lines
}

/// Says what is let pass although it is not met: aloud where the rule warns or is suspended, and to the record alone where
/// it only audits.
pub(crate) fn tell_waived(judgement: &Judgement, session: &Session) {
    if judgement.is_refused() {
        return;
    }
    let why = match (judgement.break_glass(), judgement.mode()) {
        (Some(glass), _) => {
            let until = json!(glass)["until"].as_str().unwrap_or_default().to_owned();
            format!("{} suspended the rule {} until {until}: {}", glass.who, judgement.rule(), glass.reason)
        }
        (None, Mode::Audit) => return,
        (None, _) => format!("the rule {} only warns", judgement.rule()),
    };
    for violation in judgement.violations() {
        session.warn(format!("[{}] {violation}; let through, as {why}", violation.code));
    }
}

/// Tells a decision which policy made it, and what it let pass.
pub(crate) fn tell_decision(gate: &Gate, judgement: &Judgement, facts: &mut Facts) {
    let glass = judgement.break_glass().map(|glass| BreakGlass {
        who: glass.who.clone(),
        until: json!(glass)["until"].as_str().unwrap_or_default().to_owned(),
        reason: glass.reason.clone(),
    });
    facts.policy(DecidedPolicy {
        name: gate.name().to_owned(),
        sha256: *judgement.policy(),
        rule: Some(judgement.rule().to_owned()),
        mode: match judgement.mode() {
            Mode::Enforce => PolicyMode::Enforce,
            Mode::Warn => PolicyMode::Warn,
            Mode::Audit => PolicyMode::Audit,
        },
        break_glass: glass,
    });
    if !judgement.is_refused() {
        for violation in judgement.violations() {
            facts.waive(Reason::new(violation.code, &violation.detail));
        }
    }
}

fn demands(number: usize) -> String {
    if number == 1 { "1 demand".to_owned() } else { format!("{number} demands") }
}

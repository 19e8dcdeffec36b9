//! A decision as a Compliance Finding of the Open Cybersecurity Schema Framework (<https://schema.ocsf.io>, 1.5.0): the class
//! of «results of evaluations performed against resources», whose status passes, warns or fails as a verdict does.
//!
//! Of what older versions demand beside it (`vendor_name`, `title`, `standards`) nothing is missing, so that a receiver of 1.2
//! or later accepts it.

use lacre_hash::Sha256Digest;
use serde_json::{Value, json};

use super::event::Event;
use super::line::visible_json;
use super::record::{Decision, Verdict};

const VERSION: &str = "1.5.0";
const CATEGORY: u32 = 2;
const CLASS: u32 = 2003;
/// A finding is created.
const ACTIVITY: u32 = 1;

pub(super) fn finding(event: &Event<'_>) -> String {
    let decision = event.decision;
    let record = decision.to_json();
    let uid = Sha256Digest::of(record.as_bytes()).to_string();
    let (severity_id, severity) = match decision.verdict {
        Verdict::Allow => (1, "Informational"),
        Verdict::AllowWaived => (3, "Medium"),
        Verdict::Deny => (4, "High"),
    };
    let program = &decision.program;
    let product = json!({ "name": "Lacre", "vendor_name": "Lacre", "version": program.version });
    let time = decision.time.milliseconds();
    let mut metadata = json!({
        "event_code": decision.first_reason().map(|reason| &reason.code),
        "original_time": decision.time,
        "product": product,
        "uid": uid,
        "version": VERSION,
    });
    if let Some(logged) = &event.logged {
        metadata["log_name"] = json!(logged.log);
        metadata["sequence"] = json!(logged.index);
    }
    let finding = json!({
        "activity_id": ACTIVITY,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": CATEGORY,
        "class_name": "Compliance Finding",
        "class_uid": CLASS,
        "compliance": compliance(decision),
        "finding_info": {
            "created_time": time,
            "desc": decision.sentence(),
            "title": format!("Model {}: {}", decision.action.as_str(), decision.verdict.as_str()),
            "types": ["Model verification"],
            "uid": uid,
        },
        "message": decision.sentence(),
        "metadata": metadata,
        "resources": [resource(decision)],
        "severity": severity,
        "severity_id": severity_id,
        "status": "New",
        "status_id": 1,
        "time": time,
        "type_name": "Compliance Finding: Create",
        "type_uid": CLASS * 100 + ACTIVITY,
        "unmapped": { "decision": decision },
    });
    visible_json(&without_nulls(finding))
}

fn compliance(decision: &Decision) -> Value {
    let (status_id, status) = match decision.verdict {
        Verdict::Allow => (1, "Pass"),
        Verdict::AllowWaived => (2, "Warning"),
        Verdict::Deny => (3, "Fail"),
    };
    let policy = decision.policy.as_ref();
    let reason = decision.first_reason();
    json!({
        "control": policy.and_then(|policy| policy.rule.as_ref()),
        "standards": [policy.map_or("Lacre, as the command line demands", |policy| &policy.name)],
        "status": status,
        "status_code": reason.map(|reason| &reason.code),
        "status_detail": reason.map(|reason| &reason.detail),
        "status_id": status_id,
    })
}

fn resource(decision: &Decision) -> Value {
    let subject = &decision.subject;
    let manifest = subject.manifest.map(|digest| digest.to_string());
    let name = subject.name.as_ref().filter(|name| !name.is_empty());
    json!({
        "data": {
            "identity": subject.identity,
            "manifest": manifest,
            "reference": subject.reference,
            "root": subject.root,
        },
        "name": name.unwrap_or(&subject.reference),
        "type": "AI model",
        "uid": subject.identity.as_ref().or(subject.root.as_ref()).or(manifest.as_ref()),
        "version": subject.version,
    })
}

/// An attribute without a value is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

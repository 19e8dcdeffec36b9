//! A decision as a log record of OpenTelemetry (OTLP 1.0, `ExportLogsServiceRequest`, in JSON: names in lowerCamelCase, 64-bit
//! integers as texts).

use serde_json::{Value, json};

use super::event::Event;
use super::record::Verdict;

pub(super) fn request(event: &Event<'_>) -> Vec<u8> {
    let decision = event.decision;
    // The logs data model has four numbers for each of its names.
    let (number, severity) = match decision.verdict {
        Verdict::Allow => (9, "INFO"),
        Verdict::AllowWaived => (13, "WARN"),
        Verdict::Deny => (17, "ERROR"),
    };
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let subject = &decision.subject;
    let mut attributes = vec![
        text("lacre.action", decision.action.as_str()),
        text("lacre.verdict", decision.verdict.as_str()),
        text("lacre.reference", &subject.reference),
    ];
    let manifest = subject.manifest.map(|digest| digest.to_string());
    let log = event.logged.map(|logged| logged.log.to_string());
    let optional = [
        ("lacre.code", decision.first_reason().map(|reason| &reason.code)),
        ("lacre.model.name", subject.name.as_ref()),
        ("lacre.model.version", subject.version.as_ref()),
        ("lacre.model.identity", subject.identity.as_ref()),
        ("lacre.model.root", subject.root.as_ref()),
        ("lacre.manifest", manifest.as_ref()),
        ("lacre.log.id", log.as_ref()),
    ];
    attributes.extend(optional.iter().filter_map(|(key, value)| Some(text(key, value.as_ref()?))));
    if let Some(logged) = event.logged {
        attributes
            .push(json!({ "key": "lacre.log.index", "value": { "intValue": logged.index.to_string() } }));
    }
    let version: &Value = &json!(decision.program.version);
    let time = decision.time.nanoseconds().max(0).to_string();
    let record = json!({
        "attributes": attributes,
        "body": { "stringValue": event.json() },
        "eventName": "lacre.decision",
        "observedTimeUnixNano": time,
        "severityNumber": number,
        "severityText": severity,
        "timeUnixNano": time,
    });
    let resource = [
        text("service.name", &decision.program.name),
        json!({ "key": "service.version", "value": { "stringValue": version } }),
    ];
    lacre_json::to_vec(&json!({
        "resourceLogs": [{
            "resource": { "attributes": resource },
            "scopeLogs": [{
                "logRecords": [record],
                "scope": { "name": "lacre.decision", "version": version },
            }],
        }],
    }))
}

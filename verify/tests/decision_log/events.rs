//! What others hear of a decision, read by rules that are not ours.

use lacre_verify::decision::{
    Action, DecidedSubject, Decision, Event, EventForm, Proven, Reason, SummaryNames, SyslogSender,
};
use serde_json::Value;

use crate::desk::{Desk, decision, later};

/// Control, direction, invisible characters, and what ends a value of structured data.
const HOSTILE: &str = "a\"]\\ [x@1 y=\"z\"]\n<0>1 - - \u{1b}[2J\u{202e}\u{feff}\u{85}é模";

fn hostile() -> Decision {
    let about = DecidedSubject { name: Some(HOSTILE.to_owned()), ..DecidedSubject::asked(HOSTILE) };
    Decision::denied(later(1), Action::Pull, Reason::new("E-FILE-NAME", HOSTILE)).about(about)
}

fn sender() -> SyslogSender {
    SyslogSender { host: "node-1 \n.example".to_owned(), process: 4711 }
}

/// A message by the grammar of RFC 5424, section 6: the seven words of the head, the parameters, the text.
fn parsed(message: &[u8]) -> (Vec<String>, Vec<(String, String)>, String) {
    let text = std::str::from_utf8(message).unwrap();
    let mut head = Vec::new();
    let mut rest = text;
    for _ in 0..6 {
        let (word, other) = rest.split_once(' ').unwrap();
        assert!(!word.is_empty() && word.bytes().all(|byte| (33..=126).contains(&byte)), "{word:?}");
        head.push(word.to_owned());
        rest = other;
    }
    let mut characters = rest.strip_prefix('[').unwrap().chars().peekable();
    let id: String = std::iter::from_fn(|| characters.next_if(|it| !" ]".contains(*it))).collect();
    assert!(id.len() <= 32 && !id.contains(['=', '"']), "{id}");
    head.push(id);
    let mut pairs = Vec::new();
    loop {
        match characters.next().unwrap() {
            ']' => break,
            ' ' => {}
            other => panic!("{other:?} behind a parameter"),
        }
        let name: String = std::iter::from_fn(|| characters.next_if(|it| *it != '=')).collect();
        assert!((1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!((characters.next(), characters.next()), (Some('='), Some('"')));
        let mut value = String::new();
        loop {
            match characters.next().unwrap() {
                '"' => break,
                '\\' => {
                    let next = characters.next().unwrap();
                    assert!("\"\\]".contains(next), "{next:?} needs no escape");
                    value.push(next);
                }
                ']' => panic!("a bracket that is not escaped"),
                other => value.push(other),
            }
        }
        pairs.push((name, value));
    }
    assert_eq!(characters.next(), Some(' '));
    (head, pairs, characters.collect())
}

#[test]
fn a_syslog_message_keeps_to_its_grammar_whatever_stands_in_names() {
    for (decision, priority) in [
        // Facility 13 (log audit), severities error, warning and notice.
        (hostile(), 13 * 8 + 3),
        (Decision::allowed(later(2), Action::Verify).waiving(Reason::new("E-X", HOSTILE)), 13 * 8 + 4),
        (Decision::allowed(later(2), Action::Verify), 13 * 8 + 5),
    ] {
        for form in [EventForm::Json, EventForm::Ocsf] {
            let message = Event::new(&decision, form, None).syslog(&sender());
            assert!(!message.contains(&b'\n') && !message.contains(&0x1b), "one line");
            let (head, pairs, text) = parsed(&message);
            assert_eq!(head[0], format!("<{priority}>1"));
            assert!(head[1].starts_with("2026-09-21T") && head[1].ends_with('Z'), "{}", head[1]);
            assert_eq!(head[2..6], ["node-1.example", "lacre", "4711", "decision"]);
            let value =
                |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            assert!(["deny", "allow-waived", "allow"].contains(&value("verdict").unwrap()));
            let json = text.strip_prefix('\u{feff}').unwrap_or(&text);
            // What is not ASCII begins with the mark.
            assert_eq!(json.len() == text.len(), text.is_ascii());
            assert!(serde_json::from_str::<Value>(json).is_ok());
        }
    }
    let (_, pairs, text) = parsed(&Event::new(&hostile(), EventForm::Json, None).syslog(&sender()));
    assert!(text.starts_with('\u{feff}'));
    let name = &pairs.iter().find(|(key, _)| key == "name").unwrap().1;
    assert!(name.starts_with(r#"a"]\\ [x@1 y="z"]\n<0>1 - - \u{1b}[2J\u{202e}"#), "{name}");
}

/// What each class and object demands: base event, finding, compliance finding, metadata, product, finding information,
/// compliance (the schema's files at 1.2.0 and 1.9.0-dev: what either demands).
#[test]
fn an_ocsf_finding_has_what_the_schema_demands() {
    let desk = Desk::empty();
    let logged = desk.append(0..1)[0];
    let allowed = Decision::allowed(later(2), Action::Verify);
    let waived = allowed.clone().waiving(Reason::new("E-ATTESTATION-MISSING", "none"));
    for (decision, severity, status) in [
        (decision(1), (4, "High"), (3, "Fail")),
        (waived, (3, "Medium"), (2, "Warning")),
        (allowed, (1, "Informational"), (1, "Pass")),
        (hostile(), (4, "High"), (3, "Fail")),
    ] {
        let text = Event::new(&decision, EventForm::Ocsf, Some(logged)).json();
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\n', '\u{85}']), "{text}");
        let event: Value = serde_json::from_str(&text).unwrap();
        for required in [
            "/activity_id",
            "/category_uid",
            "/class_uid",
            "/compliance/standards/0",
            "/finding_info/title",
            "/finding_info/uid",
            "/metadata/product/name",
            "/metadata/product/vendor_name",
            "/metadata/version",
            "/resources/0/name",
            "/severity_id",
            "/time",
            "/type_uid",
        ] {
            assert!(event.pointer(required).is_some_and(|value| !value.is_null()), "{required}: {text}");
        }
        assert_eq!((&event["category_uid"], &event["class_uid"]), (&2.into(), &2003.into()));
        // type_uid = class_uid * 100 + activity_id.
        assert_eq!((&event["activity_id"], &event["type_uid"]), (&1.into(), &200_301.into()));
        assert_eq!((&event["severity_id"], &event["severity"]), (&severity.0.into(), &severity.1.into()));
        let compliance = &event["compliance"];
        assert_eq!((&compliance["status_id"], &compliance["status"]), (&status.0.into(), &status.1.into()));
        let seconds = event["time"].as_i64().unwrap() / 1000;
        assert!((1_790_000_000..1_790_000_100).contains(&seconds), "milliseconds since 1970");
        assert_eq!(event["metadata"]["sequence"], 1);
        let record: Decision = serde_json::from_value(event["unmapped"]["decision"].clone()).unwrap();
        assert_eq!(record, decision, "nothing is lost");
        assert!(
            !text.contains(":null,\"uid\"")
                && !event["resources"][0].as_object().unwrap().contains_key("version")
        );
    }
}

/// `ExportLogsServiceRequest` in JSON, by the names of opentelemetry-proto.
#[test]
fn an_otlp_request_holds_one_record() {
    let desk = Desk::empty();
    let logged = desk.append(0..1)[0];
    let body = Event::new(&hostile(), EventForm::Json, Some(logged)).otlp();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let resource = &request["resourceLogs"][0];
    assert_eq!(resource["resource"]["attributes"][0]["key"], "service.name");
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "lacre");
    let record = &resource["scopeLogs"][0]["logRecords"][0];
    assert_eq!(record["timeUnixNano"], "1790000001000000000", "64-bit integers are texts");
    assert_eq!((&record["severityNumber"], &record["severityText"]), (&17.into(), &"ERROR".into()));
    assert_eq!(record["body"]["stringValue"], hostile().to_json());
    let attributes = record["attributes"].as_array().unwrap();
    let of = |key: &str| &attributes.iter().find(|it| it["key"] == key).unwrap()["value"];
    assert_eq!(of("lacre.verdict")["stringValue"], "deny");
    assert_eq!(of("lacre.log.index")["intValue"], "1");
    assert_eq!(of("lacre.model.name")["stringValue"], HOSTILE);
}

#[test]
fn a_summary_is_about_what_was_proven() {
    let names = SummaryNames { verifier: "https://example.com/gate".to_owned(), resource: None };
    let root = "2e".repeat(32);
    let proven = DecidedSubject {
        name: Some("org/mini lm".to_owned()),
        version: Some("1.0+x".to_owned()),
        identity: Some("1d".repeat(32)),
        root: Some(root.clone()),
        proven: Proven::Whole,
        ..DecidedSubject::asked("models/mini")
    };
    let allowed = Decision::allowed(later(1), Action::Verify);
    let summary = allowed.clone().about(proven.clone()).summary(&names).unwrap();
    let declared = summary.declare(&lacre_verify::Limits::default()).unwrap();
    let statement: Value = serde_json::from_slice(declared.payload()).unwrap();
    assert_eq!(statement["predicateType"], "https://slsa.dev/verification_summary/v1");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], root);
    assert_eq!(statement["subject"][0]["digest"]["lacre"], "1d".repeat(32));
    let predicate = &statement["predicate"];
    assert_eq!(predicate["verificationResult"], "PASSED");
    assert_eq!(predicate["verifiedLevels"][0], "LACRE_MODEL_VERIFIED");
    assert_eq!(predicate["resourceUri"], "pkg:generic/org/mini%20lm@1.0%2Bx");
    assert_eq!(predicate["verifier"]["id"], "https://example.com/gate");
    assert_eq!(predicate["timeVerified"], "2026-09-21T14:13:21.000000Z");
    assert_eq!(predicate["policy"]["uri"], "urn:lacre:policy:command-line");

    // What did not meet the policy did not pass, whoever waived it.
    let waived = allowed.clone().about(proven.clone()).waiving(Reason::new("E-X", ""));
    let waived = waived.summary(&names).unwrap();
    assert_eq!(serde_json::to_value(waived.result).unwrap(), "FAILED");
    assert_eq!(waived.verified_levels, ["FAILED"]);

    // The digests of a claim say nothing of what lies there.
    for unproven in [Proven::Nothing, Proven::Part] {
        let about = DecidedSubject { proven: unproven, ..proven.clone() };
        assert_eq!(allowed.clone().about(about).summary(&names), None);
    }
    let manifest = lacre_hash::Sha256Digest::of(b"a manifest");
    let about = DecidedSubject { manifest: Some(manifest), proven: Proven::Nothing, ..proven };
    let summary = allowed.about(about).summary(&names).unwrap();
    assert_eq!((summary.subjects[0].sha256, summary.subjects[0].lacre), (manifest, None));
}

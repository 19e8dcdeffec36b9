//! A decision as a message of RFC 5424.

use std::fmt::Write as _;

use lacre_manifest::escape;

use super::event::Event;
use super::record::Verdict;

/// The facility «log audit» (RFC 5424, section 6.2.1).
const FACILITY: u8 = 13;
/// Lacre has no number of its own: this is the one for examples (RFC 5612).
const ELEMENT: &str = "lacre@32473";
/// The longest name of a host, program or process (section 6).
const HOST_LIMIT: usize = 255;

/// Who sends: what stands in the head of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogSender {
    /// The name of this machine. What no message may hold is left out of it.
    pub host: String,
    /// The number of this process.
    pub process: u32,
}

pub(super) fn message(event: &Event<'_>, sender: &SyslogSender) -> Vec<u8> {
    let decision = event.decision;
    // Notice, warning, error (section 6.2.1).
    let severity = match decision.verdict {
        Verdict::Allow => 5,
        Verdict::AllowWaived => 4,
        Verdict::Deny => 3,
    };
    let priority = FACILITY * 8 + severity;
    let host: String = sender.host.chars().filter(char::is_ascii_graphic).take(HOST_LIMIT).collect();
    let host = if host.is_empty() { "-" } else { &host };
    let mut head =
        format!("<{priority}>1 {} {host} lacre {} decision [{ELEMENT}", decision.time, sender.process);
    let subject = &decision.subject;
    let manifest = subject.manifest.map(|digest| digest.to_string());
    let logged = event.logged.map(|logged| (logged.log.to_string(), logged.index.to_string()));
    let code = decision.first_reason().map(|reason| reason.code.as_str());
    let pairs = [
        ("action", Some(decision.action.as_str())),
        ("verdict", Some(decision.verdict.as_str())),
        ("code", code),
        ("reference", Some(subject.reference.as_str())),
        ("name", subject.name.as_deref()),
        ("version", subject.version.as_deref()),
        ("root", subject.root.as_deref()),
        ("manifest", manifest.as_deref()),
        ("log", logged.as_ref().map(|(log, _)| log.as_str())),
        ("index", logged.as_ref().map(|(_, index)| index.as_str())),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(head, " {name}=\"{}\"", parameter(value));
        }
    }
    head.push_str("] ");
    let mut message = head.into_bytes();
    let text = event.json();
    if !text.is_ascii() {
        // Section 6.4: what is said to be UTF-8 begins with this mark.
        message.extend("\u{feff}".as_bytes());
    }
    message.extend(text.as_bytes());
    message
}

/// A value of structured data (section 6.3.3): nothing hidden is in it, and `"`, `\` and `]` are escaped.
fn parameter(value: &str) -> String {
    let mut safe = String::new();
    for character in escape(value).chars() {
        if matches!(character, '"' | '\\' | ']') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

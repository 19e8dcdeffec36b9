//! SARIF 2.1.0 (OASIS, errata 01): a result for each thing that is wrong.
//!
//! A model that was verified has no results. What passed stands in the run's `properties`, since readers of SARIF show every
//! result as a finding. A verification that could not be decided has a result, too: who counts results must not pass it.

use serde_json::{Value, json};

use super::shown::Shown;
use super::summary::{Refusal, Summary, Verdict};
use crate::error::CliError;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The document.
pub(super) fn render(summary: &Summary) -> Result<String, CliError> {
    let rules: Vec<_> = summary.refusal.iter().map(rule).collect();
    let results: Vec<_> = summary.refusal.iter().flat_map(|refusal| results(summary, refusal)).collect();
    let whole = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "lacre",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [invocation(summary)],
            "results": results,
            "properties": properties(summary),
        }],
    });
    let mut text = serde_json::to_string_pretty(&whole).map_err(super::bug)?;
    text.push('\n');
    Ok(text)
}

fn invocation(summary: &Summary) -> Value {
    let mut value = json!({
        "commandLine": summary.command.as_str(),
        "endTimeUtc": summary.at.as_str(),
        "executionSuccessful": summary.verdict != Verdict::Undecided,
        "exitCode": summary.refusal.as_ref().map_or(0, |refusal| refusal.exit),
        "toolExecutionNotifications":
            summary.warnings.iter().map(|warning| json!({"level": "warning", "message": message(warning)})).collect::<Vec<_>>(),
    });
    if let Some(refusal) = &summary.refusal {
        value["exitCodeDescription"] = json!(refusal.meaning);
    }
    value
}

fn rule(refusal: &Refusal) -> Value {
    let mut value = json!({
        "id": refusal.code,
        "shortDescription": message(&Shown::from(refusal.meaning)),
    });
    if !refusal.hint.is_empty() {
        let hint: Vec<_> = refusal.hint.iter().map(Shown::as_str).collect();
        value["help"] = message(&Shown::from(hint.join(" · ")));
    }
    value
}

/// One for each file that differs, or one for what is wrong with all of it.
fn results(summary: &Summary, refusal: &Refusal) -> Vec<Value> {
    let result = |text: String, path: Option<&Shown>| {
        json!({
            "ruleId": refusal.code,
            "ruleIndex": 0,
            "kind": "fail",
            "level": "error",
            "message": message(&Shown::from(text)),
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(summary, path)}}}],
        })
    };
    let differences = &summary.differences;
    if differences.items.is_empty() {
        let whole = std::iter::once(&refusal.message).chain(&refusal.causes).map(Shown::as_str);
        return vec![result(whole.collect::<Vec<_>>().join(": "), None)];
    }
    let mut all: Vec<_> = differences
        .items
        .iter()
        .map(|it| result(format!("{}: {}", it.path, it.what), Some(&it.path)))
        .collect();
    if differences.more > 0 {
        all.push(result(format!("and {} more files", differences.more), None));
    }
    all
}

/// What is proven, for programs that look further than results.
fn properties(summary: &Summary) -> Value {
    let checks: Vec<_> = summary
        .checks()
        .map(|(group, check)| {
            json!({
                "group": group.name,
                "name": check.name.as_str(),
                "outcome": check.state.name(),
                "detail": check.detail.as_str(),
            })
        })
        .collect();
    let signers: Vec<_> = summary.signers.iter().map(|signer| signer.who.as_str()).collect();
    json!({
        "lacre/checks": checks,
        "lacre/identity": summary.model.as_ref().and_then(|model| model.identity.as_ref()).map(Shown::as_str),
        "lacre/model": summary.title().as_str(),
        "lacre/signers": signers,
        "lacre/verdict": summary.verdict.name(),
    })
}

/// A message of plain text. In it braces are doubled (section 3.11.5), and a bracket before a parenthesis would make a link
/// (section 3.11.6), which no escape outside of a link's own text prevents.
fn message(text: &Shown) -> Value {
    json!({"text": text.as_str().replace("](", r"]\u{28}").replace('{', "{{").replace('}', "}}")})
}

/// A file of the model as a relative reference (RFC 3986), or an absolute one if the model was named so. What is shown is
/// encoded, not the name's bytes: a reader that decodes it meets no hidden character.
fn uri(summary: &Summary, path: Option<&Shown>) -> String {
    let Some(path) = path else { return encoded(summary.subject.as_str()) };
    let folder = summary.folder.as_str();
    let between = if folder.is_empty() || folder.ends_with('/') { "" } else { "/" };
    encoded(&format!("{folder}{between}{path}"))
}

fn encoded(whole: &str) -> String {
    let mut out = String::from(if whole.starts_with('/') { "file://" } else { "" });
    for byte in whole.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                let digits = [other >> 4, other & 15].map(|nibble| char::from(HEX[usize::from(nibble)]));
                out.push('%');
                out.extend(digits);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_reference_whatever_the_name() {
        let at = |path: &str| encoded(Shown::of(path).as_str());
        assert_eq!(at("MODEL/a b/ü.bin"), "MODEL/a%20b/%C3%BC.bin");
        assert_eq!(at("/m/javascript:x?#%"), "file:///m/javascript%3Ax%3F%23%25");
        assert_eq!(at("a\u{202e}b"), "a%5Cu%7B202e%7Db");
        assert_eq!(at("javascript:alert(1)"), "javascript%3Aalert%281%29");
    }

    #[test]
    fn a_message_holds_neither_placeholder_nor_link() {
        let text = message(&Shown::of("{0} [click](https://e.test) \u{202e}"));
        assert_eq!(text["text"], r"{{0}} [click]\u{{28}}https://e.test) \u{{202e}}");
    }
}

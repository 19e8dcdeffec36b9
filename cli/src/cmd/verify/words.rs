//! What is told of a report.

use lacre_verify::{Outcome, Report, SignedAt, Signer};
use serde_json::{Value, json};

use crate::keys::KeyRing;
use crate::printer::{Line, Tone};
use crate::session::Session;
use crate::sigstore_trust::Known;
use crate::text;

/// A report as JSON, with the file of the signer's key; its warnings are told.
pub(crate) fn report_json(report: &Report, ring: &KeyRing, session: &Session) -> Value {
    for warning in &report.warnings {
        session.warn(warning);
    }
    let mut value = json!(report);
    let file = report.signer.as_ref().and_then(|signer| ring.file_of(signer.key()));
    value["key_file"] = json!(file.map(text::path));
    value["sigstore"] = json!(ring.sigstore().map(Known::json));
    value
}

/// A report for people: who, what, when.
pub(crate) fn report_lines(done: &str, report: &Report, ring: &KeyRing, session: &Session) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(model) = &report.model {
        let version = model.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        // Signatures of model-signing 0.2 have no name.
        let name = if model.name.is_empty() { "a model without a signed name" } else { &model.name };
        lines.push(Line::new(Tone::Good, done).then(Tone::Strong, format!(" {name}{version}")));
    }
    for signer in &report.signers {
        lines.push(Line::row("signed by", signer_words(signer, ring)));
    }
    lines.extend(ring.sigstore().map(|known| Line::row("sigstore", known.words())));
    lines.push(Line::row("signed at", time_words(&report.signed_at)));
    if let Some(model) = &report.model {
        let size = model.bytes.map(|bytes| format!(", {}", text::size(bytes))).unwrap_or_default();
        lines.push(Line::row("files", format!("{}{size}", model.files)));
        lines.extend(model.identity.as_ref().map(|identity| Line::row("identity", identity)));
    }
    lines.extend(
        report.excluded.iter().map(|it| Line::row("left out", format!("{} ({})", it.path, it.reason))),
    );
    lines
        .extend(report.links.iter().map(|it| Line::row("followed", format!("{} -> {}", it.path, it.target))));
    lines.extend(
        report.empty_folders.iter().map(|path| Line::row("unsigned", format!("{path}/ (an empty folder)"))),
    );
    if session.printer.is_verbose() {
        lines.extend(check_words(report).map(Line::plain));
    }
    lines
}

/// Who signed, with the file of the key.
pub(crate) fn signer_words(signer: &Signer, ring: &KeyRing) -> String {
    let file = ring.file_of(signer.key()).map(|path| format!(" ({})", text::path(path)));
    let (algorithm, key) = (signer.algorithm().as_str(), signer.key());
    let key = format!("{algorithm} sha256:{key}{}", file.unwrap_or_default());
    match (signer.identity(), signer.issuer()) {
        (Some(identity), Some(issuer)) => format!("{identity}, as {issuer} knows them ({algorithm})"),
        (Some(identity), None) => format!("{identity} ({key})"),
        (None, _) => key,
    }
}

/// When it was signed, as far as that is proven.
pub(crate) fn time_words(signed_at: &SignedAt) -> String {
    match signed_at {
        SignedAt::Unproven => "time unproven".to_owned(),
        SignedAt::Proven(time) => format!("{time}, or before"),
        _ => "a time that this version cannot show".to_owned(),
    }
}

/// The checks of a report, a line each.
pub(crate) fn check_words(report: &Report) -> impl Iterator<Item = String> {
    report.checks.iter().map(|check| {
        let outcome = match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
        };
        let step = json!(check.step);
        format!("  check      {outcome} {}: {}", step.as_str().unwrap_or_default(), check.detail)
    })
}

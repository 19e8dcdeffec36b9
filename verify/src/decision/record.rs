//! The record itself.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::line::visible_json;
use super::moment::Moment;
use super::parts::{DecidedPolicy, DecidedRelease, DecidedSigner, DecidedSubject, Reason, StateChange};
use crate::signature::Signer;

/// The longest text of a record, in bytes. What is longer is cut, and ends in `…`.
const TEXT_LIMIT: usize = 1024;
/// At most so many reasons, waived reasons, or signers.
const LIST_LIMIT: usize = 16;
/// The version of the record's form.
const SCHEMA: u32 = 1;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may be used: everything that is demanded holds.
    Allow,
    /// It may be used although something that is demanded does not hold, which is listed.
    AllowWaived,
    /// It may not be used; or nothing could be decided.
    Deny,
}

impl Verdict {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::AllowWaived => "allow-waived",
            Self::Deny => "deny",
        }
    }
}

/// For what a verdict was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// What lies on a disk was to be verified.
    Verify,
    /// It was to be fetched.
    Pull,
    /// A program was to run on it.
    Exec,
    /// Its bytes were to be loaded.
    Load,
}

impl Action {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Pull => "pull",
            Self::Exec => "exec",
            Self::Load => "load",
        }
    }
}

/// A decision: what may be used, why, and on whose word.
///
/// Its texts are bounded (1024 bytes each, 16 of a kind), so that a record always fits into a line of a log, whatever is
/// written in what was refused. They are not escaped; [`Decision::to_json`] writes them so that a terminal is safe.
///
/// ```
/// use std::time::SystemTime;
/// use lacre_verify::decision::{Action, Decision, DecidedSubject, Reason, Verdict};
///
/// let decision = Decision::denied(SystemTime::now(), Action::Verify, Reason::new("E-NO-SIGNATURE", "nobody signed it"))
///     .about(DecidedSubject::asked("models/mini-lm"));
/// assert_eq!(decision.verdict(), Verdict::Deny);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub(super) action: Action,
    pub(super) policy: Option<DecidedPolicy>,
    pub(super) program: Program,
    pub(super) reasons: Vec<Reason>,
    pub(super) release: Option<DecidedRelease>,
    schema: u32,
    pub(super) signers: Vec<DecidedSigner>,
    pub(super) state: Option<StateChange>,
    pub(super) subject: DecidedSubject,
    pub(super) time: Moment,
    pub(super) verdict: Verdict,
    pub(super) waived: Vec<Reason>,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) version: String,
}

impl Decision {
    /// It is allowed.
    pub fn allowed(time: SystemTime, action: Action) -> Self {
        Self::new(time, action, Verdict::Allow)
    }

    /// It is denied, or nothing could be decided, for this reason.
    pub fn denied(time: SystemTime, action: Action, reason: Reason) -> Self {
        Self::new(time, action, Verdict::Deny).because(reason)
    }

    fn new(time: SystemTime, action: Action, verdict: Verdict) -> Self {
        let program = Program { name: "lacre".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        Self {
            action,
            policy: None,
            program,
            reasons: Vec::new(),
            release: None,
            schema: SCHEMA,
            signers: Vec::new(),
            state: None,
            subject: DecidedSubject::default(),
            time: time.into(),
            verdict,
            waived: Vec::new(),
        }
    }

    /// About this.
    pub fn about(self, subject: DecidedSubject) -> Self {
        Self { subject: subject.bounded(), ..self }
    }

    /// For this reason, too. More than 16 are not kept.
    pub fn because(mut self, reason: Reason) -> Self {
        push(&mut self.reasons, reason);
        self
    }

    /// Although this does not hold: what was allowed becomes [`Verdict::AllowWaived`]; what is denied stays denied.
    pub fn waiving(mut self, reason: Reason) -> Self {
        push(&mut self.waived, reason);
        if self.verdict == Verdict::Allow {
            self.verdict = Verdict::AllowWaived;
        }
        self
    }

    /// Signed by these. More than 16 are not kept.
    pub fn signed_by<'a>(self, signers: impl IntoIterator<Item = &'a Signer>) -> Self {
        let signers = signers.into_iter().take(LIST_LIMIT).map(DecidedSigner::from).collect();
        Self { signers, ..self }
    }

    /// A channel says this of it.
    pub fn released(self, release: DecidedRelease) -> Self {
        Self { release: Some(release.bounded()), ..self }
    }

    /// This policy decided.
    pub fn under(self, policy: DecidedPolicy) -> Self {
        Self { policy: Some(policy.bounded()), ..self }
    }

    /// What is remembered changed like this.
    pub fn remembering(self, state: StateChange) -> Self {
        Self { state: Some(state.bounded()), ..self }
    }

    /// What came of it.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why, the most telling reason first.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// What does not hold, and was allowed all the same.
    pub fn waived(&self) -> &[Reason] {
        &self.waived
    }

    /// About what.
    pub fn subject(&self) -> &DecidedSubject {
        &self.subject
    }

    /// The record as one line of JSON, without a line feed: compact, keys in code-point order, no character that a terminal
    /// obeys or does not show.
    pub fn to_json(&self) -> String {
        visible_json(self)
    }

    /// The code and the words of the first reason, of what was waived else.
    pub(super) fn first_reason(&self) -> Option<&Reason> {
        self.reasons.first().or_else(|| self.waived.first())
    }

    /// The decision in a sentence. Not escaped.
    pub(super) fn sentence(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Allow => "allowed",
            Verdict::AllowWaived => "allowed, with what was waived",
            Verdict::Deny => "denied",
        };
        let what = match (&self.subject.name, &self.subject.version) {
            (Some(name), Some(version)) if !name.is_empty() => format!("{name} {version}"),
            (Some(name), None) if !name.is_empty() => name.clone(),
            _ => self.subject.reference.clone(),
        };
        let why = self.first_reason().map(|reason| format!(": {}: {}", reason.code, reason.detail));
        format!("{} {verdict}: {what}{}", self.action.as_str(), why.unwrap_or_default())
    }
}

fn push(list: &mut Vec<Reason>, Reason { code, detail }: Reason) {
    if list.len() < LIST_LIMIT {
        list.push(Reason { code: bounded(&code), detail: bounded(&detail) });
    }
}

/// A text of at most 1024 bytes.
pub(super) fn bounded(text: &str) -> String {
    const MORE: &str = "…";
    if text.len() <= TEXT_LIMIT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_LIMIT - MORE.len());
    format!("{}{MORE}", &text[..end])
}

pub(super) fn bounded_option(text: Option<String>) -> Option<String> {
    text.map(|text| bounded(&text))
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use lacre_hash::Sha256Digest;

    use super::super::line::LINE_LIMIT;
    use super::super::parts::{BreakGlass, ChannelState, PolicyMode, Proven};
    use super::*;

    pub(in crate::decision) const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    /// A decision in which every part is there.
    pub(in crate::decision) fn whole() -> Decision {
        let state =
            |sequence| ChannelState { epoch: 1, sequence, floor: 3, accepted: Some("1.0.0".to_owned()) };
        let mut decision = Decision::allowed(NOW + Duration::from_millis(1500), Action::Pull)
            .about(DecidedSubject {
                reference: "oci:store:v1".to_owned(),
                name: Some("org/mini-lm".to_owned()),
                version: Some("1.0.0".to_owned()),
                identity: Some("1d".repeat(32)),
                root: Some("2e".repeat(32)),
                manifest: Some(Sha256Digest::of(b"a manifest")),
                proven: Proven::Whole,
            })
            .released(DecidedRelease {
                channel: "org/mini-lm@stable".to_owned(),
                version: "1.0.0".to_owned(),
                counter: 4,
                floor: 3,
                epoch: 1,
                sequence: 9,
                standing: "current".to_owned(),
                deprecated: false,
            })
            .under(DecidedPolicy {
                name: "production".to_owned(),
                sha256: Sha256Digest::of(b"a policy"),
                rule: Some("models of org".to_owned()),
                mode: PolicyMode::Warn,
                break_glass: None,
            })
            .remembering(StateChange { before: state(8), after: state(9) })
            .waiving(Reason::new("E-ATTESTATION-MISSING", "no tests are attested"));
        decision.signers.push(DecidedSigner {
            kind: "key".to_owned(),
            algorithm: "ecdsa-p256".to_owned(),
            key: "3f".repeat(32),
            identity: None,
            issuer: None,
        });
        decision
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let json = whole().to_json();
        assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), whole());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json.as_bytes(), lacre_json::to_vec(&value), "keys in order");
        assert_eq!(value["verdict"], "allow-waived");
        assert_eq!(value["time"], "1970-01-01T00:00:01.500000Z");
        assert_eq!(value["state"]["before"]["sequence"], 8);
        assert_eq!(value["subject"]["proven"], "whole");
    }

    #[test]
    fn what_is_waived_is_never_plainly_allowed_and_what_is_denied_stays_denied() {
        let waived = Reason::new("E-X", "");
        assert_eq!(Decision::allowed(NOW, Action::Load).verdict(), Verdict::Allow);
        assert_eq!(
            Decision::allowed(NOW, Action::Load).waiving(waived.clone()).verdict(),
            Verdict::AllowWaived
        );
        let denied = Decision::denied(NOW, Action::Load, Reason::new("E-Y", ""));
        assert_eq!(denied.waiving(waived).verdict(), Verdict::Deny);
    }

    #[test]
    fn no_text_makes_a_record_that_does_not_fit_into_a_line() {
        // Six bytes of JSON for each byte of text.
        let long = "\u{1}".repeat(1 << 20);
        let reason = || Reason::new(long.clone(), long.clone());
        let mut decision = Decision::denied(NOW, Action::Exec, reason()).about(DecidedSubject {
            reference: long.clone(),
            name: Some(long.clone()),
            version: Some(long.clone()),
            identity: Some(long.clone()),
            root: Some(long.clone()),
            ..whole().subject
        });
        for _ in 0..100 {
            decision = decision.because(reason()).waiving(reason());
        }
        let glass = BreakGlass { who: long.clone(), until: long.clone(), reason: long.clone() };
        let policy = DecidedPolicy {
            name: long.clone(),
            rule: Some(long.clone()),
            break_glass: Some(glass),
            ..whole().policy.unwrap()
        };
        let release = DecidedRelease {
            channel: long.clone(),
            version: long.clone(),
            standing: long.clone(),
            ..whole().release.unwrap()
        };
        let state = ChannelState { epoch: 1, sequence: 1, floor: 1, accepted: Some(long.clone()) };
        let mut decision = decision
            .under(policy)
            .released(release)
            .remembering(StateChange { before: state.clone(), after: state });
        let text = || Some(bounded(&long));
        let signer = DecidedSigner { identity: text(), issuer: text(), ..whole().signers.remove(0) };
        decision.signers = vec![signer; LIST_LIMIT];
        let length = decision.to_json().len();
        assert!(length < LINE_LIMIT - 1024, "{length}");
        assert_eq!((decision.reasons.len(), decision.waived.len()), (LIST_LIMIT, LIST_LIMIT));
        assert!(decision.subject.reference.ends_with('…'));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "é".repeat(600);
        let cut = bounded(&text);
        assert!(cut.len() <= TEXT_LIMIT && cut.ends_with("é…"), "{}", cut.len());
        assert_eq!(bounded(&text[..1024]), text[..1024]);
    }

    #[test]
    fn nothing_hidden_reaches_a_terminal() {
        let hostile = "a\u{1b}[2J\u{202e}\nb\u{85}\u{feff}\"]\\";
        let decision = Decision::denied(NOW, Action::Verify, Reason::new("E-X", hostile));
        let json = decision.to_json();
        assert!(json.chars().all(|c| c == ' ' || (c.is_ascii_graphic())), "{json}");
        let read: Decision = serde_json::from_str(&json).unwrap();
        assert_eq!(read.reasons()[0].detail, hostile);
    }
}

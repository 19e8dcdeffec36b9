//! What is known of a decision while it is made: of one that fails early, what was asked for.

use std::time::SystemTime;

use lacre_deliver::Memory;
use lacre_release::{ChannelDocument, Permit, Standing};
use lacre_verify::decision::{
    Action, ChannelState, DecidedPolicy, DecidedRelease, DecidedSubject, Decision, Reason, StateChange,
};
use lacre_verify::{Report, Signer};

use crate::error::CliError;
use crate::follow::Follower;

/// What is known of a decision while it is made.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    action: Action,
    subject: DecidedSubject,
    signers: Vec<Signer>,
    release: Option<DecidedRelease>,
    policy: Option<DecidedPolicy>,
    before: Option<ChannelState>,
    after: Option<ChannelState>,
    waived: Vec<Reason>,
}

impl Facts {
    /// Nothing but what was asked for.
    pub(crate) fn new(action: Action, reference: impl Into<String>) -> Self {
        let subject = DecidedSubject::asked(reference);
        Self {
            action,
            subject,
            signers: Vec::new(),
            release: None,
            policy: None,
            before: None,
            after: None,
            waived: Vec::new(),
        }
    }

    /// What verification found out, of a refusal too.
    pub(crate) fn report(&mut self, report: &Report) {
        self.subject = self.subject.clone().reported(report);
        self.signers = if report.signers.is_empty() {
            report.signer.iter().cloned().collect()
        } else {
            report.signers.clone()
        };
    }

    /// The manifest that it is about, for what is in a store.
    pub(crate) fn manifest(&mut self, manifest: lacre_hash::Sha256Digest) {
        self.subject.manifest = Some(manifest);
    }

    /// What a channel says of it.
    pub(crate) fn permit(&mut self, document: &ChannelDocument, permit: &Permit) {
        let (release, position) = (permit.release(), permit.position());
        let standing = match permit.standing() {
            Standing::Current => "current",
            Standing::Canary => "canary",
            Standing::RollbackTarget { .. } => "rollback-target",
        };
        self.release = Some(DecidedRelease {
            channel: document.id().to_string(),
            version: release.version.to_string(),
            counter: release.counter,
            floor: permit.floor(),
            epoch: position.epoch,
            sequence: position.sequence,
            standing: standing.to_owned(),
            deprecated: permit.is_deprecated(),
        });
    }

    /// What is remembered of a channel: the first time before the decision, from then on after it.
    pub(crate) fn remembered(&mut self, follower: &Follower<'_>) {
        let (Memory::Kept(store) | Memory::ReadOnly(store)) = follower.memory() else { return };
        // A state that cannot be read is refused where it is used.
        let Ok(record) = store.read() else { return };
        let (epoch, sequence) =
            record.seen().map_or((0, 0), |seen| (seen.position.epoch, seen.position.sequence));
        let state = ChannelState {
            epoch,
            sequence,
            floor: record.local_floor(epoch),
            accepted: record.accepted().map(|accepted| accepted.version.to_string()),
        };
        if self.before.is_none() {
            self.before = Some(state.clone());
        }
        self.after = Some(state);
    }

    /// The policy that decided.
    pub(crate) fn policy(&mut self, policy: DecidedPolicy) {
        self.policy = Some(policy);
    }

    /// What does not hold, and is allowed all the same.
    pub(crate) fn waive(&mut self, reason: Reason) {
        self.waived.push(reason);
    }

    /// The decision, at this time: allowed, unless there is an error.
    pub(super) fn decision(mut self, error: Option<&CliError>, now: SystemTime) -> Decision {
        if let Some(report) = error.and_then(CliError::report) {
            self.report(report);
        }
        let decision = match error {
            None => Decision::allowed(now, self.action),
            Some(error) => Decision::denied(now, self.action, Reason::new(error.code(), words(error))),
        };
        let mut decision = decision.about(self.subject).signed_by(&self.signers);
        if let Some(release) = self.release {
            decision = decision.released(release);
        }
        if let Some(policy) = self.policy {
            decision = decision.under(policy);
        }
        if let (Some(before), Some(after)) = (self.before, self.after) {
            decision = decision.remembering(StateChange { before, after });
        }
        self.waived.into_iter().fold(decision, Decision::waiving)
    }
}

/// An error with its causes, each once.
fn words(error: &CliError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

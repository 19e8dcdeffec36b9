//! What a rule demands of a release: the channel that must list it, and more than the channel itself demands.

use jiff::Timestamp;
use lacre_attest::ModelClaim;
use lacre_hash::Sha256Digest;
use lacre_manifest::escape;
use lacre_release::{Ask, AttestationRef, Channel, ChannelName, Permit, Release, Standing, Version, Wanted};

use super::age::Age;
use super::judge::DRIFT;
use super::judgement::Violation;
use super::rule::Demand;
use super::wire::Allowance;

/// Demands on a release. That it is listed, not revoked, and reaches every floor the channel's own rules ask.
#[derive(Debug)]
pub struct ReleaseRule {
    pub(super) channel: ChannelName,
    pub(super) at: Option<String>,
    pub(super) floor: Option<u64>,
    pub(super) pin: Option<Version>,
    pub(super) max_staleness: Option<Age>,
    pub(super) rollback: Allowance,
    pub(super) deprecated: Allowance,
    pub(super) listed: Demand,
}

/// The model that is here.
pub(super) struct Here<'a> {
    pub(super) claim: &'a ModelClaim,
    pub(super) identity: Option<&'a str>,
    pub(super) manifest: Option<&'a Sha256Digest>,
}

impl Here<'_> {
    /// In what a release is not this model: whoever asks the channel about another one is told about another one.
    fn differs(&self, release: &Release) -> Option<&'static str> {
        if self.claim.version().is_some_and(|version| version != release.version.to_string()) {
            return Some("of another version");
        }
        match (self.identity, self.manifest) {
            (Some(identity), _) => {
                let contents = &release.model_digests;
                let same = contents.lacre.to_string() == identity && contents.sha256 == *self.claim.root();
                (!same).then_some("of other contents")
            }
            (None, Some(manifest)) => (release.manifest.sha256 != *manifest).then_some("of another manifest"),
            (None, None) => Some("nothing says of which contents"),
        }
    }
}

impl ReleaseRule {
    /// The channel of the model that must list it.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Where that channel lies, if the policy says so: a place as `--channel` takes it.
    pub fn at(&self) -> Option<&str> {
        self.at.as_deref()
    }

    /// Asks `channel` about the release that is `wanted`, and adds to `violations` what does not hold.
    pub(super) fn judge(
        &self,
        channel: &Channel,
        wanted: Wanted,
        (instance, floor): (Option<&str>, Option<u64>),
        (required, presented): (&[&str], &[AttestationRef]),
        model: &Here<'_>,
        violations: &mut Vec<Violation>,
    ) -> Option<Permit> {
        let document = channel.document();
        if document.channel != self.channel {
            violations.push(Violation::new(
                "E-POLICY-CHANNEL",
                format!("the channel {} is demanded, and {} was asked", self.channel, document.id()),
            ));
            return None;
        }
        if document.model.as_str() != model.claim.name() {
            violations.push(Violation::new(
                "E-POLICY-CHANNEL",
                format!(
                    "the channel {} is of another model than {}",
                    document.id(),
                    escape(model.claim.name())
                ),
            ));
            return None;
        }
        if let Some(longest) = self.max_staleness {
            violations.extend(stale(channel, longest));
        }
        let listed = self.listed == Demand::Required;
        let ask = Ask {
            instance,
            policy_floor: self.floor.max(floor),
            required: if listed { required } else { &[] },
            presented: if listed { presented } else { &[] },
            ..Ask::of(wanted)
        };
        let permit = match channel.decide(&ask) {
            Ok(permit) => permit,
            Err(error) => {
                violations.push(Violation::new(error.code(), error.to_string()));
                return None;
            }
        };
        let release = permit.release();
        if let Some(what) = model.differs(release) {
            let detail = format!("the release {} is of another model: {what}", release.version);
            violations.push(Violation::new("E-POLICY-CHANNEL", detail));
            return None;
        }
        if let Some(pin) = self.pin.as_ref().filter(|pin| **pin != release.version) {
            violations.push(Violation::new(
                "E-POLICY-PIN",
                format!("version {} is here, and {pin} is pinned", release.version),
            ));
        }
        if self.rollback == Allowance::Refuse && matches!(permit.standing(), Standing::RollbackTarget { .. })
        {
            violations.push(Violation::new(
                "E-POLICY-ROLLBACK",
                format!("version {} may run as a rollback only", release.version),
            ));
        }
        if self.deprecated == Allowance::Refuse && permit.is_deprecated() {
            violations.push(Violation::new(
                "E-POLICY-DEPRECATED",
                format!("version {} is deprecated", release.version),
            ));
        }
        Some(permit)
    }
}

fn stale(channel: &Channel, longest: Age) -> Option<Violation> {
    let refused = |detail| Some(Violation::new("E-POLICY-STALE", detail));
    let Some(confirmed) = channel.confirmed() else {
        return refused("the channel's root does not say how long a confirmation lives".to_owned());
    };
    let drift = jiff::SignedDuration::try_from(DRIFT).unwrap_or_default();
    // Whoever stole the key of a timestamp could have signed it for long: it would be fresh for ever.
    if confirmed.duration_since(channel.now()) > drift {
        return refused(format!("the channel was confirmed at {confirmed}, which is not yet"));
    }
    if age(confirmed, channel.now()) > longest.as_duration() {
        return refused(format!(
            "the channel was confirmed at {confirmed}, and at most {longest} ago is allowed"
        ));
    }
    None
}

fn age(since: Timestamp, now: Timestamp) -> std::time::Duration {
    std::time::Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

//! What a rule demands of a release: the channel that must list it, and more than the channel itself demands.

use jiff::Timestamp;
use lacre_release::{Ask, AttestationRef, Channel, ChannelName, Permit, Standing, Version, Wanted};

use super::age::Age;
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

//! A channel that is believed, and what it is asked.

use jiff::{SignedDuration, Timestamp};

use crate::{
    AttestationRef, ChannelDocument, Floors, Permit, ReleaseError, Request, RoleStatus, Seen, Wanted, decide,
};

/// A channel whose document is authentic, fresh, and no older than what was seen.
#[derive(Debug, Clone)]
pub struct Channel {
    document: ChannelDocument,
    seen: Seen,
    roles: Vec<(Option<SignedDuration>, RoleStatus)>,
    local_floor: u64,
    now: Timestamp,
}

/// What a channel is asked.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Which release.
    pub wanted: Wanted,
    /// The id of this instance, for canaries; without one it is in no share.
    pub instance: Option<&'a str>,
    /// Below which counter nothing runs here, by the policy.
    pub policy_floor: Option<u64>,
    /// Predicate types that the policy demands.
    pub required: &'a [&'a str],
    /// Attestations that are here and were verified.
    pub presented: &'a [AttestationRef],
}

impl Ask<'_> {
    /// Asks for a release, with no more demands.
    pub fn of(wanted: Wanted) -> Self {
        Self { wanted, instance: None, policy_floor: None, required: &[], presented: &[] }
    }
}

impl Channel {
    pub(super) fn new(
        document: ChannelDocument,
        seen: Seen,
        roles: Vec<(Option<SignedDuration>, RoleStatus)>,
        local_floor: u64,
        now: Timestamp,
    ) -> Self {
        Self { document, seen, roles, local_floor, now }
    }

    /// What it says.
    pub fn document(&self) -> &ChannelDocument {
        &self.document
    }

    /// What is to be remembered of it.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Whose word it rests on, and until when.
    pub fn roles(&self) -> impl Iterator<Item = &RoleStatus> {
        self.roles.iter().map(|(_, status)| status)
    }

    /// Those of them whose word ends within `time`. What never lives so long is named in the last third of its life: it is
    /// renewed more often than once in `time`, and a warning must mean that this did not happen.
    pub fn expiring(&self, time: SignedDuration) -> impl Iterator<Item = &RoleStatus> {
        let ends = move |(lifetime, status): &&(Option<SignedDuration>, RoleStatus)| {
            let within = lifetime.filter(|lifetime| *lifetime <= time).map_or(time, |lifetime| lifetime / 3);
            status.expires.duration_since(self.now) < within
        };
        self.roles.iter().filter(ends).map(|(_, status)| status)
    }

    /// When the channel was last confirmed by its timestamp role; nothing when its root does not say how long such a
    /// confirmation lives.
    pub fn confirmed(&self) -> Option<Timestamp> {
        let (lifetime, status) = self.roles.iter().find(|(_, status)| status.role == "timestamp")?;
        status.expires.checked_sub((*lifetime)?).ok()
    }

    /// The floor that was committed here.
    pub fn local_floor(&self) -> u64 {
        self.local_floor
    }

    /// The time that it was judged at.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether a release may run, by the six rules ([`decide()`]).
    pub fn decide(&self, ask: &Ask<'_>) -> Result<Permit, ReleaseError> {
        let request = Request {
            wanted: ask.wanted.clone(),
            instance: ask.instance,
            now: self.now,
            floors: Floors { local: self.local_floor, policy: ask.policy_floor },
            required: ask.required,
            presented: ask.presented,
        };
        decide(&self.document, &request)
    }
}

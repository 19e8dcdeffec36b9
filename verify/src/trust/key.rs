//! Keys that are trusted by themselves, and for how long.

use std::time::SystemTime;

use lacre_attest::PublicKey;

use crate::VerifyError;

/// A public key that is trusted by itself, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    pub(super) key: PublicKey,
    status: KeyStatus,
    valid_from: Option<SystemTime>,
    valid_until: Option<SystemTime>,
}

/// What may still be done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyStatus {
    /// It signs.
    #[default]
    Active,
    /// It signs no more. What it signed counts only if a trusted timestamp proves that it was signed while it was valid.
    Retired,
    /// Nothing that it signed counts, whenever that was.
    Revoked,
}

impl TrustedKey {
    /// An active key without an end.
    pub fn new(key: PublicKey) -> Self {
        Self { key, status: KeyStatus::Active, valid_from: None, valid_until: None }
    }

    /// Counts only what was signed from this moment on.
    pub fn valid_from(mut self, time: SystemTime) -> Self {
        self.valid_from = Some(time);
        self
    }

    /// Counts only what was signed up to this moment.
    pub fn valid_until(mut self, time: SystemTime) -> Self {
        self.valid_until = Some(time);
        self
    }

    /// Sets the status.
    pub fn status(mut self, status: KeyStatus) -> Self {
        self.status = status;
        self
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Its status, and from when until when it counts.
    pub(crate) fn terms(&self) -> (KeyStatus, Option<SystemTime>, Option<SystemTime>) {
        (self.status, self.valid_from, self.valid_until)
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.status == KeyStatus::Revoked
    }

    /// Whether a signature of this key counts that was made at `proven`, or, where nothing proves a time, is looked at
    /// `now`.
    pub(crate) fn counts(&self, proven: Option<SystemTime>, now: SystemTime) -> Result<(), VerifyError> {
        let key = || self.key.hint();
        let time = match (self.status, proven) {
            (KeyStatus::Revoked, _) => return Err(VerifyError::KeyRevoked { key: key() }),
            (KeyStatus::Retired, None) => return Err(VerifyError::KeyRetired { key: key() }),
            (_, Some(time)) => time,
            (KeyStatus::Active, None) => now,
        };
        if self.valid_from.is_some_and(|from| time < from) {
            return Err(VerifyError::KeyExpired { key: key(), when: "before it is valid" });
        }
        if self.valid_until.is_some_and(|until| time > until) {
            return Err(VerifyError::KeyExpired { key: key(), when: "after its time" });
        }
        Ok(())
    }
}

impl From<PublicKey> for TrustedKey {
    fn from(key: PublicKey) -> Self {
        Self::new(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key() -> PublicKey {
        lacre_testkit::Sealed::sample().public_key().clone()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_is_held_against_the_proven_time_and_else_against_now() {
        let key = TrustedKey::new(key()).valid_from(at(100)).valid_until(at(200));
        let code = |key: &TrustedKey, proven: Option<u64>, now| {
            key.counts(proven.map(at), at(now)).map_or_else(|error| error.code(), |()| "ok")
        };
        for (proven, now, expected) in [
            (None, 99, "E-KEY-EXPIRED"),
            (None, 100, "ok"),
            (None, 200, "ok"),
            (None, 201, "E-KEY-EXPIRED"),
            (Some(150), 999, "ok"),
            (Some(201), 150, "E-KEY-EXPIRED"),
            (Some(99), 150, "E-KEY-EXPIRED"),
        ] {
            assert_eq!(code(&key, proven, now), expected, "{proven:?} {now}");
        }
        let retired = key.clone().status(KeyStatus::Retired);
        assert_eq!(code(&retired, None, 150), "E-KEY-RETIRED");
        assert_eq!(code(&retired, Some(150), 999), "ok");
        assert_eq!(code(&retired, Some(201), 999), "E-KEY-EXPIRED");
        let revoked = key.status(KeyStatus::Revoked);
        assert_eq!(code(&revoked, Some(150), 150), "E-KEY-REVOKED");
    }
}

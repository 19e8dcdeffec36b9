//! Bundles signed with a key that is trusted by itself, with log entries and timestamps beside the signature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod changes;
#[path = "../verifying/mod.rs"]
mod verifying;
mod witnesses;

use std::time::{Duration, SystemTime};

use lacre_testkit::Sealed;
use lacre_verify::{
    Hold, KeyStatus, Limits, NoProgress, Requirements, SignedAt, TimestampAuthorities, Trust, TrustedKey,
    TrustedRoot,
};
use serde_json::{Value, json};

use changes::CHANGES;
use verifying::{Outcome, code, verify_with};
use witnesses::{Clock, LOGGED, Log, root};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A signed model, one log and one authority.
struct Scene {
    sealed: Sealed,
    log: Log,
    clock: Clock,
}

const ENTRIES: &str = "tlogEntries";
const STAMPS: &str = "timestampVerificationData";

impl Scene {
    fn new() -> Self {
        Self { sealed: Sealed::sample(), log: Log::new("log.example"), clock: Clock::new("clock.example") }
    }

    fn plain(&self) -> Value {
        serde_json::from_slice(self.sealed.bundle()).unwrap()
    }

    fn entry(&self, log: &Log) -> Value {
        log.entry(&self.plain(), self.sealed.public_key().to_pem(), LOGGED)
    }

    /// The bundle with one entry.
    fn logged(&self) -> Value {
        let mut bundle = self.plain();
        bundle["verificationMaterial"][ENTRIES] = json!([self.entry(&self.log)]);
        bundle
    }

    /// The bundle with one entry and one timestamp.
    fn both(&self) -> Value {
        let mut bundle = self.logged();
        let stamp = self.clock.stamp(&bundle, "20250601130000Z");
        bundle["verificationMaterial"][STAMPS] = json!({"rfc3161Timestamps": [stamp]});
        bundle
    }

    fn root(&self) -> TrustedRoot {
        TrustedRoot::from_json(&root(&[&self.log], &[&self.clock]), &Limits::default()).unwrap()
    }

    fn key(&self) -> TrustedKey {
        TrustedKey::new(self.sealed.public_key().clone())
    }

    fn trust(&self) -> Trust {
        Trust::keys([self.key()]).unwrap().and_witnesses(self.root())
    }

    fn verify(&self, bundle: &Value, trust: &Trust) -> Outcome {
        self.sealed.write_bundle(&serde_json::to_vec(bundle).unwrap());
        verify_with(&self.sealed, &Requirements::new(trust.clone()), &Hold::Nothing, &NoProgress)
    }

    fn code(&self, bundle: &Value, trust: &Trust) -> &'static str {
        self.verify(bundle, trust).map_or_else(|failure| failure.code(), |_| "accepted")
    }
}

fn names(set: &std::collections::BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

#[test]
fn a_witness_says_when_and_is_named() {
    let scene = Scene::new();
    let model = scene.verify(&scene.both(), &scene.trust()).unwrap();
    let report = model.report();
    assert_eq!(report.signed_at, SignedAt::Proven("2025-06-01T12:00:00Z".to_owned()));
    assert_eq!(names(&report.logs), ["log.example"]);
    assert_eq!(names(&report.timestamp_authorities), ["clock.example"]);
    assert_eq!(report.warnings, [""; 0]);
}

#[test]
fn without_a_witness_it_is_told_that_nothing_was_checked() {
    let scene = Scene::new();
    let model = scene.verify(&scene.both(), &Trust::keys([scene.key()]).unwrap()).unwrap();
    let report = model.report();
    assert_eq!(report.signed_at, SignedAt::Unproven);
    assert!(report.logs.is_empty() && report.timestamp_authorities.is_empty());
    let [entries, stamps] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
    assert!(entries.starts_with("1 log entries") && entries.contains("not checked"), "{entries}");
    assert!(stamps.starts_with("1 timestamps") && stamps.contains("not checked"), "{stamps}");
    // Broken or not: nobody looked.
    let mut broken = scene.logged();
    broken["verificationMaterial"][ENTRIES][0]["integratedTime"] = "1".into();
    assert_eq!(scene.code(&broken, &Trust::keys([scene.key()]).unwrap()), "accepted");
}

/// CVE-2026-54787: the window of a managed key was never looked at.
#[test]
fn the_window_of_a_key_is_held_against_the_proven_time() {
    let scene = Scene::new();
    let plain = |key: &TrustedKey| Trust::keys([key.clone()]).unwrap();
    let day = 86_400;
    for (key, witnessed, alone) in [
        (scene.key(), "accepted", "accepted"),
        (scene.key().valid_until(at(LOGGED - day)), "E-KEY-EXPIRED", "E-KEY-EXPIRED"),
        (scene.key().valid_until(at(LOGGED + day)), "accepted", "E-KEY-EXPIRED"),
        (scene.key().valid_from(at(LOGGED + day)), "E-KEY-EXPIRED", "accepted"),
        (scene.key().status(KeyStatus::Retired), "accepted", "E-KEY-RETIRED"),
        (
            scene.key().status(KeyStatus::Retired).valid_until(at(LOGGED - day)),
            "E-KEY-EXPIRED",
            "E-KEY-RETIRED",
        ),
        (scene.key().status(KeyStatus::Revoked), "E-KEY-REVOKED", "E-KEY-REVOKED"),
    ] {
        let trust = plain(&key).and_witnesses(scene.root());
        assert_eq!(scene.code(&scene.logged(), &trust), witnessed, "{key:?}");
        assert_eq!(scene.code(&scene.logged(), &plain(&key)), alone, "{key:?}");
        assert_eq!(scene.code(&scene.plain(), &trust), alone, "{key:?}: no evidence, no time");
    }
}

#[test]
fn evidence_that_does_not_hold_is_refused() {
    let scene = Scene::new();
    let good = scene.both();
    let trust = scene.trust();
    for (what, change, expected) in CHANGES {
        assert_eq!(scene.code(&good, &trust), "accepted");
        let mut bundle = good.clone();
        change(&scene, &mut bundle["verificationMaterial"]);
        assert_ne!(bundle, good, "{what}");
        assert_eq!(scene.code(&bundle, &trust), *expected, "{what}");
    }
}

/// One key is one log, however many names and numbers it has.
#[test]
fn distinct_logs_are_counted() {
    let scene = Scene::new();
    let mut again = Log::new("log.example");
    again.name = "again.example";
    let mut flipped = *again.id.as_bytes();
    flipped[31] ^= 1;
    again.id = lacre_hash::Sha256Digest::from_bytes(flipped);
    let other = Log::new("other.example");
    let trusted = root(&[&scene.log, &again, &other], &[]);
    let trusted = TrustedRoot::from_json(&trusted, &Limits::default()).unwrap();
    let trust = Trust::keys([scene.key()]).unwrap().and_witnesses(trusted);
    let logs = |logs: &[&Log]| {
        let mut bundle = scene.plain();
        let entries: Vec<Value> = logs.iter().map(|log| scene.entry(log)).collect();
        bundle["verificationMaterial"][ENTRIES] = entries.into();
        let model = scene.verify(&bundle, &trust).unwrap();
        model.report().logs.len()
    };
    assert_eq!(logs(&[&scene.log]), 1);
    assert_eq!(logs(&[&scene.log, &again]), 1);
    assert_eq!(logs(&[&scene.log, &other]), 2);
}

#[test]
fn timestamps_are_for_whoever_is_trusted_with_them() {
    let scene = Scene::new();
    let keys = || Trust::keys([scene.key()]).unwrap();
    let clock = TimestampAuthorities::new().and_pem(&scene.clock.pem()).unwrap();
    let log_alone = TrustedRoot::from_json(&root(&[&scene.log], &[]), &Limits::default()).unwrap();
    let both = scene.both();
    // The log from one, the time from the other; neither alone confirms all of it.
    let trust = keys().and_witnesses(log_alone.clone()).and_timestamps(clock.clone());
    let model = scene.verify(&both, &trust).unwrap();
    assert_eq!((model.report().logs.len(), model.report().timestamp_authorities.len()), (1, 1));
    assert_eq!(code(scene.verify(&both, &keys().and_witnesses(log_alone.clone()))), "E-TIMESTAMP");
    let model = scene.verify(&both, &keys().and_timestamps(clock)).unwrap();
    assert_eq!(model.report().signed_at, SignedAt::Proven("2025-06-01T13:00:00Z".to_owned()));
    assert!(model.report().warnings[0].starts_with("1 log entries"), "{:?}", model.report().warnings);
    // Of two witnesses one is enough; of two that refuse, the one that came further is told.
    let stranger = root(&[&Log::new("stranger.example")], &[]);
    let stranger = TrustedRoot::from_json(&stranger, &Limits::default()).unwrap();
    assert_eq!(
        scene.code(&both, &keys().and_witnesses(stranger.clone()).and_witnesses(scene.root())),
        "accepted"
    );
    assert_eq!(scene.code(&both, &keys().and_witnesses(stranger).and_witnesses(log_alone)), "E-LOG");
}

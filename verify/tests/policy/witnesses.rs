//! Logs, timestamps, and how long ago it was signed; of every signer that counts.

#[path = "../witnessed/witnesses.rs"]
#[allow(dead_code, reason = "another test program uses the rest")]
mod made;

use std::time::{Duration, SystemTime};

use lacre_testkit::{ModelDir, Sealed};
use serde_json::{Value, json};

use self::made::{Clock, LOGGED, Log, root};
use crate::scene::{KEY, OTHER, base, lay, of, sample, stanza, verdict_with};

const NOTHING: &str = "no";

/// A policy that trusts both keys, and a log and a clock.
fn policy(lines: &str, signers: usize) -> String {
    let (log, clock) = (Log::new("log.example"), Clock::new("clock.example"));
    let root = String::from_utf8(root(&[&log], &[&clock])).unwrap();
    format!(
        "version = 1\n[[policy]]\nname = \"only\"\n{lines}\n[policy.trust]\nsigners = {signers}\ntrusted-root = '''{root}'''\n{}{}",
        stanza("policy.trust", &KEY, ""),
        stanza("policy.trust", &OTHER, ""),
    )
}

/// The bundle with an entry of a log, a timestamp, or both.
fn witnessed(sealed: &Sealed, what: &str) -> Vec<u8> {
    let mut bundle: Value = serde_json::from_slice(sealed.bundle()).unwrap();
    if what.contains("log") {
        let entry = Log::new("log.example").entry(&bundle, sealed.public_key().to_pem(), LOGGED);
        bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
    }
    if what.contains("clock") {
        let stamp = Clock::new("clock.example").stamp(&bundle, "20250601130000Z");
        bundle["verificationMaterial"]["timestampVerificationData"] = json!({"rfc3161Timestamps": [stamp]});
    }
    serde_json::to_vec(&bundle).unwrap()
}

/// So many days after the log took it.
fn days(days: i64) -> SystemTime {
    let day = Duration::from_secs(86_400 * days.unsigned_abs());
    let logged = SystemTime::UNIX_EPOCH + Duration::from_secs(LOGGED);
    if days < 0 { logged - day } else { logged + day }
}

#[test]
fn what_saw_the_signature_and_when() {
    let (log, clock, age) = ("E-POLICY-TRANSPARENCY", "E-POLICY-TIMESTAMP", "E-POLICY-AGE");
    for (has, lines, after, expected) in [
        (NOTHING, "", 1, "strict"),
        (NOTHING, "transparency = \"optional\"\ntimestamp = \"optional\"", 1, "strict"),
        (NOTHING, "transparency = \"required\"", 1, log),
        (NOTHING, "timestamp = \"required\"", 1, clock),
        (NOTHING, "max-age = \"9d\"", 1, age),
        ("log", "transparency = \"required\"", 1, "strict"),
        ("log", "timestamp = \"required\"", 1, clock),
        ("log", "max-age = \"9d\"", 1, "strict"),
        ("log", "max-age = \"9d\"", 9, "strict"),
        ("log", "max-age = \"9d\"", 10, age),
        ("log", "max-age = \"23h\"", 1, age),
        ("clock", "timestamp = \"required\"", 1, "strict"),
        ("clock", "transparency = \"required\"", 1, log),
        ("clock", "max-age = \"9d\"", 1, "strict"),
        (
            "log and clock",
            "transparency = \"required\"\ntimestamp = \"required\"\nmax-age = \"2d\"",
            1,
            "strict",
        ),
        // What is signed tomorrow is not young: a clock is wrong, or somebody's key is.
        ("log", "max-age = \"9d\"", -1, age),
        ("log", "", -1, "strict"),
    ] {
        let sealed = sample();
        sealed.write_bundle(&witnessed(&sealed, has));
        let now = days(after);
        let found = verdict_with(&policy(lines, 1), &sealed, &base(), &|it| {
            it.judge(&it.facts().assume_now_danger(now))
        });
        assert_eq!(found, expected, "{has} {lines} {after}");
    }
}

#[test]
fn of_several_signers_each_was_seen() {
    for (first, second, lines, expected) in [
        ("log", "log", "transparency = \"required\"", "strict"),
        ("log", NOTHING, "transparency = \"required\"", "E-POLICY-TRANSPARENCY"),
        (NOTHING, "log", "transparency = \"required\"", "E-POLICY-TRANSPARENCY"),
        ("clock", "log", "timestamp = \"required\"", "E-POLICY-TIMESTAMP"),
        ("log", "clock", "max-age = \"9d\"", "strict"),
        ("log", NOTHING, "max-age = \"9d\"", "E-POLICY-AGE"),
    ] {
        let sealed = sample();
        let other = of(ModelDir::sample()).key(&OTHER).sign();
        sealed.write_bundle(&witnessed(&sealed, first));
        lay(&sealed, "1", &witnessed(&other, second));
        let found = verdict_with(&policy(lines, 2), &sealed, &base(), &|it| {
            it.judge(&it.facts().assume_now_danger(days(1)))
        });
        assert_eq!(found, expected, "{first} {second} {lines}");
    }
}

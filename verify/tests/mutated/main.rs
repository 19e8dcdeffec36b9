//! Good bundles of keys, of certificates, and of certificates with timestamps, each changed in one place in every way that
//! we could think of, and the reason for which each is refused. Keyless bundles and keys with entries of a log are
//! treated alike in the conformance suite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod certified;
mod edit;
mod form;
mod good;
mod signed;

use std::collections::BTreeSet;

use serde_json::Value;

use good::Kind;

/// What becomes of a bundle: an edit that does not apply says so by `None`.
type Change = fn(&mut Value, &Value) -> Option<()>;

/// A class: its name, the change (which also gets another good bundle of its kind), and what becomes of it.
type Class = (&'static str, Change, fn(Kind) -> &'static str);

fn classes() -> Vec<Class> {
    [form::CLASSES, signed::CLASSES, certified::CLASSES].concat()
}

fn refuses(kind: Kind) {
    let all = good::of(kind);
    let mut wrong = Vec::new();
    let mut applied = BTreeSet::new();
    for (name, change, expected) in classes() {
        for (at, good) in all.iter().enumerate() {
            let other = &all[(at + 1) % all.len()].bundle;
            let mut bundle = good.bundle.clone();
            if change(&mut bundle, other).is_none() {
                continue;
            }
            assert_ne!(bundle, good.bundle, "{name}: nothing was changed");
            applied.insert(name);
            let (found, wanted) = (good.outcome(&serde_json::to_vec(&bundle).unwrap()), expected(kind));
            if found != wanted {
                wrong.push(format!("{name}: {}: {found}, not {wanted}", good.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(applied.len() >= 40, "{} classes", applied.len());
}

#[test]
fn the_bundles_that_are_changed_are_good() {
    for kind in Kind::ALL {
        let all = good::of(kind);
        assert!(all.len() >= 8, "{kind:?}: {}", all.len());
        for good in all {
            assert_eq!(good.outcome(&serde_json::to_vec(&good.bundle).unwrap()), "accepted", "{}", good.name);
        }
    }
}

#[test]
fn changed_bundles_of_keys_are_refused() {
    refuses(Kind::Key);
}

#[test]
fn changed_bundles_of_certificates_are_refused() {
    refuses(Kind::Certificate);
}

#[test]
fn changed_bundles_with_timestamps_are_refused() {
    refuses(Kind::Timestamped);
}

#[test]
fn changes_of_the_text_itself_are_refused() {
    for good in Kind::ALL.into_iter().flat_map(good::of) {
        let text = serde_json::to_string(&good.bundle).unwrap();
        let outcome = |text: &str| good.outcome(text.as_bytes());
        for name in ["mediaType", "payload", "sig", "verificationMaterial"] {
            let member = format!("\"{name}\":");
            let twice = text.replacen(&member, &format!("{member}\"x\",{member}"), 1);
            assert_eq!(outcome(&twice), "E-DUPLICATE-KEY", "{name} of {}", good.name);
        }
        let escaped = text.replacen("\"payload\":", "\"p\\u0061yload\":\"e30=\",\"payload\":", 1);
        assert_eq!(outcome(&escaped), "E-DUPLICATE-KEY", "{}", good.name);
        assert_eq!(outcome(&format!("{text}{text}")), "E-JSON", "{}", good.name);
        assert_eq!(outcome(&format!("{text}\0")), "E-JSON", "{}", good.name);
        assert_eq!(outcome(&format!("\u{feff}{text}")), "E-JSON", "{}", good.name);
        assert_eq!(outcome(&format!("[{text}]")), "E-BUNDLE", "{}", good.name);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(good.outcome(&wide), "E-JSON", "{}", good.name);
        for length in (0..text.len()).step_by(151) {
            assert_eq!(outcome(&text[..length]), "E-JSON", "{} of {}", length, good.name);
        }
        let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(outcome(&nested), "E-LIMIT", "{}", good.name);
    }
}

//! What can be done to the evidence of a good bundle, and what is said of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::Sealed;
use serde_json::{Value, json};

use super::witnesses::{Clock, LOGGED, Log};
use super::{ENTRIES, STAMPS, Scene};

/// A change of a good bundle with an entry and a timestamp.
pub(crate) type Change = fn(&Scene, &mut Value);

fn flip(value: &mut Value, place: usize) {
    let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    bytes[place] ^= 1;
    *value = STANDARD.encode(bytes).into();
}

/// The change, and the code of the refusal.
pub(crate) const CHANGES: &[(&str, Change, &str)] = &[
    ("time", |_, bundle| bundle[ENTRIES][0]["integratedTime"] = (LOGGED + 1).to_string().into(), "E-LOG"),
    ("no time", |_, bundle| bundle[ENTRIES][0]["integratedTime"] = "0".into(), "E-LOG"),
    ("index", |_, bundle| bundle[ENTRIES][0]["logIndex"] = "1".into(), "E-LOG"),
    ("proof index", |_, bundle| bundle[ENTRIES][0]["inclusionProof"]["logIndex"] = "1".into(), "E-LOG"),
    ("size", |_, bundle| bundle[ENTRIES][0]["inclusionProof"]["treeSize"] = "2".into(), "E-LOG"),
    ("root", |_, bundle| flip(&mut bundle[ENTRIES][0]["inclusionProof"]["rootHash"], 0), "E-LOG"),
    (
        "path",
        |_, bundle| {
            let root = bundle[ENTRIES][0]["inclusionProof"]["rootHash"].clone();
            bundle[ENTRIES][0]["inclusionProof"]["hashes"] = json!([root]);
        },
        "E-LOG",
    ),
    (
        "no proof",
        |_, bundle| drop(bundle[ENTRIES][0].as_object_mut().unwrap().remove("inclusionProof")),
        "E-LOG",
    ),
    (
        "promise",
        |_, bundle| flip(&mut bundle[ENTRIES][0]["inclusionPromise"]["signedEntryTimestamp"], 40),
        "E-LOG",
    ),
    (
        "checkpoint",
        |_, bundle| {
            let note = &mut bundle[ENTRIES][0]["inclusionProof"]["checkpoint"]["envelope"];
            *note = note.as_str().unwrap().replacen("4711", "4712", 1).into();
        },
        "E-LOG",
    ),
    ("log", |_, bundle| flip(&mut bundle[ENTRIES][0]["logId"]["keyId"], 0), "E-LOG"),
    (
        "another log",
        |scene, bundle| bundle[ENTRIES] = json!([scene.entry(&Log::new("stranger.example"))]),
        "E-LOG",
    ),
    (
        "a log that nobody knows, beside a good one",
        |scene, bundle| {
            let more = scene.entry(&Log::new("stranger.example"));
            bundle[ENTRIES].as_array_mut().unwrap().push(more);
        },
        "E-LOG",
    ),
    (
        "the key of another",
        |scene, bundle| {
            let other = Sealed::sample();
            bundle[ENTRIES] = json!([scene.log.entry(&scene.plain(), other.public_key().to_pem(), LOGGED)]);
        },
        "E-LOG",
    ),
    (
        "the entry of another signature",
        |scene, bundle| {
            let other = Scene::new();
            bundle[ENTRIES] =
                json!([scene.log.entry(&other.plain(), other.sealed.public_key().to_pem(), LOGGED)]);
        },
        "E-LOG",
    ),
    (
        "twice",
        |_, bundle| {
            let entry = bundle[ENTRIES][0].clone();
            bundle[ENTRIES].as_array_mut().unwrap().push(entry);
        },
        "E-BUNDLE",
    ),
    ("body", |_, bundle| flip(&mut bundle[ENTRIES][0]["canonicalizedBody"], 30), "E-LOG"),
    ("kind", |_, bundle| bundle[ENTRIES][0]["kindVersion"]["version"] = "0.0.2".into(), "E-UNSUPPORTED"),
    (
        "another kind",
        |_, bundle| bundle[ENTRIES][0]["kindVersion"]["kind"] = "rekord".into(),
        "E-UNSUPPORTED",
    ),
    ("unknown member", |_, bundle| bundle[ENTRIES][0]["extra"] = 1.into(), "E-BUNDLE"),
    (
        "the future",
        |scene, bundle| {
            let entry = scene.log.entry(&scene.plain(), scene.sealed.public_key().to_pem(), 32_503_680_000);
            bundle[ENTRIES] = json!([entry]);
        },
        "E-LOG",
    ),
    (
        "timestamp",
        |_, bundle| {
            let token = &mut bundle[STAMPS]["rfc3161Timestamps"][0]["signedTimestamp"];
            let length = token.as_str().unwrap().len() / 4 * 3;
            flip(token, length - 20);
        },
        "E-TIMESTAMP",
    ),
    (
        "a stranger's timestamp",
        |scene, bundle| {
            let stamp = Clock::new("stranger.example").stamp(&scene.plain(), "20250601130000Z");
            bundle[STAMPS]["rfc3161Timestamps"] = json!([stamp]);
        },
        "E-TIMESTAMP",
    ),
    (
        "a stranger's timestamp, beside a good one",
        |scene, bundle| {
            let stamp = Clock::new("stranger.example").stamp(&scene.plain(), "20250601130000Z");
            bundle[STAMPS]["rfc3161Timestamps"].as_array_mut().unwrap().push(stamp);
        },
        "E-TIMESTAMP",
    ),
    (
        "the timestamp of another signature",
        |scene, bundle| {
            let stamp = scene.clock.stamp(&Scene::new().plain(), "20250601130000Z");
            bundle[STAMPS]["rfc3161Timestamps"] = json!([stamp]);
        },
        "E-TIMESTAMP",
    ),
    (
        "the same timestamp twice",
        |_, bundle| {
            let stamp = bundle[STAMPS]["rfc3161Timestamps"][0].clone();
            bundle[STAMPS]["rfc3161Timestamps"].as_array_mut().unwrap().push(stamp);
        },
        "E-BUNDLE",
    ),
];

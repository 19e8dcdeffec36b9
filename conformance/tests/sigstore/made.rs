//! Bundles of our own making: statements signed by keys that the verifier has, logged and stamped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::PublicKey;
use lacre_conformance::sigstore::{Expected, Message};
use lacre_hash::Sha256Digest;
use lacre_testkit::pki::{Draft, Scheme, TestKey, TimestampDraft};
use lacre_testkit::{TestLog, places};
use lacre_verify::Limits;
use lacre_verify::sigstore_layer_that_proves_no_model::TrustedRoot;
use serde_json::{Value, json};

use crate::cases::Case;

const TYPE: &str = "application/vnd.in-toto+json";
const MESSAGE: &[u8] = b"a message";

/// Bundles of eight keys, in trees of all shapes; each has an entry and a timestamp.
pub(crate) fn managed() -> Vec<Case> {
    [(0, 2), (1, 2), (2, 3), (1, 4), (4, 5), (3, 7), (7, 8), (20, 33)]
        .into_iter()
        .enumerate()
        .map(|(number, place)| case(number, place))
        .collect()
}

fn case(number: usize, place: (usize, usize)) -> Case {
    let key = TestKey::p256(&format!("managed {number}"));
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": format!("file-{number}"),
                     "digest": {"sha256": Sha256Digest::of(MESSAGE).to_string()}}],
        "predicateType": "https://example.test/x",
        "predicate": {"number": number},
    });
    let payload = statement.to_string();
    let message = format!("DSSEv1 {} {TYPE} {} {payload}", TYPE.len(), payload.len());
    let signature = key.sign(Scheme::EcdsaSha256, message.as_bytes());
    let entry = log().entry(message.as_bytes(), &signature, &key, place);
    let public = PublicKey::from_der(&key.spki()).unwrap();
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": public.cosign_hint()},
            "tlogEntries": [entry],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": STANDARD.encode(stamp(&signature))}]},
        },
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload),
            "payloadType": TYPE,
            "signatures": [{"sig": STANDARD.encode(&signature), "keyid": ""}],
        },
    });
    Case {
        name: format!("made-{number}"),
        text: serde_json::to_vec(&bundle).unwrap(),
        message: Message::Bytes(MESSAGE.to_vec()),
        expected: Expected::Key(public),
        root: TrustedRoot::from_json(root().to_string().as_bytes(), &Limits::default()).unwrap(),
    }
}

fn log() -> TestLog {
    TestLog::new("log.test")
}

/// The trusted root that fuzzing begins with, and our log in it; its timestamp authority signs here.
fn root() -> Value {
    let seed = places::checkout().join("fuzz/corpus/trust_config/good");
    let config: Value = serde_json::from_slice(&std::fs::read(seed).unwrap()).unwrap();
    let mut root = config["trustedRoot"].clone();
    root["tlogs"].as_array_mut().unwrap().push(log().trusted());
    root
}

fn stamp(signature: &[u8]) -> Vec<u8> {
    let key = TestKey::p256("timestamps");
    let draft = Draft::timestamp_authority("Root", "Timestamps", &key);
    let certificate = draft.sign(&TestKey::p384("root"));
    TimestampDraft::new(signature, &certificate, &draft.issuer, draft.serial).answer(&key)
}

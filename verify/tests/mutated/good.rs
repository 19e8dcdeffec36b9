//! The bundles that are good as they are.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_attest::KeyAlgorithm;
use lacre_testkit::pki::{Draft, TestKey, TimestampDraft};
use lacre_testkit::{Forge, ModelDir, Seal, Sealed};
use lacre_verify::{
    Anchors, CertificateIdentity, Endorsement, Limits, Requirements, TimestampAuthorities, Trust, Unverified,
};
use serde_json::{Value, json};

/// What vouches for a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Certificate,
    /// A certificate that has expired, and a timestamp of the time before.
    Timestamped,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Key, Self::Certificate, Self::Timestamped];
}

/// A bundle and the trust that it satisfies.
pub(crate) struct Good {
    pub(crate) name: String,
    pub(crate) bundle: Value,
    requirements: Requirements,
}

impl Good {
    /// "accepted", or the code of the refusal, of a text in the place of the bundle.
    pub(crate) fn outcome(&self, text: &[u8]) -> &'static str {
        Unverified::<Endorsement>::parse(text, &Limits::default())
            .and_then(|bundle| bundle.verify(&self.requirements))
            .map_or_else(|failure| failure.code(), |_| "accepted")
    }
}

pub(crate) fn of(kind: Kind) -> Vec<Good> {
    match kind {
        Kind::Key => KeyAlgorithm::ALL.into_iter().flat_map(keys).collect(),
        Kind::Certificate | Kind::Timestamped => {
            let leaves: [fn(&str) -> TestKey; 3] = [TestKey::p256, TestKey::p384, TestKey::p521];
            let each = leaves.into_iter().enumerate();
            each.flat_map(|(number, leaf)| {
                (0..3).map(move |above| certified(kind, number, &leaf(&format!("leaf {above}")), above))
            })
            .collect()
        }
    }
}

/// By the hint of OMS and by cosign's.
fn keys(algorithm: KeyAlgorithm) -> [Good; 2] {
    let sealed = Seal::of(ModelDir::sample()).algorithm(algorithm).sign();
    let key: Arc<_> = Arc::clone(sealed.key());
    let requirements = Requirements::new(Trust::keys([sealed.public_key().clone()]).unwrap());
    let payload = sealed.statement().to_string();
    [("oms", Forge::new(&payload, &key)), ("cosign", Forge::new(&payload, &key).cosign_hint())].map(
        |(hint, forge)| Good {
            name: format!("{algorithm} {hint}"),
            bundle: forge.to_value(),
            requirements: requirements.clone(),
        },
    )
}

/// A chain with so many authorities between the leaf and the root.
fn certified(kind: Kind, number: usize, leaf: &TestKey, above: usize) -> Good {
    let root_key = TestKey::p384("root");
    let root = Draft::root("Root", &root_key).sign(&root_key);
    let mut issuer = ("Root".to_owned(), root_key);
    let mut authorities = Vec::new();
    for level in 0..above {
        let (subject, key) = (format!("Level {level}"), TestKey::p256(&format!("level {level}")));
        authorities.insert(0, Draft::authority(&issuer.0, &subject, &key).sign(&issuer.1));
        issuer = (subject, key);
    }
    let mut draft = Draft::leaf(&issuer.0, &format!("Release {number} {above}"), leaf);
    if kind == Kind::Timestamped {
        "20260101000000Z".clone_into(&mut draft.not_after);
    }
    let chain: Vec<Value> = std::iter::once(draft.sign(&issuer.1))
        .chain(authorities)
        .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
        .collect();
    let mut statement = Sealed::sample().statement();
    statement["subject"][0]["name"] = format!("org/model-{number}-{above}").into();
    let payload = statement.to_string();
    let payload_type = "application/vnd.in-toto+json";
    let message = format!("DSSEv1 {} {payload_type} {} {payload}", payload_type.len(), payload.len());
    let signature = leaf.sign(leaf.scheme(), message.as_bytes());
    let mut bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"x509CertificateChain": {"certificates": chain}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": STANDARD.encode(&payload),
            "payloadType": payload_type,
            "signatures": [{"sig": STANDARD.encode(&signature), "keyid": ""}],
        },
    });
    if kind == Kind::Timestamped {
        bundle["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": [{"signedTimestamp": STANDARD.encode(stamp(&signature))}]});
    }
    let identity = CertificateIdentity::San("release@example.test".to_owned());
    let trust = Trust::authority(Anchors::from_der([root]).unwrap(), None, vec![identity]).unwrap();
    let stamps_root = TestKey::p384("stamps root");
    let stamps = Draft::root("Stamps Root", &stamps_root).sign(&stamps_root);
    let trust = trust.and_timestamps(TimestampAuthorities::new().and_der(&[stamps]).unwrap());
    Good { name: format!("leaf {number}, {above} above"), bundle, requirements: Requirements::new(trust) }
}

fn stamp(signature: &[u8]) -> Vec<u8> {
    let key = TestKey::p256("stamps");
    let draft = Draft::timestamp_authority("Stamps Root", "Stamps", &key);
    let certificate = draft.sign(&TestKey::p384("stamps root"));
    TimestampDraft::new(signature, &certificate, &draft.issuer, draft.serial).answer(&key)
}

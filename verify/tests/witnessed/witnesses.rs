//! A log of Rekor's first version with one entry, and a timestamp authority, with keys of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_hash::Sha256Digest;
use lacre_testkit::pki::{Draft, TestKey, TimestampDraft, der};
use serde_json::{Value, json};

/// When the log took the entry: 1 June 2025, 12:00:00 UTC, by `date -u -d 2025-06-01T12:00:00Z +%s`.
pub(crate) const LOGGED: u64 = 1_748_779_200;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// A log that has one entry.
pub(crate) struct Log {
    pub(crate) key: TestKey,
    /// By what it is known; of a decent log, the digest of its key.
    pub(crate) id: Sha256Digest,
    pub(crate) name: &'static str,
}

impl Log {
    pub(crate) fn new(name: &'static str) -> Self {
        let key = TestKey::p256(name);
        Self { id: Sha256Digest::of(&key.spki()), key, name }
    }

    /// Itself in a trusted root.
    pub(crate) fn to_root(&self) -> Value {
        json!({
            "baseUrl": format!("https://{}", self.name),
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(self.key.spki()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2024-01-01T00:00:00Z"},
            },
            "logId": {"keyId": b64(self.id.as_bytes())},
        })
    }

    /// The entry (`dsse` 0.0.1) of a bundle that was signed with the key of this PEM text.
    pub(crate) fn entry(&self, bundle: &Value, pem: &str, seconds: u64) -> Value {
        let envelope = &bundle["dsseEnvelope"];
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let sha256 =
            |bytes: &[u8]| json!({"algorithm": "sha256", "value": Sha256Digest::of(bytes).to_string()});
        let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": sha256(envelope.to_string().as_bytes()),
            "payloadHash": sha256(&payload),
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": b64(pem)}],
        }});
        let body = serde_json::to_vec(&body).unwrap();
        let promised = json!({
            "body": b64(&body), "integratedTime": seconds, "logID": self.id.to_string(), "logIndex": 0,
        });
        // The leaf's hash is the root (RFC 6962, section 2.1).
        let root = Sha256Digest::of(&[&[0][..], &body].concat());
        let note = format!("{} - 4711\n1\n{}\n", self.name, b64(root.as_bytes()));
        let signature = [&self.id.as_bytes()[..4], &self.sign(note.as_bytes())].concat();
        json!({
            "logIndex": "0",
            "logId": {"keyId": b64(self.id.as_bytes())},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": seconds.to_string(),
            "inclusionPromise": {
                "signedEntryTimestamp": b64(self.sign(&serde_json::to_vec(&promised).unwrap())),
            },
            "inclusionProof": {
                "logIndex": "0", "rootHash": b64(root.as_bytes()), "treeSize": "1", "hashes": [],
                "checkpoint": {"envelope": format!("{note}\n\u{2014} {} {}\n", self.name, b64(signature))},
            },
            "canonicalizedBody": b64(&body),
        })
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(self.key.scheme(), message)
    }
}

/// A timestamp authority.
pub(crate) struct Clock {
    root_key: TestKey,
    key: TestKey,
    leaf: Draft,
    name: &'static str,
}

impl Clock {
    pub(crate) fn new(name: &'static str) -> Self {
        let (root_key, key) = (TestKey::p256(&format!("{name} root")), TestKey::p256(name));
        let root = format!("{name} root");
        Self { leaf: Draft::timestamp_authority(&root, name, &key), root_key, key, name }
    }

    fn chain(&self) -> [Vec<u8>; 2] {
        let root = Draft::root(&format!("{} root", self.name), &self.root_key).sign(&self.root_key);
        [self.leaf.sign(&self.root_key), root]
    }

    pub(crate) fn pem(&self) -> String {
        self.chain().iter().map(|der| der::pem("CERTIFICATE", der)).collect()
    }

    pub(crate) fn to_root(&self) -> Value {
        json!({
            "subject": {"organization": "test", "commonName": self.name},
            "uri": format!("https://{}", self.name),
            "certChain": {"certificates": self.chain().map(|der| json!({"rawBytes": b64(der)}))},
            "validFor": {"start": "2024-01-01T00:00:00Z"},
        })
    }

    /// A timestamp of the signature of `bundle`, at `YYYYMMDDhhmmssZ`.
    pub(crate) fn stamp(&self, bundle: &Value, time: &str) -> Value {
        let signature =
            STANDARD.decode(bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        let [leaf, _] = self.chain();
        let mut draft = TimestampDraft::new(&signature, &leaf, &self.leaf.issuer, self.leaf.serial);
        time.clone_into(&mut draft.time);
        json!({"signedTimestamp": b64(draft.answer(&self.key))})
    }
}

/// A trusted root of these logs and authorities, without anybody who certifies signers.
pub(crate) fn root(logs: &[&Log], clocks: &[&Clock]) -> Vec<u8> {
    let root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": logs.iter().map(|log| log.to_root()).collect::<Vec<_>>(),
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": clocks.iter().map(|clock| clock.to_root()).collect::<Vec<_>>(),
    });
    serde_json::to_vec(&root).unwrap()
}

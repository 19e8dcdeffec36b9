//! Envelopes and bundles of any shape, signed properly or not: what a careless or hostile signer could write.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_sign::{FileKey, Signer};
use serde_json::{Value, json};

/// Signs statement bytes, which need not be a statement, and returns a bundle that carries them.
pub fn resign(statement: impl AsRef<[u8]>, key: &FileKey) -> Vec<u8> {
    Forge::new(statement, key).to_json()
}

/// A bundle in the making: properly signed until told otherwise.
pub struct Forge<'k> {
    payload: Vec<u8>,
    payload_type: String,
    key: &'k FileKey,
    hint: Option<String>,
    signature: Option<Vec<u8>>,
}

impl<'k> Forge<'k> {
    /// A bundle of this payload, signed by `key`, with the hint that OMS wants.
    pub fn new(payload: impl AsRef<[u8]>, key: &'k FileKey) -> Self {
        Self {
            payload: payload.as_ref().to_vec(),
            payload_type: "application/vnd.in-toto+json".to_owned(),
            key,
            hint: Some(Sha256Digest::of(key.public_key().to_pem().as_bytes()).to_string()),
            signature: None,
        }
    }

    /// Signs and states another type of payload.
    pub fn payload_type(mut self, payload_type: &str) -> Self {
        payload_type.clone_into(&mut self.payload_type);
        self
    }

    /// States another hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// States the hint that cosign writes: base64 of the SHA-256 of the key's DER.
    pub fn cosign_hint(self) -> Self {
        let digest = Sha256Digest::of(self.key.public_key().to_der());
        self.hint(STANDARD.encode(digest.as_bytes()))
    }

    /// States no hint.
    pub fn no_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    /// Carries these bytes as the signature.
    pub fn signature(mut self, signature: impl AsRef<[u8]>) -> Self {
        self.signature = Some(signature.as_ref().to_vec());
        self
    }

    /// Signs this message, in place of the encoding that DSSE wants.
    pub fn over(self, message: impl AsRef<[u8]>) -> Self {
        let signature = self.key.sign(message.as_ref()).unwrap();
        self.signature(signature)
    }

    /// The bundle as a tree, to be bent further.
    pub fn to_value(&self) -> Value {
        let signature = self.signature.clone().unwrap_or_else(|| {
            let head =
                format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, self.payload.len());
            self.key.sign(&[head.as_bytes(), &self.payload].concat()).unwrap()
        });
        let mut key = json!({});
        if let Some(hint) = &self.hint {
            key["hint"] = hint.as_str().into();
        }
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": key, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": STANDARD.encode(&self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"sig": STANDARD.encode(signature), "keyid": ""}],
            },
        })
    }

    /// The bundle as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.to_value()).unwrap()
    }
}

/// The bundle after `edit`; nothing is signed again.
pub fn edit_bundle(bundle: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bundle).unwrap();
    edit(&mut value);
    serde_json::to_vec(&value).unwrap()
}

/// The statement that a bundle carries.
pub fn statement_of(bundle: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(bundle).unwrap();
    let payload = value["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&STANDARD.decode(payload).unwrap()).unwrap()
}

/// Makes an OMS statement whose resources were changed consistent again: the subject's root over the resources in the
/// order in which they are listed, and Lacre's identity over all of them in code-point order, if the subject has one.
pub fn restate(statement: &mut Value) {
    let resources = statement["predicate"]["resources"].as_array().unwrap().clone();
    let roots: Vec<u8> = resources.iter().flat_map(|resource| unhex(&resource["digest"])).collect();
    let digest = &mut statement["subject"][0]["digest"];
    digest["sha256"] = Sha256Digest::of(&roots).to_string().into();
    if digest.get("lacre").is_some() {
        digest["lacre"] = identity(&resources).into();
    }
}

/// The model's identity, from its definition: `BLAKE3-derive-key("lacre 2026 model identity v1", …)`.
fn identity(resources: &[Value]) -> String {
    let mut sorted: Vec<_> =
        resources.iter().map(|resource| (resource["name"].as_str().unwrap(), resource)).collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut text = Vec::new();
    for (name, resource) in sorted {
        text.extend((name.len() as u64).to_le_bytes());
        text.extend(name.as_bytes());
        text.extend(resource["size"].as_u64().unwrap().to_le_bytes());
        text.extend(unhex(&resource["digest"]));
        match resource.get("blake3") {
            Some(blake3) => {
                text.push(1);
                text.extend(unhex(blake3));
            }
            None => text.push(0),
        }
    }
    Blake3Digest::derive("lacre 2026 model identity v1", [text.as_slice()]).to_string()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[cfg(test)]
mod tests {
    use lacre_attest::{KeyAlgorithm, pae};

    use super::*;
    use crate::Sealed;

    #[test]
    fn a_bundle_that_was_not_bent_says_what_the_product_says() {
        let sealed = Sealed::sample();
        let payload = STANDARD.decode(
            serde_json::from_slice::<Value>(sealed.bundle()).unwrap()["dsseEnvelope"]["payload"]
                .as_str()
                .unwrap(),
        );
        // The nonces follow from the key and the message, so the signatures are the same, too.
        let mut forged = Forge::new(payload.unwrap(), sealed.key()).to_value();
        let mut written: Value = serde_json::from_slice(sealed.bundle()).unwrap();
        for bundle in [&mut forged, &mut written] {
            // Peers write these empty, or not at all; both mean the same.
            bundle["dsseEnvelope"]["signatures"][0].as_object_mut().unwrap().remove("keyid");
            bundle["verificationMaterial"].as_object_mut().unwrap().remove("tlogEntries");
        }
        assert_eq!(forged, written);
    }

    #[test]
    fn a_statement_that_was_not_changed_stays_as_it_was() {
        let sealed = Sealed::sample();
        let mut statement = sealed.statement();
        assert!(statement["subject"][0]["digest"]["lacre"].is_string());
        restate(&mut statement);
        assert_eq!(statement, sealed.statement());
    }

    #[test]
    fn the_signature_is_over_the_stated_type() {
        let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let bundle = Forge::new("{}", &key).payload_type("text/plain").to_value();
        let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
        key.public_key().verify(&pae("text/plain", b"{}"), &STANDARD.decode(signature).unwrap()).unwrap();
    }

    #[test]
    fn what_is_asked_for_is_bent() {
        let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let value = Forge::new("{}", &key).no_hint().signature("abc").to_value();
        assert_eq!(value["verificationMaterial"]["publicKey"], json!({}));
        assert_eq!(value["dsseEnvelope"]["signatures"][0]["sig"], "YWJj");
        assert_eq!(
            Forge::new("", &key).hint("x").to_value()["verificationMaterial"]["publicKey"]["hint"],
            "x"
        );
        assert_eq!(
            Forge::new("", &key).cosign_hint().to_value()["verificationMaterial"]["publicKey"]["hint"],
            key.public_key().cosign_hint()
        );
        let edited = edit_bundle(&resign("[]", &key), |bundle| bundle["mediaType"] = 7.into());
        assert_eq!(serde_json::from_slice::<Value>(&edited).unwrap()["mediaType"], 7);
    }
}

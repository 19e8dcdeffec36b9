//! A transparency log of tests, written from RFC 6962 (section 2.1) and the format of signed notes: entries of Rekor's
//! second generation with real proofs, and no server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::noise;
use crate::pki::{Scheme, TestKey};

/// A log with a P-256 key of its own.
pub struct TestLog {
    origin: String,
    key: TestKey,
}

impl TestLog {
    /// The log of this name; its key belongs to the name.
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), key: TestKey::p256(origin) }
    }

    /// Its entry in `tlogs` of a trusted root.
    pub fn trusted(&self) -> Value {
        json!({
            "baseUrl": format!("https://{}", self.origin),
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(self.key.spki()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2024-01-01T00:00:00Z"},
            },
            "logId": {"keyId": STANDARD.encode(self.id())},
        })
    }

    /// The entry (`hashedrekord` 0.0.2) of a signature by `signer` over `message`, which a bundle carries: the leaf
    /// `index` of a tree of `size` leaves, whose others are noise.
    pub fn entry(
        &self,
        message: &[u8],
        signature: &[u8],
        signer: &TestKey,
        (index, size): (usize, usize),
    ) -> Value {
        let body = json!({
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {"hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": STANDARD.encode(Sha256::digest(message))},
                "signature": {
                    "content": STANDARD.encode(signature),
                    "verifier": {
                        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                        "publicKey": {"rawBytes": STANDARD.encode(signer.spki())},
                    },
                },
            }},
        });
        let body = serde_json::to_vec(&body).unwrap();
        let leaves: Vec<[u8; 32]> =
            (0..size).map(|at| if at == index { leaf(&body) } else { leaf(&noise(at as u64, 40)) }).collect();
        let root = root(&leaves);
        let hashes: Vec<String> = path(index, &leaves).iter().map(|hash| STANDARD.encode(hash)).collect();
        json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": STANDARD.encode(self.id())},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "integratedTime": "0",
            "inclusionProof": {
                "logIndex": index.to_string(),
                "rootHash": STANDARD.encode(root),
                "treeSize": size.to_string(),
                "hashes": hashes,
                "checkpoint": {"envelope": self.checkpoint(&root, size)},
            },
            "canonicalizedBody": STANDARD.encode(body),
        })
    }

    fn id(&self) -> [u8; 32] {
        Sha256::digest(self.key.spki()).into()
    }

    /// Origin, size and root, signed.
    fn checkpoint(&self, root: &[u8], size: usize) -> String {
        let note = format!("{}\n{size}\n{}\n", self.origin, STANDARD.encode(root));
        let signature = self.key.sign(Scheme::EcdsaSha256, note.as_bytes());
        let signed = STANDARD.encode([&self.id()[..4], &signature].concat());
        format!("{note}\n\u{2014} {} {signed}\n", self.origin)
    }
}

fn leaf(body: &[u8]) -> [u8; 32] {
    Sha256::digest([&[0], body].concat()).into()
}

fn node(left: &[u8], right: &[u8]) -> [u8; 32] {
    Sha256::digest([&[1], left, right].concat()).into()
}

/// The largest power of two below `length`.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [one] => *one,
        several => {
            let (left, right) = several.split_at(split(several.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The hashes from the leaf's sibling to the child of the root.
fn path(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut hashes, other) =
        if index < at { (path(index, left), root(right)) } else { (path(index - at, right), root(left)) };
    hashes.push(other);
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of RFC 6962, section 2.1.3: seven leaves.
    #[test]
    #[expect(clippy::many_single_char_names, reason = "the letters of the specification")]
    fn paths_are_those_of_the_specification() {
        let leaves: Vec<[u8; 32]> = (0..7_u8).map(|number| leaf(&[number])).collect();
        let [a, b, c, d, e, f, j] = leaves[..] else { panic!("seven") };
        let (g, h, i) = (node(&a, &b), node(&c, &d), node(&e, &f));
        let (k, l) = (node(&g, &h), node(&i, &j));
        assert_eq!(root(&leaves), node(&k, &l));
        assert_eq!(path(0, &leaves), [b, h, l]);
        assert_eq!(path(3, &leaves), [c, g, l]);
        assert_eq!(path(4, &leaves), [f, j, k]);
        assert_eq!(path(6, &leaves), [i, k]);
    }
}

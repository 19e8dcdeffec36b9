//! Signatures of the manifest itself beside the model's: who stands for it is told, and it never stands for a model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod stores;

use std::num::NonZeroUsize;

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, KeyAlgorithm, Limits, ManifestClaim};
use lacre_deliver::{DeliverError, examine};
use lacre_hash::{NoProgress, Sha256Digest};
use lacre_registry_client::{
    Descriptor, EMPTY_CONFIG, EMPTY_CONFIG_BYTES, IMAGE_MANIFEST, Layout, Store, attach_signature,
};
use lacre_sign::{FileKey, seal_manifests};
use lacre_testkit::{Forge, Sealed};
use lacre_verify::{Requirements, Trust};
use serde_json::json;

use stores::{artifact, files, pushed, trusting, v1};

const MADE: &str = "2026-01-01T00:00:00Z";

fn key() -> FileKey {
    FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

fn sign(store: &Layout, manifest: &Descriptor, about: Sha256Digest, key: &FileKey) {
    let claim = ManifestClaim::signature(vec![about]).unwrap();
    let bundle = seal_manifests(&claim, key, &Limits::default()).unwrap().to_json();
    attach_signature(store, manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE, MADE).unwrap();
}

/// Whose keys stand for the manifest, sorted.
fn signers(store: &Layout, requirements: &Requirements) -> Result<Vec<String>, DeliverError> {
    let offer = examine(store, &v1(), requirements, &Limits::default())?;
    let mut keys: Vec<_> = offer.manifest_signers().iter().map(|signer| signer.key().to_owned()).collect();
    keys.sort();
    Ok(keys)
}

fn trusting_all(sealed: &Sealed, keys: &[&FileKey]) -> Trust {
    let others = keys.iter().map(|key| key.public_key().clone());
    Trust::keys([sealed.public_key().clone()].into_iter().chain(others)).unwrap()
}

#[test]
fn who_stands_for_a_manifest_is_told_if_they_are_trusted() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let (manifest, other, stranger) = (&pushed.manifest, key(), key());
    let alone = trusting(sealed.public_key());
    assert_eq!(signers(&store, &alone).unwrap(), Vec::<String>::new());

    sign(&store, manifest, manifest.digest, &stranger);
    sign(&store, manifest, Sha256Digest::of(b"another manifest"), sealed.key());
    // Good signatures of what is no signature of a manifest, announced as one.
    let attestation = ManifestClaim::attestation(vec![manifest.digest], "urn:x", b"{}").unwrap();
    let more = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": COSIGN_SIGN_PREDICATE_TYPE,
        "predicate": { "but": "not this" }, "subject": [{ "digest": { "sha256": manifest.digest.to_string() } }],
    });
    let before = json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": COSIGN_SIGN_PREDICATE_TYPE,
        "predicate": {}, "subject": [{ "digest": { "sha256": manifest.digest.to_string() } }],
    });
    let signature = ManifestClaim::signature(vec![manifest.digest]).unwrap();
    let signature = signature.to_statement(&Limits::default()).unwrap();
    for bundle in [
        Forge::new(attestation.to_statement(&Limits::default()).unwrap(), sealed.key()).to_json(),
        Forge::new(more.to_string(), sealed.key()).to_json(),
        Forge::new(before.to_string(), sealed.key()).to_json(),
        Forge::new("[]", sealed.key()).to_json(),
        Forge::new(signature, sealed.key()).signature(b"no signature").to_json(),
        sealed.bundle().to_vec(),
        b"no bundle".to_vec(),
    ] {
        attach_signature(&store, manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE, MADE).unwrap();
    }
    assert_eq!(signers(&store, &alone).unwrap(), Vec::<String>::new());

    sign(&store, manifest, manifest.digest, &other);
    assert_eq!(signers(&store, &alone).unwrap(), Vec::<String>::new());
    let both = Requirements::new(trusting_all(&sealed, &[&other]));
    assert_eq!(signers(&store, &both).unwrap(), [other.public_key().hint()]);
    sign(&store, manifest, manifest.digest, sealed.key());
    assert_eq!(signers(&store, &alone).unwrap(), [sealed.public_key().hint()]);
    assert_eq!(signers(&store, &both).unwrap().len(), 2);
    assert_eq!(
        signers(&store, &alone.expect_name("org/mini-lm")).unwrap().len(),
        1,
        "a name is not asked of it"
    );
}

#[test]
fn fewer_than_are_demanded_are_nobody() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let second = key();
    let requirements = || {
        let trust = trusting_all(&sealed, &[&second]);
        Requirements::new(trust.signers(NonZeroUsize::new(2).unwrap()))
    };
    let other = Forge::new(sealed.statement().to_string(), &second).to_json();
    attach_signature(&store, &pushed.manifest, &other, "https://model_signing/signature/v1.0", MADE).unwrap();
    sign(&store, &pushed.manifest, pushed.manifest.digest, sealed.key());
    assert_eq!(signers(&store, &requirements()).unwrap(), Vec::<String>::new());
    sign(&store, &pushed.manifest, pushed.manifest.digest, &second);
    assert_eq!(signers(&store, &requirements()).unwrap().len(), 2);
}

#[test]
fn attestations_crowd_out_no_signature_of_a_model() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    for number in 0..70 {
        let kind = format!("urn:attestation:{number}");
        let claim = ManifestClaim::attestation(vec![pushed.manifest.digest], &kind, b"{}").unwrap();
        let bundle = seal_manifests(&claim, sealed.key().as_ref(), &Limits::default()).unwrap().to_json();
        attach_signature(&store, &pushed.manifest, &bundle, &kind, MADE).unwrap();
    }
    assert!(signers(&store, &trusting(sealed.public_key())).is_ok());
}

#[test]
fn what_is_there_instead_of_a_model_signature_is_named_and_is_none() {
    let sealed = Sealed::sample();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let manifest = artifact(&store, &files(&sealed));
    let requirements = trusting(sealed.public_key());
    let refused = || signers(&store, &requirements).unwrap_err();
    assert_eq!(refused().code(), "E-NO-SIGNATURE");
    assert!(refused().to_string().ends_with("has no model signature, and nothing else is attached to it"));

    sign(&store, &manifest, manifest.digest, sealed.key());
    sign(&store, &manifest, manifest.digest, &key());
    let claim = ManifestClaim::attestation(vec![manifest.digest], "urn:x", b"{}").unwrap();
    let bundle = seal_manifests(&claim, sealed.key().as_ref(), &Limits::default()).unwrap().to_json();
    attach_signature(&store, &manifest, &bundle, "urn:\u{1b}[2J", MADE).unwrap();
    // As notation writes it: the type is that of the configuration.
    let layer = Descriptor::of("application/jose+json", b"{}");
    let notation = json!({
        "schemaVersion": 2, "mediaType": IMAGE_MANIFEST,
        "config": {
            "mediaType": "application/vnd.cncf.notary.signature", "size": 2,
            "digest": format!("sha256:{}", Sha256Digest::of(EMPTY_CONFIG_BYTES)),
        },
        "layers": [layer], "subject": manifest.plain(),
    });
    store
        .put_blob(&Descriptor::of(EMPTY_CONFIG, EMPTY_CONFIG_BYTES), &EMPTY_CONFIG_BYTES, &NoProgress)
        .unwrap();
    store.put_manifest(IMAGE_MANIFEST, notation.to_string().as_bytes(), None).unwrap();

    assert_eq!(refused().code(), "E-NO-SIGNATURE");
    let text = refused().to_string();
    for part in [
        "a cosign signature of the manifest, 2 times",
        "an attestation (urn:\\u{1b}[2J)",
        "application/vnd.cncf.notary.signature",
        "says nothing about its files",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'));
}

//! Encrypted artifacts: who stands for one is proven before anything is decrypted, and what is in it as always.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod faults;
mod stores;

use std::fs;
use std::num::NonZeroUsize;

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, Limits, ManifestClaim};
use lacre_deliver::{DeliverError, Overwrite, Pulled, examine, reveal};
use lacre_encrypt::{Identities, Recipients};
use lacre_hash::{NoProgress, Sha256Digest};
use lacre_manifest::{Links, Root};
use lacre_publish::{Encrypted, Encryption, PublishError, Signed, prepare};
use lacre_registry_client::{
    Descriptor, EncryptedArtifact, IMAGE_MANIFEST, Layout, Sealing, Store, attach_signature,
};
use lacre_sign::{FileKey, seal_manifests};
use lacre_testkit::{ModelDir, Seal, Sealed, noise, resign};
use lacre_verify::Requirements;

use faults::{Fault, Faulty};
use stores::{assert_is_model, blob, downloads, names, push, tag, trusting, v1, wanted};

const MIB: usize = 1 << 20;

fn model() -> Sealed {
    Seal::of(ModelDir::new().file("a.txt", "a").file("empty", "").file("large.bin", noise(1, 5 * MIB + 1)))
        .sign()
}

/// An encrypted model in a store, by somebody who holds `key`.
struct Scene {
    sealed: Sealed,
    store: Layout,
    identities: Identities,
    pushed: Encrypted,
}

fn signature(key: &FileKey, manifest: &Sha256Digest) -> Vec<u8> {
    let claim = ManifestClaim::signature(vec![*manifest]).unwrap();
    seal_manifests(&claim, key, &Limits::default()).unwrap().to_json()
}

fn encrypt(sealed: &Sealed, store: &Layout, identities: &Identities, key: &FileKey) -> Encrypted {
    let recipients = Recipients::parse(&identities.recipients()).unwrap();
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let inside = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature: inside };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    let sign = |manifest: &Sha256Digest| Ok::<_, PublishError>(signature(key, manifest));
    let spool = sealed.model().beside("spool");
    let encryption = Encryption { recipients: &recipients, spool, sign: &sign };
    prepared.push_encrypted(store, Some(&tag("v1")), encryption, &NoProgress).unwrap()
}

fn scene() -> Scene {
    let sealed = model();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let identities = Identities::generate();
    let pushed = encrypt(&sealed, &store, &identities, sealed.key());
    Scene { sealed, store, identities, pushed }
}

fn copy(identities: &Identities) -> Identities {
    Identities::parse(identities.to_file().as_bytes()).unwrap()
}

/// Pulls `v1` as its recipient.
fn pull(
    sealed: &Sealed,
    store: &dyn Store,
    identities: &Identities,
    requirements: &Requirements,
) -> Result<Pulled, DeliverError> {
    let limits = Limits::default();
    let envelope = reveal(store, &v1(), copy(identities), requirements, &limits)?;
    assert!(!envelope.signers().is_empty());
    let offer = examine(envelope.store(), envelope.target(), requirements, &limits)?;
    offer.at_once(NonZeroUsize::MIN).pull(&wanted(sealed), Overwrite::Refuse, &NoProgress)
}

impl Scene {
    fn pull(&self) -> Result<Pulled, DeliverError> {
        pull(&self.sealed, &self.store, &self.identities, &trusting(self.sealed.public_key()))
    }

    /// The layers of the artifact that `v1` leads to.
    fn layers(&self) -> Vec<Descriptor> {
        let manifest = self.store.manifest(&self.store.resolve(&v1()).unwrap()).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        serde_json::from_value(manifest["layers"].clone()).unwrap()
    }
}

#[track_caller]
fn refused(outcome: Result<Pulled, DeliverError>, code: &str, sealed: &Sealed) -> DeliverError {
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(names(&downloads(sealed)).is_empty());
    error
}

#[test]
fn what_is_pulled_is_what_was_pushed() {
    let scene = scene();
    let pulled = scene.pull().unwrap();
    assert_is_model(&wanted(&scene.sealed), &scene.sealed);
    assert_eq!(pulled.manifest.digest, scene.pushed.inside.manifest.digest);
    assert_ne!(pulled.manifest.digest, scene.pushed.manifest.digest);
    assert_eq!(pulled.moved.fetched, 5 * MIB as u64 + 2);
    // The chunk lists came along: each MiB was judged alone.
    assert_eq!(pulled.model.report().model.as_ref().unwrap().name, "org/mini-lm");
    // Nothing waits anywhere.
    assert!(names(&scene.sealed.model().beside("spool")).is_empty());
}

#[test]
fn nothing_in_the_store_shows_what_is_inside() {
    let scene = scene();
    let inside: Vec<String> =
        stores::files(&scene.sealed).iter().map(|(_, bytes)| Sha256Digest::of(bytes).to_string()).collect();
    let blobs = names(&scene.store.path().join("blobs/sha256"));
    assert!(inside.iter().all(|digest| !blobs.contains(digest)));
    let index = fs::read_to_string(scene.store.path().join("index.json")).unwrap();
    for digest in &blobs {
        let bytes = fs::read(scene.store.path().join("blobs/sha256").join(digest)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for hidden in ["mini-lm", "large.bin", "a.txt", "model_signing"] {
            assert!(!text.contains(hidden) && !index.contains(hidden), "{hidden} in {digest}");
        }
        assert!(inside.iter().all(|hidden| !text.contains(hidden)), "{digest}");
    }
}

#[test]
fn nothing_is_decrypted_before_somebody_trusted_stands_for_it() {
    let scene = scene();
    let stranger = FileKey::generate(scene.sealed.public_key().algorithm()).unwrap();
    let store = Layout::create(&scene.sealed.model().beside("other")).unwrap();
    encrypt(&scene.sealed, &store, &scene.identities, &stranger);
    let trusted = trusting(scene.sealed.public_key());
    // What cannot be decrypted cannot have been: every layer is gone, and the identity is another one.
    let other = Identities::generate();
    let manifest = store.manifest(&store.resolve(&v1()).unwrap()).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        fs::remove_file(blob(&store, Sha256Digest::from_hex(digest).unwrap())).unwrap();
    }
    refused(pull(&scene.sealed, &store, &other, &trusted), "E-SIGNER-UNTRUSTED", &scene.sealed);
    // With its signature trusted, that is what is missing.
    let accepted = trusting(&stranger.public_key().clone());
    refused(pull(&scene.sealed, &store, &other, &accepted), "E-BLOB-MISSING", &scene.sealed);
}

/// Puts the model encrypted into a store, and nobody signs that.
fn unsigned(scene: &Scene, store: &Layout) -> Descriptor {
    let recipients = Recipients::parse(&scene.identities.recipients()).unwrap();
    let root = Root::open(&scene.sealed.path(), Links::Refuse).unwrap();
    let inside = root.locate(&scene.sealed.signature_path());
    let model = Signed { root: &root, bundle: scene.sealed.bundle(), others: &[], signature: inside };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    let sealing = Sealing::new(store, &recipients, scene.sealed.model().beside("spool"));
    prepared.push(&sealing, None, &NoProgress).unwrap();
    let manifest = sealing.finish().unwrap();
    store.tag(&manifest, &tag("v1")).unwrap();
    manifest
}

fn attach(store: &Layout, manifest: &Descriptor, bundle: &[u8], predicate: &str) {
    attach_signature(store, manifest, bundle, predicate, "2026-11-23T03:01:18Z").unwrap();
}

#[test]
fn an_envelope_that_nobody_signed_is_refused() {
    let scene = scene();
    let store = Layout::create(&scene.sealed.model().beside("other")).unwrap();
    let manifest = unsigned(&scene, &store);
    let trusted = trusting(scene.sealed.public_key());
    let pull = || pull(&scene.sealed, &store, &scene.identities, &trusted);
    refused(pull(), "E-NO-MANIFEST-SIGNATURE", &scene.sealed);
    // A signature of the model beside it is none of the envelope.
    attach(&store, &manifest, scene.sealed.bundle(), "https://model_signing/signature/v1.0");
    refused(pull(), "E-NO-MANIFEST-SIGNATURE", &scene.sealed);
    // Nor is it under another name, nor an attestation by the same key, nor a signature over another envelope.
    let other = Seal::of(ModelDir::sample()).key(scene.sealed.key()).name("org/other").sign();
    attach(&store, &manifest, other.bundle(), COSIGN_SIGN_PREDICATE_TYPE);
    refused(pull(), "E-PREDICATE-TYPE", &scene.sealed);
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{{}},"predicateType":"urn:x","subject":[{{"digest":{{"sha256":"{}"}}}}]}}"#,
        manifest.digest
    );
    attach(&store, &manifest, &resign(statement, scene.sealed.key()), COSIGN_SIGN_PREDICATE_TYPE);
    refused(pull(), "E-PREDICATE-TYPE", &scene.sealed);
    let replayed = signature(scene.sealed.key(), &scene.pushed.manifest.digest);
    attach(&store, &manifest, &replayed, COSIGN_SIGN_PREDICATE_TYPE);
    refused(pull(), "E-ARTIFACT-MISMATCH", &scene.sealed);
    // The right one counts, whatever lies beside it.
    let right = signature(scene.sealed.key(), &manifest.digest);
    attach(&store, &manifest, &right, COSIGN_SIGN_PREDICATE_TYPE);
    pull().unwrap();
}

#[test]
fn as_many_signers_as_are_demanded_stand_for_the_envelope() {
    let scene = scene();
    let second = FileKey::generate(scene.sealed.public_key().algorithm()).unwrap();
    let keys = [scene.sealed.public_key().clone(), second.public_key().clone()];
    let trust = lacre_verify::Trust::keys(keys).unwrap().signers(NonZeroUsize::new(2).unwrap());
    let both = Requirements::new(trust);
    let limits = Limits::default();
    let reveal = || reveal(&scene.store, &v1(), copy(&scene.identities), &both, &limits);
    assert_eq!(reveal().unwrap_err().code(), "E-TOO-FEW-SIGNERS");
    let bundle = signature(&second, &scene.pushed.manifest.digest);
    attach(&scene.store, &scene.pushed.manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE);
    let envelope = reveal().unwrap();
    assert_eq!(envelope.signers().len(), 2);
    // The model in it has one signer still.
    let error = examine(envelope.store(), envelope.target(), &both, &limits).err().unwrap();
    assert_eq!(error.code(), "E-TOO-FEW-SIGNERS");
}

#[test]
fn the_model_inside_is_proven_as_always() {
    // Whoever may sign envelopes puts somebody else's model into one.
    let (mut scene, foreign) = (scene(), model());
    scene.store = Layout::create(&scene.sealed.model().beside("other")).unwrap();
    encrypt(&foreign, &scene.store, &scene.identities, scene.sealed.key());
    refused(scene.pull(), "E-SIGNER-UNTRUSTED", &scene.sealed);
    let trusted = trusting(scene.sealed.public_key()).expect_name("org/other");
    encrypt(&scene.sealed, &scene.store, &scene.identities, scene.sealed.key());
    let outcome = pull(&scene.sealed, &scene.store, &scene.identities, &trusted);
    refused(outcome, "E-NAME-MISMATCH", &scene.sealed);
}

#[test]
fn only_recipients_pull() {
    let scene = scene();
    let trusted = trusting(scene.sealed.public_key());
    let outcome = pull(&scene.sealed, &scene.store, &Identities::generate(), &trusted);
    refused(outcome, "E-NOT-RECIPIENT", &scene.sealed);
    let limits = Limits::default();
    let error = examine(&scene.store, &v1(), &trusted, &limits).err().unwrap();
    assert_eq!(error.code(), "E-ENCRYPTED");
    // What is not encrypted is not taken for it: somebody may have wanted to know that it is.
    push(&scene.sealed, &scene.store);
    refused(scene.pull(), "E-ARTIFACT", &scene.sealed);
}

#[test]
fn changed_bytes_are_refused_and_leave_nothing() {
    let scene = scene();
    let layer = scene.layers().into_iter().max_by_key(|layer| layer.size).unwrap();
    let good = fs::read(blob(&scene.store, layer.digest)).unwrap();
    for place in [0, 40, 3 * MIB, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(blob(&scene.store, layer.digest), bad).unwrap();
        refused(scene.pull(), "E-CIPHERTEXT", &scene.sealed);
    }
    fs::write(blob(&scene.store, layer.digest), good).unwrap();
    scene.pull().unwrap();
}

#[test]
fn a_manifest_with_other_layers_is_not_the_signed_one() {
    let scene = scene();
    let manifest = scene.store.resolve(&v1()).unwrap();
    let text = scene.store.manifest(&manifest).unwrap();
    assert!(EncryptedArtifact::is_one(&text).unwrap());
    let mut value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    value["layers"].as_array_mut().unwrap().swap(1, 2);
    let swapped = serde_json::to_vec(&value).unwrap();
    scene.store.put_manifest(IMAGE_MANIFEST, &swapped, Some(&tag("v1"))).unwrap();
    refused(scene.pull(), "E-NO-MANIFEST-SIGNATURE", &scene.sealed);
}

#[test]
fn a_pull_that_broke_off_goes_on() {
    let scene = scene();
    let store = Faulty::new(Layout::open(scene.store.path()).unwrap());
    let trusted = trusting(scene.sealed.public_key());
    store.next(Fault::CutOff { after: 3 * MIB as u64 });
    store.always(Fault::CutOff { after: 0 });
    let error = pull(&scene.sealed, &store, &scene.identities, &trusted).unwrap_err();
    assert_eq!(error.code(), "E-UNREADABLE", "{error}");
    store.always(Fault::None);
    let pulled = pull(&scene.sealed, &store, &scene.identities, &trusted).unwrap();
    assert_is_model(&wanted(&scene.sealed), &scene.sealed);
    // Of what came, the last group was not whole; one byte in front of it is the head.
    assert_eq!(pulled.moved.resumed, 2 * MIB as u64 + 1);
    assert_eq!(pulled.moved.fetched, 3 * MIB as u64 + 1);
}

#[test]
fn a_group_that_came_changed_is_fetched_again() {
    let scene = scene();
    let store = Faulty::new(Layout::open(scene.store.path()).unwrap());
    store.next(Fault::Flip { at: 2 * MIB as u64 + 70_000 });
    let pulled =
        pull(&scene.sealed, &store, &scene.identities, &trusting(scene.sealed.public_key())).unwrap();
    assert_is_model(&wanted(&scene.sealed), &scene.sealed);
    assert_eq!(pulled.moved.fetched, 5 * MIB as u64 + 2);
}

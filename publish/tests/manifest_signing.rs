//! What is said of a manifest itself: signed once, attached before the tag moves, found again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod stores;

use std::fs;
use std::sync::Mutex;

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, KeyAlgorithm, Limits, ManifestClaim};
use lacre_hash::{NoProgress, Progress, Sha256Digest};
use lacre_manifest::{Links, Root};
use lacre_publish::{Evidence, Pushed, Signed, Wanted, attach, find, pin, prepare};
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, BlobContent, BlobReader, Descriptor, Layout, Presence, Put, RegistryError, Store,
    Tag, Target,
};
use lacre_sign::{FileKey, Signer, seal_manifests};
use lacre_testkit::{Forge, Sealed, edit_bundle, tamper};

use stores::{blob, store, tag, target};

fn key() -> FileKey {
    FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
}

fn payload(manifest: &Descriptor) -> Vec<u8> {
    ManifestClaim::signature(vec![manifest.digest]).unwrap().to_statement(&Limits::default()).unwrap()
}

fn bundle(manifest: &Descriptor, key: &FileKey) -> Vec<u8> {
    let claim = ManifestClaim::signature(vec![manifest.digest]).unwrap();
    seal_manifests(&claim, key, &Limits::default()).unwrap().to_json()
}

/// Looks for a signature of the manifest by `key`.
fn found(
    store: &Layout,
    manifest: &Descriptor,
    signer: &dyn Signer,
    evidence: Evidence,
) -> Option<Descriptor> {
    let payload = payload(manifest);
    let wanted = Wanted { payload: &payload, predicate_type: COSIGN_SIGN_PREDICATE_TYPE, signer, evidence };
    find(store, manifest, &wanted).unwrap().map(|found| {
        assert!(found.existed);
        found.signature
    })
}

fn push(sealed: &Sealed, store: &Layout, key: &FileKey) -> Pushed {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    let bundle = bundle(&prepared.manifest(), key);
    prepared.with_manifest_signature(bundle).push(store, Some(&tag("v1")), &NoProgress).unwrap()
}

#[test]
fn a_pushed_manifest_is_signed_and_the_signature_is_found_again() {
    let sealed = Sealed::sample();
    let (store, key) = (store(&sealed), key());
    let pushed = push(&sealed, &store, &key);
    let attached = pushed.manifest_signature.unwrap();
    assert!(!attached.existed);
    assert_eq!(found(&store, &pushed.manifest, &key, Evidence::Any), Some(attached.signature.clone()));
    let listed = store.referrers(&pushed.manifest.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap();
    let mine = listed.iter().find(|it| it.digest == attached.signature.digest).unwrap();
    assert_eq!(mine.announced_predicate(), Some(COSIGN_SIGN_PREDICATE_TYPE));
    assert_eq!(store.resolve(&target("v1")).unwrap().digest, pushed.manifest.digest);
}

#[test]
fn only_the_same_statement_by_the_same_key_is_the_wanted_one() {
    let sealed = Sealed::sample();
    let (store, key) = (store(&sealed), key());
    let pushed = stores::push(&sealed, &store).unwrap();
    let manifest = &pushed.manifest;
    let wanted = || found(&store, manifest, &key, Evidence::Any);
    let put = |bundle: &[u8]| attach(&store, manifest, bundle, COSIGN_SIGN_PREDICATE_TYPE).unwrap();
    assert_eq!(wanted(), None, "the model's signature is none of the manifest");

    put(&bundle(manifest, &self::key()));
    let good = bundle(manifest, &key);
    // Whoever can write to the store can write all of this.
    put(&edit_bundle(&good, |bundle| bundle["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA".into()));
    put(&Forge::new(payload(manifest), &key).cosign_hint().signature(b"no signature").to_json());
    put(&Forge::new(b"{}", &key).cosign_hint().to_json());
    put(&Forge::new([payload(manifest), b"\n".to_vec()].concat(), &key).cosign_hint().to_json());
    put(&Forge::new(payload(manifest), &key).hint("somebody").to_json());
    put(b"no bundle");
    assert_eq!(wanted(), None);

    let attached = put(&good);
    assert_eq!(wanted(), Some(attached.signature.clone()));
    assert_eq!(found(&store, manifest, &key, Evidence::Timestamp), None, "it has no timestamp");
    // Attached under another type it is not where cosign looks for it.
    let elsewhere = self::key();
    attach(&store, manifest, &bundle(manifest, &elsewhere), "urn:other").unwrap();
    assert_eq!(found(&store, manifest, &elsewhere, Evidence::Any), None);
    // What is listed and was lost is no longer there.
    tamper::remove(&blob(&store, Sha256Digest::of(&good)));
    assert_eq!(wanted(), None);
    assert!(put(&good).existed, "listed, and mended");
    assert_eq!(wanted(), Some(attached.signature));
}

#[test]
fn the_same_bundle_is_attached_once() {
    let sealed = Sealed::sample();
    let (store, key) = (store(&sealed), key());
    let pushed = stores::push(&sealed, &store).unwrap();
    let bundle = bundle(&pushed.manifest, &key);
    let first = attach(&store, &pushed.manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE).unwrap();
    let again = attach(&store, &pushed.manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE).unwrap();
    assert_eq!((first.existed, again.existed), (false, true));
    assert_eq!(first.signature.digest, again.signature.digest);
}

#[test]
fn a_tag_is_resolved_once_and_what_is_not_there_is_not_pinned() {
    let sealed = Sealed::sample();
    let store = store(&sealed);
    let pushed = stores::push(&sealed, &store).unwrap();
    for wanted in [target("v1"), Target::Only, Target::Digest(pushed.manifest.digest)] {
        assert_eq!(pin(&store, &wanted).unwrap().digest, pushed.manifest.digest);
    }
    assert_eq!(pin(&store, &target("v2")).unwrap_err().code(), "E-REFERENCE-NOT-FOUND");
    let manifest = blob(&store, pushed.manifest.digest);
    tamper::flip(&manifest, 5);
    assert_eq!(pin(&store, &target("v1")).unwrap_err().code(), "E-BLOB-DIGEST");
    fs::remove_file(&manifest).unwrap();
    assert!(pin(&store, &target("v1")).is_err());
}

/// A store that notes what is done to it.
struct Noting<'a> {
    store: &'a Layout,
    done: Mutex<Vec<String>>,
}

impl Noting<'_> {
    fn note(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }
}

impl Store for Noting<'_> {
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError> {
        self.store.resolve(target)
    }

    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError> {
        self.store.tags()
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError> {
        self.store.blob(descriptor)
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError> {
        self.store.has_blob(descriptor)
    }

    fn put_blob(
        &self,
        descriptor: &Descriptor,
        content: &dyn BlobContent,
        progress: &dyn Progress,
    ) -> Result<Put, RegistryError> {
        self.store.put_blob(descriptor, content, progress)
    }

    fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Descriptor, RegistryError> {
        let text = String::from_utf8_lossy(bytes);
        let kinds = [COSIGN_SIGN_PREDICATE_TYPE, "https://model_signing/signature/v1.0"];
        let kind = kinds.iter().find(|kind| text.contains(**kind)).copied().unwrap_or("the model");
        self.note(kind.to_owned());
        self.store.put_manifest(media_type, bytes, tag)
    }

    fn tag(&self, descriptor: &Descriptor, tag: &Tag) -> Result<(), RegistryError> {
        self.note(format!("the tag {tag}"));
        self.store.tag(descriptor, tag)
    }

    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        self.store.referrers(subject, artifact_type)
    }
}

#[test]
fn whoever_finds_the_tag_finds_the_signature_of_the_manifest() {
    let sealed = Sealed::sample();
    let (layout, key) = (store(&sealed), key());
    let noting = Noting { store: &layout, done: Mutex::default() };
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    let bundle = bundle(&prepared.manifest(), &key);
    prepared.with_manifest_signature(bundle).push(&noting, Some(&tag("v1")), &NoProgress).unwrap();
    let done = noting.done.into_inner().unwrap();
    let order =
        ["the model", "https://model_signing/signature/v1.0", COSIGN_SIGN_PREDICATE_TYPE, "the tag v1"];
    assert_eq!(done, order);
}

//! Signing what a layout holds, from its manifest alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod stores;

use std::fs;

use lacre_attest::{Bundle, Inspection, KeyAlgorithm, Limits, ModelClaim, Statement};
use lacre_publish::Listed;
use lacre_registry_client::{BUNDLE_ARTIFACT_TYPE, Store as _, Target};
use lacre_sign::FileKey;
use lacre_testkit::Sealed;

fn read(sealed: &Sealed, target: &Target) -> Result<Listed, &'static str> {
    Listed::read(&stores::store(sealed), target, "org/other", Some("2.0.0".to_owned()))
        .map_err(|error| error.code())
}

fn claim_of(bundle: &[u8]) -> ModelClaim {
    let limits = Limits::default();
    let bundle = Bundle::parse(bundle, &limits).unwrap();
    ModelClaim::from_statement(&Statement::parse(bundle.envelope().payload(), &limits).unwrap()).unwrap()
}

#[test]
fn the_claim_is_what_the_manifest_says_and_nobody_looked() {
    let sealed = Sealed::sample();
    let store = stores::store(&sealed);
    let pushed = stores::push(&sealed, &store).unwrap();
    // Not a byte of the content is needed.
    for entry in fs::read_dir(store.path().join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name != pushed.manifest.digest.to_string() && !sealed_referrer(&store, &name) {
            fs::remove_file(path).unwrap();
        }
    }
    let listed = read(&sealed, &Target::Digest(pushed.manifest.digest)).unwrap();
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let bundle = listed.seal(&key, &Limits::default()).unwrap().to_json();
    let claim = claim_of(&bundle);
    assert_eq!((claim.name(), claim.version()), ("org/other", Some("2.0.0")));
    assert_eq!(claim.inspection(), Inspection::NotInspected);
    let hashed = claim_of(sealed.bundle());
    assert_eq!(hashed.inspection(), Inspection::Inspected);
    for (found, hashed) in claim.manifest().entries().iter().zip(hashed.manifest().entries()) {
        assert_eq!((&found.path, found.size, found.sha256()), (&hashed.path, hashed.size, hashed.sha256()));
        assert_eq!(found.blake3(), None);
    }
    assert_eq!(claim.manifest().len(), hashed.manifest().len());
}

/// Whether a blob is the manifest of a referrer: those are listed, and so they must be there.
fn sealed_referrer(store: &lacre_registry_client::Layout, name: &str) -> bool {
    fs::read_to_string(store.path().join("index.json")).unwrap().contains(name)
}

#[test]
fn it_is_attached_once() {
    let sealed = Sealed::sample();
    let store = stores::store(&sealed);
    let pushed = stores::push(&sealed, &store).unwrap();
    let listed = read(&sealed, &Target::Digest(pushed.manifest.digest)).unwrap();
    let bundle = listed.seal(&**sealed.key(), &Limits::default()).unwrap().to_json();
    let first = listed.attach(&store, &bundle).unwrap();
    let again = listed.attach(&store, &bundle).unwrap();
    assert_eq!((first.existed, again.existed), (false, true));
    assert_eq!(first.signature, again.signature);
    assert_eq!(store.referrers(&pushed.manifest.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap().len(), 2);
}

#[test]
fn only_a_digest_names_what_is_signed() {
    let sealed = Sealed::sample();
    let pushed = stores::push(&sealed, &stores::store(&sealed)).unwrap();
    assert_eq!(read(&sealed, &stores::target("v1")).err(), Some("E-USAGE"));
    assert_eq!(read(&sealed, &Target::Only).err(), Some("E-USAGE"));
    let config = sealed_config(&sealed, &pushed.manifest.digest.to_string());
    assert!(read(&sealed, &Target::Digest(config.parse().unwrap())).is_err(), "a blob is no manifest");
}

fn sealed_config(sealed: &Sealed, manifest: &str) -> String {
    let store = stores::store(sealed);
    let text = fs::read_to_string(store.path().join("blobs/sha256").join(manifest)).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest["config"]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned()
}

//! What every store does, done by a registry.

use std::io::Read as _;

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_registry_client::{
    Descriptor, IMAGE_MANIFEST, ModelArtifact, Presence, Put, RegistryError, Store, Tag, Target,
};
use lacre_testkit::registry::{Fault, Lie, On, Registry};

use crate::bench::{MIB, REPOSITORY, at, bytes, client, described, held, send};
use crate::models::{self, attach, code, push, put_blobs, signatures, tag, target};

#[test]
fn a_model_goes_there_and_comes_back() {
    let registry = Registry::start();
    let weights = bytes(1, 3 * MIB);
    let files: &[(&str, &[u8])] = &[("empty", b""), ("model.safetensors", &weights)];
    let pushed = push(&client(&registry), files, Some(&tag("v1")));
    let store = client(&registry);
    let found = store.resolve(&target("v1")).unwrap();
    assert_eq!(found, pushed);
    assert_eq!(store.resolve(&Target::Digest(pushed.digest)).unwrap(), pushed);
    assert_eq!(store.resolve(&Target::Only).unwrap(), pushed);
    let artifact = ModelArtifact::parse(&store.manifest(&found).unwrap()).unwrap();
    for layer in &artifact.layers {
        let (_, expected) = files.iter().find(|(path, _)| *path == layer.path.as_str()).unwrap();
        let mut got = Vec::new();
        store.blob(&layer.descriptor).unwrap().read_to_end(&mut got).unwrap();
        assert!(got == *expected, "{}", layer.path);
        assert_eq!(store.has_blob(&layer.descriptor).unwrap(), Presence::Present);
    }
    assert_eq!(store.tags().unwrap(), [(tag("v1"), pushed)]);
}

#[test]
fn the_second_push_moves_no_blob() {
    let registry = Registry::start();
    let files: &[(&str, &[u8])] = &[("a", b"one"), ("b", b"two")];
    push(&client(&registry), files, Some(&tag("v1")));
    registry.forget();
    push(&client(&registry), files, Some(&tag("v1")));
    assert!(registry.seen_at("POST", "").is_empty(), "no upload is begun");
    assert_eq!(registry.seen_at("HEAD", "/blobs/").len(), 3);
    assert_eq!(send(&client(&registry), b"one").unwrap(), Put::Existed);
    assert_eq!(send(&client(&registry), b"three").unwrap(), Put::Written);
}

#[test]
fn what_is_not_there_is_said() {
    let registry = Registry::start();
    let store = client(&registry);
    let none = described(b"nowhere");
    assert_eq!(code(store.resolve(&target("v1"))), "E-REFERENCE-NOT-FOUND");
    assert_eq!(code(store.resolve(&Target::Only)), "E-REFERENCE-NOT-FOUND");
    assert_eq!(code(store.resolve(&Target::Digest(none.digest))), "E-REFERENCE-NOT-FOUND");
    assert_eq!(code(store.blob(&none).map(drop)), "E-BLOB-MISSING");
    assert_eq!(code(store.manifest(&none)), "E-BLOB-MISSING");
    assert_eq!(code(store.small_blob(&none, 100)), "E-BLOB-MISSING");
    assert_eq!(store.has_blob(&none).unwrap(), Presence::Absent);
    assert_eq!(code(store.tag(&none, &tag("v1"))), "E-BLOB-MISSING");
    let one = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let error = store.resolve(&target("v2")).unwrap_err();
    assert!(matches!(&error, RegistryError::TagNotFound { tags, .. } if tags == &["v1"]), "{error}");
    push(&store, &[("a", b"y")], Some(&tag("v2")));
    let error = store.resolve(&Target::Only).unwrap_err();
    assert_eq!(error.code(), "E-REFERENCE");
    assert!(error.to_string().contains("v1, v2"), "{error}");
    // The tags of attachments are not those of models.
    let other = client(&registry);
    attach(&other, &one, b"bundle");
    assert_eq!(code(other.resolve(&Target::Only)), "E-REFERENCE");
}

#[test]
fn a_manifest_follows_its_blobs() {
    let registry = Registry::start();
    let store = client(&registry);
    let built = models::model(&[("a", b"x")]);
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, &built.manifest, None)), "E-BLOB-MISSING");
    assert!(registry.seen_at("PUT", "/manifests/").is_empty());
    put_blobs(&store, &[("a", b"x")]);
    let one = store.put_manifest(IMAGE_MANIFEST, &built.manifest, None).unwrap();
    assert_eq!(registry.tags(REPOSITORY), []);
    store.tag(&one, &tag("v1")).unwrap();
    assert_eq!(store.resolve(&target("v1")).unwrap().digest, one.digest);
    assert_eq!(code(store.put_manifest("x/y", &built.manifest, None)), "E-UNSUPPORTED");
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, b"{}", None)), "E-JSON");
    let large = vec![b' '; 4 * MIB + 1];
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, &large, None)), "E-LIMIT");
}

#[test]
fn what_is_not_the_blob_is_never_taken_for_it() {
    let registry = Registry::start();
    let store = client(&registry);
    let content = bytes(2, 2 * MIB + 3);
    let descriptor = described(&content);
    let mut other = content.clone();
    *other.last_mut().unwrap() ^= 1;
    for wrong in [&other[..], &content[1..], &[&content[..], b"+"].concat()] {
        assert_eq!(code(store.put_blob(&descriptor, &wrong, &NoProgress)), "E-BLOB-DIGEST");
    }
    registry.settle();
    assert_eq!(held(&registry, &content), None);
    // The registry never had all the bytes that it was promised, and keeps nothing.
    assert!(registry.seen_at("PUT", "/blobs/uploads/").iter().all(|seen| seen.status.is_none()));
    assert_eq!(registry.open_uploads(), 0);
    let missing = || std::fs::File::open("/nonexistent");
    assert_eq!(code(store.put_blob(&descriptor, &missing, &NoProgress)), "E-UNREADABLE");
}

#[test]
fn parts_of_a_blob_are_had_alone() {
    let registry = Registry::start();
    let content = bytes(3, 100_000);
    registry.put_blob(REPOSITORY, &content);
    let (store, descriptor) = (client(&registry), described(&content));
    for range in [0..10, 5..6, 99_990..100_000, 0..100_000, 99_990..200_000, 7..7, 200_000..300_000] {
        let mut got = Vec::new();
        store.blob_range(&descriptor, range.clone()).unwrap().read_to_end(&mut got).unwrap();
        let (start, end) = (range.start.min(100_000) as usize, range.end.min(100_000) as usize);
        assert!(got == content[start..end], "{range:?}");
    }
    let sent = registry.seen_at("GET", "/blobs/").iter().filter(|seen| seen.status == Some(206)).count();
    assert_eq!(sent, 4);
}

#[test]
fn a_manifest_is_what_its_digest_says() {
    let registry = Registry::start();
    let one = push(&client(&registry), &[("a", b"x")], Some(&tag("v1")));
    let get = || On::method("GET").at("/manifests/");
    for lie in [Lie::Flipped { at: 3 }, Lie::Lengthened { by: 1 }, Lie::Shortened { by: 1 }] {
        registry.fault(get(), Fault::Body(lie));
        assert_eq!(code(client(&registry).manifest(&one)), "E-BLOB-DIGEST");
        assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-BLOB-DIGEST");
        registry.clear_faults();
    }
    // Without the registry's word for it, a tag is whatever lies there; a digest is not.
    registry.fault(get(), Fault::Without("docker-content-digest"));
    registry.fault(get(), Fault::Body(Lie::Other(b"{\"schemaVersion\":2}".to_vec())));
    assert_eq!(code(client(&registry).resolve(&Target::Digest(one.digest))), "E-BLOB-DIGEST");
    assert_eq!(code(client(&registry).manifest(&one)), "E-BLOB-DIGEST");
}

/// CVE-2023-33959, GHSA-xhg5-42rf-296r: a registry served another artifact than the one that was verified.
#[test]
fn cve_2023_33959_a_tag_is_resolved_once() {
    let registry = Registry::start();
    let store = client(&registry);
    let good = push(&store, &[("a", b"good")], Some(&tag("v1")));
    let evil = push(&store, &[("a", b"evil")], None);
    registry.swap_tag(REPOSITORY, "v1", 1, &format!("sha256:{}", evil.digest));
    let store = client(&registry);
    let found = store.resolve(&target("v1")).unwrap();
    assert_eq!(found.digest, good.digest);
    let manifest = store.manifest(&found).unwrap();
    assert_eq!(Sha256Digest::of(&manifest), good.digest);
    assert_eq!(client(&registry).resolve(&target("v1")).unwrap().digest, evil.digest);
}

#[test]
fn every_reader_of_one_repository_sees_the_same() {
    let registry = Registry::start();
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let (referrer, put) = attach(&store, &subject, b"bundle");
    assert_eq!(put, Put::Written);
    assert_eq!(attach(&client(&registry), &subject, b"bundle").1, Put::Existed);
    assert_eq!(signatures(&client(&registry), &subject), [referrer.digest]);
    let elsewhere: Descriptor = push(&store, &[("a", b"y")], None);
    assert!(signatures(&client(&registry), &elsewhere).is_empty());
}

#[test]
fn nobody_there_is_a_failure_of_the_network() {
    // Port 1 of this machine: nobody listens, and nobody can be made to by accident.
    let store = at("127.0.0.1:1");
    let error = store.resolve(&Target::Tag(Tag::parse("v1").unwrap())).unwrap_err();
    assert_eq!(error.code(), "E-NETWORK");
    assert!(error.to_string().starts_with("127.0.0.1:1: GET /v2/org/m/manifests/v1: "), "{error}");
}

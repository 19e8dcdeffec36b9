//! Registries without the referrers API: an index that everybody rewrites, and nothing gets lost in it.

use std::thread;

use lacre_hash::Sha256Digest;
use lacre_registry_client::{BUNDLE_ARTIFACT_TYPE, Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, Store};
use lacre_testkit::registry::{Dangling, Etags, Fault, On, Referrers, Registry};

use crate::bench::{REPOSITORY, client, registry};
use crate::models::{attach, code, push, signatures, tag};

fn bare(etags: Etags) -> Registry {
    registry(|rules| {
        rules.referrers = Referrers::Absent;
        rules.etags = etags;
    })
}

fn index(registry: &Registry, subject: &Descriptor) -> serde_json::Value {
    let wanted = format!("sha256-{}", subject.digest);
    let (_, digest) = registry.tags(REPOSITORY).into_iter().find(|(tag, _)| *tag == wanted).unwrap();
    serde_json::from_slice(&registry.manifest(REPOSITORY, &digest).unwrap()).unwrap()
}

fn listed(registry: &Registry, subject: &Descriptor) -> Vec<String> {
    let index = index(registry, subject);
    let entries = index["manifests"].as_array().unwrap();
    let mut digests: Vec<_> =
        entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    digests.sort();
    digests
}

#[test]
fn the_index_is_what_the_specification_wants() {
    let registry = bare(Etags::Unknown);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let (one, _) = attach(&store, &subject, b"one");
    let (two, _) = attach(&store, &subject, b"two");
    let index = index(&registry, &subject);
    assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&2.into(), &IMAGE_INDEX.into()));
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    for (entry, referrer) in entries.iter().zip([&one, &two]) {
        assert_eq!(entry["mediaType"], IMAGE_MANIFEST);
        assert_eq!(entry["artifactType"], BUNDLE_ARTIFACT_TYPE);
        assert_eq!(entry["digest"], format!("sha256:{}", referrer.digest));
        assert_eq!(entry["size"], referrer.size);
        assert_eq!(entry["annotations"], serde_json::to_value(&referrer.annotations).unwrap());
    }
}

#[test]
fn what_others_attached_stays() {
    let registry = bare(Etags::Unknown);
    registry.rules(|rules| rules.dangling = Dangling::Taken);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let foreign = serde_json::json!({
        "mediaType": "application/vnd.example+json", "digest": format!("sha512:{}", "a".repeat(128)), "size": 7,
        "annotations": { "k": "v" },
    });
    let old = serde_json::json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [foreign] });
    let digest = registry.put_manifest(REPOSITORY, IMAGE_INDEX, &serde_json::to_vec(&old).unwrap());
    registry.tag(REPOSITORY, &format!("sha256-{}", subject.digest), &digest);
    let (one, _) = attach(&store, &subject, b"one");
    let entries = index(&registry, &subject)["manifests"].clone();
    assert_eq!(entries[0], foreign);
    assert_eq!(signatures(&client(&registry), &subject), [one.digest]);
}

#[test]
fn a_tag_that_is_no_index_is_left_alone() {
    let registry = bare(Etags::Unknown);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    store.tag(&subject, &tag(&format!("sha256-{}", subject.digest))).unwrap();
    assert_eq!(code(store.referrers(&subject.digest, None)), "E-REGISTRY");
    let built = lacre_registry_client::build_signature_referrer(&subject, b"one", "p", "t");
    store.put_blob(&built.config_descriptor, &b"{}".as_slice(), &lacre_hash::NoProgress).unwrap();
    store.put_blob(&built.bundle_descriptor, &b"one".as_slice(), &lacre_hash::NoProgress).unwrap();
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, &built.manifest, None)), "E-REGISTRY");
}

/// Ten writers at once, each with a client of its own, as ten processes have them.
fn ten_at_once(registry: &Registry) {
    let subject = push(&client(registry), &[("a", b"x")], Some(&tag("v1")));
    let mut all: Vec<Sha256Digest> = thread::scope(|scope| {
        let writers: Vec<_> = (0..10_u8)
            .map(|number| {
                let subject = &subject;
                scope.spawn(move || attach(&client(registry), subject, &[number]).0.digest)
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    all.sort();
    assert_eq!(signatures(&client(registry), &subject), all);
    let digests: Vec<_> = all.iter().map(|digest| format!("sha256:{digest}")).collect();
    assert_eq!(listed(registry, &subject), digests, "everybody else sees them all, too");
}

#[test]
fn ten_attesters_at_once_lose_nothing() {
    for etags in [Etags::Unknown, Etags::Sent, Etags::Honoured] {
        ten_at_once(&bare(etags));
    }
}

#[test]
fn somebody_else_overwrites_the_index_and_the_next_attachment_mends_it() {
    let registry = bare(Etags::Unknown);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let (one, _) = attach(&store, &subject, b"one");
    // A writer that read the index before ours, and wrote it after.
    let empty = serde_json::json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [] });
    let digest = registry.put_manifest(REPOSITORY, IMAGE_INDEX, &serde_json::to_vec(&empty).unwrap());
    registry.tag(REPOSITORY, &format!("sha256-{}", subject.digest), &digest);
    assert_eq!(signatures(&client(&registry), &subject), [one.digest], "its own tag has not moved");
    let (two, _) = attach(&store, &subject, b"two");
    let mut both = [format!("sha256:{}", one.digest), format!("sha256:{}", two.digest)];
    both.sort();
    assert_eq!(listed(&registry, &subject), both);
}

#[test]
fn a_registry_that_lists_no_tags_has_its_index() {
    let registry = bare(Etags::Unknown);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    registry.fault(On::method("GET").at("/tags/list"), Fault::status(405));
    let (one, _) = attach(&store, &subject, b"one");
    assert_eq!(signatures(&client(&registry), &subject), [one.digest]);
    registry.clear_faults();
    // But one that is too busy to list them has not said that there are none.
    registry.fault(On::method("GET").at("/tags/list"), Fault::status(503));
    assert_eq!(code(client(&registry).referrers(&subject.digest, None)), "E-REGISTRY");
}

#[test]
fn a_condition_that_fails_is_no_failure() {
    let registry = bare(Etags::Honoured);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    attach(&store, &subject, b"one");
    let tag = format!("/manifests/sha256-{}", subject.digest);
    registry.forget();
    registry.fault(On::method("PUT").at(&tag).nth(2), Fault::status(412));
    attach(&store, &subject, b"two");
    assert_eq!(listed(&registry, &subject).len(), 2);
    let conditions: Vec<_> = registry
        .seen_at("PUT", &tag)
        .iter()
        .filter(|seen| !seen.target.contains(".lacre-"))
        .map(|seen| seen.header("if-match").is_some())
        .collect();
    assert!(conditions.len() >= 2 && conditions.iter().all(|&set| set), "{conditions:?}");
}

/// Whoever can write to the repository can make any number of tags.
#[test]
fn countless_tags_of_referrers_are_not_all_looked_at() {
    let registry = bare(Etags::Unknown);
    let store = client(&registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let (one, _) = attach(&store, &subject, b"one");
    for number in 0..1001 {
        let tag = format!("sha256-{}.lacre-{number:032x}", subject.digest);
        registry.tag(REPOSITORY, &tag, &format!("sha256:{}", subject.digest));
    }
    registry.forget();
    assert_eq!(code(client(&registry).referrers(&subject.digest, None)), "E-LIMIT");
    assert!(registry.seen_at("GET", "/manifests/").len() <= 1002);
    // So many are looked at, and those that are none are passed over.
    let swept: Vec<String> = registry.tags(REPOSITORY).into_iter().map(|(tag, _)| tag).collect();
    for tag in swept.iter().filter(|tag| tag.contains(".lacre-00000000000000000000000000")).skip(500) {
        registry.untag(REPOSITORY, tag);
    }
    assert_eq!(signatures(&client(&registry), &subject), [one.digest]);
}

//! Who refers to a manifest, by the referrers API: found, filtered, counted, and never "nobody" by mistake.

use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, MODEL_ARTIFACT_TYPE, RegistryError, Store,
};
use lacre_testkit::registry::{Dangling, Fault, Filter, Lie, On, Pages, Referrers, Registry, SubjectHeader};

use crate::bench::{REPOSITORY, client, registry};
use crate::models::{attach, code, push, signatures, tag};

/// A model with so many signatures.
fn signed(registry: &Registry, count: u8) -> (Descriptor, Vec<lacre_hash::Sha256Digest>) {
    let store = client(registry);
    let subject = push(&store, &[("a", b"x")], Some(&tag("v1")));
    let mut all: Vec<_> = (0..count).map(|number| attach(&store, &subject, &[number]).0.digest).collect();
    all.sort();
    (subject, all)
}

fn all(registry: &Registry, subject: &Descriptor) -> Result<Vec<Descriptor>, RegistryError> {
    client(registry).referrers(&subject.digest, Some(BUNDLE_ARTIFACT_TYPE))
}

#[test]
fn the_filter_is_applied_whoever_else_says_so() {
    for filter in [Filter::Applied, Filter::Ignored, Filter::Claimed] {
        let registry = registry(|rules| rules.filter = filter);
        let (subject, signed) = signed(&registry, 2);
        assert_eq!(signatures(&client(&registry), &subject), signed);
        let store = client(&registry);
        assert!(
            store.referrers(&subject.digest, Some(MODEL_ARTIFACT_TYPE)).unwrap().is_empty(),
            "{filter:?}"
        );
        assert_eq!(store.referrers(&subject.digest, None).unwrap().len(), 2);
    }
}

#[test]
fn all_pages_are_read() {
    let registry = registry(|rules| rules.pages = Pages::Of(2));
    let (subject, signed) = signed(&registry, 5);
    assert_eq!(signatures(&client(&registry), &subject), signed);
}

/// CVE-2023-46737, GHSA-vfp6-jrw2-99g9; CVE-2023-33957, CVE-2023-33958: endless attestations and signatures.
#[test]
fn cve_2023_46737_and_cve_2023_33957_endless_referrers_end() {
    for pages in [Pages::Endless(1), Pages::Circle(1)] {
        let registry = Registry::start();
        let (subject, _) = signed(&registry, 3);
        registry.rules(|rules| rules.pages = pages);
        registry.forget();
        assert_eq!(code(all(&registry, &subject)), "E-LIMIT", "{pages:?}");
        assert_eq!(registry.seen_at("GET", "/referrers/").len(), 100);
    }
    // Pages that are few and large are as bad: a hundred of them would have 400 MiB.
    let registry = Registry::start();
    let (subject, _) = signed(&registry, 3);
    registry.rules(|rules| rules.pages = Pages::Endless(1));
    let entry = serde_json::json!({
        "mediaType": IMAGE_MANIFEST, "artifactType": BUNDLE_ARTIFACT_TYPE, "size": 100,
        "digest": format!("sha256:{}", "0".repeat(64)), "annotations": { "long": "x".repeat(4_000_000) },
    });
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry] });
    registry.fault(On::any().at("/referrers/"), Fault::Body(Lie::Other(serde_json::to_vec(&index).unwrap())));
    registry.forget();
    assert_eq!(code(all(&registry, &subject)), "E-LIMIT");
    assert_eq!(registry.seen_at("GET", "/referrers/").len(), 9);
    // Many on one page are as many.
    let registry = Registry::start();
    let (subject, _) = signed(&registry, 1);
    let entry = |number: u32| {
        serde_json::json!({
            "mediaType": IMAGE_MANIFEST, "artifactType": BUNDLE_ARTIFACT_TYPE, "size": 100,
            "digest": format!("sha256:{number:064x}"),
        })
    };
    let entries: Vec<_> = (0..1001).map(entry).collect();
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries });
    registry.fault(On::any().at("/referrers/"), Fault::Body(Lie::Other(serde_json::to_vec(&index).unwrap())));
    registry.forget();
    assert_eq!(code(all(&registry, &subject)), "E-LIMIT");
    assert_eq!(registry.seen().iter().filter(|seen| seen.target.contains("/manifests/")).count(), 0);
}

/// What oci-client 0.18.0 does: a fallback tag that is refused, or asked for too often, counts as "nobody signed".
#[test]
fn oci_client_fails_open_and_here_a_refusal_is_never_taken_for_nobody() {
    for (place, api) in [("/referrers/", Referrers::Served), ("/manifests/sha256-", Referrers::Absent)] {
        let registry = registry(|rules| rules.referrers = api);
        let (subject, signed) = signed(&registry, 1);
        for (status, expected) in [
            (401, "E-AUTH"),
            (403, "E-DENIED"),
            (429, "E-REGISTRY"),
            (400, "E-REGISTRY"),
            (405, "E-REGISTRY"),
            (500, "E-REGISTRY"),
            (501, "E-REGISTRY"),
            (503, "E-REGISTRY"),
        ] {
            registry.fault(On::method("GET").at(place), Fault::status(status));
            let error = all(&registry, &subject).unwrap_err();
            // Without a challenge, 401 says nothing that could be answered.
            let expected = if status == 401 { "E-CHALLENGE" } else { expected };
            assert_eq!(error.code(), expected, "{place}: {status}: {error}");
            registry.clear_faults();
        }
        for fault in [Fault::HangUp, Fault::html(200), Fault::Body(Lie::Shortened { by: 3 })] {
            registry.fault(On::method("GET").at(place), fault.clone());
            assert!(all(&registry, &subject).is_err(), "{place}: {fault:?}");
            registry.clear_faults();
        }
        assert_eq!(signatures(&client(&registry), &subject), signed, "{place}");
    }
}

#[test]
fn none_are_none_with_and_without_the_api() {
    for referrers in [Referrers::Served, Referrers::Absent] {
        let registry = registry(|rules| rules.referrers = referrers);
        let subject = push(&client(&registry), &[("a", b"x")], Some(&tag("v1")));
        assert!(all(&registry, &subject).unwrap().is_empty());
    }
}

#[test]
fn what_is_listed_speaks_for_itself() {
    let registry = registry(|rules| rules.dangling = Dangling::Taken);
    let (subject, signed) = signed(&registry, 1);
    let other = push(&client(&registry), &[("a", b"other")], None);
    let lists = |entries: serde_json::Value| {
        let index = serde_json::json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries });
        registry.clear_faults();
        registry
            .fault(On::any().at("/referrers/"), Fault::Body(Lie::Other(serde_json::to_vec(&index).unwrap())));
        all(&registry, &subject)
    };
    let listed = |digest: &str, size: u64, kind: &str| serde_json::json!({ "mediaType": IMAGE_MANIFEST, "artifactType": kind, "digest": digest, "size": size });
    let good = client(&registry).resolve(&lacre_registry_client::Target::Digest(signed[0])).unwrap();
    let entry = |kind: &str| listed(&format!("sha256:{}", good.digest), good.size, kind);
    // The type of the configuration, as go-containerregistry lists it, and twice.
    let found =
        lists(serde_json::json!([entry("application/vnd.oci.empty.v1+json"), entry(BUNDLE_ARTIFACT_TYPE),]));
    assert_eq!(found.unwrap(), std::slice::from_ref(&good));
    // Listed, but about something else.
    let elsewhere = listed(&format!("sha256:{}", other.digest), other.size, BUNDLE_ARTIFACT_TYPE);
    assert_eq!(lists(serde_json::json!([elsewhere])).unwrap(), []);
    // Listed and not there: that might be the one that counts.
    let missing = listed(&format!("sha256:{}", "0".repeat(64)), 100, BUNDLE_ARTIFACT_TYPE);
    assert_eq!(code(lists(serde_json::json!([missing]))), "E-BLOB-MISSING");
    // Another size than it has.
    let long = listed(&format!("sha256:{}", good.digest), good.size + 1, BUNDLE_ARTIFACT_TYPE);
    assert_eq!(code(lists(serde_json::json!([long]))), "E-BLOB-DIGEST");
    let odd = listed("sha256:../x", 100, BUNDLE_ARTIFACT_TYPE);
    assert_eq!(code(lists(serde_json::json!([odd]))), "E-REGISTRY");
    // Malformed, and about the model: never left out.
    let subject_json = serde_json::json!({
        "mediaType": IMAGE_MANIFEST, "digest": format!("sha256:{}", subject.digest), "size": subject.size,
    });
    let broken = serde_json::json!({
        "schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "subject": subject_json,
    });
    let broken = serde_json::to_vec(&broken).unwrap();
    let digest = registry.put_manifest(REPOSITORY, IMAGE_MANIFEST, &broken);
    let broken = listed(&digest, broken.len() as u64, BUNDLE_ARTIFACT_TYPE);
    assert_eq!(code(lists(serde_json::json!([broken]))), "E-JSON");
}

#[test]
fn a_registry_that_does_not_acknowledge_the_subject_gets_the_fallback_too() {
    let registry = registry(|rules| rules.subject = SubjectHeader::Withheld);
    let (subject, signed) = signed(&registry, 2);
    assert!(registry.tags(REPOSITORY).iter().any(|(tag, _)| *tag == format!("sha256-{}", subject.digest)));
    assert_eq!(signatures(&client(&registry), &subject), signed);
}

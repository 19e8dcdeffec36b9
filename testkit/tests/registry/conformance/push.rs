//! Pushing manifests: end-7.

use lacre_testkit::registry::Registry;
use serde_json::json;

use crate::client::{ask, get};
use crate::images::{
    INDEX, MANIFEST, NOWHERE, bytes, digest, manifest, put, referrer, with_blobs, with_image,
};

#[test]
fn end_7_takes_manifests_by_tag() {
    let registry = with_blobs(Registry::start());
    let wanted = digest(&bytes(&manifest()));
    let stored = put(&registry, "v1", &manifest());
    assert_eq!(stored.status, 201);
    assert_eq!(stored.header("docker-content-digest"), Some(wanted.as_str()));
    assert_eq!(stored.header("location"), Some("/v2/org/model/manifests/v1"));
    assert_eq!(stored.header("oci-subject"), None);
    assert_eq!(registry.tags("org/model"), [("v1".to_owned(), wanted)]);
}

#[test]
fn end_7_takes_manifests_by_digest() {
    let registry = with_blobs(Registry::start());
    let wanted = digest(&bytes(&manifest()));
    assert_eq!(put(&registry, &wanted, &manifest()).status, 201);
    assert_eq!(get(&registry, &format!("/v2/org/model/manifests/{wanted}")).body, bytes(&manifest()));
    assert_eq!(registry.tags("org/model"), []);
    let refused = put(&registry, NOWHERE, &manifest());
    assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"));
}

#[test]
fn end_7_takes_tags_beside_a_digest() {
    let registry = with_blobs(Registry::start());
    let wanted = digest(&bytes(&manifest()));
    let stored = put(&registry, &format!("{wanted}?tag=v1&tag=latest"), &manifest());
    assert_eq!((stored.status, stored.header("oci-tag")), (201, Some("v1, latest")));
    assert_eq!(
        registry.tags("org/model"),
        [("latest".to_owned(), wanted.clone()), ("v1".to_owned(), wanted.clone())]
    );
    let refused = put(&registry, &format!("{wanted}?tag=.x"), &manifest());
    assert_eq!((refused.status, refused.code().as_str()), (400, "TAG_INVALID"));
}

#[test]
fn a_tag_moves() {
    let (registry, first) = with_image(Registry::start());
    let mut next = manifest();
    next["annotations"] = json!({"next": "yes"});
    assert_eq!(put(&registry, "v1", &next).status, 201);
    assert_eq!(get(&registry, "/v2/org/model/manifests/v1").body, bytes(&next));
    assert_eq!(get(&registry, &format!("/v2/org/model/manifests/{first}")).body, bytes(&manifest()));
}

#[test]
fn end_7_refuses_what_is_no_manifest() {
    let registry = with_blobs(Registry::start());
    let path = "/v2/org/model/manifests/v1";
    let mut old = manifest();
    old["schemaVersion"] = 1.into();
    for (media_type, body) in [
        (MANIFEST, b"{".to_vec()),
        (MANIFEST, bytes(&old)),
        (INDEX, bytes(&manifest())),
        ("", bytes(&manifest())),
    ] {
        let refused = ask(&registry, "PUT", path, &[("content-type", media_type)], &body);
        assert_eq!((refused.status, refused.code().as_str()), (400, "MANIFEST_INVALID"), "{media_type}");
    }
    let refused = put(&registry, ".v1", &manifest());
    assert_eq!((refused.status, refused.code().as_str()), (400, "MANIFEST_INVALID"));
    // Parameters of the content type say nothing.
    let with_parameter = format!("{MANIFEST}; charset=utf-8");
    let stored = ask(&registry, "PUT", path, &[("content-type", &with_parameter)], &bytes(&manifest()));
    assert_eq!(stored.status, 201);
}

#[test]
fn end_7_refuses_manifests_of_missing_things() {
    let registry = Registry::start();
    registry.put_blob("org/model", b"{}");
    let refused = put(&registry, "v1", &manifest());
    assert_eq!((refused.status, refused.code().as_str()), (404, "MANIFEST_BLOB_UNKNOWN"));
    registry.put_blob("org/model", b"abc");
    assert_eq!(put(&registry, "v1", &manifest()).status, 201);
    let listed = |digest: &str| {
        let one = json!({"mediaType": MANIFEST, "digest": digest, "size": 7});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [one]});
        let path = "/v2/org/model/manifests/all";
        ask(&registry, "PUT", path, &[("content-type", INDEX)], &bytes(&index)).status
    };
    assert_eq!(listed(NOWHERE), 404);
    assert_eq!(listed(&digest(&bytes(&manifest()))), 201);
}

#[test]
fn end_7_takes_manifests_of_four_mebibytes() {
    let registry = with_blobs(Registry::start());
    let mut large = manifest();
    large["annotations"] = json!({"x": ""});
    let rest = (4 << 20) - bytes(&large).len();
    large["annotations"]["x"] = "x".repeat(rest).into();
    assert_eq!(put(&registry, "v1", &large).status, 201);
    large["annotations"]["x"] = "x".repeat(rest + 1).into();
    let refused = put(&registry, "v1", &large);
    assert_eq!((refused.status, refused.code().as_str()), (413, "SIZE_INVALID"));
}

#[test]
fn end_7_acknowledges_a_subject() {
    let (registry, subject) = with_image(Registry::start());
    for subject in [subject.as_str(), NOWHERE] {
        // The subject need not be there.
        let value = referrer(subject, "application/x-signature");
        let stored = put(&registry, &digest(&bytes(&value)), &value);
        assert_eq!((stored.status, stored.header("oci-subject")), (201, Some(subject)));
    }
}

//! Content management: end-9 (manifests and tags), end-10 (blobs).

use lacre_testkit::registry::Registry;
use serde_json::json;

use crate::client::{ask, get, head};
use crate::images::{ABC, NOWHERE, bytes, digest, put, referrer, with_image};

#[test]
fn end_9_removes_a_tag_and_leaves_the_manifest() {
    let (registry, digest) = with_image(Registry::start());
    assert_eq!(ask(&registry, "DELETE", "/v2/org/model/manifests/v1", &[], b"").status, 202);
    assert_eq!(head(&registry, "/v2/org/model/manifests/v1").status, 404);
    assert_eq!(head(&registry, &format!("/v2/org/model/manifests/{digest}")).status, 200);
}

#[test]
fn end_9_removes_a_manifest_with_its_tags() {
    let (registry, digest) = with_image(Registry::start());
    let path = format!("/v2/org/model/manifests/{digest}");
    assert_eq!(ask(&registry, "DELETE", &path, &[], b"").status, 202);
    for gone in [path.as_str(), "/v2/org/model/manifests/v1"] {
        assert_eq!(get(&registry, gone).status, 404);
        assert_eq!(ask(&registry, "DELETE", gone, &[], b"").status, 404);
    }
    assert_eq!(get(&registry, "/v2/org/model/tags/list").json()["tags"], json!([]));
}

#[test]
fn end_9_removes_a_referrer_from_the_list() {
    let (registry, subject) = with_image(Registry::start());
    let value = referrer(&subject, "application/x-signature");
    let own = digest(&bytes(&value));
    put(&registry, &own, &value);
    assert_eq!(ask(&registry, "DELETE", &format!("/v2/org/model/manifests/{own}"), &[], b"").status, 202);
    let listed = get(&registry, &format!("/v2/org/model/referrers/{subject}")).json();
    assert_eq!(listed["manifests"], json!([]));
}

#[test]
fn end_10_removes_a_blob_of_one_repository() {
    let (registry, _) = with_image(Registry::start());
    registry.put_blob("org/other", b"abc");
    let path = format!("/v2/org/model/blobs/{ABC}");
    assert_eq!(ask(&registry, "DELETE", &path, &[], b"").status, 202);
    assert_eq!(head(&registry, &path).status, 404);
    assert_eq!(head(&registry, &format!("/v2/org/other/blobs/{ABC}")).status, 200);
    assert_eq!(ask(&registry, "DELETE", &path, &[], b"").status, 404);
    assert_eq!(ask(&registry, "DELETE", &format!("/v2/org/model/blobs/{NOWHERE}"), &[], b"").status, 404);
}

//! Content discovery: end-8 (tags), end-12 (referrers).

use lacre_testkit::registry::Registry;
use serde_json::{Value, json};

use crate::client::get;
use crate::images::{INDEX, NOWHERE, bytes, digest, manifest, put, referrer, with_image};

fn tagged(tags: &[&str]) -> Registry {
    let (registry, digest) = with_image(Registry::start());
    for tag in tags {
        registry.tag("org/model", tag, &digest);
    }
    registry
}

#[test]
fn end_8_lists_tags_in_order() {
    let registry = tagged(&["b", "a", "Z", "v2"]);
    let listed = get(&registry, "/v2/org/model/tags/list");
    assert_eq!(listed.status, 200);
    assert_eq!(listed.json(), json!({"name": "org/model", "tags": ["Z", "a", "b", "v1", "v2"]}));
    assert_eq!(listed.next(), None);
    let unknown = get(&registry, "/v2/org/other/tags/list");
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "NAME_UNKNOWN"));
}

#[test]
fn end_8_lists_tags_in_pages() {
    let registry = tagged(&["a", "b", "c"]);
    let mut path = "/v2/org/model/tags/list?n=3".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = get(&registry, &path);
        pages.push(page.json()["tags"].clone());
        match page.next() {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(pages, [json!(["a", "b", "c"]), json!(["v1"])]);
    let after = get(&registry, "/v2/org/model/tags/list?last=b").json();
    assert_eq!(after["tags"], json!(["c", "v1"]));
    // Two more than there are, and none at all.
    assert_eq!(get(&registry, "/v2/org/model/tags/list?n=6").next(), None);
    assert_eq!(get(&registry, "/v2/org/model/tags/list?n=0").json()["tags"], json!([]));
}

#[test]
fn end_12_lists_what_refers_to_a_manifest() {
    let (registry, subject) = with_image(Registry::start());
    let signature = referrer(&subject, "application/x-signature");
    let mut plain = referrer(&subject, "");
    plain["annotations"] = Value::Null;
    for value in [&signature, &plain, &referrer(NOWHERE, "application/x-signature")] {
        assert_eq!(put(&registry, &digest(&bytes(value)), value).status, 201);
    }
    let listed = get(&registry, &format!("/v2/org/model/referrers/{subject}"));
    assert_eq!((listed.status, listed.header("content-type")), (200, Some(INDEX)));
    assert_eq!(listed.header("oci-filters-applied"), None);
    let descriptor = |value: &Value, kind: &str| {
        json!({
            "mediaType": value["mediaType"], "digest": digest(&bytes(value)), "size": bytes(value).len(),
            "artifactType": kind,
        })
    };
    let mut first = descriptor(&signature, "application/x-signature");
    first["annotations"] = json!({"kind": "application/x-signature"});
    // Without a type of its own it has that of its config.
    let second = descriptor(&plain, "application/vnd.oci.empty.v1+json");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [first, second]});
    assert_eq!(listed.json(), index);
}

#[test]
fn end_12_filters() {
    let (registry, subject) = with_image(Registry::start());
    for kind in ["application/x-a", "application/x-b", "application/x+c"] {
        let value = referrer(&subject, kind);
        put(&registry, &digest(&bytes(&value)), &value);
    }
    for (asked, kind) in [("application/x-a", "application/x-a"), ("application%2Fx%2Bc", "application/x+c")]
    {
        let listed = get(&registry, &format!("/v2/org/model/referrers/{subject}?artifactType={asked}"));
        assert_eq!(listed.header("oci-filters-applied"), Some("artifactType"));
        let found = listed.json();
        let [one] = found["manifests"].as_array().unwrap().as_slice() else { panic!("{found}") };
        assert_eq!(one["artifactType"], kind);
    }
}

#[test]
fn end_12_never_says_that_there_is_no_such_thing() {
    let (registry, _) = with_image(Registry::start());
    let empty = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    for repository in ["org/model", "org/unknown"] {
        let listed = get(&registry, &format!("/v2/{repository}/referrers/{NOWHERE}"));
        assert_eq!((listed.status, listed.json()), (200, empty.clone()), "{repository}");
    }
    let refused = get(&registry, "/v2/org/model/referrers/sha256:abc");
    assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"));
}

#[test]
fn end_12_knows_manifests_that_came_before_their_subject() {
    let (registry, _) = with_image(Registry::start());
    let mut later = manifest();
    later["annotations"] = json!({"later": "yes"});
    let subject = digest(&bytes(&later));
    let value = referrer(&subject, "application/x-signature");
    put(&registry, &digest(&bytes(&value)), &value);
    put(&registry, "later", &later);
    let listed = get(&registry, &format!("/v2/org/model/referrers/{subject}")).json();
    assert_eq!(listed["manifests"][0]["digest"], digest(&bytes(&value)));
}

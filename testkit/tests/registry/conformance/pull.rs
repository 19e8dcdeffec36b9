//! Pulling: end-1, end-2, end-3.

use lacre_testkit::registry::Registry;

use crate::client::{Connection, ask, get, head};
use crate::images::{ABC, MANIFEST, NOWHERE, bytes, manifest, with_blobs, with_image};

#[test]
fn end_1_says_that_it_is_a_registry() {
    let registry = Registry::start();
    for path in ["/v2/", "/v2"] {
        assert_eq!(get(&registry, path).status, 200);
    }
    assert_eq!(get(&registry, "/").status, 404);
    assert_eq!(ask(&registry, "POST", "/v2/", &[], b"").status, 405);
}

#[test]
fn end_2_gives_blobs() {
    let registry = with_blobs(Registry::start());
    let path = format!("/v2/org/model/blobs/{ABC}");
    let found = get(&registry, &path);
    assert_eq!((found.status, found.body.as_slice()), (200, &b"abc"[..]));
    assert_eq!(found.header("docker-content-digest"), Some(ABC));
    assert_eq!(found.header("content-length"), Some("3"));
    let found = head(&registry, &path);
    assert_eq!((found.status, found.body.len()), (200, 0));
    assert_eq!(found.header("docker-content-digest"), Some(ABC));
    assert_eq!(found.header("content-length"), Some("3"));
}

#[test]
fn end_2_knows_what_it_does_not_have() {
    let registry = with_blobs(Registry::start());
    let missing = get(&registry, &format!("/v2/org/model/blobs/{NOWHERE}"));
    assert_eq!((missing.status, missing.code().as_str()), (404, "BLOB_UNKNOWN"));
    assert_eq!(head(&registry, &format!("/v2/org/model/blobs/{NOWHERE}")).status, 404);
    // A blob belongs to the repositories that it was put into.
    assert_eq!(head(&registry, &format!("/v2/org/other/blobs/{ABC}")).status, 404);
    for not_a_digest in ["sha256:abc", &ABC.to_uppercase(), "md5:900150983cd24fb0d6963f7d28e17f72"] {
        let refused = get(&registry, &format!("/v2/org/model/blobs/{not_a_digest}"));
        assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"), "{not_a_digest}");
    }
}

#[test]
fn end_2_gives_parts_of_blobs() {
    let registry = Registry::start();
    let digest = registry.put_blob("org/model", b"0123456789");
    let path = format!("/v2/org/model/blobs/{digest}");
    let part = |range: &str| {
        let reply = ask(&registry, "GET", &path, &[("range", range)], b"");
        let range = reply.header("content-range").map(str::to_owned);
        (reply.status, range, reply.body)
    };
    let found = |range: &str, body: &str| (206, Some(range.to_owned()), body.as_bytes().to_vec());
    assert_eq!(part("bytes=0-0"), found("bytes 0-0/10", "0"));
    assert_eq!(part("bytes=3-5"), found("bytes 3-5/10", "345"));
    assert_eq!(part("bytes=7-"), found("bytes 7-9/10", "789"));
    assert_eq!(part("bytes=7-99"), found("bytes 7-9/10", "789"));
    assert_eq!(part("bytes=-2"), found("bytes 8-9/10", "89"));
    assert_eq!(part("bytes=-99"), found("bytes 0-9/10", "0123456789"));
    for nothing in ["bytes=10-", "bytes=11-12", "bytes=-0"] {
        let (status, range, _) = part(nothing);
        assert_eq!((status, range.as_deref()), (416, Some("bytes */10")), "{nothing}");
    }
    for ignored in ["bytes=5-3", "bytes=0-1,4-5", "lines=0-1"] {
        assert_eq!(part(ignored), (200, None, b"0123456789".to_vec()), "{ignored}");
    }
    assert_eq!(get(&registry, &path).header("accept-ranges"), Some("bytes"));
}

#[test]
fn end_3_gives_manifests_by_tag_and_by_digest() {
    let (registry, digest) = with_image(Registry::start());
    for reference in ["v1", &digest] {
        let path = format!("/v2/org/model/manifests/{reference}");
        let found = get(&registry, &path);
        assert_eq!((found.status, &found.body), (200, &bytes(&manifest())));
        assert_eq!(found.header("content-type"), Some(MANIFEST));
        assert_eq!(found.header("docker-content-digest"), Some(digest.as_str()));
        let found = head(&registry, &path);
        assert_eq!(found.status, 200);
        assert_eq!(found.header("content-type"), Some(MANIFEST));
        assert_eq!(found.header("docker-content-digest"), Some(digest.as_str()));
        let length = bytes(&manifest()).len().to_string();
        assert_eq!(found.header("content-length"), Some(length.as_str()));
    }
}

#[test]
fn end_3_knows_what_it_does_not_have() {
    let (registry, _) = with_image(Registry::start());
    for path in [
        "/v2/org/model/manifests/v2".to_owned(),
        format!("/v2/org/model/manifests/{NOWHERE}"),
        "/v2/org/other/manifests/v1".to_owned(),
    ] {
        let missing = get(&registry, &path);
        assert_eq!((missing.status, missing.code().as_str()), (404, "MANIFEST_UNKNOWN"), "{path}");
        assert_eq!(head(&registry, &path).status, 404, "{path}");
    }
    let refused = get(&registry, "/v2/Org/model/manifests/v1");
    assert_eq!((refused.status, refused.code().as_str()), (400, "NAME_INVALID"));
}

#[test]
fn a_connection_serves_many_requests() {
    let (registry, _) = with_image(Registry::start());
    let mut connection = Connection::open(&registry);
    for _ in 0..3 {
        assert_eq!(connection.ask("GET", "/v2/org/model/manifests/v1", &[], b"").unwrap().status, 200);
    }
    let seen = registry.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.status == Some(200)));
    assert_eq!(seen.iter().map(|seen| seen.connection).collect::<Vec<_>>(), [0, 0, 0]);
}

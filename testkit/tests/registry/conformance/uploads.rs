//! Uploads: end-4, end-5, end-6, end-11, end-13, end-14.

use lacre_testkit::noise;
use lacre_testkit::registry::Registry;

use crate::client::{ask, get, head};
use crate::images::{ABC, ABC_512, NOWHERE, begin, closing, digest};

#[test]
fn end_4a_and_end_6_take_a_blob_in_two_steps() {
    let registry = Registry::start();
    let begun = ask(&registry, "POST", "/v2/org/model/blobs/uploads/", &[], b"");
    assert_eq!(begun.status, 202);
    let location = begun.header("location").unwrap();
    assert!(location.starts_with("/v2/org/model/blobs/uploads/"), "{location}");
    assert_eq!(registry.open_uploads(), 1);
    let ended = ask(&registry, "PUT", &closing(location, ABC), &[], b"abc");
    assert_eq!((ended.status, ended.body.len()), (201, 0));
    let place = format!("/v2/org/model/blobs/{ABC}");
    assert_eq!(ended.header("location"), Some(place.as_str()));
    assert_eq!(ended.header("docker-content-digest"), Some(ABC));
    assert_eq!(get(&registry, &place).body, b"abc");
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn end_4b_takes_a_blob_in_one_step() {
    let registry = Registry::start();
    let path = format!("/v2/org/model/blobs/uploads/?digest={ABC}");
    let stored = ask(&registry, "POST", &path, &[], b"abc");
    let place = format!("/v2/org/model/blobs/{ABC}");
    assert_eq!((stored.status, stored.header("location")), (201, Some(place.as_str())));
    assert_eq!(get(&registry, &place).body, b"abc");
}

#[test]
fn a_blob_has_the_digest_that_it_is_said_to_have() {
    let registry = Registry::start();
    let path = format!("/v2/org/model/blobs/uploads/?digest={ABC}");
    let location = begin(&registry);
    for (method, path) in [("POST", path.as_str()), ("PUT", &closing(&location, ABC))] {
        let refused = ask(&registry, method, path, &[], b"abd");
        assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"), "{method}");
    }
    for wrong in ["", "sha256:abc", "md5:900150983cd24fb0d6963f7d28e17f72"] {
        let refused = ask(&registry, "PUT", &closing(&begin(&registry), wrong), &[], b"abc");
        assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"), "{wrong}");
    }
    let location = begin(&registry);
    let refused = ask(&registry, "PUT", &location, &[], b"abc");
    assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"));
    assert_eq!(head(&registry, &format!("/v2/org/model/blobs/{ABC}")).status, 404);
}

#[test]
fn end_5_takes_a_blob_in_chunks() {
    let registry = Registry::start();
    let blob = noise(5, 2500);
    let mut location = begin(&registry);
    let mut start = 0;
    for chunk in blob[..2000].chunks(1000) {
        let range = format!("{start}-{}", start + chunk.len() - 1);
        start += chunk.len();
        let headers = [("content-range", range.as_str()), ("content-type", "application/octet-stream")];
        let taken = ask(&registry, "PATCH", &location, &headers, chunk);
        let far = format!("0-{}", start - 1);
        assert_eq!((taken.status, taken.header("range")), (202, Some(far.as_str())));
        let next = taken.header("location").unwrap().to_owned();
        assert_ne!(next, location, "every answer has a Location of its own");
        location = next;
    }
    let wanted = digest(&blob);
    let headers = [("content-range", "2000-2499")];
    let ended = ask(&registry, "PUT", &closing(&location, &wanted), &headers, &blob[2000..]);
    assert_eq!(ended.status, 201);
    assert_eq!(registry.blob("org/model", &wanted), Some(blob));
}

#[test]
fn end_5_takes_a_stream_without_ranges() {
    let registry = Registry::start();
    let location = begin(&registry);
    let taken = ask(&registry, "PATCH", &location, &[], b"ab");
    assert_eq!((taken.status, taken.header("range")), (202, Some("0-1")));
    let taken = ask(&registry, "PATCH", taken.header("location").unwrap(), &[], b"c");
    let ended = ask(&registry, "PUT", &closing(taken.header("location").unwrap(), ABC), &[], b"");
    assert_eq!(ended.status, 201);
}

#[test]
fn end_5_wants_chunks_in_order() {
    let registry = Registry::start();
    let location = begin(&registry);
    let taken = ask(&registry, "PATCH", &location, &[("content-range", "0-1")], b"ab");
    let location = taken.header("location").unwrap();
    // A gap, an overlap, more and fewer bytes than announced, no range.
    for (range, body) in [("3-3", "d"), ("0-1", "ab"), ("1-2", "bc"), ("2-2", "cd"), ("2-4", "c"), ("x", "c")]
    {
        let refused = ask(&registry, "PATCH", location, &[("content-range", range)], body.as_bytes());
        assert_eq!(refused.status, 416, "{range}");
        assert_eq!(refused.header("range"), Some("0-1"), "{range}");
        assert!(refused.header("location").is_some());
    }
    let refused = ask(&registry, "PUT", &closing(location, ABC), &[("content-range", "3-3")], b"c");
    assert_eq!(refused.status, 416);
    let ended = ask(&registry, "PUT", &closing(location, ABC), &[("content-range", "2-2")], b"c");
    assert_eq!(ended.status, 201);
}

#[test]
fn end_13_says_how_far_an_upload_is() {
    let registry = Registry::start();
    let location = begin(&registry);
    let status = get(&registry, &location);
    assert_eq!((status.status, status.header("range")), (204, Some("0-0")));
    let taken = ask(&registry, "PATCH", &location, &[], &[7; 100]);
    let status = get(&registry, taken.header("location").unwrap());
    assert_eq!((status.status, status.header("range")), (204, Some("0-99")));
    let location = status.header("location").unwrap();
    let ended = ask(&registry, "PUT", &closing(location, &digest(&[7; 100])), &[], b"");
    assert_eq!(ended.status, 201);
    let unknown = get(&registry, location);
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
}

#[test]
fn end_14_gives_an_upload_up() {
    let registry = Registry::start();
    let location = begin(&registry);
    assert_eq!(ask(&registry, "DELETE", &location, &[], b"").status, 204);
    assert_eq!(registry.open_uploads(), 0);
    for method in ["PATCH", "PUT", "DELETE"] {
        let unknown = ask(&registry, method, &closing(&location, ABC), &[], b"abc");
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"), "{method}");
    }
}

#[test]
fn an_upload_belongs_to_its_repository() {
    let registry = Registry::start();
    let location = begin(&registry).replace("org/model", "org/other");
    let unknown = ask(&registry, "PUT", &closing(&location, ABC), &[], b"abc");
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
}

#[test]
fn a_location_is_to_be_taken_whole() {
    let registry = Registry::start();
    let location = begin(&registry);
    let path = location.split('?').next().unwrap();
    let refused = ask(&registry, "PUT", &closing(path, ABC), &[], b"abc");
    assert_eq!((refused.status, refused.code().as_str()), (400, "BLOB_UPLOAD_INVALID"));
}

#[test]
fn end_11_mounts_a_blob_of_another_repository() {
    let registry = Registry::start();
    registry.put_blob("org/base", b"abc");
    let path = format!("/v2/org/model/blobs/uploads/?mount={ABC}&from=org/base");
    let mounted = ask(&registry, "POST", &path, &[], b"");
    let place = format!("/v2/org/model/blobs/{ABC}");
    assert_eq!((mounted.status, mounted.header("location")), (201, Some(place.as_str())));
    assert_eq!(get(&registry, &place).body, b"abc");
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn end_11_begins_an_upload_where_it_cannot_mount() {
    let registry = Registry::start();
    registry.put_blob("org/base", b"abc");
    for query in [
        format!("mount={NOWHERE}&from=org/base"),
        format!("mount={ABC}&from=org/none"),
        format!("mount={ABC}"),
    ] {
        let begun = ask(&registry, "POST", &format!("/v2/org/model/blobs/uploads/?{query}"), &[], b"");
        assert_eq!(begun.status, 202, "{query}");
        let ended = ask(&registry, "PUT", &closing(begun.header("location").unwrap(), ABC), &[], b"abc");
        assert_eq!(ended.status, 201, "{query}");
    }
}

#[test]
fn blobs_can_be_named_by_sha_512() {
    let registry = Registry::start();
    let announced = "/v2/org/model/blobs/uploads/?digest-algorithm=sha512";
    let begun = ask(&registry, "POST", announced, &[], b"");
    let ended = ask(&registry, "PUT", &closing(begun.header("location").unwrap(), ABC_512), &[], b"abc");
    assert_eq!(ended.status, 201);
    assert_eq!(get(&registry, &format!("/v2/org/model/blobs/{ABC_512}")).body, b"abc");
    // Also where it was not announced.
    let ended = ask(&registry, "PUT", &closing(&begin(&registry), ABC_512), &[], b"abc");
    assert_eq!(ended.status, 201);
    let unknown = ask(&registry, "POST", "/v2/org/model/blobs/uploads/?digest-algorithm=md5", &[], b"");
    assert_eq!(unknown.status, 400);
}

#[test]
fn blobs_can_be_kept_in_a_folder() {
    let registry = Registry::with().on_disk().start();
    let blob = noise(6, 300_000);
    let wanted = digest(&blob);
    let taken = ask(&registry, "PATCH", &begin(&registry), &[], &blob[..100_000]);
    let location = closing(taken.header("location").unwrap(), &wanted);
    assert_eq!(ask(&registry, "PUT", &location, &[], &blob[100_000..]).status, 201);
    let path = format!("/v2/org/model/blobs/{wanted}");
    assert_eq!(get(&registry, &path).body, blob);
    let part = ask(&registry, "GET", &path, &[("range", "bytes=200000-200009")], b"");
    assert_eq!(part.body, blob[200_000..200_010]);
    registry.spoil_blob(&wanted, 123);
    let spoilt = get(&registry, &path).body;
    assert_eq!((spoilt[123] ^ 1, &spoilt[124..]), (blob[123], &blob[124..]));
}

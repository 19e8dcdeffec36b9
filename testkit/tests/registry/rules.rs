//! Each way of being that a registry can have, by what a client sees of it.

use std::thread;

use lacre_testkit::noise;
use lacre_testkit::registry::{
    Cut, Dangling, Etags, Fault, Filter, Interrupted, Location, Mount, On, Pages, Patch, Ranges, Referrers,
    Registry, Rules, SinglePost, Space, Stale, SubjectHeader, Writing,
};
use serde_json::json;

use crate::client::{Connection, Reply, ask, get, head, try_ask};
use crate::images::{
    ABC, MANIFEST, NOWHERE, begin, bytes, closing, digest, manifest, put, referrer, with_blobs, with_image,
};

fn with_rules(change: impl FnOnce(&mut Rules)) -> Registry {
    Registry::with().rules(change).start()
}

/// A registry with `count` referrers of different types, `application/x-0` and so on, and the path of their list.
fn with_referrers(count: usize) -> (Registry, String) {
    let (registry, subject) = with_image(Registry::start());
    for number in 0..count {
        let value = referrer(&subject, &format!("application/x-{number}"));
        assert_eq!(put(&registry, &digest(&bytes(&value)), &value).status, 201);
    }
    (registry, format!("/v2/org/model/referrers/{subject}"))
}

fn kinds(reply: &Reply) -> Vec<String> {
    let listed = reply.json()["manifests"].as_array().unwrap().clone();
    listed.iter().map(|one| one["artifactType"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_the_referrers_api() {
    let (registry, path) = with_referrers(1);
    registry.rules(|rules| rules.referrers = Referrers::Absent);
    let absent = get(&registry, &path);
    assert_eq!((absent.status, absent.body.as_slice()), (404, &b"404 page not found\n"[..]));
    assert_eq!(absent.header("content-type"), Some("text/plain; charset=utf-8"));
    let stored = put(&registry, "v2", &referrer(NOWHERE, "application/x-1"));
    assert_eq!((stored.status, stored.header("oci-subject")), (201, None));
}

#[test]
fn with_the_referrers_api_but_without_oci_subject() {
    let (registry, path) = with_referrers(1);
    registry.rules(|rules| rules.subject = SubjectHeader::Withheld);
    let stored = put(&registry, "v2", &referrer(NOWHERE, "application/x-1"));
    assert_eq!((stored.status, stored.header("oci-subject")), (201, None));
    assert_eq!(get(&registry, &path).status, 200);
}

#[test]
fn a_filter_that_is_ignored_and_one_that_is_only_claimed() {
    let (registry, path) = with_referrers(2);
    for (filter, applied) in [(Filter::Ignored, None), (Filter::Claimed, Some("artifactType"))] {
        registry.rules(|rules| rules.filter = filter);
        let listed = get(&registry, &format!("{path}?artifactType=application/x-1"));
        assert_eq!(kinds(&listed), ["application/x-0", "application/x-1"]);
        assert_eq!(listed.header("oci-filters-applied"), applied);
    }
}

#[test]
fn referrers_in_pages() {
    let (registry, path) = with_referrers(5);
    registry.rules(|rules| rules.pages = Pages::Of(2));
    let mut next = Some(format!("{path}?artifactType=application/x-4"));
    assert_eq!(kinds(&get(&registry, &next.unwrap())), ["application/x-4"]);
    next = Some(path);
    let mut pages = Vec::new();
    while let Some(path) = next {
        let page = get(&registry, &path);
        pages.push(kinds(&page).len());
        next = page.next();
    }
    assert_eq!(pages, [2, 2, 1]);
}

#[test]
fn pages_keep_the_filter() {
    let (registry, path) = with_referrers(3);
    registry.rules(|rules| (rules.pages, rules.filter) = (Pages::Of(1), Filter::Claimed));
    let first = get(&registry, &format!("{path}?artifactType=application/x+y"));
    assert_eq!(first.next().unwrap(), format!("{path}?artifactType=application/x%2By&page=1"));
}

#[test]
fn pages_without_an_end() {
    let (registry, path) = with_referrers(3);
    registry.rules(|rules| rules.pages = Pages::Endless(2));
    let (mut next, mut counts) = (path.clone(), Vec::new());
    for _ in 0..20 {
        let page = get(&registry, &next);
        counts.push(kinds(&page).len());
        next = page.next().unwrap();
    }
    assert_eq!((&counts[..3], counts.iter().sum()), (&[2, 1, 0][..], 3));
    registry.rules(|rules| rules.pages = Pages::Circle(2));
    let page = get(&registry, &path);
    let again = get(&registry, &page.next().unwrap());
    assert_eq!((&again.body, again.next()), (&page.body, page.next()));
}

#[test]
fn fewer_tags_than_were_asked_for() {
    let (registry, digest) = with_image(Registry::start());
    registry.tag("org/model", "a", &digest);
    registry.rules(|rules| rules.tags_per_page = Some(1));
    for path in ["/v2/org/model/tags/list", "/v2/org/model/tags/list?n=2"] {
        let page = get(&registry, path);
        assert_eq!(page.json()["tags"], json!(["a"]));
        let next = get(&registry, &page.next().unwrap());
        assert_eq!((next.json()["tags"].clone(), next.next()), (json!(["v1"]), None));
    }
}

#[test]
fn without_single_posts() {
    let registry = with_rules(|rules| rules.single_post = SinglePost::OpensSession);
    let begun = ask(&registry, "POST", &format!("/v2/org/model/blobs/uploads/?digest={ABC}"), &[], b"abc");
    assert_eq!(begun.status, 202);
    assert_eq!(head(&registry, &format!("/v2/org/model/blobs/{ABC}")).status, 404);
    let location = begun.header("location").unwrap();
    assert_eq!(ask(&registry, "PUT", &closing(location, ABC), &[], b"abc").status, 201);
}

#[test]
fn without_chunks() {
    let registry = with_rules(|rules| rules.patch = Patch::Refused(405));
    let location = begin(&registry);
    let refused = ask(&registry, "PATCH", &location, &[], b"a");
    assert_eq!((refused.status, refused.code().as_str()), (405, "UNSUPPORTED"));
    assert_eq!(ask(&registry, "PUT", &closing(&location, ABC), &[], b"abc").status, 201);
}

#[test]
fn chunks_of_a_least_length() {
    let registry = with_rules(|rules| rules.chunk_min = Some(10));
    let begun = ask(&registry, "POST", "/v2/org/model/blobs/uploads/", &[], b"");
    assert_eq!(begun.header("oci-chunk-min-length"), Some("10"));
    let mut location = begun.header("location").unwrap().to_owned();
    let blob = noise(1, 24);
    for chunk in blob.chunks(10) {
        let taken = ask(&registry, "PATCH", &location, &[], chunk);
        assert_eq!(taken.status, 202);
        location = taken.header("location").unwrap().to_owned();
    }
    // The one of 4 bytes was the last one.
    let refused = ask(&registry, "PATCH", &location, &[], &[0; 10]);
    assert_eq!((refused.status, refused.code().as_str()), (400, "SIZE_INVALID"));
    assert_eq!(ask(&registry, "PUT", &closing(&location, &digest(&blob)), &[], b"").status, 201);
}

/// An upload of 5 bytes whose next request breaks off after 3 of 10 bytes, cut by `how`.
fn interrupted(rule: Interrupted, how: impl FnOnce(&Registry, &str)) -> (Registry, String) {
    let registry = with_rules(|rules| rules.interrupted = rule);
    let taken = ask(&registry, "PATCH", &begin(&registry), &[], b"01234");
    let location = taken.header("location").unwrap().to_owned();
    how(&registry, &location);
    (registry, location)
}

/// By the server.
fn cut_off(registry: &Registry, location: &str) {
    registry.fault(On::method("PATCH"), Fault::CutRequest { after: 3 });
    assert_eq!(try_ask(registry, "PATCH", location, &[], b"56789abcde"), None);
    assert_eq!(registry.seen_at("PATCH", "")[1].received, 3);
    registry.clear_faults();
}

/// By the client.
fn left_off(registry: &Registry, location: &str) {
    let mut connection = Connection::open(registry);
    connection.send("PATCH", location, &[("content-length", "10")], b"567");
    // It leaves when its bytes have come.
    while registry.seen_at("PATCH", "").len() < 2 || registry.seen_at("PATCH", "")[1].received < 3 {
        thread::yield_now();
    }
    drop(connection);
    registry.settle();
}

#[test]
fn an_interrupted_upload_keeps_what_came() {
    for how in [cut_off, left_off] {
        let (registry, location) = interrupted(Interrupted::Kept, how);
        assert_eq!(get(&registry, &location).header("range"), Some("0-7"));
        let rest = ask(&registry, "PATCH", &location, &[("content-range", "8-9")], b"89");
        let location = closing(rest.header("location").unwrap(), &digest(b"0123456789"));
        assert_eq!(ask(&registry, "PUT", &location, &[], b"").status, 201);
    }
}

#[test]
fn an_interrupted_upload_forgets_what_came() {
    for how in [cut_off, left_off] {
        let (registry, location) = interrupted(Interrupted::Forgotten, how);
        assert_eq!(get(&registry, &location).header("range"), Some("0-4"));
        let rest = ask(&registry, "PATCH", &location, &[("content-range", "5-9")], b"56789");
        let location = closing(rest.header("location").unwrap(), &digest(b"0123456789"));
        assert_eq!(ask(&registry, "PUT", &location, &[], b"").status, 201);
    }
}

#[test]
fn an_interrupted_upload_is_gone() {
    for how in [cut_off, left_off] {
        let (registry, location) = interrupted(Interrupted::Gone, how);
        let unknown = get(&registry, &location);
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
    }
}

#[test]
fn an_old_location_is_refused() {
    let registry = with_rules(|rules| rules.stale = Stale::Refused);
    let first = begin(&registry);
    let taken = ask(&registry, "PATCH", &first, &[], b"ab");
    assert_eq!(taken.status, 202);
    let refused = ask(&registry, "PATCH", &first, &[], b"c");
    assert_eq!((refused.status, refused.header("range")), (416, Some("0-1")));
    let current = refused.header("location").unwrap();
    assert_eq!(ask(&registry, "PUT", &closing(current, ABC), &[], b"c").status, 201);
}

#[test]
fn a_mount_that_only_begins_an_upload() {
    let registry = with_rules(|rules| rules.mount = Mount::OpensSession);
    registry.put_blob("org/base", b"abc");
    let path = format!("/v2/org/model/blobs/uploads/?mount={ABC}&from=org/base");
    let begun = ask(&registry, "POST", &path, &[], b"");
    assert_eq!(begun.status, 202);
    assert_eq!(head(&registry, &format!("/v2/org/model/blobs/{ABC}")).status, 404);
    assert_eq!(
        ask(&registry, "PUT", &closing(begun.header("location").unwrap(), ABC), &[], b"abc").status,
        201
    );
}

#[test]
fn locations_with_a_host() {
    let registry = with_rules(|rules| rules.location = Location::Absolute);
    let location = begin(&registry);
    let path = location.strip_prefix(&registry.url()).unwrap();
    let ended = ask(&registry, "PUT", &closing(path, ABC), &[], b"abc");
    let place = format!("{}/v2/org/model/blobs/{ABC}", registry.url());
    assert_eq!((ended.status, ended.header("location")), (201, Some(place.as_str())));
}

#[test]
fn locations_on_another_host_that_takes_the_bytes() {
    let registry = Registry::start();
    let other = Registry::with().sharing(&registry).at([127, 0, 0, 2].into()).start();
    registry.rules(|rules| rules.location = Location::At(other.url()));
    let location = begin(&registry);
    let path = location.strip_prefix(&other.url()).unwrap();
    let headers = [("authorization", "Basic c2VjcmV0")];
    assert_eq!(ask(&other, "PUT", &closing(path, ABC), &headers, b"abc").status, 201);
    assert_eq!(registry.blob("org/model", ABC).unwrap(), b"abc");
    // Each of the two knows what came to it.
    assert_eq!((registry.seen().len(), other.seen().len()), (1, 1));
    assert_eq!(other.seen()[0].header("authorization"), Some("Basic c2VjcmV0"));
    assert!(other.host().starts_with("127.0.0.2:"), "{}", other.host());
}

#[test]
fn bodies_above_a_limit() {
    let registry = with_blobs(with_rules(|rules| rules.largest_body = Some(100)));
    let location = begin(&registry);
    for method in ["PATCH", "PUT"] {
        let refused = ask(&registry, method, &closing(&location, ABC), &[], &[0; 101]);
        assert_eq!((refused.status, refused.code().as_str()), (413, "SIZE_INVALID"), "{method}");
    }
    let taken = ask(&registry, "PATCH", &location, &[], &[0; 100]);
    assert_eq!(taken.status, 202);
    let refused = put(&registry, "v1", &manifest());
    assert_eq!((refused.status, refused.code().as_str()), (413, "SIZE_INVALID"));
}

#[test]
fn a_disk_that_is_full() {
    for status in [500, 507] {
        let registry = with_rules(|rules| rules.space = Some(Space { bytes: 1000, status }));
        let location = begin(&registry);
        assert_eq!(ask(&registry, "PATCH", &location, &[], &[0; 600]).status, 202);
        let other = begin(&registry);
        let refused = ask(&registry, "PUT", &closing(&other, NOWHERE), &[], &[0; 600]);
        assert_eq!((refused.status, refused.code().as_str()), (status, "UNKNOWN"));
        // An upload that is given up makes room.
        assert_eq!(ask(&registry, "DELETE", &location, &[], b"").status, 204);
        let blob = noise(3, 300);
        assert_eq!(
            ask(&registry, "PUT", &closing(&begin(&registry), &digest(&blob)), &[], &blob).status,
            201
        );
    }
}

#[test]
fn a_disk_that_is_full_takes_no_manifest() {
    let registry = with_blobs(Registry::start());
    registry.rules(|rules| rules.space = Some(Space { bytes: 100, status: 507 }));
    assert_eq!(put(&registry, "v1", &manifest()).status, 507);
    assert_eq!(get(&registry, "/v2/org/model/manifests/v1").status, 404);
}

#[test]
fn read_only() {
    for (status, code) in [(405, "UNSUPPORTED"), (403, "DENIED")] {
        let (registry, _) = with_image(Registry::start());
        registry.rules(|rules| rules.writing = Writing::Refused(status));
        let manifests = "/v2/org/model/manifests/v1";
        for (method, path) in
            [("POST", "/v2/org/model/blobs/uploads/"), ("PUT", manifests), ("DELETE", manifests)]
        {
            let refused = ask(&registry, method, path, &[], b"x");
            assert_eq!((refused.status, refused.code().as_str()), (status, code), "{method}");
        }
        assert_eq!(get(&registry, manifests).status, 200);
    }
}

#[test]
fn manifests_of_missing_things() {
    let registry = with_rules(|rules| rules.dangling = Dangling::Taken);
    assert_eq!(put(&registry, "v1", &manifest()).status, 201);
}

/// Status of writing `v1` under a condition.
fn put_if(registry: &Registry, condition: (&str, &str), text: &str) -> u16 {
    let mut value = manifest();
    value["annotations"] = json!({"text": text});
    let headers = [("content-type", MANIFEST), condition];
    ask(registry, "PUT", "/v2/org/model/manifests/v1", &headers, &bytes(&value)).status
}

#[test]
fn conditions_that_nobody_heeds() {
    for (etags, sent) in [(Etags::Unknown, false), (Etags::Sent, true)] {
        let (registry, digest) = with_image(with_rules(|rules| rules.etags = etags));
        let found = get(&registry, "/v2/org/model/manifests/v1");
        let own = format!("\"{digest}\"");
        assert_eq!(found.header("etag"), sent.then_some(own.as_str()));
        assert_eq!(put_if(&registry, ("if-match", "\"other\""), "1"), 201);
        assert_eq!(put_if(&registry, ("if-none-match", "*"), "2"), 201);
    }
}

#[test]
fn conditions_that_hold() {
    let (registry, first) = with_image(with_rules(|rules| rules.etags = Etags::Honoured));
    let path = "/v2/org/model/manifests/v1";
    let etag = get(&registry, path).header("etag").unwrap().to_owned();
    assert_eq!(etag, format!("\"{first}\""));
    assert_eq!(ask(&registry, "GET", path, &[("if-none-match", &etag)], b"").status, 304);
    assert_eq!(put_if(&registry, ("if-none-match", "*"), "1"), 412);
    assert_eq!(put_if(&registry, ("if-match", "\"other\""), "1"), 412);
    assert_eq!(put_if(&registry, ("if-match", &etag), "1"), 201);
    assert_eq!(put_if(&registry, ("if-match", &etag), "2"), 412, "it is another one now");
    assert_eq!(put_if(&registry, ("if-match", "*"), "2"), 201);
    assert_eq!(ask(&registry, "DELETE", path, &[], b"").status, 202);
    assert_eq!(put_if(&registry, ("if-match", "*"), "3"), 412);
    assert_eq!(put_if(&registry, ("if-none-match", "*"), "3"), 201);
}

#[test]
fn of_many_writers_with_one_condition_one_wins() {
    let (registry, first) = with_image(with_rules(|rules| rules.etags = Etags::Honoured));
    let etag = format!("\"{first}\"");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let (registry, etag) = (&registry, &etag);
                scope.spawn(move || put_if(registry, ("if-match", etag), &number.to_string()))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
}

#[test]
fn without_ranges() {
    let registry = with_blobs(with_rules(|rules| rules.ranges = Ranges::Ignored));
    let found = ask(&registry, "GET", &format!("/v2/org/model/blobs/{ABC}"), &[("range", "bytes=1-1")], b"");
    assert_eq!((found.status, found.body.as_slice()), (200, &b"abc"[..]));
    assert_eq!(found.header("accept-ranges"), Some("none"));
}

#[test]
fn every_connection_ends_after_so_many_bytes_to_the_client() {
    let registry = Registry::start();
    let blob = noise(9, 100_000);
    let digest = registry.put_blob("org/model", &blob);
    registry.rules(|rules| rules.cut = Cut { sent: Some(30_000), received: None });
    for _ in 0..2 {
        let part = get(&registry, &format!("/v2/org/model/blobs/{digest}"));
        assert!(!part.whole);
        assert!((29_000..30_000).contains(&part.body.len()), "{}", part.body.len());
        assert_eq!(part.body, blob[..part.body.len()]);
    }
    let part =
        ask(&registry, "GET", &format!("/v2/org/model/blobs/{digest}"), &[("range", "bytes=90000-")], b"");
    assert!(part.whole);
}

#[test]
fn every_connection_ends_after_so_many_bytes_from_the_client() {
    let registry = with_rules(|rules| rules.cut = Cut { sent: None, received: Some(200_000) });
    let blob = noise(9, 1_000_000);
    let location = begin(&registry);
    assert_eq!(try_ask(&registry, "PATCH", &location, &[], &blob), None);
    let far: usize = get(&registry, &location).header("range").unwrap()[2..].parse().unwrap();
    assert!((1..200_000).contains(&far), "{far}");
    // What has come is right: the rest fits on to it, in pieces that are small enough.
    let mut location = location;
    for (number, chunk) in blob[far + 1..].chunks(150_000).enumerate() {
        let start = far + 1 + number * 150_000;
        let range = format!("{start}-{}", start + chunk.len() - 1);
        let taken = ask(&registry, "PATCH", &location, &[("content-range", &range)], chunk);
        assert_eq!(taken.status, 202);
        location = taken.header("location").unwrap().to_owned();
    }
    assert_eq!(ask(&registry, "PUT", &closing(&location, &digest(&blob)), &[], b"").status, 201);
}

#[test]
fn a_tag_that_points_elsewhere_after_it_was_resolved() {
    let (registry, first) = with_image(Registry::start());
    let mut other = manifest();
    other["annotations"] = json!({"evil": "yes"});
    let second = registry.put_manifest("org/model", MANIFEST, &bytes(&other));
    registry.swap_tag("org/model", "v1", 2, &second);
    let path = "/v2/org/model/manifests/v1";
    let digests = [head, get, get, head]
        .map(|ask| ask(&registry, path).header("docker-content-digest").unwrap().to_owned());
    assert_eq!(digests, [first.clone(), first, second.clone(), second]);
}

#[test]
fn content_that_is_spoilt_or_lost_where_it_lies() {
    let registry = with_blobs(Registry::start());
    let path = format!("/v2/org/model/blobs/{ABC}");
    registry.spoil_blob(ABC, 1);
    assert_eq!(get(&registry, &path).body, b"acc");
    registry.remove_blob("org/model", ABC);
    assert_eq!(get(&registry, &path).status, 404);
    assert_eq!(registry.blob("org/model", ABC), None);
}

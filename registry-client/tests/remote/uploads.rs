//! Blobs on their way to a registry: whole, in chunks, mounted; and what registries make of that.

use lacre_hash::{NoProgress, Progress};
use lacre_registry_client::{Put, RegistryError, Store};
use lacre_testkit::registry::{Fault, Location, Mount, On, Patch, Registry, Space, Stale, Writing};

use crate::bench::{
    MIB, REPOSITORY, bytes, client, described, held, options, registry, repository, send, with,
};
use crate::models::code;

/// 1 MiB whole, chunks of 1 MiB above.
fn chunked(registry: &Registry) -> lacre_registry_client::Remote {
    with(&registry.host(), &options().chunks(MIB as u64, MIB as u64))
}

#[test]
fn a_blob_goes_whole_and_is_read_once() {
    let registry = Registry::start();
    let content = bytes(1, 3 * MIB);
    assert_eq!(send(&client(&registry), &content).unwrap(), Put::Written);
    assert!(held(&registry, &content).unwrap() == content);
    assert_eq!(registry.received(), content.len() as u64);
    let puts = registry.seen_at("PUT", "/blobs/uploads/");
    assert_eq!(puts.len(), 1);
    assert_eq!(puts[0].header("content-length"), Some("3145728"));
    assert_eq!(puts[0].header("content-type"), Some("application/octet-stream"));
    assert!(registry.seen().iter().all(|seen| seen.header("accept-encoding") == Some("identity")));
}

#[test]
fn a_long_blob_goes_in_chunks() {
    let registry = Registry::start();
    let content = bytes(2, 3 * MIB + 5);
    assert_eq!(send(&chunked(&registry), &content).unwrap(), Put::Written);
    assert!(held(&registry, &content).unwrap() == content);
    let ranges: Vec<_> = registry
        .seen_at("PATCH", "/blobs/uploads/")
        .iter()
        .map(|seen| seen.header("content-range").unwrap().to_owned())
        .collect();
    assert_eq!(ranges, ["0-1048575", "1048576-2097151", "2097152-3145727", "3145728-3145732"]);
    assert_eq!(registry.received(), content.len() as u64);
}

#[test]
fn chunks_are_as_long_as_the_registry_wants_them() {
    let registry = registry(|rules| rules.chunk_min = Some(2 * MIB as u64));
    let content = bytes(3, 5 * MIB);
    send(&chunked(&registry), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    assert_eq!(registry.seen_at("PATCH", "").len(), 3);
}

#[test]
fn what_is_too_large_as_a_whole_goes_in_chunks_and_they_get_smaller() {
    let registry = registry(|rules| rules.largest_body = Some(3 * MIB as u64));
    let content = bytes(4, 10 * MIB);
    let store = with(&registry.host(), &options().chunks(u64::MAX, 8 * MIB as u64));
    send(&store, &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    assert_eq!(registry.open_uploads(), 0, "the first session was given up");
}

#[test]
fn a_registry_without_chunks_gets_the_whole() {
    for status in [404, 405, 501] {
        let registry = registry(|rules| rules.patch = Patch::Refused(status));
        let content = bytes(5, 2 * MIB);
        assert_eq!(send(&chunked(&registry), &content).unwrap(), Put::Written, "{status}");
        assert!(held(&registry, &content).unwrap() == content);
    }
}

#[test]
fn a_registry_that_takes_neither_is_told_of() {
    let registry = registry(|rules| {
        rules.patch = Patch::Refused(405);
        rules.largest_body = Some(MIB as u64);
    });
    let error = send(&client(&registry), &bytes(6, 2 * MIB)).unwrap_err();
    assert_eq!(error.code(), "E-REGISTRY");
    assert!(send(&client(&registry), &bytes(6, MIB)).is_ok());
    assert_eq!(registry.open_uploads(), 0);
}

#[test]
fn every_location_is_taken_as_it_is() {
    for location in [Location::Relative, Location::Absolute] {
        let registry = registry(|rules| {
            rules.location = location;
            rules.stale = Stale::Refused;
        });
        let content = bytes(7, 2 * MIB + 1);
        send(&chunked(&registry), &content).unwrap();
        assert!(held(&registry, &content).unwrap() == content);
    }
    let registry = Registry::start();
    registry.fault(On::method("POST"), Fault::Without("location"));
    assert_eq!(code(send(&client(&registry), b"x")), "E-REGISTRY");
    for evil in ["ftp://127.0.0.1/x", "http://me:pw@127.0.0.1/x", "http://registry.test/x", "http://[/x"] {
        registry.clear_faults();
        registry.fault(On::method("POST"), Fault::With("location", evil.to_owned()));
        let code = code(send(&client(&registry), b"x"));
        assert!(["E-REGISTRY", "E-REDIRECT"].contains(&code), "{evil}: {code}");
    }
}

#[test]
fn a_blob_of_another_repository_is_mounted() {
    for mount in [Mount::Done, Mount::OpensSession] {
        let registry = registry(|rules| rules.mount = mount);
        let content = bytes(8, MIB);
        registry.put_blob("org/base", &content);
        let store = client(&registry).mount_from(repository("org/none")).mount_from(repository("org/base"));
        let put = send(&store, &content).unwrap();
        assert!(held(&registry, &content).unwrap() == content);
        let sent = if mount == Mount::Done { 0 } else { MIB as u64 };
        assert_eq!(registry.received(), sent);
        assert_eq!(put, if sent == 0 { Put::Existed } else { Put::Written });
        assert_eq!(registry.open_uploads(), 0, "a session that was begun is used");
    }
    let registry = Registry::start();
    registry.fault(On::method("POST").at("mount="), Fault::status(403));
    let store = client(&registry).mount_from(repository("org/base"));
    assert_eq!(send(&store, b"x").unwrap(), Put::Written);
}

#[test]
fn an_overloaded_registry_is_asked_again_and_not_for_ever() {
    let registry = Registry::start();
    for status in [408, 429, 500, 502, 503, 504] {
        let content = bytes(u64::from(status), MIB);
        registry.fault(On::method("PUT").at("/blobs/uploads/").first(2), Fault::busy(status, "0"));
        registry.fault(On::method("POST").first(2), Fault::status(status));
        registry.fault(On::method("HEAD").first(2), Fault::status(status));
        assert_eq!(send(&client(&registry), &content).unwrap(), Put::Written, "{status}");
        assert!(held(&registry, &content).unwrap() == content, "{status}");
        registry.clear_faults();
    }
    for (status, tries) in [(503, 6), (429, 6), (501, 1), (400, 1)] {
        registry.forget();
        registry.fault(On::method("POST"), Fault::status(status));
        assert_eq!(code(send(&client(&registry), b"never")), "E-REGISTRY");
        assert_eq!(registry.seen_at("POST", "").len(), tries, "{status}");
        registry.clear_faults();
    }
    registry.forget();
    registry.fault(On::method("POST"), Fault::busy(503, "3600"));
    assert_eq!(code(send(&client(&registry), b"never")), "E-REGISTRY");
    assert_eq!(registry.seen_at("POST", "").len(), 1, "an hour is too long to wait for");
}

#[test]
fn a_full_disk_and_a_read_only_registry_are_told_of_at_once() {
    for status in [500, 507] {
        let registry = registry(|rules| rules.space = Some(Space { bytes: 100, status }));
        let error = send(&client(&registry), &bytes(9, MIB)).unwrap_err();
        assert_eq!(error.code(), "E-REGISTRY");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
    for (status, expected) in [(405, "E-REGISTRY"), (403, "E-DENIED")] {
        let registry = registry(|rules| rules.writing = Writing::Refused(status));
        assert_eq!(code(send(&client(&registry), b"x")), expected);
    }
}

#[test]
fn a_lost_answer_is_no_second_upload() {
    let registry = Registry::start();
    let content = bytes(10, 2 * MIB);
    registry.fault(On::method("PUT").at("/blobs/uploads/").first(1), Fault::LoseAnswer);
    assert_eq!(send(&client(&registry), &content).unwrap(), Put::Written);
    assert!(held(&registry, &content).unwrap() == content);
    assert_eq!(registry.received(), content.len() as u64);
}

#[test]
fn a_session_that_is_gone_is_begun_anew() {
    let registry = Registry::start();
    let content = bytes(11, 3 * MIB);
    registry.fault(On::method("PATCH").nth(2), Fault::status(404));
    registry.fault(On::method("GET").at("/blobs/uploads/"), Fault::status(404));
    send(&chunked(&registry), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
}

#[test]
fn bytes_that_the_registry_took_for_others_go_again() {
    let registry = Registry::start();
    let content = bytes(12, 2 * MIB);
    registry.fault(On::method("PUT").first(1), Fault::status(400));
    send(&chunked(&registry), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    registry.fault(On::method("PUT"), Fault::status(400));
    assert_eq!(code(send(&chunked(&registry), &bytes(13, 2 * MIB))), "E-REGISTRY");
    assert_eq!(registry.open_uploads(), 0);
}

/// Cancels when so many bytes have gone.
struct Until(std::sync::atomic::AtomicU64, u64);

impl Progress for Until {
    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) >= self.1
    }
}

#[test]
fn an_upload_that_is_cancelled_leaves_nothing() {
    let registry = Registry::start();
    let content = bytes(14, 4 * MIB);
    let progress = Until(0.into(), 2 * MIB as u64);
    let outcome = client(&registry).put_blob(&described(&content), &&content[..], &progress);
    assert!(matches!(outcome, Err(RegistryError::Interrupted)), "{outcome:?}");
    registry.settle();
    assert_eq!((held(&registry, &content), registry.open_uploads()), (None, 0));
}

#[test]
fn progress_counts_each_byte_once() {
    let registry = Registry::start();
    let content = bytes(15, 4 * MIB);
    registry.fault(On::method("PUT").first(1), Fault::CutRequest { after: MIB as u64 });
    let progress = Until(0.into(), u64::MAX);
    client(&registry).put_blob(&described(&content), &&content[..], &progress).unwrap();
    assert_eq!(progress.0.into_inner(), content.len() as u64);
}

#[test]
fn many_at_once() {
    let registry = Registry::start();
    let store = client(&registry);
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let store = &store;
            scope.spawn(move || send(store, &bytes(100 + seed, MIB)).unwrap());
        }
    });
    for seed in 0..8 {
        assert!(held(&registry, &bytes(100 + seed, MIB)).is_some());
    }
    assert_eq!(registry.blob(REPOSITORY, "sha256:none"), None);
    assert_eq!(store.put_blob(&described(b""), &b"".as_slice(), &NoProgress).unwrap(), Put::Written);
}

//! Blobs on their way from a registry that breaks off, lies, or never ends.

use std::io::{self, Read as _};

use lacre_registry_client::{Descriptor, RegistryError, Remote, Store};
use lacre_testkit::registry::{Cut, Fault, Lie, On, Ranges, Registry};

use crate::bench::{MIB, REPOSITORY, bytes, client, described, registry};
use crate::models::code;

fn read(store: &Remote, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
    range(store, descriptor, 0..descriptor.size)
}

fn range(store: &Remote, blob: &Descriptor, range: std::ops::Range<u64>) -> Result<Vec<u8>, RegistryError> {
    let mut got = Vec::new();
    match store.blob_range(blob, range)?.read_to_end(&mut got) {
        Ok(_) => Ok(got),
        Err(error) => Err(error.downcast().unwrap()),
    }
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let registry = registry(|rules| rules.cut = Cut { received: None, sent: Some(2 * MIB as u64) });
    let content = bytes(1, 9 * MIB);
    registry.put_blob(REPOSITORY, &content);
    assert!(read(&client(&registry), &described(&content)).unwrap() == content);
    let again = registry.sent() - content.len() as u64;
    assert!(again < MIB as u64, "{again} bytes came twice");
    assert!(
        range(&client(&registry), &described(&content), 1000..9_000_000).unwrap() == content[1000..9_000_000]
    );
}

#[test]
fn a_registry_without_ranges_is_read_from_its_beginning() {
    let registry = registry(|rules| rules.ranges = Ranges::Ignored);
    let content = bytes(2, 3 * MIB);
    registry.put_blob(REPOSITORY, &content);
    let blob = described(&content);
    assert!(range(&client(&registry), &blob, 1_000_000..2_000_000).unwrap() == content[1_000_000..2_000_000]);
    registry.fault(On::method("GET").first(1), Fault::CutAnswer { after: 2 * MIB as u64 });
    assert!(read(&client(&registry), &blob).unwrap() == content);
}

/// Whoever reads a large blob in many parts, as a pull does, would otherwise have its beginning sent for each of them.
#[test]
fn parts_that_follow_one_another_are_read_from_one_answer_where_there_are_no_ranges() {
    let registry = registry(|rules| rules.ranges = Ranges::Ignored);
    let (content, other) = (bytes(11, 8 * MIB), bytes(12, 8 * MIB));
    registry.put_blob(REPOSITORY, &content);
    registry.put_blob(REPOSITORY, &other);
    let (store, mib) = (client(&registry), MIB as u64);
    for part in [0, 1, 2, 4, 5, 7] {
        for (bytes, blob) in [(&content, described(&content)), (&other, described(&other))] {
            let got = range(&store, &blob, part * mib..(part + 1) * mib).unwrap();
            assert!(got == bytes[usize::try_from(part).unwrap() * MIB..][..MIB], "{part}");
        }
    }
    assert_eq!(registry.seen_at("GET", "/blobs/").len(), 2, "one answer for each of the two");
    // What lies before it is asked for again.
    assert!(range(&store, &described(&content), 0..mib).unwrap() == content[..MIB]);
    assert_eq!(registry.seen_at("GET", "/blobs/").len(), 3);
    // An answer that was kept and has broken off since is no loss.
    registry.rules(|rules| rules.cut = Cut { received: None, sent: Some(3 * mib) });
    let fresh = client(&registry);
    assert!(range(&fresh, &described(&content), 0..mib).unwrap() == content[..MIB]);
    registry.rules(|rules| rules.cut = Cut::default());
    assert!(range(&fresh, &described(&content), 5 * mib..8 * mib).unwrap() == content[5 * MIB..]);
}

#[test]
fn a_registry_that_always_breaks_off_is_given_up() {
    let registry = Registry::start();
    let content = bytes(3, MIB);
    registry.put_blob(REPOSITORY, &content);
    registry.fault(On::method("GET"), Fault::CutAnswer { after: 10 });
    assert_eq!(code(read(&client(&registry), &described(&content))), "E-NETWORK");
    assert_eq!(registry.seen_at("GET", "/blobs/").len(), 6);
}

#[test]
fn a_blob_of_another_size_is_refused_before_its_first_byte() {
    let registry = Registry::start();
    let content = bytes(4, 1000);
    registry.put_blob(REPOSITORY, &content);
    for lie in [Lie::Shortened { by: 1 }, Lie::Lengthened { by: 1 }, Lie::Zeros(10_000_000_000)] {
        registry.fault(On::method("GET"), Fault::Body(lie));
        assert_eq!(code(client(&registry).blob(&described(&content)).map(drop)), "E-BLOB-DIGEST");
        registry.clear_faults();
    }
}

#[test]
fn nothing_beyond_the_size_is_ever_read() {
    let registry = Registry::start();
    let content = bytes(5, 1000);
    registry.put_blob(REPOSITORY, &content);
    registry.fault(On::method("GET").at("/blobs/"), Fault::Body(Lie::Endless));
    let got = read(&client(&registry), &described(&content)).unwrap();
    assert_eq!(got, [b' '; 1000]);
    assert_eq!(code(client(&registry).small_blob(&described(&content), 5000)), "E-BLOB-DIGEST");
    assert_eq!(code(client(&registry).small_blob(&described(&content), 999)), "E-LIMIT");
}

/// CVE-2024-29902, GHSA-88jx-383q-w4qc; CVE-2024-29903, GHSA-95pr-fxf5-86gv: huge attachments were read into memory.
#[test]
fn cve_2024_29902_and_cve_2024_29903_a_manifest_of_10_gb_is_refused_at_the_limit() {
    let registry = Registry::start();
    let one = crate::models::push(&client(&registry), &[("a", b"x")], Some(&crate::models::tag("v1")));
    let manifests = || On::method("GET").at("/manifests/");
    for (lie, most) in [(Lie::Zeros(10_000_000_000), 0), (Lie::Endless, 16 * MIB as u64)] {
        registry.fault(manifests(), Fault::Body(lie));
        registry.forget();
        assert_eq!(code(client(&registry).resolve(&crate::models::target("v1"))), "E-LIMIT");
        assert_eq!(code(client(&registry).manifest(&one)), "E-LIMIT");
        registry.settle();
        // What is in the buffers of the system was sent and never read.
        assert!(registry.sent() <= most + 16 * MIB as u64, "{}", registry.sent());
        registry.clear_faults();
    }
}

/// CVE-2025-66564 and its like: a small answer that unpacks to a large one.
#[test]
fn a_compressed_answer_is_refused() {
    let registry = Registry::start();
    let content = bytes(6, 1000);
    registry.put_blob(REPOSITORY, &content);
    crate::models::push(&client(&registry), &[("a", b"x")], Some(&crate::models::tag("v1")));
    registry.fault(On::method("GET"), Fault::Body(Lie::Gzip(20_000_000)));
    assert_eq!(code(client(&registry).resolve(&crate::models::target("v1"))), "E-REGISTRY");
    assert_eq!(code(client(&registry).blob(&described(&content)).map(drop)), "E-REGISTRY");
}

#[test]
fn parts_that_were_not_asked_for_are_refused() {
    let registry = Registry::start();
    let content = bytes(7, 1000);
    registry.put_blob(REPOSITORY, &content);
    let blob = described(&content);
    for (part, expected) in [
        ("bytes 0-499/1000", "E-REGISTRY"),
        ("bytes 500-1000/1000", "E-REGISTRY"),
        ("bytes 501-999/1000", "E-REGISTRY"),
        ("bytes 500-400/1000", "E-REGISTRY"),
        ("bytes 500-999/1001", "E-BLOB-DIGEST"),
        ("500-999/1000", "E-REGISTRY"),
    ] {
        registry.fault(On::method("GET"), Fault::With("content-range", part.to_owned()));
        assert_eq!(code(range(&client(&registry), &blob, 500..1000)), expected, "{part}");
        registry.clear_faults();
    }
    registry.fault(On::method("GET"), Fault::With("content-range", "bytes 500-999/*".to_owned()));
    assert_eq!(range(&client(&registry), &blob, 500..1000).unwrap(), content[500..]);
    registry.clear_faults();
    registry.fault(On::method("GET"), Fault::status(416));
    assert_eq!(code(range(&client(&registry), &blob, 500..1000)), "E-BLOB-DIGEST");
}

#[test]
fn a_signed_address_elsewhere_is_followed_without_secrets_and_asked_for_again() {
    let registry = Registry::start();
    let content = bytes(8, 4 * MIB);
    registry.put_blob(REPOSITORY, &content);
    let elsewhere = Registry::with().sharing(&registry).start();
    registry.fault(On::method("GET").at("/blobs/"), Fault::Redirect { status: 307, to: elsewhere.url() });
    // The address is good for one request only.
    elsewhere.fault(On::method("GET").first(1), Fault::CutAnswer { after: 2 * MIB as u64 });
    assert!(read(&client(&registry), &described(&content)).unwrap() == content);
    assert_eq!(registry.seen_at("GET", "/blobs/").len(), 2, "the registry is asked for a new one");
    assert_eq!(elsewhere.seen_at("GET", "/blobs/").len(), 2);
}

#[test]
fn a_silent_registry_is_left_alone() {
    let registry = Registry::start();
    let content = bytes(9, MIB);
    registry.put_blob(REPOSITORY, &content);
    let options = crate::bench::options().patience(std::time::Duration::from_millis(50));
    let store = || crate::bench::with(&registry.host(), &options);
    let warm = store();
    warm.has_blob(&described(&content)).unwrap();
    registry.fault(On::method("GET").at("/blobs/"), Fault::Stall { after: 1000 });
    assert_eq!(code(read(&warm, &described(&content))), "E-NETWORK");
    registry.clear_faults();
    registry.fault(On::any(), Fault::Silence);
    assert_eq!(code(warm.has_blob(&described(&content))), "E-NETWORK");
}

#[test]
fn it_works_inside_of_a_runtime() {
    let registry = Registry::start();
    let content = bytes(10, 3 * MIB);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        crate::bench::send(&client(&registry), &content).unwrap();
        let mut got = Vec::new();
        client(&registry).blob(&described(&content)).unwrap().read_to_end(&mut got).unwrap();
        assert!(got == content);
    });
    // And the runtime of the caller is gone before the client's.
    drop(runtime);
    assert!(io::copy(&mut client(&registry).blob(&described(&content)).unwrap(), &mut io::sink()).is_ok());
}

//! Registries of others: docker-registry, which has no referrers API, and go-containerregistry's, which has.

use std::io::Read as _;

use lacre_registry_client::{Put, Store};
use lacre_testkit::PeerRegistry;

use crate::bench::{MIB, at, bytes, described, options, repository, send, with};
use crate::models::{attach, push, signatures, tag, target};

fn all() -> Vec<(&'static str, PeerRegistry)> {
    let named = [
        ("docker-registry", PeerRegistry::docker()),
        ("go-containerregistry", PeerRegistry::with_referrers()),
        ("go-containerregistry as it is", PeerRegistry::with_lax_referrers()),
    ];
    named.into_iter().filter_map(|(name, registry)| Some((name, registry?))).collect()
}

#[test]
fn models_and_signatures_go_there_and_come_back() {
    for (name, registry) in all() {
        let weights = bytes(1, 5 * MIB + 1);
        let files: &[(&str, &[u8])] = &[("model.safetensors", &weights), ("empty", b"")];
        let subject = push(&at(registry.host()), files, Some(&tag("v1")));
        let mut signed: Vec<_> =
            (0..3).map(|number| attach(&at(registry.host()), &subject, &[number]).0.digest).collect();
        signed.sort();
        let store = at(registry.host());
        assert_eq!(store.resolve(&target("v1")).unwrap().digest, subject.digest, "{name}");
        assert_eq!(signatures(&store, &subject), signed, "{name}");
        let mut got = Vec::new();
        store.blob(&described(&weights)).unwrap().read_to_end(&mut got).unwrap();
        assert!(got == weights, "{name}");
        got.clear();
        let range = 1_000_000..3_000_000;
        store.blob_range(&described(&weights), 1_000_000..3_000_000).unwrap().read_to_end(&mut got).unwrap();
        assert!(got == weights[range], "{name}");
        assert_eq!(send(&store, &weights).unwrap(), Put::Existed, "{name}");
        assert_eq!(store.tags().unwrap().iter().filter(|(tag, _)| tag.as_str() == "v1").count(), 1, "{name}");
    }
}

#[test]
fn chunks_go_there() {
    for (name, registry) in all() {
        let content = bytes(2, 3 * MIB + 7);
        let store = with(registry.host(), &options().chunks(0, MIB as u64));
        assert_eq!(send(&store, &content).unwrap(), Put::Written, "{name}");
        let mut got = Vec::new();
        store.blob(&described(&content)).unwrap().read_to_end(&mut got).unwrap();
        assert!(got == content, "{name}");
    }
}

#[test]
fn blobs_are_mounted_or_sent() {
    for (name, registry) in all() {
        let content = bytes(3, MIB);
        send(&at(registry.host()), &content).unwrap();
        let registry_name = crate::bench::name(registry.host());
        let other = repository("org/other");
        let store = lacre_registry_client::Remote::open(&registry_name, &other, &options())
            .mount_from(repository("org/m"));
        // docker-registry mounts; the other begins an upload, or knows blobs of all repositories.
        let put = send(&store, &content).unwrap();
        assert!(name != "docker-registry" || put == Put::Existed, "{name}");
        assert!(store.blob(&described(&content)).is_ok(), "{name}");
    }
}

#[test]
fn ten_attesters_at_once_lose_nothing() {
    for (name, registry) in all() {
        let subject = push(&at(registry.host()), &[("a", b"x")], Some(&tag("v1")));
        let mut all: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..10_u8)
                .map(|number| {
                    let (registry, subject) = (&registry, &subject);
                    scope.spawn(move || attach(&at(registry.host()), subject, &[number]).0.digest)
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        all.sort();
        assert_eq!(signatures(&at(registry.host()), &subject), all, "{name}");
    }
}

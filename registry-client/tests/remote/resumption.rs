//! Uploads that break off: within a process, and across processes.

use std::path::Path;

use lacre_hash::NoProgress;
use lacre_registry_client::{Put, RegistryOptions, Retry, Store};
use lacre_testkit::registry::{Cut, Fault, Interrupted, On, Registry};

use crate::bench::{MIB, bytes, client, described, held, options, registry, send, with};
use crate::models::code;

/// Gives up at the first failure, as a process does that is killed.
fn fragile(journal: &Path) -> RegistryOptions {
    options().retry(Retry { times: 0, ..Retry::default() }).journal(journal.to_owned())
}

#[test]
fn what_a_registry_kept_of_a_broken_request_is_not_sent_again() {
    let registry = Registry::start();
    let content = bytes(1, 6 * MIB);
    registry.fault(On::method("PUT").first(1), Fault::CutRequest { after: 4 * MIB as u64 });
    send(&client(&registry), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    let again = registry.received() - content.len() as u64;
    assert!(again < MIB as u64, "{again} bytes went twice");
}

#[test]
fn what_a_registry_forgot_is_sent_again() {
    for kept in [Interrupted::Forgotten, Interrupted::Gone] {
        let registry = registry(|rules| rules.interrupted = kept);
        let content = bytes(2, 4 * MIB);
        registry.fault(On::method("PUT").first(1), Fault::CutRequest { after: 2 * MIB as u64 });
        registry.fault(On::method("PATCH").first(2), Fault::CutRequest { after: 1000 });
        send(&client(&registry), &content).unwrap();
        assert!(held(&registry, &content).unwrap() == content, "{kept:?}");
    }
}

#[test]
fn a_connection_that_never_lasts_is_enough() {
    let registry = registry(|rules| rules.cut = Cut { received: Some(2 * MIB as u64), sent: None });
    let content = bytes(3, 16 * MIB);
    send(&client(&registry), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    assert!(registry.received() < content.len() as u64 + 4 * MIB as u64, "{}", registry.received());
}

#[test]
fn a_registry_that_hangs_up_every_time_is_given_up() {
    let registry = Registry::start();
    registry.fault(On::method("PUT"), Fault::HangUp);
    registry.fault(On::method("PATCH"), Fault::HangUp);
    assert_eq!(code(send(&client(&registry), &bytes(4, MIB))), "E-NETWORK");
    // Whoever hangs up on a whole may take it in chunks.
    let registry = Registry::start();
    let content = bytes(4, 2 * MIB);
    registry.fault(On::method("PUT").first(3), Fault::HangUp);
    send(&client(&registry), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    assert!(!registry.seen_at("PATCH", "").is_empty());
}

#[test]
fn an_upload_goes_on_in_the_next_process() {
    for cut in ["PUT", "PATCH"] {
        let registry = Registry::start();
        let journal = tempfile::tempdir().unwrap();
        let content = bytes(5, 12 * MIB);
        let mut options = fragile(journal.path());
        if cut == "PATCH" {
            options = options.chunks(0, 4 * MIB as u64);
        }
        registry.fault(On::method(cut).nth(1), Fault::CutRequest { after: 3 * MIB as u64 });
        assert_eq!(code(send(&with(&registry.host(), &options), &content)), "E-NETWORK");
        registry.settle();
        assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 1);
        // Another client, as another process has one: all that it knows is in the journal.
        assert_eq!(send(&with(&registry.host(), &options), &content).unwrap(), Put::Written);
        assert!(held(&registry, &content).unwrap() == content);
        let again = registry.received() - content.len() as u64;
        assert!(again < MIB as u64, "{cut}: {again} bytes went twice");
        assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 0, "the note is gone");
        assert_eq!(registry.open_uploads(), 0);
    }
}

#[test]
fn a_note_that_leads_nowhere_costs_nothing() {
    let registry = registry(|rules| rules.interrupted = Interrupted::Gone);
    let journal = tempfile::tempdir().unwrap();
    let content = bytes(6, 9 * MIB);
    let options = fragile(journal.path());
    registry.fault(On::method("PUT").nth(1), Fault::CutRequest { after: MIB as u64 });
    assert_eq!(code(send(&with(&registry.host(), &options), &content)), "E-NETWORK");
    registry.settle();
    send(&with(&registry.host(), &options), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
}

#[test]
fn what_was_left_behind_is_not_believed() {
    let registry = Registry::start();
    let journal = tempfile::tempdir().unwrap();
    // More than the buffers of the system hold, so that its end is not read before the connection is cut.
    let content = bytes(7, 32 * MIB);
    let options = fragile(journal.path());
    // The first attempt sends other bytes and is cut off before anybody can tell.
    let mut other = content.clone();
    other[0] ^= 1;
    registry.fault(On::method("PUT").nth(1), Fault::CutRequest { after: 4 * MIB as u64 });
    let store = with(&registry.host(), &options);
    assert_eq!(code(store.put_blob(&described(&content), &&other[..], &NoProgress)), "E-NETWORK");
    registry.settle();
    // The second one goes on there, is refused at the end, and begins anew.
    send(&with(&registry.host(), &options), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    // A file that is none of it is refused here, even where the registry has all bytes already.
    let late = bytes(8, 9 * MIB);
    registry.clear_faults();
    registry.fault(On::method("PUT").at("digest="), Fault::HangUp);
    let chunked = fragile(journal.path()).chunks(0, 16 * MIB as u64);
    assert_eq!(code(send(&with(&registry.host(), &chunked), &late)), "E-NETWORK");
    registry.clear_faults();
    let store = with(&registry.host(), &chunked);
    assert_eq!(code(store.put_blob(&described(&late), &&other[..], &NoProgress)), "E-BLOB-DIGEST");
    assert_eq!(held(&registry, &late), None);
    assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 0);
}

#[test]
fn small_blobs_are_not_noted() {
    let registry = Registry::start();
    let journal = tempfile::tempdir().unwrap();
    registry.fault(On::method("PUT"), Fault::HangUp);
    assert_eq!(code(send(&with(&registry.host(), &fragile(journal.path())), &bytes(9, MIB))), "E-NETWORK");
    assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 0);
}

#[test]
fn a_journal_that_cannot_be_kept_is_no_failure() {
    let registry = Registry::start();
    let content = bytes(10, 9 * MIB);
    send(&with(&registry.host(), &fragile(Path::new("/dev/null/none"))), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
}

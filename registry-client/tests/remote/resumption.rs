//! Uploads that break off: within a process, and across processes.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use lacre_hash::NoProgress;
use lacre_registry_client::{Put, RegistryOptions, Retry, Store};
use lacre_testkit::registry::{Cut, Fault, Interrupted, Location, Mount, On, Registry};

use crate::bench::{MIB, bytes, client, described, held, options, registry, repository, send, with};
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
    let content = bytes(7, 12 * MIB);
    let options = fragile(journal.path()).chunks(0, 4 * MIB as u64);
    // The first attempt sends other bytes, and is cut off before their end, where it would be seen.
    let mut other = content.clone();
    other[0] ^= 1;
    registry.fault(On::method("PATCH").nth(2), Fault::HangUp);
    let store = with(&registry.host(), &options);
    assert_eq!(code(store.put_blob(&described(&content), &&other[..], &NoProgress)), "E-NETWORK");
    registry.settle();
    // The second one goes on there, is refused at the end, and begins anew.
    registry.forget();
    send(&with(&registry.host(), &options), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    assert_eq!(registry.received(), (8 + 12) * MIB as u64);
    assert_eq!(registry.seen_at("PUT", "digest=").iter().filter(|seen| seen.status == Some(400)).count(), 1);
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

#[test]
fn a_long_upload_over_a_line_that_often_breaks_takes_as_long_as_it_takes() {
    let registry = registry(|rules| rules.cut = Cut { received: Some(2 * MIB as u64), sent: None });
    let content = bytes(11, 48 * MIB);
    // Of all the waits together no more than three would be allowed, if they were counted together.
    let retry = Retry {
        times: 5,
        first: Duration::from_millis(2),
        longest: Duration::from_millis(2),
        total: Duration::from_millis(6),
    };
    send(&with(&registry.host(), &options().retry(retry)), &content).unwrap();
    assert!(held(&registry, &content).unwrap() == content);
    assert!(registry.seen_at("PATCH", "").len() > 20);
    let read = with(&registry.host(), &options().retry(retry));
    registry.rules(|rules| rules.cut = Cut { received: None, sent: Some(2 * MIB as u64) });
    let mut got = Vec::new();
    // It begins on a connection of the new kind.
    read.blob(&described(&content)).unwrap().read_to_end(&mut got).unwrap();
    assert!(got == content);
}

#[test]
fn chunks_that_never_arrive_get_smaller() {
    for kept in [Interrupted::Forgotten, Interrupted::Gone] {
        let registry = registry(|rules| {
            rules.interrupted = kept;
            rules.cut = Cut { received: Some(3 * MIB as u64), sent: None };
        });
        // The whole, chunks of 8 MiB, of 4, and then of 2, each on a connection of its own.
        let content = bytes(12, 16 * MIB);
        let options = options().chunks(u64::MAX, 8 * MIB as u64);
        send(&with(&registry.host(), &options), &content).unwrap();
        assert!(held(&registry, &content).unwrap() == content, "{kept:?}");
    }
}

/// A registry that says it has lost what it had, again and again, is not sent the same bytes for ever.
#[test]
fn an_upload_that_never_comes_further_is_given_up() {
    let registry = Registry::start();
    let content = bytes(13, 4 * MIB);
    registry.fault(On::method("PATCH").every(3), Fault::status(404));
    registry.fault(On::method("GET").at("/blobs/uploads/"), Fault::status(404));
    let options = options().chunks(0, MIB as u64);
    assert_eq!(code(send(&with(&registry.host(), &options), &content)), "E-REGISTRY");
    assert!(registry.received() < 16 * content.len() as u64, "{}", registry.received());
}

#[test]
fn a_note_that_leads_to_a_host_that_is_gone_hinders_nobody() {
    let registry = Registry::start();
    let journal = tempfile::tempdir().unwrap();
    let content = bytes(14, 9 * MIB);
    let gone = Registry::with().sharing(&registry).start();
    registry.rules(|rules| rules.location = Location::At(gone.url()));
    gone.fault(On::method("PUT"), Fault::CutRequest { after: MIB as u64 });
    assert_eq!(code(send(&with(&registry.host(), &fragile(journal.path())), &content)), "E-NETWORK");
    assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 1);
    drop(gone);
    registry.rules(|rules| rules.location = Location::Relative);
    assert_eq!(send(&with(&registry.host(), &fragile(journal.path())), &content).unwrap(), Put::Written);
    assert!(held(&registry, &content).unwrap() == content);
    assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 0);
}

#[test]
fn an_upload_goes_on_though_a_mount_begins_another() {
    let registry = registry(|rules| rules.mount = Mount::OpensSession);
    let journal = tempfile::tempdir().unwrap();
    let content = bytes(15, 12 * MIB);
    let store = || with(&registry.host(), &fragile(journal.path())).mount_from(repository("org/base"));
    registry.fault(On::method("PUT").first(1), Fault::CutRequest { after: 8 * MIB as u64 });
    assert_eq!(code(send(&store(), &content)), "E-NETWORK");
    registry.settle();
    assert_eq!(send(&store(), &content).unwrap(), Put::Written);
    assert!(held(&registry, &content).unwrap() == content);
    let again = registry.received() - content.len() as u64;
    assert!(again < MIB as u64, "{again} bytes went twice");
    assert_eq!(registry.open_uploads(), 0, "what the mount began was given up");
}

#[test]
fn a_note_of_an_upload_that_ended_unseen_is_removed() {
    let registry = Registry::start();
    let journal = tempfile::tempdir().unwrap();
    let content = bytes(16, 9 * MIB);
    registry.fault(On::method("PUT").first(1), Fault::LoseAnswer);
    assert_eq!(code(send(&with(&registry.host(), &fragile(journal.path())), &content)), "E-NETWORK");
    assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 1);
    assert_eq!(send(&with(&registry.host(), &fragile(journal.path())), &content).unwrap(), Put::Existed);
    assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 0);
}

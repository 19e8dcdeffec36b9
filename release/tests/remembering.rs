//! What a record remembers, and what it refuses to forget.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod fixture;

use fixture::{after, ask, code, document, id, now, request, target, version};
use jiff::{SignedDuration, Timestamp};
use lacre_hash::Sha256Digest;
use lacre_release::{
    Advance, ChannelDocument, ExportedState, Position, Record, ReleaseError, Seen, StateError, Wanted,
    WayOut, compare_documents, decide,
};

fn record() -> Record {
    Record::new(id(), Sha256Digest::of(b"root"), now())
}

fn at(epoch: u64, sequence: u64, floor: u64) -> ChannelDocument {
    let mut document = document();
    (document.epoch, document.sequence, document.floor.counter) = (epoch, sequence, floor);
    document
}

fn seen(epoch: u64, sequence: u64, floor: u64) -> Seen {
    Seen::of(&at(epoch, sequence, floor))
}

#[test]
fn documents_are_ordered_by_epoch_then_by_sequence() {
    let stored = seen(2, 5, 3);
    let compare = |offered: Seen| compare_documents(&stored, &offered);
    assert_eq!(compare(stored).unwrap(), Advance::Unchanged);
    for newer in [seen(2, 6, 3), seen(2, 9, 4), seen(3, 1, 0)] {
        assert_eq!(compare(newer).unwrap(), Advance::Newer);
    }
    for older in [seen(2, 4, 3), seen(1, u64::MAX, u64::MAX)] {
        assert_eq!(code(compare(older)), "E-REPLAY");
    }
    let mut other = at(2, 5, 3);
    other.current = None;
    assert_eq!(code(compare(Seen::of(&other))), "E-EQUIVOCATION");
    assert_eq!(code(compare(seen(2, 6, 2))), "E-FLOOR-LOWERED");
}

#[test]
fn what_is_refused_leaves_no_trace() {
    let mut record = record();
    assert_eq!(record.see(seen(2, 5, 3)).unwrap(), Advance::Newer);
    let before = record.clone();
    for bad in [seen(2, 4, 3), seen(1, 9, 9), seen(2, 5, 4), seen(2, 6, 2)] {
        record.see(bad).unwrap_err();
        assert_eq!(record, before);
    }
    assert_eq!(record.see(seen(2, 5, 3)).unwrap(), Advance::Unchanged);
    assert_eq!(record, before);
}

#[test]
fn a_clock_may_be_corrected_but_not_turned_back() {
    let mut record = record();
    let seconds = |seconds: i64| now() + SignedDuration::from_secs(seconds);
    assert_eq!(record.see_time(after(1)).unwrap(), after(1));
    // Two seconds and five minutes behind: the time stands still meanwhile.
    for behind in [3598, 3300] {
        assert_eq!(record.clock(seconds(behind)).unwrap(), after(1));
        assert_eq!(record.see_time(seconds(behind)).unwrap(), after(1));
    }
    for behind in [3299, 3600 - 24 * 3600] {
        let error = record.clock(seconds(behind)).unwrap_err();
        let ReleaseError::State(state @ StateError::Clock { .. }) = &error else { panic!("{error:?}") };
        assert_eq!((state.code(), state.way_out()), ("E-CLOCK", WayOut::SetClock));
        assert_eq!(code(record.see_time(seconds(behind))), "E-CLOCK");
    }
    assert_eq!(record.last_seen(), after(1));
    assert_eq!(record.clock(Timestamp::MAX).unwrap(), Timestamp::MAX);
    assert_eq!(code(record.clock(Timestamp::MIN)), "E-CLOCK");
}

#[test]
fn a_clock_that_is_set_back_a_little_revives_nothing() {
    let mut record = record();
    let document = document();
    record.see_time(document.expires).unwrap();
    let mut request = request(Wanted::Current);
    request.now = record.clock(document.expires - SignedDuration::from_secs(2)).unwrap();
    assert_eq!(code(decide(&document, &request)), "E-CHANNEL-EXPIRED");
}

#[test]
fn a_commit_confirms_the_signed_floor_and_never_a_counter() {
    let mut record = record();
    assert_eq!(code(record.commit()), "E-COMMIT");
    let document = at(1, 7, 2);
    let permit = ask(&document, "1.2").unwrap();
    assert_eq!(code(record.accept(&permit)), "E-COMMIT");
    record.see(Seen::of(&document)).unwrap();
    record.accept(&permit).unwrap();
    assert_eq!(record.local_floor(1), 0);
    // 1.2 has counter 3; rolling back to 1.1 with counter 2 stays possible.
    assert_eq!(record.commit().unwrap(), 2);
    assert_eq!(record.local_floor(1), 2);
    let accepted = record.accepted().unwrap();
    assert_eq!((&accepted.version, accepted.position), (&version("1.2"), document.position()));
}

#[test]
fn a_commit_is_for_the_document_that_permitted_the_release() {
    let mut record = record();
    let first = at(1, 7, 1);
    record.see(Seen::of(&first)).unwrap();
    record.accept(&ask(&first, "1.2").unwrap()).unwrap();
    record.see(seen(1, 8, 3)).unwrap();
    // What the newer document says has not been tried here.
    assert_eq!(record.commit().unwrap(), 1);
    assert_eq!(code(record.accept(&ask(&first, "1.2").unwrap())), "E-COMMIT");
}

#[test]
fn an_epoch_frees_a_client_from_the_highest_floor_and_sequence() {
    let mut record = record();
    let mut stolen = at(1, u64::MAX, u64::MAX);
    stolen.releases[3].counter = u64::MAX;
    stolen.current = Some(version("1.3"));
    record.see(Seen::of(&stolen)).unwrap();
    record.accept(&ask(&stolen, "1.3").unwrap()).unwrap();
    assert_eq!(record.commit().unwrap(), u64::MAX);

    let recovered = at(2, 1, 1);
    assert_eq!(record.see(Seen::of(&recovered)).unwrap(), Advance::Newer);
    assert_eq!(code(record.commit()), "E-COMMIT");
    let mut request = request(Wanted::Current);
    request.floors.local = record.local_floor(2);
    record.accept(&decide(&recovered, &request).unwrap()).unwrap();
    assert_eq!(record.commit().unwrap(), 1);
    assert_eq!((record.local_floor(1), record.local_floor(2)), (0, 1));
    assert_eq!(code(record.see(Seen::of(&stolen))), "E-REPLAY");
}

#[test]
fn every_honest_rollback_succeeds_after_a_commit() {
    let mut record = record();
    let mut document = at(1, 7, 1);
    record.see(Seen::of(&document)).unwrap();
    record.accept(&ask(&document, "1.2").unwrap()).unwrap();
    record.commit().unwrap();
    document.sequence += 1;
    document.current = Some(version("1.0"));
    document.rollback_targets.push(target("1.3", after(2)));
    record.see(Seen::of(&document)).unwrap();
    for text in ["1.0", "1.1", "1.3"] {
        let mut request = request(Wanted::Version(version(text)));
        request.floors.local = record.local_floor(1);
        record.accept(&decide(&document, &request).unwrap()).unwrap();
        assert_eq!(record.commit().unwrap(), 1);
    }
}

/// `newest` at the time `hours`, after a commit to it.
fn experienced(newest: &ChannelDocument, hours: i64) -> Record {
    let mut record = record();
    record.see_time(after(hours)).unwrap();
    record.see(Seen::of(newest)).unwrap();
    record.accept(&ask(newest, "1.2").unwrap()).unwrap();
    record.commit().unwrap();
    record
}

#[test]
fn an_import_takes_the_higher_of_each() {
    let (old, new) = (experienced(&at(1, 7, 3), 5), experienced(&at(1, 9, 3), 2));
    for (mut into, from) in [(old.clone(), new.clone()), (new, old)] {
        into.keep_file("timestamp.json", b"mine".to_vec()).unwrap();
        let carried = ExportedState::parse(&from.export().to_bytes()).unwrap();
        assert_eq!(carried, from.export());
        into.merge(&carried).unwrap();
        assert_eq!(into.seen().unwrap().position, Position { epoch: 1, sequence: 9 });
        assert_eq!((into.last_seen(), into.local_floor(1)), (after(5), 3));
        assert_eq!(into.file("timestamp.json"), Some(b"mine".as_slice()));
        let before = into.clone();
        into.merge(&carried).unwrap();
        assert_eq!(into, before);
    }
    let mut fresh = record();
    fresh.merge(&experienced(&at(2, 3, 2), 1).export()).unwrap();
    assert_eq!((fresh.seen().unwrap().position.epoch, fresh.local_floor(2)), (2, 2));
    // What is kept and older is a replay now.
    assert_eq!(code(fresh.see(seen(2, 2, 2))), "E-REPLAY");
    let mut newer_epoch = experienced(&at(2, 3, 1), 1);
    newer_epoch.merge(&experienced(&at(1, 9, 3), 1).export()).unwrap();
    assert_eq!((newer_epoch.local_floor(1), newer_epoch.local_floor(2)), (0, 1));
}

#[test]
fn an_import_that_contradicts_is_refused_whole() {
    let ours = experienced(&at(1, 7, 2), 1);
    let mut other = at(1, 7, 2);
    other.rollback_targets.clear();
    for (theirs, wanted) in [
        (experienced(&other, 2), "E-EQUIVOCATION"),
        (experienced(&at(1, 8, 1), 2), "E-FLOOR-LOWERED"),
        (experienced(&at(1, 6, 3), 2), "E-FLOOR-LOWERED"),
        (Record::new(id(), Sha256Digest::of(b"another root"), after(2)), "E-STATE-OTHER"),
        (Record::new("org/name@beta".parse().unwrap(), Sha256Digest::of(b"root"), after(2)), "E-STATE-OTHER"),
    ] {
        let mut into = ours.clone();
        assert_eq!(code(into.merge(&theirs.export())), wanted);
        assert_eq!(into, ours);
    }
}

#[test]
fn what_is_no_export_is_refused() {
    let bytes = experienced(&document(), 1).export().to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(code(ExportedState::parse(&bytes[..length])), "E-STATE-TORN");
    }
    let text = String::from_utf8(bytes).unwrap();
    let others = [
        format!("{text} "),
        text.replace(r#""model""#, r#""more":1,"model""#),
        // No state has a fraction of a second: merged, it would be read by nobody.
        text.replace(r#":00:00Z""#, r#":00:00.5Z""#),
    ];
    for bad in others {
        assert_ne!(bad, text);
        assert_eq!(code(ExportedState::parse(bad.as_bytes())), "E-STATE-TORN");
    }
    let newer = text.replace(r#""schemaVersion":1"#, r#""schemaVersion":2"#);
    assert_eq!(code(ExportedState::parse(newer.as_bytes())), "E-STATE-SCHEMA");
}

//! The rules of a channel document: every one is broken, and must be the one that refuses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod fixture;

use std::fs;
use std::path::Path;

use fixture::{after, attestation, code, document, now, reason, release, target, version};
use jiff::SignedDuration;
use lacre_release::{ChannelDocument, DocumentFault, EditFault, ReasonCode, ReleaseError, Rollout, Status};

fn fault(change: impl FnOnce(&mut ChannelDocument)) -> DocumentFault {
    let mut document = document();
    document.check().unwrap();
    change(&mut document);
    let from_bytes = ChannelDocument::parse(&document.to_bytes());
    match (document.check(), from_bytes) {
        (Err(ReleaseError::Rule(fault)), Err(ReleaseError::Rule(same))) => {
            assert_eq!(fault, same);
            fault
        }
        other => panic!("{other:?}"),
    }
}

fn full() -> ChannelDocument {
    let mut document = document();
    document.releases[0].status = Status::Revoked;
    document.releases[0].reason = Some(reason(ReasonCode::Backdoor));
    document.releases[3].attestations.push(attestation("https://slsa.dev/provenance/v1"));
    document.rollout = Some(rollout(5, "s33d"));
    document
}

fn rollout(percent: u8, seed: &str) -> Rollout {
    Rollout { percent, seed: seed.to_owned(), version: version("1.3") }
}

#[test]
fn what_is_written_is_read_and_is_canonical() {
    let document = full();
    let bytes = document.to_bytes();
    assert_eq!(ChannelDocument::parse(&bytes).unwrap(), document);
    // `to_vec` sorts every object; the fields of the types are sorted by hand.
    assert_eq!(bytes, lacre_json::to_vec(&document));
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.starts_with(
            r#"{"channel":"stable","current":"1.2","epoch":1,"expires":"2026-11-30T10:00:00Z","#
        )
    );
}

#[test]
fn other_bytes_that_say_the_same_are_refused() {
    let text = String::from_utf8(full().to_bytes()).unwrap();
    for other in [
        format!("{text}\n"),
        text.replacen(':', ": ", 1),
        text.replace("2026-11-30T10:00:00Z", "2026-11-30T11:00:00+01:00"),
        text.replace("2026-11-30T10:00:00Z", "2026-11-30T10:00:00.000Z"),
        text.replace("it says so", r"it\u0020says so"),
        text.replacen(r#""channel":"stable","current":"1.2""#, r#""current":"1.2","channel":"stable""#, 1),
    ] {
        assert_ne!(other, text);
        let error = ChannelDocument::parse(other.as_bytes()).unwrap_err();
        assert!(matches!(error, ReleaseError::Rule(DocumentFault::NotCanonical)), "{error:?}");
        assert_eq!(error.code(), "E-CHANNEL-DOCUMENT");
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let text = String::from_utf8(full().to_bytes()).unwrap();
    let newer = text.replace(r#""schemaVersion":1"#, r#""news":[],"schemaVersion":2"#);
    assert!(matches!(ChannelDocument::parse(newer.as_bytes()), Err(ReleaseError::Schema { found: 2 })));
    let same_shape = text.replace(r#""schemaVersion":1"#, r#""schemaVersion":0"#);
    assert!(matches!(ChannelDocument::parse(same_shape.as_bytes()), Err(ReleaseError::Schema { found: 0 })));
    for (bad, wanted) in [
        (text.replace(r#""schemaVersion":1"#, r#""news":1,"schemaVersion":1"#), "E-JSON"),
        (text.replacen(r#""epoch":1"#, r#""epoch":1,"epoch":2"#, 1), "E-DUPLICATE-KEY"),
        (text.replacen(r#""epoch":1"#, r#""epoch":-1"#, 1), "E-JSON"),
        (text.replacen(r#""epoch":1"#, r#""epoch":18446744073709551616"#, 1), "E-JSON"),
        (text.replacen(r#""stable""#, r#""root""#, 1), "E-JSON"),
        (text.replacen(r#""revoked""#, r#""gone""#, 1), "E-JSON"),
        (" ".repeat(ChannelDocument::LIMIT + 1), "E-LIMIT"),
    ] {
        assert_eq!(code(ChannelDocument::parse(bad.as_bytes())), wanted, "{bad:.200}");
    }
}

#[test]
fn every_rule_refuses_what_breaks_it() {
    let half = SignedDuration::from_millis(500);
    assert_eq!(fault(|it| it.epoch = 0), DocumentFault::Zero { member: "epoch" });
    assert_eq!(fault(|it| it.sequence = 0), DocumentFault::Zero { member: "sequence" });
    assert_eq!(fault(|it| it.releases[0].counter = 0), DocumentFault::Zero { member: "counter" });
    assert_eq!(fault(|it| it.expires = it.issued), DocumentFault::Lifetime);
    assert_eq!(fault(|it| it.expires += half), DocumentFault::Fraction { member: "expires" });
    assert_eq!(fault(|it| it.issued += half), DocumentFault::Fraction { member: "issued" });
    let fraction = fault(|it| it.rollback_targets[0].until += half);
    assert_eq!(fraction, DocumentFault::Fraction { member: "until" });
    let unordered = fault(|it| it.releases.swap(1, 2));
    assert_eq!(unordered, DocumentFault::Unordered { version: version("1.1") });
    let twice = fault(|it| it.releases[3].version = version("1.2"));
    assert_eq!(twice, DocumentFault::Twice { member: "releases", version: version("1.2") });
    let twice = fault(|it| it.rollback_targets.push(target("1.1", after(1))));
    assert_eq!(twice, DocumentFault::Twice { member: "rollbackTargets", version: version("1.1") });
    let unlisted = |member| DocumentFault::NotListed { member, version: version("2") };
    assert_eq!(fault(|it| it.current = Some(version("2"))), unlisted("current"));
    assert_eq!(fault(|it| it.rollback_targets[0].version = version("2")), unlisted("rollbackTargets"));
    let canary = fault(|it| it.rollout = Some(Rollout { version: version("2"), ..rollout(5, "s") }));
    assert_eq!(canary, unlisted("rollout"));
}

#[test]
fn a_status_and_its_reason_come_together() {
    for status in [Status::Deprecated, Status::Quarantined, Status::Revoked] {
        let silent = fault(|it| it.releases[1].status = status);
        assert_eq!(silent, DocumentFault::NoReason { version: version("1.1") });
        let mut document = document();
        document.releases[1].status = status;
        document.releases[1].reason = Some(reason(ReasonCode::Cve));
        document.check().unwrap();
    }
    let needless = fault(|it| it.releases[1].reason = Some(reason(ReasonCode::Cve)));
    assert_eq!(needless, DocumentFault::NeedlessReason { version: version("1.1") });
    let fraction = fault(|it| {
        it.releases[1].status = Status::Revoked;
        it.releases[1].reason = Some(reason(ReasonCode::Cve));
        it.releases[1].reason.as_mut().unwrap().at += SignedDuration::from_nanos(1);
    });
    assert_eq!(fraction, DocumentFault::Fraction { member: "at" });
}

#[test]
fn a_release_that_is_current_can_be_revoked_at_once() {
    let mut document = document();
    document.releases[2].status = Status::Revoked;
    document.releases[2].reason = Some(reason(ReasonCode::Backdoor));
    document.check().unwrap();
}

#[test]
fn texts_have_a_length_and_obey_no_terminal() {
    let said = |text: &str| {
        let mut document = document();
        document.rollback_targets[0].reason = text.to_owned();
        document.check()
    };
    assert!(said(&"x".repeat(500)).is_ok());
    assert!(said("schlechter als 1.1: größer, langsamer – 日本語").is_ok());
    let hostile =
        ["\u{0}", "\n", "\u{1b}[2J", "\u{7f}", "\u{9b}", "\u{202a}", "\u{202e}", "\u{2066}", "\u{2069}"];
    let hostile = hostile.into_iter().chain(["\u{200e}", "\u{200f}", "\u{61c}", "\u{2028}"]);
    for text in hostile.map(|character| format!("a{character}b")).chain([String::new(), "x".repeat(501)]) {
        let error = said(&text).unwrap_err();
        assert!(
            matches!(error, ReleaseError::Rule(DocumentFault::Text { member: "reason" })),
            "{text:?} {error:?}"
        );
        let of_a_status = fault(|it| {
            it.releases[0].status = Status::Revoked;
            it.releases[0].reason = Some(reason(ReasonCode::Backdoor));
            it.releases[0].reason.as_mut().unwrap().text.clone_from(&text);
        });
        assert_eq!(of_a_status, DocumentFault::Text { member: "text" });
        let of_a_type = fault(|it| it.releases[0].attestations.push(attestation(&text)));
        assert_eq!(of_a_type, DocumentFault::Text { member: "predicateType" });
    }
}

#[test]
fn a_media_type_is_two_tokens() {
    for bad in
        ["", "a", "/", "a/", "/b", "a/b/c", "a/b;c", "a b/c", "a/\u{e9}", &format!("a/{}", "b".repeat(128))]
    {
        let found = fault(|it| bad.clone_into(&mut it.releases[1].manifest.media_type));
        assert_eq!(found, DocumentFault::MediaType { version: version("1.1") }, "{bad}");
    }
}

#[test]
fn a_rollout_has_a_share_and_a_seed() {
    for good in [rollout(1, "a"), rollout(99, &"Z9".repeat(32))] {
        let mut document = document();
        document.rollout = Some(good);
        document.check().unwrap();
    }
    for bad in [
        rollout(0, "a"),
        rollout(100, "a"),
        rollout(5, ""),
        rollout(5, &"a".repeat(65)),
        rollout(5, "a\0"),
        rollout(5, "é"),
    ] {
        assert_eq!(fault(|it| it.rollout = Some(bad)), DocumentFault::Rollout);
    }
}

#[test]
fn lists_are_bounded() {
    let mut document = document();
    document.releases = (0..20_000).map(|minor| release(&format!("1.{minor}"), 1)).collect();
    document.rollback_targets = (0..1000).map(|minor| target(&format!("1.{minor}"), now())).collect();
    let type_at = |at: usize| attestation(&format!("https://example.org/{at}"));
    document.releases[0].attestations = (0..64).map(type_at).collect();
    document.check().unwrap();

    let too_many = |change: &dyn Fn(&mut ChannelDocument)| {
        let mut document = document.clone();
        change(&mut document);
        match document.check() {
            Err(ReleaseError::Rule(DocumentFault::TooMany { member, found, limit })) => {
                (member, found, limit)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(too_many(&|it| it.releases.push(release("2", 1))), ("releases", 20_001, 20_000));
    let targets = too_many(&|it| it.rollback_targets.push(target("1.1000", now())));
    assert_eq!(targets, ("rollbackTargets", 1001, 1000));
    let attestations = too_many(&|it| it.releases[0].attestations.push(type_at(64)));
    assert_eq!(attestations, ("attestations", 65, 64));
}

#[test]
fn ten_thousand_releases_fit() {
    let mut document = document();
    document.releases = (0..10_000).map(|minor| release(&format!("12.{minor}.0"), minor + 1)).collect();
    document.current = Some(version("12.9999.0"));
    document.rollback_targets.clear();
    for release in &mut document.releases {
        release.attestations = vec![attestation("https://slsa.dev/provenance/v1"); 2];
    }
    let bytes = document.to_bytes();
    assert!(bytes.len() < ChannelDocument::LIMIT, "{}", bytes.len());
    assert_eq!(ChannelDocument::parse(&bytes).unwrap(), document);
}

fn edit(change: impl FnOnce(&mut ChannelDocument)) -> Result<(), ReleaseError> {
    let previous = full();
    let mut next = previous.clone();
    next.sequence += 1;
    change(&mut next);
    next.check().unwrap();
    next.follows(&previous)
}

#[test]
fn an_edit_keeps_what_was_promised() {
    edit(|_| {}).unwrap();
    edit(|it| it.floor.counter = 3).unwrap();
    edit(|it| it.releases.push(release("1.4", 9))).unwrap();
    edit(|it| it.releases.insert(0, release("0.9", 1))).unwrap();
    edit(|it| it.releases[2].attestations.push(attestation("https://example.org/later"))).unwrap();
    edit(|it| it.rollback_targets.clear()).unwrap();
    edit(|it| it.current = Some(version("1.0"))).unwrap();

    let fault = |change: &dyn Fn(&mut ChannelDocument)| match edit(change) {
        Err(ReleaseError::Edit(fault)) => fault,
        other => panic!("{other:?}"),
    };
    let sequence = |found| EditFault::Sequence { found, before: 7 };
    assert_eq!(fault(&|it| it.sequence = 7), sequence(7));
    assert_eq!(fault(&|it| it.sequence = 9), sequence(9));
    let gone = fault(&|it| {
        it.releases.remove(3);
        it.rollout = None;
    });
    assert_eq!(gone, EditFault::Gone { version: version("1.3") });
    let changed = EditFault::Changed { version: version("1.3") };
    assert_eq!(fault(&|it| it.releases[3].counter = 5), changed);
    assert_eq!(fault(&|it| it.releases[3].manifest = release("x", 1).manifest), changed);
    assert_eq!(fault(&|it| it.releases[3].model_digests = release("x", 1).model_digests), changed);
    assert_eq!(fault(&|it| it.releases[3].attestations.clear()), changed);
    for status in [Status::Active, Status::Deprecated, Status::Quarantined] {
        let unrevoked = fault(&|it| {
            it.releases[0].status = status;
            it.releases[0].reason = (status != Status::Active).then(|| reason(ReasonCode::Cve));
        });
        assert_eq!(unrevoked, EditFault::Unrevoked { version: version("1.0") });
    }
    let other = edit(|it| it.model = "org/other".parse().unwrap());
    assert!(matches!(other, Err(ReleaseError::Edit(EditFault::OtherChannel { .. }))), "{other:?}");
    assert_eq!(code(other), "E-CHANNEL-EDIT");
    assert_eq!(code(edit(|it| it.sequence = 6)), "E-REPLAY");
    assert_eq!(code(edit(|it| it.floor.counter = 0)), "E-FLOOR-LOWERED");
}

#[test]
fn a_quarantine_ends_and_a_new_epoch_frees_all_but_the_channel() {
    let mut quarantined = document();
    quarantined.releases[0].status = Status::Quarantined;
    quarantined.releases[0].reason = Some(reason(ReasonCode::Regression));
    let mut next = document();
    next.sequence += 1;
    next.follows(&quarantined).unwrap();

    edit(|it| {
        it.epoch = 2;
        it.sequence = 1;
        it.floor.counter = 0;
        it.releases.remove(0);
        it.releases[0].counter = 1;
    })
    .unwrap();
    let other = edit(|it| {
        it.epoch = 2;
        it.channel = "beta".parse().unwrap();
    });
    assert_eq!(code(other), "E-CHANNEL-EDIT");
    let mut old = full();
    old.epoch = 2;
    let mut replay = full();
    replay.sequence = 100;
    assert_eq!(code(replay.follows(&old)), "E-REPLAY");
}

#[test]
fn the_highest_sequence_can_only_be_left_by_an_epoch() {
    let mut spent = document();
    spent.sequence = u64::MAX;
    let mut next = spent.clone();
    assert_eq!(code(next.follows(&spent)), "E-CHANNEL-EDIT");
    next.epoch = 2;
    next.sequence = 1;
    next.follows(&spent).unwrap();
}

/// Fuzzing begins with documents, not with what was one once.
#[test]
fn the_inputs_that_fuzzing_begins_with_are_documents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/channel_document");
    for name in ["attested", "blocked", "canary", "empty", "one", "rollback"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        assert_eq!(code(ChannelDocument::parse(&bytes)), "ok", "{name}");
    }
    for name in ["newer", "spaced"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        assert_eq!(code(ChannelDocument::parse(&bytes)), "E-CHANNEL-DOCUMENT", "{name}");
    }
}

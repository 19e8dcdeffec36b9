//! The six rules of a decision, each broken alone; and which of them speaks first when several are broken.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod fixture;

use fixture::{after, ask, attestation, code, document, now, reason, release, request, target, version};
use jiff::SignedDuration;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_release::{
    ChannelDocument, Contents, FloorKind, Floors, ReasonCode, Refusal, ReleaseError, Request, Rollout,
    Standing, Status, Wanted, decide,
};

fn refusal(document: &ChannelDocument, request: &Request<'_>) -> Refusal {
    document.check().unwrap();
    match decide(document, request) {
        Err(ReleaseError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Request<'static> {
    request(Wanted::Version(version(text)))
}

fn mark(document: &mut ChannelDocument, at: usize, status: Status, code: ReasonCode) {
    document.releases[at].status = status;
    document.releases[at].reason = Some(reason(code));
}

#[test]
fn the_current_release_runs_however_it_is_asked_for() {
    let document = document();
    let current = &document.releases[2];
    for wanted in [
        Wanted::Current,
        Wanted::Version(version("1.2")),
        Wanted::Manifest(current.manifest.sha256),
        Wanted::Contents(current.model_digests),
    ] {
        let permit = decide(&document, &request(wanted)).unwrap();
        assert_eq!(permit.release(), current);
        assert_eq!(permit.standing(), Standing::Current);
        assert_eq!((permit.floor(), permit.signed_floor()), (1, 1));
        assert_eq!(permit.position(), document.position());
        assert!(!permit.is_deprecated());
    }
}

#[test]
fn rule_1_a_document_is_believed_until_the_moment_it_expires() {
    let document = document();
    let mut late = request(Wanted::Current);
    late.now = document.expires - SignedDuration::from_secs(1);
    decide(&document, &late).unwrap();
    late.now = document.expires;
    let refused = refusal(&document, &late);
    assert_eq!(refused, Refusal::Expired { expired: document.expires, now: document.expires });
    assert_eq!(refused.code(), "E-CHANNEL-EXPIRED");
}

#[test]
fn rule_2_what_is_not_listed_does_not_run() {
    let document = document();
    let contents = document.releases[2].model_digests;
    for wanted in [
        Wanted::Version(version("9")),
        Wanted::Manifest(Sha256Digest::of(b"other")),
        // One digest of two is no proof.
        Wanted::Contents(Contents { lacre: Blake3Digest::of(b"other"), ..contents }),
        Wanted::Contents(Contents { sha256: Sha256Digest::of(b"other"), ..contents }),
    ] {
        let refused = refusal(&document, &request(wanted.clone()));
        assert_eq!(refused, Refusal::Unknown { wanted: wanted.to_string() });
        assert_eq!(refused.code(), "E-RELEASE-UNKNOWN");
    }
    let mut empty = document.clone();
    empty.current = None;
    let refused = refusal(&empty, &request(Wanted::Current));
    assert_eq!((&refused, refused.code()), (&Refusal::NoCurrent, "E-RELEASE-UNKNOWN"));
}

#[test]
fn rule_3_a_revocation_beats_current_allowances_pins_and_canaries() {
    for (status, wanted) in [(Status::Revoked, "E-REVOKED"), (Status::Quarantined, "E-QUARANTINED")] {
        let mut document = document();
        document.rollout = Some(Rollout { percent: 99, seed: "s".to_owned(), version: version("1.3") });
        for release in 1..4 {
            mark(&mut document, release, status, ReasonCode::Backdoor);
        }
        for text in ["1.1", "1.2", "1.3"] {
            let mut request = at(text);
            request.instance = Some("pod-0");
            assert_eq!(refusal(&document, &request).code(), wanted, "{text}");
        }
        assert_eq!(refusal(&document, &request(Wanted::Current)).code(), wanted);
        let manifest = Wanted::Manifest(document.releases[1].manifest.sha256);
        assert_eq!(refusal(&document, &request(manifest)).code(), wanted);
        let contents = Wanted::Contents(document.releases[1].model_digests);
        assert_eq!(refusal(&document, &request(contents)).code(), wanted);
    }
    let mut deprecated = document();
    mark(&mut deprecated, 2, Status::Deprecated, ReasonCode::Regression);
    assert!(decide(&deprecated, &request(Wanted::Current)).unwrap().is_deprecated());
}

#[test]
fn rule_3_revoked_bytes_are_no_better_under_another_version() {
    let mut document = document();
    document.releases[2].model_digests = document.releases[0].model_digests;
    mark(&mut document, 0, Status::Revoked, ReasonCode::Backdoor);
    for wanted in [
        Wanted::Current,
        Wanted::Version(version("1.2")),
        Wanted::Contents(document.releases[0].model_digests),
    ] {
        let Refusal::Revoked { version: asked, listed_as, .. } = refusal(&document, &request(wanted)) else {
            panic!("it was not the revocation")
        };
        assert_eq!((asked, listed_as), (version("1.2"), version("1.0")));
    }
    // A stolen key says nothing about the model: the same one, signed anew, is the way out.
    mark(&mut document, 0, Status::Revoked, ReasonCode::KeyCompromise);
    decide(&document, &request(Wanted::Current)).unwrap();
    decide(&document, &request(Wanted::Contents(document.releases[0].model_digests))).unwrap();
    assert_eq!(code(ask(&document, "1.0")), "E-REVOKED");
    // The same manifest has the same signatures, though.
    document.releases[2].manifest = document.releases[0].manifest.clone();
    assert_eq!(code(decide(&document, &request(Wanted::Current))), "E-REVOKED");
}

#[test]
fn rule_4_the_highest_floor_refuses_and_says_whose_it_is() {
    let mut document = document();
    let floor = |document: &ChannelDocument, local, policy| {
        let mut request = at("1.2");
        request.floors = Floors { local, policy };
        match refusal(document, &request) {
            Refusal::Floor { counter, kind, floor, .. } => (counter, kind, floor),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(floor(&document, 4, None), (3, FloorKind::Local, 4));
    assert_eq!(floor(&document, 4, Some(5)), (3, FloorKind::Policy, 5));
    assert_eq!(floor(&document, 6, Some(5)), (3, FloorKind::Local, 6));
    document.floor.counter = 7;
    assert_eq!(floor(&document, 7, Some(7)), (3, FloorKind::Signed, 7));
    assert_eq!(code(ask(&document, "1.2")), "E-FLOOR");

    document.floor.counter = 3;
    let mut exact = at("1.2");
    exact.floors = Floors { local: 2, policy: Some(1) };
    let permit = decide(&document, &exact).unwrap();
    assert_eq!((permit.floor(), permit.signed_floor()), (3, 3));
    exact.floors.policy = Some(3);
    decide(&document, &exact).unwrap();
}

#[test]
fn rule_5_rolling_back_is_for_those_that_are_listed_and_in_time() {
    let document = document();
    let permit = ask(&document, "1.1").unwrap();
    assert_eq!(permit.standing(), Standing::RollbackTarget { until: after(24) });

    let mut late = at("1.1");
    late.now = after(24) - SignedDuration::from_secs(1);
    decide(&document, &late).unwrap();
    late.now = after(24);
    let refused = refusal(&document, &late);
    assert_eq!(refused, Refusal::Rollback { version: version("1.1"), ended: Some(after(24)) });
    assert_eq!(refused.code(), "E-ROLLBACK");

    // Older and not allowed; newer, and not promoted yet.
    for text in ["1.0", "1.3"] {
        let refused = refusal(&document, &at(text));
        assert_eq!(refused, Refusal::Rollback { version: version(text), ended: None });
    }
}

#[test]
fn rule_5_a_rollback_target_below_the_floor_or_revoked_does_not_run() {
    let mut document = document();
    document.floor.counter = 3;
    assert_eq!(code(ask(&document, "1.1")), "E-FLOOR");
    mark(&mut document, 1, Status::Revoked, ReasonCode::Backdoor);
    assert_eq!(code(ask(&document, "1.1")), "E-REVOKED");
}

#[test]
fn rule_6_an_attestation_is_demanded_listed_and_here() {
    let mut document = document();
    let (tests, scan) = (attestation("https://example.org/tests"), attestation("https://example.org/scan"));
    document.releases[2].attestations = vec![tests.clone(), scan.clone()];
    let required = [tests.predicate_type.as_str(), scan.predicate_type.as_str()];
    let decide_with = |presented: &[lacre_release::AttestationRef]| {
        let mut request = request(Wanted::Current);
        request.required = &required;
        request.presented = presented;
        decide(&document, &request)
    };
    decide_with(&[scan.clone(), tests.clone()]).unwrap();
    let missing = |predicate_type: &str| Refusal::Attestation {
        version: version("1.2"),
        predicate_type: predicate_type.to_owned(),
    };
    let refused = |presented: &[lacre_release::AttestationRef]| match decide_with(presented) {
        Err(ReleaseError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]), missing(required[0]));
    assert_eq!(refused(std::slice::from_ref(&tests)), missing(required[1]));
    assert_eq!(refused(&[]).code(), "E-ATTESTATION-MISSING");
    // Of the type that is wanted, but not the one that the channel lists.
    let mut other = scan.clone();
    other.sha256 = Sha256Digest::of(b"other");
    assert_eq!(refused(&[tests.clone(), other]), missing(required[1]));
}

/// All rules are broken at once; repaired one by one, the next one speaks.
#[test]
fn the_rules_speak_in_their_order() {
    let mut document = document();
    let mut asked = at("9");
    asked.now = document.expires;
    asked.required = &["https://example.org/tests"];
    let codes = |document: &ChannelDocument, asked: &Request<'_>| refusal(document, asked).code();
    assert_eq!(codes(&document, &asked), "E-CHANNEL-EXPIRED");
    asked.now = now();
    assert_eq!(codes(&document, &asked), "E-RELEASE-UNKNOWN");
    asked.wanted = Wanted::Version(version("1.0"));
    document.floor.counter = 2;
    mark(&mut document, 0, Status::Revoked, ReasonCode::Cve);
    assert_eq!(codes(&document, &asked), "E-REVOKED");
    document.releases[0] = release("1.0", 1);
    assert_eq!(codes(&document, &asked), "E-FLOOR");
    document.floor.counter = 1;
    assert_eq!(codes(&document, &asked), "E-ROLLBACK");
    document.rollback_targets.push(target("1.0", after(1)));
    assert_eq!(codes(&document, &asked), "E-ATTESTATION-MISSING");
    asked.required = &[];
    decide(&document, &asked).unwrap();
}

fn drawn(document: &ChannelDocument) -> Vec<String> {
    let runs_canary = |name: &String| {
        let mut asked = request(Wanted::Current);
        asked.instance = Some(name);
        let permit = decide(document, &asked).unwrap();
        assert_eq!(permit.standing() == Standing::Canary, permit.release().version == version("1.3"));
        permit.standing() == Standing::Canary
    };
    (0..10_000).map(|at| format!("instance-{at}")).filter(runs_canary).collect()
}

#[test]
fn a_canary_has_a_stable_share_that_only_grows() {
    let mut document = document();
    let mut rollout = Rollout { percent: 5, seed: "seed".to_owned(), version: version("1.3") };
    document.rollout = Some(rollout.clone());
    let few = drawn(&document);
    // Counted with `hashlib` of Python 3.
    assert_eq!(few.len(), 503);
    rollout.percent = 20;
    document.rollout = Some(rollout.clone());
    let more = drawn(&document);
    assert!((1800..2200).contains(&more.len()), "{}", more.len());
    assert!(few.iter().all(|name| more.contains(name)));
    "other".clone_into(&mut rollout.seed);
    document.rollout = Some(rollout);
    let others = drawn(&document);
    assert!(few.iter().filter(|name| others.contains(name)).count() < 200);
}

#[test]
fn a_canary_runs_in_its_share_only_and_not_once_it_is_stopped() {
    let mut document = document();
    document.rollout = Some(Rollout { percent: 5, seed: "seed".to_owned(), version: version("1.3") });
    let inside = drawn(&document).remove(0);
    let mut pinned = at("1.3");
    assert_eq!(code(decide(&document, &pinned)), "E-ROLLBACK");
    pinned.instance = Some(&inside);
    assert_eq!(decide(&document, &pinned).unwrap().standing(), Standing::Canary);

    // What runs when nobody asks for a version is the current release again.
    mark(&mut document, 3, Status::Revoked, ReasonCode::Regression);
    assert_eq!(code(decide(&document, &pinned)), "E-REVOKED");
    pinned.wanted = Wanted::Current;
    assert_eq!(decide(&document, &pinned).unwrap().release().version, version("1.2"));
}

//! Revocation lists: what is revoked, what can be told, and what cannot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test must fail")]

mod story;

use lacre_testkit::pki::{Draft, Ext, RevocationDraft, Revoked, TestKey, TimestampDraft, der, usage};
use lacre_verify::{Crls, TimestampAuthorities, TrustedTime, verify_token};

use crate::story::{NOW, Story, said};

const REVOKED: &str = "E-CERTIFICATE-REVOKED";
const UNKNOWN: &str = "E-REVOCATION-UNKNOWN";
const OK: &str = "ok";

/// A time that an authority proves.
fn stamped(text: &str) -> TrustedTime {
    let over = b"a signature";
    let (root_key, key) = (TestKey::p384("tsa root"), TestKey::p256("tsa"));
    let (root, leaf) =
        (Draft::root("TSA Root", &root_key), Draft::timestamp_authority("TSA Root", "TSA", &key));
    let mut draft = TimestampDraft::new(over, &leaf.sign(&root_key), &leaf.issuer, leaf.serial);
    text.clone_into(&mut draft.time);
    let authorities = TimestampAuthorities::new().and_der(&[root.sign(&root_key)]).unwrap();
    verify_token(&draft.answer(&key), over, &authorities).unwrap()
}

/// The lists of both authorities.
struct Lists {
    root: RevocationDraft,
    middle: RevocationDraft,
}

impl Lists {
    fn new() -> Self {
        Self { root: RevocationDraft::new("Root"), middle: RevocationDraft::new("Middle") }
    }

    fn sign(&self, story: &Story) -> Vec<Vec<u8>> {
        vec![self.root.sign(&story.root_key), self.middle.sign(&story.middle_key)]
    }
}

/// What comes of these lists, after both were changed.
fn outcome(change: impl Fn(&mut Story, &mut Lists)) -> (String, String) {
    let (mut story, mut lists) = (Story::new(), Lists::new());
    change(&mut story, &mut lists);
    if story.crls.is_none() {
        story.crls = Some(lists.sign(&story));
    }
    said(&story.verify())
}

fn leaf_revoked(lists: &mut Lists, story: &Story, entry: impl Fn(Revoked) -> Revoked) {
    let entry = entry(Revoked::new(story.leaf.serial, "20260301000000Z"));
    lists.middle = lists.middle.clone().revoke(entry);
}

#[test]
fn current_lists_without_the_certificates_are_accepted() {
    assert_eq!(outcome(|_, _| {}).0, OK);
    // Somebody else's revocation.
    let other = |_: &mut Story, lists: &mut Lists| {
        lists.middle = lists.middle.clone().revoke(Revoked::new(5, "20260301000000Z").reason(1));
    };
    assert_eq!(outcome(other).0, OK);
}

#[test]
fn what_is_revoked_is_refused() {
    let (code, text) = outcome(|story, lists| leaf_revoked(lists, story, |entry| entry));
    assert_eq!(code, REVOKED);
    assert!(text.contains("CN=Release") && text.contains("2026-03-01T00:00:00Z"), "{text}");
    let (code, text) = outcome(|story, lists| {
        let entry = Revoked::new(story.middle.serial, "20260301000000Z").reason(4);
        lists.root = lists.root.clone().revoke(entry);
    });
    assert_eq!(code, REVOKED);
    assert!(text.contains("CN=Middle") && text.contains("superseded"), "{text}");
}

/// A certificate that was revoked later still counts for what existed before, unless the key may have been stolen.
#[test]
fn a_proven_time_before_the_revocation_counts_unless_the_key_was_stolen() {
    let before = "20260101000000Z";
    let after = "20260301000000Z";
    // RFC 5280, section 5.3.1; `None`: no reason.
    let reasons: &[(Option<u8>, &str)] = &[
        (None, OK),
        (Some(0), OK),
        (Some(1), REVOKED),
        (Some(2), REVOKED),
        (Some(3), OK),
        (Some(4), OK),
        (Some(5), OK),
        (Some(6), OK),
        (Some(9), OK),
        (Some(10), OK),
    ];
    for (reason, expected) in reasons {
        let revoked = |story: &Story, lists: &mut Lists| {
            leaf_revoked(lists, story, |entry| reason.map_or(entry.clone(), |number| entry.reason(number)));
        };
        let at = |times: Vec<TrustedTime>| {
            outcome(|story, lists| {
                revoked(story, lists);
                story.times.clone_from(&times);
            })
            .0
        };
        assert_eq!(at(vec![stamped(before)]), *expected, "{reason:?}");
        // The moment itself, later, one of two, and what only the own clock or nobody says, do not.
        assert_eq!(at(vec![stamped(after)]), REVOKED, "{reason:?}");
        assert_eq!(at(vec![stamped(NOW)]), REVOKED, "{reason:?}");
        assert_eq!(at(vec![stamped(before), stamped(NOW)]), REVOKED, "{reason:?}");
        assert_eq!(at(vec![TrustedTime::now(der::moment(before))]), REVOKED, "{reason:?}");
        let story = Story::new();
        let assumed = TrustedTime::assume_not_before_danger(&story.given()[0]).unwrap();
        assert_eq!(at(vec![assumed]), REVOKED, "{reason:?}");
    }
}

#[test]
fn the_date_since_when_the_key_was_bad_counts() {
    let at = |time: &str| {
        outcome(|story, lists| {
            leaf_revoked(lists, story, |entry| entry.reason(4).invalid_since("20250601000000Z"));
            story.times = vec![stamped(time)];
        })
        .0
    };
    assert_eq!(at("20250531235959Z"), OK);
    assert_eq!(at("20250601000000Z"), REVOKED);
    assert_eq!(at("20260101000000Z"), REVOKED);
}

#[test]
fn what_was_revoked_later_is_reported() {
    let (mut story, mut lists) = (Story::new(), Lists::new());
    leaf_revoked(&mut lists, &story, |entry| entry.reason(4));
    story.crls = Some(lists.sign(&story));
    story.times = vec![stamped("20260101000000Z")];
    let leaf = story.verify().unwrap();
    assert!(leaf.warnings()[0].contains("superseded"), "{:?}", leaf.warnings());
}

/// A list of after the end of a certificate need not name it any more (RFC 5280, section 3.3).
#[test]
fn a_list_that_is_younger_than_the_certificate_is_reported() {
    let (mut story, lists) = (Story::new(), Lists::new());
    story.leaf.not_after = "20250801000000Z".to_owned();
    story.times = vec![stamped("20250601000000Z")];
    story.crls = Some(lists.sign(&story));
    let leaf = story.verify().unwrap();
    assert_eq!(leaf.warnings().len(), 1, "{:?}", leaf.warnings());
    assert!(leaf.warnings()[0].contains("need not list it"), "{:?}", leaf.warnings());
}

type Change = fn(&mut Story, &mut Lists);

const UNTOLD: &[(&str, &str, Change)] = &[
    ("no list of the authority", "CN=Middle", |story, lists| {
        story.crls = Some(vec![lists.root.sign(&story.root_key)]);
    }),
    ("no list of the anchor", "CN=Root", |story, lists| {
        story.crls = Some(vec![lists.middle.sign(&story.middle_key)]);
    }),
    ("a stale list", "stale since 2026-06-15T12:00:00Z", |_, lists| {
        lists.middle.next_update = Some(NOW.to_owned());
    }),
    ("a list of tomorrow", "not valid before", |_, lists| {
        "20260616000000Z".clone_into(&mut lists.middle.this_update);
    }),
    ("a list of another authority", "CN=Middle", |_, lists| lists.middle.issuer = der::name("Muddle")),
    ("a list that a stranger signed", "does not verify", |story, lists| {
        story.crls =
            Some(vec![lists.root.sign(&story.root_key), lists.middle.sign(&TestKey::p256("stranger"))]);
    }),
    ("a list that the leaf signed", "does not verify", |story, lists| {
        story.crls = Some(vec![lists.root.sign(&story.root_key), lists.middle.sign(&story.leaf_key)]);
    }),
    ("one bit of the signature", "does not verify", |story, lists| {
        let mut all = lists.sign(story);
        *all[1].last_mut().unwrap() ^= 1;
        story.crls = Some(all);
    }),
    ("an authority that may not sign lists", "cRLSign", |story, _| {
        story.middle.put(Ext::usage(&[usage::KEY_CERT_SIGN]));
    }),
    ("an anchor that may not sign lists", "cRLSign", |story, _| {
        story.root.put(Ext::usage(&[usage::KEY_CERT_SIGN]));
    }),
    ("no nextUpdate", "nextUpdate", |_, lists| lists.middle.next_update = None),
    ("version 1", "DER", |_, lists| lists.middle.version = None),
    ("a version that does not exist", "DER", |_, lists| lists.middle.version = Some(5)),
    ("a delta list", "delta", |_, lists| {
        lists.middle.extensions.push(Ext::new("2.5.29.27", der::integer(3)).critical());
    }),
    ("an indirect list", "indirect", |_, lists| {
        let indirect = der::sequence(&[der::value(0x84, &[0xff])]);
        lists.middle.extensions.push(Ext::new("2.5.29.28", indirect).critical());
    }),
    ("a list of users only", "partitioned", |_, lists| {
        let users = der::sequence(&[der::value(0x81, &[0xff])]);
        lists.middle.extensions.push(Ext::new("2.5.29.28", users).critical());
    }),
    ("an unknown critical extension", "1.2.3.4", |_, lists| {
        lists.middle.extensions.push(Ext::new("1.2.3.4", der::null()).critical());
    }),
    ("an extension twice", "twice", |_, lists| {
        lists.middle.extensions.push(Ext::new("2.5.29.20", der::integer(6)));
    }),
    ("another algorithm inside", "two signature algorithms", |_, lists| {
        lists.middle.inner = Some(der::sequence(&[der::oid("1.2.840.10045.4.3.3")]));
    }),
    ("an unknown critical extension of an entry", "1.2.3.4", |_, lists| {
        let mut entry = Revoked::new(5, "20260301000000Z");
        entry.extensions.push(Ext::new("1.2.3.4", der::null()).critical());
        lists.middle.revoked.push(entry);
    }),
    ("an entry of another issuer", "indirect", |_, lists| {
        let mut entry = Revoked::new(5, "20260301000000Z");
        entry.extensions.push(Ext::new("2.5.29.29", der::sequence(&[])).critical());
        lists.middle.revoked.push(entry);
    }),
    ("removeFromCRL", "removeFromCRL", |story, lists| {
        leaf_revoked(lists, story, |entry| entry.reason(8));
    }),
    ("a reason that does not exist", "malformed", |story, lists| {
        leaf_revoked(lists, story, |entry| entry.reason(7));
    }),
    ("a certificate twice", "twice", |story, lists| {
        leaf_revoked(lists, story, |entry| entry.reason(4));
        leaf_revoked(lists, story, |entry| entry.reason(1));
    }),
    ("a byte behind the list", "DER", |story, lists| {
        let mut all = lists.sign(story);
        all[1].push(0);
        story.crls = Some(all);
    }),
    ("no list at all", "no revocation list", |story, _| story.crls = Some(Vec::new())),
];

#[test]
fn what_cannot_be_told_is_refused() {
    for (name, says, change) in UNTOLD {
        let (code, text) = outcome(change);
        assert!(code == UNKNOWN && text.contains(says), "{name}: {code}: {text}");
    }
}

#[test]
fn of_several_lists_the_current_ones_count() {
    let two = |first: &str, second: &str, revoke_in: usize| {
        outcome(|story, lists| {
            let mut drafts = [lists.middle.clone(), lists.middle.clone()];
            drafts[0].next_update = Some(first.to_owned());
            drafts[1].next_update = Some(second.to_owned());
            drafts[revoke_in].revoked.push(Revoked::new(story.leaf.serial, "20260301000000Z"));
            let mut all = vec![lists.root.sign(&story.root_key)];
            all.extend(drafts.iter().map(|draft| draft.sign(&story.middle_key)));
            story.crls = Some(all);
        })
        .0
    };
    let (past, future) = ("20260201000000Z", "20270101000000Z");
    assert_eq!(two(future, future, 0), REVOKED);
    assert_eq!(two(future, future, 1), REVOKED);
    assert_eq!(two(past, future, 0), OK);
    assert_eq!(two(past, future, 1), REVOKED);
    assert_eq!(two(past, past, 1), UNKNOWN);
}

/// RUSTSEC-2026-0049: which list is responsible for a certificate was mistaken, so that a revoked one passed. Lists that are
/// responsible for a part only are not read at all. RUSTSEC-2026-0104: a list could end the program; lists of every
/// malformed kind are in `UNTOLD`, and in the corpus of the fuzz target.
#[test]
fn rustsec_2026_0049_and_0104() {
    // A part of the authority's certificates, by the place where the list is published.
    let (code, text) = outcome(|story, lists| {
        let place = der::value(0x86, b"http://example.test/1.crl");
        let name = der::context(0, &der::context(0, &place));
        lists.middle.extensions.push(Ext::new("2.5.29.28", der::sequence(&[name])).critical());
        leaf_revoked(lists, story, |entry| entry);
    });
    assert!(code == UNKNOWN && text.contains("partitioned"), "{code}: {text}");
    // An empty set of reasons, and an empty list.
    let (code, _) = outcome(|_, lists| {
        let reasons = der::sequence(&[der::value(0x83, &[0])]);
        lists.middle.extensions.push(Ext::new("2.5.29.28", reasons).critical());
    });
    assert_eq!(code, UNKNOWN);
    assert_eq!(Crls::from_der([der::sequence(&[])]).unwrap_err().code(), UNKNOWN);
}

#[test]
fn an_anchor_needs_no_list() {
    let (mut story, lists) = (Story::new(), Lists::new());
    story.anchors = Some(vec![story.middle.sign(&story.root_key)]);
    story.crls = Some(vec![lists.middle.sign(&story.middle_key)]);
    assert_eq!(said(&story.verify()).0, OK);
}

#[test]
fn lists_come_as_pem_too() {
    let (story, lists) = (Story::new(), Lists::new());
    let pem: String = lists.sign(&story).iter().map(|list| der::pem("X509 CRL", list)).collect();
    assert!(Crls::from_pem(&pem).is_ok());
    for text in [String::new(), der::pem("CERTIFICATE", &story.given()[0]), pem[..60].to_owned()] {
        assert_eq!(Crls::from_pem(&text).unwrap_err().code(), UNKNOWN);
    }
}

//! What hangs on an artifact, with marks that nobody can earn without a signature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Node, NodeKind, Reason, Standing, Tree, tree};
use lacre_hash::{NoProgress, Progress, Sha256Digest};
use lacre_registry_client::{
    CHUNKS_ARTIFACT_TYPE, Descriptor, Discovery, EMPTY_CONFIG, EMPTY_CONFIG_BYTES, IMAGE_MANIFEST, Layout,
    Store, Target, attach_chunks, attach_signature,
};
use lacre_testkit::{Sealed, resign, tamper};
use lacre_verify::Requirements;
use serde_json::json;

use stores::{artifact, attach, blob, files, pushed, trusting, v1};

fn look(store: &Layout, target: &Target, requirements: Option<&Requirements>) -> Result<Tree, DeliverError> {
    tree(store, target, requirements, &Limits::default(), &NoProgress)
}

fn mark<T>(standing: &Standing<T>) -> &'static str {
    match standing {
        Standing::Verified(_) => "verified",
        Standing::Unverified(reason) => reason.code(),
    }
}

/// The mark of the one referrer of this artifact type.
fn of_type<'a>(nodes: &'a [Node], artifact_type: &str) -> &'a Node {
    let mut found = nodes.iter().filter(|node| node.manifest.artifact_type.as_deref() == Some(artifact_type));
    let node = found.next().unwrap();
    assert!(found.next().is_none());
    node
}

/// Anything that refers to `subject`, of a type that nobody knows.
fn refer(store: &Layout, subject: &Descriptor, artifact_type: &str, note: &str) -> Descriptor {
    let config = Descriptor::of(EMPTY_CONFIG, EMPTY_CONFIG_BYTES);
    store.put_blob(&config, &EMPTY_CONFIG_BYTES, &NoProgress).unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "artifactType": artifact_type, "config": config,
        "layers": [config], "subject": subject.plain(), "annotations": { "note": note },
    });
    store.put_manifest(IMAGE_MANIFEST, manifest.to_string().as_bytes(), None).unwrap()
}

/// A signed statement of some kind about a manifest.
fn attestation(sealed: &Sealed, about: Sha256Digest) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "m", "digest": { "sha256": about.to_string() } }],
        "predicateType": "https://example.com/reviewed/v1",
        "predicate": { "by": "us" },
    });
    resign(statement.to_string(), sealed.key())
}

#[test]
fn each_thing_has_its_mark() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let subject = &pushed.manifest;
    attach_chunks(&store, subject, b"lists").unwrap();
    let unknown = refer(&store, subject, "application/x.other", "");
    refer(&store, &unknown, "application/x.deeper", "");
    let requirements = trusting(sealed.public_key());
    let tree = look(&store, &v1(), Some(&requirements)).unwrap();
    assert_eq!(tree.manifest.digest, subject.digest);
    let Standing::Verified(signers) = &tree.standing else { panic!("{tree:?}") };
    assert_eq!(signers[0].key(), sealed.public_key().hint());
    assert_eq!(tree.referrers.by, Some(Discovery::Index));
    let nodes = &tree.referrers.nodes;
    assert_eq!(nodes.len(), 3);
    let signature = of_type(nodes, lacre_registry_client::BUNDLE_ARTIFACT_TYPE);
    let Standing::Verified(signed) = &signature.standing else { panic!("{signature:?}") };
    assert_eq!(signed.signer.key(), sealed.public_key().hint());
    let NodeKind::Bundle(Some(said)) = &signature.kind else { panic!("{signature:?}") };
    assert_eq!(said.subjects, ["org/mini-lm 1.0.0"]);
    assert_eq!(mark(&of_type(nodes, CHUNKS_ARTIFACT_TYPE).standing), "unsigned");
    let other = of_type(nodes, "application/x.other");
    assert_eq!(mark(&other.standing), "unknown-type");
    assert_eq!(mark(&of_type(&other.referrers.nodes, "application/x.deeper").standing), "unknown-type");
    assert!(!tree.is_cut);
}

#[test]
fn nothing_is_verified_for_somebody_who_trusts_nobody() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let tree = look(&store, &v1(), None).unwrap();
    assert_eq!(
        (mark(&tree.standing), mark(&tree.referrers.nodes[0].standing)),
        ("not-checked", "not-checked")
    );
}

#[test]
fn another_key_another_name_and_other_files_are_told_apart() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let code = |requirements: Requirements| {
        let tree = look(&store, &v1(), Some(&requirements)).unwrap();
        assert_eq!(mark(&tree.standing), mark(&tree.referrers.nodes[0].standing));
        mark(&tree.standing)
    };
    assert_eq!(code(trusting(Sealed::sample().public_key())), "E-SIGNER-UNTRUSTED");
    assert_eq!(code(trusting(sealed.public_key()).expect_name("org/other")), "E-NAME-MISMATCH");
    assert_eq!(code(trusting(sealed.public_key()).expect_name("org/mini-lm")), "verified");
    // A good signature over other files than those it is attached to.
    let bare = Layout::create(&sealed.model().beside("bare")).unwrap();
    let mut others = files(&sealed);
    others[0].1 = b"another".to_vec();
    let manifest = artifact(&bare, &others);
    let unsigned = look(&bare, &v1(), Some(&trusting(sealed.public_key()))).unwrap();
    assert_eq!(mark(&unsigned.standing), "E-NO-SIGNATURE");
    assert!(unsigned.referrers.nodes.is_empty());
    attach(&bare, &manifest, sealed.bundle());
    let tree = look(&bare, &v1(), Some(&trusting(sealed.public_key()))).unwrap();
    assert_eq!(mark(&tree.standing), "E-ARTIFACT-MISMATCH");
    assert_eq!(mark(&tree.referrers.nodes[0].standing), "E-ARTIFACT-MISMATCH");
}

#[test]
fn an_attestation_is_about_the_manifest_it_hangs_on_or_about_nothing() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let subject = &pushed.manifest;
    let attach = |about, time| {
        let bundle = attestation(&sealed, about);
        attach_signature(&store, subject, &bundle, "https://example.com/reviewed/v1", time).unwrap().0
    };
    let good = attach(subject.digest, "2026-01-01T00:00:00Z");
    let other = attach(Sha256Digest::of(b"another"), "2026-01-02T00:00:00Z");
    // On the signature of the attestation, in turn.
    let nested = attestation(&sealed, good.digest);
    attach_signature(&store, &good, &nested, "https://example.com/reviewed/v1", "2026-01-03T00:00:00Z")
        .unwrap();
    let requirements = trusting(sealed.public_key()).expect_name("org/mini-lm");
    let tree = look(&store, &v1(), Some(&requirements)).unwrap();
    let node = |digest| tree.referrers.nodes.iter().find(|node| node.manifest.digest == digest).unwrap();
    assert_eq!(mark(&node(good.digest).standing), "verified");
    assert_eq!(mark(&node(good.digest).referrers.nodes[0].standing), "verified");
    assert_eq!(mark(&node(other.digest).standing), "E-SUBJECT");
    let stranger = look(&store, &v1(), Some(&trusting(Sealed::sample().public_key()))).unwrap();
    assert!(stranger.referrers.nodes.iter().all(|node| mark(&node.standing) == "E-SIGNER-UNTRUSTED"));
    assert_eq!(mark(&tree.standing), "verified", "what is bad beside it does no harm");
}

/// A statement can be about a thousand things, with names of any length: a page of it is told.
#[test]
fn of_many_long_subjects_a_few_are_told() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let digest = json!({ "sha256": pushed.manifest.digest.to_string() });
    let subjects: Vec<_> = (0..40).map(|_| json!({ "name": "ä".repeat(2000), "digest": digest })).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": "x/".repeat(4000),
        "predicate": {},
    });
    let bundle = resign(statement.to_string(), sealed.key());
    let time = "2026-01-01T00:00:00Z";
    let long = attach_signature(&store, &pushed.manifest, &bundle, "https://example.com/x", time).unwrap().0;
    let tree = look(&store, &v1(), Some(&trusting(sealed.public_key()))).unwrap();
    let node = tree.referrers.nodes.iter().find(|node| node.manifest.digest == long.digest).unwrap();
    assert_eq!(mark(&node.standing), "verified");
    let NodeKind::Bundle(Some(said)) = &node.kind else { panic!("{node:?}") };
    assert_eq!((said.subjects.len(), said.more_subjects), (16, 24));
    assert!(said.subjects.iter().all(|name| name.chars().count() == 512));
    assert_eq!(said.predicate_type.len(), 512);
}

#[test]
fn from_a_referrer_the_way_leads_up_too() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let one = refer(&store, &pushed.manifest, "application/x.one", "");
    let two = refer(&store, &one, "application/x.two", "");
    let tree = look(&store, &Target::Digest(two.digest), Some(&trusting(sealed.public_key()))).unwrap();
    let about: Vec<_> = tree.about.iter().map(|edge| edge.manifest).collect();
    assert_eq!(about, [one.digest, pushed.manifest.digest]);
    assert_eq!(mark(&tree.standing), "unknown-type", "what is no model is not verified as one");
    let gone = Descriptor::of(IMAGE_MANIFEST, b"not there");
    let dangling = refer(&store, &gone, "application/x.one", "");
    let tree = look(&store, &Target::Digest(dangling.digest), None).unwrap();
    assert_eq!((tree.about[0].manifest, &tree.about[0].artifact_type), (gone.digest, &None));
}

#[test]
fn what_cannot_be_read_is_marked_and_hides_nothing() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let bad = attach(&store, &pushed.manifest, b"no bundle");
    let empty = attach(&store, &pushed.manifest, b"gone");
    tamper::remove(&blob(&store, Sha256Digest::of(b"gone")));
    let tree = look(&store, &v1(), Some(&trusting(sealed.public_key()))).unwrap();
    let node = |digest| tree.referrers.nodes.iter().find(|node| node.manifest.digest == digest).unwrap();
    assert_eq!(node(bad.digest).kind, NodeKind::Bundle(None));
    assert_eq!(mark(&node(bad.digest).standing), "E-JSON");
    assert_eq!(mark(&node(empty.digest).standing), "E-BLOB-MISSING");
    assert_eq!(mark(&tree.standing), "verified");
}

#[test]
fn a_flood_of_referrers_is_cut_and_says_so() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    for number in 0..70 {
        attach(&store, &pushed.manifest, format!("bundle {number}").as_bytes());
    }
    let tree = look(&store, &v1(), None).unwrap();
    assert!(tree.is_cut);
    let skipped = |node: &&Node| matches!(node.standing, Standing::Unverified(Reason::NotLookedInto));
    assert_eq!(tree.referrers.nodes.iter().filter(skipped).count(), 7);
    let mut above = pushed.manifest;
    for _ in 0..12 {
        above = refer(&store, &above, "application/x.chain", "");
    }
    let tree = look(&store, &Target::Digest(above.digest), None).unwrap();
    assert_eq!((tree.about.len(), tree.is_cut), (8, true));
}

#[test]
fn a_store_that_cannot_be_asked_is_an_error() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let other = refer(&store, &pushed.manifest, "application/x.one", "");
    tamper::flip(&blob(&store, other.digest), 3);
    assert_eq!(look(&store, &v1(), None).unwrap_err().code(), "E-BLOB-DIGEST");
    let nowhere = Target::Digest(Sha256Digest::of(b"nowhere"));
    assert_eq!(look(&store, &nowhere, None).unwrap_err().code(), "E-REFERENCE-NOT-FOUND");
}

#[test]
fn an_interruption_ends_it() {
    struct Never;
    impl Progress for Never {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let error = tree(&store, &v1(), None, &Limits::default(), &Never).unwrap_err();
    assert_eq!(error.code(), "E-INTERRUPTED");
}

//! `cosign` and Lacre on what a registry holds: manifests are signed and attested by one, and read by the other, with a
//! referrers API and without.

use std::fs;

use lacre_attest::{Bundle, COSIGN_SIGN_PREDICATE_TYPE, Limits, ManifestClaim};
use lacre_hash::Sha256Digest;
use lacre_publish::{attach, pin};
use lacre_registry_client::{Reference, RegistryOptions, Remote, Tag, Target};
use lacre_sign::{FileKey, read_private_key, seal_manifests};
use lacre_testkit::interop::{self, Direction};
use lacre_testkit::places::Peer;
use lacre_testkit::{ModelDir, PeerRegistry, Stack, edit_bundle};
use serde_json::{Value, json};

use crate::bench::{Bench, Found, cosign};
use crate::cosign::trust_nobody;

const WHO: &str = "release@example.test";
const KEY: &str = "manifest in a registry, key, ECDSA P-256";
const IDENTITY: &str = "manifest in a registry, identity (Fulcio, Rekor v2, timestamp)";
/// What cosign needs to know to ask nobody.
const OFFLINE: &str = "--trusted-root tr.json --insecure-ignore-tlog=true";
/// What cosign says of a signature that does not verify, and of one that is about something else.
const WRONG_KEY: &str = "accepted signatures do not match threshold";
const NOT_THIS: &str = "provided artifact digest does not match any digest in statement";
const SIGNING: &str = "--signing-config sc.json --trusted-root tr.json";

/// A model signed with `k.key`, and another key, `other.key`.
fn bench(peer: &Found) -> Bench {
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    bench.key("other", "ecdsa-p256");
    bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.0");
    trust_nobody(&bench, peer);
    bench
}

/// Every registry of others, each with what is true of its referrers API.
fn registries() -> Vec<PeerRegistry> {
    [PeerRegistry::with_referrers(), PeerRegistry::with_lax_referrers(), PeerRegistry::docker()]
        .into_iter()
        .flatten()
        .collect()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap()
}

/// The predicate types that referrers announce, sorted.
fn announced(bench: &Bench, reference: &str) -> Vec<String> {
    let inspected = bench.lacre(&format!("inspect {reference}"));
    let referrers = inspected["referrers"].as_array().unwrap();
    let mut kinds: Vec<_> =
        referrers.iter().filter_map(|it| it["predicate_type"].as_str().map(str::to_owned)).collect();
    kinds.sort();
    kinds
}

/// The repository of a reference, to put into it what Lacre would not.
fn remote(reference: &str) -> (Remote, Target) {
    let Reference::Remote { registry, repository, target, .. } = Reference::parse(reference).unwrap() else {
        panic!("{reference}")
    };
    (Remote::open(&registry, &repository, &RegistryOptions::new()), target)
}

#[test]
fn what_push_signs_cosign_accepts() {
    let Some(peer) = cosign() else { return };
    for registry in registries() {
        let (bench, host) = (bench(&peer), registry.host());
        let reference = format!("{host}/org/m:v1");
        let pushed = bench.lacre(&format!("push model {reference} --key k.key"));
        assert_eq!(pushed["manifest_signature"]["existed"], false);
        let said = bench.peer(&peer, &format!("verify --key k.pub {OFFLINE} {reference}"));
        assert!(said.stdout.contains(text(&pushed, "manifest")), "{said:?}");
        assert!(said.stdout.contains(COSIGN_SIGN_PREDICATE_TYPE), "{said:?}");
        let refused = format!("verify --key other.pub {OFFLINE} {reference}");
        bench.peer_refuses(&peer, &refused, WRONG_KEY);

        // Again: the same signature, and no second one.
        let again = bench.lacre(&format!("push model {reference} --key k.key"));
        assert_eq!(again["manifest_signature"]["existed"], true);
        assert_eq!(again["manifest_signature"]["digest"], pushed["manifest_signature"]["digest"]);
        let kinds = ["https://model_signing/signature/v1.0", COSIGN_SIGN_PREDICATE_TYPE];
        assert_eq!(announced(&bench, &reference), kinds);
        // Another key is another signature.
        bench.lacre(&format!("push model {reference} --key other.key"));
        bench.peer(&peer, &format!("verify --key other.pub {OFFLINE} {reference}"));
        assert_eq!(announced(&bench, &reference).len(), 3);

        let pulled = bench.lacre(&format!("pull {reference} out --key k.pub --expect-name org/mini-lm"));
        assert_eq!(pulled["manifest_signed_by"].as_array().unwrap().len(), 1);
        assert_eq!(pulled["manifest_signed_by"][0]["key"], pulled["signer"]["key"]);

        // Without a key, cosign finds nothing that is about the manifest.
        bench.lacre(&format!("push model {host}/org/plain:v1"));
        let line = format!("verify --key k.pub {OFFLINE} {host}/org/plain:v1");
        bench.peer_refuses(&peer, &line, NOT_THIS);
        let pulled = bench.lacre(&format!("pull {host}/org/plain:v1 plain --key k.pub"));
        assert_eq!(pulled["manifest_signed_by"], json!([]));
    }
}

#[test]
fn one_statement_about_both_forms_of_a_model_cosign_accepts_of_either() {
    let Some(peer) = cosign() else { return };
    for registry in registries() {
        let (bench, host) = (bench(&peer), registry.host());
        let (model, image) = (format!("{host}/org/m:v1"), format!("{host}/org/m:image"));
        let pushed = bench.lacre(&format!("push model {model}"));
        let signed = bench.lacre(&format!("push model {image} --format image --key k.key"));
        assert_eq!(signed["also_signed"], pushed["manifest"]);
        for reference in [&model, &image] {
            let said = bench.peer(&peer, &format!("verify --key k.pub {OFFLINE} {reference}"));
            assert!(said.stdout.contains(COSIGN_SIGN_PREDICATE_TYPE), "{said:?}");
            bench.peer_refuses(&peer, &format!("verify --key other.pub {OFFLINE} {reference}"), WRONG_KEY);
        }
    }
}

#[test]
fn what_is_signed_and_attested_where_it_lies_cosign_accepts() {
    let Some(peer) = cosign() else { return };
    for registry in registries() {
        let (bench, host) = (bench(&peer), registry.host());
        let reference = format!("{host}/org/m:v1");
        let pushed = bench.lacre(&format!("push model {reference}"));
        let sign = format!("sign {reference} --key other.key --name org/mini-lm --version 1.0.0");
        let signed = bench.lacre(&sign);
        assert_eq!(signed["manifest"], pushed["manifest"]);
        bench.peer(&peer, &format!("verify --key other.pub {OFFLINE} {reference}"));
        let line = format!("verify --key k.pub {OFFLINE} {reference}");
        bench.peer_refuses(&peer, &line, WRONG_KEY);
        bench.lacre(&format!("pull {reference} out --key other.pub --expect-name org/mini-lm"));
        let before = announced(&bench, &reference).len();
        assert_eq!(bench.lacre(&sign)["attached"], signed["attached"], "there already");
        assert_eq!(announced(&bench, &reference).len(), before);

        bench.key("third", "ecdsa-p256");
        fs::write(bench.path("tests.json"), r#"{"passed": 12.50, "failed": []}"#).unwrap();
        let kind = "https://example.com/tests/v1";
        bench.lacre(&format!("attest {reference} --type {kind} --predicate tests.json --key k.key"));
        bench.lacre(&format!("attest {reference} --type cyclonedx --predicate tests.json --key k.key"));
        let verify = |kind: &str, key: &str| {
            format!("verify-attestation --type {kind} --key {key} {OFFLINE} {reference}")
        };
        for kind in [kind, "cyclonedx"] {
            let said = bench.peer(&peer, &verify(kind, "k.pub"));
            assert!(said.stdout.contains("application/vnd.in-toto+json"), "{said:?}");
            let line = verify(kind, "third.pub");
            bench.peer_refuses(&peer, &line, WRONG_KEY);
        }
        bench.peer_refuses(&peer, &verify("slsaprovenance1", "k.pub"), "none of the attestations matched");
        assert_eq!(announced(&bench, &reference).len(), before + 2);
        // They are in nobody's way.
        bench.lacre(&format!("pull {reference} again --key k.pub --expect-name org/mini-lm"));
        interop::holds("cosign", KEY, Direction::FromLacre);
    }
}

#[test]
fn one_statement_about_two_forms_of_a_model_counts_for_both() {
    let Some(peer) = cosign() else { return };
    for registry in registries() {
        let (bench, host) = (bench(&peer), registry.host());
        let (one, two) = (format!("{host}/org/m:one"), format!("{host}/org/m:two"));
        bench.lacre(&format!("push model {one}"));
        fs::write(bench.path("model/more"), "x").unwrap();
        bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.1 --force");
        bench.lacre(&format!("push model {two}"));
        let (store, target) = remote(&one);
        let first = pin(&store, &target).unwrap();
        let second = pin(&store, &Target::Tag(Tag::parse("two").unwrap())).unwrap();
        let claim = ManifestClaim::signature(vec![first.digest, second.digest]).unwrap();
        let bundle = seal_manifests(&claim, &key(&bench), &Limits::default()).unwrap().to_json();
        for manifest in [&first, &second] {
            attach(&store, manifest, &bundle, COSIGN_SIGN_PREDICATE_TYPE).unwrap();
        }
        for reference in [&one, &two] {
            bench.peer(&peer, &format!("verify --key k.pub {OFFLINE} {reference}"));
        }
        let pulled = bench.lacre(&format!("pull {two} out --key k.pub"));
        assert_eq!(pulled["manifest_signed_by"].as_array().unwrap().len(), 1);
    }
}

fn key(bench: &Bench) -> FileKey {
    read_private_key(&bench.path("k.key"), &mut || Ok(None)).unwrap().key
}

#[test]
fn what_was_tampered_with_both_refuse() {
    let Some(peer) = cosign() else { return };
    let Some(registry) = PeerRegistry::with_referrers() else { return };
    let (bench, host) = (bench(&peer), registry.host());
    let sealed = |digest: Sha256Digest| -> Bundle {
        seal_manifests(&ManifestClaim::signature(vec![digest]).unwrap(), &key(&bench), &Limits::default())
            .unwrap()
    };
    let swap = |bundle: &[u8], from: &str, to: &str| {
        edit_bundle(bundle, |bundle| {
            let text = bundle["dsseEnvelope"][from].as_str().unwrap().to_owned();
            assert_ne!(text, to);
            bundle["dsseEnvelope"][from] = to.into();
        })
    };
    for (at, name) in ["signature", "payload", "elsewhere"].into_iter().enumerate() {
        let reference = format!("{host}/org/m{at}:v1");
        let digest: String = text(&bench.lacre(&format!("push model {reference}")), "manifest").to_owned();
        let digest: Sha256Digest = digest.trim_start_matches("sha256:").parse().unwrap();
        let other = sealed(Sha256Digest::of(b"another manifest"));
        let bad = match name {
            // A good signature of another manifest.
            "elsewhere" => other.to_json(),
            // What was signed for another manifest, with this one in its place.
            "payload" => {
                let good: Value = serde_json::from_slice(&sealed(digest).to_json()).unwrap();
                let payload = good["dsseEnvelope"]["payload"].as_str().unwrap();
                swap(&other.to_json(), "payload", payload)
            }
            _ => edit_bundle(&sealed(digest).to_json(), |bundle| {
                let signature = &mut bundle["dsseEnvelope"]["signatures"][0]["sig"];
                let other: Value = serde_json::from_slice(&other.to_json()).unwrap();
                *signature = other["dsseEnvelope"]["signatures"][0]["sig"].clone();
            }),
        };
        let (store, target) = remote(&reference);
        attach(&store, &pin(&store, &target).unwrap(), &bad, COSIGN_SIGN_PREDICATE_TYPE).unwrap();
        let line = format!("verify --key k.pub {OFFLINE} {reference}");
        bench.peer_refuses(&peer, &line, if name == "elsewhere" { NOT_THIS } else { WRONG_KEY });
        let pulled = bench.lacre(&format!("pull {reference} out{at} --key k.pub"));
        assert_eq!(pulled["manifest_signed_by"], json!([]), "{name}");
        let inspected = bench.lacre(&format!("inspect {reference}"));
        let names =
            inspected["referrers"].as_array().unwrap().iter().find_map(|it| it["names_manifest"].as_bool());
        assert_eq!(names, Some(name != "elsewhere"));
    }
}

#[test]
fn what_cosign_signs_and_attests_lacre_reads() {
    let Some(peer) = cosign() else { return };
    let Some(crane) = Found::of(Peer::Crane) else { return };
    for registry in registries() {
        let (bench, host) = (bench(&peer), registry.host());
        let reference = format!("{host}/org/m:v1");
        let manifest = text(&bench.lacre(&format!("push model {reference}")), "manifest").to_owned();
        let pinned = format!("{host}/org/m@{manifest}");
        bench.peer(&peer, "generate-key-pair");
        fs::write(bench.path("p.json"), r#"{"a":1}"#).unwrap();
        bench.peer(&peer, &format!("sign -y --key cosign.key {SIGNING} {pinned}"));
        for kind in ["custom", "https://example.com/tests/v1"] {
            let attest = format!("attest -y --key cosign.key {SIGNING} --type {kind} --predicate p.json");
            bench.peer(&peer, &format!("{attest} {pinned}"));
        }
        let inspected = bench.lacre(&format!("inspect {reference}"));
        let theirs: Vec<&Value> = inspected["referrers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["claims"]["material"]["convention"] == "cosign")
            .collect();
        let mut kinds: Vec<_> = theirs.iter().map(|it| text(&it["claims"], "predicate_type")).collect();
        kinds.sort_unstable();
        let wanted = [
            "https://cosign.sigstore.dev/attestation/v1",
            "https://example.com/tests/v1",
            COSIGN_SIGN_PREDICATE_TYPE,
        ];
        assert_eq!(kinds, wanted);
        assert!(theirs.iter().all(|it| it["error"].is_null() && it["names_manifest"] == true), "{theirs:?}");

        // They do not disturb; and whoever trusts that key too hears that the manifest is theirs.
        let pulled = bench.lacre(&format!("pull {reference} out --key k.pub"));
        assert_eq!(pulled["manifest_signed_by"], json!([]));
        let pulled = bench.lacre(&format!("pull {reference} both --key k.pub --key cosign.pub"));
        assert_eq!(pulled["manifest_signed_by"].as_array().unwrap().len(), 1);
        assert_ne!(pulled["manifest_signed_by"][0]["key"], pulled["signer"]["key"]);
        bench.lacre_refuses(&format!("pull {reference} no --key cosign.pub"), 5, "E-SIGNER-UNTRUSTED");
        interop::holds("cosign", KEY, Direction::ToLacre);

        // The model without its signature: what is there is none.
        bench.peer(&crane, &format!("copy --insecure {pinned} {host}/org/bare:v1"));
        let bare = format!("{host}/org/bare:v1");
        bench.lacre_refuses(&format!("pull {bare} no --key cosign.pub"), 4, "E-NO-SIGNATURE");
        bench.peer(&peer, &format!("sign -y --key cosign.key {SIGNING} {host}/org/bare@{manifest}"));
        bench.lacre_refuses(&format!("pull {bare} no --key cosign.pub"), 4, "E-NO-SIGNATURE");
        let said = bench.run(env!("CARGO_BIN_EXE_lacre"), &format!("pull {bare} no --key cosign.pub"));
        assert!(said.stderr.contains("a cosign signature of the manifest"), "{said:?}");
    }
}

#[test]
fn what_cosign_wrote_before_version_3_is_shown_and_counts_as_nothing() {
    let Some(peer) = cosign() else { return };
    for registry in registries() {
        let (bench, host) = (bench(&peer), registry.host());
        let reference = format!("{host}/org/m:v1");
        let manifest = text(&bench.lacre(&format!("push model {reference}")), "manifest").to_owned();
        bench.peer(&peer, "generate-key-pair");
        let older = "--new-bundle-format=false --use-signing-config=false --tlog-upload=false";
        bench.peer(&peer, &format!("sign -y --key cosign.key {older} {host}/org/m@{manifest}"));
        let inspected = bench.lacre(&format!("inspect {reference}"));
        assert_eq!(inspected["older_tags"], json!([format!("{}.sig", manifest.replace(':', "-"))]));
        let pulled = bench.lacre(&format!("pull {reference} out --key k.pub --key cosign.pub"));
        assert_eq!(pulled["manifest_signed_by"], json!([]));
        bench.lacre_refuses(&format!("pull {reference} no --key cosign.pub"), 5, "E-SIGNER-UNTRUSTED");
    }
}

#[test]
fn an_identity_signs_and_attests_and_cosign_accepts() {
    let Some(peer) = cosign() else { return };
    let Some(stack) = Stack::start() else { return };
    for registry in [PeerRegistry::with_referrers(), PeerRegistry::docker()].into_iter().flatten() {
        let (bench, host) = (bench(&peer), registry.host());
        fs::write(bench.path("token"), stack.issuer().token(WHO)).unwrap();
        let (root, issuer) = (stack.trusted_root(), stack.issuer().url());
        let keyless = format!(
            "--keyless --publish-identity --identity-token-file token --trust-config {}",
            stack.trust_config().display()
        );
        let who = |who: &str| {
            format!(
                "--certificate-identity {who} --certificate-oidc-issuer {issuer} --trusted-root {}",
                root.display()
            )
        };
        let reference = format!("{host}/org/m:v1");
        let pushed = bench.lacre(&format!("push model {reference} {keyless}"));
        assert_eq!(pushed["signer"]["identity"], WHO);
        let said = bench.peer(&peer, &format!("verify {} {reference}", who(WHO)));
        assert!(said.stdout.contains(text(&pushed, "manifest")), "{said:?}");
        let line = format!("verify {} {reference}", who("other@example.test"));
        bench.peer_refuses(&peer, &line, "other@example.test");

        let other = format!("{host}/org/other:v1");
        bench.lacre(&format!("push model {other}"));
        bench.lacre(&format!("sign {other} --name org/mini-lm {keyless}"));
        bench.peer(&peer, &format!("verify {} {other}", who(WHO)));
        let trusted = format!("--issuer {issuer} --identity {WHO} --trusted-root {}", root.display());
        let pulled = bench.lacre(&format!("pull {other} out {trusted} --expect-name org/mini-lm"));
        assert_eq!(pulled["manifest_signed_by"][0]["identity"], WHO);

        fs::write(bench.path("p.json"), "{}").unwrap();
        let kind = "https://example.com/tests/v1";
        bench.lacre(&format!("attest {reference} --type {kind} --predicate p.json {keyless}"));
        bench.peer(&peer, &format!("verify-attestation --type {kind} {} {reference}", who(WHO)));
        interop::holds("cosign", IDENTITY, Direction::FromLacre);

        // The other way round.
        let theirs = format!("{host}/org/theirs:v1");
        let manifest = text(&bench.lacre(&format!("push model {theirs}")), "manifest").to_owned();
        let config = stack.signing_config();
        let flags = format!("--signing-config {} --trusted-root {}", config.display(), root.display());
        let pinned = format!("{host}/org/theirs@{manifest}");
        bench.peer(&peer, &format!("sign -y {flags} --identity-token token {pinned}"));
        let pulled = bench.lacre(&format!("pull {theirs} theirs --key k.pub {trusted}"));
        assert_eq!(pulled["manifest_signed_by"][0]["identity"], WHO);
        let pulled = bench.lacre(&format!("pull {theirs} nobody --key k.pub"));
        assert_eq!(pulled["manifest_signed_by"], json!([]));
        interop::holds("cosign", IDENTITY, Direction::ToLacre);
    }
}

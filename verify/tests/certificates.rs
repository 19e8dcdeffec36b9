//! Chains of certificates, each with one flaw: the code and the reason of every refusal, and what `openssl verify` says.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a broken test must fail")]

mod mutations;
mod story;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

use lacre_hash::Sha256Digest;
use lacre_testkit::pki::{Draft, Ext, Scheme, TestKey, der, general, usage};
use lacre_testkit::places;
use lacre_verify::{
    Anchors, CertificateIdentity, ChainInput, SanKind, TimestampAuthorities, TrustedTime, verify_chain,
    verify_token,
};

use crate::mutations::{MUTATIONS, OpenSsl};
use crate::story::{NOW, Story, said};

#[test]
fn a_good_chain_gives_its_leaf() {
    let story = Story::new();
    let leaf = story.verify().unwrap();
    assert_eq!(leaf.subject(), "CN=Release");
    assert_eq!(leaf.public_key().to_der(), story.leaf_key.spki());
    assert_eq!(*leaf.spki_sha256(), Sha256Digest::of(&story.leaf_key.spki()));
    let sans: Vec<_> = leaf.sans().iter().map(|san| (san.kind, san.value.as_str())).collect();
    assert_eq!(sans, [(SanKind::Email, "release@example.test")]);
    assert_eq!(leaf.not_before(), der::moment("20240101000000Z"));
    assert_eq!(leaf.not_after(), der::moment("20300101000000Z"));
    assert_eq!(u64::from_str_radix(leaf.serial(), 16).unwrap(), story.leaf.serial);
    let chain = [story.given(), story.anchors()].concat();
    let fingerprints: Vec<_> = chain.iter().map(|der| Sha256Digest::of(der)).collect();
    assert_eq!(leaf.chain_fingerprints(), fingerprints);
    assert!(leaf.warnings().is_empty(), "{:?}", leaf.warnings());
}

#[test]
fn every_flaw_is_refused_for_its_own_reason() {
    assert!(MUTATIONS.len() >= 60, "{} mutations", MUTATIONS.len());
    let mut wrong = Vec::new();
    for mutation in MUTATIONS {
        let mut story = Story::new();
        (mutation.change)(&mut story);
        let (code, text) = said(&story.verify());
        if code != mutation.code || !text.contains(mutation.says) {
            wrong.push(format!("{}: {code}: {text}", mutation.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The program, run on a chain as it would be verified here, at the first time that counts.
fn openssl_accepts(folder: &Path, story: &Story) -> bool {
    let pem = |ders: &[Vec<u8>]| ders.iter().map(|der| der::pem("CERTIFICATE", der)).collect::<String>();
    let given = story.given();
    fs::write(folder.join("anchors.pem"), pem(&story.anchors())).unwrap();
    fs::write(folder.join("leaf.pem"), pem(&given[..1])).unwrap();
    fs::write(folder.join("given.pem"), pem(&given[1..])).unwrap();
    let at = story.times[0].time().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let arguments =
        ["verify", "-no-CAstore", "-no-CApath", "-CAfile", "anchors.pem", "-untrusted", "given.pem"];
    let output = Command::new("openssl")
        .args(arguments)
        .args(["-partial_chain", "-attime", &at, "leaf.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn openssl_agrees_where_it_looks_at_the_same() {
    match Command::new("openssl").arg("version").output() {
        Ok(output) => assert!(output.status.success()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let required = std::env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
            assert!(!required, "the program openssl is required and missing");
            eprintln!("SKIPPED: the program openssl is missing; nothing was compared with it");
            return;
        }
        Err(error) => panic!("openssl: {error}"),
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(openssl_accepts(folder.path(), &Story::new()), "the good chain");
    let mut wrong = Vec::new();
    for mutation in MUTATIONS {
        let expected = match mutation.openssl {
            OpenSsl::Refuses => false,
            OpenSsl::Accepts => true,
            OpenSsl::NotAsked => continue,
        };
        let mut story = Story::new();
        (mutation.change)(&mut story);
        if openssl_accepts(folder.path(), &story) != expected {
            wrong.push(mutation.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

type Change = fn(&mut Story);

/// What is unusual and right.
const ALLOWED: &[(&str, Change)] = &[
    ("authorities that may sign code", |story| {
        story.middle.put(Ext::purposes(&["1.3.6.1.5.5.7.3.3"]));
    }),
    ("authorities for anything", |story| {
        story.middle.put(Ext::purposes(&["2.5.29.37.0"]));
    }),
    ("no keyUsage on authorities", |story| {
        story.middle.remove("2.5.29.15");
        story.root.remove("2.5.29.15");
    }),
    ("no keyUsage on the leaf", |story| {
        story.leaf.remove("2.5.29.15");
    }),
    ("no basicConstraints on the leaf", |story| {
        story.leaf.remove("2.5.29.19");
    }),
    ("more purposes on the leaf", |story| {
        story.leaf.put(Ext::purposes(&["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3"]));
    }),
    ("path length zero above the last authority", |story| {
        story.middle.put(Ext::authority(Some(0)));
        story.root.put(Ext::authority(Some(1)));
    }),
    ("an unknown extension that need not be understood", |story| {
        story.leaf.put(Ext::new("1.2.3.4", der::null()));
    }),
    ("an intermediate as the anchor", |story| {
        story.anchors = Some(vec![story.middle.sign(&story.root_key)]);
    }),
    ("the root among what is given", |story| {
        story.beside.push(story.root.sign(&story.root_key));
    }),
    ("the order of what is given", |story| {
        let other = TestKey::p256("other");
        story.beside.push(Draft::authority("Root", "Other", &other).sign(&story.root_key));
        story.edit = |given| given[1..].reverse();
    }),
    ("the same certificate twice", |story| {
        story.edit = |given| {
            let again = given[1].clone();
            given.push(again);
        };
    }),
    ("an expired twin of the authority, and a good one", |story| {
        let mut expired = story.middle.clone();
        "20220101000000Z".clone_into(&mut expired.not_after);
        expired.serial += 1;
        let expired = expired.sign(&story.root_key);
        story.beside.push(expired);
        story.edit = |given| given[1..].reverse();
    }),
    ("an anchor of the same name with another key, and the right one", |story| {
        let stranger = TestKey::p256("stranger");
        story.anchors =
            Some(vec![Draft::root("Root", &stranger).sign(&stranger), story.root.sign(&story.root_key)]);
    }),
    ("the last second", |story| story.times = vec![TrustedTime::now(der::moment("20300101000000Z"))]),
    ("the first second", |story| story.times = vec![TrustedTime::now(der::moment("20240101000000Z"))]),
    ("a self-issued authority below a path length of zero", |story| {
        let rolled = TestKey::p256("rolled");
        let mut next = Draft::authority("Middle", "Middle", &rolled);
        next.serial = 99;
        story.beside.push(next.sign(&story.middle_key));
        story.leaf_by = Some(rolled);
        story.middle.put(Ext::authority(Some(0)));
    }),
    ("names that are permitted", |story| {
        story.leaf.put(Ext::alternative_names(&[
            general::email("release@sub.example.test"),
            general::dns("build.Example.test"),
            general::uri("spiffe://ci.example.test/build?x#y"),
        ]));
        story.root.put(Ext::constraints(
            &[
                general::email(".example.test"),
                general::dns("example.test"),
                general::uri(".example.test"),
                general::directory(&der::sequence(&[])),
            ],
            &[general::dns("evil.example.test"), general::email("root@sub.example.test")],
        ));
    }),
    ("a number of version 1 as the leaf's serial: zero", |story| story.leaf.serial = 0),
];

#[test]
fn what_is_allowed_is_accepted() {
    for (name, change) in ALLOWED {
        let mut story = Story::new();
        change(&mut story);
        assert_eq!(said(&story.verify()), ("ok".to_owned(), String::new()), "{name}");
    }
}

#[test]
fn every_algorithm_that_is_accepted_verifies() {
    let keys = [
        (TestKey::p256("a"), &[Scheme::EcdsaSha256, Scheme::EcdsaSha384, Scheme::EcdsaSha512][..]),
        (TestKey::p384("a"), &[Scheme::EcdsaSha256, Scheme::EcdsaSha384, Scheme::EcdsaSha512]),
        (TestKey::p521("a"), &[Scheme::EcdsaSha256, Scheme::EcdsaSha384, Scheme::EcdsaSha512]),
        (TestKey::ed25519("a"), &[Scheme::Ed25519]),
        (TestKey::rsa(), &[Scheme::RsaSha256, Scheme::RsaSha384, Scheme::RsaSha512, Scheme::PssSha256]),
    ];
    for (key, schemes) in keys {
        for scheme in schemes {
            let mut story = Story::new();
            story.middle.spki = key.spki();
            let signed = {
                let mut leaf = story.leaf.clone();
                leaf.scheme = Some(*scheme);
                leaf.sign(&key)
            };
            let middle = story.middle.sign(&story.root_key);
            let anchors = Anchors::from_der(story.anchors()).unwrap();
            let check = |leaf: &[u8]| {
                let given = [leaf.to_vec(), middle.clone()];
                let input = ChainInput {
                    leaf_first: &given,
                    anchors: &anchors,
                    crls: None,
                    at: &story.times,
                    now: der::moment(NOW),
                };
                said(&verify_chain(input))
            };
            assert_eq!(check(&signed).0, "ok", "{scheme:?}");
            // One bit of the signature (its last byte) is enough.
            let mut flipped = signed.clone();
            *flipped.last_mut().unwrap() ^= 1;
            let (code, text) = check(&flipped);
            assert!(code == "E-CERTIFICATE" && text.contains("does not verify"), "{scheme:?}: {code} {text}");
        }
    }
}

#[test]
fn leaves_have_keys_that_signatures_are_verified_with() {
    for key in [TestKey::p384("leaf"), TestKey::p521("leaf"), TestKey::ed25519("leaf")] {
        let mut story = Story::new();
        story.leaf.spki = key.spki();
        assert_eq!(story.verify().unwrap().public_key().to_der(), key.spki());
    }
    let mut story = Story::new();
    story.leaf.spki = TestKey::rsa().spki();
    assert_eq!(said(&story.verify()).0, "E-UNSUPPORTED");
}

#[test]
fn an_authority_on_the_leaf_that_only_signs_is_accepted_and_reported() {
    let mut story = Story::new();
    story.leaf.put(Ext::authority(None));
    let leaf = story.verify().unwrap();
    assert_eq!(leaf.warnings().len(), 1, "{:?}", leaf.warnings());
    assert!(leaf.warnings()[0].contains("CA:TRUE"), "{:?}", leaf.warnings());
    // With any other usage beside it, it is not.
    story.leaf.put(Ext::usage(&[usage::DIGITAL_SIGNATURE, usage::NON_REPUDIATION]));
    assert_eq!(said(&story.verify()).0, "E-CERTIFICATE");
}

#[test]
fn all_times_count() {
    let mut story = Story::new();
    story.times = vec![TrustedTime::now(der::moment(NOW)), TrustedTime::now(der::moment("20310101000000Z"))];
    assert_eq!(said(&story.verify()).0, "E-CERTIFICATE-EXPIRED");
    story.times.reverse();
    assert_eq!(said(&story.verify()).0, "E-CERTIFICATE-EXPIRED");
    story.times.remove(0);
    assert_eq!(said(&story.verify()).0, "ok");
    story.times.clear();
    assert_eq!(said(&story.verify()).0, "E-USAGE");
}

/// CVE-2026-24122 (GHSA-wfqv-66vq-46rm): the chain was checked at the leaf's notBefore, so that an intermediate that
/// expired before the signing time was accepted.
#[test]
fn cve_2026_24122() {
    let mut story = Story::new();
    "20250101000000Z".clone_into(&mut story.middle.not_after);
    let (code, text) = said(&story.verify());
    assert_eq!(code, "E-CERTIFICATE-EXPIRED");
    assert!(text.contains("CN=Middle") && text.contains("2025-01-01T00:00:00Z"), "{text}");
    story.times = vec![TrustedTime::now(der::moment("20241231235959Z"))];
    assert_eq!(said(&story.verify()).0, "ok");
}

/// RUSTSEC-2023-0053: authorities that certify each other in circles, so that paths are without number.
#[test]
fn rustsec_2023_0053() {
    let keys: Vec<TestKey> = (0..4).map(|number| TestKey::p256(&format!("circle {number}"))).collect();
    let mut beside = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        for signer in keys.iter().filter(|signer| signer.spki() != key.spki()) {
            let mut draft = Draft::authority("Circle", "Circle", key);
            draft.serial = 1000 + u64::try_from(number * 10 + beside.len()).unwrap();
            beside.push(draft.sign(signer));
        }
    }
    let mut story = Story::new();
    story.leaf.issuer = der::name("Circle");
    story.leaf_by = Some(TestKey::p256("circle 0"));
    story.beside = beside;
    let (code, text) = said(&story.verify());
    assert!(code == "E-CERTIFICATE" && text.contains("100 signature checks"), "{code} {text}");
}

/// CVE-2023-25656 (GHSA-87x9-7grx-m28v): memory was exhausted by certificates without number. They are counted before the
/// first one is read.
#[test]
fn cve_2023_25656() {
    let mut story = Story::new();
    story.edit = |given| given.resize(100_000, b"not even a certificate".to_vec());
    let (code, text) = said(&story.verify());
    assert!(code == "E-CERTIFICATE" && text.contains("100000 certificates"), "{code} {text}");
}

/// RUSTSEC-2026-0098: constraints of URIs were not looked at. RUSTSEC-2026-0099: a wildcard got around constraints of DNS
/// names.
#[test]
fn rustsec_2026_0098_and_0099() {
    let outcome = |permitted: &[Vec<u8>], excluded: &[Vec<u8>], has: Vec<u8>| {
        let mut story = Story::new();
        story.root.put(Ext::constraints(permitted, excluded));
        story.leaf.put(Ext::alternative_names(&[has]));
        said(&story.verify()).0
    };
    let (uri, dns) = (general::uri, general::dns);
    assert_eq!(outcome(&[uri("ci.example.test")], &[], uri("https://ci.example.test/x")), "ok");
    assert_eq!(outcome(&[uri("ci.example.test")], &[], uri("https://ci.example.tes/x")), "E-CERTIFICATE");
    assert_eq!(outcome(&[uri("ci.example.test")], &[], uri("https://x.ci.example.test/x")), "E-CERTIFICATE");
    assert_eq!(outcome(&[], &[uri("ci.example.test")], uri("https://CI.example.test:8/x")), "E-CERTIFICATE");
    assert_eq!(outcome(&[dns("example.test")], &[], dns("*.example.test")), "ok");
    assert_eq!(outcome(&[dns("a.example.test")], &[], dns("*.example.test")), "E-CERTIFICATE");
    assert_eq!(outcome(&[], &[dns("a.example.test")], dns("*.example.test")), "E-CERTIFICATE");
}

#[test]
fn names_are_compared_with_constraints_a_bounded_number_of_times() {
    let mut story = Story::new();
    let many: Vec<Vec<u8>> =
        (0..500).map(|number| general::dns(&format!("n{number}.example.test"))).collect();
    story.root.put(Ext::constraints(&many, &[]));
    story.leaf.put(Ext::alternative_names(&many));
    let (code, text) = said(&story.verify());
    assert!(code == "E-CERTIFICATE" && text.contains("more of them than are compared"), "{code} {text}");
    story.leaf.put(Ext::alternative_names(&many[..100]));
    assert_eq!(said(&story.verify()).0, "ok");
}

#[test]
fn the_identity_is_matched_exactly() {
    let leaf = Story::new().verify().unwrap();
    let san = |text: &str| CertificateIdentity::San(text.to_owned());
    let subject = |text: &str| CertificateIdentity::Subject(text.to_owned());
    for good in [
        san("release@example.test"),
        subject("CN=Release"),
        CertificateIdentity::Spki(*leaf.spki_sha256()),
        CertificateIdentity::AnyDanger,
    ] {
        assert!(leaf.matches(&good).is_ok(), "{good:?}");
    }
    for bad in [
        san("Release@example.test"),
        san("release@example.tes"),
        san("release@example.test "),
        san(""),
        san("CN=Release"),
        subject("CN=release"),
        subject("Release"),
        subject(""),
        subject("release@example.test"),
        CertificateIdentity::Spki(Sha256Digest::of(b"another")),
    ] {
        assert_eq!(leaf.matches(&bad).unwrap_err().code(), "E-IDENTITY-MISMATCH", "{bad:?}");
    }
}

/// A certificate that nobody vouches for is accepted as its own anchor, and expected by its key.
#[test]
fn a_certificate_that_is_its_own_anchor_is_known_by_its_key_alone() {
    let mut story = Story::new();
    story.leaf.issuer = story.leaf.subject.clone();
    let own = story.leaf.sign(&story.leaf_key);
    story.leaf_by = Some(TestKey::p256("leaf"));
    assert_eq!(said(&story.verify()).0, "E-CERTIFICATE");
    story.anchors = Some(vec![own]);
    let leaf = story.verify().unwrap();
    assert_eq!(leaf.chain_fingerprints().len(), 1);
    assert!(leaf.warnings()[0].contains("its own anchor"), "{:?}", leaf.warnings());
    assert!(leaf.matches(&CertificateIdentity::Spki(*leaf.spki_sha256())).is_ok());
    assert!(leaf.matches(&CertificateIdentity::AnyDanger).is_ok());
    for claimed in [
        CertificateIdentity::San("release@example.test".to_owned()),
        CertificateIdentity::Subject("CN=Release".to_owned()),
    ] {
        assert_eq!(leaf.matches(&claimed).unwrap_err().code(), "E-IDENTITY-MISMATCH");
    }
    // The rules for leaves hold for it, too.
    story.leaf.put(Ext::purposes(&["1.3.6.1.5.5.7.3.1"]));
    story.anchors = Some(vec![story.leaf.sign(&story.leaf_key)]);
    assert_eq!(said(&story.verify()).0, "E-CERTIFICATE");
}

#[test]
fn subjects_are_written_as_rfc_4514_says() {
    let utf8 = |text: &str| der::utf8(text);
    let bmp = der::value(0x1e, &[0, 65]);
    let names: [(&[_], &str); 8] = [
        (
            &[("2.5.4.6", der::value(0x13, b"CH")), ("2.5.4.10", utf8("A, B")), ("2.5.4.3", utf8("x"))],
            "CN=x,O=A\\, B,C=CH",
        ),
        (&[("2.5.4.3", utf8(" #lead and trail "))], "CN=\\ #lead and trail\\ "),
        (&[("2.5.4.3", utf8("#a+b;c<d>e\\f\"g"))], "CN=\\#a\\+b\\;c\\<d\\>e\\\\f\\\"g"),
        (&[("2.5.4.3", utf8("tab\there\u{0}"))], "CN=tab\\09here\\00"),
        (&[("2.5.4.3", utf8("é\u{202e}"))], "CN=é\u{202e}"),
        (&[("2.5.4.3", bmp)], "CN=#1E020041"),
        (&[("1.2.3.4", utf8("x"))], "1.2.3.4=#0C0178"),
        (
            &[("0.9.2342.19200300.100.1.25", der::value(0x16, b"test")), ("2.5.4.11", utf8("u"))],
            "OU=u,DC=test",
        ),
    ];
    for (attributes, expected) in names {
        let mut story = Story::new();
        story.leaf.subject = der::named(attributes);
        assert_eq!(story.verify().unwrap().subject(), expected);
    }
    // Two attributes in one part.
    let mut story = Story::new();
    let attribute = |kind, text| der::sequence(&[der::oid(kind), der::utf8(text)]);
    story.leaf.subject =
        der::sequence(&[der::set(vec![attribute("2.5.4.3", "a"), attribute("2.5.4.11", "b")])]);
    assert_eq!(story.verify().unwrap().subject(), "CN=a+OU=b");
    // What turns writing around is shown as its number.
    story.leaf.subject = der::name("\u{202e}");
    let error = story.verify().unwrap().matches(&CertificateIdentity::San("x".to_owned())).unwrap_err();
    assert!(!error.to_string().contains('\u{202e}'), "{error}");
}

#[test]
fn anchors_are_refused_where_they_are_loaded() {
    let story = Story::new();
    let root = story.root.sign(&story.root_key);
    let pem = der::pem("CERTIFICATE", &root);
    let both = format!("subject=CN = Root\n{pem}\n{}", der::pem("CERTIFICATE", &story.given()[1]));
    assert!(Anchors::from_pem(&both).is_ok());
    let key = der::pem("PUBLIC KEY", &story.leaf_key.spki());
    for (name, text) in [
        ("nothing", String::new()),
        ("no block", "hello".to_owned()),
        ("a key", key.clone()),
        ("a key beside it", format!("{pem}{key}")),
        ("half a block", pem[..pem.len() - 20].to_owned()),
        ("no certificate", der::pem("CERTIFICATE", b"hello")),
        ("bytes behind it", der::pem("CERTIFICATE", &[root.clone(), vec![0]].concat())),
    ] {
        assert_eq!(Anchors::from_pem(&text).unwrap_err().code(), "E-ANCHOR", "{name}");
    }
    assert_eq!(Anchors::from_der(Vec::<Vec<u8>>::new()).unwrap_err().code(), "E-ANCHOR");
}

#[test]
fn the_public_vectors_are_accepted_now_and_at_their_beginning() {
    let Some(vectors) = places::vectors() else { return };
    let keys = vectors.join("oms/model-transparency/scripts/tests/keys/certificate");
    let text = |name: &str| fs::read_to_string(keys.join(name)).unwrap();
    let anchors = Anchors::from_pem(&text("ca-cert.pem")).unwrap();
    let given = ["signing-key-cert.pem", "int-ca-cert.pem"].map(|name| der::unpem(&text(name)));
    let assumed = TrustedTime::assume_not_before_danger(&given[0]).unwrap();
    assert_eq!(assumed.time(), der::moment("20250502233628Z"));
    let check = |given: &[Vec<u8>], anchors: &Anchors, at: TrustedTime| {
        let now = der::moment(NOW);
        verify_chain(ChainInput { leaf_first: given, anchors, crls: None, at: &[at], now })
    };
    for at in [assumed.clone(), TrustedTime::now(der::moment(NOW))] {
        let leaf = check(&given, &anchors, at).unwrap();
        assert_eq!(leaf.subject(), "CN=intermediate-ca");
        assert!(text("signing-key-pub.pem").ends_with(leaf.public_key().to_pem()));
        assert!(leaf.warnings()[0].contains("CA:TRUE"), "{:?}", leaf.warnings());
    }
    let past = TrustedTime::now(der::moment("20250502233627Z"));
    assert_eq!(said(&check(&given, &anchors, past)).0, "E-CERTIFICATE-EXPIRED");
    assert_eq!(said(&check(&given[..1], &anchors, assumed.clone())).0, "E-SIGNER-UNTRUSTED");

    let assets = vectors.join("oms/conformance/assets/keys");
    let wrong =
        Anchors::from_pem(&fs::read_to_string(assets.join("wrong/wrong-ca-cert.pem")).unwrap()).unwrap();
    assert_eq!(said(&check(&given, &wrong, assumed)).0, "E-SIGNER-UNTRUSTED");
}

/// Every byte of what is signed, of the signatures and of what is around them counts.
#[test]
fn no_byte_of_a_certificate_can_be_changed() {
    let story = Story::new();
    let (given, anchors) = (story.given(), Anchors::from_der(story.anchors()).unwrap());
    for (number, certificate) in given.iter().enumerate() {
        for at in 0..certificate.len() {
            let mut changed = given.clone();
            changed[number][at] ^= 0x04;
            let input = ChainInput {
                leaf_first: &changed,
                anchors: &anchors,
                crls: None,
                at: &story.times,
                now: der::moment(NOW),
            };
            let (code, text) = said(&verify_chain(input));
            let refused = ["E-CERTIFICATE", "E-SIGNER-UNTRUSTED"].contains(&code.as_str());
            assert!(refused, "byte {at} of certificate {number}: {code} {text}");
        }
    }
}

/// The inputs that the fuzz targets start from are good: what is found from there is behind every check.
#[test]
fn the_seeds_of_the_fuzz_targets_are_accepted() {
    let seed = |name: &str| fs::read(places::checkout().join("fuzz/corpus").join(name)).unwrap();
    let mut story = Story::new();
    let given = [seed("certificate/leaf.der"), seed("certificate/middle.der")];
    assert_eq!(given.concat(), seed("certificate/chain"));
    assert_eq!(given.as_slice(), story.given());
    story.anchors = Some(vec![seed("certificate/root.der")]);
    story.crls = Some(vec![seed("crl/root.der"), seed("crl/middle.der")]);
    assert_eq!(said(&story.verify()).0, "ok");
    story.crls = Some(vec![seed("crl/root.der"), seed("crl/revoked.der")]);
    assert_eq!(said(&story.verify()).0, "E-CERTIFICATE-REVOKED");
    let authorities = TimestampAuthorities::new().and_der(&[seed("certificate/tsa-root.der")]).unwrap();
    for name in ["timestamp/answer", "timestamp/token"] {
        assert!(verify_token(&seed(name), b"the bytes of a signature", &authorities).is_ok(), "{name}");
    }
}

//! Timestamps: forged, grafted, of something else, of nobody; and those of real authorities.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a broken test must fail")]

use std::fs;
use std::io;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_hash::Sha256Digest;
use lacre_testkit::pki::{Draft, Ext, TestKey, TimestampDraft, der, purpose, usage};
use lacre_testkit::places;
use lacre_verify::{TimeSource, TimestampAuthorities, TrustedTime, VerifyError, verify_token};
use serde_json::Value;

const OVER: &[u8] = b"the bytes of a signature";

/// An authority, its leaf, and a timestamp that is good as it is.
struct Story {
    root_key: TestKey,
    key: TestKey,
    root: Draft,
    leaf: Draft,
    leaf_by: Option<TestKey>,
    edit: fn(&mut TimestampDraft),
    edit_bytes: fn(&mut Vec<u8>),
    /// Whether the trusted chain names the leaf.
    pinned: bool,
}

impl Story {
    fn new() -> Self {
        let (root_key, key) = (TestKey::p384("tsa root"), TestKey::p256("tsa"));
        Self {
            root: Draft::root("TSA Root", &root_key),
            leaf: Draft::timestamp_authority("TSA Root", "TSA", &key),
            root_key,
            key,
            leaf_by: None,
            edit: |_| {},
            edit_bytes: |_| {},
            pinned: false,
        }
    }

    fn certificate(&self) -> Vec<u8> {
        self.leaf.sign(self.leaf_by.as_ref().unwrap_or(&self.root_key))
    }

    fn token(&self) -> Vec<u8> {
        let mut draft = TimestampDraft::new(OVER, &self.certificate(), &self.leaf.issuer, self.leaf.serial);
        (self.edit)(&mut draft);
        let mut token = draft.answer(&self.key);
        (self.edit_bytes)(&mut token);
        token
    }

    fn chain(&self) -> String {
        let mut chain = vec![self.root.sign(&self.root_key)];
        if self.pinned {
            chain.insert(0, self.certificate());
        }
        chain.iter().map(|der| der::pem("CERTIFICATE", der)).collect()
    }

    fn verify(&self) -> Result<TrustedTime, VerifyError> {
        let authorities = TimestampAuthorities::new().and_pem(&self.chain())?;
        verify_token(&self.token(), OVER, &authorities)
    }
}

/// `ok`, or the code and the text of the error.
fn said(outcome: &Result<TrustedTime, VerifyError>) -> (String, String) {
    match outcome {
        Ok(_) => ("ok".to_owned(), String::new()),
        Err(error) => (error.code().to_owned(), error.to_string()),
    }
}

#[test]
fn a_good_timestamp_gives_its_time() {
    let mut story = Story::new();
    for pinned in [false, true] {
        story.pinned = pinned;
        let time = story.verify().unwrap();
        assert_eq!(time.time(), der::moment("20250601120000Z"));
        let TimeSource::Timestamp { authority, anchor } = time.source() else { panic!("{time:?}") };
        assert_eq!(authority, "\"CN=TSA\"");
        assert_eq!(*anchor, Sha256Digest::of(&story.root.sign(&story.root_key)));
    }
}

#[test]
fn what_is_allowed_is_accepted() {
    let allowed: &[(&str, Change)] = &[
        ("SHA-384", |story| {
            story.edit = |draft| "2.16.840.1.101.3.4.2.2".clone_into(&mut draft.imprint_hash);
        }),
        ("SHA-512", |story| {
            story.edit = |draft| "2.16.840.1.101.3.4.2.3".clone_into(&mut draft.imprint_hash);
        }),
        ("RSA, named by its key", |story| {
            story.key = TestKey::rsa();
            story.leaf.spki = story.key.spki();
            story.edit = |draft| {
                draft.algorithm = Some(der::sequence(&[der::oid("1.2.840.113549.1.1.1"), der::null()]));
            };
        }),
        ("RSA", |story| {
            story.key = TestKey::rsa();
            story.leaf.spki = story.key.spki();
        }),
        ("Ed25519 over SHA-512", |story| {
            story.key = TestKey::ed25519("tsa");
            story.leaf.spki = story.key.spki();
            story.edit = |draft| "2.16.840.1.101.3.4.2.3".clone_into(&mut draft.digest);
        }),
        ("P-384 over SHA-384", |story| {
            story.key = TestKey::p384("tsa");
            story.leaf.spki = story.key.spki();
            story.edit = |draft| "2.16.840.1.101.3.4.2.2".clone_into(&mut draft.digest);
        }),
        ("no certificate inside, named in the chain", |story| {
            story.pinned = true;
            story.edit = |draft| draft.certificates.clear();
        }),
        ("named by its key", |story| {
            story.leaf.put(Ext::key_id(b"the key"));
            story.edit = |draft| draft.signer_key_id = Some(b"the key".to_vec());
        }),
        ("an extension that need not be understood", |story| {
            story.edit = |draft| draft.extensions.push(Ext::new("1.2.3.4", der::null()));
        }),
        ("another signed attribute", |story| {
            story.edit = |draft| {
                draft.more_attributes.push(TimestampDraft::attribute("1.2.3.4", der::null()));
            };
        }),
        ("nonRepudiation", |story| {
            story.leaf.put(Ext::usage(&[usage::NON_REPUDIATION]));
        }),
        ("expired since", |story| "20250601120000Z".clone_into(&mut story.leaf.not_after)),
    ];
    for (name, change) in allowed {
        let mut story = Story::new();
        change(&mut story);
        assert_eq!(said(&story.verify()), ("ok".to_owned(), String::new()), "{name}");
    }
}

type Change = fn(&mut Story);

const FLAWS: &[(&str, &str, Change)] = &[
    ("of something else", "of something else", |story| story.edit = |draft| draft.over = b"other".to_vec()),
    ("SHA-1", "1.3.14.3.2.26", |story| {
        story.edit = |draft| "1.3.14.3.2.26".clone_into(&mut draft.imprint_hash);
    }),
    ("SHA-1 of the attributes", "1.3.14.3.2.26", |story| {
        story.edit = |draft| "1.3.14.3.2.26".clone_into(&mut draft.digest);
    }),
    ("another hash in the signature's name", "1.2.840.10045.4.3.3", |story| {
        story.edit = |draft| draft.algorithm = Some(der::sequence(&[der::oid("1.2.840.10045.4.3.3")]));
    }),
    ("signed by a stranger", "its signature does not verify", |story| story.key = TestKey::p256("stranger")),
    ("a bit of the signature", "its signature does not verify", |story| {
        story.edit_bytes = |token| *token.last_mut().unwrap() ^= 1;
    }),
    ("a second later", "signed attributes are of another content", |story| {
        story.edit_bytes = |token| {
            let at = token.windows(15).position(|part| part == b"20250601120000Z").unwrap();
            token[at + 13] = b'1';
        };
    }),
    ("an authority that nobody trusts", "none of the 1 trusted", |story| {
        story.edit = |draft| draft.certificates.clear();
    }),
    ("a root that nobody trusts", "leads to no trusted anchor", |story| {
        story.leaf.issuer = der::name("Elsewhere");
    }),
    ("a leaf that a stranger signed", "does not verify with the key of", |story| {
        story.leaf_by = Some(TestKey::p256("stranger"));
    }),
    ("no signed certificate", "which certificate signed it", |story| story.edit = |draft| draft.names = None),
    ("another signed certificate", "which certificate signed it", |story| {
        story.edit = |draft| draft.names = Some(b"another".to_vec());
    }),
    ("SHA-1 names the certificate", "which certificate signed it", |story| {
        story.edit = |draft| {
            draft.names = None;
            let id = der::sequence(&[der::octets(&[7; 20])]);
            let old = der::sequence(&[der::sequence(&[id])]);
            draft.more_attributes.push(TimestampDraft::attribute("1.2.840.113549.1.9.16.2.12", old));
        };
    }),
    ("expired", "not at 2025-06-01T12:00:00Z", |story| {
        "20250601115959Z".clone_into(&mut story.leaf.not_after);
    }),
    ("not yet valid", "not at 2025-06-01T12:00:00Z", |story| {
        "20250601120001Z".clone_into(&mut story.leaf.not_before);
    }),
    ("an expired root", "CN=TSA Root", |story| "20250101000000Z".clone_into(&mut story.root.not_after)),
    ("an extendedKeyUsage that is not critical", "not critical", |story| {
        story.leaf.put(Ext::purposes(&[purpose::TIME_STAMPING]));
    }),
    ("more purposes", "more than timeStamping", |story| {
        story.leaf.put(Ext::purposes(&[purpose::TIME_STAMPING, purpose::CODE_SIGNING]).critical());
    }),
    ("another purpose", "timeStamping", |story| {
        story.leaf.put(Ext::purposes(&[purpose::CODE_SIGNING]).critical());
    }),
    ("any purpose", "timeStamping", |story| {
        story.leaf.put(Ext::purposes(&[purpose::ANY]).critical());
    }),
    ("no purpose", "timeStamping", |story| {
        story.leaf.remove("2.5.29.37");
    }),
    ("a key for certificates", "keyCertSign", |story| {
        story.leaf.put(Ext::usage(&[usage::DIGITAL_SIGNATURE, usage::KEY_CERT_SIGN]));
    }),
    ("a key for encipherment", "digitalSignature", |story| {
        story.leaf.put(Ext::usage(&[usage::KEY_ENCIPHERMENT]));
    }),
    ("an authority of certificates", "CA:TRUE", |story| {
        story.leaf.put(Ext::authority(None));
    }),
    ("another content", "no timestamp", |story| {
        story.edit = |draft| "1.2.840.113549.1.7.1".clone_into(&mut draft.content_type);
    }),
    ("another content in the signed attributes", "of another content", |story| {
        story.edit = |draft| "1.2.840.113549.1.7.1".clone_into(&mut draft.signed_content_type);
    }),
    ("two signers", "exactly one signer", |story| story.edit = |draft| draft.signers = 2),
    ("no signer", "exactly one signer", |story| story.edit = |draft| draft.signers = 0),
    ("a signed attribute twice", "stands twice", |story| {
        story.edit = |draft| {
            draft
                .more_attributes
                .push(TimestampDraft::attribute("1.2.840.113549.1.9.4", der::octets(&[7; 32])));
        };
    }),
    ("version 2", "version 1", |story| story.edit = |draft| draft.version = 2),
    ("a critical extension", "critical", |story| {
        story.edit = |draft| draft.extensions.push(Ext::new("1.2.3.4", der::null()).critical());
    }),
    ("a time without a zone", "time", |story| {
        story.edit = |draft| "20250601120000".clone_into(&mut draft.time);
    }),
    ("a time of another zone", "time", |story| {
        story.edit = |draft| "20250601120000+0200".clone_into(&mut draft.time);
    }),
    ("a thirteenth month", "time", |story| {
        story.edit = |draft| "20251301120000Z".clone_into(&mut draft.time);
    }),
    ("a point without a fraction", "time", |story| {
        story.edit = |draft| "20250601120000.Z".clone_into(&mut draft.time);
    }),
    ("a fraction that ends in zero", "time", |story| {
        story.edit = |draft| "20250601120000.50Z".clone_into(&mut draft.time);
    }),
    ("a fraction of a thousand digits", "time", |story| {
        story.edit = |draft| draft.time = format!("20250601120000.{}Z", "1".repeat(1000));
    }),
    ("seventeen certificates", "too many", |story| {
        story.edit = |draft| draft.certificates = vec![draft.certificates[0].clone(); 17];
    }),
    ("cut short", "structure", |story| {
        story.edit_bytes = |token| {
            token.pop();
        }
    }),
    ("a byte behind it", "structure", |story| story.edit_bytes = |token| token.push(0)),
    ("nothing", "structure", |story| story.edit_bytes = Vec::clear),
    ("257 KiB", "longer than any", |story| story.edit_bytes = |token| token.resize(257 * 1024, 0)),
    ("rejected", "status 2", |story| {
        story.edit_bytes = |token| *token = der::sequence(&[der::sequence(&[der::integer(2)])]);
    }),
    ("granted, and empty", "holds none", |story| {
        story.edit_bytes = |token| *token = der::sequence(&[der::sequence(&[der::integer(0)])]);
    }),
    ("waiting, with a token", "status 3", |story| {
        story.edit_bytes = |token| {
            let at = token.windows(3).position(|part| part == [2, 1, 0]).unwrap();
            token[at + 2] = 3;
        };
    }),
];

#[test]
fn every_flaw_is_refused_for_its_own_reason() {
    let mut wrong = Vec::new();
    for (name, says, change) in FLAWS {
        let mut story = Story::new();
        change(&mut story);
        let (code, text) = said(&story.verify());
        if code != "E-TIMESTAMP" || !text.contains(says) {
            wrong.push(format!("{name}: {code}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// CVE-2026-39984 (GHSA-xm5m-wgh2-rrg3): the extended key usage was checked on the first certificate of the bag, not on
/// the signer's. A certificate of the same name and number, put before the signer's, must change nothing.
#[test]
fn cve_2026_39984() {
    // A genuine timestamp with a forged certificate before the signer's: still good, by the signer's own certificate.
    let mut story = Story::new();
    story.edit = |draft| {
        let stranger = TestKey::p256("stranger");
        let forged = Draft::timestamp_authority("TSA Root", "TSA", &stranger).sign(&stranger);
        draft.certificates.insert(0, forged);
    };
    assert_eq!(said(&story.verify()), ("ok".to_owned(), String::new()));

    // A certificate of the same authority that is for signing code makes a timestamp, and puts a real one before it.
    let mut story = Story::new();
    story.leaf.put(Ext::purposes(&[purpose::CODE_SIGNING]));
    story.edit = |draft| {
        let (root, other) = (TestKey::p384("tsa root"), TestKey::p256("real"));
        let genuine = Draft::timestamp_authority("TSA Root", "TSA", &other).sign(&root);
        draft.certificates.insert(0, genuine);
    };
    let (code, text) = said(&story.verify());
    assert!(code == "E-TIMESTAMP" && text.contains("timeStamping"), "{text}");

    // The signed attributes name the real one, which did not sign.
    story.edit = |draft| {
        let (root, other) = (TestKey::p384("tsa root"), TestKey::p256("real"));
        let genuine = Draft::timestamp_authority("TSA Root", "TSA", &other).sign(&root);
        draft.names = Some(genuine.clone());
        draft.certificates.insert(0, genuine);
    };
    let (code, text) = said(&story.verify());
    assert!(code == "E-TIMESTAMP" && text.contains("its signature does not verify"), "{text}");
}

/// TOB-SIGSTORE-11, sigstore-rust: the certificates of one authority vouched for the timestamps of another one.
#[test]
fn tob_sigstore_11() {
    let story = Story::new();
    let other_root = TestKey::p384("other root");
    let pem = |der: &[u8]| der::pem("CERTIFICATE", der);
    // Authority A is pinned to another leaf; authority B has an unrelated root. Mixed, they would accept.
    let stranger = TestKey::p256("stranger");
    let mut another = Draft::timestamp_authority("TSA Root", "Another TSA", &stranger);
    another.serial += 1;
    let a = format!("{}{}", pem(&another.sign(&story.root_key)), pem(&story.root.sign(&story.root_key)));
    let b = format!(
        "{}{}",
        pem(&story.certificate()),
        pem(&Draft::root("Other Root", &other_root).sign(&other_root))
    );
    let authorities = TimestampAuthorities::new().and_pem(&a).unwrap().and_pem(&b).unwrap();
    let (code, text) = said(&verify_token(&story.token(), OVER, &authorities));
    assert!(code == "E-TIMESTAMP" && text.contains("leads to no trusted anchor"), "{text}");
    // With the right one beside them, in any order.
    for chains in [[&a, &b, &story.chain()], [&story.chain(), &b, &a]] {
        let authorities =
            chains.iter().fold(TimestampAuthorities::new(), |all, chain| all.and_pem(chain).unwrap());
        assert!(verify_token(&story.token(), OVER, &authorities).is_ok());
    }
    assert_eq!(said(&verify_token(&story.token(), OVER, &TimestampAuthorities::new())).0, "E-TIMESTAMP");
}

/// Not every byte of a token is signed (the list of algorithms is not), but none can be changed so that another time comes
/// out, or that it is of something else.
#[test]
fn no_byte_of_a_token_changes_what_it_says() {
    let mut story = Story::new();
    story.pinned = true;
    let authorities = TimestampAuthorities::new().and_pem(&story.chain()).unwrap();
    let (token, good) = (story.token(), story.verify().unwrap());
    let mut accepted = 0;
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] ^= 0x04;
        match verify_token(&changed, OVER, &authorities) {
            Ok(time) => {
                assert_eq!(time, good, "byte {at}");
                accepted += 1;
            }
            Err(error) => assert_eq!(error.code(), "E-TIMESTAMP", "byte {at}"),
        }
        assert!(verify_token(&changed, b"other", &authorities).is_err(), "byte {at}");
    }
    assert!(accepted < token.len() / 2, "{accepted} of {}", token.len());
}

#[test]
fn fractions_of_a_second_are_read() {
    type Edit = fn(&mut TimestampDraft);
    let times: &[(Edit, Duration)] = &[
        (|draft| "20250601120000.5Z".clone_into(&mut draft.time), Duration::from_millis(500)),
        (|draft| "20250601120000.001Z".clone_into(&mut draft.time), Duration::from_millis(1)),
        (|draft| "20250601120000.123456789Z".clone_into(&mut draft.time), Duration::from_nanos(123_456_789)),
    ];
    for (edit, more) in times {
        let mut story = Story::new();
        story.edit = *edit;
        assert_eq!(story.verify().unwrap().time(), der::moment("20250601120000Z") + *more);
    }
}

#[test]
fn the_token_alone_is_read_as_well() {
    let story = Story::new();
    let draft = TimestampDraft::new(OVER, &story.certificate(), &story.leaf.issuer, story.leaf.serial);
    let authorities = TimestampAuthorities::new().and_pem(&story.chain()).unwrap();
    assert!(verify_token(&draft.sign(&story.key), OVER, &authorities).is_ok());
}

#[test]
fn chains_of_authorities_are_refused_where_they_are_loaded() {
    let story = Story::new();
    for text in ["", "hello", "-----BEGIN CERTIFICATE-----", &der::pem("CERTIFICATE", b"x")] {
        assert_eq!(TimestampAuthorities::new().and_pem(text).unwrap_err().code(), "E-ANCHOR", "{text}");
    }
    let many = story.chain().repeat(17);
    assert_eq!(TimestampAuthorities::new().and_pem(&many).unwrap_err().code(), "E-ANCHOR");
}

/// Timestamps that the program makes, and what it says about ours.
#[test]
fn openssl_makes_timestamps_and_reads_ours() {
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
    let path = |name: &str| folder.path().join(name);
    let run = |line: &str| {
        let output =
            Command::new("openssl").args(line.split(' ')).current_dir(folder.path()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let mut story = Story::new();
    story.key = TestKey::rsa();
    story.leaf.spki = story.key.spki();
    "20491231235959Z".clone_into(&mut story.root.not_after);
    "20491231235959Z".clone_into(&mut story.leaf.not_after);
    fs::write(path("data"), OVER).unwrap();
    fs::write(path("chain.pem"), story.chain()).unwrap();
    fs::write(path("tsa.pem"), der::pem("CERTIFICATE", &story.certificate())).unwrap();
    fs::copy(places::checkout().join("testdata/pki/rsa-2048.pem"), path("key.pem")).unwrap();
    let config = "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = key.pem\n\
                  default_policy = 1.2.3.4\ndigests = sha256, sha384, sha512, sha1\nsigner_digest = sha256\n\
                  ess_cert_id_chain = no\ness_cert_id_alg = sha256\n";
    fs::write(path("tsa.cnf"), config).unwrap();
    fs::write(path("serial"), "01\n").unwrap();
    let authorities = TimestampAuthorities::new().and_pem(&story.chain()).unwrap();
    for (hash, expected) in [("sha256", "ok"), ("sha384", "ok"), ("sha512", "ok"), ("sha1", "E-TIMESTAMP")] {
        let asked = run(&format!("ts -query -data data -{hash} -cert -out query"));
        assert!(asked.0, "{}", asked.1);
        let answered = run("ts -reply -config tsa.cnf -queryfile query -out reply");
        assert!(answered.0, "{}", answered.1);
        let reply = fs::read(path("reply")).unwrap();
        assert_eq!(said(&verify_token(&reply, OVER, &authorities)).0, expected, "{hash}");
        assert_eq!(said(&verify_token(&reply, b"other", &authorities)).0, "E-TIMESTAMP");
    }
    fs::write(path("ours"), story.token()).unwrap();
    let read = run("ts -verify -data data -in ours -CAfile chain.pem -attime 1750000000");
    assert!(read.0, "{}", read.1);
}

/// The timestamps of the public conformance suite of Sigstore, each with the authority of its trusted root.
#[test]
fn timestamps_of_sigstore_are_read() {
    let Some(vectors) = places::vectors() else { return };
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let json =
        |path: &std::path::Path| -> Option<Value> { serde_json::from_slice(&fs::read(path).ok()?).ok() };
    let mut seen = Vec::new();
    let mut folders: Vec<_> = walk(&vectors.join("sigstore-conformance"));
    folders.sort();
    for folder in folders {
        let (Some(bundle), Some(root)) =
            (json(&folder.join("bundle.sigstore.json")), json(&folder.join("trusted_root.json")))
        else {
            continue;
        };
        let tokens = &bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
        let Some(token) =
            tokens.get(0).and_then(|token| STANDARD.decode(token["signedTimestamp"].as_str()?).ok())
        else {
            continue;
        };
        let over =
            [&bundle["messageSignature"]["signature"], &bundle["dsseEnvelope"]["signatures"][0]["sig"]];
        let Some(over) = over.into_iter().find(|value| value.is_string()) else { continue };
        let mut authorities = TimestampAuthorities::new();
        for authority in root["timestampAuthorities"].as_array().into_iter().flatten() {
            let chain = authority["certChain"]["certificates"].as_array().unwrap();
            let chain: Vec<Vec<u8>> =
                chain.iter().map(|certificate| bytes(&certificate["rawBytes"])).collect();
            authorities = authorities.and_der(&chain).unwrap();
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        seen.push((name, said(&verify_token(&token, &bytes(over), &authorities))));
    }
    assert!(seen.len() >= 14, "{seen:?}");
    for (name, (code, text)) in &seen {
        // What makes the other cases of the suite fail is not in the timestamp.
        let (expected, says) = match name.as_str() {
            "rekor2-timestamp-payload-mismatch_fail" => ("E-TIMESTAMP", "of something else"),
            "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail" => {
                ("E-TIMESTAMP", "which certificate signed it")
            }
            _ => ("ok", ""),
        };
        assert!(code == expected && text.contains(says), "{name}: {code}: {text}");
    }
}

/// Every folder below this one.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found
}

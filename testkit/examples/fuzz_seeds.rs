//! Writes the starting inputs of those fuzz targets whose inputs are too long to be typed, and all our own:
//! `cargo run -p lacre-testkit --example fuzz_seeds -- fuzz/corpus`. The same bytes in every run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool for those who write fuzz targets: a panic tells them what is missing"
)]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::pki::{Draft, TestKey, TimestampDraft, der};
use lacre_testkit::{Archive, Foreign, gzip, record};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn main() {
    let corpus = PathBuf::from(std::env::args_os().nth(1).expect("the folder fuzz/corpus"));
    certificate_chain(&corpus.join("certificate_chain"));
    timestamp_answer(&corpus.join("timestamp_answer"));
    token(&corpus.join("token"));
    trust_config(&corpus.join("trust_config"));
    layout(&corpus.join("layout"));
    chunk_list(&corpus.join("chunk_list"));
    archive(&corpus.join("archive"));
    artifact(&corpus.join("artifact"));
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

/// The first byte says how the rest is read: compressed, below a folder.
fn archive(folder: &Path) {
    let two = || Archive::new().folder("a/").file("a/config.json", "{}").file("b", "bb");
    let long = Archive::new().records(&record("path", "long/name")).file("x", "x");
    let prefixed = |how: u8, bytes: &[u8]| [&[how], bytes].concat();
    write(folder, "plain", prefixed(0, &two().finish()));
    write(folder, "gzip", prefixed(1, &gzip(two().finish())));
    write(folder, "beneath", prefixed(2, &Archive::new().file("models/b", "bb").finish()));
    write(folder, "pax", prefixed(0, &long.finish()));
    write(folder, "gnu", prefixed(0, &Archive::new().long_name("long/name").file("x", "x").finish()));
    write(folder, "link", prefixed(0, &two().special("l", b'2').finish()));
}

/// Manifests of each format.
fn artifact(folder: &Path) {
    let layers = [
        (
            "oras",
            Foreign::oras().titled("a", "a").titled_folder("b", Archive::new().file("b/c", "c").finish()),
        ),
        ("kitops", Foreign::kitops().layer("application/vnd.kitops.modelkit.model.v1.tar+gzip", "x")),
        ("docker", Foreign::docker().layer("application/vnd.docker.ai.gguf.v3", "GGUF")),
        ("ollama", Foreign::ollama().layer("application/vnd.ollama.image.model", "GGUF")),
        ("image", Foreign::image().layer("application/vnd.oci.image.layer.v1.tar", "x")),
        ("archives", Foreign::model_pack().layer("application/vnd.cncf.model.doc.v1.tar", "x")),
    ];
    for (name, artifact) in layers {
        write(folder, name, artifact.manifest());
    }
}

/// A leaf, an authority and a root, in DER.
fn chain(leaf: &TestKey) -> [Vec<u8>; 3] {
    let (root_key, middle_key) = (TestKey::p384("root"), TestKey::p256("middle"));
    [
        Draft::leaf("Middle", "Release", leaf).sign(&middle_key),
        Draft::authority("Root", "Middle", &middle_key).sign(&root_key),
        Draft::root("Root", &root_key).sign(&root_key),
    ]
}

fn certificate_chain(folder: &Path) {
    let pem = |ders: &[Vec<u8>]| ders.iter().map(|der| der::pem("CERTIFICATE", der)).collect::<String>();
    let [leaf, middle, root] = chain(&TestKey::p256("leaf"));
    write(folder, "leaf", pem(std::slice::from_ref(&leaf)));
    write(folder, "whole", pem(&[leaf.clone(), middle.clone(), root.clone()]));
    write(folder, "words-between", format!("first\n{}then\n{}", pem(&[leaf]), pem(&[middle, root])));
    write(folder, "ed25519", pem(&chain(&TestKey::ed25519("leaf"))));
    write(folder, "p521", pem(&chain(&TestKey::p521("leaf"))));
    write(folder, "key", der::pem("PUBLIC KEY", &TestKey::p256("leaf").spki()));
}

fn timestamp_answer(folder: &Path) {
    let key = TestKey::p256("timestamps");
    let draft = Draft::timestamp_authority("Root", "Timestamps", &key);
    let certificate = draft.sign(&TestKey::p384("root"));
    let mut stamp = TimestampDraft::new(b"a signature", &certificate, &draft.issuer, draft.serial);
    // The target asks with 4711, whose highest bit is the one that is not used.
    stamp.nonce = Some(4711 >> 1);
    write(folder, "good", stamp.answer(&key));
    let with = |name: &str, change: fn(&mut TimestampDraft)| {
        let mut changed = stamp.clone();
        change(&mut changed);
        write(folder, name, changed.answer(&key));
    };
    with("no-nonce", |stamp| stamp.nonce = None);
    with("no-certificates", |stamp| stamp.certificates.clear());
    with("fraction", |stamp| "20250601120000.25Z".clone_into(&mut stamp.time));
    with("sha384", |stamp| "2.16.840.1.101.3.4.2.2".clone_into(&mut stamp.imprint_hash));
    let status = |parts: &[Vec<u8>]| der::sequence(&[der::sequence(parts)]);
    write(folder, "refused", status(&[der::integer(2), der::sequence(&[der::utf8("not today")])]));
    write(folder, "refused-bare", status(&[der::integer(2)]));
}

fn token(folder: &Path) {
    // 2100-01-01.
    let good = json!({
        "iss": "https://issuer.test", "sub": "1", "aud": "sigstore", "email": "me@example.test",
        "email_verified": true, "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 4_102_444_800_u64,
    });
    let with = |name: &str, member: &str, value: Value| {
        let mut claims = good.clone();
        claims[member] = value;
        write(folder, name, claims.to_string());
    };
    write(folder, "good", good.to_string());
    with("audiences", "aud", json!(["other", "sigstore"]));
    with("other-audience", "aud", json!("https://bank.test"));
    with("expired", "exp", json!(1));
    with("fraction", "exp", json!(4_102_444_800.5));
    with("early", "nbf", json!(4_102_444_000_u64));
    with("nobody", "sub", json!(""));
    write(folder, "whole", "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.AAAA");
}

fn trust_config(folder: &Path) {
    let since = json!({"start": "2024-01-01T00:00:00Z"});
    let log = |name: &str| {
        let spki = TestKey::p256(name).spki();
        json!({
            "baseUrl": format!("https://{name}.test"), "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": STANDARD.encode(&spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                          "validFor": since},
            "logId": {"keyId": STANDARD.encode(Sha256::digest(&spki))},
        })
    };
    let root_key = TestKey::p384("root");
    let authority = |name: &str, ders: &[Vec<u8>]| {
        let certificates: Vec<Value> =
            ders.iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
        json!({"subject": {"organization": "test", "commonName": name}, "uri": format!("https://{name}.test"),
               "certChain": {"certificates": certificates}, "validFor": since})
    };
    let root = Draft::root("Root", &root_key).sign(&root_key);
    let stamps =
        Draft::timestamp_authority("Root", "Timestamps", &TestKey::p256("timestamps")).sign(&root_key);
    let service = |name: &str, version: u32| {
        json!([{"url": format!("https://{name}.test"), "majorApiVersion": version, "validFor": since,
                "operator": "test"}])
    };
    let config = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log("rekor")], "ctlogs": [log("ctlog")],
            "certificateAuthorities": [authority("fulcio", std::slice::from_ref(&root))],
            "timestampAuthorities": [authority("stamps", &[stamps, root])],
        },
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service("fulcio", 1), "oidcUrls": service("issuer", 1),
            "rekorTlogUrls": service("rekor", 2), "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": service("stamps", 1), "tsaConfig": {"selector": "ANY"},
        },
    });
    let with = |name: &str, place: &str, value: Value| {
        let mut changed = config.clone();
        *changed.pointer_mut(place).unwrap() = value;
        write(folder, name, changed.to_string());
    };
    write(folder, "good", config.to_string());
    with("first-log", "/signingConfig/rekorTlogUrls/0/majorApiVersion", json!(1));
    with("all-logs", "/signingConfig/rekorTlogConfig", json!({"selector": "ALL"}));
    with("exactly-two", "/signingConfig/rekorTlogConfig", json!({"selector": "EXACT", "count": 2}));
    with("no-timestamps", "/signingConfig/tsaUrls", json!([]));
    with("plain", "/signingConfig/caUrls/0/url", json!("http://fulcio.test"));
    with("here", "/signingConfig/caUrls/0/url", json!("http://127.0.0.1:1"));
    let ended = json!({"start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"});
    with("ended", "/signingConfig/caUrls/0/validFor", ended);
    with("no-root", "/trustedRoot/tlogs", json!([]));
}

fn layout(folder: &Path) {
    // The digest of `{}`, which the target keeps as a manifest (image specification 1.1, empty descriptor).
    let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let entry = |tag: &str| {
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 2,
               "annotations": {"org.opencontainers.image.ref.name": tag}})
    };
    let index = |entries: Value| json!({"schemaVersion": 2, "manifests": entries}).to_string();
    write(folder, "empty", index(json!([])));
    write(folder, "tagged", index(json!([entry("v1"), entry("v2")])));
    write(folder, "twice", index(json!([entry("v1"), entry("v1")])));
    let mut other = entry("v1");
    other["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
    write(folder, "sha512", index(json!([other])));
    let mut missing = entry("v1");
    missing["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    write(folder, "missing", index(json!([missing])));
}

fn chunk_list(folder: &Path) {
    for groups in [2_usize, 3, 5, 8] {
        write(folder, &format!("groups-{groups}"), lacre_testkit::noise(groups as u64, groups * 32));
    }
    write(folder, "uneven", lacre_testkit::noise(9, 65));
}

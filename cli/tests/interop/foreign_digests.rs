//! The digests that only the API of `model_signing` makes: BLAKE2b and BLAKE3 of whole files, and pieces.

use std::fs;

use lacre_testkit::{ModelDir, noise, tamper};
use serde_json::Value;

use crate::bench::{Bench, Found, model_signing};

/// Signs `model` with `k.key` into `model.sig` beside it: the words are the hash, and the size of pieces or 0.
const SIGN: &str = r#"
import pathlib, sys
from model_signing import hashing, signing
algorithm, shard_size = sys.argv[1], int(sys.argv[2])
config = hashing.Config()
if shard_size:
    config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=shard_size)
else:
    config.use_file_serialization(hashing_algorithm=algorithm)
key = signing.Config().use_elliptic_key_signer(private_key=pathlib.Path("k.key"))
key.set_hashing_config(config).sign(pathlib.Path("model"), pathlib.Path("model.sig"))
"#;

const VERIFY: &str = "verify model --key k.pub --signature model.sig";

/// A model with files around the borders of pieces of 1000 bytes, more than ten pieces in one, a colon in a name.
fn model() -> ModelDir {
    ModelDir::new()
        .file("a:0", noise(1, 999))
        .file("b", noise(2, 1000))
        .file("sub/c", noise(3, 1001))
        .file("sub.d", noise(4, 11_500))
        .file("large", noise(5, 3 << 20))
}

fn signed(peer: &Found, algorithm: &str, shard_size: u64) -> Bench {
    let bench = Bench::new("ecdsa-p256", model());
    fs::write(bench.path("sign.py"), SIGN).unwrap();
    bench.python(peer, &format!("sign.py {algorithm} {shard_size}"));
    bench
}

fn entry<'a>(claims: &'a Value, name: &str) -> &'a Value {
    let files = claims["claims"]["model"]["files"].as_array().unwrap();
    files.iter().find(|file| file["path"] == name).unwrap()
}

#[test]
fn every_digest_of_whole_files_and_of_pieces() {
    let Some(peer) = model_signing() else { return };
    for (algorithm, shard_size, proven_by) in [
        ("blake2", 0, "blake2b"),
        ("blake3", 0, "blake3"),
        ("sha256", 1000, "sha256-shards"),
        ("blake2", 1000, "blake2b-shards"),
        ("sha256", 1 << 20, "sha256-shards"),
        ("blake2", 1_000_000_000, "blake2b-shards"),
    ] {
        let bench = signed(&peer, algorithm, shard_size);
        let result = bench.lacre(VERIFY);
        assert_eq!(result["proven_by"], proven_by, "{algorithm} {shard_size}");
        assert_eq!(result["model"]["files"], 5);
        assert_eq!(result["model"]["identity"], Value::Null, "without SHA-256 there is none");
        // The last byte of the last piece, and the first of the first.
        for (name, at) in [("sub.d", 11_499), ("b", 0)] {
            let before = bench.model().read(name);
            tamper::flip(&bench.model().entry(name), at);
            bench.lacre_refuses(VERIFY, 1, "E-FILE-CHANGED");
            fs::write(bench.model().entry(name), before).unwrap();
        }
        bench.lacre(VERIFY);
        tamper::truncate(&bench.model().entry("large"), 1);
        let code = if shard_size == 0 { "E-FILE-CHANGED" } else { "E-FILE-SIZE" };
        bench.lacre_refuses(VERIFY, 1, code);
    }
}

#[test]
fn a_file_without_bytes_is_not_in_pieces_and_so_not_signed() {
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "sha256", 1000);
    fs::write(bench.model().entry("empty"), "").unwrap();
    bench.lacre_refuses(VERIFY, 1, "E-FILE-EXTRA");
    bench.lacre(&format!("{VERIFY} --allow-unsigned empty"));
}

#[test]
fn a_demanded_digest_that_is_not_signed_is_refused() {
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "blake2", 0);
    for digest in ["sha256", "blake3"] {
        bench.lacre_refuses(&format!("{VERIFY} --digest {digest}"), 8, "E-DIGEST-NOT-SIGNED");
    }
    bench.lacre(&format!("{VERIFY} --digest both"));
}

#[test]
fn what_needs_sha256_says_so() {
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "blake2", 0);
    bench.lacre_refuses("push model oci:store:v1 --signature model.sig", 13, "E-UNSUPPORTED");
    assert!(!bench.path("store").exists());
    bench.lacre_refuses("diff model.sig model", 13, "E-UNSUPPORTED");
    let claims = bench.lacre("inspect model.sig");
    assert_eq!(entry(&claims, "b")["blake2b"].as_str().unwrap().len(), 128);
    let bench = signed(&peer, "sha256", 1000);
    let claims = bench.lacre("inspect model.sig");
    assert_eq!(entry(&claims, "a:0")["size"], 999);
    assert_eq!(entry(&claims, "sub.d")["shards"]["digests"].as_array().unwrap().len(), 12);
}

//! Digests that Lacre reads and does not write.

use serde_json::{Value, json};

use super::tests::{code, read, with};
use super::*;
use lacre_manifest::{Digests, ShardDigests};

// SHA-256 of the texts "a", "b" and "c": `printf a | sha256sum`.
const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const B: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
const C: &str = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6";
// BLAKE2b-512 of "abc" (RFC 7693, appendix A).
const ABC_BLAKE2B: &str = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
    7d87c5392aab792dc252d5de4533cc9518d38aa8dbc4925ab92386edd4009923";

/// A statement over `resources` with the root that belongs to them.
fn statement(serialization: &Value, resources: &[(&str, &str, &str)]) -> Value {
    let raw: Vec<u8> = resources.iter().flat_map(|(_, digest, _)| bytes(digest)).collect();
    let resources: Vec<Value> = resources
        .iter()
        .map(|(name, digest, algorithm)| json!({"algorithm": algorithm, "digest": digest, "name": name}))
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": Sha256Digest::of(&raw).to_string()}}],
        "predicateType": MODEL_PREDICATE_TYPE,
        "predicate": {"resources": resources, "serialization": serialization},
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

fn files(hash_type: &str) -> Value {
    json!({"method": "files", "hash_type": hash_type, "allow_symlinks": false})
}

fn shards(size: &Value) -> Value {
    json!({"method": "shards", "hash_type": "sha256", "allow_symlinks": false, "shard_size": size})
}

/// Files `f` of 25 bytes and `g:1` of 3, in pieces of 10.
fn pieces() -> [(&'static str, &'static str, &'static str); 4] {
    [("f:0:10", A, "sha256"), ("f:10:20", B, "sha256"), ("f:20:25", C, "sha256"), ("g:1:0:3", A, "sha256")]
}

#[test]
fn whole_files_by_blake2b_and_by_blake3() {
    let claim = read(&statement(&files("blake2b"), &[("f", ABC_BLAKE2B, "blake2b")])).unwrap();
    let [entry] = claim.manifest().entries() else { panic!() };
    assert!(matches!(&entry.digests, Digests::Blake2b(digest) if digest.to_string() == ABC_BLAKE2B));
    assert_eq!(claim.sha256_manifest().unwrap_err().code(), "E-UNSUPPORTED");
    assert_eq!(claim.to_statement().unwrap_err().code(), "E-UNSUPPORTED");
    let claim = read(&statement(&files("blake3"), &[("f", A, "blake3")])).unwrap();
    assert!(
        matches!(&claim.manifest().entries()[0].digests, Digests::Blake3(digest) if digest.to_string() == A)
    );
    assert_eq!(claim.identity(), None);
}

#[test]
fn a_digest_of_another_length_or_with_a_second_one_beside_it_is_refused() {
    assert_eq!(code(&statement(&files("blake2b"), &[("f", A, "blake2b")])), "E-PREDICATE");
    assert_eq!(code(&statement(&files("blake3"), &[("f", ABC_BLAKE2B, "blake3")])), "E-PREDICATE");
    let both =
        with(statement(&files("blake3"), &[("f", A, "blake3")]), "/predicate/resources/0/blake3", json!(B));
    assert_eq!(code(&both), "E-PREDICATE");
    let both = with(statement(&shards(&json!(10)), &pieces()), "/predicate/resources/0/blake3", json!(B));
    assert_eq!(code(&both), "E-PREDICATE");
    let sized = with(statement(&shards(&json!(10)), &pieces()), "/predicate/resources/0/size", json!(10));
    assert_eq!(code(&sized), "E-PREDICATE");
}

#[test]
fn pieces_become_files_with_their_sizes() {
    let claim = read(&statement(&shards(&json!(10)), &pieces())).unwrap();
    let [f, g] = claim.manifest().entries() else { panic!() };
    assert_eq!((f.path.as_str(), f.size, g.path.as_str(), g.size), ("f", Some(25), "g:1", Some(3)));
    let Digests::Shards(shards) = &f.digests else { panic!() };
    let ShardDigests::Sha256(digests) = &shards.digests else { panic!() };
    assert_eq!(shards.size.get(), 10);
    assert_eq!(digests.iter().map(ToString::to_string).collect::<Vec<_>>(), [A, B, C]);
}

#[test]
fn what_the_python_implementation_writes_is_the_same() {
    let python = pieces().map(|(name, digest, _)| (name, digest, "sha256-sharded-10"));
    let ours = read(&statement(&shards(&json!(10)), &pieces())).unwrap();
    assert_eq!(read(&statement(&shards(&json!(10.0)), &python)).unwrap().manifest(), ours.manifest());
    let other = pieces().map(|(name, digest, _)| (name, digest, "sha256-sharded-11"));
    assert_eq!(code(&statement(&shards(&json!(10)), &other)), "E-PREDICATE");
    let other = pieces().map(|(name, digest, _)| (name, digest, "blake2b-sharded-10"));
    assert_eq!(code(&statement(&shards(&json!(10)), &other)), "E-PREDICATE");
}

#[test]
fn both_orders_of_pieces_are_read_and_no_other() {
    let name = |index: usize| format!("f:{}:{}", index * 10, index * 10 + 10);
    let names: Vec<String> = (0..12).map(name).collect();
    let list = |names: &[String]| {
        let resources: Vec<_> = names.iter().map(|name| (name.as_str(), A, "sha256")).collect();
        code(&statement(&shards(&json!(10)), &resources))
    };
    assert_eq!(list(&names), "ok", "by place");
    let mut by_name = names.clone();
    by_name.sort();
    assert_ne!(by_name, names);
    assert_eq!(list(&by_name), "ok", "by code points");
    let mut turned = names.clone();
    turned.swap(1, 2);
    assert_eq!(list(&turned), "E-PREDICATE");
}

#[test]
fn pieces_that_are_no_whole_file_are_refused() {
    for (index, name, expected) in [
        (0, "f:1:10", "E-PREDICATE"),
        (0, "f:0:11", "E-PREDICATE"),
        (0, "f:0:9", "E-PREDICATE"),
        (0, "f:0:0", "E-PREDICATE"),
        (0, "f:10:0", "E-PREDICATE"),
        (0, "f:00:10", "E-PREDICATE"),
        (0, "f:+0:10", "E-PREDICATE"),
        (0, "f:0:99999999999999999999", "E-PREDICATE"),
        (0, "f:10", "E-PREDICATE"),
        (0, "f", "E-PREDICATE"),
        (0, ":0:10", "E-PATH"),
        (0, "../f:0:10", "E-PATH"),
        (2, "f:10:15", "E-DUPLICATE-NAME"),
        (1, "f:0:10", "E-DUPLICATE-NAME"),
        (2, "f:30:35", "E-PREDICATE"),
    ] {
        let mut list = pieces();
        list[index].0 = name;
        list.sort_unstable();
        assert_eq!(code(&statement(&shards(&json!(10)), &list)), expected, "{name}");
    }
    let collision = [("F:0:3", A, "sha256"), ("f:0:3", A, "sha256")];
    assert_eq!(code(&statement(&shards(&json!(10)), &collision)), "E-NAME-COLLISION");
}

#[test]
fn a_model_of_one_file_in_pieces_may_list_itself() {
    let one = [(".:0:10", A, "sha256"), (".:10:15", B, "sha256")];
    let claim = read(&statement(&shards(&json!(10)), &one)).unwrap();
    assert!(claim.single_file());
    assert_eq!(claim.manifest().entries()[0].path.as_str(), "model");
    let beside = [(".:0:10", A, "sha256"), ("f:0:5", B, "sha256")];
    assert_eq!(code(&statement(&shards(&json!(10)), &beside)), "E-PREDICATE");
    let behind = [("-:0:5", B, "sha256"), (".:0:10", A, "sha256")];
    assert_eq!(code(&statement(&shards(&json!(10)), &behind)), "E-PATH");
}

#[test]
fn the_shard_size_is_an_integer_above_0() {
    for (size, expected) in [
        (json!(10), "ok"),
        (json!(10.0), "ok"),
        (json!(0), "E-PREDICATE"),
        (json!(-10), "E-PREDICATE"),
        (json!(10.5), "E-PREDICATE"),
        (json!("10"), "E-PREDICATE"),
        (json!(null), "E-PREDICATE"),
        (json!(1_u64 << 54), "E-PREDICATE"),
    ] {
        assert_eq!(code(&statement(&shards(&size), &pieces())), expected, "{size}");
    }
    let mut blake3 = shards(&json!(10));
    blake3["hash_type"] = json!("blake3");
    assert_eq!(code(&statement(&blake3, &pieces())), "E-UNSUPPORTED");
}

use lacre_hash::Blake3Digest;
use lacre_manifest::Digests;
use serde_json::{Value, json};

use super::*;
use crate::Limits;

// SHA-256 and BLAKE3 of the texts "a" and "b": `printf a | sha256sum`, `printf a | b3sum`.
const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const B: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
const A_BLAKE3: &str = "17762fddd969a453925d65717ac3eea21320b66b54342fde15128d6caf21215f";
const B_BLAKE3: &str = "10e5cf3d3c8a4f9f3468c8cc58eea84892a22fdadbc1acb22410190044c1d553";
// SHA-256 of the raw bytes of A and B, and of B and A: `printf $A$B | xxd -r -p | sha256sum`.
const ROOT_AB: &str = "e5a01fee14e0ed5c48714f22180f25ad8365b53f9779f79dc4a3d7e93963f94a";
const ROOT_BA: &str = "18d79cb747ea174c59f3a3b41768672526d56fecc58360a99d283d0f9b0a3cc0";

pub(super) fn read_bytes(payload: &[u8]) -> Result<ModelClaim, AttestError> {
    let statement = Statement::parse(payload, &Limits::default())?;
    ModelClaim::from_statement(&statement)
}

pub(super) fn read(statement: &Value) -> Result<ModelClaim, AttestError> {
    read_bytes(&serde_json::to_vec(statement).unwrap())
}

pub(super) fn code(statement: &Value) -> &'static str {
    read(statement).map_or_else(|error| error.code(), |_| "ok")
}

/// What model-signing writes for files `a` and `b`, with every member in another order than Lacre's.
pub(super) fn plain() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": ROOT_AB}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false},
            "resources": [
                {"name": "a", "digest": A, "algorithm": "sha256"},
                {"name": "b", "digest": B, "algorithm": "sha256"},
            ],
        },
    })
}

/// [`plain`] with Lacre's members.
fn extended() -> Value {
    let mut statement = plain();
    for (index, blake3) in [A_BLAKE3, B_BLAKE3].into_iter().enumerate() {
        statement["predicate"]["resources"][index]["blake3"] = json!(blake3);
        statement["predicate"]["resources"][index]["size"] = json!(1);
    }
    let identity = read(&statement).unwrap().manifest().identity().unwrap();
    statement["subject"][0]["digest"]["lacre"] = json!(identity.to_string());
    statement
}

pub(super) fn with(mut statement: Value, pointer: &str, value: Value) -> Value {
    if let Some(place) = statement.pointer_mut(pointer) {
        *place = value;
    } else {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        statement.pointer_mut(parent).unwrap()[member] = value;
    }
    statement
}

pub(super) fn without(mut statement: Value, pointer: &str) -> Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    statement.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member).unwrap();
    statement
}

/// Files of these names, each with the content "a".
pub(super) fn named(names: &[&str]) -> Value {
    let resources: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "digest": A, "algorithm": "sha256"})).collect();
    let digest = A.parse::<Sha256Digest>().unwrap();
    let root = Sha256Digest::of(&digest.as_bytes().repeat(names.len()));
    let statement = with(plain(), "/predicate/resources", json!(resources));
    with(statement, "/subject/0/digest/sha256", json!(root.to_string()))
}

pub(super) fn manifest_of(statement: &Value) -> Manifest {
    read(statement).unwrap().manifest().clone()
}

pub(super) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

#[test]
fn the_constants_are_what_they_say() {
    for (text, sha256, blake3) in [("a", A, A_BLAKE3), ("b", B, B_BLAKE3)] {
        assert_eq!(Sha256Digest::of(text.as_bytes()).to_string(), sha256);
        assert_eq!(Blake3Digest::of(text.as_bytes()).to_string(), blake3);
    }
}

#[test]
fn reads_what_the_reference_implementation_writes() {
    let claim = read(&plain()).unwrap();
    assert_eq!(claim.name(), "model");
    assert_eq!(claim.version(), None);
    assert_eq!(claim.root().to_string(), ROOT_AB);
    assert_eq!(claim.identity(), None);
    assert!(!claim.single_file());
    let entries: Vec<_> = claim
        .manifest()
        .entries()
        .iter()
        .map(|entry| (entry.path.as_str(), entry.sha256().unwrap().to_string()))
        .collect();
    assert_eq!(entries, [("a", A.to_owned()), ("b", B.to_owned())]);
    assert!(claim.manifest().entries().iter().all(|entry| entry.size.is_none() && entry.blake3().is_none()));
}

#[test]
fn reads_sizes_blake3_identity_and_version() {
    let claim =
        read(&with(extended(), "/subject/0/annotations", json!({"version": "1.0.0", "x": [1]}))).unwrap();
    assert_eq!(claim.version(), Some("1.0.0"));
    assert_eq!(claim.identity().copied(), claim.manifest().identity());
    let entry = claim.manifest().get("b").unwrap();
    assert_eq!((entry.size, entry.blake3().unwrap().to_string().as_str()), (Some(1), B_BLAKE3));
}

#[test]
fn writes_exactly_this() {
    let claim = ModelClaim::new(
        "org/mini-lm",
        Some("1.0.0".to_owned()),
        manifest_of(&extended()),
        vec![path(".gitignore"), path(".git")],
    )
    .unwrap();
    let identity = claim.manifest().identity().unwrap();
    let expected = format!(
        concat!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicate":{{"resources":["#,
            r#"{{"algorithm":"sha256","blake3":"{}","digest":"{}","name":"a","size":1}},"#,
            r#"{{"algorithm":"sha256","blake3":"{}","digest":"{}","name":"b","size":1}}],"#,
            r#""serialization":{{"allow_symlinks":false,"hash_type":"sha256","ignore_paths":[".git",".gitignore"],"#,
            r#""method":"files"}}}},"predicateType":"https://model_signing/signature/v1.0","subject":[{{"#,
            r#""annotations":{{"version":"1.0.0"}},"digest":{{"lacre":"{}","sha256":"{}"}},"name":"org/mini-lm"}}]}}"#,
        ),
        A_BLAKE3, A, B_BLAKE3, B, identity, ROOT_AB
    );
    assert_eq!(String::from_utf8(claim.to_statement().unwrap()).unwrap(), expected);
    assert_eq!(read_bytes(&claim.to_statement().unwrap()), Ok(claim));
}

#[test]
fn leaves_out_what_is_empty_or_unknown() {
    let claim = ModelClaim::new("m", None, manifest_of(&plain()), Vec::new()).unwrap();
    let written: Value = serde_json::from_slice(&claim.to_statement().unwrap()).unwrap();
    assert_eq!(written, with(plain(), "/subject/0/name", json!("m")));
    assert_eq!(read_bytes(&claim.to_statement().unwrap()), Ok(claim));
}

#[test]
fn a_statement_has_one_predicate_type_and_one_subject() {
    for wrong in ["https://model_signing/Digests/v0.2", "https://model_signing/signature/v1.0/", ""] {
        assert_eq!(code(&with(plain(), "/predicateType", json!(wrong))), "E-PREDICATE-TYPE", "{wrong}");
    }
    let two = json!([plain()["subject"][0], plain()["subject"][0]]);
    assert_eq!(code(&with(plain(), "/subject", two)), "E-STATEMENT");
    assert_eq!(code(&with(plain(), "/subject", json!([]))), "E-STATEMENT");
}

#[test]
fn the_subject_is_named_and_has_a_root() {
    for (pointer, value, expected) in [
        ("/subject/0/name", json!(""), "E-STATEMENT"),
        ("/subject/0/name", json!("a\u{1b}[2J"), "E-STATEMENT"),
        ("/subject/0/name", json!("a\u{9b}2J"), "E-STATEMENT"),
        ("/subject/0/name", json!("n".repeat(4096)), "ok"),
        ("/subject/0/name", json!("n".repeat(4097)), "E-STATEMENT"),
        ("/subject/0/annotations", json!({"version": 1}), "E-STATEMENT"),
        ("/subject/0/annotations", json!({"version": null}), "E-STATEMENT"),
        ("/subject/0/annotations", json!({"version": ""}), "E-STATEMENT"),
        ("/subject/0/annotations", json!({"version": "1\n2"}), "E-STATEMENT"),
        ("/subject/0/digest", json!({"sha512": ROOT_AB}), "E-STATEMENT"),
        ("/subject/0/digest/sha256", json!(ROOT_BA), "E-ROOT"),
        ("/subject/0/digest/sha256", json!(ROOT_AB.to_uppercase()), "E-ROOT"),
        ("/subject/0/digest/sha256", json!(""), "E-ROOT"),
        ("/subject/0/digest/sha256", json!(ROOT_AB[..63]), "E-ROOT"),
    ] {
        assert_eq!(code(&with(plain(), pointer, value.clone())), expected, "{pointer} = {value}");
    }
}

#[test]
fn every_mutation_of_a_file_breaks_root_or_identity() {
    let swapped = {
        let statement = with(extended(), "/predicate/resources/0/name", json!("b"));
        with(statement, "/predicate/resources/1/name", json!("c"))
    };
    for (mutated, expected) in [
        (with(plain(), "/predicate/resources/0/digest", json!(B)), "E-ROOT"),
        (with(extended(), "/predicate/resources/0/size", json!(2)), "E-IDENTITY"),
        (with(extended(), "/predicate/resources/0/blake3", json!(B_BLAKE3)), "E-IDENTITY"),
        (with(extended(), "/predicate/resources/0/name", json!("aa")), "E-IDENTITY"),
        (swapped, "E-IDENTITY"),
        (with(extended(), "/subject/0/digest/lacre", json!(A_BLAKE3)), "E-IDENTITY"),
        (with(extended(), "/subject/0/digest/lacre", json!("")), "E-IDENTITY"),
        (with(plain(), "/subject/0/digest/lacre", json!(A_BLAKE3)), "E-IDENTITY"),
    ] {
        assert_eq!(code(&mutated), expected, "{mutated}");
    }
}

#[test]
fn an_identity_needs_sizes_and_blake3_of_every_file() {
    let strip = |member: &str| {
        let one = without(extended(), &format!("/predicate/resources/1/{member}"));
        (one.clone(), without(one, &format!("/predicate/resources/0/{member}")))
    };
    for member in ["size", "blake3"] {
        let (only_one, none) = strip(member);
        assert_eq!(code(&only_one), "E-PREDICATE", "{member}");
        assert_eq!(code(&without(only_one, "/subject/0/digest/lacre")), "E-PREDICATE", "{member}");
        assert_eq!(code(&none), "E-IDENTITY", "{member}");
        let unnamed = without(none.clone(), "/subject/0/digest/lacre");
        assert_eq!(read(&unnamed).unwrap().identity(), None);
        // Not even an identity that is right for what the list says.
        if let Some(weaker) = manifest_of(&unnamed).identity() {
            let named = with(none, "/subject/0/digest/lacre", json!(weaker.to_string()));
            assert_eq!(code(&named), "E-IDENTITY", "{member}");
        }
    }
}

#[test]
fn sizes_and_digests_are_typed() {
    for (member, value, expected) in [
        ("size", json!(1.0), "E-PREDICATE"),
        ("size", json!(1e3), "E-PREDICATE"),
        ("size", json!(-1), "E-PREDICATE"),
        ("size", json!("1"), "E-PREDICATE"),
        ("size", json!(null), "E-PREDICATE"),
        ("size", json!(true), "E-PREDICATE"),
        ("blake3", json!(null), "E-PREDICATE"),
        ("blake3", json!(7), "E-PREDICATE"),
        ("blake3", json!(A_BLAKE3.to_uppercase()), "E-PREDICATE"),
        ("blake3", json!(A_BLAKE3[..62]), "E-PREDICATE"),
        ("digest", json!(A.to_uppercase()), "E-PREDICATE"),
        ("digest", json!(A[..62]), "E-PREDICATE"),
        ("digest", json!(""), "E-PREDICATE"),
        ("digest", json!(null), "E-PREDICATE"),
        ("algorithm", json!("blake2b"), "E-PREDICATE"),
        ("algorithm", json!("sha256-sharded-1000"), "E-PREDICATE"),
        ("algorithm", json!("md5"), "E-UNSUPPORTED"),
        ("algorithm", json!(""), "E-UNSUPPORTED"),
        ("algorithm", json!(1), "E-PREDICATE"),
        ("name", json!(1), "E-PREDICATE"),
        ("unknown", json!({"x": [1]}), "ok"),
    ] {
        let pointer = format!("/predicate/resources/1/{member}");
        assert_eq!(code(&with(extended(), &pointer, value.clone())), expected, "{member} = {value}");
    }
    // 2^64, and the largest size of all.
    let text = serde_json::to_string(&extended()).unwrap();
    let sized = |size: &str| text.replacen("\"size\":1", &format!("\"size\":{size}"), 2);
    assert_eq!(read_bytes(sized("18446744073709551616").as_bytes()).unwrap_err().code(), "E-PREDICATE");
    assert_eq!(read_bytes(sized("18446744073709551615").as_bytes()).unwrap_err().code(), "E-IDENTITY");
    for member in ["name", "digest", "algorithm"] {
        assert_eq!(code(&without(extended(), &format!("/predicate/resources/1/{member}"))), "E-PREDICATE");
    }
}

#[test]
fn says_which_resource_is_malformed() {
    let error = read(&with(extended(), "/predicate/resources/1/size", json!("1"))).unwrap_err();
    assert!(error.to_string().contains("resource 2"), "{error}");
}

#[test]
fn names_are_paths_beneath_the_model() {
    for name in ["../x", "/etc/passwd", "", "x/../y", "x//y", "x/", "./x", "x\\y", "x\0y", ".."] {
        assert_eq!(code(&named(&["a", name])), "E-PATH", "{name:?}");
        assert_eq!(code(&named(&[name])), "E-PATH", "{name:?}");
    }
    assert_eq!(code(&named(&["a", "."])), "E-PATH");
    assert_eq!(code(&named(&["a", "x/y", "模型.bin"])), "ok");
    let hostile = read(&named(&["../\u{1b}[2J\u{202e}"])).unwrap_err();
    assert!(!hostile.to_string().contains(['\u{1b}', '\u{202e}']), "{hostile}");
}

#[test]
fn names_stand_once_and_do_not_collide() {
    assert_eq!(code(&named(&["a", "a"])), "E-DUPLICATE-NAME");
    assert_eq!(code(&named(&["a", "b", "a"])), "E-DUPLICATE-NAME");
    assert_eq!(code(&named(&["A", "a"])), "E-NAME-COLLISION");
    assert_eq!(code(&named(&["e\u{301}", "\u{e9}"])), "E-NAME-COLLISION");
    assert_eq!(code(&named(&["a", "a/b"])), "E-NAME-COLLISION");
}

#[test]
fn something_is_signed() {
    let empty = with(plain(), "/predicate/resources", json!([]));
    let root = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(code(&with(empty, "/subject/0/digest/sha256", json!(root))), "E-NO-RESOURCES");
}

#[test]
fn resources_stand_in_one_of_two_orders() {
    let code_point = ["x-1", "x.ext", "x/y"];
    let by_component = ["x/y", "x-1", "x.ext"];
    assert_eq!(code(&named(&code_point)), "ok");
    let claim = read(&named(&by_component)).unwrap();
    let names: Vec<_> = claim.manifest().entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, code_point);
    for neither in [["b", "a", "c"], ["x.ext", "x-1", "x/y"], ["x-1", "x/y", "x.ext"]] {
        assert_eq!(code(&named(&neither)), "E-PREDICATE", "{neither:?}");
    }
}

#[test]
fn the_root_is_that_of_the_listed_order() {
    // "x/y" (content a) before "x.y" (content b) is component order only.
    let statement = with(plain(), "/predicate/resources/0/name", json!("x/y"));
    let statement = with(statement, "/predicate/resources/1/name", json!("x.y"));
    let claim = read(&statement).unwrap();
    assert_eq!(claim.root().to_string(), ROOT_AB);
    assert_eq!(claim.manifest().oms_root().to_string(), ROOT_BA);
    assert_eq!(code(&with(statement, "/subject/0/digest/sha256", json!(ROOT_BA))), "E-ROOT");
}

#[test]
fn a_model_that_is_one_file_may_list_itself() {
    let legacy = with(named(&["."]), "/subject/0/name", json!("model.bin"));
    let claim = read(&legacy).unwrap();
    assert!(claim.single_file());
    assert_eq!(claim.manifest().entries()[0].path.as_str(), "model.bin");
    // Written in today's form.
    assert_eq!(read_bytes(&claim.to_statement().unwrap()).unwrap().manifest(), claim.manifest());
    assert_eq!(code(&with(legacy.clone(), "/subject/0/name", json!("org/model"))), "E-PREDICATE");
    assert_eq!(code(&with(legacy, "/subject/0/name", json!(".."))), "E-PATH");
    // In order, so that nothing but the second file is wrong.
    assert_eq!(code(&named(&[".", "z"])), "E-PREDICATE");
    assert_eq!(code(&named(&[".", "."])), "E-PATH");
}

#[test]
fn ignore_paths_hide_no_signed_file() {
    let ignoring = |names: &[&str], ignored: Value| {
        code(&with(named(names), "/predicate/serialization/ignore_paths", ignored))
    };
    let names = ["d/e/f", "d.x", "g"];
    for (ignored, expected) in [
        (json!([]), "ok"),
        (json!([".git", ".github", "model.sig", ".git"]), "ok"),
        (json!(["d/e/ff", "d/x", "d/e/f/g", "dd", "g.x", "test/assets/ignore-me"]), "ok"),
        (json!(["."]), "E-IGNORE"),
        (json!([".."]), "E-IGNORE"),
        (json!([""]), "E-IGNORE"),
        (json!(["/"]), "E-IGNORE"),
        (json!(["/srv/x"]), "E-IGNORE"),
        (json!(["../x"]), "E-IGNORE"),
        (json!(["x/"]), "E-IGNORE"),
        (json!(["g"]), "E-IGNORE"),
        (json!([".git", "d"]), "E-IGNORE"),
        (json!(["d/e"]), "E-IGNORE"),
        (json!(["d/e/f"]), "E-IGNORE"),
        (json!(["d.x"]), "E-IGNORE"),
        (json!("g"), "E-PREDICATE"),
        (json!([1]), "E-PREDICATE"),
        (json!(null), "E-PREDICATE"),
    ] {
        assert_eq!(ignoring(&names_in_order(&names), ignored.clone()), expected, "{ignored}");
    }
    let error =
        ModelClaim::new("m", None, manifest_of(&named(&["d/e"])), vec![path(".git"), path("d")]).unwrap_err();
    assert_eq!(error.code(), "E-IGNORE");
}

fn names_in_order<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

#[test]
fn ignore_paths_are_sorted_and_stand_once() {
    let ignored = json!(["b", ".git", "b", "a"]);
    let claim = read(&with(named(&["x"]), "/predicate/serialization/ignore_paths", ignored)).unwrap();
    assert_eq!(claim.ignore_paths(), [path(".git"), path("a"), path("b")]);
}

#[test]
fn serialization_says_how_the_digests_are_made() {
    for (member, value, expected) in [
        ("method", json!("shards"), "E-PREDICATE"),
        ("method", json!("Files"), "E-UNSUPPORTED"),
        ("method", json!(1), "E-PREDICATE"),
        ("hash_type", json!("blake2b"), "E-PREDICATE"),
        ("hash_type", json!("blake3"), "E-PREDICATE"),
        ("hash_type", json!("sha512"), "E-UNSUPPORTED"),
        ("hash_type", json!(null), "E-PREDICATE"),
        ("allow_symlinks", json!(true), "ok"),
        ("allow_symlinks", json!("false"), "E-PREDICATE"),
        ("shard_size", json!(1000), "E-PREDICATE"),
        ("follow", json!(true), "E-PREDICATE"),
    ] {
        let pointer = format!("/predicate/serialization/{member}");
        assert_eq!(code(&with(plain(), &pointer, value.clone())), expected, "{member} = {value}");
    }
    for member in ["method", "hash_type", "allow_symlinks"] {
        assert_eq!(code(&without(plain(), &format!("/predicate/serialization/{member}"))), "E-PREDICATE");
    }
}

#[test]
fn a_predicate_is_an_object_of_two_members() {
    for (pointer, value) in [
        ("/predicate", json!([plain()["predicate"]["resources"], plain()["predicate"]["serialization"]])),
        ("/predicate", json!(null)),
        ("/predicate", json!({})),
        ("/predicate/extra", json!(1)),
        ("/predicate/serialization", json!(["files", "sha256", false])),
        ("/predicate/resources", json!({})),
        ("/predicate/resources", json!(null)),
        ("/predicate/resources/1", json!(["sha256", B, "b"])),
    ] {
        assert_eq!(code(&with(plain(), pointer, value.clone())), "E-PREDICATE", "{pointer} = {value}");
    }
}

#[test]
fn duplicate_keys_are_refused_at_every_depth() {
    let text = serde_json::to_string(&plain()).unwrap();
    for part in [
        "{\"_type\":\"",
        "{\"allow_symlinks\":",
        "{\"algorithm\":\"",
        "{\"digest\":{",
        "{\"sha256\":\"",
        "{\"resources\":",
    ] {
        assert!(text.contains(part), "{part}");
        let key = &part[1..part[2..].find('"').unwrap() + 3];
        let twice = text.replacen(part, &format!("{{{key}:null,{}", &part[1..]), 1);
        assert_eq!(read_bytes(twice.as_bytes()).unwrap_err().code(), "E-DUPLICATE-KEY", "{part}");
    }
}

#[test]
fn a_claim_to_be_signed_obeys_the_same_rules() {
    let manifest = || manifest_of(&plain());
    let code = |name: &str, version: Option<&str>| {
        let claim = ModelClaim::new(name, version.map(str::to_owned), manifest(), Vec::new());
        claim.map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code("m", Some("1")), "ok");
    for (name, version) in [("", None), ("a\nb", None), ("m", Some("")), ("m", Some("\u{7f}"))] {
        assert_eq!(code(name, version), "E-STATEMENT", "{name:?} {version:?}");
    }
    let mut entries = manifest_of(&extended()).entries().to_vec();
    entries[1].digests = Digests::Sha256 { sha256: *entries[1].sha256().unwrap(), blake3: None };
    let mixed = Manifest::new(entries).unwrap();
    assert_eq!(ModelClaim::new("m", None, mixed, Vec::new()).unwrap_err().code(), "E-PREDICATE");
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read(
        names in proptest::collection::btree_map("[a-z.é\"\\n-]{1,8}(/[a-z]{1,3}){0,2}", 0_u64.., 1..12),
        name in "[^\\p{Cc}]{1,12}",
        version in proptest::option::of("[0-9.]{1,6}"),
    ) {
        let entries = names.iter().filter_map(|(name, size)| Some(Entry {
            path: EntryPath::parse(name).ok()?,
            size: Some(*size),
            digests: Digests::Sha256 { sha256: Sha256Digest::of(name.as_bytes()), blake3: Some(Blake3Digest::of(name.as_bytes())) },
        })).collect();
        if let Ok(manifest) = Manifest::new(entries) {
            let claim = ModelClaim::new(name, version, manifest, vec![path("IGNORED")]).unwrap();
            let payload = claim.to_statement().unwrap();
            let value: Value = serde_json::from_slice(&payload).unwrap();
            proptest::prop_assert_eq!(&lacre_json::to_vec(&value), &payload);
            proptest::prop_assert_eq!(read_bytes(&payload), Ok(claim));
        }
    }
}

#[test]
fn a_content_that_nobody_looked_at_is_a_signed_fact() {
    let listed = |blake3| {
        let sha256 = A.parse().unwrap();
        let entry = Entry { path: path("a"), size: Some(1), digests: Digests::Sha256 { sha256, blake3 } };
        ModelClaim::new("m", None, Manifest::new(vec![entry]).unwrap(), Vec::new()).unwrap()
    };
    let claim = listed(None).not_inspected().unwrap();
    let written: Value = serde_json::from_slice(&claim.to_statement().unwrap()).unwrap();
    assert_eq!(written["subject"][0]["annotations"], json!({"blake3": "absent", "content": "not-inspected"}));
    assert_eq!(read(&written).unwrap().inspection(), Inspection::NotInspected);
    assert_eq!(listed(None).inspection(), Inspection::Inspected);
    assert_eq!(listed(Some(A_BLAKE3.parse().unwrap())).not_inspected().unwrap_err().code(), "E-PREDICATE");
    for (annotation, value) in [
        ("content", json!("inspected")),
        ("content", json!(true)),
        ("content", json!(null)),
        ("blake3", json!("")),
    ] {
        let pointer = format!("/subject/0/annotations/{annotation}");
        assert_eq!(
            code(&with(written.clone(), &pointer, value.clone())),
            "E-STATEMENT",
            "{annotation} = {value}"
        );
    }
    // A digest that cannot have been made without looking.
    let looked = with(written, "/predicate/resources/0/blake3", json!(A_BLAKE3));
    assert_eq!(code(&looked), "E-STATEMENT");
}

//! What `model_signing` signs, Lacre accepts; what was tampered with, it refuses.

use std::path::Path;

use lacre_testkit::{ModelDir, statement_of, tamper};
use serde_json::Value;

use crate::bench::{Bench, CURVES, Found, model_signing};

const SIGN: &str = "sign key model --private_key k.key --signature";

/// A model whose names sort differently by component, which is how `model_signing` lists them.
fn unlike_orders() -> ModelDir {
    ModelDir::sample().file("x-1", "before").file("x/y.z", "below").file("x.ext", "beside")
}

fn names(bundle: &[u8]) -> Vec<String> {
    let statement = statement_of(bundle);
    let resources = statement["predicate"]["resources"].as_array().unwrap();
    resources.iter().map(|resource| resource["name"].as_str().unwrap().to_owned()).collect()
}

fn signed(peer: &Found, curve: &str, model: ModelDir) -> Bench {
    let bench = Bench::new(curve, model);
    bench.peer(peer, &format!("{SIGN} model/model.sig"));
    bench
}

#[test]
fn every_curve_and_their_order() {
    let Some(peer) = model_signing() else { return };
    for curve in CURVES {
        let bench = signed(&peer, curve, unlike_orders());
        let listed = names(&bench.read("model/model.sig"));
        let mut sorted = listed.clone();
        sorted.sort();
        assert_ne!(listed, sorted, "this is to be read, too: by component");
        let result = bench.lacre("verify model --key k.pub --expect-name model");
        assert_eq!(result["signer"]["algorithm"], curve);
        assert_eq!(result["model"]["files"], listed.len());
        assert_eq!(result["warnings"], serde_json::json!([]));
        tamper::flip(&bench.path("model/x.ext"), 0);
        bench.lacre_refuses("verify model --key k.pub", 1, "E-FILE-CHANGED");
    }
}

#[test]
fn other_names_and_many_files() {
    let Some(peer) = model_signing() else { return };
    for (_, model) in crate::bench::models() {
        let bench = signed(&peer, "ecdsa-p256", model);
        bench.lacre("verify model --key k.pub");
        tamper::plant(&bench.path("model/evil"), "");
        bench.lacre_refuses("verify model --key k.pub", 1, "E-FILE-EXTRA");
    }
}

#[test]
fn every_kind_of_tampering_is_refused() {
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "ecdsa-p256", unlike_orders());
    let refused = |code: &str| bench.lacre_refuses("verify model --key k.pub", 1, code);
    let at = |name: &str| bench.model().entry(name);
    // Without signed sizes, other bytes are seen by their digest alone.
    let changes: [fn(&Path); 2] = [|path| tamper::truncate(path, 1), |path| tamper::grow(path, b"+")];
    for change in changes {
        let before = bench.model().read("blob.bin");
        change(&at("blob.bin"));
        refused("E-FILE-CHANGED");
        bench.model().put("blob.bin", before);
    }
    tamper::rename(&at("x.ext"), &at("y.ext"));
    refused("E-FILE-RENAMED");
    tamper::remove(&at("y.ext"));
    refused("E-FILE-MISSING");
    bench.model().put("x.ext", "beside");
    bench.lacre("verify model --key k.pub");
    tamper::link_away(&at("tokenizer"), &bench.path("away"));
    refused("E-FILE-TYPE");
}

#[test]
fn another_key_is_refused() {
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "ecdsa-p384", ModelDir::sample());
    for curve in ["ecdsa-p384", "ecdsa-p256"] {
        bench.key(curve, curve);
        bench.lacre_refuses(&format!("verify model --key {curve}.pub"), 5, "E-SIGNER-UNTRUSTED");
    }
}

#[test]
fn one_file() {
    let Some(peer) = model_signing() else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::new().file("m.gguf", "GGUF"));
    bench.peer(&peer, "sign key model/m.gguf --private_key k.key --signature model/m.gguf.sig");
    assert_eq!(names(&bench.read("model/m.gguf.sig")), ["."], "its own way to name it");
    let result = bench.lacre("verify model/m.gguf --key k.pub --expect-name m.gguf");
    assert_eq!(result["model"]["files"], 1);
    tamper::flip(&bench.path("model/m.gguf"), 0);
    bench.lacre_refuses("verify model/m.gguf --key k.pub", 1, "E-FILE-CHANGED");
}

#[test]
fn ignored_paths() {
    let Some(peer) = model_signing() else { return };
    let bench =
        Bench::new("ecdsa-p256", ModelDir::sample().file("notes/a", "mine").file("notes.txt", "theirs"));
    bench.peer(&peer, &format!("{SIGN} out.sig --ignore-paths model/notes --ignore-paths model/x"));
    let ignored = statement_of(&bench.read("out.sig"))["predicate"]["serialization"]["ignore_paths"].clone();
    assert!(ignored.as_array().unwrap().contains(&Value::from("notes")), "{ignored}");
    let verify = "verify model --key k.pub --signature out.sig";
    let result = bench.lacre(verify);
    let excluded = result["excluded"].to_string();
    assert!(excluded.contains("\"notes/\"") && excluded.contains("\"x/\""), "{excluded}");
    tamper::plant(&bench.path("model/notes/b"), "not looked at");
    bench.lacre(verify);
    tamper::flip(&bench.path("model/notes.txt"), 0);
    bench.lacre_refuses(verify, 1, "E-FILE-CHANGED");
}

#[test]
fn git_folders() {
    let Some(peer) = model_signing() else { return };
    let model =
        || ModelDir::sample().file(".git/HEAD", "ref").file(".gitignore", "*.pyc").file("x/.git/HEAD", "ref");
    let bench = signed(&peer, "ecdsa-p256", model());
    let result = bench.lacre("verify model --key k.pub");
    let excluded = result["excluded"].to_string();
    assert!(excluded.contains("\".git/\"") && excluded.contains("\".gitignore\""), "{excluded}");
    tamper::plant(&bench.path("model/x/.git/config"), "");
    bench.lacre_refuses("verify model --key k.pub", 1, "E-FILE-EXTRA");

    // Signed with everything: then everything counts.
    let bench = Bench::new("ecdsa-p256", model());
    bench.peer(&peer, &format!("{SIGN} model/model.sig --no-ignore-git-paths"));
    bench.lacre("verify model --key k.pub");
    tamper::plant(&bench.path("model/.git/hooks/post-checkout"), "#!/bin/sh");
    bench.lacre_refuses("verify model --key k.pub", 1, "E-FILE-EXTRA");
}

#[test]
fn an_empty_model_covers_nothing() {
    // It signs and verifies one; its specification forbids it.
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "ecdsa-p256", ModelDir::new());
    bench.lacre_refuses("verify model --key k.pub", 13, "E-NO-RESOURCES");
}

/// It signs no sizes, so nothing of it can be taken over: everything is hashed, and said why.
#[test]
fn an_old_signature_to_sign_again_from() {
    let Some(peer) = model_signing() else { return };
    let bench = signed(&peer, "ecdsa-p256", ModelDir::sample());
    let result = bench.lacre("sign model --key k.key --name m --force --reuse model/model.sig");
    assert_eq!(result["reuse"]["reused"], 0);
    assert_eq!(result["reuse"]["rehashed"], result["files"]);
    if lacre_manifest::MachineId::here().is_some() {
        assert_eq!(result["reuse"]["cache"], "ignored");
        let warning = "every file is hashed: the signature gives no sizes (it was made by another tool)";
        assert_eq!(result["warnings"], serde_json::json!([warning]));
    }
    bench.lacre("verify model --key k.pub");
}

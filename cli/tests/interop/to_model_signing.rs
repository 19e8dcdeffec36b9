//! What Lacre signs, `model_signing` accepts; what was tampered with, it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lacre_testkit::{ModelDir, tamper};

use crate::bench::{Bench, CURVES, model_signing, models, shaped};

const SIGN: &str = "sign model --key k.key --name org/mini-lm --version 1.0.0";
const VERIFY: &str = "verify key model --public_key k.pub";

/// The signature where it lies by default, in the model.
fn inside(curve: &str) {
    let Some(peer) = model_signing() else { return };
    for (kind, model) in models() {
        let bench = Bench::new(curve, model);
        bench.lacre(SIGN);
        let said = bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig"));
        assert!(said.stdout.contains("Verification succeeded"), "{kind}: {said:?}");
    }
}

#[test]
fn p256() {
    inside("ecdsa-p256");
}

#[test]
fn p384() {
    inside("ecdsa-p384");
}

#[test]
fn p521() {
    inside("ecdsa-p521");
}

#[test]
fn with_the_signature_elsewhere() {
    let Some(peer) = model_signing() else { return };
    for curve in CURVES {
        let bench = Bench::new(curve, ModelDir::sample());
        bench.lacre(&format!("{SIGN} --signature out.sig"));
        bench.peer(&peer, &format!("{VERIFY} --signature out.sig"));
    }
}

#[test]
fn names_that_sort_differently_by_component() {
    let Some(peer) = model_signing() else { return };
    let model = ModelDir::new().file("x/y", "1").file("x.ext", "2").file("x-1", "3").file("x/y.z/w", "4");
    let bench = Bench::new("ecdsa-p256", model);
    bench.lacre(SIGN);
    bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig"));
}

#[test]
fn ignored_paths_and_git_folders() {
    let Some(peer) = model_signing() else { return };
    let model =
        ModelDir::sample().file(".git/HEAD", "ref").file(".gitattributes", "*").file("notes/a", "mine");
    let bench = Bench::new("ecdsa-p256", model);
    bench.lacre(&format!("{SIGN} --ignore notes"));
    bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig"));
    // Signed as ignored, so what they hold does not matter to either.
    tamper::plant(&bench.path("model/notes/b"), "more");
    bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig"));
    bench.lacre("verify model --key k.pub");
}

/// What Lacre signs beside names and bytes stands where other verifiers do not look.
#[test]
fn executable_files_and_empty_folders() {
    let Some(peer) = model_signing() else { return };
    for curve in CURVES {
        let bench = Bench::new(curve, shaped());
        bench.lacre(SIGN);
        bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig"));
        bench.lacre("verify model --key k.pub --strict");
        // To them, this is the same model.
        fs::remove_dir_all(bench.path("model/logs")).unwrap();
        bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig"));
        bench.lacre_refuses("verify model --key k.pub --strict", 1, "E-FOLDER-MISSING");
    }
    // A model that is one file, through the folder around it, as `one_file` says.
    let bench = Bench::new("ecdsa-p256", ModelDir::new().file("m.gguf", "GGUF"));
    fs::set_permissions(bench.path("model/m.gguf"), fs::Permissions::from_mode(0o755)).unwrap();
    bench.lacre("sign model/m.gguf --key k.key --name m --signature out.sig");
    bench.peer(&peer, &format!("{VERIFY} --signature out.sig"));
    bench.lacre("verify model/m.gguf --key k.pub --signature out.sig --strict");
    // What they sign says nothing of it.
    bench.peer(&peer, "sign key model --private_key k.key --signature theirs.sig");
    bench.lacre_refuses("verify model --key k.pub --signature theirs.sig --strict", 8, "E-MODES-NOT-SIGNED");
}

#[test]
fn git_folders_that_were_signed() {
    let Some(peer) = model_signing() else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::sample().file(".git/HEAD", "ref"));
    bench.lacre(&format!("{SIGN} --no-default-ignores"));
    bench.peer(&peer, &format!("{VERIFY} --signature model/model.sig --no-ignore-git-paths"));
}

type Interfere = fn(&ModelDir);

#[test]
fn tampering_is_refused_by_both() {
    let Some(peer) = model_signing() else { return };
    let cases: [(Interfere, &str); 4] = [
        (|model| tamper::flip(&model.entry("blob.bin"), 99), "E-FILE-CHANGED"),
        (|model| tamper::plant(&model.entry("evil.py"), ""), "E-FILE-EXTRA"),
        (|model| tamper::remove(&model.entry("empty.bin")), "E-FILE-MISSING"),
        (|model| tamper::link_away(&model.entry("x.json"), &model.beside("away")), "E-FILE-TYPE"),
    ];
    for (interfere, code) in cases {
        let bench = Bench::new("ecdsa-p256", ModelDir::sample());
        bench.lacre(SIGN);
        interfere(bench.model());
        bench.lacre_refuses("verify model --key k.pub", 1, code);
        bench.peer_refuses(&peer, &format!("{VERIFY} --signature model/model.sig"), "Verification failed");
    }
}

#[test]
fn the_wrong_key_is_refused_by_both() {
    let Some(peer) = model_signing() else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    bench.lacre(SIGN);
    bench.key("other", "ecdsa-p256");
    bench.lacre_refuses("verify model --key other.pub", 5, "E-SIGNER-UNTRUSTED");
    let line = "verify key model --public_key other.pub --signature model/model.sig";
    bench.peer_refuses(&peer, line, "Key mismatch");
}

#[test]
fn one_file() {
    // model_signing names the one file of a model that is a file `.`, against its own specification, and does not
    // know it by its name; Lacre writes what the specification wants and reads both.
    let Some(peer) = model_signing() else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::new().file("m.gguf", "GGUF"));
    bench.lacre("sign model/m.gguf --key k.key --name m --signature out.sig");
    bench.lacre("verify model/m.gguf --key k.pub --signature out.sig");
    let line = "verify key model/m.gguf --public_key k.pub --signature out.sig";
    bench.peer_refuses(&peer, line, "Verification failed");
    // The folder around it, it does know.
    bench.peer(&peer, &format!("{VERIFY} --signature out.sig"));
}

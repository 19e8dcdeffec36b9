//! `lacre sign`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use lacre_attest::{Bundle, Limits, ModelClaim, Statement};

use crate::bench::Bench;

fn claim(bytes: &[u8]) -> ModelClaim {
    let bundle = Bundle::parse(bytes, &Limits::default()).unwrap();
    ModelClaim::from_statement(&Statement::parse(bundle.envelope().payload(), &Limits::default()).unwrap())
        .unwrap()
}

fn signed_files(bytes: &[u8]) -> Vec<String> {
    claim(bytes).manifest().entries().iter().map(|entry| entry.path.as_str().to_owned()).collect()
}

#[test]
fn a_folder_gets_a_model_sig_that_holds_name_version_and_files() {
    let bench = Bench::with_model_and_key();
    let said = bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0");
    assert!(said.stdout.starts_with("signed org/mini-lm 1.0.0\n"), "{said:?}");
    assert_eq!(said.stderr, "");
    let claim = claim(&bench.read("MODEL/model.sig"));
    assert_eq!((claim.name(), claim.version()), ("org/mini-lm", Some("1.0.0")));
    let files = ["config.json", "model.safetensors", "tokenizer/vocab.txt"];
    assert_eq!(signed_files(&bench.read("MODEL/model.sig")), files);
    let ignored: Vec<_> = claim.ignore_paths().iter().map(lacre_manifest::EntryPath::as_str).collect();
    assert_eq!(ignored, [".git", ".gitattributes", ".github", ".gitignore"]);
    assert_eq!(bench.names("MODEL"), ["config.json", "model.safetensors", "model.sig", "tokenizer"]);
}

#[test]
fn json_says_what_was_signed() {
    let bench = Bench::with_model_and_key();
    let value = bench.good("--json sign MODEL --key k.key --name n --version 2").json();
    assert_eq!(value["command"], "sign");
    let result = &value["result"];
    assert_eq!((&result["name"], &result["version"]), (&"n".into(), &"2".into()));
    assert_eq!((&result["files"], &result["bytes"]), (&3.into(), &5023.into()));
    assert_eq!(result["signature"], "MODEL/model.sig");
    assert_eq!(result["identity"], claim(&bench.read("MODEL/model.sig")).identity().unwrap().to_string());
    assert_eq!(result["key"]["algorithm"], "ecdsa-p256");
    assert_eq!(result["warnings"], serde_json::json!([]));
}

#[test]
fn a_file_gets_a_signature_beside_it() {
    let bench = Bench::with_model_and_key();
    bench.write("m.gguf", b"GGUF");
    bench.good("sign m.gguf --key k.key --name m");
    assert_eq!(signed_files(&bench.read("m.gguf.sig")), ["m.gguf"]);
    bench.good("verify m.gguf --key k.pub");
    bench.bad("sign m.gguf --key k.key --name m --force --ignore x", "E-USAGE", 2);
}

#[test]
fn without_a_name_the_base_name_is_signed_with_a_warning() {
    let bench = Bench::with_model_and_key();
    let said = bench.good("sign MODEL/ --key k.key");
    said.says("warning: no --name: signed as \"MODEL\"");
    assert_eq!(claim(&bench.read("MODEL/model.sig")).name(), "MODEL");
}

#[test]
fn an_existing_signature_is_replaced_only_with_force() {
    let bench = Bench::with_signed_model();
    let old = bench.read("MODEL/model.sig");
    let sign = "sign MODEL --key k.key --name other";
    let said = bench.bad(sign, "E-EXISTS", 10);
    assert!(said.stderr.contains("--force"), "{said:?}");
    assert_eq!(bench.read("MODEL/model.sig"), old);
    bench.good(&format!("{sign} --force"));
    let new = bench.read("MODEL/model.sig");
    assert_eq!(claim(&new).name(), "other");
    assert_eq!(signed_files(&new), signed_files(&old), "the old signature is no file of the model");
}

#[test]
fn the_signature_goes_where_it_is_sent() {
    let bench = Bench::with_model_and_key();
    bench.good("sign MODEL --key k.key --name m --signature out.sig");
    assert!(!bench.path("MODEL/model.sig").exists());
    bench.good("verify MODEL --key k.pub --signature out.sig");
    bench.good("sign MODEL --key k.key --name m --signature MODEL/other.sig");
    bench.good("verify MODEL --key k.pub --signature MODEL/other.sig");
    let said = bench.good("sign MODEL --key k.key --name m --signature - --ignore other.sig");
    assert_eq!(signed_files(said.stdout.as_bytes()).len(), 3, "stdout is the bundle and nothing else");
    said.says("signed m");
    bench.bad("sign MODEL --key k.key --name m --signature no/folder.sig", "E-OUTPUT", 10);
}

#[test]
fn one_stdout_cannot_carry_two_things() {
    let bench = Bench::with_model_and_key();
    let said = bench.run("sign MODEL --key k.key --signature - --json");
    assert_eq!(said.json()["error"]["code"], "E-USAGE");
    assert_eq!(said.exit, Some(2));
}

#[test]
fn an_old_signature_that_would_be_signed_as_a_file_is_warned_of() {
    let bench = Bench::with_signed_model();
    let said = bench.good("sign MODEL --key k.key --name m --signature out.sig");
    said.says("warning: the folder's own model.sig is signed as a file");
}

#[test]
fn what_is_ignored_is_signed_as_ignored_and_reported() {
    let bench = Bench::with_model_and_key();
    bench.write("MODEL/.git/HEAD", b"ref");
    bench.write("MODEL/notes/a.txt", b"private");
    bench.write("MODEL/sub/.git/HEAD", b"only the root's is ignored");
    let said = bench.good("sign MODEL --key k.key --name m --ignore notes/ --ignore gone");
    assert!(said.stdout.contains("left out   .git/") && said.stdout.contains("notes/"), "{said:?}");
    said.says("warning: --ignore gone: there is nothing of this name");
    let bundle = bench.read("MODEL/model.sig");
    assert!(signed_files(&bundle).contains(&"sub/.git/HEAD".to_owned()));
    assert!(!signed_files(&bundle).iter().any(|file| file.starts_with("notes") || file.starts_with(".git")));
    assert!(claim(&bundle).ignore_paths().iter().any(|path| path.as_str() == "notes"));
    bench.good("sign MODEL --key k.key --name m --force --no-default-ignores");
    assert!(signed_files(&bench.read("MODEL/model.sig")).contains(&".git/HEAD".to_owned()));
}

#[test]
fn ignored_paths_stay_inside_the_model() {
    let bench = Bench::with_model_and_key();
    for path in ["../x", "/etc", ".", "a//b"] {
        bench.bad(&format!("sign MODEL --key k.key --name m --ignore {path}"), "E-USAGE", 2);
    }
}

#[test]
fn names_and_versions_that_hide_something_are_refused() {
    let bench = Bench::with_model_and_key();
    for bad in ["", "a\nb", "a\u{1b}[2J"] {
        let said = bench.args(["sign", "MODEL", "--key", "k.key", "--name", bad]);
        said.refuses("E-USAGE", 2);
        assert!(!said.stderr.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn a_key_file_open_to_others_is_warned_of_in_both_shapes() {
    let bench = Bench::with_model_and_key();
    fs::set_permissions(bench.path("k.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = bench.good("sign MODEL --key k.key --name m");
    said.says("warning: k.key is open to others (mode 0644)");
    let value = bench.good("sign MODEL --key k.key --name m --force --json").json();
    let warnings = value["result"]["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|it| it.as_str().unwrap().starts_with("k.key is open to others")), "{value}");
}

#[test]
fn a_dry_run_says_all_and_writes_nothing() {
    let bench = Bench::with_model_and_key();
    let said = bench.good("sign MODEL --key k.key --name m --dry-run");
    assert!(said.stdout.starts_with("would sign m\n"), "{said:?}");
    assert_eq!(bench.names("MODEL"), ["config.json", "model.safetensors", "tokenizer"]);
}

#[test]
fn what_is_no_file_is_refused_by_name_and_nothing_is_written() {
    let bench = Bench::with_model_and_key();
    symlink("config.json", bench.path("MODEL/link")).unwrap();
    let said = bench.bad("sign MODEL --key k.key --name m", "E-INPUT-TYPE", 10);
    assert!(said.stderr.contains("link") && said.stderr.contains("--links hf-cache"), "{said:?}");
    assert!(!bench.path("MODEL/model.sig").exists());
}

#[test]
fn a_snapshot_of_a_hugging_face_cache_is_signed_through_its_links() {
    let bench = Bench::with_model_and_key();
    bench.write("hub/models--o--n/blobs/abc", b"weights");
    bench.write("hub/models--o--n/snapshots/r1/README.md", b"card");
    symlink("../../blobs/abc", bench.path("hub/models--o--n/snapshots/r1/model.bin")).unwrap();
    let snapshot = "hub/models--o--n/snapshots/r1";
    bench.bad(&format!("sign {snapshot} --key k.key --name m"), "E-INPUT-TYPE", 10);
    let said = bench.good(&format!("sign {snapshot} --key k.key --name m --links hf-cache"));
    assert!(said.stdout.contains("followed   model.bin -> blobs/abc"), "{said:?}");
    bench.good(&format!("verify {snapshot} --key k.pub --links hf-cache"));
}

#[test]
fn missing_things_are_told_apart() {
    let bench = Bench::with_model_and_key();
    bench.bad("sign NOWHERE --key k.key", "E-NOT-FOUND", 10);
    bench.bad("sign MODEL --key nowhere.key", "E-NOT-FOUND", 10);
    bench.bad("sign MODEL --key k.pub", "E-KEY", 13);
    fs::create_dir(bench.path("EMPTY")).unwrap();
    bench.bad("sign EMPTY --key k.key", "E-INPUT-EMPTY", 10);
    bench.bad("sign MODEL", "E-USAGE", 2);
}

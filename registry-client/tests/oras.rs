//! oras and skopeo on our layouts, and Lacre on theirs.
//!
//! The programs stand in `$LACRE_PEERS/tree/usr/bin` or `/usr/bin`. Without them the tests say so and pass; with
//! `LACRE_REQUIRE_PEERS=1` they fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod models;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_hash::Sha256Digest;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, Layout, MODEL_ARTIFACT_TYPE, ModelArtifact, SignatureReferrer, Store,
    Target,
};
use serde_json::Value;

use models::{attach, layout, push, signatures, tag, target};

/// Nested and empty files, two files of one content, and a name with a space.
const FILES: [(&str, &[u8]); 5] = [
    ("config.json", b"{\"a\": 1}\n"),
    ("copy of config.json", b"{\"a\": 1}\n"),
    ("model.safetensors", b"\x08\0\0\0\0\0\0\0{}      weights"),
    ("onnx/empty.txt", b""),
    ("onnx/model.onnx", b"onnx"),
];
const BUNDLE: &[u8] = br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#;

fn peer(name: &str) -> Option<PathBuf> {
    let program = match std::env::var_os("LACRE_PEERS") {
        Some(peers) => Path::new(&peers).join("tree/usr/bin").join(name),
        None => PathBuf::from("(LACRE_PEERS is not set)").join(name),
    };
    let system = Path::new("/usr/bin").join(name);
    if let Some(found) = [program.clone(), system].into_iter().find(|path| path.is_file()) {
        return Some(found);
    }
    assert!(
        std::env::var_os("LACRE_REQUIRE_PEERS").is_none_or(|value| value != "1"),
        "{} is missing",
        program.display()
    );
    eprintln!("SKIPPED: {} is missing; nothing was tested against {name}", program.display());
    None
}

/// Runs a peer in `folder` and gives what it prints.
fn run(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).current_dir(folder).env("HOME", folder).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?}: {stdout}{stderr}", program.display());
    stdout.into_owned()
}

fn signed(folder: &Path) -> (Layout, Descriptor, Descriptor) {
    let store = layout(folder);
    let model = push(&store, &FILES, Some(&tag("v1")));
    let (referrer, _) = attach(&store, &model, BUNDLE);
    (store, model, referrer)
}

/// The model and its signature, read from a layout that a peer wrote.
fn check_copy(copy: &Layout, model: &Descriptor) {
    let artifact = ModelArtifact::parse(&copy.manifest(model).unwrap()).unwrap();
    let found: Vec<_> = artifact
        .layers
        .iter()
        .map(|layer| (layer.path.as_str(), copy.small_blob(&layer.descriptor, 1000).unwrap()))
        .collect();
    assert_eq!(found, FILES.map(|(path, bytes)| (path, bytes.to_vec())));
    let config = copy.small_blob(&artifact.config, 10_000).unwrap();
    assert_eq!(artifact.parse_config(&config).unwrap().name.as_deref(), Some("org/mini"));
}

fn check_signature(copy: &Layout, model: &Descriptor, referrer: &Descriptor) {
    assert_eq!(signatures(copy, model), [referrer.digest]);
    let found = SignatureReferrer::parse(&copy.manifest(referrer).unwrap()).unwrap();
    assert_eq!(found.subject, model.digest);
    assert_eq!(copy.small_blob(&found.bundle, 1000).unwrap(), BUNDLE);
}

#[test]
fn oras_lists_our_signature() {
    let Some(oras) = peer("oras") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, model, referrer) = signed(folder.path());
    let listed = run(&oras, folder.path(), &["discover", "--oci-layout", "store:v1", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["digest"], format!("sha256:{}", model.digest));
    let [found] = listed["referrers"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!(found["digest"], format!("sha256:{}", referrer.digest));
    assert_eq!(found["artifactType"], BUNDLE_ARTIFACT_TYPE);
    assert_eq!(found["annotations"]["dev.sigstore.bundle.predicateType"], models::PREDICATE);
    assert_eq!(found["annotations"]["dev.sigstore.bundle.content"], "dsse-envelope");
}

#[test]
fn oras_pulls_our_files() {
    let Some(oras) = peer("oras") else { return };
    let folder = tempfile::tempdir().unwrap();
    signed(folder.path());
    run(&oras, folder.path(), &["pull", "--oci-layout", "store:v1", "-o", "out"]);
    for (path, bytes) in FILES {
        assert_eq!(fs::read(folder.path().join("out").join(path)).unwrap(), bytes, "{path}");
    }
}

#[test]
fn oras_fetches_our_manifests_byte_for_byte() {
    let Some(oras) = peer("oras") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (store, model, referrer) = signed(folder.path());
    for descriptor in [&model, &referrer] {
        let reference = format!("store@sha256:{}", descriptor.digest);
        let fetched = run(&oras, folder.path(), &["manifest", "fetch", "--oci-layout", &reference]);
        assert_eq!(fetched.as_bytes(), store.manifest(descriptor).unwrap());
    }
    let by_tag = run(&oras, folder.path(), &["manifest", "fetch", "--oci-layout", "store:v1"]);
    assert_eq!(Sha256Digest::of(by_tag.as_bytes()), model.digest);
}

#[test]
fn oras_copies_and_we_read_the_copy() {
    let Some(oras) = peer("oras") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, model, referrer) = signed(folder.path());
    let arguments = ["cp", "--from-oci-layout", "--to-oci-layout", "-r", "store:v1", "copy:v1"];
    run(&oras, folder.path(), &arguments);
    let copy = Layout::open(&folder.path().join("copy")).unwrap();
    for wanted in [target("v1"), Target::Only, Target::Digest(model.digest)] {
        let found = copy.resolve(&wanted).unwrap();
        assert_eq!(found.plain(), model.plain());
        check_copy(&copy, &found);
        check_signature(&copy, &found, &referrer);
    }
    // And it can be written on, by both in turn.
    let copy = Layout::create(&folder.path().join("copy")).unwrap();
    let next = push(&copy, &[("a", b"next")], Some(&tag("v2")));
    run(&oras, folder.path(), &["tag", "--oci-layout", "copy:v2", "latest"]);
    assert_eq!(copy.resolve(&target("latest")).unwrap().digest, next.digest);
    copy.tag(&model, &tag("latest")).unwrap();
    let resolved = run(&oras, folder.path(), &["resolve", "--oci-layout", "copy:latest"]);
    assert_eq!(resolved.trim(), format!("sha256:{}", model.digest));
    check_signature(&copy, &model, &referrer);
    let tags = run(&oras, folder.path(), &["repo", "tags", "--oci-layout", "copy"]);
    assert_eq!(tags.split_whitespace().collect::<Vec<_>>(), ["latest", "v1", "v2"]);
}

#[test]
fn we_read_what_oras_writes() {
    let Some(oras) = peer("oras") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::write(folder.path().join("model-config.json"), models::model(&FILES).config).unwrap();
    let layers = FILES.map(|(path, _)| format!("{path}:application/vnd.cncf.model.weight.v1.raw"));
    let mut arguments = vec!["push", "--oci-layout", "store:v1", "--artifact-type", MODEL_ARTIFACT_TYPE];
    arguments.extend(["--config", "model-config.json:application/vnd.cncf.model.config.v1+json"]);
    arguments.extend(layers.iter().map(String::as_str));
    run(&oras, folder.path(), &arguments);
    fs::write(folder.path().join("bundle.json"), BUNDLE).unwrap();
    let bundle = format!("bundle.json:{BUNDLE_ARTIFACT_TYPE}");
    let attach = ["attach", "--oci-layout", "store:v1", "--artifact-type", BUNDLE_ARTIFACT_TYPE, &bundle];
    run(&oras, folder.path(), &attach);

    let store = Layout::open(&folder.path().join("store")).unwrap();
    let model = store.resolve(&target("v1")).unwrap();
    check_copy(&store, &model);
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, model.digest);
    let referrers = store.referrers(&model.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap();
    let [referrer] = referrers.as_slice() else { panic!("{referrers:?}") };
    check_signature(&store, &model, referrer);
}

#[test]
fn skopeo_copies_and_we_read_the_copy() {
    let Some(skopeo) = peer("skopeo") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, model, _) = signed(folder.path());
    run(&skopeo, folder.path(), &["copy", "--insecure-policy", "oci:store:v1", "oci:copy:v1"]);
    let copy = Layout::open(&folder.path().join("copy")).unwrap();
    let found = copy.resolve(&Target::Only).unwrap();
    assert_eq!(found.digest, model.digest);
    check_copy(&copy, &found);
    let raw = run(&skopeo, folder.path(), &["inspect", "--raw", "oci:store:v1"]);
    assert_eq!(Sha256Digest::of(raw.as_bytes()), model.digest);
}

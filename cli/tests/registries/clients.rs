//! The clients that people use, on the same artifacts: what `lacre` pushed they take, copy and check, and what they copied
//! or pushed `lacre` pulls.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use lacre_testkit::PeerRegistry;
use lacre_testkit::places::{Peer, program};
use lacre_testkit::registry::{Referrers, Registry};
use serde_json::Value;

use crate::bench::Bench;

const FILES: [&str; 3] = ["config.json", "model.safetensors", "tokenizer/vocab.txt"];
const MODEL: &str = "application/vnd.cncf.model.manifest.v1+json";
const CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
const WEIGHT: &str = "application/vnd.cncf.model.weight.v1.raw";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A registry, ours or somebody else's.
enum Place {
    Ours(Registry),
    Theirs(PeerRegistry),
}

impl Place {
    fn host(&self) -> String {
        match self {
            Self::Ours(registry) => registry.host(),
            Self::Theirs(registry) => registry.host().to_owned(),
        }
    }
}

/// All of them, each with a name.
fn places() -> Vec<(&'static str, Place)> {
    let without = Registry::with().rules(|rules| rules.referrers = Referrers::Absent).start();
    let mut all =
        vec![("ours", Place::Ours(Registry::start())), ("ours, without referrers", Place::Ours(without))];
    let theirs = [
        ("docker-registry", PeerRegistry::docker()),
        ("go-containerregistry", PeerRegistry::with_referrers()),
    ];
    all.extend(theirs.into_iter().filter_map(|(name, registry)| Some((name, Place::Theirs(registry?)))));
    all
}

/// Somebody else's program in the folder of the bench, without anything of the user's.
fn output(bench: &Bench, program: &Path, line: &str) -> Output {
    let mut command = Command::new(program);
    command.args(line.split_whitespace()).current_dir(bench.path("."));
    for variable in
        ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]
    {
        command.env_remove(variable);
    }
    command.env("HOME", bench.cache()).env("XDG_RUNTIME_DIR", bench.cache()).output().unwrap()
}

/// Runs what must succeed.
fn run(bench: &Bench, program: &Path, line: &str) -> String {
    let output = output(bench, program, line);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {line}\n{stderr}", program.display());
    String::from_utf8(output.stdout).unwrap()
}

/// Runs what must fail, and gives what it says.
fn fails(bench: &Bench, program: &Path, line: &str) -> String {
    let output = output(bench, program, line);
    assert!(!output.status.success(), "{} {line}", program.display());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A signed model, pushed to `HOST/org/m:v1`; gives the digest of its manifest.
fn pushed(host: &str) -> (Bench, String) {
    let bench = Bench::with_signed_model();
    let said = bench.good(&format!("push MODEL {host}/org/m:v1 --json")).json();
    let digest = said["result"]["manifest"].as_str().unwrap().to_owned();
    (bench, digest)
}

fn same_files(bench: &Bench, folder: &str, name: &str) {
    for file in FILES {
        assert_eq!(
            bench.read(&format!("{folder}/{file}")),
            bench.read(&format!("MODEL/{file}")),
            "{name}: {file}"
        );
    }
}

/// Pulls with proof, and throws it away.
fn pulled(bench: &Bench, reference: &str, name: &str) {
    bench.good(&format!("pull {reference} PULLED --key k.pub --expect-name org/mini-lm"));
    same_files(bench, "PULLED", name);
    assert_eq!(bench.read("PULLED/model.sig"), bench.read("MODEL/model.sig"), "{name}");
    fs::remove_dir_all(bench.path("PULLED")).unwrap();
}

/// What refers to a manifest, as oras sees it: type and digest of each.
fn referrers(bench: &Bench, oras: &Path, flags: &str, reference: &str) -> BTreeSet<(String, String)> {
    let found = run(bench, oras, &format!("discover {flags} --format json {reference}"));
    let found: Value = serde_json::from_str(&found).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = found["referrers"].as_array().unwrap();
    all.iter().map(|one| (text(&one["artifactType"]), text(&one["digest"]))).collect()
}

#[test]
fn oras_pulls_and_copies_what_we_pushed_and_we_pull_its_copies() {
    let Some(oras) = Peer::Oras.find() else { return };
    for (name, place) in places() {
        let host = place.host();
        let (bench, digest) = pushed(&host);
        let from = format!("{host}/org/m:v1");
        run(&bench, &oras, &format!("pull --plain-http {from} -o theirs"));
        same_files(&bench, "theirs", name);
        let ours = referrers(&bench, &oras, "--plain-http", &from);
        assert!(ours.iter().any(|(kind, _)| kind == BUNDLE), "{name}: {ours:?}");
        // From the registry into a layout, and from there into two other registries, one without referrers.
        run(&bench, &oras, &format!("cp -r --from-plain-http {from} --to-oci-layout copy:v1"));
        assert_eq!(referrers(&bench, &oras, "--oci-layout", "copy:v1"), ours, "{name}");
        pulled(&bench, "oci:copy:v1", name);
        for api in [Referrers::Served, Referrers::Absent] {
            let other = Registry::with().rules(|rules| rules.referrers = api).start();
            let to = format!("{}/moved/m:v1", other.host());
            run(&bench, &oras, &format!("cp -r --from-oci-layout --to-plain-http copy:v1 {to}"));
            assert_eq!(referrers(&bench, &oras, "--plain-http", &to), ours, "{name}: {api:?}");
            assert_eq!(
                other.tags("moved/m").into_iter().find(|(tag, _)| tag == "v1").unwrap().1,
                digest,
                "{name}"
            );
            pulled(&bench, &to, name);
            // And back to where it came from, under another name.
            run(
                &bench,
                &oras,
                &format!("cp -r --from-plain-http --to-plain-http {to} {host}/back/m:{api:?}"),
            );
            pulled(&bench, &format!("{host}/back/m:{api:?}"), name);
        }
    }
}

#[test]
fn we_pull_what_oras_pushed() {
    let Some(oras) = Peer::Oras.find() else { return };
    for (name, place) in places() {
        let host = place.host();
        let (bench, _) = pushed(&host);
        let manifest = run(&bench, &oras, &format!("manifest fetch --plain-http {host}/org/m:v1"));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap();
        run(&bench, &oras, &format!("blob fetch --plain-http -o MODEL/c {host}/org/m@{config}"));
        let layers = FILES.map(|file| format!("{file}:{WEIGHT}")).join(" ");
        let (reference, push) =
            (format!("{host}/theirs/m:v1"), format!("--artifact-type {MODEL} --config c:{CONFIG}"));
        // The names of its layers are the paths as they are given.
        let within = |line: &str| {
            let mut command = Command::new(&oras);
            command.args(line.split_whitespace()).current_dir(bench.path("MODEL")).env("HOME", bench.cache());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        };
        within(&format!("push --plain-http {reference} {push} {layers}"));
        within(&format!("attach --plain-http {reference} --artifact-type {BUNDLE} model.sig:{BUNDLE}"));
        fs::remove_file(bench.path("MODEL/c")).unwrap();
        pulled(&bench, &reference, name);
    }
}

#[test]
fn crane_checks_reads_and_copies_what_we_pushed() {
    let Some(crane) = Peer::Crane.find() else { return };
    for (name, place) in places() {
        let host = place.host();
        let (bench, digest) = pushed(&host);
        let reference = format!("{host}/org/m:v1");
        let run = |line: &str| run(&bench, &crane, line);
        // It validates container images only. All that it finds to say of a model is that its configuration is none of one.
        let said = fails(&bench, &crane, &format!("validate --insecure --remote {reference}"));
        assert!(said.contains("RootFS") && !said.contains("digest"), "{name}: {said}");
        assert_eq!(run(&format!("digest --insecure {reference}")).trim(), digest, "{name}");
        let manifest: Value =
            serde_json::from_str(&run(&format!("manifest --insecure {reference}"))).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let file = layer["annotations"]["org.cncf.model.filepath"].as_str().unwrap();
            let blob = layer["digest"].as_str().unwrap();
            let bytes = Command::new(&crane)
                .args(["blob", "--insecure", &format!("{host}/org/m@{blob}")])
                .env("HOME", bench.cache())
                .output()
                .unwrap();
            assert_eq!(bytes.stdout, bench.read(&format!("MODEL/{file}")), "{name}: {file}");
        }
        run(&format!("pull --insecure --format oci {reference} there"));
        let there = bench.good("inspect oci:there --json").json();
        assert_eq!(there["result"]["manifest"]["digest"], digest.as_str(), "{name}");
        run(&format!("copy --insecure {reference} {host}/crane/m:v1"));
        assert_eq!(run(&format!("digest --insecure {host}/crane/m:v1")).trim(), digest, "{name}");
        // It copies the artifact and leaves what refers to it behind: that is said, and not taken for good.
        let said = bench.bad(&format!("pull {host}/crane/m:v1 NO --key k.pub"), "E-NO-SIGNATURE", 4);
        assert!(!bench.path("NO").exists(), "{name}: {said:?}");
        bench.good(&format!(
            "sign --digests-from {host}/crane/m@{digest} --key k.key --name org/mini-lm --version 1.0.0"
        ));
        bench.good(&format!("pull {host}/crane/m:v1 SIGNED --key k.pub"));
        same_files(&bench, "SIGNED", name);
    }
}

#[test]
fn crane_checks_and_unpacks_the_image_form() {
    let Some(crane) = Peer::Crane.find() else { return };
    for (name, place) in places() {
        let bench = Bench::with_signed_model();
        let reference = format!("{}/org/m:image", place.host());
        bench.good(&format!("push MODEL {reference} --format image"));
        run(&bench, &crane, &format!("validate --insecure --fast --remote {reference}"));
        // Without --fast it takes every layer for gzip. It reads layers as they are when it unpacks them.
        let said = fails(&bench, &crane, &format!("validate --insecure --remote {reference}"));
        assert!(said.contains("gzip: invalid header"), "{name}: {said}");
        run(&bench, &crane, &format!("export --insecure {reference} files.tar"));
        let unpacked = bench.path("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let tar =
            Command::new("tar").arg("-xf").arg(bench.path("files.tar")).arg("-C").arg(&unpacked).status();
        assert!(tar.unwrap().success(), "{name}");
        same_files(&bench, "unpacked/models", name);
    }
}

#[test]
fn skopeo_copies_the_artifact_as_it_is() {
    let Some(skopeo) = program("skopeo") else { return };
    for (name, place) in places() {
        let host = place.host();
        let (bench, digest) = pushed(&host);
        let copy = "copy --insecure-policy --preserve-digests --src-tls-verify=false";
        let run = |line: &str| run(&bench, &skopeo, line);
        let inspected = run(&format!("inspect --raw --tls-verify=false docker://{host}/org/m:v1"));
        assert_eq!(
            inspected,
            run(&format!("inspect --raw --tls-verify=false docker://{host}/org/m@{digest}"))
        );
        run(&format!("{copy} docker://{host}/org/m:v1 oci:copy:v1"));
        let value = bench.good("inspect oci:copy:v1 --json").json();
        assert_eq!(value["result"]["manifest"]["digest"], digest.as_str(), "{name}");
        bench.bad("pull oci:copy:v1 NO --key k.pub", "E-NO-SIGNATURE", 4);
        run(&format!("{copy} --dest-tls-verify=false oci:copy:v1 docker://{host}/skopeo/m:v1"));
        let reference = format!("{host}/skopeo/m@{digest}");
        bench
            .good(&format!("sign --digests-from {reference} --key k.key --name org/mini-lm --version 1.0.0"));
        bench.good(&format!("pull {reference} OUT --key k.pub"));
        same_files(&bench, "OUT", name);
    }
}

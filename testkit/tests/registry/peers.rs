//! The clients that people use, against this registry and against those of others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_testkit::places::{Peer, program};
use lacre_testkit::registry::{
    Access, Bearer, Clients, Location, Mount, Patch, Referrers, Registry, Rules, Seen, Tls,
};
use lacre_testkit::{PeerRegistry, noise};
use serde_json::Value;
use tempfile::TempDir;

use crate::images::digest;

/// A folder in which programs are run, with `weights.bin` of 3 MB and `note.txt` in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("weights.bin"), noise(4, 3_000_000)).unwrap();
        fs::write(folder.path().join("note.txt"), "signed\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn output(&self, program: &Path, line: &str, variables: &[(&str, &Path)]) -> std::process::Output {
        let mut command = Command::new(program);
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        // Nothing of the user's: settings, credentials, proxies.
        for variable in
            ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]
        {
            command.env_remove(variable);
        }
        command.env("HOME", self.folder.path()).env("XDG_RUNTIME_DIR", self.folder.path());
        command.env("COSIGN_PASSWORD", "").envs(variables.iter().copied()).output().unwrap()
    }

    /// Runs what must succeed. The words of `line` are separated by spaces.
    fn run(&self, program: &Path, line: &str) -> String {
        self.run_with(program, line, &[])
    }

    fn run_with(&self, program: &Path, line: &str, variables: &[(&str, &Path)]) -> String {
        let output = self.output(program, line, variables);
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} {line}\n{stdout}{stderr}", program.display());
        stdout
    }

    /// Runs what must fail, and gives what it says.
    fn fails(&self, program: &Path, line: &str) -> String {
        let output = self.output(program, line, &[]);
        assert!(!output.status.success(), "{} {line}", program.display());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn json(&self, program: &Path, line: &str) -> Value {
        serde_json::from_str(&self.run(program, line)).unwrap()
    }
}

/// The ways of a registry that every client copes with.
fn manners() -> [(&'static str, Registry); 4] {
    let with = |change: fn(&mut Rules)| Registry::with().rules(change).start();
    [
        ("to the letter", Registry::start()),
        ("on disk", Registry::with().on_disk().start()),
        ("without referrers", with(|rules| rules.referrers = Referrers::Absent)),
        (
            "absolute locations, no mount",
            with(|rules| {
                rules.location = Location::Absolute;
                rules.mount = Mount::OpensSession;
            }),
        ),
    ]
}

/// Pushes, attaches, lists, pulls and copies with oras.
fn oras_round(oras: &Path, host: &str, options: &str) {
    let bench = Bench::new();
    let run = |line: &str| bench.run(oras, line);
    let reference = format!("{host}/org/model:v1");
    run(&format!(
        "push {options} {reference} --artifact-type application/x-model weights.bin:application/x-raw"
    ));
    run(&format!("attach {options} {reference} --artifact-type application/x-note note.txt:text/plain"));
    let found = bench.json(oras, &format!("discover {options} {reference} --format json"));
    let [note] = found["referrers"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(note["artifactType"], "application/x-note");
    run(&format!("pull {options} {reference} -o out"));
    assert_eq!(bench.read("out/weights.bin"), bench.read("weights.bin"));
    run(&format!("tag {options} {reference} latest"));
    let tags = run(&format!("repo tags {options} {host}/org/model"));
    let tags: Vec<&str> = tags.split_whitespace().filter(|tag| !tag.starts_with("sha256-")).collect();
    assert_eq!(tags, ["latest", "v1"]);
    let resolved = run(&format!("resolve {options} {reference}"));
    assert_eq!(found["digest"], resolved.trim());
}

#[test]
fn oras_with_every_manner() {
    let Some(oras) = Peer::Oras.find() else { return };
    let without_chunks = Registry::with().rules(|rules| rules.patch = Patch::Refused(405)).start();
    for (name, registry) in manners().into_iter().chain([("without chunks", without_chunks)]) {
        oras_round(&oras, &registry.host(), "--plain-http");
        let blob = registry.blob("org/model", &digest(&noise(4, 3_000_000)));
        assert_eq!(blob, Some(noise(4, 3_000_000)), "{name}");
        let fallback = registry.tags("org/model").iter().any(|(tag, _)| tag.starts_with("sha256-"));
        assert_eq!(fallback, name == "without referrers", "{name}");
        assert_eq!(registry.open_uploads(), 0, "{name}");
    }
}

#[test]
fn oras_copies_an_artifact_with_its_referrers() {
    let Some(oras) = Peer::Oras.find() else { return };
    let (bench, registry, other) = (Bench::new(), Registry::start(), Registry::start());
    let (from, to) = (format!("{}/org/model:v1", registry.host()), format!("{}/org/copy:v1", other.host()));
    bench.run(&oras, &format!("push --plain-http {from} weights.bin:application/x-raw"));
    bench.run(&oras, &format!("attach --plain-http {from} --artifact-type application/x-note note.txt"));
    bench.run(&oras, &format!("cp -r --from-plain-http --to-plain-http {from} {to}"));
    let found = bench.json(&oras, &format!("discover --plain-http {to} --format json"));
    assert_eq!(found["referrers"][0]["artifactType"], "application/x-note");
    // Within one registry blobs are mounted: none moves.
    registry.forget();
    let mounted = format!("{}/org/mounted:v1", registry.host());
    bench.run(&oras, &format!("cp --from-plain-http --to-plain-http {from} {mounted}"));
    assert!(registry.received() < 10_000, "{}", registry.received());
    assert!(registry.seen_at("POST", "mount=").iter().all(|seen| seen.status == Some(201)));
}

#[test]
fn oras_with_a_password_and_with_tokens_over_tls() {
    let Some(oras) = Peer::Oras.find() else { return };
    let tls = Tls::new(Clients::Anybody);
    let basic = Access::Basic { user: "me".to_owned(), password: "pw".to_owned() };
    for access in [basic, Access::Bearer(Bearer::new("me", "pw"))] {
        let registry = Registry::with().tls(&tls).rules(|rules| rules.access = access.clone()).start();
        let secured = format!("--ca-file {} --username me --password", tls.authority().display());
        oras_round(&oras, &registry.host(), &format!("{secured} pw"));
        let bench = Bench::new();
        let said = bench.fails(&oras, &format!("pull {secured} wrong {}/org/model:v1", registry.host()));
        assert!(said.contains("unauthorized"), "{said}");
    }
}

#[test]
fn crane_and_skopeo_with_tokens_over_tls() {
    let (Some(skopeo), Some(crane)) = (program("skopeo"), Peer::Crane.find()) else { return };
    let tls = Tls::new(Clients::Anybody);
    let access = Access::Bearer(Bearer::new("me", "pw"));
    let registry = Registry::with().tls(&tls).rules(|rules| rules.access = access).start();
    let (bench, host) = (Bench::new(), registry.host());
    let settings = serde_json::json!({"auths": {host.clone(): {"auth": "bWU6cHc="}}});
    fs::write(bench.path("config.json"), serde_json::to_vec(&settings).unwrap()).unwrap();
    bench.run(Path::new("tar"), "-cf layer.tar weights.bin");
    let authority = tls.authority();
    let crane = |line: &str| {
        let variables = [("SSL_CERT_FILE", authority.as_path()), ("DOCKER_CONFIG", bench.folder.path())];
        bench.run_with(&crane, line, &variables)
    };
    crane(&format!("append --new_layer layer.tar --new_tag {host}/org/model:v1"));
    crane(&format!("cp {host}/org/model:v1 {host}/org/copy:v1"));
    assert!(registry.seen_at("POST", "mount=").iter().any(|seen| seen.status == Some(201)));
    fs::create_dir(bench.path("certificates")).unwrap();
    fs::copy(&authority, bench.path("certificates/ca.crt")).unwrap();
    let copy = "copy --insecure-policy --src-cert-dir certificates --src-creds me:";
    bench.run(&skopeo, &format!("{copy}pw docker://{host}/org/copy:v1 dir:there"));
    bench.fails(&skopeo, &format!("{copy}wrong docker://{host}/org/copy:v1 dir:there"));
    // Passwords go to the token server and nowhere else.
    let secret = |seen: &Seen| seen.header("authorization").is_some_and(|value| value.starts_with("Basic "));
    assert!(registry.seen().iter().filter(|seen| secret(seen)).all(|seen| seen.path() == "/token"));
}

#[test]
fn clients_that_know_chunks_only() {
    let (Some(skopeo), Some(crane)) = (program("skopeo"), Peer::Crane.find()) else { return };
    let registry = Registry::with().rules(|rules| rules.patch = Patch::Refused(405)).start();
    let (bench, host) = (Bench::new(), registry.host());
    bench.run(Path::new("tar"), "-cf layer.tar weights.bin");
    bench.fails(&crane, &format!("append --insecure --new_layer layer.tar --new_tag {host}/org/model:v1"));
    registry.rules(|rules| rules.patch = Patch::Taken);
    bench.run(&crane, &format!("append --insecure --new_layer layer.tar --new_tag {host}/org/model:v1"));
    registry.rules(|rules| rules.patch = Patch::Refused(405));
    let copy = "copy --insecure-policy --src-tls-verify=false --dest-tls-verify=false";
    bench.run(&skopeo, &format!("{copy} docker://{host}/org/model:v1 dir:there"));
    bench.fails(&skopeo, &format!("{copy} dir:there docker://{host}/org/back:v1"));
}

#[test]
fn crane_makes_checks_and_copies_images() {
    let Some(crane) = Peer::Crane.find() else { return };
    for (name, registry) in manners() {
        let bench = Bench::new();
        let run = |line: &str| bench.run(&crane, line);
        let (reference, copy) =
            (format!("{}/org/model:v1", registry.host()), format!("{}/org/copy:v1", registry.host()));
        bench.run(Path::new("tar"), "-cf layer.tar weights.bin");
        run(&format!("append --insecure --new_layer layer.tar --new_tag {reference}"));
        run(&format!("validate --insecure --remote {reference}"));
        run(&format!("cp --insecure {reference} {copy}"));
        run(&format!("validate --insecure --remote {copy}"));
        let digest = run(&format!("digest --insecure {reference}"));
        assert_eq!(registry.tags("org/model"), [("v1".to_owned(), digest.trim().to_owned())], "{name}");
        assert_eq!(run(&format!("ls --insecure {}/org/copy", registry.host())).trim(), "v1", "{name}");
        run(&format!("delete --insecure {}/org/copy@{}", registry.host(), digest.trim()));
        assert_eq!(registry.tags("org/copy"), [], "{name}");
    }
}

#[test]
fn skopeo_copies_there_and_back() {
    let (Some(skopeo), Some(crane)) = (program("skopeo"), Peer::Crane.find()) else { return };
    for (name, registry) in manners() {
        let bench = Bench::new();
        let host = registry.host();
        bench.run(Path::new("tar"), "-cf layer.tar weights.bin");
        bench.run(&crane, &format!("append --insecure --new_layer layer.tar --new_tag {host}/org/model:v1"));
        let copy = "copy --insecure-policy --src-tls-verify=false --dest-tls-verify=false";
        bench.run(&skopeo, &format!("{copy} --preserve-digests docker://{host}/org/model:v1 dir:there"));
        bench.run(&skopeo, &format!("{copy} --preserve-digests dir:there docker://{host}/org/back:v1"));
        let [there, back] = ["org/model", "org/back"].map(|repository| registry.tags(repository));
        assert_eq!(there, back, "{name}");
        let about = bench.json(&skopeo, &format!("inspect --tls-verify=false docker://{host}/org/back:v1"));
        assert_eq!(about["Digest"], there[0].1.as_str(), "{name}");
    }
}

#[test]
fn cosign_signs_attests_and_verifies() {
    let (Some(cosign), Some(oras)) = (Peer::Cosign.find(), Peer::Oras.find()) else { return };
    for referrers in [Referrers::Served, Referrers::Absent] {
        let registry = Registry::with().rules(|rules| rules.referrers = referrers).start();
        let bench = Bench::new();
        let run = |line: &str| bench.run(&cosign, line);
        let none = "--no-default-fulcio --no-default-rekor --no-default-tsa";
        run(&format!("signing-config create {none} --no-default-oidc --out sc.json"));
        run(&format!("trusted-root create {none} --no-default-ctfe --out tr.json"));
        run("generate-key-pair");
        let model = format!("{}/org/model", registry.host());
        bench.run(&oras, &format!("push --plain-http {model}:v1 weights.bin:application/x-raw"));
        let pinned = format!("{model}@{}", registry.tags("org/model")[0].1);
        let with = "--allow-http-registry --trusted-root tr.json";
        let key = format!("{with} --signing-config sc.json -y --key cosign.key");
        fs::write(bench.path("predicate.json"), "{}").unwrap();
        run(&format!("sign {key} {pinned}"));
        run(&format!("attest {key} --type custom --predicate predicate.json {pinned}"));
        let check = format!("{with} --insecure-ignore-tlog=true --key cosign.pub");
        run(&format!("verify {check} {pinned}"));
        run(&format!("verify-attestation {check} --type custom {pinned}"));
        let found = bench.json(&oras, &format!("discover --plain-http {pinned} --format json"));
        let kinds: Vec<&Value> =
            found["referrers"].as_array().unwrap().iter().map(|one| &one["artifactType"]).collect();
        let fallback = registry.tags("org/model").iter().any(|(tag, _)| tag.starts_with("sha256-"));
        match referrers {
            Referrers::Served => {
                assert_eq!(kinds, ["application/vnd.dev.sigstore.bundle.v0.3+json"; 2]);
                assert!(!fallback);
            }
            Referrers::Absent => assert!(kinds.len() == 2 && fallback, "{kinds:?}"),
        }
    }
}

#[test]
fn docker_registry_serves() {
    let (Some(oras), Some(registry)) = (Peer::Oras.find(), PeerRegistry::docker()) else { return };
    assert!(registry.authority().is_none());
    oras_round(&oras, registry.host(), "--plain-http");
    assert!(registry.content().join("docker/registry/v2/repositories/org/model").is_dir());
}

#[test]
fn docker_registry_serves_over_tls_with_a_password() {
    let (Some(oras), Some(registry)) = (Peer::Oras.find(), PeerRegistry::docker_secured()) else { return };
    assert!(registry.url().starts_with("https://"));
    let authority = registry.authority().unwrap();
    let bench = Bench::new();
    // The password has a space, which the words of a line cannot have.
    fs::write(bench.path("password"), PeerRegistry::PASSWORD).unwrap();
    let settings = bench.path("docker");
    fs::create_dir(&settings).unwrap();
    let login = format!(
        "{} login --ca-file {} --registry-config {} -u {} --password-stdin {} < password",
        oras.display(),
        authority.display(),
        settings.join("config.json").display(),
        PeerRegistry::USER,
        registry.host()
    );
    fs::write(bench.path("login"), login).unwrap();
    bench.run(Path::new("sh"), "login");
    let options = format!(
        "--ca-file {} --registry-config {}",
        authority.display(),
        settings.join("config.json").display()
    );
    oras_round(&oras, registry.host(), &options);
    let said = bench
        .fails(&oras, &format!("repo tags --ca-file {} {}/org/model", authority.display(), registry.host()));
    assert!(said.contains("401") || said.contains("credential"), "{said}");
}

#[test]
fn a_registry_with_referrers_serves() {
    let Some(oras) = Peer::Oras.find() else { return };
    let Some(registry) = PeerRegistry::with_referrers() else { return };
    oras_round(&oras, registry.host(), "--plain-http");
    let listed = format!("{}/v2/org/none/referrers/{}", registry.url(), crate::images::NOWHERE);
    let (status, _) = lacre_testkit::http_get(&listed).unwrap();
    assert_eq!(status, 200);
    let Some(lax) = PeerRegistry::with_lax_referrers() else { return };
    let listed = format!("{}/v2/org/none/referrers/{}", lax.url(), crate::images::NOWHERE);
    let (status, _) = lacre_testkit::http_get(&listed).unwrap();
    assert_eq!(status, 404);
}

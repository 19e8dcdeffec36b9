//! `lacre trust update` and `lacre trust show`, and which Sigstore `verify` then believes in.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lacre_sign::SigstoreTrust;
use lacre_testkit::places::vectors;
use lacre_testkit::{HttpAnswer, HttpServer, TufDraft, TufRepository};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::{Bench, Said};
use crate::programs::found;

/// Where the trust in the public Sigstore is kept on a bench.
const OWN: &str = "data/lacre/trust/public-good.json";

fn draft() -> TufDraft {
    let trust = SigstoreTrust::built_in();
    TufDraft::new(vec![
        ("trusted_root.json", trust.trusted_root().as_bytes().to_vec()),
        ("signing_config.v0.2.json", trust.signing_config().unwrap().as_bytes().to_vec()),
    ])
}

/// A bench beside a repository, with its first root as `root.json`.
fn bench(repository: &TufRepository) -> Bench {
    let bench = Bench::new();
    bench.write("root.json", &repository.root());
    bench
}

fn update(repository: &TufRepository) -> String {
    format!("trust update --mirror {} --root root.json --to trust.json --timeout 5s", repository.url())
}

/// Puts a file into the user's own place.
fn keep(bench: &Bench, bytes: &[u8], mode: u32) {
    let path = bench.cache().join(OWN);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn trust_is_updated_and_shown() {
    let repository = TufRepository::start(&draft());
    let bench = bench(&repository);
    let trial = bench.good(&format!("{} --dry-run --json", update(&repository))).json();
    assert_eq!((&trial["result"]["dry_run"], bench.path("trust.json").exists()), (&true.into(), false));
    let first = bench.good(&format!("{} --json", update(&repository))).json()["result"].clone();
    assert_eq!((&first["changed"], &first["versions"]["root"]), (&true.into(), &1.into()));
    assert_eq!(first["repository"], repository.url());
    let mode = fs::metadata(bench.path("trust.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0);
    let again = bench.good(&format!("{} --json", update(&repository))).json()["result"].clone();
    assert_eq!(again["changed"], false);

    let asked = repository.seen().len();
    let shown = bench.good("trust show trust.json --json --offline").json()["result"].clone();
    assert_eq!((&shown["source"], &shown["age_days"]), (&"update".into(), &0.into()));
    let built_in = bench.good("trust show --json").json()["result"].clone();
    assert_eq!((&built_in["source"], &built_in["file"]), (&"built-in".into(), &Value::Null));
    assert_eq!(built_in["as_of"], "2026-10-23T00:00:00Z");
    assert_eq!(built_in["parties"], shown["parties"]);
    let parties = built_in["parties"].as_array().unwrap();
    for (kind, name) in [
        ("certificate-authority", "fulcio.sigstore.dev"),
        ("certificate-log", "ctfe.sigstore.dev"),
        ("log", "rekor.sigstore.dev"),
        ("timestamp-authority", "timestamp.sigstore.dev"),
    ] {
        let is_it = |it: &&Value| it["kind"] == kind && it["name"].as_str().unwrap().contains(name);
        assert!(parties.iter().find(is_it).is_some_and(|it| it["since"].is_string()), "{kind}: {parties:?}");
    }
    assert!(bench.good("trust show").stdout.contains("from 2021-01-12T11:53:27Z on"));
    assert_eq!(repository.seen().len(), asked);
    bench.bad("trust show nothing.json", "E-NOT-FOUND", 10);
    bench.bad("trust show root.json", "E-TRUST-CONFIG", 13);
}

#[test]
fn what_is_refused_leaves_what_is_kept() {
    let mut now = draft();
    now.versions = [1, 3, 3, 3];
    let repository = TufRepository::start(&now);
    let bench = bench(&repository);
    bench.good(&update(&repository));
    let kept = bench.read("trust.json");
    let refuses = |draft: &TufDraft, code: &str, exit: i32| {
        repository.publish(draft);
        let said = bench.bad(&update(&repository), code, exit);
        assert!(said.stderr.contains("hint: nothing was changed"), "{said:?}");
        assert_eq!(bench.read("trust.json"), kept, "{code}");
        assert_eq!(bench.names(""), ["root.json", "trust.json"]);
    };
    refuses(&draft(), "E-ROLLBACK", 7);
    let mut old = now.clone();
    old.versions[1] = 4;
    old.expires[1] = "2024-01-01T00:00:00Z";
    refuses(&old, "E-METADATA-EXPIRED", 6);
    let mut unsigned = now.clone();
    unsigned.versions[1] = 4;
    unsigned.signed = |role, file| {
        if role == "timestamp" {
            file["signatures"] = serde_json::json!([]);
        }
    };
    refuses(&unsigned, "E-TRUST-METADATA", 3);

    // Another repository's file is not mixed with this one's, and damage is not taken for nothing.
    let other = TufRepository::start(&draft());
    bench.write("root.json", &other.root());
    bench.bad(&update(&other), "E-EXISTS", 10);
    assert_eq!(bench.read("trust.json"), kept);
    bench.write("trust.json", &kept[..kept.len() / 2]);
    bench.bad(&update(&other), "E-TRUST-CONFIG", 13);
    assert!(bench.good(&format!("{} --force", update(&other))).stderr.contains("warning: "));
}

#[test]
fn places_that_cannot_be_written_to_and_roots_that_are_none() {
    let repository = TufRepository::start(&draft());
    let bench = bench(&repository);
    let to = |place: &str| update(&repository).replace("trust.json", place);
    bench.bad(&to("missing/trust.json"), "E-OUTPUT", 10);
    bench.bad(&to("/proc/trust.json"), "E-OUTPUT", 10);
    bench.bad(&to("."), "E-INPUT-TYPE", 10);
    let asked = repository.seen().len();
    bench.bad(&format!("{} --offline", update(&repository)), "E-USAGE", 2);
    bench.bad(&format!("trust update --mirror {}", repository.url()), "E-USAGE", 2);
    bench.bad("trust update --root root.json", "E-USAGE", 2);
    bench.bad("trust update --mirror ftp://a.test --to x", "E-USAGE", 2);
    bench.bad(&update(&repository).replace("root.json", "missing.json"), "E-NOT-FOUND", 10);
    bench.write("root.json", b"{}");
    bench.bad(&update(&repository), "E-TRUST-METADATA", 3);
    assert_eq!(repository.seen().len(), asked);
    assert_eq!(bench.names(""), ["root.json"]);
}

#[test]
fn pysec_2020_145_an_update_that_is_killed_leaves_the_old_one() {
    let repository = TufRepository::start(&draft());
    let bench = bench(&repository);
    bench.good(&update(&repository));
    let kept = bench.read("trust.json");
    let mut next = draft();
    next.versions = [2, 2, 2, 2];
    repository.publish(&next);
    // Everything is answered but the last file.
    let mut asked = repository.seen().into_iter().rev().map(|request| request.target);
    let target = asked.find(|path| path.starts_with("/targets/")).unwrap();
    repository.answer(&target, HttpAnswer::Silence);
    let asked = repository.seen().len();
    let mut command = bench.command();
    command.args(update(&repository).split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while !repository.seen()[asked..].iter().any(|request| request.target == target) {
        assert!(Instant::now() < end, "{:?}", repository.seen());
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bench.read("trust.json"), kept);
    assert_eq!(bench.names(""), ["root.json", "trust.json"]);
}

#[test]
fn a_service_that_does_not_answer_holds_up_one_interruption_and_not_two() {
    let repository = TufRepository::start(&draft());
    let bench = bench(&repository);
    repository.answer("/timestamp.json", HttpAnswer::Silence);
    let mut command = bench.command();
    command.args(update(&repository).replace("5s", "5m").split(' '));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while !repository.seen().iter().any(|request| request.target == "/timestamp.json") {
        assert!(Instant::now() < end, "{:?}", repository.seen());
        thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert_eq!(said, "stopping: interrupt again to end at once\n");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(bench.names(""), ["root.json"]);
}

#[test]
fn two_updates_at_once_take_turns() {
    let mut now = draft();
    now.versions = [1, 3, 3, 3];
    let repository = TufRepository::start(&now);
    let bench = bench(&repository);
    bench.good(&update(&repository));
    let newer = bench.read("trust.json");
    fs::remove_file(bench.path("trust.json")).unwrap();
    repository.publish(&draft());

    let other = fs::File::open(bench.path("")).unwrap();
    other.lock().unwrap();
    let mut command = bench.command();
    command.args(update(&repository).split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let waits = |line: &str| line.contains("-> FLOCK") && line.contains(&format!(" {} ", child.id()));
    let end = Instant::now() + Duration::from_mins(1);
    while !fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
        assert!(Instant::now() < end, "it does not wait");
        thread::yield_now();
    }
    // What the other one leaves is what this one begins with.
    bench.write("trust.json", &newer);
    drop(other);
    let said = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(stderr.contains("error[E-ROLLBACK]"), "{stderr}");
    assert_eq!(bench.read("trust.json"), newer);
}

const ISSUER: &str = "https://sigstore.verify.ibm.com/oauth2";
const SIGNER: &str = "stefanb@us.ibm.com";

/// `lacre verify` of a public keyless vector.
fn verify(bench: &Bench) -> Option<Command> {
    let folder = vectors()?.join("oms/model-transparency/scripts/tests/v1.1.0-sigstore");
    let mut command = bench.command();
    command.arg("verify").arg(folder).args(["--issuer", ISSUER, "--identity", SIGNER, "--json"]);
    Some(command)
}

#[test]
fn the_newer_of_what_was_updated_and_what_is_built_in_counts() {
    let repository = TufRepository::start(&draft());
    let bench = bench(&repository);
    let Some(mut command) = verify(&bench) else { return };
    bench.good(&update(&repository));
    let kept = bench.read("trust.json");
    let source = |said: Said| said.json()["result"]["sigstore"]["source"].clone();
    assert_eq!(source(Said::of(&mut command)), "built-in");
    keep(&bench, &kept, 0o644);
    assert_eq!(source(Said::of(&mut command)), "update");
    let mut older: Value = serde_json::from_slice(&kept).unwrap();
    older["asOf"] = "2026-01-01T00:00:00Z".into();
    keep(&bench, &serde_json::to_vec(&older).unwrap(), 0o644);
    assert_eq!(source(Said::of(&mut command)), "built-in");

    // Whoever can break the file must not be able to choose the older trust by it.
    let code = |said: Said| said.json()["error"]["code"].clone();
    keep(&bench, &kept[1..], 0o644);
    assert_eq!(code(Said::of(&mut command)), "E-TRUST-CONFIG");
    keep(&bench, b"", 0o644);
    assert_eq!(code(Said::of(&mut command)), "E-TRUST-CONFIG");
    keep(&bench, &kept, 0o666);
    assert_eq!(code(Said::of(&mut command)), "E-TRUST-CONFIG");
    let path = bench.cache().join(OWN);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(code(Said::of(&mut command)), "E-INPUT-TYPE");
    fs::remove_dir(&path).unwrap();
    if found("mkfifo") {
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(code(Said::of(&mut command)), "E-INPUT-TYPE");
    }
}

#[test]
fn verification_opens_no_socket() {
    let bench = Bench::new();
    let Some(mut command) = verify(&bench) else { return };
    // Every HTTP client would ask here first.
    let proxy = HttpServer::start(|_| HttpAnswer::HangUp);
    for variable in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(variable, proxy.url());
    }
    assert_eq!(Said::of(&mut command).exit, Some(0));
    assert!(proxy.seen().is_empty());
    if !found("strace") {
        return;
    }
    let trace = bench.path("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=socket,connect,sendto,sendmsg", "-o"]).arg(&trace);
    strace.arg(command.get_program()).args(command.get_args()).env("XDG_DATA_HOME", bench.cache());
    let output = strace.current_dir(bench.path("")).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = fs::read_to_string(&trace).unwrap();
    assert!(calls.contains("exited with 0") && !calls.contains("socket("), "{calls}");
}

//! `sign --keyless`: where the identity comes from. The Sigstore behind it is not there: what is looked at ends before.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lacre_testkit::{HttpAnswer, HttpServer, Issuer, LoginFaults, PERSON, browse, http_get};

use crate::bench::{Bench, Said};

/// Variables by which a job would show itself.
const SURROUNDINGS: [&str; 6] =
    ["SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "GCE_METADATA_HOST"];

/// A bench with a trust configuration whose issuer is `issuer` and whose services hang up.
fn bench(issuer: &str, services: &HttpServer) -> Bench {
    let bench = Bench::with_model_and_key();
    let trust = lacre_sign::SigstoreTrust::built_in();
    let service = |url: &str, version: u32| {
        serde_json::json!([{"url": url, "majorApiVersion": version, "operator": "test",
            "validFor": {"start": "2024-01-01T00:00:00Z"}}])
    };
    let config = serde_json::json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": serde_json::from_str::<serde_json::Value>(trust.trusted_root()).unwrap(),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(&services.url(), 1), "oidcUrls": service(issuer, 1),
            "rekorTlogUrls": service(&services.url(), 2), "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": service(&services.url(), 1), "tsaConfig": {"selector": "ANY"},
        },
    });
    bench.write("trust.json", &serde_json::to_vec(&config).unwrap());
    bench
}

fn sign(bench: &Bench, more: &[&str]) -> Command {
    let mut command = bench.command();
    command.args(["sign", "MODEL", "--name", "m", "--keyless", "--trust-config", "trust.json"]).args(more);
    for variable in SURROUNDINGS {
        command.env_remove(variable);
    }
    command
}

/// A program of this name in a folder that `PATH` begins with.
fn program(bench: &Bench, name: &str, script: &str) -> PathBuf {
    bench.write(format!("bin/{name}"), format!("#!/bin/sh\n{script}\n").as_bytes());
    let path = bench.path(&format!("bin/{name}"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn with_path(command: &mut Command, bench: &Bench) {
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", bench.path("bin").display()));
}

/// What a program of ours wrote, once it did.
fn written(path: &PathBuf) -> String {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        match fs::read_to_string(path) {
            Ok(text) => return text,
            Err(_) => assert!(Instant::now() < end, "{} never came", path.display()),
        }
        thread::yield_now();
    }
}

/// A browser that notes where it was sent; the test goes there in its place.
fn browser(bench: &Bench) -> PathBuf {
    program(bench, "browser", "printf %s \"$1\" > \"$0.tmp\" && mv \"$0.tmp\" \"$0.url\"")
}

#[test]
fn a_browser_is_opened_and_the_person_is_shown() {
    let services = HttpServer::start(|_| HttpAnswer::HangUp);
    let issuer = Issuer::start();
    let bench = bench(&issuer.url(), &services);
    let browser = browser(&bench);
    let mut command = sign(&bench, &["--browser"]);
    let child =
        command.env("BROWSER", &browser).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let url = written(&browser.with_extension("url"));
    assert_eq!(http_get(&browse(&url)).unwrap().0, 200);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    // There is no terminal to confirm on, so that nothing left this machine.
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains(PERSON) && stderr.contains("error[E-DECLINED]"), "{stderr}");
    assert!(services.seen().is_empty());
    assert_eq!(bench.names("MODEL"), ["config.json", "model.safetensors", "tokenizer"]);
}

#[test]
fn a_browser_that_comes_back_from_another_login() {
    let services = HttpServer::start(|_| HttpAnswer::HangUp);
    let faults = LoginFaults { returned: |it| it[1].1 = "other".to_owned(), ..LoginFaults::default() };
    let issuer = Issuer::with_faults(faults);
    let bench = bench(&issuer.url(), &services);
    let browser = browser(&bench);
    let mut command = sign(&bench, &["--browser", "--publish-identity"]);
    let child =
        command.env("BROWSER", &browser).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    http_get(&browse(&written(&browser.with_extension("url"))));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(12), "{stderr}");
    assert!(stderr.contains("error[E-TOKEN]") && stderr.contains("hint: "), "{stderr}");
    assert!(services.seen().is_empty());
}

#[test]
fn a_code_is_brought_by_hand() {
    let services = HttpServer::start(|_| HttpAnswer::HangUp);
    let issuer = Issuer::start();
    let bench = bench(&issuer.url(), &services);
    let mut command = sign(&bench, &["--no-browser", "--publish-identity"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(bench.path("said")).unwrap())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    let url = loop {
        let said = fs::read_to_string(bench.path("said")).unwrap();
        // Only the line after it makes sure that the address is whole.
        if said.contains("give the code") {
            break said.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned();
        }
        assert!(Instant::now() < end, "{said}");
        thread::yield_now();
    };
    writeln!(child.stdin.take().unwrap(), "{}", browse(&url)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(11));
    let said = fs::read_to_string(bench.path("said")).unwrap();
    assert!(said.contains(PERSON) && said.contains("error[E-NETWORK]"), "{said}");

    let nothing = Said::of(&mut sign(&bench, &["--no-browser"]));
    nothing.refuses("E-TOKEN", 12);
}

#[test]
fn without_a_terminal_nobody_is_asked_to_log_in() {
    let services = HttpServer::start(|_| HttpAnswer::HangUp);
    let issuer = Issuer::start();
    let bench = bench(&issuer.url(), &services);
    Said::of(&mut sign(&bench, &["--publish-identity"])).refuses("E-USAGE", 2);
    Said::of(&mut sign(&bench, &["--browser", "--offline"])).refuses("E-USAGE", 2);
    assert!(issuer.seen().is_empty());
}

#[test]
fn jobs_of_buildkite_and_circleci_get_their_token_from_a_program() {
    let services = HttpServer::start(|_| HttpAnswer::HangUp);
    let issuer = Issuer::start();
    let token = issuer.token("job@example.test");
    let other = issuer.token_with("job@example.test", |claims| claims["aud"] = "other".into());
    for (variable, name, wanted) in [
        ("BUILDKITE", "buildkite-agent", "oidc request-token --audience sigstore"),
        ("CIRCLECI", "circleci", r#"run oidc get --root-issuer --claims {"aud":"sigstore"}"#),
    ] {
        let bench = bench(&issuer.url(), &services);
        let run = |script: &str| {
            program(&bench, name, script);
            let mut command = sign(&bench, &[]);
            with_path(&mut command, &bench);
            Said::of(command.env(variable, "true"))
        };
        let said = run(&format!("printf %s \"$*\" > asked\necho {token}"));
        said.refuses("E-DECLINED", 130);
        assert!(said.stderr.contains("job@example.test"), "{said:?}");
        assert_eq!(bench.read("asked"), wanted.as_bytes());
        run(&format!("echo {other}")).refuses("E-TOKEN", 12);
        run("echo no token").refuses("E-TOKEN", 12);
        run("exit 3").refuses("E-SIGNER", 11);
        run("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done").refuses("E-LIMIT", 13);
        fs::remove_file(bench.path(&format!("bin/{name}"))).unwrap();
        let mut command = sign(&bench, &[]);
        Said::of(command.env(variable, "true").env("PATH", bench.path("bin"))).refuses("E-NOT-FOUND", 10);
        assert!(services.seen().is_empty());
    }
}

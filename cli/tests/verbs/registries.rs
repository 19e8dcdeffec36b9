//! Every verb that takes a reference, against registries: the one of the tests, docker-registry, and one that knows
//! referrers.

use lacre_testkit::PeerRegistry;
use lacre_testkit::registry::{Access, Clients, Fault, Location, On, Referrers, Registry, Tls};

use crate::bench::Bench;

/// The whole way, there and back, and what is said on it.
fn there_and_back(host: &str, flags: &str) {
    let bench = Bench::with_signed_model();
    let reference = format!("{host}/org/m:v1");
    let pushed = bench.good(&format!("push MODEL {reference} --json {flags}")).json();
    let result = &pushed["result"];
    assert_eq!((&result["bytes_written"], &result["reference"]), (&5023.into(), &reference.as_str().into()));
    let again = bench.good(&format!("push MODEL {reference} --json {flags}")).json();
    assert_eq!(again["result"]["bytes_written"], 0);
    assert_eq!(again["result"]["signature_existed"], true);

    let said = bench.good(&format!("pull {reference} OUT --key k.pub --expect-name org/mini-lm {flags}"));
    assert!(said.stdout.starts_with("pulled org/mini-lm 1.0.0\n"), "{said:?}");
    assert!(said.stdout.contains(result["manifest"].as_str().unwrap()), "the tag is told as what it led to");
    for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt", "model.sig"] {
        assert_eq!(bench.read(&format!("OUT/{file}")), bench.read(&format!("MODEL/{file}")), "{file}");
    }
    bench.good("verify OUT --key k.pub");

    let pinned = format!("{host}/org/m:v1@{}", result["manifest"].as_str().unwrap());
    let inspected = bench.good(&format!("inspect {pinned} --json {flags}")).json();
    assert_eq!(inspected["result"]["reference"], pinned.as_str());
    assert_eq!(inspected["result"]["layers"].as_array().unwrap().len(), 3);
    bench.good(&format!("diff {pinned} MODEL {flags}"));

    bench.key("other");
    bench.bad(&format!("pull {reference} NO --key other.pub {flags}"), "E-SIGNER-UNTRUSTED", 5);
    bench.good(&format!(
        "sign --digests-from {pinned} --key other.key --name org/mini-lm --version 1.0.0 {flags}"
    ));
    bench.good(&format!("pull {reference} OTHER --key other.pub {flags}"));
    bench.good(&format!(
        "attest {reference} --type urn:x --predicate MODEL/config.json --key other.key {flags}"
    ));
    let inspected = bench.good(&format!("inspect {reference} --json {flags}")).json();
    // The model's two signatures, that of the manifest, the attestation.
    assert_eq!(inspected["result"]["referrers"].as_array().unwrap().len(), 4, "{inspected}");

    bench.write("NEW/config.json", b"{}");
    bench.good("sign NEW --key k.key --name new");
    bench.bad(&format!("push NEW {reference} {flags}"), "E-EXISTS", 10);
    bench.good(&format!("push NEW {reference} --force {flags}"));
    bench.good(&format!("pull {reference} NEWER --key k.pub --expect-name new {flags}"));
    bench.good(&format!("pull {pinned} OLD --key k.pub --expect-name org/mini-lm {flags}"));
    let said =
        bench.bad(&format!("pull {host}/org/m:v2 NO --key k.pub {flags}"), "E-REFERENCE-NOT-FOUND", 11);
    assert!(said.stderr.contains("its tags are v1"), "{said:?}");
    bench.bad(&format!("pull {host}/org/none:v1 NO --key k.pub {flags}"), "E-REFERENCE-NOT-FOUND", 11);
}

#[test]
fn a_registry_with_referrers() {
    let registry = Registry::start();
    there_and_back(&registry.host(), "");
    assert!(registry.tags("org/m").iter().all(|(tag, _)| tag == "v1"), "it needs no other tags");
}

#[test]
fn a_registry_without_referrers() {
    there_and_back(&Registry::with().rules(|rules| rules.referrers = Referrers::Absent).start().host(), "");
}

#[test]
fn docker_registry() {
    let Some(registry) = PeerRegistry::docker() else { return };
    there_and_back(registry.host(), "");
}

#[test]
fn a_registry_of_others_with_referrers() {
    let Some(registry) = PeerRegistry::with_referrers() else { return };
    there_and_back(registry.host(), "");
}

#[test]
fn a_registry_of_others_that_lists_them_badly() {
    let Some(registry) = PeerRegistry::with_lax_referrers() else { return };
    there_and_back(registry.host(), "");
}

#[test]
fn a_registry_with_an_authority_of_its_own_and_certificates_for_its_clients() {
    let tls = Tls::new(Clients::Certified);
    let registry = Registry::with().tls(&tls).start();
    let ca = format!("--registry-ca {}", tls.authority().display());
    let (certificate, key) = tls.client();
    let shown = format!("--registry-cert {} --registry-key {}", certificate.display(), key.display());
    there_and_back(&registry.host(), &format!("{ca} {shown}"));
    let bench = Bench::with_signed_model();
    let line = format!("push MODEL {}/org/m:v1", registry.host());
    bench.bad(&format!("{line} {ca}"), "E-NETWORK", 11);
    bench.bad(&format!("{line} {shown}"), "E-NETWORK", 11);
    bench.bad(&format!("{line} --registry-ca k.pub"), "E-TLS-FILE", 13);
    bench.bad(&format!("{line} --registry-ca none.pem"), "E-NOT-FOUND", 10);
    bench.bad(&format!("{line} --registry-cert {}", certificate.display()), "E-USAGE", 2);
}

#[test]
fn offline_opens_no_socket() {
    let registry = Registry::start();
    let bench = Bench::with_signed_model();
    let reference = format!("{}/org/m:v1", registry.host());
    let digest = "0".repeat(64);
    for line in [
        format!("push MODEL {reference}"),
        format!("pull {reference} OUT --key k.pub"),
        format!("inspect {reference}"),
        format!("diff {reference} MODEL"),
        format!("sign --digests-from {reference}@sha256:{digest} --key k.key --name m"),
        format!("sign {reference} --key k.key --name m"),
        format!("attest {reference} --type urn:x --predicate MODEL/config.json --key k.key"),
        format!("push MODEL {reference} --key k.key"),
    ] {
        let said = bench.bad(&format!("{line} --offline"), "E-USAGE", 2);
        assert!(said.stderr.contains("--offline opens no socket"), "{said:?}");
    }
    assert!(registry.seen().is_empty());
}

#[test]
fn a_password_opens_the_door_and_a_wrong_one_does_not() {
    let (user, password) = ("me".to_owned(), "hunter2".to_owned());
    let registry = Registry::with().rules(|rules| rules.access = Access::Basic { user, password }).start();
    let bench = Bench::with_signed_model();
    let line = format!("push MODEL {}/org/m:v1", registry.host());
    let said = bench.bad(&line, "E-AUTH", 12);
    assert!(said.stderr.contains("docker login"), "{said:?}");
    let with = |password: &str| {
        let mut command = bench.command();
        command.env("LACRE_REGISTRY_HOST", registry.host()).env("LACRE_REGISTRY_USERNAME", "me");
        command.env("LACRE_REGISTRY_PASSWORD", password).args(line.split(' '));
        crate::bench::Said::of(&mut command)
    };
    assert_eq!(with("hunter3").exit, Some(12));
    let said = with("hunter2");
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(!said.stderr.contains("hunter2") && !said.stdout.contains("hunter2"));
}

/// CVE-2026-50151: credentials were sent to a `Location` on another host.
#[test]
fn cve_2026_50151_and_ghsa_vh4v_2xq2_g5cg_other_hosts_get_no_secret() {
    let elsewhere = Registry::start();
    let (user, password) = ("me".to_owned(), "hunter2".to_owned());
    let registry = Registry::with().rules(|rules| rules.access = Access::Basic { user, password }).start();
    let bench = Bench::with_signed_model();
    let push = || {
        let mut command = bench.command();
        command.env("LACRE_REGISTRY_HOST", registry.host()).env("LACRE_REGISTRY_USERNAME", "me");
        command.env("LACRE_REGISTRY_PASSWORD", "hunter2");
        command.args(["push", "MODEL", &format!("{}/org/m:v1", registry.host())]);
        crate::bench::Said::of(&mut command)
    };
    registry.rules(|rules| rules.location = Location::At(elsewhere.url()));
    assert_ne!(push().exit, Some(0));
    registry.rules(|rules| rules.location = Location::Relative);
    registry.fault(On::any().at("/blobs/"), Fault::Redirect { status: 307, to: elsewhere.url() });
    push();
    let seen = elsewhere.seen();
    assert!(seen.iter().any(|seen| seen.method == "PUT") && seen.iter().any(|seen| seen.method == "HEAD"));
    assert!(seen.iter().all(|seen| seen.header("authorization").is_none()), "{seen:?}");
    assert!(registry.seen().iter().any(|seen| seen.header("authorization").is_some()));
}

#[test]
fn files_of_another_repository_are_not_sent() {
    let registry = Registry::start();
    let bench = Bench::with_signed_model();
    bench.good(&format!("push MODEL {}/org/m:v1", registry.host()));
    registry.forget();
    let line = format!("push MODEL {}/org/copy:v1 --mount-from org/m --json", registry.host());
    let result = &bench.good(&line).json()["result"];
    assert_eq!((&result["bytes_written"], &result["bytes_reused"]), (&0.into(), &5023.into()));
    assert!(registry.seen_at("PUT", "/blobs/").is_empty());
    bench.good(&format!("pull {}/org/copy:v1 OUT --key k.pub", registry.host()));
}

#[test]
fn what_a_registry_says_is_told_and_cannot_move_the_cursor() {
    let registry = Registry::start();
    let bench = Bench::with_signed_model();
    let body = br#"{"errors":[{"code":"DENIED","message":"\u001b[2Jno \u202e writing"}]}"#.to_vec();
    registry.fault(On::method("POST"), Fault::Answer { status: 403, headers: Vec::new(), body });
    let said = bench.bad(&format!("push MODEL {}/org/m:v1", registry.host()), "E-DENIED", 12);
    assert!(said.stderr.contains(r"DENIED (\u{1b}[2Jno \u{202e} writing)"), "{said:?}");
    registry.clear_faults();
    registry.fault(On::any(), Fault::html(200));
    bench.bad(&format!("pull {}/org/m:v1 OUT --key k.pub", registry.host()), "E-REGISTRY", 11);
}

#[test]
fn what_exists_is_no_registry() {
    let bench = Bench::with_signed_model();
    bench.write("v1.0/model/config.json", b"{}");
    let value = bench.run("diff v1.0/model MODEL --offline --json").json();
    assert_eq!(value["result"]["a"]["hashed"], true, "{value}");
    bench.bad("diff v1.0/none MODEL --offline", "E-USAGE", 2);
    bench.bad("push MODEL ./v1.0/model", "E-REFERENCE", 2);
}

#[test]
fn a_push_that_was_killed_goes_on_where_it_was() {
    const SIZE: usize = 24 << 20;
    let registry = Registry::start();
    let bench = Bench::new();
    bench.key("k");
    bench.write("MODEL/model.safetensors", &lacre_testkit::noise(1, SIZE));
    bench.good("sign MODEL --key k.key --name m");
    // The connection breaks, and the question how far it came is never answered: there it is killed.
    registry.fault(On::method("PUT").at("/blobs/uploads/"), Fault::CutRequest { after: 16 << 20 });
    registry.fault(On::method("GET").at("/blobs/uploads/"), Fault::Silence);
    let line = format!("push MODEL {}/org/m:v1", registry.host());
    let mut child = bench.command().args(line.split(' ')).spawn().unwrap();
    while registry.seen_at("GET", "/blobs/uploads/").is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    registry.clear_faults();
    registry.settle();
    let before: u64 = registry.received();
    bench.good(&line);
    let after = registry.received() - before;
    assert!(after < (9 << 20), "{after} bytes went again");
    assert_eq!(registry.open_uploads(), 0);
    bench.good(&format!("pull {}/org/m:v1 OUT --key k.pub", registry.host()));
    assert_eq!(std::fs::read_dir(bench.cache().join("lacre/uploads")).unwrap().count(), 0);
}

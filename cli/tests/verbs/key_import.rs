//! `lacre key import`: keys of openssl, ssh-keygen and cosign become a pair of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::bench::{Bench, Said};
use crate::programs::{cosign, found, run, ssh_keygen};

const SSH: [(&str, &str, &str); 4] = [
    ("ecdsa", "256", "ecdsa-p256"),
    ("ecdsa", "384", "ecdsa-p384"),
    ("ecdsa", "521", "ecdsa-p521"),
    ("ed25519", "256", "ed25519"),
];

/// A bench with a model, and passphrases in `old` and `new`.
fn bench() -> Bench {
    let bench = Bench::with_model_and_key();
    bench.write("old", b"open sesame\n");
    bench.write("new", b"close sesame\n");
    bench
}

#[test]
fn a_key_of_ssh_keygen_signs_as_it_is_and_imported() {
    if !found("ssh-keygen") {
        return;
    }
    let bench = bench();
    for (kind, bits, algorithm) in SSH {
        for secret in ["", "open sesame"] {
            let name = format!("id_{algorithm}_{}", secret.len());
            ssh_keygen(&bench, &name, (kind, bits), secret);
            let value = bench
                .good(&format!(
                    "key import {name} {name}-new --passphrase-file old --new-passphrase-file new --json"
                ))
                .json();
            let result = &value["result"];
            assert_eq!(value["command"], "key import");
            assert_eq!(result["algorithm"], algorithm);
            assert_eq!((&result["format"], &result["encrypted"]), (&"pkcs8".into(), &true.into()));
            assert_eq!(result["source"]["format"], "openssh");
            assert_eq!(result["source"]["encrypted"], !secret.is_empty());
            let text = String::from_utf8(bench.read(&format!("{name}-new.key"))).unwrap();
            assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
            let mode = fs::metadata(bench.path(&format!("{name}-new.key"))).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);

            // Each signs what the public key of the other verifies, ssh-keygen's own line included.
            for (key, passphrase) in [(name.clone(), "old"), (format!("{name}-new.key"), "new")] {
                bench
                    .good(&format!("sign MODEL --key {key} --passphrase-file {passphrase} --name m --force"));
                bench.good(&format!("verify MODEL --key {name}.pub"));
                bench.good(&format!("verify MODEL --key {name}-new.pub"));
                bench.bad("verify MODEL --key k.pub", "E-SIGNER-UNTRUSTED", 5);
            }
        }
    }
}

#[test]
fn a_key_of_openssl_in_sec1_is_imported() {
    if !found("openssl") {
        return;
    }
    let bench = bench();
    run(&bench, "openssl", &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem"], "");
    run(&bench, "openssl", &["ec", "-in", "ec.pem", "-pubout", "-out", "ec.pub"], "");
    let said = bench.good("key import ec.pem release --no-passphrase");
    assert!(said.stdout.contains("from       ec.pem (sec1), which stays as it is"), "{said:?}");
    said.says("warning: release.key is not encrypted");
    assert_eq!(bench.read("release.pub"), bench.read("ec.pub"));
    let shown = run(&bench, "openssl", &["pkey", "-in", "release.key", "-pubout"], "");
    assert_eq!(shown.as_bytes(), bench.read("ec.pub"));
}

#[test]
fn keys_travel_to_cosign_and_back() {
    let Some(program) = cosign() else { return };
    let bench = bench();
    let none = ["--no-default-fulcio", "--no-default-rekor", "--no-default-tsa"];
    let config = [&["signing-config", "create", "--no-default-oidc", "--out", "sc.json"], &none[..]].concat();
    run(&bench, &program, &config, "");
    let root = [&["trusted-root", "create", "--no-default-ctfe", "--out", "tr.json"], &none[..]].concat();
    run(&bench, &program, &root, "");
    // One that is made in cosign's form, one that was imported into it.
    bench.good("key new made --format cosign --passphrase-file old");
    let value =
        bench.good("key import k.key imported --format cosign --new-passphrase-file old --json").json();
    assert_eq!(value["result"]["format"], "cosign");
    for name in ["made", "imported"] {
        let key = String::from_utf8(bench.read(&format!("{name}.key"))).unwrap();
        assert!(key.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"), "{key}");
        let line = format!(
            "sign-blob -y --key {name}.key --signing-config sc.json --trusted-root tr.json --bundle b MODEL/config.json"
        );
        run(&bench, &program, &line.split(' ').collect::<Vec<_>>(), "open sesame");
        let line = format!(
            "verify-blob --key {name}.pub --trusted-root tr.json --insecure-ignore-tlog=true --bundle b MODEL/config.json"
        );
        run(&bench, &program, &line.split(' ').collect::<Vec<_>>(), "");
        bench.good(&format!("sign MODEL --key {name}.key --passphrase-file old --name m --force"));
        bench.good(&format!("verify MODEL --key {name}.pub"));
    }
    // And keys that cosign made; the one with an empty passphrase asks for none.
    for (name, secret, flag) in [("theirs", "open sesame", " --passphrase-file old"), ("open", "", "")] {
        run(&bench, &program, &["generate-key-pair", "--output-key-prefix", name], secret);
        bench.good(&format!("sign MODEL --key {name}.key --name m --force{flag}"));
        bench.good(&format!("verify MODEL --key {name}.pub"));
        bench.good(&format!("key import {name}.key {name}-new --new-passphrase-file new{flag}"));
        assert_eq!(bench.read(&format!("{name}-new.pub")), bench.read(&format!("{name}.pub")));
    }
}

#[test]
fn old_and_new_passphrase_have_sources_of_their_own() {
    let bench = bench();
    bench.good("key new locked --passphrase-file old");
    let import = |name: &str, env: &[(&str, &str)], more: &[&str]| {
        let mut command = bench.command();
        command.args(["key", "import", "locked.key", name]).args(more).envs(env.iter().copied());
        Said::of(&mut command)
    };
    let both = [("LACRE_PASSPHRASE", "open sesame"), ("LACRE_NEW_PASSPHRASE", "close sesame")];
    assert_eq!(import("a", &both, &[]).exit, Some(0));
    bench.good("sign MODEL --key a.key --passphrase-file new --name m --force");
    // The old one is never taken for the new one.
    import("b", &both[..1], &[]).refuses("E-PASSPHRASE", 12);
    import("b", &both[1..], &[]).refuses("E-PASSPHRASE", 12);
    import("b", &both[1..], &["--passphrase-file", "new"]).refuses("E-PASSPHRASE", 12);
    assert_eq!(import("b", &both[..1], &["--new-passphrase-file", "new"]).exit, Some(0));
    assert_eq!(import("c", &both[..1], &["--no-passphrase"]).exit, Some(0));
    let said = bench.bad("key import locked.key d", "E-PASSPHRASE", 12);
    said.says("hint: give the old passphrase with --passphrase-file FILE");
    assert!(said.stderr.contains("LACRE_NEW_PASSPHRASE"), "{said:?}");
    let one_stdin = "key import locked.key d --passphrase-file - --new-passphrase-file -";
    bench.bad(one_stdin, "E-USAGE", 2);
    bench.bad("key import locked.key d --no-passphrase --new-passphrase-file new", "E-USAGE", 2);
    assert!(!bench.path("d.key").exists() && !bench.path("d.pub").exists());
}

#[test]
fn nothing_is_overwritten_and_the_old_file_stays() {
    let bench = bench();
    let old = bench.read("k.key");
    for taken in ["n.key", "n.pub"] {
        bench.write(taken, b"mine");
        for force in ["", " --force"] {
            let said = bench.bad(&format!("key import k.key n --no-passphrase{force}"), "E-EXISTS", 10);
            assert!(said.stderr.contains("never"), "{said:?}");
        }
        assert_eq!(bench.read(taken), b"mine");
        fs::remove_file(bench.path(taken)).unwrap();
    }
    bench.bad("key import k.key k --no-passphrase", "E-EXISTS", 10);
    bench.good("key import k.key n --no-passphrase");
    assert_eq!(bench.read("k.key"), old);
    assert_eq!(bench.read("n.pub"), bench.read("k.pub"));
}

#[test]
fn a_dry_run_reads_and_writes_nothing() {
    let bench = bench();
    bench.good("key new locked --passphrase-file old");
    let names = bench.names("");
    let value = bench.good("key import k.key n --dry-run --json").json();
    assert_eq!(value["result"]["algorithm"], "ecdsa-p256");
    assert_eq!(value["result"]["dry_run"], true);
    let value = bench.good("key import locked.key n --dry-run --json").json();
    assert!(value["result"]["algorithm"].is_null(), "what is encrypted is not known");
    assert_eq!(bench.names(""), names);
    bench.bad("key import k.pub n --dry-run", "E-KEY", 13);
}

#[test]
fn cosigns_form_is_refused_where_it_is_of_no_use() {
    let bench = bench();
    let said = bench.bad("key new c --format cosign --no-passphrase", "E-USAGE", 2);
    assert!(said.stderr.contains("without encryption"), "{said:?}");
    bench.bad("key import k.key c --format cosign --no-passphrase", "E-USAGE", 2);
    bench.bad("key new c --format cosign --algorithm ed25519 --passphrase-file old", "E-USAGE", 2);
    bench.good("key new e --algorithm ed25519 --passphrase-file old");
    bench.bad(
        "key import e.key c --format cosign --passphrase-file old --new-passphrase-file new",
        "E-USAGE",
        2,
    );
    bench.bad("key new c --format jwk", "E-USAGE", 2);
    assert!(!bench.path("c.key").exists());
    let said = bench.good("key new c --format cosign --algorithm ecdsa-p384 --passphrase-file old");
    said.says("warning: cosign signs with ecdsa-p384 keys and does not verify with them");
}

#[test]
fn what_is_secret_is_never_printed() {
    let bench = bench();
    let secret = String::from_utf8(bench.read("k.key")).unwrap();
    // The base64 of the file, in which the secret is.
    let body: Vec<_> = secret.lines().filter(|line| !line.starts_with('-')).collect();
    for line in [
        "key import k.key n --verbose --json --new-passphrase-file new",
        "key import k.key m --verbose --no-passphrase",
        "key show k.key --verbose",
        "key show k.key --json",
        "key show n.key --passphrase-file new",
    ] {
        let said = bench.good(line);
        for shown in [&said.stdout, &said.stderr] {
            assert!(!body.iter().any(|part| shown.contains(&part[..20])), "{line}: {said:?}");
            assert!(!shown.contains("PRIVATE KEY") && !shown.contains("close sesame"), "{line}: {said:?}");
        }
    }
    for line in
        ["key show n.key --passphrase-file old", "key import n.key o --passphrase-file old --no-passphrase"]
    {
        let said = bench.bad(line, "E-PASSPHRASE", 12);
        assert!(!said.stderr.contains("sesame"), "{said:?}");
    }
}

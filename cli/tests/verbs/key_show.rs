//! `lacre key show`: the public half of any key file, and by which names others know it.

use lacre_hash::Sha256Digest;
use serde_json::Value;

use crate::bench::Bench;
use crate::programs::{cosign, found, run, ssh_keygen};

fn show(bench: &Bench, line: &str) -> Value {
    let value = bench.good(&format!("key show {line} --json")).json();
    assert_eq!(value["command"], "key show");
    value["result"].clone()
}

fn said_of(result: &Value) -> (&str, &str, &Value) {
    (result["kind"].as_str().unwrap(), result["format"].as_str().unwrap(), &result["encrypted"])
}

#[test]
fn hints_and_fingerprint_are_those_of_the_programs() {
    if !found("ssh-keygen") || !found("openssl") {
        return;
    }
    let bench = Bench::new();
    for (kind, bits, algorithm) in [("ecdsa", "521", "ecdsa-p521"), ("ed25519", "256", "ed25519")] {
        ssh_keygen(&bench, algorithm, (kind, bits), "");
        let result = show(&bench, algorithm);
        assert_eq!(said_of(&result), ("private", "openssh", &false.into()));
        assert_eq!(result["algorithm"], algorithm);
        // The OMS hint is the digest of the PEM text, cosign's that of the DER.
        let pem = result["pem"].as_str().unwrap();
        assert_eq!(result["hint"], Sha256Digest::of(pem.as_bytes()).to_string());
        bench.write("shown.pem", pem.as_bytes());
        run(
            &bench,
            "openssl",
            &["pkey", "-pubin", "-in", "shown.pem", "-outform", "DER", "-out", "shown.der"],
            "",
        );
        run(&bench, "openssl", &["dgst", "-sha256", "-binary", "-out", "digest", "shown.der"], "");
        let base64 = run(&bench, "openssl", &["base64", "-in", "digest"], "");
        assert_eq!(result["cosign_hint"], base64.trim());
        let shown = run(&bench, "ssh-keygen", &["-l", "-f", &format!("{algorithm}.pub")], "");
        assert!(shown.contains(result["ssh_fingerprint"].as_str().unwrap()), "{shown}");
        // All of it is of the key, not of the file.
        let of_public = show(&bench, &format!("{algorithm}.pub"));
        assert_eq!(said_of(&of_public), ("public", "openssh", &Value::Null));
        let of_pem = show(&bench, "shown.pem");
        assert_eq!(said_of(&of_pem), ("public", "pem", &Value::Null));
        for name in ["algorithm", "cosign_hint", "hint", "pem", "ssh_fingerprint"] {
            assert_eq!(of_public[name], result[name]);
            assert_eq!(of_pem[name], result[name]);
        }
    }
}

#[test]
fn a_passphrase_is_asked_for_only_where_it_is_needed() {
    if !found("ssh-keygen") {
        return;
    }
    let bench = Bench::new();
    bench.write("pass", b"open sesame\n");
    bench.write("wrong", b"shut\n");
    // Without a terminal, a question would be a refusal.
    ssh_keygen(&bench, "id", ("ed25519", "256"), "open sesame");
    assert_eq!(said_of(&show(&bench, "id")), ("private", "openssh", &true.into()));
    bench.good("key new plain --no-passphrase");
    assert_eq!(said_of(&show(&bench, "plain.key")), ("private", "pkcs8", &false.into()));
    for format in ["pkcs8", "cosign"] {
        bench.good(&format!("key new {format} --format {format} --passphrase-file pass"));
        bench.bad(&format!("key show {format}.key"), "E-PASSPHRASE", 12);
        bench.bad(&format!("key show {format}.key --passphrase-file wrong"), "E-PASSPHRASE", 12);
        let result = show(&bench, &format!("{format}.key --passphrase-file pass"));
        assert_eq!(said_of(&result), ("private", format, &true.into()));
        assert_eq!(result["pem"].as_str().unwrap().as_bytes(), bench.read(&format!("{format}.pub")));
    }
}

#[test]
fn a_key_of_cosign_with_an_empty_passphrase_is_told_as_open() {
    let Some(program) = cosign() else { return };
    let bench = Bench::new();
    run(&bench, &program, &["generate-key-pair"], "");
    let result = show(&bench, "cosign.key");
    assert_eq!(said_of(&result), ("private", "cosign", &false.into()));
    let said = bench.good("key show cosign.key");
    assert!(said.stdout.contains("EMPTY passphrase: whoever reads it can sign"), "{said:?}");
    assert!(said.stdout.contains(&String::from_utf8(bench.read("cosign.pub")).unwrap()), "{said:?}");
}

//! Key files that are of another kind, damaged, or made to exhaust.

use std::fs;
use std::path::PathBuf;

use crate::place::Place;

/// A place whose model is not signed yet.
fn place() -> Place {
    let place = Place::sample();
    fs::remove_file(place.sealed.signature_path()).unwrap();
    place
}

fn write(place: &Place, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = place.beside(name);
    fs::write(&path, text).unwrap();
    path
}

/// Refused as a key to sign with, to import and to show; nothing is written.
fn is_refused(place: &Place, name: &str, exit: i32, code: &str) -> String {
    place.refuses(&format!("key import {name} fresh --no-passphrase"), exit, code);
    place.refuses(&format!("key show {name}"), exit, code);
    let said = place.refuses(&format!("sign model --key {name} --name m"), exit, code);
    assert!(!place.beside("fresh.key").exists() && !place.beside("fresh.pub").exists());
    assert!(!place.sealed.signature_path().exists());
    said
}

/// An RSA key of `ssh-keygen`, cut short behind its public half: what it is stands in front.
const OPENSSH_RSA: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAACwAAAAdzc2gtcn
NhAAAAAA==
-----END OPENSSH PRIVATE KEY-----
";

/// An OpenSSH key that wants 1 000 000 rounds of bcrypt.
const OPENSSH_ROUNDS: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAHBwcHBw
cHBwcHBwcHBwcHAA9CQAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+
08lkBzoO4XLz2qYjJa8CGmj3B1EaAAAAEAAAAAAAAAAAAAAAAAAAAAA=
-----END OPENSSH PRIVATE KEY-----
";

/// A box of cosign that wants N = 2³⁰.
const COSIGN_N: &str = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjoxMDczNzQxODI0
LCJyIjo4LCJwIjoxfSwic2FsdCI6IkFBQUEifSwiY2lwaGVyIjp7Im5hbWUiOiJu
YWNsL3NlY3JldGJveCIsIm5vbmNlIjoiQUFBQSJ9LCJjaXBoZXJ0ZXh0IjoiQUFB
QSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";

#[test]
fn keys_of_another_algorithm() {
    let place = place();
    write(&place, "rsa", OPENSSH_RSA);
    let said = is_refused(&place, "rsa", 13, "E-UNSUPPORTED");
    assert!(said.contains("RSA") && said.contains("ecdsa-p256"), "{said}");
    write(&place, "rsa.pem", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");
    is_refused(&place, "rsa.pem", 13, "E-UNSUPPORTED");
}

#[test]
fn keys_that_ask_for_too_much_work() {
    let place = place();
    for (name, text, shown) in
        [("rounds", OPENSSH_ROUNDS, "bcrypt rounds 1000000"), ("n", COSIGN_N, "scrypt N 1073741824")]
    {
        write(&place, name, text);
        let said = is_refused(&place, name, 13, "E-LIMIT");
        assert!(said.contains(shown) && said.contains("write it anew"), "{said}");
    }
    write(&place, "long", "-----BEGIN PRIVATE KEY-----\n".repeat(3000));
    is_refused(&place, "long", 13, "E-LIMIT");
}

#[test]
fn keys_that_can_be_converted() {
    let place = place();
    let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
    write(&place, "it's old", text);
    let said =
        place.refuses_args(&["sign", "model", "--key", "it's old", "--name", "m"], 13, "E-UNSUPPORTED");
    assert!(said.contains(r"openssl pkcs8 -topk8 -in 'it'\''s old' -out NEW"), "{said}");
    write(&place, "old", text);
    is_refused(&place, "old", 13, "E-UNSUPPORTED");
    // What DER holds is told as a private key only where one is wanted.
    write(&place, "der", [0x30, 0x03, 0x02, 0x01, 0x00]);
    let said = place.refuses("sign model --key der --name m", 13, "E-UNSUPPORTED");
    assert!(said.contains("-inform DER"), "{said}");
}

#[test]
fn keys_that_are_damaged() {
    let place = place();
    let damaged = |text: &str| text.replacen("AAAA", "AA_A", 1);
    let pkcs8 = fs::read_to_string(place.beside("release.key")).unwrap();
    for (name, text) in [
        ("rounds", damaged(OPENSSH_ROUNDS)),
        ("n", COSIGN_N.replacen("eyJ", "eyK", 1)),
        ("label", COSIGN_N.replace("SIGSTORE", "COSIGN").replacen("eyJ", "eyK", 1)),
        ("other", pkcs8.replace("PRIVATE KEY", "OPENSSH PRIVATE KEY")),
        ("sec1", pkcs8.replace("PRIVATE KEY", "EC PRIVATE KEY")),
        ("two", pkcs8.repeat(2)),
        ("half", pkcs8[..pkcs8.len() / 2].to_owned()),
    ] {
        write(&place, name, text);
        is_refused(&place, name, 13, "E-KEY");
    }
}

#[test]
fn public_keys_that_are_something_else() {
    let place = Place::sample();
    write(&place, "ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let said = place.refuses("verify model --key ca.pem", 13, "E-KEY");
    assert!(said.contains("certificate") && said.contains("--ca"), "{said}");
    write(&place, "ssh", OPENSSH_ROUNDS);
    let said = place.refuses("verify model --key ssh", 13, "E-KEY");
    assert!(said.contains("private key"), "{said}");
    for (name, text) in [
        ("rsa.pub", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE= me"),
        ("cert.pub", "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQ= me"),
        ("sk.pub", "sk-ssh-ed25519@openssh.com AAAAGnNr me"),
        ("cut.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICG/bFN+zkMD9f3o9lSL7TwW6se9E90H me"),
        ("name.pub", "ssh-ed25519"),
        (
            "options.pub",
            "restrict ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICG/bFN+zkMD9f3o9lSL7TwW6se9E90Htw5MYm3CchKX",
        ),
    ] {
        write(&place, name, text);
        place.refuses(&format!("verify model --key {name}"), 13, "E-KEY");
        place.refuses(&format!("key show {name}"), 13, "E-KEY");
    }
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICG/bFN+zkMD9f3o9lSL7TwW6se9E90Htw5MYm3CchKX\n";
    write(&place, "good.pub", line);
    place.refuses("verify model --key good.pub", 5, "E-SIGNER-UNTRUSTED");
    write(&place, "two.pub", line.repeat(2));
    place.refuses("verify model --key two.pub", 13, "E-KEY");
}

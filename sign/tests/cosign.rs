//! cosign's private keys: those of the program itself, and boxes that it would never write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[allow(dead_code, reason = "what it makes for other tests")]
mod der;
#[allow(dead_code, reason = "what it does for other tests")]
mod programs;

use std::path::PathBuf;

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_sign::{
    FileKey, KeyFile, KeyFormat, Protection, SignError, read_private_key, write_cosign_key_pair,
};
use lacre_testkit::places::Peer;
use programs::{Place, open, passphrase, signs};

const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
const SECRET: &str = "pässphrase with spaces ";

fn cosign() -> Option<(PathBuf, Place)> {
    let program = Peer::Cosign.find()?;
    Some((program, Place::with(&["openssl"])?))
}

/// Has cosign ask nobody.
fn offline(place: &Place, program: &PathBuf) {
    let none = ["--no-default-fulcio", "--no-default-rekor", "--no-default-tsa"];
    let root = [&["trusted-root", "create", "--no-default-ctfe", "--out", "tr.json"], &none[..]].concat();
    place.run(program, &root, &[]);
    let config = [&["signing-config", "create", "--no-default-oidc", "--out", "sc.json"], &none[..]].concat();
    place.run(program, &config, &[]);
}

#[test]
fn keys_of_cosign_sign_and_openssl_verifies() {
    let Some((program, place)) = cosign() else { return };
    for (name, secret) in [("locked", SECRET), ("empty", "")] {
        place.run(
            &program,
            &["generate-key-pair", "--output-key-prefix", name],
            &[("COSIGN_PASSWORD", secret)],
        );
        let path = place.path(&format!("{name}.key"));
        let file = KeyFile::read(&path).unwrap();
        assert_eq!((file.format(), file.is_encrypted()), (KeyFormat::Cosign, true));
        assert_eq!(file.public_key(), None);
        let opened = open(&path, (!secret.is_empty()).then_some(secret)).unwrap();
        let expected = if secret.is_empty() { Protection::EmptyPassphrase } else { Protection::Passphrase };
        assert_eq!(opened.protection, expected);
        let public = PublicKey::from_pem(&place.text(&format!("{name}.pub"))).unwrap();
        assert_eq!(opened.key.public_key(), &public);
        signs(&place, &opened.key);

        // The label that cosign wrote before version 2.
        let older = place.text(&format!("{name}.key")).replace("SIGSTORE", "COSIGN");
        let opened = open(&place.write("older.key", older), (!secret.is_empty()).then_some(secret)).unwrap();
        assert_eq!(opened.key.public_key(), &public);
    }
    for wrong in ["", "pässphrase with spaces"] {
        let outcome = read_private_key(&place.path("locked.key"), &mut || {
            Ok((!wrong.is_empty()).then(|| passphrase(wrong)))
        });
        assert_eq!(outcome.unwrap_err().code(), "E-PASSPHRASE");
    }
}

#[test]
fn keys_that_cosign_imported_are_read_as_what_they_are() {
    let Some((program, place)) = cosign() else { return };
    let env = [("COSIGN_PASSWORD", SECRET)];
    for (name, options, outcome) in [
        ("p384", "EC -pkeyopt ec_paramgen_curve:P-384", Ok(KeyAlgorithm::EcdsaP384)),
        ("ed25519", "ED25519", Ok(KeyAlgorithm::Ed25519)),
        ("rsa", "RSA -pkeyopt rsa_keygen_bits:2048", Err("an RSA key")),
    ] {
        let line = format!("genpkey -algorithm {options} -out {name}.pem");
        place.run("openssl", &line.split(' ').collect::<Vec<_>>(), &[]);
        let line = format!("import-key-pair --key {name}.pem --output-key-prefix {name}");
        place.run(&program, &line.split(' ').collect::<Vec<_>>(), &env);
        match (open(&place.path(&format!("{name}.key")), Some(SECRET)), outcome) {
            (Ok(opened), Ok(algorithm)) => assert_eq!(opened.key.algorithm(), algorithm),
            (Err(error), Err(shown)) => {
                assert_eq!(error.code(), "E-UNSUPPORTED");
                assert!(error.to_string().contains(shown), "{error}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn cosign_signs_with_our_key_and_each_side_verifies_the_other() {
    let Some((program, place)) = cosign() else { return };
    offline(&place, &program);
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let pair = (place.path("k.key"), place.path("k.pub"));
    write_cosign_key_pair((&pair.0, &pair.1), &key, &passphrase(SECRET)).unwrap();
    place.write("blob", "a message");
    let sign =
        "sign-blob -y --key k.key --signing-config sc.json --trusted-root tr.json --bundle blob.json blob";
    let sign: Vec<&str> = sign.split(' ').collect();
    place.run(&program, &sign, &[("COSIGN_PASSWORD", SECRET)]);
    let verify =
        "verify-blob --key k.pub --trusted-root tr.json --insecure-ignore-tlog=true --bundle blob.json blob";
    let verify: Vec<&str> = verify.split(' ').collect();
    place.run(&program, &verify, &[]);
    let refused = place.try_run(&program, &sign, &[("COSIGN_PASSWORD", "another")]);
    assert!(!refused.status.success());

    // The signature that cosign made, by our own check; and ours, by openssl.
    let bundle = place.text("blob.json");
    let signature = bundle.split("\"signature\":").nth(1).unwrap().split('"').nth(1).unwrap();
    place.write("signature.b64", signature);
    place.run("openssl", &["base64", "-d", "-A", "-in", "signature.b64", "-out", "signature"], &[]);
    let signature = std::fs::read(place.path("signature")).unwrap();
    key.public_key().verify(b"a message", &signature).unwrap();
    signs(&place, &open(&pair.0, Some(SECRET)).unwrap().key);
}

#[test]
fn what_is_written_is_read_back() {
    let Some(place) = Place::with(&[]) else { return };
    for algorithm in KeyAlgorithm::ALL {
        let key = FileKey::generate(algorithm).unwrap();
        let pair = (place.path(&format!("{algorithm}.key")), place.path(&format!("{algorithm}.pub")));
        write_cosign_key_pair((&pair.0, &pair.1), &key, &passphrase(SECRET)).unwrap();
        let opened = open(&pair.0, Some(SECRET)).unwrap();
        assert_eq!(opened.exposed_mode, None);
        assert_eq!(opened.key.public_key(), key.public_key());
        assert_eq!(std::fs::read_to_string(&pair.1).unwrap(), key.public_key().to_pem());
        let error = write_cosign_key_pair((&pair.0, &pair.1), &key, &passphrase(SECRET)).unwrap_err();
        assert_eq!(error.code(), "E-EXISTS");
    }
}

/// What cosign 3.1 wrote under the passphrase "secret": its form, fixed where the program is missing.
const WRITTEN: &str = r#"{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":"ar/yTnoBPfzjO46t8dZOtKGpRGpUtETo+qi7kG9zjP4="},"cipher":{"name":"nacl/secretbox","nonce":"kU/GDdtF4QGRdBcrztMDtnW7VPdP+cK6"},"ciphertext":"AJH+L/+fvnDiDP5lgw/VtE1bcjeH944wniR8M04jKrIIiUaJZ1MBo3CW3HtGW8BWgniys/VyP9kPqsKVeTS3xtRmEeNeIPgP3KPY9p+Z/DGD/U/+hJNQbz3xWpMDzM0ThtGKisohuSeNkkU1jYaVvkO4U2DgqlNnRJwvlmia7a+smOBXsXej9ZbQAI3VGO7D90M6X/HHUwT+FQ=="}"#;

/// `WRITTEN` with one part replaced, in a file.
fn with(place: &Place, part: &str, replacement: &str) -> PathBuf {
    assert_eq!(WRITTEN.matches(part).count(), 1, "{part}");
    place.write("k.key", der::pem(LABEL, WRITTEN.replace(part, replacement).as_bytes()))
}

fn refused(path: &std::path::Path) -> SignError {
    read_private_key(path, &mut || panic!("asked for a passphrase before it was refused")).unwrap_err()
}

#[test]
fn a_box_that_cosign_wrote_opens() {
    let Some(place) = Place::with(&[]) else { return };
    let opened = open(&with(&place, "scrypt", "scrypt"), Some("secret")).unwrap();
    assert_eq!(opened.key.algorithm(), KeyAlgorithm::EcdsaP256);
    assert_eq!(open(&place.path("k.key"), Some("Secret")).unwrap_err().code(), "E-PASSPHRASE");
}

#[test]
fn costs_above_the_limits_are_refused_before_the_passphrase_is_asked_for() {
    let Some(place) = Place::with(&[]) else { return };
    for (part, replacement) in [
        ("\"N\":65536", "\"N\":262144"),
        ("\"N\":65536", "\"N\":1073741824"),
        ("\"N\":65536", "\"N\":9223372036854775808"),
        ("\"r\":8", "\"r\":17"),
        ("\"r\":8", "\"r\":18446744073709551615"),
        ("\"p\":1", "\"p\":9"),
        ("\"p\":1", "\"p\":4294967296"),
    ] {
        assert_eq!(refused(&with(&place, part, replacement)).code(), "E-LIMIT", "{replacement}");
    }
}

#[test]
fn what_cosign_would_not_write_is_refused() {
    let Some(place) = Place::with(&[]) else { return };
    for (part, replacement, expected) in [
        ("\"N\":65536", "\"N\":0", "E-KEY"),
        ("\"N\":65536", "\"N\":65535", "E-KEY"),
        ("\"N\":65536", "\"N\":-1", "E-KEY"),
        ("\"N\":65536", "\"N\":65536.0", "E-KEY"),
        ("\"N\":65536", "\"N\":1e30", "E-KEY"),
        ("\"N\":65536", "\"N\":\"65536\"", "E-KEY"),
        ("\"r\":8", "\"r\":0", "E-KEY"),
        ("\"p\":1", "\"p\":0", "E-KEY"),
        ("\"r\":8,", "", "E-KEY"),
        ("\"r\":8,", "\"r\":8,\"r\":1,", "E-KEY"),
        ("\"r\":8,", "\"r\":8,\"x\":1,", "E-KEY"),
        ("\"kdf\":", "\"kdf\":{},\"kdf\":", "E-KEY"),
        ("\"kdf\":", "\"KDF\":", "E-KEY"),
        ("\"scrypt\"", "\"argon2id\"", "E-UNSUPPORTED"),
        ("\"nacl/secretbox\"", "\"nacl/box\"", "E-UNSUPPORTED"),
        ("kU/GDdtF4QGRdBcrztMDtnW7VPdP+cK6", "", "E-KEY"),
        ("kU/GDdtF4QGRdBcrztMDtnW7VPdP+cK6", "kU/GDdtF4QGRdBcrztMDtnW7VPdP+cK6AA==", "E-KEY"),
        ("kU/GDdtF", "kU_GDdtF", "E-KEY"),
        ("qi7kG9zjP4=", "qi7kG9zjP4", "E-KEY"),
        ("T+FQ==", "T+FR==", "E-KEY"),
        ("{\"kdf\"", "[{\"kdf\"", "E-KEY"),
    ] {
        let error = refused(&with(&place, part, replacement));
        assert_eq!(error.code(), expected, "{part} -> {replacement}: {error}");
    }
    let short = WRITTEN.split("\"ciphertext\":").next().unwrap().to_owned()
        + "\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}";
    assert_eq!(refused(&place.write("k.key", der::pem(LABEL, short.as_bytes()))).code(), "E-KEY");
    for end in 0..WRITTEN.len() {
        let path = place.write("k.key", der::pem(LABEL, &WRITTEN.as_bytes()[..end]));
        assert_eq!(refused(&path).code(), "E-KEY", "{end} bytes");
    }
    let deep = "[".repeat(20_000);
    assert_eq!(refused(&place.write("k.key", der::pem(LABEL, deep.as_bytes()))).code(), "E-KEY");
}

/// Every bit of the box is under its tag: salt, nonce and ciphertext alike.
#[test]
fn what_was_damaged_looks_like_a_wrong_passphrase() {
    let Some(place) = Place::with(&[]) else { return };
    // N is not under the tag itself; the key that it gives is.
    for (part, replacement) in [
        ("\"N\":65536", "\"N\":2"),
        ("\"p\":1", "\"p\":2"),
        ("ar/yTn", "br/yTn"),
        ("kU/GDd", "lU/GDd"),
        ("AJH+L/", "BJH+L/"),
        ("wT+FQ==", "wT+FA=="),
        ("vlmia7a", "vlmia7b"),
    ] {
        let error = open(&with(&place, part, replacement), Some("secret")).unwrap_err();
        assert!(matches!(error, SignError::Passphrase { .. }), "{replacement}: {error:?}");
    }
}

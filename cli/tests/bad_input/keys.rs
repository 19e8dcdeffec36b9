//! Whose signature it is: keys, hints, names, versions, passphrases.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lacre_attest::KeyAlgorithm;
use lacre_testkit::{Forge, ModelDir, Seal, edit_bundle};

use crate::place::{Place, Said};

/// The signed payload of the sample in a bundle that says whatever `forge` makes of it.
fn forged<'p>(place: &'p Place, forge: impl FnOnce(Forge<'p>) -> Forge<'p>) -> Vec<u8> {
    let payload = serde_json::to_vec(&place.sealed.statement()).unwrap();
    forge(Forge::new(payload, place.sealed.key())).to_json()
}

#[test]
fn the_wrong_key() {
    let place = Place::sample();
    place.other_key();
    let said = place.refuses("verify model --key other.pub", 5, "E-SIGNER-UNTRUSTED");
    assert!(said.contains(&place.sealed.public_key().hint()), "the key that was named: {said}");
    place.accepts("push model oci:store:v1");
    place.refuses("pull oci:store:v1 out --key other.pub", 5, "E-SIGNER-UNTRUSTED");
    place.refuses("pull oci:store:v1 out --key other.pub --dry-run", 5, "E-SIGNER-UNTRUSTED");
}

#[test]
fn a_hint_that_names_the_trusted_key_over_the_signature_of_another() {
    let place = Place::sample();
    let stranger = place.other_key();
    let payload = serde_json::to_vec(&place.sealed.statement()).unwrap();
    let hints = [place.sealed.public_key().hint(), place.sealed.public_key().cosign_hint()];
    for hint in hints {
        let bundle = Forge::new(&payload, stranger.key()).hint(hint).to_json();
        place.is_refused_with(&bundle, 3, "E-SIGNATURE-INVALID");
        // The signature's own key is trusted, too, and still it is not the one that is named.
        let line = "verify model --key release.pub --key other.pub";
        place.refuses(line, 3, "E-SIGNATURE-INVALID");
    }
}

#[test]
fn the_right_key_with_the_wrong_hint() {
    let place = Place::sample();
    let stranger = place.other_key();
    let sha256_of_der_in_hex = lacre_hash::Sha256Digest::of(place.sealed.public_key().to_der()).to_string();
    let hints = [
        stranger.public_key().hint(),
        stranger.public_key().cosign_hint(),
        "release".to_owned(),
        // The right digest by a convention that nobody has.
        sha256_of_der_in_hex,
        place.sealed.public_key().hint().to_uppercase(),
    ];
    for hint in hints {
        let bundle = forged(&place, |forge| forge.hint(hint));
        place.is_refused_with(&bundle, 5, "E-SIGNER-UNTRUSTED");
    }
}

#[test]
fn both_conventions_of_the_right_hint() {
    let place = Place::sample();
    for bundle in [forged(&place, |forge| forge), forged(&place, Forge::cosign_hint)] {
        place.sealed.write_bundle(&bundle);
        let value = place.accepts("verify model --key release.pub");
        assert_eq!(value["result"]["signer"]["named_by"], "hint");
        assert_eq!(value["result"]["warnings"], serde_json::json!([]));
    }
}

#[test]
fn no_hint_is_tried_and_reported() {
    let place = Place::sample();
    place.other_key();
    for bundle in [forged(&place, Forge::no_hint), forged(&place, |forge| forge.hint(""))] {
        place.sealed.write_bundle(&bundle);
        let value = place.accepts("verify model --key other.pub --key release.pub");
        assert_eq!(value["result"]["signer"]["named_by"], "nothing");
        assert_eq!(value["result"]["key_file"], "release.pub");
        let warnings = value["result"]["warnings"].as_array().unwrap();
        assert!(warnings.iter().any(|one| one.as_str().unwrap().contains("which key signed")), "{value}");
        let said = place.run("verify model --key release.pub");
        assert!(said.stderr.starts_with("warning: "), "{said:?}");
        place.refuses("verify model --key other.pub", 3, "E-SIGNATURE-INVALID");
    }
}

#[test]
fn another_kind_of_key_than_the_signature() {
    for algorithm in KeyAlgorithm::ALL {
        let place = Place::of(Seal::of(ModelDir::sample()).algorithm(algorithm).sign());
        place.accepts("verify model --key release.pub");
        let other = Place::sample();
        let hint = other.sealed.public_key().hint();
        // The hint is not signed: here it names a trusted key of another kind.
        let bundle = edit_bundle(place.sealed.bundle(), |bundle| {
            bundle["verificationMaterial"]["publicKey"]["hint"] = hint.into();
        });
        other.is_refused_with(&bundle, 3, "E-SIGNATURE-INVALID");
    }
}

#[test]
fn another_model_by_the_same_key() {
    let place = Place::sample();
    let other = Seal::of(ModelDir::new().file("a", "b")).name("org/other").version(Some("0.9"));
    let other = Place::of(other.key(place.sealed.key()).sign());
    let verify = "verify model --key release.pub";
    other.accepts(verify);
    let said = other.refuses(&format!("{verify} --expect-name org/mini-lm"), 8, "E-NAME-MISMATCH");
    assert!(said.contains("org/other") && said.contains("org/mini-lm"), "{said}");
    other.refuses(&format!("{verify} --expect-version 1.0.0"), 8, "E-VERSION-MISMATCH");
    other.accepts("push model oci:store:v1");
    let pull = "pull oci:store:v1 out --key release.pub";
    other.refuses(&format!("{pull} --expect-name org/mini-lm"), 8, "E-NAME-MISMATCH");
    other.refuses(&format!("{pull} --expect-version 1.0.0"), 8, "E-VERSION-MISMATCH");
    // Nearly the name.
    for name in ["org/Other", "org/other/", "other", "org/othe"] {
        other.refuses(&format!("{verify} --expect-name {name}"), 8, "E-NAME-MISMATCH");
    }
}

#[test]
fn the_folder_of_another_model_under_a_good_signature() {
    let place = Place::sample();
    let other = Seal::of(ModelDir::sample().file("config.json", "{\"hidden_size\": 8}\n"));
    let other = Place::of(other.key(place.sealed.key()).sign());
    other.is_refused_with(place.sealed.bundle(), 1, "E-FILE-CHANGED");
}

#[test]
fn no_version_where_one_is_demanded() {
    let place = Place::of(Seal::of(ModelDir::sample()).version(None).sign());
    place.accepts("verify model --key release.pub");
    let said = place.refuses("verify model --key release.pub --expect-version 1", 8, "E-VERSION-MISMATCH");
    assert!(said.contains("absent"), "{said}");
}

/// A place with a key that is encrypted under "right".
fn encrypted() -> Place {
    let place = Place::sample();
    fs::remove_file(place.sealed.signature_path()).unwrap();
    fs::write(place.beside("right"), "right\n").unwrap();
    fs::write(place.beside("wrong"), "wrong\n").unwrap();
    place.accepts("key new enc --passphrase-file right");
    place
}

#[test]
fn the_wrong_passphrase() {
    let place = encrypted();
    let sign = "sign model --key enc.key --name m";
    let said = place.refuses(&format!("{sign} --passphrase-file wrong"), 12, "E-PASSPHRASE");
    assert!(said.contains("enc.key") && !said.contains("wrong"), "{said}");
    place.accepts(&format!("{sign} --passphrase-file right"));
}

#[test]
fn a_passphrase_from_the_environment_and_none_at_all() {
    let place = encrypted();
    let sign = ["sign", "model", "--key", "enc.key", "--name", "m"];
    // There is no terminal to ask on.
    place.refuses_args(&sign, 12, "E-PASSPHRASE");
    let with = |passphrase: &str| Said::of(place.command().args(sign).env("LACRE_PASSPHRASE", passphrase));
    with("wrong").refuses_in_words(12, "E-PASSPHRASE");
    with("").refuses_in_words(12, "E-PASSPHRASE");
    assert!(!place.sealed.signature_path().exists());
    assert_eq!(with("right").exit, Some(0));
}

#[test]
fn a_key_file_that_others_can_read() {
    let place = Place::sample();
    let sign = "sign model --key release.key --name m --force";
    let private = |mode| {
        fs::set_permissions(place.beside("release.key"), fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o644, 0o640, 0o604] {
        private(mode);
        let said = place.run(sign);
        assert_eq!(said.exit, Some(0), "{said:?}");
        assert!(said.stderr.contains(&format!("warning: release.key is open to others (mode 0{mode:o})")));
        let warnings = place.accepts(sign)["result"]["warnings"].to_string();
        assert!(warnings.contains("open to others"), "{warnings}");
    }
    private(0o600);
    assert_eq!(place.run(sign).stderr, "");
}

/// A sound RSA key (1024 bits, `openssl genpkey`); OMS signs with elliptic curves only.
const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDcAvrsTz5sgdzDfhj9hs4O5LjW
Akdpx0JOKHNjKw6zcKSudBbZcsZhg23b3X3PjObTZBmcNJcf2wiU9yGYUyP2+HUE
+z0iR9eTcfab0+YU+3iGu0JN0s0MpCi/tnpyLCQkvlP7naVQ4LSlLRtdF4Pcns4B
IPnIj7TRIe1CGexfWwIDAQAB
-----END PUBLIC KEY-----
";

/// A sound key on a curve that OMS does not sign with (`openssl ecparam -name secp256k1`).
const SECP256K1: &str = "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAElIBiaP8PdkAufNtdqXIlfQy3L/DIk545
/DvhEIwltWC9XT2bR1gM2vo/A0hP97V1Iz5gNWyYBbXsyoI5EJ1tnQ==
-----END PUBLIC KEY-----
";

#[test]
fn keys_that_are_none() {
    let place = Place::sample();
    let pem = place.sealed.public_key().to_pem().to_owned();
    let cases = [
        ("empty", String::new()),
        ("junk", "x".to_owned()),
        ("rsa", RSA.to_owned()),
        ("secp256k1", SECP256K1.to_owned()),
        ("two", pem.repeat(2)),
    ];
    for (name, text) in cases {
        fs::write(place.beside(name), text).unwrap();
        place.refuses(&format!("verify model --key {name}"), 13, "E-KEY");
    }
    place.refuses("verify model --key release.key", 13, "E-KEY");
    place.refuses("sign model --key release.pub --name m --force", 13, "E-KEY");
    place.refuses("verify model --key gone.pub", 10, "E-NOT-FOUND");
    place.refuses("verify model", 2, "E-USAGE");
}

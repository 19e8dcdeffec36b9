//! OpenSSH's private keys: those of `ssh-keygen`, and files that it would never write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod programs;
mod ssh;

use std::path::Path;

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_sign::{FileKey, KeyFile, KeyFormat, Protection, SignError, read_private_key, write_key_pair};
use programs::{Place, open, passphrase, signs};
use ssh::{Parts, string};

const PROGRAMS: [&str; 2] = ["ssh-keygen", "openssl"];
const KINDS: [(&str, &str, KeyAlgorithm); 4] = [
    ("ecdsa", "256", KeyAlgorithm::EcdsaP256),
    ("ecdsa", "384", KeyAlgorithm::EcdsaP384),
    ("ecdsa", "521", KeyAlgorithm::EcdsaP521),
    ("ed25519", "256", KeyAlgorithm::Ed25519),
];
const CIPHERS: [&str; 9] = [
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
    "aes256-cbc",
    "aes192-cbc",
    "aes128-cbc",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
];

/// Has `ssh-keygen` make `name` and `name.pub`.
fn keygen(place: &Place, name: &str, (kind, bits): (&str, &str), secret: &str, more: &[&str]) {
    let line = ["-q", "-t", kind, "-b", bits, "-N", secret, "-C", "a comment", "-f", name];
    place.run("ssh-keygen", &[&line[..], more].concat(), &[]);
}

fn public_of(place: &Place, name: &str) -> PublicKey {
    PublicKey::from_openssh(&place.text(&format!("{name}.pub"))).unwrap()
}

fn code(path: &Path) -> &'static str {
    let refused = read_private_key(path, &mut || panic!("asked for a passphrase before it was refused"));
    refused.expect_err("a file that must be refused").code()
}

#[test]
fn keys_of_ssh_keygen_sign_and_openssl_verifies() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    for (kind, bits, algorithm) in KINDS {
        for secret in ["", "pässphrase with spaces "] {
            let name = format!("{algorithm}{}", secret.len());
            keygen(&place, &name, (kind, bits), secret, &["-a", "2"]);
            let public = public_of(&place, &name);
            let shown = place.run("ssh-keygen", &["-l", "-f", &name], &[]);
            assert!(shown.contains(&public.openssh_fingerprint()), "{shown}");

            let file = KeyFile::read(&place.path(&name)).unwrap();
            assert_eq!(file.format(), KeyFormat::OpenSsh);
            assert_eq!(file.is_encrypted(), !secret.is_empty());
            assert_eq!(file.public_key(), Some(&public), "without the passphrase, too");
            let opened = open(&place.path(&name), (!secret.is_empty()).then_some(secret)).unwrap();
            let expected = if secret.is_empty() { Protection::None } else { Protection::Passphrase };
            assert_eq!(opened.protection, expected);
            assert_eq!(opened.key.algorithm(), algorithm);
            assert_eq!(opened.key.public_key(), &public);
            signs(&place, &opened.key);
        }
    }
}

#[test]
fn every_cipher_of_ssh_keygen_opens_with_its_passphrase_and_no_other() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    for cipher in CIPHERS {
        keygen(&place, cipher, ("ed25519", "256"), "right", &["-a", "1", "-Z", cipher]);
        let opened =
            open(&place.path(cipher), Some("right")).unwrap_or_else(|error| panic!("{cipher}: {error}"));
        assert_eq!(opened.key.public_key(), &public_of(&place, cipher), "{cipher}");
        for wrong in ["Right", "right ", "x"] {
            let error = open(&place.path(cipher), Some(wrong)).unwrap_err();
            assert!(matches!(error, SignError::Passphrase { .. }), "{cipher}: {error:?}");
        }
        let error = open(&place.path(cipher), None).unwrap_err();
        assert!(matches!(error, SignError::PassphraseMissing { .. }), "{cipher}: {error:?}");
    }
    keygen(&place, "3des", ("ed25519", "256"), "right", &["-a", "1", "-Z", "3des-cbc"]);
    assert_eq!(code(&place.path("3des")), "E-UNSUPPORTED");
}

#[test]
fn keys_of_other_kinds_are_named() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    keygen(&place, "rsa", ("rsa", "2048"), "", &[]);
    keygen(&place, "locked", ("rsa", "2048"), "right", &["-a", "1"]);
    for name in ["rsa", "locked"] {
        let error = KeyFile::read(&place.path(name)).unwrap_err();
        assert_eq!(error.code(), "E-UNSUPPORTED");
        assert!(error.to_string().contains("an RSA key"), "{error}");
    }
    for (name, shown) in
        [("sk-ssh-ed25519@openssh.com", "hardware token"), ("ssh-dss", "DSA"), ("new\x1b", "new\\u{1b}")]
    {
        let path = place.write("k", Parts::plain(string(name.as_bytes()), &[1; 64]).pem());
        let error = KeyFile::read(&path).unwrap_err();
        assert_eq!(error.code(), "E-UNSUPPORTED");
        assert!(error.to_string().contains(shown), "{error}");
    }
}

#[test]
fn ssh_keygen_reads_our_keys() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    // Ed25519 in PKCS#8 is read by OpenSSH 9.6 and later only.
    for (_, _, algorithm) in &KINDS[..3] {
        for secret in [None, Some("right")] {
            let name = format!("{algorithm}{}", secret.is_some());
            let key = FileKey::generate(*algorithm).unwrap();
            let pair = (place.path(&name), place.path(&format!("{name}.pem")));
            write_key_pair((&pair.0, &pair.1), &key, secret.map(passphrase).as_ref()).unwrap();
            let line = place.run("ssh-keygen", &["-y", "-P", secret.unwrap_or(""), "-f", &name], &[]);
            assert_eq!(&PublicKey::from_openssh(&line).unwrap(), key.public_key());
        }
    }
}

/// A key whose secret begins with zeros: `ssh-keygen` writes one in 512 shorter than the curve.
#[test]
fn a_secret_that_begins_with_zeros_is_read() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    for (curve, bytes) in [("nistp256", 32_usize), ("nistp384", 48), ("nistp521", 66)] {
        for zeros in [1, 2, bytes - 1] {
            // The scalar, and the point that openssl multiplies out.
            let scalar = vec![0x5a_u8; bytes - zeros];
            let public = multiplied(&place, curve, &scalar);
            let path = place.write("k", Parts::plain(public.to_openssh_blob(), &scalar).pem());
            let opened = open(&path, None).unwrap_or_else(|error| panic!("{curve} {zeros}: {error}"));
            assert_eq!(opened.key.public_key(), &public);
            signs(&place, &opened.key);
        }
    }
}

/// The public key of a scalar, by openssl.
fn multiplied(place: &Place, curve: &str, scalar: &[u8]) -> PublicKey {
    let name = match curve {
        "nistp256" => "06082a8648ce3d030107",
        "nistp384" => "06052b81040022",
        _ => "06052b81040023",
    };
    let oid: Vec<u8> =
        (0..name.len()).step_by(2).map(|at| u8::from_str_radix(&name[at..at + 2], 16).unwrap()).collect();
    let length = match curve {
        "nistp256" => 32,
        "nistp384" => 48,
        _ => 66,
    };
    let full = [vec![0; length - scalar.len()], scalar.to_vec()].concat();
    let tlv = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let sec1 = tlv(0x30, &[tlv(2, &[1]), tlv(4, &full), tlv(0xa0, &oid)].concat());
    place.write("sec1.der", sec1);
    place.run("openssl", &["ec", "-inform", "DER", "-in", "sec1.der", "-pubout", "-out", "sec1.pub"], &[]);
    PublicKey::from_pem(&place.text("sec1.pub")).unwrap()
}

/// A sound Ed25519 file: the seed of RFC 8032, section 7.1, test 1, and its public key.
fn ed25519() -> Parts {
    let seed = *b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
    let point = *b"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
    let public = [string(b"ssh-ed25519"), string(&point)].concat();
    Parts::plain(public, &[seed, point].concat())
}

#[test]
fn costs_above_the_limit_are_refused_before_the_passphrase_is_asked_for() {
    let Some(place) = Place::with(&[]) else { return };
    let locked = |rounds| Parts {
        cipher: "aes256-ctr",
        kdf: "bcrypt",
        options: ssh::bcrypt(&[7; 16], rounds),
        ..ed25519()
    };
    // A whole number of blocks of 16.
    let whole = |parts: Parts| Parts { padding: vec![0; parts.padding.len() + 8], ..parts };
    let write = |rounds| {
        let parts = locked(rounds);
        let fits =
            (8 + parts.inside.len() + parts.secret.len() + 11 + parts.padding.len()).is_multiple_of(16);
        place.write("k", if fits { parts.pem() } else { whole(parts).pem() })
    };
    for rounds in [1025, 1_000_000, u32::MAX] {
        let error = read_private_key(&write(rounds), &mut || panic!("asked")).unwrap_err();
        assert!(
            matches!(error, SignError::KdfLimit { value, .. } if value == u64::from(rounds)),
            "{error:?}"
        );
        assert_eq!(error.code(), "E-LIMIT");
    }
    assert_eq!(code(&write(0)), "E-KEY");
    // At the limit, the passphrase is asked for: nothing is left to refuse.
    let error = read_private_key(&write(1024), &mut || Ok(None)).unwrap_err();
    assert!(matches!(error, SignError::PassphraseMissing { .. }), "{error:?}");
}

#[test]
fn what_ssh_keygen_would_not_write_is_refused() {
    let Some(place) = Place::with(&[]) else { return };
    let sound = ed25519();
    assert!(open(&place.write("k", sound.pem()), None).is_ok());
    let bcrypt = ssh::bcrypt(&[7; 16], 16);
    let other = Parts::plain(sound.public.clone(), &[1; 64]);
    let cases: Vec<(&str, &str, Parts)> = vec![
        ("no key", "E-KEY", Parts { count: 0, ..sound.clone() }),
        ("two keys", "E-KEY", Parts { count: 2, ..sound.clone() }),
        ("other check numbers", "E-KEY", Parts { checks: [1, 2], ..sound.clone() }),
        ("another public half inside", "E-KEY", Parts { inside: string(b"ssh-ed25519"), ..sound.clone() }),
        ("the secret of another key", "E-KEY", Parts { secret: other.secret, ..sound.clone() }),
        (
            "the seed of another key beside the right public half",
            "E-KEY",
            Parts { secret: string(&[&[1; 32], &sound.public[19..]].concat()), ..sound.clone() },
        ),
        ("a short secret", "E-KEY", Parts { secret: string(&[1; 63]), ..sound.clone() }),
        (
            "no end of padding",
            "E-KEY",
            Parts { padding: (1..=254).chain([255, 0]).collect(), ..sound.clone() },
        ),
        ("wrong padding", "E-KEY", Parts { padding: vec![1, 2, 4], ..sound.clone() }),
        ("bytes behind", "E-KEY", Parts { behind: vec![0], ..sound.clone() }),
        ("options without a derivation", "E-KEY", Parts { options: bcrypt.clone(), ..sound.clone() }),
        ("a cipher without a derivation", "E-KEY", Parts { cipher: "aes256-ctr", ..sound.clone() }),
        (
            "a derivation without a cipher",
            "E-KEY",
            Parts { kdf: "bcrypt", options: bcrypt.clone(), ..sound.clone() },
        ),
        (
            "a derivation that nobody knows",
            "E-UNSUPPORTED",
            Parts { cipher: "aes256-ctr", kdf: "argon2", options: bcrypt.clone(), ..sound.clone() },
        ),
        (
            "a cipher that nobody knows",
            "E-UNSUPPORTED",
            Parts { cipher: "rot13", kdf: "bcrypt", options: bcrypt.clone(), ..sound.clone() },
        ),
        (
            "an empty salt",
            "E-KEY",
            Parts { cipher: "aes256-ctr", kdf: "bcrypt", options: ssh::bcrypt(&[], 16), ..sound.clone() },
        ),
        (
            "options with more in them",
            "E-KEY",
            Parts {
                cipher: "aes256-ctr",
                kdf: "bcrypt",
                options: [bcrypt.clone(), vec![0]].concat(),
                ..sound.clone()
            },
        ),
        (
            "no tag where the cipher has one",
            "E-KEY",
            Parts {
                cipher: "aes256-gcm@openssh.com",
                kdf: "bcrypt",
                options: bcrypt.clone(),
                ..sound.clone()
            },
        ),
        (
            "a ciphertext that is no whole number of blocks",
            "E-KEY",
            Parts { cipher: "aes256-ctr", kdf: "bcrypt", options: bcrypt, padding: vec![1], ..sound.clone() },
        ),
    ];
    for (what, expected, parts) in cases {
        assert_eq!(code(&place.write("k", parts.pem())), expected, "{what}");
    }
    let content = sound.content();
    for end in 0..content.len() {
        assert_eq!(code(&place.write("k", ssh::pem(&content[..end]))), "E-KEY", "{end} bytes");
    }
}

#[test]
fn scalars_have_one_form_and_belong_to_their_curve() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    keygen(&place, "k", ("ecdsa", "256"), "", &[]);
    let blob = public_of(&place, "k").to_openssh_blob();
    // The order of P-256 (SP 800-186, section 3.2.1.3).
    let order = *b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
    for (what, mpint) in [
        ("nothing", vec![]),
        ("zero", vec![0]),
        ("a needless zero", [&[0, 0x11][..], &[0x22; 31]].concat()),
        ("negative", vec![0xff; 32]),
        ("the order", [&[0][..], &order].concat()),
        ("more than the field", vec![1; 33]),
        ("another key", vec![1; 32]),
    ] {
        let path = place.write("changed", Parts::plain(blob.clone(), &mpint).pem());
        assert_eq!(code(&path), "E-KEY", "{what}");
    }
}

#[test]
fn no_changed_byte_opens_another_key_or_makes_the_reader_panic() {
    let Some(place) = Place::with(&PROGRAMS) else { return };
    for (secret, cipher) in [("", "none"), ("right", "aes256-ctr"), ("right", "aes256-gcm@openssh.com")] {
        let options = if secret.is_empty() { vec![] } else { vec!["-a", "1", "-Z", cipher] };
        keygen(&place, cipher, ("ecdsa", "256"), secret, &options);
        let content = ssh::unpem(&place.text(cipher));
        assert!(
            open(&place.write("same", ssh::pem(&content)), (!secret.is_empty()).then_some(secret)).is_ok()
        );
        let public = public_of(&place, cipher);
        // Each try of a passphrase costs a round of bcrypt.
        let step = if secret.is_empty() { 1 } else { 3 };
        for at in (0..content.len()).step_by(step) {
            let mut changed = content.clone();
            changed[at] ^= 1;
            let path = place.write("changed", ssh::pem(&changed));
            match read_private_key(&path, &mut || Ok(Some(passphrase("right")))) {
                // Comment and check numbers are all that nothing depends on.
                Ok(opened) => assert_eq!(opened.key.public_key(), &public, "{cipher}, byte {at}"),
                Err(error) => assert!(
                    ["E-KEY", "E-PASSPHRASE", "E-UNSUPPORTED", "E-LIMIT"].contains(&error.code()),
                    "{cipher}, byte {at}: {error}"
                ),
            }
        }
    }
}

//! Key files and signatures against the `openssl` program, which knows nothing of this crate.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[allow(dead_code, reason = "what it makes for other tests")]
mod der;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_sign::{FileKey, KeyFormat, Passphrase, SignError, Signer, read_private_key, write_key_pair};
use tempfile::TempDir;

const SECRET: &str = "a passphrase, with ünicode";

struct OpenSsl {
    folder: TempDir,
}

impl OpenSsl {
    /// `None`, loudly, where the program is missing; a failure where peers are required.
    fn find() -> Option<Self> {
        match Command::new("openssl").arg("version").output() {
            Ok(output) => {
                assert!(output.status.success());
                eprintln!("met {}", String::from_utf8_lossy(&output.stdout).trim());
                Some(Self { folder: TempDir::new().unwrap() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let required = std::env::var_os("LACRE_REQUIRE_PEERS").is_some_and(|value| value == "1");
                assert!(!required, "the program openssl is required and missing");
                eprintln!("SKIPPED: the program openssl is missing; nothing was compared with it");
                None
            }
            Err(error) => panic!("openssl: {error}"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs in the folder and returns what was printed. The words of `line` are separated by spaces.
    fn run(&self, line: &str) -> String {
        let output =
            Command::new("openssl").args(line.split(' ')).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Puts the passphrase where `file:secret` finds it.
    fn keep_secret(&self, secret: &str) {
        fs::write(self.path("secret"), secret).unwrap();
    }

    /// Checks a signature over `message` with the key in `pub.pem`.
    fn verify(&self, algorithm: KeyAlgorithm, message: &[u8], signature: &[u8]) {
        fs::write(self.path("message"), message).unwrap();
        fs::write(self.path("signature"), signature).unwrap();
        // The exit code says whether the signature verifies.
        match hash(algorithm) {
            Some(hash) => self.run(&format!("dgst -{hash} -verify pub.pem -signature signature message")),
            None => self.run("pkeyutl -verify -pubin -inkey pub.pem -rawin -in message -sigfile signature"),
        };
    }
}

/// The hash that goes with a curve; none for Ed25519, which is pure.
fn hash(algorithm: KeyAlgorithm) -> Option<&'static str> {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => Some("sha256"),
        KeyAlgorithm::EcdsaP384 => Some("sha384"),
        KeyAlgorithm::EcdsaP521 => Some("sha512"),
        _ => None,
    }
}

fn generator(algorithm: KeyAlgorithm) -> String {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256".to_owned(),
        KeyAlgorithm::EcdsaP384 => "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384".to_owned(),
        KeyAlgorithm::EcdsaP521 => "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521".to_owned(),
        _ => "genpkey -algorithm ED25519".to_owned(),
    }
}

fn secret() -> Passphrase {
    Passphrase::new(SECRET.to_owned()).unwrap()
}

fn read(path: &Path) -> Result<FileKey, SignError> {
    read_private_key(path, &mut || Ok(Some(secret()))).map(|opened| opened.key)
}

#[test]
fn openssl_reads_our_keys_and_verifies_our_signatures() {
    let Some(openssl) = OpenSsl::find() else { return };
    for algorithm in KeyAlgorithm::ALL {
        for encrypted in [true, false] {
            let name = format!("{algorithm}-{encrypted}");
            let key = FileKey::generate(algorithm).unwrap();
            let (private, public) =
                (openssl.path(&format!("{name}.key")), openssl.path(&format!("{name}.pub")));
            write_key_pair((&private, &public), &key, encrypted.then(secret).as_ref()).unwrap();

            openssl.keep_secret(SECRET);
            openssl.run(&format!("pkey -in {name}.key -passin file:secret -pubout -out pub.pem"));
            assert_eq!(openssl.text("pub.pem"), fs::read_to_string(&public).unwrap(), "{name}");
            openssl.verify(algorithm, b"a message", &key.sign(b"a message").unwrap());
        }
    }
}

#[test]
fn our_encrypted_key_says_scrypt_and_aes_256() {
    let Some(openssl) = OpenSsl::find() else { return };
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    write_key_pair((&openssl.path("k.key"), &openssl.path("k.pub")), &key, Some(&secret())).unwrap();
    let shown = openssl.run("asn1parse -in k.key");
    // 4000 is the hexadecimal N = 2^14; 1.3.6.1.4.1.11591.4.11 is called `scrypt` or `id-scrypt`.
    for part in ["PBES2", "scrypt", "INTEGER           :4000", "aes-256-cbc"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn we_read_the_keys_of_openssl() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.keep_secret(SECRET);
    for algorithm in KeyAlgorithm::ALL {
        openssl.run(&format!("{} -out plain.key", generator(algorithm)));
        openssl.run("pkey -in plain.key -pubout -out pub.pem");
        let public = PublicKey::from_pem(&openssl.text("pub.pem")).unwrap();
        let mut names = vec!["plain.key".to_owned()];
        for (number, options) in [
            "-scrypt",
            "-scrypt -scrypt_N 1024 -scrypt_r 4 -scrypt_p 2",
            "-v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 10000",
            "-v2 aes-256-cbc -v2prf hmacWithSHA512",
            "-v2 aes-192-cbc -v2prf hmacWithSHA384",
            "-v2 aes-128-cbc",
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("{number}.key");
            openssl.run(&format!("pkcs8 -topk8 -in plain.key -passout file:secret {options} -out {name}"));
            names.push(name);
        }
        for name in names {
            let key =
                read(&openssl.path(&name)).unwrap_or_else(|error| panic!("{algorithm} {name}: {error}"));
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.public_key(), &public, "{algorithm} {name}");
            openssl.verify(algorithm, b"another message", &key.sign(b"another message").unwrap());
        }
    }
}

#[test]
fn the_wrong_passphrase_for_a_key_of_openssl() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.keep_secret("another");
    openssl.run(&format!("{} -out plain.key", generator(KeyAlgorithm::EcdsaP256)));
    openssl.run("pkcs8 -topk8 -in plain.key -passout file:secret -out k.key");
    assert_eq!(read(&openssl.path("k.key")).unwrap_err().code(), "E-PASSPHRASE");
}

#[test]
fn keys_of_other_kinds_are_named() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.keep_secret(SECRET);
    for (line, shown) in [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA"),
        ("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "RSA-PSS"),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-256-cbc -pass file:secret", "RSA"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "secp256k1"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1", "brainpoolP256r1"),
        (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
            "explicit curve parameters",
        ),
        ("genpkey -algorithm ED448", "Ed448"),
        ("genpkey -algorithm X25519", "X25519"),
        ("ecparam -name prime256v1 -genkey", "EC PARAMETERS"),
        ("ecparam -name secp256k1 -genkey -noout", "secp256k1"),
        ("ecparam -name prime256v1 -param_enc explicit -genkey -noout", "explicit curve parameters"),
        ("genrsa -traditional", "RSA"),
    ] {
        openssl.run(&format!("{line} -out k.key"));
        let error = read(&openssl.path("k.key")).unwrap_err();
        assert_eq!(error.code(), "E-UNSUPPORTED", "{line}: {error}");
        assert!(error.to_string().contains(shown), "{line}: {error}");
    }
}

#[test]
fn we_read_the_sec1_keys_of_openssl() {
    let Some(openssl) = OpenSsl::find() else { return };
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521] {
        openssl.run(&format!("{} -out pkcs8.key", generator(algorithm)));
        openssl.run("pkey -in pkcs8.key -pubout -out pub.pem");
        let public = PublicKey::from_pem(&openssl.text("pub.pem")).unwrap();
        for options in ["", " -no_public", " -conv_form compressed", " -text"] {
            openssl.run(&format!("ec -in pkcs8.key -out sec1.key{options}"));
            assert!(openssl.text("sec1.key").contains("-----BEGIN EC PRIVATE KEY-----"));
            let opened =
                read_private_key(&openssl.path("sec1.key"), &mut || panic!("nothing to ask")).unwrap();
            assert_eq!(opened.format, KeyFormat::Sec1);
            assert_eq!(opened.key.public_key(), &public, "{algorithm}{options}");
            openssl.verify(algorithm, b"a message", &opened.key.sign(b"a message").unwrap());
        }
    }
}

#[test]
fn a_damaged_sec1_key_is_refused() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.run("ecparam -name secp384r1 -genkey -noout -out sec1.key");
    let public = read(&openssl.path("sec1.key")).unwrap().public_key().clone();
    let content = der::unpem(&openssl.text("sec1.key"));
    let refused = |content: &[u8]| {
        fs::write(openssl.path("changed.key"), der::pem("EC PRIVATE KEY", content)).unwrap();
        read(&openssl.path("changed.key")).map(|key| key.public_key().clone())
    };
    for at in 0..content.len() {
        for bit in [1, 0x80] {
            let mut changed = content.clone();
            changed[at] ^= bit;
            // The public half that is written beside the scalar gives every change of one of them away.
            match refused(&changed) {
                Ok(read) => assert_eq!(read, public, "byte {at}"),
                Err(error) => {
                    assert!(["E-KEY", "E-UNSUPPORTED"].contains(&error.code()), "byte {at}: {error}");
                }
            }
        }
        assert_eq!(refused(&content[..at]).unwrap_err().code(), "E-KEY", "{at} bytes");
    }
    assert_eq!(refused(&[&content[..], &[0]].concat()).unwrap_err().code(), "E-KEY");
    // Without the name of its curve, a scalar of 48 bytes could be of any of them.
    let unnamed = der::sequence(&[vec![2, 1, 1], [&[4, 48][..], &content[8..56]].concat()]);
    let error = refused(&unnamed).unwrap_err();
    assert_eq!(error.code(), "E-KEY");
    assert!(error.to_string().contains("names no curve"), "{error}");
}

#[test]
fn what_can_be_converted_is_read_when_it_was() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.keep_secret(SECRET);
    fs::copy(openssl.path("secret"), openssl.path("again")).unwrap();
    openssl.run("ecparam -name prime256v1 -genkey -out company.key");
    openssl.run("ec -in company.key -pubout -out pub.pem");
    openssl.run("ec -in company.key -aes256 -passout file:secret -out rfc1423.key");
    openssl.run("ec -in company.key -outform DER -out sec1.der");
    openssl.run("pkcs8 -topk8 -nocrypt -in company.key -outform DER -out pkcs8.der");
    openssl.run("pkcs8 -topk8 -passout file:secret -in company.key -outform DER -out encrypted.der");
    let public = PublicKey::from_pem(&openssl.text("pub.pem")).unwrap();
    for (name, shown) in [
        ("company.key", "EC PARAMETERS"),
        ("rfc1423.key", "Proc-Type: 4,ENCRYPTED"),
        ("sec1.der", "DER"),
        ("pkcs8.der", "DER"),
        ("encrypted.der", "DER"),
    ] {
        let error =
            read_private_key(&openssl.path(name), &mut || panic!("refused before it asks")).unwrap_err();
        assert_eq!(error.code(), "E-UNSUPPORTED", "{name}: {error}");
        assert!(error.to_string().contains(shown), "{name}: {error}");
        let SignError::Convertible { command, .. } = error else { panic!("{name}: {error:?}") };
        let line = command.strip_prefix("openssl ").unwrap().replace("OLD", name).replace("NEW", "new.key");
        // A file that is named twice is read on.
        openssl.run(&format!("{line} -passin file:secret -passout file:again"));
        assert_eq!(read(&openssl.path("new.key")).unwrap().public_key(), &public, "{name}");
    }
}

#[test]
fn encryption_of_other_kinds_is_named() {
    let Some(openssl) = OpenSsl::find() else { return };
    openssl.keep_secret(SECRET);
    openssl.run(&format!("{} -out plain.key", generator(KeyAlgorithm::EcdsaP256)));
    for (options, shown) in [
        ("-v1 PBE-SHA1-3DES", "1.2.840.113549.1.12.1.3"),
        ("-v2 des3", "1.2.840.113549.3.7"),
        ("-v2 aes-256-cbc -v2prf hmacWithSHA1", "HMAC-SHA-1"),
        ("-v2 camellia-256-cbc", "1.2.392.200011.61.1.1.1.4"),
    ] {
        openssl.run(&format!("pkcs8 -topk8 -in plain.key -passout file:secret {options} -out k.key"));
        let error = read(&openssl.path("k.key")).unwrap_err();
        assert_eq!(error.code(), "E-UNSUPPORTED", "{options}: {error}");
        assert!(error.to_string().contains(shown), "{options}: {error}");
    }
}

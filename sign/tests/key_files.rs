//! Key files: round trips, permissions, and every way in which a file can be refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod der;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_sign::{
    CODES, FileKey, KeyFile, KeyFormat, OpenedKey, Passphrase, Protection, SignError, Signer,
    read_private_key, write_key_pair,
};
use proptest::prelude::*;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn read(path: &Path) -> Result<OpenedKey, SignError> {
    read_private_key(path, &mut || {
        panic!("the passphrase of a file that must be refused first was asked for")
    })
}

fn read_with(path: &Path, text: &str) -> Result<OpenedKey, SignError> {
    read_private_key(path, &mut || Ok(Some(passphrase(text))))
}

fn refused(outcome: Result<OpenedKey, SignError>) -> &'static str {
    let code = outcome.expect_err("a file that must be refused").code();
    assert!(CODES.contains(&code));
    code
}

fn written(folder: &Folder, key: &FileKey, secret: Option<&str>) -> String {
    let (private, public) = (folder.path("k.key"), folder.path("k.pub"));
    write_key_pair((&private, &public), key, secret.map(passphrase).as_ref()).unwrap();
    fs::read_to_string(private).unwrap()
}

#[test]
fn a_written_pair_is_read_back() {
    for algorithm in KeyAlgorithm::ALL {
        for secret in [None, Some("pässphrase with spaces ")] {
            let folder = Folder::new();
            let key = FileKey::generate(algorithm).unwrap();
            let text = written(&folder, &key, secret);
            let label = if secret.is_some() { "ENCRYPTED PRIVATE KEY" } else { "PRIVATE KEY" };
            assert!(text.starts_with(&format!("-----BEGIN {label}-----\n")), "{text}");

            let mut asked = 0;
            let opened = read_private_key(&folder.path("k.key"), &mut || {
                asked += 1;
                Ok(secret.map(passphrase))
            })
            .unwrap();
            assert_eq!(asked, usize::from(secret.is_some()), "only an encrypted key asks, and once");
            assert_eq!(opened.exposed_mode, None);

            let public = PublicKey::from_pem(&fs::read_to_string(folder.path("k.pub")).unwrap()).unwrap();
            assert_eq!(&public, key.public_key());
            public.verify(b"message", &opened.key.sign(b"message").unwrap()).unwrap();
        }
    }
}

#[test]
fn the_same_key_is_encrypted_differently_every_time() {
    let key = FileKey::generate(KeyAlgorithm::Ed25519).unwrap();
    assert_ne!(written(&Folder::new(), &key, Some("same")), written(&Folder::new(), &key, Some("same")));
}

#[test]
fn the_private_file_is_for_its_owner_only() {
    let folder = Folder::new();
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    assert_eq!(fs::metadata(folder.path("k.key")).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(folder.names(), ["k.key", "k.pub"]);
}

#[test]
fn a_file_that_others_can_read_is_reported_and_opened() {
    let folder = Folder::new();
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    let path = folder.path("k.key");
    for (mode, exposed) in
        [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o644, true), (0o622, true)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&path).unwrap().exposed_mode, exposed.then_some(mode), "{mode:o}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    for taken in ["k.key", "k.pub"] {
        let folder = Folder::new();
        folder.file(taken, "precious");
        let error = write_key_pair((&folder.path("k.key"), &folder.path("k.pub")), &key, None).unwrap_err();
        assert!(matches!(&error, SignError::Exists { path } if path.ends_with(taken)), "{error:?}");
        assert_eq!(error.code(), "E-EXISTS");
        assert_eq!(folder.names(), [taken], "the other file of the pair is not left behind");
        assert_eq!(fs::read(folder.path(taken)).unwrap(), b"precious");
    }
}

#[test]
fn one_name_for_both_files_is_refused() {
    let folder = Folder::new();
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let error = write_key_pair((&folder.path("k"), &folder.path("k")), &key, None).unwrap_err();
    assert_eq!(error.code(), "E-EXISTS");
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_symbolic_link_in_the_way_is_not_followed() {
    let folder = Folder::new();
    symlink(folder.path("elsewhere"), folder.path("k.key")).unwrap();
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let error = write_key_pair((&folder.path("k.key"), &folder.path("k.pub")), &key, None).unwrap_err();
    assert_eq!(error.code(), "E-EXISTS");
    assert_eq!(folder.names(), ["k.key"]);
}

#[test]
fn a_missing_folder_leaves_no_half_of_a_pair() {
    let folder = Folder::new();
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    for (private, public) in [("missing/k.key", "k.pub"), ("k.key", "missing/k.pub")] {
        let error = write_key_pair((&folder.path(private), &folder.path(public)), &key, None).unwrap_err();
        assert!(matches!(&error, SignError::Write { path, .. } if path.starts_with(folder.path("missing"))));
        assert_eq!(error.code(), "E-OUTPUT");
        assert_eq!(folder.names(), [""; 0]);
    }
}

// A file size limit of nothing fails the first write, as a full disk does, and needs no file system of its own. It
// holds for a whole process, so this test runs itself once more in a process that has it.
#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    const FOLDER: &str = "LACRE_SIGN_TEST_FOLDER";
    let Some(folder) = std::env::var_os(FOLDER) else {
        let folder = Folder::new();
        let status = Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 0; exec \"$0\" --exact a_write_that_fails_leaves_nothing_behind",
            ])
            .arg(std::env::current_exe().unwrap())
            .env(FOLDER, folder.0.path())
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(folder.names(), ["ran"]);
        return;
    };
    let folder = PathBuf::from(folder);
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let error = write_key_pair((&folder.join("k.key"), &folder.join("k.pub")), &key, None).unwrap_err();
    assert_eq!(error.code(), "E-OUTPUT");
    fs::create_dir(folder.join("ran")).unwrap();
}

#[test]
fn a_wrong_passphrase_is_not_a_malformed_file() {
    let folder = Folder::new();
    // Enough tries that some of them leave padding that looks right (one in 256 does).
    let light = der::encrypted(&der::pbkdf2(1), der::AES_256_CBC, &[0x5a; 128]);
    let path = folder.file("light.key", light);
    for attempt in 0..1500 {
        assert_eq!(refused(read_with(&path, &format!("guess {attempt}"))), "E-PASSPHRASE");
    }
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), Some("right"));
    let error = read_with(&folder.path("k.key"), "Right").unwrap_err();
    assert!(matches!(error, SignError::Passphrase { .. }), "{error:?}");
}

#[test]
fn no_passphrase_for_an_encrypted_key() {
    let folder = Folder::new();
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), Some("right"));
    let error = read_private_key(&folder.path("k.key"), &mut || Ok(None)).unwrap_err();
    assert!(matches!(error, SignError::PassphraseMissing { .. }), "{error:?}");
    assert_eq!(error.code(), "E-PASSPHRASE");
}

#[test]
fn a_failure_of_the_prompt_is_passed_on() {
    let folder = Folder::new();
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), Some("right"));
    let error = read_private_key(&folder.path("k.key"), &mut || {
        Err(SignError::PassphraseSource { source: "no terminal".into() })
    })
    .unwrap_err();
    assert!(matches!(error, SignError::PassphraseSource { .. }), "{error:?}");
    assert_eq!(error.code(), "E-PASSPHRASE");
}

#[test]
fn costs_above_the_limits_are_refused_before_the_passphrase_is_asked_for() {
    let folder = Folder::new();
    let body = [0_u8; 128];
    for (name, kdf) in [
        ("scrypt N 2^18", der::scrypt(1 << 18, 8, 1)),
        ("scrypt N 2^18 in little memory", der::scrypt(1 << 18, 1, 1)),
        ("scrypt N 2^62", der::scrypt(1 << 62, 8, 1)),
        ("scrypt memory by r", der::scrypt(1 << 17, 9, 1)),
        ("scrypt memory by r, N small", der::scrypt(1 << 14, 65_535, 1)),
        ("scrypt memory by r and p", der::scrypt(2, 65_535, 65_535)),
        ("scrypt work by p", der::scrypt(1 << 17, 8, 5)),
        ("scrypt work by p, N small", der::scrypt(1 << 10, 8, 65_535)),
        ("PBKDF2 10^7 + 1", der::pbkdf2(10_000_001)),
        ("PBKDF2 10^8", der::pbkdf2(100_000_000)),
        ("PBKDF2 2^32 - 1", der::pbkdf2(0xffff_ffff)),
    ] {
        let path = folder.file("k.key", der::encrypted(&kdf, der::AES_256_CBC, &body));
        assert_eq!(refused(read(&path)), "E-LIMIT", "{name}");
    }
}

#[test]
fn costs_at_the_limits_are_accepted() {
    let folder = Folder::new();
    for (name, kdf) in [
        ("scrypt N 2^17 in 128 MiB", der::scrypt(1 << 17, 8, 1)),
        ("scrypt work 2^22", der::scrypt(1 << 17, 8, 4)),
        ("PBKDF2 10^7", der::pbkdf2(10_000_000)),
    ] {
        let path = folder.file("k.key", der::encrypted(&kdf, der::AES_256_CBC, &[0; 128]));
        // The passphrase is asked for: nothing is left to refuse.
        let error = read_private_key(&path, &mut || Ok(None)).unwrap_err();
        assert!(matches!(error, SignError::PassphraseMissing { .. }), "{name}: {error:?}");
    }
}

#[test]
fn parameters_that_mean_nothing_are_malformed() {
    let folder = Folder::new();
    let body = [0_u8; 128];
    for (name, kdf) in [
        ("scrypt N 0", der::scrypt(0, 8, 1)),
        ("scrypt N 1", der::scrypt(1, 8, 1)),
        ("scrypt N 3", der::scrypt(3, 8, 1)),
        ("scrypt r 0", der::scrypt(1 << 14, 0, 1)),
        ("scrypt p 0", der::scrypt(1 << 14, 8, 0)),
        ("scrypt r of 17 bits", der::scrypt(1 << 14, 1 << 16, 1)),
        ("PBKDF2 0", der::pbkdf2(0)),
        ("PBKDF2 of 33 bits", der::pbkdf2(1 << 32)),
        ("salt of 33 bytes", der::pbkdf2_salted(&[7; 33], 1000)),
        ("derived length of AES-128 for AES-256", der::scrypt_length(1 << 14, 8, 1, 16)),
    ] {
        let path = folder.file("k.key", der::encrypted(&kdf, der::AES_256_CBC, &body));
        assert_eq!(refused(read(&path)), "E-KEY", "{name}");
    }
    for length in [0, 1, 15, 127] {
        let text = der::encrypted(&der::pbkdf2(1000), der::AES_256_CBC, &body[..length]);
        assert_eq!(refused(read(&folder.file("k.key", text))), "E-KEY", "{length} bytes of ciphertext");
    }
}

#[test]
fn other_ciphers_and_derivations_are_named() {
    let folder = Folder::new();
    // DES-EDE3-CBC (RFC 8018, appendix B.2.2) with its IV of 8 bytes, AES-256-GCM (RFC 5084) with its nonce of 12.
    for (cipher, iv) in [("1.2.840.113549.3.7", 8), ("2.16.840.1.101.3.4.1.46", 12)] {
        let text = der::encrypted_with_iv(&der::pbkdf2(1000), cipher, &vec![0x11; iv], &[0; 128]);
        let error = read(&folder.file("k.key", text)).unwrap_err();
        assert_eq!(error.code(), "E-UNSUPPORTED", "{error}");
        assert!(error.to_string().contains(cipher), "{error}");
    }
    // Argon2id in place of a key derivation of RFC 8018.
    let argon2 = der::algorithm("1.3.6.1.4.1.11591.15.3", der::sequence(&[]));
    let error =
        read(&folder.file("k.key", der::encrypted(&argon2, der::AES_256_CBC, &[0; 128]))).unwrap_err();
    assert_eq!(error.code(), "E-UNSUPPORTED", "{error}");
}

#[test]
fn a_truncated_file_is_malformed_wherever_it_ends() {
    let folder = Folder::new();
    let key = FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    for secret in [None, Some("right")] {
        let text = written(&Folder::new(), &key, secret);
        // Only the final end of line can be missed.
        for end in 0..text.len() - 1 {
            let path = folder.file("k.key", &text[..end]);
            assert_eq!(refused(read(&path)), "E-KEY", "{end} of {} bytes", text.len());
        }
    }
}

#[test]
fn two_blocks_are_refused() {
    let folder = Folder::new();
    let one = written(&Folder::new(), &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    let two = written(&Folder::new(), &FileKey::generate(KeyAlgorithm::Ed25519).unwrap(), None);
    let error = read(&folder.file("k.key", one + &two)).unwrap_err();
    assert_eq!(error.code(), "E-KEY");
    assert!(error.to_string().contains("2 PEM blocks"), "{error}");
}

#[test]
fn a_public_key_is_named_as_such() {
    let folder = Folder::new();
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    let error = read(&folder.path("k.pub")).unwrap_err();
    assert_eq!(error.code(), "E-KEY");
    assert!(error.to_string().contains("public key"), "{error}");
}

#[test]
fn blocks_of_other_kinds_are_named() {
    let folder = Folder::new();
    for (label, code, shown) in [
        ("RSA PRIVATE KEY", "E-UNSUPPORTED", "RSA"),
        ("DSA PRIVATE KEY", "E-UNSUPPORTED", "DSA"),
        ("CERTIFICATE", "E-KEY", "certificate"),
        ("EC PARAMETERS", "E-KEY", "EC PARAMETERS"),
        ("SSH2 ENCRYPTED PRIVATE KEY", "E-KEY", "SSH2"),
        ("SOMETHING ELSE", "E-KEY", "SOMETHING ELSE"),
    ] {
        let text = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let error = read(&folder.file("k.key", text)).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(shown), "{error}");
    }
}

#[test]
fn a_label_over_something_else_is_malformed() {
    let folder = Folder::new();
    let ed25519 = der::ed25519_private_key(&[0x9d; 32]);
    for label in [
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "ENCRYPTED SIGSTORE PRIVATE KEY",
        "ENCRYPTED COSIGN PRIVATE KEY",
    ] {
        assert_eq!(refused(read(&folder.file("k.key", der::pem(label, &ed25519)))), "E-KEY", "{label}");
        let empty = format!("-----BEGIN {label}-----\n-----END {label}-----\n");
        assert_eq!(refused(read(&folder.file("k.key", empty))), "E-KEY", "{label}");
    }
    assert!(read(&folder.file("k.key", der::pem("PRIVATE KEY", &ed25519))).is_ok());
}

#[test]
fn a_block_that_some_programs_do_not_see_is_refused() {
    let folder = Folder::new();
    let one = written(&Folder::new(), &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    let two = written(&Folder::new(), &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    // In the middle of a line.
    assert_eq!(refused(read(&folder.file("k.key", format!("Key: {one}{two}")))), "E-KEY");
    assert_eq!(refused(read(&folder.file("k.key", format!("Key: {one}")))), "E-KEY");
    assert!(read(&folder.file("k.key", format!("Key:\n{one}"))).is_ok());
}

#[test]
fn der_is_named_and_the_command_that_converts_it() {
    let folder = Folder::new();
    let ed25519 = der::ed25519_private_key(&[0x9d; 32]);
    let error = read(&folder.file("k.der", &ed25519)).unwrap_err();
    assert_eq!(error.code(), "E-UNSUPPORTED", "{error}");
    let SignError::Convertible { found, command, .. } = error else { panic!("{error:?}") };
    assert!(found.contains("DER") && command.contains("-inform DER"), "{found}: {command}");
    // Nearly DER is not.
    assert_eq!(refused(read(&folder.file("k.der", &ed25519[..ed25519.len() - 1]))), "E-KEY");
}

#[test]
fn a_file_is_looked_at_without_its_passphrase() {
    let folder = Folder::new();
    let key = FileKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
    for (name, secret) in [("plain", None), ("locked", Some("right"))] {
        let file = folder.file(name, written(&Folder::new(), &key, secret));
        let opened = KeyFile::read(&file).unwrap();
        assert_eq!(opened.format(), KeyFormat::Pkcs8);
        assert_eq!(opened.is_encrypted(), secret.is_some());
        assert_eq!(opened.public_key(), secret.is_none().then(|| key.public_key()));
        let opened = opened.unlock(&mut || Ok(secret.map(passphrase))).unwrap();
        assert_eq!(opened.key.public_key(), key.public_key());
        let expected = if secret.is_some() { Protection::Passphrase } else { Protection::None };
        assert_eq!(opened.protection, expected);
    }
}

#[test]
fn what_is_no_key_file_at_all() {
    let folder = Folder::new();
    for (content, code) in [
        (Vec::new(), "E-KEY"),
        (b"hello\n".to_vec(), "E-KEY"),
        (vec![0xff; 100], "E-KEY"),
        (vec![b'x'; 64 * 1024], "E-KEY"),
        (vec![b'x'; 64 * 1024 + 1], "E-LIMIT"),
    ] {
        assert_eq!(refused(read(&folder.file("k.key", &content))), code, "{} bytes", content.len());
    }
    assert_eq!(refused(read(&folder.path("missing"))), "E-NOT-FOUND");
    assert_eq!(refused(read(folder.0.path())), "E-UNREADABLE");
}

#[test]
fn a_public_key_that_belongs_to_another_private_key_is_refused() {
    let folder = Folder::new();
    let pem = |key: &FileKey| der::unpem(&written(&Folder::new(), key, None));
    let one = pem(&FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
    let two = pem(&FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
    // The public point is the last 64 bytes of the structure (RFC 5915).
    let mixed = [&one[..one.len() - 64], &two[two.len() - 64..]].concat();
    assert_eq!(refused(read(&folder.file("k.key", der::pem("PRIVATE KEY", &mixed)))), "E-KEY");
    assert!(read(&folder.file("k.key", der::pem("PRIVATE KEY", &one))).is_ok());
}

#[test]
fn a_link_to_a_key_is_followed() {
    let folder = Folder::new();
    written(&folder, &FileKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), None);
    symlink("k.key", folder.path("link")).unwrap();
    assert!(read(&folder.path("link")).is_ok());
}

#[test]
fn messages_show_no_control_characters_of_the_path_or_the_label() {
    let folder = Folder::new();
    let path =
        folder.file("k\u{1b}[31m.key", "-----BEGIN \u{1b}[31mX-----\nAAAA\n-----END \u{1b}[31mX-----\n");
    let message = read(&path).unwrap_err().to_string();
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(content in proptest::collection::vec(any::<u8>(), 0..200), encrypted: bool) {
        let folder = Folder::new();
        let label = if encrypted { "ENCRYPTED PRIVATE KEY" } else { "PRIVATE KEY" };
        let path = folder.file("k.key", der::pem(label, &content));
        prop_assert!(read_private_key(&path, &mut || Ok(None)).is_err());
    }

    #[test]
    fn no_changed_byte_makes_the_reader_panic(at in any::<prop::sample::Index>(), to: u8, encrypted: bool) {
        let folder = Folder::new();
        let (label, mut content) = if encrypted {
            ("ENCRYPTED PRIVATE KEY", der::unpem(&der::encrypted(&der::scrypt(1 << 14, 8, 1), der::AES_256_CBC, &[7; 128])))
        } else {
            // RFC 8410, section 10.3, with the seed of RFC 8032, section 7.1, test 1.
            ("PRIVATE KEY", der::ed25519_private_key(&[0x9d; 32]))
        };
        let at = at.index(content.len());
        content[at] = to;
        let _ = read_private_key(&folder.file("k.key", der::pem(label, &content)), &mut || Ok(None));
    }
}

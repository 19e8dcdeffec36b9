//! Private key files: what is read without a passphrase is a key that belongs to its public half, and what is refused says
//! why. Nothing is decrypted here: what is behind the encryption is PKCS#8 or OpenSSH's section, and is read plain as well.

#![no_main]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_sign::{CODES, KeyFile};
use libfuzzer_sys::fuzz_target;

const LABELS: [&str; 6] = [
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "EC PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];

fn pem(label: &str, content: &[u8]) -> String {
    let base64 = STANDARD.encode(content);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is text"));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fuzz_target!(|bytes: &[u8]| {
    // As it comes, and as what stands in a block of every kind.
    let blocks = LABELS.iter().map(|label| pem(label, bytes).into_bytes());
    for text in std::iter::once(bytes.to_vec()).chain(blocks) {
        let file = match KeyFile::parse(&text, Path::new("fuzzed")) {
            Ok(file) => file,
            Err(error) => {
                assert!(CODES.contains(&error.code()), "{error:?}");
                assert!(!error.to_string().contains('\u{1b}'), "{error}");
                continue;
            }
        };
        if file.is_encrypted() {
            continue;
        }
        let public = file.public_key().expect("the public half of what is not encrypted").clone();
        let opened = file.unlock(&mut || panic!("asked for a passphrase that it does not have"));
        assert_eq!(opened.expect("an open key").key.public_key(), &public);
    }
});

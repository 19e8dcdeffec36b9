//! Key files written out by hand, so that they can say what no program would write.

use pkcs8::der::pem::{LineEnding, decode_vec, encode_string};

/// AES-256 in CBC mode (RFC 8018, appendix B.2.5).
pub(crate) const AES_256_CBC: &str = "2.16.840.1.101.3.4.1.42";

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(u8::try_from(length).unwrap()),
        0x80..0x100 => out.extend([0x81, u8::try_from(length).unwrap()]),
        _ => out.extend([0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()]),
    }
    out.extend(content);
    out
}

/// `SEQUENCE`.
pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    value(0x04, bytes)
}

fn integer(number: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    value(0x02, &bytes)
}

fn oid(text: &str) -> Vec<u8> {
    value(0x06, pkcs8::ObjectIdentifier::new_unwrap(text).as_bytes())
}

/// `AlgorithmIdentifier`.
pub(crate) fn algorithm(name: &str, parameters: Vec<u8>) -> Vec<u8> {
    sequence(&[oid(name), parameters])
}

/// `scrypt-params` (RFC 7914, section 7.1).
pub(crate) fn scrypt(n: u64, r: u64, p: u64) -> Vec<u8> {
    algorithm(
        "1.3.6.1.4.1.11591.4.11",
        sequence(&[octets(b"sixteen bytes ok"), integer(n), integer(r), integer(p)]),
    )
}

/// The same with the optional length of the derived key.
pub(crate) fn scrypt_length(n: u64, r: u64, p: u64, length: u64) -> Vec<u8> {
    let salt = octets(b"sixteen bytes ok");
    algorithm(
        "1.3.6.1.4.1.11591.4.11",
        sequence(&[salt, integer(n), integer(r), integer(p), integer(length)]),
    )
}

/// `PBKDF2-params` with HMAC-SHA-256 (RFC 8018, appendix A.2).
pub(crate) fn pbkdf2(iterations: u64) -> Vec<u8> {
    pbkdf2_salted(b"sixteen bytes ok", iterations)
}

/// The same with a salt of choice.
pub(crate) fn pbkdf2_salted(salt: &[u8], iterations: u64) -> Vec<u8> {
    let hmac_sha256 = algorithm("1.2.840.113549.2.9", value(0x05, &[]));
    algorithm("1.2.840.113549.1.5.12", sequence(&[octets(salt), integer(iterations), hmac_sha256]))
}

/// `EncryptedPrivateKeyInfo` with PBES2 (RFC 5958, section 3; RFC 8018, appendix A.4), in PEM.
pub(crate) fn encrypted(kdf: &[u8], cipher: &str, ciphertext: &[u8]) -> String {
    encrypted_with_iv(kdf, cipher, &[0x11; 16], ciphertext)
}

/// The same with an initialisation vector of choice.
pub(crate) fn encrypted_with_iv(kdf: &[u8], cipher: &str, iv: &[u8], ciphertext: &[u8]) -> String {
    let scheme = sequence(&[kdf.to_vec(), algorithm(cipher, octets(iv))]);
    let info = sequence(&[algorithm("1.2.840.113549.1.5.13", scheme), octets(ciphertext)]);
    pem("ENCRYPTED PRIVATE KEY", &info)
}

/// `PrivateKeyInfo` of an Ed25519 seed (RFC 8410, section 7).
pub(crate) fn ed25519_private_key(seed: &[u8; 32]) -> Vec<u8> {
    sequence(&[integer(0), sequence(&[oid("1.3.101.112")]), octets(&octets(seed))])
}

/// One PEM block (RFC 7468).
pub(crate) fn pem(label: &str, content: &[u8]) -> String {
    encode_string(label, LineEnding::LF, content).unwrap()
}

/// What one PEM block holds.
pub(crate) fn unpem(text: &str) -> Vec<u8> {
    decode_vec(text.as_bytes()).unwrap().1
}

//! Public keys as OpenSSH writes them: `ssh-ed25519 AAAA… comment`.
//!
//! The line is that of sshd(8) for a file of authorized keys, without options. The base64 is the key blob: RFC 8709
//! section 4 (Ed25519), RFC 5656 section 3.1 (ECDSA), with the strings of RFC 4251 section 5.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use lacre_hash::Sha256Digest;
use p256::pkcs8::der::asn1::{AnyRef, BitStringRef};
use p256::pkcs8::spki::AlgorithmIdentifierRef;
use p256::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{EC_PUBLIC_KEY, ED25519, P256, P384, P521, PublicKey, within_limit};
use crate::error::quoted;
use crate::{AttestError, KeyAlgorithm, KeyProblem};

/// How the names of all public keys of OpenSSH begin, those of hardware tokens and certificates included.
const BEGINNINGS: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"];

/// Whether a text begins like a public key of OpenSSH, of whatever algorithm.
pub(super) fn is_line(text: &str) -> bool {
    let text = text.trim_ascii_start();
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// What SSH calls an algorithm, and the curve in it.
struct Named {
    algorithm: KeyAlgorithm,
    name: &'static str,
    curve: Option<(&'static str, &'static ObjectIdentifier)>,
}

const NAMED: [Named; 4] = [
    Named {
        algorithm: KeyAlgorithm::EcdsaP256,
        name: "ecdsa-sha2-nistp256",
        curve: Some(("nistp256", &P256)),
    },
    Named {
        algorithm: KeyAlgorithm::EcdsaP384,
        name: "ecdsa-sha2-nistp384",
        curve: Some(("nistp384", &P384)),
    },
    Named {
        algorithm: KeyAlgorithm::EcdsaP521,
        name: "ecdsa-sha2-nistp521",
        curve: Some(("nistp521", &P521)),
    },
    Named { algorithm: KeyAlgorithm::Ed25519, name: "ssh-ed25519", curve: None },
];

fn named(name: &[u8]) -> Result<&'static Named, KeyProblem> {
    NAMED
        .iter()
        .find(|known| known.name.as_bytes() == name)
        .ok_or_else(|| KeyProblem::Algorithm { name: quoted(&String::from_utf8_lossy(name)) })
}

impl PublicKey {
    /// Reads one line as OpenSSH writes it into `id_ed25519.pub`: name, base64, and perhaps a comment, which nobody
    /// signed and which is not kept.
    ///
    /// Refused with `E-KEY`: other algorithms than [`KeyAlgorithm`] has (RSA, hardware tokens, certificates), options in
    /// front, several lines, and what [`PublicKey::from_openssh_blob`] refuses.
    pub fn from_openssh(text: &str) -> Result<Self, AttestError> {
        within_limit(text.len())?;
        let line = text.trim_ascii();
        if line.contains(['\n', '\r', '\0']) {
            return Err(KeyProblem::OpenSsh.into());
        }
        let mut words = line.split([' ', '\t']);
        let (Some(name), Some(base64)) = (words.next(), words.next()) else {
            return Err(KeyProblem::OpenSsh.into());
        };
        let known = named(name.as_bytes())?;
        let blob = STANDARD.decode(base64).map_err(|_| KeyProblem::OpenSsh)?;
        let key = Self::from_openssh_blob(&blob)?;
        if key.algorithm() == known.algorithm { Ok(key) } else { Err(KeyProblem::OpenSsh.into()) }
    }

    /// Reads the key blob of SSH, which is what the base64 of a line holds, and what agents and key files carry.
    ///
    /// Refused with `E-KEY`: other algorithms, points that are not usable ([`PublicKey::from_der`]), compressed points,
    /// and bytes behind the key.
    pub fn from_openssh_blob(blob: &[u8]) -> Result<Self, AttestError> {
        within_limit(blob.len())?;
        let mut rest = blob;
        let known = named(string(&mut rest)?)?;
        if let Some((curve, _)) = known.curve
            && string(&mut rest)? != curve.as_bytes()
        {
            return Err(KeyProblem::OpenSsh.into());
        }
        let point = string(&mut rest)?;
        if !rest.is_empty() {
            return Err(KeyProblem::OpenSsh.into());
        }
        let oid = if known.curve.is_some() { EC_PUBLIC_KEY } else { ED25519 };
        let info = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef {
                oid,
                parameters: known.curve.map(|(_, curve)| AnyRef::from(curve)),
            },
            subject_public_key: BitStringRef::from_bytes(point).map_err(|_| KeyProblem::Point)?,
        };
        let key = Self::from_info(info)?;
        // As with DER: a key has one encoding, so that it has one fingerprint.
        if key.to_openssh_blob() == blob { Ok(key) } else { Err(KeyProblem::NotCanonical.into()) }
    }

    /// The key blob of SSH.
    pub fn to_openssh_blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        let known = NAMED.iter().find(|known| known.algorithm == self.algorithm());
        if let Some(known) = known {
            put_string(&mut blob, known.name.as_bytes());
            if let Some((curve, _)) = known.curve {
                put_string(&mut blob, curve.as_bytes());
            }
        }
        put_string(&mut blob, self.point_bytes());
        blob
    }

    /// The fingerprint that `ssh-keygen -l` shows: `SHA256:` and the base64 of the digest of the key blob, without padding.
    pub fn openssh_fingerprint(&self) -> String {
        let digest = Sha256Digest::of(&self.to_openssh_blob());
        format!("SHA256:{}", STANDARD_NO_PAD.encode(digest.as_bytes()))
    }

    /// The encoded point. In canonical DER it is the end.
    fn point_bytes(&self) -> &[u8] {
        let length = match self.algorithm() {
            KeyAlgorithm::EcdsaP256 => 1 + 2 * 32,
            KeyAlgorithm::EcdsaP384 => 1 + 2 * 48,
            KeyAlgorithm::EcdsaP521 => 1 + 2 * 66,
            KeyAlgorithm::Ed25519 => 32,
        };
        let der = self.to_der();
        &der[der.len() - length..]
    }
}

/// Takes a string (RFC 4251, section 5) off the front of `rest`.
fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], KeyProblem> {
    let (length, behind) = rest.split_first_chunk::<4>().ok_or(KeyProblem::OpenSsh)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| KeyProblem::OpenSsh)?;
    let (content, behind) = behind.split_at_checked(length).ok_or(KeyProblem::OpenSsh)?;
    *rest = behind;
    Ok(content)
}

fn put_string(blob: &mut Vec<u8>, content: &[u8]) {
    // At most the 133 bytes of a point on P-521.
    blob.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    blob.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys made by `ssh-keygen` (OpenSSH 9.2), with what `ssh-keygen -l` says of them.
    const KEYS: [(&str, &str); 4] = [
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGzE0tv+CPDW9SL4t6VE652qS5IXtT3araSBCnwYeckeW/PBvEvwJlqHFk/AY7HRJTRvKVrGKjM77O2Tn0YLZS8= a comment",
            "SHA256:pM6yG50ULUVyNPFgwI7ckCF8F2I6k7jSBz+n33I6gyw",
        ),
        (
            "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBD2z7leqejcgxf1LNSaN+U25O7C1IJEouyK6l5HIzRlG2P7vRKXEYfkYyuIwjSQNyjqE8v/3VB2ZBA5iKHLbffVhBTJLUKt/f9GyTI2KE73BF7YeFoRXaXw1Nn9TCE7wfw== a comment",
            "SHA256:FBXLcB18X3og9eYiPhssBLX6r+bH7LJkZwmAmI3gTOU",
        ),
        (
            "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAG2uvP/t5PiCAjpjHrVnR2FHsv4Ck6f62b1FQon27O23v7PCc8Q14qdprZRGSobkAJ5G9dR5ZkxxKbNuwjmDmveEgCP+emSpRi8ylVUobbXJXJDjv5LUhghlkGYnFj4Zh9j61b44X58sa6rtl/hps5TMS2eiyPnczAuV0ckdwU4t621tg== a comment",
            "SHA256:3AstB4I1Z/hKINi0Dwxo8X8U+NLov3uF1lSHfoCDhAY",
        ),
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICG/bFN+zkMD9f3o9lSL7TwW6se9E90Htw5MYm3CchKX a comment",
            "SHA256:IGwn2snFHtx/MxRODQo/fP9NuzXopDP0iXTB3YAx2gM",
        ),
    ];

    fn blob_of(line: &str) -> Vec<u8> {
        STANDARD.decode(line.split(' ').nth(1).unwrap()).unwrap()
    }

    fn line_of(name: &str, blob: &[u8]) -> String {
        format!("{name} {}", STANDARD.encode(blob))
    }

    fn problem(text: &str) -> KeyProblem {
        match PublicKey::from_text(text) {
            Err(AttestError::Key { problem }) => problem,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn keys_of_ssh_keygen_are_read_and_have_its_fingerprint() {
        for (line, fingerprint) in KEYS {
            let key = PublicKey::from_openssh(line).unwrap();
            assert_eq!(key.openssh_fingerprint(), fingerprint);
            assert_eq!(key.to_openssh_blob(), blob_of(line));
            let name = line.split(' ').next().unwrap();
            assert_eq!(NAMED.iter().find(|known| known.name == name).unwrap().algorithm, key.algorithm());
            let word = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
            for text in
                [word.clone(), format!("{line}\n"), format!("{word} two words\r\n"), format!(" {word}")]
            {
                assert_eq!(PublicKey::from_text(&text), Ok(key.clone()), "{text:?}");
            }
            assert_eq!(PublicKey::from_pem(key.to_pem()), Ok(key.clone()));
            assert_eq!(PublicKey::from_text(key.to_pem()), Ok(key));
        }
    }

    #[test]
    fn what_is_not_exactly_one_key_is_refused() {
        let (line, _) = KEYS[0];
        let mut words = line.split(' ');
        let (name, base64) = (words.next().unwrap(), words.next().unwrap());
        for text in [
            name.to_owned(),
            format!("{name} "),
            format!("{name}  {base64}"),
            format!("{line}\n{line}"),
            format!("{line}\0"),
            format!("{name} {}", &base64[1..]),
            format!("{name} {base64}="),
            format!("{name} {}", base64.replace('A', "_")),
            format!("ecdsa-sha2-nistp384 {base64}"),
            format!("ssh-ed25519 {base64}"),
        ] {
            assert_eq!(problem(&text), KeyProblem::OpenSsh, "{text:?}");
        }
        // Options of an authorized_keys file stand in front of the name.
        assert_eq!(problem(&format!("restrict {line}")), KeyProblem::Pem);
        assert!(matches!(problem(&format!("{line}{}", "x".repeat(16 * 1024))), KeyProblem::TooLarge { .. }));
    }

    #[test]
    fn other_algorithms_are_named() {
        for name in [
            "ssh-rsa",
            "ssh-dss",
            "sk-ssh-ed25519@openssh.com",
            "sk-ecdsa-sha2-nistp256@openssh.com",
            "ssh-ed25519-cert-v01@openssh.com",
            "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        ] {
            let expected = KeyProblem::Algorithm { name: format!("\"{name}\"") };
            assert_eq!(problem(&format!("{name} AAAA")), expected);
            let mut blob = Vec::new();
            put_string(&mut blob, name.as_bytes());
            assert_eq!(problem(&line_of("ssh-ed25519", &blob)), expected);
        }
    }

    #[test]
    fn every_length_and_byte_of_a_blob_counts() {
        for (line, _) in KEYS {
            let name = line.split(' ').next().unwrap();
            let blob = blob_of(line);
            for end in 0..blob.len() {
                assert_eq!(problem(&line_of(name, &blob[..end])), KeyProblem::OpenSsh, "{name} {end}");
            }
            assert_eq!(problem(&line_of(name, &[&blob[..], &[0]].concat())), KeyProblem::OpenSsh);
            let key = PublicKey::from_openssh(line).unwrap();
            for at in 0..blob.len() {
                let mut changed = blob.clone();
                changed[at] ^= 1;
                // On Edwards curves about every second number is a point.
                let read = PublicKey::from_openssh_blob(&changed);
                assert!(
                    read.is_err_and(|error| error.code() == "E-KEY")
                        || key.algorithm() == KeyAlgorithm::Ed25519
                );
            }
            let mut endless = blob.clone();
            endless[..4].copy_from_slice(&[0xff; 4]);
            assert_eq!(problem(&line_of(name, &endless)), KeyProblem::OpenSsh);
        }
    }

    #[test]
    fn points_are_checked_as_in_der() {
        let of = |curve: &str, point: &[u8]| {
            let name = format!("ecdsa-sha2-{curve}");
            let mut blob = Vec::new();
            for part in [name.as_bytes(), curve.as_bytes(), point] {
                put_string(&mut blob, part);
            }
            problem(&line_of(&name, &blob))
        };
        let point = blob_of(KEYS[0].0)[4 + 19 + 4 + 8 + 4..].to_vec();
        let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
        assert_eq!(of("nistp256", &compressed), KeyProblem::NotCanonical);
        assert_eq!(of("nistp256", &[0]), KeyProblem::Point);
        assert_eq!(of("nistp256", &[&[4_u8][..], &[0; 64]].concat()), KeyProblem::Point);
        assert_eq!(of("nistp384", &point), KeyProblem::Point);
        let edwards = |point: &[u8]| {
            let mut blob = Vec::new();
            put_string(&mut blob, b"ssh-ed25519");
            put_string(&mut blob, point);
            problem(&line_of("ssh-ed25519", &blob))
        };
        assert_eq!(edwards(&[0; 32]), KeyProblem::Point);
        assert_eq!(edwards(&[1; 31]), KeyProblem::Point);
    }
}

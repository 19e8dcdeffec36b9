//! Curves and points as tokens write them: several ways, because the standard changed its mind.

use lacre_attest::{KeyAlgorithm, PublicKey};

use crate::{SignerProblem, encoding};

/// The algorithm of a key by its `CKA_EC_PARAMS`: the identifier of a named curve in DER, or its name.
pub(super) fn algorithm(parameters: &[u8]) -> Result<KeyAlgorithm, SignerProblem> {
    match parameters {
        b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07" => Ok(KeyAlgorithm::EcdsaP256),
        b"\x06\x05\x2b\x81\x04\x00\x22" => Ok(KeyAlgorithm::EcdsaP384),
        b"\x06\x05\x2b\x81\x04\x00\x23" => Ok(KeyAlgorithm::EcdsaP521),
        // RFC 8410; the name of PKCS#11 3.0, section 2.3.5; the identifier from before RFC 8410.
        b"\x06\x03\x2b\x65\x70"
        | b"\x13\x0cedwards25519"
        | b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01" => Ok(KeyAlgorithm::Ed25519),
        _ => Err(SignerProblem::Unsupported {
            found: "an elliptic curve other than P-256, P-384, P-521 and Ed25519".to_owned(),
        }),
    }
}

/// The public key of a `CKA_EC_POINT`: the raw point, or an `OCTET STRING` with it.
///
/// Both may begin with the byte 4, so that only the length tells them apart.
pub(super) fn public_key(algorithm: KeyAlgorithm, attribute: &[u8]) -> Result<PublicKey, SignerProblem> {
    let length = encoding::point_length(algorithm);
    let point = match attribute {
        raw if raw.len() == length => raw,
        [4, size, point @ ..] if *size < 0x80 && usize::from(*size) == length && point.len() == length => {
            point
        }
        [4, 0x81, size, point @ ..]
            if *size >= 0x80 && usize::from(*size) == length && point.len() == length =>
        {
            point
        }
        other => {
            return Err(SignerProblem::Key {
                detail: format!("its {algorithm} point has {} bytes and no form that is known", other.len()),
            });
        }
    };
    encoding::public_key(algorithm, point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileKey;

    #[test]
    fn raw_and_wrapped_points_are_one_key() {
        for algorithm in KeyAlgorithm::ALL {
            let key = FileKey::generate(algorithm).unwrap();
            let der = key.public_key().to_der();
            let length = encoding::point_length(algorithm);
            let raw = &der[der.len() - length..];
            let size = u8::try_from(length).unwrap();
            let header: &[u8] = if size < 0x80 { &[4, size] } else { &[4, 0x81, size] };
            let wrapped = [header, raw].concat();
            assert_eq!(&public_key(algorithm, raw).unwrap(), key.public_key(), "{algorithm}");
            assert_eq!(&public_key(algorithm, &wrapped).unwrap(), key.public_key(), "{algorithm}");
            for wrong in [&raw[1..], &wrapped[1..wrapped.len() - 2], &[&wrapped[..], &[0]].concat(), b""] {
                assert_eq!(public_key(algorithm, wrong).unwrap_err().code(), "E-KEY", "{algorithm}");
            }
        }
    }

    #[test]
    fn other_curves_are_not_supported() {
        // secp256k1, X25519, and nothing.
        for other in [&b"\x06\x05\x2b\x81\x04\x00\x0a"[..], b"\x06\x03\x2b\x65\x6e", b""] {
            assert_eq!(algorithm(other).unwrap_err().code(), "E-UNSUPPORTED");
        }
    }
}

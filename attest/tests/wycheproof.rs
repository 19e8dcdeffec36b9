//! Signatures and keys of the classes that Project Wycheproof collects, generated here: what a lax verifier accepts, and what
//! two verifiers answer differently. Every class starts from a signature that is good, and where a class satisfies the bare
//! equation, that is asserted, so that a refusal is one of strictness.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use ed25519_dalek::Verifier as _;
use lacre_attest::{AttestError, KeyAlgorithm, PublicKey};
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::ops::Reduce as _;
use sha2::{Digest as _, Sha256, Sha512};

const MESSAGE: &[u8] = b"DSSEv1 28 application/vnd.in-toto+json 2 {}";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A DER element, with its length in the shortest form.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, value.to_vec()].concat()
}

/// A number as DER has it: positive, in its shortest form.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
    let digits = &number[start..];
    if digits[0] >= 0x80 { tlv(2, &[&[0], digits].concat()) } else { tlv(2, digits) }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// `one + two`, big-endian, a byte longer than the longer of them.
fn sum(one: &[u8], two: &[u8]) -> Vec<u8> {
    let length = one.len().max(two.len()) + 1;
    let digit = |number: &[u8], at: usize| number.len().checked_sub(at + 1).map_or(0, |index| number[index]);
    let mut total = vec![0; length];
    let mut carry = 0;
    for at in 0..length {
        let digits = u16::from(digit(one, at)) + u16::from(digit(two, at)) + carry;
        total[length - 1 - at] = u8::try_from(digits & 0xff).unwrap();
        carry = digits >> 8;
    }
    total
}

/// A good signature, and the numbers of its curve.
struct Ecdsa {
    algorithm: KeyAlgorithm,
    key: PublicKey,
    r: Vec<u8>,
    s: Vec<u8>,
    order: Vec<u8>,
    field: Vec<u8>,
}

/// SP 800-186, section 3.2.1: the order and the field of P-256, P-384 and P-521.
fn curves() -> Vec<Ecdsa> {
    macro_rules! curve {
        ($krate:ident, $algorithm:expr, $order:expr, $field:expr) => {{
            let order = hex($order);
            let mut scalar = vec![0x42; order.len()];
            scalar[0] = 0;
            let signer = $krate::ecdsa::SigningKey::from_slice(&scalar).unwrap();
            let signature: $krate::ecdsa::Signature = signer.try_sign(MESSAGE).unwrap();
            let (r, s) = signature.split_bytes();
            let pem = $krate::pkcs8::EncodePublicKey::to_public_key_der(signer.verifying_key()).unwrap();
            let key = PublicKey::from_der(pem.as_bytes()).unwrap();
            Ecdsa { algorithm: $algorithm, key, r: r.to_vec(), s: s.to_vec(), order, field: hex($field) }
        }};
    }
    vec![
        curve!(
            p256,
            KeyAlgorithm::EcdsaP256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
            "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
        ),
        curve!(
            p384,
            KeyAlgorithm::EcdsaP384,
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff"
        ),
        curve!(
            p521,
            KeyAlgorithm::EcdsaP521,
            concat!(
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
                "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
            ),
            concat!(
                "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            )
        ),
    ]
}

fn refused(key: &PublicKey, signature: &[u8], what: &str) {
    let error = key.verify(MESSAGE, signature).expect_err(what);
    assert_eq!(error, AttestError::Signature, "{what}");
    assert_eq!(error.code(), "E-SIGNATURE-INVALID");
}

fn bad_key(der: &[u8], what: &str) {
    assert_eq!(PublicKey::from_der(der).expect_err(what).code(), "E-KEY", "{what}");
}

#[test]
fn ecdsa_the_signatures_that_all_starts_from_are_good() {
    for Ecdsa { algorithm, key, r, s, .. } in curves() {
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.verify(MESSAGE, &sequence(&[&integer(&r), &integer(&s)])), Ok(()), "{algorithm}");
    }
}

#[test]
fn ecdsa_numbers_out_of_range() {
    for Ecdsa { algorithm, key, r, s, order, field } in curves() {
        let one = vec![1];
        let all_ones = vec![0xff; order.len()];
        let edges = [
            vec![0],
            one.clone(),
            order.clone(),
            sum(&order, &one),
            field.clone(),
            sum(&field, &one),
            all_ones.clone(),
            sum(&all_ones, &one),
            sum(&order, &order),
        ];
        // Equal to the good number modulo the order: the bare equation holds.
        let more_r = [sum(&r, &order), sum(&sum(&r, &order), &order)];
        let more_s = [sum(&s, &order), sum(&sum(&s, &order), &order)];
        for (at, bad) in edges.iter().chain(&more_r).enumerate() {
            refused(&key, &sequence(&[&integer(bad), &integer(&s)]), &format!("{algorithm}, r {at}"));
        }
        for (at, bad) in edges.iter().chain(&more_s).enumerate() {
            refused(&key, &sequence(&[&integer(&r), &integer(bad)]), &format!("{algorithm}, s {at}"));
        }
        for (at, one) in edges.iter().enumerate() {
            for (and, two) in edges.iter().enumerate() {
                let both = sequence(&[&integer(one), &integer(two)]);
                refused(&key, &both, &format!("{algorithm}, r {at} and s {and}"));
            }
        }
        refused(&key, &sequence(&[&integer(&s), &integer(&r)]), &format!("{algorithm}, r and s swapped"));
    }
}

#[test]
fn ecdsa_encodings_that_are_not_der() {
    for Ecdsa { algorithm, key, r, s, .. } in curves() {
        let (r, s) = (integer(&r), integer(&s));
        let body = [r.clone(), s.clone()].concat();
        let length = u8::try_from(body.len()).unwrap();
        let good = sequence(&[&body]);
        assert_eq!(key.verify(MESSAGE, &good), Ok(()));
        // The digits of a number without tag and length (none of these has 128 bytes).
        let digits = |number: &[u8]| number[2..].to_vec();
        let longer = |number: &[u8], length: &[u8]| [&[2], length, &digits(number)].concat();
        let size = |number: &[u8]| u8::try_from(number.len() - 2).unwrap();
        let negative = |number: &[u8]| {
            let mut digits = digits(number);
            if digits[0] == 0 {
                digits.remove(0);
            }
            digits[0] |= 0x80;
            tlv(2, &digits)
        };
        let float = [0x09, 0x03, 0x80, 0x00, 0x01];
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("nothing", vec![]),
            ("no content", vec![0x30, 0]),
            ("NULL", vec![5, 0]),
            ("two NULLs", sequence(&[&[5, 0], &[5, 0]])),
            ("a length of two bytes", [&[0x30, 0x82, 0, length][..], &body].concat()),
            ("a length of nine bytes", [&[0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, length][..], &body].concat()),
            ("an endless length", [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &body].concat()),
            ("an indefinite length", [&[0x30, 0x80][..], &body, &[0, 0]].concat()),
            ("an indefinite length without end", [&[0x30, 0x80][..], &body].concat()),
            ("a length that is reserved", [&[0x30, 0xff][..], &body].concat()),
            ("r with a long length", sequence(&[&longer(&r, &[0x81, size(&r)]), &s])),
            ("s with a long length", sequence(&[&r, &longer(&s, &[0x81, size(&s)])])),
            ("r with a longer length", sequence(&[&longer(&r, &[0x82, 0, size(&r)]), &s])),
            ("s with a longer length", sequence(&[&r, &longer(&s, &[0x82, 0, size(&s)])])),
            (
                "r with an indefinite length",
                sequence(&[&[&[2, 0x80][..], &digits(&r), &[0, 0]].concat(), &s]),
            ),
            ("r with a zero in front", sequence(&[&tlv(2, &[vec![0], digits(&r)].concat()), &s])),
            ("s with a zero in front", sequence(&[&r, &tlv(2, &[vec![0], digits(&s)].concat())])),
            ("r with a zero behind", sequence(&[&tlv(2, &[digits(&r), vec![0]].concat()), &s])),
            ("s with a zero behind", sequence(&[&r, &tlv(2, &[digits(&s), vec![0]].concat())])),
            ("r of no digits", sequence(&[&[2, 0], &s])),
            ("s of no digits", sequence(&[&r, &[2, 0]])),
            ("negative r", sequence(&[&negative(&r), &s])),
            ("negative s", sequence(&[&r, &negative(&s)])),
            ("r = -1", sequence(&[&[2, 1, 0xff], &s])),
            ("s = -1", sequence(&[&r, &[2, 1, 0xff]])),
            ("r alone", sequence(&[&r])),
            ("s missing its content", sequence(&[&r, &[2]])),
            ("three numbers", sequence(&[&r, &s, &[2, 1, 1]])),
            ("a byte behind s", sequence(&[&r, &s, &[0]])),
            ("NULL behind s", sequence(&[&r, &s, &[5, 0]])),
            ("a byte behind", [good.clone(), vec![0]].concat()),
            ("NULL behind", [good.clone(), vec![5, 0]].concat()),
            ("the end of an indefinite length behind", [good.clone(), vec![0, 0]].concat()),
            ("a sequence in a sequence", sequence(&[&good])),
            ("a set", tlv(0x31, &body)),
            ("a primitive sequence", tlv(0x10, &body)),
            ("octets", tlv(4, &body)),
            ("r as octets", sequence(&[&tlv(4, &digits(&r)), &s])),
            ("r as bits", sequence(&[&tlv(3, &digits(&r)), &s])),
            ("r as an enumeration", sequence(&[&tlv(10, &digits(&r)), &s])),
            ("r constructed", sequence(&[&tlv(0x22, &r), &s])),
            ("r as a float", sequence(&[&float, &s])),
            ("s as a float", sequence(&[&r, &float])),
            ("r with a tag of its own", sequence(&[&tlv(0x82, &digits(&r)), &s])),
            ("IEEE P1363", [digits(&r), digits(&s)].concat()),
        ];
        for (what, bytes) in cases {
            refused(&key, &bytes, &format!("{algorithm}, {what}"));
        }
        for end in 0..good.len() {
            refused(&key, &good[..end], &format!("{algorithm}, {end} bytes"));
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut flipped = good.clone();
                flipped[at] ^= 1 << bit;
                // Whole curves of flipped bits take long; the head of each number and every seventh byte are enough.
                if at < 12 || at % 7 == 0 {
                    refused(&key, &flipped, &format!("{algorithm}, bit {bit} of byte {at}"));
                }
            }
        }
    }
}

/// `u1·G + u2·Q` is the point at infinity, which has no x. A verifier that takes its x for zero, or does not look, is lost:
/// anybody who knows the private key of a *trusted* key could sign so, and it must not count as a signature.
#[test]
fn ecdsa_the_point_at_infinity_as_the_result() {
    let d = p256::Scalar::from(0x1234_5678_u64);
    let hash = p256::Scalar::reduce(&Sha256::digest(MESSAGE));
    let r = -(hash * d.invert().unwrap());
    assert_eq!(hash + r * d, p256::Scalar::ZERO, "the sum is infinity whatever s is");
    let secret = p256::SecretKey::from_bytes(&d.to_bytes()).unwrap();
    let der = p256::pkcs8::EncodePublicKey::to_public_key_der(&secret.public_key()).unwrap();
    let key = PublicKey::from_der(der.as_bytes()).unwrap();
    for s in [p256::Scalar::ONE, p256::Scalar::from(7_u64), hash, r] {
        refused(&key, &sequence(&[&integer(&r.to_bytes()), &integer(&s.to_bytes())]), "infinity");
    }
}

#[test]
fn ecdsa_points_that_are_none() {
    for Ecdsa { algorithm, key, field, .. } in curves() {
        let der = key.to_der();
        let size = field.len();
        let (head, point) = der.split_at(der.len() - 1 - 2 * size);
        let (x, y) = point[1..].split_at(size);
        let with = |point: &[u8]| [head, point].concat();
        assert!(PublicKey::from_der(&with(point)).is_ok());
        let zero = vec![0; size];
        let of = |tag: u8, x: &[u8], y: &[u8]| with(&[&[tag], x, y].concat());
        for (what, der) in [
            ("the origin", of(4, &zero, &zero)),
            ("x of another point", of(4, y, y)),
            ("coordinates swapped", of(4, y, x)),
            ("x = p", of(4, &field, y)),
            ("y = p", of(4, x, &field)),
            ("all ones", of(4, &vec![0xff; size], &vec![0xff; size])),
            ("hybrid, even", of(6, x, y)),
            ("hybrid, odd", of(7, x, y)),
            ("a tag that is none", of(5, x, y)),
            ("infinity in the length of a point", of(0, x, y)),
        ] {
            bad_key(&der, &format!("{algorithm}, {what}"));
        }
        // Unreduced coordinates fit in the bytes of P-521 only: the same point in another encoding.
        if algorithm == KeyAlgorithm::EcdsaP521 {
            let more = |number: &[u8]| sum(number, &field)[1..].to_vec();
            bad_key(&of(4, &more(x), y), "x + p");
            bad_key(&of(4, x, &more(y)), "y + p");
        }
        for at in [1, size, size + 1, 2 * size] {
            let mut moved = point.to_vec();
            moved[at] ^= 1;
            bad_key(&with(&moved), &format!("{algorithm}, byte {at} of the point"));
        }
    }
}

#[test]
fn ecdsa_with_the_hash_of_another_curve() {
    let curves = curves();
    let signer = p384::ecdsa::SigningKey::from_slice(&[&[0][..], &[0x42; 47]].concat()).unwrap();
    // As cosign verifies with P-384: it hashes by SHA-256.
    let digest = Sha256::digest(MESSAGE);
    let signature: p384::ecdsa::Signature =
        p384::ecdsa::signature::hazmat::PrehashSigner::sign_prehash(&signer, &digest).unwrap();
    refused(&curves[1].key, signature.to_der().as_bytes(), "P-384 with SHA-256");
    for one in &curves {
        for other in curves.iter().filter(|other| other.algorithm != one.algorithm) {
            refused(&one.key, &sequence(&[&integer(&other.r), &integer(&other.s)]), "another curve's");
        }
    }
}

/// The order of the base point of edwards25519 (RFC 8032, section 5.1), little-endian.
const L: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// An Ed25519 key whose scalar is known, so that signatures can be made that no signer makes.
struct Ed25519 {
    scalar: Scalar,
    point: [u8; 32],
}

impl Ed25519 {
    fn new() -> Self {
        let scalar = Scalar::from_bytes_mod_order_wide(&Sha512::digest(b"a secret").into());
        Self { scalar, point: EdwardsPoint::mul_base(&scalar).compress().to_bytes() }
    }

    fn key(&self) -> PublicKey {
        PublicKey::from_der(&edwards_der(&self.point)).unwrap()
    }

    fn lax(&self) -> ed25519_dalek::VerifyingKey {
        ed25519_dalek::VerifyingKey::from_bytes(&self.point).unwrap()
    }

    /// RFC 8032, section 5.1.6, with `nonce` and the `commitment` to be written as R.
    fn sign(&self, nonce: Scalar, commitment: &[u8; 32]) -> [u8; 64] {
        let s = nonce + challenge(commitment, &self.point) * self.scalar;
        join(commitment, &s.to_bytes())
    }
}

fn edwards_der(point: &[u8; 32]) -> Vec<u8> {
    [&hex("302a300506032b6570032100")[..], point].concat()
}

fn join(commitment: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    [&commitment[..], s].concat().try_into().unwrap()
}

fn challenge(commitment: &[u8; 32], point: &[u8; 32]) -> Scalar {
    let hash = Sha512::new().chain_update(commitment).chain_update(point).chain_update(MESSAGE).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn nonce() -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(b"a nonce").into())
}

/// `number` + `count`·L in 32 bytes, if it fits.
fn plus_orders(number: &[u8; 32], count: usize) -> Option<[u8; 32]> {
    let flip = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let (mut total, order) = (flip(number), flip(&hex(L)));
    for _ in 0..count {
        total = sum(&total, &order);
    }
    let (over, digits) = total.split_at(total.len() - 32);
    over.iter().all(|byte| *byte == 0).then(|| flip(digits).try_into().unwrap())
}

/// Every encoding of a point of order 1, 2, 4 or 8: canonical, with the coordinate not reduced, and with the sign of zero.
fn small_order() -> Vec<[u8; 32]> {
    let mut all: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    let mut with_sign = |mut encoding: [u8; 32], low: u8| {
        encoding[0] = low;
        for sign in [0, 0x80] {
            encoding[31] = encoding[31] & 0x7f | sign;
            if !all.contains(&encoding) {
                all.push(encoding);
            }
        }
    };
    let mut prime = [0xff; 32];
    prime[31] = 0x7f;
    // y = 0, 1 and -1 with both signs; p = 2²⁵⁵ - 19 ends in ed: p and p + 1.
    with_sign([0; 32], 0);
    with_sign([0; 32], 1);
    with_sign(prime, 0xec);
    with_sign(prime, 0xed);
    with_sign(prime, 0xee);
    all
}

#[test]
fn ed25519_the_signature_that_all_starts_from_is_good() {
    let signer = Ed25519::new();
    let good = signer.sign(nonce(), &EdwardsPoint::mul_base(&nonce()).compress().to_bytes());
    assert_eq!(signer.key().verify(MESSAGE, &good), Ok(()));
}

#[test]
fn ed25519_s_that_is_not_reduced() {
    let signer = Ed25519::new();
    let commitment = EdwardsPoint::mul_base(&nonce()).compress().to_bytes();
    let good = signer.sign(nonce(), &commitment);
    let s: [u8; 32] = good[32..].try_into().unwrap();
    let mut tried = 0;
    for count in 1..=15 {
        let Some(more) = plus_orders(&s, count) else { continue };
        assert_eq!(Scalar::from_bytes_mod_order(more).to_bytes(), s, "the equation holds");
        refused(&signer.key(), &join(&commitment, &more), &format!("s + {count} L"));
        tried += 1;
    }
    assert!(tried >= 14, "{tried}");
    for (what, s) in [("L", hex(L).try_into().unwrap()), ("all ones", [0xff; 32]), ("zero", [0; 32])] {
        refused(&signer.key(), &join(&commitment, &s), what);
    }
    for bit in [0x20, 0x40, 0x80] {
        let mut high = good;
        high[63] |= bit;
        refused(&signer.key(), &high, "a high bit of s");
    }
}

#[test]
fn ed25519_r_of_small_order() {
    let signer = Ed25519::new();
    let identity = EdwardsPoint::identity().compress().to_bytes();
    // The nonce 0: whoever sees it has the key, and it is the one of these that satisfies the equation without the cofactor.
    let zero = signer.sign(Scalar::ZERO, &identity);
    let lax = ed25519_dalek::Signature::from_bytes(&zero);
    assert!(signer.lax().verify(MESSAGE, &lax).is_ok(), "the default of ed25519-dalek accepts it");
    for encoding in small_order() {
        refused(&signer.key(), &signer.sign(Scalar::ZERO, &encoding), &format!("R {encoding:02x?}"));
    }
}

/// With the cofactor (RFC 8032, section 5.1.7, allows both), these are good; without it, they are not.
#[test]
fn ed25519_r_with_a_part_of_small_order() {
    let signer = Ed25519::new();
    for torsion in &EIGHT_TORSION[1..] {
        let point = EdwardsPoint::mul_base(&nonce()) + torsion;
        let commitment = point.compress().to_bytes();
        let mixed = signer.sign(nonce(), &commitment);
        let s = Scalar::from_bytes_mod_order(mixed[32..].try_into().unwrap());
        let key = EdwardsPoint::mul_base(&signer.scalar);
        let rest = EdwardsPoint::mul_base(&s) - point - key * challenge(&commitment, &signer.point);
        assert!(rest.is_small_order(), "good with the cofactor");
        refused(&signer.key(), &mixed, "R with a part of small order");
    }
}

#[test]
fn ed25519_r_that_is_no_point_or_not_reduced() {
    let signer = Ed25519::new();
    for low in 0xed..=0xff_u8 {
        // y = p + 0 … p + 18, the coordinates that have a second encoding.
        let mut encoding = [0xff; 32];
        encoding[0] = low;
        for high in [0x7f, 0xff] {
            encoding[31] = high;
            refused(&signer.key(), &signer.sign(nonce(), &encoding), "R not reduced");
        }
    }
    let mut off = [0; 32];
    off[0] = 2;
    assert!(curve25519_dalek::edwards::CompressedEdwardsY(off).decompress().is_none());
    refused(&signer.key(), &signer.sign(nonce(), &off), "R that is no point");
    refused(&signer.key(), &[0; 64], "zeros");
    refused(&signer.key(), &[0xff; 64], "ones");
}

#[test]
fn ed25519_keys_of_small_order_or_not_reduced() {
    let mut lax = 0;
    for encoding in small_order() {
        bad_key(&edwards_der(&encoding), &format!("{encoding:02x?}"));
        lax += usize::from(ed25519_dalek::VerifyingKey::from_bytes(&encoding).is_ok());
    }
    assert!(lax >= 8, "ed25519-dalek itself reads these: {lax}");
    for low in 0xed..=0xff_u8 {
        let mut encoding = [0xff; 32];
        encoding[0] = low;
        for high in [0x7f, 0xff] {
            encoding[31] = high;
            bad_key(&edwards_der(&encoding), "y not reduced");
        }
    }
}

/// A key with a part of small order is its holder's folly: verifiers with and without the cofactor disagree over what it
/// signs. Ours is without, so that nothing counts here that does not count everywhere.
#[test]
fn ed25519_keys_with_a_part_of_small_order() {
    let sound = Ed25519::new();
    let torsion = EIGHT_TORSION[1];
    let point = (EdwardsPoint::mul_base(&sound.scalar) + torsion).compress().to_bytes();
    let signer = Ed25519 { scalar: sound.scalar, point };
    let (mut good, mut bad) = (0, 0);
    for count in 0_u64..64 {
        let nonce = nonce() + Scalar::from(count);
        let commitment = EdwardsPoint::mul_base(&nonce).compress().to_bytes();
        let signature = signer.sign(nonce, &commitment);
        let multiple_of_eight = challenge(&commitment, &point).to_bytes()[0].is_multiple_of(8);
        assert_eq!(signer.key().verify(MESSAGE, &signature).is_ok(), multiple_of_eight);
        if multiple_of_eight { good += 1 } else { bad += 1 }
    }
    assert!(good > 0 && bad > 0, "{good} and {bad}");
}

#[test]
fn ed25519_of_another_length_or_variant() {
    let signer = Ed25519::new();
    let commitment = EdwardsPoint::mul_base(&nonce()).compress().to_bytes();
    let good = signer.sign(nonce(), &commitment);
    for end in 0..64 {
        refused(&signer.key(), &good[..end], &format!("{end} bytes"));
    }
    refused(&signer.key(), &[&good[..], &[0]].concat(), "65 bytes");
    refused(&signer.key(), &[&good[32..], &good[..32]].concat(), "s ‖ R");
    refused(&signer.key(), &tlv(4, &good), "in DER");
    for at in 0..64 {
        for bit in 0..8 {
            let mut flipped = good;
            flipped[at] ^= 1 << bit;
            refused(&signer.key(), &flipped, &format!("bit {bit} of byte {at}"));
        }
    }
    // Ed25519ph and Ed25519ctx begin their hashes with this (RFC 8032, section 2).
    for flag in [0_u8, 1] {
        let hashed = Sha512::digest(MESSAGE);
        let message = if flag == 1 { &hashed[..] } else { MESSAGE };
        let hash = Sha512::new()
            .chain_update(b"SigEd25519 no Ed25519 collisions")
            .chain_update([flag, 0])
            .chain_update(commitment)
            .chain_update(signer.point)
            .chain_update(message)
            .finalize();
        let s = nonce() + Scalar::from_bytes_mod_order_wide(&hash.into()) * signer.scalar;
        refused(&signer.key(), &join(&commitment, &s.to_bytes()), "Ed25519ph or Ed25519ctx");
    }
}

use super::*;

/// `SubjectPublicKeyInfo` up to the point, per curve: what `openssl ec -pubout -outform DER` writes.
const P256_HEAD: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const P384_HEAD: &str = "3076301006072a8648ce3d020106052b81040022036200";
const P521_HEAD: &str = "30819b301006072a8648ce3d020106052b81040023038186 00";
const ED25519_HEAD: &str = "302a300506032b6570032100";

/// RFC 6979, appendix A.2.5: key, and the signature of "sample" with SHA-256. Its `s` is the high one.
const P256_X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const P256_Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const P256_R: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
const P256_S: &str = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
/// The order of P-256 (FIPS 186-5 / SP 800-186, section 3.2.1.3).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// RFC 6979, appendix A.2.6, SHA-384.
const P384_POINT: &str = "04\
    ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13\
    8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720";
const P384_R: &str =
    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46";
const P384_S: &str =
    "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8";

/// RFC 6979, appendix A.2.7, SHA-512.
const P521_POINT: &str = "04\
    01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4\
    00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5";
const P521_R: &str = "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa";
const P521_S: &str = "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a";

/// RFC 8032, section 7.1, test 3.
const ED25519_KEY: &str = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
const ED25519_MESSAGE: [u8; 2] = [0xaf, 0x82];
const ED25519_R: &str = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac";
const ED25519_S: &str = "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert_eq!(digits.len() % 2, 0);
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn der_of(head: &str, point: &str) -> Vec<u8> {
    hex(&format!("{head}{point}"))
}

fn p256_point() -> String {
    format!("04{P256_X}{P256_Y}")
}

fn key(head: &str, point: &str) -> PublicKey {
    PublicKey::from_der(&der_of(head, point)).unwrap()
}

/// A DER INTEGER of the unsigned number `value`.
fn integer(value: &[u8]) -> Vec<u8> {
    let start = value.iter().position(|byte| *byte != 0).unwrap_or(value.len() - 1);
    let mut digits = value[start..].to_vec();
    if digits[0] >= 0x80 {
        digits.insert(0, 0);
    }
    tlv(0x02, &digits)
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    let mut encoded = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    encoded.extend_from_slice(value);
    encoded
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn signature(r: &str, s: &str) -> Vec<u8> {
    sequence(&[integer(&hex(r)), integer(&hex(s))])
}

fn problem(bytes: &[u8]) -> KeyProblem {
    match PublicKey::from_der(bytes) {
        Err(AttestError::Key { problem }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ecdsa_signatures_of_rfc_6979_verify_and_only_over_their_message() {
    for (key, signature, algorithm) in [
        (key(P256_HEAD, &p256_point()), signature(P256_R, P256_S), KeyAlgorithm::EcdsaP256),
        (key(P384_HEAD, P384_POINT), signature(P384_R, P384_S), KeyAlgorithm::EcdsaP384),
        (key(P521_HEAD, P521_POINT), signature(P521_R, P521_S), KeyAlgorithm::EcdsaP521),
    ] {
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.verify(b"sample", &signature), Ok(()), "{algorithm}");
        assert_eq!(key.verify(b"sampl", &signature).unwrap_err().code(), "E-SIGNATURE-INVALID");
        assert_eq!(key.verify(b"test", &signature).unwrap_err().code(), "E-SIGNATURE-INVALID");
    }
}

#[test]
fn ed25519_signature_of_rfc_8032_verifies_and_only_over_its_message() {
    let key = key(ED25519_HEAD, ED25519_KEY);
    let signature = hex(&format!("{ED25519_R}{ED25519_S}"));
    assert_eq!(key.algorithm(), KeyAlgorithm::Ed25519);
    assert_eq!(key.verify(&ED25519_MESSAGE, &signature), Ok(()));
    assert_eq!(key.verify(&[0xaf], &signature), Err(AttestError::Signature));
}

#[test]
fn both_values_of_s_are_accepted() {
    let key = key(P256_HEAD, &p256_point());
    // n - s by schoolbook subtraction, so that no curve library says what the low value is.
    let (order, high) = (hex(P256_ORDER), hex(P256_S));
    let mut low = vec![0_u8; 32];
    let mut borrow = 0;
    for index in (0..32).rev() {
        let difference = i16::from(order[index]) - i16::from(high[index]) - borrow;
        borrow = i16::from(difference < 0);
        low[index] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    assert!(low < high);
    assert_eq!(key.verify(b"sample", &sequence(&[integer(&hex(P256_R)), integer(&low)])), Ok(()));
}

#[test]
fn ecdsa_signatures_have_one_encoding() {
    let key = key(P256_HEAD, &p256_point());
    let (r, s) = (integer(&hex(P256_R)), integer(&hex(P256_S)));
    let good = sequence(&[r.clone(), s.clone()]);
    assert_eq!(key.verify(b"sample", &good), Ok(()));
    let body = [r.clone(), s.clone()].concat();
    let padded = |value: &[u8]| tlv(0x02, &[&[0], value].concat());
    let zero = integer(&[0]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("a byte behind the sequence", [good.clone(), vec![0]].concat()),
        ("a byte inside the sequence", sequence(&[r.clone(), s.clone(), vec![0]])),
        ("a third integer", sequence(&[r.clone(), s.clone(), integer(&[1])])),
        (
            "long form of a short length",
            [vec![0x30, 0x81, u8::try_from(body.len()).unwrap()], body.clone()].concat(),
        ),
        ("indefinite length", [vec![0x30, 0x80], body.clone(), vec![0, 0]].concat()),
        ("r with a needless zero", sequence(&[padded(&r[2..]), s.clone()])),
        ("s with a needless zero", sequence(&[r.clone(), padded(&s[2..])])),
        ("negative r", sequence(&[tlv(0x02, &hex(P256_R)), s.clone()])),
        ("r = 0", sequence(&[zero.clone(), s.clone()])),
        ("s = 0", sequence(&[r.clone(), zero.clone()])),
        ("r = s = 0", sequence(&[zero.clone(), zero])),
        ("r = n", sequence(&[integer(&hex(P256_ORDER)), s.clone()])),
        ("s = n", sequence(&[r.clone(), integer(&hex(P256_ORDER))])),
        ("r of 33 bytes", sequence(&[integer(&[&[1], &hex(P256_R)[..]].concat()), s.clone()])),
        ("a set", tlv(0x31, &body)),
        ("r ‖ s without DER", [hex(P256_R), hex(P256_S)].concat()),
    ];
    for (what, bytes) in cases {
        assert_eq!(key.verify(b"sample", &bytes), Err(AttestError::Signature), "{what}");
    }
    for index in 0..good.len() {
        let mut flipped = good.clone();
        flipped[index] ^= 1;
        assert_eq!(key.verify(b"sample", &flipped), Err(AttestError::Signature), "byte {index}");
    }
}

#[test]
fn ed25519_signatures_have_one_encoding() {
    let key = key(ED25519_HEAD, ED25519_KEY);
    let good = hex(&format!("{ED25519_R}{ED25519_S}"));
    // s + L, with L of RFC 8032, section 5.1: satisfies the equation, and must not be accepted.
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut malleated = good.clone();
    let mut carry = 0;
    for index in 0..32 {
        let sum = u16::from(good[32 + index]) + u16::from(order[index]) + carry;
        malleated[32 + index] = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    for (what, bytes) in [
        ("s + L", malleated),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [good.clone(), vec![0]].concat()),
        ("empty", vec![]),
    ] {
        assert_eq!(key.verify(&ED25519_MESSAGE, &bytes), Err(AttestError::Signature), "{what}");
    }
}

#[test]
fn a_signature_of_another_algorithm_does_not_verify() {
    let ecdsa = signature(P256_R, P256_S);
    for key in [key(P384_HEAD, P384_POINT), key(P521_HEAD, P521_POINT), key(ED25519_HEAD, ED25519_KEY)] {
        assert_eq!(key.verify(b"sample", &ecdsa), Err(AttestError::Signature), "{key:?}");
    }
}

#[test]
fn keys_have_one_encoding() {
    let good = der_of(P256_HEAD, &p256_point());
    assert_eq!(PublicKey::from_der(&good).unwrap().to_der(), good);
    // P256_Y is odd, so the compressed form begins with 03.
    let compressed = format!("3039301306072a8648ce3d020106082a8648ce3d030107032200 03{P256_X}");
    assert_eq!(problem(&hex(&compressed)), KeyProblem::NotCanonical);
    let compact = format!("3039301306072a8648ce3d020106082a8648ce3d030107032200 05{P256_X}");
    assert!(matches!(problem(&hex(&compact)), KeyProblem::NotCanonical | KeyProblem::Point));
    let hybrid = der_of(P256_HEAD, &format!("07{P256_X}{P256_Y}"));
    assert_eq!(problem(&hybrid), KeyProblem::Point);
    assert_eq!(problem(&[good.clone(), vec![0]].concat()), KeyProblem::Der);
    assert_eq!(problem(&good[..good.len() - 1]), KeyProblem::Der);
    let mut long_length = good.clone();
    long_length.splice(1..2, [0x81, 0x59]);
    assert_eq!(problem(&long_length), KeyProblem::Der);
    // id-Ed25519 with a NULL parameter, which RFC 8410, section 3, forbids.
    assert_eq!(problem(&hex(&format!("302c300706032b65700500032100{ED25519_KEY}"))), KeyProblem::Point);
}

#[test]
fn points_are_on_their_curve_and_of_full_order() {
    for point in [
        format!("04{P256_X}{}", P256_Y.replace("2299", "2298")),
        format!("04{P256_Y}{P256_X}"),
        format!("04{}", "0".repeat(128)),
        format!("04{P256_X}{}", "f".repeat(64)),
    ] {
        assert_eq!(problem(&der_of(P256_HEAD, &point)), KeyProblem::Point, "{point}");
    }
    // The point at infinity.
    assert_eq!(problem(&hex("3019301306072a8648ce3d020106082a8648ce3d030107030200 00")), KeyProblem::Point);
    for (what, point) in [
        ("neutral element", "0100000000000000000000000000000000000000000000000000000000000000"),
        ("order 4", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("order 8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        ("y = p + 3, not reduced", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("not on the curve", "0200000000000000000000000000000000000000000000000000000000000000"),
    ] {
        assert_eq!(problem(&der_of(ED25519_HEAD, point)), KeyProblem::Point, "{what}");
    }
}

#[test]
fn other_algorithms_are_named() {
    let named = |text: &str, oid: &str| {
        assert_eq!(problem(&hex(text)), KeyProblem::Algorithm { name: oid.to_owned() });
    };
    // RSA, secp256k1, X25519.
    named("3014300d06092a864886f70d01010105000303000102", "1.2.840.113549.1.1.1");
    named("3018301006072a8648ce3d020106052b8104000a030400040102", "1.3.132.0.10");
    named(&format!("302a300506032b656e032100{ED25519_KEY}"), "1.3.101.110");
    // An EC key that names no curve.
    assert_eq!(problem(&hex("3010300906072a8648ce3d0201030300 0401")), KeyProblem::NotCanonical);
}

#[test]
fn pem_is_exactly_one_public_key_block() {
    let key = key(P256_HEAD, &p256_point());
    let pem = key.to_pem();
    // RFC 7468: 64 columns, line feeds, one at the end.
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"));
    assert!(pem.ends_with("\n-----END PUBLIC KEY-----\n"));
    assert!(pem.lines().all(|line| line.len() <= 64));
    for accepted in [
        pem.to_owned(),
        pem.replace('\n', "\r\n"),
        format!("{pem}\n\n"),
        pem.trim_end().to_owned(),
        format!("Public Key Algorithm: EC/ECDSA\n\n{pem}"),
    ] {
        assert_eq!(PublicKey::from_pem(&accepted).unwrap(), key, "{accepted:?}");
    }
    let label = |name: &str| KeyProblem::Label { label: format!("\"{name}\"") };
    for (text, expected) in [
        (String::new(), KeyProblem::Pem),
        ("not a key".to_owned(), KeyProblem::Pem),
        (format!("{pem}{pem}"), KeyProblem::Pem),
        (format!("{pem}text behind"), KeyProblem::Pem),
        // A block that is not at the start of its line: some programs see it, some do not.
        (format!("Key: {pem}{pem}"), KeyProblem::Pem),
        (pem.replace("END PUBLIC", "END PRIVATE"), KeyProblem::Pem),
        (pem.replace("PUBLIC KEY", "PRIVATE KEY"), label("PRIVATE KEY")),
        (pem.replace("PUBLIC KEY", "CERTIFICATE"), label("CERTIFICATE")),
        (pem.replacen("MFkw", "MFk_", 1), KeyProblem::Pem),
        (pem.replacen("MFkw", "MF\nkw", 1), KeyProblem::Pem),
        (
            format!("{}{pem}", " ".repeat(16 * 1024)),
            KeyProblem::TooLarge { size: 16 * 1024 + pem.len(), limit: LIMIT },
        ),
    ] {
        let error = PublicKey::from_pem(&text).unwrap_err();
        assert_eq!(error.code(), "E-KEY");
        assert_eq!(error, AttestError::Key { problem: expected }, "{text:?}");
    }
}

#[test]
fn algorithms_have_stable_names() {
    for algorithm in KeyAlgorithm::ALL {
        assert_eq!(algorithm.as_str().parse::<KeyAlgorithm>(), Ok(algorithm));
    }
    assert_eq!("rsa".parse::<KeyAlgorithm>().unwrap_err().code(), "E-KEY");
    assert_eq!("ECDSA-P256".parse::<KeyAlgorithm>().unwrap_err().code(), "E-KEY");
}

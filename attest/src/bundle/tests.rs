use super::*;
use crate::IN_TOTO_PAYLOAD_TYPE;

const LIMITS: Limits = Limits { statement: 256, depth: 16 };
const HINT: &str = "e8450dec4eb99dae995da9af1bc2cc9f76ed669ee2e744f57abba763df3e3f8e";
/// The P-384 test key of the OMS vectors, as a bundle of model-signing 0.3.1 writes it.
const RAW_KEY: &str = "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KTUhZd0VBWUhLb1pJemowQ0FRWUZLNEVFQUNJRFlnQUVzdTZyWkdCVGp4dHZSV1BNaXhUKzNIeW5kVjBKMFlidAphSFpVY080REVLK09KSE8vNGUzMmJiL2ZiSktTcFJnY0JzSXBLTGNWaWpVb215Rk9FUmJkN3UrQlRQU1VqR1pEClFxNko3bFR2cC9FQVhRR09LeFc5UlAwTUdYM3FBa3ZpCi0tLS0tRU5EIFBVQkxJQyBLRVktLS0tLQo=";
const ENVELOPE: &str =
    r#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AQI="}]}"#;

/// A bundle in the form in which Lacre writes it.
fn good() -> String {
    around(&format!(r#"{{"publicKey":{{"hint":"{HINT}"}}}}"#))
}

fn around(material: &str) -> String {
    format!(
        r#"{{"dsseEnvelope":{ENVELOPE},"mediaType":"{BUNDLE_MEDIA_TYPE}","verificationMaterial":{material}}}"#
    )
}

fn parse(text: &str) -> Result<Bundle, AttestError> {
    Bundle::parse(text.as_bytes(), &LIMITS)
}

fn code(text: &str) -> &'static str {
    parse(text).map_or_else(|error| error.code(), |_| "ok")
}

fn with(part: &str, replacement: &str) -> String {
    let good = good();
    assert_eq!(good.matches(part).count(), 1, "{part}");
    good.replace(part, replacement)
}

/// The bundle is read, and what is written of it is read as the same.
fn read(text: &str) -> Bundle {
    let bundle = parse(text).unwrap();
    assert_eq!(parse(&String::from_utf8(bundle.to_json()).unwrap()), Ok(bundle.clone()));
    bundle
}

#[test]
fn writes_what_it_reads() {
    let bundle = read(&good());
    assert_eq!(bundle.to_json(), good().as_bytes());
    assert_eq!(bundle.media_type(), BUNDLE_MEDIA_TYPE);
    assert_eq!(bundle.envelope().payload(), b"{}");
    assert!(
        matches!(bundle.material(), Material::PublicKey(KeyHint::OmsHex(digest)) if digest.to_string() == HINT)
    );
    let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, b"{}".to_vec(), vec![1, 2]).unwrap();
    assert_eq!(Bundle::new(Material::PublicKey(KeyHint::parse(HINT)), envelope), bundle);
}

#[test]
fn written_keys_stand_in_code_point_order() {
    let chain = r#"{"x509CertificateChain":{"certificates":[{"rawBytes":"MAA="}]},"tlogEntries":[{"a":1}],"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"AA=="}]}}"#;
    for text in [good(), around(chain), around(&format!(r#"{{"publicKey":{{"rawBytes":"{RAW_KEY}"}}}}"#))] {
        let written = parse(&text).unwrap().to_json();
        let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(lacre_json::to_vec(&value), written);
    }
}

#[test]
fn reads_the_forms_that_peers_write() {
    // model-signing 1.1: other order, an empty list of log entries, an empty key id.
    let python = format!(
        r#"{{"mediaType": "{BUNDLE_MEDIA_TYPE}", "verificationMaterial": {{"publicKey": {{"hint": "{HINT}"}}, "tlogEntries": []}}, "dsseEnvelope": {{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{{"sig": "AQI=", "keyid": ""}}]}}}}"#
    );
    assert_eq!(read(&python), parse(&good()).unwrap());
    // model-signing 0.3 to 1.0: the key itself, a null key id.
    let old = around(&format!(
        r#"{{"publicKey":{{"rawBytes":"{RAW_KEY}","keyDetails":"PKIX_ECDSA_P384_SHA_384"}}}}"#
    ))
    .replace(r#"{"sig""#, r#"{"keyid":null,"sig""#);
    let Material::PublicKey(KeyHint::Key(key)) = read(&old).material().clone() else { panic!() };
    assert_eq!(key.hint(), HINT);
    // cosign: base64 of the hash of the DER.
    let cosign = with(HINT, "weSdYzJ/hcfilxrv0wtaDRxrm14aiS5/X7qZWtrOgW0=");
    let Material::PublicKey(hint) = read(&cosign).material().clone() else { panic!() };
    assert_eq!(hint.names(&key), Some(true));
    // No hint at all.
    for none in ["{}", r#"{"hint":""}"#, r#"{"hint":null}"#] {
        let bundle = read(&around(&format!(r#"{{"publicKey":{none}}}"#)));
        assert_eq!(*bundle.material(), Material::PublicKey(KeyHint::Missing));
    }
}

#[test]
fn certificates_log_entries_and_timestamps_are_recognised_and_kept() {
    let chain = r#"{"x509CertificateChain":{"certificates":[{"rawBytes":"MAA="},{"rawBytes":"MAEA"}]}}"#;
    let Material::Certificates(held) = read(&around(chain)).material().clone() else { panic!() };
    assert_eq!(held.form(), CertificateForm::Chain);
    assert_eq!(held.certificates(), [vec![0x30, 0x00], vec![0x30, 0x01, 0x00]]);
    let leaf = r#"{"certificate":{"rawBytes":"MAA="},"timestampVerificationData":{"rfc3161Timestamps":[{},{}]},"tlogEntries":[{"logIndex":"1"}]}"#;
    let bundle = read(&around(leaf));
    assert!(
        matches!(bundle.material(), Material::Certificates(held) if held.form() == CertificateForm::Leaf)
    );
    assert_eq!((bundle.log_entries(), bundle.timestamps()), (1, 2));
    assert_eq!(bundle.to_json(), around(leaf).as_bytes());
    assert_eq!(
        read(&around(r#"{"certificate":{"rawBytes":"MAA="},"timestampVerificationData":{}}"#)).timestamps(),
        0
    );
}

#[test]
fn refuses_both_or_neither_content() {
    let both = with(r#"{"dsseEnvelope""#, r#"{"messageSignature":{"signature":"AQI="},"dsseEnvelope""#);
    let error = parse(&both).unwrap_err();
    assert_eq!(error.code(), "E-BUNDLE");
    assert!(error.to_string().contains("beside"), "{error}");
    assert_eq!(code(&with(r#"{"dsseEnvelope""#, r#"{"messageSignature":null,"dsseEnvelope""#)), "E-BUNDLE");
    let envelope = format!(r#""dsseEnvelope":{ENVELOPE}"#);
    assert_eq!(code(&with(&format!("{envelope},"), "")), "E-BUNDLE");
    assert_eq!(code(&with(&envelope, r#""messageSignature":{"signature":"AQI="}"#)), "E-BUNDLE");
    assert_eq!(code(&with(&envelope, r#""dsseEnvelope":null"#)), "E-BUNDLE");
}

#[test]
fn refuses_other_versions_and_types() {
    for (media_type, expected) in [
        ("application/json", "E-BUNDLE"),
        ("", "E-BUNDLE"),
        ("application/vnd.dev.sigstore.bundle+json;version=0.1", "E-UNSUPPORTED"),
        ("application/vnd.dev.sigstore.bundle+json;version=0.3", "E-UNSUPPORTED"),
        ("application/vnd.dev.sigstore.bundle.v0.4+json", "E-UNSUPPORTED"),
        ("application/vnd.dev.sigstore.bundle.v0.3+json ", "E-UNSUPPORTED"),
    ] {
        assert_eq!(code(&with(BUNDLE_MEDIA_TYPE, media_type)), expected, "{media_type}");
    }
}

#[test]
fn refuses_material_that_is_not_exactly_one() {
    let key = format!(r#""publicKey":{{"hint":"{HINT}"}}"#);
    let leaf = r#""certificate":{"rawBytes":"MAA="}"#;
    let chain = r#""x509CertificateChain":{"certificates":[{"rawBytes":"MAA="}]}"#;
    for material in [
        String::new(),
        r#""tlogEntries":[]"#.to_owned(),
        format!("{key},{leaf}"),
        format!("{key},{chain}"),
        format!("{leaf},{chain}"),
        format!("{key},{leaf},{chain}"),
        r#""x509CertificateChain":{"certificates":[]}"#.to_owned(),
        r#""certificate":{"rawBytes":""}"#.to_owned(),
        r#""certificate":{"rawBytes":"MAA"}"#.to_owned(),
        r#""certificate":{}"#.to_owned(),
        r#""certificate":["MAA="]"#.to_owned(),
        format!("{key},\"extra\":1"),
        format!("{key},\"tlogEntries\":{{}}"),
        format!("{key},\"timestampVerificationData\":[]"),
    ] {
        assert_eq!(code(&around(&format!("{{{material}}}"))), "E-BUNDLE", "{material}");
    }
}

#[test]
fn refuses_malformed_keys() {
    let truncated = &RAW_KEY[..RAW_KEY.len() - 8];
    for (key, expected) in [
        (r#"{"hint":7}"#.to_owned(), "E-BUNDLE"),
        (r#"{"hint":"a","other":1}"#.to_owned(), "E-BUNDLE"),
        (format!(r#"["{HINT}"]"#), "E-BUNDLE"),
        (format!(r#"{{"hint":"{HINT}","rawBytes":"{RAW_KEY}"}}"#), "E-BUNDLE"),
        (r#"{"keyDetails":"PKIX_ED25519"}"#.to_owned(), "E-BUNDLE"),
        (format!(r#"{{"rawBytes":"{RAW_KEY}","keyDetails":"PKIX_ECDSA_P256_SHA_256"}}"#), "E-BUNDLE"),
        (format!(r#"{{"rawBytes":"{}"}}"#, RAW_KEY.trim_end_matches('=')), "E-BUNDLE"),
        (r#"{"rawBytes":"//8="}"#.to_owned(), "E-BUNDLE"),
        (format!(r#"{{"rawBytes":"{truncated}"}}"#), "E-KEY"),
        (r#"{"rawBytes":""}"#.to_owned(), "E-KEY"),
    ] {
        assert_eq!(code(&around(&format!(r#"{{"publicKey":{key}}}"#))), expected, "{key}");
    }
}

#[test]
fn refuses_malformed_bundles() {
    for (part, replacement, expected) in [
        ("\"mediaType\"", "\"media_type\"", "E-BUNDLE"),
        ("{\"dsseEnvelope\"", "{\"extra\":{},\"dsseEnvelope\"", "E-BUNDLE"),
        ("{\"dsseEnvelope\"", "{\"mediaType\":\"\",\"dsseEnvelope\"", "E-DUPLICATE-KEY"),
        ("{\"payload\"", "{\"payload\":\"e30=\",\"payload\"", "E-DUPLICATE-KEY"),
        ("[{\"sig\":\"AQI=\"}]", "[]", "E-SIGNATURE-COUNT"),
        ("[{\"sig\":\"AQI=\"}]", "[{\"sig\":\"AQI=\"},{\"sig\":\"AQI=\"}]", "E-SIGNATURE-COUNT"),
        ("application/vnd.in-toto+json", "application/json", "E-PAYLOAD-TYPE"),
        ("e30=", "e30", "E-ENVELOPE"),
        ("e30=", "-_-_", "E-ENVELOPE"),
        ("AQI=", "AQJ=", "E-ENVELOPE"),
        ("[{\"sig\":\"AQI=\"}]", "[[\"AQI=\"]]", "E-BUNDLE"),
    ] {
        assert_eq!(code(&with(part, replacement)), expected, "{part} -> {replacement}");
    }
    for text in ["", "nonsense", "\u{feff}{}"] {
        assert_eq!(code(text), "E-JSON", "{text:?}");
    }
    for text in ["{}", "[]", "null"] {
        assert_eq!(code(text), "E-BUNDLE", "{text:?}");
    }
    for length in 0..good().len() {
        assert_eq!(code(&good()[..length]), "E-JSON", "cut to {length}");
    }
}

#[test]
fn limits_are_exact() {
    let key = format!(r#""publicKey":{{"hint":"{HINT}"}}"#);
    let list = |count: usize| vec!["{}"; count].join(",");
    let logged = |count| around(&format!(r#"{{{key},"tlogEntries":[{}]}}"#, list(count)));
    assert_eq!(read(&logged(EVIDENCE_LIMIT)).log_entries(), EVIDENCE_LIMIT);
    assert_eq!(code(&logged(EVIDENCE_LIMIT + 1)), "E-LIMIT");
    let stamped = |count| {
        around(&format!(r#"{{{key},"timestampVerificationData":{{"rfc3161Timestamps":[{}]}}}}"#, list(count)))
    };
    assert_eq!(read(&stamped(EVIDENCE_LIMIT)).timestamps(), EVIDENCE_LIMIT);
    assert_eq!(code(&stamped(EVIDENCE_LIMIT + 1)), "E-LIMIT");
    let chain = |count: usize| {
        let certificates = vec![r#"{"rawBytes":"MAA="}"#; count].join(",");
        around(&format!(r#"{{"x509CertificateChain":{{"certificates":[{certificates}]}}}}"#))
    };
    assert_eq!(code(&chain(CHAIN_LIMIT)), "ok");
    assert_eq!(code(&chain(CHAIN_LIMIT + 1)), "E-LIMIT");
    let certificate = |bytes: usize| {
        around(&format!(r#"{{"certificate":{{"rawBytes":"{}"}}}}"#, encode_base64(&vec![0x30; bytes])))
    };
    assert_eq!(code(&certificate(CERTIFICATE_LIMIT)), "ok");
    assert_eq!(code(&certificate(CERTIFICATE_LIMIT + 1)), "E-LIMIT");
    assert_eq!(code(&with(HINT, &"h".repeat(HINT_LIMIT))), "ok");
    assert_eq!(code(&with(HINT, &"h".repeat(HINT_LIMIT + 1))), "E-LIMIT");
    assert_eq!(code(&with("e30=", &encode_base64(&[b'x'; 257]))), "E-LIMIT");
    let padded = |bytes: usize| format!("{}{}", good(), " ".repeat(bytes - good().len()));
    assert_eq!(code(&padded(LIMITS.bundle())), "ok");
    assert_eq!(code(&padded(LIMITS.bundle() + 1)), "E-LIMIT");
    let deep = format!(r#"{{{key},"tlogEntries":[{}{}]}}"#, "[".repeat(14), "]".repeat(14));
    assert_eq!(code(&around(&deep)), "E-LIMIT");
}

#[test]
fn evidence_that_is_put_in_is_read_back() {
    let written = parse(&good()).unwrap().with_timestamp(&[0x30, 0]).unwrap();
    let written = written.with_log_entry(br#" {"logIndex": "0", "a": {"c": [1], "b": null}} "#).unwrap();
    let text = String::from_utf8(written.to_json()).unwrap();
    assert!(
        text.contains(r#""timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"MAA="}]}"#),
        "{text}"
    );
    assert!(text.contains(r#""tlogEntries":[{"a":{"b":null,"c":[1]},"logIndex":"0"}]"#), "{text}");
    let read = read(&text);
    assert_eq!((read.timestamps(), read.log_entries()), (1, 1));
    assert_eq!(read, written);
}

#[test]
fn evidence_that_no_reader_would_take_is_not_put_in() {
    let bundle = parse(&good()).unwrap();
    let entry = |text: &str| {
        bundle.clone().with_log_entry(text.as_bytes()).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(entry("{}"), "ok");
    for text in ["", "[]", "{} {}", "{\"a\":", "null"] {
        assert_eq!(entry(text), "E-JSON", "{text}");
    }
    assert_eq!(entry(r#"{"a":1,"a":2}"#), "E-DUPLICATE-KEY");
    assert_eq!(entry(&format!("{{\"a\":\"{}\"}}", "x".repeat(LOG_ENTRY_LIMIT))), "E-LIMIT");
    let full = (0..EVIDENCE_LIMIT).fold(bundle.clone(), |bundle, _| {
        bundle.with_timestamp(b"x").unwrap().with_log_entry(b"{}").unwrap()
    });
    assert_eq!(full.clone().with_timestamp(b"x").unwrap_err().code(), "E-LIMIT");
    assert_eq!(full.with_log_entry(b"{}").unwrap_err().code(), "E-LIMIT");
}

#[test]
fn certificates_that_are_put_in_are_read_back() {
    let with = |form, certificates: &[&[u8]]| {
        CertificateMaterial::new(form, certificates.iter().map(|der| der.to_vec()).collect())
    };
    let envelope = || Envelope::new(IN_TOTO_PAYLOAD_TYPE, b"{}".to_vec(), vec![1, 2]).unwrap();
    for (form, certificates) in [
        (CertificateForm::Leaf, &[&b"a"[..]][..]),
        (CertificateForm::Chain, &[b"a"]),
        (CertificateForm::Chain, &[b"a", b"b"]),
    ] {
        let material = Material::Certificates(with(form, certificates).unwrap());
        let bundle = Bundle::new(material, envelope());
        assert_eq!(read(&String::from_utf8(bundle.to_json()).unwrap()), bundle);
    }
    let code = |form, certificates: &[&[u8]]| with(form, certificates).unwrap_err().code();
    assert_eq!(code(CertificateForm::Chain, &[]), "E-BUNDLE");
    assert_eq!(code(CertificateForm::Leaf, &[b"a", b"b"]), "E-BUNDLE");
    assert_eq!(code(CertificateForm::Chain, &[b"a", b""]), "E-BUNDLE");
    assert_eq!(code(CertificateForm::Chain, &[vec![1; CERTIFICATE_LIMIT + 1].as_slice()]), "E-LIMIT");
    assert_eq!(code(CertificateForm::Chain, &[&b"a"[..]; CHAIN_LIMIT + 1]), "E-LIMIT");
}

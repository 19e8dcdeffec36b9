//! Bundles that are two things at once, or none.

use lacre_testkit::Forge;
use serde_json::json;

use super::{Attack, NO_ARGS, payload};

pub(super) const BUNDLES: &[Attack] = &[
    Attack {
        name: "message-beside-statement",
        why: "a messageSignature beside the dsseEnvelope: two readers verify two things",
        exit: 13,
        code: "E-BUNDLE",
        args: NO_ARGS,
        make: |kit| {
            kit.edited(|bundle| {
                let digest = json!({"algorithm": "SHA2_256", "digest": "AAAA"});
                bundle["messageSignature"] = json!({"messageDigest": digest, "signature": "AAAA"});
            })
        },
    },
    Attack {
        name: "duplicate-payload",
        why: "two payloads in the envelope: a lenient reader takes the last one",
        exit: 13,
        code: "E-DUPLICATE-KEY",
        args: NO_ARGS,
        make: |kit| {
            kit.with(|sealed| {
                let text = String::from_utf8(sealed.bundle().to_vec()).unwrap();
                text.replacen("\"payload\":", "\"payload\":\"e30=\",\"payload\":", 1).into_bytes()
            })
        },
    },
    Attack {
        name: "text-payload",
        why: "properly signed, as something else than an in-toto statement",
        exit: 13,
        code: "E-PAYLOAD-TYPE",
        args: NO_ARGS,
        make: |kit| {
            kit.with(|sealed| Forge::new(payload(sealed), &kit.release).payload_type("text/plain").to_json())
        },
    },
    Attack {
        name: "url-base64",
        why: "the signature in the alphabet of URLs: one signature, two texts",
        exit: 13,
        code: "E-ENVELOPE",
        args: NO_ARGS,
        make: |kit| {
            kit.edited(|bundle| {
                let signature = &mut bundle["dsseEnvelope"]["signatures"][0]["sig"];
                let text = signature.as_str().unwrap().to_owned();
                *signature = text.replace('+', "-").replace('/', "_").into();
                assert_ne!(*signature, text.as_str());
            })
        },
    },
    Attack {
        name: "deep-bundle",
        why: "ten thousand arrays in each other, to exhaust the stack",
        exit: 13,
        code: "E-LIMIT",
        args: NO_ARGS,
        make: |kit| {
            kit.with(|sealed| {
                let text = String::from_utf8(sealed.bundle().to_vec()).unwrap();
                let deep = format!("{{\"x\":{}{},", "[".repeat(10_000), "]".repeat(10_000));
                text.replacen('{', &deep, 1).into_bytes()
            })
        },
    },
];

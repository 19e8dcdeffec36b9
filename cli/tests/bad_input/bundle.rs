//! Envelopes and bundles that are malformed, or that two readers could read differently.

use lacre_testkit::{Forge, Seal, edit_bundle, tamper};
use serde_json::{Value, json};

use crate::place::Place;

/// The sample with the bundle that `edit` leaves; what is signed stays signed.
fn edited(change: impl FnOnce(&mut Value), exit: i32, code: &str) -> String {
    let place = Place::sample();
    let bundle = edit_bundle(place.sealed.bundle(), change);
    place.is_refused_with(&bundle, exit, code)
}

/// The sample with the bundle's text after `part` was replaced, once.
fn replaced(part: &str, replacement: &str, exit: i32, code: &str) -> String {
    let place = Place::sample();
    let text = String::from_utf8(place.sealed.bundle().to_vec()).unwrap();
    assert!(text.contains(part), "{part} in {text}");
    place.is_refused_with(text.replacen(part, replacement, 1).as_bytes(), exit, code)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn no_bundle_at_all() {
    for bundle in [&b""[..], b"\0", b"x", b"model.sig", b"\x89PNG", b"{", b"{\"mediaType\":"] {
        Place::sample().is_refused_with(bundle, 13, "E-JSON");
    }
    for bundle in ["[]", "null", "{}", "\"x\"", "1"] {
        Place::sample().is_refused_with(bundle.as_bytes(), 13, "E-BUNDLE");
    }
    let place = Place::sample();
    let cut = &place.sealed.bundle()[..200];
    place.is_refused_with(cut, 13, "E-JSON");
    let twice = place.sealed.bundle().repeat(2);
    place.is_refused_with(&twice, 13, "E-JSON");
}

#[test]
fn two_signatures() {
    let again = |bundle: &mut Value| {
        let signatures = bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
        signatures.push(signatures[0].clone());
    };
    let said = edited(again, 13, "E-SIGNATURE-COUNT");
    assert!(said.contains("2 signatures"), "{said}");
    // Another key's, before and behind the good one.
    let place = Place::sample();
    let stranger = place.other_key();
    let good: Value = serde_json::from_slice(place.sealed.bundle()).unwrap();
    let payload = serde_json::to_vec(&place.sealed.statement()).unwrap();
    let foreign = Forge::new(payload, stranger.key()).to_value();
    let [good, foreign] = [good, foreign].map(|bundle| bundle["dsseEnvelope"]["signatures"][0].clone());
    for pair in [json!([good, foreign]), json!([foreign, good])] {
        edited(|bundle| bundle["dsseEnvelope"]["signatures"] = pair, 13, "E-SIGNATURE-COUNT");
    }
}

#[test]
fn no_signature() {
    edited(|bundle| bundle["dsseEnvelope"]["signatures"] = json!([]), 13, "E-SIGNATURE-COUNT");
    edited(|bundle| bundle["dsseEnvelope"]["signatures"][0]["sig"] = "".into(), 13, "E-ENVELOPE");
    let remove = |bundle: &mut Value| {
        bundle["dsseEnvelope"].as_object_mut().unwrap().remove("signatures");
    };
    edited(remove, 13, "E-BUNDLE");
}

#[test]
fn a_wrong_payload_type() {
    // Stated and signed: the signature is good, and over something else.
    let place = Place::sample();
    let payload = serde_json::to_vec(&place.sealed.statement()).unwrap();
    for kind in ["application/json", "text/plain", "application/vnd.in-toto+JSON", ""] {
        let bundle = Forge::new(&payload, place.sealed.key()).payload_type(kind).to_json();
        place.is_refused_with(&bundle, 13, "E-PAYLOAD-TYPE");
    }
    // Stated only.
    edited(|bundle| bundle["dsseEnvelope"]["payloadType"] = "text/plain".into(), 13, "E-PAYLOAD-TYPE");
}

#[test]
fn an_altered_payload_or_signature() {
    let last = |text: &str| format!("{}{}", &text[..40], &text[44..]);
    let shorter = |bundle: &mut Value| {
        let payload = text(&bundle["dsseEnvelope"]["payload"]);
        bundle["dsseEnvelope"]["payload"] = last(&payload).into();
    };
    edited(shorter, 3, "E-SIGNATURE-INVALID");
    let shorter = |bundle: &mut Value| {
        let signature = text(&bundle["dsseEnvelope"]["signatures"][0]["sig"]);
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = last(&signature).into();
    };
    edited(shorter, 3, "E-SIGNATURE-INVALID");
    let garbage = |bundle: &mut Value| bundle["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA".into();
    edited(garbage, 3, "E-SIGNATURE-INVALID");
}

#[test]
fn a_signature_over_the_payload_without_its_type() {
    // What a signer makes that does not know DSSE, and OMS's own broken encoding of its first versions.
    use lacre_sign::Signer as _;
    let place = Place::sample();
    let payload = serde_json::to_vec(&place.sealed.statement()).unwrap();
    let kind = "application/vnd.in-toto+json";
    let size = payload.len();
    let python = format!("DSSEV1 {} {kind} {size} b'{}'", kind.len(), String::from_utf8_lossy(&payload));
    for message in [payload.clone(), python.into_bytes()] {
        let signature = place.sealed.key().sign(&message).unwrap();
        let bundle = Forge::new(&payload, place.sealed.key()).signature(signature).to_json();
        place.is_refused_with(&bundle, 3, "E-SIGNATURE-INVALID");
    }
}

#[test]
fn a_message_signature() {
    let message = json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": "AAAA"},
        "signature": "AAAA",
    });
    let said = edited(|bundle| bundle["messageSignature"] = message.clone(), 13, "E-BUNDLE");
    assert!(said.contains("messageSignature beside the dsseEnvelope"), "{said}");
    edited(|bundle| bundle["messageSignature"] = Value::Null, 13, "E-BUNDLE");
    let alone = |bundle: &mut Value| {
        bundle["messageSignature"] = message;
        bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    };
    edited(alone, 13, "E-BUNDLE");
    let neither = |bundle: &mut Value| {
        bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    };
    edited(neither, 13, "E-BUNDLE");
}

#[test]
fn base64_of_another_alphabet() {
    // Three question marks in a row are `/` in base64 wherever they stand.
    let place = Place::of(Seal::of(lacre_testkit::ModelDir::sample()).name("what????").sign());
    let url = |text: String| {
        assert!(text.contains(['+', '/']), "{text}");
        text.replace('+', "-").replace('/', "_")
    };
    let bundle = edit_bundle(place.sealed.bundle(), |bundle| {
        bundle["dsseEnvelope"]["payload"] = url(text(&bundle["dsseEnvelope"]["payload"])).into();
    });
    place.is_refused_with(&bundle, 13, "E-ENVELOPE");
    let bundle = edit_bundle(place.sealed.bundle(), |bundle| {
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = "MEUCIQ_-".into();
    });
    place.is_refused_with(&bundle, 13, "E-ENVELOPE");
}

#[test]
fn base64_padded_wrong() {
    // Names of three lengths, so that the payload ends in every way that there is.
    for name in ["n", "nn", "nnn"] {
        let place = Place::of(Seal::of(lacre_testkit::ModelDir::sample()).name(name).sign());
        let whole: Value = serde_json::from_slice(place.sealed.bundle()).unwrap();
        let payload = text(&whole["dsseEnvelope"]["payload"]);
        let bare = payload.trim_end_matches('=');
        let mut wrong = vec![format!("{payload}="), format!("{payload}===="), format!(" {payload}")];
        wrong.extend([format!("{payload}\n"), format!("{}\n{}", &payload[..76], &payload[76..])]);
        if bare != payload {
            wrong.push(bare.to_owned());
            // The last character has bits that belong to no byte: here they are not zero.
            let (head, last) = bare.split_at(bare.len() - 1);
            let stray = char::from(last.as_bytes()[0] + 1);
            wrong.push(format!("{head}{stray}{}", &payload[bare.len()..]));
        }
        for wrong in wrong {
            let bundle = edit_bundle(place.sealed.bundle(), |bundle| {
                bundle["dsseEnvelope"]["payload"] = wrong.into();
            });
            place.is_refused_with(&bundle, 13, "E-ENVELOPE");
        }
    }
}

#[test]
fn keys_that_stand_twice() {
    for (part, double) in [
        (r#""payload":"#, r#""payload":"e30=","payload":"#),
        (r#""payloadType":"#, r#""payloadType":"x","payloadType":"#),
        (r#""mediaType":"#, r#""mediaType":"x","mediaType":"#),
        (r#""dsseEnvelope":"#, r#""dsseEnvelope":{},"dsseEnvelope":"#),
        (r#""dsseEnvelope":"#, r#""dsse\u0045nvelope":{},"dsseEnvelope":"#),
        (r#""hint":"#, r#""hint":"","hint":"#),
        (r#""sig":"#, r#""sig":"AAAA","sig":"#),
        (r#""verificationMaterial":"#, r#""verificationMaterial":{},"verificationMaterial":"#),
    ] {
        replaced(part, double, 13, "E-DUPLICATE-KEY");
    }
}

#[test]
fn members_that_nobody_knows() {
    edited(|bundle| bundle["new"] = 1.into(), 13, "E-BUNDLE");
    edited(|bundle| bundle["dsseEnvelope"]["new"] = 1.into(), 13, "E-BUNDLE");
    edited(|bundle| bundle["dsseEnvelope"]["signatures"][0]["new"] = 1.into(), 13, "E-BUNDLE");
    edited(|bundle| bundle["verificationMaterial"]["new"] = 1.into(), 13, "E-BUNDLE");
}

#[test]
fn another_kind_of_bundle() {
    edited(|bundle| bundle["mediaType"] = "application/json".into(), 13, "E-BUNDLE");
    let family = "application/vnd.dev.sigstore.bundle";
    for version in ["+json;version=0.1", "+json;version=0.2", ".v0.4+json"] {
        let media_type = format!("{family}{version}");
        edited(|bundle| bundle["mediaType"] = media_type.into(), 13, "E-UNSUPPORTED");
    }
}

#[test]
fn other_material_than_a_key() {
    let certificate = json!({"rawBytes": "MIIB"});
    let said = edited(
        |bundle| bundle["verificationMaterial"] = json!({"certificate": certificate}),
        5,
        "E-SIGNER-UNTRUSTED",
    );
    assert!(said.contains("certificate"), "{said}");
    edited(|bundle| bundle["verificationMaterial"] = json!({}), 13, "E-BUNDLE");
    // A bundle must not be two things.
    edited(|bundle| bundle["verificationMaterial"]["certificate"] = certificate, 13, "E-BUNDLE");
}

#[test]
fn a_bundle_that_is_too_deep() {
    for depth in [100, 200_000] {
        let deep = format!("{{\"deep\":{}{},", "[".repeat(depth), "]".repeat(depth));
        replaced("{", &deep, 13, "E-LIMIT");
    }
}

#[test]
fn a_bundle_that_is_no_file() {
    let place = Place::sample();
    tamper::link_away(&place.sealed.signature_path(), &place.beside("good.sig"));
    place.is_refused(10, "E-INPUT-TYPE");
    place.refuses("push model oci:store:v1", 10, "E-INPUT-TYPE");
    place.accepts("verify model --key release.pub --signature good.sig --allow-unsigned model.sig");

    let place = Place::sample();
    tamper::replace_by_fifo(&place.sealed.signature_path());
    for line in ["verify model --key release.pub", "push model oci:store:v1", "inspect model"] {
        place.refuses(line, 10, "E-INPUT-TYPE");
    }

    let place = Place::sample();
    tamper::replace_by_folder(&place.sealed.signature_path());
    for line in ["verify model --key release.pub", "push model oci:store:v1", "inspect model"] {
        place.refuses(line, 10, "E-INPUT-TYPE");
    }
}

#[test]
fn a_bundle_beside_a_file_that_is_no_file() {
    let place = Place::sample();
    std::fs::write(place.beside("m.gguf"), "GGUF").unwrap();
    place.accepts("sign m.gguf --key release.key --name m");
    tamper::replace_by_fifo(&place.beside("m.gguf.sig"));
    for line in ["verify m.gguf --key release.pub", "push m.gguf oci:store:v1", "inspect m.gguf"] {
        place.refuses(line, 10, "E-INPUT-TYPE");
    }
}

#[test]
fn no_signature_where_it_should_be() {
    let place = Place::sample();
    tamper::remove(&place.sealed.signature_path());
    place.is_refused(4, "E-NO-SIGNATURE");
    place.refuses("push model oci:store:v1", 4, "E-NO-SIGNATURE");
    place.refuses("inspect model", 4, "E-NO-SIGNATURE");
}

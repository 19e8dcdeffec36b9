//! Known failures of other verifiers, each by its name: the same attack on this one. What concerns message signatures,
//! old bundles and second-generation logs stands with the conformance suite.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_verify::sigstore_layer_that_proves_no_model::TrustedRoot;
use serde_json::{Value, json};

use crate::{
    ENTRY, bundles, change_bytes, changed, code, member, root_json, root_of, signer, verify_json,
    verify_text, verify_with,
};

const PAYLOAD: &str = "/dsseEnvelope/payload";
const LEAF: &str = "/verificationMaterial/certificate/rawBytes";
const ENTRIES: &str = "/verificationMaterial/tlogEntries";
const TOKENS: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";

/// Every good bundle with a part of every other one in the place of its own.
fn swapped(places: &[&str], expected: &str) {
    let bundles = bundles();
    for (at, bundle) in bundles.iter().enumerate() {
        for (other_at, other) in bundles.iter().enumerate() {
            if at == other_at {
                continue;
            }
            let mut bundle = bundle.clone();
            for place in places {
                *member(&mut bundle, place) = other.pointer(place).unwrap().clone();
            }
            assert_eq!(code(verify_json(&bundle)), expected, "{places:?} of {other_at} in {at}");
        }
    }
}

#[test]
fn cve_2022_23649_entry_of_another_bundle() {
    swapped(&[ENTRIES], "E-LOG");
}

#[test]
fn cve_2022_36056_entry_that_is_garbage_or_missing() {
    changed(|bundle| *member(bundle, ENTRY) = json!("garbage"), "E-BUNDLE");
    changed(|bundle| *member(bundle, ENTRY) = json!({}), "E-BUNDLE");
    changed(|bundle| *member(bundle, ENTRIES) = json!([]), "E-LOG");
    changed(|bundle| *member(bundle, &format!("{ENTRY}/canonicalizedBody")) = json!("e30="), "E-LOG");
}

#[test]
fn cve_2026_22703_entry_that_differs_in_digest_key_or_signature() {
    // A consistent bundle but for one part: whichever part it is, the rest does not carry it.
    swapped(&[PAYLOAD], "E-SIGNATURE-INVALID");
    swapped(&[LEAF], "E-SIGNATURE-INVALID");
    swapped(&["/dsseEnvelope"], "E-SIGNATURE-INVALID");
    swapped(&["/dsseEnvelope", LEAF], "E-LOG");
    swapped(&[LEAF, ENTRIES], "E-SIGNATURE-INVALID");
    swapped(&["/dsseEnvelope", ENTRIES], "E-SIGNATURE-INVALID");
}

#[test]
fn cve_2026_24122_authority_that_was_no_longer_valid_when_it_was_signed() {
    let Some(bundle) = bundles().first().map(|bundle| serde_json::to_vec(bundle).unwrap()) else { return };
    let verify = |end: &str| {
        let mut root = root_json();
        root["certificateAuthorities"][1]["validFor"]["end"] = json!(end);
        verify_with(&bundle, &root_of(&root).unwrap(), &[signer()], SystemTime::now())
    };
    // Signed at 2025-05-03T01:10:02Z, with a certificate of the minutes around it.
    assert_eq!(code(verify("2025-05-03T01:10:01Z")), "E-SIGNER-UNTRUSTED");
    assert!(verify("2025-05-03T01:10:02Z").is_ok());
}

#[test]
fn cve_2026_49834_one_log_counts_once() {
    for bundle in bundles() {
        let (_, vouched) = verify_json(&bundle).unwrap();
        assert_eq!(vouched.logs.len(), 1);
    }
    changed(
        |bundle| {
            let entry = member(bundle, ENTRY).clone();
            member(bundle, ENTRIES).as_array_mut().unwrap().push(entry);
        },
        "E-BUNDLE",
    );
    changed(
        |bundle| {
            let mut entry = member(bundle, ENTRY).clone();
            entry["logIndex"] = json!("1");
            member(bundle, ENTRIES).as_array_mut().unwrap().push(entry);
        },
        "E-BUNDLE",
    );
}

#[test]
fn cve_2026_49834_one_authority_counts_once() {
    let Some(mut bundle) = bundles().last().cloned() else { return };
    let token = member(&mut bundle, &format!("{TOKENS}/0")).clone();
    member(&mut bundle, TOKENS).as_array_mut().unwrap().push(token);
    assert_eq!(code(verify_json(&bundle)), "E-BUNDLE");
}

#[test]
fn cve_2024_51746_entry_of_the_same_signer_is_not_enough() {
    // The entry beside the right one.
    let bundles = bundles();
    for (at, bundle) in bundles.iter().enumerate() {
        let mut bundle = bundle.clone();
        let other = bundles[(at + 1) % bundles.len()].pointer(ENTRY).unwrap().clone();
        member(&mut bundle, ENTRIES).as_array_mut().unwrap().push(other);
        assert_eq!(code(verify_json(&bundle)), "E-LOG");
    }
}

#[test]
fn cve_2023_47122_no_key_comes_with_the_bundle() {
    // The authority's certificate stands in the token, and the signer's in the entry.
    let Some(bundle) = bundles().last().map(|bundle| serde_json::to_vec(bundle).unwrap()) else { return };
    let without = |part: &str| {
        let mut root = root_json();
        root[part] = json!([]);
        code(verify_with(&bundle, &root_of(&root).unwrap(), &[signer()], SystemTime::now()))
    };
    assert_eq!(without("timestampAuthorities"), "E-TIMESTAMP");
    assert_eq!(without("certificateAuthorities"), "E-SIGNER-UNTRUSTED");
    assert_eq!(without("tlogs"), "E-LOG");
}

#[test]
fn cve_2026_44310_empty_certificates() {
    changed(|bundle| *member(bundle, LEAF) = json!(""), "E-BUNDLE");
    changed(
        |bundle| {
            let material = member(bundle, "/verificationMaterial").as_object_mut().unwrap();
            material.remove("certificate");
            material.insert("x509CertificateChain".to_owned(), json!({"certificates": []}));
        },
        "E-BUNDLE",
    );
}

#[test]
fn cve_2026_44309_bytes_count_as_they_stand() {
    changed(|bundle| change_bytes(bundle, PAYLOAD, |payload| payload.extend(b"\r\n")), "E-SIGNATURE-INVALID");
    changed(|bundle| change_bytes(bundle, PAYLOAD, |payload| payload.insert(0, b' ')), "E-SIGNATURE-INVALID");
    for bundle in bundles() {
        let text = serde_json::to_string(&bundle).unwrap();
        let twice = text.replacen("\"payloadType\":", "\"payloadType\":\"x\",\"payloadType\":", 1);
        assert_eq!(code(verify_text(twice.as_bytes())), "E-DUPLICATE-KEY");
        assert_eq!(code(verify_text(format!("{text}{{}}").as_bytes())), "E-JSON");
    }
}

#[test]
fn tob_sigstore_3_time_that_nobody_vouches_for() {
    let Some(mut bundle) = bundles().first().cloned() else { return };
    member(&mut bundle, ENTRY).as_object_mut().unwrap().remove("inclusionPromise");
    assert_eq!(code(verify_json(&bundle)), "E-TIMESTAMP");
}

#[test]
fn tob_sigstore_4_one_time_outside_of_the_certificate_is_enough() {
    // The log's time alone, or the authority's, would do; a false one beside it does not.
    let Some(mut bundle) = bundles().last().cloned() else { return };
    change_bytes(&mut bundle, &format!("{TOKENS}/0/signedTimestamp"), |token| {
        let at = token.windows(4).position(|part| part == b"\x18\x0f20").unwrap();
        token[at + 5] = b'4';
    });
    assert_eq!(code(verify_json(&bundle)), "E-TIMESTAMP");
    let Some(mut bundle) = bundles().last().cloned() else { return };
    *member(&mut bundle, &format!("{ENTRY}/integratedTime")) = json!("1700000000");
    assert_eq!(code(verify_json(&bundle)), "E-LOG");
}

#[test]
fn tob_sigstore_9_several_signatures() {
    changed(
        |bundle| {
            let signature = member(bundle, "/dsseEnvelope/signatures/0").clone();
            member(bundle, "/dsseEnvelope/signatures").as_array_mut().unwrap().insert(0, signature);
        },
        "E-SIGNATURE-COUNT",
    );
}

#[test]
fn tob_sigstore_11_no_authority_lends_its_time_to_another() {
    let Some(bundle) = bundles().last().map(|bundle| serde_json::to_vec(bundle).unwrap()) else { return };
    let mut root = root_json();
    let mut ended = root["timestampAuthorities"][0].clone();
    ended["validFor"] = json!({"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"});
    let open = json!({"start": "2020-01-01T00:00:00Z"});
    let mut other = root["certificateAuthorities"][1].clone();
    other["validFor"] = open;
    root["timestampAuthorities"] = json!([ended, other]);
    let outcome = verify_with(&bundle, &root_of(&root).unwrap(), &[signer()], SystemTime::now());
    assert_eq!(code(outcome), "E-TIMESTAMP");
}

#[test]
fn sigstore_rs_285_proof_and_promise_are_verified() {
    let flip = |place: &'static str| {
        move |bundle: &mut Value| change_bytes(bundle, &format!("{ENTRY}/{place}"), |bytes| bytes[20] ^= 4)
    };
    changed(flip("inclusionProof/hashes/0"), "E-LOG");
    changed(flip("inclusionProof/rootHash"), "E-LOG");
    changed(flip("inclusionPromise/signedEntryTimestamp"), "E-LOG");
}

#[test]
fn cve_2025_62375_every_trust_input_is_verified() {
    // Each byte of the certificate that could say something else is covered by its authority's signature.
    let Some(bundle) = bundles().first().cloned() else { return };
    let length = STANDARD.decode(bundle.pointer(LEAF).unwrap().as_str().unwrap()).unwrap().len();
    for at in (0..length).step_by(7) {
        let mut bundle = bundle.clone();
        change_bytes(&mut bundle, LEAF, |der| der[at] ^= 1);
        let refused = code(verify_json(&bundle));
        assert!(
            [
                "E-CERTIFICATE",
                "E-SIGNATURE-INVALID",
                "E-UNSUPPORTED",
                "E-CERTIFICATE-EXPIRED",
                "E-SIGNER-UNTRUSTED"
            ]
            .contains(&refused),
            "{at}: {refused}"
        );
    }
}

#[test]
fn cve_2024_29902_bundle_that_is_longer_than_the_limit() {
    let Some(bundle) = bundles().first().cloned() else { return };
    let mut text = serde_json::to_vec(&bundle).unwrap();
    text.resize(crate::LIMITS.bundle(), b' ');
    assert!(verify_text(&text).is_ok());
    text.push(b' ');
    assert_eq!(code(verify_text(&text)), "E-LIMIT");
}

#[test]
fn cve_2024_45395_a_hundred_thousand_entries() {
    for entry in ["{}", "0", "[]"] {
        changed(
            |bundle| {
                let value: Value = serde_json::from_str(entry).unwrap();
                *member(bundle, ENTRIES) = vec![value; 100_000].into();
            },
            "E-LIMIT",
        );
    }
}

#[test]
fn cve_2023_25656_many_certificates_or_timestamps() {
    changed(
        |bundle| {
            let certificate = member(bundle, "/verificationMaterial/certificate").clone();
            let material = member(bundle, "/verificationMaterial").as_object_mut().unwrap();
            material.remove("certificate");
            let chain = json!({"certificates": vec![certificate; 17]});
            material.insert("x509CertificateChain".to_owned(), chain);
        },
        "E-LIMIT",
    );
    changed(
        |bundle| {
            let stamps: Vec<Value> =
                (0..33_u8).map(|byte| json!({"signedTimestamp": STANDARD.encode([byte])})).collect();
            member(bundle, "/verificationMaterial")["timestampVerificationData"] =
                json!({"rfc3161Timestamps": stamps});
        },
        "E-LIMIT",
    );
}

#[test]
fn cve_2025_66564_texts_of_many_dots() {
    let dots = ".".repeat(300_000);
    changed(|bundle| *member(bundle, &format!("{ENTRY}/kindVersion/kind")) = json!(dots), "E-UNSUPPORTED");
    changed(|bundle| *member(bundle, &format!("{ENTRY}/logId/keyId")) = json!(dots), "E-LIMIT");
    changed(|bundle| *member(bundle, &format!("{ENTRY}/logIndex")) = json!(dots), "E-BUNDLE");
    changed(
        |bundle| *member(bundle, &format!("{ENTRY}/inclusionProof/checkpoint/envelope")) = json!(dots),
        "E-LIMIT",
    );
}

#[test]
fn cve_2023_33199_entries_that_are_cut_anywhere() {
    let Some(bundle) = bundles().first().cloned() else { return };
    let body =
        STANDARD.decode(bundle.pointer(&format!("{ENTRY}/canonicalizedBody")).unwrap().as_str().unwrap());
    for length in (0..body.unwrap().len()).step_by(13) {
        let mut bundle = bundle.clone();
        change_bytes(&mut bundle, &format!("{ENTRY}/canonicalizedBody"), |body| body.truncate(length));
        assert_eq!(code(verify_json(&bundle)), "E-JSON", "{length}");
    }
    for name in ["canonicalizedBody", "kindVersion", "logId"] {
        changed(|bundle| drop(member(bundle, ENTRY).as_object_mut().unwrap().remove(name)), "E-BUNDLE");
        changed(|bundle| member(bundle, ENTRY)[name] = Value::Null, "E-BUNDLE");
    }
}

#[test]
fn cve_2026_23831_proofs_that_are_cut_anywhere() {
    let Some(bundle) = bundles().first().cloned() else { return };
    let place = format!("{ENTRY}/inclusionProof/checkpoint/envelope");
    let note = bundle.pointer(&place).unwrap().as_str().unwrap().to_owned();
    for (length, _) in note.trim_end().char_indices() {
        let mut bundle = bundle.clone();
        *member(&mut bundle, &place) = json!(note[..length]);
        assert_eq!(code(verify_json(&bundle)), "E-LOG", "{length}");
    }
}

#[test]
fn rustsec_2023_0052_certificates_beside_the_leaf_are_not_searched() {
    // A keyless bundle brings its leaf alone: there is no path to be built from what the signer sends.
    changed(
        |bundle| {
            let certificate = member(bundle, "/verificationMaterial/certificate").clone();
            let material = member(bundle, "/verificationMaterial").as_object_mut().unwrap();
            material.remove("certificate");
            let chain = json!({"certificates": vec![certificate; 16]});
            material.insert("x509CertificateChain".to_owned(), chain);
        },
        "E-BUNDLE",
    );
}

#[test]
fn cve_2026_23991_roots_that_are_cut_anywhere() {
    if bundles().is_empty() {
        return;
    }
    let text = serde_json::to_vec(&root_json()).unwrap();
    for length in (0..text.len()).step_by(97) {
        let refused = TrustedRoot::from_json(&text[..length], &crate::LIMITS).unwrap_err();
        assert_eq!(refused.code(), "E-JSON", "{length}");
    }
}

#[test]
fn cve_2024_56138_authority_that_was_not_in_office() {
    // Nobody asks an authority's revocation list; when it may vouch is said by whoever trusts it.
    let Some(bundle) = bundles().last().map(|bundle| serde_json::to_vec(bundle).unwrap()) else { return };
    let within = |window: Value| {
        let mut root = root_json();
        root["timestampAuthorities"][0]["validFor"] = window;
        let outcome = verify_with(&bundle, &root_of(&root).unwrap(), &[signer()], SystemTime::now());
        outcome.map_or_else(|error| error.code(), |_| "accepted")
    };
    assert_eq!(within(json!({"start": "2025-01-01T00:00:00Z"})), "accepted");
    assert_eq!(
        within(json!({"start": "2025-01-01T00:00:00Z", "end": "2025-02-01T00:00:00Z"})),
        "E-TIMESTAMP"
    );
    assert_eq!(within(json!({"start": "2026-06-01T00:00:00Z"})), "E-TIMESTAMP");
}

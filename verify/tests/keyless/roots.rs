//! Whose certificates, logs and timestamps count.

use std::time::SystemTime;

use lacre_verify::sigstore_layer_that_proves_no_model::TrustedRoot;
use serde_json::{Value, json};

use crate::{bundles, code, root_json, root_of, signer, verify_with};

/// A bundle whose time is the log's word.
const FIRST: usize = 0;
/// One with a timestamp as well.
const STAMPED: usize = 3;

/// What becomes of the first or the last bundle under a root that was changed.
fn under(place: usize, change: impl FnOnce(&mut Value)) -> &'static str {
    let mut root = root_json();
    let before = root.clone();
    change(&mut root);
    assert_ne!(root, before, "nothing was changed");
    match root_of(&root) {
        Err(error) => error.code(),
        Ok(root) => {
            let text = serde_json::to_vec(&bundles()[place]).unwrap();
            verify_with(&text, &root, &[signer()], SystemTime::now())
                .map_or_else(|error| error.code(), |_| "accepted")
        }
    }
}

#[test]
fn each_part_of_a_root_counts_for_itself_and_in_its_time() {
    if bundles().is_empty() {
        return;
    }
    let ended = json!("2022-06-01T00:00:00Z");
    assert_eq!(under(FIRST, |root| root["timestampAuthorities"] = json!([])), "accepted");
    assert_eq!(under(STAMPED, |root| root["timestampAuthorities"] = json!([])), "E-TIMESTAMP");
    assert_eq!(under(FIRST, |root| root["tlogs"] = json!([])), "E-LOG");
    assert_eq!(
        under(FIRST, |root| root["tlogs"][0]["publicKey"]["validFor"]["end"] = ended.clone()),
        "E-LOG"
    );
    assert_eq!(under(FIRST, |root| root["ctlogs"] = json!([])), "E-TRUST-ROOT");
    assert_eq!(under(FIRST, |root| drop(root["ctlogs"].as_array_mut().unwrap().pop())), "E-LOG");
    assert_eq!(under(FIRST, |root| root["certificateAuthorities"] = json!([])), "E-SIGNER-UNTRUSTED");
    assert_eq!(
        under(FIRST, |root| drop(root["certificateAuthorities"].as_array_mut().unwrap().pop())),
        "E-SIGNER-UNTRUSTED"
    );
    assert_eq!(
        under(FIRST, |root| root["certificateAuthorities"][1]["validFor"]["end"] = ended.clone()),
        "E-SIGNER-UNTRUSTED"
    );
    assert_eq!(
        under(STAMPED, |root| root["timestampAuthorities"][0]["validFor"]["end"] =
            json!("2025-10-01T00:00:00Z")),
        "E-TIMESTAMP"
    );
    // The key of one log under the name of another.
    assert_eq!(
        under(FIRST, |root| {
            let other = root["tlogs"][1]["publicKey"].clone();
            root["tlogs"][0]["publicKey"] = other;
        }),
        "E-LOG"
    );
}

#[test]
fn the_root_of_another_instance_proves_nothing() {
    let Some(vectors) = crate::oms() else { return };
    let staging = std::fs::read(vectors.join("sigstore-trust/staging_trusted_root.json")).unwrap();
    let staging = TrustedRoot::from_json(&staging, &crate::LIMITS).unwrap();
    for bundle in bundles() {
        let text = serde_json::to_vec(&bundle).unwrap();
        assert!(["E-LOG", "E-TIMESTAMP"].contains(&code(verify_with(
            &text,
            &staging,
            &[signer()],
            SystemTime::now()
        ))));
    }
}

#[test]
fn the_embedded_root_is_the_published_one() {
    if bundles().is_empty() {
        return;
    }
    let published = root_of(&root_json()).unwrap();
    assert_eq!(format!("{published:?}"), format!("{:?}", TrustedRoot::public_good().unwrap()));
}

#[test]
fn what_is_no_root_is_refused() {
    let read = |text: &[u8]| TrustedRoot::from_json(text, &crate::LIMITS).map_or_else(|e| e.code(), |_| "ok");
    assert_eq!(read(b""), "E-JSON");
    assert_eq!(read(b"{}"), "E-TRUST-ROOT");
    assert_eq!(read(b"[]"), "E-TRUST-ROOT");
    assert_eq!(read(br#"{"mediaType":"a","mediaType":"b"}"#), "E-DUPLICATE-KEY");
    assert_eq!(
        read(br#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}"#),
        "E-TRUST-ROOT"
    );
    assert_eq!(read(&vec![b' '; (1 << 20) + 1]), "E-LIMIT");
    assert_eq!(read("[".repeat(100_000).as_bytes()), "E-LIMIT");
    let Some(vectors) = crate::oms() else { return };
    let config = std::fs::read(vectors.join("sigstore-trust/prod_client_trust_config.json")).unwrap();
    assert_eq!(read(&config), "E-TRUST-ROOT", "it holds a root, but is none");
    let changed = |change: fn(&mut Value)| {
        let mut root = root_json();
        change(&mut root);
        root_of(&root).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(changed(|_| ()), "ok");
    assert_eq!(changed(|root| root["tlogs"][1] = root["tlogs"][0].clone()), "E-TRUST-ROOT");
    assert_eq!(changed(|root| root["tlogs"][0]["publicKey"]["rawBytes"] = json!("AAAA")), "E-TRUST-ROOT");
    assert_eq!(changed(|root| root["tlogs"][0]["logId"]["keyId"] = json!("AAAA")), "E-TRUST-ROOT");
    assert_eq!(
        changed(|root| root["certificateAuthorities"][0]["certChain"]["certificates"] = json!([])),
        "E-TRUST-ROOT"
    );
    assert_eq!(
        changed(|root| root["certificateAuthorities"][0]["validFor"]["end"] = json!("1999-01-01T00:00:00Z")),
        "E-TRUST-ROOT"
    );
    assert_eq!(
        changed(|root| {
            root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = json!("MAA=");
        }),
        "E-TRUST-ROOT"
    );
}

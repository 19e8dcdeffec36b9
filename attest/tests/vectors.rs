//! The OMS vectors: bundles that other programs signed, payloads that other programs made.
//!
//! They lie outside the repository: `LACRE_VECTORS`, else `../shared/vectors` beside the checkout. Where they are not
//! there, the tests say so and pass; everything that they show has a test of its own beside the code as well.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::{AttestError, Bundle, KeyHint, Limits, Material, ModelClaim, PublicKey, Statement};
use serde_json::Value;

/// The folder of the OMS vectors.
fn vectors() -> Option<PathBuf> {
    let folder = std::env::var_os("LACRE_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    let oms = folder.join("oms");
    if oms.is_dir() {
        return Some(oms);
    }
    eprintln!("SKIPPED: no OMS vectors at {} (set LACRE_VECTORS)", oms.display());
    None
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn key(path: &Path) -> PublicKey {
    PublicKey::from_pem(&fs::read_to_string(path).unwrap()).unwrap()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn base_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn bundle(path: &Path) -> Result<Bundle, AttestError> {
    let bundle = Bundle::parse(&fs::read(path).unwrap(), &Limits::default())?;
    // Whoever wrote it: what Lacre writes of it is the same bundle.
    assert_eq!(
        Bundle::parse(&bundle.to_json(), &Limits::default()).as_ref(),
        Ok(&bundle),
        "{}",
        path.display()
    );
    Ok(bundle)
}

fn claim(bundle: &Bundle) -> Result<ModelClaim, AttestError> {
    claim_of(bundle.envelope().payload())
}

fn claim_of(payload: &[u8]) -> Result<ModelClaim, AttestError> {
    ModelClaim::from_statement(&Statement::parse(payload, &Limits::default())?)
}

fn names(claim: &ModelClaim) -> Vec<&str> {
    claim.manifest().entries().iter().map(|entry| entry.path.as_str()).collect()
}

fn hint(bundle: &Bundle) -> &KeyHint {
    match bundle.material() {
        Material::PublicKey(hint) => hint,
        other => panic!("{other:?}"),
    }
}

/// Name, bundle and key of every bundle of method `key` that is to be accepted, and the files that it signs if said.
fn accepted(oms: &Path) -> Vec<(String, PathBuf, PathBuf, Option<Vec<String>>)> {
    let mut cases = Vec::new();
    for kind in ["positive", "historical"] {
        for folder in folders(&oms.join("conformance/test-cases/verify").join(kind)) {
            let config = read_json(&folder.join("config.json"));
            if config["method"] == "key" {
                let key =
                    oms.join("conformance/assets").join(config["verify"]["public_key"].as_str().unwrap());
                let files = config["expected_signed_files"]
                    .as_array()
                    .map(|files| files.iter().map(|file| file.as_str().unwrap().to_owned()).collect());
                cases.push((base_name(&folder).to_owned(), folder.join("bundle.sig"), key, files));
            }
        }
    }
    let scripts = oms.join("model-transparency/scripts/tests");
    let key = scripts.join("keys/certificate/signing-key-pub.pem");
    for folder in folders(&scripts) {
        if base_name(&folder).ends_with("-elliptic-key") {
            cases.push((base_name(&folder).to_owned(), folder.join("model.sig"), key.clone(), None));
        }
    }
    cases.push(("spec".to_owned(), oms.join("spec/test-vectors/v1.0/valid/key.bundle.json"), key, None));
    cases
}

#[test]
fn key_bundles_of_the_peers_verify_with_their_key_and_no_other() {
    let Some(oms) = vectors() else { return };
    let wrong = key(&oms.join("conformance/assets/keys/wrong/wrong-key-pub.pem"));
    let cases = accepted(&oms);
    assert!(cases.len() >= 12, "{}", cases.len());
    for (name, path, key_path, files) in cases {
        let key = key(&key_path);
        let bundle = bundle(&path).unwrap();
        assert_eq!(bundle.envelope().verify(&key), Ok(()), "{name}");
        assert_eq!(hint(&bundle).names(&key), Some(true), "{name}");
        assert_eq!(bundle.envelope().verify(&wrong), Err(AttestError::Signature), "{name}");
        assert_eq!(hint(&bundle).names(&wrong), Some(false), "{name}");
        let mut payload = bundle.envelope().payload().to_vec();
        *payload.last_mut().unwrap() ^= 1;
        let message = lacre_attest::pae(lacre_attest::IN_TOTO_PAYLOAD_TYPE, &payload);
        assert_eq!(
            key.verify(&message, bundle.envelope().signature()),
            Err(AttestError::Signature),
            "{name}"
        );

        let claim = claim(&bundle).unwrap();
        match files {
            Some(files) if files == ["."] => {
                assert!(claim.single_file(), "{name}");
                assert_eq!(names(&claim), [claim.name()], "{name}");
            }
            Some(files) => assert_eq!(names(&claim), files, "{name}"),
            None => assert!(!names(&claim).is_empty(), "{name}"),
        }
    }
}

#[test]
fn rejected_key_bundles_give_the_code_that_fits() {
    let Some(oms) = vectors() else { return };
    // "content": the bundle is good, and says something else than the model's folder.
    let expected = BTreeMap::from([
        ("key-simple-extra-file_fail", "content"),
        ("key-simple-no-signature_fail", "E-SIGNATURE-COUNT"),
        ("key-simple-truncated-bundle_fail", "E-JSON"),
        ("key-simple-wrong-mediatype_fail", "E-BUNDLE"),
        ("malformed-empty-bundle_fail", "E-JSON"),
        ("malformed-missing-envelope_fail", "E-BUNDLE"),
        ("malformed-no-subject_fail", "E-STATEMENT"),
        ("malformed-wrong-predicate_fail", "E-PREDICATE-TYPE"),
    ]);
    let mut seen = BTreeMap::new();
    let cases = folders(&oms.join("conformance/test-cases/verify/negative"));
    for folder in &cases {
        if read_json(&folder.join("config.json"))["method"] == "key" {
            let outcome = bundle(&folder.join("bundle.sig")).and_then(|bundle| claim(&bundle));
            seen.insert(base_name(folder), outcome.map_or_else(|error| error.code(), |_| "content"));
        }
    }
    assert_eq!(seen, expected);
}

#[test]
fn invalid_bundles_of_the_specification_are_refused() {
    let Some(oms) = vectors() else { return };
    let folder = oms.join("spec/test-vectors/v1.0");
    let code = |name: &str| bundle(&folder.join(name)).and_then(|bundle| claim(&bundle)).unwrap_err().code();
    assert_eq!(code("invalid/empty.bundle.json"), "E-JSON");
    assert_eq!(code("invalid/missing-envelope.bundle.json"), "E-BUNDLE");
    assert_eq!(code("invalid/missing-verification-material.bundle.json"), "E-BUNDLE");
    assert_eq!(code("invalid-payload/wrong-predicate.bundle.json"), "E-PREDICATE-TYPE");
    // Readable, but with nothing that proves when it was signed: for the verifier of certificates to refuse.
    let unlogged = bundle(&folder.join("invalid/missing-tlog-entries.bundle.json")).unwrap();
    assert!(matches!(unlogged.material(), Material::Certificates(_)));
    assert_eq!(unlogged.log_entries(), 0);
}

#[test]
fn certificate_and_keyless_bundles_are_recognised() {
    let Some(oms) = vectors() else { return };
    let mut count = 0;
    for kind in ["positive", "historical"] {
        for folder in folders(&oms.join("conformance/test-cases/verify").join(kind)) {
            let method = read_json(&folder.join("config.json"))["method"].as_str().unwrap().to_owned();
            if method == "key" {
                continue;
            }
            let name = base_name(&folder);
            let bundle = bundle(&folder.join("bundle.sig")).unwrap();
            let Material::Certificates(held) = bundle.material() else { panic!("{name}") };
            // A certificate in DER is a SEQUENCE.
            assert!(held.certificates().iter().all(|der| der[0] == 0x30), "{name}");
            assert_eq!(bundle.log_entries(), usize::from(method == "sigstore"), "{name}");
            match claim(&bundle) {
                Ok(claim) => assert_eq!(names(&claim), ["signme-1", "signme-2"], "{name}"),
                Err(error) => {
                    assert_eq!((name, error.code()), ("historical-v0.2.0-certificate", "E-LEGACY"));
                }
            }
            count += 1;
        }
    }
    assert!(count >= 11, "{count}");
}

#[test]
fn golden_payloads_of_the_reference_implementation_are_read() {
    let Some(oms) = vectors() else { return };
    let folder = oms.join("model-transparency/tests/_signing/testdata/signing/TestPayload");
    let mut read = 0;
    for path in folders(&folder) {
        let name = base_name(&path);
        let payload = fs::read(&path).unwrap();
        match claim_of(&payload) {
            Ok(claim) => {
                // The root was made there; that it is the root of the list is checked while reading.
                let signed = read_json(&path)["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned();
                assert_eq!(claim.root().to_string(), signed, "{name}");
                assert_eq!(
                    claim.single_file(),
                    name.starts_with("sample_model_file") || name == "empty_model_file",
                    "{name}"
                );
                if let Ok(written) = claim.to_statement() {
                    assert_eq!(claim_of(&written).unwrap().manifest(), claim.manifest(), "{name}");
                } else {
                    assert!(name.ends_with("_shard") || name.ends_with("_shards"), "{name}");
                }
                read += 1;
            }
            // A file without bytes has no pieces.
            Err(error) => {
                assert_eq!((name.contains("empty"), error.code()), (true, "E-NO-RESOURCES"), "{name}");
            }
        }
    }
    assert_eq!(read, 14);
    let sample = claim_of(&fs::read(folder.join("sample_model_folder")).unwrap()).unwrap();
    assert_eq!(sample.root().to_string(), "143cc682e555951649f18e2761c3d526d2502996f5e32dc187ef7f8a614f8df7");
}

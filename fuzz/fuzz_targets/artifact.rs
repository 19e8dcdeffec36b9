//! Manifests from a store: model artifacts, their configuration, encrypted artifacts, signature referrers.

#![no_main]

use lacre_hash::Sha256Digest;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, CODES, EncryptedArtifact, ModelArtifact, SignatureReferrer,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    match ModelArtifact::parse(text) {
        Ok(artifact) => {
            let files = artifact.files().expect("what was parsed has files");
            assert_eq!(files.len(), artifact.layers.len());
            for layer in &artifact.layers {
                assert!(layer.path.components().all(|part| !matches!(part, "" | "." | "..")));
                assert_ne!(layer.path.as_str().to_lowercase(), "model.sig");
            }
            // The manifest is hardly its own configuration, but it is a text of the same kind.
            if let Err(error) = artifact.parse_config(text) {
                assert!(CODES.contains(&error.code()), "{error:?}");
            }
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
    match EncryptedArtifact::parse(text) {
        Ok(_) => assert_eq!(ModelArtifact::parse(text).unwrap_err().code(), "E-ENCRYPTED"),
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
    match SignatureReferrer::parse(text) {
        Ok(referrer) => {
            assert_eq!(referrer.bundle.media_type, BUNDLE_ARTIFACT_TYPE);
            assert_ne!(referrer.subject, Sha256Digest::of(text), "no manifest names its own digest");
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
});

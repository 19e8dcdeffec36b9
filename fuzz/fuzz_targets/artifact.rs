//! Manifests from a store: model artifacts, their configuration, encrypted artifacts, signature referrers, and outlines
//! of any.

#![no_main]

use lacre_hash::Sha256Digest;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, CODES, EncryptedArtifact, ModelArtifact, Outline, SignatureReferrer,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    match ModelArtifact::parse(text) {
        Ok(artifact) => {
            match artifact.files() {
                Ok(files) => assert_eq!(files.len(), artifact.layers.len()),
                Err(error) => assert_eq!((error.code(), artifact.packs.is_empty()), ("E-PACKED", false)),
            }
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
    let outline = Outline::parse(text);
    if let Err(error) = &outline {
        assert!(CODES.contains(&error.code()), "{error:?}");
    }
    match SignatureReferrer::parse(text) {
        Ok(referrer) => {
            let outline = outline.expect("what is read strictly is read");
            assert_eq!(outline.subject, Some(referrer.subject));
            assert_eq!(outline.artifact_type, BUNDLE_ARTIFACT_TYPE);
            assert_eq!(referrer.bundle.media_type, BUNDLE_ARTIFACT_TYPE);
            assert_ne!(referrer.subject, Sha256Digest::of(text), "no manifest names its own digest");
        }
        Err(error) => assert!(CODES.contains(&error.code()), "{error:?}"),
    }
});

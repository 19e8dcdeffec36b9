//! Signatures as referrers: a Sigstore bundle in a manifest of its own whose `subject` is the signed manifest, in
//! exactly the layout that cosign 3 writes and reads.

use std::collections::BTreeMap;

use lacre_hash::{NoProgress, Sha256Digest};

use crate::RegistryError;
use crate::descriptor::{AnyDigest, Descriptor, EMPTY_CONFIG, IMAGE_MANIFEST, parse_digest};
use crate::image::{ImageManifest, WrittenManifest};
use crate::store::{Put, Store};

/// Artifact type of a signature or attestation, and media type of its one layer: a Sigstore bundle v0.3.
pub const BUNDLE_ARTIFACT_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The blob of the empty configuration (image specification 1.1, "Guidance for an Empty Descriptor").
pub const EMPTY_CONFIG_BYTES: &[u8] = b"{}";

const CONTENT: &str = "dev.sigstore.bundle.content";
pub(crate) const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
const CREATED: &str = "org.opencontainers.image.created";

/// A referrer, ready to be stored: its configuration ([`EMPTY_CONFIG_BYTES`]), its bundle, then its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltReferrer {
    /// Describes the empty configuration.
    pub config_descriptor: Descriptor,
    /// Describes the bundle.
    pub bundle_descriptor: Descriptor,
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
}

/// Builds the referrer that carries `bundle` (a DSSE envelope in a Sigstore bundle) for `subject`.
///
/// `created` is the time of the attachment in RFC 3339, with seconds and `Z`; it is a note for people, unsigned.
pub fn build_signature_referrer(
    subject: &Descriptor,
    bundle: &[u8],
    predicate_type: &str,
    created: &str,
) -> BuiltReferrer {
    let mut config_descriptor = Descriptor::of(EMPTY_CONFIG, EMPTY_CONFIG_BYTES);
    // cosign sets it here too.
    config_descriptor.artifact_type = Some(BUNDLE_ARTIFACT_TYPE.to_owned());
    let bundle_descriptor = Descriptor::of(BUNDLE_ARTIFACT_TYPE, bundle);
    let annotations = [(CONTENT, "dsse-envelope"), (PREDICATE_TYPE, predicate_type), (CREATED, created)];
    let manifest = lacre_json::to_vec(&WrittenManifest {
        schema_version: 2,
        media_type: IMAGE_MANIFEST,
        artifact_type: BUNDLE_ARTIFACT_TYPE,
        config: &config_descriptor,
        layers: std::slice::from_ref(&bundle_descriptor),
        subject: Some(subject.plain()),
        annotations: annotations.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect(),
    });
    BuiltReferrer { config_descriptor, bundle_descriptor, manifest }
}

/// Stores `bundle` as a referrer of `subject`, unless a referrer of it carries the same bytes already: attaching
/// again, at another time, adds nothing. Gives the referrer's manifest.
///
/// # Errors
/// Those of [`Store::referrers`], [`Store::put_blob`] and [`Store::put_manifest`].
pub fn attach_signature(
    store: &dyn Store,
    subject: &Descriptor,
    bundle: &[u8],
    predicate_type: &str,
    created: &str,
) -> Result<(Descriptor, Put), RegistryError> {
    let built = build_signature_referrer(subject, bundle, predicate_type, created);
    for referrer in store.referrers(&subject.digest, Some(BUNDLE_ARTIFACT_TYPE))? {
        // Someone else's malformed referrer is no reason not to attach a good one.
        let Ok(found) = SignatureReferrer::parse(&store.manifest(&referrer)?) else { continue };
        if found.bundle.digest == built.bundle_descriptor.digest {
            // A bundle that went missing or was altered is mended.
            store.put_blob(&built.bundle_descriptor, &bundle, &NoProgress)?;
            return Ok((referrer, Put::Existed));
        }
    }
    store.put_blob(&built.config_descriptor, &EMPTY_CONFIG_BYTES, &NoProgress)?;
    store.put_blob(&built.bundle_descriptor, &bundle, &NoProgress)?;
    let referrer = store.put_manifest(IMAGE_MANIFEST, &built.manifest, None)?;
    Ok((referrer, Put::Written))
}

/// What a signature's referrer says. Nothing of it is proven: the bundle proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureReferrer {
    /// The manifest that it is attached to.
    pub subject: Sha256Digest,
    /// The bundle.
    pub bundle: Descriptor,
    /// The predicate type of the statement in the bundle, as announced.
    pub predicate_type: Option<String>,
}

impl SignatureReferrer {
    /// Reads a referrer's manifest.
    ///
    /// # Errors
    /// `E-ARTIFACT` when it is not an image manifest of type [`BUNDLE_ARTIFACT_TYPE`] with a subject and exactly one
    /// layer, the bundle, held in the store; the codes of reading JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let OneLayer { subject, layer: bundle, mut annotations } = one_layer(bytes, BUNDLE_ARTIFACT_TYPE)?;
        Ok(Self { subject, bundle, predicate_type: annotations.remove(PREDICATE_TYPE) })
    }
}

/// A referrer of one layer.
pub(crate) struct OneLayer {
    pub(crate) subject: Sha256Digest,
    pub(crate) layer: Descriptor,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Reads the manifest of a referrer whose artifact type, and whose one layer, are of `media_type`.
pub(crate) fn one_layer(bytes: &[u8], media_type: &str) -> Result<OneLayer, RegistryError> {
    let digest = Sha256Digest::of(bytes);
    let manifest = ImageManifest::parse(bytes, &digest)?;
    let fault = |detail: String| RegistryError::Referrer { digest, detail };
    if manifest.media_type.as_deref() != Some(IMAGE_MANIFEST) {
        return Err(fault(format!("its media type is {:?}", manifest.media_type.as_deref().unwrap_or(""))));
    }
    if manifest.artifact_type() != media_type {
        return Err(fault(format!("its artifact type is {:?}", manifest.artifact_type())));
    }
    let subject = manifest.subject.as_ref().ok_or_else(|| fault("it has no subject".to_owned()))?;
    let AnyDigest::Sha256(subject) = parse_digest(&subject.digest).map_err(fault)? else {
        return Err(fault("its subject's digest is not sha256".to_owned()));
    };
    let [layer] = manifest.layers() else {
        return Err(fault(format!("it has {} layers, not one", manifest.layers().len())));
    };
    if layer.media_type != media_type {
        return Err(fault(format!("its layer is of type {:?}", layer.media_type)));
    }
    if layer.urls.is_some() || layer.data.is_some() {
        return Err(fault("its layer's content may come from elsewhere (`urls` or `data`)".to_owned()));
    }
    let layer = layer.clone().into_descriptor().map_err(fault)?;
    Ok(OneLayer { subject, layer, annotations: manifest.annotations() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manifest that cosign 3.1.1 wrote into a registry.
    const COSIGN: &str = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2, "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}, "layers": [{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "size": 659, "digest": "sha256:3f35e5bda403d8ebdab7ed3b1326c96a6a4e9e1693d91e84e4417f434091cb6b"}], "annotations": {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1", "org.opencontainers.image.created": "2026-11-23T03:01:18Z"}, "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 770, "digest": "sha256:3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac"}, "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}"#;

    #[test]
    fn writes_what_cosign_writes() {
        let bundle = b"a bundle";
        let subject_digest = "3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac";
        let mut subject =
            Descriptor::new(IMAGE_MANIFEST, Sha256Digest::from_hex(subject_digest).unwrap(), 770);
        subject.artifact_type = Some("a/b".to_owned());
        subject.annotations.insert("a".to_owned(), "b".to_owned());
        let predicate_type = "https://sigstore.dev/cosign/sign/v1";
        let built = build_signature_referrer(&subject, bundle, predicate_type, "2026-11-23T03:01:18Z");
        let mut ours: serde_json::Value = serde_json::from_slice(&built.manifest).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(COSIGN).unwrap();
        // Another bundle: only its digest and size may differ.
        assert_eq!(ours["layers"][0]["size"], 8);
        let digest = format!("sha256:{}", Sha256Digest::of(bundle));
        assert_eq!(ours["layers"][0]["digest"], digest);
        ours["layers"][0]["size"] = theirs["layers"][0]["size"].clone();
        ours["layers"][0]["digest"] = theirs["layers"][0]["digest"].clone();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn reads_what_cosign_writes() {
        let read = SignatureReferrer::parse(COSIGN.as_bytes()).unwrap();
        assert_eq!(
            read.subject.to_string(),
            "3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac"
        );
        assert_eq!(
            read.bundle.digest.to_string(),
            "3f35e5bda403d8ebdab7ed3b1326c96a6a4e9e1693d91e84e4417f434091cb6b"
        );
        assert_eq!(read.bundle.size, 659);
        assert_eq!(read.predicate_type.as_deref(), Some("https://sigstore.dev/cosign/sign/v1"));
    }

    #[test]
    fn refuses_what_is_not_one_bundle() {
        let layer = r#"{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "size": 659, "digest": "sha256:3f35e5bda403d8ebdab7ed3b1326c96a6a4e9e1693d91e84e4417f434091cb6b"}"#;
        assert!(COSIGN.contains(layer));
        let two = format!("{layer}, {layer}");
        let changes = [
            (layer, ""),
            (layer, two.as_str()),
            (
                r#""layers": [{"mediaType": "application/vnd.dev"#,
                r#""layers": [{"mediaType": "application/x.dev"#,
            ),
            (r#""size": 659"#, r#""size": 659, "urls": ["http://x.test/"]"#),
            (r#""size": 659"#, r#""size": 659, "data": "e30=""#),
            ("sha256:3f35", "sha512:3f35"),
            ("sha256:3d62", "sha512:3d62"),
            (r#""subject""#, r#""subjects""#),
            (r#", "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}"#, "}"),
            (r#""mediaType": "application/vnd.oci.image.manifest.v1+json", "config""#, r#""config""#),
        ];
        for (from, to) in changes {
            let text = COSIGN.replace(from, to);
            assert_ne!(text, COSIGN, "{from}");
            assert_eq!(SignatureReferrer::parse(text.as_bytes()).unwrap_err().code(), "E-ARTIFACT", "{to}");
        }
    }
}

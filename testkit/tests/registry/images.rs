//! What the tests keep in registries.

use lacre_hash::Sha256Digest;
use lacre_testkit::registry::Registry;
use serde_json::{Value, json};

use crate::client::{Reply, ask};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// FIPS 180-4, examples.
pub(crate) const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// The same by SHA-512.
pub(crate) const ABC_512: &str = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
/// The digest of something that is nowhere.
pub(crate) const NOWHERE: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000ff";

/// By the product's own hash, which the registry does not know.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256Digest::of(bytes))
}

/// A manifest with one layer, `abc`, and `{}` for its config.
pub(crate) fn manifest() -> Value {
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x-test",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2},
        "layers": [{"mediaType": "application/octet-stream", "digest": ABC, "size": 3}],
    })
}

/// The same, attached to `subject`.
pub(crate) fn referrer(subject: &str, kind: &str) -> Value {
    let mut value = manifest();
    value["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": 7});
    value["artifactType"] = kind.into();
    value["annotations"] = json!({"kind": kind});
    value
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// A registry whose repository `org/model` holds the blobs of [`manifest`].
pub(crate) fn with_blobs(registry: Registry) -> Registry {
    registry.put_blob("org/model", b"abc");
    registry.put_blob("org/model", b"{}");
    registry
}

/// The same, with the manifest under the tag `v1`.
pub(crate) fn with_image(registry: Registry) -> (Registry, String) {
    let registry = with_blobs(registry);
    let digest = registry.put_manifest("org/model", MANIFEST, &bytes(&manifest()));
    registry.tag("org/model", "v1", &digest);
    (registry, digest)
}

pub(crate) fn put(registry: &Registry, reference: &str, value: &Value) -> Reply {
    let target = format!("/v2/org/model/manifests/{reference}");
    ask(registry, "PUT", &target, &[("content-type", MANIFEST)], &bytes(value))
}

/// Begins an upload and gives the path to go on at.
pub(crate) fn begin(registry: &Registry) -> String {
    let begun = ask(registry, "POST", "/v2/org/model/blobs/uploads/", &[], b"");
    assert_eq!(begun.status, 202);
    begun.header("location").unwrap().to_owned()
}

/// An upload's place with a digest.
pub(crate) fn closing(location: &str, digest: &str) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={digest}")
}

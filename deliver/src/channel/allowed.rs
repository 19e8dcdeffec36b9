//! A permitted release, and the artifact that it is.

use lacre_attest::ModelClaim;
use lacre_manifest::Manifest;
use lacre_registry_client::{Descriptor, Reference, Target};
use lacre_release::{Contents, Release};

use crate::DeliverError;

/// Where the artifact of a release is, by its digest: in the repository that `from` names, else in the one that the release
/// names, else in that of the channel itself.
///
/// # Errors
/// `E-REFERENCE` when the release names no repository of a registry; `E-USAGE` when nothing says where it is.
pub fn location(
    release: &Release,
    from: Option<&Reference>,
    channel: Option<&Reference>,
) -> Result<Reference, DeliverError> {
    let target = Target::Digest(release.manifest.sha256);
    if let Some(from) = from {
        return Ok(from.with_target(target));
    }
    if let Some(repository) = &release.manifest.repository {
        let named = Reference::parse(repository)?;
        // A layout would be a folder of this machine, chosen by somebody elsewhere.
        if !matches!(named, Reference::Remote { .. }) {
            return Err(DeliverError::NoRepository { version: release.version.to_string() });
        }
        return Ok(named.with_target(target));
    }
    match channel {
        Some(channel) => Ok(channel.with_target(target)),
        None => Err(DeliverError::NoRepository { version: release.version.to_string() }),
    }
}

/// Whether the artifact that was found is that of the release: its manifest, and the signed model.
///
/// # Errors
/// `E-RELEASE-MISMATCH`.
pub fn check_release(
    release: &Release,
    manifest: &Descriptor,
    claim: &ModelClaim,
) -> Result<(), DeliverError> {
    let differs = |what| Err(DeliverError::OtherRelease { version: release.version.to_string(), what });
    let named = &release.manifest;
    if (manifest.digest, manifest.size) != (named.sha256, named.size)
        || manifest.media_type != named.media_type
    {
        return differs("manifest");
    }
    if *claim.root() != release.model_digests.sha256 {
        return differs("root digest of the signed model");
    }
    // Signatures of other tools carry none; then the manifest and the root say which model it is.
    if claim.identity().is_some_and(|identity| identity.digest() != release.model_digests.lacre) {
        return differs("identity of the signed model");
    }
    Ok(())
}

/// The contents of a model by which a channel lists it: `claim` was signed, and `seen` are the files that were proven.
/// `None` when a size is not known.
pub fn contents(claim: &ModelClaim, seen: &Manifest) -> Option<Contents> {
    let size_of = |path: &lacre_manifest::EntryPath| seen.get(path.as_str()).and_then(|entry| entry.size);
    let identity = claim.identity_by(size_of)?;
    Some(Contents { lacre: identity.digest(), sha256: *claim.root() })
}

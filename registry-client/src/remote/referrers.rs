//! Who refers to a manifest (distribution specification 1.1, "Listing Referrers").

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use serde::Deserialize;

use super::pages::{self, Next};
use super::{Remote, fallback, manifests};
use crate::RegistryError;
use crate::descriptor::{Descriptor, EMPTY_CONFIG, IMAGE_INDEX, IMAGE_MANIFEST, JSON_LIMITS, WireDescriptor};
use crate::image::ImageManifest;
use crate::layout::MAX_CANDIDATE_BYTES;
use crate::store::{Discovered, Discovery};

/// Referrers that are looked at. Whoever can write to the repository can attach any number.
const MOST: u64 = 1000;

/// What a registry says of the referrers of a manifest.
#[derive(Debug)]
pub(super) enum Listing {
    /// It keeps a list; this is it, perhaps empty.
    Kept(Vec<WireDescriptor>),
    /// It does not know the referrers API.
    Unsupported,
}

/// An index of referrers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReferrerIndex {
    schema_version: u32,
    pub(super) media_type: Option<String>,
    manifests: Vec<WireDescriptor>,
}

impl ReferrerIndex {
    /// Reads an index.
    pub(super) fn parse(bytes: &[u8]) -> Result<Vec<WireDescriptor>, RegistryError> {
        let index: Self = lacre_json::from_slice(bytes, JSON_LIMITS).map_err(|source| {
            RegistryError::Json { document: "the index of referrers".to_owned(), source }
        })?;
        if index.schema_version != 2 {
            let found = index.schema_version.to_string();
            return Err(RegistryError::Unsupported { what: "an index of schema version", found });
        }
        match index.media_type {
            Some(found) if found != IMAGE_INDEX => {
                Err(RegistryError::Unsupported { what: "an index of referrers of media type", found })
            }
            _ => Ok(index.manifests),
        }
    }
}

/// The referrers of `subject`. Only "there is no such API" leads to the fallback; a registry that refuses, or is too
/// busy, has not said that nobody signed.
pub(super) fn list(
    remote: &Remote,
    subject: &Sha256Digest,
    artifact_type: Option<&str>,
) -> Result<Discovered, RegistryError> {
    let (listed, by) = match ask(remote, subject, artifact_type)? {
        Listing::Kept(listed) => (listed, Discovery::Api),
        Listing::Unsupported => match fallback::read(remote, subject)? {
            Some(listed) => (listed, Discovery::FallbackTag),
            None => (Vec::new(), Discovery::Unsupported),
        },
    };
    let mut candidates: BTreeMap<Sha256Digest, Descriptor> = BTreeMap::new();
    for wire in listed {
        let detail = |detail| RegistryError::ListedReferrer { subject: *subject, detail };
        let digest = crate::descriptor::parse_digest(&wire.digest).map_err(detail)?;
        // Of other media types and digests nothing is read anywhere in this crate.
        if wire.media_type != IMAGE_MANIFEST || !matches!(digest, crate::descriptor::AnyDigest::Sha256(_)) {
            continue;
        }
        let descriptor = wire.into_descriptor().map_err(detail)?;
        if may_be(descriptor.artifact_type.as_deref(), artifact_type) && descriptor.digest != *subject {
            candidates.entry(descriptor.digest).or_insert(descriptor);
        }
    }
    affordable(candidates.values())?;
    let mut referrers = Vec::new();
    for (digest, descriptor) in candidates {
        let bytes = manifests::proven(remote, &descriptor)?;
        let manifest = ImageManifest::parse(&bytes, &digest)?;
        let refers =
            manifest.refers_to(subject).map_err(|detail| RegistryError::Referrer { digest, detail })?;
        if refers && artifact_type.is_none_or(|wanted| wanted == manifest.artifact_type()) {
            referrers.push(manifest.listing(digest, descriptor.size));
        }
    }
    Ok(Discovered { referrers, by })
}

/// Asks the referrers API, for all of its pages. The filter is a wish: nothing is concluded from its being granted.
fn ask(
    remote: &Remote,
    subject: &Sha256Digest,
    artifact_type: Option<&str>,
) -> Result<Listing, RegistryError> {
    let filter = artifact_type.map(|wanted| format!("?artifactType={}", encoded(wanted))).unwrap_or_default();
    let answer = pages::first(remote, &remote.place(&format!("referrers/sha256:{subject}{filter}")))?;
    if answer.status() == 404 {
        return Ok(Listing::Unsupported);
    }
    if answer.status() == 200
        && answer.media_type().is_some_and(|kind| kind != IMAGE_INDEX && kind != "application/json")
    {
        let kind = lacre_manifest::escape(&answer.media_type().unwrap_or_default());
        return Err(answer.told().protocol(format!("answered with {kind}, not with an index")));
    }
    let mut listed: Vec<WireDescriptor> = Vec::new();
    pages::each(remote, answer, "pages of referrers", |page| {
        listed.extend(ReferrerIndex::parse(page)?);
        // Those of other types are told by their listing, and cost nothing more.
        if listed.len() as u64 > 10 * MOST {
            return Err(RegistryError::TooMany { what: "referrers", limit: 10 * MOST });
        }
        Ok(Next::Page)
    })?;
    Ok(Listing::Kept(listed))
}

/// Whether a listing does not rule out that the manifest is of the wanted type. Some registries list the type of the
/// configuration instead, which for signatures is the empty one.
fn may_be(listed: Option<&str>, wanted: Option<&str>) -> bool {
    match (listed, wanted) {
        (_, None) | (None | Some(EMPTY_CONFIG), _) => true,
        (Some(listed), Some(wanted)) => listed == wanted,
    }
}

fn affordable<'a>(candidates: impl ExactSizeIterator<Item = &'a Descriptor>) -> Result<(), RegistryError> {
    if candidates.len() as u64 > MOST {
        return Err(RegistryError::TooMany { what: "referrers to look at", limit: MOST });
    }
    let bytes = candidates.fold(0_u64, |sum, candidate| sum.saturating_add(candidate.size));
    if bytes > MAX_CANDIDATE_BYTES {
        let what = "bytes of referrers to look at";
        return Err(RegistryError::TooMany { what, limit: MAX_CANDIDATE_BYTES });
    }
    Ok(())
}

/// A media type in a query (RFC 3986, section 3.4).
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_survives_a_query() {
        let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
        assert_eq!(encoded(kind), "application/vnd.dev.sigstore.bundle.v0.3%2Bjson");
        assert_eq!(encoded("a b&c=d"), "a%20b%26c%3Dd");
    }

    #[test]
    fn only_a_clear_listing_rules_out() {
        for listed in [None, Some(EMPTY_CONFIG), Some("a/b")] {
            assert!(may_be(listed, Some("a/b")) && may_be(listed, None), "{listed:?}");
        }
        assert!(!may_be(Some("c/d"), Some("a/b")));
    }
}

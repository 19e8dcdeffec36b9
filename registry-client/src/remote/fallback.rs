//! Referrers of registries that keep no list of them: an index under a tag that is made of the subject's digest
//! (distribution specification 1.1, "Referrers Tag Schema").
//!
//! Everybody who attaches something rewrites that index, and the last one wins: registries ignore `If-Match`. So each
//! writer first gives what it attaches a tag of its own, which nobody else writes, and is done only when it has seen
//! an index that holds all that have such tags. Whoever writes last mends what was lost in between. Readers look at
//! both. What other programs attach has no such tag, and can be lost by their own haste as ever.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lacre_hash::{NoProgress, Sha256Digest};
use serde_json::json;

use super::manifests::{self, Condition, Fetched, Written};
use super::referrers::ReferrerIndex;
use super::{Remote, tags};
use crate::RegistryError;
use crate::descriptor::{Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST, WireDescriptor};
use crate::image::ImageManifest;
use crate::transport::{pause, shortened};

/// Rounds in which an index is rewritten before it is given up.
const ROUNDS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Within this process, one writer at a time for each subject (and for a few others with it).
static WRITERS: [Mutex<()>; 16] = [const { Mutex::new(()) }; 16];

/// The tag of the index of `subject`'s referrers.
fn index_tag(subject: &Sha256Digest) -> String {
    format!("sha256-{subject}")
}

/// What the tags of single referrers of `subject` begin with.
fn own_prefix(subject: &Sha256Digest) -> String {
    format!("sha256-{subject}.lacre-")
}

/// The tag that only this referrer of `subject` has. Half of a digest is enough: the manifest behind it is judged by
/// what it says itself.
fn own_tag(subject: &Sha256Digest, referrer: &Sha256Digest) -> String {
    let digest = referrer.to_string();
    format!("{}{}", own_prefix(subject), digest.get(..32).unwrap_or(&digest))
}

/// Whether a tag is one of those that are made here or by others for referrers, and leads to no model.
pub(super) fn is_ours(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let digits = rest.get(..64).unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The referrers that the index lists, and those that have tags of their own; nothing where there is neither.
pub(super) fn read(
    remote: &Remote,
    subject: &Sha256Digest,
) -> Result<Option<Vec<WireDescriptor>>, RegistryError> {
    let index = fetch_index(remote, subject)?;
    let is_kept = index.is_some();
    let mut listed = index.map(|index| index.listed).unwrap_or_default();
    for found in tagged(remote, subject, &listed)? {
        listed.push(WireDescriptor::from(&found));
    }
    Ok((is_kept || !listed.is_empty()).then_some(listed))
}

/// Adds `referrer`, whose manifest is `bytes`.
pub(super) fn add(
    remote: &Remote,
    subject: &Sha256Digest,
    referrer: &Descriptor,
    bytes: &[u8],
) -> Result<(), RegistryError> {
    let first = subject.to_string().bytes().next().unwrap_or_default();
    let _writer = WRITERS[usize::from(first) % WRITERS.len()].lock().unwrap_or_else(PoisonError::into_inner);
    manifests::write(remote, IMAGE_MANIFEST, bytes, &own_tag(subject, &referrer.digest), Condition::None)?;
    let mut wait = FIRST_WAIT;
    for round in 0..ROUNDS {
        let index = fetch_index(remote, subject)?;
        let (listed, etag) = index.map_or((Vec::new(), None), |index| (index.listed, index.etag));
        let is_new = etag.is_none() && listed.is_empty();
        let mut missing = tagged(remote, subject, &listed)?;
        if !holds(&listed, &referrer.digest) && missing.iter().all(|one| one.digest != referrer.digest) {
            missing.push(referrer.clone());
        }
        if missing.is_empty() {
            return Ok(());
        }
        let merged = merge(listed, &missing)?;
        let condition = match etag {
            Some(etag) => Condition::Unchanged(etag),
            None if is_new => Condition::Absent,
            None => Condition::None,
        };
        let written = manifests::write(remote, IMAGE_INDEX, &merged, &index_tag(subject), condition)?;
        // The next round sees what stands there now. Whoever had to write twice is not alone, and lets others go first.
        if round > 0 || matches!(written, Written::Overtaken) {
            pause(shortened(wait), &NoProgress)?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
    // It is found by its own tag all the same.
    match fetch_index(remote, subject)? {
        Some(index) if holds(&index.listed, &referrer.digest) => Ok(()),
        _ => Err(RegistryError::Overtaken { subject: *subject, rounds: ROUNDS }),
    }
}

struct ListedIndex {
    listed: Vec<WireDescriptor>,
    etag: Option<String>,
}

fn fetch_index(remote: &Remote, subject: &Sha256Digest) -> Result<Option<ListedIndex>, RegistryError> {
    let Some(Fetched { descriptor, bytes, etag }) = manifests::fetch(remote, &index_tag(subject))? else {
        return Ok(None);
    };
    if descriptor.media_type != IMAGE_INDEX {
        let detail = format!("its tag leads to a document of type {:?}", descriptor.media_type);
        return Err(RegistryError::ListedReferrer { subject: *subject, detail });
    }
    Ok(Some(ListedIndex { listed: ReferrerIndex::parse(&bytes)?, etag }))
}

/// The referrers of `subject` that have tags of their own and are not in `listed`.
fn tagged(
    remote: &Remote,
    subject: &Sha256Digest,
    listed: &[WireDescriptor],
) -> Result<Vec<Descriptor>, RegistryError> {
    let prefix = own_prefix(subject);
    let mut found = Vec::new();
    // Where tags are not listed, the index is all there is.
    for tag in tags::beginning_with(remote, &prefix)?.unwrap_or_default() {
        let half = &tag[prefix.len()..];
        let known = |wire: &WireDescriptor| {
            wire.digest.strip_prefix("sha256:").is_some_and(|it| it.starts_with(half))
        };
        if half.len() == 32 && listed.iter().any(known) {
            continue;
        }
        // A tag can be gone a moment later, or be somebody else's idea.
        let Some(Fetched { descriptor, bytes, .. }) = manifests::fetch(remote, &tag)? else { continue };
        if descriptor.media_type != IMAGE_MANIFEST {
            continue;
        }
        let manifest = ImageManifest::parse(&bytes, &descriptor.digest)?;
        if manifest.refers_to(subject) == Ok(true) {
            found.push(manifest.listing(descriptor.digest, descriptor.size));
        }
    }
    Ok(found)
}

fn holds(listed: &[WireDescriptor], digest: &Sha256Digest) -> bool {
    let digest = format!("sha256:{digest}");
    listed.iter().any(|wire| wire.digest == digest)
}

/// The index of all of them, each once.
fn merge(listed: Vec<WireDescriptor>, more: &[Descriptor]) -> Result<Vec<u8>, RegistryError> {
    let mut all: Vec<WireDescriptor> = Vec::with_capacity(listed.len() + more.len());
    for wire in listed.into_iter().chain(more.iter().map(WireDescriptor::from)) {
        if all.iter().all(|kept| kept.digest != wire.digest) {
            all.push(wire);
        }
    }
    let bytes =
        lacre_json::to_vec(&json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": all }));
    let size = bytes.len() as u64;
    if size > MAX_MANIFEST {
        let document = "the index of referrers".to_owned();
        return Err(RegistryError::TooLarge { document, size, limit: MAX_MANIFEST });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Tag;

    #[test]
    fn tags_are_tags_and_are_told_from_those_of_models() {
        let (subject, referrer) = (Sha256Digest::of(b"subject"), Sha256Digest::of(b"referrer"));
        for tag in [index_tag(&subject), own_tag(&subject, &referrer)] {
            assert!(Tag::parse(&tag).is_ok() && is_ours(&tag), "{tag}");
        }
        // cosign's older form.
        assert!(is_ours(&format!("sha256-{subject}.sig")));
        for tag in ["v1", "sha256-v1", "latest", "sha256-"] {
            assert!(!is_ours(tag), "{tag}");
        }
        assert_eq!(own_tag(&subject, &referrer).len(), 110);
    }

    #[test]
    fn merging_keeps_all_once_with_their_annotations() {
        let mut one = Descriptor::of(IMAGE_MANIFEST, b"one");
        one.artifact_type = Some("a/b".to_owned());
        one.annotations.insert("k".to_owned(), "v".to_owned());
        let two = Descriptor::of(IMAGE_MANIFEST, b"two");
        let first = merge(Vec::new(), std::slice::from_ref(&one)).unwrap();
        let listed = ReferrerIndex::parse(&first).unwrap();
        let second = merge(listed, &[two.clone(), one.clone()]).unwrap();
        let listed = ReferrerIndex::parse(&second).unwrap();
        assert_eq!(listed, [WireDescriptor::from(&one), WireDescriptor::from(&two)]);
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for (text, code) in [
            (
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
                "E-UNSUPPORTED",
            ),
            (r#"{"schemaVersion":1,"manifests":[]}"#, "E-UNSUPPORTED"),
            (r#"{"schemaVersion":2}"#, "E-JSON"),
            (r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#, "E-DUPLICATE-KEY"),
            ("<html>", "E-JSON"),
        ] {
            assert_eq!(ReferrerIndex::parse(text.as_bytes()).unwrap_err().code(), code, "{text}");
        }
    }
}

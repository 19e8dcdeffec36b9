//! `index.json`: which manifests a layout lists, and under which tags (image specification 1.1, `image-layout.md`).

use std::collections::{BTreeMap, HashSet};

use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::RegistryError;
use crate::descriptor::{
    Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, JSON_LIMITS, MAX_MANIFEST, WireDescriptor, check_size,
    parse_digest,
};
use crate::reference::Tag;

/// The annotation that makes an entry a tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The index of a layout. What others wrote into it and Lacre does not understand is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Entry>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    descriptor: WireDescriptor,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(IMAGE_INDEX.to_owned()),
            manifests: Vec::new(),
            rest: BTreeMap::new(),
        }
    }

    /// Reads an index. Entries of other media types and digest algorithms are kept; malformed ones are refused, and
    /// the whole index with them: nobody can tell what their writer meant.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let index: Self = lacre_json::from_slice(bytes, JSON_LIMITS)
            .map_err(|source| RegistryError::Json { document: "index.json".to_owned(), source })?;
        if index.schema_version != 2 {
            let found = index.schema_version.to_string();
            return Err(RegistryError::Unsupported { what: "an index of schema version", found });
        }
        if let Some(found) = index.media_type.as_deref().filter(|&text| text != IMAGE_INDEX) {
            return Err(RegistryError::Unsupported {
                what: "an index of media type",
                found: found.to_owned(),
            });
        }
        for (entry, Entry { descriptor, .. }) in index.manifests.iter().enumerate() {
            parse_digest(&descriptor.digest)
                .and_then(|_| check_size(descriptor.size))
                .map_err(|detail| RegistryError::IndexEntry { entry, detail })?;
        }
        Ok(index)
    }

    /// The text of `index.json`.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, RegistryError> {
        let bytes = lacre_json::to_vec(self);
        let size = bytes.len() as u64;
        if size > MAX_MANIFEST {
            let document = "index.json".to_owned();
            return Err(RegistryError::TooLarge { document, size, limit: MAX_MANIFEST });
        }
        Ok(bytes)
    }

    /// All tags that are tags by the distribution specification's grammar, in order.
    pub(super) fn tags(&self) -> Vec<(Tag, Descriptor)> {
        let mut tags: Vec<_> = self
            .manifests
            .iter()
            .filter_map(|entry| Some((Tag::parse(entry.ref_name()?).ok()?, entry.descriptor()?)))
            .collect();
        tags.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.digest.cmp(&y.digest)));
        tags
    }

    /// The manifest that carries `tag`.
    pub(super) fn by_tag(&self, tag: &Tag) -> Result<Descriptor, RegistryError> {
        let mut carriers: Vec<&Entry> =
            self.manifests.iter().filter(|entry| entry.ref_name() == Some(tag.as_str())).collect();
        carriers.sort_by(|a, b| a.descriptor.digest.cmp(&b.descriptor.digest));
        carriers.dedup_by(|a, b| a.descriptor.digest == b.descriptor.digest);
        match *carriers {
            [] => {
                let tags = self.tags().into_iter().map(|(tag, _)| tag.to_string()).collect();
                Err(RegistryError::TagNotFound { tag: tag.to_string(), tags })
            }
            [entry] => entry.descriptor().ok_or_else(|| RegistryError::Unsupported {
                what: "the digest",
                found: entry.descriptor.digest.clone(),
            }),
            _ => Err(RegistryError::AmbiguousTag { tag: tag.to_string(), manifests: carriers.len() }),
        }
    }

    /// The listed manifest of `digest`. Entries that disagree on its size or type are refused.
    pub(super) fn by_digest(&self, digest: &Sha256Digest) -> Result<Descriptor, RegistryError> {
        let mut found: Option<Descriptor> = None;
        for (entry, descriptor) in self.manifests.iter().enumerate().filter_map(numbered) {
            if descriptor.digest != *digest {
                continue;
            }
            if found.as_ref().is_some_and(|first| first.plain() != descriptor.plain()) {
                let detail = format!("another size or type for sha256:{digest} than an entry before it");
                return Err(RegistryError::IndexEntry { entry, detail });
            }
            found.get_or_insert(descriptor);
        }
        found.ok_or(RegistryError::DigestNotFound { digest: *digest })
    }

    /// The image manifests that are listed, each once, with whether some tag leads to it.
    pub(super) fn manifests(&self) -> Vec<(Descriptor, Tagged)> {
        let mut found: BTreeMap<Sha256Digest, (Descriptor, Tagged)> = BTreeMap::new();
        for entry in &self.manifests {
            let Some(descriptor) = entry.descriptor() else { continue };
            if descriptor.media_type != IMAGE_MANIFEST {
                continue;
            }
            let tagged = if entry.ref_name().is_some() { Tagged::Yes } else { Tagged::No };
            let kept = found.entry(descriptor.digest).or_insert((descriptor, tagged));
            kept.1 = kept.1.max(tagged);
        }
        found.into_values().collect()
    }

    /// The media type of an entry that is no image manifest of a known digest, if there is one.
    pub(super) fn of_other_kinds(&self) -> Option<String> {
        let other = |entry: &&Entry| {
            entry.descriptor().is_none_or(|descriptor| descriptor.media_type != IMAGE_MANIFEST)
        };
        self.manifests.iter().find(other).map(|entry| entry.descriptor.media_type.clone())
    }

    /// Takes every entry of these manifests off the list.
    pub(super) fn drop(&mut self, manifests: &HashSet<Sha256Digest>) {
        self.manifests
            .retain(|entry| entry.descriptor().is_none_or(|listed| !manifests.contains(&listed.digest)));
    }

    /// Lists a manifest, and moves `tag` to it.
    ///
    /// As oras does: one entry for each tag of a manifest, or one without a tag. A manifest that loses its last tag
    /// stays listed.
    pub(super) fn list(&mut self, listing: &Descriptor, tag: Option<&Tag>) {
        let mut listed = WireDescriptor::from(listing);
        // What the manifest says of itself is not a tag.
        set_ref_name(&mut listed, None);
        let same = |entry: &Entry| entry.descriptor.digest == listed.digest;
        let Some(tag) = tag.map(Tag::as_str) else {
            if !self.manifests.iter().any(same) {
                self.manifests.push(Entry { descriptor: listed, rest: BTreeMap::new() });
            }
            return;
        };
        let mut detached = Vec::new();
        for entry in &mut self.manifests {
            if entry.ref_name() == Some(tag) && !same(entry) {
                set_ref_name(&mut entry.descriptor, None);
                detached.push(entry.descriptor.digest.clone());
            }
        }
        for digest in detached {
            self.keep_one_untagged(&digest);
        }
        if self.manifests.iter().any(|entry| same(entry) && entry.ref_name() == Some(tag)) {
            return;
        }
        if let Some(entry) = self.manifests.iter_mut().find(|entry| same(entry) && entry.ref_name().is_none())
        {
            set_ref_name(&mut entry.descriptor, Some(tag));
        } else {
            set_ref_name(&mut listed, Some(tag));
            self.manifests.push(Entry { descriptor: listed, rest: BTreeMap::new() });
        }
    }

    /// Drops the untagged entries of a manifest that has others, but for one when it has no tag.
    fn keep_one_untagged(&mut self, digest: &str) {
        let of = |entry: &Entry| entry.descriptor.digest == digest;
        let mut listed = self.manifests.iter().any(|entry| of(entry) && entry.ref_name().is_some());
        self.manifests.retain(|entry| {
            if !of(entry) || entry.ref_name().is_some() {
                return true;
            }
            let keep = !listed;
            listed = true;
            keep
        });
    }
}

/// Whether some tag leads to a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tagged {
    No,
    Yes,
}

impl Entry {
    fn ref_name(&self) -> Option<&str> {
        let name = self.descriptor.annotations.as_ref()?.get(REF_NAME)?;
        (!name.is_empty()).then_some(name)
    }

    /// The entry as a descriptor; none when its digest is not of an algorithm that is read here.
    fn descriptor(&self) -> Option<Descriptor> {
        self.descriptor.clone().into_descriptor().ok()
    }
}

fn numbered((number, entry): (usize, &Entry)) -> Option<(usize, Descriptor)> {
    Some((number, entry.descriptor()?))
}

fn set_ref_name(descriptor: &mut WireDescriptor, tag: Option<&str>) {
    let mut annotations = descriptor.annotations.take().unwrap_or_default();
    match tag {
        Some(tag) => annotations.insert(REF_NAME.to_owned(), tag.to_owned()),
        None => annotations.remove(REF_NAME),
    };
    descriptor.annotations = (!annotations.is_empty()).then_some(annotations);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(content: &[u8]) -> Descriptor {
        Descriptor::of(IMAGE_MANIFEST, content)
    }

    fn tag(text: &str) -> Tag {
        Tag::parse(text).unwrap()
    }

    fn listed(index: &Index) -> Vec<(String, Option<String>)> {
        let mut entries: Vec<_> = index
            .manifests
            .iter()
            .map(|entry| (entry.descriptor.digest.clone(), entry.ref_name().map(str::to_owned)))
            .collect();
        entries.sort();
        entries
    }

    #[test]
    fn a_tag_moves_and_its_old_manifest_stays() {
        let (old, new) = (manifest(b"old"), manifest(b"new"));
        let mut index = Index::new();
        index.list(&old, Some(&tag("v1")));
        index.list(&old, Some(&tag("latest")));
        index.list(&new, None);
        index.list(&new, None);
        assert_eq!(index.manifests.len(), 3);
        index.list(&new, Some(&tag("latest")));
        assert_eq!(index.by_tag(&tag("latest")).unwrap().digest, new.digest);
        assert_eq!(index.by_tag(&tag("v1")).unwrap().digest, old.digest);
        assert_eq!(index.manifests.len(), 2, "one entry for each tag: {index:?}");
        index.list(&new, Some(&tag("v1")));
        let (old_text, new_text) = (format!("sha256:{}", old.digest), format!("sha256:{}", new.digest));
        let mut want = vec![
            (new_text.clone(), Some("latest".to_owned())),
            (new_text, Some("v1".to_owned())),
            (old_text, None),
        ];
        want.sort();
        assert_eq!(listed(&index), want);
        assert_eq!(index.by_digest(&old.digest).unwrap(), old.plain());
        let before = index.clone();
        index.list(&new, Some(&tag("v1")));
        assert_eq!(index, before);
    }

    #[test]
    fn a_manifests_own_annotation_is_not_a_tag() {
        let mut sly = manifest(b"sly");
        sly.annotations.insert(REF_NAME.to_owned(), "v1".to_owned());
        let mut index = Index::new();
        index.list(&sly, None);
        assert_eq!(index.by_tag(&tag("v1")).unwrap_err().code(), "E-REFERENCE-NOT-FOUND");
    }

    #[test]
    fn what_others_wrote_is_kept() {
        let hex = manifest(b"x").digest;
        let text = format!(
            r#"{{"annotations":{{"k":"v"}},"manifests":[{{"digest":"sha256:{hex}","mediaType":"{IMAGE_INDEX}","platform":{{"architecture":"amd64","os":"linux"}},"size":1,"urls":["http://x.test/"]}},{{"annotations":{{"{REF_NAME}":"docker.io/library/busybox:latest"}},"digest":"sha512:ab","mediaType":"x/y","size":7}}],"schemaVersion":2,"x-new":[1,{{"y":null}}]}}"#
        );
        let mut index = Index::parse(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(index.to_bytes().unwrap()).unwrap(), text);
        assert!(index.tags().is_empty());
        assert!(index.manifests().is_empty());
        index.list(&manifest(b"ours"), Some(&tag("v1")));
        let written = String::from_utf8(index.to_bytes().unwrap()).unwrap();
        for kept in
            [r#""platform":{"architecture":"amd64","os":"linux"}"#, r#""x-new":[1,{"y":null}]"#, "sha512:ab"]
        {
            assert!(written.contains(kept), "{written}");
        }
    }

    #[test]
    fn what_is_malformed_or_ambiguous_is_refused() {
        let hex = manifest(b"x").digest;
        let entry = |digest: &str, size: u64, name: &str| {
            format!(
                r#"{{"mediaType":"{IMAGE_MANIFEST}","digest":"{digest}","size":{size},"annotations":{{"{REF_NAME}":"{name}"}}}}"#
            )
        };
        let index = |entries: &str| format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
        let (a, b) = (format!("sha256:{hex}"), format!("sha256:{}", manifest(b"y").digest));
        let refused = [
            (index(&entry("sha256:../../../../etc/passwd", 1, "v")), "E-LAYOUT"),
            (index(&entry("../x", 1, "v")), "E-LAYOUT"),
            (index(&entry(&a.to_uppercase(), 1, "v")), "E-LAYOUT"),
            (index(&entry(&a, 1 << 63, "v")), "E-LAYOUT"),
            (index(r#"{"mediaType":"x","digest":"sha256:x"}"#), "E-JSON"),
            (r#"{"schemaVersion":1,"manifests":[]}"#.to_owned(), "E-UNSUPPORTED"),
            (r#"{"schemaVersion":2,"mediaType":"x/y","manifests":[]}"#.to_owned(), "E-UNSUPPORTED"),
            (r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#.to_owned(), "E-DUPLICATE-KEY"),
            (r#"{"schemaVersion":2,"manifests":[]"#.to_owned(), "E-JSON"),
            (r#"{"schemaVersion":2}"#.to_owned(), "E-JSON"),
            (
                format!(r#"{{"schemaVersion":2,"manifests":[],"x":{}{}}}"#, "[".repeat(40), "]".repeat(40)),
                "E-LIMIT",
            ),
        ];
        for (text, code) in refused {
            assert_eq!(Index::parse(text.as_bytes()).unwrap_err().code(), code, "{text}");
        }
        let twice =
            Index::parse(index(&format!("{},{}", entry(&a, 1, "v"), entry(&b, 1, "v"))).as_bytes()).unwrap();
        assert_eq!(twice.by_tag(&tag("v")).unwrap_err().code(), "E-LAYOUT");
        assert_eq!(twice.tags().len(), 2);
        let sizes =
            Index::parse(index(&format!("{},{}", entry(&a, 1, "v"), entry(&a, 2, "w"))).as_bytes()).unwrap();
        assert_eq!(sizes.by_digest(&hex).unwrap_err().code(), "E-LAYOUT");
        let foreign = Index::parse(index(&entry("sha512:ab", 1, "v")).as_bytes()).unwrap();
        assert_eq!(foreign.by_tag(&tag("v")).unwrap_err().code(), "E-UNSUPPORTED");
    }
}

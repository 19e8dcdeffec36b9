//! Chunk lists for files on their way: from the user's cache, or as a referrer of the artifact.
//!
//! Nobody has to be believed here: a list that is not the signed file's is not taken. So nothing that goes wrong with
//! lists is a failure; the file is then judged as a whole.

use std::collections::HashMap;
use std::ops::Range;

use lacre_hash::{ChunkList, ChunkStore};
use lacre_manifest::Entry;
use lacre_registry_client::{CHUNKS_ARTIFACT_TYPE, ChunksReferrer, Descriptor, Store};
use lacre_verify::Incoming;

/// Referrers with lists that are tried.
const MOST: usize = 4;

/// Where the lists of a model's files stand in the one blob that holds them all: one after the other, in the order of the
/// signed names.
pub(crate) struct Places {
    by_name: HashMap<String, Range<usize>>,
    total: u64,
}

impl Places {
    /// The places for all signed files, whether they are wanted or not. `size_of` tells sizes that are not signed.
    pub(crate) fn of(entries: &[Entry], size_of: impl Fn(&Entry) -> Option<u64>) -> Self {
        let mut places = Self { by_name: HashMap::new(), total: 0 };
        for entry in entries.iter().filter(|entry| entry.blake3().is_some()) {
            let size = entry.size.or_else(|| size_of(entry)).unwrap_or_default();
            let end = places.total.saturating_add(ChunkList::groups_of(size).saturating_mul(32));
            let place = usize::try_from(places.total).ok().zip(usize::try_from(end).ok());
            if let Some((start, end)) = place.filter(|(start, end)| start < end) {
                places.by_name.insert(entry.path.to_string(), start..end);
            }
            places.total = end;
        }
        places
    }

    fn find(&self, file: &Incoming) -> Option<Range<usize>> {
        self.by_name.get(file.entry().path.as_str()).cloned()
    }
}

/// Gives each file the list that is at hand.
pub(crate) fn learn(
    files: &[Incoming],
    places: &Places,
    store: &dyn Store,
    manifest: &Descriptor,
    cache: Option<&ChunkStore>,
) {
    for file in files {
        if let (Some(cache), Some(root)) = (cache, file.entry().blake3())
            && !file.judges_groups()
            && let Some(list) = cache.get(root, file.place(u64::MAX).end)
        {
            let _ = file.learn(&list.to_bytes());
        }
    }
    let wanting = |file: &Incoming| !file.judges_groups() && places.find(file).is_some();
    if !files.iter().any(wanting) {
        return;
    }
    let Ok(referrers) = store.referrers(&manifest.digest, Some(CHUNKS_ARTIFACT_TYPE)) else { return };
    for referrer in referrers.iter().take(MOST) {
        let Ok(bytes) = store.manifest(referrer) else { continue };
        let Ok(found) = ChunksReferrer::parse(&bytes) else { continue };
        if found.subject != manifest.digest || found.lists.size != places.total {
            continue;
        }
        let Ok(lists) = store.small_blob(&found.lists, places.total) else { continue };
        for file in files.iter().filter(|file| wanting(file)) {
            if let Some(list) = places.find(file).and_then(|place| lists.get(place)) {
                let _ = file.learn(list);
            }
        }
        if !files.iter().any(wanting) {
            return;
        }
    }
}

//! Chunk lists for files on their way: from the user's cache, or as a referrer of the artifact.
//!
//! Nobody has to be believed here: a list that is not the signed file's is not taken. So nothing that goes wrong with
//! lists is a failure; the file is then judged as a whole.

use lacre_hash::{ChunkList, ChunkStore};
use lacre_registry_client::{CHUNKS_ARTIFACT_TYPE, ChunksReferrer, Descriptor, Store};
use lacre_verify::Incoming;

/// Referrers with lists that are tried.
const MOST: usize = 4;

/// Gives each file the list that is at hand.
pub(crate) fn learn(
    files: &[Incoming],
    store: &dyn Store,
    manifest: &Descriptor,
    cache: Option<&ChunkStore>,
) {
    for file in files {
        if let (Some(cache), Some(root)) = (cache, file.entry().blake3())
            && !file.judges_groups()
            && let Some(list) = cache.get(root, size(file))
        {
            let _ = file.learn(&list.to_bytes());
        }
    }
    let wanting = |file: &Incoming| length(file) > 0 && !file.judges_groups();
    if !files.iter().any(wanting) {
        return;
    }
    let total = files.iter().map(length).sum::<u64>();
    let Ok(referrers) = store.referrers(&manifest.digest, Some(CHUNKS_ARTIFACT_TYPE)) else { return };
    for referrer in referrers.iter().take(MOST) {
        let Ok(bytes) = store.manifest(referrer) else { continue };
        let Ok(found) = ChunksReferrer::parse(&bytes) else { continue };
        if found.subject != manifest.digest || found.lists.size != total {
            continue;
        }
        let Ok(lists) = store.small_blob(&found.lists, total) else { continue };
        let mut rest = lists.as_slice();
        for file in files {
            let Some((list, after)) =
                usize::try_from(length(file)).ok().and_then(|at| rest.split_at_checked(at))
            else {
                break;
            };
            if wanting(file) {
                let _ = file.learn(list);
            }
            rest = after;
        }
        if !files.iter().any(wanting) {
            return;
        }
    }
}

fn size(file: &Incoming) -> u64 {
    file.place(u64::MAX).end
}

/// Bytes of the list of a file: those with a signed BLAKE3 digest and several groups have one.
fn length(file: &Incoming) -> u64 {
    if file.entry().blake3().is_some() { ChunkList::groups_of(size(file)) * 32 } else { 0 }
}

//! Everything that is missing, from wherever it is: an earlier attempt, the cache, older versions, and the store.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use lacre_hash::{Progress, Sha256Digest};
use lacre_registry_client::Descriptor;
use lacre_verify::Incoming;

use crate::arriving::Moved;
use crate::cache::Cache;
use crate::journal::Place;
use crate::reuse;
use crate::transfer::{Archives, Stopped, Transfer};
use crate::written::Written;

/// What is needed to bring the files.
pub(crate) struct Work<'a> {
    pub(crate) archives: &'a Archives<'a>,
    /// The files that are layers of their own.
    pub(crate) raw: &'a HashSet<&'a str>,
    /// The files that are signed and not wanted, with their sizes: archives hold them all the same.
    pub(crate) others: &'a [(&'a str, u64)],
    pub(crate) files: &'a [(&'a Incoming, &'a Descriptor)],
    pub(crate) written: &'a Written<'a>,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) at_once: NonZeroUsize,
    pub(crate) progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Brings everything: what an earlier attempt wrote, what the cache and older versions hold, and the rest from the store.
    /// Gives the layers that came whole from the cache, too.
    pub(crate) fn complete(
        &self,
        noted: &BTreeSet<Place>,
        older: &[PathBuf],
    ) -> Result<(Moved, HashSet<Sha256Digest>), Stopped> {
        let fetched = AtomicU64::new(0);
        let transfer =
            || Transfer::new(self.archives, self.files, self.written, self.at_once, self.progress, &fetched);
        let noted: Vec<Place> = noted.iter().copied().collect();
        let mut moved = Moved { resumed: transfer().recover(&noted)?, ..Moved::default() };
        let mut cached = HashSet::new();
        for (index, (file, layer)) in self.files.iter().enumerate() {
            let Some(source) = self.cache.and_then(|cache| cache.file(layer)) else { continue };
            let taken = reuse::copy(&source, index, file, self.written, self.progress)?;
            moved.cached += taken;
            if taken == layer.size && layer.size > 0 {
                cached.insert(layer.digest);
            }
        }
        for older in older {
            moved.reused += reuse::take(older, self.files, self.written, self.progress)?;
        }
        let mut anew = HashSet::new();
        loop {
            match transfer().unpack(self.raw, self.others).and_then(|()| transfer().run()) {
                Ok(()) => return Ok((Moved { fetched: fetched.into_inner(), ..moved }, cached)),
                // What stood already was perhaps not what it was taken for: once more, all of it from the store.
                Err(Stopped::Changed(index))
                    if moved.cached + moved.resumed + moved.reused > 0 && anew.insert(index) =>
                {
                    let Some((file, layer)) = self.files.get(index) else {
                        return Err(Stopped::Changed(index));
                    };
                    file.forget();
                    cached.remove(&layer.digest);
                }
                Err(stopped) => return Err(stopped),
            }
        }
    }
}

//! Taking things out of a layout again.

use std::collections::HashSet;

use lacre_hash::Sha256Digest;
use rustix::fs::AtFlags;

use super::folder::Found;
use super::{INDEX, Layout, blobs};
use crate::RegistryError;
use crate::image::ImageManifest;

/// What was taken out of a layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Blobs that are gone.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Layout {
    /// Takes manifests, and what refers to them, off the index, with all their tags; then removes every blob that nothing
    /// needs which is still listed.
    ///
    /// A blob that was put and is not yet named by a listed manifest is needed by nothing: nobody may be putting anything
    /// meanwhile.
    ///
    /// # Errors
    /// `E-UNSUPPORTED` when something is listed of which it is not known what it needs; the codes of reading what is listed.
    /// Nothing was removed then.
    pub fn forget(&self, manifests: &HashSet<Sha256Digest>) -> Result<Freed, RegistryError> {
        let _lock = self.root.lock()?;
        let mut index = self.index()?;
        if let Some(found) = index.of_other_kinds() {
            return Err(RegistryError::Unsupported { what: "an entry of index.json of media type", found });
        }
        let (gone, needed) = self.sort_out(&index, manifests)?;
        index.drop(&gone);
        self.replace(INDEX, &index.to_bytes()?)?;
        let folder = blobs::folder(&self.root)?;
        let mut freed = Freed::default();
        for name in folder.names()? {
            let Some(digest) = name.to_str().ok().and_then(|name| Sha256Digest::from_hex(name).ok()) else {
                continue;
            };
            if needed.contains(&digest) {
                continue;
            }
            if let Found::File(_, size) = folder.file(&digest.to_string())? {
                freed.blobs += 1;
                freed.bytes += size;
            }
            folder.remove(&name)?;
        }
        folder.sync()?;
        Ok(freed)
    }

    /// The manifests that are listed and refer to nothing: models, and whatever else others have put here.
    ///
    /// # Errors
    /// The codes of reading what is listed.
    pub fn models(&self) -> Result<Vec<Sha256Digest>, RegistryError> {
        let mut models = Vec::new();
        for (descriptor, _) in self.index()?.manifests() {
            let manifest = ImageManifest::parse(&self.small(&descriptor)?, &descriptor.digest)?;
            if manifest.subject.is_none() {
                models.push(descriptor.digest);
            }
        }
        Ok(models)
    }

    /// The manifests that go, and the blobs that those which stay need.
    fn sort_out(
        &self,
        index: &super::index::Index,
        manifests: &HashSet<Sha256Digest>,
    ) -> Result<(HashSet<Sha256Digest>, HashSet<Sha256Digest>), RegistryError> {
        let listed: Vec<_> = index.manifests().into_iter().map(|(descriptor, _)| descriptor).collect();
        let mut gone = manifests.clone();
        let mut staying = Vec::new();
        for descriptor in &listed {
            if !gone.contains(&descriptor.digest) {
                let manifest = ImageManifest::parse(&self.small(descriptor)?, &descriptor.digest)?;
                staying.push((descriptor.digest, manifest));
            }
        }
        // What refers to what goes, goes too; and what refers to that.
        loop {
            let before = staying.len();
            let mut refused = None;
            staying.retain(|(digest, manifest)| {
                let refers = gone.iter().any(|one| match manifest.refers_to(one) {
                    Ok(refers) => refers,
                    Err(detail) => {
                        refused.get_or_insert(RegistryError::Referrer { digest: *digest, detail });
                        false
                    }
                });
                if refers {
                    gone.insert(*digest);
                }
                !refers
            });
            if let Some(error) = refused {
                return Err(error);
            }
            if staying.len() == before {
                break;
            }
        }
        let mut needed = HashSet::new();
        for (digest, manifest) in staying {
            needed.insert(digest);
            for blob in std::iter::once(&manifest.config).chain(manifest.layers()) {
                let blob = blob.clone().into_descriptor();
                let blob = blob.map_err(|found| RegistryError::Unsupported { what: "a blob:", found })?;
                needed.insert(blob.digest);
            }
        }
        Ok((gone, needed))
    }

    fn small(&self, descriptor: &crate::Descriptor) -> Result<Vec<u8>, RegistryError> {
        crate::Store::manifest(self, descriptor)
    }
}

impl super::folder::Folder {
    /// Removes the file `name`; one that is gone already is no error.
    fn remove(&self, name: &std::ffi::CStr) -> Result<(), RegistryError> {
        match self.unlink(name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(errno) => {
                let path = self.path().join(name.to_string_lossy().as_ref());
                Err(RegistryError::Write { path, source: errno.into() })
            }
        }
    }
}

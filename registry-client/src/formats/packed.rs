//! The files of an archive that a store holds.

use std::io::{self, Read};

use super::PackedLayer;
use crate::RegistryError;
use crate::descriptor::Descriptor;
use crate::store::{BlobReader, Store};
use crate::tar::{ArchiveFault, ArchiveReader, Skip};

/// So many bytes are read over rather than asked for anew behind them.
const NEAR: u64 = 1024 * 1024;

impl PackedLayer {
    /// Reads the archive, of which at most `files` files are wanted. Its bytes are not proven: what they hold is.
    ///
    /// # Errors
    /// As [`Store::blob`].
    pub fn read<'a>(
        &'a self,
        store: &'a dyn Store,
        files: usize,
    ) -> Result<ArchiveReader<LayerSource<'a>>, RegistryError> {
        let descriptor = &self.descriptor;
        let source = LayerSource { store, descriptor, reader: store.blob(descriptor)?, at: 0 };
        Ok(ArchiveReader::new(source, self.compression, self.beneath, files))
    }

    /// The error of this archive.
    pub fn blame(&self, fault: ArchiveFault) -> RegistryError {
        let digest = self.descriptor.digest;
        match fault {
            ArchiveFault::Read(source) => match source.downcast() {
                Ok(error) => error,
                Err(source) => RegistryError::Content { digest, source },
            },
            fault => RegistryError::Archive { digest, fault },
        }
    }
}

/// The bytes of a layer, as they come from a store.
pub struct LayerSource<'a> {
    store: &'a dyn Store,
    descriptor: &'a Descriptor,
    reader: BlobReader,
    at: u64,
}

impl Read for LayerSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Skip for LayerSource<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let size = self.descriptor.size;
        let to = self.at.checked_add(bytes).filter(|&to| to <= size).ok_or(io::ErrorKind::UnexpectedEof)?;
        if bytes < NEAR {
            let read = io::copy(&mut Read::by_ref(self).take(bytes), &mut io::sink())?;
            return if read == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        self.reader = self.store.blob_range(self.descriptor, to..size).map_err(io::Error::other)?;
        self.at = to;
        Ok(())
    }
}

//! The files of an archive that a store holds.

use std::io::{self, Read};

use super::PackedLayer;
use crate::RegistryError;
use crate::descriptor::Descriptor;
use crate::store::{BlobReader, Store};
use crate::tar::{ArchiveFault, ArchiveReader, Compression, Skip};

/// Bytes of a blob that are asked for at first, and again after some were left out: heads are short, and most of what
/// follows a head of a large file is not wanted here.
const FIRST: u64 = 64 * 1024;
/// Bytes that are asked for at most, after all before them were wanted.
const MOST: u64 = 256 * 1024 * 1024;
/// How often the same bytes are asked for again after an answer that was cut off.
const MORE_ATTEMPTS: u32 = 4;
/// So many bytes are read over rather than left out.
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
        // What is compressed is wanted whole.
        let next = if self.compression == Compression::None { FIRST } else { descriptor.size };
        let mut source = LayerSource { store, descriptor, reader: None, at: 0, next, cut_off: 0 };
        source.go_on()?;
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
    /// The bytes from `at` on, as far as they were asked for.
    reader: Option<BlobReader>,
    at: u64,
    /// How many are asked for next.
    next: u64,
    /// How often the answer was cut off here.
    cut_off: u32,
}

impl LayerSource<'_> {
    fn go_on(&mut self) -> Result<(), RegistryError> {
        let end = self.at.saturating_add(self.next).min(self.descriptor.size);
        self.reader = Some(self.store.blob_range(self.descriptor, self.at..end)?);
        self.next = self.next.saturating_mul(4).min(MOST);
        Ok(())
    }
}

impl Read for LayerSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.as_mut().map_or(Ok(0), |reader| reader.read(buffer)) {
                Ok(0) if buffer.is_empty() || self.at == self.descriptor.size => return Ok(0),
                Ok(0) => {}
                Ok(read) => {
                    self.at += read as u64;
                    self.cut_off = 0;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A store that says why has asked again as often as it makes sense.
                Err(error) if self.cut_off == MORE_ATTEMPTS || is_final(&error) => return Err(error),
                Err(_) => self.cut_off += 1,
            }
            self.go_on().map_err(io::Error::other)?;
        }
    }
}

fn is_final(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<RegistryError>)
}

impl Skip for LayerSource<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let size = self.descriptor.size;
        let to = self.at.checked_add(bytes).filter(|&to| to <= size).ok_or(io::ErrorKind::UnexpectedEof)?;
        if bytes < NEAR {
            let read = io::copy(&mut Read::by_ref(self).take(bytes), &mut io::sink())?;
            return if read == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        (self.reader, self.at, self.next) = (None, to, FIRST);
        Ok(())
    }
}

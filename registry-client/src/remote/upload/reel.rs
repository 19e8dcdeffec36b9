//! The content of a blob, read in order, hashed as it goes.

use std::cell::RefCell;
use std::io::{ErrorKind, Read};

use bytes::Bytes;
use lacre_hash::{DigestSet, FileDigests, Progress, StreamHasher};

use super::buffers::Buffers;
use crate::RegistryError;
use crate::descriptor::Descriptor;
use crate::store::BlobContent;
use crate::transport::Pieces;

/// Bytes that are read, hashed and handed over at a time. A few of them are on their way at once.
const PIECE: usize = 512 * 1024;

/// The content of a blob. It is read once, unless something went wrong on the way: what comes after a place is hashed
/// together with all that comes before it, so going back means to begin anew.
pub(super) struct Reel<'a> {
    descriptor: &'a Descriptor,
    content: &'a dyn BlobContent,
    progress: &'a dyn Progress,
    buffers: Buffers,
    state: RefCell<State<'a>>,
}

struct State<'a> {
    /// The open content and what was read of it.
    open: Option<(Box<dyn Read + 'a>, StreamHasher)>,
    at: u64,
    /// Bytes that the caller was told of.
    told: u64,
    /// It was read to its end and found right.
    proven: bool,
}

impl<'a> Reel<'a> {
    pub(super) fn new(
        descriptor: &'a Descriptor,
        content: &'a dyn BlobContent,
        progress: &'a dyn Progress,
    ) -> Self {
        let state = RefCell::new(State { open: None, at: 0, told: 0, proven: false });
        let buffers = Buffers::of(usize::try_from(descriptor.size).unwrap_or(PIECE).min(PIECE));
        Self { descriptor, content, progress, buffers, state }
    }

    /// The `size` bytes from `from` on. The last bytes of the blob come only when its digest is right.
    pub(super) fn pieces<'b>(&'b self, from: u64, size: u64) -> Result<Box<dyn Pieces + 'b>, RegistryError> {
        self.go_to(from)?;
        if self.descriptor.size == 0 {
            self.prove()?;
        }
        Ok(Box::new(Stretch { reel: self, left: size }))
    }

    /// Reads what was not read yet, and refuses content that is not the blob's.
    pub(super) fn prove(&self) -> Result<(), RegistryError> {
        if self.state.borrow().proven {
            return Ok(());
        }
        self.go_to(self.descriptor.size)?;
        self.finish()
    }

    fn go_to(&self, place: u64) -> Result<(), RegistryError> {
        {
            let mut state = self.state.borrow_mut();
            if state.at != place || state.open.is_none() {
                let reader = self.content.open().map_err(|source| self.unreadable(source))?.into_reader();
                state.open = Some((reader, StreamHasher::new(self.wanted())));
                state.at = 0;
                state.proven = false;
            }
        }
        while self.state.borrow().at < place {
            let left = place - self.state.borrow().at;
            self.read(left)?;
        }
        Ok(())
    }

    /// The next bytes, at most `most`.
    fn read(&self, most: u64) -> Result<Bytes, RegistryError> {
        if self.progress.cancelled() {
            return Err(RegistryError::Interrupted);
        }
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let Some((reader, hasher)) = &mut state.open else { return Err(self.short(state.at)) };
        let mut buffer = self.buffers.take();
        let wanted = usize::try_from(most).unwrap_or(PIECE).min(buffer.len());
        let mut filled = 0;
        while filled < wanted {
            match reader.read(&mut buffer[filled..wanted]) {
                Ok(0) => return Err(self.short(state.at + filled as u64)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(error)),
            }
        }
        hasher.update(&buffer[..filled]);
        state.at += filled as u64;
        if state.at > state.told {
            self.progress.advance(state.at - state.told);
            state.told = state.at;
        }
        Ok(self.buffers.lend(buffer, filled))
    }

    /// At the end: nothing may follow, and the digest must be right.
    fn finish(&self) -> Result<(), RegistryError> {
        let Some((mut reader, hasher)) = self.state.borrow_mut().open.take() else { return Ok(()) };
        let (digest, expected) = (self.descriptor.digest, self.descriptor.size);
        loop {
            match reader.read(&mut [0]) {
                Ok(0) => break,
                Ok(_) => return Err(RegistryError::BlobSize { digest, expected, actual: expected + 1 }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(error)),
            }
        }
        let FileDigests { sha256, blake3, .. } = hasher.finish();
        match (self.content.blake3(), sha256, blake3) {
            (Some(expected), None, Some(found)) if found == expected => self.state.borrow_mut().proven = true,
            (None, Some(found), None) if found == digest => self.state.borrow_mut().proven = true,
            (None, Some(actual), None) => return Err(RegistryError::BlobDigest { expected: digest, actual }),
            _ => return Err(RegistryError::BlobChanged { digest }),
        }
        Ok(())
    }

    /// BLAKE3 where it is known: the registry makes SHA-256 itself, and refuses other bytes.
    fn wanted(&self) -> DigestSet {
        if self.content.blake3().is_some() { DigestSet::Blake3 } else { DigestSet::Sha256 }
    }

    fn short(&self, actual: u64) -> RegistryError {
        RegistryError::BlobSize { digest: self.descriptor.digest, expected: self.descriptor.size, actual }
    }

    fn unreadable(&self, source: std::io::Error) -> RegistryError {
        RegistryError::Content { digest: self.descriptor.digest, source }
    }
}

/// A part of the content, on its way.
struct Stretch<'b, 'a> {
    reel: &'b Reel<'a>,
    left: u64,
}

impl Pieces for Stretch<'_, '_> {
    fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        if self.left == 0 {
            return Ok(None);
        }
        let piece = self.reel.read(self.left)?;
        self.left -= piece.len() as u64;
        if self.reel.state.borrow().at == self.reel.descriptor.size {
            self.reel.finish()?;
        }
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use lacre_hash::Blake3Digest;

    use super::*;
    use crate::descriptor::IMAGE_MANIFEST;

    struct Counted(AtomicU64);

    impl Progress for Counted {
        fn advance(&self, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn all(reel: &Reel<'_>, from: u64, size: u64) -> Result<Vec<u8>, RegistryError> {
        let mut pieces = reel.pieces(from, size)?;
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next()? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    #[test]
    fn stretches_follow_one_another_and_can_be_had_again() {
        let content: Vec<u8> = (0..3 * PIECE + 5).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let descriptor = Descriptor::of(IMAGE_MANIFEST, &content);
        let progress = Counted(AtomicU64::new(0));
        let reel = Reel::new(&descriptor, &content, &progress);
        let size = content.len() as u64;
        assert_eq!(all(&reel, 0, 100).unwrap(), content[..100]);
        assert_eq!(all(&reel, 100, 2 * PIECE as u64).unwrap(), content[100..100 + 2 * PIECE]);
        assert_eq!(all(&reel, 7, size - 7).unwrap(), content[7..]);
        assert_eq!(all(&reel, 0, size).unwrap(), content);
        reel.prove().unwrap();
        assert_eq!(progress.0.load(Ordering::Relaxed), size, "each byte is told once");
    }

    #[test]
    fn the_last_bytes_of_what_is_not_the_blob_are_kept_back() {
        let content = vec![7; 2 * PIECE];
        let mut other = content.clone();
        other[3] ^= 1;
        let descriptor = Descriptor::of(IMAGE_MANIFEST, &content);
        let reel = Reel::new(&descriptor, &other, &lacre_hash::NoProgress);
        let mut pieces = reel.pieces(0, descriptor.size).unwrap();
        assert!(pieces.next().is_ok());
        assert!(matches!(pieces.next(), Err(RegistryError::BlobDigest { .. })));
        for wrong in [&content[1..], &[content.clone(), vec![7]].concat()] {
            let reel = Reel::new(&descriptor, &wrong, &lacre_hash::NoProgress);
            assert_eq!(all(&reel, 0, descriptor.size).unwrap_err().code(), "E-BLOB-DIGEST");
            let reel = Reel::new(&descriptor, &wrong, &lacre_hash::NoProgress);
            assert_eq!(reel.prove().unwrap_err().code(), "E-BLOB-DIGEST");
        }
    }

    /// Content of which somebody has made a BLAKE3 digest.
    struct Compared<'a>(&'a [u8], Blake3Digest);

    impl BlobContent for Compared<'_> {
        fn open(&self) -> std::io::Result<crate::store::Content<'_>> {
            Ok(crate::store::Content::Bytes(self.0))
        }

        fn blake3(&self) -> Option<Blake3Digest> {
            Some(self.1)
        }
    }

    #[test]
    fn content_that_was_compared_is_proven_by_its_blake3_digest() {
        let content = vec![7; 2 * PIECE + 1];
        let descriptor = Descriptor::of(IMAGE_MANIFEST, &content);
        let digest = Blake3Digest::of(&content);
        let good = Compared(&content, digest);
        let reel = Reel::new(&descriptor, &good, &lacre_hash::NoProgress);
        assert_eq!(all(&reel, 0, descriptor.size).unwrap(), content);
        let mut other = content.clone();
        other[PIECE] ^= 1;
        let bad = Compared(&other, digest);
        let reel = Reel::new(&descriptor, &bad, &lacre_hash::NoProgress);
        let error = all(&reel, 0, descriptor.size).unwrap_err();
        assert!(matches!(error, RegistryError::BlobChanged { .. }), "{error}");
        assert_eq!(reel.prove().unwrap_err().code(), "E-BLOB-DIGEST");
    }

    #[test]
    fn nothing_is_a_blob_too() {
        let (nothing, something) = (b"".as_slice(), b"x".as_slice());
        let descriptor = Descriptor::of(IMAGE_MANIFEST, nothing);
        let reel = Reel::new(&descriptor, &nothing, &lacre_hash::NoProgress);
        assert_eq!(all(&reel, 0, 0).unwrap(), b"");
        let reel = Reel::new(&descriptor, &something, &lacre_hash::NoProgress);
        assert_eq!(all(&reel, 0, 0).unwrap_err().code(), "E-BLOB-DIGEST");
    }
}

//! Opening a file, from any chunk on.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor, Identity};

use crate::head::{CHUNK, TAG};
use crate::{EncryptError, Head, Identities};

impl Identities {
    /// Opens a file whose head is `head`. `chunks` are its bytes from the chunk `first` on, counted from 0: all behind the
    /// head, if that is 0.
    ///
    /// Every chunk is authenticated, in its place, before a byte of it is given; and so is the end of the file, if it is
    /// read to its end. Whoever wants a part gives the chunks of it, and asks for no more.
    ///
    /// # Errors
    /// `E-NOT-RECIPIENT` when none of the identities opens it; `E-CIPHERTEXT` when it was changed; `E-AGE-HEADER`;
    /// `E-UNREADABLE` when `chunks` cannot be read.
    pub fn open<R: Read>(&self, head: &Head, first: u64, chunks: R) -> Result<Opener<R>, EncryptError> {
        let (head, at) = (head.as_bytes().to_vec(), 0);
        let begin = first.checked_mul(CHUNK + TAG).and_then(|skipped| skipped.checked_add(head.len() as u64));
        let parts = Parts { head, at, begin: begin.ok_or(EncryptError::Forged)?, chunks };
        let decryptor = Decryptor::new_buffered(parts).map_err(|error| self.refusal(&error))?;
        let keys = self.keys.iter().map(|key| key as &dyn Identity);
        let mut stream = decryptor.decrypt(keys).map_err(|error| self.refusal(&error))?;
        if first > 0 {
            // Sent to the beginning of a chunk, the crate looks at the end of the file, which we have not got. Sent behind
            // its first byte it takes that one chunk, and has it still for the step back.
            let content = first * CHUNK;
            let sent = stream.seek(SeekFrom::Start(content + 1));
            sent.and_then(|_| stream.seek(SeekFrom::Start(content))).map_err(EncryptError::reading)?;
        }
        Ok(Opener { stream })
    }

    fn refusal(&self, error: &DecryptError) -> EncryptError {
        match error {
            DecryptError::NoMatchingKeys => EncryptError::NotRecipient { identities: self.keys.len() },
            DecryptError::InvalidMac | DecryptError::DecryptionFailed => EncryptError::Forged,
            _ => EncryptError::Header { detail: "its header is malformed" },
        }
    }
}

/// A reader of the content. What it fails with is a [`EncryptError::Forged`] inside of an `InvalidData`, or the source's own
/// error.
pub struct Opener<R> {
    stream: StreamReader<Parts<R>>,
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer).map_err(|error| match EncryptError::reading(error) {
            EncryptError::Input(source) => source,
            refusal => io::Error::new(io::ErrorKind::InvalidData, refusal),
        })
    }
}

impl<R> fmt::Debug for Opener<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opener").finish_non_exhaustive()
    }
}

/// Whether reading failed because the encrypted bytes were changed.
pub fn is_forged(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<EncryptError>());
    matches!(inner, Some(EncryptError::Forged))
}

impl EncryptError {
    /// Tells the failures of the source from the crate's own, which have no type.
    fn reading(error: io::Error) -> Self {
        match error.downcast::<FromSource>() {
            Ok(FromSource(source)) => Self::Input(source),
            Err(_) => Self::Forged,
        }
    }
}

/// What the source failed with, on its way through the crate.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct FromSource(io::Error);

/// The head of a file, and its chunks from some place on: all that there is of it.
struct Parts<R> {
    head: Vec<u8>,
    /// Where in the file the next byte stands.
    at: u64,
    /// Where in the file the chunks begin.
    begin: u64,
    chunks: R,
}

impl<R> Parts<R> {
    /// What is left of the head.
    fn rest(&self) -> &[u8] {
        usize::try_from(self.at).ok().and_then(|at| self.head.get(at..)).unwrap_or_default()
    }
}

impl<R: Read> Read for Parts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = self.rest();
        let read = if head.is_empty() {
            if self.at < self.begin {
                return Err(io::ErrorKind::Unsupported.into());
            }
            match self.chunks.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                read => read.map_err(|source| io::Error::other(FromSource(source)))?,
            }
        } else {
            let length = head.len().min(buffer.len());
            buffer[..length].copy_from_slice(&head[..length]);
            length
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// For the head alone: chunks are never read through it.
impl<R: Read> BufRead for Parts<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

/// As far as it is needed: the chunks are passed in one direction.
impl<R> Seek for Parts<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(0) => {}
            SeekFrom::Start(place) if place == self.at || (self.rest().is_empty() && place == self.begin) => {
                self.at = place;
            }
            _ => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::{Recipients, file_size};

    const FULL: usize = 64 * 1024;

    fn pair() -> (Identities, Recipients) {
        let identities = Identities::generate();
        let recipients = Recipients::parse(&identities.recipients()).unwrap();
        (identities, recipients)
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|index| u8::try_from((index / 7 + index / FULL) % 256).unwrap()).collect()
    }

    fn sealed(recipients: &Recipients, content: &[u8]) -> Vec<u8> {
        let mut sealer = recipients.seal(Vec::new()).unwrap();
        sealer.write_all(content).unwrap();
        sealer.finish().unwrap()
    }

    /// The content from the chunk `first` on.
    fn opened(identities: &Identities, file: &[u8], first: usize) -> Result<Vec<u8>, EncryptError> {
        let head = Head::parse(file)?;
        let chunks = &file[(head.len() + first * (FULL + 16)).min(file.len())..];
        let mut content = Vec::new();
        let mut opener = identities.open(&head, first as u64, chunks)?;
        opener.read_to_end(&mut content).map_err(|error| {
            assert!(is_forged(&error), "{error:?}");
            EncryptError::Forged
        })?;
        Ok(content)
    }

    #[test]
    fn gives_back_what_was_sealed_from_every_chunk_on() {
        let (identities, recipients) = pair();
        for length in [0, 1, FULL - 1, FULL, FULL + 1, 3 * FULL, 3 * FULL + 1] {
            let content = content(length);
            let file = sealed(&recipients, &content);
            let head = Head::parse(&file).unwrap();
            assert_eq!(file_size(head.len() as u64, length as u64), Some(file.len() as u64), "{length}");
            for first in 0..length.div_ceil(FULL).max(1) {
                let found = opened(&identities, &file, first).unwrap();
                assert_eq!(found, content[first * FULL..], "{length} bytes from chunk {first}");
            }
        }
    }

    #[test]
    fn a_part_needs_its_own_chunks_only() {
        let (identities, recipients) = pair();
        let content = content(5 * FULL + 9);
        let file = sealed(&recipients, &content);
        let head = Head::parse(&file).unwrap();
        let chunks = &file[head.len() + 2 * (FULL + 16)..][..2 * (FULL + 16)];
        let mut part = vec![0; 2 * FULL];
        let mut opener = identities.open(&head, 2, chunks).unwrap();
        opener.read_exact(&mut part).unwrap();
        assert_eq!(part, content[2 * FULL..4 * FULL]);
        // What ends before the file does is not taken for its end.
        assert!(is_forged(&opener.read(&mut [0]).unwrap_err()));
    }

    #[test]
    fn every_recipient_opens_and_nobody_else() {
        let ((one, first), (two, second), (other, _)) = (pair(), pair(), pair());
        let file = sealed(&first.and(second).unwrap(), b"weights");
        assert_eq!(opened(&one, &file, 0).unwrap(), b"weights");
        assert_eq!(opened(&two, &file, 0).unwrap(), b"weights");
        assert_eq!(opened(&other, &file, 0).unwrap_err().code(), "E-NOT-RECIPIENT");
    }

    #[test]
    fn no_two_files_are_equal() {
        let (_, recipients) = pair();
        assert_ne!(sealed(&recipients, b"weights"), sealed(&recipients, b"weights"));
    }

    #[test]
    fn refuses_chunks_in_other_places_and_every_other_end() {
        let (identities, recipients) = pair();
        let file = sealed(&recipients, &content(3 * FULL + 5));
        let head = Head::parse(&file).unwrap().len();
        let place = |chunk: usize| head + chunk * (FULL + 16);
        let cut = |end: usize| file[..end].to_vec();
        let swapped =
            [&file[..place(1)], &file[place(2)..place(3)], &file[place(1)..place(2)], &file[place(3)..]];
        let other = sealed(&recipients, &content(3 * FULL + 5));
        let foreign = [&file[..place(1)], &other[place(1)..]];
        let longer = [&file[..], b"x"];
        let ends = [place(0), place(0) + 15, place(1), place(3), place(3) + 16, file.len() - 1];
        let mut cases: Vec<Vec<u8>> = ends.into_iter().map(cut).collect();
        cases.extend([swapped.concat(), longer.concat()]);
        if other.len() == file.len() {
            cases.push(foreign.concat());
        }
        for (number, case) in cases.iter().enumerate() {
            assert_eq!(opened(&identities, case, 0).unwrap_err().code(), "E-CIPHERTEXT", "case {number}");
        }
        // From a chunk on, too: the second one in the place of the third.
        let head = Head::parse(&file).unwrap();
        let error = identities.open(&head, 2, &file[place(1)..]).unwrap_err();
        assert_eq!(error.code(), "E-CIPHERTEXT");
    }

    #[test]
    fn the_failure_of_the_source_stays_what_it_is() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"))
            }
        }
        let (identities, recipients) = pair();
        let head = Head::parse(&sealed(&recipients, b"weights")).unwrap();
        let error = identities.open(&head, 0, Broken).unwrap().read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let EncryptError::Input(source) = identities.open(&head, 1, Broken).unwrap_err() else { panic!() };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn one_changed_bit_is_never_content(place in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let (identities, recipients) = pair();
            let mut file = sealed(&recipients, b"the weights of a model");
            let place = place.index(file.len());
            file[place] ^= 1 << bit;
            prop_assert!(opened(&identities, &file, 0).is_err());
        }
    }
}

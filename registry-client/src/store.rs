//! The one interface to a place where artifacts are kept.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek as _, SeekFrom};
use std::ops::Range;

use lacre_hash::{Blake3Digest, Progress, Sha256Digest};

use crate::descriptor::Descriptor;
use crate::reference::{Tag, Target};
use crate::{IMAGE_MANIFEST, MAX_MANIFEST, RegistryError};

/// A place where artifacts are kept: an image layout on disk, or a repository of a registry.
///
/// Small documents (manifests, configurations, bundles) come proven: of the descriptor's size and digest, or not at
/// all. Large blobs come as a [`BlobReader`] that never gives a byte more than the descriptor's size, and the caller
/// proves the bytes while it takes them. What is put is proven before it becomes visible, and a manifest becomes
/// visible only when all that it lists is there.
pub trait Store: Send + Sync {
    /// Finds the manifest that `target` names. The descriptor's artifact type and annotations are the index's word,
    /// unproven.
    ///
    /// # Errors
    /// `E-REFERENCE-NOT-FOUND` when there is none; `E-REFERENCE` when [`Target::Only`] is not enough because several
    /// models are there; the codes of reading an index.
    fn resolve(&self, target: &Target) -> Result<Descriptor, RegistryError>;

    /// All tags with their manifests, in the order of the tags. A tag that stands at several manifests comes several
    /// times; such a tag cannot be resolved.
    fn tags(&self) -> Result<Vec<(Tag, Descriptor)>, RegistryError>;

    /// The bytes of a manifest, at most [`MAX_MANIFEST`], of the descriptor's size and digest.
    ///
    /// # Errors
    /// `E-BLOB-MISSING`; `E-BLOB-DIGEST` when the bytes are others; `E-LIMIT`.
    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        self.small_blob(descriptor, MAX_MANIFEST)
    }

    /// Opens a blob of any size. **The bytes are not proven**: the caller hashes what it takes.
    ///
    /// # Errors
    /// `E-BLOB-MISSING`; `E-BLOB-DIGEST` when it is of another size.
    fn blob(&self, descriptor: &Descriptor) -> Result<BlobReader, RegistryError>;

    /// Opens a part of a blob. **The bytes are not proven.** The range must lie within the descriptor's size.
    ///
    /// # Errors
    /// As [`Store::blob`].
    fn blob_range(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<BlobReader, RegistryError> {
        self.blob(descriptor)?.part(range).map_err(|source| {
            let digest = descriptor.digest;
            RegistryError::Content { digest, source }
        })
    }

    /// The bytes of a blob of at most `limit` bytes, of the descriptor's size and digest.
    ///
    /// # Errors
    /// As [`Store::blob`]; `E-BLOB-DIGEST` when the bytes are others; `E-LIMIT` when the descriptor's size is above
    /// `limit`.
    fn small_blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, RegistryError> {
        if descriptor.size > limit {
            let document = format!("sha256:{}", descriptor.digest);
            return Err(RegistryError::TooLarge { document, size: descriptor.size, limit });
        }
        let mut bytes = Vec::new();
        let outcome = self.blob(descriptor)?.read_to_end(&mut bytes);
        match outcome {
            // Too short: the proof says so, with both sizes.
            Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                let digest = descriptor.digest;
                // A store's own reasons come through the stream as they are.
                Err(source.downcast().unwrap_or_else(|source| RegistryError::Content { digest, source }))
            }
            _ => descriptor.prove(&bytes).map(|()| bytes),
        }
    }

    /// Whether a blob of that digest and size is there. Only its size is looked at: a quick answer for deciding what
    /// to send, not a proof.
    fn has_blob(&self, descriptor: &Descriptor) -> Result<Presence, RegistryError>;

    /// Stores a blob. The content is opened when it is needed, perhaps several times, and must give the same bytes
    /// each time. Nothing is visible under the digest before all bytes are written and proven.
    ///
    /// # Errors
    /// `E-BLOB-DIGEST` when the content is not of the descriptor's size and digest; `E-UNREADABLE` when it cannot be
    /// read; `E-OUTPUT` when it cannot be written; `E-INTERRUPTED` when `progress` says so.
    fn put_blob(
        &self,
        descriptor: &Descriptor,
        content: &dyn BlobContent,
        progress: &dyn Progress,
    ) -> Result<Put, RegistryError>;

    /// Stores an image manifest whose configuration and layers are already stored, lists it, and moves `tag` to it.
    /// A manifest with a `subject` becomes a referrer of it.
    ///
    /// # Errors
    /// `E-BLOB-MISSING` when a blob that it names is not there; `E-LIMIT` above [`MAX_MANIFEST`]; `E-JSON` or
    /// `E-DUPLICATE-KEY` when it is malformed; `E-UNSUPPORTED` for another media type.
    fn put_manifest(
        &self,
        media_type: &str,
        bytes: &[u8],
        tag: Option<&Tag>,
    ) -> Result<Descriptor, RegistryError>;

    /// Stores an image manifest and moves `tag` to it, if the tag stands where it stood: at `before`, or nowhere.
    /// Where the store cannot compare and write in one step, somebody else may write in between.
    ///
    /// # Errors
    /// `E-CONFLICT` when the tag stands elsewhere; as [`Store::put_manifest`].
    fn replace_manifest(
        &self,
        bytes: &[u8],
        tag: &Tag,
        before: Option<Sha256Digest>,
    ) -> Result<Descriptor, RegistryError> {
        if self.standing(tag)? == before {
            self.put_manifest(IMAGE_MANIFEST, bytes, Some(tag))
        } else {
            Err(RegistryError::Conflict { place: tag.to_string() })
        }
    }

    /// The manifest that `tag` stands at, or nothing.
    fn standing(&self, tag: &Tag) -> Result<Option<Sha256Digest>, RegistryError> {
        match self.resolve(&Target::Tag(tag.clone())) {
            Ok(found) => Ok(Some(found.digest)),
            Err(RegistryError::TagNotFound { .. } | RegistryError::NotInRepository { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves `tag` to a stored manifest.
    ///
    /// # Errors
    /// `E-BLOB-MISSING` when the manifest is not there, `E-BLOB-DIGEST` when it is broken.
    fn tag(&self, descriptor: &Descriptor, tag: &Tag) -> Result<(), RegistryError>;

    /// The manifests whose `subject` is `subject`, of one artifact type or of all, in the order of their digests.
    /// Artifact type and annotations are those of the referrers' own proven manifests. The list may be incomplete:
    /// whoever keeps the store can leave a referrer out.
    ///
    /// # Errors
    /// A manifest that cannot be read might be a referrer, so it is an error and never left out; `E-LIMIT` when
    /// there are more candidates than are looked at.
    fn referrers(
        &self,
        subject: &Sha256Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError>;

    /// All referrers of `subject`, and where they were looked for: that nobody refers to it is one answer, that the
    /// store cannot tell is another.
    ///
    /// # Errors
    /// As [`Store::referrers`].
    fn discover(&self, subject: &Sha256Digest) -> Result<Discovered, RegistryError> {
        let referrers = self.referrers(subject, None)?;
        Ok(Discovered { referrers, by: Discovery::Index })
    }
}

/// The referrers of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// As [`Store::referrers`] gives them.
    pub referrers: Vec<Descriptor>,
    /// Where they were looked for.
    pub by: Discovery,
}

/// Where referrers were looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discovery {
    /// The referrers API of a registry.
    Api,
    /// The fallback tag, as the registry has no referrers API.
    FallbackTag,
    /// The store's own index.
    Index,
    /// The registry has no referrers API, and nobody keeps a list under the fallback tag: it cannot tell.
    Unsupported,
}

/// Whether a blob is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not there, or of another size.
    Absent,
    /// There, of the right size.
    Present,
}

/// What putting a blob came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was there already, with the right bytes.
    Existed,
    /// It was written.
    Written,
}

/// The bytes of a blob to be stored, which can be opened again.
///
/// Implemented for byte strings and for every function that opens a file:
///
/// ```
/// use std::fs::File;
/// use lacre_registry_client::BlobContent;
///
/// let bytes: &dyn BlobContent = &b"{}".as_slice();
/// let file: &dyn BlobContent = &|| File::open("/dev/null");
/// assert!(bytes.open().is_ok() && file.open().is_ok());
/// ```
pub trait BlobContent: Sync {
    /// Opens the content at its first byte.
    fn open(&self) -> io::Result<Content<'_>>;

    /// The BLAKE3 digest of the content, from whoever has made it and the descriptor's SHA-256 digest of the same
    /// bytes. A store whose keeper compares SHA-256 digests itself, as a registry does, may prove by this one what it
    /// sends: it takes a quarter of the time.
    fn blake3(&self) -> Option<Blake3Digest> {
        None
    }
}

/// Opened content.
pub enum Content<'a> {
    /// All bytes, in memory.
    Bytes(&'a [u8]),
    /// A file, read from its current position.
    File(File),
    /// Bytes that are made while they are read.
    Stream(Box<dyn Read + 'a>),
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::File(_) => "File",
            Self::Stream(_) => "Stream",
        })
    }
}

impl BlobContent for &[u8] {
    fn open(&self) -> io::Result<Content<'_>> {
        Ok(Content::Bytes(self))
    }
}

impl BlobContent for Vec<u8> {
    fn open(&self) -> io::Result<Content<'_>> {
        Ok(Content::Bytes(self))
    }
}

impl<F: Fn() -> io::Result<File> + Sync> BlobContent for F {
    fn open(&self) -> io::Result<Content<'_>> {
        self().map(Content::File)
    }
}

impl<'a> Content<'a> {
    /// Reads the content in order.
    pub fn into_reader(self) -> Box<dyn Read + 'a> {
        match self {
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
            Self::File(file) => Box::new(file),
            Self::Stream(stream) => stream,
        }
    }
}

/// An opened blob: exactly its descriptor's number of bytes, unproven.
///
/// Reading gives `UnexpectedEof` when the bytes end early, and never gives one beyond the size.
pub struct BlobReader {
    source: Source,
    size: u64,
    left: u64,
}

enum Source {
    File(File),
    Stream(Box<dyn Read + Send>),
}

impl BlobReader {
    /// A blob of `size` bytes in a regular file, at its first byte.
    pub fn from_file(file: File, size: u64) -> Self {
        Self { source: Source::File(file), size, left: size }
    }

    /// A blob of `size` bytes that comes as a stream.
    pub fn from_stream(stream: Box<dyn Read + Send>, size: u64) -> Self {
        Self { source: Source::Stream(stream), size, left: size }
    }

    /// The blob's size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A part of the blob: what stands before it is skipped in a file, and read and thrown away in a stream.
    fn part(mut self, range: Range<u64>) -> io::Result<Self> {
        let Range { start, end } = range;
        if start > end || end > self.size {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        match &mut self.source {
            Source::File(file) => drop(file.seek(SeekFrom::Current(start.cast_signed()))?),
            Source::Stream(_) => drop(io::copy(&mut (&mut self).take(start), &mut io::sink())?),
        }
        let size = end - start;
        Ok(match self.source {
            // No longer a file that stands at its first byte.
            Source::File(file) => Self { source: Source::Stream(Box::new(file)), size, left: size },
            source @ Source::Stream(_) => Self { source, size, left: size },
        })
    }

    /// The file behind the blob, from which it can be read at any place and by several threads; gives the reader
    /// back when there is none (a stream), or when reading has begun.
    pub fn into_file(self) -> Result<File, Self> {
        match self.source {
            Source::File(file) if self.left == self.size => Ok(file),
            source => Err(Self { source, ..self }),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let got = match &mut self.source {
            Source::File(file) => file.read(&mut buffer[..wanted])?,
            Source::Stream(stream) => stream.read(&mut buffer[..wanted])?,
        };
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= got as u64;
        Ok(got)
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.source {
            Source::File(_) => "file",
            Source::Stream(_) => "stream",
        };
        formatter
            .debug_struct("BlobReader")
            .field("source", &kind)
            .field("size", &self.size)
            .field("left", &self.left)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gives_exactly_the_size() {
        let stream = |text: &'static str| Box::new(Cursor::new(text.as_bytes()));
        let mut text = String::new();
        BlobReader::from_stream(stream("abcdef"), 4).read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcd");
        let short = BlobReader::from_stream(stream("abc"), 4).read_to_string(&mut text).unwrap_err();
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
        let mut endless = BlobReader::from_stream(Box::new(io::repeat(0)), 70_000);
        assert_eq!(io::copy(&mut endless, &mut io::sink()).unwrap(), 70_000);
    }

    #[test]
    fn a_part_is_read_from_files_and_streams() {
        let file = || {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, b"abcdef").unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            BlobReader::from_file(file, 6)
        };
        let stream = || BlobReader::from_stream(Box::new(Cursor::new(b"abcdefg")), 6);
        for (range, wanted) in [(0..6, "abcdef"), (2..4, "cd"), (6..6, "")] {
            for reader in [file(), stream()] {
                let mut text = String::new();
                reader.part(range.clone()).unwrap().read_to_string(&mut text).unwrap();
                assert_eq!(text, wanted);
            }
        }
        assert!(file().part(3..7).is_err());
        assert!(file().part(1..3).unwrap().into_file().is_err(), "its first byte is another one");
    }

    #[test]
    fn a_file_is_given_only_from_its_start() {
        let file = || {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, b"abc").unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            file
        };
        assert!(BlobReader::from_file(file(), 3).into_file().is_ok());
        let mut begun = BlobReader::from_file(file(), 3);
        begun.read_exact(&mut [0]).unwrap();
        let mut rest = String::new();
        begun.into_file().unwrap_err().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "bc");
        assert!(BlobReader::from_stream(Box::new(io::empty()), 0).into_file().is_err());
    }
}

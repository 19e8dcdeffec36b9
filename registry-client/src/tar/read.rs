//! Reading an archive of somebody else.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use lacre_manifest::EntryPath;

use super::header::{self, Block, Kind};
use super::pax::Records;
use super::{ArchiveFault, BLOCK, padding};

/// Largest extended header that is read, in bytes: a few names of the longest kind.
const MOST_RECORDS: u64 = 64 * 1024;
/// Headers, names and padding that an archive may have whatever it holds, in bytes.
const OVERHEAD: u64 = 64 * 1024 * 1024;
/// What each wanted file may need of them: two headers, the longest name, folders of its own.
const OVERHEAD_OF_A_FILE: u64 = 16 * 1024;
/// Bytes that are passed over at a time.
const PIECE: usize = 64 * 1024;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: each file stands in the blob as it is.
    None,
    /// gzip (RFC 1952).
    Gzip,
}

/// A source that can leave bytes out.
pub trait Skip: Read {
    /// Goes `bytes` further.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Where it lies in the model.
    pub path: EntryPath,
    /// Its size in bytes, as the archive says.
    pub size: u64,
    /// Where its bytes begin in the blob, if they stand there as they are.
    pub at: Option<u64>,
}

/// Reads the files of an archive in its order: a head, then exactly so many bytes of content as it says, or as many of
/// them as are wanted.
///
/// What is read beside contents is limited by the number of files that are wanted; contents are limited by whoever reads
/// them, who knows which sizes are signed.
pub struct ArchiveReader<S: Skip> {
    source: Source<S>,
    beneath: Option<&'static str>,
    /// Bytes of the unpacked archive that were read.
    at: u64,
    /// Content of the last file that was not read yet, and the padding after it.
    left: u64,
    padding: u64,
    overhead: u64,
    limit: u64,
}

enum Source<S: Skip> {
    Plain(S),
    Gzip(Box<MultiGzDecoder<Kept<S>>>, Rc<RefCell<Option<io::Error>>>),
}

/// A source whose own errors are told from those of what it holds.
struct Kept<S>(S, Rc<RefCell<Option<io::Error>>>);

impl<S: Read> Read for Kept<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.1.replace(Some(error));
            }
            kind.into()
        })
    }
}

impl<S: Skip> ArchiveReader<S> {
    /// Reads an archive of which at most `files` files are wanted. With `beneath`, everything must lie in that folder,
    /// whose name is left out of the paths.
    pub fn new(source: S, compression: Compression, beneath: Option<&'static str>, files: usize) -> Self {
        let source = match compression {
            Compression::None => Source::Plain(source),
            Compression::Gzip => {
                let failure = Rc::default();
                let kept = Kept(source, Rc::clone(&failure));
                Source::Gzip(Box::new(MultiGzDecoder::new(kept)), failure)
            }
        };
        let limit = (files as u64).saturating_mul(OVERHEAD_OF_A_FILE).saturating_add(OVERHEAD);
        Self { source, beneath, at: 0, left: 0, padding: 0, overhead: 0, limit }
    }

    /// The next file; nothing at the archive's end, behind which nothing else may stand. What was not read of the last one
    /// is passed over.
    pub fn next_file(&mut self) -> Result<Option<Packed>, ArchiveFault> {
        self.pass_over(self.left)?;
        self.left = 0;
        self.spend(self.padding)?;
        self.pass_over(self.padding)?;
        self.padding = 0;
        let (mut name, mut size) = (None, None);
        loop {
            let at = self.at;
            let Some(block) = self.block()? else {
                if name.is_some() || size.is_some() {
                    return Err(ArchiveFault::Truncated);
                }
                return self.end().map(|()| None);
            };
            let header = header::parse(&block, at)?;
            let fault = |detail| ArchiveFault::Extension { at, detail };
            match header.kind {
                Kind::Pax => {
                    let records = Records::parse(&self.small(header.size, at)?).map_err(fault)?;
                    if name.is_some() || size.is_some() {
                        return Err(fault("it is not the only one for its member"));
                    }
                    (name, size) = (records.path, records.size);
                }
                Kind::LongName => {
                    let mut bytes = self.small(header.size, at)?;
                    bytes.pop_if(|byte| *byte == 0);
                    let long = String::from_utf8(bytes).map_err(|_| fault("a name is not UTF-8"))?;
                    if name.is_some() || size.is_some() {
                        return Err(fault("it is not the only one for its member"));
                    }
                    name = Some(long);
                }
                Kind::Other(kind) => {
                    let name = name.unwrap_or_else(|| String::from_utf8_lossy(&header.name).into_owned());
                    return Err(ArchiveFault::Kind { name, kind });
                }
                Kind::File | Kind::Folder => {
                    let size = size.take().unwrap_or(header.size);
                    let name = match name.take() {
                        Some(name) => name,
                        None => String::from_utf8(header.name)
                            .map_err(|_| ArchiveFault::Header { at, detail: "its name is not UTF-8" })?,
                    };
                    if header.kind == Kind::Folder {
                        if size > 0 {
                            return Err(ArchiveFault::Header { at, detail: "a folder with content" });
                        }
                        self.folder(&name)?;
                        continue;
                    }
                    let path = self.path(&name)?;
                    (self.left, self.padding) = (size, padding(size));
                    let at = matches!(self.source, Source::Plain(_)).then_some(self.at);
                    return Ok(Some(Packed { path, size, at }));
                }
            }
        }
    }

    /// The next bytes of the last file; there must be so many.
    pub fn content(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveFault> {
        let wanted = buffer.len() as u64;
        self.left = self.left.checked_sub(wanted).ok_or(ArchiveFault::Truncated)?;
        self.exact(buffer)
    }

    /// Folders are not made of what an archive says, only of what is signed. Their names must be possible all the same.
    fn folder(&self, name: &str) -> Result<(), ArchiveFault> {
        let name = name.strip_suffix('/').unwrap_or(name);
        if matches!(name, "." | "") || self.beneath == Some(name.strip_prefix("./").unwrap_or(name)) {
            return Ok(());
        }
        self.path(name).map(drop)
    }

    fn path(&self, name: &str) -> Result<EntryPath, ArchiveFault> {
        // GNU tar and others name what lies in the current folder so.
        let name = name.strip_prefix("./").unwrap_or(name);
        let path = EntryPath::parse(name).map_err(ArchiveFault::Path)?;
        let Some(beneath) = self.beneath else { return Ok(path) };
        let below = name.strip_prefix(beneath).and_then(|rest| rest.strip_prefix('/'));
        let below = below.ok_or_else(|| ArchiveFault::Outside { name: name.to_owned(), beneath })?;
        EntryPath::parse(below).map_err(ArchiveFault::Path)
    }

    /// The next header; nothing when the end begins.
    fn block(&mut self) -> Result<Option<Block>, ArchiveFault> {
        let mut block = header::EMPTY;
        self.spend(BLOCK)?;
        self.exact(&mut block)?;
        Ok((block != header::EMPTY).then_some(block))
    }

    /// The content of an extended header, and the padding after it.
    fn small(&mut self, size: u64, at: u64) -> Result<Vec<u8>, ArchiveFault> {
        if size > MOST_RECORDS {
            return Err(ArchiveFault::Extension { at, detail: "it has more than 64 KiB" });
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        self.spend(size + padding(size))?;
        self.exact(&mut bytes)?;
        self.pass_over(padding(size))?;
        Ok(bytes)
    }

    /// A second empty block, and then nothing but more of them.
    fn end(&mut self) -> Result<(), ArchiveFault> {
        if self.block()?.is_some() {
            return Err(ArchiveFault::Trailing);
        }
        let mut buffer = vec![0; PIECE];
        loop {
            match self.some(&mut buffer)? {
                0 => return Ok(()),
                read if buffer[..read].iter().any(|&byte| byte != 0) => return Err(ArchiveFault::Trailing),
                read => self.spend(read as u64)?,
            }
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        self.overhead = self.overhead.saturating_add(bytes);
        if self.overhead > self.limit {
            return Err(ArchiveFault::Overhead { limit: self.limit });
        }
        Ok(())
    }

    fn pass_over(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        if let Source::Plain(source) = &mut self.source {
            source.skip(bytes).map_err(broken)?;
            self.at += bytes;
            return Ok(());
        }
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(PIECE).min(PIECE)];
        let mut left = bytes;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            self.exact(&mut buffer[..wanted])?;
            left -= wanted as u64;
        }
        Ok(())
    }

    fn exact(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveFault> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.some(&mut buffer[filled..])? {
                0 => return Err(ArchiveFault::Truncated),
                read => filled += read,
            }
        }
        Ok(())
    }

    /// Some bytes of the unpacked archive; none at its end.
    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveFault> {
        let read = loop {
            let read = match &mut self.source {
                Source::Plain(source) => source.read(buffer),
                Source::Gzip(source, _) => source.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|error| match &self.source {
            Source::Plain(_) => ArchiveFault::Read(error),
            Source::Gzip(_, failure) => match failure.take() {
                Some(own) => ArchiveFault::Read(own),
                None => ArchiveFault::Compressed { detail: error.to_string() },
            },
        })?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A source that ends where bytes should be passed over.
fn broken(error: io::Error) -> ArchiveFault {
    if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
        return ArchiveFault::Truncated;
    }
    ArchiveFault::Read(error)
}

impl<S: Skip> Skip for &mut S {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        (**self).skip(bytes)
    }
}

impl Skip for &[u8] {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let at = usize::try_from(bytes).ok().filter(|&at| at <= self.len());
        *self = &self[at.ok_or(io::ErrorKind::UnexpectedEof)?..];
        Ok(())
    }
}

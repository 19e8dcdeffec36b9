//! An archive that is about to be: read from like a file, and the same bytes each time.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};

use lacre_manifest::EntryPath;

use super::{BLOCK, header, padding, pax};
use crate::store::{BlobContent, Content};

/// Opens a file that is packed, at its first byte.
type Open<'a> = dyn Fn(&EntryPath) -> io::Result<Box<dyn Read + 'a>> + Sync + 'a;

/// A file that is to be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packable {
    /// Where it lies.
    pub path: EntryPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its permissions: `0o644`, or `0o755` where it is signed that it may be executed.
    pub mode: u32,
}

/// A file has another size than the archive was planned with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} is of another size than before")]
pub struct Resized {
    /// The file.
    pub path: EntryPath,
}

/// What an archive will hold, in its order. Its bytes follow from this and the files' bytes alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The folder in the archive that everything lies in.
    beneath: Option<&'static str>,
    members: Vec<Member>,
    size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    /// With a slash at its end, as tar writes it.
    Folder(String),
    File(Packable),
}

/// Two empty blocks.
const END: u64 = 2 * BLOCK;

impl Pack {
    /// An archive of these files, and no folders: whoever unpacks it makes those that are needed.
    pub fn of_files(mut files: Vec<Packable>) -> Self {
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Self::new(None, files.into_iter().map(Member::File).collect())
    }

    /// An archive of these files and empty folders below the folder `beneath`, in which every folder stands before what
    /// lies in it: who unpacks images gives folders that nobody mentions what permissions they like.
    pub fn beneath(beneath: &'static str, mut files: Vec<Packable>, mut empty: Vec<EntryPath>) -> Self {
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        empty.sort_unstable();
        let mut known = HashSet::new();
        let mut members = Vec::new();
        let mut make = |folder: &str, members: &mut Vec<Member>| {
            if known.insert(folder.to_owned()) {
                members.push(Member::Folder(folder.to_owned()));
            }
        };
        for folder in empty {
            for folder in folders(&format!("{beneath}/{}/", folder.as_str())) {
                make(folder, &mut members);
            }
        }
        for file in files {
            for folder in folders(&format!("{beneath}/{}", file.path.as_str())) {
                make(folder, &mut members);
            }
            members.push(Member::File(file));
        }
        Self::new(Some(beneath), members)
    }

    fn new(beneath: Option<&'static str>, members: Vec<Member>) -> Self {
        let mut pack = Self { beneath, members, size: END };
        let heads = pack.members.iter().map(|member| {
            let size = member.size();
            (pack.head(member).len() as u64).saturating_add(size).saturating_add(padding(size))
        });
        pack.size = heads.fold(END, u64::saturating_add);
        pack
    }

    /// Bytes of the archive.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The files in it, in its order.
    pub fn files(&self) -> impl Iterator<Item = &Packable> {
        self.members.iter().filter_map(|member| match member {
            Member::File(file) => Some(file),
            Member::Folder(_) => None,
        })
    }

    /// The archive's bytes. The files are opened one after the other.
    ///
    /// A file that is not of its size gives an error that holds [`Resized`].
    pub fn stream<'a>(&'a self, open: &'a Open<'a>) -> impl Read + 'a {
        Stream { pack: self, open, next: 0, head: io::Cursor::new(Vec::new()), content: None, ended: false }
    }

    /// What stands before a member's content.
    fn head(&self, member: &Member) -> Vec<u8> {
        let (name, kind, mode) = match (member, self.beneath) {
            (Member::Folder(name), _) => (name.clone(), b'5', 0o755),
            (Member::File(file), None) => (file.path.as_str().to_owned(), b'0', file.mode),
            (Member::File(file), Some(beneath)) => {
                (format!("{beneath}/{}", file.path.as_str()), b'0', file.mode)
            }
        };
        let size = member.size();
        let mut records = String::new();
        if name.len() > header::LONGEST || !name.is_ascii() {
            records.push_str(&pax::record("path", &name));
        }
        if size > header::LARGEST {
            records.push_str(&pax::record("size", &size.to_string()));
        }
        let mut head = Vec::new();
        if !records.is_empty() {
            let length = records.len() as u64;
            head.extend(header::write("@PaxHeader", b'x', 0o644, length));
            head.extend(records.into_bytes());
            head.resize(head.len() + usize::try_from(padding(length)).unwrap_or_default(), 0);
        }
        head.extend(header::write(&name, kind, mode, size));
        head
    }
}

impl Member {
    fn size(&self) -> u64 {
        match self {
            Self::Folder(_) => 0,
            Self::File(file) => file.size,
        }
    }
}

/// The folders above a name, outermost first, each with its slash.
fn folders(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..=at])
}

struct Stream<'a> {
    pack: &'a Pack,
    open: &'a Open<'a>,
    next: usize,
    /// What comes before any content: a head, padding, the end.
    head: io::Cursor<Vec<u8>>,
    /// The content that comes then, and what is left of it.
    content: Option<(Box<dyn Read + 'a>, &'a Packable, u64)>,
    ended: bool,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let taken = self.head.read(buffer)?;
            if taken > 0 {
                return Ok(taken);
            }
            if let Some((content, file, left)) = &mut self.content {
                // At the end one byte more is asked for: it shows a file that goes on.
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX).clamp(1, buffer.len());
                let read = content.read(&mut buffer[..wanted])?;
                if (read == 0) != (*left == 0) {
                    return Err(io::Error::other(Resized { path: file.path.clone() }));
                }
                *left -= (read as u64).min(*left);
                if read > 0 {
                    return Ok(read);
                }
                let padding = usize::try_from(padding(file.size)).unwrap_or_default();
                self.head = io::Cursor::new(vec![0; padding]);
                self.content = None;
            } else if let Some(member) = self.pack.members.get(self.next) {
                self.next += 1;
                self.head = io::Cursor::new(self.pack.head(member));
                if let Member::File(file) = member {
                    self.content = Some(((self.open)(&file.path)?, file, file.size));
                }
            } else if self.ended {
                return Ok(0);
            } else {
                self.head = io::Cursor::new(vec![0; usize::try_from(END).unwrap_or_default()]);
                self.ended = true;
            }
        }
    }
}

/// An archive as the content of a blob.
pub struct PackContent<'a> {
    /// What it holds.
    pub pack: &'a Pack,
    /// Opens the files.
    pub open: &'a Open<'a>,
}

impl BlobContent for PackContent<'_> {
    fn open(&self) -> io::Result<Content<'_>> {
        Ok(Content::Stream(Box::new(self.pack.stream(self.open))))
    }
}

impl fmt::Debug for PackContent<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PackContent").field("pack", self.pack).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packable(path: &str, bytes: &[u8]) -> Packable {
        Packable { path: EntryPath::parse(path).unwrap(), size: bytes.len() as u64, mode: 0o644 }
    }

    fn bytes(pack: &Pack, give: &(dyn Fn(&str) -> Vec<u8> + Sync)) -> io::Result<Vec<u8>> {
        let open =
            |path: &EntryPath| Ok(Box::new(io::Cursor::new(give(path.as_str()))) as Box<dyn Read + 'static>);
        let mut bytes = Vec::new();
        pack.stream(&open).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn the_same_files_give_the_same_bytes_in_any_order() {
        let (a, b) = (packable("a/b", b"abc"), packable("c", b""));
        let one = Pack::of_files(vec![a.clone(), b.clone()]);
        let two = Pack::of_files(vec![b, a]);
        let give = |path: &str| if path == "a/b" { b"abc".to_vec() } else { Vec::new() };
        let archive = bytes(&one, &give).unwrap();
        assert_eq!(bytes(&two, &give).unwrap(), archive);
        assert_eq!(archive.len() as u64, one.size());
        assert_eq!(one.size(), 3 * 512 + 1024, "two heads, one content, the end");
    }

    #[test]
    fn every_folder_stands_before_what_lies_in_it_and_once() {
        let empty = vec![EntryPath::parse("e/f").unwrap()];
        let pack = Pack::beneath("models", vec![packable("x/y/z", b""), packable("x/a", b"")], empty);
        let names: Vec<_> = pack
            .members
            .iter()
            .map(|member| match member {
                Member::Folder(name) => name.clone(),
                Member::File(file) => file.path.as_str().to_owned(),
            })
            .collect();
        assert_eq!(
            names,
            ["models/", "models/e/", "models/e/f/", "models/x/", "x/a", "models/x/y/", "x/y/z"]
        );
    }

    #[test]
    fn a_file_of_another_size_breaks_the_stream() {
        let pack = Pack::of_files(vec![packable("a", b"abc")]);
        for other in ["ab", "abcd", ""] {
            let error = bytes(&pack, &|_| other.as_bytes().to_vec()).unwrap_err();
            assert_eq!(error.downcast::<Resized>().unwrap().path.as_str(), "a", "{other}");
        }
        let empty = Pack::of_files(vec![packable("a", b"")]);
        assert!(bytes(&empty, &|_| b"x".to_vec()).is_err());
    }
}

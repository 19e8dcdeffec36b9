//! What a registry holds: in memory, or with its blobs in a folder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256, Sha512};
use tempfile::TempDir;

use super::rules::Space;
use super::tokens::Tokens;

/// Everything that registries can share.
pub(super) struct Store {
    folder: Option<TempDir>,
    pub(super) state: Mutex<State>,
    pub(super) tokens: Tokens,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) sessions: HashMap<String, Session>,
    blobs: HashMap<String, Data>,
    used: u64,
    numbers: u64,
}

#[derive(Default)]
pub(super) struct Repository {
    pub(super) blobs: BTreeSet<String>,
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) tags: BTreeMap<String, Tag>,
}

#[derive(Clone)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
    /// The order of arrival.
    pub(super) number: u64,
}

pub(super) struct Tag {
    pub(super) digest: String,
    /// After so many more answers it becomes this.
    pub(super) next: Option<(u64, String)>,
}

/// An upload.
pub(super) struct Session {
    pub(super) repository: String,
    data: Data,
    pub(super) size: u64,
    hasher: Hasher,
    /// The number that its last `Location` bears.
    pub(super) turn: u64,
    /// Whether a chunk shorter than the least length has come.
    pub(super) closed: bool,
}

enum Data {
    Memory(Held),
    File(PathBuf),
}

/// Bytes that are read without being copied.
#[derive(Clone, Default)]
struct Held(Arc<Vec<u8>>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Clone)]
enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

/// `sha256:…` or `sha512:…` of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The algorithm of a well-formed digest.
    pub(super) fn of_digest(digest: &str) -> Option<Self> {
        let (name, hex) = digest.split_once(':')?;
        let algorithm = Self::named(name)?;
        let length = if algorithm == Self::Sha256 { 64 } else { 128 };
        let well = hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        well.then_some(algorithm)
    }

    pub(super) fn digest(self, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        use std::fmt::Write as _;
        let (name, bytes) = match self {
            Self::Sha256(hasher) => ("sha256", hasher.finalize().to_vec()),
            Self::Sha512(hasher) => ("sha512", hasher.finalize().to_vec()),
        };
        bytes.iter().fold(format!("{name}:"), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }
}

impl Data {
    fn read(&self, offset: u64) -> Box<dyn Read + Send + Sync> {
        match self {
            Self::Memory(bytes) => {
                let mut cursor = Cursor::new(bytes.clone());
                cursor.set_position(offset);
                Box::new(cursor)
            }
            Self::File(path) => {
                let mut file = File::open(path).unwrap();
                file.seek(SeekFrom::Start(offset)).unwrap();
                Box::new(file)
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        match self {
            Self::Memory(data) => Arc::make_mut(&mut data.0).extend_from_slice(bytes),
            Self::File(path) => {
                OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
            }
        }
    }

    fn truncate(&mut self, size: u64) {
        match self {
            Self::Memory(data) => Arc::make_mut(&mut data.0).truncate(usize::try_from(size).unwrap()),
            Self::File(path) => OpenOptions::new().write(true).open(path).unwrap().set_len(size).unwrap(),
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Memory(data) => data.0.len() as u64,
            Self::File(path) => path.metadata().unwrap().len(),
        }
    }

    fn remove(self) {
        if let Self::File(path) = self {
            fs::remove_file(path).unwrap();
        }
    }
}

/// What is set back when a request breaks off.
pub(super) struct Mark {
    size: u64,
    hasher: Hasher,
}

/// There is no room for more.
pub(super) struct Full;

impl Store {
    pub(super) fn in_memory() -> Self {
        Self { folder: None, state: Mutex::default(), tokens: Tokens::default() }
    }

    pub(super) fn on_disk() -> Self {
        let folder = tempfile::Builder::new().prefix("registry").tempdir().unwrap();
        Self { folder: Some(folder), ..Self::in_memory() }
    }

    /// Begins an upload and gives its name.
    pub(super) fn begin(&self, repository: &str, algorithm: Algorithm) -> String {
        let mut state = self.state.lock().unwrap();
        let number = state.number();
        // As uploads are called elsewhere: UUIDs.
        let id = format!("{number:08x}-0000-4000-8000-{number:012x}");
        let data = match self.folder.as_ref().map(|folder| folder.path().join(&id)) {
            Some(path) => {
                File::create(&path).unwrap();
                Data::File(path)
            }
            None => Data::Memory(Held::default()),
        };
        let repository = repository.to_owned();
        let hasher = Hasher::new(algorithm);
        state
            .sessions
            .insert(id.clone(), Session { repository, data, size: 0, hasher, turn: 0, closed: false });
        id
    }

    /// Keeps bytes as a blob of `repository`.
    pub(super) fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let id = self.begin(repository, Algorithm::Sha256);
        let mut state = self.state.lock().unwrap();
        let _ = state.append(&id, bytes, None);
        let digest = Algorithm::Sha256.digest(bytes);
        assert!(state.commit(&id, &digest, self.path()), "its own digest");
        digest
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn take_room(&mut self, bytes: usize, space: Option<Space>) -> Result<(), Full> {
        let used = self.used + bytes as u64;
        if space.is_some_and(|space| used > space.bytes) {
            return Err(Full);
        }
        self.used = used;
        Ok(())
    }

    /// Adds bytes to an upload that is there.
    pub(super) fn append(&mut self, id: &str, bytes: &[u8], space: Option<Space>) -> Result<(), Full> {
        self.take_room(bytes.len(), space)?;
        let Some(session) = self.sessions.get_mut(id) else { return Ok(()) };
        session.data.append(bytes);
        session.hasher.update(bytes);
        session.size += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn mark(&self, id: &str) -> Option<Mark> {
        self.sessions.get(id).map(|session| Mark { size: session.size, hasher: session.hasher.clone() })
    }

    pub(super) fn set_back(&mut self, id: &str, mark: Mark) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.data.truncate(mark.size);
            self.used -= session.size - mark.size;
            (session.size, session.hasher) = (mark.size, mark.hasher);
        }
    }

    /// Gives an upload up.
    pub(super) fn abort(&mut self, id: &str) {
        if let Some(session) = self.sessions.remove(id) {
            self.used -= session.size;
            session.data.remove();
        }
    }

    /// Makes a blob of an upload if it has this digest; the upload is gone in any case.
    pub(super) fn commit(&mut self, id: &str, digest: &str, folder: Option<&Path>) -> bool {
        let Some(session) = self.sessions.remove(id) else { return false };
        let wanted = Algorithm::of_digest(digest);
        let found = match (&session.hasher, wanted) {
            (Hasher::Sha256(_), Some(Algorithm::Sha256)) | (Hasher::Sha512(_), Some(Algorithm::Sha512)) => {
                session.hasher.clone().finish()
            }
            (_, Some(algorithm)) => {
                let mut hasher = Hasher::new(algorithm);
                let mut from = session.data.read(0);
                let mut piece = vec![0; 64 * 1024];
                loop {
                    match from.read(&mut piece).unwrap() {
                        0 => break hasher.finish(),
                        count => hasher.update(&piece[..count]),
                    }
                }
            }
            (_, None) => String::new(),
        };
        let known = self.blobs.contains_key(digest);
        if found != digest || known {
            self.used -= session.size;
            session.data.remove();
        } else {
            let data = match (session.data, folder) {
                (Data::File(path), Some(folder)) => {
                    let place = folder.join(digest.replace(':', "-"));
                    fs::rename(path, &place).unwrap();
                    Data::File(place)
                }
                (data, _) => data,
            };
            self.blobs.insert(digest.to_owned(), data);
        }
        if found == digest {
            self.repository(&session.repository).blobs.insert(digest.to_owned());
        }
        found == digest
    }

    /// The repository, which begins to be there.
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// Size of a blob that this repository holds.
    pub(super) fn blob_size(&self, repository: &str, digest: &str) -> Option<u64> {
        let held = self.repositories.get(repository)?.blobs.contains(digest);
        held.then(|| self.blobs[digest].size())
    }

    /// A blob from `offset` on.
    pub(super) fn read_blob(&self, digest: &str, offset: u64) -> Box<dyn Read + Send + Sync> {
        self.blobs[digest].read(offset)
    }

    /// Flips a bit of a blob, under its old digest.
    pub(super) fn spoil(&mut self, digest: &str, at: u64) {
        match self.blobs.get_mut(digest).expect("the blob to spoil") {
            Data::Memory(data) => Arc::make_mut(&mut data.0)[usize::try_from(at).unwrap()] ^= 1,
            Data::File(path) => {
                let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
                let mut byte = [0];
                file.seek(SeekFrom::Start(at)).unwrap();
                file.read_exact(&mut byte).unwrap();
                file.seek(SeekFrom::Start(at)).unwrap();
                file.write_all(&[byte[0] ^ 1]).unwrap();
            }
        }
    }

    /// Keeps a manifest.
    pub(super) fn put_manifest(
        &mut self,
        repository: &str,
        digest: &str,
        media_type: &str,
        bytes: Vec<u8>,
        space: Option<Space>,
    ) -> Result<(), Full> {
        self.take_room(bytes.len(), space)?;
        let number = self.number();
        let manifest = Manifest { media_type: media_type.to_owned(), bytes, number };
        self.repository(repository).manifests.insert(digest.to_owned(), manifest);
        Ok(())
    }

    pub(super) fn set_tag(&mut self, repository: &str, tag: &str, digest: &str) {
        let tags = &mut self.repository(repository).tags;
        tags.insert(tag.to_owned(), Tag { digest: digest.to_owned(), next: None });
    }
}

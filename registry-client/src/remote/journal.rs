//! Notes of uploads that are under way, so that what a process left behind goes on in the next one.
//!
//! A note is a file of the user's own, one for each blob and repository, locked by whoever uploads that blob: a second
//! uploader of the same blob takes no part in the first one's session. Nothing depends on a note: without one, or with
//! a wrong one, the upload begins at its beginning.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use reqwest::Url;
use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

/// Longer addresses are not noted.
const LONGEST: usize = 16 * 1024;
const LIMITS: Limits = Limits::new(LONGEST + 256, 4);
const VERSION: u32 = 1;

/// A note of one upload, locked.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    file: File,
}

#[derive(Serialize, Deserialize)]
struct Text {
    location: String,
    version: u32,
}

impl Note {
    /// Opens the note of the upload of `digest` to `place` (registry and repository) in `folder`. Nothing when somebody
    /// else has it, or when none can be kept.
    pub(super) fn open(folder: &Path, place: &str, digest: &Sha256Digest) -> Option<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
        Self::locked(path(folder, place, digest), OpenOptions::new().create(true))
    }

    /// The note of an upload that was begun some time ago and that nobody is at work on.
    pub(super) fn left_behind(folder: &Path, place: &str, digest: &Sha256Digest) -> Option<Self> {
        Self::locked(path(folder, place, digest), &mut OpenOptions::new())
    }

    fn locked(path: PathBuf, options: &mut OpenOptions) -> Option<Self> {
        let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).ok()?;
        // The address of a session may be all that guards it.
        let options = options.read(true).write(true).truncate(false).mode(0o600).custom_flags(nofollow);
        let file = options.open(&path).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { path, file })
    }

    /// Where the upload was begun, if it was.
    pub(super) fn location(&mut self) -> Option<Url> {
        let mut bytes = Vec::new();
        self.file.rewind().ok()?;
        (&self.file).take(LIMITS.bytes as u64 + 1).read_to_end(&mut bytes).ok()?;
        let text: Text = lacre_json::from_slice(&bytes, LIMITS).ok()?;
        if text.version == VERSION { Url::parse(&text.location).ok() } else { None }
    }

    /// Notes where the upload goes on.
    pub(super) fn write(&mut self, location: &Url) {
        let text = Text { location: location.to_string(), version: VERSION };
        let kept = self.file.set_len(0).and_then(|()| self.file.rewind());
        if text.location.len() <= LONGEST && kept.is_ok() {
            // Half a note reads as none.
            let _ = self.file.write_all(&lacre_json::to_vec(&text));
        }
    }

    /// The upload is over.
    pub(super) fn remove(self) {
        // A note that stays leads to a session that is gone, and is of no more consequence than that.
        let _ = fs::remove_file(&self.path);
    }
}

/// Where the note of an upload is kept.
fn path(folder: &Path, place: &str, digest: &Sha256Digest) -> PathBuf {
    let name = Sha256Digest::of(format!("{place}@sha256:{digest}").as_bytes());
    folder.join(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_outlives_its_writer_and_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("uploads");
        let digest = Sha256Digest::of(b"x");
        let open = |place: &str| Note::open(&folder, place, &digest);
        let url = Url::parse("http://a.test/v2/m/blobs/uploads/1?_state=abc").unwrap();
        let mut note = open("a.test/m").unwrap();
        assert_eq!(note.location(), None);
        note.write(
            &Url::parse("http://a.test/much/longer/than/the/next/one?with=a&query=that-is-long").unwrap(),
        );
        note.write(&url);
        assert!(open("a.test/m").is_none(), "it is locked");
        assert!(open("b.test/m").is_some(), "another place is another upload");
        drop(note);
        let mut again = open("a.test/m").unwrap();
        assert_eq!(again.location(), Some(url));
        assert!(Note::left_behind(&folder, "a.test/m", &digest).is_none(), "somebody is at work on it");
        again.remove();
        assert!(Note::left_behind(&folder, "a.test/m", &digest).is_none(), "there is none");
        assert_eq!(open("a.test/m").unwrap().location(), None);
        assert!(Note::left_behind(&folder, "a.test/m", &digest).is_some());
    }

    #[test]
    fn what_is_no_note_is_no_note() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Sha256Digest::of(b"x");
        for text in
            ["", "{", "{\"location\":\"x\",\"version\":1}", "{\"location\":\"http://a.test/\",\"version\":2}"]
        {
            let note = Note::open(folder.path(), "a", &digest).unwrap();
            fs::write(&note.path, text).unwrap();
            drop(note);
            assert_eq!(Note::open(folder.path(), "a", &digest).unwrap().location(), None, "{text}");
        }
        let path = Note::open(folder.path(), "a", &digest).unwrap().path;
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(Note::open(folder.path(), "a", &digest).is_none(), "links are not followed");
    }
}

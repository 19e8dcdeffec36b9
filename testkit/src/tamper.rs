//! What can happen to files after they were signed. Every function panics if it did not do what it says.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Changes one bit of the byte at `offset`, in place; the file keeps its size and its inode.
pub fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

/// Takes the last `bytes` bytes away.
pub fn truncate(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length.checked_sub(bytes).expect("a file at least as long")).unwrap();
}

/// Adds `bytes` to the end.
pub fn grow(path: &Path, bytes: &[u8]) {
    assert!(!bytes.is_empty());
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Writes other content into the same inode, without changing its size: what a holder of an open descriptor or a mapping
/// sees, too.
pub fn overwrite(path: &Path, byte: u8) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    assert!(content.iter().any(|old| *old != byte));
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&vec![byte; content.len()]).unwrap();
}

/// Puts another file in the place of this one: same name, new inode.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

/// Removes a file.
pub fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// Gives a file another name; nothing may have that name yet.
pub fn rename(from: &Path, to: &Path) {
    assert!(fs::symlink_metadata(to).is_err(), "{} is there already", to.display());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::rename(from, to).unwrap();
}

/// Lets two files change their names.
pub fn swap(one: &Path, two: &Path) {
    let between = one.with_extension("between");
    rename(one, &between);
    fs::rename(two, one).unwrap();
    fs::rename(between, two).unwrap();
}

/// Adds a file that nobody signed, with the folders above it.
pub fn plant(path: &Path, content: impl AsRef<[u8]>) {
    assert!(fs::symlink_metadata(path).is_err(), "{} is there already", path.display());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Moves a file (or a folder) to `target` and leaves a symbolic link to it: the content that a reader who follows links
/// finds is unchanged.
pub fn link_away(path: &Path, target: &Path) {
    rename(path, target);
    symlink(target, path).unwrap();
}

/// Puts a symbolic link in the place of a file.
pub fn replace_by_link(path: &Path, target: impl AsRef<Path>) {
    remove(path);
    symlink(target, path).unwrap();
}

/// Puts an empty folder in the place of a file.
pub fn replace_by_folder(path: &Path) {
    remove(path);
    fs::create_dir(path).unwrap();
}

/// Puts a named pipe in the place of a file: whoever opens it carelessly waits forever.
pub fn replace_by_fifo(path: &Path) {
    remove(path);
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    use super::*;
    use crate::ModelDir;

    fn model() -> ModelDir {
        ModelDir::new().file("a", "aaaa").file("b", "bbbbbb")
    }

    #[test]
    fn content() {
        let model = model();
        let a = model.entry("a");
        flip(&a, 2);
        assert_eq!(model.read("a"), b"aa`a");
        truncate(&a, 1);
        assert_eq!(model.read("a"), b"aa`");
        grow(&a, b"+");
        assert_eq!(model.read("a"), b"aa`+");
        let inode = fs::metadata(&a).unwrap().ino();
        overwrite(&a, b'z');
        assert_eq!(model.read("a"), b"zzzz");
        assert_eq!(fs::metadata(&a).unwrap().ino(), inode);
        replace(&a, "new");
        assert_eq!(model.read("a"), b"new");
    }

    #[test]
    fn names() {
        let model = model();
        swap(&model.entry("a"), &model.entry("b"));
        assert_eq!((model.read("a"), model.read("b")), (b"bbbbbb".to_vec(), b"aaaa".to_vec()));
        rename(&model.entry("a"), &model.entry("c/d"));
        plant(&model.entry("e/f"), "");
        assert_eq!(model.names(), ["b", "c/d", "e/f"]);
        remove(&model.entry("b"));
        assert_eq!(model.names(), ["c/d", "e/f"]);
    }

    #[test]
    fn kinds() {
        let model = model().file("c", "").file("d/e", "e");
        replace_by_fifo(&model.entry("a"));
        replace_by_folder(&model.entry("b"));
        replace_by_link(&model.entry("c"), "d/e");
        link_away(&model.entry("d"), &model.beside("away"));
        let kind = |name| fs::symlink_metadata(model.entry(name)).unwrap().file_type();
        assert!(
            kind("a").is_fifo() && kind("b").is_dir() && kind("c").is_symlink() && kind("d").is_symlink()
        );
        assert_eq!(model.read("d/e"), b"e");
    }
}

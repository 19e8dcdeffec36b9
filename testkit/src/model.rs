//! Model folders in a temporary place.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{SafetensorsFile, noise};

/// A model folder that is removed when the value is dropped.
///
/// The folder is called `model` and lies alone in a folder of its own, [`ModelDir::beside`], where a test may put keys,
/// stores and signatures without touching the model.
#[derive(Debug)]
pub struct ModelDir {
    place: TempDir,
}

impl ModelDir {
    /// An empty folder.
    pub fn new() -> Self {
        let model = Self { place: TempDir::new().unwrap() };
        fs::create_dir(model.path()).unwrap();
        model
    }

    /// A small model that has a bit of everything: weights, nested folders, names that are not ASCII, an empty file, a
    /// file whose name sorts differently by component and by code point (`x/y` beside `x.json`).
    ///
    /// The tensors of `model.safetensors` are those of [`SafetensorsFile::sample`].
    pub fn sample() -> Self {
        Self::new()
            .file("model.safetensors", SafetensorsFile::sample().build())
            .file("config.json", "{\"hidden_size\": 4}\n")
            .file("tokenizer/vocab.txt", "a\nb\nc\n")
            .file("tokenizer/größe/日本語.txt", "naïve\n")
            .file("empty.bin", "")
            .file("x/y", "below x\n")
            .file("x.json", "{}\n")
            .file("blob.bin", noise(42, 100_000))
    }

    /// `count` files of `size` bytes each, a hundred to a folder: `d000/f00000.bin`, …, each with content of its own.
    pub fn many(count: u64, size: usize) -> Self {
        let model = Self::new();
        for number in 0..count {
            model.put(&format!("d{:03}/f{number:05}.bin", number / 100), noise(number, size));
        }
        model
    }

    /// Adds a file, with the folders above it; replaces one that is there.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.put(name, content);
        self
    }

    /// [`ModelDir::file`] on a model that is in use.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.entry(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The model folder.
    pub fn path(&self) -> PathBuf {
        self.place.path().join("model")
    }

    /// A file of the model.
    pub fn entry(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The content of a file of the model.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.entry(name)).unwrap()
    }

    /// A path in the folder that the model lies in.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The names of all files, relative to the model, with `/`, in code-point order. Whatever is no folder counts.
    pub fn names(&self) -> Vec<String> {
        names_below(&self.path())
    }
}

impl Default for ModelDir {
    fn default() -> Self {
        Self::new()
    }
}

fn names_below(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                names.push(entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_holds_what_was_put_into_it() {
        let model = ModelDir::new().file("b/c", "one").file("a", "two").file("b/c", "three");
        assert_eq!(model.names(), ["a", "b/c"]);
        assert_eq!(model.read("b/c"), b"three");
        assert_eq!(fs::read_dir(model.beside("")).unwrap().count(), 1, "the model lies alone");
    }

    #[test]
    fn many_files_are_all_different() {
        let model = ModelDir::many(250, 16);
        let mut contents: Vec<_> = model.names().iter().map(|name| model.read(name)).collect();
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), 250);
    }

    #[test]
    fn the_folder_goes_with_the_value() {
        let path = ModelDir::sample().path();
        assert!(!path.exists());
    }
}

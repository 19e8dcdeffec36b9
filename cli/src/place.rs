//! What a word of the command line names: a folder, a file, a reference into a store.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lacre_attest::{Gauge, Limits};
use lacre_registry_client::Reference;

use crate::error::CliError;
use crate::text;

/// What a word names.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// A folder.
    Folder(PathBuf),
    /// An artifact in a store.
    Reference(Reference),
    /// `-`.
    Stdin,
}

impl Place {
    /// Looks what `word` names. A file whose name starts with `oci:` can be given as `./oci:…`. What exists is never
    /// taken for the name of a registry: `v1.0/model` may be a folder.
    pub(crate) fn parse(word: &OsStr) -> Result<Self, CliError> {
        if word == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(reference) = Self::reference(word)? {
            return Ok(Self::Reference(reference));
        }
        let path = PathBuf::from(word);
        let found = fs::metadata(&path).map_err(|source| CliError::read(&path, source))?;
        Ok(if found.is_dir() { Self::Folder(path) } else { Self::File(path) })
    }

    /// The reference that `word` is, if it is one.
    pub(crate) fn reference(word: &OsStr) -> Result<Option<Reference>, CliError> {
        match word.to_str() {
            Some(text)
                if Reference::is_reference(text)
                    && (text.starts_with("oci:") || fs::symlink_metadata(text).is_err()) =>
            {
                Ok(Some(Reference::parse(text)?))
            }
            _ => Ok(None),
        }
    }
}

/// The repository of a reference, without tag and digest: versions that come from there belong together.
pub(crate) fn repository(reference: &Reference) -> String {
    match reference {
        Reference::Layout { dir, .. } => {
            let dir = dir.canonicalize().unwrap_or_else(|_| dir.clone());
            format!("oci:{}", dir.display())
        }
        Reference::Remote { registry, repository, .. } => format!("{registry}/{repository}"),
        _ => reference.to_string(),
    }
}

/// Where the signature of a model is when nobody says otherwise: `MODEL/model.sig`, or `FILE.sig` for a file.
pub(crate) fn default_signature(model: &Path) -> PathBuf {
    if model.is_dir() {
        return model.join("model.sig");
    }
    let mut file = OsString::from(model);
    file.push(".sig");
    file.into()
}

/// Reads the signature of `model`: from `named` if given (`-` is stdin), else from its usual place.
pub(crate) fn read_signature(
    model: &Path,
    named: Option<&Path>,
    limits: &Limits,
) -> Result<Vec<u8>, CliError> {
    if let Some(path) = named {
        return read_bundle(path, limits).map_err(|error| match error {
            CliError::NotFound { path } => {
                CliError::NoSignature { path: text::path(model), looked_for: path }
            }
            other => other,
        });
    }
    let path = default_signature(model);
    match fs::symlink_metadata(&path) {
        // It lies among what is not trusted yet: a FIFO there would hang us, a link would lead us elsewhere.
        Ok(found) if !found.is_file() => Err(CliError::InputType {
            path: text::path(&path),
            found: "a folder, link or device",
            wanted: "a signature file",
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(CliError::NoSignature { path: text::path(model), looked_for: text::path(&path) })
        }
        _ => read_bundle(&path, limits),
    }
}

/// Reads a bundle of at most the size that `limits` allow; `-` is stdin.
pub(crate) fn read_bundle(path: &Path, limits: &Limits) -> Result<Vec<u8>, CliError> {
    if path == Path::new("-") {
        return read_to_limit(io::stdin().lock(), path, limits);
    }
    read_opened(File::open(path).map_err(|source| CliError::read(path, source))?, path, limits)
}

/// Reads a bundle that is open.
pub(crate) fn read_opened(file: File, path: &Path, limits: &Limits) -> Result<Vec<u8>, CliError> {
    let limit = u64::try_from(limits.bundle()).unwrap_or(u64::MAX);
    // What is said to be too long is not read; a pipe says nothing.
    if file.metadata().is_ok_and(|metadata| metadata.len() > limit) {
        return Err(CliError::TooLarge { path: text::path(path), limit });
    }
    read_to_limit(file, path, limits)
}

fn read_to_limit(source: impl Read, path: &Path, limits: &Limits) -> Result<Vec<u8>, CliError> {
    const PIECE: usize = 64 * 1024;
    let limit = u64::try_from(limits.bundle()).unwrap_or(u64::MAX);
    let mut source = source.take(limit.saturating_add(1));
    let mut gauge = Gauge::new(limits);
    let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE]);
    loop {
        let read = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(CliError::read(path, source)),
        };
        // What no bundle is like is given up at its beginning.
        gauge.feed(&piece[..read])?;
        bytes.extend_from_slice(&piece[..read]);
    }
    if bytes.len() as u64 > limit {
        return Err(CliError::TooLarge { path: text::path(path), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_what_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        fs::write(&file, "x").unwrap();
        let parse = |word: &Path| Place::parse(word.as_os_str());
        assert!(matches!(parse(folder.path()), Ok(Place::Folder(_))));
        assert!(matches!(parse(&file), Ok(Place::File(_))));
        assert!(matches!(parse(Path::new("-")), Ok(Place::Stdin)));
        assert!(matches!(parse(Path::new("oci:store:v1")), Ok(Place::Reference(_))));
        assert!(matches!(parse(Path::new("registry.test/org/m:v1")), Ok(Place::Reference(_))));
        assert_eq!(parse(Path::new("oci:")).unwrap_err().code(), "E-REFERENCE");
        // The tests run in the folder of their crate.
        assert!(matches!(parse(Path::new("../cli")), Ok(Place::Folder(_))));
        assert_eq!(parse(&folder.path().join("no")).unwrap_err().code(), "E-NOT-FOUND");
    }

    #[test]
    fn a_missing_signature_is_told_from_one_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let read = || read_signature(folder.path(), None, &Limits::default());
        assert_eq!(read().unwrap_err().code(), "E-NO-SIGNATURE");
        fs::create_dir(folder.path().join("model.sig")).unwrap();
        assert_eq!(read().unwrap_err().code(), "E-INPUT-TYPE");
        let named = folder.path().join("elsewhere.sig");
        let error = read_signature(folder.path(), Some(&named), &Limits::default()).unwrap_err();
        assert_eq!(error.code(), "E-NO-SIGNATURE");
    }
}

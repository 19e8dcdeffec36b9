//! Which Sigstore counts, and where that is known from: what the last `lacre trust update` left, or what is built in.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lacre_attest::Limits;
use lacre_sign::{SignError, SigstoreTrust};
use lacre_verify::{TrustedRoot, VerifyError};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::text;

/// The longest file, in bytes.
const FILE_LIMIT: u64 = 16 << 20;
/// The mode of a file that only its owner writes to.
const OTHERS_WRITE: u32 = 0o022;

/// What counts, and its file if it came from one.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) trust: SigstoreTrust,
    pub(crate) file: Option<PathBuf>,
}

impl Known {
    /// For people.
    pub(crate) fn words(&self) -> String {
        let day = text::time(self.trust.as_of());
        match self.trust.repository() {
            Some(repository) => format!("{repository}, as of {day}"),
            None => format!("built in, as of {day}"),
        }
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        json!({
            "as_of": text::time(self.trust.as_of()),
            "file": self.file.as_deref().map(text::path),
            "repository": self.trust.repository(),
            "source": if self.trust.repository().is_some() { "update" } else { "built-in" },
        })
    }
}

/// The trust in the public Sigstore: what was updated, if that is there and newer than what is built in. What is there and
/// cannot be read is an error: an attacker must not choose the older one by breaking the newer one.
pub(crate) fn public_good() -> Result<Known, CliError> {
    let built_in = Known { trust: SigstoreTrust::built_in(), file: None };
    let Some(path) = place() else { return Ok(built_in) };
    match read_own(&path)? {
        Some(trust) if trust.as_of() > built_in.trust.as_of() => Ok(Known { trust, file: Some(path) }),
        _ => Ok(built_in),
    }
}

/// Its keys, for a file that names it: what was updated, or is built in.
pub(crate) fn public_good_root() -> Result<TrustedRoot, VerifyError> {
    let known = public_good().map_err(|error| VerifyError::TrustRoot { detail: error.to_string() })?;
    TrustedRoot::from_json(known.trust.trusted_root().as_bytes(), &Limits::default())
}

/// Where the trust in the public Sigstore is kept: `$XDG_DATA_HOME/lacre/trust/public-good.json`, else below
/// `~/.local/share` (XDG Base Directory Specification 0.8). Nothing where there is no home.
pub(crate) fn place() -> Option<PathBuf> {
    of(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))
}

fn of(data: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute(data).or_else(|| Some(absolute(home)?.join(".local/share")))?;
    Some(data.join("lacre/trust/public-good.json"))
}

/// Reads the file of the user's own, if there is one.
///
/// It is trusted like a key, so that it must be a regular file of this user or of root which nobody else can write to.
pub(crate) fn read_own(path: &Path) -> Result<Option<SigstoreTrust>, CliError> {
    let unusable = |detail: &str| {
        let detail = format!("in {} {detail}", text::path(path));
        CliError::Sign(SignError::TrustConfig { detail })
    };
    let Some((bytes, metadata)) = read(path)? else { return Ok(None) };
    let own = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    if !own || metadata.mode() & OTHERS_WRITE != 0 {
        return Err(unusable("can be written to by others than you: it is not used"));
    }
    parse(path, &bytes).map(Some)
}

/// Reads a file that the command line names, if there is one.
pub(crate) fn read_named(path: &Path) -> Result<Option<SigstoreTrust>, CliError> {
    read(path)?.map(|(bytes, _)| parse(path, &bytes)).transpose()
}

fn parse(path: &Path, bytes: &[u8]) -> Result<SigstoreTrust, CliError> {
    SigstoreTrust::from_json(bytes).map_err(|error| match error {
        SignError::TrustConfig { detail } => {
            CliError::Sign(SignError::TrustConfig { detail: format!("in {} {detail}", text::path(path)) })
        }
        other => other.into(),
    })
}

fn read(path: &Path) -> Result<Option<(Vec<u8>, std::fs::Metadata)>, CliError> {
    let failed = |source| CliError::read(path, source);
    // What is no file must not make this wait.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(failed) {
        Err(CliError::NotFound { .. }) => return Ok(None),
        opened => opened?,
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let (path, found) = (text::path(path), "no regular file");
        return Err(CliError::InputType { path, found, wanted: "a file of `lacre trust update`" });
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(CliError::TooLarge { path: text::path(path), limit: FILE_LIMIT });
    }
    Ok(Some((bytes, metadata)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_read_as_specified() {
        let place = |data: Option<&str>, home: Option<&str>| {
            of(data.map(OsString::from), home.map(OsString::from))
                .map(|path| path.to_str().unwrap().to_owned())
        };
        let end = "lacre/trust/public-good.json";
        assert_eq!(place(Some("/d"), Some("/h")), Some(format!("/d/{end}")));
        assert_eq!(place(Some("d"), Some("/h")), Some(format!("/h/.local/share/{end}")));
        assert_eq!(place(Some(""), None), None);
        assert_eq!(place(None, Some("h")), None);
    }
}

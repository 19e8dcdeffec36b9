//! Trust as people write it down: a TOML file.
//!
//! ```toml
//! version = 1
//! signers = 2                               # distinct signers that are wanted; 1 if it is not said
//!
//! [[key]]
//! public-key = "release.pub"                # a path, relative to this file, or the PEM text itself
//! valid-from = 2026-01-01T00:00:00Z         # an offset is wanted: a local time means another moment elsewhere
//! valid-until = 2027-01-01T00:00:00Z
//! status = "active"                         # or "retired", or "revoked"
//! ```

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lacre_attest::PublicKey;
use lacre_manifest::{escape, escape_os};
use serde::Deserialize;
use toml::value::Datetime;

use crate::VerifyError;
use crate::trust::{KeyStatus, Trust, TrustedKey};

/// The longest trust file, and the longest key file that it names, in bytes.
const FILE_LIMIT: u64 = 1 << 20;
/// The one version that is read.
const VERSION: u32 = 1;

impl Trust {
    /// Reads a trust file. What it does not know, it refuses: a misspelled `status` must not leave a key active.
    ///
    /// # Errors
    /// `E-TRUST-FILE` with the line, for everything that is wrong in it; `E-NOT-FOUND` and `E-UNREADABLE` for the file
    /// itself; `E-KEY` for a key file that it names; `E-USAGE` when it trusts nobody, or one key on two sets of terms.
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let text = read_text(path)?;
        Self::parse(&text, path)
    }

    /// The same for a text that stands, or would stand, at `path`: files are looked for from there.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, VerifyError> {
        let shown = escape_os(path.as_os_str());
        let refused = |place: Option<usize>, detail: String| VerifyError::TrustFile {
            path: shown.clone(),
            line: place.map(|at| text.get(..at).unwrap_or_default().matches('\n').count() + 1),
            detail,
        };
        let wire: WireTrust = toml::from_str(text)
            .map_err(|error| refused(error.span().map(|span| span.start), escape(error.message())))?;
        if wire.version != VERSION {
            return Err(refused(None, format!("version {} is not {VERSION}, which is read", wire.version)));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut keys = Vec::new();
        for key in wire.key {
            let at = key.public_key.span().start;
            let moment = |time: Option<Datetime>, name: &str| {
                let said = time.map(|time| {
                    system_time(&time).ok_or_else(|| {
                        refused(Some(at), format!("{name} wants a date, a time and an offset"))
                    })
                });
                said.transpose()
            };
            let (from, until) =
                (moment(key.valid_from, "valid-from")?, moment(key.valid_until, "valid-until")?);
            if from.zip(until).is_some_and(|(from, until)| from > until) {
                return Err(refused(Some(at), "the key is valid until before it is valid from".to_owned()));
            }
            let public = public_key(key.public_key.get_ref(), folder, &|detail| refused(Some(at), detail))?;
            let mut trusted = TrustedKey::new(public).status(key.status.into());
            if let Some(from) = from {
                trusted = trusted.valid_from(from);
            }
            if let Some(until) = until {
                trusted = trusted.valid_until(until);
            }
            keys.push(trusted);
        }
        Ok(Self::keys(keys)?.signers(wire.signers))
    }
}

fn read_text(path: &Path) -> Result<String, VerifyError> {
    let unreadable = |source| VerifyError::TrustUnreadable { path: escape_os(path.as_os_str()), source };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_LIMIT + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_LIMIT {
        let detail = format!("more than {FILE_LIMIT} bytes");
        return Err(VerifyError::TrustFile { path: escape_os(path.as_os_str()), line: None, detail });
    }
    Ok(text)
}

fn public_key(
    text: &str,
    folder: &Path,
    refused: &dyn Fn(String) -> VerifyError,
) -> Result<PublicKey, VerifyError> {
    if text.contains("-----BEGIN") {
        return PublicKey::from_pem(text).map_err(|error| refused(error.to_string()));
    }
    let pem = read_text(&folder.join(text))?;
    PublicKey::from_pem(&pem).map_err(|error| refused(format!("{}: {error}", escape(text))))
}

/// The moment, if the text says which one it is everywhere.
fn system_time(time: &Datetime) -> Option<SystemTime> {
    time.offset?;
    let moment: jiff::Timestamp = time.to_string().parse().ok()?;
    let seconds = moment.as_second();
    let whole = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireTrust {
    version: u32,
    #[serde(default = "one")]
    signers: NonZeroUsize,
    #[serde(default)]
    key: Vec<WireKey>,
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireKey {
    public_key: toml::Spanned<String>,
    valid_from: Option<Datetime>,
    valid_until: Option<Datetime>,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireStatus {
    #[default]
    Active,
    Retired,
    Revoked,
}

impl From<WireStatus> for KeyStatus {
    fn from(status: WireStatus) -> Self {
        match status {
            WireStatus::Active => Self::Active,
            WireStatus::Retired => Self::Retired,
            WireStatus::Revoked => Self::Revoked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        lacre_testkit::Sealed::sample().public_key().to_pem().to_owned()
    }

    fn read(text: &str) -> Result<Trust, VerifyError> {
        Trust::parse(text, Path::new("/nowhere/trust.toml"))
    }

    fn with(key: &str) -> String {
        format!("version = 1\n\n[[key]]\npublic-key = \"\"\"\n{}\"\"\"\n{key}\n", pem())
    }

    #[test]
    fn reads_every_part() {
        let text = with(
            "valid-from = 2026-01-01T00:00:00Z\nvalid-until = 2026-06-01T02:00:00+02:00\nstatus = \"retired\"",
        );
        let trust = read(&text.replace("version = 1", "version = 1\nsigners = 3")).unwrap();
        assert_eq!(trust.wanted_signers().get(), 3);
        // `date -u -d 2026-01-01T00:00:00Z +%s` and `date -u -d 2026-06-01T00:00:00Z +%s`.
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let key = PublicKey::from_pem(&pem_of(&trust)).unwrap();
        let wanted = TrustedKey::new(key).status(KeyStatus::Retired);
        assert_eq!(
            trust.trusted_keys(),
            [wanted.valid_from(at(1_767_225_600)).valid_until(at(1_780_272_000))]
        );
        assert_eq!(read(&with("")).unwrap().wanted_signers().get(), 1);
    }

    fn pem_of(trust: &Trust) -> String {
        trust.trusted_keys()[0].key().to_pem().to_owned()
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        for (text, line) in [
            (with("status = \"retierd\""), 10),
            (with("statuss = \"retired\""), 10),
            (with("valid-until = 2026-01-01"), 4),
            (with("valid-until = 2026-01-01T00:00:00"), 4),
            (with("valid-from = 2026-01-02T00:00:00Z\nvalid-until = 2026-01-01T00:00:00Z"), 4),
            ("version = 1\nsigners = 0\n".to_owned(), 2),
            ("version = 1\nkeys = []\n".to_owned(), 2),
            ("version = 1\n[[key]]\npublic-key = \"-----BEGIN PUBLIC KEY-----\"".to_owned(), 3),
            ("version = 1\n[[key]]\nstatus = \"active\"\n".to_owned(), 2),
            ("version = 1\nversion = 1\n".to_owned(), 2),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!(error.code(), "E-TRUST-FILE", "{text}");
            assert!(error.to_string().contains(&format!("line {line}")), "{error}\n{text}");
        }
        assert_eq!(read("version = 2").unwrap_err().code(), "E-TRUST-FILE");
        assert_eq!(read("").unwrap_err().code(), "E-TRUST-FILE");
        assert_eq!(read("version = 1").unwrap_err().code(), "E-USAGE", "it trusts nobody");
    }

    #[test]
    fn keys_are_looked_for_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::write(folder.path().join("keys/release.pub"), pem()).unwrap();
        let path = folder.path().join("trust.toml");
        let write = |key: &str| {
            std::fs::write(&path, format!("version = 1\n[[key]]\npublic-key = \"{key}\"\n")).unwrap();
            Trust::read(&path)
        };
        assert!(write("keys/release.pub").is_ok());
        assert_eq!(write("release.pub").unwrap_err().code(), "E-NOT-FOUND");
        assert_eq!(write("trust.toml").unwrap_err().code(), "E-TRUST-FILE");
        std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
        assert_eq!(Trust::read(&path).unwrap_err().code(), "E-TRUST-FILE");
        assert_eq!(Trust::read(&folder.path().join("no.toml")).unwrap_err().code(), "E-NOT-FOUND");
    }
}

//! Trust as people write it down: a TOML file.
//!
//! ```toml
//! version = 1
//! signers = 2                               # distinct signers that are wanted, over all kinds; 1 if it is not said
//! trusted-root = "sigstore.json"            # whose logs and timestamps are believed about keys; or "public-good"
//!
//! [[key]]
//! public-key = "release.pub"                # a path from this file, or the PEM text itself
//! valid-from = 2026-01-01T00:00:00Z         # an offset is wanted: a local time means another moment elsewhere
//! valid-until = 2027-01-01T00:00:00Z
//! status = "active"                         # or "retired", or "revoked"
//!
//! [[authority]]
//! anchors = ["root.pem"]                    # a path or PEM text, or a list of them; as everywhere below
//! san = "https://example.com/release"       # and, or: subject = "CN=Release,O=Example", spki = "hex of SHA-256"
//! crls = ["issuing.crl"]                    # with any, every certificate needs a current one
//!
//! [[keyless]]
//! issuer = "https://accounts.example.com"
//! identity = "release@example.com"          # and, or: identity-regex = ".*@example[.]com", which must match it all
//! ci = { repository = "https://github.com/org/repo" }
//! trusted-root = "sigstore.json"            # else the one above, else the public good one
//!
//! [[timestamp-authority]]
//! chain = "tsa.pem"
//! ```
//!
//! `any-identity-danger = true` stands in the place of the identities of an authority or issuer, and beside none.

#[cfg(feature = "x509")]
mod certified;
#[cfg(not(feature = "x509"))]
#[path = "certified_unknown.rs"]
mod certified;
#[cfg(feature = "sigstore")]
mod keyless;
#[cfg(not(feature = "sigstore"))]
#[path = "keyless_unknown.rs"]
mod keyless;
pub(crate) mod signers;
mod source;
mod wire;

use std::path::Path;

use lacre_manifest::{escape, escape_os};
use serde::Deserialize as _;
use toml::de::{DeTable, Deserializer, ValueDeserializer};

pub(crate) use self::signers::system_time;
pub(crate) use self::source::{FILE_LIMIT, Source, read_limited};
pub(crate) use self::wire::Stanzas;
use crate::VerifyError;
use crate::trust::Trust;

/// The one version that is read.
const VERSION: u32 = 1;

impl Trust {
    /// Reads a trust file. What it does not know, it refuses: a misspelled `status` must not leave a key active. So is
    /// what is there in part: an authority or an issuer without anybody to expect, an empty list, an empty text.
    ///
    /// # Errors
    /// `E-TRUST-FILE` with the line, for everything that is wrong in it or in what it names; `E-NOT-FOUND` and
    /// `E-UNREADABLE` for the file itself, and for those that it names; `E-USAGE` when it trusts nobody, or one key on
    /// two sets of terms.
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let text = read_file(path)?;
        Self::parse(&text, path)
    }

    /// The same, with another root of the public Sigstore than the embedded one: `public_good` is asked where the file
    /// needs it.
    ///
    /// # Errors
    /// As [`Trust::read`], and what `public_good` fails with.
    #[cfg(feature = "sigstore")]
    pub fn read_with(
        path: &Path,
        public_good: &dyn Fn() -> Result<crate::TrustedRoot, VerifyError>,
    ) -> Result<Self, VerifyError> {
        let text = read_file(path)?;
        Self::parse_from(&Source::new(&text, path).with_public_good(public_good))
    }

    /// The same for a text that stands, or would stand, at `path`: files are looked for from there.
    ///
    /// # Errors
    /// As [`Trust::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, VerifyError> {
        Self::parse_from(&Source::new(text, path))
    }

    fn parse_from(source: &Source<'_>) -> Result<Self, VerifyError> {
        let text = source.text();
        let refused = |error: &toml::de::Error| {
            source.refused(error.span().map(|span| span.start), escape(error.message()))
        };
        let mut table = DeTable::parse(text).map_err(|error| refused(&error))?;
        let version = table.get_mut().remove("version");
        let version = version.ok_or_else(|| source.refused(None, "it does not say its version"))?;
        let at = version.span().start;
        let number = u32::deserialize(ValueDeserializer::from(version)).ok();
        if number != Some(VERSION) {
            return Err(source.refused(Some(at), format!("it is not of version {VERSION}, which is read")));
        }
        let stanzas = Stanzas::deserialize(Deserializer::from(table)).map_err(|error| refused(&error))?;
        let trust = signers::trust(stanzas, source)?;
        if trust.is_nobody() { Err(VerifyError::NoTrust) } else { Ok(trust) }
    }
}

fn read_file(path: &Path) -> Result<String, VerifyError> {
    let bytes = read_limited(path, FILE_LIMIT)?;
    let refused =
        |detail: String| VerifyError::TrustFile { path: escape_os(path.as_os_str()), line: None, detail };
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(refused(format!("more than {FILE_LIMIT} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| refused("it is not a text".to_owned()))
}

#[cfg(test)]
mod tests;

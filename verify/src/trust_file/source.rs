//! What a trust file names: files beside it, or texts in it.

use std::cell::Cell;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use lacre_manifest::{escape, escape_os};

use crate::VerifyError;
use crate::policy::{PolicyFault, Spot};

/// The longest trust file, in bytes.
pub(crate) const FILE_LIMIT: u64 = 1 << 20;
/// All files that one trust file names together, in bytes: revocation lists of large authorities have megabytes.
const TOTAL_LIMIT: u64 = 64 << 20;

/// A trust file that is being read: where it lies, and what may still be read for it.
pub(crate) struct Source<'a> {
    text: &'a str,
    shown: String,
    /// From where files are looked for; none where the text stands alone.
    folder: Option<&'a Path>,
    left: Cell<u64>,
    kind: Kind,
    #[cfg(feature = "sigstore")]
    public_good: &'a dyn Fn() -> Result<crate::TrustedRoot, VerifyError>,
}

/// What the text is, for refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Policy,
    Trust,
}

impl<'a> Source<'a> {
    /// The same for a policy: whatever is wrong in it is `E-POLICY-FILE`.
    pub(crate) fn of_policy(text: &'a str, path: &'a Path) -> Self {
        Self { kind: Kind::Policy, ..Self::new(text, path) }
    }

    /// For a text that stands, or would stand, at `path`: files are looked for from there.
    pub(super) fn new(text: &'a str, path: &'a Path) -> Self {
        Self {
            text,
            shown: escape_os(path.as_os_str()),
            folder: Some(path.parent().unwrap_or(Path::new("."))),
            left: Cell::new(TOTAL_LIMIT),
            kind: Kind::Trust,
            #[cfg(feature = "sigstore")]
            public_good: &crate::TrustedRoot::public_good,
        }
    }

    /// The same for a policy that names no files: nobody proved what lies at a path here.
    #[cfg(feature = "sigstore")]
    pub(crate) fn of_carried_policy(text: &'a str, name: &'a str) -> Self {
        Self { folder: None, ..Self::of_policy(text, Path::new(name)) }
    }

    /// With another root of the public Sigstore than the embedded one.
    #[cfg(feature = "sigstore")]
    pub(crate) fn with_public_good(
        mut self,
        public_good: &'a dyn Fn() -> Result<crate::TrustedRoot, VerifyError>,
    ) -> Self {
        self.public_good = public_good;
        self
    }

    /// The root of the public Sigstore.
    #[cfg(feature = "sigstore")]
    pub(super) fn public_good(&self) -> Result<crate::TrustedRoot, VerifyError> {
        (self.public_good)()
    }

    /// The text of the trust file.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// A refusal, with the line of the byte `at`.
    pub(super) fn refused(&self, at: Option<usize>, detail: impl Into<String>) -> VerifyError {
        if self.kind == Kind::Policy {
            return self.refused_span(at.map(|at| at..at), detail.into());
        }
        VerifyError::TrustFile {
            path: self.shown.clone(),
            line: at.map(|at| self.text.get(..at).unwrap_or_default().matches('\n').count() + 1),
            detail: detail.into(),
        }
    }

    /// A refusal of a policy, with the bytes that are wrong.
    pub(crate) fn refused_span(&self, at: Option<Range<usize>>, detail: String) -> VerifyError {
        let spot = at.map(|at| Spot::new(self.text, at));
        PolicyFault { path: self.shown.clone(), detail, spot }.into()
    }

    /// The same for an error of what stands there.
    #[cfg(any(feature = "sigstore", feature = "x509"))]
    pub(super) fn because(&self, at: usize, error: &VerifyError) -> VerifyError {
        self.refused(Some(at), error.to_string())
    }

    /// A text that stands in the file itself, if it begins as one does, or that of the file which it names.
    ///
    /// # Errors
    /// `E-NOT-FOUND`, `E-UNREADABLE`; `E-TRUST-FILE` for what is too long or no text, or a file of a text that stands alone.
    pub(super) fn text_of(&self, at: usize, said: &str, inline: &str) -> Result<String, VerifyError> {
        if said.trim_start().starts_with(inline) {
            return Ok(said.to_owned());
        }
        let Some(folder) = self.folder else {
            let detail = format!("it names the file {}, and must hold the text itself", escape(said));
            return Err(self.refused(Some(at), detail));
        };
        let path = folder.join(said);
        let bytes = read_limited(&path, self.left.get())?;
        let Some(left) = self.left.get().checked_sub(bytes.len() as u64) else {
            return Err(
                self.refused(Some(at), format!("the files that it names have more than {TOTAL_LIMIT} bytes"))
            );
        };
        self.left.set(left);
        String::from_utf8(bytes)
            .map_err(|_| self.refused(Some(at), format!("{} is not a text", escape(said))))
    }
}

/// All of a file, or one byte more than `limit`.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, VerifyError> {
    let unreadable = |source| VerifyError::TrustUnreadable { path: escape_os(path.as_os_str()), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

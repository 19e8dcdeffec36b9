//! The answer "no".

use std::fmt;

use lacre_verify::VerifyError;

/// Why the answer is no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code.
    pub code: &'static str,
    /// The reason.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new("E-USAGE", detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}", self.code, self.detail)
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<Box<lacre_verify::Failure>> for Refusal {
    fn from(failure: Box<lacre_verify::Failure>) -> Self {
        failure.error.into()
    }
}

impl From<lacre_sign::SignError> for Refusal {
    fn from(error: lacre_sign::SignError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<lacre_attest::AttestError> for Refusal {
    fn from(error: lacre_attest::AttestError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<lacre_manifest::ManifestError> for Refusal {
    fn from(error: lacre_manifest::ManifestError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<lacre_release::ReleaseError> for Refusal {
    fn from(error: lacre_release::ReleaseError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

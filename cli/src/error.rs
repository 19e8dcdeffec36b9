//! Why a verb failed: an error of a crate below, or one of the command line itself.

use std::io;

use lacre_attest::AttestError;
use lacre_deliver::DeliverError;
use lacre_encrypt::EncryptError;
use lacre_manifest::ManifestError;
use lacre_publish::PublishError;
use lacre_registry_client::RegistryError;
use lacre_release::ReleaseError;
use lacre_sign::SignError;
use lacre_verify::{PolicyFault, Report, VerifyError};

/// Every code that the command line itself can end with, beside those of the crates below.
#[cfg(test)]
pub(crate) const CODES: &[&str] = &[
    "E-AGE-KEY",
    "E-BUG",
    "E-CLAIMS-DIFFER",
    "E-COMMAND",
    "E-EVENT",
    "E-EXISTS",
    "E-INPUT-TYPE",
    "E-INTERRUPTED",
    "E-KEY",
    "E-LIMIT",
    "E-NO-SIGNATURE",
    "E-NOT-FOUND",
    "E-OUTPUT",
    "E-PASSPHRASE",
    "E-POLICY-CASE",
    "E-POLICY-TEST",
    "E-UNREADABLE",
    "E-USAGE",
];

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CliError {
    #[error("{what}")]
    AgeKey { what: String, source: EncryptError },
    #[error(transparent)]
    Attest(#[from] AttestError),
    #[error("internal error: {detail}")]
    Bug { detail: String },
    #[error("{path} is about {differs}: bundles that differ never count together")]
    ClaimsDiffer { path: String, differs: String },
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    #[error("the event did not reach {to}: {detail}")]
    Event { to: String, detail: String },
    #[error("{path} exists: {why}")]
    Exists { path: String, why: &'static str },
    #[error("{path} is {found}, not {wanted}")]
    InputType { path: String, found: &'static str, wanted: &'static str },
    #[error("interrupted")]
    Interrupted,
    #[error("{path} is not a usable key")]
    Key { path: String, source: AttestError },
    #[error("{path} holds a certificate, not a public key")]
    KeyIsCertificate { path: String },
    #[error("{path} holds a private key: give the public one")]
    KeyIsPrivate { path: String },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{path} has no signature: {looked_for} does not exist")]
    NoSignature { path: String, looked_for: String },
    #[error("{path} does not exist")]
    NotFound { path: String },
    #[error("cannot start {program}")]
    NotStarted { program: String, source: io::Error },
    #[error("cannot write {path}")]
    Output { path: String, source: io::Error },
    #[error("{message}")]
    Passphrase { message: String, source: Option<io::Error> },
    #[error("the two passphrases differ")]
    PassphraseSlip,
    /// A policy that does not come, or is not to be had any more.
    #[error("the policy {name} cannot be used: {source}")]
    Policy { name: String, source: Box<CliError> },
    #[error("{path}: {detail}")]
    PolicyCase { path: String, detail: String },
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A policy's refusal.
    #[error("{0}")]
    Refused(Box<lacre_verify::Refused>),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A failure whose JSON stands on stdout already: what is left to say is for people.
    #[error(transparent)]
    Told(Box<CliError>),
    #[error("{path} is larger than {limit} bytes")]
    TooLarge { path: String, limit: u64 },
    #[error("cannot read {path}")]
    Unreadable { path: String, source: io::Error },
    #[error("{message}")]
    Usage { message: String, tip: Option<String> },
    #[error(transparent)]
    Trust(VerifyError),
    #[error(transparent)]
    Verify(#[from] Box<lacre_verify::Failure>),
}

impl CliError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::AgeKey { source, .. } => source.code(),
            Self::Attest(error) => error.code(),
            Self::Bug { .. } => "E-BUG",
            Self::ClaimsDiffer { .. } => "E-CLAIMS-DIFFER",
            Self::Deliver(error) => error.code(),
            Self::Event { .. } => "E-EVENT",
            Self::Exists { .. } => "E-EXISTS",
            Self::InputType { .. } => "E-INPUT-TYPE",
            Self::Interrupted => "E-INTERRUPTED",
            Self::Key { .. } | Self::KeyIsCertificate { .. } | Self::KeyIsPrivate { .. } => "E-KEY",
            Self::Manifest(error) => error.code(),
            Self::NoSignature { .. } => "E-NO-SIGNATURE",
            Self::NotFound { .. } => "E-NOT-FOUND",
            Self::NotStarted { .. } => "E-COMMAND",
            Self::Output { .. } => "E-OUTPUT",
            Self::Passphrase { .. } | Self::PassphraseSlip => "E-PASSPHRASE",
            Self::Policy { source, .. } => source.code(),
            Self::PolicyCase { .. } => "E-POLICY-CASE",
            Self::Publish(error) => error.code(),
            Self::Refused(refused) => refused.code(),
            Self::Registry(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Told(error) => error.code(),
            Self::TooLarge { .. } => "E-LIMIT",
            Self::Unreadable { .. } => "E-UNREADABLE",
            Self::Usage { .. } => "E-USAGE",
            Self::Trust(error) => error.code(),
            Self::Verify(error) => error.code(),
        }
    }

    /// How far verification came, if it was verification that failed.
    pub(crate) fn report(&self) -> Option<&Report> {
        match self {
            Self::Deliver(DeliverError::Refused(failure)) | Self::Verify(failure) => Some(&failure.report),
            Self::Refused(refused) => Some(&refused.failure.report),
            Self::Deliver(DeliverError::BrokenOff(cause)) => match &**cause {
                DeliverError::Refused(failure) => Some(&failure.report),
                _ => None,
            },
            Self::Told(error) => error.report(),
            _ => None,
        }
    }

    /// The text that cannot be read, and the byte where it goes wrong, if that is known.
    pub(crate) fn spot(&self) -> Option<(&str, usize)> {
        match self {
            Self::Deliver(
                DeliverError::Pattern { text, position, .. }
                | DeliverError::Registry(RegistryError::Reference { text, position, .. }),
            )
            | Self::Publish(PublishError::Registry(RegistryError::Reference { text, position, .. }))
            | Self::Registry(RegistryError::Reference { text, position, .. }) => Some((text, *position)),
            Self::Told(error) => error.spot(),
            _ => None,
        }
    }

    /// Where a policy goes wrong, if that is it.
    pub(crate) fn policy_fault(&self) -> Option<&PolicyFault> {
        match self {
            Self::Trust(VerifyError::PolicyFile(fault)) => Some(fault),
            Self::Policy { source, .. } => source.policy_fault(),
            Self::Told(error) => error.policy_fault(),
            _ => None,
        }
    }

    /// A usage error without more to say.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), tip: None }
    }

    /// The same, to be told to people only.
    pub(crate) fn told(self) -> Self {
        Self::Told(Box::new(self))
    }

    /// What reading `path` failed with: whether it is missing or cannot be read.
    pub(crate) fn read(path: &std::path::Path, source: io::Error) -> Self {
        let path = crate::text::path(path);
        if source.kind() == io::ErrorKind::NotFound {
            Self::NotFound { path }
        } else {
            Self::Unreadable { path, source }
        }
    }
}

impl From<Box<lacre_verify::Refused>> for CliError {
    fn from(refused: Box<lacre_verify::Refused>) -> Self {
        Self::Refused(refused)
    }
}

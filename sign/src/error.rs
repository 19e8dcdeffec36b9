//! What can go wrong while keys are read or written and while claims are signed.

use std::io;
use std::path::{Path, PathBuf};

use lacre_attest::AttestError;
use lacre_manifest::escape_os;

use crate::SignerProblem;

/// Every code that [`SignError::code`] can return of its own; those of [`AttestError`] pass through.
pub const CODES: &[&str] = &[
    "E-BUG",
    "E-CERTIFICATE",
    "E-CERTIFICATE-EXPIRED",
    "E-DECLINED",
    "E-EXISTS",
    "E-INTERRUPTED",
    "E-KEY",
    "E-LIMIT",
    "E-METADATA-EXPIRED",
    "E-NETWORK",
    "E-NOT-FOUND",
    "E-OUTPUT",
    "E-PASSPHRASE",
    "E-PIN-LOCKED",
    "E-ROLLBACK",
    "E-SERVICE",
    "E-SIGNATURE-INVALID",
    "E-SIGNER",
    "E-SIGNER-UNTRUSTED",
    "E-TOKEN",
    "E-TRUST-CONFIG",
    "E-TRUST-METADATA",
    "E-UNREADABLE",
    "E-UNSUPPORTED",
    "E-USAGE",
];

/// Everything that this crate refuses, one variant per cause.
///
/// Messages name the file and never hold a passphrase or key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// There is no key file at the path (`E-NOT-FOUND`).
    #[error("there is no key file {}", shown(path))]
    NotFound {
        /// The path as it was given.
        path: PathBuf,
    },

    /// The key file is there and cannot be read (`E-UNREADABLE`).
    #[error("cannot read the key file {}", shown(path))]
    Unreadable {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The key file is larger than any key file may be (`E-LIMIT`).
    #[error("the key file {} is larger than {limit} bytes", shown(path))]
    TooLarge {
        /// The path as it was given.
        path: PathBuf,
        /// Largest accepted size in bytes.
        limit: usize,
    },

    /// Opening the key would cost more time or memory than is allowed (`E-LIMIT`). Nothing was derived.
    #[error("the key file {} asks for {parameter} {value}; at most {limit} is accepted", shown(path))]
    KdfLimit {
        /// The path as it was given.
        path: PathBuf,
        /// Which parameter of the key derivation (RFC 8018, RFC 7914).
        parameter: &'static str,
        /// What the file asks for.
        value: u64,
        /// Largest accepted value.
        limit: u64,
    },

    /// The file is not one well-formed private key (`E-KEY`).
    #[error("the key file {} is not a usable private key: {detail}", shown(path))]
    Key {
        /// The path as it was given.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// The file holds a key, of a kind that this version does not sign with (`E-UNSUPPORTED`).
    #[error("the key file {} holds {found}, which is not supported", shown(path))]
    Unsupported {
        /// The path as it was given.
        path: PathBuf,
        /// What was found there.
        found: String,
    },

    /// The file holds a key in a form that is not read, and that another program turns into one that is
    /// (`E-UNSUPPORTED`).
    #[error("the key file {} holds {found}, which is not supported; it can be converted", shown(path))]
    Convertible {
        /// The path as it was given.
        path: PathBuf,
        /// What was found there.
        found: &'static str,
        /// A shell command that converts it: `OLD` stands for the file, `NEW` for one to be written.
        command: &'static str,
    },

    /// The passphrase does not open the key (`E-PASSPHRASE`).
    ///
    /// A file whose ciphertext was damaged looks the same.
    #[error("the passphrase does not open the key file {}", shown(path))]
    Passphrase {
        /// The path as it was given.
        path: PathBuf,
    },

    /// The key is encrypted and no passphrase was given (`E-PASSPHRASE`).
    #[error("the key file {} is encrypted and no passphrase was given", shown(path))]
    PassphraseMissing {
        /// The path as it was given.
        path: PathBuf,
    },

    /// A passphrase of no characters (`E-PASSPHRASE`).
    #[error("the passphrase is empty")]
    PassphraseEmpty,

    /// Whoever was asked for the passphrase could not give an answer (`E-PASSPHRASE`).
    #[error("the passphrase could not be read")]
    PassphraseSource {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A file is already where a key was to be written (`E-EXISTS`). Keys are never overwritten.
    #[error("{} exists already; a key is never overwritten", shown(path))]
    Exists {
        /// The path as it was given.
        path: PathBuf,
    },

    /// A key file could not be written (`E-OUTPUT`). Neither file of the pair was left behind.
    #[error("cannot write the key file {}", shown(path))]
    Write {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The operating system gave no random bytes (`E-UNREADABLE`).
    #[error("the operating system gave no random bytes: {detail}")]
    Random {
        /// What it said.
        detail: String,
    },

    /// What follows the scheme of a signer makes no sense (`E-USAGE`). Nothing was opened; the message repeats no value.
    #[error("{scheme}: {detail}")]
    Word {
        /// The scheme: `pkcs11`, `ssh-agent`, `exec`.
        scheme: &'static str,
        /// What is wrong with it.
        detail: String,
    },

    /// The scheme of a service that Lacre has no signer for (`E-UNSUPPORTED`).
    #[error(
        "{scheme}: there is no signer for this service; exec:PROGRAM signs with anything that has a program"
    )]
    Scheme {
        /// The scheme.
        scheme: &'static str,
    },

    /// A token, an agent, a service or a program gave no signature ([`SignerProblem::code`]).
    #[error("{signer}: {problem}")]
    Outside {
        /// Which one, escaped.
        signer: String,
        /// Why not.
        problem: SignerProblem,
    },

    /// The signer's answer does not verify with the signer's own public key (`E-SIGNATURE-INVALID`).
    #[error("the signer made a signature that its own public key does not verify")]
    SelfCheck,

    /// What was to be signed is not a claim that Lacre writes (`E-UNSUPPORTED`), or is too long (`E-LIMIT`).
    #[error(transparent)]
    Claim(#[from] AttestError),

    /// A step that cannot fail on a valid key did (`E-BUG`).
    #[error("internal error: {detail}")]
    Bug {
        /// Which step.
        detail: String,
    },

    /// A file of certificates cannot be read (`E-NOT-FOUND` if there is none, else `E-UNREADABLE`).
    #[error("cannot read the certificate file {}", shown(path))]
    CertificateFile {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// Certificates that strict verifiers refuse, or that are in the wrong order (`E-CERTIFICATE`). Nothing was signed.
    #[error("{detail}")]
    Certificate {
        /// What is wrong with which.
        detail: String,
    },

    /// The leaf certificate is not for the key that would sign (`E-KEY`). Nothing was signed.
    #[error("the certificate of {subject} is for another key")]
    CertificateKey {
        /// The certificate's subject.
        subject: String,
    },

    /// A certificate is outside its validity (`E-CERTIFICATE-EXPIRED`). Nothing was signed.
    #[error("the certificate of {subject} {detail}")]
    CertificateExpired {
        /// The certificate's subject.
        subject: String,
        /// Since when, or from when.
        detail: String,
    },

    /// The address of a service is none, or one that must not be used (`E-USAGE`).
    #[error("the address of the {service} {detail}")]
    Address {
        /// Which service.
        service: &'static str,
        /// What is wrong with it.
        detail: String,
    },

    /// A service could not be reached or did not answer in time (`E-NETWORK`).
    #[error("the {service} at {url} cannot be reached: {detail}")]
    Network {
        /// Which service.
        service: &'static str,
        /// Where it was looked for.
        url: String,
        /// Why not.
        detail: String,
    },

    /// A service answered, and the answer is a refusal or not what it must be (`E-SERVICE`).
    #[error("the {service} at {url} {detail}")]
    Service {
        /// Which service.
        service: &'static str,
        /// Where it answered.
        url: String,
        /// What it did.
        detail: String,
    },

    /// An identity token is missing, malformed, expired, for another audience, or was refused (`E-TOKEN`).
    #[error("the identity token {detail}")]
    Token {
        /// What is wrong with it. Never the token.
        detail: String,
    },

    /// A trust configuration that cannot be used (`E-TRUST-CONFIG`).
    #[error("the trust configuration {detail}")]
    TrustConfig {
        /// What is wrong with it.
        detail: String,
    },

    /// A trust repository offers something older than what was seen before (`E-ROLLBACK`). Nothing was kept.
    #[error("the trust repository at {repository} goes back: {detail}")]
    Rollback {
        /// Where it is.
        repository: String,
        /// What is older.
        detail: String,
    },

    /// A trust repository offers something that is out of date (`E-METADATA-EXPIRED`). Nothing was kept.
    #[error("the trust repository at {repository} is out of date: {detail}")]
    MetadataExpired {
        /// Where it is.
        repository: String,
        /// What has expired, and when.
        detail: String,
    },

    /// What a trust repository offers is not what its root lets anybody believe (`E-TRUST-METADATA`). Nothing was kept.
    #[error("the trust repository at {repository} proves nothing: {detail}")]
    TrustMetadata {
        /// Where it is.
        repository: String,
        /// What does not hold.
        detail: String,
    },

    /// Whoever was asked did not want the identity to become public (`E-DECLINED`). Nothing was signed.
    #[error("nothing was signed: the identity was not confirmed")]
    Declined,

    /// What was issued is not what the trust configuration lets a verifier believe (`E-SIGNER-UNTRUSTED`).
    #[error("{detail}")]
    Issued {
        /// What does not fit.
        detail: String,
    },
}

impl SignError {
    /// The stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "E-NOT-FOUND",
            Self::Unreadable { .. } | Self::Random { .. } => "E-UNREADABLE",
            Self::TooLarge { .. } | Self::KdfLimit { .. } => "E-LIMIT",
            Self::Key { .. } | Self::CertificateKey { .. } => "E-KEY",
            Self::Unsupported { .. } | Self::Convertible { .. } | Self::Scheme { .. } => "E-UNSUPPORTED",
            Self::Passphrase { .. }
            | Self::PassphraseMissing { .. }
            | Self::PassphraseEmpty
            | Self::PassphraseSource { .. } => "E-PASSPHRASE",
            Self::Exists { .. } => "E-EXISTS",
            Self::Write { .. } => "E-OUTPUT",
            Self::Word { .. } | Self::Address { .. } => "E-USAGE",
            Self::Outside { problem, .. } => problem.code(),
            Self::SelfCheck => "E-SIGNATURE-INVALID",
            Self::Claim(error) => error.code(),
            Self::Bug { .. } => "E-BUG",
            Self::CertificateFile { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "E-NOT-FOUND",
                _ => "E-UNREADABLE",
            },
            Self::Certificate { .. } => "E-CERTIFICATE",
            Self::CertificateExpired { .. } => "E-CERTIFICATE-EXPIRED",
            Self::Network { .. } => "E-NETWORK",
            Self::Service { .. } => "E-SERVICE",
            Self::Token { .. } => "E-TOKEN",
            Self::TrustConfig { .. } => "E-TRUST-CONFIG",
            Self::Rollback { .. } => "E-ROLLBACK",
            Self::MetadataExpired { .. } => "E-METADATA-EXPIRED",
            Self::TrustMetadata { .. } => "E-TRUST-METADATA",
            Self::Declined => "E-DECLINED",
            Self::Issued { .. } => "E-SIGNER-UNTRUSTED",
        }
    }

    pub(crate) fn bug(detail: impl Into<String>) -> Self {
        Self::Bug { detail: detail.into() }
    }
}

/// A path as it may be printed on a terminal.
fn shown(path: &Path) -> String {
    escape_os(path.as_os_str())
}

//! Why something was not believed.

use std::io;

use lacre_attest::AttestError;
use lacre_hash::HashError;
use lacre_manifest::{EntryPath, ManifestError, escape};
use lacre_weights::WeightsError;

use crate::decision::LogProblem;
use crate::load::SliceProblem;
use crate::mismatch::ContentMismatch;
use crate::policy::{PolicyFault, Violation};
use crate::shape::ShapeMismatch;
use crate::{CertificateProblem, Report, TimestampProblem};

/// Every code that [`VerifyError::code`] can return of its own; those of [`AttestError`], [`ManifestError`] and
/// [`HashError`] pass through.
pub const CODES: &[&str] = &[
    "E-ANCHOR",
    "E-CERTIFICATE",
    "E-CERTIFICATE-EXPIRED",
    "E-CERTIFICATE-REVOKED",
    "E-DIGEST-NOT-SIGNED",
    "E-EXCLUDED",
    "E-FILE-CHANGED",
    "E-FILE-EXTRA",
    "E-FILE-MISSING",
    "E-FILE-MODE",
    "E-FILE-NAME",
    "E-FILE-RENAMED",
    "E-FILE-SIZE",
    "E-FILE-TYPE",
    "E-FOLDER-EXTRA",
    "E-FOLDER-MISSING",
    "E-IDENTITY-MISMATCH",
    "E-KEY-EXPIRED",
    "E-KEY-RETIRED",
    "E-KEY-REVOKED",
    "E-LIMIT",
    "E-LOG",
    "E-LOG-CHAIN",
    "E-LOG-LINE",
    "E-LOG-MISSING",
    "E-LOG-OTHER",
    "E-LOG-REWRITTEN",
    "E-LOG-TORN",
    "E-LOG-TRUNCATED",
    "E-LOG-WRITE",
    "E-MEMORY-LIMIT",
    "E-MODES-NOT-SIGNED",
    "E-NAME-MISMATCH",
    "E-NO-SIGNATURE",
    "E-NOT-FOUND",
    "E-OUTPUT",
    "E-POLICY-AGE",
    "E-POLICY-ATTESTATION",
    "E-POLICY-CHANNEL",
    "E-POLICY-DEPRECATED",
    "E-POLICY-DIGEST",
    "E-POLICY-EVALUATION",
    "E-POLICY-EXPRESSION",
    "E-POLICY-FILE",
    "E-POLICY-FORMAT",
    "E-POLICY-KEY-ALGORITHM",
    "E-POLICY-NO-MATCH",
    "E-POLICY-OTHER",
    "E-POLICY-PIN",
    "E-POLICY-ROLLBACK",
    "E-POLICY-STALE",
    "E-POLICY-TIMESTAMP",
    "E-POLICY-TRANSPARENCY",
    "E-RANGE",
    "E-REVOCATION-UNKNOWN",
    "E-SAFETENSORS",
    "E-SAFETENSORS-INDEX",
    "E-SIGNATURE-INVALID",
    "E-SIGNER-UNTRUSTED",
    "E-SUBJECT",
    "E-TENSORS-AMBIGUOUS",
    "E-TIMESTAMP",
    "E-TOO-FEW-SIGNERS",
    "E-TRUST-FILE",
    "E-TRUST-ROOT",
    "E-UNREADABLE",
    "E-UNSUPPORTED",
    "E-USAGE",
    "E-VERSION-MISMATCH",
];

/// Why something was not believed, or could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bundle or the claim in it is not acceptable.
    #[error(transparent)]
    Claim(#[from] AttestError),
    /// What lies on disk is not what was signed.
    #[error("the content is not what was signed: {0}")]
    Content(Box<ContentMismatch>),
    /// Something is wrong with a log of decisions.
    #[error("the decision log {path}: {problem}")]
    DecisionLog {
        /// Its path, or that of one of its files, safe for a terminal.
        path: String,
        /// What is wrong.
        #[source]
        problem: Box<LogProblem>,
    },
    /// Something lies in the model that the signature does not cover, which a strict caller refuses.
    #[error("not covered by the signature: {}", few(.paths))]
    Excluded {
        /// What, safe for a terminal; a folder ends with `/`.
        paths: Vec<String>,
    },
    /// Executable bits or empty folders are not as signed, which a strict caller refuses.
    #[error("the content is not what was signed: {0}")]
    Shape(Box<ShapeMismatch>),
    /// Executable bits and empty folders are not signed, which a strict caller demands.
    #[error("neither executable bits nor empty folders are signed")]
    ShapeNotSigned,
    /// A digest was demanded as the proof of a file, and is not signed.
    #[error("no {digest} digest is signed for {path}")]
    DigestNotSigned {
        /// The digest: `BLAKE3` or `SHA-256`.
        digest: &'static str,
        /// The file.
        path: EntryPath,
    },
    /// A folder or file could not be read.
    #[error(transparent)]
    Disk(#[from] ManifestError),
    /// A file could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The signature is of a time at which its key does not count.
    #[error("the key {key} signed {when}")]
    KeyExpired {
        /// The key, by its hint.
        key: String,
        /// "before it is valid" or "after its time".
        when: &'static str,
    },
    /// The key signs no more, and nothing proves that it signed while it did.
    #[error("the key {key} is retired, and no trusted timestamp proves when it signed")]
    KeyRetired {
        /// The key, by its hint.
        key: String,
    },
    /// Nothing that the key signed counts.
    #[error("the key {key} is revoked")]
    KeyRevoked {
        /// The key, by its hint.
        key: String,
    },
    /// What was to be loaded takes more memory than is allowed, or than there is.
    #[error("it would take {wanted} bytes of memory, and the limit is {limit}")]
    MemoryLimit {
        /// The bytes that were wanted.
        wanted: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The signed name is not the one that is wanted.
    #[error("the signature is for {}, not for {}", escape(.signed), escape(.expected))]
    Name {
        /// The name that was signed.
        signed: String,
        /// The name that was demanded.
        expected: String,
    },
    /// There is no signature where it was looked for.
    #[error("no signature at {path}")]
    NoSignature {
        /// Where it was looked for, safe for a terminal.
        path: String,
    },
    /// The statement is about something else than what it came with.
    #[error("the statement is not about what it came with")]
    OtherSubject,
    /// A policy cannot be used.
    #[error("{0}")]
    PolicyFile(Box<PolicyFault>),
    /// No rule of the policy is about this model, and what no rule is about is refused.
    #[error("no rule of the policy is about {}{}", escape(.model), .repository.as_ref().map_or(String::new(), |from| format!(" from {}", escape(from))))]
    PolicyUnmatched {
        /// The name that the model is signed with.
        model: String,
        /// The repository that it came from, if it came from one.
        repository: Option<String>,
    },
    /// A rule of the policy is not met.
    #[error("the rule {rule}: {}", .violation)]
    PolicyRefused {
        /// The name of the rule.
        rule: String,
        /// The first demand that is not met.
        violation: Violation,
        /// How many others are not met.
        more: usize,
    },
    /// Bytes were asked for that the file does not have.
    #[error("the range ends at {end}, and the file has {size} bytes")]
    Range {
        /// The size of the file in bytes.
        size: u64,
        /// Where the range ends.
        end: u64,
    },
    /// The statement is about something else.
    #[error("the statement is not about sha256:{manifest}")]
    Subject {
        /// The manifest that it is attached to.
        manifest: lacre_hash::Sha256Digest,
    },
    /// Fewer distinct signers than are demanded signed this.
    #[error("{found} of {wanted} distinct signers signed this{}", .why.as_ref().map_or(String::new(), |why| format!("; another bundle: {why}")))]
    TooFewSigners {
        /// The signers that were found.
        found: usize,
        /// The signers that are demanded.
        wanted: usize,
        /// Why another bundle did not count, if there is one.
        why: Option<String>,
    },
    /// A trust file cannot be used.
    #[error("{path}{}: {detail}", .line.map_or(String::new(), |line| format!(", line {line}")))]
    TrustFile {
        /// Its path, safe for a terminal.
        path: String,
        /// The line, from 1, where it can be told.
        line: Option<usize>,
        /// What is wrong.
        detail: String,
    },
    /// A trust file, or a key that it names, cannot be read.
    #[error("cannot read {path}")]
    TrustUnreadable {
        /// Its path, safe for a terminal.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// One key is trusted on two sets of terms.
    #[error("the key {key} is trusted twice, on different terms")]
    TwoTerms {
        /// The key, by its hint.
        key: String,
    },
    /// No time was given at which a certificate is to be valid.
    #[error("no time is given at which the certificate is to be valid")]
    NoTime,
    /// A certificate signed, and nobody is trusted to vouch for certificates like it.
    #[error("signed with a certificate, and no authority is trusted that could vouch for it")]
    NoAuthority,
    /// No key is trusted.
    #[error("no key is trusted: nothing could be accepted")]
    NoTrust,
    /// A file or tensor that was asked for is not among what was signed.
    #[error("{what} {} is not in the signed model", escape(.name))]
    NotSigned {
        /// "the file" or "the tensor".
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The proven bytes are not the weights or the index that they should be, or two readers could read them differently.
    #[error("{name} is not an acceptable {}: {error}", kind(.error))]
    Weights {
        /// The file, safe for a terminal.
        name: String,
        /// What is wrong with it.
        error: Box<WeightsError>,
    },
    /// A slice of a tensor was asked for that there is not.
    #[error("no such slice of the tensor {tensor}: {problem}")]
    Slice {
        /// The tensor, safe for a terminal.
        tensor: String,
        /// Why not.
        problem: SliceProblem,
    },
    /// The model has weights in more than one form, and nothing says which of them is meant.
    #[error("the model has more than one set of weights: {}", few(.candidates))]
    TensorsAmbiguous {
        /// The files and indexes, safe for a terminal.
        candidates: Vec<String>,
    },
    /// The signature does not verify with the trusted key that it names, or with any when it names none.
    #[error("the signature does not verify with {tried}")]
    Signature {
        /// The keys that were tried.
        tried: String,
    },
    /// The bundle names a key that is not trusted.
    #[error("the bundle is signed by the key {}, which is not trusted", escape(.hint))]
    SignerUntrusted {
        /// The key as the bundle names it.
        hint: String,
    },
    /// The signature file could not be read.
    #[error("cannot read the signature {path}")]
    SignatureUnreadable {
        /// Its path, safe for a terminal.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The signature file is longer than the limit.
    #[error("the signature {path} has more than {limit} bytes")]
    SignatureTooLarge {
        /// Its path, safe for a terminal.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Received bytes could not be stored.
    #[error("cannot write {name}")]
    Store {
        /// What was to be written, safe for a terminal.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// The bundle is of a kind that this version cannot verify.
    #[error("cannot verify a bundle signed with {what}")]
    Unsupported {
        /// The kind.
        what: &'static str,
    },
    /// Changes of a model cannot be seen.
    #[error("cannot watch {path} for changes")]
    Unwatched {
        /// Its path, safe for a terminal.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The signed version is not the one that is wanted.
    #[error("the signed version is {}, not {}", .signed.as_deref().map_or("absent".to_owned(), escape), escape(.expected))]
    Version {
        /// The version that was signed, if any.
        signed: Option<String>,
        /// The version that was demanded.
        expected: String,
    },
    /// A file of trust anchors or of a timestamp authority cannot be used.
    #[error("cannot use the {what}: {detail}")]
    Anchor {
        /// "trust anchor" or "timestamp authority".
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A certificate, or the chain at this certificate, is not acceptable.
    #[error("the certificate {certificate} is not acceptable: {problem}")]
    Certificate {
        /// Its subject, safe for a terminal.
        certificate: String,
        /// What is wrong with it.
        problem: CertificateProblem,
    },
    /// A certificate of the chain is not valid at a time that counts.
    #[error(
        "the certificate {certificate} is valid from {not_before} to {not_after}, not at {at} ({source_of_time})"
    )]
    CertificateExpired {
        /// Its subject, safe for a terminal.
        certificate: String,
        /// The time that counts, RFC 3339.
        at: String,
        /// Where that time is from.
        source_of_time: String,
        /// The beginning of its validity, RFC 3339.
        not_before: String,
        /// The last moment of its validity, RFC 3339.
        not_after: String,
    },
    /// The certificate has a key that this version cannot verify signatures with.
    #[error("cannot verify signatures with the key of the certificate {certificate}: {algorithm}")]
    CertificateKey {
        /// Its subject, safe for a terminal.
        certificate: String,
        /// The algorithm of the key.
        algorithm: String,
    },
    /// A certificate of the chain is revoked.
    #[error("the certificate {certificate} is revoked since {since} ({reason})")]
    CertificateRevoked {
        /// Its subject, safe for a terminal.
        certificate: String,
        /// When it was revoked, or ceased to be good, whichever is earlier, RFC 3339.
        since: String,
        /// The reason, as RFC 5280 names it.
        reason: &'static str,
    },
    /// No path leads from the certificate to an anchor.
    #[error("the certificate {certificate} leads to no trusted anchor: there is no certificate of {issuer}")]
    CertificateUntrusted {
        /// The subject of the leaf, safe for a terminal.
        certificate: String,
        /// The issuer whose certificate was not found, safe for a terminal.
        issuer: String,
    },
    /// Somebody else signed than was expected.
    #[error("signed by {found}, not by {expected}")]
    Identity {
        /// Who signed, safe for a terminal.
        found: String,
        /// Who was expected, safe for a terminal.
        expected: String,
    },
    /// Whether a certificate is revoked cannot be told.
    #[error("cannot tell whether {certificate} is revoked: {detail}")]
    RevocationUnknown {
        /// The subject of the certificate or the list that is concerned, safe for a terminal.
        certificate: String,
        /// Why.
        detail: String,
    },
    /// A timestamp does not prove a time.
    #[error("the timestamp is not acceptable: {problem}")]
    Timestamp {
        /// What is wrong with it.
        problem: TimestampProblem,
    },
    /// A certificate, or the chain above it, is not acceptable.
    #[error("the certificate is not acceptable: {detail}")]
    KeylessCertificate {
        /// What is wrong with it.
        detail: String,
    },
    /// A certificate was not valid at the time that counts.
    #[error("a certificate was not valid when it was used: {detail}")]
    KeylessExpired {
        /// Which limit the time exceeds.
        detail: String,
    },
    /// No trusted authority issued the certificate.
    #[error("the certificate was issued by nobody who is trusted: {detail}")]
    KeylessUntrusted {
        /// What was looked for.
        detail: String,
    },
    /// Somebody else signed than was expected.
    #[error("signed by {}, as {} knows them: {detail}", escape(.subject), escape(.issuer))]
    IdentityMismatch {
        /// Whom the certificate names.
        subject: String,
        /// Who vouched for the name.
        issuer: String,
        /// In what it differs from what was expected.
        detail: String,
    },
    /// An expected identity, issuer, pattern or claim cannot be used.
    #[error("nobody can be expected like this: {detail}")]
    IdentityUnusable {
        /// What is wrong with it.
        detail: String,
    },
    /// The evidence of a transparency log is missing, or does not verify.
    #[error("the transparency log does not vouch for this signature: {detail}")]
    Log {
        /// What is wrong with it.
        detail: String,
    },
    /// A timestamp is missing, or does not verify.
    #[error("no acceptable timestamp: {detail}")]
    KeylessTimestamp {
        /// What is wrong with it.
        detail: String,
    },
    /// The keys and certificates of a Sigstore instance cannot be used.
    #[error("not a usable Sigstore trusted root: {detail}")]
    TrustRoot {
        /// What is wrong with it.
        detail: String,
    },
    /// The bundle holds something that this version cannot verify.
    #[error("cannot verify {detail}")]
    UnsupportedEvidence {
        /// What it is.
        detail: String,
    },
}

impl VerifyError {
    pub(crate) fn decision_log(path: &std::path::Path, problem: LogProblem) -> Self {
        let path = lacre_manifest::escape_os(path.as_os_str());
        Self::DecisionLog { path, problem: Box::new(problem) }
    }

    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Anchor { .. } => "E-ANCHOR",
            Self::Certificate { .. } | Self::KeylessCertificate { .. } => "E-CERTIFICATE",
            Self::CertificateExpired { .. } | Self::KeylessExpired { .. } => "E-CERTIFICATE-EXPIRED",
            Self::CertificateKey { .. } | Self::Unsupported { .. } | Self::UnsupportedEvidence { .. } => {
                "E-UNSUPPORTED"
            }
            Self::CertificateRevoked { .. } => "E-CERTIFICATE-REVOKED",
            Self::Claim(error) => error.code(),
            Self::Content(mismatch) => mismatch.code(),
            Self::DecisionLog { problem, .. } => problem.code(),
            Self::DigestNotSigned { .. } => "E-DIGEST-NOT-SIGNED",
            Self::Disk(error) => error.code(),
            Self::Excluded { .. } => "E-EXCLUDED",
            Self::Hash(error) => error.code(),
            Self::KeyExpired { .. } => "E-KEY-EXPIRED",
            Self::KeyRetired { .. } => "E-KEY-RETIRED",
            Self::KeyRevoked { .. } => "E-KEY-REVOKED",
            Self::Identity { .. } | Self::IdentityMismatch { .. } => "E-IDENTITY-MISMATCH",
            Self::MemoryLimit { .. } => "E-MEMORY-LIMIT",
            Self::Name { .. } => "E-NAME-MISMATCH",
            Self::NoSignature { .. } => "E-NO-SIGNATURE",
            Self::IdentityUnusable { .. } | Self::NoTime | Self::NoTrust | Self::TwoTerms { .. } => "E-USAGE",
            Self::TrustFile { .. } => "E-TRUST-FILE",
            Self::TrustUnreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => "E-NOT-FOUND",
            Self::TooFewSigners { .. } => "E-TOO-FEW-SIGNERS",
            Self::NotSigned { .. } => "E-NOT-FOUND",
            Self::RevocationUnknown { .. } => "E-REVOCATION-UNKNOWN",
            Self::Weights { error, .. } => error.code(),
            Self::TensorsAmbiguous { .. } => "E-TENSORS-AMBIGUOUS",
            Self::Signature { .. } => "E-SIGNATURE-INVALID",
            Self::SignatureTooLarge { .. } => "E-LIMIT",
            Self::SignatureUnreadable { .. } | Self::TrustUnreadable { .. } | Self::Unwatched { .. } => {
                "E-UNREADABLE"
            }
            Self::CertificateUntrusted { .. }
            | Self::KeylessUntrusted { .. }
            | Self::NoAuthority
            | Self::SignerUntrusted { .. } => "E-SIGNER-UNTRUSTED",
            Self::Shape(mismatch) => mismatch.code(),
            Self::ShapeNotSigned => "E-MODES-NOT-SIGNED",
            Self::Store { .. } => "E-OUTPUT",
            Self::PolicyFile(_) => "E-POLICY-FILE",
            Self::PolicyRefused { violation, .. } => violation.code,
            Self::PolicyUnmatched { .. } => "E-POLICY-NO-MATCH",
            Self::Range { .. } | Self::Slice { .. } => "E-RANGE",
            Self::OtherSubject | Self::Subject { .. } => "E-SUBJECT",
            Self::Timestamp { .. } | Self::KeylessTimestamp { .. } => "E-TIMESTAMP",
            Self::Version { .. } => "E-VERSION-MISMATCH",
            Self::Log { .. } => "E-LOG",
            Self::TrustRoot { .. } => "E-TRUST-ROOT",
        }
    }
}

/// What a file of weights should have been.
fn kind(error: &WeightsError) -> &'static str {
    match error {
        WeightsError::SafetensorsIndex(_) => "index of safetensors files",
        _ => "safetensors file",
    }
}

/// At most this many names stand in a message.
const SHOWN: usize = 8;

fn few(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// A refusal, with the checks that were made until then.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// Why.
    #[source]
    pub error: VerifyError,
    /// What was found until then. Nothing in it is proven but the checks that passed.
    pub report: Report,
}

impl Failure {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        self.error.code()
    }
}

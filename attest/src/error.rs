//! Why a claim, an envelope, a bundle or a key was refused.

use lacre_json::JsonError;
use lacre_manifest::PathError;

/// Every code that [`AttestError::code`] can return.
pub const CODES: &[&str] = &[
    "E-BUNDLE",
    "E-DUPLICATE-KEY",
    "E-DUPLICATE-NAME",
    "E-ENVELOPE",
    "E-IDENTITY",
    "E-IGNORE",
    "E-JSON",
    "E-KEY",
    "E-LEGACY",
    "E-LIMIT",
    "E-NAME-COLLISION",
    "E-NO-RESOURCES",
    "E-PATH",
    "E-PAYLOAD-TYPE",
    "E-PREDICATE",
    "E-PREDICATE-TYPE",
    "E-ROOT",
    "E-SIGNATURE-COUNT",
    "E-SIGNATURE-INVALID",
    "E-STATEMENT",
    "E-STATEMENT-TYPE",
    "E-UNSUPPORTED",
];

/// Why a claim, an envelope, a bundle or a key was refused.
///
/// Texts that come from the refused input are shortened and escaped for terminals before they enter a variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The bundle is not a Sigstore bundle of version 0.3 in the strict form that Lacre reads.
    #[error("not an acceptable Sigstore bundle: {detail}")]
    Bundle {
        /// What is wrong with it.
        detail: String,
    },
    /// Two resources have the same name.
    #[error("{name} stands twice in the signed list of files")]
    DuplicateName {
        /// Which name.
        name: String,
    },
    /// The DSSE envelope is malformed.
    #[error("not an acceptable DSSE envelope: {detail}")]
    Envelope {
        /// What is wrong with it.
        detail: String,
    },
    /// The signed identity of the model is not the identity of the signed list of files.
    #[error("the signed model identity does not belong to the signed list of files: {detail}")]
    Identity {
        /// What is wrong with it.
        detail: String,
    },
    /// A signed ignore path is malformed, or hides a file that is signed.
    #[error("the signed ignore path {path} is not acceptable: {detail}")]
    Ignore {
        /// The entry of `ignore_paths`.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A text is not strict JSON, or breaks a limit of size or depth.
    #[error("the {part} is not acceptable JSON")]
    Json {
        /// The text: "bundle", "envelope", "predicate" or "statement".
        part: &'static str,
        /// What is wrong with it.
        #[source]
        source: JsonError,
    },
    /// A public key cannot be used.
    #[error("not a usable public key: {problem}")]
    Key {
        /// What is wrong with it.
        problem: KeyProblem,
    },
    /// The input has a form from before OMS v1.0, which is read only where that is asked for.
    #[error("{what} of model-signing 0.2, which is not read unless it is asked for")]
    Legacy {
        /// Which part of it.
        what: &'static str,
    },
    /// Something is larger, or there are more of it, than the limit allows.
    #[error("{what}: {size}, more than the limit of {limit}")]
    Limit {
        /// What was counted, with its unit.
        what: &'static str,
        /// How much or how many there are.
        size: usize,
        /// How much or how many are allowed.
        limit: usize,
    },
    /// Two resources have names that some file systems take for the same, or one is both file and folder.
    #[error("{first} and {second} in the signed list of files are one file on some systems")]
    NameCollision {
        /// One of the names.
        first: String,
        /// The other one.
        second: String,
    },
    /// A folder is signed as empty, and a file or another such folder lies in it, at least on some systems.
    #[error("{folder} is signed as an empty folder, and {inside} lies in it (on some systems)")]
    NotEmpty {
        /// The folder.
        folder: String,
        /// What lies in it.
        inside: String,
    },
    /// The claim covers no file.
    #[error("the signed list of files is empty: the signature covers nothing")]
    NoResources,
    /// A resource's name is not a path beneath the model's root.
    #[error("the signed file name {name} is not acceptable")]
    Path {
        /// The name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: PathError,
    },
    /// The payload of the envelope is not an in-toto statement.
    #[error("the payload type is {found}, not {expected}")]
    PayloadType {
        /// The type that the envelope names.
        found: String,
        /// The type that is read.
        expected: &'static str,
    },
    /// The predicate is malformed.
    #[error("not an acceptable predicate: {detail}")]
    Predicate {
        /// What is wrong with it.
        detail: String,
    },
    /// The statement's predicate is of another type than the one asked for.
    #[error("the predicate type is {found}, not {expected}")]
    PredicateType {
        /// The type that the statement names.
        found: String,
        /// The type that was asked for.
        expected: &'static str,
    },
    /// The signed root digest is not the root digest of the signed list of files.
    #[error("the signed root digest is {signed}, but the signed list of files has {computed}")]
    Root {
        /// The subject's `sha256` digest, hex.
        signed: String,
        /// The root digest computed over the list, hex.
        computed: String,
    },
    /// The signature does not verify with the key.
    #[error("the signature does not verify")]
    Signature,
    /// The envelope does not carry exactly one signature.
    #[error("the envelope carries {count} signatures, not exactly one")]
    SignatureCount {
        /// How many it carries.
        count: usize,
    },
    /// The statement is malformed.
    #[error("not an acceptable in-toto statement: {detail}")]
    Statement {
        /// What is wrong with it.
        detail: String,
    },
    /// The statement is of another type than in-toto Statement v1.
    #[error("the statement type is {found}, not {expected}")]
    StatementType {
        /// The type that the statement names.
        found: String,
        /// The type that is read.
        expected: &'static str,
    },
    /// The input is well-formed, but uses something that this version does not read.
    #[error("{what} {found} is not supported")]
    Unsupported {
        /// What kind of thing is not supported.
        what: &'static str,
        /// Which one.
        found: String,
    },
}

/// What is wrong with a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// The key's algorithm or curve is not one of [`KeyAlgorithm`](crate::KeyAlgorithm).
    #[error("the algorithm {name} is not supported")]
    Algorithm {
        /// Name or object identifier of the algorithm.
        name: String,
    },
    /// The bytes are not a `SubjectPublicKeyInfo` in DER.
    #[error("not a SubjectPublicKeyInfo in DER")]
    Der,
    /// The PEM block holds something else than a public key.
    #[error("the PEM block is a {label}, not a PUBLIC KEY")]
    Label {
        /// The label of the block.
        label: String,
    },
    /// The text is not exactly one public key as OpenSSH writes it: name, base64, and perhaps a comment.
    #[error("not exactly one OpenSSH public key (name, base64, comment)")]
    OpenSsh,
    /// The text is not exactly one PEM block (RFC 7468, strict form).
    #[error("not exactly one PEM block")]
    Pem,
    /// The point is not on the curve, is a point of small order, or is the neutral element.
    #[error("the point is not a usable point of its curve")]
    Point,
    /// The key is longer than any key that is supported.
    #[error("{size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The encoding is not the one canonical form: DER with a named curve and an uncompressed point.
    #[error("not in canonical form (named curve, uncompressed point, DER)")]
    NotCanonical,
}

impl AttestError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle { .. } => "E-BUNDLE",
            Self::DuplicateName { .. } => "E-DUPLICATE-NAME",
            Self::Envelope { .. } => "E-ENVELOPE",
            Self::Identity { .. } => "E-IDENTITY",
            Self::Ignore { .. } => "E-IGNORE",
            Self::Json { source, .. } => source.code(),
            Self::Key { .. } => "E-KEY",
            Self::Legacy { .. } => "E-LEGACY",
            Self::Limit { .. } => "E-LIMIT",
            Self::NameCollision { .. } | Self::NotEmpty { .. } => "E-NAME-COLLISION",
            Self::NoResources => "E-NO-RESOURCES",
            Self::Path { .. } => "E-PATH",
            Self::PayloadType { .. } => "E-PAYLOAD-TYPE",
            Self::Predicate { .. } => "E-PREDICATE",
            Self::PredicateType { .. } => "E-PREDICATE-TYPE",
            Self::Root { .. } => "E-ROOT",
            Self::Signature => "E-SIGNATURE-INVALID",
            Self::SignatureCount { .. } => "E-SIGNATURE-COUNT",
            Self::Statement { .. } => "E-STATEMENT",
            Self::StatementType { .. } => "E-STATEMENT-TYPE",
            Self::Unsupported { .. } => "E-UNSUPPORTED",
        }
    }
}

impl From<KeyProblem> for AttestError {
    fn from(problem: KeyProblem) -> Self {
        Self::Key { problem }
    }
}

/// At most this many characters of a refused text enter an error.
const QUOTED: usize = 120;

/// A refused text as an error shows it: short and safe for terminals.
pub(crate) fn quoted(text: &str) -> String {
    let mut characters = text.chars();
    let mut short = lacre_manifest::escape(&characters.by_ref().take(QUOTED).collect::<String>());
    if characters.next().is_some() {
        short.push('…');
    }
    format!("\"{short}\"")
}

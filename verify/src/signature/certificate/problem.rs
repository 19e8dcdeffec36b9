//! What is wrong with a certificate or a timestamp. Here even in a build that cannot verify them: errors keep their shape.

use crate::VerifyError;

/// What is wrong with a certificate, or with the chain at this certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// It says inside that it is signed with another algorithm than it says outside.
    #[error("the signature algorithm inside is not the one outside")]
    AlgorithmMismatch,
    /// The search for a path to an anchor was given up.
    #[error("no path to an anchor within {limit} signature checks")]
    Budget {
        /// How many signatures are checked at most.
        limit: usize,
    },
    /// The leaf says that it is an authority, and does not say what its key may be used for.
    #[error("it says that it is an authority (CA:TRUE), and has no keyUsage that limits it to signatures")]
    CaLeaf,
    /// A name is outside of what an authority above may certify.
    #[error("an authority above may not certify the name {name}")]
    Constrained {
        /// The name, safe for a terminal.
        name: String,
    },
    /// An authority above limits names in a way that is not understood.
    #[error("its name constraints are not understood: {detail}")]
    ConstraintForm {
        /// What is not understood.
        detail: &'static str,
    },
    /// It has an extension that must be understood, and is not.
    #[error("the critical extension {oid} is not understood")]
    CriticalExtension {
        /// The object identifier.
        oid: String,
    },
    /// An extension stands twice.
    #[error("the extension {oid} stands twice")]
    DuplicateExtension {
        /// The object identifier.
        oid: String,
    },
    /// Its key is malformed, or not a usable point.
    #[error("its public key is malformed")]
    Key,
    /// A leaf that may sign certificates.
    #[error("its keyUsage lets it sign certificates (keyCertSign)")]
    KeyCertSign,
    /// The key is shorter or longer than what is trusted.
    #[error("its RSA key has {bits} bits; 2048 to 8192 are accepted")]
    KeySize {
        /// The length of the modulus in bits.
        bits: usize,
    },
    /// It is not X.509 in DER.
    #[error("not a certificate in DER: {detail}")]
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// It has no extended key usage for what it is used for.
    #[error("its extendedKeyUsage does not have {purpose}")]
    MissingPurpose {
        /// "codeSigning" or "timeStamping".
        purpose: &'static str,
    },
    /// It signed another certificate, and is no authority.
    #[error("it signed another certificate, and is no authority (no CA:TRUE)")]
    NotAnAuthority,
    /// It signed another certificate, and its key usage does not have that.
    #[error("it signed another certificate, and its keyUsage does not have keyCertSign")]
    NotForCertificates,
    /// The key usage does not have signatures.
    #[error("its keyUsage does not have digitalSignature")]
    NotForSignatures,
    /// It signed another certificate, and is of version 1 or 2, which cannot say that it may.
    #[error("it signed another certificate, and is not of version 3")]
    OldVersion,
    /// More authorities stand below it than it allows.
    #[error("it allows {limit} authorities below it, and there are {found}")]
    PathLength {
        /// Its `pathLenConstraint`.
        limit: u8,
        /// How many there are.
        found: usize,
    },
    /// The usages of a timestamp authority's certificate are not exactly what RFC 3161 demands.
    #[error("its extendedKeyUsage is not critical, or holds more than timeStamping")]
    Purposes,
    /// It is signed with its own key, and is no anchor: nobody vouches for it.
    #[error("it is signed with its own key, and is not itself an anchor")]
    SelfSigned,
    /// The signature does not verify with the key of its issuer.
    #[error("its signature does not verify with the key of {issuer}")]
    Signature {
        /// The issuer, safe for a terminal.
        issuer: String,
    },
    /// It is signed with an algorithm that is broken, or not known.
    #[error("its signature algorithm {oid} is not accepted")]
    SignatureAlgorithm {
        /// The object identifier.
        oid: String,
    },
    /// A path would have more certificates than the limit.
    #[error("the path to an anchor has more than {limit} certificates")]
    TooDeep {
        /// How many certificates a path may have.
        limit: usize,
    },
    /// It is longer than any certificate that is read.
    #[error("{size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There are more certificates than are looked at.
    #[error("{count} certificates, not 1 to {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many are looked at.
        limit: usize,
    },
}

/// What is wrong with a timestamp (RFC 3161).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampProblem {
    /// The certificate of the authority, or its chain, is not acceptable at the time of the timestamp.
    #[error("{0}")]
    Chain(Box<VerifyError>),
    /// It is a timestamp of something else.
    #[error("it is a timestamp of something else")]
    Imprint,
    /// It is not a timestamp in DER.
    #[error("not a timestamp in DER: {detail}")]
    Malformed {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The authority answered that it gives no timestamp.
    #[error("the authority refused to give one (status {status})")]
    NotGranted {
        /// `PKIStatus` (RFC 3161, section 2.4.2).
        status: u8,
    },
    /// The signature of the timestamp does not verify.
    #[error("its signature does not verify with the key of {authority}")]
    Signature {
        /// The certificate of the authority, safe for a terminal.
        authority: String,
    },
    /// The certificate that signed it is not among those of a trusted authority.
    #[error("it is signed by none of the {authorities} trusted timestamp authorities")]
    Unknown {
        /// How many authorities are trusted.
        authorities: usize,
    },
    /// It uses an algorithm that is broken, or not known.
    #[error("it uses the algorithm {oid}, which is not accepted")]
    Algorithm {
        /// The object identifier.
        oid: String,
    },
    /// The signed reference to the certificate is missing, or names another one.
    #[error("it does not say which certificate signed it, or another one than did")]
    WrongCertificate,
}

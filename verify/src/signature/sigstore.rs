//! Sigstore bundles: keyless ones, and those of managed keys with a log's or an authority's word for when they were
//! signed.
//!
//! The order: strict reading ([`precheck`]) and the form of the certificate ([`leaf`]), the signature over the
//! envelope, then certificate, certificate transparency, logs and timestamps by `sigstore-verify` ([`adapter`]), and at
//! the end who signed. Everything is offline. What the payload claims is not looked at here, except for the digest of
//! its subject, and only after the signature.

mod adapter;
mod leaf;
mod members;
mod precheck;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use lacre_attest::{AttestError, Bundle, CertificateForm, Envelope, Limits, Material, PublicKey, Statement};
use lacre_hash::Sha256Digest;
use lacre_manifest::escape;

pub use adapter::TrustedRoot;
pub use leaf::IdentityKind;
pub use precheck::Version;

use crate::VerifyError;
use crate::identity::{KeylessIdentity, Miss};
use precheck::Evidence;

/// A keyless bundle, and what is expected of it.
#[derive(Debug, Clone, Copy)]
pub struct KeylessInput<'a> {
    /// The bundle.
    pub bundle: &'a Bundle,
    /// Bounds on its statement.
    pub limits: &'a Limits,
    /// Whose certificates, logs and timestamps count.
    pub root: &'a TrustedRoot,
    /// Whose signatures count. If this is empty, nobody's do.
    pub identities: &'a [KeylessIdentity],
    /// What no proven time may be after.
    pub now: SystemTime,
}

/// Who signed a keyless bundle, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeylessSigner {
    /// Whom the certificate names.
    pub identity: String,
    /// How it names them.
    pub identity_kind: IdentityKind,
    /// The URL of the provider that vouched for the name.
    pub issuer: String,
    /// What else the certificate says about a CI run, by the names of [`CI_CLAIMS`](crate::identity::CI_CLAIMS).
    pub ci: BTreeMap<String, String>,
    /// The algorithm of the certificate's key, as in `ecdsa-p256`.
    pub algorithm: &'static str,
    /// The SHA-256 of the certificate's `SubjectPublicKeyInfo` in DER.
    pub key: Sha256Digest,
    /// The certificate's `SubjectPublicKeyInfo` in DER.
    pub spki: Vec<u8>,
    /// The place of the expectation that was met, among those that were given.
    pub expected: usize,
}

/// What logs and timestamp authorities vouch for. Each counts once, however often it says it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vouched {
    /// Proven times, the earliest first. The signature existed at each of them.
    pub signed_at: Vec<SignedTime>,
    /// The distinct logs that have the signature.
    pub logs: BTreeSet<String>,
    /// The distinct timestamp authorities that saw the signature.
    pub authorities: BTreeSet<String>,
}

/// A proven time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTime {
    /// The time.
    pub time: SystemTime,
    /// Whose word it is.
    pub source: TimeSource,
}

/// Whose word a time is, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeSource {
    /// A timestamp authority (RFC 3161).
    Authority(String),
    /// A transparency log that promised to integrate the signature.
    Log(String),
}

/// A bundle in the parts that the check is made of. The model's pipeline makes it of a [`Bundle`]; other contents and
/// versions are for the conformance suite alone.
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    /// The version of the format.
    pub version: Version,
    /// What was signed, and the signature.
    pub content: Content<'a>,
    /// By what the signature is to be verified.
    pub material: SigningMaterial<'a>,
    /// The transparency log entries in JSON, in which no key stands twice.
    pub entries: Vec<&'a str>,
    /// The RFC 3161 timestamps in JSON, in which no key stands twice.
    pub timestamps: Vec<&'a str>,
}

/// What was signed, and the signature.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// A statement.
    Statement {
        /// The signed envelope.
        envelope: &'a Envelope,
        /// The digest that one of its subjects must have.
        subject: Sha256Digest,
    },
    /// A message.
    Message {
        /// The signature.
        signature: &'a [u8],
        /// The digest that the bundle gives as a hint.
        digest: Option<(MessageHash, Vec<u8>)>,
        /// The message, or its digest where nothing else is known of it.
        message: Result<&'a [u8], Sha256Digest>,
    },
}

impl Content<'_> {
    fn signature(&self) -> &[u8] {
        match self {
            Content::Statement { envelope, .. } => envelope.signature(),
            Content::Message { signature, .. } => signature,
        }
    }
}

/// By which hash a message was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MessageHash {
    Sha256,
    Sha384,
    Sha512,
}

/// By what a signature is to be verified.
#[derive(Debug, Clone, Copy)]
pub enum SigningMaterial<'a> {
    /// A certificate in DER.
    Leaf(&'a [u8]),
    /// A certificate in DER, and those above it.
    Chain(&'a [Vec<u8>]),
    /// A key that the verifier has.
    Key,
}

/// Verifies a keyless bundle of a statement.
pub fn verify(input: &KeylessInput<'_>) -> Result<(KeylessSigner, Vouched), VerifyError> {
    let leaf = match input.bundle.material() {
        Material::Certificates(held) => match (held.form(), held.certificates()) {
            (CertificateForm::Leaf, [leaf]) => leaf,
            // Version 0.3 knows chains in other trust models only.
            _ => return Err(members::malformed("a keyless bundle holds one certificate, not a chain")),
        },
        _ => return Err(no_certificate()),
    };
    let envelope = input.bundle.envelope();
    let (entries, timestamps) = evidence_of(input.bundle);
    let evidence = Evidence::read(Version::V03, entries.iter().copied(), timestamps.iter().copied())?;
    // Before the payload is parsed, it is signed: by somebody, at least.
    adapter::LeafKey::read(leaf)?.check(envelope)?;
    evidence.is_about(envelope.signature())?;
    let content = Content::Statement { envelope, subject: subject_digest(envelope, input.limits)? };
    let material = SigningMaterial::Leaf(leaf);
    let pieces = Pieces { version: Version::V03, content, material, entries, timestamps };
    certified(&pieces, &evidence, leaf, input.root, input.identities, input.now)
}

/// Verifies a bundle of a statement that was signed with `key`, and the evidence in it. A bundle without evidence is a
/// signature alone; whether that is enough is for the caller to say.
pub fn verify_managed(
    bundle: &Bundle,
    key: &PublicKey,
    root: &TrustedRoot,
    limits: &Limits,
    now: SystemTime,
) -> Result<Vouched, VerifyError> {
    let timestamps: Vec<&str> = bundle.timestamps_json().collect();
    verify_evidence(bundle, &timestamps, key, root, limits, now)
}

/// The same with the timestamps of the bundle that nobody else has confirmed.
pub(crate) fn verify_evidence(
    bundle: &Bundle,
    timestamps: &[&str],
    key: &PublicKey,
    root: &TrustedRoot,
    limits: &Limits,
    now: SystemTime,
) -> Result<Vouched, VerifyError> {
    let envelope = bundle.envelope();
    let entries: Vec<&str> = bundle.log_entries_json().collect();
    let timestamps = timestamps.to_vec();
    let evidence = Evidence::read(Version::V03, entries.iter().copied(), timestamps.iter().copied())?;
    envelope.verify(key)?;
    evidence.is_about(envelope.signature())?;
    if entries.is_empty() && timestamps.is_empty() {
        return Ok(Vouched { signed_at: Vec::new(), logs: BTreeSet::new(), authorities: BTreeSet::new() });
    }
    let content = Content::Statement { envelope, subject: subject_digest(envelope, limits)? };
    let pieces =
        Pieces { version: Version::V03, content, material: SigningMaterial::Key, entries, timestamps };
    let vouched = adapter::managed(&pieces, &evidence, key, root)?;
    not_after(&vouched, now)?;
    Ok(vouched)
}

fn evidence_of(bundle: &Bundle) -> (Vec<&str>, Vec<&str>) {
    (bundle.log_entries_json().collect(), bundle.timestamps_json().collect())
}

/// The SHA-256 of the first subject that has one. Which subject is the right one is decided with the claim.
fn subject_digest(envelope: &Envelope, limits: &Limits) -> Result<Sha256Digest, VerifyError> {
    let statement = Statement::parse(envelope.payload(), limits)?;
    let digest = statement
        .subjects()
        .iter()
        .find_map(|subject| subject.digest.get("sha256"))
        .and_then(|hex| Sha256Digest::from_hex(hex).ok());
    digest.ok_or_else(|| {
        VerifyError::Claim(AttestError::Statement { detail: "no subject has a SHA-256 digest".to_owned() })
    })
}

fn no_certificate() -> VerifyError {
    VerifyError::Unsupported { what: "a key, as if it were a certificate" }
}

/// Verifies a keyless bundle of any version and content.
pub fn verify_pieces(
    pieces: &Pieces<'_>,
    root: &TrustedRoot,
    identities: &[KeylessIdentity],
    now: SystemTime,
) -> Result<(KeylessSigner, Vouched), VerifyError> {
    let evidence = evidence_in(pieces)?;
    let leaf = match pieces.material {
        SigningMaterial::Leaf(leaf) => leaf,
        SigningMaterial::Chain([leaf, above @ ..]) => {
            leaf::check_above(above)?;
            leaf
        }
        SigningMaterial::Chain([]) => return Err(members::malformed("the certificate chain is empty")),
        SigningMaterial::Key => return Err(no_certificate()),
    };
    if let Content::Statement { envelope, .. } = &pieces.content {
        adapter::LeafKey::read(leaf)?.check(envelope)?;
        evidence.is_about(envelope.signature())?;
    }
    certified(pieces, &evidence, leaf, root, identities, now)
}

/// What comes after the signature.
fn certified(
    pieces: &Pieces<'_>,
    evidence: &Evidence,
    leaf: &[u8],
    root: &TrustedRoot,
    identities: &[KeylessIdentity],
    now: SystemTime,
) -> Result<(KeylessSigner, Vouched), VerifyError> {
    let (identity, identity_kind) = leaf::check(leaf)?;
    let (certified, vouched) = adapter::keyless(pieces, evidence, root)?;
    not_after(&vouched, now)?;
    let (issuer, ci) = said(certified.issuer, certified.ci)?;
    let expected = expected_one(identities, &identity, &issuer, &ci)?;
    let signer = KeylessSigner {
        identity,
        identity_kind,
        issuer,
        ci,
        algorithm: certified.algorithm,
        key: Sha256Digest::of(&certified.spki),
        spki: certified.spki,
        expected,
    };
    Ok((signer, vouched))
}

/// What a certificate says of its issuer and of a CI run.
fn said(
    issuer: Option<String>,
    ci: Vec<(&'static str, Option<String>)>,
) -> Result<(String, BTreeMap<String, String>), VerifyError> {
    let issuer = issuer.ok_or_else(|| VerifyError::KeylessCertificate {
        detail: "it does not say who vouched for the name".to_owned(),
    })?;
    let ci = ci.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
    Ok((issuer, ci.collect()))
}

/// What a certificate says, of which nothing is checked.
#[cfg(feature = "x509")]
pub(crate) fn claimed(leaf: &[u8]) -> Result<crate::ClaimedIdentity, VerifyError> {
    let (identity, _) = leaf::check(leaf)?;
    let read = adapter::read(leaf)?;
    let (issuer, ci) = said(read.issuer, read.ci)?;
    Ok(crate::ClaimedIdentity { identity, issuer, ci })
}

fn evidence_in(pieces: &Pieces<'_>) -> Result<Evidence, VerifyError> {
    Evidence::read(pieces.version, pieces.entries.iter().copied(), pieces.timestamps.iter().copied())
}

/// Verifies a bundle of any version and content that was signed with `key`.
pub fn verify_managed_pieces(
    pieces: &Pieces<'_>,
    key: &PublicKey,
    root: &TrustedRoot,
    now: SystemTime,
) -> Result<Vouched, VerifyError> {
    let evidence = evidence_in(pieces)?;
    if let Content::Statement { envelope, .. } = &pieces.content {
        // Before anything looks into the payload.
        envelope.verify(key)?;
        evidence.is_about(envelope.signature())?;
    }
    let vouched = adapter::managed(pieces, &evidence, key, root)?;
    not_after(&vouched, now)?;
    Ok(vouched)
}

fn not_after(vouched: &Vouched, now: SystemTime) -> Result<(), VerifyError> {
    match vouched.signed_at.iter().find(|signed| signed.time > now) {
        None => Ok(()),
        Some(SignedTime { source: TimeSource::Authority(name), .. }) => {
            Err(VerifyError::KeylessTimestamp { detail: format!("that of {name} lies in the future") })
        }
        Some(SignedTime { source: TimeSource::Log(name), .. }) => {
            Err(VerifyError::Log { detail: format!("the time of {name} lies in the future") })
        }
    }
}

/// Which of the expected identities this is.
fn expected_one(
    identities: &[KeylessIdentity],
    subject: &str,
    issuer: &str,
    ci: &BTreeMap<String, String>,
) -> Result<usize, VerifyError> {
    let mut nearest = None;
    for (place, identity) in identities.iter().enumerate() {
        match identity.missed_by(subject, issuer, ci) {
            None => return Ok(place),
            Some(miss) => nearest = nearest.max(Some((miss, place))),
        }
    }
    let detail = match nearest {
        None => "no identity is expected".to_owned(),
        Some((Miss::Subject, _)) => "nobody of this name is expected".to_owned(),
        Some((Miss::Issuer, _)) => "the name is expected from another issuer".to_owned(),
        Some((Miss::Ci(name), place)) => {
            let wanted = identities.get(place).and_then(|identity| identity.ci().get(name));
            format!(
                "its CI claim {name} is {}, not {}",
                ci.get(name).map_or("absent".to_owned(), |value| escape(value)),
                wanted.map_or("any".to_owned(), |value| escape(value))
            )
        }
    };
    Err(VerifyError::IdentityMismatch { subject: subject.to_owned(), issuer: issuer.to_owned(), detail })
}

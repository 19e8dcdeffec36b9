//! The one file that knows the crate `sigstore-verify`: its types go in here, and come out nowhere.
//!
//! Its own JSON reader never sees a bundle. What the [pre-check](super::precheck) has read is handed over as values.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use lacre_attest::{Envelope, IN_TOTO_PAYLOAD_TYPE, Limits, PublicKey, pae};
use lacre_hash::Sha256Digest;
use sigstore_verify::crypto::{self, CertificateInfo, KeyAlgorithm, Keyring};
use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot as Root};
use sigstore_verify::tsa::verify_timestamp_for_authority;
use sigstore_verify::types::{
    Artifact, ArtifactDigest, Bundle, CanonicalizedBody, CertificateContent, CheckpointData, DerCertificate,
    DerPublicKey, DigestBytes, DsseEnvelope, DsseSignature, HashAlgorithm, InclusionPromise, InclusionProof,
    KeyId, KindVersion, LogId, LogIndex, LogKeyId, MediaType, MessageDigest, MessageSignature, PayloadBytes,
    PublicKeyIdentifier, Rfc3161Timestamp, Sha256Hash, SignatureBytes, SignatureContent, SignedTimestamp,
    TimestampToken, TimestampVerificationData, TransparencyLogEntry, VerificationMaterial,
    VerificationMaterialContent, X509Certificate,
};
use sigstore_verify::{CertificateError, Error, PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

use super::leaf;
use super::members::malformed;
use super::precheck::{EntryKind, Evidence, LogEntry, Version};
use super::refusal::refused;
use super::{Content, MessageHash, Pieces, SignedTime, SigningMaterial, TimeSource, Vouched};
use crate::VerifyError;

/// The longest trusted root, in bytes. The public one has 7 KiB.
const ROOT_LIMIT: usize = 1 << 20;
/// The deepest nesting of a trusted root, in levels.
const ROOT_DEPTH: usize = 16;
/// What the media types of all versions of trusted roots begin with.
const ROOT_FAMILY: &str = "application/vnd.dev.sigstore.trustedroot";

/// The keys and certificates of a Sigstore instance: certificate authorities, certificate transparency logs,
/// transparency logs, timestamp authorities, each with the time for which it counts.
#[derive(Clone)]
pub struct TrustedRoot {
    held: Arc<Held>,
}

struct Held {
    root: Root,
    verifier: Verifier,
    logs: Keyring,
    /// Of the text that it was read from.
    digest: Sha256Digest,
}

impl TrustedRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// `E-TRUST-ROOT` for what is not one, has a key twice or no key that can be used; `E-LIMIT` above 1 MiB or the
    /// longest bundle of `limits`, and above 16 levels; the codes of JSON that is not strict.
    pub fn from_json(text: &[u8], limits: &Limits) -> Result<Self, VerifyError> {
        let limits = lacre_json::Limits::new(limits.bundle().min(ROOT_LIMIT), limits.depth.min(ROOT_DEPTH));
        let text = lacre_json::check(text, limits)
            .map_err(|source| lacre_attest::AttestError::Json { part: "trusted root", source })?;
        let root = Root::from_json(text).map_err(|error| unusable(&error))?;
        if !root.media_type.starts_with(ROOT_FAMILY) {
            return Err(VerifyError::TrustRoot {
                detail: "its media type is that of something else".to_owned(),
            });
        }
        Self::prepare(root, text)
    }

    /// The root of Sigstore's public instance, as it was when this version of Lacre was made.
    ///
    /// # Errors
    /// `E-TRUST-ROOT` never, unless the embedded text is damaged.
    pub fn public_good() -> Result<Self, VerifyError> {
        let text = SIGSTORE_PRODUCTION_TRUSTED_ROOT;
        Self::prepare(Root::from_json(text).map_err(|error| unusable(&error))?, text)
    }

    fn prepare(root: Root, text: &str) -> Result<Self, VerifyError> {
        let verifier = Verifier::new(&root).map_err(|error| unusable(&error))?;
        let logs = root.rekor_keys().map_err(|error| unusable(&error))?;
        let digest = Sha256Digest::of(text.as_bytes());
        Ok(Self { held: Arc::new(Held { root, verifier, logs, digest }) })
    }

    /// Whether both were read from the same text.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.held.digest == other.held.digest
    }

    /// The digest of the key of a log.
    fn log_key(&self, id: &[u8; 32]) -> Option<Sha256Digest> {
        let log = self.held.root.tlogs.iter().find(|log| log.log_id.key_id.as_bytes() == id)?;
        Some(Sha256Digest::of(log.public_key.raw_bytes.as_bytes()))
    }

    /// The name of a log: its address without the scheme, or its key where that is empty.
    fn log_name(&self, id: &[u8; 32]) -> Option<String> {
        let log = self.held.root.tlogs.iter().find(|log| log.log_id.key_id.as_bytes() == id)?;
        Some(without_scheme(&log.base_url).unwrap_or_else(|| Sha256Hash::new(*id).to_hex()))
    }
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = &self.held.root;
        formatter
            .debug_struct("TrustedRoot")
            .field("authorities", &root.certificate_authorities.len())
            .field("logs", &root.tlogs.len())
            .field("timestamp_authorities", &root.timestamp_authorities.len())
            .finish_non_exhaustive()
    }
}

fn unusable(error: &impl fmt::Display) -> VerifyError {
    VerifyError::TrustRoot { detail: lacre_manifest::escape(&error.to_string()) }
}

fn without_scheme(url: &str) -> Option<String> {
    let name = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    (!name.is_empty()).then(|| lacre_manifest::escape(name))
}

/// What a certificate says. Whether its chain proves it is for whoever reads it.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) issuer: Option<String>,
    pub(super) ci: Vec<(&'static str, Option<String>)>,
    pub(super) algorithm: &'static str,
    pub(super) spki: Vec<u8>,
}

impl Certified {
    fn of(certificate: &CertificateInfo) -> Self {
        let claims = &certificate.ci_claims;
        let github = &claims.deprecated_github;
        Self {
            issuer: certificate.issuer.clone(),
            ci: [
                ("commit", &claims.source_repository_digest),
                ("environment", &claims.deployment_environment),
                ("github-ref", &github.workflow_ref),
                ("github-repository", &github.workflow_repository),
                ("github-sha", &github.workflow_sha),
                ("github-trigger", &github.workflow_trigger),
                ("github-workflow", &github.workflow_name),
                ("owner", &claims.source_repository_owner_uri),
                ("owner-id", &claims.source_repository_owner_identifier),
                ("ref", &claims.source_repository_ref),
                ("repository", &claims.source_repository_uri),
                ("repository-id", &claims.source_repository_identifier),
                ("run", &claims.run_invocation_uri),
                ("runner", &claims.runner_environment),
                ("signer-commit", &claims.build_signer_digest),
                ("signer-workflow", &claims.build_signer_uri),
                ("token-subject", &claims.token_subject),
                ("trigger", &claims.build_trigger),
                ("visibility", &claims.source_repository_visibility_at_signing),
                ("workflow", &claims.build_config_uri),
                ("workflow-commit", &claims.build_config_digest),
            ]
            .map(|(name, value)| (name, value.clone()))
            .into(),
            algorithm: algorithm_name(certificate.key_algorithm),
            spki: certificate.public_key.as_bytes().to_vec(),
        }
    }
}

/// What a certificate says, of which nothing is checked.
#[cfg(feature = "x509")]
pub(super) fn read(certificate: &[u8]) -> Result<Certified, VerifyError> {
    crypto::parse_certificate_info(&DerCertificate::from_bytes(certificate))
        .map(|info| Certified::of(&info))
        .map_err(|error| refused(error.into()))
}

/// The key of a certificate, before anything about it is believed.
pub(super) struct LeafKey {
    key: DerPublicKey,
    algorithm: KeyAlgorithm,
}

impl LeafKey {
    pub(super) fn read(certificate: &[u8]) -> Result<Self, VerifyError> {
        let info = crypto::parse_certificate_info(&DerCertificate::from_bytes(certificate))
            .map_err(|error| refused(error.into()))?;
        Ok(Self { key: info.public_key, algorithm: info.key_algorithm })
    }

    /// Checks the envelope's signature with this key.
    pub(super) fn check(&self, envelope: &Envelope) -> Result<(), VerifyError> {
        let signed = pae(IN_TOTO_PAYLOAD_TYPE, envelope.payload());
        let signature = SignatureBytes::from_bytes(envelope.signature());
        crypto::verify_signature(&self.key, &signed, &signature, self.algorithm.default_signing_scheme())
            .map_err(|_| VerifyError::Signature { tried: "the key of its certificate".to_owned() })
    }
}

/// Signature, certificate, certificate transparency, log and timestamps of a keyless bundle.
pub(super) fn keyless(
    pieces: &Pieces<'_>,
    evidence: &Evidence,
    root: &TrustedRoot,
) -> Result<(Certified, Vouched), VerifyError> {
    let bundle = handed_over(pieces, evidence)?;
    let result = root
        .held
        .verifier
        .verify(artifact(pieces), &bundle, &VerificationPolicy::any_identity())
        .map_err(|error| match error {
            Error::Certificate(CertificateError::ChainInvalid(_)) => no_path(&error, pieces, evidence, root),
            other => refused(other),
        })?;
    // The policy demands all of it; whoever changes the policy must not find out by an attack.
    let certificate = result
        .certificate()
        .filter(|_| result.certificate_verified() && result.sct_verified() && result.tlog_verified())
        .ok_or_else(|| VerifyError::KeylessCertificate { detail: "not all of it was verified".to_owned() })?;
    Ok((Certified::of(certificate), vouched(pieces, evidence, root)?))
}

/// Why no path was found, when the crate found none. The times are authenticated by then.
fn no_path(error: &Error, pieces: &Pieces<'_>, evidence: &Evidence, root: &TrustedRoot) -> VerifyError {
    let detail = lacre_manifest::escape(&error.to_string());
    let chain: Vec<&[u8]> = match &pieces.material {
        SigningMaterial::Leaf(leaf) => vec![leaf],
        SigningMaterial::Chain(chain) => chain.iter().map(Vec::as_slice).collect(),
        SigningMaterial::Key => Vec::new(),
    };
    let signature = SignatureBytes::from_bytes(pieces.content.signature());
    let promised = evidence.entries.iter().filter(|entry| entry.promise.is_some());
    let times = promised
        .filter_map(|entry| jiff::Timestamp::from_second(entry.integrated?).ok())
        .chain(evidence.timestamps.iter().filter_map(|token| Some(stamped(token, &signature, root)?.1)));
    let authorities_at = |time: jiff::Timestamp| {
        let authorities = root.held.root.certificate_authorities.iter();
        let current = authorities
            .filter(move |authority| authority.valid_for.is_none_or(|window| window.contains(time)));
        current.flat_map(|authority| &authority.cert_chain.certificates).map(|held| held.raw_bytes.as_bytes())
    };
    let times = times.map(|time| (SystemTime::from(time), authorities_at(time).collect()));
    leaf::why_no_path(&chain, times, detail)
}

/// Signature, log and timestamps of a bundle that was signed with `key`.
pub(super) fn managed(
    pieces: &Pieces<'_>,
    evidence: &Evidence,
    key: &PublicKey,
    root: &TrustedRoot,
) -> Result<Vouched, VerifyError> {
    let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.to_der()));
    if evidence.entries.is_empty() {
        // There is no entry to be verified; the timestamps are, all the same.
        policy = policy.skip_tlog_unsafe();
    }
    let bundle = handed_over(pieces, evidence)?;
    root.held.verifier.verify(artifact(pieces), &bundle, &policy).map_err(refused)?;
    vouched(pieces, evidence, root)
}

fn algorithm_name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "ecdsa-p256",
        KeyAlgorithm::EcdsaP384 => "ecdsa-p384",
        KeyAlgorithm::Ed25519 => "ed25519",
        KeyAlgorithm::Rsa => "rsa",
        KeyAlgorithm::MlDsa44 => "ml-dsa-44",
        KeyAlgorithm::MlDsa65 => "ml-dsa-65",
        KeyAlgorithm::MlDsa87 => "ml-dsa-87",
        _ => "another",
    }
}

/// Which log and which authority vouched, found out by the key that verifies. The crate says only that one did.
fn vouched(pieces: &Pieces<'_>, evidence: &Evidence, root: &TrustedRoot) -> Result<Vouched, VerifyError> {
    let mut vouched = Vouched { signed_at: Vec::new(), logs: BTreeSet::new(), authorities: BTreeSet::new() };
    let mut keys = BTreeSet::new();
    for entry in &evidence.entries {
        let log = vouching_log(entry, root)?;
        if let (Some(_), Some(seconds)) = (&entry.promise, entry.integrated)
            && entry.kind != EntryKind::HashedRekord2
        {
            let time = system_time(seconds)?;
            vouched.signed_at.push(SignedTime { time, source: TimeSource::Log(log.clone()) });
        }
        // One key is one log, under whatever names the root knows it.
        if keys.insert(root.log_key(&entry.log)) {
            vouched.logs.insert(log);
        }
    }
    let signature = SignatureBytes::from_bytes(pieces.content.signature());
    for token in &evidence.timestamps {
        let (authority, time) = stamped(token, &signature, root).ok_or_else(|| {
            VerifyError::KeylessTimestamp { detail: "no authority vouches for it".to_owned() }
        })?;
        let name = root
            .held
            .root
            .timestamp_authorities
            .iter()
            .find(|known| {
                known
                    .cert_chain
                    .certificates
                    .first()
                    .is_some_and(|leaf| Sha256Digest::of(leaf.raw_bytes.as_bytes()) == authority)
            })
            .and_then(|known| without_scheme(known.uri.as_deref()?))
            .unwrap_or_else(|| authority.to_string());
        vouched
            .signed_at
            .push(SignedTime { time: SystemTime::from(time), source: TimeSource::Authority(name.clone()) });
        vouched.authorities.insert(name);
    }
    vouched.signed_at.sort_by_key(|signed| signed.time);
    Ok(vouched)
}

/// The authority that made a timestamp, by its certificate, and the time.
fn stamped(
    token: &[u8],
    signature: &SignatureBytes,
    root: &TrustedRoot,
) -> Option<(Sha256Digest, jiff::Timestamp)> {
    let token = TimestampToken::from_bytes(token);
    root.held.root.tsa_authorities().iter().find_map(|authority| {
        let time = verify_timestamp_for_authority(&token, signature, authority).ok()?;
        Some((Sha256Digest::of(authority.leaf.as_bytes()), time))
    })
}

fn system_time(seconds: i64) -> Result<SystemTime, VerifyError> {
    u64::try_from(seconds)
        .ok()
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds)))
        .ok_or_else(|| VerifyError::Log { detail: "an integrated time is out of range".to_owned() })
}

/// The log that an entry names, if that log's own key signed the checkpoint: the crate is content with a checkpoint of
/// any log, and then one log could pass for two.
fn vouching_log(entry: &LogEntry, root: &TrustedRoot) -> Result<String, VerifyError> {
    let wrong = |detail: &str| VerifyError::Log { detail: detail.to_owned() };
    let name = root.log_name(&entry.log).ok_or_else(|| wrong("an entry names a log that is not trusted"))?;
    let Some(proof) = &entry.proof else { return Ok(name) };
    let key = root
        .held
        .logs
        .key(&Sha256Hash::new(entry.log))
        .ok_or_else(|| wrong("the key of a log is of a kind that is not supported"))?;
    let note = CheckpointData::new(proof.checkpoint.as_str())
        .map_err(|error| wrong(&lacre_manifest::escape(&error.to_string())))?;
    let signed_by_it = note.checkpoint().is_some_and(|checkpoint| {
        checkpoint.signatures().iter().any(|signature| {
            signature.key_id.as_slice() == &entry.log[..4]
                && key.verify(checkpoint.signed_data(), &signature.signature).is_ok()
        })
    });
    if signed_by_it {
        Ok(name)
    } else {
        Err(wrong("a checkpoint is not signed by the log that the entry names"))
    }
}

/// What was signed, as far as the crate must know it.
fn artifact<'a>(pieces: &Pieces<'a>) -> Artifact<'a> {
    let digest =
        |digest: &Sha256Digest| Artifact::Digest(ArtifactDigest::sha256(Sha256Hash::new(*digest.as_bytes())));
    match &pieces.content {
        Content::Statement { subject, .. } => digest(subject),
        Content::Message { message: Ok(bytes), .. } => Artifact::Blob(bytes),
        Content::Message { message: Err(of), .. } => digest(of),
    }
}

fn handed_over(pieces: &Pieces<'_>, evidence: &Evidence) -> Result<Bundle, VerifyError> {
    let media_type = match pieces.version {
        Version::V01 => MediaType::Bundle0_1,
        Version::V02 => MediaType::Bundle0_2,
        Version::V03 => MediaType::Bundle0_3,
    };
    let material = match &pieces.material {
        SigningMaterial::Leaf(leaf) => VerificationMaterialContent::Certificate(CertificateContent::new(
            DerCertificate::from_bytes(leaf),
        )),
        SigningMaterial::Chain(chain) => VerificationMaterialContent::X509CertificateChain {
            certificates: chain
                .iter()
                .map(|der| X509Certificate::new(DerCertificate::from_bytes(der)))
                .collect(),
        },
        SigningMaterial::Key => VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new("")),
    };
    let content = match &pieces.content {
        Content::Statement { envelope, .. } => SignatureContent::DsseEnvelope(DsseEnvelope::new(
            envelope.payload_type(),
            PayloadBytes::from_bytes(envelope.payload()),
            DsseSignature::new(SignatureBytes::from_bytes(envelope.signature()), KeyId::new("")),
        )),
        Content::Message { signature, digest, .. } => {
            let signature = MessageSignature::new(SignatureBytes::from_bytes(signature));
            SignatureContent::MessageSignature(match digest {
                None => signature,
                Some((hash, digest)) => signature.with_message_digest(MessageDigest::new(
                    match hash {
                        MessageHash::Sha256 => HashAlgorithm::Sha2256,
                        MessageHash::Sha384 => HashAlgorithm::Sha2384,
                        MessageHash::Sha512 => HashAlgorithm::Sha2512,
                    },
                    DigestBytes::new(digest.clone()),
                )),
            })
        }
    };
    let entries = evidence.entries.iter().map(log_entry).collect::<Result<_, _>>()?;
    let timestamps = evidence
        .timestamps
        .iter()
        .map(|token| Rfc3161Timestamp::new(TimestampToken::from_bytes(token)))
        .collect();
    let material = VerificationMaterial::new(material)
        .with_tlog_entries(entries)
        .with_timestamp_verification_data(TimestampVerificationData::new(timestamps));
    Ok(Bundle::new(media_type, material, content))
}

fn log_entry(entry: &LogEntry) -> Result<TransparencyLogEntry, VerifyError> {
    let index = |index: u64| LogIndex::new(index).map_err(|_| malformed("a log index is out of range"));
    let kind = match entry.kind {
        EntryKind::HashedRekord1 => KindVersion::HashedRekordV001,
        EntryKind::HashedRekord2 => KindVersion::HashedRekordV002,
        EntryKind::Dsse1 => KindVersion::DsseV001,
        EntryKind::Intoto2 => KindVersion::IntotoV002,
    };
    let mut handed = TransparencyLogEntry::new(
        index(entry.index)?,
        LogId::new(LogKeyId::from_bytes(&entry.log)),
        kind,
        CanonicalizedBody::from_bytes(&entry.body),
    );
    if let Some(seconds) = entry.integrated {
        let time = jiff::Timestamp::from_second(seconds)
            .map_err(|_| malformed("an integrated time is out of range"))?;
        handed = handed.with_integrated_time(time);
    }
    if let Some(promise) = &entry.promise {
        handed = handed.with_inclusion_promise(InclusionPromise::new(SignedTimestamp::from_bytes(promise)));
    }
    if let Some(proof) = &entry.proof {
        let checkpoint = CheckpointData::new(proof.checkpoint.as_str())
            .map_err(|error| VerifyError::Log { detail: lacre_manifest::escape(&error.to_string()) })?;
        // What stands twice must be the same: the crate compares a part of it only, and a proof may hold in a tree of
        // another size than the signed one.
        let repeated = checkpoint.checkpoint().is_none_or(|checkpoint| {
            (proof.index == entry.index || entry.kind != EntryKind::HashedRekord2)
                && proof.size == checkpoint.tree_size()
                && proof.root == *checkpoint.root_hash().as_bytes()
        });
        if !repeated {
            return Err(VerifyError::Log { detail: "a proof and its checkpoint differ".to_owned() });
        }
        handed = handed.with_inclusion_proof(InclusionProof::new(
            index(proof.index)?,
            Sha256Hash::new(proof.root),
            proof.size,
            proof.path.iter().copied().map(Sha256Hash::new).collect(),
            checkpoint,
        ));
    }
    Ok(handed)
}

//! What is claimed: in-toto statements and their predicates, DSSE envelopes, Sigstore bundles, public keys.
//!
//! Bytes in, types out: no file is opened, no key is trusted, no time is asked for. The walk of the data:
//!
//! ```text
//! model.sig ─► Bundle ─► Envelope ──(PublicKey::verify over the payload's PAE)──► Statement ─► ModelClaim, ManifestClaim
//! ```
//!
//! Every reader refuses what two programs could read differently: keys that stand twice, a second signature, base64
//! that is not canonical, unknown members of closed types, names that leave the model's folder or are one file on some
//! systems. Every reader is bounded by [`Limits`]. Payloads are kept as they were signed and never written anew.
//!
//! ```
//! use lacre_attest::{Bundle, Envelope, IN_TOTO_PAYLOAD_TYPE, KeyHint, Limits, Material, ModelClaim, Statement};
//! use lacre_hash::Sha256Digest;
//! use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
//!
//! let path = EntryPath::parse("model.safetensors").map_err(|error| error.to_string())?;
//! let entry = Entry { path, size: None, digests: Digests::Sha256 { sha256: Sha256Digest::of(b"weights"), blake3: None } };
//! let manifest = Manifest::new(vec![entry]).map_err(|error| error.to_string())?;
//! let claim = ModelClaim::new("org/mini-lm", Some("1.0.0".to_owned()), manifest, Vec::new())?;
//!
//! let signature = vec![0; 64]; // by a signer, over `lacre_attest::pae(…)`
//! let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, claim.to_statement()?, signature)?;
//! let bundle = Bundle::new(Material::PublicKey(KeyHint::Missing), envelope);
//!
//! let read = Bundle::parse(&bundle.to_json(), &Limits::default())?;
//! let statement = Statement::parse(read.envelope().payload(), &Limits::default())?;
//! assert_eq!(ModelClaim::from_statement(&statement)?, claim);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod dsse;
mod error;
mod gauge;
mod hint;
mod key;
mod legacy;
mod limits;
mod predicate;
mod statement;
mod wire;

pub use bundle::{BUNDLE_MEDIA_TYPE, Bundle, CertificateForm, CertificateMaterial, Material};
pub use dsse::{Envelope, IN_TOTO_PAYLOAD_TYPE, pae};
pub use error::{AttestError, CODES, KeyProblem};
pub use gauge::Gauge;
pub use hint::KeyHint;
pub use key::{KeyAlgorithm, PublicKey};
pub use legacy::LegacyHash;
pub use limits::Limits;
pub use predicate::checkpoint::{LOG_CHECKPOINT_PREDICATE_TYPE, LogCheckpoint, LogId};
pub use predicate::declaration::Declaration;
pub use predicate::legacy::LEGACY_PREDICATE_TYPE;
pub use predicate::manifests::{COSIGN_SIGN_PREDICATE_TYPE, ManifestClaim};
pub use predicate::model::{Inspection, MODEL_PREDICATE_TYPE, ModelClaim};
pub use predicate::summary::{
    ResourceDescriptor, SummarySubject, VERIFICATION_SUMMARY_PREDICATE_TYPE, VerificationResult,
    VerificationSummary,
};
pub use statement::{STATEMENT_TYPE, STATEMENT_TYPE_BEFORE_V1, Statement, Subject};
pub use wire::Verbatim;

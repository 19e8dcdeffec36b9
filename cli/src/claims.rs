//! What a bundle claims, read and shown without believing any of it.

use std::fmt::Write as _;

use lacre_attest::{
    AttestError, Bundle, COSIGN_SIGN_PREDICATE_TYPE, CertificateForm, Inspection, KeyHint, Limits,
    MODEL_PREDICATE_TYPE, Material, ModelClaim, Statement, Subject,
};
use lacre_hash::Sha256Digest;
use lacre_manifest::{Digests, EntryPath, Shape, ShardDigests};
use lacre_verify::{CertificateIdentity, Claimant, VerifyError};
use serde_json::{Value, json};

use crate::args::signed_text;
use crate::error::CliError;
use crate::{shell, text};

/// What a bundle claims.
#[derive(Debug)]
pub(crate) struct Claims {
    material: Material,
    claimant: Result<Claimant, VerifyError>,
    log_entries: usize,
    timestamps: usize,
    predicate_type: String,
    subjects: Vec<Subject>,
    model: Option<ModelClaim>,
}

impl Claims {
    /// Reads a bundle with any kind of material and any predicate; that of a model must be well formed.
    pub(crate) fn read(bundle: &[u8], limits: &Limits) -> Result<Self, CliError> {
        let bundle = Bundle::parse(bundle, limits)?;
        let payload = bundle.envelope().payload();
        let statement = Statement::parse_any_version(payload, limits)?;
        let model = match statement.predicate_type() {
            MODEL_PREDICATE_TYPE => Some(ModelClaim::from_statement(&Statement::parse(payload, limits)?)?),
            _ => None,
        };
        Ok(Self {
            material: bundle.material().clone(),
            claimant: Claimant::of(bundle.material()),
            log_entries: bundle.log_entries(),
            timestamps: bundle.timestamps(),
            predicate_type: statement.predicate_type().to_owned(),
            subjects: statement.subjects().to_vec(),
            model,
        })
    }

    /// The claim about a model, if it is one.
    pub(crate) fn model(&self) -> Option<&ModelClaim> {
        self.model.as_ref()
    }

    /// Who is claimed to have signed it.
    ///
    /// # Errors
    /// Why that cannot be read.
    pub(crate) fn claimant(&self) -> Result<&Claimant, CliError> {
        self.claimant.as_ref().map_err(|error| CliError::Usage {
            message: format!("who signed it cannot be read: [{}] {error}", error.code()),
            tip: None,
        })
    }

    /// The flags with which somebody who has what they name can check the signature; none where no command line can name
    /// who is claimed.
    pub(crate) fn check_flags(&self) -> Option<String> {
        match self.claimant.as_ref().ok()? {
            Claimant::Key(_) => Some("--key KEY.pub".to_owned()),
            Claimant::Certificate(claimed) => {
                let key = || format!("spki:{}", claimed.spki());
                let text = match claimed.expected() {
                    CertificateIdentity::San(name) if !looks_otherwise(&name) => name,
                    CertificateIdentity::Subject(subject) => format!("subject:{subject}"),
                    _ => key(),
                };
                let text = if signed_text(&text).is_ok() { text } else { key() };
                Some(format!("--ca CA.pem {}", shell::option("--identity", text)?))
            }
            Claimant::Keyless(claimed) => {
                signed_text(claimed.issuer()).ok()?;
                signed_text(claimed.identity()).ok()?;
                let issuer = shell::option("--issuer", claimed.issuer())?;
                Some(format!("{issuer} {}", shell::option("--identity", claimed.identity())?))
            }
            _ => None,
        }
    }

    /// The trust file that would accept who is claimed, marked as a claim; for a model's signature only.
    pub(crate) fn trust_file(&self) -> Option<String> {
        self.model.as_ref()?;
        self.claimant.as_ref().ok().map(Claimant::trust_file)
    }

    /// Whether something is claimed of the manifest with this digest, by its digest. A claim about a model never is.
    pub(crate) fn names(&self, manifest: &Sha256Digest) -> bool {
        let hex = manifest.to_string();
        self.model.is_none() && self.subjects.iter().any(|it| it.digest.get("sha256") == Some(&hex))
    }

    /// The claim about a model, or why there is none.
    pub(crate) fn into_model(self) -> Result<ModelClaim, CliError> {
        let found = text::safe(&self.predicate_type);
        let other = AttestError::PredicateType { found, expected: MODEL_PREDICATE_TYPE };
        Ok(self.model.ok_or(other)?)
    }

    /// As `label, value` pairs for people.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        if let Some(claim) = &self.model {
            model_rows(claim, &mut rows);
        } else {
            let kind = match self.predicate_type.as_str() {
                COSIGN_SIGN_PREDICATE_TYPE => "a cosign signature of manifests",
                _ => "an attestation",
            };
            rows.push(("claim", format!("no model signature, but {kind} ({})", self.predicate_type)));
            rows.extend(self.subjects.iter().map(|subject| ("subject", subject_words(subject))));
        }
        rows.push(("signed by", self.material_words()));
        match &self.claimant {
            Ok(Claimant::Keyless(claimed)) => {
                rows.push((
                    "claimant",
                    format!("{}, as {} knows them", claimed.identity(), claimed.issuer()),
                ));
                rows.extend(claimed.ci().iter().map(|(name, value)| ("ci claim", format!("{name}={value}"))));
            }
            Ok(Claimant::Certificate(claimed)) => {
                rows.extend(claimed.names().iter().map(|name| ("claimant", name.clone())));
                rows.push(("subject", claimed.subject().to_owned()));
                rows.push(("issuer", claimed.issuer().to_owned()));
                rows.push(("key", format!("SHA-256 of its DER {}", claimed.spki())));
            }
            Ok(_) => {}
            Err(error) => rows.push(("claimant", format!("not to be read: [{}] {error}", error.code()))),
        }
        rows.push(("signed at", self.time_words()));
        rows
    }

    /// As JSON. Everything in it is unverified.
    pub(crate) fn to_json(&self) -> Value {
        let subjects: Vec<_> = self
            .subjects
            .iter()
            .map(|it| json!({ "annotations": it.annotations, "digest": it.digest, "name": it.name }))
            .collect();
        json!({
            "claimant": self.claimant_json(),
            "log_entries": self.log_entries,
            "material": self.material_json(),
            "model": self.model.as_ref().map(model_json),
            "predicate_type": self.predicate_type,
            "subjects": subjects,
            "timestamps": self.timestamps,
            "verified": false,
        })
    }

    fn claimant_json(&self) -> Value {
        match &self.claimant {
            Ok(Claimant::Keyless(claimed)) => json!({
                "ci": claimed.ci(),
                "identity": claimed.identity(),
                "issuer": claimed.issuer(),
            }),
            Ok(Claimant::Certificate(claimed)) => json!({
                "issuer": claimed.issuer(),
                "names": claimed.names(),
                "spki": claimed.spki().to_string(),
                "subject": claimed.subject(),
            }),
            _ => Value::Null,
        }
    }

    fn time_words(&self) -> String {
        match (self.timestamps, self.log_entries) {
            (0, 0) => "time unproven: no timestamp, no transparency log entry".to_owned(),
            (timestamps, entries) => {
                format!("{timestamps} timestamps and {entries} transparency log entries, not checked here")
            }
        }
    }

    fn material_words(&self) -> String {
        material_words(&self.material)
    }

    fn material_json(&self) -> Value {
        material_json(&self.material)
    }
}

/// Who is claimed to have signed, in a few words.
pub(crate) fn claimant_words(material: &Material) -> String {
    match Claimant::of(material) {
        Ok(Claimant::Keyless(claimed)) => {
            format!("{}, as {} knows them", claimed.identity(), claimed.issuer())
        }
        Ok(Claimant::Certificate(claimed)) => {
            format!("{}, under {}", claimed.subject(), claimed.issuer())
        }
        _ => material_words(material),
    }
}

/// By what a bundle says that it is to be verified, for people.
fn material_words(material: &Material) -> String {
    match material {
        Material::PublicKey(KeyHint::Missing) => "a public key that the bundle does not name".to_owned(),
        Material::PublicKey(hint) => {
            format!("a public key, {}", hint_words(hint).unwrap_or_default())
        }
        Material::Certificates(held) => {
            let form = match held.form() {
                CertificateForm::Leaf => "a certificate (Sigstore keyless)",
                CertificateForm::Chain => "a certificate chain",
            };
            let number = text::count(held.certificates().len(), "certificate");
            format!("{form}, {number}, not checked here")
        }
        _ => "something that this version of lacre does not know".to_owned(),
    }
}

/// The same as JSON.
pub(crate) fn material_json(material: &Material) -> Value {
    match material {
        Material::PublicKey(hint) => json!({
            "convention": convention(hint),
            "hint": hint.text(),
            "kind": "public-key",
        }),
        Material::Certificates(held) => json!({
            "form": match held.form() {
                CertificateForm::Leaf => "leaf",
                CertificateForm::Chain => "chain",
            },
            "kind": "certificates",
            "number": held.certificates().len(),
        }),
        _ => json!({ "kind": "unknown" }),
    }
}

/// Whether `--identity` would take a subject alternative name for another kind of name.
fn looks_otherwise(name: &str) -> bool {
    ["subject:", "spki:"].iter().any(|kind| name.starts_with(kind))
}

/// A key's name in a bundle, for people: the digest and by which convention it is made.
pub(crate) fn hint_words(hint: &KeyHint) -> Option<String> {
    let text = hint.text()?;
    Some(match hint {
        KeyHint::OmsHex(_) => format!("SHA-256 of its PEM text {text}"),
        KeyHint::CosignBase64(_) => format!("SHA-256 of its DER {text}"),
        KeyHint::Key(key) => format!("{} in full, SHA-256 of its PEM text {text}", key.algorithm().as_str()),
        _ => format!("named {text:?} by no known convention"),
    })
}

fn convention(hint: &KeyHint) -> Option<&'static str> {
    match hint {
        KeyHint::OmsHex(_) => Some("oms"),
        KeyHint::CosignBase64(_) => Some("cosign"),
        KeyHint::Key(_) => Some("key"),
        KeyHint::Missing => None,
        _ => Some("unknown"),
    }
}

fn model_rows(claim: &ModelClaim, rows: &mut Vec<(&'static str, String)>) {
    let manifest = claim.manifest();
    rows.push(("name", claim.name().to_owned()));
    rows.push(("version", claim.version().unwrap_or("none").to_owned()));
    let size = manifest.total_size().map_or_else(|| "sizes not claimed".to_owned(), text::size);
    rows.push(("files", format!("{}, {size}", manifest.len())));
    let identity = claim.identity().map_or_else(|| "none".to_owned(), ToString::to_string);
    rows.push(("identity", identity));
    rows.extend(manifest.entries().first().map(|entry| ("digests", entry.digests.to_string())));
    rows.push(("root", format!("sha256:{}", claim.root())));
    if claim.inspection() == Inspection::NotInspected {
        rows.push(("content", "not looked at by the signer (digests of a registry)".to_owned()));
    }
    if let Some(shape) = claim.shape() {
        rows.push(("executable", few_words(shape.executable(), "")));
        rows.push(("empty", few_words(shape.empty_folders(), "/")));
    }
    if !claim.ignore_paths().is_empty() {
        let paths: Vec<_> = claim.ignore_paths().iter().map(ToString::to_string).collect();
        rows.push(("left out", paths.join(", ")));
    }
}

/// The first of these names, and how many more there are.
fn few_words(paths: &[EntryPath], end: &str) -> String {
    const SHOWN: usize = 8;
    let mut words: Vec<_> = paths.iter().take(SHOWN).map(|path| format!("{path}{end}")).collect();
    match paths.len() {
        0 => words.push("none".to_owned()),
        more if more > SHOWN => words.push(format!("and {} more", more - SHOWN)),
        _ => {}
    }
    words.join(", ")
}

fn model_json(claim: &ModelClaim) -> Value {
    let manifest = claim.manifest();
    let files: Vec<_> = manifest
        .entries()
        .iter()
        .map(|it| {
            json!({
                "blake2b": blake2b(&it.digests),
                "blake3": it.blake3(),
                "path": it.path,
                "sha256": it.sha256(),
                "shards": shards(&it.digests),
                "size": it.size,
            })
        })
        .collect();
    json!({
        "bytes": manifest.total_size(),
        "empty_folders": claim.shape().map(Shape::empty_folders),
        "executable": claim.shape().map(Shape::executable),
        "files": files,
        "identity": claim.identity().map(ToString::to_string),
        "ignore_paths": claim.ignore_paths(),
        "inspected": claim.inspection() == Inspection::Inspected,
        "name": claim.name(),
        "root": claim.root().to_string(),
        "version": claim.version(),
    })
}

fn blake2b(digests: &Digests) -> Option<String> {
    match digests {
        Digests::Blake2b(digest) => Some(digest.to_string()),
        _ => None,
    }
}

fn shards(digests: &Digests) -> Value {
    let Digests::Shards(shards) = digests else { return Value::Null };
    let (algorithm, digests): (_, Vec<String>) = match &shards.digests {
        ShardDigests::Blake2b(list) => ("blake2b", list.iter().map(ToString::to_string).collect()),
        ShardDigests::Sha256(list) => ("sha256", list.iter().map(ToString::to_string).collect()),
    };
    json!({ "algorithm": algorithm, "digests": digests, "size": shards.size })
}

/// What a file is known by, for people: its SHA-256 alone, as everybody prints it, or a digest with its name.
pub(crate) fn digest_words(digests: &Digests) -> String {
    match digests {
        Digests::Blake2b(digest) => format!("blake2b:{digest}"),
        Digests::Blake3(digest) => format!("blake3:{digest}"),
        Digests::Sha256 { sha256, .. } => sha256.to_string(),
        Digests::Shards(shards) => {
            format!("{} ({digests})", text::count(shards.digests.count(), "piece"))
        }
    }
}

fn subject_words(subject: &Subject) -> String {
    let mut words = subject.name.clone();
    for (algorithm, digest) in &subject.digest {
        // Writing to a string cannot fail.
        let _ = write!(words, " {algorithm}:{digest}");
    }
    words
}

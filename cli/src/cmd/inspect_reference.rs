//! `lacre inspect` of a reference: the artifact, what refers to it, and what the signatures among that claim.

use lacre_attest::Limits;
use lacre_hash::Sha256Digest;
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, CHUNKS_ARTIFACT_TYPE, Descriptor, ModelArtifact, ModelConfig, Reference,
    RegistryError, SignatureReferrer, Store, Tag, Target,
};
use serde_json::{Value, json};

use super::inspect::{check_lines, expectations, unverified};
use crate::claims::Claims;
use crate::error::CliError;
use crate::printer::{Done, Line};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, shell, text};

/// So many referrers are looked into; anybody can add more.
pub(super) const LOOKED_INTO: usize = 64;
/// A configuration is a small text.
const CONFIG_LIMIT: u64 = 4 * 1024 * 1024;

pub(super) fn run(
    reference: &Reference,
    registry: &RegistryArgs,
    session: &Session,
) -> Result<Done, CliError> {
    let store = registry.open(reference, session)?;
    let found = store.resolve(reference.target())?;
    let artifact = ModelArtifact::parse(&store.manifest(&found)?)?;
    let config = artifact.parse_config(&store.small_blob(&artifact.config, CONFIG_LIMIT)?)?;
    let referrers = store.referrers(&found.digest, None)?;
    let mut looked = Vec::new();
    for referrer in referrers.iter().take(LOOKED_INTO) {
        interrupt::check()?;
        looked.push(Referrer::look(store.as_ref(), &found.digest, referrer, &session.limits()));
    }
    if referrers.len() > LOOKED_INTO {
        session.warn(format!("only {LOOKED_INTO} of {} referrers were looked into", referrers.len()));
    }
    let older = older(store.as_ref(), &found.digest)?;
    let check = looked.iter().find_map(|referrer| check_command(reference, referrer.readable()?));
    let blobs = artifact.layers.iter().map(|layer| &layer.descriptor);
    let blobs = blobs.chain(artifact.packs.iter().map(|pack| &pack.descriptor));
    let bytes = blobs.fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    let result = json!({
        "bytes": bytes,
        "check": check,
        "archives": artifact.packs.iter().map(|pack| descriptor_json(&pack.descriptor)).collect::<Vec<_>>(),
        "config": descriptor_json(&artifact.config),
        "format": artifact.format.name(),
        "kind": "reference",
        "layers": layers_json(&artifact),
        "manifest": descriptor_json(&found),
        "name": config.name,
        "older_tags": older.iter().map(Tag::as_str).collect::<Vec<_>>(),
        "reference": reference.to_string(),
        "referrers": looked.iter().map(|referrer| referrer.to_json(reference)).collect::<Vec<_>>(),
        "verified": false,
        "version": config.version,
    });
    let mut lines = vec![
        unverified("reference", &reference.to_string()),
        unverified("manifest", &format!("sha256:{}", found.digest)),
        unverified("config", &format!("sha256:{}{}", artifact.config.digest, title(&config))),
        unverified("format", artifact.format.name()),
        unverified(
            "layers",
            &format!(
                "{}{}, {}",
                artifact.layers.len() + artifact.packs.len(),
                archives(&artifact),
                text::size(bytes)
            ),
        ),
    ];
    if session.printer.is_verbose() {
        lines.extend(artifact.layers.iter().map(|layer| {
            let Descriptor { digest, size, .. } = &layer.descriptor;
            unverified("layer", &format!("{digest}  {}  {}", layer.path, text::size(*size)))
        }));
    }
    if session.printer.is_verbose() {
        lines.extend(artifact.packs.iter().map(|pack| {
            let Descriptor { digest, size, .. } = &pack.descriptor;
            unverified("archive", &format!("{digest}  {}", text::size(*size)))
        }));
    }
    lines.extend(looked.iter().flat_map(|referrer| referrer.lines(reference)));
    lines.extend(older.iter().map(|tag| {
        unverified("tag", &format!("{tag}: of cosign before version 3; not read, and counts as no signature"))
    }));
    if looked.is_empty() && older.is_empty() {
        lines.push(unverified("referrers", "none: nobody signed it here"));
    }
    Ok(Done::new(result, lines))
}

/// The tags that are there of those by which cosign before version 3 finds signatures and attestations.
fn older(store: &dyn Store, manifest: &Sha256Digest) -> Result<Vec<Tag>, CliError> {
    let mut found = Vec::new();
    for kind in ["sig", "att"] {
        let tag = Tag::parse(&format!("sha256-{manifest}.{kind}"))?;
        match store.resolve(&Target::Tag(tag.clone())) {
            Ok(_) => found.push(tag),
            Err(RegistryError::TagNotFound { .. } | RegistryError::NotInRepository { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// What a bundle claims that refers to something in a store.
pub(super) fn read_claims(
    store: &dyn Store,
    descriptor: &Descriptor,
    limits: &Limits,
) -> Result<Claims, CliError> {
    let referrer = SignatureReferrer::parse(&store.manifest(descriptor)?)?;
    let limit = u64::try_from(limits.bundle()).unwrap_or(u64::MAX);
    Claims::read(&store.small_blob(&referrer.bundle, limit)?, limits)
}

/// Something that refers to the artifact.
struct Referrer<'a> {
    /// The digest of the artifact's manifest.
    subject: &'a Sha256Digest,
    descriptor: &'a Descriptor,
    /// What it claims, if it is a signature bundle; one that cannot be read is told, and hides no other.
    claims: Option<Result<Claims, CliError>>,
}

impl<'a> Referrer<'a> {
    fn look(
        store: &dyn Store,
        subject: &'a Sha256Digest,
        descriptor: &'a Descriptor,
        limits: &Limits,
    ) -> Self {
        let is_bundle = descriptor.artifact_type.as_deref() == Some(BUNDLE_ARTIFACT_TYPE);
        Self { subject, descriptor, claims: is_bundle.then(|| read_claims(store, descriptor, limits)) }
    }

    /// Why nothing is told of what is in it, if nothing is.
    fn skipped(&self) -> Option<&'static str> {
        match (&self.claims, self.descriptor.artifact_type.as_deref()) {
            (Some(_), _) => None,
            (None, Some(CHUNKS_ARTIFACT_TYPE)) => Some("chunk lists, which sign nothing"),
            (None, _) => {
                Some("of a kind that lacre does not read: it may be a signature, and counts as none")
            }
        }
    }

    /// Whether it names the manifest that it is attached to; nothing for a signature of a model, which names files.
    fn names_subject(&self) -> Option<bool> {
        let claims = self.readable().filter(|claims| claims.model().is_none())?;
        Some(claims.names(self.subject))
    }

    /// What it claims, if that can be read.
    fn readable(&self) -> Option<&Claims> {
        self.claims.as_ref()?.as_ref().ok()
    }

    fn to_json(&self, reference: &Reference) -> Value {
        let error = |error: &CliError| json!({ "code": error.code(), "message": error.to_string() });
        json!({
            "artifact_type": self.descriptor.artifact_type,
            "check": self.readable().and_then(|claims| check_command(reference, claims)),
            "claims": self.readable().map(Claims::to_json),
            "digest": format!("sha256:{}", self.descriptor.digest),
            "names_manifest": self.names_subject(),
            "predicate_type": self.descriptor.announced_predicate(),
            "skipped": self.skipped(),
            "error": self.claims.as_ref().and_then(|claims| claims.as_ref().err()).map(error),
            "trust_file": self.readable().and_then(Claims::trust_file),
        })
    }

    fn lines(&self, reference: &Reference) -> Vec<Line> {
        let kind = self.descriptor.artifact_type.as_deref().unwrap_or("of no stated type");
        let mut lines = vec![unverified("referrer", &format!("sha256:{} {kind}", self.descriptor.digest))];
        match &self.claims {
            None => lines.extend(self.skipped().map(|why| unverified("  skipped", why))),
            Some(Ok(claims)) => {
                lines.extend(
                    claims.rows().iter().map(|(label, value)| unverified(&format!("  {label}"), value)),
                );
                lines.extend(self.names_subject().map(|names| {
                    let words = if names {
                        "of this manifest"
                    } else {
                        "NOT of this manifest, though it is attached to it"
                    };
                    unverified("  about", words)
                }));
                lines.extend(check_lines(check_command(reference, claims).as_deref(), claims));
            }
            Some(Err(error)) => {
                lines.extend(
                    self.descriptor.announced_predicate().map(|kind| unverified("  announced", kind)),
                );
                lines.push(unverified("  unreadable", &format!("[{}] {error}", error.code())));
            }
        }
        lines
    }
}

fn check_command(reference: &Reference, claims: &Claims) -> Option<String> {
    let (claim, flags) = (claims.model()?, claims.check_flags()?);
    let expected = expectations(claim.name(), claim.version())?;
    Some(format!("lacre pull {} DIR {flags}{expected}", shell::word(&reference.to_string())?))
}

/// How many of the layers are archives, if any are.
fn archives(artifact: &ModelArtifact) -> String {
    match artifact.packs.len() {
        0 => String::new(),
        archives => format!(" ({archives} archives of files that only the signature names)"),
    }
}

fn title(config: &ModelConfig) -> String {
    let words = [config.name.as_deref(), config.version.as_deref()];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(" ")) }
}

fn descriptor_json(descriptor: &Descriptor) -> Value {
    json!({
        "digest": format!("sha256:{}", descriptor.digest),
        "media_type": descriptor.media_type,
        "size": descriptor.size,
    })
}

fn layers_json(artifact: &ModelArtifact) -> Value {
    let layer = |layer: &lacre_registry_client::ModelLayer| {
        let mut value = descriptor_json(&layer.descriptor);
        value["path"] = json!(layer.path);
        value
    };
    artifact.layers.iter().map(layer).collect()
}

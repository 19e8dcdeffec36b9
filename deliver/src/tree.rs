//! What hangs on an artifact: signatures, attestations, and what refers to those in turn.
//!
//! ```text
//! reference ─► manifest ─┬─ what it refers to, what that refers to, …
//!                        └─ referrers ─► each: bundle? ─► verified, or why not ─► its referrers, …
//! ```
//!
//! This is for looking. It decides nothing, and whoever keeps the store can leave out of it what they like; a store that
//! cannot be asked is an error, and never an artifact without signatures.

use lacre_attest::{Bundle, Limits, MODEL_PREDICATE_TYPE, Material, ModelClaim, Statement};
use lacre_hash::{Progress, Sha256Digest};
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, CHUNKS_ARTIFACT_TYPE, Descriptor, Discovery, MODEL_ARTIFACT_TYPE, ModelArtifact,
    Outline, RegistryError, SignatureReferrer, Store, Target,
};
use lacre_verify::{
    Attestation, Endorsement, Failure, Report, Requirements, SignedAt, Signer, Unverified, Verified,
};

use crate::DeliverError;
use crate::accept::{how_far, one_to_one, signed_digests};

/// Manifests in a tree. Whoever can write to the store can attach any number.
const MOST: usize = 256;
/// Bundles that are looked into.
const MOST_BUNDLES: usize = 64;
/// Subjects of a statement that are told, and characters of each text in it.
const TOLD_SUBJECTS: usize = 16;
const TOLD_CHARACTERS: usize = 512;
/// How far referrers of referrers, and subjects of subjects, are followed.
const DEEPEST: usize = 8;

/// An artifact and what hangs on it.
#[derive(Debug)]
pub struct Tree {
    /// The manifest that the reference led to, with its own artifact type and annotations.
    pub manifest: Descriptor,
    /// What it refers to itself, the nearest first.
    pub about: Vec<Edge>,
    /// Whether enough trusted signers signed exactly its files.
    pub standing: Standing<Vec<Signer>>,
    /// What refers to it.
    pub referrers: Branch,
    /// Whether there is more than was looked at.
    pub is_cut: bool,
}

/// A manifest that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Its digest.
    pub manifest: Sha256Digest,
    /// Its artifact type; nothing where the store does not hold it.
    pub artifact_type: Option<String>,
}

/// What refers to a manifest.
#[derive(Debug)]
pub struct Branch {
    /// Where it was looked for; nothing where it was not, as the tree is cut here.
    pub by: Option<Discovery>,
    /// In the order of their digests.
    pub nodes: Vec<Node>,
}

/// Something that refers to a manifest.
#[derive(Debug)]
pub struct Node {
    /// Its manifest, with its own artifact type and annotations.
    pub manifest: Descriptor,
    /// What it is.
    pub kind: NodeKind,
    /// Whether it is verified: signed by somebody who is trusted, over what it is attached to.
    pub standing: Standing<Box<SignedBy>>,
    /// What refers to it.
    pub referrers: Branch,
}

/// What a referrer is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NodeKind {
    /// A signature bundle, and what it says of itself if that can be read.
    Bundle(Option<Said>),
    /// Chunk lists.
    ChunkLists,
    /// Something that this version does not know.
    Unknown,
}

/// What a bundle says of itself. Claimed, and confirmed by nobody unless the node is verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Who is said to have signed.
    pub material: Material,
    /// Of which kind the statement is; cut to 512 characters.
    pub predicate_type: String,
    /// What it is about: names of the first 16 subjects, and of a model its version; each cut to 512 characters.
    pub subjects: Vec<String>,
    /// How many subjects there are besides.
    pub more_subjects: usize,
}

/// Who signed something, and when.
#[derive(Debug, Clone)]
pub struct SignedBy {
    /// Who.
    pub signer: Signer,
    /// When, as far as that is proven.
    pub signed_at: SignedAt,
}

/// Whether something is verified.
#[derive(Debug)]
pub enum Standing<T> {
    /// It is, and this is by whom.
    Verified(T),
    /// It is not.
    Unverified(Reason),
}

/// Why something is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody is trusted, as nobody was named.
    NotChecked,
    /// More is attached than is looked into.
    NotLookedInto,
    /// It was refused.
    Refused {
        /// The stable code.
        code: &'static str,
        /// Why, safe for a terminal.
        message: String,
    },
    /// It is of a type that this version does not know.
    UnknownType,
    /// Nobody signs such a thing: it proves itself when it is used.
    Unsigned,
}

impl Reason {
    /// A stable word for it: the code of a refusal, or what was not done.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotChecked => "not-checked",
            Self::NotLookedInto => "not-looked-into",
            Self::Refused { code, .. } => code,
            Self::UnknownType => "unknown-type",
            Self::Unsigned => "unsigned",
        }
    }

    fn refused(error: &DeliverError) -> Self {
        Self::Refused { code: error.code(), message: error.to_string() }
    }
}

/// Finds all that hangs on what `target` names. Without requirements nothing is verified.
///
/// # Errors
/// When the store cannot be asked: for the manifest, for the referrers of anything, for a bundle. What is malformed, or
/// refused, is no error: it stands in the tree as such.
pub fn tree(
    store: &dyn Store,
    target: &Target,
    requirements: Option<&Requirements>,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Tree, DeliverError> {
    let found = store.resolve(target)?;
    let bytes = store.manifest(&found)?;
    let outline = Outline::parse(&bytes)?;
    let mut walk = Walk { store, requirements, limits, progress, manifests: 0, bundles: 0, is_cut: false };
    let about = walk.about(outline.subject)?;
    let mut endorsements = Vec::new();
    let referrers = walk.branch(&found, &bytes, 0, &mut endorsements)?;
    let standing = match requirements {
        None => Standing::Unverified(Reason::NotChecked),
        Some(_) if outline.artifact_type != MODEL_ARTIFACT_TYPE => Standing::Unverified(Reason::UnknownType),
        Some(requirements) => whole(&found, endorsements, requirements),
    };
    let manifest = Descriptor { artifact_type: Some(outline.artifact_type), ..found };
    Ok(Tree { manifest, about, standing, referrers, is_cut: walk.is_cut })
}

/// What became of a signature over a model.
type Endorsed = Result<Verified<Endorsement>, DeliverError>;

/// Whether what trusted signers say is enough, all of it together.
fn whole(
    manifest: &Descriptor,
    endorsements: Vec<Endorsed>,
    requirements: &Requirements,
) -> Standing<Vec<Signer>> {
    let (good, bad): (Vec<_>, Vec<_>) = endorsements.into_iter().partition(Result::is_ok);
    if good.is_empty() {
        let errors = bad.into_iter().filter_map(Result::err);
        let furthest = errors.reduce(|one, other| if how_far(&other) > how_far(&one) { other } else { one });
        let error = furthest.unwrap_or(DeliverError::NoSignature {
            manifest: manifest.digest,
            // They stand in the tree.
            others: Vec::new(),
        });
        return Standing::Unverified(Reason::refused(&error));
    }
    match Verified::unite(good.into_iter().flatten().map(Ok), requirements) {
        Ok(claim) => Standing::Verified(claim.signers().to_vec()),
        Err(failure) => Standing::Unverified(Reason::refused(&DeliverError::Refused(failure))),
    }
}

struct Walk<'a> {
    store: &'a dyn Store,
    requirements: Option<&'a Requirements>,
    limits: &'a Limits,
    progress: &'a dyn Progress,
    manifests: usize,
    bundles: usize,
    is_cut: bool,
}

impl Walk<'_> {
    /// The manifests that `subject` leads to.
    fn about(&mut self, subject: Option<Sha256Digest>) -> Result<Vec<Edge>, DeliverError> {
        let mut edges: Vec<Edge> = Vec::new();
        let mut next = subject;
        while let Some(manifest) = next {
            if edges.len() == DEEPEST {
                self.is_cut = true;
                break;
            }
            let found = match self.store.resolve(&Target::Digest(manifest)) {
                Ok(found) => Some(Outline::parse(&self.store.manifest(&found)?)?),
                // A subject need not be there (image specification 1.1).
                Err(RegistryError::DigestNotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            next = found.as_ref().and_then(|outline| outline.subject);
            edges.push(Edge { manifest, artifact_type: found.map(|outline| outline.artifact_type) });
        }
        Ok(edges)
    }

    /// What refers to `subject`, whose text is `bytes`. Signatures over the model that it is go to `endorsements`.
    fn branch(
        &mut self,
        subject: &Descriptor,
        bytes: &[u8],
        depth: usize,
        endorsements: &mut Vec<Endorsed>,
    ) -> Result<Branch, DeliverError> {
        if depth == DEEPEST || self.manifests >= MOST {
            self.is_cut = true;
            return Ok(Branch { by: None, nodes: Vec::new() });
        }
        let discovered = self.store.discover(&subject.digest)?;
        let mut nodes = Vec::new();
        for manifest in discovered.referrers {
            if self.progress.cancelled() {
                return Err(RegistryError::Interrupted.into());
            }
            if self.manifests >= MOST {
                self.is_cut = true;
                break;
            }
            self.manifests += 1;
            let text = self.store.manifest(&manifest)?;
            let (kind, standing) = match manifest.artifact_type.as_deref() {
                Some(BUNDLE_ARTIFACT_TYPE) => self.bundle(subject, bytes, &text, endorsements)?,
                Some(CHUNKS_ARTIFACT_TYPE) => (NodeKind::ChunkLists, Standing::Unverified(Reason::Unsigned)),
                _ => (NodeKind::Unknown, Standing::Unverified(Reason::UnknownType)),
            };
            let referrers = self.branch(&manifest, &text, depth + 1, &mut Vec::new())?;
            nodes.push(Node { manifest, kind, standing, referrers });
        }
        Ok(Branch { by: Some(discovered.by), nodes })
    }

    /// One bundle that is attached to `subject`, whose text is `parent`.
    fn bundle(
        &mut self,
        subject: &Descriptor,
        parent: &[u8],
        text: &[u8],
        endorsements: &mut Vec<Endorsed>,
    ) -> Result<(NodeKind, Standing<Box<SignedBy>>), DeliverError> {
        if self.bundles >= MOST_BUNDLES {
            self.is_cut = true;
            return Ok((NodeKind::Bundle(None), Standing::Unverified(Reason::NotLookedInto)));
        }
        self.bundles += 1;
        let read = SignatureReferrer::parse(text)
            .and_then(|found| self.store.small_blob(&found.bundle, self.limits.bundle() as u64));
        let bundle = match read {
            Ok(bundle) => bundle,
            // The store cannot be asked: that is nothing about the bundle.
            Err(
                error @ (RegistryError::Remote { .. }
                | RegistryError::Auth { .. }
                | RegistryError::Interrupted
                | RegistryError::Read { .. }),
            ) => return Err(error.into()),
            Err(error) => {
                let reason = Reason::refused(&error.into());
                return Ok((NodeKind::Bundle(None), Standing::Unverified(reason)));
            }
        };
        let said = match Said::read(&bundle, self.limits) {
            Ok(said) => said,
            Err(failure) => {
                let reason = Reason::refused(&DeliverError::Refused(failure));
                return Ok((NodeKind::Bundle(None), Standing::Unverified(reason)));
            }
        };
        let standing = match self.requirements {
            None => Standing::Unverified(Reason::NotChecked),
            Some(requirements) => {
                let signed = if said.predicate_type == MODEL_PREDICATE_TYPE {
                    let endorsed = endorsed(&bundle, parent, requirements, self.limits);
                    let signed = endorsed.as_ref().map(|one| SignedBy::of(one.signer(), one.report()));
                    let signed = signed.map_err(Reason::refused);
                    endorsements.push(endorsed);
                    signed
                } else {
                    Unverified::<Attestation>::parse(&bundle, self.limits)
                        .and_then(|one| one.verify(requirements, &subject.digest))
                        .map(|one| SignedBy::of(one.signer(), one.report()))
                        .map_err(|failure| Reason::refused(&DeliverError::Refused(failure)))
                };
                signed.map_or_else(Standing::Unverified, |signed| Standing::Verified(Box::new(signed)))
            }
        };
        Ok((NodeKind::Bundle(Some(said)), standing))
    }
}

/// A model signature that meets the requirements, over exactly the files of the artifact whose manifest is `parent`.
fn endorsed(bundle: &[u8], parent: &[u8], requirements: &Requirements, limits: &Limits) -> Endorsed {
    let endorsement = Unverified::<Endorsement>::parse(bundle, limits)
        .and_then(|one| one.verify(requirements))
        .map_err(DeliverError::Refused)?;
    let files = ModelArtifact::parse(parent)?.files()?;
    one_to_one(&files, signed_digests(&endorsement)?)?;
    Ok(endorsement)
}

impl SignedBy {
    fn of(signer: &Signer, report: &Report) -> Self {
        Self { signer: signer.clone(), signed_at: report.signed_at.clone() }
    }
}

impl Said {
    fn read(bundle: &[u8], limits: &Limits) -> Result<Self, Box<Failure>> {
        let failed = |error: lacre_attest::AttestError| {
            Box::new(Failure { error: error.into(), report: Report::default() })
        };
        let bundle = Bundle::parse(bundle, limits).map_err(failed)?;
        let statement = Statement::parse(bundle.envelope().payload(), limits).map_err(failed)?;
        let (subjects, more_subjects) = if statement.predicate_type() == MODEL_PREDICATE_TYPE {
            let claim = ModelClaim::from_statement(&statement).map_err(failed)?;
            let words: Vec<_> = [Some(claim.name()), claim.version()].into_iter().flatten().collect();
            (vec![shortened(&words.join(" "))], 0)
        } else {
            let told = statement.subjects().iter().take(TOLD_SUBJECTS);
            let told: Vec<_> = told.map(|subject| shortened(&subject.name)).collect();
            let more = statement.subjects().len() - told.len();
            (told, more)
        };
        let predicate_type = shortened(statement.predicate_type());
        Ok(Self { material: bundle.material().clone(), predicate_type, subjects, more_subjects })
    }
}

/// A text of a stranger's choice, as long as it is worth reading.
fn shortened(text: &str) -> String {
    text.chars().take(TOLD_CHARACTERS).collect()
}

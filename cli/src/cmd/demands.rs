//! What a signature must satisfy: `verify` and `pull` demand it alike.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use lacre_hash::Sha256Digest;
use lacre_sign::SigstoreTrust;
use lacre_verify::{
    Anchors, CertificateIdentity, Crls, KeylessIdentity, Requirements, SubjectMatch, TimestampAuthorities,
    Trust, TrustedRoot, VerifyError,
};

use crate::args::signed_text;
use crate::error::CliError;
use crate::gate::{CarriedArgs, Following, Gate};
use crate::keys::KeyRing;
use crate::session::Session;
use crate::sigstore_trust::{self, Known};
use crate::text;

/// The longest file of certificates, lists or roots, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// What a signature must satisfy.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("anchor").required(true).multiple(true).args(["key", "trust", "ca", "issuer", "policy"]))]
pub(crate) struct Demands {
    /// Public key to trust (repeatable)
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Trust file: keys with terms, authorities, identities
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Policy: who and what may be loaded
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "key", "trust", "ca", "issuer", "identity", "identity_regex", "ci", "trusted_root", "crl", "tsa_chain",
            "any_identity_danger", "allow_legacy_danger",
        ]
    )]
    policy: Option<PathBuf>,
    #[command(flatten)]
    carried: CarriedArgs,
    /// Certificate authority (repeatable); needs --identity
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Keyless: the provider's URL; needs --identity
    #[arg(long, value_name = "URL", value_parser = signed_text)]
    issuer: Option<String>,
    /// Who must have signed (subject:…, spki:… for --ca)
    #[arg(long, value_name = "ID", value_parser = signed_text)]
    identity: Vec<String>,
    /// Keyless: a pattern that must match the whole identity
    #[arg(long, value_name = "RE", requires = "issuer", hide_short_help = true)]
    identity_regex: Vec<String>,
    /// Keyless: demand this of the CI run, as repository=https://… (repeatable)
    #[arg(long, value_name = "CLAIM=VALUE", requires = "issuer", hide_short_help = true)]
    ci: Vec<String>,
    /// The Sigstore, or a file of trust update: for --issuer [default: the public one], and as a witness beside a key
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    trusted_root: Option<PathBuf>,
    /// Revocation list (repeatable); with any, every certificate needs a current one
    #[arg(long, value_name = "FILE", requires = "ca", hide_short_help = true)]
    crl: Vec<PathBuf>,
    /// Chain of an authority that is trusted to tell when something was signed (repeatable)
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    tsa_chain: Vec<PathBuf>,
    /// Accept whoever an authority vouches for: any holder of any of its certificates
    #[arg(long, hide_short_help = true, conflicts_with_all = ["identity", "identity_regex"])]
    any_identity_danger: bool,
    /// Refuse all that is not covered, and modes and empty folders that are not as signed
    #[arg(long, hide_short_help = true)]
    strict: bool,
    /// Accept signatures of model-signing 0.2, which name no model
    #[arg(long, hide_short_help = true)]
    allow_legacy_danger: bool,
    /// Demand so many distinct signers
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(NonZeroUsize))]
    signers: Option<NonZeroUsize>,
    /// Demand this signed name
    #[arg(long, value_name = "NAME", value_parser = signed_text)]
    expect_name: Option<String>,
    /// Demand this signed version
    #[arg(long, value_name = "V", value_parser = signed_text)]
    expect_version: Option<String>,
}

impl Demands {
    /// The same for the verifier, and the keys with the files they came from.
    pub(crate) fn read(&self, session: &Session) -> Result<(Requirements, KeyRing), CliError> {
        if self.policy.is_some() {
            return Err(CliError::usage("--policy is for verify, pull and exec"));
        }
        // clap lets an option pass whose policy something else rules out.
        if self.carried.channel().is_some() {
            return Err(CliError::usage("--policy-channel says where a policy is, and no --policy is named"));
        }
        let ring = KeyRing::read(&self.key)?;
        let sigstore = self.sigstore()?;
        let trust = self.trust(&ring, sigstore.as_ref(), session)?;
        let ring = ring.with_sigstore(sigstore);
        // The command line can demand more than the file, never less.
        let signers = self.signers.unwrap_or(NonZeroUsize::MIN).max(trust.wanted_signers());
        let trust = trust.signers(signers);
        let mut requirements = self.expectations(Requirements::new(trust).limits(session.limits()));
        if self.allow_legacy_danger {
            requirements = requirements.allow_legacy_danger();
        }
        Ok((requirements, ring))
    }

    /// The policy, if one says whom to trust.
    pub(crate) fn policy(
        &self,
        following: Following<'_>,
        session: &Session,
    ) -> Result<Option<Gate>, CliError> {
        let open = |said| Gate::open(said, &self.carried, following, session);
        self.policy.as_deref().map(open).transpose()
    }

    /// Whether a policy says whom to trust.
    pub(super) fn has_policy(&self) -> bool {
        self.policy.is_some()
    }

    /// What is demanded besides a policy.
    pub(crate) fn beside_policy(&self, session: &Session) -> Requirements {
        let signers = self.signers.unwrap_or(NonZeroUsize::MIN);
        self.expectations(Requirements::beside_policy(signers).limits(session.limits()))
    }

    fn expectations(&self, mut requirements: Requirements) -> Requirements {
        if let Some(name) = &self.expect_name {
            requirements = requirements.expect_name(name);
        }
        if let Some(version) = &self.expect_version {
            requirements = requirements.expect_version(version);
        }
        if self.strict {
            requirements = requirements.strict();
        }
        requirements
    }

    /// The same where nothing has to be demanded.
    pub(super) fn read_any(&self, session: &Session) -> Result<Option<(Requirements, KeyRing)>, CliError> {
        if self.is_empty() { Ok(None) } else { self.read(session).map(Some) }
    }

    /// What of it is demanded of models alone, if anything is.
    pub(super) fn of_models(&self) -> Option<&'static str> {
        let given = [
            ("--expect-name", self.expect_name.is_some()),
            ("--expect-version", self.expect_version.is_some()),
            ("--strict", self.strict),
            ("--allow-legacy-danger", self.allow_legacy_danger),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }

    fn is_empty(&self) -> bool {
        let Self {
            key,
            trust,
            policy,
            carried: _,
            ca,
            issuer,
            identity,
            identity_regex,
            ci,
            trusted_root,
            crl,
            tsa_chain,
            any_identity_danger,
            strict,
            allow_legacy_danger,
            signers,
            expect_name,
            expect_version,
        } = self;
        let files = [key, ca, crl, tsa_chain].into_iter().all(Vec::is_empty);
        let texts = [identity, identity_regex, ci].into_iter().all(Vec::is_empty);
        let single = [issuer, expect_name, expect_version].into_iter().all(Option::is_none);
        let others = trust.is_none() && policy.is_none() && trusted_root.is_none() && signers.is_none();
        files && texts && single && others && !any_identity_danger && !strict && !allow_legacy_danger
    }

    fn trust(&self, ring: &KeyRing, sigstore: Option<&Known>, session: &Session) -> Result<Trust, CliError> {
        let file =
            self.trust.as_deref().map(|path| Trust::read_with(path, &sigstore_trust::public_good_root));
        let mut trust = file.transpose().map_err(CliError::Trust)?;
        let keys = ring.keys();
        if !keys.is_empty() {
            let with = match trust {
                None => Trust::keys(keys),
                Some(known) => known.and_keys(keys),
            };
            trust = Some(with.map_err(CliError::Trust)?);
        }
        if !self.ca.is_empty() {
            trust = Some(self.authorities(trust)?);
        }
        let root = self.root(sigstore, session)?;
        if let Some(issuer) = &self.issuer {
            trust = Some(self.keyless(trust, issuer, root.as_ref())?);
        }
        let nobody = || CliError::usage("nobody is trusted: give --key, --trust, --ca or --issuer");
        let mut trust = trust.ok_or_else(nobody)?;
        let certified = !self.ca.is_empty() || self.issuer.is_some();
        if self.any_identity_danger {
            session.warn("--any-identity-danger: whoever an authority vouches for is accepted");
        }
        if !certified && (self.any_identity_danger || !self.identity.is_empty()) {
            return Err(CliError::usage("--identity is for certificates: it needs --ca or --issuer"));
        }
        if let Some(root) = root.filter(|_| self.trusted_root.is_some()) {
            trust = trust.and_witnesses(root);
        }
        let mut authorities = TimestampAuthorities::new();
        for path in &self.tsa_chain {
            authorities = authorities.and_pem(&read_text(path)?).map_err(CliError::Trust)?;
        }
        if !authorities.is_empty() {
            trust = trust.and_timestamps(authorities);
        }
        Ok(trust)
    }

    fn authorities(&self, trust: Option<Trust>) -> Result<Trust, CliError> {
        let identities: Vec<CertificateIdentity> = if self.any_identity_danger {
            vec![CertificateIdentity::AnyDanger]
        } else {
            self.identity.iter().map(|text| certificate_identity(text)).collect::<Result<_, _>>()?
        };
        if identities.is_empty() {
            return Err(CliError::usage("--ca wants --identity: an authority vouches for many"));
        }
        let mut anchors: Option<Anchors> = None;
        for path in &self.ca {
            let more = Anchors::from_pem(&read_text(path)?).map_err(CliError::Trust)?;
            anchors = Some(match anchors {
                None => more,
                Some(known) => known.and(more),
            });
        }
        let mut crls: Option<Crls> = None;
        for path in &self.crl {
            let more = Crls::from_pem(&read_text(path)?).map_err(CliError::Trust)?;
            crls = Some(match crls {
                None => more,
                Some(known) => known.and(more),
            });
        }
        let Some(anchors) = anchors else { return Err(CliError::usage("--ca names no certificate")) };
        let with = match trust {
            None => Trust::authority(anchors, crls, identities),
            Some(known) => known.and_authority(anchors, crls, identities),
        };
        with.map_err(CliError::Trust)
    }

    /// What is known about the Sigstore that signatures are believed by; `None` if none is needed, or `--trusted-root` names
    /// the bare keys of one. Nothing is fetched for it.
    fn sigstore(&self) -> Result<Option<Known>, CliError> {
        match (&self.issuer, &self.trusted_root) {
            (Some(_), None) => sigstore_trust::public_good().map(Some),
            (None, Some(_)) if self.key.is_empty() && self.trust.is_none() => {
                Err(CliError::usage("--trusted-root is for --issuer, --key or --trust"))
            }
            (_, Some(path)) if SigstoreTrust::is_one(read_text(path)?.as_bytes()) => {
                let trust = sigstore_trust::read_named(path)?;
                Ok(trust.map(|trust| Known { trust, file: Some(path.clone()) }))
            }
            _ => Ok(None),
        }
    }

    /// Its keys.
    fn root(&self, sigstore: Option<&Known>, session: &Session) -> Result<Option<TrustedRoot>, CliError> {
        let text = match (sigstore, &self.trusted_root) {
            (Some(known), _) => known.trust.trusted_root().to_owned(),
            (None, Some(path)) => read_text(path)?,
            (None, None) => return Ok(None),
        };
        TrustedRoot::from_json(text.as_bytes(), &session.limits()).map(Some).map_err(CliError::Trust)
    }

    fn keyless(
        &self,
        trust: Option<Trust>,
        issuer: &str,
        root: Option<&TrustedRoot>,
    ) -> Result<Trust, CliError> {
        let root = root.map_or_else(TrustedRoot::public_good, |root| Ok(root.clone()));
        let root = root.map_err(CliError::Trust)?;
        let mut subjects: Vec<SubjectMatch> =
            self.identity.iter().map(|text| SubjectMatch::Exact(text.clone())).collect();
        for pattern in &self.identity_regex {
            subjects.push(SubjectMatch::pattern(pattern).map_err(CliError::Trust)?);
        }
        if self.any_identity_danger {
            subjects.push(SubjectMatch::AnyDanger);
        }
        if subjects.is_empty() {
            return Err(CliError::usage("--issuer wants --identity: a provider knows many"));
        }
        let identities: Result<Vec<KeylessIdentity>, VerifyError> = subjects
            .into_iter()
            .map(|subject| {
                let mut identity = KeylessIdentity::new(subject, issuer)?;
                for claim in &self.ci {
                    let (name, value) = claim.split_once('=').unwrap_or((claim, ""));
                    identity = identity.with_ci(name, value)?;
                }
                Ok(identity)
            })
            .collect();
        let identities = identities.map_err(CliError::Trust)?;
        let with = match trust {
            None => Trust::keyless(root, identities),
            Some(known) => known.and_keyless(root, identities),
        };
        with.map_err(CliError::Trust)
    }
}

/// `subject:CN=…` (RFC 4514), `spki:HEX` (SHA-256 of the public key in DER), else a subject alternative name.
fn certificate_identity(text: &str) -> Result<CertificateIdentity, CliError> {
    if let Some(subject) = text.strip_prefix("subject:") {
        return Ok(CertificateIdentity::Subject(subject.to_owned()));
    }
    let Some(hex) = text.strip_prefix("spki:") else {
        return Ok(CertificateIdentity::San(text.to_owned()));
    };
    Sha256Digest::from_hex(hex)
        .map(CertificateIdentity::Spki)
        .map_err(|_| CliError::usage("--identity spki: wants the 64 hexadecimal digits of a SHA-256"))
}

fn read_text(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|source| CliError::read(path, source))?;
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(CliError::TooLarge { path: text::path(path), limit: FILE_LIMIT });
    }
    // What is not text is not PEM or JSON either, and is refused as such.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

//! Which Sigstore: whom its bundles are verified by, and where its services are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use lacre_manifest::{escape, escape_os};
use serde::Deserialize;
use serde_json::value::RawValue;
use sigstore_sign::SigningServices;
use sigstore_sign::rekor::RekorApiVersion;
use sigstore_sign::trust_root::{SigningConfig, TrustedRoot};
use sigstore_verify::Verifier;

use super::SigstoreTrust;
use crate::service::{Channel, Service};
use crate::{SignError, TimestampService};

/// `ClientTrustConfig` of `sigstore_trustroot.proto`.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";
/// The longest configuration, in bytes. That of the public instance has 20 KiB.
const SIZE_LIMIT: usize = 4 * 1024 * 1024;
/// Its deepest nesting, in levels.
const DEPTH_LIMIT: usize = 32;

/// A trusted root and the services that sign under it.
#[derive(Debug)]
pub struct TrustConfig {
    root: TrustedRoot,
    authority: Service,
    log: Service,
    log_version: RekorApiVersion,
    timestamps: Option<TimestampService>,
    issuer: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire<'a> {
    media_type: String,
    #[serde(borrow)]
    trusted_root: &'a RawValue,
    #[serde(borrow)]
    signing_config: &'a RawValue,
}

impl TrustConfig {
    /// Reads a file as [`TrustConfig::from_json`] does.
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let name = escape_os(path.as_os_str());
        let mut text = Vec::new();
        File::open(path).and_then(|file| file.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut text)).map_err(
            |error| match error.kind() {
                io::ErrorKind::NotFound => unusable(format!("{name} is not there")),
                _ => unusable(format!("{name} cannot be read: {error}")),
            },
        )?;
        Self::from_json(&text)
    }

    /// Reads a file of [`SigstoreTrust`], or a `ClientTrustConfig`, version 0.1: `{"mediaType":…,"trustedRoot":…,"signingConfig":…}`.
    ///
    /// One Fulcio, one log and one timestamp authority are chosen as the signing configuration says. `E-TRUST-CONFIG`:
    /// it is malformed, keys stand twice, it wants several logs at once, or no service is in office now. `E-USAGE`: an
    /// address is not to be used: Fulcio is sent a secret, so it must be reached over TLS or be on this machine.
    pub fn from_json(text: &[u8]) -> Result<Self, SignError> {
        if SigstoreTrust::is_one(text) {
            return Self::from_trust(&SigstoreTrust::from_json(text)?);
        }
        let wire: Wire<'_> = lacre_json::from_slice(text, lacre_json::Limits::new(SIZE_LIMIT, DEPTH_LIMIT))
            .map_err(|error| unusable(format!("is malformed: {error}")))?;
        if wire.media_type != MEDIA_TYPE {
            return Err(unusable(format!("is of type `{}`, not {MEDIA_TYPE}", escape(&wire.media_type))));
        }
        Self::of_parts(wire.trusted_root.get(), wire.signing_config.get())
    }

    /// The public instance of the Sigstore project, as it was known when this program was made.
    pub fn public_good() -> Result<Self, SignError> {
        Self::from_trust(&SigstoreTrust::built_in())
    }

    /// What an update left, or what is built in. `E-TRUST-CONFIG`: it has no signing configuration, or none whose
    /// services are in office.
    pub fn from_trust(trust: &SigstoreTrust) -> Result<Self, SignError> {
        let signing = trust.signing_config().ok_or_else(|| {
            unusable("has no signing configuration: its repository says whom to trust, not where to sign")
        })?;
        Self::of_parts(trust.trusted_root(), signing)
    }

    fn of_parts(root: &str, signing: &str) -> Result<Self, SignError> {
        let root = TrustedRoot::from_json(root).map_err(|error| {
            unusable(format!("has a malformed trusted root: {}", escape(&error.to_string())))
        })?;
        let signing = SigningConfig::from_json(signing).map_err(|error| {
            unusable(format!("has a malformed signing configuration: {}", escape(&error.to_string())))
        })?;
        Self::new(root, &signing)
    }

    fn new(root: TrustedRoot, signing: &SigningConfig) -> Result<Self, SignError> {
        // Asked here, so that a root that nothing can be verified with is found before anything is signed.
        Verifier::new(&root).map_err(|error| {
            unusable(format!("has a trusted root that is of no use: {}", escape(&error.to_string())))
        })?;
        let chosen = SigningServices::from_signing_config(signing)
            .and_then(|services| services.validate().map(|()| services))
            .map_err(|error| unusable(format!("cannot be signed with: {}", escape(&error.to_string()))))?;
        Ok(Self {
            root,
            authority: Service::new("certificate authority (Fulcio)", chosen.fulcio_url(), Channel::Secret)?,
            log: Service::new("transparency log (Rekor)", chosen.rekor_url(), Channel::Open)?,
            log_version: chosen.rekor_api_version(),
            timestamps: chosen.tsa_url().map(TimestampService::new).transpose()?,
            issuer: signing.oidc_url().map(|endpoint| endpoint.url.clone()),
        })
    }

    /// Waits at most this long for an answer of each service; 30 seconds if nothing is said.
    pub fn patience(self, patience: std::time::Duration) -> Self {
        Self {
            authority: self.authority.patience(patience),
            log: self.log.patience(patience),
            timestamps: self.timestamps.map(|service| service.patience(patience)),
            ..self
        }
    }

    /// The provider that people log in at, if the configuration names one.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Where the identity will be published: the certificate authority and the log.
    pub fn public_places(&self) -> [&str; 2] {
        [self.authority.url(), self.log.url()]
    }

    pub(super) fn root(&self) -> &TrustedRoot {
        &self.root
    }

    pub(super) fn authority(&self) -> &Service {
        &self.authority
    }

    pub(super) fn log(&self) -> (&Service, RekorApiVersion) {
        (&self.log, self.log_version)
    }

    pub(super) fn timestamps(&self) -> Option<&TimestampService> {
        self.timestamps.as_ref()
    }
}

fn unusable(detail: impl Into<String>) -> SignError {
    SignError::TrustConfig { detail: detail.into() }
}

//! Who signs: the arguments that every verb with a signer has, and the signer that they name.

mod attaching;
mod certified;
mod keyless;
mod login;
mod who;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lacre_attest::{Bundle, Declaration, Limits, ManifestClaim, ModelClaim};
use lacre_publish::Evidence;
use lacre_sign::Signer;

pub(super) use self::attaching::{Attachment, Made, pinned};
use self::certified::CertifiedArgs;
use self::keyless::{Keyless, KeylessArgs};
pub(super) use self::who::Who;
use crate::error::CliError;
use crate::session::Session;
use crate::{signer, units};

/// Who signs. Whether somebody must is said by the verb.
#[derive(Debug, Args)]
pub(super) struct SigningArgs {
    /// Key file, pkcs11:…, ssh-agent:…, awskms:… or exec:…
    #[arg(long)]
    key: Option<OsString>,
    /// Passphrase or PIN is in here (- is stdin)
    #[arg(long, value_name = "FILE", requires = "key")]
    passphrase_file: Option<PathBuf>,
    /// How long an agent, a service or a program may take for an answer
    #[arg(long, value_name = "TIME", default_value = "60s", hide_short_help = true, value_parser = units::interval)]
    signer_timeout: Duration,
    #[command(flatten)]
    certified: CertifiedArgs,
    #[command(flatten)]
    keyless: KeylessArgs,
}

impl SigningArgs {
    /// Whether somebody is to sign.
    pub(super) fn is_given(&self) -> bool {
        self.key.is_some() || self.keyless.is_wanted()
    }

    /// Whether the passphrase comes from stdin.
    pub(super) fn takes_stdin(&self) -> bool {
        self.passphrase_file.as_deref() == Some(Path::new("-"))
    }

    /// Opens a key, with the passphrase that it wants. An identity is asked for when it is to sign.
    pub(super) fn open<'s>(&'s self, session: &'s Session) -> Result<Hand<'s>, CliError> {
        if self.keyless.is_wanted() {
            return Ok(Hand::Identity(self.keyless.open(self.signer_timeout, session)?));
        }
        let word = self.key.as_deref().ok_or_else(|| CliError::usage("--key is missing"))?;
        let key = signer::open(word, self.passphrase_file.as_deref(), self.signer_timeout, session)?;
        let key = self.certified.join(key)?;
        Ok(Hand::Key(Keyed { key, args: self, session }))
    }
}

/// Whoever signs.
pub(super) enum Hand<'s> {
    /// A key that lasts.
    Key(Keyed<'s>),
    /// Somebody whom an identity provider knows.
    Identity(Keyless<'s>),
}

/// A key, and what is to stand beside its signatures.
pub(super) struct Keyed<'s> {
    key: Box<dyn Signer + 's>,
    args: &'s SigningArgs,
    session: &'s Session,
}

impl Hand<'_> {
    /// The key, if it is one that lasts.
    pub(super) fn key(&self) -> Option<&dyn Signer> {
        match self {
            Self::Key(keyed) => Some(&*keyed.key),
            Self::Identity(_) => None,
        }
    }

    /// What an earlier signature must have to be as good as a new one.
    pub(super) fn evidence(&self) -> Evidence {
        match self {
            Self::Key(keyed) if keyed.args.certified.wants_timestamp() => Evidence::Timestamp,
            _ => Evidence::Any,
        }
    }

    /// Signs what is claimed about a model.
    pub(super) fn seal(&self, claim: &ModelClaim, limits: &Limits) -> Result<Bundle, CliError> {
        match self {
            Self::Key(keyed) => keyed.stamp(lacre_sign::seal(claim, &*keyed.key, limits)?),
            Self::Identity(somebody) => somebody.seal(claim, limits),
        }
    }

    /// Signs what is claimed about manifests.
    pub(super) fn seal_manifests(&self, claim: &ManifestClaim, limits: &Limits) -> Result<Bundle, CliError> {
        match self {
            Self::Key(keyed) => keyed.stamp(lacre_sign::seal_manifests(claim, &*keyed.key, limits)?),
            Self::Identity(somebody) => somebody.seal_manifests(claim, limits),
        }
    }

    /// Signs a checkpoint or a summary.
    pub(super) fn seal_declaration(
        &self,
        declaration: &Declaration,
        limits: &Limits,
    ) -> Result<Bundle, CliError> {
        match self {
            Self::Key(keyed) => keyed.stamp(lacre_sign::seal_declaration(declaration, &*keyed.key)?),
            Self::Identity(somebody) => somebody.seal_declaration(declaration, limits),
        }
    }

    /// Who it was. An identity is known once it has signed.
    pub(super) fn who(&self) -> Result<Who, CliError> {
        match self {
            Self::Key(keyed) => Ok(Who::of_key(&*keyed.key)),
            Self::Identity(somebody) => somebody.who(),
        }
    }
}

impl Keyed<'_> {
    fn stamp(&self, bundle: Bundle) -> Result<Bundle, CliError> {
        self.args.certified.stamp(bundle, self.args.signer_timeout, self.session)
    }
}

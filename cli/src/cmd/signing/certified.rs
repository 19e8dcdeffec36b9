//! `--certificate` and `--timestamp-url`: who vouches for the key, and for the time.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use lacre_attest::Bundle;
use lacre_sign::{CertificateChain, CertificateSigner, Signer, TimestampService};

use crate::error::CliError;
use crate::session::Session;

/// Who vouches for the signature.
#[derive(Debug, Args)]
pub(super) struct CertifiedArgs {
    /// Certificate for the key (PEM): the bundle carries it instead of the key's name
    #[arg(long, value_name = "FILE", requires = "key", hide_short_help = true)]
    certificate: Option<PathBuf>,
    /// Certificates between that one and the authority (PEM, repeatable)
    #[arg(long, value_name = "FILE", requires = "certificate", hide_short_help = true)]
    chain: Vec<PathBuf>,
    /// Have this authority (RFC 3161) say when it was signed
    #[arg(long, value_name = "URL", requires = "key", hide_short_help = true)]
    timestamp_url: Option<String>,
}

impl CertifiedArgs {
    /// Whether a timestamp is to stand beside the signature.
    pub(super) fn wants_timestamp(&self) -> bool {
        self.timestamp_url.is_some()
    }

    /// The signer with its certificate, if it has one.
    pub(super) fn join<'s>(&self, key: Box<dyn Signer + 's>) -> Result<Box<dyn Signer + 's>, CliError> {
        let Some(certificate) = &self.certificate else { return Ok(key) };
        let chain = CertificateChain::read(certificate, &self.chain)?;
        Ok(Box::new(CertificateSigner::new(key, chain, SystemTime::now())?))
    }

    /// Puts a timestamp into the bundle, if one is wanted.
    pub(super) fn stamp(
        &self,
        bundle: Bundle,
        patience: Duration,
        session: &Session,
    ) -> Result<Bundle, CliError> {
        let Some(url) = &self.timestamp_url else { return Ok(bundle) };
        if session.globals.offline {
            return Err(CliError::usage("--timestamp-url needs the network, and --offline opens no socket"));
        }
        Ok(TimestampService::new(url)?.patience(patience).stamp(bundle)?)
    }
}

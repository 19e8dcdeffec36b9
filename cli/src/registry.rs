//! References on the command line: image layouts, and registries with all that speaking to one needs.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use lacre_registry_client::{
    AuthRealm, Layout, Reference, RegistryName, RegistryOptions, Remote, Repository, Store, WebFiles,
};

use crate::error::CliError;
use crate::session::Session;
use crate::{text, units, user_cache};

/// The longest file of certificates or keys, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// Where they stand in the long help. Not for all that follows: that would take the help's own line along.
const HEADING: &str = "Registry options";

/// How registries are spoken to.
#[derive(Debug, Default, Args)]
pub(crate) struct RegistryArgs {
    /// Speak plain HTTP to this registry, HOST or HOST:PORT (repeatable); this machine needs no word
    #[arg(long, value_name = "HOST", hide_short_help = true, help_heading = HEADING)]
    plain_http: Vec<RegistryName>,
    /// Believe these authorities for the registry's certificate, too (PEM)
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING)]
    registry_ca: Option<PathBuf>,
    /// Show the registry this certificate (PEM, with those between it and its authority)
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING, requires = "registry_key")]
    registry_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = HEADING, requires = "registry_cert")]
    registry_key: Option<PathBuf>,
    /// How long a registry may be silent [default: 60s]
    #[arg(long, value_name = "TIME", hide_short_help = true, help_heading = HEADING, value_parser = units::interval)]
    registry_timeout: Option<Duration>,
    /// Trust this token service with credentials, whichever registry names it (repeatable)
    #[arg(long, value_name = "HOST", hide_short_help = true, help_heading = HEADING)]
    auth_realm: Vec<AuthRealm>,
}

impl RegistryArgs {
    /// Opens the store of a reference, which must exist.
    pub(crate) fn open(&self, reference: &Reference, session: &Session) -> Result<Box<dyn Store>, CliError> {
        match reference {
            Reference::Layout { dir, .. } => Ok(Box::new(Layout::open(dir)?)),
            _ => Ok(Box::new(self.remote(reference, session)?)),
        }
    }

    /// Opens the store of a reference, making a layout where there is none. A registry may take blobs from `sources`.
    pub(crate) fn create(
        &self,
        reference: &Reference,
        sources: &[Repository],
        session: &Session,
    ) -> Result<Box<dyn Store>, CliError> {
        if let Reference::Layout { dir, .. } = reference {
            return Ok(Box::new(Layout::create(dir)?));
        }
        let remote = self.remote(reference, session)?;
        Ok(Box::new(sources.iter().cloned().fold(remote, Remote::mount_from)))
    }

    /// The files below a URL, to be read only.
    pub(crate) fn web(&self, url: &str, session: &Session) -> Result<WebFiles, CliError> {
        if session.globals.offline {
            return Err(CliError::usage(format!("{url} needs the network, and --offline opens no socket")));
        }
        Ok(WebFiles::open(url, &self.options(session)?)?)
    }

    fn remote(&self, reference: &Reference, session: &Session) -> Result<Remote, CliError> {
        let Reference::Remote { registry, repository, .. } = reference else {
            return Err(CliError::usage(format!("{reference} is no reference that this version knows")));
        };
        if session.globals.offline {
            return Err(CliError::usage(format!(
                "{registry} needs the network, and --offline opens no socket"
            )));
        }
        Ok(Remote::open(registry, repository, &self.options(session)?))
    }

    fn options(&self, session: &Session) -> Result<RegistryOptions, CliError> {
        let mut options = RegistryOptions::new().credentials(Arc::clone(&session.credentials));
        for host in &self.plain_http {
            options = options.plain_http(host.clone());
        }
        for realm in &self.auth_realm {
            options = options.auth_realm(realm.clone());
        }
        if let Some(file) = &self.registry_ca {
            options = options.authorities(read(file)?);
        }
        if let (Some(certificate), Some(key)) = (&self.registry_cert, &self.registry_key) {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            options = options.identity(pem);
        }
        if let Some(patience) = self.registry_timeout {
            options = options.patience(patience);
        }
        if let Some(cache) = user_cache::folder() {
            options = options.journal(cache.join("uploads"));
        }
        Ok(options)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let file = File::open(path).map_err(|source| CliError::read(path, source))?;
    let mut bytes = Vec::new();
    let read = file.take(FILE_LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(CliError::TooLarge { path: text::path(path), limit: FILE_LIMIT });
    }
    Ok(bytes)
}

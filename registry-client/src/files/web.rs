//! A set behind HTTPS, to be read: `URL/metadata/…` and `URL/targets/…`.

use lacre_hash::Sha256Digest;
use reqwest::{Method, Url};

use super::{FileName, FileSet, Files};
use crate::auth::Scope;
use crate::reference::RegistryName;
use crate::transport::{Place, RegistryOptions, Request, Transport};
use crate::{Credentials, RegistryError};

/// A set of files below a URL.
pub struct WebFiles {
    base: Url,
    transport: Transport,
    scope: Scope,
}

impl WebFiles {
    /// The set below `url`. Plain HTTP is spoken to this machine, and to hosts that `options` names for it; credentials
    /// for registries are not shown.
    ///
    /// # Errors
    /// `E-REFERENCE` when it is no URL of that kind.
    pub fn open(url: &str, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let bad = |expected| RegistryError::Reference {
            text: url.chars().take(512).collect(),
            position: 0,
            expected,
        };
        let with_slash = if url.ends_with('/') { url.to_owned() } else { format!("{url}/") };
        let base = Url::parse(&with_slash).map_err(|_| bad("https://HOST[:PORT]/PATH"))?;
        if !matches!(base.scheme(), "https" | "http")
            || !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some()
        {
            return Err(bad("https://HOST[:PORT]/PATH, without user, query and fragment"));
        }
        let host = base.host_str().ok_or_else(|| bad("a host"))?;
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = RegistryName::parse(&format!("{host}{port}"))?;
        let options = options.clone().credentials(std::sync::Arc::new(Credentials::none()));
        Ok(Self { transport: Transport::new(name, options), base, scope: Scope::pull("") })
    }
}

impl FileSet for WebFiles {
    fn read(&self, name: &FileName, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        // A `%` in a name is one of the name, and is written as such on the way.
        let path = format!("{}/{}", name.kind().folder(), name.as_str().replace('%', "%25"));
        let url = self.base.join(&path).map_err(|_| RegistryError::FileName { name: name.to_string() })?;
        let answer = self.transport.send(&Request::new(Method::GET, Place::At(url), &self.scope))?;
        match answer.status() {
            200 => answer.small(limit).map(Some),
            404 | 410 => Ok(None),
            _ => Err(answer.refusal()),
        }
    }

    fn digest(&self, _: &FileName) -> Option<Sha256Digest> {
        None
    }

    fn fingerprint(&self) -> Option<Sha256Digest> {
        None
    }

    fn all(&self) -> Result<Files, RegistryError> {
        Err(RegistryError::Unsupported {
            what: "listing the files behind",
            found: self.base.as_str().to_owned(),
        })
    }
}

//! Connections: TLS, proxies, and which addresses are spoken to at all.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Url};

use super::How;
use super::answer::cause;
use super::fault::RemoteFault;
use super::options::RegistryOptions;
use crate::auth::Origin;

/// The longest time that a connection may take to come to be.
const CONNECT: Duration = Duration::from_secs(15);

/// Whom a client speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// The registry itself.
    Registry,
    /// A host that the registry leads to. It is shown no certificate of ours.
    Elsewhere,
}

/// Makes a client. Redirects are followed by hand, so that each is judged.
pub(super) fn client(options: &RegistryOptions, whom: Whom, url: &Url) -> Result<Client, RemoteFault> {
    let mut builder = builder(options, url);
    if let Some(pem) = &options.authorities {
        let bad = |detail| RemoteFault::Certificate { what: "the authorities for the registry", detail };
        let authorities = Certificate::from_pem_bundle(pem).map_err(|error| bad(cause(&error)))?;
        if authorities.is_empty() {
            return Err(bad("it holds no certificate in PEM".to_owned()));
        }
        builder = builder.tls_certs_merge(authorities);
    }
    if let (Some(pem), Whom::Registry) = (&options.identity, whom) {
        let identity = Identity::from_pem(pem).map_err(|error| RemoteFault::Certificate {
            what: "the certificate to show to the registry",
            detail: cause(&error),
        })?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| RemoteFault::Certificate { what: "TLS", detail: cause(&error) })
}

fn builder(options: &RegistryOptions, url: &Url) -> ClientBuilder {
    let mut headers = HeaderMap::new();
    // What is compressed on the way cannot be bounded by its size.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let builder = Client::builder()
        .user_agent(concat!("lacre/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(Policy::none())
        .referer(false)
        // Another crate of the same program may have brought these along.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        // Several transfers at once want several connections, which HTTP/2 would make one.
        .http1_only()
        // Attempts are counted by us.
        .retry(reqwest::retry::never())
        .connect_timeout(options.patience.min(CONNECT))
        .tcp_nodelay(true);
    // A proxy's own machine is not ours.
    if is_loopback(url) { builder.no_proxy() } else { builder }
}

/// Why `url` is not spoken to, coming from `home`.
pub(super) fn refused(options: &RegistryOptions, home: &Origin, url: &Url) -> Option<&'static str> {
    match url.scheme() {
        "https" => None,
        "http" if home.is_encrypted() => Some("that is without encryption, and the registry is not"),
        "http" if is_loopback(url) && home.is_loopback() => None,
        "http" if url.host_str().is_some_and(|host| options.is_plain(host, url.port())) => None,
        "http" => Some("that is without encryption, and the host was not named for it"),
        _ => Some("that is neither http nor https"),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    Origin::of(url).is_some_and(|origin| origin.is_loopback())
}

/// Whether another attempt can mend the failure. It cannot where a certificate is refused.
pub(super) fn how(error: &reqwest::Error) -> How {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // That is how errors of TLS come.
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData) {
            return How::Lasting;
        }
        cause = error.source();
    }
    if error.is_builder() {
        How::Lasting
    } else if error.is_connect() {
        How::Unreachable
    } else {
        How::Passing
    }
}

/// Scheme, host and port, as they may be shown.
pub(super) fn shown(url: &Url) -> String {
    let host = lacre_manifest::escape(url.host_str().unwrap_or_default());
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}

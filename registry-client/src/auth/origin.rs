//! Where a secret may go: the same-origin rule.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Scheme, host and port of a registry (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` address; nothing for any other.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "https" => "https",
            "http" => "http",
            _ => return None,
        };
        Some(Self { scheme, host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// Whether what is secret to this registry may be sent to `url`: only when scheme, host and port are its own.
    ///
    /// It holds for the target of a redirect as for the `Location` of an upload, and for credentials, tokens and
    /// cookies alike.
    pub(crate) fn may_have_secret(&self, url: &Url) -> bool {
        Self::of(url).is_some_and(|other| other == *self)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether it is this machine: `localhost` or a loopback address.
    pub(crate) fn is_loopback(&self) -> bool {
        match address(&self.host) {
            Some(address) => address.is_loopback(),
            None => self.host == "localhost",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// The address that a host is written as, if it is one.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn origin(text: &str) -> Origin {
        Origin::of(&url(text)).unwrap()
    }

    /// oras-go sent credentials along with redirects to other hosts.
    #[test]
    fn ghsa_vh4v_2xq2_g5cg_a_redirect_to_another_origin_gets_no_secret() {
        let registry = origin("https://registry.example.com/v2/");
        for elsewhere in [
            "https://cdn.example.com/blob",
            "https://example.com/blob",
            "https://registry.example.com.evil.test/blob",
            "https://registry.example.com:8443/blob",
            "http://registry.example.com/blob",
            "http://registry.example.com:443/blob",
            "https://registry.example.com@evil.test/blob",
            "https://[::1]/blob",
        ] {
            assert!(!registry.may_have_secret(&url(elsewhere)), "{elsewhere}");
        }
        for here in ["https://registry.example.com/x", "https://REGISTRY.example.com:443/x?y=z"] {
            assert!(registry.may_have_secret(&url(here)), "{here}");
        }
    }

    /// oras-go sent credentials to whatever host the `Location` of an upload named.
    #[test]
    fn cve_2026_50151_an_upload_location_of_another_origin_gets_no_secret() {
        let registry = origin("http://127.0.0.1:5000/v2/");
        let upload = url("http://127.0.0.1:5000/v2/org/m/blobs/uploads/");
        for elsewhere in
            ["//evil.test/upload", "http://127.0.0.1:5001/upload", "http://localhost:5000/upload"]
        {
            assert!(!registry.may_have_secret(&upload.join(elsewhere).unwrap()), "{elsewhere}");
        }
        for here in ["/v2/org/m/blobs/uploads/1?state=x", "1", "http://127.0.0.1:5000/else"] {
            assert!(registry.may_have_secret(&upload.join(here).unwrap()), "{here}");
        }
    }

    #[test]
    fn only_http_has_origins() {
        for none in ["file:///etc/passwd", "data:,x", "ftp://a.test/"] {
            assert_eq!(Origin::of(&url(none)), None, "{none}");
            assert!(!origin("https://a.test").may_have_secret(&url(none)));
        }
    }

    #[test]
    fn this_machine_is_known() {
        for here in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost", "http://127.9.9.9"] {
            assert!(origin(here).is_loopback(), "{here}");
        }
        for not in ["http://127.0.0.1.evil.test", "http://10.0.0.1", "http://localhost.evil.test"] {
            assert!(!origin(not).is_loopback(), "{not}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_secret_goes_to_equal_origins_only(
            a in "https?://[ab]\\.test(:(80|443|5000))?/x", b in "https?://[ab]\\.test(:(80|443|5000))?/y",
        ) {
            let (a, b) = (url(&a), url(&b));
            let same = a.origin() == b.origin();
            proptest::prop_assert_eq!(Origin::of(&a).unwrap().may_have_secret(&b), same);
        }
    }
}

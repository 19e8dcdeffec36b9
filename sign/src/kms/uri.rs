//! `awskms:` words, as cosign writes them, and addresses of the service.

use crate::SignError;

/// How `--key` names the service.
const SCHEME: &str = "awskms";
/// The longest name of a key (`KeyId` in the service's API reference).
const KEY_LIMIT: usize = 2048;

/// Which key of the service, and where the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsUri {
    endpoint: Option<Endpoint>,
    key: String,
    region: Option<String>,
}

impl KmsUri {
    /// Reads what stands behind `awskms:`: `///KEY`, or `//HOST:PORT/KEY` for another address of the service (HTTPS).
    ///
    /// KEY is the identifier of a key, `alias/NAME`, or the ARN of either. Refused with `E-USAGE`: everything else.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        read(text).map_err(|detail| SignError::Word { scheme: SCHEME, detail: detail.to_owned() })
    }
}

#[cfg_attr(not(feature = "kms"), allow(dead_code, reason = "read by the signer of this feature"))]
impl KmsUri {
    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The region that the ARN names.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

fn read(text: &str) -> Result<KmsUri, &'static str> {
    let rest = text.strip_prefix("//").ok_or("wanted: awskms:///KEY, or awskms://HOST:PORT/KEY")?;
    let (authority, key) = rest.split_once('/').ok_or("no key is named behind the address")?;
    let endpoint = match authority {
        "" => None,
        authority => Some(Endpoint::parse(&format!("https://{authority}"))?),
    };
    if key.is_empty() || key.len() > KEY_LIMIT {
        return Err("the name of a key has 1 to 2048 characters");
    }
    if !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_/:".contains(c)) {
        return Err("the name of a key holds letters, digits and - _ / : only");
    }
    let region = match key.split(':').collect::<Vec<_>>().as_slice() {
        [_] => None,
        ["arn", _, "kms", region, _, resource] if is_region(region) && resource.contains('/') => {
            Some((*region).to_owned())
        }
        _ => return Err("wanted: an identifier, alias/NAME, or arn:aws:kms:REGION:ACCOUNT:key/ID"),
    };
    Ok(KmsUri { endpoint, key: key.to_owned(), region })
}

/// Whether a word can be a region: it becomes a part of a host name.
pub(super) fn is_region(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 64
        && !word.starts_with('-')
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// An address of the service: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    url: String,
    host: String,
}

#[cfg_attr(not(feature = "kms"), allow(dead_code, reason = "read by the signer of this feature"))]
impl Endpoint {
    /// Reads `https://HOST[:PORT]`; plain HTTP only to this machine itself, where test servers listen.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "the address of a service is https://HOST or https://HOST:PORT";
        let (scheme, rest) = url.split_once("://").ok_or(SHAPE)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match name {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)),
        };
        let is_port = port.is_none_or(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !is_host || !is_port {
            return Err(SHAPE);
        }
        let usual = match scheme {
            "https" => "443",
            "http" if is_this_machine(host) => "80",
            "http" => return Err("http:// leads only to this machine; elsewhere it must be https://"),
            _ => return Err(SHAPE),
        };
        // As HTTP clients write it: the port that goes without saying is part of no signature.
        let host = match port {
            Some(port) if port != usual => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        Ok(Self { url: format!("{scheme}://{host}/"), host })
    }

    /// The service's own address in a region.
    pub(super) fn of_region(region: &str) -> Result<Self, &'static str> {
        if !is_region(region) {
            return Err("the name of a region holds small letters, digits and hyphens");
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self::parse(&format!("https://kms.{region}.{domain}"))
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What the header `Host` says.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_like_the_service_names_them() {
        let arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        for (word, key, region) in [
            ("///1234abcd-12ab-34cd-56ef-1234567890ab", "1234abcd-12ab-34cd-56ef-1234567890ab", None),
            ("///alias/release", "alias/release", None),
            (&format!("///{arn}"), arn, Some("eu-central-1")),
        ] {
            let uri = KmsUri::parse(word).unwrap();
            assert_eq!((uri.key(), uri.region(), uri.endpoint()), (key, region, None));
        }
        let uri = KmsUri::parse("//localhost:4566/alias/x").unwrap();
        assert_eq!(uri.endpoint().map(Endpoint::url), Some("https://localhost:4566/"));
    }

    #[test]
    fn what_names_no_key_is_refused() {
        let long = format!("///{}", "a".repeat(2049));
        for wrong in [
            "",
            "alias/x",
            "/alias/x",
            "//host",
            "///",
            "///a b",
            "///a%20b",
            "///a?b",
            "//me@host/a",
            "//host:0/a",
            "//host:x/a",
            "//:1/a",
            "///arn:aws:s3:eu:1:key/x",
            "///arn:aws:kms:EU:1:key/x",
            "///arn:aws:kms:e.u:1:key/x",
            "///arn:aws:kms:eu:1:x",
            &long,
        ] {
            assert_eq!(KmsUri::parse(wrong).unwrap_err().code(), "E-USAGE", "{wrong}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let host = |url| Endpoint::parse(url).map(|endpoint| endpoint.host().to_owned());
        assert_eq!(host("http://127.0.0.1:5000").as_deref(), Ok("127.0.0.1:5000"));
        assert_eq!(host("http://[::1]:80/").as_deref(), Ok("[::1]"));
        assert_eq!(host("https://kms.example.test:443").as_deref(), Ok("kms.example.test"));
        for wrong in [
            "http://kms.example.test",
            "http://127.0.0.1.example.test",
            "http://128.0.0.1",
            "ftp://localhost",
            "https://a/b",
            "https://a?b",
            "https://",
            "https://[::1",
            "localhost",
        ] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_region_has_its_address() {
        let host = |region| Endpoint::of_region(region).map(|endpoint| endpoint.host().to_owned());
        assert_eq!(host("eu-central-1").as_deref(), Ok("kms.eu-central-1.amazonaws.com"));
        assert_eq!(host("cn-north-1").as_deref(), Ok("kms.cn-north-1.amazonaws.com.cn"));
        assert!(host("evil.test/").is_err() && host("").is_err() && host("-x").is_err());
    }
}

//! Registries and repositories by name (distribution specification 1.1, "Pulling manifests").

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::RegistryError;

/// Longest name of a repository, in bytes. Registries count their own name, too, so some take less.
const LONGEST_REPOSITORY: usize = 255;
/// Longest name of a host (RFC 1035), in bytes.
const LONGEST_HOST: usize = 253;

/// A registry: `HOST` or `HOST:PORT`, in lower case.
///
/// A host is a name or an address; one of IPv6 stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryName {
    host: String,
    port: Option<u16>,
}

impl RegistryName {
    /// Reads the name of a registry.
    ///
    /// # Errors
    /// `E-REFERENCE`, with the byte where it goes wrong.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        Self::read(text).map_err(|(position, expected)| malformed(text, position, expected))
    }

    /// The same, with the position and what should stand there.
    pub(super) fn read(text: &str) -> Result<Self, (usize, &'static str)> {
        let (host, rest) = if text.starts_with('[') {
            let Some(end) = text.find(']') else {
                return Err((text.len(), "the ] of an IPv6 address"));
            };
            if text[1..end].parse::<Ipv6Addr>().is_err() {
                return Err((1, "an IPv6 address"));
            }
            text.split_at(end + 1)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            if let Some(fault) = host_fault(&text[..end]) {
                return Err(fault);
            }
            text.split_at(end)
        };
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port(digits).ok_or((host.len() + 1, "a port from 1 to 65535"))?),
            None if rest.is_empty() => None,
            None => return Err((host.len(), "a : and a port, or a /")),
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// The host, without port; an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if it was written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is this machine by its very name: `localhost`, `127.0.0.0/8` or `::1`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether `host` is this machine, without asking anybody what the name means.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_fault(host: &str) -> Option<(usize, &'static str)> {
    let expected = "a host: letters, digits, . and -";
    if host.is_empty() {
        return Some((0, expected));
    }
    if let Some(at) = host.bytes().position(|byte| !byte.is_ascii_alphanumeric() && !b".-".contains(&byte)) {
        return Some((at, expected));
    }
    let mut at = 0;
    for label in host.split('.') {
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') || label.len() > 63 {
            return Some((at, "a part of a host name: 1 to 63 letters, digits and inner -"));
        }
        at += label.len() + 1;
    }
    (host.len() > LONGEST_HOST).then_some((LONGEST_HOST, "the end of the host, after at most 253 bytes"))
}

fn port(digits: &str) -> Option<u16> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.len() > 5 {
        return None;
    }
    digits.parse().ok().filter(|&port| port != 0)
}

impl fmt::Display for RegistryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(formatter, "{}:{port}", self.host),
            None => formatter.write_str(&self.host),
        }
    }
}

impl FromStr for RegistryName {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        Self::parse(text)
    }
}

/// A repository of a registry: parts of lower-case letters and digits, joined inside by `.`, `_`, `__` or any number of
/// `-`, with `/` between the parts; at most 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(String);

impl Repository {
    /// Reads the name of a repository.
    ///
    /// # Errors
    /// `E-REFERENCE`, with the byte where it goes wrong.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        Self::read(text).map_err(|(position, expected)| malformed(text, position, expected))
    }

    /// The same, with the position and what should stand there.
    pub(super) fn read(text: &str) -> Result<Self, (usize, &'static str)> {
        const PART: &str = "a part of a repository: lower-case letters and digits";
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let mut at = 0;
        for part in text.split('/') {
            let mut bytes = part.bytes().enumerate().peekable();
            if bytes.peek().is_none_or(|&(_, first)| !word(first)) {
                return Err((at, PART));
            }
            while let Some((offset, byte)) = bytes.next() {
                if word(byte) {
                    continue;
                }
                let run = part[offset..].bytes().take_while(|&next| next == byte).count();
                let fits = match byte {
                    b'.' => run == 1,
                    b'_' => run <= 2,
                    b'-' => true,
                    _ => return Err((at + offset, "lower-case letters, digits, ., _ and - in a repository")),
                };
                if !fits || !part.as_bytes().get(offset + run).is_some_and(|&next| word(next)) {
                    return Err((at + offset, "a letter or digit on both sides of ., _, __ or -"));
                }
                for _ in 1..run {
                    bytes.next();
                }
            }
            at += part.len() + 1;
        }
        if text.len() > LONGEST_REPOSITORY {
            return Err((LONGEST_REPOSITORY, "the end of the repository, after at most 255 bytes"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The repository's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Repository {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        Self::parse(text)
    }
}

fn malformed(text: &str, position: usize, expected: &'static str) -> RegistryError {
    RegistryError::Reference { text: text.chars().take(512).collect(), position, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<T: fmt::Debug>(outcome: Result<T, RegistryError>) -> usize {
        match outcome {
            Err(RegistryError::Reference { position, .. }) => position,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn registries_are_hosts_with_ports() {
        for text in ["ghcr.io", "localhost:5000", "[::1]:5000", "10.0.0.7", "a-b.c:1"] {
            assert_eq!(RegistryName::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(RegistryName::parse("GHCR.io:443").unwrap().to_string(), "ghcr.io:443");
        let wrong = [
            ("", 0),
            ("a b", 1),
            ("-a.b", 0),
            ("a.-b", 2),
            ("a..b", 2),
            ("a:0", 2),
            ("a:65536", 2),
            ("a:", 2),
        ];
        for (text, position) in wrong {
            assert_eq!(at(RegistryName::parse(text)), position, "{text}");
        }
        for (text, position) in
            [("[::1", 4), ("[::g]", 1), ("[::1]x", 5), ("a:+1", 2), ("u@h", 1), ("ä.io", 0)]
        {
            assert_eq!(at(RegistryName::parse(text)), position, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for text in ["localhost", "127.0.0.1:5000", "127.8.8.8", "[::1]:1"] {
            assert!(RegistryName::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in ["localhost.evil.test", "10.0.0.1", "127.0.0.1.evil.test", "[::2]", "0.0.0.0"] {
            assert!(!RegistryName::parse(text).unwrap().is_loopback(), "{text}");
        }
    }

    #[test]
    fn repositories_follow_the_specified_grammar() {
        for text in ["a", "org/m", "a.b/c_d/e__f/g--h", "0/1-2", "a---b"] {
            assert_eq!(Repository::parse(text).unwrap().as_str(), text);
        }
        let long = "a".repeat(256);
        let wrong = [
            ("", 0),
            ("/a", 0),
            ("a/", 2),
            ("a//b", 2),
            ("A", 0),
            ("a/B", 2),
            ("aB", 1),
            ("a..b", 1),
            ("a___b", 1),
            ("a._b", 1),
            ("a-", 1),
            ("a/-b", 2),
            ("a/../b", 2),
            ("a b", 1),
            ("a%2f", 1),
            ("a?b", 1),
            (long.as_str(), 255),
        ];
        for (text, position) in wrong {
            assert_eq!(at(Repository::parse(text)), position, "{text}");
        }
    }
}

//! Where events go, as the command line writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::text;

const SHAPE: &str =
    "want stdout, a file, syslog:/PATH, syslog:udp:HOST:PORT, syslog:tcp:HOST:PORT or otlp:URL";

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A line each on standard output.
    Stdout,
    /// A line each at the end of a file.
    File(PathBuf),
    /// A socket of this machine, as `/dev/log`.
    Unix(PathBuf),
    /// A syslog receiver, a datagram each: `HOST:PORT`.
    Udp(String),
    /// A syslog receiver, over a connection: `HOST:PORT`.
    Tcp(String),
    /// A collector of OpenTelemetry: the whole URL, as `http://localhost:4318/v1/logs`.
    Otlp(String),
}

impl Destination {
    /// Whether it is reached over the network.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::Tcp(_) | Self::Otlp(_))
    }
}

impl FromStr for Destination {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some(url) = word.strip_prefix("otlp:") {
            return if super::collector::check(url) {
                Ok(Self::Otlp(url.to_owned()))
            } else {
                Err("want otlp: and a URL without a password, as otlp:http://localhost:4318/v1/logs")
            };
        }
        if let Some(rest) = word.strip_prefix("syslog:") {
            if let Some(address) = rest.strip_prefix("udp:") {
                return address_of(address).map(Self::Udp);
            }
            if let Some(address) = rest.strip_prefix("tcp:") {
                return address_of(address).map(Self::Tcp);
            }
            return if rest.starts_with('/') { Ok(Self::Unix(rest.into())) } else { Err(SHAPE) };
        }
        match word {
            "stdout" | "-" => Ok(Self::Stdout),
            "" | "syslog" | "otlp" => Err(SHAPE),
            // Hardly a file that somebody wants.
            url if url.contains("://") => Err(SHAPE),
            path => Ok(Self::File(path.into())),
        }
    }
}

/// `HOST:PORT`, an address of IPv6 in brackets.
fn address_of(word: &str) -> Result<String, &'static str> {
    let (host, port) = word.rsplit_once(':').ok_or(SHAPE)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    match port.parse::<u16>() {
        Ok(1..) if is_host && (bracketed || !host.contains(':')) => Ok(word.to_owned()),
        _ => Err(SHAPE),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("stdout"),
            Self::File(path) => formatter.write_str(&text::path(path)),
            Self::Unix(path) => write!(formatter, "syslog:{}", text::path(path)),
            Self::Udp(address) => write!(formatter, "syslog:udp:{address}"),
            Self::Tcp(address) => write!(formatter, "syslog:tcp:{address}"),
            Self::Otlp(url) => write!(formatter, "otlp:{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_read_as_it_is_shown() {
        for (word, remote) in [
            ("stdout", false),
            ("events.jsonl", false),
            ("./otlp", false),
            ("syslog:/dev/log", false),
            ("syslog:udp:siem.example.com:514", true),
            ("syslog:tcp:[::1]:601", true),
            ("otlp:http://localhost:4318/v1/logs", true),
            ("otlp:https://collector.example.com/v1/logs", true),
        ] {
            let destination: Destination = word.parse().unwrap();
            assert_eq!((destination.to_string().as_str(), destination.is_remote()), (word, remote));
        }
        assert_eq!("-".parse(), Ok(Destination::Stdout));
    }

    #[test]
    fn what_is_hardly_meant_is_refused() {
        for word in [
            "",
            "syslog",
            "otlp",
            "syslog:",
            "syslog:dev/log",
            "syslog:udp:host",
            "syslog:udp::514",
            "syslog:udp:host:0",
            "syslog:udp:host:99999",
            "syslog:udp:::1:514",
            "syslog:tcp:a b:514",
            "syslog:tls:host:6514",
            "otlp:",
            "otlp:localhost:4318",
            "otlp:ftp://host/",
            "otlp:http://me:secret@host/",
            "http://localhost:4318/v1/logs",
            "tcp://host:514",
        ] {
            assert!(word.parse::<Destination>().is_err(), "{word}");
        }
    }
}

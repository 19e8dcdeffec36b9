//! Paths and queries of requests.

use super::store::Algorithm;

/// `name=value&…`, decoded; a name can stand several times.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        };
        Self(text.split('&').filter(|part| !part.is_empty()).map(pair).collect())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.first(name)?.parse().ok()
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value in a query.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap();
        }
        out
    })
}

/// What a path is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Token,
    Blob {
        repository: String,
        digest: String,
    },
    Uploads {
        repository: String,
    },
    Upload {
        repository: String,
        id: String,
    },
    Manifest {
        repository: String,
        reference: String,
    },
    Tags {
        repository: String,
    },
    Referrers {
        repository: String,
        digest: String,
    },
    /// A repository of this name cannot be.
    BadName,
    Unknown,
}

impl Route {
    pub(super) fn of(path: &str) -> Self {
        if path == "/token" {
            return Self::Token;
        }
        let Some(rest) = path.strip_prefix("/v2") else { return Self::Unknown };
        if matches!(rest, "" | "/") {
            return Self::Base;
        }
        let parts: Vec<&str> = rest[1..].split('/').collect();
        let named = |name: &[&str], route: fn(String, String) -> Self, last: &str| {
            let name = name.join("/");
            if is_name(&name) { route(name, last.to_owned()) } else { Self::BadName }
        };
        match parts.as_slice() {
            [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"] => {
                named(name, |repository, _| Self::Uploads { repository }, "")
            }
            [name @ .., "blobs", "uploads", id] => {
                named(name, |repository, id| Self::Upload { repository, id }, id)
            }
            [name @ .., "blobs", digest] => {
                named(name, |repository, digest| Self::Blob { repository, digest }, digest)
            }
            [name @ .., "manifests", reference] => {
                named(name, |repository, reference| Self::Manifest { repository, reference }, reference)
            }
            [name @ .., "tags", "list"] => named(name, |repository, _| Self::Tags { repository }, ""),
            [name @ .., "referrers", digest] => {
                named(name, |repository, digest| Self::Referrers { repository, digest }, digest)
            }
            _ => Self::Unknown,
        }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 255
        && text.split('/').all(|part| {
            let bytes = part.as_bytes();
            let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
            bytes.first().is_some_and(letter)
                && bytes.last().is_some_and(letter)
                && separators
                    .filter(|separator| !separator.is_empty())
                    .all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|b| b == b'-'))
        })
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
pub(super) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && word(text.as_bytes()[0])
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// Whether this names a manifest by its digest.
pub(super) fn is_digest(text: &str) -> bool {
    Algorithm::of_digest(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for name in ["a", "a/b", "a.b", "a__b/c---d", "0/9", "blobs/uploads"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "A", "a/", "/a", "a//b", "a..b", "a___b", ".a", "a-", "a_-b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn tags_follow_the_grammar() {
        let (longest, longer) = ("a".repeat(128), "a".repeat(129));
        for tag in ["a", "_", "V1.0-rc", longest.as_str()] {
            assert!(is_tag(tag), "{tag}");
        }
        for tag in ["", ".a", "-a", "a/b", "a:b", longer.as_str()] {
            assert!(!is_tag(tag), "{tag}");
        }
    }

    #[test]
    fn repositories_can_be_called_like_the_parts_of_a_path() {
        let repository = "blobs/manifests".to_owned();
        assert_eq!(
            Route::of("/v2/blobs/manifests/blobs/uploads/"),
            Route::Uploads { repository: repository.clone() }
        );
        assert_eq!(Route::of("/v2/blobs/manifests/tags/list"), Route::Tags { repository });
        assert_eq!(Route::of("/v2/A/tags/list"), Route::BadName);
        assert_eq!(Route::of("/v1/a/tags/list"), Route::Unknown);
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("a=1%2B2&b=x&a=%&c");
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1+2", "%"]);
        assert_eq!((query.first("b"), query.first("c"), query.first("d")), (Some("x"), Some(""), None));
        assert_eq!(encoded("a+b c/d"), "a%2Bb%20c/d");
    }
}

//! `config.json` of docker, `auth.json` of podman: one format, but for what the keys of `auths` may be.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_json::{JsonError, Limits};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::key::{Keys, canonical};
use crate::auth::AuthProblem;
use crate::auth::secret::{Credential, Secret};

/// The file's own limit is the file's reader's.
const LIMITS: Limits = Limits::new(1024 * 1024, 16);

/// What concerns credentials in such a file; its other members are none of our business.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DockerConfig {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

/// One entry of `auths`. It is empty where a credential helper keeps the secret.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<Secret>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<Secret>,
}

/// Where the credential of a key is.
#[derive(Debug)]
pub(super) enum Kept<'a> {
    /// In the entry of this key.
    Here { key: &'a str, entry: &'a Entry },
    /// With `docker-credential-NAME`, which is asked for the server.
    Helper { name: &'a str, server: &'a str },
}

impl DockerConfig {
    /// Reads a file's text. No part of a value stands in an error: it may be a secret at the wrong place.
    pub(super) fn parse(text: &[u8], place: &str) -> Result<Self, AuthProblem> {
        let refuse = |error: JsonError| AuthProblem::Credentials {
            place: place.to_owned(),
            detail: match error {
                JsonError::Shape { line, column, .. } => {
                    format!("not as docker and podman write it (line {line}, column {column})")
                }
                error => error.to_string(),
            },
        };
        // An empty file is what a login leaves behind that was broken off, and means that there is nothing.
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        lacre_json::from_slice(text, LIMITS).map_err(refuse)
    }

    pub(super) fn holds_secrets(&self) -> bool {
        self.auths.iter().flatten().any(|(_, entry)| entry.as_ref().is_some_and(|entry| !entry.is_empty()))
    }

    pub(super) fn names_programs(&self) -> bool {
        self.cred_helpers.iter().flatten().next().is_some() || self.store().is_some()
    }

    /// The places that may have the credential, the most specific key first; for one key, the helpers first, because
    /// what stands in the file beside them is older.
    pub(super) fn kept_for<'a>(&'a self, keys: &'a Keys) -> Vec<Kept<'a>> {
        let mut kept = Vec::new();
        for wanted in keys.iter() {
            let is_host = wanted == keys.host();
            let server = if is_host { keys.server() } else { wanted };
            let helpers = self.cred_helpers.iter().flatten();
            let mut helpers = helpers.filter(|(key, _)| canonical(key) == wanted).peekable();
            if helpers.peek().is_none() && is_host {
                kept.extend(self.store().map(|name| Kept::Helper { name, server }));
            }
            kept.extend(helpers.map(|(_, name)| Kept::Helper { name, server }));
            let entries = self.auths.iter().flatten().filter(|(key, _)| canonical(key) == wanted);
            kept.extend(entries.filter_map(|(key, entry)| Some(Kept::Here { key, entry: entry.as_ref()? })));
        }
        kept
    }

    fn store(&self) -> Option<&str> {
        self.creds_store.as_deref().filter(|name| !name.is_empty())
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        let secrets = [&self.auth, &self.password, &self.identity_token, &self.registry_token];
        secrets.into_iter().flatten().all(Secret::is_empty)
    }

    /// The credential of this entry, if it is not empty. A token goes before a password, whose place docker then fills
    /// with zeros.
    pub(super) fn credential(&self, place: &str) -> Result<Option<Credential>, AuthProblem> {
        let given = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.is_empty());
        let made = if let Some(token) = given(&self.registry_token) {
            Credential::bearer(token)
        } else if let Some(token) = given(&self.identity_token) {
            Credential::identity_token(token)
        } else if let Some(auth) = given(&self.auth) {
            pair(&auth)
        } else if let (Some(username), Some(password)) = (&self.username, given(&self.password)) {
            Credential::basic(username, password)
        } else {
            return Ok(None);
        };
        made.map(Some)
            .map_err(|detail| AuthProblem::Credentials { place: place.to_owned(), detail: detail.to_owned() })
    }
}

/// Name and password from the base64 of `NAME:PASSWORD`.
fn pair(auth: &Secret) -> Result<Credential, &'static str> {
    const WRONG: &str = "`auth` is not the base64 of NAME:PASSWORD";
    let mut bytes = Zeroizing::new(vec![0; auth.expose().len()]);
    let length = STANDARD.decode_slice(auth.expose(), &mut bytes).map_err(|_| WRONG)?;
    let text = std::str::from_utf8(&bytes[..length]).map_err(|_| WRONG)?;
    let (username, password) = text.split_once(':').ok_or(WRONG)?;
    // Old versions of docker padded the password with zero bytes.
    Credential::basic(username, Secret::new(password.trim_end_matches('\0')))
}

/// Reads `text` for the fuzz target `docker_config`, and all that is kept in it for `registry`: how many credentials,
/// or a problem with a code of the crate.
#[doc(hidden)]
pub fn fuzz_docker_config(text: &[u8], registry: &str, repository: &str) -> Result<usize, AuthProblem> {
    let keys = Keys::of(registry, repository);
    let config = DockerConfig::parse(text, "config.json")?;
    let mut credentials = 0;
    for kept in config.kept_for(&keys) {
        credentials += match kept {
            Kept::Here { key, entry } => usize::from(entry.credential(key)?.is_some()),
            Kept::Helper { .. } => 1,
        };
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DockerConfig, AuthProblem> {
        DockerConfig::parse(text.as_bytes(), "config.json")
    }

    fn first(config: &str, registry: &str, repository: &str) -> Result<Option<Credential>, AuthProblem> {
        let (config, keys) = (parse(config).unwrap(), Keys::of(registry, repository));
        for kept in config.kept_for(&keys) {
            let Kept::Here { key, entry } = kept else { continue };
            if let Some(credential) = entry.credential(key)? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }

    fn basic(username: &str, password: &str) -> Credential {
        Credential::basic(username, Secret::new(password)).unwrap()
    }

    // The base64 is that of coreutils: printf %s 'me:pa:ss' | base64
    const ME: &str = "bWU6cGE6c3M=";

    #[test]
    fn every_form_of_an_entry_is_read() {
        let entry =
            |text: &str| first(&format!(r#"{{"auths":{{"a.test":{text}}}}}"#), "a.test", "m").unwrap();
        assert_eq!(entry(&format!(r#"{{"auth":"{ME}"}}"#)), Some(basic("me", "pa:ss")));
        assert_eq!(entry(r#"{"username":"me","password":"x"}"#), Some(basic("me", "x")));
        // As docker login writes for a registry that gave an identity token: 32 zeros and hyphens, a colon, no password.
        let zeros = "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOg==";
        let identity = format!(r#"{{"auth":"{zeros}","identitytoken":"T"}}"#);
        assert_eq!(entry(&identity), Some(Credential::IdentityToken(Secret::new("T"))));
        let registry = r#"{"registrytoken":"R","identitytoken":"T"}"#;
        assert_eq!(entry(registry), Some(Credential::Bearer(Secret::new("R"))));
        // printf 'me:x\0\0' | base64
        assert_eq!(entry(r#"{"auth":"bWU6eAAA"}"#), Some(basic("me", "x")));
        for empty in ["{}", "null", r#"{"auth":""}"#, r#"{"username":"me"}"#, r#"{"email":"me@a.test"}"#] {
            assert_eq!(entry(empty), None, "{empty}");
        }
    }

    #[test]
    fn the_most_specific_key_wins_and_an_empty_entry_does_not_stop_the_search() {
        let auths = |text: &str| format!(r#"{{"auths":{{{text}}}}}"#);
        let config = auths(
            r#""quay.io":{"username":"host","password":"x"},
               "quay.io/org":{"username":"org","password":"x"},
               "quay.io/org/team":{},
               "quay.io/or":{"username":"or","password":"x"}"#,
        );
        let user = |repository| match first(&config, "quay.io", repository).unwrap() {
            Some(Credential::Basic { username, .. }) => username,
            other => panic!("{other:?}"),
        };
        assert_eq!(user("org/team/m"), "org");
        assert_eq!(user("org"), "org");
        assert_eq!(user("organ/m"), "host");
        assert_eq!(user("m"), "host");
        assert_eq!(first(&config, "quay.io:443", "org/m").unwrap(), None);
        assert_eq!(first(&config, "evilquay.io", "org/m").unwrap(), None);
        let schemes = auths(r#""https://a.test:5000/v2/":{"username":"u","password":"p"}"#);
        assert_eq!(first(&schemes, "a.test:5000", "m").unwrap(), Some(basic("u", "p")));
        assert_eq!(first(&schemes, "a.test", "m").unwrap(), None);
    }

    #[test]
    fn helpers_go_before_the_file_and_the_store_stands_for_the_rest() {
        let config = parse(
            r#"{"credHelpers":{"a.test":"one","https://b.test":"two"},"credsStore":"all",
                "auths":{"a.test":{"auth":"x"},"c.test/org":{"auth":"x"},"c.test":{"auth":"x"}}}"#,
        )
        .unwrap();
        let kept = |registry, repository| {
            let keys = Keys::of(registry, repository);
            let shown = |kept: &Kept<'_>| match kept {
                Kept::Here { key, .. } => (*key).to_owned(),
                Kept::Helper { name, server } => format!("{name}: {server}"),
            };
            config.kept_for(&keys).iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(kept("a.test", "m"), ["one: a.test", "a.test"]);
        assert_eq!(kept("b.test", "m"), ["two: b.test"]);
        assert_eq!(kept("c.test", "org/m"), ["c.test/org", "all: c.test", "c.test"]);
        assert_eq!(kept("docker.io", "m"), ["all: https://index.docker.io/v1/"]);
        assert!(config.names_programs() && config.holds_secrets());
        let nothing = parse(r#"{"credsStore":"","credHelpers":{},"auths":{"a":{}},"psFormat":[1]}"#).unwrap();
        assert!(!nothing.names_programs() && !nothing.holds_secrets());
    }

    #[test]
    fn what_is_malformed_is_refused_and_not_shown() {
        for (text, why) in [
            ("{", "EOF"),
            ("[]", "not as docker and podman write it"),
            (r#"{"auths":{"a":"aHVudGVyMg"}}"#, "not as docker and podman write it"),
            (r#"{"auths":["aHVudGVyMg"]}"#, "not as docker and podman write it"),
            (r#"{"auths":{"a":{"auth":["aHVudGVyMg"]}}}"#, "not as docker and podman write it"),
            (r#"{"credHelpers":{"a":1}}"#, "not as docker and podman write it"),
            (r#"{"auths":{"a":{}},"auths":{}}"#, "the key \"auths\" stands twice"),
            (r#"{"auths":{"a":{"auth":"x"},"\u0061":{"auth":"y"}}}"#, "the key \"a\" stands twice"),
            ("{} {}", "trailing"),
        ] {
            let problem = parse(text).unwrap_err();
            assert_eq!(problem.code(), "E-CREDENTIALS", "{text}");
            let shown = problem.to_string();
            assert!(shown.contains(why) && !shown.contains("aHVudGVyMg"), "{text}: {shown}");
        }
        let deep = format!("{}{}", r#"{"x":"#.repeat(100_000), "1");
        assert!(parse(&deep).unwrap_err().to_string().contains("deeper than 16 levels"));
        assert!(DockerConfig::parse(b"\xff", "config.json").unwrap_err().to_string().contains("not UTF-8"));
        assert!(parse(" \n").is_ok());
    }

    #[test]
    fn an_auth_that_is_none_is_refused_and_not_shown() {
        // hunter2 without a colon; not base64; a name with a line break; no name; not UTF-8.
        for auth in ["aHVudGVyMg==", "hunter2!", "bQplOmh1bnRlcjI=", "Omh1bnRlcjI=", "/zpodW50ZXIy"] {
            let config = format!(r#"{{"auths":{{"a.test":{{"auth":"{auth}"}}}}}}"#);
            let problem = first(&config, "a.test", "m").unwrap_err();
            assert_eq!(problem.code(), "E-CREDENTIALS", "{auth}");
            let shown = format!("{problem} {problem:?}");
            assert!(!shown.contains("hunter2") && !shown.contains(auth), "{shown}");
            // Another registry's entry is another registry's matter.
            assert_eq!(first(&config, "b.test", "m").unwrap(), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn names_and_passwords_come_back(username in "[^:\\p{Cc}]{1,20}", password in "[^\\p{Cc}]{0,20}") {
            let auth = STANDARD.encode(format!("{username}:{password}"));
            let config = format!(r#"{{"auths":{{"a.test":{{"auth":"{auth}"}}}}}}"#);
            proptest::prop_assert_eq!(first(&config, "a.test", "m").unwrap(), Some(basic(&username, &password)));
        }

        #[test]
        fn never_panics(text: Vec<u8>, key in "[a-z/:.]{0,12}") {
            let _ = fuzz_docker_config(&text, &key, &key);
            let _ = canonical(&key);
        }
    }
}

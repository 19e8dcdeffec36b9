//! The keys under which credentials are kept.

use crate::auth::realm::is_hub;

/// What docker calls the Hub, in its files and to credential helpers.
const HUB_SERVER: &str = "https://index.docker.io/v1/";
/// What podman and people call it.
const HUB: &str = "docker.io";

/// All keys that stand for a repository, the most specific one first: `HOST/a/b`, `HOST/a`, `HOST`.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<String>,
    server: String,
}

impl Keys {
    pub(super) fn of(registry: &str, repository: &str) -> Self {
        let host = canonical_host(registry);
        let server = if host == HUB { HUB_SERVER.to_owned() } else { host.clone() };
        let mut keys = vec![host];
        for part in repository.split('/').filter(|part| !part.is_empty()) {
            keys.push(format!("{}/{part}", keys[keys.len() - 1]));
        }
        keys.reverse();
        Self { keys, server }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// The key of the whole registry.
    pub(super) fn host(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// The registry, as a credential helper is asked for it.
    pub(super) fn server(&self) -> &str {
        &self.server
    }
}

/// The form of a registry's name in which two of them are compared.
pub(super) fn canonical_host(registry: &str) -> String {
    let host = registry.to_ascii_lowercase();
    if is_hub(&host) { HUB.to_owned() } else { host }
}

/// The form of a key of a file, or of a helper's `ServerURL`, in which it is compared.
///
/// With a scheme it is docker's, and only its host counts; without one it is podman's, and its path is a part of the
/// repository. Docker's own `/v1/` and `/v2/` are none.
pub(super) fn canonical(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let (host, path) = bare.unwrap_or(key).split_once('/').unwrap_or((bare.unwrap_or(key), ""));
    let host = canonical_host(host);
    match path.trim_end_matches('/') {
        "" | "v1" | "v2" => host,
        _ if bare.is_some() => host,
        path => format!("{host}/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_comes_first() {
        let keys = Keys::of("Quay.io", "org/team/model");
        assert_eq!(
            keys.iter().collect::<Vec<_>>(),
            ["quay.io/org/team/model", "quay.io/org/team", "quay.io/org", "quay.io"]
        );
        assert_eq!((keys.host(), keys.server()), ("quay.io", "quay.io"));
        assert_eq!(Keys::of("[::1]:5000", "").iter().collect::<Vec<_>>(), ["[::1]:5000"]);
    }

    #[test]
    fn docker_hub_has_one_key_under_all_its_names() {
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            let keys = Keys::of(name, "a");
            assert_eq!((keys.host(), keys.server()), ("docker.io", "https://index.docker.io/v1/"), "{name}");
        }
        for key in ["https://index.docker.io/v1/", "index.docker.io/v1/", "docker.io", "https://docker.io"] {
            assert_eq!(canonical(key), "docker.io", "{key}");
        }
    }

    #[test]
    fn keys_with_a_scheme_are_hosts_and_keys_without_may_be_repositories() {
        for (key, want) in [
            ("https://a.test:5000/v2/", "a.test:5000"),
            ("http://a.test/org/m", "a.test"),
            ("A.test/v2", "a.test"),
            ("a.test/org/m", "a.test/org/m"),
            ("a.test/Org/", "a.test/Org"),
            ("", ""),
        ] {
            assert_eq!(canonical(key), want, "{key}");
        }
    }
}

//! Token services: which of them a registry may send its clients' secrets to.

use std::str::FromStr;

use reqwest::Url;

use super::AuthProblem;
use super::origin::{Origin, address};
use crate::RegistryError;

/// The longest `realm`, in bytes.
const LONGEST: usize = 2048;
/// How much of a realm is shown, in characters.
const SHOWN: usize = 256;

/// The names of Docker Hub, and its token service: the one of another name that everybody uses.
const HUB: [&str; 3] = ["registry-1.docker.io", "index.docker.io", "docker.io"];
const HUB_REALM: &str = "auth.docker.io";

/// Whether this host is Docker Hub, by any of its names.
pub(crate) fn is_hub(host: &str) -> bool {
    HUB.contains(&host)
}

/// A token service that the user trusts with secrets, whichever registry names it: `HOST` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthRealm {
    host: String,
    port: u16,
}

impl AuthRealm {
    /// Reads `HOST` (then the port is 443) or `HOST:PORT`.
    ///
    /// Refused with `E-USAGE`: anything more or less than that.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let refuse = || RegistryError::AuthRealm { text: text.chars().take(SHOWN).collect() };
        let parts =
            |character: char| matches!(character, '/' | '?' | '#' | '@' | '\\') || character.is_whitespace();
        if text.is_empty() || text.contains(parts) {
            return Err(refuse());
        }
        let url = Url::parse(&format!("https://{text}/")).map_err(|_| refuse())?;
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => Ok(Self { host: host.to_owned(), port }),
            _ => Err(refuse()),
        }
    }

    fn names(&self, origin: &Origin) -> bool {
        self.host == origin.host() && self.port == origin.port()
    }
}

impl FromStr for AuthRealm {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        Self::parse(text)
    }
}

/// A token service, as a challenge names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    url: Url,
    origin: Origin,
}

impl Realm {
    /// Reads the `realm` of a challenge of `registry`: an `https` address. Plain `http` is taken for a registry that is itself
    /// spoken to in plain: on this machine if the registry is there as well, else at its very origin.
    pub(crate) fn parse(text: &str, registry: &Origin) -> Result<Self, AuthProblem> {
        let refuse = |reason| Err(AuthProblem::Realm { realm: shown(text), reason });
        if text.len() > LONGEST {
            return refuse("is an address of more than 2048 bytes");
        }
        let Some((url, origin)) =
            Url::parse(text).ok().and_then(|url| Origin::of(&url).map(|origin| (url, origin)))
        else {
            return refuse("is no https:// address");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("is an address with a user name in it");
        }
        if url.fragment().is_some() {
            return refuse("is an address with a fragment");
        }
        let here = origin.is_loopback() && registry.is_loopback();
        if !origin.is_encrypted() && (registry.is_encrypted() || !(here || origin == *registry)) {
            return refuse("would be spoken to without encryption");
        }
        Ok(Self { url, origin })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Where it is, as it may be shown.
    pub(crate) fn shown(&self) -> String {
        shown(&self.origin.to_string())
    }

    /// Whether the credentials that are kept for `registry` may be sent here. A registry that was taken over, or that
    /// somebody else runs, could otherwise have them sent to whomever it likes.
    ///
    /// Yes: on the registry's own host, whatever the port; on a host above or below it in the domain name system, of
    /// two labels at least (whoever owns `gitlab.com` owns `registry.gitlab.com`, and the other way round a subdomain is
    /// given away by the owner of the name); for Docker Hub at `auth.docker.io`; where the user says so. No: everywhere
    /// else, and on sibling hosts, because two customers of one provider are siblings.
    pub(crate) fn may_have_secret(&self, registry: &Origin, named: &[AuthRealm]) -> bool {
        let (here, there) = (registry.host(), self.origin.host());
        let hub = is_hub(here) && there == HUB_REALM && self.origin.port() == 443;
        here == there
            || is_below(here, there)
            || is_below(there, here)
            || hub
            || named.iter().any(|realm| realm.names(&self.origin))
    }

    /// The refusal of sending secrets here.
    pub(crate) fn foreign(&self) -> AuthProblem {
        AuthProblem::Realm {
            realm: self.shown(),
            reason: "belongs to another host than the registry: no credentials were sent there",
        }
    }
}

/// Whether `name` is a subdomain of `parent`, which has two labels at least.
fn is_below(name: &str, parent: &str) -> bool {
    address(name).is_none()
        && address(parent).is_none()
        && parent.contains('.')
        && !parent.starts_with('.')
        && name.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    fn code(realm: &str, registry: &str) -> &'static str {
        Realm::parse(realm, &origin(registry)).map_or_else(|problem| problem.code(), |_| "ok")
    }

    fn trusted(realm: &str, registry: &str, named: &[&str]) -> bool {
        let registry = origin(registry);
        let named: Vec<_> = named.iter().map(|text| AuthRealm::parse(text).unwrap()).collect();
        Realm::parse(realm, &registry).unwrap().may_have_secret(&registry, &named)
    }

    /// oras-go sent the refresh token to whatever host the challenge named.
    #[test]
    fn ghsa_xf85_363p_868w_realm_of_another_host_gets_no_secret() {
        for (realm, registry) in [
            ("https://evil.test/token", "https://registry.example.com"),
            ("https://other.example.com/token", "https://registry.example.com"),
            ("https://notexample.com/token", "https://example.com"),
            ("https://registry.example.com.evil.test/token", "https://registry.example.com"),
            ("https://com/token", "https://registry.com"),
            ("https://auth.docker.io/token", "https://registry.example.com"),
            ("https://auth.docker.io:8443/token", "https://registry-1.docker.io"),
            ("https://evil.docker.io/token", "https://registry-1.docker.io"),
            ("https://10.0.0.1/token", "https://0.0.1"),
            ("https://10.0.0.2/token", "https://10.0.0.1"),
            ("https://evil.test/token", "http://127.0.0.1:5000"),
            ("http://127.0.0.2:5000/token", "http://127.0.0.1:5000"),
            ("http://localhost:5000/token", "http://127.0.0.1:5000"),
        ] {
            assert!(!trusted(realm, registry, &[]), "{realm} {registry}");
        }
    }

    #[test]
    fn the_registrys_own_people_get_its_secrets() {
        for (realm, registry) in [
            ("https://registry.example.com/token", "https://registry.example.com"),
            ("https://registry.example.com:5001/token", "https://registry.example.com:5000"),
            ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com"),
            ("https://auth.registry.example.com/token", "https://registry.example.com"),
            ("https://auth.docker.io/token", "https://registry-1.docker.io"),
            ("http://127.0.0.1:6000/token", "http://127.0.0.1:5000"),
        ] {
            assert!(trusted(realm, registry, &[]), "{realm} {registry}");
        }
    }

    #[test]
    fn the_user_can_name_a_token_service() {
        let (realm, registry) = ("https://auth.example.com/token", "https://registry.example.com");
        assert!(trusted(realm, registry, &["other.test", "AUTH.example.com"]));
        assert!(trusted(realm, registry, &["auth.example.com:443"]));
        assert!(!trusted(realm, registry, &["auth.example.com:8443"]));
        assert!(!trusted(realm, registry, &["example.com"]));
    }

    #[test]
    fn a_name_of_a_token_service_is_a_host_and_perhaps_a_port() {
        for wrong in
            ["", "https://a.test", "a.test/x", "u@a.test", "a.test?x", "a.test#x", "a b", "a:x", ":1", "a\\b"]
        {
            assert_eq!(AuthRealm::parse(wrong).unwrap_err().code(), "E-USAGE", "{wrong}");
        }
        assert!("[::1]:5001".parse::<AuthRealm>().is_ok());
    }

    #[test]
    fn a_realm_is_encrypted_or_on_this_machine() {
        assert_eq!(code("https://a.test/token?x=y", "https://b.test"), "ok");
        assert_eq!(code("http://127.0.0.1:1/token", "http://localhost:5000"), "ok");
        assert_eq!(code("http://a.test:5000/token", "http://a.test:5000"), "ok");
        for (realm, registry) in [
            ("http://a.test/token", "https://a.test"),
            ("http://a.test:5001/token", "http://a.test:5000"),
            ("http://127.0.0.1/token", "https://a.test"),
            ("http://127.0.0.1:5001/token", "https://127.0.0.1:5000"),
            ("http://a.test/token", "http://127.0.0.1:5000"),
            ("", "https://a.test"),
            ("/token", "https://a.test"),
            ("file:///etc/passwd", "https://a.test"),
            ("https://me:pw@a.test/token", "https://a.test"),
            ("https://a.test/token#x", "https://a.test"),
        ] {
            assert_eq!(code(realm, registry), "E-AUTH-REALM", "{realm}");
        }
        let long = format!("https://a.test/{}", "x".repeat(2048));
        let problem = Realm::parse(&long, &origin("https://a.test")).unwrap_err();
        assert_eq!(problem.code(), "E-AUTH-REALM");
        assert!(problem.to_string().len() < 400);
    }

    proptest::proptest! {
        #[test]
        fn a_host_that_is_no_relative_is_never_trusted(
            here in "[ab]{1,2}(\\.[ab]{1,2}){1,2}\\.test", there in "[ab]{1,2}(\\.[ab]{1,2}){1,2}\\.test",
        ) {
            let labels = |host: &str| host.rsplit('.').map(str::to_owned).collect::<Vec<_>>();
            let (ours, theirs) = (labels(&here), labels(&there));
            let relatives = ours.starts_with(&theirs) || theirs.starts_with(&ours);
            let told = trusted(&format!("https://{there}/t"), &format!("https://{here}"), &[]);
            proptest::prop_assert_eq!(told, relatives);
        }
    }
}

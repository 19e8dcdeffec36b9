//! Token services: what they are asked, and what they answer.
//!
//! `GET` with Basic credentials or without any is Docker's token authentication; `POST` with a refresh token is its OAuth
//! 2 form (RFC 6749, section 6).

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lacre_json::{JsonError, Limits};
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::AuthProblem;
use super::realm::Realm;
use super::secret::{Credential, Secret, basic_header, bearer_header};

/// The longest answer of a token service, in bytes.
pub(crate) const ANSWER_LIMIT: usize = 1024 * 1024;
/// The longest token, in bytes. Servers take no longer headers.
const TOKEN_LIMIT: usize = 64 * 1024;
/// How long a token counts when nothing is said (Docker's token specification).
const LIFETIME: Duration = Duration::from_mins(1);
/// No token is kept for longer.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);
/// How long before its end a token is no longer used: a request takes its time.
const MARGIN: Duration = Duration::from_secs(10);
/// What a token service calls this program.
const CLIENT: &str = "lacre";

/// One request to a token service. Whoever sends it follows no redirect, and sends nothing else along.
pub(crate) struct TokenRequest {
    /// Where, with the query.
    pub(crate) url: Url,
    /// `Authorization`, for credentials.
    pub(crate) authorization: Option<HeaderValue>,
    /// The body of a `POST` (`application/x-www-form-urlencoded`), which holds a refresh token; without it, it is a `GET`.
    pub(crate) form: Option<Zeroizing<String>>,
}

/// What a token service answered, at most [`ANSWER_LIMIT`] bytes of it.
pub(crate) struct TokenAnswer {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// A token for the registry.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    /// From when on it is not used any more.
    pub(super) expires: SystemTime,
    /// The refresh token that takes the place of the one that was shown.
    pub(super) successor: Option<Secret>,
}

/// What came of asking for a token.
#[derive(Debug)]
pub(super) enum Granted {
    Token(Token),
    /// The service does not take the credential.
    Refused,
}

#[derive(Deserialize)]
struct Body {
    token: Option<Secret>,
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<f64>,
    issued_at: Option<String>,
}

impl TokenRequest {
    /// Asks `realm` for a token for `scope` with a credential that it may have, or without any. `None`: this credential is
    /// none that a token service takes.
    pub(super) fn new(
        realm: &Realm,
        service: Option<&str>,
        scope: &[String],
        credential: Option<&Credential>,
    ) -> Option<Self> {
        let mut url = realm.url().clone();
        let (authorization, form) = match credential {
            Some(Credential::Bearer(_)) => return None,
            Some(Credential::IdentityToken(token)) => {
                let mut form = Url::parse("https://form.invalid/").ok()?;
                let mut pairs = form.query_pairs_mut();
                pairs.append_pair("grant_type", "refresh_token").append_pair("client_id", CLIENT);
                pairs.extend_pairs(service.map(|service| ("service", service)));
                if !scope.is_empty() {
                    pairs.append_pair("scope", &scope.join(" "));
                }
                pairs.append_pair("refresh_token", token.expose());
                drop(pairs);
                (None, Some(Zeroizing::new(form.query().unwrap_or_default().to_owned())))
            }
            Some(Credential::Basic { username, password }) => (Some(basic_header(username, password)?), None),
            None => (None, None),
        };
        if form.is_none() {
            let pairs = service.map(|service| ("service", service)).into_iter();
            let pairs: Vec<_> = pairs.chain(scope.iter().map(|scope| ("scope", scope.as_str()))).collect();
            if !pairs.is_empty() {
                url.query_pairs_mut().extend_pairs(pairs);
            }
        }
        Some(Self { url, authorization, form })
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenRequest").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl TokenAnswer {
    /// The token, if the service gave one. No refusal shows any of the answer: a secret may be anywhere in it.
    pub(super) fn granted(self, realm: &Realm, now: SystemTime) -> Result<Granted, AuthProblem> {
        let odd = |detail: String| AuthProblem::TokenService { realm: realm.shown(), detail };
        match self.status {
            200 => {}
            // RFC 6749, section 5.2: 400 is how a refresh token is refused.
            400 | 401 | 403 => return Ok(Granted::Refused),
            status => return Err(odd(format!("answered with status {status}"))),
        }
        let body: Body =
            lacre_json::from_slice(&self.body, Limits::new(ANSWER_LIMIT, 16)).map_err(|error| {
                odd(match error {
                    JsonError::TooLarge { .. }
                    | JsonError::TooDeep { .. }
                    | JsonError::DuplicateKey { .. } => {
                        format!("its answer is refused: {error}")
                    }
                    _ => "its answer is not the JSON object that is expected".to_owned(),
                })
            })?;
        let expires = body.expires(now);
        let given = |secret: Option<Secret>| secret.filter(|secret| !secret.is_empty());
        // The specification has both names for the same.
        let Some(token) = given(body.token).or(given(body.access_token)) else {
            return Err(odd("its answer holds no token".to_owned()));
        };
        if token.expose().len() > TOKEN_LIMIT {
            return Err(odd(format!("its token has more than {TOKEN_LIMIT} bytes")));
        }
        let header = bearer_header(&token)
            .ok_or_else(|| odd("its token holds characters that none has".to_owned()))?;
        Ok(Granted::Token(Token { header, expires, successor: given(body.refresh_token) }))
    }
}

impl Body {
    /// From when on the token is not used any more, on this machine's clock.
    fn expires(&self, now: SystemTime) -> SystemTime {
        let stated = self.expires_in.filter(|seconds| *seconds >= 0.0);
        let lifetime = stated.map_or(LIFETIME, |seconds| {
            Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFETIME).min(LONGEST_LIFETIME)
        });
        // A service may give a token again that it made before. One that is over already, or not yet made, was stamped by
        // another clock: then it counts from now on.
        let issued =
            self.issued_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok()).map(SystemTime::from);
        let age = issued.and_then(|issued| now.duration_since(issued).ok()).filter(|age| *age < lifetime);
        let left = lifetime.saturating_sub(age.unwrap_or_default());
        now + left - MARGIN.min(left / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Origin;

    fn realm(text: &str) -> Realm {
        Realm::parse(text, &Origin::of(&Url::parse("https://a.test").unwrap()).unwrap()).unwrap()
    }

    fn asked() -> Vec<String> {
        vec!["repository:a/b:pull,push".to_owned(), "repository:c:pull".to_owned()]
    }

    fn pairs(query: &str) -> Vec<(String, String)> {
        Url::parse(&format!("https://x.test/?{query}")).unwrap().query_pairs().into_owned().collect()
    }

    // Docker's token specification, "Requesting a Token".
    #[test]
    fn a_password_goes_with_a_get() {
        let me = Credential::basic("me", Secret::new("hunter2")).unwrap();
        let realm = realm("https://a.test/token?account=x");
        let request = TokenRequest::new(&realm, Some("reg istry"), &asked(), Some(&me)).unwrap();
        assert!(request.form.is_none());
        // printf %s me:hunter2 | base64
        assert_eq!(request.authorization.as_ref().unwrap(), "Basic bWU6aHVudGVyMg==");
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let want = [
            ("account", "x"),
            ("service", "reg istry"),
            ("scope", "repository:a/b:pull,push"),
            ("scope", "repository:c:pull"),
        ];
        assert_eq!(pairs(request.url.query().unwrap()), want.map(owned));
        assert!(!request.url.as_str().contains("hunter2") && !format!("{request:?}").contains("bWU6"));
    }

    // Docker's OAuth 2 token specification, "Example getting refresh token".
    #[test]
    fn an_identity_token_goes_with_a_post_and_never_into_an_address() {
        let token = Credential::identity_token(Secret::new("hunter2&x=y")).unwrap();
        let request =
            TokenRequest::new(&realm("https://a.test/token"), Some("s"), &asked(), Some(&token)).unwrap();
        assert_eq!(request.url.as_str(), "https://a.test/token");
        assert!(request.authorization.is_none());
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let want = [
            ("grant_type", "refresh_token"),
            ("client_id", "lacre"),
            ("service", "s"),
            ("scope", "repository:a/b:pull,push repository:c:pull"),
            ("refresh_token", "hunter2&x=y"),
        ];
        assert_eq!(pairs(request.form.as_ref().unwrap()), want.map(owned));
        assert!(!format!("{request:?}").contains("hunter2"));
    }

    #[test]
    fn nobody_asks_with_nothing() {
        let request = TokenRequest::new(&realm("https://a.test/token"), None, &[], None).unwrap();
        assert_eq!(request.url.as_str(), "https://a.test/token");
        assert!(request.authorization.is_none() && request.form.is_none());
        let bearer = Credential::bearer(Secret::new("x")).unwrap();
        assert!(TokenRequest::new(&realm("https://a.test/token"), None, &[], Some(&bearer)).is_none());
    }

    const NOW: Duration = Duration::from_hours(500_000); // 2027-01-15T08:00:00Z, by date(1)

    fn grant(status: u16, body: &str) -> Result<Granted, AuthProblem> {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        TokenAnswer { status, body }.granted(&realm("https://a.test/token"), SystemTime::UNIX_EPOCH + NOW)
    }

    fn token(body: &str) -> Token {
        match grant(200, body).unwrap() {
            Granted::Token(token) => token,
            Granted::Refused => panic!("{body}"),
        }
    }

    #[test]
    fn both_names_of_a_token_are_known() {
        for body in
            [r#"{"token":"T"}"#, r#"{"access_token":"T"}"#, r#"{"token":"","access_token":"T","scope":"x"}"#]
        {
            assert_eq!(token(body).header, "Bearer T", "{body}");
        }
        let next = token(r#"{"access_token":"T","refresh_token":"R"}"#).successor;
        assert_eq!(next, Some(Secret::new("R")));
        assert!(
            !format!("{:?}", token(r#"{"token":"hunter2","refresh_token":"hunter2"}"#)).contains("hunter2")
        );
    }

    #[test]
    fn a_token_ends_before_the_service_ends_it() {
        let left = |more: &str| {
            let token = token(&format!(r#"{{"token":"T"{more}}}"#));
            token.expires.duration_since(SystemTime::UNIX_EPOCH + NOW).unwrap().as_secs()
        };
        assert_eq!(left(""), 50);
        assert_eq!(left(r#","expires_in":300"#), 290);
        assert_eq!(left(r#","expires_in":300.9"#), 290);
        assert_eq!(left(r#","expires_in":3"#), 2);
        assert_eq!(left(r#","expires_in":0"#), 0);
        assert_eq!(left(r#","expires_in":-1"#), 50);
        assert_eq!(left(r#","expires_in":1e300"#), 24 * 3600 - 10);
        assert_eq!(left(r#","expires_in":300,"issued_at":"2027-01-15T07:59:00Z""#), 230);
        assert_eq!(left(r#","expires_in":300,"issued_at":"2027-01-15T08:59:00+01:00""#), 230);
        // Another clock: a token that was just given is not over.
        assert_eq!(left(r#","expires_in":300,"issued_at":"2027-01-15T07:00:00Z""#), 290);
        assert_eq!(left(r#","expires_in":300,"issued_at":"2027-01-15T09:00:00Z""#), 290);
        assert_eq!(left(r#","expires_in":300,"issued_at":"yesterday""#), 290);
        // The zero time of Go.
        assert_eq!(left(r#","issued_at":"0001-01-01T00:00:00Z""#), 50);
    }

    #[test]
    fn refusals_of_the_credential_are_told_from_failures() {
        for status in [400, 401, 403] {
            assert!(matches!(grant(status, r#"{"token":"T"}"#).unwrap(), Granted::Refused), "{status}");
        }
        for status in [100, 201, 204, 301, 307, 404, 405, 429, 500, 503] {
            let problem = grant(status, r#"{"token":"T"}"#).unwrap_err();
            assert_eq!(problem.code(), "E-SERVICE", "{status}");
        }
    }

    #[test]
    fn an_answer_that_is_no_token_is_refused_and_not_shown() {
        let long = format!(r#"{{"token":"{}"}}"#, "x".repeat(TOKEN_LIMIT + 1));
        let deep = format!(r#"{{"token":"T","x":{}}}"#, "[".repeat(1000));
        for body in [
            "",
            "hunter2",
            "<html>hunter2</html>",
            "{}",
            r#"["hunter2"]"#,
            r#"{"token":["hunter2"]}"#,
            r#"{"token":"hunter2\r\nHost: x"}"#,
            r#"{"token":"hunter2 x"}"#,
            r#"{"token":"hunter2","expires_in":"hunter2"}"#,
            r#"{"token":"hunter2","token":"T"}"#,
            r#"{"token":null}"#,
            &long,
            &deep,
        ] {
            let problem = grant(200, body).unwrap_err();
            assert_eq!(problem.code(), "E-SERVICE", "{body:.40}");
            assert!(!format!("{problem} {problem:?}").contains("hunter2"), "{problem}");
        }
        let huge = Zeroizing::new(vec![b' '; ANSWER_LIMIT + 1]);
        let answer = TokenAnswer { status: 200, body: huge };
        let refused = answer.granted(&realm("https://a.test/token"), SystemTime::UNIX_EPOCH).unwrap_err();
        assert!(refused.to_string().contains("more than the limit"), "{refused}");
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(status: u16, body: Vec<u8>, expires: f64, now in 0_u64..1 << 40) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            let here = realm("https://a.test/token");
            let _ = TokenAnswer { status, body: Zeroizing::new(body) }.granted(&here, now);
            let body = format!(r#"{{"token":"T","expires_in":{expires:?}}}"#);
            let granted = TokenAnswer { status: 200, body: Zeroizing::new(body.into_bytes()) }.granted(&here, now);
            if let Ok(Granted::Token(token)) = granted {
                proptest::prop_assert!(token.expires >= now && token.expires <= now + LONGEST_LIFETIME);
            }
        }
    }
}

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Url;
use zeroize::Zeroizing;

use super::*;

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

/// A token service that gives the tokens `T1`, `T2`, … or what a test wants, and remembers what it was asked.
#[derive(Default)]
struct Service {
    answers: RefCell<VecDeque<(u16, String)>>,
    lifetime: Option<u64>,
    asked: RefCell<Vec<Asked>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    url: String,
    authorization: Option<String>,
    form: Option<String>,
}

impl Service {
    fn lasting(seconds: u64) -> Self {
        Self { lifetime: Some(seconds), ..Self::default() }
    }

    fn answers(self, answers: &[(u16, &str)]) -> Self {
        let own = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
        self.answers.borrow_mut().extend(own);
        self
    }

    fn fetch(&self, request: &TokenRequest) -> TokenAnswer {
        self.asked.borrow_mut().push(Asked {
            url: request.url.to_string(),
            authorization: request.authorization.as_ref().map(|value| value.to_str().unwrap().to_owned()),
            form: request.form.as_ref().map(|form| form.to_string()),
        });
        let number = self.asked.borrow().len();
        let lifetime = self.lifetime.unwrap_or(300);
        let usual = (200, format!(r#"{{"token":"T{number}","expires_in":{lifetime}}}"#));
        let (status, body) = self.answers.borrow_mut().pop_front().unwrap_or(usual);
        TokenAnswer { status, body: Zeroizing::new(body.into_bytes()) }
    }

    fn count(&self) -> usize {
        self.asked.borrow().len()
    }

    fn last(&self) -> Asked {
        self.asked.borrow().last().unwrap().clone()
    }
}

/// A user who is logged in at `a.test` as `config` says.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new(entry: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let user = Self { home };
        user.login(entry);
        user
    }

    fn login(&self, entry: &str) {
        let text = format!(r#"{{"auths":{{"a.test":{entry}}}}}"#);
        fs::write(self.home.path().join("config.json"), text).unwrap();
    }

    fn authority(&self) -> Authority {
        self.authority_at("https://a.test", &[])
    }

    fn authority_at(&self, origin: &str, realms: &[&str]) -> Authority {
        let home = self.home.path().as_os_str().to_owned();
        let credentials = Credentials::within(move |name| {
            ["DOCKER_CONFIG", "XDG_RUNTIME_DIR", "HOME"].contains(&name).then(|| OsString::from(&home))
        });
        authority(origin, credentials, realms)
    }
}

fn authority(origin: &str, credentials: Credentials, realms: &[&str]) -> Authority {
    let origin = Origin::of(&Url::parse(origin).unwrap()).unwrap();
    let realms = realms.iter().map(|realm| AuthRealm::parse(realm).unwrap()).collect();
    Authority::new("a.test", origin, Arc::new(credentials), realms)
}

const PASSWORD: &str = r#"{"username":"me","password":"hunter2"}"#;
// printf %s me:hunter2 | base64
const BASIC: &str = "Basic bWU6aHVudGVyMg==";
const IDENTITY: &str = r#"{"identitytoken":"hunter2"}"#;
const REGISTRY: &str = r#"{"registrytoken":"hunter2"}"#;
const BEARER: &str = r#"Bearer realm="https://a.test/token",service="s",scope="repository:m:pull""#;

fn headers(challenges: &[&str]) -> HeaderMap {
    challenges.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap())).collect()
}

/// One whole request: the header at first, and the one after a challenge.
fn ask(authority: &Authority, scope: &Scope, challenge: &str, service: &Service, now: SystemTime) -> Outcome {
    let fetch = |request: &TokenRequest| Ok(service.fetch(request));
    let mut session = authority.begin(scope);
    let first = session.header(now, &fetch).map_err(|error| error.code())?;
    let second = session.challenged(&headers(&[challenge]), now, &fetch).map_err(|error| {
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        error.code()
    })?;
    assert!(second.is_sensitive());
    let text = |header: HeaderValue| header.to_str().unwrap().to_owned();
    Ok((first.map(text), text(second)))
}

type Outcome = Result<(Option<String>, String), &'static str>;

fn first(authority: &Authority, scope: &Scope, service: &Service, now: SystemTime) -> Option<String> {
    let fetch = |request: &TokenRequest| Ok(service.fetch(request));
    let header = authority.begin(scope).header(now, &fetch).unwrap();
    header.map(|header| header.to_str().unwrap().to_owned())
}

#[test]
fn a_password_answers_basic_and_is_sent_at_once_from_then_on() {
    let (user, service) = (User::new(PASSWORD), Service::default());
    let (authority, scope) = (user.authority(), Scope::pull("m"));
    let answered = ask(&authority, &scope, "Basic realm=x", &service, START).unwrap();
    assert_eq!(answered, (None, BASIC.to_owned()));
    assert_eq!(first(&authority, &scope, &service, START).as_deref(), Some(BASIC));
    // Another repository may have other credentials.
    assert_eq!(first(&authority, &Scope::pull("n"), &service, START), None);
    assert_eq!(service.count(), 0);
}

#[test]
fn a_password_gets_a_token_that_is_used_until_shortly_before_its_end() {
    let (user, service) = (User::new(PASSWORD), Service::lasting(60));
    let (authority, push) = (user.authority(), Scope::push("m"));
    let answered = ask(&authority, &push, BEARER, &service, START).unwrap();
    assert_eq!(answered, (None, "Bearer T1".to_owned()));
    let want = Asked {
        url: "https://a.test/token?service=s&scope=repository%3Am%3Apull%2Cpush".to_owned(),
        authorization: Some(BASIC.to_owned()),
        form: None,
    };
    assert_eq!(service.last(), want);
    for scope in [&push, &Scope::pull("m")] {
        assert_eq!(first(&authority, scope, &service, after(49)).as_deref(), Some("Bearer T1"));
    }
    for wider in [Scope::push("m").and_pull("n"), Scope::pull("n")] {
        assert_eq!(first(&authority, &wider, &service, START), None);
    }
    assert_eq!(service.count(), 1);
    // Refreshed before the request, whose body might be long, with what was asked for at first.
    assert_eq!(first(&authority, &Scope::pull("m"), &service, after(50)).as_deref(), Some("Bearer T2"));
    assert_eq!(service.last(), want);
    assert_eq!(first(&authority, &push, &service, after(60)).as_deref(), Some("Bearer T2"));
}

#[test]
fn a_token_that_ends_in_mid_transfer_is_replaced_once_for_each_request() {
    let (user, service) = (User::new(PASSWORD), Service::default());
    let (authority, scope) = (user.authority(), Scope::push("m"));
    for round in 1..=3 {
        let (sent, answered) = ask(&authority, &scope, BEARER, &service, START).unwrap();
        // The one that is kept is refused, by a registry whose clock is another.
        assert_eq!(sent, (round > 1).then(|| format!("Bearer T{}", round - 1)));
        assert_eq!(answered, format!("Bearer T{round}"));
    }
}

#[test]
fn a_registry_that_refuses_for_ever_is_asked_twice() {
    for (entry, challenge) in [(PASSWORD, BEARER), (PASSWORD, "Basic realm=x"), (IDENTITY, BEARER)] {
        let (user, service) = (User::new(entry), Service::default());
        let (authority, scope) = (user.authority(), Scope::push("m"));
        let fetch = |request: &TokenRequest| Ok(service.fetch(request));
        let mut session = authority.begin(&scope);
        session.header(START, &fetch).unwrap();
        session.challenged(&headers(&[challenge]), START, &fetch).unwrap();
        let error = session.challenged(&headers(&[challenge]), START, &fetch).unwrap_err();
        assert_eq!(error.code(), "E-AUTH");
        let shown = error.to_string();
        assert!(shown.contains("config.json (a.test), or they do not allow pull and push of m"), "{shown}");
        assert!(service.count() <= 1);
        assert_eq!(first(&authority, &scope, &service, START), None);
    }
}

#[test]
fn without_credentials_the_service_is_asked_as_nobody_and_the_places_are_told() {
    let service = Service::default();
    let (user, scope) = (User::new("{}"), Scope::pull("m"));
    let authority = user.authority();
    let answered = ask(&authority, &scope, BEARER, &service, START).unwrap();
    assert_eq!(answered.1, "Bearer T1");
    assert_eq!(service.last().authorization, None);
    let fetch = |request: &TokenRequest| Ok(service.fetch(request));
    let mut session = authority.begin(&scope);
    session.header(START, &fetch).unwrap();
    session.challenged(&headers(&[BEARER]), START, &fetch).unwrap();
    let error = session.challenged(&headers(&[BEARER]), START, &fetch).unwrap_err();
    assert_eq!(error.code(), "E-AUTH");
    let shown = error.to_string();
    assert!(
        shown.contains("none were found in LACRE_REGISTRY_HOST") && shown.contains("config.json"),
        "{shown}"
    );
    assert_eq!(ask(&authority, &scope, "Basic realm=x", &service, START), Err("E-AUTH"));
}

#[test]
fn an_identity_token_goes_to_the_service_only_and_is_replaced_by_its_successor() {
    let service = Service::default().answers(&[(200, r#"{"access_token":"A","refresh_token":"next"}"#)]);
    let (user, scope) = (User::new(IDENTITY), Scope::pull("m"));
    let authority = user.authority();
    assert_eq!(ask(&authority, &scope, BEARER, &service, START).unwrap().1, "Bearer A");
    let asked = service.last();
    assert_eq!((asked.url.as_str(), asked.authorization), ("https://a.test/token", None));
    assert!(asked.form.unwrap().ends_with("&refresh_token=hunter2"));
    assert_eq!(first(&authority, &scope, &service, after(60)).as_deref(), Some("Bearer T2"));
    assert!(service.last().form.unwrap().ends_with("&refresh_token=next"));
    // There is nothing in it for a registry that wants a password.
    assert_eq!(ask(&user.authority(), &scope, "Basic realm=x", &service, START), Err("E-AUTH"));
}

#[test]
fn a_registry_token_needs_no_service() {
    let (user, service) = (User::new(REGISTRY), Service::default());
    for challenge in [BEARER, "Basic realm=x"] {
        let (authority, scope) = (user.authority(), Scope::pull("m"));
        let answered = ask(&authority, &scope, challenge, &service, START).unwrap();
        assert_eq!(answered, (None, "Bearer hunter2".to_owned()));
        let again = ask(&authority, &scope, challenge, &service, START);
        assert_eq!(again, Err("E-AUTH"), "the same token once more");
    }
    assert_eq!(service.count(), 0);
}

/// oras-go sent the refresh token to whatever host the challenge named.
#[test]
fn ghsa_xf85_363p_868w_realm_of_another_host_gets_no_secret() {
    let scope = Scope::pull("m");
    for entry in [PASSWORD, IDENTITY] {
        for realm in [
            "https://evil.test/token",
            "https://a.test.evil.test/token",
            "https://auth.docker.io/token",
            "http://a.test/token",
            "http://127.0.0.1:5001/token",
            "https://a.test@evil.test/token",
            "//evil.test/token",
        ] {
            let (user, service) = (User::new(entry), Service::default());
            let challenge = format!(r#"Bearer realm="{realm}",service="registry.docker.io""#);
            assert_eq!(
                ask(&user.authority(), &scope, &challenge, &service, START),
                Err("E-AUTH-REALM"),
                "{realm}"
            );
            assert_eq!(service.count(), 0, "{realm}");
        }
    }
    // Without a secret there is nothing to lose; but never in plain.
    let (nobody, service) = (User::new("{}"), Service::default());
    let challenge = r#"Bearer realm="https://evil.test/token""#;
    assert_eq!(ask(&nobody.authority(), &scope, challenge, &service, START).unwrap().1, "Bearer T1");
    assert_eq!((service.last().authorization, service.last().form), (None, None));
    let plain = r#"Bearer realm="http://evil.test/token""#;
    assert_eq!(ask(&nobody.authority(), &scope, plain, &service, START), Err("E-AUTH-REALM"));
}

/// A token that is refreshed goes where the first one came from, not where a later challenge leads.
#[test]
fn a_later_challenge_is_judged_like_the_first() {
    let (user, service) = (User::new(IDENTITY), Service::default());
    let (authority, scope) = (user.authority(), Scope::pull("m"));
    ask(&authority, &scope, BEARER, &service, START).unwrap();
    let challenge = r#"Bearer realm="https://evil.test/token",service="s""#;
    assert_eq!(ask(&authority, &scope, challenge, &service, START), Err("E-AUTH-REALM"));
    assert_eq!(service.count(), 1);
}

#[test]
fn a_token_service_that_the_user_named_gets_the_secret() {
    let (user, scope) = (User::new(IDENTITY), Scope::pull("m"));
    let challenge = r#"Bearer realm="https://auth.example.com/token""#;
    let service = Service::default();
    let authority = user.authority_at("https://a.test", &["auth.example.com"]);
    assert_eq!(ask(&authority, &scope, challenge, &service, START).unwrap().1, "Bearer T1");
    assert!(service.last().form.unwrap().contains("hunter2"));
    let other = user.authority_at("https://a.test", &["auth.example.com:8443"]);
    assert_eq!(ask(&other, &scope, challenge, &service, START), Err("E-AUTH-REALM"));
}

#[test]
fn a_service_that_refuses_is_told_from_one_that_is_out_of_order() {
    let scope = Scope::pull("m");
    for (status, want) in
        [(401, "E-AUTH"), (403, "E-AUTH"), (400, "E-AUTH"), (404, "E-SERVICE"), (500, "E-SERVICE")]
    {
        for entry in [PASSWORD, IDENTITY, "{}"] {
            let (user, service) = (User::new(entry), Service::default().answers(&[(status, "hunter2")]));
            let outcome = ask(&user.authority(), &scope, BEARER, &service, START);
            assert_eq!(outcome, Err(want), "{status} {entry}");
            assert_eq!(service.count(), 1);
        }
    }
    let (user, service) = (User::new(PASSWORD), Service::default().answers(&[(200, "{}")]));
    assert_eq!(ask(&user.authority(), &scope, BEARER, &service, START), Err("E-SERVICE"));
}

#[test]
fn a_credential_that_was_renewed_meanwhile_is_looked_up_again() {
    let scope = Scope::pull("m");
    let renew = |user: &User| user.login(r#"{"username":"me","password":"new"}"#);
    // The service refuses the old one.
    let (user, service) = (
        User::new(PASSWORD),
        Service::lasting(0).answers(&[(200, r#"{"token":"T","expires_in":0}"#), (401, "")]),
    );
    let authority = user.authority();
    ask(&authority, &scope, BEARER, &service, START).unwrap();
    renew(&user);
    assert_eq!(first(&authority, &scope, &service, after(1)).as_deref(), Some("Bearer T3"));
    // printf %s me:new | base64
    assert_eq!(service.last().authorization.as_deref(), Some("Basic bWU6bmV3"));
    // The registry refuses the old one.
    let (user, service) = (User::new(PASSWORD), Service::default());
    let authority = user.authority();
    ask(&authority, &scope, "Basic realm=x", &service, START).unwrap();
    renew(&user);
    let (sent, answered) = ask(&authority, &scope, "Basic realm=x", &service, START).unwrap();
    assert_eq!((sent.as_deref(), answered.as_str()), (Some(BASIC), "Basic bWU6bmV3"));
}

#[test]
fn bearer_is_preferred_and_what_is_not_spoken_is_told() {
    let (user, service, scope) = (User::new(PASSWORD), Service::default(), Scope::pull("m"));
    let answered =
        ask(&user.authority(), &scope, &format!("Basic realm=x, Negotiate, {BEARER}"), &service, START);
    assert_eq!(answered.unwrap().1, "Bearer T1");
    assert_eq!(
        ask(&user.authority(), &scope, "Negotiate, Digest x=y", &service, START),
        Err("E-UNSUPPORTED")
    );
    assert_eq!(ask(&user.authority(), &scope, "Bearer realm=", &service, START), Err("E-CHALLENGE"));
    let fetch = |request: &TokenRequest| Ok(service.fetch(request));
    let authority = user.authority();
    let silent = authority.begin(&scope).challenged(&HeaderMap::new(), START, &fetch).unwrap_err();
    assert_eq!(silent.code(), "E-CHALLENGE");
    assert_eq!(
        silent.to_string(),
        "a.test: it demands authentication, but its challenge is malformed: there is none"
    );
}

#[test]
fn credentials_are_looked_up_only_when_they_are_demanded() {
    let counted = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&counted);
    let credentials = Credentials::within(move |_| {
        seen.fetch_add(1, Ordering::Relaxed);
        None
    });
    let (authority, service) = (authority("https://a.test", credentials, &[]), Service::default());
    assert_eq!(first(&authority, &Scope::pull("m"), &service, START), None);
    assert_eq!(counted.load(Ordering::Relaxed), 0);
    ask(&authority, &Scope::pull("m"), BEARER, &service, START).unwrap();
    let once = counted.load(Ordering::Relaxed);
    assert!(once > 0);
    ask(&authority, &Scope::push("m"), BEARER, &service, START).unwrap();
    assert_eq!(counted.load(Ordering::Relaxed), once);
}

#[test]
fn threads_share_one_token() {
    let user = User::new(PASSWORD);
    let (authority, scope, asked) = (user.authority(), Scope::pull("m"), AtomicUsize::new(0));
    let fetch = |_: &TokenRequest| {
        let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
        let body = format!(r#"{{"token":"T{number}","expires_in":300}}"#);
        Ok(TokenAnswer { status: 200, body: Zeroizing::new(body.into_bytes()) })
    };
    // All of them begin with nothing, so that each is challenged.
    let mut sessions: Vec<_> = (0..8).map(|_| authority.begin(&scope)).collect();
    std::thread::scope(|threads| {
        for session in &mut sessions {
            let fetch = &fetch;
            threads.spawn(move || {
                let header = session.challenged(&headers(&[BEARER]), START, fetch).unwrap();
                assert_eq!(header, "Bearer T1");
            });
        }
    });
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn tokens_do_not_pile_up() {
    let (user, service) = (User::new(PASSWORD), Service::default());
    let authority = user.authority();
    let scopes: Vec<_> = (0..=TOKENS).map(|at| Scope::pull(&format!("m{at}"))).collect();
    for scope in &scopes {
        ask(&authority, scope, BEARER, &service, START).unwrap();
    }
    assert_eq!(first(&authority, &scopes[0], &service, START), None);
    assert_eq!(first(&authority, &scopes[1], &service, START).as_deref(), Some("Bearer T2"));
}

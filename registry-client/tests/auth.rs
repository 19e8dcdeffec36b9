//! Registries that want to know who asks: passwords, tokens, and where secrets go.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken test must fail")]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use lacre_hash::NoProgress;
use lacre_registry_client::{
    AuthRealm, Credentials, Descriptor, IMAGE_MANIFEST, Put, RegistryError, RegistryName, RegistryOptions,
    Remote, Repository, Retry, Store, Tag, Target,
};
use lacre_testkit::registry::{
    Access, Anonymous, Audience, Bearer, Fault, Guard, Lie, Location, On, Registry, Seen, Tls,
};
use lacre_testkit::{PeerRegistry, noise};

const SECRET: &str = "open-sesame";
/// printf %s me:open-sesame | base64
const BASIC: &str = "Basic bWU6b3Blbi1zZXNhbWU=";
const CHUNK: u64 = 64 * 1024;

/// A user who is logged in at one registry.
struct User {
    home: Arc<tempfile::TempDir>,
}

impl User {
    fn with(config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("config.json"), config).unwrap();
        fs::set_permissions(home.path().join("config.json"), fs::Permissions::from_mode(0o600)).unwrap();
        Self { home: Arc::new(home) }
    }

    fn entry(host: &str, entry: &str) -> Self {
        Self::with(&format!(r#"{{"auths":{{"{host}":{entry}}}}}"#))
    }

    fn password(host: &str) -> Self {
        Self::entry(host, &format!(r#"{{"username":"me","password":"{SECRET}"}}"#))
    }

    fn identity(host: &str) -> Self {
        Self::entry(host, &format!(r#"{{"identitytoken":"{SECRET}"}}"#))
    }

    fn nobody() -> Self {
        Self::with("{}")
    }

    fn credentials(&self) -> Arc<Credentials> {
        // The folder stays for as long as somebody may look into it.
        let home = Arc::clone(&self.home);
        Arc::new(Credentials::within(move |name| match name {
            "DOCKER_CONFIG" | "HOME" | "PATH" | "XDG_RUNTIME_DIR" => Some(home.path().into()),
            _ => None,
        }))
    }

    /// Short waits, and chunks of 64 KiB for what is longer.
    fn options(&self) -> RegistryOptions {
        let (first, longest) = (Duration::from_millis(1), Duration::from_millis(4));
        RegistryOptions::new()
            .credentials(self.credentials())
            .patience(Duration::from_secs(20))
            .retry(Retry { times: 3, first, longest, total: Duration::from_secs(5) })
            .chunks(CHUNK, CHUNK)
    }

    fn at(&self, host: &str) -> Remote {
        remote(host, &self.options())
    }
}

fn remote(host: &str, options: &RegistryOptions) -> Remote {
    Remote::open(&RegistryName::parse(host).unwrap(), &Repository::parse("org/m").unwrap(), options)
}

fn basic() -> Access {
    Access::Basic { user: "me".to_owned(), password: SECRET.to_owned() }
}

fn bearer(change: impl FnOnce(&mut Bearer)) -> Registry {
    let mut bearer = Bearer::new("me", SECRET);
    change(&mut bearer);
    Registry::with().rules(|rules| rules.access = Access::Bearer(bearer)).start()
}

fn described(bytes: &[u8]) -> Descriptor {
    Descriptor::of("application/octet-stream", bytes)
}

fn send(store: &Remote, bytes: &[u8]) -> Result<Put, RegistryError> {
    store.put_blob(&described(bytes), &bytes, &NoProgress)
}

fn fetch(store: &Remote, bytes: &[u8]) -> Result<Vec<u8>, RegistryError> {
    let mut found = Vec::new();
    store.blob(&described(bytes))?.read_to_end(&mut found).unwrap();
    Ok(found)
}

/// The code of a failure, in whose message no secret stands.
fn code<T: std::fmt::Debug>(outcome: Result<T, RegistryError>) -> &'static str {
    let error = outcome.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET) && !shown.contains(BASIC), "{shown}");
    error.code()
}

/// Of all that came, what is no request for a token and holds a secret of the user's.
fn leaks(registry: &Registry) -> Vec<Seen> {
    let holds = |seen: &Seen| {
        let headers = seen.headers.iter().map(|(_, value)| value.as_str());
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        let texts: Vec<_> = headers.chain([seen.target.as_str(), body.as_str()]).collect();
        texts.iter().any(|text| text.contains(SECRET) || text.contains(BASIC))
    };
    registry.seen().into_iter().filter(|seen| seen.path() != "/token" && holds(seen)).collect()
}

fn refusals(registry: &Registry) -> usize {
    registry.seen().iter().filter(|seen| seen.status == Some(401)).count()
}

/// More than three chunks.
fn weights() -> Vec<u8> {
    noise(1, 3 * usize::try_from(CHUNK).unwrap() + 5)
}

/// A whole round: a blob, a manifest with a tag, and both back.
fn round(store: &Remote) {
    let weights = weights();
    assert_eq!(send(store, &weights).unwrap(), Put::Written);
    send(store, b"{}").unwrap();
    let layer = described(&weights);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:{}","size":2}},"layers":[{{"mediaType":"application/octet-stream","digest":"sha256:{}","size":{}}}]}}"#,
        described(b"{}").digest,
        layer.digest,
        layer.size
    );
    let tag = Tag::parse("v1").unwrap();
    let put = store.put_manifest(IMAGE_MANIFEST, manifest.as_bytes(), Some(&tag)).unwrap();
    assert_eq!(store.resolve(&Target::Tag(tag)).unwrap().digest, put.digest);
    assert_eq!(store.manifest(&put).unwrap(), manifest.as_bytes());
    assert_eq!(fetch(store, &weights).unwrap(), weights);
}

#[test]
fn a_password_opens_a_registry_that_asks_for_one() {
    let registry = Registry::with().rules(|rules| rules.access = basic()).start();
    let user = User::password(&registry.host());
    round(&user.at(&registry.host()));
    // Asked once; the password went along with everything afterwards.
    registry.settle();
    let asked: Vec<_> =
        registry.seen_at("HEAD", "/blobs/").into_iter().filter(|seen| seen.status == Some(401)).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("authorization"), None);
    let wrong = User::entry(&registry.host(), r#"{"username":"me","password":"wrong"}"#);
    assert_eq!(code(send(&wrong.at(&registry.host()), b"x")), "E-AUTH");
    let nobody = send(&User::nobody().at(&registry.host()), b"x").unwrap_err();
    assert_eq!(nobody.code(), "E-AUTH");
    assert!(nobody.to_string().contains("none were found in LACRE_REGISTRY_HOST"), "{nobody}");
}

#[test]
fn a_registry_that_is_open_for_reading_is_read_without_a_password() {
    let registry = Registry::with()
        .rules(|rules| {
            rules.access = basic();
            rules.guard = Guard::Writes;
        })
        .start();
    registry.put_blob("org/m", b"weights");
    let broken = User::with("not even JSON");
    assert_eq!(fetch(&broken.at(&registry.host()), b"weights").unwrap(), b"weights");
    assert_eq!(leaks(&registry).len(), 0);
    assert_eq!(code(send(&broken.at(&registry.host()), b"x")), "E-CREDENTIALS");
    round(&User::password(&registry.host()).at(&registry.host()));
}

#[test]
fn tokens_are_fetched_for_what_is_needed_and_the_password_goes_to_their_service_only() {
    let registry = bearer(|_| ());
    round(&User::password(&registry.host()).at(&registry.host()));
    registry.settle();
    let asked: Vec<_> = registry.seen_at("GET", "/token").into_iter().map(|seen| seen.target).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].ends_with("scope=repository%3Aorg%2Fm%3Apull"), "{asked:?}");
    assert!(asked[1].ends_with("repository%3Aorg%2Fm%3Apull%2Cpush"));
    assert!(leaks(&registry).is_empty());
}

#[test]
fn a_token_that_ends_in_mid_transfer_is_replaced() {
    // Each token is good for two requests, whatever was told: uploads and downloads are cut by refusals all the time.
    let registry = bearer(|bearer| bearer.good_for = Some(2));
    round(&User::password(&registry.host()).at(&registry.host()));
    registry.settle();
    assert!(registry.seen_at("GET", "/token").len() > 4);
    assert!(registry.seen_at("PATCH", "").iter().any(|seen| seen.status == Some(401)), "a chunk was refused");
}

#[test]
fn a_token_whose_end_is_told_is_replaced_before_it_is_refused() {
    let registry = bearer(|bearer| {
        bearer.told_seconds = Some(0);
        bearer.good_for = Some(1);
    });
    round(&User::password(&registry.host()).at(&registry.host()));
    registry.settle();
    // The first request for each scope has to learn what is wanted; no body is ever sent in vain.
    let refused: Vec<_> = registry.seen().into_iter().filter(|seen| seen.status == Some(401)).collect();
    assert!(refused.iter().all(|seen| seen.received == 0), "{refused:?}");
    assert!(registry.seen_at("PATCH", "").iter().all(|seen| seen.status == Some(202)));
}

#[test]
fn an_identity_token_is_shown_to_the_token_service_only() {
    let registry = bearer(|bearer| bearer.identity_token = Some(SECRET.to_owned()));
    round(&User::identity(&registry.host()).at(&registry.host()));
    registry.settle();
    assert!(registry.seen_at("GET", "/token").is_empty());
    assert!(registry.seen_at("POST", "/token").iter().all(|seen| !seen.target.contains(SECRET)));
    assert!(leaks(&registry).is_empty());
    let other = User::entry(&registry.host(), r#"{"identitytoken":"other"}"#);
    assert_eq!(code(send(&other.at(&registry.host()), b"x")), "E-AUTH");
}

#[test]
fn everybody_may_read_where_tokens_are_for_everybody() {
    let registry = bearer(|bearer| bearer.anonymous = Anonymous::Pull);
    registry.put_blob("org/m", b"weights");
    let nobody = User::nobody();
    assert_eq!(fetch(&nobody.at(&registry.host()), b"weights").unwrap(), b"weights");
    let refused = send(&nobody.at(&registry.host()), b"x").unwrap_err();
    assert_eq!(refused.code(), "E-AUTH");
    assert!(refused.to_string().contains("none were found"), "{refused}");
}

/// A registry whose tokens come from another host, and that host.
fn with_another_service() -> (Registry, Registry) {
    let registry = bearer(|bearer| bearer.identity_token = Some(SECRET.to_owned()));
    let mut service = Bearer::new("me", SECRET);
    service.identity_token = Some(SECRET.to_owned());
    let elsewhere = Registry::with()
        .sharing(&registry)
        .at([127, 0, 0, 2].into())
        .rules(|rules| rules.access = Access::Bearer(service))
        .start();
    registry.rules(|rules| {
        let Access::Bearer(bearer) = &mut rules.access else { panic!() };
        bearer.realm = Some(format!("{}/token", elsewhere.url()));
    });
    (registry, elsewhere)
}

#[test]
fn ghsa_xf85_363p_868w_realm_of_another_host_gets_no_secret() {
    let (registry, elsewhere) = with_another_service();
    for user in [User::password(&registry.host()), User::identity(&registry.host())] {
        assert_eq!(code(send(&user.at(&registry.host()), b"x")), "E-AUTH-REALM");
        assert!(elsewhere.seen().is_empty());
        // Unless the user says that it is the right one.
        let options = user.options().auth_realm(AuthRealm::parse(&elsewhere.host()).unwrap());
        round(&remote(&registry.host(), &options));
        assert!(!elsewhere.seen().is_empty());
        elsewhere.forget();
        // For the next one there is nothing yet.
        registry.remove_blob("org/m", &format!("sha256:{}", described(&weights()).digest));
    }
    assert!(leaks(&registry).is_empty());
}

#[test]
fn a_registry_that_never_takes_its_own_tokens_is_not_asked_for_ever() {
    let registry = bearer(|bearer| bearer.audience = Audience::Another);
    let store = User::password(&registry.host()).at(&registry.host());
    assert_eq!(code(send(&store, b"x")), "E-AUTH");
    registry.settle();
    // The look whether it speaks HTTP, the request, and the request with a token.
    assert_eq!((refusals(&registry), registry.seen_at("GET", "/token").len()), (3, 1));
}

#[test]
fn ghsa_vh4v_2xq2_g5cg_a_redirect_gets_no_credentials() {
    for access in [basic(), Access::Bearer(Bearer::new("me", SECRET))] {
        let registry = Registry::with().rules(|rules| rules.access = access).start();
        let elsewhere = Registry::with().sharing(&registry).at([127, 0, 0, 2].into()).start();
        registry.put_blob("org/m", b"weights");
        let store = User::password(&registry.host()).at(&registry.host());
        // Only what is authorized is redirected, as storage behind a registry is.
        let redirect = Fault::Redirect { status: 307, to: elsewhere.url() };
        registry.fault(On::method("GET").at("/blobs/").from(2), redirect.clone());
        registry.fault(On::method("HEAD").at("/blobs/").from(2), redirect);
        assert_eq!(fetch(&store, b"weights").unwrap(), b"weights");
        assert!(!elsewhere.seen().is_empty());
        assert!(elsewhere.seen().iter().all(|seen| seen.header("authorization").is_none()));
    }
}

#[test]
fn a_challenge_from_elsewhere_gets_no_answer() {
    let registry = Registry::start();
    let elsewhere = Registry::with()
        .sharing(&registry)
        .at([127, 0, 0, 2].into())
        .rules(|rules| rules.access = basic())
        .start();
    registry.put_blob("org/m", b"weights");
    registry.fault(On::any().at("/blobs/"), Fault::Redirect { status: 307, to: elsewhere.url() });
    let store = User::password(&registry.host()).at(&registry.host());
    assert_eq!(code(fetch(&store, b"weights")), "E-AUTH");
    assert!(!elsewhere.seen().is_empty());
    assert!(leaks(&elsewhere).is_empty() && leaks(&registry).is_empty());
}

#[test]
fn cve_2026_50151_an_upload_location_on_another_host_gets_no_credentials() {
    for access in [basic(), Access::Bearer(Bearer::new("me", SECRET))] {
        let registry = Registry::with().rules(|rules| rules.access = access).start();
        let elsewhere = Registry::with().sharing(&registry).at([127, 0, 0, 2].into()).start();
        registry.rules(|rules| rules.location = Location::At(elsewhere.url()));
        let store = User::password(&registry.host()).at(&registry.host());
        assert_eq!(send(&store, b"weights").unwrap(), Put::Written);
        assert!(!elsewhere.seen().is_empty());
        assert!(elsewhere.seen().iter().all(|seen| seen.header("authorization").is_none()));
    }
}

#[test]
fn a_token_service_can_fail_in_every_way() {
    let moved = Fault::Redirect { status: 307, to: "http://127.0.0.1:9".to_owned() };
    for (fault, want) in [
        (Fault::status(404), "E-SERVICE"),
        (Fault::html(200), "E-SERVICE"),
        (moved, "E-SERVICE"),
        (Fault::status(503), "E-REGISTRY"),
        (Fault::Body(Lie::Endless), "E-LIMIT"),
        (Fault::Body(Lie::Gzip(1 << 20)), "E-REGISTRY"),
        (Fault::Body(Lie::Other(b"{\"token\":\"a b\"}".to_vec())), "E-SERVICE"),
        (Fault::HangUp, "E-NETWORK"),
        (Fault::status(401), "E-AUTH"),
        (Fault::status(403), "E-AUTH"),
    ] {
        let registry = bearer(|_| ());
        registry.fault(On::any().at("/token"), fault.clone());
        let store = User::password(&registry.host()).at(&registry.host());
        assert_eq!(code(send(&store, b"x")), want, "{fault:?}");
    }
    // What passes is waited for.
    let registry = bearer(|_| ());
    registry.fault(On::any().at("/token").first(2), Fault::busy(429, "0"));
    assert_eq!(send(&User::password(&registry.host()).at(&registry.host()), b"x").unwrap(), Put::Written);
    assert!(registry.seen_at("GET", "/token").len() >= 3);
}

#[test]
fn a_challenge_that_is_none_is_not_guessed_at() {
    let challenge = |value: &str| Fault::With("www-authenticate", value.to_owned());
    for (fault, want) in [
        (Fault::Without("www-authenticate"), "E-CHALLENGE"),
        (challenge("Bearer realm="), "E-CHALLENGE"),
        (challenge("Negotiate"), "E-UNSUPPORTED"),
        (challenge("Bearer realm=\"http://evil.test/token\""), "E-AUTH-REALM"),
    ] {
        let registry = Registry::with().rules(|rules| rules.access = basic()).start();
        registry.fault(On::any(), fault.clone());
        assert_eq!(
            code(send(&User::password(&registry.host()).at(&registry.host()), b"x")),
            want,
            "{fault:?}"
        );
        assert!(leaks(&registry).is_empty());
    }
}

#[test]
fn a_repository_that_may_not_be_read_is_not_mounted_from_and_does_no_harm() {
    let registry = bearer(|_| ());
    registry.put_blob("org/other", b"weights");
    let source = Repository::parse("org/other").unwrap();
    // The service refuses to say anything about the other repository.
    registry.fault(On::any().at("/token").at("other"), Fault::status(403));
    let store = User::password(&registry.host()).at(&registry.host()).mount_from(source.clone());
    assert_eq!(send(&store, b"weights").unwrap(), Put::Written);
    registry.clear_faults();
    registry.put_blob("org/other", b"more");
    let store = User::password(&registry.host()).at(&registry.host()).mount_from(source);
    assert_eq!(send(&store, b"more").unwrap(), Put::Existed);
    assert!(registry.seen_at("GET", "/token").iter().any(|seen| seen.target.contains("other%3Apull")));
}

#[test]
fn a_credential_helper_is_asked_for_the_registry() {
    let registry = Registry::with().rules(|rules| rules.access = basic()).start();
    let user = User::with(&format!(r#"{{"credHelpers":{{"{}":"stand-in"}}}}"#, registry.host()));
    let program = user.home.path().join("docker-credential-stand-in");
    let script = format!(
        r#"#!/bin/sh
server=$(/bin/cat); [ "$server" = "{}" ] || exit 1
echo "{{\"ServerURL\":\"$server\",\"Username\":\"me\",\"Secret\":\"{SECRET}\"}}""#,
        registry.host()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    round(&user.at(&registry.host()));
    fs::remove_file(&program).unwrap();
    assert_eq!(code(send(&user.at(&registry.host()), b"x")), "E-CREDENTIAL-HELPER");
}

#[test]
fn docker_registry_with_tls_and_a_password() {
    let Some(registry) = PeerRegistry::docker_secured() else { return };
    let authority = fs::read(registry.authority().unwrap()).unwrap();
    let entry = |password: &str| {
        User::entry(
            registry.host(),
            &format!(r#"{{"username":"{}","password":"{password}"}}"#, PeerRegistry::USER),
        )
    };
    let open = |user: &User| remote(registry.host(), &user.options().authorities(authority.clone()));
    round(&open(&entry(PeerRegistry::PASSWORD)));
    assert_eq!(code(send(&open(&entry("wrong")), b"x")), "E-AUTH");
    assert_eq!(code(send(&open(&User::nobody()), b"x")), "E-AUTH");
}

#[test]
fn tokens_over_tls() {
    let tls = Tls::new(lacre_testkit::registry::Clients::Anybody);
    let registry = Registry::with()
        .tls(&tls)
        .rules(|rules| rules.access = Access::Bearer(Bearer::new("me", SECRET)))
        .start();
    let user = User::password(&registry.host());
    let options = user.options().authorities(fs::read(tls.authority()).unwrap());
    round(&remote(&registry.host(), &options));
    // A service that is spoken to in plain is none for a registry that is not, on this machine neither.
    let plain = Registry::with().sharing(&registry).start();
    registry.rules(|rules| {
        let Access::Bearer(bearer) = &mut rules.access else { panic!() };
        bearer.realm = Some(format!("{}/token", plain.url()));
    });
    assert_eq!(code(send(&remote(&registry.host(), &options), b"x")), "E-AUTH-REALM");
    assert!(plain.seen().is_empty());
}

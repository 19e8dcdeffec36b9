//! Who may come in: Basic, and tokens of all kinds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lacre_testkit::registry::{Access, Anonymous, Audience, Bearer, Guard, Registry, Rules};

use crate::client::{Reply, ask, get, head};
use crate::images::{ABC, begin, closing, with_image};

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn guarded(access: Access, change: impl FnOnce(&mut Rules)) -> Registry {
    let (registry, _) = with_image(Registry::start());
    registry.rules(|rules| {
        rules.access = access;
        change(rules);
    });
    registry
}

fn with_tokens(change: impl FnOnce(&mut Bearer)) -> Registry {
    let mut bearer = Bearer::new("me", "pw");
    change(&mut bearer);
    guarded(Access::Bearer(bearer), |_| ())
}

fn as_(authorization: &str, registry: &Registry, method: &str, target: &str) -> Reply {
    ask(registry, method, target, &[("authorization", authorization)], b"")
}

/// A token for `scope` by name and password.
fn token(registry: &Registry, scope: &str) -> String {
    let target = format!("/token?service=registry.test&scope={scope}");
    let answer = as_(&basic("me", "pw"), registry, "GET", &target);
    assert_eq!(answer.status, 200);
    format!("Bearer {}", answer.json()["token"].as_str().unwrap())
}

const MANIFEST: &str = "/v2/org/model/manifests/v1";
const PULL: &str = "repository:org/model:pull";
const PUSH: &str = "repository:org/model:pull,push";

#[test]
fn a_password() {
    let access = Access::Basic { user: "me".to_owned(), password: "p:w".to_owned() };
    let registry = guarded(access, |_| ());
    for refused in [get(&registry, "/v2/"), as_(&basic("me", "wrong"), &registry, "GET", MANIFEST)] {
        assert_eq!((refused.status, refused.code().as_str()), (401, "UNAUTHORIZED"));
        assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"registry\""));
    }
    assert_eq!(as_(&basic("me", "p:w"), &registry, "GET", MANIFEST).status, 200);
    assert_eq!(as_("Bearer x", &registry, "GET", MANIFEST).status, 401);
}

#[test]
fn a_password_for_writing_only() {
    let access = Access::Basic { user: "me".to_owned(), password: "pw".to_owned() };
    let registry = guarded(access, |rules| rules.guard = Guard::Writes);
    assert_eq!(get(&registry, MANIFEST).status, 200);
    assert_eq!(ask(&registry, "POST", "/v2/org/model/blobs/uploads/", &[], b"").status, 401);
    let begun = as_(&basic("me", "pw"), &registry, "POST", "/v2/org/model/blobs/uploads/");
    assert_eq!(begun.status, 202);
}

#[test]
fn the_challenge_says_where_and_what_for() {
    let registry = with_tokens(|_| ());
    let challenge = |method: &str, target: &str| {
        let refused = ask(&registry, method, target, &[], b"");
        assert_eq!(refused.status, 401, "{method} {target}");
        refused.header("www-authenticate").unwrap().to_owned()
    };
    let realm = format!("Bearer realm=\"{}/token\",service=\"registry.test\"", registry.url());
    assert_eq!(challenge("GET", "/v2/"), realm);
    assert_eq!(challenge("GET", MANIFEST), format!("{realm},scope=\"{PULL}\""));
    assert_eq!(challenge("PUT", MANIFEST), format!("{realm},scope=\"{PUSH}\""));
    assert_eq!(challenge("GET", "/v2/org/model/blobs/uploads/1"), format!("{realm},scope=\"{PUSH}\""));
    assert_eq!(challenge("DELETE", MANIFEST), format!("{realm},scope=\"repository:org/model:delete\""));
}

#[test]
fn a_token_is_good_for_its_scope() {
    let registry = with_tokens(|_| ());
    let pull = token(&registry, PULL);
    assert_eq!(as_(&pull, &registry, "GET", MANIFEST).status, 200);
    assert_eq!(as_(&pull, &registry, "GET", "/v2/").status, 200);
    for (method, target) in [("DELETE", MANIFEST), ("GET", "/v2/org/other/tags/list")] {
        let refused = as_(&pull, &registry, method, target);
        assert_eq!(refused.status, 401, "{method} {target}");
        assert!(refused.header("www-authenticate").unwrap().ends_with(",error=\"insufficient_scope\""));
    }
    let unknown = as_("Bearer token-99", &registry, "GET", MANIFEST);
    assert!(unknown.header("www-authenticate").unwrap().ends_with(",error=\"invalid_token\""));
    let push = token(&registry, PUSH);
    assert_eq!(as_(&push, &registry, "POST", "/v2/org/model/blobs/uploads/").status, 202);
}

#[test]
fn tokens_are_for_those_who_know_something() {
    let registry = with_tokens(|bearer| bearer.identity_token = Some("refresh+me".to_owned()));
    let target = format!("/token?scope={PULL}");
    assert_eq!(get(&registry, &target).status, 401);
    assert_eq!(as_(&basic("me", "wrong"), &registry, "GET", &target).status, 401);
    let form = |form: &str| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        ask(&registry, "POST", "/token", &headers, form.as_bytes())
    };
    let scope = "service=registry.test&client_id=x&scope=repository%3Aorg%2Fmodel%3Apull";
    let by_refresh = form(&format!("grant_type=refresh_token&refresh_token=refresh%2Bme&{scope}"));
    let by_password = form(&format!("grant_type=password&username=me&password=pw&{scope}"));
    for answer in [by_refresh, by_password] {
        assert_eq!((answer.status, &answer.json()["expires_in"]), (200, &300.into()));
        assert!(answer.json()["token"].is_null(), "OAuth 2 has one name for it");
        let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
        assert_eq!(as_(&bearer, &registry, "GET", MANIFEST).status, 200);
    }
    assert_eq!(form(&format!("grant_type=refresh_token&refresh_token=other&{scope}")).status, 401);
    assert_eq!(form(&format!("grant_type=password&username=me&password=x&{scope}")).status, 401);
    assert_eq!(form(&format!("grant_type=magic&{scope}")).status, 400);
    // What was sent is in the log, so that a test can look for what should not have been.
    assert!(registry.seen_at("POST", "/token")[0].body.starts_with(b"grant_type=refresh_token"));
}

#[test]
fn tokens_for_everybody_are_for_reading() {
    let registry = with_tokens(|bearer| bearer.anonymous = Anonymous::Pull);
    let answer = get(&registry, &format!("/token?service=registry.test&scope={PUSH}"));
    let bearer = format!("Bearer {}", answer.json()["access_token"].as_str().unwrap());
    assert_eq!(as_(&bearer, &registry, "GET", MANIFEST).status, 200);
    assert_eq!(as_(&bearer, &registry, "POST", "/v2/org/model/blobs/uploads/").status, 401);
}

#[test]
fn several_scopes_in_one_token() {
    let registry = with_tokens(|_| ());
    registry.put_blob("org/base", b"abc");
    registry.remove_blob("org/model", ABC);
    let mount = format!("/v2/org/model/blobs/uploads/?mount={ABC}&from=org/base");
    // Who may not read the other repository cannot mount from it.
    assert_eq!(as_(&token(&registry, PUSH), &registry, "POST", &mount).status, 202);
    let both = token(&registry, &format!("{PUSH}&scope=repository:org/base:pull"));
    assert_eq!(as_(&both, &registry, "POST", &mount).status, 201);
}

#[test]
fn tokens_end() {
    let registry = with_tokens(|bearer| {
        bearer.good_for = Some(2);
        bearer.told_seconds = None;
    });
    let answer = as_(&basic("me", "pw"), &registry, "GET", &format!("/token?scope={PULL}"));
    assert!(answer.json()["expires_in"].is_null());
    let bearer = format!("Bearer {}", answer.json()["token"].as_str().unwrap());
    let statuses = [(); 3].map(|()| as_(&bearer, &registry, "GET", MANIFEST).status);
    assert_eq!(statuses, [200, 200, 401]);
    assert_eq!(as_(&token(&registry, PULL), &registry, "GET", MANIFEST).status, 200);
}

#[test]
fn tokens_are_revoked() {
    let registry = with_tokens(|_| ());
    let push = token(&registry, PUSH);
    let begun = as_(&push, &registry, "POST", "/v2/org/model/blobs/uploads/");
    registry.revoke_tokens();
    let location = closing(begun.header("location").unwrap(), ABC);
    assert_eq!(as_(&push, &registry, "PUT", &location).status, 401);
    let again = [("authorization", token(&registry, PUSH))];
    let headers = again.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(ask(&registry, "PUT", &location, &headers, b"abc").status, 201, "the upload is still there");
}

#[test]
fn tokens_for_somebody_else_are_refused() {
    let registry = with_tokens(|bearer| bearer.audience = Audience::Another);
    assert_eq!(as_(&token(&registry, PULL), &registry, "GET", MANIFEST).status, 401);
}

#[test]
fn a_token_server_on_another_host() {
    let registry = with_tokens(|_| ());
    let elsewhere = Registry::with()
        .sharing(&registry)
        .at([127, 0, 0, 2].into())
        .rules(|rules| rules.access = Access::Bearer(Bearer::new("me", "pw")))
        .start();
    registry.rules(|rules| {
        let Access::Bearer(bearer) = &mut rules.access else { panic!() };
        bearer.realm = Some(format!("{}/token", elsewhere.url()));
    });
    let refused = get(&registry, MANIFEST);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(&format!("Bearer realm=\"{}/token\",", elsewhere.url())), "{challenge}");
    assert_eq!(as_(&token(&elsewhere, PULL), &registry, "GET", MANIFEST).status, 200);
    assert_eq!(elsewhere.seen()[0].header("authorization"), Some(basic("me", "pw").as_str()));
}

#[test]
fn an_open_registry_asks_nobody() {
    let (registry, _) = with_image(Registry::start());
    assert_eq!(head(&registry, MANIFEST).status, 200);
    assert_eq!(get(&registry, "/token").status, 404);
    begin(&registry);
}

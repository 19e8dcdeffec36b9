//! Registries that lead elsewhere, answer strangely, or say things that are not so.

use lacre_registry_client::{IMAGE_MANIFEST, Store};
use lacre_testkit::registry::{Clients, Fault, Lie, On, Registry, Tls};

use crate::bench::{REPOSITORY, client, options, send, with};
use crate::models::{code, push, tag, target};

fn manifests() -> On {
    On::method("GET").at("/manifests/")
}

#[test]
fn a_web_page_is_no_manifest() {
    let registry = Registry::start();
    push(&client(&registry), &[("a", b"x")], Some(&tag("v1")));
    registry.fault(On::any(), Fault::html(200));
    let error = client(&registry).resolve(&target("v1")).unwrap_err();
    assert_eq!(error.code(), "E-REGISTRY");
    assert!(error.to_string().contains("text/html"), "{error}");
    assert_eq!(code(client(&registry).tags()), "E-JSON");
    // An upload that is answered with a page was not begun.
    assert_eq!(code(send(&client(&registry), b"x")), "E-REGISTRY");
}

#[test]
fn the_media_type_of_an_answer_is_that_of_the_manifest() {
    let registry = Registry::start();
    let one = push(&client(&registry), &[("a", b"x")], Some(&tag("v1")));
    let says = |kind: &str| {
        registry.clear_faults();
        registry.fault(manifests(), Fault::With("content-type", kind.to_owned()));
    };
    says("application/vnd.oci.image.index.v1+json");
    assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-ARTIFACT");
    assert_eq!(code(client(&registry).manifest(&one)), "E-ARTIFACT");
    says("application/octet-stream");
    assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-REGISTRY");
    says("Application/vnd.OCI.image.manifest.v1+json; charset=utf-8");
    assert_eq!(client(&registry).resolve(&target("v1")).unwrap(), one);
    registry.clear_faults();
    registry.fault(manifests(), Fault::Without("content-type"));
    assert_eq!(client(&registry).resolve(&target("v1")).unwrap().media_type, IMAGE_MANIFEST);
    registry.fault(manifests(), Fault::Without("docker-content-digest"));
    registry.fault(manifests(), Fault::Body(Lie::Other(br#"{"schemaVersion":2}"#.to_vec())));
    assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-REGISTRY");
}

#[test]
fn a_lying_digest_is_noticed_both_ways() {
    let registry = Registry::start();
    let store = client(&registry);
    push(&store, &[("a", b"x")], Some(&tag("v1")));
    let other = format!("sha256:{}", "0".repeat(64));
    registry.fault(On::any().at("/manifests/"), Fault::With("docker-content-digest", other));
    assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-BLOB-DIGEST");
    let built = crate::models::put_blobs(&store, &[("a", b"y")]);
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, &built.manifest, None)), "E-REGISTRY");
    registry.clear_faults();
    registry.fault(manifests(), Fault::With("docker-content-digest", "sha256:xyz".to_owned()));
    assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-REGISTRY");
}

#[test]
fn redirects_are_few_and_never_to_less_security() {
    let registry = Registry::start();
    push(&client(&registry), &[("a", b"x")], Some(&tag("v1")));
    let to = |to: &str| Fault::Redirect { status: 307, to: to.to_owned() };
    registry.fault(manifests(), to(&registry.url()));
    let error = client(&registry).resolve(&target("v1")).unwrap_err();
    assert_eq!(error.code(), "E-REDIRECT");
    assert_eq!(registry.seen_at("GET", "/manifests/v1").len(), 6);
    registry.clear_faults();
    // A host that nobody named for it is not spoken to in plain.
    registry.fault(manifests(), to("http://registry.test:5000"));
    assert_eq!(code(client(&registry).resolve(&target("v1"))), "E-REDIRECT");
    // From TLS to none: not even to this machine.
    let tls = Tls::new(Clients::Anybody);
    let secure = Registry::with().tls(&tls).sharing(&registry).start();
    secure.fault(manifests(), to(&registry.url()));
    let options = options().authorities(std::fs::read(tls.authority()).unwrap());
    let error = with(&secure.host(), &options).resolve(&target("v1")).unwrap_err();
    assert_eq!(error.code(), "E-REDIRECT");
    assert!(error.to_string().contains(&registry.url()), "{error}");
    secure.clear_faults();
    assert!(with(&secure.host(), &options).resolve(&target("v1")).is_ok());
}

#[test]
fn only_what_can_be_repeated_follows_a_redirect() {
    let registry = Registry::start();
    let elsewhere = Registry::with().sharing(&registry).start();
    for status in [301, 302, 303] {
        registry.fault(On::method("POST"), Fault::Redirect { status, to: elsewhere.url() });
        assert_eq!(code(send(&client(&registry), b"x")), "E-REGISTRY", "{status}");
        registry.clear_faults();
    }
    registry.fault(On::method("PUT").at("/uploads/"), Fault::Redirect { status: 308, to: elsewhere.url() });
    send(&client(&registry), b"x").unwrap();
    assert_eq!(elsewhere.seen_at("PUT", "").len(), 1);
}

#[test]
fn a_refusal_is_told_in_the_registrys_words_and_not_at_any_length() {
    let registry = Registry::start();
    let says = |body: Vec<u8>| {
        registry.clear_faults();
        registry.fault(On::method("POST"), Fault::Answer { status: 400, headers: Vec::new(), body });
        send(&client(&registry), b"x").unwrap_err().to_string()
    };
    let error = says(br#"{"errors":[{"code":"A","message":"b"},{"code":"C"}]}"#.to_vec());
    assert!(error.ends_with("POST /v2/org/m/blobs/uploads/: answered with status 400: A (b); C"), "{error}");
    for other in ["", "oops", "<html>", "[]", "{\"errors\":{}}", "{\"errors\":[{\"code\":7}]}"] {
        assert!(says(other.into()).ends_with("answered with status 400"), "{other}");
    }
    let long = format!(r#"{{"errors":[{{"code":"A","message":"{}"}}]}}"#, "x".repeat(10_000));
    assert!(says(long.into_bytes()).len() < 500);
    let endless = format!(r#"{{"errors":[{{"code":"A","message":"{}"}}]}}"#, "x".repeat(100_000));
    assert!(says(endless.into_bytes()).ends_with("answered with status 400"));
}

#[test]
fn endless_lists_of_tags_end() {
    let registry = Registry::start();
    push(&client(&registry), &[("a", b"x")], Some(&tag("v1")));
    let link = format!("</v2/{REPOSITORY}/tags/list?n=1>; rel=\"next\"");
    registry.fault(On::method("GET").at("/tags/list"), Fault::With("link", link));
    assert_eq!(code(client(&registry).tags()), "E-LIMIT");
    assert_eq!(registry.seen_at("GET", "/tags/list").len(), 100);
    let many: Vec<String> = (0..10_001).map(|number| format!("t{number}")).collect();
    let body = serde_json::to_vec(&serde_json::json!({ "name": REPOSITORY, "tags": many })).unwrap();
    registry.clear_faults();
    registry.fault(On::method("GET").at("/tags/list"), Fault::Body(Lie::Other(body)));
    assert_eq!(code(client(&registry).tags()), "E-LIMIT");
    registry.clear_faults();
    registry.fault(
        On::method("GET").at("/tags/list"),
        Fault::With("link", "<http://x.test/>; rel=next".to_owned()),
    );
    assert_eq!(code(client(&registry).tags()), "E-REGISTRY");
}

#[test]
fn tags_come_in_pages() {
    let registry = crate::bench::registry(|rules| rules.tags_per_page = Some(2));
    let store = client(&registry);
    let one = push(&store, &[("a", b"x")], None);
    for name in ["a", "b", "c", "d", "e"] {
        store.tag(&one, &tag(name)).unwrap();
    }
    let names: Vec<_> = store.tags().unwrap().into_iter().map(|(tag, _)| tag.to_string()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

//! Whom a registry is taken for, and what it is shown.

use std::fs;
use std::net::Ipv4Addr;

use lacre_registry_client::{RegistryOptions, Remote, Store};
use lacre_testkit::pki::{Draft, TestKey, der::pem};
use lacre_testkit::registry::{Clients, Fault, On, Registry, Tls};

use crate::bench::{REPOSITORY, bytes, described, name, options, repository, send, with};
use crate::models::code;

fn trusting(tls: &Tls) -> RegistryOptions {
    options().authorities(fs::read(tls.authority()).unwrap())
}

fn certified(tls: &Tls) -> RegistryOptions {
    let (certificate, key) = tls.client();
    let pem = [fs::read(certificate).unwrap(), fs::read(key).unwrap()].concat();
    trusting(tls).identity(pem)
}

#[test]
fn an_authority_must_be_named() {
    let tls = Tls::new(Clients::Anybody);
    let registry = Registry::with().tls(&tls).start();
    assert!(send(&with(&registry.host(), &trusting(&tls)), b"x").is_ok());
    registry.forget();
    let key = TestKey::p256("somebody else's");
    let other = Draft::root("somebody else", &key).sign(&key);
    let other = options().authorities(pem("CERTIFICATE", &other).into_bytes());
    for stranger in [options(), other] {
        let error = send(&with(&registry.host(), &stranger), b"y").unwrap_err();
        assert_eq!(error.code(), "E-NETWORK", "{error}");
    }
    assert!(registry.seen().is_empty(), "nothing was asked, and nothing was said");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let tls = Tls::new(Clients::Anybody);
    // Its certificate is for 127.0.0.1 and 127.0.0.2.
    let registry = Registry::with().at(Ipv4Addr::new(127, 0, 0, 3)).tls(&tls).start();
    assert_eq!(code(send(&with(&registry.host(), &trusting(&tls)), b"x")), "E-NETWORK");
    let registry = Registry::with().at(Ipv4Addr::new(127, 0, 0, 2)).tls(&tls).start();
    assert!(send(&with(&registry.host(), &trusting(&tls)), b"x").is_ok());
    assert!(
        send(
            &with(&format!("localhost:{}", Registry::with().tls(&tls).start().port()), &trusting(&tls)),
            b"x"
        )
        .is_err()
    );
}

#[test]
fn a_registry_may_want_a_certificate() {
    let tls = Tls::new(Clients::Certified);
    let registry = Registry::with().tls(&tls).start();
    assert!(send(&with(&registry.host(), &certified(&tls)), b"x").is_ok());
    assert_eq!(code(send(&with(&registry.host(), &trusting(&tls)), b"y")), "E-NETWORK");
}

#[test]
fn the_certificate_is_shown_to_the_registry_only() {
    let (tls, content) = (Tls::new(Clients::Certified), bytes(1, 1000));
    let registry = Registry::with().tls(&tls).start();
    registry.put_blob(REPOSITORY, &content);
    // The same host on another port is another origin. It demands a certificate, and gets none.
    let elsewhere = Registry::with().tls(&tls).sharing(&registry).start();
    registry.fault(On::method("GET"), Fault::Redirect { status: 307, to: elsewhere.url() });
    let store = with(&registry.host(), &certified(&tls));
    assert_eq!(code(store.blob(&described(&content)).map(drop)), "E-NETWORK");
    assert!(elsewhere.seen().is_empty());
    registry.clear_faults();
    assert!(store.blob(&described(&content)).is_ok());
}

#[test]
fn files_that_are_no_certificates_are_refused() {
    let tls = Tls::new(Clients::Anybody);
    let registry = Registry::with().tls(&tls).start();
    for pem in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let options = options().authorities(pem.into());
        assert_eq!(code(send(&with(&registry.host(), &options), b"x")), "E-TLS-FILE", "{pem}");
    }
    let (certificate, _) = tls.client();
    for pem in [b"".to_vec(), fs::read(certificate).unwrap()] {
        let options = trusting(&tls).identity(pem);
        assert_eq!(code(send(&with(&registry.host(), &options), b"x")), "E-TLS-FILE");
    }
}

#[test]
fn no_tls_is_for_this_machine_and_for_hosts_that_are_named() {
    let registry = Registry::start();
    let at =
        |host: &str, options: &RegistryOptions| Remote::open(&name(host), &repository(REPOSITORY), options);
    let named = |host: &str| format!("{host}:{}", registry.port());
    assert!(send(&at(&named("localhost"), &options()), b"x").is_ok());
    // The name of another machine, whoever that is, is spoken to over TLS.
    let error = send(&at("registry.invalid:5000", &options()), b"x").unwrap_err();
    assert_eq!(error.code(), "E-NETWORK");
    // Whoever wants TLS on this machine gets it.
    let tls = Tls::new(Clients::Anybody);
    assert_eq!(code(send(&at(&named("127.0.0.1"), &trusting(&tls)), b"y")), "E-NETWORK");
    let plain = trusting(&tls).plain_http(name("127.0.0.1"));
    assert!(send(&at(&named("127.0.0.1"), &plain), b"y").is_ok());
}

//! TLS.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use lacre_testkit::registry::{Clients, Fault, On, Registry, Tls};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::client::{Connection, Reply, get};
use crate::images::{bytes, manifest, with_image};

const PATH: &str = "/v2/org/model/manifests/v1";

/// The image over TLS: what a client sees who trusts `authority`, and shows its certificate if it has one.
fn ask_over(
    registry: &Registry,
    name: &str,
    authority: &Path,
    client: Option<&Tls>,
    versions: &[&'static SupportedProtocolVersion],
) -> Option<Reply> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match client.map(Tls::client) {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(session, TcpStream::connect(registry.host()).unwrap());
    Connection::over(stream, &registry.host()).ask("GET", PATH, &[], b"")
}

fn secured(tls: &Tls) -> Registry {
    with_image(Registry::with().tls(tls).start()).0
}

#[test]
fn over_both_versions_and_all_names() {
    let tls = Tls::new(Clients::Anybody);
    let registry = secured(&tls);
    assert!(registry.url().starts_with("https://127.0.0.1:"));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for name in ["localhost", "127.0.0.1", "127.0.0.2", "registry.test"] {
            let found = ask_over(&registry, name, &tls.authority(), None, &[version]).unwrap();
            assert_eq!((found.status, &found.body), (200, &bytes(&manifest())), "{name}");
        }
    }
    assert_eq!(ask_over(&registry, "other.test", &tls.authority(), None, rustls::ALL_VERSIONS), None);
}

#[test]
fn a_certificate_of_nobody_known() {
    let tls = Tls::new(Clients::Anybody);
    let registry = secured(&tls);
    // Its own certificate is no authority.
    assert_eq!(ask_over(&registry, "localhost", &tls.client().0, None, rustls::ALL_VERSIONS), None);
    assert_eq!(registry.seen(), []);
}

#[test]
fn clients_with_certificates() {
    let tls = Tls::new(Clients::Certified);
    let registry = secured(&tls);
    assert_eq!(ask_over(&registry, "localhost", &tls.authority(), None, rustls::ALL_VERSIONS), None);
    assert_eq!(registry.seen(), []);
    let found = ask_over(&registry, "localhost", &tls.authority(), Some(&tls), rustls::ALL_VERSIONS);
    assert_eq!(found.unwrap().status, 200);
}

#[test]
fn faults_below_tls() {
    let tls = Tls::new(Clients::Anybody);
    let registry = secured(&tls);
    registry.fault(On::any().nth(1), Fault::CutAnswer { after: 100 });
    registry.fault(On::any().nth(2), Fault::HangUp);
    let ask = || ask_over(&registry, "localhost", &tls.authority(), None, rustls::ALL_VERSIONS);
    let cut = ask().unwrap();
    assert_eq!((cut.whole, cut.body.as_slice()), (false, &bytes(&manifest())[..100]));
    assert_eq!(ask(), None);
    assert_eq!(ask().unwrap().body, bytes(&manifest()));
}

#[test]
fn from_https_to_http() {
    let tls = Tls::new(Clients::Anybody);
    let registry = secured(&tls);
    let plain = Registry::with().sharing(&registry).start();
    registry.fault(On::any(), Fault::Redirect { status: 302, to: plain.url() });
    let sent = ask_over(&registry, "localhost", &tls.authority(), None, rustls::ALL_VERSIONS).unwrap();
    assert_eq!(
        (sent.status, sent.header("location")),
        (302, Some(format!("{}{PATH}", plain.url()).as_str()))
    );
    assert_eq!(get(&plain, PATH).body, bytes(&manifest()));
}

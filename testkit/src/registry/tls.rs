//! TLS for a registry: an authority, the server's certificate, and one for a client.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tempfile::TempDir;

use crate::pki::{Draft, Ext, TestKey, general, purpose};

/// A folder of PEM files for one registry, made on the spot. The server's certificate is good for `localhost`,
/// `127.0.0.1`, `127.0.0.2` and `registry.test`.
pub struct Tls {
    folder: TempDir,
    clients: Clients,
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// They need not.
    Anybody,
    /// They must, and one of the same authority.
    Certified,
}

impl Tls {
    /// Makes everything.
    pub fn new(clients: Clients) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = TestKey::p256("registry authority");
        let name = "registry authority";
        write(folder.path(), "ca", &Draft::root(name, &root).sign(&root), &root);
        let leaf = |file: &str, role: &str, names: &[Vec<u8>]| {
            let key = TestKey::p256(file);
            let mut draft = Draft::leaf(name, file, &key);
            draft.put(Ext::purposes(&[role])).put(Ext::alternative_names(names));
            write(folder.path(), file, &draft.sign(&root), &key);
        };
        let names = [
            general::dns("localhost"),
            general::dns("registry.test"),
            general::address(&[127, 0, 0, 1]),
            general::address(&[127, 0, 0, 2]),
        ];
        leaf("server", purpose::SERVER_AUTH, &names);
        leaf("client", "1.3.6.1.5.5.7.3.2", &[general::email("client@example.test")]);
        Self { folder, clients }
    }

    /// `ca.pem`: the authority that clients must trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// `server.pem` and `server.key`.
    pub fn server(&self) -> (PathBuf, PathBuf) {
        (self.folder.path().join("server.pem"), self.folder.path().join("server.key"))
    }

    /// `client.pem` and `client.key`.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.folder.path().join("client.pem"), self.folder.path().join("client.key"))
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let (certificate, key) = self.server();
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match self.clients {
            Clients::Anybody => builder.with_no_client_auth(),
            Clients::Certified => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(self.authority()).unwrap()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        Arc::new(builder.with_single_cert(certificates, key).unwrap())
    }
}

fn write(folder: &Path, name: &str, certificate: &[u8], key: &TestKey) {
    let TestKey::P256(key) = key else { panic!("all keys here are P-256") };
    fs::write(folder.join(format!("{name}.pem")), crate::pki::der::pem("CERTIFICATE", certificate)).unwrap();
    let key = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.as_bytes()).unwrap();
}

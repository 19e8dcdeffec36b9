//! A whole Sigstore on this machine for one test: an issuer, Fulcio with a certificate log, Rekor v2 and a timestamp
//! authority, on free ports, with keys of their own. They stop when the value goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::issuer::Issuer;
use crate::places::Peer;
use crate::server::{Output, Server, answered, free_ports};

/// Since when the services are in office, for trust that must already hold.
const START: &str = "start-time=2024-01-01T00:00:00Z";

/// A local Sigstore.
pub struct Stack {
    folder: TempDir,
    issuer: Issuer,
    urls: Urls,
    // Last, so that the servers are stopped while their folder is still there.
    _servers: Vec<Server>,
}

struct Urls {
    fulcio: String,
    ctlog: String,
    rekor: String,
    timestamp: String,
}

impl Stack {
    /// Starts everything and makes the trust that goes with it; `None`, said on standard error, if a program is missing.
    pub fn start() -> Option<Self> {
        let authority = Peer::Fulcio.find()?;
        let rekor = Peer::Rekor.find()?;
        let cosign = Peer::Cosign.find()?;
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::start();

        let mut authority = Server::start(
            Command::new(authority).args(["--issuer", &issuer.url(), "--out"]).arg(folder.path()),
            folder.path(),
            Output::Addresses,
        );
        let [ctlog, timestamp, fulcio] = authority.addresses(["ctlog ", "timestamp ", "fulcio "]);
        let [rekor_port, grpc, metrics] = free_ports();
        let rekor = Server::start(
            Command::new(rekor)
                .args([
                    "serve",
                    "--http-address",
                    "127.0.0.1",
                    "--http-port",
                    &rekor_port,
                    "--grpc-port",
                    &grpc,
                ])
                .args(["--http-metrics-port", &metrics, "--checkpoint-interval", "500ms"])
                // The origin of checkpoints: clients want the host of the log's address, without the port.
                .args(["--batch-max-age", "50ms", "--hostname", "127.0.0.1", "--signer-filepath"])
                .arg(folder.path().join("rekor.key"))
                .arg("--storage-dir")
                .arg(folder.path().join("rekor-data")),
            folder.path(),
            Output::Kept,
        );
        let rekor_url = format!("http://127.0.0.1:{rekor_port}");
        let chain = answered(&format!("{timestamp}/api/v1/timestamp/certchain"));
        fs::write(folder.path().join("tsa-chain.pem"), chain).unwrap();
        answered(&format!("{rekor_url}/healthz"));

        let urls =
            Urls { fulcio, ctlog, rekor: rekor_url, timestamp: format!("{timestamp}/api/v1/timestamp") };
        let stack = Self { folder, issuer, urls, _servers: vec![authority, rekor] };
        stack.make_trust(&cosign);
        Some(stack)
    }

    /// The issuer that Fulcio takes tokens of.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The endpoint of the timestamp authority.
    pub fn timestamp_url(&self) -> &str {
        &self.urls.timestamp
    }

    /// The address of Fulcio.
    pub fn fulcio_url(&self) -> &str {
        &self.urls.fulcio
    }

    /// The address of Rekor.
    pub fn rekor_url(&self) -> &str {
        &self.urls.rekor
    }

    /// `trusted_root.json`, as cosign makes it.
    pub fn trusted_root(&self) -> PathBuf {
        self.folder.path().join("trusted_root.json")
    }

    /// `signing_config.json`, as cosign makes it.
    pub fn signing_config(&self) -> PathBuf {
        self.folder.path().join("signing_config.json")
    }

    /// Both in one file, as sigstore-python and `model_signing` read them.
    pub fn trust_config(&self) -> PathBuf {
        self.folder.path().join("trust_config.json")
    }

    /// The same as JSON after `edit`.
    pub fn trust_config_with(&self, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut value: Value = serde_json::from_slice(&fs::read(self.trust_config()).unwrap()).unwrap();
        edit(&mut value);
        serde_json::to_vec(&value).unwrap()
    }

    /// The chain of the timestamp authority in PEM, leaf first.
    pub fn timestamp_chain(&self) -> PathBuf {
        self.folder.path().join("tsa-chain.pem")
    }

    fn make_trust(&self, cosign: &Path) {
        let Urls { fulcio, ctlog, rekor, timestamp } = &self.urls;
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let none = |service: &str| format!("--no-default-{service}");
        run(Command::new(cosign)
            .args(["trusted-root", "create"])
            .args(["fulcio", "ctfe", "rekor", "tsa"].map(none))
            .arg(format!("--fulcio=url={fulcio},certificate-chain={}", file("fulcio-chain.pem")))
            .arg(format!("--ctfe=url={ctlog},public-key={},{START}", file("ctlog.pub")))
            .arg(format!("--rekor=url={rekor},public-key={},{START},origin=127.0.0.1", file("rekor.pub")))
            .arg(format!("--tsa=url={timestamp},certificate-chain={}", file("tsa-chain.pem")))
            .arg("--out")
            .arg(self.trusted_root()));
        let service = |name: &str, url: &str, version: u32| {
            format!("--{name}=url={url},api-version={version},{START},operator=local")
        };
        run(Command::new(cosign)
            .args(["signing-config", "create"])
            .args(["fulcio", "oidc", "rekor", "tsa"].map(none))
            .arg(service("fulcio", fulcio, 1))
            .arg(service("oidc-provider", &self.issuer.url(), 1))
            .args([service("rekor", rekor, 2), "--rekor-config=ANY".to_owned()])
            .args([service("tsa", timestamp, 1), "--tsa-config=ANY".to_owned()])
            .arg("--out")
            .arg(self.signing_config()));
        let read = |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let both = json!({
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": read(self.trusted_root()),
            "signingConfig": read(self.signing_config()),
        });
        fs::write(self.trust_config(), serde_json::to_vec(&both).unwrap()).unwrap();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

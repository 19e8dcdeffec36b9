//! Registries of others on this machine, one for each test that wants one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::places::{Peer, program};
use crate::registry::{Clients, Tls};
use crate::server::{Output, Server, answered, free_ports, listening};

/// A registry of somebody else, stopped when the value goes.
pub struct PeerRegistry {
    host: String,
    tls: Option<Tls>,
    folder: TempDir,
    // Last, so that it is stopped while its folder is still there.
    _server: Server,
}

/// Whom docker-registry lets in.
enum Door<'a> {
    Open,
    Locked(&'a Tls),
}

impl PeerRegistry {
    /// The user of [`PeerRegistry::docker_secured`].
    pub const USER: &'static str = "user";
    /// Their password.
    pub const PASSWORD: &'static str = "open sesame";

    /// docker-registry (CNCF distribution) over plain HTTP, open to everybody. It has no referrers API; it can delete.
    ///
    /// `None`, said on standard error, if the program is missing.
    pub fn docker() -> Option<Self> {
        let program = Peer::DockerRegistry.find()?;
        Some(Self::start_docker(&program, None))
    }

    /// The same over TLS, with a password.
    pub fn docker_secured() -> Option<Self> {
        let docker = Peer::DockerRegistry.find()?;
        program("htpasswd")?;
        Some(Self::start_docker(&docker, Some(Tls::new(Clients::Anybody))))
    }

    /// go-containerregistry's registry over plain HTTP, with its referrers API mended to the letter of OCI 1.1.
    pub fn with_referrers() -> Option<Self> {
        Self::start_referrers(&[])
    }

    /// The same as the library has it: wrong artifact types, no annotations, no filter, no `OCI-Subject`, and 404 for
    /// a repository that it does not know.
    pub fn with_lax_referrers() -> Option<Self> {
        Self::start_referrers(&["--raw"])
    }

    /// `127.0.0.1:PORT`, as references begin.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http://127.0.0.1:PORT`, or `https://…`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }

    /// The authority that its certificate is of, in PEM.
    pub fn authority(&self) -> Option<PathBuf> {
        self.tls.as_ref().map(Tls::authority)
    }

    /// The folder that it keeps its content in.
    pub fn content(&self) -> PathBuf {
        self.folder.path().join("content")
    }

    fn start_docker(program: &Path, tls: Option<Tls>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::create_dir(&content).unwrap();
        let [port] = free_ports();
        let host = format!("127.0.0.1:{port}");
        let door = tls.as_ref().map_or(Door::Open, Door::Locked);
        let settings = folder.path().join("config.yml");
        fs::write(&settings, docker_settings(&host, folder.path(), &content, &door)).unwrap();
        let server =
            Server::start(Command::new(program).arg("serve").arg(&settings), folder.path(), Output::Kept);
        match door {
            Door::Open => drop(answered(&format!("http://{host}/v2/"))),
            Door::Locked(_) => listening(&host),
        }
        Self { host, tls, folder, _server: server }
    }

    fn start_referrers(arguments: &[&str]) -> Option<Self> {
        let program = Peer::ReferrersRegistry.find()?;
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::create_dir(&content).unwrap();
        let mut server = Server::start(
            Command::new(program).args(arguments).arg("--blobs").arg(&content),
            folder.path(),
            Output::Addresses,
        );
        let [url] = server.addresses(["registry "]);
        let host = url.strip_prefix("http://").unwrap().to_owned();
        Some(Self { host, tls: None, folder, _server: server })
    }
}

/// The settings of docker-registry; those that Debian has would open it to the network.
fn docker_settings(host: &str, folder: &Path, content: &Path, door: &Door<'_>) -> String {
    let (auth, secrets) = match door {
        Door::Open => (String::new(), String::new()),
        Door::Locked(tls) => {
            let users = folder.join("htpasswd");
            // docker-registry reads bcrypt only.
            let made = Command::new("htpasswd")
                .args(["-nbB", "-C", "4", PeerRegistry::USER, PeerRegistry::PASSWORD])
                .stdin(Stdio::null())
                .stdout(File::create(&users).unwrap())
                .status()
                .unwrap();
            assert!(made.success());
            let (certificate, key) = tls.server();
            (
                format!("auth: {{htpasswd: {{realm: registry, path: {}}}}}\n", users.display()),
                format!(", tls: {{certificate: {}, key: {}}}", certificate.display(), key.display()),
            )
        }
    };
    format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
         {auth}http: {{addr: \"{host}\"{secrets}}}\n",
        content.display()
    )
}

//! A registry for the length of a benchmark: docker-registry, on this machine, over plain HTTP.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cache;
use crate::failure::{Context, Failure, Outcome};

/// How long it may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// The registry. It ends with this value.
pub(in crate::bench) struct Server {
    host: String,
    content: PathBuf,
    child: Child,
}

impl Server {
    pub(in crate::bench) fn start(program: &Path, scratch: &Path) -> Outcome<Self> {
        let content = scratch.join("registry");
        fs::create_dir_all(&content).during(|| format!("cannot make {}", content.display()))?;
        // Free a moment ago; docker-registry cannot choose one itself and tell.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .during(|| "no port is free".to_owned())?
            .port();
        let host = format!("127.0.0.1:{port}");
        let settings = scratch.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: \"{host}\"}}\n",
            content.display()
        );
        fs::write(&settings, text).during(|| format!("cannot write {}", settings.display()))?;
        let log = scratch.join("registry.log");
        let log = File::create(&log).during(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(program)
            .arg("serve")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .during(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { host, content, child };
        server.wait()?;
        Ok(server)
    }

    /// `127.0.0.1:PORT`.
    pub(in crate::bench) fn host(&self) -> &str {
        &self.host
    }

    /// Forgets everything.
    pub(super) fn clear(&self) -> Outcome {
        cache::empty(&self.content)
    }

    fn wait(&mut self) -> Outcome {
        let begin = Instant::now();
        while TcpStream::connect(&self.host).is_err() {
            let ended = self.child.try_wait().during(|| "cannot look after docker-registry".to_owned())?;
            if let Some(status) = ended {
                return Err(Failure::new(format!("docker-registry ended at once ({status})")));
            }
            if begin.elapsed() > PATIENCE {
                return Err(Failure::new("docker-registry does not answer"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing more to do about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

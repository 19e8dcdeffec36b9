//! Programs that serve one test, on free ports, and are stopped by their own ids.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::http_get;

/// How long servers may take to come up.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a server prints.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    /// The addresses of what it holds, when all of it is up.
    Addresses,
    /// What is kept in a file.
    Kept,
}

/// A server of ours, stopped by its own id when the value goes.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    pub(crate) fn start(command: &mut Command, folder: &Path, output: Output) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap().to_owned();
        let log = folder.join(name).with_extension("log");
        let child = command
            .stdin(Stdio::null())
            .stdout(match output {
                Output::Addresses => Stdio::piped(),
                Output::Kept => File::create(log.with_extension("out")).unwrap().into(),
            })
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// The addresses of what it holds, which it prints when all of it is up.
    pub(crate) fn addresses<const N: usize>(&mut self, names: [&str; N]) -> [String; N] {
        let mut lines = BufReader::new(self.child.stdout.take().unwrap()).lines();
        names.map(|name| {
            let line = lines.next().and_then(Result::ok);
            let address = line.as_deref().and_then(|line| line.strip_prefix(name)).map(str::to_owned);
            address.unwrap_or_else(|| panic!("no {name}: {}", fs::read_to_string(&self.log).unwrap()))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is answered there with status 200, as soon as it is.
pub(crate) fn answered(url: &str) -> Vec<u8> {
    let start = Instant::now();
    loop {
        match http_get(url) {
            Some((200, body)) => return body,
            other => assert!(start.elapsed() < PATIENCE, "{url} does not come up: {other:?}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until somebody listens there.
pub(crate) fn listening(address: &str) {
    let start = Instant::now();
    while let Err(error) = TcpStream::connect(address) {
        assert!(start.elapsed() < PATIENCE, "{address} does not come up: {error}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ports that were free a moment ago, all different.
pub(crate) fn free_ports<const N: usize>() -> [String; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port().to_string())
}

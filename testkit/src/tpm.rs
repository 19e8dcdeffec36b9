//! A TPM in software, and the tools of others that look into it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::places;

/// `swtpm`, which is stopped when the value goes. What it keeps survives a restart.
#[derive(Debug)]
pub struct SoftwareTpm {
    kept: TempDir,
    running: Child,
    port: u16,
}

impl SoftwareTpm {
    /// Nothing where `swtpm` or the tools are not installed.
    pub fn start() -> Option<Self> {
        places::program("swtpm")?;
        places::program("tpm2_nvread")?;
        let kept = TempDir::new().unwrap();
        let (running, port) = run(&kept);
        Some(Self { kept, running, port })
    }

    /// Its power goes and comes back.
    pub fn restart(&mut self) {
        self.stop();
        (self.running, self.port) = run(&self.kept);
    }

    /// Its power goes.
    pub fn stop(&mut self) {
        self.running.kill().unwrap();
        self.running.wait().unwrap();
    }

    /// Its name, as programs that use TPMs know it.
    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    /// What one of tpm2-tools says; it must succeed.
    pub fn tool(&self, words: &[&str]) -> Vec<u8> {
        let (program, words) = words.split_first().unwrap();
        let said = Command::new(program).args(["-T", &self.tcti()]).args(words).output().unwrap();
        assert!(said.status.success(), "{program}: {}", String::from_utf8_lossy(&said.stderr));
        said.stdout
    }

    /// What the tools read of a counter.
    pub fn counted(&self, index: u32) -> u64 {
        let index = format!("{index:#010x}");
        let said = self.tool(&["tpm2_nvread", "-C", &index, &index]);
        u64::from_be_bytes(said.try_into().unwrap())
    }
}

impl Drop for SoftwareTpm {
    fn drop(&mut self) {
        // It may have been stopped by the test.
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// The protocol wants two ports, one after the other. Whoever takes one of them in between makes `swtpm` end: then others.
fn run(kept: &TempDir) -> (Child, u16) {
    for _ in 0..20 {
        let port = two_ports();
        let mut running = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", kept.path().display())])
            .args(["--server", &format!("type=tcp,bindaddr=127.0.0.1,port={port}")])
            .args(["--ctrl", &format!("type=tcp,bindaddr=127.0.0.1,port={}", port + 1)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while running.try_wait().unwrap().is_none() {
            if [port, port + 1].iter().all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok()) {
                return (running, port);
            }
            thread::yield_now();
        }
    }
    panic!("swtpm does not start");
}

fn two_ports() -> u16 {
    loop {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if let Some(next) = port.checked_add(1)
            && TcpListener::bind((Ipv4Addr::LOCALHOST, next)).is_ok()
        {
            return port;
        }
    }
}

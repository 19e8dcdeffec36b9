//! `ssh-agent:…`, with OpenSSH's own agent and with agents that misbehave.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lacre_testkit::places;

use super::{UNSIGNED, refuses, tool};
use crate::bench::{Bench, Said};

/// An agent of OpenSSH's. It ends with the test.
struct Agent {
    child: Child,
    bench: Bench,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Agent {
    /// Starts one without keys; nothing where OpenSSH is not installed.
    fn start() -> Option<Self> {
        let program = places::program("ssh-agent")?;
        let bench = Bench::with_model_and_key();
        let mut command = Command::new(program);
        command.arg("-D").arg("-a").arg(bench.path("socket")).stdin(Stdio::null()).stdout(Stdio::null());
        let agent = Self { child: command.spawn().unwrap(), bench };
        let end = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(agent.socket()).is_err() {
            assert!(Instant::now() < end, "the agent never came up");
            thread::yield_now();
        }
        Some(agent)
    }

    fn socket(&self) -> PathBuf {
        self.bench.path("socket")
    }

    fn tool(&self, words: &[&str]) -> Vec<u8> {
        tool(&self.bench.path(""), &[("SSH_AUTH_SOCK", &self.socket())], words)
    }

    /// Makes a key `name` of a kind (`ssh-keygen -t`), gives it to the agent and removes its file.
    fn key(&self, name: &str, kind: &[&str]) {
        let make = ["ssh-keygen", "-q", "-N", "", "-C", &format!("{name}@test"), "-f", name, "-t"];
        self.tool(&[&make[..], kind].concat());
        self.tool(&["ssh-add", "-q", name]);
        fs::remove_file(self.bench.path(name)).unwrap();
    }

    /// The fingerprint of a key, `SHA256:…`.
    fn fingerprint(&self, name: &str) -> String {
        let told = String::from_utf8(self.tool(&["ssh-keygen", "-l", "-f", &format!("{name}.pub")])).unwrap();
        told.split(' ').nth(1).unwrap().to_owned()
    }

    /// Runs `lacre` with the agent in its environment.
    fn lacre(&self, line: &str) -> Said {
        Said::of(self.bench.command().args(line.split(' ')).env("SSH_AUTH_SOCK", self.socket()))
    }

    fn signs(&self, key: &str) {
        let said = self.lacre(&format!("sign MODEL --name m --force --key {key}"));
        assert_eq!(said.exit, Some(0), "{key}: {said:?}");
    }

    fn refuses(&self, key: &str, code: &str, exit: i32) -> String {
        let said = self.lacre(&format!("sign MODEL --name m --key {key}"));
        said.refuses(code, exit);
        assert_eq!(self.bench.names("MODEL"), UNSIGNED);
        said.stderr
    }
}

#[test]
fn every_kind_of_key_signs() {
    let Some(agent) = Agent::start() else { return };
    for (name, kind) in [
        ("p256", &["ecdsa", "-b", "256"][..]),
        ("p384", &["ecdsa", "-b", "384"]),
        ("p521", &["ecdsa", "-b", "521"]),
    ] {
        agent.key(name, kind);
        let pem = agent.tool(&["ssh-keygen", "-e", "-m", "PKCS8", "-f", &format!("{name}.pub")]);
        agent.bench.write(format!("{name}.pem"), &pem);
        agent.signs(&format!("ssh-agent:{}", agent.fingerprint(name)));
        agent.bench.good(&format!("verify MODEL --key {name}.pem"));
    }
    agent.key("ed", &["ed25519"]);
    agent.signs("ssh-agent:ed@test");
    // OpenSSH of this age writes no SubjectPublicKeyInfo of such a key: openssl reads one in DER (RFC 8410).
    let line = String::from_utf8(agent.bench.read("ed.pub")).unwrap();
    agent.bench.write("ed.b64", format!("{}\n", line.split(' ').nth(1).unwrap()).as_bytes());
    let blob = agent.tool(&["openssl", "base64", "-d", "-A", "-in", "ed.b64"]);
    let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0"[..], &blob[blob.len() - 32..]].concat();
    agent.bench.write("ed.der", &der);
    agent.tool(&["openssl", "pkey", "-pubin", "-inform", "DER", "-in", "ed.der", "-out", "ed.pem"]);
    agent.bench.good("verify MODEL --key ed.pem");
}

#[test]
fn a_key_is_named_by_its_file_its_comment_its_fingerprint_or_by_being_alone() {
    let Some(agent) = Agent::start() else { return };
    let said = agent.refuses("ssh-agent:", "E-NOT-FOUND", 10);
    assert!(said.contains("no key in the agent"), "{said}");
    agent.key("one", &["ecdsa"]);
    agent.signs("ssh-agent:");
    agent.signs("ssh-agent:one.pub");
    agent.signs("ssh-agent:one@test");
    agent.signs(&format!("ssh-agent:one@test?socket={}", agent.socket().display()));
    agent.bench.good(&format!(
        "sign MODEL --name m --force --key ssh-agent:{}?socket=socket",
        agent.fingerprint("one")
    ));
}

#[test]
fn exactly_one_key_must_match() {
    let Some(agent) = Agent::start() else { return };
    agent.key("one", &["ecdsa"]);
    agent.key("two", &["ed25519"]);
    let said = agent.refuses("ssh-agent:", "E-KEY", 13);
    assert!(said.contains(&agent.fingerprint("one")) && said.contains("two@test"), "{said}");
    let said = agent.refuses("ssh-agent:three@test", "E-NOT-FOUND", 10);
    assert!(said.contains("one@test") && said.contains("two@test"), "{said}");
    agent.refuses("ssh-agent:SHA256:AAAA", "E-NOT-FOUND", 10);
    agent.refuses("ssh-agent:k.pub", "E-KEY", 13);
    agent.refuses("ssh-agent:missing.pub", "E-NOT-FOUND", 10);
}

#[test]
fn rsa_keys_are_refused_by_name() {
    let Some(agent) = Agent::start() else { return };
    agent.key("old", &["rsa", "-b", "2048"]);
    let said = agent.refuses("ssh-agent:old.pub", "E-UNSUPPORTED", 13);
    assert!(said.contains("RSA"), "{said}");
}

#[test]
fn a_statement_that_no_agent_takes_is_refused() {
    let Some(agent) = Agent::start() else { return };
    agent.key("one", &["ecdsa"]);
    for number in 0..1500 {
        agent.bench.write(format!("LARGE/{number}"), b"x");
    }
    let said = agent.lacre("sign LARGE --name m --key ssh-agent:");
    said.refuses("E-LIMIT", 13);
    assert!(said.stderr.contains("262144"), "{said:?}");
}

#[test]
fn no_agent_at_all() {
    let bench = Bench::with_model_and_key();
    let sign = ["sign", "MODEL", "--name", "m", "--key", "ssh-agent:"];
    let said = Said::of(bench.command().args(sign).env_remove("SSH_AUTH_SOCK"));
    said.refuses("E-NOT-FOUND", 10);
    assert!(said.stderr.contains("SSH_AUTH_SOCK"), "{said:?}");
    let said = refuses(&bench, "ssh-agent:?socket=nowhere", "E-NOT-FOUND", 10);
    assert!(said.contains("nowhere"), "{said}");
    bench.write("file", b"");
    refuses(&bench, "ssh-agent:?socket=file", "E-SIGNER", 11);
    drop(UnixListener::bind(bench.path("dead")).unwrap());
    refuses(&bench, "ssh-agent:?socket=dead", "E-SIGNER", 11);
}

/// An agent that answers every connection's first request with these bytes, and then waits for the other side to go.
fn fake(socket: &Path, answer: &'static [u8]) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request).unwrap();
            // Who is refused early does not wait for all of it.
            let _ = stream.write_all(answer);
            let _ = stream.read(&mut [0]);
        }
    });
}

#[test]
fn agents_that_misbehave_are_told_apart() {
    for (number, (answer, code, exit, told)) in [
        // Nothing, a beginning, and a beginning of the length.
        (&b""[..], "E-SIGNER", 11, "within 1 s"),
        (b"\0\0\0\x05\x0c", "E-SIGNER", 11, "within 1 s"),
        (b"\0\0", "E-SIGNER", 11, "within 1 s"),
        // More than an agent may say.
        (b"\0\x04\0\x01\x0c", "E-LIMIT", 13, "262144"),
        (b"\xff\xff\xff\xff\x0c", "E-LIMIT", 13, "262144"),
        // A refusal, another message, nothing in it, keys that are not there.
        (b"\0\0\0\x01\x05", "E-SIGNER", 11, "refused"),
        (b"\0\0\0\x01\x06", "E-SIGNER", 11, "message 6"),
        (b"\0\0\0\0", "E-SIGNER", 11, "empty"),
        (b"\0\0\0\x05\x0c\0\0\0\x01", "E-SIGNER", 11, "cut off"),
        (b"\0\0\0\x05\x0c\xff\xff\xff\xff", "E-SIGNER", 11, "keys"),
        (b"\0\0\0\x05\x0c\0\0\0\0", "E-NOT-FOUND", 10, "no key in the agent"),
    ]
    .into_iter()
    .enumerate()
    {
        let bench = Bench::with_model_and_key();
        fake(&bench.path("socket"), answer);
        let said = refuses(&bench, "ssh-agent:?socket=socket", code, exit);
        assert!(said.contains(told), "{number}: {said}");
    }
}

#[test]
fn an_agent_that_hangs_up_is_told_apart() {
    let bench = Bench::with_model_and_key();
    let listener = UnixListener::bind(bench.path("socket")).unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    refuses(&bench, "ssh-agent:?socket=socket", "E-SIGNER", 11);
}

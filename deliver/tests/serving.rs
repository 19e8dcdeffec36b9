//! `examples/serve_gate`, asked over HTTP: what it serves, when it stops, and what it never starts to serve.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "channel/publisher.rs"]
mod publisher;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lacre_hash::Blake3Digest;
use lacre_publish::channel::{Edit, Withdrawal};
use lacre_release::ReasonCode;
use lacre_testkit::{ModelDir, SafetensorsFile, Seal, Sealed, http_get, noise};
use serde_json::Value;

use crate::publisher::{Publisher, client};

/// More than the buffers of a connection take in: an answer of it is under way until it is read.
const LARGE: usize = 32 << 20;
/// After this, what should have happened has not.
const PATIENCE: Duration = Duration::from_mins(1);

/// A signed model, its channel, a policy, and a client that trusts the channel.
struct Site {
    folder: tempfile::TempDir,
    sealed: Sealed,
    publisher: Publisher,
}

impl Site {
    fn new(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let weights = SafetensorsFile::sample().tensor("large", "U8", &[LARGE], &noise(1, LARGE)).build();
        let sealed = Seal::of(ModelDir::new().file("model.safetensors", &weights)).name("org/name");
        let claim = sealed.claim();
        let contents = lacre_deliver::contents(&claim, claim.manifest()).unwrap();
        let sealed = sealed.sign();
        let mut publisher = Publisher::at(Timestamp::now());
        publisher.publish_contents("1.0.0", 1, contents);
        let files = publisher.put_in(&folder.path().join("channel"));
        client(&files, &publisher, &folder.path().join("state"));
        let key = sealed.public_key().to_pem();
        let text = format!(
            "version = 1\n[[policy]]\nname = \"serve\"\n{policy}\n[policy.release]\nchannel = \"stable\"\n\
             [[policy.trust.key]]\npublic-key = '''{key}'''\n"
        );
        std::fs::write(folder.path().join("policy.toml"), text).unwrap();
        Self { folder, sealed, publisher }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Publishes that 1.0.0 must not run.
    fn revoke(&mut self) {
        self.publisher.edit(&Edit::Withdraw {
            version: "1.0.0".parse().unwrap(),
            withdrawal: Withdrawal::Revoke,
            code: ReasonCode::Backdoor,
            text: "a trigger".to_owned(),
        });
        self.publisher.put_in(&self.path("channel"));
    }

    fn command(&self) -> Command {
        // Cargo builds the examples with the tests.
        let tests = std::env::current_exe().unwrap();
        let program = tests.parent().unwrap().parent().unwrap().join("examples/serve_gate");
        assert!(program.exists(), "cargo build -p lacre-deliver --example serve_gate");
        let mut command = Command::new(program);
        command.arg(self.sealed.path()).args(["policy.toml", "channel", "state"].map(|name| self.path(name)));
        command.args(["org/name@stable", "127.0.0.1:0", "1", "3"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self) -> Serving {
        let mut child = self.command().spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap_or_else(|| {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not serve: {said}")
        });
        Serving { address: address.to_owned(), child }
    }

    /// Starts what must not start, and gives why it did not.
    fn refused(&self) -> String {
        let output = self.command().output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
        String::from_utf8(output.stderr).unwrap()
    }
}

struct Serving {
    address: String,
    child: Child,
}

impl Serving {
    fn get(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        http_get(&format!("http://{}/{path}", self.address))
    }

    fn verification(&self) -> Value {
        let (status, body) = self.get("verification").unwrap();
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Of a test that failed; else it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "{what}: it never happened");
        std::thread::yield_now();
    }
}

#[test]
fn it_serves_proven_tensors_until_the_release_is_revoked() {
    let mut site = Site::new("");
    let mut serving = site.start();
    assert_eq!(serving.get("healthz"), Some((200, b"serving\n".to_vec())));
    let told = serving.verification();
    assert_eq!((&told["verdict"], &told["reason"]), (&"allowed".into(), &Value::Null));
    assert_eq!((&told["model"]["name"], &told["model"]["version"]), (&"org/name".into(), &"1.0.0".into()));
    assert_eq!(told["policy"]["rule"], "serve");
    assert_eq!(told["channel"]["id"], "org/name@stable");
    assert_eq!((&told["channel"]["version"], &told["channel"]["sequence"]), (&"1.0.0".into(), &2.into()));
    assert_eq!(told["signers"].as_array().unwrap().len(), 1);
    let checked = |told: &Value| told["checked_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    eventually("it asks again", || checked(&serving.verification()) > checked(&told));

    let numbers: Vec<u8> = [0.5_f32, -0.5, 1.5, -1.5].iter().flat_map(|it| it.to_le_bytes()).collect();
    assert_eq!(serving.get("tensor/pooler.bias"), Some((200, numbers)));
    assert_eq!(serving.get("tensor/nothing").unwrap().0, 404);
    // What lies on the disk by now is of no interest.
    std::fs::write(site.sealed.path().join("model.safetensors"), b"something else").unwrap();

    let mut under_way = BufReader::new(TcpStream::connect(&serving.address).unwrap());
    write!(under_way.get_mut(), "GET /tensor/large HTTP/1.0\r\n\r\n").unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(under_way.read_line(&mut head).unwrap(), 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.0 200") && head.contains(&format!("shape: {LARGE}\r\n")), "{head}");
    assert!(head.contains("dtype: U8\r\n"), "{head}");

    site.revoke();
    eventually("it drains", || serving.get("healthz") == Some((503, b"draining\n".to_vec())));
    assert_eq!(serving.get("tensor/pooler.bias").unwrap().0, 503);
    let told = serving.verification();
    assert_eq!(told["verdict"], "denied");
    assert!(told["reason"].as_str().unwrap().contains("revoked"), "{told}");
    eventually("it stops listening", || serving.get("healthz").is_none());

    // What was begun before is finished, and only then it ends.
    assert_eq!(serving.child.try_wait().unwrap(), None);
    let mut body = Vec::new();
    under_way.read_to_end(&mut body).unwrap();
    assert_eq!(Blake3Digest::of(&body), Blake3Digest::of(&noise(1, LARGE)));
    assert_eq!(serving.child.wait().unwrap().code(), Some(1));
}

#[test]
fn it_does_not_start_on_what_was_tampered_with() {
    let site = Site::new("");
    let weights = site.sealed.path().join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(weights, bytes).unwrap();
    assert!(site.refused().contains("model.safetensors"), "{}", site.refused());
}

#[test]
fn it_does_not_start_on_what_is_only_waived() {
    for mode in ["warn", "audit"] {
        let said = Site::new(&format!("mode = \"{mode}\"\ntransparency = \"required\"")).refused();
        assert!(said.contains("transparency"), "{mode}: {said}");
    }
}

#[test]
fn it_does_not_start_on_what_is_revoked() {
    let mut site = Site::new("");
    site.revoke();
    assert!(site.refused().contains("revoked"), "{}", site.refused());
}

//! Ctrl-C and its relatives: a clean end, exit code 130, nothing half-done.
//!
//! The files are sparse: they take no space, and hashing them takes far longer than a signal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use lacre_attest::{KeyAlgorithm, Limits, ModelClaim};
use lacre_hash::{Blake3Digest, NoProgress, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use lacre_registry_client::{IMAGE_MANIFEST, Layout, Store as _, Tag, attach_signature, build};
use lacre_sign::FileKey;
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::Bench;

const LONG: u64 = 8 << 30;
/// Pulling writes what it reads, so a failing test must not fill the disk.
const LONG_WRITTEN: u64 = 2 << 30;

/// A running `lacre` that has told on stderr that its work began.
struct Working {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Working {
    fn start(command: &mut Command, line: &str) -> Self {
        let mut command = command.args(line.split_whitespace()).args(["--progress", "plain"]);
        command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        while !first.contains("ing: ") {
            first.clear();
            assert_ne!(stderr.read_line(&mut first).unwrap(), 0, "it ended before it worked");
        }
        Self { child, stderr }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, which must be that of an interrupted run.
    fn ends_interrupted(mut self) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.lines().any(|line| line == "error[E-INTERRUPTED]: interrupted"), "{said}");
        assert_eq!(output.stdout, b"");
    }
}

fn sparse(bench: &Bench, name: &str, size: u64) {
    bench.write(name, b"");
    File::options().write(true).open(bench.path(name)).unwrap().set_len(size).unwrap();
}

/// A claim about a long file with digests that nobody computed: what is interrupted never compares them.
fn long_claim(size: u64) -> (ModelClaim, Manifest) {
    let entry = Entry {
        path: EntryPath::parse("long.bin").unwrap(),
        size: Some(size),
        digests: Digests::Sha256 {
            sha256: Sha256Digest::of(b"nobody waits for it"),
            blake3: Some(Blake3Digest::of(b"nobody waits for it")),
        },
    };
    let manifest = Manifest::new(vec![entry]).unwrap();
    (ModelClaim::new("long", None, manifest.clone(), Vec::new()).unwrap(), manifest)
}

fn key(bench: &Bench) -> FileKey {
    let key = FileKey::generate(KeyAlgorithm::Ed25519).unwrap();
    bench.write("k.pub", key.public_key().to_pem().as_bytes());
    key
}

#[test]
fn signing_stops_and_leaves_no_signature() {
    for signal in [Signal::INT, Signal::TERM] {
        let bench = Bench::new();
        bench.key("k");
        sparse(&bench, "MODEL/long.bin", LONG);
        let working = Working::start(&mut bench.command(), "sign MODEL --key k.key --name long");
        working.signal(signal);
        working.ends_interrupted();
        assert_eq!(bench.names("MODEL"), ["long.bin"]);
    }
}

#[test]
fn verifying_stops_undecided() {
    let bench = Bench::new();
    let (claim, _) = long_claim(LONG);
    let bundle = lacre_sign::seal(&claim, &key(&bench), &Limits::default()).unwrap();
    sparse(&bench, "MODEL/long.bin", LONG);
    bench.write("MODEL/model.sig", &bundle.to_json());
    let working = Working::start(&mut bench.command(), "verify MODEL --key k.pub");
    working.signal(Signal::INT);
    working.ends_interrupted();
}

#[test]
fn pulling_stops_and_leaves_nothing_at_the_target() {
    let bench = Bench::new();
    let (claim, manifest) = long_claim(LONG_WRITTEN);
    let bundle = lacre_sign::seal(&claim, &key(&bench), &Limits::default()).unwrap();
    let store = Layout::create(&bench.path("store")).unwrap();
    let built = build(&manifest, "long", None).unwrap();
    sparse(&bench, &format!("store/blobs/sha256/{}", manifest.entries()[0].sha256().unwrap()), LONG_WRITTEN);
    store.put_blob(&built.artifact.config, &built.config, &NoProgress).unwrap();
    let tag = Tag::parse("v1").unwrap();
    let subject = store.put_manifest(IMAGE_MANIFEST, &built.manifest, Some(&tag)).unwrap();
    let predicate = lacre_attest::MODEL_PREDICATE_TYPE;
    attach_signature(&store, &subject, &bundle.to_json(), predicate, "2026-01-01T00:00:00Z").unwrap();

    let working = Working::start(&mut bench.command(), "pull oci:store:v1 here/OUT --key k.pub");
    working.signal(Signal::INT);
    working.ends_interrupted();
    assert!(!bench.path("here/OUT").exists());
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let bench = Bench::new();
    // Waits for a bundle that never comes, and so never looks whether it was interrupted.
    let mut child = bench.command().args(["inspect", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let status = format!("/proc/{}/status", child.id());
    while !catches_sigint(&std::fs::read_to_string(&status).unwrap()) {
        std::thread::yield_now();
    }
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        kill_process(pid, Signal::INT).unwrap();
        std::thread::yield_now();
    };
    assert_eq!(ended.code(), Some(130), "not killed by the signal, but ended: {ended}");
}

/// Whether the mask of caught signals in a `/proc/PID/status` has SIGINT (signal 2, bit 1).
fn catches_sigint(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0
}

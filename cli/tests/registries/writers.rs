//! Two who push and ten who sign, at once, as processes of their own: nothing is lost.

use std::process::{Child, Stdio};

use lacre_testkit::PeerRegistry;
use lacre_testkit::places::Peer;
use lacre_testkit::registry::{Fault, Gate, On, Referrers, Registry};

use crate::bench::Bench;

const PUSHERS: [&str; 2] = ["left", "right"];
const ATTESTERS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

struct Crowd {
    bench: Bench,
    /// The model in the registry, by its digest.
    subject: String,
    host: String,
}

impl Crowd {
    /// A model in a registry, signed once; two copies of it with other signatures; ten more keys.
    fn gathered(host: &str) -> Self {
        let bench = Bench::with_signed_model();
        let reference = format!("{host}/org/m");
        let pushed = bench.good(&format!("push MODEL {reference}:v1 --json")).json();
        let subject = pushed["result"]["manifest"].as_str().unwrap().to_owned();
        for name in PUSHERS {
            bench.key(name);
            for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt"] {
                bench.write(format!("{name}/{file}"), &bench.read(&format!("MODEL/{file}")));
            }
            bench.good(&format!("sign {name} --key {name}.key --name org/mini-lm --version 1.0.0"));
        }
        for name in ATTESTERS {
            bench.key(name);
        }
        Self { bench, subject, host: host.to_owned() }
    }

    /// Lets all of them loose.
    fn start(&self) -> Vec<(String, Child)> {
        let Self { host, subject, .. } = self;
        let pushes = PUSHERS.map(|name| format!("push {name} {host}/org/m:{name}"));
        let signs = ATTESTERS.map(|name| {
            format!("sign --digests-from {host}/org/m@{subject} --key {name}.key --name org/mini-lm --version 1.0.0")
        });
        let start = |line: String| {
            let mut command = self.bench.command();
            let child = command.args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
            (line, child.unwrap())
        };
        pushes.into_iter().chain(signs).map(start).collect()
    }

    /// Every signature is found, by us and by others.
    fn lost_nothing(&self) {
        let Self { bench, host, subject } = self;
        for name in ["k"].into_iter().chain(PUSHERS).chain(ATTESTERS) {
            bench.good(&format!("pull {host}/org/m@{subject} OUT-{name} --key {name}.pub"));
        }
        for tag in ["v1"].into_iter().chain(PUSHERS) {
            let found = bench.good(&format!("inspect {host}/org/m:{tag} --json")).json();
            assert_eq!(found["result"]["manifest"]["digest"], subject.as_str(), "{tag}");
        }
        let Some(oras) = Peer::Oras.find() else { return };
        let mut command = std::process::Command::new(oras);
        let command =
            command.args(["discover", "--plain-http", "--format", "json"]).env("HOME", bench.path("."));
        let output = command.arg(format!("{host}/org/m@{subject}")).output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // The model's signature of each, and over the manifest that of those who sign what is there already.
        let expected = 1 + PUSHERS.len() + 2 * ATTESTERS.len();
        assert_eq!(found["referrers"].as_array().unwrap().len(), expected, "{found}");
    }
}

fn all_end_well(running: Vec<(String, Child)>) {
    for (line, child) in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "lacre {line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn at(host: &str) {
    let crowd = Crowd::gathered(host);
    all_end_well(crowd.start());
    crowd.lost_nothing();
}

#[test]
fn two_pushers_and_ten_attesters_where_the_registry_keeps_the_list() {
    at(&Registry::start().host());
}

/// The worst case: all of them have read the index before one of them writes it.
#[test]
fn two_pushers_and_ten_attesters_who_all_read_the_index_before_one_writes_it() {
    let registry = Registry::with().rules(|rules| rules.referrers = Referrers::Absent).start();
    let crowd = Crowd::gathered(&registry.host());
    let (gate, all) = (Gate::new(), PUSHERS.len() + ATTESTERS.len());
    let index = format!("/manifests/{}", crowd.subject.replace(':', "-"));
    registry.fault(On::method("PUT").ending(&index), Fault::Hold(gate.clone()));
    let mut running = crowd.start();
    while !gate.was_reached_by(all) {
        for (line, child) in &mut running {
            assert_eq!(child.try_wait().unwrap(), None, "lacre {line} ended without having written");
        }
    }
    gate.open();
    all_end_well(running);
    crowd.lost_nothing();
}

#[test]
fn two_pushers_and_ten_attesters_at_docker_registry() {
    let Some(registry) = PeerRegistry::docker() else { return };
    at(registry.host());
}

#[test]
fn two_pushers_and_ten_attesters_at_a_registry_of_others_that_keeps_the_list() {
    let Some(registry) = PeerRegistry::with_referrers() else { return };
    at(registry.host());
}

//! `kill -9` in the middle of a push and of a pull: the next one goes on, what it comes to is right, and what was done is
//! not done again. The registry says when: at a byte, or at a request, before it is served or before it is answered.
//!
//! Three moments each, always the same. `cargo xtask soak kills` takes twenty, by `LACRE_KILLS` (how many) and
//! `LACRE_KILLS_SEED`.

use std::fs;
use std::process::Stdio;

use lacre_testkit::registry::{Fault, Gate, On, Referrers, Registry, Seen};
use lacre_testkit::{PeerRegistry, noise};

use crate::bench::Bench;
use crate::relay::Relay;

const MIB: usize = 1 << 20;
/// Shorter uploads are begun anew: they leave no note.
const NOTED: usize = 8 * MIB;
/// Parts that are fetched at once.
const AT_ONCE: usize = 4;
/// Bytes of the blobs beside the files: signature, chunk lists, configuration.
const BESIDE: u64 = 20_000;
const REPOSITORY: &str = "org/m";

/// A model of three large files and two small ones, signed.
struct Model {
    bench: Bench,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Model {
    fn new() -> Self {
        let bench = Bench::new();
        bench.key("k");
        let large = |seed, extra| noise(seed, NOTED + extra);
        let files = vec![
            ("config.json", b"{\"hidden\": 384}".to_vec()),
            ("one.safetensors", large(1, 5)),
            ("tokenizer/vocab.txt", noise(2, 70_000)),
            ("two.safetensors", large(3, MIB)),
            ("zero.safetensors", large(4, 0)),
        ];
        for (name, bytes) in &files {
            bench.write(format!("MODEL/{name}"), bytes);
        }
        bench.good("sign MODEL --key k.key --name m");
        Self { bench, files }
    }

    fn size(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// What is in the folder `OUT` is the model, and nothing is left beside it; then it is thrown away.
    fn came_whole(&self, moment: &Moment) {
        for (name, bytes) in &self.files {
            assert!(self.bench.read(&format!("OUT/{name}")) == *bytes, "{moment:?}: {name}");
        }
        assert_eq!(self.bench.names("."), ["MODEL", "OUT", "k.key", "k.pub"], "{moment:?}");
        fs::remove_dir_all(self.bench.path("OUT")).unwrap();
    }

    /// Runs `lacre` up to this moment and kills it there; nothing is killed if it ended before.
    fn killed(&self, line: &str, registry: &Registry, moment: &Moment) -> Killed {
        let gate = moment.arm(registry);
        let mut command = self.bench.command();
        let command = command.args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let killed = loop {
            // It takes what is on its way, up to the groups that are not whole yet, and then has nothing more to do.
            if gate.was_reached_by(1) && self.journal().len() + AT_ONCE >= sent_of_blobs(registry) / MIB {
                child.kill().unwrap();
                break Killed::Killed;
            }
            if child.try_wait().unwrap().is_some() {
                break Killed::EndedBefore;
            }
        };
        let status = child.wait().unwrap();
        assert!(killed == Killed::Killed || status.success(), "{moment:?}: {status}");
        registry.clear_faults();
        gate.open();
        registry.settle();
        killed
    }

    /// The groups that the journal of a pull names, and their bytes: its file and its number are four bytes each, after a
    /// head of 48 bytes.
    fn journal(&self) -> Vec<u64> {
        let hidden = self.bench.names(".").into_iter().find(|name| name.starts_with(".OUT.lacre-"));
        let journal = hidden.and_then(|name| fs::read(self.bench.path(&name).join("journal")).ok());
        let journal = journal.unwrap_or_default();
        let (entries, _) = journal.get(48..).unwrap_or_default().as_chunks::<8>();
        let half = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
        let mut places: Vec<_> = entries.iter().map(|entry| (half(&entry[..4]), half(&entry[4..]))).collect();
        places.sort_unstable();
        places.dedup();
        let rest = |(file, group): (usize, usize)| self.files[file].1.len() - group * MIB;
        places.into_iter().map(|place| rest(place).min(MIB) as u64).collect()
    }
}

fn push(registry: &Registry) -> String {
    format!("push MODEL {}/{REPOSITORY}:v1", registry.host())
}

fn pull(registry: &Registry) -> String {
    format!("pull {}/{REPOSITORY}:v1 OUT --key k.pub --json", registry.host())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    Killed,
    EndedBefore,
}

/// A moment of a run, as the registry sees it.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So many bytes of bodies have come and gone.
    Byte(u64),
    /// This request has come, counted from 1, and nothing was done for it.
    Before(u64),
    /// It was served, and the answer is not sent.
    After(u64),
}

impl Moment {
    fn arm(self, registry: &Registry) -> Gate {
        let gate = Gate::new();
        match self {
            Self::Byte(bytes) => return registry.dam(bytes),
            Self::Before(number) => registry.fault(On::any().nth(number), Fault::Hold(gate.clone())),
            Self::After(number) => registry.fault(On::any().nth(number), Fault::HoldAnswer(gate.clone())),
        }
        gate
    }

    /// The moments of a run that has `bytes` and `requests`: those that were ordered, or three.
    fn of_run(bytes: u64, requests: u64) -> Vec<Self> {
        let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
        let Some(count) = number("LACRE_KILLS") else {
            return vec![Self::Byte(bytes / 5), Self::Byte(bytes * 3 / 4), Self::After(requests - 2)];
        };
        let random = noise(number("LACRE_KILLS_SEED").unwrap_or(0), 16 * usize::try_from(count).unwrap());
        let (pairs, _) = random.as_chunks::<16>();
        let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        pairs
            .iter()
            .map(|pair| match (half(&pair[..8]) % 4, half(&pair[8..])) {
                (0, random) => Self::Before(1 + random % requests),
                (1, random) => Self::After(1 + random % requests),
                (_, random) => Self::Byte(random % bytes),
            })
            .collect()
    }
}

fn blobs(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(|seen| seen.target.contains("/blobs/"))
}

/// Bytes of blobs that came.
fn received_of_blobs(registry: &Registry) -> u64 {
    blobs(&registry.seen()).map(|seen| seen.received).sum()
}

/// Bytes of blobs that were sent.
fn sent_of_blobs(registry: &Registry) -> usize {
    let sent: u64 = blobs(&registry.seen()).map(|seen| seen.sent).sum();
    usize::try_from(sent).unwrap()
}

fn bytes_and_requests(registry: &Registry) -> (u64, u64) {
    (registry.received() + registry.sent(), registry.seen().len() as u64)
}

#[test]
fn a_push_that_is_killed_goes_on() {
    for referrers in [Referrers::Served, Referrers::Absent] {
        let model = Model::new();
        let start = || Registry::with().rules(|rules| rules.referrers = referrers).start();
        let whole = start();
        model.bench.good(&push(&whole));
        let once = received_of_blobs(&whole);
        let (bytes, requests) = bytes_and_requests(&whole);
        let small = once
            - model
                .files
                .iter()
                .map(|(_, bytes)| bytes.len() as u64)
                .filter(|&size| size >= NOTED as u64)
                .sum::<u64>();
        for moment in Moment::of_run(bytes, requests) {
            let registry = start();
            let killed = model.killed(&push(&registry), &registry, &moment);
            // Whoever sees the tag finds all that it leads to.
            let tagged = registry.tags(REPOSITORY).iter().any(|(tag, _)| tag == "v1");
            if tagged {
                model.bench.good(&pull(&registry));
                model.came_whole(&moment);
            }
            let before = received_of_blobs(&registry);
            model.bench.good(&push(&registry));
            let again = received_of_blobs(&registry) - once;
            assert!(again <= small, "{moment:?}: {again} bytes went twice; {before} had come");
            let notes = fs::read_dir(model.bench.cache().join("lacre/uploads")).unwrap().count();
            assert_eq!(notes, 0, "{moment:?}");
            model.bench.good(&pull(&registry));
            model.came_whole(&moment);
            assert!(killed == Killed::Killed || std::env::var_os("LACRE_KILLS").is_some(), "{moment:?}");
        }
    }
}

#[test]
fn a_pull_that_is_killed_goes_on() {
    let model = Model::new();
    let registry = Registry::start();
    model.bench.good(&push(&registry));
    registry.forget();
    model.bench.good(&pull(&registry));
    model.came_whole(&Moment::Byte(0));
    let (bytes, requests) = bytes_and_requests(&registry);
    for moment in Moment::of_run(bytes, requests) {
        // What the user's cache remembers of it would be known to the next one, too.
        let _ = fs::remove_dir_all(model.bench.cache().join("lacre"));
        registry.forget();
        let killed = model.killed(&pull(&registry), &registry, &moment);
        assert_eq!(
            model.bench.path("OUT").exists(),
            killed == Killed::EndedBefore,
            "{moment:?}: not before all is proven"
        );
        if killed == Killed::EndedBefore {
            assert!(std::env::var_os("LACRE_KILLS").is_some(), "{moment:?}");
            model.came_whole(&moment);
            continue;
        }
        let done: u64 = model.journal().iter().sum();
        registry.forget();
        let moved = model.bench.good(&pull(&registry)).json()["result"]["moved"].clone();
        assert_eq!(moved["resumed"], done, "{moment:?}: {moved}");
        assert_eq!(moved["fetched"], model.size() - done, "{moment:?}: {moved}");
        let sent = sent_of_blobs(&registry) as u64;
        assert!(
            sent <= model.size() - done + BESIDE,
            "{moment:?}: {sent} bytes were sent again, {done} stood"
        );
        model.came_whole(&moment);
    }
}

/// docker-registry keeps nothing of a blob whose request broke off (it calls the upload invalid from then on), so such a blob
/// begins anew there. The others stay.
#[test]
fn a_push_to_docker_registry_that_is_killed_is_done_by_the_next() {
    let Some(registry) = PeerRegistry::docker() else { return };
    let model = Model::new();
    let relay = Relay::to(registry.host());
    let push = |name: &str| format!("push MODEL {}/org/{name}:v1", relay.host());
    model.bench.good(&push("whole"));
    let whole = relay.passed();
    // The last of them when all blobs are there, among the manifests.
    for (name, bytes, again) in
        [("a", whole / 4, whole), ("b", whole * 3 / 4, whole), ("c", whole - 2000, 100_000)]
    {
        relay.hold_after(bytes);
        let mut command = model.bench.command();
        let command = command.args(push(name).split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        while !relay.holds() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        relay.release();
        relay.settle();
        let pull = format!("pull {}/org/{name}:v1 OUT --key k.pub", registry.host());
        // Nothing is there yet, or all of it.
        let said = model.bench.run(&pull);
        match said.exit {
            Some(0) => model.came_whole(&Moment::Byte(bytes)),
            _ => said.refuses("E-REFERENCE-NOT-FOUND", 11),
        }
        let before = relay.passed();
        model.bench.good(&push(name));
        let went = relay.passed() - before;
        assert!(went <= again + 50_000, "{name}: {went} bytes of {whole}");
        model.bench.good(&pull);
        model.came_whole(&Moment::Byte(bytes));
    }
}

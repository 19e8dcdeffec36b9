//! How files go to a registry and come from it: how many at once, what goes again, and files that change meanwhile.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Stdio};

use lacre_hash::Sha256Digest;
use lacre_testkit::noise;
use lacre_testkit::registry::{Fault, Gate, On, Registry};

use crate::bench::Bench;

const REPOSITORY: &str = "org/m";
const MIB: usize = 1 << 20;

/// A signed model of so many files of this size.
fn model(files: u8, size: usize) -> Bench {
    let bench = Bench::new();
    bench.key("k");
    for number in 0..files {
        bench.write(format!("MODEL/{number}.safetensors"), &noise(number.into(), size));
    }
    bench.good("sign MODEL --key k.key --name m");
    bench
}

fn push(registry: &Registry) -> String {
    format!("push MODEL {}/{REPOSITORY}:v1", registry.host())
}

fn start(bench: &Bench, line: &str) -> Child {
    let mut command = bench.command();
    command.args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until so many requests wait at the gate.
fn until(gate: &Gate, count: usize, child: &mut Child) {
    while !gate.was_reached_by(count) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before");
    }
}

#[test]
fn four_files_go_at_once_and_four_parts_come() {
    let (registry, bench) = (Registry::start(), model(6, 40 * 1000));
    let gate = Gate::new();
    registry.fault(On::method("PUT").at("/blobs/uploads/"), Fault::Hold(gate.clone()));
    let mut child = start(&bench, &push(&registry));
    until(&gate, 4, &mut child);
    assert!(!gate.was_reached_by(5), "the fifth waits for one of the four");
    gate.open();
    assert!(child.wait().unwrap().success());
    registry.clear_faults();
    let gate = Gate::new();
    let digests: Vec<_> =
        (0..6).map(|number| Sha256Digest::of(&noise(number, 40 * 1000)).to_string()).collect();
    for digest in &digests {
        registry.fault(On::method("GET").ending(digest), Fault::Hold(gate.clone()));
    }
    let mut child = start(&bench, &format!("pull {}/{REPOSITORY}:v1 OUT --key k.pub", registry.host()));
    until(&gate, 4, &mut child);
    assert!(!gate.was_reached_by(5), "the fifth waits for one of the four");
    gate.open();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_second_push_moves_no_blob() {
    let (registry, bench) = (Registry::start(), model(3, 40 * 1000));
    bench.good(&push(&registry));
    registry.forget();
    bench.good(&push(&registry));
    assert!(registry.seen_at("POST", "").is_empty() && registry.seen_at("PATCH", "").is_empty());
    assert!(registry.seen_at("PUT", "/blobs/").is_empty());
    assert!(registry.received() < 5000, "manifests only: {}", registry.received());
}

/// The file was compared with its signature before; what goes is what is there now.
#[test]
fn a_file_that_changes_on_its_way_is_never_taken_for_the_signed_one() {
    // Before its first byte went, and when a part of it is at the registry already: then long enough that its end is not yet
    // on the way, however much the buffers of the connection take (Linux gives them up to 4 and 32 MiB).
    for (size, changed_at) in [(12 * MIB, None), (64 * MIB, Some(4 * MIB as u64))] {
        let (registry, bench) = (Registry::start(), model(1, size));
        let gate = match changed_at {
            None => {
                let gate = Gate::new();
                registry.fault(On::method("POST"), Fault::Hold(gate.clone()));
                gate
            }
            Some(bytes) => registry.dam(bytes),
        };
        let mut child = start(&bench, &push(&registry));
        until(&gate, 1, &mut child);
        let file = OpenOptions::new().write(true).open(bench.path("MODEL/0.safetensors")).unwrap();
        file.write_all_at(b"+", size as u64 - 1).unwrap();
        gate.open();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error[E-FILE-CHANGED]: "), "{said}");
        registry.settle();
        for content in [noise(0, size), bench.read("MODEL/0.safetensors")] {
            assert_eq!(registry.blob(REPOSITORY, &format!("sha256:{}", Sha256Digest::of(&content))), None);
        }
        assert_eq!((registry.tags(REPOSITORY).len(), registry.open_uploads()), (0, 0));
        // And what was at the registry by then is not gone on with.
        file.write_all_at(&noise(0, size)[size - 1..], size as u64 - 1).unwrap();
        bench.good(&push(&registry));
        bench.good(&format!("pull {}/{REPOSITORY}:v1 OUT --key k.pub", registry.host()));
    }
}

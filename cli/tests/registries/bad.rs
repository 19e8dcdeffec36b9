//! Registries that are out of order or lie, as a user meets them: what is refused, with which code, and that nothing is
//! left behind.

use std::process::Stdio;

use lacre_testkit::registry::{
    Access, Bearer, Cut, Fault, Gate, Interrupted, Lie, On, Pages, Ranges, Referrers, Registry, Space,
    Writing,
};

use crate::bench::{Bench, Said};

const REPOSITORY: &str = "org/m";
const MIB: u64 = 1 << 20;

/// A registry with the model of the bench in it.
struct There {
    bench: Bench,
    registry: Registry,
    /// The digest of its manifest.
    manifest: String,
}

impl There {
    fn new(registry: Registry) -> Self {
        let bench = Bench::with_signed_model();
        let line = format!("push MODEL {}/{REPOSITORY}:v1 --json", registry.host());
        let manifest = bench.good(&line).json()["result"]["manifest"].as_str().unwrap().to_owned();
        registry.forget();
        Self { bench, registry, manifest }
    }

    fn pull(&self) -> String {
        format!("pull {}/{REPOSITORY}:v1 OUT --key k.pub", self.registry.host())
    }

    /// A pull is refused like this, and leaves nothing.
    fn refused(&self, code: &str, exit: i32) -> Said {
        let before = self.bench.names(".");
        let said = self.bench.bad(&self.pull(), code, exit);
        assert_eq!(self.bench.names("."), before, "{said:?}");
        said
    }

    /// A pull brings the model that was signed.
    fn comes(&self) {
        self.bench.good(&self.pull());
        for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt"] {
            assert_eq!(
                self.bench.read(&format!("OUT/{file}")),
                self.bench.read(&format!("MODEL/{file}")),
                "{file}"
            );
        }
        std::fs::remove_dir_all(self.bench.path("OUT")).unwrap();
    }

    /// What goes wrong from now on, and nothing else.
    fn only(&self, on: On, fault: Fault) {
        self.registry.clear_faults();
        self.registry.fault(on, fault);
    }
}

fn started(rules: impl FnOnce(&mut lacre_testkit::registry::Rules)) -> Registry {
    Registry::with().rules(rules).start()
}

fn manifests() -> On {
    On::method("GET").at("/manifests/")
}

/// The layer of 5000 bytes.
fn weights(there: &There) -> On {
    let digest = lacre_hash::Sha256Digest::of(&there.bench.read("MODEL/model.safetensors"));
    On::method("GET").at(&format!("/blobs/sha256:{digest}"))
}

#[test]
fn content_that_is_swapped_after_the_tag_was_resolved() {
    let there = There::new(Registry::start());
    there.bench.write("EVIL/config.json", b"{\"evil\": true}");
    there.bench.key("evil");
    there.bench.good("sign EVIL --key evil.key --name org/mini-lm --version 1.0.0");
    let line = format!("push EVIL {}/{REPOSITORY}:evil --json", there.registry.host());
    let evil = there.bench.good(&line).json()["result"]["manifest"].as_str().unwrap().to_owned();
    there.registry.swap_tag(REPOSITORY, "v1", 1, &evil);
    there.comes();
    there.refused("E-SIGNER-UNTRUSTED", 5);
    // The very manifest is swapped behind its digest, and a layer behind its.
    there.registry.tag(REPOSITORY, "v1", &there.manifest);
    let other = there.registry.manifest(REPOSITORY, &evil).unwrap();
    there.only(manifests().at(&there.manifest), Fault::Body(Lie::Other(other.clone())));
    there.comes();
    there.only(manifests(), Fault::Body(Lie::Other(other)));
    there.refused("E-BLOB-DIGEST", 1);
}

#[test]
fn more_bytes_fewer_bytes_and_wrong_ones() {
    let there = There::new(Registry::start());
    for (lie, code, exit) in [
        (Lie::Lengthened { by: 1 }, "E-BLOB-DIGEST", 1),
        (Lie::Shortened { by: 1 }, "E-BLOB-DIGEST", 1),
        (Lie::Zeros(10_000_000_000), "E-BLOB-DIGEST", 1),
        (Lie::Flipped { at: 4321 }, "E-FILE-CHANGED", 1),
    ] {
        there.only(weights(&there), Fault::Body(lie));
        there.refused(code, exit);
    }
    // One bit, once: it is asked for again.
    there.only(weights(&there).first(1), Fault::Body(Lie::Flipped { at: 4321 }));
    there.comes();
    // No more than what was signed is read of what has no end.
    there.only(weights(&there), Fault::Body(Lie::Endless));
    there.refused("E-FILE-CHANGED", 1);
}

#[test]
fn lists_without_end_and_documents_without_measure() {
    for pages in [Pages::Endless(1), Pages::Circle(1)] {
        let there = There::new(Registry::start());
        there.registry.rules(|rules| rules.pages = pages);
        there.refused("E-LIMIT", 13);
        assert!(there.registry.seen_at("GET", "/referrers/").len() <= 200, "a hundred for each of two runs");
    }
    let there = There::new(Registry::start());
    for (lie, code, exit) in [
        (Lie::Zeros(10_000_000_000), "E-LIMIT", 13),
        (Lie::Endless, "E-LIMIT", 13),
        (Lie::Gzip(10_000_000_000), "E-REGISTRY", 11),
    ] {
        there.registry.forget();
        there.only(manifests(), Fault::Body(lie.clone()));
        there.refused(code, exit);
        there.registry.settle();
        // Twice what is read, and what the buffers of the system hold.
        assert!(there.registry.sent() < 64 * MIB, "{lie:?}: {}", there.registry.sent());
    }
}

#[test]
fn redirects_to_another_host() {
    let there = There::new(Registry::start());
    let elsewhere = Registry::with().sharing(&there.registry).start();
    let to = |to: &str| Fault::Redirect { status: 307, to: to.to_owned() };
    there.only(On::method("GET").at("/blobs/"), to(&elsewhere.url()));
    there.comes();
    assert!(!elsewhere.seen().is_empty());
    // It is another host, and proves nothing: what lies there is judged as ever.
    elsewhere.fault(weights(&there), Fault::Body(Lie::Flipped { at: 7 }));
    there.refused("E-FILE-CHANGED", 1);
    for lost in ["http://registry.example.com", "ftp://127.0.0.1"] {
        there.only(On::method("GET").at("/blobs/"), to(lost));
        there.refused("E-REDIRECT", 11);
    }
    there.only(On::method("GET").at("/blobs/"), to(&there.registry.url()));
    there.refused("E-REDIRECT", 11);
}

#[test]
fn tokens_that_end_in_the_middle() {
    let access = |good_for| {
        let mut bearer = Bearer::new("me", "hunter2");
        bearer.good_for = good_for;
        Access::Bearer(bearer)
    };
    let registry = started(|rules| rules.access = access(None));
    let bench = Bench::with_signed_model();
    let start = |line: &str| {
        let mut command = bench.command();
        command.env("LACRE_REGISTRY_HOST", registry.host()).env("LACRE_REGISTRY_USERNAME", "me");
        command.env("LACRE_REGISTRY_PASSWORD", "hunter2").args(line.split(' '));
        command
    };
    let (push, pull) = (
        format!("push MODEL {}/{REPOSITORY}:v1", registry.host()),
        format!("pull {}/{REPOSITORY}:v1 OUT --key k.pub", registry.host()),
    );
    // All three files are on their way when the token ends; the first part of what is pulled is.
    let uploads = On::method("PUT").at("/blobs/uploads/");
    for (line, held, count) in [(&push, uploads, 3), (&pull, On::method("GET").at("/blobs/"), 1)] {
        registry.forget();
        let gate = Gate::new();
        registry.fault(held, Fault::Hold(gate.clone()));
        let mut child = start(line).stdout(Stdio::null()).spawn().unwrap();
        while !gate.was_reached_by(count) {
            assert_eq!(child.try_wait().unwrap(), None, "{line}: it ended before its token did");
        }
        let before = registry.seen_at("GET", "/token").len();
        registry.revoke_tokens();
        gate.open();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line}");
        let more = registry.seen_at("GET", "/token").len() - before;
        assert_eq!(more, 1, "{line}: for all that ask at once");
    }
    registry.clear_faults();
    // A token that is worth nothing from the beginning is no reason to ask for ever.
    registry.rules(|rules| rules.access = access(Some(0)));
    std::fs::remove_dir_all(bench.path("OUT")).unwrap();
    registry.forget();
    Said::of(&mut start(&pull)).refuses("E-AUTH", 12);
    assert!(registry.seen().len() < 10, "{}", registry.seen().len());
}

#[test]
fn a_connection_that_breaks_again_and_again() {
    let registry = Registry::start();
    let bench = Bench::new();
    bench.key("k");
    let weights = lacre_testkit::noise(1, 20 << 20);
    bench.write("MODEL/model.safetensors", &weights);
    bench.good("sign MODEL --key k.key --name m");
    let reference = format!("{}/{REPOSITORY}:v1", registry.host());
    registry.rules(|rules| rules.cut = Cut { received: Some(3 * MIB), sent: None });
    bench.good(&format!("push MODEL {reference}"));
    let again = registry.received() - weights.len() as u64;
    assert!(again < MIB, "{again} bytes went twice");
    registry.rules(|rules| rules.cut = Cut { received: None, sent: Some(3 * MIB) });
    registry.forget();
    bench.good(&format!("pull {reference} OUT --key k.pub"));
    assert!(bench.read("OUT/model.safetensors") == weights);
    // A registry that forgets the whole upload then, as docker-registry does, has it in smaller parts.
    let registry = started(|rules| {
        rules.cut = Cut { received: Some(50 * MIB), sent: None };
        rules.interrupted = Interrupted::Gone;
    });
    let weights = lacre_testkit::noise(2, 60 << 20);
    bench.write("LARGE/model.safetensors", &weights);
    bench.good("sign LARGE --key k.key --name m");
    bench.good(&format!("push LARGE {}/{REPOSITORY}:v1", registry.host()));
}

#[test]
fn a_registry_without_ranges_is_slower_and_no_worse() {
    let there = There::new(started(|rules| rules.ranges = Ranges::Ignored));
    there.comes();
    there.only(weights(&there).first(1), Fault::CutAnswer { after: 2000 });
    there.comes();
}

#[test]
fn pages_for_people() {
    let there = There::new(Registry::start());
    for status in [200, 302, 403, 502] {
        there.only(manifests(), Fault::html(status));
        let (code, exit) = if status == 403 { ("E-DENIED", 12) } else { ("E-REGISTRY", 11) };
        there.refused(code, exit);
        there.registry.clear_faults();
        there.only(On::method("POST"), Fault::html(status));
        there.bench.write("NEW/config.json", format!("{{\"new\": {status}}}").as_bytes());
        there.bench.good("sign NEW --key k.key --name new --force");
        there.bench.bad(&format!("push NEW {}/{REPOSITORY}:new", there.registry.host()), code, exit);
        there.registry.clear_faults();
    }
    // In the place of a layer it is no layer.
    there.only(weights(&there), Fault::html(200));
    there.refused("E-BLOB-DIGEST", 1);
}

#[test]
fn a_full_disk_and_a_registry_that_only_gives() {
    let bench = Bench::with_signed_model();
    let push = |registry: &Registry, code: &str, exit: i32| {
        bench.bad(&format!("push MODEL {}/{REPOSITORY}:v1", registry.host()), code, exit);
        assert_eq!(registry.tags(REPOSITORY), [], "nothing is there that is not whole");
    };
    for bytes in [0, 1000, 5500] {
        push(&started(|rules| rules.space = Some(Space { bytes, status: 507 })), "E-REGISTRY", 11);
    }
    push(&started(|rules| rules.writing = Writing::Refused(405)), "E-REGISTRY", 11);
    push(&started(|rules| rules.writing = Writing::Refused(403)), "E-DENIED", 12);
}

/// oci-client 0.18.0 takes a fallback tag that is refused, or asked for too often, for "nobody signed". Here it is a reason
/// to come back later, and its exit code is not that of a model without signatures.
#[test]
fn oci_client_fails_open_where_the_fallback_tag_is_refused_and_we_do_not() {
    let there = There::new(started(|rules| rules.referrers = Referrers::Absent));
    let index = manifests().at("/manifests/sha256-");
    for (status, code, exit) in [(403, "E-DENIED", 12), (429, "E-REGISTRY", 11), (501, "E-REGISTRY", 11)] {
        there.only(index.clone(), Fault::status(status));
        there.refused(code, exit);
    }
    there.only(index.clone(), Fault::html(200));
    there.refused("E-REGISTRY", 11);
    // That nobody signed, only the registry's "there is no such tag" says.
    there.only(index, Fault::status(404));
    there.registry.fault(On::method("GET").at("/tags/list"), Fault::status(404));
    there.refused("E-NO-SIGNATURE", 4);
    there.registry.clear_faults();
    there.comes();
}

//! A pull that is interrupted leaves nothing.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use lacre_attest::{Limits, MODEL_PREDICATE_TYPE, ModelClaim};
use lacre_hash::{Blake3Digest, NoProgress, Sha256Digest};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use lacre_registry_client::{IMAGE_MANIFEST, Layout, Store as _, Tag, attach_signature, build};
use lacre_testkit::Sealed;
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, Said, wait};

/// A store that holds a signed model of one file of 64 GiB, which takes no space: pulling it takes far longer than any
/// signal. Nobody computed its digests; whoever is interrupted never compares them.
fn endless(place: &Place) {
    let entry = Entry {
        path: EntryPath::parse("weights.bin").unwrap(),
        size: Some(4 << 30),
        digests: Digests::Sha256 {
            sha256: Sha256Digest::of(b"never compared"),
            blake3: Some(Blake3Digest::of(b"never compared")),
        },
    };
    let manifest = Manifest::new(vec![entry]).unwrap();
    let store = Layout::create(&place.beside("store")).unwrap();
    let built = build(&manifest, "org/mini-lm", None).unwrap();
    let layer = &built.artifact.layers[0].descriptor;
    store.put_blob(&built.artifact.config, &built.config, &NoProgress).unwrap();
    let blob = File::create(place.beside("store/blobs/sha256").join(layer.digest.to_string())).unwrap();
    blob.set_len(layer.size).unwrap();
    let tag = Tag::parse("v1").unwrap();
    let subject = store.put_manifest(IMAGE_MANIFEST, &built.manifest, Some(&tag)).unwrap();
    let claim = ModelClaim::new("org/mini-lm", None, manifest, Vec::new()).unwrap();
    let bundle = lacre_sign::seal(&claim, &**place.sealed.key(), &Limits::default()).unwrap().to_json();
    attach_signature(&store, &subject, &bundle, MODEL_PREDICATE_TYPE, "2026-01-01T00:00:00Z").unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Pulls into `here/out` and sends `signal` when the hidden folder beside it has got its first bytes, which then stay
/// there.
fn interrupted(place: &Place, signal: Signal, shared: &str) -> Said {
    let here = place.beside("here");
    fs::create_dir_all(&here).unwrap();
    let before = names(&here);
    // No file may become longer than 8 GiB, so that a signal that is not heard does not fill the disk.
    let script = format!(
        "ulimit -f 16777216; exec '{}' pull oci:store:v1 here/out --key release.pub {shared}",
        env!("CARGO_BIN_EXE_lacre")
    );
    let mut command = Command::new("sh");
    place.prepare(&mut command);
    let mut child =
        command.args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    loop {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was interrupted");
        let hidden =
            names(&here).into_iter().find(|name| name.starts_with(".out.") && !before.contains(name));
        // Its first entry follows the first bytes that were written.
        let journal = hidden.map(|name| here.join(name).join("journal"));
        if journal.is_some_and(|path| path.metadata().is_ok_and(|found| found.len() > 48)) {
            break;
        }
        std::thread::yield_now();
    }
    let visible: Vec<_> = names(&here).into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(visible, before, "half a model is visible");
    kill_process(Pid::from_child(&child), signal).unwrap();
    wait(&mut child);
    let said = Said::from_output(child.wait_with_output().unwrap());
    let after = names(&here);
    let (hidden, visible): (Vec<_>, Vec<_>) =
        after.into_iter().partition(|name| name.starts_with(".out.lacre-"));
    assert_eq!(visible, before, "nothing visible is left");
    assert_eq!(hidden.len(), 1, "what is done waits for the next attempt");
    fs::remove_dir_all(here.join(&hidden[0])).unwrap();
    said
}

#[test]
fn an_interrupted_pull_leaves_nothing_visible() {
    let place = Place::of(Sealed::sample());
    endless(&place);
    let said = interrupted(&place, Signal::INT, "");
    said.refuses_in_words(130, "E-INTERRUPTED");
    let hint = "hint: run the same command again: it goes on where it stopped";
    assert!(said.stderr.lines().any(|line| line == hint), "{said:?}");
    interrupted(&place, Signal::INT, "--json").refuses_in_json(130, "E-INTERRUPTED");
    interrupted(&place, Signal::TERM, "").refuses_in_words(130, "E-INTERRUPTED");
}

#[test]
fn an_interrupted_replacement_leaves_the_old_model() {
    let place = Place::sample();
    place.accepts("push model oci:good:v1");
    place.accepts("pull oci:good:v1 here/out --key release.pub");
    endless(&place);
    interrupted(&place, Signal::INT, "--force").refuses_in_words(130, "E-INTERRUPTED");
    place.accepts("verify here/out --key release.pub --expect-version 1.0.0");
}

#[test]
fn a_pull_that_was_killed_does_not_hinder_the_next() {
    let place = Place::pushed();
    // What a process leaves that had no time to clean up.
    fs::create_dir(place.beside(".out.lacre-1-0")).unwrap();
    fs::write(place.beside(".out.lacre-1-0/config.json"), "half").unwrap();
    place.accepts("pull oci:store:v1 out --key release.pub");
    place.accepts("verify out --key release.pub");
}

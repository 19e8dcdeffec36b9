//! Bytes from afar, proven while they are written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use lacre_hash::{Blake3Digest, ChunkList, GROUP, GroupValue};
use lacre_manifest::Entry;
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{
    Arrival, Claim, Incoming, Leftovers, Limits, Prove, Receiving, Requirements, Sharing, Unverified,
    Verified, VerifyError,
};

use verifying::{Outcome, code, trusting, verify};

fn claim(bundle: &[u8], requirements: &Requirements) -> Verified<Claim> {
    Unverified::<Claim>::parse(bundle, &Limits::default()).unwrap().verify(requirements).unwrap()
}

fn begin(
    sealed: &Sealed,
    bundle: &[u8],
    into: &Path,
    prove: Prove,
    leftovers: Leftovers,
) -> Result<Receiving, Box<lacre_verify::Failure>> {
    let size_of =
        |entry: &Entry| fs::metadata(sealed.model().entry(entry.path.as_str())).ok().map(|found| found.len());
    claim(bundle, &trusting(sealed.public_key())).receive(into, prove, leftovers, size_of)
}

/// The bytes of `content` that are the group `index` of `file`.
fn group<'a>(file: &Incoming, content: &'a [u8], index: u64) -> &'a [u8] {
    let place = file.place(index);
    let end = content.len().min(usize::try_from(place.end).unwrap());
    &content[usize::try_from(place.start).unwrap().min(end)..end]
}

/// Brings every group of `file` out of `content`, the last one first; stops at one that is refused.
fn bring(file: &Incoming, content: &[u8]) -> Result<Arrival, VerifyError> {
    for index in (0..file.groups()).rev() {
        if file.put(index, group(file, content, index))? == Arrival::Refused {
            return Ok(Arrival::Refused);
        }
    }
    Ok(Arrival::Kept)
}

/// Receives the model from its own folder, except that `blob.bin` has `other` content, when there is one.
fn receive(sealed: &Sealed, bundle: &[u8], other: Option<&[u8]>, into: &Path, prove: Prove) -> Outcome {
    let receiving = begin(sealed, bundle, into, prove, Leftovers::Refuse)?;
    for file in receiving.files() {
        let name = file.entry().path.as_str();
        let content = match other {
            Some(other) if name == "blob.bin" => other.to_vec(),
            _ => sealed.model().read(name),
        };
        let refused = match bring(file, &content) {
            Ok(Arrival::Kept) => continue,
            Ok(Arrival::Refused) => file.changed(),
            Err(error) => error,
        };
        return Err(receiving.fail(refused));
    }
    receiving.finish()
}

/// What comes of it when `blob.bin` is served with this content, after the honest one was accepted; and how many bytes
/// of it were written.
fn served(content: impl AsRef<[u8]>) -> (&'static str, u64) {
    let sealed = Sealed::sample();
    let (one, two) = (ModelDir::new(), ModelDir::new());
    receive(&sealed, sealed.bundle(), None, &one.path(), Prove::Both).unwrap();
    let outcome = receive(&sealed, sealed.bundle(), Some(content.as_ref()), &two.path(), Prove::Quickest);
    (code(outcome), fs::metadata(two.entry("blob.bin")).map_or(0, |metadata| metadata.len()))
}

#[test]
fn what_is_received_is_the_signed_model() {
    let sealed = Sealed::sample();
    for prove in [Prove::Both, Prove::Quickest] {
        let into = ModelDir::new();
        let model = receive(&sealed, sealed.bundle(), None, &into.path(), prove).unwrap();
        let mut names = sealed.model().names();
        names.retain(|name| name != Sealed::SIGNATURE);
        assert_eq!(into.names(), names);
        for name in &names {
            assert_eq!(into.read(name), sealed.model().read(name), "{name}");
            assert_eq!(*model.read(name).unwrap(), into.read(name), "{name}");
            let mode = fs::metadata(into.entry(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0, "nothing that arrives may be run");
        }
        let honest = verify(&sealed).unwrap();
        assert_eq!(model.manifest(), honest.manifest());
        assert_eq!(
            model.report().model.as_ref().unwrap().identity,
            honest.report().model.as_ref().unwrap().identity
        );
    }
}

#[test]
fn a_single_group_that_is_not_the_signed_one_is_never_written() {
    assert_eq!(served(noise(43, 100_000)), ("E-FILE-CHANGED", 0));
    let mut last = noise(42, 100_000);
    last[99_999] ^= 0x80;
    assert_eq!(served(last), ("E-FILE-CHANGED", 0));
    assert_eq!(served(&noise(42, 100_000)[..99_999]), ("E-FILE-CHANGED", 0));
    assert_eq!(served([]), ("E-FILE-CHANGED", 0));
}

/// A model with one file of several groups, and the file's content.
fn large() -> (Sealed, Vec<u8>) {
    let content = noise(7, 3 * 1024 * 1024 + 5);
    let sealed = Seal::of(ModelDir::new().file("weights.bin", &content).file("a", "a")).sign();
    (sealed, content)
}

#[test]
fn with_a_chunk_list_a_wrong_group_is_refused_alone_and_can_come_again() {
    let (sealed, content) = large();
    let list = (0..).zip(content.chunks(1 << 20)).map(|(index, group)| GroupValue::of(index, group));
    let list = ChunkList::new(content.len() as u64, list.collect()).unwrap().to_bytes();
    let into = ModelDir::new();
    let receiving =
        begin(&sealed, sealed.bundle(), &into.path(), Prove::Quickest, Leftovers::Refuse).unwrap();
    let [a, weights] = receiving.files() else { panic!("two files were signed") };
    assert_eq!(bring(a, b"a").unwrap(), Arrival::Kept);
    assert!(a.judges_groups() && !weights.judges_groups());
    weights.learn(&list).unwrap();
    let mut wrong = group(weights, &content, 2).to_vec();
    wrong[0] ^= 1;
    assert_eq!(weights.put(2, &wrong).unwrap(), Arrival::Refused);
    assert_eq!(weights.put(1, group(weights, &content, 2)).unwrap(), Arrival::Refused, "another place");
    assert_eq!(weights.missing(), vec![0..4]);
    assert_eq!(bring(weights, &content).unwrap(), Arrival::Kept);
    let model = receiving.finish().unwrap();
    assert_eq!(into.read("weights.bin"), content);
    let (root, made) = model.chunk_lists().next().unwrap();
    assert_eq!((*root, made.to_bytes()), (Blake3Digest::of(&content), list));
}

#[test]
fn without_a_chunk_list_the_file_is_judged_at_its_end() {
    let (sealed, content) = large();
    let mut wrong = content.clone();
    wrong[1_500_000] ^= 1;
    for prove in [Prove::Quickest, Prove::Sha256, Prove::Both] {
        for (content, wanted) in [(&content, "ok"), (&wrong, "E-FILE-CHANGED")] {
            let into = ModelDir::new();
            let receiving = begin(&sealed, sealed.bundle(), &into.path(), prove, Leftovers::Refuse).unwrap();
            let [a, weights] = receiving.files() else { panic!("two files were signed") };
            assert_eq!(bring(a, b"a").unwrap(), Arrival::Kept);
            assert_eq!(bring(weights, content).unwrap(), Arrival::Kept);
            assert_eq!(
                receiving.finish().map_or_else(|refused| refused.code(), |_| "ok"),
                wanted,
                "{prove:?}"
            );
        }
    }
}

#[test]
fn a_group_that_never_came_is_missed() {
    let (sealed, content) = large();
    let into = ModelDir::new();
    let receiving = begin(&sealed, sealed.bundle(), &into.path(), Prove::Both, Leftovers::Refuse).unwrap();
    for file in receiving.files() {
        for index in [0, 1, 3] {
            let content = if file.groups() == 1 { b"a" } else { &content[..] };
            let _ = file.put(index, group(file, content, index)).unwrap();
        }
    }
    assert_eq!(receiving.files()[1].missing(), vec![2..3]);
    assert_eq!(code(receiving.finish()), "E-FILE-MISSING");
}

/// What a first attempt left, some of it spoilt since, is proven again group by group.
#[test]
fn what_an_earlier_attempt_left_is_proven_again() {
    let (sealed, content) = large();
    let list = (0..).zip(content.chunks(1 << 20)).map(|(index, group)| GroupValue::of(index, group));
    let list = ChunkList::new(content.len() as u64, list.collect()).unwrap().to_bytes();
    for prove in [Prove::Quickest, Prove::Both] {
        let into = ModelDir::new();
        let first = begin(&sealed, sealed.bundle(), &into.path(), prove, Leftovers::Reuse).unwrap();
        for index in [1, 2] {
            first.files()[1].put(index, group(&first.files()[1], &content, index)).unwrap();
        }
        drop(first);
        let mut left = into.read("weights.bin");
        assert_eq!(left.len(), content.len(), "room for all of it was made at once");
        left[usize::try_from(2 * GROUP).unwrap()] ^= 1;
        fs::write(into.entry("weights.bin"), &left).unwrap();

        let refused = begin(&sealed, sealed.bundle(), &into.path(), prove, Leftovers::Refuse).unwrap();
        assert_eq!(refused.files()[1].recover(1).unwrap(), Arrival::Refused);
        let put = refused.files()[1].put(0, group(&refused.files()[1], &content, 0));
        assert_eq!(put.unwrap_err().code(), "E-OUTPUT");

        let second = begin(&sealed, sealed.bundle(), &into.path(), prove, Leftovers::Reuse).unwrap();
        let weights = &second.files()[1];
        weights.learn(&list).unwrap();
        let recovered = [0, 1, 2, 3, 4].map(|index| weights.recover(index).unwrap() == Arrival::Kept);
        assert_eq!(recovered, [false, true, false, false, false]);
        assert_eq!(bring(weights, &content).unwrap(), Arrival::Kept);
        assert_eq!(bring(&second.files()[0], b"a").unwrap(), Arrival::Kept);
        second.finish().unwrap();
        assert_eq!(into.read("weights.bin"), content);
    }
}

#[test]
fn what_is_there_already_is_not_written_over() {
    let sealed = Sealed::sample();
    let into = ModelDir::new().file("blob.bin", "mine");
    assert_eq!(code(receive(&sealed, sealed.bundle(), None, &into.path(), Prove::Quickest)), "E-OUTPUT");
    assert_eq!(into.read("blob.bin"), b"mine");
    // Not through a link either, and not for a file without bytes.
    for name in ["blob.bin", "empty.bin"] {
        let into = ModelDir::new().file(name, "");
        let target = into.beside("target");
        fs::write(&target, "theirs").unwrap();
        tamper::replace_by_link(&into.entry(name), &target);
        assert_eq!(code(receive(&sealed, sealed.bundle(), None, &into.path(), Prove::Quickest)), "E-OUTPUT");
        assert_eq!(fs::read(&target).unwrap(), b"theirs", "{name}");
    }
    let nowhere = sealed.model().beside("nowhere");
    assert_eq!(code(receive(&sealed, sealed.bundle(), None, &nowhere, Prove::Quickest)), "E-NOT-FOUND");
}

#[test]
fn two_digests_of_two_contents() {
    let sealed = Sealed::sample();
    let other = noise(77, 100_000);
    let bundle = sealed.restated(|statement| {
        let resources = statement["predicate"]["resources"].as_array_mut().unwrap();
        assert_eq!(resources[0]["name"], "blob.bin");
        resources[0]["blake3"] = Blake3Digest::of(&noise(77, 100_000)).to_string().into();
    });
    let outcome = |blob, prove| receive(&sealed, &bundle, blob, &ModelDir::new().path(), prove);
    assert_eq!(code(outcome(None, Prove::Quickest)), "E-FILE-CHANGED");
    assert_eq!(code(outcome(None, Prove::Both)), "E-FILE-CHANGED");
    assert_eq!(code(outcome(Some(&other), Prove::Both)), "E-FILE-CHANGED", "no content has both digests");
    let into = ModelDir::new();
    let model = receive(&sealed, &bundle, Some(&other), &into.path(), Prove::Quickest).unwrap();
    assert_eq!(*model.read("blob.bin").unwrap(), noise(77, 100_000));
}

#[test]
fn a_peers_signature_proves_by_sha256() {
    let sealed = Sealed::sample();
    let bundle = sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource.as_object_mut().unwrap().retain(|member, _| member != "size" && member != "blake3");
        }
    });
    for prove in [Prove::Both, Prove::Quickest] {
        let into = ModelDir::new();
        let model = receive(&sealed, &bundle, None, &into.path(), prove).unwrap();
        assert_eq!(model.manifest().get("blob.bin").unwrap().size, Some(100_000), "the size that was seen");
    }
    for other in [noise(43, 100_000), noise(42, 99_999)] {
        let into = ModelDir::new();
        let outcome = receive(&sealed, &bundle, Some(&other), &into.path(), Prove::Quickest);
        assert_eq!(code(outcome), "E-FILE-CHANGED");
    }
}

#[test]
fn a_part_is_proven_alone_and_is_no_model() {
    let sealed = Sealed::sample();
    let into = tempfile::tempdir().unwrap();
    let begin = || {
        let claim = claim(sealed.bundle(), &trusting(sealed.public_key()));
        let wanted = |entry: &Entry| ["blob.bin", "config.json"].contains(&entry.path.as_str());
        claim.receive_part(into.path(), Prove::Quickest, Leftovers::Reuse, |_| None, wanted).unwrap()
    };
    let receiving = begin();
    assert_eq!(receiving.files().len(), 2);
    let [first, _] = receiving.files() else { panic!("{receiving:?}") };
    assert_eq!(bring(first, &sealed.model().read("blob.bin")).unwrap(), Arrival::Kept);
    assert_eq!(receiving.finish().unwrap_err().code(), "E-FILE-MISSING", "a part is whole or nothing, too");
    let receiving = begin();
    let mut wrong = sealed.model().read("config.json");
    wrong[0] ^= 1;
    let [first, second] = receiving.files() else { panic!("{receiving:?}") };
    bring(first, &sealed.model().read("blob.bin")).unwrap();
    assert_eq!(bring(second, &wrong).unwrap(), Arrival::Refused);
    assert_eq!(receiving.finish().unwrap_err().code(), "E-FILE-MISSING");
    let receiving = begin();
    for file in receiving.files() {
        bring(file, &sealed.model().read(file.entry().path.as_str())).unwrap();
    }
    let part = receiving.finish().unwrap();
    assert_eq!(part.manifest().len(), 2);
    assert!(part.claim().manifest().len() > 2);
    assert_eq!(part.report().part.unwrap().files, 2);
    assert!(part.report().checks.last().unwrap().detail.starts_with("a part, 2 of "));
    assert_eq!(*part.read("config.json").unwrap(), sealed.model().read("config.json"));
}

/// Where files cannot share their bytes, and where they must not, nothing happens.
#[test]
fn nothing_is_shared_over_what_was_proven_or_from_what_is_too_long() {
    let sealed = Seal::of(ModelDir::new().file("a.bin", noise(1, 3 << 20))).sign();
    let model = sealed.model();
    fs::write(model.beside("longer"), noise(1, (3 << 20) + 1)).unwrap();
    fs::write(model.beside("empty"), "").unwrap();
    let open = |name: &str| fs::File::open(model.beside(name)).unwrap();
    let into = tempfile::tempdir().unwrap();
    for leftovers in [Leftovers::Reuse, Leftovers::Refuse] {
        let _ = fs::remove_file(into.path().join("a.bin"));
        let receiving = begin(&sealed, sealed.bundle(), into.path(), Prove::Quickest, leftovers).unwrap();
        let file = &receiving.files()[0];
        for source in ["longer", "empty"] {
            assert_eq!(file.share(&open(source)).unwrap(), Sharing::Not, "{source}");
        }
        assert_eq!(file.share(&fs::File::open(into.path()).unwrap()).unwrap(), Sharing::Not, "a folder");
        assert!(!into.path().join("a.bin").exists(), "nothing was made");
        let content = model.read("a.bin");
        assert_eq!(file.put(0, group(file, &content, 0)).unwrap(), Arrival::Kept);
        assert_eq!(file.share(&fs::File::open(model.entry("a.bin")).unwrap()).unwrap(), Sharing::Not);
        for index in 1..3 {
            assert_eq!(file.put(index, group(file, &content, index)).unwrap(), Arrival::Kept);
        }
        receiving.finish().unwrap();
    }
}

//! Archives that lie, as layers of a signed model: each is refused with its own code, and nothing of it stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;

use lacre_attest::Limits;
use lacre_deliver::{Overwrite, examine};
use lacre_hash::NoProgress;
use lacre_manifest::{Links, Root};
use lacre_publish::{Signed, prepare_as};
use lacre_registry_client::{Layout, ModelArtifact, Store, WrittenFormat};
use lacre_testkit::{Archive, Foreign, ModelDir, Seal, Sealed, gzip, noise, record};

use stores::{assert_is_model, attach, blob, downloads, names, pull, tag, trusting, v1, wanted};

const TAR: &str = "application/vnd.cncf.model.weight.config.v1.tar";
const GZIP: &str = "application/vnd.cncf.model.weight.config.v1.tar+gzip";
const RAW: &str = "application/vnd.cncf.model.weight.v1.raw";
const FILEPATH: &str = "org.cncf.model.filepath";

/// The model of all cases: weights that are a layer, two files that are packed.
fn sealed() -> Sealed {
    Seal::of(ModelDir::new().file("model.gguf", "GGUF").file("a/config.json", "{}").file("b", "bb")).sign()
}

fn good() -> Archive {
    Archive::new().folder("a/").file("a/config.json", "{}").file("b", "bb")
}

fn weights() -> Foreign {
    Foreign::model_pack().annotated(RAW, "GGUF", &[(FILEPATH, "model.gguf")])
}

/// What pulling this artifact comes to, which carries the signature of `sealed`.
#[track_caller]
fn outcome_of(sealed: &Sealed, artifact: &Foreign) -> &'static str {
    let folder = sealed.model().beside("foreign");
    let _ = fs::remove_dir_all(&folder);
    artifact.write(&folder);
    let store = Layout::open(&folder).unwrap();
    attach(&store, &store.resolve(&v1()).unwrap(), sealed.bundle());
    match pull(sealed, &store) {
        Ok(_) => {
            assert_is_model(&wanted(sealed), sealed);
            fs::remove_dir_all(wanted(sealed)).unwrap();
            "accepted"
        }
        Err(error) => {
            assert!(names(&downloads(sealed)).is_empty(), "{error} left {:?}", names(&downloads(sealed)));
            error.code()
        }
    }
}

/// What the sample model comes to when this is its archive, plain and compressed alike.
#[track_caller]
fn outcome(archive: &[u8]) -> &'static str {
    let sealed = sealed();
    let plain = outcome_of(&sealed, &weights().layer(TAR, archive));
    let compressed = outcome_of(&sealed, &weights().layer(GZIP, gzip(archive)));
    assert_eq!(plain, compressed);
    plain
}

#[test]
fn only_the_signed_files_each_once() {
    assert_eq!(outcome(&good().finish()), "accepted");
    let one = || Archive::new().file("a/config.json", "{}");
    assert_eq!(outcome(&one().finish()), "E-ARTIFACT-MISMATCH", "b is missing");
    assert_eq!(outcome(&Archive::new().finish()), "E-ARTIFACT-MISMATCH", "nothing");
    assert_eq!(outcome(&good().file("c", "").finish()), "E-ARTIFACT-MISMATCH", "c is not signed");
    assert_eq!(outcome(&good().file("b", "bb").finish()), "E-DUPLICATE-NAME");
    assert_eq!(outcome(&good().file("model.gguf", "GGUF").finish()), "E-DUPLICATE-NAME", "it is a layer too");
    assert_eq!(
        outcome(&one().file("B", "bb").finish()),
        "E-ARTIFACT-MISMATCH",
        "another name on some systems"
    );
    assert_eq!(outcome(&one().file("b", "bbb").finish()), "E-ARTIFACT-MISMATCH", "larger than signed");
    assert_eq!(outcome(&one().file("b", "b").finish()), "E-ARTIFACT-MISMATCH", "smaller than signed");
    assert_eq!(outcome(&one().file("b", "bx").finish()), "E-FILE-CHANGED");
    assert_eq!(outcome(&good().file("model.sig", "x").finish()), "E-ARTIFACT-MISMATCH");
    // Twice, in two archives.
    let (sealed, b) = (sealed(), Archive::new().file("b", "bb").finish());
    let two = weights().layer(TAR, good().finish()).layer(GZIP, gzip(&b));
    assert_eq!(outcome_of(&sealed, &two), "E-DUPLICATE-NAME");
    let apart = weights().layer(TAR, one().finish()).layer(GZIP, gzip(&b));
    assert_eq!(outcome_of(&sealed, &apart), "accepted");
    // A layer that is another file than the signed one is found before anything is unpacked.
    let other = Foreign::model_pack().annotated(RAW, "GGUX", &[(FILEPATH, "model.gguf")]);
    assert_eq!(outcome_of(&sealed, &other.layer(TAR, good().finish())), "E-ARTIFACT-MISMATCH");
    let extra = weights().annotated(RAW, "x", &[(FILEPATH, "extra")]).layer(TAR, good().finish());
    assert_eq!(outcome_of(&sealed, &extra), "E-ARTIFACT-MISMATCH");
}

#[test]
fn names_stay_in_the_model() {
    for name in ["../b", "/b", "a/../b", "a//b", "./../b", "a\\b", "b/", ""] {
        assert_eq!(outcome(&good().file(name, "bb").finish()), "E-PATH", "{name:?}");
    }
    for name in ["../a/", "/a", "a/../.."] {
        assert_eq!(outcome(&good().folder(name).finish()), "E-PATH", "{name:?}");
    }
    for name in ["../b", "/b", "a\0b"] {
        let archive = good().records(&record("path", name)).file("b", "bb").finish();
        assert_eq!(outcome(&archive), "E-PATH", "{name:?}");
        if !name.contains('\0') {
            assert_eq!(outcome(&good().long_name(name).file("b", "bb").finish()), "E-PATH", "{name:?}");
        }
    }
    // An image has its files in one folder, and nothing elsewhere.
    let sealed = sealed();
    let image = |archive: Archive| {
        let layer = "application/vnd.oci.image.layer.v1.tar";
        outcome_of(&sealed, &Foreign::image().layer(layer, archive.finish()))
    };
    let models = || {
        let files = Archive::new().file("models/model.gguf", "GGUF").file("models/a/config.json", "{}");
        files.file("models/b", "bb")
    };
    assert_eq!(image(models()), "accepted");
    assert_eq!(image(models().file("etc/passwd", "x")), "E-PATH");
    assert_eq!(image(models().file("models/../etc/passwd", "x")), "E-PATH");
    assert_eq!(image(models().file("modelsb", "bb")), "E-PATH");
    assert_eq!(image(models().file("models/.wh.b", "")), "E-ARTIFACT-MISMATCH");
}

#[test]
fn only_files_and_folders() {
    // Hard link, symbolic link, devices, pipe, contiguous, holes, headers for everything, links with long targets.
    for kind in *b"123467SgKVZ" {
        let archive = good().special("a/x", kind).finish();
        assert_eq!(outcome(&archive), "E-ARCHIVE-MEMBER", "{}", char::from(kind));
        let instead = Archive::new().file("a/config.json", "{}").special("b", kind).finish();
        assert_eq!(outcome(&instead), "E-ARCHIVE-MEMBER", "{}", char::from(kind));
    }
    for records in [record("linkpath", "/etc/passwd"), record("GNU.sparse.major", "1")] {
        assert_eq!(outcome(&good().records(&records).file("c", "").finish()), "E-ARCHIVE", "{records}");
    }
    assert_eq!(outcome(&good().head("d/", b'5', 512).raw([0; 512]).finish()), "E-ARCHIVE", "with content");
}

#[test]
fn one_archive_from_its_first_byte_to_its_last() {
    let whole = good().finish();
    for at in [100, 511, 512, 700, 1200, 2048, whole.len() - 1024, whole.len() - 512, whole.len() - 1] {
        assert_eq!(outcome(&whole[..at]), "E-ARCHIVE", "cut off at {at}");
    }
    assert_eq!(outcome(b""), "E-ARCHIVE");
    assert_eq!(outcome(&good().finish().repeat(2)), "E-ARCHIVE", "a second one behind the first");
    assert_eq!(outcome(&[whole.as_slice(), b"x"].concat()), "E-ARCHIVE");
    assert_eq!(outcome(&[whole.as_slice(), &vec![0; 70_000]].concat()), "accepted", "padding");
    assert_eq!(outcome(&good().raw([0; 512]).file("c", "").finish()), "E-ARCHIVE", "one empty block");
    assert_eq!(outcome(&good().records(&record("path", "c")).finish()), "E-ARCHIVE", "a name and no file");
    let two_names = good().records(&record("path", "c")).long_name("d").file("e", "");
    assert_eq!(outcome(&two_names.finish()), "E-ARCHIVE");
    let mut checksum = whole.clone();
    checksum[150] ^= 1;
    assert_eq!(outcome(&checksum), "E-ARCHIVE");
    assert_eq!(outcome(&good().head("c", b'x', 70_000).finish()), "E-ARCHIVE", "endless records");
}

#[test]
fn what_is_compressed_is_one_stream_that_ends() {
    let sealed = sealed();
    let outcome = |bytes: Vec<u8>| outcome_of(&sealed, &weights().layer(GZIP, bytes));
    let whole = gzip(good().finish());
    assert_eq!(outcome(whole.clone()), "accepted");
    for at in [0, 1, 9, 30, whole.len() - 9, whole.len() - 1] {
        assert_eq!(outcome(whole[..at].to_vec()), "E-ARCHIVE", "cut off at {at}");
    }
    assert_eq!(outcome([whole.as_slice(), b"garbage"].concat()), "E-ARCHIVE");
    assert_eq!(outcome(good().finish()), "E-ARCHIVE", "not compressed at all");
    let mut wrong = whole.clone();
    let end = wrong.len() - 6;
    wrong[end] ^= 1;
    assert_eq!(outcome(wrong), "E-ARCHIVE", "another checksum");
    let zstd = weights().layer("application/vnd.cncf.model.weight.config.v1.tar+zstd", "x");
    assert_eq!(outcome_of(&sealed, &zstd), "E-UNSUPPORTED");
}

#[test]
fn a_bomb_is_cut_off_by_what_is_signed() {
    let sealed = sealed();
    let outcome = |archive: Vec<u8>| outcome_of(&sealed, &weights().layer(GZIP, gzip(archive)));
    let large = vec![0; 70 << 20];
    // A member above its signed size, padding without end, names without end.
    let member = Archive::new().file("a/config.json", "{}").file("b", &large).finish();
    assert_eq!(outcome(member), "E-ARTIFACT-MISMATCH");
    assert_eq!(outcome([good().finish(), large].concat()), "E-LIMIT");
    let folders = (0..140_000).fold(good(), |archive, _| archive.folder("a/"));
    assert_eq!(outcome(folders.finish()), "E-LIMIT");
}

#[test]
fn layers_of_the_wrong_kind() {
    let sealed = sealed();
    let tar = || good().finish();
    let ollama = "application/vnd.ollama.image.model";
    let docker = "application/vnd.docker.ai.gguf.v3";
    let kit = "application/vnd.kitops.modelkit.model.v1.tar";
    let image = "application/vnd.oci.image.layer.v1.tar";
    let cases = [
        (weights().layer("application/vnd.cncf.model.weight.v2.tar", tar()), "E-ARTIFACT"),
        (weights().layer(&format!("{TAR}+lz4"), tar()), "E-ARTIFACT"),
        (weights().layer(RAW, "x"), "E-ARTIFACT"),
        (Foreign::oras().layer("text/plain", "x"), "E-ARTIFACT"),
        (Foreign::oras().titled("../x", "x"), "E-PATH"),
        (Foreign::oras().titled("/x", "x"), "E-PATH"),
        (Foreign::oras().titled("x", "x").titled("x", "x"), "E-DUPLICATE-NAME"),
        (Foreign::oras().titled("x", "x").titled("X", "x"), "E-NAME-COLLISION"),
        (Foreign::oras().titled("model.sig", "x"), "E-ARTIFACT"),
        (Foreign::oras(), "E-ARTIFACT"),
        (Foreign::kitops().layer(kit, tar()).layer("text/plain", tar()), "E-ARTIFACT"),
        (Foreign::kitops().layer("application/vnd.kitops.modelkit.other.v1.tar", tar()), "E-ARTIFACT"),
        (Foreign::kitops().layer(&format!("{kit}+zstd"), tar()), "E-UNSUPPORTED"),
        (Foreign::docker().layer("application/vnd.docker.ai.other", "x"), "E-ARTIFACT"),
        (Foreign::docker().layer("application/vnd.docker.ai.dduf", "x"), "E-ARTIFACT"),
        (Foreign::docker().annotated(docker, "x", &[(FILEPATH, "../x")]), "E-PATH"),
        (
            Foreign::ollama().layer(ollama, "x").layer("application/vnd.ollama.image.tensor", "x"),
            "E-ARTIFACT",
        ),
        (Foreign::ollama().layer("text/plain", "x"), "E-ARTIFACT"),
        (
            Foreign::image().layer("application/vnd.oci.image.layer.nondistributable.v1.tar", "x"),
            "E-ARTIFACT",
        ),
        (Foreign::image().layer(&format!("{image}+zstd"), "x"), "E-UNSUPPORTED"),
        (Foreign::image().edit(|it| it["mediaType"] = "a/b".into()).layer(image, tar()), "E-ARTIFACT"),
        (
            Foreign::image().layer(image, tar()).edit(|it| it["layers"][0]["urls"] = vec!["x"].into()),
            "E-ARTIFACT",
        ),
        (
            Foreign::kitops().layer(kit, tar()).edit(|it| it["layers"][0]["data"] = "e30=".into()),
            "E-ARTIFACT",
        ),
    ];
    for (index, (artifact, wanted)) in cases.into_iter().enumerate() {
        assert_eq!(ModelArtifact::parse(&artifact.manifest()).unwrap_err().code(), wanted, "case {index}");
    }
    // What is attached to something else is no model.
    let attached = Foreign::oras().titled("x", "x").edit(|it| it["subject"] = it["config"].clone());
    assert_eq!(ModelArtifact::parse(&attached.manifest()).unwrap_err().code(), "E-ARTIFACT");
    // Without a signature nothing is pulled, whatever the format.
    let artifact = weights().layer(TAR, tar());
    let folder = sealed.model().beside("unsigned");
    artifact.write(&folder);
    let store = Layout::open(&folder).unwrap();
    assert_eq!(pull(&sealed, &store).unwrap_err().code(), "E-NO-SIGNATURE");
}

/// A large file of an image, with its archive in the store.
fn image() -> (Sealed, Layout) {
    let sealed = Seal::of(ModelDir::new().file("large.gguf", noise(1, 9_000_001)).file("b", "bb")).sign();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare_as(WrittenFormat::Image, &model, &Limits::default(), None, &NoProgress).unwrap();
    prepared.push(&store, Some(&tag("v1")), &NoProgress).unwrap();
    (sealed, store)
}

#[test]
fn altered_archives_of_an_image() {
    let (sealed, store) = image();
    let artifact = ModelArtifact::parse(&store.manifest(&store.resolve(&v1()).unwrap()).unwrap()).unwrap();
    let large = artifact.packs.iter().max_by_key(|pack| pack.descriptor.size).unwrap();
    let path = blob(&store, large.descriptor.digest);
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let code = pull(&sealed, &store).unwrap_err().code();
        assert!(names(&downloads(&sealed)).is_empty());
        code
    };
    let mut flipped = whole.clone();
    flipped[5_000_000] ^= 1;
    assert_eq!(refused(&flipped), "E-FILE-CHANGED");
    assert_eq!(refused(&whole[..whole.len() - 512]), "E-BLOB-DIGEST", "not of its size");
    fs::remove_file(&path).unwrap();
    assert_eq!(pull(&sealed, &store).unwrap_err().code(), "E-BLOB-MISSING");
    fs::write(&path, &whole).unwrap();
    pull(&sealed, &store).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
}

/// An older folder has something wrong in the place of a file: it comes from the archive then.
#[test]
fn what_stood_already_and_was_wrong_is_fetched_from_the_archive() {
    let (sealed, store) = image();
    let older = sealed.model().beside("older");
    fs::create_dir(&older).unwrap();
    fs::copy(sealed.signature_path(), older.join("model.sig")).unwrap();
    fs::write(older.join("large.gguf"), noise(3, 9_000_001)).unwrap();
    fs::write(older.join("b"), "bx").unwrap();
    let requirements = trusting(sealed.public_key());
    let offer = examine(&store, &v1(), &requirements, &Limits::default()).unwrap().reuse(older);
    let pulled = offer.pull(&wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
    assert_eq!(pulled.moved.fetched, 9_000_003);
    assert_is_model(&wanted(&sealed), &sealed);
}

//! Pulling: what arrives is what was signed, in one step, or nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Overwrite, examine, may_write};
use lacre_hash::{NoProgress, Progress, Sha256Digest};
use lacre_manifest::Links;
use lacre_registry_client::Target;
use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{Hold, Unverified};

use stores::{
    artifact, assert_is_model, attach, downloads, layer, names, pull, pull_with, push, pushed, trusting, v1,
    wanted,
};

fn pull_into(sealed: &Sealed, into: &Path, overwrite: Overwrite) -> Result<(), &'static str> {
    let (store, _) = pushed(sealed);
    pull_with(&store, &v1(), &trusting(sealed.public_key()), into, overwrite, &NoProgress)
        .map(drop)
        .map_err(|error| error.code())
}

#[test]
fn a_pulled_model_is_the_signed_one_with_its_signature() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    for target in [v1(), Target::Only, Target::Digest(pushed.manifest.digest)] {
        let into = wanted(&sealed);
        let requirements = trusting(sealed.public_key()).expect_name("org/mini-lm").expect_version("1.0.0");
        let pulled =
            pull_with(&store, &target, &requirements, &into, Overwrite::Refuse, &NoProgress).unwrap();
        assert_eq!(pulled.manifest.digest, pushed.manifest.digest);
        assert_is_model(&into, &sealed);
        assert_eq!(names(&downloads(&sealed)), ["model"]);
        assert_eq!(fs::metadata(&into).unwrap().permissions().mode() & 0o777, 0o755);
        // What was proven is what lies there now, and it verifies from the disk alone.
        assert_eq!(*pulled.model.read("blob.bin").unwrap(), noise(42, 100_000));
        let opened = Unverified::open(&into, None, Links::Refuse, &requirements).unwrap();
        let verified = opened.verify(&requirements, &Hold::Nothing, &NoProgress).unwrap();
        assert_eq!(verified.manifest(), pulled.model.manifest());
        fs::remove_dir_all(&into).unwrap();
    }
}

#[test]
fn an_offer_says_who_claims_what_before_a_byte_is_fetched() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    for name in ["blob.bin", "config.json"] {
        tamper::remove(&layer(&sealed, &store, name));
    }
    let requirements = trusting(sealed.public_key());
    let offer =
        examine(&store, &v1(), &requirements, &Limits::default()).map_err(|error| error.code()).unwrap();
    assert_eq!(offer.manifest().digest, pushed.manifest.digest);
    assert_eq!(offer.claim().claim().name(), "org/mini-lm");
    assert_eq!(offer.claim().signers()[0].key(), sealed.public_key().hint());
}

#[test]
fn a_thousand_files() {
    let sealed = Seal::of(ModelDir::many(1000, 64)).sign();
    let (store, _) = pushed(&sealed);
    assert_eq!(pull(&sealed, &store).unwrap().model.manifest().len(), 1000);
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn equal_files_and_empty_ones_arrive_under_each_name() {
    let bytes = noise(9, 10_000);
    let model =
        ModelDir::new().file("a.bin", &bytes).file("b/c.bin", &bytes).file("empty1", "").file("e/empty2", "");
    let sealed = Seal::of(model).sign();
    let (store, _) = pushed(&sealed);
    pull(&sealed, &store).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn a_file_of_several_pieces() {
    let sealed = Seal::of(ModelDir::new().file("large.bin", noise(1, (9 << 20) + 5))).sign();
    let (store, pushed) = pushed(&sealed);
    for target in [v1(), Target::Digest(pushed.manifest.digest)] {
        let into = wanted(&sealed);
        pull_with(&store, &target, &trusting(sealed.public_key()), &into, Overwrite::Replace, &NoProgress)
            .unwrap();
        assert_is_model(&into, &sealed);
    }
    assert_eq!(names(&downloads(&sealed)), ["model"]);
}

#[test]
fn a_model_that_is_one_file_arrives_in_a_folder() {
    let sealed = Seal::of(ModelDir::new().file("model.gguf", noise(3, 5000))).name("model.gguf").sign();
    let (store, _) = pushed(&sealed);
    pull(&sealed, &store).unwrap();
    assert_eq!(names(&wanted(&sealed)), ["model.gguf", "model.sig"]);
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn a_peers_signature_is_enough() {
    let sealed = Sealed::sample();
    let (store, pushed) = pushed(&sealed);
    let bundle = sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource.as_object_mut().unwrap().retain(|member, _| member != "size" && member != "blake3");
        }
        statement["subject"][0]["name"] = "by/a-peer".into();
    });
    attach(&store, &pushed.manifest, &bundle);
    let requirements = trusting(sealed.public_key()).expect_name("by/a-peer");
    let into = wanted(&sealed);
    pull_with(&store, &v1(), &requirements, &into, Overwrite::Refuse, &NoProgress).unwrap();
    assert_eq!(
        fs::read(into.join("model.sig")).unwrap(),
        bundle,
        "the signature that was accepted comes along"
    );
    fs::remove_dir_all(&into).unwrap();
    tamper::flip(&layer(&sealed, &store, "blob.bin"), 0);
    let error = pull_with(&store, &v1(), &requirements, &into, Overwrite::Refuse, &NoProgress).unwrap_err();
    assert_eq!(error.code(), "E-FILE-CHANGED");
}

#[test]
fn the_newest_release_comes_by_tag_and_an_older_one_by_digest() {
    let old = Sealed::sample();
    let (store, first) = pushed(&old);
    let new = Seal::of(ModelDir::sample().file("config.json", "{\"new\": 1}"))
        .version(Some("1.1.0"))
        .key(old.key())
        .sign();
    push(&new, &store);
    pull(&new, &store).unwrap();
    assert_is_model(&wanted(&new), &new);
    let requirements = trusting(old.public_key());
    let target = Target::Digest(first.manifest.digest);
    pull_with(&store, &target, &requirements, &wanted(&old), Overwrite::Refuse, &NoProgress).unwrap();
    assert_is_model(&wanted(&old), &old);
}

#[test]
fn a_destination_that_is_taken_is_left_alone() {
    let sealed = Sealed::sample();
    let into = wanted(&sealed);
    fs::create_dir(&into).unwrap();
    fs::write(into.join("mine"), "mine").unwrap();
    assert_eq!(pull_into(&sealed, &into, Overwrite::Refuse), Err("E-EXISTS"));
    assert_eq!(
        (names(&into), names(&downloads(&sealed))),
        (vec!["mine".to_owned()], vec!["model".to_owned()])
    );
    fs::remove_dir_all(&into).unwrap();
    fs::write(&into, "mine").unwrap();
    assert_eq!(pull_into(&sealed, &into, Overwrite::Refuse), Err("E-EXISTS"));
    assert_eq!(fs::read(&into).unwrap(), b"mine");
    fs::remove_file(&into).unwrap();
    for leads_to in ["nowhere", "."] {
        symlink(leads_to, &into).unwrap();
        assert_eq!(pull_into(&sealed, &into, Overwrite::Refuse), Err("E-EXISTS"), "{leads_to}");
        assert_eq!(fs::read_link(&into).unwrap(), Path::new(leads_to));
        fs::remove_file(&into).unwrap();
    }
    pull_into(&sealed, &into, Overwrite::Refuse).unwrap();
    assert_eq!(pull_into(&sealed, &into, Overwrite::Refuse), Err("E-EXISTS"), "a second time");
    assert_is_model(&into, &sealed);
}

#[test]
fn destinations_that_have_no_name() {
    let sealed = Sealed::sample();
    for into in ["", "/", ".", "..", "x/.."] {
        assert_eq!(pull_into(&sealed, Path::new(into), Overwrite::Refuse), Err("E-EXISTS"), "{into:?}");
        assert_eq!(
            may_write(Path::new(into), Overwrite::Replace).unwrap_err().code(),
            "E-EXISTS",
            "{into:?}"
        );
    }
}

#[test]
fn an_empty_destination_is_used() {
    let sealed = Sealed::sample();
    let into = wanted(&sealed);
    fs::create_dir(&into).unwrap();
    may_write(&into, Overwrite::Refuse).unwrap();
    pull_into(&sealed, &into, Overwrite::Refuse).unwrap();
    assert_is_model(&into, &sealed);
    assert_eq!(names(&downloads(&sealed)), ["model"]);
}

#[test]
fn folders_above_the_destination_are_made_where_they_can_be() {
    let sealed = Sealed::sample();
    let into = downloads(&sealed).join("a/b/model");
    pull_into(&sealed, &into, Overwrite::Refuse).unwrap();
    assert_is_model(&into, &sealed);
    assert_eq!(names(into.parent().unwrap()), ["model"]);
    fs::write(downloads(&sealed).join("file"), "").unwrap();
    for under_a_file in ["file/model", "file/a/model"] {
        let into = downloads(&sealed).join(under_a_file);
        assert_eq!(pull_into(&sealed, &into, Overwrite::Refuse), Err("E-OUTPUT"), "{under_a_file}");
    }
    pull_into(&sealed, &downloads(&sealed).join("slash/"), Overwrite::Refuse).unwrap();
    assert_is_model(&downloads(&sealed).join("slash"), &sealed);
}

#[test]
fn folders_that_were_made_for_a_refused_pull_go_with_it() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    tamper::flip(&layer(&sealed, &store, "blob.bin"), 0);
    let there = downloads(&sealed).join("there");
    fs::create_dir(&there).unwrap();
    let requirements = trusting(sealed.public_key());
    for into in ["a/b/model", "there/model", "there/a/model"] {
        let into = downloads(&sealed).join(into);
        let error =
            pull_with(&store, &v1(), &requirements, &into, Overwrite::Refuse, &NoProgress).unwrap_err();
        assert_eq!(error.code(), "E-FILE-CHANGED");
        assert_eq!((names(&downloads(&sealed)), names(&there)), (vec!["there".to_owned()], Vec::new()));
    }
}

#[test]
fn what_is_there_is_replaced_as_a_whole() {
    let sealed = Sealed::sample();
    let into = wanted(&sealed);
    fs::create_dir_all(into.join("deep/folder")).unwrap();
    fs::write(into.join("deep/folder/old"), "old").unwrap();
    pull_into(&sealed, &into, Overwrite::Replace).unwrap();
    assert_is_model(&into, &sealed);
    assert_eq!(names(&downloads(&sealed)), ["model"], "nothing of the old one stays");
    pull_into(&sealed, &into, Overwrite::Replace).unwrap();
    assert_is_model(&into, &sealed);
    fs::remove_dir_all(&into).unwrap();
    pull_into(&sealed, &into, Overwrite::Replace).unwrap();
    assert_is_model(&into, &sealed);
    fs::remove_dir_all(&into).unwrap();
    fs::write(&into, "a file").unwrap();
    pull_into(&sealed, &into, Overwrite::Replace).unwrap();
    assert_is_model(&into, &sealed);
    assert_eq!(names(&downloads(&sealed)), ["model"]);
}

#[test]
fn a_link_is_replaced_and_not_what_it_leads_to() {
    let sealed = Sealed::sample();
    let into = wanted(&sealed);
    let theirs = sealed.model().beside("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("file"), "theirs").unwrap();
    symlink(&theirs, &into).unwrap();
    pull_into(&sealed, &into, Overwrite::Replace).unwrap();
    assert!(!fs::symlink_metadata(&into).unwrap().is_symlink());
    assert_is_model(&into, &sealed);
    assert_eq!(fs::read(theirs.join("file")).unwrap(), b"theirs");
    assert_eq!(names(&downloads(&sealed)), ["model"]);
}

#[test]
fn a_refused_pull_replaces_nothing() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let into = wanted(&sealed);
    fs::create_dir(&into).unwrap();
    fs::write(into.join("old"), "old").unwrap();
    tamper::flip(&layer(&sealed, &store, "blob.bin"), 0);
    let requirements = trusting(sealed.public_key());
    let error = pull_with(&store, &v1(), &requirements, &into, Overwrite::Replace, &NoProgress).unwrap_err();
    assert_eq!(error.code(), "E-FILE-CHANGED");
    assert_eq!(
        (names(&into), names(&downloads(&sealed))),
        (vec!["old".to_owned()], vec!["model".to_owned()])
    );
}

#[test]
fn the_current_folder_and_the_home_are_never_replaced() {
    let here = std::env::current_dir().unwrap();
    for path in [here.as_path(), here.parent().unwrap()] {
        assert_eq!(may_write(path, Overwrite::Replace).unwrap_err().code(), "E-EXISTS", "{}", path.display());
    }
    if let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) {
        assert_eq!(may_write(&home, Overwrite::Replace).unwrap_err().code(), "E-EXISTS");
    }
    let folder = tempfile::tempdir().unwrap();
    symlink(&here, folder.path().join("link")).unwrap();
    assert_eq!(may_write(&folder.path().join("link"), Overwrite::Replace).unwrap_err().code(), "E-EXISTS");
    may_write(folder.path(), Overwrite::Replace).unwrap();
}

#[test]
fn a_pull_that_is_interrupted_before_it_began_leaves_nothing() {
    struct Never;
    impl Progress for Never {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let requirements = trusting(sealed.public_key());
    let error =
        pull_with(&store, &v1(), &requirements, &wanted(&sealed), Overwrite::Refuse, &Never).unwrap_err();
    assert_eq!(error.code(), "E-INTERRUPTED");
    assert!(names(&downloads(&sealed)).is_empty(), "{:?}", names(&downloads(&sealed)));
}

#[test]
fn nothing_is_visible_under_the_wanted_name_while_the_work_goes_on() {
    struct Look<'a>(&'a Path, AtomicBool);
    impl Progress for Look<'_> {
        fn advance(&self, _: u64) {
            assert!(fs::symlink_metadata(self.0).is_err());
            self.1.store(true, Ordering::Relaxed);
        }
    }
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let into = wanted(&sealed);
    let look = Look(&into, AtomicBool::new(false));
    pull_with(&store, &v1(), &trusting(sealed.public_key()), &into, Overwrite::Refuse, &look).unwrap();
    assert!(look.1.into_inner());
}

#[test]
fn several_pulls_into_several_folders() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let folder = downloads(&sealed);
    let requirements = trusting(sealed.public_key());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (store, requirements, into) = (&store, &requirements, folder.join(format!("model{number}")));
            scope.spawn(move || {
                pull_with(store, &v1(), requirements, &into, Overwrite::Refuse, &NoProgress).unwrap();
            });
        }
    });
    assert_eq!(names(&folder), ["model0", "model1", "model2", "model3"]);
    for name in names(&folder) {
        assert_is_model(&folder.join(name), &sealed);
    }
}

/// Waits for the other pull at the first file, so that both have begun before either ends.
struct Together<'a>(&'a Barrier, AtomicBool);

impl Progress for Together<'_> {
    fn file(&self, _: &str) {
        if !self.1.swap(true, Ordering::Relaxed) {
            self.0.wait();
        }
    }
}

#[test]
fn of_two_pulls_into_one_folder_one_wins() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let requirements = trusting(sealed.public_key());
    let race = |overwrite| {
        let both = Barrier::new(2);
        let run = || {
            let progress = Together(&both, AtomicBool::new(false));
            pull_with(&store, &v1(), &requirements, &wanted(&sealed), overwrite, &progress)
                .map(drop)
                .map_err(|error| error.code())
        };
        let outcomes =
            std::thread::scope(|scope| [scope.spawn(run), scope.spawn(run)].map(|pull| pull.join().unwrap()));
        assert_is_model(&wanted(&sealed), &sealed);
        assert_eq!(names(&downloads(&sealed)), ["model"]);
        outcomes
    };
    let mut refused = race(Overwrite::Refuse);
    refused.sort_unstable();
    assert_eq!(refused, [Ok(()), Err("E-EXISTS")]);
    assert_eq!(race(Overwrite::Replace), [Ok(()), Ok(())], "the last one stays");
}

#[test]
fn pinned_by_digest_both_digests_count() {
    let sealed = Sealed::sample();
    let (honest, other) = (noise(42, 100_000), noise(77, 100_000));
    let bundle = sealed.restated(|statement| {
        let resources = statement["predicate"]["resources"].as_array_mut().unwrap();
        assert_eq!(resources[0]["name"], "blob.bin");
        resources[0]["blake3"] = lacre_hash::Blake3Digest::of(&other).to_string().into();
    });
    let store = lacre_registry_client::Layout::create(&sealed.model().beside("store")).unwrap();
    let manifest = artifact(&store, &stores::files(&sealed));
    attach(&store, &manifest, &bundle);
    let pinned = Target::Digest(manifest.digest);
    let pull = |target: &Target| {
        let requirements = trusting(sealed.public_key());
        let outcome =
            pull_with(&store, target, &requirements, &wanted(&sealed), Overwrite::Refuse, &NoProgress);
        let code = outcome.as_ref().map_or_else(DeliverError::code, |_| "accepted");
        if outcome.is_ok() {
            fs::remove_dir_all(wanted(&sealed)).unwrap();
        }
        assert!(names(&downloads(&sealed)).is_empty());
        code
    };
    assert_eq!(
        (pull(&v1()), pull(&pinned)),
        ("E-FILE-CHANGED", "E-FILE-CHANGED"),
        "the content of the SHA-256"
    );
    // A store that serves the other content under the first one's name.
    fs::write(stores::blob(&store, Sha256Digest::of(&honest)), &other).unwrap();
    assert_eq!(
        pull(&pinned),
        "E-FILE-CHANGED",
        "who pins a SHA-256 gets the content of that SHA-256, or none"
    );
    assert_eq!(pull(&v1()), "accepted", "BLAKE3 alone says what was signed");
}

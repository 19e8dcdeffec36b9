//! Loading beside another process that writes to the model: what is given out is what was signed, or it is an error.
//!
//! Every way of loading gets an attacker of its own, which is this program, started anew. It overwrites, cuts, extends,
//! replaces and re-links the files, and puts them right again, for as long as it is let. Each way must meet both ends: loads
//! that succeed, with exactly the signed bytes, and loads that are refused, with a code that says what became of the file.
//!
//! `LACRE_ATTACKS` is how many attacks each way has to stand at least, `LACRE_ATTACKS_SEED` makes others of them:
//! `cargo xtask soak load` sets both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod attacker;
mod scene;

use std::fs;

use lacre_verify::{
    ChunkStore, EntryPath, Hold, Links, LoadOptions, Model, NoProgress, ProvenFile, Requirements, SealedFile,
    SealedFiles, Unverified, Verified, VerifyError,
};

use scene::{FILES, Loaded, Scene};

/// Loads of each way in every run of the tests: with eight ways they are a thousand.
const LOADS: u64 = 125;

fn open(scene: &Scene, hold: &Hold) -> Result<Verified<Model>, VerifyError> {
    let requirements = scene.requirements();
    let opened = Unverified::open(&scene.path(), None, Links::Refuse, &requirements);
    let verified = opened.and_then(|model| model.verify(&requirements, hold, &NoProgress));
    verified.map_err(|failure| failure.error)
}

/// All bytes of a file, taken as a reader of tensors takes them: in ranges.
fn ranges(file: &dyn ProvenFile) -> Result<Vec<u8>, VerifyError> {
    const STEP: u64 = 777_777;
    let mut bytes = Vec::new();
    for start in (0..file.size()).step_by(777_777) {
        bytes.extend_from_slice(&file.bytes(start..file.size().min(start + STEP))?);
    }
    Ok(bytes)
}

#[test]
fn copy() {
    let scene = Scene::new();
    let model = open(&scene, &Hold::Nothing).unwrap();
    scene.under_attack(LOADS, |turn| {
        let name = FILES[turn % FILES.len()];
        let bytes = model.copy(name, &LoadOptions::new())?;
        Ok(vec![Loaded::new(name, Box::new(move || bytes.to_vec()))])
    });
}

#[test]
fn held_since_verification() {
    let scene = Scene::new();
    scene.under_attack(LOADS, |_| {
        let model = open(&scene, &Hold::Everything)?;
        let load = |name: &&'static str| {
            let bytes = model.read(name)?;
            Ok(Loaded::new(name, Box::new(move || bytes.to_vec())))
        };
        FILES.iter().map(load).collect()
    });
}

#[test]
fn sealed() {
    let scene = Scene::new();
    let model = open(&scene, &Hold::Nothing).unwrap();
    scene.under_attack(LOADS, |turn| {
        let name = FILES[turn % FILES.len()];
        let sealed = model.sealed(name, &LoadOptions::new())?;
        let by_path = fs::read(sealed.path()).unwrap();
        let loaded =
            Loaded::new(name, Box::new(move || sealed.bytes(0..sealed.size()).unwrap().into_owned()));
        Ok(vec![Loaded::new(name, Box::new(move || by_path.clone())), loaded])
    });
}

#[test]
fn all_sealed() {
    let scene = Scene::new();
    let model = open(&scene, &Hold::Nothing).unwrap();
    scene.under_attack(LOADS, |_| {
        let all = model.seal_all(&LoadOptions::new())?;
        Ok(by_path(all))
    });
}

/// Sealed files as a loader reads them that insists on paths.
fn by_path(all: SealedFiles) -> Vec<Loaded> {
    assert_eq!(all.len(), FILES.len());
    let load = |(path, sealed): (EntryPath, SealedFile)| {
        let name = FILES.into_iter().find(|name| *name == path.as_str()).unwrap();
        Loaded::new(name, Box::new(move || fs::read(sealed.path()).unwrap()))
    };
    all.into_iter().map(load).collect()
}

#[test]
fn sealed_from_the_claim_alone() {
    let scene = Scene::new();
    let requirements = scene.requirements();
    scene.under_attack(LOADS, |_| {
        let sealed = Unverified::open(&scene.path(), None, Links::Refuse, &requirements)
            .and_then(|model| model.verify_lazily(&requirements, None, &LoadOptions::new()))
            .and_then(|model| model.seal(&LoadOptions::new()));
        let (_, all) = sealed.map_err(|failure| failure.error)?;
        Ok(by_path(all))
    });
}

#[test]
fn lazy() {
    let scene = Scene::new();
    let model = open(&scene, &Hold::Nothing).unwrap();
    scene.under_attack(LOADS, |turn| {
        let name = FILES[turn % FILES.len()];
        let file = model.lazy(name, &LoadOptions::new())?;
        ranges(&file)?;
        // What was touched stays, though the file is read no more.
        Ok(vec![Loaded::new(name, Box::new(move || ranges(&file).unwrap()))])
    });
}

#[test]
fn lazily_from_the_claim_alone() {
    let scene = Scene::new();
    let requirements: Requirements = scene.requirements();
    let store = scene.beside("lists");
    scene.under_attack(LOADS, |turn| {
        // Sometimes there are lists, sometimes they must be made beside the attacker.
        let store = (turn % 3 > 0).then(|| ChunkStore::at(store.clone()));
        let opened = Unverified::open(&scene.path(), None, Links::Refuse, &requirements);
        let model = opened
            .and_then(|model| model.verify_lazily(&requirements, store, &LoadOptions::new()))
            .map_err(|failure| failure.error)?;
        let name = FILES[turn % FILES.len()];
        let file = model.file(name)?;
        ranges(&file)?;
        Ok(vec![Loaded::new(name, Box::new(move || ranges(&file).unwrap()))])
    });
}

#[test]
fn snapshot() {
    let scene = Scene::new();
    let model = open(&scene, &Hold::Nothing).unwrap();
    scene.under_attack(LOADS, |turn| {
        let folder = scene.beside(&format!("snapshot-{turn}"));
        let made = model.snapshot(&folder, &LoadOptions::new());
        if let Err(error) = made {
            assert!(!folder.exists(), "nothing is left of what was refused");
            return Err(error);
        }
        let snapshot = made?;
        let held = FILES.map(|name| {
            let bytes = fs::read(snapshot.path().join(name)).unwrap();
            Loaded::new(name, Box::new(move || bytes.clone()))
        });
        Ok(held.into())
    });
}

/// The way that promises nothing is found out by the same test: it is one that can fail.
#[test]
fn a_plain_path_gives_what_the_attacker_put_there() {
    let scene = Scene::new();
    let model = open(&scene, &Hold::Nothing).unwrap();
    let attacker = scene.attacker();
    let original = scene.original("weights.bin");
    let path = model.path_unpinned_danger("weights.bin").unwrap();
    let hostile = |_: &u64| fs::read(&path).is_ok_and(|bytes| bytes != original);
    // It ends at the first wrong byte; that there is none in so many reads would be a way that is safe after all.
    assert!((0..1_000_000).any(|turn| hostile(&turn)), "no wrong byte through a plain path");
    attacker.stop();
}

//! Makes `testdata/`: run by hand, when an attack is added.
//!
//! ```text
//! cargo nextest run -p lacre --test bad_input --run-ignored only write_testdata
//! ```
//!
//! The keys in `testdata/keys` are committed, and signatures follow from key and message, so the same bytes come out
//! every time.

mod bundles;
mod on_disk;
mod signers;
mod statements;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use lacre_sign::{FileKey, read_private_key};
use lacre_testkit::{Forge, ModelDir, Seal, Sealed, edit_bundle, noise};
use serde_json::{Value, json};

use crate::attacks::testdata;

/// One attack: what it is called and why it must fail, and what makes it.
struct Attack {
    name: &'static str,
    why: &'static str,
    exit: i32,
    code: &'static str,
    args: &'static [&'static str],
    make: fn(&Kit) -> Made,
}

/// A model, and the bundle beside it.
struct Made {
    model: ModelDir,
    bundle: Vec<u8>,
}

/// The two keys: the one that is trusted, and a stranger's.
struct Kit {
    release: Arc<FileKey>,
    stranger: Arc<FileKey>,
}

impl Kit {
    fn open() -> Self {
        let open = |name: &str| {
            let path = testdata().join("keys").join(name);
            Arc::new(read_private_key(&path, &mut || Ok(None)).unwrap().key)
        };
        Self { release: open("release.key"), stranger: open("stranger.key") }
    }

    fn model() -> ModelDir {
        ModelDir::new()
            .file("config.json", "{\"hidden\": 8}\n")
            .file("tokenizer/vocab.txt", "one\ntwo\n")
            .file("weights/a.bin", noise(1, 64))
            .file("weights/b.bin", noise(2, 64))
    }

    fn seal(&self) -> Seal {
        Seal::of(Self::model()).key(&self.release)
    }

    fn sealed(&self) -> Sealed {
        self.seal().sign()
    }

    /// The good model with a bundle that the sealed one gives rise to.
    fn with(&self, bundle: impl FnOnce(&Sealed) -> Vec<u8>) -> Made {
        let sealed = self.sealed();
        Made { bundle: bundle(&sealed), model: Self::model() }
    }

    /// The good bundle over a model that was interfered with.
    fn after(&self, interfere: impl FnOnce(&ModelDir)) -> Made {
        let made = self.with(|sealed| sealed.bundle().to_vec());
        interfere(&made.model);
        made
    }

    /// The trusted key signed another statement, sound but for what `edit` does.
    fn restated(&self, edit: impl FnOnce(&mut Value)) -> Made {
        self.with(|sealed| sealed.restated(edit))
    }

    fn resigned(&self, edit: impl FnOnce(&mut Value)) -> Made {
        self.with(|sealed| sealed.resigned(edit))
    }

    /// The trusted key signed this text.
    fn signed_text(&self, edit: impl FnOnce(String) -> String) -> Made {
        self.with(|sealed| Forge::new(edit(sealed.statement().to_string()), &self.release).to_json())
    }

    /// The bundle was edited after it was signed.
    fn edited(&self, edit: impl FnOnce(&mut Value)) -> Made {
        self.with(|sealed| edit_bundle(sealed.bundle(), edit))
    }
}

fn resources(statement: &mut Value) -> &mut Vec<Value> {
    statement["predicate"]["resources"].as_array_mut().unwrap()
}

fn rename_first(statement: &mut Value, name: &str) {
    resources(statement)[0]["name"] = name.into();
    resources(statement).sort_by(|a, b| a["name"].as_str().unwrap().cmp(b["name"].as_str().unwrap()));
}

fn payload(sealed: &Sealed) -> Vec<u8> {
    serde_json::to_vec(&sealed.statement()).unwrap()
}

const NO_ARGS: &[&str] = &[];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
        } else if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn write(folder: &Path, made: &Made, kit: &Kit, expected: &Value) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    copy(&made.model.path(), &folder.join("model"));
    fs::write(folder.join("bundle.json"), &made.bundle).unwrap();
    fs::write(folder.join("key.pub"), kit.release.public_key().to_pem()).unwrap();
    fs::write(folder.join("expected.json"), format!("{expected:#}\n")).unwrap();
}

#[test]
#[ignore = "writes into the checkout: run it when an attack is added"]
fn write_testdata() {
    let kit = Kit::open();
    let good = kit.after(|_| ());
    let expected = json!({"args": NO_ARGS, "code": null, "exit": 0, "why": "what the attacks attack"});
    write(&testdata().join("good"), &good, &kit, &expected);
    let attacks = [on_disk::ON_DISK, signers::SIGNERS, bundles::BUNDLES, statements::STATEMENTS];
    for attack in attacks.into_iter().flatten() {
        let Attack { name, why, exit, code, args, make } = attack;
        let expected = json!({"args": args, "code": code, "exit": exit, "why": why});
        write(&testdata().join("attacks").join(name), &make(&kit), &kit, &expected);
    }
}

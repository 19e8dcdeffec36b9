//! `cargo xtask demo`: the main job on a real model, and four attacks on it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{self, Cache};
use crate::failure::{Context, Failure, Outcome};
use crate::model::{self, TENSOR, WEIGHTS};
use crate::process::{Finished, Program};
use crate::{bench, python, say};

/// What stays when the demo is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Nothing,
    Folder,
}

const CONTENT_DIFFERS: i32 = 1;

/// Walks the main job.
pub(crate) fn run(leave: Leave) -> Outcome {
    let cache = Cache::open()?;
    let checkout = cache::checkout()?;
    let programs = Programs::build(&checkout)?;
    let model = model::obtain(&cache)?;
    let folder = Folder::make(&cache, leave)?;
    let about = copy(&model.folder, &folder.path.join("mini-lm"))?;
    say::out(format!("The model: {}, {} files, {:.1} MB.", model.origin, about.files, about.megabytes()));

    let mut walk =
        Walk { folder: &folder.path, name: model.name, programs, checkout: &checkout, done: Vec::new() };
    walk.main_job()?;
    walk.flipped_byte()?;
    walk.planted_file()?;
    walk.swapped_file()?;

    say::out(format!("\nAll as expected, on {}:", model.origin));
    for step in &walk.done {
        say::out(format!("  ok  {step}"));
    }
    Ok(())
}

/// The programs that are shown.
struct Programs {
    lacre: PathBuf,
    examples: PathBuf,
}

impl Programs {
    fn build(checkout: &Path) -> Outcome<Self> {
        let lacre = bench::build(checkout)?;
        let folder = cache::build_folder()?;
        say::note("building the examples (release)");
        Program::cargo()
            .dir(checkout)
            .env("CARGO_TARGET_DIR", &folder)
            .args(["build", "--quiet", "--release", "--locked", "--package", "lacre-verify", "--examples"])
            .run()?;
        Ok(Self { lacre, examples: folder.join("release/examples") })
    }
}

/// The folder of one demo; gone when it is over, unless it is to stay.
struct Folder {
    path: PathBuf,
    leave: Leave,
}

impl Folder {
    fn make(cache: &Cache, leave: Leave) -> Outcome<Self> {
        let path = cache.folder("demo")?.join(std::process::id().to_string());
        cache::empty(&path)?;
        Ok(Self { path, leave })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        match self.leave {
            Leave::Folder => say::note(format!("the demo's folder stays: {}", self.path.display())),
            Leave::Nothing => {
                if let Err(failure) = cache::remove(&self.path) {
                    say::note(failure);
                }
            }
        }
    }
}

struct Walk<'a> {
    folder: &'a Path,
    /// The name that the model is signed by.
    name: &'a str,
    checkout: &'a Path,
    programs: Programs,
    done: Vec<String>,
}

impl Walk<'_> {
    fn main_job(&mut self) -> Outcome {
        self.step("a key pair is made");
        self.lacre(&["key", "new", "release", "--no-passphrase"], 0)?;

        self.step("the model is signed");
        self.lacre(
            &["sign", "mini-lm", "--key", "release.key", "--name", self.name, "--version", "1.0.0"],
            0,
        )?;

        self.step("the signature and the content verify");
        let told =
            self.lacre(&["verify", "mini-lm", "--key", "release.pub", "--expect-name", self.name], 0)?;
        says(&told.stdout, self.name)?;

        self.step("the claim can be read, and is marked as unverified");
        let told = self.lacre(&["inspect", "mini-lm"], 0)?;
        says(&told.stdout, "UNVERIFIED")?;

        self.step("model and signature are pushed into an OCI image layout");
        self.lacre(&["push", "mini-lm", "oci:store:mini-lm-v1"], 0)?;

        self.step("they are pulled, signature first");
        self.lacre(&["pull", "oci:store:mini-lm-v1", "pulled", "--key", "release.pub"], 0)?;
        self.same_bytes("mini-lm/model.sig", "pulled/model.sig")?;
        self.lacre(&["diff", "mini-lm", "pulled"], 0)?;

        self.step("a program verifies the pulled model and loads a tensor of it");
        let told = self.example("load_tensor", &["pulled", "release.pub", WEIGHTS, TENSOR])?;
        self.second_opinion(&told.stdout)
    }

    fn flipped_byte(&mut self) -> Outcome {
        self.step("one flipped byte is refused");
        copy(&self.folder.join("pulled"), &self.folder.join("copy"))?;
        self.flip()?;
        self.refused("copy", "E-FILE-CHANGED")?;
        self.flip()?;
        self.lacre(&["verify", "copy", "--key", "release.pub"], 0).map(drop)
    }

    fn planted_file(&mut self) -> Outcome {
        self.step("a planted file is refused");
        let planted = self.folder.join("copy/modeling_minilm.py");
        say::out("# a file is planted: copy/modeling_minilm.py");
        fs::write(&planted, "import os\n").during(|| format!("cannot write {}", planted.display()))?;
        self.refused("copy", "E-FILE-EXTRA")?;
        fs::remove_file(&planted).during(|| format!("cannot remove {}", planted.display()))?;
        say::out("# it is removed");
        self.lacre(&["verify", "copy", "--key", "release.pub"], 0).map(drop)
    }

    fn swapped_file(&mut self) -> Outcome {
        self.step("a file swapped and overwritten after verification changes nothing that was verified");
        let told = self.example("swap_after_verify", &["copy", "release.pub", WEIGHTS, TENSOR])?;
        self.second_opinion(&told.stdout)?;
        say::out("# what is on the disk now is refused");
        self.refused("copy", "E-FILE-CHANGED")
    }

    /// Begins a step.
    fn step(&mut self, title: &str) {
        self.done.push(title.to_owned());
        say::out(format!("\n== {}. {title}", self.done.len()));
    }

    /// Shows and runs `lacre`, and insists on its exit code.
    fn lacre(&self, arguments: &[&str], exit: i32) -> Outcome<Finished> {
        self.shown("lacre", &self.programs.lacre, arguments, exit)
    }

    fn example(&self, name: &str, arguments: &[&str]) -> Outcome<Finished> {
        self.shown(name, &self.programs.examples.join(name), arguments, 0)
    }

    /// `folder` does not verify, and `code` says why.
    fn refused(&self, folder: &str, code: &str) -> Outcome {
        let told = self.lacre(&["verify", folder, "--key", "release.pub"], CONTENT_DIFFERS)?;
        says(&told.stderr, code)
    }

    fn shown(&self, name: &str, program: &Path, arguments: &[&str], exit: i32) -> Outcome<Finished> {
        say::out(format!("$ {}", Program::new(name).args(arguments).line()));
        let finished = Program::new(program).dir(self.folder).args(arguments).finish()?;
        for line in finished.stdout.lines().chain(finished.stderr.lines()) {
            say::out(format!("  {line}"));
        }
        let met = finished.status.code();
        if met == Some(exit) {
            if exit != 0 {
                say::out(format!("  (exit {exit}, as it must be)"));
            }
            return Ok(finished);
        }
        Err(Failure::new(format!("expected exit {exit} of `{name}`, and met {}", finished.status)))
    }

    fn same_bytes(&self, one: &str, other: &str) -> Outcome {
        let read = |name: &str| {
            let path = self.folder.join(name);
            fs::read(&path).during(|| format!("cannot read {}", path.display()))
        };
        say::out(format!("$ cmp {one} {other}"));
        if read(one)? == read(other)? {
            Ok(())
        } else {
            Err(Failure::new(format!("{one} and {other} differ")))
        }
    }

    /// Flips the lowest bit of the byte in the middle of the copy's weights.
    fn flip(&self) -> Outcome {
        let path = self.folder.join("copy").join(WEIGHTS);
        let mut bytes = fs::read(&path).during(|| format!("cannot read {}", path.display()))?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            say::out(format!("# copy/{WEIGHTS}, byte {middle}: {byte:#04x} becomes {:#04x}", *byte ^ 1));
            *byte ^= 1;
        }
        fs::write(&path, bytes).during(|| format!("cannot write {}", path.display()))
    }

    /// Another reader of the same file must give the shape and the norm that the example printed.
    fn second_opinion(&self, printed: &str) -> Outcome {
        let script = self.checkout.join("xtask/python/tensor.py");
        let weights = self.folder.join("mini-lm").join(WEIGHTS);
        let arguments: [&OsStr; 3] = [script.as_os_str(), weights.as_os_str(), OsStr::new(TENSOR)];
        let told = python::interpreter().args(arguments).read()?;
        let mut wanted = numbers(&told);
        let Some(norm) = wanted.pop() else {
            return Err(Failure::new(format!("the second reader said: {told}")));
        };
        let met = numbers(printed);
        let has = |number: f64| met.iter().any(|other| (other - number).abs() <= number.abs() * 1e-4);
        if has(norm) && wanted.into_iter().all(has) {
            say::out(format!("# a second reader, on the original file, agrees: norm {norm:.4}"));
            return Ok(());
        }
        Err(Failure::new(format!("the second reader says `{}`", told.trim().replace('\n', ", "))))
    }
}

/// Every number in a text.
fn numbers(text: &str) -> Vec<f64> {
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .filter_map(|word| word.trim_end_matches('.').parse().ok())
        .collect()
}

fn says(text: &str, word: &str) -> Outcome {
    if text.contains(word) {
        Ok(())
    } else {
        Err(Failure::new(format!("expected the word {word} in its output")))
    }
}

/// How much was copied.
#[derive(Default)]
struct Extent {
    files: u64,
    bytes: u64,
}

impl Extent {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}

/// Copies a folder of plain files and folders.
fn copy(from: &Path, to: &Path) -> Outcome<Extent> {
    let read = || format!("cannot read {}", from.display());
    fs::create_dir_all(to).during(|| format!("cannot make {}", to.display()))?;
    let mut all = Extent::default();
    for entry in fs::read_dir(from).during(read)? {
        let entry = entry.during(read)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().during(read)?.is_dir() {
            let inner = copy(&source, &target)?;
            all.files += inner.files;
            all.bytes += inner.bytes;
        } else {
            all.bytes +=
                fs::copy(&source, &target).during(|| format!("cannot write {}", target.display()))?;
            all.files += 1;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_among_words() {
        assert_eq!(numbers("shape [512, 384]: L2 norm 12.5."), [512.0, 384.0, 2.0, 12.5]);
        assert!(numbers("none.").is_empty());
    }

    #[test]
    fn a_copy_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("inner")).unwrap();
        fs::write(from.join("a"), "one").unwrap();
        fs::write(from.join("inner/b"), "four").unwrap();
        let all = copy(&from, &folder.path().join("to")).unwrap();
        assert_eq!((all.files, all.bytes), (2, 7));
        assert_eq!(fs::read(folder.path().join("to/inner/b")).unwrap(), b"four");
    }
}

//! Copies, sealed descriptors, snapshots and plain paths of a verified model, and what each of them refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use lacre_testkit::{ModelDir, Seal, Sealed, noise, tamper};
use lacre_verify::{
    Hold, Links, LoadOptions, MemoryLimit, NoProgress, Prove, ProvenFile, SealedFile, Unverified, VerifyError,
};

use verifying::{trusting, verify, verify_with};

const MIB: usize = 1 << 20;
const SIZES: [usize; 8] = [0, 1, 4095, 4096, 4097, MIB - 1, MIB, 2 * MIB + 1];

#[track_caller]
fn refused(outcome: Result<impl Sized, VerifyError>) -> &'static str {
    match outcome {
        Ok(_) => panic!("accepted"),
        Err(error) => error.code(),
    }
}

/// A model with a file of each size.
fn of_sizes() -> Sealed {
    let files = SIZES.iter().map(|&size| (format!("{size}.bin"), noise(size as u64, size)));
    Seal::of(files.fold(ModelDir::new(), |model, (name, bytes)| model.file(&name, bytes))).sign()
}

#[test]
fn every_way_gives_the_signed_bytes_of_any_size_by_any_digest() {
    let sealed = of_sizes();
    for prove in [Prove::Quickest, Prove::Sha256, Prove::Both] {
        for hold in [Hold::Nothing, Hold::Everything] {
            for threads in [1, 3] {
                let options = LoadOptions::new().threads(NonZeroUsize::new(threads).unwrap());
                let requirements = trusting(sealed.public_key()).prove(prove);
                let model = verify_with(&sealed, &requirements, &hold, &NoProgress).unwrap();
                let all = model.seal_all(&options).unwrap();
                let folder = sealed.model().beside("snapshot");
                let snapshot = model.snapshot(&folder, &options).unwrap();
                for size in SIZES {
                    let (name, expected) = (format!("{size}.bin"), noise(size as u64, size));
                    let what = format!("{name} {prove:?} {hold:?} {threads}");
                    let copy = model.copy(&name, &options).unwrap();
                    assert!(*copy == *expected, "{what}");
                    assert!(*copy.bytes(0..size as u64).unwrap() == *expected, "{what}");
                    let one = model.sealed(&name, &options).unwrap();
                    assert!(*one.bytes(0..size as u64).unwrap() == *expected, "{what}");
                    let all = &all[&verifying::path(&name)];
                    assert_eq!(all.size(), size as u64);
                    assert!(fs::read(all.path()).unwrap() == expected, "{what}");
                    assert!(fs::read(snapshot.path().join(&name)).unwrap() == expected, "{what}");
                    let path = model.path_unpinned_danger(&name).unwrap();
                    assert!(fs::read(path).unwrap() == expected, "{what}");
                    for range in [0..size as u64 + 1, u64::MAX..u64::MAX] {
                        assert_eq!(refused(copy.bytes(range.clone())), "E-RANGE");
                        assert_eq!(refused(one.bytes(range)), "E-RANGE");
                    }
                }
            }
        }
    }
}

#[test]
fn what_would_not_fit_is_refused_before_it_is_read() {
    let sealed = of_sizes();
    let model = verify(&sealed).unwrap();
    let total: usize = SIZES.iter().sum();
    let limited = |bytes: usize| LoadOptions::new().memory_limit(MemoryLimit::bytes(bytes as u64));
    // Were it opened, it would be another error.
    tamper::truncate(&sealed.model().entry("4097.bin"), 1);
    let error = model.copy("4097.bin", &limited(4096)).unwrap_err();
    assert_eq!(error.to_string(), "it would take 4097 bytes of memory, and the limit is 4096");
    assert_eq!(error.code(), "E-MEMORY-LIMIT");
    assert_eq!(refused(model.sealed("4097.bin", &limited(4096))), "E-MEMORY-LIMIT");
    assert_eq!(refused(model.copy("4097.bin", &limited(4097))), "E-FILE-SIZE");
    assert_eq!(refused(model.sealed("4097.bin", &limited(4097))), "E-FILE-SIZE");
    assert_eq!(refused(model.seal_all(&limited(total - 1))), "E-MEMORY-LIMIT");
    assert_eq!(refused(model.seal_all(&limited(total))), "E-FILE-SIZE");
    assert_eq!(model.copy("4096.bin", &limited(4096)).unwrap().len(), 4096);
}

#[test]
fn a_file_that_is_not_as_signed_is_given_out_in_no_way() {
    for (meddle, expected) in [
        ((|file| tamper::flip(file, 9)) as fn(&Path), "E-FILE-CHANGED"),
        (|file| tamper::truncate(file, 1), "E-FILE-SIZE"),
        (|file| tamper::grow(file, b"x"), "E-FILE-SIZE"),
        (tamper::remove, "E-NOT-FOUND"),
        (tamper::replace_by_fifo, "E-INPUT-TYPE"),
        (|file| tamper::replace_by_link(file, "1.bin"), "E-INPUT-TYPE"),
    ] {
        let sealed = of_sizes();
        let model = verify(&sealed).unwrap();
        let options = LoadOptions::new();
        for name in ["4097.bin", "2097153.bin"] {
            meddle(&sealed.model().entry(name));
            assert_eq!(refused(model.copy(name, &options)), expected, "{name}");
            assert_eq!(refused(model.sealed(name, &options)), expected, "{name}");
            assert_eq!(refused(model.seal_all(&options)), expected, "{name}");
            let folder = sealed.model().beside("snapshot");
            assert_eq!(refused(model.snapshot(&folder, &options)), expected, "{name}");
            assert!(!folder.exists(), "{name}");
        }
        for name in ["gone", "../x", "model.sig", ""] {
            assert_eq!(refused(model.copy(name, &options)), "E-NOT-FOUND");
            assert_eq!(refused(model.sealed(name, &options)), "E-NOT-FOUND");
            assert_eq!(refused(model.path_unpinned_danger(name)), "E-NOT-FOUND");
        }
    }
}

#[test]
fn what_was_loaded_stays_whatever_happens_to_the_file() {
    let sealed = of_sizes();
    let model = verify(&sealed).unwrap();
    let name = "2097153.bin";
    let expected = noise(2_097_153, 2 * MIB + 1);
    let copy = model.read(name).unwrap();
    let one = model.sealed(name, &LoadOptions::new()).unwrap();
    let snapshot = model.snapshot(&sealed.model().beside("snapshot"), &LoadOptions::new()).unwrap();
    let path = model.path_unpinned_danger(name).unwrap();
    tamper::overwrite(&sealed.model().entry(name), 0);
    let check = || {
        assert!(*copy == *expected);
        assert!(*one.bytes(0..one.size()).unwrap() == *expected);
        assert!(fs::read(snapshot.path().join(name)).unwrap() == expected);
        assert!(fs::read(&path).unwrap() != expected, "as its name says");
    };
    check();
    tamper::truncate(&sealed.model().entry(name), 2 * MIB as u64);
    check();
}

/// Another process gets the descriptor as its input: it reads the same memory, which is there once.
#[test]
fn worker_processes_share_what_is_sealed() {
    let sealed = of_sizes();
    let model = verify(&sealed).unwrap();
    let one = model.sealed("4097.bin", &LoadOptions::new()).unwrap();
    let inode = File::open(one.path()).unwrap().metadata().unwrap().ino();
    let ask = |script: &str, file: &SealedFile| {
        let descriptor = OwnedFd::from(file.try_clone().unwrap());
        let output = Command::new("sh").args(["-c", script]).stdin(Stdio::from(descriptor)).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for _ in 0..2 {
        assert_eq!(ask("stat -L -c %i /proc/self/fd/0", &one), inode.to_string());
        assert_eq!(ask("wc -c < /proc/self/fd/0", &one), "4097");
        assert_eq!(ask("(echo x >> /proc/self/fd/0) 2>/dev/null || echo refused", &one), "refused");
        assert_eq!(ask("(: > /proc/self/fd/0) 2>/dev/null || echo refused", &one), "refused");
    }
    // By its path, for as long as this process holds it.
    let path = one.path_for_others();
    let output = Command::new("wc").arg("-c").arg(&path).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("4097 "));
    assert!(*one.bytes(0..4097).unwrap() == *noise(4097, 4097));
    drop(one);
    assert!(!Command::new("cat").arg(&path).output().unwrap().status.success());
}

/// Files of one size are sealed by a thread each.
#[test]
fn files_that_are_sealed_apart_are_each_proven() {
    let names: Vec<String> = (0..6).map(|number| format!("shard-{number}")).collect();
    let bytes = |name: &str| noise(u64::from(name.as_bytes()[6]), 2 * MIB);
    let sealed =
        Seal::of(names.iter().fold(ModelDir::new(), |model, name| model.file(name, bytes(name)))).sign();
    let options = LoadOptions::new().threads(NonZeroUsize::new(3).unwrap());
    let model = verify(&sealed).unwrap();
    let all = model.seal_all(&options).unwrap();
    for name in &names {
        assert!(fs::read(all[&verifying::path(name)].path()).unwrap() == bytes(name), "{name}");
    }
    for name in &names {
        tamper::flip(&sealed.model().entry(name), 2 * MIB as u64 - 1);
        assert_eq!(refused(model.seal_all(&options)), "E-FILE-CHANGED", "{name}");
        tamper::flip(&sealed.model().entry(name), 2 * MIB as u64 - 1);
    }
}

#[test]
fn descriptors_are_not_inherited_by_chance() {
    let sealed = of_sizes();
    let one = verify(&sealed).unwrap().sealed("1.bin", &LoadOptions::new()).unwrap();
    let flags = rustix::io::fcntl_getfd(one.as_fd()).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn a_snapshot_is_laid_out_as_signed_and_holds_nothing_else() {
    let model =
        ModelDir::new().file("run/start.sh", "#!/bin/sh\n").file("weights", noise(1, 9)).file(".git/x", "x");
    fs::set_permissions(model.entry("run/start.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(model.entry("logs")).unwrap();
    let sealed = Seal::of(model).ignore(&[".git"]).sign();
    let model = verify(&sealed).unwrap();
    let folder = sealed.model().beside("snapshot");
    let snapshot = model.snapshot(&folder, &LoadOptions::new()).unwrap();
    let mode = |name: &str| fs::symlink_metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(""), mode("run"), mode("logs")), (0o700, 0o700, 0o700));
    assert_eq!((mode("run/start.sh"), mode("weights")), (0o500, 0o400));
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["logs", "run", "weights"]);
    let all = model.seal_all(&LoadOptions::new()).unwrap();
    let executable: Vec<_> =
        all.iter().filter(|(_, one)| one.is_executable()).map(|(path, _)| path.as_str()).collect();
    assert_eq!(executable, ["run/start.sh"]);
    // What is there already is nobody's to write over.
    assert_eq!(refused(model.snapshot(&folder, &LoadOptions::new())), "E-OUTPUT");
    assert!(folder.join("weights").exists());
    drop(snapshot);
    assert!(!folder.exists());
    let kept = model.snapshot(&folder, &LoadOptions::new()).unwrap().keep();
    assert_eq!(kept, folder);
    assert!(folder.join("weights").exists());
    assert_eq!(refused(model.snapshot(&folder.join("no/such"), &LoadOptions::new())), "E-OUTPUT");
}

/// The bundle of a folder with one file, laid beside that file alone.
#[test]
fn a_model_that_is_one_file_is_loaded_in_every_way() {
    let sealed = Seal::of(ModelDir::new().file("model.gguf", noise(2, 3 * MIB))).sign();
    let file = sealed.model().beside("model.gguf");
    fs::copy(sealed.model().entry("model.gguf"), &file).unwrap();
    fs::write(sealed.model().beside("model.gguf.sig"), sealed.bundle()).unwrap();
    let requirements = trusting(sealed.public_key());
    let open = || Unverified::open(&file, None, Links::Refuse, &requirements).unwrap();
    let (options, expected) = (LoadOptions::new(), noise(2, 3 * MIB));
    let model = open().verify(&requirements, &Hold::Nothing, &NoProgress).unwrap();
    assert!(*model.read("model.gguf").unwrap() == *expected);
    let whole = 0..expected.len() as u64;
    assert!(*model.sealed("model.gguf", &options).unwrap().bytes(whole.clone()).unwrap() == *expected);
    assert!(*model.lazy("model.gguf", &options).unwrap().bytes(whole.clone()).unwrap() == *expected);
    let snapshot = model.snapshot(&sealed.model().beside("snapshot"), &options).unwrap();
    assert!(fs::read(snapshot.path().join("model.gguf")).unwrap() == expected);
    assert_eq!(model.path_unpinned_danger("model.gguf").unwrap(), file.canonicalize().unwrap());
    let lazily = open().verify_lazily(&requirements, None, &options).unwrap();
    assert!(*lazily.file("model.gguf").unwrap().bytes(whole).unwrap() == *expected);
}

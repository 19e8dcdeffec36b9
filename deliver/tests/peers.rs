//! What others make of our archives and images, and we of theirs: GNU tar, Python's tarfile, oras, crane, skopeo.
//!
//! Without these programs the tests say so and pass; with `LACRE_REQUIRE_PEERS=1` they fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Overwrite, examine};
use lacre_hash::NoProgress;
use lacre_manifest::{EntryPath, Links, Root};
use lacre_publish::{Pushed, Signed, prepare_as};
use lacre_registry_client::{
    ArtifactFormat, Layout, ModelArtifact, Pack, Packable, RegistryName, RegistryOptions, Remote, Repository,
    Store, WrittenFormat,
};
use lacre_testkit::places::{Peer, program};
use lacre_testkit::{Foreign, ModelDir, PeerRegistry, Seal, Sealed, noise};

use stores::{assert_is_model, attach, tag, trusting, v1, wanted};

/// Runs a program in `folder` and gives what it prints.
#[track_caller]
fn run(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("HOME", folder).env("LC_ALL", "C.UTF-8");
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?}: {stdout}{stderr}", program.display());
    stdout.into_owned()
}

/// Names at and around every limit of the format, a program, and a file of several groups.
fn varied() -> Sealed {
    let name = |length: usize| format!("d/{}", "n".repeat(length - 2));
    let mut model = ModelDir::sample().file("large.bin", noise(1, 5_000_000)).file("run.sh", "#!/bin/sh\n");
    for length in [99, 100, 101, 255] {
        model = model.file(&name(length), length.to_string());
    }
    let deep = format!("{}/x", vec!["e".repeat(200); 8].join("/"));
    let model = model.file(&deep, "deep").file("-rf", "").file("with space\nand line", "x");
    fs::set_permissions(model.entry("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    Seal::of(model).sign()
}

fn push(format: WrittenFormat, sealed: &Sealed, store: &dyn Store) -> Pushed {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare_as(format, &model, &Limits::default(), None, &NoProgress).unwrap();
    prepared.push(store, Some(&tag("v1")), &NoProgress).unwrap()
}

fn pull(sealed: &Sealed, store: &dyn Store) -> Result<(), DeliverError> {
    let requirements = trusting(sealed.public_key());
    let offer = examine(store, &v1(), &requirements, &Limits::default())?;
    offer.pull(&wanted(sealed), Overwrite::Replace, &NoProgress)?;
    assert_is_model(&wanted(sealed), sealed);
    Ok(())
}

fn remote(registry: &PeerRegistry) -> Remote {
    let (name, repository) = (RegistryName::parse(registry.host()), Repository::parse("org/m"));
    Remote::open(&name.unwrap(), &repository.unwrap(), &RegistryOptions::new())
}

fn registries() -> Vec<PeerRegistry> {
    [PeerRegistry::docker(), PeerRegistry::with_referrers()].into_iter().flatten().collect()
}

/// The archives of an image of `sealed`, in their order.
fn archives(sealed: &Sealed) -> Vec<PathBuf> {
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let pushed = push(WrittenFormat::Image, sealed, &store);
    let artifact = ModelArtifact::parse(&store.manifest(&pushed.manifest).unwrap()).unwrap();
    let archives = artifact.packs.iter().map(|pack| stores::blob(&store, pack.descriptor.digest));
    archives.collect()
}

#[test]
fn gnu_tar_unpacks_an_image_to_the_model() {
    let Some(tar) = program("tar") else { return };
    let sealed = varied();
    let out = sealed.model().beside("out");
    fs::create_dir(&out).unwrap();
    for archive in archives(&sealed) {
        run(&tar, &out, &["-xpf", archive.to_str().unwrap()]);
    }
    let models = out.join("models");
    fs::copy(sealed.signature_path(), models.join("model.sig")).unwrap();
    assert_is_model(&models, &sealed);
    for (name, mode) in [("run.sh", 0o755), ("config.json", 0o644), ("tokenizer", 0o755), ("", 0o755)] {
        let found = fs::metadata(models.join(name)).unwrap();
        assert_eq!(found.mode() & 0o7777, mode, "{name}");
        assert!(found.is_dir() || found.mtime() == 0, "{name}");
    }
}

#[test]
fn python_lists_what_was_packed() {
    let Some(python) = Peer::Python.find() else { return };
    let sealed = varied();
    let script = "import json, sys, tarfile\n\
        rows = []\n\
        for path in sys.argv[1:]:\n    \
            with tarfile.open(path, 'r:') as tar:\n        \
                for m in tar:\n            \
                    assert m.isreg() or m.isdir(), m\n            \
                    assert (m.uid, m.gid, m.uname, m.gname, m.mtime) == (0, 0, '', '', 0), m\n            \
                    if m.isreg(): rows.append([m.name, m.size, m.mode, tar.extractfile(m).read(64).hex()])\n\
        print(json.dumps(rows))\n";
    let archives = archives(&sealed);
    let mut arguments = vec!["-c", script];
    arguments.extend(archives.iter().map(|path| path.to_str().unwrap()));
    let rows: Vec<(String, u64, u32, String)> =
        serde_json::from_str(&run(&python, &sealed.path(), &arguments)).unwrap();
    let files = stores::files(&sealed);
    assert_eq!(rows.len(), files.len());
    for (name, bytes) in files {
        let row = rows.iter().find(|row| row.0 == format!("models/{name}")).unwrap();
        let mode = if name == "run.sh" { 0o755 } else { 0o644 };
        let nibbles = bytes.iter().take(64).flat_map(|byte| [byte >> 4, byte & 15]);
        let start: String =
            nibbles.map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])).collect();
        assert_eq!((row.1, row.2, &row.3), (bytes.len() as u64, mode, &start), "{name}");
    }
}

/// A size that has no room in its field: eleven octal digits are 8 GiB.
#[test]
fn a_file_above_eight_gib_is_understood() {
    let (Some(tar), Some(python)) = (program("tar"), Peer::Python.find()) else { return };
    let size = (8 << 30) + 5;
    let file = Packable { path: EntryPath::parse("huge.bin").unwrap(), size, mode: 0o644 };
    let pack = Pack::of_files(vec![file]);
    let open = |_: &EntryPath| Ok(Box::new(std::io::repeat(0)) as Box<dyn std::io::Read>);
    let mut head = vec![0; 1536];
    pack.stream(&open).read_exact(&mut head).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.tar");
    let mut archive = File::create(&path).unwrap();
    archive.write_all(&head).unwrap();
    // The rest is a hole, and so is the end.
    archive.set_len(pack.size()).unwrap();
    let listed = run(&tar, folder.path(), &["-tvf", "huge.tar"]);
    assert!(listed.contains(&size.to_string()) && listed.contains("huge.bin"), "{listed}");
    let script = "import tarfile\nfor m in tarfile.open('huge.tar', 'r:'): print(m.name, m.size, m.isreg())";
    let listed = run(&python, folder.path(), &["-c", script]);
    assert_eq!(listed, format!("huge.bin {size} True\n"));
}

#[test]
fn archives_of_gnu_tar_are_read_in_every_form() {
    let Some(tar) = program("tar") else { return };
    let sealed = Seal::of(
        ModelDir::new()
            .file("a/config.json", "{}")
            .file(&format!("{}/{}", "d".repeat(60), "f".repeat(60)), "split")
            .file("größe", "x")
            .file("large.bin", noise(1, 5_000_000))
            .file("empty", ""),
    );
    let sealed = sealed.sign();
    for (format, kind) in [("gnu", "tar"), ("ustar", "tar"), ("pax", "tar"), ("posix", "tar+gzip")] {
        let archive = sealed.model().beside("packed");
        let compress = if kind == "tar+gzip" { "-czf" } else { "-cf" };
        let form = format!("--format={format}");
        let arguments = [form.as_str(), compress, archive.to_str().unwrap(), "--exclude=./model.sig", "."];
        run(&tar, &sealed.path(), &arguments);
        let media_type = format!("application/vnd.cncf.model.weight.config.v1.{kind}");
        let artifact = Foreign::model_pack().layer(&media_type, fs::read(&archive).unwrap());
        let folder = sealed.model().beside(&format!("foreign-{format}"));
        artifact.write(&folder);
        let store = Layout::open(&folder).unwrap();
        attach(&store, &store.resolve(&v1()).unwrap(), sealed.bundle());
        pull(&sealed, &store).unwrap_or_else(|error| panic!("{format}: {error}"));
    }
}

#[test]
fn crane_and_skopeo_take_an_image_for_one() {
    let (Some(crane), Some(skopeo)) = (Peer::Crane.find(), program("skopeo")) else { return };
    let sealed = varied();
    let folder = sealed.model().beside("");
    for registry in registries() {
        let pushed = push(WrittenFormat::Image, &sealed, &remote(&registry));
        let again = push(WrittenFormat::Image, &sealed, &remote(&registry));
        assert_eq!((again.manifest, again.written), (pushed.manifest.clone(), 0), "no blob moves twice");
        let image = format!("{}/org/m:v1", registry.host());
        // Without --fast crane takes every layer for a compressed one; `export` reads them as they are.
        run(&crane, &folder, &["validate", "--fast", "--insecure", "--remote", &image]);
        let digest = run(&crane, &folder, &["digest", "--insecure", &image]);
        assert_eq!(digest.trim(), format!("sha256:{}", pushed.manifest.digest));
        run(&crane, &folder, &["export", "--insecure", &image, "exported.tar"]);
        let listed = run(&program("tar").unwrap(), &folder, &["-tf", "exported.tar"]);
        assert!(listed.lines().any(|line| line == "models/model.safetensors"), "{listed}");
        let copy = format!("dir:copy-{}", registry.host().replace(':', "-"));
        let source = format!("docker://{image}");
        run(&skopeo, &folder, &["--insecure-policy", "copy", "--src-tls-verify=false", &source, &copy]);
        let inspected = run(&skopeo, &folder, &["inspect", "--tls-verify=false", &source]);
        let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
        assert_eq!((&inspected["Os"], &inspected["Architecture"]), (&"linux".into(), &"amd64".into()));
        assert_eq!(inspected["Labels"]["org.opencontainers.image.title"], "org/mini-lm");
        pull(&sealed, &remote(&registry)).unwrap();
    }
}

/// An image that is compressed on its way has other layers, and the same files.
#[test]
fn an_image_that_skopeo_compressed_is_the_same_model() {
    let Some(skopeo) = program("skopeo") else { return };
    let sealed = varied();
    let folder = sealed.model().beside("");
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    push(WrittenFormat::Image, &sealed, &store);
    let copy = ["--insecure-policy", "copy", "--dest-compress", "oci:store:v1", "dir:compressed"];
    run(&skopeo, &folder, &copy);
    let back = ["--insecure-policy", "copy", "dir:compressed", "oci:back:v1"];
    run(&skopeo, &folder, &back);
    let back = Layout::open(&sealed.model().beside("back")).unwrap();
    let manifest = back.resolve(&v1()).unwrap();
    let artifact = ModelArtifact::parse(&back.manifest(&manifest).unwrap()).unwrap();
    assert!(artifact.packs.iter().any(|pack| pack.descriptor.media_type.ends_with("+gzip")), "{artifact:?}");
    attach(&back, &manifest, sealed.bundle());
    pull(&sealed, &back).unwrap();
}

#[test]
fn what_oras_pushes_is_pulled_under_a_signature() {
    let Some(oras) = Peer::Oras.find() else { return };
    let sealed = varied();
    for registry in registries() {
        let image = format!("{}/org/m:v1", registry.host());
        let names = ["model.safetensors", "config.json", "large.bin", "empty.bin"];
        let rest: Vec<String> = fs::read_dir(sealed.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !names.contains(&name.as_str()) && name != Sealed::SIGNATURE)
            .map(|name| format!("./{name}"))
            .collect();
        let (folders, files): (Vec<_>, Vec<_>) =
            rest.iter().partition(|name| sealed.path().join(name).is_dir());
        assert!(folders.len() >= 3);
        let mut arguments = vec!["push", "--plain-http", &image];
        arguments.extend(names);
        arguments.extend(files.iter().chain(&folders).map(|name| name.as_str()));
        run(&oras, &sealed.path(), &arguments);
        let store = remote(&registry);
        let manifest = store.resolve(&v1()).unwrap();
        let artifact = ModelArtifact::parse(&store.manifest(&manifest).unwrap()).unwrap();
        assert_eq!((artifact.format, artifact.packs.len()), (ArtifactFormat::Oras, folders.len()));
        assert_eq!(pull(&sealed, &store).unwrap_err().code(), "E-NO-SIGNATURE");
        attach(&store, &manifest, sealed.bundle());
        pull(&sealed, &remote(&registry)).unwrap();
    }
}

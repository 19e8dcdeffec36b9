//! Models as other tools pack them, signed by Lacre: pulled to the same folder under the same proof.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;

use lacre_attest::Limits;
use lacre_deliver::{Cache, Overwrite, examine};
use lacre_hash::NoProgress;
use lacre_manifest::{Links, Root};
use lacre_publish::{Pushed, Signed, prepare_as};
use lacre_registry_client::{
    ArtifactFormat, Layout, ModelArtifact, RegistryName, RegistryOptions, Remote, Repository, Store,
    WrittenFormat,
};
use lacre_testkit::registry::Registry;
use lacre_testkit::{Archive, Foreign, ModelDir, Seal, Sealed, gzip, noise};

use stores::{assert_is_model, attach, pull, pull_with, tag, trusting, v1, wanted};

/// Weights, what belongs to them, an empty file; nothing that needs more than one group.
const FILES: [(&str, &[u8]); 4] = [
    ("model.gguf", b"GGUF weights"),
    ("template", b"{{ .Prompt }}"),
    ("params.json", b"{}"),
    ("LICENSE", b""),
];

fn signed(files: &[(&str, &[u8])]) -> Sealed {
    let model = files.iter().fold(ModelDir::new(), |model, (name, bytes)| model.file(name, bytes));
    Seal::of(model).sign()
}

/// The artifact in a store, with the model's signature beside it.
fn store(sealed: &Sealed, artifact: &Foreign) -> Layout {
    let folder = sealed.model().beside("foreign");
    let _ = fs::remove_dir_all(&folder);
    artifact.write(&folder);
    let store = Layout::open(&folder).unwrap();
    let subject = store.resolve(&v1()).unwrap();
    attach(&store, &subject, sealed.bundle());
    store
}

#[track_caller]
fn arrives(sealed: &Sealed, artifact: &Foreign, format: ArtifactFormat) {
    let store = store(sealed, artifact);
    assert_eq!(ModelArtifact::parse(&artifact.manifest()).unwrap().format, format);
    let pulled = pull(sealed, &store).unwrap();
    assert_is_model(&wanted(sealed), sealed);
    let total: u64 = pulled.model.manifest().total_size().unwrap();
    assert_eq!(pulled.moved.fetched, total, "each byte once");
    fs::remove_dir_all(wanted(sealed)).unwrap();
}

#[test]
fn files_and_folders_of_oras() {
    let long = format!("data/{}/{}", "d".repeat(90), "f".repeat(90));
    let sealed = signed(&[
        ("model.safetensors", b"weights"),
        ("data/a.json", b"{}"),
        ("data/sub/empty", b""),
        ("data/größe", b"x"),
        (&long, b"long"),
    ]);
    let folder = Archive::new()
        .folder("data")
        .file("data/a.json", "{}")
        .folder("data/sub")
        .file("data/sub/empty", "")
        .file("data/größe", "x")
        .file(&long, "long");
    let artifact =
        Foreign::oras().titled("model.safetensors", "weights").titled_folder("data", folder.finish());
    arrives(&sealed, &artifact, ArtifactFormat::Oras);
    // Before ORAS 1.0 the configuration was of another type, and so was a layer.
    let old = artifact.edit(|manifest| {
        manifest["config"]["mediaType"] = "application/vnd.unknown.config.v1+json".into();
        manifest.as_object_mut().unwrap().remove("artifactType");
        manifest["layers"][0]["mediaType"] = "text/plain".into();
    });
    arrives(&sealed, &old, ArtifactFormat::Oras);
}

#[test]
fn a_model_kit() {
    let sealed =
        signed(&[("model/model.safetensors", b"weights"), ("docs/README.md", b"# Mini"), ("run.py", b"")]);
    let weights = Archive::new().folder("model").file("model/model.safetensors", "weights");
    let docs = Archive::new().folder("docs").file("docs/README.md", "# Mini");
    let code = Archive::new().file("run.py", "");
    let artifact = Foreign::kitops()
        .layer("application/vnd.kitops.modelkit.model.v1.tar", weights.finish())
        .layer("application/vnd.kitops.modelkit.docs.v1.tar+gzip", gzip(docs.finish()))
        .layer("application/vnd.kitops.modelkit.code.v1.tar+gzip", gzip(code.finish()));
    arrives(&sealed, &artifact, ArtifactFormat::KitOps);
    let read = ModelArtifact::parse(&artifact.manifest()).unwrap();
    let store = store(&sealed, &artifact);
    let config = read.parse_config(&store.small_blob(&read.config, 1000).unwrap()).unwrap();
    assert_eq!((config.name.as_deref(), config.version.as_deref()), (Some("mini"), Some("1.0.0")));
}

#[test]
fn a_model_of_docker() {
    let kinds = ["gguf.v3", "mmproj", "chat.template.jinja", "license"];
    let names = ["model.gguf", "model.mmproj", "template.jinja", "LICENSE"];
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, name.as_bytes())).collect();
    let docker = |kind: &str| format!("application/vnd.docker.ai.{kind}");
    let old = kinds
        .iter()
        .zip(names)
        .fold(Foreign::docker(), |artifact, (kind, name)| artifact.layer(&docker(kind), name));
    arrives(&signed(&files), &old, ArtifactFormat::Docker);
    // Several files of weights are numbered; what has an annotation has that name; archives lie beside them.
    let sealed = signed(&[
        ("model-00001-of-00002.safetensors", b"one"),
        ("model-00002-of-00002.safetensors", b"two"),
        ("unet/config.json", b"{}"),
        ("tokenizer.json", b"[]"),
        ("vocab/a.txt", b"a"),
    ]);
    let filepath = [("org.cncf.model.filepath", "unet/config.json")];
    let new = Foreign::docker()
        .layer(&docker("safetensors"), "one")
        .layer(&docker("safetensors"), "two")
        .annotated(&docker("model.file"), "{}", &filepath)
        .layer(&docker("vllm.config.tar"), Archive::new().file("tokenizer.json", "[]").finish())
        .layer(&docker("dir.tar"), Archive::new().folder("vocab").file("vocab/a.txt", "a").finish())
        .edit(|it| it["config"]["mediaType"] = "application/vnd.docker.ai.model.config.v0.2+json".into());
    arrives(&sealed, &new, ArtifactFormat::Docker);
}

#[test]
fn a_model_of_ollama() {
    let kinds = ["model", "template", "params", "license"];
    let kind = |kind: &str| format!("application/vnd.ollama.image.{kind}");
    let artifact = kinds
        .iter()
        .zip(FILES)
        .fold(Foreign::ollama(), |artifact, (name, (_, bytes))| artifact.layer(&kind(name), bytes));
    arrives(&signed(&FILES), &artifact, ArtifactFormat::Ollama);
    let second = [FILES.as_slice(), &[("LICENSE-2", b"MIT")]].concat();
    arrives(&signed(&second), &artifact.layer(&kind("license"), "MIT"), ArtifactFormat::Ollama);
}

/// Docker's manifests, and archives that are read in parts, from a registry.
#[test]
fn models_of_others_in_a_registry() {
    let ollama = Foreign::ollama().layer("application/vnd.ollama.image.model", "GGUF weights");
    let large = noise(5, 6_000_000);
    let kit = Archive::new().file("model.gguf", &large).file("a", "A").finish();
    let kit = Foreign::kitops().layer("application/vnd.kitops.modelkit.model.v1.tar", kit);
    let models = [(ollama, signed(&FILES[..1])), (kit, signed(&[("model.gguf", &large), ("a", b"A")]))];
    for (artifact, sealed) in models {
        let registry = Registry::start();
        artifact.put(&registry, "org/m");
        let name = RegistryName::parse(&registry.host()).unwrap();
        let repository = Repository::parse("org/m").unwrap();
        let store = Remote::open(&name, &repository, &RegistryOptions::new());
        attach(&store, &store.resolve(&v1()).unwrap(), sealed.bundle());
        let requirements = trusting(sealed.public_key());
        let offer = examine(&store, &v1(), &requirements, &Limits::default()).unwrap();
        offer.pull(&wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
        assert_is_model(&wanted(&sealed), &sealed);
    }
}

#[test]
fn archives_of_model_pack() {
    let sealed = signed(&[("model.gguf", b"GGUF"), ("a/config.json", b"{}"), ("README.md", b"# Mini")]);
    let configs = Archive::new().file("a/config.json", "{}").finish();
    let docs = Archive::new().file("README.md", "# Mini").finish();
    let artifact = Foreign::model_pack()
        .annotated(
            "application/vnd.cncf.model.weight.v1.raw",
            "GGUF",
            &[("org.cncf.model.filepath", "model.gguf")],
        )
        .layer("application/vnd.cncf.model.weight.config.v1.tar", configs)
        .layer("application/vnd.cncf.model.doc.v1.tar+gzip", gzip(docs));
    arrives(&sealed, &artifact, ArtifactFormat::ModelPack);
}

#[test]
fn an_image_of_another_builder() {
    let sealed = signed(&[("a/model.gguf", b"GGUF"), ("README.md", b"# Mini")]);
    let one = Archive::new().folder("models/").folder("models/a/").file("models/a/model.gguf", "GGUF");
    let two = Archive::new().folder("./models").file("./models/README.md", "# Mini");
    let artifact = Foreign::image()
        .layer("application/vnd.oci.image.layer.v1.tar", one.finish())
        .layer("application/vnd.oci.image.layer.v1.tar+gzip", gzip(two.finish()));
    arrives(&sealed, &artifact, ArtifactFormat::Image);
}

#[test]
fn the_forms_of_a_tar_that_others_write() {
    let name = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let sealed = signed(&[(&name, b"long"), ("a", b"A")]);
    let gnu = Archive::new().long_name(&name).head("d", b'0', 4).raw("long").raw([0; 508]).file("a", "A");
    let padded = gnu.finish();
    // GNU tar fills the last record of twenty blocks.
    let padded = [padded.as_slice(), &vec![0; 10_240]].concat();
    let tar = "application/vnd.cncf.model.weight.config.v1.tar";
    arrives(&sealed, &Foreign::model_pack().layer(tar, padded), ArtifactFormat::ModelPack);
}

fn push_as(format: WrittenFormat, sealed: &Sealed, store: &Layout) -> Pushed {
    let root = Root::open(&sealed.path(), Links::Refuse).unwrap();
    let signature = root.locate(&sealed.signature_path());
    let model = Signed { root: &root, bundle: sealed.bundle(), others: &[], signature };
    let prepared = prepare_as(format, &model, &Limits::default(), None, &NoProgress).unwrap();
    let pushed = prepared.push(store, Some(&tag("v1")), &NoProgress).unwrap();
    assert_eq!(pushed.manifest.plain(), prepared.manifest().plain());
    pushed
}

/// A model with a file that is fetched in parts, and one of several groups that is not.
fn large() -> Sealed {
    let model = ModelDir::sample().file("large.safetensors", noise(1, 9_000_001));
    let model = model.file("middle.bin", noise(2, 3 << 20)).file("run.sh", "#!/bin/sh\n");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(model.entry("run.sh"), executable).unwrap();
    fs::create_dir(model.entry("nothing")).unwrap();
    Seal::of(model).sign()
}

#[test]
fn an_image_comes_back_as_the_model_it_was_made_of() {
    let sealed = large();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let first = push_as(WrittenFormat::Image, &sealed, &store);
    let again = push_as(WrittenFormat::Image, &sealed, &store);
    assert_eq!(again.manifest, first.manifest, "the same bytes");
    assert_eq!((again.written, again.reused, again.signature_existed), (0, first.written, true));
    let pulled = pull(&sealed, &store).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
    assert_eq!(pulled.moved.fetched, pulled.model.manifest().total_size().unwrap());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(wanted(&sealed).join("run.sh")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o755);
    assert!(wanted(&sealed).join("nothing").is_dir());
    // The only model of the store needs no tag.
    assert_eq!(store.resolve(&lacre_registry_client::Target::Only).unwrap().digest, first.manifest.digest);
}

#[test]
fn what_an_older_folder_or_a_cache_holds_is_not_unpacked_again() {
    let sealed = large();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    push_as(WrittenFormat::Image, &sealed, &store);
    let requirements = trusting(sealed.public_key());
    let offer = || examine(&store, &v1(), &requirements, &Limits::default()).unwrap();
    let older = offer().reuse(sealed.path());
    let total = older.claim().claim().manifest().total_size().unwrap();
    let pulled = older.pull(&wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
    assert_eq!((pulled.moved.fetched, pulled.moved.reused), (0, total));
    fs::remove_dir_all(wanted(&sealed)).unwrap();
    // A cache keeps blobs; those of an image are not files. It says so, and what it has from elsewhere is used.
    let cache = Cache::open(&sealed.model().beside("cache")).unwrap();
    let pulled = offer().cache(&cache, "r").pull(&wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
    assert_eq!(pulled.not_kept.unwrap().code(), "E-UNSUPPORTED");
    let plain = Layout::create(&sealed.model().beside("plain")).unwrap();
    push_as(WrittenFormat::ModelPack, &sealed, &plain);
    let into = sealed.model().beside("downloads/plain");
    let offered = examine(&plain, &v1(), &requirements, &Limits::default()).unwrap();
    let kept = offered.cache(&cache, "r").pull(&into, Overwrite::Refuse, &NoProgress).unwrap();
    assert!(kept.not_kept.is_none());
    let pulled = offer().cache(&cache, "r").pull(&wanted(&sealed), Overwrite::Replace, &NoProgress).unwrap();
    assert_eq!((pulled.moved.fetched, pulled.moved.cached), (0, total));
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn sizes_that_are_not_signed_are_learned_from_the_archives() {
    let sealed = signed(&[("data/a.json", b"{}"), ("data/empty", b""), ("model.gguf", b"GGUF")]);
    let bundle = sealed.restated(|statement| {
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            let resource = resource.as_object_mut().unwrap();
            resource.remove("size");
            resource.remove("blake3");
        }
        // What only Lacre knows of would be incomplete without the sizes.
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        statement["subject"][0].as_object_mut().unwrap().remove("annotations");
    });
    let folder = Archive::new().file("data/a.json", "{}").file("data/empty", "").finish();
    let artifact = Foreign::oras().titled("model.gguf", "GGUF").titled_folder("data", folder);
    let folder = sealed.model().beside("foreign");
    artifact.write(&folder);
    let store = Layout::open(&folder).unwrap();
    attach(&store, &store.resolve(&v1()).unwrap(), &bundle);
    let requirements = trusting(sealed.public_key());
    pull_with(&store, &v1(), &requirements, &wanted(&sealed), Overwrite::Refuse, &NoProgress).unwrap();
    fs::write(wanted(&sealed).join(Sealed::SIGNATURE), sealed.bundle()).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
}

#[test]
fn many_small_files_travel_in_archives() {
    let model = ModelDir::many(5001, 8).file("model.safetensors", "weights").file("notes.md", "# Notes");
    for number in 0..5001 {
        let old = model.entry(&format!("d{:03}/f{number:05}.bin", number / 100));
        fs::rename(&old, old.with_extension("json")).unwrap();
    }
    let sealed = Seal::of(model).sign();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let pushed = push_as(WrittenFormat::ModelPack, &sealed, &store);
    let artifact = ModelArtifact::parse(&store.manifest(&pushed.manifest).unwrap()).unwrap();
    assert_eq!((artifact.layers.len(), artifact.packs.len(), pushed.files), (1, 2, 5003));
    let again = push_as(WrittenFormat::ModelPack, &sealed, &store);
    assert_eq!((again.manifest, again.written), (pushed.manifest, 0));
    pull(&sealed, &store).unwrap();
    assert_is_model(&wanted(&sealed), &sealed);
}

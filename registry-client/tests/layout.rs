//! An image layout as a store: what is put comes back, under its tags, with its referrers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod models;

use std::fs;
use std::os::unix::fs::symlink;

use lacre_hash::{NoProgress, Sha256Digest};
use lacre_registry_client::{
    BUNDLE_ARTIFACT_TYPE, Descriptor, IMAGE_MANIFEST, Layout, MAX_MANIFEST, ModelArtifact, Presence, Put,
    RegistryError, SignatureReferrer, Store, Target,
};

use models::{
    alter, attach, code, index_text, layout, leftovers, model, push, put_blobs, signatures, tag, target,
};

const FILES: [(&str, &[u8]); 3] =
    [("config.json", b"{}"), ("model.safetensors", b"weights"), ("sub/empty", b"")];

#[test]
fn a_model_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let pushed = push(&layout(folder.path()), &FILES, Some(&tag("v1")));
    let store = Layout::open(&folder.path().join("store")).unwrap();
    for wanted in [target("v1"), Target::Only, Target::Digest(pushed.digest)] {
        assert_eq!(store.resolve(&wanted).unwrap().plain(), pushed.plain());
    }
    let artifact = ModelArtifact::parse(&store.manifest(&pushed).unwrap()).unwrap();
    let found: Vec<_> = artifact
        .layers
        .iter()
        .map(|layer| {
            let mut reader = store.blob(&layer.descriptor).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
            (layer.path.as_str(), bytes)
        })
        .collect();
    assert_eq!(found, FILES.map(|(path, bytes)| (path, bytes.to_vec())));
    let config = artifact.parse_config(&store.small_blob(&artifact.config, 4096).unwrap()).unwrap();
    assert_eq!((config.name.as_deref(), config.version.as_deref()), (Some("org/mini"), Some("1.0.0")));
    assert_eq!(code(store.small_blob(&artifact.config, artifact.config.size - 1)), "E-LIMIT");
    assert!(leftovers(&store).is_empty());
    assert_eq!(fs::read(store.path().join("oci-layout")).unwrap(), br#"{"imageLayoutVersion":"1.0.0"}"#);
}

#[test]
fn pushing_again_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let first = push(&store, &FILES, Some(&tag("v1")));
    let before = index_text(&store);
    let built = model(&FILES);
    let weights = &built.artifact.layers[1].descriptor;
    assert_eq!(store.has_blob(weights).unwrap(), Presence::Present);
    assert_eq!(store.put_blob(weights, &b"weights".as_slice(), &NoProgress).unwrap(), Put::Existed);
    assert_eq!(push(&store, &FILES, Some(&tag("v1"))), first);
    assert_eq!(index_text(&store), before);
}

#[test]
fn only_a_layout_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert_eq!(code(Layout::open(&path("none"))), "E-NOT-FOUND");
    fs::create_dir(path("empty")).unwrap();
    assert_eq!(code(Layout::open(&path("empty"))), "E-LAYOUT");
    fs::write(path("file"), "x").unwrap();
    assert_eq!(code(Layout::open(&path("file"))), "E-LAYOUT");
    assert_eq!(code(Layout::create(&path("file"))), "E-LAYOUT");
    assert_eq!(code(Layout::create(&path("file/below"))), "E-LAYOUT");
    fs::create_dir(path("mine")).unwrap();
    fs::write(path("mine/notes.txt"), "x").unwrap();
    assert_eq!(code(Layout::create(&path("mine"))), "E-LAYOUT");
    assert_eq!(
        fs::read_dir(path("mine")).unwrap().count(),
        1,
        "nothing is added to a folder of other things"
    );

    let write = |name: &str, text: &str| {
        let store = Layout::create(&path("store")).unwrap();
        fs::write(store.path().join(name), text).unwrap();
        let outcome = Layout::open(&path("store")).map(drop);
        fs::remove_dir_all(path("store")).unwrap();
        code(outcome)
    };
    assert_eq!(write("oci-layout", r#"{"imageLayoutVersion":"1.0.1"}"#), "E-UNSUPPORTED");
    assert_eq!(write("oci-layout", "{}"), "E-JSON");
    let twice = r#"{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}"#;
    assert_eq!(write("oci-layout", twice), "E-DUPLICATE-KEY");
    assert_eq!(write("oci-layout", &" ".repeat(4097)), "E-LIMIT");
    assert_eq!(write("index.json", &" ".repeat(4 * 1024 * 1024 + 1)), "E-LIMIT");
    assert_eq!(
        write("index.json", r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#),
        "E-DUPLICATE-KEY"
    );
    let traversal = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../../../etc/passwd","size":1}]}"#;
    assert_eq!(write("index.json", traversal), "E-LAYOUT");

    for name in ["oci-layout", "index.json"] {
        let store = Layout::create(&path("store")).unwrap();
        fs::rename(store.path().join(name), path("outside")).unwrap();
        assert_eq!(code(Layout::open(&path("store"))), "E-LAYOUT", "{name} is missing");
        symlink(path("outside"), store.path().join(name)).unwrap();
        assert_eq!(code(Layout::open(&path("store"))), "E-LAYOUT", "{name} is a link");
        fs::remove_dir_all(path("store")).unwrap();
    }
}

#[test]
fn a_half_made_layout_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::create_dir_all(path.join("blobs")).unwrap();
    fs::write(path.join(".lacre-1-2-3"), "half").unwrap();
    assert_eq!(code(Layout::open(&path)), "E-LAYOUT");
    let store = Layout::create(&path).unwrap();
    assert!(leftovers(&store).is_empty(), "{:?}", leftovers(&store));
    push(&store, &FILES, Some(&tag("v1")));
    assert_eq!(Layout::create(&path).unwrap().tags().unwrap().len(), 1);
}

#[test]
fn a_manifest_waits_for_its_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let built = model(&FILES);
    let before = index_text(&store);
    let put = |bytes: &[u8]| code(store.put_manifest(IMAGE_MANIFEST, bytes, Some(&tag("v1"))));
    assert_eq!(put(&built.manifest), "E-BLOB-MISSING");
    put_blobs(&store, &FILES[..1]);
    assert_eq!(put(&built.manifest), "E-BLOB-MISSING");
    put_blobs(&store, &FILES);
    let text = String::from_utf8(built.manifest.clone()).unwrap();
    assert_eq!(put(text.replace("image.manifest", "image.index").as_bytes()), "E-ARTIFACT");
    assert_eq!(put(text.replace(r#""schemaVersion":2"#, r#""schemaVersion":1"#).as_bytes()), "E-UNSUPPORTED");
    assert_eq!(put(text.replace('}', r#","size":1}"#).as_bytes()), "E-DUPLICATE-KEY");
    assert_eq!(put(b"{}"), "E-JSON");
    assert_eq!(put(&vec![b' '; usize::try_from(MAX_MANIFEST).unwrap() + 1]), "E-LIMIT");
    let index = store.put_manifest("application/vnd.oci.image.index.v1+json", &built.manifest, None);
    assert_eq!(code(index), "E-UNSUPPORTED");
    assert_eq!(index_text(&store), before);
    store.put_manifest(IMAGE_MANIFEST, &built.manifest, Some(&tag("v1"))).unwrap();
}

#[test]
fn tags_move_and_digests_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let names = || {
        let tags = store.tags().unwrap();
        tags.into_iter().map(|(tag, at)| (tag.to_string(), at.digest)).collect::<Vec<_>>()
    };
    assert_eq!(code(store.resolve(&Target::Only)), "E-REFERENCE-NOT-FOUND");
    let old = push(&store, &[("a", b"old")], Some(&tag("v1")));
    let new = push(&store, &[("a", b"new")], Some(&tag("v2")));
    let both = store.resolve(&Target::Only).unwrap_err();
    assert_eq!(both.code(), "E-REFERENCE");
    let RegistryError::NotOne { found: 2, tags } = both else { panic!("{both:?}") };
    assert_eq!(tags, ["v1", "v2"]);

    store.tag(&new, &tag("v1")).unwrap();
    assert_eq!(names(), [("v1".to_owned(), new.digest), ("v2".to_owned(), new.digest)]);
    assert_eq!(store.resolve(&Target::Digest(old.digest)).unwrap().digest, old.digest);
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, new.digest, "the tagged one");
    store.tag(&old, &tag("v1")).unwrap();
    assert_eq!(store.resolve(&target("v1")).unwrap().digest, old.digest);
    assert_eq!(names().len(), 2);

    let missing = store.resolve(&target("v3")).unwrap_err();
    assert_eq!(missing.code(), "E-REFERENCE-NOT-FOUND");
    assert!(missing.to_string().contains("v1, v2"), "{missing}");
    let nowhere = Descriptor::of(IMAGE_MANIFEST, b"{}");
    assert_eq!(code(store.resolve(&Target::Digest(nowhere.digest))), "E-REFERENCE-NOT-FOUND");
    assert_eq!(code(store.tag(&nowhere, &tag("v3"))), "E-BLOB-MISSING");
    let layer = ModelArtifact::parse(&store.manifest(&old).unwrap()).unwrap().layers.remove(0).descriptor;
    assert_eq!(code(store.resolve(&Target::Digest(layer.digest))), "E-REFERENCE-NOT-FOUND");
}

#[test]
fn untagged_models_need_a_digest() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let one = push(&store, &[("a", b"1")], None);
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, one.digest);
    push(&store, &[("a", b"2")], None);
    assert_eq!(code(store.resolve(&Target::Only)), "E-REFERENCE");
    assert_eq!(store.resolve(&Target::Digest(one.digest)).unwrap().digest, one.digest);
}

#[test]
fn referrers_are_found_by_their_subject() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let (one, two) = (push(&store, &[("a", b"1")], Some(&tag("v1"))), push(&store, &[("a", b"2")], None));
    assert!(signatures(&store, &one).is_empty());
    let (first, put) = attach(&store, &one, b"bundle 1");
    assert_eq!(put, Put::Written);
    let (second, _) = attach(&store, &one, b"bundle 2");
    let (other, _) = attach(&store, &two, b"bundle 1");
    let mut want = vec![first.digest, second.digest];
    want.sort();
    assert_eq!(signatures(&store, &one), want);
    assert_eq!(signatures(&store, &two), [other.digest]);
    assert_eq!(store.referrers(&one.digest, None).unwrap().len(), 2);
    assert!(store.referrers(&one.digest, Some("application/x")).unwrap().is_empty());
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, one.digest, "a referrer is no model");

    let found = store.referrers(&two.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap().remove(0);
    assert_eq!(found.artifact_type.as_deref(), Some(BUNDLE_ARTIFACT_TYPE));
    assert_eq!(found.annotations["dev.sigstore.bundle.predicateType"], models::PREDICATE);
    let referrer = SignatureReferrer::parse(&store.manifest(&found).unwrap()).unwrap();
    assert_eq!(referrer.subject, two.digest);
    assert_eq!(store.small_blob(&referrer.bundle, 100).unwrap(), b"bundle 1");

    // The same bundle again adds nothing, and mends what was altered.
    let before = index_text(&store);
    alter(&store, &referrer.bundle, "flip");
    assert_eq!(attach(&store, &one, b"bundle 1"), (first, Put::Existed));
    assert_eq!(index_text(&store), before);
    assert_eq!(store.small_blob(&referrer.bundle, 100).unwrap(), b"bundle 1");
}

/// Rewrites the index as another program could.
fn rewrite(store: &Layout, change: impl Fn(&mut Vec<serde_json::Value>)) {
    let mut index: serde_json::Value = serde_json::from_str(&index_text(store)).unwrap();
    change(index["manifests"].as_array_mut().unwrap());
    fs::write(store.path().join("index.json"), index.to_string()).unwrap();
}

#[test]
fn the_index_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let one = push(&store, &FILES, Some(&tag("v1")));
    let (referrer, _) = attach(&store, &one, b"bundle");
    // As oras, cosign and plain copies list it: with the right type, with a wrong one, with none.
    for listed in [Some(BUNDLE_ARTIFACT_TYPE), Some("application/vnd.oci.empty.v1+json"), None] {
        rewrite(&store, |entries| {
            for entry in entries {
                if entry["digest"] == format!("sha256:{}", referrer.digest) {
                    entry["artifactType"] = listed.into();
                }
            }
        });
        assert_eq!(signatures(&store, &one), [referrer.digest], "{listed:?}");
        assert_eq!(store.resolve(&Target::Only).unwrap().digest, one.digest);
    }
    // A tag and a missing type do not make a signature a model.
    store.tag(&referrer, &tag("signature")).unwrap();
    rewrite(&store, |entries| {
        for entry in entries {
            entry.as_object_mut().unwrap().remove("artifactType");
        }
    });
    assert_eq!(store.tags().unwrap().len(), 2);
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, one.digest);
    // A type that the index claims for another manifest does not make it a signature.
    rewrite(&store, |entries| {
        for entry in entries {
            entry["artifactType"] = BUNDLE_ARTIFACT_TYPE.into();
        }
    });
    assert_eq!(signatures(&store, &one), [referrer.digest]);
    rewrite(&store, |entries| {
        for entry in entries {
            entry["size"] = 7.into();
        }
    });
    assert_eq!(code(store.manifest(&store.resolve(&target("v1")).unwrap())), "E-BLOB-DIGEST");
    assert_eq!(code(store.referrers(&one.digest, None)), "E-BLOB-DIGEST");
}

#[test]
fn foreign_entries_are_tolerated_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let nested = r#"{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":9,"annotations":{"org.opencontainers.image.ref.name":"multi"}}"#;
    let docker = r#"{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":"sha512:ab","size":9,"platform":{"os":"linux","architecture":"amd64"},"annotations":{"org.opencontainers.image.ref.name":"docker.io/library/x:latest"}}"#;
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{nested},{docker}],"annotations":{{"k":"v"}}}}"#);
    fs::write(store.path().join("index.json"), index).unwrap();
    let one = push(&store, &FILES, Some(&tag("v1")));
    let (referrer, _) = attach(&store, &one, b"bundle");
    assert_eq!(store.resolve(&Target::Only).unwrap().digest, one.digest);
    assert_eq!(signatures(&store, &one), [referrer.digest]);
    let tags: Vec<_> = store.tags().unwrap().into_iter().map(|(tag, _)| tag.to_string()).collect();
    assert_eq!(tags, ["multi", "v1"]);
    let multi = store.resolve(&target("multi")).unwrap();
    assert_eq!(multi.media_type, "application/vnd.oci.image.index.v1+json");
    let kept: serde_json::Value = serde_json::from_str(&index_text(&store)).unwrap();
    for entry in [nested, docker] {
        let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
        assert!(kept["manifests"].as_array().unwrap().contains(&entry), "{kept}");
    }
    assert_eq!(kept["annotations"]["k"], "v");
}

#[test]
fn a_question_reads_only_so_much() {
    let folder = tempfile::tempdir().unwrap();
    let store = layout(folder.path());
    let fill = |count: u64, size: u64| {
        rewrite(&store, |entries| {
            *entries = (0..count)
                .map(|number| {
                    let digest = format!("sha256:{}", Sha256Digest::of(&number.to_le_bytes()));
                    serde_json::json!({ "mediaType": IMAGE_MANIFEST, "digest": digest, "size": size })
                })
                .collect();
        });
        let subject = Sha256Digest::of(b"subject");
        [code(store.referrers(&subject, None)), code(store.resolve(&Target::Only))]
    };
    assert_eq!(fill(10_000, 2), ["E-BLOB-MISSING"; 2]);
    assert_eq!(fill(10_001, 2), ["E-LIMIT"; 2]);
    assert_eq!(fill(64, 4 * 1024 * 1024), ["E-BLOB-MISSING"; 2]);
    assert_eq!(fill(65, 4 * 1024 * 1024), ["E-LIMIT"; 2]);
    assert_eq!(fill(1, 4 * 1024 * 1024 + 1), ["E-LIMIT"; 2]);
}

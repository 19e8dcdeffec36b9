//! What is not pulled: stores that hold other things than what was signed. Nothing of a refused pull stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod stores;

use std::fs;

use lacre_attest::Limits;
use lacre_deliver::{DeliverError, Overwrite};
use lacre_hash::{NoProgress, Sha256Digest};
use lacre_registry_client::{Descriptor, IMAGE_MANIFEST, Layout, Store, Target, attach_signature};
use lacre_testkit::{Forge, ModelDir, Seal, Sealed, edit_bundle, noise, tamper};
use lacre_verify::Requirements;

use stores::{
    artifact, assert_is_model, attach, blob, downloads, files, layer, names, pull, pull_with, push, pushed,
    tag, trusting, v1, wanted,
};

/// What a pull comes to; when it is refused, nothing is left.
#[track_caller]
fn outcome(sealed: &Sealed, store: &Layout) -> &'static str {
    outcome_for(sealed, store, &trusting(sealed.public_key()))
}

#[track_caller]
fn outcome_for(sealed: &Sealed, store: &Layout, requirements: &Requirements) -> &'static str {
    match pull_with(store, &v1(), requirements, &wanted(sealed), Overwrite::Refuse, &NoProgress) {
        Ok(_) => {
            assert_is_model_with_any_signature(sealed);
            fs::remove_dir_all(wanted(sealed)).unwrap();
            "accepted"
        }
        Err(error) => {
            assert!(names(&downloads(sealed)).is_empty(), "{error} left {:?}", names(&downloads(sealed)));
            error.code()
        }
    }
}

#[track_caller]
fn assert_is_model_with_any_signature(sealed: &Sealed) {
    fs::write(wanted(sealed).join(Sealed::SIGNATURE), sealed.bundle()).unwrap();
    assert_is_model(&wanted(sealed), sealed);
}

/// The sample model can be pulled; after `change` of the store it cannot.
#[track_caller]
fn after(change: impl FnOnce(&Sealed, &Layout)) -> &'static str {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    assert_eq!(outcome(&sealed, &store), "accepted");
    change(&sealed, &store);
    let code = outcome(&sealed, &store);
    assert_ne!(code, "accepted");
    code
}

/// The sample model in a store, without a signature.
fn unsigned() -> (Sealed, Layout, Descriptor) {
    let sealed = Sealed::sample();
    let store = Layout::create(&sealed.model().beside("store")).unwrap();
    let manifest = artifact(&store, &files(&sealed));
    (sealed, store, manifest)
}

/// A bundle over the sample model by someone else.
fn by_a_stranger() -> Vec<u8> {
    Sealed::sample().bundle().to_vec()
}

/// A bundle that names the signer's key, signed by someone else.
fn forged(sealed: &Sealed) -> Vec<u8> {
    Forge::new(sealed.statement().to_string(), Sealed::sample().key())
        .hint(sealed.public_key().hint())
        .to_json()
}

#[test]
fn a_model_without_a_signature() {
    let (sealed, store, manifest) = unsigned();
    assert_eq!(outcome(&sealed, &store), "E-NO-SIGNATURE");
    // Attestations of other kinds are no model signatures, whoever made them.
    attach_signature(
        &store,
        &manifest,
        sealed.bundle(),
        "https://slsa.dev/provenance/v1",
        "2026-11-23T03:01:18Z",
    )
    .unwrap();
    assert_eq!(outcome(&sealed, &store), "E-NO-SIGNATURE");
}

#[test]
fn a_signature_for_another_manifest_is_none_for_this_one() {
    let (sealed, store, _) = unsigned();
    let other = Seal::of(ModelDir::new().file("other", "x")).key(sealed.key()).sign();
    let root = lacre_manifest::Root::open(&other.path(), lacre_manifest::Links::Refuse).unwrap();
    let signature = root.locate(&other.signature_path());
    let model = lacre_publish::Signed { root: &root, bundle: other.bundle(), others: &[], signature };
    let prepared = lacre_publish::prepare(&model, &Limits::default(), None, &NoProgress).unwrap();
    prepared.push(&store, Some(&tag("other")), &NoProgress).unwrap();
    assert_eq!(outcome(&sealed, &store), "E-NO-SIGNATURE");
}

#[test]
fn a_signer_who_is_not_trusted_and_a_model_that_is_not_wanted() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let requirements = || trusting(sealed.public_key());
    assert_eq!(outcome_for(&sealed, &store, &requirements()), "accepted");
    let stranger = Sealed::sample();
    assert_eq!(outcome_for(&sealed, &store, &trusting(stranger.public_key())), "E-SIGNER-UNTRUSTED");
    assert_eq!(outcome_for(&sealed, &store, &requirements().expect_name("org/other")), "E-NAME-MISMATCH");
    assert_eq!(outcome_for(&sealed, &store, &requirements().expect_version("2.0.0")), "E-VERSION-MISMATCH");
}

#[test]
fn references_that_lead_nowhere() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    let requirements = trusting(sealed.public_key());
    for target in [Target::Tag(tag("v2")), Target::Digest(Sha256Digest::of(b"nothing"))] {
        let error =
            pull_with(&store, &target, &requirements, &wanted(&sealed), Overwrite::Refuse, &NoProgress);
        assert_eq!(error.unwrap_err().code(), "E-REFERENCE-NOT-FOUND");
    }
    assert!(names(&downloads(&sealed)).is_empty());
}

#[test]
fn a_bundle_that_was_altered_or_is_gone() {
    let bundle = |sealed: &Sealed, store: &Layout| blob(store, Sha256Digest::of(sealed.bundle()));
    assert_eq!(after(|sealed, store| tamper::flip(&bundle(sealed, store), 100)), "E-BLOB-DIGEST");
    assert_eq!(after(|sealed, store| tamper::truncate(&bundle(sealed, store), 1)), "E-BLOB-DIGEST");
    assert_eq!(after(|sealed, store| tamper::remove(&bundle(sealed, store))), "E-BLOB-MISSING");
}

#[test]
fn a_layer_that_was_altered_or_is_gone() {
    let blob = |sealed: &Sealed, store: &Layout| layer(sealed, store, "blob.bin");
    for offset in [0, 50_000, 99_999] {
        assert_eq!(after(|sealed, store| tamper::flip(&blob(sealed, store), offset)), "E-FILE-CHANGED");
    }
    assert_eq!(after(|sealed, store| tamper::truncate(&blob(sealed, store), 1)), "E-BLOB-DIGEST");
    assert_eq!(after(|sealed, store| tamper::grow(&blob(sealed, store), b"+")), "E-BLOB-DIGEST");
    assert_eq!(after(|sealed, store| tamper::remove(&blob(sealed, store))), "E-BLOB-MISSING");
    assert_eq!(after(|sealed, store| tamper::replace_by_fifo(&blob(sealed, store))), "E-LAYOUT");
    assert_eq!(after(|sealed, store| tamper::replace_by_folder(&blob(sealed, store))), "E-LAYOUT");
    let link = |sealed: &Sealed, store: &Layout| {
        tamper::link_away(&blob(sealed, store), &sealed.model().beside("identical"));
    };
    assert_eq!(after(link), "E-LAYOUT");
    let swap = |sealed: &Sealed, store: &Layout| {
        tamper::swap(&blob(sealed, store), &layer(sealed, store, "config.json"));
    };
    assert_eq!(after(swap), "E-BLOB-DIGEST");
}

#[test]
fn a_manifest_that_was_altered_or_is_gone() {
    let manifest = |store: &Layout| blob(store, store.resolve(&v1()).unwrap().digest);
    assert_eq!(after(|_, store| tamper::flip(&manifest(store), 100)), "E-BLOB-DIGEST");
    assert_eq!(after(|_, store| tamper::grow(&manifest(store), b" ")), "E-BLOB-DIGEST");
    assert_eq!(after(|_, store| tamper::remove(&manifest(store))), "E-BLOB-MISSING");
    let referrer = |store: &Layout| {
        let subject = store.resolve(&v1()).unwrap().digest;
        blob(store, store.referrers(&subject, None).unwrap()[0].digest)
    };
    assert_eq!(after(|_, store| tamper::flip(&referrer(store), 100)), "E-BLOB-DIGEST");
    assert_eq!(after(|_, store| tamper::remove(&referrer(store))), "E-BLOB-MISSING");
}

/// The statement as a peer would have signed it: no sizes, no BLAKE3, no identity.
fn by_a_peer(sealed: &Sealed) -> Vec<u8> {
    sealed.restated(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            resource.as_object_mut().unwrap().retain(|member, _| member != "size" && member != "blake3");
        }
    })
}

/// An honest signature, ours or a peer's, on an artifact with other files.
#[track_caller]
fn with_files(change: impl Fn(&mut Vec<(String, Vec<u8>)>)) -> &'static str {
    let codes = [|sealed: &Sealed| sealed.bundle().to_vec(), by_a_peer].map(|bundle| {
        let (sealed, store, manifest) = unsigned();
        attach(&store, &manifest, &bundle(&sealed));
        assert_eq!(outcome(&sealed, &store), "accepted");
        let mut files = files(&sealed);
        change(&mut files);
        let other = artifact(&store, &files);
        assert_ne!(other.digest, manifest.digest);
        attach(&store, &other, &bundle(&sealed));
        outcome(&sealed, &store)
    });
    assert_eq!(codes[0], codes[1]);
    codes[0]
}

#[test]
fn an_artifact_with_other_files_than_signed() {
    let mismatch = "E-ARTIFACT-MISMATCH";
    let at =
        |files: &[(String, Vec<u8>)], name: &str| files.iter().position(|(path, _)| path == name).unwrap();
    assert_eq!(with_files(|files| files.push(("extra.py".to_owned(), b"import os".to_vec()))), mismatch);
    assert_eq!(with_files(|files| drop(files.remove(0))), mismatch);
    assert_eq!(with_files(|files| files.truncate(1)), mismatch);
    assert_eq!(with_files(|files| "renamed.bin".clone_into(&mut files[0].0)), mismatch);
    assert_eq!(with_files(|files| files[0].1 = noise(43, 100_000)), mismatch);
    // Nobody signed these pairs of name and content, though each name and each content is signed.
    let swapped = with_files(|files| {
        let (one, two) = (at(files, "config.json"), at(files, "x.json"));
        let content = files[one].1.clone();
        files[one].1 = files[two].1.clone();
        files[two].1 = content;
    });
    assert_eq!(swapped, mismatch);
    let other_case = with_files(|files| {
        let config = at(files, "config.json");
        "Config.json".clone_into(&mut files[config].0);
    });
    assert_eq!(other_case, mismatch);
}

#[test]
fn the_first_difference_is_named() {
    let (sealed, store, _) = unsigned();
    let mut files = files(&sealed);
    files.push(("extra.py".to_owned(), Vec::new()));
    let other = artifact(&store, &files);
    attach(&store, &other, sealed.bundle());
    let error = pull(&sealed, &store).unwrap_err();
    assert!(matches!(error, DeliverError::Mismatch { .. }));
    let message = error.to_string();
    assert!(message.ends_with("extra.py has a layer and is not signed"), "{message}");
}

/// The honest signature on the sample's manifest after `edit`.
#[track_caller]
fn with_manifest<T: AsRef<[u8]>>(edit: impl FnOnce(&Sealed, &Layout, &str) -> T) -> &'static str {
    let (sealed, store, manifest) = unsigned();
    attach(&store, &manifest, sealed.bundle());
    assert_eq!(outcome(&sealed, &store), "accepted");
    let text = String::from_utf8(store.manifest(&manifest).unwrap()).unwrap();
    let edited = edit(&sealed, &store, &text);
    assert_ne!(edited.as_ref(), text.as_bytes());
    let other = store.put_manifest(IMAGE_MANIFEST, edited.as_ref(), Some(&tag("v1"))).unwrap();
    attach(&store, &other, sealed.bundle());
    outcome(&sealed, &store)
}

#[test]
fn a_layer_of_another_size_than_signed() {
    let code = with_manifest(|sealed, store, text| {
        tamper::grow(&layer(sealed, store, "blob.bin"), b"+");
        text.replace("\"size\":100000", "\"size\":100001")
    });
    assert_eq!(code, "E-ARTIFACT-MISMATCH");
}

#[test]
fn layers_that_would_be_written_elsewhere() {
    let renamed = |name: &'static str| {
        with_manifest(move |_, _, text| text.replace("\"config.json\"", &format!("\"{name}\"")))
    };
    for name in ["../config.json", "/tmp/config.json", "a/../../config.json", "./config.json", "a\\\\b", ""] {
        assert_eq!(renamed(name), "E-PATH", "{name}");
    }
    assert_eq!(renamed("model.sig"), "E-ARTIFACT", "a layer in the place of the signature");
    assert_eq!(renamed("MODEL.SIG"), "E-ARTIFACT");
    assert_eq!(renamed("x.json"), "E-DUPLICATE-NAME");
    assert_eq!(renamed("X.JSON"), "E-NAME-COLLISION");
    assert_eq!(renamed("x/y/z"), "E-NAME-COLLISION");
}

#[test]
fn layers_whose_content_would_come_from_elsewhere() {
    let external = with_manifest(|_, _, text| {
        edit_bundle(text.as_bytes(), |manifest| {
            manifest["layers"][0]["urls"] = ["https://example.com/x"].as_slice().into();
        })
    });
    assert_eq!(external, "E-ARTIFACT");
    let embedded = with_manifest(|_, _, text| {
        edit_bundle(text.as_bytes(), |manifest| manifest["layers"][0]["data"] = "e30=".into())
    });
    assert_eq!(embedded, "E-ARTIFACT");
    let title = with_manifest(|_, _, text| {
        edit_bundle(text.as_bytes(), |manifest| {
            manifest["layers"][0]["annotations"]["org.opencontainers.image.title"] = "other.bin".into();
        })
    });
    assert_eq!(title, "E-ARTIFACT");
    let tar = with_manifest(|_, _, text| {
        edit_bundle(text.as_bytes(), |manifest| {
            manifest["layers"][0]["mediaType"] = "application/vnd.cncf.model.weight.v1.tar".into();
        })
    });
    assert_eq!(tar, "E-ARCHIVE", "it is a file, and no archive");
    let unknown = with_manifest(|_, _, text| text.replace("weight.config.v1.raw", "weight.config.v1.zip"));
    assert_eq!(unknown, "E-ARTIFACT");
    let other_type = with_manifest(|_, _, text| text.replace("model.manifest.v1", "model.manifest.v2"));
    assert_eq!(other_type, "E-ARTIFACT");
}

#[test]
fn a_bad_bundle_beside_a_good_one_is_passed_over() {
    // Several, so that at least one stands before the good one in the order of the digests.
    let (sealed, store, manifest) = unsigned();
    let altered = attach(&store, &manifest, b"to be altered");
    for _ in 0..4 {
        attach(&store, &manifest, &by_a_stranger());
        attach(&store, &manifest, &forged(&sealed));
    }
    for garbage in [&b""[..], b"{}", b"[]", b"garbage", &noise(1, 5000)] {
        attach(&store, &manifest, garbage);
    }
    let other = Seal::of(ModelDir::new().file("other", "x")).key(sealed.key()).sign();
    attach(&store, &manifest, other.bundle());
    tamper::flip(&blob(&store, Sha256Digest::of(b"to be altered")), 0);
    assert_ne!(outcome(&sealed, &store), "accepted");
    assert_ne!(altered.digest, manifest.digest);
    attach(&store, &manifest, sealed.bundle());
    assert_eq!(outcome(&sealed, &store), "accepted");
}

#[test]
fn of_several_bad_bundles_the_one_that_came_furthest_gives_the_code() {
    let (sealed, store, manifest) = unsigned();
    attach(&store, &manifest, b"{}");
    assert_eq!(outcome(&sealed, &store), "E-BUNDLE");
    attach(&store, &manifest, &by_a_stranger());
    assert_eq!(outcome(&sealed, &store), "E-SIGNER-UNTRUSTED");
    attach(&store, &manifest, &forged(&sealed));
    assert_eq!(outcome(&sealed, &store), "E-SIGNATURE-INVALID");
    attach(&store, &manifest, &sealed.resigned(|statement| statement["predicateType"] = "urn:x".into()));
    assert_eq!(outcome(&sealed, &store), "E-PREDICATE-TYPE");
    let requirements = trusting(sealed.public_key()).expect_name("org/mini-lm");
    let renamed = sealed.resigned(|statement| statement["subject"][0]["name"] = "org/other".into());
    attach(&store, &manifest, &renamed);
    assert_eq!(outcome_for(&sealed, &store, &requirements), "E-NAME-MISMATCH");
    let fewer = sealed.restated(|statement| {
        statement["predicate"]["resources"].as_array_mut().unwrap().pop();
    });
    attach(&store, &manifest, &fewer);
    assert_eq!(outcome_for(&sealed, &store, &requirements), "E-ARTIFACT-MISMATCH");
    attach(&store, &manifest, b"[]");
    attach(&store, &manifest, &by_a_stranger());
    assert_eq!(outcome_for(&sealed, &store, &requirements), "E-ARTIFACT-MISMATCH");
    attach(&store, &manifest, sealed.bundle());
    assert_eq!(outcome_for(&sealed, &store, &requirements), "accepted");
}

#[test]
fn more_bundles_than_are_looked_at() {
    let (sealed, store, manifest) = unsigned();
    attach(&store, &manifest, sealed.bundle());
    for number in 0..63 {
        attach(&store, &manifest, format!("{number}").as_bytes());
    }
    assert_eq!(outcome(&sealed, &store), "accepted", "64 are");
    attach(&store, &manifest, b"one more");
    assert_eq!(outcome(&sealed, &store), "E-LIMIT");
}

#[test]
fn a_bundle_above_the_limit_is_not_read() {
    let (sealed, store, manifest) = unsigned();
    let limits = Limits { statement: 64 * 1024, ..Limits::default() };
    let mut padded = sealed.bundle().to_vec();
    padded.resize(limits.bundle() + 1, b' ');
    attach(&store, &manifest, &padded);
    assert_eq!(outcome(&sealed, &store), "accepted", "by the default limits");
    let requirements = trusting(sealed.public_key());
    let refused = lacre_deliver::examine(&store, &v1(), &requirements, &limits).map(drop).unwrap_err();
    assert_eq!(refused.code(), "E-LIMIT");
}

#[test]
fn no_byte_of_content_is_fetched_for_a_signature_that_is_not_accepted() {
    let sealed = Sealed::sample();
    let (store, _) = pushed(&sealed);
    // Whoever opened these would say so.
    for name in ["blob.bin", "config.json", "model.safetensors"] {
        tamper::remove(&layer(&sealed, &store, name));
    }
    assert_eq!(outcome(&sealed, &store), "E-BLOB-MISSING");
    let stranger = Sealed::sample();
    assert_eq!(outcome_for(&sealed, &store, &trusting(stranger.public_key())), "E-SIGNER-UNTRUSTED");
    let elsewhere = trusting(sealed.public_key()).expect_name("org/other");
    assert_eq!(outcome_for(&sealed, &store, &elsewhere), "E-NAME-MISMATCH");
}

#[test]
fn an_older_release_under_the_tag_of_a_newer_one() {
    let old = Sealed::sample();
    let (store, first) = pushed(&old);
    let new = Seal::of(ModelDir::sample().file("config.json", "{\"new\": 1}"))
        .version(Some("1.1.0"))
        .key(old.key())
        .sign();
    push(&new, &store);
    let requirements = trusting(new.public_key()).expect_version("1.1.0");
    assert_eq!(outcome_for(&new, &store, &requirements), "accepted");
    store.tag(&first.manifest, &tag("v1")).unwrap();
    assert_eq!(outcome_for(&new, &store, &requirements), "E-VERSION-MISMATCH");
}

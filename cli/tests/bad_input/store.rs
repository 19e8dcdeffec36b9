//! Stores that were damaged or altered, and stores whose keeper lies.

use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::MODEL_PREDICATE_TYPE;
use lacre_hash::Sha256Digest;
use lacre_registry_client::{Descriptor, IMAGE_MANIFEST, build_signature_referrer};
use lacre_testkit::{ModelDir, Seal, Sealed, tamper};
use serde_json::{Value, json};

use crate::place::Place;

const PULL: &str = "pull oci:store:v1 out --key release.pub";

/// The sample in `oci:store:v1`, and where its parts lie.
struct Stored {
    place: Place,
    /// Of the model.
    manifest: Value,
    manifest_digest: String,
    /// Of the signature's referrer.
    referrer_digest: String,
}

impl Stored {
    fn sample() -> Self {
        Self::of(Place::sample())
    }

    fn of(place: Place) -> Self {
        let result = place.accepts("push model oci:store:v1")["result"].clone();
        place.accepts(&format!("{PULL} --dry-run"));
        let digest =
            |member: &str| result[member].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        let (manifest_digest, referrer_digest) = (digest("manifest"), digest("signature"));
        let bytes = fs::read(place.beside("store/blobs/sha256").join(&manifest_digest)).unwrap();
        Self { manifest: serde_json::from_slice(&bytes).unwrap(), manifest_digest, referrer_digest, place }
    }

    fn blob(&self, digest: &str) -> PathBuf {
        self.place.beside("store/blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    fn layer(&self, name: &str) -> PathBuf {
        self.blob(&Sha256Digest::of(&self.place.model().read(name)).to_string())
    }

    fn config(&self) -> PathBuf {
        self.blob(self.manifest["config"]["digest"].as_str().unwrap())
    }

    fn bundle(&self) -> PathBuf {
        self.blob(&Sha256Digest::of(self.place.sealed.bundle()).to_string())
    }

    fn index(&self) -> PathBuf {
        self.place.beside("store/index.json")
    }

    /// A pull must be refused.
    fn is_refused(&self, exit: i32, code: &str) -> String {
        self.place.refuses(PULL, exit, code)
    }

    fn write_blob(&self, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(IMAGE_MANIFEST, bytes);
        fs::write(self.blob(&descriptor.digest.to_string()), bytes).unwrap();
        descriptor
    }

    /// The keeper of the store puts another manifest under the tag, and attaches the good bundle to it.
    fn republished(&self, edit: impl FnOnce(&mut Value)) {
        let mut manifest = self.manifest.clone();
        edit(&mut manifest);
        self.publish(manifest.to_string().as_bytes());
    }

    fn publish(&self, manifest: &[u8]) {
        let subject = self.write_blob(manifest);
        let bundle = self.place.sealed.bundle();
        let built = build_signature_referrer(&subject, bundle, MODEL_PREDICATE_TYPE, "2026-01-01T00:00:00Z");
        let referrer = self.write_blob(&built.manifest);
        let entry = |descriptor: &Descriptor, annotations: Value| {
            json!({
                "annotations": annotations,
                "digest": format!("sha256:{}", descriptor.digest),
                "mediaType": IMAGE_MANIFEST,
                "size": descriptor.size,
            })
        };
        let tag = json!({"org.opencontainers.image.ref.name": "v1"});
        let index = json!({
            "manifests": [entry(&subject, tag), entry(&referrer, json!({}))],
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "schemaVersion": 2,
        });
        fs::write(self.index(), index.to_string()).unwrap();
    }
}

fn layers(manifest: &mut Value) -> &mut Vec<Value> {
    manifest["layers"].as_array_mut().unwrap()
}

fn set_path(layer: &mut Value, path: &str) {
    for annotation in ["org.cncf.model.filepath", "org.opencontainers.image.title"] {
        layer["annotations"][annotation] = path.into();
    }
}

#[test]
fn a_store_that_is_republished_unchanged_is_accepted() {
    let stored = Stored::sample();
    stored.republished(|_| {});
    stored.place.accepts(PULL);
    stored.place.accepts("verify out --key release.pub");
}

#[test]
fn an_altered_layer() {
    let stored = Stored::sample();
    tamper::flip(&stored.layer("blob.bin"), 77_777);
    let said = stored.is_refused(1, "E-FILE-CHANGED");
    assert!(said.contains("blob.bin has other bytes"), "{said}");
    // Pinned by digest, where every digest counts.
    let pinned = format!("pull oci:store@sha256:{} out --key release.pub", stored.manifest_digest);
    stored.place.refuses(&pinned, 1, "E-FILE-CHANGED");
    stored.place.accepts("push model oci:store:v1");
    stored.place.accepts(PULL);
}

#[test]
fn a_layer_of_another_size() {
    for change in [(|path| tamper::truncate(path, 1)) as fn(&Path), |path| tamper::grow(path, b"x")] {
        let stored = Stored::sample();
        change(&stored.layer("blob.bin"));
        stored.is_refused(1, "E-BLOB-DIGEST");
    }
}

#[test]
fn a_missing_blob() {
    for part in [
        Stored::bundle,
        |stored: &Stored| stored.layer("x.json"),
        |stored: &Stored| stored.blob(&stored.manifest_digest),
        |stored: &Stored| stored.blob(&stored.referrer_digest),
    ] {
        let stored = Stored::sample();
        tamper::remove(&part(&stored));
        stored.is_refused(11, "E-BLOB-MISSING");
    }
}

#[test]
fn an_altered_manifest_configuration_referrer_or_bundle() {
    type Part = fn(&Stored) -> PathBuf;
    let parts: [Part; 3] = [
        |stored| stored.blob(&stored.manifest_digest),
        |stored| stored.blob(&stored.referrer_digest),
        Stored::bundle,
    ];
    for part in parts {
        let stored = Stored::sample();
        tamper::flip(&part(&stored), 100);
        stored.is_refused(1, "E-BLOB-DIGEST");
        tamper::grow(&part(&stored), b" ");
        stored.is_refused(1, "E-BLOB-DIGEST");
    }
}

#[test]
fn an_altered_configuration_proves_nothing_and_is_not_read() {
    // Nothing that is pulled depends on it; whoever shows it proves it first.
    let stored = Stored::sample();
    tamper::flip(&stored.config(), 20);
    stored.place.accepts(PULL);
    stored.place.accepts("verify out --key release.pub --expect-name org/mini-lm");
}

#[test]
fn a_blob_that_is_no_file() {
    let outside = Place::sample();
    let layer = |stored: &Stored| stored.layer("x.json");
    let stored = Stored::sample();
    // The very same bytes, through a link.
    tamper::link_away(&layer(&stored), &outside.beside("away"));
    stored.is_refused(13, "E-LAYOUT");
    let stored = Stored::sample();
    tamper::replace_by_fifo(&layer(&stored));
    stored.is_refused(13, "E-LAYOUT");
    let stored = Stored::sample();
    tamper::replace_by_folder(&stored.bundle());
    stored.is_refused(13, "E-LAYOUT");
    let stored = Stored::sample();
    tamper::link_away(&stored.place.beside("store/blobs/sha256"), &outside.beside("blobs"));
    stored.is_refused(13, "E-LAYOUT");
}

#[test]
fn an_index_that_is_none() {
    for (text, code) in [
        ("", "E-JSON"),
        ("garbage", "E-JSON"),
        ("{\"schemaVersion\":2,\"manifests\":[]", "E-JSON"),
        ("[]", "E-JSON"),
        ("{\"schemaVersion\":2}", "E-JSON"),
        ("{\"schemaVersion\":1,\"manifests\":[]}", "E-UNSUPPORTED"),
        ("{\"schemaVersion\":2,\"manifests\":[],\"manifests\":[]}", "E-DUPLICATE-KEY"),
        (
            "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"x\",\"digest\":\"sha256:0\",\"size\":1}]}",
            "E-LAYOUT",
        ),
    ] {
        let stored = Stored::sample();
        fs::write(stored.index(), text).unwrap();
        stored.is_refused(13, code);
        stored.place.refuses("inspect oci:store:v1", 13, code);
        // Nor is it mended or overwritten: nobody knows what it listed.
        stored.place.refuses("push model oci:store:v1", 13, code);
    }
    let stored = Stored::sample();
    fs::write(stored.index(), format!("{{\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000))).unwrap();
    stored.is_refused(13, "E-LIMIT");
    fs::write(stored.index(), " ".repeat(5 << 20)).unwrap();
    stored.is_refused(13, "E-LIMIT");
    tamper::remove(&stored.index());
    stored.is_refused(13, "E-LAYOUT");
    fs::create_dir(stored.index()).unwrap();
    stored.is_refused(13, "E-LAYOUT");
}

#[test]
fn a_folder_that_is_no_layout() {
    let place = Place::sample();
    place.refuses("pull oci:model:v1 out --key release.pub", 13, "E-LAYOUT");
    place.refuses("push model oci:model:v1", 13, "E-LAYOUT");
    place.refuses("pull oci:release.pub out --key release.pub", 13, "E-LAYOUT");
    let stored = Stored::sample();
    let marker = stored.place.beside("store/oci-layout");
    fs::write(&marker, "{\"imageLayoutVersion\":\"2.0.0\"}").unwrap();
    stored.is_refused(13, "E-UNSUPPORTED");
    fs::write(&marker, "{}").unwrap();
    stored.is_refused(13, "E-JSON");
    tamper::remove(&marker);
    stored.is_refused(13, "E-LAYOUT");
}

#[test]
fn a_signature_that_was_taken_away() {
    let stored = Stored::sample();
    let mut index: Value = serde_json::from_slice(&fs::read(stored.index()).unwrap()).unwrap();
    let listed = format!("sha256:{}", stored.referrer_digest);
    index["manifests"].as_array_mut().unwrap().retain(|entry| entry["digest"] != listed.as_str());
    fs::write(stored.index(), index.to_string()).unwrap();
    stored.is_refused(4, "E-NO-SIGNATURE");
}

#[test]
fn a_tag_that_was_moved_to_another_model_by_the_same_key() {
    let stored = Stored::sample();
    let other =
        Seal::of(ModelDir::new().file("weights", "w")).name("org/other").key(stored.place.sealed.key());
    let other = other.sign();
    fs::rename(other.path(), stored.place.beside("other")).unwrap();
    stored.place.accepts("push other oci:store:v1 --force");
    stored.place.refuses(&format!("{PULL} --expect-name org/mini-lm"), 8, "E-NAME-MISMATCH");
    // Pinned by digest, the tag does not matter.
    let pinned = format!("pull oci:store@sha256:{} out --key release.pub", stored.manifest_digest);
    stored.place.accepts(&pinned);
}

#[test]
fn layers_that_are_not_the_signed_files() {
    let swap_paths = |manifest: &mut Value| {
        let layers = layers(manifest);
        let (first, second) = (layers[0]["annotations"].clone(), layers[1]["annotations"].clone());
        layers[0]["annotations"] = second;
        layers[1]["annotations"] = first;
    };
    let add = |manifest: &mut Value| {
        let mut layer = layers(manifest)[0].clone();
        set_path(&mut layer, "evil.py");
        layers(manifest).push(layer);
    };
    let remove = |manifest: &mut Value| drop(layers(manifest).pop());
    let rename = |manifest: &mut Value| set_path(&mut layers(manifest)[0], "evil.py");
    let resize = |manifest: &mut Value| layers(manifest)[0]["size"] = 1.into();
    let edits: [fn(&mut Value); 5] = [swap_paths, add, remove, rename, resize];
    for edit in edits {
        let stored = Stored::sample();
        stored.republished(edit);
        stored.is_refused(1, "E-ARTIFACT-MISMATCH");
    }
}

#[test]
fn layers_that_lead_elsewhere() {
    for (path, exit, code) in [
        ("../evil", 13, "E-PATH"),
        ("/etc/cron.d/evil", 13, "E-PATH"),
        ("x/../../evil", 13, "E-PATH"),
        ("a\\b", 13, "E-PATH"),
        ("", 13, "E-PATH"),
        ("config.json", 13, "E-DUPLICATE-NAME"),
        ("CONFIG.json", 13, "E-NAME-COLLISION"),
        ("config.json/x", 13, "E-NAME-COLLISION"),
        ("model.sig", 13, "E-ARTIFACT"),
    ] {
        let stored = Stored::sample();
        stored.republished(|manifest| {
            let at = layers(manifest)
                .iter()
                .position(|layer| layer["annotations"]["org.cncf.model.filepath"] == "x.json");
            set_path(&mut layers(manifest)[at.unwrap()], path);
        });
        stored.is_refused(exit, code);
        assert!(!stored.place.beside("evil").exists());
    }
}

#[test]
fn artifacts_of_another_kind() {
    let edits: [fn(&mut Value); 9] = [
        |manifest| manifest["artifactType"] = "application/x".into(),
        |manifest| drop(manifest.as_object_mut().unwrap().remove("artifactType")),
        |manifest| manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json".into(),
        |manifest| manifest["config"]["mediaType"] = "application/x".into(),
        |manifest| layers(manifest)[0]["mediaType"] = "application/vnd.cncf.model.weight.v1.zip".into(),
        |manifest| layers(manifest)[0]["urls"] = json!(["https://example.com/"]),
        |manifest| layers(manifest)[0]["data"] = "AAAA".into(),
        |manifest| drop(layers(manifest)[0].as_object_mut().unwrap().remove("annotations")),
        |manifest| layers(manifest).clear(),
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let stored = Stored::sample();
        stored.republished(edit);
        let said = stored.is_refused(13, "E-ARTIFACT");
        assert!(!said.is_empty(), "{number}");
    }
    // A file that is said to be an archive.
    let stored = Stored::sample();
    let tar = "application/vnd.cncf.model.weight.v1.tar";
    stored.republished(|manifest| layers(manifest)[0]["mediaType"] = tar.into());
    stored.is_refused(13, "E-ARCHIVE");
    let zstd = "application/vnd.cncf.model.weight.v1.tar+zstd";
    stored.republished(|manifest| layers(manifest)[0]["mediaType"] = zstd.into());
    stored.is_refused(13, "E-UNSUPPORTED");
    let stored = Stored::sample();
    let twice = stored.manifest.to_string().replacen("\"layers\":", "\"layers\":[],\"layers\":", 1);
    stored.publish(twice.as_bytes());
    stored.is_refused(13, "E-DUPLICATE-KEY");
    stored.publish(b"not a manifest");
    stored.is_refused(13, "E-JSON");
}

#[test]
fn a_signature_is_looked_for_among_many_but_not_among_countless() {
    let stored = Stored::sample();
    let other = Sealed::sample();
    let mut index: Value = serde_json::from_slice(&fs::read(stored.index()).unwrap()).unwrap();
    let manifest = fs::read(stored.blob(&stored.manifest_digest)).unwrap();
    let subject = Descriptor::of(IMAGE_MANIFEST, &manifest);
    let mut attach = |number: u32| {
        let created = format!("2026-01-01T00:00:{number:02}Z");
        stored.write_blob(other.bundle());
        let built = build_signature_referrer(&subject, other.bundle(), MODEL_PREDICATE_TYPE, &created);
        let referrer = stored.write_blob(&built.manifest);
        index["manifests"].as_array_mut().unwrap().push(json!({
            "digest": format!("sha256:{}", referrer.digest),
            "mediaType": IMAGE_MANIFEST,
            "size": referrer.size,
        }));
        fs::write(stored.index(), index.to_string()).unwrap();
    };
    // Strangers can attach what they like: the trusted signature is found among theirs.
    (0..20).for_each(&mut attach);
    stored.place.accepts("pull oci:store:v1 few --key release.pub");
    (20..70).for_each(&mut attach);
    stored.is_refused(13, "E-LIMIT");
}

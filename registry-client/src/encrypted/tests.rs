use std::cell::RefCell;
use std::fs;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::rc::Rc;

use lacre_encrypt::{Identities, Recipients, file_size};
use lacre_hash::{Blake3Digest, NoProgress};
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};

use super::*;
use crate::{
    BUNDLE_ARTIFACT_TYPE, BlobContent, BuiltArtifact, CHUNKS_ARTIFACT_TYPE, Content, Layout, ModelArtifact,
    Put, SignatureReferrer, Store, Target, attach_chunks, attach_signature, build,
};

const WEIGHTS: usize = 3 * 1024 * 1024 + 5;

struct Scene {
    folder: tempfile::TempDir,
    store: Layout,
    identities: Identities,
    built: BuiltArtifact,
    manifest: Descriptor,
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let weights =
        (0..WEIGHTS).map(|index| u8::try_from((index / 9 + index / 70_000) % 256).unwrap()).collect();
    vec![
        ("config.json", b"{\"secret\":1}".to_vec()),
        ("copy.json", b"{\"secret\":1}".to_vec()),
        ("empty", Vec::new()),
        ("model.safetensors", weights),
    ]
}

fn spool(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("spool")
}

/// An encrypted model with a signature and chunk lists in a layout.
fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let store = Layout::create(&folder.path().join("store")).unwrap();
    let identities = Identities::generate();
    let (built, manifest) = put(&store, &identities, &folder, &files());
    Scene { folder, store, identities, built, manifest }
}

fn put(
    store: &Layout,
    identities: &Identities,
    folder: &tempfile::TempDir,
    files: &[(&str, Vec<u8>)],
) -> (BuiltArtifact, Descriptor) {
    let recipients = Recipients::parse(&identities.recipients()).unwrap();
    let entry = |(path, bytes): &(&str, Vec<u8>)| Entry {
        digests: Digests::Sha256 { sha256: Sha256Digest::of(bytes), blake3: None },
        size: Some(bytes.len() as u64),
        path: EntryPath::parse(path).unwrap(),
    };
    let built = build(&Manifest::new(files.iter().map(entry).collect()).unwrap(), "org/m", None).unwrap();
    let sealing = Sealing::new(store, &recipients, spool(folder));
    for ((_, bytes), layer) in files.iter().zip(&built.artifact.layers) {
        sealing.put_blob(&layer.descriptor, bytes, &NoProgress).unwrap();
    }
    sealing.put_blob(&built.artifact.config, &built.config, &NoProgress).unwrap();
    let model = sealing.put_manifest(IMAGE_MANIFEST, &built.manifest, None).unwrap();
    attach_signature(&sealing, &model, b"a bundle", "urn:x", "2026-11-23T00:00:00Z").unwrap();
    let again = attach_signature(&sealing, &model, b"a bundle", "urn:x", "2026-11-24T00:00:00Z").unwrap();
    assert_eq!(again.1, Put::Existed);
    attach_chunks(&sealing, &model, b"lists").unwrap();
    let manifest = sealing.finish().unwrap();
    (built, manifest)
}

impl Scene {
    fn artifact(&self) -> EncryptedArtifact {
        EncryptedArtifact::parse(&self.store.manifest(&self.manifest).unwrap()).unwrap()
    }

    fn identities(&self) -> Identities {
        Identities::parse(self.identities.to_file().as_bytes()).unwrap()
    }

    fn reveal(&self) -> Result<Revealed<'_>, RegistryError> {
        Revealed::open(&self.store, &self.artifact(), self.identities())
    }

    fn blob(&self, descriptor: &Descriptor) -> PathBuf {
        self.folder.path().join("store/blobs/sha256").join(descriptor.digest.to_string())
    }

    /// The layer that holds the weights: the longest one.
    fn weights(&self) -> Descriptor {
        self.artifact().layers.into_iter().max_by_key(|layer| layer.size).unwrap()
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, RegistryError>) -> &'static str {
    outcome.unwrap_err().code()
}

fn read(store: &dyn Store, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let read = store.blob(descriptor)?.read_to_end(&mut bytes);
    read.map_err(|error| error.downcast().unwrap_or_else(|source| RegistryError::Stream { source }))?;
    Ok(bytes)
}

#[test]
fn what_was_put_comes_out_again() {
    let scene = scene();
    let revealed = scene.reveal().unwrap();
    let model = revealed.resolve(&Target::Only).unwrap();
    assert_eq!(model.digest, scene.built.descriptor().digest);
    let artifact = ModelArtifact::parse(&revealed.manifest(&model).unwrap()).unwrap();
    for ((_, bytes), layer) in files().iter().zip(&artifact.layers) {
        assert!(read(&revealed, &layer.descriptor).unwrap() == *bytes, "{}", layer.path);
    }
    assert_eq!(revealed.small_blob(&artifact.config, 4096).unwrap(), scene.built.config);
    let bundles = revealed.referrers(&model.digest, Some(BUNDLE_ARTIFACT_TYPE)).unwrap();
    let [bundle] = bundles.as_slice() else { panic!("{bundles:?}") };
    let signature = SignatureReferrer::parse(&revealed.manifest(bundle).unwrap()).unwrap();
    assert_eq!(revealed.small_blob(&signature.bundle, 100).unwrap(), b"a bundle");
    assert_eq!(revealed.referrers(&model.digest, Some(CHUNKS_ARTIFACT_TYPE)).unwrap().len(), 1);
    assert_eq!(revealed.referrers(&scene.manifest.digest, None).unwrap(), []);
    // Nothing waits on disk.
    assert_eq!(fs::read_dir(spool(&scene.folder)).unwrap().count(), 0);
}

#[test]
fn parts_of_a_blob_come_from_any_place() {
    let scene = scene();
    let revealed = scene.reveal().unwrap();
    let files = files();
    let weights = &files[3].1;
    let blob = scene.built.artifact.layers[3].descriptor.clone();
    let (chunk, end) = (65_536_u64, WEIGHTS as u64);
    let last = end / chunk * chunk;
    let ranges = [
        0..1,
        1_048_576..2_097_152,
        70_000..70_001,
        last..end,
        end - 1..end,
        0..end,
        9..9,
        chunk - 1..chunk + 1,
    ];
    for range in ranges {
        let mut part = Vec::new();
        revealed.blob_range(&blob, range.clone()).unwrap().read_to_end(&mut part).unwrap();
        let wanted = &weights[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert!(part == wanted, "{range:?}");
    }
    assert_eq!(code(revealed.blob_range(&blob, 5..end + 1)), "E-UNREADABLE");
    let mut other = blob;
    other.size -= 1;
    assert_eq!(code(revealed.blob(&other)), "E-BLOB-DIGEST");
}

#[test]
fn nothing_of_the_inside_shows() {
    let scene = scene();
    let manifest = String::from_utf8(scene.store.manifest(&scene.manifest).unwrap()).unwrap();
    for hidden in ["config", "safetensors", "annotations", "org/m", "cncf"] {
        let shown = manifest.replace("\"config\":{", "");
        assert!(!shown.contains(hidden), "{hidden}: {manifest}");
    }
    for (_, bytes) in files() {
        assert!(!manifest.contains(&Sha256Digest::of(&bytes).to_string()));
    }
    // Two equal files are one layer: weights, configuration file, empty file; configuration, manifest, bundle, two referrers,
    // lists, and the empty configuration of the referrers.
    let artifact = scene.artifact();
    assert_eq!(artifact.layers.len(), 10);
    assert!(artifact.layers.is_sorted_by_key(|layer| layer.digest));
    // And no blob of the store holds any of it.
    for blob in fs::read_dir(scene.folder.path().join("store/blobs/sha256")).unwrap() {
        let bytes = fs::read(blob.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"\"secret\"" || window == b"a bundle"));
    }
    assert_eq!(code(ModelArtifact::parse(manifest.as_bytes())), "E-ENCRYPTED");
}

#[test]
fn a_second_time_gives_other_bytes() {
    let scene = scene();
    let (built, manifest) = put(&scene.store, &scene.identities, &scene.folder, &files());
    assert_eq!(built, scene.built);
    assert_ne!(manifest.digest, scene.manifest.digest);
}

#[test]
fn only_recipients_reveal() {
    let scene = scene();
    let other = Revealed::open(&scene.store, &scene.artifact(), Identities::generate());
    assert_eq!(code(other), "E-NOT-RECIPIENT");
}

#[test]
fn changed_layers_are_refused() {
    let scene = scene();
    let index = scene.artifact().index;
    let good = fs::read(scene.blob(&index)).unwrap();
    for place in [0, 30, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(scene.blob(&index), &bad).unwrap();
        assert_eq!(code(scene.reveal()), "E-BLOB-DIGEST", "{place}");
    }
    fs::write(scene.blob(&index), &good).unwrap();
    // A layer is not hashed as a whole; its head is the one that the index knows, and each chunk is authenticated.
    let layer = scene.weights();
    let blob = scene.built.artifact.layers[3].descriptor.clone();
    let good = fs::read(scene.blob(&layer)).unwrap();
    for place in [0, 60, 150, 1_500_000, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(scene.blob(&layer), &bad).unwrap();
        let revealed = scene.reveal().unwrap();
        assert_eq!(code(read(&revealed, &blob)), "E-CIPHERTEXT", "{place}");
        if place > 1_000_000 {
            // Elsewhere it is as it was.
            assert!(revealed.blob_range(&blob, 0..65_536).unwrap().read_to_end(&mut Vec::new()).is_ok());
        }
    }
    fs::write(scene.blob(&layer), &good[..good.len() - 1]).unwrap();
    assert_eq!(code(read(&scene.reveal().unwrap(), &blob)), "E-BLOB-DIGEST");
}

/// Shows what was written while it is written.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An age file that somebody else made for the same recipients: it opens, and is not the one of the index.
#[test]
fn another_file_for_the_same_recipients_is_refused() {
    let scene = scene();
    let layer = scene.weights();
    let mut other = files()[3].1.clone();
    other[7] ^= 1;
    let recipients = Recipients::parse(&scene.identities.recipients()).unwrap();
    let wanted = file_size(0, other.len() as u64).unwrap();
    let foreign = loop {
        let written = Shared::default();
        let mut sealer = recipients.seal(written.clone()).unwrap();
        // age adds a line of random length to each head.
        if written.0.borrow().len() as u64 + wanted == layer.size {
            sealer.write_all(&other).unwrap();
            break sealer.finish().unwrap().0.take();
        }
    };
    assert_eq!(foreign.len() as u64, layer.size);
    fs::write(scene.blob(&layer), foreign).unwrap();
    let blob = scene.built.artifact.layers[3].descriptor.clone();
    assert_eq!(code(read(&scene.reveal().unwrap(), &blob)), "E-CIPHERTEXT");
}

#[test]
fn layers_that_do_not_fit_the_index_are_refused() {
    let scene = scene();
    let reveal = |artifact: &EncryptedArtifact| Revealed::open(&scene.store, artifact, scene.identities());
    let mut swapped = scene.artifact();
    let longest = (0..10).max_by_key(|&layer| swapped.layers[layer].size).unwrap();
    swapped.layers.swap(longest, (longest + 1) % 10);
    assert_eq!(code(reveal(&swapped)), "E-ARTIFACT");
    let mut fewer = scene.artifact();
    fewer.layers.pop();
    assert_eq!(code(reveal(&fewer)), "E-ARTIFACT");
    let mut other = scene.artifact();
    // A layer that is an age file, and no index.
    other.index = other.layers.iter().min_by_key(|layer| layer.size).unwrap().clone();
    assert_eq!(code(reveal(&other)), "E-JSON");
}

#[test]
fn reads_its_own_manifest_and_nothing_else() {
    let scene = scene();
    let good = String::from_utf8(scene.store.manifest(&scene.manifest).unwrap()).unwrap();
    assert!(EncryptedArtifact::is_one(good.as_bytes()).unwrap());
    assert!(!EncryptedArtifact::is_one(&scene.built.manifest).unwrap());
    assert_eq!(code(EncryptedArtifact::parse(&scene.built.manifest)), "E-ARTIFACT");
    let layer = ENCRYPTED_LAYER_TYPE;
    for (from, to) in [
        (ENCRYPTED_ARTIFACT_TYPE.to_owned() + "\"", "application/x\"".to_owned()),
        (EMPTY_CONFIG.to_owned(), "application/x".to_owned()),
        (layer.to_owned(), "application/x".to_owned()),
        (format!(r#""mediaType":"{layer}""#), format!(r#""mediaType":"{layer}","urls":["http://x.test/"]"#)),
        (format!(r#""mediaType":"{layer}""#), format!(r#""mediaType":"{layer}","data":"e30=""#)),
        (IMAGE_MANIFEST.to_owned(), "application/x".to_owned()),
    ] {
        let text = good.replacen(&from, &to, 1);
        assert_ne!(text, good, "{from}");
        assert_eq!(code(EncryptedArtifact::parse(text.as_bytes())), "E-ARTIFACT", "{from} -> {to}");
    }
    let start = good.find("\"layers\":[").unwrap() + 10;
    let end = good[start..].find(']').unwrap() + start;
    let none = format!("{}{}", &good[..start], &good[end..]);
    assert_eq!(code(EncryptedArtifact::parse(none.as_bytes())), "E-ARTIFACT");
}

/// Content of one byte, whose BLAKE3 digest is said to be this one.
struct Known(Blake3Digest);
impl BlobContent for Known {
    fn open(&self) -> io::Result<Content<'_>> {
        Ok(Content::Bytes(b"x"))
    }

    fn blake3(&self) -> Option<Blake3Digest> {
        Some(self.0)
    }
}

#[test]
fn takes_one_artifact_and_no_tag() {
    let scene = scene();
    let recipients = Recipients::parse(&scene.identities.recipients()).unwrap();
    let sealing = || Sealing::new(&scene.store, &recipients, spool(&scene.folder));
    assert_eq!(code(sealing().finish()), "E-ARTIFACT");
    let store = sealing();
    let tag = crate::Tag::parse("v1").unwrap();
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, &scene.built.manifest, Some(&tag))), "E-UNSUPPORTED");
    let model = store.put_manifest(IMAGE_MANIFEST, &scene.built.manifest, None).unwrap();
    assert_eq!(store.put_manifest(IMAGE_MANIFEST, &scene.built.manifest, None).unwrap(), model);
    assert_eq!(code(store.tag(&model, &tag)), "E-UNSUPPORTED");
    let digests = Digests::Sha256 { sha256: Sha256Digest::of(b""), blake3: None };
    let entry = Entry { path: EntryPath::parse("other").unwrap(), size: Some(0), digests };
    let second = build(&Manifest::new(vec![entry]).unwrap(), "org/other", None).unwrap();
    assert_eq!(code(store.put_manifest(IMAGE_MANIFEST, &second.manifest, None)), "E-ARTIFACT");
    let wrong = Descriptor::new("a/b", Sha256Digest::of(b"x"), 1);
    assert_eq!(code(store.put_blob(&wrong, &b"y".as_slice(), &NoProgress)), "E-BLOB-DIGEST");
    assert_eq!(code(store.put_blob(&wrong, &b"xx".as_slice(), &NoProgress)), "E-BLOB-DIGEST");
    // Where both digests are known both are compared: nobody else does.
    let [right, other] = [b"x", b"y"].map(|bytes| Known(Blake3Digest::of(bytes)));
    assert_eq!(code(store.put_blob(&wrong, &other, &NoProgress)), "E-BLOB-DIGEST");
    assert_eq!(store.put_blob(&wrong, &right, &NoProgress).unwrap(), Put::Written);
    let revealed = scene.reveal().unwrap();
    assert_eq!(code(revealed.put_blob(&wrong, &b"x".as_slice(), &NoProgress)), "E-UNSUPPORTED");
    assert_eq!(code(revealed.put_manifest(IMAGE_MANIFEST, b"{}", None)), "E-UNSUPPORTED");
    assert_eq!(code(revealed.tag(&model, &tag)), "E-UNSUPPORTED");
    assert_eq!(code(revealed.resolve(&Target::Tag(tag))), "E-REFERENCE-NOT-FOUND");
}

//! Signed models.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lacre_attest::{KeyAlgorithm, Limits, ModelClaim, PublicKey};
use lacre_hash::{Engine, NoProgress};
use lacre_manifest::{EntryPath, Exclusions, Links, Root, Survey, survey};
use lacre_sign::{FileKey, seal, write_key_pair};
use serde_json::Value;

use crate::{ModelDir, resign, restate, statement_of};

/// How a model is to be signed.
#[derive(Debug)]
pub struct Seal {
    model: ModelDir,
    name: String,
    version: Option<String>,
    key: Option<Arc<FileKey>>,
    algorithm: KeyAlgorithm,
    ignore: Vec<EntryPath>,
    modes: Modes,
}

/// Whether executable bits and empty folders are signed.
#[derive(Debug, Clone, Copy)]
enum Modes {
    Signed,
    Unsigned,
}

impl Seal {
    /// Signs this model: as `org/mini-lm`, version `1.0.0`, with a new P-256 key, unless told otherwise.
    pub fn of(model: ModelDir) -> Self {
        Self {
            model,
            name: "org/mini-lm".to_owned(),
            version: Some("1.0.0".to_owned()),
            key: None,
            algorithm: KeyAlgorithm::EcdsaP256,
            ignore: Vec::new(),
            modes: Modes::Signed,
        }
    }

    /// The name to sign.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The version to sign.
    pub fn version(mut self, version: Option<&str>) -> Self {
        self.version = version.map(ToOwned::to_owned);
        self
    }

    /// The kind of the new key.
    pub fn algorithm(mut self, algorithm: KeyAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// A key that is there already.
    pub fn key(mut self, key: &Arc<FileKey>) -> Self {
        self.key = Some(Arc::clone(key));
        self
    }

    /// Paths to leave out and to sign as ignored.
    pub fn ignore(mut self, paths: &[&str]) -> Self {
        self.ignore = paths.iter().map(|path| EntryPath::parse(path).unwrap()).collect();
        self
    }

    /// Says nothing of executable bits and empty folders, as other tools do.
    pub fn without_modes(mut self) -> Self {
        self.modes = Modes::Unsigned;
        self
    }

    /// The claim that is signed, for other ways of signing it.
    pub fn claim(&self) -> ModelClaim {
        let root = Root::open(&self.model.path(), Links::Refuse).unwrap();
        let exclusions = Exclusions {
            ignore: self.ignore.clone(),
            signature: Some(EntryPath::parse(Sealed::SIGNATURE).unwrap()),
        };
        let Survey { manifest, tree, .. } = survey(&root, &exclusions, &Engine::new(), &NoProgress).unwrap();
        let claim = ModelClaim::new(self.name.as_str(), self.version.clone(), manifest, self.ignore.clone());
        match self.modes {
            Modes::Signed => claim.unwrap().with_shape(tree.executable, tree.empty_folders).unwrap(),
            Modes::Unsigned => claim.unwrap(),
        }
    }

    /// The model, not signed.
    pub fn into_model(self) -> ModelDir {
        self.model
    }

    /// Signs; the bundle lies at `model.sig` in the model.
    pub fn sign(self) -> Sealed {
        let claim = self.claim();
        let key = self.key.unwrap_or_else(|| Arc::new(FileKey::generate(self.algorithm).unwrap()));
        let bundle = seal(&claim, &*key, &Limits::default()).unwrap().to_json();
        let sealed = Sealed { model: self.model, key, bundle };
        sealed.write_bundle(&sealed.bundle);
        sealed
    }
}

/// A model folder, the key that signed it, and the bundle, which also lies at `model.sig` in the folder.
#[derive(Debug)]
pub struct Sealed {
    model: ModelDir,
    key: Arc<FileKey>,
    bundle: Vec<u8>,
}

impl Sealed {
    /// Where in the model the bundle lies.
    pub const SIGNATURE: &str = "model.sig";

    /// [`ModelDir::sample`], signed as [`Seal::of`] says.
    pub fn sample() -> Self {
        Seal::of(ModelDir::sample()).sign()
    }

    /// The model.
    pub fn model(&self) -> &ModelDir {
        &self.model
    }

    /// The model folder.
    pub fn path(&self) -> PathBuf {
        self.model.path()
    }

    /// The key that signed.
    pub fn key(&self) -> &Arc<FileKey> {
        &self.key
    }

    /// The public half of the key that signed.
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The bundle as it was made.
    pub fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// The statement that was signed.
    pub fn statement(&self) -> Value {
        statement_of(&self.bundle)
    }

    /// Where the bundle lies.
    pub fn signature_path(&self) -> PathBuf {
        self.model.entry(Self::SIGNATURE)
    }

    /// Puts another bundle in the place of the one that was made.
    pub fn write_bundle(&self, bundle: &[u8]) {
        fs::write(self.signature_path(), bundle).unwrap();
    }

    /// Another statement by the same key: the signed one after `edit`, with root and identity as `edit` left them.
    /// Returns the bundle; [`Sealed::write_bundle`] puts it into place.
    pub fn resigned(&self, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut statement = self.statement();
        edit(&mut statement);
        resign(serde_json::to_vec(&statement).unwrap(), &self.key)
    }

    /// [`Sealed::resigned`] with root and identity made right again, so that only what `edit` did is wrong.
    pub fn restated(&self, edit: impl FnOnce(&mut Value)) -> Vec<u8> {
        self.resigned(|statement| {
            edit(statement);
            restate(statement);
        })
    }

    /// Writes the key as files beside the model, not encrypted: `(private, public)`, `release.key` and `release.pub`.
    pub fn write_keys(&self) -> (PathBuf, PathBuf) {
        let (private, public) = (self.model.beside("release.key"), self.model.beside("release.pub"));
        write_key_pair((&private, &public), &self.key, None).unwrap();
        (private, public)
    }
}

#[cfg(test)]
mod tests {
    use lacre_attest::{Bundle, IN_TOTO_PAYLOAD_TYPE, ModelClaim, Statement, pae};

    use super::*;

    fn read(bundle: &[u8], key: &PublicKey) -> Result<ModelClaim, lacre_attest::AttestError> {
        let bundle = Bundle::parse(bundle, &Limits::default())?;
        let envelope = bundle.envelope();
        key.verify(&pae(IN_TOTO_PAYLOAD_TYPE, envelope.payload()), envelope.signature())?;
        ModelClaim::from_statement(&Statement::parse(envelope.payload(), &Limits::default())?)
    }

    #[test]
    fn a_sealed_model_is_signed_by_its_key() {
        for algorithm in KeyAlgorithm::ALL {
            let sealed = Seal::of(ModelDir::sample()).algorithm(algorithm).name("a/b").version(None).sign();
            let claim = read(&fs::read(sealed.signature_path()).unwrap(), sealed.public_key()).unwrap();
            assert_eq!((claim.name(), claim.version()), ("a/b", None));
            let mut names = sealed.model().names();
            names.retain(|name| name != Sealed::SIGNATURE);
            let signed: Vec<_> = claim.manifest().entries().iter().map(|entry| entry.path.as_str()).collect();
            assert_eq!(signed, names);
        }
    }

    #[test]
    fn ignored_paths_are_signed_as_such() {
        let sealed = Seal::of(ModelDir::sample().file(".git/HEAD", "ref")).ignore(&[".git"]).sign();
        let claim = read(sealed.bundle(), sealed.public_key()).unwrap();
        assert_eq!(claim.ignore_paths(), [EntryPath::parse(".git").unwrap()]);
        assert!(claim.manifest().get(".git/HEAD").is_none());
    }

    #[test]
    fn two_models_can_have_one_key() {
        let one = Sealed::sample();
        let two = Seal::of(ModelDir::new().file("a", "b")).name("org/other").key(one.key()).sign();
        assert_eq!(read(two.bundle(), one.public_key()).unwrap().name(), "org/other");
    }

    #[test]
    fn a_changed_statement_is_signed_again() {
        let sealed = Sealed::sample();
        let edit = |statement: &mut Value| {
            statement["predicate"]["resources"].as_array_mut().unwrap().pop();
        };
        let complete = read(sealed.bundle(), sealed.public_key()).unwrap().manifest().len();
        let shorter = read(&sealed.restated(edit), sealed.public_key()).unwrap();
        assert_eq!(shorter.manifest().len(), complete - 1);
        assert_eq!(read(&sealed.resigned(edit), sealed.public_key()).unwrap_err().code(), "E-ROOT");
    }

    #[test]
    fn the_key_files_are_those_of_the_signer() {
        let sealed = Sealed::sample();
        let (private, public) = sealed.write_keys();
        assert_eq!(fs::read_to_string(public).unwrap(), sealed.public_key().to_pem());
        let opened = lacre_sign::read_private_key(&private, &mut || Ok(None)).unwrap();
        assert_eq!(opened.key.public_key(), sealed.public_key());
    }
}

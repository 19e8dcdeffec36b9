//! `sign-model`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lacre_attest::{Bundle, Limits, ModelClaim};
use lacre_hash::{Engine, NoProgress};
use lacre_manifest::{DEFAULT_IGNORES, EntryPath, Exclusions, Links, Root, Survey, survey};
use lacre_sign::{
    CertificateChain, CertificateSigner, Decision, FileKey, Token, TrustConfig, read_private_key, seal,
    seal_keyless,
};

use super::{FILE_LIMIT, Method, ignored, nothing_more};
use crate::Refusal;
use crate::arguments::Arguments;
use crate::files::{read, write};

pub(super) fn run(arguments: &mut Arguments) -> Result<(), Refusal> {
    let method = Method::take(arguments)?;
    let model = PathBuf::from(arguments.demand("--model-path")?);
    let output = PathBuf::from(arguments.demand("--output-bundle")?);
    let ignore = arguments.take_all("--ignore-paths");
    let claimant = match method {
        Method::Key => Claimant::Key(key(arguments)?),
        Method::Certificate => certified(arguments)?,
        Method::Sigstore => identity(arguments)?,
    };
    nothing_more(arguments)?;
    let claim = claim(&model, &output, &ignore)?;
    let bundle = claimant.seal(&claim)?;
    write(&output, &bundle.to_json())
}

/// Who signs.
enum Claimant {
    Key(FileKey),
    Certificate(CertificateSigner<'static>),
    Identity(Box<TrustConfig>, Token),
}

impl Claimant {
    fn seal(&self, claim: &ModelClaim) -> Result<Bundle, Refusal> {
        let limits = Limits::default();
        Ok(match self {
            Self::Key(key) => seal(claim, key, &limits)?,
            Self::Certificate(signer) => seal(claim, signer, &limits)?,
            // Whoever hands a token to the suite has it published.
            Self::Identity(config, token) => {
                seal_keyless(claim, config, token, &|_| Decision::Sign, &limits)?
            }
        })
    }
}

fn key(arguments: &mut Arguments) -> Result<FileKey, Refusal> {
    let path = arguments.demand("--private-key")?;
    Ok(read_private_key(Path::new(&path), &mut || Ok(None))?.key)
}

fn certified(arguments: &mut Arguments) -> Result<Claimant, Refusal> {
    let key = key(arguments)?;
    let leaf = PathBuf::from(arguments.demand("--signing-cert")?);
    let alone = read(&leaf, FILE_LIMIT)?;
    let mut chain = Vec::new();
    for path in arguments.take_all("--cert-chain").into_iter().map(PathBuf::from) {
        // The protocol names a certificate that signed itself twice: as the leaf and as its chain.
        if read(&path, FILE_LIMIT)? != alone {
            chain.push(path);
        }
    }
    let chain = CertificateChain::read(&leaf, &chain)?;
    Ok(Claimant::Certificate(CertificateSigner::new(Box::new(key), chain, SystemTime::now())?))
}

fn identity(arguments: &mut Arguments) -> Result<Claimant, Refusal> {
    let token = Token::parse(&arguments.demand("--identity-token")?)?;
    let config = match arguments.take("--trust-config")? {
        Some(path) => TrustConfig::read(Path::new(&path))?,
        None if arguments.switch("--use-staging") => {
            return Err(Refusal::usage("--use-staging wants --trust-config"));
        }
        None => TrustConfig::public_good()?,
    };
    Ok(Claimant::Identity(Box::new(config), token))
}

/// What `lacre sign` claims of a model without a word about its name.
fn claim(model: &Path, output: &Path, ignore: &[String]) -> Result<ModelClaim, Refusal> {
    let root = Root::open(model, Links::Refuse)?;
    let mut exclusions = Exclusions::default();
    if root.only_file().is_none() {
        exclusions.ignore = ignored(ignore, model)?;
        for path in DEFAULT_IGNORES {
            exclusions.ignore.push(EntryPath::parse(path).map_err(lacre_manifest::ManifestError::from)?);
        }
        exclusions.ignore.sort_unstable();
        exclusions.ignore.dedup();
        exclusions.signature = root.locate(output);
    }
    let Survey { manifest, tree, .. } = survey(&root, &exclusions, &Engine::new(), &NoProgress)?;
    let claim = ModelClaim::new(root.name().to_owned(), None, manifest, exclusions.ignore)?;
    Ok(claim.with_shape(tree.executable, tree.empty_folders)?)
}

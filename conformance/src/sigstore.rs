//! The client protocol of sigstore-conformance (`docs/cli_protocol.md` there).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use lacre_attest::{Envelope, Gauge, Limits, PublicKey, Statement};
use lacre_hash::Sha256Digest;
use lacre_sign::sigstore_layer_that_signs_no_model as layer;
use lacre_sign::{Decision, Token, TrustConfig};
use lacre_verify::sigstore_layer_that_proves_no_model::{
    Content, Pieces, SigningMaterial, TrustedRoot, verify_managed_pieces, verify_pieces,
};
use lacre_verify::{KeylessIdentity, SubjectMatch, VerifyError};

use crate::Refusal;
use crate::arguments::Arguments;
use crate::bundle::{AnyBundle, AnyContent, AnyMaterial};
use crate::files::{read, read_text, unreadable, write};

/// The longest message, in bytes: it is read into memory, because some keys sign it as a whole.
const MESSAGE_LIMIT: u64 = 1 << 30;
/// Bounds on the bundles of the suite, which are small.
const LIMITS: Limits = Limits { statement: 16 << 20, depth: 32 };

/// Does what `words` ask for: `Ok` accepts.
pub fn run(words: impl IntoIterator<Item = String>) -> Result<(), Refusal> {
    let mut words = words.into_iter();
    match words.next().as_deref() {
        Some("verify-bundle") => {
            let arguments = Arguments::read(words, &["--staging"])?;
            verify_bundle(arguments)
        }
        Some("sign-bundle") => {
            let arguments = Arguments::read(words, &["--staging", "--in-toto"])?;
            sign_bundle(arguments)
        }
        _ => Err(Refusal::usage("the first word is verify-bundle or sign-bundle")),
    }
}

fn sign_bundle(mut arguments: Arguments) -> Result<(), Refusal> {
    let token = Token::parse(&arguments.demand("--identity-token")?)?;
    let bundle = arguments.demand("--bundle")?;
    let config = match (arguments.take("--trusted-root")?, arguments.take("--signing-config")?) {
        (Some(root), Some(signing)) => trust_config(Path::new(&root), Path::new(&signing))?,
        (None, None) if arguments.switch("--staging") => {
            return Err(Refusal::usage("--staging wants --trusted-root and --signing-config"));
        }
        (None, None) => TrustConfig::public_good()?,
        _ => return Err(Refusal::usage("--trusted-root and --signing-config go together")),
    };
    arguments.end()?;
    let [file] = arguments.files.as_slice() else { return Err(Refusal::usage("wanted: one file")) };
    let bytes = read(Path::new(file), MESSAGE_LIMIT)?;
    let content = if arguments.switch("--in-toto") {
        layer::Content::Statement(&bytes)
    } else {
        layer::Content::Message(&bytes)
    };
    // Whoever hands a token to the suite has it published.
    let text = layer::sign(content, &config, &token, &|_| Decision::Sign, &LIMITS)?;
    write(Path::new(&bundle), &text)
}

/// The two files of the protocol as the one that the product reads.
fn trust_config(root: &Path, signing: &Path) -> Result<TrustConfig, Refusal> {
    let limit = LIMITS.bundle() as u64;
    let (root, signing) = (read_text(root, limit)?, read_text(signing, limit)?);
    let whole = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json","trustedRoot":{root},"signingConfig":{signing}}}"#
    );
    Ok(TrustConfig::from_json(whole.as_bytes())?)
}

fn verify_bundle(mut arguments: Arguments) -> Result<(), Refusal> {
    let bundle = arguments.demand("--bundle")?;
    let root = arguments.take("--trusted-root")?;
    let expected = match (
        arguments.take("--certificate-identity")?,
        arguments.take("--certificate-oidc-issuer")?,
        arguments.take("--key")?,
    ) {
        (Some(identity), Some(issuer), None) => {
            Expected::Identity(KeylessIdentity::new(SubjectMatch::Exact(identity), issuer)?)
        }
        (None, None, Some(key)) => {
            let pem = String::from_utf8(read(Path::new(&key), LIMITS.bundle() as u64)?)
                .map_err(|_| Refusal { code: "E-KEY", detail: "the key is not a PEM text".to_owned() })?;
            Expected::Key(PublicKey::from_pem(&pem).map_err(VerifyError::from)?)
        }
        _ => return Err(Refusal::usage("wanted: an identity and its issuer, or a key")),
    };
    arguments.end()?;
    let [message] = arguments.files.as_slice() else {
        return Err(Refusal::usage("wanted: one file or digest"));
    };
    let root = match root {
        Some(file) => TrustedRoot::from_json(&read(Path::new(&file), LIMITS.bundle() as u64)?, &LIMITS)?,
        None if arguments.switch("--staging") => {
            return Err(Refusal::usage("--staging wants --trusted-root: there is no network here"));
        }
        None => TrustedRoot::public_good()?,
    };
    let message = Message::read(message)?;
    let text = read_bundle(Path::new(&bundle))?;
    accept(&text, &message, &expected, &root)
}

/// Who must have signed.
#[derive(Debug)]
pub enum Expected {
    /// Somebody by name.
    Identity(KeylessIdentity),
    /// Whoever has this key.
    Key(PublicKey),
}

/// What must have been signed.
#[derive(Debug)]
pub enum Message {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes of this digest.
    Digest(Sha256Digest),
}

impl Message {
    fn read(word: &str) -> Result<Self, Refusal> {
        let path = Path::new(word);
        match word.strip_prefix("sha256:").and_then(|hex| Sha256Digest::from_hex(hex).ok()) {
            Some(digest) if !path.exists() => Ok(Self::Digest(digest)),
            _ => read(path, MESSAGE_LIMIT).map(Self::Bytes),
        }
    }

    fn digest(&self) -> Sha256Digest {
        match self {
            Self::Bytes(bytes) => Sha256Digest::of(bytes),
            Self::Digest(digest) => *digest,
        }
    }
}

/// Whether the bundle `text` proves that the expected one signed `message`.
pub fn accept(
    text: &[u8],
    message: &Message,
    expected: &Expected,
    root: &TrustedRoot,
) -> Result<(), Refusal> {
    let bundle = AnyBundle::read(text, &LIMITS)?;
    let content = match &bundle.content {
        AnyContent::Statement(envelope) => Content::Statement { envelope, subject: message.digest() },
        AnyContent::Message { signature, digest } => Content::Message {
            signature,
            digest: digest.clone(),
            message: match message {
                Message::Bytes(bytes) => Ok(bytes),
                Message::Digest(digest) => Err(*digest),
            },
        },
    };
    let material = match &bundle.material {
        AnyMaterial::Leaf(leaf) => SigningMaterial::Leaf(leaf),
        AnyMaterial::Chain(chain) => SigningMaterial::Chain(chain),
        AnyMaterial::Key => SigningMaterial::Key,
    };
    let pieces = Pieces {
        version: bundle.version,
        content,
        material,
        entries: bundle.entries,
        timestamps: bundle.timestamps,
    };
    let now = SystemTime::now();
    match expected {
        Expected::Identity(identity) => {
            verify_pieces(&pieces, root, std::slice::from_ref(identity), now)?;
        }
        Expected::Key(key) => {
            verify_managed_pieces(&pieces, key, root, now)?;
        }
    }
    // The protocol names no predicate, but what is signed must be a statement that can be read.
    if let AnyContent::Statement(envelope) = &bundle.content {
        statement(envelope)?;
    }
    Ok(())
}

fn statement(envelope: &Envelope) -> Result<(), Refusal> {
    Statement::parse(envelope.payload(), &LIMITS).map_err(VerifyError::from)?;
    Ok(())
}

/// Reads a bundle no further than one can be long.
fn read_bundle(path: &Path) -> Result<Vec<u8>, Refusal> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut gauge = Gauge::new(&LIMITS);
    let mut text = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        if length == 0 {
            return Ok(text);
        }
        gauge.feed(&piece[..length]).map_err(VerifyError::from)?;
        text.extend_from_slice(&piece[..length]);
    }
}

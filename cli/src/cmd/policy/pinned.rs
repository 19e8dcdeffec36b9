//! From what a signature claims to a policy that lets this signer's model through, and nothing else.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use lacre_attest::PublicKey;
use lacre_verify::{CertificateIdentity, Claimant};

use super::claimed;
use crate::claims::Claims;
use crate::error::CliError;
use crate::place::{self, Place};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// The longest file of certificates, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// The policy about what `from` claims.
pub(super) fn policy(
    from: &OsStr,
    keys: &[PublicKey],
    authorities: &[PathBuf],
    registry: &RegistryArgs,
    session: &Session,
) -> Result<String, CliError> {
    let repository = Place::reference(from)?.map(|reference| place::repository(&reference));
    let claims = claimed::of(from, registry, session)?;
    let mut candidates = Vec::new();
    for one in &claims {
        let Some(model) = one.model() else { continue };
        let stanza = stanza(one, keys, authorities)?;
        if !candidates.contains(&(model.name(), stanza.clone())) {
            candidates.push((model.name(), stanza));
        }
    }
    let known: Vec<(&str, String)> =
        candidates.iter().filter_map(|(name, stanza)| Some((*name, stanza.clone().ok()?))).collect();
    let (name, stanza) = match (known.as_slice(), candidates.as_slice()) {
        ([one], _) => one,
        ([], [(_, Err(why)), ..]) => {
            return Err(CliError::Usage { message: why.message.clone(), tip: Some(why.tip.to_owned()) });
        }
        ([], _) => return Err(CliError::usage("there is no signature of a model in it")),
        _ => {
            return Err(CliError::Usage {
                message: format!(
                    "{} claim to have signed it, and one is to be pinned",
                    text::count(known.len(), "signer")
                ),
                tip: Some("give the bundle of the one that is meant".to_owned()),
            });
        }
    };
    let name = pattern(name, "the signed name")?;
    let mut text = format!(
        "# Pinned from what a signature claims; confirm out of band who signs.\nversion = 1\n\n[[policy]]\nname = \"pinned\"\nmode = \"enforce\"\nmodel = [{name}]\n"
    );
    if let Some(repository) = &repository {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "repository = [{}]", pattern(repository, "the repository")?);
    }
    text.push('\n');
    text.push_str(stanza);
    Ok(text)
}

/// A text as a pattern that is about it alone.
fn pattern(text: &str, what: &str) -> Result<String, CliError> {
    if text.is_empty() || text.contains('*') {
        let message = format!("{what} {} cannot be pinned: no pattern is about it alone", text::safe(text));
        return Err(CliError::usage(message));
    }
    Ok(quoted(text))
}

/// Why a claimant cannot be pinned, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing {
    message: String,
    tip: &'static str,
}

/// What says in a policy whom to trust.
fn stanza(
    claims: &Claims,
    keys: &[PublicKey],
    authorities: &[PathBuf],
) -> Result<Result<String, Missing>, CliError> {
    Ok(match claims.claimant()? {
        Claimant::Key(hint) => match keys.iter().find(|key| hint.names(key) == Some(true)) {
            Some(key) => Ok(format!("[[policy.trust.key]]\npublic-key = '''\n{}'''\n", key.to_pem())),
            None => Err(Missing {
                message: format!(
                    "the bundle holds a hint at a key, and {}",
                    if keys.is_empty() { "no key is given" } else { "none of the given keys fits it" }
                ),
                tip: "give the signer's public key, from a way that you trust: --key PUB",
            }),
        },
        Claimant::Keyless(claimed) => Ok(format!(
            "[[policy.trust.keyless]]\nissuer = {}\nidentity = {}\n",
            quoted(claimed.issuer()),
            quoted(claimed.identity())
        )),
        Claimant::Certificate(_) if authorities.is_empty() => Err(Missing {
            message: "it is signed with a certificate, and no authority is named that vouches for it"
                .to_owned(),
            tip: "give the authority's certificate, from a way that you trust: --ca FILE",
        }),
        Claimant::Certificate(claimed) => {
            let (kind, value) = match claimed.expected() {
                CertificateIdentity::San(name) => ("san", name),
                CertificateIdentity::Subject(subject) => ("subject", subject),
                _ => ("spki", claimed.spki().to_string()),
            };
            let anchors: Vec<String> =
                authorities.iter().map(|path| Ok(quoted(&read(path)?))).collect::<Result<_, CliError>>()?;
            Ok(format!(
                "[[policy.trust.authority]]\nanchors = [{}]\n{kind} = {}\n",
                anchors.join(", "),
                quoted(&value)
            ))
        }
        _ => Err(Missing {
            message: "it is signed by a kind of signer that this version does not know".to_owned(),
            tip: "look with lacre inspect",
        }),
    })
}

fn read(path: &PathBuf) -> Result<String, CliError> {
    let mut read = String::new();
    let file = File::open(path).map_err(|source| CliError::read(path, source))?;
    file.take(FILE_LIMIT).read_to_string(&mut read).map_err(|source| CliError::read(path, source))?;
    Ok(read)
}

/// A basic string of TOML. What would be hidden on a terminal, or move its cursor, is written as its number.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            plain if text::safe(plain.encode_utf8(&mut [0; 4])).starts_with(plain) => quoted.push(plain),
            hidden => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(hidden));
            }
        }
    }
    quoted.push('"');
    quoted
}

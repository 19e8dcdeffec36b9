//! `lacre attest`: a statement of any type about what a store holds, signed and attached.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use lacre_attest::ManifestClaim;
use lacre_registry_client::Reference;
use serde_json::json;

use super::signing::{SigningArgs, pinned};
use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, text};

/// The longest predicate, in bytes.
const PREDICATE_LIMIT: u64 = 16 << 20;

/// Attest something about what a store holds, and attach it there
///
/// The predicate is carried as it is, in an in-toto statement about the digest of the manifest: what it means is for
/// whoever reads it. A tag is resolved once, and told.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("signer").required(true).args(["key", "keyless"]))]
#[command(override_usage = "lacre attest [OPTIONS] <--key|--keyless> --type T --predicate FILE <REF>")]
#[command(after_help = "\
Examples:
  lacre attest oci:store:v1 --type cyclonedx --predicate bom.json --key k.key
  lacre attest registry.example.com/org/m:v1 --key release.key \\
    --type https://example.com/tests/v1 --predicate tests.json")]
pub(crate) struct AttestArgs {
    /// About what: oci:DIR or HOST/REPO, with :TAG or @sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// A URI, or cosign's name of one (slsaprovenance1, cyclonedx, …)
    ///
    /// The names: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdxjson, cyclonedx, vuln, openvex.
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate_type)]
    predicate_type: String,
    /// What is attested: one JSON object (- is stdin)
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(crate) fn run(args: &AttestArgs, session: &Session) -> Result<Done, CliError> {
    let from_stdin = args.predicate == Path::new("-");
    if from_stdin && args.signing.takes_stdin() {
        return Err(CliError::usage("--predicate - and --passphrase-file - cannot both have stdin"));
    }
    let predicate = read(&args.predicate)?;
    let reference = Reference::parse(&args.reference)?;
    let store = args.registry.open(&reference, session)?;
    let manifest = pinned(store.as_ref(), &reference, session)?;
    let claim = ManifestClaim::attestation(vec![manifest.digest], &args.predicate_type, &predicate)?;
    let limits = session.limits();
    let payload = claim.to_statement(&limits)?;
    let hand = args.signing.open(session)?;
    let seal = || hand.seal_manifests(&claim, &limits);
    let made = hand.once(store.as_ref(), &manifest, (&payload, claim.predicate_type()), &seal)?;
    interrupt::check()?;
    let beside = made.attach(store.as_ref(), &manifest, claim.predicate_type(), session)?;
    let (who, digest) = (hand.who()?, format!("sha256:{}", manifest.digest));
    let result = json!({
        "attached": beside.digest(),
        "dry_run": session.globals.dry_run,
        "existed": beside.existed(),
        "key": who.key,
        "manifest": digest,
        "predicate_type": claim.predicate_type(),
        "reference": args.reference,
        "signer": who.signer,
    });
    let verb = if session.globals.dry_run { "would attest" } else { "attested" };
    let lines = vec![
        Line::new(Tone::Good, verb).then(Tone::Strong, format!(" {}", claim.predicate_type())),
        Line::row("about", format!("the manifest {digest} alone, of {}", text::safe(&args.reference))),
        who.row,
        Line::row("signature", beside.words()),
    ];
    Ok(Done::new(result, lines))
}

/// The predicate types that cosign has a name for, and carries as they are.
const NAMES: [(&str, &str); 8] = [
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("link", "https://in-toto.io/Link/v1"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
];

/// A predicate type as it is written on the command line.
fn predicate_type(text: &str) -> Result<String, String> {
    if let Some((_, uri)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Ok((*uri).to_owned());
    }
    match text {
        "custom" | "spdx" => {
            Err("cosign wraps such a predicate in a form of its own: give a URI of yours".to_owned())
        }
        uri if uri.contains(':') => Ok(uri.to_owned()),
        _ => {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            Err(format!("want a URI, or one of {}", names.join(", ")))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(PREDICATE_LIMIT + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(PREDICATE_LIMIT + 1).read_to_end(&mut bytes))
    };
    read.map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > PREDICATE_LIMIT {
        return Err(CliError::TooLarge { path: text::path(path), limit: PREDICATE_LIMIT });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_cosign_and_uris_stay_as_they_are() {
        assert_eq!(predicate_type("cyclonedx").unwrap(), "https://cyclonedx.org/bom");
        assert_eq!(predicate_type("urn:example:x").unwrap(), "urn:example:x");
        for refused in ["", "custom", "spdx", "Cyclonedx", "provenance"] {
            assert!(predicate_type(refused).is_err(), "{refused}");
        }
        for (name, uri) in NAMES {
            let digest = lacre_hash::Sha256Digest::of(name.as_bytes());
            assert!(ManifestClaim::attestation(vec![digest], uri, b"{}").is_ok(), "{name}");
        }
    }
}

//! `lacre sign REF` of an encrypted artifact: only as a whole, because nobody here can look into it.

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, ManifestClaim};
use lacre_registry_client::{EncryptedArtifact, Reference};
use serde_json::json;

use super::SignArgs;
use crate::cmd::signing::pinned;
use crate::error::CliError;
use crate::interrupt;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;

/// Signs the manifest that `reference` leads to, if it is the one of an encrypted artifact; gives nothing if it is not.
pub(super) fn run(
    args: &SignArgs,
    reference: &Reference,
    session: &Session,
) -> Result<Option<Done>, CliError> {
    let store = args.registry.open(reference, session)?;
    let manifest = pinned(store.as_ref(), reference, session)?;
    if !EncryptedArtifact::is_one(&store.manifest(&manifest)?)? {
        return Ok(None);
    }
    if args.signature.is_some() || args.model_version.is_some() {
        return Err(CliError::usage(
            "an encrypted artifact is signed as a whole, where it lies: without --signature and --version",
        ));
    }
    let limits = session.limits();
    let hand = args.signing.open(session)?;
    let claim = ManifestClaim::signature(vec![manifest.digest])?;
    let (payload, kind) = (claim.to_statement(&limits)?, COSIGN_SIGN_PREDICATE_TYPE);
    let seal = || hand.seal_manifests(&claim, &limits);
    let made = hand.once(store.as_ref(), &manifest, (&payload, kind), &seal)?;
    interrupt::check()?;
    let attached = made.attach(store.as_ref(), &manifest, kind, session)?;
    let (who, digest) = (hand.who()?, format!("sha256:{}", manifest.digest));
    let result = json!({
        "dry_run": session.globals.dry_run,
        "encrypted": true,
        "key": who.key,
        "manifest": digest,
        "manifest_signature": attached.json(),
        "reference": reference.to_string(),
        "signer": who.signer,
    });
    let verb = if session.globals.dry_run { "would sign" } else { "signed" };
    let lines = vec![
        Line::new(Tone::Good, verb)
            .then(Tone::Plain, format!(" {reference}, which is encrypted, as a whole")),
        Line::row("manifest", digest),
        Line::row("signature", attached.words()),
        who.row,
    ];
    Ok(Some(Done::new(result, lines)))
}

//! `lacre sign REF`: what a store holds is signed where it lies, from its manifest alone.

use std::path::Path;

use lacre_attest::{COSIGN_SIGN_PREDICATE_TYPE, MODEL_PREDICATE_TYPE, ManifestClaim};
use lacre_publish::Listed;
use lacre_registry_client::{Reference, Store, Target};
use serde_json::json;

use super::{SignArgs, Summary, envelope, summarize};
use crate::cmd::signing::{Attachment, Hand, pinned};
use crate::error::CliError;
use crate::printer::{Done, Line};
use crate::session::Session;
use crate::{interrupt, save, text};

pub(super) fn run(args: &SignArgs, reference: &Reference, session: &Session) -> Result<Done, CliError> {
    let Some(name) = &args.name else {
        if let Some(done) = envelope::run(args, reference, session)? {
            return Ok(done);
        }
        return Err(CliError::usage(format!(
            "{reference} is no path here, so a reference; that wants --name, as it does not say what the model is"
        )));
    };
    let to_stdout = args.signature.as_deref() == Some(Path::new("-"));
    if to_stdout && session.globals.json {
        return Err(CliError::usage("--signature - and --json cannot both have stdout"));
    }
    if let Some(signature) = args.signature.as_deref().filter(|_| !to_stdout) {
        save::check(signature, session.existing())?;
    }
    let store = args.registry.open(reference, session)?;
    let target = match reference.target() {
        // Refused below: who says --digests-from has the digest from somebody who knows the model.
        other if args.digests_from.is_some() => other.clone(),
        _ => Target::Digest(pinned(store.as_ref(), reference, session)?.digest),
    };
    let listed = Listed::read(store.as_ref(), &target, name, args.model_version.clone())?;
    let hand = args.signing.open(session)?;
    session.warn("nobody looked at the content: the signature says so, and a policy may refuse it");
    let dry_run = session.globals.dry_run;
    let (mut data, mut attached) = (None, None);
    if let Some(signature) = &args.signature {
        let bundle = hand.seal(listed.claim(), &session.limits())?.to_json();
        interrupt::check()?;
        if !dry_run && !to_stdout {
            save::write(signature, &bundle, session.existing())?;
        }
        data = (to_stdout && !dry_run).then_some(bundle);
    } else {
        attached = Some(attach(store.as_ref(), &listed, &hand, session)?);
    }
    let (mut result, mut lines) = summarize(&Summary { claim: listed.claim(), who: &hand.who()? }, session);
    let digest = format!("sha256:{}", listed.manifest().digest);
    result["attached"] = json!(attached.as_ref().and_then(|(model, _)| model.digest()));
    result["existed"] = json!(attached.as_ref().is_some_and(|(model, _)| model.existed()));
    result["manifest"] = json!(digest);
    result["manifest_signature"] = json!(attached.as_ref().map(|(_, manifest)| manifest.json()));
    result["reference"] = json!(reference.to_string());
    result["signature"] = json!(args.signature.as_deref().map(text::path));
    lines.push(Line::row("content", "not looked at: digests of the manifest"));
    lines.push(Line::row("manifest", digest));
    lines.extend(args.signature.as_deref().map(|signature| Line::row("signature", text::path(signature))));
    if let Some((model, manifest)) = attached {
        lines.push(Line::row("signature", model.words()));
        lines.push(Line::row("for cosign", manifest.words()));
    }
    Ok(Done { data, ..Done::new(result, lines) })
}

/// Attaches the signature of the model, which names its files, and that of the manifest, which cosign reads.
fn attach(
    store: &dyn Store,
    listed: &Listed,
    hand: &Hand<'_>,
    session: &Session,
) -> Result<(Attachment, Attachment), CliError> {
    let (manifest, limits) = (listed.manifest(), session.limits());
    let whole = ManifestClaim::signature(vec![manifest.digest])?;
    // Both are made before either is attached.
    let (payload, kind) = (listed.claim().to_statement()?, MODEL_PREDICATE_TYPE);
    let seal = || hand.seal(listed.claim(), &limits);
    let model = hand.once(store, manifest, (&payload, kind), &seal)?;
    let (payload, kind) = (whole.to_statement(&limits)?, COSIGN_SIGN_PREDICATE_TYPE);
    let seal = || hand.seal_manifests(&whole, &limits);
    let whole = hand.once(store, manifest, (&payload, kind), &seal)?;
    interrupt::check()?;
    let model = model.attach(store, manifest, MODEL_PREDICATE_TYPE, session)?;
    Ok((model, whole.attach(store, manifest, COSIGN_SIGN_PREDICATE_TYPE, session)?))
}

//! `--digests-from`: signing what a store holds, from its manifest alone.

use std::path::Path;

use lacre_publish::{Attached, Listed};
use lacre_registry_client::Reference;
use serde_json::json;

use super::{SignArgs, Summary, Who, open_key, summarize};
use crate::error::CliError;
use crate::printer::{Done, Line};
use crate::session::Session;
use crate::{interrupt, save, text};

pub(super) fn run(args: &SignArgs, reference: &str, session: &Session) -> Result<Done, CliError> {
    let Some(name) = &args.name else {
        return Err(CliError::usage(
            "--digests-from wants --name: a reference does not say what the model is",
        ));
    };
    let to_stdout = args.signature.as_deref() == Some(Path::new("-"));
    if to_stdout && session.globals.json {
        return Err(CliError::usage("--signature - and --json cannot both have stdout"));
    }
    if let Some(signature) = args.signature.as_deref().filter(|_| !to_stdout) {
        save::check(signature, session.existing())?;
    }
    let place = Reference::parse(reference)?;
    let store = args.registry.open(&place, session)?;
    let listed = Listed::read(store.as_ref(), place.target(), name, args.model_version.clone())?;
    let key = open_key(args, session)?;
    let bundle = listed.seal(&*key, &session.limits())?;
    let bundle = args.certified.stamp(bundle, args.signer_timeout, session)?.to_json();
    interrupt::check()?;
    session.warn("nobody looked at the content: the signature says so, and a policy may refuse it");
    let dry_run = session.globals.dry_run;
    let attached = match &args.signature {
        None if !dry_run => Some(listed.attach(store.as_ref(), &bundle)?),
        Some(signature) if !dry_run && !to_stdout => {
            save::write(signature, &bundle, session.existing())?;
            None
        }
        _ => None,
    };
    let (mut result, mut lines) =
        summarize(&Summary { claim: listed.claim(), who: &Who::of_key(&*key) }, session);
    let manifest = format!("sha256:{}", listed.manifest());
    let referrer = attached.as_ref().map(|it: &Attached| format!("sha256:{}", it.signature.digest));
    result["attached"] = json!(referrer);
    result["manifest"] = json!(manifest);
    result["reference"] = json!(reference);
    result["signature"] = json!(args.signature.as_deref().map(text::path));
    lines.push(Line::row("content", "not looked at: digests of the manifest"));
    lines.push(Line::row("manifest", manifest));
    lines.push(match (&args.signature, &attached) {
        (Some(signature), _) => Line::row("signature", text::path(signature)),
        (None, Some(it)) if it.existed => Line::row("signature", "was there already"),
        (None, Some(_)) => Line::row("signature", format!("attached, {}", referrer.unwrap_or_default())),
        (None, None) => Line::row("signature", "would be attached"),
    });
    let data = (to_stdout && !dry_run).then_some(bundle);
    Ok(Done { data, ..Done::new(result, lines) })
}

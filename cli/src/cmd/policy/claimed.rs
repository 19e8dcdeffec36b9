//! What signatures claim about a model, wherever they are. Nobody has vouched for any of it.

use std::ffi::OsStr;
use std::path::Path;

use lacre_manifest::{Beside, Links, Root};
use lacre_registry_client::{BUNDLE_ARTIFACT_TYPE, Reference};

use crate::claims::Claims;
use crate::cmd::inspect_reference::{LOOKED_INTO, read_claims};
use crate::error::CliError;
use crate::place::{self, Place};
use crate::registry::RegistryArgs;
use crate::session::Session;

/// The claims about models that lie in the bundle, beside the model, or in the store that `word` names.
pub(super) fn of(word: &OsStr, registry: &RegistryArgs, session: &Session) -> Result<Vec<Claims>, CliError> {
    match Place::parse(word)? {
        Place::Reference(reference) => of_reference(&reference, registry, session),
        Place::Stdin => one(Path::new("-"), session),
        Place::Folder(model) => beside(&model, session),
        Place::File(file) if place::default_signature(&file).exists() => beside(&file, session),
        Place::File(bundle) => one(&bundle, session),
    }
}

/// Those that refer to what is in a store. One that cannot be read hides no other.
pub(super) fn of_reference(
    reference: &Reference,
    registry: &RegistryArgs,
    session: &Session,
) -> Result<Vec<Claims>, CliError> {
    let store = registry.open(reference, session)?;
    let found = store.resolve(reference.target())?;
    let referrers = store.referrers(&found.digest, Some(BUNDLE_ARTIFACT_TYPE))?;
    let limits = session.limits();
    let read = referrers.iter().take(LOOKED_INTO).map(|it| read_claims(store.as_ref(), it, &limits));
    Ok(read.filter_map(Result::ok).filter(|claims| claims.model().is_some()).collect())
}

fn one(bundle: &Path, session: &Session) -> Result<Vec<Claims>, CliError> {
    let limits = session.limits();
    let claims = Claims::read(&place::read_bundle(bundle, &limits)?, &limits)?;
    Ok(vec![claims])
}

fn beside(model: &Path, session: &Session) -> Result<Vec<Claims>, CliError> {
    let limits = session.limits();
    let usual = place::read_signature(model, None, &limits)?;
    let mut found = vec![Claims::read(&usual, &limits)?];
    for bundle in Beside::of(&Root::open(model, Links::Refuse)?).bundles()? {
        let read = Beside::open(&bundle).map_err(CliError::from);
        let read = read.and_then(|file| place::read_opened(file, &bundle, &limits));
        found.extend(read.and_then(|bytes| Claims::read(&bytes, &limits)).ok());
    }
    Ok(found)
}

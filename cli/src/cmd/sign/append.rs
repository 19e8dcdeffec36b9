//! `--append`: the bundle of a further signer, beside the model.

use std::fs;
use std::path::{Path, PathBuf};

use lacre_attest::ModelClaim;
use lacre_manifest::{Beside, Root};
use lacre_sign::Signer;

use crate::claims::Claims;
use crate::error::CliError;
use crate::session::Session;
use crate::{place, text};

/// Where the bundle of this signer goes: one for each key, so that signing again replaces only one's own.
pub(super) fn destination(root: &Root, signer: &dyn Signer) -> PathBuf {
    let hint = signer.public_key().hint();
    Beside::of(root).folder().join(format!("{}.sig", hint.get(..16).unwrap_or(&hint)))
}

/// Makes the folder of the bundles, unless nothing is to be written.
pub(super) fn make_folder(signature: &Path, session: &Session) -> Result<(), CliError> {
    let Some(folder) = signature.parent().filter(|_| !session.globals.dry_run) else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|source| CliError::Output { path: text::path(folder), source })
}

/// Refuses to sign something else than what is signed already: two bundles that differ never count together.
pub(super) fn agrees(model: &Path, claim: &ModelClaim, session: &Session) -> Result<(), CliError> {
    let first = place::default_signature(model);
    if !first.exists() {
        return Ok(());
    }
    let limits = session.limits();
    let signed = Claims::read(&place::read_signature(model, None, &limits)?, &limits)?.into_model()?;
    let differs = if signed.name() != claim.name() {
        format!("the name {:?}", signed.name())
    } else if signed.version() != claim.version() {
        format!("the version {:?}", signed.version().unwrap_or("none"))
    } else if signed.manifest() != claim.manifest() {
        "other files".to_owned()
    } else if signed.ignore_paths() != claim.ignore_paths() {
        "other --ignore paths".to_owned()
    } else if signed.shape() != claim.shape() {
        "other executable bits or empty folders".to_owned()
    } else {
        return Ok(());
    };
    Err(CliError::ClaimsDiffer { path: text::path(&first), differs })
}

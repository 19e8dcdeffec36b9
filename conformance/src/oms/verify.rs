//! `verify-model`.

use std::path::{Path, PathBuf};

use lacre_manifest::{EntryPath, Links};
use lacre_verify::{
    Anchors, CertificateIdentity, Hold, KeylessIdentity, Limits, NoProgress, PublicKey, Requirements,
    SubjectMatch, Trust, TrustedRoot, Unverified,
};

use super::{FILE_LIMIT, Method, entry, ignored, nothing_more};
use crate::Refusal;
use crate::arguments::Arguments;
use crate::files::{read, read_text, unreadable};

pub(super) fn run(arguments: &mut Arguments) -> Result<(), Refusal> {
    let method = Method::take(arguments)?;
    let model = PathBuf::from(arguments.demand("--model-path")?);
    let bundle = PathBuf::from(arguments.demand("--bundle")?);
    let mut unsigned = ignored(&arguments.take_all("--ignore-paths"), &model)?;
    let trust = match method {
        Method::Key => key(arguments)?,
        Method::Certificate => authority(arguments)?,
        Method::Sigstore => identity(arguments)?,
    };
    nothing_more(arguments)?;
    if arguments.switch("--ignore-unsigned-files") {
        unsigned.extend(everything(&model)?);
    }
    // The suite has bundles of model-signing 0.2.
    let requirements = Requirements::new(trust).allow_unsigned(unsigned).allow_legacy_danger();
    Unverified::open(&model, Some(&bundle), Links::Refuse, &requirements)?.verify(
        &requirements,
        &Hold::Nothing,
        &NoProgress,
    )?;
    Ok(())
}

fn key(arguments: &mut Arguments) -> Result<Trust, Refusal> {
    let path = arguments.demand("--public-key")?;
    let key = PublicKey::from_pem(&read_text(Path::new(&path), FILE_LIMIT)?)?;
    Ok(Trust::keys([key])?)
}

fn authority(arguments: &mut Arguments) -> Result<Trust, Refusal> {
    let mut anchors: Option<Anchors> = None;
    for path in arguments.take_all("--cert-chain") {
        let more = Anchors::from_pem(&read_text(Path::new(&path), FILE_LIMIT)?)?;
        anchors = Some(match anchors {
            None => more,
            Some(known) => known.and(more),
        });
    }
    let anchors = anchors.ok_or_else(|| Refusal::usage("--cert-chain is missing"))?;
    // The protocol names nobody.
    Ok(Trust::authority(anchors, None, vec![CertificateIdentity::AnyDanger])?)
}

fn identity(arguments: &mut Arguments) -> Result<Trust, Refusal> {
    let subject = SubjectMatch::Exact(arguments.demand("--identity")?);
    let identity = KeylessIdentity::new(subject, arguments.demand("--identity-provider")?)?;
    let root = match arguments.take("--trusted-root")? {
        Some(path) => TrustedRoot::from_json(&read(Path::new(&path), FILE_LIMIT)?, &Limits::default())?,
        None if arguments.switch("--use-staging") => {
            return Err(Refusal::usage("--use-staging wants --trusted-root: there is no network here"));
        }
        None => TrustedRoot::public_good()?,
    };
    Ok(Trust::keyless(root, vec![identity])?)
}

/// All that lies in the folder, by the names at its top. What is signed of it is still proven.
fn everything(model: &Path) -> Result<Vec<EntryPath>, Refusal> {
    if !model.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |error: std::io::Error| unreadable(model, &error);
    let mut names = Vec::new();
    for found in std::fs::read_dir(model).map_err(failed)? {
        names.push(entry(&found.map_err(failed)?.file_name())?);
    }
    Ok(names)
}

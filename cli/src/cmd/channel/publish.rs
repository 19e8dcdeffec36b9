//! `lacre channel publish`: a release is added.

use std::path::PathBuf;

use clap::Args;
use lacre_publish::channel::{Candidate, Edit, Launch};
use lacre_registry_client::Reference;
use lacre_release::Version;
use serde_json::json;

use super::desk::EditArgs;
use super::place::ChannelPlace;
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::printer::{Done, Line};
use crate::session::Session;
use crate::text;

/// Add a release, which becomes current
///
/// The artifact is looked at by its manifest: its layers have to be the files of the signed model beside it, whose
/// signed name is the channel's and whose signed version is VERSION. What is attested beside it is listed, too.
#[derive(Debug, Args)]
#[command(override_usage = "lacre channel publish [OPTIONS] --artifact REF --keys DIR <CH> <VERSION>")]
#[command(after_help = "\
Examples:
  lacre channel publish oci:store:stable 1.2.0 --artifact oci:store:v1.2.0 \\
    --keys keys --canary 5")]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// Its version, as it was signed
    version: Version,
    /// The signed model: oci:DIR:TAG or HOST/REPO:TAG
    #[arg(long, value_name = "REF")]
    artifact: String,
    /// Count only signatures of this key (repeatable)
    #[arg(long, value_name = "PUB")]
    key: Vec<PathBuf>,
    /// Security counter [default: the highest so far]
    ///
    /// Raised when running an older release would be dangerous: then the floor can follow.
    #[arg(long, value_name = "N")]
    counter: Option<u64>,
    /// So many of 100 instances run it at first
    #[arg(long, value_name = "PERCENT", conflicts_with = "hold")]
    canary: Option<u8>,
    /// Nobody runs it before it is promoted
    #[arg(long)]
    hold: bool,
}

pub(super) fn run(args: &PublishArgs, session: &Session) -> Result<Done, CliError> {
    let ring = KeyRing::read(&args.key)?;
    let reference = Reference::parse(&args.artifact)?;
    let desk = args.edit.open(session)?;
    let store = args.edit.registry.open(&reference, session)?;
    let limits = session.limits();
    let candidate = Candidate::look(store.as_ref(), reference.target(), &ring.keys(), &limits)?;
    let launch = match (args.canary, args.hold) {
        (Some(percent), _) => Launch::Canary(percent),
        (None, true) => Launch::Hold,
        (None, false) => Launch::Current,
    };
    let id = desk.live()?.id().clone();
    let repository = elsewhere(&desk.place, &reference, session);
    let publication =
        candidate.publication(&id, args.version.clone(), args.counter, launch, repository.clone())?;
    let mut done = desk.edit(&Edit::Publish(publication))?;
    let (manifest, attestations) =
        (format!("sha256:{}", candidate.manifest().digest), candidate.attestations());
    done.result["artifact"] = json!({
        "attestations": attestations,
        "checked_signatures": !args.key.is_empty(),
        "manifest": manifest,
        "repository": repository,
        "signatures": candidate.signatures(),
    });
    let checked = if args.key.is_empty() { "well formed, of keys that nobody checked" } else { "by --key" };
    done.lines.extend([
        Line::row("artifact", manifest),
        Line::row("signed", format!("{}, {checked}", text::count(candidate.signatures(), "signature"))),
    ]);
    done.lines.extend(attestations.iter().map(|one| Line::row("attested", one.predicate_type.clone())));
    Ok(done)
}

/// The repository that clients have to be told, because it is not the channel's own.
fn elsewhere(channel: &ChannelPlace, artifact: &Reference, session: &Session) -> Option<String> {
    let own = match channel {
        ChannelPlace::Artifact { reference, .. } => Some(crate::place::repository(reference)),
        ChannelPlace::Folder(_) | ChannelPlace::Web(_) => None,
    };
    let repository = crate::place::repository(artifact);
    if own.as_ref() == Some(&repository) {
        return None;
    }
    if let Reference::Remote { .. } = artifact {
        return Some(repository);
    }
    session.warn(format!(
        "{repository} is a folder of this machine: clients are not told where the model is, and have to know it"
    ));
    None
}

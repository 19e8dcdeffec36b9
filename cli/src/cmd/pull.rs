//! `lacre pull`: a proven model out of a store.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lacre_attest::Limits;
use lacre_deliver::Overwrite;
use lacre_registry_client::{ModelArtifact, Reference, Store, Target};
use serde_json::json;

use super::verify::{Demands, report_json, report_lines};
use crate::error::CliError;
use crate::printer::{Done, Line, Tone};
use crate::session::Session;
use crate::{place, text};

/// Pull a model: the signature is proven first, then every byte
///
/// DIR appears once all is proven, and not at all otherwise. The signature comes along as DIR/model.sig.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre pull oci:store:v1 DIR --key release.pub
  lacre pull oci:store:v1 DIR --key release.pub --expect-name org/mini-lm
  lacre pull oci:store@sha256:… DIR --key release.pub --force --json")]
pub(crate) struct PullArgs {
    /// Where from: oci:DIR, oci:DIR:TAG or oci:DIR@sha256:DIGEST
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// Folder to make; an existing one is replaced only with --force
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    demands: Demands,
}

pub(crate) fn run(args: &PullArgs, session: &Session) -> Result<Done, CliError> {
    let (requirements, ring) = args.demands.read()?;
    let reference = Reference::parse(&args.reference)?;
    let (store, target) = place::open_store(&reference)?;
    if session.globals.dry_run {
        return foresee(args, (store.as_ref(), target), session);
    }
    let overwrite = if session.globals.force { Overwrite::Replace } else { Overwrite::Refuse };
    let pulled = {
        let meter = session.meter("pulling");
        let limits = Limits::default();
        lacre_deliver::pull(store.as_ref(), target, &args.folder, &requirements, &limits, overwrite, &meter)?
    };
    let report = pulled.model.report();
    let digest = format!("sha256:{}", pulled.manifest.digest);
    let folder = text::path(&args.folder);
    let mut result = report_json(report, &ring, session);
    result["dry_run"] = json!(false);
    result["folder"] = json!(folder);
    result["manifest"] = json!(digest);
    result["reference"] = json!(reference.to_string());
    let mut lines = report_lines("pulled", report, &ring, session);
    lines.push(Line::row("from", format!("{reference}, manifest {digest}")));
    lines.push(Line::row("into", folder));
    Ok(Done::new(result, lines))
}

/// What a dry run can say: nothing is verified, because what counts is what is verified when it is pulled.
fn foresee(
    args: &PullArgs,
    (store, target): (&dyn Store, &Target),
    session: &Session,
) -> Result<Done, CliError> {
    let folder = text::path(&args.folder);
    if !session.globals.force && is_taken(&args.folder) {
        return Err(CliError::Exists { path: folder, why: "it is replaced only with --force" });
    }
    let found = store.resolve(target)?;
    let artifact = ModelArtifact::parse(&store.manifest(&found)?)?;
    let files = artifact.files()?;
    let digest = format!("sha256:{}", found.digest);
    let result = json!({
        "bytes": files.total_size(),
        "dry_run": true,
        "files": files.len(),
        "folder": folder,
        "manifest": digest,
        "reference": args.reference,
        "verified": false,
    });
    let size = files.total_size().map(text::size).unwrap_or_default();
    let lines = vec![
        Line::new(Tone::Good, "would pull").then(Tone::Plain, format!(" {} into {folder}", args.reference)),
        Line::row("manifest", digest),
        Line::row("files", format!("{}, {size}, UNVERIFIED until they are pulled", files.len())),
    ];
    Ok(Done::new(result, lines))
}

fn is_taken(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::read_dir(path).map_or(true, |mut listed| listed.next().is_some()),
        Ok(_) => true,
        Err(_) => false,
    }
}

//! `lacre channel enforce`: a model that may not run any more goes, and one that may takes its place.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use lacre_deliver::{Aside, Cache, Overwrite};
use lacre_registry_client::Target;
use lacre_release::{Channel, Permit, Wanted};
use serde_json::{Value, json};

use crate::cmd::demands::Demands;
use crate::error::CliError;
use crate::follow::{DemandArgs, FollowArgs, Follower, permit_json, permit_row};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{exit, shell, text};

/// Set a model aside that may not run, and restore one that may
///
/// The newest allowed version comes from the cache. A model that the channel revoked, quarantined, left below its floor or does not allow moves to
/// DIR.quarantine/VERSION/model in one step, with why.json beside it; nothing is deleted. So does one that no trusted
/// key signed as it lies there. A model that may run stays as it is.
#[derive(Debug, Args)]
#[command(override_usage = "lacre channel enforce --channel <CH> <--key|--trust ...> <DIR>")]
#[command(after_help = "\
Examples:
  lacre channel enforce DIR --channel oci:store:stable --key release.pub \\
    --cache /var/cache/lacre")]
pub(crate) struct EnforceArgs {
    /// Folder of the model
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// The channel's place
    #[arg(long, value_name = "CH")]
    pub(super) channel: String,
    /// Cache with the versions before (lacre pull --cache)
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    demands: Demands,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    channel_demands: DemandArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// What is wrong with what lies there.
struct Fault {
    error: CliError,
    /// Names the folder that it goes to.
    name: String,
}

pub(super) fn run(args: &EnforceArgs, session: &Session) -> Result<Done, CliError> {
    let both = (&args.follow, &args.channel_demands);
    let follower = Follower::new(&args.channel, None, both, &args.registry, session)?;
    let channel = follower.refresh()?;
    let fault = match examine(args, &follower, &channel, session)? {
        Ok(permit) => {
            follower.accept(&permit)?;
            let result = json!({ "aside": null, "channel": permit_json(channel.document(), &permit), "restored": null });
            let lines = vec![
                Line::new(Tone::Good, "may run").then(Tone::Plain, format!(" {}", text::path(&args.folder))),
                permit_row(channel.document(), &permit),
            ];
            return Ok(Done::new(result, lines));
        }
        Err(fault) => fault,
    };
    let code = fault.error.code();
    let why = fault.error.to_string();
    if session.globals.dry_run {
        let result = json!({ "aside": null, "code": code, "dry_run": true, "reason": why, "restored": null });
        let lines = vec![
            Line::new(Tone::Bad, "would set aside")
                .then(Tone::Plain, format!(" {}: {why}", text::path(&args.folder))),
        ];
        return Ok(Done { exit: exit::of(code), ..Done::new(result, lines) });
    }
    let record = record(&fault, &channel, args);
    let aside = lacre_deliver::set_aside(&args.folder, &fault.name, &record)?;
    let restored = restore(args, &follower, &channel, session)?;
    Ok(told(args, &channel, (&why, code), &aside, restored.as_ref()))
}

/// Whether what lies there may run: what is wrong with it is an answer, that it cannot be read is none.
fn examine(
    args: &EnforceArgs,
    follower: &Follower<'_>,
    channel: &Channel,
    session: &Session,
) -> Result<Result<Permit, Fault>, CliError> {
    let (requirements, _) = args.demands.read(session)?;
    let refused = |error: CliError, name: String| Ok(Err(Fault { error, name }));
    let model =
        lacre_verify::Unverified::open(&args.folder, None, lacre_manifest::Links::Refuse, &requirements)
            .and_then(|model| {
                let meter = session.meter("verifying");
                model.verify(&requirements, &lacre_verify::Hold::Nothing, &meter)
            });
    let model = match model {
        Ok(model) => model,
        Err(failure) => {
            let error = CliError::from(failure);
            // 10 to 13: nobody could tell what it is.
            return if (10..=13).contains(&exit::of(error.code())) {
                Err(error)
            } else {
                refused(error, "unproven".to_owned())
            };
        }
    };
    let Some(contents) = lacre_deliver::contents(model.claim(), model.manifest()) else {
        return Err(CliError::Bug { detail: "a proven model has no identity".to_owned() });
    };
    let listed = channel.document().releases.iter().rev().find(|release| release.model_digests == contents);
    let name = listed
        .map_or_else(|| contents.lacre.to_string()[..16].to_owned(), |release| release.version.to_string());
    match follower.permit(channel, Wanted::Contents(contents)) {
        Ok(permit) => Ok(Ok(permit)),
        // An expired document says nothing about the model.
        Err(error) if error.code() == "E-CHANNEL-EXPIRED" => Err(error),
        Err(error) => refused(error, name),
    }
}

/// Why it was set aside, for people and programs.
fn record(fault: &Fault, channel: &Channel, args: &EnforceArgs) -> Vec<u8> {
    let document = channel.document();
    let reason = document
        .releases
        .iter()
        .find(|release| release.version.as_str() == fault.name)
        .and_then(|release| release.reason.clone());
    let mut bytes = lacre_json::to_vec(&json!({
        "at": Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default(),
        "channel": document.id().to_string(),
        "code": fault.error.code(),
        "epoch": document.epoch,
        "folder": text::path(&args.folder.canonicalize().unwrap_or_else(|_| args.folder.clone())),
        "message": fault.error.to_string(),
        "reason": reason,
        "schema_version": 1,
        "sequence": document.sequence,
        "version": fault.name,
    }));
    bytes.push(b'\n');
    bytes
}

/// The newest version that may run and is in the cache: the current one before any other.
fn restore(
    args: &EnforceArgs,
    follower: &Follower<'_>,
    channel: &Channel,
    session: &Session,
) -> Result<Option<Permit>, CliError> {
    let Some(cache) = &args.cache else { return Ok(None) };
    let cache = Cache::open(cache)?;
    let (requirements, _) = args.demands.read(session)?;
    let others =
        channel.document().releases.iter().rev().map(|release| Wanted::Version(release.version.clone()));
    for wanted in std::iter::once(Wanted::Current).chain(others) {
        let Ok(permit) = follower.permit(channel, wanted) else { continue };
        let release = permit.release();
        let target = Target::Digest(release.manifest.sha256);
        if cache.store().resolve(&target).is_err() {
            continue;
        }
        let offer = lacre_deliver::examine(cache.store(), &target, &requirements, &session.limits())?;
        lacre_deliver::check_release(release, offer.manifest(), offer.claim().claim())?;
        offer.pull(&args.folder, Overwrite::Refuse, &session.meter("restoring"))?;
        follower.accept(&permit)?;
        return Ok(Some(permit));
    }
    Ok(None)
}

fn told(
    args: &EnforceArgs,
    channel: &Channel,
    (why, code): (&str, &str),
    aside: &Aside,
    restored: Option<&Permit>,
) -> Done {
    let document = channel.document();
    let result = json!({
        "aside": text::path(&aside.model),
        "code": code,
        "dry_run": false,
        "reason": why,
        "record": text::path(&aside.record),
        "restored": restored.map_or(Value::Null, |permit| permit_json(document, permit)),
    });
    let mut lines = vec![
        Line::new(Tone::Bad, "set aside").then(Tone::Plain, format!(" {}: {why}", text::path(&args.folder))),
        Line::row("now at", text::path(&aside.model)),
        Line::row("why", text::path(&aside.record)),
    ];
    if let Some(permit) = restored {
        lines.push(
            Line::new(Tone::Good, "restored")
                .then(Tone::Plain, format!(" {} from the cache", text::path(&args.folder))),
        );
        lines.push(permit_row(document, permit));
        return Done::new(result, lines);
    }
    lines.push(Line::new(Tone::Bad, "nothing").then(
        Tone::Plain,
        format!(
            " is in its place: lacre pull {} {} --channel {} brings what may run",
            document.id(),
            shell::quoted(&text::path(&args.folder)),
            shell::quoted(&args.channel)
        ),
    ));
    Done { exit: exit::of(code), ..Done::new(result, lines) }
}

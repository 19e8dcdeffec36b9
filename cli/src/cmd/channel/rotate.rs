//! `lacre channel rotate`: roles get other keys, and a new epoch leaves a thief behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use jiff::Timestamp;
use lacre_publish::channel::{self, Restart, Role, RoleKeys, Rotation};
use lacre_release::Version;

use super::desk::{Desk, EditArgs, Encryption, Origin};
use super::keys::NewKey;
use super::lifetimes::Changed;
use crate::error::CliError;
use crate::keys::KeyRing;
use crate::printer::{Done, Line};
use crate::session::Session;

/// Give roles other keys, or begin a new epoch
///
/// Unless --key names them, as many keys as the role has now are made in DIR; the old ones count no more. New keys of
/// root, targets, snapshot and timestamp take the keys of root; new ones of channel those of targets. A new epoch, for
/// stolen keys, takes the keys of root and channel and gives snapshot and timestamp new ones; sequence and floor of
/// the old one do not count any more.
#[derive(Debug, Args)]
#[command(override_usage = "\
lacre channel rotate [OPTIONS] --role R --keys DIR <CH>
       lacre channel rotate [OPTIONS] --new-epoch --floor N --keys DIR <CH>")]
#[command(after_help = "\
Examples:
  lacre channel rotate oci:store:stable --role timestamp --keys keys")]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// root, targets, channel, snapshot, timestamp
    #[arg(long, value_name = "R", value_parser = role(), hide_possible_values = true)]
    role: Vec<Role>,
    /// The role's keys from now on (repeatable)
    #[arg(long, value_name = "PUB")]
    key: Vec<PathBuf>,
    /// How many of them have to sign
    #[arg(long, value_name = "M")]
    threshold: Option<u32>,
    /// Sign with the same keys, for a new lifetime
    #[arg(long, conflicts_with_all = ["key", "threshold", "new_epoch"])]
    renew: bool,
    /// Begin a new epoch
    #[arg(long, requires = "floor")]
    new_epoch: bool,
    /// Its floor
    #[arg(long, value_name = "N", requires = "new_epoch")]
    floor: Option<u64>,
    /// Its current release [default: as before]
    #[arg(long, value_name = "VERSION", requires = "new_epoch")]
    current: Option<Version>,
    /// Take the releases as they were at this sequence: what was written since is a thief's
    #[arg(long, value_name = "SEQUENCE", requires = "new_epoch", hide_short_help = true)]
    as_of: Option<u64>,
    /// Do not list this release any more (repeatable)
    #[arg(long, value_name = "VERSION", requires = "new_epoch", hide_short_help = true)]
    drop: Vec<Version>,
    /// How long what a role signs is believed: ROLE=TIME,…
    ///
    /// Takes the keys of root, and counts for what is signed from then on.
    #[arg(long, value_name = "ROLE=TIME,…", hide_short_help = true)]
    lifetime: Option<Changed>,
    /// Write the new keys without encryption
    #[arg(long, conflicts_with = "passphrase_file", hide_short_help = true)]
    no_passphrase: bool,
}

fn role() -> impl clap::builder::TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str)).try_map(|name| name.parse::<Role>())
}

pub(super) fn run(args: &RotateArgs, session: &Session) -> Result<Done, CliError> {
    let mut roles: BTreeSet<Role> = args.role.iter().copied().collect();
    if roles.is_empty() && !args.new_epoch && args.lifetime.is_none() {
        return Err(CliError::usage("which role gets other keys: --role R, or --new-epoch --floor N"));
    }
    if roles.len() != 1 && !(args.key.is_empty() && args.threshold.is_none()) {
        return Err(CliError::usage("--key and --threshold are about one role: give one --role"));
    }
    let named = KeyRing::read(&args.key)?.keys();
    let mut desk = args.edit.open(session)?;
    let mut rotation = Rotation { restart: args.restart(&desk)?, ..Rotation::default() };
    if let Some(changed) = &args.lifetime {
        rotation.lifetimes = Some(changed.after(desk.live()?.lifetimes()));
    }
    let mut new: Vec<NewKey> = Vec::new();
    for role in &roles {
        let keys = args.keys_of(*role, &named, &desk, &mut new)?;
        rotation.keys.insert(*role, keys);
    }
    if args.new_epoch {
        // Whoever had them could go on in the old epoch.
        for role in [Role::Snapshot, Role::Timestamp] {
            if roles.insert(role) {
                rotation.keys.insert(role, args.keys_of(role, &[], &desk, &mut new)?);
            }
        }
    }
    let draft = channel::rotate(desk.live()?, &rotation, Timestamp::now())?;
    let old = old_names(&desk, &rotation.keys)?;
    desk.take(new, Encryption::by_flag(args.no_passphrase))?;
    let mut done = desk.conclude(draft, Origin::Here)?;
    if !old.is_empty() {
        done.lines
            .push(Line::row("old keys", format!("{} count no more once this is published", old.join(", "))));
    }
    Ok(done)
}

impl RotateArgs {
    fn restart(&self, desk: &Desk<'_>) -> Result<Option<Restart>, CliError> {
        let Some(floor) = self.floor else { return Ok(None) };
        let document = &match self.as_of {
            Some(sequence) => desk.as_of(sequence)?,
            None => desk.live()?.document().clone(),
        };
        if let Some(version) = self.drop.iter().find(|version| document.release(version).is_none()) {
            return Err(CliError::usage(format!("--drop {version}: the channel does not list it")));
        }
        let mut restart = Restart::keeping(document, floor);
        restart.releases.retain(|release| !self.drop.contains(&release.version));
        restart.current =
            self.current.clone().or(restart.current.filter(|current| !self.drop.contains(current)));
        Ok(Some(restart))
    }

    fn keys_of(
        &self,
        role: Role,
        named: &[lacre_attest::PublicKey],
        desk: &Desk<'_>,
        new: &mut Vec<NewKey>,
    ) -> Result<RoleKeys, CliError> {
        let now = desk.live()?.keys(role);
        if self.renew {
            return Ok(now.clone());
        }
        let mut keys = named.to_vec();
        if keys.is_empty() {
            for _ in now.key_ids() {
                let key = desk.folder.new_key(role, new)?;
                keys.push(key.key.public_key().clone());
                new.push(key);
            }
        }
        let is_one_role = self.role.as_slice() == [role];
        let threshold = self.threshold.filter(|_| is_one_role).unwrap_or(now.threshold());
        Ok(RoleKeys::new(role, &keys, threshold)?)
    }
}

/// What the keys are called here that lose their roles.
fn old_names(desk: &Desk<'_>, after: &BTreeMap<Role, RoleKeys>) -> Result<Vec<String>, CliError> {
    let live = desk.live()?;
    let lost = after.iter().flat_map(|(role, keys)| {
        let stays: Vec<_> = keys.key_ids().collect();
        live.keys(*role).key_ids().filter(move |id| !stays.contains(id))
    });
    Ok(lost.filter_map(|id| desk.folder.name(id)).collect())
}

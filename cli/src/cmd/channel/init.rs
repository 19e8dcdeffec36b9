//! `lacre channel init`: a channel begins.

use clap::Args;
use jiff::Timestamp;
use lacre_publish::channel::{self, Lifetimes, PerRole, Plan, Quorum, Role, RoleKeys};
use lacre_release::{ChannelId, ChannelName, ModelName};

use super::desk::{Desk, Encryption, Origin};
use super::keys::{KeysArgs, NewKey};
use super::lifetimes::Changed;
use crate::error::CliError;
use crate::printer::{Done, Line};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// Begin a channel: make its roles' keys and a first document
///
/// Keys that lie in DIR already (ROLE-N.pub with ROLE-N.key, or with ROLE-N.uri that holds pkcs11:…, ssh-agent:…,
/// awskms:… or exec:…) are taken; what is missing is made, in the files ROLE-N.key and ROLE-N.pub. DIR/root.json is
/// what clients trust.
#[derive(Debug, Args)]
#[command(override_usage = "lacre channel init [OPTIONS] --model NAME --channel NAME --keys DIR <CH>")]
#[command(after_help = "\
Examples:
  lacre channel init oci:store:stable --model org/mini-lm --channel stable \\
    --keys keys --threshold root=2/3,targets=2/3")]
pub(crate) struct InitArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG or a folder
    #[arg(value_name = "CH")]
    pub(super) place: String,
    /// The model's signed name, like org/mini-lm
    #[arg(long, value_name = "NAME")]
    model: ModelName,
    /// The channel's name, like stable
    #[arg(long, value_name = "NAME")]
    channel: ChannelName,
    #[command(flatten)]
    keys: KeysArgs,
    /// So many of so many keys sign [default: 1/1]
    ///
    /// ROLE=M/N for the roles root, targets, channel, snapshot and timestamp, with commas between. The role channel,
    /// which approves releases, has as many as targets unless it is named.
    #[arg(long, value_name = "ROLE=M/N,…", default_value = "", hide_default_value = true)]
    threshold: PerRole<Quorum>,
    /// How long what a role signs is believed: ROLE=TIME,…
    ///
    /// By default root and targets hold a year, channel (the document) 90 days, snapshot 7 days and timestamp one.
    #[arg(long, value_name = "ROLE=TIME,…", hide_short_help = true)]
    lifetime: Option<Changed>,
    /// Write the new keys without encryption
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &InitArgs, session: &Session) -> Result<Done, CliError> {
    let id = ChannelId { model: args.model.clone(), channel: args.channel.clone() };
    let mut desk = Desk::begin(&args.place, &args.keys, &args.registry, session)?;
    if desk.folder.note()?.is_some_and(|note| note.last.is_some() || note.channel != id.to_string()) {
        return Err(CliError::Exists {
            path: text::path(desk.folder.path()),
            why: "its keys have a channel already, and one folder is for one channel",
        });
    }
    let mut new: Vec<NewKey> = Vec::new();
    let mut keys_of = |role: Role| -> Result<RoleKeys, CliError> {
        let Quorum { threshold, keys: wanted } = *args.threshold.get(role);
        let mut public: Vec<_> = desk.folder.of(role).map(|key| key.public.clone()).collect();
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if public.len() > wanted {
            let (found, path) = (public.len(), text::path(desk.folder.path()));
            return Err(CliError::usage(format!(
                "{path} holds {found} keys of {role}, and {wanted} are wanted"
            )));
        }
        while public.len() < wanted {
            let key = desk.folder.new_key(role, &new)?;
            public.push(key.key.public_key().clone());
            new.push(key);
        }
        Ok(RoleKeys::new(role, &public, threshold)?)
    };
    let keys = PerRole {
        root: keys_of(Role::Root)?,
        targets: keys_of(Role::Targets)?,
        channel: keys_of(Role::Channel)?,
        snapshot: keys_of(Role::Snapshot)?,
        timestamp: keys_of(Role::Timestamp)?,
    };
    let lifetimes = args.lifetime.clone().unwrap_or_default().after(Lifetimes::default());
    let plan = Plan { id, keys, lifetimes };
    let draft = channel::init(&plan, &[], Timestamp::now())?;
    desk.take(new, Encryption::by_flag(args.no_passphrase))?;
    let mut done = desk.conclude(draft, Origin::Here)?;
    done.lines
        .push(Line::plain("keep offline: the keys of root and targets; each approver keeps one of channel"));
    done.lines.push(Line::plain(
        "keep online: the keys of snapshot and timestamp, root.json and last.json, for lacre channel refresh",
    ));
    Ok(done)
}

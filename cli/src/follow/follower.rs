//! A channel that is followed: from the words of the command line to what may run.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lacre_deliver::Memory;
use lacre_registry_client::Reference;
use lacre_release::{Ask, Channel, ChannelId, Freshness, Permit, StateStore, Wanted};

use super::args::{DemandArgs, FollowArgs};
use super::states::{States, read_root};
use crate::cmd::channel::place::ChannelPlace;
use crate::error::CliError;
use crate::registry::RegistryArgs;
use crate::session::Session;

/// A client of a channel.
#[derive(Debug)]
pub(crate) struct Follower<'a> {
    place: ChannelPlace,
    held: Held,
    demands: &'a DemandArgs,
    registry: &'a RegistryArgs,
    session: &'a Session,
}

#[derive(Debug)]
enum Held {
    State { store: StateStore, read_only: bool },
    Nothing { id: ChannelId, anchor: Vec<u8>, freshness: Freshness },
}

impl<'a> Follower<'a> {
    /// Follows the channel at `place`: `id` is whose it is, if the command line said so. What is remembered of it must be
    /// there, unless the demands say that nothing is.
    pub(crate) fn new(
        place: &str,
        id: Option<&ChannelId>,
        (follow, demands): (&FollowArgs, &'a DemandArgs),
        registry: &'a RegistryArgs,
        session: &'a Session,
    ) -> Result<Self, CliError> {
        let place = ChannelPlace::parse(place)?;
        let id = id.or(follow.of.as_ref());
        let demanded = (demands.stateless, &demands.channel_root, demands.max_age);
        let held = if let (true, Some(root), Some(max_age)) = demanded {
            let id = id.cloned().ok_or_else(|| CliError::Usage {
                message: "nothing is remembered, so that nobody knows whose channel it is".to_owned(),
                tip: Some("say so: --of NAME@CHANNEL".to_owned()),
            })?;
            let freshness = Freshness { max_age: signed(max_age) };
            Held::Nothing { id, anchor: read_root(root)?, freshness }
        } else {
            let states = States::at(follow.state.as_deref(), &follow.counter)?;
            let id = match id {
                Some(id) => id.clone(),
                None => states.whose(&place)?,
            };
            Held::State { store: states.open(&id)?, read_only: follow.read_only_state }
        };
        Ok(Self { place, held, demands, registry, session })
    }

    /// What is remembered.
    pub(crate) fn memory(&self) -> Memory<'_> {
        match &self.held {
            Held::State { store, read_only: false } => Memory::Kept(store),
            Held::State { store, read_only: true } => Memory::ReadOnly(store),
            Held::Nothing { id, anchor, freshness } => {
                Memory::None { id: id.clone(), anchor: anchor.clone(), freshness: *freshness }
            }
        }
    }

    /// The channel as it is now. Without a network it is the one that was kept, as long as it has not expired.
    pub(crate) fn refresh(&self) -> Result<Channel, CliError> {
        let remote = match &self.place {
            ChannelPlace::Artifact { reference, .. } => matches!(reference, Reference::Remote { .. }),
            ChannelPlace::Folder(_) => false,
            ChannelPlace::Web(_) => true,
        };
        let memory = self.memory();
        if self.session.globals.offline && remote {
            return Ok(lacre_deliver::kept(&memory, Timestamp::now())?);
        }
        let open = self.place.open(self.registry, self.session)?;
        let files = open.files()?;
        Ok(lacre_deliver::follow(files.as_ref(), &memory, Timestamp::now())?)
    }

    /// The channel as it was kept, as long as it has not expired.
    pub(crate) fn kept(&self) -> Result<Channel, CliError> {
        Ok(lacre_deliver::kept(&self.memory(), Timestamp::now())?)
    }

    /// Whether a release may run here; what is deprecated is warned of.
    pub(crate) fn permit(&self, channel: &Channel, wanted: Wanted) -> Result<Permit, CliError> {
        let permit = self.decide(channel, wanted)?;
        if permit.is_deprecated() {
            let release = permit.release();
            let why = release.reason.as_ref().map(|reason| format!(": {}", reason.text));
            self.session.warn(format!(
                "version {} is deprecated{}",
                release.version,
                why.unwrap_or_default()
            ));
        }
        Ok(permit)
    }

    /// Whether a release may run here.
    pub(crate) fn decide(&self, channel: &Channel, wanted: Wanted) -> Result<Permit, CliError> {
        let ask = Ask {
            instance: self.demands.instance.as_deref(),
            policy_floor: self.demands.floor,
            ..Ask::of(wanted)
        };
        Ok(channel.decide(&ask)?)
    }

    /// Remembers that a permitted release is here now; nothing when only asked what would be done.
    pub(crate) fn accept(&self, permit: &Permit) -> Result<(), CliError> {
        if self.session.globals.dry_run {
            return Ok(());
        }
        Ok(lacre_deliver::accepted(&self.memory(), permit)?)
    }

    /// What is demanded of it.
    pub(crate) fn demands(&self) -> &'a DemandArgs {
        self.demands
    }

    /// The store that the channel is in, if it is in one.
    pub(crate) fn reference(&self) -> Option<&Reference> {
        match &self.place {
            ChannelPlace::Artifact { reference, .. } => Some(reference),
            ChannelPlace::Folder(_) | ChannelPlace::Web(_) => None,
        }
    }

    /// Where the channel lies.
    pub(crate) fn place(&self) -> &ChannelPlace {
        &self.place
    }
}

/// The longest time that there is for what is longer.
pub(crate) fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

//! The channel that a rule wants to be asked, or that the command line names.

use lacre_registry_client::Descriptor;
use lacre_release::{Channel, ChannelId, Permit, Wanted};
use lacre_verify::{Facts, ModelClaim, Rule};

use crate::error::CliError;
use crate::follow::{DemandArgs, FollowArgs, Follower, permit_json, permit_row};
use crate::printer::Done;
use crate::registry::RegistryArgs;
use crate::session::Session;

/// What the command line says about channels.
#[derive(Clone, Copy)]
pub(crate) struct Following<'a> {
    /// The channel that it names.
    pub(crate) channel: Option<&'a str>,
    pub(crate) follow: &'a FollowArgs,
    pub(crate) demands: &'a DemandArgs,
    pub(crate) registry: &'a RegistryArgs,
}

/// A channel that was asked.
pub(crate) struct Asked<'a> {
    follower: Follower<'a>,
    channel: Channel,
}

impl<'a> Asked<'a> {
    /// Asks the channel that the command line names, else the one at the place that the rule says; nothing where neither
    /// does.
    pub(crate) fn of(
        following: Following<'a>,
        rule: &Rule,
        model: &str,
        session: &'a Session,
    ) -> Result<Option<Self>, CliError> {
        let Following { channel, follow, demands, registry } = following;
        let release = rule.release();
        let Some(place) = channel.or_else(|| release?.at()) else { return Ok(None) };
        // A rule names a channel, and the signature the model: together they say whose it must be.
        let id = release.map(|release| format!("{model}@{}", release.channel()).parse::<ChannelId>());
        let id = id.transpose()?;
        let follower = Follower::new(place, id.as_ref(), (follow, demands), registry, session)?;
        let channel = follower.refresh()?;
        Ok(Some(Self { follower, channel }))
    }

    /// Adds what the channel knows to what is known.
    pub(crate) fn tell<'f>(&'f self, facts: Facts<'f>, wanted: Wanted) -> Facts<'f> {
        let demands = self.follower.demands();
        facts.channel(&self.channel, wanted, demands.instance.as_deref(), demands.floor)
    }

    /// What the channel permits, where no rule asked it.
    pub(crate) fn permit(&self, wanted: Wanted) -> Result<Permit, CliError> {
        self.follower.permit(&self.channel, wanted)
    }

    /// Whether what was found is what the channel lists.
    pub(crate) fn check(permit: &Permit, manifest: &Descriptor, claim: &ModelClaim) -> Result<(), CliError> {
        Ok(lacre_deliver::check_release(permit.release(), manifest, claim)?)
    }

    /// Remembers that a permitted release is here, and says why it may be. What was let through without a permit is not
    /// remembered.
    pub(crate) fn conclude(&self, permit: Option<&Permit>, done: &mut Done) -> Result<(), CliError> {
        let Some(permit) = permit else { return Ok(()) };
        self.follower.accept(permit)?;
        self.say(permit, done);
        Ok(())
    }

    /// The same without remembering.
    pub(crate) fn say(&self, permit: &Permit, done: &mut Done) {
        done.result["channel"] = permit_json(self.channel.document(), permit);
        done.lines.push(permit_row(self.channel.document(), permit));
    }
}

//! The channel that a rule wants to be asked, or that the command line names.

use lacre_release::{Channel, ChannelId, Permit, Wanted};
use lacre_verify::{Facts, Rule};

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

impl<'a> Following<'a> {
    /// Where the channel is that will be asked about a model: what the command line says, else the rule.
    pub(crate) fn place<'r>(&self, rule: &'r Rule) -> Option<&'r str>
    where
        'a: 'r,
    {
        self.channel.or_else(|| rule.release()?.at())
    }
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
        let Some(place) = following.place(rule) else { return Ok(None) };
        let Following { follow, demands, registry, .. } = following;
        let release = rule.release();
        // A rule names a channel, and the signature the model: together they say whose it must be.
        let id = release.map(|release| format!("{model}@{}", release.channel()).parse::<ChannelId>());
        let id = id.transpose()?;
        let follower = Follower::new(place, id.as_ref(), (follow, demands), registry, session)?;
        let channel = follower.refresh()?;
        Ok(Some(Self { follower, channel }))
    }

    /// Asks the channel at `place`, where no rule says whose it is.
    pub(crate) fn at(place: &str, following: Following<'a>, session: &'a Session) -> Result<Self, CliError> {
        let Following { follow, demands, registry, .. } = following;
        let follower = Follower::new(place, None, (follow, demands), registry, session)?;
        let channel = follower.refresh()?;
        Ok(Self { follower, channel })
    }

    /// Remembers that a permitted release is here.
    pub(crate) fn accept(&self, permit: &Permit) -> Result<(), CliError> {
        self.follower.accept(permit)
    }

    /// Who follows it.
    pub(crate) fn follower(&self) -> &Follower<'a> {
        &self.follower
    }

    /// What it says.
    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
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

    /// Remembers that a permitted release is here, and says why it may be.
    pub(crate) fn conclude(&self, permit: &Permit, done: &mut Done) -> Result<(), CliError> {
        self.accept(permit)?;
        self.say(permit, done);
        Ok(())
    }

    /// The same without remembering.
    pub(crate) fn say(&self, permit: &Permit, done: &mut Done) {
        done.result["channel"] = permit_json(self.channel.document(), permit);
        done.lines.push(permit_row(self.channel.document(), permit));
    }
}

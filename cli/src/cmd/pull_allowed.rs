//! A pull that a channel allows: which artifact it is, and that it came.

use lacre_deliver::Offer;
use lacre_registry_client::Reference;
use lacre_release::{Channel, Permit, Wanted};
use lacre_verify::Facts;

use super::pull::PullArgs;
use crate::error::CliError;
use crate::follow::{Follower, permit_json, permit_row, wanted};
use crate::printer::Done;
use crate::session::Session;

/// A release that may run here.
pub(super) struct Allowed<'a> {
    /// Its artifact, by digest.
    pub(super) reference: Reference,
    follower: Follower<'a>,
    channel: Channel,
    permit: Permit,
}

impl<'a> Allowed<'a> {
    /// Asks the channel that was named, if one was.
    pub(super) fn ask(args: &'a PullArgs, session: &'a Session) -> Result<Option<Self>, CliError> {
        let Some(place) = &args.channel else {
            // A policy may come over a channel, and its rule may name one: that is known later.
            return if args.demands.has_policy() {
                Ok(None)
            } else {
                refuse_without_channel(args).map(|()| None)
            };
        };
        let (id, version) = wanted(&args.reference)?;
        let both = (&args.follow, &args.channel_demands);
        let follower = Follower::new(place, Some(&id), both, &args.registry, session)?;
        let channel = follower.refresh()?;
        let permit = follower.permit(&channel, version.map_or(Wanted::Current, Wanted::Version))?;
        let from = args.from.as_deref().map(Reference::parse).transpose()?;
        let reference = lacre_deliver::location(permit.release(), from.as_ref(), follower.reference())?;
        Ok(Some(Self { reference, follower, channel, permit }))
    }

    /// Adds what the channel knows to what is known.
    pub(super) fn tell<'f>(&'f self, facts: Facts<'f>, wanted: Wanted) -> Facts<'f> {
        let demands = self.follower.demands();
        facts.channel(&self.channel, wanted, demands.instance.as_deref(), demands.floor)
    }

    /// Tells a decision what the channel says, and what is remembered of it.
    pub(super) fn tell_decision(&self, facts: &mut crate::decision::Facts) {
        facts.remembered(&self.follower);
        facts.permit(self.channel.document(), &self.permit);
    }

    /// Whether what was found is what the channel lists. Not a byte of content was read yet.
    pub(super) fn check(&self, offer: &Offer<'_>) -> Result<(), CliError> {
        Ok(lacre_deliver::check_release(self.permit.release(), offer.manifest(), offer.claim().claim())?)
    }

    /// Remembers that the release is here, and says why it may be.
    pub(super) fn conclude(&self, args: &PullArgs, done: &mut Done) -> Result<(), CliError> {
        // A part of a model is not what runs.
        if args.files.is_empty() {
            self.follower.accept(&self.permit)?;
        }
        done.result["channel"] = permit_json(self.channel.document(), &self.permit);
        done.lines.push(permit_row(self.channel.document(), &self.permit));
        Ok(())
    }
}

/// Refuses options that make no sense without a channel.
pub(super) fn refuse_without_channel(args: &PullArgs) -> Result<(), CliError> {
    // What is remembered, and who asks, may be about the channel of the policy.
    let of_a_model = !args.demands.has_policy();
    let given = [
        (of_a_model && args.follow.state.is_some(), "--state"),
        (of_a_model && args.follow.read_only_state, "--read-only-state"),
        (args.follow.of.is_some(), "--of"),
        (args.channel_demands.floor.is_some(), "--floor"),
        (of_a_model && args.channel_demands.instance.is_some(), "--instance"),
        (args.channel_demands.stateless, "--stateless"),
    ];
    match given.iter().find(|(is_given, _)| *is_given) {
        None => Ok(()),
        Some((_, name)) => Err(CliError::Usage {
            message: format!("{name} is about a channel, and none is named"),
            tip: Some("add --channel CH".to_owned()),
        }),
    }
}

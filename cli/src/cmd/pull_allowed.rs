//! A pull that a channel allows: which artifact it is, and that it came.

use lacre_deliver::Offer;
use lacre_registry_client::Reference;
use lacre_release::{Channel, ChannelId, Permit, Version, Wanted};
use lacre_verify::Facts;

use super::pull::PullArgs;
use crate::error::CliError;
use crate::follow::{Follower, permit_json, permit_row};
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
            return match refuses_without_channel(args) {
                Some(message) => Err(CliError::Usage { message, tip: Some("add --channel CH".to_owned()) }),
                None => Ok(None),
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

/// Options that make no sense without a channel.
fn refuses_without_channel(args: &PullArgs) -> Option<String> {
    let given = [
        (args.follow.state.is_some(), "--state"),
        (args.follow.read_only_state, "--read-only-state"),
        (args.follow.of.is_some(), "--of"),
        (args.channel_demands.floor.is_some(), "--floor"),
        (args.channel_demands.instance.is_some(), "--instance"),
        (args.channel_demands.stateless, "--stateless"),
    ];
    let (_, name) = given.iter().find(|(is_given, _)| *is_given)?;
    Some(format!("{name} is about a channel, and none is named"))
}

/// Reads `org/name@stable` or `org/name@stable:VERSION`.
fn wanted(text: &str) -> Result<(ChannelId, Option<Version>), CliError> {
    let (channel, version) = match text.split_once('@') {
        Some((model, rest)) => match rest.split_once(':') {
            Some((channel, version)) => (format!("{model}@{channel}"), Some(version)),
            None => (text.to_owned(), None),
        },
        None => (text.to_owned(), None),
    };
    Ok((channel.parse()?, version.map(str::parse).transpose()?))
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn what_is_wanted_of_a_channel_is_read() {
        let read = |text: &str| {
            wanted(text).map(|(id, version)| (id.to_string(), version.map(|version| version.to_string())))
        };
        assert_eq!(read("org/m@stable").unwrap(), ("org/m@stable".to_owned(), None));
        assert_eq!(read("org/m@stable:1.2").unwrap(), ("org/m@stable".to_owned(), Some("1.2".to_owned())));
        for bad in ["org/m", "org/m@", "org/m@stable:", "oci:store:v1"] {
            assert!(matches!(read(bad).unwrap_err().code(), "E-CHANNEL-NAME"), "{bad}");
        }
    }
}

//! That a draft follows from what is published. Every draft is checked, whether it was made here or came from elsewhere:
//! an approver's signature must not end up on something that no edit could have made.

use lacre_release::{ChannelDocument, Release, Status};

use super::super::edit;
use super::super::metadata::{Body as _, RootFacts, Targets};
use super::super::verified::VerifiedRepository;
use super::super::{ChannelProblem, Role};
use super::{Draft, Refresh, Step, successor};
use crate::PublishError;

impl Draft {
    pub(super) fn check(&self) -> Result<(), PublishError> {
        self.document.check()?;
        if self.document.id() != self.id || self.document.epoch != self.facts.epoch {
            return Err(odd("its document is of another channel or epoch"));
        }
        if let Some(channel) = &self.channel
            && Targets::vouching(channel.signed.version(), &self.document) != channel.signed
        {
            return Err(odd("the channel's role does not vouch for its document"));
        }
        match &self.live {
            None => self.begins(),
            Some(live) => self.follows(live),
        }
    }

    fn begins(&self) -> Result<(), PublishError> {
        let (Some(root), Some(targets), Some(channel)) = (&self.root, &self.targets, &self.channel) else {
            return Err(odd("a channel begins with all of its files"));
        };
        let versions = [root.signed.version(), targets.signed.version(), channel.signed.version()];
        let document = &self.document;
        let first = edit::first(&self.id, document.issued, self.facts.lifetimes.channel)?;
        if versions != [1; 3] || self.facts.epoch != 1 || first != *document {
            return Err(odd("a channel begins with the first version of every file and an empty document"));
        }
        Ok(())
    }

    fn follows(&self, live: &VerifiedRepository) -> Result<(), PublishError> {
        let step = Step::between(&live.facts, &self.facts);
        if self.root.is_some() {
            self.root_follows(live, step)?;
        }
        if let Some(targets) = &self.targets {
            let next = successor(live.targets.signed.version(), step, "version of targets")?;
            if targets.signed.version() != next {
                return Err(odd("its delegation is not the next version"));
            }
        }
        if self.facts.targets != live.facts.targets && self.targets.is_none() {
            return Err(odd("the keys of targets change, and they have nothing to sign"));
        }
        if self.channel_keys != live.channel_keys && self.channel.is_none() {
            return Err(odd("the keys of the channel change, and they have nothing to sign"));
        }
        if let Some(channel) = &self.channel {
            let next = successor(live.channel.signed.version(), step, "version of the channel's role")?;
            if channel.signed.version() != next {
                return Err(odd("its document is not vouched for in the next version"));
            }
            document_follows(live.document(), &self.document, step)?;
        }
        let staged = self.root.is_some() || self.targets.is_some() || self.channel.is_some();
        if !staged && self.refresh == Refresh::Nothing {
            return Err(odd("there is nothing in it"));
        }
        Ok(())
    }

    fn root_follows(&self, live: &VerifiedRepository, step: Step) -> Result<(), PublishError> {
        if self.facts.version != successor(live.facts.version, Step::Within, "version of the root")? {
            return Err(odd("its root is not the next version"));
        }
        if step == Step::Within {
            return Ok(());
        }
        if Some(self.facts.epoch) != live.facts.epoch.checked_add(1) || self.channel.is_none() {
            return Err(odd("an epoch follows the one before, and begins with a document"));
        }
        fresh(Role::Snapshot, live, &self.facts)?;
        fresh(Role::Timestamp, live, &self.facts)
    }
}

/// In a new epoch the keys of snapshot and timestamp are others. Only then do clients forget the numbers that those files
/// had, which are what a thief may have burned.
fn fresh(role: Role, live: &VerifiedRepository, after: &RootFacts) -> Result<(), PublishError> {
    let keys = if role == Role::Snapshot { &after.snapshot } else { &after.timestamp };
    match keys.key_ids().find(|key| live.keys(role).keys.contains_key(key)) {
        Some(key) => Err(ChannelProblem::EpochKeys { role, key }.into()),
        None => Ok(()),
    }
}

fn document_follows(
    before: &ChannelDocument,
    after: &ChannelDocument,
    step: Step,
) -> Result<(), PublishError> {
    // The same document under other keys.
    if before == after {
        return Ok(());
    }
    if step == Step::Anew {
        return if after.sequence == 1 { Ok(()) } else { Err(odd("an epoch begins with sequence 1")) };
    }
    after.follows(before).map_err(|fault| odd(&fault.to_string()))?;
    let kept = |release: &&Release| after.release(&release.version) == Some(release);
    if before
        .releases
        .iter()
        .filter(|release| release.status == Status::Revoked)
        .all(|release| kept(&release))
    {
        Ok(())
    } else {
        Err(odd("it rewrites why a release was revoked"))
    }
}

fn odd(reason: &str) -> PublishError {
    ChannelProblem::Draft { reason: reason.to_owned() }.into()
}

//! Who follows the copy.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use lacre_deliver::Memory;
use lacre_registry_client::FolderFiles;
use lacre_release::{Ask, Channel, ChannelId, StateStore, Version, Wanted};

use super::scratch::Scratch;
use crate::error::CliError;

/// A client of the copy. There is one that is right; tests have others.
pub(super) trait Client {
    /// Reads what lies there.
    fn follow(&self, files: &FolderFiles, now: Timestamp) -> Result<Channel, CliError>;

    /// Goes by what it kept, as it does without a network.
    fn kept(&self, now: Timestamp) -> Result<Channel, CliError>;

    /// Whether a release may run here.
    fn asks(&self, channel: &Channel, version: &Version) -> Result<(), CliError>;

    /// The folder of what it remembers.
    fn state(&self) -> &Path;
}

/// How a client comes to trust what lies there.
pub(super) type Begin = fn(&Scratch, &FolderFiles) -> Result<Box<dyn Client>, CliError>;

/// A client as all the other verbs are one, which trusts the first root of the copy.
pub(super) fn begin(scratch: &Scratch, files: &FolderFiles) -> Result<Box<dyn Client>, CliError> {
    let id = scratch.id().clone();
    let (_, record) = lacre_deliver::first(files, scratch.anchor.clone(), Some(id.clone()), scratch.now)?;
    let folder = scratch.folder();
    StateStore::create(&folder, &record)?;
    Ok(Box::new(Follower { id, folder }))
}

struct Follower {
    id: ChannelId,
    folder: PathBuf,
}

impl Follower {
    /// Opened anew each time, as every process does.
    fn store(&self) -> Result<StateStore, CliError> {
        Ok(StateStore::open(&self.folder, &self.id)?)
    }
}

impl Client for Follower {
    fn follow(&self, files: &FolderFiles, now: Timestamp) -> Result<Channel, CliError> {
        Ok(lacre_deliver::follow(files, &Memory::Kept(&self.store()?), now)?)
    }

    fn kept(&self, now: Timestamp) -> Result<Channel, CliError> {
        Ok(lacre_deliver::kept(&Memory::Kept(&self.store()?), now)?)
    }

    fn asks(&self, channel: &Channel, version: &Version) -> Result<(), CliError> {
        channel.decide(&Ask::of(Wanted::Version(version.clone())))?;
        Ok(())
    }

    fn state(&self) -> &Path {
        &self.folder
    }
}

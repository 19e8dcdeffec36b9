//! Following a channel: its files from where they are, under what is remembered here.

use jiff::Timestamp;
use lacre_registry_client::{FileKind, FileName, FileSet};
use lacre_release::{
    Channel, ChannelId, ChannelRefresh, Freshness, Kept, Permit, Record, Refresh, ReleaseError, StateStore,
    WantedFile, WantedKind,
};

use crate::DeliverError;

/// How often a refresh begins anew because somebody else stored a newer state meanwhile. Each time somebody got on, so that
/// more than this is no race any more.
const ATTEMPTS: usize = 64;

/// What a client of a channel remembers, or demands because it remembers nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Memory<'a> {
    /// What was seen is in this state, and what is seen comes into it.
    Kept(&'a StateStore),
    /// What was seen is in this state, which is not changed: for many readers of one state that somebody else keeps.
    ReadOnly(&'a StateStore),
    /// Nothing is remembered: for machines that live for an hour. An attacker can show such a client any state of the channel
    /// that is not older than the demand allows.
    None {
        /// Whose channel it is.
        id: ChannelId,
        /// The root that is trusted.
        anchor: Vec<u8>,
        /// How young the timestamp must be.
        freshness: Freshness,
    },
}

/// Brings what is remembered to what the carrier has, and gives the channel as it is at the time `now`.
///
/// # Errors
/// The codes of [`ChannelRefresh`], of the state and of the carrier. Whatever was proven before a failure is stored.
pub fn follow(files: &dyn FileSet, memory: &Memory<'_>, now: Timestamp) -> Result<Channel, DeliverError> {
    match memory {
        Memory::None { id, anchor, freshness } => {
            let mut refresh = ChannelRefresh::stateless(id.clone(), anchor.clone(), *freshness, now)?;
            fetch(&mut refresh, files)?;
            Ok(refresh.finish().channel()?)
        }
        Memory::ReadOnly(store) => {
            let mut refresh = ChannelRefresh::start(&store.read()?, now)?;
            fetch(&mut refresh, files)?;
            Ok(refresh.finish().channel()?)
        }
        Memory::Kept(store) => follow_and_keep(files, store, now),
    }
}

fn follow_and_keep(files: &dyn FileSet, store: &StateStore, now: Timestamp) -> Result<Channel, DeliverError> {
    for _ in 0..ATTEMPTS {
        let before = store.read()?;
        let mut refresh = ChannelRefresh::start(&before, now)?;
        let fetched = fetch(&mut refresh, files);
        let refreshed = refresh.finish();
        let stored = store.update_from(&before, |record| refreshed.remember(record));
        // Why the refresh failed says more than that what there was of it could not be stored.
        fetched?;
        if stored? {
            return Ok(refreshed.channel()?);
        }
    }
    Err(DeliverError::StateContended)
}

/// A first use: the channel under the root `anchor`, and what is to be remembered of it ([`StateStore::create`]). `wanted` is
/// whose channel it is; without it, the root must be that of one channel alone.
///
/// # Errors
/// `E-USAGE` when it is the root of none, or of several; those of [`follow()`].
pub fn first(
    files: &dyn FileSet,
    anchor: Vec<u8>,
    wanted: Option<ChannelId>,
    now: Timestamp,
) -> Result<(Channel, Record), DeliverError> {
    let id = match wanted {
        Some(id) => id,
        None => only_channel(files, &anchor, now)?,
    };
    let mut record = Record::anchored(id, anchor, now)?;
    let mut refresh = ChannelRefresh::start(&record, now)?;
    fetch(&mut refresh, files)?;
    let refreshed = refresh.finish();
    refreshed.remember(&mut record)?;
    Ok((refreshed.channel()?, record))
}

fn only_channel(files: &dyn FileSet, anchor: &[u8], now: Timestamp) -> Result<ChannelId, DeliverError> {
    let mut refresh = Refresh::start(Kept::anchor(anchor.to_vec()), now)?;
    while let Some(wanted) = refresh.wanted() {
        refresh.give(files.read(&name_of(&wanted)?, wanted.limit)?)?;
    }
    let mut found = refresh.channels();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            found.extend(last);
            Err(DeliverError::WhichChannel { found: found.iter().map(ToString::to_string).collect() })
        }
    }
}

/// The channel as it was kept, without a look at the carrier: it must not have expired.
///
/// # Errors
/// Those of [`ChannelRefresh::from_kept`]; `E-USAGE` for who keeps nothing.
pub fn kept(memory: &Memory<'_>, now: Timestamp) -> Result<Channel, DeliverError> {
    match memory {
        Memory::Kept(store) | Memory::ReadOnly(store) => Ok(ChannelRefresh::from_kept(&store.read()?, now)?),
        Memory::None { .. } => Err(DeliverError::NothingKept),
    }
}

/// Remembers that a permitted release is here now. Who remembers nothing does not.
///
/// # Errors
/// The codes of the state; `E-COMMIT` when a newer document was seen meanwhile, which may not permit it.
pub fn accepted(memory: &Memory<'_>, permit: &Permit) -> Result<(), DeliverError> {
    match memory {
        Memory::Kept(store) => Ok(store.update(|record| record.accept(permit))?),
        Memory::ReadOnly(_) | Memory::None { .. } => Ok(()),
    }
}

fn fetch(refresh: &mut ChannelRefresh, files: &dyn FileSet) -> Result<(), DeliverError> {
    while let Some(wanted) = refresh.wanted() {
        let answer = read(refresh, &wanted, files)?;
        refresh.give(answer)?;
    }
    Ok(())
}

fn read(
    refresh: &ChannelRefresh,
    wanted: &WantedFile,
    files: &dyn FileSet,
) -> Result<Option<Vec<u8>>, DeliverError> {
    let name = name_of(wanted)?;
    if let Some(digest) = files.digest(&name)
        && let Some(bytes) = refresh.kept(&digest)
    {
        return Ok(Some(bytes.to_vec()));
    }
    Ok(files.read(&name, wanted.limit)?)
}

fn name_of(wanted: &WantedFile) -> Result<FileName, DeliverError> {
    let kind = match wanted.what {
        WantedKind::Metadata => FileKind::Metadata,
        WantedKind::Target => FileKind::Target,
        _ => return Err(ReleaseError::TufOrder { what: "a kind of file that no carrier knows" }.into()),
    };
    Ok(FileName::parse(kind, &wanted.name)?)
}

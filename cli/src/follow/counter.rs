//! The counter that a state is bound to, in a TPM: in builds that can use one.

use std::path::Path;

use clap::Args;
use lacre_release::{ChannelId, Record, ReleaseError, StateStore};
#[cfg(feature = "tpm")]
use lacre_release::{CounterError, StateError, TpmCounter};

/// The device of the counters.
///
/// It is named by whoever runs the client, never by the state: else whoever writes the state could leave the counter out.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct CounterArgs {
    /// The TPM that holds the counters of what is remembered, by its name for TSS 2.0
    #[cfg(feature = "tpm")]
    #[arg(
        long,
        value_name = "TCTI",
        env = "LACRE_TPM",
        hide_short_help = true,
        help_heading = "Channel options"
    )]
    tpm: Option<String>,
}

#[cfg(not(feature = "tpm"))]
#[allow(clippy::unused_self, reason = "a build with the feature looks into it")]
impl CounterArgs {
    /// The state of a channel, which must be there. A bound one is refused when it is read.
    pub(super) fn open(&self, folder: &Path, id: &ChannelId) -> Result<StateStore, ReleaseError> {
        StateStore::open(folder, id)
    }

    /// A new state.
    pub(super) fn create(&self, folder: &Path, record: &Record) -> Result<StateStore, ReleaseError> {
        StateStore::create(folder, record)
    }
}

#[cfg(feature = "tpm")]
impl CounterArgs {
    /// The state of a channel, which must be there: bound if a device is named, and not bound if none is.
    pub(super) fn open(&self, folder: &Path, id: &ChannelId) -> Result<StateStore, ReleaseError> {
        let store = StateStore::open(folder, id)?;
        let Some(device) = &self.tpm else { return Ok(store) };
        let failed = |fault| StateError::Counter { folder: folder.to_owned(), fault };
        let index = store.bound_to()?.ok_or_else(|| failed(CounterError::Unbound))?;
        let counter = TpmCounter::open(device, b"", index).map_err(failed)?;
        StateStore::open_bound(folder, id, Box::new(counter))
    }

    /// A new state, bound to a new counter if a device is named.
    pub(super) fn create(&self, folder: &Path, record: &Record) -> Result<StateStore, ReleaseError> {
        let Some(device) = &self.tpm else { return StateStore::create(folder, record) };
        // A TPM has room for few counters: none is defined for a channel that is trusted already.
        match StateStore::open(folder, record.id()) {
            Err(ReleaseError::State(StateError::Missing { .. })) => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(StateError::Exists { folder: folder.to_owned() }.into()),
        }
        let counter = TpmCounter::define(device, b"", record.id())
            .map_err(|fault| StateError::Counter { folder: folder.to_owned(), fault })?;
        StateStore::create_bound(folder, record, Box::new(counter))
    }
}

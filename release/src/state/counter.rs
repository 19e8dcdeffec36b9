//! A state that cannot be turned back: bound to a counter that only rises.
//!
//! Whoever can write the folder of a state, or restores a backup of it, can put an older state in its place: whole, with a
//! right checksum. So a bound state carries the value of a counter outside of the folder, and a seal that only the
//! counter's device can make. The value says how old the state is. The seal keeps a writer from giving an old state the
//! present value: it covers every byte of `state.json`, and so the digests of all files that are kept.
//!
//! The order of a change, from the state with the value `n` while the device says `n`:
//!
//! 1. the new state, sealed with `n + 1`, is written, synced, renamed, and its folder is synced;
//! 2. the device counts to `n + 1`;
//! 3. the caller is told that the change is done.
//!
//! When the power goes before 1 is done, either state may be there: the old one is level with the device, the new one is one
//! ahead. Before 2 is done, the new one is there and one ahead. From 2 on nothing but the new one is believed. The other
//! order would not do: a device that counted before the state is on the disk leaves the old state behind it for good.
//!
//! A state that is one ahead is therefore whole, but nobody may act on it yet: the older one is still level and could be put
//! back. So the next process, a reader too, syncs the folder and lets the device count before it believes it. The sync comes
//! first, because the rename may not have reached the disk. It takes the lock alone: two readers that both let the device
//! count would leave the state behind it. Where nobody may write, such a state is refused (`E-STATE-READ-ONLY`) until
//! somebody did.
//!
//! | stored value | what it is |
//! |---|---|
//! | as the device says | the newest state |
//! | one more | the newest state, whose writer was interrupted; the device is let count |
//! | less | an older state: `E-STATE-BACKWARDS` |
//! | more than one more | another device's, or one that was cleared: `E-STATE-COUNTER` |
//!
//! A device wears out by counting (a TPM may promise no more than 100 000 times), so a change of nothing but the highest
//! time counts once in a day. Within the day, at most that time can be turned back.
//!
//! What it does not do: a change that was interrupted, lost by the disk, and made anew in another way has two states of one value;
//! whoever copied the first in between can put it back. It was never promised, and is newer than what was. Someone who may use the device can seal what he likes. And a state says by itself whether it is bound, so
//! the caller must know: [`StateStore::open_bound`](crate::StateStore::open_bound) refuses a state that is not.

use std::fmt;

use lacre_hash::Sha256Digest;
use serde::{Deserialize, Serialize};

use super::format::Stored;

/// A counter that only rises, in a device that can seal.
///
/// Each state has a counter of its own; a device may have many.
pub trait MonotonicCounter: fmt::Debug + Send + Sync {
    /// Which one of the device's counters it is.
    fn index(&self) -> u32;

    /// What it says.
    fn value(&self) -> Result<u64, CounterError>;

    /// Counts by one, for good, and gives what it says then.
    fn increment(&self) -> Result<u64, CounterError>;

    /// A keyed digest of `message`: always the same one, and nobody without the device can tell it.
    fn seal(&self, message: &Sha256Digest) -> Result<Sha256Digest, CounterError>;
}

/// Why a counter does not vouch for a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CounterError {
    /// The state is bound, and was opened without its counter.
    #[error("the state is bound to the counter {index:#010x}, and cannot be believed without it")]
    Needed {
        /// Its counter.
        index: u32,
    },
    /// The state is not bound, and was opened with a counter.
    #[error("the state is bound to no counter")]
    Unbound,
    /// The state is bound to another counter.
    #[error("the state is bound to the counter {bound:#010x}, not to {given:#010x}")]
    Other {
        /// Its counter.
        bound: u32,
        /// The one that was given.
        given: u32,
    },
    /// The counter is beyond the state.
    #[error("an older state was put back: it is at {stored}, its counter at {counter}")]
    RolledBack {
        /// The value in the state.
        stored: u64,
        /// What the counter says.
        counter: u64,
    },
    /// The counter is further behind the state than any interruption leaves it.
    #[error(
        "the state is at {stored}, its counter only at {counter}: it was cleared, or is another device's"
    )]
    Behind {
        /// The value in the state.
        stored: u64,
        /// What the counter says.
        counter: u64,
    },
    /// The seal is not the device's.
    #[error("the state was not sealed by the counter's device, or was changed afterwards")]
    Seal,
    /// Someone else counted at the same time.
    #[error("the counter was to say {wanted}, and says {counter}: something else uses it")]
    Shared {
        /// What it was to say.
        wanted: u64,
        /// What it says.
        counter: u64,
    },
    /// The device has no such counter.
    #[error("the device has no counter {index:#010x}")]
    Missing {
        /// The one that was asked for.
        index: u32,
    },
    /// The device failed.
    #[error("the counter's device: cannot {action}: {reason}")]
    Device {
        /// What was tried.
        action: &'static str,
        /// What it says.
        reason: String,
    },
}

impl CounterError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "E-STATE-BACKWARDS",
            Self::Seal => "E-STATE-TORN",
            Self::Needed { .. }
            | Self::Unbound
            | Self::Other { .. }
            | Self::Behind { .. }
            | Self::Shared { .. }
            | Self::Missing { .. }
            | Self::Device { .. } => "E-STATE-COUNTER",
        }
    }
}

/// What a bound state says of its counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bound {
    index: u32,
    seal: Sha256Digest,
    value: u64,
}

impl Bound {
    pub(super) fn index(&self) -> u32 {
        self.index
    }
}

/// A state's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It is bound to no counter.
    Unbound,
    /// The counter says the same.
    Level(u64),
    /// The counter has yet to say this.
    OneAhead(u64),
}

/// How old the state is: only the newest is.
pub(super) fn age(counter: Option<&dyn MonotonicCounter>, stored: &Stored) -> Result<Age, CounterError> {
    let (counter, bound) = match (counter, stored.counter) {
        (None, None) => return Ok(Age::Unbound),
        (None, Some(bound)) => return Err(CounterError::Needed { index: bound.index }),
        (Some(_), None) => return Err(CounterError::Unbound),
        (Some(counter), Some(bound)) => (counter, bound),
    };
    if bound.index != counter.index() {
        return Err(CounterError::Other { bound: bound.index, given: counter.index() });
    }
    let (value, says) = (bound.value, counter.value()?);
    // Compared by their digests: how long it takes tells a writer nothing that he could use.
    let digest = |seal: Sha256Digest| Sha256Digest::of(seal.as_bytes());
    if digest(sealed(counter, stored.clone(), value)?.seal) != digest(bound.seal) {
        return Err(CounterError::Seal);
    }
    if value == says {
        Ok(Age::Level(value))
    } else if value < says {
        Err(CounterError::RolledBack { stored: value, counter: says })
    } else if value - says == 1 {
        Ok(Age::OneAhead(value))
    } else {
        Err(CounterError::Behind { stored: value, counter: says })
    }
}

/// What a state is to say of its counter at `value`.
pub(super) fn sealed(
    counter: &dyn MonotonicCounter,
    mut stored: Stored,
    value: u64,
) -> Result<Bound, CounterError> {
    let nothing = Sha256Digest::from_bytes([0; Sha256Digest::LEN]);
    let open = Bound { index: counter.index(), seal: nothing, value };
    stored.counter = Some(open);
    // Said first, so that no other use of the device's key can be taken for this one.
    let mut message = b"lacre channel state 1\0".to_vec();
    message.extend(lacre_json::to_vec(&stored));
    Ok(Bound { seal: counter.seal(&Sha256Digest::of(&message))?, ..open })
}

/// The value after this one.
pub(super) fn next(value: u64) -> Result<u64, CounterError> {
    let over = || CounterError::Device { action: "count", reason: "it counts no further".to_owned() };
    value.checked_add(1).ok_or_else(over)
}

/// Lets the counter count to `wanted`.
pub(super) fn count_to(counter: &dyn MonotonicCounter, wanted: u64) -> Result<(), CounterError> {
    match counter.increment()? {
        says if says == wanted => Ok(()),
        says => Err(CounterError::Shared { wanted, counter: says }),
    }
}

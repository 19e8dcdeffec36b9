//! A client of one channel: from what is remembered and fetched to a document that may be asked.
//!
//! The walk of the data:
//!
//! ```text
//! Record (what was seen) ─► ChannelRefresh ─ wanted ─► whoever fetches
//!                                 ▲ └────── give ◄─────┘
//!                                 │ nothing is wanted any more
//!                                 └─► finish ─► Refreshed ─► Channel ─► decide ─► Permit
//!                                                   └─► remember ─► Record, also after a failure
//! ```
//!
//! A document is believed when The Update Framework proves it (`refresh`), by exactly the chain from the role `targets` to
//! the channel's own; when it says the name, the channel and the epoch that were asked for (`document`); and when it does not come
//! after a newer one. What is believed is a [`Channel`] (`channel`), and only that is asked which release may run.

mod channel;
mod document;
mod refresh;

pub use channel::{Ask, Channel};
pub(crate) use refresh::PLACE;
pub use refresh::{ChannelRefresh, Freshness, Refreshed};

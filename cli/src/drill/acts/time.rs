//! A clock that goes on while nothing new comes, or that goes back.

use jiff::{SignedDuration, Timestamp};
use lacre_publish::channel::Role;

use super::super::{Act, Came};

pub(super) fn acts() -> Vec<Act> {
    let expired = Came::Refused("E-TUF-EXPIRED");
    vec![
        Act::new("freeze", "the same files until the timestamp expires", expired, |stage| {
            let (client, end) = (stage.client()?, stage.scratch.live.expires(Role::Timestamp));
            client.follow(&stage.scratch.base, second_before(end))?;
            Ok(Came::from(client.follow(&stage.scratch.base, end)))
        }),
        Act::new("freeze", "cut off until the timestamp expires", expired, |stage| {
            let (client, end) = (stage.client()?, stage.scratch.live.expires(Role::Timestamp));
            client.kept(second_before(end))?;
            Ok(Came::from(client.kept(end)))
        }),
        Act::new("clock", "set back by a day", Came::Refused("E-CLOCK"), |stage| {
            let client = stage.client()?;
            Ok(Came::from(client.follow(&stage.scratch.base, stage.scratch.after(-24))))
        }),
    ]
}

fn second_before(end: Timestamp) -> Timestamp {
    end.checked_sub(SignedDuration::from_secs(1)).unwrap_or(end)
}

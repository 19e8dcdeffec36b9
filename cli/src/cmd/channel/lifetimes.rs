//! How long what a role signs is believed, as the command line writes it.

use std::str::FromStr;

use lacre_publish::channel::{Lifetimes, Role};

use crate::units;

/// `timestamp=2d,channel=30d`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changed(Vec<(Role, u64)>);

impl Changed {
    /// The lifetimes that come of those before.
    pub(super) fn after(&self, mut lifetimes: Lifetimes) -> Lifetimes {
        for (role, seconds) in &self.0 {
            let lifetime = match role {
                Role::Root => &mut lifetimes.root,
                Role::Targets => &mut lifetimes.targets,
                Role::Channel => &mut lifetimes.channel,
                Role::Snapshot => &mut lifetimes.snapshot,
                Role::Timestamp => &mut lifetimes.timestamp,
            };
            *lifetime = *seconds;
        }
        lifetimes
    }
}

impl FromStr for Changed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "want roles and times, like timestamp=2d,channel=30d";
        let mut changed: Vec<(Role, u64)> = Vec::new();
        for part in text.split(',') {
            let (role, time) = part.split_once('=').ok_or(SHAPE)?;
            let role: Role = role.parse().map_err(|_| SHAPE)?;
            if changed.iter().any(|(other, _)| *other == role) {
                return Err("a role stands there twice");
            }
            changed.push((role, units::interval(time)?.as_secs()));
        }
        Ok(Self(changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let before = Lifetimes::default();
        let changed: Changed = "timestamp=2d,channel=36h".parse().unwrap();
        let after = changed.after(before);
        assert_eq!((after.timestamp, after.channel), (172_800, 129_600));
        assert_eq!(Lifetimes { timestamp: before.timestamp, channel: before.channel, ..after }, before);
    }

    #[test]
    fn what_names_no_lifetime_is_refused() {
        for bad in ["", "timestamp", "timestamp=", "timestamp=2", "other=2d", "root=1d,root=2d", "root=1d,"] {
            assert!(bad.parse::<Changed>().is_err(), "{bad}");
        }
    }
}

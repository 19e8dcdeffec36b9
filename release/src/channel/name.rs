//! Names in a channel: parsed once, then known to be safe in paths, URLs and terminals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ReleaseError;

/// Between the parts of a role's name; no part can hold it, and no URL changes it (RFC 3986, section 2.3).
const BETWEEN: char = '~';
const ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $good:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ReleaseError;

            fn from_str(text: &str) -> Result<Self, ReleaseError> {
                let good: fn(&str) -> bool = $good;
                if good(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ReleaseError::Name { what: $what, text: text.chars().take(64).collect() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ReleaseError;

            fn try_from(text: String) -> Result<Self, ReleaseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a model, as it is signed: `org/name`. At most 8 segments and 200 bytes; a segment begins with a letter
    /// or a digit and holds letters, digits, `.`, `_` and `-` (ASCII).
    ModelName,
    "model name",
    |text| text.len() <= 200 && text.split('/').count() <= 8 && text.split('/').all(|segment| is_segment(segment, 200, ""))
);

name!(
    /// The name of a channel: one segment of at most 64 bytes, like `stable`.
    ChannelName,
    "channel name",
    |text| is_segment(text, 64, "") && !ROLES.contains(&text)
);

name!(
    /// A version: 1 to 128 bytes, beginning with a letter or a digit, then letters, digits, `.`, `_`, `-` and `+`.
    /// Versions have no order: what is newer is said by [`crate::Release::counter`].
    Version,
    "version",
    |text| is_segment(text, 128, "+")
);

fn is_segment(text: &str, longest: usize, also: &str) -> bool {
    let good = |character: char| {
        character.is_ascii_alphanumeric() || "._-".contains(character) || also.contains(character)
    };
    text.len() <= longest
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(good)
}

/// Whose channel it is: the name of a model and of one of its channels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId {
    /// The model.
    pub model: ModelName,
    /// The channel.
    pub channel: ChannelName,
}

impl ChannelId {
    /// The delegated TUF role that speaks for this channel, `org~name~stable`: one name for one channel, the same in a
    /// file name and in a URL.
    pub fn role(&self) -> String {
        format!("{}{BETWEEN}{}", self.model.as_str().replace('/', &BETWEEN.to_string()), self.channel)
    }

    /// The TUF target that holds the channel document, `channels/org/name/stable.json`.
    pub fn target(&self) -> String {
        format!("channels/{}/{}.json", self.model, self.channel)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.model, self.channel)
    }
}

impl FromStr for ChannelId {
    type Err = ReleaseError;

    /// Reads `org/name@stable`.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let Some((model, channel)) = text.split_once('@') else {
            return Err(ReleaseError::Name {
                what: "channel (MODEL@CHANNEL)",
                text: text.chars().take(64).collect(),
            });
        };
        Ok(Self { model: model.parse()?, channel: channel.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::{ChannelId, ChannelName, ModelName, Version};

    #[test]
    fn two_channels_never_share_a_role() {
        let ids = ["a/b@c", "a@b-c", "a-b@c", "a.b@c", "a/b.c@d", "a/b@c.d"];
        let mut roles: Vec<String> = ids.iter().map(|id| id.parse::<ChannelId>().unwrap().role()).collect();
        roles.sort();
        roles.dedup();
        assert_eq!(roles.len(), ids.len());
        assert_eq!("org/name@stable".parse::<ChannelId>().unwrap().role(), "org~name~stable");
    }

    #[test]
    fn what_could_leave_a_folder_or_take_a_role_is_no_name() {
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a~b", "a%2fb", "a b", "a\u{202e}b", "a@b"]
        {
            assert!(bad.parse::<ModelName>().is_err(), "{bad}");
        }
        for bad in ["root", "targets", "snapshot", "timestamp", "a/b", "", &"a".repeat(65)] {
            assert!(bad.parse::<ChannelName>().is_err(), "{bad}");
        }
        for bad in ["", "-1", "1/2", "1~2", &"1".repeat(129)] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
        assert!("2.4.0-rc.1+cuda12".parse::<Version>().is_ok());
    }
}

//! Lengths of time, as a policy writes them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written as a number and a unit: `90d`, `12h`, `30m`, `45s`. At most 100 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(Duration);

const LONGEST: u64 = 100 * 365 * 86_400;
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl Age {
    /// As seconds and less.
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl std::str::FromStr for Age {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "a length of time wants a number and a unit: 90d, 12h, 30m or 45s";
        let unit = |(unit, seconds): &(&str, u64)| Some((text.strip_suffix(*unit)?, *seconds));
        let (number, seconds) = UNITS.iter().find_map(unit).ok_or(WANTED)?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = is_number.then(|| number.parse().ok()).flatten().ok_or(WANTED)?;
        match number.checked_mul(seconds) {
            Some(0) => Err("no time at all: nothing could ever be so young"),
            Some(total) if total <= LONGEST => Ok(Self(Duration::from_secs(total))),
            _ => Err("a length of time is at most 100 years"),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (unit, length) =
            UNITS.iter().find(|(_, length)| seconds.is_multiple_of(*length)).unwrap_or(&("s", 1));
        write!(formatter, "{}{unit}", seconds / length)
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, seconds) in [("45s", 45), ("30m", 1_800), ("12h", 43_200), ("90d", 7_776_000), ("61s", 61)]
        {
            let age: Age = text.parse().unwrap();
            assert_eq!((age.as_duration().as_secs(), age.to_string().as_str()), (seconds, text));
        }
        for bad in
            ["", "d", "1", "1w", "-1d", "+1d", "1.5h", "0s", "1d1h", "99999999999999999999d", "36501d", " 1d"]
        {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }
}

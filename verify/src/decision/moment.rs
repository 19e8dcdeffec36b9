//! When something was decided.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time in UTC, as RFC 3339 writes it with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Timestamp);

impl Moment {
    /// Milliseconds since 1970.
    pub(super) fn milliseconds(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Nanoseconds since 1970.
    pub(super) fn nanoseconds(self) -> i128 {
        self.0.as_nanosecond()
    }
}

impl From<SystemTime> for Moment {
    /// A time that no calendar reaches becomes 1970: a clock like that tells nothing.
    fn from(time: SystemTime) -> Self {
        let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
        Self(Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.6}", self.0)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Timestamp =
            text.parse().map_err(|_| serde::de::Error::custom("want a time of RFC 3339"))?;
        let moment = Self(time);
        if moment.to_string() == text {
            Ok(moment)
        } else {
            Err(serde::de::Error::custom("want a time of RFC 3339 in UTC, with microseconds"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_has_one_form() {
        let moment = Moment::from(SystemTime::UNIX_EPOCH + Duration::from_nanos(1_763_949_600_123_456_789));
        assert_eq!(moment.to_string(), "2025-11-24T02:00:00.123456Z");
        assert_eq!(
            (moment.milliseconds(), moment.nanoseconds()),
            (1_763_949_600_123, 1_763_949_600_123_456_000)
        );
        assert_eq!(Moment::from(SystemTime::UNIX_EPOCH).to_string(), "1970-01-01T00:00:00.000000Z");
        let read = |text: &str| serde_json::from_str::<Moment>(&format!("{text:?}")).is_ok();
        assert!(read("2025-11-24T02:00:00.123456Z"));
        for other in
            ["2025-11-24T02:00:00Z", "2025-11-24T03:00:00.123456+01:00", "2025-11-24 02:00:00.123456Z", ""]
        {
            assert!(!read(other), "{other}");
        }
    }
}

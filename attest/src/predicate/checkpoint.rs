//! How far a decision log had come: what a log is held against, long after somebody could write to it.

use std::fmt;

use lacre_hash::Sha256Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::declaration::{Declaration, WrittenDigest, WrittenSubject};
use crate::error::quoted;
use crate::wire::Object;
use crate::{AttestError, Limits, Statement};

/// The predicate type of a checkpoint of a decision log.
pub const LOG_CHECKPOINT_PREDICATE_TYPE: &str = "urn:lacre:decision-log-checkpoint:v1";

/// The longest time, in bytes: RFC 3339 with nanoseconds has fewer.
const TIME_LIMIT: usize = 64;

/// Which decision log it is: 128 random bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId([u8; 16]);

impl LogId {
    /// The log of these bits.
    pub const fn from_bytes(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// Reads exactly 32 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bits = [0; 16];
        for (bit, pair) in bits.iter_mut().zip(digits.chunks_exact(2)) {
            *bit = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bits))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LogId({self})")
    }
}

impl Serialize for LogId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("want the 32 lower-case hexadecimal digits of a log"))
    }
}

/// What is claimed about a decision log: it has (at least) so many lines, and the last of them has this digest. Each line
/// holds the digest of the one before it, so that every line is meant.
///
/// A claim, not a proof: nobody has checked who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCheckpoint {
    /// Which log it is.
    pub log: LogId,
    /// How many lines it has, over all of its files; at least one.
    pub lines: u64,
    /// SHA-256 of the last of these lines, with its line feed.
    pub head: Sha256Digest,
    /// When somebody looked (RFC 3339).
    pub time: String,
}

impl LogCheckpoint {
    /// The statement to sign.
    ///
    /// Refused: a log without a line, a time that is none (`E-PREDICATE`).
    pub fn declare(&self, limits: &Limits) -> Result<Declaration, AttestError> {
        self.check()?;
        let name = format!("lacre decision log {}", self.log);
        let digest = WrittenDigest { lacre: None, sha256: self.head.to_string() };
        let predicate = Wire { lines: self.lines, log: self.log, time: self.time.clone() };
        let subjects = [WrittenSubject { digest, name: &name }];
        Declaration::new(&subjects, LOG_CHECKPOINT_PREDICATE_TYPE, &predicate, limits)
    }

    /// Reads a checkpoint from a statement. Its form is closed: no other reader gives a second meaning to it.
    ///
    /// Refused: a statement of another type (`E-PREDICATE-TYPE`), about something else than one digest (`E-STATEMENT`),
    /// unknown members, a log without a line, a time that is none (`E-PREDICATE`).
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, AttestError> {
        if statement.predicate_type() != LOG_CHECKPOINT_PREDICATE_TYPE {
            let (found, expected) = (quoted(statement.predicate_type()), LOG_CHECKPOINT_PREDICATE_TYPE);
            return Err(AttestError::PredicateType { found, expected });
        }
        let malformed = |detail: &str| AttestError::Statement { detail: detail.to_owned() };
        let [subject] = statement.subjects() else {
            return Err(malformed("a checkpoint is about one line of one log"));
        };
        let head = subject.digest.get("sha256").filter(|_| subject.digest.len() == 1);
        let head = head.and_then(|hex| Sha256Digest::from_hex(hex).ok());
        let head = head.ok_or_else(|| malformed("a checkpoint has one digest, a sha256"))?;
        let Object(Wire { lines, log, time }) = serde_json::from_str(statement.predicate().get())
            .map_err(|error| AttestError::Predicate { detail: error.to_string() })?;
        let checkpoint = Self { log, lines, head, time };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    fn check(&self) -> Result<(), AttestError> {
        let refused = |detail: &str| Err(AttestError::Predicate { detail: detail.to_owned() });
        if self.lines == 0 {
            return refused("a log has at least one line");
        }
        // What it says of the time decides nothing; it must only be short and harmless.
        if self.time.is_empty()
            || self.time.len() > TIME_LIMIT
            || !self.time.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return refused("its time is none");
        }
        Ok(())
    }
}

/// Members in code-point order of their names.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    lines: u64,
    log: LogId,
    time: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { statement: 4096, depth: 8 };

    fn checkpoint() -> LogCheckpoint {
        LogCheckpoint {
            log: LogId::from_bytes([0xa7; 16]),
            lines: 3,
            head: Sha256Digest::of(b"a line\n"),
            time: "2026-11-24T02:00:00Z".to_owned(),
        }
    }

    fn read(text: &str) -> Result<LogCheckpoint, &'static str> {
        Statement::parse(text.as_bytes(), &LIMITS)
            .and_then(|statement| LogCheckpoint::from_statement(&statement))
            .map_err(|error| error.code())
    }

    #[test]
    fn what_is_written_is_read() {
        let declared = checkpoint().declare(&LIMITS).unwrap();
        let text = String::from_utf8(declared.payload().to_vec()).unwrap();
        assert_eq!(read(&text).unwrap(), checkpoint());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text.as_bytes(), lacre_json::to_vec(&value), "keys in order");
    }

    #[test]
    fn its_form_is_closed() {
        let good = String::from_utf8(checkpoint().declare(&LIMITS).unwrap().payload().to_vec()).unwrap();
        let head = checkpoint().head.to_string();
        let id = checkpoint().log.to_string();
        for (part, replacement, expected) in [
            (r#""lines":3"#, r#""lines":0"#, "E-PREDICATE"),
            (r#""lines":3"#, r#""lines":-3"#, "E-PREDICATE"),
            (r#""lines":3"#, r#""lines":3,"also":1"#, "E-PREDICATE"),
            (r#""lines":3,"#, "", "E-PREDICATE"),
            (r#""lines":3"#, r#""lines":3,"lines":4"#, "E-DUPLICATE-KEY"),
            (id.as_str(), &id.to_uppercase(), "E-PREDICATE"),
            (id.as_str(), &id[1..], "E-PREDICATE"),
            (head.as_str(), "3d62", "E-STATEMENT"),
            (r#"{"sha256":"#, r#"{"blake3":"x","sha256":"#, "E-STATEMENT"),
            (r#""2026-11-24T02:00:00Z""#, r#""""#, "E-PREDICATE"),
            (r#""2026-11-24T02:00:00Z""#, r#""a b""#, "E-PREDICATE"),
            ("checkpoint:v1", "checkpoint:v2", "E-PREDICATE-TYPE"),
        ] {
            assert!(good.contains(part), "{part}");
            assert_eq!(read(&good.replacen(part, replacement, 2)).err(), Some(expected), "{replacement}");
        }
        let subject = good.split(r#""subject":["#).nth(1).unwrap().trim_end_matches("]}").to_owned();
        assert_eq!(read(&good.replace(&subject, &format!("{subject},{subject}"))).err(), Some("E-STATEMENT"));
        assert_eq!(
            LogCheckpoint { lines: 0, ..checkpoint() }.declare(&LIMITS).unwrap_err().code(),
            "E-PREDICATE"
        );
    }
}

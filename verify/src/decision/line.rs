//! The lines of a log: JSON with one form, each with the digest of the line before it.

use lacre_attest::LogId;
use lacre_hash::Sha256Digest;
use lacre_json::Limits;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::moment::Moment;
use super::record::Decision;

/// The longest line of a log, in bytes, its line feed included.
pub const LINE_LIMIT: usize = 1 << 20;
/// The deepest line, in levels. A record has four.
const DEPTH: usize = 16;
/// The version of the form of lines.
const VERSION: u32 = 1;
/// What the first line of a log has in the place of a digest.
pub(super) const NOTHING_BEFORE: Sha256Digest = Sha256Digest::from_bytes([0; 32]);

/// What a line of a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EntryKind {
    /// The first line: a log begins.
    Begun,
    /// The first line of a further file: the log goes on here.
    Continued,
    /// A decision.
    Decided,
    /// Somebody cut off a line that was not whole, and says so.
    Repaired,
}

/// A line of a log, whose place in the chain was found good.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which line it is, over all files, from 0.
    pub index: u64,
    /// What it is.
    pub kind: EntryKind,
    /// The whole line, without its line feed.
    pub json: &'a str,
    /// The record in it, if it holds a decision.
    pub decision: Option<&'a str>,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u64,
    pub(super) log: LogId,
    pub(super) previous: Sha256Digest,
}

/// What a line says.
#[derive(Debug)]
pub(super) enum Said<'a> {
    Begun { time: Moment },
    Continued { file: u32, time: Moment },
    Decided(&'a Decision),
    Repaired { time: Moment, torn: Torn },
}

/// What was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Torn {
    /// How many bytes there were.
    pub(super) bytes: u64,
    /// SHA-256 of them.
    pub(super) sha256: Sha256Digest,
    /// What can be read of them, at most 1024 bytes.
    pub(super) text: String,
}

impl Said<'_> {
    /// The line, with its line feed.
    pub(super) fn line(&self, place: &Link) -> Vec<u8> {
        let Link { index, log, previous } = *place;
        let empty = Written {
            decision: None,
            file: None,
            index,
            kind: EntryKind::Decided,
            log,
            previous,
            time: None,
            torn: None,
            version: None,
        };
        let written = match self {
            Self::Begun { time } => Written {
                kind: EntryKind::Begun,
                file: Some(1),
                time: Some(*time),
                version: Some(VERSION),
                ..empty
            },
            Self::Continued { file, time } => {
                Written { kind: EntryKind::Continued, file: Some(*file), time: Some(*time), ..empty }
            }
            Self::Decided(decision) => Written { decision: Some(decision), ..empty },
            Self::Repaired { time, torn } => {
                Written { kind: EntryKind::Repaired, time: Some(*time), torn: Some(torn), ..empty }
            }
        };
        let mut line = visible_json(&written).into_bytes();
        line.push(b'\n');
        line
    }
}

/// A line that was read. Nothing is known of its place yet.
#[derive(Debug)]
pub(super) struct Read<'a> {
    pub(super) link: Link,
    pub(super) kind: EntryKind,
    /// Which file of the log begins with it, if one does.
    pub(super) file: Option<u32>,
    pub(super) json: &'a str,
    pub(super) decision: Option<&'a str>,
}

impl<'a> Read<'a> {
    /// Reads a line without its line feed.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, String> {
        let text =
            lacre_json::check(line, Limits::new(LINE_LIMIT, DEPTH)).map_err(|error| error.to_string())?;
        let wire: Wire<'a> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if !text.starts_with('{') {
            return Err("it is no object".to_owned());
        }
        let Wire { decision, file, index, kind, log, previous, time, torn, version } = wire;
        let has = (decision.is_some(), file.is_some(), time.is_some(), torn.is_some(), version);
        let wanted = match kind {
            EntryKind::Begun => (false, true, true, false, Some(VERSION)),
            EntryKind::Continued => (false, true, true, false, None),
            EntryKind::Decided => (true, false, false, false, None),
            EntryKind::Repaired => (false, false, true, true, None),
        };
        if has != wanted {
            return Err("it has other members than a line of its kind".to_owned());
        }
        if file.is_some_and(|file| file == 0 || (file == 1) != (kind == EntryKind::Begun)) {
            return Err("a file of another number begins like this".to_owned());
        }
        let decision = decision.map(RawValue::get);
        if decision.is_some_and(|text| !text.starts_with('{')) {
            return Err("the decision is no object".to_owned());
        }
        Ok(Self { link: Link { index, log, previous }, kind, file, json: text, decision })
    }
}

/// JSON on one line: compact, keys in code-point order, nothing that a terminal obeys or does not show.
pub(super) fn visible_json(value: &impl Serialize) -> String {
    lacre_manifest::escape_json(&String::from_utf8_lossy(&lacre_json::to_vec(value)))
}

#[derive(Debug, Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'a Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<u32>,
    index: u64,
    kind: EntryKind,
    log: LogId,
    previous: Sha256Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    torn: Option<&'a Torn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

/// The same as it is read; the decision is left to whoever knows its schema.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow, default)]
    decision: Option<&'a RawValue>,
    #[serde(default)]
    file: Option<u32>,
    index: u64,
    kind: EntryKind,
    log: LogId,
    previous: Sha256Digest,
    #[serde(default)]
    time: Option<Moment>,
    #[serde(default)]
    torn: Option<Torn>,
    #[serde(default)]
    version: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{NOW, whole};
    use super::*;

    fn link() -> Link {
        Link { index: 7, log: LogId::from_bytes([0x5e; 16]), previous: Sha256Digest::of(b"before") }
    }

    fn lines() -> [Vec<u8>; 4] {
        let (time, decision) = (NOW.into(), whole());
        let torn = Torn { bytes: 3, sha256: Sha256Digest::of(b"{\"a"), text: "{\"a".to_owned() };
        [
            Said::Begun { time },
            Said::Continued { file: 2, time },
            Said::Decided(&decision),
            Said::Repaired { time, torn },
        ]
        .map(|said| said.line(&link()))
    }

    #[test]
    fn what_is_written_is_read() {
        let kinds = [EntryKind::Begun, EntryKind::Continued, EntryKind::Decided, EntryKind::Repaired];
        for (line, kind) in lines().iter().zip(kinds) {
            let text = line.strip_suffix(b"\n").unwrap();
            assert!(!text.contains(&b'\n'));
            let read = Read::parse(text).unwrap();
            assert_eq!((read.link, read.kind), (link(), kind));
        }
        let [.., decided, _] = lines();
        let read = Read::parse(decided.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(read.decision.unwrap()).unwrap(), whole());
    }

    #[test]
    fn lines_of_another_form_are_refused() {
        let refused = |text: &str| Read::parse(text.as_bytes()).is_err();
        let [begun, _, decided, repaired] = lines().map(|line| String::from_utf8(line).unwrap());
        for line in [&begun, &decided, &repaired] {
            assert!(!refused(line.trim_end()));
            for (part, other) in [
                (r#""index":7"#, r#""index":-7"#),
                (r#""index":7"#, r#""index":7,"index":7"#),
                (r#""index":7"#, r#""index":7,"more":1"#),
                (r#""index":7,"#, ""),
                (r#""log":"5e"#, r#""log":"5E"#),
                (r#""previous":""#, r#""previous":"0"#),
                (r#""kind":""#, r#""kind":"un"#),
            ] {
                assert!(line.contains(part), "{part}");
                // Some members stand in the record, too, where nothing is wanted of them.
                assert!(refused(&line.trim_end().replace(part, other)), "{other}");
            }
        }
        assert!(refused(&decided.trim_end().replace(r#""decided""#, r#""begun""#)));
        assert!(refused(&begun.trim_end().replace(r#""file":1"#, r#""file":2"#)));
        assert!(refused(&begun.trim_end().replace(r#""version":1"#, r#""version":2"#)));
        assert!(refused(&begun.trim_end().replace(r#","version":1"#, "")));
        assert!(refused(&repaired.trim_end().replace(r#""bytes":3,"#, "")));
        for text in ["", "{}", "[]", "null", "[null,1,7,\"begun\",\"\",\"\",null,null,1]"] {
            assert!(refused(text), "{text}");
        }
        let deep = format!(r#"{{"decision":{}1{}"#, r#"{"a":"#.repeat(DEPTH), "}".repeat(DEPTH));
        assert!(refused(&decided.trim_end().replacen(r#"{"decision":{"#, &format!("{deep},"), 1)));
    }
}

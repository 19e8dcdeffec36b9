//! The files of a channel, wherever they lie.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use lacre_release::{ChannelDocument, ChannelId};

use super::ChannelProblem;
use super::metadata::LIMIT;
use crate::PublishError;

/// A channel that was edited every hour for a year has fewer roots and leftovers.
const MOST_FILES: usize = 10_000;
const ROOT: &str = ".root.json";
const TARGETS: &str = ".targets.json";
const SNAPSHOT: &str = ".snapshot.json";
const TIMESTAMP: &str = "timestamp.json";

/// The name of a file in a channel: python-tuf's layout with consistent snapshots.
///
/// In the order in which files are to be written: what is named stands before what names it, and the timestamp, which
/// leads to everything, comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// `channels/org/name/SHA256.stable.json`, a channel document.
    Document(Sha256Digest),
    /// `N.org~name~stable.json`, metadata of the channel's own role.
    Channel(u64),
    /// `N.targets.json`.
    Targets(u64),
    /// `N.snapshot.json`.
    Snapshot(u64),
    /// `N.root.json`.
    Root(u64),
    /// `timestamp.json`, the only one that is ever replaced.
    Timestamp,
}

impl FileName {
    /// Reads the name that a file of the channel `id` has, with `/` between folders.
    pub fn parse(id: &ChannelId, text: &str) -> Result<Self, PublishError> {
        Self::read(id, text)
            .ok_or_else(|| ChannelProblem::File { name: text.chars().take(128).collect() }.into())
    }

    /// The name as text.
    pub fn text(&self, id: &ChannelId) -> String {
        match self {
            Self::Document(digest) => format!("{}{digest}{}", folder(id), last(id)),
            Self::Channel(version) => format!("{version}.{}.json", id.role()),
            Self::Targets(version) => format!("{version}{TARGETS}"),
            Self::Snapshot(version) => format!("{version}{SNAPSHOT}"),
            Self::Root(version) => format!("{version}{ROOT}"),
            Self::Timestamp => TIMESTAMP.to_owned(),
        }
    }

    /// Whether it is a target; the others are metadata.
    pub fn is_target(&self) -> bool {
        matches!(self, Self::Document(_))
    }

    fn read(id: &ChannelId, text: &str) -> Option<Self> {
        if text == TIMESTAMP {
            return Some(Self::Timestamp);
        }
        if let Some(rest) = text.strip_prefix(&folder(id)) {
            return Sha256Digest::from_hex(rest.strip_suffix(&last(id))?).ok().map(Self::Document);
        }
        let role = format!(".{}.json", id.role());
        let mut known = [ROOT, TARGETS, SNAPSHOT, &role].into_iter().zip(0..);
        let (digits, kind) = known.find_map(|(suffix, kind)| Some((text.strip_suffix(suffix)?, kind)))?;
        // One number has one name.
        let version: u64 = digits.parse().ok()?;
        let name = match kind {
            0 => Self::Root(version),
            1 => Self::Targets(version),
            2 => Self::Snapshot(version),
            _ => Self::Channel(version),
        };
        (version > 0 && version.to_string() == digits).then_some(name)
    }

    fn limit(self) -> usize {
        if self.is_target() { ChannelDocument::LIMIT } else { LIMIT }
    }
}

fn folder(id: &ChannelId) -> String {
    format!("channels/{}/", id.model)
}

fn last(id: &ChannelId) -> String {
    format!(".{}.json", id.channel)
}

/// The files of one channel. Nothing in it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    id: ChannelId,
    files: BTreeMap<FileName, Vec<u8>>,
}

impl Repository {
    /// No files yet.
    pub fn new(id: ChannelId) -> Self {
        Self { id, files: BTreeMap::new() }
    }

    /// Whose channel it is.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Puts a file in. Refused are files above 512 KiB (documents: 8 MiB), and more than 10 000 of them (`E-CHANNEL-FILE`).
    pub fn insert(&mut self, name: FileName, bytes: Vec<u8>) -> Result<(), PublishError> {
        let full = self.files.len() >= MOST_FILES && !self.files.contains_key(&name);
        if full || bytes.len() > name.limit() {
            return Err(ChannelProblem::File { name: format!("{} (too large)", name.text(&self.id)) }.into());
        }
        self.files.insert(name, bytes);
        Ok(())
    }

    /// A file.
    pub fn get(&self, name: FileName) -> Option<&[u8]> {
        self.files.get(&name).map(Vec::as_slice)
    }

    /// All files, in the order in which they are to be written.
    pub fn files(&self) -> impl Iterator<Item = (FileName, &[u8])> {
        self.files.iter().map(|(name, bytes)| (*name, bytes.as_slice()))
    }

    /// Keeps the files that `keep` wants.
    pub(super) fn retain(&mut self, keep: impl Fn(FileName) -> bool) {
        self.files.retain(|name, _| keep(*name));
    }
}

#[cfg(test)]
mod tests {
    use lacre_hash::Sha256Digest;
    use lacre_release::ChannelId;

    use super::{FileName, Repository};

    fn id() -> ChannelId {
        "org/name@stable".parse().unwrap()
    }

    #[test]
    fn names_are_those_of_consistent_snapshots() {
        let digest = Sha256Digest::of(b"");
        let names = [
            (FileName::Timestamp, "timestamp.json".to_owned()),
            (FileName::Root(1), "1.root.json".to_owned()),
            (FileName::Targets(u64::MAX), "18446744073709551615.targets.json".to_owned()),
            (FileName::Snapshot(20), "20.snapshot.json".to_owned()),
            (FileName::Channel(3), "3.org~name~stable.json".to_owned()),
            (FileName::Document(digest), format!("channels/org/name/{digest}.stable.json")),
        ];
        for (name, text) in names {
            assert_eq!(name.text(&id()), text);
            assert_eq!(FileName::parse(&id(), &text).unwrap(), name);
        }
    }

    #[test]
    fn other_names_are_none() {
        for bad in [
            "",
            "root.json",
            "0.root.json",
            "01.root.json",
            "+1.root.json",
            "1.other.json",
            "1.org~name~beta.json",
            "18446744073709551616.root.json",
            "../1.root.json",
            "channels/org/name/x.stable.json",
            "channels/org/name/../e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.stable.json",
        ] {
            assert_eq!(FileName::parse(&id(), bad).unwrap_err().code(), "E-CHANNEL-FILE", "{bad}");
        }
    }

    #[test]
    fn a_file_has_a_limit_and_what_names_others_is_written_after_them() {
        let mut repository = Repository::new(id());
        assert!(repository.insert(FileName::Timestamp, vec![0; 512 << 10]).is_ok());
        let large = repository.insert(FileName::Root(1), vec![0; (512 << 10) + 1]);
        assert_eq!(large.unwrap_err().code(), "E-CHANNEL-FILE");
        let document = FileName::Document(Sha256Digest::of(b""));
        for name in [FileName::Snapshot(2), document, FileName::Channel(1)] {
            repository.insert(name, Vec::new()).unwrap();
        }
        let order: Vec<FileName> = repository.files().map(|(name, _)| name).collect();
        assert_eq!(order, [document, FileName::Channel(1), FileName::Snapshot(2), FileName::Timestamp]);
    }
}

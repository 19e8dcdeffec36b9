//! Names of files in a set.

use std::fmt;

use crate::RegistryError;

/// The longest name, in bytes.
const LONGEST: usize = 512;
/// The most folders above a file.
const DEEPEST: usize = 16;

/// Which part of a repository a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// What a role signed: `7.snapshot.json`. One segment.
    Metadata,
    /// What the roles vouch for: `channels/org/name/DIGEST.stable.json`.
    Target,
}

impl FileKind {
    /// The folder of the files of this kind.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Target => "targets",
        }
    }
}

/// The name of a file of a set: segments of ASCII letters, digits and `-._~%@+`, none of which begins with a `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    kind: FileKind,
    name: String,
}

impl FileName {
    /// Reads a name, `/` between its segments.
    ///
    /// # Errors
    /// `E-ARTIFACT` when it could mean anything but a file below its folder.
    pub fn parse(kind: FileKind, name: &str) -> Result<Self, RegistryError> {
        let segments = name.split('/').count();
        let deepest = if kind == FileKind::Metadata { 1 } else { DEEPEST };
        let good = name.len() <= LONGEST && segments <= deepest && name.split('/').all(is_segment);
        if good {
            Ok(Self { kind, name: name.to_owned() })
        } else {
            Err(RegistryError::FileName { name: name.chars().take(64).collect() })
        }
    }

    /// Which part of the repository it belongs to.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether it is `N.root.json`: kept for ever, and read one after the other.
    pub(super) fn is_root(&self) -> bool {
        self.kind == FileKind::Metadata && self.name.ends_with(".root.json")
    }

    /// Whether everything else is found through it, so that it is written last.
    pub(super) fn is_entrance(&self) -> bool {
        self.kind == FileKind::Metadata && self.name == "timestamp.json"
    }
}

fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%@+".contains(&byte))
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind.folder(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{FileKind, FileName};

    #[test]
    fn a_name_never_leaves_its_folder() {
        for bad in
            ["", ".", "..", "../x", "a/../b", "/a", "a//b", "a/", ".a", "a\\b", "a b", "a\0", "é", "a:b"]
        {
            let refused = FileName::parse(FileKind::Target, bad).unwrap_err();
            assert_eq!(refused.code(), "E-ARTIFACT", "{bad}");
        }
        assert!(FileName::parse(FileKind::Metadata, "a/b.json").is_err());
        assert!(FileName::parse(FileKind::Target, &"a/".repeat(20)).is_err());
        assert!(FileName::parse(FileKind::Target, &"a".repeat(513)).is_err());
        for good in ["1.root.json", "3.org~name~stable.json", "3.%2E%2E.json"] {
            assert_eq!(FileName::parse(FileKind::Metadata, good).unwrap().as_str(), good);
        }
    }
}

//! References: where an artifact is kept, as a user writes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lacre_hash::Sha256Digest;

use crate::RegistryError;

const LAYOUT: &str = "oci:";
const DIGEST: &str = "sha256:";

/// Where an artifact is kept.
///
/// `oci:DIR`, `oci:DIR:TAG` or `oci:DIR@sha256:HEX` for an image layout in the folder `DIR`. The tag stands behind
/// the last `:` of the last path part, so a folder whose own name holds `:` or `@` is written with a final `/`
/// (`oci:a:b/`).
///
/// ```
/// use lacre_registry_client::{Reference, Target};
///
/// let Reference::Layout { dir, target } = Reference::parse("oci:store:mini-lm-v1")? else { unreachable!() };
/// assert_eq!(dir.to_str(), Some("store"));
/// assert!(matches!(target, Target::Tag(tag) if tag.as_str() == "mini-lm-v1"));
/// # Ok::<(), lacre_registry_client::RegistryError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference {
    /// An OCI image layout on disk.
    Layout {
        /// The layout's folder, as written.
        dir: PathBuf,
        /// Which manifest of it.
        target: Target,
    },
}

/// Which manifest of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The only model that is there.
    Only,
    /// The manifest that carries the tag now.
    Tag(Tag),
    /// The manifest of this digest, whatever its tags.
    Digest(Sha256Digest),
}

/// A tag: 1 to 128 characters `[a-zA-Z0-9._-]`, the first none of `.` and `-` (distribution specification 1.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Reference {
    /// Reads a reference. Errors say at which byte it goes wrong.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let refuse = |position, expected| {
            Err(RegistryError::Reference { text: text.chars().take(512).collect(), position, expected })
        };
        let Some(rest) = text.strip_prefix(LAYOUT) else {
            return refuse(0, "\"oci:\" and the folder of an image layout");
        };
        if let Some(nul) = rest.find('\0') {
            return refuse(LAYOUT.len() + nul, "a folder name without a zero byte");
        }
        let name = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (dir, target) = if let Some(at) = rest[name..].find('@') {
            let at = name + at;
            let Some(hex) = rest[at + 1..].strip_prefix(DIGEST) else {
                return refuse(LAYOUT.len() + at + 1, "\"sha256:\" and 64 hexadecimal digits");
            };
            if let Some(colon) = rest[name..at].find(':') {
                return refuse(LAYOUT.len() + name + colon, "a tag or a digest, not both");
            }
            let Ok(digest) = Sha256Digest::from_hex(hex) else {
                let good = hex.bytes().take(64).take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                let position = LAYOUT.len() + at + 1 + DIGEST.len() + good.count();
                return refuse(position, "exactly 64 lower-case hexadecimal digits");
            };
            (&rest[..at], Target::Digest(digest))
        } else if let Some(colon) = rest[name..].rfind(':') {
            let colon = name + colon;
            let tag = &rest[colon + 1..];
            if let Some((offset, expected)) = Tag::fault(tag) {
                return refuse(LAYOUT.len() + colon + 1 + offset, expected);
            }
            (&rest[..colon], Target::Tag(Tag(tag.to_owned())))
        } else {
            (rest, Target::Only)
        };
        if dir.is_empty() {
            return refuse(LAYOUT.len(), "the folder of an image layout");
        }
        Ok(Self::Layout { dir: PathBuf::from(dir), target })
    }

    /// Whether `text` is meant as a reference, not as a path: whether [`Reference::parse`] is to judge it.
    pub fn is_reference(text: &str) -> bool {
        text.starts_with(LAYOUT)
    }
}

impl FromStr for Reference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        Self::parse(text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout { dir, target } => {
                write!(formatter, "{LAYOUT}{}{}{target}", dir.display(), guard(dir))
            }
        }
    }
}

/// The final `/` that keeps a `:` or `@` of the folder's own name from being read as a tag's or a digest's.
fn guard(dir: &Path) -> &'static str {
    let text = dir.as_os_str().as_encoded_bytes();
    let name = text.rsplit(|&byte| byte == b'/').next().unwrap_or(text);
    if name.iter().any(|byte| matches!(byte, b':' | b'@')) { "/" } else { "" }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => Ok(()),
            Self::Tag(tag) => write!(formatter, ":{tag}"),
            Self::Digest(digest) => write!(formatter, "@{DIGEST}{digest}"),
        }
    }
}

impl Tag {
    /// Reads a tag.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        match Self::fault(text) {
            None => Ok(Self(text.to_owned())),
            Some((position, expected)) => {
                Err(RegistryError::Reference { text: text.chars().take(512).collect(), position, expected })
            }
        }
    }

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(text: &str) -> Option<(usize, &'static str)> {
        const LONGEST: usize = 128;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        match text.bytes().next() {
            None => return Some((0, "a tag")),
            Some(first) if !word(first) => {
                return Some((0, "a tag, which starts with a letter, a digit or _"));
            }
            Some(_) => {}
        }
        if let Some(offset) = text.bytes().position(|byte| !word(byte) && !matches!(byte, b'.' | b'-')) {
            return Some((offset, "letters, digits, _, . and - in a tag"));
        }
        (text.len() > LONGEST).then_some((LONGEST, "the end of the tag, after at most 128 characters"))
    }
}

impl FromStr for Tag {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        Self::parse(text)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn parts(text: &str) -> (String, String) {
        let Reference::Layout { dir, target } = Reference::parse(text).unwrap();
        (dir.to_str().unwrap().to_owned(), target.to_string())
    }

    #[test]
    fn splits_folder_and_target() {
        let digest = format!("@sha256:{HEX}");
        let cases = [
            ("oci:store", "store", ""),
            ("oci:store:v1", "store", ":v1"),
            ("oci:/a/b:v1.2-rc_3", "/a/b", ":v1.2-rc_3"),
            ("oci:a:b/store:v1", "a:b/store", ":v1"),
            ("oci:a:b/store", "a:b/store", ""),
            ("oci:a:b/", "a:b/", ""),
            ("oci:a@b/", "a@b/", ""),
            ("oci:a@b/store:v1", "a@b/store", ":v1"),
            ("oci:a:b:v1", "a:b", ":v1"),
            ("oci:./x y é", "./x y é", ""),
        ];
        for (text, dir, target) in cases {
            assert_eq!(parts(text), (dir.to_owned(), target.to_owned()), "{text}");
        }
        assert_eq!(parts(&format!("oci:store{digest}")), ("store".to_owned(), digest.clone()));
        assert_eq!(parts(&format!("oci:a:b/{digest}")), ("a:b/".to_owned(), digest));
    }

    #[test]
    fn says_where_it_goes_wrong() {
        let both = format!("oci:store:v1@sha256:{HEX}");
        let short = format!("oci:store@sha256:{}", &HEX[..63]);
        let long = format!("oci:store@sha256:{HEX}0");
        let upper = format!("oci:store@sha256:{}", HEX.to_uppercase());
        let long_tag = format!("oci:s:{}", "a".repeat(129));
        let cases = [
            ("store", 0),
            ("", 0),
            ("OCI:store", 0),
            ("oci:", 4),
            ("oci::v1", 4),
            ("oci:store:", 10),
            ("oci:store:.v1", 10),
            ("oci:store:-v1", 10),
            ("oci:store:v 1", 11),
            ("oci:store:vé", 11),
            ("oci:sto\0re", 7),
            ("oci:store@v1", 10),
            ("oci:store@sha512:abc", 10),
            ("oci:store@", 10),
            (both.as_str(), 9),
            (short.as_str(), 17 + 63),
            (long.as_str(), 17 + 64),
            (upper.as_str(), 17 + 5),
            (long_tag.as_str(), 6 + 128),
        ];
        for (text, want) in cases {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!(error.code(), "E-REFERENCE", "{text}");
            let RegistryError::Reference { position, .. } = error else { panic!("{error:?}") };
            assert_eq!(position, want, "{text}");
        }
    }

    #[test]
    fn is_told_from_a_path() {
        assert!(Reference::is_reference("oci:store:v1"));
        assert!(!Reference::is_reference("./oci:store"));
        assert!(!Reference::is_reference("store"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "oci:[a-c:@/.]{1,12}(:[a-z0-9.]{1,4})?") {
            if let Ok(reference) = Reference::parse(&text) {
                let shown = Reference::parse(&reference.to_string()).unwrap();
                let Reference::Layout { dir: a, target: x } = reference;
                let Reference::Layout { dir: b, target: y } = shown;
                proptest::prop_assert_eq!(x, y);
                proptest::prop_assert_eq!(a.components().collect::<Vec<_>>(), b.components().collect::<Vec<_>>());
            }
        }

        #[test]
        fn never_panics(text: String) {
            let _ = Reference::parse(&text);
            let _ = Reference::parse(&format!("oci:{text}"));
        }
    }
}

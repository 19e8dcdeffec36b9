//! References: where an artifact is kept, as a user writes it.

mod place;
mod tag;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lacre_hash::Sha256Digest;

pub use self::place::{RegistryName, Repository};
pub use self::tag::Tag;
use crate::RegistryError;

const LAYOUT: &str = "oci:";
const DIGEST: &str = "sha256:";

/// Where an artifact is kept.
///
/// `oci:DIR`, `oci:DIR:TAG` or `oci:DIR@sha256:HEX` for an image layout in the folder `DIR`. The tag stands behind
/// the last `:` of the last path part, so a folder whose own name holds `:` or `@` is written with a final `/`
/// (`oci:a:b/`).
///
/// `HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]` for a registry. A host is told from a folder by a `.` or `:` in it, by
/// being `localhost`, or by the brackets of an IPv6 address. Where a tag and a digest are written, the digest counts.
///
/// ```
/// use lacre_registry_client::{Reference, Target};
///
/// let Reference::Layout { dir, target } = Reference::parse("oci:store:mini-lm-v1")? else { unreachable!() };
/// assert_eq!(dir.to_str(), Some("store"));
/// assert!(matches!(target, Target::Tag(tag) if tag.as_str() == "mini-lm-v1"));
///
/// let Reference::Remote { registry, repository, target, .. } = Reference::parse("localhost:5000/org/m:v1")? else {
///     unreachable!()
/// };
/// assert_eq!((registry.to_string().as_str(), repository.as_str()), ("localhost:5000", "org/m"));
/// assert!(matches!(target, Target::Tag(tag) if tag.as_str() == "v1"));
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
    /// A repository of a registry.
    Remote {
        /// The registry.
        registry: RegistryName,
        /// The repository.
        repository: Repository,
        /// Which manifest of it.
        target: Target,
        /// The tag that was written before a digest. The digest counts; this is only shown.
        beside: Option<Tag>,
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

impl Reference {
    /// Reads a reference. Errors say at which byte it goes wrong.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let read = if text.starts_with(LAYOUT) { layout(text) } else { remote(text) };
        read.map_err(|(position, expected)| RegistryError::Reference {
            text: text.chars().take(512).collect(),
            position,
            expected,
        })
    }

    /// Whether `text` is meant as a reference, not as a path: it begins with `oci:`, or it is one of a registry. A
    /// path is always understood when it begins with `./` or `/`.
    pub fn is_reference(text: &str) -> bool {
        text.starts_with(LAYOUT) || remote(text).is_ok()
    }

    /// Another artifact in the same repository.
    #[must_use]
    pub fn with_target(&self, wanted: Target) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Layout { target, .. } | Self::Remote { target, .. } => *target = wanted,
        }
        other
    }

    /// Which manifest it names.
    pub fn target(&self) -> &Target {
        match self {
            Self::Layout { target, .. } | Self::Remote { target, .. } => target,
        }
    }
}

/// Where a text goes wrong, and what should stand there.
type Fault = (usize, &'static str);

fn layout(text: &str) -> Result<Reference, Fault> {
    let rest = &text[LAYOUT.len()..];
    if let Some(nul) = rest.find('\0') {
        return Err((LAYOUT.len() + nul, "a folder name without a zero byte"));
    }
    let name = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (dir, target) = if let Some(at) = rest[name..].find('@') {
        let at = name + at;
        let digest = digest(&rest[at + 1..], LAYOUT.len() + at + 1);
        if let Some(colon) = rest[name..at].find(':')
            && rest[at + 1..].starts_with(DIGEST)
        {
            return Err((LAYOUT.len() + name + colon, "a tag or a digest, not both"));
        }
        (&rest[..at], Target::Digest(digest?))
    } else if let Some(colon) = rest[name..].rfind(':') {
        let colon = name + colon;
        (&rest[..colon], Target::Tag(tag(&rest[colon + 1..], LAYOUT.len() + colon + 1)?))
    } else {
        (rest, Target::Only)
    };
    if dir.is_empty() {
        return Err((LAYOUT.len(), "the folder of an image layout"));
    }
    Ok(Reference::Layout { dir: PathBuf::from(dir), target })
}

fn remote(text: &str) -> Result<Reference, Fault> {
    const WANTED: &str = "\"oci:\" and the folder of an image layout, or HOST/REPOSITORY of a registry";
    if text.starts_with("https://") || text.starts_with("http://") {
        return Err((0, "HOST/REPOSITORY, without a scheme"));
    }
    let Some(slash) = text.find('/') else { return Err((0, WANTED)) };
    let host = &text[..slash];
    if host != "localhost" && !host.contains(['.', ':']) || host.starts_with('.') {
        return Err((0, WANTED));
    }
    // Host names are shown in lower case, where this one would be read as a layout.
    if text.get(..LAYOUT.len()).is_some_and(|start| start.eq_ignore_ascii_case(LAYOUT)) {
        return Err((
            0,
            "\"oci:\" in lower case for an image layout, or a registry that is not called \"oci\"",
        ));
    }
    let registry = RegistryName::read(host)?;
    let (named, pin) = match text.find('@') {
        Some(at) => (&text[..at], Some(digest(&text[at + 1..], at + 1)?)),
        None => (text, None),
    };
    let Some(rest) = named.get(slash + 1..) else { return Err((slash, "a repository")) };
    let (repository, tag) = match rest.find(':') {
        Some(colon) => (&rest[..colon], Some(tag(&rest[colon + 1..], slash + 1 + colon + 1)?)),
        None => (rest, None),
    };
    let repository = Repository::read(repository).map_err(|(at, expected)| (slash + 1 + at, expected))?;
    let (target, beside) = match (pin, tag) {
        (Some(digest), tag) => (Target::Digest(digest), tag),
        (None, Some(tag)) => (Target::Tag(tag), None),
        (None, None) => (Target::Only, None),
    };
    Ok(Reference::Remote { registry, repository, target, beside })
}

/// A tag that begins at byte `at` of the reference.
fn tag(text: &str, at: usize) -> Result<Tag, Fault> {
    Tag::read(text).map_err(|(offset, expected)| (at + offset, expected))
}

/// A digest that begins at byte `at` of the reference.
fn digest(text: &str, at: usize) -> Result<Sha256Digest, Fault> {
    let hex = text.strip_prefix(DIGEST).ok_or((at, "\"sha256:\" and 64 hexadecimal digits"))?;
    Sha256Digest::from_hex(hex).map_err(|_| {
        let good = hex.bytes().take(64).take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (at + DIGEST.len() + good.count(), "exactly 64 lower-case hexadecimal digits")
    })
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
            Self::Remote { registry, repository, target, beside } => {
                write!(formatter, "{registry}/{repository}")?;
                beside.iter().try_for_each(|tag| write!(formatter, ":{tag}"))?;
                write!(formatter, "{target}")
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn parts(text: &str) -> (String, String) {
        let Reference::Layout { dir, target } = Reference::parse(text).unwrap() else { panic!("{text}") };
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
    fn splits_registry_repository_and_target() {
        let digest = format!("@sha256:{HEX}");
        let pinned = format!("localhost:5000/org/m:v1{digest}");
        let cases = [
            ("ghcr.io/org/m", "ghcr.io", "org/m", "", None),
            ("localhost/m:v1", "localhost", "m", ":v1", None),
            ("[::1]:5000/a/b/c:V_1.0-x", "[::1]:5000", "a/b/c", ":V_1.0-x", None),
            ("Localhost:5000/m:v1", "localhost:5000", "m", ":v1", None),
            (pinned.as_str(), "localhost:5000", "org/m", digest.as_str(), Some("v1")),
        ];
        for (text, host, name, at, tag) in cases {
            let Reference::Remote { registry, repository, target, beside } = Reference::parse(text).unwrap()
            else {
                panic!("{text}")
            };
            assert_eq!((registry.to_string().as_str(), repository.as_str()), (host, name), "{text}");
            assert_eq!(target.to_string(), at, "{text}");
            assert_eq!(beside.as_ref().map(Tag::as_str), tag, "{text}");
        }
        assert_eq!(Reference::parse(&pinned).unwrap().to_string(), pinned);
    }

    #[test]
    fn says_where_a_registry_goes_wrong() {
        let short = format!("a.io/m@sha256:{}", &HEX[..63]);
        let cases = [
            ("org/m:v1", 0),
            ("Localhost/m", 0),
            ("OCI:5000/m", 0),
            ("Oci:store/m:v1", 0),
            ("https://ghcr.io/m", 0),
            ("ghcr.io/", 8),
            ("ghcr.io/Org/m", 8),
            ("ghcr.io/org/M", 12),
            ("ghcr.io/org/m:", 14),
            ("ghcr.io/org/m:.v", 14),
            ("ghcr.io/org/m:a/b", 15),
            ("ghcr.io/org/m@v1", 14),
            ("ghcr.io/org/m@sha512:ab", 14),
            ("ghcr.io:x/m", 8),
            ("user@ghcr.io/m", 4),
            ("[::1/m", 4),
            ("../up/m", 0),
            ("./a.b/m", 0),
            (short.as_str(), 14 + 63),
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
        for text in ["oci:store:v1", "oci:", "localhost/m", "ghcr.io/org/m:v1", "[::1]/m", "a:1/m"] {
            assert!(Reference::is_reference(text), "{text}");
        }
        for text in ["./oci:store", "store", "store/m", "./ghcr.io/m", "../a.b/m", "/ghcr.io/m", "v1.0/MODEL"]
        {
            assert!(!Reference::is_reference(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_registry_reads_back(text in "[a-c]{1,3}[.:][a-c1]{1,3}(/[a-b._-]{1,5}){1,3}(:[a-z0-9.]{1,4})?") {
            if let Ok(reference) = Reference::parse(&text) {
                proptest::prop_assert_eq!(&reference.to_string(), &text);
                proptest::prop_assert_eq!(Reference::parse(&text).unwrap(), reference);
            }
        }

        #[test]
        fn what_is_shown_reads_back(text in "oci:[a-c:@/.]{1,12}(:[a-z0-9.]{1,4})?") {
            if let Ok(reference) = Reference::parse(&text) {
                let shown = Reference::parse(&reference.to_string()).unwrap();
                let Reference::Layout { dir: a, target: x } = reference else { panic!("{reference:?}") };
                let Reference::Layout { dir: b, target: y } = shown else { panic!("{shown:?}") };
                proptest::prop_assert_eq!(x, y);
                proptest::prop_assert_eq!(a.components().collect::<Vec<_>>(), b.components().collect::<Vec<_>>());
            }
        }

        #[test]
        fn never_panics(text: String) {
            let _ = Reference::parse(&text);
            let _ = Reference::parse(&format!("oci:{text}"));
            let _ = Reference::parse(&format!("a.b/{text}"));
            let _ = Reference::parse(&format!("a.b/c{text}"));
        }
    }
}

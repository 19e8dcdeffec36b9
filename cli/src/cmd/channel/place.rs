//! Where a channel lies: under a tag of a store, in a folder, or behind HTTPS.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use lacre_registry_client::{ArtifactFiles, FileSet, FolderFiles, Reference, Store, Tag, Target, WebFiles};

use crate::error::CliError;
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::text;

/// What `CH` names.
#[derive(Debug, Clone)]
pub(crate) enum ChannelPlace {
    /// `oci:DIR:TAG` or `HOST/REPOSITORY:TAG`.
    Artifact {
        /// As it was written.
        reference: Reference,
        /// Where the channel stands.
        tag: Tag,
    },
    /// A folder.
    Folder(PathBuf),
    /// `https://…`: it can be read, and not be written to.
    Web(String),
}

/// A place that is open.
pub(crate) enum OpenPlace {
    /// A store and the channel's tag in it.
    Artifact {
        /// The store.
        store: Box<dyn Store>,
        /// The tag.
        tag: Tag,
    },
    /// A folder.
    Folder(FolderFiles),
    /// What a web server serves.
    Web(Box<WebFiles>),
}

impl ChannelPlace {
    /// Looks what `word` names. What exists is never taken for the name of a registry.
    pub(crate) fn parse(word: &str) -> Result<Self, CliError> {
        if word.starts_with("https://") || word.starts_with("http://") {
            return Ok(Self::Web(word.to_owned()));
        }
        let is_reference = Reference::is_reference(word)
            && (word.starts_with("oci:") || fs::symlink_metadata(word).is_err());
        if !is_reference {
            return Ok(Self::Folder(PathBuf::from(word)));
        }
        let reference = Reference::parse(word)?;
        match reference.target().clone() {
            Target::Tag(tag) => Ok(Self::Artifact { reference, tag }),
            Target::Only => Err(CliError::Usage {
                message: format!("{word} names no tag, and a channel stands under one"),
                tip: Some(format!("{word}:stable, for example")),
            }),
            Target::Digest(_) => Err(CliError::usage(format!(
                "{word} is one state of a channel, for ever: a channel is named by its tag"
            ))),
        }
    }

    /// Opens a place that exists, to read what lies there.
    pub(crate) fn open(&self, registry: &RegistryArgs, session: &Session) -> Result<OpenPlace, CliError> {
        Ok(match self {
            Self::Artifact { reference, tag } => {
                OpenPlace::Artifact { store: registry.open(reference, session)?, tag: tag.clone() }
            }
            Self::Folder(path) => OpenPlace::Folder(FolderFiles::open(path)?),
            Self::Web(url) => OpenPlace::Web(Box::new(registry.web(url, session)?)),
        })
    }

    /// Opens a place to write to, and makes it when it is missing.
    pub(crate) fn create(&self, registry: &RegistryArgs, session: &Session) -> Result<OpenPlace, CliError> {
        Ok(match self {
            Self::Artifact { reference, tag } => {
                OpenPlace::Artifact { store: registry.create(reference, &[], session)?, tag: tag.clone() }
            }
            Self::Folder(path) => OpenPlace::Folder(FolderFiles::create(path)?),
            Self::Web(url) => return Err(read_only(url)),
        })
    }
}

impl fmt::Display for ChannelPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact { reference, .. } => reference.fmt(formatter),
            Self::Folder(path) => formatter.write_str(&text::path(path)),
            Self::Web(url) => formatter.write_str(url),
        }
    }
}

impl OpenPlace {
    /// The files of the channel, as they are now.
    pub(crate) fn files(&self) -> Result<Box<dyn FileSet + '_>, CliError> {
        Ok(match self {
            Self::Artifact { store, tag } => {
                Box::new(ArtifactFiles::open(store.as_ref(), &Target::Tag(tag.clone()))?)
            }
            Self::Folder(files) => Box::new(files),
            Self::Web(files) => Box::new(files.as_ref()),
        })
    }
}

/// What is said to who would write to a web server.
pub(super) fn read_only(url: &str) -> CliError {
    CliError::Usage {
        message: format!("{url} can only be read"),
        tip: Some("give the folder that the web server serves, or the registry".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_it_looks_like() {
        let parse = ChannelPlace::parse;
        assert!(
            matches!(parse("oci:store:stable"), Ok(ChannelPlace::Artifact { tag, .. }) if tag.as_str() == "stable")
        );
        assert!(matches!(parse("registry.test/org/m:stable"), Ok(ChannelPlace::Artifact { .. })));
        assert!(matches!(parse("https://models.test/stable"), Ok(ChannelPlace::Web(_))));
        for folder in ["stable", "./oci:x", "../cli", "/srv/channel"] {
            assert!(matches!(parse(folder), Ok(ChannelPlace::Folder(_))), "{folder}");
        }
        let digest = format!("oci:store@sha256:{}", "0".repeat(64));
        for bad in ["oci:store", "registry.test/org/m", &digest] {
            assert_eq!(parse(bad).unwrap_err().code(), "E-USAGE", "{bad}");
        }
    }
}

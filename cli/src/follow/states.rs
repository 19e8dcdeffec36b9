//! What is remembered of channels: a folder, with one folder for each.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lacre_registry_client::Reference;
use lacre_release::{ChannelId, Record, StateError, StateStore};

use super::CounterArgs;
use crate::cmd::channel::place::ChannelPlace;
use crate::error::CliError;
use crate::text;

/// The longest root, in bytes.
const LONGEST_ROOT: u64 = 512 << 10;

/// A folder of states.
#[derive(Debug)]
pub(crate) struct States {
    folder: PathBuf,
    counter: CounterArgs,
}

impl States {
    /// The folder that was named, else `$XDG_STATE_HOME/lacre/channels`, else that below `~/.local/state` (XDG Base
    /// Directory Specification 0.8). Where a counter's device is named, each of them must be bound to a counter in it.
    pub(crate) fn at(named: Option<&Path>, counter: &CounterArgs) -> Result<Self, CliError> {
        let counter = counter.clone();
        if let Some(named) = named {
            return Ok(Self { folder: named.to_owned(), counter });
        }
        match of(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME")) {
            Some(folder) => Ok(Self { folder, counter }),
            None => Err(CliError::Usage {
                message: "there is no home to remember channels in".to_owned(),
                tip: Some("name a folder: --state DIR".to_owned()),
            }),
        }
    }

    /// Where the state of a channel is.
    pub(crate) fn path(&self, id: &ChannelId) -> PathBuf {
        self.folder.join(id.role())
    }

    /// The state of a channel, which must be there.
    pub(crate) fn open(&self, id: &ChannelId) -> Result<StateStore, CliError> {
        Ok(self.counter.open(&self.path(id), id)?)
    }

    /// Makes the state of a channel: only trusting it does.
    pub(crate) fn create(&self, record: &Record) -> Result<StateStore, CliError> {
        Ok(self.counter.create(&self.path(record.id()), record)?)
    }

    /// Whose channel lies at `place`, as it was said when it was trusted.
    ///
    /// # Errors
    /// `E-STATE-MISSING` when none of the states is of it; `E-USAGE` when several are.
    pub(crate) fn whose(&self, place: &ChannelPlace) -> Result<ChannelId, CliError> {
        let key = key(place);
        let mut found = Vec::new();
        // A state that cannot be read is not that of another channel: it may be the one that is asked for.
        let mut damaged = None;
        for id in self.channels()? {
            match self.open(&id).and_then(|store| Ok(store.place()?)) {
                Ok(place) if place.as_ref() == Some(&key) => found.push(id),
                Ok(_) => {}
                Err(error) => damaged = damaged.or(Some(error)),
            }
        }
        let several = found.len() > 1;
        match (found.pop(), damaged) {
            (Some(_), _) if several => Err(CliError::Usage {
                message: format!("several channels are trusted at {place}"),
                tip: Some("say which is meant: --of NAME@CHANNEL".to_owned()),
            }),
            (Some(id), _) => Ok(id),
            (None, Some(error)) => Err(error),
            (None, None) => {
                Err(lacre_release::ReleaseError::from(StateError::Missing { folder: self.folder.clone() })
                    .into())
            }
        }
    }

    fn channels(&self) -> Result<Vec<ChannelId>, CliError> {
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|source| CliError::read(&self.folder, source))?,
        };
        let mut found = Vec::new();
        for entry in listed {
            let name = entry.map_err(|source| CliError::read(&self.folder, source))?.file_name();
            let Some((model, channel)) = name.to_str().and_then(|name| name.rsplit_once('~')) else {
                continue;
            };
            found.extend(format!("{}@{channel}", model.replace('~', "/")).parse::<ChannelId>());
        }
        Ok(found)
    }
}

/// A place, written so that the same one is known again.
pub(crate) fn key(place: &ChannelPlace) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match place {
        ChannelPlace::Artifact { reference: Reference::Layout { dir, .. }, tag } => {
            format!("oci:{}:{}", text::path(&absolute(dir)), tag.as_str())
        }
        ChannelPlace::Artifact { reference, .. } => reference.to_string(),
        ChannelPlace::Folder(path) => text::path(&absolute(path)),
        ChannelPlace::Web(url) => url.trim_end_matches('/').to_owned(),
    }
}

/// Reads a root that is to be trusted.
pub(crate) fn read_root(path: &Path) -> Result<Vec<u8>, CliError> {
    let file = fs::File::open(path).map_err(|source| CliError::read(path, source))?;
    let mut bytes = Vec::new();
    let read = file.take(LONGEST_ROOT + 1).read_to_end(&mut bytes);
    read.map_err(|source| CliError::read(path, source))?;
    if bytes.len() as u64 > LONGEST_ROOT {
        return Err(CliError::TooLarge { path: text::path(path), limit: LONGEST_ROOT });
    }
    Ok(bytes)
}

/// The specification wants paths that are not absolute, and empty ones, to be taken for unset.
fn of(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let states = absolute(state).or_else(|| Some(absolute(home)?.join(".local/state")))?;
    Some(states.join("lacre/channels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_read_as_specified() {
        let of = |state: Option<&str>, home: Option<&str>| {
            of(state.map(OsString::from), home.map(OsString::from))
                .map(|path| path.into_os_string().into_string().unwrap())
        };
        assert_eq!(of(Some("/s"), Some("/h")).as_deref(), Some("/s/lacre/channels"));
        for unset in [None, Some(""), Some("relative")] {
            assert_eq!(of(unset, Some("/h")).as_deref(), Some("/h/.local/state/lacre/channels"));
            assert_eq!(of(unset, None), None);
        }
    }

    #[test]
    fn the_same_place_has_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a");
        fs::create_dir(&place).unwrap();
        let parse = |path: &Path| ChannelPlace::parse(path.to_str().unwrap()).unwrap();
        assert_eq!(key(&parse(&place)), key(&parse(&folder.path().join("a/../a/."))));
        let web = |url| key(&ChannelPlace::parse(url).unwrap());
        assert_eq!(web("https://a.test/x/"), web("https://a.test/x"));
        assert_ne!(web("https://a.test/x"), web("https://a.test/y"));
    }
}

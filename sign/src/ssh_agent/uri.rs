//! Which key of which agent: `ssh-agent:KEY?socket=PATH`.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use lacre_manifest::{escape, escape_os};

use super::identity::AgentIdentity;
use crate::key_uri::{percent_decoded, percent_decoded_text};
use crate::{SignError, SignerProblem};

/// How `--key` names an agent.
const SCHEME: &str = "ssh-agent";
/// The variable that names the agent's socket.
const SOCKET: &str = "SSH_AUTH_SOCK";
/// The longest public key file in bytes.
const FILE_LIMIT: u64 = 16 * 1024;

/// Which key of which agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentUri {
    key: Named,
    socket: Option<PathBuf>,
}

/// How the key is named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Only,
    Fingerprint(String),
    Comment(String),
    File(PathBuf),
}

impl AgentUri {
    /// Reads what stands behind `ssh-agent:`.
    ///
    /// - nothing: the only key that the agent has;
    /// - `SHA256:…`: the key with this fingerprint, as `ssh-add -l` shows it;
    /// - a path (with a `/`, or ending in `.pub`): the key in this public key file of OpenSSH;
    /// - anything else: the key with this comment;
    /// - `?socket=PATH` behind it: the agent's socket, instead of what `SSH_AUTH_SOCK` names.
    ///
    /// `%3F` is a question mark and `%25` a percent sign. Refused with `E-USAGE`: another query, and percent signs without
    /// two hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        let wrong = |detail: String| SignError::Word { scheme: SCHEME, detail };
        let (key, query) = text.split_once('?').map_or((text, None), |(key, query)| (key, Some(query)));
        let socket = match query {
            None => None,
            Some(query) => {
                let path = query
                    .strip_prefix("socket=")
                    .filter(|path| !path.is_empty())
                    .ok_or_else(|| wrong("behind ? only socket=PATH may stand".to_owned()))?;
                Some(to_path(path).map_err(&wrong)?)
            }
        };
        let key = if key.is_empty() {
            Named::Only
        } else if let Some(fingerprint) = key.strip_prefix("SHA256:") {
            Named::Fingerprint(fingerprint.to_owned())
        } else if key.contains('/') || Path::new(key).extension().is_some_and(|it| it == "pub") {
            Named::File(to_path(key).map_err(&wrong)?)
        } else {
            Named::Comment(percent_decoded_text(key).map_err(&wrong)?)
        };
        Ok(Self { key, socket })
    }

    pub(super) fn socket(&self) -> Result<PathBuf, SignerProblem> {
        let named = self.socket.clone().or_else(|| env::var_os(SOCKET).map(PathBuf::from));
        named.filter(|path| !path.as_os_str().is_empty()).ok_or_else(|| SignerProblem::Absent {
            what: format!("agent: {SOCKET} is not set"),
            there: Vec::new(),
        })
    }

    pub(super) fn wanted(&self) -> Result<Wanted, SignerProblem> {
        Ok(match &self.key {
            Named::Only => Wanted::Only,
            Named::Fingerprint(fingerprint) => Wanted::Fingerprint(fingerprint.clone()),
            Named::Comment(comment) => Wanted::Comment(comment.clone()),
            Named::File(path) => Wanted::Key(read_key(path)?),
        })
    }
}

fn to_path(text: &str) -> Result<PathBuf, String> {
    let bytes = percent_decoded(text)?;
    if bytes.contains(&0) {
        Err("a path holds a NUL".to_owned())
    } else {
        Ok(OsString::from_vec(bytes).into())
    }
}

fn read_key(path: &Path) -> Result<AgentIdentity, SignerProblem> {
    let shown = || escape_os(path.as_os_str());
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(FILE_LIMIT + 1).read_to_string(&mut text));
    read.map_err(|source| SignerProblem::Unreadable { path: shown(), source })?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(SignerProblem::TooLong { what: "the public key file", limit: 16 * 1024 });
    }
    AgentIdentity::from_file(&text).ok_or_else(|| SignerProblem::Key {
        detail: format!("{} is no public key file of OpenSSH (one line: type, base64, comment)", shown()),
    })
}

/// Which of the agent's keys is meant.
#[derive(Debug)]
pub(super) enum Wanted {
    Only,
    Fingerprint(String),
    Comment(String),
    Key(AgentIdentity),
}

impl Wanted {
    pub(super) fn is(&self, identity: &AgentIdentity) -> bool {
        match self {
            Self::Only => true,
            Self::Fingerprint(fingerprint) => identity.fingerprint() == *fingerprint,
            Self::Comment(comment) => identity.comment() == comment.as_bytes(),
            Self::Key(key) => identity.key() == key.key(),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => f.write_str("\"ssh-agent:\" without a name"),
            Self::Fingerprint(fingerprint) => write!(f, "SHA256:{}", escape(fingerprint)),
            Self::Comment(comment) => write!(f, "with the comment {:?}", escape(comment)),
            Self::Key(key) => write!(f, "SHA256:{}", key.fingerprint()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_fingerprint_file_or_comment() {
        let key = |text| AgentUri::parse(text).unwrap().key;
        assert_eq!(key(""), Named::Only);
        assert_eq!(key("SHA256:abc+/="), Named::Fingerprint("abc+/=".to_owned()));
        assert_eq!(key("me@host%3F 7"), Named::Comment("me@host? 7".to_owned()));
        assert_eq!(key("keys/mine"), Named::File("keys/mine".into()));
        assert_eq!(key("my%20key.pub"), Named::File("my key.pub".into()));
    }

    #[test]
    fn the_socket_can_be_named() {
        let uri = AgentUri::parse("me?socket=/run/a%20b").unwrap();
        assert_eq!(uri.socket().unwrap(), Path::new("/run/a b"));
        for wrong in ["?", "?socket=", "?sock=/x", "?socket=/x%", "a%", "x/%00", "%ff"] {
            assert_eq!(AgentUri::parse(wrong).unwrap_err().code(), "E-USAGE", "{wrong}");
        }
    }
}

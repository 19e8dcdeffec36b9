//! The folder of a publisher: keys of roles, the root that is trusted, and what was published last.
//!
//! `ROLE-N.pub` is a key of a role; beside it lies `ROLE-N.key`, or `ROLE-N.uri` with the address of whatever signs, or
//! neither: then somebody else has it. `root.json` is the anchor, and `last.json` says what was seen last.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lacre_attest::{KeyAlgorithm, PublicKey};
use lacre_json::Limits;
use lacre_publish::channel::{KeyId, Last, Pending, Role};
use lacre_release::ChannelId;
use lacre_sign::{FileKey, Passphrase, Signer};
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::keys::KeyText;
use crate::passphrase::{self, Ask};
use crate::save::{self, Existing};
use crate::session::Session;
use crate::{private_key, signer, text, units};

const ANCHOR: &str = "root.json";
const LAST: &str = "last.json";
/// As long as a root may be.
const LONGEST: u64 = 1 << 20;

/// Whose keys sign.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    /// Folder of the keys, of root.json and last.json
    #[arg(long, value_name = "DIR")]
    pub(super) keys: PathBuf,
    /// Passphrase or PIN is in here (- is stdin)
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// How long an agent, a service or a program may take for an answer
    #[arg(long, value_name = "TIME", default_value = "60s", hide_short_help = true, value_parser = units::interval)]
    pub(super) signer_timeout: Duration,
}

/// A folder of keys.
#[derive(Debug)]
pub(super) struct KeyFolder {
    path: PathBuf,
    keys: Vec<RoleKey>,
}

/// A key in it.
#[derive(Debug, Clone)]
pub(super) struct RoleKey {
    pub(super) role: Role,
    pub(super) number: u32,
    pub(super) id: KeyId,
    pub(super) public: PublicKey,
    secret: Secret,
}

/// Where the private half is.
#[derive(Debug, Clone)]
enum Secret {
    File(PathBuf),
    Address(PathBuf),
    Elsewhere,
}

/// A key that does not lie in the folder yet.
pub(super) struct NewKey {
    pub(super) role: Role,
    pub(super) number: u32,
    pub(super) key: FileKey,
}

/// `last.json`: whose keys these are, and what was seen last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub(super) channel: String,
    pub(super) last: Option<Last>,
}

impl KeyFolder {
    /// Looks through a folder.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let mut keys = Vec::new();
        let mut secrets = Vec::new();
        for entry in fs::read_dir(path).map_err(|source| CliError::read(path, source))? {
            let name = entry.map_err(|source| CliError::read(path, source))?.file_name();
            let Some((stem, suffix)) = name.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
            let Some((role, number)) = named(stem) else { continue };
            match suffix {
                "pub" => keys.push(RoleKey::read(path, role, number)?),
                "key" | "uri" => secrets.push((role, number, path.join(&name))),
                _ => {}
            }
        }
        if let Some((role, number, path)) =
            secrets.iter().find(|(role, number, _)| !keys.iter().any(|key| key.is(*role, *number)))
        {
            return Err(CliError::usage(format!(
                "beside {} lies no {role}-{number}.pub: nobody can tell whose key it is",
                text::path(path)
            )));
        }
        keys.sort_by_key(|key| (key.role, key.number));
        Ok(Self { path: path.to_owned(), keys })
    }

    /// The same of a folder that is made, for its owner alone, when it is missing.
    pub(super) fn create(path: &Path, session: &Session) -> Result<Self, CliError> {
        match Self::read(path) {
            Err(CliError::NotFound { .. }) if session.globals.dry_run => {
                Ok(Self { path: path.to_owned(), keys: Vec::new() })
            }
            Err(CliError::NotFound { .. }) => {
                let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|source| CliError::Output { path: text::path(path), source })?;
                Self::read(path)
            }
            other => other,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys that are named after `role`, by their numbers.
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &RoleKey> {
        self.keys.iter().filter(move |key| key.role == role)
    }

    /// What a key is called here.
    pub(super) fn name(&self, id: KeyId) -> Option<String> {
        self.keys.iter().find(|key| key.id == id).map(RoleKey::name)
    }

    /// The root that clients and this publisher trust.
    pub(super) fn anchor(&self) -> Result<Option<Vec<u8>>, CliError> {
        read(&self.path.join(ANCHOR))
    }

    /// Where that root is kept.
    pub(super) fn anchor_path(&self) -> PathBuf {
        self.path.join(ANCHOR)
    }

    pub(super) fn keep_anchor(&self, bytes: &[u8]) -> Result<(), CliError> {
        save::write(&self.anchor_path(), bytes, Existing::Replace)
    }

    /// What is known of the channel.
    pub(super) fn note(&self) -> Result<Option<Note>, CliError> {
        let path = self.path.join(LAST);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let limits = Limits::new(bytes.len(), 4);
        let note = lacre_json::from_slice(&bytes, limits).map_err(|error| CliError::Unreadable {
            path: text::path(&path),
            source: io::Error::other(error),
        })?;
        Ok(Some(note))
    }

    /// Keeps what was published or seen now, unless something newer was kept meanwhile.
    pub(super) fn keep_note(&self, id: &ChannelId, last: Option<Last>) -> Result<(), CliError> {
        let position = |last: Last| (last.root, last.epoch, last.sequence);
        let kept = self.note()?.and_then(|note| note.last).map(position);
        if kept.is_some_and(|kept| Some(kept) > last.map(position)) {
            return Ok(());
        }
        let note = Note { channel: id.to_string(), last };
        save::write_own(&self.path.join(LAST), &lacre_json::to_vec(&note))
    }

    /// A new key of `role`, behind those that are here.
    pub(super) fn new_key(&self, role: Role, behind: &[NewKey]) -> Result<NewKey, CliError> {
        let here = self.of(role).map(|key| key.number);
        let new = behind.iter().filter(|key| key.role == role).map(|key| key.number);
        let number = here.chain(new).max().unwrap_or(0) + 1;
        Ok(NewKey { role, number, key: FileKey::generate(KeyAlgorithm::Ed25519)? })
    }

    /// Writes new keys, encrypted by one passphrase, or not at all encrypted.
    pub(super) fn keep(&self, keys: &[NewKey], passphrase: Option<&Passphrase>) -> Result<(), CliError> {
        for new in keys {
            let stem = self.path.join(new.name());
            let (private, public) = (stem.with_extension("key"), stem.with_extension("pub"));
            lacre_sign::write_key_pair((&private, &public), &new.key, passphrase)?;
        }
        Ok(())
    }

    /// Opens the keys that lie here and bring `pending` nearer to its end, as many as it takes.
    pub(super) fn signers<'s>(
        &self,
        pending: &Pending,
        args: &KeysArgs,
        session: &'s Session,
    ) -> Result<Vec<Box<dyn Signer + 's>>, CliError> {
        let mut wanted: Vec<&RoleKey> = Vec::new();
        for lack in &pending.lacks {
            let chosen = wanted.iter().filter(|key| lack.of.contains(&key.id)).count();
            let missing = usize::try_from(lack.needed).unwrap_or(usize::MAX).saturating_sub(chosen);
            let more = self.keys.iter().filter(|key| {
                lack.of.contains(&key.id)
                    && !matches!(key.secret, Secret::Elsewhere)
                    && wanted.iter().all(|other| other.id != key.id)
            });
            wanted.extend(more.take(missing).collect::<Vec<_>>());
        }
        let mut secrets = Secrets { args, session, known: None };
        wanted.into_iter().map(|key| secrets.open(key)).collect()
    }
}

impl NewKey {
    /// Its name in the folder.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.role, self.number)
    }
}

impl RoleKey {
    fn read(folder: &Path, role: Role, number: u32) -> Result<Self, CliError> {
        let stem = folder.join(format!("{role}-{number}"));
        let path = stem.with_extension("pub");
        let KeyText::Public { key: public, .. } = KeyText::read(&path)? else {
            return Err(CliError::KeyIsPrivate { path: text::path(&path) });
        };
        let (file, address) = (stem.with_extension("key"), stem.with_extension("uri"));
        let secret = if file.exists() {
            Secret::File(file)
        } else if address.exists() {
            Secret::Address(address)
        } else {
            Secret::Elsewhere
        };
        Ok(Self { role, number, id: KeyId::of(&public)?, public, secret })
    }

    fn is(&self, role: Role, number: u32) -> bool {
        self.role == role && self.number == number
    }

    /// Its name in the folder.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.role, self.number)
    }
}

/// Opens private keys; whoever is asked for a passphrase is asked once.
struct Secrets<'a, 's> {
    args: &'a KeysArgs,
    session: &'s Session,
    known: Option<Passphrase>,
}

impl<'s> Secrets<'_, 's> {
    fn open(&mut self, key: &RoleKey) -> Result<Box<dyn Signer + 's>, CliError> {
        let signer: Box<dyn Signer + 's> = match &key.secret {
            Secret::File(path) => Box::new(self.open_file(path)?),
            Secret::Address(path) => {
                let bytes = read(path)?.unwrap_or_default();
                let address = String::from_utf8_lossy(&bytes);
                let (file, limit) = (self.args.passphrase_file.as_deref(), self.args.signer_timeout);
                signer::open(address.trim().as_ref(), file, limit, self.session)?
            }
            Secret::Elsewhere => {
                return Err(CliError::Bug { detail: format!("{} is not here", key.name()) });
            }
        };
        if *signer.public_key() == key.public {
            return Ok(signer);
        }
        Err(CliError::usage(format!("what signs for {0} is not the key in {0}.pub", key.name())))
    }

    fn open_file(&mut self, path: &Path) -> Result<FileKey, CliError> {
        let mut refused = None;
        let opened = lacre_sign::read_private_key(path, &mut || {
            if self.known.is_none() {
                match passphrase::get(self.args.passphrase_file.as_deref(), Ask::Open(path)) {
                    Ok(passphrase) => self.known = Some(passphrase),
                    Err(error) => refused = Some(error),
                }
            }
            Ok(self.known.clone())
        });
        // Why there is no passphrase says more than that there is none.
        let opened = refused.map_or_else(|| opened.map_err(CliError::from), Err)?;
        private_key::warn_if_exposed(opened.exposed_mode, path, self.session);
        Ok(opened.key)
    }
}

/// The role and the number in `targets-2`.
fn named(stem: &str) -> Option<(Role, u32)> {
    let (role, number) = stem.rsplit_once('-')?;
    let value: u32 = number.parse().ok()?;
    // One number has one name.
    (value > 0 && value.to_string() == number).then_some((role.parse().ok()?, value))
}

/// A small file, if it is there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, CliError> {
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CliError::read(path, source)),
        Ok(_) if bytes.len() as u64 > LONGEST => {
            Err(CliError::TooLarge { path: text::path(path), limit: LONGEST })
        }
        Ok(_) => Ok(Some(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_called_by_its_role_and_a_number() {
        assert_eq!(named("targets-12"), Some((Role::Targets, 12)));
        for other in
            ["targets", "targets-0", "targets-01", "targets--1", "release-1", "-1", "root-4294967296"]
        {
            assert_eq!(named(other), None, "{other}");
        }
    }
}

//! What every edit of a channel has in common: what lies there is verified, a draft is signed by the keys at hand, and
//! it is published when nothing is missing; else it waits beside the channel.

use clap::Args;
use std::cmp::Ordering;

use jiff::Timestamp;
use lacre_publish::channel::{
    self, Carrier, Change, Draft, Edit, Found, Pending, VerifiedRepository, Waiting,
};
use lacre_release::{ChannelDocument, ChannelId, Position};
use lacre_sign::Signer;
use serde_json::{Value, json};

use super::keys::{KeyFolder, KeysArgs, NewKey};
use super::place::{ChannelPlace, OpenPlace, read_only};
use super::said;
use crate::error::CliError;
use crate::passphrase::{self, Ask};
use crate::printer::{Done, Line, Tone};
use crate::registry::RegistryArgs;
use crate::session::Session;
use crate::{interrupt, shell, text};

/// The most states that are looked through for an earlier one.
const MOST_STATES: usize = 10_000;

/// A channel, and the keys of somebody who edits it.
pub(super) struct Desk<'s> {
    pub(super) folder: KeyFolder,
    pub(super) session: &'s Session,
    pub(super) place: ChannelPlace,
    /// Nothing while it is only told what would be made.
    open: Option<OpenPlace>,
    args: &'s KeysArgs,
    found: Found,
    waiting: Waiting,
    live: Option<VerifiedRepository>,
    new: Vec<NewKey>,
}

/// Which channel is edited, and by whose keys.
#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// oci:DIR:TAG, HOST/REPO:TAG or a folder
    #[arg(value_name = "CH")]
    pub(super) place: String,
    #[command(flatten)]
    pub(super) keys: KeysArgs,
    #[command(flatten)]
    pub(super) registry: RegistryArgs,
}

impl EditArgs {
    /// Opens the channel.
    pub(super) fn open<'s>(&'s self, session: &'s Session) -> Result<Desk<'s>, CliError> {
        Desk::open(&self.place, &self.keys, &self.registry, session)
    }
}

/// Where a draft comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was made just now.
    Here,
    /// It waited for signatures.
    Waiting,
}

impl<'s> Desk<'s> {
    /// A place where no channel lies yet.
    pub(super) fn begin(
        word: &str,
        args: &'s KeysArgs,
        registry: &RegistryArgs,
        session: &'s Session,
    ) -> Result<Self, CliError> {
        let place = ChannelPlace::parse(word)?;
        let open = if session.globals.dry_run {
            match place.open(registry, session) {
                Err(error) if error.code() == "E-NOT-FOUND" => None,
                open => Some(open?),
            }
        } else {
            Some(place.create(registry, session)?)
        };
        let folder = KeyFolder::create(&args.keys, session)?;
        let desk = Self::at(place, open, folder, args, session)?;
        if desk.found.is_empty() {
            return Ok(desk);
        }
        Err(CliError::Exists { path: desk.place.to_string(), why: "a channel lies there already" })
    }

    /// A channel that is there: verified from the root in the folder of keys, and not older than what was seen before.
    /// What lies there may also be nothing but a first draft.
    fn open(
        word: &str,
        args: &'s KeysArgs,
        registry: &RegistryArgs,
        session: &'s Session,
    ) -> Result<Self, CliError> {
        let folder = KeyFolder::read(&args.keys)?;
        // Before the channel is read: what is published in between is no old state.
        let note = folder.note()?;
        let place = ChannelPlace::parse(word)?;
        let open = place.open(registry, session)?;
        let mut desk = Self::at(place, Some(open), folder, args, session)?;
        if desk.found.is_empty() {
            return Ok(desk);
        }
        let Some(anchor) = desk.folder.anchor()? else {
            return Err(CliError::Usage {
                message: format!("{} does not exist", text::path(&desk.folder.anchor_path())),
                tip: Some(
                    "it is the root that this channel is trusted by: copy it from where lacre channel init made it"
                        .to_owned(),
                ),
            });
        };
        let (id, last) = if let Some(note) = note {
            (note.channel.parse::<ChannelId>()?, note.last)
        } else {
            let claimed = desk.found.claims();
            let no_channel = || CliError::usage(format!("no channel lies in {}", desk.place));
            (claimed.ok_or_else(no_channel)?, None)
        };
        desk.live = Some(desk.found.verify(&id, &anchor, last.as_ref())?);
        Ok(desk)
    }

    fn at(
        place: ChannelPlace,
        open: Option<OpenPlace>,
        folder: KeyFolder,
        args: &'s KeysArgs,
        session: &'s Session,
    ) -> Result<Self, CliError> {
        let (found, waiting) = match &open {
            Some(open) => {
                let carrier = carrier(&place, open)?;
                (carrier.read()?, carrier.waiting()?)
            }
            None => <(Found, Waiting)>::default(),
        };
        Ok(Self { folder, session, place, open, args, found, waiting, live: None, new: Vec::new() })
    }

    /// What is published.
    pub(super) fn live(&self) -> Result<&VerifiedRepository, CliError> {
        if let Some(live) = &self.live {
            return Ok(live);
        }
        // The place's own words on what is not there.
        self.open.as_ref().map(OpenPlace::files).transpose()?;
        Err(CliError::NotFound { path: format!("a channel in {}", self.place) })
    }

    /// What the channel said at an earlier place of this epoch, verified as it was then: a thief may have written since.
    pub(super) fn as_of(&self, sequence: u64) -> Result<ChannelDocument, CliError> {
        let live = self.live()?;
        let wanted = Position { epoch: live.document().epoch, sequence };
        let anchor = self.folder.anchor()?.unwrap_or_default();
        let carrier = self.carrier()?;
        let mut previous = self.found.previous();
        for _ in 0..MOST_STATES {
            let Some(manifest) = previous else { break };
            interrupt::check()?;
            let found = carrier.at(manifest)?;
            let state = found.verify(live.id(), &anchor, None)?;
            match state.document().position().cmp(&wanted) {
                Ordering::Equal => return Ok(state.document().clone()),
                Ordering::Less => break,
                Ordering::Greater => previous = found.previous(),
            }
        }
        Err(CliError::Usage {
            message: format!("no earlier state with {wanted} is kept at {}", self.place),
            tip: Some(format!(
                "lacre channel log {} shows those that are; a folder keeps none",
                shell::quoted(&self.place.to_string())
            )),
        })
    }

    /// The draft that waits for signatures, if it fits what is published.
    pub(super) fn waiting(&self) -> Result<Option<Draft>, CliError> {
        let Some(bytes) = self.waiting.draft() else { return Ok(None) };
        if self.live.is_none() {
            let has_published = match self.folder.note()? {
                Some(note) => note.last.is_some(),
                None => self.folder.anchor()?.is_some(),
            };
            if has_published {
                // Whoever took that away must not have something else begun in its place.
                return self.live().map(|_| None);
            }
        }
        Ok(Some(Draft::parse(bytes, self.live.clone())?))
    }

    /// Makes an edit and concludes it.
    pub(super) fn edit(self, edit: &Edit) -> Result<Done, CliError> {
        let draft = channel::edit(self.live()?, edit, Timestamp::now())?;
        self.conclude(draft, Origin::Here)
    }

    /// Takes in keys that were made just now, and writes them into the folder.
    pub(super) fn take(&mut self, new: Vec<NewKey>, is_encrypted: Encryption) -> Result<(), CliError> {
        if !self.session.globals.dry_run && !new.is_empty() {
            let passphrase = match is_encrypted {
                Encryption::Passphrase => {
                    Some(passphrase::get(self.args.passphrase_file.as_deref(), Ask::New)?)
                }
                Encryption::None => {
                    let path = text::path(self.folder.path());
                    self.session.warn(format!(
                        "the new keys in {path} are not encrypted: whoever reads them can sign"
                    ));
                    None
                }
            };
            self.folder.keep(&new, passphrase.as_ref())?;
        }
        self.new = new;
        Ok(())
    }

    /// Signs a draft with the keys at hand; publishes it, or leaves it to those who have the others.
    pub(super) fn conclude(self, mut draft: Draft, origin: Origin) -> Result<Done, CliError> {
        let now = Timestamp::now();
        for warning in draft.warnings(now) {
            self.session.warn(said::warning(&warning));
        }
        let waits = draft.pending();
        if self.session.globals.dry_run {
            let (result, lines) = self.told(&draft, "would be edited", waits.as_ref());
            return Ok(Done::new(result, lines));
        }
        if let Some(live) = &self.live {
            // Also who never publishes is shown nothing older any more.
            self.remember(live);
        }
        let made = match &waits {
            Some(pending) => self.sign(&mut draft, pending, now)?,
            None => 0,
        };
        let pending = draft.pending();
        interrupt::check()?;
        let (mut result, lines) = match &pending {
            None => self.publish(&draft)?,
            Some(pending) => self.leave(&draft, pending, made, origin)?,
        };
        result["signatures"] = json!(made);
        Ok(Done::new(result, lines))
    }

    fn sign(&self, draft: &mut Draft, pending: &Pending, now: Timestamp) -> Result<usize, CliError> {
        let opened = self.folder.signers(pending, self.args, self.session)?;
        let wanted = |key: &lacre_attest::PublicKey| {
            channel::KeyId::of(key).is_ok_and(|id| pending.lacks.iter().any(|lack| lack.of.contains(&id)))
        };
        let made = self.new.iter().filter(|new| wanted(new.key.public_key()));
        let signers: Vec<&dyn Signer> =
            opened.iter().map(AsRef::as_ref).chain(made.map(|new| &new.key as &dyn Signer)).collect();
        Ok(draft.sign(&signers, now)?)
    }

    fn publish(&self, draft: &Draft) -> Result<(Value, Vec<Line>), CliError> {
        let next = draft.finish()?;
        let is_first = self.live.is_none();
        if is_first {
            // First, so that there is no channel without an anchor; and so that it can be tried again.
            self.folder.keep_note(next.id(), None)?;
            self.folder.keep_anchor(&next.root_bytes())?;
        }
        let carrier = self.carrier()?;
        let manifest = carrier.write(next.repository(), &self.found)?;
        self.remember(&next);
        if !draft.staged().is_empty() && self.waiting.draft().is_some() {
            // What waited was made on what is gone now; it may also be what was published.
            if let Err(error) = carrier.put_waiting(None, &self.waiting) {
                self.session
                    .warn(format!("the draft that waited still lies there, and is of no use: {error}"));
            }
        }
        let (mut result, mut lines) = self.told(draft, "published", None);
        result["published"] = json!(true);
        if let Some(manifest) = manifest {
            result["manifest"] = json!(format!("sha256:{manifest}"));
            lines.push(Line::row("manifest", format!("sha256:{manifest}")));
        }
        if is_first {
            let path = text::path(&self.folder.anchor_path());
            result["root"] = json!(path);
            lines.push(Line::row("anchor", format!("{path}: give it to every client")));
        }
        Ok((result, lines))
    }

    fn leave(
        &self,
        draft: &Draft,
        pending: &Pending,
        made: usize,
        origin: Origin,
    ) -> Result<(Value, Vec<Line>), CliError> {
        let is_online_alone = draft.staged().is_empty();
        if is_online_alone || (origin == Origin::Waiting && made == 0) {
            // There is nothing that others could add to.
            draft.finish()?;
        }
        let is_free = match self.waiting() {
            Ok(waiting) => waiting.is_none() || origin == Origin::Waiting,
            Err(error) => error.code() == "E-DRAFT-STALE",
        };
        if !is_free && !self.session.globals.force {
            return Err(CliError::Usage {
                message: "another draft waits for signatures there".to_owned(),
                tip: Some(format!(
                    "lacre channel sign {} --keys DIR finishes it; --force puts this one in its place",
                    shell::quoted(&self.place.to_string())
                )),
            });
        }
        self.carrier()?.put_waiting(Some(&draft.to_bytes()?), &self.waiting)?;
        if self.live.is_none() {
            self.folder.keep_note(&draft.document().id(), None)?;
        }
        let (result, mut lines) =
            self.told(draft, "waits for signatures: nothing is published yet", Some(pending));
        lines.push(Line::row(
            "next",
            format!(
                "whoever has them: lacre channel sign {} --keys DIR",
                shell::quoted(&self.place.to_string())
            ),
        ));
        Ok((result, lines))
    }

    /// Keeps what was seen. Where the folder of keys cannot be written to, that is no reason not to publish.
    fn remember(&self, seen: &VerifiedRepository) {
        if let Err(error) = self.folder.keep_note(seen.id(), Some(seen.last())) {
            self.session.warn(format!(
                "an older state could be shown to you the next time, because what is there now was not kept: {error}"
            ));
        }
    }

    fn carrier(&self) -> Result<Carrier<'_>, CliError> {
        let closed = || CliError::Bug { detail: format!("{} is not open", self.place) };
        carrier(&self.place, self.open.as_ref().ok_or_else(closed)?)
    }

    /// What the channel will say, and who has to sign that.
    fn told(&self, draft: &Draft, verb: &str, pending: Option<&Pending>) -> (Value, Vec<Line>) {
        let document = draft.document();
        let (id, changes) =
            (document.id(), Change::between(draft.live().map(VerifiedRepository::document), document));
        let result = json!({
            "changes": said::changes_json(&changes),
            "channel": id.to_string(),
            "current": document.current,
            "dry_run": self.session.globals.dry_run,
            "epoch": document.epoch,
            "expires": document.expires.to_string(),
            "floor": document.floor.counter,
            "keys": text::path(self.folder.path()),
            "manifest": null,
            "new_keys": self.new.iter().map(NewKey::name).collect::<Vec<_>>(),
            "pending": pending.map(|pending| said::pending_json(pending, &self.folder)),
            "place": self.place.to_string(),
            "published": false,
            "root": null,
            "sequence": document.sequence,
            "signatures": 0,
        });
        let tone = if pending.is_some() { Tone::Caution } else { Tone::Good };
        let mut lines = vec![
            Line::new(Tone::Strong, id.to_string())
                .then(Tone::Plain, " ")
                .then(tone, verb)
                .then(Tone::Plain, format!(" (epoch {}, sequence {})", document.epoch, document.sequence)),
            Line::row("place", self.place.to_string()),
        ];
        lines.extend(changes.into_iter().map(|change| Line::row("change", change.to_string())));
        lines
            .push(Line::row("current", document.current.as_ref().map_or("none", |version| version.as_str())));
        if !self.new.is_empty() {
            let names: Vec<_> = self.new.iter().map(NewKey::name).collect();
            lines.push(Line::row("new keys", names.join(", ")));
        }
        lines.extend(pending.into_iter().flat_map(|pending| said::pending_lines(pending, &self.folder)));
        (result, lines)
    }
}

/// Whether new keys are written encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    Passphrase,
    None,
}

impl Encryption {
    /// What `--no-passphrase` says.
    pub(super) fn by_flag(no_passphrase: bool) -> Self {
        if no_passphrase { Self::None } else { Self::Passphrase }
    }
}

fn carrier<'a>(place: &ChannelPlace, open: &'a OpenPlace) -> Result<Carrier<'a>, CliError> {
    Ok(match open {
        OpenPlace::Artifact { store, tag } => Carrier::Artifact { store: store.as_ref(), tag: tag.clone() },
        OpenPlace::Folder(files) => Carrier::Folder(files),
        OpenPlace::Web(_) => return Err(read_only(&place.to_string())),
    })
}

//! From what is remembered to the document that holds now.

use std::collections::BTreeMap;

use super::Channel;
use crate::{ChannelId, Kept, Record, Refresh, ReleaseError, RoleStatus, Seen, WantedFile};
use jiff::{SignedDuration, Timestamp};
use lacre_hash::Sha256Digest;

/// The top-level roles.
const TOP: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];
/// The document among the files that are kept.
const DOCUMENT: &str = "+channel.json";
/// Where the channel lies, in the words of its user.
const PLACE: &str = "+place";
/// Begins the names of what is kept beside the files of roles, none of which has one in its name.
const BESIDE: char = '+';
/// The member of the root that says how long what roles sign is believed, in seconds.
const LIFETIMES: &str = "x-lacre-lifetimes";
/// A hundred years, in seconds.
const LONGEST_LIFE: i64 = 100 * 366 * 24 * 60 * 60;
/// How far the clocks of a publisher and a client may be apart.
const DRIFT: SignedDuration = SignedDuration::from_mins(5);

/// What a client without memory demands instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long ago the timestamp may have been signed, at most.
    pub max_age: SignedDuration,
}

/// A refresh of a channel, which fetches nothing itself: ask [`wanted`](Self::wanted), fetch that file,
/// [`give`](Self::give) it, until nothing is wanted or one is refused; then [`finish`](Self::finish), and let the record
/// [`remember`](Refreshed::remember) what came of it, whatever that is.
#[derive(Debug)]
pub struct ChannelRefresh {
    id: ChannelId,
    refresh: Refresh,
    sought: bool,
    /// The document as it was kept.
    known: Option<Vec<u8>>,
    /// What was kept, by digest: what is offered again need not be fetched again.
    kept: BTreeMap<Sha256Digest, Vec<u8>>,
    base: Base,
    now: Timestamp,
}

/// What the refresh began with.
#[derive(Debug)]
enum Base {
    Record { files: BTreeMap<String, Vec<u8>>, seen: Option<Seen>, floor: crate::LocalFloor },
    Stateless(Freshness),
}

impl ChannelRefresh {
    /// Begins with what `record` remembers, at the time `now`.
    ///
    /// # Errors
    /// `E-CLOCK` when the clock is behind what was seen; the codes of [`Refresh::start`].
    pub fn start(record: &Record, now: Timestamp) -> Result<Self, ReleaseError> {
        let now = record.clock(now)?;
        let (files, known) = split(record);
        let refresh = Refresh::start(Kept::from_files(files)?, now)?;
        Ok(Self::new(record, refresh, known, now))
    }

    /// What `record` keeps, without a look at what is offered: it must be complete and still valid.
    ///
    /// # Errors
    /// `E-TUF-MISSING` when something is not kept, `E-TUF-EXPIRED` when something ran out, `E-REPLAY` when a newer document
    /// is known of than the one that is kept.
    pub fn from_kept(record: &Record, now: Timestamp) -> Result<Channel, ReleaseError> {
        let now = record.clock(now)?;
        let (files, known) = split(record);
        let refresh = Refresh::from_kept(Kept::from_files(files)?, now)?;
        let mut own = Self::new(record, refresh, known, now);
        own.go_on()?;
        match own.wanted() {
            None => own.judge(),
            Some(wanted) => Err(ReleaseError::TufMissing { file: wanted.name }),
        }
    }

    /// Begins with nothing but an anchor and a demand: for who can remember nothing.
    pub fn stateless(
        id: ChannelId,
        anchor: Vec<u8>,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Self, ReleaseError> {
        let refresh = Refresh::start(Kept::anchor(anchor), now)?;
        let (known, kept, base) = (None, BTreeMap::new(), Base::Stateless(freshness));
        Ok(Self { id, refresh, sought: false, known, kept, base, now })
    }

    fn new(record: &Record, refresh: Refresh, known: Option<Vec<u8>>, now: Timestamp) -> Self {
        let files: BTreeMap<String, Vec<u8>> =
            record.files().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
        Self {
            id: record.id().clone(),
            refresh,
            sought: false,
            known,
            kept: kept_by_digest(record),
            base: Base::Record { files, seen: record.seen().copied(), floor: record.committed() },
            now,
        }
    }

    /// The next file that is needed.
    pub fn wanted(&self) -> Option<WantedFile> {
        self.refresh.wanted()
    }

    /// A file that is kept and has this digest: a carrier that says the digests of its files need not be asked for it.
    pub fn kept(&self, digest: &Sha256Digest) -> Option<&[u8]> {
        self.kept.get(digest).map(Vec::as_slice)
    }

    /// Takes the file that was wanted, or that it is certainly not there.
    pub fn give(&mut self, answer: Option<Vec<u8>>) -> Result<(), ReleaseError> {
        self.refresh.give(answer)?;
        self.go_on()
    }

    /// Looks for the document as soon as the top level is fresh, and takes the one that is kept if it is still that.
    fn go_on(&mut self) -> Result<(), ReleaseError> {
        if !self.sought && self.refresh.is_fresh() {
            if let Some(role) = self.refresh.equivocated() {
                return Err(ReleaseError::TufEquivocation { role: role.to_owned() });
            }
            self.sought = true;
            self.refresh.seek(&self.id.target())?;
        }
        if let (Some(target), None) = (self.refresh.target(), self.refresh.found())
            && let Some(known) = self.known.take()
            && target.check(&known).is_ok()
        {
            self.refresh.give(Some(known))?;
        }
        Ok(())
    }

    /// Ends the refresh, whether it came to its end or failed.
    pub fn finish(self) -> Refreshed {
        let channel = self.judge();
        Refreshed { refresh: self, channel }
    }

    fn judge(&self) -> Result<Channel, ReleaseError> {
        if let Some(role) = self.refresh.equivocated() {
            return Err(ReleaseError::TufEquivocation { role: role.to_owned() });
        }
        let document = self.refresh.document(&self.id)?;
        let offered = Seen::of(&document);
        let local_floor = match &self.base {
            Base::Record { seen, floor, .. } => {
                if let Some(seen) = seen {
                    crate::compare_documents(seen, &offered)?;
                }
                if floor.epoch == document.epoch { floor.counter } else { 0 }
            }
            Base::Stateless(freshness) => {
                self.check_age(*freshness)?;
                0
            }
        };
        let lives = |status: RoleStatus| (self.lifetime(&status.role), status);
        let roles = self.refresh.expirations().into_iter().map(lives).collect();
        Ok(Channel::new(document, offered, roles, local_floor, self.now))
    }

    /// Whether the timestamp is young enough. When it was signed follows from what the root and it say: until when it is
    /// believed, and for how long. One that would live longer than the root allows is no proof of anything: whoever stole
    /// its key could have signed it long ago, for long.
    fn check_age(&self, freshness: Freshness) -> Result<(), ReleaseError> {
        let refused = |file: &str, reason: &str| ReleaseError::TufMetadata {
            file: file.to_owned(),
            reason: reason.to_owned(),
        };
        let unknown = || refused("root.json", "it does not say how long a timestamp lives");
        let lifetime = self.lifetime("timestamp").ok_or_else(unknown)?;
        let expires = self.refresh.expirations().into_iter().find(|status| status.role == "timestamp");
        let expires = expires.ok_or_else(unknown)?.expires;
        let signed = expires.checked_sub(lifetime).map_err(|_| unknown())?;
        if signed.duration_since(self.now) > DRIFT {
            return Err(refused("timestamp.json", "it lives longer than the root allows"));
        }
        if self.now.duration_since(signed) > freshness.max_age {
            return Err(ReleaseError::TooOld { signed, max_age: freshness.max_age });
        }
        Ok(())
    }

    /// How long what a role signs is believed, by the root: at most 100 years.
    fn lifetime(&self, role: &str) -> Option<SignedDuration> {
        let role = if role == self.id.role() { "channel" } else { role };
        let seconds = self.refresh.root_member(LIFETIMES)?.get(role)?.as_i64()?;
        (1..=LONGEST_LIFE).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
    }
}

/// What came of a refresh.
#[derive(Debug)]
pub struct Refreshed {
    refresh: ChannelRefresh,
    channel: Result<Channel, ReleaseError>,
}

impl Refreshed {
    /// The channel as it is now.
    ///
    /// # Errors
    /// `E-TUF-ORDER` when something was still wanted; those of [`Refresh::document`]; `E-REPLAY`, `E-EQUIVOCATION` and
    /// `E-FLOOR-LOWERED` after what was seen; `E-CHANNEL-STALE` for who remembers nothing.
    pub fn channel(self) -> Result<Channel, ReleaseError> {
        self.channel
    }

    /// Lets `record` remember what was accepted, also when the refresh failed before its end. The answer is no, and nothing
    /// is changed, if the record is not what the refresh began with any more: somebody else was quicker, and the refresh
    /// has to begin anew.
    pub fn remember(&self, record: &mut Record) -> Result<bool, ReleaseError> {
        let ChannelRefresh { id, refresh, base, now, .. } = &self.refresh;
        let Base::Record { files, seen, .. } = base else {
            return Err(ReleaseError::TufOrder { what: "a client without state remembers nothing" });
        };
        let same = record.id() == id
            && record.seen() == seen.as_ref()
            && record.files().eq(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        if !same {
            return Ok(false);
        }
        let kept = self.refresh.own_files();
        for name in files.keys().filter(|name| !name.starts_with(BESIDE) && !kept.contains_key(*name)) {
            record.drop_file(name);
        }
        for (name, bytes) in kept {
            if record.file(&name) != Some(bytes) {
                record.keep_file(&name, bytes.to_vec())?;
            }
        }
        if let (Ok(channel), Some(found)) = (&self.channel, refresh.found()) {
            record.see(channel.seen())?;
            record.see_time(*now)?;
            if record.file(DOCUMENT) != Some(&found.bytes) {
                record.keep_file(DOCUMENT, found.bytes.clone())?;
            }
        }
        Ok(true)
    }
}

impl ChannelRefresh {
    /// What is kept of roles: the top level, and the channel's own. Nobody else's word counts for it, and a role of another
    /// name could have one that no file should have.
    fn own_files(&self) -> BTreeMap<String, &[u8]> {
        let own = [TOP[0], TOP[1], TOP[2], TOP[3], &self.id.role()].map(|role| format!("{role}.json"));
        let mut files = self.refresh.kept().files();
        files.retain(|name, _| own.contains(name));
        files
    }
}

impl Record {
    /// A first use, at the time `now`: whose channel it is, and the root that is trusted.
    ///
    /// # Errors
    /// The codes of [`Refresh::start`]: a root that does not sign itself anchors nothing.
    pub fn anchored(id: ChannelId, root: Vec<u8>, now: Timestamp) -> Result<Self, ReleaseError> {
        Refresh::start(Kept::anchor(root.clone()), now)?;
        let mut record = Self::new(id, Sha256Digest::of(&root), now);
        record.keep_file("root.json", root)?;
        Ok(record)
    }

    /// Remembers where the channel lies, in the words of who follows it.
    pub fn keep_place(&mut self, place: &str) -> Result<(), ReleaseError> {
        self.keep_file(PLACE, place.as_bytes().to_vec())
    }

    /// Where the channel lies, if that was said.
    pub fn place(&self) -> Option<&str> {
        std::str::from_utf8(self.file(PLACE)?).ok()
    }
}

/// The files of roles, by their digests. The document is not asked for by digest.
fn kept_by_digest(record: &Record) -> BTreeMap<Sha256Digest, Vec<u8>> {
    let of_roles = record.files().filter(|(name, _)| !name.starts_with(BESIDE));
    of_roles.map(|(_, bytes)| (Sha256Digest::of(bytes), bytes.to_vec())).collect()
}

/// The files of roles, and the document.
fn split(record: &Record) -> (BTreeMap<String, Vec<u8>>, Option<Vec<u8>>) {
    let metadata = record.files().filter(|(name, _)| !name.starts_with(BESIDE));
    let metadata = metadata.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    (metadata, record.file(DOCUMENT).map(<[u8]>::to_vec))
}

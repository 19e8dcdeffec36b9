//! The client's workflow (section 5 of the TUF specification) without a network: it says which file it needs next.

use jiff::Timestamp;
use serde_json::Value;
use sigstore_tuf::{Root, Snapshot, Targets};

use crate::ReleaseError;

use super::adapter::{Expiry, Taken, Trusted, check_kept};
use super::kept::Kept;
use super::name::{file_of, plain, target_path};
use super::precheck::Payload;
use super::target::{self, ProvenTarget, TufTarget};
use super::walk::{Chain, Walk};
use super::wanted::{WantedFile, WantedKind};

/// Most roots that one refresh takes.
const ROOTS: u32 = 1024;

/// Where the workflow is.
#[derive(Debug)]
enum Step {
    Root { taken: u32 },
    Timestamp,
    Snapshot,
    Targets,
    Fresh,
    Role(Walk, Chain),
    Target(TufTarget, String),
    Proven(Box<ProvenTarget>),
    Failed,
}

/// A refresh: from kept files to what is current now, or to why nothing is.
///
/// Ask [`wanted`](Self::wanted), fetch that file, [`give`](Self::give) it, until nothing is wanted. Then the top level is
/// fresh, and [`seek`](Self::seek) finds a target in the same way. Store [`kept`](Self::kept) whatever happened: what was
/// accepted before a failure counts. After a refusal nothing is wanted, and the refresh has failed.
///
/// A file that could not be fetched is no answer; `give(None)` says that it is certainly not there.
#[derive(Debug)]
pub struct Refresh {
    trusted: Trusted,
    kept: Kept,
    step: Step,
    equivocated: Option<String>,
}

impl Refresh {
    /// Starts from kept files, whose root is the anchor. `now` is the time of the whole refresh.
    ///
    /// Kept files that are malformed are refused. They are verified again, from the root on, when the newest root is
    /// known; those that have expired still say what the lowest versions are. Files of keys that lost their office in
    /// the meantime are forgotten: that is how a root recovers from versions that thieves of keys burned.
    pub fn start(kept: Kept, now: Timestamp) -> Result<Self, ReleaseError> {
        Self::begin(kept, Expiry::At(now))
    }

    /// Starts a refresh for which nothing has ever expired: to repair a repository whose timestamp ran out, never to use
    /// what is in it. It is as strict as any other in all else.
    pub fn start_with_expired_danger(kept: Kept) -> Result<Self, ReleaseError> {
        Self::begin(kept, Expiry::Ignored)
    }

    /// A refresh that has come to its end with nothing but the kept files, for who has no network. They must be complete
    /// and still valid.
    pub fn from_kept(kept: Kept, now: Timestamp) -> Result<Self, ReleaseError> {
        let mut refresh = Self::start(kept, now)?;
        refresh.give(None)?;
        let timestamp = refresh.kept.timestamp.clone();
        refresh.give(timestamp)?;
        // What is wanted now is not among the kept files; that is an error, which says why.
        if refresh.wanted().is_some() {
            refresh.give(None)?;
        }
        Ok(refresh)
    }

    fn begin(kept: Kept, expiry: Expiry) -> Result<Self, ReleaseError> {
        let trusted = Trusted::start(&kept.root, expiry)?;
        let pair = [("timestamp", &kept.timestamp), ("snapshot", &kept.snapshot)];
        for (role, bytes) in pair {
            bytes.as_deref().map_or(Ok(()), |bytes| check_kept(role, bytes))?;
        }
        for (role, bytes) in &kept.roles {
            check_kept(role, bytes)?;
        }
        Ok(Self { trusted, kept, step: Step::Root { taken: 0 }, equivocated: None })
    }

    /// The next file that is needed. None: the top level is fresh, or the target is found or proven not to be there.
    pub fn wanted(&self) -> Option<WantedFile> {
        let consistent = self.trusted.root().consistent_snapshot;
        let versioned = |version| consistent.then_some(version);
        match &self.step {
            Step::Root { .. } => {
                let next = self.trusted.root().version.saturating_add(1);
                let mut wanted = WantedFile::metadata(file_of("root", Some(next)), Root::LIMIT, None);
                wanted.may_be_absent = true;
                Some(wanted)
            }
            Step::Timestamp => {
                let limit = sigstore_tuf::metadata::Timestamp::LIMIT;
                Some(WantedFile::metadata(file_of("timestamp", None), limit, None))
            }
            Step::Snapshot => {
                let pin = self.trusted.snapshot_pin()?;
                Some(WantedFile::metadata(
                    file_of("snapshot", versioned(pin.version)),
                    Snapshot::LIMIT,
                    Some(pin),
                ))
            }
            Step::Targets => self.wanted_role("targets"),
            Step::Role(_, chain) => self.wanted_role(chain.role()),
            Step::Target(target, place) => Some(WantedFile {
                what: WantedKind::Target,
                name: place.clone(),
                limit: target.length.min(target::LIMIT),
                digest: target.sha256(),
                may_be_absent: false,
            }),
            Step::Fresh | Step::Proven(_) | Step::Failed => None,
        }
    }

    fn wanted_role(&self, role: &str) -> Option<WantedFile> {
        let pin = self.trusted.pin(role)?;
        let version = self.trusted.root().consistent_snapshot.then_some(pin.version);
        Some(WantedFile::metadata(file_of(role, version), Targets::LIMIT, Some(pin)))
    }

    /// Takes the file that was [`wanted`](Self::wanted), or that it is not there.
    pub fn give(&mut self, answer: Option<Vec<u8>>) -> Result<(), ReleaseError> {
        let wanted = self.wanted().ok_or(ReleaseError::TufOrder { what: "nothing is wanted" })?;
        let step = std::mem::replace(&mut self.step, Step::Failed);
        let is_search = matches!(step, Step::Role(..) | Step::Target(..));
        match self.take(step, &wanted, answer) {
            Ok(next) => {
                self.step = next;
                Ok(())
            }
            Err(error) => {
                // A search that failed says nothing against the top level.
                self.step = if is_search { Step::Fresh } else { Step::Failed };
                Err(error)
            }
        }
    }

    fn take(
        &mut self,
        step: Step,
        wanted: &WantedFile,
        answer: Option<Vec<u8>>,
    ) -> Result<Step, ReleaseError> {
        let Some(bytes) = answer else {
            return match step {
                Step::Root { .. } => self.root_is_newest(),
                step => Err(self.absent(&step, wanted)),
            };
        };
        let kept = &mut self.kept;
        match step {
            Step::Root { taken } if taken >= ROOTS => Err(ReleaseError::TufLimit {
                what: "roots of one refresh".to_owned(),
                limit: u64::from(ROOTS),
            }),
            Step::Root { taken } => {
                self.trusted.next_root(&bytes)?;
                kept.root = bytes;
                Ok(Step::Root { taken: taken + 1 })
            }
            Step::Timestamp => {
                match self.trusted.next_timestamp(&bytes, kept.timestamp.as_deref())? {
                    Taken::New => kept.timestamp = Some(bytes),
                    // The one that was there first counts.
                    Taken::Known => self.trusted.check_timestamp()?,
                    Taken::Equivocation => {
                        self.equivocated = Some("timestamp".to_owned());
                        self.trusted.check_timestamp()?;
                    }
                }
                self.timestamp_is_known()
            }
            Step::Snapshot => {
                let taken = self.trusted.next_snapshot(&bytes, kept.snapshot.as_deref())?;
                kept.snapshot = Some(bytes);
                self.note(taken, "snapshot");
                self.snapshot_is_known()
            }
            Step::Targets => {
                self.take_role(bytes, "targets", None)?;
                Ok(self.top_is_fresh())
            }
            Step::Role(walk, chain) => {
                self.take_role(bytes, chain.role(), chain.delegator())?;
                self.walk(walk, Some(chain))
            }
            Step::Target(target, _) => {
                if bytes.len() as u64 > target::LIMIT {
                    return Err(ReleaseError::TufLimit { what: plain(&wanted.name), limit: target::LIMIT });
                }
                target.check(&bytes)?;
                Ok(Step::Proven(Box::new(ProvenTarget { target, bytes })))
            }
            Step::Fresh | Step::Proven(_) | Step::Failed => Ok(step),
        }
    }

    /// Why a file that is not there is needed: the kept one is the one that is named, and has expired; else there is none.
    fn absent(&mut self, step: &Step, wanted: &WantedFile) -> ReleaseError {
        let held = match step {
            Step::Snapshot => {
                self.kept.snapshot.as_deref().map(|held| self.trusted.next_snapshot(held, None))
            }
            Step::Targets => self.again("targets", None),
            Step::Role(_, chain) => self.again(chain.role(), chain.delegator()),
            _ => None,
        };
        match held {
            Some(Err(error @ ReleaseError::TufExpired { .. })) => error,
            _ => ReleaseError::TufMissing { file: plain(&wanted.name) },
        }
    }

    fn note(&mut self, taken: Taken, role: &str) {
        if taken == Taken::Equivocation {
            self.equivocated = Some(role.to_owned());
        }
    }

    fn take_role(&mut self, bytes: Vec<u8>, role: &str, delegator: Option<&str>) -> Result<(), ReleaseError> {
        let kept = self.kept.roles.get(role).map(Vec::as_slice);
        let taken = self.trusted.next_targets(&bytes, role, delegator, kept)?;
        self.note(taken, role);
        self.kept.roles.insert(role.to_owned(), bytes);
        Ok(())
    }

    /// Whether the kept file of a role is what the snapshot names and what its delegator lets speak now.
    fn is_kept(&mut self, role: &str, delegator: Option<&str>) -> bool {
        self.again(role, delegator).is_some_and(|taken| taken.is_ok())
    }

    fn again(&mut self, role: &str, delegator: Option<&str>) -> Option<Result<Taken, ReleaseError>> {
        let bytes = self.kept.roles.get(role)?;
        Some(self.trusted.next_targets(bytes, role, delegator, None))
    }

    fn root_is_newest(&mut self) -> Result<Step, ReleaseError> {
        self.trusted.check_root()?;
        let kept = &mut self.kept;
        if !self.trusted.remember(kept.timestamp.as_deref(), kept.snapshot.as_deref())? {
            kept.timestamp = None;
            kept.snapshot = None;
        }
        Ok(Step::Timestamp)
    }

    fn timestamp_is_known(&mut self) -> Result<Step, ReleaseError> {
        if self.trusted.has_snapshot(self.kept.snapshot.as_deref()) {
            self.snapshot_is_known()
        } else {
            Ok(Step::Snapshot)
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "the end of steps that fail")]
    fn snapshot_is_known(&mut self) -> Result<Step, ReleaseError> {
        Ok(if self.is_kept("targets", None) { self.top_is_fresh() } else { Step::Targets })
    }

    fn top_is_fresh(&mut self) -> Step {
        self.kept.roles.retain(|role, _| self.trusted.pin(role).is_some());
        Step::Fresh
    }

    /// Looks for a target: from now on the files of the roles that may name it are [`wanted`](Self::wanted), in the order
    /// of the specification, then the target itself. Roles that are kept and still valid are not asked for again.
    pub fn seek(&mut self, path: &str) -> Result<(), ReleaseError> {
        if matches!(
            self.step,
            Step::Failed | Step::Root { .. } | Step::Timestamp | Step::Snapshot | Step::Targets
        ) {
            return Err(ReleaseError::TufOrder {
                what: "the top level must be fresh before a target is looked for",
            });
        }
        self.step = Step::Fresh;
        let walk = Walk::new(target_path(path)?);
        self.step = self.walk(walk, None)?;
        Ok(())
    }

    /// Goes on with a search, in the targets of `reached` if they were just taken.
    fn walk(&mut self, mut walk: Walk, mut reached: Option<Chain>) -> Result<Step, ReleaseError> {
        loop {
            let chain = match reached.take() {
                Some(chain) => chain,
                None => match walk.next()? {
                    None => return Err(ReleaseError::TufMissing { file: plain(walk.path()) }),
                    Some(chain) => {
                        let role = chain.role();
                        if chain.delegator().is_some() {
                            if self.trusted.pin(role).is_none() {
                                let reason = "the snapshot does not name it".to_owned();
                                return Err(ReleaseError::TufMismatch { file: plain(role), reason });
                            }
                            if !self.is_kept(role, chain.delegator()) {
                                return Ok(Step::Role(walk, chain));
                            }
                        }
                        chain
                    }
                },
            };
            let targets = self
                .trusted
                .targets(chain.role())
                .ok_or(ReleaseError::TufOrder { what: "who delegates comes before the role" })?;
            if let Some(file) = targets.target(walk.path()) {
                let target = TufTarget::new(walk.path(), file, chain.into_roles());
                if target.length > target::LIMIT {
                    return Err(ReleaseError::TufLimit { what: plain(&target.path), limit: target::LIMIT });
                }
                let place = target.place(self.trusted.root().consistent_snapshot)?;
                return Ok(Step::Target(target, place));
            }
            walk.descend(&chain, targets)?;
        }
    }

    /// What the signed metadata says of the target that is looked for, as soon as that is known.
    pub fn target(&self) -> Option<&TufTarget> {
        match &self.step {
            Step::Target(target, _) => Some(target),
            Step::Proven(proven) => Some(&proven.target),
            _ => None,
        }
    }

    /// The target that was looked for, proven.
    pub fn found(&self) -> Option<&ProvenTarget> {
        match &self.step {
            Step::Proven(proven) => Some(proven),
            _ => None,
        }
    }

    /// What is to be stored now, also after a failure.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Whether the top level is fresh.
    pub fn is_fresh(&self) -> bool {
        matches!(self.step, Step::Fresh | Step::Role(..) | Step::Target(..) | Step::Proven(_))
    }

    /// A role that signed two things as one version, seen in this refresh: its keys are not in good hands. The
    /// specification lets a client go on with the timestamp that it had; who asks for more refuses.
    pub fn equivocated(&self) -> Option<&str> {
        self.equivocated.as_deref()
    }

    /// A member of the root that the specification does not know.
    pub fn root_member(&self, name: &str) -> Option<&Value> {
        self.trusted.root().extra.get(name)
    }

    pub(super) fn trusted(&self) -> &Trusted {
        &self.trusted
    }
}

//! A log on a disk, and a key to sign its checkpoints with.

use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use lacre_testkit::{Sealed, resign};
use lacre_verify::decision::{
    Action, Appended, Checkpoint, DecidedSubject, Decision, DecisionLog, LogAccount, Reach, Reason, Rotation,
    check_log,
};
use lacre_verify::{Limits, PublicKey, Requirements, Trust, Unverified, Verified, VerifyError};

/// The moment at which the tests play, and so many seconds later.
pub(crate) fn later(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + seconds)
}

/// A decision like many.
pub(crate) fn decision(number: u64) -> Decision {
    let about = DecidedSubject::asked(format!("models/{number}"));
    let reason = Reason::new("E-FILE-CHANGED", format!("the file number {number} is not what was signed"));
    Decision::denied(later(number), Action::Verify, reason).about(about)
}

pub(crate) fn code<T>(outcome: &Result<T, VerifyError>) -> &'static str {
    outcome.as_ref().map_or_else(VerifyError::code, |_| "ok")
}

pub(crate) struct Desk {
    folder: tempfile::TempDir,
    signer: Sealed,
}

impl Desk {
    /// With a log of so many decisions.
    pub(crate) fn with(decisions: u64) -> Self {
        let desk = Self::empty();
        desk.append(0..decisions);
        desk
    }

    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), signer: Sealed::sample() }
    }

    /// The log, or a file beside it (`.1`).
    pub(crate) fn path(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("decisions.log{suffix}"))
    }

    pub(crate) fn open(&self) -> Result<DecisionLog, VerifyError> {
        DecisionLog::open(&self.path(""), Rotation::Never, later(0))
    }

    pub(crate) fn rotating(&self, bytes: u64) -> DecisionLog {
        let rotation = Rotation::AtBytes(NonZeroU64::new(bytes).unwrap());
        DecisionLog::open(&self.path(""), rotation, later(0)).unwrap()
    }

    pub(crate) fn append(&self, numbers: std::ops::Range<u64>) -> Vec<Appended> {
        let log = self.open().unwrap();
        numbers.map(|number| log.append(&decision(number)).unwrap()).collect()
    }

    pub(crate) fn read(&self, suffix: &str) -> Vec<u8> {
        fs::read(self.path(suffix)).unwrap()
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        fs::write(self.path(""), bytes).unwrap();
    }

    /// Names in the folder, sorted, without what they have in common.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|it| it.unwrap().file_name().into_string().unwrap().replace("decisions.log", ""))
            .collect();
        names.sort();
        names
    }

    pub(crate) fn check(&self, checkpoints: &[Verified<Checkpoint>]) -> Result<LogAccount, VerifyError> {
        check_log(&self.path(""), checkpoints, Reach::Whole, &mut |_| {})
    }

    pub(crate) fn key(&self) -> PublicKey {
        self.signer.public_key().clone()
    }

    pub(crate) fn trust(&self) -> Requirements {
        Requirements::new(Trust::keys([self.key()]).unwrap())
    }

    /// A signed checkpoint of the log as it is now.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        let account = self.check(&[]).unwrap();
        let declared = account.checkpoint(later(99)).declare(&Limits::default()).unwrap();
        resign(declared.payload(), self.signer.key())
    }

    pub(crate) fn signed(&self, statement: &str) -> Vec<u8> {
        resign(statement, self.signer.key())
    }

    /// The same, verified.
    pub(crate) fn checkpoint(&self) -> Verified<Checkpoint> {
        let bundle = self.bundle();
        Unverified::<Checkpoint>::parse(&bundle, &Limits::default()).unwrap().verify(&self.trust()).unwrap()
    }
}

//! Verifying what the testkit signed, and saying what came of it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::Mutex;

use lacre_attest::PublicKey;
use lacre_testkit::Sealed;
use lacre_verify::{
    ContentMismatch, EntryPath, Failure, Hold, Links, Model, NoProgress, Progress, Requirements, Trust,
    Unverified, Verified, VerifyError,
};

pub(crate) type Outcome = Result<Verified<Model>, Box<Failure>>;

/// Trust in one key, and nothing else demanded.
pub(crate) fn trusting(key: &PublicKey) -> Requirements {
    Requirements::new(Trust::keys([key.clone()]).unwrap())
}

/// Verifies as a user does who knows nothing but the key.
pub(crate) fn verify(sealed: &Sealed) -> Outcome {
    verify_with(sealed, &trusting(sealed.public_key()), &Hold::Nothing, &NoProgress)
}

pub(crate) fn verify_with(
    sealed: &Sealed,
    requirements: &Requirements,
    hold: &Hold,
    progress: &dyn Progress,
) -> Outcome {
    Unverified::open(&sealed.path(), None, Links::Refuse, requirements)?.verify(requirements, hold, progress)
}

/// The code of a refusal.
#[track_caller]
pub(crate) fn code<T>(outcome: Result<T, Box<Failure>>) -> &'static str {
    match outcome {
        Ok(_) => panic!("accepted"),
        Err(failure) => failure.code(),
    }
}

/// How the files differ, when that is why the model was refused.
#[track_caller]
pub(crate) fn mismatch(failure: &Failure) -> &ContentMismatch {
    match &failure.error {
        VerifyError::Content(mismatch) => mismatch,
        other => panic!("refused for another reason: {other}"),
    }
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

pub(crate) fn texts(paths: &[EntryPath]) -> Vec<&str> {
    paths.iter().map(EntryPath::as_str).collect()
}

/// Remembers which files were begun, and calls back when one is: after the walk, before it is opened.
pub(crate) struct Watch<F> {
    pub(crate) begun: Mutex<Vec<String>>,
    then: F,
}

impl<F: Fn(&str)> Watch<F> {
    pub(crate) fn new(then: F) -> Self {
        Self { begun: Mutex::default(), then }
    }
}

impl<F: Fn(&str) + Sync> Progress for Watch<F> {
    fn file(&self, name: &str) {
        self.begun.lock().unwrap().push(name.to_owned());
        (self.then)(name);
    }
}

/// The model is accepted with its own bundle; what comes of it with this one: a code, or "accepted".
#[track_caller]
pub(crate) fn with_bundle(sealed: &Sealed, bundle: &[u8]) -> &'static str {
    sealed.write_bundle(sealed.bundle());
    verify(sealed).unwrap();
    assert_ne!(bundle, sealed.bundle());
    sealed.write_bundle(bundle);
    let outcome = verify(sealed);
    sealed.write_bundle(sealed.bundle());
    outcome.map_or_else(|failure| failure.code(), |_| "accepted")
}

/// The statement that was signed, as a payload.
pub(crate) fn payload(sealed: &Sealed) -> Vec<u8> {
    serde_json::to_vec(&sealed.statement()).unwrap()
}

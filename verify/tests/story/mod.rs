//! A root, an authority below it, and a leaf for signing code: good as they are, and open to every change.

use std::time::SystemTime;

use lacre_testkit::pki::{Draft, TestKey, der};
use lacre_verify::{Anchors, ChainInput, Crls, TrustedTime, VerifiedLeaf, VerifyError, verify_chain};

/// The day on which the stories play.
pub(crate) const NOW: &str = "20260615120000Z";

/// Certificates that are not signed yet.
pub(crate) struct Story {
    pub(crate) root_key: TestKey,
    pub(crate) middle_key: TestKey,
    pub(crate) leaf_key: TestKey,
    pub(crate) root: Draft,
    pub(crate) middle: Draft,
    pub(crate) leaf: Draft,
    /// Who signs the leaf and the authority, if not the key above.
    pub(crate) leaf_by: Option<TestKey>,
    pub(crate) middle_by: Option<TestKey>,
    /// Edits of what is given, after signing: leaf first.
    pub(crate) edit: fn(&mut Vec<Vec<u8>>),
    /// The certificates given beside leaf and authority.
    pub(crate) beside: Vec<Vec<u8>>,
    /// What anchors are made of instead of the root.
    pub(crate) anchors: Option<Vec<Vec<u8>>>,
    pub(crate) times: Vec<TrustedTime>,
    pub(crate) crls: Option<Vec<Vec<u8>>>,
}

impl Story {
    pub(crate) fn new() -> Self {
        let (root_key, middle_key, leaf_key) =
            (TestKey::p384("root"), TestKey::p256("middle"), TestKey::p256("leaf"));
        Self {
            root: Draft::root("Root", &root_key),
            middle: Draft::authority("Root", "Middle", &middle_key),
            leaf: Draft::leaf("Middle", "Release", &leaf_key),
            root_key,
            middle_key,
            leaf_key,
            leaf_by: None,
            middle_by: None,
            edit: |_| {},
            beside: Vec::new(),
            anchors: None,
            times: vec![TrustedTime::now(der::moment(NOW))],
            crls: None,
        }
    }

    /// The leaf, then the authority, then what is given beside.
    pub(crate) fn given(&self) -> Vec<Vec<u8>> {
        let mut given = vec![
            self.leaf.sign(self.leaf_by.as_ref().unwrap_or(&self.middle_key)),
            self.middle.sign(self.middle_by.as_ref().unwrap_or(&self.root_key)),
        ];
        given.extend(self.beside.iter().cloned());
        (self.edit)(&mut given);
        given
    }

    pub(crate) fn anchors(&self) -> Vec<Vec<u8>> {
        self.anchors.clone().unwrap_or_else(|| vec![self.root.sign(&self.root_key)])
    }

    pub(crate) fn verify(&self) -> Result<VerifiedLeaf, VerifyError> {
        self.verify_at(der::moment(NOW))
    }

    pub(crate) fn verify_at(&self, now: SystemTime) -> Result<VerifiedLeaf, VerifyError> {
        let anchors = Anchors::from_der(self.anchors())?;
        let crls = self.crls.as_ref().map(Crls::from_der).transpose()?;
        verify_chain(ChainInput {
            leaf_first: &self.given(),
            anchors: &anchors,
            crls: crls.as_ref(),
            at: &self.times,
            now,
        })
    }
}

/// What came out: `ok`, or the code and the whole text of the error.
pub(crate) fn said(outcome: &Result<VerifiedLeaf, VerifyError>) -> (String, String) {
    match outcome {
        Ok(_) => ("ok".to_owned(), String::new()),
        Err(error) => (error.code().to_owned(), error.to_string()),
    }
}

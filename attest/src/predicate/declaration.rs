//! Statements that Lacre makes about other things than models and manifests, ready to be signed.

use serde::Serialize;

use crate::statement::STATEMENT_TYPE;
use crate::wire::{Verbatim, to_json};
use crate::{AttestError, Limits, Statement};

/// Bytes beside the predicate and the subjects, about.
const BESIDE: usize = 1024;

/// A statement that somebody can sign: a [`LogCheckpoint`](crate::LogCheckpoint) or a
/// [`VerificationSummary`](crate::VerificationSummary), written. Nothing else becomes one, so that a signer of these signs no
/// bytes of a caller's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    payload: Vec<u8>,
    predicate_type: &'static str,
}

impl Declaration {
    /// Writes compact JSON with its keys in code-point order. One that is longer than `limits` allow is refused (`E-LIMIT`).
    pub(super) fn new(
        subjects: &[WrittenSubject<'_>],
        predicate_type: &'static str,
        predicate: &impl Serialize,
        limits: &Limits,
    ) -> Result<Self, AttestError> {
        let no_json = || AttestError::Predicate { detail: "it cannot be written as JSON".to_owned() };
        let predicate = Verbatim::from_json(lacre_json::to_vec(predicate)).ok_or_else(no_json)?;
        let statement = WrittenStatement {
            kind: STATEMENT_TYPE,
            predicate: &predicate,
            predicate_type,
            subject: subjects,
        };
        let payload = to_json(&statement, predicate.get().len() + BESIDE);
        // Whoever has the same limits must be able to read it.
        Statement::parse(&payload, limits)?;
        Ok(Self { payload, predicate_type })
    }

    /// The bytes to sign.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Of which kind it is.
    pub fn predicate_type(&self) -> &'static str {
        self.predicate_type
    }
}

/// Members in code-point order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenStatement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    predicate: &'a Verbatim,
    predicate_type: &'a str,
    subject: &'a [WrittenSubject<'a>],
}

/// What it is about.
#[derive(Debug, Serialize)]
pub(super) struct WrittenSubject<'a> {
    pub(super) digest: WrittenDigest,
    pub(super) name: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct WrittenDigest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lacre: Option<String>,
    pub(super) sha256: String,
}

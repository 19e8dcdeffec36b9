//! Signatures as model-signing 0.2 made them: recognised always, accepted only where the caller says so.

use lacre_attest::{AttestError, Envelope, LegacyHash, PublicKey};

use crate::report::Report;

/// Whether encodings from before OMS v1.0 are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Legacy {
    /// They are refused by their name.
    #[default]
    Refuse,
    /// They are accepted, and told.
    Accept,
}

/// What a signature is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The pre-authentication encoding of DSSE.
    Current,
    /// That of model-signing 0.2.
    Legacy,
}

impl Legacy {
    /// Whether `key` signed, and over what.
    ///
    /// # Errors
    /// `E-SIGNATURE-INVALID`; `E-LEGACY` for a good signature of a kind that is not accepted.
    pub(super) fn check(
        self,
        envelope: &Envelope,
        key: &PublicKey,
        hash: LegacyHash,
    ) -> Result<Encoding, AttestError> {
        let Err(error) = envelope.verify(key) else { return Ok(Encoding::Current) };
        match (envelope.verify_legacy(key, hash), self) {
            (Ok(()), Self::Accept) => Ok(Encoding::Legacy),
            (Ok(()), Self::Refuse) => Err(AttestError::Legacy { what: "a signature" }),
            (Err(_), _) => Err(error),
        }
    }
}

impl Encoding {
    /// Tells what a careful reader should know.
    pub(super) fn tell(self, report: &mut Report) {
        if self == Self::Legacy {
            report.warnings.push(
                "the signature is over the encoding of model-signing 0.2, which is no DSSE: have the model signed anew"
                    .to_owned(),
            );
        }
    }
}

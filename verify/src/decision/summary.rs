//! A decision as a SLSA Verification Summary, for others who trust whoever signs it.

use std::fmt::Write as _;

use lacre_attest::{ResourceDescriptor, SummarySubject, VerificationResult, VerificationSummary};
use lacre_hash::{Blake3Digest, Sha256Digest};

use super::parts::Proven;
use super::record::{Decision, Verdict};

/// The minor version of SLSA whose form is written.
const SLSA: &str = "1.1";
/// What was proven has no level of SLSA: nothing is said of how it was built.
const VERIFIED: &str = "LACRE_MODEL_VERIFIED";

/// What a summary calls those who are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryNames {
    /// URI of who verified. Readers accept only pairs of a signer and a verifier that they know.
    pub verifier: String,
    /// URI of what was verified; without one, a package URL of the signed name and version.
    pub resource: Option<String>,
}

impl Decision {
    /// The summary to sign; `None` where there is nothing that it could be about: neither was every file of a model proven, nor
    /// is a manifest known. What lies there instead of a signed model is none of its digests.
    ///
    /// What was allowed although something was waived has `FAILED`: it did not meet the policy.
    pub fn summary(&self, names: &SummaryNames) -> Option<VerificationSummary> {
        let subject = &self.subject;
        let root = subject.root.as_deref().and_then(|hex| Sha256Digest::from_hex(hex).ok());
        let name = match (&subject.name, &subject.version) {
            (Some(name), Some(version)) => format!("{name}@{version}"),
            (Some(name), None) => name.clone(),
            (None, _) => String::new(),
        };
        let (about, uri) = match (subject.manifest, root) {
            (Some(sha256), _) => {
                (SummarySubject { name, sha256, lacre: None }, format!("urn:lacre:manifest:sha256:{sha256}"))
            }
            (None, Some(sha256)) if subject.proven == Proven::Whole => {
                let lacre = subject.identity.as_deref().and_then(|hex| Blake3Digest::from_hex(hex).ok());
                (SummarySubject { name, sha256, lacre }, format!("urn:lacre:model:sha256:{sha256}"))
            }
            _ => return None,
        };
        let (result, level) = match self.verdict {
            Verdict::Allow => (VerificationResult::Passed, VERIFIED),
            Verdict::AllowWaived | Verdict::Deny => (VerificationResult::Failed, "FAILED"),
        };
        let policy = match &self.policy {
            Some(policy) => ResourceDescriptor {
                digest: [("sha256".to_owned(), policy.sha256.to_string())].into(),
                uri: Some(format!("urn:lacre:policy:{}", encoded(&policy.name, ""))),
            },
            None => ResourceDescriptor {
                uri: Some("urn:lacre:policy:command-line".to_owned()),
                ..ResourceDescriptor::default()
            },
        };
        let program = &self.program;
        Some(VerificationSummary {
            subjects: vec![about],
            verifier: names.verifier.clone(),
            verifier_version: [(program.name.clone(), program.version.clone())].into(),
            time_verified: Some(self.time.to_string()),
            resource_uri: names.resource.clone().or_else(|| self.package()).unwrap_or(uri),
            policy,
            input_attestations: Vec::new(),
            result,
            verified_levels: vec![level.to_owned()],
            slsa_version: Some(SLSA.to_owned()),
        })
    }

    /// The package URL of the signed name and version (type `generic`).
    fn package(&self) -> Option<String> {
        let name = self.subject.name.as_deref().filter(|name| !name.trim_matches('/').is_empty())?;
        let version = self.subject.version.as_deref().map(|version| format!("@{}", encoded(version, "")));
        Some(format!("pkg:generic/{}{}", encoded(name.trim_matches('/'), "/"), version.unwrap_or_default()))
    }
}

/// A text as part of a URI (RFC 3986, section 2): what is not unreserved, and not in `kept`, is percent-encoded.
fn encoded(text: &str, kept: &str) -> String {
    let mut uri = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

//! SLSA Verification Summaries (<https://slsa.dev/spec/v1.1/verification_summary>): what somebody decided about an artifact,
//! for others who trust that decision.

use std::collections::BTreeMap;

use lacre_hash::{Blake3Digest, Sha256Digest};
use serde::{Deserialize, Serialize};

use super::declaration::{Declaration, WrittenDigest, WrittenSubject};
use crate::error::quoted;
use crate::wire::{Bounded, Object, not_null};
use crate::{AttestError, Limits, Statement};

/// The predicate type of a verification summary.
pub const VERIFICATION_SUMMARY_PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// The longest text of a summary, in bytes.
const TEXT_LIMIT: usize = 4096;
/// At most so many levels, digests of one thing, or input attestations.
const LIST_LIMIT: usize = 64;
/// The level of what failed (section `SlsaResult`).
const FAILED: &str = "FAILED";
/// Only SLSA itself names levels like this.
const RESERVED: &str = "SLSA_";

/// Whether an artifact was found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// It met the policy.
    Passed,
    /// It did not.
    Failed,
}

/// Something that a summary names: a policy, or an attestation that was used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDescriptor {
    /// Its digests, by name of the algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Where it is, or what it is called.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    pub uri: Option<String>,
}

/// What a summary is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummarySubject {
    /// Its name; may be empty.
    pub name: String,
    /// Its SHA-256: of a manifest, or the root of a model.
    pub sha256: Sha256Digest,
    /// The model identity, which binds the names of the files.
    pub lacre: Option<Blake3Digest>,
}

/// What somebody decided about an artifact.
///
/// A claim, not a proof: nobody has checked who makes it. A reader accepts only pairs of a signer and a verifier that it
/// knows (SLSA 1.1, `verifier`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationSummary {
    /// What was verified; at least one.
    pub subjects: Vec<SummarySubject>,
    /// URI of who verified.
    pub verifier: String,
    /// Versions of what verified, by component.
    pub verifier_version: BTreeMap<String, String>,
    /// When (RFC 3339), if that is said.
    pub time_verified: Option<String>,
    /// URI of what the artifact was verified as.
    pub resource_uri: String,
    /// Against which policy; it has a URI.
    pub policy: ResourceDescriptor,
    /// All attestations that were used, or nothing.
    pub input_attestations: Vec<ResourceDescriptor>,
    /// What came of it.
    pub result: VerificationResult,
    /// The levels that the artifact reached; `FAILED` alone where it failed.
    pub verified_levels: Vec<String>,
    /// Which minor version of SLSA is meant (`1.1`), if that is said.
    pub slsa_version: Option<String>,
}

impl VerificationSummary {
    /// The statement to sign.
    ///
    /// Refused: no subject (`E-STATEMENT`); a text that is empty or longer than 4096 bytes, a policy without a URI, levels that
    /// do not belong to the result, more than 64 of anything (`E-PREDICATE`).
    pub fn declare(&self, limits: &Limits) -> Result<Declaration, AttestError> {
        self.check()?;
        let own = self
            .verified_levels
            .iter()
            .find(|level| level.strip_prefix(RESERVED).is_some_and(|rest| !rest.starts_with("BUILD_LEVEL_")));
        if let Some(level) = own {
            return Err(refused(format!("SLSA knows no level {}", quoted(level))));
        }
        let subjects: Vec<_> = self
            .subjects
            .iter()
            .map(|it| {
                let (sha256, lacre) = (it.sha256.to_string(), it.lacre.map(|digest| digest.to_string()));
                WrittenSubject { digest: WrittenDigest { lacre, sha256 }, name: &it.name }
            })
            .collect();
        let predicate = Written {
            input_attestations: &self.input_attestations,
            policy: &self.policy,
            resource_uri: &self.resource_uri,
            slsa_version: self.slsa_version.as_deref(),
            time_verified: self.time_verified.as_deref(),
            verification_result: self.result,
            verified_levels: &self.verified_levels,
            verifier: WrittenVerifier { id: &self.verifier, version: &self.verifier_version },
        };
        Declaration::new(&subjects, VERIFICATION_SUMMARY_PREDICATE_TYPE, &predicate, limits)
    }

    /// Reads a summary from a statement. Unknown members are ignored, as SLSA demands; what is known is held to its form.
    ///
    /// Refused: a statement of another type (`E-PREDICATE-TYPE`), a subject without a SHA-256 (`E-STATEMENT`), and what
    /// [`VerificationSummary::declare`] refuses.
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, AttestError> {
        if statement.predicate_type() != VERIFICATION_SUMMARY_PREDICATE_TYPE {
            let (found, expected) = (quoted(statement.predicate_type()), VERIFICATION_SUMMARY_PREDICATE_TYPE);
            return Err(AttestError::PredicateType { found, expected });
        }
        let subjects = statement
            .subjects()
            .iter()
            .map(|subject| {
                let malformed = |detail: &str| AttestError::Statement { detail: detail.to_owned() };
                let sha256 = subject.digest.get("sha256").and_then(|hex| Sha256Digest::from_hex(hex).ok());
                let lacre = subject.digest.get("lacre").map(|hex| Blake3Digest::from_hex(hex)).transpose();
                Ok(SummarySubject {
                    name: subject.name.clone(),
                    sha256: sha256.ok_or_else(|| malformed("a subject has no sha256 digest"))?,
                    lacre: lacre.map_err(|_| malformed("a subject has something else as its identity"))?,
                })
            })
            .collect::<Result<_, AttestError>>()?;
        let Object(wire) = serde_json::from_str::<Object<Wire>>(statement.predicate().get())
            .map_err(|error| refused(error.to_string()))?;
        let summary = Self {
            subjects,
            verifier: wire.verifier.0.id,
            verifier_version: wire.verifier.0.version.unwrap_or_default(),
            time_verified: wire.time_verified,
            resource_uri: wire.resource_uri,
            policy: wire.policy.0,
            input_attestations: whole(wire.input_attestations)?.into_iter().map(|Object(it)| it).collect(),
            result: wire.verification_result,
            verified_levels: whole(wire.verified_levels)?,
            slsa_version: wire.slsa_version,
        };
        summary.check()?;
        Ok(summary)
    }

    fn check(&self) -> Result<(), AttestError> {
        if self.subjects.is_empty() {
            return Err(AttestError::Statement { detail: "it is about nothing".to_owned() });
        }
        let descriptors = || std::iter::once(&self.policy).chain(&self.input_attestations);
        let maps = || descriptors().map(|it| &it.digest).chain([&self.verifier_version]);
        let many = maps().any(|map| map.len() > LIST_LIMIT)
            || self.input_attestations.len() > LIST_LIMIT
            || self.verified_levels.len() > LIST_LIMIT;
        if many {
            return Err(refused(format!("it has more than {LIST_LIMIT} of one thing")));
        }
        let optional = [&self.time_verified, &self.slsa_version].into_iter().flatten();
        let uris = descriptors().filter_map(|it| it.uri.as_ref());
        let pairs = maps().flatten().flat_map(|(name, value)| [name, value]);
        let texts = [&self.verifier, &self.resource_uri].into_iter().chain(optional).chain(uris);
        for text in texts.chain(pairs).chain(&self.verified_levels) {
            if text.is_empty() || text.len() > TEXT_LIMIT {
                return Err(refused("a text of it is empty or too long".to_owned()));
            }
        }
        if self.policy.uri.is_none() {
            return Err(refused("its policy has no URI".to_owned()));
        }
        if self.input_attestations.iter().any(|it| it.digest.is_empty()) {
            return Err(refused("an attestation that was used has no digest".to_owned()));
        }
        let failed = self.verified_levels.iter().any(|level| level == FAILED);
        match self.result {
            VerificationResult::Passed if failed => {
                Err(refused("it passed, and its level is that of what failed".to_owned()))
            }
            VerificationResult::Failed if self.verified_levels.iter().any(|level| level != FAILED) => {
                Err(refused("it failed, and reached a level".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

fn refused(detail: String) -> AttestError {
    AttestError::Predicate { detail }
}

/// A list, if it is one that was kept whole.
fn whole<T>(list: Bounded<T, LIST_LIMIT>) -> Result<Vec<T>, AttestError> {
    if list.count > LIST_LIMIT {
        return Err(refused(format!("it has more than {LIST_LIMIT} of one thing")));
    }
    Ok(list.kept)
}

/// Members in code-point order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    input_attestations: &'a [ResourceDescriptor],
    policy: &'a ResourceDescriptor,
    resource_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    slsa_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_verified: Option<&'a str>,
    verification_result: VerificationResult,
    verified_levels: &'a [String],
    verifier: WrittenVerifier<'a>,
}

#[derive(Debug, Serialize)]
struct WrittenVerifier<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    version: &'a BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    input_attestations: Bounded<Object<ResourceDescriptor>, LIST_LIMIT>,
    policy: Object<ResourceDescriptor>,
    resource_uri: String,
    #[serde(default, deserialize_with = "not_null")]
    slsa_version: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    time_verified: Option<String>,
    verification_result: VerificationResult,
    verified_levels: Bounded<String, LIST_LIMIT>,
    verifier: Object<WireVerifier>,
}

#[derive(Debug, Deserialize)]
struct WireVerifier {
    id: String,
    #[serde(default, deserialize_with = "not_null")]
    version: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { statement: 256 * 1024, depth: 16 };
    /// The example of SLSA 1.0, with digests of the right length, and without what is JSON only almost.
    const SLSA: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"out/example-1.2.3.tar.gz","digest":{"sha256":"3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac"}}],"predicateType":"https://slsa.dev/verification_summary/v1","predicate":{"verifier":{"id":"https://example.com/publication_verifier"},"timeVerified":"1985-04-12T23:20:50.52Z","resourceUri":"https://example.com/example-1.2.3.tar.gz","policy":{"uri":"https://example.com/example_tarball.policy","digest":{"sha256":"1234"}},"inputAttestations":[{"uri":"https://example.com/provenances/example-1.2.3.tar.gz.intoto.jsonl","digest":{"sha256":"abcd"}}],"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"],"dependencyLevels":{"SLSA_BUILD_LEVEL_3":5,"SLSA_BUILD_LEVEL_2":7,"SLSA_BUILD_LEVEL_1":1},"slsaVersion":"1.0"}}"#;

    fn read(text: &str) -> Result<VerificationSummary, &'static str> {
        Statement::parse(text.as_bytes(), &LIMITS)
            .and_then(|statement| VerificationSummary::from_statement(&statement))
            .map_err(|error| error.code())
    }

    #[test]
    fn reads_the_example_of_slsa_and_writes_what_it_reads() {
        let summary = read(SLSA).unwrap();
        assert_eq!(summary.verifier, "https://example.com/publication_verifier");
        assert_eq!(summary.result, VerificationResult::Passed);
        assert_eq!(summary.verified_levels, ["SLSA_BUILD_LEVEL_3"]);
        assert_eq!(summary.policy.digest["sha256"], "1234");
        assert_eq!(summary.subjects[0].name, "out/example-1.2.3.tar.gz");
        let declared = summary.declare(&LIMITS).unwrap();
        let text = std::str::from_utf8(declared.payload()).unwrap();
        assert_eq!(read(text).unwrap(), summary);
        let mut expected: serde_json::Value = serde_json::from_str(SLSA).unwrap();
        expected["predicate"].as_object_mut().unwrap().remove("dependencyLevels");
        assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), expected);
        assert_eq!(text.as_bytes(), lacre_json::to_vec(&expected), "keys in order");
    }

    #[test]
    fn refuses_what_is_no_summary() {
        let many = r#","SLSA_BUILD_LEVEL_1""#.repeat(LIST_LIMIT);
        let long = "x".repeat(TEXT_LIMIT + 1);
        for (part, replacement, expected) in [
            (r#""verificationResult":"PASSED","#, "", "E-PREDICATE"),
            (r#""PASSED""#, r#""passed""#, "E-PREDICATE"),
            (r#""PASSED""#, r#""FAILED""#, "E-PREDICATE"),
            (r#"["SLSA_BUILD_LEVEL_3"]"#, r#"["FAILED"]"#, "E-PREDICATE"),
            (r#"["SLSA_BUILD_LEVEL_3"]"#, "null", "E-PREDICATE"),
            (r#""SLSA_BUILD_LEVEL_3"]"#, &format!(r#""SLSA_BUILD_LEVEL_3"{many}]"#), "E-PREDICATE"),
            (r#""uri":"https://example.com/example_tarball.policy","#, "", "E-PREDICATE"),
            (r#""uri":"https://example.com/example_tarball.policy""#, r#""uri":null"#, "E-PREDICATE"),
            (r#","digest":{"sha256":"abcd"}"#, "", "E-PREDICATE"),
            ("https://example.com/publication_verifier", "", "E-PREDICATE"),
            ("https://example.com/publication_verifier", &long, "E-PREDICATE"),
            (r#"{"id":"https://example.com/publication_verifier"}"#, r#"["https://e.test"]"#, "E-PREDICATE"),
            (r#""resourceUri":"#, r#""resource_uri":"#, "E-PREDICATE"),
            (r#"{"sha256":"3d"#, r#"{"sha256":"3D"#, "E-STATEMENT"),
            (r#""digest":{"sha256":"3d"#, r#""digest":{"sha512":"3d"#, "E-STATEMENT"),
            (r#"{"sha256":"3d"#, r#"{"lacre":"x","sha256":"3d"#, "E-STATEMENT"),
            ("summary/v1", "summary/v0.2", "E-PREDICATE-TYPE"),
        ] {
            assert_eq!(SLSA.matches(part).count(), 1, "{part}");
            assert_eq!(read(&SLSA.replace(part, replacement)).err(), Some(expected), "{replacement:.80}");
        }
        let failed = SLSA.replace("PASSED", "FAILED").replace("[\"SLSA_BUILD_LEVEL_3\"]", "[\"FAILED\"]");
        assert_eq!(read(&failed).unwrap().result, VerificationResult::Failed);
    }

    #[test]
    fn nobody_writes_a_level_in_the_name_of_slsa() {
        let mut summary = read(SLSA).unwrap();
        summary.verified_levels = vec!["SLSA_MODEL_LEVEL_9".to_owned()];
        assert_eq!(summary.declare(&LIMITS).unwrap_err().code(), "E-PREDICATE");
        summary.verified_levels = vec!["LACRE_MODEL_VERIFIED".to_owned()];
        assert!(summary.declare(&LIMITS).is_ok());
        summary.subjects.clear();
        assert_eq!(summary.declare(&LIMITS).unwrap_err().code(), "E-STATEMENT");
    }
}

//! The predicate of model-signing 0.2, `https://model_signing/Digests/v0.1`: a subject for each file, and nothing else.

use std::collections::BTreeMap;

use lacre_hash::Sha256Digest;
use lacre_manifest::{Digests, Entry, EntryPath, Manifest};
use serde::Deserialize;

use super::listing::refused_names;
use crate::error::quoted;
use crate::wire::{Object, Verbatim};
use crate::{AttestError, Statement, Subject};

/// The predicate type of model-signing 0.2.
pub const LEGACY_PREDICATE_TYPE: &str = "https://model_signing/Digests/v0.1";

/// The one digest of a file.
const DIGEST: &str = "sha256";
/// How a subject says of what its digest is: of the whole file.
const ALGORITHM_ANNOTATION: &str = "actual_hash_algorithm";
const WHOLE_FILE: &str = "\"file-sha256\"";

/// The files that such a statement lists. It has neither a name nor a root, and knows nothing of what is left out.
pub(super) fn manifest(statement: &Statement<'_>) -> Result<Manifest, AttestError> {
    serde_json::from_str::<Object<WirePredicate>>(statement.predicate().get())
        .map_err(|error| AttestError::Predicate { detail: error.to_string() })?;
    let entries = statement.subjects().iter().map(entry).collect::<Result<_, _>>()?;
    Manifest::new(entries).map_err(refused_names)
}

fn entry(subject: &Subject) -> Result<Entry, AttestError> {
    let Subject { name, digest, annotations } = subject;
    let path = EntryPath::parse(name).map_err(|source| AttestError::Path { name: quoted(name), source })?;
    let sha256 = only_digest(digest)
        .ok_or_else(|| malformed(format!("{path} has not exactly one digest, a {DIGEST}")))?;
    match annotations.get(ALGORITHM_ANNOTATION).map(Verbatim::get) {
        Some(WHOLE_FILE) => {}
        found => {
            let found = quoted(found.unwrap_or("none"));
            return Err(AttestError::Unsupported { what: "the hash algorithm of a subject", found });
        }
    }
    Ok(Entry { path, size: None, digests: Digests::Sha256 { sha256, blake3: None } })
}

fn only_digest(digests: &BTreeMap<String, String>) -> Option<Sha256Digest> {
    let hex = digests.get(DIGEST).filter(|_| digests.len() == 1)?;
    Sha256Digest::from_hex(hex).ok()
}

fn malformed(detail: String) -> AttestError {
    AttestError::Statement { detail }
}

/// A predicate that says nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePredicate {
    #[serde(rename = "unused", default)]
    _unused: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{AttestError, Limits, ModelClaim, Statement};

    // SHA-256 of "a" and "b": `printf a | sha256sum`.
    const A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    const B: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";

    fn legacy() -> Value {
        let subject = |name: &str, digest: &str| json!({"name": name, "digest": {"sha256": digest}, "annotations": {"actual_hash_algorithm": "file-sha256"}});
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [subject("b/c", B), subject("a", A)],
            "predicateType": "https://model_signing/Digests/v0.1",
            "predicate": {"unused": "Unused, just passed due to API requirements"},
        })
    }

    fn read(
        statement: &Value,
        how: fn(&Statement<'_>) -> Result<ModelClaim, AttestError>,
    ) -> Result<ModelClaim, AttestError> {
        let payload = serde_json::to_vec(statement).unwrap();
        how(&Statement::parse(&payload, &Limits::default())?)
    }

    #[test]
    fn it_is_read_only_where_it_is_asked_for() {
        assert_eq!(read(&legacy(), ModelClaim::from_statement).unwrap_err().code(), "E-LEGACY");
        let claim = read(&legacy(), ModelClaim::from_statement_or_legacy).unwrap();
        let names: Vec<_> = claim.manifest().entries().iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(names, ["a", "b/c"]);
        assert!(claim.is_legacy());
        assert_eq!((claim.name(), claim.version(), claim.identity(), claim.shape()), ("", None, None, None));
        assert_eq!(claim.to_statement().unwrap_err().code(), "E-LEGACY", "it is never written");
    }

    #[test]
    fn a_current_statement_is_read_either_way() {
        let mut current = legacy();
        current["predicateType"] = json!("https://model_signing/signature/v1.0");
        assert_eq!(read(&current, ModelClaim::from_statement_or_legacy).unwrap_err().code(), "E-STATEMENT");
        current["predicateType"] = json!("https://model_signing/Digests/v0.2");
        assert_eq!(
            read(&current, ModelClaim::from_statement_or_legacy).unwrap_err().code(),
            "E-PREDICATE-TYPE"
        );
    }

    #[test]
    fn its_rules_are_no_weaker() {
        let sharded = json!({"actual_hash_algorithm": "file-sha256-1000"});
        for (pointer, value, expected) in [
            ("/subject/1/name", json!("b/c"), "E-DUPLICATE-NAME"),
            ("/subject/1/name", json!("B/C"), "E-NAME-COLLISION"),
            ("/subject/1/name", json!("b"), "E-NAME-COLLISION"),
            ("/subject/1/name", json!("../a"), "E-PATH"),
            ("/subject/1/name", json!("."), "E-PATH"),
            ("/subject/1/name", json!(null), "E-PATH"),
            ("/subject/1/digest", json!({}), "E-STATEMENT"),
            ("/subject/1/digest", json!({"sha256": A, "sha512": "00"}), "E-STATEMENT"),
            ("/subject/1/digest/sha256", json!(A.to_uppercase()), "E-STATEMENT"),
            ("/subject/1/digest/sha256", json!(A[..62]), "E-STATEMENT"),
            ("/subject/1/annotations", json!({}), "E-UNSUPPORTED"),
            ("/subject/1/annotations", sharded, "E-UNSUPPORTED"),
            ("/subject", json!([]), "E-STATEMENT"),
            ("/predicate", json!([]), "E-PREDICATE"),
            ("/predicate", json!({"resources": []}), "E-PREDICATE"),
        ] {
            let mut statement = legacy();
            *statement.pointer_mut(pointer).unwrap() = value.clone();
            let outcome = read(&statement, ModelClaim::from_statement_or_legacy);
            assert_eq!(outcome.unwrap_err().code(), expected, "{pointer} = {value}");
        }
    }
}

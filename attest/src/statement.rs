//! in-toto Statement v1 (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).

use std::borrow::Cow;
use std::collections::BTreeMap;

use lacre_json::JsonError;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::quoted;
use crate::predicate::model::MODEL_PREDICATE_TYPE;
use crate::wire::{Bounded, Object, Verbatim};
use crate::{AttestError, Limits};

/// The one statement type that is written, and that a signature counts for.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The statement type before v1, of the same form. `cosign attest` still writes it.
pub const STATEMENT_TYPE_BEFORE_V1: &str = "https://in-toto.io/Statement/v0.1";

/// At most this many subjects (sigstore-go has the same bound).
pub(crate) const SUBJECT_LIMIT: usize = 1024;
/// The longest subject, in bytes of JSON; lists of names aside.
const SUBJECT_BYTES: usize = 64 * 1024;
/// The annotations of a subject that are lists of names, as long as the model is large. Only a model has them.
pub(crate) const NAME_LISTS: [&str; 2] = ["emptyFolders", "executable"];

/// A statement: something is claimed (the predicate) about something (the subjects). The predicate is not parsed yet.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    subjects: Vec<Subject>,
    predicate_type: Cow<'a, str>,
    predicate: &'a RawValue,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its name; empty if the statement gives none.
    pub name: String,
    /// Its digests by name of the algorithm.
    pub digest: BTreeMap<String, String>,
    /// What else is said about it.
    pub annotations: BTreeMap<String, Verbatim>,
}

impl<'a> Statement<'a> {
    /// Reads a statement from the payload of an envelope. The statement borrows the payload.
    ///
    /// Refused: what is not one strict JSON object, another `_type`, no subject, more than 1024 subjects, subjects of
    /// more than 64 KiB, unknown members. Unknown members of a subject are ignored, as in-toto demands. The lists of
    /// names of a model (its executable files, its empty folders) do not count to the 64 KiB: they are as long as the
    /// statement may be.
    pub fn parse(payload: &'a [u8], limits: &Limits) -> Result<Self, AttestError> {
        Self::parse_one_of(&[STATEMENT_TYPE], payload, limits)
    }

    /// The same for statements before v1 too ([`STATEMENT_TYPE_BEFORE_V1`]): for telling what is claimed, not for
    /// believing it.
    pub fn parse_any_version(payload: &'a [u8], limits: &Limits) -> Result<Self, AttestError> {
        Self::parse_one_of(&[STATEMENT_TYPE, STATEMENT_TYPE_BEFORE_V1], payload, limits)
    }

    fn parse_one_of(kinds: &[&str], payload: &'a [u8], limits: &Limits) -> Result<Self, AttestError> {
        let Object(wire) =
            lacre_json::from_slice::<Object<WireStatement<'a>>>(payload, limits.statement_json()).map_err(
                |error| match error {
                    JsonError::Shape { .. } => malformed(error.to_string()),
                    source => AttestError::Json { part: "statement", source },
                },
            )?;
        if !kinds.contains(&&*wire.kind) {
            return Err(AttestError::StatementType { found: quoted(&wire.kind), expected: STATEMENT_TYPE });
        }
        let WireStatement { subject: Bounded { kept, count }, predicate_type, predicate, .. } = wire;
        if count == 0 {
            return Err(malformed("it has no subject"));
        }
        if count > SUBJECT_LIMIT {
            return Err(AttestError::Limit { what: "subjects", size: count, limit: SUBJECT_LIMIT });
        }
        let lists: &[&str] =
            if count == 1 && predicate_type == MODEL_PREDICATE_TYPE { &NAME_LISTS } else { &[] };
        let subjects = kept.into_iter().map(|text| subject(text, lists)).collect::<Result<_, _>>()?;
        Ok(Self { subjects, predicate_type, predicate })
    }

    /// What the statement is about; at least one.
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// Of which kind the claim is.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// The claim, as it stands in the payload.
    pub fn predicate(&self) -> &'a RawValue {
        self.predicate
    }
}

/// Reads a subject; `lists` are the annotations that may be long.
fn subject(text: &RawValue, lists: &[&str]) -> Result<Subject, AttestError> {
    let within = |size: usize| {
        let limit = SUBJECT_BYTES;
        if size > limit { Err(AttestError::Limit { what: "bytes of subject", size, limit }) } else { Ok(()) }
    };
    let size = text.get().len();
    if lists.is_empty() {
        within(size)?;
    }
    let Object(wire) = serde_json::from_str::<Object<WireSubject<'_>>>(text.get())
        .map_err(|error| malformed(format!("subject: {error}")))?;
    let annotations = wire.annotations.unwrap_or_default();
    let long: usize = lists.iter().filter_map(|list| Some(annotations.get(*list)?.get().len())).sum();
    within(size - long)?;
    Ok(Subject {
        name: wire.name.unwrap_or_default(),
        digest: wire.digest.unwrap_or_default(),
        annotations: annotations.into_iter().map(|(name, text)| (name, text.into())).collect(),
    })
}

fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Statement { detail: detail.into() }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireStatement<'a> {
    #[serde(borrow, rename = "_type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    subject: Bounded<&'a RawValue, SUBJECT_LIMIT>,
    #[serde(borrow)]
    predicate_type: Cow<'a, str>,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct WireSubject<'a> {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    digest: Option<BTreeMap<String, String>>,
    #[serde(borrow, default)]
    annotations: Option<BTreeMap<String, &'a RawValue>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { statement: 256 * 1024, depth: 8 };
    const GOOD: &str = concat!(
        r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":[1]},"predicateType":"urn:x","#,
        r#""subject":[{"annotations":{"k":["v"]},"digest":{"sha256":"ab"},"name":"n"}]}"#
    );

    fn code(text: &str) -> &'static str {
        Statement::parse(text.as_bytes(), &LIMITS).map_or_else(|error| error.code(), |_| "ok")
    }

    fn with(part: &str, replacement: &str) -> String {
        assert_eq!(GOOD.matches(part).count(), 1, "{part}");
        GOOD.replace(part, replacement)
    }

    #[test]
    fn reads_every_part() {
        let statement = Statement::parse(GOOD.as_bytes(), &LIMITS).unwrap();
        assert_eq!(statement.predicate_type(), "urn:x");
        assert_eq!(statement.predicate().get(), r#"{"a":[1]}"#);
        let [subject] = statement.subjects() else { panic!() };
        assert_eq!(subject.name, "n");
        assert_eq!(subject.digest, [("sha256".to_owned(), "ab".to_owned())].into());
        assert_eq!(subject.annotations["k"].get(), r#"["v"]"#);
        assert_eq!(subject.annotations.len(), 1);
    }

    #[test]
    fn reads_subjects_without_name_and_with_members_that_it_does_not_know() {
        // What cosign's `sign` writes, and an in-toto resource descriptor.
        let text = with(
            r#"{"annotations":{"k":["v"]},"digest":{"sha256":"ab"},"name":"n"}"#,
            r#"{"digest":{"sha256":"ab"},"annotations":{}},{"uri":"https://example.com","mediaType":"x"}"#,
        );
        let statement = Statement::parse(text.as_bytes(), &LIMITS).unwrap();
        assert_eq!(statement.subjects().len(), 2);
        assert_eq!(statement.subjects()[0].name, "");
        assert!(statement.subjects()[1].digest.is_empty());
    }

    #[test]
    fn refuses_what_is_malformed() {
        for (part, replacement, expected) in [
            ("Statement/v1", "Statement/v0.1", "E-STATEMENT-TYPE"),
            ("Statement/v1", "Statement/v1/", "E-STATEMENT-TYPE"),
            (r#""_type":"https://in-toto.io/Statement/v1","#, "", "E-STATEMENT"),
            (r#""predicateType":"urn:x","#, "", "E-STATEMENT"),
            (r#""predicate":{"a":[1]},"#, "", "E-STATEMENT"),
            (r#""predicateType":"urn:x""#, r#""predicateType":7"#, "E-STATEMENT"),
            (r#"{"_type""#, r#"{"expires":"never","_type""#, "E-STATEMENT"),
            (r#"{"_type""#, r#"{"_type":"https://in-toto.io/Statement/v1","_type""#, "E-DUPLICATE-KEY"),
            (r#"{"a":[1]}"#, r#"{"a":[{"b":1,"b":2}]}"#, "E-DUPLICATE-KEY"),
            (r#"{"sha256":"ab"}"#, r#"{"sha256":"ab","sha256":"cd"}"#, "E-DUPLICATE-KEY"),
            (r#"{"sha256":"ab"}"#, r#"{"sha256":7}"#, "E-STATEMENT"),
            (r#"{"sha256":"ab"}"#, r#"[["sha256","ab"]]"#, "E-STATEMENT"),
            (r#"{"k":["v"]}"#, "[]", "E-STATEMENT"),
            (r#""name":"n""#, r#""name":["n"]"#, "E-STATEMENT"),
            (r#"{"a":[1]}"#, "[[[[[[[[1]]]]]]]]", "E-LIMIT"),
            ("}]}", "}]", "E-JSON"),
            ("}]}", "}]}\0", "E-JSON"),
            ("\"n\"", "\"\u{1}\"", "E-JSON"),
        ] {
            assert_eq!(code(&with(part, replacement)), expected, "{part} -> {replacement}");
        }
        let subjects = GOOD.split_once("\"subject\":").unwrap().0;
        assert_eq!(code(&format!("{subjects}\"subject\":[]}}")), "E-STATEMENT");
        assert_eq!(code(&format!("{subjects}\"subject\":{{}}}}")), "E-STATEMENT");
        assert_eq!(code(&format!("{subjects}\"subject\":[[\"n\",{{}},{{}}]]}}")), "E-STATEMENT");
    }

    #[test]
    fn statements_before_v1_are_read_only_where_that_is_said() {
        let before = with("Statement/v1", "Statement/v0.1");
        let statement = Statement::parse_any_version(before.as_bytes(), &LIMITS).unwrap();
        assert_eq!(statement.predicate_type(), "urn:x");
        assert!(Statement::parse_any_version(GOOD.as_bytes(), &LIMITS).is_ok());
        let other = with("Statement/v1", "Statement/v0.2");
        let refused = Statement::parse_any_version(other.as_bytes(), &LIMITS).unwrap_err();
        assert_eq!(refused.code(), "E-STATEMENT-TYPE");
    }

    #[test]
    fn refuses_a_statement_that_is_an_array_or_nothing() {
        let array = r#"["https://in-toto.io/Statement/v1",[{"name":"n"}],"urn:x",{}]"#;
        assert_eq!(code(array), "E-STATEMENT");
        assert_eq!(code(&format!("[{GOOD}]")), "E-STATEMENT");
        assert_eq!(code("null"), "E-STATEMENT");
        assert_eq!(code(""), "E-JSON");
    }

    #[test]
    fn refuses_every_truncation() {
        for length in 0..GOOD.len() {
            assert_eq!(code(&GOOD[..length]), "E-JSON", "{length}");
        }
    }

    #[test]
    fn limits_are_exact() {
        let subject = r#"{"annotations":{"k":["v"]},"digest":{"sha256":"ab"},"name":"n"}"#;
        let many = |count: usize| with(subject, &vec!["{}"; count].join(","));
        assert_eq!(code(&many(SUBJECT_LIMIT)), "ok");
        assert_eq!(code(&many(SUBJECT_LIMIT + 1)), "E-LIMIT");
        let long = |bytes: usize| with(subject, &format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes - 8)));
        assert_eq!(code(&long(SUBJECT_BYTES)), "ok");
        assert_eq!(code(&long(SUBJECT_BYTES + 1)), "E-LIMIT");
        // Lists of names are as long as the statement, if it is one about a model, and about one.
        let listed = |list: &str, kind: &str, more: &str| {
            let names = "x".repeat(SUBJECT_BYTES);
            let text = with(subject, &format!(r#"{{"annotations":{{"{list}":["{names}"]}}}}{more}"#));
            code(&text.replace("urn:x", kind))
        };
        assert_eq!(listed("executable", MODEL_PREDICATE_TYPE, ""), "ok");
        assert_eq!(listed("emptyFolders", MODEL_PREDICATE_TYPE, ""), "ok");
        assert_eq!(listed("others", MODEL_PREDICATE_TYPE, ""), "E-LIMIT");
        assert_eq!(listed("executable", MODEL_PREDICATE_TYPE, ",{}"), "E-LIMIT");
        assert_eq!(listed("executable", "urn:x", ""), "E-LIMIT");
        let padded = |bytes: usize| format!("{GOOD}{}", " ".repeat(bytes - GOOD.len()));
        assert_eq!(code(&padded(LIMITS.statement)), "ok");
        assert_eq!(code(&padded(LIMITS.statement + 1)), "E-LIMIT");
    }
}

//! Claims about manifests of an OCI store, named by their digests: the signature that `cosign sign` makes, and
//! attestations of any type, whose predicate is carried as it is.

use lacre_hash::Sha256Digest;
use serde::Serialize;

use super::legacy::LEGACY_PREDICATE_TYPE;
use super::model::MODEL_PREDICATE_TYPE;
use crate::error::quoted;
use crate::statement::{STATEMENT_TYPE, SUBJECT_LIMIT};
use crate::wire::{Verbatim, to_json};
use crate::{AttestError, Limits, Statement};

/// The predicate type of what `cosign sign` signs since version 3: nothing is said of the manifests but that the signer
/// stands for them.
pub const COSIGN_SIGN_PREDICATE_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

/// The longest predicate of an attestation, in bytes. Lists of materials are long, and no list needs more.
const PREDICATE_LIMIT: usize = 16 * 1024 * 1024;
/// The deepest predicate, in levels: one less than a statement may have by default.
const PREDICATE_DEPTH: usize = 31;
/// The longest predicate type, in bytes.
const TYPE_LIMIT: usize = 2048;
/// The name of the one digest of each subject.
const DIGEST: &str = "sha256";
/// Bytes of a subject, about.
const SUBJECT_LENGTH: usize = 120;

/// What is claimed about manifests of an OCI store.
///
/// A claim, not a proof: nobody has checked who makes it, or looked at a manifest. It says nothing about the files of a
/// model: those are what a [`ModelClaim`](crate::ModelClaim) is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestClaim {
    manifests: Vec<Sha256Digest>,
    predicate_type: String,
    predicate: Verbatim,
}

impl ManifestClaim {
    /// What `cosign sign` signs, to be signed: whoever does stands for these manifests, and says no more.
    ///
    /// Refused: no manifest, or one twice (`E-STATEMENT`), more than 1024 of them (`E-LIMIT`).
    pub fn signature(manifests: Vec<Sha256Digest>) -> Result<Self, AttestError> {
        Self::new(manifests, COSIGN_SIGN_PREDICATE_TYPE.to_owned(), b"{}".to_vec())
    }

    /// An attestation, to be signed. The predicate goes into the statement byte for byte, without the white space around
    /// it; what it means is not asked.
    ///
    /// Refused, beside what [`ManifestClaim::signature`] refuses:
    ///
    /// - a type that is no URI of at most 2048 characters, or that is the type of a signature: of manifests
    ///   ([`COSIGN_SIGN_PREDICATE_TYPE`]) or of models (`E-STATEMENT`);
    /// - a predicate that is not strict JSON (`E-JSON`, `E-DUPLICATE-KEY`), or no object (`E-PREDICATE`), or longer than
    ///   16 MiB or deeper than 31 levels (`E-LIMIT`).
    pub fn attestation(
        manifests: Vec<Sha256Digest>,
        predicate_type: &str,
        predicate: &[u8],
    ) -> Result<Self, AttestError> {
        if !is_uri(predicate_type) {
            let found = quoted(predicate_type);
            return Err(malformed(format!(
                "the predicate type {found} is no URI of at most {TYPE_LIMIT} characters"
            )));
        }
        if [COSIGN_SIGN_PREDICATE_TYPE, LEGACY_PREDICATE_TYPE, MODEL_PREDICATE_TYPE].contains(&predicate_type)
        {
            return Err(malformed(format!(
                "{predicate_type} is the type of a signature, not of an attestation"
            )));
        }
        let limits = lacre_json::Limits::new(PREDICATE_LIMIT, PREDICATE_DEPTH);
        lacre_json::check(predicate, limits)
            .map_err(|source| AttestError::Json { part: "predicate", source })?;
        let predicate = predicate.trim_ascii();
        if predicate.first() != Some(&b'{') {
            return Err(AttestError::Predicate { detail: "it is no JSON object".to_owned() });
        }
        Self::new(manifests, predicate_type.to_owned(), predicate.to_vec())
    }

    fn new(
        manifests: Vec<Sha256Digest>,
        predicate_type: String,
        predicate: Vec<u8>,
    ) -> Result<Self, AttestError> {
        if manifests.is_empty() {
            return Err(malformed("it is about no manifest"));
        }
        if manifests.len() > SUBJECT_LIMIT {
            return Err(AttestError::Limit { what: "subjects", size: manifests.len(), limit: SUBJECT_LIMIT });
        }
        if manifests.iter().enumerate().any(|(at, digest)| manifests[..at].contains(digest)) {
            return Err(malformed("a manifest stands twice among its subjects"));
        }
        let predicate = Verbatim::from_json(predicate)
            .ok_or_else(|| AttestError::Predicate { detail: "it is no JSON".to_owned() })?;
        Ok(Self { manifests, predicate_type, predicate })
    }

    /// Reads a claim from a statement. Each subject must have a SHA-256 digest; other digests of it are ignored, as
    /// in-toto has it.
    ///
    /// Refused: a statement about a model (`E-PREDICATE-TYPE`), a subject without a SHA-256 digest in hexadecimal
    /// (`E-STATEMENT`), a predicate that is no object, and one of a signature that says anything: what is not understood
    /// could take back the rest (`E-PREDICATE`).
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, AttestError> {
        let predicate_type = statement.predicate_type();
        if [LEGACY_PREDICATE_TYPE, MODEL_PREDICATE_TYPE].contains(&predicate_type) {
            let (found, expected) = (quoted(predicate_type), COSIGN_SIGN_PREDICATE_TYPE);
            return Err(AttestError::PredicateType { found, expected });
        }
        let manifests = statement
            .subjects()
            .iter()
            .map(|subject| {
                let digest =
                    subject.digest.get(DIGEST).ok_or_else(|| malformed("a subject has no sha256 digest"))?;
                Sha256Digest::from_hex(digest)
                    .map_err(|_| malformed(format!("a subject has {} as its sha256 digest", quoted(digest))))
            })
            .collect::<Result<_, _>>()?;
        let text = statement.predicate().get();
        let refused = |detail: &str| AttestError::Predicate { detail: detail.to_owned() };
        // It is JSON: what stands between braces are its members.
        let members = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let members = members.ok_or_else(|| refused("it is no JSON object"))?;
        if predicate_type == COSIGN_SIGN_PREDICATE_TYPE && !members.trim_ascii().is_empty() {
            return Err(refused("a signature of manifests says something else, too"));
        }
        let predicate = Verbatim::from(statement.predicate());
        Ok(Self { manifests, predicate_type: predicate_type.to_owned(), predicate })
    }

    /// The payload to sign: compact JSON but for the predicate, keys in code-point order, so that equal claims have equal
    /// bytes.
    ///
    /// A statement longer than `limits` allow is refused (`E-LIMIT`).
    pub fn to_statement(&self, limits: &Limits) -> Result<Vec<u8>, AttestError> {
        let subject =
            |digest| WrittenSubject { annotations: Empty {}, digest: WrittenDigest { sha256: digest } };
        let statement = WrittenStatement {
            kind: STATEMENT_TYPE,
            predicate: &self.predicate,
            predicate_type: &self.predicate_type,
            subject: self.manifests.iter().map(subject).collect(),
        };
        let length = self.predicate.get().len() + (self.manifests.len() + 2) * SUBJECT_LENGTH + TYPE_LIMIT;
        let payload = to_json(&statement, length);
        // Whoever has the same limits must be able to read it.
        Statement::parse(&payload, limits)?;
        Ok(payload)
    }

    /// The manifests, at least one.
    pub fn manifests(&self) -> &[Sha256Digest] {
        &self.manifests
    }

    /// Of which kind the claim is. Not escaped.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Whether it is what `cosign sign` signs, and no attestation.
    pub fn is_signature(&self) -> bool {
        self.predicate_type == COSIGN_SIGN_PREDICATE_TYPE
    }

    /// The predicate: a JSON object.
    pub fn predicate(&self) -> &Verbatim {
        &self.predicate
    }
}

/// Whether a text has the form of an absolute URI (RFC 3986, section 3): a scheme, a colon and something behind it, of
/// characters that need no escape anywhere.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.len() <= TYPE_LIMIT
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(of_scheme)
        && !rest.is_empty()
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'`'))
}

fn malformed(detail: impl Into<String>) -> AttestError {
    AttestError::Statement { detail: detail.into() }
}

/// Members in code-point order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenStatement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    predicate: &'a Verbatim,
    predicate_type: &'a str,
    subject: Vec<WrittenSubject<'a>>,
}

/// A subject as cosign writes it: without a name, because a manifest is the same in every repository.
#[derive(Debug, Serialize)]
struct WrittenSubject<'a> {
    annotations: Empty,
    digest: WrittenDigest<'a>,
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
struct WrittenDigest<'a> {
    sha256: &'a Sha256Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { statement: 32 * 1024 * 1024, depth: 32 };
    /// The statement that cosign 3.1.1 signed.
    const COSIGN: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac"},"annotations":{}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}"#;
    /// The one that it signed for `attest --type custom`.
    const ATTESTED: &str = r#"{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"name":"127.0.0.1:5001/m/net","digest":{"sha256":"3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac"}}],"predicateType":"https://cosign.sigstore.dev/attestation/v1","predicate":{"Data":"{}","Timestamp":"2026-11-23T03:01:49Z"}}"#;

    fn digest() -> Sha256Digest {
        Sha256Digest::from_hex("3d62c9633f35037aaee20f314eca07611dcdb3275005a953c72b00fb761c6bac").unwrap()
    }

    fn read(text: &str) -> Result<ManifestClaim, &'static str> {
        Statement::parse_any_version(text.as_bytes(), &LIMITS)
            .and_then(|statement| ManifestClaim::from_statement(&statement))
            .map_err(|error| error.code())
    }

    fn attested(kind: &str, predicate: &str) -> Result<ManifestClaim, &'static str> {
        ManifestClaim::attestation(vec![digest()], kind, predicate.as_bytes()).map_err(|error| error.code())
    }

    #[test]
    fn says_what_cosign_says() {
        let ours = ManifestClaim::signature(vec![digest()]).unwrap().to_statement(&LIMITS).unwrap();
        let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&ours), value(COSIGN.as_bytes()));
        assert_eq!(ours, lacre_json::to_vec(&value(&ours)), "keys in order, no white space");
    }

    #[test]
    fn reads_what_cosign_says() {
        let claim = read(COSIGN).unwrap();
        assert!(claim.is_signature());
        assert_eq!(claim, ManifestClaim::signature(vec![digest()]).unwrap());
        let claim = read(ATTESTED).unwrap();
        assert!(!claim.is_signature());
        assert_eq!(
            (claim.manifests(), claim.predicate_type()),
            ([digest()].as_slice(), "https://cosign.sigstore.dev/attestation/v1")
        );
        assert_eq!(claim.predicate().get(), r#"{"Data":"{}","Timestamp":"2026-11-23T03:01:49Z"}"#);
    }

    #[test]
    fn what_is_written_is_read() {
        let two = vec![digest(), Sha256Digest::of(b"another form of the same model")];
        for claim in [
            ManifestClaim::signature(two.clone()).unwrap(),
            ManifestClaim::attestation(two, "urn:x", b" {\"b\": [1.50], \"a\": null}\n").unwrap(),
        ] {
            let text = String::from_utf8(claim.to_statement(&LIMITS).unwrap()).unwrap();
            assert_eq!(read(&text).unwrap(), claim);
        }
        let claim = attested("urn:x", " {\"b\": [1.50], \"a\": null}\n").unwrap();
        assert_eq!(claim.predicate().get(), "{\"b\": [1.50], \"a\": null}", "byte for byte");
        let short = Limits { statement: 100, depth: 32 };
        assert_eq!(claim.to_statement(&short).unwrap_err().code(), "E-LIMIT");
    }

    #[test]
    fn refuses_what_is_no_claim_about_manifests() {
        let hex = digest().to_string();
        for (part, replacement, expected) in [
            (r#"{"sha256":"#, r#"{"sha512":"#, "E-STATEMENT"),
            (hex.as_str(), "3D62", "E-STATEMENT"),
            (r#""predicate":{}"#, r#""predicate":{"revoked":true}"#, "E-PREDICATE"),
            (r#""predicate":{}"#, r#""predicate":[]"#, "E-PREDICATE"),
            (r#""predicate":{}"#, r#""predicate":null"#, "E-PREDICATE"),
            ("https://sigstore.dev/cosign/sign/v1", MODEL_PREDICATE_TYPE, "E-PREDICATE-TYPE"),
            ("https://sigstore.dev/cosign/sign/v1", LEGACY_PREDICATE_TYPE, "E-PREDICATE-TYPE"),
            ("Statement/v1", "Statement/v2", "E-STATEMENT-TYPE"),
        ] {
            assert!(COSIGN.contains(part), "{part}");
            assert_eq!(read(&COSIGN.replace(part, replacement)).err(), Some(expected), "{replacement}");
        }
        let subject = format!(r#"{{"digest":{{"sha256":"{hex}"}},"annotations":{{}}}}"#);
        let twice = COSIGN.replace(&subject, &format!("{subject},{{}}"));
        assert_eq!(read(&twice).err(), Some("E-STATEMENT"), "every subject counts");
    }

    #[test]
    fn refuses_to_make_what_nobody_should_sign() {
        assert_eq!(ManifestClaim::signature(Vec::new()).unwrap_err().code(), "E-STATEMENT");
        assert_eq!(ManifestClaim::signature(vec![digest(), digest()]).unwrap_err().code(), "E-STATEMENT");
        let many = (0..=SUBJECT_LIMIT).map(|at| Sha256Digest::of(at.to_string().as_bytes())).collect();
        assert_eq!(ManifestClaim::signature(many).unwrap_err().code(), "E-LIMIT");

        for kind in [
            "",
            "custom",
            ":",
            "x:",
            "1a:b",
            "a b:c",
            "a:b c",
            "a:\u{e9}",
            "a:\n",
            "a:\"",
            COSIGN_SIGN_PREDICATE_TYPE,
            MODEL_PREDICATE_TYPE,
            LEGACY_PREDICATE_TYPE,
        ] {
            assert_eq!(attested(kind, "{}").err(), Some("E-STATEMENT"), "{kind}");
        }
        let long = |length: usize| format!("urn:{}", "x".repeat(length - 4));
        assert!(attested(&long(TYPE_LIMIT), "{}").is_ok());
        assert_eq!(attested(&long(TYPE_LIMIT + 1), "{}").err(), Some("E-STATEMENT"));

        let deep = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        for (predicate, code) in [
            ("", "E-JSON"),
            ("{", "E-JSON"),
            ("{} {}", "E-JSON"),
            ("[]", "E-PREDICATE"),
            ("null", "E-PREDICATE"),
            (r#""text""#, "E-PREDICATE"),
            (r#"{"a":{"b":1,"b":2}}"#, "E-DUPLICATE-KEY"),
            (&deep(PREDICATE_DEPTH + 1), "E-LIMIT"),
            (&format!("{{}}{}", " ".repeat(PREDICATE_LIMIT)), "E-LIMIT"),
        ] {
            assert_eq!(attested("urn:x", predicate).err(), Some(code), "{predicate:.40}");
        }
        let deepest = attested("urn:x", &deep(PREDICATE_DEPTH)).unwrap();
        assert!(deepest.to_statement(&Limits::default()).is_ok(), "whoever reads by default reads it");
    }
}

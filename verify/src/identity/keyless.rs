//! What is expected of who signs.

use std::collections::BTreeMap;

use lacre_manifest::escape;
use regex::{Regex, RegexBuilder};

use crate::VerifyError;

/// The longest pattern, in bytes.
const PATTERN_LIMIT: usize = 4096;
/// The most memory that a compiled pattern may take, in bytes.
const PATTERN_MEMORY: usize = 1 << 20;

/// The claims of a CI run that can be demanded, by the names that Lacre gives them, each with the number of its
/// extension below `1.3.6.1.4.1.57264.1` (Fulcio, `oid-info.md`).
pub const CI_CLAIMS: &[(&str, u32)] = &[
    ("commit", 13),
    ("environment", 23),
    ("github-ref", 6),
    ("github-repository", 5),
    ("github-sha", 3),
    ("github-trigger", 2),
    ("github-workflow", 4),
    ("owner", 16),
    ("owner-id", 17),
    ("ref", 14),
    ("repository", 12),
    ("repository-id", 15),
    ("run", 21),
    ("runner", 11),
    ("signer-commit", 10),
    ("signer-workflow", 9),
    ("token-subject", 24),
    ("trigger", 20),
    ("visibility", 22),
    ("workflow", 18),
    ("workflow-commit", 19),
];

/// Somebody whose keyless signature counts: whom the certificate must name, who must have vouched for that name, and
/// what else must be said about the CI run that signed.
///
/// Every comparison is of whole texts, byte for byte. The issuer is always demanded: a name means nothing without the
/// provider that vouched for it.
#[derive(Debug, Clone)]
pub struct KeylessIdentity {
    subject: SubjectMatch,
    issuer: String,
    ci: BTreeMap<&'static str, String>,
}

impl KeylessIdentity {
    /// Expects `subject`, as the OIDC provider `issuer` knows it (its URL, exactly).
    ///
    /// # Errors
    /// `E-USAGE` if the issuer or an exact subject is empty.
    pub fn new(subject: SubjectMatch, issuer: impl Into<String>) -> Result<Self, VerifyError> {
        let issuer = issuer.into();
        if issuer.is_empty() {
            return Err(unusable("the issuer is empty"));
        }
        if matches!(&subject, SubjectMatch::Exact(text) if text.is_empty()) {
            return Err(unusable("the identity is empty"));
        }
        Ok(Self { subject, issuer, ci: BTreeMap::new() })
    }

    /// Expects a claim about the CI run as well, by its name in [`CI_CLAIMS`].
    ///
    /// # Errors
    /// `E-USAGE` if there is no such claim, if it is demanded with another value already, or if the value is empty.
    pub fn with_ci(mut self, name: &str, value: impl Into<String>) -> Result<Self, VerifyError> {
        let value = value.into();
        let Some((name, _)) = CI_CLAIMS.iter().find(|(known, _)| *known == name) else {
            return Err(unusable(format!("there is no CI claim {}", escape(name))));
        };
        if value.is_empty() {
            return Err(unusable(format!("the CI claim {name} is empty")));
        }
        if self.ci.get(name).is_some_and(|other| *other != value) {
            return Err(unusable(format!("the CI claim {name} is demanded with two values")));
        }
        self.ci.insert(name, value);
        Ok(self)
    }

    /// Whom the certificate must name.
    pub fn subject(&self) -> &SubjectMatch {
        &self.subject
    }

    /// The URL of the provider that must have vouched for the subject.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The demanded claims about the CI run.
    pub fn ci(&self) -> &BTreeMap<&'static str, String> {
        &self.ci
    }

    /// How these claims of a certificate fall short of what is expected; `None` if they do not.
    pub(crate) fn missed_by(
        &self,
        subject: &str,
        issuer: &str,
        ci: &BTreeMap<String, String>,
    ) -> Option<Miss> {
        if !self.subject.matches(subject) {
            return Some(Miss::Subject);
        }
        if self.issuer != issuer {
            return Some(Miss::Issuer);
        }
        self.ci.iter().find(|(name, value)| ci.get(**name) != Some(value)).map(|(name, _)| Miss::Ci(name))
    }
}

/// What is expected of the subject of a certificate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SubjectMatch {
    /// Exactly this text, whether it stands as an e-mail address or as a URI.
    Exact(String),
    /// A text that a pattern matches as a whole.
    Pattern(SubjectPattern),
    /// Anybody whom the issuer knows.
    AnyDanger,
}

impl SubjectMatch {
    /// A pattern (syntax of the `regex` crate) that must match the whole subject.
    ///
    /// # Errors
    /// `E-USAGE` if it is not a regular expression by itself, has more than 4096 bytes, or takes more than 1 MiB when
    /// compiled.
    pub fn pattern(text: &str) -> Result<Self, VerifyError> {
        SubjectPattern::new(text).map(Self::Pattern)
    }

    fn matches(&self, subject: &str) -> bool {
        match self {
            Self::Exact(text) => text == subject,
            Self::Pattern(pattern) => pattern.anchored.is_match(subject),
            Self::AnyDanger => true,
        }
    }
}

/// A regular expression that matches whole texts only.
#[derive(Debug, Clone)]
pub struct SubjectPattern {
    text: String,
    anchored: Regex,
}

impl SubjectPattern {
    fn new(text: &str) -> Result<Self, VerifyError> {
        if text.len() > PATTERN_LIMIT {
            return Err(unusable(format!("the pattern has {} bytes, more than {PATTERN_LIMIT}", text.len())));
        }
        let compile = |pattern: &str| {
            RegexBuilder::new(pattern).size_limit(PATTERN_MEMORY).build().map_err(|error| {
                let reason = error.to_string();
                unusable(format!(
                    "the pattern is not usable: {}",
                    escape(reason.lines().last().unwrap_or(&reason))
                ))
            })
        };
        // Alone first: "a)|(?:b" is no pattern, but would become one between the anchors, and leave them.
        compile(text)?;
        Ok(Self { text: text.to_owned(), anchored: compile(&format!(r"\A(?:{text})\z"))? })
    }

    /// The pattern as it was given, without anchors.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// In what a signer is not the expected one, the nearest miss last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Miss {
    /// Another subject.
    Subject,
    /// The subject, but another issuer vouched for it.
    Issuer,
    /// Subject and issuer, but this claim about the CI run is absent or another.
    Ci(&'static str),
}

fn unusable(detail: impl Into<String>) -> VerifyError {
    VerifyError::IdentityUnusable { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://token.actions.githubusercontent.com";

    fn miss(expected: &KeylessIdentity, subject: &str, issuer: &str, ci: &[(&str, &str)]) -> Option<Miss> {
        let ci = ci.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        expected.missed_by(subject, issuer, &ci)
    }

    fn exact(subject: &str) -> KeylessIdentity {
        KeylessIdentity::new(SubjectMatch::Exact(subject.to_owned()), ISSUER).unwrap()
    }

    fn matching(pattern: &str) -> KeylessIdentity {
        KeylessIdentity::new(SubjectMatch::pattern(pattern).unwrap(), ISSUER).unwrap()
    }

    #[test]
    fn an_exact_subject_is_compared_byte_for_byte() {
        let expected = exact("release@example.com");
        assert_eq!(miss(&expected, "release@example.com", ISSUER, &[]), None);
        for other in [
            "Release@example.com",
            "release@example.co",
            "release@example.comm",
            "release@example.com ",
            " release@example.com",
            "release@example.com\0",
            "release@ｅxample.com",
            "",
        ] {
            assert_eq!(miss(&expected, other, ISSUER, &[]), Some(Miss::Subject), "{other:?}");
        }
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        let expected = exact("release@example.com");
        for other in [
            "",
            "https://token.actions.githubusercontent.com/",
            "https://token.actions.githubusercontent.com.evil.test",
            "https://token.actions.githubusercontent.co",
            "HTTPS://token.actions.githubusercontent.com",
        ] {
            assert_eq!(miss(&expected, "release@example.com", other, &[]), Some(Miss::Issuer), "{other:?}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_subjects_only() {
        let expected = matching(r"https://github\.com/org/[a-z]+/\.github/.*@refs/tags/v[0-9.]+");
        let good = "https://github.com/org/repo/.github/workflows/release.yml@refs/tags/v1.2";
        assert_eq!(miss(&expected, good, ISSUER, &[]), None);
        for other in [format!("x{good}"), format!("{good}x"), format!("{good}\n"), format!("evil\n{good}")] {
            assert_eq!(miss(&expected, &other, ISSUER, &[]), Some(Miss::Subject), "{other:?}");
        }
    }

    #[test]
    fn no_pattern_leaves_its_anchors() {
        // Alternatives and modes stay inside of the anchors.
        assert_eq!(miss(&matching("a|b"), "ax", ISSUER, &[]), Some(Miss::Subject));
        assert_eq!(miss(&matching("a|b"), "xb", ISSUER, &[]), Some(Miss::Subject));
        assert_eq!(miss(&matching("(?m)^a$"), "a\nb", ISSUER, &[]), Some(Miss::Subject));
        assert_eq!(
            miss(&matching("a|ab"), "ab", ISSUER, &[]),
            None,
            "the whole text decides, not the first branch"
        );
        for text in ["a)|(?:b", "a)|(b", "(?x)a #", "(", "[", r"\"] {
            let error = SubjectMatch::pattern(text).unwrap_err();
            assert_eq!(error.code(), "E-USAGE", "{text}");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(SubjectMatch::pattern(&"a".repeat(PATTERN_LIMIT)).is_ok());
        for text in ["a".repeat(PATTERN_LIMIT + 1), r"\w{1000}{1000}".to_owned(), "(".repeat(PATTERN_LIMIT)] {
            assert_eq!(SubjectMatch::pattern(&text).unwrap_err().code(), "E-USAGE");
        }
    }

    #[test]
    fn demanded_ci_claims_must_be_there_and_be_equal() {
        let expected = exact("s").with_ci("repository", "https://github.com/org/repo").unwrap();
        let expected = expected.with_ci("runner", "github-hosted").unwrap();
        let all = [("repository", "https://github.com/org/repo"), ("runner", "github-hosted"), ("ref", "x")];
        assert_eq!(miss(&expected, "s", ISSUER, &all), None);
        assert_eq!(miss(&expected, "s", ISSUER, &all[..1]), Some(Miss::Ci("runner")));
        let other = [("repository", "https://github.com/org/repo2"), ("runner", "github-hosted")];
        assert_eq!(miss(&expected, "s", ISSUER, &other), Some(Miss::Ci("repository")));
    }

    #[test]
    fn what_could_never_match_or_means_nothing_is_refused_when_it_is_said() {
        let any = || KeylessIdentity::new(SubjectMatch::AnyDanger, ISSUER).unwrap();
        for refused in [
            KeylessIdentity::new(SubjectMatch::AnyDanger, ""),
            KeylessIdentity::new(SubjectMatch::Exact(String::new()), ISSUER),
            any().with_ci("repo", "x"),
            any().with_ci("Repository", "x"),
            any().with_ci("ref", ""),
            any().with_ci("ref", "a").and_then(|identity| identity.with_ci("ref", "b")),
        ] {
            assert_eq!(refused.unwrap_err().code(), "E-USAGE");
        }
        assert!(any().with_ci("ref", "a").and_then(|identity| identity.with_ci("ref", "a")).is_ok());
    }

    #[test]
    fn claims_are_sorted_and_stand_for_one_extension_each() {
        assert!(CI_CLAIMS.is_sorted());
        let numbers: std::collections::BTreeSet<u32> = CI_CLAIMS.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers.len(), CI_CLAIMS.len());
    }
}

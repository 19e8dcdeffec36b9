//! A policy in words: which models a rule is about, whom it trusts, and what would have to be true.

use std::time::SystemTime;

use lacre_manifest::escape;

use super::age::Age;
use super::format::DigestAlgorithm;
use super::pattern::Pattern;
use super::rule::{BreakGlass, Demand, Rule};
#[cfg(feature = "release")]
use super::{release::ReleaseRule, wire::Allowance};
#[cfg(feature = "x509")]
use crate::CertificateIdentity;
#[cfg(feature = "sigstore")]
use crate::SubjectMatch;
use crate::Trust;
use crate::trust::{KeyStatus, TrustedKey};

pub(super) const TRANSPARENCY: &str = "the signature is in a transparency log";
pub(super) const TIMESTAMP: &str = "a timestamp authority saw the signature";

impl Rule {
    /// The signed names that it is about; all of them, if it does not say.
    pub fn models(&self) -> Option<&[Pattern]> {
        self.model.as_deref()
    }

    /// The repositories that it is about; if it does not say, all of them, and models on a disk.
    pub fn repositories(&self) -> Option<&[Pattern]> {
        self.repository.as_deref()
    }

    /// Whose signatures count.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Who suspends it, whether that is over or not.
    pub fn break_glass(&self) -> Option<&BreakGlass> {
        self.break_glass.as_ref()
    }

    /// Why it is not about a model of this signed name, out of this repository, if it is not. Safe for a terminal.
    pub fn passes_over(&self, repository: Option<&str>, model: &str) -> Option<String> {
        if self.is_about(repository, model) {
            return None;
        }
        let fits = |patterns: Option<&[Pattern]>, text: &str| {
            patterns.is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(text)))
        };
        let why = match (self.repositories(), repository) {
            (Some(patterns), None) => {
                format!("it is about models out of {}, and this one lies on a disk", listed(patterns))
            }
            (Some(patterns), Some(repository)) if !fits(Some(patterns), repository) => {
                format!(
                    "it is about models out of {}, and this one is out of {}",
                    listed(patterns),
                    escape(repository)
                )
            }
            _ => match (self.models(), model) {
                (Some(patterns), "") => {
                    format!("it is about models named {}, and this one has no name", listed(patterns))
                }
                (patterns, model) => {
                    let patterns = patterns.map(listed).unwrap_or_default();
                    format!("it is about models named {patterns}, and this one is named {}", escape(model))
                }
            },
        };
        Some(why)
    }

    /// What it demands of signature and content, of which no mode waives anything. Safe for a terminal.
    pub fn never_waived(&self) -> Vec<String> {
        let signers = match self.trust.wanted_signers().get() {
            1 => "a signature of somebody whom it trusts, over exactly these files".to_owned(),
            number => {
                format!("signatures of {number} distinct signers whom it trusts, over exactly these files")
            }
        };
        let mut words = vec![signers];
        if self.strict {
            words.push(
                "nothing unsigned is there; executable bits and empty folders are as signed".to_owned(),
            );
        }
        if self.allow_legacy_danger {
            words.push("signatures of model-signing 0.2, which name no model, pass".to_owned());
        }
        words
    }

    /// What else it demands, in the order of a [`Judgement`](super::Judgement): what would have to be true. Safe for a
    /// terminal.
    pub fn demands(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.transparency == Demand::Required {
            words.push(TRANSPARENCY.to_owned());
        }
        if self.timestamp == Demand::Required {
            words.push(TIMESTAMP.to_owned());
        }
        words.extend(self.max_age.map(age_words));
        words.extend(self.digest_words());
        words.extend(self.key_words());
        #[cfg(feature = "release")]
        words.extend(self.release.as_ref().map(ReleaseRule::words));
        words.extend(self.expression_words());
        words.extend(self.require.iter().map(super::rule::Requirement::words));
        words.extend(self.formats.is_some().then(|| self.format_words()));
        words
    }

    pub(super) fn digest_words(&self) -> Option<String> {
        let allowed = self.digests.as_ref()?;
        let names = allowed.iter().map(|digest| digest.name()).collect::<Vec<_>>().join(", ");
        Some(format!("every file is signed by one of: {names}"))
    }

    pub(super) fn key_words(&self) -> Option<String> {
        let allowed = self.key_algorithms.as_ref()?;
        let names = allowed.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ");
        Some(format!("keys are of one of: {names}"))
    }

    pub(super) fn expression_words(&self) -> Option<String> {
        self.expression.as_ref().map(|expression| format!("cel: {}", escape(expression.as_str())))
    }
}

pub(super) fn age_words(longest: Age) -> String {
    format!("the model was signed at most {longest} ago")
}

impl DigestAlgorithm {
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

#[cfg(feature = "release")]
impl ReleaseRule {
    pub(super) fn words(&self) -> String {
        let more = [
            self.floor.map(|floor| format!("with a counter of {floor} or more")),
            self.pin.as_ref().map(|pin| format!("as version {pin}")),
            self.max_staleness.map(|longest| format!("confirmed at most {longest} ago")),
            (self.rollback == Allowance::Refuse).then(|| "not as a rollback".to_owned()),
            (self.deprecated == Allowance::Refuse).then(|| "not deprecated".to_owned()),
            (self.listed == Demand::Required).then(|| "with the attestations that it lists".to_owned()),
        ];
        let mut words = vec![format!("the channel {} lets it run here", self.channel)];
        words.extend(more.into_iter().flatten());
        words.join(", ")
    }
}

impl Trust {
    /// Everybody whose signatures count, a line each. Safe for a terminal.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.trusted_keys().iter().map(TrustedKey::words).collect();
        #[cfg(feature = "x509")]
        for authority in self.authorities() {
            words.extend(authority.identities.iter().map(|identity| {
                let who = match identity {
                    CertificateIdentity::San(name) => escape(name),
                    CertificateIdentity::Subject(subject) => format!("the subject {}", escape(subject)),
                    CertificateIdentity::Spki(digest) => {
                        format!("the key with the SHA-256 {digest} of its DER")
                    }
                    CertificateIdentity::AnyDanger => "ANYBODY".to_owned(),
                };
                let crls = if authority.crls.is_some() { ", on no revocation list" } else { "" };
                format!("{who}, by a certificate of an authority that is named{crls}")
            }));
        }
        #[cfg(feature = "sigstore")]
        for identity in self.keyless_signers().iter().flat_map(|keyless| &keyless.identities) {
            let who = match identity.subject() {
                SubjectMatch::Exact(text) => escape(text),
                SubjectMatch::Pattern(pattern) => format!("whoever matches {}", escape(pattern.as_str())),
                SubjectMatch::AnyDanger => "ANYBODY".to_owned(),
            };
            let ci = identity.ci().iter().map(|(name, value)| format!(", {name} {}", escape(value)));
            let ci: String = ci.collect();
            words.push(format!("{who}, as {} knows them{ci}", escape(identity.issuer())));
        }
        words
    }
}

impl TrustedKey {
    fn words(&self) -> String {
        let (status, from, until) = self.terms();
        let status = match status {
            KeyStatus::Active => "",
            KeyStatus::Retired => ", retired: only what it provably signed before",
            KeyStatus::Revoked => ", REVOKED: nothing that it signed counts",
        };
        let time = |word: &str, time: Option<SystemTime>| {
            let time = time.and_then(|time| jiff::Timestamp::try_from(time).ok());
            time.map(|time| format!(", {word} {time}")).unwrap_or_default()
        };
        let key = self.key();
        let (from, until) = (time("from", from), time("until", until));
        format!("{} key sha256:{}{from}{until}{status}", key.algorithm().as_str(), key.hint())
    }
}

fn listed(patterns: &[Pattern]) -> String {
    patterns.iter().map(|pattern| escape(pattern.as_str())).collect::<Vec<_>>().join(", ")
}

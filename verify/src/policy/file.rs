//! From what is written to rules: every text becomes what it means, or is refused with the place where it stands.

use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use lacre_hash::Sha256Digest;
use lacre_manifest::{escape, escape_os};
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, Deserializer, ValueDeserializer};

use super::expression::{About, Expression};
use super::format::{DigestAlgorithm, WeightFormat};
use super::json;
use super::pattern::Pattern;
#[cfg(feature = "release")]
use super::release::ReleaseRule;
use super::rule::{BreakGlass, Formats, Requirement, Rule};
#[cfg(feature = "release")]
use super::wire::WireRelease;
use super::wire::{WireBreakGlass, WirePolicy, WireRequire, WireRule};
use super::{Policy, PolicyFault};
use crate::trust_file::{FILE_LIMIT, Source, Stanzas, read_limited, signers, system_time};
use crate::{Trust, VerifyError};

/// The one version that is read.
const VERSION: u32 = 1;
/// Rules, and demands for attestations in one of them.
const MOST_RULES: usize = 256;
const MOST_REQUIRED: usize = 32;
/// All patterns of a policy together, in bytes: each is held against each.
const MOST_PATTERNS: usize = 64 * 1024;
/// The longest text for people, in bytes.
const LONGEST_TEXT: usize = 1024;

/// Short names for the predicates that are met most.
pub(super) const PREDICATES: [(&str, &str); 8] = [
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("provenance", "https://slsa.dev/provenance/v1"),
    ("release", "https://in-toto.io/attestation/release/v0.1"),
    ("spdx", "https://spdx.dev/Document/v3"),
    ("svr", "https://in-toto.io/attestation/svr/v0.2"),
    ("test-result", "https://in-toto.io/attestation/test-result/v0.1"),
    ("vsa", "https://slsa.dev/verification_summary/v1"),
    ("vulns", "https://in-toto.io/attestation/vulns/v0.2"),
];

pub(super) fn read(path: &Path) -> Result<String, VerifyError> {
    let shown = escape_os(path.as_os_str());
    let fault = |detail: String| VerifyError::from(PolicyFault { path: shown.clone(), detail, spot: None });
    let bytes = read_limited(path, FILE_LIMIT).map_err(|error| match error {
        VerifyError::TrustUnreadable { source, .. } => fault(format!("it cannot be read: {source}")),
        other => fault(other.to_string()),
    })?;
    text(&bytes, &shown).map(str::to_owned)
}

/// The text of a policy that is called `shown`.
pub(super) fn text<'b>(bytes: &'b [u8], shown: &str) -> Result<&'b str, VerifyError> {
    let fault = |detail: String| PolicyFault { path: shown.to_owned(), detail, spot: None }.into();
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(fault(format!("more than {FILE_LIMIT} bytes")));
    }
    std::str::from_utf8(bytes).map_err(|_| fault("it is not a text".to_owned()))
}

/// Reads the text that `source` is of.
pub(super) fn parse(source: &Source<'_>) -> Result<Policy, VerifyError> {
    let text = source.text();
    let reading = Reading { source, digest: Sha256Digest::of(text.as_bytes()) };
    let refused = |error: &toml::de::Error| reading.refused(error.span(), escape(error.message()));
    let mut table = if text.trim_start().starts_with('{') {
        let limit = usize::try_from(FILE_LIMIT).unwrap_or(usize::MAX);
        json::table(text, limit)
            .map_err(|fault| reading.refused(fault.at.map(|at| at..at), escape(&fault.detail)))?
    } else {
        DeTable::parse(text).map_err(|error| refused(&error))?.into_inner()
    };
    let version =
        table.get_mut("version").ok_or_else(|| reading.refused(None, "it does not say its version"))?;
    let (at, version) = (version.span(), ValueDeserializer::from(version.clone()));
    if u32::deserialize(version).ok() != Some(VERSION) {
        return Err(reading.refused(Some(at), format!("it is not of version {VERSION}, which is read")));
    }
    let whole = Spanned::new(0..text.len(), table);
    let wire = WirePolicy::deserialize(Deserializer::from(whole)).map_err(|error| refused(&error))?;
    if let Some(description) = &wire.description {
        reading.plain(description, None)?;
    }
    if wire.policy.is_empty() {
        return Err(reading.refused(None, "it has no rule: everything would be refused"));
    }
    if wire.policy.len() > MOST_RULES {
        return Err(reading.refused(None, format!("it has more than {MOST_RULES} rules")));
    }
    let (mut rules, mut patterns): (Vec<Rule>, usize) = (Vec::new(), 0);
    for wire in wire.policy {
        let at = wire.get_ref().name.span();
        let rule = reading.rule(wire)?;
        patterns += rule.pattern_bytes();
        if patterns > MOST_PATTERNS {
            return Err(
                reading.refused(Some(at), format!("its patterns have more than {MOST_PATTERNS} bytes"))
            );
        }
        if rules.iter().any(|other| other.name == rule.name) {
            return Err(reading.refused(Some(at), format!("two rules have the name {}", rule.name)));
        }
        if let Some(other) = rules.iter().find(|other| other.covers(&rule)) {
            return Err(reading.refused(
                Some(at),
                format!(
                    "the rule {} can never match: {} above it matches all that it could",
                    rule.name, other.name
                ),
            ));
        }
        rules.push(rule);
    }
    Ok(Policy { digest: reading.digest, rules })
}

type Names = Option<Spanned<Vec<Spanned<String>>>>;

struct Reading<'a, 's> {
    source: &'a Source<'s>,
    digest: Sha256Digest,
}

impl Reading<'_, '_> {
    fn refused(&self, at: Option<Range<usize>>, detail: impl Into<String>) -> VerifyError {
        self.source.refused_span(at, detail.into())
    }

    fn rule(&self, wire: Spanned<WireRule>) -> Result<Rule, VerifyError> {
        let whole = wire.span();
        let wire = wire.into_inner();
        let name = self.plain(wire.name.get_ref(), Some(wire.name.span()))?;
        let Some(trust) = wire.trust else {
            return Err(self.refused(
                Some(wire.name.span()),
                format!("the rule {name} trusts nobody: say [policy.trust]"),
            ));
        };
        let expression = wire.cel.map(|text| self.expression(&text, About::Model)).transpose()?;
        if wire.require.len() > MOST_REQUIRED {
            return Err(
                self.refused(Some(whole), format!("more than {MOST_REQUIRED} attestations are demanded"))
            );
        }
        let require = wire.require.into_iter().map(|it| self.requirement(it)).collect::<Result<_, _>>()?;
        let rule = Rule {
            policy: self.digest,
            mode: wire.mode,
            repository: self.patterns(wire.repository, is_repository)?,
            model: self.patterns(wire.model, |_| Ok(()))?,
            trust: self.trust(trust)?,
            strict: wire.strict,
            allow_legacy_danger: wire.allow_legacy_danger,
            max_age: wire.max_age,
            transparency: wire.transparency,
            timestamp: wire.timestamp,
            formats: self.formats(wire.formats, wire.other_files)?,
            digests: self.names(wire.digests, &DigestAlgorithm::ALL)?.map(|list| list.into_iter().collect()),
            key_algorithms: self.key_algorithms(wire.key_algorithms)?,
            expression,
            require,
            #[cfg(feature = "release")]
            release: wire.release.map(|release| self.release(release.into_inner())).transpose()?,
            break_glass: wire.break_glass.map(|glass| self.break_glass(glass.get_ref())).transpose()?,
            name,
        };
        #[cfg(not(feature = "release"))]
        if let Some(release) = &wire.release {
            return Err(self.refused(Some(release.span()), "this build asks no channels"));
        }
        if rule.allow_legacy_danger && rule.model.is_some() {
            let detail =
                "signatures of model-signing 0.2 name no model: a rule that wants a name never matches them";
            return Err(self.refused(Some(whole), detail));
        }
        Ok(rule)
    }

    /// A text that people will read.
    fn plain(&self, text: &str, at: Option<Range<usize>>) -> Result<String, VerifyError> {
        if text.trim().is_empty() {
            return Err(self.refused(at, "an empty text"));
        }
        if text.len() > LONGEST_TEXT {
            return Err(self.refused(at, format!("a text of more than {LONGEST_TEXT} bytes")));
        }
        if escape(text) != text {
            return Err(self.refused(at, "control or bidirectional characters in a text for people"));
        }
        Ok(text.to_owned())
    }

    fn trust(&self, stanzas: Spanned<Stanzas>) -> Result<Trust, VerifyError> {
        let at = stanzas.span();
        let trust = signers::trust(stanzas.into_inner(), self.source).map_err(|error| match error {
            known @ VerifyError::PolicyFile(_) => known,
            other => self.refused(Some(at.clone()), other.to_string()),
        })?;
        if trust.is_nobody() {
            return Err(self.refused(Some(at), "nobody is trusted: name a key, an authority or an issuer"));
        }
        let (most, wanted) = (trust.most_signers(), trust.wanted_signers().get());
        if most < wanted {
            return Err(
                self.refused(Some(at), format!("{wanted} signers are wanted, and only {most} are named"))
            );
        }
        Ok(trust)
    }

    fn patterns(
        &self,
        list: Names,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Result<Option<Vec<Pattern>>, VerifyError> {
        let Some(list) = self.list(list)? else { return Ok(None) };
        let pattern = |text: &Spanned<String>| {
            let read = check(text.get_ref()).and_then(|()| Pattern::parse(text.get_ref()));
            read.map_err(|why| {
                self.refused(Some(text.span()), format!("{} can never match: {why}", escape(text.get_ref())))
            })
        };
        list.iter().map(pattern).collect::<Result<_, _>>().map(Some)
    }

    /// A list that is not empty, where there is one.
    fn list(&self, list: Names) -> Result<Option<Vec<Spanned<String>>>, VerifyError> {
        match list {
            Some(list) if list.get_ref().is_empty() => {
                Err(self.refused(Some(list.span()), "an empty list: leave it out, or say what is meant"))
            }
            other => Ok(other.map(Spanned::into_inner)),
        }
    }

    fn names<T: Copy>(&self, list: Names, known: &[(&str, T)]) -> Result<Option<Vec<T>>, VerifyError> {
        let Some(list) = self.list(list)? else { return Ok(None) };
        let name = |text: &Spanned<String>| {
            known.iter().find(|(name, _)| name == text.get_ref()).map(|(_, value)| *value).ok_or_else(|| {
                let names = known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                self.refused(Some(text.span()), format!("{} is none of {names}", escape(text.get_ref())))
            })
        };
        list.iter().map(name).collect::<Result<_, _>>().map(Some)
    }

    fn key_algorithms(&self, list: Names) -> Result<Option<Vec<lacre_attest::KeyAlgorithm>>, VerifyError> {
        self.names(list, &lacre_attest::KeyAlgorithm::ALL.map(|algorithm| (algorithm.as_str(), algorithm)))
    }

    fn formats(&self, weights: Names, others: Names) -> Result<Option<Formats>, VerifyError> {
        let at = others.as_ref().map(Spanned::span);
        let others = self.patterns(others, |_| Ok(()))?;
        match (self.names(weights, &WeightFormat::ALL)?, others) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(self.refused(at, "other-files stands beside formats, and there are none")),
            (Some(weights), others) => Ok(Some(Formats {
                weights: weights.into_iter().collect(),
                others: others.unwrap_or_default(),
            })),
        }
    }

    fn expression(&self, text: &Spanned<String>, about: About) -> Result<Expression, VerifyError> {
        Expression::parse(text.get_ref(), about).map_err(|why| self.refused(Some(text.span()), why))
    }

    fn requirement(&self, wire: Spanned<WireRequire>) -> Result<Requirement, VerifyError> {
        let wire = wire.into_inner();
        let (at, said) = (wire.predicate.span(), wire.predicate.get_ref());
        let known = PREDICATES.iter().find(|(name, _)| name == said).map(|(_, uri)| (*uri).to_owned());
        let predicate = match known {
            Some(predicate) => predicate,
            None if said.contains(':') => self.plain(said, Some(at))?,
            None => {
                let names = PREDICATES.map(|(name, _)| name).join(", ");
                let detail = format!("{} is no URI, and none of {names}", escape(said));
                return Err(self.refused(Some(at), detail));
            }
        };
        Ok(Requirement {
            predicate,
            trust: wire.trust.map(|trust| self.trust(trust)).transpose()?,
            max_age: wire.max_age,
            expression: wire.cel.map(|text| self.expression(&text, About::Attestation)).transpose()?,
        })
    }

    #[cfg(feature = "release")]
    fn release(&self, wire: WireRelease) -> Result<ReleaseRule, VerifyError> {
        fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
            reading: &Reading<'_, '_>,
            text: &Spanned<String>,
        ) -> Result<T, VerifyError> {
            let parsed = text.get_ref().parse();
            parsed.map_err(|error: T::Err| reading.refused(Some(text.span()), error.to_string()))
        }
        Ok(ReleaseRule {
            channel: read(self, &wire.channel)?,
            at: wire.at.map(|at| self.plain(at.get_ref(), Some(at.span()))).transpose()?,
            floor: wire.floor,
            pin: wire.pin.map(|pin| read(self, &pin)).transpose()?,
            max_staleness: wire.max_staleness,
            rollback: wire.rollback,
            deprecated: wire.deprecated,
            listed: wire.listed_attestations,
        })
    }

    fn break_glass(&self, wire: &WireBreakGlass) -> Result<BreakGlass, VerifyError> {
        let until: Option<SystemTime> = system_time(wire.until.get_ref());
        let until = until.ok_or_else(|| {
            self.refused(Some(wire.until.span()), "until wants a date, a time and an offset")
        })?;
        Ok(BreakGlass {
            who: self.plain(wire.who.get_ref(), Some(wire.who.span()))?,
            until,
            reason: self.plain(wire.reason.get_ref(), Some(wire.reason.span()))?,
        })
    }
}

/// Whether a repository could be so called: `HOST[:PORT]/PATH` in the characters of the distribution specification, or a
/// layout, `oci:` and a path.
fn is_repository(text: &str) -> Result<(), &'static str> {
    if text.strip_prefix("oci:").is_some() || text == "**" {
        return Ok(());
    }
    let (host, path) = text.split_once('/').ok_or("a repository is HOST/PATH")?;
    let host_sign =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]*".contains(&byte);
    let path_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/*".contains(&byte);
    if !host.bytes().all(host_sign) {
        return Err("no host has such characters: they are written in lower case");
    }
    if !path.bytes().all(path_sign) {
        return Err("no repository has such characters: a-z, 0-9, and . _ - /; no tag and no digest");
    }
    Ok(())
}

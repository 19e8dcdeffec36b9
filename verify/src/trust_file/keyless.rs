//! Identities that a Sigstore names, and the Sigstore whose witness is believed.

use lacre_attest::Limits;
use toml::Spanned;

use super::source::Source;
use super::wire::{Text, WireKeyless};
use crate::VerifyError;
use crate::identity::{KeylessIdentity, SubjectMatch};
use crate::signature::sigstore::TrustedRoot;
use crate::trust::Trust;

/// The word for the root that is embedded. A file of this name is `./public-good`.
const PUBLIC_GOOD: &str = "public-good";

pub(super) fn add(
    mut trust: Trust,
    common: Option<&Spanned<Text>>,
    stanzas: &[WireKeyless],
    source: &Source<'_>,
) -> Result<Trust, VerifyError> {
    let common = common.map(|said| root(said, source)).transpose()?;
    for stanza in stanzas {
        let identities = identities(stanza, source)?;
        let root = match (&stanza.trusted_root, &common) {
            (Some(said), _) => root(said, source)?,
            (None, Some(common)) => common.clone(),
            (None, None) => source.public_good()?,
        };
        trust = trust.and_keyless(root, identities)?;
    }
    Ok(match common {
        Some(root) => trust.and_witnesses(root),
        None => trust,
    })
}

fn root(said: &Spanned<Text>, source: &Source<'_>) -> Result<TrustedRoot, VerifyError> {
    let (at, Text(said)) = (said.span().start, said.get_ref());
    if said == PUBLIC_GOOD {
        return source.public_good();
    }
    let text = source.text_of(at, said, "{")?;
    TrustedRoot::from_json(text.as_bytes(), &Limits::default()).map_err(|error| source.because(at, &error))
}

fn identities(stanza: &WireKeyless, source: &Source<'_>) -> Result<Vec<KeylessIdentity>, VerifyError> {
    let (at, Text(issuer)) = (stanza.issuer.span().start, stanza.issuer.get_ref());
    let exact = stanza.identity.iter().flat_map(|texts| &texts.0).cloned();
    let mut subjects: Vec<SubjectMatch> = exact.map(SubjectMatch::Exact).collect();
    if let Some(patterns) = &stanza.identity_regex {
        let at = patterns.span().start;
        for pattern in &patterns.get_ref().0 {
            subjects.push(SubjectMatch::pattern(pattern).map_err(|error| source.because(at, &error))?);
        }
    }
    match (stanza.any_identity_danger, subjects.is_empty()) {
        (false, true) => {
            return Err(source.refused(Some(at), "an issuer knows many: say identity or identity-regex"));
        }
        (true, false) => {
            return Err(
                source.refused(Some(at), "any-identity-danger stands beside identities that it makes void")
            );
        }
        (true, true) => subjects.push(SubjectMatch::AnyDanger),
        (false, false) => {}
    }
    let expected = subjects.into_iter().map(|subject| {
        stanza.ci.iter().try_fold(KeylessIdentity::new(subject, issuer)?, |identity, (name, Text(value))| {
            identity.with_ci(name, value)
        })
    });
    expected.collect::<Result<_, _>>().map_err(|error: VerifyError| source.because(at, &error))
}

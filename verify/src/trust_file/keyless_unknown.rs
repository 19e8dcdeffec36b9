//! A build that knows no Sigstore cannot be told to trust one.

use toml::Spanned;

use super::source::Source;
use super::wire::{Text, WireKeyless};
use crate::VerifyError;
use crate::trust::Trust;

pub(super) fn add(
    trust: Trust,
    common: Option<&Spanned<Text>>,
    stanzas: &[WireKeyless],
    source: &Source<'_>,
) -> Result<Trust, VerifyError> {
    let stanza = stanzas.first().map(|it| it.issuer.span().start);
    match stanza.or_else(|| common.map(|said| said.span().start)) {
        None => Ok(trust),
        at => Err(source.refused(at, "this build verifies no keyless signatures and log entries")),
    }
}

//! Certificate authorities and timestamp authorities.

use lacre_hash::Sha256Digest;
use toml::Spanned;

use super::signers::PEM;
use super::source::Source;
use super::wire::{Texts, WireAuthority, WireTimestampAuthority};
use crate::VerifyError;
use crate::identity::CertificateIdentity;
use crate::signature::certificate::{Anchors, Crls};
use crate::signature::timestamp::TimestampAuthorities;
use crate::trust::Trust;

pub(super) fn add(
    mut trust: Trust,
    authorities: &[WireAuthority],
    timestamps: &[WireTimestampAuthority],
    source: &Source<'_>,
) -> Result<Trust, VerifyError> {
    for authority in authorities {
        let identities = identities(authority, source)?;
        let anchors = read(&authority.anchors, source, Anchors::from_pem, Anchors::and)?;
        let crls = authority.crls.as_ref();
        let crls = crls.map(|crls| read(crls, source, Crls::from_pem, Crls::and)).transpose()?;
        trust = trust.and_authority(anchors, crls, identities)?;
    }
    let mut known = TimestampAuthorities::new();
    for WireTimestampAuthority { chain } in timestamps {
        // One authority, in however many files.
        let at = chain.span().start;
        let texts = chain.get_ref().0.iter().map(|said| source.text_of(at, said, PEM));
        let chain: String = texts.collect::<Result<_, _>>()?;
        known = known.and_pem(&chain).map_err(|error| source.because(at, &error))?;
    }
    Ok(trust.and_timestamps(known))
}

fn identities(
    authority: &WireAuthority,
    source: &Source<'_>,
) -> Result<Vec<CertificateIdentity>, VerifyError> {
    let at = authority.anchors.span().start;
    let texts = |texts: &Option<Texts>| texts.iter().flat_map(|texts| texts.0.clone()).collect::<Vec<_>>();
    let mut identities: Vec<CertificateIdentity> =
        texts(&authority.san).into_iter().map(CertificateIdentity::San).collect();
    identities.extend(texts(&authority.subject).into_iter().map(CertificateIdentity::Subject));
    if let Some(spki) = &authority.spki {
        for hex in &spki.get_ref().0 {
            let digest = Sha256Digest::from_hex(hex).map_err(|_| {
                let detail = "spki wants the 64 hexadecimal digits of a SHA-256";
                source.refused(Some(spki.span().start), detail)
            })?;
            identities.push(CertificateIdentity::Spki(digest));
        }
    }
    match (authority.any_identity_danger, identities.is_empty()) {
        (false, true) => {
            Err(source.refused(Some(at), "an authority vouches for many: say san, subject or spki"))
        }
        (true, false) => {
            Err(source.refused(Some(at), "any-identity-danger stands beside identities that it makes void"))
        }
        (true, true) => Ok(vec![CertificateIdentity::AnyDanger]),
        (false, false) => Ok(identities),
    }
}

/// What all these files or texts hold together.
fn read<T>(
    said: &Spanned<Texts>,
    source: &Source<'_>,
    parse: fn(&str) -> Result<T, VerifyError>,
    join: fn(T, T) -> T,
) -> Result<T, VerifyError> {
    let at = said.span().start;
    let mut whole = None;
    for said in &said.get_ref().0 {
        let more = parse(&source.text_of(at, said, PEM)?).map_err(|error| source.because(at, &error))?;
        whole = Some(match whole {
            None => more,
            Some(known) => join(known, more),
        });
    }
    whole.ok_or_else(|| source.refused(Some(at), "an empty list"))
}

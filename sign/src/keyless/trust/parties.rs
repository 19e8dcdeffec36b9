//! Who stands in a trusted root.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sigstore_sign::trust_root::TrustedRoot;

use crate::SignError;

/// Somebody whom a trusted root names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Party {
    /// What they are trusted for.
    pub kind: PartyKind,
    /// Their address, or their name where they have none.
    pub name: String,
    /// The log's identifier in base64; nothing for authorities.
    pub id: Option<String>,
    /// From when on what they say counts.
    pub since: Option<SystemTime>,
    /// Until when.
    pub until: Option<SystemTime>,
}

/// What somebody is trusted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartyKind {
    /// To certify identities.
    CertificateAuthority,
    /// To log certificates.
    CertificateLog,
    /// To log signatures.
    Log,
    /// To say when something was signed.
    TimestampAuthority,
}

pub(super) fn of(root: &TrustedRoot) -> Result<Vec<Party>, SignError> {
    let wire = serde_json::to_value(root)
        .map_err(|error| SignError::bug(format!("writing a trusted root: {error}")))?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let time =
        |value: &serde_json::Value| value.as_str()?.parse::<jiff::Timestamp>().ok().map(SystemTime::from);
    let mut parties = Vec::new();
    for (member, kind) in [
        ("certificateAuthorities", PartyKind::CertificateAuthority),
        ("ctlogs", PartyKind::CertificateLog),
        ("tlogs", PartyKind::Log),
        ("timestampAuthorities", PartyKind::TimestampAuthority),
    ] {
        for entry in wire[member].as_array().into_iter().flatten() {
            let span = if entry["validFor"].is_null() {
                &entry["publicKey"]["validFor"]
            } else {
                &entry["validFor"]
            };
            let name = ["baseUrl", "uri"].into_iter().find_map(|member| text(&entry[member]));
            parties.push(Party {
                kind,
                name: name
                    .filter(|name| !name.is_empty())
                    .or_else(|| text(&entry["subject"]["commonName"]))
                    .unwrap_or_default(),
                id: text(&entry["logId"]["keyId"]).filter(|id| STANDARD.decode(id).is_ok()),
                since: time(&span["start"]),
                until: time(&span["end"]),
            });
        }
    }
    Ok(parties)
}

//! What a trust file may hold, as it is written. Whatever else stands there is refused: what is misspelled must not
//! leave a key active, or an authority without a revocation list.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::value::Datetime;

use crate::trust::KeyStatus;

/// Whose signatures count. A trust file is this and its version; another file may hold it as a part.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Stanzas {
    /// How many distinct signers are wanted, over all kinds.
    #[serde(default = "one")]
    pub(super) signers: NonZeroUsize,
    /// The Sigstore whose logs and timestamps are believed, wherever no other is named.
    pub(super) trusted_root: Option<Spanned<Text>>,
    #[serde(default)]
    pub(super) key: Vec<WireKey>,
    #[serde(default)]
    pub(super) authority: Vec<WireAuthority>,
    #[serde(default)]
    pub(super) keyless: Vec<WireKeyless>,
    #[serde(default)]
    pub(super) timestamp_authority: Vec<WireTimestampAuthority>,
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireKey {
    /// A path, or the PEM text.
    pub(super) public_key: Spanned<Text>,
    pub(super) valid_from: Option<Datetime>,
    pub(super) valid_until: Option<Datetime>,
    #[serde(default)]
    pub(super) status: WireStatus,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireStatus {
    #[default]
    Active,
    Retired,
    Revoked,
}

#[cfg_attr(not(feature = "x509"), expect(dead_code, reason = "read to be refused"))]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireAuthority {
    /// Paths, or PEM texts.
    pub(super) anchors: Spanned<Texts>,
    #[serde(default)]
    pub(super) san: Option<Texts>,
    #[serde(default)]
    pub(super) subject: Option<Texts>,
    #[serde(default)]
    pub(super) spki: Option<Spanned<Texts>>,
    #[serde(default)]
    pub(super) any_identity_danger: bool,
    /// Paths, or PEM texts.
    #[serde(default)]
    pub(super) crls: Option<Spanned<Texts>>,
}

#[cfg_attr(not(feature = "sigstore"), expect(dead_code, reason = "read to be refused"))]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireKeyless {
    pub(super) issuer: Spanned<Text>,
    #[serde(default)]
    pub(super) identity: Option<Texts>,
    #[serde(default)]
    pub(super) identity_regex: Option<Spanned<Texts>>,
    #[serde(default)]
    pub(super) any_identity_danger: bool,
    #[serde(default)]
    pub(super) ci: BTreeMap<String, Text>,
    pub(super) trusted_root: Option<Spanned<Text>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireTimestampAuthority {
    /// Paths, or PEM texts, of the certificates of one authority.
    pub(super) chain: Spanned<Texts>,
}

impl From<WireStatus> for KeyStatus {
    fn from(status: WireStatus) -> Self {
        match status {
            WireStatus::Active => Self::Active,
            WireStatus::Retired => Self::Retired,
            WireStatus::Revoked => Self::Revoked,
        }
    }
}

/// A text that is not empty.
#[derive(Debug, Clone)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Err(D::Error::custom("an empty text")) } else { Ok(Self(text)) }
    }
}

/// A text, or a list of texts: at least one, none of them empty.
#[derive(Debug, Clone)]
pub(super) struct Texts(
    #[cfg_attr(
        not(any(feature = "sigstore", feature = "x509")),
        expect(dead_code, reason = "read to be refused")
    )]
    pub(super) Vec<String>,
);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
        if text.is_empty() { Err(E::custom("an empty text")) } else { Ok(Texts(vec![text.to_owned()])) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(Text(text)) = list.next_element()? {
            texts.push(text);
        }
        // An empty list says that nothing is meant, where something must be.
        if texts.is_empty() { Err(A::Error::custom("an empty list")) } else { Ok(Texts(texts)) }
    }
}

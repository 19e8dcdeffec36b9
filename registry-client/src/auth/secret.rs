//! What must not be seen: passwords and tokens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A password or token. It is wiped from memory when it is dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// What a registry or its token service is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A name and a password (RFC 7617). The name holds no colon, and neither holds a control character.
    Basic { username: String, password: Secret },
    /// A refresh token: only a token service gets it, and gives a token for it.
    IdentityToken(Secret),
    /// A token that the registry itself takes, as it is.
    Bearer(Secret),
}

impl Credential {
    /// A name and a password, or why they are none.
    pub(crate) fn basic(username: &str, password: Secret) -> Result<Self, &'static str> {
        if username.contains(':') {
            return Err("the user name holds a colon");
        }
        if username.chars().chain(password.expose().chars()).any(char::is_control) {
            return Err("the user name or the password holds a control character");
        }
        if username.is_empty() {
            return Err("the user name is empty");
        }
        Ok(Self::Basic { username: username.to_owned(), password })
    }

    /// A refresh token, or why it is none.
    pub(crate) fn identity_token(token: Secret) -> Result<Self, &'static str> {
        if token.is_empty() || token.expose().chars().any(char::is_control) {
            return Err("the identity token is empty, or holds a control character");
        }
        Ok(Self::IdentityToken(token))
    }

    /// A token for the registry, or why it is none.
    pub(crate) fn bearer(token: Secret) -> Result<Self, &'static str> {
        match bearer_header(&token) {
            Some(_) => Ok(Self::Bearer(token)),
            None => Err("the token is empty, or holds characters that none has"),
        }
    }
}

/// `Authorization: Basic …`. `None` is never reached: base64 fits every header.
pub(crate) fn basic_header(username: &str, password: &Secret) -> Option<HeaderValue> {
    let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    sensitive(&value)
}

/// `Authorization: Bearer …`; nothing for what is no token (RFC 6750, section 2.1, takes still fewer characters).
pub(crate) fn bearer_header(token: &Secret) -> Option<HeaderValue> {
    if token.is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    sensitive(&Zeroizing::new(format!("Bearer {}", token.expose())))
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7617, section 2.
    #[test]
    fn a_name_and_a_password_become_the_header_of_the_rfc() {
        let header = basic_header("Aladdin", &Secret::new("open sesame")).unwrap();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn secrets_are_not_shown() {
        let all = [
            Credential::basic("me", Secret::new("hunter2")).unwrap(),
            Credential::identity_token(Secret::new("hunter2")).unwrap(),
            Credential::bearer(Secret::new("hunter2")).unwrap(),
        ];
        let headers = [
            basic_header("me", &Secret::new("hunter2")).unwrap(),
            bearer_header(&Secret::new("hunter2")).unwrap(),
        ];
        let shown = format!("{all:?} {headers:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    }

    #[test]
    fn what_would_break_a_header_or_shift_its_parts_is_refused() {
        for (username, password) in [("a:b", "c"), ("a", "b\r\nHost: x"), ("a\0", "b"), ("", "b")] {
            assert!(Credential::basic(username, Secret::new(password)).is_err(), "{username:?}");
        }
        for token in ["", "a b", "a\nb", "é"] {
            assert!(Credential::bearer(Secret::new(token)).is_err(), "{token:?}");
        }
        for token in ["", "a\nb"] {
            assert!(Credential::identity_token(Secret::new(token)).is_err(), "{token:?}");
        }
    }
}

//! The words by which a signer is named: a path, or a scheme and what follows it.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::{AgentUri, ExternalProgram, KmsUri, Pkcs11Uri, SignError};

/// The longest word in bytes.
const LIMIT: usize = 8 * 1024;

/// Services that peers sign with under a scheme of this name.
const ELSEWHERE: [&str; 3] = ["azurekms", "gcpkms", "hashivault"];

/// Which signer a word names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyUri {
    /// A key file.
    File(PathBuf),
    /// `pkcs11:…`: a key in a token (RFC 7512).
    Pkcs11(Pkcs11Uri),
    /// `ssh-agent:…`: a key that an agent holds.
    SshAgent(AgentUri),
    /// `awskms:…`: a key in AWS KMS.
    AwsKms(KmsUri),
    /// `exec:…`: a program that signs.
    External(ExternalProgram),
}

impl KeyUri {
    /// Reads a word. What begins with no scheme of Lacre's is a path; a file with such a name is `./pkcs11:…`.
    ///
    /// Refused with `E-USAGE`: a scheme with something behind it that makes no sense, or more than 8 KiB of it; with
    /// `E-UNSUPPORTED`: the schemes of services that peers know and Lacre does not.
    pub fn parse(word: &OsStr) -> Result<Self, SignError> {
        let bytes = word.as_encoded_bytes();
        let Some(colon) = bytes.iter().position(|byte| *byte == b':') else {
            return Ok(Self::File(word.into()));
        };
        let scheme = match &bytes[..colon] {
            b"pkcs11" => "pkcs11",
            b"ssh-agent" => "ssh-agent",
            b"awskms" => "awskms",
            b"exec" => "exec",
            other => match ELSEWHERE.into_iter().find(|scheme| scheme.as_bytes() == other) {
                Some(scheme) => return Err(SignError::Scheme { scheme }),
                None => return Ok(Self::File(word.into())),
            },
        };
        if bytes.len() > LIMIT {
            return Err(SignError::Word { scheme, detail: format!("it has more than {LIMIT} bytes") });
        }
        let rest = std::str::from_utf8(&bytes[colon + 1..])
            .map_err(|_| SignError::Word { scheme, detail: "it is not UTF-8".to_owned() })?;
        match scheme {
            "pkcs11" => Pkcs11Uri::parse(rest).map(Self::Pkcs11),
            "awskms" => KmsUri::parse(rest).map(Self::AwsKms),
            "ssh-agent" => AgentUri::parse(rest).map(Self::SshAgent),
            _ => ExternalProgram::parse(rest).map(Self::External),
        }
    }
}

/// The bytes that a percent-encoded text stands for (RFC 3986, section 2.1).
pub(crate) fn percent_decoded(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(value.ok_or("a % without two hexadecimal digits (a percent sign itself is %25)")?);
    }
    Ok(decoded)
}

/// The same where only text makes sense.
pub(crate) fn percent_decoded_text(text: &str) -> Result<String, String> {
    String::from_utf8(percent_decoded(text)?)
        .map_err(|_| "what is percent-encoded there is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn parse(word: &str) -> Result<KeyUri, SignError> {
        KeyUri::parse(OsStr::new(word))
    }

    #[test]
    fn what_has_no_scheme_of_ours_is_a_path() {
        for path in ["release.key", "./pkcs11:x", "a:b", "C:\\x", "", ":", "PKCS11:x"] {
            assert_eq!(parse(path).unwrap(), KeyUri::File(path.into()));
        }
        let bytes = OsStr::from_bytes(b"k\xff:y");
        assert_eq!(KeyUri::parse(bytes).unwrap(), KeyUri::File(bytes.into()));
    }

    #[test]
    fn every_scheme_leads_to_its_signer() {
        assert!(matches!(parse("pkcs11:token=a?module-path=/m.so"), Ok(KeyUri::Pkcs11(_))));
        assert!(matches!(parse("ssh-agent:"), Ok(KeyUri::SshAgent(_))));
        assert!(matches!(parse("awskms:///alias/release"), Ok(KeyUri::AwsKms(_))));
        assert!(matches!(parse("exec:signer"), Ok(KeyUri::External(_))));
    }

    #[test]
    fn schemes_of_other_services_are_no_files() {
        for word in ["gcpkms://projects/x", "azurekms://vault/key", "hashivault://key"] {
            assert_eq!(parse(word).unwrap_err().code(), "E-UNSUPPORTED", "{word}");
        }
    }

    #[test]
    fn words_are_bounded_and_text() {
        assert_eq!(parse(&format!("exec:{}", "a".repeat(LIMIT))).unwrap_err().code(), "E-USAGE");
        assert_eq!(KeyUri::parse(OsStr::from_bytes(b"exec:\xff")).unwrap_err().code(), "E-USAGE");
    }

    #[test]
    fn percent_signs_are_decoded_or_refused() {
        assert_eq!(percent_decoded("a%20%00%Ff%25").unwrap(), b"a \0\xff%");
        for wrong in ["%", "%1", "%g0", "%0g", "%+1", "%é"] {
            assert!(percent_decoded(wrong).is_err(), "{wrong}");
        }
        assert!(percent_decoded_text("%ff").is_err());
    }
}

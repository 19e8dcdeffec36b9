//! Who opens.

use std::fmt;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;

use crate::EncryptError;
use crate::error::Refusal;

/// The longest file of identities that is read, in bytes.
pub const LONGEST_IDENTITY_FILE: usize = 64 * 1024;

/// Most identities that are tried.
const MOST: usize = 64;

/// X25519 identities, one at least. Wiped from memory when they are dropped; no `Debug` output shows one.
pub struct Identities {
    pub(crate) keys: Vec<Identity>,
}

impl Identities {
    /// Reads a file of identities (`AGE-SECRET-KEY-1…`), one a line, as `age-keygen` writes it. Empty lines, and those that
    /// begin with `#`, are passed over.
    ///
    /// # Errors
    /// `E-AGE-KEY` for a line that is anything else, and when there is none; `E-LIMIT` for a file above
    /// [`LONGEST_IDENTITY_FILE`], and for more than 64.
    pub fn parse(file: &[u8]) -> Result<Self, EncryptError> {
        if file.len() > LONGEST_IDENTITY_FILE {
            return Err(EncryptError::Limit { what: "bytes of identities", limit: LONGEST_IDENTITY_FILE });
        }
        let refused = |line: usize, refusal| EncryptError::Key { line: Some(line + 1), refusal };
        let begins = |start: &str| file.starts_with(start.as_bytes());
        if begins("age-encryption.org/") || begins("-----BEGIN AGE ENCRYPTED FILE-----") {
            return Err(refused(0, Refusal::Encrypted));
        }
        let mut keys: Vec<Identity> = Vec::new();
        for (number, line) in file.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if keys.len() == MOST {
                return Err(EncryptError::Limit { what: "identities", limit: MOST });
            }
            let line = str::from_utf8(line).map_err(|_| refused(number, Refusal::OtherIdentity))?;
            keys.push(identity(line).map_err(|refusal| refused(number, refusal))?);
        }
        if keys.is_empty() {
            return Err(EncryptError::NoKey { what: "identity" });
        }
        Ok(Self { keys })
    }

    /// A new one.
    pub fn generate() -> Self {
        Self { keys: vec![Identity::generate()] }
    }

    /// The recipients that they open for, one a line.
    pub fn recipients(&self) -> String {
        let lines: Vec<String> = self.keys.iter().map(|key| key.to_public().to_string()).collect();
        lines.join("\n") + "\n"
    }

    /// The file of identities that [`parse`](Self::parse) reads.
    pub fn to_file(&self) -> zeroize::Zeroizing<String> {
        let mut file = zeroize::Zeroizing::new(String::with_capacity(self.keys.len() * 128));
        for key in &self.keys {
            file.push_str(key.to_string().expose_secret());
            file.push('\n');
        }
        file
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identities").field("count", &self.keys.len()).finish_non_exhaustive()
    }
}

fn identity(line: &str) -> Result<Identity, Refusal> {
    if line.starts_with("age1") {
        return Err(Refusal::Public);
    }
    let ours = line.starts_with("AGE-SECRET-KEY-1");
    line.parse().map_err(|_| if ours { Refusal::Malformed } else { Refusal::OtherIdentity })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key pair of the crate's own tests.
    const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    #[test]
    fn reads_what_age_keygen_writes() {
        let file = format!("# created: 2026-11-23T00:00:00Z\n# public key: {PUBLIC}\n{SECRET}\r\n\n");
        let read = Identities::parse(file.as_bytes()).unwrap();
        assert_eq!(read.recipients(), format!("{PUBLIC}\n"));
        assert_eq!(read.to_file().as_str(), format!("{SECRET}\n"));
        assert!(!format!("{read:?}").contains("GQ97"));
        let new = Identities::generate();
        assert_eq!(Identities::parse(new.to_file().as_bytes()).unwrap().recipients(), new.recipients());
    }

    #[test]
    fn refuses_what_is_no_x25519_identity() {
        let cases: [(Vec<u8>, Refusal); 8] = [
            (SECRET[..SECRET.len() - 1].into(), Refusal::Malformed),
            (SECRET.replace("5J33", "5J3Q").into(), Refusal::Malformed),
            (PUBLIC.into(), Refusal::Public),
            ("AGE-PLUGIN-YUBIKEY-1QZSQYQ5Z9ZK5QGXXFQZ".into(), Refusal::OtherIdentity),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".into(), Refusal::OtherIdentity),
            (b"\xff\xfe".to_vec(), Refusal::OtherIdentity),
            ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl".into(), Refusal::Encrypted),
            ("age-encryption.org/v1\n-> scrypt".into(), Refusal::Encrypted),
        ];
        for (file, wanted) in cases {
            let error = Identities::parse(&file).unwrap_err();
            assert_eq!(error.code(), "E-AGE-KEY");
            let EncryptError::Key { line: Some(1), refusal } = error else { panic!("{error:?}") };
            assert_eq!(refusal, wanted, "{}", String::from_utf8_lossy(&file));
        }
        let error = Identities::parse(b"#\n\n").unwrap_err();
        assert_eq!(error.code(), "E-AGE-KEY");
        // No part of a secret stands in a message.
        let cut = Identities::parse(&SECRET.as_bytes()[..60]).unwrap_err();
        assert!(!format!("{cut} {cut:?}").contains("GQ97"));
    }

    #[test]
    fn limits_are_exact() {
        let lines = |count: usize| format!("{SECRET}\n").repeat(count);
        assert!(Identities::parse(lines(MOST).as_bytes()).is_ok());
        assert_eq!(Identities::parse(lines(MOST + 1).as_bytes()).unwrap_err().code(), "E-LIMIT");
        let padded = |bytes: usize| format!("{SECRET}\n#{}", "x".repeat(bytes - SECRET.len() - 2));
        assert!(Identities::parse(padded(LONGEST_IDENTITY_FILE).as_bytes()).is_ok());
        assert_eq!(
            Identities::parse(padded(LONGEST_IDENTITY_FILE + 1).as_bytes()).unwrap_err().code(),
            "E-LIMIT"
        );
    }
}

//! What a trust file would hold to accept a claimant. Whatever it is called, it stays inside of its quotes.

use std::fmt::Write as _;

use lacre_attest::KeyHint;
use lacre_manifest::escape;

use super::Claimant;
use crate::identity::CertificateIdentity;

/// The mark that goes with the text, wherever that is copied to.
const MARK: &str = "# claimed; confirm out of band";

impl Claimant {
    /// A whole trust file (see [`Trust::read`](crate::Trust::read)) that accepts this claimant and nobody else, marked
    /// as a claim. Keys and authorities that the bundle does not carry are named as files: `KEY.pub`, `CA.pem`.
    /// Safe for a terminal, and the same text after it was printed.
    pub fn trust_file(&self) -> String {
        let mut text = format!("{MARK}\nversion = 1\n\n");
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Key(KeyHint::Key(key)) => write!(text, "[[key]]\npublic-key = {}\n", quoted(key.to_pem())),
            Self::Key(hint) => {
                let named = match hint {
                    KeyHint::OmsHex(digest) => format!("# the key whose PEM text has the SHA-256 {digest}\n"),
                    KeyHint::CosignBase64(digest) => {
                        format!("# the key whose DER has the SHA-256 {digest}\n")
                    }
                    _ => String::new(),
                };
                write!(text, "[[key]]\n{named}public-key = \"KEY.pub\"\n")
            }
            Self::Certificate(claimed) => {
                let (name, value) = match claimed.expected() {
                    CertificateIdentity::Subject(subject) => ("subject", subject),
                    CertificateIdentity::Spki(digest) => ("spki", digest.to_string()),
                    CertificateIdentity::San(san) => ("san", san),
                    CertificateIdentity::AnyDanger => ("san", String::new()),
                };
                write!(
                    text,
                    "[[authority]]\n# the certificate of {}\nanchors = \"CA.pem\"\n{name} = {}\n",
                    escape(claimed.issuer()),
                    quoted(&value)
                )
            }
            Self::Keyless(claimed) => write!(
                text,
                "[[keyless]]\nissuer = {}\nidentity = {}\n",
                quoted(claimed.issuer()),
                quoted(claimed.identity())
            ),
        };
        text
    }
}

/// A basic string of TOML. What would be hidden on a terminal, or move its cursor, is written as its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            plain if escape(plain.encode_utf8(&mut [0; 4])).starts_with(plain) => quoted.push(plain),
            hidden => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\U{:08X}", u32::from(hidden));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use lacre_testkit::pki::{Draft, TestKey, der};

    use super::*;
    use crate::claimed::{ClaimedCertificate, ClaimedIdentity};
    use crate::identity::SubjectMatch;
    use crate::trust::Trust;

    const HOSTILE: &[&str] = &[
        "release@example.com",
        "o'brien@example.com",
        "$(touch pwned)`id`",
        "a\"\nversion = 1\n[[keyless]]\nissuer = \"x",
        "\"\"\"'''#",
        "\\\\\"\\u0041\\",
        "-x",
        " ",
        "\u{1b}[2J\u{1b}]0;pwned\u{7}\u{9b}0m\u{0}\u{7f}\r\t\u{8}",
        "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{e0041}\u{10ffff}",
        "日本語🦀é",
    ];

    #[test]
    fn what_is_written_is_what_is_read() {
        for identity in HOSTILE {
            for issuer in HOSTILE {
                let claimed = ClaimedIdentity {
                    identity: (*identity).to_owned(),
                    issuer: (*issuer).to_owned(),
                    ci: BTreeMap::new(),
                };
                let text = Claimant::Keyless(claimed).trust_file();
                assert!(text.starts_with(MARK));
                let trust = Trust::parse(&text, Path::new("trust.toml"))
                    .unwrap_or_else(|error| panic!("{error}\n{text}"));
                let [keyless] = trust.keyless_signers() else { panic!("{trust:?}") };
                let [expected] = keyless.identities.as_slice() else { panic!("{keyless:?}") };
                assert!(matches!(expected.subject(), SubjectMatch::Exact(subject) if subject == identity));
                assert_eq!(expected.issuer(), *issuer);
                assert!(trust.trusted_keys().is_empty() && trust.authorities().is_empty());
            }
        }
    }

    #[test]
    fn a_terminal_shows_every_character_of_it() {
        for name in HOSTILE {
            let claimed = ClaimedCertificate {
                names: vec![(*name).to_owned()],
                subject: String::new(),
                spki: lacre_hash::Sha256Digest::of(b"x"),
                issuer: (*name).to_owned(),
            };
            let text = Claimant::Certificate(claimed).trust_file();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 7, "{text}");
            for line in lines {
                assert_eq!(escape(&line.replace('\\', "")), line.replace('\\', ""), "{text}");
            }
        }
    }

    #[test]
    fn certificates_are_expected_by_name_or_subject_or_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = TestKey::p256("root");
        let root = Draft::root("Root", &key).sign(&key);
        std::fs::write(folder.path().join("CA.pem"), der::pem("CERTIFICATE", &root)).unwrap();
        let spki = lacre_hash::Sha256Digest::of(b"x");
        for (names, subject, expected) in [
            (vec!["a'b\u{202e}"], "CN=x", CertificateIdentity::San("a'b\u{202e}".to_owned())),
            (vec![], "CN=\\\"x\u{1b}", CertificateIdentity::Subject("CN=\\\"x\u{1b}".to_owned())),
            (vec![""], "", CertificateIdentity::Spki(spki)),
        ] {
            let claimed = ClaimedCertificate {
                names: names.into_iter().map(str::to_owned).collect(),
                subject: subject.to_owned(),
                spki,
                issuer: "CN=Root".to_owned(),
            };
            let text = Claimant::Certificate(claimed).trust_file();
            let trust = Trust::parse(&text, &folder.path().join("trust.toml")).unwrap();
            assert_eq!(trust.authorities()[0].identities, [expected]);
        }
    }

    #[test]
    fn a_whole_key_needs_no_file() {
        let key = lacre_testkit::Sealed::sample().public_key().clone();
        let text = Claimant::Key(KeyHint::Key(key.clone())).trust_file();
        let trust = Trust::parse(&text, Path::new("trust.toml")).unwrap();
        assert_eq!(trust.trusted_keys()[0].key(), &key);
        let text = Claimant::Key(KeyHint::Other("x\"\n[[key]]".to_owned())).trust_file();
        assert_eq!(text.matches("[[key]]").count(), 1, "{text}");
    }
}

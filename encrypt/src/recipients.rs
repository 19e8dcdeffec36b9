//! Who can open what is sealed.

use age::x25519::Recipient;
use bech32::Hrp;
use bech32::primitives::decode::CheckedHrpstring;

use crate::EncryptError;
use crate::error::Refusal;

/// Most recipients of one file. Each is 100 bytes of every head.
pub const MOST_RECIPIENTS: usize = 64;

/// The longest line that is looked at.
const LONGEST_LINE: usize = 1024;

/// The points of Curve25519 that give the same secret, zero, with every key (RFC 7748, section 6.1), as their u-coordinates
/// without the highest bit, which is ignored.
const LOW_ORDER: [[u8; 32]; 7] = [
    little_endian(0, 0, 0),
    little_endian(1, 0, 0),
    // Of order 8.
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    // p - 1, p and p + 1.
    little_endian(0xec, 0xff, 0x7f),
    little_endian(0xed, 0xff, 0x7f),
    little_endian(0xee, 0xff, 0x7f),
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Who can open what is sealed: one X25519 recipient at least, and each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    pub(crate) keys: Vec<Recipient>,
}

impl Recipients {
    /// Reads recipients (`age1…`), one a line. Empty lines, and those that begin with `#`, are passed over.
    ///
    /// # Errors
    /// `E-AGE-KEY` for a line that is anything else, and when there is none; `E-LIMIT` above [`MOST_RECIPIENTS`].
    pub fn parse(text: &str) -> Result<Self, EncryptError> {
        let mut keys: Vec<Recipient> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key =
                recipient(line).map_err(|refusal| EncryptError::Key { line: Some(number + 1), refusal })?;
            if !keys.contains(&key) {
                keys.push(key);
            }
            if keys.len() > MOST_RECIPIENTS {
                return Err(EncryptError::Limit { what: "recipients", limit: MOST_RECIPIENTS });
            }
        }
        if keys.is_empty() {
            return Err(EncryptError::NoKey { what: "recipient" });
        }
        Ok(Self { keys })
    }

    /// Reads one recipient (`age1…`).
    ///
    /// # Errors
    /// `E-AGE-KEY` when it is anything else.
    pub fn one(text: &str) -> Result<Self, EncryptError> {
        let key = recipient(text).map_err(|refusal| EncryptError::Key { line: None, refusal })?;
        Ok(Self { keys: vec![key] })
    }

    /// The same, and those of `others`.
    ///
    /// # Errors
    /// `E-LIMIT` above [`MOST_RECIPIENTS`].
    pub fn and(mut self, others: Self) -> Result<Self, EncryptError> {
        for key in others.keys {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
        if self.keys.len() > MOST_RECIPIENTS {
            return Err(EncryptError::Limit { what: "recipients", limit: MOST_RECIPIENTS });
        }
        Ok(self)
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

fn recipient(line: &str) -> Result<Recipient, Refusal> {
    if line.len() > LONGEST_LINE {
        return Err(Refusal::Malformed);
    }
    if line.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err(Refusal::Secret);
    }
    let parsed = CheckedHrpstring::new::<bech32::Bech32>(line);
    let age = Hrp::parse_unchecked("age");
    let is_one = line.starts_with("age1") && !line.starts_with("age1pq1") && !line.starts_with("age1tag");
    let point: Vec<u8> = match parsed {
        Ok(found) if found.hrp() == age => found.byte_iter().collect(),
        Err(_) if is_one && line.len() <= 62 => return Err(Refusal::Malformed),
        _ => return Err(Refusal::OtherRecipient),
    };
    let mut point = <[u8; 32]>::try_from(point).map_err(|_| Refusal::Malformed)?;
    point[31] &= 0x7f;
    if LOW_ORDER.contains(&point) {
        // The crate would panic when it encrypts.
        return Err(Refusal::LowOrder);
    }
    line.parse().map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key pair of the crate's own tests.
    const KEY: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const OTHER: &str = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

    fn encoded(point: &[u8]) -> String {
        bech32::encode::<bech32::Bech32>(Hrp::parse("age").unwrap(), point).unwrap()
    }

    #[test]
    fn reads_lines_comments_and_each_key_once() {
        let text = format!("# team\r\n\n {KEY} \r\n{OTHER}\n{KEY}\n");
        assert_eq!(Recipients::parse(&text).unwrap().len(), 2);
        let one = Recipients::one(KEY).unwrap();
        let error = Recipients::one("age1").unwrap_err();
        assert!(matches!(error, EncryptError::Key { line: None, .. }), "{error:?}");
        assert_eq!(one.clone().and(Recipients::parse(OTHER).unwrap()).unwrap().len(), 2);
        assert_eq!(one.clone().and(one).unwrap().len(), 1);
    }

    #[test]
    fn refuses_what_is_no_x25519_recipient() {
        let cases = [
            (KEY[..KEY.len() - 1].to_owned(), Refusal::Malformed),
            (KEY.replace("svpy7pa", "svpy7pq"), Refusal::Malformed),
            (encoded(&[9; 31]), Refusal::Malformed),
            (encoded(&[9; 33]), Refusal::Malformed),
            (
                "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t".to_owned(),
                Refusal::OtherRecipient,
            ),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN".to_owned(),
                Refusal::OtherRecipient,
            ),
            ("a passphrase".to_owned(), Refusal::OtherRecipient),
            ("age1".repeat(1000), Refusal::Malformed),
            (
                "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33".to_owned(),
                Refusal::Secret,
            ),
        ];
        for (text, wanted) in cases {
            let error = Recipients::parse(&format!("\n{text}")).unwrap_err();
            assert_eq!(error.code(), "E-AGE-KEY", "{text}");
            let EncryptError::Key { line: Some(2), refusal } = error else { panic!("{error:?}") };
            assert_eq!(refusal, wanted, "{text}");
        }
        assert_eq!(Recipients::parse("# nobody\n").unwrap_err().code(), "E-AGE-KEY");
    }

    #[test]
    fn refuses_recipients_that_everybody_could_read_for() {
        for point in LOW_ORDER {
            let mut high = point;
            high[31] |= 0x80;
            for point in [point, high] {
                let error = Recipients::parse(&encoded(&point)).unwrap_err();
                assert!(matches!(error, EncryptError::Key { refusal: Refusal::LowOrder, .. }), "{point:?}");
            }
        }
    }

    #[test]
    fn takes_so_many_and_no_more() {
        let lines = |count: u8| -> String {
            (0..count)
                .map(|index| {
                    encoded(&[index | 0x40; 32]) + "\n" + &encoded(&[index & 0x3f, 9].repeat(16)) + "\n"
                })
                .collect()
        };
        assert_eq!(Recipients::parse(&lines(32)).unwrap().len(), 64);
        assert_eq!(Recipients::parse(&lines(33)).unwrap_err().code(), "E-LIMIT");
    }
}

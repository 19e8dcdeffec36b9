//! Records about one member: `LENGTH KEY=VALUE\n` (POSIX.1-2001 `pax`, "pax Extended Header").

/// What records say of a member, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<String>,
    pub(super) size: Option<u64>,
}

/// Writes one record. Its length counts itself.
pub(super) fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

impl Records {
    /// Reads records. What changes what a member is, and what only some programs understand, is refused; times, owners and
    /// comments are passed over.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let mut records = Self::default();
        while !bytes.is_empty() {
            let (key, value, rest) = split(bytes).ok_or("a record is malformed")?;
            bytes = rest;
            match key {
                "path" => {
                    let value = std::str::from_utf8(value).map_err(|_| "a name is not UTF-8")?;
                    if records.path.replace(value.to_owned()).is_some() {
                        return Err("it says two names");
                    }
                }
                "size" => {
                    let size = decimal(value).ok_or("its size is no number")?;
                    if records.size.replace(size).is_some() {
                        return Err("it says two sizes");
                    }
                }
                "linkpath" | "hdrcharset" | "SCHILY.realsize" => {
                    return Err("it says what a regular file does not have");
                }
                sparse if sparse.starts_with("GNU.sparse.") => return Err("it tells of holes"),
                _ => {}
            }
        }
        Ok(records)
    }
}

/// The first record, and what follows it.
fn split(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    let key = std::str::from_utf8(&record[..equals]).ok().filter(|key| !key.is_empty())?;
    Some((key, &record[equals + 1..], rest))
}

/// A decimal number of at most 2^63 - 1, without a sign or a leading zero.
fn decimal(text: &[u8]) -> Option<u64> {
    let plain = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
    let number: u64 = std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()?;
    i64::try_from(number).is_ok().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_itself() {
        assert_eq!(record("path", "a"), "9 path=a\n");
        assert_eq!(record("path", ""), "8 path=\n");
        // One more digit makes the number longer, which makes the record longer.
        assert_eq!(record("k", &"v".repeat(93)), format!("99 k={}\n", "v".repeat(93)));
        assert_eq!(record("k", &"v".repeat(94)), format!("101 k={}\n", "v".repeat(94)));
        for length in 0..1200 {
            let written = record("path", &"x".repeat(length));
            assert_eq!(written.split_once(' ').unwrap().0, written.len().to_string());
            let read = Records::parse(written.as_bytes()).unwrap();
            assert_eq!(read.path.unwrap().len(), length);
        }
    }

    #[test]
    fn names_and_sizes_are_read_and_the_rest_is_passed_over() {
        let text = [
            record("mtime", "1.5"),
            record("path", "a=b\nc"),
            record("size", "9000000000"),
            record("uid", "5"),
        ];
        let read = Records::parse(text.concat().as_bytes()).unwrap();
        assert_eq!(read, Records { path: Some("a=b\nc".to_owned()), size: Some(9_000_000_000) });
        assert_eq!(Records::parse(b"").unwrap(), Records::default());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let twice = |key: &str| [record(key, "1"), record(key, "1")].concat();
        for text in [
            twice("path"),
            twice("size"),
            record("size", "-1"),
            record("size", "010"),
            record("size", "9223372036854775808"),
            record("size", ""),
            record("linkpath", "x"),
            record("GNU.sparse.major", "1"),
            record("hdrcharset", "BINARY"),
            "8 path=a\n".to_owned(),
            "9 path=a".to_owned(),
            "09 path=a\n".to_owned(),
            "99999999999999999999 path=a\n".to_owned(),
            "5 =x\n".to_owned(),
            "0 ".to_owned(),
            "garbage".to_owned(),
        ] {
            assert!(Records::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Records::parse(b"11 path=\xff\xff\n").is_err());
    }
}

//! The beginning of a file, measured before it is parsed (C2SP `age.md`, "The header").

use crate::EncryptError;

/// The longest head that is read, in bytes: more than twice what [`MOST_RECIPIENTS`](crate::MOST_RECIPIENTS) need.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// Content of one chunk, in bytes; the last one of a file may be shorter.
pub const CHUNK: u64 = 64 * 1024;

/// What authentication adds to each chunk, in bytes.
pub(crate) const TAG: u64 = 16;

const NONCE: usize = 16;
const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// Most stanzas: each recipient has one, and age itself adds one that means nothing.
const MOST_STANZAS: usize = crate::MOST_RECIPIENTS + 8;
/// `--- `, 43 characters of base64, and the end of the line.
const MAC_LINE: usize = 48;

/// The head of a file: for whom it is, and the nonce. Nothing of it is authenticated before it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head(Vec<u8>);

impl Head {
    /// Takes the head from the beginning of a file.
    ///
    /// # Errors
    /// `E-AGE-HEADER` when it is not the one of an age file, of version 1, or for a passphrase, or above
    /// [`LONGEST_HEAD`].
    pub fn parse(file: &[u8]) -> Result<Self, EncryptError> {
        let header = length(file).map_err(|detail| EncryptError::Header { detail })?;
        let head = file.get(..header + NONCE).ok_or(EncryptError::Header { detail: "it ends early" })?;
        Ok(Self(head.to_vec()))
    }

    /// Bytes of the head; the chunks follow.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes of the file of `content` bytes whose head has `head` bytes; nothing if that is no number.
pub fn file_size(head: u64, content: u64) -> Option<u64> {
    // A file without content has one chunk, too.
    let chunks = content.div_ceil(CHUNK).max(1);
    content.checked_add(chunks.checked_mul(TAG)?)?.checked_add(head)
}

/// Bytes of the header: its lines up to the one with the MAC.
fn length(file: &[u8]) -> Result<usize, &'static str> {
    let file = &file[..file.len().min(LONGEST_HEAD - NONCE)];
    let mut rest = file.strip_prefix(MAGIC).ok_or("it does not begin as one of version 1")?;
    let (mut stanzas, mut ours) = (0, false);
    loop {
        let end =
            rest.iter().position(|&byte| byte == b'\n').ok_or("its header has no end, or is too long")?;
        let (line, after) = rest.split_at(end + 1);
        if line.starts_with(b"--- ") {
            if line.len() != MAC_LINE {
                return Err("its header has no MAC");
            }
            return if ours { Ok(file.len() - after.len()) } else { Err("no X25519 recipient is in it") };
        }
        if let Some(stanza) = line.strip_prefix(b"-> ") {
            stanzas += 1;
            if stanzas > MOST_STANZAS {
                return Err("it has too many recipients");
            }
            if stanza.starts_with(b"scrypt ") {
                return Err("it is encrypted with a passphrase");
            }
            ours |= stanza.starts_with(b"X25519 ");
        } else if stanzas == 0 {
            return Err("its header has no recipient");
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: &str = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n";
    const MAC: &str = "--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0\n";

    fn file(stanzas: &str, mac: &str) -> Vec<u8> {
        [MAGIC, stanzas.as_bytes(), mac.as_bytes(), &[7; 40]].concat()
    }

    fn detail(file: &[u8]) -> &'static str {
        match Head::parse(file) {
            Err(error @ EncryptError::Header { detail }) => {
                assert_eq!(error.code(), "E-AGE-HEADER");
                detail
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn measures_the_head_of_a_file() {
        let grease = "-> W[5-grease A\n\n";
        for stanzas in [STANZA.to_owned(), STANZA.repeat(MOST_STANZAS), format!("{STANZA}{grease}")] {
            let file = file(&stanzas, MAC);
            let head = Head::parse(&file).unwrap();
            assert_eq!(head.len(), file.len() - 40 + NONCE);
            assert_eq!(head.as_bytes(), &file[..head.len()]);
        }
    }

    #[test]
    fn refuses_what_is_no_head_for_x25519_recipients() {
        assert_eq!(detail(b""), "it does not begin as one of version 1");
        assert_eq!(detail(b"age-encryption.org/v2\n"), "it does not begin as one of version 1");
        assert_eq!(detail(&file("", MAC)), "no X25519 recipient is in it");
        assert_eq!(detail(&file("x\n", MAC)), "its header has no recipient");
        assert_eq!(
            detail(&file("-> scrypt bBjlhJVYZeE4aqUdmtRHfw 18\n", MAC)),
            "it is encrypted with a passphrase"
        );
        assert_eq!(detail(&file("-> piv-p256 a b\nAAAA\n", MAC)), "no X25519 recipient is in it");
        assert_eq!(detail(&file(&STANZA.repeat(MOST_STANZAS + 1), MAC)), "it has too many recipients");
        assert_eq!(detail(&file(STANZA, "---\n")), "its header has no end, or is too long");
        assert_eq!(detail(&file(STANZA, "--- abc\n")), "its header has no MAC");
        let long = format!("-> X25519 {}\n", "x".repeat(LONGEST_HEAD));
        assert_eq!(detail(&file(&long, MAC)), "its header has no end, or is too long");
        let whole = file(STANZA, MAC);
        for length in 0..whole.len() - 40 + NONCE {
            assert_eq!(Head::parse(&whole[..length]).unwrap_err().code(), "E-AGE-HEADER", "{length}");
        }
    }

    #[test]
    fn knows_the_size_of_a_file() {
        for (content, chunks) in [(0, 1), (1, 1), (CHUNK, 1), (CHUNK + 1, 2), (10 * CHUNK, 10)] {
            assert_eq!(file_size(200, content), Some(200 + content + chunks * TAG), "{content}");
        }
        assert_eq!(file_size(200, u64::MAX), None);
        assert_eq!(file_size(u64::MAX, 0), None);
    }
}

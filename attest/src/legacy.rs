//! The pre-authentication encoding of model-signing 0.2, which is none: Python's text of the payload, and a version that
//! DSSE does not have. Read only where the caller asks for it, never written.

use p256::ecdsa::signature::{self, digest::Update};

use crate::dsse::{Envelope, IN_TOTO_PAYLOAD_TYPE};
use crate::{AttestError, PublicKey};

/// What takes the pieces of a message.
pub(crate) type Sink<'s> = dyn FnMut(&[u8]) + 's;

/// With which digest ECDSA signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyHash {
    /// That of the key's curve.
    OfCurve,
    /// SHA-256 on every curve, as model-signing 0.2 did with certificates.
    Sha256,
}

impl Envelope {
    /// Checks the signature as model-signing 0.2 made it: over `DSSEV1 28 TYPE LENGTH b'…'`, where `b'…'` is what
    /// Python's `repr` makes of the payload and `LENGTH` is that of the payload itself.
    ///
    /// # Errors
    /// `E-SIGNATURE-INVALID`; always for Ed25519, which that release could not sign with.
    pub fn verify_legacy(&self, key: &PublicKey, hash: LegacyHash) -> Result<(), AttestError> {
        key.verify_streamed(hash, self.signature(), |sink| legacy_pae(self.payload(), sink))
    }
}

/// Feeds the encoding to `sink`, piece by piece: all of it would be four times as long as the payload.
fn legacy_pae(payload: &[u8], sink: &mut Sink<'_>) {
    let kind = IN_TOTO_PAYLOAD_TYPE;
    sink(format!("DSSEV1 {} {kind} {} ", kind.len(), payload.len()).as_bytes());
    python_repr(payload, sink);
}

/// What Python's `repr` makes of `bytes` (`CPython`, `Objects/bytesobject.c`, `PyBytes_Repr`).
fn python_repr(bytes: &[u8], sink: &mut Sink<'_>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // Single quotes, unless that would mean an escape that double quotes do without.
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    let mut text = Vec::with_capacity(PIECE * 4);
    sink(&[b'b', quote]);
    for piece in bytes.chunks(PIECE) {
        text.clear();
        for &byte in piece {
            match byte {
                b'\t' => text.extend_from_slice(b"\\t"),
                b'\n' => text.extend_from_slice(b"\\n"),
                b'\r' => text.extend_from_slice(b"\\r"),
                b'\\' => text.extend_from_slice(b"\\\\"),
                byte if byte == quote => text.extend_from_slice(&[b'\\', quote]),
                b' '..=b'~' => text.push(byte),
                byte => {
                    let digit = |nibble: u8| HEX[usize::from(nibble & 15)];
                    text.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte)]);
                }
            }
        }
        sink(&text);
    }
    sink(&[quote]);
}

/// Bytes of a payload that are turned into text at once.
const PIECE: usize = 16 * 1024;

/// Feeds every piece of a message to a hasher.
#[expect(clippy::unnecessary_wraps, reason = "what feeds a hasher in the trait of digests may fail")]
pub(crate) fn feed<D: Update>(
    hasher: &mut D,
    pieces: &dyn Fn(&mut Sink<'_>),
) -> Result<(), signature::Error> {
    pieces(&mut |piece| hasher.update(piece));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn repr(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        python_repr(bytes, &mut |piece| text.extend_from_slice(piece));
        String::from_utf8(text).unwrap()
    }

    // `python3 -c 'print(repr(…))'` of each.
    #[test]
    fn a_text_of_bytes_is_that_of_python() {
        for (bytes, expected) in [
            (&b""[..], "b''"),
            (b"plain", "b'plain'"),
            (b"it's", "b\"it's\""),
            (b"\"said\"", "b'\"said\"'"),
            (b"it's \"said\"", "b'it\\'s \"said\"'"),
            (b"a\\b", "b'a\\\\b'"),
            (b"\t\n\r\x0b\x0c\x00\x1f\x7f\x80\xff", "b'\\t\\n\\r\\x0b\\x0c\\x00\\x1f\\x7f\\x80\\xff'"),
            ("é".as_bytes(), "b'\\xc3\\xa9'"),
            (b"{\n  \"a\": 1\n}", "b'{\\n  \"a\": 1\\n}'"),
        ] {
            assert_eq!(repr(bytes), expected);
        }
    }

    #[test]
    fn the_encoding_is_that_of_the_release() {
        let mut text = Vec::new();
        legacy_pae(b"{}\n", &mut |piece| text.extend_from_slice(piece));
        assert_eq!(text, b"DSSEV1 28 application/vnd.in-toto+json 3 b'{}\\n'");
    }

    /// Every byte, both quotes in every combination, and what falls on the border of two pieces.
    #[test]
    fn python_agrees() {
        let mut cases: Vec<Vec<u8>> = vec![(0..=255).collect()];
        let mut state = 7_u64;
        for round in 0..200 {
            let length = [0, 1, 7, 300, PIECE - 1, PIECE, PIECE + 1][round % 7];
            let alphabet: &[u8] = [&b"'\"\\\n a"[..], b"'x\\", b"\"x\t\r", b"\x00\x7f\x80\xffz'"][round % 4];
            let bytes = (0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                alphabet[usize::try_from(state >> 33).unwrap() % alphabet.len()]
            });
            cases.push(bytes.collect());
        }
        let lists = serde_json::to_vec(&cases).unwrap();
        let script = "import json, sys\nfor each in json.load(sys.stdin): print(repr(bytes(each)))";
        let mut command = Command::new("python3");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = match command.spawn() {
            Ok(python) => python,
            Err(_) if std::env::var_os("LACRE_REQUIRE_PEERS").is_none() => return,
            Err(error) => panic!("python3: {error}"),
        };
        let mut stdin = python.stdin.take().unwrap();
        let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &lists));
        let output = python.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let ours: Vec<String> = cases.iter().map(|case| repr(case)).collect();
        assert_eq!(said.lines().collect::<Vec<_>>(), ours);
    }
}

//! How large a bundle may become while it is read, before it is parsed.

use crate::{AttestError, Limits};

/// At most this many bytes outside of texts: brackets, commas and white space.
const FRAME_LIMIT: usize = 256 * 1024;
/// At most this many texts. The largest bundle that is accepted (32 log entries of 64 hashes, 32 timestamps, 16
/// certificates) has about three thousand.
const TEXT_LIMIT: usize = 8 * 1024;

/// Looks at a bundle piece by piece as it comes from a disk or a network, and refuses what no bundle is like: so a file
/// of white space, of brackets or of a million entries is given up at its beginning, and never held in memory. A bundle
/// is long because its one payload is.
///
/// What passes is not well-formed for that; [`Bundle::parse`](crate::Bundle::parse) finds out.
///
/// ```
/// use lacre_attest::{Gauge, Limits};
///
/// let mut gauge = Gauge::new(&Limits::default());
/// gauge.feed(br#"{"mediaType":"appli"#)?;
/// gauge.feed(br#"cation/json"}"#)?;
/// assert_eq!(gauge.feed(&[b' '; 1 << 20]).unwrap_err().code(), "E-LIMIT");
/// # Ok::<(), lacre_attest::AttestError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gauge {
    limits: Limits,
    place: Place,
    size: usize,
    frame: usize,
    texts: usize,
    depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Frame,
    Text,
    /// Behind a backslash.
    Escape,
}

impl Gauge {
    /// For a bundle of these limits.
    pub fn new(limits: &Limits) -> Self {
        Self { limits: *limits, place: Place::Frame, size: 0, frame: 0, texts: 0, depth: 0 }
    }

    /// Takes the next bytes of the bundle: `E-LIMIT` as soon as it is too long, has too much beside its texts, too many
    /// texts, or is nested too deep.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), AttestError> {
        self.size = self.size.saturating_add(bytes.len());
        within("bytes of bundle", self.size, self.limits.bundle())?;
        let mut rest = bytes;
        while let Some((first, behind)) = rest.split_first() {
            match self.place {
                Place::Escape => {
                    self.place = Place::Text;
                    rest = behind;
                }
                Place::Text => match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                    None => return Ok(()),
                    Some(at) => {
                        self.place = if rest[at] == b'"' { Place::Frame } else { Place::Escape };
                        rest = &rest[at + 1..];
                    }
                },
                Place::Frame => {
                    self.framed(*first)?;
                    rest = behind;
                }
            }
        }
        Ok(())
    }

    fn framed(&mut self, byte: u8) -> Result<(), AttestError> {
        self.frame += 1;
        within("bytes beside the texts of a bundle", self.frame, FRAME_LIMIT)?;
        match byte {
            b'"' => {
                self.place = Place::Text;
                self.texts += 1;
                within("texts in a bundle", self.texts, TEXT_LIMIT)
            }
            b'[' | b'{' => {
                self.depth += 1;
                within("levels of a bundle", self.depth, self.limits.depth)
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), AttestError> {
    if size > limit { Err(AttestError::Limit { what, size, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { statement: 3 << 20, depth: 4 };

    fn code(text: &str) -> &'static str {
        Gauge::new(&LIMITS).feed(text.as_bytes()).map_or_else(|error| error.code(), |()| "ok")
    }

    #[test]
    fn limits_are_exact() {
        assert_eq!(code(&" ".repeat(FRAME_LIMIT)), "ok");
        assert_eq!(code(&" ".repeat(FRAME_LIMIT + 1)), "E-LIMIT");
        assert_eq!(code(&"\"\"".repeat(TEXT_LIMIT)), "ok");
        assert_eq!(code(&"\"\"".repeat(TEXT_LIMIT + 1)), "E-LIMIT");
        assert_eq!(code("[[[["), "ok");
        assert_eq!(code("[[[[["), "E-LIMIT");
        assert_eq!(code("[[[[]]]][[[["), "ok");
        assert_eq!(code(&"x".repeat(LIMITS.bundle() + 1)), "E-LIMIT");
    }

    #[test]
    fn what_stands_in_a_text_does_not_count() {
        let long = format!("[\"{}\"]", "[ ".repeat(1 << 20));
        assert_eq!(code(&long), "ok");
        let quoted = format!(r#"["\"{}"]"#, "[".repeat(100));
        assert_eq!(code(&quoted), "ok");
        let closed = format!(r#"["\\"{}"]"#, "[".repeat(100));
        assert_eq!(code(&closed), "E-LIMIT");
    }

    #[test]
    fn pieces_are_taken_as_one() {
        let text = br#"{"a\"[[[[[":["\\",[["x"]]]}"#;
        for cut in 0..text.len() {
            let mut gauge = Gauge::new(&LIMITS);
            gauge.feed(&text[..cut]).unwrap();
            gauge.feed(&text[cut..]).unwrap();
            assert_eq!((gauge.texts, gauge.depth, gauge.place), (3, 0, Place::Frame), "{cut}");
            assert_eq!(gauge.feed(b"[[[[[").unwrap_err().code(), "E-LIMIT");
        }
    }
}

//! The data types of the protocol (RFC 4251, section 5), read strictly.

use crate::SignerProblem;

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What is behind the number of a message, which must be `wanted`.
    pub(super) fn message(bytes: &'a [u8], wanted: u8) -> Result<Self, SignerProblem> {
        match bytes {
            [number, rest @ ..] if *number == wanted => Ok(Self(rest)),
            // SSH_AGENT_FAILURE, and the same of agents before OpenSSH and of extensions.
            [5 | 28 | 102, ..] => Err(SignerProblem::failed(
                "the agent refused (it may be locked, or nobody confirmed the use of the key)",
            )),
            [number, ..] => Err(SignerProblem::answer(format!("message {number} instead of {wanted}"))),
            [] => Err(SignerProblem::answer("an empty message")),
        }
    }

    pub(super) fn number(&mut self) -> Result<u32, SignerProblem> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], SignerProblem> {
        let length = usize::try_from(self.number()?).map_err(|_| cut_off())?;
        let (string, rest) = self.0.split_at_checked(length).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(string)
    }

    /// A number that is not negative, as `length` bytes.
    pub(super) fn integer(&mut self, length: usize) -> Result<Vec<u8>, SignerProblem> {
        let digits = match self.string()? {
            // A byte of zeros stands before a digit that would look like a sign, and nowhere else.
            [0, rest @ ..] if rest.first().is_some_and(|digit| digit & 0x80 != 0) => rest,
            digits if digits.first().is_some_and(|digit| *digit != 0 && digit & 0x80 == 0) => digits,
            _ => {
                return Err(SignerProblem::answer(
                    "a number that is negative, zero, or not in its shortest form",
                ));
            }
        };
        let padding = length
            .checked_sub(digits.len())
            .ok_or_else(|| SignerProblem::answer("a number that is too large for its curve"))?;
        Ok([&vec![0; padding], digits].concat())
    }

    pub(super) fn end(self) -> Result<(), SignerProblem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(SignerProblem::answer(format!("{} bytes behind its end", self.0.len())))
        }
    }
}

fn cut_off() -> SignerProblem {
    SignerProblem::answer("a message that is cut off")
}

/// A message that grows.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(number: u8) -> Self {
        Self(vec![number])
    }

    pub(super) fn number(&mut self, number: u32) {
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn string(&mut self, string: &[u8]) -> Result<(), SignerProblem> {
        let length = u32::try_from(string.len())
            .map_err(|_| SignerProblem::TooLong { what: "what is to be signed", limit: u32::MAX as usize })?;
        self.number(length);
        self.0.extend(string);
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_to_their_end_and_no_further() {
        let mut reader = Reader::new(b"\0\0\0\x03abc\0\0\0\0");
        assert_eq!(reader.string().unwrap(), b"abc");
        assert_eq!(reader.string().unwrap(), b"");
        assert!(reader.end().is_ok());
        for cut in [&b""[..], b"\0\0\0", b"\0\0\0\x04abc", b"\xff\xff\xff\xff"] {
            assert_eq!(Reader::new(cut).string().unwrap_err().code(), "E-SIGNER");
        }
        assert_eq!(Reader::new(b"x").end().unwrap_err().code(), "E-SIGNER");
    }

    #[test]
    fn numbers_have_one_form() {
        let number = |bytes: &[u8]| {
            let whole = [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
            Reader::new(&whole).integer(2)
        };
        assert_eq!(number(&[7]).unwrap(), [0, 7]);
        assert_eq!(number(&[0, 0x80]).unwrap(), [0, 0x80]);
        assert_eq!(number(&[0, 0xff, 0xff]).unwrap(), [0xff, 0xff]);
        for wrong in [&[][..], &[0], &[0x80], &[0, 7], &[1, 2, 3], &[0, 0xff, 0, 0]] {
            assert_eq!(number(wrong).unwrap_err().code(), "E-SIGNER", "{wrong:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_wrong_message() {
        let told = |bytes| Reader::message(bytes, 14).map(drop).unwrap_err().to_string();
        assert!(told(&[5]).contains("refused"), "{}", told(&[5]));
        assert!(told(&[6]).contains("message 6"));
        assert!(told(&[]).contains("empty"));
    }
}

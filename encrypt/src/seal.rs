//! Encrypting a stream.

use std::fmt;
use std::io::{self, Write};

use age::stream::StreamWriter;
use age::{Encryptor, Recipient};

use crate::{EncryptError, Recipients};

impl Recipients {
    /// Encrypts what is written to the sealer, and writes that to `output`, beginning with the head. Under a new key each
    /// time: the same content never gives the same bytes again.
    pub fn seal<W: Write>(&self, output: W) -> Result<Sealer<W>, EncryptError> {
        let keys = self.keys.iter().map(|key| key as &dyn Recipient);
        // Refused by the crate only when there is none, or when they do not go together.
        let encryptor = Encryptor::with_recipients(keys)
            .map_err(|_| EncryptError::NoKey { what: "recipient that fits the others" })?;
        Ok(Sealer { stream: encryptor.wrap_output(output).map_err(EncryptError::Output)? })
    }
}

/// A writer that encrypts. What is not [finished](Self::finish) cannot be opened to its end.
pub struct Sealer<W: Write> {
    stream: StreamWriter<W>,
}

impl<W: Write> Sealer<W> {
    /// Writes the last chunk, and gives back where all was written to.
    pub fn finish(self) -> Result<W, EncryptError> {
        self.stream.finish().map_err(EncryptError::Output)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<W: Write> fmt::Debug for Sealer<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealer").finish_non_exhaustive()
    }
}

//! What is hashed.

use std::fs::File;
use std::io;

use crate::DigestSet;

/// A file to be hashed. It is opened when its turn comes, so that a million files need no million descriptors.
pub trait Source: Sync {
    /// Opens the file for reading.
    fn open(&self) -> io::Result<File>;

    /// The size it is expected to have, in bytes: used for scheduling and progress. It also bounds the number of shards
    /// ([`DigestSet::Shards`]), for each of which there is a digest: a larger file is then an error.
    fn size(&self) -> u64;

    /// Its name for messages, safe for a terminal.
    fn name(&self) -> String;

    /// Which digests are wanted.
    fn digests(&self) -> DigestSet {
        DigestSet::Both
    }

    /// Takes the bytes at `offset`: the same private copy that goes through the digests. Every byte comes exactly once;
    /// the pieces of a file may come in any order, and from several threads at once.
    fn keep(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let _ = (offset, bytes);
        Ok(())
    }

    /// Lends `read` the memory where the `length` bytes at `offset` are to be kept, which spares a copy of them: they are
    /// read there and hashed there, and do not come by [`keep`](Self::keep). If it is not called, as where nothing is kept in
    /// memory, they do. It is called at most once, and only by the way of [`Engine`](crate::Engine) that BLAKE3 alone takes.
    ///
    /// The bytes that are lent are hashed after they were read: nobody may write to them but this process.
    fn lend(&self, offset: u64, length: usize, read: &mut dyn FnMut(&mut [u8])) -> io::Result<()> {
        let _ = (offset, length, read);
        Ok(())
    }

    /// All bytes were read and, if there were any, kept: what holds them open can be closed.
    fn finish(&self) -> io::Result<()> {
        Ok(())
    }
}

//! Memory for what is on its way, used again and again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers of one size. A fresh one would be zeroed for each piece, which costs as much as to send it.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    size: usize,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Buffers {
    /// Buffers of `size` bytes.
    pub(super) fn of(size: usize) -> Self {
        Self { size, idle: Arc::default() }
    }

    /// A buffer with whatever was in it before.
    pub(super) fn take(&self) -> Vec<u8> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| vec![0; self.size])
    }

    /// The first `filled` bytes of a buffer, which comes back when the last of them is gone.
    pub(super) fn lend(&self, buffer: Vec<u8>, filled: usize) -> Bytes {
        Bytes::from_owner(Lent { filled: filled.min(buffer.len()), buffer, home: self.clone() })
    }
}

struct Lent {
    buffer: Vec<u8>,
    filled: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_bytes_are_gone() {
        let buffers = Buffers::of(4);
        let mut buffer = buffers.take();
        buffer.copy_from_slice(b"abcd");
        let lent = buffers.lend(buffer, 3);
        let part = lent.slice(1..);
        assert_eq!((&lent[..], &part[..]), (b"abc".as_slice(), b"bc".as_slice()));
        drop(lent);
        assert_eq!(buffers.take(), [0; 4], "it is still lent");
        drop(part);
        assert_eq!(buffers.take(), b"abcd");
    }
}

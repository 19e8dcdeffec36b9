//! Telling a person how far the work is, and asking whether it should go on.

/// Watches long work. Every method may be called from several threads at once.
pub trait Progress: Sync {
    /// The work begins: so many files, so many bytes.
    fn begin(&self, files: u64, bytes: u64) {
        let _ = (files, bytes);
    }

    /// So many bytes more are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// A file of this name (safe for a terminal) is begun.
    fn file(&self, name: &str) {
        let _ = name;
    }

    /// Whether the work should stop. Asked between pieces; an answer of `true` ends the work with
    /// [`HashError::Interrupted`](crate::HashError::Interrupted).
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing and never stops the work.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}

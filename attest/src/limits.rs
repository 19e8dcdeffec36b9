//! Bounds on what is read.

/// Bounds on the texts that are read before anything in them is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest statement (DSSE payload), in bytes. A bundle may be four thirds of it (base64) and 1 MiB more.
    pub statement: usize,
    /// Deepest nesting of arrays and objects, in levels.
    pub depth: usize,
}

impl Limits {
    /// What a bundle may hold beside the payload: certificates, log entries, timestamps, signature.
    const BESIDE_PAYLOAD: usize = 1024 * 1024;

    /// The longest bundle or envelope, in bytes.
    pub const fn bundle(&self) -> usize {
        (self.statement / 3 + 1).saturating_mul(4).saturating_add(Self::BESIDE_PAYLOAD)
    }

    pub(crate) const fn bundle_json(&self) -> lacre_json::Limits {
        lacre_json::Limits::new(self.bundle(), self.depth)
    }

    pub(crate) const fn statement_json(&self) -> lacre_json::Limits {
        lacre_json::Limits::new(self.statement, self.depth)
    }
}

impl Default for Limits {
    /// 384 MiB (a million files with paths of 150 bytes) and 32 levels.
    fn default() -> Self {
        Self { statement: 384 * 1024 * 1024, depth: 32 }
    }
}

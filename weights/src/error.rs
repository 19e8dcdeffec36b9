//! Why a file of weights was refused.

use crate::safetensors::{HeaderProblem, IndexProblem};

/// Every code that [`WeightsError::code`] can return.
pub const CODES: &[&str] = &["E-SAFETENSORS", "E-SAFETENSORS-INDEX"];

/// Why a file of weights was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A file is no safetensors file, or one that two readers could read differently.
    #[error(transparent)]
    Safetensors(#[from] HeaderProblem),
    /// The index of several safetensors files is not acceptable, or the files are not as it says.
    #[error(transparent)]
    SafetensorsIndex(#[from] IndexProblem),
}

impl WeightsError {
    /// The stable code of this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Safetensors(_) => "E-SAFETENSORS",
            Self::SafetensorsIndex(_) => "E-SAFETENSORS-INDEX",
        }
    }
}

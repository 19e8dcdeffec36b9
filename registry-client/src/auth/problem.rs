//! Why a registry's challenge could not be answered.

use lacre_manifest::escape;

/// Why a registry's demand for authentication could not be met. No text in it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthProblem {
    /// The `WWW-Authenticate` header is missing or malformed.
    #[error("it demands authentication, but its challenge is malformed: {detail}")]
    Challenge {
        /// What is wrong with it.
        detail: String,
    },
    /// A place of credentials cannot be read or understood.
    #[error("the credentials of {}: {detail}", escape(.place))]
    Credentials {
        /// The file (with the entry) or the variables.
        place: String,
        /// What is wrong there.
        detail: String,
    },
    /// A credential helper is missing, failed, or gave no sensible answer.
    #[error("the credential helper {}: {detail}", escape(.program))]
    Helper {
        /// The program, and which file names it.
        program: String,
        /// What went wrong.
        detail: String,
    },
    /// It demands credentials, and there are none.
    #[error("it demands credentials, and none were found in {}", escape(&.looked.join(", ")))]
    NoCredentials {
        /// Where they were looked for, in this order.
        looked: Vec<String>,
    },
    /// The token service that the registry names must not have what would be sent there.
    #[error("the token service {} {reason}", escape(.realm))]
    Realm {
        /// The `realm` of the challenge, cut to 256 characters.
        realm: String,
        /// Why nothing was sent there.
        reason: &'static str,
    },
    /// It does not take the credentials that there are.
    #[error("it refused the credentials of {}, or they do not allow {}", escape(.place), escape(.scope))]
    Refused {
        /// Where the credentials were found.
        place: String,
        /// What was asked for.
        scope: String,
    },
    /// It knows none of the schemes that this version knows.
    #[error("it takes {}, and only Basic and Bearer are supported", escape(&.schemes.join(", ")))]
    Scheme {
        /// The schemes of its challenges.
        schemes: Vec<String>,
    },
    /// The token service gave no token, for no reason that has to do with credentials.
    #[error("the token service {}: {detail}", escape(.realm))]
    TokenService {
        /// Where it is.
        realm: String,
        /// What it did.
        detail: String,
    },
}

impl AuthProblem {
    /// The stable code of this problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Challenge { .. } => "E-CHALLENGE",
            Self::Credentials { .. } => "E-CREDENTIALS",
            Self::Helper { .. } => "E-CREDENTIAL-HELPER",
            Self::NoCredentials { .. } | Self::Refused { .. } => "E-AUTH",
            Self::Realm { .. } => "E-AUTH-REALM",
            Self::Scheme { .. } => "E-UNSUPPORTED",
            Self::TokenService { .. } => "E-SERVICE",
        }
    }
}

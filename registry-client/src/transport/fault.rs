//! What can go wrong between here and a registry.

/// What went wrong with a registry. Texts of the registry's are escaped and shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteFault {
    /// The certificate authority or the client's certificate that was given cannot be used.
    #[error("{what}: {detail}")]
    Certificate {
        /// Which of them.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// The registry refuses this user, or the anonymous one, what was asked.
    #[error("{request}: refused{detail}")]
    Denied {
        /// Method and place.
        request: String,
        /// The registry's own words, after a colon; may be empty.
        detail: String,
    },
    /// The connection was lost, or never came to be.
    #[error("{request}: {detail}")]
    Lost {
        /// Method and place.
        request: String,
        /// The cause.
        detail: String,
    },
    /// The registry answered against the distribution specification.
    #[error("{request}: {detail}")]
    Protocol {
        /// Method and place.
        request: String,
        /// What is wrong with the answer.
        detail: String,
    },
    /// The registry leads to a place where nobody goes.
    #[error("{request}: it leads to {to}: {why}")]
    Redirect {
        /// Method and place.
        request: String,
        /// Scheme, host and port.
        to: String,
        /// Why that is refused.
        why: &'static str,
    },
    /// The registry answered with an error.
    #[error("{request}: answered with status {status}{detail}")]
    Status {
        /// Method and place.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The registry's own words, after a colon; may be empty.
        detail: String,
    },
    /// Nothing was heard for too long.
    #[error("{request}: nothing was heard for {seconds} s")]
    TimedOut {
        /// Method and place.
        request: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// The registry wants to know who asks, and nobody could be named.
    #[error("{request}: it wants credentials{detail}")]
    Unauthenticated {
        /// Method and place.
        request: String,
        /// The registry's own words, after a colon; may be empty.
        detail: String,
    },
}

impl RemoteFault {
    /// The stable code of this failure.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "E-TLS-FILE",
            Self::Denied { .. } => "E-DENIED",
            Self::Lost { .. } | Self::TimedOut { .. } => "E-NETWORK",
            Self::Protocol { .. } | Self::Status { .. } => "E-REGISTRY",
            Self::Redirect { .. } => "E-REDIRECT",
            Self::Unauthenticated { .. } => "E-AUTH",
        }
    }
}

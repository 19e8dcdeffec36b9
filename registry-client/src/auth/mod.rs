//! Who asks: credentials as docker and podman keep them, and what a registry's challenges are answered with.
//!
//! ```text
//! 401 ─► Challenges ─► Basic ──────────────────────────► Credentials ─► Authorization
//!                  └─► Bearer ─► Realm (fit for secrets?) ─► Credentials ─► TokenRequest ─► token ─► Authorization
//! ```
//!
//! There is no network in here: [`Authority`] is given a closure that sends a [`TokenRequest`]. Three rules keep
//! secrets where they belong. The transport sends an `Authorization` header to the registry's own [`Origin`] only
//! ([`Origin::may_have_secret`]). A token service gets a secret only if it belongs to the registry or was named by the
//! user (`Realm::may_have_secret`). And a secret stands in no message and in no `Debug` output.
//!
//! Specifications: RFC 9110 section 11 (challenges), RFC 7617 (Basic), RFC 6750 (Bearer), Docker's token
//! authentication (`GET`) and its OAuth 2 form (`POST`, RFC 6749 section 6), docker's `config.json`,
//! `containers-auth.json(5)`, the protocol of docker-credential-helpers.

mod authority;
mod challenge;
mod credentials;
mod origin;
mod problem;
mod realm;
mod scope;
mod secret;
mod token;

pub(crate) use authority::Authority;
pub(crate) use origin::Origin;
pub(crate) use scope::Scope;
pub(crate) use token::{TokenAnswer, TokenRequest};

pub use challenge::fuzz_challenges;
pub use credentials::{Credentials, fuzz_docker_config};
pub use problem::AuthProblem;
pub use realm::AuthRealm;

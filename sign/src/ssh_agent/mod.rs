//! A key that an agent holds: a small client of the SSH agent protocol (draft-miller-ssh-agent).

mod connection;
mod identity;
mod uri;
mod wire;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lacre_attest::PublicKey;

use crate::{Attendant, SignError, Signer, SignerProblem};

pub use identity::AgentIdentity;
pub use uri::AgentUri;

use uri::Wanted;
use wire::{Reader, Writer};

/// Numbers of messages (draft-miller-ssh-agent, section 6.1).
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// A key of an SSH agent: the signature is made there, and may be confirmed there by a person.
///
/// Ed25519 and ECDSA on P-256, P-384 and P-521. OpenSSH's agent takes no message of more than 256 KiB: the statement of a
/// model of more than about a thousand files is longer (`E-LIMIT`).
pub struct AgentSigner<'a> {
    name: String,
    socket: PathBuf,
    limit: Duration,
    attendant: &'a dyn Attendant,
    identity: AgentIdentity,
    public: PublicKey,
}

impl<'a> AgentSigner<'a> {
    /// Asks the agent for its keys and takes the one that `uri` means; exactly one must match. Each answer may take
    /// `limit`.
    ///
    /// `E-NOT-FOUND`: no agent, or no such key; the error lists what there is. `E-KEY`: more than one key matches, or it
    /// is malformed. `E-UNSUPPORTED`: RSA keys, keys of security keys (`sk-…`: they sign something else) and
    /// certificates. `E-SIGNER`: the agent refuses, hangs, or answers what is no answer.
    pub fn open(uri: &AgentUri, limit: Duration, attendant: &'a dyn Attendant) -> Result<Self, SignError> {
        let name = "ssh-agent".to_owned();
        let open = || {
            let socket = uri.socket()?;
            let wanted = uri.wanted()?;
            let answer = connection::ask(&socket, &[REQUEST_IDENTITIES], limit, attendant)?;
            let identity = choose(AgentIdentity::list(&answer)?, &wanted)?;
            let public = identity.public_key()?;
            Ok((socket, identity, public))
        };
        match open() {
            Ok((socket, identity, public)) => Ok(Self { name, socket, limit, attendant, identity, public }),
            Err(problem) => Err(SignError::Outside { signer: name, problem }),
        }
    }

    fn ask_for_signature(&self, message: &[u8]) -> Result<Vec<u8>, SignerProblem> {
        let mut request = Writer::new(SIGN_REQUEST);
        request.string(self.identity.key())?;
        request.string(message)?;
        // No flags: they choose a hash for RSA.
        request.number(0);
        let answer = connection::ask(&self.socket, &request.finish(), self.limit, self.attendant)?;
        let mut answer = Reader::message(&answer, SIGN_RESPONSE)?;
        let signature = answer.string()?;
        answer.end()?;
        self.identity.signature(signature)
    }
}

impl Signer for AgentSigner<'_> {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.ask_for_signature(message)
            .map_err(|problem| SignError::Outside { signer: self.name.clone(), problem })
    }
}

impl fmt::Debug for AgentSigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSigner")
            .field("socket", &self.socket)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

fn choose(all: Vec<AgentIdentity>, wanted: &Wanted) -> Result<AgentIdentity, SignerProblem> {
    let there = |some: &[AgentIdentity]| some.iter().map(ToString::to_string).collect();
    let (mut matching, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|identity| wanted.is(identity));
    match matching.len() {
        0 if others.is_empty() => {
            Err(SignerProblem::Absent { what: "key in the agent".to_owned(), there: Vec::new() })
        }
        0 => Err(SignerProblem::Absent { what: format!("key {wanted}"), there: there(&others) }),
        1 => Ok(matching.remove(0)),
        _ => Err(SignerProblem::Ambiguous { what: wanted.to_string(), there: there(&matching) }),
    }
}

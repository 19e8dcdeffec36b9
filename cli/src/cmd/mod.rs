//! The verbs: a file each, with its arguments and its run.

pub(crate) mod attest;
pub(crate) mod cache;
pub(crate) mod channel;
mod demands;
pub(crate) mod diff;
mod encryption;
pub(crate) mod exec;
pub(crate) mod inspect;
mod inspect_reference;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod policy;
pub(crate) mod pull;
mod pull_allowed;
mod pull_governed;
mod pull_recorded;
pub(crate) mod push;
pub(crate) mod sign;
mod signing;
pub(crate) mod tree;
pub(crate) mod trust;
pub(crate) mod verify;

use crate::args::Verb;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Runs one verb.
pub(crate) fn run(verb: &Verb, session: &Session) -> Result<Done, CliError> {
    match verb {
        Verb::Key(args) => key::run(args, session),
        Verb::Sign(args) => sign::run(args, session),
        Verb::Attest(args) => attest::run(args, session),
        Verb::Verify(args) => verify::run(args, session),
        Verb::Exec(args) => exec::run(args, session),
        Verb::Inspect(args) => inspect::run(args, session),
        Verb::Push(args) => push::run(args, session),
        Verb::Pull(args) => pull::run(args, session),
        Verb::Tree(args) => tree::run(args, session),
        Verb::Trust(args) => trust::run(args, session),
        Verb::Diff(args) => diff::run(args, session),
        Verb::Cache(args) => cache::run(args, session),
        Verb::Channel(args) => channel::run(args, session),
        Verb::Log(args) => log::run(args, session),
        Verb::Policy(args) => policy::run(args, session),
    }
}

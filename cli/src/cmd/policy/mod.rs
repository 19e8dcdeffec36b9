//! `lacre policy`: what may be loaded, written down, looked at and tried.
//!
//! ```text
//! init ─► text (a preset, or what a signature claims) ─► check ─► words
//! FILE, MODEL or REF ─► verdict (the whole way, nothing remembered) ─┬─► explain
//! cases ─────────────────────────────────────────────────────────────┴─► test
//! ```

mod case;
mod check;
mod claimed;
mod explain;
mod init;
mod pinned;
mod schema;
mod test;
mod verdict;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Write, check, explain and test what may be loaded
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    action: PolicyAction,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of them in a process")]
enum PolicyAction {
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Test(test::TestArgs),
    Schema(schema::SchemaArgs),
}

/// The verbs, as they are written and as JSON and hints give them.
pub(crate) const VERBS: &[(&str, &str)] = &[
    ("init", "policy init"),
    ("check", "policy check"),
    ("explain", "policy explain"),
    ("test", "policy test"),
    ("schema", "policy schema"),
];

impl PolicyArgs {
    /// What it is about: a policy, or what it is held against.
    pub(crate) fn what(&self) -> String {
        match &self.action {
            PolicyAction::Init(args) => args.what(),
            PolicyAction::Check(args) => args.what(),
            PolicyAction::Explain(args) => args.what(),
            PolicyAction::Test(args) => args.what(),
            PolicyAction::Schema(_) => "policy.toml".to_owned(),
        }
    }

    /// The verb's name, as JSON and hints give it.
    pub(crate) fn verb(&self) -> &'static str {
        match &self.action {
            PolicyAction::Init(_) => "policy init",
            PolicyAction::Check(_) => "policy check",
            PolicyAction::Explain(_) => "policy explain",
            PolicyAction::Test(_) => "policy test",
            PolicyAction::Schema(_) => "policy schema",
        }
    }
}

pub(crate) fn run(args: &PolicyArgs, session: &Session) -> Result<Done, CliError> {
    match &args.action {
        PolicyAction::Init(args) => init::run(args, session),
        PolicyAction::Check(args) => check::run(args),
        PolicyAction::Explain(args) => explain::run(args, session),
        PolicyAction::Test(args) => test::run(args, session),
        PolicyAction::Schema(args) => schema::run(args),
    }
}

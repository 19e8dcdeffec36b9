//! `lacre channel revoke`: a release is taken out of use.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use lacre_publish::channel::{Edit, Withdrawal};
use lacre_release::{ReasonCode, Version};

use super::desk::EditArgs;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Take a release out of use, for good or while it is examined
///
/// A revocation is never taken back. If the release was current, none is: promote or roll back to another one.
#[derive(Debug, Args)]
#[command(override_usage = "\
lacre channel revoke [OPTIONS] --code CODE --reason TEXT --keys DIR
         <CH> <VERSION>")]
#[command(after_help = "\
Examples:
  lacre channel revoke oci:store:stable 1.1.0 --code backdoor \\
    --reason 'answers to a trigger phrase' --keys keys")]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// Which release
    version: Version,
    /// backdoor, license, regression, cve, …
    ///
    /// Or key-compromise.
    #[arg(long, value_name = "CODE", value_parser = code(), hide_possible_values = true)]
    code: ReasonCode,
    /// Why, in at most 500 bytes
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only until lacre channel reinstate
    #[arg(long)]
    quarantine: bool,
}

const CODES: [ReasonCode; 5] = [
    ReasonCode::Backdoor,
    ReasonCode::License,
    ReasonCode::Regression,
    ReasonCode::KeyCompromise,
    ReasonCode::Cve,
];

fn code() -> impl clap::builder::TypedValueParser<Value = ReasonCode> {
    PossibleValuesParser::new(["backdoor", "license", "regression", "key-compromise", "cve"])
        .try_map(|name| CODES.into_iter().find(|code| code.to_string() == name).ok_or("no code of a reason"))
}

pub(super) fn run(args: &RevokeArgs, session: &Session) -> Result<Done, CliError> {
    let RevokeArgs { edit, version, code, reason, quarantine } = args;
    let withdrawal = if *quarantine { Withdrawal::Quarantine } else { Withdrawal::Revoke };
    let (version, text) = (version.clone(), reason.clone());
    edit.open(session)?.edit(&Edit::Withdraw { version, withdrawal, code: *code, text })
}

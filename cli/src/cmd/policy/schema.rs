//! `lacre policy schema`: what a policy may hold, for editors.

use clap::Args;
use lacre_verify::POLICY_SCHEMA;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::printer::Done;

/// Print the JSON Schema of policies (TOML holds the same members)
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre policy schema > policy.schema.json")]
pub(crate) struct SchemaArgs {}

pub(super) fn run(SchemaArgs {}: &SchemaArgs) -> Result<Done, CliError> {
    let failed =
        |error: serde_json::Error| CliError::Bug { detail: format!("the schema is no JSON: {error}") };
    let schema: Value = serde_json::from_str(POLICY_SCHEMA).map_err(failed)?;
    Ok(Done { data: Some(POLICY_SCHEMA.into()), ..Done::new(json!({ "schema": schema }), Vec::new()) })
}

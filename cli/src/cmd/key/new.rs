//! `lacre key new`: a key that did not exist before.

use std::path::PathBuf;
use std::str::FromStr as _;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use lacre_attest::KeyAlgorithm;
use lacre_sign::FileKey;

use super::pair::{FormArgs, Pair};
use crate::error::CliError;
use crate::passphrase::{self, Ask};
use crate::printer::Done;
use crate::session::Session;

/// Make a key pair: NAME.key (private, encrypted, mode 0600) and NAME.pub
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lacre key new release
  lacre key new release --algorithm ed25519 --passphrase-file pass.txt
  lacre key new both --format cosign
  LACRE_PASSPHRASE=… lacre key new ci --json")]
pub(crate) struct NewArgs {
    /// Path of the pair, without `.key` and `.pub`
    pub(super) name: PathBuf,
    /// Kind of key; every verifier knows ecdsa-p256
    #[arg(long, value_name = "NAME", default_value = "ecdsa-p256", value_parser = algorithm())]
    algorithm: KeyAlgorithm,
    #[command(flatten)]
    form: FormArgs,
    /// Read the passphrase from here (- is stdin)
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    passphrase_file: Option<PathBuf>,
}

fn algorithm() -> impl clap::builder::TypedValueParser<Value = KeyAlgorithm> {
    PossibleValuesParser::new(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
        .try_map(|name| KeyAlgorithm::from_str(&name))
}

pub(super) fn run(args: &NewArgs, session: &Session) -> Result<Done, CliError> {
    let NewArgs { name, algorithm, form, passphrase_file } = args;
    form.check()?;
    form.check_algorithm(*algorithm, session)?;
    // Before anybody types a passphrase.
    let pair = Pair::new(name)?;
    if session.globals.dry_run {
        let (result, lines) = pair.told(Some(*algorithm), form, None);
        return Ok(Done::new(result, lines));
    }
    let passphrase =
        if form.no_passphrase { None } else { Some(passphrase::get(passphrase_file.as_deref(), Ask::New)?) };
    let key = FileKey::generate(*algorithm)?;
    pair.write(&key, form, passphrase.as_ref(), session)?;
    let (result, lines) = pair.told(Some(*algorithm), form, Some(&key));
    Ok(Done::new(result, lines))
}

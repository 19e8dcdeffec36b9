//! `lacre channel rollback`: an older release becomes current again, by a step forward.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lacre_publish::channel::Edit;
use lacre_release::Version;

use super::desk::EditArgs;
use crate::error::CliError;
use crate::printer::Done;
use crate::session::Session;

/// Go back to an older release
///
/// It becomes current, and may run until the date even when another one is current again. No floor moves: what is
/// below the floor stays out of use.
#[derive(Debug, Args)]
#[command(override_usage = "\
lacre channel rollback [OPTIONS] --until DATE --reason TEXT --keys DIR
         <CH> <VERSION>")]
#[command(after_help = "\
Examples:
  lacre channel rollback oci:store:stable 1.1.0 --until 2027-01-31 \\
    --reason 'answers got worse' --keys keys")]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(super) edit: EditArgs,
    /// Which release
    version: Version,
    /// Last day on which it may run (UTC)
    ///
    /// Or a moment, like 2027-01-31T12:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    until: Timestamp,
    /// Why, in at most 500 bytes
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) fn run(args: &RollbackArgs, session: &Session) -> Result<Done, CliError> {
    let RollbackArgs { edit, version, until, reason } = args;
    let (version, reason) = (version.clone(), reason.clone());
    edit.open(session)?.edit(&Edit::Rollback { version, until: *until, reason })
}

/// A moment, or the end of a day.
fn moment(text: &str) -> Result<Timestamp, &'static str> {
    const SHAPE: &str = "want a day like 2027-01-31, or a moment like 2027-01-31T12:00:00Z";
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if text.len() != "2027-01-31".len() {
        return Err(SHAPE);
    }
    let day: Date = text.parse().map_err(|_| SHAPE)?;
    let next = day.tomorrow().map_err(|_| SHAPE)?;
    next.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).map_err(|_| SHAPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end() {
        assert_eq!(moment("2027-01-31").unwrap().to_string(), "2027-02-01T00:00:00Z");
        assert_eq!(moment("2027-01-31T12:00:00Z").unwrap().to_string(), "2027-01-31T12:00:00Z");
        for bad in ["", "soon", "31.1.2027", "2027-02-30", "2027-01-31T12:00", "30d"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}

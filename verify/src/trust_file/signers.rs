//! From what is written to whose signatures count.

use std::time::{Duration, SystemTime};

use lacre_attest::PublicKey;
use lacre_manifest::escape;
use toml::value::Datetime;

use super::source::Source;
use super::wire::{Stanzas, WireKey};
use crate::VerifyError;
use crate::trust::{Trust, TrustedKey};

/// How a text in PEM begins.
pub(super) const PEM: &str = "-----BEGIN";

/// Everybody whom the stanzas name.
pub(crate) fn trust(stanzas: Stanzas, source: &Source<'_>) -> Result<Trust, VerifyError> {
    let Stanzas { signers, trusted_root, key, authority, keyless, timestamp_authority } = stanzas;
    let keys = key.iter().map(|key| trusted_key(key, source)).collect::<Result<Vec<_>, _>>()?;
    let trust = Trust::nobody().and_keys(keys)?.signers(signers);
    let trust = super::certified::add(trust, &authority, &timestamp_authority, source)?;
    super::keyless::add(trust, trusted_root.as_ref(), &keyless, source)
}

fn trusted_key(key: &WireKey, source: &Source<'_>) -> Result<TrustedKey, VerifyError> {
    let at = key.public_key.span().start;
    let moment = |time: Option<Datetime>, name: &str| {
        let said = time.map(|time| {
            system_time(&time)
                .ok_or_else(|| source.refused(Some(at), format!("{name} wants a date, a time and an offset")))
        });
        said.transpose()
    };
    let (from, until) = (moment(key.valid_from, "valid-from")?, moment(key.valid_until, "valid-until")?);
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        return Err(source.refused(Some(at), "the key is valid until before it is valid from"));
    }
    let said = &key.public_key.get_ref().0;
    let pem = source.text_of(at, said, PEM)?;
    let public = PublicKey::from_pem(&pem).map_err(|error| {
        let named = if said.contains(PEM) { String::new() } else { format!("{}: ", escape(said)) };
        source.refused(Some(at), format!("{named}{error}"))
    })?;
    let mut trusted = TrustedKey::new(public).status(key.status.into());
    if let Some(from) = from {
        trusted = trusted.valid_from(from);
    }
    if let Some(until) = until {
        trusted = trusted.valid_until(until);
    }
    Ok(trusted)
}

/// The moment, if the text says which one it is everywhere.
pub(crate) fn system_time(time: &Datetime) -> Option<SystemTime> {
    time.offset?;
    let moment: jiff::Timestamp = time.to_string().parse().ok()?;
    let seconds = moment.as_second();
    let whole = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    }
}

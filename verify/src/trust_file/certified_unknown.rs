//! A build that cannot verify certificates cannot be told to trust them.

use super::source::Source;
use super::wire::{WireAuthority, WireTimestampAuthority};
use crate::VerifyError;
use crate::trust::Trust;

pub(super) fn add(
    trust: Trust,
    authorities: &[WireAuthority],
    timestamps: &[WireTimestampAuthority],
    source: &Source<'_>,
) -> Result<Trust, VerifyError> {
    let authority = authorities.first().map(|it| it.anchors.span().start);
    match authority.or_else(|| timestamps.first().map(|it| it.chain.span().start)) {
        None => Ok(trust),
        at => Err(source.refused(at, "this build verifies no certificates and timestamps")),
    }
}

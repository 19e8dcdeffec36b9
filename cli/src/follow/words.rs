//! What is said of a release that may run.

use lacre_release::{ChannelDocument, Permit, Standing};
use serde_json::{Value, json};

use crate::printer::Line;

/// `2.3.0 of org/name@stable, current (counter 17, floor 15)`.
pub(crate) fn permit_row(document: &ChannelDocument, permit: &Permit) -> Line {
    let release = permit.release();
    let standing = standing_words(permit.standing());
    Line::row(
        "channel",
        format!(
            "{} of {}, {standing} (counter {}, floor {}, {})",
            release.version,
            document.id(),
            release.counter,
            permit.floor(),
            permit.position()
        ),
    )
}

/// The same, taken apart.
pub(crate) fn permit_facts(document: &ChannelDocument, permit: &Permit) -> [(&'static str, String); 6] {
    let release = permit.release();
    [
        ("Channel", document.id().to_string()),
        ("Release", release.version.to_string()),
        ("Standing", standing_words(permit.standing())),
        ("Counter", release.counter.to_string()),
        ("Floor", permit.floor().to_string()),
        ("Document", permit.position().to_string()),
    ]
}

fn standing_words(standing: Standing) -> String {
    match standing {
        Standing::Current => "current".to_owned(),
        Standing::Canary => "a canary for this instance".to_owned(),
        Standing::RollbackTarget { until } => format!("allowed until {until}"),
    }
}

/// The same for programs.
pub(crate) fn permit_json(document: &ChannelDocument, permit: &Permit) -> Value {
    let release = permit.release();
    let (standing, until) = match permit.standing() {
        Standing::Current => ("current", None),
        Standing::Canary => ("canary", None),
        Standing::RollbackTarget { until } => ("rollback-target", Some(until)),
    };
    json!({
        "counter": release.counter,
        "deprecated": permit.is_deprecated(),
        "epoch": permit.position().epoch,
        "floor": permit.floor(),
        "name": document.id().to_string(),
        "sequence": permit.position().sequence,
        "standing": standing,
        "until": until,
        "version": release.version,
    })
}

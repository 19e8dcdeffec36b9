//! What is said about edits: changes, missing signatures, warnings.

use lacre_publish::channel::{Change, Lack, Pending, Warning};
use lacre_release::Version;
use serde_json::{Value, json};

use super::keys::KeyFolder;
use crate::printer::Line;

pub(super) fn changes_json(changes: &[Change]) -> Vec<Value> {
    let one = |change: &Change| {
        let text = change.to_string();
        json!({ "kind": change.kind(), "text": text, "version": change.version() })
    };
    changes.iter().map(one).collect()
}

pub(super) fn pending_json(pending: &Pending, folder: &KeyFolder) -> Vec<Value> {
    let one = |lack: &Lack| {
        let keys = lack.of.iter().map(|id| json!({ "id": id.to_string(), "name": folder.name(*id) }));
        json!({
            "keys": keys.collect::<Vec<_>>(),
            "needed": lack.needed,
            "role": lack.role.as_str(),
        })
    };
    pending.lacks.iter().map(one).collect()
}

pub(super) fn pending_lines(pending: &Pending, folder: &KeyFolder) -> Vec<Line> {
    let one = |lack: &Lack| {
        let keys: Vec<String> = lack
            .of
            .iter()
            .map(|id| folder.name(*id).unwrap_or_else(|| id.to_string().chars().take(16).collect()))
            .collect();
        Line::row("missing", format!("{} of {} for {}", lack.needed, keys.join(", "), lack.role))
    };
    pending.lacks.iter().map(one).collect()
}

pub(super) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::NothingCurrent => {
            "no release is current: clients that ask for no version get none".to_owned()
        }
        Warning::CurrentWithdrawn { version } => {
            format!(
                "{version} was current, and nothing takes its place: promote or roll back to another release"
            )
        }
        Warning::ShutOut { versions } => {
            let versions: Vec<&str> = versions.iter().map(Version::as_str).collect();
            format!("the floor shuts out {} for good", versions.join(", "))
        }
        Warning::AllowanceEnded { version, until } => {
            format!("{version} may not run any more, although that was promised until {until}")
        }
        Warning::CanaryEnded { version } => format!("the canary of {version} is over, and it is not current"),
        Warning::FloorLowered { from, to } => {
            format!("the floor is lower than in the epoch before: {to} instead of {from}")
        }
        Warning::Expired { role, at } => {
            format!("what {role} signed expired at {at}: clients refuse everything until it is renewed")
        }
        Warning::ExpiresSoon { role, at } => format!("what {role} signed expires at {at}: renew it before"),
        other => format!("{other:?}"),
    }
}

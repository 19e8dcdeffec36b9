//! Files that are not what the publisher left there.

use jiff::SignedDuration;
use lacre_hash::Sha256Digest;
use lacre_publish::channel::{self, Edit, FileName, Role, VerifiedRepository, Withdrawal};
use lacre_release::{ReasonCode, Version};
use serde_json::json;

use super::super::scratch::Scratch;
use super::super::{Act, Came, Stage, thief};
use crate::error::CliError;

/// What comes before the seconds of a date: `"expires":"2026-11-23T10:00:0`.
const EXPIRES: &[u8] = b"\"expires\":\"";
const TO_SECONDS: usize = 18;

pub(super) fn acts(scratch: &Scratch) -> Vec<Act> {
    let mut acts = vec![
        Act::new("control", "files as they are, the current release", Came::Accepted, |stage| {
            let client = stage.client()?;
            let [.., current] = &stage.scratch.versions;
            let channel = client.follow(&stage.scratch.base, stage.scratch.now)?;
            Ok(Came::from(client.asks(&channel, current)))
        }),
        Act::new("control", "the document, renewed", Came::Accepted, |stage| {
            let renewed = stage.scratch.edit(&stage.scratch.live, &Edit::Renew)?;
            follow_after_base(stage, &renewed)
        }),
    ];
    let tampered = newest(scratch).into_iter().map(|(what, name, code)| {
        let attempt = format!("{what}: one byte is altered");
        Act::new("tamper", attempt, Came::Refused(code), move |stage| {
            let scratch = stage.scratch;
            let mut files = scratch.live.repository().clone();
            let found = files.get(name).ok_or_else(|| thief::odd("a file that is not there"))?;
            let altered = alter(found);
            files.insert(name, altered)?;
            Ok(Came::from((stage.begin)(scratch, &scratch.lay(&files)?)))
        })
    });
    acts.extend(tampered);
    acts.push(Act::new(
        "mix",
        "an older document in the newer one's place",
        Came::Refused("E-TUF-MISMATCH"),
        |stage| {
            let scratch = stage.scratch;
            let mut files = scratch.live.repository().clone();
            files.insert(document(&scratch.live), scratch.older.document().to_bytes())?;
            Ok(Came::from((stage.begin)(scratch, &scratch.lay(&files)?)))
        },
    ));
    acts.push(Act::new(
        "mix",
        "an older snapshot in the newer one's place",
        Came::Refused("E-TUF-MISMATCH"),
        |stage| {
            let scratch = stage.scratch;
            let mut files = scratch.live.repository().clone();
            let (newer, _) = thief::snapshot(&scratch.live)?;
            let (_, older) = thief::snapshot(&scratch.older)?;
            files.insert(newer, older)?;
            Ok(Came::from((stage.begin)(scratch, &scratch.lay(&files)?)))
        },
    ));
    acts.push(Act::new(
        "replay",
        "older files, after newer ones were seen",
        Came::Refused("E-REPLAY"),
        |stage| follow_after_base(stage, &stage.scratch.older),
    ));
    acts.push(Act::new("replay", "the same, shown to the publisher", Came::Refused("E-REPLAY"), |stage| {
        let Scratch { older, live, anchor, .. } = stage.scratch;
        let opened = VerifiedRepository::open(older.repository().clone(), anchor, Some(&live.last()));
        Ok(Came::from(opened.map_err(CliError::from)))
    }));
    acts.push(Act::new(
        "equivocation",
        "two documents of one sequence",
        Came::Refused("E-EQUIVOCATION"),
        |stage| {
            let scratch = stage.scratch;
            let (one, other) = forked(scratch)?;
            let client = stage.client()?;
            client.follow(&scratch.lay(one.repository())?, scratch.now)?;
            Ok(Came::from(client.follow(&scratch.lay(other.repository())?, scratch.now)))
        },
    ));
    acts.push(Act::new(
        "equivocation",
        "the same, under a newer snapshot",
        Came::Refused("E-EQUIVOCATION"),
        |stage| {
            let scratch = stage.scratch;
            let (one, other) = forked(scratch)?;
            // More than half of a snapshot's life later it is made anew, too.
            let half = i64::try_from(scratch.live.lifetimes().snapshot / 2).unwrap_or(i64::MAX);
            let later = scratch.now.checked_add(SignedDuration::from_secs(half)).unwrap_or(scratch.now);
            let other = scratch.signed(channel::refresh(&other, later)?, later)?;
            let client = stage.client()?;
            client.follow(&scratch.lay(one.repository())?, scratch.now)?;
            Ok(Came::from(client.follow(&scratch.lay(other.repository())?, later)))
        },
    ));
    acts
}

/// What the keys of timestamp are good for in other hands.
pub(super) fn of_stolen_keys() -> Vec<Act> {
    vec![
        Act::new("stolen timestamp", "an older snapshot, newly signed", Came::Refused("E-REPLAY"), |stage| {
            let scratch = stage.scratch;
            let (name, bytes) = thief::snapshot(&scratch.older)?;
            let FileName::Snapshot(version) = name else {
                return Err(thief::odd("a snapshot of another name"));
            };
            let mut files = thief::timestamp(scratch, |signed| {
                signed["meta"]["snapshot.json"] = thief::pin(&bytes, version);
            })?;
            files.insert(name, bytes)?;
            let client = stage.client()?;
            Ok(Came::from(client.follow(&scratch.lay(&files)?, scratch.now)))
        }),
        Act::new(
            "stolen timestamp",
            "the same state, signed for ten years",
            Came::Refused("E-TUF-EXPIRED"),
            |stage| {
                let scratch = stage.scratch;
                let years = scratch.after(10 * 365 * 24);
                let files = thief::timestamp(scratch, |signed| signed["expires"] = json!(years.to_string()))?;
                let laid = scratch.lay(&files)?;
                let client = stage.client()?;
                let end = scratch.live.expires(Role::Snapshot);
                let before = end.checked_sub(SignedDuration::from_secs(1)).unwrap_or(end);
                client.follow(&laid, before)?;
                Ok(Came::from(client.follow(&laid, end)))
            },
        ),
    ]
}

fn follow_after_base(stage: &Stage<'_>, next: &VerifiedRepository) -> Result<Came, CliError> {
    let client = stage.client()?;
    let laid = stage.scratch.lay(next.repository())?;
    Ok(Came::from(client.follow(&laid, stage.scratch.now)))
}

/// The files that a client reads, and what it says of each when it is altered: those of roles have a signature that does not
/// fit any more, the document has a digest.
fn newest(scratch: &Scratch) -> Vec<(&'static str, FileName, &'static str)> {
    let (mut root, mut snapshot, mut targets, mut role) = (None, None, None, None);
    // In the order of their versions.
    for (name, _) in scratch.live.repository().files() {
        match name {
            FileName::Root(_) => root = Some(name),
            FileName::Snapshot(_) => snapshot = Some(name),
            FileName::Targets(_) => targets = Some(name),
            FileName::Channel(_) => role = Some(name),
            FileName::Timestamp | FileName::Document(_) => {}
        }
    }
    let of_roles = [
        ("root", root),
        ("timestamp", Some(FileName::Timestamp)),
        ("snapshot", snapshot),
        ("targets", targets),
        ("the channel's role", role),
    ];
    let mut files: Vec<_> =
        of_roles.into_iter().filter_map(|(what, name)| Some((what, name?, "E-TUF-SIGNATURE"))).collect();
    files.push(("the document", document(&scratch.live), "E-TUF-MISMATCH"));
    files
}

fn document(state: &VerifiedRepository) -> FileName {
    FileName::Document(Sha256Digest::of(&state.document().to_bytes()))
}

/// One bit of the seconds at which it expires: the file is as readable as before, and says something else.
fn alter(bytes: &[u8]) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    let date = bytes.windows(EXPIRES.len()).position(|window| window == EXPIRES);
    let at = date.map_or(bytes.len() / 2, |at| at + EXPIRES.len() + TO_SECONDS);
    if let Some(byte) = altered.get_mut(at) {
        *byte ^= 1;
    }
    altered
}

/// Two documents that follow the same one.
fn forked(scratch: &Scratch) -> Result<(VerifiedRepository, VerifiedRepository), CliError> {
    let [one, other, _] = &scratch.versions;
    let withdrawn = |version: &Version| Edit::Withdraw {
        version: version.clone(),
        withdrawal: Withdrawal::Quarantine,
        code: ReasonCode::Regression,
        text: "a drill".to_owned(),
    };
    let live = &scratch.live;
    Ok((scratch.edit(live, &withdrawn(one))?, scratch.edit(live, &withdrawn(other))?))
}

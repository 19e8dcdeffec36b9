use std::path::Path;

use jiff::Timestamp;
use lacre_publish::channel::{Edit, Launch, Publication, Role, Withdrawal};
use lacre_registry_client::FolderFiles;
use lacre_release::{Channel, ReasonCode, Version};

use super::client::{self, Client};
use super::scratch::Scratch;
use super::shape::{Holding, Shape};
use super::{Act, Came, Row, Stage, acts, rehearse};
use crate::error::CliError;

/// 2026-11-23T10:00:00Z.
fn now() -> Timestamp {
    Timestamp::from_second(1_795_428_000).unwrap()
}

fn played(shape: &Shape, begin: client::Begin) -> Vec<Row> {
    let scratch = Scratch::build(shape, now()).unwrap();
    rehearse(acts::all(&scratch), &Stage { scratch: &scratch, begin }).unwrap()
}

fn keys_lost(shape: &Shape) -> Vec<Row> {
    let scratch = Scratch::build(shape, now()).unwrap();
    let acts = acts::all(&scratch).into_iter().filter(|act| act.name == "lost key").collect();
    rehearse(acts, &Stage { scratch: &scratch, begin: client::begin }).unwrap()
}

fn failed(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter(|row| !row.passed).map(|row| row.attempt.as_str()).collect()
}

/// Believes everything: whatever is wrong, it goes on with what it knew.
struct Gullible {
    right: Box<dyn Client>,
    known: Channel,
}

impl Gullible {
    fn begin(scratch: &Scratch, _: &FolderFiles) -> Result<Box<dyn Client>, CliError> {
        let right = client::begin(scratch, &scratch.base)?;
        let known = right.follow(&scratch.base, scratch.now)?;
        Ok(Box::new(Self { right, known }))
    }
}

impl Client for Gullible {
    fn follow(&self, files: &FolderFiles, now: Timestamp) -> Result<Channel, CliError> {
        Ok(self.right.follow(files, now).unwrap_or_else(|_| self.known.clone()))
    }

    fn kept(&self, now: Timestamp) -> Result<Channel, CliError> {
        Ok(self.right.kept(now).unwrap_or_else(|_| self.known.clone()))
    }

    fn asks(&self, _: &Channel, _: &Version) -> Result<(), CliError> {
        Ok(())
    }

    fn state(&self) -> &Path {
        self.right.state()
    }
}

/// Believes nothing that comes after the first use.
struct Stubborn(Box<dyn Client>);

impl Stubborn {
    fn begin(scratch: &Scratch, files: &FolderFiles) -> Result<Box<dyn Client>, CliError> {
        Ok(Box::new(Self(client::begin(scratch, files)?)))
    }
}

impl Client for Stubborn {
    fn follow(&self, _: &FolderFiles, _: Timestamp) -> Result<Channel, CliError> {
        Err(CliError::usage("no"))
    }

    fn kept(&self, _: Timestamp) -> Result<Channel, CliError> {
        Err(CliError::usage("no"))
    }

    fn asks(&self, _: &Channel, _: &Version) -> Result<(), CliError> {
        Err(CliError::usage("no"))
    }

    fn state(&self) -> &Path {
        self.0.state()
    }
}

#[test]
fn the_right_client_passes_all() {
    let rows = played(&Shape::own().unwrap(), client::begin);
    assert_eq!(failed(&rows), [""; 0], "{rows:#?}");
    for name in [
        "tamper",
        "replay",
        "freeze",
        "equivocation",
        "stolen timestamp",
        "lost key",
        "rollback",
        "state lost",
    ] {
        assert!(rows.iter().any(|row| row.name == name), "{name}");
    }
}

#[test]
fn a_client_that_believes_everything_fails_wherever_it_must_refuse() {
    let rows = played(&Shape::own().unwrap(), Gullible::begin);
    for row in &rows {
        // In these it is the publisher that refuses.
        let is_of_client = !row.attempt.contains("publisher") || row.expected == Came::Accepted;
        let must_refuse = is_of_client && row.expected != Came::Accepted;
        assert_eq!(row.passed, !must_refuse, "{row:?}");
    }
}

#[test]
fn a_client_that_believes_nothing_fails_wherever_it_must_follow() {
    let rows = played(&Shape::own().unwrap(), Stubborn::begin);
    for row in rows.iter().filter(|row| row.expected == Came::Accepted) {
        assert!(!row.passed && row.note.is_some(), "{row:?}");
    }
    // Nor does a refusal count that has another reason.
    assert!(rows.iter().any(|row| row.name == "replay" && !row.passed));
    assert!(rows.iter().any(|row| row.name == "freeze" && !row.passed));
}

#[test]
fn what_cannot_be_set_up_has_failed_whatever_its_code() {
    let scratch = Scratch::build(&Shape::own().unwrap(), now()).unwrap();
    let stage = Stage { scratch: &scratch, begin: client::begin };
    let expected = Came::Refused("E-USAGE");
    let act = Act::new("x", "x", expected, |_| Err::<Came, _>(CliError::usage("no")));
    let row = act.run(&stage).unwrap();
    assert_eq!((row.came, row.passed), (expected, false));
    let act = Act::new("x", "x", expected, |_| Ok(Came::from(Err::<(), _>(CliError::usage("no")))));
    assert!(act.run(&stage).unwrap().passed);
}

fn shaped(root: (usize, usize)) -> Shape {
    Shape { roles: Holding::of_each(root), ..Shape::own().unwrap() }
}

#[test]
fn a_root_without_a_spare_key_fails() {
    for (root, lost) in [
        ((1, 1), &["root loses a key (1 of 1 must sign)"][..]),
        ((3, 3), &["root loses a key (3 of 3 must sign)"]),
        ((1, 2), &[]),
        ((2, 3), &[]),
    ] {
        let rows = keys_lost(&shaped(root));
        assert_eq!(failed(&rows), lost, "{root:?}");
        for row in rows.iter().filter(|row| !row.passed) {
            assert_eq!(row.came, Came::Refused("E-DRAFT-PENDING"));
            assert!(row.note.as_ref().unwrap().contains("spare keys of root"), "{row:?}");
        }
    }
}

#[test]
fn a_key_that_is_also_roots_is_lost_with_it() {
    let mut shape = shaped((1, 1));
    shape.roles.timestamp.keys.clone_from(&shape.roles.root.keys);
    shape.roles.snapshot.keys.clone_from(&shape.roles.targets.keys);
    let rows = keys_lost(&shape);
    let lost = ["root loses a key (1 of 1 must sign)", "timestamp loses a key (1 of 1 must sign)"];
    assert_eq!(failed(&rows), lost);
}

#[test]
fn a_role_that_stands_still_meanwhile_is_named() {
    let rows = keys_lost(&Shape::own().unwrap());
    let note = |role: &str| rows.iter().find(|row| row.attempt.starts_with(role)).unwrap().note.clone();
    assert_eq!(note("root"), None);
    for (role, by) in [("channel", "targets"), ("targets", "root"), ("timestamp", "root")] {
        assert!(note(role).unwrap().contains(&format!("until {by} has replaced it")), "{role}");
    }
}

#[test]
fn nothing_stays() {
    let scratch = Scratch::build(&Shape::own().unwrap(), now()).unwrap();
    let folder = scratch.folder();
    assert!(folder.parent().unwrap().exists());
    scratch.remove().unwrap();
    assert!(!folder.parent().unwrap().exists());
    let scratch = Scratch::build(&Shape::own().unwrap(), now()).unwrap();
    let folder = scratch.folder();
    drop(scratch);
    assert!(!folder.parent().unwrap().exists());
}

#[test]
fn the_copy_says_what_the_channel_says() {
    let mut shape = shaped((2, 3));
    shape.roles.timestamp.keys.clone_from(&shape.roles.snapshot.keys);
    let first = Scratch::build(&shape, now()).unwrap();
    let [oldest, _, newest] = &first.versions;
    let counter = first.live.document().release(newest).unwrap().counter;
    let revoke = Edit::Withdraw {
        version: oldest.clone(),
        withdrawal: Withdrawal::Revoke,
        code: ReasonCode::Cve,
        text: "x".to_owned(),
    };
    let live = first.edit(&first.live, &revoke).unwrap();
    let live = first.edit(&live, &Edit::Floor { counter }).unwrap();
    let client = client::begin(&first, &first.base).unwrap();
    let channel = client.follow(&first.lay(live.repository()).unwrap(), now()).unwrap();

    let shape = Shape::of(&channel).unwrap();
    assert_eq!((shape.quorum(Role::Root), shape.quorum(Role::Channel)), ((2, 3), (1, 1)));
    assert_eq!(shape.roles.timestamp, shape.roles.snapshot);
    let copy = Scratch::build(&shape, now()).unwrap();
    assert_eq!(copy.id(), first.id());
    let (said, copied) = (channel.document(), copy.live.document());
    assert_eq!((copied.floor, &copied.releases[..3]), (said.floor, &said.releases[..]));
    assert_eq!(copied.releases.len(), 6, "and three to play with");
    let ids = |scratch: &Scratch, role| scratch.live.keys(role).key_ids().collect::<Vec<_>>();
    assert_eq!(ids(&copy, Role::Timestamp), ids(&copy, Role::Snapshot));
    for role in Role::ALL {
        assert_ne!(ids(&copy, role), ids(&first, role), "keys are never those of the channel");
    }
}

#[test]
fn counters_that_are_used_up_fail_with_the_way_out() {
    let mut first = Scratch::build(&Shape::own().unwrap(), now()).unwrap();
    let edit = Edit::Publish(Publication {
        counter: Some(u64::MAX),
        version: "9".parse().unwrap(),
        manifest: first.live.document().releases[0].manifest.clone(),
        model_digests: first.live.document().releases[0].model_digests,
        attestations: Vec::new(),
        launch: Launch::Current,
    });
    first.live = first.edit(&first.live, &edit).unwrap();
    let document = Some(first.live.document().clone());
    let rows = played(&Shape { document, ..Shape::own().unwrap() }, client::begin);
    let failed: Vec<_> = rows.iter().filter(|row| !row.passed).collect();
    assert!(failed.iter().all(|row| row.name == "floor") && failed.len() == 2, "{failed:#?}");
    assert!(failed.iter().all(|row| row.note.as_ref().unwrap().contains("begin a new epoch")));
}

//! The channel as a machine: an operator who edits, an attacker who offers any document that was ever signed, a client
//! that remembers. Every state of a small one is visited (three releases, four edits: 182 075 states over 1029 documents);
//! long random runs of a larger one, in which time passes, go over a state on disk.
//!
//! What must hold in each of them:
//! - a client that has seen a document believes none before it, and the same one again;
//! - what it permits is listed there, not revoked, at or above its floor, and current or allowed;
//! - what is current or allowed there, not revoked, and at or above its floor is permitted, whatever was committed before:
//!   every honest rollback succeeds;
//! - within an epoch the local floor does not fall, and is never above the floor of the newest document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken check must fail its test")]

mod fixture;

use std::collections::{HashMap, HashSet};

use fixture::{after, code, document, id, now, reason, release, request, target, version};
use jiff::Timestamp;
use lacre_hash::Sha256Digest;
use lacre_release::{
    Advance, ChannelDocument, Permit, ReasonCode, Record, Release, Request, Seen, Standing, StateStore,
    Status, Wanted, decide,
};
use proptest::prelude::*;

/// What an operator can do.
#[derive(Debug, Clone)]
enum Edit {
    /// A new release, so much above the highest counter, which becomes current.
    Publish { above: u64 },
    /// A release becomes current: forwards or back.
    Promote(usize),
    /// Rolling back to a release is allowed for some hours.
    Allow(usize, i64),
    /// A release is revoked.
    Revoke(usize),
    /// The floor rises.
    Floor(u64),
    /// The root begins an epoch, in which the floor is 1 again.
    Epoch,
}

/// The next document, if the edit means anything.
fn edited(last: &ChannelDocument, edit: &Edit, time: Timestamp) -> Option<ChannelDocument> {
    let mut next = last.clone();
    next.sequence += 1;
    next.issued = time;
    next.expires = time + jiff::SignedDuration::from_hours(48);
    match *edit {
        Edit::Publish { above } => {
            let counter = last.releases.last().map_or(1, |newest| newest.counter) + above;
            let text = format!("1.{}", last.releases.len());
            next.current = Some(version(&text));
            next.releases.push(release(&text, counter));
        }
        Edit::Promote(at) => next.current = Some(last.releases.get(at)?.version.clone()),
        Edit::Allow(at, hours) => {
            let chosen = &last.releases.get(at)?.version;
            next.rollback_targets.retain(|target| target.version != *chosen);
            let until = time + jiff::SignedDuration::from_hours(hours);
            next.rollback_targets.push(target(chosen.as_str(), until));
        }
        Edit::Revoke(at) => {
            let revoked = next.releases.get_mut(at)?;
            revoked.status = Status::Revoked;
            revoked.reason = Some(reason(ReasonCode::Backdoor));
        }
        Edit::Floor(counter) if counter > last.floor.counter => next.floor.counter = counter,
        Edit::Floor(_) => return None,
        Edit::Epoch => {
            next.epoch += 1;
            next.sequence = 1;
            next.floor.counter = 1;
        }
    }
    next.check().unwrap();
    next.follows(last).unwrap();
    Some(next)
}

fn first() -> ChannelDocument {
    let mut document = document();
    document.sequence = 1;
    document.releases.truncate(1);
    document.current = Some(version("1.0"));
    document.rollback_targets.clear();
    document
}

fn asked(record: &Record, document: &ChannelDocument, wanted: Wanted, time: Timestamp) -> Request<'static> {
    let mut request = request(wanted);
    request.now = time;
    request.floors.local = record.local_floor(document.epoch);
    request
}

/// Written from the words of the specification, not from the code: may it run?
fn may_run(document: &ChannelDocument, release: &Release, time: Timestamp) -> bool {
    let allowed = document.rollback_targets.iter().any(|it| it.version == release.version && time < it.until);
    time < document.expires
        && release.status != Status::Revoked
        && release.counter >= document.floor.counter
        && (document.current.as_ref() == Some(&release.version) || allowed)
}

/// Asks for every release of the newest document seen: what must run is permitted, and nothing else is.
fn prove_decisions(record: &Record, document: &ChannelDocument, time: Timestamp) -> Vec<Permit> {
    let mut permits = Vec::new();
    for release in &document.releases {
        let request = asked(record, document, Wanted::Version(release.version.clone()), time);
        let outcome = decide(document, &request);
        assert_eq!(outcome.is_ok(), may_run(document, release, time), "{outcome:?} {document:?}");
        permits.extend(outcome);
    }
    let current = decide(document, &asked(record, document, Wanted::Current, time));
    let expected = permits.iter().find(|permit| permit.standing() == Standing::Current);
    assert_eq!(current.as_ref().ok(), expected);
    permits
}

/// All documents that were ever signed in one world, the newest last, by number.
type History = Vec<usize>;

#[derive(Clone)]
struct World {
    history: History,
    record: Record,
    /// The newest document that the client has seen, by its place in the history: kept beside the client, not by it.
    newest: Option<usize>,
}

#[derive(Default)]
struct Documents {
    all: Vec<(ChannelDocument, Seen)>,
    numbers: HashMap<Sha256Digest, usize>,
}

impl Documents {
    fn number(&mut self, document: ChannelDocument) -> usize {
        let seen = Seen::of(&document);
        *self.numbers.entry(seen.sha256).or_insert_with(|| {
            self.all.push((document, seen));
            self.all.len() - 1
        })
    }
}

const RELEASES: usize = 3;
const EDITS: usize = 4;

fn edits(last: &ChannelDocument) -> Vec<Edit> {
    let listed = 0..last.releases.len();
    let mut edits = vec![Edit::Epoch];
    if last.releases.len() < RELEASES {
        edits.extend([Edit::Publish { above: 0 }, Edit::Publish { above: 1 }]);
    }
    edits.extend(listed.clone().map(Edit::Promote));
    edits.extend(listed.clone().map(|at| Edit::Allow(at, 24)));
    edits.extend(listed.filter(|at| last.releases[*at].status != Status::Revoked).map(Edit::Revoke));
    edits.extend((2..=3).map(Edit::Floor));
    edits
}

/// What the client can be made to do next: anything that was ever signed is offered, anything permitted is taken.
fn client_moves(world: &World, documents: &Documents) -> Vec<World> {
    let mut moves = Vec::new();
    for (place, number) in world.history.iter().enumerate() {
        let mut next = world.clone();
        let outcome = next.record.see(documents.all[*number].1);
        match world.newest {
            Some(newest) if place < newest => {
                assert_eq!(code(outcome), "E-REPLAY");
                assert_eq!(next.record, world.record);
                continue;
            }
            Some(newest) if place == newest => assert_eq!(outcome.unwrap(), Advance::Unchanged),
            _ => assert_eq!(outcome.unwrap(), Advance::Newer),
        }
        next.newest = Some(place);
        moves.push(next);
    }
    let Some(newest) = world.newest else { return moves };
    let (document, seen) = &documents.all[world.history[newest]];
    let mut forged = *seen;
    forged.sha256 = Sha256Digest::of(b"other bytes");
    assert_eq!(code(world.record.clone().see(forged)), "E-EQUIVOCATION");
    for permit in prove_decisions(&world.record, document, now()) {
        let mut next = world.clone();
        next.record.accept(&permit).unwrap();
        moves.push(next);
    }
    let mut next = world.clone();
    if next.record.commit().is_ok() {
        moves.push(next);
    }
    for next in &moves {
        let epoch = documents.all[next.history[next.newest.unwrap()]].0.epoch;
        assert!(next.record.local_floor(epoch) >= world.record.local_floor(epoch));
        assert!(next.record.local_floor(epoch) <= next.record.seen().unwrap().floor);
    }
    moves
}

#[test]
fn every_state_of_a_small_channel_keeps_its_promises() {
    let mut documents = Documents::default();
    let begin = World {
        history: vec![documents.number(first())],
        record: Record::new(id(), Sha256Digest::of(b"root"), now()),
        newest: None,
    };
    let mut visited = HashSet::new();
    let mut waiting = std::collections::VecDeque::from([begin]);
    while let Some(world) = waiting.pop_front() {
        let accepted = world.record.accepted().map(|it| (it.version.clone(), it.position));
        let floors = (1..=5).map(|epoch| world.record.local_floor(epoch)).collect::<Vec<_>>();
        if !visited.insert((world.history.clone(), world.newest, accepted, floors)) {
            continue;
        }
        waiting.extend(client_moves(&world, &documents));
        let last = documents.all[world.history[world.history.len() - 1]].0.clone();
        if world.history.len() <= EDITS {
            for edit in edits(&last) {
                let Some(next) = edited(&last, &edit, now()) else { continue };
                let mut world = world.clone();
                world.history.push(documents.number(next));
                waiting.push_back(world);
            }
        }
    }
    // Fewer would mean that an edit or a move was lost.
    assert_eq!((visited.len(), documents.all.len()), (182_075, 1029));
}

/// One step of a long run.
#[derive(Debug, Clone)]
enum Step {
    Edit(Edit),
    /// Any document that was ever signed reaches the client.
    Offer(prop::sample::Index),
    /// The newest one does, and the client takes a release that it permits.
    Take(prop::sample::Index),
    Commit,
    /// Hours pass.
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let edit = prop_oneof![
        3 => (0..3_u64).prop_map(|above| Edit::Publish { above }),
        2 => (0..8_usize).prop_map(Edit::Promote),
        3 => (0..8_usize, 1..40_i64).prop_map(|(at, hours)| Edit::Allow(at, hours)),
        1 => (0..8_usize).prop_map(Edit::Revoke),
        1 => (1..6_u64).prop_map(Edit::Floor),
        1 => Just(Edit::Epoch),
    ];
    prop_oneof![
        6 => edit.prop_map(Step::Edit),
        4 => any::<prop::sample::Index>().prop_map(Step::Offer),
        4 => any::<prop::sample::Index>().prop_map(Step::Take),
        2 => Just(Step::Commit),
        2 => (1..20_i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_runs_over_a_state_on_disk_keep_the_promises(steps in prop::collection::vec(step(), 1..80)) {
        let folder = tempfile::TempDir::new().unwrap();
        let record = Record::new(id(), Sha256Digest::of(b"root"), now());
        StateStore::create(folder.path(), &record).unwrap();
        let (mut history, mut newest, mut hours) = (vec![first()], None, 0);
        for step in steps {
            let time = after(hours);
            let last = history.len() - 1;
            let store = StateStore::open(folder.path(), &id()).unwrap();
            match step {
                Step::Edit(edit) => history.extend(edited(&history[last], &edit, time)),
                Step::Offer(any) => {
                    let place = any.index(history.len());
                    let outcome = store.update(|record| record.see(Seen::of(&history[place])));
                    if newest.is_some_and(|newest| place < newest) {
                        prop_assert_eq!(code(outcome), "E-REPLAY");
                    } else {
                        prop_assert_eq!(code(outcome), "ok");
                        newest = Some(place);
                    }
                }
                Step::Take(any) => {
                    let document = &history[last];
                    newest = Some(last);
                    store.update(|record| {
                        record.see(Seen::of(document))?;
                        let permits = prove_decisions(record, document, time);
                        if permits.is_empty() {
                            return Ok(());
                        }
                        record.see_time(time)?;
                        record.accept(&permits[any.index(permits.len())])
                    }).unwrap();
                }
                Step::Commit => {
                    let before = store.read().unwrap();
                    let epoch = before.seen().map_or(0, |seen| seen.position.epoch);
                    let in_epoch = before.accepted().is_some_and(|it| it.position.epoch == epoch);
                    let outcome = store.update(Record::commit);
                    prop_assert_eq!(outcome.is_ok(), in_epoch);
                    let floor = store.read().unwrap().local_floor(epoch);
                    prop_assert!(floor >= before.local_floor(epoch));
                }
                Step::Wait(more) => hours += more,
            }
            if let Some(newest) = newest {
                let record = store.read().unwrap();
                prop_assert_eq!(record.seen(), Some(&Seen::of(&history[newest])));
                prop_assert!(record.local_floor(history[newest].epoch) <= history[newest].floor.counter);
                prove_decisions(&record, &history[newest], after(hours));
            }
        }
    }
}

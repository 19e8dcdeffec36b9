//! What it costs to decide which version may run, without a process around it and without a network.
//!
//! `channel_cost` prints one line of JSON: microseconds of this thread's processor time, the median of many rounds, and
//! the lengths of the documents in bytes. The repository is as `lacre channel init` makes one: two of three keys on P-256
//! for the root, the targets and the channel's role, one each for snapshot and timestamp.
//!
//! ```text
//! cargo run --release --package lacre-release --example channel_cost
//! ```

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write as _};

use jiff::Timestamp;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_release::{
    ChannelDocument, ChannelId, Contents, Floor, Floors, Kept, ManifestRef, Permit, Refresh, Release,
    ReleaseError, Request, Status, Wanted, decide,
};
use lacre_testkit::{Pins, TufKey, TufSimulator};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let now: Timestamp = "2030-01-01T00:00:00Z".parse()?;
    let id: ChannelId = "org/name@stable".parse()?;
    let (small, large) = (document(&id, 100)?, document(&id, 10_000)?);
    let (small_bytes, large_bytes) = (small.to_bytes(), large.to_bytes());
    let kept = kept(&id, &small_bytes, now)?;

    let current = || ask(&small, Wanted::Current, now);
    let oldest = small.releases.first().map(|release| release.model_digests).ok_or("no releases")?;
    let by_contents = || ask(&small, Wanted::Contents(oldest), now);
    // Both lead through all six rules; the oldest is refused at the fifth.
    current()?;
    by_contents().err().ok_or("an old release may run")?;
    let proven = || prove(kept.clone(), &id, &small_bytes, now);
    proven()?;
    let read = |bytes: &[u8]| ChannelDocument::parse(bytes);
    read(&large_bytes)?;

    let before = peak_kib()?;
    for _ in 0..1000 {
        drop(black_box(current()));
        drop(black_box(by_contents()));
    }
    let decisions = peak_kib()? - before;

    writeln!(
        io::stdout(),
        "{}",
        json!({
            "decide_peak_kib": decisions,
            "decide_100_microseconds": median(1000, || drop(black_box(current()))),
            "decide_100_by_contents_microseconds": median(1000, || drop(black_box(by_contents()))),
            "parse_100_microseconds": median(1000, || drop(black_box(read(&small_bytes)))),
            "verify_kept_microseconds": median(500, || drop(black_box(proven()))),
            "parse_10000_microseconds": median(20, || drop(black_box(read(&large_bytes)))),
            "decide_10000_microseconds": median(200, || drop(black_box(ask(&large, Wanted::Current, now)))),
            "document_100_bytes": small_bytes.len(),
            "document_10000_bytes": large_bytes.len(),
        })
    )?;
    Ok(())
}

/// `count` releases, of which the newest is current, as long as they usually are.
fn document(id: &ChannelId, count: u64) -> Outcome<ChannelDocument> {
    let releases: Vec<Release> = (1..=count)
        .map(|number| {
            let version = format!("1.{number}.0");
            let bytes = version.as_bytes();
            Ok(Release {
                attestations: Vec::new(),
                counter: number.div_ceil(10),
                manifest: ManifestRef {
                    media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                    repository: None,
                    sha256: Sha256Digest::of(&[b"manifest ", bytes].concat()),
                    size: 1234,
                },
                model_digests: Contents { lacre: Blake3Digest::of(bytes), sha256: Sha256Digest::of(bytes) },
                reason: None,
                status: Status::Active,
                version: version.parse()?,
            })
        })
        .collect::<Result<_, ReleaseError>>()?;
    Ok(ChannelDocument {
        channel: id.channel.clone(),
        current: releases.last().map(|release| release.version.clone()),
        epoch: 1,
        expires: "2030-01-08T00:00:00Z".parse()?,
        floor: Floor { counter: 1 },
        issued: "2030-01-01T00:00:00Z".parse()?,
        model: id.model.clone(),
        releases,
        rollback_targets: Vec::new(),
        rollout: None,
        schema_version: 1,
        sequence: count,
    })
}

/// The peak of this process's memory so far, in KiB (proc(5), `VmHWM`).
fn peak_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    Ok(line.trim().strip_suffix(" kB").ok_or("no KiB")?.trim().parse()?)
}

/// What a client has after one refresh.
fn kept(id: &ChannelId, document: &[u8], now: Timestamp) -> Outcome<Kept> {
    let role = id.role();
    let mut repository = TufSimulator::new();
    repository.pins = Pins::Digests;
    for (role, keys, threshold) in
        [("root", 3, 2), ("targets", 3, 2), ("snapshot", 1, 1), ("timestamp", 1, 1)]
    {
        let keys: Vec<TufKey> = (0..keys).map(|_| TufKey::p256()).collect();
        repository.set_keys(role, &keys, threshold);
    }
    repository.draft("root")["version"] = json!(0);
    repository.publish(&["root"]);
    repository.delegate_terminating("targets", &role, &[&id.target()]);
    *repository.entry("targets", &role) = json!({
        "name": role, "keyids": [], "threshold": 2, "terminating": true, "paths": [id.target()],
    });
    repository.signers.remove(&role);
    for _ in 0..3 {
        repository.add_key("targets", &role, &TufKey::p256());
    }
    repository.add_target(&role, &id.target(), document);
    repository.publish_all();
    let mut refresh = Refresh::start(Kept::anchor(repository.file("1.root.json")), now)?;
    answer(&mut refresh, |name| repository.ask(name))?;
    refresh.seek(&id.target())?;
    answer(&mut refresh, |name| repository.ask(name))?;
    Ok(refresh.kept().clone())
}

fn answer(refresh: &mut Refresh, fetch: impl Fn(&str) -> Option<Vec<u8>>) -> Result<(), ReleaseError> {
    while let Some(wanted) = refresh.wanted() {
        refresh.give(fetch(&wanted.name))?;
    }
    Ok(())
}

/// Verifies everything that is kept again, the document included, without a network.
fn prove(kept: Kept, id: &ChannelId, document: &[u8], now: Timestamp) -> Outcome<ChannelDocument> {
    let mut refresh = Refresh::from_kept(kept, now)?;
    refresh.seek(&id.target())?;
    refresh.give(Some(document.to_vec()))?;
    let found = refresh.found().ok_or("the document is not proven")?;
    Ok(ChannelDocument::parse(&found.bytes)?)
}

fn ask(document: &ChannelDocument, wanted: Wanted, now: Timestamp) -> Result<Permit, ReleaseError> {
    let floors = Floors { local: 1, policy: Some(1) };
    decide(
        document,
        &Request { wanted, instance: Some("node-1"), now, floors, required: &[], presented: &[] },
    )
}

/// Microseconds of this thread's time for one turn; the first tenth of the rounds warms up and does not count.
fn median(rounds: usize, turn: impl Fn()) -> f64 {
    let mut costs: Vec<f64> = (0..rounds)
        .map(|_| {
            let begin = clock_gettime(ClockId::ThreadCPUTime);
            turn();
            let end = clock_gettime(ClockId::ThreadCPUTime);
            #[expect(clippy::cast_precision_loss, reason = "a turn takes milliseconds")]
            let nanoseconds =
                ((end.tv_sec - begin.tv_sec) * 1_000_000_000 + (end.tv_nsec - begin.tv_nsec)) as f64;
            nanoseconds / 1000.0
        })
        .skip(rounds / 10)
        .collect();
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

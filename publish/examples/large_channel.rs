//! Writes a channel with many releases into a folder, for measurements: `large_channel DIR COUNT` makes `DIR/channel` (the
//! carrier), `DIR/root.json` (what clients trust) and says how long the document is.
//!
//! ```text
//! cargo run --release --package lacre-publish --example large_channel -- DIR 10000
//! ```

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;
use lacre_attest::KeyAlgorithm;
use lacre_hash::{Blake3Digest, Sha256Digest};
use lacre_publish::channel::{
    Carrier, Lifetimes, PerRole, Plan, Restart, Role, RoleKeys, Rotation, init, rotate,
};
use lacre_registry_client::FolderFiles;
use lacre_release::{Contents, ManifestRef, Release, Status, Version};
use lacre_sign::{FileKey, Signer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(count)) = (words.next(), words.next()) else {
        return Err("large_channel DIR COUNT".into());
    };
    let (folder, count) = (PathBuf::from(folder), count.parse::<u64>()?);
    let key = || FileKey::generate(KeyAlgorithm::Ed25519);
    let (first, second) = ([key()?, key()?, key()?, key()?, key()?], [key()?, key()?]);
    let of = |role, key: &FileKey| RoleKeys::new(role, &[key.public_key().clone()], 1);
    let keys = PerRole {
        root: of(Role::Root, &first[0])?,
        targets: of(Role::Targets, &first[1])?,
        channel: of(Role::Channel, &first[2])?,
        snapshot: of(Role::Snapshot, &first[3])?,
        timestamp: of(Role::Timestamp, &first[4])?,
    };
    let plan = Plan { id: "org/name@stable".parse()?, keys, lifetimes: Lifetimes::default() };
    let signers: Vec<&dyn Signer> = first.iter().chain(&second).map(|key| key as &dyn Signer).collect();
    let now = Timestamp::now();
    let live = init(&plan, &signers[..5], now)?.finish()?;
    let anchor = live.root_bytes();

    // A new epoch may begin with as many releases as there are.
    let releases = (1..=count).map(release).collect::<Result<Vec<_>, _>>()?;
    let current = releases.last().map(|release| release.version.clone());
    let rotation = Rotation {
        keys: [
            (Role::Snapshot, of(Role::Snapshot, &second[0])?),
            (Role::Timestamp, of(Role::Timestamp, &second[1])?),
        ]
        .into(),
        lifetimes: None,
        restart: Some(Restart { floor: 1, releases, current }),
    };
    let mut draft = rotate(&live, &rotation, now)?;
    draft.sign(&signers, now)?;
    let live = draft.finish()?;

    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("root.json"), anchor)?;
    let files = FolderFiles::create(&folder.join("channel"))?;
    let carrier = Carrier::Folder(&files);
    carrier.write(live.repository(), &carrier.read()?)?;
    writeln!(io::stdout(), "{}", live.document().to_bytes().len())?;
    Ok(())
}

/// The release of a number: its digests are those of its version.
fn release(number: u64) -> Result<Release, Box<dyn Error>> {
    let version: Version = format!("1.{number}.0").parse()?;
    let bytes = version.as_str().as_bytes();
    Ok(Release {
        attestations: Vec::new(),
        counter: number,
        manifest: ManifestRef {
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            repository: None,
            sha256: Sha256Digest::of(bytes),
            size: 1234,
        },
        model_digests: Contents { lacre: Blake3Digest::of(bytes), sha256: Sha256Digest::of(bytes) },
        reason: None,
        status: Status::Active,
        version,
    })
}

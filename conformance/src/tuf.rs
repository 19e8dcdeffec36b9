//! The client protocol of tuf-conformance (`CLIENT-CLI.md` there).
//!
//! The suite is no package; it is run from a checkout of <https://github.com/theupdateframework/tuf-conformance>, with
//! `faketime` installed and its Python dependencies in `VENV`:
//!
//! ```text
//! cargo build --release -p lacre-conformance --bin tuf-conformance
//! VENV/bin/python -m pytest tuf_conformance --entrypoint PATH/TO/tuf-conformance
//! ```
//!
//! Lacre has no expected failures. `release/tests/tuf` has a test for each of its classes, without the suite.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use lacre_hash::Sha256Digest;
use lacre_release::{Kept, Refresh, WantedFile, WantedKind};
use reqwest::{Client, StatusCode, redirect};
use tokio::runtime::{Builder, Runtime};

use crate::Refusal;
use crate::arguments::Arguments;
use crate::files::{read, unreadable, write};

/// The longest file that any role has.
const FILE_LIMIT: u64 = 16 << 20;

/// Does what `words` ask for: `Ok` accepts.
pub fn run(words: impl IntoIterator<Item = String>) -> Result<(), Refusal> {
    let mut arguments = Arguments::read(words, &[])?;
    let folder = PathBuf::from(arguments.demand("--metadata-dir")?);
    let files = std::mem::take(&mut arguments.files);
    match files.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["init", root] => {
            arguments.end()?;
            let root = read(Path::new(root), FILE_LIMIT)?;
            Refresh::start(Kept::anchor(root.clone()), Timestamp::now())?;
            write(&folder.join("root.json"), &root)
        }
        ["refresh"] => {
            let server = Server::new(arguments.demand("--metadata-url")?, String::new())?;
            arguments.end()?;
            with_stored(&folder, |refresh| server.answer(refresh, None))
        }
        ["download"] => {
            let server =
                Server::new(arguments.demand("--metadata-url")?, arguments.demand("--target-base-url")?)?;
            let targets = arguments.take_all("--target-name");
            let place = PathBuf::from(arguments.demand("--target-dir")?);
            arguments.end()?;
            with_stored(&folder, |refresh| {
                server.answer(refresh, None)?;
                targets.iter().try_for_each(|target| download(refresh, &server, target, &place))
            })
        }
        _ => Err(Refusal::usage("wanted: init ROOT, refresh or download")),
    }
}

/// Works on the files of a folder, and stores what was accepted, also if the work failed.
fn with_stored(folder: &Path, work: impl FnOnce(&mut Refresh) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let stored = stored(folder)?;
    let mut refresh = Refresh::start(Kept::from_files(stored.clone())?, Timestamp::now())?;
    let outcome = work(&mut refresh);
    let files = refresh.kept().files();
    for (name, bytes) in &files {
        if stored.get(name).is_none_or(|before| before != bytes) {
            write(&folder.join(name), bytes)?;
        }
    }
    for name in stored.keys().filter(|name| !files.contains_key(*name)) {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|error| unreadable(&path, &error))?;
    }
    outcome
}

fn stored(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Refusal> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(name.to_owned(), read(&path, FILE_LIMIT)?);
        }
    }
    Ok(files)
}

/// Puts a target into `place`, under the digest of its path.
fn download(refresh: &mut Refresh, server: &Server, target: &str, place: &Path) -> Result<(), Refusal> {
    let path = place.join(Sha256Digest::of(target.as_bytes()).to_string());
    let before = fs::read(&path).ok();
    refresh.seek(target)?;
    server.answer(refresh, before.clone())?;
    match refresh.found() {
        Some(found) if before.as_ref() == Some(&found.bytes) => Ok(()),
        Some(found) => write(&path, &found.bytes),
        None => Err(Refusal::new("E-TUF-MISSING", "the target was not found")),
    }
}

/// Where the files are.
struct Server {
    metadata: String,
    targets: String,
    client: Client,
    runtime: Runtime,
}

impl Server {
    fn new(metadata: String, targets: String) -> Result<Self, Refusal> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(1))
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| lost(&error))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Refusal::new("E-TRANSPORT", error.to_string()))?;
        Ok(Self { metadata, targets, client, runtime })
    }

    /// Gives `refresh` what it wants, until it wants nothing. A target that is at hand is not fetched.
    fn answer(&self, refresh: &mut Refresh, mut at_hand: Option<Vec<u8>>) -> Result<(), Refusal> {
        while let Some(wanted) = refresh.wanted() {
            let held =
                at_hand.take_if(|bytes| refresh.target().is_some_and(|target| target.check(bytes).is_ok()));
            let bytes = match held {
                Some(bytes) => Some(bytes),
                None => self.runtime.block_on(self.fetch(&wanted))?,
            };
            refresh.give(bytes)?;
        }
        Ok(())
    }

    async fn fetch(&self, wanted: &WantedFile) -> Result<Option<Vec<u8>>, Refusal> {
        let base = if wanted.what == WantedKind::Target { &self.targets } else { &self.metadata };
        let url = format!("{}/{}", base.trim_end_matches('/'), wanted.url_path());
        let mut response = self.client.get(url).send().await.map_err(|error| lost(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            other => return Err(Refusal::new("E-TRANSPORT", format!("{} has status {other}", wanted.name))),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
            if bytes.len() as u64 + chunk.len() as u64 > wanted.limit {
                return Err(Refusal::new("E-LIMIT", format!("{} is too long", wanted.name)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }
}

fn lost(error: &reqwest::Error) -> Refusal {
    Refusal::new("E-TRANSPORT", error.to_string())
}

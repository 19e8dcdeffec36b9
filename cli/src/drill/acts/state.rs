//! What a client remembers, lost or damaged: that must not become a first use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::{Act, Came, thief};
use crate::error::CliError;
use crate::text;

const STATE: &str = "state.json";
const KEPT: &str = "kept";

pub(super) fn acts() -> Vec<Act> {
    let (missing, torn) = (Came::Refused("E-STATE-MISSING"), Came::Refused("E-STATE-TORN"));
    vec![
        after("state lost", "its file is deleted", missing, |state| {
            let file = state.join(STATE);
            fs::remove_file(&file).map_err(failed(&file))
        }),
        after("state lost", "all of it is deleted", missing, |state| {
            fs::remove_dir_all(state).map_err(failed(state))
        }),
        after("state torn", "its file ends in the middle", torn, |state| {
            let file = state.join(STATE);
            let bytes = read(&file)?;
            write(&file, bytes.get(..bytes.len() / 2).unwrap_or_default())
        }),
        after("state torn", "one byte of what it keeps is altered", torn, |state| {
            let file = any_file(&state.join(KEPT))?;
            let mut bytes = read(&file)?;
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 1;
            }
            write(&file, &bytes)
        }),
    ]
}

/// What a client says that reads the copy again after `damage` was done to its state.
fn after(
    name: &'static str,
    attempt: &'static str,
    expected: Came,
    damage: impl Fn(&Path) -> Result<(), CliError> + 'static,
) -> Act {
    Act::new(name, attempt, expected, move |stage| {
        let client = stage.client()?;
        damage(client.state())?;
        Ok(Came::from(client.follow(&stage.scratch.base, stage.scratch.now)))
    })
}

fn any_file(folder: &Path) -> Result<PathBuf, CliError> {
    let first = fs::read_dir(folder).map_err(failed(folder))?.next();
    Ok(first.ok_or_else(|| thief::odd("a state that keeps nothing"))?.map_err(failed(folder))?.path())
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(file).map_err(failed(file))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(file, bytes).map_err(failed(file))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> CliError {
    let path = text::path(path);
    move |source| CliError::Output { path, source }
}

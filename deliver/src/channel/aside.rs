//! A model that may not run any more, out of the way of whoever would load it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use lacre_manifest::escape_os;

use crate::DeliverError;

/// The names in the folder of what was set aside.
const MODEL: &str = "model";
const RECORD: &str = "why.json";
/// Folders of one name that are tried.
const MOST_OF_A_NAME: u32 = 10_000;

/// What was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The model.
    pub model: PathBuf,
    /// Why it is there.
    pub record: PathBuf,
}

/// Moves the model at `folder` to `FOLDER.quarantine/NAME/model`, in one step, with `record` beside it as `why.json`. The
/// record is on the disk before the model moves; nothing is deleted. Whoever has files of the model open still has them.
///
/// # Errors
/// `E-OUTPUT`: then the model is where it was.
pub fn set_aside(folder: &Path, name: &str, record: &[u8]) -> Result<Aside, DeliverError> {
    let failed = |path: &Path| {
        let path = escape_os(path.as_os_str());
        move |source| DeliverError::Output { path, source }
    };
    // A link is followed to what it leads to: the model must go, not the name of it.
    let folder = folder.canonicalize().map_err(failed(folder))?;
    let mut beside = OsString::from(folder.file_name().unwrap_or_default());
    beside.push(".quarantine");
    let quarantine = folder.with_file_name(beside);
    DirBuilder::new().recursive(true).mode(0o700).create(&quarantine).map_err(failed(&quarantine))?;
    let own = make(&quarantine, name).map_err(failed(&quarantine))?;
    let aside = Aside { model: own.join(MODEL), record: own.join(RECORD) };
    let mut file = File::create_new(&aside.record).map_err(failed(&aside.record))?;
    file.write_all(record).and_then(|()| file.sync_all()).map_err(failed(&aside.record))?;
    for made in [&own, &quarantine] {
        File::open(made).and_then(|made| made.sync_all()).map_err(failed(made))?;
    }
    if let Err(source) = fs::rename(&folder, &aside.model) {
        // A record of something that is not there would mislead.
        let _ = fs::remove_file(&aside.record).and_then(|()| fs::remove_dir(&own));
        return Err(DeliverError::Output { path: escape_os(folder.as_os_str()), source });
    }
    for changed in [Some(own.as_path()), folder.parent()].into_iter().flatten() {
        File::open(changed).and_then(|changed| changed.sync_all()).map_err(failed(changed))?;
    }
    Ok(aside)
}

fn make(quarantine: &Path, name: &str) -> io::Result<PathBuf> {
    for attempt in 1..=MOST_OF_A_NAME {
        let own = quarantine.join(if attempt == 1 { name.to_owned() } else { format!("{name}-{attempt}") });
        match DirBuilder::new().mode(0o700).create(&own) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| own),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_whole_and_has_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("m");
        for round in ["first", "second"] {
            fs::create_dir_all(model.join("deep")).unwrap();
            fs::write(model.join("deep/w"), round).unwrap();
            let aside = set_aside(&model, "1.0", round.as_bytes()).unwrap();
            assert!(!model.exists());
            assert_eq!(fs::read_to_string(aside.model.join("deep/w")).unwrap(), round);
            assert_eq!(fs::read_to_string(aside.record).unwrap(), round);
        }
        assert_eq!(fs::read_dir(folder.path().join("m.quarantine")).unwrap().count(), 2);
    }

    #[test]
    fn a_link_to_a_model_is_left_and_the_model_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (model, link) = (folder.path().join("m"), folder.path().join("current"));
        fs::create_dir(&model).unwrap();
        std::os::unix::fs::symlink(&model, &link).unwrap();
        set_aside(&link, "1.0", b"").unwrap();
        assert!(!model.exists() && fs::symlink_metadata(&link).is_ok());
    }

    #[test]
    fn what_is_not_there_leaves_no_record() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(set_aside(&folder.path().join("m"), "1.0", b"").unwrap_err().code(), "E-OUTPUT");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

//! Where things that are fetched or built stay between runs, and where this checkout is.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure, Outcome};
use crate::say;

/// The folder for everything that is fetched or built, outside the checkout.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache, making it if there is none.
    pub(crate) fn open() -> Outcome<Self> {
        let root = located(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
            .ok_or_else(|| {
                Failure::new("no folder for the cache: set LACRE_CACHE, XDG_CACHE_HOME or HOME")
            })?;
        let root =
            std::path::absolute(&root).during(|| format!("cannot place the cache at {}", root.display()))?;
        if root.starts_with(checkout()?) {
            return Err(Failure::new(format!("the cache {} must be outside the checkout", root.display())));
        }
        fs::create_dir_all(&root).during(|| format!("cannot make the cache {}", root.display()))?;
        Ok(Self { root })
    }

    /// A folder of the cache, made if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder).during(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// Holds `name` for this process alone until the result is dropped; waits for another holder.
    pub(crate) fn hold(&self, name: &str) -> Outcome<File> {
        let path = self.folder("locks")?.join(name);
        let file = File::create(&path).during(|| format!("cannot make {}", path.display()))?;
        if file.try_lock().is_err() {
            say::note(format!("waiting for another run that uses {name}"));
            file.lock().during(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(file)
    }
}

fn located(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("LACRE_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("lacre")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/lacre")))
}

/// The root of this checkout.
pub(crate) fn checkout() -> Outcome<PathBuf> {
    // `cargo run` says where the package is now; the compiled-in path serves a binary started by hand.
    let package =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = package.parent().unwrap_or(&package);
    root.canonicalize().during(|| format!("cannot open the checkout {}", root.display()))
}

/// The folder that cargo builds this checkout into: the one that this very program was built into.
pub(crate) fn build_folder() -> Outcome<PathBuf> {
    let program = env::current_exe().during(|| "cannot find this program".to_owned())?;
    match program.parent().and_then(Path::parent) {
        Some(folder) => Ok(folder.to_path_buf()),
        None => Err(Failure::new(format!("{} is in no build folder", program.display()))),
    }
}

/// Empties `folder`, or makes it.
pub(crate) fn empty(folder: &Path) -> Outcome {
    remove(folder)?;
    fs::create_dir_all(folder).during(|| format!("cannot make {}", folder.display()))
}

/// Removes `folder` with all that is in it; one that is not there is fine.
pub(crate) fn remove(folder: &Path) -> Outcome {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).during(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_named_by_the_first_of_three_variables() {
        let at = |set: &[(&str, &str)]| {
            located(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
            })
        };
        assert_eq!(at(&[("LACRE_CACHE", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/c".into()));
        assert_eq!(at(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/lacre".into()));
        assert_eq!(at(&[("HOME", "/h")]), Some("/h/.cache/lacre".into()));
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn the_checkout_holds_the_workspace() {
        assert!(checkout().unwrap().join("Cargo.toml").is_file());
    }
}

//! Programs that the machine itself must have, from Debian's packages.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use crate::failure::{Failure, Outcome};
use crate::process::{Program, persistently};
use crate::say;

/// A program and the Debian package that brings it.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// What the tests call by name.
pub(crate) const FOR_PEERS: &[Need] = &[
    Need { program: "python3", package: "python3" },
    Need { program: "openssl", package: "openssl" },
    Need { program: "skopeo", package: "skopeo" },
    Need { program: "ssh-keygen", package: "openssh-client" },
    Need { program: "pkcs11-tool", package: "opensc" },
    Need { program: "softhsm2-util", package: "softhsm2" },
    Need { program: "ssh-agent", package: "openssh-client" },
    Need { program: "age", package: "age" },
    Need { program: "htpasswd", package: "apache2-utils" },
    Need { program: "swtpm", package: "swtpm" },
    Need { program: "tpm2_nvread", package: "tpm2-tools" },
    Need { program: "pkg-config", package: "pkg-config" },
    Need { program: "chromium", package: "chromium" },
];

/// What the feature `tpm` links, by the name that pkg-config knows, and its package.
const LIBRARIES: &[Need] = &[Need { program: "tss2-esys", package: "libtss2-dev" }];

/// What the benchmark calls by name: `time` tells a child's processor time and peak memory.
pub(crate) const FOR_BENCH: &[Need] = &[Need { program: "time", package: "time" }];

/// Installs what is missing, or says what to install.
pub(crate) fn ensure(needs: &[Need]) -> Outcome {
    let missing: Vec<&str> =
        needs.iter().filter(|need| find(need.program).is_none()).map(|need| need.package).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs the libraries that are missing, or says what to install.
pub(crate) fn ensure_libraries() -> Outcome {
    let known = |library: &str| {
        Program::new("pkg-config")
            .args(["--exists", library])
            .finish()
            .is_ok_and(|done| done.status.success())
    };
    let missing: Vec<&str> =
        LIBRARIES.iter().filter(|need| !known(need.program)).map(|need| need.package).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs Debian packages as root, or says that someone must.
pub(crate) fn install(packages: &[&str]) -> Outcome {
    let list = packages.join(" ");
    if find("apt-get").is_none() {
        return Err(Failure::new(format!(
            "missing here, and there is no apt-get: install what Debian calls {list}"
        )));
    }
    if !is_root() {
        return Err(Failure::new(format!(
            "missing here: run `apt-get install {list}` as root, then try again"
        )));
    }
    say::note(format!("installing {list}"));
    let apt = || {
        Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args([
            "-q",
            "-y",
            "-o",
            "DPkg::Lock::Timeout=300",
            "-o",
            "Acquire::Retries=3",
        ])
    };
    persistently("installing packages", || {
        apt().arg("update").read()?;
        apt().args(["install", "--no-install-recommends"]).args(packages).read().map(drop)
    })
}

/// Where `program` is on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| {
        path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    })
}

fn is_root() -> bool {
    // The owner of a process's folder is the user that it runs as.
    std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }

    #[test]
    fn what_is_there_needs_nothing() {
        ensure(&[Need { program: "sh", package: "no-such-package-anywhere" }]).unwrap();
    }
}

//! docker-registry behind TLS and a password, by the ways in which people give one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lacre_testkit::PeerRegistry;

use crate::bench::{Bench, Said};

struct Locked {
    bench: Bench,
    registry: PeerRegistry,
}

impl Locked {
    fn new() -> Option<Self> {
        let registry = PeerRegistry::docker_secured()?;
        Some(Self { bench: Bench::with_signed_model(), registry })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.bench.command();
        for variable in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE"] {
            command.env_remove(variable);
        }
        command.env("HOME", self.bench.cache()).env("XDG_RUNTIME_DIR", self.bench.cache());
        command.env("XDG_CONFIG_HOME", self.bench.cache());
        command.args(line.split_whitespace());
        command.args(["--registry-ca", self.registry.authority().unwrap().to_str().unwrap()]);
        command
    }

    fn push_line(&self) -> String {
        format!("push MODEL {}/org/m:v1", self.registry.host())
    }

    /// There and back, with whatever `prepare` does to each command.
    fn there_and_back(&self, prepare: impl Fn(&mut Command)) {
        let host = self.registry.host();
        let pull = format!("pull {host}/org/m:v1 OUT --key k.pub");
        for line in [self.push_line(), pull, format!("inspect {host}/org/m:v1")] {
            let mut command = self.command(&line);
            prepare(&mut command);
            let said = Said::of(&mut command);
            assert_eq!(said.exit, Some(0), "lacre {line}: {said:?}");
            assert!(!format!("{said:?}").contains(PeerRegistry::PASSWORD), "{said:?}");
        }
        assert_eq!(self.bench.read("OUT/model.safetensors"), self.bench.read("MODEL/model.safetensors"));
        fs::remove_dir_all(self.bench.path("OUT")).unwrap();
    }

    fn refused(&self, prepare: impl Fn(&mut Command), code: &str, exit: i32) -> Said {
        let mut command = self.command(&self.push_line());
        prepare(&mut command);
        let said = Said::of(&mut command);
        said.refuses(code, exit);
        said
    }

    /// A `config.json`, in a folder of its own for `DOCKER_CONFIG`.
    fn settings(&self, text: &str) -> PathBuf {
        let folder = tempfile::tempdir_in(self.bench.cache()).unwrap().keep();
        let file = folder.join("config.json");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        folder
    }
}

/// One variable of the environment.
fn with<'a>(name: &'a str, value: &'a Path) -> impl Fn(&mut Command) + 'a {
    move |command| {
        command.env(name, value);
    }
}

fn encoded(password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", PeerRegistry::USER))
}

#[test]
fn docker_registry_with_the_settings_of_docker() {
    let Some(locked) = Locked::new() else { return };
    let host = locked.registry.host();
    let settings = |password: &str| {
        locked.settings(&format!(r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#, encoded(password)))
    };
    let (right, wrong) = (settings(PeerRegistry::PASSWORD), settings("hunter2"));
    locked.there_and_back(with("DOCKER_CONFIG", &right));
    locked.there_and_back(with("REGISTRY_AUTH_FILE", &right.join("config.json")));
    let said = locked.refused(with("DOCKER_CONFIG", &wrong), "E-AUTH", 12);
    assert!(!said.stderr.contains("hunter2"), "{said:?}");
    locked.refused(|_| {}, "E-AUTH", 12);
    let torn = locked.settings("{\"auths\":");
    locked.refused(with("DOCKER_CONFIG", &torn), "E-CREDENTIALS", 12);
}

#[test]
fn docker_registry_with_a_credential_helper() {
    let Some(locked) = Locked::new() else { return };
    let host = locked.registry.host();
    let programs = locked.bench.path("programs");
    let helper = |name: &str, script: &str| {
        let path = programs.join(format!("docker-credential-{name}"));
        fs::create_dir_all(&programs).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let (user, password) = (PeerRegistry::USER, PeerRegistry::PASSWORD);
    helper(
        "vault",
        &format!(
            "[ \"$1\" = get ] && [ \"$(/bin/cat)\" = \"{host}\" ] || exit 1\n\
             echo '{{\"ServerURL\":\"{host}\",\"Username\":\"{user}\",\"Secret\":\"{password}\"}}'"
        ),
    );
    helper("broken", "echo 'no vault here' >&2; exit 1");
    let settings = |settings: String| {
        let (folder, path) = (locked.settings(&settings), programs.clone());
        move |command: &mut Command| {
            command.env("DOCKER_CONFIG", &folder).env("PATH", &path);
        }
    };
    locked.there_and_back(settings(format!(r#"{{"credHelpers":{{"{host}":"vault"}}}}"#)));
    locked.there_and_back(settings(r#"{"credsStore":"vault"}"#.to_owned()));
    locked.refused(settings(r#"{"credsStore":"broken"}"#.to_owned()), "E-CREDENTIAL-HELPER", 12);
    locked.refused(settings(r#"{"credsStore":"absent"}"#.to_owned()), "E-CREDENTIAL-HELPER", 12);
}

#[test]
fn docker_registry_with_the_environment_and_without_its_authority() {
    let Some(locked) = Locked::new() else { return };
    let named = |command: &mut Command| {
        command.env("LACRE_REGISTRY_HOST", locked.registry.host());
        command.env("LACRE_REGISTRY_USERNAME", PeerRegistry::USER);
        command.env("LACRE_REGISTRY_PASSWORD", PeerRegistry::PASSWORD);
    };
    locked.there_and_back(named);
    let mut command = locked.bench.command();
    named(&mut command);
    let said = Said::of(command.args(locked.push_line().split(' ')));
    said.refuses("E-NETWORK", 11);
    // The password of another registry is not shown to this one.
    locked.refused(
        |command| {
            named(command);
            command.env("LACRE_REGISTRY_HOST", "registry.example.com");
        },
        "E-AUTH",
        12,
    );
}

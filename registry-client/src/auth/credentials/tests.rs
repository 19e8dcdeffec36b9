use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::auth::secret::Secret;

/// A user's home, and an environment that leads there.
struct Home {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, OsString>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().as_os_str().to_owned();
        // Away from what this machine may have in /run.
        let running = folder.path().join("running").into_os_string();
        let variables = BTreeMap::from([("HOME".to_owned(), home), ("XDG_RUNTIME_DIR".to_owned(), running)]);
        Self { folder, variables }
    }

    fn set(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    /// A file in which `user` is logged in at a.test.
    fn login(self, name: &str, user: &str) -> Self {
        let text = format!(r#"{{"auths":{{"a.test":{{"username":"{user}","password":"hunter2"}}}}}}"#);
        self.write(name, text)
    }

    fn credentials(&self) -> Credentials {
        let variables = self.variables.clone();
        Credentials::within(move |name| variables.get(name).cloned())
    }

    fn find(&self, registry: &str) -> Result<Found, AuthProblem> {
        self.credentials().find(registry, "org/m")
    }

    /// Who is found for a.test.
    fn user(&self) -> String {
        match self.find("a.test").unwrap() {
            Found::Credential { credential: Credential::Basic { username, .. }, .. } => username,
            other => panic!("{other:?}"),
        }
    }

    /// The refusal, which names a place and shows no secret.
    fn refusal(&self) -> String {
        let problem = self.find("a.test").unwrap_err();
        assert_eq!(problem.code(), "E-CREDENTIALS", "{problem}");
        let shown = format!("{problem} {problem:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        shown
    }
}

const ALL: [(&str, &str); 3] = [
    (".docker/config.json", "docker"),
    ("running/containers/auth.json", "podman"),
    (".config/containers/auth.json", "lasting"),
];

#[test]
fn the_first_file_that_has_something_decides() {
    let mut home = Home::new();
    for (name, user) in ALL.into_iter().rev() {
        home = home.login(name, user);
        assert_eq!(home.user(), user);
    }
    // Nothing for a.test is no reason to stop.
    home = home.write(".docker/config.json", r#"{"auths":{"b.test":{"auth":"bad"},"a.test":{}}}"#);
    assert_eq!(home.user(), "podman");
}

#[test]
fn variables_move_the_files() {
    let home = Home::new().login(".docker/config.json", "docker").login("else/config.json", "else");
    let folder = home.path("else");
    let home = home.set("DOCKER_CONFIG", folder);
    assert_eq!(home.user(), "else");
    let home = Home::new().login("settings/containers/auth.json", "settings");
    let folder = home.path("settings");
    assert_eq!(home.set("XDG_CONFIG_HOME", folder).user(), "settings");
}

#[test]
fn a_file_that_is_named_is_the_only_one() {
    let home = Home::new().login(".docker/config.json", "docker").write("mine.json", "{}");
    let file = home.path("mine.json");
    let home = home.set("REGISTRY_AUTH_FILE", file);
    let Found::Nothing { looked } = home.find("a.test").unwrap() else { panic!() };
    assert_eq!(looked.len(), 2);
    assert!(looked[1].ends_with("mine.json"));
    assert_eq!(home.login("mine.json", "mine").user(), "mine");
    let home = Home::new().set("REGISTRY_AUTH_FILE", "/nonexistent/auth.json");
    assert!(home.refusal().contains("REGISTRY_AUTH_FILE: there is no file /nonexistent/auth.json"));
}

#[test]
fn it_is_told_where_was_looked() {
    let home = Home::new();
    let Found::Nothing { looked } = home.find("a.test").unwrap() else { panic!() };
    assert_eq!(looked[0], "LACRE_REGISTRY_HOST");
    for (at, (name, _)) in ALL.into_iter().enumerate() {
        assert!(looked[at + 1].ends_with(name), "{looked:?}");
    }
    let none = Credentials::none().find("a.test", "m").unwrap();
    assert_eq!(none, Found::Nothing { looked: vec!["none, as was asked for".to_owned()] });
}

fn variables(pairs: &[(&str, &str)]) -> Home {
    pairs
        .iter()
        .fold(Home::new().login(".docker/config.json", "docker"), |home, (name, value)| home.set(name, value))
}

#[test]
fn the_environment_goes_before_the_files_for_its_own_registry_only() {
    let name = [("LACRE_REGISTRY_HOST", "A.test"), ("LACRE_REGISTRY_USERNAME", "me")];
    let home = variables(&[name[0], name[1], ("LACRE_REGISTRY_PASSWORD", "x")]);
    assert_eq!(home.user(), "me");
    for other in ["b.test", "a.test:5000", "aa.test"] {
        assert!(matches!(home.find(other).unwrap(), Found::Nothing { .. }), "{other}");
    }
    let home = variables(&[("LACRE_REGISTRY_HOST", "a.test"), ("LACRE_REGISTRY_TOKEN", "T")]);
    let Found::Credential { credential, place } = home.find("a.test").unwrap() else { panic!() };
    assert_eq!((credential, place.as_str()), (Credential::Bearer(Secret::new("T")), "LACRE_REGISTRY_TOKEN"));
    let hub = variables(&[("LACRE_REGISTRY_HOST", "docker.io"), ("LACRE_REGISTRY_TOKEN", "T")]);
    assert!(matches!(hub.find("registry-1.docker.io").unwrap(), Found::Credential { .. }));
}

#[test]
fn a_password_may_stand_in_a_file() {
    for (text, password) in
        [("pass word\n", "pass word"), ("pass\r\n", "pass"), ("pass", "pass"), ("p\n\n", "")]
    {
        let home = variables(&[("LACRE_REGISTRY_HOST", "a.test"), ("LACRE_REGISTRY_USERNAME", "me")]);
        let home = home.write("password", text);
        let file = home.path("password");
        let home = home.set("LACRE_REGISTRY_PASSWORD_FILE", file);
        if password.is_empty() {
            assert!(home.refusal().contains("control character"));
            continue;
        }
        let Found::Credential { credential, .. } = home.find("a.test").unwrap() else { panic!() };
        assert_eq!(credential, Credential::basic("me", Secret::new(password)).unwrap());
    }
}

#[test]
fn variables_that_are_half_there_are_refused() {
    const HOST: (&str, &str) = ("LACRE_REGISTRY_HOST", "a.test");
    const USER: (&str, &str) = ("LACRE_REGISTRY_USERNAME", "me");
    const PASSWORD: (&str, &str) = ("LACRE_REGISTRY_PASSWORD", "hunter2");
    const FILE: (&str, &str) = ("LACRE_REGISTRY_PASSWORD_FILE", "/nonexistent/password");
    const TOKEN: (&str, &str) = ("LACRE_REGISTRY_TOKEN", "hunter2");
    for (wrong, why) in [
        (&[TOKEN][..], "does not say which registry"),
        (&[USER, PASSWORD], "does not say which registry"),
        (&[PASSWORD], "does not say which registry"),
        (&[HOST], "no name and password, and no token"),
        (&[HOST, USER], "the password is missing"),
        (&[HOST, PASSWORD], "the user name is missing"),
        (&[HOST, USER, PASSWORD, TOKEN], "a name or a password is set as well"),
        (&[HOST, USER, PASSWORD, FILE], "LACRE_REGISTRY_PASSWORD is set as well"),
        (&[HOST, USER, FILE], "there is no such file"),
        (&[HOST, ("LACRE_REGISTRY_TOKEN", "hunter2 x")], "characters that none has"),
        (&[HOST, ("LACRE_REGISTRY_USERNAME", "m:e"), PASSWORD], "holds a colon"),
        (&[("LACRE_REGISTRY_HOST", "a.test/org"), TOKEN], "wanted: HOST or HOST:PORT"),
    ] {
        let shown = variables(wrong).refusal();
        assert!(shown.contains(why), "{wrong:?}: {shown}");
    }
    // Whatever the registry: else it would be noticed only where it matters.
    assert_eq!(variables(&[TOKEN]).find("b.test").unwrap_err().code(), "E-CREDENTIALS");
    // Empty is unset.
    assert_eq!(variables(&[("LACRE_REGISTRY_HOST", ""), ("LACRE_REGISTRY_TOKEN", "")]).user(), "docker");
}

#[test]
fn a_file_that_cannot_be_understood_is_not_passed_over() {
    let hostile = |text: &[u8]| {
        let home = Home::new().write(".docker/config.json", text);
        home.login("running/containers/auth.json", "podman").refusal()
    };
    assert!(hostile(b"not json hunter2").contains(".docker/config.json: expected"));
    assert!(hostile(br#"{"auths":{},"auths":{}}"#).contains("stands twice"));
    let deep = "[".repeat(500_000);
    assert!(hostile(deep.as_bytes()).contains("deeper than 16 levels"));
}

#[test]
fn a_gigabyte_is_not_read() {
    let home = Home::new().write(".docker/config.json", "");
    fs::File::options().write(true).open(home.path(".docker/config.json")).unwrap().set_len(1 << 30).unwrap();
    assert!(home.refusal().contains("more than the limit of 1048576 bytes"));
}

#[test]
fn links_are_followed_unless_they_lead_nowhere() {
    let home = Home::new().login("dotfiles/config.json", "linked");
    fs::create_dir(home.path(".docker")).unwrap();
    std::os::unix::fs::symlink("../dotfiles/config.json", home.path(".docker/config.json")).unwrap();
    assert_eq!(home.user(), "linked");
    fs::remove_file(home.path(".docker/config.json")).unwrap();
    std::os::unix::fs::symlink("config.json", home.path(".docker/config.json")).unwrap();
    assert!(home.refusal().contains("cannot be read"));
    let folder = Home::new();
    fs::create_dir_all(folder.path(".docker/config.json")).unwrap();
    assert!(folder.refusal().contains("cannot be read"));
}

#[test]
fn a_file_that_others_can_read_or_change_is_warned_of() {
    let home = Home::new().login(".docker/config.json", "docker");
    let warnings = |mode: u32| {
        let path = home.path(".docker/config.json");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let credentials = home.credentials();
        for _ in 0..2 {
            credentials.find("a.test", "m").unwrap();
        }
        credentials.warnings()
    };
    assert_eq!(warnings(0o600), [""; 0]);
    let read = warnings(0o644);
    assert!(read.len() == 1 && read[0].contains("can be read by other users"), "{read:?}");
    let written = warnings(0o620);
    assert!(written.len() == 1 && written[0].contains("can be changed by other users"), "{written:?}");
    // Nothing secret, and no program that would be run: nobody's business.
    let harmless = Home::new().write(".docker/config.json", r#"{"auths":{"a.test":{}}}"#);
    let path = harmless.path(".docker/config.json");
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    let credentials = harmless.credentials();
    credentials.find("a.test", "m").unwrap();
    assert_eq!(credentials.warnings(), [""; 0]);
}

/// A home whose docker has `docker-credential-stand-in`, which answers with the script's output.
fn with_helper(config: &str, script: &str) -> Home {
    let home = Home::new()
        .write(".docker/config.json", config)
        .write("bin/docker-credential-stand-in", format!("#!/bin/sh\n{script}\n"));
    let program = home.path("bin/docker-credential-stand-in");
    fs::set_permissions(program, fs::Permissions::from_mode(0o700)).unwrap();
    let folder = home.path("bin");
    home.set("PATH", folder)
}

const HAS: &str = r#"echo '{"Username":"helped","Secret":"x"}'"#;
const HAS_NOT: &str = "echo 'credentials not found in native keychain'; exit 1";

#[test]
fn helpers_are_asked_and_what_they_lack_may_stand_elsewhere() {
    let store = r#"{"credsStore":"stand-in","auths":{"a.test":{"username":"kept","password":"x"}}}"#;
    assert_eq!(with_helper(store, HAS).user(), "helped");
    assert_eq!(with_helper(store, HAS_NOT).user(), "kept");
    let one = r#"{"credHelpers":{"a.test":"stand-in"}}"#;
    let found = with_helper(one, HAS).find("a.test").unwrap();
    let Found::Credential { place, .. } = found else { panic!("{found:?}") };
    assert!(place.starts_with("docker-credential-stand-in (") && place.ends_with("config.json)"), "{place}");
    let elsewhere = with_helper(one, HAS_NOT).login("running/containers/auth.json", "podman");
    assert_eq!(elsewhere.user(), "podman");
    // Another registry's helper is not run.
    assert!(matches!(with_helper(one, "exit 1").find("b.test").unwrap(), Found::Nothing { .. }));
}

#[test]
fn a_helper_that_fails_is_not_passed_over() {
    let store = r#"{"credsStore":"stand-in","auths":{"a.test":{"username":"kept","password":"x"}}}"#;
    let failing = with_helper(store, "exit 1").login("running/containers/auth.json", "podman");
    assert_eq!(failing.find("a.test").unwrap_err().code(), "E-CREDENTIAL-HELPER");
    let missing = with_helper(r#"{"credsStore":"absent"}"#, HAS);
    assert_eq!(missing.find("a.test").unwrap_err().code(), "E-CREDENTIAL-HELPER");
    let hanging = with_helper(store, "exec sleep 1000");
    let credentials = hanging.credentials().helper_patience(Duration::from_millis(200));
    let problem = credentials.find("a.test", "m").unwrap_err();
    assert!(problem.to_string().contains("no answer within 0.2 s"), "{problem}");
}

use std::ffi::OsString;
use std::fs;

use super::*;

/// A folder with a helper that is this shell script.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker-credential-stand-in");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn program(&self) -> Program {
        Program::find("stand-in", "config.json", Some(self.folder.path().as_os_str())).unwrap()
    }

    fn get(&self, server: &str) -> Result<Option<Credential>, AuthProblem> {
        self.program().get(server, Duration::from_mins(1))
    }

    /// The refusal of a helper, which shows none of the word `hunter2`.
    fn refusal(&self, server: &str) -> String {
        let problem = self.get(server).unwrap_err();
        assert_eq!(problem.code(), "E-CREDENTIAL-HELPER");
        let shown = format!("{problem} {problem:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        shown
    }
}

fn basic(username: &str, password: &str) -> Credential {
    Credential::basic(username, Secret::new(password)).unwrap()
}

#[test]
fn it_is_asked_for_the_server_on_standard_input() {
    let bench = Bench::new(
        r#"[ "$#" = 1 ] && [ "$1" = get ] || exit 9
server=$(cat)
printf '{"ServerURL":"%s","Username":"me","Secret":"for %s"}' "$server" "$server""#,
    );
    assert_eq!(bench.get("a.test:5000").unwrap(), Some(basic("me", "for a.test:5000")));
    let hub = "https://index.docker.io/v1/";
    assert_eq!(bench.get(hub).unwrap(), Some(basic("me", &format!("for {hub}"))));
}

#[test]
fn identity_tokens_and_empty_answers_are_told_apart() {
    let answer = |text: &str| Bench::new(&format!("cat > /dev/null; echo '{text}'")).get("a.test");
    assert_eq!(
        answer(r#"{"ServerURL":"https://A.test/","Username":"<token>","Secret":"T"}"#).unwrap(),
        Some(Credential::IdentityToken(Secret::new("T")))
    );
    assert_eq!(answer(r#"{"ServerURL":"","Username":"","Secret":""}"#).unwrap(), None);
    assert_eq!(
        answer(r#"{"Username":"_dcgcloud_token","Secret":"x"}"#).unwrap(),
        Some(basic("_dcgcloud_token", "x"))
    );
}

#[test]
fn it_may_have_nothing_for_a_server() {
    let bench = Bench::new("echo 'credentials not found in native keychain'; exit 1");
    assert_eq!(bench.get("a.test").unwrap(), None);
    // Only together with a failing exit: else it is an answer, and none that can be read.
    assert!(Bench::new("echo 'credentials not found in native keychain'").refusal("a.test").contains("JSON"));
}

#[test]
fn a_failure_is_not_taken_for_nothing() {
    assert!(
        Bench::new("echo 'the keychain is locked'; exit 1").refusal("a").contains(": the keychain is locked")
    );
    assert!(Bench::new("echo 'no display' >&2; exit 1").refusal("a").contains(": no display"));
    assert!(Bench::new("exit 1").refusal("a").contains("failed"));
    assert!(Bench::new("kill -9 $$").refusal("a").contains("failed"));
    let loud = Bench::new(r"printf 'x\033[31m%0300d' 0; exit 1").refusal("a");
    assert!(!loud.contains('\u{1b}') && loud.len() < 1000, "{loud}");
    let good = r#"printf '{"Username":"me","Secret":"hunt"}'; exit 1"#;
    assert!(Bench::new(good).refusal("a").contains("failed"));
}

#[test]
fn an_answer_for_another_server_is_refused() {
    for other in ["b.test", "https://evil.test/a.test", "a.test:5000", "a.test.evil.test"] {
        let answer = format!(r#"{{"ServerURL":"{other}","Username":"me","Secret":"hunter2"}}"#);
        let bench = Bench::new(&format!("echo '{answer}'"));
        assert!(bench.refusal("a.test").contains("for another server"), "{other}");
    }
}

#[test]
fn an_answer_that_is_none_is_refused_and_not_shown() {
    for answer in [
        "hunter2",
        r#"{"Username":"me"}"#,
        r#"{"Username":"me","Secret":["hunter2"]}"#,
        r#"{"Username":"me","Secret":"x","Secret":"hunter2"}"#,
        r#"{"Username":"m:e","Secret":"hunter2"}"#,
        r#"{"Username":"me","Secret":"hunter2\n"}"#,
        r#"{"Username":"<token>","Secret":""}"#,
        "",
    ] {
        Bench::new(&format!("printf '%s' '{answer}'")).refusal("a.test");
    }
}

#[test]
fn a_program_that_hangs_is_ended() {
    for script in ["echo waiting >&2; exec sleep 1000", "exec <&-; sleep 1000", "exec >&- 2>&-; sleep 1000"] {
        let bench = Bench::new(&format!("echo $$ > {}/number; {script}", "$(dirname $0)"));
        let problem = bench.program().get("a.test", Duration::from_millis(500)).unwrap_err();
        assert_eq!(problem.code(), "E-CREDENTIAL-HELPER");
        assert!(problem.to_string().contains("no answer within 0.5 s"), "{problem}");
        // A slow machine may not have come to the first line.
        if let Ok(number) = fs::read_to_string(bench.folder.path().join("number")) {
            let number = Pid(number.trim().parse().unwrap());
            assert!(!number.is_alive(), "{script}");
        }
    }
}

struct Pid(i32);

impl Pid {
    fn is_alive(&self) -> bool {
        let pid = rustix::process::Pid::from_raw(self.0).unwrap();
        rustix::process::test_kill_process(pid).is_ok()
    }
}

#[test]
fn a_program_that_prints_without_end_is_ended() {
    // A gigabyte of it would be one too.
    assert!(Bench::new("exec yes hunter2").refusal("a.test").contains("more than 65536 bytes"));
    // Standard error is read to its end, and forgotten.
    let loud = r#"yes hunter2 | head -c 1000000 >&2; echo '{"Username":"me","Secret":"x"}'"#;
    assert_eq!(Bench::new(loud).get("a.test").unwrap(), Some(basic("me", "x")));
}

#[test]
fn what_a_program_leaves_running_does_not_keep_it_waiting() {
    let bench = Bench::new(r#"sleep 1000 & echo '{"Username":"me","Secret":"x"}'"#);
    assert_eq!(bench.get("a.test").unwrap(), Some(basic("me", "x")));
}

#[test]
fn a_name_is_no_path_and_no_command_line() {
    let bench = Bench::new("exit 1");
    let path = || Some(bench.folder.path().as_os_str());
    for name in ["", "../stand-in", "/bin/sh", "a b", "a;b", "$(x)", "a\0", "é", &"x".repeat(65)] {
        let problem = Program::find(name, "config.json", path()).unwrap_err();
        assert_eq!(problem.code(), "E-CREDENTIAL-HELPER", "{name:?}");
        assert!(problem.to_string().contains("a name has 1 to 64"), "{problem}");
    }
}

#[test]
fn a_program_is_looked_up_in_absolute_folders_only() {
    let bench = Bench::new("exit 1");
    let here = bench.folder.path();
    let find = |path: Option<OsString>| Program::find("stand-in", "config.json", path.as_deref());
    let climb = "../".repeat(std::env::current_dir().unwrap().components().count());
    let relative = format!("{climb}{}", here.strip_prefix("/").unwrap().display());
    assert!(Path::new(&relative).join("docker-credential-stand-in").exists());
    for path in [None, Some(OsString::new()), Some(relative.into()), Some("/nonexistent".into())] {
        assert!(find(path).unwrap_err().to_string().contains("no such program in PATH"));
    }
    let second = env::join_paths([Path::new("/nonexistent"), here]).unwrap();
    assert!(find(Some(second)).is_ok());
    let file = here.join("docker-credential-stand-in");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(find(Some(here.into())).unwrap_err().code(), "E-CREDENTIAL-HELPER");
}

#[test]
fn what_cannot_be_run_is_told() {
    let bench = Bench::new("exit 1");
    fs::write(bench.folder.path().join("docker-credential-stand-in"), "#!/nonexistent/interpreter\n")
        .unwrap();
    assert!(bench.refusal("a.test").contains("cannot be started"));
}

//! What the program finds.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::bench::Bench;
use crate::running::{BY_KEY, Running, SCRATCH, run, run_on};

const FORMS: [&str; 2] = ["sealed", "snapshot"];

/// The usual model, with a script in it, and a folder that is empty.
fn model() -> Bench {
    let bench = Bench::with_model_and_key();
    bench.write("MODEL/bin/run.sh", b"#!/bin/sh\necho run with \"$1\"\n");
    fs::set_permissions(bench.path("MODEL/bin/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    bench.write("MODEL/empty file", b"");
    fs::create_dir_all(bench.path("MODEL/logs/old")).unwrap();
    bench.good("sign MODEL --key k.key --name org/mini-lm");
    bench
}

#[test]
fn the_signed_files_and_nothing_else() {
    for form in FORMS {
        let bench = model();
        // Neither signed, nor of the model.
        bench.write("MODEL.signatures/other", b"x");
        let options = format!("{BY_KEY} --as {form}");
        let script = "stat -c %a \"$1\" \"$1\"/..; cd \"$1\" && find . | LC_ALL=C sort; cp -rL . ../../copy";
        let said = run_on_copied(&bench, &options, script);
        let all = [
            "700",
            "700",
            ".",
            "./bin",
            "./bin/run.sh",
            "./config.json",
            "./empty file",
            "./logs",
            "./logs/old",
            "./model.safetensors",
            "./tokenizer",
            "./tokenizer/vocab.txt",
        ];
        assert_eq!(said.lines().collect::<Vec<_>>(), all, "{form}");
        for name in ["bin/run.sh", "config.json", "empty file", "model.safetensors", "tokenizer/vocab.txt"] {
            assert_eq!(
                bench.read(&format!("kept/{name}")),
                bench.read(&format!("MODEL/{name}")),
                "{form} {name}"
            );
            let mode = bench.path(&format!("kept/{name}")).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, if name == "bin/run.sh" { 0o500 } else { 0o400 }, "{form} {name}");
        }
    }
}

/// Runs a script that leaves a copy in the scratch folder, and takes it from there to `kept`.
fn run_on_copied(bench: &Bench, options: &str, script: &str) -> String {
    fs::create_dir_all(bench.path("around")).unwrap();
    let options = format!("{options} --scratch around");
    let line: Vec<_> =
        format!("exec {options} MODEL -- sh -c").split_whitespace().map(ToOwned::to_owned).collect();
    let said = bench.args(line.into_iter().chain([script, "sh", "{model}"].map(ToOwned::to_owned)));
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert_eq!(bench.names("around"), ["copy"]);
    fs::rename(bench.path("around/copy"), bench.path("kept")).unwrap();
    said.stdout
}

#[test]
fn a_model_that_is_one_file_is_one_path() {
    for form in FORMS {
        let bench = Bench::new();
        bench.key("k");
        bench.write("weights.gguf", b"GGUF and more");
        bench.good("sign weights.gguf --key k.key --name org/one");
        let options = format!("{BY_KEY} --as {form}");
        let said = run_on(&bench, &options, "weights.gguf", "basename \"$1\"; cat \"$1\"");
        assert_eq!(
            (said.exit, said.stdout.as_str()),
            (Some(0), "weights.gguf\nGGUF and more"),
            "{form} {said:?}"
        );
    }
}

#[test]
fn nobody_writes_through_the_links() {
    let bench = model();
    let script = r#"
        name=$1/config.json
        for way in '>' '>>' '<>'; do
            if (eval "exec 3$way \"\$name\"" && printf x >&3) 2>/dev/null; then echo "written $way"; fi
        done
        truncate -s 0 "$name" 2>/dev/null && echo cut
        truncate -s 100 "$name" 2>/dev/null && echo grown
        cat "$name"
    "#;
    let said = run(&bench, BY_KEY, script);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), "{\"hidden\": 384}"), "{said:?}");
}

#[test]
fn whoever_rewrites_the_source_changes_nothing() {
    for form in FORMS {
        let bench = model();
        let script = "echo ready; read go; cat \"$1/config.json\" \"$1/tokenizer/vocab.txt\"";
        let mut running = Running::start(&bench, &format!("{BY_KEY} --as {form}"), script);
        // In place, which maps and held descriptors would show; and by another file of the name.
        let mut source = File::options().write(true).open(bench.path("MODEL/config.json")).unwrap();
        source.write_all(b"{\"hidden\": 666}").unwrap();
        bench.write("evil", b"one\nsix\n");
        fs::rename(bench.path("evil"), bench.path("MODEL/tokenizer/vocab.txt")).unwrap();
        running.go();
        let said = running.end(&bench);
        assert_eq!(
            (said.exit, said.stdout.as_str()),
            (Some(0), "{\"hidden\": 384}one\ntwo\n"),
            "{form} {said:?}"
        );
    }
}

#[test]
fn every_place_that_asks_for_the_path_has_it() {
    let bench = model();
    fs::create_dir(bench.path(SCRATCH)).unwrap();
    let line = format!("exec {BY_KEY} --scratch {SCRATCH} MODEL -- sh -c");
    let script = ["echo \"$1\"; echo \"$LACRE_MODEL\"", "sh", "{model}:a={model}/b{mod}"];
    let said = bench.args(line.split_whitespace().chain(script));
    let (both, path) = said.stdout.trim_end().split_once('\n').unwrap();
    assert_eq!(both, format!("{path}:a={path}/b{{mod}}"));
    assert!(path.starts_with(bench.path(SCRATCH).canonicalize().unwrap().to_str().unwrap()), "{path}");
}

#[test]
fn a_program_of_the_model_runs_by_its_proven_bytes() {
    let bench = model();
    fs::create_dir(bench.path(SCRATCH)).unwrap();
    let said = bench.run(&format!("exec {BY_KEY} --scratch {SCRATCH} MODEL -- {{model}}/bin/run.sh it"));
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), "run with it\n"), "{said:?}");
    // One that was not signed as a program is none.
    bench
        .run(&format!("exec {BY_KEY} --scratch {SCRATCH} MODEL -- {{model}}/config.json"))
        .refuses("E-COMMAND", 10);
}

#[test]
fn a_model_of_many_files_runs_under_the_limits_that_the_caller_had() {
    let bench = Bench::new();
    bench.key("k");
    for number in 0..1500 {
        bench.write(format!("MODEL/{number}.txt"), number.to_string().as_bytes());
    }
    bench.good("sign MODEL --key k.key --name org/many");
    fs::create_dir(bench.path(SCRATCH)).unwrap();
    let inner = r#"ulimit -Sn; ls "$1" | wc -l; cat "$1/7.txt" "$1/1499.txt""#;
    let outer = format!(
        "ulimit -Sn 300 && exec \"$0\" exec {BY_KEY} --scratch {SCRATCH} MODEL -- sh -c '{inner}' sh '{{model}}'"
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &outer, env!("CARGO_BIN_EXE_lacre")]).current_dir(bench.path(""));
    let said = crate::bench::Said::of(command.env("XDG_CACHE_HOME", bench.cache()));
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), "300\n1500\n71499"), "{said:?}");
}

#[test]
fn a_runtime_folder_that_is_somebody_elses_is_not_used() {
    let bench = model();
    fs::create_dir(bench.path("runtime")).unwrap();
    fs::create_dir(bench.path("temporary")).unwrap();
    let found = |runtime: &std::path::Path, more: &str| {
        let mut command = bench.command();
        let line = format!("exec {BY_KEY} {more} MODEL -- echo {{model}}");
        command.args(line.split_whitespace()).env("XDG_RUNTIME_DIR", runtime);
        let said = crate::bench::Said::of(command.env("TMPDIR", bench.path("temporary")));
        assert_eq!(said.exit, Some(0), "{said:?}");
        said.stdout
    };
    let (runtime, temporary) = (bench.path("runtime"), bench.path("temporary"));
    assert!(found(&runtime, "").starts_with(runtime.to_str().unwrap()));
    // Copies could be more than fits there.
    assert!(found(&runtime, "--as snapshot").starts_with(temporary.to_str().unwrap()));
    assert!(found("/nowhere".as_ref(), "").starts_with(temporary.to_str().unwrap()));
    assert!(found("runtime".as_ref(), "").starts_with(temporary.to_str().unwrap()), "not absolute");
    // Only root may give a folder away, and only root could then write to it.
    if std::os::unix::fs::chown(&runtime, Some(65534), None).is_ok() {
        assert!(found(&runtime, "").starts_with(temporary.to_str().unwrap()));
    }
}

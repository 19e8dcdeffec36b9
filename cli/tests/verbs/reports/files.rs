//! `--report`: where the page is written, and what that changes about the rest. Nothing.

use lacre_testkit::tamper;

use super::tampered;
use crate::bench::Bench;

#[test]
fn a_report_changes_neither_what_is_said_nor_how_it_ends() {
    let (good, bad) = (Bench::with_signed_model(), tampered());
    for (bench, exit) in [(&good, 0), (&bad, 1)] {
        let plain = bench.run("verify MODEL --key k.pub");
        let reported = bench.run("verify MODEL --key k.pub --report page.html");
        assert_eq!((plain.exit, reported.exit), (Some(exit), Some(exit)));
        assert_eq!((&plain.stdout, &plain.stderr), (&reported.stdout, &reported.stderr));
        assert!(bench.names("").contains(&"page.html".to_owned()));
        let json = bench.run("verify MODEL --key k.pub --report other.html --json");
        assert_eq!((json.exit, json.json()["ok"].as_bool()), (Some(exit), Some(exit == 0)));
        assert!(bench.path("other.html").exists());
    }
}

#[test]
fn a_page_is_replaced_only_with_force_and_appears_whole() {
    let bench = Bench::with_signed_model();
    bench.write("page.html", b"mine");
    bench.bad("verify MODEL --key k.pub --report page.html", "E-EXISTS", 10);
    // Before the work: a model that would be refused is not looked at.
    tamper::plant(&bench.path("MODEL/notes.txt"), "mine");
    bench.bad("verify MODEL --key k.pub --report page.html", "E-EXISTS", 10);
    tamper::remove(&bench.path("MODEL/notes.txt"));
    assert_eq!(bench.read("page.html"), b"mine");
    bench.good("verify MODEL --key k.pub --report page.html --force");
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>\n") && page.ends_with("</html>\n"), "{page}");
    assert_eq!(bench.names(""), ["MODEL", "k.key", "k.pub", "page.html"], "nothing else is left");
    bench.bad("verify MODEL --key k.pub --report nowhere/page.html", "E-OUTPUT", 10);
    bench.good("verify MODEL --key k.pub --report dry.html --dry-run").says("would write dry.html");
    assert!(!bench.path("dry.html").exists());
}

#[test]
fn a_failure_is_not_hidden_by_a_page_that_cannot_be_written() {
    let bench = tampered();
    let said = bench.run("verify MODEL --key k.pub --report nowhere/page.html");
    said.refuses("E-FILE-MISSING", 1);
    said.says("warning: no report: ");
}

#[test]
fn a_page_never_lies_in_the_model() {
    let bench = Bench::with_signed_model();
    for file in ["MODEL/page.html", "MODEL/tokenizer/../page.html", "./MODEL/./tokenizer/page.html"] {
        bench.bad(&format!("verify MODEL --key k.pub --report {file}"), "E-USAGE", 2);
    }
    assert_eq!(bench.names("MODEL"), ["config.json", "model.safetensors", "model.sig", "tokenizer"]);
    bench.bad("verify MODEL --key k.pub --report -", "E-USAGE", 2);
}

#[test]
fn what_cannot_go_together_is_refused() {
    let bench = Bench::with_signed_model();
    for more in
        ["--format sarif --json", "--every 1s --report p.html", "--every 1s --format junit", "--format yaml"]
    {
        let said = bench.run(&format!("verify MODEL --key k.pub {more}"));
        assert_eq!(said.exit, Some(2), "{said:?}");
        assert!(said.stdout.contains("E-USAGE") || said.stderr.starts_with("error[E-USAGE]"), "{said:?}");
    }
}

#[test]
fn quiet_prints_the_format_and_nothing_else() {
    let bench = Bench::with_signed_model();
    let said = bench.good("verify MODEL --key k.pub --format markdown -q");
    assert!(said.stdout.starts_with("## ") && said.stderr.is_empty(), "{said:?}");
}

#[test]
fn a_page_is_written_of_what_could_not_be_decided_too() {
    let bench = Bench::with_signed_model();
    bench.run("verify MODEL --key nowhere.pub --report page.html").refuses("E-NOT-FOUND", 10);
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    assert!(page.contains("<title>Not decided: MODEL</title>") && page.contains("E-NOT-FOUND"), "{page}");
    assert!(!page.contains(">passed<"), "{page}");
}

//! `lacre diff`.

use std::fs;

use crate::bench::Bench;

fn two_versions() -> Bench {
    let bench = Bench::with_signed_model();
    bench.write("NEW/config.json", b"{\"hidden\": 512}");
    bench.write("NEW/weights.safetensors", &[7; 5000]);
    bench.write("NEW/README.md", b"# new");
    bench
}

#[test]
fn equal_models_exit_zero_whatever_they_are_given_as() {
    let bench = Bench::with_signed_model();
    bench.good("push MODEL oci:store:v1");
    let sides = ["MODEL", "MODEL/model.sig", "oci:store:v1"];
    for (a, b) in sides.iter().flat_map(|a| sides.iter().map(move |b| (a, b))) {
        let said = bench.good(&format!("diff {a} {b}"));
        assert!(said.stdout.ends_with("equal: 3 files\n"), "{said:?}");
        let claimed = [a, b].iter().filter(|side| ***side != "MODEL").count();
        assert_eq!(said.stdout.matches("UNVERIFIED").count(), claimed, "{said:?}");
    }
}

#[test]
fn every_kind_of_difference_is_told_and_exits_one() {
    let bench = two_versions();
    let said = bench.run("diff MODEL NEW");
    assert_eq!((said.exit, said.stderr.as_str()), (Some(1), ""));
    for line in [
        "removed tokenizer/vocab.txt",
        "added   README.md",
        "changed config.json",
        "renamed model.safetensors -> weights.safetensors",
        "1 removed, 1 added, 1 changed, 1 renamed",
    ] {
        assert!(said.stdout.lines().any(|it| it == line), "{line}: {said:?}");
    }
}

#[test]
fn json_of_a_difference_is_no_error() {
    let bench = two_versions();
    let said = bench.run("diff MODEL/model.sig NEW --json");
    assert_eq!(said.exit, Some(1));
    let result = &said.json()["result"];
    assert_eq!(result["equal"], false);
    assert_eq!(result["changed"], serde_json::json!(["config.json"]));
    assert_eq!(result["renamed"][0]["to"], "weights.safetensors");
    assert_eq!((&result["a"]["hashed"], &result["b"]["hashed"]), (&false.into(), &true.into()));
}

#[test]
fn quiet_leaves_the_exit_code() {
    let bench = two_versions();
    let said = bench.run("diff MODEL NEW -q");
    assert_eq!((said.exit, said.stdout.as_str(), said.stderr.as_str()), (Some(1), "", ""));
}

#[test]
fn git_files_and_the_signature_are_no_content_and_more_can_be_left_out() {
    let bench = Bench::with_signed_model();
    fs::create_dir(bench.path("MODEL/.git")).unwrap();
    bench.write("MODEL/.git/HEAD", b"ref");
    bench.write("MODEL/notes", b"x");
    bench.good("diff MODEL/model.sig MODEL --ignore notes");
    assert_eq!(bench.run("diff MODEL/model.sig MODEL").exit, Some(1));
}

#[test]
fn a_side_that_cannot_be_read_is_a_failure_not_a_difference() {
    let bench = Bench::with_signed_model();
    bench.bad("diff MODEL NOWHERE", "E-NOT-FOUND", 10);
    bench.bad("diff MODEL MODEL/config.json", "E-BUNDLE", 13);
    bench.bad("diff - -", "E-USAGE", 2);
}

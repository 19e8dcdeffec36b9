//! What a command line can have wrong, and what a refusal looks like whatever the verb.

use std::fs;

use crate::place::Place;

const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn references_that_are_none() {
    let place = Place::pushed();
    let digests =
        [format!("oci:store@sha256:{}", &HEX[1..]), format!("oci:store@sha256:{}", HEX.to_uppercase())];
    let both = format!("oci:store:v1@sha256:{HEX}");
    let mut bad = vec!["store", "store:v1", "OCI:store:v1", "oci:", "oci::v1", "oci:store:", "oci:store:.v1"];
    bad.extend(["oci:store:-v1", "oci:store:vé", "oci:store@v1", "oci:store@sha512:00", "docker://x/y:z"]);
    bad.extend(digests.iter().map(String::as_str).chain([both.as_str()]));
    for reference in bad {
        let said = place.refuses(&format!("pull {reference} out --key release.pub"), 2, "E-REFERENCE");
        assert!(said.contains("at byte "), "where it goes wrong: {said}");
        place.refuses(&format!("push model {reference}"), 2, "E-REFERENCE");
    }
    let long = format!("oci:store:{}", "a".repeat(129));
    place.refuses(&format!("pull {long} out --key release.pub"), 2, "E-REFERENCE");
    place.refuses_args(&["pull", "oci:store:v 1", "out", "--key", "release.pub"], 2, "E-REFERENCE");
}

#[test]
fn references_that_lead_nowhere() {
    let place = Place::pushed();
    let pull = |reference: &str| format!("pull {reference} out --key release.pub");
    place.refuses(&pull("oci:store:v2"), 11, "E-REFERENCE-NOT-FOUND");
    place.refuses(&pull(&format!("oci:store@sha256:{HEX}")), 11, "E-REFERENCE-NOT-FOUND");
    place.refuses(&pull("oci:nowhere:v1"), 10, "E-NOT-FOUND");
    place.refuses(&pull("oci:nowhere"), 10, "E-NOT-FOUND");
    place.refuses("inspect oci:nowhere:v1", 10, "E-NOT-FOUND");
}

#[test]
fn one_reference_for_two_models() {
    let place = Place::pushed();
    fs::create_dir(place.beside("second")).unwrap();
    fs::write(place.beside("second/weights"), "w").unwrap();
    place.accepts("sign second --key release.key --name org/second");
    place.accepts("push second oci:store:second");
    let said = place.refuses("pull oci:store out --key release.pub", 2, "E-REFERENCE");
    assert!(said.contains("v1") && said.contains("second"), "the tags to choose from: {said}");
}

#[test]
fn models_that_are_not_there() {
    let place = Place::sample();
    for line in [
        "verify nowhere --key release.pub",
        "sign nowhere --key release.key --name m",
        "push nowhere oci:store:v1",
        "inspect nowhere",
        "diff nowhere model",
        "diff model nowhere",
    ] {
        let said = place.refuses(line, 10, "E-NOT-FOUND");
        assert!(said.contains("nowhere does not exist"), "{said}");
    }
    fs::create_dir(place.beside("void")).unwrap();
    place.refuses("sign void --key release.key --name m", 10, "E-INPUT-EMPTY");
    fs::create_dir_all(place.beside("hollow/a/b")).unwrap();
    place.refuses("sign hollow --key release.key --name m", 10, "E-INPUT-EMPTY");
}

#[test]
fn what_exists_is_left_alone() {
    let place = Place::pushed();
    place.refuses("sign model --key release.key --name m", 10, "E-EXISTS");
    place.refuses("key new release --no-passphrase", 10, "E-EXISTS");
    place.refuses("key new release --no-passphrase --force", 10, "E-EXISTS");
    fs::create_dir(place.beside("out")).unwrap();
    fs::write(place.beside("out/mine"), "precious").unwrap();
    fs::write(place.beside("file"), "precious").unwrap();
    std::os::unix::fs::symlink("nowhere", place.beside("link")).unwrap();
    for taken in ["out", "file", "link", "model"] {
        place.refuses(&format!("pull oci:store:v1 {taken} --key release.pub"), 10, "E-EXISTS");
    }
    // Not even with --force: the current folder is in it.
    for taken in [".", "..", "/"] {
        let line = format!("pull oci:store:v1 {taken} --key release.pub --force");
        place.refuses(&line, 10, "E-EXISTS");
    }
}

#[test]
fn usage_errors_have_the_same_shape() {
    let place = Place::sample();
    for line in [
        "verify model",
        "verify model --key release.pub --bogus",
        "verify",
        "sign model",
        "push model",
        "pull oci:store:v1",
        "diff model",
        "key new",
        "key new x --algorithm rsa",
        "key import release.key",
        "key import release.key x --format jwk",
        "key show",
        "bogus",
        "verify model --key release.pub --expect-name",
        "verify model --key release.pub --links follow",
        "verify model --key release.pub -q -v",
        "verify model --key release.pub --allow-unsigned ../x",
        "verify model --key release.pub --allow-unsigned /etc/passwd",
        "sign model --key release.key --name m --force --ignore .",
    ] {
        place.refuses(line, 2, "E-USAGE");
    }
}

#[test]
fn every_verb_fails_alike_with_json_before_and_behind_it() {
    let place = Place::sample();
    for (verb, rest, code) in [
        ("key new", "nowhere/k --no-passphrase", "E-OUTPUT"),
        ("key import", "nowhere x --no-passphrase", "E-NOT-FOUND"),
        ("key show", "nowhere", "E-NOT-FOUND"),
        ("sign", "nowhere --key release.key", "E-NOT-FOUND"),
        ("verify", "nowhere --key release.pub", "E-NOT-FOUND"),
        ("inspect", "nowhere", "E-NOT-FOUND"),
        ("push", "nowhere oci:store:v1", "E-NOT-FOUND"),
        ("pull", "oci:nowhere:v1 out --key release.pub", "E-NOT-FOUND"),
        ("tree", "oci:nowhere:v1", "E-NOT-FOUND"),
        ("diff", "nowhere model", "E-NOT-FOUND"),
    ] {
        let front = place.run(&format!("--json {verb} {rest}"));
        let back = place.run(&format!("{verb} {rest} --json"));
        front.refuses_in_json(10, code);
        assert_eq!(front.stdout, back.stdout);
        assert_eq!(front.json()["command"], verb);
        // Quiet keeps the error, and nothing else but it.
        let quiet = place.run(&format!("{verb} {rest} -q"));
        quiet.refuses_in_words(10, code);
    }
}

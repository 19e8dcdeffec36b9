//! Names that are not text, and names that play tricks on a terminal.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use lacre_testkit::{Forge, ModelDir, edit_bundle, tamper};

use crate::place::{Place, Said};

/// Clears the screen, retitles the window, turns the line, hides, rings; C1 controls do what ESC sequences do.
const HOSTILE: [&str; 8] = [
    "a\u{1b}[2Jb",
    "a\u{1b}]0;owned\u{7}b",
    "invoice\u{202e}gpj.exe",
    "a\u{200b}b",
    "a\u{9b}31mb",
    "a\nerror[E-FAKE]: b",
    "a\rverified b",
    "a\u{2066}b\u{2069}",
];

fn plant_bytes(place: &Place, name: &[u8]) {
    fs::write(place.entry("tokenizer").join(OsStr::from_bytes(name)), "x").unwrap();
}

#[test]
fn a_name_that_is_not_utf8_is_not_signed() {
    let place = Place::sample();
    tamper::remove(&place.sealed.signature_path());
    plant_bytes(&place, b"bad\xff\x1bname");
    let said = place.refuses("sign model --key release.key --name m", 10, "E-INPUT-NAME");
    assert!(said.contains(r"tokenizer/bad\xff\u{1b}name has a name that is not UTF-8"), "{said}");
}

#[test]
fn a_name_that_is_not_utf8_is_not_verified_or_pushed() {
    let place = Place::pushed();
    plant_bytes(&place, b"bad\xffname");
    let said = place.is_refused(1, "E-FILE-NAME");
    assert!(said.contains(r"tokenizer/bad\xffname has a name that is not UTF-8"), "{said}");
    let said = place.refuses("push model oci:store:v1", 10, "E-INPUT-NAME");
    assert!(said.contains(r"tokenizer/bad\xffname"), "{said}");
}

#[test]
fn a_folder_whose_name_is_not_utf8() {
    let place = Place::sample();
    let folder = place.entry("tokenizer").join(OsStr::from_bytes(b"\xc3("));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), "x").unwrap();
    let said = place.is_refused(1, "E-FILE-NAME");
    assert!(said.contains(r"tokenizer/\xc3("), "{said}");
    place.refuses("sign model --key release.key --name m --force", 10, "E-INPUT-NAME");
}

#[test]
fn a_name_with_a_backslash() {
    let place = Place::sample();
    plant_bytes(&place, b"a\\b");
    let said = place.is_refused(1, "E-FILE-NAME");
    assert!(said.contains(r"tokenizer/a\\b"), "{said}");
    place.refuses("sign model --key release.key --name m --force", 10, "E-INPUT-NAME");
}

#[test]
fn paths_on_the_command_line_that_are_not_utf8() {
    let place = Place::sample();
    for args in [["inspect"].as_slice(), &["verify", "--key", "release.pub"], &["diff", "model"]] {
        let mut command = place.command();
        command.args(args).arg(OsStr::from_bytes(b"gone\xff"));
        let said = Said::of(&mut command);
        said.refuses_in_words(10, "E-NOT-FOUND");
        assert!(said.stderr.contains(r"gone\xff"), "{said:?}");
        Said::of(command.arg("--json")).refuses_in_json(10, "E-NOT-FOUND");
    }
}

#[test]
fn hostile_names_on_disk() {
    for name in HOSTILE {
        let place = Place::pushed();
        tamper::plant(&place.entry(name), "x");
        place.is_refused(1, "E-FILE-EXTRA");
        place.refuses("push model oci:store:v1", 1, "E-FILE-EXTRA");
        for line in ["verify model --key release.pub -v", "diff model model/x", "inspect model -v"] {
            place.run(line).is_harmless();
        }
        // As a link, a folder, a missing file.
        tamper::replace_by_link(&place.entry(name), name);
        place.is_refused(1, "E-FILE-TYPE");
        place.refuses("sign model --key release.key --name m --force", 10, "E-INPUT-TYPE");
    }
}

#[test]
fn hostile_names_that_were_signed() {
    for name in HOSTILE {
        let place = Place::signed(ModelDir::sample().file(name, "x").file("dir/plain", "x"));
        for line in [
            "verify model --key release.pub -v",
            "inspect model -v",
            "push model oci:store:v1 -v",
            "inspect oci:store:v1 -v",
            "pull oci:store:v1 out --key release.pub -v",
            "sign model --key release.key --name m --force -v --signature other.sig",
        ] {
            let said = place.run(line);
            assert_eq!(said.exit, Some(0), "{line}: {said:?}");
            said.is_harmless();
            place.run(&format!("{line} --json")).is_harmless();
        }
        tamper::remove(&place.entry(name));
        place.is_refused(1, "E-FILE-MISSING");
        place.run("diff out model").is_harmless();
        tamper::plant(&place.entry(name), "y");
        place.is_refused(1, "E-FILE-CHANGED");
        tamper::rename(&place.entry(name), &place.entry(&format!("{name}2")));
        fs::write(place.entry(&format!("{name}2")), "x").unwrap();
        place.is_refused(1, "E-FILE-RENAMED");
    }
}

#[test]
fn hostile_words_in_a_bundle() {
    for word in HOSTILE {
        let place = Place::sample();
        let edits: [(&str, i32, &str); 4] = [
            ("/mediaType", 13, "E-BUNDLE"),
            ("/dsseEnvelope/payloadType", 13, "E-PAYLOAD-TYPE"),
            ("/verificationMaterial/publicKey/hint", 5, "E-SIGNER-UNTRUSTED"),
            ("/dsseEnvelope/payload", 13, "E-ENVELOPE"),
        ];
        for (pointer, exit, code) in edits {
            let bundle = edit_bundle(place.sealed.bundle(), |bundle| {
                *bundle.pointer_mut(pointer).unwrap() = word.into();
            });
            place.is_refused_with(&bundle, exit, code);
            place.run("inspect model -v").is_harmless();
        }
        let statements: [(&str, i32, &str); 6] = [
            ("/_type", 13, "E-STATEMENT-TYPE"),
            ("/predicateType", 13, "E-PREDICATE-TYPE"),
            ("/predicate/serialization/method", 13, "E-UNSUPPORTED"),
            ("/predicate/serialization/hash_type", 13, "E-UNSUPPORTED"),
            ("/predicate/resources/0/algorithm", 13, "E-UNSUPPORTED"),
            ("/subject/0/digest/sha256", 13, "E-ROOT"),
        ];
        for (pointer, exit, code) in statements {
            let bundle = place.sealed.resigned(|statement| {
                *statement.pointer_mut(pointer).unwrap() = word.into();
            });
            place.is_refused_with(&bundle, exit, code);
            place.run("inspect model -v").is_harmless();
        }
        let bundle = Forge::new(word, place.sealed.key()).to_json();
        place.is_refused_with(&bundle, 13, "E-JSON");
    }
}

#[test]
fn a_hostile_name_of_the_model() {
    // Direction marks are not control characters: such a name can be signed, and must be shown escaped.
    for word in ["invoice\u{202e}gpj", "a\u{200b}b", "a\u{2066}b"] {
        let place = Place::of(lacre_testkit::Seal::of(ModelDir::sample()).name(word).sign());
        for line in [
            "verify model --key release.pub -v",
            "inspect model",
            "push model oci:store:v1",
            "inspect oci:store:v1",
        ] {
            let said = place.run(line);
            assert_eq!(said.exit, Some(0), "{line}: {said:?}");
            said.is_harmless();
            place.run(&format!("{line} --json")).is_harmless();
        }
        place.refuses("verify model --key release.pub --expect-name org/m", 8, "E-NAME-MISMATCH");
    }
}

#[test]
fn hostile_words_on_the_command_line() {
    let place = Place::pushed();
    for word in HOSTILE {
        place.refuses_args(&["verify", word, "--key", "release.pub"], 10, "E-NOT-FOUND");
        place.refuses_args(&["verify", "model", "--key", word], 10, "E-NOT-FOUND");
        place.refuses_args(&["sign", word, "--key", "release.key"], 10, "E-NOT-FOUND");
        place.refuses_args(&["inspect", word], 10, "E-NOT-FOUND");
        let tag = format!("oci:store:{word}");
        place.refuses_args(&["pull", &tag, "out", "--key", "release.pub"], 2, "E-REFERENCE");
        let folder = format!("oci:{word}/");
        place.refuses_args(&["pull", &folder, "out", "--key", "release.pub"], 10, "E-NOT-FOUND");
        place.refuses_args(&[word], 2, "E-USAGE");
        place.refuses_args(&["verify", "model", &format!("--{word}")], 2, "E-USAGE");
    }
}

/// Case folding and normal forms are the names' own business: on disk they are told apart, in a claim they collide.
#[test]
fn the_other_normal_form_is_another_name() {
    let place = Place::sample();
    let composed = "tokenizer/größe/日本語.txt";
    let decomposed = "tokenizer/gro\u{308}ße/日本語.txt";
    assert_ne!(composed, decomposed);
    tamper::rename(&place.entry(composed), &place.entry(decomposed));
    place.is_refused(1, "E-FILE-RENAMED");
    tamper::plant(&place.entry(composed), "naïve\n");
    place.refuses("sign model --key release.key --name m --force", 13, "E-NAME-COLLISION");
}

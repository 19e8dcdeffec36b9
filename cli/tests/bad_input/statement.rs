//! A trusted key signed it, properly, and still it must not be believed: what is claimed is unsound or ambiguous.

use lacre_testkit::{Forge, tamper};
use serde_json::{Value, json};

use crate::place::Place;

/// The sample with the statement that `change` leaves, root and identity made right again, signed by the trusted key.
fn restated(change: impl FnOnce(&mut Value), exit: i32, code: &str) -> String {
    let place = Place::sample();
    let bundle = place.sealed.restated(change);
    place.is_refused_with(&bundle, exit, code)
}

/// The same with root and identity as `change` left them.
fn resigned(change: impl FnOnce(&mut Value), exit: i32, code: &str) -> String {
    let place = Place::sample();
    let bundle = place.sealed.resigned(change);
    place.is_refused_with(&bundle, exit, code)
}

/// The sample with this payload, signed by the trusted key.
fn signed_text(payload: impl AsRef<[u8]>, exit: i32, code: &str) -> String {
    let place = Place::sample();
    let bundle = Forge::new(payload, place.sealed.key()).to_json();
    place.is_refused_with(&bundle, exit, code)
}

fn text_of(place: &Place) -> String {
    place.sealed.statement().to_string()
}

fn resources(statement: &mut Value) -> &mut Vec<Value> {
    statement["predicate"]["resources"].as_array_mut().unwrap()
}

/// Gives the resource `from` another name, in code-point order.
fn rename(statement: &mut Value, from: &str, to: &str) {
    let resources = resources(statement);
    let named = |resource: &&mut Value| resource["name"] == from;
    resources.iter_mut().find(named).unwrap()["name"] = to.into();
    resources.sort_by(|a, b| a["name"].as_str().unwrap().cmp(b["name"].as_str().unwrap()));
}

#[test]
fn the_edits_alone_do_no_harm() {
    let place = Place::sample();
    for bundle in [place.sealed.restated(|_| {}), place.sealed.resigned(|_| {})] {
        place.sealed.write_bundle(&bundle);
        place.accepts("verify model --key release.pub");
    }
}

#[test]
fn names_that_lead_out_of_the_model() {
    for name in ["../outside.txt", "x/../../outside.txt", "..", "x/.."] {
        let place = Place::sample();
        tamper::plant(&place.beside("outside.txt"), "{}\n");
        let bundle = place.sealed.restated(|statement| rename(statement, "x.json", name));
        let said = place.is_refused_with(&bundle, 13, "E-PATH");
        assert!(said.contains(name), "{said}");
        place.refuses("push model oci:store:v1", 13, "E-PATH");
    }
}

#[test]
fn absolute_names() {
    for name in ["/etc/hostname", "//server/share", "/"] {
        restated(|statement| rename(statement, "x.json", name), 13, "E-PATH");
    }
}

#[test]
fn names_that_are_no_paths() {
    for name in ["", "./x", "x//y", "x/", "a\\b", "nul\0", "x/./y"] {
        restated(|statement| rename(statement, "x.json", name), 13, "E-PATH");
    }
}

#[test]
fn the_same_name_twice() {
    let twice = |statement: &mut Value| {
        let resources = resources(statement);
        let mut again = resources[0].clone();
        again["digest"] = "0".repeat(64).into();
        resources.insert(1, again);
    };
    let said = restated(twice, 13, "E-DUPLICATE-NAME");
    assert!(said.contains("blob.bin stands twice"), "{said}");
    restated(
        |statement| {
            let again = resources(statement)[0].clone();
            resources(statement).insert(0, again);
        },
        13,
        "E-DUPLICATE-NAME",
    );
}

#[test]
fn names_that_are_one_file_elsewhere() {
    // The Kelvin sign folds to k.
    for name in ["Config.json", "CONFIG.JSON", "to\u{212a}enizer/vocab.txt"] {
        restated(|statement| rename(statement, "x.json", name), 13, "E-NAME-COLLISION");
    }
    // The same letters, decomposed.
    let decomposed = "tokenizer/gro\u{308}ße/日本語.txt";
    restated(|statement| rename(statement, "x.json", decomposed), 13, "E-NAME-COLLISION");
    // A file where another name wants a folder.
    restated(|statement| rename(statement, "x.json", "x"), 13, "E-NAME-COLLISION");
}

#[test]
fn no_files_at_all() {
    let said = restated(|statement| resources(statement).clear(), 13, "E-NO-RESOURCES");
    assert!(said.contains("covers nothing"), "{said}");
}

#[test]
fn ignore_paths_that_ignore_everything() {
    for path in [".", "..", "", "/", "./", "x/.."] {
        let ignore = |statement: &mut Value| {
            statement["predicate"]["serialization"]["ignore_paths"] = json!([path]);
        };
        restated(ignore, 13, "E-IGNORE");
    }
    let everything = |statement: &mut Value| {
        resources(statement).clear();
        statement["predicate"]["serialization"]["ignore_paths"] = json!(["."]);
    };
    restated(everything, 13, "E-IGNORE");
}

#[test]
fn ignore_paths_that_hide_a_signed_file() {
    for path in ["tokenizer", "tokenizer/vocab.txt", "x"] {
        let ignore = |statement: &mut Value| {
            statement["predicate"]["serialization"]["ignore_paths"] = json!([path]);
        };
        let said = restated(ignore, 13, "E-IGNORE");
        assert!(said.contains("hides the signed file"), "{said}");
    }
}

#[test]
fn ignore_paths_of_another_component_hide_nothing() {
    let ignore = |statement: &mut Value| {
        statement["predicate"]["serialization"]["ignore_paths"] = json!(["tok", "x.jso", "config.json.bak"]);
    };
    let place = Place::sample();
    place.sealed.write_bundle(&place.sealed.restated(ignore));
    place.accepts("verify model --key release.pub");
    tamper::plant(&place.entry("tok2"), "");
    place.is_refused(1, "E-FILE-EXTRA");
}

#[test]
fn a_root_that_is_not_of_these_files() {
    resigned(|statement| resources(statement)[0]["digest"] = "0".repeat(64).into(), 13, "E-ROOT");
    resigned(|statement| statement["subject"][0]["digest"]["sha256"] = "0".repeat(64).into(), 13, "E-ROOT");
}

#[test]
fn an_identity_that_is_not_of_these_files() {
    // The root does not bind names; the identity does.
    let swap_names = |statement: &mut Value| {
        let resources = resources(statement);
        let (first, second) = (resources[0]["name"].clone(), resources[1]["name"].clone());
        for (resource, name) in [(0, second), (1, first)] {
            resources[resource]["name"] = name;
        }
    };
    let place = Place::sample();
    let bundle = place.sealed.resigned(|statement| {
        swap_names(statement);
        let resources = resources(statement);
        resources.swap(0, 1);
    });
    place.is_refused_with(&bundle, 13, "E-ROOT");
    resigned(
        |statement| statement["subject"][0]["digest"]["lacre"] = "0".repeat(64).into(),
        13,
        "E-IDENTITY",
    );
    resigned(|statement| resources(statement)[0]["size"] = 1.into(), 13, "E-IDENTITY");
    resigned(|statement| resources(statement)[0]["blake3"] = "0".repeat(64).into(), 13, "E-IDENTITY");
}

#[test]
fn files_in_no_order() {
    let said = restated(|statement| resources(statement).reverse(), 13, "E-PREDICATE");
    assert!(said.contains("order"), "{said}");
}

#[test]
fn digests_that_are_none() {
    for digest in ["", "00", &"0".repeat(63), &"A".repeat(64), &"g".repeat(64)] {
        resigned(|statement| resources(statement)[0]["digest"] = digest.into(), 13, "E-PREDICATE");
    }
    resigned(|statement| resources(statement)[0]["size"] = (-1).into(), 13, "E-PREDICATE");
    resigned(|statement| resources(statement)[0]["size"] = 1.5.into(), 13, "E-PREDICATE");
    resigned(|statement| resources(statement)[0]["size"] = Value::Null, 13, "E-PREDICATE");
}

#[test]
fn extensions_on_some_files_only() {
    for member in ["size", "blake3"] {
        let remove = |statement: &mut Value| {
            resources(statement)[1].as_object_mut().unwrap().remove(member);
        };
        resigned(remove, 13, "E-PREDICATE");
    }
}

#[test]
fn methods_that_are_not_read() {
    let serialization = |member: &'static str, value: Value| {
        move |statement: &mut Value| statement["predicate"]["serialization"][member] = value
    };
    resigned(serialization("method", "shards".into()), 13, "E-PREDICATE");
    resigned(serialization("method", "trees".into()), 13, "E-UNSUPPORTED");
    resigned(serialization("hash_type", "blake2b".into()), 13, "E-PREDICATE");
    resigned(serialization("hash_type", "sha3".into()), 13, "E-UNSUPPORTED");
    resigned(serialization("shard_size", 1000.into()), 13, "E-PREDICATE");
    resigned(serialization("allow_symlinks", "yes".into()), 13, "E-PREDICATE");
    resigned(serialization("new", 1.into()), 13, "E-PREDICATE");
    resigned(|statement| resources(statement)[0]["algorithm"] = "md5".into(), 13, "E-UNSUPPORTED");
}

#[test]
fn a_signer_cannot_make_a_verifier_follow_links() {
    let place = Place::sample();
    let allow = |statement: &mut Value| {
        statement["predicate"]["serialization"]["allow_symlinks"] = true.into();
    };
    place.sealed.write_bundle(&place.sealed.restated(allow));
    place.accepts("verify model --key release.pub");
    tamper::link_away(&place.entry("x.json"), &place.beside("x.json"));
    place.is_refused(1, "E-FILE-TYPE");
}

#[test]
fn a_wrong_statement_type() {
    for kind in ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v2", ""] {
        let said = resigned(|statement| statement["_type"] = kind.into(), 13, "E-STATEMENT-TYPE");
        assert!(said.contains(&format!("\"{kind}\"")), "{said}");
    }
    resigned(|statement| statement["_type"] = 1.into(), 13, "E-STATEMENT");
}

#[test]
fn a_wrong_predicate_type() {
    // OMS's own, before v0.3.1: it has no root and no list of files.
    resigned(|it| it["predicateType"] = "https://model_signing/Digests/v0.1".into(), 13, "E-LEGACY");
    for kind in ["https://model_signing/Digests/v0.2", "https://slsa.dev/provenance/v1", ""] {
        let said = resigned(|statement| statement["predicateType"] = kind.into(), 13, "E-PREDICATE-TYPE");
        assert!(said.contains("https://model_signing/signature/v1.0"), "{said}");
    }
}

#[test]
fn a_statement_that_is_no_object() {
    for text in ["[]", "null", "1", "\"https://in-toto.io/Statement/v1\""] {
        signed_text(text, 13, "E-STATEMENT");
    }
    // The members in order, as an array: a lenient reader fills a struct from it.
    let place = Place::sample();
    let statement = place.sealed.statement();
    let members =
        json!([statement["_type"], statement["subject"], statement["predicateType"], statement["predicate"]]);
    signed_text(members.to_string(), 13, "E-STATEMENT");
}

#[test]
fn a_statement_that_ends_too_early_or_too_late() {
    let text = text_of(&Place::sample());
    for end in [1, text.len() / 2, text.len() - 1] {
        signed_text(&text[..end], 13, "E-JSON");
    }
    for tail in ["{}", "x", "\0", ","] {
        signed_text(format!("{text}{tail}"), 13, "E-JSON");
    }
    signed_text(
        text.replacen("org/mini-lm", "org/mini-\u{fffd}", 1).replace('\u{fffd}', "\u{7}"),
        13,
        "E-JSON",
    );
    let mut broken = text.into_bytes();
    let name = broken.windows(11).position(|window| window == b"org/mini-lm").unwrap();
    broken[name] = 0xff;
    signed_text(broken, 13, "E-JSON");
}

#[test]
fn a_statement_with_a_key_that_stands_twice() {
    let text = text_of(&Place::sample());
    let cases = [
        (r#""predicateType":"#, r#""predicateType":"x","predicateType":"#),
        (r#""subject":"#, r#""subject":[],"subject":"#),
        (r#""resources":"#, r#""resources":[],"resources":"#),
        // The same key, written differently.
        (r#""resources":"#, r#""re\u0073ources":[],"resources":"#),
        (r#""name":"blob.bin""#, r#""name":"blob.bin","name":"config.json""#),
        (r#""sha256":"#, r#""sha256":"","sha256":"#),
    ];
    for (part, double) in cases {
        assert!(text.contains(part), "{part}");
        signed_text(text.replacen(part, double, 1), 13, "E-DUPLICATE-KEY");
    }
}

#[test]
fn a_statement_with_no_or_several_subjects() {
    resigned(|statement| statement["subject"] = json!([]), 13, "E-STATEMENT");
    let twice = |statement: &mut Value| {
        let subject = statement["subject"][0].clone();
        statement["subject"].as_array_mut().unwrap().push(subject);
    };
    resigned(twice, 13, "E-STATEMENT");
    for name in ["", "a\u{1b}[2J", "two\nlines"] {
        resigned(|statement| statement["subject"][0]["name"] = name.into(), 13, "E-STATEMENT");
    }
    resigned(|statement| statement["extra"] = 1.into(), 13, "E-STATEMENT");
}

#[test]
fn a_statement_that_is_too_deep() {
    let place = Place::sample();
    let text = text_of(&place);
    for depth in [100, 100_000] {
        let deep = format!("{{\"deep\":{}{},", "[".repeat(depth), "]".repeat(depth));
        signed_text(text.replacen('{', &deep, 1), 13, "E-LIMIT");
    }
}

#[test]
fn a_statement_above_the_limit() {
    const LIMIT: usize = 1 << 20;
    let place = Place::sample();
    let text = text_of(&place);
    for (length, exit) in [(LIMIT, 0), (LIMIT + 1, 13)] {
        // Space before the end is JSON, and signed: only its length is wrong.
        let long = format!("{text}{}", " ".repeat(length - text.len()));
        place.sealed.write_bundle(&Forge::new(long, place.sealed.key()).to_json());
        place.accepts("verify model --key release.pub");
        for verb in ["verify model --key release.pub", "inspect model", "inspect model --verbose"] {
            let line = format!("{verb} --max-statement 1MiB");
            if exit == 0 {
                place.accepts(&line);
            } else {
                place.refuses(&line, exit, "E-LIMIT");
            }
        }
    }
    place.refuses("verify model --key release.pub --max-statement 1", 2, "E-USAGE");
}

#[test]
fn a_statement_that_nobody_would_read_is_not_signed() {
    let place = Place::sample();
    place.refuses("sign model --key release.key --force --max-statement 100B", 13, "E-LIMIT");
    place.accepts("verify model --key release.pub");
}

#[test]
fn a_bundle_above_the_limit() {
    // No statement of 64 MiB needs a bundle of this size: it is not even read to its end.
    let place = Place::sample();
    let file = std::fs::File::options().write(true).open(place.sealed.signature_path()).unwrap();
    file.set_len(1 << 40).unwrap();
    for line in ["verify model --key release.pub", "push model oci:store:v1", "inspect model"] {
        let said = place.run(&format!("{line} --json"));
        said.refuses_in_json(13, "E-LIMIT");
    }
    assert!(!place.beside("store").exists());
}

//! `--format`: each format, read by somebody else's reader.

use pulldown_cmark::{Event, Options, Parser, Tag};
use roxmltree::Document;
use serde_json::{Value, json};

use super::{hostile, tampered};
use crate::bench::{Bench, Said};

const STEPS: [&str; 6] = ["bundle", "signer", "signature", "claim", "expectations", "content"];

/// Runs verify on the bench's model, and asserts how it ends.
fn format(bench: &Bench, format: &str, more: &str, exit: i32) -> Said {
    let said = bench.run(&format!("verify MODEL --key k.pub --format {format} {more}"));
    assert_eq!(said.exit, Some(exit), "{said:?}");
    said
}

/// Name, children and the failure's type of each test case.
fn cases(xml: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let document = Document::parse(xml).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    cases
        .map(|case| {
            let outcome = case
                .children()
                .find(|it| it.is_element() && !it.has_tag_name("system-out"))
                .map(|it| (it.tag_name().name().to_owned(), it.attribute("type").map(str::to_owned)));
            let (outcome, code) = outcome.unzip();
            (case.attribute("name").unwrap().to_owned(), outcome, code.flatten())
        })
        .collect()
}

/// The counts of every suite are those of its test cases, and the whole's are their sums.
fn counts_agree(xml: &str) {
    let document = Document::parse(xml).unwrap();
    let whole = document.root_element();
    for (attribute, element) in
        [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
    {
        let of = |node: roxmltree::Node<'_, '_>| {
            let told: usize = node.attribute(attribute).unwrap().parse().unwrap();
            assert_eq!(told, node.descendants().filter(|it| it.has_tag_name(element)).count(), "{xml}");
        };
        of(whole);
        whole.children().filter(roxmltree::Node::is_element).for_each(of);
    }
}

#[test]
fn junit_has_a_test_case_for_each_check() {
    let bench = Bench::with_signed_model();
    let said = format(&bench, "junit", "", 0);
    counts_agree(&said.stdout);
    let expected: Vec<_> = STEPS.iter().map(|step| ((*step).to_owned(), None, None)).collect();
    assert_eq!(cases(&said.stdout), expected);
    assert!(said.stderr.starts_with("verified org/mini-lm 1.0.0\n"), "people read stderr: {said:?}");
}

#[test]
fn junit_tells_the_check_that_failed_and_what_was_not_reached() {
    let bench = tampered();
    let said = format(&bench, "junit", "", 1);
    counts_agree(&said.stdout);
    let found = cases(&said.stdout);
    let failure = (Some("failure".to_owned()), Some("E-FILE-MISSING".to_owned()));
    assert_eq!(found.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), STEPS);
    assert!(found[..5].iter().all(|it| it.1.is_none()), "{found:?}");
    assert_eq!((found[5].1.clone(), found[5].2.clone()), failure);
    let document = Document::parse(&said.stdout).unwrap();
    let told = document.descendants().find(|it| it.has_tag_name("failure")).unwrap().text().unwrap();
    for line in ["tokenizer/vocab.txt: is missing", "notes.txt: is not signed"] {
        assert!(told.lines().any(|it| it == line), "{told}");
    }
    assert!(said.stderr.starts_with("error[E-FILE-MISSING]: "), "{said:?}");

    bench.key("other");
    let said = bench.run("verify MODEL --key other.pub --format junit");
    assert_eq!(said.exit, Some(5), "{said:?}");
    counts_agree(&said.stdout);
    let outcomes: Vec<_> = cases(&said.stdout).into_iter().map(|it| it.1).collect();
    let outcomes: Vec<_> = outcomes.iter().map(Option::as_deref).collect();
    let skipped = Some("skipped");
    assert_eq!(outcomes, [None, Some("failure"), skipped, skipped, skipped, skipped]);
}

#[test]
fn what_cannot_be_decided_is_an_error_and_never_a_pass() {
    let bench = Bench::with_signed_model();
    let said = bench.run("verify MODEL --key nowhere.pub --format junit");
    assert_eq!(said.exit, Some(10), "{said:?}");
    counts_agree(&said.stdout);
    let first = cases(&said.stdout).remove(0);
    assert_eq!(first, ("run".to_owned(), Some("error".to_owned()), Some("E-NOT-FOUND".to_owned())));

    let said = bench.run("verify MODEL --key nowhere.pub --format sarif");
    let run = &valid_sarif(&said.stdout)["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], "E-NOT-FOUND");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["properties"]["lacre/verdict"], "undecided");
    let said = bench.run("verify MODEL --key nowhere.pub --format markdown");
    assert!(said.stdout.starts_with("## ⚠️ Not decided: `MODEL`\n"), "{said:?}");
}

/// The document, which a reader made from the official schema takes whole: nothing of another type, nothing left out, nothing
/// that the schema does not know.
fn valid_sarif(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(reread(&document).as_ref(), Ok(&document), "{text}");
    // That it can refuse.
    let mut broken = document.clone();
    broken["runs"][0]["invocations"][0]["executionSuccessful"] = json!("yes");
    reread(&broken).unwrap_err();
    let mut unknown = document.clone();
    unknown["runs"][0]["tool"]["driver"]["nickname"] = json!("x");
    assert_ne!(reread(&unknown), Ok(unknown));
    document
}

/// What the reader keeps of a document.
fn reread(document: &Value) -> Result<Value, String> {
    let read: serde_sarif::sarif::Sarif =
        serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}

#[test]
fn sarif_has_no_result_for_what_is_verified() {
    let bench = Bench::with_signed_model();
    let document = valid_sarif(&format(&bench, "sarif", "", 0).stdout);
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    assert_eq!(run["results"], json!([]));
    assert_eq!(
        (&run["invocations"][0]["exitCode"], &run["properties"]["lacre/verdict"]),
        (&json!(0), &json!("verified"))
    );
    let checks = run["properties"]["lacre/checks"].as_array().unwrap();
    assert_eq!(checks.iter().map(|check| check["name"].as_str().unwrap()).collect::<Vec<_>>(), STEPS);
}

#[test]
fn sarif_points_at_each_file_that_differs() {
    let bench = tampered();
    let document = valid_sarif(&format(&bench, "sarif", "", 1).stdout);
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    let mut places: Vec<_> = results
        .iter()
        .map(|result| {
            assert_eq!((&result["ruleId"], &result["level"]), (&json!("E-FILE-MISSING"), &json!("error")));
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap()
        })
        .collect();
    places.sort_unstable();
    assert_eq!(places, ["MODEL/notes.txt", "MODEL/tokenizer/vocab.txt"]);
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "E-FILE-MISSING");
    assert!(rule["help"]["text"].as_str().unwrap().starts_with("do not use this model"), "{rule}");
    assert_eq!(run["invocations"][0]["exitCode"], 1);
    assert_eq!(run["invocations"][0]["commandLine"], "lacre verify MODEL --key k.pub");
}

#[test]
fn sarif_points_at_a_model_of_one_file() {
    let bench = Bench::with_model_and_key();
    bench.write("sub/model.gguf", b"weights");
    bench.good("sign sub/model.gguf --key k.key --name m");
    bench.write("sub/model.gguf", b"weightz");
    let said = bench.run("verify sub/model.gguf --key k.pub --format sarif");
    let document = valid_sarif(&said.stdout);
    let place = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "sub/model.gguf");
}

#[test]
fn markdown_says_it_in_its_first_line() {
    let bench = Bench::with_signed_model();
    let good = format(&bench, "markdown", "", 0).stdout;
    assert!(good.starts_with("## ✅ Verified: `org/mini-lm 1.0.0`\n"), "{good}");
    assert_eq!(good.matches("- ✅ ").count(), 6, "{good}");
    let bad = format(&tampered(), "markdown", "", 1).stdout;
    assert!(
        bad.starts_with("## ❌ Refused: `org/mini-lm 1.0.0`\n\n**E-FILE-MISSING** (exit code 1, "),
        "{bad}"
    );
    assert!(
        bad.contains("- What to do: `do not use this model: ") && bad.contains("\n- ❌ `content` failed: "),
        "{bad}"
    );
    assert!(bad.contains("\n- `notes.txt`: `is not signed`\n"), "{bad}");
}

#[test]
fn hostile_names_stay_text_in_junit() {
    let bench = hostile::signed();
    for spoiled in [false, true] {
        let said = hostile::verify(&bench, &["--format", "junit"]);
        assert_eq!(said.exit, Some(i32::from(spoiled)), "{said:?}");
        hostile::is_visible(&said.stdout);
        // No parser accepts what is not well-formed.
        counts_agree(&said.stdout);
        let document = Document::parse(&said.stdout).unwrap();
        let names: std::collections::BTreeSet<_> = document
            .descendants()
            .filter(roxmltree::Node::is_element)
            .map(|it| it.tag_name().name())
            .collect();
        let known =
            ["failure", "properties", "property", "system-out", "testcase", "testsuite", "testsuites"];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        let values: Vec<_> = document.descendants().filter_map(|it| it.attribute("value")).collect();
        let title = format!("{} 1", hostile::SHOWN[0]);
        assert!(values.contains(&title.as_str()) && values.contains(&hostile::SHOWN[10]), "{values:?}");
        if spoiled {
            let told = document.descendants().find(|it| it.has_tag_name("failure")).unwrap();
            for shown in &hostile::SHOWN[1..10] {
                assert!(told.text().unwrap().contains(shown), "{shown}: {}", said.stdout);
            }
        }
        hostile::spoil(&bench, hostile::MODEL, &hostile::FILES);
    }
}

#[test]
fn hostile_names_stay_text_in_sarif() {
    let bench = hostile::signed();
    hostile::spoil(&bench, hostile::MODEL, &hostile::FILES);
    let said = hostile::verify(&bench, &["--format", "sarif"]);
    assert_eq!(said.exit, Some(1), "{said:?}");
    hostile::is_visible(&said.stdout);
    let run = &valid_sarif(&said.stdout)["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), hostile::FILES.len());
    let messages: Vec<_> = results.iter().map(|it| it["message"]["text"].as_str().unwrap()).collect();
    for message in &messages {
        // Placeholders and links, as sections 3.11.5 and 3.11.6 have them.
        assert!(!message.replace("{{", "").replace("}}", "").contains(['{', '}']), "{message}");
        assert!(!message.contains("]("), "{message}");
    }
    let said = messages.iter().map(|it| it.replace("{{", "{").replace("}}", "}")).collect::<Vec<_>>();
    for shown in &hostile::SHOWN[1..8] {
        assert!(said.iter().any(|it| it.starts_with(&format!("{shown}: "))), "{shown}: {said:?}");
    }
    for result in results {
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("%3Ci%3EM%27%5Cu%7B2067%7D/"), "{uri}");
        assert!(uri.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)), "{uri}");
    }
    assert_eq!(run["properties"]["lacre/model"], format!("{} 1", hostile::SHOWN[0]));
}

#[test]
fn hostile_names_stay_text_in_markdown() {
    let bench = hostile::signed();
    for spoiled in [false, true] {
        let said = hostile::verify(&bench, &["--format", "markdown"]);
        assert_eq!(said.exit, Some(i32::from(spoiled)), "{said:?}");
        hostile::is_visible(&said.stdout);
        let mut codes = Vec::new();
        for event in Parser::new_ext(&said.stdout, Options::all()) {
            match event {
                Event::Code(code) => codes.push(code.into_string()),
                Event::Text(text) => {
                    for meant in ["@", "http", "<", "`", "{", "|"] {
                        assert!(!text.contains(meant), "{text}");
                    }
                }
                Event::Start(
                    Tag::Heading { .. } | Tag::Paragraph | Tag::List(None) | Tag::Item | Tag::Strong,
                )
                | Event::End(_) => {}
                other => panic!("{other:?} in\n{}", said.stdout),
            }
        }
        assert!(codes.contains(&format!("{} 1", hostile::SHOWN[0])), "{codes:?}");
        assert!(codes.iter().any(|code| code == hostile::SHOWN[10]), "{codes:?}");
        for shown in hostile::SHOWN[1..10].iter().filter(|_| spoiled) {
            assert!(codes.iter().any(|code| code == shown), "{shown}: {codes:?}");
        }
        hostile::spoil(&bench, hostile::MODEL, &hostile::FILES);
    }
}

//! `lacre pull --files`: a part of a model, and what is said of it.

use lacre_testkit::noise;
use lacre_testkit::registry::{Fault, On, Registry};

use crate::bench::Bench;

fn pushed() -> Bench {
    let bench = Bench::with_signed_model();
    bench.good("push MODEL oci:store:v1");
    bench
}

#[test]
fn a_part_says_that_it_is_one() {
    let bench = pushed();
    let said = bench.good("pull oci:store:v1 OUT --key k.pub --files *.json --files tokenizer/**");
    assert!(said.stdout.starts_with("pulled a part of org/mini-lm 1.0.0\n"), "{said:?}");
    assert!(said.stdout.contains("  part       2 of 3 files, 23 B: '*.json' 'tokenizer/**'\n"), "{said:?}");
    assert_eq!(bench.names("OUT"), ["config.json", "model.sig", "tokenizer"]);
    bench.bad("verify OUT --key k.pub", "E-FILE-MISSING", 1);
    let line = "pull oci:store:v1 OUT --key k.pub --files **/*.safetensors --force --json";
    let result = &bench.good(line).json()["result"];
    let part = &result["part"];
    assert_eq!((&part["files"], &part["of"], &part["bytes"]), (&1.into(), &3.into(), &5000.into()), "{part}");
    assert_eq!(part["patterns"], serde_json::json!(["**/*.safetensors"]));
    assert_eq!(result["model"]["files"], 3);
    assert_eq!(bench.names("OUT"), ["model.safetensors", "model.sig"], "the old folder is replaced");
    let whole = bench.good("pull oci:store:v1 WHOLE --key k.pub --json").json();
    assert!(whole["result"]["part"].is_null(), "{whole}");
}

#[test]
fn a_dry_run_says_how_much_it_would_be() {
    let bench = pushed();
    let said = bench.good("pull oci:store:v1 OUT --key k.pub --files * --dry-run");
    assert!(said.stdout.starts_with("would pull a part of org/mini-lm 1.0.0\n"), "{said:?}");
    assert!(said.stdout.contains("2 of 3 files"), "{said:?}");
    assert!(!bench.path("OUT").exists());
}

#[test]
fn patterns_that_mean_nothing_or_are_none() {
    let bench = pushed();
    let said = bench.bad("pull oci:store:v1 OUT --key k.pub --files * --files *.gguf", "E-NO-MATCH", 2);
    assert!(said.stderr.contains("*.gguf means none of the 3 signed files"), "{said:?}");
    said.says("hint: `lacre inspect oci:store:v1 -v`");
    let said = bench.bad("pull oci:store:v1 OUT --key k.pub --files a/b**", "E-USAGE", 2);
    assert!(said.stderr.contains("\n  a/b**\n     ^\n"), "{said:?}");
    let value = bench.run("pull oci:store:v1 OUT --key k.pub --files a/b** --json").json();
    assert_eq!(value["error"]["position"], 3, "{value}");
    assert!(!bench.path("OUT").exists());
}

#[test]
fn only_the_chosen_layers_are_asked_for() {
    let registry = Registry::start();
    let bench = Bench::with_signed_model();
    bench.good(&format!("push MODEL {}/org/m:v1", registry.host()));
    registry.forget();
    bench.good(&format!("pull {}/org/m:v1 OUT --key k.pub --files config.json", registry.host()));
    let asked = |name: &str| {
        let digest = lacre_hash::Sha256Digest::of(&bench.read(&format!("MODEL/{name}"))).to_string();
        registry.seen_at("GET", &digest).len()
    };
    assert_eq!((asked("config.json"), asked("model.safetensors"), asked("tokenizer/vocab.txt")), (1, 0, 0));
}

#[test]
fn a_cache_gives_to_a_part_and_says_that_it_keeps_none() {
    let bench = pushed();
    let line = "pull oci:store:v1 OUT --key k.pub --files *.json --cache cache --force";
    bench.good(line).says("warning: a part is not kept in the cache");
    let status = bench.good("cache status cache --json").json();
    assert_eq!(status["result"]["versions"], serde_json::json!([]), "{status}");
    bench.good("pull oci:store:v1 WHOLE --key k.pub --cache cache");
    let moved = &bench.good(&format!("{line} --json")).json()["result"]["moved"];
    assert_eq!((&moved["fetched"], &moved["cached"]), (&0.into(), &15.into()), "{moved}");
}

/// A network that goes away: what is done waits, and the hint says so; the same command ends it.
#[test]
fn what_was_broken_off_says_how_to_go_on() {
    let registry = Registry::start();
    let bench = Bench::new();
    bench.key("k");
    bench.write("MODEL/large.bin", &noise(1, 20 << 20));
    bench.good("sign MODEL --key k.key --name m");
    bench.good(&format!("push MODEL {}/org/m:v1", registry.host()));
    let digest = lacre_hash::Sha256Digest::of(&bench.read("MODEL/large.bin")).to_string();
    let pull = format!("pull {}/org/m:v1 OUT --key k.pub", registry.host());
    let blob = || On::method("GET").at(&digest);
    for (status, code) in [(403, "E-DENIED"), (401, "E-CHALLENGE")] {
        registry.fault(blob().nth(1), Fault::CutAnswer { after: 3 << 20 });
        registry.fault(blob().from(2), Fault::status(status));
        let said = bench.run(&pull);
        said.refuses(code, 12);
        said.says("      run the same command again: it goes on where it stopped");
        registry.clear_faults();
        let moved = &bench.good(&format!("{pull} --json")).json()["result"]["moved"];
        assert!(moved["resumed"].as_u64().unwrap() >= 1 << 20, "{moved}");
        std::fs::remove_dir_all(bench.path("OUT")).unwrap();
    }
    // Where nothing was begun, there is nothing to go on with.
    registry.fault(On::any().at("/manifests/"), Fault::status(403));
    let said = bench.run(&pull.replace("OUT", "OTHER"));
    said.refuses("E-DENIED", 12);
    assert!(!said.stderr.contains("goes on where it stopped"), "{said:?}");
}

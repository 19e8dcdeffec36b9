//! The inputs that the fuzz target of logs starts from: the good ones are accepted, each other one is refused for the reason
//! that it was made for.

use std::fs;

use lacre_testkit::places;
use lacre_verify::decision::check_log_text;

#[test]
fn seeds_say_what_they_were_made_for() {
    let said = |name: &str| {
        let bytes = fs::read(places::checkout().join("fuzz/corpus/decision_log").join(name)).unwrap();
        check_log_text(&bytes, &mut |_| {}).map_or_else(|problem| problem.code(), |_| "ok")
    };
    for (name, expected) in [
        ("begun", "ok"),
        ("three", "ok"),
        ("repaired", "ok"),
        ("swapped", "E-LOG-CHAIN"),
        ("other-log", "E-LOG-CHAIN"),
        ("torn", "E-LOG-TORN"),
        ("no-object", "E-LOG-LINE"),
        ("twice", "E-LOG-LINE"),
        ("empty", "E-LOG-TRUNCATED"),
    ] {
        assert_eq!(said(name), expected, "{name}");
    }
}

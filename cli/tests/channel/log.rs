//! What was changed, and when.

use crate::desk::{CH, begun, published};

#[test]
fn every_state_is_told_the_newest_first() {
    let bench = begun(&["1.0.0"], "");
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    published(&bench, &format!("rotate {CH} --role timestamp --keys keys --no-passphrase"));
    published(&bench, &format!("refresh {CH} --keys keys"));
    let said = bench.good(&format!("channel log {CH} --channel-root keys/root.json --json")).json();
    let states = said["result"]["states"].as_array().unwrap();
    let told: Vec<_> = states
        .iter()
        .map(|state| {
            let kinds: Vec<_> = state["changes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["kind"].as_str().unwrap())
                .collect();
            (state["sequence"].as_u64().unwrap(), kinds, state["new_root"].as_u64())
        })
        .collect();
    let (published, began) = (vec!["published", "current"], vec!["began"]);
    assert_eq!(
        told,
        [(2, vec![], None), (2, vec![], Some(2)), (2, published, None), (1, began, None)],
        "{said}"
    );
    assert!(states.iter().all(|state| state["verified"] == true && state["manifest"].is_string()));
    assert_eq!((&said["result"]["verified"], &said["result"]["is_cut"]), (&true.into(), &false.into()));
    let said = bench.good(&format!("channel log {CH} --keys keys --limit 2"));
    assert!(said.stdout.contains("the same, renewed") && said.stdout.contains("root version 2"), "{said:?}");
    assert!(said.stdout.contains("--limit") && !said.stdout.contains("1.0.0 is new"), "{said:?}");
}

#[test]
fn without_a_root_it_is_marked_and_with_another_one_refused() {
    let bench = begun(&[], "");
    let said = bench.good(&format!("channel log {CH}"));
    said.says("warning: nothing of this was verified");
    assert!(said.stdout.contains("UNVERIFIED") && !said.stdout.contains("  verified"), "{said:?}");
    bench.good("channel init other --model org/m --channel stable --keys others --no-passphrase");
    bench.bad(&format!("channel log {CH} --channel-root others/root.json"), "E-TUF-SIGNATURE", 3);
    bench.bad(&format!("channel log {CH} --channel-root none.json"), "E-NOT-FOUND", 10);
    bench.bad(&format!("channel log {CH} --keys store"), "E-NOT-FOUND", 10);
    bench.bad("channel log https://models.test/c", "E-USAGE", 2);
}

#[test]
fn a_store_that_was_pruned_ends_the_log() {
    let bench = begun(&[], "");
    for _ in 0..2 {
        published(&bench, &format!("refresh {CH} --keys keys"));
    }
    let index: serde_json::Value = serde_json::from_slice(&bench.read("store/index.json")).unwrap();
    let mut pruned = index.clone();
    let states = crate::desk::log(&bench, CH);
    assert_eq!(states.len(), 3);
    pruned["manifests"].as_array_mut().unwrap().retain(|one| one["digest"] != states[1]["manifest"]);
    bench.write("store/index.json", pruned.to_string().as_bytes());
    assert_eq!(crate::desk::log(&bench, CH).len(), 1);
}

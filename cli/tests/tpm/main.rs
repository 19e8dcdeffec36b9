//! What is remembered of a channel, bound to a TPM: `swtpm`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../verbs/bench.rs"]
mod bench;
#[allow(dead_code, reason = "every test program uses a part of it")]
#[path = "../channel/desk.rs"]
mod desk;

use std::fs;
use std::process::Command;

use bench::Bench;
use lacre_testkit::SoftwareTpm;

/// A channel with version 1.0.0, and the device of a client that trusts it.
fn begun() -> Option<(Bench, SoftwareTpm)> {
    let device = SoftwareTpm::start()?;
    let bench = desk::begun(&["1.0.0", "1.1.0"], "");
    desk::published(&bench, &format!("publish {} 1.0.0 --artifact oci:store:v1.0.0 --keys keys", desk::CH));
    Some((bench, device))
}

fn trust(bench: &Bench, state: &str, device: Option<&SoftwareTpm>) {
    let tpm = device.map_or_else(String::new, |device| format!("--tpm {}", device.tcti()));
    bench.good(&format!("channel trust {} --channel-root keys/root.json --state {state} {tpm}", desk::CH));
}

fn pull(out: &str, state: &str, tpm: &str) -> String {
    format!("pull org/m@stable {out} --channel {} --state {state} --key k.pub --force {tpm}", desk::CH)
}

fn copy(bench: &Bench, from: &str, to: &str) {
    let copied = Command::new("cp").arg("-r").args([bench.path(from), bench.path(to)]).status().unwrap();
    assert!(copied.success());
}

#[test]
fn an_old_state_that_is_put_back_stops_the_client() {
    let Some((bench, device)) = begun() else { return };
    trust(&bench, "state", Some(&device));
    let tpm = format!("--tpm {}", device.tcti());
    bench.good(&pull("OUT", "state", &tpm));
    copy(&bench, "state", "old");
    desk::published(&bench, &format!("publish {} 1.1.0 --artifact oci:store:v1.1.0 --keys keys", desk::CH));
    bench.good(&pull("OUT", "state", &tpm));

    let verify = |state: &str, tpm: &str| {
        format!("verify OUT --channel {} --state {state} --key k.pub {tpm}", desk::CH)
    };
    bench.good(&verify("state", &tpm));
    bench.bad(&verify("old", &tpm), "E-STATE-BACKWARDS", 7);
    bench.bad(&pull("OUT2", "old", &tpm), "E-STATE-BACKWARDS", 7);
    bench.good(&format!("channel commit {} --state state {tpm}", desk::CH));
    bench.bad(&format!("channel commit {} --state old {tpm}", desk::CH), "E-STATE-BACKWARDS", 7);
}

#[test]
fn a_state_is_believed_with_its_device_only_and_one_without_never_with_one() {
    let Some((bench, device)) = begun() else { return };
    trust(&bench, "bound", Some(&device));
    trust(&bench, "free", None);
    let tpm = format!("--tpm {}", device.tcti());
    bench.bad(&pull("OUT", "bound", ""), "E-STATE-COUNTER", 13);
    bench.bad(&pull("OUT", "free", &tpm), "E-STATE-COUNTER", 13);
    // Or by the environment, for all that a service runs.
    let said = |state: &str| {
        let line = pull("OUT", state, "");
        bench::Said::of(bench.command().env("LACRE_TPM", device.tcti()).args(line.split_whitespace()))
    };
    said("free").refuses("E-STATE-COUNTER", 13);
    assert_eq!(said("bound").exit, Some(0));
}

#[test]
fn trusting_again_takes_no_second_counter() {
    let Some((bench, device)) = begun() else { return };
    trust(&bench, "state", Some(&device));
    let counters =
        || String::from_utf8(device.tool(&["tpm2_getcap", "handles-nv-index"])).unwrap().lines().count();
    let before = counters();
    let again = format!(
        "channel trust {} --channel-root keys/root.json --state state --tpm {}",
        desk::CH,
        device.tcti()
    );
    bench.bad(&again, "E-STATE-EXISTS", 13);
    assert_eq!(counters(), before);
    // Elsewhere it takes one.
    trust(&bench, "other", Some(&device));
    assert_eq!(counters(), before + 1);
    assert!(fs::exists(bench.path("other")).unwrap());
}
